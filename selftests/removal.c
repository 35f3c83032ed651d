// SPDX-License-Identifier: GPL-2.0
/*
 * The time to remove a device is bounded, whatever its clients do: here clients
 * with hardly any CPU time, which stop in the middle of a system call or a page
 * fault. fuse_stall.c and revoke_race.c cover other ways of stopping.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define CGROUPS		"/sys/fs/cgroup"
#define GROUP		CGROUPS "/ndshm-removal"
#define CPU_LITTLE	"4000 100000"	/* microseconds, of so many */
#define CPU_LEAST	"1000 100000"	/* with it 64 MiB take seconds */
#define CPU_HARDLY	"1000 1000000"
#define CPU_SELDOM	"10000 1000000"	/* throttled for most of a second when used up */
/* Not "max": the kernel patches its scheduler when the first limit comes or the last goes. */
#define CPU_MUCH	"10000000 100000"
#define LENGTH		(64UL << 20)
#define LITTLE		0x100000UL
#define BOUND		2000	/* milliseconds */
#define TIMEOUT		200	/* seconds */

FIXTURE(removal) {
	struct ndshm_edu edu;
	int fd;
	pid_t child;
	int peer;
	long long longest;	/* removal, in milliseconds */
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
	struct ndshm_adapter_claim_args claim;

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

static struct ndshm_block_alloc_args request(struct __test_metadata *_metadata,
					     struct _test_data_removal *self,
					     const char *name, size_t length,
					     struct ndshm_block_info *block)
{
	struct ndshm_nl_provider provider;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->edu.adapter.id, length, block);

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, name, &provider));
	alloc.provider = provider.id;
	return alloc;
}

#define test_bounded_by(bound, end) do { \
	const struct ndshm_clock begin_ = ndshm_clock_now(); \
	long long took_; \
	EXPECT_EQ(0, end); \
	took_ = ndshm_clock_ran_ms(begin_); \
	if (took_ > self->longest) \
		self->longest = took_; \
	EXPECT_GE(bound, took_) \
		TH_LOG("%lld ms", took_); \
} while (0)

#define test_bounded(end) test_bounded_by(BOUND, end)

#define test_bounded_unbind() test_bounded(ndshm_pci_unbind(&self->edu.pci))

/* While a process allocates: it does until it is refused, since a worker may be fast. */
TEST_F_TIMEOUT(removal, allocation, TIMEOUT)
{
	struct ndshm_block_free_args free_block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	if (!variant->provider)
		SKIP(return, "it is not allocated");
	alloc = request(_metadata, self, variant->provider, LENGTH, &block);
	ASSERT_EQ(0, ndshm_write_file(GROUP "/cpu.max", CPU_LEAST));
	self->child = ndshm_fork(&self->peer);
	ASSERT_LE(0, self->child);
	if (!self->child) {
		ndshm_signal_peer(self->peer);
		if (!enter_group(GROUP))
			_exit(1);
		while (!_test_block_alloc(self->fd, &alloc)) {
			free_block = block_free_request(block.handle);
			_test_block_free(self->fd, &free_block);
		}
		_exit(0);
	}
	ASSERT_TRUE(ndshm_hear(self->peer));
	usleep(500000);
	/* Otherwise the test proved nothing. */
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
	struct ndshm_adapter_map_bar_args bar =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_adapter_claim_args claim;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
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
			ndshm_signal_peer(self->peer);
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

#define HUGE		(2UL << 20)
/* A removal that waits for the split of so many mappings takes longer than the bound. */
#define LEAST_SPLIT	500
#define BOUND_OF_SPLIT	(3 * BOUND)

/* Map memory many times, with huge entries; then, throttled, change a part of one mapping. */
static void split_one_of_many(struct _test_data_removal *self, __u64 offset)
{
	void *map = MAP_FAILED;
	unsigned int i, many = ndshm_rounds(1000, LEAST_SPLIT);
	size_t at;

	for (i = 0; i < many; i++) {
		map = mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, offset);
		for (at = 0; map != MAP_FAILED && at < LENGTH; at += HUGE)
			if (!ndshm_readable(map + at))
				map = MAP_FAILED;
		if (map == MAP_FAILED)
			_exit(1);
	}
	ndshm_signal_peer(self->peer);
	if (!ndshm_hear(self->peer) || !enter_group(GROUP))
		_exit(1);
	mprotect(map, page_size(), PROT_READ);
	for (;;)
		ndshm_readable(map);
}

static void map_again_and_again(struct _test_data_removal *self, int peer, __u64 offset)
{
	void *map;

	ndshm_signal_peer(peer);
	for (;;) {
		map = mmap(NULL, LENGTH, PROT_READ, MAP_SHARED, self->fd, offset);
		if (map != MAP_FAILED)
			munmap(map, LENGTH);
	}
}

/*
 * A split removes the huge entries of all mappings. The removal must not wait for a process that
 * does so, nor for another one that maps the memory meanwhile and waits for the first.
 */
TEST_F_TIMEOUT(removal, splitting, TIMEOUT)
{
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	pid_t mapper;
	int peer;

	if (!variant->provider || strcmp(variant->provider, "coherent"))
		SKIP(return, "it has no huge entries that are split");
	alloc = request(_metadata, self, variant->provider, LENGTH, &block);
	test_block_alloc(self->fd, &alloc);
	ASSERT_EQ(0, ndshm_write_file(GROUP "/cpu.max", CPU_HARDLY));
	self->child = ndshm_fork(&self->peer);
	ASSERT_LE(0, self->child);
	if (!self->child)
		split_one_of_many(self, block.mmap_offset);
	ASSERT_TRUE(ndshm_hear(self->peer));
	mapper = ndshm_fork(&peer);
	ASSERT_LE(0, mapper);
	if (!mapper)
		map_again_and_again(self, peer, block.mmap_offset);
	ASSERT_TRUE(ndshm_hear(peer));
	ASSERT_TRUE(ndshm_signal_peer(self->peer));
	usleep(100000);
	test_bounded_by(BOUND_OF_SPLIT, ndshm_pci_unbind(&self->edu.pci));
	TH_LOG("removal: %lld ms", self->longest);
	EXPECT_TRUE(ndshm_end(mapper, peer, SIGKILL));
	EXPECT_FALSE(ndshm_reap(mapper));
	close(peer);
}

/*
 * Whatever a process does that hardly ever runs. Each behaviour loops until the
 * process is killed, or its descriptor is of no use any more.
 */

FIXTURE(throttled) {
	struct ndshm_edu edu;
	int fd;
	pid_t child;
	int peer;
	long long longest;	/* removal, in milliseconds */
	bool mock;
	__u32 adapter;
	__u32 provider;
	size_t length;
};

/*
 * Memory of @provider is allocated and freed under a claim, or for an adapter of the
 * mock module, which has none.
 */
FIXTURE_VARIANT(throttled) {
	bool mock;
	void (*behave)(struct _test_data_throttled *self);
	const char *provider;
	size_t length;
};

static void claiming(struct _test_data_throttled *self)
{
	struct ndshm_adapter_map_bar_args bar;
	struct ndshm_adapter_start_args start;
	struct ndshm_adapter_claim_args claim;
	int fd;

	for (;;) {
		fd = ndshm_open();
		claim = adapter_claim_request(self->adapter, EDU_WIDTH);
		start = adapter_start_request(self->adapter);
		bar = adapter_map_bar_request(self->adapter, 0);
		ioctl(fd, NDSHM_ADAPTER_CLAIM, &claim);
		ioctl(fd, NDSHM_ADAPTER_START, &start);
		ioctl(fd, NDSHM_ADAPTER_MAP_BAR, &bar);
		close(fd);
	}
}

static void allocating(struct _test_data_throttled *self)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, self->length,
				    &block);
	struct ndshm_block_free_args request;

	alloc.provider = self->provider;
	for (;;) {
		if (_test_block_alloc(self->fd, &alloc))
			continue;
		request = block_free_request(block.handle);
		_test_block_free(self->fd, &request);
	}
}

/* The last descriptor, with all that it has. */
static void closing(struct _test_data_throttled *self)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	unsigned int i;
	int fd;

	close(self->fd);
	for (;;) {
		fd = ndshm_open();
		claim = adapter_claim_request(self->adapter, EDU_WIDTH);
		ioctl(fd, NDSHM_ADAPTER_CLAIM, &claim);
		for (i = 0; i < 8; i++) {
			alloc = block_alloc_request(self->adapter,
						    self->length, &block);
			alloc.provider = self->provider;
			_test_block_alloc(fd, &alloc);
		}
		close(fd);
	}
}

/* With a child a time, which has the mapping as well. */
static void forking(struct _test_data_throttled *self)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, self->length,
				    &block);
	unsigned char *map;
	pid_t child;

	alloc.provider = self->provider;
	if (_test_block_alloc(self->fd, &alloc))
		_exit(1);
	for (;;) {
		map = mmap(NULL, block.length, PROT_READ | PROT_WRITE,
			   MAP_SHARED, self->fd, block.mmap_offset);
		if (map != MAP_FAILED)
			ndshm_readable(map);
		child = fork();
		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
		if (map != MAP_FAILED)
			munmap(map, block.length);
	}
}

static void deleting(struct _test_data_throttled *self)
{
	struct ndshm_section_create_args create;
	struct ndshm_section_delete_args request;
	unsigned char *map;

	for (;;) {
		create = section_create_request(self->adapter,
						self->length,
						self->length);
		create.provider = self->provider;
		create.flags = 0;
		if (_test_section_create(self->fd, &create))
			continue;
		map = ndshm_map_section(create.out_section, self->length);
		if (map != MAP_FAILED)
			ndshm_readable(map);
		request = section_delete_request(NDSHM_DELETE_REVOKE, -1);
		_test_section_delete(create.out_section, &request);
		if (map != MAP_FAILED)
			munmap(map, self->length);
		close(create.out_section);
	}
}

/*
 * A dump takes the kernel's lock of the IOMMU group, and so does the removal: it waits
 * for a period, and for as many more as the process has run too long.
 */
static void dumping(struct _test_data_throttled *self)
{
	struct ndshm_nl_adapter adapters[16];

	ndshm_write_file(GROUP "/cpu.max", CPU_LITTLE);
	for (;;)
		ndshm_nl_adapters(&self->edu.nl, adapters, 16);
}

static void permitting(struct _test_data_throttled *self)
{
	const struct ndshm_nl_access access = {
		.set = NDSHM_NL_MODE, .mode = 0600,
	};

	for (;;)
		ndshm_nl_set_adapter(&self->edu.nl, self->adapter, &access);
}

FIXTURE_VARIANT_ADD(throttled, claiming) { .behave = claiming };

FIXTURE_VARIANT_ADD(throttled, allocating_coherent) {
	.behave = allocating, .provider = "coherent", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(throttled, allocating_pages) {
	.behave = allocating, .provider = "pages", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(throttled, allocating_little) {
	.behave = allocating, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, closing) {
	.behave = closing, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, forking_coherent) {
	.behave = forking, .provider = "coherent", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, forking_pages) {
	.behave = forking, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, deleting) {
	.behave = deleting, .provider = "pages", .length = 4 * LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, dumping) { .behave = dumping };

FIXTURE_VARIANT_ADD(throttled, permitting) { .behave = permitting };

FIXTURE_VARIANT_ADD(throttled, unclaimed_allocating) {
	.mock = true, .behave = allocating, .provider = "pages", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(throttled, unclaimed_closing) {
	.mock = true, .behave = closing, .provider = "coherent", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(throttled, unclaimed_deleting) {
	.mock = true, .behave = deleting, .provider = "pages", .length = 4 * LITTLE,
};

static __u32 add_adapter(struct __test_metadata *_metadata,
			 struct _test_data_throttled *self)
{
	struct ndshm_nl_adapter adapter;

	test_mock("adapter add a");
	EXPECT_EQ(0, ndshm_nl_adapter_by_name(&self->edu.nl, "a", &adapter));
	return adapter.id;
}

FIXTURE_SETUP(throttled)
{
	struct ndshm_nl_provider provider;
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	mkdir(GROUP, 0700);
	if (ndshm_write_file(GROUP "/cpu.max", CPU_LITTLE))
		SKIP(return, "no processor control of cgroup v2");
	if (variant->mock) {
		error = ndshm_mock_load("");
		if (ndshm_mock_missing(error))
			SKIP(return, "%s", ndshm_mock_missing(error));
		ASSERT_EQ(0, error);
		self->mock = true;
	}
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->adapter = self->edu.adapter.id;
	if (variant->mock)
		self->adapter = add_adapter(_metadata, self);
	if (!variant->provider)
		return;
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, variant->provider,
					       &provider));
	self->provider = provider.id;
	self->length = variant->length;
}

FIXTURE_TEARDOWN(throttled)
{
	ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
		close(self->peer);
	}
	if (self->mock)
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

TEST_F_TIMEOUT(throttled, removal, TIMEOUT)
{
	/* Where rounds are few, the kernel is one that takes that much longer. */
	const unsigned int slower = 1 + 99 / ndshm_rounds(100, 10);
	struct ndshm_adapter_claim_args claim;
	char seldom[32], little[32];
	unsigned int round;

	snprintf(seldom, sizeof(seldom), "%u 1000000", 10000 * slower);
	snprintf(little, sizeof(little), "%u 100000", 4000 * slower);
	for (round = 0; round < ndshm_rounds(6, 4); round++) {
		ASSERT_EQ(0, ndshm_write_file(GROUP "/cpu.max",
					      round & 2 ? little : seldom));
		self->child = ndshm_fork(&self->peer);
		ASSERT_LE(0, self->child);
		if (!self->child) {
			self->fd = ndshm_open();
			claim = adapter_claim_request(self->adapter,
						      EDU_WIDTH);
			if (variant->provider && !variant->mock &&
			    ioctl(self->fd, NDSHM_ADAPTER_CLAIM, &claim))
				_exit(1);
			ndshm_signal_peer(self->peer);
			if (enter_group(GROUP))
				variant->behave(self);
			_exit(1);
		}
		ASSERT_TRUE(ndshm_hear(self->peer));
		usleep(500000 + 170000 * round);
		/* Otherwise the test proves nothing. */
		ASSERT_EQ(0, waitpid(self->child, NULL, WNOHANG));
		if (variant->mock)
			test_bounded(ndshm_mock("adapter del a"));
		else if (round & 1)
			test_bounded(ndshm_pci_remove(&self->edu.pci));
		else
			test_bounded(ndshm_pci_unbind(&self->edu.pci));
		ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
		kill(self->child, SIGKILL);
		EXPECT_EQ(self->child, waitpid(self->child, NULL, 0));
		self->child = 0;
		close(self->peer);
		if (variant->mock) {
			self->adapter = add_adapter(_metadata, self);
			continue;
		}
		if (!ndshm_pci_is_there(&self->edu.pci))
			ASSERT_EQ(0, ndshm_pci_rescan());
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		self->adapter = self->edu.adapter.id;
	}
	TH_LOG("longest removal: %lld ms", self->longest);
}

/*
 * Waits for a process that hardly ever runs and uses the same client, or the same cgroups
 */

#define BOUND_OF_KILL	500	/* milliseconds */

FIXTURE(shared) {
	struct ndshm_edu edu;
	int fd;
	pid_t children[2];
	int peers[2];
};

static void use_claim(struct _test_data_shared *self)
{
	struct ndshm_adapter_start_args start =
		adapter_start_request(self->edu.adapter.id);

	_test_adapter_start(self->fd, &start);
}

FIXTURE_SETUP(shared)
{
	struct ndshm_adapter_claim_args claim;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	mkdir(GROUP, 0700);
	if (ndshm_write_file(GROUP "/cpu.max", CPU_SELDOM))
		SKIP(return, "no processor control of cgroup v2");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	claim = adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
	test_adapter_claim(self->fd, &claim);
}

static void end_child(struct _test_data_shared *self, int i)
{
	kill(self->children[i], SIGKILL);
	waitpid(self->children[i], NULL, 0);
	close(self->peers[i]);
	self->children[i] = 0;
}

FIXTURE_TEARDOWN(shared)
{
	int i;

	ndshm_write_file(GROUP "/cpu.max", CPU_MUCH);
	for (i = 0; i < 2; i++)
		if (self->children[i] > 0)
			end_child(self, i);
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

static void begin_child(struct __test_metadata *_metadata,
			struct _test_data_shared *self, int i)
{
	self->children[i] = ndshm_fork(&self->peers[i]);
	ASSERT_LE(0, self->children[i]);
	if (self->children[i]) {
		ASSERT_TRUE(ndshm_hear(self->peers[i]));
		return;
	}
	ndshm_signal_peer(self->peers[i]);
	if (!i && !enter_group(GROUP))
		_exit(1);
	for (;;)
		use_claim(self);
}

/* A process that waits for another of the client can be killed. */
TEST_F_TIMEOUT(shared, killed_while_waiting, TIMEOUT)
{
	long long took, longest = 0;
	struct ndshm_clock begin;
	unsigned int round;

	begin_child(_metadata, self, 0);
	for (round = 0; round < ndshm_rounds(20, 10); round++) {
		begin_child(_metadata, self, 1);
		usleep(200000 + 37000 * (round % 8));
		ASSERT_EQ(0, waitpid(self->children[1], NULL, WNOHANG));
		begin = ndshm_clock_now();
		end_child(self, 1);
		took = ndshm_clock_ran_ms(begin);
		EXPECT_GE(BOUND_OF_KILL, took);
		if (took > longest)
			longest = took;
	}
	TH_LOG("longest: %lld ms", longest);
}

int main(int argc, char **argv)
{
	int failed = ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;

	rmdir(GROUP);
	return failed;
}
