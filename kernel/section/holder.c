// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/slab.h>

#include <linux/ndshm.h>

#include "../account/charge.h"
#include "../account/quota.h"
#include "../block/block.h"
#include "holder.h"
#include "section.h"

/* Extents that ndshm_holder_close() frees before it drops the lock for a moment. */
#define STEP	32

ndshm_reason_t ndshm_holder_open(struct ndshm_section *section, u32 flags,
				 bool readonly, struct ndshm_holder **out)
{
	/* Do not charge the opener of the section's descriptor: peers would use up its quota. */
	const struct ndshm_payer payer = {
		.cred = current_cred(),
		.unlimited = ns_capable_noaudit(&init_user_ns, CAP_SYS_RESOURCE),
	};
	struct ndshm_holder *holder;
	ndshm_reason_t reason;

	if (flags & NDSHM_ATTACH_KEEP && !section->permit_keep)
		return NDSHM_REASON_KEEP_REFUSED;
	holder = kzalloc(sizeof(*holder), NDSHM_GFP_CHARGED);
	if (!holder)
		return NDSHM_REASON_MEMORY;
	holder->flags = flags;
	holder->readonly = readonly;
	holder->rawio = ns_capable_noaudit(&init_user_ns, CAP_SYS_RAWIO);
	holder->uid = current_user()->uid;
	reason = ndshm_quota_charge(&payer, NDSHM_QUOTA_HOLDERS, 1);
	if (reason != NDSHM_REASON_NONE)
		goto err_holder;
	spin_lock(&section->lock);
	reason = ndshm_section_state(section);
	section->holders += reason == NDSHM_REASON_NONE;
	spin_unlock(&section->lock);
	if (reason != NDSHM_REASON_NONE)
		goto err_quota;
	refcount_inc(&section->users);
	holder->section = section;
	*out = holder;
	return NDSHM_REASON_NONE;

err_quota:
	ndshm_quota_uncharge(&payer, NDSHM_QUOTA_HOLDERS, 1);
err_holder:
	kfree(holder);
	return reason;
}

static void holder_give(struct ndshm_holder *holder, struct ndshm_run *run,
			bool freed)
{
	rb_erase(&run->node, &holder->extents);
	holder->count--;
	ndshm_section_give_locked(holder->section, run, freed);
}

void ndshm_holder_close(struct ndshm_holder *holder)
{
	struct ndshm_section *section = holder->section;
	unsigned int i = 0;
	struct rb_node *node;

	spin_lock(&section->lock);
	section->holders--;
	if (holder->flags & NDSHM_ATTACH_KEEP) {
		section->kept += holder->count;
		holder->extents = RB_ROOT;
	}
	while ((node = rb_first(&holder->extents))) {
		holder_give(holder, rb_entry(node, struct ndshm_run, node),
			    false);
		if (++i % STEP)
			continue;
		spin_unlock(&section->lock);
		cond_resched();
		spin_lock(&section->lock);
	}
	spin_unlock(&section->lock);
	ndshm_quota_give(holder->uid, NDSHM_QUOTA_HOLDERS, 1);
	ndshm_section_leave(section);
	kfree(holder);
}

/* Return: the extent that begins at page @start, or NULL. Called with the section's lock held. */
static struct ndshm_run *holder_find(const struct ndshm_holder *holder,
				     u32 start)
{
	struct ndshm_run *run = ndshm_runs_find(&holder->extents, start);

	return run && run->start == start ? run : NULL;
}

void ndshm_holder_add(struct ndshm_holder *holder, struct ndshm_run *run)
{
	struct ndshm_section *section = holder->section;

	spin_lock(&section->lock);
	ndshm_runs_insert(&holder->extents, run);
	holder->count++;
	spin_unlock(&section->lock);
}

ndshm_reason_t ndshm_holder_free(struct ndshm_holder *holder, u32 start)
{
	struct ndshm_section *section = holder->section;
	struct ndshm_run *run;

	spin_lock(&section->lock);
	run = holder_find(holder, start);
	if (run)
		holder_give(holder, run, true);
	spin_unlock(&section->lock);
	return run ? NDSHM_REASON_NONE : NDSHM_REASON_EXTENT_UNKNOWN;
}

/* Add the segments from page *@at to the end of its chunk, and advance *@at to that end. */
static ndshm_reason_t holder_query_step(struct ndshm_holder *holder, u32 start,
					u32 *at, struct ndshm_segment *segments,
					u32 capacity, u32 *length, u32 *total)
{
	struct ndshm_section *section = holder->section;
	ndshm_reason_t reason = ndshm_section_state(section);
	const u32 used = min(*total, capacity);
	struct ndshm_run *run;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	run = holder_find(holder, start);
	/*
	 * Since the last step another thread may have freed the extent, and got a shorter one at
	 * the same place.
	 */
	if (!run || *at >= ndshm_run_end(run))
		return NDSHM_REASON_EXTENT_UNKNOWN;
	*length = run->count;
	*total += ndshm_section_segments(section, run, at, segments + used,
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
