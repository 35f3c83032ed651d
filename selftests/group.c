// SPDX-License-Identifier: GPL-2.0
/*
 * Two functions in one IOMMU group share their DMA addresses, so one client has
 * the claims of both, or nobody has more than one.
 */
#include <pthread.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_test.h"

FIXTURE(group) {
	int one;
	int two;
	struct ndshm_edu edu[2];
};

FIXTURE_SETUP(group)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find_pair(self->edu))
		SKIP(return, "no two edu functions in one IOMMU group");
	ASSERT_EQ(0, ndshm_edu_bind_pair(self->edu));
	self->one = ndshm_open();
	self->two = ndshm_open();
	ASSERT_LE(0, self->one);
	ASSERT_LE(0, self->two);
}

FIXTURE_TEARDOWN(group)
{
	close(self->one);
	close(self->two);
	EXPECT_EQ(0, ndshm_edu_restore_pair(self->edu));
}

static __u32 adapter_of(struct _test_data_group *self, int number)
{
	return self->edu[number].adapter.id;
}

#define test_claim(fd, number) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(adapter_of(self, number), EDU_WIDTH); \
	test_adapter_claim(fd, &claim_); \
} while (0)

#define test_busy(fd, number) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(adapter_of(self, number), EDU_WIDTH); \
	test_err_adapter_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, fd, &claim_); \
} while (0)

/* Nothing foreign is in a group whose functions are all bound to ndshm. */
TEST_F(group, isolation)
{
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, self->edu[i].adapter.isolation &
			     NDSHM_ISOLATION_SHARED_GROUP);
}

/* A function that any driver may take is a stranger, also to who is there already. */
TEST_F(group, stranger)
{
	const __u32 before = self->edu[0].adapter.isolation;
	struct ndshm_adapter_claim claim =
		adapter_claim_request(adapter_of(self, 0), EDU_WIDTH);
	struct ndshm_adapter_start start =
		adapter_start_request(adapter_of(self, 0));
	struct ndshm_nl_adapter adapter;

	test_claim(self->one, 0);
	ASSERT_EQ(0, ndshm_pci_unbind(&self->edu[1].pci));
	ASSERT_EQ(0, ndshm_nl_adapter_by_id(&self->edu[0].nl,
					    adapter_of(self, 0), &adapter));
	EXPECT_EQ(before | NDSHM_ISOLATION_SHARED_GROUP, adapter.isolation);
	/* Where something else is missing, root was allowed to go on without it. */
	if (!before) {
		ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "N"));
		test_err_adapter_start(EPERM, NDSHM_REASON_UNISOLATED_OFF,
				       self->one, &start);
		close(self->one);
		test_err_adapter_claim(EPERM, NDSHM_REASON_UNISOLATED_OFF,
				       self->two, &claim);
		self->one = ndshm_open();
	}
	ASSERT_EQ(0, ndshm_pci_bind(&self->edu[1].pci, false));
	close(self->one);
	test_claim(self->two, 0);
	test_adapter_start(self->two, &start);
	self->one = ndshm_open();
}

TEST_F(group, one_client)
{
	test_claim(self->one, 0);
	test_busy(self->two, 1);
	test_claim(self->one, 1);
	test_busy(self->two, 0);
	test_busy(self->two, 1);
	close(self->one);
	/* Ended, both can be had, in whatever order. */
	test_claim(self->two, 1);
	test_claim(self->two, 0);
	self->one = ndshm_open();
	test_busy(self->one, 0);
	test_busy(self->one, 1);
}

/* A block of one function is memory that the other reaches, and no other's. */
TEST_F(group, blocks)
{
	struct ndshm_block_info blocks[2];
	struct ndshm_block_alloc alloc;
	int i;

	test_claim(self->one, 0);
	test_claim(self->one, 1);
	for (i = 0; i < 2; i++)
		blocks[i] = test_new_block(self->one, adapter_of(self, i), 1);
	/* One address space: no address twice. */
	EXPECT_NE(blocks[0].address, blocks[1].address);
	for (i = 0; i < 2; i++) {
		alloc = block_alloc_request(adapter_of(self, i), 1, &blocks[i]);
		test_err_block_alloc(EBADFD, NDSHM_REASON_CLAIM_MISSING,
				     self->two, &alloc);
	}
}

struct watch {
	const unsigned char *map;
	const struct ndshm_pci *other;
	bool master;
};

static void *see_it_go(void *argument)
{
	struct watch *watch = argument;

	while (ndshm_readable(watch->map))
		;
	watch->master = ndshm_pci_is_master(watch->other);
	return NULL;
}

/* When the first block of one function goes, the other, which reaches it, is quiet. */
TEST_F(group, close)
{
	struct watch watch = { .other = &self->edu[1].pci };
	struct ndshm_block_info first;
	pthread_t thread;
	int i;

	for (i = 0; i < 2; i++) {
		struct ndshm_adapter_start start =
			adapter_start_request(adapter_of(self, i));

		test_claim(self->one, i);
		test_adapter_start(self->one, &start);
	}
	first = test_new_block(self->one, adapter_of(self, 0), 1);
	watch.map = test_map_block(self->one, &first);
	/* They go one by one: time to look. */
	for (i = 0; i < 1000; i++)
		test_new_block(self->one, adapter_of(self, 0), 1);
	ASSERT_TRUE(ndshm_pci_is_master(watch.other));
	ASSERT_EQ(0, pthread_create(&thread, NULL, see_it_go, &watch));
	close(self->one);
	pthread_join(thread, NULL);
	EXPECT_FALSE(watch.master);
	munmap((void *)watch.map, first.length);
	self->one = ndshm_open();
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
