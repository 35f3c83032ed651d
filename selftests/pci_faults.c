// SPDX-License-Identifier: GPL-2.0
/*
 * Claims of functions that no machine of the tests has. The module ndshm_pci_faults (beside the one
 * that NDSHM_MOCK names) makes QEMU's devices such functions.
 */
#include <stdlib.h>
#include <sys/eventfd.h>

#include <linux/capability.h>
#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_faults.h"
#include "ndshm_irqs.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

/* A bound function with faults, and a client that has claimed it. */
struct owner {
	struct ndshm_edu edu;
	int fd;
	unsigned char *bar;
	size_t bar_length;
	__s32 event;
};

static struct ndshm_adapter_claim_args claim_of(const struct owner *owner)
{
	return adapter_claim_request(owner->edu.adapter.id, EDU_WIDTH);
}

static void claim(struct __test_metadata *_metadata, struct owner *owner)
{
	struct ndshm_adapter_map_bar_args map =
		adapter_map_bar_request(owner->edu.adapter.id, 0);
	struct ndshm_adapter_claim_args claim = claim_of(owner);

	test_adapter_claim(owner->fd, &claim);
	test_adapter_map_bar(owner->fd, &map);
	owner->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE, MAP_SHARED,
			  owner->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, owner->bar);
	owner->bar_length = map.out_length;
}

static void open_owner(struct __test_metadata *_metadata, struct owner *owner)
{
	owner->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	owner->fd = ndshm_open();
	ASSERT_LE(0, owner->fd);
	claim(_metadata, owner);
}

/* A claim ends with the last close of its client: the mapped BAR has its own reference. */
static void end_claim(struct owner *owner)
{
	close(owner->fd);
	munmap(owner->bar, owner->bar_length);
	owner->fd = ndshm_open();
}

static void close_owner(struct owner *owner)
{
	end_claim(owner);
	close(owner->fd);
	close(owner->event);
}

#define request_of(owner, command) command##_request((owner)->edu.adapter.id)
#define test_start(owner) do { \
	struct ndshm_adapter_start_args start_ = request_of(owner, adapter_start); \
	test_adapter_start((owner)->fd, &start_); \
} while (0)
#define test_reset(owner) do { \
	struct ndshm_adapter_reset_args reset_ = request_of(owner, adapter_reset); \
	test_adapter_reset((owner)->fd, &reset_); \
} while (0)
static __u16 word_at(struct __test_metadata *_metadata, struct owner *owner, unsigned int at)
{
	__u16 word = 0;

	EXPECT_TRUE(ndshm_pci_read_config(&owner->edu.pci, at, &word, sizeof(word)));
	return word;
}

/* The claim has a function that works, and with a reset since its last start. */
static void test_usable(struct __test_metadata *_metadata, struct owner *owner)
{
	EXPECT_FALSE(ndshm_pci_is_master(&owner->edu.pci));
	EXPECT_TRUE(word_at(_metadata, owner, PCI_COMMAND) & PCI_COMMAND_MEMORY);
	test_start(owner);
	EXPECT_TRUE(ndshm_pci_is_master(&owner->edu.pci));
	EXPECT_TRUE(ndshm_readable(owner->bar));
}

/*
 * QEMU's 82574, which is reset by its power management
 */

FIXTURE(card) {
	struct owner owner;
	unsigned int express;	/* offsets of capabilities */
	unsigned int power;
	bool loaded;
};

FIXTURE_SETUP(card)
{
	struct ndshm_pci *pci = &self->owner.edu.pci;
	char bits[64];
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_pci_find(pci, CARD_VENDOR, CARD_DEVICE))
		SKIP(return, "no 82574");
	self->express = ndshm_pci_capability(pci, PCI_CAP_ID_EXP);
	self->power = ndshm_pci_capability(pci, PCI_CAP_ID_PM);
	ASSERT_NE(0, self->express);
	ASSERT_NE(0, self->power);
	snprintf(bits, sizeof(bits), "bits_at=%u bits_mask=%u", self->express + PCI_EXP_DEVCTL,
		 PCI_EXP_DEVCTL_NOSNOOP_EN);
	error = ndshm_faults_load(pci, bits);
	if (error == -ENOENT)
		SKIP(return, "NDSHM_MOCK has no ndshm_pci_faults.ko beside it");
	ASSERT_EQ(0, error);
	self->loaded = true;
	ASSERT_EQ(0, ndshm_edu_bind(&self->owner.edu));
	open_owner(_metadata, &self->owner);
}

FIXTURE_TEARDOWN(card)
{
	if (!self->loaded)
		return;
	ndshm_faults_set("silent", 0);
	ndshm_faults_set("silent_mask", 0);
	close_owner(&self->owner);
	EXPECT_EQ(0, ndshm_edu_restore(&self->owner.edu));
	EXPECT_EQ(0, ndshm_faults_unload());
}

static bool has_no_snoop(struct __test_metadata *_metadata, struct _test_data_card *self)
{
	return word_at(_metadata, &self->owner, self->express + PCI_EXP_DEVCTL) &
	       PCI_EXP_DEVCTL_NOSNOOP_EN;
}

/* From bind to unbind the function cannot read memory behind the caches. */
TEST_F(card, no_snoop)
{
	const unsigned int at = self->express + PCI_EXP_DEVCTL;
	struct owner *owner = &self->owner;
	const __u16 off = word_at(_metadata, owner, at);
	struct ndshm_pci *pci = &owner->edu.pci;
	struct ndshm_adapter_config_args write =
		adapter_config_request(owner->edu.adapter.id, NDSHM_CONFIG_WRITE, at, 2,
				       off | PCI_EXP_DEVCTL_NOSNOOP_EN);

	EXPECT_FALSE(has_no_snoop(_metadata, self));
	test_err_adapter_config(EACCES, NDSHM_REASON_CONFIG_PROTECTED, owner->fd, &write);
	/* A reset turns the bit on. */
	test_reset(owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_pci_reset(pci));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	test_usable(_metadata, owner);
	end_claim(owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	claim(_metadata, owner);
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_pci_unbind(pci));
	EXPECT_TRUE(has_no_snoop(_metadata, self));

	ASSERT_TRUE(ndshm_pci_write_config(pci, at, &off, sizeof(off)));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	ASSERT_EQ(0, ndshm_pci_unbind(pci));
	EXPECT_FALSE(has_no_snoop(_metadata, self));
	ASSERT_EQ(0, ndshm_edu_rebind(&owner->edu));
	end_claim(owner);
	claim(_metadata, owner);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
