// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm: command for administrators of ndshm.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

const char *argp_program_version = "ndshm " VERSION;

static const struct word subcommands[] = {
	{ "info", run_info },
	{ "list", run_list },
	{ "alloc", run_alloc },
	{ "section", run_section },
	{ "monitor", run_monitor },
	{ "quota", run_quota },
	{ "permit", run_permit },
	{ "bind", run_bind },
	{ "unbind", run_unbind },
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
	{ 0 }
};

static error_t parse_common(int key, char *argument, struct argp_state *state)
{
	struct common *common = state->input;

	switch (key) {
	case 'b':
		common->backend = argument;
		return 0;
	case 'j':
		common->json = true;
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

int main(int argc, char **argv)
{
	static const struct argp help = {
		.args_doc = "COMMAND [ARGUMENT...]",
		.doc = "See and use blocks of DMA-able memory.\v"
		       "Commands:\n"
		       "  info                      what the module can do, and this client's share\n"
		       "  list adapters             who does DMA, and how isolated they are\n"
		       "  list providers            where memory comes from\n"
		       "  list queues               receive queues and virtual ports of drivers\n"
		       "  list blocks               what is allocated, and whose it is\n"
		       "  list sections             what processes share, and how much of it is used\n"
		       "  alloc                     make blocks, show them, hold them\n"
		       "  section create            make a section, hold it, run a program with it\n"
		       "  section show ID           one section, and how much of it is used\n"
		       "  monitor                   what happens, as it happens\n"
		       "  quota [USER]              what a user has and may have\n"
		       "  permit adapter|provider NAME  who may use it\n"
		       "  bind PCI-ADDRESS          make an adapter of a PCI function\n"
		       "  unbind PCI-ADDRESS        give it back to its own driver\n"
		       "\n"
		       "\"ndshm COMMAND --help\" tells more. Exit status: 0 done, 1 failed, 2 wrong "
		       "usage.",
	};
	struct common common = { 0 };

	argp_err_exit_status = EXIT_USAGE;
	return run_word(subcommands, &help, "ndshm", &common, argc, argv);
}
