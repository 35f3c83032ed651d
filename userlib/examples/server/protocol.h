/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the server and its clients say to each other: messages of a fixed length, on a
 * socket that keeps them apart (SOCK_SEQPACKET). What is longer lies in the section and
 * is named by offsets, which mean the same in every process.
 *
 * The server greets; with the greeting comes the section's descriptor. Then each
 * request gets one answer, in order. A client may have several under way. It has to
 * read its answers: who leaves more of them than a socket holds is dropped.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_VERSION	1
#define PROTOCOL_PIECES		64		/* of one request, at most */
#define PROTOCOL_CONTENTS	(1U << 20)	/* bytes of all of them, at most */

struct greeting {
	uint32_t version;
	uint32_t status;	/* STATUS_SERVED, or STATUS_CLIENTS: no section comes */
	uint64_t buffer;	/* memory lent until the socket is closed, as an offset */
	uint64_t buffer_length;	/* 0: it has none, and allocates */
};

/* What is done with the contents of all pieces, one behind the other. */
enum operation {
	OPERATION_CRC32 = 1,	/* that of IEEE 802.3: four bytes, the lowest first */
	OPERATION_UPPER,	/* ASCII's small letters become capitals */
	OPERATION_REVERSE,	/* the last byte first */
	OPERATIONS
};

struct request {
	uint64_t cookie;	/* comes back with the answer */
	uint32_t operation;
	uint32_t pieces;
	uint64_t list;		/* where so many struct piece are */
	uint64_t answer;	/* where the result is to go */
	uint64_t room;		/* bytes that are there for it */
};

struct piece {
	uint64_t offset;
	uint64_t length;
};

enum status {
	STATUS_SERVED,
	STATUS_MESSAGE,		/* not as long as a request */
	STATUS_OPERATION,	/* there is no such */
	STATUS_PIECES,		/* none, or too many */
	STATUS_LIST_RANGE,	/* not within the section */
	STATUS_LIST_MEMORY,	/* within the section, but no memory is there */
	STATUS_PIECE_RANGE,
	STATUS_PIECE_MEMORY,
	STATUS_LENGTH,		/* the pieces are too long together */
	STATUS_ROOM,		/* the result is longer */
	STATUS_ANSWER_RANGE,
	STATUS_ANSWER_MEMORY,	/* something of the result may have been written */
	STATUS_CLIENTS,		/* no room for one more; in a greeting only */
	STATUSES
};

struct answer {
	uint64_t cookie;
	uint32_t status;
	uint32_t reserved;	/* 0 */
	uint64_t length;	/* of the result, which was written if it was served */
};

/* Such as "crc32" and "piece-range"; never NULL. */
const char *operation_name(uint32_t operation);
const char *status_name(uint32_t status);

#endif /* PROTOCOL_H */
