/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks.
 */
#ifndef _NDSHM_BLOCK_BLOCK_H
#define _NDSHM_BLOCK_BLOCK_H

#include <linux/init.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <ndshm/block.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../adapter/queue.h"
#include "../base/active.h"
#include "../base/blockset.h"
#include "../base/params.h"
#include "object.h"
#include "revoke_cb.h"

struct folio;
struct ndshm_registration;
struct pid;

/**
 * struct ndshm_block - memory of one allocation
 * @object: references, handle, mapping
 * @registration: handlers that allocated and free it; holds a reference
 * @context: the provider's handle
 * @adapter: adapter of the device; holds a reference
 * @claim: claim of the client; holds a reference; or NULL
 * @queue: queue or port; holds a reference; NULL: the default one, or with a @claim
 * @flags: as requested
 * @usage: as requested
 * @preferred_node: as requested
 * @tag: as requested
 * @virtual_address: kernel address or NULL
 * @consumed: bytes of memory it takes
 * @segment_count: number of DMA segments
 * @uid: effective user of the account
 * @only: the segment of a block that has one
 * @segments: those of a block that has several; see ndshm_block_segment()
 * @charge: ends with the memory
 * @pid: process that allocated it, held; NULL: the kernel
 * @revoke_cb: callback of the owner in the kernel, which holds a reference; behind
 *	@provider_bytes; NULL: the owner needs none
 * @first_index: see struct ndshm_allocation
 * @of_section: as well
 * @charged: a user was charged
 * @needs_sync: the provider requires ndshm_sync()
 * @has_memory: the caller that clears it frees the memory
 * @adopted: the caller that clears it drops the reference of block_pass_reference()
 * @packets: each has an active reference and one to the block; killed when the block
 *	is unmapped, drained before its memory is freed
 * @work: frees the block after the last reference was dropped in atomic context
 * @in_provider: member of the provider's set while it has memory
 * @in_user: member of ndshm_block_user() while it has memory
 * @in_table: member of the table of all blocks
 * @provider_bytes: for the provider's use, of the registration's context_size
 *
 * Immutable once the block is published, but for @object, @has_memory, @adopted,
 * @packets, @work, @in_*, and what @revoke_cb points to. The memory is freed with the last
 * reference, or earlier by a revocation. See struct ndshm_object for references.
 */
struct ndshm_block {
	struct ndshm_object object;
	struct ndshm_registration *registration;
	void *context;
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_queue *queue;
	u32 flags;
	u32 usage;
	s32 preferred_node;
	u32 tag;
	void *virtual_address;
	u64 consumed;
	u32 segment_count;
	kuid_t uid;
	union {
		struct ndshm_segment only;
		struct ndshm_segment *segments;
	};
	struct ndshm_charge charge;
	struct pid *pid;
	struct ndshm_revoke_cb *revoke_cb;
	u32 first_index;
	bool of_section;
	bool charged;
	bool needs_sync;
	bool has_memory;
	bool adopted;
	union {
		struct ndshm_active packets;
		struct work_struct work;
	};
	struct hlist_node in_provider;
	struct hlist_node in_user;
	struct hlist_node in_table;
	u64 provider_bytes[];
};

/* Return: the set of the claim or the queue of a block, or else of its adapter. */
static inline struct ndshm_blockset *ndshm_block_user(const struct ndshm_block *block)
{
	if (block->claim)
		return &block->claim->set;
	return block->queue ? &block->queue->set : &block->adapter->set;
}

/* Return: the DMA segment at @index, which the others follow. */
static inline const struct ndshm_segment *
ndshm_block_segment(const struct ndshm_block *block, u32 index)
{
	return block->segment_count == 1 ? &block->only : block->segments + index;
}

static inline struct ndshm_block *ndshm_block_of(struct ndshm_object *object)
{
	return container_of(object, struct ndshm_block, object);
}

/*
 * Bytes for a provider in the cache of blocks: blocks with a larger context or with a callback are
 * allocated by kmalloc(), which rounds their size up to a power of two.
 */
#define NDSHM_BLOCK_CACHED_BYTES	32U

/**
 * struct ndshm_allocation - what the blocks of an allocation belong to
 * @claim: claim of a client; the caller holds a reference; or NULL
 * @account: charged for a client; NULL: the kernel, which is not charged
 * @queue: queue or virtual port of a driver; the caller is active in its set; or NULL
 * @first_index: place of the first page in the file of a section
 * @of_section: the file that maps the blocks is that of a section, not their own
 * @dumped: as in struct ndshm_object
 * @aborted: of a request: turns true when it is aborted, and the caller must arm the
 *	block; NULL: the caller owns the block
 */
struct ndshm_allocation {
	struct ndshm_claim *claim;
	struct ndshm_account *account;
	struct ndshm_queue *queue;
	u32 first_index;
	bool of_section;
	bool dumped;
	const bool *aborted;
};

/*
 * Allocate @count blocks, each with one reference, or none. @parameters must be checked
 * and normalized; their outputs are those of the last block. LIST_SHORT sets the count
 * of the list. May sleep.
 */
ndshm_reason_t ndshm_blocks_alloc(struct ndshm_parameters *parameters,
				  const struct ndshm_allocation *allocation,
				  struct ndshm_block **blocks, u32 count);

/*
 * Allocate a block for the kernel, in the queue or virtual port that @parameters name. @aborted: as
 * in struct ndshm_allocation.
 */
ndshm_reason_t ndshm_block_alloc_queue(struct ndshm_parameters *parameters, const bool *aborted,
				       struct ndshm_block **block);

/*
 * Arm the revocation callback of a block allocated with @aborted, before its owner gets
 * it. ADAPTER_REMOVED, QUEUE_STATE, PORT_STATE, PROVIDER_CLOSING or BLOCK_REVOKED if it
 * was revoked before.
 */
ndshm_reason_t ndshm_block_enable_revoke_cb(struct ndshm_block *block);

/* Bytes that a block of @length takes at most: a power of two of pages. */
static inline u64 ndshm_upper_bound(u64 length)
{
	return (u64)PAGE_SIZE << get_order(length);
}

/* Limit of the administrator; a module parameter. */
extern unsigned long ndshm_max_block_bytes;

/* The longest block that can be allocated, in bytes. */
static inline u64 ndshm_max_length(void)
{
	return min_t(u64, READ_ONCE(ndshm_max_block_bytes), NDSHM_MOST_BYTES);
}

extern const struct ndshm_object_ops ndshm_block_ops;

static inline bool ndshm_block_is(const struct ndshm_object *object)
{
	return object->ops == &ndshm_block_ops;
}

/* An operation of objects, see object.h. */
bool ndshm_block_wait_faults(struct ndshm_object *object, unsigned long deadline);

/*
 * Return: the page at @index, without a reference, or NULL if the provider has none
 * there. The block must have its memory. Does not sleep.
 */
struct page *ndshm_block_page(const struct ndshm_block *block, pgoff_t index);

/*
 * Unset the address space of the pages before the memory is freed or lost: a pin can keep a page
 * longer than its file exists. Nothing maps the block any more, or it is revoked. A folio whose
 * lock another task holds is left to a worker, after a wait of at most two jiffies. May sleep.
 */
void ndshm_block_clear_mapping(struct ndshm_block *block);

/* Zero @count pages of one folio; the caller holds a reference on it. May sleep. */
void ndshm_pages_zero(struct page *page, unsigned long count);

static inline bool ndshm_block_tryget(struct ndshm_block *block)
{
	return refcount_inc_not_zero(&block->object.references);
}

/* Drop a reference; the last one frees the block here. May sleep. */
static inline void ndshm_block_put_sync(struct ndshm_block *block)
{
	ndshm_object_put(&block->object);
}

/* As ndshm_sync(), for a valid range of a block with memory. */
void ndshm_block_sync(struct ndshm_block *block, u32 direction, u64 offset,
		      u64 length);

/*
 * As ndshm_free(). @in_use: the device may use the memory: that of a block with a claim is freed
 * when the claim ends, after DMA has stopped.
 */
void ndshm_block_free(struct ndshm_block *block, bool in_use);

/*
 * The two steps of a revocation. unmap ends user mappings and new packets. revoke, after unmap,
 * runs the owner's callback, and, unless this keeps the block, drains packets and frees the
 * memory. Revocations of both sets of a block, and of its user, may run concurrently. The caller
 * holds a reference and no lock. Return: true if this call has done it. May sleep.
 */
bool ndshm_block_unmap(struct ndshm_block *block);
bool ndshm_block_revoke(struct ndshm_block *block);

/* Revoke a client's block for its user. @in_use: as of ndshm_block_free(). May sleep. */
void ndshm_block_end(struct ndshm_block *block, bool in_use);

/*
 * End the revocation of a provider's block without the free handler, because the owner still uses
 * the memory. The provider's module stays referenced. Return: false if the memory is being or was
 * freed.
 */
bool ndshm_block_lose_memory(struct ndshm_block *block);

/* Called before the first block, and after the last one. */
int __init ndshm_block_init(void);
void ndshm_block_exit(void);

#endif /* _NDSHM_BLOCK_BLOCK_H */
