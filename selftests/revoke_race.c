// SPDX-License-Identifier: GPL-2.0
/*
 * Revoking while an mmap stands between filling its page tables and being found
 * through the inode: what it shows in the end is SIGBUS, never the old page. The
 * module's test build holds the mmap there.
 */
#include <pthread.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define DELAY		PARAMETERS "test_mmap_delay_ms"
#define DELAYING	PARAMETERS "test_mmap_delaying"

FIXTURE(race) {
	int fd;
	struct ndshm_edu edu;
};

FIXTURE_SETUP(race)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(race)
{
	ndshm_write_file(DELAY, "0");
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

/* What is mapped: the first page of a block, or of a BAR. */
FIXTURE_VARIANT(race) {
	bool bar;
};

FIXTURE_VARIANT_ADD(race, block) { .bar = false };
FIXTURE_VARIANT_ADD(race, bar) { .bar = true };

struct mapper {
	int fd;
	__u64 offset;
	size_t length;
	unsigned char *map;
};

static void *map_slowly(void *data)
{
	struct mapper *mapper = data;

	mapper->map = mmap(NULL, mapper->length, PROT_READ | PROT_WRITE,
			   MAP_SHARED, mapper->fd, mapper->offset);
	return NULL;
}

/* Something to map under a claim. */
static struct mapper make(struct __test_metadata *_metadata,
			  struct _test_data_race *self, bool bar)
{
	struct ndshm_adapter_claim claim =
		adapter_claim_request(self->edu.adapter.id, EDU_WIDTH);
	struct ndshm_adapter_map_bar map =
		adapter_map_bar_request(self->edu.adapter.id, 0);
	struct ndshm_block_info block;

	test_adapter_claim(self->fd, &claim);
	if (bar) {
		test_adapter_map_bar(self->fd, &map);
		return (struct mapper){ .fd = self->fd,
					.offset = map.out_mmap_offset,
					.length = page_size() };
	}
	block = test_new_block(self->fd, self->edu.adapter.id, 1);
	return (struct mapper){ .fd = self->fd, .offset = block.mmap_offset,
				.length = block.length };
}

TEST_F(race, unbind_while_mapping)
{
	struct mapper mapper = make(_metadata, self, variant->bar);
	pthread_t thread;

	ASSERT_EQ(0, ndshm_write_file(DELAY, "2000"));
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_slowly, &mapper));
	/* It is there now, with its page tables filled. */
	ASSERT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	ASSERT_NE(MAP_FAILED, mapper.map);
	test_sigbus(mapper.map);
	munmap(mapper.map, mapper.length);
}

/* Once revoked, the same call is refused. */
TEST_F(race, mapping_after_unbind)
{
	struct mapper mapper = make(_metadata, self, variant->bar);

	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu.pci));
	test_errno(ENODEV, mapper.fd,
		   mmap(NULL, mapper.length, PROT_READ, MAP_SHARED, mapper.fd,
			mapper.offset));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
