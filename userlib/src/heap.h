/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The heap: blocks of any size in a section, a range of memory that others map
 * and may write at any time. A source hands out extents of it, a system call
 * each; the heap cuts them up.
 *
 * All that it knows is in private memory, and nothing is read from the section:
 * whoever overwrites that spoils contents, and no more. What is no live block
 * of this heap is never freed, however often and by how many threads at a time
 * it is tried.
 *
 * Any number of threads at a time, except for open, on_misuse and close. After
 * fork() the child's heap has no block: what the parent allocated is memory that
 * both see, and foreign to the child. The child's first allocation attaches to
 * the section anew, all by itself, whatever other threads of the parent did at
 * the moment of the fork.
 */
#ifndef NDSHM_HEAP_H
#define NDSHM_HEAP_H

#include <ndshm/section.h>

/* The greatest alignment, and what the section's base must be aligned to. */
#define NDSHM_HEAP_ALIGN_MAX	(2u << 20)

/* Blocks are rounded to this many classes of sizes, up to 64 KiB. */
#define NDSHM_HEAP_CLASSES	108

struct ndshm_heap;

/**
 * struct ndshm_extent_source - where extents come from
 * @alloc: @length is a multiple of 4 KiB, and so is @alignment, a power of two
 *	up to 2 MiB. The extent is zeroed, and at a multiple of @alignment from
 *	the section's start. For a small extent the lowest place is the best.
 * @free: the extent that starts at @offset, as a whole. If that fails, it is
 *	still the heap's.
 * @attach: called once in a child of fork(), before any other: from now on what
 *	is allocated is the child's. If it fails, the allocation does, and the
 *	next one tries again.
 *
 * 0 or -errno. -ENOMEM and -ENOSPC of @alloc mean that less could succeed.
 * Called by any thread; @alloc and @free by several at a time, and both with
 * locks of the heap held, so that they must not call the heap.
 */
struct ndshm_extent_source {
	int (*alloc)(void *context, uint64_t length, uint64_t alignment, uint64_t *offset);
	int (*free)(void *context, uint64_t offset);
	int (*attach)(void *context);
};

struct ndshm_heap_class_stats {
	uint64_t size;
	uint64_t live_blocks;
	uint64_t cached_blocks;
};

/*
 * @base: where this process has the section, of @max_size bytes of range. The
 * caller is attached already. 0 or -errno.
 */
int ndshm__heap_open(void *base, uint64_t max_size, const struct ndshm_extent_source *source,
		     void *context, struct ndshm_heap **out);
/* Told of each misuse, in the thread that it is of, with no lock held. Before threads. */
void ndshm__heap_on_misuse(struct ndshm_heap *heap, ndshm_heap_hook hook, void *context);
/*
 * Gives back the extents that nothing lives in. Those with live blocks stay with
 * the holder, whose end they await. No thread may be in the heap, or come later.
 */
void ndshm__heap_close(struct ndshm_heap *heap);

/*
 * Aligned to 16 bytes, or as said: -EINVAL for what is no power of two, or more
 * than NDSHM_HEAP_ALIGN_MAX. NULL, and -errno in *@error: -EINVAL for no bytes,
 * -ENOMEM, or what the source said. *@error is left alone if there is memory.
 */
void *ndshm__heap_alloc(struct ndshm_heap *heap, size_t size, int *error);
void *ndshm__heap_alloc_aligned(struct ndshm_heap *heap, size_t alignment, size_t size,
				int *error);
/* -EOVERFLOW if the product is. */
void *ndshm__heap_calloc(struct ndshm_heap *heap, size_t count, size_t size, int *error);
/* If it fails the old block stays. In place where that wastes no more than half. */
void *ndshm__heap_realloc(struct ndshm_heap *heap, void *pointer, size_t size, int *error);
/* NULL is fine; -EINVAL for misuse; what the source said: the block lives on. */
int ndshm__heap_free(struct ndshm_heap *heap, void *pointer);
/* 0 for what is no live block. */
size_t ndshm__heap_usable_size(struct ndshm_heap *heap, const void *pointer);

/* -ERANGE for what is not in the section. */
int ndshm__heap_offset(const struct ndshm_heap *heap, const void *pointer, uint64_t *offset);
/* NULL for what is not in the section. */
void *ndshm__heap_pointer(const struct ndshm_heap *heap, uint64_t offset);
/* The same for all of @length bytes from there on. */
void *ndshm__heap_range(const struct ndshm_heap *heap, uint64_t offset, uint64_t length);

/* Empty the calling thread's cache, and give back what is kept for the next one. */
void ndshm__heap_trim(struct ndshm_heap *heap);
void ndshm__heap_stats(struct ndshm_heap *heap, struct ndshm_heap_stats *stats);
/* @index below NDSHM_HEAP_CLASSES. */
void ndshm__heap_class_stats(struct ndshm_heap *heap, unsigned int index,
			     struct ndshm_heap_class_stats *stats);

#endif /* NDSHM_HEAP_H */
