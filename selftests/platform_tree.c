// SPDX-License-Identifier: GPL-2.0
/*
 * Adapters of the device tree of run.sh --platform. Two nodes describe one device, the registers of
 * virtio-mmio with a random number generator and an interrupt for each slot; one of them at a time
 * is bound. The first has reserved memory. The second has a reset line and a clock, which the
 * module ndshm_platform_supplies (beside the file named by NDSHM_MOCK) provides.
 *
 * Two other nodes, whose registers do not exist, are behind the IOMMU, if there is one. The
 * firmware shares memory with the first.
 *
 * NDSHM_KILLS is the number of kills.
 */
#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>

#include "ndshm_edu.h"
#include "ndshm_irqs.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define DRIVER		"/sys/bus/platform/drivers/ndshm_platform"
#define DEVICES		"/sys/bus/platform/devices"
#define BARE		"a000000.bare"
#define SUPPLIED	"a000000.supplied"
#define SUPPLIES	"ndshm_platform_supplies"
#define PARAMETERS	"/sys/module/" SUPPLIES "/parameters/"
#define CLOCK		"/sys/kernel/debug/clk/ndshm-clock/clk_enable_count"
#define POWER		"/sys/power/"
#define FAILURES	POWER "suspend_stats/failed_prepare"
#define SIGNAL_MS	20000	/* upper bound until a signal that is expected */
#define KILLS		20

#define SLOTS		32
#define SLOT		0x200
#define WINDOW		0x10000	/* whole pages of any size; the slots are at its start */
#define RNG		4	/* device id */
#define VIRTIO_MAGIC	0x74726976
#define VIRTIO_ID	0x08
#define PAGE_SIZE_AT	0x28
#define QUEUE_SELECT	0x30
#define QUEUE_NUMBER	0x38
#define QUEUE_ALIGN	0x3c
#define QUEUE_PAGE	0x40
#define QUEUE_NOTIFY	0x50
#define VIRTIO_CAUSE	0x60
#define ACKNOWLEDGE	0x64
#define VIRTIO_STATUS	0x70
#define RING		4096	/* units of the ring, whatever the page size */
#define BLOCK		(4 * RING)	/* for a ring; a power of two is one piece */
#define ENTRIES		8
#define RANDOM		256	/* bytes */

/* The ring of the legacy interface, and what the device writes to. */
struct ring {
	struct {
		__u64 address;
		__u32 length;
		__u16 flags;
		__u16 next;
	} descriptors[ENTRIES];
	__u16 available[2 + ENTRIES];	/* flags, index, entries */
	unsigned char gap[RING - 16 * ENTRIES - 2 * (2 + ENTRIES)];
	__u16 used[2 + 4 * ENTRIES];
	unsigned char rest[RING - 2 * (2 + 4 * ENTRIES)];
	unsigned char buffer[RING];
};

static_assert(sizeof(struct ring) <= BLOCK, "the ring does not fit");

FIXTURE(tree) {
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	char allowed[8];
	bool ready;
	int fd;
	int event;
	unsigned char *window;
	unsigned char *slot;
	unsigned int index;	/* of the slot, and of its interrupt */
};

FIXTURE_VARIANT(tree) {
	const char *name;
	const char *other;	/* node of the same device */
	bool supplied;	/* has a reset line and a clock, and no reserved memory */
};

FIXTURE_VARIANT_ADD(tree, bare) { .name = BARE, .other = SUPPLIED };
FIXTURE_VARIANT_ADD(tree, supplied) { .name = SUPPLIED, .other = BARE, .supplied = true };

static int load_supplies(void)
{
	const char *mock = getenv("NDSHM_MOCK"), *end = mock ? strrchr(mock, '/') : NULL;
	char path[512];

	if (!end)
		return -ENOENT;
	snprintf(path, sizeof(path), "%.*s/" SUPPLIES ".ko", (int)(end - mock), mock);
	return ndshm_load_module(path, "");
}

/* The kernel binds the adapter when its supplies come for the first time. */
static bool tree_bind(struct _test_data_tree *self, const char *name)
{
	ndshm_write_file(DRIVER "/bind", name);
	return ndshm_soon(!ndshm_nl_adapter_by_name(&self->nl, name, &self->adapter));
}

FIXTURE_SETUP(tree)
{
	char path[128];

	if (geteuid())
		SKIP(return, "only root can claim it");
	snprintf(path, sizeof(path), DEVICES "/%s", variant->name);
	if (access(path, F_OK))
		SKIP(return, "no adapter of a device tree");
	/* The kernel has bound the first when the module was loaded. */
	ndshm_write_file(DRIVER "/unbind", variant->other);
	if (variant->supplied && load_supplies() == -ENOENT)
		SKIP(return, "NDSHM_MOCK does not name a module beside " SUPPLIES);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_TRUE(tree_bind(self, variant->name));
	ASSERT_EQ(0, ndshm_read_file(ALLOW_UNISOLATED, self->allowed, sizeof(self->allowed)));
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "1"));
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	self->ready = true;
}

FIXTURE_TEARDOWN(tree)
{
	if (!self->ready)
		return;
	EXPECT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, self->allowed));
	if (!variant->supplied)
		return;
	/* The adapter holds the module, and would be bound when it comes again. */
	EXPECT_EQ(0, ndshm_write_file(DRIVER "/unbind", variant->name));
	EXPECT_EQ(0, ndshm_unload_module(SUPPLIES));
	/* As it was: a program that loads the module again finds the adapters that it had. */
	EXPECT_EQ(0, ndshm_write_file(DRIVER "/bind", variant->other));
}

static void tree_quiesce(struct _test_data_tree *self)
{
	ndshm_edu_set32(self->slot, VIRTIO_STATUS, 0);
}

/* Claim the adapter, and find the generator. */
static void tree_take(struct __test_metadata *_metadata, struct _test_data_tree *self)
{
	struct ndshm_adapter_claim_args claim;
	struct ndshm_adapter_map_bar_args map = adapter_map_bar_request(self->adapter.id, 0);

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	claim = test_adapter_claim(self->fd, self->adapter.name, 40);
	EXPECT_EQ(1, claim.out_bars);
	EXPECT_EQ(SLOTS, claim.out_intx);
	test_adapter_map_bar(self->fd, &map);
	EXPECT_EQ(WINDOW, map.out_length);
	self->window = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			    map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->window);
	for (self->index = 0; self->index < SLOTS; self->index++) {
		self->slot = self->window + self->index * SLOT;
		ASSERT_EQ(VIRTIO_MAGIC, ndshm_edu_get32(self->slot, 0));
		if (ndshm_edu_get32(self->slot, VIRTIO_ID) == RNG)
			break;
	}
	ASSERT_GT(SLOTS, self->index);
}

static void tree_leave(struct _test_data_tree *self)
{
	close(self->fd);
	munmap(self->window, WINDOW);
}

static struct ring *tree_alloc(struct __test_metadata *_metadata, struct _test_data_tree *self,
			       struct ndshm_block_info *block)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter.id, BLOCK, block);
	struct ring *ring;

	alloc.provider = 0;
	test_block_alloc(self->fd, &alloc);
	EXPECT_EQ(1, block->segments);
	ring = mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		    block->mmap_offset);
	ASSERT_NE(MAP_FAILED, ring);
	return ring;
}

static bool is_zero(const void *memory, size_t length)
{
	const unsigned char *bytes = memory;

	while (length && !bytes[length - 1])
		length--;
	return !length;
}

/* Let the generator fill the buffer. */
static void tree_fill(struct _test_data_tree *self, struct ring *ring, __u64 address)
{
	ndshm_edu_set32(self->slot, VIRTIO_STATUS, 3);
	ndshm_edu_set32(self->slot, PAGE_SIZE_AT, RING);
	ndshm_edu_set32(self->slot, QUEUE_SELECT, 0);
	ndshm_edu_set32(self->slot, QUEUE_NUMBER, ENTRIES);
	ndshm_edu_set32(self->slot, QUEUE_ALIGN, RING);
	ndshm_edu_set32(self->slot, QUEUE_PAGE, address / RING);
	ndshm_edu_set32(self->slot, VIRTIO_STATUS, 7);
	ring->descriptors[0].address = address + offsetof(struct ring, buffer);
	ring->descriptors[0].length = RANDOM;
	ring->descriptors[0].flags = 2;
	__atomic_store_n(&ring->available[1], 1, __ATOMIC_RELEASE);
	__sync_synchronize();
	ndshm_edu_set32(self->slot, QUEUE_NOTIFY, 0);
}

static void tree_listen(struct __test_metadata *_metadata, struct _test_data_tree *self)
{
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(self->adapter.id, NDSHM_IRQ_INTX, self->index, 1,
					 &self->event);

	test_adapter_set_irqs(self->fd, &set);
}

/*
 * Wait for the interrupt of a buffer. The interrupt controller keeps an edge of the client before,
 * and signals it to the next one: then the device shows no cause.
 */
static bool tree_signalled(struct __test_metadata *_metadata, struct _test_data_tree *self)
{
	unsigned int i;

	for (i = 0; i < 2 && ndshm_signals(self->event, SIGNAL_MS) == 1; i++) {
		if (ndshm_edu_get32(self->slot, VIRTIO_CAUSE) == 1)
			return true;
		tree_listen(_metadata, self);
	}
	return false;
}

/* Registers, an interrupt and DMA, to memory that is zeroed and only of this adapter. */
TEST_F(tree, whole)
{
	struct ndshm_block_free_args request;
	struct ndshm_block_info block;
	struct ring *ring;

	tree_take(_metadata, self);
	tree_quiesce(self);
	ring = tree_alloc(_metadata, self, &block);
	EXPECT_TRUE(is_zero(ring, sizeof(*ring)));
	tree_listen(_metadata, self);
	tree_fill(self, ring, block.address);
	EXPECT_TRUE(tree_signalled(_metadata, self));
	ndshm_edu_set32(self->slot, ACKNOWLEDGE, 1);
	EXPECT_EQ(1, ring->used[1]);
	EXPECT_FALSE(is_zero(ring->buffer, RANDOM));
	EXPECT_TRUE(is_zero(ring->buffer + RANDOM, RING - RANDOM));

	/* The same memory again. */
	tree_quiesce(self);
	munmap(ring, sizeof(*ring));
	request = block_free_request(block.handle);
	test_block_free(self->fd, &request);
	ring = tree_alloc(_metadata, self, &block);
	EXPECT_TRUE(is_zero(ring, sizeof(*ring)));
	munmap(ring, sizeof(*ring));
	tree_leave(self);
}

/* Without a reset line clients get reserved memory only, and no other adapter gets that. */
TEST_F(tree, providers)
{
	struct ndshm_nl_provider reserved, pages;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;
	struct ndshm_nl_adapter node;

	tree_take(_metadata, self);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "pages", &pages));
	alloc = block_alloc_request(self->adapter.id, 1, &block);
	alloc.provider = pages.id;
	if (variant->supplied) {
		EXPECT_EQ(-ENOENT,
			  ndshm_nl_provider_by_name(&self->nl, variant->name, &reserved));
		test_block_alloc(self->fd, &alloc);
		test_free_handle(self->fd, block.handle);
	} else {
		ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, variant->name, &reserved));
		test_err_block_alloc(EOPNOTSUPP, NDSHM_REASON_ADAPTER_UNSTOPPABLE, self->fd,
				     &alloc);
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "node0", &node));
		alloc = block_alloc_request(node.id, 1, &block);
		alloc.provider = reserved.id;
		test_err_block_alloc(EACCES, NDSHM_REASON_PROVIDER_CLOSED, self->fd, &alloc);
	}
	tree_leave(self);
}

/* The client resets its device, and continues with the same windows and blocks. */
TEST_F(tree, reset)
{
	struct ndshm_adapter_reset_args reset = adapter_reset_request(self->adapter.id);
	struct ndshm_block_info block;
	struct ring *ring;

	tree_take(_metadata, self);
	tree_quiesce(self);
	ring = tree_alloc(_metadata, self, &block);
	tree_listen(_metadata, self);
	if (!variant->supplied) {
		test_err_adapter_reset(EOPNOTSUPP, NDSHM_REASON_RESET_UNSUPPORTED, self->fd,
				       &reset);
	} else {
		tree_fill(self, ring, block.address);
		EXPECT_TRUE(tree_signalled(_metadata, self));
		EXPECT_EQ(7, ndshm_edu_get32(self->slot, VIRTIO_STATUS));
		test_adapter_reset(self->fd, &reset);
		/* The end of its interrupts. */
		EXPECT_EQ(1, ndshm_signals(self->event, 0));
		EXPECT_EQ(0, ndshm_edu_get32(self->slot, VIRTIO_STATUS));
		tree_listen(_metadata, self);
		memset(ring, 0, sizeof(*ring));
		tree_fill(self, ring, block.address);
		EXPECT_TRUE(tree_signalled(_metadata, self));
		EXPECT_FALSE(is_zero(ring->buffer, RANDOM));
	}
	munmap(ring, sizeof(*ring));
	tree_leave(self);
}

/* The end of a claim resets the device; if that fails, no client can have it. */
TEST_F(tree, release)
{
	struct ndshm_block_info block;
	struct ring *ring;
	int other;

	if (!variant->supplied)
		SKIP(return, "the device has no reset line");
	tree_take(_metadata, self);
	ring = tree_alloc(_metadata, self, &block);
	tree_fill(self, ring, block.address);
	munmap(ring, sizeof(*ring));
	tree_leave(self);
	tree_take(_metadata, self);
	EXPECT_EQ(0, ndshm_edu_get32(self->slot, VIRTIO_STATUS));
	ndshm_edu_set32(self->slot, VIRTIO_STATUS, 3);

	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "1"));
	tree_leave(self);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, variant->name, &self->adapter));
	EXPECT_TRUE(self->adapter.needs_reset);
	other = ndshm_open();
	test_err_adapter_claim(EPERM, NDSHM_REASON_ADAPTER_NEEDS_RESET, other, self->adapter.name,
			       40);
	close(other);
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "0"));
	tree_take(_metadata, self);
	EXPECT_EQ(0, ndshm_edu_get32(self->slot, VIRTIO_STATUS));
	tree_leave(self);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, variant->name, &self->adapter));
	EXPECT_FALSE(self->adapter.needs_reset);
}

/* A client whose reset fails has no registers until a reset succeeds. */
TEST_F(tree, reset_failed)
{
	struct ndshm_adapter_reset_args reset = adapter_reset_request(self->adapter.id);

	if (!variant->supplied)
		SKIP(return, "the device has no reset line");
	tree_take(_metadata, self);
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "1"));
	test_err_adapter_reset(EIO, NDSHM_REASON_RESET_FAILED, self->fd, &reset);
	test_sigbus(self->window);
	test_err_adapter_reset(EIO, NDSHM_REASON_RESET_FAILED, self->fd, &reset);
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "0"));
	test_adapter_reset(self->fd, &reset);
	EXPECT_EQ(VIRTIO_MAGIC, ndshm_edu_get32(self->window, 0));
	/* The claim ends with a failure, and the next one has registers. */
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "1"));
	test_err_adapter_reset(EIO, NDSHM_REASON_RESET_FAILED, self->fd, &reset);
	tree_leave(self);
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "0"));
	tree_take(_metadata, self);
	tree_leave(self);
}

/* The clock runs from bind to unbind, and the device is reset in the beginning. */
TEST_F(tree, supplies)
{
	const long long resets = ndshm_read_number(PARAMETERS "resets");

	if (!variant->supplied)
		SKIP(return, "the device has no clock");
	EXPECT_LT(0, resets);
	EXPECT_EQ(1, ndshm_read_number(CLOCK));
	EXPECT_EQ(-EWOULDBLOCK, ndshm_unload_module(SUPPLIES));
	ASSERT_EQ(0, ndshm_write_file(DRIVER "/unbind", variant->name));
	EXPECT_EQ(0, ndshm_read_number(CLOCK));
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "1"));
	EXPECT_EQ(-EIO, ndshm_write_file(DRIVER "/bind", variant->name));
	EXPECT_EQ(0, ndshm_read_number(CLOCK));
	ASSERT_EQ(0, ndshm_write_file(PARAMETERS "fail", "0"));
	ASSERT_TRUE(tree_bind(self, variant->name));
	EXPECT_EQ(1, ndshm_read_number(CLOCK));
	EXPECT_EQ(resets + 1, ndshm_read_number(PARAMETERS "resets"));
}

/*
 * The machine does not sleep while a client has the device. Without a claim it would, and the test
 * machine would lose its files: virtio-9p does not survive that.
 */
TEST_F(tree, suspend)
{
	char states[64] = "", before[64];
	struct ndshm_block_info block;
	struct ring *ring;

	if (ndshm_read_file(POWER "state", states, sizeof(states)) || !strstr(states, "freeze") ||
	    ndshm_read_file(FAILURES, before, sizeof(before)))
		SKIP(return, "the kernel cannot rehearse sleep");
	tree_take(_metadata, self);
	ndshm_case(false);
	EXPECT_EQ(-EBUSY, ndshm_write_file(POWER "state", "freeze"));
	EXPECT_EQ(strtol(before, NULL, 10) + 1, ndshm_read_number(FAILURES));
	tree_quiesce(self);
	ring = tree_alloc(_metadata, self, &block);
	tree_fill(self, ring, block.address);
	EXPECT_TRUE(ndshm_soon(!is_zero(ring->buffer, RANDOM)));
	munmap(ring, sizeof(*ring));
	tree_leave(self);
}

/* Processes that are killed during DMA; the memory comes back, zeroed. */
TEST_F_TIMEOUT(tree, kill, 10000)
{
	const unsigned int rounds = ndshm_number("NDSHM_KILLS", ndshm_rounds(KILLS, 1));
	const struct ndshm_cases before = *ndshm_cases;
	struct ndshm_block_info block;
	struct ring *ring;
	unsigned int i;
	pid_t pid;
	int peer;

	for (i = 0; i < rounds; i++) {
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			tree_take(_metadata, self);
			tree_quiesce(self);
			ring = tree_alloc(_metadata, self, &block);
			tree_fill(self, ring, block.address);
			memset(ring->rest, 1, sizeof(ring->rest));
			ndshm_signal_peer(peer);
			pause();
		}
		ASSERT_TRUE(ndshm_hear(peer));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ndshm_reap(pid);
		close(peer);
		tree_take(_metadata, self);
		if (variant->supplied)
			EXPECT_EQ(0, ndshm_edu_get32(self->slot, VIRTIO_STATUS));
		tree_quiesce(self);
		ring = tree_alloc(_metadata, self, &block);
		EXPECT_TRUE(is_zero(ring, sizeof(*ring)));
		munmap(ring, sizeof(*ring));
		tree_leave(self);
	}
	ndshm_one_case(&before, true);
	TH_LOG("%u kills", rounds);
}

FIXTURE(firmware) {
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	struct stat node;
	char allowed[8];
	bool ready;
};

/* Both have a region with iommu-addresses, which is mapped if these are its physical addresses. */
FIXTURE_VARIANT(firmware) {
	const char *name;
	const char *type;
	__u32 missing;
};

FIXTURE_VARIANT_ADD(firmware, mapped) {
	.name = "b000000.mapped", .type = "direct", .missing = NDSHM_ISOLATION_FIRMWARE
};

FIXTURE_VARIANT_ADD(firmware, reserved) { .name = "b010000.reserved", .type = "reserved" };

/* The IOMMU group of a device has a region of this type, as the kernel lists it. */
static bool firmware_has_region(const char *device, const char *type)
{
	char path[128], list[1024], end[32];

	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group/reserved_regions", device);
	snprintf(end, sizeof(end), " %s\n", type);
	return !ndshm_read_file(path, list, sizeof(list) - 1) && strstr(strcat(list, "\n"), end);
}

FIXTURE_SETUP(firmware)
{
	char path[128];

	if (geteuid())
		SKIP(return, "only root can change its permissions");
	snprintf(path, sizeof(path), DEVICES "/%s/iommu_group", variant->name);
	if (access(path, F_OK))
		SKIP(return, "no adapter of a device tree behind an IOMMU");
	if (ndshm_kernel_before(6, 3))
		SKIP(return, "kernels before 6.3 do not know iommu-addresses");
	ASSERT_TRUE(firmware_has_region(variant->name, variant->type));
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, variant->name, &self->adapter));
	ASSERT_EQ(0, ndshm_read_file(ALLOW_UNISOLATED, self->allowed, sizeof(self->allowed)));
	ASSERT_EQ(0, stat(NDSHM_DEVICE, &self->node));
	self->ready = true;
}

FIXTURE_TEARDOWN(firmware)
{
	if (!self->ready)
		return;
	EXPECT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, self->allowed));
	EXPECT_EQ(0, chmod(NDSHM_DEVICE, self->node.st_mode & 0777));
}

/* Claim the adapter with a new client, which must fail with @reason, or succeed if that is 0. */
static void firmware_claim(struct __test_metadata *_metadata, struct _test_data_firmware *self,
			   __u32 reason, __u32 missing)
{
	struct ndshm_adapter_claim_args claim;
	int fd = ndshm_open();

	ASSERT_LE(0, fd);
	if (reason) {
		test_err_adapter_claim(EPERM, reason, fd, self->adapter.name, 40);
	} else {
		claim = test_adapter_claim(fd, self->adapter.name, 40);
		EXPECT_EQ(missing, claim.out_isolation);
	}
	close(fd);
}

TEST_F(firmware, claims)
{
	pid_t pid;
	int peer;

	/* Nothing else is missing. */
	EXPECT_EQ(variant->missing, self->adapter.isolation);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "0"));
	firmware_claim(_metadata, self, variant->missing ? NDSHM_REASON_UNISOLATED_OFF : 0, 0);
	ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "1"));
	firmware_claim(_metadata, self, 0, variant->missing);

	/* Another user may have the device, which is never reset, after the next bind. */
	ASSERT_EQ(0, ndshm_write_file(DRIVER "/unbind", variant->name));
	ASSERT_EQ(0, ndshm_write_file(DRIVER "/bind", variant->name));
	ASSERT_EQ(0, chown(ndshm_node(variant->name), NDSHM_USER_A, 0));
	ASSERT_EQ(0, chmod(NDSHM_DEVICE, 0666));
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		ASSERT_TRUE(ndshm_become(NDSHM_USER_A));
		firmware_claim(_metadata, self, variant->missing ? NDSHM_REASON_NOT_ISOLATED : 0,
			       0);
		_exit(!_metadata->exit_code ? 0 : 1);
	}
	EXPECT_TRUE(ndshm_reap(pid));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
