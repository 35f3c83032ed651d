// SPDX-License-Identifier: GPL-2.0
/*
 * Receive buffers. A frame stays in its buffer: the skb references the folio of the buffer's block
 * and the ring gets an idle buffer. The buffer is reused when nothing but ndshm and the driver
 * references its folio.
 *
 * A socket may keep an skb for ever, and the stack does not report its release. So the end of the
 * queue does not wait for lent buffers: it frees their blocks, after which the card can no longer
 * access the memory, and the pages live as long as the skbs. The users of the sockets are charged
 * for whole folios.
 *
 * Memory without pages, such as a reserved range, cannot be lent: frames are then copied.
 */
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "nic.h"

#define IDLE		64	/* allocated with the ring */
#define CHECKED		8	/* lent buffers that are checked for one frame */

/* References to the folio of a buffer that is not lent: that of the block, and the driver's. */
#define REFERENCES	2

static void nic_rx_buffer_free(struct nic_rx_buffer *buffer)
{
	ndshm_free(buffer->part.block);
	if (buffer->folio)
		folio_put(buffer->folio);
	kfree(buffer);
}

static struct nic_rx_buffer *nic_rx_buffer_alloc(struct nic_queue *queue, u32 size)
{
	struct nic_rx_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);

	if (!buffer)
		return NULL;
	if (nic_buffer_alloc(queue, NDSHM_USAGE_RECEIVE, size, &buffer->part)) {
		kfree(buffer);
		return NULL;
	}
	buffer->folio = ndshm_block_get_folio(buffer->part.block);
	return buffer;
}

static void nic_rx_buffers_free_list(struct list_head *list)
{
	struct nic_rx_buffer *buffer, *next;

	list_for_each_entry_safe(buffer, next, list, link)
		nic_rx_buffer_free(buffer);
	INIT_LIST_HEAD(list);
}

void nic_rx_buffers_free(struct nic_rx_buffers *buffers)
{
	unsigned int i;

	/* The list is missing if the queue had no memory for its ring. */
	if (!buffers->size)
		return;
	for (i = 0; i < NIC_DESCRIPTORS; i++)
		if (buffers->slot[i])
			nic_rx_buffer_free(buffers->slot[i]);
	nic_rx_buffers_free_list(&buffers->idle);
	nic_rx_buffers_free_list(&buffers->lent);
	buffers->size = 0;
}

int nic_rx_buffers_alloc(struct nic_queue *queue, u32 size)
{
	struct nic_rx_buffers *buffers = &queue->rx.buffers;
	struct nic_rx_buffer *buffer;
	unsigned int i;

	*buffers = (struct nic_rx_buffers){ .size = size };
	INIT_LIST_HEAD(&buffers->idle);
	INIT_LIST_HEAD(&buffers->lent);
	for (i = 0; i < NIC_DESCRIPTORS + IDLE; i++) {
		buffer = nic_rx_buffer_alloc(queue, size);
		if (!buffer)
			goto err_free;
		if (i < NIC_DESCRIPTORS)
			buffers->slot[i] = buffer;
		else
			list_add_tail(&buffer->link, &buffers->idle);
	}
	return 0;

err_free:
	nic_rx_buffers_free(buffers);
	return -ENOMEM;
}

/*
 * Find a lent buffer that has come back. Those that have not are checked again after all others.
 *
 * The release of the last other reference is ordered before this check, and this check before the
 * write of the descriptor that depends on it.
 */
static struct nic_rx_buffer *nic_rx_buffers_returned(struct nic_rx_buffers *buffers)
{
	struct nic_rx_buffer *buffer;
	unsigned int i;

	for (i = 0; i < CHECKED && !list_empty(&buffers->lent); i++) {
		buffer = list_first_entry(&buffers->lent, struct nic_rx_buffer, link);
		if (folio_ref_count(buffer->folio) == REFERENCES)
			return buffer;
		list_move_tail(&buffer->link, &buffers->lent);
	}
	return NULL;
}

/* Return: an unused buffer, or NULL. */
struct nic_rx_buffer *nic_rx_buffers_take(struct nic_rx_buffers *buffers)
{
	struct nic_rx_buffer *buffer = nic_rx_buffers_returned(buffers);

	if (!buffer)
		buffer = list_first_entry_or_null(&buffers->idle, struct nic_rx_buffer, link);
	if (buffer)
		list_del(&buffer->link);
	return buffer;
}

/* Append a range of a buffer to an skb, which is charged for all of the buffer. */
void nic_rx_buffers_lend(struct nic_rx_buffers *buffers, struct nic_rx_buffer *buffer,
			 struct sk_buff *skb, u32 offset, u32 length)
{
	folio_get(buffer->folio);
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, folio_page(buffer->folio, 0), offset,
			length, folio_size(buffer->folio));
	list_add_tail(&buffer->link, &buffers->lent);
}
