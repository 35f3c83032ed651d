// SPDX-License-Identifier: GPL-2.0
/*
 * DMA by a real device: QEMU's edu, driven through ndshm alone.
 */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

/* Address bits of the narrowest claim. */
#define NARROWEST	24

FIXTURE(edu) {
	int fd;
	struct ndshm_edu edu;
	size_t page;
	unsigned char *bar;
	size_t bar_length;
	__u64 bar_offset;
	struct ndshm_block_info block;
};

/*
 * Bind edu with isolation if the machine has an IOMMU, otherwise with
 * allow_unisolated.
 */
FIXTURE_SETUP(edu)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->page = page_size();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(edu)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

static __u32 adapter_of(struct _test_data_edu *self)
{
	return self->edu.adapter.id;
}

#define test_claim(fd, width) \
	test_adapter_claim(fd, self->edu.adapter.name, width)
#define test_err_claim(error, reason, fd, width) \
	test_err_adapter_claim(error, reason, fd, self->edu.adapter.name, width)

#define test_start(fd) do { \
	struct ndshm_adapter_start_args start_ = \
		adapter_start_request(adapter_of(self)); \
	test_adapter_start(fd, &start_); \
} while (0)

#define test_err_start(error, reason, fd) do { \
	struct ndshm_adapter_start_args start_ = \
		adapter_start_request(adapter_of(self)); \
	test_err_adapter_start(error, reason, fd, &start_); \
} while (0)

#define test_err_bar(error, reason, fd, number) do { \
	struct ndshm_adapter_map_bar_args map_ = \
		adapter_map_bar_request(adapter_of(self), number); \
	test_err_adapter_map_bar(error, reason, fd, &map_); \
} while (0)

#define test_err_new_block(error, reason, fd) do { \
	struct ndshm_block_alloc_args alloc_ = \
		block_alloc_request(adapter_of(self), 1, &self->block); \
	test_err_block_alloc(error, reason, fd, &alloc_); \
} while (0)

/* Map BAR 0 through the client's claim. */
static void map_registers(struct __test_metadata *_metadata,
			  struct _test_data_edu *self, int fd)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
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

TEST_F(edu, registers)
{
	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	EXPECT_EQ(1 << 20, self->bar_length);
	EXPECT_EQ(0xed, ndshm_edu_get32(self->bar, EDU_IDENTITY) & 0xff);
	ndshm_edu_set32(self->bar, EDU_LIVENESS, 0x12345678);
	EXPECT_EQ(~0x12345678U, ndshm_edu_get32(self->bar, EDU_LIVENESS));
}

/* A debugger has no registers: to read one can change it, or never end. */
TEST_F(edu, debugger)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	__u32 value = 0;

	ASSERT_LE(0, fd);
	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	test_errno(EIO, self->fd, pread(fd, &value, 4, (uintptr_t)self->bar));
	test_errno(EIO, self->fd, pwrite(fd, &value, 4, (uintptr_t)self->bar + EDU_LIVENESS));
	close(fd);
}

TEST_F(edu, claim)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_nl_adapter adapter;

	EXPECT_TRUE(self->edu.adapter.claimable);
	EXPECT_FALSE(self->edu.adapter.claimed);
	claim = test_claim(self->fd, EDU_WIDTH);
	EXPECT_EQ(self->edu.adapter.id, claim.out_adapter);
	EXPECT_EQ(self->edu.adapter.isolation, claim.out_isolation);
	/* edu has one BAR. */
	EXPECT_EQ(1, claim.out_bars);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu.nl, self->edu.adapter.id,
					    &adapter));
	EXPECT_TRUE(adapter.claimed);
	close(self->fd);
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu.nl, self->edu.adapter.id,
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
	/* The failed claims above must not have left a claim. */
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
	/* 0 means 32. */
	test_claim(self->fd, 0);
	self->block = test_new_block(self->fd, self->edu.adapter.id, 1);
	EXPECT_GE(1ULL << 32, self->block.address + self->block.length);
}

/* Operations on a function must fail without a claim. */
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
	/* After close() returns, the claim has ended. */
	test_claim(other, EDU_WIDTH);
	self->fd = other;
}

/* If the result of ADAPTER_CLAIM cannot be written, the claim must not exist. */
TEST_F(edu, claim_undone)
{
	struct ndshm_adapter_claim_args *claim =
		mmap(NULL, self->page, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int node = open(ndshm_node(self->edu.adapter.name), O_RDWR | O_CLOEXEC);
	int other = ndshm_open();

	ASSERT_NE(MAP_FAILED, claim);
	*claim = adapter_claim_request(node, EDU_WIDTH);
	ASSERT_EQ(0, mprotect(claim, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_ADAPTER_CLAIM, claim);
	test_claim(other, EDU_WIDTH);
	close(other);
	close(node);
}

TEST_F(edu, bars)
{
	struct ndshm_adapter_map_bar_args map, again;
	struct ndshm_block_free_args request;
	struct ndshm_block_info block;
	__u32 handles[2];
	void *bar;

	test_claim(self->fd, EDU_WIDTH);
	test_err_bar(EINVAL, NDSHM_REASON_BAR, self->fd, 6);
	test_err_bar(EINVAL, NDSHM_REASON_BAR, self->fd, ~0U);
	test_err_bar(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, self->fd, 1);
	test_err_bar(EOPNOTSUPP, NDSHM_REASON_BAR_NOT_MAPPABLE, self->fd, 5);

	map = adapter_map_bar_request(self->edu.adapter.id, 0);
	test_adapter_map_bar(self->fd, &map);
	again = adapter_map_bar_request(self->edu.adapter.id, 0);
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
	EXPECT_EQ(0xed, ndshm_edu_get32(self->bar, EDU_IDENTITY) & 0xff);
	/*
	 * A BAR has no handle; the number derived from its mmap offset must be
	 * unknown.
	 */
	request = block_free_request(map.out_mmap_offset >> 21);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd,
			    &request);
	EXPECT_EQ(1, test_state(self->fd).blocks);
	EXPECT_EQ(0, test_state(self->fd).bytes);
	/* Nor can it be freed in an array, and the block beside it is kept. */
	block = test_new_block(self->fd, self->edu.adapter.id, 1);
	handles[0] = block.handle;
	handles[1] = map.out_mmap_offset >> 21;
	request = blocks_free_request(handles, 2);
	test_err_block_free(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd,
			    &request);
	EXPECT_EQ(1, request.out_index);
	test_free_handle(self->fd, block.handle);
}

TEST_F(edu, charged)
{
	test_claim(self->fd, EDU_WIDTH);
	test_charged(self->fd, self->edu.adapter.id);
}

/* Memory under a claim is revoked with it. */
TEST_F(edu, not_reusable)
{
	struct ndshm_block_info block;

	test_claim(self->fd, EDU_WIDTH);
	block = test_new_block(self->fd, self->edu.adapter.id, self->page);
	EXPECT_FALSE(block.flags & NDSHM_BLOCK_REUSABLE);
}

/* Copy a block to the device and back into another block. */
TEST_F(edu, copies)
{
	struct ndshm_block_info from, to;
	unsigned char *source, *target;
	__u32 count = EDU_MOST - 100, seed;

	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	test_start(self->fd);
	from = test_new_block(self->fd, self->edu.adapter.id, 2 * self->page);
	to = test_new_block(self->fd, self->edu.adapter.id, self->page);
	EXPECT_GE(1ULL << EDU_WIDTH, from.address + from.length);
	EXPECT_GE(1ULL << EDU_WIDTH, to.address + to.length);
	source = test_map_block(self->fd, &from);
	target = test_map_block(self->fd, &to);
	for (seed = 1; seed <= 3; seed++) {
		fill_pattern(source + self->page, count, seed);
		memset(target, 0, to.length);
		ASSERT_TRUE(ndshm_edu_to_device(self->bar,
						from.address + self->page,
						count));
		ASSERT_TRUE(ndshm_edu_from_device(self->bar, to.address + 64,
						  count));
		EXPECT_TRUE(has_pattern(target + 64, count, seed));
		/* The bytes around the target must be unchanged. */
		EXPECT_TRUE(all_bytes(target, 64, 0));
		EXPECT_TRUE(all_bytes(target + 64 + count,
				      to.length - 64 - count, 0));
	}
}

/* Every DMA address must lie below the claimed width. */
TEST_F(edu, addresses)
{
	struct ndshm_block_info block;
	unsigned int i;

	test_claim(self->fd, EDU_WIDTH);
	for (i = 0; i < 64; i++) {
		block = test_new_block(self->fd, self->edu.adapter.id,
				       (i % 16 + 1) * self->page);
		EXPECT_GE(1ULL << EDU_WIDTH, block.address + block.length);
	}
}

/*
 * With the narrowest width the addresses must be in reach, or the claim must
 * report that the machine has no memory for it.
 */
TEST_F(edu, narrow)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_block_info block;
	__u64 bytes = 0;
	unsigned int i;

	if (_test_adapter_claim(self->fd, self->edu.adapter.name, NARROWEST, &claim)) {
		test_err_claim(EOPNOTSUPP, NDSHM_REASON_WIDTH_UNSUPPORTED,
			       self->fd, NARROWEST);
		test_err_new_block(EBADFD, NDSHM_REASON_CLAIM_MISSING,
				   self->fd);
		test_claim(self->fd, EDU_WIDTH);
		return;
	}
	/* At most half of what it reaches. */
	for (i = 0; i < 64 && bytes + 16 * self->page <= 1ULL << (NARROWEST - 1); i++) {
		block = test_new_block(self->fd, self->edu.adapter.id,
				       (i % 16 + 1) * self->page);
		EXPECT_GE(1ULL << NARROWEST, block.address + block.length);
		bytes += block.length;
	}
	EXPECT_LT(1, i);
}

/*
 * Root may ask for any length; one that the machine cannot provide must fail
 * with the reason for a shortage only.
 */
TEST_F(edu, impossible_lengths)
{
	const __u64 machine = (__u64)sysconf(_SC_PHYS_PAGES) * self->page;
	const __u64 lengths[] = {
		2 * machine, 1ULL << 40, (1ULL << 40) + self->page, 1ULL << 43,
		1ULL << 44, (1ULL << 44) + self->page, 3ULL << 44, 1ULL << 46,
	};
	struct ndshm_block_alloc_args alloc;
	char before[32];
	size_t i;

	ASSERT_EQ(0, ndshm_read_file(MAX_BLOCK_BYTES, before, sizeof(before)));
	ASSERT_EQ(0, ndshm_write_file(MAX_BLOCK_BYTES, "0x400000000000"));
	test_claim(self->fd, 64);
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		alloc = block_alloc_request(self->edu.adapter.id, lengths[i],
					    &self->block);
		test_err_block_alloc(ENOMEM, NDSHM_REASON_PROVIDER_RESOURCES,
				     self->fd, &alloc);
	}
	EXPECT_EQ(0, ndshm_write_file(MAX_BLOCK_BYTES, before));
}

/* Bus mastering must be off until ADAPTER_START. */
TEST_F(edu, start)
{
	struct ndshm_block_info block;
	unsigned char *map;

	test_claim(self->fd, EDU_WIDTH);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	map_registers(_metadata, self, self->fd);
	block = test_new_block(self->fd, self->edu.adapter.id, self->page);
	map = test_map_block(self->fd, &block);
	fill_pattern(map, self->page, 1);
	/*
	 * DMA is off: memory must be unchanged although the device reports
	 * completion.
	 */
	ndshm_edu_from_device(self->bar, block.address, EDU_MOST);
	EXPECT_TRUE(has_pattern(map, self->page, 1));

	test_start(self->fd);
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu.pci));
	test_start(self->fd);
	EXPECT_TRUE(ndshm_pci_is_master(&self->edu.pci));
	fill_pattern(map, self->page, 2);
	ASSERT_TRUE(ndshm_edu_to_device(self->bar, block.address, EDU_MOST));
	memset(map, 0, self->page);
	ASSERT_TRUE(ndshm_edu_from_device(self->bar, block.address, EDU_MOST));
	EXPECT_TRUE(has_pattern(map, EDU_MOST, 2));
	close(self->fd);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	self->fd = ndshm_open();
}

/*
 * A process that received the descriptor can drive the device, as it is the
 * same client.
 */
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
		self->block = test_new_block(fd, self->edu.adapter.id, 1);
		map = test_map_block(fd, &self->block);
		fill_pattern(map, self->page, 5);
		EXPECT_TRUE(ndshm_edu_to_device(self->bar, self->block.address,
						EDU_MOST));
		memset(map, 0, self->page);
		EXPECT_TRUE(ndshm_edu_from_device(self->bar,
						  self->block.address,
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
 * The end of a claim must stop DMA before it revokes the mappings of the
 * memory.
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
	block = test_new_block(self->fd, self->edu.adapter.id, 2 * self->page);
	map = test_map_block(self->fd, &block);
	fill_pattern(map, block.length, 1);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		EXPECT_TRUE(ndshm_readable(map));
		EXPECT_TRUE(ndshm_readable(self->bar));
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		test_sigbus(map);
		test_sigbus(map + self->page);
		test_sigbus(self->bar);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	close(self->fd);
	/* All of this must have happened when close() returns. */
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	test_sigbus(map);
	test_sigbus(self->bar);
	self->fd = ndshm_open();
	/* The child, which still has the mapping, must not delay the next claim. */
	test_claim(self->fd, EDU_WIDTH);
	EXPECT_TRUE(ndshm_signal_peer(peer));
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
		block = test_new_block(fd, self->edu.adapter.id, self->page);
		test_map_block(fd, &block);
		send(peer, &block, sizeof(block), 0);
		/* To be killed while the device is transferring. */
		for (;;)
			ndshm_edu_to_device(self->bar, block.address, EDU_MOST);
	}
	ASSERT_EQ(sizeof(block), recv(peer, &block, sizeof(block),
				      MSG_WAITALL));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu.nl, self->edu.adapter.id,
					    &adapter));
	EXPECT_FALSE(adapter.claimed);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	EXPECT_FALSE(ndshm_nl_block_lives(&self->edu.nl,
					  block.shared_memory_handle));
	/*
	 * edu has no reset: a transfer in progress may still run, but must
	 * finish before the next ADAPTER_START.
	 */
	test_claim(self->fd, EDU_WIDTH);
	map_registers(_metadata, self, self->fd);
	EXPECT_TRUE(ndshm_edu_is_idle(self->bar));
	close(peer);
}

/*
 * edu has no reset, so after a claim it needs one until it is bound again. A client
 * of the same user without CAP_SYS_RAWIO can claim it all the same.
 */
TEST_F(edu, needs_reset)
{
	struct ndshm_nl_adapter adapter;
	int plain;

	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu.nl, self->edu.adapter.id,
					    &adapter));
	EXPECT_FALSE(adapter.needs_reset);
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	close(self->fd);
	self->fd = ndshm_open();
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu.nl, self->edu.adapter.id,
					    &adapter));
	EXPECT_TRUE(adapter.needs_reset);
	if (!adapter.isolation) {
		plain = test_open_without(CAP_SYS_RAWIO);
		test_claim(plain, EDU_WIDTH);
		close(plain);
	}
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	EXPECT_FALSE(self->edu.adapter.needs_reset);
}

/*
 * Removal of the device
 */

TEST_F(edu, unbind)
{
	struct ndshm_block_info mapped, plain, other, freed;
	struct ndshm_block_query_args query;
	struct ndshm_block_free_args request;
	struct ndshm_nl_block seen;
	unsigned char *map, *freed_map;
	__u32 handles[2];
	pid_t child;
	int peer;

	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	mapped = test_new_block(self->fd, self->edu.adapter.id, 1 << 16);
	plain = test_new_block(self->fd, self->edu.adapter.id, 1);
	other = test_new_block(self->fd, self->edu.adapter.id, 1);
	freed = test_new_block(self->fd, self->edu.adapter.id, 1);
	map = test_map_block(self->fd, &mapped);
	freed_map = test_map_block(self->fd, &freed);
	test_free_handle(self->fd, freed.handle);
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		close(self->fd);
		EXPECT_TRUE(ndshm_readable(map));
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		test_sigbus(map);
		test_sigbus(self->bar);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_hear(peer));
	/* Unbind must not wait for clients. */
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	test_sigbus(map);
	test_sigbus(map + mapped.length - 1);
	test_sigbus(freed_map);
	test_sigbus(self->bar);
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);

	/* The handles remain and report that the block is revoked. */
	EXPECT_EQ(4, test_state(self->fd).blocks);
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
	ASSERT_EQ(0, ndshm_nl_block_by_id(&self->edu.nl,
					  plain.shared_memory_handle, &seen));
	EXPECT_TRUE(seen.revoked);
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);
	test_err_bar(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd, 0);
	test_err_new_block(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);

	/* Revoked blocks can still be freed, one at a time and together. */
	test_free_handle(self->fd, plain.handle);
	test_no_handle(self->fd, plain.handle);
	handles[0] = other.handle;
	handles[1] = mapped.handle;
	request = blocks_free_request(handles, 2);
	test_block_free(self->fd, &request);
	test_no_handle(self->fd, other.handle);
	EXPECT_EQ(0, test_state(self->fd).bytes);
	EXPECT_EQ(0, munmap(map, mapped.length));
	EXPECT_EQ(0, munmap(freed_map, freed.length));
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->edu.nl,
						     mapped.shared_memory_handle)));
}

/*
 * Requests that race with the removal must fail with the adapter's reason and
 * no other.
 */

#define ENDS		500
#define REQUESTERS	3

struct requester {
	pthread_t thread;
	int fd;
	__u32 adapter;
	__u32 reason;		/* of the first failure */
};

static void *ask(void *data)
{
	struct requester *requester = data;
	struct ndshm_adapter_map_bar_args map;

	do {
		map = adapter_map_bar_request(requester->adapter, 0);
	} while (!_test_adapter_map_bar(requester->fd, &map));
	requester->reason = map.reason;
	return NULL;
}

TEST_F_TIMEOUT(edu, reported_while_it_goes, 300)
{
	unsigned int round, rounds = ndshm_rounds(ENDS, 20), i;
	const struct ndshm_cases before = *ndshm_cases;
	struct requester requesters[REQUESTERS];
	int fd;

	for (round = 0; round < rounds; round++) {
		fd = ndshm_open();
		ASSERT_LE(0, fd);
		test_claim(fd, EDU_WIDTH);
		for (i = 0; i < REQUESTERS; i++) {
			requesters[i] = (struct requester){
				.fd = fd, .adapter = adapter_of(self),
			};
			ASSERT_EQ(0, pthread_create(&requesters[i].thread, NULL,
						    ask, &requesters[i]));
		}
		ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		for (i = 0; i < REQUESTERS; i++) {
			ASSERT_EQ(0, pthread_join(requesters[i].thread, NULL));
			EXPECT_TRUE(requesters[i].reason ==
				    NDSHM_REASON_ADAPTER_REMOVED ||
				    requesters[i].reason ==
				    NDSHM_REASON_ADAPTER_UNKNOWN ||
				    requesters[i].reason ==
				    NDSHM_REASON_CLAIM_MISSING)
				TH_LOG("reason %u in round %u",
				       requesters[i].reason, round);
		}
		close(fd);
		ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	}
	ndshm_one_case(&before, false);
}

/*
 * Hot unplug during a transfer must behave like unbind, and the device must be
 * found again.
 */
TEST_F(edu, hot_unplug)
{
	struct ndshm_block_info mapped, plain;
	struct ndshm_block_query_args query;
	struct ndshm_nl_adapter adapter;
	__u32 before = self->edu.adapter.id;
	unsigned char *map;

	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	mapped = test_new_block(self->fd, self->edu.adapter.id, 1 << 16);
	plain = test_new_block(self->fd, self->edu.adapter.id, 1);
	map = test_map_block(self->fd, &mapped);
	EXPECT_TRUE(ndshm_readable(map));
	ASSERT_TRUE(ndshm_edu_to_device(self->bar, mapped.address, EDU_MOST));

	/* Removal must not wait for clients. */
	ASSERT_EQ(0, ndshm_pci_remove(&self->edu.pci));
	EXPECT_FALSE(ndshm_pci_is_there(&self->edu.pci));
	test_sigbus(map);
	test_sigbus(map + mapped.length - 1);
	test_sigbus(self->bar);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->edu.nl,
						    self->edu.pci.name,
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
	EXPECT_TRUE(ndshm_soon(!ndshm_nl_block_lives(&self->edu.nl,
						     mapped.shared_memory_handle)));

	/* The device that is plugged in again is a new adapter and works. */
	ASSERT_EQ(0, ndshm_pci_rescan());
	ASSERT_TRUE(ndshm_pci_is_there(&self->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	EXPECT_NE(before, self->edu.adapter.id);
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	map_registers(_metadata, self, self->fd);
	EXPECT_EQ(0xed, ndshm_edu_get32(self->bar, EDU_IDENTITY) & 0xff);
}

/* A removed adapter is unknown to a client that never claimed it. */
TEST_F(edu, unbind_unclaimed)
{
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_err_new_block(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd);
}

/*
 * A function that is bound again is a new adapter; the old claim must not apply
 * to it.
 */
TEST_F(edu, rebind)
{
	__u32 before = self->edu.adapter.id;

	test_claim(self->fd, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	EXPECT_NE(before, self->edu.adapter.id);
	test_err_start(EBADFD, NDSHM_REASON_CLAIM_MISSING, self->fd);
	test_claim(self->fd, EDU_WIDTH);
	test_start(self->fd);
	test_new_block(self->fd, self->edu.adapter.id, 1);
}

/*
 * Isolation is checked at every step
 */

TEST_F(edu, isolated)
{
	int plain;

	if (self->edu.adapter.isolation)
		SKIP(return, "not isolated: %#x", self->edu.adapter.isolation);
	/* An isolated adapter needs no privilege, and its addresses are shown. */
	plain = test_open_without(CAP_SYS_RAWIO);
	test_claim(plain, EDU_WIDTH);
	self->block = test_new_block(plain, self->edu.adapter.id, 1);
	EXPECT_NE(NDSHM_ADDRESS_HIDDEN, self->block.address);
	close(plain);
}

TEST_F(edu, not_isolated)
{
	int plain;

	if (!self->edu.adapter.isolation)
		SKIP(return, "isolated");
	plain = test_open_without(CAP_SYS_RAWIO);
	/*
	 * A client opened without CAP_SYS_RAWIO is refused, whatever
	 * allow_unisolated says.
	 */
	test_err_claim(EPERM, NDSHM_REASON_NOT_ISOLATED, plain, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_claim(EPERM, NDSHM_REASON_NOT_ISOLATED, plain, EDU_WIDTH);
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, EDU_WIDTH);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	test_claim(self->fd, EDU_WIDTH);
	test_new_block(self->fd, self->edu.adapter.id, 1);
	/* Clearing allow_unisolated must affect all later requests. */
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_new_block(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd);
	test_err_bar(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, 0);
	close(plain);
}

/*
 * A lazy group is not isolated: the device can reach freed pages until the
 * IOTLB is flushed.
 */
TEST_F(edu, lazy_group)
{
	struct ndshm_nl_adapter adapter;

	if (strcmp(self->edu.pci.group_type, "DMA-FQ"))
		SKIP(return, "the group was not lazy");
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, ndshm_pci_set_group(&self->edu.pci, "DMA-FQ"));
	ASSERT_EQ(0, ndshm_pci_bind(&self->edu.pci, false));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->edu.nl, self->edu.pci.name,
					      &adapter));
	EXPECT_TRUE(adapter.isolation & NDSHM_ISOLATION_LAZY);
	self->edu.adapter = adapter;
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
	test_err_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF, self->fd, EDU_WIDTH);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
