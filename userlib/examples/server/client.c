// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-client: requests an operation on texts from ndshm-server, through the section that both
 * map. It needs no access to /dev/ndshm: it receives the section from the server.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/say.h"
#include "call.h"
#include "client_options.h"

/* Returns the buffer size for the list, the contents and the result. */
static uint64_t memory_for(const struct client_options *options, uint64_t room)
{
	return options->count * sizeof(struct chunk) + 2 * room;
}

static uint64_t room_for(const struct client_options *options)
{
	uint64_t room = sizeof(uint32_t);

	for (uint32_t i = 0; i < options->count; i++)
		room += options->texts[i].iov_len;
	return room;
}

static void print(enum operation operation, const uint8_t *result, uint64_t length)
{
	if (operation == OPERATION_CRC32)
		printf("%02x%02x%02x%02x", result[3], result[2], result[1], result[0]);
	else
		fwrite(result, 1, length, stdout);
	putchar('\n');
}

/* Returns a remedy for `error`, or NULL. */
static const char *advice(int error)
{
	switch (error) {
	case -ENOENT:
	case -ECONNREFUSED:
		return "is ndshm-server running, with this --socket?";
	case -EACCES:
		return "the socket is not open to you: start the server with another --mode";
	case -EUSERS:
		return "the server has no room for one more client: try later, or start it with a "
		       "higher --clients or --size";
	case -ENOSPC:
		return "this client's memory is too small for that: say less, or start the server "
		       "with a higher --buffer";
	case -EPIPE:
	case -ECONNRESET:
		return "the server has gone: start it again";
	case -EAGAIN:
		return "the server does not answer: has it been stopped?";
	case -EPROTO:
		return "this is no server of ours: is --socket right?";
	default:
		return NULL;
	}
}

static int explain(const struct call *call, const char *failed, int error)
{
	if (advice(error))
		say("%s", advice(error));
	return say_failure(call->ndshm, failed, error);
}

static int ask(struct call *call, const struct client_options *options, uint64_t room)
{
	uint8_t *result = malloc(room);
	struct answer answer;
	int error;

	if (!result)
		return say_failure(NULL, "no memory", -ENOMEM);
	error = call_operate(call, options->operation, options->texts, options->count, result,
			     room, &answer);
	if (error)
		explain(call, "no answer", error);
	else if (answer.status != STATUS_SERVED)
		say("refused: %s", status_name(answer.status));
	else
		print(options->operation, result, answer.length);
	free(result);
	return error ? error : (int)answer.status;
}

int main(int argc, char **argv)
{
	struct client_options options;
	const char *failed;
	struct call call;
	uint64_t room;
	int error;

	client_options_parse(&options, argc, argv);
	room = room_for(&options);
	error = call_open(&call, options.socket, memory_for(&options, room), &failed);
	if (error)
		explain(&call, failed, error);
	else
		error = ask(&call, &options, room);
	call_close(&call);
	return error ? error < 0 ? EXIT_FAILURE : EXIT_REFUSED : EXIT_SUCCESS;
}
