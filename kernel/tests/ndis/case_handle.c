// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: how they are mixed up, and how they end.
 */
#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "cases.h"

/* The provider's, the allocating driver's, and that which packets have. */
bool ndis_three_handles(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct script *script = &bench->script;
	NDIS_HANDLE allocation;

	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(script->context && script->context != allocation);
	CHECK(p.SharedMemoryHandle != script->context);
	CHECK(!script->freed);
	NdisFreeSharedMemory(bench->adapter, allocation);
	CHECK(script->freed == 1);
	CHECK(script->returned == script->context);
	return true;
}

bool own_names(struct bench *bench)
{
	static const char long_name[] = "0123456789012345678901234567890X";
	static const char * const bad[] = {
		"", " ", "a b", "a/b", "a\n", "\x7f", "\xc3\xa4", long_name,
	};
	NDIS_HANDLE other = bench;
	unsigned int i;

	CHECK(ndshm_ndis_open(THIS_MODULE, NULL, NULL, &other) == -EINVAL);
	CHECK(!other);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(ndshm_ndis_open(THIS_MODULE, bad[i], NULL, &other) ==
		      -EINVAL);
		CHECK(!other);
		CHECK(ndshm_ndis_open(THIS_MODULE, bad[i], bench->device,
				      &other) == -EINVAL);
		CHECK(!other);
	}
	/* The longest. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, long_name + 1, NULL, &other));
	CHECK(script_register(other, &bench->script) == NDIS_STATUS_SUCCESS);
	CHECK(!ndshm_ndis_close(other));
	CHECK(ndshm_ndis_open(THIS_MODULE, "ndis-cases", bench->device,
			      &other) == -EEXIST);
	CHECK(!other);
	return true;
}

bool own_handles(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation, other = bench;

	/* An allocation of no handle, or of something else. */
	CHECK(refused(bench, NULL, &p, NDIS_STATUS_INVALID_PARAMETER));
	p = request(bench);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	p = request(bench);
	CHECK(refused(bench, allocation, &p, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(NdisAllocateSharedMemory(bench->adapter, NULL, &other) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	CHECK(!other);
	CHECK(NdisAllocateSharedMemory(bench->adapter, &p, NULL) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	CHECK(script_register(allocation, &bench->script) ==
	      NDIS_STATUS_FAILURE);
	CHECK(ndshm_ndis_close(NULL) == -EINVAL);
	CHECK(ndshm_ndis_close(allocation) == -EINVAL);

	/* Nothing is freed by what is no allocation. */
	NdisFreeSharedMemory(bench->adapter, NULL);
	NdisFreeSharedMemory(bench->adapter, bench->adapter);
	CHECK(!bench->script.freed);
	/* Whose handle is given with it does not matter. */
	NdisFreeSharedMemory(bench->driver, allocation);
	CHECK(bench->script.freed == 1);
	p = request(bench);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	NdisFreeSharedMemory(NULL, allocation);
	CHECK(bench->script.freed == 2);
	return true;
}

bool own_close_busy(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE own, from_driver;

	/* Blocks of its own. */
	CHECK(allocates(bench, bench->adapter, &p, &own));
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	/* Nothing has changed. */
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 2);
	CHECK(script_register(bench->adapter, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	NdisFreeSharedMemory(bench->adapter, own);

	/* Blocks that its provider made for somebody else. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-other", NULL, &own));
	CHECK(script_register(own, &bench->script) == NDIS_STATUS_SUCCESS);
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &from_driver));
	CHECK(bench->script.allocated == 3);
	CHECK(ndshm_ndis_close(own) == -EBUSY);
	NdisFreeSharedMemory(bench->driver, from_driver);
	CHECK(!ndshm_ndis_close(own));
	/* After its end, another. */
	CHECK(script_register(bench->driver, &bench->script) ==
	      NDIS_STATUS_SUCCESS);
	return true;
}

/*
 * A provider that is not NDIS's, and whose device goes.
 */

struct native {
	struct work_struct work;
	struct ndshm_provider *provider;
	struct completion revoked;
	char memory[2 * PAGE_SIZE];
	unsigned int freed;
};

static ndshm_status_t native_allocate(void *provider_context,
				      struct ndshm_parameters *parameters,
				      void **context)
{
	struct native *native = provider_context;

	if (ndshm_list_add(parameters->list, PAGE_SIZE, PAGE_SIZE))
		return NDSHM_STATUS_RESOURCES;
	parameters->virtual_address = native->memory;
	return NDSHM_STATUS_SUCCESS;
}

static void native_free(void *provider_context, void *context)
{
	struct native *native = provider_context;

	native->freed++;
}

static void revoke(struct work_struct *work)
{
	struct native *native = container_of(work, struct native, work);

	ndshm_provider_revoke(native->provider);
	complete(&native->revoked);
}

/* It has closed when nobody gets anything any more. */
static bool has_closed(struct bench *bench)
{
	unsigned long end = jiffies + 60 * HZ;
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;

	while (time_before(jiffies, end)) {
		p = request(bench);
		if (NdisAllocateSharedMemory(bench->driver, &p, &allocation) !=
		    NDIS_STATUS_SUCCESS)
			return true;
		NdisFreeSharedMemory(bench->driver, allocation);
		cond_resched();
	}
	return false;
}

static struct native native = {
	.work = __WORK_INITIALIZER(native.work, revoke),
	.revoked = COMPLETION_INITIALIZER(native.revoked),
};

/* NDIS has no word for it, so the memory stays until it is freed. */
bool own_revoked(struct bench *bench)
{
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.provider_context = &native,
		.allocate = native_allocate,
		.free = native_free,
	};
	const struct ndshm_provider_ops ops = { .owner = THIS_MODULE };
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	unsigned int before;
	NDIS_HANDLE allocation;

	reinit_completion(&native.revoked);
	native.provider = NULL;
	CHECK(ndshm_provider_register(&characteristics, &ops,
				      NDSHM_SCOPE_MACHINE, NULL,
				      &native.provider) == NDSHM_REASON_NONE);
	CHECK(allocates(bench, bench->driver, &p, &allocation));
	schedule_work(&native.work);
	if (!has_closed(bench))
		pr_err("the provider does not close\n");
	before = native.freed;
	/* No time is long enough. */
	if (wait_for_completion_timeout(&native.revoked, HZ / 5))
		pr_err("the memory went while it was held\n");
	CHECK(native.freed == before);
	NdisFreeSharedMemory(bench->driver, allocation);
	wait_for_completion(&native.revoked);
	CHECK(native.freed == before + 1);
	return true;
}
