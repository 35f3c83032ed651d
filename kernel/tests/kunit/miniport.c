// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "miniport.h"

void miniport_note(struct miniport *driver, char letter)
{
	unsigned long flags;
	size_t length;

	spin_lock_irqsave(&driver->lock, flags);
	length = strlen(driver->log);
	/* Longer logs are truncated: no test expects one. */
	if (length + 1 < sizeof(driver->log))
		driver->log[length] = letter;
	spin_unlock_irqrestore(&driver->lock, flags);
}

void miniport_expect(struct miniport *driver, const char *expected)
{
	char log[MINIPORT_LOG];

	spin_lock_irq(&driver->lock);
	memcpy(log, driver->log, sizeof(log));
	memset(driver->log, 0, sizeof(driver->log));
	spin_unlock_irq(&driver->lock);
	KUNIT_EXPECT_STREQ(driver->test, log, expected);
}

/*
 * The provider: memory without a device, so that any DMA address is valid
 */

static bool holds(const struct miniport *driver, u32 usage)
{
	const u32 only = READ_ONCE(driver->hold_usage);

	return READ_ONCE(driver->hold) && (!only || only == usage);
}

static ndshm_status_t provide(void *context, struct ndshm_parameters *p,
			      void **block_context)
{
	struct miniport *driver = context;
	size_t length = PAGE_ALIGN(p->length);
	void *memory = kzalloc(length, GFP_KERNEL);

	if (holds(driver, p->usage)) {
		complete(&driver->providing);
		wait_for_completion(&driver->go_on);
	}
	if (ndshm_allocation_unwanted(p))
		miniport_note(driver, 'u');
	if (!memory)
		return NDSHM_STATUS_RESOURCES;
	if (ndshm_list_add(p->list, (unsigned long)memory, length)) {
		kfree(memory);
		return NDSHM_STATUS_RESOURCES;
	}
	p->virtual_address = memory;
	*block_context = memory;
	atomic_inc(&driver->allocated);
	return NDSHM_STATUS_SUCCESS;
}

static void take_back(void *context, void *block_context)
{
	struct miniport *driver = context;

	miniport_note(driver, 'm');
	atomic_inc(&driver->freed);
	kfree(block_context);
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = provide,
	.free = take_back,
};

/*
 * Callbacks
 */

static void called(struct miniport *driver, char letter)
{
	might_sleep();
	if (!in_task() || irqs_disabled())
		atomic_inc(&driver->wrong);
	miniport_note(driver, letter);
}

static void miniport_stop(void *context, u32 id)
{
	called(context, 's');
}

static void miniport_free_blocks(void *context, u32 id)
{
	struct miniport *driver = context;
	unsigned int i;

	called(driver, 'b');
	for (i = 0; i < MINIPORT_BLOCKS; i++) {
		ndshm_free(driver->blocks[i]);
		driver->blocks[i] = NULL;
	}
}

static void miniport_freed(void *context, u32 id)
{
	struct miniport *driver = context;

	called(driver, 'f');
	driver->last_id = id;
	complete(&driver->ended);
}

const struct ndshm_queue_ops miniport_ops = {
	.stop = miniport_stop,
	.free_blocks = miniport_free_blocks,
	.freed = miniport_freed,
};

static void block_revoked(void *context, struct ndshm_block *block)
{
	called(context, 'r');
}

/*
 * Setup and cleanup
 */

int miniport_init(struct kunit *test)
{
	struct miniport *driver = kunit_kzalloc(test, sizeof(*driver), GFP_KERNEL);
	struct ndshm_provider_characteristics c = characteristics;
	struct ndshm_adapter_info info = { .name = "kunit-queue" };
	ndshm_reason_t reason;

	if (!driver)
		return -ENOMEM;
	driver->test = test;
	spin_lock_init(&driver->lock);
	init_completion(&driver->ended);
	init_completion(&driver->providing);
	init_completion(&driver->go_on);
	test->priv = driver;
	driver->device = platform_device_register_simple("ndshm-kunit",
							 PLATFORM_DEVID_AUTO,
							 NULL, 0);
	if (IS_ERR(driver->device))
		return PTR_ERR(driver->device);
	info.device = &driver->device->dev;
	reason = check_adapter_register(&info, &driver->adapter);
	if (reason != NDSHM_REASON_NONE)
		goto err_device;
	c.provider_context = driver;
	reason = check_provider_register(&c, NULL, NDSHM_SCOPE_ADAPTER,
					 driver->adapter, &driver->provider);
	if (reason != NDSHM_REASON_NONE)
		goto err_adapter;
	return 0;

err_adapter:
	ndshm_adapter_unregister(driver->adapter);
err_device:
	platform_device_unregister(driver->device);
	return ndshm_reason_errno(reason);
}

void miniport_unregister(struct miniport *driver)
{
	ndshm_adapter_unregister(driver->adapter);
	driver->adapter = NULL;
}

void miniport_revoke(struct miniport *driver)
{
	WARN_ON(ndshm_provider_revoke(driver->provider));
	driver->provider = NULL;
}

/*
 * After every test each block must have been freed once, and each callback called in a
 * valid context.
 */
void miniport_exit(struct kunit *test)
{
	struct miniport *driver = test->priv;

	if (driver->adapter)
		miniport_unregister(driver);
	KUNIT_EXPECT_EQ(test, atomic_read(&driver->freed),
			atomic_read(&driver->allocated));
	KUNIT_EXPECT_EQ(test, atomic_read(&driver->wrong), 0);
	/* After a failure blocks may be left. */
	if (driver->provider)
		miniport_revoke(driver);
	platform_device_unregister(driver->device);
}

/*
 * Operations
 */

ndshm_reason_t miniport_obtain(struct miniport *driver, u32 queue_id, u32 vport_id,
			       u64 length, struct ndshm_block **block)
{
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.queue_id = queue_id,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_RECEIVE,
		.length = length,
		.adapter = driver->adapter,
		.revoked = block_revoked,
		.revoked_context = driver,
		.vport_id = vport_id,
	};

	return check_allocate(&p, block);
}

u32 miniport_queue(struct miniport *driver)
{
	struct ndshm_adapter *adapter = driver->adapter;
	u32 id = 0;

	ASSERT_REASON(driver->test, check_queue_allocate(adapter, &miniport_ops,
							 driver, &id), NONE);
	ASSERT_REASON(driver->test, check_queue_set_filter(adapter, id), NONE);
	ASSERT_REASON(driver->test, check_queue_complete(adapter, id), NONE);
	return id;
}

u32 miniport_vport(struct miniport *driver)
{
	struct ndshm_adapter *adapter = driver->adapter;
	u32 id = 0;

	ASSERT_REASON(driver->test, check_vport_create(adapter, &miniport_ops,
						       driver, &id), NONE);
	ASSERT_REASON(driver->test, check_vport_activate(adapter, id), NONE);
	return id;
}

void miniport_free_queue(struct miniport *driver, u32 id)
{
	ASSERT_REASON(driver->test,
		      check_queue_clear_filter(driver->adapter, id), NONE);
	ASSERT_REASON(driver->test, check_queue_free(driver->adapter, id), NONE);
}

void miniport_wait(struct miniport *driver)
{
	KUNIT_ASSERT_TRUE(driver->test,
			  wait_for_completion_timeout(&driver->ended, 60 * HZ));
}
