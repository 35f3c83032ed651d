// SPDX-License-Identifier: LGPL-2.1-or-later
#include <string.h>

#include "hostile.h"

#define LISTS		4096		/* bytes for the list, before the contents */
#define CHUNK_MAX	512
#define CONTENTS	(HOSTILE_MEMORY - LISTS - CHUNK_MAX)
#define USUAL_CHUNKS	8

uint64_t hostile_random(struct hostile *hostile)
{
	/* splitmix64 */
	uint64_t value = hostile->random += 0x9e3779b97f4a7c15;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
	value = (value ^ value >> 27) * 0x94d049bb133111eb;
	return value ^ value >> 31;
}

uint64_t hostile_below(struct hostile *hostile, uint64_t limit)
{
	return hostile_random(hostile) % limit;
}

/* Valid requests */

static void make_good(struct hostile *hostile)
{
	struct request *request = &hostile->request;
	uint64_t most = hostile_below(hostile, 8) ? USUAL_CHUNKS : PROTOCOL_CHUNKS;
	uint64_t total = 0;

	*request = (struct request){
		.cookie = hostile_random(hostile),
		.operation = 1 + hostile_below(hostile, OPERATIONS - 1),
		.chunks = 1 + hostile_below(hostile, most),
		.list = hostile->own + hostile_below(hostile, 64) * 8,
		.answer = hostile->results + hostile_below(hostile, 4096),
	};
	for (uint32_t i = 0; i < request->chunks; i++) {
		hostile->list[i].length = hostile_below(hostile, CHUNK_MAX);
		hostile->list[i].offset = hostile->own + LISTS + hostile_below(hostile, CONTENTS);
		total += hostile->list[i].length;
	}
	request->room = total + sizeof(uint32_t) + hostile_below(hostile, 64);
}

/* Mutations */

/* Returns a value at or near a limit, or a random one. */
static uint64_t edge(struct hostile *hostile)
{
	const uint64_t edges[] = {
		0, 4096, UINT32_MAX, 1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX,
		PROTOCOL_CHUNKS, PROTOCOL_CONTENTS, -(uint64_t)PROTOCOL_CONTENTS,
		ndshm_section_size(hostile->section), -ndshm_section_size(hostile->section),
		hostile->own, hostile->own + HOSTILE_MEMORY, -hostile->own, hostile->results,
		hostile->unused,
	};
	uint64_t number = edges[hostile_below(hostile, sizeof(edges) / sizeof(edges[0]))];

	switch (hostile_below(hostile, 4)) {
	case 0:
		return hostile_random(hostile) >> hostile_below(hostile, 64);
	case 1:
		return hostile_below(hostile, ndshm_section_size(hostile->section));
	default:
		return number + hostile_below(hostile, 65) - 32;
	}
}

static void turn_bit(struct hostile *hostile, void *bytes, size_t length)
{
	uint64_t bit = hostile_below(hostile, length * 8);

	((uint8_t *)bytes)[bit / 8] ^= 1 << bit % 8;
}

static void spoil(struct hostile *hostile)
{
	struct request *request = &hostile->request;
	struct chunk *chunk = &hostile->list[hostile_below(hostile, USUAL_CHUNKS)];

	switch (hostile_below(hostile, 10)) {
	case 0:
		request->operation = edge(hostile);
		break;
	case 1:
		request->chunks = edge(hostile);
		break;
	case 2:
		request->list = edge(hostile);
		break;
	case 3:
		request->answer = edge(hostile);
		break;
	case 4:
		request->room = edge(hostile);
		break;
	case 5:
		chunk->offset = edge(hostile);
		break;
	case 6:
		chunk->length = edge(hostile);
		break;
	case 7:
		turn_bit(hostile, request, sizeof(*request));
		break;
	case 8:
		turn_bit(hostile, chunk, sizeof(*chunk));
		break;
	case 9:
		/* The result overlaps its request, which is valid. */
		request->answer = hostile_below(hostile, 2) ? request->list : chunk->offset;
		break;
	}
}

static bool within(uint64_t offset, uint64_t length, uint64_t start, uint64_t end)
{
	return offset >= start && offset < end && length <= end - offset;
}

static bool is_own(const struct hostile *hostile, uint64_t offset, uint64_t length)
{
	return within(offset, length, hostile->own, hostile->own + HOSTILE_MEMORY);
}

static bool is_for_results(const struct hostile *hostile, uint64_t offset, uint64_t length)
{
	return within(offset, length, hostile->results, hostile->results + HOSTILE_MEMORY) ||
	       (hostile->overlaps && is_own(hostile, offset, length));
}

static void leave_others(struct hostile *hostile)
{
	uint64_t *answer = &hostile->request.answer, most = hostile->request.room;

	if (most > PROTOCOL_CONTENTS)
		most = PROTOCOL_CONTENTS;
	if (*answer < hostile->unused && !is_for_results(hostile, *answer, most))
		*answer = hostile->unused + hostile_below(hostile, 1 << 20);
}

void hostile_make(struct hostile *hostile)
{
	uint64_t spoilt = hostile_below(hostile, 4);
	uint64_t list;

	make_good(hostile);
	list = hostile->request.list;
	while (spoilt--)
		spoil(hostile);
	leave_others(hostile);
	/* Fails if another thread has freed the memory; the list is then not written. */
	ndshm_section_write(hostile->section, list, hostile->list, sizeof(hostile->list));
}

/* Predictions */

struct judged {
	struct chunk list[PROTOCOL_CHUNKS];
	uint64_t length;	/* bytes of the contents */
	uint64_t result;	/* bytes of the result */
	bool own;		/* uses memory of this client only */
};

/* Returns true if the request or its list is invalid. The list counts if it is in own memory. */
static bool is_bad(const struct hostile *hostile, struct judged *judged)
{
	const uint64_t size = ndshm_section_size(hostile->section);
	const struct request *request = &hostile->request;

	*judged = (struct judged){ .own = true };
	if (request->operation < 1 || request->operation > 3 || request->chunks < 1 ||
	    request->chunks > PROTOCOL_CHUNKS ||
	    !within(request->list, request->chunks * 16ULL, 0, size) ||
	    !within(request->answer, request->room, 0, size))
		return true;
	judged->own = is_own(hostile, request->list, request->chunks * 16ULL) &&
		      !ndshm_section_read(hostile->section, request->list, judged->list,
					  request->chunks * 16ULL);
	if (!judged->own)
		return false;
	for (uint32_t i = 0; i < request->chunks; i++) {
		const struct chunk *chunk = &judged->list[i];

		if (!within(chunk->offset, chunk->length, 0, size) ||
		    chunk->length > PROTOCOL_CONTENTS)
			return true;
		judged->length += chunk->length;
		if (chunk->length && !is_own(hostile, chunk->offset, chunk->length))
			judged->own = false;
	}
	judged->result = request->operation == OPERATION_CRC32 ? 4 : judged->length;
	if (judged->length > PROTOCOL_CONTENTS || judged->result > request->room)
		return true;
	if (judged->result && !is_for_results(hostile, request->answer, judged->result))
		judged->own = false;
	return false;
}

enum verdict hostile_judge(const struct hostile *hostile)
{
	struct judged judged;

	if (is_bad(hostile, &judged))
		return VERDICT_REFUSED;
	return judged.own ? VERDICT_SERVED : VERDICT_EITHER;
}

/* Bit by bit, independent of the server's table. */
static uint32_t crc_of(const uint8_t *bytes, size_t length)
{
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < length * 8; i++) {
		uint32_t bit = (bytes[i / 8] >> i % 8 ^ crc) & 1;

		crc >>= 1;
		if (bit)
			crc ^= 0xedb88320;
	}
	return crc ^ 0xffffffff;
}

static void upper_of(const uint8_t *bytes, size_t length, uint8_t *result)
{
	for (size_t i = 0; i < length; i++)
		result[i] = bytes[i] && strchr("abcdefghijklmnopqrstuvwxyz", bytes[i]) ?
			    bytes[i] - 32 : bytes[i];
}

size_t hostile_result(uint32_t operation, const uint8_t *contents, size_t length,
		      uint8_t *result)
{
	uint32_t crc;

	switch (operation) {
	case OPERATION_CRC32:
		crc = crc_of(contents, length);
		for (int i = 0; i < 4; i++)
			result[i] = crc >> 8 * i & 0xff;
		return 4;
	case OPERATION_UPPER:
		upper_of(contents, length, result);
		return length;
	default:
		for (size_t i = 0; i < length; i++)
			result[i] = contents[length - 1 - i];
		return length;
	}
}

size_t hostile_expect(const struct hostile *hostile, uint8_t *result)
{
	static uint8_t contents[PROTOCOL_CONTENTS];
	struct judged judged;
	uint64_t at = 0;

	is_bad(hostile, &judged);
	for (uint32_t i = 0; i < hostile->request.chunks; at += judged.list[i++].length)
		ndshm_section_read(hostile->section, judged.list[i].offset, contents + at,
				   judged.list[i].length);
	return hostile_result(hostile->request.operation, contents, at, result);
}
