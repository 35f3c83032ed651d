// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues and virtual ports, of this module's or other adapters. Nothing is
 * received: commands report the events.
 */
#include <linux/mutex.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>
#include <ndshm/queue.h>

#include "../native.h"
#include "mock.h"

#define SLOTS	64

struct slot {
	char adapter[MOCK_NAME_SIZE];
	u32 id;
};

/* Protects the slots. A slot keeps a freed queue until the next one replaces it. */
static DEFINE_MUTEX(slots_lock);
static struct slot slots[SLOTS];

/* No callbacks: blocks are freed by commands or revoked by the core. */
static const struct ndshm_queue_ops ops;

static const struct event {
	const char *kind;
	const char *name;
	ndshm_reason_t (*happen)(struct ndshm_adapter *adapter, u32 id);
} events[] = {
	{ "queue", "filter", check_queue_set_filter },
	{ "queue", "clear", check_queue_clear_filter },
	{ "queue", "complete", check_queue_complete },
	{ "queue", "free", check_queue_free },
	{ "queue", "stopped", check_queue_dma_stopped },
	{ "port", "activate", check_vport_activate },
	{ "port", "delete", check_vport_delete },
};

static struct slot *slot_of(const char *word)
{
	u64 number;

	return mock_number(word, SLOTS - 1, &number) ? NULL : &slots[number];
}

bool mock_queue_id(u64 slot, u32 *id)
{
	if (slot >= SLOTS)
		return false;
	mutex_lock(&slots_lock);
	*id = slots[slot].id;
	mutex_unlock(&slots_lock);
	return true;
}

static ndshm_reason_t make(const char *kind, const char *name, u32 *id)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find(name);
	ndshm_reason_t reason = NDSHM_REASON_ADAPTER_UNKNOWN;

	if (!adapter)
		return reason;
	reason = !strcmp(kind, "queue") ?
		 check_queue_allocate(adapter, &ops, NULL, id) :
		 check_vport_create(adapter, &ops, NULL, id);
	ndshm_adapter_put(adapter);
	return reason;
}

int mock_queue_add(struct mock_command *command)
{
	const char *adapter = command->word[3];
	struct slot *slot = slot_of(command->word[2]);
	int ret;
	u32 id;

	if (command->words != 4 || !slot || strlen(adapter) >= MOCK_NAME_SIZE)
		return -EINVAL;
	ret = mock_answer(command, make(command->word[0], adapter, &id));
	if (ret)
		return ret;
	mutex_lock(&slots_lock);
	slot->id = id;
	strscpy(slot->adapter, adapter, sizeof(slot->adapter));
	mutex_unlock(&slots_lock);
	return 0;
}

static const struct event *event_of(const struct mock_command *command)
{
	const struct event *event;

	for (event = events; event < events + ARRAY_SIZE(events); event++)
		if (!strcmp(event->kind, command->word[0]) &&
		    !strcmp(event->name, command->word[3]))
			return event;
	return NULL;
}

int mock_queue_event(struct mock_command *command)
{
	const struct event *event;
	struct ndshm_adapter *adapter;
	struct slot *slot = slot_of(command->word[2]);
	struct slot found;
	int ret;

	if (command->words != 4 || !slot)
		return -EINVAL;
	event = event_of(command);
	if (!event)
		return -EINVAL;
	mutex_lock(&slots_lock);
	found = *slot;
	mutex_unlock(&slots_lock);
	adapter = found.id ? ndshm_adapter_find(found.adapter) : NULL;
	if (!adapter)
		return -ENOENT;
	ret = mock_answer(command, event->happen(adapter, found.id));
	ndshm_adapter_put(adapter);
	return ret;
}
