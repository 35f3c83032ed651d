/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the heap's files.
 *
 * A block starts at a granule of 16 bytes. The state of this granule is the block's
 * class, or STATE_RUN or STATE_EXTENT, with STATE_LENT while it is lent (loan.c); it is 0 if
 * no live block starts there. Freeing exchanges the state for 0 unless the block is lent, so that
 * exactly one of several threads that free the same block succeeds.
 *
 *	state		source of a block			implemented by
 *	1 ... CLASSES	a thread's cache, filled from
 *			spans (small) or from the pool		heap_cache.c
 *	STATE_RUN	the pool, uncached			heap_run.c
 *	STATE_EXTENT	an extent of its own			heap_large.c
 *
 * Spans (heap_span.c) are chunks of one size with blocks of one class. Spans and runs are
 * allocated from the pool (heap_pool.c), which gets extents from the source. Allocation
 * always uses the lowest free address, so that extents at high addresses become empty.
 *
 * All memory that is ever modified is wiped in a child of fork(), but for @granules and @hook of
 * struct ndshm_heap. A wiped heap has no
 * blocks and is not attached, and a wiped lock is unlocked.
 */
#ifndef NDSHM_HEAP_INTERNAL_H
#define NDSHM_HEAP_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "heap.h"

#define PAGE_SHIFT	12			/* of the heap's tables, whatever the system's is */
#define PAGE_BYTES	(UINT64_C(1) << PAGE_SHIFT)
#define GRANULE_SHIFT	4
#define UNIT_SHIFT	10			/* unit of the pool */
#define UNIT_BYTES	(1ul << UNIT_SHIFT)
#define SLOT_SHIFT	21			/* chunk size of the module */
#define SLOT_BYTES	(1ul << SLOT_SHIFT)
#define SLOT_UNITS	(SLOT_BYTES / UNIT_BYTES)
#define SLOT_WORDS	(SLOT_UNITS / 64)
#define SLOT_GRANULES	(SLOT_BYTES >> GRANULE_SHIFT)

#define CLASSES		108			/* class numbers start at 1 */
#define CLASS_BYTES	(64ul << 10)		/* largest class */
#define SMALL_BYTES	(1ul << 10)		/* largest class with small spans */
#define SPAN_BYTES	(4ul << 10)		/* largest class with spans */
#define RUN_BYTES	(256ul << 10)		/* larger blocks have an extent each */

#define STATE_RUN	(CLASSES + 1)
#define STATE_EXTENT	(CLASSES + 2)
#define STATE_LENT	0x80u	/* added to the state of a block that another process frees */
#define STATES		256	/* all values */

_Static_assert(STATE_EXTENT < STATE_LENT, "states");

#define NOWHERE		UINT64_MAX

#define HIDDEN_TLS	__thread __attribute__((tls_model("initial-exec")))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* Spans have one of two sizes; classes without spans (SPAN_NONE) use runs of the pool. */
enum { SPAN_SMALL, SPAN_LARGE, SPAN_KINDS, SPAN_NONE = SPAN_KINDS };

/**
 * struct heap_class - blocks of one size
 * @size: in bytes
 * @reciprocal: of the size in granules, to replace divisions
 * @kind: of its spans
 * @blocks: number of blocks in a span
 * @cached: maximum number of blocks in one thread's cache
 * @contended: the same while the heap's lock is contended
 */
struct heap_class {
	uint32_t size;
	uint64_t reciprocal;
	uint32_t kind;
	uint32_t blocks;
	uint32_t cached;
	uint32_t contended;
};

/* heap_class.c */
void ndshm__class_set_up(struct ndshm_heap *heap);
/* Number of blocks that all bins of a cache can hold. */
size_t ndshm__class_cached(void);

/*
 * heap_bits.c: an ordered set of numbers. A set bit of each level means that a word of
 * the level below is not zero, so that every operation takes a few steps per level.
 */
#define BITS_LEVELS	7

struct heap_bits {
	unsigned int levels;
	uint64_t *level[BITS_LEVELS];
};

/*
 * Set the addresses within @memory; NULL to compute the size only. Returns the size in
 * bytes.
 */
size_t ndshm__bits_set_up(struct heap_bits *bits, uint64_t count, char *memory);
void ndshm__bits_add(const struct heap_bits *bits, uint64_t number);
void ndshm__bits_remove(const struct heap_bits *bits, uint64_t number);
/* Return the least number, or the greatest below @limit; NOWHERE if there is none. */
uint64_t ndshm__bits_first(const struct heap_bits *bits);
uint64_t ndshm__bits_below(const struct heap_bits *bits, uint64_t limit);

/**
 * struct heap_pool - tables of the pool
 * @leaves: number of words of @free, rounded up to a power of two
 * @free: a bit for each unit of the section, set if the unit is free
 * @longest: binary tree; the children of node i are 2i and 2i + 1, the leaves are the
 *	words of @free. An upper bound for the length of free runs that start below the node.
 *	Taking units does not reduce it; a search that finds no place in a word does.
 */
struct heap_pool {
	uint64_t leaves;
	uint64_t *free;
	uint16_t *longest;
};

/**
 * struct heap_spans - spans of one kind
 * @shift: log2 of the size of a span
 * @span_bytes: size of a struct heap_span in bytes
 * @spans: by number
 */
struct heap_spans {
	unsigned int shift;
	unsigned int span_bytes;
	char *spans;
};

/**
 * struct heap_pool_state - state of the pool besides its tables
 * @held_units: units in its extents
 * @used_units: allocated units of these
 * @drain_from: caches keep no blocks from this granule on, so that the extents there drain;
 *	NOWHERE: none drain, as after the heap was attached
 * @calls: number of calls in this period, see PERIOD_CALLS
 * @most: greatest @used_units in this period
 * @most_before: the same of the period before
 * @delayed: number of calls that could free the only empty extent
 * @wanted_units: parameters of the last allocation that returned POOL_EMPTY: ndshm__pool_grow(),
 *	before which the lock is not released, is called by functions that do not know them
 * @wanted_alignment: see @wanted_units
 */
struct heap_pool_state {
	uint64_t held_units;
	uint64_t used_units;
	uint64_t drain_from;
	unsigned int calls;
	uint64_t most;
	uint64_t most_before;
	unsigned int delayed;
	unsigned int wanted_units;
	unsigned int wanted_alignment;
};

#define KEPT_MOST	16

/**
 * struct heap_kept - extents of freed large blocks, for the next ones
 * @bytes: of all
 * @count: their number
 * @freeing: number of those that the source is about to free
 * @pages: their first pages, the oldest first
 */
struct heap_kept {
	uint64_t bytes;
	unsigned int count;
	unsigned int freeing;
	uint64_t pages[KEPT_MOST];
};

/**
 * struct heap_core - state that is wiped, besides the tables; protected by @lock
 * @growing: held by the thread that gets an extent for the pool; taken before @lock
 * @attached: attached to the section
 * @caches: caches of all threads
 * @cache_count: their number
 * @holders: number of holders of the section when this one last allocated an extent; not
 *	protected by @lock
 * @share: maximum of @used of each
 * @next: next heap of this process, attached as this one; protected by the registry's
 *	lock, as is @before
 * @before: pointer that points to this heap
 * @revision: number of changes of the pool's drain_from and of @share
 * @extents: number of extents, of the pool and of large blocks
 * @held_bytes: bytes of these
 * @phase: 0 or 1, changes with each wait for the extents that leave
 * @returning: by the phase of their start, number of extents that threads return to the source
 * @arrived: signalled when @returning is reduced
 * @out: number of blocks of each class that are live or cached
 * @other_blocks: number of live blocks without a class
 * @other_bytes: bytes of these
 */
struct heap_core {
	pthread_mutex_t lock;
	pthread_mutex_t growing;
	bool attached;
	struct heap_cache *caches;
	unsigned int cache_count;
	atomic_uint holders;
	uint64_t share;
	struct ndshm_heap *next;
	struct ndshm_heap **before;
	uint64_t revision;
	struct heap_pool_state pool;
	struct heap_kept kept;
	uint64_t extents;
	uint64_t held_bytes;
	unsigned int phase;
	uint64_t returning[2];
	pthread_cond_t arrived;
	uint64_t other_blocks;
	uint64_t other_bytes;
	uint64_t out[CLASSES + 1];
};

#define TABLES		6

/**
 * struct heap_table - table with entries for each slot of the section
 * @start: its address
 * @entry: bytes for each slot
 */
struct heap_table {
	char *start;
	size_t entry;
};

/**
 * struct ndshm_heap - state that a child inherits; only @granules changes
 * @base: address of the section
 * @granules: number of granules from the start of the section that have tables; grows
 * @state: state of each granule
 * @page_bytes: bytes of the system's page: extents and tables have whole ones
 * @class_of: class of a size, by the number of its last granule
 * @memory: all memory that is wiped: @core and the tables
 * @tables: those that do not always exist for the whole section
 * @starts: set of the first pages of extents
 * @empty: subset of these: extents of the pool that were empty, some of which are in use again
 * @extent_words: by first page, number of pages and owner of an extent
 * @run_pages: by first page, number of pages of a run
 * @partial: by class, set of spans with free blocks
 */
struct ndshm_heap {
	char *base;
	_Atomic uint64_t granules;
	atomic_uchar *state;
	uint64_t max_size;
	uint64_t page_bytes;
	const struct ndshm_extent_source *source;
	void *source_context;
	struct heap_core *core;
	char *memory;
	size_t memory_bytes;
	struct heap_table tables[TABLES];
	struct heap_bits starts;
	struct heap_bits empty;
	uint32_t *extent_words;
	uint32_t *run_pages;
	struct heap_pool pool;
	struct heap_spans spans[SPAN_KINDS];
	struct heap_bits partial[CLASSES + 1];
	struct heap_class classes[CLASSES + 1];
	uint8_t class_of[CLASS_BYTES >> GRANULE_SHIFT];
};

/*
 * heap_table.c: map @heap->memory and set the addresses of all tables. Returns 0 or
 * -ENOMEM.
 */
int ndshm__table_map(struct ndshm_heap *heap);
/*
 * Make tables for the first @bytes of the section, at least. Returns 0 or -ENOMEM. Called with
 * the lock held.
 */
int ndshm__table_reach(struct ndshm_heap *heap, uint64_t bytes);

static inline uint64_t ndshm__table_granules(const struct ndshm_heap *heap)
{
	return atomic_load_explicit(&heap->granules, memory_order_relaxed);
}

/* heap.c */
bool ndshm__heap_lock_contended(struct ndshm_heap *heap);

/*
 * Returns true if another thread held the lock. It is held for a short time, with system calls
 * only where the heap grows or is purged: a thread spins before it sleeps.
 */
static inline bool ndshm__heap_lock(struct ndshm_heap *heap)
{
	return pthread_mutex_trylock(&heap->core->lock) && ndshm__heap_lock_contended(heap);
}

static inline void ndshm__heap_unlock(struct ndshm_heap *heap)
{
	pthread_mutex_unlock(&heap->core->lock);
}

/*
 * Lock the heap and attach it if this is the child's first call. Not locked on failure.
 * *@contended is true if another thread held the lock.
 */
int ndshm__heap_enter(struct ndshm_heap *heap, bool *contended);

/* The source has no memory. */
static inline bool ndshm__is_short(int error)
{
	return error == -ENOMEM || error == -ENOSPC;
}

static inline bool ndshm__is_power(uint64_t number)
{
	return number && !(number & (number - 1));
}

static inline uint64_t ndshm__round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) & ~(to - 1);
}

/*
 * heap_extent.c. The owner of an extent is the pool, its first block since the source
 * zeroed it, or a later block; the last block of a kept extent is its owner. An extent is
 * identified by its first page. All functions but alloc require the lock.
 */
enum { EXTENT_POOL, EXTENT_BLOCK, EXTENT_REUSED };

int ndshm__extent_alloc(struct ndshm_heap *heap, uint64_t length, uint64_t alignment,
			uint64_t *offset);
/* Remove an extent and return it to the source. The lock is released meanwhile. */
int ndshm__extent_free(struct ndshm_heap *heap, uint64_t page);
/* Wait for the extents that other threads return to the source now. One thread at a time. */
void ndshm__extent_wait(struct ndshm_heap *heap);
int ndshm__extent_add(struct ndshm_heap *heap, uint64_t offset, uint64_t length,
		      unsigned int owner);
/*
 * If @error of ndshm__extent_add() is -ENOMEM, return the range to the source; not after -EIO, as
 * that could free another extent. Returns @error.
 */
int ndshm__extent_added(struct ndshm_heap *heap, uint64_t offset, int error);
/* Return the extent that contains this page, or NOWHERE. */
uint64_t ndshm__extent_find(const struct ndshm_heap *heap, uint64_t page);
uint64_t ndshm__extent_bytes(const struct ndshm_heap *heap, uint64_t page);
void ndshm__extent_set_owner(struct ndshm_heap *heap, uint64_t page, unsigned int owner);
unsigned int ndshm__extent_owner(const struct ndshm_heap *heap, uint64_t page);

/*
 * heap_large.c: blocks with an extent each. Called without the lock. Returns a granule,
 * or NOWHERE with -errno in *@error.
 */
uint64_t ndshm__large_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size,
			    int *error);
int ndshm__large_free(struct ndshm_heap *heap, uint64_t granule);
uint64_t ndshm__large_size(const struct ndshm_heap *heap, uint64_t granule);
/* Return true if a new block reads as zero. */
bool ndshm__large_is_zero(const struct ndshm_heap *heap, uint64_t granule);
/* Free the extents that are kept. Called with the lock held, which is released meanwhile. */
void ndshm__large_trim(struct ndshm_heap *heap);

/*
 * heap_pool.c: runs of units. Called with the lock held. @alignment is in units, a power of two of
 * at most RUN_BYTES / UNIT_BYTES. Returns an offset, or NOWHERE with POOL_EMPTY in *@error: the caller may retry
 * after ndshm__pool_grow().
 *
 * If @count is not NULL, allocates up to *@count runs in a row, within a slot, and stores their
 * number there. Only the first is aligned.
 */
#define POOL_EMPTY	1

uint64_t ndshm__pool_alloc(struct ndshm_heap *heap, unsigned int units, unsigned int alignment,
			   unsigned int *count, int *error);
/* @units can be those of several allocations in a row, within a slot. */
void ndshm__pool_free(struct ndshm_heap *heap, uint64_t offset, unsigned int units);
/*
 * Get an extent for the allocation that has just failed, unless there is room now. Returns 0 or
 * -errno. Called with the lock held, which is released meanwhile: the thread's cache may have changed.
 */
int ndshm__pool_grow(struct ndshm_heap *heap);
/* Unlock after frees: frees extents that are not needed any more. */
void ndshm__pool_unlock(struct ndshm_heap *heap);
/* Free all empty extents; otherwise as ndshm__large_trim(). */
void ndshm__pool_trim(struct ndshm_heap *heap);

/*
 * heap_span.c. Called with the lock held. Takes up to @want blocks and returns their
 * number, or 0 with POOL_EMPTY in *@error.
 */
unsigned int ndshm__span_take(struct ndshm_heap *heap, unsigned int class, uint64_t *granules,
			      unsigned int want, int *error);
void ndshm__span_give(struct ndshm_heap *heap, unsigned int class, uint64_t granule);

/*
 * heap_run.c: blocks of whole pages. Called without the lock. Returns a granule, or
 * NOWHERE with -errno in *@error.
 */
uint64_t ndshm__run_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size, int *error);
void ndshm__run_free(struct ndshm_heap *heap, uint64_t granule);
uint64_t ndshm__run_size(const struct ndshm_heap *heap, uint64_t granule);

/**
 * struct heap_cache - cache of one thread for one heap: a bin of free blocks for each class
 * @top: end of the blocks of a bin; written by the thread only, also read by statistics
 * @start: array of the granules of the blocks; used as a stack
 * @end: current limit of @top
 * @drain_from: copy of that of the pool
 * @heap: the heap; NULL after it was closed, and in a child of fork()
 * @thread_next: cache of the same thread for another heap
 * @next: cache of the same heap for another thread; protected by the heap's lock
 * @before: pointer that points to this cache
 * @busy: its thread is between ndshm__cache_begin() and ndshm__cache_end()
 * @revision: copy of that of the heap
 * @used: bytes of the blocks that fit in all bins
 * @denied: number of times that a bin could not be enlarged since bins were reduced
 * @burst: by class, number of blocks that refills of the bin have got since its last flush; or,
 *	negative, that flushes have returned since its last refill; at most BURST_LEAST
 * @granules: arrays of all bins
 *
 * Bins of states that are not a class have @start equal to @end, so they are always empty
 * and always full.
 */
struct heap_cache {
	_Atomic(uint64_t *) top[STATES];
	uint64_t *start[STATES];
	uint64_t *end[STATES];
	uint64_t drain_from;
	_Atomic(struct ndshm_heap *) heap;
	struct heap_cache *thread_next;
	struct heap_cache *next;
	struct heap_cache **before;
	atomic_bool busy;
	uint64_t revision;
	uint64_t used;
	unsigned int denied;
	int burst[CLASSES + 1];
	uint64_t granules[];
};

/* heap_cache.c. The cache that this thread has used last; never NULL. */
extern HIDDEN_TLS struct heap_cache *ndshm__cache __attribute__((visibility("hidden")));

int ndshm__cache_set_up(void);
/* Make this thread's cache for the heap the current one. Returns false if there is none. */
bool ndshm__cache_choose(const struct ndshm_heap *heap);
/*
 * Return a block of the class if the bin is empty or the thread has no cache, or NOWHERE
 * with -errno in *@error.
 */
uint64_t ndshm__cache_refill(struct ndshm_heap *heap, unsigned int class, int *error);
/* Free a block whose state is 0 already, if the bin is full or the thread has no cache. */
void ndshm__cache_flush(struct ndshm_heap *heap, unsigned int class, uint64_t granule);
/* The registry's lock; taken before a heap's. */
void ndshm__registry_lock(void);
void ndshm__registry_unlock(void);
/*
 * Add a heap to those of this process. Called with both locks held. ndshm__cache_close()
 * removes it.
 */
void ndshm__registry_add(struct ndshm_heap *heap);
/* Empty the cache of this thread. */
void ndshm__cache_drain(struct ndshm_heap *heap);
/* Empty all caches and detach them from the heap. */
void ndshm__cache_close(struct ndshm_heap *heap);
/* Compute @heap->core->share. Called with the lock held. */
void ndshm__cache_set_share(struct ndshm_heap *heap);
/* Count cached blocks. Called with the lock held. */
uint64_t ndshm__cache_count(const struct ndshm_heap *heap, unsigned int class);

static inline bool ndshm__cache_is_of(const struct heap_cache *cache,
				      const struct ndshm_heap *heap)
{
	return atomic_load_explicit(&cache->heap, memory_order_relaxed) == heap;
}

/*
 * The same if the current cache is of another heap. Returns true if it was: an operation on the
 * bins may succeed now.
 */
static inline bool ndshm__cache_switch(const struct ndshm_heap *heap)
{
	return unlikely(!ndshm__cache_is_of(ndshm__cache, heap)) && ndshm__cache_choose(heap);
}

/*
 * A thread uses its bins without a lock between begin and end, and only if begin returns
 * true. A purge sets @cache->heap to another value, executes a barrier in all
 * threads, and then empties the caches that are not busy: their threads have not seen the
 * old value, or have ended.
 */
static inline bool ndshm__cache_begin(struct heap_cache *cache, const struct ndshm_heap *heap)
{
	atomic_store_explicit(&cache->busy, true, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	return ndshm__cache_is_of(cache, heap);
}

static inline void ndshm__cache_end(struct heap_cache *cache)
{
	atomic_store_explicit(&cache->busy, false, memory_order_release);
}

static inline uint64_t *ndshm__cache_top(const struct heap_cache *cache, size_t class)
{
	return atomic_load_explicit(&cache->top[class], memory_order_relaxed);
}

static inline void ndshm__cache_set_top(struct heap_cache *cache, size_t class, uint64_t *top)
{
	atomic_store_explicit(&cache->top[class], top, memory_order_relaxed);
}

static inline void *ndshm__pointer_to(const struct ndshm_heap *heap, uint64_t granule)
{
	return heap->base + (granule << GRANULE_SHIFT);
}

/*
 * Return the granule of a pointer. Rotates the offset, so that unaligned pointers give a
 * number above all granules, as do pointers outside the section.
 */
static inline uint64_t ndshm__granule_of(const struct ndshm_heap *heap, const void *pointer)
{
	uint64_t offset = (uintptr_t)pointer - (uintptr_t)heap->base;

	return offset >> GRANULE_SHIFT | offset << (64 - GRANULE_SHIFT);
}

static inline void *ndshm__hand_out(struct ndshm_heap *heap, unsigned int class, uint64_t granule)
{
	atomic_store_explicit(&heap->state[granule], class, memory_order_relaxed);
	return ndshm__pointer_to(heap, granule);
}

/* Allocate a block from this thread's cache. Returns false if the cache has none. */
static inline bool ndshm__cache_alloc(struct ndshm_heap *heap, size_t size, void **out)
{
	struct heap_cache *cache = ndshm__cache;
	uint64_t *top, granule;
	size_t class;

	if (unlikely(size - 1 >= CLASS_BYTES))
		return false;
	class = heap->class_of[(size - 1) >> GRANULE_SHIFT];
	if (unlikely(!ndshm__cache_begin(cache, heap)))
		goto none;
	top = ndshm__cache_top(cache, class);
	if (unlikely(top == cache->start[class]))
		goto none;
	ndshm__cache_set_top(cache, class, --top);
	granule = *top;
	ndshm__cache_end(cache);
	*out = ndshm__hand_out(heap, class, granule);
	return true;
none:
	ndshm__cache_end(cache);
	return false;
}

/* heap.c: the rest of ndshm__heap_free(). @state was exchanged for 0, unless it is lent. */
int ndshm__heap_free_rest(struct ndshm_heap *heap, void *pointer, uint64_t granule,
			  size_t state);

/*
 * For loan.c. Lend a live block: returns 0, -EINVAL, or HEAP_LENT if it is lent already. Recall
 * or free a block that is lent.
 */
#define HEAP_LENT	(-EDEADLK)	/* also returned when a lent block is freed */

int ndshm__heap_lend(struct ndshm_heap *heap, uint64_t granule);
void ndshm__heap_recall(struct ndshm_heap *heap, uint64_t granule);
void ndshm__heap_return(struct ndshm_heap *heap, uint64_t granule);

/* Put a block whose state is 0 into this thread's cache. Returns false if it takes none. */
static inline bool ndshm__cache_put(const struct ndshm_heap *heap, size_t state,
				    uint64_t granule)
{
	struct heap_cache *cache = ndshm__cache;
	uint64_t *top;

	if (unlikely(!ndshm__cache_begin(cache, heap)))
		goto none;
	top = ndshm__cache_top(cache, state);
	/* Bins of states that are not a class are always full. */
	if (unlikely(top == cache->end[state] || granule >= cache->drain_from))
		goto none;
	*top = granule;
	ndshm__cache_set_top(cache, state, top + 1);
	ndshm__cache_end(cache);
	return true;
none:
	ndshm__cache_end(cache);
	return false;
}

/*
 * Free the block at @granule, of any number, into this thread's cache. Returns false if the cache
 * does not take it, or there is no block: ndshm__heap_free_rest() is called with *@state then.
 */
static inline bool ndshm__cache_free(struct ndshm_heap *heap, uint64_t granule,
				     size_t *state)
{
	*state = 0;
	if (unlikely(granule >= ndshm__table_granules(heap)))
		return false;
	/* Not by the exchange: other threads would find no block for a moment. */
	*state = atomic_load_explicit(&heap->state[granule], memory_order_relaxed);
	if (unlikely(*state & STATE_LENT))
		return false;
	*state = atomic_exchange_explicit(&heap->state[granule], 0, memory_order_acq_rel);
	if (likely(ndshm__cache_put(heap, *state, granule)))
		return true;
	/* It was lent in between. */
	if (*state & STATE_LENT)
		atomic_store_explicit(&heap->state[granule], *state, memory_order_relaxed);
	return false;
}


#endif /* NDSHM_HEAP_INTERNAL_H */
