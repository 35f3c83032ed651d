// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of queues and ports, which only native calls can allocate.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/sched.h>

#include <ndshm/adapter.h>
#include <ndshm/queue.h>

#include "../native.h"
#include "cases.h"

static DECLARE_COMPLETION(freed);
static unsigned int reported;

static void note_freed(void *context, u32 id)
{
	reported++;
	complete(&freed);
}

static const struct ndshm_queue_ops queue_ops = { .freed = note_freed };

static ndshm_reason_t activate_nothing(struct ndshm_adapter *adapter, u32 id)
{
	return NDSHM_REASON_NONE;
}

/* Both have the same life: created, ready for memory, ending, and gone when it is freed. */
static const struct kind {
	ndshm_reason_t (*create)(struct ndshm_adapter *adapter, const struct ndshm_queue_ops *ops,
				 void *context, u32 *id);
	ndshm_reason_t (*activate)(struct ndshm_adapter *adapter, u32 id);
	ndshm_reason_t (*end)(struct ndshm_adapter *adapter, u32 id);
} queue_kind = {
	.create = check_queue_allocate,
	.activate = activate_nothing,
	.end = check_queue_free,
}, vport_kind = {
	.create = check_vport_create,
	.activate = check_vport_activate,
	.end = check_vport_delete,
};

static struct ndshm_adapter *adapter;

/* Allocate for a queue or a port, and free. */
static bool asks(struct bench *bench, u32 queue, u32 vport, NDIS_STATUS status)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before = bench->script.allocated;

	p.QueueId = queue;
	p.VPortId = vport;
	if (status != NDIS_STATUS_SUCCESS) {
		CHECK(refused(bench, bench->adapter, &p, status));
		CHECK(bench->script.allocated == before);
		return true;
	}
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == before + 1);
	CHECK(bench->script.requested.QueueId == queue);
	CHECK(bench->script.requested.VPortId == vport);
	return true;
}

static bool asks_for(struct bench *bench, const struct kind *kind, u32 id, NDIS_STATUS status)
{
	return asks(bench, kind == &queue_kind ? id : 0, kind == &vport_kind ? id : 0, status);
}

static bool create(const struct kind *kind, u32 *id)
{
	CHECK_REASON(NONE, kind->create(adapter, &queue_ops, NULL, id));
	CHECK_REASON(NONE, kind->activate(adapter, *id));
	return true;
}

static bool end(const struct kind *kind, u32 id)
{
	CHECK_REASON(NONE, kind->end(adapter, id));
	if (kind == &queue_kind)
		CHECK_REASON(NONE, check_queue_dma_stopped(adapter, id));
	return true;
}

/*
 * A queue gets memory from its allocation until its free, a port from its activation
 * until its deletion.
 */
static bool gets_memory(struct bench *bench, const struct kind *kind)
{
	u32 id;

	CHECK(create(kind, &id));
	CHECK(asks_for(bench, kind, id, NDIS_STATUS_SUCCESS));
	CHECK(end(kind, id));
	wait_for_completion(&freed);
	return true;
}

/* One that does not exist, a port that is not active, a queue that is being freed, one gone. */
static bool gets_none(struct bench *bench, const struct kind *kind)
{
	u32 id;

	CHECK(asks_for(bench, kind, 12345, NDIS_STATUS_INVALID_PARAMETER));
	CHECK_REASON(NONE, kind->create(adapter, &queue_ops, NULL, &id));
	if (kind == &vport_kind)
		CHECK(asks_for(bench, kind, id, NDIS_STATUS_FAILURE));
	CHECK_REASON(NONE, kind->end(adapter, id));
	if (kind == &queue_kind) {
		CHECK(asks_for(bench, kind, id, NDIS_STATUS_FAILURE));
		CHECK_REASON(NONE, check_queue_dma_stopped(adapter, id));
	}
	wait_for_completion(&freed);
	return asks_for(bench, kind, id, NDIS_STATUS_INVALID_PARAMETER);
}

/* A block that is not freed when its queue or port ends keeps this until it is. */
static bool has_left(struct bench *bench, const struct kind *kind)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	const unsigned int before = bench->script.freed;
	NDIS_HANDLE allocation;
	bool stayed;
	u32 id;

	CHECK(create(kind, &id));
	*(kind == &queue_kind ? &p.QueueId : &p.VPortId) = id;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(end(kind, id));
	/* The queue must wait for the free. The time is arbitrary: no wait proves it. */
	stayed = !wait_for_completion_timeout(&freed, HZ / 5) && bench->script.freed == before;
	NdisFreeSharedMemory(bench->adapter, allocation);
	CHECK(stayed);
	wait_for_completion(&freed);
	CHECK(bench->script.freed == before + 1);
	return true;
}

/* Neither of the two gets memory together with the other. */
static bool refuses_both(struct bench *bench, const struct kind *kind)
{
	const struct kind *other = kind == &queue_kind ? &vport_kind : &queue_kind;
	u32 id, others;

	CHECK(create(kind, &id) && create(other, &others));
	CHECK(asks(bench, kind == &queue_kind ? id : others, kind == &queue_kind ? others : id,
		   NDIS_STATUS_INVALID_PARAMETER));
	CHECK(asks(bench, id, id, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(end(kind, id));
	wait_for_completion(&freed);
	CHECK(end(other, others));
	wait_for_completion(&freed);
	return true;
}

/* With both, and after the freed callbacks the adapter can be closed. */
static bool for_both(struct bench *bench,
		     bool (*run)(struct bench *bench, const struct kind *kind))
{
	bool passed;

	adapter = ndshm_adapter_find(bench->name);
	CHECK(adapter);
	reinit_completion(&freed);
	reported = 0;
	passed = run(bench, &queue_kind) && run(bench, &vport_kind);
	ndshm_adapter_put(adapter);
	CHECK(passed && reported >= 2);
	CHECK(!ndshm_ndis_close(bench->adapter));
	bench->adapter = NULL;
	return true;
}

bool ndis_queues(struct bench *bench)
{
	/* The default queue and port always get memory. */
	return asks(bench, NDIS_DEFAULT_RECEIVE_QUEUE_ID, NDIS_DEFAULT_VPORT_ID,
		    NDIS_STATUS_SUCCESS) && for_both(bench, gets_memory);
}

bool own_queues(struct bench *bench)
{
	return for_both(bench, gets_none);
}

bool own_queue_xor_port(struct bench *bench)
{
	return asks(bench, 1, 1, NDIS_STATUS_INVALID_PARAMETER) && for_both(bench, refuses_both);
}

static unsigned int removals;

static VOID note_removal(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
	removals++;
}

/* This is no removal of a device. */
bool own_left_blocks(struct bench *bench)
{
	removals = 0;
	CHECK(!ndshm_ndis_notify(bench->adapter, note_removal, NULL));
	CHECK(for_both(bench, has_left));
	CHECK(!removals);
	return true;
}
