/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A driver with an adapter, queues and ports, and a provider for it, used by the suites
 * of queues, packets and requests. Logs its callbacks in order.
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

#include "../native.h"
#include "suite.h"

#define MINIPORT_BLOCKS	8
#define MINIPORT_LOG	128

/**
 * struct miniport - The driver
 * @test: test case
 * @device: of the adapter
 * @adapter: registered adapter, or NULL
 * @provider: provider of all its blocks, or NULL once revoked
 * @blocks: blocks that the next free_blocks callback frees; may be NULL
 * @lock: protects @log
 * @log: one letter for each event: s stop, b free_blocks, f freed, r revocation
 *	callback, m provider's free handler, u ndshm_allocation_unwanted() returned
 *	true, and letters that the test case adds
 * @ended: completed by each freed callback
 * @last_id: argument of the last freed callback
 * @allocated: number of blocks that the provider allocated
 * @freed: number of blocks that it freed
 * @wrong: number of callbacks in a wrong context
 * @hold: each allocate handler waits for @go_on
 * @hold_usage: restricts @hold to blocks of this usage; 0: all
 * @providing: completed by each handler that waits
 * @go_on: resumes one handler
 */
struct miniport {
	struct kunit *test;
	struct platform_device *device;
	struct ndshm_adapter *adapter;
	struct ndshm_provider *provider;
	struct ndshm_block *blocks[MINIPORT_BLOCKS];
	spinlock_t lock;	/* protects log */
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

/* Init and exit of a suite; test->priv is the driver. */
int miniport_init(struct kunit *test);
void miniport_exit(struct kunit *test);

/* Append @letter to the log. */
void miniport_note(struct miniport *driver, char letter);
/* Expect that the log equals @expected, and clear it. */
void miniport_expect(struct miniport *driver, const char *expected);

/* Allocate a block of @length bytes for a queue or a port. */
ndshm_reason_t miniport_obtain(struct miniport *driver, u32 queue_id, u32 vport_id,
			       u64 length, struct ndshm_block **block);

/* Allocate a running queue; asserts success. */
u32 miniport_queue(struct miniport *driver);
/* Create an active port; asserts success. */
u32 miniport_vport(struct miniport *driver);

/* Clear the filter of a queue from miniport_queue(), and call ndshm_queue_free(). */
void miniport_free_queue(struct miniport *driver, u32 id);

/* Wait for the next freed callback. */
void miniport_wait(struct miniport *driver);

/* Unregister the adapter; revoke the provider. */
void miniport_unregister(struct miniport *driver);
void miniport_revoke(struct miniport *driver);

#define EXPECT_REASON(test, call, reason_) \
	KUNIT_EXPECT_STREQ(test, ndshm_reason_name(call), \
			   ndshm_reason_name(NDSHM_REASON_##reason_))
#define ASSERT_REASON(test, call, reason_) \
	KUNIT_ASSERT_STREQ(test, ndshm_reason_name(call), \
			   ndshm_reason_name(NDSHM_REASON_##reason_))

#endif /* _NDSHM_KUNIT_MINIPORT_H */
