// SPDX-License-Identifier: GPL-2.0
/*
 * A section and the device: where it finds an extent, and that it sees what is there.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>

#include "block.h"
#include "section_memory.h"

/* What is synced at once, with a lock held. */
#define STEP_BYTES	SZ_64K

/* The part of a range from *offset on that lies in one piece, a step at most. */
static ndshm_reason_t section_sync_step(struct ndshm_section *section,
					u32 direction, u64 *offset, u64 end)
{
	ndshm_reason_t reason = ndshm_section_state(section);
	struct ndshm_piece *piece;
	u64 start, length;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	piece = ndshm_piece_at(section, *offset >> PAGE_SHIFT);
	if (!piece) {
		*offset = end;
		return reason;
	}
	start = (u64)piece->start << PAGE_SHIFT;
	*offset = min(max(*offset, start), end);
	length = min((u64)ndshm_piece_end(piece) << PAGE_SHIFT, end) - *offset;
	length = min_t(u64, length, STEP_BYTES);
	if (length)
		ndshm_block_sync(piece->block, direction, *offset - start,
				 length);
	*offset += length;
	return reason;
}

ndshm_reason_t ndshm_section_sync(struct ndshm_section *section, u32 direction,
				  u64 offset, u64 length)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	const u64 end = offset + length;

	/* A caller that is killed hears no answer. */
	while (reason == NDSHM_REASON_NONE && offset < end &&
	       !fatal_signal_pending(current)) {
		spin_lock(&section->lock);
		reason = section_sync_step(section, direction, &offset, end);
		spin_unlock(&section->lock);
		cond_resched();
	}
	return reason;
}

/* What of a block lies from @from to @to, bytes of it. */
static u32 block_segments(const struct ndshm_block *block, u64 from, u64 to,
			  struct ndshm_segment *segments, u32 capacity)
{
	const struct ndshm_segment *each;
	u64 at = 0, first, last;
	u32 i, count = 0;

	for (i = 0; i < block->segment_count && at < to; i++) {
		each = &block->segments[i];
		first = max(at, from);
		last = min(at + each->length, to);
		if (first < last) {
			if (count < capacity)
				segments[count] = (struct ndshm_segment){
					.address = each->address + (first - at),
					.length = last - first,
				};
			count++;
		}
		at += each->length;
	}
	return count;
}

u32 ndshm_section_segments(struct ndshm_section *section,
			   const struct ndshm_run *run, u32 *at,
			   struct ndshm_segment *segments, u32 capacity)
{
	struct ndshm_piece *piece = ndshm_piece_at(section, *at);
	const u32 from = *at - piece->start;
	const u32 to = min(ndshm_piece_end(piece), run->start + run->count) -
		       piece->start;

	*at = piece->start + to;
	return block_segments(piece->block, (u64)from << PAGE_SHIFT,
			      (u64)to << PAGE_SHIFT, segments, capacity);
}
