// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "call.h"
#include "channel.h"

#define ANSWER_SECONDS	30

static int set_patience(int channel)
{
	const struct timeval time = { .tv_sec = ANSWER_SECONDS };

	if (setsockopt(channel, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) ||
	    setsockopt(channel, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)))
		return -errno;
	return 0;
}

/*
 * Only this process writes to the buffer, unless another client is hostile. A lent buffer has
 * memory.
 */
static int find_buffer(struct call *call, const struct greeting *greeting, uint64_t length)
{
	if (greeting->buffer_length) {
		if (greeting->buffer % sizeof(struct chunk))
			return -EPROTO;
		call->offset = greeting->buffer;
		call->length = greeting->buffer_length;
		return ndshm_section_pointer(call->section, call->offset, call->length,
					     &call->buffer);
	}
	call->length = length;
	call->own = !ndshm_section_alloc(call->section, length, &call->buffer);
	if (!call->own)
		return -ENOMEM;
	return ndshm_section_offset(call->section, call->buffer, &call->offset);
}

static int be_greeted(struct call *call, uint64_t length, const char **failed)
{
	struct greeting greeting;
	int error;

	*failed = "no greeting, or no section in it";
	error = channel_be_greeted(call->channel, call->ndshm, &greeting, &call->section);
	if (error)
		return error;
	*failed = "the server turned us away";
	if (greeting.status != STATUS_SERVED)
		return -EUSERS;
	*failed = "no memory of the section";
	return find_buffer(call, &greeting, length);
}

int call_open(struct call *call, const char *path, uint64_t length, const char **failed)
{
	int error;

	*call = (struct call){ .channel = -1 };
	*failed = "cannot open section:";
	error = ndshm_open("section:", &call->ndshm);
	if (error)
		return error;
	*failed = "cannot connect";
	call->channel = channel_connect(path);
	if (call->channel < 0)
		return call->channel;
	error = set_patience(call->channel);
	return error ? error : be_greeted(call, length, failed);
}

void call_close(struct call *call)
{
	if (call->own)
		ndshm_section_free(call->section, call->buffer);
	ndshm_section_close(call->section);
	if (call->channel >= 0)
		close(call->channel);
	ndshm_close(call->ndshm);
	*call = (struct call){ .channel = -1 };
}

int call_ask(struct call *call, struct request *request, struct answer *answer)
{
	ssize_t length;

	request->cookie = ++call->cookie;
	if (send(call->channel, request, sizeof(*request), MSG_NOSIGNAL) < 0)
		return -errno;
	length = recv(call->channel, answer, sizeof(*answer), MSG_TRUNC);
	if (length <= 0)
		return length ? -errno : -EPIPE;
	return length == sizeof(*answer) && answer->cookie == request->cookie ? 0 : -EPROTO;
}

/* Writes the list to the start of the buffer, and the contents behind it. -ENOSPC: no room. */
static int put_chunks(const struct call *call, const struct iovec *chunks, uint32_t count,
		      uint64_t *end)
{
	struct chunk *list = call->buffer;

	*end = count * sizeof(*list);
	if (*end > call->length)
		return -ENOSPC;
	for (uint32_t i = 0; i < count; i++) {
		if (chunks[i].iov_len > call->length - *end)
			return -ENOSPC;
		memcpy((char *)call->buffer + *end, chunks[i].iov_base, chunks[i].iov_len);
		list[i].offset = call->offset + *end;
		list[i].length = chunks[i].iov_len;
		*end += chunks[i].iov_len;
	}
	return 0;
}

int call_operate(struct call *call, enum operation operation, const struct iovec *chunks,
		 uint32_t count, void *result, uint64_t room, struct answer *answer)
{
	struct request request = {
		.operation = operation,
		.chunks = count,
		.list = call->offset,
		.room = room,
	};
	uint64_t end;
	int error = put_chunks(call, chunks, count, &end);

	if (error)
		return error;
	if (room > call->length - end)
		return -ENOSPC;
	request.answer = call->offset + end;
	error = call_ask(call, &request, answer);
	if (error || answer->status != STATUS_SERVED)
		return error;
	if (answer->length > room)
		return -EPROTO;
	memcpy(result, (char *)call->buffer + end, answer->length);
	return 0;
}
