// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Spans: chunks of one size, aligned to it, with blocks of one class. Blocks are taken
 * from the lowest span with free blocks, so that the others become empty.
 */
#include "heap_internal.h"

/**
 * struct heap_span - a span
 * @left: number of free blocks
 * @blocks: a bit for each free block
 */
struct heap_span {
	uint64_t left;
	uint64_t blocks[];
};

static struct heap_span *span_at(const struct heap_spans *spans, uint64_t number)
{
	return (struct heap_span *)(spans->spans + number * spans->span_bytes);
}

static unsigned int span_units(const struct heap_spans *spans)
{
	return 1u << (spans->shift - UNIT_SHIFT);
}

static uint64_t add_span(struct ndshm_heap *heap, unsigned int class, int *error)
{
	const struct heap_class *of = &heap->classes[class];
	const struct heap_spans *spans = &heap->spans[of->kind];
	unsigned int units = span_units(spans), i, left;
	uint64_t offset = ndshm__pool_alloc(heap, units, units, NULL, error), number;
	struct heap_span *span;

	if (offset == NOWHERE)
		return NOWHERE;
	number = offset >> spans->shift;
	span = span_at(spans, number);
	span->left = of->blocks;
	for (i = 0, left = of->blocks; left > 64; left -= 64)
		span->blocks[i++] = UINT64_MAX;
	span->blocks[i] = UINT64_MAX >> (64 - left);
	ndshm__bits_add(&heap->partial[class], number);
	return number;
}

unsigned int ndshm__span_take(struct ndshm_heap *heap, unsigned int class, uint64_t *granules,
			      unsigned int want, int *error)
{
	const struct heap_class *of = &heap->classes[class];
	const struct heap_spans *spans = &heap->spans[of->kind];
	unsigned int step = of->size >> GRANULE_SHIFT, taken = 0;

	while (taken < want) {
		uint64_t number = ndshm__bits_first(&heap->partial[class]), first;
		struct heap_span *span;

		/* Add a span only for the first block, not to reach @want. */
		if (number == NOWHERE && taken)
			break;
		if (number == NOWHERE)
			number = add_span(heap, class, error);
		if (number == NOWHERE)
			return 0;
		span = span_at(spans, number);
		first = number << (spans->shift - GRANULE_SHIFT);
		for (unsigned int i = 0; span->left && taken < want; i++) {
			uint64_t word = span->blocks[i];

			for (; word && taken < want; word &= word - 1, span->left--)
				granules[taken++] = first +
						    (i * 64 + __builtin_ctzll(word)) * step;
			span->blocks[i] = word;
		}
		if (!span->left)
			ndshm__bits_remove(&heap->partial[class], number);
	}
	heap->core->out[class] += taken;
	return taken;
}

void ndshm__span_give(struct ndshm_heap *heap, unsigned int class, uint64_t granule)
{
	const struct heap_class *of = &heap->classes[class];
	const struct heap_spans *spans = &heap->spans[of->kind];
	unsigned int shift = spans->shift - GRANULE_SHIFT;
	uint64_t number = granule >> shift;
	uint64_t block = ((granule & ((1u << shift) - 1)) * of->reciprocal) >> 32;
	struct heap_span *span = span_at(spans, number);

	span->blocks[block / 64] |= 1ull << (block % 64);
	heap->core->out[class]--;
	if (!span->left++)
		ndshm__bits_add(&heap->partial[class], number);
	if (span->left < of->blocks)
		return;
	ndshm__bits_remove(&heap->partial[class], number);
	ndshm__pool_free(heap, number << spans->shift, span_units(spans));
}
