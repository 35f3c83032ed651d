/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets: parts of blocks, as receive paths hand them on.
 */
#ifndef _NDSHM_PACKET_H
#define _NDSHM_PACKET_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_adapter;
struct ndshm_block;

/**
 * struct ndshm_packet - where a packet, or a part of it, lies
 * @shared_memory_handle: of the block
 * @offset: of its first byte, from the start of the block
 * @length: bytes, at least 1
 *
 * This is what NET_BUFFER_SHARED_MEMORY says.
 */
struct ndshm_packet {
	u32 shared_memory_handle;
	u64 offset;
	u64 length;
};

/**
 * ndshm_packet_resolve - hold a packet, and tell where it is
 * @adapter: for whom the block must be, and not a client's under a claim
 * @packet: may lie where others write: each member is read once
 * @block: for ndshm_packet_put(); NULL on failure
 * @address: of what was checked; NULL for a block without a kernel address, and on
 *	failure
 *
 * From then on until ndshm_packet_put() of *block, which is once for each success,
 * the memory is there, whatever goes: the end of a queue or a port, of the adapter and
 * of the provider wait for packets that are out. So whoever has one gives it back
 * in a bounded time, and waits for none of them; ndshm_sync() may be called for it.
 *
 * Context: any but NMI; does not sleep.
 * Return: a reason: HANDLE_UNKNOWN; LENGTH_ZERO; LENGTH_OVERFLOW if the end cannot be
 * counted; RANGE if it is beyond that of the block; BLOCK_REVOKED; and QUEUE_STATE,
 * PORT_STATE or ADAPTER_REMOVED if the DMA of what the block is for was said to have
 * stopped. Or none.
 */
ndshm_reason_t ndshm_packet_resolve(struct ndshm_adapter *adapter,
				    const struct ndshm_packet *packet,
				    struct ndshm_block **block, void **address);

/**
 * ndshm_packet_put - give a packet back
 * @block: that it was resolved to
 *
 * Context: any but NMI; does not sleep.
 */
void ndshm_packet_put(struct ndshm_block *block);

#endif /* _NDSHM_PACKET_H */
