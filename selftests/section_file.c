// SPDX-License-Identifier: GPL-2.0
/*
 * The descriptor of a section as a file: read, write, splice, and what must not work. The memory is
 * compared with a mapping, and random operations with an ordinary file.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define HUGE	(2UL << 20)
/* Two slots have memory, the last one has none. */
#define FULL	(2 * HUGE)
#define LENGTH	(3 * HUGE)

FIXTURE(file) {
	int client;
	int fd;
	unsigned char *map;
};

FIXTURE_SETUP(file)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->fd = test_new_section(self->client, info.out_default_adapter, LENGTH, FULL);
	self->map = test_map_section(self->fd, LENGTH);
}

FIXTURE_TEARDOWN(file)
{
	munmap(self->map, LENGTH);
	close(self->fd);
	close(self->client);
}

static void fill(unsigned char *buffer, size_t length)
{
	while (length--)
		*buffer++ = rand();
}

/* Across the border of two folios, and not aligned. */
TEST_F(file, read_and_write)
{
	static unsigned char in[10000], out[sizeof(in)];
	const size_t at = HUGE - 3333;

	ndshm_case(true);
	fill(in, sizeof(in));
	EXPECT_EQ(sizeof(in), pwrite(self->fd, in, sizeof(in), at));
	EXPECT_EQ(0, memcmp(self->map + at, in, sizeof(in)));
	self->map[at + 5] ^= 1;
	in[5] ^= 1;
	EXPECT_EQ(sizeof(out), pread(self->fd, out, sizeof(out), at));
	EXPECT_EQ(0, memcmp(in, out, sizeof(in)));

	EXPECT_EQ(100, lseek(self->fd, 100, SEEK_SET));
	EXPECT_EQ(7, write(self->fd, in, 7));
	EXPECT_EQ(107, lseek(self->fd, 0, SEEK_CUR));
	EXPECT_EQ(0, memcmp(self->map + 100, in, 7));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
	EXPECT_EQ(200, read(self->fd, out, 200));
	EXPECT_EQ(0, memcmp(self->map, out, 200));
}

/* Reads and writes never add memory. */
TEST_F(file, hole)
{
	unsigned char out[8192], in[8192] = { 1 };
	const __u64 committed = ndshm_committed(self->fd);

	ndshm_case(true);
	memset(out, 1, sizeof(out));
	EXPECT_EQ(4096, pwrite(self->fd, in, sizeof(in), FULL - 4096));
	test_errno(ENOSPC, self->client, pwrite(self->fd, in, 1, FULL));
	EXPECT_EQ(sizeof(out), pread(self->fd, out, sizeof(out), FULL - 4096));
	EXPECT_EQ(0, memcmp(out, in, 4096));
	EXPECT_EQ(0, out[4096] || memcmp(out + 4096, out + 4097, 4095));
	EXPECT_FALSE(ndshm_readable(self->map + FULL));
	EXPECT_EQ(committed, ndshm_committed(self->fd));
}

TEST_F(file, end)
{
	struct rlimit limit = { .rlim_cur = HUGE, .rlim_max = RLIM_INFINITY }, before;
	void *nowhere = self->map + FULL;
	unsigned char byte = 1;

	ndshm_case(true);
	EXPECT_EQ(0, pread(self->fd, &byte, 1, LENGTH));
	EXPECT_EQ(0, pread(self->fd, &byte, 1, LENGTH + 4096));
	test_errno(ENOSPC, self->client, pwrite(self->fd, &byte, 1, LENGTH));
	EXPECT_EQ(0, pwrite(self->fd, &byte, 0, LENGTH));
	test_errno(EINVAL, self->client, pread(self->fd, &byte, 1, -1));
	test_errno(EFAULT, self->client, pread(self->fd, nowhere, 1, 0));
	test_errno(EFAULT, self->client, pwrite(self->fd, nowhere, 1, 0));
	/* O_APPEND writes at the end. */
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, O_APPEND));
	test_errno(ENOSPC, self->client, write(self->fd, &byte, 1));
	EXPECT_EQ(0, fcntl(self->fd, F_SETFL, 0));
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(0, getrlimit(RLIMIT_FSIZE, &before));
	limit.rlim_max = before.rlim_max;
	ASSERT_EQ(0, setrlimit(RLIMIT_FSIZE, &limit));
	test_errno(EFBIG, self->client, pwrite(self->fd, &byte, 1, HUGE));
	EXPECT_EQ(0, setrlimit(RLIMIT_FSIZE, &before));
}

/* Offsets of more than 31 bits are not refused by the limit of old programs. */
TEST_F(file, far)
{
	struct ndshm_get_info_args info = get_info_request();
	unsigned char byte = 1;
	int fd;

	test_get_info(self->client, &info);
	fd = test_new_section(self->client, info.out_default_adapter, 3UL << 30, 0);
	test_errno(ENOSPC, self->client, pwrite(fd, &byte, 1, 5UL << 29));
	EXPECT_EQ(1, pread(fd, &byte, 1, 5UL << 29));
	EXPECT_EQ(0, byte);
	close(fd);
}

/* The size and the mode are those of the creation. */
TEST_F(file, fixed)
{
	struct stat now;

	test_errno(EPERM, self->client, ftruncate(self->fd, 4096));
	test_errno(EPERM, self->client, fchmod(self->fd, 0777));
	test_errno(EOPNOTSUPP, self->client, fallocate(self->fd, 0, 0, 4096));
	test_errno(EOPNOTSUPP, self->client,
		   fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	test_errno(EINVAL, self->client, fcntl(self->fd, F_ADD_SEALS, F_SEAL_WRITE));
	EXPECT_EQ(0, fstat(self->fd, &now));
	EXPECT_EQ(LENGTH, now.st_size);
	EXPECT_EQ(0600, now.st_mode & 07777);
}

/* Calls that write through a descriptor that only permits to read. */
TEST_F(file, readonly)
{
	const int fd = test_share(self->fd, NDSHM_SHARE_READONLY);
	loff_t from = 0, to = 4096;
	unsigned char byte = 0;
	int ends[2];

	self->map[0] = 1;
	self->map[4096] = 2;
	EXPECT_EQ(1, pread(fd, &byte, 1, 0));
	EXPECT_EQ(1, byte);
	test_errno(EBADF, self->client, pwrite(fd, &byte, 1, 4096));
	test_errno(EBADF, self->client, write(fd, &byte, 1));
	test_errno(EBADF, self->client, sendfile(fd, self->fd, &from, 1));
	test_errno(EBADF, self->client, copy_file_range(self->fd, &from, fd, &to, 1, 0));
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(1, write(ends[1], &byte, 1));
	test_errno(EBADF, self->client, splice(ends[0], NULL, fd, &to, 1, 0));
	close(ends[0]);
	close(ends[1]);
	EXPECT_EQ(2, self->map[4096]);
	close(fd);
}

TEST_F(file, splice)
{
	loff_t from = 4000, to = HUGE - 100;
	unsigned char out[1000];
	int ends[2];

	ndshm_case(true);
	fill(self->map + 4000, sizeof(out));
	ASSERT_EQ(0, pipe(ends));
	EXPECT_EQ(sizeof(out), splice(self->fd, &from, ends[1], NULL, sizeof(out), 0));
	EXPECT_EQ(5000, from);
	EXPECT_EQ(sizeof(out), splice(ends[0], NULL, self->fd, &to, sizeof(out), 0));
	EXPECT_EQ(0, memcmp(self->map + 4000, self->map + HUGE - 100, sizeof(out)));
	from = 4000;
	EXPECT_EQ(sizeof(out), sendfile(ends[1], self->fd, &from, sizeof(out)));
	EXPECT_EQ(sizeof(out), read(ends[0], out, sizeof(out)));
	EXPECT_EQ(0, memcmp(self->map + 4000, out, sizeof(out)));
	from = 4000;
	to = 3 * HUGE / 2;
	EXPECT_EQ(sizeof(out), copy_file_range(self->fd, &from, self->fd, &to, sizeof(out), 0));
	EXPECT_EQ(0, memcmp(self->map + 4000, self->map + 3 * HUGE / 2, sizeof(out)));
	close(ends[0]);
	close(ends[1]);
}

TEST_F(file, ended)
{
	struct ndshm_section_delete_args request = section_delete_request(0, -1);
	unsigned char byte;

	test_section_delete(self->fd, &request);
	test_errno(EIDRM, self->client, pread(self->fd, &byte, 1, 0));
	test_errno(EIDRM, self->client, pwrite(self->fd, &byte, 1, 0));
}

#define MOST	(64 << 10)

static unsigned char buffers[2][MOST];

/* One random operation on the section and on a file with the same contents. */
static bool step(int fd, int twin, unsigned char *map, unsigned char *twin_map)
{
	const size_t length = rand() % (rand() % 8 ? 5000 : MOST);
	const loff_t at = rand() % (FULL - length);
	loff_t from = rand() % (FULL - length), from_twin = from, to = at, to_twin = at;
	struct iovec parts[2] = { { buffers[0], length / 3 },
				  { buffers[0] + length / 3, length - length / 3 } };

	fill(buffers[0], 64);
	switch (rand() % 8) {
	case 0:
		return pwrite(fd, buffers[0], length, at) == (ssize_t)length &&
		       pwrite(twin, buffers[0], length, at) == (ssize_t)length;
	case 1:
		return pwritev(fd, parts, 2, at) == (ssize_t)length &&
		       pwrite(twin, buffers[0], length, at) == (ssize_t)length;
	case 2:
		return pread(fd, buffers[0], length, at) == (ssize_t)length &&
		       pread(twin, buffers[1], length, at) == (ssize_t)length &&
		       !memcmp(buffers[0], buffers[1], length);
	case 3:
		memcpy(map + at, buffers[0], length);
		memcpy(twin_map + at, buffers[0], length);
		return true;
	case 4:
		return !memcmp(map + at, twin_map + at, length);
	case 5:
		/* Ranges that overlap are refused. */
		if (llabs(from - at) < (loff_t)length || !length)
			return true;
		return copy_file_range(fd, &from, fd, &to, length, 0) ==
		       copy_file_range(twin, &from_twin, twin, &to_twin, length, 0);
	case 6:
		return lseek(fd, at, SEEK_SET) == at && lseek(twin, at, SEEK_SET) == at &&
		       sendfile(fd, twin, &from, length) == (ssize_t)length &&
		       sendfile(twin, twin, &from_twin, length) == (ssize_t)length;
	default:
		return lseek(fd, at, SEEK_SET) == at &&
		       read(fd, buffers[0], length) == (ssize_t)length &&
		       !memcmp(buffers[0], twin_map + at, length);
	}
}

/* The file and the section must not differ after any number of operations. */
TEST_F_TIMEOUT(file, random, 600)
{
	const unsigned int rounds = ndshm_rounds(10000, 500);
	const int twin = memfd_create("twin", MFD_CLOEXEC);
	unsigned char *twin_map;
	unsigned int round;

	ndshm_case(true);
	srand(ndshm_number("NDSHM_SEED", 1));
	ASSERT_LE(0, twin);
	ASSERT_EQ(0, ftruncate(twin, FULL));
	twin_map = mmap(NULL, FULL, PROT_READ | PROT_WRITE, MAP_SHARED, twin, 0);
	ASSERT_NE(MAP_FAILED, twin_map);
	for (round = 0; round < rounds; round++) {
		ASSERT_TRUE(step(self->fd, twin, self->map, twin_map))
			TH_LOG("operation %u: %s", round, strerror(errno));
	}
	EXPECT_EQ(0, memcmp(self->map, twin_map, FULL));
	munmap(twin_map, FULL);
	close(twin);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
