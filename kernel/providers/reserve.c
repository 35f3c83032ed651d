// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve of the provider "reserve". Its chunks belong to the machine: no memory cgroup is
 * charged for them, but a user is charged for blocks as of every provider.
 *
 * A chunk is zeroed when it is taken, by the task that allocates. When it is put, nothing maps it,
 * but there can be other references (struct ndshm_reserve_pins).
 */
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/xarray.h>

#include "pages.h"
#include "reserve.h"

#define CHUNK_SHIFT	(PAGE_SHIFT + NDSHM_HUGE_ORDER)
#define CHUNK_BYTES	((u64)PAGE_SIZE << NDSHM_HUGE_ORDER)
#define CHUNK_PAGES	(CHUNK_BYTES >> PAGE_SHIFT)

/* Not charged, and without the OOM killer. */
#define ARRAY_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define CHUNK_GFP	(ARRAY_GFP | __GFP_COMP | __GFP_THISNODE)

/* A request of generic netlink delays the registration of families, and these all requests. */
#define GROW_TIME	(HZ / 4)

static ulong reserve;
module_param(reserve, ulong, 0444);
MODULE_PARM_DESC(reserve, "Memory for the provider \"reserve\" at load (bytes)");

/*
 * The chunks, by chunk_index(). Its lock protects the variables below, too, and is innermost. It is
 * not held while chunks are allocated, zeroed or freed: these have no mark.
 */
static DEFINE_XARRAY(reserve_array);
#define CHUNK_FREE	XA_MARK_0

/* Chunks that are free or in use, those that are free, and how many there should be. */
static u32 reserve_chunks, reserve_free, reserve_wanted;

/* Node of the last new chunk. */
static int reserve_node = NUMA_NO_NODE;

static const struct ndshm_reserve_pins *reserve_pins __ro_after_init;

bool ndshm_chunk_broken(struct page *page)
{
	unsigned long i;

	for (i = 0; i < compound_nr(page); i++)
		if (PageHWPoison(page + i))
			return true;
	return false;
}

static void chunk_zero(struct page *page)
{
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}

/* A broken chunk must not be freed, since it cannot be split. */
static void chunk_release(struct page *page, bool broken)
{
	if (!broken)
		put_page(page);
}

static unsigned long chunk_index(struct page *page)
{
	return page_to_pfn(page) >> NDSHM_HUGE_ORDER;
}

static void reserve_mark_free(struct page *page)
{
	lockdep_assert_held(&reserve_array.xa_lock);

	__xa_set_mark(&reserve_array, chunk_index(page), CHUNK_FREE);
	reserve_free++;
}

static void reserve_clear_free(struct page *page)
{
	lockdep_assert_held(&reserve_array.xa_lock);

	__xa_clear_mark(&reserve_array, chunk_index(page), CHUNK_FREE);
	reserve_free--;
}

/* A chunk that is not free leaves the reserve. */
static void reserve_erase(struct page *page)
{
	lockdep_assert_held(&reserve_array.xa_lock);

	__xa_erase(&reserve_array, chunk_index(page));
	reserve_chunks--;
}

/* Return: a free chunk of @node (or of any) with an index from @first to @last, or NULL. */
static struct page *reserve_find(int node, unsigned long first, unsigned long last)
{
	XA_STATE(xas, &reserve_array, first);
	struct page *page;

	lockdep_assert_held(&reserve_array.xa_lock);

	/* The memory of nodes can overlap. */
	xas_for_each_marked(&xas, page, last, CHUNK_FREE)
		if (node == NUMA_NO_NODE || page_to_nid(page) == node)
			return page;
	return NULL;
}

/*
 * Return: a free chunk that ends at @last or before, not free any more, or NULL. High memory first:
 * other devices may not reach it.
 */
static struct page *reserve_take_of(int node, phys_addr_t last)
{
	unsigned long first = 0, low, high;
	struct page *page;

	lockdep_assert_held(&reserve_array.xa_lock);

	if (last < CHUNK_BYTES - 1)
		return NULL;
	high = min_t(u64, (last - (CHUNK_BYTES - 1)) >> CHUNK_SHIFT, ULONG_MAX);
	if (node != NUMA_NO_NODE) {
		first = node_start_pfn(node) >> NDSHM_HUGE_ORDER;
		high = min(high, node_end_pfn(node) >> NDSHM_HUGE_ORDER);
	}
	/* Those of as many address bits as the highest, then of a bit less, and so on. */
	while (high >= first) {
		low = high ? rounddown_pow_of_two(high) : 0;
		page = reserve_find(node, max(low, first), high);
		if (page) {
			reserve_clear_free(page);
			return page;
		}
		if (low <= first)
			break;
		high = low - 1;
	}
	return NULL;
}

static struct page *reserve_take(int node, phys_addr_t last)
{
	struct page *page = NULL;

	xa_lock(&reserve_array);
	if (node != NUMA_NO_NODE && node_online(node))
		page = reserve_take_of(node, last);
	if (!page)
		page = reserve_take_of(NUMA_NO_NODE, last);
	xa_unlock(&reserve_array);
	return page;
}

static void reserve_remove(struct page *page)
{
	xa_lock(&reserve_array);
	reserve_erase(page);
	xa_unlock(&reserve_array);
}

/* Return: a chunk, neither free nor broken, or NULL. A chunk may have broken while it was free. */
static struct page *reserve_take_whole(int node, phys_addr_t last)
{
	struct page *page;

	while ((page = reserve_take(node, last)) && ndshm_chunk_broken(page))
		reserve_remove(page);
	return page;
}

struct page *ndshm_reserve_get(int node, phys_addr_t last)
{
	struct page *page = reserve_take_whole(node, last);

	if (!page) {
		/* Chunks that are not pinned any more may be kept for a second. */
		reserve_pins->reap();
		page = reserve_take_whole(node, last);
	}
	if (page)
		chunk_zero(page);
	return page;
}

/* Return: false if nothing was done because the chunk is in use, and is not @kept. */
static bool reserve_put(struct page *page, bool kept)
{
	const bool broken = ndshm_chunk_broken(page);
	const bool used = page_count(page) > 1;
	bool reuse = !broken && !used;

	if (used && !broken && !kept)
		return false;
	xa_lock(&reserve_array);
	reuse &= reserve_chunks <= reserve_wanted;
	if (reuse)
		reserve_mark_free(page);
	else if (!kept)
		reserve_erase(page);
	xa_unlock(&reserve_array);
	if (!reuse)
		chunk_release(page, broken && !kept);
	return true;
}

/* The chunk leaves the reserve, and is freed by whoever uses it. */
static void reserve_release(struct page *page)
{
	reserve_remove(page);
	put_page(page);
}

void ndshm_reserve_put(struct page *page)
{
	/* Also a short reference of mm's keeps the chunk. */
	if (!reserve_put(page, false) &&
	    !reserve_put(page, reserve_pins->keep(page_folio(page))))
		reserve_release(page);
}

bool ndshm_reserve_put_kept(struct folio *folio)
{
	struct page *page = folio_page(folio, 0);

	/* Chunks stay in the array as long as they are kept. */
	if (xa_load(&reserve_array, chunk_index(page)) != page)
		return false;
	if (!reserve_put(page, false))
		reserve_release(page);
	return true;
}

void ndshm_reserve_peek(struct ndshm_reserve_view *view)
{
	xa_lock(&reserve_array);
	*view = (struct ndshm_reserve_view){
		.size = reserve_wanted * CHUNK_BYTES,
		.chunk_size = CHUNK_BYTES,
		.chunks = reserve_chunks,
		.free = reserve_free,
	};
	xa_unlock(&reserve_array);
}

/*
 * Resizing
 */

/* Return: a free chunk above the size, which is not in the reserve any more, or NULL. */
static struct page *reserve_take_excess(void)
{
	struct page *page = NULL;

	xa_lock(&reserve_array);
	if (reserve_chunks > reserve_wanted)
		page = reserve_take_of(NUMA_NO_NODE, PHYS_ADDR_MAX);
	if (page)
		reserve_erase(page);
	xa_unlock(&reserve_array);
	return page;
}

static int reserve_shrink(unsigned long deadline)
{
	struct page *page;

	while ((page = reserve_take_excess())) {
		chunk_release(page, ndshm_chunk_broken(page));
		cond_resched();
		if (time_after(jiffies, deadline))
			return -EAGAIN;
	}
	return 0;
}

static bool reserve_lacks(void)
{
	bool lacks;

	xa_lock(&reserve_array);
	lacks = reserve_chunks < reserve_wanted;
	xa_unlock(&reserve_array);
	return lacks;
}

/* Add a new chunk, or free it if others have added enough meanwhile, or without memory. */
static int reserve_add(struct page *page)
{
	int ret = xa_reserve(&reserve_array, chunk_index(page), ARRAY_GFP);
	bool add;

	xa_lock(&reserve_array);
	add = !ret && reserve_chunks < reserve_wanted;
	if (add) {
		__xa_store(&reserve_array, chunk_index(page), page, 0);
		reserve_mark_free(page);
		reserve_chunks++;
	}
	xa_unlock(&reserve_array);
	if (!add) {
		xa_release(&reserve_array, chunk_index(page));
		chunk_release(page, false);
	}
	return ret;
}

/*
 * Allocate a chunk on the next node in @nodes, and remove those without memory from @nodes.
 * Return: NULL if none is left.
 */
static struct page *chunk_alloc(nodemask_t *nodes)
{
	struct page *page;
	int node;

	while (!nodes_empty(*nodes)) {
		xa_lock(&reserve_array);
		node = next_node_in(reserve_node, *nodes);
		reserve_node = node;
		xa_unlock(&reserve_array);
		page = alloc_pages_node(node, CHUNK_GFP, NDSHM_HUGE_ORDER);
		if (page)
			return page;
		node_clear(node, *nodes);
	}
	return NULL;
}

static int reserve_grow(unsigned long deadline)
{
	nodemask_t nodes = node_states[N_MEMORY];
	struct page *page;
	int ret;

	/* At least one chunk, so that requests that are repeated come to an end. */
	while (reserve_lacks()) {
		if (fatal_signal_pending(current))
			return -EINTR;
		page = chunk_alloc(&nodes);
		if (!page)
			return -ENOMEM;
		ret = reserve_add(page);
		if (ret)
			return ret;
		cond_resched();
		if (time_after(jiffies, deadline) && reserve_lacks())
			return -EAGAIN;
	}
	return 0;
}

static int reserve_resize(u64 bytes, unsigned long time)
{
	if (bytes > (u64)totalram_pages() << PAGE_SHIFT)
		return -ERANGE;
	xa_lock(&reserve_array);
	reserve_wanted = DIV_ROUND_UP_ULL(bytes, CHUNK_BYTES);
	xa_unlock(&reserve_array);
	return reserve_shrink(jiffies + time) ?: reserve_grow(jiffies + time);
}

int ndshm_reserve_resize(u64 bytes)
{
	return reserve_resize(bytes, GROW_TIME);
}

int __init ndshm_reserve_setup(const struct ndshm_reserve_pins *pins)
{
	int ret;

	reserve_pins = pins;
	ret = reserve_resize(reserve, MAX_JIFFY_OFFSET);
	/* The module is of use without, and the reserve can be resized. */
	if (ret)
		pr_warn("ndshm: reserve: %u chunks of %llu bytes instead of %lu bytes (error %d); set reserve= to less, or load the module earlier\n",
			reserve_chunks, CHUNK_BYTES, reserve, ret);
	return 0;
}

void ndshm_reserve_teardown(void)
{
	reserve_wanted = 0;
	reserve_shrink(jiffies + MAX_JIFFY_OFFSET);
	/* A block that is kept after the end of its provider is never freed. */
	WARN_ON(reserve_chunks);
	xa_destroy(&reserve_array);
}
