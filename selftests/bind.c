// SPDX-License-Identifier: GPL-2.0
/*
 * PCI functions that ndshm_pci must refuse to bind. They must be left without a
 * driver and with bus mastering off.
 */
#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_mock.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

FIXTURE(bind) {
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	bool loaded;
};

FIXTURE_SETUP(bind)
{
	if (geteuid())
		SKIP(return, "only root can bind functions");
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(bind)
{
	if (self->pci.name[0])
		ndshm_pci_restore(&self->pci);
	if (self->loaded)
		EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
	ndshm_nl_close(&self->nl);
}

/* The bind must fail with @error, and the function must have no driver afterwards. */
#define test_refused(error) do { \
	ndshm_case(false); \
	EXPECT_EQ(-(error), ndshm_pci_bind(&self->pci, true)); \
	EXPECT_EQ(-ENOENT, ndshm_pci_unbind(&self->pci)); \
} while (0)

/* A bridge must be refused: its claimant would also control the devices behind it. */
TEST_F(bind, bridge)
{
	struct ndshm_nl_adapter adapter;
	struct ndshm_edu edu;
	struct ndshm_pci now;

	if (ndshm_edu_find_in_slot(&edu))
		SKIP(return, "no slot with an edu device");
	ASSERT_EQ(0, ndshm_pci_find_port(&edu.pci, &self->pci));
	ASSERT_STREQ("pcieport", self->pci.driver);
	test_refused(EINVAL);
	EXPECT_EQ(-ENOENT, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
						    &adapter));
	EXPECT_TRUE(ndshm_pci_answers(&edu.pci));
	ndshm_pci_restore(&self->pci);
	ASSERT_EQ(0, ndshm_pci_find_port(&edu.pci, &now));
	EXPECT_STREQ("pcieport", now.driver);
}

/*
 * A second adapter of the same name must be refused, because neither could be
 * found by name.
 */
TEST_F(bind, name_taken)
{
	const __u16 loud = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	struct ndshm_nl_adapter first, now;
	struct ndshm_edu edu;
	int error;

	if (ndshm_edu_find(&edu))
		SKIP(return, "no edu device");
	error = ndshm_mock_load("");
	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	self->loaded = true;
	self->pci = edu.pci;
	if (self->pci.driver[0])
		ASSERT_EQ(0, ndshm_pci_unbind(&self->pci));
	ASSERT_TRUE(ndshm_pci_write_config(&self->pci, PCI_COMMAND, &loud,
					   sizeof(loud)));

	test_mock("adapter add %s", self->pci.name);
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name,
					      &first));
	test_refused(EEXIST);
	EXPECT_FALSE(ndshm_pci_is_master(&self->pci));
	EXPECT_EQ(0, ndshm_pci_number(&self->pci, "enable"));
	/* The refused bind must not disturb the adapter that has the name. */
	ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name, &now));
	EXPECT_EQ(first.id, now.id);

	test_mock("adapter del %s", self->pci.name);
	EXPECT_EQ(0, ndshm_pci_bind(&self->pci, true));
	EXPECT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, self->pci.name, &now));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
