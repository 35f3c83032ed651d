// SPDX-License-Identifier: GPL-2.0
/*
 * Handles: how they are mixed up, and how they end.
 */
#include <linux/errno.h>
#include <linux/module.h>

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

	/* Nowhere to store it is a failure as any other. */
	p = request(bench);
	CHECK(NdisAllocateSharedMemory(bench->adapter, &p, NULL) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	CHECK(!p.VirtualAddress && !p.SharedMemoryHandle);
	CHECK(bench->script.allocated == 2);
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
