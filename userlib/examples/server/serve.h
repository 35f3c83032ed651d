/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handling of one request, from message to answer. The message, the list and the chunks are
 * untrusted, and the section can change at any time. Therefore each of them is copied once, then
 * checked, and only the copy is used.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stddef.h>

#include <ndshm/section.h>

#include "operate.h"
#include "protocol.h"

/* Private memory, reused for each request. */
struct serve {
	const struct ndshm_section *section;
	struct request request;
	struct chunk list[PROTOCOL_CHUNKS];
	size_t length;				/* bytes of the contents */
	uint8_t contents[PROTOCOL_CONTENTS];
};

_Static_assert(PROTOCOL_CONTENTS >= OPERATE_LEAST, "each result has a place");

/*
 * Returns the answer, also for an invalid request. `length` is the full length of the message;
 * `message` holds at most sizeof(struct request) bytes of it.
 */
struct answer serve(struct serve *serve, const void *message, size_t length);

#endif /* SERVE_H */
