/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A table of keys and values in memory that other machines read while its owner writes it.
 *
 * A key is in one of TABLE_PROBES slots that follow the slot of its hash: a reader fetches all of
 * these by one get. What it receives may be old in one part and new in another, also within a word,
 * and in any order. Each slot therefore has a checksum of all else in it: a slot whose checksum is
 * wrong is being written, and is fetched again. The sequence, which each write increments, is in the
 * checksum, so that no mixture of two versions passes for one of them.
 */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLE_MAGIC	0x4c424154u
#define TABLE_PROBES	4u
#define TABLE_KEY	56u
#define TABLE_VALUE	944u

struct table_slot {
	uint64_t checksum;		/* of what follows */
	uint64_t sequence;
	uint32_t key_length;		/* 0: free */
	uint32_t value_length;
	char key[TABLE_KEY];
	char value[TABLE_VALUE];
};

struct table_header {
	uint32_t magic;
	uint32_t slots;			/* of the hash; TABLE_PROBES - 1 more follow */
};

/* At the end of the header's page. */
#define TABLE_SLOTS_AT	4096u

static inline size_t table_bytes(uint32_t slots)
{
	return TABLE_SLOTS_AT + (slots + TABLE_PROBES - 1) * sizeof(struct table_slot);
}

/* The owner's side. Returns false if there is no free slot, or the key or the value is too long. */
void table_init(void *memory, uint32_t slots);
bool table_set(void *memory, const char *key, const char *value, size_t length);
bool table_unset(void *memory, const char *key);

/* A reader's side: the offset and the slots of a key. */
uint64_t table_offset(uint32_t slots, const char *key);

enum table_found { TABLE_NONE, TABLE_FOUND, TABLE_TORN };

/* Look for the key in a copy of its slots. */
enum table_found table_find(const struct table_slot *slots, const char *key,
			    const struct table_slot **found);

#endif /* TABLE_H */
