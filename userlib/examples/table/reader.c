// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reader.h"

#define READER_TORN	10000

static int64_t reader_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int reader_open(struct reader *reader, const char *directory, int patience)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;

	*reader = (struct reader){ .directory = directory, .patience = patience };
	request.timeout = 1000;
	return ndshm_remote_open(&request, &reader->remote);
}

static void reader_disconnect(struct reader *reader)
{
	ndshm_remote_disconnect(reader->peer);
	reader->peer = NULL;
}

void reader_close(struct reader *reader)
{
	ndshm_remote_close(reader->remote);
}

/* The address and the blob are read each time: those of a new owner are new. */
static int reader_connect_once(struct reader *reader)
{
	struct table_header header;
	struct place place;
	int error;

	if (place_read_token(reader->directory, false, &place) ||
	    place_read(reader->directory, &place))
		return -ENOENT;
	error = ndshm_remote_connect(reader->remote, place.address, place.port, place.token,
				     sizeof(place.token), &reader->peer);
	if (error)
		return error;
	error = ndshm_remote_import(reader->peer, place.blob, sizeof(place.blob), &reader->range);
	if (!error)
		error = ndshm_remote_get(reader->range, 0, &header, sizeof(header));
	/* What another process says is validated before it is used as a size. */
	if (!error &&
	    (header.magic != TABLE_MAGIC || !header.slots ||
	     header.slots > ndshm_remote_range_length(reader->range) / sizeof(struct table_slot) ||
	     table_bytes(header.slots) > ndshm_remote_range_length(reader->range)))
		error = -EPROTO;
	if (error) {
		reader_disconnect(reader);
		return error;
	}
	reader->slots = header.slots;
	reader->connections++;
	return 0;
}

/* An owner that has ended is started again by somebody: wait for it, but not for ever. */
static int reader_connect(struct reader *reader)
{
	const int64_t end = reader_now() + reader->patience;
	int error;

	while ((error = reader_connect_once(reader)) && reader_now() < end)
		usleep(10000);
	return error == 0 ? 0 : -ETIMEDOUT;
}

int reader_get(struct reader *reader, const char *key, char value[TABLE_VALUE], size_t *length)
{
	struct table_slot slots[TABLE_PROBES];
	const struct table_slot *found;
	int error, torn = 0;

	/* An owner that writes all the time, or garbage, must not keep a reader for ever. */
	while (torn < READER_TORN) {
		error = reader->peer ? 0 : reader_connect(reader);
		if (error)
			return error;
		error = ndshm_remote_get(reader->range, table_offset(reader->slots, key), slots,
					 sizeof(slots));
		if (error) {
			/* A get changes nothing, so it is made again. */
			reader_disconnect(reader);
			continue;
		}
		reader->gets++;
		switch (table_find(slots, key, &found)) {
		case TABLE_TORN:
			reader->torn++;
			torn++;
			continue;
		case TABLE_NONE:
			return -ENOENT;
		case TABLE_FOUND:
			*length = found->value_length;
			memcpy(value, found->value, *length);
			return 0;
		}
	}
	return -EAGAIN;
}
