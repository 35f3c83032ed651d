// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * serve_test BACKEND: tests serve.c with valid and hostile requests in a section, a part of which
 * has memory. Messages are in allocations of their exact length, so that the address sanitizer
 * detects every read beyond them.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../common/expect.h"
#include "../serve.h"

#define SIZE		(16U << 20)	/* of the section */
#define MEMORY		(2U << 20)	/* bytes with memory at the start; the rest has none */
#define CONTENTS	(64U << 10)	/* offset of the contents */
#define RESULT		(128U << 10)
#define RACES		20000

static struct ndshm *ndshm;
static struct ndshm_section *section;
static struct serve server;
static char *base;

/* Helpers */

static struct answer ask_bytes(const void *bytes, size_t length)
{
	size_t held = length < sizeof(struct request) ? length : sizeof(struct request);
	void *message = malloc(held ? held : 1);
	struct answer answer;

	memcpy(message, bytes, held);
	answer = serve(&server, message, length);
	free(message);
	EXPECT(answer.status < STATUS_CLIENTS);
	EXPECT(!answer.reserved);
	EXPECT(answer.status == STATUS_SERVED || !answer.length);
	return answer;
}

static struct answer ask(const struct request *request)
{
	struct answer answer = ask_bytes(request, sizeof(*request));

	EXPECT(answer.cookie == request->cookie);
	return answer;
}

/* Returns a valid request with one chunk; tests then modify it. */
static struct request good(const char *text)
{
	struct chunk chunk = { .offset = CONTENTS, .length = strlen(text) };

	memset(base, 0xee, MEMORY);
	memcpy(base + CONTENTS, text, chunk.length);
	memcpy(base, &chunk, sizeof(chunk));
	return (struct request){
		.cookie = 0x0123456789abcdef,
		.operation = OPERATION_UPPER,
		.chunks = 1,
		.answer = RESULT,
		.room = chunk.length < 4 ? 4 : chunk.length,
	};
}

static struct chunk *list(void)
{
	return (struct chunk *)base;
}

/* Expects `status` and no write to the result. */
static void refused(const struct request *request, enum status status)
{
	struct answer answer = ask(request);

	if (answer.status != status)
		printf("# %s, not %s\n", status_name(answer.status), status_name(status));
	EXPECT(answer.status == status);
	EXPECT((uint8_t)base[RESULT] == 0xee);
}

static void served(const struct request *request, const void *result, size_t length)
{
	struct answer answer = ask(request);

	EXPECT(answer.status == STATUS_SERVED);
	EXPECT(answer.length == length);
	EXPECT(!memcmp(base + request->answer, result, length));
}

/* Valid requests */

static void test_operations(void)
{
	struct request request = good("Mixed Case, 42 {}@[`az");

	served(&request, "MIXED CASE, 42 {}@[`AZ", 22);
	EXPECT((uint8_t)base[RESULT + 22] == 0xee);
	request = good("abc");
	request.operation = OPERATION_REVERSE;
	served(&request, "cba", 3);
	request = good("abcd");
	request.operation = OPERATION_REVERSE;
	served(&request, "dcba", 4);
	/* The published check value of CRC-32. */
	request = good("123456789");
	request.operation = OPERATION_CRC32;
	served(&request, "\x26\x39\xf4\xcb", 4);
}

static void test_nothing(void)
{
	struct request request = good("");

	served(&request, "", 0);
	request.room = 0;
	served(&request, "", 0);
	request.room = 4;
	request.operation = OPERATION_CRC32;
	served(&request, "\0\0\0\0", 4);
}

static void test_chunks(void)
{
	struct request request = good("abcdef");
	char all[PROTOCOL_CHUNKS];

	for (int i = 0; i < PROTOCOL_CHUNKS; i++) {
		list()[i] = (struct chunk){ .offset = CONTENTS + i % 6, .length = 1 };
		all[i] = 'A' + i % 6;
	}
	request.chunks = PROTOCOL_CHUNKS;
	request.room = PROTOCOL_CHUNKS;
	served(&request, all, PROTOCOL_CHUNKS);
}

static void test_longest(void)
{
	struct request request = good("");

	memset(base, 'x', PROTOCOL_CONTENTS);
	list()[0] = (struct chunk){ .offset = 0x100, .length = PROTOCOL_CONTENTS - 0x100 };
	list()[1] = (struct chunk){ .offset = 0x100, .length = 0x100 };
	request.chunks = 2;
	request.answer = MEMORY - PROTOCOL_CONTENTS;
	request.room = PROTOCOL_CONTENTS;
	EXPECT(ask(&request).status == STATUS_SERVED);
	EXPECT(base[MEMORY - PROTOCOL_CONTENTS] == 'X' && base[MEMORY - 1] == 'X');
}

/* The result may overlap the contents, since it is computed from a copy. */
static void test_overlap(void)
{
	struct request request = good("abcdefgh");

	request.operation = OPERATION_REVERSE;
	request.answer = CONTENTS + 3;
	served(&request, "hgfedcba", 8);
	request = good("abcdefghijklmnopqrst");
	request.answer = 0;
	served(&request, "ABCDEFGHIJKLMNOPQRST", 20);
}

/* Invalid requests */

static void test_lengths(void)
{
	char message[256] = { 0 };

	good("x");
	for (size_t length = 0; length < sizeof(message); length++)
		if (length != sizeof(struct request))
			EXPECT(ask_bytes(message, length).status == STATUS_MESSAGE);
}

static void test_unknown_operations(void)
{
	const uint32_t unknown[] = { 0, OPERATIONS, OPERATIONS + 1, INT32_MAX, UINT32_MAX };
	struct request request = good("x");

	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		request.operation = unknown[i];
		refused(&request, STATUS_OPERATION);
	}
}

static void test_counts(void)
{
	const uint32_t counts[] = { 0, PROTOCOL_CHUNKS + 1, 1U << 28, (1U << 28) + 1, UINT32_MAX };
	struct request request = good("x");

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		request.chunks = counts[i];
		refused(&request, STATUS_CHUNKS);
	}
}

static const uint64_t outside[] = {
	SIZE, SIZE - 1, SIZE + 1, 1ULL << 32, INT64_MAX, 1ULL << 63, UINT64_MAX - 1, UINT64_MAX,
	-(uint64_t)SIZE,
};

#define OUTSIDE	(sizeof(outside) / sizeof(outside[0]))

static void test_ranges(void)
{
	struct request request = good("xyz");

	for (size_t i = 0; i < OUTSIDE; i++) {
		request = good("xyz");
		request.list = outside[i];
		refused(&request, STATUS_LIST_RANGE);
		request = good("xyz");
		request.answer = outside[i];
		refused(&request, STATUS_ANSWER_RANGE);
		request = good("xyz");
		request.room = outside[i];
		refused(&request, STATUS_ANSWER_RANGE);
		request = good("xyz");
		list()[0].offset = outside[i];
		refused(&request, STATUS_CHUNK_RANGE);
		request = good("xyz");
		list()[0].length = outside[i];
		refused(&request, STATUS_CHUNK_RANGE);
		/* Pieces after the first are checked, too. */
		request = good("xyz");
		request.chunks = 2;
		list()[1] = (struct chunk){ .offset = outside[i], .length = 2 };
		refused(&request, STATUS_CHUNK_RANGE);
	}
}

static void test_too_long(void)
{
	struct request request = good("x");

	list()[0].length = PROTOCOL_CONTENTS + 1;
	refused(&request, STATUS_LENGTH);
	list()[0].length = PROTOCOL_CONTENTS;
	list()[1] = (struct chunk){ .offset = CONTENTS, .length = 1 };
	request.chunks = 2;
	refused(&request, STATUS_LENGTH);
}

static void test_room(void)
{
	struct request request = good("abcdefg");

	request.room = 6;
	refused(&request, STATUS_ROOM);
	request.room = 0;
	refused(&request, STATUS_ROOM);
	request.operation = OPERATION_CRC32;
	request.room = 3;
	refused(&request, STATUS_ROOM);
}

/* Ranges within the section that have no memory, or only in their first part. */
static void test_holes(void)
{
	const uint64_t holes[] = { MEMORY, MEMORY - 1, SIZE / 2, SIZE - sizeof(struct chunk) };
	struct request request;

	for (size_t i = 0; i < sizeof(holes) / sizeof(holes[0]); i++) {
		request = good("wxyz");
		request.list = holes[i];
		refused(&request, STATUS_LIST_MEMORY);
		request = good("wxyz");
		list()[0].offset = holes[i];
		refused(&request, STATUS_CHUNK_MEMORY);
		request = good("wxyz");
		request.answer = holes[i];
		refused(&request, STATUS_ANSWER_MEMORY);
	}
	/* The server still works. */
	request = good("wxyz");
	served(&request, "WXYZ", 4);
}

/* Ranges that end with the last byte of the memory, and of the section. */
static void test_last_bytes(void)
{
	struct request request = good("wxyz");

	memcpy(base + MEMORY - 4, "last", 4);
	list()[0].offset = MEMORY - 4;
	served(&request, "LAST", 4);
	request.answer = MEMORY - 4;
	served(&request, "LAST", 4);
	request = good("wxyz");
	request.answer = SIZE - 4;
	refused(&request, STATUS_ANSWER_MEMORY);
	request.room = 5;
	refused(&request, STATUS_ANSWER_RANGE);
}

/* Concurrent changes */

static atomic_bool stop;

/*
 * Sets the chunk to valid ranges, ranges outside of the section, and ranges without memory, in
 * turns.
 */
static void *change_list(void *unused)
{
	const struct chunk chunks[] = {
		{ .offset = CONTENTS, .length = 8 }, { .offset = UINT64_MAX - 4, .length = 8 },
		{ .offset = MEMORY - 4, .length = 8 }, { .offset = CONTENTS, .length = UINT64_MAX },
		{ .offset = CONTENTS, .length = PROTOCOL_CONTENTS },
	};

	for (size_t i = 0; !stop; i = (i + 1) % (sizeof(chunks) / sizeof(chunks[0]))) {
		volatile struct chunk *chunk = list();

		chunk->offset = chunks[i].offset;
		chunk->length = chunks[i].length;
	}
	return unused;
}

static void test_race(void)
{
	struct request request = good("abcdefgh");
	uint64_t seen[STATUSES] = { 0 }, count = 0;
	pthread_t thread;

	request.operation = OPERATION_CRC32;
	stop = false;
	if (pthread_create(&thread, NULL, change_list, NULL)) {
		EXPECT(!"a thread");
		return;
	}
	/* Continue until both outcomes have occurred, also if the thread starts late. */
	while (count < RACES || (count < 100 * RACES && (!seen[STATUS_SERVED] ||
							 seen[STATUS_SERVED] == count))) {
		seen[ask(&request).status]++;
		count++;
	}
	stop = true;
	pthread_join(thread, NULL);
	EXPECT(seen[STATUS_SERVED] + seen[STATUS_CHUNK_RANGE] + seen[STATUS_CHUNK_MEMORY] +
	       seen[STATUS_LENGTH] == count);
	EXPECT(seen[STATUS_SERVED] && seen[STATUS_SERVED] < count);
}

/* Allocates and frees an extent, so that its memory comes and goes. */
static void *change_memory(void *unused)
{
	uint64_t offset, length;

	while (!stop) {
		/* More than the section keeps for later allocations. */
		if (ndshm_extent_alloc(section, 8 << 20, 2 << 20, &offset, &length))
			abort();
		ndshm_extent_free(section, offset);
	}
	return unused;
}

static void test_vanishing(void)
{
	struct request request = good("x");
	uint64_t seen[STATUSES] = { 0 };
	pthread_t thread;

	list()[0].offset = MEMORY;
	list()[0].length = PROTOCOL_CONTENTS;
	request.operation = OPERATION_CRC32;
	request.room = 4;
	stop = false;
	if (pthread_create(&thread, NULL, change_memory, NULL)) {
		EXPECT(!"a thread");
		return;
	}
	for (int i = 0; i < 500; i++)
		seen[ask(&request).status]++;
	stop = true;
	pthread_join(thread, NULL);
	EXPECT(seen[STATUS_SERVED] + seen[STATUS_CHUNK_MEMORY] == 500);
}

static void test_names(void)
{
	for (uint32_t i = 0; i < STATUSES; i++)
		for (uint32_t j = 0; j <= STATUSES; j++)
			EXPECT(i == j || strcmp(status_name(i), status_name(j)));
	for (uint32_t i = 1; i < OPERATIONS; i++)
		for (uint32_t j = 0; j <= OPERATIONS; j++)
			EXPECT(i == j || strcmp(operation_name(i), operation_name(j)));
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "each operation is served", test_operations },
	{ "nothing is served as nothing", test_nothing },
	{ "as many chunks as there may be", test_chunks },
	{ "as much as there may be", test_longest },
	{ "a result over what it is of", test_overlap },
	{ "messages of every other length are refused", test_lengths },
	{ "unknown operations are refused", test_unknown_operations },
	{ "no piece, or too many, are refused", test_counts },
	{ "what is outside is refused", test_ranges },
	{ "too much is refused", test_too_long },
	{ "a result that does not fit is refused", test_room },
	{ "what has no memory is refused", test_holes },
	{ "the last bytes are served", test_last_bytes },
	{ "a list that changes is read once", test_race },
	{ "memory that goes is refused", test_vanishing },
	{ "all have names of their own", test_names },
};

static bool set_up(const char *backend)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	uint64_t offset, length;

	request.max_size = SIZE;
	request.initial_size = MEMORY;
	if (ndshm_open(backend, &ndshm) || ndshm_section_create(ndshm, &request, &section) ||
	    ndshm_extent_alloc(section, MEMORY, 0, &offset, &length) || offset)
		return false;
	base = ndshm_section_base(section);
	server.section = section;
	return true;
}

static const char *run(size_t test)
{
	tests[test].run();
	return tests[test].name;
}

int main(int argc, char **argv)
{
	int code;

	printf("TAP version 13\n");
	if (argc != 2 || !set_up(argv[1])) {
		printf("Bail out! no section\n");
		return EXIT_FAILURE;
	}
	code = expect_all(sizeof(tests) / sizeof(tests[0]), run);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return code;
}
