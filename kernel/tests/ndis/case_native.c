// SPDX-License-Identifier: GPL-2.0
/* A native provider of the machine's scope, without NDIS handlers. */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/provider.h>

#include "../native.h"
#include "cases.h"

/**
 * struct native - State of the native provider
 * @provider: ndshm's handle
 * @memory: kernel address of every block, unrelated to the reported segments
 * @needs_sync: reported value
 * @node: of the device of the last allocation
 * @requested: number of allocate calls
 * @freed: number of free calls
 */
static struct native {
	struct ndshm_provider *provider;
	char memory[2 * PAGE_SIZE];
	bool needs_sync;
	int node;
	unsigned int requested;
	unsigned int freed;
} native;

static ndshm_status_t native_allocate(void *provider_context,
				      struct ndshm_parameters *parameters,
				      void **context)
{
	/* The operations have no context_size. */
	if (*context)
		return NDSHM_STATUS_FAILURE;
	native.requested++;
	native.node = dev_to_node(parameters->device);
	if (ndshm_list_add(parameters->list, PAGE_SIZE, PAGE_SIZE))
		return NDSHM_STATUS_RESOURCES;
	parameters->virtual_address = native.memory;
	parameters->needs_sync = native.needs_sync;
	return NDSHM_STATUS_SUCCESS;
}

static void native_free(void *provider_context, void *context)
{
	native.freed++;
}

static void native_sync(void *provider_context, void *context, bool for_device,
			u64 offset, u64 length)
{
}

static bool begin(struct module *owner)
{
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.allocate = native_allocate,
		.free = native_free,
	};
	const struct ndshm_provider_ops ops = {
		.owner = owner,
		.sync = native_sync,
	};

	native = (struct native){};
	CHECK_REASON(NONE, check_provider_register(&characteristics, &ops, NDSHM_SCOPE_MACHINE,
						   NULL, &native.provider));
	return true;
}

/* Always unregister: the next case needs the machine's scope free. */
static bool with_native(struct bench *bench, bool (*run)(struct bench *bench))
{
	bool passed;

	CHECK(begin(THIS_MODULE));
	passed = run(bench);
	CHECK_REASON(NONE, check_provider_unregister(native.provider));
	CHECK(native.freed == native.requested);
	return passed;
}

/* NDIS has no call for a sync: memory that needs one is refused and freed. */
static bool unsynced(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	native.needs_sync = true;
	/* Free memory that was granted by mistake: it would disturb the next cases. */
	if (!refused(bench, bench->driver, &p, NDIS_STATUS_FAILURE)) {
		NdisFreeSharedMemory(bench->driver, bench->frame.allocation);
		return false;
	}
	CHECK(native.requested == 1 && native.freed == 1);
	native.needs_sync = false;
	p = request(bench);
	CHECK(works_for(bench, bench->driver, &p));
	CHECK(native.requested == 2 && native.freed == 2);
	return true;
}

bool own_needs_sync(struct bench *bench)
{
	return with_native(bench, unsynced);
}

static bool node_by_node(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	int node, other;

	for_each_node_state(node, N_MEMORY) {
		/* Not the node of the caller, which is used without a preferred node. */
		other = next_node_in(node, node_states[N_CPU]);
		CHECK(!set_cpus_allowed_ptr(current, cpumask_of_node(other)));
		p = request(bench);
		p.PreferredNode = node;
		CHECK(works_for(bench, bench->driver, &p));
		CHECK(native.node == node);
	}
	/* Without a preferred node the device may be of any node with memory. */
	p = request(bench);
	CHECK(works_for(bench, bench->driver, &p));
	CHECK(node_state(native.node, N_MEMORY));
	return true;
}

bool own_driver_nodes(struct bench *bench)
{
	static cpumask_t allowed;
	bool passed;

	cpumask_copy(&allowed, current->cpus_ptr);
	passed = with_native(bench, node_by_node);
	CHECK(!set_cpus_allowed_ptr(current, &allowed));
	return passed;
}

/*
 * Surprise removal
 */

/**
 * struct removal - An NDIS driver that is notified
 * @bench: of the test
 * @handle: its handle
 * @held: its blocks
 * @events: number of calls of its handler
 * @wrong: number of wrong arguments
 * @freed: the handler has freed the blocks
 * @go_on: the handler may return
 * @closing: closes @handle
 * @closed: @handle is closed
 * @error: result of the close
 */
static struct removal {
	struct bench *bench;
	NDIS_HANDLE handle;
	NDIS_HANDLE held[3];
	unsigned int events;
	unsigned int wrong;
	struct completion freed;
	struct completion go_on;
	struct work_struct closing;
	struct completion closed;
	int error;
} removal;

static VOID device_removed(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(removal.bench);
	unsigned int i;

	might_sleep();
	removal.events++;
	removal.wrong += context != &removal || event->Header.Type != 0x80 ||
			 event->Header.Revision != 1 ||
			 event->Header.Size != 44 ||
			 event->PortNumber || event->InformationBuffer ||
			 event->InformationBufferLength ||
			 event->DevicePnPEvent != NdisDevicePnPEventSurpriseRemoved;
	/* A later block has another provider, though this one has blocks. */
	removal.wrong += !works_for(removal.bench, removal.handle, &p);
	for (i = 0; i < ARRAY_SIZE(removal.held); i++) {
		NdisFreeSharedMemory(removal.handle, removal.held[i]);
		removal.held[i] = NULL;
	}
	complete(&removal.freed);
	wait_for_completion(&removal.go_on);
}

static void close_removed(struct work_struct *work)
{
	removal.error = ndshm_ndis_close(removal.handle);
	complete(&removal.closed);
}

static bool removal_begin(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	removal = (struct removal){
		.bench = bench,
		.freed = COMPLETION_INITIALIZER(removal.freed),
		.go_on = COMPLETION_INITIALIZER(removal.go_on),
		.closed = COMPLETION_INITIALIZER(removal.closed),
		.closing = __WORK_INITIALIZER(removal.closing, close_removed),
	};
	CHECK(ndshm_ndis_notify(NULL, device_removed, NULL) == -EINVAL);
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-removal", NULL, &removal.handle));
	CHECK(!ndshm_ndis_notify(removal.handle, device_removed, &removal));
	for (i = 0; i < ARRAY_SIZE(removal.held); i++) {
		p = request(bench);
		CHECK(allocates(bench, removal.handle, &p, &removal.held[i]));
	}
	return true;
}

static bool removes(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	bool waited;

	/* It returns -ETIMEDOUT if it does not end when the last block has been freed. */
	CHECK(!ndshm_provider_revoke(native.provider));
	CHECK(native.requested == 3 && native.freed == 3);
	wait_for_completion(&removal.freed);
	/* Later blocks have another provider. */
	CHECK(works_for(bench, removal.handle, &p));
	CHECK(native.requested == 3);
	/* A close waits for the handler. */
	schedule_work(&removal.closing);
	waited = !wait_for_completion_timeout(&removal.closed, HZ / 5);
	complete_all(&removal.go_on);
	flush_work(&removal.closing);
	removal.handle = NULL;
	CHECK(waited && !removal.error);
	CHECK(removal.events && !removal.wrong);
	return true;
}

/* The handler frees all blocks, and the removal ends while the handler still runs. */
bool own_removal(struct bench *bench)
{
	bool begun, passed;
	unsigned int i;
	int error;

	/* A failure must leave no reference to this module, and no provider. */
	CHECK(begin(NULL));
	begun = removal_begin(bench);
	passed = begun && removes(bench);
	error = begun ? 0 : ndshm_provider_revoke(native.provider);
	complete_all(&removal.go_on);
	for (i = 0; removal.handle && i < ARRAY_SIZE(removal.held); i++)
		NdisFreeSharedMemory(removal.handle, removal.held[i]);
	CHECK(!removal.handle || !ndshm_ndis_close(removal.handle));
	CHECK(!error);
	return passed;
}

/* Memory that is never freed is lost: the driver can use it, and the removal ends. */
bool own_kept(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned long start = jiffies;
	NDIS_HANDLE allocation;
	bool allocated;

	/* A block that is kept holds a reference to the owner for ever. */
	CHECK(begin(NULL));
	allocated = allocates(bench, bench->driver, &p, &allocation);
	CHECK(ndshm_provider_revoke(native.provider) == -ETIMEDOUT);
	CHECK(allocated);
	CHECK(time_after_eq(jiffies, start + NDSHM_KEEP_SECONDS * HZ));
	NdisFreeSharedMemory(bench->driver, allocation);
	CHECK(native.requested == 1 && !native.freed);
	/* The provider is unregistered. */
	CHECK(begin(THIS_MODULE));
	CHECK_REASON(NONE, check_provider_unregister(native.provider));
	return true;
}
