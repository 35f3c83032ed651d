/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: holds, memory that must stay although no pointer of the program refers to it: a library
 * or a thread accesses it for others, for example for other machines.
 *
 * Threads may hold and release concurrently. A hold is of the process that has made it: after
 * fork() the child has none, and must not release those of its parent. While a thread calls
 * ndshm_section_hold(), no other one may free the memory.
 */
#ifndef NDSHM_HOLD_H
#define NDSHM_HOLD_H

#include <stdint.h>

#include <ndshm/ndshm.h>
#include <ndshm/section.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ndshm_hold;

/*
 * Hold a range of a section, until ndshm_hold_release():
 *
 * - ndshm_extent_free() of an extent that overlaps it is -EBUSY (RANGE_HELD). If the range begins
 *   where a block of ndshm_section_alloc() does, calls that free this block or change its size are
 *   -EBUSY (POINTER_LENT). Memory inside such a block is not held.
 * - ndshm_section_close() leaves the section mapped, and its extents allocated; the last release
 *   closes it. The caller must not use the section afterwards.
 * - ndshm_section_delete() first calls `end`, unless it is NULL, with `context`. When `end` returns
 *   there must be no access to the range; the hold must still be released. `end` must not release
 *   a hold. During the call and, if it succeeds, after it ndshm_section_hold() of the same object
 *   is -EIDRM (SECTION_DELETED).
 *
 * It does not hold the memory from other processes: those that have extents in the range can free
 * them, and the creator can revoke the section. -EINVAL (LENGTH_ZERO). -ERANGE: not within the
 * section. -EBUSY (POINTER_LENT): the block is lent by ndshm_loans_lend(). -ENOMEM.
 */
int ndshm_section_hold(struct ndshm_section *section, uint64_t offset, uint64_t length,
		       void (*end)(void *context), void *context, struct ndshm_hold **out)
	NDSHM_NONNULL(1, 6) NDSHM_MUST_CHECK;

/*
 * Hold a block: ndshm_free(), ndshm_free_many() and ndshm_unmap() return at once, and take effect
 * when the last hold is released. -ENOMEM.
 */
int ndshm_block_hold(struct ndshm_block *block, struct ndshm_hold **out)
	NDSHM_NONNULL(1, 2) NDSHM_MUST_CHECK;

/* Release a hold, and free its object. NULL is ignored. */
void ndshm_hold_release(struct ndshm_hold *hold);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_HOLD_H */
