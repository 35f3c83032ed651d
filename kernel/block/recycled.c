// SPDX-License-Identifier: GPL-2.0
#include <linux/hashtable.h>
#include <linux/list_lru.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <linux/ndshm_netlink.h>

#include "../base/deferred.h"
#include "../base/events.h"
#include "../base/step.h"
#include "../registration/provider.h"
#include "block.h"
#include "members.h"
#include "recycled.h"

#define BINS	(const_ilog2(NDSHM_RECYCLED_LONGEST) + 1)

/* Pages that are zeroed with a spinlock held. */
#define STEP	16UL

/* Pages of the shortest folio of a block that has several. */
#define LONG	((unsigned long)(SZ_2M >> PAGE_SHIFT))

/* Blocks of a bin that an allocation looks at: a client rarely alternates between more kinds. */
#define LOOKS	8

/**
 * struct ndshm_recycled - the freed blocks of a client
 * @link: in @caches while @listed; NUMA node and memory cgroup are those of this structure
 * @by_user: in @caches_by_user
 * @user: user to whom the blocks are charged
 * @lock: protects the members below; innermost but for a block's state_lock
 * @listed: in @caches, or about to be added by the caller that set it
 * @count: number of blocks
 * @pages: pages of all blocks
 * @bins: blocks of 1, 2, 4, ... pages, by @in_table; the last one freed comes first
 *
 * Each block has the reference of its former handle only. A revocation takes another, and
 * frees the memory at once; the rest stays until the block would be reused.
 */
struct ndshm_recycled {
	struct list_head link;
	struct hlist_node by_user;
	const struct user_struct *user;
	spinlock_t lock;	/* listed, count, pages, bins */
	bool listed;
	unsigned int count;
	unsigned int pages;
	struct hlist_head bins[BINS];
};

static struct kmem_cache *recycled_cache;

/* All caches, so that a refusal looks at those of one user. */
static DEFINE_HASHTABLE(caches_by_user, 8);
static DEFINE_SPINLOCK(caches_by_user_lock);

/* Caches that have had a block since they were last emptied, by NUMA node and memory cgroup. */
static struct list_lru caches;
static struct shrinker *shrinker;

static unsigned long block_page_count(const struct ndshm_block *block)
{
	return block->object.length >> PAGE_SHIFT;
}

static struct hlist_head *recycled_bin(struct ndshm_recycled *cache, u64 length)
{
	return &cache->bins[ilog2(length >> PAGE_SHIFT)];
}

static void recycled_unlink(struct ndshm_recycled *cache, struct ndshm_block *block)
{
	lockdep_assert_held(&cache->lock);

	hlist_del_init(&block->in_table);
	WRITE_ONCE(cache->count, cache->count - 1);
	WRITE_ONCE(cache->pages, cache->pages - block_page_count(block));
}

static void recycled_link(struct ndshm_recycled *cache, struct ndshm_block *block)
{
	lockdep_assert_held(&cache->lock);

	hlist_add_head(&block->in_table, recycled_bin(cache, block->object.length));
	WRITE_ONCE(cache->count, cache->count + 1);
	WRITE_ONCE(cache->pages, cache->pages + block_page_count(block));
}

/* Exact with the lock held. */
static bool recycled_has_room(const struct ndshm_recycled *cache, unsigned long count,
			      unsigned long pages)
{
	return READ_ONCE(cache->count) + count <= NDSHM_RECYCLED_BLOCKS &&
	       READ_ONCE(cache->pages) + pages <= NDSHM_RECYCLED_PAGES;
}

/*
 * Move all blocks to @blocks. The cache can stay in @caches, where it is added again in vain.
 * While it has blocks it is there, but for the moment of the first ndshm_recycled_put().
 */
static void recycled_empty(struct ndshm_recycled *cache, struct hlist_head *blocks)
{
	struct ndshm_block *block;
	struct hlist_node *next;
	unsigned int i;

	spin_lock(&cache->lock);
	cache->listed = false;
	for (i = 0; i < BINS; i++)
		hlist_for_each_entry_safe(block, next, &cache->bins[i], in_table) {
			recycled_unlink(cache, block);
			hlist_add_head(&block->in_table, blocks);
		}
	spin_unlock(&cache->lock);
}

static void blocks_release(struct hlist_head *blocks)
{
	struct ndshm_block *block;
	struct hlist_node *next;

	hlist_for_each_entry_safe(block, next, blocks, in_table) {
		hlist_del_init(&block->in_table);
		ndshm_block_release(block);
		cond_resched();
	}
}

struct ndshm_recycled *ndshm_recycled_alloc(const struct user_struct *user)
{
	struct ndshm_recycled *cache;

	cache = kmem_cache_alloc_lru(recycled_cache, &caches, NDSHM_GFP_CHARGED | __GFP_ZERO);
	if (!cache)
		return NULL;
	INIT_LIST_HEAD(&cache->link);
	cache->user = user;
	spin_lock_init(&cache->lock);
	spin_lock(&caches_by_user_lock);
	hash_add(caches_by_user, &cache->by_user, (unsigned long)user);
	spin_unlock(&caches_by_user_lock);
	return cache;
}

void ndshm_recycled_free(struct ndshm_recycled *cache)
{
	HLIST_HEAD(blocks);

	spin_lock(&caches_by_user_lock);
	hash_del(&cache->by_user);
	spin_unlock(&caches_by_user_lock);
	list_lru_del_obj(&caches, &cache->link);
	recycled_empty(cache, &blocks);
	blocks_release(&blocks);
	kmem_cache_free(recycled_cache, cache);
}

/*
 * Freeing and reusing
 */

/* Return: true if @folio is large and a page of it is poisoned: it must not be freed. */
static bool folio_broken(struct folio *folio)
{
	long i = folio_test_large(folio) ? folio_nr_pages(folio) : 0;

	while (i--)
		if (PageHWPoison(folio_page(folio, i)))
			return true;
	return false;
}

/*
 * The folio at page @index of a block, which has it while state_lock is held, unless it is revoked.
 * Return: NULL if others use it, if it is longer than the block, or if the block has several and
 * this one is short. Nothing maps the block, so a further reference is a pin, or a short look of
 * mm's.
 */
static struct folio *block_sole_folio(const struct ndshm_block *block, unsigned long index)
{
	struct folio *folio = index ? NULL : block->recycled;
	unsigned long count, left;
	struct page *page;

	lockdep_assert_held(&block->object.state_lock);

	/* An inode is left while a mapping can exist. */
	if (block->object.revoked || block->object.inode)
		return NULL;
	if (!folio) {
		page = ndshm_block_page(block, index);
		if (!page)
			return NULL;
		folio = page_folio(page);
	}
	count = folio_nr_pages(folio);
	left = block_page_count(block) - folio->index;
	return count <= left && count >= min(left, LONG) && folio_ref_count(folio) == 1 ?
	       folio : NULL;
}

/*
 * @reuse: end @recycled with the last look, so that a revocation before it is silent, and one after
 * it reports the block. Return: false if the block is revoked, or its memory used by others, too
 * short or broken.
 */
static bool block_reusable(struct ndshm_block *block, bool reuse)
{
	unsigned long index = 0;
	struct folio *folio;
	bool usable;

	for (;;) {
		spin_lock(&block->object.state_lock);
		folio = block_sole_folio(block, index);
		usable = folio && !PageHWPoison(folio_page(folio, 0)) && !folio_broken(folio);
		if (usable)
			index += folio_nr_pages(folio);
		if (reuse && usable && index == block_page_count(block))
			WRITE_ONCE(block->recycled, NULL);
		spin_unlock(&block->object.state_lock);
		if (!usable || index == block_page_count(block))
			return usable;
		cond_resched();
	}
}

/*
 * Zero some pages of @folio, from the one at @inside on. @many: of a block with more. Return: their
 * number, or 0 if one broke.
 */
static unsigned long recycled_zero_step(struct folio *folio, unsigned long inside, bool many)
{
	const unsigned long end = min(inside + STEP, folio_nr_pages(folio));
	unsigned long i;
	void *address;

	for (i = inside; i < end; i++) {
		if (PageHWPoison(folio_page(folio, i)))
			return 0;
		address = page_address(folio_page(folio, i));
		/* clear_page() need not read what exceeds the caches first, and memset() may. */
		if (many)
			clear_page(address);
		else
			memset(address, 0, PAGE_SIZE);
	}
	return end - inside;
}

/* Zero the memory for the next user. Return: false if the block cannot be reused. */
static bool block_recycle(struct ndshm_block *block)
{
	const unsigned long end = block_page_count(block);
	struct ndshm_object *object = &block->object;
	struct folio *folio, *first = NULL;
	unsigned long index = 0, count;

	/* Do not zero much in vain. */
	if (end > LONG && !block_reusable(block, false))
		return false;
	do {
		spin_lock(&object->state_lock);
		folio = block_sole_folio(block, index);
		first = first ?: folio;
		count = folio ? recycled_zero_step(folio, index - folio->index, end > STEP) : 0;
		index += count;
		if (index == end) {
			/* A revocation that finds it unset has set @revoked before. */
			WRITE_ONCE(block->recycled, first);
			object->retired = false;
			object->was_mapped = false;
		}
		spin_unlock(&object->state_lock);
		if (index == end)
			return true;
		/* Nothing waits for this reference: a revocation frees the memory itself. */
		cond_resched();
	} while (count && !fatal_signal_pending(current));
	return false;
}

/* Add the block if there is room. */
static bool recycled_add(struct ndshm_recycled *cache, struct ndshm_block *block)
{
	bool fits, listed;

	spin_lock(&cache->lock);
	fits = recycled_has_room(cache, 1, block_page_count(block));
	if (fits)
		recycled_link(cache, block);
	listed = cache->listed;
	cache->listed |= fits;
	spin_unlock(&cache->lock);
	if (fits && !listed)
		list_lru_add_obj(&caches, &cache->link);
	return fits;
}

bool ndshm_recycled_put(struct ndshm_recycled *cache, struct ndshm_block *block)
{
	if (!recycled_has_room(cache, 1, block_page_count(block)) ||
	    !ndshm_block_table_remove_sole(block) || !block_recycle(block))
		return false;
	ndshm_block_report_free(block);
	/* Other threads may have filled the cache. */
	if (!recycled_add(cache, block))
		ndshm_block_release(block);
	return true;
}

/* A client has one claim of an adapter at a time, and the end of a claim revokes its blocks. */
static bool block_equals(const struct ndshm_block *block, const struct ndshm_parameters *p)
{
	return !READ_ONCE(block->object.revoked) &&
	       block->adapter == p->adapter && block->registration->provider == p->provider &&
	       block->flags == p->flags && block->usage == p->usage &&
	       block->preferred_node == p->preferred_node &&
	       (!p->most_segments || block->segment_count <= p->most_segments);
}

static struct ndshm_block *recycled_find(struct ndshm_recycled *cache,
					 const struct ndshm_parameters *p)
{
	unsigned int looks = LOOKS;
	struct ndshm_block *block;

	hlist_for_each_entry(block, recycled_bin(cache, PAGE_ALIGN(p->length)), in_table)
		if (block_equals(block, p))
			return block;
		else if (!--looks)
			break;
	return NULL;
}

bool ndshm_recycled_take(struct ndshm_recycled *cache, const struct ndshm_parameters *p,
			 struct ndshm_block **blocks, u32 count)
{
	u32 found;

	spin_lock(&cache->lock);
	for (found = 0; found < count; found++) {
		blocks[found] = recycled_find(cache, p);
		if (!blocks[found])
			break;
		recycled_unlink(cache, blocks[found]);
	}
	if (found < count) {
		while (found--)
			recycled_link(cache, blocks[found]);
	}
	spin_unlock(&cache->lock);
	return found == count;
}

void ndshm_recycled_make_room(struct ndshm_recycled *cache, const struct ndshm_parameters *p,
			      u32 count)
{
	HLIST_HEAD(blocks);

	if (recycled_has_room(cache, count, count * (PAGE_ALIGN(p->length) >> PAGE_SHIFT)))
		return;
	recycled_empty(cache, &blocks);
	blocks_release(&blocks);
}

bool ndshm_recycled_reuse(const struct ndshm_parameters *p, struct ndshm_block **blocks, u32 count)
{
	bool reused = true;
	u32 i;

	for (i = 0; i < count && reused; i++) {
		blocks[i]->tag = p->tag;
		/* First: a revocation reports the block by its new id. */
		ndshm_block_table_add(blocks[i]);
		reused = block_reusable(blocks[i], true);
		if (reused)
			ndshm_block_report_alloc(blocks[i]);
	}
	/* The end of those that are announced is reported, and only theirs. */
	if (!reused)
		for (i = 0; i < count; i++)
			ndshm_block_release(blocks[i]);
	return reused;
}

/*
 * Pressure
 */

struct recycled_flush {
	const struct user_struct *user;
	bool any;
};

/* Visits each cache once: other threads of the user can fill them again meanwhile. */
static int recycled_flush_step(void *context)
{
	struct recycled_flush *flush = context;
	struct ndshm_recycled *cache;
	HLIST_HEAD(blocks);

	flush->any = ndshm_deferred_begin();
	spin_lock(&caches_by_user_lock);
	hash_for_each_possible(caches_by_user, cache, by_user, (unsigned long)flush->user)
		if (cache->user == flush->user && READ_ONCE(cache->pages))
			recycled_empty(cache, &blocks);
	spin_unlock(&caches_by_user_lock);
	flush->any |= !hlist_empty(&blocks);
	blocks_release(&blocks);
	ndshm_deferred_done();
	return 0;
}

bool ndshm_recycled_flush_user(const struct user_struct *user)
{
	struct recycled_flush flush = { .user = user };

	/* A step: all users' refused calls wait for it, and a cgroup may throttle the caller. */
	ndshm_step_run(recycled_flush_step, &flush);
	return flush.any;
}

static enum lru_status recycled_isolate NDSHM_LRU_WALK_ARGUMENTS
{
	struct ndshm_recycled *cache = list_entry(item, struct ndshm_recycled, link);

	recycled_empty(cache, context);
	list_lru_isolate(list, item);
	return LRU_REMOVED;
}

static unsigned long recycled_count(struct shrinker *unused, struct shrink_control *control)
{
	/* Before 6.7 the shrinker is registered before the list is initialized. */
	if (!READ_ONCE(caches.node))
		return SHRINK_EMPTY;
	return list_lru_shrink_count(&caches, control) * NDSHM_RECYCLED_PAGES ?: SHRINK_EMPTY;
}

static unsigned long recycled_scan(struct shrinker *unused, struct shrink_control *control)
{
	struct ndshm_block *block;
	struct hlist_node *next;
	unsigned long removed, count, freed = 0;
	unsigned int flags;
	HLIST_HEAD(blocks);

	/* Also if the administrator drops the caches: wait for no worker. */
	flags = memalloc_noreclaim_save();
	ndshm_deferred_begin();
	removed = list_lru_shrink_walk(&caches, control, recycled_isolate, &blocks);
	hlist_for_each_entry_safe(block, next, &blocks, in_table) {
		count = block_page_count(block);
		hlist_del_init(&block->in_table);
		/* A removal waits from the next line on: a task to be throttled must stop here. */
		cond_resched();
		if (ndshm_block_reclaim(block))
			freed += count;
	}
	ndshm_deferred_done();
	memalloc_noreclaim_restore(flags);
	/* A cache counts as if it was full, also one that is empty, behind which others wait. */
	control->nr_scanned = removed * NDSHM_RECYCLED_PAGES;
	return removed ? freed : SHRINK_STOP;
}

int __init ndshm_recycled_setup(void)
{
	int ret = -ENOMEM;

	recycled_cache = KMEM_CACHE(ndshm_recycled, SLAB_ACCOUNT);
	if (!recycled_cache)
		return ret;
	shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE | SHRINKER_MEMCG_AWARE, "ndshm");
	if (!shrinker)
		goto err_cache;
	shrinker->count_objects = recycled_count;
	shrinker->scan_objects = recycled_scan;
	/* One cache at a time, and the more of them the scarcer memory is. */
	shrinker->batch = 1;
	shrinker->seeks = DEFAULT_SEEKS;
	ret = ndshm_shrinker_start(shrinker, &caches);
	if (!ret)
		return 0;
	shrinker_free(shrinker);
err_cache:
	kmem_cache_destroy(recycled_cache);
	return ret;
}

void ndshm_recycled_teardown(void)
{
	shrinker_free(shrinker);
	list_lru_destroy(&caches);
	kmem_cache_destroy(recycled_cache);
}
