/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client's handles: small numbers for its objects.
 */
#ifndef _NDSHM_CORE_HANDLES_H
#define _NDSHM_CORE_HANDLES_H

#include <linux/spinlock.h>

#include <ndshm/status.h>

#include "../block/object.h"

/*
 * A handle is the index of a slot, and above it a number that changes each time
 * the slot is used again, so that a stale handle is found out.
 */
#define NDSHM_INDEX_BITS	16
#define NDSHM_MAX_HANDLES	(BIT(NDSHM_INDEX_BITS) - 1)
#define NDSHM_CHUNK_SLOTS	256U

/**
 * struct ndshm_slot - a place for a handle
 * @object: published there, or NULL
 * @handle: the number of its present or last handle
 * @next: index of the next free slot, while it is free
 */
struct ndshm_slot {
	struct ndshm_object *object;
	u32 handle;
	u32 next;
};

/**
 * struct ndshm_handles - the table
 * @chunks: slots by index, kept until the end
 * @lock: guards all members and the slots. Innermost.
 * @end: index after the last slot that was used; slot 0 is never used
 * @free: index of the first free slot below @end, 0 for none
 * @live: published handles
 *
 * Each published slot holds a reference on its object.
 */
struct ndshm_handles {
	struct ndshm_slot *chunks[BIT(NDSHM_INDEX_BITS) / NDSHM_CHUNK_SLOTS];
	spinlock_t lock;	/* all members, and the slots */
	u32 end;
	u32 free;
	u32 live;
};

void ndshm_handles_init(struct ndshm_handles *handles);

/* Free the table; nobody uses it any more, and it holds no object. */
void ndshm_handles_fini(struct ndshm_handles *handles);

/*
 * reserve finds a place and the handle's number; publish makes the handle live
 * and takes over the caller's reference, unreserve gives the place up; neither
 * can fail. find takes a reference. take ends the handle of a @kind of object,
 * and hands its reference to the caller: one of several callers gets it. Process
 * context; reserve may sleep.
 */
ndshm_reason_t ndshm_handle_reserve(struct ndshm_handles *handles, u32 *handle);
void ndshm_handle_unreserve(struct ndshm_handles *handles, u32 handle);
void ndshm_handle_publish(struct ndshm_handles *handles, u32 handle,
			  struct ndshm_object *object);
struct ndshm_object *ndshm_handle_find(struct ndshm_handles *handles,
				       u32 handle);
struct ndshm_object *ndshm_handle_take(struct ndshm_handles *handles,
				       u32 handle,
				       const struct ndshm_object_ops *kind);

/* Any published one, at or after index *at, which moves there; NULL: none. */
struct ndshm_object *ndshm_handle_take_next(struct ndshm_handles *handles,
					    u32 *at);

/*
 * mmap offsets follow from handles: the index and a part of the number above
 * it, in steps of 2 MiB, below 16 TiB. find takes a reference.
 */
u64 ndshm_handle_offset(u32 handle);
struct ndshm_object *ndshm_offset_find(struct ndshm_handles *handles,
				       u64 offset);

#endif /* _NDSHM_CORE_HANDLES_H */
