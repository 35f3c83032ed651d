// SPDX-License-Identifier: GPL-2.0
/*
 * Pools of buffers. Each processor has a cache of free buffers, and there is a stack for all.
 * Half a cache is moved at a time. Where the stack is empty, another processor's cache may have
 * buffers.
 *
 * Locks are raw, because buffers are freed in hard interrupts. That of the stack is taken
 * inside that of a cache; a processor holds the lock of one cache at a time.
 */
#include <linux/cache.h>
#include <linux/cpumask.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/math.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include <ndshm/pool.h>

#include "block.h"

/* With the other members of struct pool_cache, four cache lines. */
#define CACHED	62U

/* kvmalloc() allocates no array of more than INT_MAX bytes. */
#define MOST_BUFFERS	(INT_MAX / sizeof(dma_addr_t))

/**
 * struct pool_cache - free buffers that one processor prefers
 * @lock: protects the members below
 * @count: number of buffers
 * @buffers: their numbers; the last one was freed last
 */
struct pool_cache {
	raw_spinlock_t lock;	/* count, buffers */
	u32 count;
	u32 buffers[CACHED];
};

/**
 * struct ndshm_pool - buffers of a block
 * @block: holds a reference
 * @shift: log2 of the bytes of a buffer
 * @most: buffers that a cache may have
 * @caches: of each processor
 * @pages: DMA address of each page of the block
 * @used: for each buffer, 1 while it is allocated, else 0
 * @lock: protects @count and @buffers
 * @count: number of buffers on the stack
 * @buffers: the stack, with room for all
 */
struct ndshm_pool {
	struct ndshm_block *block;
	unsigned int shift;
	u32 most;
	struct pool_cache __percpu *caches;
	dma_addr_t *pages;
	u8 *used;
	raw_spinlock_t lock ____cacheline_aligned_in_smp;	/* count, buffers */
	u32 count;
	u32 *buffers;
};

/* Called with the lock of @cache held, which is empty. */
static noinline void pool_refill(struct ndshm_pool *pool, struct pool_cache *cache)
{
	raw_spin_lock(&pool->lock);
	cache->count = min(pool->count, DIV_ROUND_UP(pool->most, 2));
	pool->count -= cache->count;
	memcpy(cache->buffers, pool->buffers + pool->count,
	       cache->count * sizeof(*cache->buffers));
	raw_spin_unlock(&pool->lock);
}

/* Called with the lock of @cache held, which is full. What was freed last stays. */
static noinline void pool_drain(struct ndshm_pool *pool, struct pool_cache *cache)
{
	const u32 count = DIV_ROUND_UP(pool->most, 2);

	raw_spin_lock(&pool->lock);
	memcpy(pool->buffers + pool->count, cache->buffers, count * sizeof(*cache->buffers));
	pool->count += count;
	raw_spin_unlock(&pool->lock);
	cache->count -= count;
	memmove(cache->buffers, cache->buffers + count, cache->count * sizeof(*cache->buffers));
}

/* Take a buffer from the cache of any processor. Return: false if none was found. */
static noinline bool pool_steal(struct ndshm_pool *pool, u32 *number)
{
	struct pool_cache *cache;
	unsigned long flags;
	bool found = false;
	int cpu;

	for_each_cpu_wrap(cpu, cpu_possible_mask, raw_smp_processor_id()) {
		cache = per_cpu_ptr(pool->caches, cpu);
		if (!READ_ONCE(cache->count))
			continue;
		raw_spin_lock_irqsave(&cache->lock, flags);
		found = cache->count;
		if (found)
			*number = cache->buffers[--cache->count];
		raw_spin_unlock_irqrestore(&cache->lock, flags);
		if (found)
			break;
	}
	return found;
}

void *ndshm_pool_alloc(struct ndshm_pool *pool, dma_addr_t *address)
{
	/* The task may move meanwhile: any cache will do. */
	struct pool_cache *cache = raw_cpu_ptr(pool->caches);
	unsigned long flags;
	size_t offset;
	u32 number;
	bool found;

	/* Set before the revocation callback of the block runs. */
	if (READ_ONCE(pool->block->packets.dead))
		return NULL;
	raw_spin_lock_irqsave(&cache->lock, flags);
	if (!cache->count)
		pool_refill(pool, cache);
	found = cache->count;
	if (found)
		number = cache->buffers[--cache->count];
	raw_spin_unlock_irqrestore(&cache->lock, flags);
	if (!found && !pool_steal(pool, &number))
		return NULL;
	WRITE_ONCE(pool->used[number], 1);
	offset = (size_t)number << pool->shift;
	*address = pool->pages[offset >> PAGE_SHIFT] + offset_in_page(offset);
	return pool->block->virtual_address + offset;
}
EXPORT_SYMBOL_GPL(ndshm_pool_alloc);

void ndshm_pool_free(struct ndshm_pool *pool, void *buffer)
{
	const size_t offset = buffer - pool->block->virtual_address;
	struct pool_cache *cache;
	unsigned long flags;

	if (!buffer)
		return;
	if (offset >> pool->shift >= pool->block->object.length >> pool->shift ||
	    offset & (BIT(pool->shift) - 1) || !xchg(&pool->used[offset >> pool->shift], 0)) {
		pr_warn_once("ndshm: %s: not a buffer in use, called by %ps\n", __func__,
			     (void *)_RET_IP_);
		return;
	}
	cache = raw_cpu_ptr(pool->caches);
	raw_spin_lock_irqsave(&cache->lock, flags);
	if (cache->count == pool->most)
		pool_drain(pool, cache);
	cache->buffers[cache->count++] = offset >> pool->shift;
	raw_spin_unlock_irqrestore(&cache->lock, flags);
}
EXPORT_SYMBOL_GPL(ndshm_pool_free);

/*
 * Set the DMA address of each page. Return: false if a segment does not consist of whole pages;
 * the last one may end within a page.
 */
static bool pool_locate(struct ndshm_pool *pool)
{
	const struct ndshm_block *block = pool->block;
	const size_t count = DIV_ROUND_UP(block->object.length, PAGE_SIZE);
	const struct ndshm_segment *segment;
	size_t page = 0;
	u64 done;
	u32 i;

	for (i = 0; i < block->segment_count; i++) {
		segment = ndshm_block_segment(block, i);
		if (!PAGE_ALIGNED(segment->address) ||
		    (i + 1 < block->segment_count && !PAGE_ALIGNED(segment->length)))
			return false;
		for (done = 0; done < segment->length && page < count; done += PAGE_SIZE)
			pool->pages[page++] = segment->address + done;
	}
	return true;
}

static void pool_release(struct ndshm_pool *pool)
{
	kvfree(pool->pages);
	kvfree(pool->used);
	kvfree(pool->buffers);
	free_percpu(pool->caches);
	ndshm_block_put(pool->block);
	kfree(pool);
}

struct ndshm_pool *ndshm_pool_create(struct ndshm_block *block, u32 bytes)
{
	const u64 length = block->object.length;
	struct ndshm_pool *pool;
	int cpu, err = -ENOMEM;
	u32 count, i;

	might_sleep();

	if (!is_power_of_2(bytes) || bytes < NDSHM_POOL_LEAST || bytes > PAGE_SIZE ||
	    bytes > length || length / bytes > MOST_BUFFERS)
		return ERR_PTR(-EINVAL);
	/* The sync of one buffer would write or discard parts of its neighbour. */
	if (block->needs_sync && bytes < dma_get_cache_alignment())
		return ERR_PTR(-EINVAL);
	if (!block->virtual_address)
		return ERR_PTR(-EOPNOTSUPP);
	pool = kzalloc(sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return ERR_PTR(-ENOMEM);
	count = length / bytes;
	pool->block = ndshm_block_get(block);
	pool->shift = ilog2(bytes);
	/* The caches together have at most half of the buffers, unless there are few. */
	pool->most = clamp(count / 2 / num_possible_cpus(), 2U, CACHED);
	raw_spin_lock_init(&pool->lock);
	pool->caches = __alloc_percpu(sizeof(struct pool_cache), SMP_CACHE_BYTES);
	pool->pages = kvmalloc_array(DIV_ROUND_UP(length, PAGE_SIZE), sizeof(*pool->pages),
				     GFP_KERNEL);
	pool->used = kvzalloc(count, GFP_KERNEL);
	pool->buffers = kvmalloc_array(count, sizeof(*pool->buffers), GFP_KERNEL);
	if (!pool->caches || !pool->pages || !pool->used || !pool->buffers)
		goto err_pool;
	err = -EOPNOTSUPP;
	if (!pool_locate(pool))
		goto err_pool;
	for_each_possible_cpu(cpu)
		raw_spin_lock_init(&per_cpu_ptr(pool->caches, cpu)->lock);
	/* The first buffer on top. */
	for (i = 0; i < count; i++)
		pool->buffers[i] = count - 1 - i;
	pool->count = count;
	return pool;

err_pool:
	pool_release(pool);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(ndshm_pool_create);

void ndshm_pool_destroy(struct ndshm_pool *pool)
{
	size_t count;

	might_sleep();

	if (!pool)
		return;
	count = pool->block->object.length >> pool->shift;
	WARN_ON_ONCE(memchr_inv(pool->used, 0, count));
	pool_release(pool);
}
EXPORT_SYMBOL_GPL(ndshm_pool_destroy);
