// SPDX-License-Identifier: GPL-2.0
/* Handles of the wrong kind, and closing handles. */
#include <linux/errno.h>
#include <linux/module.h>

#include "cases.h"

/*
 * The provider's context, the allocation handle and the shared memory handle are
 * distinct.
 */
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

static bool opens(struct bench *bench, const char *name, struct device *device, int error)
{
	NDIS_HANDLE other = bench;

	CHECK(ndshm_ndis_open(THIS_MODULE, name, device, &other) == error);
	CHECK(!other);
	return true;
}

bool own_names(struct bench *bench)
{
	static const char long_name[] = "0123456789012345678901234567890X";
	static const char * const bad[] = {
		"", " ", "a b", "a/b", "a\n", "\x7f", "\xc3\xa4", long_name,
	};
	NDIS_HANDLE other;
	unsigned int i;

	CHECK(opens(bench, NULL, NULL, -EINVAL));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK(opens(bench, bad[i], NULL, -EINVAL));
		CHECK(opens(bench, bad[i], bench->device, -EINVAL));
	}
	CHECK(opens(bench, bench->name, bench->device, -EEXIST));
	/* The longest valid name. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, long_name + 1, NULL, &other));
	CHECK_STATUS(SUCCESS, script_register(other, &bench->script));
	CHECK(!ndshm_ndis_close(other));
	return true;
}

bool own_handles(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation, other = bench;

	/* Allocations with an invalid handle. */
	CHECK(refused(bench, NULL, &p, NDIS_STATUS_INVALID_PARAMETER));
	p = request(bench);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	p = request(bench);
	CHECK(refused(bench, allocation, &p, NDIS_STATUS_INVALID_PARAMETER));
	CHECK_STATUS(INVALID_PARAMETER, NdisAllocateSharedMemory(bench->adapter, NULL, &other));
	CHECK(!other);
	CHECK_STATUS(FAILURE, script_register(allocation, &bench->script));
	CHECK(ndshm_ndis_close(NULL) == -EINVAL && ndshm_ndis_close(allocation) == -EINVAL);

	/* A free of anything but an allocation handle has no effect. */
	NdisFreeSharedMemory(bench->adapter, NULL);
	NdisFreeSharedMemory(bench->adapter, bench->adapter);
	CHECK(!bench->script.freed);
	/* The handle argument of a free is not used. */
	NdisFreeSharedMemory(bench->driver, allocation);
	CHECK(bench->script.freed == 1);
	p = request(bench);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	NdisFreeSharedMemory(NULL, allocation);
	CHECK(bench->script.freed == 2);

	/* Without a place for the handle addresses are still written. */
	p = request(bench);
	CHECK_STATUS(INVALID_PARAMETER, NdisAllocateSharedMemory(bench->adapter, &p, NULL));
	CHECK(!p.VirtualAddress && !p.SharedMemoryHandle);
	CHECK(bench->script.allocated == 2);
	return true;
}

bool own_close_busy(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE own, other, from_driver;

	/* A handle cannot be closed while blocks exist that were allocated with it. */
	CHECK(allocates(bench, bench->adapter, &p, &own));
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	/* A failed close changes nothing. */
	p = request(bench);
	CHECK(works(bench, &p));
	CHECK(bench->script.allocated == 2);
	CHECK_STATUS(SUCCESS, script_register(bench->adapter, &bench->script));
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	NdisFreeSharedMemory(bench->adapter, own);

	/* Nor is a handle closed that has nothing but a block. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-other", NULL, &other));
	p = request(bench);
	CHECK(allocates(bench, other, &p, &own));
	CHECK(ndshm_ndis_close(other) == -EBUSY);
	NdisFreeSharedMemory(other, own);
	CHECK(!ndshm_ndis_close(other));

	/* A handle cannot be closed while its provider has a block of another handle. */
	CHECK(!ndshm_ndis_open(THIS_MODULE, "ndis-other", NULL, &own));
	CHECK_STATUS(SUCCESS, script_register(own, &bench->script));
	p = request(bench);
	CHECK(allocates(bench, bench->driver, &p, &from_driver));
	CHECK(bench->script.allocated == 3);
	CHECK(ndshm_ndis_close(own) == -EBUSY);
	NdisFreeSharedMemory(bench->driver, from_driver);
	CHECK(!ndshm_ndis_close(own));
	/* Another provider can be registered after the first one was unregistered. */
	CHECK_STATUS(SUCCESS, script_register(bench->driver, &bench->script));
	return true;
}
