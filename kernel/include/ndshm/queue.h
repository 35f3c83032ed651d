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
 *    revoked: its memory goes, and the block itself stays to be freed.
 * 5. The queue does not exist any more: ops->freed().
 *
 * A port has one call for the first two steps. All calls below may sleep.
 */

/**
 * struct ndshm_queue_ops - what the driver of a queue, or of a port, is told
 * @stop: the adapter is being unregistered: DMA into the blocks of @id has stopped
 *	when this returns. Not called if the driver has said so before.
 * @free_blocks: all packets of @id came back: free its blocks. Called once.
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

/*
 * ndshm_queue_allocate() - a further receive queue, whose id is stored last: it is
 * never 0, unique among the adapter's queues, and not used again soon. @ops stays,
 * and @context is the first argument of each, until ops->freed() was called.
 * ADAPTER_REMOVED if the adapter is being unregistered; MEMORY.
 */
ndshm_reason_t ndshm_queue_allocate(struct ndshm_adapter *adapter,
				    const struct ndshm_queue_ops *ops,
				    void *context, u32 *id);

/*
 * A filter was set, or cleared; and the allocation of the queue is complete. As
 * NDIS's table of states says: a queue that has filters cannot be freed, and a
 * complete one with filters is running.
 *
 * These and the two that follow answer QUEUE_DEFAULT for 0, QUEUE_UNKNOWN, or, if it
 * cannot happen in the queue's state, QUEUE_STATE; then nothing has changed.
 */
ndshm_reason_t ndshm_queue_set_filter(struct ndshm_adapter *adapter, u32 id);
ndshm_reason_t ndshm_queue_clear_filter(struct ndshm_adapter *adapter, u32 id);
ndshm_reason_t ndshm_queue_complete(struct ndshm_adapter *adapter, u32 id);

/* Begin to free it, which ends with ops->freed(). */
ndshm_reason_t ndshm_queue_free(struct ndshm_adapter *adapter, u32 id);

/*
 * The device does not write into the queue's blocks any more. For queues that are
 * being freed only. ops->free_blocks() and ops->freed() may be called before it
 * returns.
 */
ndshm_reason_t ndshm_queue_dma_stopped(struct ndshm_adapter *adapter, u32 id);

/* As it is just now, of any queue; @usage may be NULL. QUEUE_UNKNOWN. */
ndshm_reason_t ndshm_queue_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_queue_state *state, u32 *filters,
				 struct ndshm_queue_usage *usage);

/*
 * The same for virtual ports, which have no filters: create, as _allocate(). It can
 * have blocks when it was activated. _delete() begins its end: the device does not
 * write into its blocks any more, and nothing that was received is indicated any
 * more. QUEUE_DEFAULT for 0, PORT_UNKNOWN, PORT_STATE.
 */
ndshm_reason_t ndshm_vport_create(struct ndshm_adapter *adapter,
				  const struct ndshm_queue_ops *ops,
				  void *context, u32 *id);
ndshm_reason_t ndshm_vport_activate(struct ndshm_adapter *adapter, u32 id);
ndshm_reason_t ndshm_vport_delete(struct ndshm_adapter *adapter, u32 id);
ndshm_reason_t ndshm_vport_query(struct ndshm_adapter *adapter, u32 id,
				 enum ndshm_vport_state *state,
				 struct ndshm_queue_usage *usage);

#endif /* _NDSHM_QUEUE_H */
