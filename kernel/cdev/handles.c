// SPDX-License-Identifier: GPL-2.0
/* A client's table of handles: reserve, publish, find and take. */
#include <linux/nospec.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../block/block.h"
#include "handles.h"

#define INDEX_MASK	((u32)NDSHM_MAX_HANDLES)

void ndshm_handles_init(struct ndshm_handles *handles)
{
	spin_lock_init(&handles->lock);
	handles->end = 1;
}

void ndshm_handles_fini(struct ndshm_handles *handles)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(handles->chunks); i++)
		kfree(handles->chunks[i]);
}

static struct ndshm_slot *slot_at(struct ndshm_handles *handles, u32 index)
{
	return &handles->chunks[index / NDSHM_CHUNK_SLOTS][index % NDSHM_CHUNK_SLOTS];
}

/* Return: the slot for a number from user space, or NULL if there is no such slot. */
static struct ndshm_slot *slot_of(struct ndshm_handles *handles, u32 number)
{
	u32 index = number & INDEX_MASK;

	lockdep_assert_held(&handles->lock);

	if (index >= handles->end)
		return NULL;
	return slot_at(handles, array_index_nospec(index, handles->end));
}

/* Bytes that count for the handle of @object. */
static u64 handles_bytes(const struct ndshm_object *object)
{
	return ndshm_block_is(object) ?
	       container_of(object, const struct ndshm_block, object)->consumed : 0;
}

static void handles_push_free(struct ndshm_handles *handles, struct ndshm_slot *slot)
{
	slot->next = handles->free;
	handles->free = slot->handle & INDEX_MASK;
}

ndshm_reason_t ndshm_handle_reserve(struct ndshm_handles *handles, u32 *handle)
{
	struct ndshm_slot *slot;
	u32 index;

	spin_lock(&handles->lock);
	while ((index = handles->free ?: handles->end) <= INDEX_MASK &&
	       !handles->chunks[index / NDSHM_CHUNK_SLOTS]) {
		spin_unlock(&handles->lock);
		slot = kcalloc(NDSHM_CHUNK_SLOTS, sizeof(*slot), NDSHM_GFP_CHARGED);
		if (!slot)
			return NDSHM_REASON_MEMORY;
		/* Another thread may have allocated the chunk meanwhile. */
		if (cmpxchg(&handles->chunks[index / NDSHM_CHUNK_SLOTS], NULL, slot))
			kfree(slot);
		spin_lock(&handles->lock);
	}
	if (index > INDEX_MASK) {
		spin_unlock(&handles->lock);
		return NDSHM_REASON_HANDLES;
	}
	slot = slot_at(handles, index);
	if (handles->free)
		handles->free = slot->next;
	else
		slot->handle = handles->end++;
	slot->handle += BIT(NDSHM_INDEX_BITS);
	*handle = slot->handle;
	spin_unlock(&handles->lock);
	return NDSHM_REASON_NONE;
}

void ndshm_handle_cancel(struct ndshm_handles *handles, u32 handle)
{
	spin_lock(&handles->lock);
	handles_push_free(handles, slot_at(handles, handle & INDEX_MASK));
	spin_unlock(&handles->lock);
}

void ndshm_handle_publish(struct ndshm_handles *handles, u32 handle,
			  struct ndshm_object *object)
{
	object->handle = handle;
	spin_lock(&handles->lock);
	slot_at(handles, handle & INDEX_MASK)->object = object;
	handles->live++;
	handles->bytes += handles_bytes(object);
	spin_unlock(&handles->lock);
}

static __always_inline struct ndshm_object *
handles_find(struct ndshm_handles *handles, u32 number, u32 mask)
{
	struct ndshm_object *object = NULL;
	struct ndshm_slot *slot;

	spin_lock(&handles->lock);
	slot = slot_of(handles, number);
	if (slot && !((slot->handle ^ number) & mask))
		object = slot->object;
	if (object)
		refcount_inc(&object->references);
	spin_unlock(&handles->lock);
	return object;
}

struct ndshm_object *ndshm_handle_find(struct ndshm_handles *handles,
				       u32 handle)
{
	return handles_find(handles, handle, U32_MAX);
}

/* Unpublish the slot's object. The caller takes over the slot's reference. */
static struct ndshm_object *slot_take(struct ndshm_handles *handles,
				      struct ndshm_slot *slot)
{
	struct ndshm_object *object = slot->object;

	lockdep_assert_held(&handles->lock);

	slot->object = NULL;
	handles->live--;
	handles->bytes -= handles_bytes(object);
	handles_push_free(handles, slot);
	return object;
}

struct ndshm_object *ndshm_handle_take(struct ndshm_handles *handles,
				       u32 handle,
				       const struct ndshm_object_ops *kind)
{
	struct ndshm_object *object = NULL;
	struct ndshm_slot *slot;

	spin_lock(&handles->lock);
	slot = slot_of(handles, handle);
	if (slot && slot->handle == handle && slot->object &&
	    slot->object->ops == kind)
		object = slot_take(handles, slot);
	spin_unlock(&handles->lock);
	return object;
}

u32 ndshm_handle_take_many(struct ndshm_handles *handles, const u32 *numbers,
			   u32 count, const struct ndshm_object_ops *kind,
			   struct ndshm_object **objects)
{
	struct ndshm_slot *slot;
	u32 i, taken;

	spin_lock(&handles->lock);
	for (taken = 0; taken < count; taken++) {
		slot = slot_of(handles, numbers[taken]);
		if (!slot || slot->handle != numbers[taken] || !slot->object ||
		    slot->object->ops != kind)
			break;
		objects[taken] = slot->object;
		/* So a second entry with the same handle is unknown. */
		slot->object = NULL;
	}
	if (taken == count) {
		handles->live -= count;
		/* The last slot that is freed is reused first: keep the caller's order. */
		for (i = count; i--;) {
			handles->bytes -= handles_bytes(objects[i]);
			handles_push_free(handles, slot_of(handles, numbers[i]));
		}
	} else {
		for (i = 0; i < taken; i++)
			slot_of(handles, numbers[i])->object = objects[i];
	}
	spin_unlock(&handles->lock);
	return taken;
}

struct ndshm_object *ndshm_handle_take_next(struct ndshm_handles *handles,
					    u32 *at)
{
	struct ndshm_object *object = NULL;
	struct ndshm_slot *slot;

	spin_lock(&handles->lock);
	for (; !object && *at < handles->end; ++*at) {
		slot = slot_of(handles, *at);
		if (slot && slot->object)
			object = slot_take(handles, slot);
	}
	spin_unlock(&handles->lock);
	return object;
}

struct ndshm_object *ndshm_offset_find(struct ndshm_handles *handles,
				       u64 offset)
{
	u64 number = offset >> NDSHM_OFFSET_SHIFT;

	if (number > NDSHM_OFFSET_MASK || number << NDSHM_OFFSET_SHIFT != offset)
		return NULL;
	return handles_find(handles, number, NDSHM_OFFSET_MASK);
}
