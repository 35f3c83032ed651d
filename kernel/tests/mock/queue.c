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

/* Blocks are freed by commands or revoked by the core. */

static void queue_stop(void *context, u32 id)
{
	might_sleep();
	mock_note('s');
}

static void queue_free_blocks(void *context, u32 id)
{
	might_sleep();
	mock_note('b');
}

static void queue_freed(void *context, u32 id)
{
	might_sleep();
	mock_note('f');
}

static const struct ndshm_queue_ops ops = {
	.stop = queue_stop, .free_blocks = queue_free_blocks, .freed = queue_freed,
};

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

/* Return: true if @word is a value of @config, which is then set. */
static bool configure(struct ndshm_queue_config *config, const char *word)
{
	const char *value = strchr(word, '=');
	u64 number;

	if (!value)
		return false;
	value++;
	if (mock_value(word, "name")) {
		strscpy(config->name, value, sizeof(config->name));
		return true;
	}
	if (mock_value(word, "vm")) {
		strscpy(config->vm_name, value, sizeof(config->vm_name));
		return true;
	}
	if (mock_number(value, U64_MAX, &number))
		return false;
	if (mock_value(word, "affinity"))
		config->affinity = number;
	else if (mock_value(word, "group") && number <= U32_MAX)
		config->affinity_group = number;
	else if (mock_value(word, "buffers") && number <= U32_MAX)
		config->buffers = number;
	else if (mock_value(word, "lookahead") && number <= U32_MAX)
		config->lookahead = number;
	else
		return false;
	return true;
}

/* Set @config by the words of @command from @first on. */
static int parse_config(const struct mock_command *command, unsigned int first,
			struct ndshm_queue_config *config)
{
	unsigned int i;

	memset(config, 0, sizeof(*config));
	for (i = first; i < command->words; i++)
		if (!configure(config, command->word[i]))
			return -EINVAL;
	return 0;
}

static ndshm_reason_t make(const struct mock_command *command,
			   const struct ndshm_queue_config *config, u32 *id)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find(command->word[3]);
	ndshm_reason_t reason = NDSHM_REASON_ADAPTER_UNKNOWN;

	if (!adapter)
		return reason;
	if (strcmp(command->word[0], "queue"))
		reason = check_vport_create(adapter, &ops, NULL, id);
	else if (command->words > 4)
		reason = check_queue_allocate_configured(adapter, &ops, NULL, config, id);
	else
		reason = check_queue_allocate(adapter, &ops, NULL, id);
	ndshm_adapter_put(adapter);
	return reason;
}

int mock_queue_add(struct mock_command *command)
{
	const char *adapter = command->word[3];
	struct slot *slot = slot_of(command->word[2]);
	struct ndshm_queue_config config;
	int ret;
	u32 id;

	if (!slot || strlen(adapter) >= MOCK_NAME_SIZE ||
	    (command->words > 4 && strcmp(command->word[0], "queue")) ||
	    parse_config(command, 4, &config))
		return -EINVAL;
	ret = mock_answer(command, make(command, &config, &id));
	if (ret)
		return ret;
	mutex_lock(&slots_lock);
	slot->id = id;
	strscpy(slot->adapter, adapter, sizeof(slot->adapter));
	mutex_unlock(&slots_lock);
	return 0;
}

int mock_queue_use(struct mock_command *command)
{
	struct slot *slot = slot_of(command->word[2]);
	u64 id;

	if (!slot || strlen(command->word[3]) >= MOCK_NAME_SIZE ||
	    mock_number(command->word[4], U32_MAX, &id))
		return -EINVAL;
	mutex_lock(&slots_lock);
	slot->id = id;
	strscpy(slot->adapter, command->word[3], sizeof(slot->adapter));
	mutex_unlock(&slots_lock);
	return 0;
}

int mock_queue_configure(struct mock_command *command)
{
	struct slot *slot = slot_of(command->word[2]);
	struct ndshm_queue_config config;
	struct ndshm_adapter *adapter;
	struct slot found;
	int ret;

	if (!slot || parse_config(command, 3, &config))
		return -EINVAL;
	mutex_lock(&slots_lock);
	found = *slot;
	mutex_unlock(&slots_lock);
	adapter = ndshm_adapter_find(found.adapter);
	if (!adapter)
		return -ENOENT;
	ret = mock_answer(command, check_queue_configure(adapter, found.id, &config));
	ndshm_adapter_put(adapter);
	return ret;
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
	adapter = ndshm_adapter_find(found.adapter);
	if (!adapter)
		return -ENOENT;
	ret = mock_answer(command, event->happen(adapter, found.id));
	ndshm_adapter_put(adapter);
	return ret;
}
