// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm section create|show
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <ndshm/section.h>

#include "tool.h"

/* Environment variables of the program: its descriptor and the id of the section. */
#define SECTION_FD	"NDSHM_SECTION_FD"
#define SECTION_ID	"NDSHM_SECTION_ID"

/*
 * ndshm section create
 */

struct creation {
	struct common *common;
	struct ndshm_section_request request;
	bool has_max;
	const char *adapter;
	const char *provider;
	uint64_t width;
	bool hold;
	bool readonly;
	char **program;		/* argv of the program, with a final NULL; NULL: none */
};

static const struct argp_option create_options[] = {
	{ "max", 'm', "N[K|M|G]", 0, "Bytes of range", 0 },
	{ "initial", 'i', "N[K|M|G]", 0, "Bytes of it that have memory from the start (0)", 0 },
	{ "adapter", 'a', "NAME", 0,
	  "Whose device is to reach it (the default adapter); claimed if it must be", 0 },
	{ "provider", 'p', "NAME", 0, "Where the memory comes from (pages)", 0 },
	{ "node", 'n', "N", 0, "NUMA node, or any (any)", 0 },
	{ "address-width", 'w', "BITS", 0, "Bits of address a claimed function can drive (32)", 0 },
	{ "hold", 'H', NULL, 0,
	  "Keep the section until SIGINT, SIGTERM or the end of the input", 0 },
	{ "readonly", 'r', NULL, 0, "Give PROGRAM a descriptor that can never write", 0 },
	{ 0 }
};

static void parse_length_or_end(struct argp_state *state, const char *argument, uint64_t *length)
{
	if (!parse_length(argument, length))
		argp_error(state, "\"%s\" is not a length", argument);
}

/* Check for invalid combinations of options. */
static void check_creation(struct argp_state *state, const struct creation *creation)
{
	if (!creation->has_max)
		argp_error(state, "say how long it is to be: --max");
	if (creation->readonly && !creation->program)
		argp_error(state, "--readonly is for a PROGRAM: name one");
	if (creation->hold && creation->program)
		argp_error(state, "a PROGRAM holds the section itself: leave out --hold");
	if (creation->common->json && creation->program)
		argp_error(state, "all output is the PROGRAM's: leave out --json");
}

static error_t parse_create(int key, char *argument, struct argp_state *state)
{
	struct creation *creation = state->input;
	struct ndshm_section_request *request = &creation->request;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = creation->common;
		return 0;
	case 'm':
		parse_length_or_end(state, argument, &request->max_size);
		creation->has_max = true;
		return 0;
	case 'i':
		parse_length_or_end(state, argument, &request->initial_size);
		return 0;
	case 'a':
		creation->adapter = argument;
		return 0;
	case 'p':
		creation->provider = argument;
		return 0;
	case 'n':
		if (!parse_node(argument, &request->node))
			argp_error(state, "\"%s\" is not a node", argument);
		return 0;
	case 'w':
		if (!parse_number(argument, UINT32_MAX, &creation->width))
			argp_error(state, "\"%s\" is not a width", argument);
		return 0;
	case 'H':
		creation->hold = true;
		return 0;
	case 'r':
		creation->readonly = true;
		return 0;
	case ARGP_KEY_ARG:
		creation->program = &state->argv[state->next - 1];
		/* The program parses the remaining arguments. */
		state->next = state->argc;
		return 0;
	case ARGP_KEY_END:
		check_creation(state, creation);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Resolve the names of the adapter and the provider, and claim the adapter if necessary. */
static enum exit_code prepare(struct ndshm *ndshm, struct creation *creation)
{
	struct ndshm_adapter_info adapter;
	struct ndshm_info info;
	enum exit_code code;
	int error = ndshm_get_info(ndshm, &info);

	if (error)
		return cannot_ndshm(ndshm, error, "get information");
	code = choose_adapter(ndshm, creation->adapter, info.default_adapter, &adapter);
	if (code)
		return code;
	creation->request.adapter = adapter.id;
	code = choose_provider(ndshm, creation->provider, &creation->request.provider);
	if (code)
		return code;
	/* The program replaces this process, which ends the claim. */
	if (adapter.claimable && creation->program)
		return cannot("the claim ends when it starts, and the section with it: let it "
			      "claim the adapter and make the section itself",
			      "run a program with a section of adapter \"%s\"", adapter.name);
	return claim_adapter(ndshm, &adapter, creation->width);
}

static enum exit_code show_made(const struct names *names, const struct ndshm_section_info *info,
				bool json)
{
	char *adapter = adapter_name(names, info->adapter);
	char *provider = provider_name(names, info->provider);
	enum exit_code code;

	if (json) {
		code = print_json(json_pack("{s:I, s:s, s:s, s:I, s:I, s:I}",
					    "id", (json_int_t)info->id,
					    "adapter", adapter,
					    "provider", provider,
					    "max_size", (json_int_t)info->max_size,
					    "initial_size", (json_int_t)info->initial_size,
					    "committed", (json_int_t)info->committed));
	} else {
		printf("section %" PRIu32 ": max=%" PRIu64 " initial=%" PRIu64 " committed=%" PRIu64
		       " adapter=%s provider=%s\n",
		       info->id, info->max_size, info->initial_size, info->committed, adapter,
		       provider);
		code = end_output();
	}
	free(adapter);
	free(provider);
	return code;
}

static enum exit_code show_and_hold(struct ndshm *ndshm, const struct creation *creation,
				    const struct ndshm_section_info *info)
{
	struct names names = { 0 };
	enum exit_code code;
	int signals = -1, error = get_names(ndshm, &names);

	if (error) {
		code = cannot_ndshm(ndshm, error, "list adapters and providers");
		goto out;
	}
	if (creation->hold) {
		signals = watch_signals();
		if (signals < 0) {
			code = cannot_errno(-errno, "wait for signals");
			goto out;
		}
	}
	code = show_made(&names, info, creation->common->json);
	if (code == EXIT_DONE && creation->hold)
		code = hold(signals);
	if (signals >= 0)
		close(signals);
out:
	free_names(&names);
	return code;
}

static int set_number(const char *name, uint32_t number)
{
	char *word = format_string("%" PRIu32, number);
	int error = setenv(name, word, true) ? -errno : 0;

	free(word);
	return error;
}

/* Return an inheritable duplicate above the standard descriptors, or -errno. */
static int make_inherited(int shared)
{
	int fd = fcntl(shared, F_DUPFD, STDERR_FILENO + 1);

	return fd < 0 ? -errno : fd;
}

/*
 * Replace this process by the program, which thereby keeps the process id, the terminal
 * and the exit status. It inherits one descriptor; all others are close-on-exec.
 */
static enum exit_code run_program(struct ndshm *ndshm, struct ndshm_section *section,
				  const struct creation *creation, uint32_t id)
{
	enum exit_code code = EXIT_FAILED;
	int shared, fd, error;

	error = ndshm_section_share(section, creation->readonly ? NDSHM_SHARE_READONLY : 0,
				    &shared);
	if (error)
		return cannot_ndshm(ndshm, error, "share the section");
	fd = make_inherited(shared);
	error = fd < 0 ? fd : set_number(SECTION_FD, fd);
	if (!error)
		error = set_number(SECTION_ID, id);
	if (!error) {
		execvp(creation->program[0], creation->program);
		error = -errno;
		code = error == -ENOENT ? EXIT_NO_PROGRAM : EXIT_CANNOT_RUN;
	}
	cannot_errno(error, "run \"%s\"", creation->program[0]);
	if (fd >= 0)
		close(fd);
	close(shared);
	return code;
}

static enum exit_code make_section(struct ndshm *ndshm, const struct creation *creation)
{
	struct ndshm_section *section;
	struct ndshm_section_info info;
	enum exit_code code;
	int error = ndshm_section_create(ndshm, &creation->request, &section);

	if (error)
		return cannot_ndshm(ndshm, error, "create a section");
	error = ndshm_section_query(section, &info);
	if (error)
		code = cannot_ndshm(ndshm, error, "query the section");
	else if (creation->program)
		code = run_program(ndshm, section, creation, info.id);
	else
		code = show_and_hold(ndshm, creation, &info);
	ndshm_section_close(section);
	return code;
}

static enum exit_code run_create(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = create_options,
		.parser = parse_create,
		.args_doc = "--max N [--] [PROGRAM [ARGUMENT...]]",
		.doc = "Make a section, show it, and let it end.\v"
		       "A section lives as long as anybody has a descriptor of it. PROGRAM is run "
		       "with one, whose number is in the environment as " SECTION_FD " (that of "
		       "the section as " SECTION_ID "). The output and the exit status are "
		       "PROGRAM's then, or 126 if it cannot be run, 127 if there is none.",
		.children = children,
	};
	struct creation creation = {
		.common = common,
		.request = NDSHM_SECTION_REQUEST_INIT,
	};
	struct ndshm *ndshm;
	enum exit_code code;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &creation);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = prepare(ndshm, &creation);
	if (code == EXIT_DONE)
		code = make_section(ndshm, &creation);
	ndshm_close(ndshm);
	return code;
}

/*
 * ndshm section show
 */

/* Width of the bar. */
#define CELLS	50

struct showing {
	struct common *common;
	uint64_t id;
};

static error_t parse_show(int key, char *argument, struct argp_state *state)
{
	struct showing *showing = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = showing->common;
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_error(state, "\"%s\" is too much", argument);
		if (!parse_number(argument, UINT32_MAX, &showing->id))
			argp_error(state,
				   "\"%s\" is not a section's id: see \"ndshm list sections\"",
				   argument);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* Rounds up, so that a small amount is visible. */
static uint64_t cells_of(uint64_t bytes, uint64_t max_size)
{
	const uint64_t cell = max_size / CELLS + 1;

	return bytes / cell + !!(bytes % cell);
}

/* The bar shows amounts, not positions. */
static void print_picture(const struct ndshm_section_row *row)
{
	const uint64_t taken = cells_of(row->taken, row->max_size);
	const uint64_t committed = cells_of(row->committed, row->max_size);
	char cells[CELLS + 1] = { 0 };

	for (size_t i = 0; i < CELLS; i++)
		cells[i] = i < taken ? '#' : i < committed ? '-' : '.';
	printf("           [%s]\n"
	       "           # taken, - free, . no memory\n", cells);
}

static enum exit_code print_section(const struct names *names, const struct ndshm_section_row *row)
{
	char *adapter = adapter_name(names, row->adapter);
	char *provider = provider_name(names, row->provider);
	char *user = user_name(row->uid);

	printf("id         %" PRIu32 "\n"
	       "adapter    %s\n"
	       "provider   %s\n"
	       "user       %s\n"
	       "state      %s\n"
	       "extents    %" PRIu32 "\n"
	       "holders    %" PRIu32 "\n"
	       "max        %" PRIu64 " bytes\n"
	       "initial    %" PRIu64 " bytes\n"
	       "committed  %" PRIu64 " bytes\n"
	       "taken      %" PRIu64 " bytes\n",
	       row->id, adapter, provider, user, section_state(row), row->extents, row->holders,
	       row->max_size, row->initial_size, row->committed, row->taken);
	print_picture(row);
	free(adapter);
	free(provider);
	free(user);
	return end_output();
}

/* Search the sections that the caller may see. */
static enum exit_code find_section(struct ndshm *ndshm, uint32_t id,
				   struct ndshm_section_row *row)
{
	struct ndshm_section_row *rows;
	size_t count, i;
	int error = ndshm_list_sections(ndshm, &rows, &count);

	if (error)
		return cannot_ndshm(ndshm, error, "list sections");
	for (i = 0; i < count && rows[i].id != id; i++)
		;
	if (i < count)
		*row = rows[i];
	free(rows);
	if (i < count)
		return EXIT_DONE;
	return cannot(ndshm_fd(ndshm) < 0 ?
		      "without the module only the process that made it can see it (ENOENT)" :
		      "it is not there, or not yours to see: try \"ndshm list sections\" (ENOENT)",
		      "show section %" PRIu32, id);
}

static enum exit_code show_section(struct ndshm *ndshm, const struct showing *showing)
{
	struct ndshm_section_row row;
	struct names names = { 0 };
	enum exit_code code = find_section(ndshm, showing->id, &row);
	int error;

	if (code)
		return code;
	error = get_names(ndshm, &names);
	if (error)
		code = cannot_ndshm(ndshm, error, "list adapters and providers");
	else
		code = showing->common->json ? print_json(section_json(&names, &row)) :
					       print_section(&names, &row);
	free_names(&names);
	return code;
}

static enum exit_code run_show(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_show,
		.args_doc = "ID",
		.doc = "Show one section, and how much of it has memory and is taken.\v"
		       "Without CAP_SYS_ADMIN you see the sections of your own user.",
		.children = children,
	};
	struct showing showing = { .common = common };
	struct ndshm *ndshm;
	enum exit_code code;

	argp_parse(&argp, argc, argv, 0, NULL, &showing);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = show_section(ndshm, &showing);
	ndshm_close(ndshm);
	return code;
}

enum exit_code run_section(struct common *common, int argc, char **argv)
{
	static const struct word words[] = {
		{ "create", run_create },
		{ "show", run_show },
		{ 0 }
	};
	static const struct argp help = {
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Make and see sections: ranges of memory that processes share.\v"
		       "Commands:\n"
		       "  create      make a section, hold it, run a program with it\n"
		       "  show ID     one section, and how much of it is used\n"
		       "\n"
		       "\"ndshm section COMMAND --help\" tells more.",
	};

	return run_word(words, &help, argv[0], common, argc, argv);
}
