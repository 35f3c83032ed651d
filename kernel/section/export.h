/* SPDX-License-Identifier: GPL-2.0 */
/* Ranges of a section that dma-bufs keep. */
#ifndef _NDSHM_SECTION_EXPORT_H
#define _NDSHM_SECTION_EXPORT_H

#include <linux/types.h>

#include <ndshm/status.h>

struct file;
struct ndshm_extent;
struct ndshm_section;

/*
 * Export @count pages from @start on through *@file, a file of the section's object. With @keep
 * replace it by another one: while that exists, held by the dma-buf and its mappings, the memory of
 * an extent of the range that is freed is given to no other extent. Return: NONE; or
 * SECTION_DELETED, SECTION_REVOKED, EXPORT_RANGE if a page belongs to no extent, DESCRIPTORS or
 * MEMORY, and the reference to *@file has been dropped. May sleep.
 */
ndshm_reason_t ndshm_section_export_open(struct ndshm_section *section, u32 start, u32 count,
					 bool keep, struct file **file);

/*
 * @extent is freed. Return: true if a dma-buf keeps a page of it; the section then owns @extent.
 * Takes O(log n) steps for n dma-bufs. Called with the section's lock held.
 */
bool ndshm_section_keep_exported(struct ndshm_section *section, struct ndshm_extent *extent);

/* Keep a new extent that has pinned pages, instead of giving it to a holder. */
void ndshm_section_keep_pinned(struct ndshm_section *section, struct ndshm_extent *extent);

/*
 * Free all extents that no dma-buf keeps; their pages may still be pinned. Return: true if there
 * was one. May sleep.
 */
bool ndshm_section_return_pinned(struct ndshm_section *section);

#endif /* _NDSHM_SECTION_EXPORT_H */
