/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's side: a connection to one server, its section, and a buffer of this process in
 * it. Results are copied before use: the server may be trusted, but other clients can change the
 * section.
 */
#ifndef CALL_H
#define CALL_H

#include <stddef.h>
#include <sys/uio.h>

#include <ndshm/section.h>

#include "protocol.h"

struct call {
	struct ndshm *ndshm;		/* for reasons; needs no device */
	struct ndshm_section *section;
	int channel;
	bool own;			/* the buffer was allocated by this process */
	void *buffer;
	uint64_t offset;		/* offset of the buffer in the section */
	uint64_t length;		/* bytes of the buffer */
	uint64_t cookie;
};

/*
 * Connects to `path` and gets a buffer: one that the server lends, or else an allocation of
 * `length` bytes. On failure returns -errno and stores the failed step in *failed; call_close()
 * is needed in either case. -EUSERS: the server has no room for a client. -EPROTO: not an
 * ndshm-server.
 */
int call_open(struct call *call, const char *path, uint64_t length, const char **failed);
void call_close(struct call *call);

/*
 * Sends one request and receives its answer. -EPIPE: the server closed the connection. -EAGAIN:
 * timeout.
 */
int call_ask(struct call *call, struct request *request, struct answer *answer);

/*
 * Performs `operation` on chunks of private memory. On success answer->length bytes, at most
 * `room`, are written to `result` if answer->status is STATUS_SERVED. -ENOSPC: the buffer is too
 * small for the list, the chunks and the result.
 */
int call_operate(struct call *call, enum operation operation, const struct iovec *chunks,
		 uint32_t count, void *result, uint64_t room, struct answer *answer);

#endif /* CALL_H */
