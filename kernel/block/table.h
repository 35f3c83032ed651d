/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Table of all blocks of the machine by id (the shared memory handle).
 */
#ifndef _NDSHM_BLOCK_TABLE_H
#define _NDSHM_BLOCK_TABLE_H

#include "object.h"

struct ndshm_adapter;
struct ndshm_block;

/* Assign an unused random id to the block, and make lookups find it. */
void ndshm_block_table_add(struct ndshm_block *block);
void ndshm_block_table_remove(struct ndshm_block *block);

/*
 * Return: the block of @adapter with this id, with a reference; NULL if there is none or
 * it is under a claim. Context: any but NMI.
 */
struct ndshm_block *ndshm_block_find(u32 id,
				     const struct ndshm_adapter *adapter);

/*
 * View a block without a reference, which would delay the end of another user's memory.
 * @peek is called with a raw spinlock held, for the block with this id, or for the first
 * one from *cursor (initially 0) on, which then is the block's; the order of cursors is
 * private to the table. Return: true if there is such a block.
 */
bool ndshm_block_peek(u32 id, ndshm_peek_fn peek, void *context);
bool ndshm_block_peek_next(u32 *cursor, ndshm_peek_fn peek, void *context);

void __init ndshm_block_table_setup(void);

#endif /* _NDSHM_BLOCK_TABLE_H */
