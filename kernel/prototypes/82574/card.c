// SPDX-License-Identifier: GPL-2.0
/*
 * The card: stop and reset, and clear all state of a previous driver.
 */
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/iopoll.h>
#include <linux/pci.h>

#include "nic.h"
#include "regs.h"

int nic_wait(struct nic *nic, unsigned int offset, u32 mask, u32 value,
	     unsigned int milliseconds)
{
	u32 read;

	return read_poll_timeout(nic_read, read, (read & mask) == value, 100,
				 milliseconds * USEC_PER_MSEC, false, nic,
				 offset);
}

static void nic_mask_interrupts(struct nic *nic)
{
	nic_write(nic, REG_IMC, ~0U);
	nic_write(nic, REG_EIAC, 0);
	nic_write(nic, REG_IAM, 0);
	nic_read(nic, REG_ICR);
}

/* Clear every address of a ring, of both queues in both directions. */
static void nic_clear_rings(struct nic *nic)
{
	static const u32 offsets[] = {
		REG_RDLEN(0), REG_RDBAL(0), REG_RDBAH(0), REG_RDH(0),
		REG_RDT(0), REG_TDLEN(0), REG_TDBAL(0), REG_TDBAH(0),
		REG_TDH(0), REG_TDT(0),
	};
	unsigned int queue, i;

	for (queue = 0; queue < NIC_QUEUES; queue++)
		for (i = 0; i < ARRAY_SIZE(offsets); i++)
			nic_write(nic, offsets[i] + REG_RDLEN(queue) -
				  REG_RDLEN(0), 0);
}

/* Disable the options that a previous driver may have set. */
static void nic_clear_options(struct nic *nic)
{
	static const u32 offsets[] = {
		REG_WUFC, REG_MRQC, REG_RFCTL, REG_RXCSUM, REG_IVAR,
		REG_RDTR, REG_RADV, REG_TIDV, REG_TADV,
	};
	u32 ctrl = nic_read(nic, REG_CTRL);
	u32 ctrl_ext = nic_read(nic, REG_CTRL_EXT);
	unsigned int i;

	ctrl &= ~(CTRL_MASTER_DISABLE | CTRL_FORCE_SPEED | CTRL_FORCE_DUPLEX |
		  CTRL_RX_FLOW | CTRL_TX_FLOW | CTRL_VLAN);
	nic_write(nic, REG_CTRL, ctrl);
	ctrl_ext &= ~(CTRL_EXT_MASK_EXTENDED | CTRL_EXT_MASK_AUTO |
		      CTRL_EXT_DRIVER | CTRL_EXT_PBA_CLEAR);
	nic_write(nic, REG_CTRL_EXT, ctrl_ext);

	for (i = 0; i < ARRAY_SIZE(offsets); i++)
		nic_write(nic, offsets[i], 0);
	for (i = 0; i < MTA_ENTRIES; i++)
		nic_write(nic, REG_MTA(i), 0);
	for (i = 1; i < RA_ENTRIES; i++)
		nic_card_address(nic, i, NULL);
}

static int nic_card_reset_once(struct nic *nic)
{
	/* The firmware must not access the PHY during a reset. */
	bool ours = !nic_link_take_phy(nic);
	int error;

	nic_write(nic, REG_CTRL, nic_read(nic, REG_CTRL) | CTRL_RESET);
	fsleep(1000);	/* required before the next register access */
	error = nic_wait(nic, REG_CTRL, CTRL_RESET, 0, 100);
	if (!error)
		error = nic_wait(nic, REG_EEPROM, EEPROM_READ_DONE,
				 EEPROM_READ_DONE, 100);
	if (ours)
		nic_link_give_phy(nic);
	/*
	 * The PHY then loads its settings from the EEPROM; there is no status bit for the
	 * end.
	 */
	msleep(25);
	return error;
}

static void nic_card_stop(struct nic *nic)
{
	nic_mask_interrupts(nic);
	nic_write(nic, REG_RCTL, 0);
	nic_write(nic, REG_TCTL, 0);
}

/*
 * Stop and reset the card: no interrupts, no receiving, no sending, no transaction in
 * flight, and no memory address left in a register.
 *
 * Return: 0, or an error if the card did not confirm. In either case bus mastering of the
 * function is off, so that the card cannot access memory.
 */
int nic_card_quiesce(struct nic *nic)
{
	int stopped, error;

	nic_card_stop(nic);
	/* The card finishes its transactions and then clears STATUS_MASTER_ENABLED. */
	nic_write(nic, REG_CTRL, nic_read(nic, REG_CTRL) | CTRL_MASTER_DISABLE);
	stopped = nic_wait(nic, REG_STATUS, STATUS_MASTER_ENABLED, 0, 100);
	pci_clear_master(nic->pdev);
	if (!pci_wait_for_pending_transaction(nic->pdev))
		stopped = -ETIMEDOUT;

	error = nic_card_reset_once(nic);
	/* A reset may have no effect, for example on an emulated card. */
	nic_card_stop(nic);
	nic_clear_rings(nic);
	nic_clear_options(nic);
	return error ?: stopped;
}

/* Write an entry of the table of receive addresses; @address NULL clears it. */
void nic_card_address(struct nic *nic, unsigned int entry, const u8 *address)
{
	u32 low = 0, high = 0;

	/* In wire order, the first byte lowest. */
	if (address) {
		low = address[0] | address[1] << 8 | address[2] << 16 |
		      (u32)address[3] << 24;
		high = address[4] | address[5] << 8 | RAH_VALID;
	}
	nic_write(nic, REG_RAL(entry), low);
	nic_write(nic, REG_RAH(entry), high);
}

void nic_card_own_address(struct nic *nic, u8 *address)
{
	u32 low = nic_read(nic, REG_RAL(0));
	u32 high = nic_read(nic, REG_RAH(0));
	int i;

	for (i = 0; i < ETH_ALEN; i++)
		address[i] = i < 4 ? low >> 8 * i : high >> 8 * (i - 4);
}

/* One bit of the card is for both directions. Called with nic->lock held. */
void nic_card_set_vlan(struct nic *nic, netdev_features_t features)
{
	u32 ctrl = nic_read(nic, REG_CTRL) & ~CTRL_VLAN;

	lockdep_assert_held(&nic->lock);
	if (features & NETIF_F_HW_VLAN_CTAG_RX)
		ctrl |= CTRL_VLAN;
	nic_write(nic, REG_VET, ETH_P_8021Q);
	nic_write(nic, REG_CTRL, ctrl);
}
