/* SPDX-License-Identifier: GPL-2.0 */
/* Holders: the owners of a section's extents. */
#ifndef _NDSHM_SECTION_HOLDER_H
#define _NDSHM_SECTION_HOLDER_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_extent;
struct ndshm_holder;
struct ndshm_section;
struct ndshm_segment;

/*
 * ndshm_holder_open() attaches to a section. Return: NONE, MEMORY, SECTION_DELETED or
 * SECTION_REVOKED. ndshm_holder_close() detaches, and frees the holder's extents. Both may sleep.
 */
ndshm_reason_t ndshm_holder_open(struct ndshm_section *section, bool readonly,
				 struct ndshm_holder **out);
void ndshm_holder_close(struct ndshm_holder *holder);

/* Give the holder ownership of @extent, which ndshm_section_alloc_extent() has returned. */
void ndshm_holder_add(struct ndshm_holder *holder, struct ndshm_extent *extent);

/*
 * Free the extent that begins at page @start, and memory that this leaves idle. May sleep. Return:
 * NONE or EXTENT_UNKNOWN.
 */
ndshm_reason_t ndshm_holder_free_extent(struct ndshm_holder *holder, u32 start);

/*
 * Store the length of the extent that begins at page @start in *@length, in pages, and the number
 * of its DMA segments in *@total. Writes at most @capacity of the segments.
 */
ndshm_reason_t ndshm_holder_query(struct ndshm_holder *holder, u32 start,
				  struct ndshm_segment *segments, u32 capacity,
				  u32 *length, u32 *total);

#endif /* _NDSHM_SECTION_HOLDER_H */
