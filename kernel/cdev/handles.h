/* SPDX-License-Identifier: GPL-2.0 */
/* Handles of a client: 32-bit numbers for its objects. */
#ifndef _NDSHM_CDEV_HANDLES_H
#define _NDSHM_CDEV_HANDLES_H

#include <linux/spinlock.h>

#include <ndshm/status.h>

#include "../block/object.h"

/*
 * The low bits of a handle are the index of a slot. The high bits are a generation that changes
 * whenever the slot is reused, so that a stale handle is detected.
 */
#define NDSHM_INDEX_BITS	16
#define NDSHM_MAX_HANDLES	(BIT(NDSHM_INDEX_BITS) - 1)
#define NDSHM_CHUNK_SLOTS	256U

/**
 * struct ndshm_slot - Slot of the handle table
 * @object: published object, or NULL
 * @handle: current or last handle of the slot
 * @next: index of the next free slot; valid while the slot is free
 */
struct ndshm_slot {
	struct ndshm_object *object;
	u32 handle;
	u32 next;
};

/**
 * struct ndshm_handles - Handle table of a client
 * @chunks: arrays of slots; allocated on demand, freed with the table
 * @lock: protects all members and the slots; innermost
 * @end: index after the last slot that was ever used; slot 0 is never used
 * @free: index of the first free slot below @end, or 0
 * @live: number of published handles
 * @bytes: memory that their blocks consume
 *
 * Each published slot holds a reference on its object.
 */
struct ndshm_handles {
	struct ndshm_slot *chunks[BIT(NDSHM_INDEX_BITS) / NDSHM_CHUNK_SLOTS];
	spinlock_t lock;	/* all members, and the slots */
	u32 end;
	u32 free;
	u32 live;
	u64 bytes;
};

void ndshm_handles_init(struct ndshm_handles *handles);

/* Free the table. It must have no published handle and no concurrent user. */
void ndshm_handles_fini(struct ndshm_handles *handles);

/*
 * ndshm_handle_reserve() allocates a slot; it may sleep. Then either ndshm_handle_publish() makes
 * the handle valid and takes over the caller's reference on @object, or ndshm_handle_cancel()
 * frees the slot; neither can fail. ndshm_handle_find() takes a reference. ndshm_handle_take()
 * ends the handle of an object of @kind and passes its reference to the caller; of concurrent
 * callers one gets it. Process context.
 *
 * ndshm_handle_take_many() does so with all @count handles of the array @numbers, at once, and
 * returns @count; or it returns the index of the first that is not the handle of an object of
 * @kind or that an earlier one equals, and changes nothing.
 */
ndshm_reason_t ndshm_handle_reserve(struct ndshm_handles *handles, u32 *handle);
void ndshm_handle_cancel(struct ndshm_handles *handles, u32 handle);
void ndshm_handle_publish(struct ndshm_handles *handles, u32 handle,
			  struct ndshm_object *object);
struct ndshm_object *ndshm_handle_find(struct ndshm_handles *handles,
				       u32 handle);
struct ndshm_object *ndshm_handle_take(struct ndshm_handles *handles,
				       u32 handle,
				       const struct ndshm_object_ops *kind);
u32 ndshm_handle_take_many(struct ndshm_handles *handles, const u32 *numbers,
			   u32 count, const struct ndshm_object_ops *kind,
			   struct ndshm_object **objects);

/*
 * End the first published handle at or after index *@at, and advance *@at behind it. Passes the
 * reference to the caller; NULL if there is none.
 */
struct ndshm_object *ndshm_handle_take_next(struct ndshm_handles *handles,
					    u32 *at);

/*
 * The mmap offset of a handle: its low 23 bits, in units of 2 MiB, so that offsets are below 16
 * TiB. ndshm_offset_find() takes a reference.
 */
#define NDSHM_OFFSET_SHIFT	21
/* A 32-bit program passes mmap2() a page number of 32 bits. */
#define NDSHM_OFFSET_MASK	((u32)BIT(44 - NDSHM_OFFSET_SHIFT) - 1)

static inline u64 ndshm_handle_offset(u32 handle)
{
	return (u64)(handle & NDSHM_OFFSET_MASK) << NDSHM_OFFSET_SHIFT;
}

struct ndshm_object *ndshm_offset_find(struct ndshm_handles *handles,
				       u64 offset);

#endif /* _NDSHM_CDEV_HANDLES_H */
