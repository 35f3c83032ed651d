/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Active references: users of a set of blocks, packets of a block or of a queue.
 */
#ifndef _NDSHM_CORE_ACTIVE_H
#define _NDSHM_CORE_ACTIVE_H

#include <linux/completion.h>
#include <linux/refcount.h>

/**
 * struct ndshm_active - active references, which whoever ends the object drains
 * @count: references, and one more until ndshm_active_kill()
 * @dead: ndshm_active_get() fails
 * @drained: completed when @count reaches 0
 *
 * Not a struct percpu_ref: initialization cannot fail, and a kill waits for no grace
 * period, which every close of a claim would pay for.
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

/* Return: false after ndshm_active_kill(). Context: any. */
static inline bool ndshm_active_get(struct ndshm_active *active)
{
	return !READ_ONCE(active->dead) && refcount_inc_not_zero(&active->count);
}

/* Return: true if it was killed and this was the last reference. Context: any. */
static inline bool ndshm_active_put(struct ndshm_active *active)
{
	if (!refcount_dec_and_test(&active->count))
		return false;
	complete(&active->drained);
	return true;
}

/* Idempotent. Return: true if there was no reference. Context: any. */
static inline bool ndshm_active_kill(struct ndshm_active *active)
{
	return !xchg(&active->dead, true) && ndshm_active_put(active);
}

/* After ndshm_active_kill(); any number of callers. May sleep. */
static inline void ndshm_active_drain(struct ndshm_active *active)
{
	wait_for_completion(&active->drained);
	/* For the next caller. complete_all() is not for hard interrupts. */
	complete(&active->drained);
}

/* A snapshot. */
static inline unsigned int ndshm_active_count(const struct ndshm_active *active)
{
	unsigned int count = refcount_read(&active->count);

	return count ? count - !READ_ONCE(active->dead) : 0;
}

#endif /* _NDSHM_CORE_ACTIVE_H */
