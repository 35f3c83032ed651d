/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Blocks: one allocation each, and its life.
 */
#ifndef _NDSHM_CORE_BLOCK_H
#define _NDSHM_CORE_BLOCK_H

#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <ndshm/block.h>

#include "../account/charge.h"
#include "../base/active.h"
#include "../base/set.h"
#include "object.h"
#include "revoke_cb.h"

struct folio;
struct ndshm_claim;
struct ndshm_queue;
struct ndshm_registration;
struct pid;

/* Bits of @state. Whoever clears HAS_MEMORY frees the memory; ADOPTED, drops a reference. */
#define NDSHM_BLOCK_HAS_MEMORY	0
#define NDSHM_BLOCK_ADOPTED	1

/**
 * struct ndshm_block - one allocation
 * @object: references, handle, mapping; first, so that objects of this kind
 *	and blocks convert freely
 * @id: the shared memory handle
 * @registration: what made it, and frees it
 * @context: the provider's own handle
 * @adapter: whose device uses it; holds a reference
 * @claim: under which it was made, with a reference; or NULL
 * @queue: the queue or port that it is for, with a reference; NULL: the default one,
 *	or it has a @claim
 * @flags: as asked for
 * @usage: as asked for
 * @preferred_node: as asked for
 * @virtual_address: kernel address or NULL
 * @consumed: bytes of memory it takes
 * @segment_count: entries of @segments
 * @first: the segment of a block that has only one
 * @segments: DMA segments; points to @first, or is allocated
 * @charge: who pays; ends with the memory
 * @charged: somebody paid
 * @needs_sync: as the provider said
 * @uid: who asked, by the effective uid
 * @pid: the process that asked, held; NULL: the kernel
 * @revoke_cb: callback of the owner in the kernel, who has a reference
 * @work: frees the block whose last reference was dropped in atomic context
 * @state: NDSHM_BLOCK_HAS_MEMORY, NDSHM_BLOCK_ADOPTED
 * @packets: each has an active reference and one to the block; killed when the block
 *	is unmapped, drained before its memory is freed
 * @in_provider: member of the provider's set while it has memory
 * @in_user: member of the claim's set, or else the queue's, while it has memory
 * @in_table: among all blocks of the machine
 *
 * All but the members, @state, @packets and the state of @revoke_cb is written before
 * the block is published and never again. The reference rule stands with struct
 * ndshm_object. The memory goes with the last reference, or earlier when the
 * block is revoked: then it lives on as a tombstone.
 */
struct ndshm_block {
	struct ndshm_object object;
	u32 id;
	u32 flags;
	struct ndshm_registration *registration;
	void *context;
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_queue *queue;
	u32 usage;
	s32 preferred_node;
	void *virtual_address;
	u64 consumed;
	u32 segment_count;
	struct ndshm_segment first;
	struct ndshm_segment *segments;
	struct ndshm_charge charge;
	bool charged;
	bool needs_sync;
	kuid_t uid;
	struct pid *pid;
	union {
		struct ndshm_revoke_cb revoke_cb;
		struct work_struct work;
	};
	unsigned long state;
	struct ndshm_active packets;
	struct ndshm_member in_provider;
	struct ndshm_member in_user;
	struct hlist_node in_table;
};

static inline struct ndshm_block *ndshm_block_of(struct ndshm_object *object)
{
	return container_of(object, struct ndshm_block, object);
}

/**
 * struct ndshm_allocation - who allocates
 * @claim: for a client on an adapter with claims, whose reference is the
 *	caller's; or NULL
 * @payer: for a client: who is charged, user and memory cgroup; or NULL: a user in
 *	the kernel, who is not
 * @charge: what @payer was charged before, which becomes the block's; or NULL
 * @aborted: turns true when nobody wants it any more, and the block is armed when it is
 *	handed over; or NULL: while the caller lives, who has it from the first moment on
 */
struct ndshm_allocation {
	struct ndshm_claim *claim;
	struct ndshm_payer *payer;
	struct ndshm_charge *charge;
	const bool *aborted;
};

/*
 * Make @count blocks for the checked and normalized @parameters: all of them,
 * each with one reference, or none. The parameters' outputs are those of the
 * last block; the list's count is written for LIST_SHORT as well.
 */
ndshm_reason_t ndshm_blocks_make(struct ndshm_parameters *parameters,
				 const struct ndshm_allocation *allocation,
				 struct ndshm_block **blocks, u32 count);

/*
 * Before one that was made for @aborted is handed over: from now on its owner is told.
 * ADAPTER_REMOVED, QUEUE_STATE, PORT_STATE, PROVIDER_CLOSING or BLOCK_REVOKED: it was
 * revoked meanwhile, of which nobody was told.
 */
ndshm_reason_t ndshm_block_arm(struct ndshm_block *block);

/* Bytes that a block of @length takes at most: a power of two of pages. */
static inline u64 ndshm_upper_bound(u64 length)
{
	return (u64)PAGE_SIZE << get_order(length);
}

/* Beyond this, rounding up to a power of two would overflow. */
#define NDSHM_MOST_BYTES	BIT_ULL(46)

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

/* Operations of objects, for blocks of a provider with pages; see object.h. */
vm_fault_t ndshm_block_fault(struct ndshm_object *object, struct vm_fault *vmf);
bool ndshm_block_settle(struct ndshm_object *object, unsigned long deadline);

/*
 * The page at @index, or NULL: the provider has none there. The block must have its
 * memory while this runs. Does not sleep, takes no reference.
 */
struct page *ndshm_block_page(const struct ndshm_block *block, pgoff_t index);

/* Answer a fault with @page, which is locked and whose reference is passed on. */
vm_fault_t ndshm_fault_answer(struct vm_fault *vmf, struct page *page);

/* Wait until @folio is unlocked. Return: false if it is not at @deadline. May sleep. */
bool ndshm_folio_settle(struct folio *folio, unsigned long deadline);

/* Zero @count pages of one folio; the caller holds a reference on it. May sleep. */
void ndshm_pages_zero(struct page *page, unsigned long count);

/*
 * Before its memory is freed, and when nothing is mapped any more: what others have
 * pinned of it stays charged until they let go of it. A chunk with a page that hardware
 * has failed in is never freed, since nobody can split it, and nobody may have it next.
 */
void ndshm_block_keep_pages(struct ndshm_block *block);

static inline bool ndshm_block_tryget(struct ndshm_block *block)
{
	return refcount_inc_not_zero(&block->object.references);
}

/* Drop a reference, and free in place. May sleep. */
static inline void ndshm_block_release(struct ndshm_block *block)
{
	ndshm_object_put(&block->object);
}

/* As ndshm_sync(), of a range that was checked. */
void ndshm_block_sync(struct ndshm_block *block, u32 direction, u64 offset,
		      u64 length);

/*
 * As ndshm_free(), but the memory of a block that was made under a claim is freed when
 * the claim ends and the device is quiet.
 */
void ndshm_block_free_quiet(struct ndshm_block *block);

/*
 * The two steps of a revocation; the caller holds a reference. The first one ends
 * user mappings and packets, and waits for processes. The second one waits for the
 * first one, calls the owner's callback, waits for packets and frees the memory. Both
 * sets of a block may call both at the same time. May sleep; hold no lock.
 */
void ndshm_block_unmap(struct ndshm_block *block);
void ndshm_block_revoke(struct ndshm_block *block);

#ifdef NDSHM_TEST_MODULES
bool ndshm_block_adopt(struct ndshm_block *block);
#endif

void __init ndshm_block_setup(void);

#endif /* _NDSHM_CORE_BLOCK_H */
