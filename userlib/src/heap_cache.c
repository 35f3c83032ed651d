// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Caches of the threads: a bin of free blocks for each class.
 *
 * A cache belongs to one thread and is freed when the thread ends. When a heap is closed
 * its caches are emptied and detached, and may serve another heap. In a child of fork()
 * they are wiped, which has the same effect.
 *
 * Lock order: the registry's lock, then a heap's lock. The end of a thread and the close
 * of a heap take the registry's lock, so that neither frees an object that the other
 * uses.
 */
#include <errno.h>

#include "heap_internal.h"

#define CAPACITY_FIRST	4
#define EBB		8

static struct heap_cache no_cache;
HIDDEN_TLS struct heap_cache *ndshm__cache = &no_cache;

/* Caches of this thread, linked by thread_next. */
static HIDDEN_TLS struct heap_cache *caches;

/* In memory that is wiped on fork, so that a child finds the lock unlocked. */
struct registry {
	pthread_mutex_t lock;
};

/*
 * Created once, by the first thread that succeeds; failures for lack of memory or keys
 * are retried by the next heap. Atomic instead of protected by a lock, which a child
 * could inherit locked.
 */
static _Atomic(struct registry *) registry;
static atomic_ulong key_and_one;	/* key + 1; 0: not created */

static size_t cache_bytes(void)
{
	return sizeof(struct heap_cache) + ndshm__class_cached() * sizeof(uint64_t);
}

static struct ndshm_heap *heap_of(const struct heap_cache *cache)
{
	return atomic_load_explicit(&cache->heap, memory_order_relaxed);
}

static unsigned int count_of(const struct heap_bin *bin)
{
	return ndshm__bin_top(bin) - bin->start;
}

static void give(struct ndshm_heap *heap, unsigned int class, uint64_t granule)
{
	const struct heap_class *of = &heap->classes[class];

	if (of->kind != SPAN_NONE) {
		ndshm__span_give(heap, class, granule);
		return;
	}
	heap->core->out[class]--;
	ndshm__pool_free(heap, granule << GRANULE_SHIFT, of->size >> UNIT_SHIFT);
}

static unsigned int take(struct ndshm_heap *heap, unsigned int class, uint64_t *granules,
			 unsigned int want, int *error)
{
	const struct heap_class *of = &heap->classes[class];
	uint64_t offset;

	if (of->kind != SPAN_NONE)
		return ndshm__span_take(heap, class, granules, want, error);
	offset = ndshm__pool_alloc(heap, of->size >> UNIT_SHIFT, 1, error);
	if (offset == NOWHERE)
		return 0;
	heap->core->out[class]++;
	granules[0] = offset >> GRANULE_SHIFT;
	return 1;
}

/* Return all blocks of a cache. Called with the heap's lock held. */
static void drain(struct ndshm_heap *heap, struct heap_cache *cache)
{
	for (unsigned int i = 1; i <= CLASSES; i++) {
		struct heap_bin *bin = &cache->bins[i];
		uint64_t *top = ndshm__bin_top(bin);

		ndshm__bin_set_top(bin, bin->start);
		while (top > bin->start)
			give(heap, i, *--top);
	}
}

static void leave(struct ndshm_heap *heap, struct heap_cache *cache)
{
	drain(heap, cache);
	*cache->before = cache->next;
	if (cache->next)
		cache->next->before = cache->before;
	atomic_store_explicit(&cache->heap, NULL, memory_order_relaxed);
}

static void thread_ends(void *value)
{
	struct registry *all = registry;

	(void)value;
	ndshm__cache = &no_cache;
	pthread_mutex_lock(&all->lock);
	while (caches) {
		struct heap_cache *cache = caches;
		struct ndshm_heap *heap = heap_of(cache);

		caches = cache->thread_next;
		if (heap) {
			ndshm__heap_lock(heap);
			leave(heap, cache);
			ndshm__heap_unlock(heap);
		}
		ndshm__memory_unmap(cache, cache_bytes());
	}
	pthread_mutex_unlock(&all->lock);
}

static int make_key(void)
{
	unsigned long none = 0;
	pthread_key_t made;
	int error;

	if (key_and_one)
		return 0;
	error = pthread_key_create(&made, thread_ends);
	if (error)
		return -error;
	if (!atomic_compare_exchange_strong(&key_and_one, &none, made + 1ul))
		pthread_key_delete(made);
	return 0;
}

static int make_registry(void)
{
	struct registry *none = NULL, *made;

	if (registry)
		return 0;
	made = ndshm__memory_map(PAGE_BYTES);
	if (!made)
		return -ENOMEM;
	if (!atomic_compare_exchange_strong(&registry, &none, made))
		ndshm__memory_unmap(made, PAGE_BYTES);
	return 0;
}

int ndshm__cache_set_up(void)
{
	int error = make_key();

	return error ? error : make_registry();
}

/* Return a cache without a heap: an unused one of this thread, or a new one. */
static struct heap_cache *vacant(void)
{
	struct heap_cache *cache;

	for (cache = caches; cache; cache = cache->thread_next)
		if (!heap_of(cache))
			return cache;
	cache = ndshm__memory_map(cache_bytes());
	if (!cache)
		return NULL;
	/* Without the key's destructor the cache would leak at the end of the thread. */
	if (pthread_setspecific(key_and_one - 1, cache)) {
		ndshm__memory_unmap(cache, cache_bytes());
		return NULL;
	}
	cache->thread_next = caches;
	caches = cache;
	return cache;
}

/* Maximum number of blocks in a bin: fewer while the pool has a line. */
static unsigned int most_of(const struct ndshm_heap *heap, const struct heap_cache *cache,
			    unsigned int class)
{
	unsigned int most = heap->classes[class].cached;

	return cache->ebb ? most / EBB : most;
}

/*
 * Apply the pool's line to a cache: return the blocks from the line on, and reduce the
 * limits of the bins. Called with the heap's lock held.
 */
static void look(struct ndshm_heap *heap, struct heap_cache *cache)
{
	cache->tide = heap->core->tide;
	cache->ebb = heap->core->pool.line != NOWHERE;
	for (unsigned int i = 1; i <= CLASSES; i++) {
		struct heap_bin *bin = &cache->bins[i];
		uint64_t *from, *to = bin->start, *top = ndshm__bin_top(bin);
		unsigned int most = most_of(heap, cache, i);

		bin->line = heap->core->pool.line;
		if (bin->end > bin->start + most)
			bin->end = bin->start + most;
		for (from = to; from < top; from++) {
			if (*from >= bin->line || to == bin->end)
				give(heap, i, *from);
			else
				*to++ = *from;
		}
		ndshm__bin_set_top(bin, to);
	}
}

/* Attach a cache to a heap. Called with the heap's lock held. */
static void join(struct ndshm_heap *heap, struct heap_cache *cache)
{
	uint64_t *granules = cache->granules;

	for (unsigned int i = 1; i <= CLASSES; i++) {
		struct heap_bin *bin = &cache->bins[i];
		unsigned int most = heap->classes[i].cached;

		bin->start = granules;
		bin->end = granules + (most < CAPACITY_FIRST ? most : CAPACITY_FIRST);
		ndshm__bin_set_top(bin, granules);
		granules += most;
	}
	look(heap, cache);
	cache->next = heap->core->caches;
	if (cache->next)
		cache->next->before = &cache->next;
	cache->before = &heap->core->caches;
	heap->core->caches = cache;
	atomic_store_explicit(&cache->heap, heap, memory_order_relaxed);
}

/*
 * Return this thread's cache for the heap, or NULL without memory: the caller then
 * bypasses the cache. Called with the heap's lock held.
 */
static struct heap_cache *get(struct ndshm_heap *heap)
{
	struct heap_cache *cache;

	for (cache = caches; cache; cache = cache->thread_next)
		if (heap_of(cache) == heap)
			break;
	if (!cache) {
		cache = vacant();
		if (!cache)
			return NULL;
		join(heap, cache);
	}
	if (unlikely(cache->tide != heap->core->tide))
		look(heap, cache);
	ndshm__cache = cache;
	return cache;
}

/* Double the limit of a bin that is often empty or full. */
static void enlarge(const struct ndshm_heap *heap, const struct heap_cache *cache,
		    struct heap_bin *bin, unsigned int class)
{
	unsigned int most = most_of(heap, cache, class), room = 2 * (bin->end - bin->start) + 1;

	bin->end = bin->start + (room < most ? room : most);
}

/* The bin can have blocks if the thread has used another heap since. */
static uint64_t refill(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		       int *error)
{
	struct heap_bin *bin = &cache->bins[class];
	uint64_t *top = ndshm__bin_top(bin);

	if (top == bin->start) {
		enlarge(heap, cache, bin, class);
		top += take(heap, class, top, (bin->end - bin->start) / 2 + 1, error);
	}
	if (top == bin->start)
		return NOWHERE;
	ndshm__bin_set_top(bin, --top);
	return *top;
}

uint64_t ndshm__cache_refill(struct ndshm_heap *heap, unsigned int class, int *error)
{
	struct heap_cache *cache;
	uint64_t granule;
	int ret;

	ret = ndshm__heap_enter(heap);
	if (ret) {
		*error = ret;
		return NOWHERE;
	}
	cache = get(heap);
	if (cache)
		granule = refill(heap, cache, class, error);
	else if (!take(heap, class, &granule, 1, error))
		granule = NOWHERE;
	ndshm__heap_unlock(heap);
	return granule;
}

/*
 * Number of blocks to return from a full bin: half, to amortise the lock; of runs only
 * one.
 */
static unsigned int flushed(const struct ndshm_heap *heap, const struct heap_bin *bin,
			    unsigned int class)
{
	return heap->classes[class].kind == SPAN_NONE ? 1 : (bin->end - bin->start + 1) / 2;
}

/* Returns the oldest blocks of a full bin. */
static void flush(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		  uint64_t granule)
{
	struct heap_bin *bin = &cache->bins[class];
	uint64_t *top = ndshm__bin_top(bin);

	if (granule >= bin->line || bin->start == bin->end) {
		give(heap, class, granule);
		enlarge(heap, cache, bin, class);
		return;
	}
	if (top == bin->end) {
		uint64_t *from = bin->start, *to = bin->start;

		for (top = from + flushed(heap, bin, class); from < top; from++)
			give(heap, class, *from);
		while (from < bin->end)
			*to++ = *from++;
		top = to;
		enlarge(heap, cache, bin, class);
	}
	*top = granule;
	ndshm__bin_set_top(bin, top + 1);
}

void ndshm__cache_flush(struct ndshm_heap *heap, unsigned int class, uint64_t granule)
{
	struct heap_cache *cache;

	ndshm__heap_lock(heap);
	cache = get(heap);
	if (cache)
		flush(heap, cache, class, granule);
	else
		give(heap, class, granule);
	ndshm__heap_unlock(heap);
}

void ndshm__cache_drain(struct ndshm_heap *heap)
{
	struct heap_cache *cache;

	ndshm__heap_lock(heap);
	for (cache = caches; cache; cache = cache->thread_next)
		if (heap_of(cache) == heap)
			break;
	if (cache)
		leave(heap, cache);
	ndshm__heap_unlock(heap);
}

void ndshm__cache_close(struct ndshm_heap *heap)
{
	struct registry *all = registry;

	pthread_mutex_lock(&all->lock);
	ndshm__heap_lock(heap);
	while (heap->core->caches)
		leave(heap, heap->core->caches);
	ndshm__heap_unlock(heap);
	pthread_mutex_unlock(&all->lock);
}

uint64_t ndshm__cache_count(const struct ndshm_heap *heap, unsigned int class)
{
	const struct heap_cache *cache;
	uint64_t count = 0;

	for (cache = heap->core->caches; cache; cache = cache->next)
		count += count_of(&cache->bins[class]);
	return count;
}
