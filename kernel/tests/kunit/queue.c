// SPDX-License-Identifier: GPL-2.0
/*
 * Queues and virtual ports of a registered adapter: valid operations in each state, the
 * order of a free, and the blocks. packet.c tests packets.
 */
#include <linux/mm.h>

#include "../../adapter/adapter.h"
#include "../../registration/provider.h"
#include "miniport.h"

static void expect_state(struct miniport *driver, u32 id,
			 enum ndshm_queue_state expected, u32 expected_filters)
{
	enum ndshm_queue_state state = -1;
	u32 filters = -1;

	EXPECT_REASON(driver->test, check_queue_query(driver->adapter, id,
						      &state, &filters, NULL),
		      NONE);
	KUNIT_EXPECT_EQ(driver->test, state, expected);
	KUNIT_EXPECT_EQ(driver->test, filters, expected_filters);
}

static void expect_port(struct miniport *driver, u32 id,
			enum ndshm_vport_state expected)
{
	enum ndshm_vport_state state = -1;

	EXPECT_REASON(driver->test, check_vport_query(driver->adapter, id,
						      &state, NULL), NONE);
	KUNIT_EXPECT_EQ(driver->test, state, expected);
}

static void expect_gone(struct miniport *driver, u32 queue_id, u32 vport_id)
{
	struct ndshm_adapter *adapter = driver->adapter;
	struct kunit *test = driver->test;
	enum ndshm_queue_state queue;
	enum ndshm_vport_state port;
	struct ndshm_block *block;
	u32 filters;

	if (queue_id) {
		EXPECT_REASON(test, check_queue_query(adapter, queue_id, &queue,
						      &filters, NULL),
			      QUEUE_UNKNOWN);
		EXPECT_REASON(test, check_queue_set_filter(adapter, queue_id),
			      QUEUE_UNKNOWN);
		EXPECT_REASON(test, check_queue_free(adapter, queue_id),
			      QUEUE_UNKNOWN);
		EXPECT_REASON(test, check_queue_dma_stopped(adapter, queue_id),
			      QUEUE_UNKNOWN);
		EXPECT_REASON(test, miniport_obtain(driver, queue_id, 0, 1,
						    &block), QUEUE_UNKNOWN);
	}
	if (vport_id) {
		EXPECT_REASON(test, check_vport_query(adapter, vport_id, &port,
						      NULL), PORT_UNKNOWN);
		EXPECT_REASON(test, check_vport_activate(adapter, vport_id),
			      PORT_UNKNOWN);
		EXPECT_REASON(test, check_vport_delete(adapter, vport_id),
			      PORT_UNKNOWN);
		EXPECT_REASON(test, miniport_obtain(driver, 0, vport_id, 1,
						    &block), PORT_UNKNOWN);
	}
}

/*
 * IDs
 */

static void ids(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 queues[5], ports[5], again;
	int i, j;

	for (i = 0; i < 5; i++) {
		ASSERT_REASON(test, check_queue_allocate(driver->adapter,
							 &miniport_ops, driver,
							 &queues[i]), NONE);
		ASSERT_REASON(test, check_vport_create(driver->adapter,
						       &miniport_ops, driver,
						       &ports[i]), NONE);
		KUNIT_EXPECT_NE(test, queues[i], 0);
		KUNIT_EXPECT_NE(test, ports[i], 0);
		for (j = 0; j < i; j++) {
			KUNIT_EXPECT_NE(test, queues[i], queues[j]);
			KUNIT_EXPECT_NE(test, ports[i], ports[j]);
		}
	}
	/* The ID of a freed queue is not reused at once. */
	ASSERT_REASON(test, check_queue_free(driver->adapter, queues[4]), NONE);
	ASSERT_REASON(test, check_queue_dma_stopped(driver->adapter, queues[4]),
		      NONE);
	miniport_wait(driver);
	KUNIT_EXPECT_EQ(test, driver->last_id, queues[4]);
	ASSERT_REASON(test, check_queue_allocate(driver->adapter, &miniport_ops,
						 driver, &again), NONE);
	for (i = 0; i < 5; i++)
		KUNIT_EXPECT_NE(test, again, queues[i]);
	expect_gone(driver, queues[4], 1000);
}

/* Names are printable and end, whatever the driver passes; values are what it passes. */
static void configuration(struct kunit *test)
{
	static const struct ndshm_queue_config empty;
	struct ndshm_queue_config config = {
		.name = "a b\n\x1b[31m\xc3\xa9~",
		.affinity = BIT_ULL(63) | 1,
		.affinity_group = 3,
		.buffers = 4096,
		.lookahead = U32_MAX,
	}, found;
	struct miniport *driver = test->priv;
	u32 queue, other;

	memset(config.vm_name, 'v', sizeof(config.vm_name));
	ASSERT_REASON(test, check_queue_allocate_configured(driver->adapter, &miniport_ops,
							    driver, &config, &queue), NONE);
	ASSERT_REASON(test, check_queue_allocate(driver->adapter, &miniport_ops, driver,
						 &other), NONE);
	ASSERT_REASON(test, check_queue_get_config(driver->adapter, queue, &found), NONE);
	KUNIT_EXPECT_STREQ(test, found.name, "a b??[31m??~");
	KUNIT_EXPECT_EQ(test, strnlen(found.vm_name, sizeof(found.vm_name)),
			NDSHM_QUEUE_NAME_SIZE - 1);
	KUNIT_EXPECT_EQ(test, found.affinity, BIT_ULL(63) | 1);
	KUNIT_EXPECT_EQ(test, found.affinity_group, 3);
	KUNIT_EXPECT_EQ(test, found.buffers, 4096);
	KUNIT_EXPECT_EQ(test, found.lookahead, U32_MAX);

	/* A new configuration replaces all of the old one. */
	ASSERT_REASON(test, check_queue_configure(driver->adapter, other, &config), NONE);
	ASSERT_REASON(test, check_queue_configure(driver->adapter, queue, &empty), NONE);
	ASSERT_REASON(test, check_queue_get_config(driver->adapter, queue, &found), NONE);
	KUNIT_EXPECT_STREQ(test, found.name, "");
	KUNIT_EXPECT_STREQ(test, found.vm_name, "");
	KUNIT_EXPECT_EQ(test, found.affinity, 0);
	KUNIT_EXPECT_EQ(test, found.buffers, 0);
	ASSERT_REASON(test, check_queue_get_config(driver->adapter, other, &found), NONE);
	KUNIT_EXPECT_STREQ(test, found.name, "a b??[31m??~");
	KUNIT_EXPECT_EQ(test, found.buffers, 4096);

	EXPECT_REASON(test, check_queue_configure(driver->adapter, 0, &config), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_queue_configure(driver->adapter, 1000, &config),
		      QUEUE_UNKNOWN);
	EXPECT_REASON(test, check_queue_get_config(driver->adapter, 1000, &found),
		      QUEUE_UNKNOWN);
	ASSERT_REASON(test, check_queue_get_config(driver->adapter, 0, &found), NONE);
	KUNIT_EXPECT_STREQ(test, found.name, "");
}

/* The defaults exist, accept only blocks, and cannot be freed. */
static void default_queue_and_port(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_adapter *adapter = driver->adapter;
	struct ndshm_queue_usage usage;
	enum ndshm_queue_state state;
	enum ndshm_vport_state port;
	struct ndshm_block *block;
	u32 filters;

	expect_state(driver, 0, NDSHM_QUEUE_RUNNING, 0);
	expect_port(driver, 0, NDSHM_VPORT_ACTIVE);
	EXPECT_REASON(test, check_queue_set_filter(adapter, 0), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_queue_clear_filter(adapter, 0),
		      QUEUE_DEFAULT);
	EXPECT_REASON(test, check_queue_complete(adapter, 0), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_queue_free(adapter, 0), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_queue_dma_stopped(adapter, 0), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_vport_activate(adapter, 0), QUEUE_DEFAULT);
	EXPECT_REASON(test, check_vport_delete(adapter, 0), QUEUE_DEFAULT);

	ASSERT_REASON(test, miniport_obtain(driver, 0, 0, PAGE_SIZE + 1,
					    &block), NONE);
	ASSERT_REASON(test, check_queue_query(adapter, 0, &state, &filters,
					      &usage), NONE);
	KUNIT_EXPECT_EQ(test, usage.blocks, 1);
	KUNIT_EXPECT_EQ(test, usage.bytes, 2 * PAGE_SIZE);
	KUNIT_EXPECT_EQ(test, usage.packets, 0);
	ndshm_free(block);
	ASSERT_REASON(test, check_vport_query(adapter, 0, &port, &usage), NONE);
	KUNIT_EXPECT_EQ(test, usage.blocks, 0);
	KUNIT_EXPECT_EQ(test, usage.bytes, 0);
	miniport_expect(driver, "m");
	/* Unregistering the adapter calls no callback for them. */
	miniport_unregister(driver);
	miniport_expect(driver, "");
}

/*
 * States
 */

/* The calls follow the state machine; a refused call has no effect. */
static void states(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_adapter *adapter = driver->adapter;
	u32 id;

	ASSERT_REASON(test, check_queue_allocate(adapter, &miniport_ops, driver,
						 &id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_ALLOCATED, 0);
	EXPECT_REASON(test, check_queue_clear_filter(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_dma_stopped(adapter, id), QUEUE_STATE);
	expect_state(driver, id, NDSHM_QUEUE_ALLOCATED, 0);
	EXPECT_REASON(test, check_queue_set_filter(adapter, id), NONE);
	EXPECT_REASON(test, check_queue_set_filter(adapter, id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_SET, 2);
	EXPECT_REASON(test, check_queue_free(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_complete(adapter, id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_RUNNING, 2);
	EXPECT_REASON(test, check_queue_complete(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_free(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_clear_filter(adapter, id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_RUNNING, 1);
	EXPECT_REASON(test, check_queue_free(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_clear_filter(adapter, id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_PAUSED, 0);
	EXPECT_REASON(test, check_queue_free(adapter, id), NONE);
	expect_state(driver, id, NDSHM_QUEUE_STOP_DMA, 0);
	/* A queue is freed once. */
	EXPECT_REASON(test, check_queue_free(adapter, id), QUEUE_STATE);
	EXPECT_REASON(test, check_queue_set_filter(adapter, id), QUEUE_STATE);
	expect_state(driver, id, NDSHM_QUEUE_STOP_DMA, 0);
	miniport_expect(driver, "");
	EXPECT_REASON(test, check_queue_dma_stopped(adapter, id), NONE);
	miniport_wait(driver);
	expect_gone(driver, id, 0);
	miniport_expect(driver, "bf");

	ASSERT_REASON(test, check_vport_create(adapter, &miniport_ops, driver,
					       &id), NONE);
	expect_port(driver, id, NDSHM_VPORT_CREATED);
	EXPECT_REASON(test, check_vport_activate(adapter, id), NONE);
	expect_port(driver, id, NDSHM_VPORT_ACTIVE);
	EXPECT_REASON(test, check_vport_activate(adapter, id), PORT_STATE);
	expect_port(driver, id, NDSHM_VPORT_ACTIVE);
	EXPECT_REASON(test, check_vport_delete(adapter, id), NONE);
	miniport_wait(driver);
	expect_gone(driver, 0, id);
	miniport_expect(driver, "bf");
}

static void try_block(struct miniport *driver, u32 queue_id, u32 vport_id,
		      const char *reason)
{
	struct ndshm_block *block;

	KUNIT_EXPECT_STREQ(driver->test,
			   ndshm_reason_name(miniport_obtain(driver, queue_id,
							     vport_id, 1,
							     &block)), reason);
	if (!strcmp(reason, "none"))
		ndshm_free(block);
	else
		KUNIT_EXPECT_NULL(driver->test, block);
}

static void blocks_in_each_state(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_adapter *adapter = driver->adapter;
	u32 id, port;

	ASSERT_REASON(test, check_queue_allocate(adapter, &miniport_ops, driver,
						 &id), NONE);
	ASSERT_REASON(test, check_vport_create(adapter, &miniport_ops, driver,
					       &port), NONE);
	try_block(driver, id, port, "queue-and-port");
	try_block(driver, id + 1, 0, "queue-unknown");
	try_block(driver, U32_MAX, 0, "queue-unknown");
	try_block(driver, 0, port + 1, "port-unknown");
	try_block(driver, 0, U32_MAX, "port-unknown");

	try_block(driver, id, 0, "none");
	check_queue_set_filter(adapter, id);
	try_block(driver, id, 0, "none");
	check_queue_complete(adapter, id);
	try_block(driver, id, 0, "none");
	check_queue_clear_filter(adapter, id);
	try_block(driver, id, 0, "none");
	check_queue_free(adapter, id);
	expect_state(driver, id, NDSHM_QUEUE_STOP_DMA, 0);
	try_block(driver, id, 0, "queue-state");

	try_block(driver, 0, port, "port-state");
	check_vport_activate(adapter, port);
	try_block(driver, 0, port, "none");
	miniport_expect(driver, "mmmmm");
}

/*
 * Blocks
 */

static void expect_usage(struct miniport *driver, u32 queue_id, u32 vport_id,
			 u32 blocks, u64 pages)
{
	struct ndshm_queue_usage usage;
	enum ndshm_queue_state state;
	enum ndshm_vport_state port;
	u32 filters;

	if (vport_id)
		ASSERT_REASON(driver->test,
			      check_vport_query(driver->adapter, vport_id,
						&port, &usage), NONE);
	else
		ASSERT_REASON(driver->test,
			      check_queue_query(driver->adapter, queue_id,
						&state, &filters, &usage),
			      NONE);
	KUNIT_EXPECT_EQ(driver->test, usage.blocks, blocks);
	KUNIT_EXPECT_EQ(driver->test, usage.bytes, pages * PAGE_SIZE);
}

static void accounting(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 one = miniport_queue(driver), other = miniport_queue(driver);
	u32 port = miniport_vport(driver);
	struct ndshm_block *blocks[5];

	ASSERT_REASON(test, miniport_obtain(driver, one, 0, 1, &blocks[0]),
		      NONE);
	ASSERT_REASON(test, miniport_obtain(driver, one, 0, 3 * PAGE_SIZE,
					    &blocks[1]), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, other, 0, PAGE_SIZE + 1,
					    &blocks[2]), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, 0, port, 4 * PAGE_SIZE,
					    &blocks[3]), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, 0, 0, 1, &blocks[4]), NONE);
	expect_usage(driver, one, 0, 2, 4);
	expect_usage(driver, other, 0, 1, 2);
	expect_usage(driver, 0, port, 1, 4);
	expect_usage(driver, 0, 0, 1, 1);
	ndshm_free(blocks[1]);
	expect_usage(driver, one, 0, 1, 1);
	ndshm_free(blocks[0]);
	ndshm_free(blocks[2]);
	ndshm_free(blocks[3]);
	ndshm_free(blocks[4]);
	expect_usage(driver, one, 0, 0, 0);
	expect_usage(driver, other, 0, 0, 0);
	expect_usage(driver, 0, port, 0, 0);
	expect_usage(driver, 0, 0, 0, 0);
}

/*
 * The driver frees some blocks, and the core revokes the rest, which can still be freed.
 */
static void order_of_the_end(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_adapter *adapter = driver->adapter;
	struct ndshm_block *left, *other;
	u32 id = miniport_queue(driver), stays = miniport_queue(driver);

	ASSERT_REASON(test, miniport_obtain(driver, id, 0, 1, &left), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, id, 0, 1,
					    &driver->blocks[0]), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, id, 0, 1,
					    &driver->blocks[1]), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, stays, 0, 1, &other), NONE);
	miniport_free_queue(driver, id);
	miniport_expect(driver, "");
	EXPECT_REASON(test, check_queue_dma_stopped(adapter, id), NONE);
	miniport_wait(driver);
	miniport_expect(driver, "bmmrmf");
	KUNIT_EXPECT_EQ(test, driver->last_id, id);
	expect_gone(driver, id, 0);
	expect_usage(driver, stays, 0, 1, 1);
	ndshm_free(left);
	miniport_expect(driver, "");
	ndshm_free(other);
	miniport_expect(driver, "m");
}

/* Freed by its owner, but held by another reference. */
static void held_by_another(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 id = miniport_vport(driver);
	struct ndshm_block *block;

	ASSERT_REASON(test, miniport_obtain(driver, 0, id, 1, &block), NONE);
	ndshm_block_get(block);
	ndshm_free(block);
	miniport_expect(driver, "");
	EXPECT_REASON(test, check_vport_delete(driver->adapter, id), NONE);
	miniport_wait(driver);
	miniport_expect(driver, "bmf");
	ndshm_block_put(block);
	miniport_expect(driver, "");
}

static void no_callbacks(struct kunit *test)
{
	static const struct ndshm_queue_ops none;
	struct miniport *driver = test->priv;
	struct ndshm_block *block;
	u32 id, port;

	ASSERT_REASON(test, check_queue_allocate(driver->adapter, &none, NULL,
						 &id), NONE);
	ASSERT_REASON(test, check_vport_create(driver->adapter, &none, NULL,
					       &port), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, id, 0, 1, &block), NONE);
	miniport_unregister(driver);
	miniport_expect(driver, "rm");
	ndshm_free(block);
	miniport_expect(driver, "");
}

/*
 * Unregistering the adapter
 */

enum moment {
	ALLOCATED, SET, MANY_FILTERS, RUNNING, PAUSED, STOP_DMA,
	PORT_CREATED, PORT_ACTIVE,
	MOMENTS
};

static void bring_to(struct miniport *driver, enum moment moment,
		     struct ndshm_block **block)
{
	struct ndshm_adapter *adapter = driver->adapter;
	struct kunit *test = driver->test;
	u32 id, i;

	*block = NULL;
	if (moment >= PORT_CREATED) {
		ASSERT_REASON(test, check_vport_create(adapter, &miniport_ops,
						       driver, &id), NONE);
		if (moment == PORT_CREATED)
			return;
		ASSERT_REASON(test, check_vport_activate(adapter, id), NONE);
		ASSERT_REASON(test, miniport_obtain(driver, 0, id, 1, block),
			      NONE);
		return;
	}
	ASSERT_REASON(test, check_queue_allocate(adapter, &miniport_ops, driver,
						 &id), NONE);
	ASSERT_REASON(test, miniport_obtain(driver, id, 0, 1, block), NONE);
	if (moment == SET || moment == RUNNING)
		ASSERT_REASON(test, check_queue_set_filter(adapter, id), NONE);
	for (i = 0; moment == MANY_FILTERS && i < 1000; i++)
		ASSERT_REASON(test, check_queue_set_filter(adapter, id), NONE);
	if (moment == RUNNING || moment == PAUSED)
		ASSERT_REASON(test, check_queue_complete(adapter, id), NONE);
	if (moment == STOP_DMA)
		ASSERT_REASON(test, check_queue_free(adapter, id), NONE);
}

/* In each state: DMA is stopped, blocks are freed once, and freed is called once. */
static void adapter_goes(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block;
	enum moment moment;

	for (moment = 0; moment < MOMENTS; moment++) {
		if (!driver->adapter) {
			/* Register a new adapter. */
			miniport_exit(test);
			KUNIT_ASSERT_EQ(test, miniport_init(test), 0);
			driver = test->priv;
		}
		bring_to(driver, moment, &block);
		driver->blocks[0] = block;
		miniport_unregister(driver);
		miniport_expect(driver, block ? "sbmf" : "sbf");
		KUNIT_EXPECT_TRUE(test, try_wait_for_completion(&driver->ended));
		KUNIT_EXPECT_FALSE(test,
				   try_wait_for_completion(&driver->ended));
	}
}

/* Many queues and ports, with blocks that are not freed in time. */
static void adapter_goes_with_many(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *blocks[MOMENTS * 4];
	unsigned int i, ended = 0;

	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		bring_to(driver, i % MOMENTS, &blocks[i]);
	miniport_unregister(driver);
	while (try_wait_for_completion(&driver->ended))
		ended++;
	KUNIT_EXPECT_EQ(test, ended, ARRAY_SIZE(blocks));
	KUNIT_EXPECT_EQ(test, atomic_read(&driver->freed),
			atomic_read(&driver->allocated));
	for (i = 0; i < ARRAY_SIZE(blocks); i++)
		ndshm_free(blocks[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&driver->freed),
			atomic_read(&driver->allocated));
}

/* The stop callback itself calls ndshm_queue_dma_stopped(). */
static void stop_says_so(void *context, u32 id)
{
	struct miniport *driver = context;

	miniport_note(driver, 's');
	if (check_queue_dma_stopped(driver->adapter, id) != NDSHM_REASON_NONE)
		atomic_inc(&driver->wrong);
}

/* A queue allocated during the unregistration is refused. */
static void freed_wants_another(void *context, u32 id)
{
	struct miniport *driver = context;
	u32 another = 77;

	if (check_queue_allocate(driver->adapter, &miniport_ops, driver,
				 &another) != NDSHM_REASON_ADAPTER_REMOVED ||
	    another != 77)
		atomic_inc(&driver->wrong);
	miniport_note(driver, 'f');
}

static void calls_in_callbacks(struct kunit *test)
{
	static const struct ndshm_queue_ops ops = {
		.stop = stop_says_so,
		.freed = freed_wants_another,
	};
	struct miniport *driver = test->priv;
	u32 id;

	ASSERT_REASON(test, check_queue_allocate(driver->adapter, &ops, driver,
						 &id), NONE);
	miniport_unregister(driver);
	miniport_expect(driver, "sf");
}

/*
 * Concurrency
 */

/* An allocation in flight learns that its adapter or its provider ends. */
struct ending {
	struct miniport *driver;
	struct ndshm_active *active;
	bool by_provider;
};

static unsigned int allocate_and_end(void *context, unsigned int number)
{
	struct ending *ending = context;
	struct miniport *driver = ending->driver;
	struct ndshm_block *block;
	unsigned int wrong;

	switch (number) {
	case 0:
		return miniport_obtain(driver, 0, 0, 1, &block) !=
		       (ending->by_provider ? NDSHM_REASON_PROVIDER_CLOSING :
					      NDSHM_REASON_ADAPTER_REMOVED);
	case 1:
		wait_for_completion(&driver->providing);
		if (ending->by_provider)
			miniport_revoke(driver);
		else
			miniport_unregister(driver);
		return 0;
	default:
		wrong = !suite_wait_for_drain(ending->active);
		complete(&driver->go_on);
		return wrong;
	}
}

static void end_under_allocation(struct kunit *test, bool by_provider)
{
	struct miniport *driver = test->priv;
	struct ending ending = {
		.driver = driver, .by_provider = by_provider,
		.active = by_provider ? &driver->provider->set.active :
					&driver->adapter->set.active,
	};

	driver->hold = true;
	suite_run_threads(test, 3, allocate_and_end, &ending);
	/* The log: the provider finds the allocation unwanted, then the memory is freed. */
	miniport_expect(driver, "um");
}

static void adapter_ends_under_allocation(struct kunit *test)
{
	end_under_allocation(test, false);
}

static void provider_ends_under_allocation(struct kunit *test)
{
	end_under_allocation(test, true);
}

#define MAKERS	3

struct stress {
	struct miniport *driver;
	u32 id;
	atomic_t made;
};

/* Some threads allocate until they are refused; one frees the queue meanwhile. */
static unsigned int make_or_free(void *context, unsigned int number)
{
	struct stress *stress = context;
	struct miniport *driver = stress->driver;
	struct ndshm_block *block;
	ndshm_reason_t reason;
	unsigned int wrong = 0;

	if (number == MAKERS) {
		while (atomic_read(&stress->made) < 100)
			cond_resched();
		wrong += check_queue_free(driver->adapter, stress->id) !=
			 NDSHM_REASON_NONE;
		wrong += check_queue_dma_stopped(driver->adapter, stress->id) !=
			 NDSHM_REASON_NONE;
		return wrong;
	}
	for (;;) {
		reason = miniport_obtain(driver, stress->id, 0, 1, &block);
		if (reason != NDSHM_REASON_NONE)
			break;
		atomic_inc(&stress->made);
		ndshm_free(block);
		/* Another thread ends this loop; nothing in it sleeps. */
		cond_resched();
	}
	return reason != NDSHM_REASON_QUEUE_STATE &&
	       reason != NDSHM_REASON_QUEUE_UNKNOWN;
}

static void freed_under_allocations(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct stress stress = { .driver = driver };
	int round;

	for (round = 0; round < 5; round++) {
		atomic_set(&stress.made, 0);
		ASSERT_REASON(test, check_queue_allocate(driver->adapter,
							 &miniport_ops, driver,
							 &stress.id), NONE);
		suite_run_threads(test, MAKERS + 1, make_or_free, &stress);
		miniport_wait(driver);
		KUNIT_EXPECT_EQ(test, atomic_read(&driver->freed),
				atomic_read(&driver->allocated));
		expect_gone(driver, stress.id, 0);
	}
}

static struct kunit_case queue_cases[] = {
	KUNIT_CASE(ids),
	KUNIT_CASE(configuration),
	KUNIT_CASE(default_queue_and_port),
	KUNIT_CASE(states),
	KUNIT_CASE(blocks_in_each_state),
	KUNIT_CASE(accounting),
	KUNIT_CASE(order_of_the_end),
	KUNIT_CASE(held_by_another),
	KUNIT_CASE(no_callbacks),
	KUNIT_CASE(adapter_goes),
	KUNIT_CASE(adapter_goes_with_many),
	KUNIT_CASE(calls_in_callbacks),
	KUNIT_CASE(adapter_ends_under_allocation),
	KUNIT_CASE(provider_ends_under_allocation),
	KUNIT_CASE(freed_under_allocations),
	{}
};

static struct kunit_suite queue_suite = {
	.name = SUITE_NAME("queue"),
	.init = miniport_init,
	.exit = miniport_exit,
	.test_cases = queue_cases,
};

kunit_test_suite(queue_suite);
