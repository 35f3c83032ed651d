// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm list adapters|providers|queues|blocks|sections
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "table.h"

static void set_text(struct cell *cell, const char *text)
{
	cell->text = text;
}

static __attribute__((format(printf, 2, 3))) void print_text(struct cell *cell,
							     const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(cell->buffer, sizeof(cell->buffer), format, arguments);
	va_end(arguments);
	cell->text = cell->buffer;
}

/* USER:GROUP */
static void print_owner(struct cell *cell, uint32_t uid, uint32_t gid)
{
	print_text(cell, "%.150s:%.150s", cached_user(uid), cached_group(gid));
}

/* Availability of an adapter. */
static const char *adapter_state(const struct ndshm_adapter_info *row)
{
	if (!row->open)
		return "closed";
	if (row->claimed)
		return row->needs_reset ? "claimed, needs reset" : "claimed";
	if (row->claimable)
		return row->needs_reset ? "claimable, needs reset" : "claimable";
	return "open";
}

static void adapter_state_cell(const void *from, struct cell *cell)
{
	set_text(cell, adapter_state(from));
}

static void adapter_owner_cell(const void *from, struct cell *cell)
{
	const struct ndshm_adapter_info *row = from;

	print_owner(cell, row->owner, row->group);
}

static void adapter_mode_cell(const void *from, struct cell *cell)
{
	const struct ndshm_adapter_info *row = from;

	print_text(cell, "%04" PRIo32, row->mode);
}

static void adapter_reset_cell(const void *from, struct cell *cell)
{
	const struct ndshm_adapter_info *row = from;

	cell->known = row->claimable;
	set_text(cell, reset_name(row->reset));
}

static void adapter_isolation_cell(const void *from, struct cell *cell)
{
	const struct ndshm_adapter_info *row = from;
	char *words = isolation_words(row->isolation);

	print_text(cell, "%s", words);
	free(words);
}

static const struct column adapter_columns[] = {
	{ "ID", COLUMN_ID, offsetof(struct ndshm_adapter_info, id), NULL },
	{ "NAME", COLUMN_NAME, offsetof(struct ndshm_adapter_info, name), NULL },
	{ "DEVICE", COLUMN_NAME, offsetof(struct ndshm_adapter_info, device), NULL },
	{ "NODE", COLUMN_NODE, offsetof(struct ndshm_adapter_info, node), NULL },
	{ "STATE", COLUMN_TEXT, 0, adapter_state_cell },
	{ "OWNER", COLUMN_TEXT, 0, adapter_owner_cell },
	{ "MODE", COLUMN_TEXT, 0, adapter_mode_cell },
	{ "RESET", COLUMN_TEXT, 0, adapter_reset_cell },
	{ "ISOLATION", COLUMN_TEXT, 0, adapter_isolation_cell },
	{ 0 }
};

/* Add the names and ids of the owner and the group, and the mode in octal. */
void add_access(json_t *value, uint32_t uid, uint32_t gid, uint32_t mode)
{
	char *user = user_name(uid), *group = group_name(gid), *octal;

	octal = format_string("%04" PRIo32, mode);
	json_object_set_new(value, "owner", json_string(user));
	json_object_set_new(value, "uid", json_integer(uid));
	json_object_set_new(value, "group", json_string(group));
	json_object_set_new(value, "gid", json_integer(gid));
	json_object_set_new(value, "mode", json_string(octal));
	free(user);
	free(group);
	free(octal);
}

json_t *adapter_json(const struct ndshm_adapter_info *row)
{
	json_t *value;

	value = json_pack("{s:I, s:s, s:s, s:i, s:b, s:o, s:b, s:b, s:b, s:b, s:s}",
			  "id", (json_int_t)row->id,
			  "name", row->name,
			  "device", row->device,
			  "node", (int)row->node,
			  "isolated", !row->isolation,
			  "missing", isolation_json(row->isolation),
			  "open", row->open,
			  "claimable", row->claimable,
			  "claimed", row->claimed,
			  "needs_reset", row->needs_reset,
			  "reset", reset_name(row->reset));
	add_access(value, row->owner, row->group, row->mode);
	return value;
}

static int list_adapters(struct ndshm *ndshm, void **rows, size_t *count)
{
	struct ndshm_adapter_info *adapters;
	int error = ndshm_list_adapters(ndshm, &adapters, count);

	if (error)
		return error;
	for (size_t i = 0; i < *count; i++) {
		make_printable(adapters[i].name);
		make_printable(adapters[i].device);
	}
	*rows = adapters;
	return 0;
}

/* The adapters for which it is the default. */
static void provider_scope_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	switch (row->scope) {
	case 0:
		set_text(cell, "named");
		break;
	case 1:
		set_text(cell, "machine");
		break;
	case 2:
		print_text(cell, "adapter %" PRIu32, row->adapter);
		break;
	default:
		print_text(cell, "%" PRIu32, row->scope);
	}
}

static void set_usage(struct cell *cell, bool known, uint64_t number)
{
	cell->known = known;
	cell->is_number = true;
	cell->number = number;
}

static json_t *usage_json(bool known, uint64_t number)
{
	return known ? json_integer(number) : json_null();
}

static void provider_blocks_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	set_usage(cell, row->usage, row->blocks);
}

static void provider_flags_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	print_text(cell, "0x%" PRIx32, row->flags);
}

static void provider_mappable_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	set_text(cell, row->mappable ? "yes" : "no");
}

static void provider_owner_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	print_owner(cell, row->owner, row->group);
}

static void provider_mode_cell(const void *from, struct cell *cell)
{
	const struct ndshm_provider_info *row = from;

	if (row->open)
		print_text(cell, "%04" PRIo32, row->mode);
	else
		set_text(cell, "closed");
}

static const struct column provider_columns[] = {
	{ "ID", COLUMN_ID, offsetof(struct ndshm_provider_info, id), NULL },
	{ "NAME", COLUMN_NAME, offsetof(struct ndshm_provider_info, name), NULL },
	{ "DEFAULT FOR", COLUMN_TEXT, 0, provider_scope_cell },
	{ "BLOCKS", COLUMN_OTHER_COUNT, 0, provider_blocks_cell },
	{ "FLAGS", COLUMN_OTHER, 0, provider_flags_cell },
	{ "MAPPABLE", COLUMN_TEXT, 0, provider_mappable_cell },
	{ "OWNER", COLUMN_TEXT, 0, provider_owner_cell },
	{ "MODE", COLUMN_TEXT, 0, provider_mode_cell },
	{ 0 }
};

json_t *provider_json(const struct ndshm_provider_info *row)
{
	static const char *const scopes[] = { "named", "machine", "adapter" };

	json_t *value;

	value = json_pack("{s:I, s:s, s:s, s:I, s:o, s:I, s:b, s:b}",
			  "id", (json_int_t)row->id,
			  "name", row->name,
			  "scope", row->scope < 3 ? scopes[row->scope] : "unknown",
			  "adapter", (json_int_t)row->adapter,
			  "blocks", usage_json(row->usage, row->blocks),
			  "flags", (json_int_t)row->flags,
			  "mappable", row->mappable,
			  "open", row->open);
	add_access(value, row->owner, row->group, row->mode);
	return value;
}

static int list_providers(struct ndshm *ndshm, void **rows, size_t *count)
{
	struct ndshm_provider_info *providers;
	int error = ndshm_list_providers(ndshm, &providers, count);

	if (error)
		return error;
	for (size_t i = 0; i < *count; i++)
		make_printable(providers[i].name);
	*rows = providers;
	return 0;
}

static const char *block_state(const struct ndshm_block_row *row)
{
	static const char *const states[] = {
		"-", "charged", "revoked", "charged, revoked",
		"exported", "charged, exported", "revoked, exported", "charged, revoked, exported",
	};

	return states[row->charged | row->revoked << 1 | (row->exports > 0) << 2];
}

static void block_usage_cell(const void *from, struct cell *cell)
{
	const struct ndshm_block_row *row = from;

	set_text(cell, usage_name(row->usage));
}

static void block_state_cell(const void *from, struct cell *cell)
{
	set_text(cell, block_state(from));
}

/* Tags are numbers of the requester: what is not printable must not reach a terminal. */
static const char *tag_text(uint32_t tag, char text[5])
{
	for (int i = 0; i < 4; i++) {
		char byte = tag >> 8 * i;

		text[i] = byte > ' ' && byte <= '~' ? byte : byte ? '.' : 0;
	}
	text[4] = 0;
	return tag ? text : NULL;
}

static void block_tag_cell(const void *from, struct cell *cell)
{
	const struct ndshm_block_row *row = from;
	char text[5];

	print_text(cell, "%s", tag_text(row->tag, text) ? text : "-");
}

static void block_process_cell(const void *from, struct cell *cell)
{
	const struct ndshm_block_row *row = from;

	/* Unknown: the process is in a PID namespace that the caller does not see. */
	if (row->kernel)
		set_text(cell, "kernel");
	else
		set_usage(cell, row->pid, row->pid);
}

static const struct column block_columns[] = {
	{ "ID", COLUMN_ID, offsetof(struct ndshm_block_row, id), NULL },
	{ "ADAPTER", COLUMN_ADAPTER, offsetof(struct ndshm_block_row, adapter), NULL },
	{ "PROVIDER", COLUMN_PROVIDER, offsetof(struct ndshm_block_row, provider), NULL },
	{ "USAGE", COLUMN_TEXT, 0, block_usage_cell },
	{ "LENGTH", COLUMN_BYTES, offsetof(struct ndshm_block_row, length), NULL },
	{ "CONSUMED", COLUMN_BYTES, offsetof(struct ndshm_block_row, consumed), NULL },
	{ "SEGMENTS", COLUMN_COUNT, offsetof(struct ndshm_block_row, segments), NULL },
	{ "USER", COLUMN_USER, offsetof(struct ndshm_block_row, uid), NULL },
	{ "PID", COLUMN_OTHER, 0, block_process_cell },
	{ "TAG", COLUMN_TEXT, 0, block_tag_cell },
	{ "STATE", COLUMN_TEXT, 0, block_state_cell },
	{ 0 }
};

static int list_blocks(struct ndshm *ndshm, void **rows, size_t *count)
{
	return ndshm_list_blocks(ndshm, (struct ndshm_block_row **)rows, count);
}

static json_t *block_json(const struct names *names, const void *from)
{
	const struct ndshm_block_row *row = from;
	char adapter[NUMBER_SIZE], provider[NUMBER_SIZE], tag[5];
	const char *adapter_is = adapter_text(names, row->adapter);
	const char *provider_is = provider_text(names, row->provider);

	format_number(row->adapter, adapter);
	format_number(row->provider, provider);
	return json_pack("{s:I, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:i, s:s, s:I, s:I, s:b, s:b, s:b}",
			 "id", (json_int_t)row->id,
			 "adapter", adapter_is ? adapter_is : adapter,
			 "provider", provider_is ? provider_is : provider,
			 "usage", usage_name(row->usage),
			 "tag", tag_text(row->tag, tag),
			 "length", (json_int_t)row->length,
			 "consumed", (json_int_t)row->consumed,
			 "segments", (json_int_t)row->segments,
			 "exports", (json_int_t)row->exports,
			 "preferred_node", (int)row->preferred_node,
			 "user", cached_user(row->uid),
			 "uid", (json_int_t)row->uid,
			 "pid", (json_int_t)row->pid,
			 "charged", row->charged,
			 "revoked", row->revoked,
			 "kernel", row->kernel);
}

const char *section_state(const struct ndshm_section_row *row)
{
	static const char *const states[] = {
		"-", "deleted", "revoked", "deleted, revoked",
		"exported", "deleted, exported", "revoked, exported", "deleted, revoked, exported",
	};

	return states[row->deleted | row->revoked << 1 | (row->exports > 0) << 2];
}

static void section_state_cell(const void *from, struct cell *cell)
{
	set_text(cell, section_state(from));
}

static const struct column section_columns[] = {
	{ "ID", COLUMN_ID, offsetof(struct ndshm_section_row, id), NULL },
	{ "NAME", COLUMN_NAME, offsetof(struct ndshm_section_row, name), NULL },
	{ "ADAPTER", COLUMN_ADAPTER, offsetof(struct ndshm_section_row, adapter), NULL },
	{ "PROVIDER", COLUMN_PROVIDER, offsetof(struct ndshm_section_row, provider), NULL },
	{ "MAX", COLUMN_BYTES, offsetof(struct ndshm_section_row, max_size), NULL },
	{ "INITIAL", COLUMN_BYTES, offsetof(struct ndshm_section_row, initial_size), NULL },
	{ "COMMITTED", COLUMN_BYTES, offsetof(struct ndshm_section_row, committed), NULL },
	{ "TAKEN", COLUMN_BYTES, offsetof(struct ndshm_section_row, taken), NULL },
	{ "EXTENTS", COLUMN_COUNT, offsetof(struct ndshm_section_row, extents), NULL },
	{ "HOLDERS", COLUMN_COUNT, offsetof(struct ndshm_section_row, holders), NULL },
	{ "USER", COLUMN_USER, offsetof(struct ndshm_section_row, uid), NULL },
	{ "STATE", COLUMN_TEXT, 0, section_state_cell },
	{ 0 }
};

static int list_sections(struct ndshm *ndshm, void **rows, size_t *count)
{
	return ndshm_list_sections(ndshm, (struct ndshm_section_row **)rows, count);
}

json_t *section_json(const struct names *names, const void *from)
{
	const struct ndshm_section_row *row = from;
	char *adapter = adapter_name(names, row->adapter);
	char *provider = provider_name(names, row->provider);
	char *user = user_name(row->uid);
	char *mode = format_string("%04" PRIo32, row->mode);
	json_t *value;

	value = json_pack("{s:I, s:o, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, "
			  "s:s, s:b, s:b}",
			  "id", (json_int_t)row->id,
			  "name", json_text(row->name),
			  "adapter", adapter,
			  "provider", provider,
			  "max_size", (json_int_t)row->max_size,
			  "initial_size", (json_int_t)row->initial_size,
			  "committed", (json_int_t)row->committed,
			  "taken", (json_int_t)row->taken,
			  "extents", (json_int_t)row->extents,
			  "holders", (json_int_t)row->holders,
			  "exports", (json_int_t)row->exports,
			  "user", user,
			  "uid", (json_int_t)row->uid,
			  "gid", (json_int_t)row->gid,
			  "mode", mode,
			  "deleted", row->deleted,
			  "revoked", row->revoked);
	free(adapter);
	free(provider);
	free(user);
	free(mode);
	return value;
}

static void queue_kind_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_text(cell, row->port ? "port" : "queue");
}

static void queue_state_cell(const void *from, struct cell *cell)
{
	set_text(cell, queue_state(from));
}

static void queue_filters_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, !row->port, row->filters);
}

static void queue_blocks_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, row->usage, row->blocks);
}

static void queue_bytes_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, row->usage, row->bytes);
}

static void queue_packets_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, row->usage, row->packets);
}

static void queue_buffers_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, row->buffers, row->buffers);
}

static void queue_lookahead_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;

	set_usage(cell, row->lookahead, row->lookahead);
}

static void queue_processors_cell(const void *from, struct cell *cell)
{
	const struct ndshm_queue_row *row = from;
	char *processors = processor_list(row->affinity_group, row->affinity);

	cell->known = row->affinity;
	print_text(cell, "%s", processors);
	free(processors);
}

static const struct column queue_columns[] = {
	{ "ADAPTER", COLUMN_ADAPTER, offsetof(struct ndshm_queue_row, adapter), NULL },
	{ "KIND", COLUMN_TEXT, 0, queue_kind_cell },
	{ "ID", COLUMN_ID, offsetof(struct ndshm_queue_row, id), NULL },
	{ "STATE", COLUMN_TEXT, 0, queue_state_cell },
	{ "FILTERS", COLUMN_OTHER_COUNT, 0, queue_filters_cell },
	{ "BLOCKS", COLUMN_OTHER_COUNT, 0, queue_blocks_cell },
	{ "BYTES", COLUMN_OTHER_BYTES, 0, queue_bytes_cell },
	{ "PACKETS", COLUMN_OTHER_COUNT, 0, queue_packets_cell },
	{ "BUFFERS", COLUMN_OTHER, 0, queue_buffers_cell },
	{ "LOOKAHEAD", COLUMN_OTHER, 0, queue_lookahead_cell },
	{ "PROCESSORS", COLUMN_TEXT, 0, queue_processors_cell },
	{ "NAME", COLUMN_NAME, offsetof(struct ndshm_queue_row, name), NULL },
	{ "VM", COLUMN_NAME, offsetof(struct ndshm_queue_row, vm_name), NULL },
	{ 0 }
};

static int list_queues(struct ndshm *ndshm, void **rows, size_t *count)
{
	struct ndshm_queue_row *queues;
	int error = ndshm_list_queues(ndshm, &queues, count);

	*rows = queues;
	for (size_t i = 0; !error && i < *count; i++) {
		make_printable(queues[i].name);
		make_printable(queues[i].vm_name);
	}
	return error;
}

static json_t *processors_json(const struct ndshm_queue_row *row)
{
	json_t *processors = json_array();

	for (unsigned int i = 0; i < 64; i++)
		if (row->affinity & UINT64_C(1) << i)
			json_array_append_new(processors,
					      json_integer(64 * (json_int_t)row->affinity_group + i));
	return processors;
}

static json_t *queue_json(const struct names *names, const void *from)
{
	const struct ndshm_queue_row *row = from;
	char *adapter = adapter_name(names, row->adapter);
	json_t *value;

	value = json_pack("{s:s, s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:s, s:s}",
			  "adapter", adapter,
			  "kind", row->port ? "port" : "queue",
			  "id", (json_int_t)row->id,
			  "state", queue_state(row),
			  "filters", (json_int_t)row->filters,
			  "blocks", usage_json(row->usage, row->blocks),
			  "bytes", usage_json(row->usage, row->bytes),
			  "packets", usage_json(row->usage, row->packets),
			  "buffers", (json_int_t)row->buffers,
			  "lookahead", (json_int_t)row->lookahead,
			  "processors", processors_json(row),
			  "name", row->name,
			  "vm_name", row->vm_name);
	free(adapter);
	return value;
}

static json_t *named_adapter_json(const struct names *names, const void *row)
{
	(void)names;
	return adapter_json(row);
}

static json_t *named_provider_json(const struct names *names, const void *row)
{
	(void)names;
	return provider_json(row);
}

/* The objects with the same user, process, adapter or provider. */
struct group {
	uint32_t key;
	uint64_t count;
	uint64_t bytes;
};

/* Read the name of a process. It may be that of a later process with the same number. */
static void command_cell(const void *from, struct cell *cell)
{
	const struct group *group = from;
	char path[sizeof("/proc/4294967295/comm")];
	FILE *file;

	cell->known = false;
	if (!group->key)
		return;
	snprintf(path, sizeof(path), "/proc/%" PRIu32 "/comm", group->key);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(cell->buffer, sizeof(cell->buffer), file)) {
		cell->buffer[strcspn(cell->buffer, "\n")] = '\0';
		make_printable(cell->buffer);
		cell->text = cell->buffer;
		cell->known = *cell->buffer;
	}
	fclose(file);
}

/* The group 0 has the blocks of the kernel and of processes that the caller does not see. */
static void group_process_cell(const void *from, struct cell *cell)
{
	const struct group *group = from;

	set_usage(cell, group->key, group->key);
}

static void group_count_cell(const void *from, struct cell *cell)
{
	const struct group *group = from;

	set_usage(cell, true, group->count);
}

#define GROUP_COLUMNS \
	{ "COUNT", COLUMN_OTHER_COUNT, 0, group_count_cell }, \
	{ "BYTES", COLUMN_BYTES, offsetof(struct group, bytes), NULL }, \
	{ 0 }

static const struct column user_groups[] = {
	{ "USER", COLUMN_USER, offsetof(struct group, key), NULL }, GROUP_COLUMNS
};

static const struct column process_groups[] = {
	{ "PID", COLUMN_OTHER, 0, group_process_cell },
	{ "COMMAND", COLUMN_TEXT, 0, command_cell }, GROUP_COLUMNS
};

static const struct column adapter_groups[] = {
	{ "ADAPTER", COLUMN_ADAPTER, offsetof(struct group, key), NULL }, GROUP_COLUMNS
};

static const struct column provider_groups[] = {
	{ "PROVIDER", COLUMN_PROVIDER, offsetof(struct group, key), NULL }, GROUP_COLUMNS
};

/* The offsets of what groups are made by, and of the bytes that are summed. */
struct grouping {
	const char *name;
	const struct column *columns;
	size_t key;
	size_t bytes;
};

static const struct grouping block_groupings[] = {
	{ "user", user_groups, offsetof(struct ndshm_block_row, uid),
	  offsetof(struct ndshm_block_row, consumed) },
	{ "process", process_groups, offsetof(struct ndshm_block_row, pid),
	  offsetof(struct ndshm_block_row, consumed) },
	{ "adapter", adapter_groups, offsetof(struct ndshm_block_row, adapter),
	  offsetof(struct ndshm_block_row, consumed) },
	{ "provider", provider_groups, offsetof(struct ndshm_block_row, provider),
	  offsetof(struct ndshm_block_row, consumed) },
	{ 0 }
};

static const struct grouping section_groupings[] = {
	{ "user", user_groups, offsetof(struct ndshm_section_row, uid),
	  offsetof(struct ndshm_section_row, committed) },
	{ "adapter", adapter_groups, offsetof(struct ndshm_section_row, adapter),
	  offsetof(struct ndshm_section_row, committed) },
	{ "provider", provider_groups, offsetof(struct ndshm_section_row, provider),
	  offsetof(struct ndshm_section_row, committed) },
	{ 0 }
};

/* What can be listed. */
static const struct kind {
	const char *name;
	const struct grouping *groupings;	/* NULL: none */
	const struct column *columns;
	size_t size;
	/* Set *rows to an allocated array, which the caller frees, also after an error. */
	int (*list)(struct ndshm *ndshm, void **rows, size_t *count);
	json_t *(*json)(const struct names *names, const void *row);
} kinds[] = {
	{ "adapters", NULL, adapter_columns, sizeof(struct ndshm_adapter_info), list_adapters,
	  named_adapter_json },
	{ "providers", NULL, provider_columns, sizeof(struct ndshm_provider_info),
	  list_providers, named_provider_json },
	{ "queues", NULL, queue_columns, sizeof(struct ndshm_queue_row), list_queues,
	  queue_json },
	{ "blocks", block_groupings, block_columns, sizeof(struct ndshm_block_row), list_blocks,
	  block_json },
	{ "sections", section_groupings, section_columns, sizeof(struct ndshm_section_row),
	  list_sections, section_json },
};

static const struct grouping *find_grouping(const struct kind *kind, const char *word)
{
	for (const struct grouping *by = kind->groupings; by && by->name; by++)
		if (!strcmp(by->name, word))
			return by;
	return NULL;
}

struct arguments {
	struct common *common;
	const struct kind *kind;
	const struct grouping *by;
	struct table table;	/* of the objects */
	struct table groups;	/* of the groups, if by is set */
	/* Arguments of options, which are read when the kind is known. */
	char *by_word;
	struct table_words words;
};

enum { OPTION_BY = 256 };

/* Read the options that depend on what is listed. */
static void read_options(struct argp_state *state, struct arguments *arguments)
{
	struct table *table = &arguments->table, *shown = table;

	table->columns = arguments->kind->columns;
	table->size = arguments->kind->size;
	if (arguments->by_word) {
		arguments->by = find_grouping(arguments->kind, arguments->by_word);
		if (!arguments->by)
			argp_error(state, "--by: %s have no groups by \"%s\"; use user, process, adapter or provider with blocks, or user, adapter or provider with sections",
				   arguments->kind->name, arguments->by_word);
		shown = &arguments->groups;
		shown->columns = arguments->by->columns;
		shown->size = sizeof(struct group);
		shown->sort = find_column(shown->columns, "bytes");
		shown->descending = true;
	}
	table_read_words(state, &arguments->words, table, shown, arguments->common->json);
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		state->child_inputs[1] = &arguments->words;
		return 0;
	case OPTION_BY:
		arguments->by_word = argument;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\": unexpected argument; name one kind of object", argument);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(argument, kinds[i].name))
				arguments->kind = &kinds[i];
		if (!arguments->kind)
			argp_error(state, "\"%s\": cannot be listed; use adapters, providers, queues, blocks or sections", argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	case ARGP_KEY_END:
		read_options(state, arguments);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Context of row_json() and group_json(). */
struct json_rows {
	const struct arguments *arguments;
	const struct table *table;
	const void **rows;
};

static json_t *row_json(const void *context, size_t i)
{
	const struct json_rows *rows = context;

	return rows->arguments->kind->json(rows->table->names, rows->rows[i]);
}

/* The first column is what the groups are made by. */
static json_t *group_json(const void *context, size_t i)
{
	const struct json_rows *rows = context;
	const struct table *table = rows->table;
	const struct group *group = rows->rows[i];
	const bool by_process = table->columns == process_groups;
	json_t *value, *key;
	struct cell cell;

	make_cell(table, table->columns, group, &cell);
	value = json_pack("{s:I, s:I, s:o}", "id", (json_int_t)group->key,
			  "count", (json_int_t)group->count, "bytes", json_u64(group->bytes));
	if (cell.text)
		key = json_string(cell.text);
	else if (by_process && cell.known)
		key = json_u64(cell.number);
	else
		key = json_null();
	json_object_set_new(value, rows->arguments->by->name, key);
	if (by_process) {
		make_cell(table, &table->columns[1], group, &cell);
		json_object_set_new(value, "command",
				    cell.known ? json_string(cell.text) : json_null());
	}
	return value;
}

static int compare_groups(const void *left, const void *right)
{
	const struct group *a = left, *b = right;

	return (a->key > b->key) - (a->key < b->key);
}

/* Make the groups of the selected rows. Returns an allocated array. */
static struct group *make_groups(const struct table *table, const struct grouping *by,
				 size_t *count)
{
	const void **rows = table_select(table, count);
	struct group *groups = array(*count, sizeof(*groups));
	size_t last = 0;

	for (size_t i = 0; i < *count; i++) {
		const char *row = rows[i];

		groups[i].key = *(const uint32_t *)(row + by->key);
		groups[i].bytes = *(const uint64_t *)(row + by->bytes);
		groups[i].count = 1;
	}
	free(rows);
	if (!*count)
		return groups;
	qsort(groups, *count, sizeof(*groups), compare_groups);
	for (size_t i = 1; i < *count; i++) {
		if (groups[i].key != groups[last].key) {
			groups[++last] = groups[i];
			continue;
		}
		groups[last].count++;
		if (__builtin_add_overflow(groups[last].bytes, groups[i].bytes,
					   &groups[last].bytes))
			groups[last].bytes = UINT64_MAX;
	}
	*count = last + 1;
	return groups;
}

static enum exit_code print_rows(const struct arguments *arguments, const struct table *table)
{
	struct json_rows rows = { .arguments = arguments, .table = table };
	enum exit_code code;
	size_t count;

	if (!arguments->common->json)
		return table_print(table);
	rows.rows = table_select(table, &count);
	code = print_json_rows(count, arguments->by ? group_json : row_json, &rows);
	free(rows.rows);
	return code;
}

static enum exit_code print_groups(struct arguments *arguments)
{
	struct table *table = &arguments->groups;
	struct group *groups = make_groups(&arguments->table, arguments->by, &table->count);
	enum exit_code code;

	table->names = arguments->table.names;
	table->rows = (const char *)groups;
	code = print_rows(arguments, table);
	free(groups);
	return code;
}

static enum exit_code list(struct ndshm *ndshm, struct arguments *arguments)
{
	const struct kind *kind = arguments->kind;
	struct table *table = &arguments->table;
	struct names names = { 0 };
	enum exit_code code;
	void *rows = NULL;
	int error;

	table->names = &names;
	error = kind->list(ndshm, &rows, &table->count);
	table->rows = rows;
	if (!error)
		error = get_names(ndshm, &names);
	if (error)
		code = cannot_ndshm(ndshm, error, "list %s", kind->name);
	else if (arguments->by)
		code = print_groups(arguments);
	else
		code = print_rows(arguments, table);
	free(rows);
	free_names(&names);
	return code;
}

/* A pipe or file gets few long writes: long lists are mostly system calls otherwise. */
static void use_long_buffer(void)
{
	static char buffer[1 << 18];

	if (!isatty(STDOUT_FILENO))
		setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
}

enum exit_code run_list(struct common *common, int argc, char **argv)
{
	static const struct argp_option options[] = {
		{ "by", OPTION_BY, "WHAT", 0,
		  "Show the number and the bytes of blocks or sections by user, process, adapter "
		  "or provider", 0 },
		{ 0 }
	};
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ .argp = &table_argp },
		{ 0 }
	};
	static const struct argp argp = {
		.options = options,
		.parser = parse,
		.args_doc = "adapters|providers|queues|blocks|sections",
		.doc = "List what the module holds.\v"
		       "Without CAP_SYS_ADMIN you see the blocks and sections of your own user, "
		       "and not what queues have.",
		.children = children,
	};
	struct arguments arguments = { .common = common };
	struct ndshm *ndshm;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	use_long_buffer();
	ndshm = open_viewer(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = list(ndshm, &arguments);
	ndshm_close(ndshm);
	return code;
}
