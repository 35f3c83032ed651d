// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ordered sets of numbers.
 */
#include "heap_internal.h"

size_t ndshm__bits_set_up(struct heap_bits *bits, uint64_t count, char *memory)
{
	size_t bytes = 0;

	bits->levels = 0;
	do {
		count = count ? (count + 63) / 64 : 1;
		bits->level[bits->levels++] = memory ? (uint64_t *)(memory + bytes) : NULL;
		bytes += count * sizeof(uint64_t);
	} while (count > 1);
	return bytes;
}

void ndshm__bits_add(const struct heap_bits *bits, uint64_t number)
{
	for (unsigned int i = 0; i < bits->levels; i++, number /= 64) {
		uint64_t *word = &bits->level[i][number / 64], before = *word;

		*word = before | 1ull << (number % 64);
		if (before)
			return;
	}
}

void ndshm__bits_remove(const struct heap_bits *bits, uint64_t number)
{
	for (unsigned int i = 0; i < bits->levels; i++, number /= 64) {
		uint64_t *word = &bits->level[i][number / 64];

		*word &= ~(1ull << (number % 64));
		if (*word)
			return;
	}
}

uint64_t ndshm__bits_first(const struct heap_bits *bits)
{
	uint64_t number = 0;

	if (!bits->level[bits->levels - 1][0])
		return NOWHERE;
	for (unsigned int i = bits->levels; i--;)
		number = number * 64 + __builtin_ctzll(bits->level[i][number]);
	return number;
}

uint64_t ndshm__bits_below(const struct heap_bits *bits, uint64_t limit)
{
	/* If the word of limit - 1 has none, the words before it are bits of the next level. */
	for (unsigned int i = 0; limit; i++, limit = (limit - 1) / 64) {
		uint64_t number = limit - 1;
		uint64_t word = bits->level[i][number / 64] & (UINT64_MAX >> (63 - number % 64));

		if (!word)
			continue;
		number = number / 64 * 64 + 63 - __builtin_clzll(word);
		while (i--)
			number = number * 64 + 63 - __builtin_clzll(bits->level[i][number]);
		return number;
	}
	return NOWHERE;
}
