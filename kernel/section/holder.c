// SPDX-License-Identifier: GPL-2.0
/* Holders: open and close, and the extents of each. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/slab.h>

#include <linux/ndshm.h>

#include "../block/block.h"
#include "export.h"
#include "holder.h"
#include "memory.h"

/* Extents that ndshm_holder_close() frees before it drops the lock for a moment. */
#define STEP	32

ndshm_reason_t ndshm_holder_open(struct ndshm_section *section, bool readonly,
				 struct ndshm_holder **out)
{
	struct ndshm_holder *holder;
	ndshm_reason_t reason;

	holder = kzalloc(sizeof(*holder), NDSHM_GFP_CHARGED);
	if (!holder)
		return NDSHM_REASON_MEMORY;
	holder->readonly = readonly;
	holder->rawio = ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO);
	spin_lock(&section->lock);
	reason = ndshm_section_state(section);
	section->holders += reason == NDSHM_REASON_NONE;
	spin_unlock(&section->lock);
	if (reason != NDSHM_REASON_NONE) {
		kfree(holder);
		return reason;
	}
	refcount_inc(&section->users);
	holder->section = section;
	*out = holder;
	return NDSHM_REASON_NONE;
}

static void holder_free_extent(struct ndshm_holder *holder, struct ndshm_extent *extent,
			       bool freed)
{
	rb_erase(&extent->node, &holder->extents);
	holder->count--;
	holder->pages -= extent->count;
	ndshm_section_free_extent_locked(holder->section, extent, freed);
}

void ndshm_holder_close(struct ndshm_holder *holder)
{
	struct ndshm_section *section = holder->section;
	unsigned int i = 0;
	struct rb_node *node;

	spin_lock(&section->lock);
	section->holders--;
	while ((node = rb_first(&holder->extents))) {
		holder_free_extent(holder, rb_entry(node, struct ndshm_extent, node),
				   false);
		if (++i % STEP)
			continue;
		spin_unlock(&section->lock);
		cond_resched();
		spin_lock(&section->lock);
	}
	spin_unlock(&section->lock);
	/* Else only an allocation that finds no room would return what is pinned no more. */
	if (!READ_ONCE(section->holders))
		ndshm_section_return_pinned(section);
	else
		ndshm_section_free_idle(section, false, ndshm_section_idle_deadline());
	ndshm_section_put_user(section);
	kfree(holder);
}

/* Return: the extent that begins at page @start, or NULL. Called with the section's lock held. */
static struct ndshm_extent *holder_find(const struct ndshm_holder *holder,
					u32 start)
{
	struct ndshm_extent *extent = ndshm_extents_find(&holder->extents, start);

	return extent && extent->start == start ? extent : NULL;
}

void ndshm_holder_add(struct ndshm_holder *holder, struct ndshm_extent *extent)
{
	struct ndshm_section *section = holder->section;

	spin_lock(&section->lock);
	ndshm_extents_insert(&holder->extents, extent);
	holder->count++;
	holder->pages += extent->count;
	spin_unlock(&section->lock);
}

ndshm_reason_t ndshm_holder_free_extent(struct ndshm_holder *holder, u32 start)
{
	struct ndshm_section *section = holder->section;
	struct ndshm_extent *extent;

	spin_lock(&section->lock);
	extent = holder_find(holder, start);
	if (extent)
		holder_free_extent(holder, extent, true);
	spin_unlock(&section->lock);
	ndshm_section_free_idle(section, false, ndshm_section_idle_deadline());
	return extent ? NDSHM_REASON_NONE : NDSHM_REASON_EXTENT_UNKNOWN;
}

/* Add the segments from page *@at to the end of its chunk, and advance *@at to that end. */
static ndshm_reason_t holder_query_step(struct ndshm_holder *holder, u32 start,
					u32 *at, struct ndshm_segment *segments,
					u32 capacity, u32 *length, u32 *total)
{
	struct ndshm_section *section = holder->section;
	ndshm_reason_t reason = ndshm_section_state(section);
	const u32 used = min(*total, capacity);
	struct ndshm_extent *extent;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	extent = holder_find(holder, start);
	/*
	 * Since the last step another thread may have freed the extent, and got a shorter one at
	 * the same place.
	 */
	if (!extent || *at >= ndshm_extent_end(extent))
		return NDSHM_REASON_EXTENT_UNKNOWN;
	*length = extent->count;
	*total += ndshm_section_segments(section, extent, at, segments + used,
					 capacity - used);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_holder_query(struct ndshm_holder *holder, u32 start,
				  struct ndshm_segment *segments, u32 capacity,
				  u32 *length, u32 *total)
{
	struct ndshm_section *section = holder->section;
	ndshm_reason_t reason;
	u32 at = start;

	*total = 0;
	do {
		spin_lock(&section->lock);
		reason = holder_query_step(holder, start, &at, segments,
					   capacity, length, total);
		spin_unlock(&section->lock);
		cond_resched();
	} while (reason == NDSHM_REASON_NONE && at < start + *length);
	return reason;
}
