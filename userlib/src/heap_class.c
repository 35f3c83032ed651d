// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Size classes: in steps of 16 bytes up to 256, then of an eighth of the next lower power
 * of two; above SPAN_BYTES in steps of a unit, as runs take most of the memory.
 *
 * If a size is a multiple of a power of two (its alignment), so is the size of its class:
 * either the steps there are multiples of that power, or the size is itself a class.
 * Aligned allocation relies on this.
 */
#include "heap_internal.h"

/* Maximum bytes in one bin, for classes up to the size; and while the lock is contended. */
static const struct {
	uint32_t size, bytes, contended;
} caches[] = {
	{ 128, 64 << 10, 64 << 10 },
	{ SMALL_BYTES, 16 << 10, 64 << 10 },
	{ SPAN_BYTES, 16 << 10, 128 << 10 },
	{ CLASS_BYTES, 96 << 10, 1024 << 10 },
};

#define CACHED_MAX	1024

static uint32_t next_size(uint32_t size)
{
	if (size < 256)
		return size + 16;
	if (size >= SPAN_BYTES)
		return size + UNIT_BYTES;
	return size + (1u << (31 - __builtin_clz(size)) >> 3);
}

static uint32_t cached(uint32_t size, bool contended)
{
	unsigned int i = 0, count;

	while (caches[i].size < size)
		i++;
	count = (contended ? caches[i].contended : caches[i].bytes) / size;
	if (count > CACHED_MAX)
		count = CACHED_MAX;
	return count ? count : 1;
}

size_t ndshm__class_cached(void)
{
	size_t sum = 0;
	uint32_t size = 16;

	for (unsigned int i = 1; i <= CLASSES; i++, size = next_size(size))
		sum += cached(size, true);
	return sum;
}

void ndshm__class_set_up(struct ndshm_heap *heap)
{
	uint32_t size = 16, granule = 0;

	for (unsigned int i = 1; i <= CLASSES; i++, size = next_size(size)) {
		struct heap_class *class = &heap->classes[i];
		uint32_t granules = size >> GRANULE_SHIFT;

		class->size = size;
		/* Exact for all offsets in a span, which has at most 4,096 granules. */
		class->reciprocal = (1ull << 32) / granules + 1;
		class->kind = size <= SMALL_BYTES ? SPAN_SMALL :
			      size <= SPAN_BYTES ? SPAN_LARGE : SPAN_NONE;
		if (class->kind != SPAN_NONE)
			class->blocks = (1u << heap->spans[class->kind].shift) / size;
		class->cached = cached(size, false);
		class->contended = cached(size, true);
		while (granule < granules)
			heap->class_of[granule++] = i;
	}
}
