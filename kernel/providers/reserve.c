// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve of the provider "reserve". Its chunks belong to the machine: no memory cgroup is
 * charged for them, but a user is charged for blocks as of every provider.
 *
 * A chunk is zeroed when it is taken, by the task that allocates. When it is put, it stays only if
 * there is no other reference: nothing maps it then, and nothing has pinned it.
 */
#include <linux/highmem.h>
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "pages.h"
#include "reserve.h"

#define CHUNK_BYTES	((u64)PAGE_SIZE << NDSHM_HUGE_ORDER)
#define CHUNK_PAGES	(CHUNK_BYTES >> PAGE_SHIFT)

/* Not charged, and without the OOM killer. */
#define CHUNK_GFP	(GFP_KERNEL | __GFP_COMP | __GFP_THISNODE | \
			 __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/* A request of generic netlink delays the registration of families, and these all requests. */
#define GROW_TIME	(HZ / 4)

static ulong reserve;
module_param(reserve, ulong, 0444);
MODULE_PARM_DESC(reserve, "Memory for the provider \"reserve\" at load (bytes)");

/*
 * Protects the variables below, innermost. It is not held while chunks are allocated, zeroed or
 * freed: these are on no list.
 */
static DEFINE_SPINLOCK(reserve_lock);
/* Number of address bits of a chunk. */
#define CHUNK_BITS	64

/*
 * Free chunks of each node and number of address bits, linked by page->lru. A device that reaches
 * all of a number of bits can use the first chunk of the list.
 */
static struct list_head (*reserve_free)[CHUNK_BITS + 1];
static u32 reserve_free_count;
/* Chunks that are free or in use, and how many there should be. */
static u32 reserve_chunks, reserve_wanted;

/* Node of the last new chunk. */
static int reserve_node = NUMA_NO_NODE;

static bool chunk_broken(struct page *page)
{
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++)
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

static phys_addr_t chunk_last(struct page *page)
{
	return page_to_phys(page) + CHUNK_BYTES - 1;
}

static void reserve_link(struct page *page)
{
	lockdep_assert_held(&reserve_lock);

	list_add(&page->lru, &reserve_free[page_to_nid(page)][fls64(chunk_last(page))]);
	reserve_free_count++;
}

static void reserve_unlink(struct page *page)
{
	lockdep_assert_held(&reserve_lock);

	list_del(&page->lru);
	reserve_free_count--;
}

/*
 * Return: a free chunk of @node, not linked, or NULL. High memory first: other devices may not
 * reach it.
 */
static struct page *reserve_take_of(int node, phys_addr_t last)
{
	struct page *page;
	int bits;

	lockdep_assert_held(&reserve_lock);

	for (bits = fls64(last); bits > 0; bits--)
		list_for_each_entry(page, &reserve_free[node][bits], lru)
			if (chunk_last(page) <= last) {
				reserve_unlink(page);
				return page;
			}
	return NULL;
}

static struct page *reserve_take(int node, phys_addr_t last)
{
	struct page *page = NULL;
	int other;

	spin_lock(&reserve_lock);
	if (node != NUMA_NO_NODE)
		page = reserve_take_of(node, last);
	for (other = 0; other < nr_node_ids && !page; other++)
		page = reserve_take_of(other, last);
	spin_unlock(&reserve_lock);
	return page;
}

/* Remove a chunk that is not linked. */
static void reserve_remove(void)
{
	spin_lock(&reserve_lock);
	reserve_chunks--;
	spin_unlock(&reserve_lock);
}

struct page *ndshm_reserve_get(int node, phys_addr_t last)
{
	struct page *page;

	/* A chunk may have broken while it was free. */
	while ((page = reserve_take(node, last)) && chunk_broken(page))
		reserve_remove();
	if (page)
		chunk_zero(page);
	return page;
}

void ndshm_reserve_put(struct page *page)
{
	const bool broken = chunk_broken(page);
	bool keep = !broken && page_count(page) == 1;

	spin_lock(&reserve_lock);
	keep &= reserve_chunks <= reserve_wanted;
	if (keep)
		reserve_link(page);
	else
		reserve_chunks--;
	spin_unlock(&reserve_lock);
	if (!keep)
		chunk_release(page, broken);
}

void ndshm_reserve_peek(struct ndshm_reserve_view *view)
{
	spin_lock(&reserve_lock);
	*view = (struct ndshm_reserve_view){
		.size = reserve_wanted * CHUNK_BYTES,
		.chunk_size = CHUNK_BYTES,
		.chunks = reserve_chunks,
		.free = reserve_free_count,
	};
	spin_unlock(&reserve_lock);
}

/*
 * Resizing
 */

/* Return: a free chunk above the size, which is not in the reserve any more, or NULL. */
static struct page *reserve_take_excess(void)
{
	struct page *page = NULL;
	int node;

	spin_lock(&reserve_lock);
	for (node = 0; node < nr_node_ids && reserve_chunks > reserve_wanted && !page; node++)
		page = reserve_take_of(node, PHYS_ADDR_MAX);
	if (page)
		reserve_chunks--;
	spin_unlock(&reserve_lock);
	return page;
}

static int reserve_shrink(unsigned long deadline)
{
	struct page *page;

	while ((page = reserve_take_excess())) {
		chunk_release(page, chunk_broken(page));
		cond_resched();
		if (time_after(jiffies, deadline))
			return -EAGAIN;
	}
	return 0;
}

static bool reserve_lacks(void)
{
	bool lacks;

	spin_lock(&reserve_lock);
	lacks = reserve_chunks < reserve_wanted;
	spin_unlock(&reserve_lock);
	return lacks;
}

/* Add a new chunk, or free it if others have added enough meanwhile. */
static void reserve_add(struct page *page)
{
	bool add;

	spin_lock(&reserve_lock);
	add = reserve_chunks < reserve_wanted;
	if (add) {
		reserve_link(page);
		reserve_chunks++;
	}
	spin_unlock(&reserve_lock);
	if (!add)
		chunk_release(page, false);
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
		spin_lock(&reserve_lock);
		node = next_node_in(reserve_node, *nodes);
		reserve_node = node;
		spin_unlock(&reserve_lock);
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

	/* At least one chunk, so that requests that are repeated come to an end. */
	while (reserve_lacks()) {
		if (fatal_signal_pending(current))
			return -EINTR;
		page = chunk_alloc(&nodes);
		if (!page)
			return -ENOMEM;
		reserve_add(page);
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
	spin_lock(&reserve_lock);
	reserve_wanted = DIV_ROUND_UP_ULL(bytes, CHUNK_BYTES);
	spin_unlock(&reserve_lock);
	return reserve_shrink(jiffies + time) ?: reserve_grow(jiffies + time);
}

int ndshm_reserve_resize(u64 bytes)
{
	return reserve_resize(bytes, GROW_TIME);
}

int __init ndshm_reserve_setup(void)
{
	int node, bits, ret;

	reserve_free = kcalloc(nr_node_ids, sizeof(*reserve_free), GFP_KERNEL);
	if (!reserve_free)
		return -ENOMEM;
	for (node = 0; node < nr_node_ids; node++)
		for (bits = 0; bits <= CHUNK_BITS; bits++)
			INIT_LIST_HEAD(&reserve_free[node][bits]);
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
	kfree(reserve_free);
}
