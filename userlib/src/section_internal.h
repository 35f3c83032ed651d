/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's files know of sections.
 */
#ifndef NDSHM_SECTION_INTERNAL_H
#define NDSHM_SECTION_INTERNAL_H

#include <ndshm/section.h>

#include "heap.h"
#include "internal.h"

/**
 * struct ndshm_section_kind - who answers for a section
 * @adopt: is the descriptor one of this kind? 0 or -errno; -ENOTTY: it is not
 * @command: one ioctl of <linux/ndshm.h>, of the section or, if it is not negative,
 *	of a holder: 0, or -errno with the header filled in where there is a reason
 * @detach: this process has nothing to do with a holder any more, which is its own
 *	or was inherited
 * @close: the last of the section in this process, and its descriptor
 *
 * Any number of threads at a time, but for @adopt and @close.
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

/* No holder, for @command, and in struct ndshm_section_delete. */
#define NO_HOLDER	(-1)

/**
 * struct ndshm_section - a section, as one process has it
 * @ndshm: keeps the reasons; with a reference
 * @kind: NULL before it is known
 * @fd: close-on-exec
 * @memfd: of the kind of that name
 * @flags: NDSHM_ATTACH_*
 * @readonly: the descriptor is
 * @base: where it is mapped, or NULL
 * @size: of the mapping, in bytes
 * @heap: what is allocated of it, or NULL: nothing ever was
 * @holder: 0, or the number of the process that attached, and its holder in the lower
 *	half. Without a lock, which a child of fork() could find taken
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

/* section_heap.c: the section's; -errno */
int ndshm__section_heap(struct ndshm_section *section, struct ndshm_heap **out);
/*
 * The heap has refused @size bytes: the reason is that of the extent that it did not
 * get, or, if it has not asked for any, not that of a call before. Returns @error.
 */
int ndshm__section_refuse(struct ndshm_section *section, size_t size, int error);

#endif /* NDSHM_SECTION_INTERNAL_H */
