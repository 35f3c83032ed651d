// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Statistics. The number of live blocks is the number taken from spans and pool less the
 * number in the threads' caches, so that only code that holds the lock has to count.
 */
#include <string.h>

#include "heap_internal.h"

/*
 * Called with the lock held. Other threads change their caches meanwhile, so that the sum
 * of cached blocks can exceed the number taken.
 */
static void count(const struct ndshm_heap *heap, unsigned int class,
		  struct ndshm_heap_class_stats *stats)
{
	uint64_t out = heap->core->out[class], cached = ndshm__cache_count(heap, class);

	if (cached > out)
		cached = out;
	stats->size = heap->classes[class].size;
	stats->live_blocks = out - cached;
	stats->cached_blocks = cached;
}

void ndshm__heap_class_stats(struct ndshm_heap *heap, unsigned int index,
			     struct ndshm_heap_class_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	if (index >= CLASSES)
		return;
	ndshm__heap_lock(heap);
	count(heap, index + 1, stats);
	ndshm__heap_unlock(heap);
}

void ndshm__heap_stats(struct ndshm_heap *heap, struct ndshm_heap_stats *stats)
{
	const struct heap_core *core = heap->core;

	memset(stats, 0, sizeof(*stats));
	ndshm__heap_lock(heap);
	stats->live_blocks = core->other_blocks;
	stats->live_bytes = core->other_bytes;
	stats->extents = core->extents;
	stats->held_bytes = core->held_bytes;
	stats->cached_blocks = core->kept.count;
	stats->cached_bytes = core->kept.bytes;
	for (unsigned int i = 1; i <= CLASSES; i++) {
		struct ndshm_heap_class_stats class;

		count(heap, i, &class);
		stats->live_blocks += class.live_blocks;
		stats->live_bytes += class.live_blocks * class.size;
		stats->cached_blocks += class.cached_blocks;
		stats->cached_bytes += class.cached_blocks * class.size;
	}
	ndshm__heap_unlock(heap);
}
