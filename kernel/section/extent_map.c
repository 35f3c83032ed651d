// SPDX-License-Identifier: GPL-2.0
/*
 * All runs are on one list by address. Free runs and holes are each in an rbtree that is augmented
 * with the longest run below, which makes first fit O(log n). Freeing a run reuses its own node
 * and merges its neighbours into it, so it needs no memory and cannot fail.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/rbtree_augmented.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "extent_map.h"

#define extent_of(node_) rb_entry_safe(node_, struct ndshm_extent, node)

static inline u32 extent_count(struct ndshm_extent *extent)
{
	return extent->count;
}

RB_DECLARE_CALLBACKS_MAX(static, longest_callbacks, struct ndshm_extent, node, u32,
			 longest, extent_count)

static struct ndshm_extent *extent_alloc(gfp_t gfp)
{
	return kmalloc(sizeof(struct ndshm_extent), gfp);
}

int ndshm_prealloc_fill(struct ndshm_prealloc *prealloc, gfp_t gfp)
{
	prealloc->extents[0] = extent_alloc(gfp);
	prealloc->extents[1] = extent_alloc(gfp);
	if (prealloc->extents[0] && prealloc->extents[1])
		return 0;
	ndshm_prealloc_free(prealloc);
	*prealloc = (struct ndshm_prealloc){};
	return -ENOMEM;
}

void ndshm_prealloc_free(struct ndshm_prealloc *prealloc)
{
	kfree(prealloc->extents[0]);
	kfree(prealloc->extents[1]);
}

static struct ndshm_extent *prealloc_use(struct ndshm_prealloc *prealloc)
{
	unsigned int i = prealloc->extents[0] ? 0 : 1;
	struct ndshm_extent *extent = prealloc->extents[i];

	prealloc->extents[i] = NULL;
	return extent;
}

static void extent_map_insert(struct ndshm_extent_map *map, struct ndshm_extent *extent)
{
	struct rb_root *tree = &map->trees[extent->kind];
	struct rb_node **link = &tree->rb_node, *parent = NULL;
	struct ndshm_extent *above;

	while (*link) {
		parent = *link;
		above = extent_of(parent);
		above->longest = max(above->longest, extent->count);
		link = extent->start < above->start ? &parent->rb_left :
						   &parent->rb_right;
	}
	extent->longest = extent->count;
	rb_link_node(&extent->node, parent, link);
	rb_insert_augmented(&extent->node, tree, &longest_callbacks);
}

static void extent_map_remove(struct ndshm_extent_map *map, struct ndshm_extent *extent)
{
	rb_erase_augmented(&extent->node, &map->trees[extent->kind],
			   &longest_callbacks);
}

static u32 extent_longest_below(struct rb_node *node)
{
	return node ? extent_of(node)->longest : 0;
}

/* Return: the lowest run of at least @count pages below @node. One must exist. */
static struct ndshm_extent *extent_lowest_below(struct rb_node *node, u32 count)
{
	for (;;) {
		if (extent_longest_below(node->rb_left) >= count) {
			node = node->rb_left;
			continue;
		}
		if (extent_of(node)->count >= count)
			return extent_of(node);
		node = node->rb_right;
	}
}

static struct ndshm_extent *extent_first_fit(const struct rb_root *tree, u32 count)
{
	return extent_longest_below(tree->rb_node) >= count ?
	       extent_lowest_below(tree->rb_node, count) : NULL;
}

static struct ndshm_extent *extent_next_fit(struct ndshm_extent *extent, u32 count)
{
	struct rb_node *node = &extent->node, *parent;

	if (extent_longest_below(node->rb_right) >= count)
		return extent_lowest_below(node->rb_right, count);
	for (; (parent = rb_parent(node)); node = parent) {
		if (node == parent->rb_right)
			continue;
		if (extent_of(parent)->count >= count)
			return extent_of(parent);
		if (extent_longest_below(parent->rb_right) >= count)
			return extent_lowest_below(parent->rb_right, count);
	}
	return NULL;
}

struct ndshm_extent *ndshm_extents_find(const struct rb_root *tree, u32 at)
{
	struct rb_node *node = tree->rb_node;
	struct ndshm_extent *extent, *behind = NULL;

	while (node) {
		extent = extent_of(node);
		if (at >= ndshm_extent_end(extent)) {
			node = node->rb_right;
			continue;
		}
		behind = extent;
		if (at >= extent->start)
			break;
		node = node->rb_left;
	}
	return behind;
}

static bool extent_starts_before(struct rb_node *node, const struct rb_node *other)
{
	return extent_of(node)->start < extent_of(other)->start;
}

void ndshm_extents_insert(struct rb_root *tree, struct ndshm_extent *extent)
{
	rb_add(&extent->node, tree, extent_starts_before);
}

/*
 * One search examines at most this many runs that are long enough but misaligned, since the caller
 * holds a spinlock.
 */
#define MOST_LOOKS	4096

/* Return: true if @count aligned pages fit between @from and @to; stores the first in *@start. */
static bool extent_fits(u32 from, u32 to, u32 count, u32 alignment, u32 *start)
{
	u64 at = ALIGN((u64)from, alignment);

	*start = at;
	return at + count <= to;
}

bool ndshm_extent_map_find_free(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start)
{
	const struct rb_root *tree = &map->trees[NDSHM_MAP_FREE];
	unsigned int peeks = MOST_LOOKS;
	struct ndshm_extent *extent;
	u32 enough;

	for (extent = extent_first_fit(tree, count); extent && peeks--;
	     extent = extent_next_fit(extent, count))
		if (extent_fits(extent->start, ndshm_extent_end(extent), count, alignment,
				start))
			return true;
	/* At the limit, look for a run that is long enough for any misalignment. */
	if (!extent || check_add_overflow(count, alignment - 1, &enough))
		return false;
	extent = extent_first_fit(tree, enough);
	return extent && extent_fits(extent->start, ndshm_extent_end(extent), count,
				     alignment, start);
}

bool ndshm_extent_map_is_free(const struct ndshm_extent_map *map, u32 start, u32 count)
{
	const struct ndshm_extent *extent = ndshm_extents_find(&map->trees[NDSHM_MAP_FREE],
							       start);

	return extent && extent->start <= start && count <= ndshm_extent_end(extent) - start;
}

static struct ndshm_extent *extent_before(const struct ndshm_extent_map *map,
					  struct ndshm_extent *extent)
{
	return list_is_first(&extent->link, &map->extents) ?
	       NULL : list_prev_entry(extent, link);
}

static struct ndshm_extent *extent_behind(const struct ndshm_extent_map *map,
					  struct ndshm_extent *extent)
{
	return list_is_last(&extent->link, &map->extents) ?
	       NULL : list_next_entry(extent, link);
}

/*
 * Neighbours of one kind are merged, so free runs and holes alternate up to the next allocated
 * run. All of them together are one place.
 */
bool ndshm_extent_map_find_room(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start)
{
	struct ndshm_extent *hole, *extent;
	u32 from, to;

	hole = extent_of(rb_first(&map->trees[NDSHM_MAP_HOLE]));
	while (hole) {
		extent = extent_before(map, hole);
		from = extent && extent->kind == NDSHM_MAP_FREE ? extent->start :
							    hole->start;
		to = ndshm_extent_end(hole);
		for (extent = extent_behind(map, hole);
		     extent && extent->kind < NDSHM_MAP_ALLOCATED;
		     extent = extent_behind(map, extent)) {
			to = ndshm_extent_end(extent);
			if (extent->kind == NDSHM_MAP_HOLE)
				hole = extent;
		}
		if (extent_fits(from, to, count, alignment, start))
			return true;
		hole = extent_of(rb_next(&hole->node));
	}
	return false;
}

bool ndshm_extent_map_next_hole(const struct ndshm_extent_map *map, u32 *start,
				u32 *count, u32 end)
{
	struct ndshm_extent *hole = ndshm_extents_find(&map->trees[NDSHM_MAP_HOLE],
						       *start);

	if (!hole || max(*start, hole->start) >= end)
		return false;
	*start = max(*start, hole->start);
	*count = min(end, ndshm_extent_end(hole)) - *start;
	return true;
}

bool ndshm_extent_map_allocated(const struct ndshm_extent_map *map, u32 start, u32 end)
{
	const struct ndshm_extent *extent;
	unsigned int kind;

	for (kind = 0; kind < ARRAY_SIZE(map->trees); kind++) {
		extent = ndshm_extents_find(&map->trees[kind], start);
		if (extent && extent->start < end)
			return false;
	}
	return true;
}

/* Cut @extent at @at. Return: the second part, which is in no tree. */
static struct ndshm_extent *extent_split(struct ndshm_extent *extent, u32 at,
					 struct ndshm_prealloc *prealloc)
{
	struct ndshm_extent *rest = prealloc_use(prealloc);

	rest->start = at;
	rest->count = ndshm_extent_end(extent) - at;
	rest->kind = extent->kind;
	list_add(&rest->link, &extent->link);
	extent->count = at - extent->start;
	return rest;
}

/* Cut the pages out of the run of @kind that contains them. Return: a run that is in no tree. */
static struct ndshm_extent *extent_map_cut(struct ndshm_extent_map *map,
					   enum ndshm_extent_kind kind, u32 start,
					   u32 count, struct ndshm_prealloc *prealloc)
{
	struct ndshm_extent *extent = ndshm_extents_find(&map->trees[kind], start);
	struct ndshm_extent *first = extent;

	extent_map_remove(map, extent);
	if (start + count < ndshm_extent_end(extent))
		extent_map_insert(map, extent_split(extent, start + count, prealloc));
	if (extent->start < start) {
		extent = extent_split(extent, start, prealloc);
		extent_map_insert(map, first);
	}
	return extent;
}

/* Merge @other, a neighbour of @extent or NULL, into @extent if both have the same kind. */
static void extent_map_absorb(struct ndshm_extent_map *map, struct ndshm_extent *extent,
			      struct ndshm_extent *other)
{
	if (!other || other->kind != extent->kind)
		return;
	extent_map_remove(map, other);
	list_del(&other->link);
	extent->start = min(extent->start, other->start);
	extent->count += other->count;
	kfree(other);
}

struct ndshm_extent *ndshm_extent_map_alloc(struct ndshm_extent_map *map, u32 start,
					    u32 count,
					    struct ndshm_prealloc *prealloc)
{
	struct ndshm_extent *extent = extent_map_cut(map, NDSHM_MAP_FREE, start, count,
						     prealloc);

	extent->kind = NDSHM_MAP_ALLOCATED;
	return extent;
}

void ndshm_extent_map_free(struct ndshm_extent_map *map, struct ndshm_extent *extent,
			   enum ndshm_extent_kind kind)
{
	extent->kind = kind;
	extent_map_absorb(map, extent, extent_before(map, extent));
	extent_map_absorb(map, extent, extent_behind(map, extent));
	extent_map_insert(map, extent);
}

void ndshm_extent_map_commit(struct ndshm_extent_map *map, u32 start, u32 count,
			     struct ndshm_prealloc *prealloc)
{
	ndshm_extent_map_free(map,
			      extent_map_cut(map, NDSHM_MAP_HOLE, start, count, prealloc),
			      NDSHM_MAP_FREE);
}

/* Append a run behind all others, if it has pages. */
static int extent_map_append(struct ndshm_extent_map *map, enum ndshm_extent_kind kind, u32 start,
			     u32 count)
{
	struct ndshm_extent *extent;

	if (!count)
		return 0;
	extent = extent_alloc(NDSHM_GFP_CHARGED);
	if (!extent)
		return -ENOMEM;
	extent->start = start;
	extent->count = count;
	extent->kind = kind;
	list_add_tail(&extent->link, &map->extents);
	extent_map_insert(map, extent);
	return 0;
}

int ndshm_extent_map_init(struct ndshm_extent_map *map, u32 count, u32 initial)
{
	int ret;

	*map = (struct ndshm_extent_map){};
	INIT_LIST_HEAD(&map->extents);
	ret = extent_map_append(map, NDSHM_MAP_FREE, 0, initial) ?:
	      extent_map_append(map, NDSHM_MAP_HOLE, initial, count - initial);
	if (ret)
		ndshm_extent_map_fini(map);
	return ret;
}

void ndshm_extent_map_fini(struct ndshm_extent_map *map)
{
	struct ndshm_extent *extent, *next;

	list_for_each_entry_safe(extent, next, &map->extents, link) {
		kfree(extent);
		cond_resched();
	}
}
