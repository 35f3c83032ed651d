/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The heap: blocks of any size in a section, a range of memory that other processes map
 * and can overwrite at any time. A source provides extents, at the cost of a system call
 * each, which the heap divides into blocks.
 *
 * All metadata is in private memory, and nothing is read from the section: overwriting
 * the section can corrupt contents only. A pointer that is not a live block of this heap
 * is never freed, no matter how often and by how many threads it is passed to free.
 *
 * All functions can be called concurrently, except open and close. After
 * fork() the child's heap has no blocks: what the parent allocated remains shared memory,
 * and is foreign to the child. The child's first allocation attaches to the section
 * again, no matter what other threads of the parent did at the time of the fork.
 */
#ifndef NDSHM_HEAP_H
#define NDSHM_HEAP_H

#include <stdbool.h>

#include <ndshm/section.h>

/* Greatest alignment of blocks, and required alignment of the section's base. */
#define NDSHM_HEAP_ALIGN_MAX	(2u << 20)

struct ndshm_heap;

/*
 * A heap without memory, of a section that has none yet: allocation and free find nothing in it, so
 * that they need not look for a heap first. No other function takes it.
 */
extern struct ndshm_heap ndshm__no_heap;

/*
 * heap_memory.c: private memory that is allocated on first access and wiped in a child of
 * fork(). NULL: no memory, or what errno says.
 */
void *ndshm__memory_map(size_t bytes);
/* The same, but without access until it is enabled. Whole pages. Returns 0 or -errno. */
void *ndshm__memory_reserve(size_t bytes);
int ndshm__memory_enable(void *memory, size_t bytes);
void ndshm__memory_unmap(void *memory, size_t bytes);
/* Zero the memory and free its pages. */
void ndshm__memory_clear(void *memory, size_t bytes);

/**
 * struct ndshm_extent_source - provider of extents
 * @alloc: Allocates a zeroed extent. @length is a multiple of the system's page, at least
 *	4 KiB, and so is @alignment, a power of two up to 2 MiB. *@offset must be a
 *	multiple of @alignment. Small extents should be at the lowest free offset.
 * @free: Frees the whole extent that starts at @offset. On failure the heap keeps it.
 * @attach: Called once in a child of fork(), before all others: extents allocated
 *	afterwards belong to the child. If it fails, the allocation fails, and the next
 *	one calls it again.
 *
 * @holders: Returns the number of holders of the section. NULL: not known.
 *
 * The others return 0 or -errno. After -ENOMEM and -ENOSPC of @alloc the heap tries a smaller
 * length. @alloc, @free and @holders can be called concurrently and with locks of the heap
 * held, so they must not call the heap.
 */
struct ndshm_extent_source {
	int (*alloc)(void *context, uint64_t length, uint64_t alignment, uint64_t *offset);
	int (*free)(void *context, uint64_t offset);
	int (*attach)(void *context);
	unsigned int (*holders)(void *context);
};

/*
 * Create a heap. @base: address of the section, which has @max_size bytes. The caller
 * must have attached. Returns 0 or -errno.
 */
int ndshm__heap_open(void *base, uint64_t max_size, const struct ndshm_extent_source *source,
		     void *context, struct ndshm_heap **out);
/*
 * Destroy a heap. Frees extents without live blocks; the others stay until the holder is
 * closed. No thread may use the heap during or after this call.
 */
void ndshm__heap_close(struct ndshm_heap *heap);

/*
 * Allocate a block aligned to 16 bytes, or to @alignment (-EINVAL if it is not a power of
 * two, or greater than NDSHM_HEAP_ALIGN_MAX). Returns NULL with an error in *@error:
 * -EINVAL for a size of 0, -ENOMEM, or an error of the source. *@error is unchanged on
 * success.
 */
void *ndshm__heap_alloc(struct ndshm_heap *heap, size_t size, int *error);
void *ndshm__heap_alloc_aligned(struct ndshm_heap *heap, size_t alignment, size_t size,
				int *error);
/* -EOVERFLOW if the product overflows. */
void *ndshm__heap_calloc(struct ndshm_heap *heap, size_t count, size_t size, int *error);
/*
 * Change the size of a block. The block is unchanged on failure. It stays in place if it becomes a
 * little smaller, or larger within its usable size: down to half of that, large blocks to a third.
 */
void *ndshm__heap_realloc(struct ndshm_heap *heap, void *pointer, size_t size, int *error);
/*
 * Free a block; NULL is ignored. Returns -EINVAL for misuse, or an error of the source,
 * after which the block is still live.
 */
int ndshm__heap_free(struct ndshm_heap *heap, void *pointer);
/* Returns 0 if the pointer is not a live block. */
size_t ndshm__heap_usable_size(struct ndshm_heap *heap, const void *pointer);

/* Return the extent of this heap that contains an offset, if there is one. */
bool ndshm__heap_extent(struct ndshm_heap *heap, uint64_t offset, uint64_t *start,
			uint64_t *length);

/* Return the reason, one of <ndshm/section.h>, for a pointer that a call has rejected. */
uint32_t ndshm__heap_classify(struct ndshm_heap *heap, const void *pointer);

/*
 * Empty the caches of all threads but those that allocate or free at this moment, and free
 * extents that are kept in reserve. Returns when they, and those that other threads free, are free.
 */
void ndshm__heap_trim(struct ndshm_heap *heap);
/*
 * The same for all heaps of a source that @match() finds, by the context of their source.
 * @match() must not call a heap. Returns true if there was one.
 */
bool ndshm__heap_trim_all(const struct ndshm_extent_source *source,
			  bool (*match)(const void *context, const void *what), const void *what);
void ndshm__heap_stats(struct ndshm_heap *heap, struct ndshm_heap_stats *stats);

#endif /* NDSHM_HEAP_H */
