// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool: allocates runs of units, first fit by address. Gets an extent from the source when
 * nothing fits, and frees extents that become empty.
 *
 *	section	|           slot            |           slot            | ...
 *	extents	[ 64K ][ 64K ][   128K   ]         [       256K       ]
 *	units	xxx..xxxxxx..........xxxxx         xxxx....xx..xxxxxxxx
 *
 * x is an allocated unit of 1 KiB. The bit of a free unit of an extent (.) is set; those of all
 * others, also of units that belong to no extent, are clear. A slot is 2 MiB of the section at a
 * multiple of it: the module allocates memory in chunks of this size. An extent lies within one
 * slot: its length is a power of two of at most a slot, and its alignment is the same. A run lies
 * within one slot, too, as the functions below search one slot at a time. A run can cross the
 * border of two extents; neither of them is empty then.
 *
 * A word has the bits of 64 units. Numbers of units and of words count from the start of the slot;
 * a leaf of the tree (see struct heap_pool) is a word by its number in the whole section.
 *
 * The pool is protected by the heap's lock, which all callers hold. It is released around calls of
 * the source, because a system call takes long, and longer if it zeroes memory. An extent on its
 * way between source and pool is known to one thread only: it is added after the source has
 * returned it, and removed before the source gets it back.
 */
#include <errno.h>

#include "heap_internal.h"

/*
 * Minimum length of an extent, unless only less is available: its states fill a page, if that has
 * 4 KiB.
 */
#define EXTENT_MIN	(PAGE_BYTES << GRANULE_SHIFT)

_Static_assert(RUN_BYTES <= SLOT_BYTES, "a run fits in a slot");
_Static_assert(SLOT_UNITS <= UINT16_MAX, "heap_pool.longest");

/*
 * Free units
 */

/* Return the end of the free run from @at on: the next unit that is not free, or SLOT_UNITS. */
static unsigned int run_end(const uint64_t *words, unsigned int at)
{
	for (; at < SLOT_UNITS; at = at / 64 * 64 + 64) {
		uint64_t used = ~words[at / 64] >> at % 64;

		if (used)
			return at + __builtin_ctzll(used);
	}
	return SLOT_UNITS;
}

/* Return the start of the free run that contains @at. */
static unsigned int run_start(const uint64_t *words, unsigned int at)
{
	uint64_t used;

	while (!(used = ~words[at / 64] << (63 - at % 64))) {
		if (at < 64)
			return 0;
		at = at / 64 * 64 - 1;
	}
	return at + 1 - __builtin_clzll(used);
}

static void set_bits(uint64_t *words, unsigned int at, unsigned int units, bool is_free)
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

static uint64_t *slot_words(const struct heap_pool *pool, uint64_t offset)
{
	return &pool->free[(offset >> SLOT_SHIFT) * SLOT_WORDS];
}

static unsigned int unit_of(uint64_t offset)
{
	return (offset % SLOT_BYTES) >> UNIT_SHIFT;
}

/*
 * Set a leaf, and its ancestors up to the first whose value stays the same. Nodes without leaves in
 * the section have 0 and are never written.
 */
static void set_longest(const struct heap_pool *pool, uint64_t leaf, unsigned int units)
{
	uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + leaf;

	while (longest[node] != units) {
		longest[node] = units;
		if (node == 1)
			return;
		if (units < longest[node ^ 1])
			units = longest[node ^ 1];
		node /= 2;
	}
}

/* Return the first leaf from @from on in which a run of @units may start, or NOWHERE. */
static uint64_t find_leaf(const struct heap_pool *pool, uint64_t from, unsigned int units)
{
	const uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + from;

	if (from >= pool->leaves)
		return NOWHERE;
	/*
	 * Go up and right to the first subtree with such a leaf, then down to its first
	 * one. A left child is even: its sibling is the next number.
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
 * runs in *@longest.
 */
static unsigned int find_in_word(const uint64_t *words, unsigned int word, unsigned int units,
				 unsigned int alignment, unsigned int *longest)
{
	uint64_t left = words[word];

	*longest = 0;
	/* The rest of a run that starts in an earlier word. */
	if (word && words[word - 1] >> 63)
		left &= left + 1;
	while (left) {
		unsigned int start = word * 64 + __builtin_ctzll(left);
		unsigned int end = run_end(words, start);
		unsigned int at = ndshm__round_up(start, alignment);

		if (at + units <= end)
			return at;
		if (end - start > *longest)
			*longest = end - start;
		/* Clear the lowest run. */
		left &= left + (left & -left);
	}
	return SLOT_UNITS;
}

/* Raise the leaf of the free run [@start, @end) in the slot of @offset, if the run is not empty. */
static void note_run(const struct heap_pool *pool, uint64_t offset, unsigned int start,
		     unsigned int end)
{
	uint64_t leaf = (offset >> SLOT_SHIFT) * SLOT_WORDS + start / 64;

	if (end > start && end - start > pool->longest[pool->leaves + leaf])
		set_longest(pool, leaf, end - start);
}

/* Mark units as free: they join the free runs beside them. */
static void set_free(const struct heap_pool *pool, uint64_t offset, unsigned int units)
{
	uint64_t *words = slot_words(pool, offset);
	unsigned int at = unit_of(offset);

	set_bits(words, at, units, true);
	note_run(pool, offset, run_start(words, at), run_end(words, at + units));
}

/* Mark units as not free. The rest of their run starts behind them. */
static void set_used(const struct heap_pool *pool, uint64_t offset, unsigned int units)
{
	uint64_t *words = slot_words(pool, offset);
	unsigned int at = unit_of(offset), rest = at + units;

	set_bits(words, at, units, false);
	note_run(pool, offset, rest, run_end(words, rest));
}

/*
 * Return the lowest multiple of @alignment from which on @units are free, or NOWHERE. The tree does
 * not know alignments: a search can look at many words whose runs are long enough, but misaligned.
 */
static uint64_t find_run(const struct heap_pool *pool, unsigned int units, unsigned int alignment)
{
	uint64_t leaf = find_leaf(pool, 0, units);

	while (leaf != NOWHERE) {
		uint64_t slot = leaf / SLOT_WORDS << SLOT_SHIFT;
		unsigned int longest, at;

		at = find_in_word(slot_words(pool, slot), leaf % SLOT_WORDS, units, alignment,
				  &longest);
		if (at < SLOT_UNITS)
			return slot + ((uint64_t)at << UNIT_SHIFT);
		set_longest(pool, leaf, longest);
		leaf = find_leaf(pool, leaf + 1, units);
	}
	return NOWHERE;
}

/*
 * Extents: get
 */

/* Add an extent, whose units are free. Returns 0 or -errno. */
static int add_extent(struct ndshm_heap *heap, uint64_t offset, uint64_t length)
{
	int error = ndshm__extent_add(heap, offset, length, EXTENT_POOL);

	if (error)
		return error;
	set_free(&heap->pool, offset, length >> UNIT_SHIFT);
	heap->core->pool.held_units += length >> UNIT_SHIFT;
	/*
	 * The thread that wants this extent may take room that others have freed meanwhile. The
	 * extent then stays empty, and no free would add it to @empty.
	 */
	ndshm__bits_add(&heap->empty, offset >> PAGE_SHIFT);
	return 0;
}

/*
 * Number of free units that fragmentation may cause: relatively many in a small heap. With less,
 * steady use makes system calls; with more, bench/footprint exceeds its limit.
 */
static uint64_t slack(uint64_t used)
{
	return used / 16 + 3 * SLOT_UNITS;
}

/* Maximum number of extents to visit, those of large blocks included. */
#define DRAIN_STEPS	1024

/*
 * Return a new drain_from: the extents below it are just enough for all allocated units, or more if
 * the search ends early. NOWHERE if the free memory is within slack(), so that steady use is not
 * slowed down, or less than the highest extent.
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

/* Number of calls in a period. */
#define PERIOD_CALLS	512

/*
 * Count a free. While extents drain, count allocations, too: a heap that grows again may soon need
 * these extents.
 */
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

/* Part of the section that the first extents of all holders may take, if there are several. */
#define FIRST_PART	32

/*
 * Return the length to ask for: longer as the pool grows, which reduces the number of system calls.
 * With other holders it is longer from the start: many short extents of several holders would leave
 * short gaps between them, of no use for a large block.
 */
static uint64_t extent_length(const struct ndshm_heap *heap, uint64_t least)
{
	const unsigned int holders = heap->core->holders;
	uint64_t wanted = (heap->core->pool.held_units << UNIT_SHIFT) / 8;
	uint64_t length = least > EXTENT_MIN ? least : EXTENT_MIN;

	if (holders > 1 && wanted < heap->max_size / FIRST_PART / holders)
		wanted = heap->max_size / FIRST_PART / holders;
	while (length < SLOT_BYTES && length * 2 <= wanted)
		length *= 2;
	return length;
}

/*
 * Get an extent of at least @least bytes. Returns 0 or -errno. Called with the lock held, which is
 * released meanwhile.
 */
static int get_extent(struct ndshm_heap *heap, uint64_t least)
{
	uint64_t length = extent_length(heap, least), offset = 0;
	int error;

	ndshm__heap_unlock(heap);
	do
		error = ndshm__extent_alloc(heap, length, length, &offset);
	while (ndshm__is_short(error) && (length /= 2) >= least);
	ndshm__heap_lock(heap);
	if (!error)
		error = ndshm__extent_added(heap, offset, add_extent(heap, offset, length));
	if (error)
		return error;
	/* The number of holders may have changed. */
	ndshm__cache_set_share(heap);
	/* The use has grown since it was set. */
	if (heap->core->pool.drain_from != NOWHERE)
		update_drain_from(heap);
	return 0;
}

int ndshm__pool_grow(struct ndshm_heap *heap)
{
	const unsigned int units = heap->core->pool.wanted_units;
	const unsigned int alignment = heap->core->pool.wanted_alignment;
	uint64_t least = heap->page_bytes;
	int error = 0;

	while (least >> UNIT_SHIFT < units || least >> UNIT_SHIFT < alignment)
		least *= 2;
	ndshm__heap_unlock(heap);
	pthread_mutex_lock(&heap->core->growing);
	ndshm__heap_lock(heap);
	/* The extent of a thread that came first may do for both. */
	if (find_run(&heap->pool, units, alignment) == NOWHERE)
		error = get_extent(heap, least);
	pthread_mutex_unlock(&heap->core->growing);
	return error;
}

uint64_t ndshm__pool_alloc(struct ndshm_heap *heap, unsigned int units, unsigned int alignment,
			   unsigned int *count, int *error)
{
	struct heap_pool_state *state = &heap->core->pool;
	uint64_t offset = find_run(&heap->pool, units, alignment);

	if (offset == NOWHERE) {
		state->wanted_units = units;
		state->wanted_alignment = alignment;
		*error = POOL_EMPTY;
		return NOWHERE;
	}
	if (count && *count > 1) {
		unsigned int at = unit_of(offset);
		unsigned int in_row = (run_end(slot_words(&heap->pool, offset), at) - at) / units;

		if (*count > in_row)
			*count = in_row;
		units *= *count;
	}
	set_used(&heap->pool, offset, units);
	state->used_units += units;
	if (state->most < state->used_units)
		state->most = state->used_units;
	if (state->drain_from != NOWHERE)
		count_call(heap);
	return offset;
}

/*
 * Extents: free
 */

static uint64_t extent_units(const struct ndshm_heap *heap, uint64_t page)
{
	return ndshm__extent_bytes(heap, page) >> UNIT_SHIFT;
}

static bool extent_is_empty(const struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT;
	unsigned int at = unit_of(offset);

	return run_end(slot_words(&heap->pool, offset), at) >= at + extent_units(heap, page);
}

/* Return the highest empty extent below a page, or NOWHERE. Some in the set are in use again. */
static uint64_t empty_below(const struct ndshm_heap *heap, uint64_t page)
{
	while ((page = ndshm__bits_below(&heap->empty, page)) != NOWHERE &&
	       !extent_is_empty(heap, page))
		ndshm__bits_remove(&heap->empty, page);
	return page;
}

/*
 * Free an empty extent. Returns false, and keeps it, if the source fails. Called with the lock
 * held, which is released meanwhile.
 */
static bool free_extent(struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT, units = extent_units(heap, page);
	int error;

	ndshm__bits_remove(&heap->empty, page);
	set_used(&heap->pool, offset, units);
	heap->core->pool.held_units -= units;
	error = ndshm__extent_free(heap, page);
	/*
	 * Fails only if the source has freed it in spite of the error, and given it to another
	 * thread.
	 */
	if (error)
		add_extent(heap, offset, units << UNIT_SHIFT);
	return !error;
}

/* Least reserve of a single holder while units are allocated and no extents drain. */
#define RESERVE_MIN	((512ul << 10) >> UNIT_SHIFT)

/*
 * Number of free units beyond which empty extents are freed: the greatest use in this period and
 * the one before, or RESERVE_MIN if that is more, so that the same use needs no new extent even if
 * the free units are scattered; but at most slack(). With other holders, at most what two caches
 * hold: a thread can fill one while it empties another. 0 if nothing is allocated. While extents
 * drain, only the part of slack() that grows with the heap.
 */
static uint64_t reserve_units(const struct ndshm_heap *heap)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t used = state->used_units, share = heap->core->share >> UNIT_SHIFT;
	uint64_t most = state->most > state->most_before ? state->most : state->most_before;
	uint64_t units = most > RESERVE_MIN ? most : RESERVE_MIN;

	if (!used)
		return 0;
	if (state->drain_from != NOWHERE)
		units = used / 16;
	else if (units > slack(used))
		units = slack(used);
	return heap->core->holders > 1 && units > 2 * share ? 2 * share : units;
}

/* Of so many calls that could free the only empty extent, one does. */
#define DELAY_CALLS	16
/* If nothing is allocated, an extent of more than this part of the section is not kept. */
#define DELAY_PART	128

/*
 * Return true if the highest empty extent, at @page, is the only one and is kept for now: without
 * it, the next allocation may need a new one. Counts the calls that find only this one; each
 * DELAY_CALLS-th returns false.
 */
static bool count_delayed(struct ndshm_heap *heap, uint64_t page)
{
	struct heap_pool_state *state = &heap->core->pool;

	if (empty_below(heap, page) != NOWHERE)
		return false;
	if (!state->used_units && ndshm__extent_bytes(heap, page) > heap->max_size / DELAY_PART)
		return false;
	return ++state->delayed % DELAY_CALLS;
}

/*
 * Free empty extents, the highest first: all, or until at most the reserve is free or one is left
 * that is delayed. Ends if the source fails. Called with the lock held, which is released
 * meanwhile.
 */
static void free_empty_extents(struct ndshm_heap *heap, bool all)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t page = heap->max_size >> PAGE_SHIFT;

	/* Downwards only, as other threads may empty more meanwhile. */
	while (all || state->held_units - state->used_units > reserve_units(heap)) {
		page = empty_below(heap, page);
		if (page == NOWHERE || (!all && count_delayed(heap, page)) || !free_extent(heap, page))
			break;
	}
}

void ndshm__pool_trim(struct ndshm_heap *heap)
{
	free_empty_extents(heap, true);
}

void ndshm__pool_free(struct ndshm_heap *heap, uint64_t offset, unsigned int units)
{
	uint64_t end = offset + ((uint64_t)units << UNIT_SHIFT);
	uint64_t page = (end + PAGE_BYTES - 1) >> PAGE_SHIFT;

	set_free(&heap->pool, offset, units);
	heap->core->pool.used_units -= units;
	count_call(heap);
	/*
	 * Visit the extents of the freed range, from the highest down. All of it is in extents of
	 * the pool, so that there is one.
	 */
	do {
		page = ndshm__bits_below(&heap->starts, page);
		if (extent_is_empty(heap, page))
			ndshm__bits_add(&heap->empty, page);
	} while (page << PAGE_SHIFT > offset);
}

void ndshm__pool_unlock(struct ndshm_heap *heap)
{
	free_empty_extents(heap, false);
	ndshm__heap_unlock(heap);
}
