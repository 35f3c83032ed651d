/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The client's end: one server, one section, and this process's memory in there. What
 * comes back is copied before it is looked at: the server may be honest, the other
 * clients need not be.
 */
#ifndef CALL_H
#define CALL_H

#include <stddef.h>
#include <sys/uio.h>

#include <ndshm/section.h>

#include "protocol.h"

struct call {
	struct ndshm *ndshm;		/* for reasons; a client of no device */
	struct ndshm_section *section;
	int channel;
	bool own;			/* the buffer was allocated here */
	void *buffer;
	uint64_t offset;		/* of the buffer in the section */
	uint64_t length;		/* of the buffer */
	uint64_t cookie;
};

/*
 * With `length` bytes of the section at least, or what the server lends. -errno, and
 * *failed is what could not be done; call_close() in any case. -EUSERS: the server has
 * as many clients as it may. -EPROTO: no server of this kind.
 */
int call_open(struct call *call, const char *path, uint64_t length, const char **failed);
void call_close(struct call *call);

/* One request, and its answer. -EPIPE: the server has gone. -EAGAIN: no answer in time. */
int call_ask(struct call *call, struct request *request, struct answer *answer);

/*
 * An operation on pieces of private memory, into private memory: `result` has room for
 * `room` bytes, of which answer->length have been written if it was served. -ENOSPC: the
 * buffer is too small for all that.
 */
int call_operate(struct call *call, enum operation operation, const struct iovec *pieces,
		 uint32_t count, void *result, uint64_t room, struct answer *answer);

#endif /* CALL_H */
