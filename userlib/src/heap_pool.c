// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool: allocates runs of units, first fit by address. Gets an extent from the source
 * when nothing fits, and frees extents that become empty. The source is called without the
 * heap's lock, because a system call takes long, and more if it zeroes memory.
 *
 * A slot is 2 MiB of the section at a multiple of it: the module allocates memory in chunks of this
 * size. A run lies within one slot, and so does an extent: its length is a power of two of at
 * most a slot, and its alignment is the same. A run can cross the border of two extents; as only
 * free units have a bit, neither of them looks empty then.
 *
 * Numbers of units and of words (64 units) count from the start of the slot, except where
 * they are of the whole section: in the tree.
 */
#include <errno.h>

#include "heap_internal.h"

/* Minimum length of an extent, unless only less is available: its states are one page. */
#define EXTENT_MIN	(64ul << 10)
/* Calls that keep the only empty extent; its greatest part of the section if nothing is allocated. */
#define DELAY_CALLS	16
#define DELAY_PART	128
/* Free memory that the pool keeps at least while it has allocated some and no extents drain. */
#define KEPT_UNITS	((512ul << 10) >> UNIT_SHIFT)

_Static_assert(RUN_BYTES <= SLOT_BYTES && NDSHM_HEAP_ALIGN_MAX <= SLOT_BYTES, "a run fits in a slot");
_Static_assert(SLOT_UNITS <= UINT16_MAX, "heap_pool.longest");

/* Return the end of the free run from @at on: the next unit that is not free. */
static unsigned int run_end(const uint64_t *words, unsigned int at)
{
	uint64_t word;

	if (at >= SLOT_UNITS)
		return SLOT_UNITS;
	word = ~words[at / 64] & (UINT64_MAX << (at % 64));
	for (at /= 64; !word;) {
		if (++at == SLOT_WORDS)
			return SLOT_UNITS;
		word = ~words[at];
	}
	return at * 64 + __builtin_ctzll(word);
}

/* Return the start of the free run that contains this unit. */
static unsigned int run_start(const uint64_t *words, unsigned int at)
{
	uint64_t word = ~words[at / 64] & (UINT64_MAX >> (63 - at % 64));

	for (at /= 64; !word;) {
		if (!at)
			return 0;
		word = ~words[--at];
	}
	return at * 64 + 64 - __builtin_clzll(word);
}

static void mark(uint64_t *words, unsigned int at, unsigned int units, bool is_free)
{
	while (units) {
		unsigned int bit = at % 64, some = 64 - bit < units ? 64 - bit : units;
		uint64_t mask = UINT64_MAX >> (64 - some) << bit;

		if (is_free)
			words[at / 64] |= mask;
		else
			words[at / 64] &= ~mask;
		at += some;
		units -= some;
	}
}

/* The bits of all units of a slot. */
static uint64_t *words_at(const struct heap_pool *pool, uint64_t offset)
{
	return &pool->free[(offset >> SLOT_SHIFT) * SLOT_WORDS];
}

static unsigned int unit_of(uint64_t offset)
{
	return (offset % SLOT_BYTES) >> UNIT_SHIFT;
}

/*
 * Set a leaf, and its ancestors up to the first whose greater child stays the same. Nodes
 * without leaves in the section have 0 and are never written.
 */
static void set_longest(const struct heap_pool *pool, uint64_t word, unsigned int units)
{
	uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + word;

	while (longest[node] != units) {
		longest[node] = units;
		if (node == 1)
			return;
		if (units < longest[node ^ 1])
			units = longest[node ^ 1];
		node /= 2;
	}
}

/* Return the first word from @from on where such a run may start, or NOWHERE. */
static uint64_t find_word(const struct heap_pool *pool, uint64_t from, unsigned int units)
{
	const uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + from;

	if (from >= pool->leaves)
		return NOWHERE;
	/*
	 * Go up and right to the first subtree with such a word, then down to its first
	 * leaf. A left child is even: its sibling is the next number.
	 */
	while (longest[node] < units) {
		while (node % 2)
			node /= 2;
		if (!node)
			return NOWHERE;
		node++;
	}
	while (node < pool->leaves) {
		node *= 2;
		if (longest[node] < units)
			node++;
	}
	return node - pool->leaves;
}

/*
 * Look at the free runs that start in a word of a slot. Return the first multiple of @alignment in
 * them with @units free units from there on; or SLOT_UNITS, and the length of the longest of these
 * runs in *@longest. Adding the lowest set bit to a word carries through the run to the bit
 * after it.
 */
static unsigned int fit(const uint64_t *words, unsigned int number, unsigned int units,
			unsigned int alignment, unsigned int *longest)
{
	uint64_t word = words[number], sum;

	*longest = 0;
	/* The rest of a run that starts in an earlier word. */
	if (number && words[number - 1] >> 63)
		word &= word + 1;
	while (word) {
		unsigned int start = number * 64 + __builtin_ctzll(word), end, at;

		if (__builtin_add_overflow(word, word & -word, &sum)) {
			end = run_end(words, number * 64 + 64);
			word = 0;
		} else {
			end = number * 64 + __builtin_ctzll(sum);
			word &= sum;
		}
		at = ndshm__round_up(start, alignment);
		if (at + units <= end)
			return at;
		if (end - start > *longest)
			*longest = end - start;
	}
	return SLOT_UNITS;
}

/* Note that a run is free, which starts at this unit of the slot of @offset. */
static void note(const struct heap_pool *pool, uint64_t offset, unsigned int start,
		 unsigned int end)
{
	uint64_t word = (offset >> SLOT_SHIFT) * SLOT_WORDS + start / 64;

	if (end > start && end - start > pool->longest[pool->leaves + word])
		set_longest(pool, word, end - start);
}

/* Mark units as free: they join the free runs beside them. */
static void set_free(const struct heap_pool *pool, uint64_t offset, unsigned int units)
{
	uint64_t *words = words_at(pool, offset);
	unsigned int at = unit_of(offset);

	mark(words, at, units, true);
	note(pool, offset, run_start(words, at), run_end(words, at + units));
}

/* Mark units as not free. The rest of the run starts behind them, or nowhere at the slot's end. */
static void set_used(const struct heap_pool *pool, uint64_t offset, unsigned int units)
{
	uint64_t *words = words_at(pool, offset);
	unsigned int rest = unit_of(offset) + units;

	mark(words, unit_of(offset), units, false);
	note(pool, offset, rest, run_end(words, rest));
}

static uint64_t find(const struct heap_pool *pool, unsigned int units, unsigned int alignment)
{
	uint64_t word = find_word(pool, 0, units);

	while (word != NOWHERE) {
		uint64_t base = word / SLOT_WORDS << SLOT_SHIFT;
		unsigned int longest, at;

		at = fit(words_at(pool, base), word % SLOT_WORDS, units, alignment, &longest);
		if (at < SLOT_UNITS)
			return base + ((uint64_t)at << UNIT_SHIFT);
		set_longest(pool, word, longest);
		word = find_word(pool, word + 1, units);
	}
	return NOWHERE;
}

/*
 * Preferred length of the next extent; grows with the pool to reduce the number of system
 * calls.
 */
static uint64_t good_length(const struct ndshm_heap *heap, uint64_t least)
{
	uint64_t held = heap->core->pool.held_units << UNIT_SHIFT;
	uint64_t length = EXTENT_MIN;

	while (length < SLOT_BYTES && length * 2 <= held / 8)
		length *= 2;
	return length > least ? length : least;
}

/* Add an extent, whose units are free. Called with the lock held. Returns 0 or -errno. */
static int add(struct ndshm_heap *heap, uint64_t offset, uint64_t length)
{
	int error = ndshm__extent_add(heap, offset, length, EXTENT_POOL);

	if (error)
		return error;
	set_free(&heap->pool, offset, length >> UNIT_SHIFT);
	heap->core->pool.held_units += length >> UNIT_SHIFT;
	ndshm__cache_set_share(heap);
	return 0;
}

/* Number of calls in a period. */
#define PERIOD_CALLS	512
/* Maximum number of extents to visit, those of large blocks included. */
#define DRAIN_STEPS	1024

/* Amount of free memory that fragmentation may cause. It is large for a heap of a few MiB. */
static uint64_t slack(uint64_t used)
{
	return used / 16 + 3 * SLOT_UNITS;
}

/*
 * Return a new drain_from: the memory below it is just enough for all that is allocated. NOWHERE if
 * the free memory is within slack(), so that steady use is not slowed down.
 */
static uint64_t find_drain_from(const struct ndshm_heap *heap)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t used = state->used_units, held = state->held_units;
	uint64_t page = heap->max_size >> PAGE_SHIFT, from = NOWHERE;

	if (held - used <= slack(used))
		return NOWHERE;
	for (unsigned int i = 0; i < DRAIN_STEPS; i++) {
		page = ndshm__bits_below(&heap->starts, page);
		if (page == NOWHERE)
			break;
		if (ndshm__extent_owner(heap, page) != EXTENT_POOL)
			continue;
		held -= ndshm__extent_bytes(heap, page) >> UNIT_SHIFT;
		if (held < used)
			break;
		from = page << (PAGE_SHIFT - GRANULE_SHIFT);
	}
	return from;
}

static void update_drain_from(struct ndshm_heap *heap)
{
	uint64_t from = find_drain_from(heap);

	if (from == heap->core->pool.drain_from)
		return;
	heap->core->pool.drain_from = from;
	heap->core->revision++;
}

/* Count a free or, while extents drain, an allocation: it may need their memory. */
static void count_call(struct ndshm_heap *heap)
{
	struct heap_pool_state *state = &heap->core->pool;

	if (++state->calls < PERIOD_CALLS)
		return;
	state->calls = 0;
	state->most_before = state->most;
	state->most = state->used_units;
	update_drain_from(heap);
}

/* Get an extent of at least @least bytes. Called with the lock held, as ndshm__pool_grow(). */
static int grow(struct ndshm_heap *heap, uint64_t least)
{
	uint64_t length = good_length(heap, least), offset;
	int error;

	ndshm__heap_unlock(heap);
	for (;; length /= 2) {
		error = ndshm__extent_alloc(heap, length, length, &offset);
		if (length == least || (error != -ENOMEM && error != -ENOSPC))
			break;
	}
	ndshm__heap_lock(heap);
	if (!error)
		error = ndshm__extent_added(heap, offset, add(heap, offset, length));
	if (error)
		return error;
	/* Other threads may have freed memory meanwhile, so that the extent is never used. */
	ndshm__bits_add(&heap->empty, offset >> PAGE_SHIFT);
	/* The memory below it was not enough. */
	if (heap->core->pool.drain_from != NOWHERE)
		update_drain_from(heap);
	return 0;
}

int ndshm__pool_grow(struct ndshm_heap *heap)
{
	struct heap_pool_state *state = &heap->core->pool;
	unsigned int units = state->wanted_units, alignment = state->wanted_alignment;
	uint64_t least = PAGE_BYTES;
	int error = 0;

	while (least < (uint64_t)units << UNIT_SHIFT || least < (uint64_t)alignment << UNIT_SHIFT)
		least *= 2;
	ndshm__heap_unlock(heap);
	pthread_mutex_lock(&heap->core->growing);
	ndshm__heap_lock(heap);
	/* The extent of a thread that came first may do for both. */
	if (find(&heap->pool, units, alignment) == NOWHERE)
		error = grow(heap, least);
	pthread_mutex_unlock(&heap->core->growing);
	return error;
}

uint64_t ndshm__pool_alloc(struct ndshm_heap *heap, unsigned int units, unsigned int alignment,
			   int *error)
{
	struct heap_pool_state *state = &heap->core->pool;
	uint64_t offset = find(&heap->pool, units, alignment);

	if (offset == NOWHERE) {
		state->wanted_units = units;
		state->wanted_alignment = alignment;
		*error = POOL_EMPTY;
		return NOWHERE;
	}
	set_used(&heap->pool, offset, units);
	state->used_units += units;
	if (state->most < state->used_units)
		state->most = state->used_units;
	if (state->drain_from != NOWHERE)
		count_call(heap);
	return offset;
}

/* Called for extents of the pool. */
static bool is_empty(const struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT, bytes = ndshm__extent_bytes(heap, page);
	unsigned int at = unit_of(offset);

	return run_end(words_at(&heap->pool, offset), at) >= at + (bytes >> UNIT_SHIFT);
}

/*
 * Free an extent of the pool. Returns false, and keeps it, if the source fails. Called with the
 * lock held, which is released meanwhile.
 */
static bool give_back(struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT, bytes = ndshm__extent_bytes(heap, page);
	int error;

	/*
	 * Remove it first: once the source has freed it, another thread may get the same
	 * extent.
	 */
	ndshm__extent_remove(heap, page);
	set_used(&heap->pool, offset, bytes >> UNIT_SHIFT);
	heap->core->pool.held_units -= bytes >> UNIT_SHIFT;
	ndshm__heap_unlock(heap);
	/* All states in the extent are 0: free their pages, too, if they are whole ones. */
	if (bytes >> GRANULE_SHIFT >= PAGE_BYTES)
		ndshm__memory_clear(&heap->state[offset >> GRANULE_SHIFT], bytes >> GRANULE_SHIFT);
	error = ndshm__extent_free(heap, page);
	ndshm__heap_lock(heap);
	if (!error)
		return true;
	/* Fails only if the source has given the range to another thread, nevertheless. */
	if (!add(heap, offset, bytes))
		ndshm__bits_add(&heap->empty, page);
	return false;
}

/*
 * Amount of free memory to keep: as much as was in use at most in this period and the one before, as
 * the next allocation then needs no extent, but not more than slack(); none if nothing is
 * allocated; and little while extents drain.
 */
static uint64_t enough(const struct ndshm_heap *heap)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t used = state->used_units;
	uint64_t most = state->most > state->most_before ? state->most : state->most_before;
	uint64_t units = most > KEPT_UNITS ? most : KEPT_UNITS;

	if (!used)
		return 0;
	if (state->drain_from != NOWHERE)
		return used / 16;
	return units < slack(used) ? units : slack(used);
}

/* Return the highest empty extent below a page, or NOWHERE. Some in the set are in use again. */
static uint64_t empty_below(const struct ndshm_heap *heap, uint64_t page)
{
	while ((page = ndshm__bits_below(&heap->empty, page)) != NOWHERE && !is_empty(heap, page))
		ndshm__bits_remove(&heap->empty, page);
	return page;
}

/*
 * Return true if the highest empty extent is the only one, for up to DELAY_CALLS: without it, the
 * next allocation may need a new one. If nothing is allocated, only one that is a small part of the
 * section, as others share that.
 */
static bool is_delayed(struct ndshm_heap *heap, uint64_t page)
{
	struct heap_pool_state *state = &heap->core->pool;

	if (empty_below(heap, page) != NOWHERE)
		return false;
	if (!state->used_units && ndshm__extent_bytes(heap, page) > heap->max_size / DELAY_PART)
		return false;
	return ++state->delayed % DELAY_CALLS;
}

/*
 * Free empty extents, the highest first, until only enough is free in the pool, or less by a part of
 * the last one; or all. Ends if the source fails. Returns true if it has freed any. Called with the
 * lock held, which is released meanwhile.
 */
static bool give_back_empty(struct ndshm_heap *heap, bool all)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t page = heap->max_size >> PAGE_SHIFT;
	bool freed = false;

	/* Downwards only, as other threads may empty more meanwhile. */
	while (all || state->held_units - state->used_units > enough(heap)) {
		page = empty_below(heap, page);
		if (page == NOWHERE || (!all && is_delayed(heap, page)))
			break;
		ndshm__bits_remove(&heap->empty, page);
		if (!give_back(heap, page))
			break;
		freed = true;
	}
	return freed;
}

bool ndshm__pool_trim(struct ndshm_heap *heap)
{
	return give_back_empty(heap, true);
}

void ndshm__pool_free(struct ndshm_heap *heap, uint64_t offset, unsigned int units)
{
	uint64_t page = (offset + ((uint64_t)units << UNIT_SHIFT) - 1) >> PAGE_SHIFT;

	set_free(&heap->pool, offset, units);
	heap->core->pool.used_units -= units;
	count_call(heap);
	/* Visit the extents of the freed range, from the highest down. */
	for (;;) {
		uint64_t first = ndshm__extent_find(heap, page);

		if (is_empty(heap, first))
			ndshm__bits_add(&heap->empty, first);
		if (first << PAGE_SHIFT <= offset)
			break;
		page = first - 1;
	}
}

void ndshm__pool_unlock(struct ndshm_heap *heap)
{
	give_back_empty(heap, false);
	ndshm__heap_unlock(heap);
}
