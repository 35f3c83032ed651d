/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which pages of a section are allocated. Pure logic: no memory but the map's own.
 */
#ifndef _NDSHM_CORE_EXTENT_MAP_H
#define _NDSHM_CORE_EXTENT_MAP_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * enum ndshm_run_kind - state of the pages of a run
 * @NDSHM_RUN_HOLE: free, without memory
 * @NDSHM_RUN_FREE: free, with memory
 * @NDSHM_RUN_TAKEN: an extent, or memory that is about to be freed
 */
enum ndshm_run_kind {
	NDSHM_RUN_HOLE,
	NDSHM_RUN_FREE,
	NDSHM_RUN_TAKEN,
};

/**
 * struct ndshm_run - adjacent pages of one kind
 * @link: in the map, by address
 * @node: in the map's tree of the kind; a taken run is in a tree of its owner
 * @start: first page
 * @count: pages, at least 1
 * @longest: greatest @count in the tree below; not of a taken run
 * @kind: differs from that of the neighbours, unless it is taken
 */
struct ndshm_run {
	struct list_head link;
	struct rb_node node;
	u32 start;
	u32 count;
	u32 longest;
	enum ndshm_run_kind kind;
};

static inline u32 ndshm_run_end(const struct ndshm_run *run)
{
	return run->start + run->count;
}

/**
 * struct ndshm_extent_map - all pages of a section
 * @runs: cover all of them
 * @trees: of holes, and of free runs
 *
 * The caller of all functions serialises them.
 */
struct ndshm_extent_map {
	struct list_head runs;
	struct rb_root trees[NDSHM_RUN_TAKEN];
};

/**
 * struct ndshm_spare_runs - preallocated runs for one change of a map
 * @runs: NULL where it was used
 *
 * Allocated before the lock is taken, so that no change can fail.
 */
struct ndshm_spare_runs {
	struct ndshm_run *runs[2];
};

/* Returns 0 or -ENOMEM; may sleep. free: frees the runs that were not used. */
int ndshm_spare_runs_make(struct ndshm_spare_runs *spare);
void ndshm_spare_runs_free(struct ndshm_spare_runs *spare);

/* A map of @count pages, which are a hole. Returns 0 or -ENOMEM; may sleep. */
int ndshm_extent_map_init(struct ndshm_extent_map *map, u32 count);

/* Frees all runs, taken ones included. */
void ndshm_extent_map_fini(struct ndshm_extent_map *map);

/*
 * Find the lowest place for @count pages, a multiple of @alignment (a power of two, in
 * pages): within free runs, or within free runs and holes, with a hole among them.
 * Returns false if there is none, or if, among the free ones, thousands of runs are long
 * enough but misaligned, and none is long enough at any alignment.
 */
bool ndshm_extent_map_find_free(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);
bool ndshm_extent_map_find_room(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);

/*
 * Find the first hole that reaches beyond page *@start: its part from there on and
 * before @end. Returns false if there is none.
 */
bool ndshm_extent_map_next_hole(const struct ndshm_extent_map *map, u32 *start,
				u32 *count, u32 end);

/* Take free pages; the run is the caller's until it is given back. */
struct ndshm_run *ndshm_extent_map_take(struct ndshm_extent_map *map, u32 start,
					u32 count,
					struct ndshm_spare_runs *spare);

/* Give a taken run back as a free run, or as a hole if its memory was freed. */
void ndshm_extent_map_give(struct ndshm_extent_map *map, struct ndshm_run *run,
			   enum ndshm_run_kind kind);

/* Make free pages of a part of a hole. */
void ndshm_extent_map_commit(struct ndshm_extent_map *map, u32 start, u32 count,
			     struct ndshm_spare_runs *spare);

/* A tree of runs by address. find: the run that has page @at, the next one, or NULL. */
void ndshm_runs_insert(struct rb_root *tree, struct ndshm_run *run);
struct ndshm_run *ndshm_runs_find(const struct rb_root *tree, u32 at);

#endif /* _NDSHM_CORE_EXTENT_MAP_H */
