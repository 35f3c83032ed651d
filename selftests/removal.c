// SPDX-License-Identifier: GPL-2.0
/*
 * The time to remove a device is bounded, whatever its clients do: here clients
 * with hardly any CPU time, which stop in the middle of a system call or a page
 * fault. fuse_stall.c and revoke_race.c cover other ways of stopping.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/ndshm-removal"
#define CPU_LITTLE	"4000 100000"	/* microseconds, of so many */
#define CPU_SELDOM	"10000 1000000"	/* whoever is over it waits for most of a second */
/* Not "max": the kernel patches its scheduler when the first limit comes or the last goes. */
#define CPU_MUCH	"10000000 100000"
#define LENGTH		(64UL << 20)
#define BOUND		2000	/* milliseconds */
#define TIMEOUT		200	/* seconds */

FIXTURE(removal) {
	struct ndshm_edu edu;
	int fd;
	pid_t child;
	int peer;
};

/* Provider of the memory; NULL: the registers. */
FIXTURE_VARIANT(removal) {
	const char *provider;
};

FIXTURE_VARIANT_ADD(removal, coherent) { .provider = "coherent" };
FIXTURE_VARIANT_ADD(removal, pages) { .provider = "pages" };
FIXTURE_VARIANT_ADD(removal, bar) { .provider = NULL };

static bool enter_group(const char *group)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return !ndshm_write_file(path, "0");
}

FIXTURE_SETUP(removal)
{
	struct ndshm_adapter_claim claim;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	mkdir(GROUP, 0700);
	if (ndshm_write_file(GROUP "/cpu.max", CPU_LITTLE))
		SKIP(return, "no processor control of cgroup v2");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	claim = adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
	test_adapter_claim(self->fd, &claim);
}

FIXTURE_TEARDOWN(removal)
{
	ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
		close(self->peer);
	}
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

static struct ndshm_block_alloc request(struct __test_metadata *_metadata,
					struct _test_data_removal *self,
					const char *name, size_t length,
					struct ndshm_block_info *block)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc alloc =
		block_alloc_request(self->edu.adapter.id, length, block);

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, name, &provider));
	alloc.provider = provider.id;
	return alloc;
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

#define test_bounded(end) do { \
	long long begin_ = milliseconds(), took_; \
	EXPECT_EQ(0, end(&self->edu.pci)); \
	took_ = milliseconds() - begin_; \
	EXPECT_GE(BOUND, took_) \
		TH_LOG("%lld ms", took_); \
} while (0)

#define test_bounded_unbind() test_bounded(ndshm_pci_unbind)

/* While a process allocates, which takes it half a minute. */
TEST_F_TIMEOUT(removal, allocation, TIMEOUT)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc alloc;

	if (!variant->provider)
		SKIP(return, "it is not allocated");
	alloc = request(_metadata, self, variant->provider, LENGTH, &block);
	self->child = ndshm_fork(&self->peer);
	ASSERT_LE(0, self->child);
	if (!self->child) {
		ndshm_tell(self->peer);
		if (!enter_group(GROUP))
			_exit(1);
		_test_block_alloc(self->fd, &alloc);
		_exit(!alloc.reason);
	}
	ASSERT_TRUE(ndshm_hear(self->peer));
	usleep(500000);
	/* Otherwise the allocation had ended and the test proved nothing. */
	ASSERT_EQ(0, waitpid(self->child, NULL, WNOHANG));
	test_bounded_unbind();
}

static void map_and_touch(struct _test_data_removal *self, __u64 offset,
			  size_t length)
{
	unsigned char *map;
	size_t at;

	for (;;) {
		map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED,
			   self->fd, offset);
		if (map == MAP_FAILED)
			_exit(0);
		for (at = 0; at < length; at += 1UL << 16)
			if (!ndshm_readable(map + at))
				_exit(0);
		munmap(map, length);
	}
}

/* Remove the device while a process maps, touches and unmaps memory. */
TEST_F_TIMEOUT(removal, mapping, TIMEOUT)
{
	struct ndshm_adapter_map_bar bar =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_claim claim;
	struct ndshm_block_info block;
	struct ndshm_block_alloc alloc;
	unsigned int round;

	for (round = 0; round < ndshm_rounds(5, 2); round++) {
		if (variant->provider) {
			alloc = request(_metadata, self, variant->provider,
					4UL << 20, &block);
			test_block_alloc(self->fd, &alloc);
			bar.out_mmap_offset = block.mmap_offset;
			bar.out_length = block.length;
		} else {
			test_adapter_map_bar(self->fd, &bar);
		}
		self->child = ndshm_fork(&self->peer);
		ASSERT_LE(0, self->child);
		if (!self->child) {
			ndshm_tell(self->peer);
			if (enter_group(GROUP))
				map_and_touch(self, bar.out_mmap_offset,
					      bar.out_length);
			_exit(1);
		}
		ASSERT_TRUE(ndshm_hear(self->peer));
		usleep(300000);
		test_bounded_unbind();
		/* With enough CPU time the process notices the revocation and exits. */
		ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
		EXPECT_TRUE(ndshm_reap(self->child));
		self->child = 0;
		close(self->peer);
		ndshm_write_file(GROUP "/cpu.max", CPU_LITTLE);
		close(self->fd);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		claim = adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
		test_adapter_claim(self->fd, &claim);
		bar = adapter_map_bar_request(self->edu.adapter.id, 0);
	}
}

/* Until the adapter has gone. */
static void claim_and_close(struct _test_data_removal *self)
{
	struct ndshm_adapter_map_bar bar;
	struct ndshm_adapter_start start;
	struct ndshm_adapter_claim claim;
	int fd, error = 0;

	while (error != ENOENT && error != ENODEV) {
		fd = ndshm_open();
		claim = adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
		start = adapter_start_request(self->edu.adapter.id);
		bar = adapter_map_bar_request(self->edu.adapter.id, 0);
		if (ioctl(fd, NDSHM_ADAPTER_CLAIM, &claim))
			error = errno;
		else if (ioctl(fd, NDSHM_ADAPTER_START, &start) ||
			 ioctl(fd, NDSHM_ADAPTER_MAP_BAR, &bar))
			error = errno;
		close(fd);
	}
	_exit(0);
}

/* While processes claim the function, use the claim, and end it by a close. */
TEST_F_TIMEOUT(removal, claiming, TIMEOUT)
{
	unsigned int round;

	if (variant->provider)
		SKIP(return, "nothing is allocated");
	close(self->fd);
	ndshm_write_file(GROUP "/cpu.max", CPU_SELDOM);
	for (round = 0; round < ndshm_rounds(6, 2); round++) {
		self->child = ndshm_fork(&self->peer);
		ASSERT_LE(0, self->child);
		if (!self->child) {
			ndshm_tell(self->peer);
			if (enter_group(GROUP))
				claim_and_close(self);
			_exit(1);
		}
		ASSERT_TRUE(ndshm_hear(self->peer));
		usleep(1200000 + 70000 * round);
		if (round % 2) {
			test_bounded(ndshm_pci_remove);
			ASSERT_EQ(0, ndshm_pci_rescan());
		} else {
			test_bounded(ndshm_pci_unbind);
		}
		ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
		EXPECT_TRUE(ndshm_reap(self->child));
		self->child = 0;
		close(self->peer);
		ndshm_write_file(GROUP "/cpu.max", CPU_SELDOM);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	}
	self->fd = ndshm_open();
}

int main(int argc, char **argv)
{
	int failed = ndshm_main(argc, argv);

	rmdir(GROUP);
	return failed;
}
