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
 *
 * When idle buffers become few, NAPI requests more. ndshm allocates them in a workqueue; frames
 * are copied if all buffers are lent meanwhile. The number is limited, so that sockets which are
 * never read cost a limited amount of memory here. Buffers are freed with the queue only.
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/skbuff.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "nic.h"

#define IDLE(slots)	((slots) / 4)	/* allocated with the ring */
#define FEW		16	/* request more below this number of idle buffers */
#define MOST(slots)	((slots) * 4)
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

/* Called with a new block; frees it on failure. */
static struct nic_rx_buffer *nic_rx_buffer_new(struct ndshm_block *block,
					       const struct ndshm_parameters *parameters)
{
	struct nic_rx_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);

	if (!buffer) {
		ndshm_free(block);
		return NULL;
	}
	if (nic_buffer_init(&buffer->part, block, parameters)) {
		kfree(buffer);
		return NULL;
	}
	buffer->folio = ndshm_block_get_folio(block);
	return buffer;
}

static struct nic_rx_buffer *nic_rx_buffer_alloc(struct nic_queue *queue, u32 size)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters;
	struct ndshm_block *block;

	nic_parameters(queue, NDSHM_USAGE_RECEIVE, size, &list, &parameters);
	block = ndshm_allocate(&parameters, NULL);
	return IS_ERR(block) ? NULL : nic_rx_buffer_new(block, &parameters);
}

static void nic_rx_buffers_free_list(struct list_head *list)
{
	struct nic_rx_buffer *buffer, *next;

	list_for_each_entry_safe(buffer, next, list, link)
		nic_rx_buffer_free(buffer);
	INIT_LIST_HEAD(list);
}

/* Abort the requests: no buffer is added afterwards. Called while NAPI is disabled. */
void nic_rx_buffers_stop(struct nic_rx_buffers *buffers)
{
	/* The buffers are missing if the queue had no memory for its ring. */
	if (!buffers->size)
		return;
	ndshm_requests_abort(&buffers->requests);
	ndshm_requests_end(&buffers->requests);
}

void nic_rx_buffers_free(struct nic_rx_buffers *buffers)
{
	struct nic_rx_buffer *buffer, *next;
	unsigned int i;

	if (!buffers->size)
		return;
	for (i = 0; buffers->slot && i < buffers->slots; i++)
		if (buffers->slot[i])
			nic_rx_buffer_free(buffers->slot[i]);
	kvfree(buffers->slot);
	nic_rx_buffers_free_list(&buffers->idle);
	nic_rx_buffers_free_list(&buffers->lent);
	llist_for_each_entry_safe(buffer, next, llist_del_all(&buffers->grown), grown)
		nic_rx_buffer_free(buffer);
	atomic_set(&buffers->count, 0);
	buffers->slot = NULL;
	buffers->size = 0;
}

static void nic_rx_buffers_init(struct nic_rx_buffers *buffers, unsigned int slots,
				u32 size)
{
	unsigned int i;

	memset(buffers, 0, sizeof(*buffers));
	buffers->size = size;
	buffers->slots = slots;
	buffers->retry = jiffies;
	INIT_LIST_HEAD(&buffers->idle);
	INIT_LIST_HEAD(&buffers->lent);
	ndshm_requests_init(&buffers->requests, NIC_GROWTH);
	for (i = 0; i < NIC_GROWTH; i++)
		buffers->growth[i].buffers = buffers;
}

int nic_rx_buffers_alloc(struct nic_queue *queue, unsigned int slots, u32 size)
{
	struct nic_rx_buffers *buffers = &queue->rx.buffers;
	struct nic_rx_buffer *buffer;
	unsigned int i;

	/* After an error nic_queue_free() frees what there is. */
	nic_rx_buffers_init(buffers, slots, size);
	buffers->slot = kvcalloc(slots, sizeof(*buffers->slot), GFP_KERNEL);
	if (!buffers->slot)
		return -ENOMEM;
	for (i = 0; i < slots + IDLE(slots); i++) {
		buffer = nic_rx_buffer_alloc(queue, size);
		if (!buffer)
			return -ENOMEM;
		atomic_inc(&buffers->count);
		if (i < slots)
			buffers->slot[i] = buffer;
		else
			nic_rx_buffers_put(buffers, buffer);
	}
	return 0;
}

/* Can run at any time until nic_rx_buffers_stop(). */
static void nic_rx_buffers_grown(struct ndshm_request *request)
{
	struct nic_growth *growth = container_of(request, struct nic_growth, request);
	struct nic_rx_buffers *buffers = growth->buffers;
	struct nic_rx_buffer *buffer = NULL;

	if (!request->error)
		buffer = nic_rx_buffer_new(request->block, &request->parameters);
	if (buffer) {
		llist_add(&buffer->grown, &buffers->grown);
	} else {
		atomic_dec(&buffers->count);
		WRITE_ONCE(buffers->retry, jiffies + HZ);
	}
	/* Pairs with nic_rx_buffers_grow(), which may use the request again. */
	smp_store_release(&growth->in_flight, false);
}

static bool nic_rx_buffers_request(struct nic_queue *queue, struct nic_growth *growth)
{
	struct ndshm_request *request = &growth->request;

	growth->list = (struct ndshm_segment_list){
		.capacity = 1, .segments = &growth->segment,
	};
	nic_parameters(queue, NDSHM_USAGE_RECEIVE, queue->rx.buffers.size, &growth->list,
		       &request->parameters);
	request->done = nic_rx_buffers_grown;
	growth->in_flight = true;
	if (!ndshm_allocate_async(&queue->rx.buffers.requests, request, NULL))
		return true;
	growth->in_flight = false;
	return false;
}

/* Request as many buffers as possible. */
static void nic_rx_buffers_grow(struct nic_queue *queue)
{
	struct nic_rx_buffers *buffers = &queue->rx.buffers;
	unsigned int i;

	if (time_before(jiffies, READ_ONCE(buffers->retry)))
		return;
	for (i = 0; i < NIC_GROWTH; i++) {
		if (atomic_read(&buffers->count) >= MOST(buffers->slots))
			break;

		/* Pairs with nic_rx_buffers_grown(). */
		if (smp_load_acquire(&buffers->growth[i].in_flight))
			continue;
		atomic_inc(&buffers->count);
		if (!nic_rx_buffers_request(queue, &buffers->growth[i])) {
			atomic_dec(&buffers->count);
			break;
		}
	}
}

/* Make the buffers of completed requests idle ones. */
static void nic_rx_buffers_collect(struct nic_rx_buffers *buffers)
{
	struct nic_rx_buffer *buffer, *next;

	llist_for_each_entry_safe(buffer, next, llist_del_all(&buffers->grown), grown)
		nic_rx_buffers_put(buffers, buffer);
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
struct nic_rx_buffer *nic_rx_buffers_take(struct nic_queue *queue)
{
	struct nic_rx_buffers *buffers = &queue->rx.buffers;
	struct nic_rx_buffer *buffer = nic_rx_buffers_returned(buffers);

	if (buffer) {
		list_del(&buffer->link);
		return buffer;
	}
	if (buffers->idle_count < FEW) {
		nic_rx_buffers_collect(buffers);
		nic_rx_buffers_grow(queue);
	}
	buffer = list_first_entry_or_null(&buffers->idle, struct nic_rx_buffer, link);
	if (buffer) {
		list_del(&buffer->link);
		buffers->idle_count--;
	}
	return buffer;
}

/* Make a buffer an idle one. */
void nic_rx_buffers_put(struct nic_rx_buffers *buffers, struct nic_rx_buffer *buffer)
{
	list_add(&buffer->link, &buffers->idle);
	buffers->idle_count++;
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
