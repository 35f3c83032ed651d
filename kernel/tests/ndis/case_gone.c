// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a handle while others have memory of its provider, or for its adapter: they
 * are disturbed if the device goes, and only then.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>
#include <ndshm/queue.h>

#include "cases.h"

static unsigned int told;

static void note_revoked(void *context, struct ndshm_block *block)
{
	told++;
}

/* As native code asks, for itself or (@unaddressed) for a program. */
static ndshm_reason_t native_block(const char *adapter,
				   struct ndshm_provider *provider,
				   u64 length, bool unaddressed,
				   struct ndshm_block **block)
{
	struct ndshm_parameters p = {
		.header = NDSHM_PARAMETERS_HEADER,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = length,
		.provider = provider,
		.unaddressed = unaddressed,
		.revoked = note_revoked,
	};
	ndshm_reason_t reason;

	p.adapter = ndshm_adapter_find(adapter);
	if (!p.adapter)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	reason = ndshm_allocate(&p, block);
	ndshm_adapter_put(p.adapter);
	return reason;
}

/*
 * A driver for the bench's device, which ends the handle when the device goes
 */

enum way { UNBOUND, PROBE_FAILS, PROBE_FAILED };

static struct {
	struct bench *bench;
	enum way way;
	unsigned int closed;
	int ret;
} going;

static int try_to_close(struct bench *bench)
{
	int ret = ndshm_ndis_close(bench->adapter);

	if (!ret)
		bench->adapter = NULL;
	return ret;
}

static void close_going(void *unused)
{
	going.closed++;
	going.ret = try_to_close(going.bench);
}

static int probe(struct platform_device *device)
{
	int ret;

	if (&device->dev != going.bench->device)
		return -ENODEV;
	if (going.way == PROBE_FAILS) {
		close_going(NULL);
		return -ENODEV;
	}
	/* It is undone when the device is unbound, or when this fails. */
	ret = devm_add_action(&device->dev, close_going, NULL);
	return ret ?: going.way == PROBE_FAILED ? -ENODEV : 0;
}

static struct platform_driver driver = {
	.driver.name = "ndshm-ndis-cases",
	.probe = probe,
};

/* A block that somebody else has is in the way, and not disturbed. */
static bool busy_with(struct bench *bench, const char *adapter,
		      const char *name)
{
	struct ndshm_provider *provider = ndshm_provider_find(name);
	NDIS_SHARED_MEMORY_PARAMETERS p;
	struct ndshm_block *block;
	ndshm_reason_t reason;
	int ret;

	CHECK(provider);
	reason = native_block(adapter, provider, PAGE_SIZE, false, &block);
	ndshm_provider_put(provider);
	CHECK(reason == NDSHM_REASON_NONE);
	told = 0;
	ret = try_to_close(bench);
	ndshm_free(block);
	CHECK(ret == -EBUSY);
	CHECK(!told);
	/* Nothing has changed. */
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(native_block(adapter, NULL, PAGE_SIZE, false, &block) ==
	      NDSHM_REASON_NONE);
	ndshm_free(block);
	return true;
}

static DECLARE_COMPLETION(port_freed);

static void note_freed(void *context, u32 id)
{
	complete(&port_freed);
}

static bool busy_with_port(struct bench *bench, struct ndshm_adapter *adapter)
{
	static const struct ndshm_queue_ops ops = { .freed = note_freed };
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	int ret;
	u32 id;

	reinit_completion(&port_freed);
	CHECK(ndshm_vport_create(adapter, &ops, NULL, &id) ==
	      NDSHM_REASON_NONE);
	ret = try_to_close(bench);
	CHECK(ret == -EBUSY);
	CHECK(ndshm_vport_activate(adapter, id) == NDSHM_REASON_NONE);
	p.VPortId = id;
	CHECK(works(bench, &p));
	CHECK(ndshm_vport_delete(adapter, id) == NDSHM_REASON_NONE);
	wait_for_completion(&port_freed);
	/* Another can come. */
	CHECK(ndshm_vport_create(adapter, &ops, NULL, &id) ==
	      NDSHM_REASON_NONE);
	CHECK(ndshm_vport_delete(adapter, id) == NDSHM_REASON_NONE);
	wait_for_completion(&port_freed);
	return true;
}

static bool stays(struct bench *bench)
{
	struct ndshm_adapter *adapter;
	bool stayed;

	/* What its provider made, and what another did. */
	CHECK(busy_with(bench, "ndis-cases", "ndis-cases"));
	CHECK(busy_with(bench, "ndis-cases", "coherent"));
	adapter = ndshm_adapter_find("ndis-cases");
	CHECK(adapter);
	stayed = busy_with_port(bench, adapter);
	ndshm_adapter_put(adapter);
	return stayed;
}

/* The driver cannot refuse: who has named its provider has to let go. */
static bool goes(struct bench *bench, enum way way)
{
	struct ndshm_provider *provider = ndshm_provider_find("ndis-cases");
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct ndshm_block *named, *its;
	unsigned int freed;
	bool stayed = true;

	CHECK(provider);
	going.bench = bench;
	going.way = way;
	going.closed = 0;
	/* It serves its own adapter only. */
	CHECK(native_block("node0", provider, PAGE_SIZE, false, &named) ==
	      NDSHM_REASON_PROVIDER_CLOSED);
	CHECK(native_block("ndis-cases", provider, PAGE_SIZE, false, &named) ==
	      NDSHM_REASON_NONE);
	CHECK(native_block("ndis-cases", NULL, PAGE_SIZE, false, &its) ==
	      NDSHM_REASON_NONE);
	ndshm_provider_put(provider);
	freed = bench->script.freed;
	told = 0;
	CHECK(!platform_driver_register(&driver));
	if (way == UNBOUND) {
		stayed = !going.closed && bench->device->driver &&
			 try_to_close(bench) == -EBUSY && stays(bench);
		freed = bench->script.freed;
		told = 0;
	}
	platform_driver_unregister(&driver);
	CHECK(stayed);
	CHECK(going.closed == 1 && !going.ret);
	CHECK(told == 2);
	CHECK(bench->script.freed == freed + 2);
	ndshm_free(named);
	ndshm_free(its);
	CHECK(told == 2 && bench->script.freed == freed + 2);

	/* Nothing is left of it, but the name, which is free. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-cases", bench->device,
			       &bench->adapter));
	CHECK(script_register(bench->adapter, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(works(bench, &p));
	return true;
}

bool own_gone(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE own;

	/* Without a driver, and with one. */
	CHECK(stays(bench));
	CHECK(goes(bench, UNBOUND));
	CHECK(goes(bench, PROBE_FAILS));
	CHECK(goes(bench, PROBE_FAILED));

	/* What is the driver's own it frees first, also if the device goes. */
	CHECK(allocates(bench, bench->adapter, &p, &own));
	going.way = PROBE_FAILS;
	going.closed = 0;
	CHECK(!platform_driver_register(&driver));
	platform_driver_unregister(&driver);
	CHECK(going.closed == 1 && going.ret == -EBUSY);
	NdisFreeSharedMemory(bench->adapter, own);
	return true;
}

/*
 * A handler that clears nothing: programs get memory of zeroes all the same
 */

static bool cleared(struct bench *bench, size_t length)
{
	struct script *script = &bench->script;
	struct ndshm_block *block;
	bool clear;

	CHECK(native_block("ndis-cases", NULL, length, true, &block) ==
	      NDSHM_REASON_NONE);
	clear = !memchr_inv(script->memory, 0, length);
	ndshm_free(block);
	CHECK(clear);
	/* Who asks in the kernel gets what the handler has made. */
	CHECK(native_block("ndis-cases", NULL, length, false, &block) ==
	      NDSHM_REASON_NONE);
	clear = !memchr_inv(script->memory, POISON, length);
	ndshm_free(block);
	CHECK(clear);
	return true;
}

bool own_cleared(struct bench *bench)
{
	struct script *script = &bench->script;
	struct ndshm_block *block;

	script->poison = true;
	CHECK(cleared(bench, 2 * PAGE_SIZE));
	/* More than is cleared at once. */
	CHECK(cleared(bench, SZ_1M + PAGE_SIZE));
	/* What cannot be cleared is not given. */
	script->unaddressed = true;
	CHECK(native_block("ndis-cases", NULL, PAGE_SIZE, true, &block) ==
	      NDSHM_REASON_PROVIDER_RESOURCES);
	CHECK(script->allocated == 5 && script->freed == 5);
	script->unaddressed = false;
	return true;
}
