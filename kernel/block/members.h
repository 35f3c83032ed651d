/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Membership of blocks: in the sets of their user and provider while they have memory, and in
 * the table of all blocks of the machine by id (the shared memory handle).
 */
#ifndef _NDSHM_BLOCK_MEMBERS_H
#define _NDSHM_BLOCK_MEMBERS_H

#include "block.h"

/*
 * Add a block that has its memory to both sets, then give it an unused random id and make lookups
 * find it. The caller has active references to both sets. Return: false if one of them was
 * closed; nothing has changed then.
 */
bool ndshm_block_publish(struct ndshm_block *block);

/* Remove a block, whose memory was freed, from both sets. They may be freed when this returns. */
void ndshm_block_remove_from_sets(struct ndshm_block *block);

/* Remove a block from the table, so that lookups do not find it. */
void ndshm_block_table_remove(struct ndshm_block *block);

/*
 * Return: the block of @adapter with this id, with a reference; NULL if there is none or
 * it is under a claim. Context: any but NMI.
 */
struct ndshm_block *ndshm_block_find(u32 id,
				     const struct ndshm_adapter *adapter);

/*
 * Return: the block of a client with this id, with a reference; NULL if there is none, or the
 * caller has neither the effective user id of its owner nor CAP_SYS_ADMIN.
 */
struct ndshm_block *ndshm_block_find_own(u32 id);

/*
 * View a block without a reference, which would delay the end of another user's memory.
 * @peek is called with a raw spinlock held, for the block with this id, or for the first
 * one from *cursor (initially 0) on, which then is the block's; the order of cursors is
 * private to the table. Return: true if there is such a block. May sleep.
 */
bool ndshm_block_peek(u32 id, ndshm_peek_fn peek, void *context);
bool ndshm_block_peek_next(u32 *cursor, ndshm_peek_fn peek, void *context);

/* Called before the first block, and after the last one. */
int __init ndshm_members_init(void);
void ndshm_members_exit(void);

#endif /* _NDSHM_BLOCK_MEMBERS_H */
