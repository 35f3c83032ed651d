// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Allocation in a section: the heap and its source of extents.
 */
#include <errno.h>

#include "section_internal.h"

/*
 * Error of this thread's last extent allocation, whose reason is recorded; reset once it
 * was reported.
 */
static _Thread_local int refused;

static int alloc_extent(void *section, uint64_t length, uint64_t alignment, uint64_t *offset)
{
	uint64_t got;

	refused = ndshm_extent_alloc(section, length, alignment, offset, &got);
	return refused;
}

static int free_extent(void *section, uint64_t offset)
{
	return ndshm_extent_free(section, offset);
}

/* Nothing to do: the section attaches on the first command of a child. */
static int attach(void *section)
{
	(void)section;
	return 0;
}

static const struct ndshm_extent_source source = {
	.alloc = alloc_extent,
	.free = free_extent,
	.attach = attach,
};

/* Of several threads that open the heap, the first sets section->heap. */
static int open_heap(struct ndshm_section *section, struct ndshm_heap **out)
{
	struct ndshm_heap *seen = NULL;
	int error = ndshm__heap_open(section->base, section->size, &source, section, out);

	if (error)
		return ndshm__done(section->ndshm, error);
	if (!atomic_compare_exchange_strong(&section->heap, &seen, *out)) {
		ndshm__heap_close(*out);
		*out = seen;
	}
	return 0;
}

int ndshm__section_heap(struct ndshm_section *section, struct ndshm_heap **out)
{
	*out = section->heap;
	return *out ? 0 : open_heap(section, out);
}

/* The heap requests no extent for a size greater than the section. */
int ndshm__section_refuse(struct ndshm_section *section, size_t size, int error)
{
	const bool reported = error == refused && size <= section->size;

	refused = 0;
	return reported ? error : ndshm__done(section->ndshm, error);
}

static int end_free(struct ndshm_section *section, int error)
{
	return error == -EINVAL ? ndshm__done(section->ndshm, error) : error;
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
	*(out) = memory; \
	return memory ? 0 : ndshm__section_refuse(section, bytes, error); \
} while (0)

NDSHM_API int ndshm_section_alloc(struct ndshm_section *section, size_t size, void **out)
{
	FROM_HEAP(section, out, size, ndshm__heap_alloc(heap, size, &error));
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
	FROM_HEAP(section, out, size, ndshm__heap_realloc(heap, pointer, size, &error));
}

NDSHM_API int ndshm_section_free(struct ndshm_section *section, void *pointer)
{
	struct ndshm_heap *heap = section->heap;
	int error = heap ? ndshm__heap_free(heap, pointer) : pointer ? -EINVAL : 0;

	return error ? end_free(section, error) : 0;
}

NDSHM_API size_t ndshm_section_usable_size(struct ndshm_section *section, const void *pointer)
{
	struct ndshm_heap *heap = section->heap;

	return heap ? ndshm__heap_usable_size(heap, pointer) : 0;
}

/*
 * Pointers and offsets
 */

NDSHM_API int ndshm_section_offset(const struct ndshm_section *section, const void *pointer,
				   uint64_t *offset)
{
	const uintptr_t at = (uintptr_t)pointer, base = (uintptr_t)section->base;

	if (at < base || at - base >= section->size)
		return ndshm__done(section->ndshm, -ERANGE);
	*offset = at - base;
	return 0;
}

NDSHM_API int ndshm_section_pointer(const struct ndshm_section *section, uint64_t offset,
				    uint64_t length, void **out)
{
	*out = NULL;
	if (offset >= section->size || length > section->size - offset)
		return ndshm__done(section->ndshm, -ERANGE);
	*out = (char *)section->base + offset;
	return 0;
}

/*
 * Error handler and statistics
 */

NDSHM_API int ndshm_section_set_error_handler(struct ndshm_section *section,
					      ndshm_heap_error_handler hook, void *context)
{
	struct ndshm_heap *heap;
	int error = ndshm__section_heap(section, &heap);

	if (!error)
		ndshm__heap_set_error_handler(heap, hook, context);
	return error;
}

NDSHM_API int ndshm_section_stats(struct ndshm_section *section, struct ndshm_heap_stats *stats)
{
	struct ndshm_heap *heap;
	int error = ndshm__section_heap(section, &heap);

	if (!error)
		ndshm__heap_stats(heap, stats);
	return error;
}

NDSHM_API void ndshm_section_trim(struct ndshm_section *section)
{
	if (section->heap)
		ndshm__heap_trim(section->heap);
}
