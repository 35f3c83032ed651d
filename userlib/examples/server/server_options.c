// SPDX-License-Identifier: LGPL-2.1-or-later
#include <argp.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/arguments.h"
#include "server_options.h"

#define STAND_IN	"memfd:"
#define STAND_IN_BUFFER	(1U << 20)
#define UNSAID		UINT64_MAX

enum key {
	KEY_BACKEND = 'b',
	KEY_JSON = 'j',
	KEY_SOCKET = 's',
	KEY_BUFFER = 0x100,
	KEY_CLIENTS,
	KEY_MODE,
	KEY_SIZE,
	KEY_STATS,
};

static const struct argp_option table[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "Where clients come to; nothing may be there", 1 },
	{ "mode", KEY_MODE, "OCTAL", 0,
	  "Permissions of the socket: who may write to it may be a client (default 600)", 1 },
	{ "clients", KEY_CLIENTS, "N", 0, "At most N at a time (default 256)", 1 },
	{ "size", KEY_SIZE, "BYTES", 0,
	  "Of the section, which takes memory only as it is needed. K, M and G follow a "
	  "number (default 256M)", 2 },
	{ "buffer", KEY_BUFFER, "BYTES", 0,
	  "Lend each client so much of the section; 0: they allocate by themselves (default 0; "
	  "1M with memfd:, where only the server can allocate)", 2 },
	{ "backend", KEY_BACKEND, "WHERE", 0,
	  "The device, or memfd: for its stand-in (default: $NDSHM_BACKEND, or /dev/ndshm)", 2 },
	{ "stats", KEY_STATS, "SECONDS", 0,
	  "Print the counters each time these seconds are over", 3 },
	{ "json", KEY_JSON, NULL, 0, "One JSON object a line", 3 },
	{ 0 }
};

static const char doc[] =
	"Serve clients that share one section and do not trust each other."
	"\vPrints one line that begins with \"ready:\" (with --json: the event \"ready\") when "
	"clients can come, and the counters at the end. SIGINT and SIGTERM end it, and the section "
	"with it.\n\n"
	"Exit codes:\n"
	"  0  ended by a signal\n"
	"  1  a failure; a message says which\n"
	"  2  wrong command line";

/* Checks the options and computes the defaults that depend on others. */
static void complete(struct argp_state *state, struct server_options *options)
{
	const char *where = options->backend ? options->backend : getenv("NDSHM_BACKEND");
	bool stand_in = where && !strncmp(where, STAND_IN, strlen(STAND_IN));

	if (!options->socket || !*options->socket)
		argp_error(state, "--socket is missing");
	if (options->buffer == UNSAID)
		options->buffer = stand_in ? STAND_IN_BUFFER : 0;
	if (stand_in && !options->buffer)
		argp_error(state, "with %s only the server can allocate: --buffer must not be 0",
			   STAND_IN);
	if (options->buffer > options->size)
		argp_error(state, "--buffer is above --size");
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct server_options *options = state->input;

	switch (key) {
	case KEY_SOCKET:
		options->socket = argument;
		break;
	case KEY_BACKEND:
		options->backend = argument;
		break;
	case KEY_MODE:
		options->mode = argument_mode(state, argument);
		break;
	case KEY_CLIENTS:
		options->clients = argument_number(state, argument, 1, 65536);
		break;
	case KEY_SIZE:
		options->size = argument_size(state, argument, 4096, 1ULL << 46);
		break;
	case KEY_BUFFER:
		options->buffer = argument_size(state, argument, 0, 1ULL << 46);
		break;
	case KEY_STATS:
		options->stats = argument_number(state, argument, 1, 1000000000);
		break;
	case KEY_JSON:
		options->json = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "what is %s?", argument);
		break;
	case ARGP_KEY_END:
		complete(state, options);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void server_options_parse(struct server_options *options, int argc, char **argv)
{
	static const struct argp argp = { .options = table, .parser = parse, .doc = doc };

	*options = (struct server_options){
		.mode = 0600,
		.size = 256U << 20,
		.buffer = UNSAID,
		.clients = 256,
	};
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
