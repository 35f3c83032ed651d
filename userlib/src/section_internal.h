/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the library's files for sections.
 */
#ifndef NDSHM_SECTION_INTERNAL_H
#define NDSHM_SECTION_INTERNAL_H

#include <ndshm/section.h>

#include "heap.h"
#include "internal.h"

/**
 * struct ndshm_section_kind - implementation of a section
 * @adopt: Checks that the descriptor is of this kind: returns 0, -ENOTTY if it is not, or
 *	another -errno.
 * @command: Executes one ioctl of <linux/ndshm.h> on the section or, if @holder is not
 *	negative, on a holder: returns 0, or -errno with the reason and status of the
 *	header set if there are any.
 * @detach: Releases this process's holder or its copy of an inherited one.
 * @close: Closes the section and its descriptor in this process; the last call.
 *
 * Can be called concurrently, except @adopt and @close.
 */
struct ndshm_section_kind {
	int (*adopt)(struct ndshm_section *section);
	int (*command)(struct ndshm_section *section, int holder, unsigned long number,
		       void *argument);
	void (*detach)(struct ndshm_section *section, int holder);
	void (*close)(struct ndshm_section *section);
};

extern const struct ndshm_section_kind ndshm__section_module;
extern const struct ndshm_section_kind ndshm__section_memfd;

/*
 * Sections are mapped at multiples of the module's chunk size, so that a chunk can be mapped by a
 * huge page.
 */
#define SECTION_ALIGN	(2ul << 20)

/* Not a holder; for @command and struct ndshm_section_delete_args. */
#define NO_HOLDER	(-1)

/**
 * struct ndshm_section - a section in one process
 * @ndshm: context that stores the reasons, with a reference
 * @kind: implementation; NULL until it is known, and after @alone in a child of fork()
 * @fd: descriptor, close-on-exec; -1: none
 * @store: data of the kind ndshm__section_memfd
 * @sibling: next section with the same @store
 * @readonly: the descriptor is read-only
 * @base: address of the mapping, or NULL
 * @size: size of the mapping in bytes
 * @heap: heap of the section; ndshm__no_heap until the first allocation
 * @raw: a bit for each page at which an extent of ndshm_extent_alloc() starts, wiped in a
 *	child of fork(); NULL until the first. The heap has its extents from the same
 *	holder, as the deletion of a section spares one holder only; these bits keep
 *	ndshm_extent_free() from the heap's.
 * @dma: DMA addresses of the heap's memory; NULL until one is asked for
 * @alone: children do not inherit it: it is in a list, by @next
 * @next: see @alone; protected by ndshm__lock()
 * @holder: 0, or the number of the process that attached in the upper half and its holder
 *	in the lower. Atomic instead of protected by a lock, which a child of fork()
 *	could inherit locked.
 */
struct ndshm_section {
	struct ndshm *ndshm;
	const struct ndshm_section_kind *kind;
	int fd;
	struct ndshm_memfd_store *store;
	struct ndshm_section *sibling;
	bool readonly;
	void *base;
	uint64_t size;
	_Atomic(struct ndshm_heap *) heap;
	_Atomic(atomic_ulong *) raw;
	_Atomic(struct ndshm_dma_table *) dma;
	bool alone;
	struct ndshm_section *next;
	_Atomic uint64_t holder;
};

/* section.c: an extent of the heap, with the errors of ndshm_extent_alloc() and _free(). */
int ndshm__section_extent_alloc(struct ndshm_section *section, uint64_t length,
				uint64_t alignment, uint64_t *offset, uint64_t *out_length);
int ndshm__section_extent_free(struct ndshm_section *section, uint64_t offset);

/*
 * section_heap.c: get the section's heap, opening it if necessary. Returns 0, or -errno with
 * ndshm__no_heap in *@out.
 */
int ndshm__section_heap(struct ndshm_section *section, struct ndshm_heap **out);
/*
 * Free the extents that heaps of this process hold in the section without a live block. Returns true
 * if it has a heap there.
 */
bool ndshm__section_reclaim(const struct ndshm_section *section);
/*
 * Record the reason for a failed call on a block. -EINVAL: the pointer is invalid. Returns @error.
 */
int ndshm__section_misused(struct ndshm_section *section, const void *pointer, int error);

/* section_dma.c: forget the DMA addresses of a heap's extent, before it is freed. */
void ndshm__section_dma_forget(struct ndshm_section *section, uint64_t offset);
void ndshm__section_dma_close(struct ndshm_section *section);

#endif /* NDSHM_SECTION_INTERNAL_H */
