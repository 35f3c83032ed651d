/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive queues and virtual ports: blocks of an adapter that go together.
 */
#ifndef _NDSHM_QUEUE_H
#define _NDSHM_QUEUE_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_adapter;

/**
 * enum ndshm_queue_state - of a receive queue
 * @NDSHM_QUEUE_UNDEFINED: it does not exist
 * @NDSHM_QUEUE_ALLOCATED: it has an id, and no filters
 * @NDSHM_QUEUE_SET: it has filters; its allocation is not complete
 * @NDSHM_QUEUE_RUNNING: it has filters, and packets are received
 * @NDSHM_QUEUE_PAUSED: its allocation is complete; it has no filters
 * @NDSHM_QUEUE_STOP_DMA: it is being freed, and the device may still write
 * @NDSHM_QUEUE_FREEING: the device does not; packets are out, or blocks left
 */
enum ndshm_queue_state {
	NDSHM_QUEUE_UNDEFINED,
	NDSHM_QUEUE_ALLOCATED,
	NDSHM_QUEUE_SET,
	NDSHM_QUEUE_RUNNING,
	NDSHM_QUEUE_PAUSED,
	NDSHM_QUEUE_STOP_DMA,
	NDSHM_QUEUE_FREEING,
};

/**
 * enum ndshm_vport_state - of a virtual port
 * @NDSHM_VPORT_UNDEFINED: it does not exist
 * @NDSHM_VPORT_CREATED: it has an id, and may not have memory yet
 * @NDSHM_VPORT_ACTIVE: it may have memory, until it is deleted
 * @NDSHM_VPORT_DELETING: packets are out, or blocks left
 */
enum ndshm_vport_state {
	NDSHM_VPORT_UNDEFINED,
	NDSHM_VPORT_CREATED,
	NDSHM_VPORT_ACTIVE,
	NDSHM_VPORT_DELETING,
};

/*
 * An adapter has the default queue 0 and the default port 0 from its registration
 * on: blocks that name neither are theirs, those of clients among them. They take no
 * event, and cannot be freed. The adapter's driver makes further ones, and names
 * them with queue_id or vport_id in ndshm_allocate(). A client cannot.
 *
 * A queue is freed in this order:
 *
 * 1. ndshm_queue_free(): no block is allocated for it any more.
 * 2. The driver stops DMA into its blocks, and says so: ndshm_queue_dma_stopped().
 *    From then on no packet can be resolved (see packet.h).
 * 3. Packets that are out come back.
 * 4. The driver frees the queue's blocks: ops->free_blocks(). What it leaves there is
 *    revoked: its memory goes, and the block itself stays to be freed. Blocks of
 *    NdisAllocateSharedMemory() are waited for, until the driver has freed them.
 * 5. The queue does not exist any more: ops->freed().
 *
 * A port has one call for the first two steps. All calls below may sleep.
 *
 * With NDIS it is others who set filters and say that an allocation is complete, and
 * the driver passes that on. A driver that nobody tells does it for itself: complete
 * when there are blocks, a filter when the device begins to receive, none when it
 * stops for a while. Blocks of every usage can be a queue's, those to send from and
 * rings too.
 *
 * Whoever must not return before the queue has gone waits for ops->freed(), by a
 * completion, and holds nothing that ops->free_blocks() takes, or that revoked
 * callbacks of its blocks do.
 */

/**
 * struct ndshm_queue_ops - what the driver of a queue, or of a port, is told
 * @stop: the adapter is being unregistered: DMA into the blocks of @id has stopped
 *	when this returns. Not called if the driver has said so before.
 * @free_blocks: all packets of @id came back: free its blocks. Called once. Nothing
 *	else asks for those that cannot be revoked.
 * @freed: @id does not exist any more. Called once for each one that was made.
 *
 * Each may be NULL.
 *
 * Context: process; may sleep; no lock of ndshm is held. They may call whatever is
 * here, but they cannot unregister the adapter, which waits for them.
 */
struct ndshm_queue_ops {
	void (*stop)(void *context, u32 id);
	void (*free_blocks)(void *context, u32 id);
	void (*freed)(void *context, u32 id);
};

/**
 * struct ndshm_queue_usage - what a queue or a port has
 * @blocks: that were allocated for it, and have their memory
 * @packets: that are out
 * @bytes: of memory that @blocks take
 */
struct ndshm_queue_usage {
	u32 blocks;
	u32 packets;
	u64 bytes;
};

/**
 * ndshm_queue_allocate - a further receive queue
 * @adapter: that was registered
 * @ops: what its driver is told; stays until its freed was called
 * @context: first argument of each of them
 * @id: stored last: never 0, unique among the adapter's queues, and not used again
 *	soon
 *
 * Context: process; may sleep.
 * Return: ADAPTER_REMOVED if the adapter is being unregistered, MEMORY, or none.
 */
ndshm_reason_t ndshm_queue_allocate(struct ndshm_adapter *adapter,
				    const struct ndshm_queue_ops *ops,
				    void *context, u32 *id);

/**
 * ndshm_queue_set_filter - a filter was set
 * @adapter: that was registered
 * @id: of the queue
 *
 * As NDIS's table of states says: a queue that has filters cannot be freed, and a
 * complete one with filters is running.
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it cannot happen in the queue's
 * state, QUEUE_STATE, and nothing has changed; or none.
 */
ndshm_reason_t ndshm_queue_set_filter(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_queue_clear_filter - a filter was cleared
 * @adapter: that was registered
 * @id: of the queue
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it cannot happen in the queue's
 * state, QUEUE_STATE, and nothing has changed; or none.
 */
ndshm_reason_t ndshm_queue_clear_filter(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_queue_complete - the queue's allocation is complete
 * @adapter: that was registered
 * @id: of the queue
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it cannot happen in the queue's
 * state, QUEUE_STATE, and nothing has changed; or none.
 */
ndshm_reason_t ndshm_queue_complete(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_queue_free - begin to free it, which ends with ops->freed()
 * @adapter: that was registered
 * @id: of the queue
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it cannot happen in the queue's
 * state, QUEUE_STATE, and nothing has changed; or none.
 */
ndshm_reason_t ndshm_queue_free(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_queue_dma_stopped - the device does not write into the queue's blocks
 * @adapter: that was registered
 * @id: of the queue
 *
 * For queues that are being freed only. ops->free_blocks() and ops->freed() may be
 * called before it returns.
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it cannot happen in the queue's
 * state, QUEUE_STATE, and nothing has changed; or none.
 */
ndshm_reason_t ndshm_queue_dma_stopped(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_queue_query - a queue as it is just now
 * @adapter: that was registered
 * @id: of any queue, 0 among them
 * @state: of the queue
 * @filters: how many are set
 * @usage: what it has; may be NULL
 *
 * Context: process; may sleep.
 * Return: QUEUE_UNKNOWN, or none.
 */
ndshm_reason_t ndshm_queue_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_queue_state *state, u32 *filters,
				 struct ndshm_queue_usage *usage);

/**
 * ndshm_vport_create - a further virtual port
 * @adapter: that was registered
 * @ops: what its driver is told; stays until its freed was called
 * @context: first argument of each of them
 * @id: stored last: never 0, unique among the adapter's ports, and not used again
 *	soon
 *
 * Context: process; may sleep.
 * Return: ADAPTER_REMOVED if the adapter is being unregistered, MEMORY, or none.
 */
ndshm_reason_t ndshm_vport_create(struct ndshm_adapter *adapter,
				  const struct ndshm_queue_ops *ops,
				  void *context, u32 *id);

/**
 * ndshm_vport_activate - the port can have blocks from now on
 * @adapter: that was registered
 * @id: of the port
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, PORT_UNKNOWN, PORT_STATE, or none.
 */
ndshm_reason_t ndshm_vport_activate(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_vport_delete - begin the port's end
 * @adapter: that was registered
 * @id: of the port
 *
 * The device does not write into its blocks any more, and nothing that was received is
 * indicated any more. It ends with ops->freed(), perhaps before this returns.
 *
 * Context: process; may sleep.
 * Return: QUEUE_DEFAULT for 0, PORT_UNKNOWN, PORT_STATE, or none.
 */
ndshm_reason_t ndshm_vport_delete(struct ndshm_adapter *adapter, u32 id);

/**
 * ndshm_vport_query - a port as it is just now
 * @adapter: that was registered
 * @id: of any port, 0 among them
 * @state: of the port
 * @usage: what it has; may be NULL
 *
 * Context: process; may sleep.
 * Return: PORT_UNKNOWN, or none.
 */
ndshm_reason_t ndshm_vport_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_vport_state *state,
				 struct ndshm_queue_usage *usage);

#endif /* _NDSHM_QUEUE_H */
