// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm: command for administrators of ndshm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

const char *argp_program_version = "ndshm " VERSION;

static subcommand run_help;

static const struct word subcommands[] = {
	{ "help", run_help },
	{ "info", run_info },
	{ "list", run_list },
	{ "ps", run_ps },
	{ "top", run_top },
	{ "plot", run_plot },
	{ "alloc", run_alloc },
	{ "section", run_section },
	{ "monitor", run_monitor },
	{ "quota", run_quota },
	{ "permit", run_permit },
	{ "bind", run_bind },
	{ "unbind", run_unbind },
	{ "exporter", run_exporter },
	{ 0 }
};

/* The list of words to choose from, and the chosen word with its index in argv. */
struct choice {
	struct common *common;
	const struct word *words;
	const struct word *chosen;
	int index;
};

static const struct argp_option common_options[] = {
	{ "backend", 'b', "WHERE", 0,
	  "Use \"memfd:\" (no module, no DMA) or the device WHERE instead of /dev/ndshm", 10 },
	{ "json", 'j', NULL, 0, "Print JSON", 10 },
	{ NULL, 'h', NULL, 0, "Same as --help", -1 },
	{ 0 }
};

/*
 * Usage errors in JSON. argp and getopt print to stderr and exit: while they parse, stderr
 * is a stream in memory, which end_capture() prints.
 */
static FILE *real_stderr;
static char *captured;
static size_t captured_size;

static void end_capture(void)
{
	if (!real_stderr)
		return;
	fclose(stderr);
	stderr = real_stderr;
	real_stderr = NULL;
	if (captured_size) {
		/* The first line is the error, the second one points to --help. */
		captured[strcspn(captured, "\n")] = '\0';
		print_errors_in_json();
		print_error_text(captured, NULL, NULL, NULL);
	}
	free(captured);
	captured = NULL;
}

static void begin_capture(struct argp_state *state)
{
	static bool registered;
	FILE *stream;

	if (real_stderr)
		return;
	if (!registered && atexit(end_capture))
		return;
	registered = true;
	stream = open_memstream(&captured, &captured_size);
	if (!stream)
		return;
	real_stderr = stderr;
	stderr = stream;
	state->err_stream = stream;
}

/*
 * Return true if an argument is --json. An error in an earlier argument is printed in JSON
 * as well.
 */
static bool has_json(const struct argp_state *state)
{
	for (int i = 1; i < state->argc && strcmp(state->argv[i], "--"); i++)
		if (!strcmp(state->argv[i], "--json") || !strcmp(state->argv[i], "-j"))
			return true;
	return false;
}

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
	struct common *common = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		if (common->json || has_json(state))
			begin_capture(state);
		return 0;
	case ARGP_KEY_SUCCESS:
		end_capture();
		return 0;
	case 'b':
		common->backend = argument;
		return 0;
	case 'j':
		common->json = true;
		print_errors_in_json();
		return 0;
	case 'h':
		argp_state_help(state, state->out_stream, ARGP_HELP_STD_HELP);
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp common_argp = {
	.options = common_options,
	.parser = parse_common,
};

static error_t parse_word(int key, char *argument, struct argp_state *state)
{
	struct choice *choice = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = choice->common;
		return 0;
	case ARGP_KEY_ARG:
		for (const struct word *word = choice->words; word->name; word++) {
			if (strcmp(argument, word->name))
				continue;
			choice->chosen = word;
			choice->index = state->next - 1;
			/* The subcommand parses the remaining arguments. */
			state->next = state->argc;
			return 0;
		}
		argp_error(state, "there is no command \"%s\"", argument);
		return EINVAL;
	case ARGP_KEY_NO_ARGS:
		argp_usage(state);
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

enum exit_code run_word(const struct word *words, const struct argp *help, const char *name,
			struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = {
		{ .argp = &common_argp },
		{ 0 }
	};
	const struct argp argp = {
		.parser = parse_word,
		.args_doc = help->args_doc,
		.doc = help->doc,
		.children = children,
	};
	struct choice choice = { .common = common, .words = words };

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &choice);
	argv += choice.index;
	argc -= choice.index;
	argv[0] = format_string("%s %s", name, choice.chosen->name);
	return choice.chosen->run(common, argc, argv);
}

static const struct argp main_help = {
	.args_doc = "COMMAND [ARGUMENT...]",
	.doc = "See and use blocks of DMA-able memory.\v"
	       "Commands:\n"
	       "  help [COMMAND...]         help for a command\n"
	       "  info                      what the module can do, and this client's share\n"
	       "  list adapters             who does DMA, and how isolated they are\n"
	       "  list providers            where memory comes from\n"
	       "  list queues               receive queues and virtual ports of drivers\n"
	       "  list blocks               what is allocated, and whose it is\n"
	       "  list sections             what processes share, and how much of it is used\n"
	       "  list reasons              why requests failed, and how often\n"
	       "  ps [processes|blocks|sections|claims]  which processes have it\n"
	       "  top                       the same, live\n"
	       "  plot [FILE]               a picture of what \"top\" has recorded\n"
	       "  alloc                     make blocks, show them, hold them\n"
	       "  section create            make a section, hold it, run a program with it\n"
	       "  section open NAME         run a program with a section that has a name\n"
	       "  section rm NAME           delete a section that has a name\n"
	       "  section show ID           one section, and how much of it is used\n"
	       "  monitor                   what happens, as it happens\n"
	       "  quota [USER]              what a user has and may have\n"
	       "  permit adapter|provider NAME  who may use it\n"
	       "  bind PCI-ADDRESS          make an adapter of a PCI function\n"
	       "  unbind PCI-ADDRESS        give it back to its own driver\n"
	       "  exporter                  metrics for Prometheus\n"
	       "\n"
	       "\"ndshm COMMAND --help\" tells more. Exit status: 0 done, 1 failed, 2 wrong "
	       "usage.",
};

static enum exit_code run_main(struct common *common, int argc, char **argv)
{
	return run_word(subcommands, &main_help, "ndshm", common, argc, argv);
}

/* "ndshm help WORD..." is "ndshm WORD... --help". */
struct help_arguments {
	struct common *common;
	char *words[4];
	int count;
};

static error_t parse_help(int key, char *argument, struct argp_state *state)
{
	struct help_arguments *arguments = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = arguments->common;
		return 0;
	case ARGP_KEY_ARG:
		/* A third word could be a program, and an option could do something. */
		if (state->arg_num > 1 || *argument == '-')
			argp_error(state, "\"%s\": unexpected argument; name one command", argument);
		arguments->words[arguments->count++] = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static enum exit_code run_help(struct common *common, int argc, char **argv)
{
	static const struct argp_child children[] = { { .argp = &common_argp }, { 0 } };
	static const struct argp argp = {
		.parser = parse_help,
		.args_doc = "[COMMAND...]",
		.doc = "Print help, for a command if one is given.",
		.children = children,
	};
	static char name[] = "ndshm", help[] = "--help";
	struct help_arguments arguments = { .common = common, .words = { name }, .count = 1 };

	argp_parse(&argp, argc, argv, 0, NULL, &arguments);
	arguments.words[arguments.count++] = help;
	return run_main(common, arguments.count, arguments.words);
}

int main(int argc, char **argv)
{
	struct common common = { 0 };

	argp_err_exit_status = EXIT_USAGE;
	return run_main(&common, argc, argv);
}
