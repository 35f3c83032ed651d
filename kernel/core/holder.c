// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <linux/ndshm.h>

#include "block.h"
#include "charge.h"
#include "holder.h"
#include "quota.h"
#include "section.h"

/* Extents that go while the others wait. */
#define STEP	32

static ndshm_reason_t join(struct ndshm_section *section)
{
	ndshm_reason_t reason;

	spin_lock(&section->lock);
	reason = ndshm_section_state(section);
	if (reason == NDSHM_REASON_NONE)
		section->holders++;
	spin_unlock(&section->lock);
	return reason;
}

ndshm_reason_t ndshm_holder_open(struct ndshm_section *section, u32 flags,
				 bool readonly, struct ndshm_holder **out)
{
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
	/* Not for the opener of the section's descriptor: a peer would use up its quota. */
	holder->payer = ndshm_payer_alloc(NULL);
	reason = NDSHM_REASON_MEMORY;
	if (!holder->payer)
		goto err_holder;
	reason = ndshm_quota_charge(holder->payer, NDSHM_QUOTA_HOLDERS, 1);
	if (reason != NDSHM_REASON_NONE)
		goto err_payer;
	reason = join(section);
	if (reason != NDSHM_REASON_NONE)
		goto err_quota;
	ndshm_section_use(section);
	holder->section = section;
	*out = holder;
	return NDSHM_REASON_NONE;

err_quota:
	ndshm_quota_uncharge(holder->payer, NDSHM_QUOTA_HOLDERS, 1);
err_payer:
	ndshm_payer_put(holder->payer);
err_holder:
	kfree(holder);
	return reason;
}

static struct ndshm_run *take_first(struct rb_root *extents)
{
	struct rb_node *node = rb_first(extents);

	if (node)
		rb_erase(node, extents);
	return rb_entry_safe(node, struct ndshm_run, node);
}

static void forget(struct ndshm_holder *holder)
{
	holder->count--;
	holder->section->held--;
}

/* Some of what it has; false: there is no more. */
static bool give_back(struct ndshm_holder *holder)
{
	struct ndshm_section *section = holder->section;
	const bool kept = holder->flags & NDSHM_ATTACH_KEEP;
	unsigned int i;
	struct ndshm_run *run = NULL;

	lockdep_assert_held(&section->lock);

	for (i = 0; i < STEP; i++) {
		run = take_first(&holder->extents);
		if (!run)
			break;
		forget(holder);
		if (kept)
			ndshm_runs_insert(&section->kept, run);
		else
			ndshm_section_give_locked(section, run, false);
	}
	return run;
}

void ndshm_holder_close(struct ndshm_holder *holder)
{
	struct ndshm_section *section = holder->section;
	bool more;

	do {
		spin_lock(&section->lock);
		more = give_back(holder);
		section->holders -= !more;
		spin_unlock(&section->lock);
		cond_resched();
	} while (more);
	ndshm_section_settle(section);
	ndshm_quota_uncharge(holder->payer, NDSHM_QUOTA_HOLDERS, 1);
	ndshm_payer_put(holder->payer);
	ndshm_section_leave(section);
	kfree(holder);
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
	run = ndshm_runs_find(&holder->extents, start);
	if (run) {
		rb_erase(&run->node, &holder->extents);
		forget(holder);
		ndshm_section_give_locked(section, run, true);
	}
	spin_unlock(&section->lock);
	if (!run)
		return NDSHM_REASON_EXTENT_UNKNOWN;
	ndshm_section_settle(section);
	return NDSHM_REASON_NONE;
}

/* The segments from page *at on that lie in one piece, and *at moves behind them. */
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
	run = ndshm_runs_find(&holder->extents, start);
	/* Another thread may have freed it, and got a shorter one, since the last step. */
	if (!run || *at >= start + run->count)
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
