// SPDX-License-Identifier: GPL-2.0
/*
 * The time to remove a device is bounded, whatever its clients do meanwhile. fuse_stall.c and
 * revoke_race.c have clients that stop in the middle of a page fault.
 */
#include <sys/wait.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

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

FIXTURE_SETUP(removal)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
}

FIXTURE_TEARDOWN(removal)
{
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

#define test_bounded(end) do { \
	const struct ndshm_clock begin_ = ndshm_clock_now(); \
	long long took_; \
	EXPECT_EQ(0, end); \
	took_ = ndshm_clock_ran_ms(begin_); \
	if (took_ > self->longest) \
		self->longest = took_; \
	EXPECT_GE(BOUND, took_) \
		TH_LOG("%lld ms", took_); \
} while (0)

#define test_bounded_unbind() test_bounded(ndshm_pci_unbind(&self->edu.pci))

/* While a process allocates, until it is refused. */
TEST_F_TIMEOUT(removal, allocation, TIMEOUT)
{
	struct ndshm_block_free_args free_block;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	if (!variant->provider)
		SKIP(return, "it is not allocated");
	alloc = request(_metadata, self, variant->provider, LENGTH, &block);
	self->child = ndshm_fork(&self->peer);
	ASSERT_LE(0, self->child);
	if (!self->child) {
		ndshm_signal_peer(self->peer);
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
			map_and_touch(self, bar.out_mmap_offset, bar.out_length);
		}
		ASSERT_TRUE(ndshm_hear(self->peer));
		usleep(300000);
		test_bounded_unbind();
		/* The process notices the revocation and exits. */
		EXPECT_TRUE(ndshm_reap(self->child));
		self->child = 0;
		close(self->peer);
		close(self->fd);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
		bar = adapter_map_bar_request(self->edu.adapter.id, 0);
	}
}

/*
 * Whatever a process does. Each behaviour loops until the process is killed, or its
 * descriptor is of no use any more.
 */

FIXTURE(busy) {
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
FIXTURE_VARIANT(busy) {
	bool mock;
	void (*behave)(struct _test_data_busy *self);
	const char *provider;
	size_t length;
};

static void claiming(struct _test_data_busy *self)
{
	struct ndshm_adapter_map_bar_args bar;
	struct ndshm_adapter_start_args start;
	struct ndshm_adapter_claim_args claim;
	int fd;

	for (;;) {
		fd = ndshm_open();
		start = adapter_start_request(self->adapter);
		bar = adapter_map_bar_request(self->adapter, 0);
		_test_adapter_claim(fd, self->edu.adapter.name, EDU_WIDTH, &claim);
		ioctl(fd, NDSHM_ADAPTER_START, &start);
		ioctl(fd, NDSHM_ADAPTER_MAP_BAR, &bar);
		close(fd);
	}
}

static void allocating(struct _test_data_busy *self)
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
static void closing(struct _test_data_busy *self)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	unsigned int i;
	int fd;

	close(self->fd);
	for (;;) {
		fd = ndshm_open();
		if (!self->mock)
			_test_adapter_claim(fd, self->edu.adapter.name, EDU_WIDTH, &claim);
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
static void forking(struct _test_data_busy *self)
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

static void deleting(struct _test_data_busy *self)
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

/* A dump takes the kernel's lock of the IOMMU group, and so does the removal. */
static void dumping(struct _test_data_busy *self)
{
	struct ndshm_nl_adapter adapters[16];

	for (;;)
		ndshm_nl_adapters(&self->edu.nl, adapters, 16);
}

/* Open files of the device node, which name the adapter after its end. */
static void opening(struct _test_data_busy *self)
{
	int fd;

	for (;;) {
		fd = open(ndshm_node(self->edu.adapter.name), O_RDWR | O_CLOEXEC);
		if (fd >= 0)
			close(fd);
	}
}

FIXTURE_VARIANT_ADD(busy, claiming) { .behave = claiming };

FIXTURE_VARIANT_ADD(busy, allocating_coherent) {
	.behave = allocating, .provider = "coherent", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(busy, allocating_pages) {
	.behave = allocating, .provider = "pages", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(busy, allocating_little) {
	.behave = allocating, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(busy, closing) {
	.behave = closing, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(busy, forking_coherent) {
	.behave = forking, .provider = "coherent", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(busy, forking_pages) {
	.behave = forking, .provider = "pages", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(busy, deleting) {
	.behave = deleting, .provider = "pages", .length = 4 * LITTLE,
};

FIXTURE_VARIANT_ADD(busy, dumping) { .behave = dumping };

FIXTURE_VARIANT_ADD(busy, opening) { .behave = opening };

FIXTURE_VARIANT_ADD(busy, unclaimed_allocating) {
	.mock = true, .behave = allocating, .provider = "pages", .length = LENGTH,
};

FIXTURE_VARIANT_ADD(busy, unclaimed_closing) {
	.mock = true, .behave = closing, .provider = "coherent", .length = LITTLE,
};

FIXTURE_VARIANT_ADD(busy, unclaimed_deleting) {
	.mock = true, .behave = deleting, .provider = "pages", .length = 4 * LITTLE,
};

static __u32 add_adapter(struct __test_metadata *_metadata,
			 struct _test_data_busy *self)
{
	struct ndshm_nl_adapter adapter;

	test_mock("adapter add a");
	EXPECT_EQ(0, ndshm_nl_adapter_by_name(&self->edu.nl, "a", &adapter));
	return adapter.id;
}

FIXTURE_SETUP(busy)
{
	struct ndshm_nl_provider provider;
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
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

FIXTURE_TEARDOWN(busy)
{
	if (self->child > 0) {
		kill(self->child, SIGKILL);
		waitpid(self->child, NULL, 0);
		close(self->peer);
	}
	if (self->mock)
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

TEST_F_TIMEOUT(busy, removal, TIMEOUT)
{
	struct ndshm_adapter_claim_args claim;
	unsigned int round;

	for (round = 0; round < ndshm_rounds(6, 4); round++) {
		self->child = ndshm_fork(&self->peer);
		ASSERT_LE(0, self->child);
		if (!self->child) {
			self->fd = ndshm_open();
			if (variant->provider && !variant->mock &&
			    _test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH,
						&claim))
				_exit(1);
			ndshm_signal_peer(self->peer);
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

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
