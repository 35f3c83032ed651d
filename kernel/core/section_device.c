// SPDX-License-Identifier: GPL-2.0
/*
 * A section and the device: where it finds an extent, and that it sees what is there.
 */
#include <linux/mm.h>
#include <linux/sched/signal.h>

#include "block.h"
#include "section_memory.h"

/* The part of a range that lies in one piece, at most a slot. */
static ndshm_reason_t sync_part(struct ndshm_section *section, u32 direction,
				u64 *offset, u64 end)
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
	if (*offset < end)
		ndshm_block_sync(piece->block, direction, *offset - start,
				 length);
	*offset += length;
	return reason;
}

static ndshm_reason_t sync_parts(struct ndshm_section *section, u32 direction,
				 u64 offset, u64 end)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	lockdep_assert_held(&section->sync_lock);

	/* Whoever is killed is told nothing. */
	while (reason == NDSHM_REASON_NONE && offset < end &&
	       !fatal_signal_pending(current)) {
		mutex_lock(&section->object.lock);
		reason = sync_part(section, direction, &offset, end);
		mutex_unlock(&section->object.lock);
		cond_resched();
	}
	return reason;
}

ndshm_reason_t ndshm_section_sync(struct ndshm_section *section, u32 direction,
				  u64 offset, u64 length)
{
	ndshm_reason_t reason;

	if (mutex_lock_killable(&section->sync_lock))
		return NDSHM_REASON_NONE;
	reason = sync_parts(section, direction, offset, offset + length);
	mutex_unlock(&section->sync_lock);
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
			   const struct ndshm_run *run,
			   struct ndshm_segment *segments, u32 capacity)
{
	const u32 end = run->start + run->count;
	struct ndshm_piece *piece;
	u32 count = 0, from, to;

	for (piece = ndshm_piece_at(section, run->start);
	     piece && piece->start < end; piece = ndshm_piece_next(piece)) {
		from = max(piece->start, run->start) - piece->start;
		to = min(ndshm_piece_end(piece), end) - piece->start;
		count += block_segments(piece->block, (u64)from << PAGE_SHIFT,
					(u64)to << PAGE_SHIFT,
					segments + min(count, capacity),
					capacity - min(count, capacity));
	}
	return count;
}
