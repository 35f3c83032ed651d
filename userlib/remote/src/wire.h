/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Messages: a header of WIRE_HEADER bytes, and `length` bytes of data. All numbers are in
 * little-endian byte order. A member that a kind does not use is 0.
 *
 *   kind     data   range   offset   value[0]  value[1]  reply
 *   IMPORT   proof  -       id       -         -         range, value: length, rights
 *   RELEASE  -      handle  -        -         -         yes
 *   PUT      bytes  handle  yes      -         -         no: FLUSH has its error
 *   GET      -      handle  yes      length    -         bytes, then a trailer
 *   ADD      -      handle  yes      value     -         value: old
 *   SWAP     -      handle  yes      expected  desired   value: old
 *   FLUSH    -      -       -        -         -         the first error of a put since the last
 *   PAIR     proof  handle  numbers  limits    -         range: key, start; offset: number,
 *                                                        limits; value: proof
 *   CHECK    -      handle  -        -         -         an error if the range is gone
 *
 * PAIR requests a queue pair for accesses by RDMA: its numbers are that of the peer's queue pair
 * and, from bit 32, that of its first packet, its limits the size of packets (enum ibv_mtu) and,
 * from bit 8, the number of reads in flight, and from bit 32 the peer's time limit in milliseconds,
 * or 0. The reply's limits are from bit 32 of its offset. Without numbers it ends such accesses.
 * CHECK has no handle if it only waits for the puts before.
 *
 * Replies come in the order of the requests. The bytes of a reply are followed by a trailer: the
 * reason why they are invalid, or 0.
 */
#ifndef NDSHM_REMOTE_WIRE_H
#define NDSHM_REMOTE_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define WIRE_HEADER	56U
#define WIRE_TRAILER	8U
#define WIRE_DATA	0x100000U	/* bytes of data of a message */
#define WIRE_PROOF	32U

enum wire_kind {
	WIRE_IMPORT = 1,
	WIRE_RELEASE,
	WIRE_PUT,
	WIRE_GET,
	WIRE_ADD,
	WIRE_SWAP,
	WIRE_FLUSH,
	WIRE_PAIR,
	WIRE_CHECK,
	WIRE_REPLY,
};

struct wire {
	uint32_t length;		/* of the data */
	uint32_t kind;
	uint32_t reason;
	uint64_t request;		/* a reply has that of its request; 0: no reply */
	uint64_t range;
	uint64_t offset;
	uint64_t value[2];
};

static inline void wire_put32(unsigned char *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static inline void wire_put64(unsigned char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static inline uint32_t wire_get32(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static inline uint64_t wire_get64(const unsigned char *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

static inline void wire_encode(const struct wire *wire, unsigned char bytes[WIRE_HEADER])
{
	wire_put32(bytes, wire->length);
	wire_put32(bytes + 4, wire->kind);
	wire_put32(bytes + 8, wire->reason);
	wire_put32(bytes + 12, 0);
	wire_put64(bytes + 16, wire->request);
	wire_put64(bytes + 24, wire->range);
	wire_put64(bytes + 32, wire->offset);
	wire_put64(bytes + 40, wire->value[0]);
	wire_put64(bytes + 48, wire->value[1]);
}

/* Returns false if the header is invalid for any kind. */
static inline bool wire_decode(const unsigned char bytes[WIRE_HEADER], struct wire *wire)
{
	wire->length = wire_get32(bytes);
	wire->kind = wire_get32(bytes + 4);
	wire->reason = wire_get32(bytes + 8);
	wire->request = wire_get64(bytes + 16);
	wire->range = wire_get64(bytes + 24);
	wire->offset = wire_get64(bytes + 32);
	wire->value[0] = wire_get64(bytes + 40);
	wire->value[1] = wire_get64(bytes + 48);
	return !wire_get32(bytes + 12) && wire->length <= WIRE_DATA;
}

/* Validate what the kind of a request says of its members. */
static inline bool wire_request_valid(const struct wire *wire)
{
	static const struct {
		bool request, range, offset, value, other;
		uint32_t least, most;	/* bytes of data */
	} rules[] = {
		[WIRE_IMPORT] = { true, false, true, false, false, WIRE_PROOF, WIRE_PROOF },
		[WIRE_RELEASE] = { true, true, false, false, false, 0, 0 },
		[WIRE_PUT] = { false, true, true, false, false, 1, WIRE_DATA },
		[WIRE_GET] = { true, true, true, true, false, 0, 0 },
		[WIRE_ADD] = { true, true, true, true, false, 0, 0 },
		[WIRE_SWAP] = { true, true, true, true, true, 0, 0 },
		[WIRE_FLUSH] = { true, false, false, false, false, 0, 0 },
		[WIRE_PAIR] = { true, true, true, true, false, WIRE_PROOF, WIRE_PROOF },
		[WIRE_CHECK] = { true, true, false, false, false, 0, 0 },
	};
	const uint32_t kind = wire->kind;

	if (!kind || kind >= sizeof(rules) / sizeof(rules[0]) || wire->reason)
		return false;
	if (wire->length < rules[kind].least || wire->length > rules[kind].most)
		return false;
	if (kind == WIRE_GET && (!wire->value[0] || wire->value[0] > WIRE_DATA))
		return false;
	return !wire->request == !rules[kind].request && (rules[kind].range || !wire->range) &&
	       (rules[kind].offset || !wire->offset) && (rules[kind].value || !wire->value[0]) &&
	       (rules[kind].other || !wire->value[1]);
}

#endif /* NDSHM_REMOTE_WIRE_H */
