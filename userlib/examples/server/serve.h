/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One request, from a message to an answer. The message, what it points to, and what
 * that points to are a stranger's, and what lies in the section may change while it is
 * looked at. So each thing is copied once, then checked, then used.
 */
#ifndef SERVE_H
#define SERVE_H

#include <stddef.h>

#include <ndshm/section.h>

#include "operate.h"
#include "protocol.h"

/* Private memory, for one request at a time. */
struct serve {
	const struct ndshm_section *section;
	struct request request;
	struct piece list[PROTOCOL_PIECES];
	size_t length;				/* of the contents */
	uint8_t contents[PROTOCOL_CONTENTS];
};

_Static_assert(PROTOCOL_CONTENTS >= OPERATE_LEAST, "each result has a place");

/*
 * `length` is that of the message, even if `message` holds only as much of it as a
 * request is long. Whatever was asked, there is an answer to send.
 */
struct answer serve(struct serve *serve, const void *message, size_t length);

#endif /* SERVE_H */
