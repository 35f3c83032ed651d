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

/* Not a holder; for @command and struct ndshm_section_delete. */
#define NO_HOLDER	(-1)

/**
 * struct ndshm_section - a section in one process
 * @ndshm: context that stores the reasons, with a reference
 * @kind: implementation; NULL until it is known
 * @fd: descriptor, close-on-exec
 * @memfd: data of the kind ndshm__section_memfd
 * @flags: NDSHM_ATTACH_*
 * @readonly: the descriptor is read-only
 * @base: address of the mapping, or NULL
 * @size: size of the mapping in bytes
 * @heap: heap of the section; NULL until the first allocation
 * @holder: 0, or the number of the process that attached in the upper half and its holder
 *	in the lower. Atomic instead of protected by a lock, which a child of fork()
 *	could inherit locked.
 */
struct ndshm_section {
	struct ndshm *ndshm;
	const struct ndshm_section_kind *kind;
	int fd;
	struct ndshm_memfd_section *memfd;
	uint32_t flags;
	bool readonly;
	void *base;
	uint64_t size;
	_Atomic(struct ndshm_heap *) heap;
	_Atomic uint64_t holder;
};

/* section_heap.c: get the section's heap, opening it if necessary. Returns 0 or -errno. */
int ndshm__section_heap(struct ndshm_section *section, struct ndshm_heap **out);
/*
 * Record the reason for a failed allocation of @size bytes: that of the extent that the
 * heap could not get or, if it has requested none, the reason of @error. Returns @error.
 */
int ndshm__section_refuse(struct ndshm_section *section, size_t size, int error);

#endif /* NDSHM_SECTION_INTERNAL_H */
