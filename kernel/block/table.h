/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All blocks of the machine, by their shared memory handles.
 */
#ifndef _NDSHM_CORE_BLOCK_TABLE_H
#define _NDSHM_CORE_BLOCK_TABLE_H

#include "object.h"

struct ndshm_adapter;
struct ndshm_block;

/* Give the block a random id that no other block has, and let it be found. */
void ndshm_block_table_add(struct ndshm_block *block);
void ndshm_block_table_remove(struct ndshm_block *block);

/*
 * The block with that id, with a reference, if it is for that adapter and not under
 * a claim; or NULL. Any context but NMI.
 */
struct ndshm_block *ndshm_block_find(u32 id,
				     const struct ndshm_adapter *adapter);

/*
 * For those who only look: a reference of theirs would put off the end of
 * another one's memory. @look is called for the block with that id, or for the
 * first at or after *cursor (0 at first), which moves there; cursors are in an
 * order of their own. It takes no lock, and does not keep the block. False: there is
 * none, and nothing was called.
 */
bool ndshm_block_look(u32 id, ndshm_look_fn look, void *context);
bool ndshm_block_look_next(u32 *cursor, ndshm_look_fn look, void *context);

void __init ndshm_block_table_setup(void);

#endif /* _NDSHM_CORE_BLOCK_TABLE_H */
