// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm list adapters|providers|queues|blocks|sections
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

typedef enum exit_code lister(struct ndshm *ndshm, bool json);

static enum exit_code print_table(struct table *table)
{
	table_print(table);
	return end_output();
}

static char *node_cell(int32_t node)
{
	return node < 0 ? format_string("-") : format_string("%" PRId32, node);
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

static void add_adapter(struct table *table, const struct ndshm_adapter_info *row)
{
	char *cells[] = {
		format_string("%" PRIu32, row->id),
		format_string("%s", row->name),
		format_string("%s", row->device[0] ? row->device : "-"),
		node_cell(row->node),
		format_string("%s", adapter_state(row)),
		owner_cell(row->owner, row->group),
		format_string("%04" PRIo32, row->mode),
		format_string("%s", row->claimable ? reset_name(row->reset) : "-"),
		isolation_words(row->isolation),
	};

	table_add(table, cells);
}

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

static enum exit_code list_adapters(struct ndshm *ndshm, bool json)
{
	static const char *const titles[] = {
		">ID", "NAME", "DEVICE", ">NODE", "STATE", "OWNER", "MODE", "RESET", "ISOLATION"
	};
	struct table table = { titles, 9, NULL, 0 };
	struct ndshm_adapter_info *rows;
	json_t *values = json_array();
	size_t count;
	int error = ndshm_list_adapters(ndshm, &rows, &count);

	if (error) {
		json_decref(values);
		return cannot_ndshm(ndshm, error, "list adapters");
	}
	for (size_t i = 0; i < count; i++) {
		make_printable(rows[i].name);
		make_printable(rows[i].device);
		if (json)
			json_array_append_new(values, adapter_json(&rows[i]));
		else
			add_adapter(&table, &rows[i]);
	}
	free(rows);
	if (json)
		return print_json(values);
	json_decref(values);
	return print_table(&table);
}

/* The adapters for which it is the default. */
static char *scope_cell(const struct ndshm_provider_info *row)
{
	switch (row->scope) {
	case 0:
		return format_string("named");
	case 1:
		return format_string("machine");
	case 2:
		return format_string("adapter %" PRIu32, row->adapter);
	default:
		return format_string("%" PRIu32, row->scope);
	}
}

static char *usage_cell(bool known, uint64_t number)
{
	return known ? format_string("%" PRIu64, number) : format_string("-");
}

static json_t *usage_json(bool known, uint64_t number)
{
	return known ? json_integer(number) : json_null();
}

static void add_provider(struct table *table, const struct ndshm_provider_info *row)
{
	char *cells[] = {
		format_string("%" PRIu32, row->id),
		format_string("%s", row->name),
		scope_cell(row),
		usage_cell(row->usage, row->blocks),
		format_string("0x%" PRIx32, row->flags),
		format_string("%s", row->mappable ? "yes" : "no"),
		owner_cell(row->owner, row->group),
		row->open ? format_string("%04" PRIo32, row->mode) : format_string("closed"),
	};

	table_add(table, cells);
}

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

static enum exit_code list_providers(struct ndshm *ndshm, bool json)
{
	static const char *const titles[] = {
		">ID", "NAME", "DEFAULT FOR", ">BLOCKS", ">FLAGS", "MAPPABLE", "OWNER",
		"MODE"
	};
	struct table table = { titles, 8, NULL, 0 };
	struct ndshm_provider_info *rows;
	json_t *values = json_array();
	size_t count;
	int error = ndshm_list_providers(ndshm, &rows, &count);

	if (error) {
		json_decref(values);
		return cannot_ndshm(ndshm, error, "list providers");
	}
	for (size_t i = 0; i < count; i++) {
		make_printable(rows[i].name);
		if (json)
			json_array_append_new(values, provider_json(&rows[i]));
		else
			add_provider(&table, &rows[i]);
	}
	free(rows);
	if (json)
		return print_json(values);
	json_decref(values);
	return print_table(&table);
}

static const char *block_state(const struct ndshm_block_row *row)
{
	if (row->revoked)
		return row->charged ? "charged, revoked" : "revoked";
	return row->charged ? "charged" : "-";
}

static void add_block(struct table *table, const struct names *names, const void *from)
{
	const struct ndshm_block_row *row = from;
	char *cells[] = {
		format_string("%" PRIu32, row->id),
		adapter_name(names, row->adapter),
		provider_name(names, row->provider),
		format_string("%s", usage_name(row->usage)),
		format_string("%" PRIu64, row->length),
		format_string("%" PRIu64, row->consumed),
		format_string("%" PRIu32, row->segments),
		user_name(row->uid),
		row->pid ? format_string("%" PRIu32, row->pid) : format_string("kernel"),
		format_string("%s", block_state(row)),
	};

	table_add(table, cells);
}

json_t *block_json(const struct names *names, const void *from)
{
	const struct ndshm_block_row *row = from;
	char *adapter = adapter_name(names, row->adapter);
	char *provider = provider_name(names, row->provider);
	char *user = user_name(row->uid);
	json_t *value;

	value = json_pack("{s:I, s:s, s:s, s:s, s:I, s:I, s:I, s:i, s:s, s:I, s:I, s:b, s:b}",
			  "id", (json_int_t)row->id,
			  "adapter", adapter,
			  "provider", provider,
			  "usage", usage_name(row->usage),
			  "length", (json_int_t)row->length,
			  "consumed", (json_int_t)row->consumed,
			  "segments", (json_int_t)row->segments,
			  "preferred_node", (int)row->preferred_node,
			  "user", user,
			  "uid", (json_int_t)row->uid,
			  "pid", (json_int_t)row->pid,
			  "charged", row->charged,
			  "revoked", row->revoked);
	free(adapter);
	free(provider);
	free(user);
	return value;
}

const char *section_state(const struct ndshm_section_row *row)
{
	if (row->revoked)
		return row->deleted ? "deleted, revoked" : "revoked";
	return row->deleted ? "deleted" : "-";
}

static void add_section(struct table *table, const struct names *names, const void *from)
{
	const struct ndshm_section_row *row = from;
	char *cells[] = {
		format_string("%" PRIu32, row->id),
		adapter_name(names, row->adapter),
		provider_name(names, row->provider),
		format_string("%" PRIu64, row->max_size),
		format_string("%" PRIu64, row->initial_size),
		format_string("%" PRIu64, row->committed),
		format_string("%" PRIu64, row->taken),
		format_string("%" PRIu32, row->extents),
		format_string("%" PRIu32, row->holders),
		user_name(row->uid),
		format_string("%s", section_state(row)),
	};

	table_add(table, cells);
}

json_t *section_json(const struct names *names, const void *from)
{
	const struct ndshm_section_row *row = from;
	char *adapter = adapter_name(names, row->adapter);
	char *provider = provider_name(names, row->provider);
	char *user = user_name(row->uid);
	json_t *value;

	value = json_pack("{s:I, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:b, s:b}",
			  "id", (json_int_t)row->id,
			  "adapter", adapter,
			  "provider", provider,
			  "max_size", (json_int_t)row->max_size,
			  "initial_size", (json_int_t)row->initial_size,
			  "committed", (json_int_t)row->committed,
			  "taken", (json_int_t)row->taken,
			  "extents", (json_int_t)row->extents,
			  "holders", (json_int_t)row->holders,
			  "user", user,
			  "uid", (json_int_t)row->uid,
			  "deleted", row->deleted,
			  "revoked", row->revoked);
	free(adapter);
	free(provider);
	free(user);
	return value;
}

static void add_queue(struct table *table, const struct names *names, const void *from)
{
	const struct ndshm_queue_row *row = from;
	char *cells[] = {
		adapter_name(names, row->adapter),
		format_string("%s", row->port ? "port" : "queue"),
		format_string("%" PRIu32, row->id),
		format_string("%s", queue_state(row)),
		row->port ? format_string("-") : format_string("%" PRIu32, row->filters),
		usage_cell(row->usage, row->blocks),
		usage_cell(row->usage, row->bytes),
		usage_cell(row->usage, row->packets),
	};

	table_add(table, cells);
}

json_t *queue_json(const struct names *names, const void *from)
{
	const struct ndshm_queue_row *row = from;
	char *adapter = adapter_name(names, row->adapter);
	json_t *value;

	value = json_pack("{s:s, s:s, s:I, s:s, s:I, s:o, s:o, s:o}",
			  "adapter", adapter,
			  "kind", row->port ? "port" : "queue",
			  "id", (json_int_t)row->id,
			  "state", queue_state(row),
			  "filters", (json_int_t)row->filters,
			  "blocks", usage_json(row->usage, row->blocks),
			  "bytes", usage_json(row->usage, row->bytes),
			  "packets", usage_json(row->usage, row->packets));
	free(adapter);
	return value;
}

/* Rows that refer to adapters and providers, and functions to print one row. */
struct rows {
	void *array;
	size_t count;
	size_t size;
	void (*add)(struct table *table, const struct names *names, const void *row);
	json_t *(*json)(const struct names *names, const void *row);
};

/*
 * Print the rows and free the array. If @error is not 0, print it instead; @what names
 * the failed action.
 */
static enum exit_code show_rows(struct ndshm *ndshm, bool json, int error, const char *what,
				struct rows *rows, struct table *table)
{
	struct names names = { 0 };
	json_t *values = json_array();
	enum exit_code code;

	if (!error)
		error = get_names(ndshm, &names);
	if (error) {
		code = cannot_ndshm(ndshm, error, "%s", what);
		goto out;
	}
	for (size_t i = 0; i < rows->count; i++) {
		const void *row = (const char *)rows->array + i * rows->size;

		if (json)
			json_array_append_new(values, rows->json(&names, row));
		else
			rows->add(table, &names, row);
	}
	code = json ? print_json(json_incref(values)) : print_table(table);
out:
	json_decref(values);
	free(rows->array);
	free_names(&names);
	return code;
}

static enum exit_code list_blocks(struct ndshm *ndshm, bool json)
{
	static const char *const titles[] = {
		">ID", "ADAPTER", "PROVIDER", "USAGE", ">LENGTH", ">CONSUMED", ">SEGMENTS",
		"USER", ">PID", "STATE"
	};
	struct table table = { titles, 10, NULL, 0 };
	struct ndshm_block_row *array = NULL;
	struct rows rows = { .size = sizeof(*array), .add = add_block, .json = block_json };
	int error = ndshm_list_blocks(ndshm, &array, &rows.count);

	rows.array = array;
	return show_rows(ndshm, json, error, "list blocks", &rows, &table);
}

static enum exit_code list_sections(struct ndshm *ndshm, bool json)
{
	static const char *const titles[] = {
		">ID", "ADAPTER", "PROVIDER", ">MAX", ">INITIAL", ">COMMITTED", ">TAKEN",
		">EXTENTS", ">HOLDERS", "USER", "STATE"
	};
	struct table table = { titles, 11, NULL, 0 };
	struct ndshm_section_row *array = NULL;
	struct rows rows = { .size = sizeof(*array), .add = add_section, .json = section_json };
	int error = ndshm_list_sections(ndshm, &array, &rows.count);

	rows.array = array;
	return show_rows(ndshm, json, error, "list sections", &rows, &table);
}

static enum exit_code list_queues(struct ndshm *ndshm, bool json)
{
	static const char *const titles[] = {
		"ADAPTER", "KIND", ">ID", "STATE", ">FILTERS", ">BLOCKS", ">BYTES", ">PACKETS"
	};
	struct table table = { titles, 8, NULL, 0 };
	struct ndshm_queue_row *array = NULL;
	struct rows rows = { .size = sizeof(*array), .add = add_queue, .json = queue_json };
	int error = ndshm_list_queues(ndshm, &array, &rows.count);

	rows.array = array;
	return show_rows(ndshm, json, error, "list queues", &rows, &table);
}

static const struct {
	const char *name;
	lister *list;
} kinds[] = {
	{ "adapters", list_adapters },
	{ "providers", list_providers },
	{ "queues", list_queues },
	{ "blocks", list_blocks },
	{ "sections", list_sections },
};

struct arguments {
	struct common *common;
	lister *list;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\" is too much", argument);
		for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			if (!strcmp(argument, kinds[i].name))
				arguments->list = kinds[i].list;
		if (!arguments->list)
			argp_error(state, "\"%s\" cannot be listed", argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_list(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
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
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = arguments.list(ndshm, common->json);
	ndshm_close(ndshm);
	return code;
}
