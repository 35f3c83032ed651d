// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Common options, errors of usage in JSON, and the selection of a subcommand.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

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
	case ARGP_KEY_ARG:
		/* Of a command whose own parser takes none. */
		argp_error(state, "\"%s\": unexpected argument; omit it", argument);
		return EINVAL;
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
