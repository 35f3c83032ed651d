// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit path. A frame is copied to the buffer of one descriptor, and its skb is freed
 * at once.
 */
#include <linux/etherdevice.h>
#include <linux/skbuff.h>

#include "regs.h"
#include "vf.h"

#define WAKE_DESCRIPTORS	(VF_DESCRIPTORS / 4)

static struct vf_tx_descriptor *vf_tx_descriptor_at(struct vf_tx *tx, unsigned int i)
{
	return (struct vf_tx_descriptor *)tx->ring.descriptors + i;
}

/*
 * Number of free descriptors. The other side may move its index concurrently: the sender
 * may see too few, NAPI too many.
 */
static unsigned int vf_tx_room(const struct vf_tx *tx)
{
	/* Pairs with vf_tx_clean(), which no longer reads older descriptors. */
	unsigned int oldest = smp_load_acquire(&tx->oldest);
	unsigned int next = READ_ONCE(tx->next);

	return VF_DESCRIPTORS - 1 - (next + VF_DESCRIPTORS - oldest) % VF_DESCRIPTORS;
}

/* Set up the queue of a stopped function with bus mastering enabled. */
void vf_tx_start(struct vf *vf)
{
	struct vf_tx *tx = &vf->tx;

	tx->next = 0;
	tx->oldest = 0;
	memset(tx->ring.descriptors, 0, VF_DESCRIPTORS * sizeof(struct vf_tx_descriptor));

	vf_write(vf, REG_TDBAL, lower_32_bits(tx->ring.address));
	vf_write(vf, REG_TDBAH, upper_32_bits(tx->ring.address));
	vf_write(vf, REG_TDLEN, VF_DESCRIPTORS * sizeof(struct vf_tx_descriptor));
	vf_write(vf, REG_TDH, 0);
	vf_write(vf, REG_TDT, 0);
	vf_write(vf, REG_TXDCTL, DCTL_ENABLE);

	netdev_reset_queue(vf->netdev);
	netif_tx_lock_bh(vf->netdev);
	tx->live = true;
	netif_tx_unlock_bh(vf->netdev);
	netif_start_queue(vf->netdev);
}

/* The ring and its registers are not written after this returns. */
void vf_tx_stop(struct vf *vf)
{
	netif_tx_lock_bh(vf->netdev);
	vf->tx.live = false;
	netif_stop_queue(vf->netdev);
	netif_tx_unlock_bh(vf->netdev);
}

/* Pad short frames, so that no old contents are sent. */
static void vf_tx_put(struct vf_tx *tx, const struct sk_buff *skb, u32 length)
{
	const struct vf_buffer *buffer = &tx->ring.buffer[tx->next];
	struct vf_tx_descriptor *d = vf_tx_descriptor_at(tx, tx->next);

	skb_copy_bits(skb, 0, buffer->memory, skb->len);
	memset(buffer->memory + skb->len, 0, length - skb->len);
	d->address = cpu_to_le64(buffer->address);
	d->command = cpu_to_le32(TXD_DATA | TXD_ADVANCED | TXD_END | TXD_INSERT_CRC |
				 TXD_REPORT | length);
	d->status = cpu_to_le32(length << TXD_LENGTH_SHIFT);
	tx->length[tx->next] = length;
}

/* Check again after the stop: a concurrent vf_tx_clean() may not have seen it. */
static bool vf_tx_stop_if_full(struct vf_tx *tx, struct net_device *netdev)
{
	if (likely(vf_tx_room(tx)))
		return false;
	netif_stop_queue(netdev);
	/* Pairs with smp_mb() in vf_tx_clean(). */
	smp_mb();
	if (!vf_tx_room(tx))
		return true;
	netif_start_queue(netdev);
	return false;
}

/* Called by the stack with the lock of the transmit queue held. */
netdev_tx_t vf_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct vf *vf = netdev_priv(netdev);
	struct vf_tx *tx = &vf->tx;
	u32 length = max_t(u32, skb->len, ETH_ZLEN);
	bool write_tail = true;

	if (unlikely(!tx->live)) {
		dev_core_stats_tx_dropped_inc(netdev);
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	/* The queue may have been woken without room: only vf_tx_clean() checks the ring. */
	if (unlikely(vf_tx_stop_if_full(tx, netdev)))
		return NETDEV_TX_BUSY;

	/* The stack does not check the maximum. */
	if (unlikely(length > VF_BUFFER_SIZE)) {
		dev_core_stats_tx_dropped_inc(netdev);
		dev_kfree_skb_any(skb);
	} else {
		vf_tx_put(tx, skb, length);
		skb_tx_timestamp(skb);
		dev_consume_skb_any(skb);
		write_tail = __netdev_sent_queue(netdev, length, netdev_xmit_more());
		/* Pairs with vf_tx_clean(): account a frame before it can complete. */
		smp_store_release(&tx->next, vf_after(tx->next));
		write_tail |= vf_tx_stop_if_full(tx, netdev);
	}
	if (write_tail)
		vf_write(vf, REG_TDT, tx->next);
	return NETDEV_TX_OK;
}

/* Called by NAPI. Does not pass @next, whatever the card writes. */
void vf_tx_clean(struct vf *vf)
{
	struct net_device *netdev = vf->netdev;
	unsigned int frames = 0, bytes = 0, i, next;
	struct vf_tx *tx = &vf->tx;

	/* Pairs with vf_xmit(). */
	next = smp_load_acquire(&tx->next);
	for (i = tx->oldest; i != next; i = vf_after(i)) {
		__le32 status = READ_ONCE(vf_tx_descriptor_at(tx, i)->status);

		if (!(status & cpu_to_le32(TXD_DONE)))
			break;
		bytes += tx->length[i];
		frames++;
	}
	if (!frames)
		return;

	dev_sw_netstats_tx_add(netdev, frames, bytes);
	/* Pairs with vf_tx_room(): the sender may reuse the descriptors. */
	smp_store_release(&tx->oldest, i);
	netdev_completed_queue(netdev, frames, bytes);
	/* Pairs with smp_mb() in vf_tx_stop_if_full(). */
	smp_mb();
	if (unlikely(netif_queue_stopped(netdev)) && vf_tx_room(tx) >= WAKE_DESCRIPTORS)
		netif_wake_queue(netdev);
}
