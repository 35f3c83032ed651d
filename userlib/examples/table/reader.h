/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A reader of the table, which survives owners.
 */
#ifndef READER_H
#define READER_H

#include "place.h"
#include "table.h"

struct reader {
	const char *directory;
	struct ndshm_remote *remote;
	struct ndshm_remote_peer *peer;		/* NULL: not connected */
	struct ndshm_remote_range *range;
	uint32_t slots;
	int patience;				/* ms to wait for an owner */

	uint64_t gets;
	uint64_t torn;
	uint64_t connections;
};

/* Return 0, or a negative errno. */
int reader_open(struct reader *reader, const char *directory, int patience);
void reader_close(struct reader *reader);
/*
 * Copy the value of a key. -ENOENT: there is none. -ETIMEDOUT: no owner came. -EAGAIN: the
 * slots were torn too often.
 */
int reader_get(struct reader *reader, const char *key, char value[TABLE_VALUE], size_t *length);

#endif /* READER_H */
