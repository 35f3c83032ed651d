// SPDX-License-Identifier: GPL-2.0
/*
 * ethtool operations. Called with RTNL held.
 */
#include <linux/ethtool.h>
#include <linux/linkmode.h>
#include <linux/pci.h>

#include "nic.h"

static void nic_get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	struct nic *nic = netdev_priv(netdev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, pci_name(nic->pdev), sizeof(info->bus_info));
}

static int nic_get_link_ksettings(struct net_device *netdev,
				  struct ethtool_link_ksettings *settings)
{
	static const u8 modes[] = {
		ETHTOOL_LINK_MODE_TP_BIT,
		ETHTOOL_LINK_MODE_Autoneg_BIT,
		ETHTOOL_LINK_MODE_10baseT_Half_BIT,
		ETHTOOL_LINK_MODE_10baseT_Full_BIT,
		ETHTOOL_LINK_MODE_100baseT_Half_BIT,
		ETHTOOL_LINK_MODE_100baseT_Full_BIT,
		ETHTOOL_LINK_MODE_1000baseT_Full_BIT,
	};
	struct nic_link link = nic_link_state(netdev_priv(netdev));
	unsigned int i;

	ethtool_link_ksettings_zero_link_mode(settings, supported);
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		linkmode_set_bit(modes[i], settings->link_modes.supported);
	linkmode_copy(settings->link_modes.advertising,
		      settings->link_modes.supported);
	settings->base.port = PORT_TP;
	settings->base.autoneg = AUTONEG_ENABLE;
	settings->base.speed = SPEED_UNKNOWN;
	settings->base.duplex = DUPLEX_UNKNOWN;
	if (netif_carrier_ok(netdev) && link.up) {
		settings->base.speed = link.speed;
		settings->base.duplex = link.full_duplex ? DUPLEX_FULL :
							   DUPLEX_HALF;
	}
	return 0;
}

static int nic_nway_reset(struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	int error = -EAGAIN;

	mutex_lock(&nic->lock);
	if (nic->up) {
		error = nic_link_renegotiate(nic);
		/* The loss of the link raises no interrupt here. */
		schedule_work(&nic->link_work);
	}
	mutex_unlock(&nic->lock);
	return error;
}

/* Counters of the driver for each queue. */
static const char *const own_names[] = { "frames", "lent", "copied", "buffers" };

static int nic_get_sset_count(struct net_device *netdev, int set)
{
	struct nic *nic = netdev_priv(netdev);

	return set == ETH_SS_STATS ? NIC_COUNTERS + nic->queues * ARRAY_SIZE(own_names) :
				     -EOPNOTSUPP;
}

static void nic_get_strings(struct net_device *netdev, u32 set, u8 *data)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_queue *queue;
	unsigned int i;

	if (set != ETH_SS_STATS)
		return;
	for (i = 0; i < NIC_COUNTERS; i++, data += ETH_GSTRING_LEN)
		strscpy((char *)data, nic_counter_name(i), ETH_GSTRING_LEN);
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		for (i = 0; i < ARRAY_SIZE(own_names); i++)
			ethtool_sprintf(&data, "rx%u_%s", queue->index, own_names[i]);
}

static u64 *nic_get_own(const struct nic_rx *rx, u64 *data)
{
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&rx->sync);
		data[0] = rx->frames;
		data[1] = rx->lent;
		data[2] = rx->copied;
	} while (u64_stats_fetch_retry(&rx->sync, start));
	data[3] = atomic_read(&rx->buffers.count);
	return data + ARRAY_SIZE(own_names);
}

static void nic_get_ethtool_stats(struct net_device *netdev,
				  struct ethtool_stats *stats, u64 *data)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_queue *queue;

	mutex_lock(&nic->lock);
	nic_counters_collect(nic);
	memcpy(data, nic->counter, sizeof(nic->counter));
	mutex_unlock(&nic->lock);
	data += NIC_COUNTERS;
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		data = nic_get_own(&queue->rx, data);
}

static void nic_get_channels(struct net_device *netdev, struct ethtool_channels *channels)
{
	struct nic *nic = netdev_priv(netdev);

	/* Queue 0 has an interrupt for both directions. */
	channels->combined_count = 1;
	channels->rx_count = nic->queues - 1;
	channels->other_count = nic->msix;
	channels->max_combined = channels->combined_count;
	channels->max_rx = channels->rx_count;
	channels->max_other = channels->other_count;
}

const struct ethtool_ops nic_ethtool_ops = {
	.get_drvinfo = nic_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = nic_get_link_ksettings,
	.nway_reset = nic_nway_reset,
	.get_channels = nic_get_channels,
	.get_sset_count = nic_get_sset_count,
	.get_strings = nic_get_strings,
	.get_ethtool_stats = nic_get_ethtool_stats,
};
