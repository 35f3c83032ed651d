// SPDX-License-Identifier: GPL-2.0
/*
 * Two functions in one IOMMU group share their DMA addresses, so one client has
 * the claims of both, or nobody has more than one.
 */
#include "ndshm_nl.h"
#include "ndshm_pci.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define EDU_VENDOR	0x1234
#define EDU_DEVICE	0x11e8
#define EDU_WIDTH	28

#define ALLOW_UNISOLATED "/sys/module/ndshm/parameters/allow_unisolated"

FIXTURE(group) {
	int one;
	int two;
	struct ndshm_pci pci[2];
	struct ndshm_nl_adapter adapter[2];
	char allowed[8];
};

FIXTURE_SETUP(group)
{
	struct ndshm_nl nl;
	int i;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_pci_find_pair(self->pci, EDU_VENDOR, EDU_DEVICE))
		SKIP(return, "no two edu functions in one IOMMU group");
	ASSERT_EQ(0, ndshm_nl_open(&nl));
	/* A group's type is changed while nothing of it is bound. */
	if (self->pci[1].driver[0])
		ASSERT_EQ(0, ndshm_pci_unbind(&self->pci[1]));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ndshm_pci_bind(&self->pci[i], i == 0));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&nl, self->pci[i].name,
						      &self->adapter[i]));
	ndshm_nl_close(&nl);
	ASSERT_EQ(0, ndshm_read_file(ALLOW_UNISOLATED, self->allowed,
				     sizeof(self->allowed)));
	if (self->adapter[0].isolation || self->adapter[1].isolation)
		ASSERT_EQ(0, ndshm_write_file(ALLOW_UNISOLATED, "Y"));
	self->one = ndshm_open();
	self->two = ndshm_open();
	ASSERT_LE(0, self->one);
	ASSERT_LE(0, self->two);
}

FIXTURE_TEARDOWN(group)
{
	int i;

	close(self->one);
	close(self->two);
	ndshm_write_file(ALLOW_UNISOLATED, self->allowed);
	for (i = 0; i < 2; i++)
		ndshm_pci_unbind(&self->pci[i]);
	for (i = 0; i < 2; i++)
		ndshm_pci_restore(&self->pci[i]);
}

#define test_claim(fd, number) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(self->adapter[number].id, EDU_WIDTH); \
	test_adapter_claim(fd, &claim_); \
} while (0)

#define test_busy(fd, number) do { \
	struct ndshm_adapter_claim claim_ = \
		adapter_claim_request(self->adapter[number].id, EDU_WIDTH); \
	test_err_adapter_claim(EBUSY, NDSHM_REASON_CLAIM_BUSY, fd, &claim_); \
} while (0)

/* Nothing foreign is in a group whose functions are all bound to ndshm. */
TEST_F(group, isolation)
{
	EXPECT_EQ(0, self->adapter[0].isolation & NDSHM_ISOLATION_SHARED_GROUP);
	EXPECT_EQ(0, self->adapter[1].isolation & NDSHM_ISOLATION_SHARED_GROUP);
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
		blocks[i] = test_new_block(self->one, self->adapter[i].id, 1);
	/* One address space: no address twice. */
	EXPECT_NE(blocks[0].address, blocks[1].address);
	for (i = 0; i < 2; i++) {
		alloc = block_alloc_request(self->adapter[i].id, 1, &blocks[i]);
		test_err_block_alloc(EBADFD, NDSHM_REASON_CLAIM_MISSING,
				     self->two, &alloc);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
