// SPDX-License-Identifier: GPL-2.0
/*
 * Every function of the library, on the backend without a module.
 */

#include "test.h"

static struct ndshm *ndshm;
static long page;

static struct ndshm_block *make(uint64_t length)
{
	struct ndshm_request request = test_request(length);
	struct ndshm_block *block;

	return ndshm_alloc(ndshm, &request, &block) ? NULL : block;
}

#define BLOCK_TEST(name, length) \
	TEST_WITH(name, struct ndshm_block *, block, make(length), ndshm_free(block))

CALL_TEST(has_a_version, CHECK(ndshm_api_version() == NDSHM_API_VERSION))

TEST(opens_and_closes)
{
	struct ndshm *other = (void *)1;

	CHECK(ndshm_open("memfd:", &other) == 0);
	REQUIRE(other);
	CHECK(ndshm_last_reason(other) == NDSHM_REASON_NONE);
	CHECK(ndshm_last_status(other) == NDSHM_STATUS_SUCCESS);
	CHECK(ndshm_fd(other) == -EOPNOTSUPP);
	ndshm_close(other);
	ndshm_close(NULL);
}

TEST(opens_what_the_environment_names)
{
	struct ndshm *other;

	setenv("NDSHM_BACKEND", "memfd:", 1);
	CHECK(ndshm_open(NULL, &other) == 0);
	ndshm_close(other);
	setenv("NDSHM_BACKEND", "/nowhere/ndshm", 1);
	CHECK(ndshm_open(NULL, &other) == -ENOENT);
	CHECK(!other);
	/* The argument overrides the environment. */
	CHECK(ndshm_open("memfd:", &other) == 0);
	ndshm_close(other);
	unsetenv("NDSHM_BACKEND");
}

TEST(does_not_open_what_it_does_not_know)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = { { "memfd:more", EINVAL }, { "/nowhere/ndshm", ENOENT }, { "", ENOENT } };
	struct ndshm *other;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		other = (void *)1;
		CHECK(ndshm_open(rows[i].name, &other) == -rows[i].error && !other);
	}
}

TEST(info_counts_blocks)
{
	struct ndshm_block *block;
	struct ndshm_info info;

	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.features == (NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_SYNC |
				NDSHM_FEATURE_SECTIONS));
	CHECK(info.max_length >= 1U << 30 && info.max_section >= info.max_length);
	CHECK(info.max_blocks >= info.max_batch && info.max_batch > 1);
	CHECK(info.page_size == (uint64_t)page && info.huge_size == info.page_size);
	CHECK(info.default_adapter);
	CHECK(info.blocks == 0 && info.bytes == 0 && info.user_locked == 0);

	block = make(page + 1);
	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.blocks == 1);
	CHECK(info.bytes == 2ULL * page);
	ndshm_free(block);
	CHECK_DONE(ndshm, ndshm_get_info(ndshm, &info));
	CHECK(info.blocks == 0 && info.bytes == 0);
}

TEST(finds_and_lists_adapters_and_providers)
{
	struct ndshm_adapter_info adapter, *adapters = NULL;
	struct ndshm_provider_info provider, *providers = NULL;
	size_t count;

	CHECK_DONE(ndshm, ndshm_list_adapters(ndshm, &adapters, &count));
	CHECK(count == 1 && !strcmp(adapters[0].name, "memfd"));
	free(adapters);
	CHECK_DONE(ndshm, ndshm_list_providers(ndshm, &providers, &count));
	CHECK(count == 1 && !strcmp(providers[0].name, "memfd"));
	free(providers);
	CHECK_DONE(ndshm, ndshm_find_adapter(ndshm, "memfd", &adapter));
	CHECK(!strcmp(adapter.name, "memfd") && !strcmp(adapter.device, ""));
	CHECK(adapter.id && adapter.node == -1);
	CHECK(adapter.isolation == NDSHM_ISOLATION_NO_TRANSLATION);
	CHECK(adapter.open && !adapter.claimable && !adapter.claimed && !adapter.needs_reset);
	CHECK_DONE(ndshm, ndshm_find_provider(ndshm, "memfd", &provider));
	CHECK(!strcmp(provider.name, "memfd"));
	CHECK(provider.id && provider.scope == 1 && provider.mappable && !provider.blocks);

	CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "memfd0", &adapter), ADAPTER_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_find_adapter(ndshm, "", &adapter), ADAPTER_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_find_provider(ndshm, "coherent", &provider), PROVIDER_UNKNOWN);
}

/* The caller may have an older header with shorter structures, but no newer one. */
TEST(structs_can_grow)
{
	struct ndshm_info short_info = { .max_length = 77 };
	struct ndshm_adapter_info adapter, *adapters;
	struct ndshm_block *blocks[2];
	struct ndshm_block_row *rows;
	size_t count;

	CHECK_DONE(ndshm, ndshm_get_info_sized(ndshm, &short_info, 8));
	CHECK(short_info.features && short_info.max_length == 77);
	CHECK_ERRNO(ndshm, ndshm_get_info_sized(ndshm, &short_info, sizeof(short_info) + 1),
		    EINVAL);
	CHECK(short_info.max_length == 77);

	memset(&adapter, 1, sizeof(adapter));
	CHECK_DONE(ndshm, ndshm_find_adapter_sized(ndshm, "memfd", &adapter, NDSHM_NAME_MAX));
	CHECK(!strcmp(adapter.name, "memfd") && adapter.device[0] == 1);
	CHECK(ndshm_find_adapter_sized(ndshm, "memfd", &adapter, sizeof(adapter) + 8) == -EINVAL);

	blocks[0] = make(page);
	blocks[1] = make(page);
	REQUIRE(blocks[0] && blocks[1]);
	CHECK_DONE(ndshm, ndshm_list_blocks_sized(ndshm, &rows, &count, 8));
	CHECK(count == 2 && rows->id == ndshm_block_id(blocks[0]));
	memcpy(rows, (char *)rows + 8, 8);
	CHECK(rows->id == ndshm_block_id(blocks[1]) && rows->adapter);
	free(rows);
	CHECK(ndshm_list_adapters_sized(ndshm, &adapters, &count, sizeof(*adapters) + 8) ==
	      -EINVAL);
	CHECK(!adapters && !count);
	ndshm_free(blocks[0]);
	ndshm_free(blocks[1]);
}

TEST(lists_blocks)
{
	struct ndshm_request request = test_request(3);
	struct ndshm_block_row *rows = (void *)1;
	struct ndshm_provider_info provider;
	struct ndshm_block *a, *b;
	size_t count = 1;

	CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
	CHECK(!count && !rows);

	request.usage = NDSHM_USAGE_RECEIVE;
	request.node = 0;
	REQUIRE(!ndshm_alloc(ndshm, &request, &a));
	b = make(2 * page);
	REQUIRE(b);
	CHECK_DONE(ndshm, ndshm_list_blocks(ndshm, &rows, &count));
	CHECK(count == 2);
	CHECK(rows[0].id == ndshm_block_id(a) && rows[1].id == ndshm_block_id(b));
	CHECK(rows[0].usage == NDSHM_USAGE_RECEIVE && rows[1].usage == NDSHM_USAGE_OTHER);
	CHECK(rows[0].preferred_node == 0 && rows[1].preferred_node == NDSHM_NODE_ANY);
	CHECK(rows[0].length == (uint64_t)page && rows[1].length == 2ULL * page);
	CHECK(rows[0].consumed == rows[0].length && rows[0].segments == 1);
	CHECK(rows[0].uid == getuid() && rows[0].pid == (uint32_t)getpid());
	CHECK(!rows[0].charged && !rows[0].revoked);
	free(rows);
	CHECK_DONE(ndshm, ndshm_find_provider(ndshm, "memfd", &provider));
	CHECK(provider.blocks == 2);
	ndshm_free(a);
	ndshm_free(b);
}

/* There is no driver that could take an export. */
BLOCK_TEST(devices_are_not_supported, page)
{
	struct ndshm_claim *claim = (void *)1;
	struct ndshm_queue_row *queues;
	size_t count;
	int fd = 7;

	CHECK_ERRNO(ndshm, ndshm_export(block, O_RDWR, &fd), EOPNOTSUPP);
	CHECK(fd == -1);
	CHECK_REASON(ndshm, ndshm_claim_adapter(ndshm, "memfd", 0, &claim), CLAIM_UNSUPPORTED);
	CHECK(!claim);
	CHECK_ERRNO(ndshm, ndshm_list_queues(ndshm, &queues, &count), EOPNOTSUPP);
}

TEST(blocks_are_rounded_and_zero)
{
	static const uint64_t lengths[] = { 1, 4095, 4096, 4097, 1 << 20 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct ndshm_block *block = make(lengths[i]);
		uint64_t rounded = (lengths[i] + page - 1) / page * page;
		unsigned char *memory;
		size_t at = 0;

		REQUIRE(block);
		CHECK(ndshm_block_length(block) == rounded);
		CHECK(ndshm_block_handle(block) && ndshm_block_id(block));
		REQUIRE(!ndshm_map(block, (void **)&memory));
		while (at < rounded && !memory[at])
			at++;
		CHECK(at == rounded);
		memset(memory, 0x55, rounded);
		ndshm_free(block);
	}
}

TEST(maps_the_same_memory_each_time)
{
	struct ndshm_block *block = make(page);
	void *first, *second;

	REQUIRE(block);
	CHECK_DONE(ndshm, ndshm_map(block, &first));
	CHECK_DONE(ndshm, ndshm_map(block, &second));
	CHECK(first && first == second);
	strcpy(first, "kept");
	ndshm_unmap(block);
	CHECK(!test_is_mapped(first));
	ndshm_unmap(block);
	CHECK_DONE(ndshm, ndshm_map(block, &second));
	CHECK(!strcmp(second, "kept"));
	ndshm_free(block);
	CHECK(!test_is_mapped(second));
	ndshm_unmap(NULL);
	ndshm_free(NULL);
}

BLOCK_TEST(addresses_are_hidden, page)
{
	uint64_t address = 7;

	CHECK_REASON(ndshm, ndshm_block_address(block, &address), NOT_ISOLATED);
	CHECK(address == 7);
}

BLOCK_TEST(query_tells_what_was_allocated, 2 * page)
{
	struct ndshm_segment segments[2] = { { 7, 7 }, { 7, 7 } };
	struct ndshm_block_info info;
	size_t count = 7;

	CHECK_DONE(ndshm, ndshm_query(block, &info, NULL, 0, &count));
	CHECK(count == 1 && info.segments == 1);
	CHECK(info.handle == ndshm_block_handle(block));
	CHECK(info.shared_memory_handle == ndshm_block_id(block));
	CHECK(info.flags == (NDSHM_BLOCK_MAPPABLE | NDSHM_BLOCK_REUSABLE));
	CHECK(info.length == 2ULL * page && info.consumed == info.length);
	CHECK(info.address == NDSHM_ADDRESS_HIDDEN);
	CHECK_DONE(ndshm, ndshm_query(block, &info, segments, 2, &count));
	CHECK(count == 1);
	CHECK(segments[0].address == NDSHM_ADDRESS_HIDDEN && segments[0].length == 2ULL * page);
	CHECK(segments[1].address == 7);
}

/* Arguments that are invalid for a device are invalid here, too. */
BLOCK_TEST(sync_looks_at_the_range, 2 * page)
{
	const uint64_t length = 2ULL * page;

	CHECK_DONE(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_DEVICE, 0, length));
	CHECK_DONE(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, length - 1, 1));
	CHECK_REASON(ndshm, ndshm_sync(block, 0, 0, 1), DIRECTION);
	CHECK_REASON(ndshm, ndshm_sync(block, 3, 0, 1), DIRECTION);
	CHECK_REASON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0, 0), LENGTH_ZERO);
	CHECK_REASON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 1, length), RANGE);
	CHECK_REASON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, length, 1), RANGE);
	CHECK_REASON(ndshm, ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 2, UINT64_MAX), RANGE);
}

/* Valid except for one member each. */
TEST(bad_requests_are_refused)
{
	struct ndshm_block *block;
	struct ndshm_request request;

#define REFUSED(member, value, reason) do { \
	request = test_request(page); \
	request.member = (value); \
	block = (void *)1; \
	CHECK_REASON(ndshm, ndshm_alloc(ndshm, &request, &block), reason); \
	CHECK(!block); \
} while (0)
	REFUSED(length, 0, LENGTH_ZERO);
	REFUSED(length, (4ULL << 30) + 1, LENGTH_LIMIT);
	REFUSED(length, UINT64_MAX - page + 1, LENGTH_LIMIT);
	REFUSED(length, UINT64_MAX - page + 2, LENGTH_OVERFLOW);
	REFUSED(length, UINT64_MAX, LENGTH_OVERFLOW);
	REFUSED(usage, NDSHM_USAGE_UNDEFINED, USAGE);
	REFUSED(usage, NDSHM_USAGE_MAX, USAGE);
	REFUSED(usage, UINT32_MAX, USAGE);
	REFUSED(node, -2, NODE);
	REFUSED(node, INT32_MIN, NODE);
	REFUSED(node, INT32_MAX, NODE);
	REFUSED(flags, 4, FLAGS);
	REFUSED(flags, 1U << 30, FLAGS);
	REFUSED(adapter, 4711, ADAPTER_UNKNOWN);
	REFUSED(provider, 4711, PROVIDER_UNKNOWN);
#undef REFUSED

	/* A success clears the reason. */
	request = test_request(page);
	request.flags = NDSHM_ALLOC_CONTIGUOUS;
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &block));
	ndshm_free(block);
}

TEST(every_usage_is_allowed)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block;

	for (request.usage = 1; request.usage < NDSHM_USAGE_MAX; request.usage++) {
		CHECK(!ndshm_alloc(ndshm, &request, &block));
		ndshm_free(block);
	}
}

TEST(many_is_all_or_none)
{
	struct ndshm_request request = test_request(page);
	struct ndshm_block *blocks[64], *last;
	struct ndshm_info info;
	char *memory;

	REQUIRE(!ndshm_get_info(ndshm, &info) && info.max_batch == 64);
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 64));
	for (size_t i = 0; i < 64; i++) {
		CHECK(blocks[i] && ndshm_block_length(blocks[i]) == (uint64_t)page);
		CHECK(!i || (ndshm_block_handle(blocks[i]) != ndshm_block_handle(blocks[i - 1]) &&
			     ndshm_block_id(blocks[i]) != ndshm_block_id(blocks[i - 1])));
		REQUIRE(!ndshm_map(blocks[i], (void **)&memory) && !*memory);
		*memory = 1;
	}
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 64);
	last = blocks[63];
	blocks[63] = blocks[0];
	CHECK_REASON(ndshm, ndshm_free_many(ndshm, blocks, 64), HANDLE_UNKNOWN);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 64);
	blocks[63] = last;
	CHECK_DONE(ndshm, ndshm_free_many(ndshm, blocks, 64));
	for (size_t i = 0; i < 64; i++)
		CHECK(!blocks[i]);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);

	request.length = 0;
	memset(blocks, 1, sizeof(blocks));
	CHECK_REASON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 64), LENGTH_ZERO);
	for (size_t i = 0; i < 64; i++)
		CHECK(!blocks[i]);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);
}

TEST(bad_counts_are_refused)
{
	static const size_t counts[] = { 0, 65, UINT32_MAX, SIZE_MAX };
	struct ndshm_request request = test_request(page);
	struct ndshm_block *block = (void *)1;

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		CHECK_REASON(ndshm, ndshm_alloc_many(ndshm, &request, &block, counts[i]), COUNT);
	CHECK(block == (void *)1);
}

TEST(mappings_outlive_the_client)
{
	struct ndshm_request request = test_request(page);
	struct ndshm_block *mapped, *never_mapped;
	struct ndshm_block_info info;
	struct ndshm_block_row *rows;
	struct ndshm *other;
	uint64_t address;
	size_t count;
	char *memory;
	void *again;

	REQUIRE(!ndshm_open("memfd:", &other));
	REQUIRE(!ndshm_alloc(other, &request, &mapped));
	/* It is listed for its client alone. */
	CHECK(!ndshm_list_blocks(ndshm, &rows, &count) && !count);
	REQUIRE(!ndshm_alloc(other, &request, &never_mapped));
	REQUIRE(!ndshm_map(mapped, (void **)&memory));
	strcpy(memory, "still here");
	ndshm_close(other);

	CHECK(!strcmp(memory, "still here"));
	CHECK(ndshm_block_length(mapped) == (uint64_t)page && ndshm_block_handle(mapped));
	CHECK(ndshm_block_address(mapped, &address) == -EPERM);
	CHECK(!ndshm_map(mapped, &again) && again == memory);
	CHECK(ndshm_map(never_mapped, &again) == -EBADF && !again);
	CHECK(ndshm_query(mapped, &info, NULL, 0, &count) == -EBADF && !count);
	ndshm_free(mapped);
	CHECK(!test_is_mapped(memory));
	ndshm_unmap(never_mapped);
	ndshm_free(never_mapped);
}

static void child(char *memory)
{
	bool good = !strcmp(memory, "parent");

	strcpy(memory, "child");
	ndshm_close(ndshm);
	/* Inherited mappings stay. */
	good = good && !strcmp(memory, "child");
	fflush(NULL);
	_exit(good ? 0 : 1);
}

BLOCK_TEST(a_child_has_what_was_mapped, page)
{
	struct ndshm_block *later;
	struct ndshm_info info;
	char *memory;
	pid_t pid;

	REQUIRE(!ndshm_map(block, (void **)&memory));
	strcpy(memory, "parent");
	pid = fork();
	if (!pid)
		child(memory);
	CHECK(!test_wait(pid));
	CHECK(!strcmp(memory, "child"));

	/* The close in the child does not affect the parent. */
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 1);
	later = make(page);
	CHECK(later);
	ndshm_free(later);
}

TEST(a_file_limit_is_a_limit_of_handles)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *block, *blocks[64];
	struct rlimit before, limit;
	struct ndshm_info info;
	int next = dup(STDOUT_FILENO), room = 0;

	close(next);
	REQUIRE(next >= 0 && test_limit(RLIMIT_NOFILE, next, &before));
	CHECK_REASON(ndshm, ndshm_alloc(ndshm, &request, &block), HANDLES);
	CHECK(!block);
	/* Descriptors above the first free one may be inherited. */
	for (int fd = next; fd < next + 8; fd++)
		room += fcntl(fd, F_GETFD) < 0;
	CHECK(test_limit(RLIMIT_NOFILE, next + 8, &limit));
	CHECK_REASON(ndshm, ndshm_alloc_many(ndshm, &request, blocks, 64), HANDLES);
	CHECK_DONE(ndshm, ndshm_alloc_many(ndshm, &request, blocks, room));
	for (int i = 0; i < room; i++)
		ndshm_free(blocks[i]);
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 0 && info.bytes == 0);
}

/* At this limit fallocate() raises SIGXFSZ, which would end the program. */
TEST(at_the_file_size_limit_there_is_a_reason)
{
	struct ndshm_block *block = make(page), *none = (void *)1;
	struct ndshm_request request = test_request(page + 1);
	struct rlimit before;

	REQUIRE(block && test_limit(RLIMIT_FSIZE, page, &before));
	CHECK_REASON(ndshm, ndshm_alloc(ndshm, &request, &none), MEMORY);
	CHECK(!none);
	ndshm_free(block);
	block = make(page);
	CHECK(block);
	ndshm_free(block);
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
}

static struct ndshm_block *last;

static void free_last(void)
{
	ndshm_free(last);
}

/* A pending cancellation does not act in close(). */
TEST(a_cancelled_thread_ends_its_calls)
{
	last = make(page);
	REQUIRE(last);
	CHECK(test_cancelled(free_last));
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	unsetenv("NDSHM_BACKEND");
	return test_main(ndshm_open("memfd:", &ndshm), &ndshm);
}
