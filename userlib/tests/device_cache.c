// SPDX-License-Identifier: GPL-2.0
/*
 * The cache of blocks, with a fake device, which counts its commands.
 */
#include "fake_device.h"
#include "test.h"

/* What a block of the device consumes. */
#define CONSUMED	16384

static struct ndshm *ndshm;

/* A context whose cache takes @count blocks. */
static bool cache_open(unsigned int count)
{
	ndshm = device_open();
	if (!CHECK(ndshm))
		return false;
	answer.block_flags |= NDSHM_BLOCK_REUSABLE;
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, count * CONSUMED));
	requested.calls = 0;
	return true;
}

#define CACHE_TEST(name, count)	TEST_WITHIN(name, cache_open(count), ndshm_close(ndshm))

static struct ndshm_request request_of(uint32_t tag)
{
	struct ndshm_request request = test_request(12000);

	request.tag = tag;
	return request;
}

/* A block, mapped. */
static struct ndshm_block *make(uint32_t tag, char **memory)
{
	struct ndshm_request request = request_of(tag);
	struct ndshm_block *block;

	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	CHECK_DONE(ndshm, ndshm_map(block, (void **)memory));
	return block;
}

static void keep(uint32_t tag)
{
	char *memory;

	ndshm_free(make(tag, &memory));
}

/* Expect that a block that is like the kept one but for @call before its free is freed. */
#define CHECK_NOT_KEPT(call) do { \
	struct ndshm_block *block; \
	char *memory; \
\
	if (!cache_open(8)) \
		return; \
	block = make(0, &memory); \
	call; \
	requested.frees = 0; \
	ndshm_free(block); \
	CHECK(requested.frees == 1); \
	ndshm_close(ndshm); \
} while (0)

/* A success clears the reason of a failure. */
TEST(needs_no_command)
{
	struct ndshm_request request = request_of(0), refused = request_of(0);
	struct ndshm_block *block, *again;
	char *memory, *mapped;

	REQUIRE(cache_open(8));
	refused.usage = NDSHM_USAGE_MAX;
	block = make(0, &memory);
	strcpy(memory, "mine");
	for (int i = 0; i < 3; i++) {
		CHECK_PASSED_ON(ndshm, ndshm_alloc(ndshm, &refused, &again), USAGE);
		requested.calls = 0;
		ndshm_free(block);
		CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE && !requested.calls);
		CHECK_PASSED_ON(ndshm, ndshm_alloc(ndshm, &refused, &again), USAGE);
		requested.calls = 0;
		CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &again));
		CHECK_DONE(ndshm, ndshm_map(again, (void **)&mapped));
		CHECK(mapped == memory && !strcmp(memory, "mine"));
		CHECK(ndshm_block_handle(again) == 1 && ndshm_block_id(again) == 1001);
		CHECK(ndshm_block_length(again) == 12288 && !requested.calls);
		block = again;
	}
	ndshm_free(block);
	ndshm_close(ndshm);
	CHECK(requested.frees == 1 && !test_is_mapped(memory));
}

CACHE_TEST(zeroes_on_request, 8)
{
	struct ndshm_request request = request_of(0);
	struct ndshm_block *block;
	char *memory;

	request.flags = NDSHM_ALLOC_ZERO | NDSHM_ALLOC_CONTIGUOUS;
	for (int i = 0; i < 2; i++) {
		CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
		REQUIRE(!ndshm_map(block, (void **)&memory));
		for (int at = 0; at < 12288; at++)
			CHECK(!memory[at]);
		memset(memory, 1, 12288);
		ndshm_free(block);
	}
	CHECK(requested.calls == 1 && requested.alloc.flags == NDSHM_ALLOC_CONTIGUOUS);
}

CACHE_TEST(only_equal_requests_get_it, 8)
{
	struct ndshm_request request;
	struct ndshm_block *block;

	keep(0);
#define MISSES(member, value) do { \
	request = request_of(0); \
	request.member = (value); \
	requested.calls = 0; \
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block)); \
	CHECK(requested.calls == 1); \
	ndshm_free(block); \
} while (0)
	MISSES(length, 12001);
	MISSES(adapter, 78);
	MISSES(provider, 1);
	MISSES(node, 0);
	MISSES(usage, NDSHM_USAGE_RECEIVE);
	MISSES(flags, NDSHM_ALLOC_CONTIGUOUS);
	MISSES(tag, 1);
#undef MISSES
	requested.calls = 0;
	keep(0);
	CHECK(!requested.calls);
}

/* Of more kinds than there are bins. */
TEST(has_many_kinds)
{
	REQUIRE(cache_open(1000));
	for (int round = 0; round < 2; round++) {
		requested.calls = 0;
		for (uint32_t tag = 0; tag < 200; tag++)
			keep(tag);
	}
	CHECK(!requested.calls);
	ndshm_close(ndshm);
	CHECK(requested.frees == 200);
}

static int sync_fails(struct ndshm_block *block)
{
	device_fail_next(ENODEV, NDSHM_REASON_BLOCK_REVOKED, NDSHM_STATUS_ADAPTER_REMOVED);
	return ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0, 1);
}

static void export(struct ndshm_block *block)
{
	int fd = -1;

	CHECK_DONE(ndshm, ndshm_export(block, O_RDWR, &fd));
	close(fd);
}

TEST(some_blocks_are_freed)
{
	CHECK_NOT_KEPT(ndshm_unmap(block));
	CHECK_NOT_KEPT(CHECK(sync_fails(block) == -ENODEV));
	CHECK_NOT_KEPT(export(block));
}

/* Without a cache, before it, and with one those under a claim or of another provider. */
TEST(other_blocks_are_freed)
{
	struct ndshm_block *before;
	char *memory;

	ndshm = device_open();
	REQUIRE(ndshm);
	answer.block_flags |= NDSHM_BLOCK_REUSABLE;
	keep(0);
	CHECK(requested.frees == 1);
	ndshm_trim(ndshm);
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, 0));
	keep(0);
	CHECK(requested.frees == 2);
	before = make(0, &memory);
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, 8 * CONSUMED));
	ndshm_free(before);
	CHECK(requested.frees == 3);
	answer.block_flags &= ~NDSHM_BLOCK_REUSABLE;
	keep(0);
	CHECK(requested.frees == 4);
	ndshm_close(ndshm);
}

CACHE_TEST(has_a_bound, 3)
{
	struct ndshm_block *blocks[4];
	char *memory[4];

	for (int i = 0; i < 4; i++)
		blocks[i] = make(0, &memory[i]);
	for (int i = 0; i < 4; i++)
		ndshm_free(blocks[i]);
	/* For the last one another leaves. */
	CHECK(requested.frees == 1 && test_is_mapped(memory[3]));
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, 2 * CONSUMED + 1));
	CHECK(requested.frees == 2);
	ndshm_trim(ndshm);
	CHECK(requested.frees == 4 && !test_is_mapped(memory[0]) && !test_is_mapped(memory[3]));
	/* It goes on. */
	keep(0);
	CHECK(requested.frees == 4);
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, 0));
	CHECK(requested.frees == 5);
	keep(0);
	CHECK(requested.frees == 6);
	/* One that is no multiple of a page keeps what fits. */
	CHECK_DONE(ndshm, ndshm_set_cache(ndshm, 2 * CONSUMED + 1000));
	for (uint32_t tag = 1; tag <= 3; tag++)
		keep(tag);
	requested.calls = 0;
	keep(3);
	keep(3);
	CHECK(!requested.calls);
}

/* Blocks that the program does not use any more do not fill the cache. */
CACHE_TEST(others_make_room, 4)
{
	struct ndshm_request request = request_of(2);
	struct ndshm_block *blocks[4];
	char *memory;

	for (int i = 0; i < 4; i++)
		blocks[i] = make(1, &memory);
	for (int i = 0; i < 4; i++)
		ndshm_free(blocks[i]);
	CHECK(!requested.frees);
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &blocks[0]));
	CHECK(requested.frees == 1);
	/* But one that does not fit is no reason. */
	request.length = 5 * CONSUMED;
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &blocks[1]));
	CHECK(requested.frees == 1);
	ndshm_free(blocks[0]);
	ndshm_free(blocks[1]);
	/* Nor do two kinds of them miss for ever. */
	for (int i = 0; i < 20; i++) {
		requested.calls = 0;
		keep(2);
		keep(3);
	}
	CHECK(!requested.calls);
}

TEST(many_are_taken_or_none)
{
	struct ndshm_request request = request_of(0);
	struct ndshm_block *blocks[4], *others[3];
	void *memory;

	REQUIRE(cache_open(8));
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4));
	for (int i = 0; i < 4; i++)
		CHECK_DONE(ndshm, ndshm_map(blocks[i], &memory));
	requested.calls = 0;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 4));
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 3));
	CHECK(!requested.calls && blocks[0] && blocks[1] && blocks[2]);
	CHECK(blocks[0] != blocks[1] && blocks[1] != blocks[2] && blocks[0] != blocks[2]);
	ndshm_free(blocks[2]);

	/* There are two. */
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, others, 3));
	CHECK(requested.calls == 1 && requested.alloc.count == 3);
	for (int i = 0; i < 3; i++)
		ndshm_free(others[i]);
	ndshm_free(blocks[0]);
	ndshm_free(blocks[1]);

	ndshm_trim(ndshm);
	keep(0);
	requested.frees = 0;
	CHECK_PASSED_ON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 4), USAGE);
	for (int i = 0; i < 4; i++)
		CHECK(!blocks[i]);
	ndshm_close(ndshm);
	CHECK(requested.frees == 1);
}

/* The call is repeated when the cache has given back what it had, and only then. */
TEST(a_refusal_comes_last)
{
	static const struct {
		int error;
		uint32_t reason;
		bool given;
	} rows[] = {
		{ ENOMEM, NDSHM_REASON_MEMLOCK, true },
		{ EDQUOT, NDSHM_REASON_HANDLES, true },
		{ EINVAL, NDSHM_REASON_USAGE, false },
	};
	struct ndshm_request request = request_of(1);
	struct ndshm_block *block;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		REQUIRE(cache_open(8));
		keep(0);
		requested.calls = 0;
		for (int kept = 1; kept >= 0; kept--) {
			device_fail_next(rows[i].error, rows[i].reason, NDSHM_STATUS_RESOURCES);
			if (kept && rows[i].given) {
				CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
				ndshm_free(block);
				CHECK(requested.calls == 4 && requested.frees == 2);
				continue;
			}
			CHECK(ndshm_alloc(ndshm, &request, &block) == -rows[i].error && !block);
			CHECK(ndshm_last_reason(ndshm) == rows[i].reason);
			CHECK(requested.frees == (rows[i].given ? 2 : 0));
		}
		ndshm_close(ndshm);
	}
}

TEST(a_mapping_is_tried_again)
{
	static const int errors[] = { ENOMEM, EAGAIN, ENODEV };
	struct ndshm_request request = request_of(1);
	struct ndshm_block *block;
	void *memory;

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		REQUIRE(cache_open(8));
		keep(0);
		CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
		answer.map_error = errors[i];
		CHECK(ndshm_map(block, &memory) == (errors[i] == ENODEV ? -ENODEV : 0));
		CHECK(requested.frees == (errors[i] != ENODEV));
		ndshm_unmap(block);
		ndshm_free(block);
		ndshm_close(ndshm);
	}
}

CACHE_TEST(a_section_is_tried_again, 8)
{
	struct ndshm_section_request request = test_section_request(SECTION_SIZE, 0);
	struct ndshm_section *section;
	uint64_t offset, length;

	keep(0);
	device_fail_next(ENOMEM, NDSHM_REASON_MEMLOCK, NDSHM_STATUS_RESOURCES);
	CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
	CHECK(requested.frees == 1);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 1, 0, &offset, &length));
	keep(0);
	device_fail_next(ENOMEM, NDSHM_REASON_MEMLOCK, NDSHM_STATUS_RESOURCES);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 1, 0, &offset, &length));
	CHECK(requested.frees == 2);
	ndshm_section_close(section);
}

TEST(is_over_after_the_close)
{
	struct ndshm_block *block;
	char *memory;

	REQUIRE(cache_open(8));
	block = make(0, &memory);
	keep(1);
	ndshm_close(ndshm);
	CHECK(requested.frees == 1);
	CHECK(ndshm_set_cache(ndshm, 1) == -EBADF);
	ndshm_trim(ndshm);
	requested.calls = 0;
	ndshm_free(block);
	CHECK(!requested.calls && !test_is_mapped(memory));
}

/* The child has other memory than its parent keeps, and frees it. */
static void child(const char *kept)
{
	char *memory;

	for (int i = 0; i < 2; i++) {
		struct ndshm_block *block = make(0, &memory);

		CHECK(memory != kept);
		requested.frees = 0;
		ndshm_free(block);
		CHECK(requested.frees == 1);
	}
	ndshm_trim(ndshm);
	ndshm_close(ndshm);
	CHECK(requested.frees == 1);
	fflush(NULL);
	_exit(test_bad);
}

CACHE_TEST(a_child_begins_empty, 8)
{
	struct ndshm_block *block, *shared;
	char *memory, *other;
	pid_t pid;

	shared = make(1, &other);
	block = make(0, &memory);
	strcpy(memory, "parent");
	ndshm_free(block);
	pid = fork();
	if (!pid)
		child(memory);
	CHECK(!test_wait(pid));

	/* The child was given this one, which the parent may not use for something else. */
	requested.calls = 0;
	requested.frees = 0;
	ndshm_free(shared);
	CHECK(requested.frees == 1);
	/* The child still has what was kept, too. */
	block = make(0, &other);
	CHECK(requested.frees == 2 && !*other);
	ndshm_free(block);
	requested.calls = 0;
	block = make(0, &memory);
	CHECK(!requested.calls && memory == other);
	ndshm_free(block);
}

TEST_MAIN
