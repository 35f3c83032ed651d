// SPDX-License-Identifier: GPL-2.0
/* Packets: find the block of a received packet, and hold the block until the packet is returned. */
#include <linux/export.h>

#include <ndshm/packet.h>

#include "../adapter/queue.h"
#include "../base/params.h"
#include "../block/block.h"
#include "../block/members.h"

/* Count a packet in the block, for its revocation, and in its queue, for the queue's end. */
static ndshm_reason_t packet_get(struct ndshm_block *block)
{
	if (!ndshm_active_get(&block->packets))
		return NDSHM_REASON_BLOCK_REVOKED;
	if (ndshm_queue_packet_get(block->adapter, block->queue))
		return NDSHM_REASON_NONE;
	ndshm_active_put(&block->packets);
	return ndshm_queue_closed_reason(block->queue);
}

struct ndshm_block *ndshm_packet_resolve(struct ndshm_adapter *adapter,
					 const struct ndshm_packet *packet,
					 void **address, ndshm_reason_t *out)
{
	u32 handle = READ_ONCE(packet->shared_memory_handle);
	u64 offset = READ_ONCE(packet->offset);
	u64 length = READ_ONCE(packet->length);
	struct ndshm_block *block;
	ndshm_reason_t reason;

	*address = NULL;
	block = ndshm_block_find(handle, adapter);
	if (!block)
		return ndshm_reason_report_ptr(NDSHM_REASON_HANDLE_UNKNOWN, out,
					       NULL);
	reason = ndshm_check_packet(offset, length, block->object.length);
	if (reason == NDSHM_REASON_NONE)
		reason = packet_get(block);
	if (reason != NDSHM_REASON_NONE)
		ndshm_block_put(block);
	else if (block->virtual_address)
		*address = block->virtual_address + offset;
	return ndshm_reason_report_ptr(reason, out, block);
}
EXPORT_SYMBOL_GPL(ndshm_packet_resolve);

void ndshm_packet_put(struct ndshm_block *block)
{
	/* Put the block last: it holds the queue. */
	ndshm_active_put(&block->packets);
	ndshm_queue_packet_put(block->adapter, block->queue);
	ndshm_block_put(block);
}
EXPORT_SYMBOL_GPL(ndshm_packet_put);
