// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm list adapters|providers|queues|blocks|sections
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/admin.h>

#include "table.h"

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

static void adapter_cells(struct table *table, const void *from)
{
	const struct ndshm_adapter_info *row = from;
	char *isolation = isolation_words(row->isolation);

	cell_number(table, "ID", true, row->id);
	cell_text(table, "NAME", row->name);
	cell_text(table, "DEVICE", row->device);
	cell_number(table, "NODE", row->node >= 0, row->node);
	cell_text(table, "STATE", adapter_state(row));
	cell_text(table, "ISOLATION", isolation);
	free(isolation);
}

json_t *adapter_json(const struct names *names, const void *from)
{
	const struct ndshm_adapter_info *row = from;

	(void)names;
	return json_pack("{s:I, s:s, s:s, s:i, s:b, s:o, s:b, s:b, s:b, s:b}",
			 "id", (json_int_t)row->id,
			 "name", row->name,
			 "device", row->device,
			 "node", (int)row->node,
			 "isolated", !row->isolation,
			 "missing", isolation_json(row->isolation),
			 "open", row->open,
			 "claimable", row->claimable,
			 "claimed", row->claimed,
			 "needs_reset", row->needs_reset);
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

static void provider_cells(struct table *table, const void *from)
{
	const struct ndshm_provider_info *row = from;
	/* The adapters for which it is the default. */
	char *scope = row->scope == 0 ? format_string("named") :
		      row->scope == 1 ? format_string("machine") :
		      row->scope == 2 ? format_string("adapter %" PRIu32, row->adapter) :
					format_string("%" PRIu32, row->scope);
	char *flags = format_string("0x%" PRIx32, row->flags);

	cell_number(table, "ID", true, row->id);
	cell_text(table, "NAME", row->name);
	cell_text(table, "DEFAULT FOR", scope);
	cell_number(table, "BLOCKS", row->usage, row->blocks);
	cell_right(table, "FLAGS", flags);
	cell_text(table, "MAPPABLE", row->mappable ? "yes" : "no");
	cell_text(table, "OPEN", row->open ? "yes" : "no");
	free(scope);
	free(flags);
}

static json_t *usage_json(bool known, uint64_t number)
{
	return known ? json_integer(number) : json_null();
}

json_t *provider_json(const struct names *names, const void *from)
{
	static const char *const scopes[] = { "named", "machine", "adapter" };
	const struct ndshm_provider_info *row = from;

	(void)names;
	return json_pack("{s:I, s:s, s:s, s:I, s:o, s:I, s:b, s:b}",
			 "id", (json_int_t)row->id,
			 "name", row->name,
			 "scope", row->scope < 3 ? scopes[row->scope] : "unknown",
			 "adapter", (json_int_t)row->adapter,
			 "blocks", usage_json(row->usage, row->blocks),
			 "flags", (json_int_t)row->flags,
			 "mappable", row->mappable,
			 "open", row->open);
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

static void block_cells(struct table *table, const void *from)
{
	const struct ndshm_block_row *row = from;
	char tag[5];

	cell_number(table, "ID", true, row->id);
	cell_adapter(table, row->adapter);
	cell_provider(table, row->provider);
	cell_text(table, "USAGE", usage_name(row->usage));
	cell_bytes(table, "LENGTH", true, row->length);
	cell_bytes(table, "CONSUMED", true, row->consumed);
	cell_number(table, "SEGMENTS", true, row->segments);
	cell_text(table, "USER", cached_user(row->uid));
	/* Unknown: the process is in a PID namespace that the caller does not see. */
	if (row->kernel)
		cell_right(table, "PID", "kernel");
	else
		cell_number(table, "PID", row->pid, row->pid);
	cell_text(table, "TAG", tag_text(row->tag, tag));
	cell_text(table, "STATE", block_state(row));
}

static int list_blocks(struct ndshm *ndshm, void **rows, size_t *count)
{
	return ndshm_list_blocks(ndshm, (struct ndshm_block_row **)rows, count);
}

static json_t *block_json(const struct names *names, const void *from)
{
	const struct ndshm_block_row *row = from;
	char tag[5];

	return json_pack("{s:I, s:s, s:s, s:s, s:s?, s:I, s:I, s:I, s:I, s:i, s:s, s:I, s:I, s:b, s:b, s:b}",
			 "id", (json_int_t)row->id,
			 "adapter", adapter_name(names, row->adapter),
			 "provider", provider_name(names, row->provider),
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

static void section_cells(struct table *table, const void *from)
{
	const struct ndshm_section_row *row = from;

	cell_number(table, "ID", true, row->id);
	cell_text(table, "NAME", row->name);
	cell_adapter(table, row->adapter);
	cell_provider(table, row->provider);
	cell_bytes(table, "MAX", true, row->max_size);
	cell_bytes(table, "INITIAL", true, row->initial_size);
	cell_bytes(table, "COMMITTED", true, row->committed);
	cell_bytes(table, "TAKEN", true, row->taken);
	cell_number(table, "EXTENTS", true, row->extents);
	cell_number(table, "HOLDERS", true, row->holders);
	cell_text(table, "USER", cached_user(row->uid));
	cell_text(table, "STATE", section_state(row));
}

static int list_sections(struct ndshm *ndshm, void **rows, size_t *count)
{
	return ndshm_list_sections(ndshm, (struct ndshm_section_row **)rows, count);
}

json_t *section_json(const struct names *names, const void *from)
{
	const struct ndshm_section_row *row = from;
	const char *adapter = adapter_name(names, row->adapter);
	const char *provider = provider_name(names, row->provider);
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
			  "user", cached_user(row->uid),
			  "uid", (json_int_t)row->uid,
			  "gid", (json_int_t)row->gid,
			  "mode", mode,
			  "deleted", row->deleted,
			  "revoked", row->revoked);
	free(mode);
	return value;
}

static void queue_cells(struct table *table, const void *from)
{
	const struct ndshm_queue_row *row = from;
	char *processors = processor_list(row->affinity_group, row->affinity);

	cell_adapter(table, row->adapter);
	cell_text(table, "KIND", row->port ? "port" : "queue");
	cell_number(table, "ID", true, row->id);
	cell_text(table, "STATE", queue_state(row));
	cell_number(table, "FILTERS", !row->port, row->filters);
	cell_number(table, "BLOCKS", row->usage, row->blocks);
	cell_bytes(table, "BYTES", row->usage, row->bytes);
	cell_number(table, "PACKETS", row->usage, row->packets);
	cell_number(table, "BUFFERS", row->buffers, row->buffers);
	cell_number(table, "LOOKAHEAD", row->lookahead, row->lookahead);
	cell_text(table, "PROCESSORS", processors);
	cell_text(table, "NAME", row->name);
	cell_text(table, "VM", row->vm_name);
	free(processors);
}

static int list_queues(struct ndshm *ndshm, void **rows, size_t *count)
{
	return ndshm_list_queues(ndshm, (struct ndshm_queue_row **)rows, count);
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
	const char *adapter = adapter_name(names, row->adapter);
	json_t *value;

	value = json_pack("{s:s, s:s, s:I, s:s, s:I, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o}",
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
			  "name", json_text(row->name),
			  "vm_name", json_text(row->vm_name));
	return value;
}

/* What can be listed. */
static const struct kind {
	const char *name;
	/* Set *rows to an allocated array, which the caller frees, also after an error. */
	int (*list)(struct ndshm *ndshm, void **rows, size_t *count);
	struct row_type type;
} kinds[] = {
	{ "adapters", list_adapters,
	  { sizeof(struct ndshm_adapter_info), adapter_cells, adapter_json } },
	{ "providers", list_providers,
	  { sizeof(struct ndshm_provider_info), provider_cells, provider_json } },
	{ "queues", list_queues, { sizeof(struct ndshm_queue_row), queue_cells, queue_json } },
	{ "blocks", list_blocks, { sizeof(struct ndshm_block_row), block_cells, block_json } },
	{ "sections", list_sections,
	  { sizeof(struct ndshm_section_row), section_cells, section_json } },
};

struct arguments {
	struct common *common;
	const struct kind *kind;
	struct table table;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		state->child_inputs[1] = &arguments->table;
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
		table_begin(state, &arguments->table, &arguments->kind->type, NULL,
			    arguments->common->json);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
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
	else
		code = table_print(table, arguments->common->json);
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
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ .argp = &table_argp },
		{ 0 }
	};
	static const struct argp argp = {
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
