// SPDX-License-Identifier: GPL-2.0
/*
 * The module must stay loaded while there is a client, a mapping, or a path to
 * the file of a mapping. Pinned pages must not keep it loaded. NDSHM_KO is the
 * module's file, to load it again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

FIXTURE(unload) {
	int fd;
	__u64 before;
	__u32 adapter;
	struct ndshm_block_info block;
	void *map;
};

FIXTURE_SETUP(unload)
{
	struct ndshm_get_info_args info = get_info_request();

	if (geteuid())
		SKIP(return, "only root can unload modules");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->before = test_user_locked();
	self->adapter = info.out_default_adapter;
	self->block = test_new_block(self->fd, info.out_default_adapter, 1);
	self->map = test_map_block(self->fd, &self->block);
}

FIXTURE_TEARDOWN(unload)
{
}

/*
 * Unloading must fail because the module is in use; the test continues, as it
 * did fail.
 */
#define test_in_use() do { \
	ndshm_case(false); \
	ASSERT_EQ(-1, syscall(SYS_delete_module, "ndshm", O_NONBLOCK)); \
	EXPECT_EQ(EAGAIN, errno); \
} while (0)

TEST_F(unload, client)
{
	munmap(self->map, self->block.length);
	test_in_use();
	close(self->fd);
}

TEST_F(unload, mapping)
{
	close(self->fd);
	test_in_use();
	munmap(self->map, self->block.length);
}

/*
 * A path opened through /proc/self/map_files outlives the mapping and is used
 * afterwards.
 */
TEST_F(unload, path)
{
	char name[64], link[64] = "";
	int path;

	snprintf(name, sizeof(name), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)self->map,
		 (unsigned long)(self->map + self->block.length));
	path = open(name, O_PATH);
	ASSERT_LE(0, path)
		TH_LOG("%s: %s", name, strerror(errno));
	munmap(self->map, self->block.length);
	close(self->fd);
	test_in_use();
	snprintf(name, sizeof(name), "/proc/self/fd/%d", path);
	ASSERT_LT(0, readlink(name, link, sizeof(link) - 1));
	EXPECT_NE(NULL, strstr(link, "ndshm"));
	close(path);
}

/* Pinned pages must stay valid, but not charged, after the module has been unloaded. */
TEST_F(unload, pinned)
{
	const char *module = getenv("NDSHM_KO");
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(0, 4096, &self->block);
	struct ndshm_nl_provider provider;
	unsigned char copy[4096];
	struct iovec what;
	struct ndshm_nl nl;
	int ends[2];

	if (!module)
		SKIP(return, "NDSHM_KO does not name the module");
	ASSERT_EQ(0, munmap(self->map, self->block.length));
	test_free_handle(self->fd, self->block.handle);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_provider_by_name(&nl, "pages", &provider));
	ndshm_nl_close(&nl);
	alloc.adapter = self->adapter;
	alloc.provider = provider.id;
	test_block_alloc(self->fd, &alloc);
	self->map = test_map_block(self->fd, &self->block);
	fill_pattern(self->map, sizeof(copy), 1);
	what = (struct iovec){ self->map, sizeof(copy) };
	ASSERT_EQ((ssize_t)sizeof(copy), vmsplice(ends[1], &what, 1, 0));
	ASSERT_EQ(0, munmap(self->map, self->block.length));
	close(self->fd);
	ASSERT_TRUE(ndshm_soon(!ndshm_unload_module("ndshm")));
	ASSERT_EQ(0, ndshm_load_module(module, ""));
	EXPECT_EQ(self->before, test_user_locked());
	ASSERT_EQ((ssize_t)sizeof(copy), read(ends[0], copy, sizeof(copy)));
	EXPECT_TRUE(has_pattern(copy, sizeof(copy), 1));
}

/* The end of each built-in provider is an event. */
TEST_F(unload, events)
{
	const char *module = getenv("NDSHM_KO");
	static __u64 buffer[512];
	struct ndshm_nl nl;
	int got, last = 0;

	if (!module)
		SKIP(return, "NDSHM_KO does not name the module");
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	ASSERT_EQ(0, ndshm_nl_join_events(&nl));
	ASSERT_EQ(0, munmap(self->map, self->block.length));
	close(self->fd);
	ASSERT_TRUE(ndshm_soon(!ndshm_unload_module("ndshm")));
	while ((got = ndshm_nl_event(&nl, 0, buffer, sizeof(buffer))) > 0)
		last = got;
	EXPECT_EQ(-ETIMEDOUT, got);
	EXPECT_EQ(NDSHM_CMD_PROVIDER_GONE_NTF, last);
	ndshm_nl_close(&nl);
	ASSERT_EQ(0, ndshm_load_module(module, ""));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
