/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Active references: allocations in a set of blocks, packets of a block or of a queue.
 */
#ifndef _NDSHM_BASE_ACTIVE_H
#define _NDSHM_BASE_ACTIVE_H

#include <linux/completion.h>
#include <linux/refcount.h>

/**
 * struct ndshm_active - references that the end of an object waits for
 * @count: references, plus one that ndshm_active_kill() drops
 * @dead: killed: ndshm_active_get() fails
 * @drained: completed when @count reaches 0
 *
 * Not a struct percpu_ref: its initialization can fail, and its kill takes an RCU grace
 * period, which would delay every end of a claim.
 */
struct ndshm_active {
	refcount_t count;
	bool dead;
	struct completion drained;
};

static inline void ndshm_active_init(struct ndshm_active *active)
{
	refcount_set(&active->count, 1);
	WRITE_ONCE(active->dead, false);
	init_completion(&active->drained);
}

/* Return: true if a reference was taken, false after ndshm_active_kill(). Context: any. */
static inline bool ndshm_active_get(struct ndshm_active *active)
{
	return !READ_ONCE(active->dead) && refcount_inc_not_zero(&active->count);
}

/* Return: true if this was the last reference to a killed object. Context: any. */
static inline bool ndshm_active_put(struct ndshm_active *active)
{
	if (!refcount_dec_and_test(&active->count))
		return false;
	complete(&active->drained);
	return true;
}

/* Idempotent. Return: true if this is the first kill and no reference is left. Context: any. */
static inline bool ndshm_active_kill(struct ndshm_active *active)
{
	return !xchg(&active->dead, true) && ndshm_active_put(active);
}

/* Wait for the last reference after ndshm_active_kill(). Several callers may wait. */
static inline void ndshm_active_drain(struct ndshm_active *active)
{
	wait_for_completion(&active->drained);
	/* Wake the next waiter: a put in a hard interrupt must not use complete_all(). */
	complete(&active->drained);
}

/* The same for a system call. Return: false if the caller was killed. */
static inline bool ndshm_active_drain_killable(struct ndshm_active *active)
{
	if (wait_for_completion_killable(&active->drained))
		return false;
	complete(&active->drained);
	return true;
}

/* Return: the number of references at this moment. Context: any. */
static inline unsigned int ndshm_active_count(const struct ndshm_active *active)
{
	unsigned int count = refcount_read(&active->count);

	return count ? count - !READ_ONCE(active->dead) : 0;
}

#endif /* _NDSHM_BASE_ACTIVE_H */
