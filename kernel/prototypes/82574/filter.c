// SPDX-License-Identifier: GPL-2.0
/*
 * Receive filters. RCTL also holds the lengths of frames and buffers, so only this file
 * writes it.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>

#include "nic.h"
#include "regs.h"

/* A table of 4,096 bits, indexed by the upper 12 bits of the address [10.2.5.21]. */
static void nic_set_multicast(struct nic *nic)
{
	u32 table[MTA_ENTRIES] = { };
	struct netdev_hw_addr *entry;
	unsigned int i, bit;

	netdev_for_each_mc_addr(entry, nic->netdev) {
		bit = (entry->addr[5] << 8 | entry->addr[4]) >> 4;
		table[bit / 32] |= BIT(bit % 32);
	}
	for (i = 0; i < MTA_ENTRIES; i++)
		nic_write(nic, REG_MTA(i), table[i]);
}

/* Entry 0 is the address of the device. */
static void nic_set_unicast(struct nic *nic)
{
	struct netdev_hw_addr *entry;
	unsigned int i = 1;

	netdev_for_each_uc_addr(entry, nic->netdev)
		if (i < RA_ENTRIES)
			nic_card_address(nic, i++, entry->addr);
	while (i < RA_ENTRIES)
		nic_card_address(nic, i++, NULL);
}

/* Called by the stack with the address lock held. */
void nic_set_rx_mode(struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	u32 rctl = RCTL_ENABLE | RCTL_BROADCAST | RCTL_STRIP_CRC |
		   nic_buffer_size(netdev)->rctl;

	lockdep_assert_held(&netdev->addr_list_lock);
	if (!nic->receiving)
		return;

	if (nic_frame_max(netdev) > VLAN_ETH_FRAME_LEN)
		rctl |= RCTL_LONG;
	if (netdev->flags & IFF_PROMISC)
		rctl |= RCTL_ALL_UNICAST | RCTL_ALL_MULTICAST;
	if (netdev->flags & IFF_ALLMULTI)
		rctl |= RCTL_ALL_MULTICAST;
	if (netdev_uc_count(netdev) > RA_ENTRIES - 1)
		rctl |= RCTL_ALL_UNICAST;

	nic_set_multicast(nic);
	nic_set_unicast(nic);
	nic_write(nic, REG_RCTL, rctl);
}

void nic_filter_start(struct nic *nic)
{
	nic_queues_run(nic);
	netif_addr_lock_bh(nic->netdev);
	nic->receiving = true;
	nic_set_rx_mode(nic->netdev);
	netif_addr_unlock_bh(nic->netdev);
}

/* RCTL is not written after this returns. */
void nic_filter_stop(struct nic *nic)
{
	netif_addr_lock_bh(nic->netdev);
	nic->receiving = false;
	nic_write(nic, REG_RCTL, 0);
	netif_addr_unlock_bh(nic->netdev);
	nic_queues_pause(nic);
}
