// SPDX-License-Identifier: LGPL-2.1-or-later
#include <argp.h>
#include <string.h>

#include "client_options.h"

enum key {
	KEY_SOCKET = 's',
};

static const struct argp_option table[] = {
	{ "socket", KEY_SOCKET, "PATH", 0, "The server's", 1 },
	{ 0 }
};

static const char doc[] =
	"Have ndshm-server do something with texts that lie in the section it shares with us, and "
	"print the result."
	"\vOperations, on all texts one behind the other:\n"
	"  crc32    checksum, as of IEEE 802.3\n"
	"  upper    small letters become capitals\n"
	"  reverse  the last byte first\n\n"
	"Exit codes:\n"
	"  0  done\n"
	"  1  a failure; a message says which\n"
	"  2  wrong command line\n"
	"  3  the server refused; a message says why";

static void take_argument(struct argp_state *state, struct client_options *options, char *text)
{
	if (!options->operation) {
		for (uint32_t i = 1; i < OPERATIONS; i++)
			if (!strcmp(text, operation_name(i)))
				options->operation = i;
		if (!options->operation)
			argp_error(state, "%s is no operation", text);
		return;
	}
	if (options->count == PROTOCOL_CHUNKS)
		argp_error(state, "more than %d texts", PROTOCOL_CHUNKS);
	options->texts[options->count++] = (struct iovec){
		.iov_base = text, .iov_len = strlen(text),
	};
}

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct client_options *options = state->input;

	switch (key) {
	case KEY_SOCKET:
		options->socket = argument;
		break;
	case ARGP_KEY_ARG:
		take_argument(state, options, argument);
		break;
	case ARGP_KEY_END:
		if (!options->socket)
			argp_error(state, "--socket is missing");
		if (!options->count)
			argp_error(state, "say an operation, and at least one text");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

void client_options_parse(struct client_options *options, int argc, char **argv)
{
	static const struct argp argp = {
		.options = table, .parser = parse, .args_doc = "OPERATION TEXT...", .doc = doc,
	};

	*options = (struct client_options){ 0 };
	argp_err_exit_status = EXIT_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, options);
}
