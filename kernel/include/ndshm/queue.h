/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Receive queues and virtual ports: groups of blocks of an adapter with a common life
 * cycle.
 */
#ifndef _NDSHM_QUEUE_H
#define _NDSHM_QUEUE_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_adapter;

/**
 * enum ndshm_queue_state - states of a receive queue
 * @NDSHM_QUEUE_UNDEFINED: does not exist
 * @NDSHM_QUEUE_ALLOCATED: has an id, but no filters
 * @NDSHM_QUEUE_SET: has filters; its allocation is not complete
 * @NDSHM_QUEUE_RUNNING: has filters and receives packets
 * @NDSHM_QUEUE_PAUSED: allocation complete, no filters
 * @NDSHM_QUEUE_STOP_DMA: being freed; the device may still write
 * @NDSHM_QUEUE_FREEING: DMA has stopped; packets in flight or blocks remain
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
 * enum ndshm_vport_state - states of a virtual port
 * @NDSHM_VPORT_UNDEFINED: does not exist
 * @NDSHM_VPORT_CREATED: has an id, but may not have blocks yet
 * @NDSHM_VPORT_ACTIVE: may have blocks
 * @NDSHM_VPORT_DELETING: packets in flight or blocks remain
 */
enum ndshm_vport_state {
	NDSHM_VPORT_UNDEFINED,
	NDSHM_VPORT_CREATED,
	NDSHM_VPORT_ACTIVE,
	NDSHM_VPORT_DELETING,
};

/*
 * Every adapter has a default queue 0 and a default port 0. Blocks that name no other
 * belong to these, clients' blocks included. They accept no event and cannot be freed.
 * The adapter's driver creates further queues and ports and passes their queue_id or
 * vport_id to ndshm_allocate(). Clients cannot use these.
 *
 * Freeing a queue has five steps:
 *
 * 1. ndshm_queue_free(): no block can be allocated for the queue any more.
 * 2. The driver stops DMA into the queue's blocks and calls ndshm_queue_dma_stopped().
 *    From then on no packet can be resolved (see packet.h).
 * 3. Packets in flight are put.
 * 4. ops->free_blocks(): the driver frees the queue's blocks. The core revokes those that
 *    remain: their memory is freed, and the block objects must still be freed. The core
 *    waits for remaining blocks of NdisAllocateSharedMemory() until the driver has freed
 *    them.
 * 5. ops->freed(): the queue does not exist any more.
 *
 * For a port ndshm_vport_delete() replaces the first two steps. All calls below may
 * sleep.
 *
 * Under NDIS, filters and the completion of an allocation are requests to the driver,
 * which it reports here. A driver without such requests reports on its own: complete when
 * the queue has its blocks, a filter when the device starts to receive, no filter while
 * it is paused. A queue can have blocks of every usage, including transmit buffers and
 * descriptor rings.
 *
 * A caller that must wait until a queue is freed waits for a completion that ops->freed()
 * signals. It must not hold a lock that ops->free_blocks() or the revocation callbacks of
 * the queue's blocks take.
 */

/**
 * struct ndshm_queue_ops - callbacks of a queue or port
 * @stop: The adapter is being unregistered: stop DMA into the blocks of @id before
 *	returning. Not called if the driver has reported this already.
 * @free_blocks: All packets of @id are put: free its blocks. Called once. The only
 *	callback for blocks that cannot be revoked.
 * @freed: @id does not exist any more. Called once for each queue or port.
 *
 * Each may be NULL.
 *
 * Context: Process context; may sleep; no lock of ndshm is held. A callback may call all
 * functions of this header, but must not unregister the adapter, which waits for it.
 */
struct ndshm_queue_ops {
	void (*stop)(void *context, u32 id);
	void (*free_blocks)(void *context, u32 id);
	void (*freed)(void *context, u32 id);
};

/**
 * struct ndshm_queue_usage - usage of a queue or port
 * @blocks: number of blocks that have their memory
 * @packets: number of packets in flight
 * @bytes: bytes of memory that @blocks take
 */
struct ndshm_queue_usage {
	u32 blocks;
	u32 packets;
	u64 bytes;
};

/* Bytes of a name of a queue, with the NUL. */
#define NDSHM_QUEUE_NAME_SIZE	128

/**
 * struct ndshm_queue_config - names and configuration of a receive queue
 * @name: of the queue, for users; empty: none. A character that is not printable ASCII is
 *	shown as '?'
 * @vm_name: of the virtual machine that the queue is for; empty: none. As @name
 * @affinity: processors of the queue: bit n is processor 64 * @affinity_group + n; 0: any
 * @affinity_group: see @affinity
 * @buffers: suggested number of receive buffers; 0: none
 * @lookahead: first bytes of each packet that have a buffer of their own; 0: packets are not
 *	split
 *
 * ndshm shows these values to users, the names only to administrators, and does not act on them.
 */
struct ndshm_queue_config {
	char name[NDSHM_QUEUE_NAME_SIZE];
	char vm_name[NDSHM_QUEUE_NAME_SIZE];
	u64 affinity;
	u32 affinity_group;
	u32 buffers;
	u32 lookahead;
};

/**
 * ndshm_queue_allocate() - Create a receive queue
 * @adapter: a registered adapter
 * @ops: callbacks; must stay valid until freed() was called
 * @context: first argument of the callbacks
 * @id: out: id of the queue, written on success only: never 0, at most 65,535, unique among the
 *	adapter's queues, and not reused soon
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The callbacks, which get the id as an argument, can be called before this function
 * returns.
 *
 * An adapter has 65,535 queues at most.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason MEMORY, or ADAPTER_REMOVED if the adapter
 * is being unregistered.
 */
int ndshm_queue_allocate(struct ndshm_adapter *adapter,
			 const struct ndshm_queue_ops *ops, void *context,
			 u32 *id, ndshm_reason_t *reason);

/**
 * ndshm_queue_allocate_configured() - Create a receive queue with names and a configuration
 * @adapter: a registered adapter
 * @ops: callbacks; must stay valid until freed() was called
 * @context: first argument of the callbacks
 * @config: names and configuration; copied
 * @id: out: id of the queue, as ndshm_queue_allocate() returns it
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: as ndshm_queue_allocate().
 */
int ndshm_queue_allocate_configured(struct ndshm_adapter *adapter,
				    const struct ndshm_queue_ops *ops, void *context,
				    const struct ndshm_queue_config *config,
				    u32 *id, ndshm_reason_t *reason);

/**
 * ndshm_queue_configure() - Replace the names and the configuration of a queue
 * @adapter: a registered adapter
 * @id: id of the queue
 * @config: names and configuration; copied
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * No event reports the change.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, or QUEUE_UNKNOWN.
 */
int ndshm_queue_configure(struct ndshm_adapter *adapter, u32 id,
			  const struct ndshm_queue_config *config,
			  ndshm_reason_t *reason);

/**
 * ndshm_queue_get_config() - Get the names and the configuration of a queue
 * @adapter: a registered adapter
 * @id: id of any queue; all values of queue 0 are empty
 * @config: out: a copy, with the names as they are shown
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or -ENOENT with the reason QUEUE_UNKNOWN.
 */
int ndshm_queue_get_config(struct ndshm_adapter *adapter, u32 id,
			   struct ndshm_queue_config *config,
			   ndshm_reason_t *reason);

/**
 * ndshm_queue_set_filter() - Report that a filter was set
 * @adapter: a registered adapter
 * @id: id of the queue
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Implements the NDIS state table: a queue with filters cannot be freed, and a complete
 * queue with filters is running.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, QUEUE_UNKNOWN,
 * or QUEUE_STATE if the queue's state does not allow it; on failure nothing changes.
 */
int ndshm_queue_set_filter(struct ndshm_adapter *adapter, u32 id,
			   ndshm_reason_t *reason);

/**
 * ndshm_queue_clear_filter() - Report that a filter was cleared
 * @adapter: a registered adapter
 * @id: id of the queue
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, QUEUE_UNKNOWN,
 * or QUEUE_STATE if the queue's state does not allow it; on failure nothing changes.
 */
int ndshm_queue_clear_filter(struct ndshm_adapter *adapter, u32 id,
			     ndshm_reason_t *reason);

/**
 * ndshm_queue_complete() - Report that the queue's allocation is complete
 * @adapter: a registered adapter
 * @id: id of the queue
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, QUEUE_UNKNOWN,
 * or QUEUE_STATE if the queue's state does not allow it; on failure nothing changes.
 */
int ndshm_queue_complete(struct ndshm_adapter *adapter, u32 id,
			 ndshm_reason_t *reason);

/**
 * ndshm_queue_free() - Begin to free a queue
 * @adapter: a registered adapter
 * @id: id of the queue
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The queue is freed when ops->freed() is called.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, QUEUE_UNKNOWN,
 * or QUEUE_STATE if the queue's state does not allow it; on failure nothing changes.
 */
int ndshm_queue_free(struct ndshm_adapter *adapter, u32 id,
		     ndshm_reason_t *reason);

/**
 * ndshm_queue_dma_stopped() - Report that DMA into the queue's blocks has stopped
 * @adapter: a registered adapter
 * @id: id of a queue that is being freed
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * ops->free_blocks() and ops->freed() may be called before this function returns.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, QUEUE_UNKNOWN,
 * or QUEUE_STATE if the queue's state does not allow it; on failure nothing changes.
 */
int ndshm_queue_dma_stopped(struct ndshm_adapter *adapter, u32 id,
			    ndshm_reason_t *reason);

/**
 * ndshm_queue_query() - Get the state and usage of a queue
 * @adapter: a registered adapter
 * @id: id of any queue, including 0
 * @state: state of the queue
 * @filters: number of filters
 * @usage: usage of the queue; may be NULL
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or -ENOENT with the reason QUEUE_UNKNOWN.
 */
int ndshm_queue_query(struct ndshm_adapter *adapter, u32 id,
		      enum ndshm_queue_state *state, u32 *filters,
		      struct ndshm_queue_usage *usage, ndshm_reason_t *reason);

/**
 * ndshm_vport_create() - Create a virtual port
 * @adapter: a registered adapter
 * @ops: callbacks; must stay valid until freed() was called
 * @context: first argument of the callbacks
 * @id: out: id of the port, written on success only: never 0, at most 65,535, unique among the
 *	adapter's ports, and not reused soon
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The callbacks, which get the id as an argument, can be called before this function
 * returns.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason MEMORY, or ADAPTER_REMOVED if the adapter
 * is being unregistered.
 */
int ndshm_vport_create(struct ndshm_adapter *adapter,
		       const struct ndshm_queue_ops *ops, void *context, u32 *id,
		       ndshm_reason_t *reason);

/**
 * ndshm_vport_activate() - Allow allocations for a port
 * @adapter: a registered adapter
 * @id: id of the port
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, PORT_UNKNOWN
 * or PORT_STATE.
 */
int ndshm_vport_activate(struct ndshm_adapter *adapter, u32 id,
			 ndshm_reason_t *reason);

/**
 * ndshm_vport_delete() - Begin to delete a port
 * @adapter: a registered adapter
 * @id: id of the port
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The caller must have stopped DMA into the port's blocks, and must not indicate received
 * packets any more. The port is deleted when ops->freed() is called, which can happen
 * before this function returns.
 *
 * Context: Process context; may sleep.
 * Return: 0, or a negative errno with the reason QUEUE_DEFAULT if @id is 0, PORT_UNKNOWN
 * or PORT_STATE.
 */
int ndshm_vport_delete(struct ndshm_adapter *adapter, u32 id,
		       ndshm_reason_t *reason);

/**
 * ndshm_vport_query() - Get the state and usage of a port
 * @adapter: a registered adapter
 * @id: id of any port, including 0
 * @state: state of the port
 * @usage: usage of the port; may be NULL
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Context: Process context; may sleep.
 * Return: 0, or -ENOENT with the reason PORT_UNKNOWN.
 */
int ndshm_vport_query(struct ndshm_adapter *adapter, u32 id,
		      enum ndshm_vport_state *state,
		      struct ndshm_queue_usage *usage, ndshm_reason_t *reason);

#endif /* _NDSHM_QUEUE_H */
