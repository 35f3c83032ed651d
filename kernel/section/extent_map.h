/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Extent map: which pages of a section are allocated. It takes no locks and knows neither memory
 * nor devices, so that KUnit can test it alone.
 */
#ifndef _NDSHM_SECTION_EXTENT_MAP_H
#define _NDSHM_SECTION_EXTENT_MAP_H

#include <linux/list.h>
#include <linux/rbtree.h>
#include <linux/types.h>

/**
 * enum ndshm_extent_kind - State of the pages of a run
 * @NDSHM_MAP_HOLE: free, without memory
 * @NDSHM_MAP_FREE: free, with memory
 * @NDSHM_MAP_ALLOCATED: allocated: an extent, or memory that is about to be freed
 */
enum ndshm_extent_kind {
	NDSHM_MAP_HOLE,
	NDSHM_MAP_FREE,
	NDSHM_MAP_ALLOCATED,
};

/**
 * struct ndshm_extent - Adjacent pages of one kind
 * @link: in @extents of the map, by address
 * @node: in the map's tree for @kind; the owner of an allocated run may use it
 * @start: first page
 * @count: number of pages, at least 1
 * @longest: greatest @count in the subtree of @node; undefined for an allocated run
 * @kind: differs from both neighbours' unless the run is allocated
 */
struct ndshm_extent {
	struct list_head link;
	struct rb_node node;
	u32 start;
	u32 count;
	u32 longest;
	enum ndshm_extent_kind kind;
};

static inline u32 ndshm_extent_end(const struct ndshm_extent *extent)
{
	return extent->start + extent->count;
}

/**
 * struct ndshm_extent_map - State of all pages of a section
 * @extents: all runs, by address, without gaps
 * @trees: one tree of the holes and one of the free runs, by address
 *
 * The caller serialises all calls for a map.
 */
struct ndshm_extent_map {
	struct list_head extents;
	struct rb_root trees[NDSHM_MAP_ALLOCATED];
};

/**
 * struct ndshm_prealloc - Preallocated runs for one change of a map
 * @extents: NULL once used
 *
 * Allocated before a lock is taken, so that changing the map under the lock cannot fail.
 */
struct ndshm_prealloc {
	struct ndshm_extent *extents[2];
};

/*
 * Allocate two runs. Return: 0 or -ENOMEM; may sleep. ndshm_prealloc_free() frees those that
 * were not used.
 */
int ndshm_prealloc_fill(struct ndshm_prealloc *prealloc, gfp_t gfp);
void ndshm_prealloc_free(struct ndshm_prealloc *prealloc);

/*
 * Initialise a map of @count pages, of which the first @initial are free and the rest is a hole.
 * Return: 0 or -ENOMEM; may sleep.
 */
int ndshm_extent_map_init(struct ndshm_extent_map *map, u32 count, u32 initial);

/* Free all runs, including allocated ones. */
void ndshm_extent_map_fini(struct ndshm_extent_map *map);

/*
 * Find the lowest place for @count pages at a multiple of @alignment (a power of two, in pages).
 * ndshm_extent_map_find_free() uses free runs only; ndshm_extent_map_find_room() places with at
 * least one hole, which may begin or end with free runs. Return: false if there is none. After
 * thousands of runs that are long enough but misaligned, ndshm_extent_map_find_free() only finds a
 * run that is long enough at any alignment.
 */
bool ndshm_extent_map_find_free(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);
bool ndshm_extent_map_find_room(const struct ndshm_extent_map *map, u32 count,
				u32 alignment, u32 *start);

/* Return: true if all @count pages from @start on are in one free run. */
bool ndshm_extent_map_is_free(const struct ndshm_extent_map *map, u32 start, u32 count);

/*
 * Find the first hole that ends after page *@start. Stores the first page of its part between
 * *@start and @end in *@start, and the length in *@count. Return: false if there is none.
 */
bool ndshm_extent_map_next_hole(const struct ndshm_extent_map *map, u32 *start,
				u32 *count, u32 end);

/* Return: true if all pages from @start to @end belong to allocated runs. */
bool ndshm_extent_map_allocated(const struct ndshm_extent_map *map, u32 start, u32 end);

/* Allocate pages of a free run. The caller owns the run until ndshm_extent_map_free(). */
struct ndshm_extent *ndshm_extent_map_alloc(struct ndshm_extent_map *map, u32 start,
					    u32 count,
					    struct ndshm_prealloc *prealloc);

/* Free an allocated run: @kind is NDSHM_MAP_FREE, or NDSHM_MAP_HOLE without memory. */
void ndshm_extent_map_free(struct ndshm_extent_map *map, struct ndshm_extent *extent,
			   enum ndshm_extent_kind kind);

/* Turn a part of a hole into free pages, once it has memory. */
void ndshm_extent_map_commit(struct ndshm_extent_map *map, u32 start, u32 count,
			     struct ndshm_prealloc *prealloc);

/*
 * A tree of runs by address. ndshm_extents_find() finds the run with page @at, else the next one.
 */
void ndshm_extents_insert(struct rb_root *tree, struct ndshm_extent *extent);
struct ndshm_extent *ndshm_extents_find(const struct rb_root *tree, u32 at);

#endif /* _NDSHM_SECTION_EXTENT_MAP_H */
