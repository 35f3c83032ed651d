// SPDX-License-Identifier: GPL-2.0
/*
 * Receive path. The headers of a frame are copied, and the rest is passed on in its buffer; see
 * buffer.c. Short frames, and all while no buffer is idle, are copied as a whole. The card may
 * be faulty or hostile, and can write to a buffer at any time: every length is checked, and
 * headers are parsed only after they have been copied.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>

#include <linux/ndshm.h>

#include "nic.h"
#include "regs.h"

#define BATCH		16	/* descriptors between two writes of the tail */
#define LINEAR_MAX	2048	/* longer frames are copied to single pages */
#define HEADERS		256	/* frames up to this are copied, and so are longer headers */

/* Sizes that the card supports [10.2.5]; 2,048 is RCTL_SIZE 0. */
const struct nic_buffer_size nic_buffer_sizes[] = {
	{ 2048, 0 },
	{ 4096, 3U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
	{ 8192, 2U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
	{ 16384, 1U << RCTL_SIZE_SHIFT | RCTL_SIZE_TIMES_16 },
};

const struct nic_buffer_size *nic_buffer_size(const struct net_device *netdev)
{
	unsigned int i = 0;

	while (i < ARRAY_SIZE(nic_buffer_sizes) - 1 &&
	       nic_buffer_sizes[i].size < nic_frame_max(netdev))
		i++;
	return &nic_buffer_sizes[i];
}

static struct nic_rx_descriptor *nic_rx_descriptor_at(struct nic_rx *rx, unsigned int i)
{
	return (struct nic_rx_descriptor *)rx->ring.descriptors + i;
}

static void nic_rx_arm(struct nic_rx *rx, unsigned int i)
{
	struct nic_rx_descriptor *d = nic_rx_descriptor_at(rx, i);
	const struct nic_buffer *buffer = &rx->buffers.slot[i]->part;

	nic_buffer_sync(buffer, NDSHM_SYNC_FOR_DEVICE, rx->buffers.size);
	d->address = cpu_to_le64(buffer->address);
	d->status = 0;
	d->length = 0;
	d->vlan = 0;
}

static void nic_rx_start_queue(struct nic_queue *queue)
{
	const unsigned int index = queue->index;
	struct nic_rx *rx = &queue->rx;
	struct nic *nic = queue->nic;
	unsigned int i;

	rx->next = 0;
	rx->emptied = 0;
	rx->spanning = false;
	for (i = 0; i < rx->ring.count; i++)
		nic_rx_arm(rx, i);

	nic_write(nic, REG_RDBAL(index), lower_32_bits(rx->ring.address));
	nic_write(nic, REG_RDBAH(index), upper_32_bits(rx->ring.address));
	nic_write(nic, REG_RDLEN(index),
		  rx->ring.count * sizeof(struct nic_rx_descriptor));
	nic_write(nic, REG_RDH(index), 0);
	nic_write(nic, REG_RDT(index), 0);
}

/*
 * Distribute frames to the queues by a hash of their addresses, and of the ports of TCP. Other
 * frames go to queue 0.
 */
static void nic_rx_start_rss(struct nic *nic)
{
	u32 key[RSSRK_REGISTERS], entries = 0;
	unsigned int i;

	netdev_rss_key_fill(key, sizeof(key));
	for (i = 0; i < RSSRK_REGISTERS; i++)
		nic_write(nic, REG_RSSRK(i), key[i]);
	for (i = 0; i < sizeof(entries); i++)
		entries |= i % nic->queues << (i * BITS_PER_BYTE + RETA_QUEUE_SHIFT);
	for (i = 0; i < RETA_REGISTERS; i++)
		nic_write(nic, REG_RETA(i), entries);
	nic_write(nic, REG_MRQC, MRQC_RSS | MRQC_TCP_IPV4 | MRQC_IPV4 | MRQC_TCP_IPV6 |
		  MRQC_IPV6);
}

/* Set up the rings of a stopped card. A queue receives after nic_rx_give(). */
void nic_rx_start(struct nic *nic)
{
	struct nic_queue *queue;

	for (queue = nic->queue; queue < nic_queues_end(nic); queue++)
		nic_rx_start_queue(queue);
	nic_write(nic, REG_RXDCTL, RXDCTL_WRITE_BACK_1 | RXDCTL_COUNT_DESC);
	nic_write(nic, REG_RXCSUM, RXCSUM_IP | RXCSUM_TCP_UDP | RXCSUM_HASH);
	nic_write(nic, REG_RFCTL, RFCTL_EXTENDED | RFCTL_NO_ACK_CAUSE);
	if (nic->queues > 1)
		nic_rx_start_rss(nic);
}

/* Give all descriptors but one: an equal head and tail mean none [7.1.8]. */
void nic_rx_give(struct nic_queue *queue)
{
	struct nic_rx *rx = &queue->rx;

	nic_write(queue->nic, REG_RDT(queue->index),
		  (rx->next ?: rx->ring.count) - 1);
	rx->emptied = 0;
}

/* Uses single pages, which are available when memory is fragmented. */
static struct sk_buff *nic_rx_alloc_long(u32 length)
{
	const u32 head = NET_SKB_PAD + NET_IP_ALIGN;
	struct sk_buff *skb;
	int error;

	skb = alloc_skb_with_frags(head + HEADERS, length - HEADERS, 0, &error,
				   GFP_ATOMIC | __GFP_NOWARN);
	if (!skb)
		return NULL;
	skb_reserve(skb, head);
	skb_put(skb, HEADERS);
	skb->data_len = length - HEADERS;
	skb->len += skb->data_len;
	return skb;
}

static struct sk_buff *nic_rx_copy(struct nic_queue *queue, const void *frame,
				   u32 length)
{
	struct sk_buff *skb;

	if (length > LINEAR_MAX) {
		skb = nic_rx_alloc_long(length);
		if (skb)
			skb_store_bits(skb, 0, frame, length);
		return skb;
	}
	skb = napi_alloc_skb(&queue->napi, length);
	if (skb)
		skb_put_data(skb, frame, length);
	return skb;
}

/*
 * Replace the buffer of a descriptor by an idle one, and lend it to an skb. Return: NULL if
 * nothing was changed.
 */
static struct sk_buff *nic_rx_lend(struct nic_queue *queue, unsigned int i, u32 length)
{
	struct nic_rx_buffers *buffers = &queue->rx.buffers;
	struct nic_rx_buffer *buffer = buffers->slot[i], *idle;
	struct sk_buff *skb;
	u32 headers;

	if (!buffer->folio)
		return NULL;
	idle = nic_rx_buffers_take(queue);
	if (!idle)
		return NULL;
	skb = napi_alloc_skb(&queue->napi, HEADERS);
	if (!skb) {
		nic_rx_buffers_put(buffers, idle);
		return NULL;
	}
	skb_put_data(skb, buffer->part.memory, HEADERS);
	/* GRO needs a linear part without payload. */
	headers = eth_get_headlen(queue->nic->netdev, skb->data, HEADERS);
	/* Headers of unknown kinds are parsed in the copy, too, not in the card's memory. */
	if (headers == ETH_HLEN)
		headers = HEADERS;
	skb_trim(skb, headers);
	nic_rx_buffers_lend(buffers, buffer, skb, headers, length - headers);
	buffers->slot[i] = idle;
	return skb;
}

/* Return: an skb with the frame, or NULL. */
static struct sk_buff *nic_rx_skb(struct nic_queue *queue, unsigned int i, u32 length)
{
	const void *frame = queue->rx.buffers.slot[i]->part.memory;
	struct sk_buff *skb;

	if (length <= HEADERS)
		return nic_rx_copy(queue, frame, length);
	skb = nic_rx_lend(queue, i, length);
	if (skb) {
		queue->rx.lent++;
		return skb;
	}
	queue->rx.copied++;
	return nic_rx_copy(queue, frame, length);
}

static bool nic_rx_checksum_is_right(u32 status)
{
	return (status & (RXD_TCP | RXD_UDP)) &&
	       !(status & (RXD_NO_CHECKSUM | RXD_WRONG_CHECKSUM));
}

static void nic_rx_set_hash(struct sk_buff *skb, u64 hash)
{
	const u32 type = RXD_HASH_TYPE(lower_32_bits(hash));

	if (type != HASH_NONE)
		skb_set_hash(skb, upper_32_bits(hash),
			     type == HASH_TCP_IPV4 || type == HASH_TCP_IPV6 ?
			     PKT_HASH_TYPE_L4 : PKT_HASH_TYPE_L3);
}

/* What the card wrote to a descriptor, which it may write again. */
struct nic_rx_written {
	u64 hash;		/* and its type, over the address */
	u32 status;
	u16 length;
	u16 tag;
};

static struct nic_rx_written nic_rx_read(const struct nic_rx_descriptor *d, u32 status)
{
	return (struct nic_rx_written){
		.hash = le64_to_cpu(READ_ONCE(d->address)),
		.status = status,
		.length = le16_to_cpu(READ_ONCE(d->length)),
		.tag = le16_to_cpu(READ_ONCE(d->vlan)),
	};
}

static void nic_rx_describe(const struct net_device *netdev, struct sk_buff *skb,
			    const struct nic_rx_written *written)
{
	if ((netdev->features & NETIF_F_RXCSUM) && nic_rx_checksum_is_right(written->status))
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	if (netdev->features & NETIF_F_RXHASH)
		nic_rx_set_hash(skb, written->hash);
	if (written->status & RXD_VLAN)
		__vlan_hwaccel_put_tag(skb, htons(ETH_P_8021Q), written->tag);
}

static void nic_rx_receive(struct nic_queue *queue, unsigned int i,
			   const struct nic_rx_written *written)
{
	struct net_device *netdev = queue->nic->netdev;
	const u32 length = written->length;
	struct nic_rx *rx = &queue->rx;
	struct sk_buff *skb;
	bool first = !rx->spanning;

	rx->spanning = !(written->status & RXD_END);
	if (rx->spanning)
		return;
	if (!first || length < ETH_HLEN || length > rx->buffers.size) {
		rx->length_errors++;
		return;
	}
	if (written->status & RXD_ERRORS) {
		rx->errors++;
		return;
	}

	nic_buffer_sync(&rx->buffers.slot[i]->part, NDSHM_SYNC_FOR_CPU, length);
	skb = nic_rx_skb(queue, i, length);
	if (!skb) {
		rx->no_memory++;
		return;
	}
	rx->frames++;
	rx->bytes += length;
	nic_rx_describe(netdev, skb, written);
	skb_record_rx_queue(skb, queue->index);
	skb->protocol = eth_type_trans(skb, netdev);
	napi_gro_receive(&queue->napi, skb);
}

int nic_rx_poll(struct nic_queue *queue, int budget)
{
	struct nic_rx *rx = &queue->rx;
	struct nic_rx_written written;
	struct nic_rx_descriptor *d;
	int done = 0;
	u32 status;

	while (done < budget) {
		d = nic_rx_descriptor_at(rx, rx->next);
		status = le32_to_cpu(READ_ONCE(d->status));
		if (!(status & RXD_DONE))
			break;
		/* Read RXD_DONE before the rest of the descriptor and the frame. */
		dma_rmb();
		written = nic_rx_read(d, status);
		u64_stats_update_begin(&rx->sync);
		nic_rx_receive(queue, rx->next, &written);
		u64_stats_update_end(&rx->sync);
		nic_rx_arm(rx, rx->next);
		rx->next = nic_ring_after(&rx->ring, rx->next);
		done++;
		if (++rx->emptied == BATCH)
			nic_rx_give(queue);
	}
	if (rx->emptied)
		nic_rx_give(queue);
	return done;
}
