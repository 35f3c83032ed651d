/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks, for kernel users: parameters, allocation, release.
 */
#ifndef _NDSHM_BLOCK_H
#define _NDSHM_BLOCK_H

#include <linux/gfp.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

struct device;
struct folio;
struct ndshm_adapter;
struct ndshm_block;
struct ndshm_provider;

/**
 * struct ndshm_object_header - header of every NDIS structure
 * @type: type of the structure
 * @revision: from 1 on; a revision newer than the latest known is read as that
 * @size: size of the structure including this header, at least that of @revision
 */
struct ndshm_object_header {
	u8 type;
	u8 revision;
	u16 size;
};

#define NDSHM_OBJECT_TYPE_DEFAULT	0x80

/*
 * Flags for memory charged to a client's memory cgroup and allocated within its cpuset.
 * At a limit the allocation fails without invoking the OOM killer.
 */
#define NDSHM_GFP_CHARGED \
	(GFP_KERNEL_ACCOUNT | __GFP_HARDWALL | __GFP_RETRY_MAYFAIL | \
	 __GFP_NOWARN)

/**
 * struct ndshm_segment_list - list of the DMA segments of a block
 * @capacity: entries at @segments (in)
 * @count: number of segments, also if that is more than @capacity (out)
 * @segments: the entries
 *
 * A caller's list is allocated by the caller and written on success only, except for
 * @count, which is also written if the list is too short (LIST_SHORT). The list passed to
 * an allocate handler belongs to the core; the handler fills it with ndshm_list_add().
 */
struct ndshm_segment_list {
	u32 capacity;
	u32 count;
	struct ndshm_segment *segments;
};

/**
 * ndshm_list_grow() - Double the capacity of a list of DMA segments
 * @list: list passed to the allocate handler
 *
 * ndshm_list_add() calls this if the list is full. An allocate handler need not.
 *
 * Context: Process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
int ndshm_list_grow(struct ndshm_segment_list *list);

/**
 * ndshm_list_add() - Append a DMA segment of a block to a list
 * @list: list passed to the allocate handler
 * @address: DMA address of the segment
 * @length: length of the segment in bytes
 *
 * An allocate handler calls this once for each segment, in the order of the block.
 *
 * Context: Process context; may sleep.
 * Return: 0 or -ENOMEM.
 */
static inline int ndshm_list_add(struct ndshm_segment_list *list, u64 address, u64 length)
{
	if (list->count == list->capacity) {
		int error = ndshm_list_grow(list);

		if (error)
			return error;
	}
	list->segments[list->count++] = (struct ndshm_segment){
		.address = address, .length = length,
	};
	return 0;
}

/**
 * struct ndshm_parameters - parameters and results of an allocation
 * @header: type NDSHM_OBJECT_TYPE_DEFAULT, revision 1 or 2
 * @flags: NDSHM_ALLOC_*
 * @queue_id: receive queue, 0 for the default queue; see queue.h
 * @shared_memory_handle: out: machine-wide id of the block, never 0
 * @preferred_node: NUMA node or NUMA_NO_NODE; a preference only
 * @usage: NDSHM_USAGE_*
 * @length: in bytes, at least 1
 * @virtual_address: out: kernel address, or NULL if the provider has no kernel mapping
 * @consumed: out: bytes of memory that the block takes, at most 2^46; 0 from a provider
 *	means @length rounded up to pages
 * @adapter: adapter whose device uses the memory
 * @device: for an allocate handler: the device of @adapter, which is valid until the free
 *	handler of the block has returned. Ignored from callers
 * @provider: provider of the memory, or NULL for the adapter's default
 * @needs_sync: out: the memory is not coherent; ndshm_sync() is required
 * @no_kernel_mapping: the caller needs no kernel mapping: the provider may leave
 *	@virtual_address NULL
 * @most_segments: segments that the caller has room for; 0: any number, or, with a @list,
 *	its capacity. A wish: a provider may need more
 * @first_index: for an allocate handler: index of the first page in the file that maps the block.
 *	Ignored from callers
 * @tag: NDSHM_TAG() or another number that lists and events show; 0: none
 * @revoked: revocation callback, or NULL. Called at most once (unless it has called
 *	ndshm_block_keep()), and only between the allocation and ndshm_free(), if the
 *	device, the provider or the queue is removed. On return the owner must no longer
 *	access the memory, unless it has called ndshm_block_keep(). May sleep.
 *	ndshm_free() waits for a running callback, so the callback may free its own
 *	block but no other. It can run before ndshm_allocate() returns or the completion
 *	handler of a request has run: accesses to the memory must be under a lock that
 *	the callback takes, and must first check that the callback has not run. The
 *	owner must still call ndshm_free() once it has the block.
 * @revoked_context: first argument of @revoked
 * @list: caller's list of segments, or NULL
 * @vport_id: virtual port, 0 for the default port (revision 2). At least one of @queue_id
 *	and @vport_id must be 0.
 *
 * This is NDIS_SHARED_MEMORY_PARAMETERS in native types; @consumed, @adapter, @device,
 * @provider, @needs_sync, @no_kernel_mapping, @most_segments, @first_index, @tag and @revoked
 * are additions.
 * After a failure @virtual_address and @shared_memory_handle are zero if the header was
 * valid; with an invalid header nothing is written. @list is unchanged, except for the
 * count of a list that is too short.
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
	struct device *device;
	struct ndshm_provider *provider;
	bool needs_sync;
	bool no_kernel_mapping;
	u32 most_segments;
	u32 tag;
	u32 first_index;
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

/* A header for the latest revision that this file defines. */
#define NDSHM_PARAMETERS_HEADER { \
	.type = NDSHM_OBJECT_TYPE_DEFAULT, \
	.revision = NDSHM_PARAMETERS_REVISION_2, \
	.size = NDSHM_SIZEOF_PARAMETERS_REVISION_2, \
}

/**
 * ndshm_allocate() - Allocate a block
 * @parameters: parameters; results are written to it
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The caller owns the block's only reference and must release it with ndshm_free().
 * Memory of the built-in providers reads as zero. QUEUE_UNKNOWN and PORT_UNKNOWN mean
 * that the queue or port does not exist, QUEUE_STATE and PORT_STATE that its state does
 * not allow allocations.
 *
 * Context: Process context; may sleep.
 * Return: the new block, or an ERR_PTR().
 */
struct ndshm_block *ndshm_allocate(struct ndshm_parameters *parameters,
				   ndshm_reason_t *reason);

/* How long the removal of a provider waits for kept blocks, in seconds. */
#define NDSHM_KEEP_SECONDS	5

/**
 * ndshm_block_keep() - Use the memory after the revocation callback has returned
 * @block: the callback's argument
 *
 * For an owner that stops its access and calls ndshm_free() later, on another thread, without
 * ndshm_sync(). The end of a queue and the removal of an adapter wait for this without limit, the
 * removal of a provider NDSHM_KEEP_SECONDS at most: then the memory is lost, but the owner can
 * still use it. The callback is called again if another of the three comes.
 *
 * Context: The revocation callback of the block.
 */
void ndshm_block_keep(struct ndshm_block *block);

/**
 * ndshm_block_provider_revoked() - Ask whether a block's provider is removed
 * @block: block that the caller has a reference to
 *
 * Tells a revocation callback the cause.
 *
 * Context: Any.
 * Return: true if the provider is being or was removed, false if it is the adapter or the queue.
 */
bool ndshm_block_provider_revoked(const struct ndshm_block *block);

/**
 * ndshm_block_context() - Get the context of a block's revocation callback
 * @block: a block, or other memory, which must not begin with an address inside the
 *	module
 * @revoked: callback that the block was allocated with
 *
 * The owner of the block may change the context through the returned pointer.
 *
 * Context: Any.
 * Return: the address of the context, or NULL if @block is not a block with this
 * callback.
 */
void **ndshm_block_context(struct ndshm_block *block,
			   void (*revoked)(void *revoked_context,
					   struct ndshm_block *block));

/**
 * ndshm_free() - Free a block
 * @block: from ndshm_allocate(), or NULL
 *
 * Waits for a running revocation callback of the block, unless it is called from this
 * callback. Must not be called from the callback of another block. Cannot fail.
 *
 * Context: Process context; may sleep.
 */
void ndshm_free(struct ndshm_block *block);

/**
 * ndshm_block_segments() - Get the DMA segments of a block
 * @block: block that the caller has a reference to
 * @count: number of segments
 *
 * Context: Any.
 * Return: the segments, which do not change while the caller has its reference.
 */
const struct ndshm_segment *ndshm_block_segments(const struct ndshm_block *block,
						 u32 *count);

/**
 * ndshm_block_get() - Take a reference to a block
 * @block: block that the caller has a reference to
 *
 * The reference keeps the block, but not its memory: after the revocation callback has
 * returned there is none, unless the owner keeps it.
 *
 * Context: Any.
 * Return: @block.
 */
struct ndshm_block *ndshm_block_get(struct ndshm_block *block);

/**
 * ndshm_block_put() - Drop a reference to a block
 * @block: from ndshm_block_get()
 *
 * After the last reference the memory is freed by a workqueue.
 *
 * Context: Any but NMI.
 */
void ndshm_block_put(struct ndshm_block *block);

/**
 * ndshm_block_get_folio() - Take a reference to the folio of a block
 * @block: from ndshm_allocate(); the caller has a reference to it
 *
 * For memory that is passed on to code which counts references to pages, such as fragments of an
 * skb: the pages outlive the block, so that neither ndshm_free() nor a revocation waits for their
 * users. The device can access them no more after either. While the block has its memory, ndshm
 * itself has one reference to the folio.
 *
 * Context: Process context; does not sleep.
 * Return: the folio, which contains the whole block from its first byte on, for folio_put().
 * NULL if the provider's memory has no pages, if the block has several folios, or if its revocation
 * has begun.
 */
struct folio *ndshm_block_get_folio(struct ndshm_block *block);

/**
 * ndshm_sync() - Synchronise a range of a block for CPU or device access
 * @block: block that the caller has a reference to. It must have a revocation callback,
 *	which must not have returned; the callback itself may call this.
 * @direction: NDSHM_SYNC_FOR_DEVICE or NDSHM_SYNC_FOR_CPU; see struct ndshm_block_sync_args
 * @offset: of the first byte
 * @length: in bytes
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * Required only if needs_sync was set by the allocation.
 *
 * Context: Any.
 * Return: 0, or a negative errno with the reason DIRECTION, LENGTH_ZERO, RANGE or
 * BLOCK_REVOKED.
 */
int ndshm_sync(struct ndshm_block *block, u32 direction, u64 offset, u64 length,
	       ndshm_reason_t *reason);

#endif /* _NDSHM_BLOCK_H */
