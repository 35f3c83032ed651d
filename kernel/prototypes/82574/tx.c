// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit ring.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>

#include "nic.h"
#include "regs.h"

/* Room for a frame must come back in the smallest ring. */
static_assert(NIC_DESCRIPTORS_LEAST > NIC_FRAME_DESCRIPTORS);
static_assert(NIC_FRAME_COPIED <= NIC_FRAME_MAPPED);

/*
 * Number of free descriptors. The other side may move its index concurrently: the sender
 * may see too few, NAPI too many.
 */
static unsigned int nic_tx_room(const struct nic_tx *tx)
{
	/*
	 * Pairs with the release in nic_tx_clean(), which no longer reads older
	 * descriptors.
	 */
	unsigned int oldest = smp_load_acquire(&tx->oldest);
	unsigned int next = READ_ONCE(tx->next);

	return (next < oldest ? 0 : tx->ring.count) + oldest - next - 1;
}

/* Set up the ring of a stopped card with bus mastering enabled. */
void nic_tx_start(struct nic *nic)
{
	struct nic_tx *tx = &nic->tx;

	tx->next = 0;
	tx->sent = 0;
	tx->oldest = 0;
	tx->context = NIC_CONTEXT_NONE;
	memset(tx->ring.descriptors, 0,
	       tx->ring.count * sizeof(struct nic_tx_descriptor));

	nic_write(nic, REG_TDBAL(0), lower_32_bits(tx->ring.address));
	nic_write(nic, REG_TDBAH(0), upper_32_bits(tx->ring.address));
	nic_write(nic, REG_TDLEN(0),
		  tx->ring.count * sizeof(struct nic_tx_descriptor));
	nic_write(nic, REG_TDH(0), 0);
	nic_write(nic, REG_TDT(0), 0);
	nic_write(nic, REG_TXDCTL, TXDCTL_WRITE_BACK_1 | TXDCTL_RESERVED_1 |
		  TXDCTL_COUNT_DESC);
	nic_write(nic, REG_TARC0, nic_read(nic, REG_TARC0) | TARC_ENABLE);
	nic_write(nic, REG_TIPG, TIPG_COPPER);
	nic_write(nic, REG_TCTL, TCTL_ENABLE | TCTL_PAD | TCTL_COLLISIONS |
		  TCTL_DISTANCE);

	netdev_reset_queue(nic->netdev);
	netif_tx_lock_bh(nic->netdev);
	tx->live = true;
	netif_tx_unlock_bh(nic->netdev);
	netif_start_queue(nic->netdev);
}

/* The ring and its registers are not written after this returns. */
void nic_tx_stop(struct nic *nic)
{
	netif_tx_lock_bh(nic->netdev);
	nic->tx.live = false;
	netif_stop_queue(nic->netdev);
	netif_tx_unlock_bh(nic->netdev);
}

/* Check again after the stop: a concurrent nic_tx_clean() may not have seen it. */
static bool nic_tx_stop_if_full(struct nic_tx *tx, struct net_device *netdev)
{
	if (likely(nic_tx_room(tx) >= NIC_FRAME_DESCRIPTORS))
		return false;
	netif_stop_queue(netdev);
	/* Pairs with smp_mb() in nic_tx_clean(). */
	smp_mb();
	if (nic_tx_room(tx) < NIC_FRAME_DESCRIPTORS)
		return true;
	netif_start_queue(netdev);
	return false;
}

static void nic_tx_count_drop(struct nic_tx *tx)
{
	u64_stats_update_begin(&tx->xmit_sync);
	tx->dropped++;
	u64_stats_update_end(&tx->xmit_sync);
}

static void nic_tx_drop(struct nic_tx *tx, struct sk_buff *skb)
{
	nic_tx_count_drop(tx);
	dev_kfree_skb_any(skb);
}

/*
 * The stack decides before it queues a frame whether the card is to insert its tag. Return: the
 * frame, or NULL if it was freed.
 */
static struct sk_buff *nic_tx_tag(struct sk_buff *skb, const struct net_device *netdev)
{
	if (likely(!skb_vlan_tag_present(skb) || netdev->features & NETIF_F_HW_VLAN_CTAG_RX))
		return skb;
	return __vlan_hwaccel_push_inside(skb);
}

/* Called by the stack with the lock of the transmit queue held. */
netdev_tx_t nic_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_tx *tx = &nic->tx;
	bool write_tail;
	u32 length;

	if (unlikely(!tx->live)) {
		nic_tx_drop(tx, skb);
		return NETDEV_TX_OK;
	}
	/*
	 * The queue may have been woken without room: only nic_tx_clean() checks the
	 * ring.
	 */
	if (unlikely(nic_tx_stop_if_full(tx, netdev)))
		return NETDEV_TX_BUSY;
	skb = nic_tx_tag(skb, netdev);
	if (unlikely(!skb)) {
		nic_tx_count_drop(tx);
		goto out_tail;
	}
	length = nic_frame_length(skb);
	if (unlikely(nic_frame_put(nic, skb))) {
		nic_tx_drop(tx, skb);
		goto out_tail;
	}

	nic_tx_stop_if_full(tx, netdev);
	write_tail = __netdev_sent_queue(netdev, length, netdev_xmit_more());
	/* Pairs with nic_tx_clean(): account a frame as sent before it can complete. */
	smp_store_release(&tx->sent, tx->next);
	if (!write_tail)
		return NETDEV_TX_OK;
out_tail:
	nic_write(nic, REG_TDT(0), tx->next);
	return NETDEV_TX_OK;
}

/* Room at which a stopped queue goes on. */
static unsigned int nic_tx_enough(const struct nic_tx *tx)
{
	return max_t(unsigned int, tx->ring.count / 4, NIC_FRAME_DESCRIPTORS);
}

/* The card is stopped, and so are NAPI and the stack. */
void nic_tx_drop_unsent(struct nic *nic)
{
	struct nic_tx *tx = &nic->tx;
	const struct nic_tx_slot *slot;
	unsigned int i;

	for (i = tx->oldest; i != tx->next; i = nic_ring_after(&tx->ring, i)) {
		slot = &tx->buffers.slot[i];
		nic_frame_unmap(nic, i);
		if (slot->bytes)
			nic_tx_count_drop(tx);
		dev_kfree_skb_any(slot->skb);
	}
}

/* Called by NAPI of queue 0. Does not pass @sent, whatever the card writes. */
void nic_tx_clean(struct nic *nic, int budget)
{
	struct net_device *netdev = nic->netdev;
	unsigned int frames = 0, bytes = 0, i, last, sent;
	struct nic_tx *tx = &nic->tx;
	const struct nic_tx_slot *slot;

	/* Pairs with nic_xmit(): whole frames, already accounted as sent. */
	sent = smp_load_acquire(&tx->sent);
	for (i = tx->oldest; i != sent; i = nic_ring_after(&tx->ring, last)) {
		/* The card reports only the last descriptor of a frame. */
		last = i;
		while (!tx->buffers.slot[last].bytes)
			last = nic_ring_after(&tx->ring, last);
		if (!nic_frame_is_done(tx, last))
			break;
		for (; i != last; i = nic_ring_after(&tx->ring, i))
			nic_frame_unmap(nic, i);
		nic_frame_unmap(nic, last);
		slot = &tx->buffers.slot[last];
		bytes += slot->bytes;
		frames += slot->segments;
		if (slot->skb)
			napi_consume_skb(slot->skb, budget);
	}
	if (!frames)
		return;

	u64_stats_update_begin(&tx->sync);
	tx->frames += frames;
	tx->bytes += bytes;
	u64_stats_update_end(&tx->sync);
	/* Pairs with nic_tx_room(): the sender may reuse the descriptors. */
	smp_store_release(&tx->oldest, i);
	netdev_completed_queue(netdev, frames, bytes);
	/* Pairs with smp_mb() in nic_tx_stop_if_full(). */
	smp_mb();
	if (unlikely(netif_queue_stopped(netdev)) &&
	    nic_tx_room(tx) >= nic_tx_enough(tx))
		netif_wake_queue(netdev);
}
