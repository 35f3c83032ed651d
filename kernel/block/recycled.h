/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Recycled cache of a client: its freed blocks, zeroed, that its next allocations of the same
 * kind reuse with all their references. They stay charged, and members of their sets.
 */
#ifndef _NDSHM_BLOCK_RECYCLED_H
#define _NDSHM_BLOCK_RECYCLED_H

#include <linux/init.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/types.h>

struct ndshm_block;
struct ndshm_parameters;
struct ndshm_recycled;
struct user_struct;

/* Pages of the longest block that is kept. Blocks that a client keeps, and pages of all of them. */
#define NDSHM_RECYCLED_LONGEST	((unsigned int)(SZ_64M >> PAGE_SHIFT))
#define NDSHM_RECYCLED_BLOCKS	128U
#define NDSHM_RECYCLED_PAGES	(2 * NDSHM_RECYCLED_LONGEST)

/*
 * Return: a cache of blocks that are charged to @user alone, or NULL without memory. The caller
 * keeps @user until ndshm_recycled_free(), which frees the blocks. May sleep.
 */
struct ndshm_recycled *ndshm_recycled_alloc(const struct user_struct *user);
void ndshm_recycled_free(struct ndshm_recycled *cache);

/* Return: true if blocks of @length bytes are kept. */
static inline bool ndshm_recyclable(u64 length)
{
	const u64 size = PAGE_ALIGN(length);

	return is_power_of_2(size) && size >> PAGE_SHIFT <= NDSHM_RECYCLED_LONGEST;
}

/*
 * Take over the caller's reference to a block that its user frees and that may be reused.
 * Return: false if the cache is full, the block is used or pinned by others, revoked, or in short
 * chunks: the caller drops the reference. May sleep.
 */
bool ndshm_recycled_put(struct ndshm_recycled *cache, struct ndshm_block *block);

/*
 * Take @count blocks that equal those which @p requests, of a recyclable length and for no queue.
 * They have references to the adapter, the claim and the provider. Return: false if there are less.
 * Does not sleep.
 */
bool ndshm_recycled_take(struct ndshm_recycled *cache, const struct ndshm_parameters *p,
			 struct ndshm_block **blocks, u32 count);

/*
 * Give the blocks that ndshm_recycled_take() took with the same @p to their next user. Return:
 * false, and none is left, if one was revoked or its memory broke meanwhile. May sleep.
 */
bool ndshm_recycled_reuse(const struct ndshm_parameters *p, struct ndshm_block **blocks,
			  u32 count);

/*
 * Free all blocks if the @count ones that @p requests would not fit beside them: others are
 * wanted now. May sleep.
 */
void ndshm_recycled_make_room(struct ndshm_recycled *cache, const struct ndshm_parameters *p,
			      u32 count);

/*
 * Free the blocks of all caches of @user. Return: true if there were any, or if others free some:
 * then ndshm_deferred_wait() waits for these. May sleep.
 */
bool ndshm_recycled_flush_user(const struct user_struct *user);

int __init ndshm_recycled_setup(void);
void ndshm_recycled_teardown(void);

#endif /* _NDSHM_BLOCK_RECYCLED_H */
