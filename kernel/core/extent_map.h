/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages of a section are whose. Pure logic: no memory but the map's own.
 */
#ifndef _NDSHM_CORE_EXTENT_MAP_H
#define _NDSHM_CORE_EXTENT_MAP_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * enum ndshm_run_kind - what pages are
 * @NDSHM_RUN_HOLE: nobody's, and without memory
 * @NDSHM_RUN_FREE: nobody's, with memory
 * @NDSHM_RUN_TAKEN: an extent
 * @NDSHM_RUN_LEAVING: nobody's, and its memory is being given back
 */
enum ndshm_run_kind {
	NDSHM_RUN_HOLE,
	NDSHM_RUN_FREE,
	NDSHM_RUN_TAKEN,
	NDSHM_RUN_LEAVING,
};

/**
 * struct ndshm_run - pages side by side, of one kind
 * @link: in the map, by place
 * @node: in the map's tree of the kind; who took it has it in a tree of its own
 * @start: first page
 * @count: pages, at least 1
 * @longest: greatest @count in the tree below; not of what is taken
 * @kind: that of its neighbours is another, or it is taken
 */
struct ndshm_run {
	struct list_head link;
	struct rb_node node;
	u32 start;
	u32 count;
	u32 longest;
	enum ndshm_run_kind kind;
};

/**
 * struct ndshm_extent_map - all pages of a section
 * @runs: cover all of them
 * @trees: of holes, and of what is free
 * @pages: of each kind
 *
 * Whoever has it locks it.
 */
struct ndshm_extent_map {
	struct list_head runs;
	struct rb_root trees[NDSHM_RUN_TAKEN];
	u32 pages[NDSHM_RUN_LEAVING + 1];
};

/**
 * struct ndshm_spare_runs - what one change of a map may need
 * @runs: NULL where it was used
 *
 * They are made before the lock is taken, so that no change can fail.
 */
struct ndshm_spare_runs {
	struct ndshm_run *runs[2];
};

/* 0 or -ENOMEM; may sleep. What is left over is freed by the other. */
int ndshm_spare_runs_make(struct ndshm_spare_runs *spare);
void ndshm_spare_runs_free(struct ndshm_spare_runs *spare);

/* A map of @count pages, which are a hole. 0 or -ENOMEM; may sleep. */
int ndshm_extent_map_init(struct ndshm_extent_map *map, u32 count);

/* Frees all runs but the taken ones, which are their owners'. */
void ndshm_extent_map_fini(struct ndshm_extent_map *map);

/*
 * The lowest place for @count pages, a multiple of @alignment (a power of two, in
 * pages): within what is free, or within what is free and holes, with a hole among
 * it. False: there is none, or, among what is free, thousands of runs that are long
 * enough lie so that it does not fit, and none is long enough wherever it lies.
 */
bool ndshm_extent_map_find_free(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);
bool ndshm_extent_map_find_room(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);

/*
 * The first hole that reaches beyond page *@start: its part from there on, and
 * before @end. False: there is none.
 */
bool ndshm_extent_map_next_hole(const struct ndshm_extent_map *map, u32 *start,
				u32 *count, u32 end);

/* Make pages that are free somebody's; the run is the caller's from now on. */
struct ndshm_run *ndshm_extent_map_take(struct ndshm_extent_map *map, u32 start,
					u32 count,
					struct ndshm_spare_runs *spare);

/* What was taken is free; the run is no longer the caller's. */
void ndshm_extent_map_give(struct ndshm_extent_map *map, struct ndshm_run *run);

/* Pages of a hole get memory. */
void ndshm_extent_map_commit(struct ndshm_extent_map *map, u32 start, u32 count,
			     struct ndshm_spare_runs *spare);

/*
 * What is free loses its memory in two steps: from the first to the second the run can
 * be neither taken nor committed. It stays the map's.
 */
struct ndshm_run *ndshm_extent_map_leave(struct ndshm_extent_map *map,
					 u32 start, u32 count,
					 struct ndshm_spare_runs *spare);
void ndshm_extent_map_decommit(struct ndshm_extent_map *map,
			       struct ndshm_run *run);

/* A tree of runs that its owner took: by place. find: the run that begins there. */
void ndshm_runs_insert(struct rb_root *tree, struct ndshm_run *run);
struct ndshm_run *ndshm_runs_find(const struct rb_root *tree, u32 start);

#endif /* _NDSHM_CORE_EXTENT_MAP_H */
