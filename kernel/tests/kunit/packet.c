// SPDX-License-Identifier: GPL-2.0
/*
 * Packets: resolving in any context, errors, and the waits for the last packet.
 */
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include <ndshm/packet.h>

#include "../../adapter/adapter.h"
#include "../../base/deferred.h"
#include "../../block/block.h"
#include "miniport.h"

static u32 handle_of(const struct ndshm_block *block)
{
	return block->object.id;
}

static const char *resolve(struct miniport *driver, u32 handle, u64 offset,
			   u64 length, struct ndshm_block **block, void **address)
{
	struct ndshm_packet packet = {
		.shared_memory_handle = handle, .offset = offset,
		.length = length,
	};
	ndshm_reason_t reason;

	*block = ERR_PTR(-1);
	*address = ERR_PTR(-1);
	reason = check_packet_resolve(driver->adapter, &packet, block, address);
	if (reason != NDSHM_REASON_NONE) {
		KUNIT_EXPECT_NULL(driver->test, *block);
		KUNIT_EXPECT_NULL(driver->test, *address);
	}
	return ndshm_reason_name(reason);
}

/* Expect a failure with this reason. */
static void refused(struct miniport *driver, u32 handle, u64 offset, u64 length,
		    const char *reason)
{
	struct ndshm_block *block;
	void *address;

	KUNIT_EXPECT_STREQ_MSG(driver->test,
			       resolve(driver, handle, offset, length, &block,
				       &address), reason,
			       "offset %#llx length %#llx", offset, length);
}

static struct ndshm_block *resolved(struct miniport *driver, u32 handle,
				    u64 offset, u64 length, void **address)
{
	struct ndshm_block *block;

	KUNIT_EXPECT_STREQ_MSG(driver->test,
			       resolve(driver, handle, offset, length, &block,
				       address), "none",
			       "offset %#llx length %#llx", offset, length);
	return block;
}

static u32 packets_out(struct miniport *driver, u32 id)
{
	struct ndshm_queue_usage usage = { .packets = -1 };
	enum ndshm_queue_state state;
	u32 filters;

	EXPECT_REASON(driver->test, check_queue_query(driver->adapter, id,
						      &state, &filters,
						      &usage), NONE);
	return usage.packets;
}

static struct ndshm_block *block_for(struct miniport *driver, u32 queue_id,
				     u32 vport_id, u64 length)
{
	struct ndshm_block *block = NULL;

	ASSERT_REASON(driver->test, miniport_obtain(driver, queue_id, vport_id,
						    length, &block), NONE);
	return block;
}

static void bounds(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block = block_for(driver, 0, 0, 3 * PAGE_SIZE);
	u64 total = 3 * PAGE_SIZE, offset, length;
	u32 handle = handle_of(block);
	static const s64 off[] = { -2, -1, 0, 1, 2 };
	struct ndshm_block *held;
	void *address;
	int i, j;

	/* Ranges around the end of the block. */
	for (i = 0; i < ARRAY_SIZE(off); i++) {
		for (j = 0; j < ARRAY_SIZE(off); j++) {
			offset = PAGE_SIZE + off[i];
			length = total - PAGE_SIZE + off[j];
			if (offset + length > total) {
				refused(driver, handle, offset, length,
					"range");
				continue;
			}
			held = resolved(driver, handle, offset, length,
					&address);
			KUNIT_EXPECT_PTR_EQ(test, held, block);
			KUNIT_EXPECT_PTR_EQ(test, address,
					    block->virtual_address + offset);
			ndshm_packet_put(held);
		}
	}
	held = resolved(driver, handle, 0, total, &address);
	ndshm_packet_put(held);
	held = resolved(driver, handle, total - 1, 1, &address);
	ndshm_packet_put(held);

	refused(driver, handle, 0, 0, "length-zero");
	refused(driver, handle, total, 0, "length-zero");
	refused(driver, handle, U64_MAX, 0, "length-zero");
	refused(driver, handle, 0, total + 1, "range");
	refused(driver, handle, total, 1, "range");
	refused(driver, handle, total - 1, 2, "range");
	refused(driver, handle, U64_MAX - 1, 1, "range");
	refused(driver, handle, 0, U64_MAX, "range");
	refused(driver, handle, U64_MAX, 1, "length-overflow");
	refused(driver, handle, 1, U64_MAX, "length-overflow");
	refused(driver, handle, U64_MAX, U64_MAX, "length-overflow");
	KUNIT_EXPECT_EQ(test, packets_out(driver, 0), 0);
	ndshm_free(block);
	miniport_expect(driver, "m");
}

static void handles(struct kunit *test)
{
	struct ndshm_adapter_info info = { .name = "kunit-other" };
	struct miniport *driver = test->priv;
	struct ndshm_block *block = block_for(driver, 0, 0, 1);
	u32 handle = handle_of(block);
	struct ndshm_adapter *mine = driver->adapter;
	int i;

	refused(driver, 0, 0, 1, "handle-unknown");
	refused(driver, U32_MAX, 0, 1, "handle-unknown");
	for (i = 0; i < 32; i++)
		refused(driver, handle ^ BIT(i), 0, 1, "handle-unknown");
	/*
	 * A handle is unknown to another adapter, which takes precedence over a bad
	 * range.
	 */
	info.device = &driver->device->dev;
	ASSERT_REASON(test, check_adapter_register(&info, &driver->adapter),
		      NONE);
	refused(driver, handle, 0, 1, "handle-unknown");
	refused(driver, handle, 0, 0, "handle-unknown");
	ndshm_adapter_unregister(driver->adapter);
	driver->adapter = mine;

	ndshm_free(block);
	refused(driver, handle, 0, 1, "handle-unknown");
	miniport_expect(driver, "m");
}

/* A packet keeps the memory after the driver has freed the block. */
static void keeps_memory(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block = block_for(driver, 0, 0, PAGE_SIZE), *held;
	u32 handle = handle_of(block);
	void *address;

	memset(block->virtual_address, 0x5a, PAGE_SIZE);
	held = resolved(driver, handle, 16, PAGE_SIZE - 16, &address);
	KUNIT_EXPECT_EQ(test, packets_out(driver, 0), 1);
	ndshm_free(block);
	miniport_expect(driver, "");
	KUNIT_EXPECT_NULL(test, memchr_inv(address, 0x5a, PAGE_SIZE - 16));
	ndshm_packet_put(held);
	ndshm_deferred_drain();
	miniport_expect(driver, "m");
	refused(driver, handle, 0, 1, "handle-unknown");
}

/*
 * Context
 */

struct in_interrupt {
	struct irq_work work;
	struct ndshm_adapter *adapter;
	struct ndshm_packet packet;
	struct ndshm_block *block;
	void *address;
	ndshm_reason_t reason;
	bool put;
	bool hard;
};

static void interrupt(struct irq_work *work)
{
	struct in_interrupt *in = container_of(work, struct in_interrupt, work);

	in->hard = in_hardirq();
	if (in->put)
		ndshm_packet_put(in->block);
	else
		in->reason = check_packet_resolve(in->adapter, &in->packet,
						  &in->block, &in->address);
}

/* In a hard interrupt; the last put ends the block and the queue. */
static void in_interrupts(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 id = miniport_queue(driver);
	struct ndshm_block *block = block_for(driver, id, 0, PAGE_SIZE);
	struct in_interrupt in = {
		.adapter = driver->adapter,
		.packet = { handle_of(block), 1, 2 },
		.reason = NDSHM_REASON_MEMORY,
	};

	init_irq_work(&in.work, interrupt);
	/* Hard interrupt also on PREEMPT_RT. */
	atomic_or(IRQ_WORK_HARD_IRQ, &in.work.node.a_flags);
	irq_work_queue(&in.work);
	irq_work_sync(&in.work);
	KUNIT_EXPECT_TRUE(test, in.hard);
	ASSERT_REASON(test, in.reason, NONE);
	KUNIT_EXPECT_PTR_EQ(test, in.address, block->virtual_address + 1);
	KUNIT_EXPECT_EQ(test, packets_out(driver, id), 1);
	ndshm_free(block);
	miniport_free_queue(driver, id);
	EXPECT_REASON(test, check_queue_dma_stopped(driver->adapter, id), NONE);
	miniport_expect(driver, "");
	in.put = true;
	irq_work_queue(&in.work);
	irq_work_sync(&in.work);
	miniport_wait(driver);
	KUNIT_EXPECT_EQ(test, atomic_read(&driver->freed), 1);
}

static void with_interrupts_off(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block = block_for(driver, 0, 0, 1000), *held;
	u32 handle = handle_of(block);
	void *address;
	int i;

	local_irq_disable();
	held = resolved(driver, handle, 0, 1, &address);
	if (held)
		ndshm_packet_put(held);
	local_irq_enable();
	/* The number of packets is not limited. */
	for (i = 0; i < 1000; i++)
		resolved(driver, handle, i, 1, &address);
	/* The block ends within its page. */
	refused(driver, handle, 1000, 1, "range");
	KUNIT_EXPECT_EQ(test, packets_out(driver, 0), 1000);
	preempt_disable();
	for (i = 0; i < 1000; i++)
		ndshm_packet_put(block);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, packets_out(driver, 0), 0);
	ndshm_free(block);
	miniport_expect(driver, "m");
}

/*
 * Waiting for packets
 */

/* Work that puts a packet once another task is seen to wait for it. */
struct giver {
	struct delayed_work work;
	struct miniport *driver;
	struct ndshm_block *block;
	bool (*waited_for)(struct giver *giver);
	bool given_up;
};

static void give_back(struct work_struct *work)
{
	struct giver *giver = container_of(to_delayed_work(work), struct giver,
					   work);
	unsigned long end = jiffies + 60 * HZ;

	/* Poll: the start of a wait has no event. */
	while (!giver->waited_for(giver) && !giver->given_up) {
		usleep_range(100, 1000);
		giver->given_up = time_after(jiffies, end);
	}
	miniport_note(giver->driver, 'p');
	ndshm_packet_put(giver->block);
}

static bool block_waits(struct giver *giver)
{
	return swq_has_sleeper(&giver->block->packets.drained.wait);
}

static bool default_queue_waits(struct giver *giver)
{
	return swq_has_sleeper(&giver->driver->adapter->queues.default_packets.drained.wait);
}

static bool adapter_waits(struct giver *giver)
{
	return wq_has_sleeper(__var_waitqueue(&giver->driver->adapter->queues.count));
}

static void begin_giver(struct giver *giver, struct miniport *driver,
			struct ndshm_block *block,
			bool (*waited_for)(struct giver *giver))
{
	*giver = (struct giver){
		.driver = driver, .block = block, .waited_for = waited_for,
	};
	INIT_DELAYED_WORK_ONSTACK(&giver->work, give_back);
	schedule_delayed_work(&giver->work, 0);
}

static void end_giver(struct giver *giver)
{
	flush_delayed_work(&giver->work);
	KUNIT_EXPECT_FALSE(giver->driver->test, giver->given_up);
	destroy_delayed_work_on_stack(&giver->work);
}

/* A queue with several packets in flight, of several blocks. */
static void queue_waits(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 id = miniport_queue(driver), filters;
	enum ndshm_queue_state state = 0;
	struct ndshm_block *one = block_for(driver, id, 0, 2);
	struct ndshm_block *other = block_for(driver, id, 0, 11);
	struct ndshm_block *held[3];
	void *address;

	held[0] = resolved(driver, handle_of(one), 0, 1, &address);
	held[1] = resolved(driver, handle_of(one), 0, 2, &address);
	held[2] = resolved(driver, handle_of(other), 5, 6, &address);
	driver->blocks[0] = one;
	driver->blocks[1] = other;
	miniport_free_queue(driver, id);
	KUNIT_EXPECT_EQ(test, packets_out(driver, id), 3);
	/* Packets can be resolved until DMA is stopped. */
	ndshm_packet_put(resolved(driver, handle_of(one), 0, 1, &address));
	EXPECT_REASON(test, check_queue_dma_stopped(driver->adapter, id), NONE);
	refused(driver, handle_of(one), 0, 1, "queue-state");
	EXPECT_REASON(test, check_queue_dma_stopped(driver->adapter, id),
		      QUEUE_STATE);
	EXPECT_REASON(test, check_queue_free(driver->adapter, id), QUEUE_STATE);
	KUNIT_EXPECT_EQ(test, packets_out(driver, id), 3);
	ndshm_packet_put(held[1]);
	ndshm_packet_put(held[2]);
	KUNIT_EXPECT_EQ(test, packets_out(driver, id), 1);
	EXPECT_REASON(test, check_queue_query(driver->adapter, id, &state,
					      &filters, NULL), NONE);
	KUNIT_EXPECT_EQ(test, state, NDSHM_QUEUE_FREEING);
	miniport_note(driver, 'p');
	ndshm_packet_put(held[0]);
	miniport_wait(driver);
	miniport_expect(driver, "pbmmf");
}

static void port_waits(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 id = miniport_vport(driver);
	struct ndshm_block *held;
	void *address;

	driver->blocks[0] = block_for(driver, 0, id, 1);
	held = resolved(driver, handle_of(driver->blocks[0]), 0, 1, &address);
	EXPECT_REASON(test, check_vport_delete(driver->adapter, id), NONE);
	refused(driver, handle_of(held), 0, 1, "port-state");
	EXPECT_REASON(test, check_vport_delete(driver->adapter, id),
		      PORT_STATE);
	miniport_note(driver, 'p');
	ndshm_packet_put(held);
	miniport_wait(driver);
	miniport_expect(driver, "pbmf");
}

/* The adapter is unregistered with packets in flight, in any state of the queue. */
static void adapter_waits_for_queues(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block, *held;
	struct giver giver;
	void *address;
	int freeing;
	u32 id;

	for (freeing = 0; freeing <= 1; freeing++) {
		if (!driver->adapter) {
			miniport_exit(test);
			KUNIT_ASSERT_EQ(test, miniport_init(test), 0);
			driver = test->priv;
		}
		id = miniport_queue(driver);
		block = block_for(driver, id, 0, 1);
		driver->blocks[0] = block;
		held = resolved(driver, handle_of(block), 0, 1, &address);
		if (freeing) {
			miniport_free_queue(driver, id);
			ASSERT_REASON(test,
				      check_queue_dma_stopped(driver->adapter,
							      id), NONE);
		}
		begin_giver(&giver, driver, held, adapter_waits);
		ndshm_adapter_unregister(driver->adapter);
		end_giver(&giver);
		driver->adapter = NULL;
		miniport_expect(driver, freeing ? "pbmf" : "spbmf");
	}
}

static void adapter_waits_for_the_default_queue(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct ndshm_block *block = block_for(driver, 0, 0, 1), *held;
	struct giver giver;
	void *address;

	held = resolved(driver, handle_of(block), 0, 1, &address);
	begin_giver(&giver, driver, held, default_queue_waits);
	ndshm_adapter_unregister(driver->adapter);
	end_giver(&giver);
	miniport_expect(driver, "prm");
	refused(driver, handle_of(block), 0, 1, "block-revoked");
	driver->adapter = NULL;
	ndshm_free(block);
	miniport_expect(driver, "");
}

/* The provider is revoked: memory is freed after the callback and the last put. */
static void provider_waits(struct kunit *test)
{
	struct miniport *driver = test->priv;
	u32 id = miniport_queue(driver);
	struct ndshm_block *block = block_for(driver, id, 0, 1), *held;
	u32 handle = handle_of(block);
	struct giver giver;
	void *address;

	held = resolved(driver, handle, 0, 1, &address);
	begin_giver(&giver, driver, held, block_waits);
	miniport_revoke(driver);
	end_giver(&giver);
	miniport_expect(driver, "rpm");
	refused(driver, handle, 0, 1, "block-revoked");
	KUNIT_EXPECT_EQ(test, packets_out(driver, id), 0);
	ndshm_free(block);
	refused(driver, handle, 0, 1, "handle-unknown");
	miniport_free_queue(driver, id);
	EXPECT_REASON(test, check_queue_dma_stopped(driver->adapter, id), NONE);
	miniport_wait(driver);
	miniport_expect(driver, "bf");
}

/*
 * Concurrency
 */

#define RECEIVERS	3
#define MARK		0x3c

struct stress {
	struct miniport *driver;
	u32 id;
	u32 handle;
	atomic_t received;
};

/*
 * Several threads resolve and check packets until the queue refuses; one thread frees the
 * queue. A packet's memory must not change before its put.
 */
static unsigned int receive_or_end(void *context, unsigned int number)
{
	struct stress *stress = context;
	struct miniport *driver = stress->driver;
	struct ndshm_packet packet = { stress->handle, 0, PAGE_SIZE };
	struct ndshm_block *block;
	ndshm_reason_t reason;
	unsigned int wrong = 0;
	void *address;

	if (number == RECEIVERS) {
		while (atomic_read(&stress->received) < 1000)
			cond_resched();
		wrong += check_queue_clear_filter(driver->adapter, stress->id) !=
			 NDSHM_REASON_NONE;
		wrong += check_queue_free(driver->adapter, stress->id) !=
			 NDSHM_REASON_NONE;
		wrong += check_queue_dma_stopped(driver->adapter, stress->id) !=
			 NDSHM_REASON_NONE;
		return wrong;
	}
	for (;;) {
		reason = check_packet_resolve(driver->adapter, &packet, &block,
					      &address);
		if (reason != NDSHM_REASON_NONE)
			break;
		wrong += !!memchr_inv(address, MARK, PAGE_SIZE);
		atomic_inc(&stress->received);
		ndshm_packet_put(block);
		cond_resched();
	}
	/* Depending on the progress of the free, any of these reasons is valid. */
	return wrong + (reason != NDSHM_REASON_QUEUE_STATE &&
			reason != NDSHM_REASON_BLOCK_REVOKED &&
			reason != NDSHM_REASON_HANDLE_UNKNOWN);
}

static void ended_under_receivers(struct kunit *test)
{
	struct miniport *driver = test->priv;
	struct stress stress = { .driver = driver };
	struct ndshm_block *block;
	int round;

	for (round = 0; round < 5; round++) {
		atomic_set(&stress.received, 0);
		stress.id = miniport_queue(driver);
		block = block_for(driver, stress.id, 0, PAGE_SIZE);
		memset(block->virtual_address, MARK, PAGE_SIZE);
		stress.handle = handle_of(block);
		driver->blocks[0] = block;
		suite_run_threads(test, RECEIVERS + 1, receive_or_end, &stress);
		miniport_wait(driver);
		ndshm_deferred_drain();
		miniport_expect(driver, "bmf");
	}
}

static struct kunit_case packet_cases[] = {
	KUNIT_CASE(bounds),
	KUNIT_CASE(handles),
	KUNIT_CASE(keeps_memory),
	KUNIT_CASE(in_interrupts),
	KUNIT_CASE(with_interrupts_off),
	KUNIT_CASE(queue_waits),
	KUNIT_CASE(port_waits),
	KUNIT_CASE(adapter_waits_for_queues),
	KUNIT_CASE(adapter_waits_for_the_default_queue),
	KUNIT_CASE(provider_waits),
	KUNIT_CASE(ended_under_receivers),
	{}
};

static struct kunit_suite packet_suite = {
	.name = SUITE_NAME("packet"),
	.init = miniport_init,
	.exit = miniport_exit,
	.test_cases = packet_cases,
};

kunit_test_suite(packet_suite);
