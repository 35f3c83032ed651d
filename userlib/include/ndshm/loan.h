/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: loans, blocks of a section that other processes free.
 *
 * The process that has allocated a block of a section lends it to the processes that have
 * the descriptor of its loans, the borrowers. A borrower returns the block by its offset,
 * and the lender frees it. All metadata is in the lender's private memory:
 *
 * - A borrower can return only blocks that were lent through these loans, each once. Anything
 *   else is ignored and counted. A process without the descriptor can return nothing, no
 *   matter what it writes to the section.
 * - Borrowers of the same loans can return each other's blocks, or discard such returns. Use loans
 *   for each borrower that is not trusted.
 * - Returning does not end the borrower's access: every process that has the section can
 *   read and change its blocks at any time.
 *
 * Threads may make any calls on the same loans concurrently, except ndshm_loans_close(). After
 * fork() the child has no loans, and may only close them.
 */
#ifndef NDSHM_LOAN_H
#define NDSHM_LOAN_H

#include <stdint.h>

#include <ndshm/ring.h>
#include <ndshm/section.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Blocks that are lent to the same borrowers. */
struct ndshm_loans;

/*
 * Create loans of at most `capacity` blocks at a time, rounded up to a power of two. They take 200
 * bytes for each. Errors as for ndshm_ring_create(); -EROFS (SECTION_READONLY).
 */
int ndshm_loans_create(struct ndshm_section *section, uint32_t capacity,
		       struct ndshm_loans **out)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;

/*
 * Free all blocks that are still lent, for example if the borrower has ended, and the loans.
 * Must be called before the section is closed. NULL is ignored.
 */
void ndshm_loans_close(struct ndshm_loans *loans);

/* Descriptor for the borrowers' ndshm_ring_adopt(); the caller must not close it. */
int ndshm_loans_fd(const struct ndshm_loans *loans)
	NDSHM_NONNULL(1);

/*
 * Lend a block of ndshm_section_alloc(). *offset is its offset in the section, which the
 * caller sends to a borrower. Until the block is returned or recalled, calls that free it or
 * change its size return -EBUSY (POINTER_LENT). -EAGAIN: `capacity` blocks are lent. -EBUSY: the
 * block is lent already. -EINVAL: not a live block, with the reasons of ndshm_section_free().
 * Collects what was returned, and fails as ndshm_loans_collect().
 */
int ndshm_loans_lend(struct ndshm_loans *loans, void *pointer, uint64_t *offset)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;

/*
 * End a loan without freeing the block. -ENOENT: it is not lent through these loans, or was
 * returned and freed. The borrowers must have ended, or know of it before the block is lent again
 * or another one is at its place: a late return would end that loan.
 */
int ndshm_loans_recall(struct ndshm_loans *loans, void *pointer)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * Free the blocks that were returned, and store their number in *count, which may be NULL. Call
 * it when an allocation fails. -EPROTO: a borrower has overwritten the ring: close the loans.
 */
int ndshm_loans_collect(struct ndshm_loans *loans, uint32_t *count)
	NDSHM_NONNULL(1);

struct ndshm_loans_info {
	uint32_t capacity;		/* blocks */
	uint32_t lent;			/* blocks */
	uint64_t returned;		/* blocks since the creation */
	uint64_t invalid;		/* returns of what was not lent, and other messages */
};

/* Query loans. */
int ndshm_loans_query_sized(const struct ndshm_loans *loans, struct ndshm_loans_info *info,
			    size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_loans_query(const struct ndshm_loans *loans, struct ndshm_loans_info *info)
{
	return ndshm_loans_query_sized(loans, info, sizeof(*info));
}

/*
 * For the borrower, with the ring of ndshm_ring_adopt(): return a block by its offset. As long as
 * all borrowers return each block once, the ring is never full. Errors as for
 * ndshm_ring_send().
 */
int ndshm_loans_return(struct ndshm_ring *ring, uint64_t offset, int timeout)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * The same for `count` blocks, up to 16 in a message: each costs less. The time limit is that of a
 * message. The number of blocks that were returned is stored in *returned, which may be NULL: all,
 * or after an error the first ones.
 */
int ndshm_loans_return_many(struct ndshm_ring *ring, const uint64_t *offsets, uint32_t count,
			    int timeout, uint32_t *returned)
	NDSHM_NONNULL(1, 2) NDSHM_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_LOAN_H */
