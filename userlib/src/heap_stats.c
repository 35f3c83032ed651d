// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Statistics. The number of live blocks is the number taken from spans and pool less the
 * number in the threads' caches, so that only code that holds the lock has to count.
 */
#include <string.h>

#include "heap_internal.h"

/*
 * Add the blocks of a class. Called with the lock held. Other threads change their caches
 * meanwhile, so that the sum of cached blocks can exceed the number taken.
 */
static void add_class(const struct ndshm_heap *heap, unsigned int class,
		      struct ndshm_heap_stats *stats)
{
	uint64_t out = heap->core->out[class], cached = ndshm__cache_count(heap, class);
	size_t size = heap->classes[class].size;

	if (cached > out)
		cached = out;
	stats->live_blocks += out - cached;
	stats->live_bytes += (out - cached) * size;
	stats->cached_blocks += cached;
	stats->cached_bytes += cached * size;
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
	for (unsigned int i = 1; i <= CLASSES; i++)
		add_class(heap, i, stats);
	ndshm__heap_unlock(heap);
}
