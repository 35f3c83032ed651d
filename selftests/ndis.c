// SPDX-License-Identifier: GPL-2.0
/*
 * The NDIS calls of the kernel: test cases in a module that makes them, and a driver
 * with queues that uses no interface of ndshm but these calls. The modules are in the
 * directory of the one that NDSHM_MOCK names.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"
#include "ndshm_test.h"

/* Of cases whose device is not one of the test. */
#define NO_CACHES	"memory of an NDIS provider is for devices that see the caches"

#define CASES		"ndshm_ndis_cases"
#define VMQ		"ndshm_ndis_vmq"
#define VMQ_CONTROL	"/sys/kernel/debug/ndis-vmq/control"
#define DMA_DEBUG	"/sys/kernel/debug/dma-api/"
#define PARAMETER(module, name) \
	"/sys/module/" module "/parameters/" name

/* Build the path of @module relative to NDSHM_MOCK. Return: false if it is not set. */
static bool file_of(const char *module, char *path, size_t size)
{
	const char *mock = getenv("NDSHM_MOCK");
	char copy[4096];

	if (!mock || snprintf(copy, sizeof(copy), "%s", mock) >=
		     (int)sizeof(copy))
		return false;
	return snprintf(path, size, "%s/%s.ko", dirname(copy), module) <
	       (int)size;
}

/* Return 0 or -errno; -ENOENT also if NDSHM_MOCK is not set. */
static int load_with(const char *module, const char *parameters)
{
	char path[4200];

	return file_of(module, path, sizeof(path)) ?
	       ndshm_load_module(path, parameters) : -ENOENT;
}

static int load(const char *module)
{
	return load_with(module, "");
}

/*
 * The cases
 */

FIXTURE(calls) {
	bool loaded;
};

/* Cases that failed, and left handles open: the module stays. */
static bool leaked(void)
{
	return ndshm_read_number(PARAMETER(CASES, "leaked")) > 0;
}

FIXTURE_SETUP(calls)
{
	int error = leaked() ? 0 : load(CASES);

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
}

FIXTURE_TEARDOWN(calls)
{
	/* A case may not leave a reference to the module behind. */
	if (self->loaded && !leaked())
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(CASES)));
}

static int run(const char *name)
{
	ndshm_case(true);
	return ndshm_write_file(PARAMETER(CASES, "run"), name);
}

/*
 * Return the number of DMA mappings that the kernel counts, or -1 without DMA
 * debugging.
 */
static long long mapped(void)
{
	long long all = ndshm_read_number(DMA_DEBUG "nr_total_entries");
	long long free = ndshm_read_number(DMA_DEBUG "num_free_entries");

	return all < 0 || free < 0 ? -1 : all - free;
}

static void run_case(struct __test_metadata *_metadata, const char *name, bool caches)
{
	long long before = mapped();
	int error;

	if (caches && nodes_need_sync())
		SKIP(return, NO_CACHES);
	error = run(name);
	if (error == -ENODEV)
		SKIP(return, "no edu without a driver behind an IOMMU");
	EXPECT_EQ(0, error);
	/* Other devices have mappings, too, but fewer than own_half_mapped has lists. */
	if (before >= 0)
		EXPECT_GT(before + 500, mapped());
}

/*
 * Cases named ndis_ check rules that NDIS documents, those named own_ rules of
 * ndshm: see the tables in Documentation/driver/ndis.rst. The module logs each
 * mismatch. No case may end the program with an assertion, so that the module
 * is always unloaded.
 */
#define CASE_WITH(name, caches) \
static const char case_##name[] = #name; \
TEST_F(calls, name) \
{ \
	run_case(_metadata, case_##name, caches); \
}

#define CASE(name)		CASE_WITH(name, false)
#define CASE_CACHES(name)	CASE_WITH(name, true)
#include "ndshm_ndis_cases.h"
#undef CASE_CACHES
#undef CASE

static int step(const char *name)
{
	return ndshm_write_file(PARAMETER(CASES, "step"), name);
}

/* A provider that registers again may have other flags. */
TEST_F(calls, own_flags_shown)
{
	static const struct {
		const char *step;
		__u32 flags;
	} steps[] = { { "register", 0 }, { "replace", 1 }, { "replace", 0 } };
	struct ndshm_nl_provider provider;
	struct ndshm_nl nl;
	unsigned int i;

	EXPECT_EQ(0, ndshm_nl_open(&nl));
	EXPECT_EQ(0, step("begin"));
	EXPECT_EQ(0, step("open"));
	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		EXPECT_EQ(0, step(steps[i].step));
		memset(&provider, 0xff, sizeof(provider));
		EXPECT_EQ(0, ndshm_nl_provider_by_name(&nl, "ndis-step",
						       &provider));
		EXPECT_EQ(steps[i].flags, provider.flags);
	}
	EXPECT_EQ(0, step("end"));
	ndshm_nl_close(&nl);
}

/* The list of cases must be complete. */
TEST_F(calls, all_of_them)
{
	char text[4096], listed[4096];
	int length = 0;

#define CASE(name) \
	(length += snprintf(listed + length, sizeof(listed) - length, "%s%s", length ? "\n" : "", \
			    #name))
#define CASE_CACHES	CASE
#include "ndshm_ndis_cases.h"
#undef CASE_CACHES
#undef CASE
	ASSERT_EQ(0, ndshm_read_file(PARAMETER(CASES, "run"), text,
				     sizeof(text)));
	EXPECT_STREQ(listed, text);
	EXPECT_EQ(-ENOENT, run("none"));
}

/*
 * A driver, and the provider of its memory
 */

/* Carry out a command of kernel/tests/ndis/vmq_linux.c. Return 0 or -errno. */
static int vmq(const char *format, ...)
{
	char command[64];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	ndshm_case(true);
	return ndshm_write_file(VMQ_CONTROL, command);
}

FIXTURE(strangers) {
	bool needs_sync;	/* memory of the built-in provider for nodes */
	bool provider;
	bool consumer;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(strangers)
{
	int error;

	self->needs_sync = nodes_need_sync();
	error = load(CASES);
	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->provider = true;
	ASSERT_EQ(0, step("supply"));
	ASSERT_EQ(0, load(VMQ));
	self->consumer = true;
	ASSERT_EQ(0, vmq("allocate 256 128"));
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(strangers)
{
	if (self->consumer)
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(VMQ)));
	if (self->provider) {
		ndshm_nl_close(&self->nl);
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(CASES)));
	}
}

static long long allocated(void)
{
	return ndshm_read_number(PARAMETER(CASES, "allocated"));
}

static long long freed(void)
{
	return ndshm_read_number(PARAMETER(CASES, "freed"));
}

TEST_F(strangers, ndis_one_supplies_the_other)
{
	struct ndshm_nl_provider provider, own;
	struct ndshm_nl_adapter adapter;

	/* The buffers, and those for the lookahead. */
	EXPECT_EQ(2, allocated());
	EXPECT_EQ(0, freed());
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "ndis-supplier",
					       &provider));
	EXPECT_EQ(1, provider.scope);
	EXPECT_EQ(2, provider.blocks);
	EXPECT_FALSE(provider.mappable);
	/* The miniport's own allocations come from the host. */
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent", &own));
	EXPECT_EQ(1, own.blocks);
	/* Other clients must not be able to use its adapter. */
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "ndis-vmq",
					      &adapter));
	EXPECT_FALSE(adapter.open);
	EXPECT_FALSE(adapter.claimable);

	ASSERT_EQ(0, ndshm_unload_module(VMQ));
	self->consumer = false;
	EXPECT_EQ(2, freed());
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, own.id, &own));
	EXPECT_EQ(0, own.blocks);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, "ndis-vmq",
						    &adapter));
}

/* A client can allocate from this provider, whose memory cannot be mapped. */
TEST_F(strangers, own_supplies_clients)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_nl_provider provider;
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc;
	const size_t page = page_size();
	int fd;

	if (self->needs_sync)
		SKIP(return, NO_CACHES);
	fd = ndshm_open();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "ndis-supplier",
					       &provider));
	/* As declared by the driver. */
	EXPECT_EQ(1, provider.flags);
	test_get_info(fd, &info);
	alloc = block_alloc_request(info.out_default_adapter, 5000, &block);
	test_block_alloc(fd, &alloc);
	EXPECT_EQ(3, allocated());
	/* Whole pages, as a client could map the block of another provider. */
	EXPECT_EQ((5000 + page - 1) / page * page,
		  (size_t)ndshm_read_number(PARAMETER(CASES, "length")));
	EXPECT_EQ(1, block.segments);
	test_free_handle(fd, block.handle);
	EXPECT_EQ(1, freed());
	close(fd);
	/* The provider is in use and cannot be unloaded; the consumer can. */
	EXPECT_EQ(-EAGAIN, ndshm_unload_module(CASES));
	ASSERT_EQ(0, ndshm_unload_module(VMQ));
	self->consumer = false;
	EXPECT_EQ(3, freed());
}

/*
 * A driver with queues, written as for Windows
 */

#define VMQ_BUFFER	2048	/* bytes of a buffer */

enum { RUNNING = 3, STOP_DMA = 5, FREEING = 6 };

FIXTURE(vmq) {
	bool loaded;
	struct ndshm_nl nl;
	__u32 adapter;
	__u32 blocks;
	unsigned int most_buffers;
};

/* With edu, which writes packets by DMA, or with a platform device. */
FIXTURE_VARIANT(vmq) {
	const char *parameters;
};

FIXTURE_VARIANT_ADD(vmq, platform) {
	.parameters = "",
};

FIXTURE_VARIANT_ADD(vmq, edu) {
	.parameters = "pci=1",
};

/* Number of live blocks that drivers have allocated. */
static __u32 driver_blocks(struct ndshm_nl *nl)
{
	static struct ndshm_nl_block blocks[256];
	int i, count = ndshm_nl_blocks(nl, blocks, ARRAY_SIZE(blocks));
	__u32 found = 0;

	for (i = 0; i < count && i < (int)ARRAY_SIZE(blocks); i++)
		found += blocks[i].kernel;
	return found;
}

/* The addresses of edu have 28 bits: without an IOMMU there is less memory for it. */
static bool edu_is_translated(void)
{
	struct ndshm_edu edu;

	return !ndshm_edu_find(&edu) && !strncmp(edu.pci.group_type, "DMA", 3);
}

FIXTURE_SETUP(vmq)
{
	int error = load_with(VMQ, variant->parameters);
	struct ndshm_nl_adapter adapter;

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
	if (ndshm_nl_adapter_by_name(&self->nl, "ndis-vmq", &adapter))
		SKIP(return, "no edu device");
	self->adapter = adapter.id;
	self->blocks = driver_blocks(&self->nl);
	self->most_buffers = *variant->parameters && !edu_is_translated() ? 1024 : 16384;
}

FIXTURE_TEARDOWN(vmq)
{
	if (!self->loaded)
		return;
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(VMQ)));
}

/* The newest queue of the adapter; its state is 0 if there is only the default one. */
static struct ndshm_nl_queue newest_queue(struct _test_data_vmq *self)
{
	static struct ndshm_nl_queue seen[64];
	struct ndshm_nl_queue newest = {};
	int i, count = ndshm_nl_queues(&self->nl, seen, ARRAY_SIZE(seen));

	for (i = 0; i < count && i < (int)ARRAY_SIZE(seen); i++)
		if (seen[i].adapter == self->adapter && !seen[i].kind && seen[i].id)
			newest = seen[i];
	return newest;
}

static __u32 queue_state(struct _test_data_vmq *self, __u32 id)
{
	struct ndshm_nl_queue one;

	return ndshm_nl_queue_by_id(&self->nl, self->adapter, 0, id, &one) ? 0 : one.state;
}

/* Queues get all buffers that were suggested, and all memory goes with them, in any order. */
TEST_F(vmq, ndis_buffers)
{
	static const unsigned int counts[] = { 256, 1024, 4096, 16384 };
	unsigned int i, lookahead;
	struct ndshm_nl_queue one;
	__u32 first;

	for (i = 0; i < ARRAY_SIZE(counts) && counts[i] <= self->most_buffers; i++) {
		for (lookahead = 0; lookahead <= 128; lookahead += 128) {
			EXPECT_EQ(0, vmq("allocate %u %u", counts[i], lookahead));
			first = newest_queue(self).id;
			EXPECT_EQ(0, vmq("allocate 0 %u", lookahead));
			one = newest_queue(self);
			EXPECT_LT(first, one.id);
			EXPECT_EQ(0, one.buffers);
			/* 256 without a suggestion; a second block has the lookahead buffers. */
			EXPECT_EQ(lookahead ? 2 : 1, one.blocks);
			ASSERT_EQ(0, ndshm_nl_queue_by_id(&self->nl, self->adapter, 0, first,
							  &one));
			EXPECT_EQ(RUNNING, one.state);
			EXPECT_EQ(1, one.filters);
			EXPECT_EQ(counts[i], one.buffers);
			EXPECT_EQ(lookahead, one.lookahead);
			EXPECT_EQ(1, one.affinity);
			EXPECT_STREQ("vmq of strangers", one.name);
			EXPECT_STREQ("guest", one.vm_name);
			EXPECT_LE((counts[i] + 1023) / 1024 * (lookahead ? 2 : 1), one.blocks);
			EXPECT_LE((__u64)counts[i] * VMQ_BUFFER, one.bytes);
			TH_LOG("%u buffers, lookahead %u: %u blocks, %llu bytes", one.buffers,
			       one.lookahead, one.blocks, one.bytes);
			EXPECT_EQ(0, vmq("receive %u 3", first));
			EXPECT_EQ(0, vmq("return %u", first));
			EXPECT_EQ(0, vmq("free %u", first));
			EXPECT_EQ(0, queue_state(self, first));
			EXPECT_EQ(0, vmq("free %u", newest_queue(self).id));
			EXPECT_EQ(0, newest_queue(self).state);
			EXPECT_EQ(self->blocks, driver_blocks(&self->nl));
		}
	}
}

/* A queue is freed when the last of its packets has been returned. */
TEST_F(vmq, ndis_packets_return)
{
	__u32 first, second;
	pid_t child;
	int peer;

	EXPECT_EQ(0, vmq("allocate 64 0"));
	first = newest_queue(self).id;
	EXPECT_EQ(0, vmq("allocate 64 64"));
	second = newest_queue(self).id;
	EXPECT_EQ(0, vmq("receive %u 2", first));
	EXPECT_EQ(0, vmq("receive %u 2", second));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(vmq("free %u", first) ? 1 : 0);
	EXPECT_TRUE(ndshm_soon(queue_state(self, first) == FREEING));
	/* The memory stays while the receiver has the packets. */
	EXPECT_LT(self->blocks, driver_blocks(&self->nl));
	EXPECT_NE(0, vmq("receive %u 1", first));
	EXPECT_EQ(0, vmq("return %u", first));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
	EXPECT_EQ(0, queue_state(self, first));
	/* The other queue is as it was. */
	EXPECT_EQ(RUNNING, queue_state(self, second));
	EXPECT_EQ(0, vmq("receive %u 1", second));
	EXPECT_EQ(0, vmq("return %u", second));
	EXPECT_EQ(0, vmq("free %u", second));
	EXPECT_EQ(self->blocks, driver_blocks(&self->nl));
}

/* What a driver leaves is freed when it goes; all buffers of a queue can be used at a time. */
TEST_F(vmq, ndis_all_buffers)
{
	__u32 id;

	if (!strcmp(variant->parameters, "pci=1"))
		SKIP(return, "each packet takes edu a fifth of a second");
	EXPECT_EQ(0, vmq("allocate 1024 128"));
	id = newest_queue(self).id;
	EXPECT_EQ(0, vmq("receive %u 1024", id));
	EXPECT_EQ(-ENOBUFS, vmq("receive %u 1", id));
	EXPECT_EQ(0, vmq("return %u", id));
	EXPECT_EQ(0, vmq("receive %u 1024", id));
	ASSERT_EQ(0, ndshm_unload_module(VMQ));
	self->loaded = false;
	/* And what it has allocated for itself. */
	EXPECT_EQ(self->blocks - 1, driver_blocks(&self->nl));
	EXPECT_EQ(0, queue_state(self, id));
	ndshm_nl_close(&self->nl);
}

/*
 * Count the identifiers of ndshm in a module's file, apart from its own name
 * and the four calls.
 */
static int other_names(const char *map, size_t size, const char *module,
		       unsigned int *calls)
{
	const char *at = map, *end = map + size, *word;
	int others = 0;

	while ((word = memmem(at, end - at, "\0ndshm_", 7))) {
		word++;
		at = word;
		if (!strcmp(word, "ndshm_ndis_open") ||
		    !strcmp(word, "ndshm_ndis_close") ||
		    !strcmp(word, "ndshm_ndis_oid") ||
		    !strcmp(word, "ndshm_ndis_serve_clients"))
			++*calls;
		else if (strncmp(word, module, strlen(module)))
			others++;
	}
	return others;
}

FIXTURE(files) {
};

FIXTURE_SETUP(files)
{
}

FIXTURE_TEARDOWN(files)
{
}

/*
 * The driver and the prototypes written in the same way must not refer to ndshm: the
 * strings in their files show the symbols that they need and the
 * structures that they use.
 */
TEST_F(files, names)
{
	static const struct {
		const char *name;
		const char *file;
	} modules[] = {
		{ VMQ, VMQ },
		{ "ndshm_edu", "../prototypes/edu/ndshm_edu" },
		{ "ndshm_reserved", "../prototypes/reserved/ndshm_reserved" },
	};
	unsigned int i, calls;
	char path[4200];
	struct stat stat;
	char *map;
	int fd;

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		if (!file_of(modules[i].file, path, sizeof(path)))
			SKIP(return, "%s", ndshm_mock_missing(-ENOENT));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT && strchr(modules[i].file, '/'))
			SKIP(return, "no prototypes: NDSHM_PROTOTYPES=1");
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fstat(fd, &stat));
		/* With a NUL terminator behind the last string. */
		map = calloc(1, stat.st_size + 1);
		ASSERT_NE(NULL, map);
		ASSERT_EQ(stat.st_size, read(fd, map, stat.st_size));
		close(fd);
		calls = 0;
		EXPECT_EQ(0, other_names(map, stat.st_size, modules[i].name,
					 &calls))
			TH_LOG("%s", modules[i].name);
		/*
		 * The calls themselves must be found, otherwise the search did
		 * not work.
		 */
		EXPECT_LE(2, calls);
		free(map);
		ndshm_case(true);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
