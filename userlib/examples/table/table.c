// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "table.h"

/* FNV-1a: it finds mixtures, not forgeries. */
static uint64_t table_hash(const void *bytes, size_t length)
{
	const unsigned char *byte = bytes;
	uint64_t hash = 0xcbf29ce484222325;

	while (length--)
		hash = (hash ^ *byte++) * 0x100000001b3;
	return hash;
}

static uint64_t slot_checksum(const struct table_slot *slot)
{
	return table_hash(&slot->sequence, sizeof(*slot) - offsetof(struct table_slot, sequence));
}

static struct table_slot *table_slots(void *memory, const char *key)
{
	const struct table_header *header = memory;

	return (struct table_slot *)((char *)memory + table_offset(header->slots, key));
}

uint64_t table_offset(uint32_t slots, const char *key)
{
	return TABLE_SLOTS_AT + table_hash(key, strlen(key)) % slots * sizeof(struct table_slot);
}

/* From a copy, so that the slot has a wrong checksum for a short time only. */
static void slot_write(struct table_slot *slot, struct table_slot *from)
{
	from->sequence = slot->sequence + 1;
	from->checksum = slot_checksum(from);
	memcpy(slot, from, sizeof(*slot));
}

void table_init(void *memory, uint32_t slots)
{
	struct table_header *header = memory;

	for (uint32_t i = 0; i < slots + TABLE_PROBES - 1; i++) {
		struct table_slot none = { 0 };

		slot_write((struct table_slot *)((char *)memory + TABLE_SLOTS_AT) + i, &none);
	}
	*header = (struct table_header){ TABLE_MAGIC, slots };
}

static struct table_slot *table_slot_of(void *memory, const char *key)
{
	struct table_slot *slots = table_slots(memory, key);
	const size_t length = strlen(key);

	for (uint32_t i = 0; i < TABLE_PROBES; i++)
		if (slots[i].key_length == length && !memcmp(slots[i].key, key, length))
			return &slots[i];
	return NULL;
}

bool table_set(void *memory, const char *key, const char *value, size_t length)
{
	struct table_slot *slots = table_slots(memory, key), *slot = table_slot_of(memory, key);
	struct table_slot next = { .key_length = (uint32_t)strlen(key),
				   .value_length = (uint32_t)length };

	if (!next.key_length || next.key_length > TABLE_KEY || length > TABLE_VALUE)
		return false;
	for (uint32_t i = 0; !slot && i < TABLE_PROBES; i++)
		if (!slots[i].key_length)
			slot = &slots[i];
	if (!slot)
		return false;
	memcpy(next.key, key, next.key_length);
	memcpy(next.value, value, length);
	slot_write(slot, &next);
	return true;
}

bool table_unset(void *memory, const char *key)
{
	struct table_slot *slot = table_slot_of(memory, key), none = { 0 };

	if (slot)
		slot_write(slot, &none);
	return slot;
}

/* A key that is not found may be in a torn slot. */
enum table_found table_find(const struct table_slot *slots, const char *key,
			    const struct table_slot **found)
{
	const size_t length = strlen(key);
	bool torn = false;

	for (uint32_t i = 0; i < TABLE_PROBES; i++) {
		if (slot_checksum(&slots[i]) != slots[i].checksum ||
		    slots[i].value_length > TABLE_VALUE) {
			torn = true;
			continue;
		}
		if (slots[i].key_length != length || memcmp(slots[i].key, key, length))
			continue;
		*found = &slots[i];
		return TABLE_FOUND;
	}
	return torn ? TABLE_TORN : TABLE_NONE;
}
