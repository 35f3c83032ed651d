// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocation in a section: the heap and its source of extents.
 */
#include <errno.h>
#include <sys/stat.h>

#include "heap_internal.h"
#include "section_internal.h"

/*
 * Error of this thread's last extent allocation, whose reason is recorded; reset once it
 * was reported.
 */
static _Thread_local int refused;

static int alloc_extent(void *section, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	uint64_t got;

	refused = ndshm__section_extent_alloc(section, length, alignment, offset, &got);
	return refused;
}

static int free_extent(void *section, uint64_t offset)
{
	ndshm__section_dma_forget(section, offset);
	return ndshm__section_extent_free(section, offset);
}

/* The section attaches on the first command of a child, if the child inherited it. */
static int attach(void *context)
{
	struct ndshm_section *section = context;

	refused = section->kind ? 0 : ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	return refused;
}

static unsigned int count_holders(void *context)
{
	struct ndshm_section_query_args argument = { .size = sizeof(argument) };
	struct ndshm_section *section = context;

	/* Not ndshm_section_query(), which records a reason. */
	if (!section->kind ||
	    section->kind->command(section, NO_HOLDER, NDSHM_SECTION_QUERY, &argument))
		return 1;
	return argument.out_holders;
}

static const struct ndshm_extent_source source = {
	.alloc = alloc_extent,
	.free = free_extent,
	.attach = attach,
	.holders = count_holders,
};

/* Of several threads that open the heap, the first sets section->heap. */
static int open_heap(struct ndshm_section *section, struct ndshm_heap **out)
{
	struct ndshm_heap *seen = &ndshm__no_heap, *heap;
	int error = ndshm__heap_open(section->base, section->size, &source, section, &heap);

	if (error)
		return ndshm__done(section->ndshm, error);
	*out = heap;
	if (!atomic_compare_exchange_strong(&section->heap, &seen, heap)) {
		ndshm__heap_close(heap);
		*out = seen;
	}
	return 0;
}

int ndshm__section_heap(struct ndshm_section *section, struct ndshm_heap **out)
{
	*out = section->heap;
	return *out == &ndshm__no_heap ? open_heap(section, out) : 0;
}

/* Return true if both are the same section, perhaps in two mappings. */
static bool is_same(const void *context, const void *what)
{
	const struct ndshm_section *other = context, *section = what;
	struct stat theirs, ours;

	return !fstat(other->fd, &theirs) && !fstat(section->fd, &ours) &&
	       theirs.st_dev == ours.st_dev && theirs.st_ino == ours.st_ino;
}

bool ndshm__section_reclaim(const struct ndshm_section *section)
{
	return ndshm__heap_trim_all(&source, is_same, section);
}

/*
 * The same after a failed allocation of @size bytes. Returns true if another one may succeed: what
 * this call has not found to free may have been on its way when the first one failed.
 */
static bool reclaim_for(const struct ndshm_section *section, size_t size, int error)
{
	return ndshm__is_short(error) && size <= section->size && ndshm__section_reclaim(section);
}

/*
 * Record the reason for a failed allocation of @size bytes: that of the extent that the heap could
 * not get or, if it has requested none, the reason of @error. It requests none for a size greater
 * than the section, or of 0. Returns @error.
 */
static int refuse(struct ndshm_section *section, size_t size, int error)
{
	const bool reported = error == refused && size && size <= section->size;

	refused = 0;
	if (reported)
		return error;
	if (error == -EOVERFLOW)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_LENGTH_OVERFLOW);
	if (error == -EINVAL)
		return ndshm__refuse(section->ndshm, size ? NDSHM_REASON_ALIGNMENT :
							    NDSHM_REASON_LENGTH_ZERO);
	return ndshm__done(section->ndshm, error);
}

int ndshm__section_misused(struct ndshm_section *section, const void *pointer, int error)
{
	struct ndshm_heap *heap = section->heap;

	if (error == HEAP_LENT)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_POINTER_LENT);
	if (error != -EINVAL)
		return error;
	return ndshm__refuse(section->ndshm, heap == &ndshm__no_heap ? NDSHM_REASON_POINTER_FOREIGN :
					     ndshm__heap_classify(heap, pointer));
}

/*
 * @call sets `memory`, or `error`. Statements, as the order of evaluation of arguments is
 * undefined.
 */
#define FROM_HEAP(section, out, bytes, call) do { \
	struct ndshm_heap *heap; \
	void *memory; \
	int error; \
\
	*(out) = NULL; \
	error = ndshm__section_heap(section, &heap); \
	if (error) \
		return error; \
	memory = call; \
	if (!memory && reclaim_for(section, bytes, error)) \
		memory = call; \
	*(out) = memory; \
	return memory ? 0 : refuse(section, bytes, error); \
} while (0)

static __attribute__((noinline)) int alloc_rest(struct ndshm_section *section, size_t size,
						void **out)
{
	struct ndshm_heap *seen = section->heap;

	/* The thread has used another section last. */
	if (ndshm__cache_switch(seen) && ndshm__cache_alloc(seen, size, out))
		return 0;
	FROM_HEAP(section, out, size, ndshm__heap_alloc(heap, size, &error));
}

NDSHM_API int ndshm_section_alloc(struct ndshm_section *section, size_t size, void **out)
{
	struct ndshm_heap *heap = section->heap;

	if (likely(ndshm__cache_alloc(heap, size, out)))
		return 0;
	return alloc_rest(section, size, out);
}

NDSHM_API int ndshm_section_alloc_aligned(struct ndshm_section *section, size_t alignment,
					  size_t size, void **out)
{
	FROM_HEAP(section, out, size, ndshm__heap_alloc_aligned(heap, alignment, size, &error));
}

NDSHM_API int ndshm_section_calloc(struct ndshm_section *section, size_t count, size_t size,
				   void **out)
{
	FROM_HEAP(section, out, count * size, ndshm__heap_calloc(heap, count, size, &error));
}

NDSHM_API int ndshm_section_realloc(struct ndshm_section *section, void *pointer, size_t size,
				    void **out)
{
	struct ndshm_heap *heap;
	int error = ndshm__section_heap(section, &heap);
	void *memory;

	*out = NULL;
	if (error)
		return error;
	memory = ndshm__heap_realloc(heap, pointer, size, &error);
	if (!memory && reclaim_for(section, size, error))
		memory = ndshm__heap_realloc(heap, pointer, size, &error);
	*out = memory;
	if (memory)
		return 0;
	if (error == HEAP_LENT ||
	    (error == -EINVAL && error != refused && pointer && size))
		return ndshm__section_misused(section, pointer, error);
	return refuse(section, size, error);
}

static __attribute__((noinline)) int free_rest(struct ndshm_section *section, void *pointer,
					       uint64_t granule, size_t state)
{
	int error = ndshm__heap_free_rest(section->heap, pointer, granule, state);

	return error ? ndshm__section_misused(section, pointer, error) : 0;
}

NDSHM_API int ndshm_section_free(struct ndshm_section *section, void *pointer)
{
	struct ndshm_heap *heap = section->heap;
	uint64_t granule = ndshm__granule_of(heap, pointer);
	size_t state;

	if (likely(ndshm__cache_free(heap, granule, &state)))
		return 0;
	return free_rest(section, pointer, granule, state);
}

NDSHM_API size_t ndshm_section_usable_size(struct ndshm_section *section, const void *pointer)
{
	size_t size = ndshm__heap_usable_size(section->heap, pointer);

	if (!size && pointer)
		ndshm__section_misused(section, pointer, -EINVAL);
	return size;
}

/*
 * Pointers and offsets
 */

NDSHM_API int ndshm_section_offset(const struct ndshm_section *section, const void *pointer,
				   uint64_t *offset)
{
	const uintptr_t at = (uintptr_t)pointer, base = (uintptr_t)section->base;

	if (!base)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	if (at < base || at - base >= section->size)
		return ndshm__done(section->ndshm, -ERANGE);
	*offset = at - base;
	return 0;
}

NDSHM_API int ndshm_section_pointer(const struct ndshm_section *section, uint64_t offset,
				    uint64_t length, void **out)
{
	*out = NULL;
	if (!section->base)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	if (offset >= section->size || length > section->size - offset)
		return ndshm__done(section->ndshm, -ERANGE);
	*out = (char *)section->base + offset;
	return 0;
}

/*
 * Statistics
 */

NDSHM_API int ndshm_section_stats_sized(struct ndshm_section *section,
					struct ndshm_heap_stats *stats, size_t size)
{
	struct ndshm_heap_stats all;
	struct ndshm_heap *heap;
	int error = ndshm__section_heap(section, &heap);

	if (error)
		return error;
	ndshm__heap_stats(heap, &all);
	return ndshm__done(section->ndshm, ndshm__fill(stats, size, &all, sizeof(all)));
}

NDSHM_API void ndshm_section_trim(struct ndshm_section *section)
{
	if (section->heap != &ndshm__no_heap)
		ndshm__heap_trim(section->heap);
}
