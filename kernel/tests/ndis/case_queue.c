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

/*
 * A queue gets memory from its allocation until its free, a port from its activation
 * until its deletion.
 */
static bool get_memory(struct bench *bench, struct ndshm_adapter *adapter)
{
	u32 queue, vport;

	CHECK(check_queue_allocate(adapter, &queue_ops, NULL, &queue) ==
	      NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, 0, NDIS_STATUS_SUCCESS));
	CHECK(check_queue_free(adapter, queue) == NDSHM_REASON_NONE);
	CHECK(check_queue_dma_stopped(adapter, queue) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);

	CHECK(check_vport_create(adapter, &queue_ops, NULL, &vport) ==
	      NDSHM_REASON_NONE);
	CHECK(check_vport_activate(adapter, vport) == NDSHM_REASON_NONE);
	CHECK(asks(bench, 0, vport, NDIS_STATUS_SUCCESS));
	CHECK(check_vport_delete(adapter, vport) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	/* The default queue and port always get memory. */
	return asks(bench, NDIS_DEFAULT_RECEIVE_QUEUE_ID,
		    NDIS_DEFAULT_VPORT_ID, NDIS_STATUS_SUCCESS);
}

static bool queue_statuses(struct bench *bench, struct ndshm_adapter *adapter)
{
	u32 queue;

	CHECK(asks(bench, 12345, 0, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(check_queue_allocate(adapter, &queue_ops, NULL, &queue) ==
	      NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, queue, NDIS_STATUS_INVALID_PARAMETER));
	/* A queue that is being freed gets no memory. */
	CHECK(check_queue_free(adapter, queue) == NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, 0, NDIS_STATUS_FAILURE));
	CHECK(check_queue_dma_stopped(adapter, queue) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	return asks(bench, queue, 0, NDIS_STATUS_INVALID_PARAMETER);
}

static bool vport_statuses(struct bench *bench, struct ndshm_adapter *adapter)
{
	u32 queue, vport;

	CHECK(asks(bench, 0, 12345, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(check_vport_create(adapter, &queue_ops, NULL, &vport) ==
	      NDSHM_REASON_NONE);
	/* A port that is not active gets no memory. */
	CHECK(asks(bench, 0, vport, NDIS_STATUS_FAILURE));
	CHECK(check_vport_activate(adapter, vport) == NDSHM_REASON_NONE);
	/* Either of the two could get memory. */
	CHECK(check_queue_allocate(adapter, &queue_ops, NULL, &queue) == NDSHM_REASON_NONE);
	CHECK(asks(bench, queue, vport, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(check_queue_free(adapter, queue) == NDSHM_REASON_NONE);
	CHECK(check_queue_dma_stopped(adapter, queue) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	CHECK(check_vport_delete(adapter, vport) == NDSHM_REASON_NONE);
	wait_for_completion(&freed);
	return asks(bench, 0, vport, NDIS_STATUS_INVALID_PARAMETER);
}

/* The block keeps the queue or port until it is freed. */
static bool stays(struct bench *bench, NDIS_HANDLE allocation)
{
	struct script *script = &bench->script;
	const unsigned int before = script->freed;
	bool stayed;

	/* The queue must wait for the free. The time is arbitrary: no wait proves it. */
	stayed = !wait_for_completion_timeout(&freed, HZ / 5) &&
		 script->freed == before;
	NdisFreeSharedMemory(bench->adapter, allocation);
	CHECK(stayed);
	wait_for_completion(&freed);
	CHECK(script->freed == before + 1);
	return true;
}

static bool queue_has_left(struct bench *bench, struct ndshm_adapter *adapter)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation;

	CHECK(check_queue_allocate(adapter, &queue_ops, NULL, &p.QueueId) ==
	      NDSHM_REASON_NONE);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(check_queue_free(adapter, p.QueueId) == NDSHM_REASON_NONE);
	CHECK(check_queue_dma_stopped(adapter, p.QueueId) ==
	      NDSHM_REASON_NONE);
	return stays(bench, allocation);
}

static bool vport_has_left(struct bench *bench, struct ndshm_adapter *adapter)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation;

	CHECK(check_vport_create(adapter, &queue_ops, NULL, &p.VPortId) ==
	      NDSHM_REASON_NONE);
	CHECK(check_vport_activate(adapter, p.VPortId) == NDSHM_REASON_NONE);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(check_vport_delete(adapter, p.VPortId) == NDSHM_REASON_NONE);
	return stays(bench, allocation);
}

static bool with_adapter(struct bench *bench,
			 bool (*run)(struct bench *bench,
				     struct ndshm_adapter *adapter))
{
	struct ndshm_adapter *adapter = ndshm_adapter_find(bench->name);
	bool passed;

	CHECK(adapter);
	reinit_completion(&freed);
	passed = run(bench, adapter);
	ndshm_adapter_put(adapter);
	return passed;
}

/* After the freed callback the adapter can be closed. */
static bool closes(struct bench *bench)
{
	CHECK(!ndshm_ndis_close(bench->adapter));
	bench->adapter = NULL;
	return true;
}

bool ndis_queues(struct bench *bench)
{
	CHECK(with_adapter(bench, get_memory));
	CHECK(closes(bench));
	return true;
}

static unsigned int removals;

static VOID note_removal(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
	removals++;
}

/*
 * Blocks that the driver has not freed when their queue or port ends. This is no removal of a
 * device.
 */
bool own_left_blocks(struct bench *bench)
{
	reported = 0;
	removals = 0;
	CHECK(!ndshm_ndis_notify(bench->adapter, note_removal, NULL));
	CHECK(with_adapter(bench, queue_has_left));
	CHECK(reported == 1);
	CHECK(with_adapter(bench, vport_has_left));
	CHECK(reported == 2);
	CHECK(closes(bench));
	CHECK(!removals);
	return true;
}

bool own_queues(struct bench *bench)
{
	CHECK(with_adapter(bench, queue_statuses));
	CHECK(with_adapter(bench, vport_statuses));
	CHECK(closes(bench));
	return true;
}
