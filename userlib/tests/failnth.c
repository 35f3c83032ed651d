// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of the library, with each of its allocations failing in turn: it returns
 * -ENOMEM with a reason, changes nothing and leaks nothing. The sanitizer reports leaks
 * at exit; the counts below show others.
 */
#include <pthread.h>

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
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *made = (void *)1;
	int error;

	request.length = 1;
	error = ndshm_alloc(ndshm, &request, &made);
	CHECK(!error == !!made);
	ndshm_free(made);
	return error;
}

static int try_alloc_many(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *made[3] = { (void *)1, (void *)1, (void *)1 };
	int error;

	request.length = 1;
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

static int try_query(void)
{
	struct ndshm_block_info info;
	struct ndshm_segment segment;
	size_t count;

	return ndshm_query(block, &info, &segment, 1, &count);
}

/* The first call makes the cache. */
static int try_set_cache(void)
{
	return ndshm_set_cache(ndshm, 1);
}

static int try_info(void)
{
	struct ndshm_info info;

	return ndshm_get_info(ndshm, &info);
}

static int try_list_adapters(void)
{
	struct ndshm_adapter_info *rows;
	size_t count;
	int error = ndshm_list_adapters(ndshm, &rows, &count);

	CHECK(!error == !!rows && !error == !!count);
	free(rows);
	return error;
}

static int try_list_providers(void)
{
	struct ndshm_provider_info *rows;
	size_t count;
	int error = ndshm_list_providers(ndshm, &rows, &count);

	CHECK(!error == !!rows && !error == !!count);
	free(rows);
	return error;
}

static int try_list_blocks(void)
{
	struct ndshm_block_row *rows;
	size_t count;
	int error = ndshm_list_blocks(ndshm, &rows, &count);

	CHECK(!error == !!rows && !error == !!count);
	free(rows);
	return error;
}

static int try_find_adapter(void)
{
	struct ndshm_adapter_info info;

	return ndshm_find_adapter(ndshm, "memfd", &info);
}

static int try_find_provider(void)
{
	struct ndshm_provider_info info;

	return ndshm_find_provider(ndshm, "memfd", &info);
}

/* With sufficient memory it fails for another reason. */
static int try_claim(void)
{
	struct ndshm_claim *claim;
	int error = ndshm_claim_adapter(ndshm, 1, 0, &claim);

	CHECK(!claim);
	return error == -EOPNOTSUPP ? 0 : error;
}

static int try_section(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *made = (void *)1;
	int error;

	request.max_size = request.initial_size = 1;
	error = ndshm_section_create(ndshm, &request, &made);
	CHECK(!error == !!made);
	ndshm_section_close(made);
	return error;
}

/* The first section needs memory that is kept for later ones. */
static int try_first_section(void)
{
	return try_section();
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

static int try_list_sections(void)
{
	struct ndshm_section_row *rows;
	size_t count;
	int error = ndshm_list_sections(ndshm, &rows, &count);

	CHECK(!error == !!rows && !error == !!count);
	free(rows);
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

#define FAIL_EACH(call, count, has_reason) \
static void call##_fails(void) \
{ \
	fail_each(try_##call, count, has_reason); \
}

/* The counts show that the linker has wrapped the functions. */
FAIL_EACH(open, 2, false)
FAIL_EACH(alloc, 4, true)
FAIL_EACH(alloc_many, 1 + 3 + 3 * 3, true)
FAIL_EACH(map, 1, true)
FAIL_EACH(query, 0, true)
FAIL_EACH(set_cache, 2, true)
FAIL_EACH(info, 0, true)
FAIL_EACH(list_adapters, 1, true)
FAIL_EACH(list_providers, 1, true)
FAIL_EACH(list_blocks, 1, true)
FAIL_EACH(find_adapter, 1, true)
FAIL_EACH(find_provider, 1, true)
FAIL_EACH(claim, 1, true)
FAIL_EACH(first_section, 7, true)
FAIL_EACH(section, 2 + 2 + 3, true)
FAIL_EACH(adopt_own, 1 + 3, true)
FAIL_EACH(adopt_others, 2 + 3, true)
FAIL_EACH(extent, 2, true)
FAIL_EACH(list_sections, 1, true)
FAIL_EACH(section_rest, 0, true)

/* Numbers of the calls that an allocation makes: see FAIL_EACH(alloc). */
#define MEMFD_CREATE	3
#define FALLOCATE	4

/* Expect that an allocation succeeds although one call fails with this errno. */
static void check_passes(unsigned int nth, int error)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *made;
	char *memory;

	request.length = 10000;
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
static void an_old_kernel_has_memfds_as_well(void)
{
	check_passes(MEMFD_CREATE, EINVAL);
}

static void an_interrupted_allocation_goes_on(void)
{
	check_passes(FALLOCATE, EINTR);
}

static void check_refused(unsigned int nth, int error, int expected, uint32_t reason)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *made = (void *)1;
	int before = test_descriptors();
	struct ndshm_info info;

	request.length = 1;
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

static void what_the_system_lacks_is_distinguished(void)
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
static void what_was_got_in_vain_goes_again(void)
{
	struct ndshm_section_info info;
	uint64_t offset, length;

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(info.max_size == 16 * HUGE && info.committed <= 2 * HUGE);
	wrap_fail_nth(8);
	CHECK_FAILS(ndshm, ndshm_extent_alloc(section, 16 * HUGE, 0, &offset, &length), ENOMEM,
		    MEMORY, RESOURCES);
	CHECK(wrap_has_failed());
	wrap_fail_nth(0);
	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(info.committed <= 2 * HUGE && !info.extents);
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 16 * HUGE, 0, &offset, &length));
	CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
}

/* A section that cannot be revoked is deleted only, and can be revoked by another call. */
static void revocation_fails(void)
{
	struct ndshm_section *other = test_make_section(ndshm, HUGE, 0);
	struct ndshm_section_info info;
	uint64_t offset, length;

	REQUIRE(other);
	CHECK_DONE(ndshm, ndshm_extent_alloc(other, 1, 0, &offset, &length));
	wrap_fail_nth(1);
	CHECK_FAILS(ndshm, ndshm_section_delete(other, NDSHM_DELETE_REVOKE), ENOMEM, MEMORY,
		    RESOURCES);
	CHECK(wrap_has_failed());
	wrap_fail_nth(0);
	CHECK_DONE(ndshm, ndshm_section_query(other, &info));
	CHECK(info.flags == NDSHM_SECTION_DELETED && info.committed && info.extents == 1);
	CHECK_DONE(ndshm, ndshm_extent_free(other, offset));
	CHECK_FAILS(ndshm, ndshm_section_delete(other, 0), EIDRM, SECTION_DELETED, CLOSING);
	CHECK_DONE(ndshm, ndshm_section_delete(other, NDSHM_DELETE_REVOKE));
	CHECK_DONE(ndshm, ndshm_section_query(other, &info));
	CHECK(!info.committed);
	ndshm_section_close(other);
}

static void descriptors_that_the_system_lacks_are_distinguished(void)
{
	wrap_fail_with(ENFILE);
	/* Allocations: the object, its state, its file. */
	wrap_fail_nth(3);
	CHECK_FAILS(ndshm, try_section(), EMFILE, DESCRIPTORS, RESOURCES);
	wrap_fail_nth(0);
	wrap_fail_with(ENOMEM);
}

/* A thread without memory for a reason reuses the place of one that has ended. */
static void a_reason_needs_no_memory(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *none;
	struct ndshm *other;
	pthread_t thread;

	REQUIRE(!pthread_create(&thread, NULL, open_other, &other));
	pthread_join(thread, NULL);
	/*
	 * A refused call that allocates nothing except, if required, a place for the
	 * reason.
	 */
	wrap_fail_nth(1);
	CHECK_FAILS(other, ndshm_alloc_many(other, &request, &none, 0), EINVAL, COUNT,
		    INVALID_PARAMETER);
	CHECK(!wrap_has_failed());
	wrap_fail_nth(0);
	ndshm_close(other);
}

int main(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;

	request.length = 1;
	if (ndshm_open("memfd:", &ndshm) || ndshm_alloc(ndshm, &request, &block))
		return 1;
	RUN(open_fails);
	RUN(alloc_fails);
	RUN(alloc_many_fails);
	RUN(map_fails);
	RUN(query_fails);
	RUN(set_cache_fails);
	RUN(info_fails);
	RUN(list_adapters_fails);
	RUN(list_providers_fails);
	RUN(list_blocks_fails);
	RUN(find_adapter_fails);
	RUN(find_provider_fails);
	RUN(claim_fails);
	RUN(first_section_fails);
	section = test_make_section(ndshm, 16 * HUGE, 0);
	if (!section)
		return 1;
	strangers_section = test_sealed_memfd("ndshm-section:1:1000:0",
					      F_SEAL_SHRINK | F_SEAL_SEAL);
	RUN(section_fails);
	RUN(adopt_own_fails);
	RUN(adopt_others_fails);
	RUN(extent_fails);
	RUN(list_sections_fails);
	RUN(section_rest_fails);
	RUN(what_was_got_in_vain_goes_again);
	RUN(revocation_fails);
	RUN(descriptors_that_the_system_lacks_are_distinguished);
	ndshm_section_close(section);
	close(strangers_section);
	RUN(an_old_kernel_has_memfds_as_well);
	RUN(an_interrupted_allocation_goes_on);
	RUN(what_the_system_lacks_is_distinguished);
	RUN(a_reason_needs_no_memory);
	ndshm_free(block);
	ndshm_close(ndshm);
	return test_end();
}
