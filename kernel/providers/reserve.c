// SPDX-License-Identifier: GPL-2.0
/*
 * The reserve of the provider "reserve". Its chunks belong to the machine: no memory cgroup is
 * charged for them, as for huge pages of hugetlbfs, but a user is charged for blocks as of every
 * provider.
 *
 * A chunk is zeroed when it is taken, by the task that allocates. When it is put, nothing maps it.
 */
#include <linux/highmem.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/sysfs.h>
#include <linux/xarray.h>

#include "pages.h"
#include "reserve.h"

#define CHUNK_SHIFT	(PAGE_SHIFT + NDSHM_HUGE_ORDER)
#define CHUNK_BYTES	((u64)PAGE_SIZE << NDSHM_HUGE_ORDER)
#define CHUNK_PAGES	(CHUNK_BYTES >> PAGE_SHIFT)

/* Not charged, and without the OOM killer. */
#define ARRAY_GFP	(GFP_KERNEL | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)
#define CHUNK_GFP	(ARRAY_GFP | __GFP_COMP | __GFP_THISNODE)

/*
 * The chunks, by chunk_index(). Its lock protects the variables below, too, and is innermost. It is
 * not held while chunks are allocated, zeroed or freed: these have no mark.
 */
static DEFINE_XARRAY(reserve_array);
#define CHUNK_FREE	XA_MARK_0

/* Chunks that are free or in use, those that are free, and how many there should be. */
static u32 reserve_chunks, reserve_free, reserve_wanted;

/*
 * Node of the last new chunk, the size at load in bytes, and whether the parameter sets the size:
 * from init to exit. Protected by the lock of the module's parameters.
 */
static int reserve_node = NUMA_NO_NODE;
static unsigned long reserve_at_load;
static bool reserve_ready;

static void chunk_zero(struct page *page)
{
	unsigned long i;

	for (i = 0; i < CHUNK_PAGES; i++) {
		clear_highpage(page + i);
		cond_resched();
	}
}

/* A broken chunk must not be freed, since it cannot be split. */
static void reserve_chunk_put(struct page *page, bool broken)
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
static void reserve_remove_locked(struct page *page)
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
	reserve_remove_locked(page);
	xa_unlock(&reserve_array);
}

struct page *ndshm_reserve_get(int node, phys_addr_t last)
{
	struct page *page;

	/* A chunk may have broken while it was free. */
	while ((page = reserve_take(node, last)) && ndshm_chunk_broken(page))
		reserve_remove(page);
	if (page)
		chunk_zero(page);
	return page;
}

void ndshm_reserve_put(struct page *page)
{
	const bool broken = ndshm_chunk_broken(page);
	const bool pinned = page_count(page) > 1;
	bool wanted, reuse;

	xa_lock(&reserve_array);
	wanted = reserve_chunks <= reserve_wanted;
	reuse = wanted && !broken && !pinned;
	if (reuse)
		reserve_mark_free(page);
	else
		reserve_remove_locked(page);
	xa_unlock(&reserve_array);
	if (reuse)
		return;
	if (wanted && pinned)
		pr_warn_ratelimited("ndshm: reserve: %llu bytes lost, pinned when their block was freed; set reserve= again to replace them\n",
				    CHUNK_BYTES);
	reserve_chunk_put(page, broken);
}

/*
 * Resizing. The lock of the module's parameters serialises it.
 */

/* Return: a free chunk above the size, which is not in the reserve any more, or NULL. */
static struct page *reserve_take_excess(void)
{
	struct page *page = NULL;

	xa_lock(&reserve_array);
	if (reserve_chunks > reserve_wanted)
		page = reserve_take_of(NUMA_NO_NODE, PHYS_ADDR_MAX);
	if (page)
		reserve_remove_locked(page);
	xa_unlock(&reserve_array);
	return page;
}

static void reserve_free_excess(void)
{
	struct page *page;

	while ((page = reserve_take_excess())) {
		reserve_chunk_put(page, ndshm_chunk_broken(page));
		cond_resched();
	}
}

static int reserve_add(struct page *page)
{
	int ret;

	xa_lock(&reserve_array);
	ret = xa_err(__xa_store(&reserve_array, chunk_index(page), page, ARRAY_GFP));
	if (!ret) {
		reserve_mark_free(page);
		reserve_chunks++;
	}
	xa_unlock(&reserve_array);
	return ret;
}

/*
 * Allocate a chunk on the next node in @nodes, and remove those without memory from @nodes.
 * Return: NULL if none is left.
 */
static struct page *chunk_alloc(nodemask_t *nodes)
{
	struct page *page;

	while (!nodes_empty(*nodes)) {
		reserve_node = next_node_in(reserve_node, *nodes);
		page = alloc_pages_node(reserve_node, CHUNK_GFP, NDSHM_HUGE_ORDER);
		if (page)
			return page;
		node_clear(reserve_node, *nodes);
	}
	return NULL;
}

/* A 64th of the memory stays, or the next page of any program could start the OOM killer. */
static bool reserve_may_grow(void)
{
	return si_mem_available() >= (long)(totalram_pages() >> 6);
}

static int reserve_grow(void)
{
	nodemask_t nodes = node_states[N_MEMORY];
	struct page *page;
	int ret;

	while (READ_ONCE(reserve_chunks) < reserve_wanted) {
		if (fatal_signal_pending(current))
			return -EINTR;
		page = reserve_may_grow() ? chunk_alloc(&nodes) : NULL;
		if (!page)
			return -ENOMEM;
		ret = reserve_add(page);
		if (ret) {
			reserve_chunk_put(page, false);
			return ret;
		}
		cond_resched();
	}
	return 0;
}

/* Return: 0; -ERANGE; or -ENOMEM or -EINTR, with the chunks that were allocated. */
static int reserve_resize(u64 bytes)
{
	if (bytes > (u64)totalram_pages() << PAGE_SHIFT)
		return -ERANGE;
	xa_lock(&reserve_array);
	reserve_wanted = DIV_ROUND_UP_ULL(bytes, CHUNK_BYTES);
	xa_unlock(&reserve_array);
	reserve_free_excess();
	return reserve_grow();
}

static int reserve_param_set(const char *value, const struct kernel_param *kp)
{
	unsigned long bytes;
	int ret = kstrtoul(value, 0, &bytes);

	if (ret)
		return ret;
	if (reserve_ready)
		return reserve_resize(bytes);
	reserve_at_load = bytes;
	return 0;
}

/* @arg: the number of chunks */
static int reserve_param_get(char *buffer, const struct kernel_param *kp)
{
	const u32 *chunks = kp->arg;

	return sysfs_emit(buffer, "%llu\n", READ_ONCE(*chunks) * CHUNK_BYTES);
}

static const struct kernel_param_ops reserve_param_ops = {
	.set = reserve_param_set,
	.get = reserve_param_get,
};

static const struct kernel_param_ops reserve_free_param_ops = { .get = reserve_param_get };

module_param_cb(reserve, &reserve_param_ops, &reserve_chunks, 0644);
MODULE_PARM_DESC(reserve, "Memory of the provider \"reserve\" (bytes)");
/* Its changes reveal what other users do. */
module_param_cb(reserve_free, &reserve_free_param_ops, &reserve_free, 0400);
MODULE_PARM_DESC(reserve_free, "Memory of the provider \"reserve\" that is not in use (bytes)");

void __init ndshm_reserve_init(void)
{
	int ret;

	kernel_param_lock(THIS_MODULE);
	ret = reserve_resize(reserve_at_load);
	reserve_ready = true;
	kernel_param_unlock(THIS_MODULE);
	/* The module is of use without, and the reserve can be resized. */
	if (ret)
		pr_warn("ndshm: reserve: %u chunks of %llu bytes instead of %lu bytes (error %d); set reserve= to less, or load the module earlier\n",
			reserve_chunks, CHUNK_BYTES, reserve_at_load, ret);
}

void ndshm_reserve_exit(void)
{
	kernel_param_lock(THIS_MODULE);
	reserve_ready = false;
	reserve_wanted = 0;
	reserve_free_excess();
	kernel_param_unlock(THIS_MODULE);
	/* A block that is kept after the end of its provider is never freed. */
	WARN_ON(reserve_chunks);
	xa_destroy(&reserve_array);
}
