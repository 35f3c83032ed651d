// SPDX-License-Identifier: GPL-2.0
/*
 * Surprise removal: the registers are gone before the kernel knows. What the
 * kernel then does for clients must not wait for any of them.
 */
#include <sys/eventfd.h>
#if __has_include("sys/io.h")
#include <sys/io.h>
#endif

#include <linux/pci_regs.h>

#include "ndshm_edu.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#if __has_include("sys/io.h")

/*
 * QEMU's q35 hot-plug registers, through which the guest permits the removal of
 * a device: docs/specs/acpi_pci_hotplug in QEMU's source. A write removes the
 * device at once, before the kernel has handled it.
 */
#define HOTPLUG		0xcc0
#define HOTPLUG_LENGTH	0x18
#define HOTPLUG_EJECT	(HOTPLUG + 0x08)	/* bit n: the device in slot n */
#define HOTPLUG_BUS	(HOTPLUG + 0x10)	/* number of the selected bus */
#define BUSES		16

static bool can_eject(const struct ndshm_pci *pci)
{
	(void)pci;
	return !ioperm(HOTPLUG, HOTPLUG_LENGTH, 1);
}

/*
 * Remove the function in the first slot. QEMU's bus numbers differ from the
 * guest's, so try them downwards until the function is gone; other slots stay.
 */
static void eject(const struct ndshm_pci *pci)
{
	unsigned int bus = BUSES;

	while (bus-- && ndshm_pci_answers(pci)) {
		outl(bus, HOTPLUG_BUS);
		outl(1, HOTPLUG_EJECT);
	}
}

#else

/* Return: offset of the register by which the port above the function controls its slot, or 0. */
static unsigned int slot_control(const struct ndshm_pci *pci, struct ndshm_pci *port)
{
	unsigned int at;
	__u32 slot;

	if (ndshm_pci_find_port(pci, port))
		return 0;
	at = ndshm_pci_capability(port, PCI_CAP_ID_EXP);
	if (!at || !ndshm_pci_read_config(port, at + PCI_EXP_SLTCAP, &slot, sizeof(slot)) ||
	    !(slot & PCI_EXP_SLTCAP_PCP))
		return 0;
	return at + PCI_EXP_SLTCTL;
}

static bool can_eject(const struct ndshm_pci *pci)
{
	struct ndshm_pci port;

	return slot_control(pci, &port);
}

/*
 * Turn the slot's power off: QEMU removes the device at once. All interrupts of the slot are off
 * with the same write, so that the kernel does not notice.
 */
static void eject(const struct ndshm_pci *pci)
{
	const __u16 off = PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PWR_IND_OFF;
	struct ndshm_pci port;
	const unsigned int at = slot_control(pci, &port);

	if (at)
		ndshm_pci_write_config(&port, at, &off, sizeof(off));
}

#endif

FIXTURE(hot_unplug) {
	struct ndshm_edu edu;
	int fd;
	struct ndshm_block_info block;
	unsigned char *memory;
	unsigned char *bar;
	__u64 locked;		/* charged to this user before the test */
};

FIXTURE_SETUP(hot_unplug)
{
	struct ndshm_adapter_start_args start;
	struct ndshm_adapter_map_bar_args map;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find_in_slot(&self->edu) || !can_eject(&self->edu.pci))
		SKIP(return, "no edu device in a slot that can be pulled out");
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->locked = test_user_locked();
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	map = adapter_map_bar_request(self->edu.adapter.id, 0);
	test_adapter_map_bar(self->fd, &map);
	self->bar = mmap(NULL, map.out_length, PROT_READ | PROT_WRITE,
			 MAP_SHARED, self->fd, map.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->bar);
	self->block = test_new_block(self->fd, self->edu.adapter.id, 1);
	self->memory = test_map_block(self->fd, &self->block);
	start = adapter_start_request(self->edu.adapter.id);
	test_adapter_start(self->fd, &start);
	ASSERT_TRUE(ndshm_edu_to_device(self->bar, self->block.address,
					EDU_MOST));
}

FIXTURE_TEARDOWN(hot_unplug)
{
	close(self->fd);
	/* The device does not come back. */
	EXPECT_EQ(-ENODEV, ndshm_edu_restore(&self->edu));
}

static bool pull_out(const struct ndshm_pci *pci)
{
	eject(pci);
	return !ndshm_pci_answers(pci);
}

#define test_err_start(error, reason, fd) do { \
	struct ndshm_adapter_start_args start_ = \
		adapter_start_request(self->edu.adapter.id); \
	test_err_adapter_start(error, reason, fd, &start_); \
} while (0)

/*
 * Clients get errors from their next request, and SIGBUS once the kernel has
 * noticed.
 */
TEST_F(hot_unplug, claimed)
{
	const __s32 event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct ndshm_adapter_set_irqs_args set =
		adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_MSI, 0,
					 1, &event);
	struct ndshm_block_query_args query;
	eventfd_t count = 0;

	test_adapter_set_irqs(self->fd, &set);
	ASSERT_TRUE(pull_out(&self->edu.pci));
	set = adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_MSI, 0, 1,
				       &event);
	test_err_adapter_set_irqs(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd,
				  &set);
	/* Turning off succeeds without the device, and does not signal. */
	set = adapter_set_irqs_request(self->edu.adapter.id, NDSHM_IRQ_NONE, 0, 0,
				       NULL);
	test_adapter_set_irqs(self->fd, &set);
	EXPECT_EQ(-1, eventfd_read(event, &count));
	close(event);
	test_err_start(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd);
	/* The block is system memory and still works. */
	fill_pattern(self->memory, EDU_MOST, 1);
	EXPECT_TRUE(has_pattern(self->memory, EDU_MOST, 1));

	ASSERT_EQ(0, ndshm_pci_remove(&self->edu.pci));
	EXPECT_FALSE(ndshm_pci_is_there(&self->edu.pci));
	test_sigbus(self->memory);
	test_sigbus(self->bar);
	query = block_query_request(self->block.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	test_free_handle(self->fd, self->block.handle);
	EXPECT_EQ(self->locked, test_user_locked());
}

/* The claim ends normally, and a new one fails. */
TEST_F(hot_unplug, closed)
{
	const char *node = ndshm_node(self->edu.adapter.name);

	ASSERT_TRUE(pull_out(&self->edu.pci));
	close(self->fd);
	test_sigbus(self->memory);
	test_sigbus(self->bar);
	EXPECT_EQ(self->locked, test_user_locked());
	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_err_adapter_claim(ENODEV, NDSHM_REASON_ADAPTER_REMOVED, self->fd,
			       self->edu.adapter.name, EDU_WIDTH);

	ASSERT_EQ(0, ndshm_pci_remove(&self->edu.pci));
	EXPECT_NE(0, access(node, F_OK));
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
