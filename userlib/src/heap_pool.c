// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The pool: allocates runs of units, first fit by address. Gets an extent from the source
 * when nothing fits, and frees extents that become empty. The source is called without the
 * heap's lock, because a system call takes long, and more if it zeroes memory.
 *
 * The length of an extent is a power of two of at most a slot, and its alignment is the
 * same, so that it lies within one slot. Runs can cross the border of two extents.
 */
#include <errno.h>

#include "heap_internal.h"

/* Minimum length of an extent, unless only less is available. */
#define EXTENT_MIN	(64ul << 10)
/* Minimum of free memory in the pool that is kept. */
#define KEPT_UNITS	((512ul << 10) >> UNIT_SHIFT)

static unsigned int next_clear(const uint64_t *words, unsigned int at)
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

static struct heap_slot *slot_at(const struct heap_pool *pool, uint64_t offset)
{
	return &pool->slots[offset >> SLOT_SHIFT];
}

static unsigned int unit_of(uint64_t offset)
{
	return (offset % SLOT_BYTES) >> UNIT_SHIFT;
}

static void set_longest(const struct heap_pool *pool, uint64_t slot, unsigned int units)
{
	uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + slot;

	longest[node] = units;
	while (node > 1) {
		uint16_t most = longest[node] > longest[node ^ 1] ? longest[node] :
								    longest[node ^ 1];

		node /= 2;
		if (longest[node] == most)
			return;
		longest[node] = most;
	}
}

/* Return the first slot from @from on that may have a run of this length, or NOWHERE. */
static uint64_t find_slot(const struct heap_pool *pool, uint64_t from, unsigned int units)
{
	const uint16_t *longest = pool->longest;
	uint64_t node = pool->leaves + from;

	if (from >= pool->leaves)
		return NOWHERE;
	/*
	 * Go up and right to the first subtree with such a slot, then down to its first
	 * leaf.
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

/* Length classes of runs: in steps of four units below 16, of eight up to 64. */
static unsigned int length_of(unsigned int units)
{
	unsigned int length = units < 16 ? units / 4 : units / 8 + 2;

	return length < LENGTHS ? length : LENGTHS - 1;
}

static unsigned int least_of(unsigned int length)
{
	if (!length)
		return 1;
	return length < 4 ? length * 4 : (length - 2) * 8;
}

/* Position of a search for runs: the bits of a word that have not been visited. */
struct cursor {
	const uint64_t *words;
	unsigned int number;
	uint64_t word;
};

static struct cursor look_from(const uint64_t *words, unsigned int at)
{
	struct cursor cursor = { .words = words, .number = at / 64 };

	if (at < SLOT_UNITS)
		cursor.word = words[at / 64] & (UINT64_MAX << (at % 64));
	return cursor;
}

/*
 * Get the next free run. This dominates the time of the pool, so it is a single pass:
 * adding the lowest set bit to a word carries through the run to the bit after it.
 */
static inline bool next_run(struct cursor *cursor, unsigned int *start, unsigned int *end)
{
	uint64_t word = cursor->word, sum;

	while (!word) {
		if (cursor->number >= SLOT_WORDS - 1)
			return false;
		word = cursor->words[++cursor->number];
	}
	*start = cursor->number * 64 + __builtin_ctzll(word);
	if (!__builtin_add_overflow(word, word & -word, &sum)) {
		*end = cursor->number * 64 + __builtin_ctzll(sum);
		cursor->word = word & sum;
		return true;
	}
	do {
		if (++cursor->number == SLOT_WORDS) {
			*end = SLOT_UNITS;
			cursor->word = 0;
			return true;
		}
		word = cursor->words[cursor->number];
	} while (word == UINT64_MAX);
	*end = cursor->number * 64 + __builtin_ctzll(~word);
	cursor->word = word & (word + 1);
	return true;
}

/*
 * Return the first suitable unit of a slot; or SLOT_UNITS, and an upper bound for the
 * length of free runs in *@longest.
 */
static unsigned int fit(struct heap_slot *slot, unsigned int units, unsigned int alignment,
			unsigned int *longest)
{
	unsigned int length = length_of(units), least = least_of(length), start, end, at;
	struct cursor cursor = look_from(slot->free, slot->from[length]);
	unsigned int from = SLOT_UNITS, most = least - 1;

	*longest = 0;
	while (next_run(&cursor, &start, &end)) {
		if (end - start < least)
			continue;
		if (from == SLOT_UNITS)
			from = start;
		at = ndshm__round_up(start, alignment);
		if (at + units <= end) {
			slot->from[length] = from;
			return at;
		}
		if (end - start > most)
			most = end - start;
	}
	slot->from[length] = from;
	*longest = most;
	return SLOT_UNITS;
}

/* Update the bounds of a slot for a new free run. */
static void note(struct ndshm_heap *heap, uint64_t number, unsigned int start, unsigned int units)
{
	struct heap_slot *slot = &heap->pool.slots[number];

	for (unsigned int i = 0; i <= length_of(units); i++)
		if (slot->from[i] > start)
			slot->from[i] = start;
	if (units > heap->pool.longest[heap->pool.leaves + number])
		set_longest(&heap->pool, number, units);
}

static uint64_t find(const struct heap_pool *pool, unsigned int units, unsigned int alignment)
{
	uint64_t slot = find_slot(pool, 0, units);

	while (slot != NOWHERE) {
		unsigned int longest;
		unsigned int at = fit(&pool->slots[slot], units, alignment, &longest);

		if (at < SLOT_UNITS)
			return (slot << SLOT_SHIFT) + ((uint64_t)at << UNIT_SHIFT);
		set_longest(pool, slot, longest);
		slot = find_slot(pool, slot + 1, units);
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
	mark(slot_at(&heap->pool, offset)->free, unit_of(offset), length >> UNIT_SHIFT, true);
	/*
	 * The new run may merge with its neighbours: reset the bounds for the whole slot.
	 */
	note(heap, offset >> SLOT_SHIFT, 0, SLOT_UNITS);
	heap->core->pool.held_units += length >> UNIT_SHIFT;
	ndshm__cache_set_share(heap);
	return 0;
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
	/* Other threads may have freed memory meanwhile, so that it is never used. */
	if (!error)
		ndshm__bits_add(&heap->empty, offset >> PAGE_SHIFT);
	return error;
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
	mark(slot_at(&heap->pool, offset)->free, unit_of(offset), units, false);
	state->used_units += units;
	if (state->most < state->used_units)
		state->most = state->used_units;
	return offset;
}

static bool is_empty(const struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT, bytes = ndshm__extent_bytes(heap, page);
	const uint64_t *words = slot_at(&heap->pool, offset)->free;
	unsigned int at = unit_of(offset);

	/* The extent in @empty may have been freed, and its page be part of another. */
	if (!bytes || ndshm__extent_owner(heap, page) != EXTENT_POOL)
		return false;
	return next_clear(words, at) >= at + (bytes >> UNIT_SHIFT);
}

/*
 * Free an extent of the pool, which keeps it if the source fails. Called with the lock held,
 * which is released meanwhile.
 */
static void give_back(struct ndshm_heap *heap, uint64_t page)
{
	uint64_t offset = page << PAGE_SHIFT, bytes = ndshm__extent_bytes(heap, page);
	int error;

	/*
	 * Remove it first: once the source has freed it, another thread may get the same
	 * extent.
	 */
	ndshm__extent_remove(heap, page);
	mark(slot_at(&heap->pool, offset)->free, unit_of(offset), bytes >> UNIT_SHIFT, false);
	heap->core->pool.held_units -= bytes >> UNIT_SHIFT;
	ndshm__heap_unlock(heap);
	/* All states in the extent are 0: free their pages, too. */
	if (bytes >> GRANULE_SHIFT >= PAGE_BYTES)
		ndshm__memory_clear(&heap->state[offset >> GRANULE_SHIFT], bytes >> GRANULE_SHIFT);
	error = ndshm__extent_free(heap, page);
	ndshm__heap_lock(heap);
	if (error)
		add(heap, offset, bytes);
}

/*
 * Free empty extents, the highest first, until at most @units are free in the pool. Called
 * with the lock held, which is released meanwhile.
 */
static void give_back_to(struct ndshm_heap *heap, uint64_t units)
{
	const struct heap_pool_state *state = &heap->core->pool;

	while (state->held_units - state->used_units > units) {
		uint64_t page = ndshm__bits_last(&heap->empty, (heap->max_size >> PAGE_SHIFT) - 1);

		if (page == NOWHERE)
			return;
		ndshm__bits_remove(&heap->empty, page);
		/* The extent may be in use again. */
		if (is_empty(heap, page))
			give_back(heap, page);
	}
}

void ndshm__pool_trim(struct ndshm_heap *heap)
{
	give_back_to(heap, 0);
}

/* Number of frees between two computations of the line, and of the most units used. */
#define TIDE_CALLS	512
/* Maximum number of extents visited by one. */
#define TIDE_STEPS	1024

/* Amount of free memory in a large heap that is tolerated. */
static uint64_t slack(uint64_t used)
{
	return used / 16 + 3 * SLOT_UNITS;
}

/*
 * Amount of free memory to keep: as much as is or was in use lately, as the next allocation then
 * needs no extent; none if nothing is allocated.
 */
static uint64_t enough(const struct ndshm_heap *heap)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t used = state->used_units;
	uint64_t most = state->most > state->most_before ? state->most : state->most_before;
	uint64_t units = most > KEPT_UNITS ? most : KEPT_UNITS;

	if (!used)
		return 0;
	if (state->line != NOWHERE)
		return used / 16;
	return units < slack(used) ? units : slack(used);
}

/*
 * Compute the line: the memory below it is just enough for all that is allocated. Blocks
 * in caches from the line on are returned, which drains the extents there. NOWHERE if the
 * free memory is within slack(), as fragmentation causes: steady use must not be slowed
 * down.
 */
static uint64_t line(const struct ndshm_heap *heap)
{
	const struct heap_pool_state *state = &heap->core->pool;
	uint64_t used = state->used_units, held = state->held_units;
	uint64_t page = (heap->max_size >> PAGE_SHIFT) - 1, at = NOWHERE;

	if (held - used <= slack(used))
		return NOWHERE;
	for (unsigned int i = 0; i < TIDE_STEPS; i++, page--) {
		uint64_t units;

		page = ndshm__bits_last(&heap->starts, page);
		if (page == NOWHERE)
			break;
		units = ndshm__extent_bytes(heap, page) >> UNIT_SHIFT;
		if (ndshm__extent_owner(heap, page) == EXTENT_POOL) {
			if (held - units < used)
				break;
			held -= units;
			at = page << (PAGE_SHIFT - GRANULE_SHIFT);
		}
		if (!page)
			break;
	}
	return at;
}

static void draw_line(struct ndshm_heap *heap)
{
	struct heap_pool_state *state = &heap->core->pool;
	uint64_t at;

	if (++state->calls < TIDE_CALLS)
		return;
	state->calls = 0;
	state->most_before = state->most;
	state->most = state->used_units;
	at = line(heap);
	if (at == state->line)
		return;
	state->line = at;
	heap->core->tide++;
}

void ndshm__pool_free(struct ndshm_heap *heap, uint64_t offset, unsigned int units)
{
	struct heap_pool *pool = &heap->pool;
	uint64_t slot = offset >> SLOT_SHIFT, base = slot << SLOT_SHIFT, page;
	uint64_t *words = pool->slots[slot].free;
	unsigned int at = unit_of(offset), start, end;

	mark(words, at, units, true);
	heap->core->pool.used_units -= units;
	draw_line(heap);
	start = run_start(words, at);
	end = next_clear(words, at + units);
	note(heap, slot, start, end - start);

	/* Visit the extents of the freed range, from the highest down. */
	page = (offset + ((uint64_t)units << UNIT_SHIFT) - 1) >> PAGE_SHIFT;
	for (;;) {
		uint64_t first = ndshm__extent_find(heap, page), bytes;

		bytes = ndshm__extent_bytes(heap, first);
		if (first << PAGE_SHIFT >= base + ((uint64_t)start << UNIT_SHIFT) &&
		    (first << PAGE_SHIFT) + bytes <= base + ((uint64_t)end << UNIT_SHIFT))
			ndshm__bits_add(&heap->empty, first);
		if (first << PAGE_SHIFT <= offset)
			break;
		page = first - 1;
	}
}

void ndshm__pool_unlock(struct ndshm_heap *heap)
{
	give_back_to(heap, enough(heap));
	ndshm__heap_unlock(heap);
}
