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

#define run_of(node_) rb_entry_safe(node_, struct ndshm_run, node)

static inline u32 run_count(struct ndshm_run *run)
{
	return run->count;
}

RB_DECLARE_CALLBACKS_MAX(static, longest_callbacks, struct ndshm_run, node, u32,
			 longest, run_count)

static struct ndshm_run *new_run(void)
{
	return kmalloc(sizeof(struct ndshm_run), NDSHM_GFP_CHARGED);
}

int ndshm_spare_runs_make(struct ndshm_spare_runs *spare)
{
	spare->runs[0] = new_run();
	spare->runs[1] = new_run();
	if (spare->runs[0] && spare->runs[1])
		return 0;
	ndshm_spare_runs_free(spare);
	*spare = (struct ndshm_spare_runs){};
	return -ENOMEM;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_spare_runs_make);

void ndshm_spare_runs_free(struct ndshm_spare_runs *spare)
{
	kfree(spare->runs[0]);
	kfree(spare->runs[1]);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_spare_runs_free);

static struct ndshm_run *use_spare(struct ndshm_spare_runs *spare)
{
	unsigned int i = spare->runs[0] ? 0 : 1;
	struct ndshm_run *run = spare->runs[i];

	spare->runs[i] = NULL;
	return run;
}

static void enter_tree(struct ndshm_extent_map *map, struct ndshm_run *run)
{
	struct rb_root *tree = &map->trees[run->kind];
	struct rb_node **link = &tree->rb_node, *parent = NULL;
	struct ndshm_run *above;

	while (*link) {
		parent = *link;
		above = run_of(parent);
		above->longest = max(above->longest, run->count);
		link = run->start < above->start ? &parent->rb_left :
						   &parent->rb_right;
	}
	run->longest = run->count;
	rb_link_node(&run->node, parent, link);
	rb_insert_augmented(&run->node, tree, &longest_callbacks);
}

static void leave_tree(struct ndshm_extent_map *map, struct ndshm_run *run)
{
	rb_erase_augmented(&run->node, &map->trees[run->kind],
			   &longest_callbacks);
}

static u32 longest_below(struct rb_node *node)
{
	return node ? run_of(node)->longest : 0;
}

/* Return: the lowest run of at least @count pages below @node. One must exist. */
static struct ndshm_run *lowest_below(struct rb_node *node, u32 count)
{
	for (;;) {
		if (longest_below(node->rb_left) >= count) {
			node = node->rb_left;
			continue;
		}
		if (run_of(node)->count >= count)
			return run_of(node);
		node = node->rb_right;
	}
}

static struct ndshm_run *first_fit(const struct rb_root *tree, u32 count)
{
	return longest_below(tree->rb_node) >= count ?
	       lowest_below(tree->rb_node, count) : NULL;
}

static struct ndshm_run *next_fit(struct ndshm_run *run, u32 count)
{
	struct rb_node *node = &run->node, *parent;

	if (longest_below(node->rb_right) >= count)
		return lowest_below(node->rb_right, count);
	for (; (parent = rb_parent(node)); node = parent) {
		if (node == parent->rb_right)
			continue;
		if (run_of(parent)->count >= count)
			return run_of(parent);
		if (longest_below(parent->rb_right) >= count)
			return lowest_below(parent->rb_right, count);
	}
	return NULL;
}

struct ndshm_run *ndshm_runs_find(const struct rb_root *tree, u32 at)
{
	struct rb_node *node = tree->rb_node;
	struct ndshm_run *run, *behind = NULL;

	while (node) {
		run = run_of(node);
		if (at >= ndshm_run_end(run)) {
			node = node->rb_right;
			continue;
		}
		behind = run;
		if (at >= run->start)
			break;
		node = node->rb_left;
	}
	return behind;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_runs_find);

static bool starts_before(struct rb_node *node, const struct rb_node *other)
{
	return run_of(node)->start < run_of(other)->start;
}

void ndshm_runs_insert(struct rb_root *tree, struct ndshm_run *run)
{
	rb_add(&run->node, tree, starts_before);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_runs_insert);

/*
 * One search examines at most this many runs that are long enough but misaligned, since the caller
 * holds a spinlock.
 */
#define MOST_LOOKS	4096

/* Return: true if @count aligned pages fit between @from and @to; stores the first in *@start. */
static bool fits(u32 from, u32 to, u32 count, u32 alignment, u32 *start)
{
	u64 at = ALIGN((u64)from, alignment);

	*start = at;
	return at + count <= to;
}

bool ndshm_extent_map_find_free(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start)
{
	const struct rb_root *tree = &map->trees[NDSHM_RUN_FREE];
	unsigned int looks = MOST_LOOKS;
	struct ndshm_run *run;
	u32 enough;

	for (run = first_fit(tree, count); run && looks--;
	     run = next_fit(run, count))
		if (fits(run->start, ndshm_run_end(run), count, alignment, start))
			return true;
	/* At the limit, look for a run that is long enough for any misalignment. */
	if (!run || check_add_overflow(count, alignment - 1, &enough))
		return false;
	run = first_fit(tree, enough);
	return run && fits(run->start, ndshm_run_end(run), count, alignment, start);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_find_free);

static struct ndshm_run *before(const struct ndshm_extent_map *map,
				struct ndshm_run *run)
{
	return list_is_first(&run->link, &map->runs) ?
	       NULL : list_prev_entry(run, link);
}

static struct ndshm_run *behind(const struct ndshm_extent_map *map,
				struct ndshm_run *run)
{
	return list_is_last(&run->link, &map->runs) ?
	       NULL : list_next_entry(run, link);
}

/*
 * Neighbours of one kind are merged, so free runs and holes alternate up to the next allocated
 * run. All of them together are one place.
 */
bool ndshm_extent_map_find_room(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start)
{
	struct ndshm_run *hole, *run;
	u32 from, to;

	hole = run_of(rb_first(&map->trees[NDSHM_RUN_HOLE]));
	while (hole) {
		run = before(map, hole);
		from = run && run->kind == NDSHM_RUN_FREE ? run->start :
							    hole->start;
		to = ndshm_run_end(hole);
		for (run = behind(map, hole);
		     run && run->kind < NDSHM_RUN_TAKEN;
		     run = behind(map, run)) {
			to = ndshm_run_end(run);
			if (run->kind == NDSHM_RUN_HOLE)
				hole = run;
		}
		if (fits(from, to, count, alignment, start))
			return true;
		hole = run_of(rb_next(&hole->node));
	}
	return false;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_find_room);

bool ndshm_extent_map_next_hole(const struct ndshm_extent_map *map, u32 *start,
				u32 *count, u32 end)
{
	struct ndshm_run *hole = ndshm_runs_find(&map->trees[NDSHM_RUN_HOLE],
						 *start);

	if (!hole || max(*start, hole->start) >= end)
		return false;
	*start = max(*start, hole->start);
	*count = min(end, ndshm_run_end(hole)) - *start;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_next_hole);

/* Cut @run at @at. Return: the second part, which is in no tree. */
static struct ndshm_run *split(struct ndshm_run *run, u32 at,
			       struct ndshm_spare_runs *spare)
{
	struct ndshm_run *rest = use_spare(spare);

	rest->start = at;
	rest->count = ndshm_run_end(run) - at;
	rest->kind = run->kind;
	list_add(&rest->link, &run->link);
	run->count = at - run->start;
	return rest;
}

/* Cut the pages out of the run of @kind that contains them. Return: a run that is in no tree. */
static struct ndshm_run *cut(struct ndshm_extent_map *map,
			     enum ndshm_run_kind kind, u32 start, u32 count,
			     struct ndshm_spare_runs *spare)
{
	struct ndshm_run *run = ndshm_runs_find(&map->trees[kind], start);
	struct ndshm_run *first = run;

	leave_tree(map, run);
	if (start + count < ndshm_run_end(run))
		enter_tree(map, split(run, start + count, spare));
	if (run->start < start) {
		run = split(run, start, spare);
		enter_tree(map, first);
	}
	return run;
}

/* Merge @other, a neighbour of @run or NULL, into @run if both have the same kind. */
static void absorb(struct ndshm_extent_map *map, struct ndshm_run *run,
		   struct ndshm_run *other)
{
	if (!other || other->kind != run->kind)
		return;
	leave_tree(map, other);
	list_del(&other->link);
	run->start = min(run->start, other->start);
	run->count += other->count;
	kfree(other);
}

struct ndshm_run *ndshm_extent_map_take(struct ndshm_extent_map *map, u32 start,
					u32 count,
					struct ndshm_spare_runs *spare)
{
	struct ndshm_run *run = cut(map, NDSHM_RUN_FREE, start, count, spare);

	run->kind = NDSHM_RUN_TAKEN;
	return run;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_take);

void ndshm_extent_map_give(struct ndshm_extent_map *map, struct ndshm_run *run,
			   enum ndshm_run_kind kind)
{
	run->kind = kind;
	absorb(map, run, before(map, run));
	absorb(map, run, behind(map, run));
	enter_tree(map, run);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_give);

void ndshm_extent_map_commit(struct ndshm_extent_map *map, u32 start, u32 count,
			     struct ndshm_spare_runs *spare)
{
	ndshm_extent_map_give(map, cut(map, NDSHM_RUN_HOLE, start, count, spare),
			      NDSHM_RUN_FREE);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_commit);

int ndshm_extent_map_init(struct ndshm_extent_map *map, u32 count)
{
	struct ndshm_run *run = new_run();

	if (!run)
		return -ENOMEM;
	*map = (struct ndshm_extent_map){};
	INIT_LIST_HEAD(&map->runs);
	run->start = 0;
	run->count = count;
	list_add(&run->link, &map->runs);
	ndshm_extent_map_give(map, run, NDSHM_RUN_HOLE);
	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_init);

void ndshm_extent_map_fini(struct ndshm_extent_map *map)
{
	struct ndshm_run *run, *next;

	list_for_each_entry_safe(run, next, &map->runs, link) {
		kfree(run);
		cond_resched();
	}
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_extent_map_fini);
