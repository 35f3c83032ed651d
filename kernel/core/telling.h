/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Telling a block's owner in the kernel that its memory goes.
 */
#ifndef _NDSHM_CORE_TELLING_H
#define _NDSHM_CORE_TELLING_H

#include <linux/atomic.h>
#include <linux/types.h>

struct ndshm_block;
struct task_struct;

/**
 * enum ndshm_telling_state - how far it is
 * @NDSHM_UNTOLD: the owner has the block, and nobody revokes it
 * @NDSHM_UNARMED: the owner has it later, if nobody revokes it before
 * @NDSHM_TELLING: the callback runs, or who revokes waits for an owner that keeps
 * @NDSHM_TOLD: the callback has returned, or nobody was there to be told
 * @NDSHM_LET_GO: the owner has given the block back
 */
enum ndshm_telling_state {
	NDSHM_UNTOLD,
	NDSHM_UNARMED,
	NDSHM_TELLING,
	NDSHM_TOLD,
	NDSHM_LET_GO,
};

/**
 * struct ndshm_telling - the owner's callback, and its running
 * @state: an enum ndshm_telling_state
 * @keeps: the owner is not told: who revokes waits until it gives the block back
 * @teller: who runs @revoked; only that task can find itself there
 * @revoked: the owner's callback, or NULL
 * @revoked_context: for @revoked
 *
 * No lock: whoever takes @state away from UNTOLD was first. If that is the owner,
 * no callback begins any more. If it is who revokes, TELLING is waited for by the
 * other side, and ended by one alone: by the owner if it @keeps, or else by who
 * revokes, when the callback has returned. All but @state and @teller is written
 * before the block is published, and never again.
 */
struct ndshm_telling {
	atomic_t state;
	bool keeps;
	struct task_struct *teller;
	void (*revoked)(void *revoked_context, struct ndshm_block *block);
	void *revoked_context;
};

/*
 * The owner of one that is UNARMED is about to have it; false: it was revoked before,
 * which nobody was told. Any context.
 */
bool ndshm_telling_arm(struct ndshm_telling *telling);

/*
 * The memory goes: once, and before it does. The caller has a reference to @block,
 * whose telling it is. May sleep; hold no lock that the owner takes.
 */
void ndshm_tell(struct ndshm_telling *telling, struct ndshm_block *block);

/*
 * The owner gives the block back, whose reference it still has. A callback that has
 * begun is waited for, but not by itself. May sleep.
 */
void ndshm_let_go(struct ndshm_telling *telling);

#endif /* _NDSHM_CORE_TELLING_H */
