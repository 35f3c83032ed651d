// SPDX-License-Identifier: GPL-2.0
/*
 * Blocks that are dma-bufs of others: BLOCK_IMPORT. The exporters are udmabuf, vgem, vivid, ndshm
 * itself, and the mock module (file named by NDSHM_MOCK), whose dma-bufs do as they are told.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <linux/dma-buf.h>

#include "ndshm_clock.h"
#include "ndshm_dmabuf.h"
#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define RW	(PROT_READ | PROT_WRITE)
#define PAGES	9
#define BOUND	2000	/* milliseconds that the end of a claim may take */

FIXTURE(import) {
	bool loaded;
	int fd;
	struct ndshm_edu edu;
	__u32 adapter;
	bool translated;	/* so the device reaches all memory */
	__u32 node;
	size_t page;
	size_t length;		/* of the mock's dma-bufs */
	void *bar;
	size_t bar_length;
	__u64 before;
};

static bool is_idle(void)
{
	return !ndshm_mock_exported();
}

FIXTURE_SETUP(import)
{
	struct ndshm_get_info_args info = get_info_request();
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	if (!test_sees_caches(self->fd, info.out_default_adapter))
		SKIP(return, "memory that is not coherent is not imported");
	close(self->fd);
	error = ndshm_mock_load("");
	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	if (!(info.out_features & NDSHM_FEATURE_IMPORT))
		SKIP(return, "the kernel has no dma-bufs");
	self->node = info.out_default_adapter;
	self->page = page_size();
	self->length = PAGES * self->page;
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->loaded = true;
	self->adapter = self->edu.adapter.id;
	self->translated = !(self->edu.adapter.isolation & NDSHM_ISOLATION_NO_TRANSLATION);
	self->fd = test_open_claimed(&self->edu);
	/* The charge of the test before can end during this one. */
	ndshm_soon(!test_user_locked());
	self->before = test_user_locked();
}

FIXTURE_TEARDOWN(import)
{
	if (!self->loaded)
		return;
	if (self->bar)
		munmap(self->bar, self->bar_length);
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	EXPECT_TRUE(ndshm_soon(is_idle()));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

/* Return: the descriptor of a new dma-buf of the mock in slot @slot. */
static int create_at(struct __test_metadata *_metadata, int line, unsigned int slot,
		     unsigned int pages, const char *kind)
{
	int error = ndshm_mock("export create %u %u %s", slot, pages, kind);

	ASSERT_EQ(0, error)
		TH_LOG("line %d: %s", line, strerror(-error));
	return ndshm_mock_export(slot).number;
}

#define test_create(slot, pages, kind) create_at(_metadata, __LINE__, slot, pages, kind)

/* Forget the mock's dma-buf of @slot, and close its descriptor. */
static void forget(unsigned int slot, int dmabuf)
{
	ndshm_mock("export close %u", slot);
	close(dmabuf);
}

static struct ndshm_block_info import_at(struct __test_metadata *_metadata, int line, int fd,
					 __u32 adapter, int dmabuf)
{
	struct ndshm_block_import_args import = block_import_request(adapter, dmabuf);

	ndshm_pass(_metadata, line, fd, NDSHM_BLOCK_IMPORT, &import);
	return import.out_block;
}

#define test_import(dmabuf) import_at(_metadata, __LINE__, self->fd, self->adapter, dmabuf)

/* Turn DMA of the device on, and map its registers. */
static void start(struct __test_metadata *_metadata, struct _test_data_import *self)
{
	struct ndshm_adapter_map_bar_args bar = adapter_map_bar_request(self->adapter, 0);
	struct ndshm_adapter_start_args start = adapter_start_request(self->adapter);

	test_adapter_map_bar(self->fd, &bar);
	self->bar_length = bar.out_length;
	self->bar = mmap(NULL, bar.out_length, RW, MAP_SHARED, self->fd, bar.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->bar);
	test_adapter_start(self->fd, &start);
}

/* The DMA address of byte @offset of a block. */
static __u64 address_at(struct __test_metadata *_metadata, int fd, __u32 handle, __u64 offset)
{
	struct ndshm_segment segments[64];
	struct ndshm_block_query_args query = block_query_request(handle);
	unsigned int i;

	query.segments = (uintptr_t)segments;
	query.segment_capacity = ARRAY_SIZE(segments);
	ASSERT_EQ(0, _test_block_query(fd, &query));
	for (i = 0; i < query.out_block.segments; i++) {
		if (offset < segments[i].length)
			return segments[i].address + offset;
		offset -= segments[i].length;
	}
	return 0;
}

#define test_address(block, offset) \
	address_at(_metadata, self->fd, (block)->handle, offset)

/* Have the device copy @count bytes of the block from @from to @to. */
static void copy(struct __test_metadata *_metadata, struct _test_data_import *self,
		 const struct ndshm_block_info *block, size_t from, size_t to, size_t count)
{
	ASSERT_TRUE(ndshm_edu_to_device(self->bar, test_address(block, from), count));
	ASSERT_TRUE(ndshm_edu_from_device(self->bar, test_address(block, to), count));
}

/* The device reads and writes the pages of the dma-buf at @map. */
static void check_device(struct __test_metadata *_metadata, struct _test_data_import *self,
			 const struct ndshm_block_info *block, char *map)
{
	const size_t last = block->length - self->page;

	fill_pattern(map, self->page, 3);
	memset(map + last, 0, self->page);
	copy(_metadata, self, block, 0, last, EDU_MOST);
	EXPECT_TRUE(has_pattern(map + last, EDU_MOST, 3));
	ndshm_case(true);
}

static char *map_at(struct __test_metadata *_metadata, int dmabuf, size_t length)
{
	char *map = mmap(NULL, length, RW, MAP_SHARED, dmabuf, 0);

	ASSERT_NE(MAP_FAILED, map);
	return map;
}

#define test_map(dmabuf, length) map_at(_metadata, dmabuf, length)

TEST_F(import, block)
{
	const int dmabuf = test_create(0, PAGES, "static");
	struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);
	char *map = test_map(dmabuf, self->length);
	struct ndshm_block_query_args query;
	struct ndshm_block_export_args export;
	struct ndshm_segment segments[PAGES];
	struct ndshm_block_sync_args sync;
	struct ndshm_nl_provider provider;
	struct ndshm_nl_block row;
	struct ndshm_nl nl;
	__u64 total = 0;
	unsigned int i;

	start(_metadata, self);
	import.segments = (uintptr_t)segments;
	import.segment_capacity = ARRAY_SIZE(segments);
	import.tag = NDSHM_TAG('c', 'a', 'm', '0');
	test_block_import(self->fd, &import);
	EXPECT_EQ(import.out_block.segments, import.out_segments);
	EXPECT_EQ(NDSHM_BLOCK_CHARGED, import.out_block.flags);
	EXPECT_EQ(self->length, import.out_block.length);
	EXPECT_EQ(self->length, import.out_block.consumed);
	EXPECT_EQ(self->before + self->length, test_user_locked());
	for (i = 0; i < import.out_segments; i++)
		total += segments[i].length;
	EXPECT_EQ(self->length, total);
	EXPECT_EQ(segments[0].address, import.out_block.address);
	/* Consecutive pages are one segment, also without an IOMMU. */
	EXPECT_GE(PAGES / 4 + 1, import.out_segments);
	EXPECT_EQ(1, ndshm_mock_export(0).attached);
	check_device(_metadata, self, &import.out_block, map);

	/* The descriptor and its mapping are not what keeps the memory. */
	munmap(map, self->length);
	close(dmabuf);
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "dma-buf", &provider));
	ASSERT_EQ(0, ndshm_nl_block_by_id(&nl, import.out_block.shared_memory_handle, &row));
	EXPECT_EQ(provider.id, row.provider);
	EXPECT_EQ(self->length, row.length);
	query = block_query_request(import.out_block.handle);
	test_block_query(self->fd, &query);
	EXPECT_EQ(provider.id, query.out_provider);
	EXPECT_EQ(self->adapter, query.out_adapter);
	EXPECT_EQ(NDSHM_USAGE_OTHER, query.out_usage);
	ndshm_nl_close(&nl);

	test_errno(EOPNOTSUPP, self->fd, mmap(NULL, self->page, RW, MAP_SHARED, self->fd,
					      import.out_block.mmap_offset));
	export = block_export_request(import.out_block.handle, O_RDWR);
	test_err_block_export(EOPNOTSUPP, NDSHM_REASON_EXPORT_UNSUPPORTED, self->fd, &export);
	sync = block_sync_request(import.out_block.handle, NDSHM_SYNC_FOR_CPU, 0, self->length);
	test_block_sync(self->fd, &sync);

	test_free_handle(self->fd, import.out_block.handle);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
	EXPECT_EQ(0, ndshm_mock_export(0).mapped);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	ASSERT_EQ(0, ndshm_mock("export close 0"));
}

/* The provider has memory for imports only. */
TEST_F(import, no_other_allocation)
{
	struct ndshm_section_create_args create = section_create_request(self->adapter, 1 << 20, 0);
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1, &block);
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "dma-buf", &provider));
	ndshm_nl_close(&nl);
	alloc.provider = provider.id;
	test_err_block_alloc(EACCES, NDSHM_REASON_PROVIDER_CLOSED, self->fd, &alloc);
	create.provider = provider.id;
	test_err_section_create(EACCES, NDSHM_REASON_PROVIDER_CLOSED, self->fd, &create);
	test_mock("adapter add a");
	EXPECT_EQ(-EINVAL, ndshm_mock("block alloc 0 a dma-buf 4096"));
	EXPECT_EQ(NDSHM_REASON_PROVIDER_INVALID, ndshm_mock_reason());
	ndshm_case(false);
}

TEST_F(import, bad_arguments)
{
	const int dmabuf = test_create(0, PAGES, "static"), other = ndshm_open();
	const struct ndshm_block_import_args good = block_import_request(self->adapter, dmabuf);
	const __u32 usages[] = { NDSHM_USAGE_UNDEFINED, NDSHM_USAGE_MAX, ~0U };
	const int numbers[] = { -1, other, 1 << 20, open("/dev/null", O_RDWR | O_CLOEXEC) };
	struct ndshm_block_import_args import;
	struct ndshm_segment segment;
	unsigned int i;

	ASSERT_LE(0, other);
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		import = block_import_request(self->adapter, numbers[i]);
		test_err_block_import(EBADF, NDSHM_REASON_IMPORT_DESCRIPTOR, self->fd, &import);
		EXPECT_TRUE(all_bytes((char *)&import.out_block, sizeof(import.out_block), 0));
		EXPECT_EQ(0, import.out_segments);
	}
	for (i = 0; i < ARRAY_SIZE(usages); i++) {
		import = good;
		import.usage = usages[i];
		test_err_block_import(EINVAL, NDSHM_REASON_USAGE, self->fd, &import);
	}
	for (i = 1; i < 32; i++) {
		import = good;
		import.flags = 1U << i;
		test_err_block_import(EOPNOTSUPP, NDSHM_REASON_FLAGS, self->fd, &import);
	}
	import = good;
	import.segments = (uintptr_t)&segment;
	test_err_block_import(EINVAL, NDSHM_REASON_LIST, self->fd, &import);
	import = good;
	import.segment_capacity = 1;
	test_err_block_import(EINVAL, NDSHM_REASON_LIST, self->fd, &import);
	import.segments = 1;
	import.segment_capacity = 64;
	test_err_block_import(EFAULT, NDSHM_REASON_ADDRESS, self->fd, &import);
	EXPECT_EQ(0, import.out_segments);
	import = good;
	import.adapter = ~0U;
	test_err_block_import(ENOENT, NDSHM_REASON_ADAPTER_UNKNOWN, self->fd, &import);
	import.adapter = self->node;
	test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_UNSUPPORTED, self->fd, &import);
	import = good;
	test_err_block_import(EBADFD, NDSHM_REASON_CLAIM_MISSING, other, &import);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
	close(numbers[3]);
	close(other);
	forget(0, dmabuf);
}

/* A reply that cannot be delivered leaves no block. */
TEST_F(import, reply_fails)
{
	const int dmabuf = test_create(0, PAGES, "static");
	const struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);
	void *argument = mmap(NULL, self->page, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, argument);
	memcpy(argument, &import, sizeof(import));
	ASSERT_EQ(0, mprotect(argument, self->page, PROT_READ));
	test_errno_ioctl(EFAULT, self->fd, NDSHM_BLOCK_IMPORT, argument);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	munmap(argument, self->page);
	forget(0, dmabuf);
}

/* A list that is too short: the number of segments is returned, and nothing is imported. */
TEST_F(import, list_short)
{
	const int dmabuf = test_create(0, PAGES, "reverse");
	struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);
	const struct ndshm_block_info whole = test_import(dmabuf);
	struct ndshm_segment segments[PAGES];

	if (self->translated) {
		EXPECT_EQ(1, whole.segments);
		forget(0, dmabuf);
		SKIP(return, "the IOMMU makes one segment");
	}
	EXPECT_EQ(PAGES, whole.segments);
	import.segments = (uintptr_t)segments;
	import.segment_capacity = whole.segments - 1;
	test_err_block_import(ENOSPC, NDSHM_REASON_LIST_SHORT, self->fd, &import);
	EXPECT_EQ(whole.segments, import.out_segments);
	EXPECT_EQ(0, import.out_block.handle);
	forget(0, dmabuf);
}

/* Memory that is not what the device needs. */
TEST_F(import, bad_memory)
{
	static const char * const kinds[] = {
		"moves", "frames", "reserved", "broken", "part", "short", "odd",
	};
	struct ndshm_block_import_args import;
	unsigned int i;
	int dmabuf;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		dmabuf = test_create(0, PAGES, kinds[i]);
		import = block_import_request(self->adapter, dmabuf);
		test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY, self->fd, &import);
		EXPECT_EQ(0, ndshm_mock_export(0).attached);
		EXPECT_EQ(0, ndshm_mock_export(0).pinned);
		EXPECT_EQ(0, ndshm_mock_export(0).mapped);
		forget(0, dmabuf);
	}
}

/* A page that is there twice is two segments, which requires an IOMMU. */
TEST_F(import, page_twice)
{
	const int dmabuf = test_create(0, PAGES, "twice");
	struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);
	char *map = test_map(dmabuf, self->length);

	if (!self->translated) {
		test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY, self->fd, &import);
	} else {
		start(_metadata, self);
		test_block_import(self->fd, &import);
		fill_pattern(map + self->page, self->page, 5);
		copy(_metadata, self, &import.out_block, self->page, 8 * self->page, EDU_MOST);
		EXPECT_TRUE(has_pattern(map, EDU_MOST, 5));
		EXPECT_TRUE(has_pattern(map + 8 * self->page, EDU_MOST, 5));
	}
	munmap(map, self->length);
	forget(0, dmabuf);
}

/* What the exporter answers. */
TEST_F(import, exporter_fails)
{
	static const struct {
		int error;	/* of the exporter */
		int result;
		__u32 reason;
	} cases[] = {
		{ ENOMEM, ENOMEM, NDSHM_REASON_MEMORY },
		{ ENODEV, ENODEV, NDSHM_REASON_IMPORT_GONE },
		{ EINTR, ECANCELED, NDSHM_REASON_REQUEST_ABORTED },
		{ 512 /* ERESTARTSYS */, ECANCELED, NDSHM_REASON_REQUEST_ABORTED },
		{ EOPNOTSUPP, EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY },
		{ ENXIO, EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY },
		{ EIO, EIO, NDSHM_REASON_IMPORT_REFUSED },
		{ EACCES, EIO, NDSHM_REASON_IMPORT_REFUSED },
		{ EBUSY, EIO, NDSHM_REASON_IMPORT_REFUSED },
	};
	static const char * const kinds[] = { "static", "pins" };
	struct ndshm_block_import_args import;
	unsigned int i, j;
	int dmabuf;

	for (j = 0; j < ARRAY_SIZE(kinds); j++) {
		dmabuf = test_create(0, PAGES, kinds[j]);
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			ASSERT_EQ(0, ndshm_mock("export fail 0 %d", cases[i].error));
			import = block_import_request(self->adapter, dmabuf);
			test_err_block_import(cases[i].result, cases[i].reason, self->fd, &import);
			EXPECT_EQ(0, ndshm_mock_export(0).attached);
			EXPECT_EQ(0, ndshm_mock_export(0).pinned);
		}
		ASSERT_EQ(0, ndshm_mock("export fail 0 0"));
		test_import(dmabuf);
		forget(0, dmabuf);
	}
}

/* Memory that can move stays in place while it is imported. */
TEST_F(import, pinned)
{
	const int dmabuf = test_create(0, PAGES, "pins");
	char *map = test_map(dmabuf, self->length);
	struct ndshm_block_info block;

	ASSERT_EQ(0, ndshm_mock("export move 0"));
	start(_metadata, self);
	block = test_import(dmabuf);
	EXPECT_LE(1, ndshm_mock_export(0).pinned);
	EXPECT_EQ(-EBUSY, ndshm_mock("export move 0"));
	ndshm_case(false);
	check_device(_metadata, self, &block, map);
	test_free_handle(self->fd, block.handle);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock("export move 0")));
	EXPECT_EQ(2, ndshm_mock_export(0).moved);
	EXPECT_EQ(0, ndshm_mock_export(0).pinned);
	munmap(map, self->length);
	forget(0, dmabuf);
}

TEST_F(import, readonly)
{
	const int dmabuf = test_create(0, PAGES, "static readonly");
	struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);

	test_err_block_import(EACCES, NDSHM_REASON_IMPORT_READONLY, self->fd, &import);
	import.flags = NDSHM_IMPORT_READONLY;
	test_block_import(self->fd, &import);
	EXPECT_EQ(NDSHM_MOCK_TO_DEVICE, ndshm_mock_export(0).direction);
	test_free_handle(self->fd, import.out_block.handle);
	forget(0, dmabuf);
}

TEST_F(import, limits)
{
	const int dmabuf = test_create(0, PAGES, "static");
	struct ndshm_block_import_args import = block_import_request(self->adapter, dmabuf);
	struct rlimit limit, less;
	char most[32];

	ASSERT_EQ(0, getrlimit(RLIMIT_MEMLOCK, &limit));
	less = limit;
	less.rlim_cur = self->before + self->length - self->page;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &less));
	test_err_block_import(ENOMEM, NDSHM_REASON_MEMLOCK, self->fd, &import);
	EXPECT_EQ(0, ndshm_mock_export(0).attached);
	/* What is charged is the length, which need not be a power of two. */
	less.rlim_cur += self->page;
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &less));
	test_block_import(self->fd, &import);
	test_free_handle(self->fd, import.out_block.handle);
	/* The end of a charge is waited for before another one is refused. */
	test_block_import(self->fd, &import);
	test_free_handle(self->fd, import.out_block.handle);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &limit));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));

	ASSERT_EQ(0, ndshm_read_file(MAX_BLOCK_BYTES, most, sizeof(most)));
	ASSERT_EQ(0, ndshm_write_file(MAX_BLOCK_BYTES, "4096"));
	test_err_block_import(EINVAL, NDSHM_REASON_LENGTH_LIMIT, self->fd, &import);
	EXPECT_EQ(0, ndshm_write_file(MAX_BLOCK_BYTES, most));
	forget(0, dmabuf);
}

/* The memory of ndshm itself: another adapter's can be imported, that of the same one not. */
TEST_F(import, own_export)
{
	const struct ndshm_block_info same = test_new_block(self->fd, self->adapter, self->length);
	const struct ndshm_block_info node = test_new_block(self->fd, self->node, self->length);
	const int section = test_new_section(self->fd, self->adapter, 1 << 20, 0);
	const int holder = test_attach(section);
	const __u64 extent = test_extent(holder, self->length);
	struct ndshm_section_export_args part =
		section_export_request(extent, self->length, O_RDWR | O_CLOEXEC);
	struct ndshm_block_export_args export =
		block_export_request(same.handle, O_RDWR | O_CLOEXEC);
	struct ndshm_block_import_args import;
	struct ndshm_block_info block;
	char *map;

	test_block_export(self->fd, &export);
	import = block_import_request(self->adapter, export.out_dmabuf);
	test_err_block_import(EINVAL, NDSHM_REASON_IMPORT_LOOP, self->fd, &import);
	close(export.out_dmabuf);
	test_section_export(section, &part);
	import = block_import_request(self->adapter, part.out_dmabuf);
	test_err_block_import(EINVAL, NDSHM_REASON_IMPORT_LOOP, self->fd, &import);
	close(part.out_dmabuf);
	close(holder);
	close(section);
	if (!self->translated)
		SKIP(return, "the device does not reach all memory");

	start(_metadata, self);
	map = test_map_block(self->fd, &node);
	export = block_export_request(node.handle, O_RDWR | O_CLOEXEC);
	test_block_export(self->fd, &export);
	block = test_import(export.out_dmabuf);
	/* The import alone keeps the memory. */
	close(export.out_dmabuf);
	test_free_handle(self->fd, node.handle);
	check_device(_metadata, self, &block, map);
	munmap(map, self->length);
	copy(_metadata, self, &block, 0, self->page, EDU_MOST);
}

/* Memory without pages. */
TEST_F(import, own_coherent)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->node, self->length, &block);
	struct ndshm_block_export_args export;
	struct ndshm_block_import_args import;
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;

	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "coherent", &provider));
	ndshm_nl_close(&nl);
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
	export = block_export_request(block.handle, O_RDWR | O_CLOEXEC);
	test_block_export(self->fd, &export);
	import = block_import_request(self->adapter, export.out_dmabuf);
	test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY, self->fd, &import);
	close(export.out_dmabuf);
}

/* A block whose device is removed while it is imported by another, and one that was before. */
TEST_F(import, revoked_exporter)
{
	struct ndshm_block_import_args import;
	struct ndshm_block_export_args export;
	struct ndshm_block_info block, other;
	struct ndshm_nl_adapter adapter;
	struct ndshm_nl nl;

	if (!self->translated)
		SKIP(return, "the device does not reach all memory");
	test_mock("adapter add a");
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&nl, "a", &adapter));
	ndshm_nl_close(&nl);
	other = test_new_block(self->fd, adapter.id, self->length);
	export = block_export_request(other.handle, O_RDWR | O_CLOEXEC);
	test_block_export(self->fd, &export);
	start(_metadata, self);
	block = test_import(export.out_dmabuf);
	test_mock("adapter del a");
	/* The device still has the pages, and they are still charged twice. */
	copy(_metadata, self, &block, 0, self->page, EDU_MOST);
	EXPECT_EQ(self->before + self->length + other.consumed, test_user_locked());
	import = block_import_request(self->adapter, export.out_dmabuf);
	test_err_block_import(ENODEV, NDSHM_REASON_IMPORT_GONE, self->fd, &import);
	test_free_handle(self->fd, block.handle);
	close(export.out_dmabuf);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
}

/* End the claim: by a close, an unbind, or a kill of the client. */
enum end { END_CLOSE, END_UNBIND, END_FREE, END_KINDS };

/*
 * Somebody holds the lock of the dma-buf. The end of the claim must not wait for that, nor must the
 * next claim; the memory stays charged until the driver has been told.
 */
TEST_F(import, locked)
{
	struct ndshm_block_query_args query;
	struct ndshm_block_info block;
	enum end end;
	struct ndshm_clock begin;
	long long took;
	int dmabuf;

	for (end = END_CLOSE; end < END_KINDS; end++) {
		dmabuf = test_create(0, PAGES, "static");
		block = test_import(dmabuf);
		test_mock("export lock 0");
		begin = ndshm_clock_now();
		switch (end) {
		case END_CLOSE:
			close(self->fd);
			self->fd = test_open_claimed(&self->edu);
			break;
		case END_UNBIND:
			ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
			query = block_query_request(block.handle);
			test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd, &query);
			break;
		default:
			test_free_handle(self->fd, block.handle);
		}
		took = ndshm_clock_ran_ms(begin);
		EXPECT_GE(BOUND, took)
			TH_LOG("%d: %lld ms", end, took);
		ndshm_case(true);
		EXPECT_EQ(1, ndshm_mock_export(0).attached);
		EXPECT_EQ(self->before + self->length, test_user_locked());
		test_mock("export unlock 0");
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
		EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
		forget(0, dmabuf);
		if (end == END_UNBIND) {
			close(self->fd);
			ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
			self->adapter = self->edu.adapter.id;
			self->fd = test_open_claimed(&self->edu);
		}
	}
}

/* The client waits for the lock in the call. Its adapter is removed without it. */
TEST_F(import, waits)
{
	const int dmabuf = test_create(0, PAGES, "static");
	struct ndshm_block_import_args import;
	struct ndshm_clock begin;
	pid_t pid;
	int peer;

	test_mock("export lock 0");
	pid = ndshm_fork(&peer);
	ASSERT_LE(0, pid);
	if (!pid) {
		ndshm_signal_peer(peer);
		import = block_import_request(self->adapter, dmabuf);
		_test_block_import(self->fd, &import);
		_exit(import.reason != NDSHM_REASON_ADAPTER_REMOVED);
	}
	ASSERT_TRUE(ndshm_hear(peer));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before + self->length));
	begin = ndshm_clock_now();
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	EXPECT_GE(BOUND, ndshm_clock_ran_ms(begin));
	test_mock("export unlock 0");
	EXPECT_TRUE(ndshm_reap(pid));
	close(peer);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
	EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	forget(0, dmabuf);
	close(self->fd);
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	self->fd = ndshm_open();
}

/* A client that is killed, or exits, leaves nothing. */
TEST_F(import, client_ends)
{
	const int dmabuf = test_create(0, PAGES, "pins");
	struct ndshm_block_import_args import;
	unsigned int i;
	int peer, status = -1;
	pid_t pid;

	for (i = 0; i < 4; i++) {
		close(self->fd);
		self->fd = -1;
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			struct ndshm_adapter_claim_args claim =
				adapter_claim_request(self->adapter, EDU_WIDTH);
			int fd = ndshm_open();

			import = block_import_request(self->adapter, dmabuf);
			if (_test_adapter_claim(fd, &claim) || _test_block_import(fd, &import))
				_exit(1);
			import = block_import_request(self->adapter, dmabuf);
			if (_test_block_import(fd, &import))
				_exit(2);
			ndshm_signal_peer(peer);
			ndshm_hear(peer);
			_exit(0);
		}
		ASSERT_TRUE(ndshm_hear(peer));
		EXPECT_EQ(2, ndshm_mock_export(0).attached);
		EXPECT_EQ(self->before + 2 * self->length, test_user_locked());
		EXPECT_TRUE(ndshm_end(pid, peer, i % 2 ? SIGKILL : 0));
		/* With the process its claim has ended. */
		EXPECT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(i % 2 ? SIGKILL : 0, status);
		close(peer);
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
		EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
		EXPECT_EQ(0, ndshm_mock("export move 0"));
	}
	forget(0, dmabuf);
	self->fd = ndshm_open();
}

/* Long memory: its steps are carried out by workers, and it has several folios. */
TEST_F(import, udmabuf)
{
	const size_t length = (4 << 20) + self->page;
	struct ndshm_block_import_args import;
	struct ndshm_block_info block;
	int dmabuf, memfd;
	char *map;

	dmabuf = ndshm_udmabuf(length, &memfd);
	if (dmabuf == -ENOENT)
		SKIP(return, "the kernel has no udmabuf");
	ASSERT_LE(0, dmabuf)
		TH_LOG("udmabuf: %s", strerror(-dmabuf));
	if (!self->translated) {
		/* Most memory is beyond the address width of the device. */
		import = block_import_request(self->adapter, dmabuf);
		test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_MEMORY, self->fd, &import);
		close(dmabuf);
		close(memfd);
		return;
	}
	map = test_map(memfd, length);
	start(_metadata, self);
	block = test_import(dmabuf);
	EXPECT_EQ(length, block.length);
	close(dmabuf);
	check_device(_metadata, self, &block, map);
	/* The file shows what the device has written, also after the block. */
	test_free_handle(self->fd, block.handle);
	EXPECT_TRUE(has_pattern(map + length - self->page, EDU_MOST, 3));
	munmap(map, length);
	close(memfd);
}

/* A camera's own buffer. */
TEST_F(import, vivid)
{
	const int vivid = ndshm_vivid_open();
	struct ndshm_block_info block;
	char *picture, *copied;
	size_t length;
	int dmabuf;

	if (vivid < 0)
		SKIP(return, "the kernel has no vivid");
	if (!self->translated)
		SKIP(return, "the device does not reach all memory");
	dmabuf = ndshm_vivid_export(vivid, &length);
	ASSERT_LE(0, dmabuf)
		TH_LOG("vivid: %s", strerror(-dmabuf));
	start(_metadata, self);
	block = test_import(dmabuf);
	ASSERT_EQ(NDSHM_VIVID_FRAME, ndshm_vivid_fill(vivid));
	picture = test_map(dmabuf, length);
	EXPECT_EQ(NULL, memchr(picture, 0, NDSHM_VIVID_FRAME));
	copied = malloc(EDU_MOST);
	memcpy(copied, picture + 2 * self->page, EDU_MOST);
	/* The device reads the picture. */
	copy(_metadata, self, &block, 2 * self->page, 0, EDU_MOST);
	EXPECT_EQ(0, memcmp(picture, copied, EDU_MOST));
	free(copied);
	munmap(picture, length);
	close(dmabuf);
	close(vivid);
	/* The camera's file is closed, and the memory is still there. */
	copy(_metadata, self, &block, 0, self->page, EDU_MOST);
}

/* A graphics driver's buffer. */
TEST_F(import, vgem)
{
	const int vgem = ndshm_vgem_open_card();
	struct ndshm_block_info block;
	size_t length;
	int dmabuf;
	char *map;

	if (vgem < 0)
		SKIP(return, "the kernel has no vgem");
	if (!self->translated)
		SKIP(return, "the device does not reach all memory");
	dmabuf = ndshm_vgem_buffer(vgem, 640, 100, &length);
	ASSERT_LE(0, dmabuf)
		TH_LOG("vgem: %s", strerror(-dmabuf));
	start(_metadata, self);
	block = test_import(dmabuf);
	EXPECT_EQ(length, block.length);
	map = test_map(dmabuf, length);
	check_device(_metadata, self, &block, map);
	munmap(map, length);
	close(dmabuf);
	close(vgem);
	copy(_metadata, self, &block, 0, self->page, EDU_MOST);
}

/*
 * Races
 */

struct race {
	pthread_t thread;
	int dmabuf;
	int fd;
	__u32 adapter;
	bool *stop;
	unsigned int done;
};

/*
 * CONFIG_DMA_API_DEBUG warns of more than eight mappings of a page. A freed import can have two
 * until a worker has run, so wait for that while the mock still has the dma-buf.
 */
static void *race_import(void *data)
{
	struct ndshm_block_import_args import;
	struct ndshm_block_free_args free;
	struct race *race = data;

	while (!__atomic_load_n(race->stop, __ATOMIC_SEQ_CST)) {
		import = block_import_request(race->adapter, race->dmabuf);
		if (_test_block_import(race->fd, &import))
			continue;
		race->done++;
		free = block_free_request(import.out_block.handle);
		_test_block_free(race->fd, &free);
		ndshm_soon(ndshm_mock_export(0).attached <= 1);
	}
	return NULL;
}

/* The end of the claim ends this import. */
static void *race_leave(void *data)
{
	struct ndshm_block_import_args import;
	struct race *race = data;

	import = block_import_request(race->adapter, race->dmabuf);
	if (!_test_block_import(race->fd, &import))
		race->done++;
	return NULL;
}

/* Imports, frees and moves, while the claim ends in every way. */
TEST_F(import, races)
{
	const unsigned int rounds = ndshm_rounds(60, 9);
	struct race races[3];
	unsigned int i, j, seed = 1, done = 0;
	bool stop;

	/* On a busy machine not each round has an import. */
	for (i = 0; i < rounds || (done <= rounds && i < 10 * rounds); i++) {
		const int dmabuf = test_create(0, PAGES, i % 2 ? "pins" : "static");
		const struct ndshm_block_info node =
			test_new_block(self->fd, self->node, self->length);
		struct ndshm_block_export_args export =
			block_export_request(node.handle, O_RDWR | O_CLOEXEC);

		test_block_export(self->fd, &export);
		stop = false;
		for (j = 0; j < ARRAY_SIZE(races); j++) {
			races[j] = (struct race){
				.dmabuf = j == 2 ? export.out_dmabuf : dmabuf,
				.fd = self->fd, .adapter = self->adapter, .stop = &stop,
			};
			ASSERT_EQ(0, pthread_create(&races[j].thread, NULL,
						    j == 2 ? race_leave : race_import, &races[j]));
		}
		usleep(rand_r(&seed) % 20000);
		ndshm_mock("export move 0");
		if (i % 3 == 1)
			ndshm_mock("export close 0");
		if (i % 3 == 0)
			ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
		__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
		for (j = 0; j < ARRAY_SIZE(races); j++) {
			pthread_join(races[j].thread, NULL);
			done += races[j].done;
		}
		ndshm_mock("export close 0");
		close(dmabuf);
		close(export.out_dmabuf);
		close(self->fd);
		if (i % 3 == 0) {
			ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
			self->adapter = self->edu.adapter.id;
		}
		self->fd = test_open_claimed(&self->edu);
		EXPECT_TRUE(ndshm_soon(is_idle()));
		EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
	}
	EXPECT_LT(rounds, done);
}

/* Clients are killed in the middle of an import or a free. */
TEST_F(import, kills)
{
	const unsigned int rounds = ndshm_rounds(60, 10);
	const int dmabuf = test_create(0, 8 * PAGES, "pins");
	unsigned int i, seed = 1;
	bool never = false;
	pid_t pid;
	int peer;

	for (i = 0; i < rounds; i++) {
		close(self->fd);
		self->fd = -1;
		pid = ndshm_fork(&peer);
		ASSERT_LE(0, pid);
		if (!pid) {
			struct ndshm_adapter_claim_args claim =
				adapter_claim_request(self->adapter, EDU_WIDTH);
			struct race race = {
				.dmabuf = dmabuf, .fd = ndshm_open(), .adapter = self->adapter,
				.stop = &never,
			};

			if (_test_adapter_claim(race.fd, &claim)) {
				TH_LOG("round %u: fd %d, reason %u", i, race.fd, claim.reason);
				_exit(1);
			}
			ndshm_signal_peer(peer);
			race_import(&race);
		}
		ASSERT_TRUE(ndshm_hear(peer));
		usleep(rand_r(&seed) % 10000);
		EXPECT_TRUE(ndshm_end(pid, peer, SIGKILL));
		/* With the process its claim has ended. */
		EXPECT_EQ(pid, waitpid(pid, NULL, 0));
		close(peer);
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_export(0).attached));
		EXPECT_TRUE(ndshm_soon(test_user_locked() == self->before));
		EXPECT_EQ(0, ndshm_mock("export move 0"));
		ndshm_case(true);
	}
	forget(0, dmabuf);
	self->fd = ndshm_open();
}

FIXTURE(not_coherent) {
	int fd;
	__u32 adapter;
	bool possible;
};

FIXTURE_SETUP(not_coherent)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->adapter = info.out_default_adapter;
	self->possible = info.out_features & NDSHM_FEATURE_IMPORT;
}

FIXTURE_TEARDOWN(not_coherent)
{
	close(self->fd);
}

/* A device that does not see the caches imports nothing: syncs are the exporter's. */
TEST_F(not_coherent, refused)
{
	struct ndshm_block_import_args import;
	struct ndshm_block_export_args export;
	struct ndshm_block_info block;

	if (!self->possible)
		SKIP(return, "the kernel has no dma-bufs");
	if (test_sees_caches(self->fd, self->adapter))
		SKIP(return, "all devices see the caches");
	block = test_new_block(self->fd, self->adapter, 1);
	export = block_export_request(block.handle, O_RDWR);
	test_block_export(self->fd, &export);
	import = block_import_request(self->adapter, export.out_dmabuf);
	test_err_block_import(EOPNOTSUPP, NDSHM_REASON_IMPORT_UNSUPPORTED, self->fd, &import);
	close(export.out_dmabuf);
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
