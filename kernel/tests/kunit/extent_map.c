// SPDX-License-Identifier: GPL-2.0
/*
 * Extent maps, compared after each step with a model: one byte for each page, or for each
 * group of pages of a huge map. The searches are compared as well.
 */
#include "suite.h"

#include <linux/rbtree_augmented.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/block.h>

#include "../../section/extent_map.h"

/* Counted allocations: detect leaks, and let any allocation fail. */
static long live_runs;
static long runs_to_come = -1;	/* allocations until the failure; negative: none fails */

static void *counted_kmalloc(size_t size, gfp_t flags)
{
	void *extent = runs_to_come ? kmalloc(size, flags) : NULL;

	if (runs_to_come > 0)
		runs_to_come--;
	live_runs += !!extent;
	return extent;
}

static void counted_kfree(const void *extent)
{
	live_runs -= !!extent;
	kfree(extent);
}

#undef kmalloc
#undef kfree
#define kmalloc	counted_kmalloc
#define kfree	counted_kfree
#include "../../section/extent_map.c"
#undef kfree
#undef kmalloc

#define MOST_SMALL	24
#define MOST_CELLS	2000

/* A cell of the model. */
enum cell {
	HOLE,
	FREE,
	FIRST,		/* first cell of an extent */
	REST,		/* another cell of an extent */
};

struct world {
	struct ndshm_extent_map map;
	bool made;
	struct rb_root taken;
	u32 cells;
	u32 unit;	/* pages of a cell */
	u8 model[MOST_CELLS];
	/*
	 * number of consecutive free cells, and of consecutive unallocated ones, from each cell on
	 */
	u32 free_from[MOST_CELLS + 1];
	u32 room_from[MOST_CELLS + 1];
	/* the run of unallocated cells contains a hole */
	bool growing[MOST_CELLS];
};

static int extent_map_init(struct kunit *test)
{
	struct world *world = kvzalloc(sizeof(*world), GFP_KERNEL);

	test->priv = world;
	return world ? 0 : -ENOMEM;
}

static void end_map(struct world *world)
{
	if (!world->made)
		return;
	world->made = false;
	ndshm_extent_map_fini(&world->map);
	world->taken = RB_ROOT;
}

static void extent_map_exit(struct kunit *test)
{
	struct world *world = test->priv;

	end_map(world);
	kvfree(world);
	KUNIT_EXPECT_EQ(test, live_runs, 0);
}

/* Initialise a map of one hole. */
static void begin_map(struct kunit *test, u32 cells, u32 unit)
{
	struct world *world = test->priv;

	end_map(world);
	KUNIT_ASSERT_EQ(test, live_runs, 0);
	world->cells = cells;
	world->unit = unit;
	world->taken = RB_ROOT;
	memset(world->model, HOLE, cells);
	KUNIT_ASSERT_EQ(test, ndshm_extent_map_init(&world->map, cells * unit, 0),
			0);
	world->made = true;
}

/*
 * The model
 */

static bool nobodys(const struct world *world, u32 cell)
{
	return world->model[cell] == HOLE || world->model[cell] == FREE;
}

static enum ndshm_extent_kind kind_at(const struct world *world, u32 cell)
{
	return world->model[cell] == HOLE ? NDSHM_MAP_HOLE :
	       world->model[cell] == FREE ? NDSHM_MAP_FREE : NDSHM_MAP_ALLOCATED;
}

static bool begins_at(const struct world *world, u32 cell)
{
	return !cell || world->model[cell] == FIRST ||
	       kind_at(world, cell) != kind_at(world, cell - 1);
}

/* Get the cell after the run of @cell, and the first cell of that run. */
static u32 end_at(const struct world *world, u32 cell)
{
	do
		cell++;
	while (cell < world->cells && !begins_at(world, cell));
	return cell;
}

static u32 start_at(const struct world *world, u32 cell)
{
	while (!begins_at(world, cell))
		cell--;
	return cell;
}

static void survey(struct world *world)
{
	u32 i = world->cells;
	bool hole = false;

	world->free_from[i] = 0;
	world->room_from[i] = 0;
	while (i--) {
		world->free_from[i] = world->model[i] == FREE ?
				      world->free_from[i + 1] + 1 : 0;
		world->room_from[i] = nobodys(world, i) ?
				      world->room_from[i + 1] + 1 : 0;
		hole = nobodys(world, i) && (hole || world->model[i] == HOLE);
		world->growing[i] = hole;
	}
	for (i = 1; i < world->cells; i++)
		if (nobodys(world, i) && world->growing[i - 1])
			world->growing[i] = true;
}

/* Find the lowest place by trying each cell. */
static bool naive_find(const struct world *world, const u32 *from,
		       bool growing, u32 count, u32 alignment, u32 *start)
{
	u64 place, first;
	u32 i;

	for (i = 0; i < world->cells; i++) {
		first = (u64)i * world->unit;
		place = ALIGN(first, (u64)alignment);
		if (place >= first + world->unit ||
		    (growing && !world->growing[i]))
			continue;
		if (place + count <= first + (u64)from[i] * world->unit) {
			*start = place;
			return true;
		}
	}
	return false;
}

static bool naive_hole(const struct world *world, u32 *start, u32 *count,
		       u32 end)
{
	const u64 unit = world->unit;
	u32 i;

	for (i = *start / unit; i < world->cells; i++) {
		if (world->model[i] != HOLE)
			continue;
		*start = max_t(u64, *start, i * unit);
		*count = min_t(u64, end, end_at(world, i) * unit) - *start;
		return *start < end;
	}
	return false;
}

/*
 * Comparison
 */

/* Return: NULL, or a description of the difference. */
static const char *compare_runs(const struct world *world)
{
	u32 cell = 0, end;
	const struct ndshm_extent *extent;

	list_for_each_entry(extent, &world->map.extents, link) {
		if (cell == world->cells)
			return "more runs than pages";
		end = end_at(world, cell);
		if (extent->start != cell * world->unit)
			return "a gap, or pages twice";
		if (extent->count != (end - cell) * world->unit)
			return "a run's length";
		if (extent->kind != kind_at(world, cell))
			return "a run's kind";
		cell = end;
	}
	if (cell != world->cells)
		return "runs that are missing";
	return NULL;
}

static u32 longest(const struct rb_node *node)
{
	return node ? rb_entry(node, struct ndshm_extent, node)->longest : 0;
}

/* A tree has the runs of its kind in the order of addresses. */
static const char *compare_tree(const struct world *world,
				enum ndshm_extent_kind kind)
{
	struct rb_node *node = rb_first(&world->map.trees[kind]);
	const struct ndshm_extent *extent;

	list_for_each_entry(extent, &world->map.extents, link) {
		if (extent->kind != kind)
			continue;
		if (node != &extent->node)
			return "a tree";
		if (extent->longest != max3(extent->count, longest(node->rb_left),
					    longest(node->rb_right)))
			return "the longest below";
		node = rb_next(node);
	}
	return node ? "a tree that has too much" : NULL;
}

static const char *compare_taken(const struct world *world)
{
	struct rb_node *node = rb_first(&world->taken);
	struct ndshm_extent *extent;

	list_for_each_entry(extent, &world->map.extents, link) {
		struct ndshm_extent *next = rb_entry_safe(node, struct ndshm_extent, node);

		/* Find the allocated run that contains a page, else the next one. */
		if (ndshm_extents_find(&world->taken, extent->start) != next ||
		    ndshm_extents_find(&world->taken, extent->start +
				       (extent->count - 1) / 2) != next)
			return "finding an owner's run";
		if (extent->kind != NDSHM_MAP_ALLOCATED)
			continue;
		if (next != extent)
			return "an owner's tree";
		node = rb_next(node);
	}
	return node ? "an owner's tree that has too much" : NULL;
}

static const char *compare(const struct world *world)
{
	return compare_runs(world) ?:
	       compare_tree(world, NDSHM_MAP_HOLE) ?:
	       compare_tree(world, NDSHM_MAP_FREE) ?: compare_taken(world);
}

static void expect_same(struct kunit *test)
{
	struct world *world = test->priv;
	const char *wrong = compare(world);

	survey(world);
	KUNIT_ASSERT_TRUE_MSG(test, !wrong, "%u cells of %u: %s", world->cells,
			      world->unit, wrong);
}

static void expect_find(struct kunit *test, u32 count, u32 alignment)
{
	struct world *world = test->priv;
	u32 start = 0, expected = 0, all = 0;
	bool found, free;

	free = naive_find(world, world->free_from, false, count, alignment,
			  &expected);
	found = ndshm_extent_map_find_free(&world->map, count, alignment,
					   &start);
	KUNIT_ASSERT_EQ_MSG(test, found, free, "free: %u at %u", count,
			    alignment);
	if (free)
		KUNIT_ASSERT_EQ_MSG(test, start, expected, "free: %u at %u",
				    count, alignment);

	/* A place for growth must contain a hole. */
	found = naive_find(world, world->room_from, true, count, alignment,
			   &expected);
	KUNIT_ASSERT_EQ_MSG(test, ndshm_extent_map_find_room(&world->map, count,
							     alignment, &start),
			    found, "room: %u at %u", count, alignment);
	if (found)
		KUNIT_ASSERT_EQ_MSG(test, start, expected, "room: %u at %u",
				    count, alignment);
	if (free)
		return;
	/* Without a fitting free run, this is the lowest place among all unallocated cells. */
	KUNIT_ASSERT_EQ(test, found,
			naive_find(world, world->room_from, false, count,
				   alignment, &all));
	if (found)
		KUNIT_ASSERT_EQ(test, start, all);
}

static void expect_allocated(struct kunit *test, u32 from, u32 end)
{
	struct world *world = test->priv;
	bool allocated = true;
	u32 i;

	for (i = from / world->unit; i <= (end - 1) / world->unit; i++)
		allocated &= world->model[i] == FIRST || world->model[i] == REST;
	KUNIT_ASSERT_EQ_MSG(test, ndshm_extent_map_allocated(&world->map, from, end), allocated,
			    "allocated from %u to %u", from, end);
}

static void expect_hole(struct kunit *test, u32 from, u32 end)
{
	u32 start = from, naive_start = from, count = 0, naive_count = 0;
	struct world *world = test->priv;
	bool found = naive_hole(world, &naive_start, &naive_count, end);

	KUNIT_ASSERT_EQ_MSG(test, ndshm_extent_map_next_hole(&world->map,
							     &start, &count,
							     end),
			    found, "hole from %u to %u", from, end);
	if (!found)
		return;
	KUNIT_ASSERT_EQ_MSG(test, start, naive_start, "hole from %u to %u",
			    from, end);
	KUNIT_ASSERT_EQ_MSG(test, count, naive_count, "hole from %u to %u",
			    from, end);
}

/*
 * Steps
 */

static void set_cells(struct world *world, u32 start, u32 count, u8 first,
		      u8 rest)
{
	world->model[start] = first;
	memset(world->model + start + 1, rest, count - 1);
}

static unsigned int used(const struct ndshm_prealloc *prealloc)
{
	return !prealloc->extents[0] + !prealloc->extents[1];
}

/* Change some cells of one run, which may leave a part on each side. */
static void change(struct kunit *test, u32 start, u32 count,
		   enum ndshm_extent_kind to)
{
	struct world *world = test->priv;
	const u32 first = start * world->unit, pages = count * world->unit;
	unsigned int needed = (start != start_at(world, start)) +
			      (start + count != end_at(world, start));
	bool hole = world->model[start] == HOLE;
	struct ndshm_prealloc prealloc;
	struct ndshm_extent *extent;

	KUNIT_ASSERT_EQ(test, ndshm_prealloc_fill(&prealloc, GFP_KERNEL), 0);
	KUNIT_ASSERT_EQ(test, used(&prealloc), 0);
	if (to == NDSHM_MAP_ALLOCATED) {
		extent = ndshm_extent_map_alloc(&world->map, first, pages, &prealloc);
		KUNIT_EXPECT_EQ(test, extent->start, first);
		KUNIT_EXPECT_EQ(test, extent->count, pages);
		ndshm_extents_insert(&world->taken, extent);
		set_cells(world, start, count, FIRST, REST);
	} else if (hole) {
		ndshm_extent_map_commit(&world->map, first, pages, &prealloc);
		set_cells(world, start, count, FREE, FREE);
	} else {
		extent = ndshm_extent_map_alloc(&world->map, first, pages, &prealloc);
		KUNIT_EXPECT_EQ(test, extent->start, first);
		KUNIT_EXPECT_EQ(test, extent->count, pages);
		ndshm_extent_map_free(&world->map, extent, NDSHM_MAP_HOLE);
		set_cells(world, start, count, HOLE, HOLE);
	}
	KUNIT_EXPECT_EQ(test, used(&prealloc), needed);
	ndshm_prealloc_free(&prealloc);
}

static void give(struct kunit *test, u32 cell)
{
	struct world *world = test->priv;
	u32 start = start_at(world, cell);
	struct ndshm_extent *extent = ndshm_extents_find(&world->taken,
							 start * world->unit);

	KUNIT_ASSERT_NOT_NULL(test, extent);
	rb_erase(&extent->node, &world->taken);
	ndshm_extent_map_free(&world->map, extent, NDSHM_MAP_FREE);
	set_cells(world, start, end_at(world, start) - start, FREE, FREE);
}

/* Choose a part of the run of @cell: the whole run, one end, or a part in the middle. */
static void random_part(struct world *world, struct rnd_state *random,
			u32 cell, u32 *start, u32 *count)
{
	u32 first = start_at(world, cell), end = end_at(world, cell);

	if (suite_below(random, 3))
		first += suite_below(random, end - first);
	/* Often a short part, so that the map gets many runs. */
	if (suite_below(random, 3))
		end = first + 1 + suite_below(random, min(end - first, 12U));
	*start = first;
	*count = end - first;
}

/*
 * On average @hurry of 8 steps go from hole to free or from free to allocated; the others go back.
 */
static void random_step(struct kunit *test, struct rnd_state *random,
			u32 hurry)
{
	bool forth = suite_below(random, 8) < hurry;
	struct world *world = test->priv;
	u32 cell = suite_below(random, world->cells), start, count;

	random_part(world, random, cell, &start, &count);
	switch (kind_at(world, cell)) {
	case NDSHM_MAP_HOLE:
		if (forth || !suite_below(random, 4))
			change(test, start, count, NDSHM_MAP_FREE);
		break;
	case NDSHM_MAP_FREE:
		change(test, start, count, forth ? NDSHM_MAP_ALLOCATED :
						   NDSHM_MAP_HOLE);
		break;
	default:
		if (!forth || !suite_below(random, 4))
			give(test, cell);
		break;
	}
}

static u32 random_count(const struct world *world, struct rnd_state *random)
{
	const u32 pages = world->cells * world->unit;

	switch (suite_below(random, 8)) {
	case 0:
		return pages;
	case 1:
		return pages == U32_MAX ? pages : pages + 1;
	case 2:
		return U32_MAX;
	case 3:
		return 1 + suite_below(random, pages);
	case 4:
		return world->unit * (1 + suite_below(random, 4));
	case 5:
		return world->unit * (1 + suite_below(random, 4)) - 1 ?: 1;
	default:
		return 1 + suite_below(random, min(pages, 20U));
	}
}

static void random_look(struct kunit *test, struct rnd_state *random)
{
	struct world *world = test->priv;
	const u32 pages = world->cells * world->unit;
	u32 from = suite_below(random, pages), to = suite_below(random, pages);

	expect_find(test, random_count(world, random),
		    BIT(suite_below(random, 3) ? suite_below(random, 6) :
						 suite_below(random, 32)));
	expect_hole(test, from, pages);
	expect_hole(test, from, to);
	if (from < to)
		expect_allocated(test, from, to);
	expect_hole(test, start_at(world, from / world->unit) * world->unit,
		    from);
}

static void random_steps(struct kunit *test, struct rnd_state *random,
			 u32 cells, u32 unit, u32 steps)
{
	u32 i, j, most = 0, all = 0, none = 0;
	struct world *world = test->priv;

	begin_map(test, cells, unit);
	for (i = 0; i < steps; i++) {
		random_step(test, random, i / 200 % 2 ? 2 : 6);
		expect_same(test);
		for (j = 0; j < 3; j++)
			random_look(test, random);
		most = max_t(u32, most, list_count_nodes(&world->map.extents));
		all += !memchr(world->model, HOLE, cells) &&
		       !memchr(world->model, FREE, cells);
		none += !memchr_inv(world->model, HOLE, cells);
		if (i % 64 == 0)
			cond_resched();
	}
	/* The steps have reached all states of a small map, and many runs in a large one. */
	if (cells < 4) {
		KUNIT_EXPECT_GT(test, all, 0);
		KUNIT_EXPECT_GT(test, none, 0);
	} else {
		KUNIT_EXPECT_GT(test, most, cells / 5);
	}
	if (cells > MOST_SMALL)
		kunit_info(test, "%u cells of %u: up to %u runs\n", cells,
			   unit, most);
}

static void small_maps(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	u32 cells;

	for (cells = 1; cells <= MOST_SMALL; cells++)
		random_steps(test, &random, cells, 1, 800);
}

static void large_maps(struct kunit *test)
{
	struct rnd_state random = suite_random(test);

	random_steps(test, &random, 64, 1, 2000);
	random_steps(test, &random, 511, 1, 2000);
	random_steps(test, &random, MOST_CELLS, 1, 3000);
}

/* The maximum number of pages, in cells of equal size. */
static void huge_maps(struct kunit *test)
{
	struct rnd_state random = suite_random(test);

	random_steps(test, &random, 255, U32_MAX / 255, 2000);
	random_steps(test, &random, 3, U32_MAX / 3, 500);
	random_steps(test, &random, 1, U32_MAX, 200);
	random_steps(test, &random, 1365, SZ_1M, 2000);
}

/*
 * Corner cases
 */

/* Commit pages of a hole. */
static void commit(struct kunit *test, u32 start, u32 count)
{
	struct world *world = test->priv;
	struct ndshm_prealloc prealloc;

	KUNIT_ASSERT_EQ(test, ndshm_prealloc_fill(&prealloc, GFP_KERNEL), 0);
	ndshm_extent_map_commit(&world->map, start, count, &prealloc);
	ndshm_prealloc_free(&prealloc);
}

#define PAGES	U32_MAX
#define LAST	(U32_MAX - 1)
#define UPPER	(BIT(31) + 1)
#define NONE	-1LL

/* Searches in a map with the maximum number of pages, of which one run has memory. */
static const struct {
	u32 from;	/* first page with memory; the run ends with the map */
	u32 count;
	u32 alignment;
	s64 free;
} searches[] = {
	{ PAGES, 1, 1, NONE },
	{ PAGES, PAGES, BIT(31), NONE },
	/* LAST is even, but not a multiple of 4. */
	{ LAST, 1, 1, LAST },
	{ LAST, 1, 2, LAST },
	{ LAST, 1, 4, NONE },
	{ LAST, 1, BIT(31), NONE },
	{ LAST, 2, 1, NONE },
	{ LAST, PAGES, 2, NONE },
	/* From the first aligned page the end may overflow. */
	{ UPPER, 1, BIT(31), NONE },
	{ UPPER, 1, BIT(30), BIT(31) + BIT(30) },
	{ UPPER, BIT(30) - 1, BIT(30), BIT(31) + BIT(30) },
	{ UPPER, BIT(30), BIT(30), NONE },
	{ UPPER, PAGES - UPPER, 1, UPPER },
	{ UPPER, PAGES - UPPER + 1, 1, NONE },
};

static void last_page(struct kunit *test)
{
	struct world *world = test->priv;
	struct ndshm_extent_map *map = &world->map;
	struct ndshm_prealloc prealloc;
	struct ndshm_extent *extent;
	u32 start, count, i;
	bool found;

	for (i = 0; i < ARRAY_SIZE(searches); i++) {
		begin_map(test, 1, PAGES);
		if (searches[i].from < PAGES)
			commit(test, searches[i].from, PAGES - searches[i].from);
		found = ndshm_extent_map_find_free(map, searches[i].count, searches[i].alignment,
						   &start);
		KUNIT_EXPECT_EQ_MSG(test, found ? start : NONE, searches[i].free, "row %u", i);
		/* All pages could get memory. */
		KUNIT_EXPECT_TRUE(test, ndshm_extent_map_find_room(map, searches[i].count,
								   searches[i].alignment, &start));
		KUNIT_EXPECT_EQ(test, start, 0);
	}

	begin_map(test, 1, PAGES);
	start = LAST;
	KUNIT_EXPECT_TRUE(test, ndshm_extent_map_next_hole(map, &start, &count, PAGES));
	KUNIT_EXPECT_EQ(test, start, LAST);
	KUNIT_EXPECT_EQ(test, count, 1);
	start = PAGES;
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_next_hole(map, &start, &count, PAGES));
	commit(test, LAST, 1);
	start = LAST;
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_next_hole(map, &start, &count, PAGES));
	KUNIT_EXPECT_TRUE(test, ndshm_extent_map_is_free(map, LAST, 1));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_is_free(map, LAST, 2));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_is_free(map, LAST, U32_MAX));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_is_free(map, LAST - 1, 1));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_is_free(map, LAST - 1, 2));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_is_free(map, PAGES, 1));

	KUNIT_ASSERT_EQ(test, ndshm_prealloc_fill(&prealloc, GFP_KERNEL), 0);
	extent = ndshm_extent_map_alloc(map, LAST, 1, &prealloc);
	ndshm_prealloc_free(&prealloc);
	ndshm_extents_insert(&world->taken, extent);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_extents_find(&world->taken, LAST), extent);
	KUNIT_EXPECT_PTR_EQ(test, ndshm_extents_find(&world->taken, LAST - 1), extent);
	KUNIT_EXPECT_NULL(test, ndshm_extents_find(&world->taken, U32_MAX));
	KUNIT_EXPECT_FALSE(test, ndshm_extent_map_find_room(map, PAGES, 1, &start));
	KUNIT_EXPECT_TRUE(test, ndshm_extent_map_find_room(map, LAST, 1, &start));
	KUNIT_EXPECT_EQ(test, start, 0);
	rb_erase(&extent->node, &world->taken);
	ndshm_extent_map_free(map, extent, NDSHM_MAP_HOLE);
	expect_same(test);
}

/*
 * Many runs that are long enough but misaligned, and one that fits. With thousands of them the
 * fitting run is found only if it is long enough at any alignment.
 */
static void misplaced(struct kunit *test, u32 count, u32 last, bool seen)
{
	const u32 pages = 4 * count + 8, place = 4 * count + 2;
	struct world *world = test->priv;
	u32 i, start = 0;
	bool found;

	begin_map(test, 1, pages);
	for (i = 0; i <= count; i++)
		commit(test, i < count ? 4 * i + 1 : place, i < count ? 3 : last);
	found = ndshm_extent_map_find_free(&world->map, 3, 2, &start);
	KUNIT_EXPECT_TRUE_MSG(test, found || !seen, "%u runs", count);
	if (found)
		KUNIT_EXPECT_EQ_MSG(test, start, place, "%u runs", count);
}

static void misplaced_runs(struct kunit *test)
{
	misplaced(test, 4000, 3, true);
	misplaced(test, 10000, 3, false);
	misplaced(test, 10000, 4, true);
	misplaced(test, 10000, 6, true);
}

/* Every extent needs a run: keep it within a cache line. */
static void size(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, sizeof(struct ndshm_extent), 64);
}

/* After a failed allocation no run is leaked. */
static void no_memory(struct kunit *test)
{
	struct ndshm_prealloc prealloc;
	struct ndshm_extent_map map;
	int i;

	for (i = 0; i < 2; i++) {
		runs_to_come = i;
		KUNIT_EXPECT_EQ(test, ndshm_prealloc_fill(&prealloc, GFP_KERNEL), -ENOMEM);
		KUNIT_EXPECT_EQ(test, live_runs, 0);
	}
	runs_to_come = 0;
	KUNIT_EXPECT_EQ(test, ndshm_extent_map_init(&map, 1, 0), -ENOMEM);
	runs_to_come = -1;
	KUNIT_EXPECT_EQ(test, ndshm_extent_map_init(&map, 1, 0), 0);
	KUNIT_EXPECT_EQ(test, live_runs, 1);
	ndshm_extent_map_fini(&map);
	KUNIT_EXPECT_EQ(test, live_runs, 0);
}

static struct kunit_case extent_map_cases[] = {
	KUNIT_CASE(last_page),
	KUNIT_CASE(misplaced_runs),
	KUNIT_CASE(small_maps),
	KUNIT_CASE(large_maps),
	KUNIT_CASE(huge_maps),
	KUNIT_CASE(size),
	KUNIT_CASE(no_memory),
	{}
};

static struct kunit_suite extent_map_suite = {
	.name = "ndshm_extent_map",
	.init = extent_map_init,
	.exit = extent_map_exit,
	.test_cases = extent_map_cases,
};

kunit_test_suite(extent_map_suite);
