// SPDX-License-Identifier: GPL-2.0
/*
 * The memfd backend, called directly in ways that the library does not: like a program
 * that calls the module without the library.
 */
#include "backend_memfd.h"
#include "internal.h"
#include "test.h"

static struct ndshm *ndshm;

static struct ndshm_block *make(void)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;

	return ndshm_alloc(ndshm, &request, &block) ? NULL : block;
}

static void check_count(uint32_t blocks)
{
	struct ndshm_info info;

	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == blocks);
	CHECK(info.bytes == (uint64_t)blocks * info.page_size);
}

TEST(handles_that_are_not_there_are_unknown)
{
	struct ndshm_block_free_args to_free = { .size = sizeof(to_free) };
	struct ndshm_block_query_args to_query = { .size = sizeof(to_query) };
	struct ndshm_block_sync_args to_sync = { .size = sizeof(to_sync), .length = 1 };
	struct ndshm_block *block = make();
	uint32_t unknown[4] = { 0, 0, 0, UINT32_MAX };

	REQUIRE(block);
	unknown[1] = ndshm_block_handle(block) + 1;
	unknown[2] = ndshm_block_handle(block) - 1;
	for (int i = 0; i < 4; i++) {
		to_free.handle = to_query.handle = to_sync.handle = unknown[i];
		CHECK_REASON(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_FREE, &to_free),
			     HANDLE_UNKNOWN);
		CHECK_REASON(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_QUERY, &to_query),
			     HANDLE_UNKNOWN);
		CHECK_REASON(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_SYNC, &to_sync),
			     HANDLE_UNKNOWN);
	}
	check_count(1);
	ndshm_free(block);
}

TEST(a_handle_is_given_back_once)
{
	struct ndshm_block_free_args argument = { .size = sizeof(argument) };
	struct ndshm_block *block = make(), *other = make();

	REQUIRE(block && other);
	argument.handle = ndshm_block_handle(block);
	CHECK_DONE(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_FREE, &argument));
	check_count(1);
	CHECK_REASON(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_FREE, &argument), HANDLE_UNKNOWN);
	check_count(1);
	/* The library's object still refers to the freed block. */
	ndshm_free(block);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_HANDLE_UNKNOWN);
	ndshm_free(other);
	check_count(0);
}

TEST(segments_are_counted_for_one_block)
{
	struct ndshm_block_info infos[2];
	struct ndshm_block_alloc_args argument = {
		.size = sizeof(argument),
		.adapter = 1,
		.length = 1,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.blocks = (uintptr_t)infos,
	};
	struct ndshm_block_free_args to_free = { .size = sizeof(to_free) };

	for (uint32_t i = 1; i <= 2; i++) {
		argument.count = i;
		CHECK_DONE(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_ALLOC, &argument));
		CHECK(argument.out_segments == (i == 1));
		check_count(i);
		for (uint32_t j = 0; j < i; j++) {
			to_free.handle = infos[j].handle;
			CHECK_DONE(ndshm, ndshm__command(ndshm, NDSHM_BLOCK_FREE, &to_free));
		}
	}
	check_count(0);
}

TEST(offsets_that_were_not_given_out_are_not_mapped)
{
	struct ndshm_block_query_args query = { .size = sizeof(query) };
	struct ndshm_block *block = make();
	uint64_t length, offset;
	void *start = NULL;

	REQUIRE(block);
	query.handle = ndshm_block_handle(block);
	REQUIRE(!ndshm__command(ndshm, NDSHM_BLOCK_QUERY, &query));
	length = query.out_block.length;
	offset = query.out_block.mmap_offset;
	CHECK(ndshm->backend->map(ndshm, 0, length, &start) == -ENXIO);
	CHECK(ndshm->backend->map(ndshm, 2 * offset, length, &start) == -ENXIO);
	/* Inside the block, above all handles, and longer than the block. */
	CHECK(ndshm->backend->map(ndshm, offset + length, length, &start) == -ENXIO);
	CHECK(ndshm->backend->map(ndshm, offset | 1ULL << 62, length, &start) == -ENXIO);
	CHECK(ndshm->backend->map(ndshm, offset, length + 1, &start) == -ENXIO);
	CHECK(!start);
	CHECK(ndshm->backend->map(ndshm, offset, length, &start) == 0);
	munmap(start, length);
	ndshm_free(block);
}

TEST(commands_of_claims_are_not_supported)
{
	struct ndshm_adapter_start_args start = { .size = sizeof(start), .adapter = 1 };
	struct ndshm_adapter_map_bar_args bar = { .size = sizeof(bar), .adapter = 1 };
	struct ndshm_adapter_config_args config = { .size = sizeof(config), .adapter = 1 };
	struct ndshm_adapter_reset_args reset = { .size = sizeof(reset), .adapter = 1 };
	struct ndshm_adapter_set_irqs_args irqs = { .size = sizeof(irqs), .adapter = 1 };

	CHECK_ERRNO(ndshm, ndshm__command(ndshm, NDSHM_ADAPTER_START, &start), EOPNOTSUPP);
	CHECK_ERRNO(ndshm, ndshm__command(ndshm, NDSHM_ADAPTER_MAP_BAR, &bar), EOPNOTSUPP);
	CHECK_ERRNO(ndshm, ndshm__command(ndshm, NDSHM_ADAPTER_SET_IRQS, &irqs), EOPNOTSUPP);
	CHECK_ERRNO(ndshm, ndshm__command(ndshm, NDSHM_ADAPTER_RESET, &reset), EOPNOTSUPP);
	CHECK_ERRNO(ndshm, ndshm__command(ndshm, NDSHM_ADAPTER_CONFIG, &config), EOPNOTSUPP);
}

TEST(handles_are_never_zero_nor_given_twice)
{
	struct ndshm_block *kept, *last, *next;

	/* After the greatest number the next two unused ones follow. */
	ndshm->memfd->last_handle = 0;
	kept = make();
	REQUIRE(kept && ndshm_block_handle(kept) == 1);
	ndshm->memfd->last_handle = UINT32_MAX - 1;
	last = make();
	next = make();
	REQUIRE(last && next);
	CHECK(ndshm_block_handle(last) == UINT32_MAX);
	CHECK(ndshm_block_handle(next) == 2);
	ndshm_free(last);
	ndshm_free(next);
	ndshm_free(kept);
	check_count(0);
}

/* Pretend that the client is close to its limit. */
TEST(handles_are_limited)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block, *blocks[3] = { (void *)1, (void *)1, (void *)1 };
	struct ndshm_info info;

	REQUIRE(!ndshm_get_info(ndshm, &info));
	ndshm->memfd->count = info.max_blocks - 2;
	CHECK_REASON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 3), HANDLES);
	CHECK(!blocks[0] && !blocks[1] && !blocks[2]);
	CHECK(ndshm->memfd->count == info.max_blocks - 2);
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 2));
	block = (void *)1;
	CHECK_REASON(ndshm, ndshm_alloc(ndshm, &request, &block), HANDLES);
	CHECK(!block);
	ndshm_free(blocks[0]);
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	ndshm_free(block);
	ndshm_free(blocks[1]);
	ndshm->memfd->count -= info.max_blocks - 2;
	check_count(0);
}

#define THREADS	4
#define ROUNDS	300

static pthread_barrier_t barrier;

/* Count unexpected errors, and every time that the limit is exceeded. */
static void *allocate_at_the_limit(void *argument)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *blocks[3];
	long *exceeded = argument;
	struct ndshm_info info;

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < ROUNDS; i++) {
		int error = ndshm_alloc_many(ndshm, &request, blocks, 3);

		if (error && error != -EDQUOT)
			++*exceeded;
		if (ndshm_get_info(ndshm, &info) || info.blocks > info.max_blocks)
			++*exceeded;
		for (int j = 0; !error && j < 3; j++)
			ndshm_free(blocks[j]);
	}
	return NULL;
}

/* Room for two of the four threads at a time. */
TEST(threads_do_not_exceed_the_limit_together)
{
	long exceeded[THREADS] = { 0 };
	struct ndshm_info info;

	REQUIRE(!ndshm_get_info(ndshm, &info));
	ndshm->memfd->count = info.max_blocks - 7;
	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS));
	test_run_threads(THREADS, allocate_at_the_limit, exceeded, sizeof(exceeded[0]));
	for (int i = 0; i < THREADS; i++)
		CHECK(!exceeded[i]);
	pthread_barrier_destroy(&barrier);
	CHECK(ndshm->memfd->count == info.max_blocks - 7);
	ndshm->memfd->count = 0;
	check_count(0);
}

CONTEXT_MAIN(ndshm_open("memfd:", &ndshm))
