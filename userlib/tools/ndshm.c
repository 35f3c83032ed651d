// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm: command for administrators of ndshm.
 */
#include <langinfo.h>
#include <locale.h>
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
	{ "alloc", run_alloc },
	{ "free", run_free },
	{ "section", run_section },
	{ "monitor", run_monitor },
	{ "bind", run_bind },
	{ "unbind", run_unbind },
	{ "metrics", run_metrics },
	{ 0 }
};

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
	       "  ps [processes|blocks|sections|claims]  which processes have it\n"
	       "  top                       the same, live\n"
	       "  alloc                     make blocks, show them, hold them\n"
	       "  free ID                   take a block from all that have it\n"
	       "  section create            make a section, hold it, run a program with it\n"
	       "  section open NAME         run a program with a section that has a name\n"
	       "  section rm NAME           delete a section, by its name or its id\n"
	       "  section show ID           one section, and how much of it is used\n"
	       "  monitor                   what comes and goes: adapters, claims, ...\n"
	       "  bind DEVICE               make an adapter of a PCI or platform device\n"
	       "  unbind DEVICE             give it back to its own driver\n"
	       "  metrics                   blocks, sections and adapters as OpenMetrics\n"
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

	/* Names in UTF-8 are printed, and are valid in JSON; with another character set only ASCII. */
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8"))
		setlocale(LC_CTYPE, "C");
	argp_err_exit_status = EXIT_USAGE;
	return run_main(&common, argc, argv);
}
