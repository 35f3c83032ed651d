// SPDX-License-Identifier: GPL-2.0
/*
 * BLOCK_SYNC: ranges and directions. On x86 syncs have no effect, so the test
 * observes the calls: those to a provider with the mock (file named by
 * NDSHM_MOCK), and those to the DMA API with trace events.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define HUGE	huge_size()
#define STEPS	(66UL << 20)	/* more than one step of a sync covers */
#define LONG	(STEPS > 5 * HUGE ? STEPS : 5 * HUGE)
#define MOST_SEGMENTS	(STEPS / 4096)

FIXTURE(sync) {
	int fd;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(sync)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->block = test_new_block(self->fd, info.out_default_adapter,
				     4 * page_size());
}

FIXTURE_TEARDOWN(sync)
{
	close(self->fd);
}

#define test_synced(direction, offset, length) do { \
	struct ndshm_block_sync_args sync_ = \
		block_sync_request(self->block.handle, direction, offset, \
				   length); \
	test_block_sync(self->fd, &sync_); \
} while (0)

#define test_not_synced(error, reason, direction, offset, length) do { \
	struct ndshm_block_sync_args sync_ = \
		block_sync_request(self->block.handle, direction, offset, \
				   length); \
	test_err_block_sync(error, reason, self->fd, &sync_); \
} while (0)

/* Any range of any kind of memory can be synced, and the content stays. */
TEST_F(sync, ranges)
{
	const __u64 length = self->block.length;
	unsigned char *map = test_map_block(self->fd, &self->block);

	fill_pattern(map, length, 1);
	EXPECT_EQ(0, self->block.flags & NDSHM_BLOCK_NEEDS_SYNC);
	test_synced(NDSHM_SYNC_FOR_DEVICE, 0, length);
	test_synced(NDSHM_SYNC_FOR_CPU, 0, length);
	test_synced(NDSHM_SYNC_FOR_DEVICE, 0, 1);
	test_synced(NDSHM_SYNC_FOR_CPU, length - 1, 1);
	test_synced(NDSHM_SYNC_FOR_CPU, 1, length - 1);
	test_synced(NDSHM_SYNC_FOR_DEVICE, length / 2 - 1, 2);
	EXPECT_TRUE(has_pattern(map, length, 1));
	munmap(map, length);
}

TEST_F(sync, not_in_the_block)
{
	const __u64 length = self->block.length, most = ~0ULL;
	const struct {
		__u64 offset;
		__u64 length;
	} wrong[] = {
		{ 0, length + 1 }, { 1, length }, { length, 1 },
		{ length - 1, 2 }, { length + 1, 1 }, { 0, most },
		{ 1, most }, { 2, most }, { most, 1 }, { most, most },
		{ 1ULL << 63, 1ULL << 63 }, { 1ULL << 32, 1 },
		{ 0, 1ULL << 32 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		test_not_synced(EINVAL, NDSHM_REASON_RANGE,
				NDSHM_SYNC_FOR_DEVICE, wrong[i].offset,
				wrong[i].length);
	test_not_synced(EINVAL, NDSHM_REASON_LENGTH_ZERO, NDSHM_SYNC_FOR_CPU,
			0, 0);
	test_not_synced(EINVAL, NDSHM_REASON_LENGTH_ZERO, NDSHM_SYNC_FOR_CPU,
			length, 0);
}

TEST_F(sync, directions)
{
	static const __u32 wrong[] = { 0, 3, 4, 0x80000001, 0xffffffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		test_not_synced(EINVAL, NDSHM_REASON_DIRECTION, wrong[i], 0, 1);
}

TEST_F(sync, of_no_block)
{
	int other = ndshm_open();
	struct ndshm_block_sync_args sync;
	__u32 handle = self->block.handle;
	unsigned int i;
	__u32 none[] = { 0, 0xffffffff, handle + 1 };

	for (i = 0; i < ARRAY_SIZE(none); i++) {
		sync = block_sync_request(none[i], NDSHM_SYNC_FOR_CPU, 0, 1);
		test_err_block_sync(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN,
				    self->fd, &sync);
	}
	sync = block_sync_request(handle, NDSHM_SYNC_FOR_CPU, 0, 1);
	test_err_block_sync(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, other, &sync);
	test_free_handle(self->fd, handle);
	sync = block_sync_request(handle, NDSHM_SYNC_FOR_CPU, 0, 1);
	test_err_block_sync(ENOENT, NDSHM_REASON_HANDLE_UNKNOWN, self->fd,
			    &sync);
	close(other);
}

/*
 * Syncs that reach a provider
 */

FIXTURE(reported) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 provider;
	struct ndshm_nl nl;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(reported)
{
	struct ndshm_nl_adapter adapter;
	int error = ndshm_mock_load("quarantine=8");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	test_mock("adapter add a");
	test_mock("provider add p");
	/* Addresses must be shown, so that they can be found in the trace. */
	EXPECT_TRUE(ndshm_set_capability(CAP_SYS_RAWIO, true));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "a", &adapter));
	self->adapter = adapter.id;
}

FIXTURE_TEARDOWN(reported)
{
	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	EXPECT_EQ(0, ndshm_mock_counts("p").misused);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static void make(struct __test_metadata *_metadata,
		 struct _test_data_reported *self, const char *provider,
		 __u64 length, struct ndshm_segment *segments, __u32 *count)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, length, &self->block);
	struct ndshm_nl_provider found;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, provider, &found));
	self->provider = found.id;
	alloc.provider = found.id;
	alloc.segment_capacity = *count;
	alloc.segments = *count ? to_u64(segments) : 0;
	test_block_alloc(self->fd, &alloc);
	*count = alloc.out_segments;
}

TEST_F(reported, exactly_that)
{
	struct ndshm_mock_counts counts;
	struct ndshm_block_alloc_args alloc;
	__u32 none = 0;

	test_mock("script p needs_sync=1");
	make(_metadata, self, "p", 40000, NULL, &none);
	EXPECT_NE(0, self->block.flags & NDSHM_BLOCK_NEEDS_SYNC);
	test_synced(NDSHM_SYNC_FOR_DEVICE, 5, 1000);
	counts = ndshm_mock_counts("p");
	EXPECT_EQ(1000, counts.for_device);
	EXPECT_EQ(0, counts.for_cpu);
	EXPECT_EQ(1005, counts.sync_end);
	test_synced(NDSHM_SYNC_FOR_CPU, self->block.length - 1, 1);
	counts = ndshm_mock_counts("p");
	EXPECT_EQ(1000, counts.for_device);
	EXPECT_EQ(1, counts.for_cpu);
	EXPECT_EQ((long long)self->block.length, counts.sync_end);
	/* Refused syncs must not reach the provider. */
	test_not_synced(EINVAL, NDSHM_REASON_RANGE, NDSHM_SYNC_FOR_CPU, 1,
			self->block.length);
	test_not_synced(EINVAL, NDSHM_REASON_DIRECTION, 0, 0, 1);
	EXPECT_EQ(1, ndshm_mock_counts("p").for_cpu);
	EXPECT_EQ(1000, ndshm_mock_counts("p").for_device);

	/* A provider without a sync handler cannot have blocks that need syncs. */
	test_mock("provider replace p sync=null");
	alloc = block_alloc_request(self->adapter, 1, &self->block);
	alloc.provider = self->provider;
	test_err_block_alloc(EIO, NDSHM_REASON_PROVIDER_BAD_REPLY, self->fd,
			     &alloc);
	test_mock("script p reset");
	none = 0;
	make(_metadata, self, "p", 1, NULL, &none);
	EXPECT_EQ(0, self->block.flags & NDSHM_BLOCK_NEEDS_SYNC);
	test_synced(NDSHM_SYNC_FOR_CPU, 0, 1);
	EXPECT_EQ(1, ndshm_mock_counts("p").for_cpu);
}

TEST_F(reported, nothing_after_the_end)
{
	__u32 none = 0;

	make(_metadata, self, "p", 4096, NULL, &none);
	test_synced(NDSHM_SYNC_FOR_CPU, 0, 1);
	test_mock("adapter del a");
	test_not_synced(ENODEV, NDSHM_REASON_BLOCK_REVOKED, NDSHM_SYNC_FOR_CPU,
			0, 1);
	EXPECT_EQ(1, ndshm_mock_counts("p").for_cpu);
}

/* Kernel users can sync, in any context. */
TEST_F(reported, by_the_kernel)
{
	const unsigned long length = 2 * page_size();

	test_mock("block alloc 0 a p %lu", length);
	test_mock("block sync 0 1 100 8000");
	EXPECT_EQ(8000, ndshm_mock_counts("p").for_device);
	EXPECT_EQ(8100, ndshm_mock_counts("p").sync_end);
	test_mock("block sync 0 2 0 %lu", length);
	EXPECT_EQ((long long)length, ndshm_mock_counts("p").for_cpu);
	test_err_mock(EINVAL, NDSHM_REASON_RANGE, "block sync 0 1 1 %lu", length);
	test_err_mock(EINVAL, NDSHM_REASON_DIRECTION, "block sync 0 0 0 1");
	test_err_mock(EINVAL, NDSHM_REASON_LENGTH_ZERO, "block sync 0 1 0 0");
	test_mock("block free 0");
}

/*
 * Syncs that reach the DMA API
 */

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/ndshm_sync"

/* Why nothing can be traced, or NULL. */
static const char *nothing_traced(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (access(TRACING "/instances", F_OK))
		return "this kernel has no tracing";
	if (uname(&name) ||
	    sscanf(name.release, "%u.%u", &major, &minor) != 2 ||
	    major < 6 || (major == 6 && minor < 12))
		return "kernels before 6.12 do not trace DMA";
	return NULL;
}

/* Return: true if the traced syncs cover @from to @to exactly once. */
static bool traced(struct __test_metadata *_metadata, const char *direction,
		   const struct ndshm_segment *segments, __u32 count,
		   __u64 from, __u64 to)
{
	FILE *trace = fopen(INSTANCE "/trace", "re");
	char line[512], event[64];
	const char *at;

	ASSERT_NE(NULL, trace);
	snprintf(event, sizeof(event), ": dma_sync_single_for_%s: ", direction);
	while (fgets(line, sizeof(line), trace)) {
		unsigned long long address, size;
		__u64 start = 0;
		__u32 i;

		at = strstr(line, "dma_addr=");
		if (line[0] == '#' || !at ||
		    sscanf(at, "dma_addr=%llx size=%llu", &address, &size) != 2)
			continue;
		for (i = 0; i < count; start += segments[i++].length)
			if (address - segments[i].address < segments[i].length)
				break;
		if (i == count)
			continue;
		start += address - segments[i].address;
		if (!strstr(line, event) || !strstr(line, "BIDIRECTIONAL") ||
		    start != from || start / HUGE != (start + size - 1) / HUGE) {
			TH_LOG("not asked for: %s", line);
			break;
		}
		from += size;
	}
	fclose(trace);
	return from == to;
}

/* Sync several ranges of a block of LONG bytes and check the trace. */
static void trace_all(struct __test_metadata *_metadata, int fd, __u32 handle,
		      const struct ndshm_segment *segments, __u32 count)
{
	const struct {
		__u64 offset;
		__u64 length;
	} ranges[] = {
		{ 0, 1 }, { 0, 4096 }, { 4095, 2 }, { HUGE - 1, 2 },
		{ HUGE + 5, 7 }, { HUGE, HUGE }, { 3 * HUGE - 100, HUGE + 200 },
		{ LONG - 1, 1 }, { 0, LONG },
	};
	struct ndshm_block_sync_args sync;
	unsigned int i, cpu;

	ASSERT_TRUE(!mkdir(INSTANCE, 0700) || errno == EEXIST);
	ASSERT_EQ(0, ndshm_write_file(INSTANCE "/events/dma/dma_sync_single_for_cpu/enable",
				      "1"));
	ASSERT_EQ(0, ndshm_write_file(INSTANCE "/events/dma/dma_sync_single_for_device/enable",
				      "1"));
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (cpu = 0; cpu < 2; cpu++) {
			/* O_TRUNC clears the trace. */
			close(open(INSTANCE "/trace", O_WRONLY | O_TRUNC));
			sync = block_sync_request(handle, cpu ?
						  NDSHM_SYNC_FOR_CPU :
						  NDSHM_SYNC_FOR_DEVICE,
						  ranges[i].offset,
						  ranges[i].length);
			test_block_sync(fd, &sync);
			EXPECT_TRUE(traced(_metadata, cpu ? "cpu" : "device",
					   segments, count, ranges[i].offset,
					   ranges[i].offset +
					   ranges[i].length))
				TH_LOG("%llu bytes from %llu on",
				       (unsigned long long)ranges[i].length,
				       (unsigned long long)ranges[i].offset);
		}
	}
	EXPECT_EQ(0, rmdir(INSTANCE));
}

/* Without an IOMMU each segment is synced separately. */
TEST_F(reported, traced)
{
	static struct ndshm_segment segments[MOST_SEGMENTS];
	__u32 count = ARRAY_SIZE(segments);

	if (nothing_traced())
		SKIP(return, "%s", nothing_traced());
	make(_metadata, self, "pages", LONG, segments, &count);
	trace_all(_metadata, self->fd, self->block.handle, segments, count);
}

FIXTURE(function) {
	struct ndshm_edu edu;
	int fd;
	struct ndshm_block_info block;
};

FIXTURE_SETUP(function)
{
	if (nothing_traced())
		SKIP(return, "%s", nothing_traced());
	/* Kernels without DMA API debugging skip syncs that have no effect. */
	if (access("/sys/kernel/debug/dma-api", F_OK))
		SKIP(return, "the kernel does not look at its DMA mappings");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(function)
{
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/*
 * Behind an IOMMU the segments are contiguous, but each chunk must still be
 * synced separately.
 */
TEST_F(function, traced)
{
	static struct ndshm_segment segments[MOST_SEGMENTS];
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->edu.adapter.id, LONG, &self->block);
	struct ndshm_nl_provider provider;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->edu.nl, "pages",
					       &provider));
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	alloc.provider = provider.id;
	alloc.segment_capacity = ARRAY_SIZE(segments);
	alloc.segments = to_u64(segments);
	test_block_alloc(self->fd, &alloc);
	if (!self->edu.adapter.isolation)
		EXPECT_GT(LONG / HUGE, alloc.out_segments);
	trace_all(_metadata, self->fd, self->block.handle, segments,
		  alloc.out_segments);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
