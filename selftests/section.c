// SPDX-License-Identifier: GPL-2.0
/*
 * Sections: creation, memory and growth. A test whose name begins with lsa_
 * checks a rule that the documentation of the LSA calls states; the other rules
 * are ndshm's own.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

/* Memory is allocated in aligned parts of this size: that of a huge page of most kernels. */
#define HUGE	(2UL << 20)

FIXTURE(section) {
	int client;
	__u32 adapter;
	size_t page;
	int fd;
	__u64 max;
	unsigned char *map;
	__u64 locked;	/* charged to the user before the test */
};

FIXTURE_SETUP(section)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	EXPECT_TRUE(info.out_features & NDSHM_FEATURE_SECTIONS);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	self->fd = -1;
	self->locked = ndshm_locked(self->client);
}

/* A section is freed by deferred work, and the next test can depend on its charge. */
FIXTURE_TEARDOWN(section)
{
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) <= self->locked));
	close(self->client);
}

static int new_section(struct __test_metadata *_metadata,
		       struct _test_data_section *self, __u64 max,
		       __u64 initial)
{
	return test_new_section(self->client, self->adapter, max, initial);
}

/* Create the fixture's section and map it. */
static void make(struct __test_metadata *_metadata,
		 struct _test_data_section *self, __u64 max, __u64 initial)
{
	self->max = max;
	self->fd = new_section(_metadata, self, max, initial);
	self->map = test_map_section(self->fd, max);
}

static void unmake(struct __test_metadata *_metadata,
		   struct _test_data_section *self)
{
	EXPECT_EQ(0, munmap(self->map, self->max));
	EXPECT_EQ(0, close(self->fd));
}

/*
 * Creation and the initial state
 */

/* Creation reserves MaxSize; InitialSize is usable at once. */
TEST_F(section, lsa_create)
{
	struct ndshm_section_query_args query;

	make(_metadata, self, 1 << 20, 1 << 16);
	query = test_look(self->fd);
	EXPECT_EQ(1 << 20, query.out_max_size);
	EXPECT_EQ(1 << 16, query.out_initial_size);
	EXPECT_EQ(1 << 16, query.out_committed);
	EXPECT_EQ(0, query.out_taken);
	EXPECT_EQ(0, query.out_extents);
	EXPECT_EQ(0, query.out_holders);
	/* Set where devices do not see the caches. */
	EXPECT_EQ(0, query.out_flags & ~NDSHM_SECTION_NEEDS_SYNC);
	EXPECT_EQ(self->adapter, query.out_adapter);
	EXPECT_TRUE(all_bytes(self->map, 1 << 16, 0));
	fill_pattern(self->map, 1 << 16, 1);
	EXPECT_TRUE(has_pattern(self->map, 1 << 16, 1));
	test_sigbus(self->map + (1 << 16));
	test_sigbus(self->map + self->max - 1);
	unmake(_metadata, self);
}

TEST_F(section, sizes)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_section_create_args request;
	struct ndshm_section_query_args query;
	int fd;

	test_get_info(self->client, &info);
	request = section_create_request(self->adapter, 0, 0);
	test_err_section_create(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->client,
				&request);
	request = section_create_request(self->adapter, 0, 1);
	test_err_section_create(EINVAL, NDSHM_REASON_LENGTH_ZERO, self->client,
				&request);
	request = section_create_request(self->adapter, self->page,
					 self->page + 1);
	test_err_section_create(EINVAL, NDSHM_REASON_SECTION_INITIAL,
				self->client, &request);
	request = section_create_request(self->adapter, self->page, ~0ULL);
	test_err_section_create(EINVAL, NDSHM_REASON_SECTION_INITIAL,
				self->client, &request);
	request = section_create_request(self->adapter,
					 info.out_max_section + 1, 0);
	test_err_section_create(EINVAL, NDSHM_REASON_LENGTH_LIMIT, self->client,
				&request);
	request = section_create_request(self->adapter, ~0ULL, 0);
	test_err_section_create(EOVERFLOW, NDSHM_REASON_LENGTH_OVERFLOW,
				self->client, &request);
	/* The largest range can be reserved, without any memory. */
	fd = new_section(_metadata, self, info.out_max_section, 0);
	query = test_look(fd);
	EXPECT_EQ(info.out_max_section, query.out_max_size);
	EXPECT_EQ(0, query.out_committed);
	close(fd);
	/* Sizes are rounded up to pages. */
	fd = new_section(_metadata, self, 1, 1);
	query = test_look(fd);
	EXPECT_EQ(self->page, query.out_max_size);
	EXPECT_EQ(self->page, query.out_initial_size);
	EXPECT_EQ(self->page, query.out_committed);
	close(fd);
}

TEST_F(section, names)
{
	struct ndshm_section_create_args request;

	request = section_create_request(0xffffffff, self->page, 0);
	test_err_section_create(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN,
				self->client, &request);
	request = section_create_request(self->adapter, self->page, 0);
	request.provider = 0xffffffff;
	test_err_section_create(ENOENT, NDSHM_REASON_PROVIDER_UNKNOWN,
				self->client, &request);
	request = section_create_request(self->adapter, self->page, 0);
	request.preferred_node = 12345;
	test_err_section_create(EINVAL, NDSHM_REASON_NODE, self->client,
				&request);
}

/* A provider whose memory cannot be mapped page by page is unsuitable. */
TEST_F(section, pageless)
{
	struct ndshm_section_create_args request;
	struct ndshm_nl_provider coherent;
	struct ndshm_extent_alloc_args more;
	struct ndshm_nl nl;
	int fd, holder;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "coherent", &coherent));
	ndshm_nl_close(&nl);
	request = section_create_request(self->adapter, HUGE, self->page);
	request.provider = coherent.id;
	test_err_section_create(EOPNOTSUPP, NDSHM_REASON_PROVIDER_PAGELESS,
				self->client, &request);
	/*
	 * The provider's handlers may be replaced before memory is needed, so
	 * the check is made when memory is first allocated.
	 */
	request = section_create_request(self->adapter, HUGE, 0);
	request.provider = coherent.id;
	test_section_create(self->client, &request);
	fd = request.out_section;
	holder = test_attach(fd);
	more = extent_alloc_request(self->page, 0);
	test_err_extent_alloc(EOPNOTSUPP, NDSHM_REASON_PROVIDER_PAGELESS,
			      self->client, holder, &more);
	EXPECT_EQ(0, ndshm_committed(fd));
	close(holder);
	close(fd);
}

TEST_F(section, descriptors)
{
	struct rlimit before, none;
	struct ndshm_section_create_args create;
	struct ndshm_section_attach_args attach;
	struct ndshm_section_share_args share;
	int fd = new_section(_metadata, self, HUGE, self->page), holder;

	/* The descriptors are close-on-exec. */
	EXPECT_EQ(FD_CLOEXEC, fcntl(fd, F_GETFD));
	holder = test_attach(fd);
	EXPECT_EQ(FD_CLOEXEC, fcntl(holder, F_GETFD));
	close(holder);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &before));
	none = before;
	/*
	 * The descriptor table is full. The state check opens a descriptor
	 * itself and cannot be used here.
	 */
	none.rlim_cur = 0;
	create = section_create_request(self->adapter, HUGE, self->page);
	attach = section_attach_request(0);
	share = section_share_request(0);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-1, _test_section_create(self->client, &create));
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(-1, _test_section_attach(fd, &attach));
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(-1, _test_section_share(fd, &share));
	EXPECT_EQ(EMFILE, errno);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &before));
	EXPECT_EQ(NDSHM_REASON_DESCRIPTORS, create.reason);
	EXPECT_EQ(NDSHM_REASON_DESCRIPTORS, attach.reason);
	EXPECT_EQ(NDSHM_REASON_DESCRIPTORS, share.reason);
	EXPECT_EQ(-1, create.out_section);
	EXPECT_EQ(-1, attach.out_holder);
	EXPECT_EQ(-1, share.out_section);
	EXPECT_EQ(0, test_look(fd).out_holders);
	close(fd);
}

/*
 * A section survives the close of the device's descriptor and, while mapped,
 * that of its own.
 */
TEST_F(section, lives_on)
{
	struct ndshm_state before = test_state(self->client), now;

	make(_metadata, self, HUGE, HUGE);
	close(self->client);
	self->client = ndshm_open();
	fill_pattern(self->map, HUGE, 1);
	EXPECT_EQ(HUGE, test_look(self->fd).out_committed);
	close(self->fd);
	EXPECT_TRUE(has_pattern(self->map, HUGE, 1));
	now = test_state(self->client);
	EXPECT_EQ(before.user_locked + HUGE, now.user_locked);
	EXPECT_EQ(0, munmap(self->map, HUGE));
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) ==
			       before.user_locked));
}

/*
 * Mapping
 */

/*
 * 2 MiB are mapped by one entry of the page table, if this is the size of a huge page. A mapping in
 * which a huge page fits is aligned for it.
 */
TEST_F(section, huge)
{
	const bool one = huge_size() == HUGE;
	int holder;

	make(_metadata, self, 16 * HUGE, 2 * HUGE);
	EXPECT_EQ(0, (uintptr_t)self->map % (16 * HUGE >= huge_size() ? huge_size() : self->page));
	fill_pattern(self->map, 2 * HUGE, 1);
	EXPECT_EQ(one ? (long)(2 * HUGE) : 0, ndshm_huge_bytes(self->map));
	holder = test_attach(self->fd);
	EXPECT_EQ(2 * HUGE, test_extent(holder, 2 * HUGE) +
			    test_extent(holder, 3 * HUGE));
	fill_pattern(self->map, 5 * HUGE, 2);
	EXPECT_EQ(one ? (long)(5 * HUGE) : 0, ndshm_huge_bytes(self->map));
	EXPECT_TRUE(has_pattern(self->map, 5 * HUGE, 2));
	close(holder);
	unmake(_metadata, self);
}

TEST_F(section, mmap_rules)
{
	const __u64 max = 2 * HUGE;
	int fd = new_section(_metadata, self, max, HUGE);
	unsigned char *map;

	test_errno(ENXIO, self->client,
		   mmap(NULL, self->page, PROT_READ, MAP_SHARED, fd,
			self->page));
	test_errno(ENXIO, self->client,
		   mmap(NULL, max + self->page, PROT_READ, MAP_SHARED, fd, 0));
	test_errno(EINVAL, self->client,
		   mmap(NULL, max, PROT_READ, MAP_PRIVATE, fd, 0));
	test_errno(EPERM, self->client,
		   mmap(NULL, max, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0));
	map = test_map_section(fd, max);
	test_errno(EACCES, self->client, mprotect(map, max, PROT_EXEC));
	test_errno(EFAULT, self->client,
		   mremap(map, max, max + HUGE, MREMAP_MAYMOVE));
	map[0] = 1;
	EXPECT_EQ(0, munmap(map, max));
	/* Map a part from the start. */
	map = test_map_section(fd, self->page);
	EXPECT_EQ(1, map[0]);
	EXPECT_EQ(0, munmap(map, self->page));
	close(fd);
}

/* A section is used through its own commands, mmap(), and what section_file shows. */
TEST_F(section, no_other_door)
{
	int fd = new_section(_metadata, self, HUGE, HUGE);
	char path[64];

	test_errno(EPERM, self->client, ftruncate(fd, 0));
	test_errno(EPERM, self->client, fchmod(fd, 0666));
	test_errno(EPERM, self->client, fchown(fd, geteuid(), getegid()));
	test_errno(EPERM, self->client, futimens(fd, NULL));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	test_errno(ENXIO, self->client, open(path, O_RDWR));
	close(fd);
}

/* fstat() must return the size, so that a program can map the whole section with it. */
TEST_F(section, size)
{
	int fd = new_section(_metadata, self, HUGE + 1, 0);
	int readonly = test_share(fd, NDSHM_SHARE_READONLY);
	struct statfs system;
	struct stat stat;
	char *map;

	ASSERT_EQ(0, fstat(fd, &stat));
	EXPECT_TRUE(S_ISREG(stat.st_mode));
	EXPECT_EQ(HUGE + self->page, (size_t)stat.st_size);
	EXPECT_EQ(test_look(fd).out_id, stat.st_ino);
	ASSERT_EQ(0, fstatfs(fd, &system));
	EXPECT_EQ(NDSHM_FS_MAGIC, system.f_type);
	ASSERT_EQ(0, fstat(readonly, &stat));
	EXPECT_EQ(HUGE + self->page, (size_t)stat.st_size);
	EXPECT_EQ(test_look(fd).out_id, stat.st_ino);
	map = mmap(NULL, stat.st_size, PROT_READ, MAP_SHARED, readonly, 0);
	ASSERT_NE(MAP_FAILED, map);
	ndshm_case(true);
	munmap(map, stat.st_size);
	close(readonly);
	close(fd);
}

/* As a user of Python maps a file. */
static const char python[] =
	"import mmap, sys\n"
	"fd, size = int(sys.argv[1]), int(sys.argv[2])\n"
	"section = mmap.mmap(fd, 0)\n"
	"assert len(section) == size, len(section)\n"
	"assert section[:2] == b'\\x2a\\0', section[:2]\n"
	"section[1] = 43\n";

TEST_F(section, python)
{
	char fd[16], size[16];
	pid_t child;

	if (system("command -v python3 >/dev/null"))
		SKIP(return, "python3 is not installed");
	make(_metadata, self, 4 * HUGE, self->page);
	self->map[0] = 42;
	snprintf(fd, sizeof(fd), "%d", self->fd);
	snprintf(size, sizeof(size), "%lu", 4 * HUGE);
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		fcntl(self->fd, F_SETFD, 0);
		execlp("python3", "python3", "-c", python, fd, size, NULL);
		_exit(1);
	}
	EXPECT_TRUE(ndshm_reap(child));
	ndshm_case(true);
	EXPECT_EQ(43, self->map[1]);
	munmap(self->map, self->max);
	close(self->fd);
}

/* The number behind @key in /proc/self/fdinfo of a descriptor, or ULLONG_MAX. */
static unsigned long long descriptor_number(int fd, const char *key)
{
	const size_t length = strlen(key);
	unsigned long long number = ULLONG_MAX;
	char path[64], line[256];
	FILE *stream;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	stream = fopen(path, "r");
	if (!stream)
		return number;
	while (fgets(line, sizeof(line), stream))
		if (!strncmp(line, key, length) && line[length] == ':')
			number = strtoull(line + length + 1, NULL, 10);
	fclose(stream);
	return number;
}

TEST_F(section, fdinfo)
{
	struct ndshm_block_info block = test_new_block(self->client, self->adapter,
						       2 * self->page);
	int fd = new_section(_metadata, self, HUGE, self->page);
	int holder = test_attach(fd), other = test_attach(fd);
	__u64 place = test_extent(holder, 2 * self->page);

	test_extent(other, self->page);
	EXPECT_EQ(1, descriptor_number(self->client, "ndshm-blocks"));
	EXPECT_EQ(block.consumed, descriptor_number(self->client, "ndshm-bytes"));
	EXPECT_EQ(test_look(fd).out_id, descriptor_number(fd, "ndshm-section"));
	EXPECT_EQ(HUGE, descriptor_number(fd, "ndshm-max-size"));
	EXPECT_EQ(test_look(fd).out_committed, descriptor_number(fd, "ndshm-committed"));
	EXPECT_EQ(3 * self->page, descriptor_number(fd, "ndshm-taken"));
	EXPECT_EQ(2, descriptor_number(fd, "ndshm-extents"));
	EXPECT_EQ(2, descriptor_number(fd, "ndshm-holders"));
	EXPECT_EQ(test_look(fd).out_id, descriptor_number(holder, "ndshm-section"));
	EXPECT_EQ(1, descriptor_number(holder, "ndshm-extents"));
	EXPECT_EQ(2 * self->page, descriptor_number(holder, "ndshm-bytes"));
	test_free_extent(holder, place);
	EXPECT_EQ(0, descriptor_number(holder, "ndshm-extents"));
	EXPECT_EQ(0, descriptor_number(holder, "ndshm-bytes"));
	ndshm_case(true);
	test_free_handle(self->client, block.handle);
	close(other);
	close(holder);
	close(fd);
}

/* Each kind of descriptor has its own commands. */
TEST_F(section, wrong_descriptor)
{
	int fd = new_section(_metadata, self, HUGE, 0), holder = test_attach(fd);
	const unsigned long of_client[] = {
		NDSHM_GET_INFO, NDSHM_BLOCK_ALLOC, NDSHM_SECTION_CREATE,
	}, of_section[] = {
		NDSHM_SECTION_ATTACH, NDSHM_SECTION_SHARE, NDSHM_SECTION_DELETE,
		NDSHM_SECTION_QUERY, NDSHM_SECTION_SYNC,
	}, of_holder[] = {
		NDSHM_EXTENT_ALLOC, NDSHM_EXTENT_FREE, NDSHM_EXTENT_QUERY,
	};
	const int descriptors[] = { self->client, fd, holder };
	const struct {
		const unsigned long *numbers;
		size_t count;
	} kinds[] = {
		{ of_client, ARRAY_SIZE(of_client) },
		{ of_section, ARRAY_SIZE(of_section) },
		{ of_holder, ARRAY_SIZE(of_holder) },
	};
	struct ndshm_header argument[32] = {};
	size_t i, j, k;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++)
			for (k = 0; i != j && k < kinds[j].count; k++)
				test_errno(ENOTTY, self->client,
					   ioctl(descriptors[i],
						 kinds[j].numbers[k],
						 argument));
	test_errno(ENODEV, self->client,
		   mmap(NULL, self->page, PROT_READ, MAP_SHARED, holder, 0));
	close(holder);
	close(fd);
}

/*
 * Growth
 */

/*
 * The section grows by the memory that is missing, where it is missing, and its
 * mappings do not move.
 */
TEST_F(section, growth)
{
	const __u64 max = 64 * HUGE;
	struct ndshm_state before, now;
	unsigned char *other;
	__u64 place, total = self->page;
	int holder;

	make(_metadata, self, max, self->page);
	other = test_map_section(self->fd, max);
	before = test_state(self->client);
	holder = test_attach(self->fd);
	/* Committed memory is used first. */
	EXPECT_EQ(0, test_extent(holder, 1));
	EXPECT_EQ(self->page, ndshm_committed(self->fd));
	test_sigbus(self->map + self->page);
	/* Then the rest of the same 2 MiB, then more. */
	place = test_extent(holder, self->page);
	EXPECT_EQ(self->page, place);
	EXPECT_EQ(HUGE, ndshm_committed(self->fd));
	now = test_state(self->client);
	EXPECT_EQ(before.user_locked + HUGE - self->page, now.user_locked);
	self->map[place] = 5;
	EXPECT_EQ(5, other[place]);
	EXPECT_EQ(0, other[HUGE - 1]);
	test_sigbus(other + HUGE);
	for (total = 2 * self->page; total < max;) {
		place = test_extent(holder, HUGE / 2);
		EXPECT_EQ(total, place);
		total += HUGE / 2;
		EXPECT_EQ(0, self->map[place]);
		self->map[place] = 1;
		EXPECT_EQ(1, other[place]);
		if (total + HUGE / 2 > max)
			break;
	}
	EXPECT_EQ(max, ndshm_committed(self->fd));
	EXPECT_EQ(0, munmap(other, max));
	close(holder);
	unmake(_metadata, self);
}

/* An extent may begin in committed memory and continue where there is none. */
TEST_F(section, across)
{
	int holder;

	make(_metadata, self, 8 * HUGE, 3 * HUGE / 2);
	holder = test_attach(self->fd);
	EXPECT_EQ(0, test_extent(holder, HUGE));
	EXPECT_EQ(HUGE, test_extent(holder, 3 * HUGE));
	EXPECT_EQ(4 * HUGE, ndshm_committed(self->fd));
	fill_pattern(self->map, 4 * HUGE, 1);
	EXPECT_TRUE(has_pattern(self->map, 4 * HUGE, 1));
	test_sigbus(self->map + 4 * HUGE);
	close(holder);
	unmake(_metadata, self);
}

TEST_F(section, full)
{
	struct ndshm_extent_alloc_args more;
	int holder;

	make(_metadata, self, 3 * HUGE + self->page, 0);
	holder = test_attach(self->fd);
	more = extent_alloc_request(self->max + 1, 0);
	test_err_extent_alloc(ENOSPC, NDSHM_REASON_SECTION_FULL, self->client,
			      holder, &more);
	EXPECT_EQ(0, more.out_length);
	more = extent_alloc_request(~0ULL, 0);
	test_err_extent_alloc(ENOSPC, NDSHM_REASON_SECTION_FULL, self->client,
			      holder, &more);
	EXPECT_EQ(0, ndshm_committed(self->fd));
	EXPECT_EQ(0, test_extent(holder, self->max));
	EXPECT_EQ(self->max, ndshm_committed(self->fd));
	more = extent_alloc_request(1, 0);
	test_err_extent_alloc(ENOSPC, NDSHM_REASON_SECTION_FULL, self->client,
			      holder, &more);
	fill_pattern(self->map, self->max, 1);
	EXPECT_TRUE(has_pattern(self->map, self->max, 1));
	test_free_extent(holder, 0);
	EXPECT_EQ(0, test_extent(holder, self->max));
	close(holder);
	unmake(_metadata, self);
}

/* A growth that exceeds the limit must fail as a whole. */
TEST_F(section, memlock)
{
	struct ndshm_state before = test_state(self->client);
	struct ndshm_section_create_args create;
	struct ndshm_extent_alloc_args more;
	int holder;

	test_reopen_limited(self->client, before.user_locked + 3 * HUGE);
	create = section_create_request(self->adapter, 8 * HUGE,
					3 * HUGE + self->page);
	test_err_section_create(ENOMEM, NDSHM_REASON_MEMLOCK, self->client,
				&create);
	make(_metadata, self, 8 * HUGE, HUGE);
	holder = test_attach(self->fd);
	more = extent_alloc_request(4 * HUGE, 0);
	test_err_extent_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->client,
			      holder, &more);
	EXPECT_EQ(HUGE, ndshm_committed(self->fd));
	test_sigbus(self->map + HUGE);
	EXPECT_EQ(0, test_extent(holder, 3 * HUGE));
	more = extent_alloc_request(1, 0);
	test_err_extent_alloc(ENOMEM, NDSHM_REASON_MEMLOCK, self->client,
			      holder, &more);
	close(holder);
	unmake(_metadata, self);
}

/* Unused memory is freed: most of it at once, the rest with the last holder. */
TEST_F(section, shrinks)
{
	struct ndshm_state before;
	__u64 places[16];
	int holder, i;

	make(_metadata, self, 64 * HUGE, self->page);
	before = test_state(self->client);
	holder = test_attach(self->fd);
	for (i = 0; i < 16; i++)
		places[i] = test_extent(holder, 2 * HUGE);
	EXPECT_LE(32 * HUGE, ndshm_committed(self->fd));
	memset(self->map, 1, HUGE);
	memset(self->map + places[15], 1, 2 * HUGE);
	/* From the middle as well. */
	for (i = 1; i < 15; i++)
		test_free_extent(holder, places[i]);
	EXPECT_GT(12 * HUGE, ndshm_committed(self->fd));
	EXPECT_EQ(1, self->map[places[15]]);
	EXPECT_EQ(1, self->map[places[15] + 2 * HUGE - 1]);
	test_free_extent(holder, places[0]);
	test_free_extent(holder, places[15]);
	EXPECT_GE(2 * HUGE, ndshm_committed(self->fd));
	close(holder);
	EXPECT_EQ(self->page, ndshm_committed(self->fd));
	EXPECT_TRUE(ndshm_soon(ndshm_locked(self->client) ==
			       before.user_locked));
	holder = test_attach(self->fd);
	test_sigbus(self->map + places[15]);
	test_sigbus(self->map + self->page);
	EXPECT_TRUE(ndshm_readable(self->map));
	/* It is allocated again, zeroed. */
	EXPECT_EQ(0, test_extent(holder, 32 * HUGE));
	EXPECT_TRUE(all_bytes(self->map, 32 * HUGE, 0));
	close(holder);
	unmake(_metadata, self);
}

/*
 * Idle memory must not make allocations fail, neither in the same section nor
 * elsewhere.
 */
TEST_F(section, idle_is_no_excuse)
{
	struct ndshm_state before = test_state(self->client);
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	__u64 first;
	int holder;

	test_reopen_limited(self->client, before.user_locked + 4 * HUGE);
	make(_metadata, self, 16 * HUGE, 0);
	holder = test_attach(self->fd);
	/* The idle part lies before the used part. */
	first = test_extent(holder, HUGE);
	test_extent(holder, HUGE);
	test_free_extent(holder, first);
	EXPECT_EQ(2 * HUGE, test_extent(holder, 3 * HUGE));
	EXPECT_EQ(4 * HUGE, ndshm_committed(self->fd));
	test_free_extent(holder, 2 * HUGE);
	alloc = block_alloc_request(self->adapter, HUGE, &block);
	test_block_alloc(self->client, &alloc);
	test_free_handle(self->client, block.handle);
	close(holder);
	unmake(_metadata, self);
}

/* Idle memory stays charged, so most of it must be freed without delay. */
TEST_F(section, little_idles)
{
	int holder, i;

	make(_metadata, self, 64 * HUGE, 0);
	holder = test_attach(self->fd);
	for (i = 0; i < 64; i++)
		EXPECT_EQ(i * HUGE, test_extent(holder, HUGE));
	while (i--) {
		test_free_extent(holder, i * HUGE);
		EXPECT_LE(i * HUGE, ndshm_committed(self->fd));
		EXPECT_GE(i * HUGE + HUGE + i * HUGE / 128,
			  ndshm_committed(self->fd));
	}
	close(holder);
	unmake(_metadata, self);
}

/*
 * A process that repeats a failing request must not prevent the trimming of
 * others' sections.
 */
TEST_F(section, trimmed_in_a_crowd)
{
	int holder, peers[4], i;
	pid_t children[4];
	__u64 place;

	if (geteuid())
		SKIP(return, "only root becomes somebody else");
	test_reopen_limited(self->client, ndshm_locked(self->client) + 4 * HUGE);
	make(_metadata, self, 64 * HUGE, 0);
	holder = test_attach(self->fd);
	place = test_extent(holder, 2 * HUGE);
	for (i = 0; i < 4; i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			struct ndshm_section_attach_args attach =
				section_attach_request(0);
			struct ndshm_extent_alloc_args more;

			if (!ndshm_become(NDSHM_USER_A) ||
			    _test_section_attach(self->fd, &attach))
				_exit(1);
			ndshm_signal_peer(peers[i]);
			for (;;) {
				more = extent_alloc_request(8 * HUGE, 0);
				if (!_test_extent_alloc(attach.out_holder,
							&more))
					_exit(2);
			}
		}
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	test_free_extent(holder, place);
	/* The refusals of the others free the rest. */
	EXPECT_TRUE(ndshm_soon(!ndshm_committed(self->fd)));
	for (i = 0; i < 4; i++) {
		EXPECT_TRUE(ndshm_end(children[i], peers[i], SIGKILL));
		EXPECT_FALSE(ndshm_reap(children[i]));
		close(peers[i]);
	}
	close(holder);
	unmake(_metadata, self);
}

/* SIGBUS must be raised only in the process that touches memory without commitment. */
TEST_F(section, sigbus_is_private)
{
	pid_t child;
	int peer;

	make(_metadata, self, 2 * HUGE, self->page);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		self->map[0] = 1;
		ndshm_signal_peer(peer);
		self->map[HUGE] = 1;
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	EXPECT_FALSE(ndshm_reap(child));
	ndshm_case(false);
	close(peer);
	EXPECT_EQ(1, self->map[0]);
	unmake(_metadata, self);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
