/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Packets: ranges of blocks that receive paths pass on by handle and offset.
 */
#ifndef _NDSHM_PACKET_H
#define _NDSHM_PACKET_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_adapter;
struct ndshm_block;

/**
 * struct ndshm_packet - location of a packet or of a part of it
 * @shared_memory_handle: of the block
 * @offset: of its first byte, from the start of the block
 * @length: in bytes, at least 1
 *
 * Corresponds to NET_BUFFER_SHARED_MEMORY.
 */
struct ndshm_packet {
	u32 shared_memory_handle;
	u64 offset;
	u64 length;
};

/**
 * ndshm_packet_resolve() - Validate a packet and take a reference to its block
 * @adapter: adapter of the block; a client's block under a claim cannot be resolved
 * @packet: may be in shared memory: each member is read once
 * @address: out: kernel address of the packet; NULL if the block has no kernel mapping,
 *	and on failure
 * @reason: out: the precise reason, NDSHM_REASON_NONE on success; may be NULL
 *
 * The memory stays valid until ndshm_packet_put(), which the caller must call once for
 * each success. Freeing the queue or port and removing the adapter or the provider wait
 * for packets in flight: the caller must put a packet within bounded time, and must not
 * wait for any of these meanwhile. ndshm_sync() may be called on the block.
 *
 * Context: Any but NMI; does not sleep.
 * Return: the block, for ndshm_packet_put(), or an ERR_PTR() with the reason
 * HANDLE_UNKNOWN; LENGTH_ZERO; LENGTH_OVERFLOW if offset and length overflow; RANGE if the
 * packet exceeds the block; BLOCK_REVOKED; QUEUE_STATE, PORT_STATE or ADAPTER_REMOVED
 * after DMA for the block's queue, port or adapter was reported as stopped.
 */
struct ndshm_block *ndshm_packet_resolve(struct ndshm_adapter *adapter,
					 const struct ndshm_packet *packet,
					 void **address, ndshm_reason_t *reason);

/**
 * ndshm_packet_put() - Drop the reference of a resolved packet
 * @block: from ndshm_packet_resolve()
 *
 * Context: Any but NMI; does not sleep.
 */
void ndshm_packet_put(struct ndshm_block *block);

#endif /* _NDSHM_PACKET_H */
