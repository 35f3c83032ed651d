/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver with an adapter, queues and ports of its own, for the suites of queues,
 * packets and requests; and the provider of its memory. What happens is written down
 * in order.
 */
#ifndef _NDSHM_KUNIT_MINIPORT_H
#define _NDSHM_KUNIT_MINIPORT_H

#include <linux/completion.h>
#include <linux/platform_device.h>
#include <linux/spinlock.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/provider.h>
#include <ndshm/queue.h>

#include "suite.h"

#define MINIPORT_BLOCKS	8
#define MINIPORT_LOG	128

/**
 * struct miniport - it
 * @test: the case
 * @device: of the adapter
 * @adapter: NULL once it was unregistered
 * @provider: of all its blocks; NULL once it was revoked
 * @blocks: that the next call of free_blocks frees; NULL where there is none
 * @lock: guards @log
 * @log: a letter each: s stop, b free_blocks, f freed, r a block's revoked
 *	callback, m memory of the provider's was freed, u the provider was asked
 *	for what is not wanted any more, and what the case adds
 * @ended: for each call of freed
 * @last_id: that was told last
 * @allocated: blocks that the provider made
 * @freed: that came back
 * @wrong: callbacks in a context where they may not be
 * @hold: the provider waits for @go_on, once for each call
 * @hold_usage: but for blocks of another usage than this; 0: for all
 * @providing: for each call that waits
 * @go_on: see above
 */
struct miniport {
	struct kunit *test;
	struct platform_device *device;
	struct ndshm_adapter *adapter;
	struct ndshm_provider *provider;
	struct ndshm_block *blocks[MINIPORT_BLOCKS];
	spinlock_t lock;	/* the log */
	char log[MINIPORT_LOG];
	struct completion ended;
	u32 last_id;
	atomic_t allocated;
	atomic_t freed;
	atomic_t wrong;
	bool hold;
	u32 hold_usage;
	struct completion providing;
	struct completion go_on;
};

extern const struct ndshm_queue_ops miniport_ops;

/* For init and exit of a suite: the driver is the test's priv. */
int miniport_init(struct kunit *test);
void miniport_exit(struct kunit *test);

/* Write @letter down. */
void miniport_note(struct miniport *driver, char letter);
/* What happened since the last call is as in @expected. */
void miniport_expect(struct miniport *driver, const char *expected);

/* A block of @length bytes for a queue or a port. */
ndshm_reason_t miniport_obtain(struct miniport *driver, u32 queue_id, u32 vport_id,
			       u64 length, struct ndshm_block **block);

/* A queue that is running; the calls for it succeed. */
u32 miniport_queue(struct miniport *driver);
/* A port that is active. */
u32 miniport_vport(struct miniport *driver);

/* Clear the filter of such a queue, and begin to free it. */
void miniport_free_queue(struct miniport *driver, u32 id);

/* The next call of freed has been there. */
void miniport_wait(struct miniport *driver);

/* The end of the adapter, and of the provider's device. */
void miniport_unregister(struct miniport *driver);
void miniport_revoke(struct miniport *driver);

#define EXPECT_REASON(test, call, reason_) \
	KUNIT_EXPECT_STREQ(test, ndshm_reason_name(call), \
			   ndshm_reason_name(NDSHM_REASON_##reason_))
#define ASSERT_REASON(test, call, reason_) \
	KUNIT_ASSERT_STREQ(test, ndshm_reason_name(call), \
			   ndshm_reason_name(NDSHM_REASON_##reason_))

#endif /* _NDSHM_KUNIT_MINIPORT_H */
