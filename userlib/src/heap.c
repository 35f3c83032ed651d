// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Public interface of the heap.
 *
 * Allocating and freeing from a thread's cache takes no lock and avoids contended cache
 * lines:
 *
 * - struct ndshm_heap is only read, except when its tables grow.
 * - A heap cache belongs to its thread and has pages of its own. Other threads read it for
 *   statistics, and empty it if memory is short.
 * - The states of 1 KiB of memory share a CPU cache line. Two threads write to the same
 *   line only if they have blocks within the same KiB; a heap cache is filled with
 *   adjacent blocks, which makes that rare.
 *
 * Freeing uses an atomic exchange of the state, so that only one of two threads that free
 * the same block succeeds. It is cheap, because the line is rarely contended.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "heap_internal.h"
#include "pause.h"

struct ndshm_heap ndshm__no_heap;

/* Called with the registry's lock and the heap's lock held. */
static void begin(struct ndshm_heap *heap)
{
	heap->core->attached = true;
	heap->core->pool.drain_from = NOWHERE;
	ndshm__registry_add(heap);
}

/* As ndshm__heap_enter(), if this may be the first call. */
static int attach(struct ndshm_heap *heap)
{
	int error = 0;

	ndshm__registry_lock();
	ndshm__heap_lock(heap);
	if (!heap->core->attached) {
		error = heap->source->attach(heap->source_context);
		if (!error)
			begin(heap);
	}
	ndshm__registry_unlock();
	if (error)
		ndshm__heap_unlock(heap);
	return error;
}

/* Attempts before a thread sleeps, and pauses between two: about 10 microseconds. */
#define LOCK_TRIES	16
#define LOCK_PAUSES	32

bool ndshm__heap_lock_contended(struct ndshm_heap *heap)
{
	for (unsigned int i = 0; i < LOCK_TRIES; i++) {
		for (unsigned int j = 0; j < LOCK_PAUSES; j++)
			ndshm__pause();
		if (!pthread_mutex_trylock(&heap->core->lock))
			return true;
	}
	pthread_mutex_lock(&heap->core->lock);
	return true;
}

int ndshm__heap_enter(struct ndshm_heap *heap, bool *contended)
{
	*contended = ndshm__heap_lock(heap);
	if (likely(heap->core->attached))
		return 0;
	ndshm__heap_unlock(heap);
	return attach(heap);
}

static void set_up_spans(struct ndshm_heap *heap)
{
	/*
	 * Small spans, as in a small section one span for each class would take all
	 * memory.
	 */
	bool small = heap->max_size < 8 << 20;
	/* Smallest size of each kind of span. */
	const size_t least[SPAN_KINDS] = { 16, SMALL_BYTES };

	heap->spans[SPAN_SMALL].shift = small ? 12 : 14;
	heap->spans[SPAN_LARGE].shift = small ? 14 : 15;
	for (unsigned int i = 0; i < SPAN_KINDS; i++) {
		size_t blocks = (1ul << heap->spans[i].shift) / least[i];

		heap->spans[i].span_bytes = 8 + ndshm__round_up(blocks, 64) / 8;
	}
}

/* The system's pages have 4 KiB or more, up to 64 KiB on arm64. */
static uint64_t page_bytes(void)
{
	const uint64_t bytes = sysconf(_SC_PAGESIZE);

	return bytes > PAGE_BYTES ? bytes : PAGE_BYTES;
}

int ndshm__heap_open(void *base, uint64_t max_size, const struct ndshm_extent_source *source,
		     void *context, struct ndshm_heap **out)
{
	const uint64_t page = page_bytes();
	struct ndshm_heap *heap;
	int error;

	*out = NULL;
	if (!base || (uintptr_t)base % NDSHM_HEAP_ALIGN_MAX || !max_size || max_size % page ||
	    max_size > UINTPTR_MAX - (uintptr_t)base)
		return -EINVAL;
	error = ndshm__cache_set_up();
	if (error)
		return error;
	heap = calloc(1, sizeof(*heap));
	if (!heap)
		return -ENOMEM;
	heap->base = base;
	heap->max_size = max_size;
	heap->page_bytes = page;
	heap->source = source;
	heap->source_context = context;
	set_up_spans(heap);
	ndshm__class_set_up(heap);
	error = ndshm__table_map(heap);
	if (error) {
		free(heap);
		return error;
	}
	pthread_mutex_init(&heap->core->lock, NULL);
	pthread_mutex_init(&heap->core->growing, NULL);
	ndshm__registry_lock();
	ndshm__heap_lock(heap);
	begin(heap);
	ndshm__heap_unlock(heap);
	ndshm__registry_unlock();
	*out = heap;
	return 0;
}

static void trim_reserves(struct ndshm_heap *heap)
{
	ndshm__heap_lock(heap);
	ndshm__large_trim(heap);
	ndshm__pool_trim(heap);
	ndshm__heap_unlock(heap);
}

void ndshm__heap_close(struct ndshm_heap *heap)
{
	if (!heap)
		return;
	ndshm__cache_close(heap);
	trim_reserves(heap);
	ndshm__memory_unmap(heap->memory, heap->memory_bytes);
	free(heap);
}

/* Where to look for memory that is allocated, but not in a block, in the order of cost. */
enum { OWN_CACHE, ALL_CACHES, RESERVES };

static void reclaim(struct ndshm_heap *heap, unsigned int reserve)
{
	if (reserve == ALL_CACHES) {
		ndshm__heap_trim(heap);
		return;
	}
	ndshm__cache_drain(heap);
	trim_reserves(heap);
}

static uint64_t alloc_run(struct ndshm_heap *heap, size_t alignment, size_t size, int *error)
{
	uint64_t granule = NOWHERE;
	int ret = -ENOMEM;

	if (size <= RUN_BYTES && alignment <= RUN_BYTES)
		granule = ndshm__run_alloc(heap, alignment, size, &ret);
	/* Too large for a run, or the pool cannot grow. */
	if (granule == NOWHERE && ndshm__is_short(ret))
		granule = ndshm__large_alloc(heap, alignment, size, &ret);
	if (granule == NOWHERE)
		*error = ret;
	return granule;
}

/* Looks for memory in the first @reserves places only. */
static __attribute__((noinline)) void *alloc_slow(struct ndshm_heap *heap, unsigned int class,
						  unsigned int reserves, int *error)
{
	uint64_t granule;
	void *memory;
	int ret = 0;

	if (ndshm__cache_switch(heap) &&
	    ndshm__cache_alloc(heap, heap->classes[class].size, &memory))
		return memory;
	granule = ndshm__cache_refill(heap, class, &ret);
	for (unsigned int i = 0; granule == NOWHERE && ndshm__is_short(ret) && i < reserves; i++) {
		reclaim(heap, i);
		granule = ndshm__cache_refill(heap, class, &ret);
	}
	if (likely(granule != NOWHERE))
		return ndshm__hand_out(heap, class, granule);
	/* Last resort for small blocks: an extent of one page. */
	if (ndshm__is_short(ret))
		granule = ndshm__large_alloc(heap, 1, heap->classes[class].size, &ret);
	if (granule != NOWHERE)
		return ndshm__pointer_to(heap, granule);
	*error = ret;
	return NULL;
}

/* The same for blocks without a class. */
static __attribute__((noinline)) void *alloc_large(struct ndshm_heap *heap, size_t alignment,
						   size_t size, unsigned int reserves, int *error)
{
	uint64_t granule;
	int ret = 0;

	if (!size || size > heap->max_size) {
		*error = size ? -ENOMEM : -EINVAL;
		return NULL;
	}
	granule = alloc_run(heap, alignment, size, &ret);
	for (unsigned int i = 0; granule == NOWHERE && ndshm__is_short(ret) && i < reserves; i++) {
		reclaim(heap, i);
		granule = alloc_run(heap, alignment, size, &ret);
	}
	if (granule != NOWHERE)
		return ndshm__pointer_to(heap, granule);
	*error = ret;
	return NULL;
}

static inline void *alloc(struct ndshm_heap *heap, size_t size, unsigned int reserves, int *error)
{
	void *memory;

	if (likely(ndshm__cache_alloc(heap, size, &memory)))
		return memory;
	if (unlikely(size - 1 >= CLASS_BYTES))
		return alloc_large(heap, 1, size, reserves, error);
	return alloc_slow(heap, heap->class_of[(size - 1) >> GRANULE_SHIFT], reserves, error);
}

void *ndshm__heap_alloc(struct ndshm_heap *heap, size_t size, int *error)
{
	return alloc(heap, size, RESERVES, error);
}

void *ndshm__heap_alloc_aligned(struct ndshm_heap *heap, size_t alignment, size_t size, int *error)
{
	size_t rounded;

	if (!ndshm__is_power(alignment) || alignment > NDSHM_HEAP_ALIGN_MAX || !size) {
		*error = -EINVAL;
		return NULL;
	}
	if (size > heap->max_size) {
		*error = -ENOMEM;
		return NULL;
	}
	/* Blocks of a class are aligned as their spans are, and runs as units. */
	rounded = ndshm__round_up(size, alignment);
	if (rounded <= (alignment <= UNIT_BYTES ? CLASS_BYTES : SPAN_BYTES) &&
	    alignment <= PAGE_BYTES)
		return ndshm__heap_alloc(heap, rounded, error);
	return alloc_large(heap, alignment, size, RESERVES, error);
}

/* Free a block that the cache does not take. @state is the block's previous state. */
int ndshm__heap_free_rest(struct ndshm_heap *heap, void *pointer, uint64_t granule,
			  size_t state)
{
	if (!state)
		return pointer ? -EINVAL : 0;
	if (state & STATE_LENT)
		return HEAP_LENT;
	if (state == STATE_EXTENT)
		return ndshm__large_free(heap, granule);
	if (state == STATE_RUN)
		ndshm__run_free(heap, granule);
	else if (!ndshm__cache_switch(heap) || !ndshm__cache_put(heap, state, granule))
		ndshm__cache_flush(heap, state, granule);
	return 0;
}

int ndshm__heap_free(struct ndshm_heap *heap, void *pointer)
{
	uint64_t granule = ndshm__granule_of(heap, pointer);
	size_t state;

	if (likely(ndshm__cache_free(heap, granule, &state)))
		return 0;
	return ndshm__heap_free_rest(heap, pointer, granule, state);
}

int ndshm__heap_lend(struct ndshm_heap *heap, uint64_t granule)
{
	unsigned char state;

	if (granule >= ndshm__table_granules(heap))
		return -EINVAL;
	state = atomic_load(&heap->state[granule]);
	do {
		if (!state)
			return -EINVAL;
		if (state & STATE_LENT)
			return HEAP_LENT;
	} while (!atomic_compare_exchange_weak(&heap->state[granule], &state, state | STATE_LENT));
	return 0;
}

/*
 * Exchange the state of a lent block for 0, and return it. It is 0 for a moment if the block was lent
 * while another thread was freeing it. Only one thread ends a loan.
 */
static unsigned int take_lent(struct ndshm_heap *heap, uint64_t granule)
{
	unsigned int state;

	while (!(state = atomic_exchange(&heap->state[granule], 0)))
		sched_yield();
	return state & ~STATE_LENT;
}

void ndshm__heap_recall(struct ndshm_heap *heap, uint64_t granule)
{
	atomic_store(&heap->state[granule], take_lent(heap, granule));
}

void ndshm__heap_return(struct ndshm_heap *heap, uint64_t granule)
{
	unsigned int state = take_lent(heap, granule);

	if (!ndshm__cache_put(heap, state, granule))
		ndshm__heap_free_rest(heap, NULL, granule, state);
}

void *ndshm__heap_calloc(struct ndshm_heap *heap, size_t count, size_t size, int *error)
{
	uint64_t granule;
	size_t bytes;
	void *pointer;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		*error = -EOVERFLOW;
		return NULL;
	}
	pointer = ndshm__heap_alloc(heap, bytes, error);
	granule = ndshm__granule_of(heap, pointer);
	/* New extents are zeroed, and writing would allocate their pages. */
	if (pointer && (heap->state[granule] != STATE_EXTENT ||
			!ndshm__large_is_zero(heap, granule)))
		memset(pointer, 0, bytes);
	return pointer;
}

/* The pointer must be to a live block. */
static bool is_lent(const struct ndshm_heap *heap, const void *pointer)
{
	uint64_t granule = ndshm__granule_of(heap, pointer);

	return atomic_load_explicit(&heap->state[granule], memory_order_relaxed) & STATE_LENT;
}

size_t ndshm__heap_usable_size(struct ndshm_heap *heap, const void *pointer)
{
	uint64_t granule = ndshm__granule_of(heap, pointer);
	unsigned int state;

	if (granule >= ndshm__table_granules(heap))
		return 0;
	state = atomic_load_explicit(&heap->state[granule], memory_order_relaxed) & ~STATE_LENT;
	if (state == STATE_EXTENT)
		return ndshm__large_size(heap, granule);
	return state == STATE_RUN ? ndshm__run_size(heap, granule) : heap->classes[state].size;
}

/* As much as the size, up to GROW_BYTES; a quarter of it if that is more. */
#define GROW_BYTES	(8ul << 20)

/*
 * Room for a large block that grows, as it may grow again: each byte is then copied a few
 * times only.
 */
static size_t room_to_grow(size_t size)
{
	size_t least = size < GROW_BYTES ? size : GROW_BYTES;

	return size / 4 > least ? size / 4 : least;
}

/*
 * Return true if a block stays in place when it becomes smaller. A large one may leave twice the
 * room that it would get: then it is not moved at each change while its size varies a little.
 */
static bool stays(size_t old, size_t size)
{
	return old >= RUN_BYTES ? old - size <= 2 * room_to_grow(size) : size > old / 2;
}

void *ndshm__heap_realloc(struct ndshm_heap *heap, void *pointer, size_t size, int *error)
{
	size_t old, more = 0;
	void *new = NULL;
	int ret = 0;

	if (!pointer)
		return ndshm__heap_alloc(heap, size, error);
	old = ndshm__heap_usable_size(heap, pointer);
	if (!old || !size) {
		*error = -EINVAL;
		return NULL;
	}
	if (is_lent(heap, pointer)) {
		*error = HEAP_LENT;
		return NULL;
	}
	if (size <= old && stays(old, size))
		return pointer;
	if (size > old && old >= RUN_BYTES)
		more = room_to_grow(size);
	if (more && size <= heap->max_size && more <= heap->max_size - size)
		new = alloc(heap, size + more, 0, &ret);
	/* Memory that is optional is not taken from other threads. */
	if (!new)
		new = alloc(heap, size, size > old ? RESERVES : 0, &ret);
	if (!new && size <= old)
		return pointer;
	if (!new) {
		*error = ret;
		return NULL;
	}
	memcpy(new, pointer, old < size ? old : size);
	/* Another thread may have freed it meanwhile, which is misuse. */
	ret = ndshm__heap_free(heap, pointer);
	if (ret) {
		ndshm__heap_free(heap, new);
		*error = ret;
		return NULL;
	}
	return new;
}
