// SPDX-License-Identifier: GPL-2.0
/*
 * Transmit path. A frame is copied to the buffers of its descriptors, and its skb is
 * freed at once. A buffer is at most a page long: behind an IOMMU an emulated card drops
 * a buffer whose pages are not contiguous.
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>

#include <linux/ndshm.h>

#include "nic.h"
#include "regs.h"

#define CHUNKS_MAX \
	DIV_ROUND_UP(NIC_MTU_MAX + VLAN_ETH_HLEN, NIC_TX_BUFFER_SIZE)
#define FRAME_DESCRIPTORS	(1 + CHUNKS_MAX)	/* one more for a context */
#define CONTEXT_NONE		0

static_assert(NIC_DESCRIPTORS_LEAST / 4 >= FRAME_DESCRIPTORS);

static struct nic_tx_descriptor *nic_tx_descriptor_at(struct nic_tx *tx, unsigned int i)
{
	return (struct nic_tx_descriptor *)tx->ring.descriptors + i;
}

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
	tx->context = CONTEXT_NONE;
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

static void nic_tx_put(struct nic_tx *tx, u64 address, u32 command, u32 status)
{
	struct nic_tx_descriptor *d = nic_tx_descriptor_at(tx, tx->next);

	d->address = cpu_to_le64(address);
	d->command = cpu_to_le32(command | TXD_EXTENDED);
	d->status = cpu_to_le32(status);
	/* nic_tx_put_frame() sets the length of the last descriptor of a frame. */
	tx->buffers.length[tx->next] = 0;
	WRITE_ONCE(tx->next, nic_ring_after(&tx->ring, tx->next));
}

/*
 * The card inserts the checksum that its last context descriptor describes; the stack has
 * left the sum of the pseudo header there. If the offset does not fit in a context,
 * compute the checksum in software.
 */
static int nic_tx_put_checksum(struct nic_tx *tx, struct sk_buff *skb, u32 *status)
{
	u32 start, place, context;

	*status = 0;
	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	start = skb_checksum_start_offset(skb);
	place = start + skb->csum_offset;
	if (place > U8_MAX)
		return skb_checksum_help(skb);

	context = place << 8 | start;
	if (context != tx->context) {
		nic_tx_put(tx, (u64)start << TXD_CONTEXT_START_SHIFT |
			   (u64)place << TXD_CONTEXT_PLACE_SHIFT, 0, 0);
		tx->context = context;
	}
	*status = TXD_CHECKSUM;
	return 0;
}

static void nic_tx_put_chunk(struct nic_tx *tx, struct sk_buff *skb, u32 from,
			     u32 length, u32 command, u32 status)
{
	const struct nic_buffer *buffer = &tx->buffers.buffer[tx->next];

	skb_copy_bits(skb, from, buffer->memory, length);
	/* Pad short frames, so that no old contents are sent. */
	if (unlikely(from + length < ETH_ZLEN)) {
		memset(buffer->memory + length, 0, ETH_ZLEN - length);
		length = ETH_ZLEN;
	}
	nic_buffer_sync(buffer, NDSHM_SYNC_FOR_DEVICE, length);
	nic_tx_put(tx, buffer->address, command | length, status);
}

/*
 * Length with padding, never 0. May exceed the maximum MTU: the stack does not check it.
 */
static u32 nic_tx_length_sent(const struct sk_buff *skb)
{
	return max_t(u32, skb->len, ETH_ZLEN);
}

/* Every descriptor of a frame carries its checksum options. */
static void nic_tx_put_frame(struct nic_tx *tx, struct sk_buff *skb, u32 status)
{
	const u32 command = TXD_DATA | TXD_INSERT_CRC;
	unsigned int last;
	u32 from = 0;

	while (skb->len - from > NIC_TX_BUFFER_SIZE) {
		nic_tx_put_chunk(tx, skb, from, NIC_TX_BUFFER_SIZE, command, status);
		from += NIC_TX_BUFFER_SIZE;
	}
	last = tx->next;
	nic_tx_put_chunk(tx, skb, from, skb->len - from,
			 command | TXD_END | TXD_REPORT, status);
	tx->buffers.length[last] = nic_tx_length_sent(skb);
}

/* Check again after the stop: a concurrent nic_tx_clean() may not have seen it. */
static bool nic_tx_stop_if_full(struct nic_tx *tx, struct net_device *netdev)
{
	if (likely(nic_tx_room(tx) >= FRAME_DESCRIPTORS))
		return false;
	netif_stop_queue(netdev);
	/* Pairs with smp_mb() in nic_tx_clean(). */
	smp_mb();
	if (nic_tx_room(tx) < FRAME_DESCRIPTORS)
		return true;
	netif_start_queue(netdev);
	return false;
}

static void nic_tx_drop(struct nic_tx *tx, struct sk_buff *skb)
{
	u64_stats_update_begin(&tx->drop_sync);
	tx->dropped++;
	u64_stats_update_end(&tx->drop_sync);
	dev_kfree_skb_any(skb);
}

/* Called by the stack with the lock of the transmit queue held. */
netdev_tx_t nic_xmit(struct sk_buff *skb, struct net_device *netdev)
{
	struct nic *nic = netdev_priv(netdev);
	struct nic_tx *tx = &nic->tx;
	u32 length = nic_tx_length_sent(skb), status;
	bool write_tail;

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
	if (unlikely(length > CHUNKS_MAX * NIC_TX_BUFFER_SIZE) ||
	    nic_tx_put_checksum(tx, skb, &status)) {
		nic_tx_drop(tx, skb);
		goto out_tail;
	}

	nic_tx_put_frame(tx, skb, status);
	skb_tx_timestamp(skb);
	dev_consume_skb_any(skb);
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

static bool nic_tx_is_done(struct nic_tx *tx, unsigned int i)
{
	__le32 status = READ_ONCE(nic_tx_descriptor_at(tx, i)->status);

	return status & cpu_to_le32(TXD_DONE);
}

/* Called by NAPI of queue 0. Does not pass @sent, whatever the card writes. */
void nic_tx_clean(struct nic *nic)
{
	struct net_device *netdev = nic->netdev;
	unsigned int frames = 0, bytes = 0, i, last, sent;
	struct nic_tx *tx = &nic->tx;

	/* Pairs with nic_xmit(): whole frames, already accounted as sent. */
	sent = smp_load_acquire(&tx->sent);
	for (i = tx->oldest; i != sent; i = nic_ring_after(&tx->ring, last)) {
		/* The card reports only the last descriptor of a frame. */
		last = i;
		while (!tx->buffers.length[last])
			last = nic_ring_after(&tx->ring, last);
		if (!nic_tx_is_done(tx, last))
			break;
		bytes += tx->buffers.length[last];
		frames++;
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
	    nic_tx_room(tx) >= tx->ring.count / 4)
		netif_wake_queue(netdev);
}
