// SPDX-License-Identifier: GPL-2.0
/*
 * Closing a handle with blocks of other owners, of its provider or for its adapter: they
 * are revoked only if the device is removed.
 */
#include <linux/completion.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>
#include <ndshm/queue.h>

#include "../native.h"
#include "cases.h"

/*
 * A driver for the device, which closes the handle on unbind or failed probe
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
	/* Called after the driver is unbound, or after the probe has failed. */
	ret = devm_add_action(&device->dev, close_going, NULL);
	return ret ?: going.way == PROBE_FAILED ? -ENODEV : 0;
}

static struct platform_driver driver = {
	.driver.name = "ndshm-ndis-cases",
	.probe = probe,
};

/* A block of another owner prevents the close, and is not revoked. */
static bool busy_with(struct bench *bench, const char *name)
{
	struct ndshm_provider *provider = ndshm_provider_find(name);
	NDIS_SHARED_MEMORY_PARAMETERS p;
	struct ndshm_block *block;
	ndshm_reason_t reason;
	int ret;

	CHECK(provider);
	reason = native_block(bench, NULL, provider, PAGE_SIZE, false, &block);
	ndshm_provider_put(provider);
	CHECK_REASON(NONE, reason);
	bench->revoked = 0;
	ret = try_to_close(bench);
	ndshm_free(block);
	CHECK(ret == -EBUSY);
	CHECK(!bench->revoked);
	/* A failed close changes nothing. */
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK_REASON(NONE, native_block(bench, NULL, NULL, PAGE_SIZE, false, &block));
	ndshm_free(block);
	return true;
}

static DECLARE_COMPLETION(port_freed);

static void note_freed(void *context, u32 id)
{
	complete(&port_freed);
}

/* A port prevents the close, can have memory afterwards, and can be replaced by another one. */
static bool busy_with_port(struct bench *bench, struct ndshm_adapter *adapter)
{
	static const struct ndshm_queue_ops ops = { .freed = note_freed };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;
	u32 id;

	for (i = 0; i < 2; i++) {
		p = request(bench);
		reinit_completion(&port_freed);
		CHECK_REASON(NONE, check_vport_create(adapter, &ops, NULL, &id));
		CHECK(try_to_close(bench) == -EBUSY);
		CHECK_REASON(NONE, check_vport_activate(adapter, id));
		p.VPortId = id;
		CHECK(works(bench, &p));
		CHECK_REASON(NONE, check_vport_delete(adapter, id));
		wait_for_completion(&port_freed);
	}
	return true;
}

static bool stays(struct bench *bench)
{
	struct ndshm_adapter *adapter;
	bool stayed;

	/* Blocks of the handle's provider and of another provider. */
	CHECK(busy_with(bench, bench->name));
	CHECK(busy_with(bench, "coherent"));
	adapter = ndshm_adapter_find(bench->name);
	CHECK(adapter);
	stayed = busy_with_port(bench, adapter);
	ndshm_adapter_put(adapter);
	return stayed;
}

/* The removal cannot be refused: blocks of other owners are revoked. */
static bool goes(struct bench *bench, enum way way)
{
	struct ndshm_provider *provider = ndshm_provider_find(bench->name);
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct ndshm_block *named, *its;
	unsigned int freed;
	bool stayed = true;

	CHECK(provider);
	going.bench = bench;
	going.way = way;
	going.closed = 0;
	/* The provider serves its own adapter only. */
	CHECK_REASON(PROVIDER_CLOSED,
		     native_block(bench, "node0", provider, PAGE_SIZE, false, &named));
	CHECK_REASON(NONE, native_block(bench, NULL, provider, PAGE_SIZE, false, &named));
	CHECK_REASON(NONE, native_block(bench, NULL, NULL, PAGE_SIZE, false, &its));
	ndshm_provider_put(provider);
	freed = bench->script.freed;
	bench->revoked = 0;
	CHECK(!platform_driver_register(&driver));
	if (way == UNBOUND) {
		stayed = !going.closed && bench->device->driver &&
			 try_to_close(bench) == -EBUSY && stays(bench);
		freed = bench->script.freed;
		bench->revoked = 0;
	}
	platform_driver_unregister(&driver);
	CHECK(stayed);
	CHECK(going.closed == 1 && !going.ret);
	CHECK(bench->revoked == 2);
	CHECK(bench->script.freed == freed + 2);
	ndshm_free(named);
	ndshm_free(its);
	CHECK(bench->revoked == 2 && bench->script.freed == freed + 2);

	/* After the removal the name can be registered again. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, bench->name, bench->device,
			       &bench->adapter));
	CHECK_STATUS(SUCCESS, script_register(bench->adapter, &bench->script));
	CHECK(works(bench, &p));
	return true;
}

static ndshm_status_t supply_nothing(void *provider_context, struct ndshm_parameters *p,
				     void **context)
{
	return NDSHM_STATUS_RESOURCES;
}

static void take_nothing(void *provider_context, void *context)
{
}

static const struct ndshm_provider_characteristics nothing = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = supply_nothing, .free = take_nothing,
};

/* Registrations of native providers that are refused: only the scope of an adapter has one. */
static bool refuses_providers(struct ndshm_adapter *adapter)
{
	static const struct {
		enum ndshm_scope scope;
		bool adapter;
		u32 flags;
		u32 context_size;
		ndshm_reason_t reason;
	} rows[] = {
		{ NDSHM_SCOPE_ADAPTER, false, 0, 0, NDSHM_REASON_ADAPTER_UNKNOWN },
		{ NDSHM_SCOPE_MACHINE, true, 0, 0, NDSHM_REASON_ADAPTER_UNKNOWN },
		{ NDSHM_SCOPE_NAMED, true, 0, 0, NDSHM_REASON_ADAPTER_UNKNOWN },
		{ NDSHM_SCOPE_NAMED, false, BIT(2), 0, NDSHM_REASON_FLAGS },
		{ NDSHM_SCOPE_NAMED, false, 0, PAGE_SIZE + 1, NDSHM_REASON_LENGTH_LIMIT },
	};
	struct ndshm_provider_ops ops = { .name = "ndis-cases-refused" };
	struct ndshm_provider *provider;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ops.flags = rows[i].flags;
		ops.context_size = rows[i].context_size;
		CHECK(check_provider_register(&nothing, &ops, rows[i].scope,
					      rows[i].adapter ? adapter : NULL, &provider) ==
		      rows[i].reason);
	}
	ops.flags = NDSHM_PROVIDER_OPEN;
	ops.context_size = PAGE_SIZE;
	CHECK_REASON(NONE, check_provider_register(&nothing, &ops, NDSHM_SCOPE_NAMED, NULL,
						   &provider));
	/* Neither can change; without operations the flags stay. */
	ops.flags = 0;
	CHECK_REASON(FLAGS, check_provider_replace(provider, &nothing, &ops));
	ops.flags = NDSHM_PROVIDER_OPEN;
	ops.context_size++;
	CHECK_REASON(LENGTH_LIMIT, check_provider_replace(provider, &nothing, &ops));
	CHECK_REASON(NONE, check_provider_replace(provider, &nothing, NULL));
	CHECK_REASON(NONE, check_provider_unregister(provider));
	return true;
}

/* A reference to an adapter that is gone does not make it valid again. */
static bool stays_gone(struct bench *bench)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find(bench->name);
	struct ndshm_provider *provider;
	ndshm_reason_t reason;
	bool refused;

	CHECK(adapter);
	refused = refuses_providers(adapter);
	CHECK(!try_to_close(bench));
	reason = check_provider_register(&nothing, NULL, NDSHM_SCOPE_ADAPTER, adapter, &provider);
	ndshm_adapter_put(adapter);
	CHECK(refused && reason == NDSHM_REASON_ADAPTER_REMOVED);
	return true;
}

bool own_gone(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE own;

	/* The device has no driver, then one, which is unbound or whose probe fails. */
	CHECK(stays(bench));
	CHECK(goes(bench, UNBOUND));
	CHECK(goes(bench, PROBE_FAILS));
	CHECK(goes(bench, PROBE_FAILED));

	/*
	 * Blocks allocated with the handle must be freed first, even if the device is
	 * removed.
	 */
	CHECK(allocates(bench, bench->adapter, &p, &own));
	going.way = PROBE_FAILS;
	going.closed = 0;
	CHECK(!platform_driver_register(&driver));
	platform_driver_unregister(&driver);
	CHECK(going.closed == 1 && going.ret == -EBUSY);
	NdisFreeSharedMemory(bench->adapter, own);
	return stays_gone(bench);
}

/*
 * A handler that does not clear memory: clients still get zeroed memory
 */

static bool cleared(struct bench *bench, size_t length)
{
	struct script *script = &bench->script;
	struct ndshm_block *block;
	bool clear;

	CHECK_REASON(NONE, native_block(bench, NULL, NULL, length, true, &block));
	clear = !memchr_inv(script->memory, 0, length);
	ndshm_free(block);
	CHECK(clear);
	/* Kernel code gets the memory as the handler returns it. */
	CHECK_REASON(NONE, native_block(bench, NULL, NULL, length, false, &block));
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
	/* More than is cleared between two reschedules. */
	CHECK(cleared(bench, SZ_1M + PAGE_SIZE));
	/* Memory that cannot be cleared is refused. */
	script->no_kernel_mapping = true;
	CHECK_REASON(PROVIDER_RESOURCES, native_block(bench, NULL, NULL, PAGE_SIZE, true, &block));
	CHECK(script->allocated == 5 && script->freed == 5);
	script->no_kernel_mapping = false;
	return true;
}
