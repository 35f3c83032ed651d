// SPDX-License-Identifier: GPL-2.0
/*
 * Receive path. A frame is found by its block's handle and its place there, as receive
 * paths above a virtual port do; ndshm checks that it is within the block, and that the
 * port is not being deleted. The frame is copied: the card, which may be faulty, can write
 * to the block at any time.
 */
#include <linux/etherdevice.h>

#include <ndshm/packet.h>

#include "regs.h"
#include "vf.h"

#define BATCH	16	/* descriptors between two writes of the tail */

static struct vf_rx_descriptor *vf_rx_descriptor_at(struct vf_rx *rx, unsigned int i)
{
	return (struct vf_rx_descriptor *)rx->ring.descriptors + i;
}

static void vf_rx_arm(struct vf_rx *rx, unsigned int i)
{
	struct vf_rx_descriptor *d = vf_rx_descriptor_at(rx, i);

	d->address = cpu_to_le64(rx->ring.buffer[i].address);
	d->status = 0;
	d->length = 0;
	d->tag = 0;
}

/* Set up the queue of a stopped function. It receives after vf_rx_give(). */
void vf_rx_start(struct vf *vf)
{
	struct vf_rx *rx = &vf->rx;
	unsigned int i;

	rx->next = 0;
	rx->spanning = false;
	for (i = 0; i < VF_DESCRIPTORS; i++)
		vf_rx_arm(rx, i);

	vf_write(vf, REG_RDBAL, lower_32_bits(rx->ring.address));
	vf_write(vf, REG_RDBAH, upper_32_bits(rx->ring.address));
	vf_write(vf, REG_RDLEN, VF_DESCRIPTORS * sizeof(struct vf_rx_descriptor));
	vf_write(vf, REG_PSRTYPE, 0);
	vf_write(vf, REG_SRRCTL, SRRCTL_SIZE(VF_BUFFER_SIZE) | SRRCTL_ONE_BUFFER |
		 SRRCTL_DROP);
	vf_write(vf, REG_RDH, 0);
	vf_write(vf, REG_RDT, 0);
	vf_write(vf, REG_RXDCTL, DCTL_ENABLE);
}

/* Give all descriptors but one: an equal head and tail mean none. */
void vf_rx_give(struct vf *vf)
{
	vf_write(vf, REG_RDT, (vf->rx.next + VF_DESCRIPTORS - 1) % VF_DESCRIPTORS);
}

static struct sk_buff *vf_rx_copy(struct vf *vf, const struct vf_buffer *buffer, u32 length)
{
	const struct ndshm_packet packet = {
		.shared_memory_handle = buffer->handle,
		.offset = buffer->offset,
		.length = length,
	};
	struct ndshm_block *block;
	struct sk_buff *skb;
	void *frame;

	block = ndshm_packet_resolve(vf->adapter, &packet, &frame, NULL);
	if (IS_ERR(block))
		return NULL;
	skb = napi_alloc_skb(&vf->napi, length);
	if (skb)
		skb_put_data(skb, frame, length);
	ndshm_packet_put(block);
	return skb;
}

static void vf_rx_receive(struct vf *vf, unsigned int i, u32 status, u32 length)
{
	struct net_device *netdev = vf->netdev;
	bool first = !vf->rx.spanning;
	struct sk_buff *skb = NULL;

	vf->rx.spanning = !(status & RXD_END);
	if (vf->rx.spanning)
		return;
	if (first && length >= ETH_HLEN && length <= VF_BUFFER_SIZE &&
	    !(status & RXD_ERROR))
		skb = vf_rx_copy(vf, &vf->rx.ring.buffer[i], length);
	if (!skb) {
		dev_core_stats_rx_dropped_inc(netdev);
		return;
	}
	dev_sw_netstats_rx_add(netdev, length);
	skb->protocol = eth_type_trans(skb, netdev);
	napi_gro_receive(&vf->napi, skb);
}

int vf_rx_poll(struct vf *vf, int budget)
{
	struct vf_rx *rx = &vf->rx;
	struct vf_rx_descriptor *d;
	int done = 0;
	u32 status;

	while (done < budget) {
		d = vf_rx_descriptor_at(rx, rx->next);
		status = le32_to_cpu(READ_ONCE(d->status));
		if (!(status & RXD_DONE))
			break;
		/* Read RXD_DONE before the rest of the descriptor and the frame. */
		dma_rmb();
		vf_rx_receive(vf, rx->next, status, le16_to_cpu(READ_ONCE(d->length)));
		vf_rx_arm(rx, rx->next);
		rx->next = vf_after(rx->next);
		if (++done % BATCH == 0)
			vf_rx_give(vf);
	}
	if (done % BATCH)
		vf_rx_give(vf);
	return done;
}
