/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the heap's files know of each other.
 *
 * A block starts at a granule, and the granule's state says that it does: 0 if
 * no live block starts there, else its class, or STATE_RUN or STATE_EXTENT.
 * Freeing exchanges the state for 0: of any number of threads that try, one
 * sees a block, and has it.
 *
 *	state		where a block comes from		kept by
 *	1 ... CLASSES	a thread's cache, which is filled
 *			from spans (small) or from the pool	heap_cache.c
 *	STATE_RUN	the pool, without cache			heap_run.c
 *	STATE_EXTENT	an extent of its own			heap_large.c
 *
 * Spans (heap_span.c) are pieces of one size with blocks of one class. They and
 * the runs are cut from the pool (heap_pool.c), which has its extents from the
 * source. Always the lowest place is taken, so that what is up high drains.
 *
 * All memory that changes is wiped in a child of fork(). A wiped heap is one
 * that has no blocks and is not attached, and a wiped lock is free.
 */
#ifndef NDSHM_HEAP_INTERNAL_H
#define NDSHM_HEAP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "heap.h"

#define PAGE_SHIFT	12
#define PAGE_BYTES	(1ul << PAGE_SHIFT)
#define GRANULE_SHIFT	4
#define UNIT_SHIFT	10			/* the pool's measure */
#define UNIT_BYTES	(1ul << UNIT_SHIFT)
#define SLOT_SHIFT	21			/* the kernel's measure */
#define SLOT_BYTES	(1ul << SLOT_SHIFT)
#define SLOT_UNITS	(SLOT_BYTES / UNIT_BYTES)
#define SLOT_WORDS	(SLOT_UNITS / 64)

#define CLASSES		NDSHM_HEAP_CLASSES	/* from 1 on */
#define CLASS_BYTES	(64ul << 10)		/* of the last class */
#define SMALL_BYTES	(1ul << 10)		/* of the last class with small spans */
#define SPAN_BYTES	(4ul << 10)		/* of the last class that has spans */
#define RUN_BYTES	(256ul << 10)		/* more is an extent of its own */

#define STATE_RUN	(CLASSES + 1)
#define STATE_EXTENT	(CLASSES + 2)
#define STATES		(CLASSES + 3)

#define NOWHERE		UINT64_MAX

#define HIDDEN_TLS	__thread __attribute__((tls_model("initial-exec")))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

/* Spans are of two sizes; blocks without any are runs. */
enum { SPAN_SMALL, SPAN_LARGE, SPAN_KINDS, SPAN_NONE = SPAN_KINDS };

/**
 * struct heap_class - blocks of one size
 * @size: in bytes
 * @reciprocal: of the size in granules, so that nothing divides
 * @kind: of its spans
 * @blocks: in a span
 * @cached: at most, in one thread's cache
 */
struct heap_class {
	uint32_t size;
	uint64_t reciprocal;
	uint32_t kind;
	uint32_t blocks;
	uint32_t cached;
};

/* heap_class.c */
void ndshm__class_set_up(struct ndshm_heap *heap);
/* Blocks in the bins of one cache. */
size_t ndshm__class_cached(void);

/* heap_memory.c: address space that costs nothing until it is used; wiped in a child. */
void *ndshm__memory_map(size_t bytes);
void ndshm__memory_unmap(void *memory, size_t bytes);
/* Zero it, and give back what it took. */
void ndshm__memory_clear(void *memory, size_t bytes);

/*
 * heap_bits.c: a set of numbers. A word of each level says which words of the
 * level below are not zero, so that all takes a step or two a level.
 */
#define BITS_LEVELS	7

struct heap_bits {
	unsigned int levels;
	uint64_t *level[BITS_LEVELS];
};

/* Where in @memory the set is, which may be NULL to learn how long it will be. */
size_t ndshm__bits_set_up(struct heap_bits *bits, uint64_t count, char *memory);
void ndshm__bits_add(const struct heap_bits *bits, uint64_t number);
void ndshm__bits_remove(const struct heap_bits *bits, uint64_t number);
uint64_t ndshm__bits_first(const struct heap_bits *bits);	/* or NOWHERE */
uint64_t ndshm__bits_last(const struct heap_bits *bits, uint64_t up_to);

#define LENGTHS		11

/**
 * struct heap_slot - the units of 2 MiB that the pool has free
 * @free: a bit for each
 * @from: by length, no run of that or more starts below here
 */
struct heap_slot {
	uint64_t free[SLOT_WORDS];
	uint16_t from[LENGTHS];
};

/**
 * struct heap_pool - where the parts of the pool are
 * @leaves: slots, rounded to a power of two
 * @slots: by number
 * @longest: a tree; node i's children are 2i and 2i + 1, and the slots its
 *	leaves. The longest run that may be free there; a slot that has been
 *	allocated from may have less than it says.
 */
struct heap_pool {
	uint64_t leaves;
	struct heap_slot *slots;
	uint16_t *longest;
};

/**
 * struct heap_spans - the spans of one kind
 * @shift: of their size
 * @stride: bytes of the description of one
 * @spans: by number
 */
struct heap_spans {
	unsigned int shift;
	unsigned int stride;
	char *spans;
};

/**
 * struct heap_pool_state - the part of the pool that is wiped
 * @held_units: in its extents
 * @used_units: of these
 * @line: a granule: what is from there on is to drain, so no cache keeps it
 * @calls: since @line was drawn
 */
struct heap_pool_state {
	uint64_t held_units;
	uint64_t used_units;
	uint64_t line;
	unsigned int calls;
};

/**
 * struct heap_core - what is wiped, but for the tables; all under @lock
 * @attached: to the section
 * @caches: of all threads
 * @tide: how many lines were drawn in the pool
 * @out: blocks of each class that are live or cached
 * @other_blocks: live, without a class
 * @other_bytes: of them
 */
struct heap_core {
	pthread_mutex_t lock;
	bool attached;
	struct heap_cache *caches;
	uint64_t tide;
	struct heap_pool_state pool;
	uint64_t extents;
	uint64_t held_bytes;
	uint64_t other_blocks;
	uint64_t other_bytes;
	uint64_t out[CLASSES + 1];
};

/**
 * struct ndshm_heap - what never changes, and a child inherits
 * @base: of the section
 * @granules: in the section
 * @state: of each granule
 * @class_of: by the number of the size's last granule
 * @memory: that is wiped, all of it: @core and the tables
 * @starts: the pages that extents start at
 * @empty: of these, the pool's that were empty once
 * @extent_words: by first page, its pages and its owner
 * @run_pages: by first page, how many a run has
 * @partial: by class, spans that have a block left
 */
struct ndshm_heap {
	char *base;
	uint64_t granules;
	atomic_uchar *state;
	uint64_t max_size;
	const struct ndshm_extent_source *source;
	void *source_context;
	ndshm_heap_hook hook;
	void *hook_context;
	struct heap_core *core;
	char *memory;
	size_t memory_bytes;
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

/* heap_table.c: everything that is in @heap->memory. 0 or -ENOMEM. */
int ndshm__table_map(struct ndshm_heap *heap);

/* heap.c */
static inline void ndshm__heap_lock(struct ndshm_heap *heap)
{
	pthread_mutex_lock(&heap->core->lock);
}

static inline void ndshm__heap_unlock(struct ndshm_heap *heap)
{
	pthread_mutex_unlock(&heap->core->lock);
}

/* Lock, and attach if this is a child's first. Not locked if it fails. */
int ndshm__heap_enter(struct ndshm_heap *heap);

static inline bool ndshm__is_power(uint64_t number)
{
	return number && !(number & (number - 1));
}

static inline uint64_t ndshm__round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) & ~(to - 1);
}

/*
 * heap_extent.c. @owner: the extent is the pool's, or a block. All but the calls of
 * the source with the lock held. An extent is known by its first page.
 */
enum { EXTENT_POOL, EXTENT_BLOCK };

int ndshm__extent_alloc(struct ndshm_heap *heap, uint64_t length, uint64_t alignment,
			uint64_t *offset);
int ndshm__extent_free(struct ndshm_heap *heap, uint64_t page);
int ndshm__extent_add(struct ndshm_heap *heap, uint64_t offset, uint64_t length,
		      unsigned int owner);
void ndshm__extent_remove(struct ndshm_heap *heap, uint64_t page);
/* The one that has this page, or NOWHERE. */
uint64_t ndshm__extent_find(const struct ndshm_heap *heap, uint64_t page);
uint64_t ndshm__extent_bytes(const struct ndshm_heap *heap, uint64_t page);
unsigned int ndshm__extent_owner(const struct ndshm_heap *heap, uint64_t page);

/*
 * heap_large.c: blocks with an extent of their own; without the lock. Granule, or
 * NOWHERE and -errno.
 */
uint64_t ndshm__large_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size,
			    int *error);
int ndshm__large_free(struct ndshm_heap *heap, uint64_t granule);
uint64_t ndshm__large_size(const struct ndshm_heap *heap, uint64_t granule);

/* heap_pool.c; with the lock held. Runs of units; offset, or NOWHERE and -errno. */
uint64_t ndshm__pool_alloc(struct ndshm_heap *heap, unsigned int units, unsigned int alignment,
			   int *error);
void ndshm__pool_free(struct ndshm_heap *heap, uint64_t offset, unsigned int units);
/* Give all empty extents back. */
void ndshm__pool_trim(struct ndshm_heap *heap);

/* heap_span.c; with the lock held. Up to @want blocks; how many, or 0 and -errno. */
unsigned int ndshm__span_take(struct ndshm_heap *heap, unsigned int class, uint64_t *granules,
			      unsigned int want, int *error);
void ndshm__span_give(struct ndshm_heap *heap, unsigned int class, uint64_t granule);

/* heap_run.c: without the lock. Whole pages; granule, or NOWHERE and -errno. */
uint64_t ndshm__run_alloc(struct ndshm_heap *heap, uint64_t alignment, uint64_t size, int *error);
void ndshm__run_free(struct ndshm_heap *heap, uint64_t granule);
uint64_t ndshm__run_size(const struct ndshm_heap *heap, uint64_t granule);

/**
 * struct heap_bin - blocks of one class that a thread has free
 * @top: behind the last; written by the thread alone, and read by statistics
 * @start: the granules at which they start; the last in is the first out
 * @end: behind the last that there is room for now
 * @line: as of the pool, when this thread last looked
 *
 * Those of states that are no class have no room, and so never a block.
 */
struct heap_bin {
	_Atomic(uint64_t *) top;
	uint64_t *start;
	uint64_t *end;
	uint64_t line;
} __attribute__((aligned(32)));

/**
 * struct heap_cache - of one thread, for one heap
 * @bins: by state, and first, as that saves an addition or two each time
 * @heap: whose it is; NULL after that was closed, and in a child of fork()
 * @thread_next: the same thread's, for another heap
 * @next: the same heap's, of another thread; under the heap's lock
 * @before: what points to this one
 * @tide: as of the heap, when this thread last looked
 * @ebb: memory was to go back then
 * @granules: of all bins
 */
struct heap_cache {
	struct heap_bin bins[STATES];
	_Atomic(struct ndshm_heap *) heap;
	struct heap_cache *thread_next;
	struct heap_cache *next;
	struct heap_cache **before;
	uint64_t tide;
	bool ebb;
	uint64_t granules[];
};

/* heap_cache.c. The one that this thread used last; never NULL. */
extern HIDDEN_TLS struct heap_cache *ndshm__cache __attribute__((visibility("hidden")));

int ndshm__cache_set_up(void);
/* A block of that class, when the bin is empty or not there; NOWHERE and -errno. */
uint64_t ndshm__cache_refill(struct ndshm_heap *heap, unsigned int class, int *error);
/* Take a block that is not live any more, when the bin is full or not there. */
void ndshm__cache_flush(struct ndshm_heap *heap, unsigned int class, uint64_t granule);
/* Empty this thread's. */
void ndshm__cache_drain(struct ndshm_heap *heap);
/* Empty all, and have them forget the heap. */
void ndshm__cache_close(struct ndshm_heap *heap);
/* With the lock held. */
uint64_t ndshm__cache_count(const struct ndshm_heap *heap, unsigned int class);

static inline bool ndshm__cache_is_of(const struct heap_cache *cache,
				      const struct ndshm_heap *heap)
{
	return atomic_load_explicit(&cache->heap, memory_order_relaxed) == heap;
}

static inline uint64_t *ndshm__bin_top(const struct heap_bin *bin)
{
	return atomic_load_explicit(&bin->top, memory_order_relaxed);
}

static inline void ndshm__bin_set_top(struct heap_bin *bin, uint64_t *top)
{
	atomic_store_explicit(&bin->top, top, memory_order_relaxed);
}

/* heap_misuse.c: say what it was. -EINVAL. */
int ndshm__misuse(struct ndshm_heap *heap, const void *pointer);

#endif /* NDSHM_HEAP_INTERNAL_H */
