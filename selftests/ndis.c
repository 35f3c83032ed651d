// SPDX-License-Identifier: GPL-2.0
/*
 * The NDIS calls of the kernel: the cases of a module that makes them, and two drivers
 * that know nothing of ndshm but these calls, of which one supplies the other. The
 * modules lie beside the one that NDSHM_MOCK names.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define CASES		"ndshm_ndis_cases"
#define PROVIDER	"ndshm_ndis_provider"
#define CONSUMER	"ndshm_ndis_consumer"
#define DMA_DEBUG	"/sys/kernel/debug/dma-api/"
#define PARAMETER(module, name) \
	"/sys/module/" module "/parameters/" name

/* Where a module's file is; false if NDSHM_MOCK is not set. */
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

/* As the mock's: 0 or -errno, -ENOENT also if nobody says where it is. */
static int load(const char *module)
{
	char path[4200];

	return file_of(module, path, sizeof(path)) ?
	       ndshm_load_module(path, "") : -ENOENT;
}

/*
 * The cases
 */

FIXTURE(calls) {
	bool loaded;
};

FIXTURE_SETUP(calls)
{
	int error = load(CASES);

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
}

FIXTURE_TEARDOWN(calls)
{
	/* Whatever happened: nobody holds it. */
	if (self->loaded)
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(CASES)));
}

static int run(const char *name)
{
	ndshm_case(true);
	return ndshm_write_file(PARAMETER(CASES, "run"), name);
}

/* What is wrong is said in the kernel's log. */
TEST_F(calls, headers)
{
	ASSERT_EQ(0, run("headers"));
}

TEST_F(calls, values)
{
	ASSERT_EQ(0, run("values"));
}

TEST_F(calls, lists)
{
	ASSERT_EQ(0, run("lists"));
}

TEST_F(calls, nodes)
{
	ASSERT_EQ(0, run("nodes"));
}

TEST_F(calls, driver_handle)
{
	ASSERT_EQ(0, run("driver_handle"));
}

TEST_F(calls, queues)
{
	ASSERT_EQ(0, run("queues"));
}

TEST_F(calls, zeroed)
{
	ASSERT_EQ(0, run("zeroed"));
}

TEST_F(calls, statuses)
{
	ASSERT_EQ(0, run("statuses"));
}

TEST_F(calls, nonsense)
{
	ASSERT_EQ(0, run("nonsense"));
}

TEST_F(calls, handler_sees)
{
	ASSERT_EQ(0, run("handler_sees"));
}

TEST_F(calls, characteristics)
{
	ASSERT_EQ(0, run("characteristics"));
}

TEST_F(calls, again)
{
	ASSERT_EQ(0, run("again"));
}

TEST_F(calls, reach)
{
	ASSERT_EQ(0, run("reach"));
}

/* Mappings that there are, as far as somebody counts them; or -1. */
static long long mapped(void)
{
	long long all = ndshm_read_number(DMA_DEBUG "nr_total_entries");
	long long free = ndshm_read_number(DMA_DEBUG "num_free_entries");

	return all < 0 || free < 0 ? -1 : all - free;
}

TEST_F(calls, half_mapped)
{
	long long before = mapped();

	ASSERT_EQ(0, run("half_mapped"));
	/* Others have some, too; but not as many as there were lists. */
	if (before >= 0)
		EXPECT_GT(before + 500, mapped());
}

TEST_F(calls, longer)
{
	ASSERT_EQ(0, run("longer"));
}

TEST_F(calls, handles)
{
	ASSERT_EQ(0, run("handles"));
}

TEST_F(calls, close_busy)
{
	ASSERT_EQ(0, run("close_busy"));
}

TEST_F(calls, revoked)
{
	ASSERT_EQ(0, run("revoked"));
}

TEST_F(calls, gone)
{
	ASSERT_EQ(0, run("gone"));
}

TEST_F(calls, cleared)
{
	ASSERT_EQ(0, run("cleared"));
}

TEST_F(calls, dma_handle)
{
	ASSERT_EQ(0, run("dma_handle"));
}

TEST_F(calls, miniport)
{
	ASSERT_EQ(0, run("miniport"));
}

TEST_F(calls, async)
{
	ASSERT_EQ(0, run("async"));
}

TEST_F(calls, async_ends)
{
	ASSERT_EQ(0, run("async_ends"));
}

TEST_F(calls, storm)
{
	ASSERT_EQ(0, run("storm"));
}

/* None is missed here. */
TEST_F(calls, all_of_them)
{
	static const char listed[] =
		"headers\nvalues\nlists\nnodes\ndriver_handle\nqueues\nzeroed\n"
		"statuses\nnonsense\nhandler_sees\ncharacteristics\nagain\n"
		"reach\nhalf_mapped\nlonger\nhandles\nclose_busy\nrevoked\n"
		"gone\ncleared\ndma_handle\nminiport\nasync\nasync_ends\n"
		"storm";
	char text[4096];

	ASSERT_EQ(0, ndshm_read_file(PARAMETER(CASES, "run"), text,
				     sizeof(text)));
	EXPECT_STREQ(listed, text);
	EXPECT_EQ(-ENOENT, run("none"));
}

/*
 * The two drivers
 */

FIXTURE(strangers) {
	bool provider;
	bool consumer;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(strangers)
{
	int error = load(PROVIDER);

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->provider = true;
	ASSERT_EQ(0, load(CONSUMER));
	self->consumer = true;
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(strangers)
{
	if (self->consumer)
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(CONSUMER)));
	if (self->provider) {
		ndshm_nl_close(&self->nl);
		EXPECT_TRUE(ndshm_soon(!ndshm_unload_module(PROVIDER)));
	}
}

static long long allocated(void)
{
	return ndshm_read_number(PARAMETER(PROVIDER, "allocated"));
}

static long long freed(void)
{
	return ndshm_read_number(PARAMETER(PROVIDER, "freed"));
}

TEST_F(strangers, one_supplies_the_other)
{
	struct ndshm_nl_provider provider, own;
	struct ndshm_nl_adapter adapter;

	/* A ring and the receive buffers. */
	EXPECT_EQ(2, allocated());
	EXPECT_EQ(0, freed());
	EXPECT_EQ(256, ndshm_read_number(PARAMETER(CONSUMER, "buffers")));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "ndis-supplier",
					       &provider));
	EXPECT_EQ(1, provider.scope);
	EXPECT_EQ(2, provider.blocks);
	EXPECT_FALSE(provider.mappable);
	/* What is the miniport's own comes from the host. */
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "coherent", &own));
	EXPECT_EQ(1, own.blocks);
	/* Its adapter is nobody else's. */
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "ndis-consumer",
					      &adapter));
	EXPECT_FALSE(adapter.open);
	EXPECT_FALSE(adapter.claimable);

	/* Who supplies is needed; who consumes can go. */
	EXPECT_EQ(-EAGAIN, ndshm_unload_module(PROVIDER));
	ASSERT_EQ(0, ndshm_unload_module(CONSUMER));
	self->consumer = false;
	EXPECT_EQ(2, freed());
	ASSERT_EQ(0, ndshm_nl_provider_by_id(&self->nl, own.id, &own));
	EXPECT_EQ(0, own.blocks);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, "ndis-consumer",
						    &adapter));
}

/* A client can have that provider's memory, as any other's that cannot be mapped. */
TEST_F(strangers, supplies_clients)
{
	struct ndshm_get_info info = get_info_request();
	struct ndshm_block_info block;
	struct ndshm_block_alloc alloc;
	int fd = ndshm_open();

	ASSERT_LE(0, fd);
	test_get_info(fd, &info);
	alloc = block_alloc_request(info.out_default_adapter, 5000, &block);
	test_block_alloc(fd, &alloc);
	EXPECT_EQ(3, allocated());
	EXPECT_EQ(1, block.segments);
	test_free_handle(fd, block.handle);
	EXPECT_EQ(1, freed());
	close(fd);
}

/* Words of ours in a module's file, but for its own name and the two calls. */
static int other_names(const char *map, size_t size, const char *module,
		       unsigned int *calls)
{
	const char *at = map, *end = map + size, *word;
	int others = 0;

	while ((word = memmem(at, end - at, "\0ndshm_", 7))) {
		word++;
		at = word;
		if (!strcmp(word, "ndshm_ndis_open") ||
		    !strcmp(word, "ndshm_ndis_close"))
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

/* What it needs, and what it is made of, stands there by name. */
TEST_F(files, names)
{
	static const char * const modules[] = { PROVIDER, CONSUMER };
	unsigned int i, calls;
	char path[4200];
	struct stat stat;
	char *map;
	int fd;

	for (i = 0; i < ARRAY_SIZE(modules); i++) {
		if (!file_of(modules[i], path, sizeof(path)))
			SKIP(return, "%s", ndshm_mock_missing(-ENOENT));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, fstat(fd, &stat));
		/* With a zero behind the last word. */
		map = calloc(1, stat.st_size + 1);
		ASSERT_NE(NULL, map);
		ASSERT_EQ(stat.st_size, read(fd, map, stat.st_size));
		close(fd);
		calls = 0;
		EXPECT_EQ(0, other_names(map, stat.st_size, modules[i], &calls))
			TH_LOG("%s", modules[i]);
		/* It is not that nothing was found. */
		EXPECT_LE(2, calls);
		free(map);
		ndshm_case(true);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
