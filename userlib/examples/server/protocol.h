/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol: messages of fixed length on a SOCK_SEQPACKET socket, which preserves message
 * boundaries. Larger data is in the section and is named by offsets, which are valid in every
 * process.
 *
 * The server sends a greeting with the section's descriptor. Then each request gets one answer,
 * in order. A client may have several requests in flight, but must read its answers: when they
 * fill the socket, the server drops the client.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_VERSION	1
#define PROTOCOL_CHUNKS		64		/* limit of one request */
#define PROTOCOL_CONTENTS	(1U << 20)	/* limit of all chunks, bytes */

struct greeting {
	uint32_t version;
	uint32_t status;	/* STATUS_SERVED, or STATUS_CLIENTS without a section */
	uint64_t buffer;	/* offset of the lent buffer, valid until the socket is closed */
	uint64_t buffer_length;	/* 0: no buffer is lent, and the client allocates */
};

/* Operations on the concatenated chunks. */
enum operation {
	OPERATION_CRC32 = 1,	/* IEEE 802.3; the result is four bytes, little-endian */
	OPERATION_UPPER,	/* converts ASCII to upper case */
	OPERATION_REVERSE,	/* reverses the bytes */
	OPERATIONS
};

struct request {
	uint64_t cookie;	/* returned with the answer */
	uint32_t operation;
	uint32_t chunks;
	uint64_t list;		/* offset of an array of `chunks` struct chunk */
	uint64_t answer;	/* offset for the result */
	uint64_t room;		/* bytes available at `answer` */
};

struct chunk {
	uint64_t offset;
	uint64_t length;
};

enum status {
	STATUS_SERVED,
	STATUS_MESSAGE,		/* invalid message length */
	STATUS_OPERATION,	/* unknown operation */
	STATUS_CHUNKS,		/* none or too many chunks */
	STATUS_LIST_RANGE,	/* not within the section */
	STATUS_LIST_MEMORY,	/* within the section, but without memory */
	STATUS_CHUNK_RANGE,
	STATUS_CHUNK_MEMORY,
	STATUS_LENGTH,		/* the chunks exceed PROTOCOL_CONTENTS */
	STATUS_ROOM,		/* the result exceeds `room` */
	STATUS_ANSWER_RANGE,
	STATUS_ANSWER_MEMORY,	/* the result may have been written in part */
	STATUS_CLIENTS,		/* too many clients; in a greeting only */
	STATUSES
};

struct answer {
	uint64_t cookie;
	uint32_t status;
	uint32_t reserved;	/* 0 */
	uint64_t length;	/* bytes of the result, 0 unless served */
};

/* Return a name such as "crc32" and "chunk-range"; never NULL. */
const char *operation_name(uint32_t operation);
const char *status_name(uint32_t status);

#endif /* PROTOCOL_H */
