/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks, for kernel users: parameters, allocate, free.
 */
#ifndef _NDSHM_BLOCK_H
#define _NDSHM_BLOCK_H

#include <linux/gfp.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

struct ndshm_adapter;
struct ndshm_block;
struct ndshm_provider;

/**
 * struct ndshm_object_header - what every NDIS structure starts with
 * @type: which structure
 * @revision: from 1 on; a newer one is read as the newest known
 * @size: of the structure, this header included, at least that of @revision
 */
struct ndshm_object_header {
	u8 type;
	u8 revision;
	u16 size;
};

#define NDSHM_OBJECT_TYPE_DEFAULT	0x80

/*
 * Flags for memory that a client's memory cgroup is charged for, within its cpuset. At
 * a limit the request fails, and no process is killed.
 */
#define NDSHM_GFP_CHARGED \
	(GFP_KERNEL_ACCOUNT | __GFP_HARDWALL | __GFP_RETRY_MAYFAIL | \
	 __GFP_NOWARN)

/**
 * struct ndshm_segment_list - the DMA segments of a block
 * @capacity: entries at @segments (in)
 * @count: how many segments there are, also if more than @capacity (out)
 * @segments: the entries
 *
 * A caller's list is its own memory and is written on success only, but for
 * @count, which is also written if the list is too short (LIST_SHORT). The list
 * that an allocate handler sees belongs to the core: it fills it with
 * ndshm_list_add().
 */
struct ndshm_segment_list {
	u32 capacity;
	u32 count;
	struct ndshm_segment *segments;
};

/**
 * ndshm_list_add - say where a part of a block is
 * @list: that an allocate handler was given, and no other
 * @address: of the segment, as the device has it
 * @length: of the segment
 *
 * Called by an allocate handler, once a segment, in the block's order.
 *
 * Context: process; may sleep.
 * Return: 0 or -ENOMEM.
 */
int ndshm_list_add(struct ndshm_segment_list *list, u64 address, u64 length);

/**
 * struct ndshm_parameters - what is asked of an allocation, and its outcome
 * @header: type NDSHM_OBJECT_TYPE_DEFAULT, revision 1 or 2
 * @flags: NDSHM_ALLOC_*
 * @queue_id: receive queue, 0 for the default queue; see queue.h
 * @shared_memory_handle: out: the block's machine-wide name, never 0
 * @preferred_node: NUMA node or NUMA_NO_NODE; a preference, not a demand
 * @usage: NDSHM_USAGE_*
 * @length: bytes, at least 1
 * @virtual_address: out: kernel address, NULL if the provider gives none
 * @consumed: out: bytes of memory the block takes, at most 2^46; 0 from a
 *	provider means @length rounded up to pages
 * @adapter: whose device uses the memory
 * @provider: who shall make it, or NULL for the adapter's default
 * @needs_sync: out: the device and the processors see the same only after
 *	ndshm_sync()
 * @unaddressed: no kernel code looks at the memory, so that the provider may
 *	leave @virtual_address NULL
 * @revoked: called at most once if the memory goes while the block is held,
 *	because a device went: not after ndshm_free(), which waits for its end.
 *	May sleep. When it returns, its owner has let go of the memory; it still
 *	calls ndshm_free(), then or later, but not before it was given the block:
 *	ndshm_allocate() may still be about to return, or @done of a request to run.
 *	So memory is touched only under what the callback waits for, and after a look
 *	whether it has come. It may free its own block and no other, which could be
 *	another thread's to tell of. May be NULL.
 * @revoked_context: first argument of @revoked
 * @list: caller's list of segments, or NULL
 * @vport_id: virtual port, 0 for the default port (revision 2). One of @queue_id and
 *	this is 0
 *
 * This is NDIS_SHARED_MEMORY_PARAMETERS in native types; @consumed, @adapter,
 * @provider, @needs_sync, @unaddressed and @revoked are what Linux adds. On
 * failure @virtual_address and @shared_memory_handle are zero if the header was
 * valid, and nothing was written if it was not; @list is left alone, but for the
 * count of a short one.
 */
struct ndshm_parameters {
	struct ndshm_object_header header;
	u32 flags;
	u32 queue_id;
	u32 shared_memory_handle;
	s32 preferred_node;
	u32 usage;
	u64 length;
	void *virtual_address;
	u64 consumed;
	struct ndshm_adapter *adapter;
	struct ndshm_provider *provider;
	bool needs_sync;
	bool unaddressed;
	void (*revoked)(void *revoked_context, struct ndshm_block *block);
	void *revoked_context;
	struct ndshm_segment_list *list;
	/* revision 2 */
	u32 vport_id;
};

#define NDSHM_PARAMETERS_REVISION_1	1
#define NDSHM_PARAMETERS_REVISION_2	2
#define NDSHM_SIZEOF_PARAMETERS_REVISION_1 \
	offsetofend(struct ndshm_parameters, list)
#define NDSHM_SIZEOF_PARAMETERS_REVISION_2 \
	offsetofend(struct ndshm_parameters, vport_id)

/* A header for the revision this header file describes. */
#define NDSHM_PARAMETERS_HEADER { \
	.type = NDSHM_OBJECT_TYPE_DEFAULT, \
	.revision = NDSHM_PARAMETERS_REVISION_2, \
	.size = NDSHM_SIZEOF_PARAMETERS_REVISION_2, \
}

/**
 * ndshm_allocate - make a block
 * @parameters: what is asked; the outcome is written to it
 * @block: NULL on failure
 *
 * The block carries one reference, the caller's, which ndshm_free() gives back.
 * Memory of the built-in providers reads as zero. For a queue or a port that does not
 * exist, or does not get memory in its state: QUEUE_UNKNOWN, QUEUE_STATE,
 * PORT_UNKNOWN, PORT_STATE.
 *
 * Context: process; may sleep.
 * Return: a reason, or none.
 */
ndshm_reason_t ndshm_allocate(struct ndshm_parameters *parameters,
			      struct ndshm_block **block);

/**
 * ndshm_block_wait_free() - Wait until a block's owner calls ndshm_free()
 * @revoked_context: not used
 * @block: the block
 *
 * A callback for the parameters of owners that cannot give memory back when they are
 * asked to. The revocation takes as long as that.
 *
 * Context: process; may sleep.
 */
void ndshm_block_wait_free(void *revoked_context, struct ndshm_block *block);

/**
 * ndshm_block_context() - Get the first argument of a block's callback
 * @block: a block, or anything that begins with a word that is no address of the core's
 * @revoked: callback that the block was allocated with
 *
 * The owner may change what is there.
 *
 * Context: any.
 * Return: where the argument is, or NULL if @block is no block with that callback.
 */
void **ndshm_block_context(struct ndshm_block *block,
			   void (*revoked)(void *revoked_context,
					   struct ndshm_block *block));

/**
 * ndshm_free - give a block back
 * @block: from ndshm_allocate(), or NULL
 *
 * It cannot fail. A revoked callback that has begun is waited for, but not by itself;
 * so it is not called by that of another block.
 *
 * Context: process; may sleep.
 */
void ndshm_free(struct ndshm_block *block);

/**
 * ndshm_block_segments - where a block is for its device
 * @block: that is held
 * @count: how many there are
 *
 * Return: the segments, which do not change while the block is held.
 */
const struct ndshm_segment *ndshm_block_segments(const struct ndshm_block *block,
						 u32 *count);

/**
 * ndshm_block_get - a further reference
 * @block: that is held
 *
 * It keeps the block, but not its memory, beyond what ndshm_allocate()'s holder was
 * told by the revoked callback.
 *
 * Context: any.
 * Return: @block.
 */
struct ndshm_block *ndshm_block_get(struct ndshm_block *block);

/**
 * ndshm_block_put - the end of a reference
 * @block: from ndshm_block_get()
 *
 * If it was the last one the memory goes back from a workqueue.
 *
 * Context: any but NMI.
 */
void ndshm_block_put(struct ndshm_block *block);

/**
 * ndshm_sync - make the device and the processors see the same in a range
 * @block: that is held, and was allocated with a revoked callback, which has not
 *	returned; the callback itself may call it
 * @direction: NDSHM_SYNC_FOR_DEVICE or NDSHM_SYNC_FOR_CPU, when as in struct
 *	ndshm_block_sync
 * @offset: of the first byte
 * @length: bytes
 *
 * Nothing has to be done if needs_sync was false.
 *
 * Context: any.
 * Return: a reason: DIRECTION, LENGTH_ZERO, RANGE or, if the memory has gone,
 * BLOCK_REVOKED, or none.
 */
ndshm_reason_t ndshm_sync(struct ndshm_block *block, u32 direction, u64 offset,
			  u64 length);

#endif /* _NDSHM_BLOCK_H */
