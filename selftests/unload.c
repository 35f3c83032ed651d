// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps the module loaded: a client, a mapping, and any path to the file of
 * a mapping, which holds neither.
 */
#include <fcntl.h>
#include <sys/syscall.h>

#include "ndshm_test.h"

FIXTURE(unload) {
	int fd;
	struct ndshm_block_info block;
	void *map;
};

FIXTURE_SETUP(unload)
{
	struct ndshm_get_info info = get_info_request();

	if (geteuid())
		SKIP(return, "only root can unload modules");
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	self->block = test_new_block(self->fd, info.out_default_adapter, 1);
	self->map = test_map_block(self->fd, &self->block);
}

FIXTURE_TEARDOWN(unload)
{
}

/* Refused because it is in use; the test goes on, since it was refused. */
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

/* A path from /proc outlives the mapping, and is looked at after its end. */
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

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
