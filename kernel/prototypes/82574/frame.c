// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of a frame to send. A frame is copied to the buffers of its descriptors and its skb
 * is freed at once, or the memory of its skb is mapped until the card has sent it.
 *
 * Behind an IOMMU that translates, all frames are copied unless an administrator sets another limit
 * (tx-copybreak): the buffers remain mapped, and the card can read no other memory. Of a frame that
 * is mapped it can read the pages, which hold data of others too. Without translation long frames
 * are mapped, because the card can usually read all memory.
 *
 * A buffer is less than a page, and a mapping is contiguous: behind an IOMMU an emulated card drops
 * a part of a frame whose pages are not.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>

#include <linux/ndshm.h>
#include <net/ip6_checksum.h>

#include "nic.h"
#include "regs.h"

#define COPYBREAK	256	/* a shorter copy costs less than a mapping */

/* What each data descriptor of a frame carries. */
struct nic_frame_options {
	u32 command;
	u32 status;
};

static struct nic_tx_descriptor *nic_frame_descriptor(const struct nic_tx *tx, unsigned int i)
{
	return (struct nic_tx_descriptor *)tx->ring.descriptors + i;
}

u32 nic_frame_copybreak(const struct nic *nic)
{
	const struct iommu_domain *domain = iommu_get_domain_for_dev(&nic->pdev->dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY ? NIC_FRAME_COPY_ALL : COPYBREAK;
}

/* What a virtual machine sends may have segments of any length. */
static bool nic_frame_segment_is_too_long(const struct sk_buff *skb)
{
	return skb_tcp_all_headers(skb) + skb_shinfo(skb)->gso_size >
	       NIC_MTU_MAX + VLAN_ETH_HLEN;
}

/* Called by the stack, which cuts into segments what the card cannot. */
netdev_features_t nic_frame_features(struct sk_buff *skb, struct net_device *netdev,
				     netdev_features_t features)
{
	/* A tag may still be inserted. */
	if (skb_is_gso(skb) && skb_is_gso_tcp(skb) &&
	    (skb_tcp_all_headers(skb) + VLAN_HLEN > NIC_FRAME_HEADERS ||
	     nic_frame_segment_is_too_long(skb)))
		features &= ~NETIF_F_GSO_MASK;
	return vlan_features_check(skb, features);
}

static unsigned int nic_frame_segments(const struct sk_buff *skb)
{
	return skb_shinfo(skb)->gso_segs ?: 1;
}

/* Bytes that the card sends for a frame, with padding or the headers of all segments. Never 0. */
u32 nic_frame_length(const struct sk_buff *skb)
{
	if (skb_is_gso(skb))
		return skb->len + (nic_frame_segments(skb) - 1) * skb_tcp_all_headers(skb);
	return max_t(u32, skb->len, ETH_ZLEN);
}

/* The stack does not check that a frame is not longer than any MTU. */
static bool nic_frame_is_too_long(const struct sk_buff *skb)
{
	if (skb_is_gso(skb))
		return skb->len > NIC_FRAME_MAX || nic_frame_segment_is_too_long(skb);
	return skb->len > NIC_MTU_MAX + VLAN_ETH_HLEN;
}

static void nic_frame_put_one(struct nic_tx *tx, u64 address, u32 command, u32 status)
{
	struct nic_tx_descriptor *d = nic_frame_descriptor(tx, tx->next);

	d->address = cpu_to_le64(address);
	d->command = cpu_to_le32(command | TXD_EXTENDED);
	d->status = cpu_to_le32(status);
	tx->buffers.slot[tx->next] = (struct nic_tx_slot){ };
	WRITE_ONCE(tx->next, nic_ring_after(&tx->ring, tx->next));
}

/*
 * The card inserts the checksum that its last context descriptor describes; the stack has
 * left the sum of the pseudo header there. If the offset does not fit in a context,
 * compute the checksum in software.
 */
static int nic_frame_put_checksum(struct nic_tx *tx, struct sk_buff *skb,
				  struct nic_frame_options *options)
{
	u32 start, place, context;

	if (skb->ip_summed != CHECKSUM_PARTIAL)
		return 0;
	start = skb_checksum_start_offset(skb);
	place = start + skb->csum_offset;
	if (place > U8_MAX)
		return skb_checksum_help(skb);

	context = place << 8 | start;
	if (context != tx->context) {
		nic_frame_put_one(tx, (u64)start << TXD_CONTEXT_START_SHIFT |
				  (u64)place << TXD_CONTEXT_PLACE_SHIFT, 0, 0);
		tx->context = context;
	}
	options->status = TXD_CHECKSUM;
	return 0;
}

/*
 * The card counts up the headers of each segment, and inserts lengths and checksums: what depends
 * on a length must be left out of the sum of the pseudo header.
 */
static int nic_frame_put_segments(struct nic_tx *tx, struct sk_buff *skb,
				  struct nic_frame_options *options)
{
	const u32 headers = skb_tcp_all_headers(skb), start = skb_transport_offset(skb);
	const u32 place = start + offsetof(struct tcphdr, check);
	const u32 network = skb_network_offset(skb);
	u32 command = TXD_SEGMENT | TXD_CONTEXT_TCP | (skb->len - headers);
	/* The card finds the header of IPv6 by these offsets, too. */
	u64 offsets = (u64)start << TXD_CONTEXT_START_SHIFT |
		      (u64)place << TXD_CONTEXT_PLACE_SHIFT |
		      network << TXD_CONTEXT_IP_START_SHIFT |
		      (network + offsetof(struct iphdr, check)) << TXD_CONTEXT_IP_PLACE_SHIFT;
	int error = skb_cow_head(skb, 0);
	struct iphdr *ip;

	if (error)
		return error;
	options->status = TXD_CHECKSUM;
	if (skb_is_gso_v6(skb)) {
		tcp_v6_gso_csum_prep(skb);
	} else {
		ip = ip_hdr(skb);
		ip->tot_len = 0;
		ip->check = 0;
		tcp_hdr(skb)->check = ~csum_tcpudp_magic(ip->saddr, ip->daddr, 0, IPPROTO_TCP, 0);
		offsets |= (start - 1) << TXD_CONTEXT_IP_LAST_SHIFT;
		command |= TXD_CONTEXT_IPV4;
		options->status |= TXD_CHECKSUM_IP;
	}
	nic_frame_put_one(tx, offsets, command,
			  headers << TXD_CONTEXT_HEADERS_SHIFT |
			  (u32)skb_shinfo(skb)->gso_size << TXD_CONTEXT_SEGMENT_SHIFT);
	tx->context = NIC_CONTEXT_NONE;
	options->command |= TXD_SEGMENT;
	return 0;
}

static void nic_frame_put_part(struct nic_tx *tx, u64 address, u32 length,
			       const struct nic_frame_options *options)
{
	nic_frame_put_one(tx, address, options->command | length, options->status);
}

static void nic_frame_copy(struct nic_tx *tx, const struct sk_buff *skb,
			   const struct nic_frame_options *options)
{
	const struct nic_buffer *buffer;
	u32 from = 0, length;

	/* Also of a frame without a byte: each has a last descriptor. */
	do {
		buffer = &tx->buffers.buffer[tx->next];
		length = min_t(u32, skb->len - from, NIC_TX_BUFFER_SIZE);
		skb_copy_bits(skb, from, buffer->memory, length);
		/* Pad short frames, so that no old contents are sent. */
		if (unlikely(from + length < ETH_ZLEN)) {
			memset(buffer->memory + length, 0, ETH_ZLEN - length);
			length = ETH_ZLEN;
		}
		nic_buffer_sync(buffer, NDSHM_SYNC_FOR_DEVICE, length);
		nic_frame_put_part(tx, buffer->address, length, options);
		from += length;
	} while (from < skb->len);
}

/* Put the descriptors of a mapping, which belongs to the first of them. */
static void nic_frame_put_mapping(struct nic_tx *tx, dma_addr_t address, u32 mapped,
				  const struct nic_frame_options *options)
{
	struct nic_tx_slot *slot = &tx->buffers.slot[tx->next];
	u32 from, length;

	for (from = 0; from < mapped; from += length) {
		length = min_t(u32, mapped - from, NIC_FRAME_PART);
		nic_frame_put_part(tx, address + from, length, options);
	}
	slot->address = address;
	slot->mapped = mapped;
}

/* Called when the card does not read the descriptor any more. */
void nic_frame_unmap(struct nic *nic, unsigned int i)
{
	struct nic_tx_slot *slot = &nic->tx.buffers.slot[i];

	if (slot->mapped)
		dma_unmap_page(&nic->pdev->dev, slot->address, slot->mapped, DMA_TO_DEVICE);
}

/* Return: false if the frame must be copied; nothing was changed. */
static bool nic_frame_map(struct nic *nic, const struct sk_buff *skb,
			  const struct nic_frame_options *options)
{
	struct device *device = &nic->pdev->dev;
	struct nic_tx *tx = &nic->tx;
	const unsigned int first = tx->next;
	const skb_frag_t *fragment;
	dma_addr_t address;
	unsigned int i;

	address = dma_map_page(device, virt_to_page(skb->data), offset_in_page(skb->data),
			       skb_headlen(skb), DMA_TO_DEVICE);
	if (dma_mapping_error(device, address))
		return false;
	nic_frame_put_mapping(tx, address, skb_headlen(skb), options);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		fragment = &skb_shinfo(skb)->frags[i];
		address = skb_frag_dma_map(device, fragment, 0, skb_frag_size(fragment),
					   DMA_TO_DEVICE);
		if (dma_mapping_error(device, address))
			goto err_unmap;
		nic_frame_put_mapping(tx, address, skb_frag_size(fragment), options);
	}
	return true;

err_unmap:
	for (i = first; i != tx->next; i = nic_ring_after(&tx->ring, i))
		nic_frame_unmap(nic, i);
	WRITE_ONCE(tx->next, first);
	return false;
}

static bool nic_frame_is_copied(const struct nic_tx *tx, const struct sk_buff *skb)
{
	return skb->len <= READ_ONCE(tx->copybreak) || skb->len < ETH_ZLEN ||
	       skb_has_frag_list(skb);
}

/*
 * Put the descriptors of a frame, at most NIC_FRAME_DESCRIPTORS. The skb is then the driver's, but
 * not after an error.
 */
int nic_frame_put(struct nic *nic, struct sk_buff *skb)
{
	struct nic_frame_options options = { .command = TXD_DATA | TXD_INSERT_CRC };
	struct nic_tx *tx = &nic->tx;
	struct nic_tx_slot *slot;
	unsigned int last;
	bool copied;
	int error;

	if (unlikely(nic_frame_is_too_long(skb)))
		return -EMSGSIZE;
	if (skb_is_gso(skb))
		error = nic_frame_put_segments(tx, skb, &options);
	else
		error = nic_frame_put_checksum(tx, skb, &options);
	if (error)
		return error;
	if (skb_vlan_tag_present(skb)) {
		options.command |= TXD_VLAN;
		options.status |= (u32)skb_vlan_tag_get(skb) << TXD_TAG_SHIFT;
	}
	copied = nic_frame_is_copied(tx, skb) || !nic_frame_map(nic, skb, &options);
	u64_stats_update_begin(&tx->xmit_sync);
	tx->mapped += !copied;
	u64_stats_update_end(&tx->xmit_sync);
	if (copied)
		nic_frame_copy(tx, skb, &options);
	skb_tx_timestamp(skb);

	last = nic_ring_before(&tx->ring, tx->next);
	nic_frame_descriptor(tx, last)->command |= cpu_to_le32(TXD_END | TXD_REPORT);
	slot = &tx->buffers.slot[last];
	slot->segments = nic_frame_segments(skb);
	slot->bytes = nic_frame_length(skb);
	if (copied)
		dev_consume_skb_any(skb);
	else
		slot->skb = skb;
	return 0;
}

bool nic_frame_is_done(const struct nic_tx *tx, unsigned int last)
{
	__le32 status = READ_ONCE(nic_frame_descriptor(tx, last)->status);

	return status & cpu_to_le32(TXD_DONE);
}
