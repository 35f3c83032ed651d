// SPDX-License-Identifier: GPL-2.0
/*
 * The backend of the module, with a fake device: sections.
 */
#include <sys/eventfd.h>

#include "fake_device.h"
#include "test_section.h"

static struct ndshm_section *make(struct ndshm *ndshm)
{
	return test_make_section(ndshm, SECTION_SIZE, 0);
}

#define SECTION_TEST(name) \
	DEVICE_OBJECT_TEST(name, struct ndshm_section *, section, make(ndshm), \
			   ndshm_section_close(section))

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

DEVICE_TEST(requests_arrive_unchanged)
{
	struct ndshm_section_request request = {
		.max_size = 1234, .initial_size = 567, .adapter = 8, .provider = 9, .node = 10,
	};
	struct ndshm_section *section;
	void *memory;
	int fd;

	CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
	CHECK_REQUESTED(section_create, .max_size = 1234, .initial_size = 567, .adapter = 8,
			.provider = 9, .preferred_node = 10);
	/* The module determines the size. */
	CHECK(ndshm_section_size(section) == SECTION_SIZE && !requested.map_offset);
	CHECK(requested.map_protection == (PROT_READ | PROT_WRITE));
	memory = ndshm_section_base(section);
	CHECK((uintptr_t)memory % HUGE == 0 && test_is_mapped(memory));
	CHECK(!requested.attaches);
	fd = ndshm_section_fd(section);
	CHECK(is_open(fd));
	ndshm_section_close(section);
	CHECK(!is_open(fd) && !test_is_mapped(memory));

	request.adapter = 0;
	CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
	CHECK(requested.section_create.adapter == 77);
	ndshm_section_close(section);
}

/* Also if mmap() of the new section fails. */
DEVICE_TEST(a_section_that_is_refused_is_none)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section *section = (void *)1;

	CHECK_PASSED_ON(ndshm, ndshm_section_create(ndshm, &request, &section), MEMLOCK);
	CHECK(!section);
	CHECK_MISSING(ndshm, ndshm_section_create(ndshm, &request, &section));
	section = (void *)1;
	CHECK_MAP_FAILURES(ndshm, ndshm_section_create(ndshm, &request, &section), SECTION_REVOKED);
	CHECK(!section);
	answer.map_error = EIDRM;
	CHECK_REASON(ndshm, ndshm_section_create(ndshm, &request, &section), SECTION_DELETED);
	CHECK(!section);
}

DEVICE_TEST(the_first_extent_attaches)
{
	struct ndshm_section *section = make(ndshm);
	uint64_t offset = 1, length = 1;
	int holder;

	REQUIRE(section);
	for (int i = 0; i < 2; i++) {
		CHECK_PASSED_ON(ndshm, test_extent(section, 1), DESCRIPTORS);
		CHECK(!requested.attaches);
	}
	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 12345, 4096, &offset, &length));
	CHECK(requested.attaches == 1);
	CHECK_REQUESTED(section_attach, .out_holder = requested.section_attach.out_holder);
	CHECK_REQUESTED(extent_alloc, .length = 12345, .alignment = 4096);
	CHECK(offset == 8192 && length == 16384);
	holder = requested.fd;
	CHECK(is_open(holder) && holder != ndshm_section_fd(section));
	CHECK_DONE(ndshm, ndshm_extent_free(section, 4711));
	CHECK_REQUESTED(extent_free, .offset = 4711);
	CHECK(requested.fd == holder && requested.attaches == 1);
	CHECK_PASSED_ON(ndshm, ndshm_extent_alloc(section, 1, 0, &offset, &length), SECTION_FULL);
	CHECK(!offset && !length);
	ndshm_section_close(section);
	CHECK(!is_open(holder));
}

/* The heap passes on errno and reason of a failed extent. */
SECTION_TEST(the_heap_keeps_the_extents_reason)
{
	void *out;

	CHECK_DONE(ndshm, test_extent(section, 1));
	CHECK_PASSED_ON(ndshm, ndshm_section_alloc(section, 1 << 20, &out), PROVIDER_INVALID);
	CHECK(requested.extent_alloc.length == 1);
	CHECK_REASON(ndshm, ndshm_section_alloc(section, 0, &out), LENGTH_ZERO);
	CHECK_PASSED_ON(ndshm, ndshm_section_realloc(section, NULL, 1, &out), PROVIDER_INVALID);
	CHECK_PASSED_ON(ndshm, ndshm_section_alloc(section, 1 << 20, &out), SECTION_READONLY);
}

SECTION_TEST(query_says_how_many_segments_there_are)
{
	struct ndshm_segment segments[3] = { { 0 } };
	size_t count;

	CHECK_DONE(ndshm, ndshm_extent_query(section, 8192, NULL, 0, &count));
	CHECK(count == 3 && requested.extent_query.offset == 8192 &&
	      !requested.extent_query.segments);
	count = 0;
	CHECK_REASON(ndshm, ndshm_extent_query(section, 8192, segments, 2, &count), LIST_SHORT);
	CHECK(count == 3 && !segments[0].length);
	CHECK_DONE(ndshm, ndshm_extent_query(section, 8192, segments, SIZE_MAX, &count));
	CHECK(count == 3 && segments[2].address == 0x6000);
	CHECK(requested.extent_query.segment_capacity == UINT32_MAX);
	CHECK_PASSED_ON(ndshm, ndshm_extent_query(section, 8192, segments, 3, &count),
			SECTION_REVOKED);
	CHECK(!count);
}

SECTION_TEST(the_rest_is_passed_on)
{
	struct ndshm_section_info info;
	int fd;

	answer.section_flags = NDSHM_SECTION_NEEDS_SYNC;
	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(info.id == 21 && info.flags == NDSHM_SECTION_NEEDS_SYNC);
	CHECK(info.max_size == SECTION_SIZE && info.initial_size == 22 && info.committed == 23);
	CHECK(info.taken == 24 && info.extents == 25 && info.holders == 26);
	CHECK(info.adapter == 27 && info.provider == 28);
	CHECK_PASSED_ON(ndshm, ndshm_section_query(section, &info), SECTION_DELETED);

	CHECK_DONE(ndshm, ndshm_section_sync(section, NDSHM_SYNC_FOR_CPU, 1ULL << 40, 1ULL << 41));
	CHECK_REQUESTED(section_sync, .direction = NDSHM_SYNC_FOR_CPU, .offset = 1ULL << 40,
			.length = 1ULL << 41);
	CHECK(requested.fd == ndshm_section_fd(section));

	CHECK_DONE(ndshm, ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
	CHECK(requested.section_share.flags == NDSHM_SHARE_READONLY && is_open(fd));
	close(fd);
	CHECK_PASSED_ON(ndshm, ndshm_section_share(section, 0, &fd), DESCRIPTORS);
	CHECK(fd == -1);

	CHECK_DONE(ndshm, ndshm_section_export(section, 1ULL << 40, 1ULL << 41,
					       O_RDONLY | O_CLOEXEC, &fd));
	CHECK_REQUESTED(section_export, .fd_flags = O_RDONLY | O_CLOEXEC, .offset = 1ULL << 40,
			.length = 1ULL << 41, .out_dmabuf = requested.section_export.out_dmabuf);
	CHECK(requested.fd == ndshm_section_fd(section) && is_open(fd) && !close(fd));
	CHECK_PASSED_ON(ndshm, ndshm_section_export(section, 0, 1, O_RDWR, &fd), EXPORT_RANGE);
	CHECK(fd == -1);
	CHECK_MISSING(ndshm, ndshm_section_export(section, 0, 1, O_RDWR, &fd));
	CHECK(fd == -1 && !requested.attaches);
}

SECTION_TEST(delete_names_the_own_holder)
{
	int holder;

	CHECK_DONE(ndshm, ndshm_section_delete(section, 0));
	CHECK_REQUESTED(section_delete, .holder = -1);
	CHECK_DONE(ndshm, test_extent(section, 1));
	holder = requested.fd;
	CHECK_PASSED_ON(ndshm, ndshm_section_delete(section, 0), SECTION_BUSY);
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_FORCE));
	CHECK_REQUESTED(section_delete, .holder = holder, .flags = NDSHM_DELETE_FORCE);
	CHECK_DONE(ndshm, ndshm_section_delete(section, NDSHM_DELETE_REVOKE));
	CHECK(requested.section_delete.flags == NDSHM_DELETE_REVOKE);
	CHECK(requested.fd == ndshm_section_fd(section) && is_open(holder));
	CHECK(test_is_mapped(ndshm_section_base(section)));
}

DEVICE_TEST(interrupted_commands_are_repeated)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_section_info info;
	struct ndshm_section *section;

	answer.interrupted = 3;
	CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
	answer.interrupted = 3;
	requested.calls = 0;
	CHECK_DONE(ndshm, ndshm_section_query(section, &info));
	CHECK(requested.calls == 4);
	answer.interrupted = 3;
	CHECK_DONE(ndshm, test_extent(section, 1));
	answer.interrupted = 3;
	CHECK_DONE(ndshm, ndshm_extent_free(section, 8192));
	CHECK_DONE(ndshm, test_extent(section, 1));
	answer.ret = 1;
	CHECK_ERRNO(ndshm, ndshm_extent_free(section, 8192), EPROTO);
	ndshm_section_close(section);
}

DEVICE_TEST(a_name_arrives)
{
	static const struct {
		const char *name;
		uint32_t group, mode, wanted_group, wanted_mode;
	} rows[] = {
		{ NULL, NDSHM_GROUP_SELF, 0600, 0, 0 },
		{ "a name", NDSHM_GROUP_SELF, 0600, NDSHM_GROUP_SELF, 0600 },
		{ "a name", 5, 0640, 5, 0640 },
	};
	char longest[NDSHM_SECTION_NAME_BYTES + 3];
	struct ndshm_section *section;
	int fd;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ndshm_section_request request = test_section_request(1, 0);

		request.name = rows[i].name;
		request.group = rows[i].group;
		request.mode = rows[i].mode;
		CHECK_DONE(ndshm, ndshm_section_create(ndshm, &request, &section));
		CHECK_REQUESTED(section_create, .max_size = 1, .adapter = 77,
				.preferred_node = NDSHM_NODE_ANY, .name = (uintptr_t)rows[i].name,
				.name_length = rows[i].name ? 6 : 0,
				.group = rows[i].wanted_group, .mode = rows[i].wanted_mode);
		ndshm_section_close(section);
	}

	CHECK_DONE(ndshm, ndshm_section_open(ndshm, 7, "a name", NDSHM_OPEN_READONLY, &section));
	CHECK(requested.section_open.owner == 7 && requested.section_open.name_length == 6 &&
	      requested.section_open.flags == NDSHM_OPEN_READONLY);
	fd = ndshm_section_fd(section);
	CHECK(is_open(fd) && ndshm_section_size(section) == SECTION_SIZE);
	ndshm_section_close(section);
	CHECK(!is_open(fd));
	/* The module is to refuse a name that is too long, and not to find its beginning. */
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = 0;
	CHECK_DONE(ndshm, ndshm_section_open(ndshm, 7, longest, 0, &section));
	CHECK(requested.section_open.name_length == NDSHM_SECTION_NAME_BYTES + 1);
	ndshm_section_close(section);
	CHECK_PASSED_ON(ndshm, ndshm_section_open(ndshm, 7, "a name", 0, &section),
			SECTION_PERMISSION);
	CHECK(!section);
}

TEST(names_are_refused_without_the_feature)
{
	static const char *const contexts[] = { "memfd:", "section:", DEVICE };
	struct ndshm_section_request request = test_section_request(1, 0);
	struct ndshm_section *section;
	struct ndshm *ndshm;

	request.name = "a name";
	device_reset();
	answer.features &= ~NDSHM_FEATURE_NAMES;
	for (size_t i = 0; i < sizeof(contexts) / sizeof(contexts[0]); i++) {
		REQUIRE(!ndshm_open(contexts[i], &ndshm));
		CHECK_ERRNO(ndshm, ndshm_section_create(ndshm, &request, &section), EOPNOTSUPP);
		CHECK(!section);
		CHECK_ERRNO(ndshm, ndshm_section_open(ndshm, 7, "a name", 0, &section), EOPNOTSUPP);
		CHECK(!section && !requested.section_open.size);
		ndshm_close(ndshm);
	}
}

TEST(a_descriptor_is_adopted)
{
	struct ndshm_section *section;
	struct ndshm *ndshm;
	int fd, own;

	device_reset();
	fd = eventfd(0, EFD_CLOEXEC);
	REQUIRE(!ndshm_open("section:", &ndshm));
	CHECK_DONE(ndshm, ndshm_section_adopt(ndshm, fd, &section));
	REQUIRE(section);
	own = ndshm_section_fd(section);
	CHECK(own != fd && fcntl(own, F_GETFD) == FD_CLOEXEC);
	close(fd);
	CHECK(ndshm_section_size(section) == SECTION_SIZE);
	CHECK(requested.map_protection == (PROT_READ | PROT_WRITE));
	ndshm_section_close(section);

	fd = eventfd(0, EFD_CLOEXEC);
	answer.section_flags = NDSHM_SECTION_READONLY;
	CHECK_DONE(ndshm, ndshm_section_adopt(ndshm, fd, &section));
	CHECK(requested.map_protection == PROT_READ);
	CHECK(!test_can_write(ndshm_section_base(section)));
	ndshm_section_close(section);

	answer.section_flags = NDSHM_SECTION_DELETED;
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, fd, &section), SECTION_DELETED);
	CHECK(!section);
	answer.section_flags = NDSHM_SECTION_REVOKED;
	answer.map_error = ENODEV;
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, fd, &section), SECTION_REVOKED);
	CHECK(!section);
	/*
	 * Another kind of descriptor without a file, such as a holder or an event
	 * counter.
	 */
	device_fail_next(ENOTTY, 0, 0);
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, fd, &section), DESCRIPTOR);
	close(fd);
	ndshm_close(ndshm);
}

/* No ioctl() is sent to other files: a terminal or a FUSE file could answer it. */
DEVICE_TEST(what_is_elsewhere_gets_no_request)
{
	struct ndshm_section *section = (void *)1;

	requested.calls = 0;
	CHECK_REASON(ndshm, ndshm_section_adopt(ndshm, ndshm_fd(ndshm), &section), DESCRIPTOR);
	CHECK(!section && !requested.calls);
}

TEST(sections_outlive_the_client)
{
	struct ndshm *ndshm = device_open();
	struct ndshm_section *section;

	REQUIRE(ndshm);
	section = make(ndshm);
	REQUIRE(section);
	ndshm_close(ndshm);
	CHECK(test_is_mapped(ndshm_section_base(section)));
	CHECK(!test_extent(section, 1));
	device_fail_next(ENOENT, NDSHM_REASON_EXTENT_UNKNOWN, NDSHM_STATUS_FILE_NOT_FOUND);
	CHECK(ndshm_extent_free(section, 0) == -ENOENT);
	ndshm_section_close(section);
}

static struct ndshm *inherited_client;
static struct ndshm_section *inherited;
static int inherited_holder;

static void (*in_child)(void);

/* Close what is inherited, after @in_child. */
static void as_child(void)
{
	requested.attaches = 0;
	in_child();
	ndshm_section_close(inherited);
	ndshm_close(inherited_client);
}

static void attach_anew(void)
{
	uint64_t offset, length;

	CHECK(is_open(inherited_holder));
	CHECK_DONE(inherited_client, ndshm_extent_alloc(inherited, 1, 0, &offset, &length));
	/*
	 * The inherited descriptor is closed before a new one is opened, which gets its
	 * number.
	 */
	CHECK(requested.attaches == 1 && requested.fd == inherited_holder);
	CHECK_DONE(inherited_client, ndshm_extent_free(inherited, offset));
	CHECK(requested.attaches == 1);
}

static void ask(void)
{
	struct ndshm_section_info info;

	CHECK_DONE(inherited_client, ndshm_section_query(inherited, &info));
	CHECK(!is_open(inherited_holder) && !requested.attaches);
}

static void delete(void)
{
	CHECK_DONE(inherited_client, ndshm_section_delete(inherited, 0));
	CHECK(requested.section_delete.holder == -1 && !is_open(inherited_holder));
}

static void only_close(void)
{
	CHECK(is_open(inherited_holder));
}

TEST(a_child_attaches_anew)
{
	static void (*const bodies[])(void) = { attach_anew, ask, delete, only_close };
	uint64_t offset, length;

	inherited_client = device_open();
	REQUIRE(inherited_client);
	inherited = make(inherited_client);
	REQUIRE(inherited);
	CHECK_DONE(inherited_client, ndshm_extent_alloc(inherited, 1, 0, &offset, &length));
	inherited_holder = requested.fd;
	for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
		in_child = bodies[i];
		CHECK(test_child(as_child));
	}
	/* The parent is unaffected. */
	CHECK_DONE(inherited_client, ndshm_extent_free(inherited, offset));
	CHECK(requested.fd == inherited_holder && requested.attaches == 1 &&
	      is_open(inherited_holder));
	ndshm_section_close(inherited);
	ndshm_close(inherited_client);
}

#define THREADS	4
#define ROUNDS	50

static pthread_barrier_t barrier;

static void *attach_at_once(void *section)
{
	pthread_barrier_wait(&barrier);
	return test_extent(section, 1) ? section : NULL;
}

/* Concurrent first uses leave one holder. */
DEVICE_TEST(threads_share_a_holder)
{
	pthread_t threads[THREADS];
	struct ndshm_section *section;
	void *wrong;

	REQUIRE(!pthread_barrier_init(&barrier, NULL, THREADS));
	for (int i = 0; i < ROUNDS; i++) {
		int before;

		section = make(ndshm);
		REQUIRE(section);
		before = test_descriptors();
		test_start(threads, THREADS, attach_at_once, section, 0);
		for (int j = 0; j < THREADS; j++) {
			pthread_join(threads[j], &wrong);
			CHECK(!wrong);
		}
		CHECK(test_descriptors() == before + 1);
		ndshm_section_close(section);
	}
	pthread_barrier_destroy(&barrier);
}

TEST_MAIN
