// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors of a frame to send. A frame is copied to the buffers of its descriptors and its skb
 * is freed at once, or the memory of its skb is mapped until the card has sent it.
 *
 * Behind an IOMMU that translates, all frames are copied unless the user sets another limit
 * (tx-copybreak): the buffers remain mapped, and the card can read no other memory. Without one it
 * can read all memory, and long frames are mapped.
 *
 * A buffer is at most a page long: behind an IOMMU an emulated card drops a buffer whose pages are
 * not contiguous.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/iommu.h>
#include <linux/pci.h>
#include <linux/skbuff.h>

#include <linux/ndshm.h>

#include "nic.h"
#include "regs.h"

#define COPYBREAK	256	/* a shorter copy costs less than a mapping */

static struct nic_tx_descriptor *nic_frame_descriptor(const struct nic_tx *tx, unsigned int i)
{
	return (struct nic_tx_descriptor *)tx->ring.descriptors + i;
}

u32 nic_frame_copybreak(const struct nic *nic)
{
	const struct iommu_domain *domain = iommu_get_domain_for_dev(&nic->pdev->dev);

	return domain && domain->type != IOMMU_DOMAIN_IDENTITY ? NIC_FRAME_COPY_ALL : COPYBREAK;
}

/* Length with padding, never 0. May exceed the maximum MTU: the stack does not check it. */
u32 nic_frame_length(const struct sk_buff *skb)
{
	return max_t(u32, skb->len, ETH_ZLEN);
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
static int nic_frame_put_checksum(struct nic_tx *tx, struct sk_buff *skb, u32 *status)
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
		nic_frame_put_one(tx, (u64)start << TXD_CONTEXT_START_SHIFT |
				  (u64)place << TXD_CONTEXT_PLACE_SHIFT, 0, 0);
		tx->context = context;
	}
	*status = TXD_CHECKSUM;
	return 0;
}

static void nic_frame_copy(struct nic_tx *tx, const struct sk_buff *skb, u32 status)
{
	const struct nic_buffer *buffer;
	u32 from, length;

	for (from = 0; from < skb->len; from += length) {
		buffer = &tx->buffers.buffer[tx->next];
		length = min_t(u32, skb->len - from, NIC_TX_BUFFER_SIZE);
		skb_copy_bits(skb, from, buffer->memory, length);
		/* Pad short frames, so that no old contents are sent. */
		if (unlikely(from + length < ETH_ZLEN)) {
			memset(buffer->memory + length, 0, ETH_ZLEN - length);
			length = ETH_ZLEN;
		}
		nic_buffer_sync(buffer, NDSHM_SYNC_FOR_DEVICE, length);
		nic_frame_put_one(tx, buffer->address, TXD_DATA | TXD_INSERT_CRC | length,
				  status);
	}
}

/* Put the descriptors of a mapping, which belongs to the first of them. */
static void nic_frame_put_mapping(struct nic_tx *tx, dma_addr_t address, u32 mapped, u32 status)
{
	struct nic_tx_slot *slot = &tx->buffers.slot[tx->next];
	u32 from, length;

	for (from = 0; from < mapped; from += length) {
		length = min_t(u32, mapped - from, NIC_FRAME_PART);
		nic_frame_put_one(tx, address + from, TXD_DATA | TXD_INSERT_CRC | length,
				  status);
	}
	slot->address = address;
	slot->mapped = mapped;
}

/* Give up the mapping and the skb of a descriptor, which the card does not read any more. */
void nic_frame_release(struct nic *nic, unsigned int i, int budget)
{
	struct nic_tx_slot *slot = &nic->tx.buffers.slot[i];

	if (slot->mapped)
		dma_unmap_page(&nic->pdev->dev, slot->address, slot->mapped, DMA_TO_DEVICE);
	if (slot->skb)
		napi_consume_skb(slot->skb, budget);
}

/* Return: false if the frame must be copied; nothing was changed. */
static bool nic_frame_map(struct nic *nic, const struct sk_buff *skb, u32 status)
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
	nic_frame_put_mapping(tx, address, skb_headlen(skb), status);
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		fragment = &skb_shinfo(skb)->frags[i];
		address = skb_frag_dma_map(device, fragment, 0, skb_frag_size(fragment),
					   DMA_TO_DEVICE);
		if (dma_mapping_error(device, address))
			goto err_release;
		nic_frame_put_mapping(tx, address, skb_frag_size(fragment), status);
	}
	return true;

err_release:
	for (i = first; i != tx->next; i = nic_ring_after(&tx->ring, i))
		nic_frame_release(nic, i, 0);
	WRITE_ONCE(tx->next, first);
	return false;
}

static bool nic_frame_is_copied(const struct nic_tx *tx, const struct sk_buff *skb)
{
	return skb->len <= READ_ONCE(tx->copybreak) || skb->len < ETH_ZLEN ||
	       skb_has_frag_list(skb);
}

/*
 * Put the descriptors of a frame, at most NIC_FRAME_DESCRIPTORS. Each of them carries the checksum
 * options. The skb is the driver's afterwards, but not after an error.
 */
int nic_frame_put(struct nic *nic, struct sk_buff *skb)
{
	const u32 length = nic_frame_length(skb);
	struct nic_tx *tx = &nic->tx;
	struct nic_tx_slot *slot;
	unsigned int last;
	bool copied;
	u32 status;
	int error;

	if (unlikely(length > NIC_FRAME_MAX))
		return -EMSGSIZE;
	error = nic_frame_put_checksum(tx, skb, &status);
	if (error)
		return error;
	copied = nic_frame_is_copied(tx, skb) || !nic_frame_map(nic, skb, status);
	if (copied)
		nic_frame_copy(tx, skb, status);
	skb_tx_timestamp(skb);

	last = nic_ring_before(&tx->ring, tx->next);
	nic_frame_descriptor(tx, last)->command |= cpu_to_le32(TXD_END | TXD_REPORT);
	slot = &tx->buffers.slot[last];
	slot->bytes = length;
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
