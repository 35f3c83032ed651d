// SPDX-License-Identifier: GPL-2.0
/*
 * Network interface: open, stop, MTU, address and statistics.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/pci.h>

#include "nic.h"
#include "regs.h"

unsigned int nic_frame_max(const struct net_device *netdev)
{
	return READ_ONCE(netdev->mtu) + VLAN_ETH_HLEN;
}

/* Start a stopped card. The queues must have their memory. */
int nic_up(struct nic *nic)
{
	struct nic_queue *queue;
	int error;

	ASSERT_RTNL();
	lockdep_assert_held(&nic->lock);
	if (!nic_queues_usable(nic))
		return -ENODEV;

	error = nic_card_quiesce(nic);
	if (error)
		return error;
	error = nic_link_start(nic);
	if (error)
		return error;
	error = nic_irq_start(nic);
	if (error)
		return error;

	nic_card_address(nic, 0, nic->netdev->dev_addr);
	nic_card_set_vlan(nic, nic->netdev->features);
	nic_write(nic, REG_CTRL_EXT,
		  nic_read(nic, REG_CTRL_EXT) | CTRL_EXT_DRIVER);
	nic_rx_start(nic);
	pci_set_master(nic->pdev);
	nic->up = true;
	nic_tx_start(nic);
	nic_filter_start(nic);
	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_rx_give(queue);
	nic_irq_enable(nic);
	schedule_work(&nic->link_work);
	return 0;
}

/*
 * Stop the card if it runs. Neither the card nor the driver accesses the queues' memory
 * after this returns.
 */
void nic_down(struct nic *nic)
{
	lockdep_assert_held(&nic->lock);
	if (!nic->up)
		return;
	nic->up = false;

	nic_irq_stop(nic);
	cancel_work_sync(&nic->link_work);
	netif_carrier_off(nic->netdev);
	nic_tx_stop(nic);
	nic_filter_stop(nic);
	nic_counters_collect(nic);
	/* Ignore errors: bus mastering is off in any case. */
	nic_card_quiesce(nic);
	nic_tx_drop_unsent(nic);
}

static int nic_open(struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	int error = nic_queues_make(nic);

	if (error)
		return error;
	netif_carrier_off(netdev);
	mutex_lock(&nic->lock);
	error = nic_up(nic);
	mutex_unlock(&nic->lock);
	if (error)
		nic_queues_free(nic);
	return error;
}

static int nic_stop(struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);

	mutex_lock(&nic->lock);
	nic_down(nic);
	mutex_unlock(&nic->lock);
	nic_queues_free(nic);
	return 0;
}

static void nic_configure(struct net_device *netdev, const struct nic_config *config)
{
	struct nic *nic = netdev_priv(netdev);

	WRITE_ONCE(netdev->mtu, config->mtu);
	nic->rx_descriptors = config->rx_descriptors;
	nic->tx_descriptors = config->tx_descriptors;
}

/* All blocks are allocated anew. Called with RTNL held. */
int nic_reconfigure(struct net_device *netdev, const struct nic_config *config)
{
	const struct nic *nic = netdev_priv(netdev);
	const struct nic_config before = {
		.mtu = netdev->mtu,
		.rx_descriptors = nic->rx_descriptors,
		.tx_descriptors = nic->tx_descriptors,
	};
	int error;

	if (!netif_running(netdev)) {
		nic_configure(netdev, config);
		return 0;
	}
	nic_stop(netdev);
	nic_configure(netdev, config);
	error = nic_open(netdev);
	if (!error)
		return 0;
	/* Restore the previous configuration, for which there was enough memory. */
	nic_configure(netdev, &before);
	if (nic_open(netdev))
		netdev_err(netdev, "stopped: set it down and up\n");
	return error;
}

static int nic_change_mtu(struct net_device *netdev, int mtu)
{
	const struct nic *nic = netdev_priv(netdev);
	const struct nic_config config = {
		.mtu = mtu,
		.rx_descriptors = nic->rx_descriptors,
		.tx_descriptors = nic->tx_descriptors,
	};

	return nic_reconfigure(netdev, &config);
}

static int nic_set_mac_address(struct net_device *netdev, void *address)
{
	struct nic *nic = netdev_priv(netdev);
	int error = eth_mac_addr(netdev, address);

	if (error)
		return error;
	mutex_lock(&nic->lock);
	if (nic->up)
		nic_card_address(nic, 0, netdev->dev_addr);
	mutex_unlock(&nic->lock);
	return 0;
}

/* The card inserts tags only if it removes them. */
static netdev_features_t nic_fix_features(struct net_device *netdev, netdev_features_t features)
{
	if (!(features & NETIF_F_HW_VLAN_CTAG_RX))
		features &= ~NETIF_F_HW_VLAN_CTAG_TX;
	return features;
}

/* The ring must not hold frames with tags while the card does not insert them: it is emptied. */
static int nic_set_features(struct net_device *netdev, netdev_features_t features)
{
	const netdev_features_t changed = netdev->features ^ features;
	struct nic *nic = netdev_priv(netdev);
	int error = 0;
	bool up;

	if (!(changed & NETIF_F_HW_VLAN_CTAG_RX))
		return 0;
	mutex_lock(&nic->lock);
	up = nic->up;
	nic_down(nic);
	netdev->features = features;
	if (up)
		error = nic_up(nic);
	mutex_unlock(&nic->lock);
	if (error)
		netdev_err(netdev, "stopped: set it down and up\n");
	/* 1: the features have been set. */
	return error ?: 1;
}

static void nic_tx_timeout(struct net_device *netdev, unsigned int index)
{
	struct nic *nic = netdev_priv(netdev);

	schedule_work(&nic->restart_work);
}

/* Add the counters of a queue. */
static void nic_get_rx_stats(const struct nic_rx *rx, struct rtnl_link_stats64 *s)
{
	u64 frames, bytes, errors, length_errors, no_memory;
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&rx->sync);
		frames = rx->frames;
		bytes = rx->bytes;
		errors = rx->errors;
		length_errors = rx->length_errors;
		no_memory = rx->no_memory;
	} while (u64_stats_fetch_retry(&rx->sync, start));
	s->rx_packets += frames;
	s->rx_bytes += bytes;
	s->rx_length_errors += length_errors;
	s->rx_errors += errors + length_errors;
	s->rx_dropped += no_memory;
}

static void nic_get_tx_stats(const struct nic_tx *tx, struct rtnl_link_stats64 *s)
{
	unsigned int start;

	do {
		start = u64_stats_fetch_begin(&tx->sync);
		s->tx_packets = tx->frames;
		s->tx_bytes = tx->bytes;
	} while (u64_stats_fetch_retry(&tx->sync, start));
	do {
		start = u64_stats_fetch_begin(&tx->xmit_sync);
		s->tx_dropped = tx->dropped;
	} while (u64_stats_fetch_retry(&tx->xmit_sync, start));
}

static void nic_get_stats64(struct net_device *netdev,
			    struct rtnl_link_stats64 *stats)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_get_rx_stats(&queue->rx, stats);
	nic_get_tx_stats(&nic->tx, stats);
}

const struct net_device_ops nic_netdev_ops = {
	.ndo_open = nic_open,
	.ndo_stop = nic_stop,
	.ndo_start_xmit = nic_xmit,
	.ndo_features_check = nic_frame_features,
	.ndo_fix_features = nic_fix_features,
	.ndo_set_features = nic_set_features,
	.ndo_set_rx_mode = nic_set_rx_mode,
	.ndo_set_mac_address = nic_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_change_mtu = nic_change_mtu,
	.ndo_tx_timeout = nic_tx_timeout,
	.ndo_get_stats64 = nic_get_stats64,
};
