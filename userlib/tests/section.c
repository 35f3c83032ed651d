// SPDX-License-Identifier: GPL-2.0
/*
 * Every function of sections, on the backend without a module, in the process that
 * created them. section_others.c tests other processes.
 */
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "test_section.h"
#include "wrap.h"

static struct ndshm *ndshm;
static uint64_t page;

static struct ndshm_section *make(uint64_t max_size, uint64_t initial_size)
{
	return test_make_section(ndshm, max_size, initial_size);
}

#define SECTION_TEST(name, max_size, initial_size) \
	TEST_WITH(name, struct ndshm_section *, section, make(max_size, initial_size), \
		  ndshm_section_close(section))

static struct ndshm_section_info look(struct ndshm_section *section)
{
	struct ndshm_section_info info = { 0 };

	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	return info;
}

static uint64_t extent(struct ndshm_section *section, uint64_t length, uint64_t alignment)
{
	uint64_t offset, got;

	CHECK_DONE(ndshm, ndshm_extent_alloc(section, length, alignment, &offset, &got));
	CHECK(got >= length && got < length + page);
	return offset;
}

TEST(a_section_is_mapped)
{
	struct ndshm_section *section = make(1 << 20, 1 << 16);
	struct ndshm_section_info info;
	unsigned char *memory;

	REQUIRE(section);
	memory = ndshm_section_base(section);
	CHECK(memory && (uintptr_t)memory % HUGE == 0);
	CHECK(ndshm_section_size(section) == 1 << 20);
	CHECK(fcntl(ndshm_section_fd(section), F_GETFD) == FD_CLOEXEC);
	info = look(section);
	CHECK(info.max_size == 1 << 20 && info.initial_size == 1 << 16);
	CHECK(info.committed == 1 << 16 && info.id && !info.flags);
	CHECK(!info.taken && !info.extents && !info.holders);
	CHECK(info.adapter && info.provider);
	CHECK(test_all(memory, 1 << 16, 0));
	memset(memory, 1, 1 << 16);
	CHECK(test_can_read(memory + (1 << 16) - 1));
	CHECK(!test_can_read(memory + (1 << 16)) && !test_can_read(memory + (1 << 20) - 1));
	ndshm_section_close(section);
	CHECK(msync(memory, page, MS_ASYNC) && errno == ENOMEM);
	ndshm_section_close(NULL);
}

#ifndef __SANITIZE_THREAD__ /* It needs mappings itself. */
/* In pages. */
static unsigned long address_space(void)
{
	char text[64] = "";
	int fd = open("/proc/self/statm", O_RDONLY);

	CHECK(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return strtoul(text, NULL, 10);
}

#define SINGLES	200000

/* Make mappings of one page each until no more are possible, without memory of their own. */
static char *use_all_mappings(void)
{
	char *pages = mmap(NULL, SINGLES * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!CHECK(pages != MAP_FAILED))
		return NULL;
	for (unsigned long i = 0; i < SINGLES; i += 2)
		if (mprotect(pages + i * page, page, PROT_READ))
			return pages;
	munmap(pages, SINGLES * page);
	return NULL;
}

/* A section that cannot be mapped leaves no part of a mapping. */
TEST(too_many_mappings)
{
	struct ndshm_section *section = make(1 << 20, 0);
	unsigned long before;
	unsigned int failures = 0;
	char *pages;

	ndshm_section_close(section);
	pages = use_all_mappings();
	REQUIRE(pages);
	/* Each second page that becomes as its neighbours leaves room for two mappings. */
	for (unsigned long i = 0; i < 8; i++) {
		before = address_space();
		section = NULL;
		failures += !!ndshm_section_create(ndshm, &(struct ndshm_section_request){
							.max_size = 1 << 20 }, &section);
		ndshm_section_close(section);
		CHECK(address_space() == before);
		CHECK(!mprotect(pages + 2 * i * page, page, PROT_NONE));
	}
	CHECK(failures && section);
	munmap(pages, SINGLES * page);
}
#endif

/* wrap.c has an mremap() that loses the address, like UCX's hook. */
SECTION_TEST(a_hooked_mremap_does_not_move_it, 2 * HUGE, page)
{
	unsigned char *memory;

	memory = ndshm_section_base(section);
	REQUIRE(test_can_read(memory));
	memset(memory, 1, page);
	CHECK(memory[page - 1] == 1);
}

TEST(sizes_are_rounded_to_pages)
{
	struct ndshm_section *section = make(1, 1), *other;

	REQUIRE(section);
	CHECK(look(section).max_size == page && look(section).initial_size == page);
	CHECK(look(section).committed == page);
	other = make(page + 1, 0);
	REQUIRE(other);
	CHECK(ndshm_section_size(other) == 2 * page && !look(other).committed);
	CHECK(look(section).id != look(other).id);
	CHECK(!test_can_read(ndshm_section_base(other)));
	ndshm_section_close(section);
	ndshm_section_close(other);
}

/* The range of a section needs no memory before it is used. */
TEST(the_greatest_can_be_had)
{
	struct ndshm_section *section;
	struct ndshm_info info;
	uint64_t offset;

	if (sizeof(size_t) < sizeof(uint64_t))
		return;
	REQUIRE(!ndshm_get_info(ndshm, &info));
	section = make(info.max_section, 0);
	REQUIRE(section);
	offset = extent(section, 1, 0);
	CHECK(offset == 0 && look(section).committed == HUGE);
	ndshm_section_close(section);
}

/* In a 32-bit program; also if the lower half of the size would fit. */
TEST(the_address_space_is_a_limit)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section;

	for (uint64_t more = 0; more < 3; more++) {
		request.max_size = (UINT64_C(4) << 30) + more * page;
		if (sizeof(size_t) < sizeof(uint64_t))
			CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &section),
				     ADDRESS_SPACE);
	}
}

/* Valid except for one member each. */
TEST(bad_requests_are_refused)
{
	struct ndshm_section_request request;
	struct ndshm_section *section;
	struct ndshm_info info;

	REQUIRE(!ndshm_get_info(ndshm, &info));
#define REFUSED(member, value, reason) do { \
	request = (struct ndshm_section_request)NDSHM_SECTION_REQUEST_INIT; \
	request.max_size = page; \
	request.initial_size = page; \
	request.member = (value); \
	section = (void *)1; \
	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &section), reason); \
	CHECK(!section); \
} while (0)
	REFUSED(max_size, 0, LENGTH_ZERO);
	REFUSED(max_size, UINT64_MAX, LENGTH_OVERFLOW);
	REFUSED(max_size, UINT64_MAX - page + 2, LENGTH_OVERFLOW);
	REFUSED(max_size, UINT64_MAX - page + 1, LENGTH_LIMIT);
	REFUSED(max_size, info.max_section + 1, LENGTH_LIMIT);
	REFUSED(initial_size, page + 1, SECTION_INITIAL);
	REFUSED(initial_size, UINT64_MAX, SECTION_INITIAL);
	REFUSED(node, -2, NODE);
	REFUSED(node, INT32_MAX, NODE);
	REFUSED(adapter, 4711, ADAPTER_UNKNOWN);
	REFUSED(provider, 4711, PROVIDER_UNKNOWN);
	REFUSED(flags, 2, FLAGS);
	REFUSED(flags, 1U << 31, FLAGS);
#undef REFUSED
}

TEST(core_dumps_have_what_was_wanted)
{
	struct ndshm_section_request request = test_section_request(HUGE, page);
	struct ndshm_request of_block = test_request(page);
	struct ndshm_section *section, *other;
	struct ndshm_block *block;
	void *memory;
	int fd;

	for (int wanted = 0; wanted < 2; wanted++) {
		request.flags = wanted ? NDSHM_CREATE_DUMP : 0;
		REQUIRE(!ndshm_section_create(ndshm, &request, &section));
		CHECK(look(section).flags == (wanted ? NDSHM_SECTION_DUMP : 0));
		CHECK(test_is_dumped(ndshm_section_base(section)) == wanted);
		REQUIRE(!ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
		REQUIRE(!ndshm_section_adopt(ndshm, fd, &other));
		close(fd);
		CHECK(test_is_dumped(ndshm_section_base(other)) == wanted);
		ndshm_section_close(other);
		ndshm_section_close(section);

		of_block.flags = wanted ? NDSHM_ALLOC_DUMP : 0;
		REQUIRE(!ndshm_alloc(ndshm, &of_block, &block));
		REQUIRE(!ndshm_map(block, &memory));
		CHECK(test_is_dumped(memory) == wanted);
		ndshm_free(block);
	}
}

SECTION_TEST(extents_are_the_lowest_that_fit, 16 * page, 0)
{
	uint64_t offset, length;

	CHECK(extent(section, 1, 0) == 0);
	CHECK(extent(section, 3 * page, 0) == page);
	CHECK(extent(section, page, 4 * page) == 4 * page);
	CHECK(extent(section, page, 4 * page) == 8 * page);
	CHECK(extent(section, page + 1, 0) == 5 * page);
	CHECK(look(section).taken == 8 * page && look(section).extents == 5);
	CHECK(look(section).holders == 1);
	CHECK_DONE(ndshm, ndshm_extent_free(section, page));
	CHECK(extent(section, 4 * page, 0) == 9 * page);
	CHECK(extent(section, 2 * page, 2 * page) == 2 * page);
	CHECK(extent(section, page, 0) == page);
	/* Page 7 and pages 13 to 15 are left. */
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, 4 * page, 0, &offset, &length),
		     SECTION_FULL);
	CHECK(extent(section, 3 * page, 0) == 13 * page);
	CHECK(extent(section, page, 0) == 7 * page);
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, 1, 0, &offset, &length), SECTION_FULL);
	CHECK(!offset && !length);
}

/* A place with memory is preferred to a lower one without. */
SECTION_TEST(memory_comes_in_chunks, 8 * HUGE + page, page)
{
	CHECK(extent(section, page, 0) == 0);
	/* The end is in the third chunk; the first chunk is partly committed. */
	CHECK(extent(section, HUGE + page, HUGE) == HUGE);
	CHECK(look(section).committed == page + 2 * HUGE);
	CHECK(extent(section, page, 0) == 2 * HUGE + page);
	CHECK(!test_can_read((char *)ndshm_section_base(section) + 3 * HUGE));
	CHECK(extent(section, HUGE - page, 0) == page);
	CHECK(look(section).committed == 3 * HUGE);
	CHECK(extent(section, 6 * HUGE - 2 * page, 0) == 2 * HUGE + 2 * page);
	CHECK(look(section).committed == 8 * HUGE);
	/* The last chunk is one page. */
	CHECK(extent(section, page, 0) == 8 * HUGE);
	CHECK(look(section).committed == 8 * HUGE + page);
}

SECTION_TEST(memory_goes_back, 64 * HUGE, HUGE)
{
	uint64_t first, second;

	first = extent(section, page, 0);
	second = extent(section, 40 * HUGE, 0);
	CHECK(look(section).committed == 41 * HUGE);
	CHECK_DONE(ndshm, ndshm_extent_free(section, second));
	CHECK(look(section).committed <= 4 * HUGE && look(section).committed >= HUGE);
	CHECK(test_can_read((char *)ndshm_section_base(section) + first));
	second = extent(section, 60 * HUGE, 0);
	CHECK(test_all((unsigned char *)ndshm_section_base(section) + second, HUGE, 0));
}

SECTION_TEST(extents_are_zero, HUGE, 0)
{
	unsigned char *memory;
	uint64_t offset;

	memory = ndshm_section_base(section);
	for (int i = 0; i < 3; i++) {
		offset = extent(section, 5 * page, 0);
		CHECK(offset == 0 && test_all(memory, 5 * page, 0));
		memset(memory, 0x55, HUGE);
		CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
	}
}

SECTION_TEST(bad_extents_are_refused, HUGE, 0)
{
	static const uint64_t alignments[] = { 1, 2048, 12288, 4 << 20, UINT64_MAX, 1ULL << 63 };
	uint64_t offset = 1, length = 1;

	CHECK_REASON(ndshm, ndshm_extent_alloc(section, 0, 0, &offset, &length), LENGTH_ZERO);
	CHECK(!offset && !length);
	for (size_t i = 0; i < sizeof(alignments) / sizeof(alignments[0]); i++)
		CHECK_REASON(ndshm,
			     ndshm_extent_alloc(section, UINT64_MAX, alignments[i], &offset,
						&length), ALIGNMENT);
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, HUGE + 1, 0, &offset, &length),
		     SECTION_FULL);
	CHECK_REASON(ndshm, ndshm_extent_alloc(section, UINT64_MAX, HUGE, &offset, &length),
		     SECTION_FULL);
	CHECK(!look(section).committed);
}

SECTION_TEST(what_is_no_extent_is_unknown, HUGE, 0)
{
	struct ndshm_segment segment;
	size_t count = 1;

	CHECK(extent(section, 2 * page, 0) == 0);
#define REFUSED(offset, reason) do { \
	CHECK_REASON(ndshm, ndshm_extent_free(section, offset), reason); \
	CHECK_REASON(ndshm, ndshm_extent_query(section, offset, &segment, 1, &count), reason); \
	CHECK(!count); \
} while (0)
	REFUSED(1, ALIGNMENT);
	REFUSED(UINT64_MAX, ALIGNMENT);
	REFUSED(page, EXTENT_UNKNOWN);
	REFUSED(2 * page, EXTENT_UNKNOWN);
	REFUSED(HUGE, EXTENT_UNKNOWN);
	REFUSED(UINT64_MAX - page + 1, EXTENT_UNKNOWN);
	CHECK_DONE(ndshm, ndshm_extent_free(section, 0));
	REFUSED(0, EXTENT_UNKNOWN);
#undef REFUSED
}

SECTION_TEST(extents_have_segments, HUGE, 0)
{
	struct ndshm_segment segment;
	size_t count = 0;

	CHECK(extent(section, 3 * page, 0) == 0);
	CHECK_DONE(ndshm, ndshm_extent_query(section, 0, NULL, 0, &count));
	CHECK(count == 1);
	CHECK_DONE(ndshm, ndshm_extent_query(section, 0, &segment, SIZE_MAX, &count));
	CHECK(count == 1 && segment.length == 3 * page);
	CHECK(segment.address == NDSHM_ADDRESS_HIDDEN);
}

SECTION_TEST(sync_looks_at_the_range, HUGE, 0)
{
	CHECK_DONE(ndshm, ndshm_section_sync(section, NDSHM_SYNC_FOR_CPU, 0, HUGE));
	CHECK_DONE(ndshm, ndshm_section_sync(section, NDSHM_SYNC_FOR_DEVICE, HUGE - 1, 1));
	CHECK_REASON(ndshm, ndshm_section_sync(section, 0, 0, 0), DIRECTION);
	CHECK_REASON(ndshm, ndshm_section_sync(section, 1, HUGE, 0), LENGTH_ZERO);
	CHECK_REASON(ndshm, ndshm_section_sync(section, 2, HUGE, 1), RANGE);
	CHECK_REASON(ndshm, ndshm_section_sync(section, 2, 1, UINT64_MAX), RANGE);
}

SECTION_TEST(no_descriptor_after_a_refusal, HUGE, HUGE)
{
	int fd = 7;

	CHECK_ERRNO(ndshm, ndshm_section_export(section, 0, HUGE, O_RDWR, &fd), EOPNOTSUPP);
	CHECK(fd == -1);
	fd = 7;
	CHECK_REASON(ndshm, ndshm_section_share(section, 2, &fd), FLAGS);
	CHECK(fd == -1);
}

/* Adopt the section again in this process: one more holder and mapping. */
static struct ndshm_section *again(struct ndshm_section *section, uint32_t flags)
{
	struct ndshm_section *other = NULL;
	int fd;

	CHECK_DONE(ndshm, ndshm_section_share(section, flags, &fd));
	CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK_DONE(ndshm, ndshm_section_adopt(ndshm, fd, &other));
	close(fd);
	return other;
}

SECTION_TEST(holders_have_their_own, HUGE, 0)
{
	struct ndshm_section *other;
	uint64_t own, others;
	char *memory;

	other = again(section, 0);
	REQUIRE(other);
	own = extent(section, page, 0);
	others = extent(other, page, 0);
	CHECK(own == 0 && others == page && look(section).holders == 2);
	CHECK(look(other).extents == 2 && look(other).id == look(section).id);
	memory = ndshm_section_base(section);
	CHECK(memory != ndshm_section_base(other));
	memory[others] = 7;
	CHECK(((char *)ndshm_section_base(other))[others] == 7);
	CHECK_REASON(ndshm, ndshm_extent_free(section, others), EXTENT_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_section_delete(section, 0), SECTION_BUSY);
	/* The extents of the closed holder are free. */
	ndshm_section_close(other);
	CHECK(look(section).holders == 1 && look(section).extents == 1);
	CHECK(extent(section, page, 0) == others);
	CHECK_DONE(ndshm, ndshm_section_delete(section, 0));
}

SECTION_TEST(what_is_deleted_stays_mapped, HUGE, page)
{
	struct ndshm_section *other, *none = (void *)1;
	struct ndshm_segment segment;
	size_t count;
	char *memory;
	int fd = 0;

	other = again(section, 0);
	REQUIRE(other);
	memory = ndshm_section_base(section);
	CHECK(extent(section, page, 0) == 0 && extent(other, page, 0) == page);
	memory[0] = 1;
	CHECK_DONE(ndshm, ndshm_section_delete(other, NDSHM_DELETE_FORCE));
	CHECK(look(section).flags == NDSHM_SECTION_DELETED && memory[0] == 1);
	for (int i = 0; i < 2; i++)
		CHECK_REASON(ndshm, ndshm_section_delete(section, i), SECTION_DELETED);
	CHECK_REASON(ndshm, test_extent(section, 1), SECTION_DELETED);
	CHECK_REASON(ndshm, ndshm_section_share(section, 0, &fd), SECTION_DELETED);
	CHECK(fd == -1);
	CHECK_REASON(ndshm, ndshm_section_sync(section, 1, 0, 1), SECTION_DELETED);
	CHECK_REASON(ndshm, ndshm_extent_query(section, 0, &segment, 1, &count), SECTION_DELETED);
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, ndshm_section_fd(section), &none),
		     SECTION_DELETED);
	CHECK(!none);
	CHECK_DONE(ndshm, ndshm_extent_free(section, 0));
	CHECK(look(section).extents == 1);
	ndshm_section_close(other);
}

/* Memory that another process has allocated beyond the end is freed, too. */
SECTION_TEST(what_is_revoked_has_no_memory, HUGE, HUGE)
{
	const int fd = ndshm_section_fd(section);
	struct ndshm_section_row *rows;
	struct ndshm_section *other;
	struct stat status;
	size_t count;

	other = again(section, 0);
	REQUIRE(other);
	CHECK(extent(section, page, 0) == 0 && extent(other, page, 0) == page);
	CHECK(!fallocate(fd, 0, HUGE, 2 * HUGE) && !fstat(fd, &status) && status.st_blocks);
	CHECK_REASON(ndshm, ndshm_section_delete(section, 1U << 31), FLAGS);
	CHECK(look(section).committed);
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_REVOKE));
	CHECK(look(other).flags == (NDSHM_SECTION_DELETED | NDSHM_SECTION_REVOKED));
	CHECK(!look(other).committed && !fstat(fd, &status) && !status.st_blocks);
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	CHECK(count == 1 && rows[0].deleted && rows[0].revoked);
	free(rows);
	ndshm_section_close(other);
}

/* As with the module: once, also after a deletion, whose refusal precedes all other checks. */
SECTION_TEST(a_section_is_revoked_once, HUGE, page)
{
	CHECK_DONE(ndshm, ndshm_section_delete(section, 0));
	CHECK(look(section).flags == NDSHM_SECTION_DELETED && look(section).committed);
	CHECK_REASON(ndshm, test_extent(section, 0), SECTION_DELETED);
	CHECK(!look(section).holders);
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_REVOKE));
	CHECK(!look(section).committed);
	for (int i = 0; i < 4; i++)
		CHECK_REASON(ndshm, ndshm_section_delete(section, i), SECTION_DELETED);
}

static struct ndshm_section *growing;

static void revoke_in_child(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(!!ndshm_section_delete(growing, NDSHM_DELETE_REVOKE));
	CHECK(!test_wait(pid));
}

/* Another process revokes the section between the allocation of memory and its clearing. */
TEST_WITHIN(revoking_beside_an_allocation_leaves_no_memory, growing = make(HUGE, 0),
	    ndshm_section_close(growing))
{
	wrap_after_fallocate(revoke_in_child);
	CHECK_REASON(ndshm, test_extent(growing, page), SECTION_DELETED);
	CHECK(!look(growing).committed && !look(growing).extents);
}

static void *use_while_growing(void *none)
{
	CHECK_DONE(ndshm, ndshm_extent_free(growing, 0));
	CHECK(extent(growing, page, 0) == 0 && look(growing).extents == 2);
	return none;
}

static void use_in_time(void)
{
	struct timespec soon;
	pthread_t thread;

	clock_gettime(CLOCK_REALTIME, &soon);
	soon.tv_sec += 20;
	if (!CHECK(!pthread_create(&thread, NULL, use_while_growing, NULL)) ||
	    !CHECK(!pthread_timedjoin_np(thread, NULL, &soon)))
		exit(1);
}

/* Memory is allocated outside of the lock. */
TEST_WITHIN(other_threads_do_not_wait_for_memory, growing = make(4 * HUGE, page),
	    ndshm_section_close(growing))
{
	CHECK(extent(growing, page, 0) == 0);
	wrap_after_fallocate(use_in_time);
	CHECK(extent(growing, 2 * HUGE, HUGE) == HUGE);
}

SECTION_TEST(reading_only_stays_so, 2 * HUGE, page)
{
	struct ndshm_section *reader, *second;
	char *memory, *theirs, path[64];
	uint64_t offset, length;
	int fd = 0;

	reader = again(section, NDSHM_SHARE_READONLY);
	REQUIRE(reader);
	CHECK(look(reader).flags == NDSHM_SECTION_READONLY && !look(section).flags);
	memory = ndshm_section_base(section);
	theirs = ndshm_section_base(reader);
	memory[1] = 5;
	CHECK(theirs[1] == 5);
	CHECK(mprotect(theirs, page, PROT_READ | PROT_WRITE) && errno == EACCES);
	CHECK(!test_can_write(theirs));
	CHECK(mmap(NULL, page, PROT_WRITE, MAP_SHARED, ndshm_section_fd(reader), 0) == MAP_FAILED);
	CHECK_REASON(ndshm, ndshm_extent_alloc(reader, 0, 0, &offset, &length), SECTION_READONLY);
	CHECK_REASON(ndshm, ndshm_extent_free(reader, 0), EXTENT_UNKNOWN);
	CHECK_REASON(ndshm, ndshm_section_share(reader, 0, &fd), SECTION_READONLY);
	CHECK(fd == -1);
	for (int i = 0; i < 2; i++)
		CHECK_REASON(ndshm, ndshm_section_delete(reader, i), SECTION_READONLY);
	CHECK_REASON(ndshm, ndshm_section_sync(reader, 0, 0, 0), SECTION_READONLY);
	second = again(reader, NDSHM_SHARE_READONLY);
	REQUIRE(second);
	CHECK(look(second).flags == NDSHM_SECTION_READONLY);
	/* Memory added later is visible in existing mappings. */
	CHECK(extent(section, HUGE, 0) == 0);
	offset = extent(section, HUGE, 0);
	CHECK(offset == HUGE);
	memory[offset] = 6;
	CHECK(theirs[offset] == 6);
	/* Only the owner and root may open it. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ndshm_section_fd(reader));
	if (!geteuid() && !seteuid(65534)) {
		CHECK(open(path, O_RDWR | O_CLOEXEC) < 0 && errno == EACCES);
		CHECK(!seteuid(0));
	}
	ndshm_section_close(second);
	ndshm_section_close(reader);
}

/* An open for reading waits for the owner of such a lease to end it, 45 s by default. */
SECTION_TEST(a_lease_does_not_block_a_share, HUGE, page)
{
	char path[64];
	int lease, fd;

	REQUIRE(signal(SIGIO, SIG_IGN) != SIG_ERR);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ndshm_section_fd(section));
	lease = open(path, O_RDWR | O_CLOEXEC);
	CHECK(lease >= 0 && !fcntl(lease, F_SETLEASE, F_WRLCK));
	CHECK_REASON(ndshm, ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd), FLAGS);
	CHECK(fd == -1);
	CHECK(!close(lease));
	CHECK_DONE(ndshm, ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
	CHECK(!close(fd) && signal(SIGIO, SIG_DFL) == SIG_IGN);
}

static struct ndshm_section *deleted;
static atomic_bool stop;

/* Each attempt is refused: the other holder has an extent, or has deleted the section. */
static void *attempt_deletion(void *section)
{
	unsigned long done = 0;

	while (!stop)
		done += !ndshm_section_delete(section, 0);
	return (void *)done;
}

/* A refused deletion does not undo one that succeeds at the same time. */
TEST(deletion_is_final)
{
	struct ndshm_section *other;
	pthread_t thread;
	void *done;

	for (int i = 0; i < 300; i++) {
		deleted = make(HUGE, 0);
		REQUIRE(deleted && !ndshm_section_adopt(ndshm, ndshm_section_fd(deleted), &other));
		extent(deleted, page, 0);
		stop = false;
		REQUIRE(!pthread_create(&thread, NULL, attempt_deletion, other));
		CHECK(!ndshm_section_delete(deleted, NDSHM_DELETE_FORCE));
		stop = true;
		pthread_join(thread, &done);
		CHECK(!done && look(deleted).flags == NDSHM_SECTION_DELETED);
		ndshm_section_close(other);
		ndshm_section_close(deleted);
	}
}

static volatile sig_atomic_t ticks;

/* Ends the test after some seconds. */
static void tick(int number)
{
	const struct itimerval none = { 0 };

	(void)number;
	if (++ticks == 4000)
		setitimer(ITIMER_REAL, &none, NULL);
}

/* A signal interrupts the allocation of memory, and undoes a part of it. */
TEST(a_timer_does_not_prevent_it)
{
	const struct itimerval often = { { 0, 4000 }, { 0, 4000 } }, none = { 0 };
	struct sigaction action = { .sa_handler = tick }, before;
	struct ndshm_section *section;

	ticks = 0;
	CHECK(!sigaction(SIGALRM, &action, &before) && !setitimer(ITIMER_REAL, &often, NULL));
	section = make(64 * HUGE, 64 * HUGE);
	CHECK(!setitimer(ITIMER_REAL, &none, NULL) && !sigaction(SIGALRM, &before, NULL));
	CHECK(section && ticks < 4000);
	ndshm_section_close(section);
}

/* Descriptors that another process may pass by mistake or on purpose. */
TEST(what_is_no_section_is_not_adopted)
{
	static const char *const names[] = {
		"ndshm", "ndshm-section:1:1000", "ndshm-section:1:1000:0", "ndshm-section:1:0:0:0",
		"ndshm-section:1:1000:2000:0", "ndshm-section:1:10000000000:0:0",
		"ndshm-section:1:1000:0:2", "ndshm-section:1:1000:0:0:0", "ndshm-section:x:y:z:0",
		/* Access to InitialSize would be SIGBUS. */
		"ndshm-section:1:1000:1000:0",
	};
	struct ndshm_section *section = (void *)1;
	int pipes[2], fd;

#define REFUSED(fd) do { \
	section = (void *)1; \
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, fd, &section), DESCRIPTOR); \
	CHECK(!section); \
	close(fd); \
} while (0)
	REFUSED(-1);
	REFUSED(INT32_MAX);
	REQUIRE(!pipe2(pipes, O_CLOEXEC));
	REFUSED(pipes[0]);
	close(pipes[1]);
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	REFUSED(fd);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		fd = test_sealed_memfd(names[i], F_SEAL_SHRINK | F_SEAL_SEAL);
		REFUSED(fd);
	}
	/* A file that could be truncated while it is mapped. */
	fd = test_sealed_memfd("ndshm-section:1:1000:0:0", F_SEAL_SEAL);
	REFUSED(fd);
#undef REFUSED
	fd = test_sealed_memfd("ndshm-section:1:1000:0:0", F_SEAL_SHRINK | F_SEAL_SEAL);
	CHECK_DONE(ndshm, ndshm_section_adopt(ndshm, fd, &section));
	ndshm_section_close(section);
	close(fd);
}

SECTION_TEST(without_descriptors_there_is_a_reason, HUGE, 0)
{
	struct ndshm_section_request request = test_section_request(HUGE, 0);
	struct ndshm_section *none = (void *)1;
	struct rlimit before;
	int fd;

	REQUIRE(test_limit(RLIMIT_NOFILE, 0, &before));
	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &none), DESCRIPTORS);
	CHECK(!none);
	for (int i = 0; i < 2; i++)
		CHECK_REASON(ndshm, ndshm_section_share(section, i, &fd), DESCRIPTORS);
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, ndshm_section_fd(section), &none),
		     DESCRIPTORS);
	CHECK(!setrlimit(RLIMIT_NOFILE, &before));
}

/* At this limit fallocate() raises SIGXFSZ, which would end the program. */
SECTION_TEST(at_the_file_size_limit_there_is_a_reason, 4 * HUGE, page)
{
	struct ndshm_section_request request = test_section_request(HUGE + page, HUGE + page);
	struct ndshm_section *none = (void *)1;
	struct rlimit before;

	CHECK(test_limit(RLIMIT_FSIZE, HUGE, &before));
	CHECK(extent(section, page, 0) == 0 && extent(section, page, 0) == page);
	CHECK_REASON(ndshm, test_extent(section, HUGE), MEMORY);
	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &none), MEMORY);
	CHECK(!none && look(section).extents == 2 && look(section).committed == HUGE);
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
	CHECK(extent(section, HUGE, 0) == 2 * page);
}

static void make_none(void)
{
	struct ndshm_section_request request = test_section_request(HUGE, HUGE);
	struct ndshm_section *section;

	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &section), MEMORY);
}

/* A pending cancellation does not act in close(). */
TEST(a_cancelled_thread_ends_its_calls)
{
	struct rlimit before;

	CHECK(test_limit(RLIMIT_FSIZE, page, &before));
	CHECK(test_cancelled(make_none));
	CHECK(!setrlimit(RLIMIT_FSIZE, &before));
}

TEST(requests_are_initialised_as_by_the_macros)
{
	struct ndshm_section_request section = NDSHM_SECTION_REQUEST_INIT, section_set;
	struct ndshm_request block = NDSHM_REQUEST_INIT, block_set;

	memset(&block_set, 0xa5, sizeof(block_set));
	ndshm_request_init(&block_set);
	CHECK(block_set.length == block.length && block_set.adapter == block.adapter);
	CHECK(block_set.provider == block.provider && block_set.node == block.node);
	CHECK(block_set.usage == block.usage && block_set.flags == block.flags);

	memset(&section_set, 0xa5, sizeof(section_set));
	ndshm_section_request_init(&section_set);
	CHECK(section_set.max_size == section.max_size);
	CHECK(section_set.initial_size == section.initial_size);
	CHECK(section_set.adapter == section.adapter && section_set.provider == section.provider);
	CHECK(section_set.node == section.node && section_set.flags == section.flags);
	CHECK(section_set.name == section.name && section_set.group == section.group);
	CHECK(section_set.mode == section.mode);
}

TEST(sections_are_listed)
{
	struct ndshm_section_row *rows = (void *)1;
	struct ndshm_section *first, *second, *other;
	uint64_t offset, length;
	size_t count = 1;

	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	CHECK(!rows && !count);
	first = make(HUGE, page);
	second = make(2 * HUGE, 0);
	REQUIRE(first && second);
	other = again(second, 0);
	REQUIRE(other);
	CHECK(!ndshm_extent_alloc(other, 2 * page, 0, &offset, &length));
	CHECK_DONE(ndshm, ndshm_section_delete(first, 0));
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	REQUIRE(count == 2);
	CHECK(rows[0].id == look(first).id && rows[1].id == look(second).id);
	CHECK(rows[0].adapter == look(first).adapter && rows[0].provider == look(first).provider);
	CHECK(rows[0].max_size == HUGE && rows[0].initial_size == page);
	CHECK(rows[0].committed == page && !rows[0].taken && !rows[0].extents);
	CHECK(rows[0].deleted && !rows[0].revoked && !rows[0].holders);
	CHECK(rows[1].uid == geteuid() && !rows[1].deleted && rows[1].holders == 1);
	CHECK(rows[1].committed == HUGE && rows[1].taken == 2 * page && rows[1].extents == 1);
	free(rows);
	ndshm_section_close(first);
	/* Listed as long as any object of it exists. */
	ndshm_section_close(second);
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	CHECK(count == 1 && rows[0].max_size == 2 * HUGE);
	free(rows);
	CHECK_DONE(ndshm, ndshm_extent_free(other, offset));
	ndshm_section_close(other);
}

TEST(sections_outlive_the_client)
{
	struct ndshm_section_row *rows;
	struct ndshm_section *section;
	struct ndshm *other;
	uint64_t offset, length;
	size_t count;
	int fd;

	REQUIRE(!ndshm_open("memfd:", &other));
	section = test_make_section(other, HUGE, 0);
	REQUIRE(section);
	ndshm_close(other);
	/* A list has the sections of all clients of the process. */
	CHECK_DONE(ndshm, ndshm_list_sections(ndshm, &rows, &count));
	CHECK(count == 1);
	free(rows);
	CHECK(!ndshm_extent_alloc(section, 1, 0, &offset, &length) && !offset);
	memset(ndshm_section_base(section), 1, length);
	CHECK(!ndshm_section_share(section, 0, &fd));
	close(fd);
	CHECK(ndshm_extent_free(section, page) == -ENOENT);
	CHECK(!ndshm_extent_free(section, 0));
	ndshm_section_close(section);
}

TEST(a_client_of_nothing_adopts)
{
	struct ndshm_section_request request = test_section_request(page, 0);
	struct ndshm_section *section = make(HUGE, page), *other = (void *)1;
	struct ndshm_request block_request = NDSHM_REQUEST_INIT;
	struct ndshm_adapter_info *adapters;
	struct ndshm_provider_info *providers;
	struct ndshm_adapter_info adapter;
	struct ndshm_provider_info provider;
	struct ndshm_section_row *sections;
	struct ndshm_block_row *rows;
	struct ndshm_block *block;
	struct ndshm_info info;
	struct ndshm *client;
	size_t count;

	CHECK(ndshm_open("section:x", &client) == -EINVAL && !client);
	REQUIRE(section && !ndshm_open("section:", &client));
	CHECK_DONE(client, ndshm_get_info(client, &info));
	CHECK(info.features == NDSHM_FEATURE_SECTIONS && !info.max_section && !info.max_length);
	CHECK(info.page_size == page && ndshm_fd(client) == -EOPNOTSUPP);
	CHECK_ERRNO(client, ndshm_section_create(client, &request, &other), EOPNOTSUPP);
	CHECK(!other);
	block_request.length = 1;
	CHECK_ERRNO(client, ndshm_alloc(client, &block_request, &block), EOPNOTSUPP);
	CHECK_DONE(client, ndshm_list_adapters(client, &adapters, &count));
	CHECK(!adapters && !count);
	CHECK_DONE(client, ndshm_list_providers(client, &providers, &count));
	CHECK(!providers && !count);
	CHECK_DONE(client, ndshm_list_blocks(client, &rows, &count));
	CHECK(!rows && !count);
	CHECK_DONE(client, ndshm_list_sections(client, &sections, &count));
	CHECK(!sections && !count);
	CHECK_REASON(client, ndshm_find_adapter(client, "memfd", &adapter), ADAPTER_UNKNOWN);
	CHECK_REASON(client, ndshm_find_provider(client, "memfd", &provider), PROVIDER_UNKNOWN);

	CHECK_DONE(client, ndshm_section_adopt(client, ndshm_section_fd(section), &other));
	REQUIRE(other);
	CHECK_REASON(client, ndshm_extent_free(other, 0), EXTENT_UNKNOWN);
	CHECK(ndshm_last_reason(ndshm) == NDSHM_REASON_NONE);
	ndshm_section_close(section);
	/*
	 * In the same process the second object continues with the free memory of the
	 * first.
	 */
	CHECK(extent(other, page, 0) == 0);
	ndshm_section_close(other);
	ndshm_close(client);
}

#define THREADS	4
#define ROUNDS	300
#define HELD	8

static struct ndshm_section *shared;
static atomic_int wrong;

/* An extent belongs to this thread alone until its free. */
static void *allocate(void *argument)
{
	const unsigned char mark = (uintptr_t)argument;
	unsigned char *base = ndshm_section_base(shared);
	uint64_t offsets[HELD], length = 0;

	for (int i = 0; i < ROUNDS; i++) {
		for (int j = 0; j < HELD; j++) {
			wrong += !!ndshm_extent_alloc(shared, page * (1 + (i + j) % 3), 0,
						      &offsets[j], &length);
			wrong += !test_all(base + offsets[j], length, 0);
			memset(base + offsets[j], mark, length);
		}
		for (int j = 0; j < HELD; j++) {
			wrong += base[offsets[j]] != mark;
			wrong += !!ndshm_extent_free(shared, offsets[j]);
		}
	}
	return NULL;
}

TEST_WITHIN(threads_allocate, shared = make(4 * HUGE, 0),
	    ndshm_section_close(shared))
{
	wrong = 0;
	test_run_threads(THREADS, allocate, (void *)1, 1);
	CHECK(!wrong && !look(shared).extents && !look(shared).taken);
	CHECK(look(shared).holders == 1);
}

static void *make_and_adopt(void *argument)
{
	struct ndshm_section *section, *other;

	for (int i = 0; i < ROUNDS / 3; i++) {
		section = make(HUGE, page);
		wrong += !section;
		wrong += !!ndshm_section_adopt(ndshm, ndshm_section_fd(section), &other);
		wrong += !!test_extent(other, 1);
		ndshm_section_close(section);
		ndshm_section_close(other);
	}
	return argument;
}

TEST(threads_make_and_adopt)
{
	wrong = 0;
	test_run_threads(THREADS, make_and_adopt, NULL, 0);
	CHECK(!wrong);
}

int main(void)
{
	page = sysconf(_SC_PAGESIZE);
	return test_main(ndshm_open("memfd:", &ndshm), &ndshm);
}
