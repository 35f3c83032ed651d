// SPDX-License-Identifier: GPL-2.0
/*
 * A device that really does DMA: QEMU's edu, driven through ndshm alone. Its
 * registers are those of docs/specs/edu in QEMU's source.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_nl.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_WIDTH	28

#define EDU_IDENTITY	0x00
#define EDU_LIVENESS	0x04
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_RUN	1
#define EDU_DMA_TO_RAM	2
#define EDU_BUFFER	0x40000
/* Of its 4 KiB: some versions end QEMU when a transfer uses the last byte. */
#define EDU_MOST	4032

#define ALLOW_UNISOLATED "/sys/module/ndshm/parameters/allow_unisolated"

FIXTURE(edu) {
	int fd;
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	size_t page;
	unsigned char *bar;
	size_t bar_length;
	__u64 bar_offset;
	struct ndshm_block_info block;
	char allowed[8];
};

/* Isolated if the machine can; otherwise what an administrator has to allow. */
FIXTURE_SETUP(edu)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_pci_find(&self->pci, EDU_VENDOR, EDU_DEVICE))
		SKIP(return, "no edu device");
	self->page = page_size();
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_pci_bind(&self->pci, true));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
					      &self->adapter));
	ASSERT_EQ(0, ndshm_read_file(ALLOW_UNISOLATED, self->allowed,
				     sizeof(self->allowed)));
	if (self->adapter.isolation)
		ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(edu)
{
	close(self->fd);
	/* A test that failed may have left it out of the machine. */
	if (!ndshm_pci_is_there(&self->pci))
		EXPECT_EQ(0, ndshm_pci_rescan());
	ndshm_write_file(ALLOW_UNISOLATED, self->allowed);
	ndshm_pci_restore(&self->pci);
	ndshm_nl_close(&self->nl);
}

static __u32 adapter_of(struct _test_data_edu *self)
{
	return self->adapter.id;
}

#define test_claim(fd, width) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(adapter_of(self), width); \
	test_adapter_claim(fd, &claim_); \
} while (0)

#define test_err_claim(error, reason, fd, width) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(adapter_of(self), width); \
	test_err_adapter_claim(error, reason, fd, &claim_); \
} while (0)

#define test_start(fd) do { \
	struct ndshm_adapter_start start_ = \
		adapter_start_request(adapter_of(self)); \
	test_adapter_start(fd, &start_); \
} while (0)

#define test_err_start(error, reason, fd) do { \
	struct ndshm_adapter_start start_ = \
		adapter_start_request(adapter_of(self)); \
	test_err_adapter_start(error, reason, fd, &start_); \
} while (0)

#define test_err_bar(error, reason, fd, number) do { \
	struct ndshm_adapter_map_bar map_ = \
		adapter_map_bar_request(adapter_of(self), number); \
	test_err_adapter_map_bar(error, reason, fd, &map_); \
} while (0)

#define test_err_new_block(error, reason, fd) do { \
	struct ndshm_block_alloc alloc_ = \
		block_alloc_request(adapter_of(self), 1, &self->block); \
	test_err_block_alloc(error, reason, fd, &alloc_); \
} while (0)

/* Map BAR 0 of the client's claim. */
static void map_registers(struct __test_metadata *_metadata,
			  struct _test_data_edu *self, int fd)
{
	struct ndshm_adapter_map_bar map =
		adapter_map_bar_request(self->adapter.id, 0);
	void *bar;

	test_adapter_map_bar(fd, &map);
	self->bar_length = map.out_length;
	self->bar_offset = map.out_mmap_offset;
	bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, bar)
		TH_LOG("mmap: %s", strerror(errno));
	self->bar = bar;
}

static __u32 get32(struct _test_data_edu *self, unsigned int at)
{
	return __atomic_load_n((__u32 *)(self->bar + at), __ATOMIC_RELAXED);
}

static void set32(struct _test_data_edu *self, unsigned int at, __u32 value)
{
	__atomic_store_n((__u32 *)(self->bar + at), value, __ATOMIC_RELAXED);
}

/* The device's timer ends a transfer; it says so in a register. */
static bool dma(struct _test_data_edu *self, __u32 from, __u32 to, __u32 count,
		__u32 direction)
{
	set32(self, EDU_DMA_FROM, from);
	set32(self, EDU_DMA_TO, to);
	set32(self, EDU_DMA_COUNT, count);
	set32(self, EDU_DMA_COMMAND, EDU_DMA_RUN | direction);
	return ndshm_soon(!(get32(self, EDU_DMA_COMMAND) & EDU_DMA_RUN));
}

static bool dma_to_device(struct _test_data_edu *self, __u64 address, __u32 count)
{
	return dma(self, address, EDU_BUFFER, count, 0);
}

static bool dma_from_device(struct _test_data_edu *self, __u64 address,
			    __u32 count)
{
	return dma(self, EDU_BUFFER, address, count, EDU_DMA_TO_RAM);
}

/* Touching memory that is not there any more: a signal, caught. */
static sigjmp_buf bus_error;

static void on_bus_error(int number)
{
	signal(number, SIG_DFL);
	siglongjmp(bus_error, number);
}

/* True if a byte of it can be read. */
static bool readable(const unsigned char *memory)
{
	const struct sigaction action = { .sa_handler = on_bus_error };

	sigaction(SIGBUS, &action, NULL);
	if (sigsetjmp(bus_error, 1))
		return false;
	__atomic_load_n(memory, __ATOMIC_RELAXED);
	signal(SIGBUS, SIG_DFL);
	return true;
}

#define test_sigbus(memory) do { \
	ndshm_case(false); \
	EXPECT_FALSE(readable(memory)); \
} while (0)

TEST_F(edu, registers)
{
	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	EXPECT_EQ(1 << 20, self->bar_length);
	EXPECT_EQ(0xed, get32(self, EDU_IDENTITY) & 0xff);
	set32(self, EDU_LIVENESS, 0x12345678);
	EXPECT_EQ(~0x12345678U, get32(self, EDU_LIVENESS));
}

TEST_F(edu, claim)
{
	struct ndshm_adapter_claim claim =
		adapter_claim_request(self->adapter.id, EDU_WIDTH);
	struct ndshm_nl_adapter adapter;

	EXPECT_TRUE(self->adapter.claimable);
	EXPECT_FALSE(self->adapter.claimed);
	test_adapter_claim(self->fd, &claim);
	EXPECT_EQ(self->adapter.isolation, claim.out_isolation);
	/* edu has one BAR. */
	EXPECT_EQ(1, claim.out_bars);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id,
					    &adapter));
	EXPECT_TRUE(adapter.claimed);
	close(self->fd);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id,
					    &adapter));
	EXPECT_FALSE(adapter.claimed);
	self->fd = ndshm_open();
}

TEST_F(edu, claim_values)
{
	test_err_claim(EINVAL, NDSHM_REASON_ADDRESS_WIDTH, self->fd, 1);
	test_err_claim(EINVAL, NDSHM_REASON_ADDRESS_WIDTH, self->fd, 23);
	test_err_claim(EINVAL, NDSHM_REASON_ADDRESS_WIDTH, self->fd, 65);
	test_err_claim(EINVAL, NDSHM_REASON_ADDRESS_WIDTH, self->fd, ~0U);
	/* None of them was a claim. */
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
	/* 0 means 32. */
	test_claim(self->fd, 0);
	self->block = test_new_block(self->fd, self->adapter.id, 1);
	EXPECT_GE(1ULL << 32, self->block.address + self->block.length);
}

/* Nothing of a function without its claim. */
TEST_F(edu, unclaimed)
{
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
	test_err_bar(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd, 0);
	test_err_new_block(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
}

TEST_F(edu, second_claim)
{
	int other = ndshm_open();

	ASSERT_LE(0, other);
	test_claim(self->fd, EDU_WIDTH);
	test_err_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, other, EDU_WIDTH);
	test_err_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, self->fd, EDU_WIDTH);
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, other);
	test_err_bar(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, 0);
	test_err_new_block(EBADFD, NDSHM_REASON_CLAIM_MISSING, other);
	close(self->fd);
	/* Closed is ended. */
	test_claim(other, EDU_WIDTH);
	self->fd = other;
}

/* What the claimant cannot be told did not happen. */
TEST_F(edu, claim_undone)
{
	struct ndshm_adapter_claim *claim =
		mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int other = ndshm_open();

	ASSERT_NE(MAP_FAILED, claim);
	*claim = adapter_claim_request(self->adapter.id, EDU_WIDTH);
	ASSERT_EQ(0, mprotect(claim, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_ADAPTER_CLAIM, claim);
	test_claim(other, EDU_WIDTH);
	close(other);
}

TEST_F(edu, bars)
{
	struct ndshm_adapter_map_bar map, again;
	struct ndshm_block_free request;
	void *bar;

	test_claim(self->fd, EDU_WIDTH);
	test_err_bar(EINVAL, NDSHM_REASON_BAR, self->fd, 6);
	test_err_bar(EINVAL, NDSHM_REASON_BAR, self->fd, ~0U);
	test_err_bar(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, self->fd, 1);
	test_err_bar(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, self->fd, 5);

	map = adapter_map_bar_request(self->adapter.id, 0);
	test_adapter_map_bar(self->fd, &map);
	again = adapter_map_bar_request(self->adapter.id, 0);
	test_adapter_map_bar(self->fd, &again);
	EXPECT_EQ(map.out_mmap_offset, again.out_mmap_offset);
	EXPECT_EQ(map.out_length, again.out_length);

	test_errno(ENXIO, self->fd,
		   mmap(NULL, map.out_length + self->page, PROT_READ,
			MAP_SHARED, self->fd, map.out_mmap_offset));
	test_errno(ENXIO, self->fd,
		   mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
			map.out_mmap_offset + self->page));
	test_errno(EINVAL, self->fd,
		   mmap(NULL, self->page, PROT_READ, MAP_PRIVATE, self->fd,
			map.out_mmap_offset));
	test_errno(EPERM, self->fd,
		   mmap(NULL, self->page, PROT_READ | PROT_EXEC, MAP_SHARED,
			self->fd, map.out_mmap_offset));
	bar = mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
		   map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, bar);
	self->bar = bar;
	EXPECT_EQ(0xed, get32(self, EDU_IDENTITY) & 0xff);
	/* A BAR is no block, whatever is tried as its handle. */
	request = block_free_request(map.out_mmap_offset >> 21);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd,
			    &request);
	EXPECT_EQ(1, test_state(self->fd).blocks);
	EXPECT_EQ(0, test_state(self->fd).bytes);
}

TEST_F(edu, charged)
{
	test_claim(self->fd, EDU_WIDTH);
	test_charged(self->fd, self->adapter.id);
}

/* The whole way: one block, the device, another block. */
TEST_F(edu, copies)
{
	struct ndshm_block_info from, to;
	unsigned char *source, *target;
	__u32 count = EDU_MOST - 100, seed;

	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	test_start(self->fd);
	from = test_new_block(self->fd, self->adapter.id, 2 * self->page);
	to = test_new_block(self->fd, self->adapter.id, self->page);
	EXPECT_GE(1ULL << EDU_WIDTH, from.address + from.length);
	EXPECT_GE(1ULL << EDU_WIDTH, to.address + to.length);
	source = test_map_block(self->fd, &from);
	target = test_map_block(self->fd, &to);
	for (seed = 1; seed <= 3; seed++) {
		fill_pattern(source + self->page, count, seed);
		memset(target, 0, to.length);
		ASSERT_TRUE(dma_to_device(self, from.address + self->page,
					  count));
		ASSERT_TRUE(dma_from_device(self, to.address + 64, count));
		EXPECT_TRUE(has_pattern(target + 64, count, seed));
		/* And nothing beside it. */
		EXPECT_TRUE(all_bytes(target, 64, 0));
		EXPECT_TRUE(all_bytes(target + 64 + count,
				      to.length - 64 - count, 0));
	}
}

/* Every address lies below the width that was claimed. */
TEST_F(edu, addresses)
{
	struct ndshm_block_info block;
	unsigned int i;

	test_claim(self->fd, EDU_WIDTH);
	for (i = 0; i < 64; i++) {
		block = test_new_block(self->fd, self->adapter.id,
				       (i % 16 + 1) * self->page);
		EXPECT_GE(1ULL << EDU_WIDTH, block.address + block.length);
	}
}

/* Mastering is off until the claimant says that it may be on. */
TEST_F(edu, start)
{
	struct ndshm_block_info block;
	unsigned char *map;

	test_claim(self->fd, EDU_WIDTH);
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	map_registers(_metadata, self, self->fd);
	block = test_new_block(self->fd, self->adapter.id, self->page);
	map = test_map_block(self->fd, &block);
	fill_pattern(map, self->page, 1);
	/* Whatever the device thinks that it did, memory is as it was. */
	dma_from_device(self, block.address, EDU_MOST);
	EXPECT_TRUE(has_pattern(map, self->page, 1));

	test_start(self->fd);
	EXPECT_TRUE(ndshm_pci_is_master(&self->pci));
	test_start(self->fd);
	EXPECT_TRUE(ndshm_pci_is_master(&self->pci));
	fill_pattern(map, self->page, 2);
	ASSERT_TRUE(dma_to_device(self, block.address, EDU_MOST));
	memset(map, 0, self->page);
	ASSERT_TRUE(dma_from_device(self, block.address, EDU_MOST));
	EXPECT_TRUE(has_pattern(map, EDU_MOST, 2));
	close(self->fd);
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	self->fd = ndshm_open();
}

/* A descriptor that was passed drives the device: it is the same client. */
TEST_F(edu, passed_descriptor)
{
	unsigned char *map;
	int peer, fd;
	pid_t child;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		fd = ndshm_receive_fd(peer);
		ASSERT_LE(0, fd);
		map_registers(_metadata, self, fd);
		self->block = test_new_block(fd, self->adapter.id, 1);
		map = test_map_block(fd, &self->block);
		fill_pattern(map, self->page, 5);
		EXPECT_TRUE(dma_to_device(self, self->block.address, EDU_MOST));
		memset(map, 0, self->page);
		EXPECT_TRUE(dma_from_device(self, self->block.address,
					    EDU_MOST));
		EXPECT_TRUE(has_pattern(map, EDU_MOST, 5));
		_exit(0);
	}
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	EXPECT_TRUE(ndshm_send_fd(peer, self->fd));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/*
 * The end of a claim: whoever maps its memory loses it, and DMA stopped before.
 */

TEST_F(edu, claim_end)
{
	struct ndshm_block_info block;
	unsigned char *map;
	pid_t child;
	int peer;

	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	block = test_new_block(self->fd, self->adapter.id, 2 * self->page);
	map = test_map_block(self->fd, &block);
	fill_pattern(map, block.length, 1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		EXPECT_TRUE(readable(map));
		EXPECT_TRUE(readable(self->bar));
		ndshm_tell(peer);
		ndshm_hear(peer);
		test_sigbus(map);
		test_sigbus(map + self->page);
		test_sigbus(self->bar);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	close(self->fd);
	/* When the close has returned, all of it has happened. */
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	test_sigbus(map);
	test_sigbus(self->bar);
	self->fd = ndshm_open();
	/* The next claimant is not kept waiting by the child. */
	test_claim(self->fd, EDU_WIDTH);
	EXPECT_TRUE(ndshm_tell(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

TEST_F(edu, claimant_killed)
{
	struct ndshm_block_info block;
	struct ndshm_nl_adapter adapter;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		int fd = ndshm_open();

		ASSERT_LE(0, fd);
		test_claim(fd, EDU_WIDTH);
		test_start(fd);
		map_registers(_metadata, self, fd);
		block = test_new_block(fd, self->adapter.id, self->page);
		test_map_block(fd, &block);
		send(peer, &block, sizeof(block), 0);
		/* Killed with the device at work. */
		for (;;)
			dma_to_device(self, block.address, EDU_MOST);
	}
	ASSERT_EQ(sizeof(block), recv(peer, &block, sizeof(block),
				      MSG_WAITALL));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id,
					    &adapter));
	EXPECT_FALSE(adapter.claimed);
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	EXPECT_FALSE(ndshm_nl_block_lives(&self->nl,
					  block.shared_memory_handle));
	test_claim(self->fd, EDU_WIDTH);
	close(peer);
}

/* edu has no reset, so who claims next must be trusted. */
TEST_F(edu, dirty)
{
	struct ndshm_nl_adapter adapter;
	int plain;

	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id,
					    &adapter));
	EXPECT_FALSE(adapter.dirty);
	test_claim(self->fd, EDU_WIDTH);
	close(self->fd);
	self->fd = ndshm_open();
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->nl, self->adapter.id,
					    &adapter));
	EXPECT_TRUE(adapter.dirty);
	if (adapter.isolation)
		SKIP(return, "not isolated, so there is no plain client");
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, false));
	plain = ndshm_open();
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, true));
	test_err_claim(EPERM, NDSHM_REASON_ADAPTER_DIRTY, plain, EDU_WIDTH);
	test_claim(self->fd, EDU_WIDTH);
	close(plain);
}

/*
 * The device goes
 */

TEST_F(edu, unbind)
{
	struct ndshm_block_info mapped, plain, freed;
	struct ndshm_block_query query;
	struct ndshm_nl_block seen;
	unsigned char *map, *freed_map;
	pid_t child;
	int peer;

	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	mapped = test_new_block(self->fd, self->adapter.id, 1 << 16);
	plain = test_new_block(self->fd, self->adapter.id, 1);
	freed = test_new_block(self->fd, self->adapter.id, 1);
	map = test_map_block(self->fd, &mapped);
	freed_map = test_map_block(self->fd, &freed);
	test_free_handle(self->fd, freed.handle);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		EXPECT_TRUE(readable(map));
		ndshm_tell(peer);
		ndshm_hear(peer);
		test_sigbus(map);
		test_sigbus(self->bar);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	/* Nobody is waited for. */
	ASSERT_EQ(0, ndshm_pci_unbind(&self->pci));
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	test_sigbus(map);
	test_sigbus(map + mapped.length - 1);
	test_sigbus(freed_map);
	test_sigbus(self->bar);
	EXPECT_TRUE(ndshm_tell(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);

	/* Handles are there, and stand for what has gone. */
	EXPECT_EQ(3, test_state(self->fd).blocks);
	query = block_query_request(mapped.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	query = block_query_request(plain.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	test_errno(ENODEV, self->fd, ndshm_map(self->fd, &plain));
	test_errno(ENODEV, self->fd,
		   mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
			self->bar_offset));
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->nl,
					  plain.shared_memory_handle, &seen));
	EXPECT_TRUE(seen.revoked);
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);
	test_err_bar(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd, 0);
	test_err_new_block(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);

	/* Freeing works to the end. */
	test_free_handle(self->fd, plain.handle);
	test_no_handle(self->fd, plain.handle);
	test_free_handle(self->fd, mapped.handle);
	EXPECT_EQ(0, test_state(self->fd).bytes);
	EXPECT_EQ(0, munmap(map, mapped.length));
	EXPECT_EQ(0, munmap(freed_map, freed.length));
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     mapped.shared_memory_handle)));
}

/* Pulled out, while it works: as when it is unbound, and it is found again. */
TEST_F(edu, hot_unplug)
{
	struct ndshm_block_info mapped, plain;
	struct ndshm_block_query query;
	struct ndshm_nl_adapter adapter;
	unsigned char *map;

	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	mapped = test_new_block(self->fd, self->adapter.id, 1 << 16);
	plain = test_new_block(self->fd, self->adapter.id, 1);
	map = test_map_block(self->fd, &mapped);
	EXPECT_TRUE(readable(map));
	ASSERT_TRUE(dma_to_device(self, mapped.address, EDU_MOST));

	/* Nobody is waited for. */
	ASSERT_EQ(0, ndshm_pci_remove(&self->pci));
	EXPECT_FALSE(ndshm_pci_is_there(&self->pci));
	test_sigbus(map);
	test_sigbus(map + mapped.length - 1);
	test_sigbus(self->bar);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
						    &adapter));

	query = block_query_request(mapped.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	test_errno(ENODEV, self->fd, ndshm_map(self->fd, &plain));
	test_errno(ENODEV, self->fd,
		   mmap(NULL, self->page, PROT_READ, MAP_SHARED, self->fd,
			self->bar_offset));
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);
	test_err_bar(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd, 0);
	test_err_new_block(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);
	test_free_handle(self->fd, mapped.handle);
	test_free_handle(self->fd, plain.handle);
	EXPECT_EQ(0, test_state(self->fd).bytes);
	EXPECT_EQ(0, munmap(map, mapped.length));
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->nl,
						     mapped.shared_memory_handle)));

	/* What is plugged in is another adapter, and serves. */
	ASSERT_EQ(0, ndshm_pci_rescan());
	ASSERT_TRUE(ndshm_pci_is_there(&self->pci));
	ASSERT_EQ(0, ndshm_pci_bind(&self->pci, true));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
					      &adapter));
	EXPECT_NE(self->adapter.id, adapter.id);
	self->adapter = adapter;
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	EXPECT_EQ(0xed, get32(self, EDU_IDENTITY) & 0xff);
}

/* To a client that never had it, an adapter that has gone is unknown. */
TEST_F(edu, unbind_unclaimed)
{
	ASSERT_EQ(0, ndshm_pci_unbind(&self->pci));
	test_err_claim(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd,
		       EDU_WIDTH);
	test_err_new_block(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd);
}

/* Bound anew it is another adapter; the old client's claim means nothing. */
TEST_F(edu, rebind)
{
	struct ndshm_nl_adapter adapter;
	__u32 before = self->adapter.id;

	test_claim(self->fd, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->pci));
	ASSERT_EQ(0, ndshm_pci_bind(&self->pci, true));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
					      &adapter));
	EXPECT_NE(before, adapter.id);
	self->adapter = adapter;
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	test_new_block(self->fd, adapter.id, 1);
}

/*
 * Isolation, asked at every step
 */

TEST_F(edu, isolated)
{
	int plain;

	if (self->adapter.isolation)
		SKIP(return, "not isolated: %#x", self->adapter.isolation);
	/* No privilege is needed, and addresses are shown. */
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, false));
	plain = ndshm_open();
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, true));
	test_claim(plain, EDU_WIDTH);
	self->block = test_new_block(plain, self->adapter.id, 1);
	EXPECT_NE(NDSHM_ADDRESS_HIDDEN, self->block.address);
	close(plain);
}

TEST_F(edu, not_isolated)
{
	int plain;

	if (!self->adapter.isolation)
		SKIP(return, "isolated");
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, false));
	plain = ndshm_open();
	ASSERT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, true));
	/* Who opened without the capability, whatever is allowed. */
	test_err_claim(EPERM, NDSHM_REASON_NOT_ISOLATED, plain, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_claim(EPERM, NDSHM_REASON_NOT_ISOLATED, plain, EDU_WIDTH);
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	test_claim(self->fd, EDU_WIDTH);
	test_new_block(self->fd, self->adapter.id, 1);
	/* Taken back, it holds for what is asked from now on. */
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_new_block(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd);
	test_err_bar(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, 0);
	close(plain);
}

/* A lazy group is not isolated: the device reaches freed pages for a while. */
TEST_F(edu, lazy_group)
{
	struct ndshm_nl_adapter adapter;

	if (strcmp(self->pci.group_type, "DMA-FQ"))
		SKIP(return, "the group was not lazy");
	ASSERT_EQ(0, ndshm_pci_unbind(&self->pci));
	ASSERT_EQ(0, ndshm_pci_set_group(&self->pci, "DMA-FQ"));
	ASSERT_EQ(0, ndshm_pci_bind(&self->pci, false));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
					      &adapter));
	EXPECT_TRUE(adapter.isolation & NDSHM_ISOLATION_LAZY);
	self->adapter = adapter;
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, EDU_WIDTH);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
