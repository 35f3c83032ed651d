// SPDX-License-Identifier: GPL-2.0
/*
 * Packets: a driver names a place by the shared memory handle of a block, and the
 * receiver resolves it.
 */
#include <linux/irqflags.h>
#include <linux/kernel.h>

#include <ndshm/adapter.h>
#include <ndshm/packet.h>

#include "../native.h"
#include "cases.h"

#define BLOCK_BYTES	(2 * PAGE_SIZE)

/* Resolve a chunk as a receiver does. */
static ndshm_reason_t resolve(struct bench *bench, NET_BUFFER_SHARED_MEMORY *chunk,
			      struct ndshm_block **block, void **address)
{
	const struct ndshm_packet packet = {
		.shared_memory_handle = (u32)(ULONG_PTR)
			NET_BUFFER_SHARED_MEM_HANDLE(chunk),
		.offset = NET_BUFFER_SHARED_MEM_OFFSET(chunk),
		.length = NET_BUFFER_SHARED_MEM_LENGTH(chunk),
	};
	struct ndshm_adapter *adapter = ndshm_adapter_find(bench->name);
	ndshm_reason_t reason;

	if (!adapter)
		return NDSHM_REASON_ADAPTER_UNKNOWN;
	reason = check_packet_resolve(adapter, &packet, block, address);
	ndshm_adapter_put(adapter);
	return reason;
}

static NET_BUFFER_SHARED_MEMORY chunk_of(const NDIS_SHARED_MEMORY_PARAMETERS *p,
					 ULONG offset, ULONG length)
{
	NET_BUFFER_SHARED_MEMORY chunk = {};

	NET_BUFFER_SHARED_MEM_HANDLE(&chunk) = p->SharedMemoryHandle;
	NET_BUFFER_SHARED_MEM_OFFSET(&chunk) = offset;
	NET_BUFFER_SHARED_MEM_LENGTH(&chunk) = length;
	return chunk;
}

/* A packet may have chunks in several blocks. */
bool ndis_packets(struct bench *bench)
{
	static const ULONG offsets[] = { 0, 1, PAGE_SIZE, BLOCK_BYTES - 1 };
	NET_BUFFER_SHARED_MEMORY chunks[2], *chunk;
	NDIS_SHARED_MEMORY_PARAMETERS p[2];
	NDIS_HANDLE allocations[2];
	struct ndshm_block *block;
	unsigned int i, number;
	void *address;

	for (number = 0; number < 2; number++) {
		p[number] = request(bench);
		p[number].Length = BLOCK_BYTES;
		CHECK(allocates(bench, bench->adapter, &p[number], &allocations[number]));
	}
	CHECK(p[0].SharedMemoryHandle != p[1].SharedMemoryHandle);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		chunks[0] = chunk_of(&p[0], offsets[i], BLOCK_BYTES - offsets[i]);
		chunks[1] = chunk_of(&p[1], offsets[i], 1);
		NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&chunks[0]) = &chunks[1];
		for (chunk = &chunks[0], number = 0; chunk; number++) {
			CHECK_REASON(NONE, resolve(bench, chunk, &block, &address));
			ndshm_packet_put(block);
			CHECK(address == p[number].VirtualAddress + offsets[i]);
			chunk = NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(chunk);
		}
		CHECK(number == 2);
	}
	NdisFreeSharedMemory(bench->adapter, allocations[0]);
	NdisFreeSharedMemory(bench->adapter, allocations[1]);
	return true;
}

static bool lies_nowhere(struct bench *bench, NET_BUFFER_SHARED_MEMORY chunk,
			 ndshm_reason_t reason)
{
	struct ndshm_block *block = (void *)&chunk;
	void *address = &chunk;

	CHECK(resolve(bench, &chunk, &block, &address) == reason);
	CHECK(!block && !address);
	return true;
}

/* Pieces outside the block are refused, and a packet keeps the memory. */
bool own_packets(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NET_BUFFER_SHARED_MEMORY chunk;
	struct ndshm_block *block;
	NDIS_HANDLE allocation;
	bool kept;
	void *address;

	/* The rest of the last page is the provider's. */
	p.Length = BLOCK_BYTES - 1;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(lies_nowhere(bench, chunk_of(&p, 0, p.Length + 1),
			   NDSHM_REASON_RANGE));
	CHECK(lies_nowhere(bench, chunk_of(&p, 1, p.Length), NDSHM_REASON_RANGE));
	CHECK(lies_nowhere(bench, chunk_of(&p, p.Length, 1), NDSHM_REASON_RANGE));
	CHECK(lies_nowhere(bench, chunk_of(&p, 0xffffffff, 0xffffffff),
			   NDSHM_REASON_RANGE));
	CHECK(lies_nowhere(bench, chunk_of(&p, 0, 0), NDSHM_REASON_LENGTH_ZERO));

	chunk = chunk_of(&p, PAGE_SIZE, PAGE_SIZE - 1);
	CHECK_REASON(NONE, resolve(bench, &chunk, &block, &address));
	RtlFillMemory(address, PAGE_SIZE - 1, POISON);
	NdisFreeSharedMemory(bench->adapter, allocation);
	/* The free ends the allocation handle, although the packet keeps the memory. */
	NdisFreeSharedMemory(bench->adapter, allocation);
	kept = !bench->script.freed && !memchr_inv(address, POISON, PAGE_SIZE - 1);
	ndshm_packet_put(block);
	CHECK(kept);
	/* The free also ends the shared memory handle. NULL is not a valid one. */
	CHECK(lies_nowhere(bench, chunk, NDSHM_REASON_HANDLE_UNKNOWN));
	NET_BUFFER_SHARED_MEM_HANDLE(&chunk) =
		NDIS_SHARED_MEM_HANDLE_HAL_ALLOCATED;
	CHECK(lies_nowhere(bench, chunk, NDSHM_REASON_HANDLE_UNKNOWN));
	/* The memory was freed once. */
	CHECK(!ndshm_ndis_close(bench->adapter));
	bench->adapter = NULL;
	CHECK(bench->script.freed == 1);
	return true;
}

/*
 * The last reference may be dropped in atomic context: the handler runs in another task.
 */
bool own_atomic_free(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NET_BUFFER_SHARED_MEMORY chunk;
	struct ndshm_block *block;
	NDIS_HANDLE allocation;
	void *address;

	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	chunk = chunk_of(&p, 0, 1);
	CHECK_REASON(NONE, resolve(bench, &chunk, &block, &address));
	NdisFreeSharedMemory(bench->adapter, allocation);
	local_irq_disable();
	ndshm_packet_put(block);
	local_irq_enable();
	/* ndshm_ndis_close() waits until the handler has run. */
	CHECK(!ndshm_ndis_close(bench->adapter));
	bench->adapter = NULL;
	CHECK(bench->script.freed == 1);
	CHECK(bench->script.caller != current);
	return true;
}
