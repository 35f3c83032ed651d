// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of the library, with each of its allocations failing in turn: it returns
 * -ENOMEM with a reason, changes nothing and leaks nothing. The sanitizer reports leaks
 * at exit; the counts below show others.
 */
#include "test_section.h"
#include "wrap.h"

static struct ndshm *ndshm;
static struct ndshm_block *block;
static struct ndshm_section *section;
static int strangers_section;

static int try_open(void)
{
	struct ndshm *other = (void *)1;
	int error = ndshm_open("memfd:", &other);

	CHECK(!error == !!other);
	ndshm_close(other);
	return error;
}

static int try_alloc(void)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *made = (void *)1;
	int error;

	error = ndshm_alloc(ndshm, &request, &made);
	CHECK(!error == !!made);
	ndshm_free(made);
	return error;
}

static int try_alloc_many(void)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *made[3] = { (void *)1, (void *)1, (void *)1 };
	int error;

	error = ndshm_alloc_many(ndshm, &request, made, 3);
	for (int i = 0; i < 3; i++) {
		CHECK(!error == !!made[i]);
		ndshm_free(made[i]);
	}
	return error;
}

static int try_map(void)
{
	void *memory = (void *)1;
	int error = ndshm_map(block, &memory);

	CHECK(!error == !!memory);
	ndshm_unmap(block);
	return error;
}

/* A call that leaves nothing to free. */
#define TRY(name, type, call) \
static int try_##name(void) \
{ \
	type out; \
	\
	return call; \
}

static size_t segments;

TRY(query, struct ndshm_block_info, ndshm_query(block, &out, NULL, 0, &segments))
TRY(info, struct ndshm_info, ndshm_get_info(ndshm, &out))
TRY(find_adapter, struct ndshm_adapter_info, ndshm_find_adapter(ndshm, "memfd", &out))
TRY(find_provider, struct ndshm_provider_info, ndshm_find_provider(ndshm, "memfd", &out))

/* The first call makes the cache. */
static int try_set_cache(void)
{
	return ndshm_set_cache(ndshm, 1);
}

#define TRY_LIST(what, type) \
static int try_list_##what(void) \
{ \
	struct type *rows; \
	size_t count; \
	int error = ndshm_list_##what(ndshm, &rows, &count); \
	\
	CHECK(!error == !!rows && !error == !!count); \
	free(rows); \
	return error; \
}

TRY_LIST(adapters, ndshm_adapter_info)
TRY_LIST(providers, ndshm_provider_info)
TRY_LIST(blocks, ndshm_block_row)
TRY_LIST(sections, ndshm_section_row)

/* With sufficient memory it fails for another reason. */
static int try_claim(void)
{
	struct ndshm_claim *claim;
	int error = ndshm_claim_adapter(ndshm, "memfd", 0, &claim);

	CHECK(!claim);
	return error == -EOPNOTSUPP ? 0 : error;
}

static int try_section(void)
{
	struct ndshm_section_request request = test_section_request(1, 1);
	struct ndshm_section *made = (void *)1;
	int error;

	error = ndshm_section_create(ndshm, &request, &made);
	CHECK(!error == !!made);
	ndshm_section_close(made);
	return error;
}

static int try_adopt(int fd)
{
	struct ndshm_section *made = (void *)1;
	int error = ndshm_section_adopt(ndshm, fd, &made);

	CHECK(!error == !!made);
	ndshm_section_close(made);
	return error;
}

static int try_adopt_own(void)
{
	return try_adopt(ndshm_section_fd(section));
}

static int try_adopt_others(void)
{
	return try_adopt(strangers_section);
}

/* Allocates a record of the extent and its memory. */
static int try_extent(void)
{
	uint64_t offset, length;
	int error = ndshm_extent_alloc(section, 1, 0, &offset, &length);

	CHECK(!error == !!length);
	if (!error)
		CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
	return error;
}

static int try_section_rest(void)
{
	struct ndshm_section_info info;
	int fd;

	CHECK_DONE(ndshm, ndshm_section_sync(section, NDSHM_SYNC_FOR_CPU, 0, 1));
	CHECK_DONE(ndshm, ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
	close(fd);
	return ndshm_section_query(section, &info);
}

static bool open_section(void)
{
	section = test_make_section(ndshm, 16 * HUGE, 0);
	strangers_section = test_sealed_memfd("ndshm-section:1:1000:0:0",
					      F_SEAL_SHRINK | F_SEAL_SEAL);
	return section;
}

static void close_section(void)
{
	ndshm_section_close(section);
	close(strangers_section);
}

#define SECTION_TEST(name)	TEST_WITHIN(name, open_section(), close_section())

/* Expect that the call makes @count allocations, and fails if any of them fails. */
static void fail_each(int (*call)(void), unsigned int count, bool has_reason)
{
	struct ndshm_info info;
	unsigned int nth;
	int error;

	for (nth = 1; nth <= 100; nth++) {
		int before = test_descriptors();

		wrap_fail_nth(nth);
		error = call();
		wrap_fail_nth(0);
		CHECK(test_descriptors() == before);
		if (!wrap_has_failed())
			break;
		CHECK(error == -ENOMEM);
		if (has_reason) {
			CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_MEMORY);
			CHECK(ndshm_last_status(ndshm) == NDSHM_STATUS_RESOURCES);
		}
		CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 1);
	}
	CHECK(!error);
	if (nth - 1 != count)
		printf("# %u calls failed, not %u\n", nth - 1, count);
	CHECK(nth - 1 == count);
}

#define SECTION_FAIL_TEST(name, call, count) \
SECTION_TEST(name) \
{ \
	fail_each(call, count, true); \
}

/* The counts show that the linker has wrapped the functions. */
CALL_TEST(open_fails, fail_each(try_open, 2, false))
CALL_TEST(alloc_fails, fail_each(try_alloc, 4, true))
CALL_TEST(alloc_many_fails, fail_each(try_alloc_many, 1 + 3 + 3 * 3, true))
CALL_TEST(map_fails, fail_each(try_map, 1, true))
CALL_TEST(query_fails, fail_each(try_query, 0, true))
CALL_TEST(set_cache_fails, fail_each(try_set_cache, 2, true))
CALL_TEST(info_fails, fail_each(try_info, 0, true))
CALL_TEST(list_adapters_fails, fail_each(try_list_adapters, 1, true))
CALL_TEST(list_providers_fails, fail_each(try_list_providers, 1, true))
CALL_TEST(list_blocks_fails, fail_each(try_list_blocks, 1, true))
CALL_TEST(find_adapter_fails, fail_each(try_find_adapter, 1, true))
CALL_TEST(find_provider_fails, fail_each(try_find_provider, 1, true))
CALL_TEST(claim_fails, fail_each(try_claim, 2, true))
/* The first section needs memory that is kept for later ones. */
CALL_TEST(first_section_fails, fail_each(try_section, 7, true))
SECTION_FAIL_TEST(section_fails, try_section, 2 + 2 + 3)
SECTION_FAIL_TEST(adopt_own_fails, try_adopt_own, 1 + 3)
SECTION_FAIL_TEST(adopt_others_fails, try_adopt_others, 2 + 3)
SECTION_FAIL_TEST(extent_fails, try_extent, 2)
SECTION_FAIL_TEST(list_sections_fails, try_list_sections, 1)
SECTION_FAIL_TEST(section_rest_fails, try_section_rest, 0)

/* Numbers of the calls that an allocation makes: see FAIL_EACH(alloc). */
#define MEMFD_CREATE	3
#define FALLOCATE	4

/* Expect that an allocation succeeds although one call fails with this errno. */
static void check_passes(unsigned int nth, int error)
{
	struct ndshm_request request = test_request(10000);
	struct ndshm_block *made;
	char *memory;

	wrap_fail_with(error);
	wrap_fail_nth(nth);
	CHECK_DONE(ndshm, ndshm_alloc(ndshm, &request, &made));
	wrap_fail_nth(0);
	wrap_fail_with(ENOMEM);
	CHECK(wrap_has_failed());
	REQUIRE(made);
	CHECK_DONE(ndshm, ndshm_map(made, (void **)&memory));
	CHECK(!memory[0] && !memory[12287]);
	memset(memory, 1, 12288);
	ndshm_free(made);
}

/* Kernels before 6.3 lack MFD_NOEXEC_SEAL. */
CALL_TEST(an_old_kernel_has_memfds_as_well, check_passes(MEMFD_CREATE, EINVAL))
CALL_TEST(an_interrupted_allocation_goes_on, check_passes(FALLOCATE, EINTR))

static void check_refused(unsigned int nth, int error, int expected, uint32_t reason)
{
	struct ndshm_request request = test_request(1);
	struct ndshm_block *made = (void *)1;
	int before = test_descriptors();
	struct ndshm_info info;

	wrap_fail_with(error);
	wrap_fail_nth(nth);
	CHECK(ndshm_alloc(ndshm, &request, &made) == -expected);
	wrap_fail_nth(0);
	wrap_fail_with(ENOMEM);
	CHECK(wrap_has_failed() && !made && test_descriptors() == before);
	CHECK(ndshm_last_reason(ndshm) == reason);
	CHECK(ndshm_last_status(ndshm) == NDSHM_STATUS_RESOURCES);
	CHECK(!ndshm_get_info(ndshm, &info) && info.blocks == 1);
}

TEST(what_the_system_lacks_is_distinguished)
{
	check_refused(MEMFD_CREATE, EMFILE, EDQUOT, NDSHM_REASON_HANDLES);
	check_refused(MEMFD_CREATE, ENFILE, EDQUOT, NDSHM_REASON_HANDLES);
	check_refused(FALLOCATE, ENOSPC, ENOMEM, NDSHM_REASON_MEMORY);
}

static void *open_other(void *other)
{
	CHECK(!ndshm_open("memfd:", other));
	return NULL;
}

/* The memory of the last chunk cannot be allocated: the first ones are freed. */
SECTION_TEST(what_was_got_in_vain_goes_again)
{
	struct ndshm_section_info info;
	uint64_t offset, length;

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(info.max_size == 16 * HUGE && info.committed <= 2 * HUGE);
	wrap_fail_nth(8);
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, 16 * HUGE, 0, &offset, &length), MEMORY);
	CHECK(wrap_has_failed());
	wrap_fail_nth(0);
	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(info.committed <= 2 * HUGE && !info.extents);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 16 * HUGE, 0, &offset, &length));
	CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
}

/* A section that cannot be revoked is deleted only, and can be revoked by another call. */
TEST(revocation_fails)
{
	struct ndshm_section *other = test_make_section(ndshm, HUGE, 0);
	struct ndshm_section_info info;
	uint64_t offset, length;

	REQUIRE(other);
	CHECK_DONE(ndshm, ndshm_extent_alloc(other, 1, 0, &offset, &length));
	wrap_fail_nth(1);
	CHECK_REASON(ndshm, ndshm_section_delete(other, NDSHM_DELETE_REVOKE), MEMORY);
	CHECK(wrap_has_failed());
	wrap_fail_nth(0);
	CHECK_DONE(ndshm, ndshm_section_query(other, &info));
	CHECK(info.flags == NDSHM_SECTION_DELETED && info.committed && info.extents == 1);
	CHECK_DONE(ndshm, ndshm_extent_free(other, offset));
	CHECK_REASON(ndshm, ndshm_section_delete(other, 0), SECTION_DELETED);
	CHECK_DONE(ndshm, ndshm_section_delete(other, NDSHM_DELETE_REVOKE));
	CHECK_DONE(ndshm, ndshm_section_query(other, &info));
	CHECK(!info.committed);
	ndshm_section_close(other);
}

TEST(descriptors_that_the_system_lacks_are_distinguished)
{
	wrap_fail_with(ENFILE);
	/* Allocations: the object, its state, its file. */
	wrap_fail_nth(3);
	CHECK_REASON(ndshm, try_section(), DESCRIPTORS);
	wrap_fail_nth(0);
	wrap_fail_with(ENOMEM);
}

/* A thread without memory for a reason reuses the place of one that has ended. */
TEST(a_reason_needs_no_memory)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *none;
	struct ndshm *other;

	test_run_threads(1, open_other, &other, 0);
	/*
	 * A refused call that allocates nothing except, if required, a place for the
	 * reason.
	 */
	wrap_fail_nth(1);
	CHECK_REASON(other, ndshm_alloc_many(other, &request, &none, 0), COUNT);
	CHECK(!wrap_has_failed());
	wrap_fail_nth(0);
	ndshm_close(other);
}

int main(void)
{
	struct ndshm_request request = test_request(1);

	if (ndshm_open("memfd:", &ndshm) || ndshm_alloc(ndshm, &request, &block))
		return 1;
	test_run_all();
	ndshm_free(block);
	ndshm_close(ndshm);
	return test_end();
}
