// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Caches of the threads: a bin of free blocks for each class.
 *
 * A cache belongs to one thread and is freed when the thread ends. When a heap is closed
 * its caches are emptied and detached, and may serve another heap; as are those of all
 * threads if memory is short. In a child of fork() they are wiped, which has the same
 * effect.
 *
 * Lock order: the registry's lock, then a heap's lock. The end of a thread, the purge and
 * the close of a heap take the registry's lock, so that none frees an object that another
 * uses.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "heap_internal.h"

#define DRAINING_PART		8
/*
 * Limits of caches, as parts of the section: of all caches of the only holder, which can
 * empty them when memory is short; of all caches of several holders, which cannot empty each
 * other's, if all have as many threads as this one; and the least limit of one cache, however
 * many holders there are. In bytes, the greatest limit of one cache: a little less than all
 * its bins take.
 */
#define CACHED_PART_ALONE	8
#define CACHED_PART		32
#define CACHED_PART_MOST	1024
#define CACHED_BYTES		(5632ul << 10)
/*
 * Maximum number of blocks that a full bin returns. If it was half of a large bin, a thread whose
 * use varies by a little less than the bin would refill and return half of it each time.
 */
#define FLUSH_MOST	64u
/* Number of blocks of a class that a bin gets, or returns, one after the other in a burst. */
#define BURST_LEAST	32
/* Number of times that a bin is not enlarged before the others are reduced. */
#define DENIED_MOST	256

static struct heap_cache no_cache;
HIDDEN_TLS struct heap_cache *ndshm__cache = &no_cache;

/* Caches of this thread, linked by thread_next. */
static HIDDEN_TLS struct heap_cache *caches;

/*
 * In memory that is wiped on fork, so that a child finds the lock unlocked. @heaps: those
 * that have attached in this process.
 */
struct registry {
	pthread_mutex_t lock;
	struct ndshm_heap *heaps;
};

/*
 * Created once, by the first thread that succeeds; failures for lack of memory or keys
 * are retried by the next heap. Atomic instead of protected by a lock, which a child
 * could inherit locked.
 */
static _Atomic(struct registry *) registry;
static atomic_ulong key_and_one;	/* key + 1; 0: not created */

void ndshm__registry_lock(void)
{
	struct registry *all = registry;

	pthread_mutex_lock(&all->lock);
}

void ndshm__registry_unlock(void)
{
	struct registry *all = registry;

	pthread_mutex_unlock(&all->lock);
}

void ndshm__registry_add(struct ndshm_heap *heap)
{
	struct registry *all = registry;

	heap->core->next = all->heaps;
	if (all->heaps)
		all->heaps->core->before = &heap->core->next;
	heap->core->before = &all->heaps;
	all->heaps = heap;
}

/* In a child of fork() that has not used the heap it is not there. */
static void registry_remove(struct ndshm_heap *heap)
{
	struct heap_core *core = heap->core;

	if (!core->before)
		return;
	*core->before = core->next;
	if (core->next)
		core->next->core->before = core->before;
	core->before = NULL;
}

static size_t cache_bytes(void)
{
	return sizeof(struct heap_cache) + ndshm__class_cached() * sizeof(uint64_t);
}

static struct ndshm_heap *heap_of(const struct heap_cache *cache)
{
	return atomic_load_explicit(&cache->heap, memory_order_acquire);
}

static unsigned int count_of(const struct heap_cache *cache, unsigned int class)
{
	return ndshm__cache_top(cache, class) - cache->start[class];
}

static unsigned int limit_of(const struct heap_cache *cache, unsigned int class)
{
	return cache->end[class] - cache->start[class];
}

/* Return blocks to the pool, those beside each other at once unless they are in two slots. */
static void give(struct ndshm_heap *heap, unsigned int class, const uint64_t *granules,
		 unsigned int count)
{
	const struct heap_class *of = &heap->classes[class];
	const uint64_t size = of->size >> GRANULE_SHIFT;
	unsigned int row;

	for (; count && of->kind != SPAN_NONE; count--)
		ndshm__span_give(heap, class, *granules++);
	for (; count; count -= row, granules += row) {
		for (row = 1; row < count && granules[row] == *granules + row * size &&
		     granules[row] % SLOT_GRANULES; row++)
			;
		heap->core->out[class] -= row;
		ndshm__pool_free(heap, *granules << GRANULE_SHIFT, row * (of->size >> UNIT_SHIFT));
	}
}

static unsigned int take(struct ndshm_heap *heap, unsigned int class, uint64_t *granules,
			 unsigned int want, int *error)
{
	const struct heap_class *of = &heap->classes[class];
	unsigned int taken, row;

	if (of->kind != SPAN_NONE)
		return ndshm__span_take(heap, class, granules, want, error);
	for (taken = 0; taken < want; taken += row) {
		uint64_t offset;

		row = want - taken;
		offset = ndshm__pool_alloc(heap, of->size >> UNIT_SHIFT, 1, &row, error);
		if (offset == NOWHERE)
			break;
		/* The bin gives the last one first. */
		for (unsigned int i = row; i--; offset += of->size)
			granules[taken + i] = offset >> GRANULE_SHIFT;
	}
	heap->core->out[class] += taken;
	return taken;
}

/* In steps of two, so that the other caches are adapted seldom. */
void ndshm__cache_set_share(struct ndshm_heap *heap)
{
	struct heap_core *core = heap->core;
	unsigned int holders = core->holders;
	uint64_t part = holders > 1 ? CACHED_PART : CACHED_PART_ALONE, share;
	uint64_t count = holders > 1 ? (uint64_t)core->cache_count * holders : core->cache_count;

	for (; count > 1 && part < CACHED_PART_MOST; count = (count + 1) / 2)
		part *= 2;
	share = heap->max_size / part;
	if (share > CACHED_BYTES)
		share = CACHED_BYTES;
	if (share == core->share)
		return;
	core->share = share;
	core->revision++;
}

/* Return all blocks of a cache. Called with the heap's lock held. */
static void drain(struct ndshm_heap *heap, struct heap_cache *cache)
{
	for (unsigned int i = 1; i <= CLASSES; i++) {
		unsigned int count = count_of(cache, i);

		ndshm__cache_set_top(cache, i, cache->start[i]);
		give(heap, i, cache->start[i], count);
	}
}

static void leave(struct ndshm_heap *heap, struct heap_cache *cache)
{
	drain(heap, cache);
	*cache->before = cache->next;
	if (cache->next)
		cache->next->before = cache->before;
	heap->core->cache_count--;
	ndshm__cache_set_share(heap);
	/* Its thread may use it for another heap from now on. */
	atomic_store_explicit(&cache->heap, NULL, memory_order_release);
}

static void thread_ends(void *value)
{
	(void)value;
	ndshm__cache = &no_cache;
	ndshm__registry_lock();
	while (caches) {
		struct heap_cache *cache = caches;
		struct ndshm_heap *heap = heap_of(cache);

		caches = cache->thread_next;
		if (heap) {
			ndshm__heap_lock(heap);
			leave(heap, cache);
			ndshm__pool_unlock(heap);
		}
		ndshm__memory_unmap(cache, cache_bytes());
	}
	ndshm__registry_unlock();
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

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

/* Registers for all_threads_barrier() now, as that takes long in a process with many threads. */
int ndshm__cache_set_up(void)
{
	int error = make_key();

	if (!error)
		error = make_registry();
	if (!error)
		membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
	return error;
}

/* Return this thread's cache for the heap, or one without a heap if it is NULL; or NULL. */
static struct heap_cache *find(const struct ndshm_heap *heap)
{
	struct heap_cache *cache = caches;

	while (cache && heap_of(cache) != heap)
		cache = cache->thread_next;
	return cache;
}

/*
 * Make a cache for get(), which is called with the lock held, unless this thread has one. Without
 * memory there is none.
 */
static void prepare(const struct ndshm_heap *heap)
{
	struct heap_cache *cache;

	if (likely(ndshm__cache_is_of(ndshm__cache, heap)) || find(heap) || find(NULL))
		return;
	cache = ndshm__memory_map(cache_bytes());
	if (!cache)
		return;
	/* Without the key's destructor the cache would leak at the end of the thread. */
	if (pthread_setspecific(key_and_one - 1, cache)) {
		ndshm__memory_unmap(cache, cache_bytes());
		return;
	}
	cache->thread_next = caches;
	caches = cache;
}

/* Count a refill of a bin, or a flush: @sign is 1 or -1. Returns true in a burst of one of them. */
static bool is_burst(struct heap_cache *cache, unsigned int class, int sign)
{
	int moved = sign * (int)(limit_of(cache, class) / 2 + 1), *burst = &cache->burst[class];

	*burst = *burst * sign < 0 ? moved : *burst + moved;
	if (*burst * sign < BURST_LEAST)
		return false;
	*burst = BURST_LEAST * sign;
	return true;
}

/*
 * Maximum number of blocks in a bin: fewer while extents of the pool drain, more when the thread
 * finds the lock contended, as with a producer and a consumer, or in bursts.
 */
static unsigned int most_of(const struct ndshm_heap *heap, const struct heap_cache *cache,
			    unsigned int class, bool contended)
{
	const struct heap_class *of = &heap->classes[class];

	if (cache->drain_from != NOWHERE)
		return of->cached / DRAINING_PART;
	return contended ? of->contended : of->cached;
}

/* Change the limit of a bin, and return the blocks beyond. */
static void set_limit(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		      unsigned int limit)
{
	uint64_t *top = ndshm__cache_top(cache, class), *end = cache->start[class] + limit;
	uint64_t size = heap->classes[class].size;

	cache->used -= limit_of(cache, class) * size;
	cache->used += limit * size;
	cache->end[class] = end;
	if (top <= end)
		return;
	ndshm__cache_set_top(cache, class, end);
	give(heap, class, end, top - end);
}

/* Halve all limits. Bins in use are enlarged again, at the cost of those that are not. */
static void reduce(struct ndshm_heap *heap, struct heap_cache *cache)
{
	for (unsigned int i = 1; i <= CLASSES; i++)
		set_limit(heap, cache, i, limit_of(cache, i) / 2);
	cache->denied = 0;
}

/*
 * Apply the pool's drain_from and the share to a cache: return the blocks from there on, and
 * reduce the limits of the bins. Called with the heap's lock held.
 */
static void look(struct ndshm_heap *heap, struct heap_cache *cache)
{
	cache->revision = heap->core->revision;
	cache->drain_from = heap->core->pool.drain_from;
	for (unsigned int i = 1; i <= CLASSES; i++) {
		uint64_t *from, *to = cache->start[i], *top = ndshm__cache_top(cache, i);
		unsigned int most = most_of(heap, cache, i, true);

		for (from = to; from < top; from++) {
			if (*from >= cache->drain_from)
				give(heap, i, from, 1);
			else
				*to++ = *from;
		}
		ndshm__cache_set_top(cache, i, to);
		if (limit_of(cache, i) > most)
			set_limit(heap, cache, i, most);
	}
	while (cache->used > heap->core->share)
		reduce(heap, cache);
}

/* Attach a cache to a heap. Called with the heap's lock held. */
static void join(struct ndshm_heap *heap, struct heap_cache *cache)
{
	uint64_t *granules = cache->granules;

	cache->used = 0;
	cache->denied = 0;
	memset(cache->burst, 0, sizeof(cache->burst));
	for (unsigned int i = 1; i <= CLASSES; i++) {
		cache->start[i] = cache->end[i] = granules;
		ndshm__cache_set_top(cache, i, granules);
		granules += heap->classes[i].contended;
	}
	heap->core->cache_count++;
	ndshm__cache_set_share(heap);
	look(heap, cache);
	cache->next = heap->core->caches;
	if (cache->next)
		cache->next->before = &cache->next;
	cache->before = &heap->core->caches;
	heap->core->caches = cache;
	atomic_store_explicit(&cache->heap, heap, memory_order_relaxed);
}

bool ndshm__cache_choose(const struct ndshm_heap *heap)
{
	struct heap_cache *cache = find(heap);

	if (!cache)
		return false;
	ndshm__cache = cache;
	return true;
}

/*
 * As find(), but if there is none, one without a heap joins this one. NULL if prepare() had no
 * memory: the caller then bypasses the cache. Called with the heap's lock held.
 */
static struct heap_cache *get(struct ndshm_heap *heap)
{
	struct heap_cache *cache = find(heap);

	if (!cache) {
		cache = find(NULL);
		if (!cache)
			return NULL;
		join(heap, cache);
	}
	if (unlikely(cache->revision != heap->core->revision))
		look(heap, cache);
	ndshm__cache = cache;
	return cache;
}

/*
 * Double the limit of a bin that is often empty or full, as far as the share permits.
 */
static void enlarge(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		    bool contended)
{
	unsigned int most = most_of(heap, cache, class, contended), now = limit_of(cache, class);
	unsigned int limit = 2 * now + 1;
	uint64_t room;

	if (limit > most)
		limit = most;
	if (limit <= now)
		return;
	room = (heap->core->share - cache->used) / heap->classes[class].size;
	if (limit - now > room) {
		limit = now + room;
		cache->denied++;
	}
	set_limit(heap, cache, class, limit);
	if (cache->denied > DENIED_MOST)
		reduce(heap, cache);
}

/* The bin can have blocks: a purge may have taken the cache away from an allocation. */
static uint64_t refill(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		       bool contended, int *error)
{
	uint64_t *top = ndshm__cache_top(cache, class), *start = cache->start[class];

	if (top == start) {
		enlarge(heap, cache, class, contended);
		top += take(heap, class, top, limit_of(cache, class) / 2 + 1, error);
	}
	if (top == start)
		return NOWHERE;
	ndshm__cache_set_top(cache, class, --top);
	return *top;
}

/* As ndshm__cache_refill(), but POOL_EMPTY is possible. Called with the heap's lock held. */
static uint64_t get_one(struct ndshm_heap *heap, unsigned int class, bool contended,
			int *error)
{
	struct heap_cache *cache = get(heap);
	uint64_t granule;

	if (cache)
		return refill(heap, cache, class, is_burst(cache, class, 1) || contended, error);
	return take(heap, class, &granule, 1, error) ? granule : NOWHERE;
}

uint64_t ndshm__cache_refill(struct ndshm_heap *heap, unsigned int class, int *error)
{
	bool contended;
	uint64_t granule;
	int ret;

	prepare(heap);
	ret = ndshm__heap_enter(heap, &contended);
	if (ret) {
		*error = ret;
		return NOWHERE;
	}
	do {
		granule = get_one(heap, class, contended, &ret);
		if (granule == NOWHERE)
			ret = ndshm__pool_grow(heap);
	} while (granule == NOWHERE && !ret);
	/* The limits of the bins may have been reduced. */
	ndshm__pool_unlock(heap);
	if (granule == NOWHERE)
		*error = ret;
	return granule;
}

/* Exchange the first @count blocks for others that are above the mean of all addresses. */
static void put_high_first(uint64_t *start, const uint64_t *end, unsigned int count)
{
	uint64_t *to = start, mean = 0, moved;

	for (const uint64_t *from = start; from < end; from++)
		mean += *from;
	mean /= end - start;
	for (uint64_t *from = start; from < end && to < start + count; from++) {
		if (*from <= mean)
			continue;
		moved = *to;
		*to++ = *from;
		*from = moved;
	}
}

/*
 * Return up to half of the blocks of a full bin, the oldest, or a single one that is above the new
 * block. With other holders those at high addresses: the rest keeps fewer extents from becoming
 * empty.
 */
static void give_some(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		      uint64_t granule)
{
	uint64_t *start = cache->start[class], *end = cache->end[class], *from, *to = start;
	unsigned int count = end - start > 1 ? (end - start) / 2 : granule < *start;

	if (count > FLUSH_MOST)
		count = FLUSH_MOST;
	if (heap->core->holders > 1)
		put_high_first(start, end, count);
	give(heap, class, start, count);
	for (from = start + count; from < end; from++)
		*to++ = *from;
	ndshm__cache_set_top(cache, class, to);
}

static void flush(struct ndshm_heap *heap, struct heap_cache *cache, unsigned int class,
		  uint64_t granule, bool contended)
{
	uint64_t *top = ndshm__cache_top(cache, class), *end = cache->end[class];
	const bool full = top == end;

	if (full && limit_of(cache, class) && granule < cache->drain_from) {
		give_some(heap, cache, class, granule);
		top = ndshm__cache_top(cache, class);
	}
	if (top < end && granule < cache->drain_from) {
		*top = granule;
		ndshm__cache_set_top(cache, class, top + 1);
	} else {
		give(heap, class, &granule, 1);
	}
	if (full)
		enlarge(heap, cache, class, contended);
}

void ndshm__cache_flush(struct ndshm_heap *heap, unsigned int class, uint64_t granule)
{
	struct heap_cache *cache;
	bool contended;

	prepare(heap);
	contended = ndshm__heap_lock(heap);
	cache = get(heap);
	if (cache)
		flush(heap, cache, class, granule, is_burst(cache, class, -1) || contended);
	else
		give(heap, class, &granule, 1);
	ndshm__pool_unlock(heap);
}

void ndshm__cache_drain(struct ndshm_heap *heap)
{
	struct heap_cache *cache;

	ndshm__heap_lock(heap);
	cache = find(heap);
	if (cache)
		leave(heap, cache);
	ndshm__pool_unlock(heap);
}

/* Execute a memory barrier in all threads of the process. False: not supported. */
static bool all_threads_barrier(void)
{
	if (!membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED))
		return true;
	return !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) &&
	       !membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

/* Not NULL, so that no thread takes the cache for a vacant one. */
static struct ndshm_heap *purged(struct heap_cache *cache)
{
	return (struct ndshm_heap *)cache;
}

/* Called with both locks held. */
static void purge(struct ndshm_heap *heap)
{
	struct heap_cache *cache, *next;

	for (cache = heap->core->caches; cache; cache = cache->next)
		atomic_store_explicit(&cache->heap, purged(cache), memory_order_relaxed);
	if (!all_threads_barrier()) {
		for (cache = heap->core->caches; cache; cache = cache->next)
			atomic_store_explicit(&cache->heap, heap, memory_order_release);
		return;
	}
	for (cache = heap->core->caches; cache; cache = next) {
		next = cache->next;
		if (atomic_load_explicit(&cache->busy, memory_order_acquire))
			atomic_store_explicit(&cache->heap, heap, memory_order_release);
		else
			leave(heap, cache);
	}
}

/* Called with the registry's lock held. */
static void empty(struct ndshm_heap *heap)
{
	ndshm__heap_lock(heap);
	if (heap->core->caches)
		purge(heap);
	ndshm__large_trim(heap);
	ndshm__pool_trim(heap);
	ndshm__extent_wait(heap);
	ndshm__heap_unlock(heap);
}

void ndshm__heap_trim(struct ndshm_heap *heap)
{
	/* This thread's cache does not depend on the support of barriers. */
	ndshm__cache_drain(heap);
	ndshm__registry_lock();
	empty(heap);
	ndshm__registry_unlock();
}

bool ndshm__heap_trim_all(const struct ndshm_extent_source *source,
			  bool (*match)(const void *context, const void *what), const void *what)
{
	const struct registry *all = registry;
	struct ndshm_heap *other;
	bool found = false;

	/* No heap was ever opened. */
	if (!all)
		return false;
	ndshm__registry_lock();
	for (other = all->heaps; other; other = other->core->next)
		if (other->source == source && match(other->source_context, what)) {
			empty(other);
			found = true;
		}
	ndshm__registry_unlock();
	return found;
}

void ndshm__cache_close(struct ndshm_heap *heap)
{
	ndshm__registry_lock();
	registry_remove(heap);
	ndshm__heap_lock(heap);
	while (heap->core->caches)
		leave(heap, heap->core->caches);
	ndshm__heap_unlock(heap);
	ndshm__registry_unlock();
}

uint64_t ndshm__cache_count(const struct ndshm_heap *heap, unsigned int class)
{
	const struct heap_cache *cache;
	uint64_t count = 0;

	for (cache = heap->core->caches; cache; cache = cache->next)
		count += count_of(cache, class);
	return count;
}
