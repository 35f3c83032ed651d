// SPDX-License-Identifier: GPL-2.0
/*
 * Caches: which memory the kernel writes back or invalidates for a device that does not see them,
 * for each call that hands memory from one side to the other. Probes record what the DMA API asks
 * of the architecture. Skipped where all devices see the caches. Each path is printed as a row
 * that selftests/vm/sync-table.sh makes a table of.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <linux/dma-buf.h>

#include "ndshm_dmabuf.h"
#include "ndshm_edu.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

#define TRACING		"/sys/kernel/tracing/"
#define INSTANCE	TRACING "instances/ndshm_sync_calls/"
#define GROUP		"ndshm_sync_calls"
#define PROBE	"p:" GROUP "/%s arch_sync_dma_%s at=$arg1:x64 size=$arg2:u64 dir=$arg3:u32\n"
#define BOTH		0	/* DMA_BIDIRECTIONAL */

enum side { CPU, DEVICE };

static const char * const side_name[] = { "for_cpu", "for_device" };

/* Return: 0 or -errno. */
static int append(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	int error = fd < 0 || write(fd, text, strlen(text)) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

static void probes_remove(void)
{
	ndshm_write_file(INSTANCE "events/" GROUP "/enable", "0");
	rmdir(INSTANCE);
	append(TRACING "kprobe_events", "-:" GROUP "/for_cpu\n");
	append(TRACING "kprobe_events", "-:" GROUP "/for_device\n");
}

/* Record the syncs by this process. Return: why that is impossible, or NULL. */
static const char *probes_make(void)
{
	char text[128];
	int side;

	if (access(TRACING "kprobe_events", F_OK))
		return "this kernel has no probes";
	probes_remove();
	for (side = CPU; side <= DEVICE; side++) {
		snprintf(text, sizeof(text), PROBE, side_name[side], side_name[side]);
		if (append(TRACING "kprobe_events", text))
			return "all devices see the caches of this machine";
	}
	snprintf(text, sizeof(text), "common_pid == %d", getpid());
	if (mkdir(INSTANCE, 0700) || ndshm_write_file(INSTANCE "events/" GROUP "/filter", text) ||
	    ndshm_write_file(INSTANCE "events/" GROUP "/enable", "1"))
		return "no instance of tracefs can be made";
	return NULL;
}

/* Forget what was recorded. */
static void calls_forget(void)
{
	close(open(INSTANCE "trace", O_WRONLY | O_TRUNC | O_CLOEXEC));
}

/*
 * Mark the bytes of @map that calls for @side were for: @marks[i] counts those that have byte i,
 * and *@calls all. Return: the number of calls for other memory, in another direction, or
 * unreadable.
 */
static unsigned int calls_mark(enum side side, const unsigned char *map, size_t length,
			       unsigned char *marks, unsigned int *calls)
{
	FILE *trace = fopen(INSTANCE "trace", "re");
	unsigned long long at, size, inside;
	unsigned int direction, other = 0;
	const size_t page = page_size();
	char line[512];
	size_t i;

	if (!trace)
		return 1;
	memset(marks, 0, length);
	*calls = 0;
	while (fgets(line, sizeof(line), trace)) {
		const char *event = strstr(line, side_name[side]);

		if (line[0] == '#' || !event || !strstr(event, "arch_sync_dma_"))
			continue;
		++*calls;
		event = strstr(event, "at=");
		if (!event || sscanf(event, "at=%llx size=%llu dir=%u", &at, &size,
				     &direction) != 3 ||
		    direction != BOTH) {
			other++;
			continue;
		}
		for (i = 0; i < length && size; i += page) {
			inside = at - ndshm_physical(map + i);
			for (; inside < page && size; inside++, at++, size--)
				marks[i + inside]++;
		}
		other += size != 0;
	}
	fclose(trace);
	return other;
}

/*
 * Calls for one side: how many, and for how many bytes; and for which bytes they must be: from
 * @from to @to, and, a second time, for those below @again.
 */
struct calls {
	unsigned int count;
	size_t bytes;
	size_t from;
	size_t to;
	size_t again;
};

/* The calls for @side must be for the bytes of @map that @calls has, and for no other. */
static void expect_calls(struct __test_metadata *_metadata, int line, enum side side,
			 const unsigned char *map, size_t length, struct calls *calls)
{
	unsigned char *marks = malloc(length + 1);
	size_t i, wrong = length;
	unsigned int needed;

	ASSERT_NE(NULL, marks);
	EXPECT_EQ(0, calls_mark(side, map, length, marks, &calls->count))
		TH_LOG("line %d: a sync %s of other memory", line, side_name[side]);
	for (i = 0; i < length; i++) {
		calls->bytes += marks[i];
		needed = i >= calls->from && i < calls->to;
		needed += i < calls->again;
		if (wrong == length && marks[i] != needed)
			wrong = i;
	}
	EXPECT_EQ(length, wrong)
		TH_LOG("line %d: byte %zu was synced %u times %s", line, wrong, marks[wrong],
		       side_name[side]);
	ndshm_case(true);
	free(marks);
}

/*
 * The calls since calls_forget() must be for the bytes of @map from @cpu.from to @cpu.to, and from
 * @device.from to @device.to. @path: what was done, for the table; or NULL.
 */
static void expect_path(struct __test_metadata *_metadata, int line, bool card, const char *path,
			const unsigned char *map, size_t length, struct calls cpu,
			struct calls device)
{
	expect_calls(_metadata, line, CPU, map, length, &cpu);
	expect_calls(_metadata, line, DEVICE, map, length, &device);
	if (path)
		TH_LOG("row: %s: %s: %zu %zu %u: %zu %zu %u", card ? "card" : "node", path,
		       device.to - device.from + device.again, device.bytes, device.count,
		       cpu.to - cpu.from, cpu.bytes, cpu.count);
}

#define BYTES(from_, to_)	((struct calls){ .from = (from_), .to = (to_) })
#define NONE			BYTES(0, 0)
#define test_path(path, map, length, cpu, device) \
	expect_path(_metadata, __LINE__, variant->card, path, map, length, cpu, device)

FIXTURE(calls) {
	bool made;
	int fd;
	struct ndshm_edu edu;
	__u32 adapter;
	__u32 provider;
	size_t page;
	size_t length;
};

FIXTURE_VARIANT(calls) {
	bool card;		/* else the adapter of the node */
};

FIXTURE_VARIANT_ADD(calls, card) {
	.card = true,
};

FIXTURE_VARIANT_ADD(calls, node) {
	.card = false,
};

FIXTURE_SETUP(calls)
{
	struct ndshm_get_info_args info = get_info_request();
	const char *missing;

	if (geteuid())
		SKIP(return, "only root can trace");
	missing = probes_make();
	if (missing) {
		probes_remove();
		SKIP(return, "%s", missing);
	}
	self->page = page_size();
	/* Two chunks: a power of two of pages, and one more. */
	self->length = 5 * self->page;
	if (variant->card) {
		if (ndshm_edu_find(&self->edu))
			SKIP(return, "no edu device");
		ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
		self->made = true;
		self->fd = test_open_claimed(&self->edu);
		self->adapter = self->edu.adapter.id;
	} else {
		self->fd = ndshm_open();
		ASSERT_LE(0, self->fd);
		test_get_info(self->fd, &info);
		self->adapter = info.out_default_adapter;
	}
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &self->provider));
	if (test_sees_caches(self->fd, self->adapter))
		SKIP(return, "this device sees the caches");
}

FIXTURE_TEARDOWN(calls)
{
	if (self->fd)
		close(self->fd);
	if (self->made)
		EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
	probes_remove();
}

static struct ndshm_block_info new_block(struct __test_metadata *_metadata,
					 struct _test_data_calls *self)
{
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, self->length, &block);

	alloc.provider = self->provider;
	test_block_alloc(self->fd, &alloc);
	EXPECT_TRUE(block.flags & NDSHM_BLOCK_NEEDS_SYNC);
	return block;
}

/* The device must see the zeroes. What processors wrote, a user with a pin must still read. */
TEST_F(calls, block)
{
	struct ndshm_block_info block;
	unsigned char *map;

	calls_forget();
	block = new_block(_metadata, self);
	map = test_map_block(self->fd, &block);
	fill_pattern(map, self->length, 1);
	test_path("allocation of a block", map, self->length, NONE, BYTES(0, self->length));
	calls_forget();
	test_free_handle(self->fd, block.handle);
	test_path("free of a block", map, self->length, NONE, NONE);
	munmap(map, self->length);
}

TEST_F(calls, block_sync)
{
	const struct ndshm_block_info block = new_block(_metadata, self);
	unsigned char *map = test_map_block(self->fd, &block);
	const size_t ranges[][2] = {
		{ 0, self->length }, { 0, 1 }, { self->length - 1, 1 },
		{ 3, 2 * self->page }, { 4 * self->page - 1, 2 }, { self->page, self->page },
	};
	struct ndshm_block_sync_args sync;
	struct calls bytes;
	unsigned int i;
	int side;

	fill_pattern(map, self->length, 1);
	for (i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (side = CPU; side <= DEVICE; side++) {
			calls_forget();
			sync = block_sync_request(block.handle,
						  side == CPU ? NDSHM_SYNC_FOR_CPU :
								NDSHM_SYNC_FOR_DEVICE,
						  ranges[i][0], ranges[i][1]);
			test_block_sync(self->fd, &sync);
			bytes = BYTES(ranges[i][0], ranges[i][0] + ranges[i][1]);
			test_path(i ? NULL : side == CPU ? "BLOCK_SYNC for the processors" :
							   "BLOCK_SYNC for the device",
				  map, self->length, side == CPU ? bytes : NONE,
				  side == CPU ? NONE : bytes);
		}
	}
	munmap(map, self->length);
}

/*
 * The next extent in the same place is handed over zeroed: by new memory, or, when the pages had
 * data, by processors, whose writes the device must see.
 */
TEST_F(calls, extent)
{
	const size_t memory = 1 << 20;	/* all of a section that is this short */
	const int section = test_new_section(self->fd, self->adapter, 1 << 20, 0);
	const int holder = test_attach(section);
	unsigned char *map = test_map_section(section, 1 << 20);
	unsigned int round;
	__u64 offset;

	for (round = 0; round < 2; round++) {
		calls_forget();
		offset = test_extent(holder, self->length);
		/* Without this the pages have no frames in the page table. */
		EXPECT_TRUE(all_bytes(map, memory, 0));
		test_path(round ? "extent in memory that had one" : "extent in new memory", map,
			  memory, NONE,
			  round ? BYTES(offset, offset + self->length) :
				  ((struct calls){ .to = memory, .again = self->length }));
		fill_pattern(map + offset, self->length, 1);
		calls_forget();
		test_free_extent(holder, offset);
		/* Of a freed extent nothing is mapped, so all calls would be for other memory. */
		test_path(round ? "free of an extent" : NULL, map, 0, NONE, NONE);
	}
	munmap(map, 1 << 20);
	close(holder);
	close(section);
}

TEST_F(calls, section_sync)
{
	const int section = test_new_section(self->fd, self->adapter, 1 << 20, 1 << 20);
	const int holder = test_attach(section);
	unsigned char *map = test_map_section(section, 1 << 20);
	const __u64 offset = test_extent(holder, self->length);
	struct ndshm_section_sync_args sync;
	struct calls bytes;
	int side;

	fill_pattern(map + offset, self->length, 1);
	for (side = CPU; side <= DEVICE; side++) {
		calls_forget();
		sync = section_sync_request(side == CPU ? NDSHM_SYNC_FOR_CPU :
							  NDSHM_SYNC_FOR_DEVICE,
					    offset + 5, self->length - 7);
		test_section_sync(section, &sync);
		bytes = BYTES(5, self->length - 2);
		test_path(side == CPU ? "SECTION_SYNC for the processors" :
					"SECTION_SYNC for the device",
			  map + offset, self->length, side == CPU ? bytes : NONE,
			  side == CPU ? NONE : bytes);
	}
	munmap(map, 1 << 20);
	close(holder);
	close(section);
}

/* The ioctl of dma-bufs syncs for the adapter's own device, though no importer is attached. */
TEST_F(calls, dmabuf)
{
	const struct ndshm_block_info block = new_block(_metadata, self);
	struct ndshm_block_export_args export =
		block_export_request(block.handle, O_RDWR | O_CLOEXEC);
	const struct {
		__u64 flags;
		const char *start;
		const char *end;
	} users[] = {
		{ DMA_BUF_SYNC_READ, "dma-buf, start of reads", "dma-buf, end of reads" },
		{ DMA_BUF_SYNC_WRITE, "dma-buf, start of writes", "dma-buf, end of writes" },
		{ DMA_BUF_SYNC_RW, NULL, NULL },
	};
	unsigned char *map = test_map_block(self->fd, &block);
	bool reads, writes;
	unsigned int i;

	test_block_export(self->fd, &export);
	fill_pattern(map, self->length, 1);
	for (i = 0; i < ARRAY_SIZE(users); i++) {
		reads = users[i].flags & DMA_BUF_SYNC_READ;
		writes = users[i].flags & DMA_BUF_SYNC_WRITE;
		calls_forget();
		EXPECT_EQ(0, ndshm_dmabuf_sync(export.out_dmabuf,
					       DMA_BUF_SYNC_START | users[i].flags));
		test_path(users[i].start, map, self->length,
			  BYTES(0, reads ? self->length : 0), NONE);
		calls_forget();
		EXPECT_EQ(0, ndshm_dmabuf_sync(export.out_dmabuf,
					       DMA_BUF_SYNC_END | users[i].flags));
		test_path(users[i].end, map, self->length, NONE,
			  BYTES(0, writes ? self->length : 0));
	}
	munmap(map, self->length);
	close(export.out_dmabuf);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
