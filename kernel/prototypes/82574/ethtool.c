// SPDX-License-Identifier: GPL-2.0
/*
 * ethtool operations. Called with RTNL held.
 */
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/linkmode.h>
#include <linux/pci.h>

#include "nic.h"
#include "regs.h"

static void nic_get_drvinfo(struct net_device *netdev, struct ethtool_drvinfo *info)
{
	struct nic *nic = netdev_priv(netdev);

	strscpy(info->driver, KBUILD_MODNAME, sizeof(info->driver));
	strscpy(info->bus_info, pci_name(nic->pdev), sizeof(info->bus_info));
}

static void nic_set_modes(unsigned long *mask, unsigned int modes)
{
	unsigned int i;

	linkmode_set_bit(ETHTOOL_LINK_MODE_TP_BIT, mask);
	for (i = 0; i < NIC_LINK_MODES; i++)
		if (modes & BIT(i))
			linkmode_set_bit(nic_link_mode(i), mask);
}

static int nic_get_link_ksettings(struct net_device *netdev,
				  struct ethtool_link_ksettings *settings)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_link_settings wanted;
	struct nic_link link;
	int error;

	mutex_lock(&nic->lock);
	error = nic_link_settings(nic, &wanted);
	link = nic_link_state(nic);
	mutex_unlock(&nic->lock);
	if (error)
		return error;

	ethtool_link_ksettings_zero_link_mode(settings, supported);
	nic_set_modes(settings->link_modes.supported, NIC_LINK_ALL);
	linkmode_set_bit(ETHTOOL_LINK_MODE_Autoneg_BIT, settings->link_modes.supported);
	/* Also without negotiation: the core keeps these modes when it is enabled. */
	ethtool_link_ksettings_zero_link_mode(settings, advertising);
	nic_set_modes(settings->link_modes.advertising, wanted.modes);
	if (wanted.negotiate)
		linkmode_set_bit(ETHTOOL_LINK_MODE_Autoneg_BIT,
				 settings->link_modes.advertising);
	settings->base.port = PORT_TP;
	settings->base.autoneg = wanted.negotiate ? AUTONEG_ENABLE : AUTONEG_DISABLE;
	settings->base.speed = SPEED_UNKNOWN;
	settings->base.duplex = DUPLEX_UNKNOWN;
	if (netif_carrier_ok(netdev) && link.up) {
		settings->base.speed = link.speed;
		settings->base.duplex = link.full_duplex ? DUPLEX_FULL :
							   DUPLEX_HALF;
	}
	return 0;
}

/* Return: false if the card cannot have these settings. Gigabit needs negotiation. */
static bool nic_want(const struct ethtool_link_ksettings *settings,
		     struct nic_link_settings *wanted)
{
	unsigned int i;

	*wanted = (struct nic_link_settings){
		.negotiate = settings->base.autoneg == AUTONEG_ENABLE,
		.speed = settings->base.speed,
		.full_duplex = settings->base.duplex == DUPLEX_FULL,
	};
	for (i = 0; i < NIC_LINK_MODES; i++)
		if (linkmode_test_bit(nic_link_mode(i), settings->link_modes.advertising))
			wanted->modes |= BIT(i);
	if (wanted->negotiate)
		return wanted->modes;
	return (wanted->speed == SPEED_10 || wanted->speed == SPEED_100) &&
	       settings->base.duplex <= DUPLEX_FULL;
}

static int nic_set_link_ksettings(struct net_device *netdev,
				  const struct ethtool_link_ksettings *settings)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_link_settings wanted, before;
	int error;

	if (!nic_want(settings, &wanted))
		return -EINVAL;
	mutex_lock(&nic->lock);
	before = nic->link;
	nic->link = wanted;
	error = nic_link_renegotiate(nic);
	if (error)
		nic->link = before;
	else if (nic->up)
		/* The loss of the link may raise no interrupt. */
		schedule_work(&nic->link_work);
	mutex_unlock(&nic->lock);
	return error;
}

static int nic_nway_reset(struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	int error = -EAGAIN;

	mutex_lock(&nic->lock);
	if (!nic->link.negotiate) {
		error = -EINVAL;
	} else if (nic->up) {
		error = nic_link_renegotiate(nic);
		/* The loss of the link raises no interrupt here. */
		schedule_work(&nic->link_work);
	}
	mutex_unlock(&nic->lock);
	return error;
}

static void nic_get_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
			      struct kernel_ethtool_ringparam *kernel_ring,
			      struct netlink_ext_ack *extack)
{
	const struct nic *nic = netdev_priv(netdev);

	ring->rx_max_pending = NIC_DESCRIPTORS_MOST;
	ring->tx_max_pending = NIC_DESCRIPTORS_MOST;
	ring->rx_pending = nic->rx_descriptors;
	ring->tx_pending = nic->tx_descriptors;
}

/* The core has checked the maximum. */
static unsigned int nic_descriptors(u32 pending)
{
	return round_up(max_t(u32, pending, NIC_DESCRIPTORS_LEAST), NIC_DESCRIPTORS_STEP);
}

static int nic_set_ringparam(struct net_device *netdev, struct ethtool_ringparam *ring,
			     struct kernel_ethtool_ringparam *kernel_ring,
			     struct netlink_ext_ack *extack)
{
	const struct nic_config config = {
		.mtu = netdev->mtu,
		.rx_descriptors = nic_descriptors(ring->rx_pending),
		.tx_descriptors = nic_descriptors(ring->tx_pending),
	};

	if (ring->rx_mini_pending || ring->rx_jumbo_pending)
		return -EINVAL;
	return nic_reconfigure(netdev, &config);
}

static int nic_get_coalesce(struct net_device *netdev, struct ethtool_coalesce *coalesce,
			    struct kernel_ethtool_coalesce *kernel_coalesce,
			    struct netlink_ext_ack *extack)
{
	struct nic *nic = netdev_priv(netdev);

	mutex_lock(&nic->lock);
	coalesce->rx_coalesce_usecs = nic->interval;
	mutex_unlock(&nic->lock);
	return 0;
}

/* The interval also applies to sent frames. */
static int nic_set_coalesce(struct net_device *netdev, struct ethtool_coalesce *coalesce,
			    struct kernel_ethtool_coalesce *kernel_coalesce,
			    struct netlink_ext_ack *extack)
{
	struct nic *nic = netdev_priv(netdev);

	if (coalesce->rx_coalesce_usecs > ITR_MAX * ITR_UNIT_NS / NSEC_PER_USEC)
		return -EINVAL;
	mutex_lock(&nic->lock);
	nic->interval = coalesce->rx_coalesce_usecs;
	if (nic->up)
		nic_irq_set_interval(nic);
	mutex_unlock(&nic->lock);
	return 0;
}

static int nic_get_tunable(struct net_device *netdev, const struct ethtool_tunable *tunable,
			   void *data)
{
	const struct nic *nic = netdev_priv(netdev);

	if (tunable->id != ETHTOOL_TX_COPYBREAK)
		return -EOPNOTSUPP;
	*(u32 *)data = READ_ONCE(nic->tx.copybreak);
	return 0;
}

static int nic_set_tunable(struct net_device *netdev, const struct ethtool_tunable *tunable,
			   const void *data)
{
	struct nic *nic = netdev_priv(netdev);

	const u32 copybreak = *(const u32 *)data;

	if (tunable->id != ETHTOOL_TX_COPYBREAK)
		return -EOPNOTSUPP;
	/* The card can read the pages of mapped frames: not for an administrator of a container. */
	if (copybreak < nic_frame_copybreak(nic) && !capable(CAP_NET_ADMIN))
		return -EPERM;
	/* For frames that are sent from now on. */
	WRITE_ONCE(nic->tx.copybreak, copybreak);
	return 0;
}

/* Counters of the driver for each queue. */
static const char *const own_names[] = { "frames", "lent", "copied", "buffers" };

static int nic_get_sset_count(struct net_device *netdev, int set)
{
	struct nic *nic = netdev_priv(netdev);

	return set == ETH_SS_STATS ?
	       NIC_COUNTERS + nic->queues * ARRAY_SIZE(own_names) + 1 : -EOPNOTSUPP;
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
	strscpy((char *)data, "tx_mapped", ETH_GSTRING_LEN);
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
	unsigned int start;

	mutex_lock(&nic->lock);
	nic_counters_collect(nic);
	memcpy(data, nic->counter, sizeof(nic->counter));
	mutex_unlock(&nic->lock);
	data += NIC_COUNTERS;
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		data = nic_get_own(&queue->rx, data);
	do {
		start = u64_stats_fetch_begin(&nic->tx.xmit_sync);
		*data = nic->tx.mapped;
	} while (u64_stats_fetch_retry(&nic->tx.xmit_sync, start));
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
	.supported_coalesce_params = ETHTOOL_COALESCE_RX_USECS,
	.get_link_ksettings = nic_get_link_ksettings,
	.set_link_ksettings = nic_set_link_ksettings,
	.get_ringparam = nic_get_ringparam,
	.set_ringparam = nic_set_ringparam,
	.get_coalesce = nic_get_coalesce,
	.set_coalesce = nic_set_coalesce,
	.nway_reset = nic_nway_reset,
	.get_tunable = nic_get_tunable,
	.set_tunable = nic_set_tunable,
	.get_channels = nic_get_channels,
	.get_sset_count = nic_get_sset_count,
	.get_strings = nic_get_strings,
	.get_ethtool_stats = nic_get_ethtool_stats,
};
