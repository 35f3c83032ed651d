// SPDX-License-Identifier: GPL-2.0
/*
 * Importers of dma-bufs, as the mock module (file named by NDSHM_MOCK) plays them: devices of
 * others and the adapter's own, kernel mappings, and memory that is revoked while it is mapped.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <linux/dma-buf.h>

#include "ndshm_clock.h"
#include "ndshm_dmabuf.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define RW	(PROT_READ | PROT_WRITE)

FIXTURE(import) {
	bool loaded;
	int fd;
	__u32 adapter;		/* of the mock */
	__u32 id;		/* of the mock's provider */
	__u32 node;
	size_t page;
	size_t length;
	struct ndshm_nl nl;
	struct ndshm_block_info block;
	int dmabuf;
	char *map;
};

FIXTURE_SETUP(import)
{
	int error = ndshm_mock_load("quarantine=8");
	struct ndshm_get_info_args info = get_info_request();

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p");
	test_get_info(self->fd, &info);
	if (!(info.out_features & NDSHM_FEATURE_EXPORT))
		SKIP(return, "the kernel has no dma-bufs");
	self->node = info.out_default_adapter;
	self->page = page_size();
	/* Folios of 1 MiB, two pages and one page. */
	self->length = (1 << 20) + 3 * self->page;
}

FIXTURE_TEARDOWN(import)
{
	struct ndshm_mock_counts counts;

	if (!self->loaded)
		return;
	munmap(self->map, self->length);
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	counts = ndshm_mock_counts("p");
	EXPECT_TRUE(ndshm_mock_sound(&counts));
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

static __u32 provider_id(struct __test_metadata *_metadata, struct _test_data_import *self,
			 const char *name)
{
	struct ndshm_nl_provider provider;

	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, name, &provider));
	return provider.id;
}

/* Allocate a block, map and export it. */
static void make_block(struct __test_metadata *_metadata, struct _test_data_import *self,
		       __u32 adapter, const char *provider, __u32 flags)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(adapter, self->length,
								  &self->block);
	struct ndshm_block_export_args export;

	alloc.provider = provider_id(_metadata, self, provider);
	test_block_alloc(self->fd, &alloc);
	export = block_export_request(self->block.handle, flags);
	test_block_export(self->fd, &export);
	self->dmabuf = export.out_dmabuf;
	self->map = test_map_block(self->fd, &self->block);
}

/* A command of the importer that returns an errno of the dma-buf. */
static int import(const char *format, int number)
{
	char command[80];

	snprintf(command, sizeof(command), format, number);
	return ndshm_mock("%s", command);
}

TEST_F(import, foreign_device)
{
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import map 0 from", 0));
	EXPECT_EQ((long long)self->length, ndshm_mock_import(0).bytes);
	ASSERT_EQ(0, import("import write 0 %d", 0x5a));
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x5a));
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	/* Another importer at the same time, and the same one again. */
	ASSERT_EQ(0, import("import attach 1 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import map 1 both", 0));
	ASSERT_EQ(0, import("import unmap 0", 0));
	ASSERT_EQ(0, import("import map 0 both", 0));
	ASSERT_EQ(0, import("import write 1 %d", 0x6b));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x6b));
	EXPECT_EQ(0, import("import detach 1", 0));
	ASSERT_EQ(0, import("import write 0 %d", 0x7c));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x7c));
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
}

/* An entry for each folio, but none that is longer than the device permits. */
TEST_F(import, entries)
{
	struct ndshm_mock_import all;

	make_block(_metadata, self, self->node, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import map 0 from", 0));
	all = ndshm_mock_import(0);
	EXPECT_EQ((long long)self->length, all.bytes);
	EXPECT_LT((long long)self->page, all.longest);
	ASSERT_EQ(0, import("import attach 1 %d foreign segment=65536", self->dmabuf));
	ASSERT_EQ(0, import("import map 1 from", 0));
	EXPECT_EQ((long long)self->length, ndshm_mock_import(1).bytes);
	EXPECT_EQ(65536, ndshm_mock_import(1).longest);
	EXPECT_LT(all.entries, ndshm_mock_import(1).entries);
	ASSERT_EQ(0, import("import write 1 %d", 0x11));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x11));
	EXPECT_EQ(0, import("import detach 1", 0));
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
}

TEST_F(import, kernel_mapping)
{
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import vmap 0", 0));
	/* The kernel mapping alone keeps the memory. */
	close(self->dmabuf);
	test_free_handle(self->fd, self->block.handle);
	ASSERT_EQ(0, import("import fill 0 %d", 0x3c));
	EXPECT_TRUE(all_bytes(self->map, self->length, 0x3c));
	munmap(self->map, self->length);
	ASSERT_EQ(0, import("import fill 0 %d", 0x3d));
	EXPECT_EQ(0, import("import vunmap 0", 0));
	ASSERT_EQ(0, import("import vmap 0", 0));
	EXPECT_EQ(0, import("import detach 0", 0));
}

TEST_F(import, readonly)
{
	int file = ndshm_mock_import_open();
	void *map;

	ASSERT_LE(0, file);
	make_block(_metadata, self, self->node, "pages", O_RDONLY);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	EXPECT_EQ(-EACCES, import("import map 0 from", 0));
	EXPECT_EQ(-EACCES, import("import map 0 both", 0));
	/* It has no operation for that. */
	EXPECT_EQ(-EINVAL, import("import vmap 0", 0));
	EXPECT_EQ(0, import("import map 0 to", 0));
	ndshm_case(false);
	/* The importer's own file is writable, but its mapping is not. */
	ASSERT_EQ(0, import("import mmap 0", 0));
	test_errno(EACCES, self->fd, mmap(NULL, self->length, RW, MAP_SHARED, file, 0));
	map = mmap(NULL, self->length, PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	fill_pattern(self->map, self->length, 1);
	EXPECT_TRUE(has_pattern(map, self->length, 1));
	test_errno(EACCES, self->fd, mprotect(map, self->length, RW));
	munmap(map, self->length);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
	close(file);
}

/* An importer can map the dma-buf through its own file. */
TEST_F(import, importers_file)
{
	int file = ndshm_mock_import_open();
	char *map, *tail;

	ASSERT_LE(0, file);
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import mmap 0", 0));
	map = mmap(NULL, self->length, RW, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, map);
	tail = mmap(NULL, self->page, RW, MAP_SHARED, file, self->length - self->page);
	ASSERT_NE(MAP_FAILED, tail);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
	fill_pattern(self->map, self->length, 2);
	EXPECT_TRUE(has_pattern(map, self->length, 2));
	EXPECT_EQ(0, memcmp(tail, self->map + self->length - self->page, self->page));
	munmap(tail, self->page);
	munmap(map, self->length);
	close(file);
}

/*
 * Memory without pages ends when its user revokes it, which no importer would notice: not even the
 * adapter's own device, or a driver that maps it for the kernel.
 */
TEST_F(import, frames)
{
	const struct {
		__u32 adapter;
		const char *provider;
	} kinds[] = {
		{ self->adapter, "coherent" },
		{ self->node, "coherent" },
		{ self->adapter, "p" },
	};
	unsigned int i;
	char *map;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		make_block(_metadata, self, kinds[i].adapter, kinds[i].provider, O_RDWR);
		map = mmap(NULL, self->length, RW, MAP_SHARED, self->dmabuf, 0);
		ASSERT_NE(MAP_FAILED, map);
		fill_pattern(map, self->length, 3);
		EXPECT_TRUE(has_pattern(self->map, self->length, 3));
		EXPECT_EQ(-EOPNOTSUPP, import("import attach 0 %d foreign", self->dmabuf));
		EXPECT_EQ(-EOPNOTSUPP, import("import attach 0 %d a", self->dmabuf));
		EXPECT_EQ(-EINVAL, import("import vmap_only 0 %d", self->dmabuf));
		ndshm_case(false);
		munmap(map, self->length);
		munmap(self->map, self->length);
		close(self->dmabuf);
	}
}

TEST_F(import, unmappable)
{
	struct ndshm_block_alloc_args alloc = block_alloc_request(self->adapter, 1, &self->block);
	struct ndshm_block_export_args export;

	test_mock("provider add q pfn=null");
	alloc.provider = provider_id(_metadata, self, "q");
	test_block_alloc(self->fd, &alloc);
	export = block_export_request(self->block.handle, O_RDWR);
	test_err_block_export(EOPNOTSUPP, NDSHM_REASON_EXPORT_UNSUPPORTED, self->fd, &export);
	EXPECT_EQ(-1, export.out_dmabuf);
	test_free_handle(self->fd, self->block.handle);
	test_mock("provider del q");
}

/*
 * Map for a device that reaches the memory by bounce buffers only. Return: false if it reaches the
 * memory itself, or there are no bounce buffers.
 */
static bool map_bounced(struct __test_metadata *_metadata, struct _test_data_import *self,
			const char *map)
{
	int error;

	ASSERT_EQ(0, import("import attach 0 %d foreign segment=65536", self->dmabuf));
	ASSERT_EQ(0, import("import narrow 0", 0));
	error = import(map, 0);
	if (!error) {
		memset(self->map, 0, self->length);
		ASSERT_EQ(0, import("import write 0 %d", 0x5a));
	}
	return !error && all_bytes(self->map, self->length, 0);
}

/* What a device has written to bounce buffers is seen after a sync. */
TEST_F(import, bounced)
{
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	if (map_bounced(_metadata, self, "import map 0 both")) {
		EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf,
					       DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		EXPECT_TRUE(all_bytes(self->map, self->length, 0x5a));
		/* The other way, past an importer that has ended. */
		ASSERT_EQ(0, import("import attach 1 %d foreign", self->dmabuf));
		ASSERT_EQ(0, import("import map 1 both", 0));
		EXPECT_EQ(0, import("import detach 1", 0));
		memset(self->map, 0x6b, self->length);
		EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf,
					       DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
		memset(self->map, 0, self->length);
		EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf,
					       DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		EXPECT_TRUE(all_bytes(self->map, self->length, 0x6b));
		EXPECT_EQ(0, import("import detach 0", 0));
		close(self->dmabuf);
		return;
	}
	import("import detach 0", 0);
	close(self->dmabuf);
	SKIP(return, "no memory is bounced for a narrow device");
}

#define CGROUPS	"/sys/fs/cgroup"

/* Sync for ever with a thousandth of the processor time. */
static void sync_throttled(int dmabuf, const char *cgroup, int peer)
{
	char file[128];

	snprintf(file, sizeof(file), "%s/cgroup.procs", cgroup);
	if (ndshm_write_file(file, "0"))
		_exit(1);
	ndshm_signal_peer(peer);
	for (;;)
		ndshm_dmabuf_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
}

/*
 * A process that hardly ever runs syncs what other devices have mapped. These unmap, map and attach
 * without waiting for it.
 */
TEST_F_TIMEOUT(import, throttled_sync, 120)
{
	unsigned long long end;
	double took, longest = 0;
	struct ndshm_clock begin;
	char cgroup[64], file[96];
	pid_t child;
	int peer;

	self->length = 16 << 20;
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	if (!map_bounced(_metadata, self, "import map 0 both")) {
		import("import detach 0", 0);
		close(self->dmabuf);
		SKIP(return, "no memory is bounced for a narrow device");
	}
	snprintf(cgroup, sizeof(cgroup), CGROUPS "/ndshm-sync-%d", getpid());
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+cpu");
	ASSERT_EQ(0, mkdir(cgroup, 0755));
	snprintf(file, sizeof(file), "%s/cpu.max", cgroup);
	ASSERT_EQ(0, ndshm_write_file(file, "1000 1000000"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		sync_throttled(self->dmabuf, cgroup, peer);
	EXPECT_TRUE(ndshm_hear(peer));
	end = ndshm_clock_now().now + 10000000000ULL;
	while (ndshm_clock_now().now < end) {
		begin = ndshm_clock_now();
		EXPECT_EQ(0, import("import unmap 0", 0));
		EXPECT_EQ(0, import("import map 0 both", 0));
		took = ndshm_clock_ran(begin);
		longest = took > longest ? took : longest;
	}
	TH_LOG("longest: %.1f ms", longest * 1e3);
	EXPECT_GT(0.5, longest);
	EXPECT_TRUE(ndshm_end(child, peer, SIGKILL));
	close(peer);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
	EXPECT_TRUE(ndshm_soon(!rmdir(cgroup)));
}

/* Memory that is not coherent is synchronised by its provider. */
TEST_F(import, needs_sync)
{
	struct ndshm_block_export_args export;
	struct ndshm_mock_counts before, after;
	int readonly;

	test_mock("script p needs_sync=1");
	make_block(_metadata, self, self->adapter, "p", O_RDWR);
	ASSERT_TRUE(self->block.flags & NDSHM_BLOCK_NEEDS_SYNC);
	before = ndshm_mock_counts("p");
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	after = ndshm_mock_counts("p");
	EXPECT_EQ(before.for_cpu + (long long)self->length, after.for_cpu);
	EXPECT_EQ(before.for_device, after.for_device);
	EXPECT_EQ((long long)self->length, after.sync_end);
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	EXPECT_EQ(before.for_device, ndshm_mock_counts("p").for_device);
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(after.for_cpu, ndshm_mock_counts("p").for_cpu);
	EXPECT_EQ(0, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	EXPECT_EQ(before.for_device + (long long)self->length, ndshm_mock_counts("p").for_device);
	/* A sync could discard what others have written. */
	export = block_export_request(self->block.handle, O_RDONLY);
	test_block_export(self->fd, &export);
	readonly = export.out_dmabuf;
	EXPECT_EQ(-EACCES, ndshm_dmabuf_sync(readonly, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	EXPECT_EQ(after.for_cpu, ndshm_mock_counts("p").for_cpu);
	ndshm_case(false);
	close(readonly);
	close(self->dmabuf);
	test_mock("script p reset");
}

/* Pages that are mapped when their adapter goes stay until they are unmapped, and charged. */
TEST_F(import, revoked_while_mapped)
{
	const __u64 before = test_user_locked();
	struct ndshm_block_export_args export;
	char *map;

	make_block(_metadata, self, self->adapter, "pages", O_RDWR);
	map = mmap(NULL, self->length, RW, MAP_SHARED, self->dmabuf, 0);
	ASSERT_NE(MAP_FAILED, map);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import attach 1 %d foreign", self->dmabuf));
	ASSERT_EQ(0, import("import attach 2 %d foreign moves", self->dmabuf));
	ASSERT_EQ(0, import("import map 0 both", 0));
	ASSERT_EQ(0, import("import vmap 1", 0));
	test_mock("adapter del a");

	test_sigbus(map);
	test_sigbus(self->map + self->length - 1);
	test_errno(ENODEV, self->fd, mmap(NULL, self->page, RW, MAP_SHARED, self->dmabuf, 0));
	EXPECT_EQ(-ENODEV, import("import map 1 both", 0));
	EXPECT_EQ(-ENODEV, import("import attach 3 %d foreign", self->dmabuf));
	EXPECT_EQ(-ENODEV, ndshm_dmabuf_sync(self->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW));
	ndshm_case(false);
	export = block_export_request(self->block.handle, O_RDWR);
	test_err_block_export(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd, &export);
	/* Neither has been told, and both still have the pages. */
	ASSERT_EQ(0, import("import write 0 %d", 0x21));
	ASSERT_EQ(0, import("import fill 1 %d", 0x22));
	ndshm_case(true);
	/* The charge ends with the block. */
	EXPECT_EQ(before, test_user_locked());
	munmap(map, self->length);
	munmap(self->map, self->length);
	test_free_handle(self->fd, self->block.handle);
	close(self->dmabuf);
	EXPECT_EQ(0, import("import detach 0", 0));
	/* The kernel mapping still has them. */
	ASSERT_EQ(0, import("import fill 1 %d", 0x23));
	EXPECT_EQ(0, import("import detach 1", 0));
	EXPECT_EQ(0, import("import detach 2", 0));
}

/*
 * A kernel mapping of revoked memory is of other memory: the core would warn if it failed, which a
 * user could cause.
 */
TEST_F(import, revoked_before_mapped)
{
	make_block(_metadata, self, self->adapter, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	test_mock("adapter del a");
	ASSERT_EQ(0, import("import vmap 0", 0));
	ASSERT_EQ(0, import("import fill 0 %d", 0x31));
	ndshm_case(true);
	EXPECT_EQ(0, import("import vunmap 0", 0));
	EXPECT_EQ(-ENODEV, import("import map 0 both", 0));
	ndshm_case(false);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
}

/* A provider that has pages, but not for this block. */
TEST_F(import, no_pages)
{
	test_mock("provider add q page");
	make_block(_metadata, self, self->adapter, "q", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	EXPECT_EQ(-ENXIO, import("import map 0 both", 0));
	EXPECT_EQ(-EINVAL, import("import vmap 0", 0));
	ndshm_case(false);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
	test_free_handle(self->fd, self->block.handle);
	munmap(self->map, self->length);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock("provider del q")));
}

/* A page with a hardware failure is given to no importer: an access could crash the machine. */
TEST_F(import, failed_page)
{
	struct ndshm_block_export_args export;
	char *bad;

	if (geteuid())
		SKIP(return, "only root can have memory fail");
	make_block(_metadata, self, self->node, "pages", O_RDWR);
	ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
	bad = self->map + 3 * self->page;
	memset(self->map, 1, self->length);
	/* The kernel cannot recover such a page, and logs that. */
	ndshm_fail_page(bad, self->page);
	munmap(self->map, self->length);
	self->map = test_map_block(self->fd, &self->block);
	if (ndshm_readable(self->map + 3 * self->page))
		SKIP(return, "the kernel does not have memory fail");
	EXPECT_EQ(-ENXIO, import("import map 0 both", 0));
	/* This one is of other memory. */
	ASSERT_EQ(0, import("import vmap 0", 0));
	ASSERT_EQ(0, import("import fill 0 %d", 0x61));
	EXPECT_EQ(1, self->map[self->length - 1]);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(self->dmabuf);
	export = block_export_request(self->block.handle, O_RDWR);
	test_block_export(self->fd, &export);
	ASSERT_EQ(0, import("import attach 0 %d foreign", export.out_dmabuf));
	EXPECT_EQ(-EINVAL, import("import vmap 0", 0));
	ndshm_case(false);
	EXPECT_EQ(0, import("import detach 0", 0));
	close(export.out_dmabuf);
}

/* Every order in which importer, dma-buf, handle and mapping can end. */
TEST_F(import, order_of_ends)
{
	const __u64 before = test_user_locked();
	unsigned int number, i, left[4], n;

	for (number = 0; number < 24; number++) {
		make_block(_metadata, self, self->node, "pages", O_RDWR);
		ASSERT_EQ(0, import("import attach 0 %d foreign", self->dmabuf));
		ASSERT_EQ(0, import("import map 0 both", 0));
		ASSERT_EQ(0, import("import vmap 0", 0));
		for (i = 0; i < 4; i++)
			left[i] = i;
		for (i = 4, n = number; i; n /= i, i--) {
			unsigned int j = n % i, step = left[j];

			EXPECT_EQ(before + self->block.consumed, test_user_locked());
			left[j] = left[i - 1];
			switch (step) {
			case 0:
				ASSERT_EQ(0, import("import write 0 %d", 0x41));
				ASSERT_EQ(0, import("import fill 0 %d", 0x42));
				EXPECT_EQ(0, import("import detach 0", 0));
				break;
			case 1:
				close(self->dmabuf);
				break;
			case 2:
				test_free_handle(self->fd, self->block.handle);
				break;
			case 3:
				munmap(self->map, self->length);
				break;
			}
		}
		EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
	}
}

/*
 * Sections
 */

#define HUGE	(2UL << 20)
#define MAX	(4 * HUGE)

/* A section with an extent of a huge page and two pages, which is exported. */
struct shared {
	int section;
	int holder;
	int dmabuf;
	__u64 place;
	size_t length;
	char *map;
};

static struct shared make_shared(struct __test_metadata *_metadata,
				 struct _test_data_import *self, __u32 flags)
{
	struct shared shared = { .length = HUGE + 2 * self->page };
	struct ndshm_section_export_args export;
	int exported_of;

	shared.section = test_new_section(self->fd, self->node, MAX, 0);
	shared.holder = test_attach(shared.section);
	shared.place = test_extent(shared.holder, shared.length);
	shared.map = (char *)test_map_section(shared.section, MAX);
	exported_of = test_share(shared.section,
				 flags == O_RDONLY ? NDSHM_SHARE_READONLY : 0);
	export = section_export_request(shared.place, shared.length, flags);
	test_section_export(exported_of, &export);
	shared.dmabuf = export.out_dmabuf;
	close(exported_of);
	return shared;
}

static void end_shared(const struct shared *shared)
{
	munmap(shared->map, MAX);
	close(shared->dmabuf);
	close(shared->holder);
	close(shared->section);
}

TEST_F(import, section)
{
	const __u64 before = test_user_locked();
	struct shared shared = make_shared(_metadata, self, O_RDWR);
	char *extent = shared.map + shared.place;
	__u64 next;

	ASSERT_EQ(0, import("import attach 0 %d foreign", shared.dmabuf));
	ASSERT_EQ(0, import("import attach 1 %d foreign", shared.dmabuf));
	ASSERT_EQ(0, import("import map 0 both", 0));
	ASSERT_EQ(0, import("import vmap 1", 0));
	EXPECT_EQ((long long)shared.length, ndshm_mock_import(0).bytes);
	ASSERT_EQ(0, import("import write 0 %d", 0x5a));
	EXPECT_TRUE(all_bytes(extent, shared.length, 0x5a));
	ASSERT_EQ(0, import("import fill 1 %d", 0x5b));
	EXPECT_TRUE(all_bytes(extent, shared.length, 0x5b));
	/* The importers alone keep the extent, and write to no other. */
	close(shared.dmabuf);
	shared.dmabuf = -1;
	test_free_extent(shared.holder, shared.place);
	next = test_extent(shared.holder, HUGE);
	memset(shared.map + next, 1, HUGE);
	ASSERT_EQ(0, import("import write 0 %d", 0x5c));
	EXPECT_TRUE(all_bytes(extent, shared.length, 0x5c));
	ASSERT_EQ(0, import("import fill 1 %d", 0x5d));
	EXPECT_TRUE(all_bytes(shared.map + next, HUGE, 1));
	EXPECT_EQ(0, import("import detach 0", 0));
	EXPECT_LT(HUGE, test_look(shared.section).out_taken);
	EXPECT_EQ(0, import("import detach 1", 0));
	EXPECT_EQ(HUGE, test_look(shared.section).out_taken);
	EXPECT_EQ(shared.place, test_extent(shared.holder, self->page));
	EXPECT_TRUE(all_bytes(extent, self->page, 0));
	end_shared(&shared);
	EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
}

/* The creator can end the charge of all pages, also of those that an importer has mapped. */
TEST_F(import, section_revoked)
{
	const __u64 before = test_user_locked();
	struct shared shared = make_shared(_metadata, self, O_RDWR);
	struct ndshm_section_delete_args delete = section_delete_request(NDSHM_DELETE_REVOKE, -1);

	test_extent(shared.holder, HUGE);
	ASSERT_EQ(0, import("import attach 0 %d foreign", shared.dmabuf));
	ASSERT_EQ(0, import("import map 0 both", 0));
	EXPECT_LE(before + shared.length + HUGE, test_user_locked());
	test_section_delete(shared.section, &delete);
	test_sigbus(shared.map + shared.place);
	EXPECT_EQ(before, test_user_locked());
	/* It has not been told. */
	ASSERT_EQ(0, import("import write 0 %d", 0x21));
	EXPECT_EQ(0, import("import unmap 0", 0));
	EXPECT_EQ(-ENODEV, import("import map 0 both", 0));
	EXPECT_EQ(-ENODEV, import("import attach 1 %d foreign", shared.dmabuf));
	ndshm_case(false);
	/* Other memory. */
	EXPECT_EQ(0, import("import vmap 0", 0));
	EXPECT_EQ(0, import("import fill 0 %d", 0x22));
	EXPECT_EQ(0, import("import detach 0", 0));
	end_shared(&shared);
}

/* An importer of a reader's dma-buf has what the section has there. */
TEST_F(import, section_of_reader)
{
	const __u64 before = test_user_locked();
	struct shared shared = make_shared(_metadata, self, O_RDONLY);

	ASSERT_EQ(0, import("import attach 0 %d foreign", shared.dmabuf));
	EXPECT_EQ(-EACCES, import("import map 0 both", 0));
	EXPECT_EQ(-EINVAL, import("import vmap 0", 0));
	ASSERT_EQ(0, import("import map 0 to", 0));
	test_free_extent(shared.holder, shared.place);
	EXPECT_EQ(0, test_look(shared.section).out_taken);
	test_renew(shared.holder, shared.section);
	EXPECT_EQ(0, ndshm_committed(shared.section));
	/* The device can still read the pages, but the creator no longer pays for them. */
	EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
	EXPECT_EQ(0, import("import unmap 0", 0));
	EXPECT_EQ(-ENXIO, import("import map 0 to", 0));
	ndshm_case(false);
	EXPECT_EQ(shared.place, test_extent(shared.holder, MAX));
	EXPECT_EQ(0, import("import map 0 to", 0));
	EXPECT_EQ(0, import("import detach 0", 0));
	end_shared(&shared);
}

/* Threads that use a dma-buf until @stop, whatever the results. */
struct race {
	pthread_t importer;
	pthread_t mapper;
	int dmabuf;
	int fd;
	__u32 handle;
	size_t length;
	bool stop;
};

static bool race_runs(const struct race *race)
{
	return !__atomic_load_n(&race->stop, __ATOMIC_SEQ_CST);
}

static void *race_import(void *data)
{
	struct race *race = data;

	while (race_runs(race)) {
		if (import("import attach 0 %d foreign", race->dmabuf))
			continue;
		if (!import("import map 0 both", 0))
			import("import write 0 %d", 0x51);
		if (!import("import vmap 0", 0))
			import("import fill 0 %d", 0x52);
		import("import detach 0", 0);
	}
	return NULL;
}

static void *race_map(void *data)
{
	struct race *race = data;
	struct ndshm_block_export_args export;
	char *map;

	while (race_runs(race)) {
		map = mmap(NULL, race->length, RW, MAP_SHARED, race->dmabuf, 0);
		if (map != MAP_FAILED) {
			ndshm_readable(map + race->length / 2);
			munmap(map, race->length);
		}
		ndshm_dmabuf_sync(race->dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW);
		export = block_export_request(race->handle, O_RDWR | O_CLOEXEC);
		if (!_test_block_export(race->fd, &export))
			close(export.out_dmabuf);
	}
	return NULL;
}

/* The adapter is removed while its block is exported, mapped and imported. */
TEST_F(import, races)
{
	const unsigned int rounds = ndshm_rounds(40, 10);
	const __u64 before = test_user_locked();
	struct ndshm_nl_adapter adapter;
	struct race race;
	unsigned int i, seed = 1;

	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "a", &adapter));
		make_block(_metadata, self, adapter.id, "pages", O_RDWR);
		race = (struct race){
			.dmabuf = self->dmabuf, .fd = self->fd, .handle = self->block.handle,
			.length = self->length,
		};
		ASSERT_EQ(0, pthread_create(&race.importer, NULL, race_import, &race));
		ASSERT_EQ(0, pthread_create(&race.mapper, NULL, race_map, &race));
		usleep(rand_r(&seed) % 20000);
		test_mock("adapter del a");
		test_sigbus(self->map);
		__atomic_store_n(&race.stop, true, __ATOMIC_SEQ_CST);
		pthread_join(race.importer, NULL);
		pthread_join(race.mapper, NULL);
		test_free_handle(self->fd, self->block.handle);
		munmap(self->map, self->length);
		close(self->dmabuf);
		test_mock("adapter add a");
	}
	EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
}

static void *race_export(void *data)
{
	struct race *race = data;
	struct ndshm_section_attach_args attach;
	struct ndshm_section_export_args export;
	struct ndshm_extent_alloc_args alloc;
	struct ndshm_extent_free_args free;

	while (race_runs(race)) {
		attach = section_attach_request(0);
		if (_test_section_attach(race->fd, &attach))
			continue;
		alloc = extent_alloc_request(race->length, 0);
		if (!_test_extent_alloc(attach.out_holder, &alloc)) {
			export = section_export_request(alloc.out_offset, race->length,
							O_RDWR | O_CLOEXEC);
			if (!_test_section_export(race->fd, &export)) {
				if (!import("import attach 1 %d foreign", export.out_dmabuf)) {
					import("import map 1 both", 0);
					import("import write 1 %d", 0x53);
				}
				close(export.out_dmabuf);
			}
			free = extent_free_request(alloc.out_offset);
			_test_extent_free(attach.out_holder, &free);
			import("import detach 1", 0);
		}
		close(attach.out_holder);
	}
	return NULL;
}

/* A section is revoked while parts of it are exported, imported, and freed. */
TEST_F(import, section_races)
{
	const unsigned int rounds = ndshm_rounds(40, 10) * (getenv("LONG") ? 25 : 1);
	const __u64 before = test_user_locked();
	struct ndshm_section_delete_args delete;
	unsigned int i, seed = 1;
	struct shared shared;
	struct race race;

	for (i = 0; i < rounds; i++) {
		shared = make_shared(_metadata, self, O_RDWR);
		race = (struct race){
			.dmabuf = shared.dmabuf, .fd = shared.section, .length = self->page,
		};
		ASSERT_EQ(0, pthread_create(&race.importer, NULL, race_import, &race));
		ASSERT_EQ(0, pthread_create(&race.mapper, NULL, race_export, &race));
		usleep(rand_r(&seed) % 20000);
		if (i % 2)
			test_free_extent(shared.holder, shared.place);
		delete = section_delete_request(NDSHM_DELETE_REVOKE, -1);
		test_section_delete(shared.section, &delete);
		test_sigbus(shared.map + shared.place);
		__atomic_store_n(&race.stop, true, __ATOMIC_SEQ_CST);
		pthread_join(race.importer, NULL);
		pthread_join(race.mapper, NULL);
		end_shared(&shared);
		EXPECT_TRUE(ndshm_soon(test_user_locked() == before));
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
