/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How many packets are out: of a block, and of a queue. Whoever wants the memory
 * back waits for them.
 */
#ifndef _NDSHM_CORE_PACKETS_H
#define _NDSHM_CORE_PACKETS_H

#include <linux/completion.h>
#include <linux/refcount.h>

/**
 * struct ndshm_packets - packets that are out
 * @count: of them, and one more until who closes it takes that away
 * @closed: no further one
 * @drained: of who waits for the last; written before @count can get 0
 */
struct ndshm_packets {
	refcount_t count;
	bool closed;
	struct completion *drained;
};

static inline void ndshm_packets_init(struct ndshm_packets *packets)
{
	refcount_set(&packets->count, 1);
}

/* One more; false: it is closed. Any context. */
static inline bool ndshm_packets_get(struct ndshm_packets *packets)
{
	return !READ_ONCE(packets->closed) &&
	       refcount_inc_not_zero(&packets->count);
}

static inline void ndshm_packets_close(struct ndshm_packets *packets)
{
	WRITE_ONCE(packets->closed, true);
}

/* One less; true: it is closed, and this was the last. Any context. */
static inline bool ndshm_packets_put(struct ndshm_packets *packets)
{
	return refcount_dec_and_test(&packets->count);
}

/* The same, where somebody waits with ndshm_packets_drain(). */
static inline void ndshm_packets_put_waited(struct ndshm_packets *packets)
{
	if (ndshm_packets_put(packets))
		complete(packets->drained);
}

/* Close it, and wait until none is out. Once. May sleep. */
static inline void ndshm_packets_drain(struct ndshm_packets *packets)
{
	DECLARE_COMPLETION_ONSTACK(drained);

	packets->drained = &drained;
	ndshm_packets_close(packets);
	ndshm_packets_put_waited(packets);
	wait_for_completion(&drained);
}

/* How many are out just now. */
static inline unsigned int ndshm_packets_out(struct ndshm_packets *packets)
{
	unsigned int count = refcount_read(&packets->count);

	return count ? count - !READ_ONCE(packets->closed) : 0;
}

#endif /* _NDSHM_CORE_PACKETS_H */
