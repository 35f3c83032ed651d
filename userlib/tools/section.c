// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm section create|open|rm|show
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ndshm/admin.h>
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
	uint64_t max_section;	/* of ndshm_get_info() */
	bool access;		/* --group or --mode was given */
	bool hold;
	bool readonly;
	char **program;		/* argv of the program, with a final NULL; NULL: none */
};

/* Options without a letter. */
enum { OPTION_NAME = 256, OPTION_GROUP, OPTION_MODE, OPTION_OWNER, OPTION_REVOKE,
       OPTION_ID, OPTION_DUMP };

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
	{ "dump", OPTION_DUMP, NULL, 0, "Have it in core dumps of processes that map it", 0 },
	{ "name", OPTION_NAME, "NAME", 0, "Name, by which others can open it while it lives", 0 },
	{ "group", OPTION_GROUP, "GROUP", 0, "Group for --mode (the group of this process)", 0 },
	{ "mode", OPTION_MODE, "MODE", 0, "Who may open it by its name, in octal (0600)", 0 },
	{ 0 }
};

static void parse_mode_or_end(struct argp_state *state, const char *argument, uint32_t *mode)
{
	char *end;
	unsigned long bits = strtoul(argument, &end, 8);

	if (*argument < '0' || *argument > '7' || *end || bits > 0777)
		argp_error(state, "\"%s\": not a mode; use octal digits up to 0777", argument);
	*mode = bits;
}

static void parse_length_or_end(struct argp_state *state, const char *argument, uint64_t *length)
{
	const char *problem = parse_size(argument, length);

	if (problem)
		argp_error(state, "\"%s\": %s", argument, problem);
}

/* Check for invalid combinations of options. */
static void check_creation(struct argp_state *state, const struct creation *creation)
{
	if (!creation->has_max)
		argp_error(state, "--max: missing; give the maximum size");
	if (creation->readonly && !creation->program)
		argp_error(state, "--readonly: no PROGRAM gets the descriptor; name one");
	if (creation->access && !creation->request.name)
		argp_error(state, "--group, --mode: the section has no name; use --name");
	if (creation->hold && creation->program)
		argp_error(state, "--hold: PROGRAM holds the section; omit the option");
	if (creation->common->json && creation->program)
		argp_error(state, "--json: all output is that of PROGRAM; omit the option");
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
			argp_error(state, "\"%s\": not a NUMA node; use a number, or any", argument);
		return 0;
	case 'w':
		if (!parse_number(argument, UINT32_MAX, &creation->width))
			argp_error(state, "\"%s\": not an address width; use a number of bits", argument);
		return 0;
	case 'H':
		creation->hold = true;
		return 0;
	case 'r':
		creation->readonly = true;
		return 0;
	case OPTION_DUMP:
		request->flags |= NDSHM_CREATE_DUMP;
		return 0;
	case OPTION_NAME:
		request->name = argument;
		return 0;
	case OPTION_GROUP:
		if (!find_group(argument, &request->group))
			argp_error(state, "\"%s\": no such group; use a name or a number", argument);
		creation->access = true;
		return 0;
	case OPTION_MODE:
		parse_mode_or_end(state, argument, &request->mode);
		creation->access = true;
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
	creation->max_section = info.max_section;
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
	const char *adapter = adapter_name(names, info->adapter);
	const char *provider = provider_name(names, info->provider);
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
	return code;
}

static enum exit_code show_and_hold(struct ndshm *ndshm, const struct creation *creation,
				    const struct ndshm_section_info *info)
{
	struct names names = { 0 };
	enum exit_code code;
	int signals = -1, error = get_names(ndshm, &names);

	/* Where netlink is not permitted they are shown by their ids. */
	if (error && error != -EAFNOSUPPORT) {
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
				  bool readonly, char **program, uint32_t id)
{
	enum exit_code code = EXIT_FAILED;
	int shared, fd, error;

	error = ndshm_section_share(section, readonly ? NDSHM_SHARE_READONLY : 0, &shared);
	if (error)
		return cannot_ndshm(ndshm, error, "share the section");
	fd = make_inherited(shared);
	error = fd < 0 ? fd : set_number(SECTION_FD, fd);
	if (!error)
		error = set_number(SECTION_ID, id);
	if (!error) {
		execvp(program[0], program);
		error = -errno;
		code = error == -ENOENT ? EXIT_NO_PROGRAM : EXIT_CANNOT_RUN;
	}
	cannot_errno(error, "run \"%s\"", program[0]);
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
		return cannot_length(ndshm, error, creation->max_section, "max_section_bytes",
				     "create a section");
	error = ndshm_section_query(section, &info);
	if (error)
		code = cannot_ndshm(ndshm, error, "query the section");
	else if (creation->program)
		code = run_program(ndshm, section, creation->readonly, creation->program, info.id);
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
 * ndshm section open and rm
 */

struct naming {
	struct common *common;
	const char *name;
	bool by_id;		/* no name, but an id */
	uint64_t id;
	uint32_t owner;
	uint32_t flags;		/* of ndshm_section_open() or ndshm_section_delete() */
	bool run;		/* takes a program */
	char **program;
};

static const struct argp_option open_options[] = {
	{ "owner", OPTION_OWNER, "USER", 0, "Who made it (you)", 0 },
	{ "readonly", 'r', NULL, 0, "Give PROGRAM a descriptor that can never write", 0 },
	{ 0 }
};

static const struct argp_option rm_options[] = {
	{ "owner", OPTION_OWNER, "USER", 0, "Who made it (you)", 0 },
	{ "force", 'f', NULL, 0, "Even if other processes have memory of it", 0 },
	{ "revoke", OPTION_REVOKE, NULL, 0, "Likewise, and take it from those that map it", 0 },
	{ "id", OPTION_ID, "ID", 0, "Delete the section with this id, with or without a name, as --revoke does",
	  0 },
	{ 0 }
};

static void parse_id_or_end(struct argp_state *state, const char *argument, uint64_t *id)
{
	if (!parse_number(argument, UINT32_MAX, id))
		argp_error(state, "\"%s\": not the id of a section; see \"ndshm list sections\"",
			   argument);
}

/* Check for invalid combinations of options. */
static void check_naming(struct argp_state *state, const struct naming *naming)
{
	/* One of both. */
	if (!naming->name != naming->by_id || (naming->run && !naming->program))
		argp_usage(state);
	if (naming->by_id && naming->owner != NDSHM_OWNER_SELF)
		argp_error(state, "--owner: a section's id is unique; omit the option");
	if (naming->run && naming->common->json)
		argp_error(state, "--json: all output is that of PROGRAM; omit the option");
}

static void parse_name_argument(struct argp_state *state, struct naming *naming, char *argument)
{
	if (!naming->name) {
		naming->name = argument;
	} else if (naming->run) {
		naming->program = &state->argv[state->next - 1];
		state->next = state->argc;
	} else {
		argp_error(state, "\"%s\": unexpected argument; omit it", argument);
	}
}

static error_t parse_naming(int key, char *argument, struct argp_state *state)
{
	struct naming *naming = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = naming->common;
		return 0;
	case OPTION_OWNER:
		if (!find_user(argument, &naming->owner))
			argp_error(state, "\"%s\": no such user; use a name or a number", argument);
		return 0;
	case OPTION_REVOKE:
		naming->flags |= NDSHM_DELETE_REVOKE;
		return 0;
	case OPTION_ID:
		parse_id_or_end(state, argument, &naming->id);
		naming->by_id = true;
		return 0;
	case 'f':
		naming->flags |= NDSHM_DELETE_FORCE;
		return 0;
	case 'r':
		naming->flags |= NDSHM_OPEN_READONLY;
		return 0;
	case ARGP_KEY_ARG:
		parse_name_argument(state, naming, argument);
		return 0;
	case ARGP_KEY_END:
		check_naming(state, naming);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum exit_code run_open(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = open_options,
		.parser = parse_naming,
		.args_doc = "NAME PROGRAM [ARGUMENT...]",
		.doc = "Run PROGRAM with a descriptor of a section that has a name.\v"
		       "The environment, the output and the exit status are as with "
		       "\"ndshm section create\".",
		.children = children,
	};
	struct naming naming = { .common = common, .owner = NDSHM_OWNER_SELF, .run = true };
	struct ndshm_section_info info;
	struct ndshm_section *section;
	struct ndshm *ndshm;
	enum exit_code code;
	int error;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &naming);
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	error = ndshm_section_open(ndshm, naming.owner, naming.name, naming.flags, &section);
	if (error) {
		code = cannot_ndshm(ndshm, error, "open section \"%s\"", naming.name);
	} else {
		error = ndshm_section_query(section, &info);
		code = error ? cannot_ndshm(ndshm, error, "query the section") :
			       run_program(ndshm, section, naming.flags, naming.program, info.id);
		ndshm_section_close(section);
	}
	ndshm_close(ndshm);
	return code;
}

/* Sets *id to 0 if the caller sees no such section. By its id the owner can delete it whatever its mode. */
static int find_name(struct ndshm *ndshm, const struct naming *naming, uint64_t *id)
{
	const uint32_t owner = naming->owner == NDSHM_OWNER_SELF ? geteuid() : naming->owner;
	struct ndshm_section_row *rows;
	size_t count;
	int error = ndshm_list_sections(ndshm, &rows, &count);

	*id = 0;
	if (error)
		return error;
	for (size_t i = 0; i < count; i++)
		if (rows[i].uid == owner && !strcmp(rows[i].name, naming->name))
			*id = rows[i].id;
	free(rows);
	return 0;
}

static enum exit_code delete_section(struct ndshm *ndshm, struct naming *naming)
{
	char *what = naming->by_id ? format_string("%" PRIu64, naming->id) :
				     format_string("\"%s\"", naming->name);
	enum exit_code code = EXIT_DONE;
	int error = 0;

	if (!naming->by_id)
		error = is_stand_in(naming->common, ndshm) ? -EOPNOTSUPP :
							     find_name(ndshm, naming, &naming->id);
	if (!error)
		error = naming->id ? ndshm_delete_section_id(ndshm, naming->id, naming->flags) : -ENOENT;
	if (error == -ENOENT)
		code = cannot_reason("it is not there, or not yours: try \"ndshm list sections\"", NULL,
				     error, "delete section %s", what);
	else if (error)
		code = cannot_ndshm(ndshm, error, "delete section %s", what);
	free(what);
	return code;
}

static enum exit_code run_rm(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.options = rm_options,
		.parser = parse_naming,
		.args_doc = "NAME\n--id=ID",
		.doc = "Delete a section, by its name or its id.\v"
		       "Only the user that made it and CAP_SYS_ADMIN may. By its id it can be deleted "
		       "when only mappings or dma-bufs of other processes keep it.",
		.children = children,
	};
	struct naming naming = { .common = common, .owner = NDSHM_OWNER_SELF };
	enum exit_code code;
	struct ndshm *ndshm;

	argp_parse(&argp, argc, argv, 0, NULL, &naming);
	if (naming.by_id)
		naming.flags |= NDSHM_DELETE_REVOKE;
	ndshm = open_client(common);
	if (!ndshm)
		return EXIT_FAILED;
	code = delete_section(ndshm, &naming);
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
			argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		parse_id_or_end(state, argument, &showing->id);
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return 0;
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
	const char *adapter = adapter_name(names, row->adapter);
	const char *provider = provider_name(names, row->provider);
	char *name = format_string("%s", row->name);

	make_printable(name);
	printf("id         %" PRIu32 "\n", row->id);
	if (*name)
		printf("name       %s, group %" PRIu32 ", mode %04" PRIo32 "\n", name, row->gid,
		       row->mode);
	printf("adapter    %s\n"
	       "provider   %s\n"
	       "user       %s\n"
	       "state      %s\n"
	       "extents    %" PRIu32 "\n"
	       "holders    %" PRIu32 "\n"
	       "max        %" PRIu64 " bytes\n"
	       "initial    %" PRIu64 " bytes\n"
	       "committed  %" PRIu64 " bytes\n"
	       "taken      %" PRIu64 " bytes\n",
	       adapter, provider, cached_user(row->uid), section_state(row), row->extents, row->holders,
	       row->max_size, row->initial_size, row->committed, row->taken);
	print_picture(row);
	free(name);
	return end_output();
}

/* Search the sections that the caller may see. */
static enum exit_code find_section(const struct common *common, struct ndshm *ndshm, uint32_t id,
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
	return cannot_reason(is_stand_in(common, ndshm) ?
			     "without the module only the process that made it can see it" :
			     "it is not there, or not yours to see: try \"ndshm list sections\"",
			     NULL, -ENOENT, "show section %" PRIu32, id);
}

static enum exit_code show_section(struct ndshm *ndshm, const struct showing *showing)
{
	struct ndshm_section_row row;
	struct names names = { 0 };
	enum exit_code code = find_section(showing->common, ndshm, showing->id, &row);
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
	ndshm = open_viewer(common);
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
		{ "open", run_open },
		{ "rm", run_rm },
		{ "show", run_show },
		{ 0 }
	};
	static const struct argp help = {
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "Make and see sections: ranges of memory that processes share.\v"
		       "Commands:\n"
		       "  create      make a section, hold it, run a program with it\n"
		       "  open NAME   run a program with a section that has a name\n"
		       "  rm NAME     delete a section, by its name or its id\n"
		       "  show ID     one section, and how much of it is used\n"
		       "\n"
		       "\"ndshm section COMMAND --help\" tells more.",
	};

	return run_word(words, &help, argv[0], common, argc, argv);
}
