// SPDX-License-Identifier: GPL-2.0
/*
 * Which mappings of a block are permitted, and how they behave.
 */
#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

/* Distance between the mmap offsets of two handles. */
#define STEP	(2ULL << 20)

/* Number of bits of a file offset that mmap() of a 32-bit program can express. */
#define OFFSET_BITS	(sizeof(long) == 4 ? 44 : 63)

FIXTURE(mmap_rules) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(mmap_rules)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	self->block = test_new_block(self->fd, self->adapter, 4 * self->page);
}

FIXTURE_TEARDOWN(mmap_rules)
{
	close(self->fd);
}

static void *map_at(int fd, size_t length, __u64 offset)
{
	return mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    offset);
}

TEST_F(mmap_rules, offsets_never_given)
{
	const __u64 offset = self->block.mmap_offset;
	unsigned int seed = 1, i;
	__u64 other;

	for (i = 0; i < 2000; i++) {
		/* Any page offset below 16 TiB. */
		other = ((__u64)rand_r(&seed) << 24 ^ (__u64)rand_r(&seed)) *
			self->page % (1ULL << 44);
		if (other == offset)
			continue;
		test_errno(ENXIO, self->fd,
			   map_at(self->fd, self->page, other));
		/* Any offset that a handle could have. */
		other -= other % STEP;
		if (other == offset)
			continue;
		test_errno(ENXIO, self->fd,
			   map_at(self->fd, self->page, other));
	}
	test_errno(ENXIO, self->fd, map_at(self->fd, self->page, 0));
	test_errno(ENXIO, self->fd,
		   map_at(self->fd, self->page, offset + STEP));
	test_errno(ENXIO, self->fd,
		   map_at(self->fd, self->page, offset - STEP));
}

/* Offsets with higher bits set must be rejected instead of truncated. */
TEST_F(mmap_rules, offset_bits)
{
	const __u64 offset = self->block.mmap_offset;
	unsigned int bit;

	for (bit = __builtin_ctzl(self->page); bit < OFFSET_BITS; bit++)
		test_errno(ENXIO, self->fd,
			   map_at(self->fd, self->page,
				  offset ^ (1ULL << bit)));
}

/* The ends of the offset ranges of 32-bit and 64-bit programs. */
TEST_F(mmap_rules, offset_ends)
{
	const __u64 ends[] = {
		1ULL << 32, 1ULL << 43, (1ULL << 44) - self->page,
		(1ULL << 44) - STEP, 1ULL << 44,
		LLONG_MAX - self->page + 1, (1ULL << 63) - STEP,
	};
	unsigned int i;
	void *map;

	for (i = 0; i < ARRAY_SIZE(ends) && !(ends[i] >> OFFSET_BITS); i++)
		test_errno(ENXIO, self->fd,
			   map_at(self->fd, self->page, ends[i]));
	/* The kernel may refuse negative offsets before it calls the driver. */
	for (i = 1; i <= 64; i++) {
		map = map_at(self->fd, self->page, -(__u64)i * self->page);
		EXPECT_EQ(MAP_FAILED, map);
		EXPECT_TRUE(errno == ENXIO || errno == EOVERFLOW ||
			    errno == EINVAL);
		map = map_at(self->fd, 4 * self->page,
			     self->block.mmap_offset - (__u64)i * STEP * STEP);
		EXPECT_EQ(MAP_FAILED, map);
	}
}

TEST_F(mmap_rules, offset_inside)
{
	unsigned int i;

	for (i = 1; i < 8; i++)
		test_errno(ENXIO, self->fd,
			   map_at(self->fd, self->page,
				  self->block.mmap_offset + i * self->page));
}

/* A block longer than the distance between offsets. */
TEST_F(mmap_rules, offset_inside_long)
{
	struct ndshm_block_info block = test_new_block(self->fd, self->adapter,
						       4 << 20);

	test_errno(ENXIO, self->fd,
		   map_at(self->fd, self->page, block.mmap_offset + STEP));
	EXPECT_NE(MAP_FAILED, map_at(self->fd, block.length,
				     block.mmap_offset));
}

TEST_F(mmap_rules, length)
{
	const __u64 offset = self->block.mmap_offset;
	const size_t length = self->block.length;
	unsigned char *map, *part;

	test_errno(ENXIO, self->fd, map_at(self->fd, length + 1, offset));
	test_errno(ENXIO, self->fd,
		   map_at(self->fd, length + self->page, offset));
	test_errno(ENXIO, self->fd, map_at(self->fd, 2 * length, offset));
	test_errno(ENXIO, self->fd, map_at(self->fd, 1 << 30, offset));
	test_errno(EINVAL, self->fd, map_at(self->fd, 0, offset));

	/* A mapping of the first part of the block is valid. */
	map = map_at(self->fd, length, offset);
	ASSERT_NE(MAP_FAILED, map);
	part = map_at(self->fd, self->page, offset);
	ASSERT_NE(MAP_FAILED, part);
	part[0] = 0x77;
	EXPECT_EQ(0x77, map[0]);
	EXPECT_NE(MAP_FAILED, map_at(self->fd, 1, offset));
	EXPECT_NE(MAP_FAILED, map_at(self->fd, length - 1, offset));
}

/* An offset is valid only for a live handle of the same client. */
TEST_F(mmap_rules, other_handles)
{
	struct ndshm_block_info block;
	int other = ndshm_open(), i;

	ASSERT_LE(0, other);
	test_errno(ENXIO, other, ndshm_map(other, &self->block));
	test_free_handle(self->fd, self->block.handle);
	test_errno(ENXIO, self->fd, ndshm_map(self->fd, &self->block));
	for (i = 0; i < 50; i++) {
		block = test_new_block(self->fd, self->adapter, 1);
		if (block.mmap_offset != self->block.mmap_offset)
			test_errno(ENXIO, self->fd,
				   ndshm_map(self->fd, &self->block));
		test_free_handle(self->fd, block.handle);
	}
	close(other);
}

static void *map_as(int fd, const struct ndshm_block_info *block,
		    int protection, int flags)
{
	return mmap(NULL, block->length, protection, flags, fd,
		    block->mmap_offset);
}

TEST_F(mmap_rules, private_mapping)
{
	test_errno(EINVAL, self->fd,
		   map_as(self->fd, &self->block, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE));
	test_errno(EINVAL, self->fd,
		   map_as(self->fd, &self->block, PROT_READ, MAP_PRIVATE));
	test_errno(EINVAL, self->fd,
		   map_as(self->fd, &self->block, PROT_NONE, MAP_PRIVATE));
}

TEST_F(mmap_rules, executable)
{
	void *map;

	test_errno(EPERM, self->fd,
		   map_as(self->fd, &self->block, PROT_READ | PROT_EXEC,
			  MAP_SHARED));
	test_errno(EPERM, self->fd,
		   map_as(self->fd, &self->block,
			  PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED));
	map = test_map_block(self->fd, &self->block);
	test_errno(EACCES, self->fd,
		   mprotect(map, self->page, PROT_READ | PROT_EXEC));
	test_errno(EACCES, self->fd,
		   mprotect(map, self->block.length, PROT_EXEC));
	EXPECT_EQ(0, mprotect(map, self->page, PROT_NONE));
	test_errno(EACCES, self->fd, mprotect(map, self->page, PROT_EXEC));
}

TEST_F(mmap_rules, ways_to_map)
{
	static const int flags[] = {
		MAP_SHARED, MAP_SHARED_VALIDATE, MAP_SHARED | MAP_POPULATE,
		MAP_SHARED | MAP_LOCKED, MAP_SHARED | MAP_NORESERVE,
	};
	unsigned char *map;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		map = map_as(self->fd, &self->block, PROT_READ | PROT_WRITE,
			     flags[i]);
		ASSERT_NE(MAP_FAILED, map);
		EXPECT_TRUE(all_bytes(map, self->block.length, i));
		memset(map, i + 1, self->block.length);
		EXPECT_EQ(0, munmap(map, self->block.length));
	}
	/* MAP_FIXED over an anonymous mapping, then over the block's own mapping. */
	map = mmap(NULL, self->block.length, PROT_NONE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, map);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(map, mmap(map, self->block.length,
				    PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_FIXED, self->fd,
				    self->block.mmap_offset));
	}
	EXPECT_TRUE(all_bytes(map, self->block.length, ARRAY_SIZE(flags)));
}

TEST_F(mmap_rules, read_only)
{
	unsigned char *map, *view;
	int fd = open(NDSHM_DEVICE, O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	self->block = test_new_block(fd, self->adapter, self->page);
	test_errno(EACCES, fd,
		   map_as(fd, &self->block, PROT_READ | PROT_WRITE,
			  MAP_SHARED));
	test_errno(EACCES, fd,
		   map_as(fd, &self->block, PROT_WRITE, MAP_SHARED));
	test_errno(EINVAL, fd,
		   map_as(fd, &self->block, PROT_READ, MAP_PRIVATE));
	view = map_as(fd, &self->block, PROT_READ, MAP_SHARED);
	ASSERT_NE(MAP_FAILED, view);
	EXPECT_TRUE(all_bytes(view, self->page, 0));
	test_errno(EACCES, fd,
		   mprotect(view, self->page, PROT_READ | PROT_WRITE));
	test_errno(EACCES, fd,
		   mprotect(view, self->page, PROT_READ | PROT_EXEC));
	map = mremap(view, self->page, self->page, MREMAP_MAYMOVE);
	EXPECT_EQ(view, map);
	test_errno(EACCES, fd, mprotect(map, self->page, PROT_WRITE));
	close(fd);
}

/* mprotect() may make a read-only mapping writable if the descriptor is. */
TEST_F(mmap_rules, made_writable)
{
	unsigned char *map = map_as(self->fd, &self->block, PROT_READ,
				    MAP_SHARED);

	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, mprotect(map, self->block.length,
			      PROT_READ | PROT_WRITE));
	fill_pattern(map, self->block.length, 1);
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
}

TEST_F(mmap_rules, write_only)
{
	int fd = open(NDSHM_DEVICE, O_WRONLY | O_CLOEXEC);

	ASSERT_LE(0, fd);
	self->block = test_new_block(fd, self->adapter, self->page);
	test_errno(EACCES, fd,
		   map_as(fd, &self->block, PROT_WRITE, MAP_SHARED));
	test_errno(EACCES, fd, map_as(fd, &self->block, PROT_READ, MAP_SHARED));
	close(fd);
}

/*
 * Mappings in /proc
 */

/* Find the line of /proc/self/@file at which the mapping at @map begins. */
static bool find_mapping(const char *file, const void *map, FILE **stream,
			 char *line, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/%s", file);
	*stream = fopen(path, "r");
	if (!*stream)
		return false;
	while (fgets(line, size, *stream))
		if (strtoull(line, NULL, 16) == to_u64(map) &&
		    strchr(line, '-') && strchr(line, '-') < line + 17)
			return true;
	return false;
}

TEST_F(mmap_rules, maps)
{
	void *map = test_map_block(self->fd, &self->block);
	char line[512], name[64];
	FILE *stream;

	ASSERT_TRUE(find_mapping("maps", map, &stream, line, sizeof(line)));
	/* Shared, and with the block in its name. */
	EXPECT_NE(NULL, strstr(line, "rw-s"));
	snprintf(name, sizeof(name), "ndshm:block:%u",
		 self->block.shared_memory_handle);
	EXPECT_NE(NULL, strstr(line, name))
		TH_LOG("%s", line);
	fclose(stream);
}

TEST_F(mmap_rules, smaps)
{
	void *map = test_map_block(self->fd, &self->block);
	char line[512];
	FILE *stream;

	ASSERT_TRUE(find_mapping("smaps", map, &stream, line, sizeof(line)));
	while (fgets(line, sizeof(line), stream))
		if (!strncmp(line, "VmFlags:", 8))
			break;
	/* VM_DONTDUMP and VM_DONTEXPAND are set, and VM_MAYEXEC is not. */
	EXPECT_NE(NULL, strstr(line, " dd"));
	EXPECT_NE(NULL, strstr(line, " de"));
	EXPECT_EQ(NULL, strstr(line, " me"));
	EXPECT_NE(NULL, strstr(line, " sh"));
	fclose(stream);
}

/* The file of a mapping must not be reopened through /proc/self/map_files. */
TEST_F(mmap_rules, map_files)
{
	unsigned char *map = test_map_block(self->fd, &self->block);
	char path[96], target[96];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/map_files/%llx-%llx",
		 to_u64(map), to_u64(map + self->block.length));
	length = readlink(path, target, sizeof(target) - 1);
	ASSERT_LT(0, length);
	target[length] = '\0';
	EXPECT_NE(NULL, strstr(target, "ndshm"));
	test_errno(ENXIO, self->fd, open(path, O_RDWR));
	test_errno(ENXIO, self->fd, open(path, O_RDONLY));
}

/* A debugger reads and writes memory with and without pages, within the VMA and its protection. */
TEST_F(mmap_rules, proc_mem)
{
	unsigned char *map = test_map_block(self->fd, &self->block), seen[64];
	const size_t length = self->block.length;
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	fill_pattern(map, length, 1);
	EXPECT_EQ(sizeof(seen), pread(fd, seen, sizeof(seen), (uintptr_t)map + 128));
	EXPECT_EQ(0, memcmp(seen, map + 128, sizeof(seen)));
	EXPECT_EQ(3, pread(fd, seen, 3, (uintptr_t)map + length - 3));
	EXPECT_EQ(0, memcmp(seen, map + length - 3, 3));
	memset(seen, 9, sizeof(seen));
	EXPECT_EQ(sizeof(seen), pwrite(fd, seen, sizeof(seen), (uintptr_t)map + 129));
	EXPECT_EQ(0, memcmp(seen, map + 129, sizeof(seen)));
	EXPECT_EQ(0, mprotect(map, length, PROT_READ));
	test_errno(EIO, self->fd, pwrite(fd, map, 1, (uintptr_t)map));
	close(fd);
}

/* Return: true if the call returned all of the data or failed with @refusal. */
static bool data_or(int refusal, ssize_t got, const void *seen,
		    const void *data, size_t length)
{
	return got == (ssize_t)length ? !memcmp(seen, data, length) :
	       got == -1 && errno == refusal;
}

TEST_F(mmap_rules, process_vm)
{
	unsigned char *map = test_map_block(self->fd, &self->block), seen[64];
	struct iovec local = { .iov_base = seen, .iov_len = sizeof(seen) };
	struct iovec remote = { .iov_base = map, .iov_len = sizeof(seen) };

	fill_pattern(map, self->block.length, 1);
	EXPECT_TRUE(data_or(EFAULT, process_vm_readv(getpid(), &local, 1,
						     &remote, 1, 0),
			    seen, map, sizeof(seen)));
}

TEST_F(mmap_rules, ptrace)
{
	long *map = test_map_block(self->fd, &self->block), seen;
	pid_t child;

	map[1] = 0x12345678;
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	ASSERT_EQ(child, waitpid(child, NULL, 0));
	errno = 0;
	seen = ptrace(PTRACE_PEEKDATA, child, map + 1, NULL);
	EXPECT_EQ(0, errno);
	EXPECT_EQ(map[1], seen);
	EXPECT_EQ(0, ptrace(PTRACE_CONT, child, NULL, NULL));
	EXPECT_TRUE(ndshm_reap(child));
}

/* Revocation visits every mapping of an object, so their number is limited. */
TEST_F(mmap_rules, too_many)
{
	const unsigned int most = 1024;
	unsigned char *maps[1024];
	unsigned int i;

	for (i = 0; i < most; i++) {
		maps[i] = map_at(self->fd, self->block.length,
				 self->block.mmap_offset);
		ASSERT_NE(MAP_FAILED, (void *)maps[i]);
	}
	test_errno(EMFILE, self->fd,
		   map_at(self->fd, self->block.length,
			  self->block.mmap_offset));
	/* Splitting a mapping adds one, and so must fail at the limit. */
	ndshm_case(false);
	EXPECT_EQ(-1, mprotect(maps[1] + self->page, self->page, PROT_READ));
	EXPECT_EQ(EMFILE, errno);
	EXPECT_EQ(-1, munmap(maps[1] + self->page, self->page));
	EXPECT_EQ(EMFILE, errno);
	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, munmap(maps[i], self->block.length));
	maps[0] = map_at(self->fd, self->block.length, self->block.mmap_offset);
	ASSERT_NE(MAP_FAILED, (void *)maps[0]);
	EXPECT_EQ(0, mprotect(maps[0] + 2 * self->page, 2 * self->page,
			      PROT_READ));
	test_errno(EMFILE, self->fd,
		   map_at(self->fd, self->block.length,
			  self->block.mmap_offset));
	/* The limit is per object: another block can still be mapped. */
	self->block = test_new_block(self->fd, self->adapter, self->page);
	EXPECT_EQ(0, munmap(test_map_block(self->fd, &self->block),
			    self->page));
	for (i = 2; i < most; i++)
		munmap(maps[i], 4 * self->page);
	munmap(maps[0], 4 * self->page);
}

/* System calls can read and write the mapped memory. */
TEST_F(mmap_rules, pipe)
{
	unsigned char *map = test_map_block(self->fd, &self->block), seen[256];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	fill_pattern(map, self->block.length, 1);
	EXPECT_EQ(sizeof(seen), write(ends[1], map + 64, sizeof(seen)));
	EXPECT_EQ(sizeof(seen), read(ends[0], seen, sizeof(seen)));
	EXPECT_EQ(0, memcmp(seen, map + 64, sizeof(seen)));
	memset(seen, 8, sizeof(seen));
	EXPECT_EQ(sizeof(seen), write(ends[1], seen, sizeof(seen)));
	EXPECT_EQ(sizeof(seen), read(ends[0], map, sizeof(seen)));
	EXPECT_TRUE(all_bytes(map, sizeof(seen), 8));
}

/*
 * Search for @needle in all files of the directory. *@total returns the bytes
 * searched.
 */
static bool core_holds(const char *directory, const void *needle, size_t length,
		       size_t *total)
{
	DIR *entries = opendir(directory);
	struct dirent *entry;
	char path[PATH_MAX];
	bool found = false;
	char *core;
	off_t size;
	int fd;

	*total = 0;
	while (entries && (entry = readdir(entries))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		size = lseek(fd, 0, SEEK_END);
		core = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		close(fd);
		if (core == MAP_FAILED)
			continue;
		found |= !!memmem(core, size, needle, length);
		*total += size;
		munmap(core, size);
	}
	if (entries)
		closedir(entries);
	return found;
}

#define MARK_SIZE	1024

/* What a process maps when it dumps core. */
struct dumped {
	const char *provider;	/* of a block; NULL: a section */
	__u32 flags;
	__u64 length;
	bool advised;		/* not to dump it */
	bool expected;
};

#define DUMPED_SEED(row)	(1000000 + 10000 * (row))

static const struct dumped dumped[] = {
	{ "pages", .length = 1 },
	{ "pages", .length = 4 << 20 },
	{ .length = 1 },
	{ "pages", NDSHM_ALLOC_DUMP, 1, .expected = true },
	{ "pages", NDSHM_ALLOC_DUMP, 1 << 16, .expected = true },
	{ "pages", NDSHM_ALLOC_DUMP, 4 << 20, .expected = true },
	{ .flags = NDSHM_CREATE_DUMP, .length = 1 << 16, .expected = true },
	{ "coherent", NDSHM_ALLOC_DUMP, .length = 1 << 16 },
	{ "pages", NDSHM_ALLOC_DUMP, .length = 1 << 16, .advised = true },
	{ .flags = NDSHM_CREATE_DUMP, .length = 1 << 16, .advised = true },
};

/* Map the memory of row @i with a pattern of its own. Return: false after an error. */
static bool dumped_map(struct _test_data_mmap_rules *self, unsigned int i)
{
	const struct dumped *row = &dumped[i];
	struct ndshm_section_create_args create =
		section_create_request(self->adapter, row->length, row->length);
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	void *map;

	alloc = block_alloc_request(self->adapter, row->length, &block);
	alloc.flags = row->flags;
	create.flags = row->flags;
	if (row->provider) {
		if (ndshm_nl_provider_id(row->provider, &alloc.provider) ||
		    ioctl(self->fd, NDSHM_BLOCK_ALLOC, &alloc))
			return false;
		map = ndshm_map(self->fd, &block);
	} else {
		if (ioctl(self->fd, NDSHM_SECTION_CREATE, &create))
			return false;
		map = map_at(create.out_section, row->length, 0);
	}
	if (map == MAP_FAILED)
		return false;
	fill_pattern(map, row->length < MARK_SIZE ? self->page : MARK_SIZE, DUMPED_SEED(i));
	/* Without the flag a process cannot have the memory in its dump. */
	if (!row->flags && !madvise(map, row->length, MADV_DODUMP))
		return false;
	return !row->advised || !madvise(map, row->length, MADV_DONTDUMP);
}

TEST_F(mmap_rules, core_dump)
{
	char directory[] = "/tmp/ndshm.XXXXXX", pattern[128], command[64];
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned char *plain, mark[MARK_SIZE];
	unsigned int i;
	size_t total;
	pid_t child;
	int status;

	ASSERT_EQ(0, ndshm_read_file("/proc/sys/kernel/core_pattern", pattern,
				     sizeof(pattern)));
	if (strchr(pattern, '|') || strchr(pattern, '/'))
		SKIP(return, "core dumps go to %s", pattern);
	ASSERT_NE(NULL, mkdtemp(directory));
	child = fork();
	ASSERT_LE(0, child);
	if (!child) {
		plain = mmap(NULL, self->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		fill_pattern(plain, MARK_SIZE, 222222);
		for (i = 0; i < ARRAY_SIZE(dumped); i++)
			if (!dumped_map(self, i))
				_exit(1 + i);
		setrlimit(RLIMIT_CORE, &unlimited);
		prctl(PR_SET_DUMPABLE, 1);
		if (chdir(directory))
			_exit(100);
		abort();
	}
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_TRUE(WIFSIGNALED(status))
		TH_LOG("row %d", WEXITSTATUS(status) - 1);
	EXPECT_TRUE(WCOREDUMP(status));
	fill_pattern(mark, MARK_SIZE, 222222);
	EXPECT_TRUE(core_holds(directory, mark, MARK_SIZE, &total));
	EXPECT_LT(0, total);
	for (i = 0; i < ARRAY_SIZE(dumped); i++) {
		fill_pattern(mark, MARK_SIZE, DUMPED_SEED(i));
		EXPECT_EQ(dumped[i].expected, core_holds(directory, mark, 64, &total))
			TH_LOG("row %u", i);
	}
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	EXPECT_EQ(0, system(command));
}

/* madvise() may fail, but must not change the content. */
TEST_F(mmap_rules, advice)
{
	static const int advices[] = {
		MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED,
		MADV_DONTNEED, MADV_FREE, MADV_REMOVE, MADV_DONTFORK,
		MADV_DOFORK, MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE,
		MADV_NOHUGEPAGE, MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK,
		MADV_KEEPONFORK, MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ,
		MADV_POPULATE_WRITE, 24 /* DONTNEED_LOCKED */,
		25 /* COLLAPSE */,
	};
	unsigned char *map = test_map_block(self->fd, &self->block);
	unsigned int i;

	fill_pattern(map, self->block.length, 1);
	for (i = 0; i < ARRAY_SIZE(advices); i++) {
		madvise(map, self->block.length, advices[i]);
		EXPECT_TRUE(has_pattern(map, self->block.length, 1))
			TH_LOG("advice %d", advices[i]);
		madvise(map + self->page, self->page, advices[i]);
		EXPECT_TRUE(has_pattern(map, self->block.length, 1))
			TH_LOG("advice %d of a page", advices[i]);
	}
}

TEST_F(mmap_rules, locked)
{
	unsigned char *map = test_map_block(self->fd, &self->block), *other;

	fill_pattern(map, self->block.length, 1);
	EXPECT_EQ(0, mlock(map, self->block.length));
	EXPECT_EQ(0, munlock(map + self->page, self->page));
	EXPECT_EQ(0, mlockall(MCL_CURRENT | MCL_FUTURE));
	other = test_map_block(self->fd, &self->block);
	EXPECT_TRUE(has_pattern(other, self->block.length, 1));
	EXPECT_EQ(0, munmap(map, self->block.length));
	EXPECT_EQ(0, munlockall());
	EXPECT_TRUE(has_pattern(other, self->block.length, 1));
}

/* msync(), and the obsolete remap_file_pages(), must not disturb the mapping. */
TEST_F(mmap_rules, msync)
{
	unsigned char *map = test_map_block(self->fd, &self->block);

	fill_pattern(map, self->block.length, 1);
	msync(map, self->block.length, MS_SYNC);
	msync(map, self->block.length, MS_ASYNC | MS_INVALIDATE);
	EXPECT_EQ(-1, remap_file_pages(map, self->page, 0, 1, 0));
	EXPECT_TRUE(has_pattern(map, self->block.length, 1));
}

/* Unmap the pages in every order; the remaining pages must keep their content. */
TEST_F(mmap_rules, unmap_orders)
{
	unsigned int order, i, j, page[4];
	unsigned char *map;
	bool there[4];

	for (order = 0; order < 24; order++) {
		unsigned int rest = order, left[4] = { 0, 1, 2, 3 };

		for (i = 0; i < 4; i++) {
			j = rest % (4 - i);
			rest /= 4 - i;
			page[i] = left[j];
			for (; j < 3 - i; j++)
				left[j] = left[j + 1];
		}
		map = test_map_block(self->fd, &self->block);
		for (i = 0; i < 4; i++) {
			memset(map + i * self->page, i + order, self->page);
			there[i] = true;
		}
		for (i = 0; i < 4; i++) {
			EXPECT_EQ(0, munmap(map + page[i] * self->page,
					    self->page));
			there[page[i]] = false;
			for (j = 0; j < 4; j++) {
				if (!there[j])
					continue;
				EXPECT_EQ(j + order, map[j * self->page]);
			}
		}
	}
}

/*
 * Pages of registers are mapped by faults. Each page must show its own
 * registers, even after its mapping was split and moved.
 */
FIXTURE(registers) {
	int fd;
	size_t page;
	struct ndshm_edu edu;
	unsigned char *map;
};

#define REGISTER_PAGES	4

FIXTURE_SETUP(registers)
{
	struct ndshm_adapter_map_bar_args bar;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = test_open_claimed(&self->edu);
	self->page = page_size();
	bar = adapter_map_bar_request(self->edu.adapter.id, 0);
	test_adapter_map_bar(self->fd, &bar);
	self->map = map_at(self->fd, REGISTER_PAGES * self->page,
			   bar.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->map);
}

FIXTURE_TEARDOWN(registers)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* edu has registers in the first page of the BAR only; all other pages read as ones. */
static bool is_first(const void *page)
{
	return (ndshm_edu_get32(page, EDU_IDENTITY) & 0xff) == 0xed;
}

static bool is_other(const void *page)
{
	return ndshm_edu_get32(page, EDU_IDENTITY) == ~0U;
}

TEST_F(registers, growth)
{
	const size_t length = REGISTER_PAGES * self->page;
	unsigned char *map = self->map;

	test_errno(EFAULT, self->fd,
		   mremap(map, length, length + self->page, 0));
	test_errno(EFAULT, self->fd,
		   mremap(map, length, length + self->page, MREMAP_MAYMOVE));
	test_errno(EFAULT, self->fd,
		   mremap(map, 0, 2 * length, MREMAP_MAYMOVE));
	EXPECT_EQ(map, mremap(map, length, self->page, 0));
	test_errno(EFAULT, self->fd,
		   mremap(map, self->page, length, MREMAP_MAYMOVE));
	EXPECT_TRUE(is_first(map));
}

TEST_F(registers, cut)
{
	unsigned char *map = self->map;

	/* These pages have not been touched before. */
	EXPECT_EQ(0, munmap(map, self->page));
	EXPECT_TRUE(is_other(map + self->page));
	EXPECT_EQ(0, munmap(map + 2 * self->page, self->page));
	EXPECT_TRUE(is_other(map + 3 * self->page));
}

TEST_F(registers, moved)
{
	unsigned char *place, *map = self->map;
	int i;

	/* The second page first: it must not show the registers of the first. */
	for (i = 1; i >= 0; i--) {
		place = mmap(NULL, self->page, PROT_NONE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, place);
		ASSERT_EQ(place, mremap(map + i * self->page, self->page,
					self->page,
					MREMAP_MAYMOVE | MREMAP_FIXED, place));
		EXPECT_EQ(!i, is_first(place));
		EXPECT_EQ(i == 1, is_other(place));
	}
	EXPECT_TRUE(is_other(map + 2 * self->page));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
