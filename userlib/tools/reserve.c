// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm reserve
 */
#include <errno.h>

#include <ndshm/admin.h>

#include "table.h"

struct arguments {
	struct common *common;
	uint64_t size;
	bool set;
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct arguments *arguments = state->input;
	const char *problem;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case ARGP_KEY_ARG:
		if (arguments->set)
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		problem = parse_size(argument, &arguments->size);
		if (problem)
			argp_error(state, "\"%s\": %s", argument, problem);
		arguments->set = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static void reserve_cells(struct table *table, const void *from)
{
	const struct ndshm_reserve_row *row = from;

	cell_bytes(table, "SIZE", true, row->size);
	cell_bytes(table, "CHUNK SIZE", true, row->chunk_size);
	cell_number(table, "CHUNKS", true, row->chunks);
	cell_number(table, "FREE", true, row->free);
	cell_number(table, "USED", true, row->used);
}

static enum exit_code show(const struct ndshm_reserve_row *row, bool json)
{
	static const struct row_type type = { sizeof(*row), reserve_cells, NULL };
	struct table table = { .rows = row, .count = 1 };

	if (!json) {
		table_begin(NULL, &table, &type, NULL, false);
		return table_print(&table, false);
	}
	return print_json(json_pack("{s:o, s:o, s:I, s:I, s:I}",
				    "size", json_u64(row->size),
				    "chunk_size", json_u64(row->chunk_size),
				    "chunks", (json_int_t)row->chunks,
				    "free", (json_int_t)row->free,
				    "used", (json_int_t)row->used));
}

/* No error has a reason of the module. */
static enum exit_code refused(struct ndshm *ndshm, int error, const char *what)
{
	const char *why;

	switch (error) {
	case -EPERM:
		why = "requires CAP_SYS_ADMIN; run it as root, outside of containers";
		break;
	case -ENOMEM:
		why = "not enough contiguous memory for all chunks; give less, or load the module "
		      "earlier with reserve=";
		break;
	case -EAGAIN:
		why = "the time was too short, but chunks were allocated; repeat the command";
		break;
	case -ERANGE:
		why = "more than the memory of the machine; give less";
		break;
	default:
		return cannot_ndshm(ndshm, error, "%s", what);
	}
	return cannot_reason(why, NULL, error, "%s", what);
}

static enum exit_code run(struct ndshm *ndshm, const struct arguments *arguments)
{
	enum exit_code code = EXIT_DONE, shown;
	struct ndshm_reserve_row row;
	int error = 0;

	if (arguments->set)
		error = ndshm_set_reserve(ndshm, arguments->size);
	if (error)
		code = refused(ndshm, error, "set the reserve");
	/* After these two it has grown. */
	if (error && error != -ENOMEM && error != -EAGAIN)
		return code;
	error = ndshm_get_reserve(ndshm, &row);
	if (error)
		return refused(ndshm, error, "show the reserve");
	shown = show(&row, arguments->common->json);
	return code == EXIT_DONE ? shown : code;
}

enum exit_code run_reserve(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse,
		.args_doc = "[SIZE]",
		.doc = "Show the memory of the provider \"reserve\", and set its size.\v"
		       "SIZE is rounded up to whole chunks, and holds until the module is unloaded. "
		       "Chunks in use are freed with their blocks, or when they are unpinned. To see "
		       "and to set it takes CAP_SYS_ADMIN.",
		.children = children,
	};
	struct arguments arguments = { .common = common };
	enum exit_code code;
	struct ndshm *ndshm;

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	ndshm = open_viewer(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = run(ndshm, &arguments);
	ndshm_close(ndshm);
	return code;
}
