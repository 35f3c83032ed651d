/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Pools: buffers of equal size in a block, for paths that must not sleep.
 */
#ifndef _NDSHM_POOL_H
#define _NDSHM_POOL_H

#include <linux/types.h>

struct ndshm_block;
struct ndshm_pool;

/* Bytes of the smallest buffer; the largest has PAGE_SIZE. */
#define NDSHM_POOL_LEAST	64U

/**
 * ndshm_pool_create() - Divide a block into buffers
 * @block: block that the caller has a reference to; other parts of the caller must not use it
 * @bytes: size of a buffer: a power of two from NDSHM_POOL_LEAST to PAGE_SIZE
 *
 * The pool has a buffer for each @bytes of the block's length, in whole pages where the provider
 * has memory that can be mapped, and costs 5 bytes a buffer and 8 bytes a page. A processor keeps
 * up to 62 free buffers for itself: with 124 buffers or more for each possible processor most
 * calls take no common lock.
 *
 * The block should have a revocation callback: it must end all use of the buffers, and make
 * the driver call ndshm_pool_alloc() no more, or have those calls under a lock that it takes.
 * Without one, the memory goes while buffers are in use. The callback can run before this
 * function returns. Destroy the pool before ndshm_free().
 *
 * Context: Process context; may sleep.
 * Return: the pool, or an ERR_PTR(): -EINVAL for @bytes, which for a block that needs syncs must
 * be at least a cache line, or if there were no buffer or more than 2^28 - 1; -EOPNOTSUPP if the
 * block has no kernel mapping, or segments that are not whole pages (the last one may end within
 * a page); -ENOMEM.
 */
struct ndshm_pool *ndshm_pool_create(struct ndshm_block *block, u32 bytes);

/**
 * ndshm_pool_alloc() - Allocate a buffer
 * @pool: the pool
 * @address: out: DMA address of the buffer, for the adapter of the block; unchanged on failure
 *
 * A processor prefers buffers that were freed on it. The contents are those of its last use.
 * ndshm_sync() takes the offset of the buffer in the block: its address less that of the block.
 * The pages of a buffer must not be given away, as in an skb: copy the data.
 *
 * Context: Any but NMI; does not sleep.
 * Return: kernel address of the buffer. NULL if all are in use, in rare cases also while another
 * processor frees one; NULL once a revocation of the block has begun, which a call at the same
 * time can still miss.
 */
void *ndshm_pool_alloc(struct ndshm_pool *pool, dma_addr_t *address);

/**
 * ndshm_pool_free() - Free a buffer
 * @pool: the pool
 * @buffer: from ndshm_pool_alloc(), or NULL
 *
 * An address that is no buffer in use is refused, with one message in the kernel log. May be
 * called after a revocation of the block.
 *
 * Context: Any but NMI; does not sleep.
 */
void ndshm_pool_free(struct ndshm_pool *pool, void *buffer);

/**
 * ndshm_pool_destroy() - Destroy a pool
 * @pool: from ndshm_pool_create(), or NULL
 *
 * All buffers must have been freed, or else there is a warning. Must not run concurrently with
 * other calls for the pool. May be called from the revocation callback of the block, or after it.
 *
 * Context: Process context; may sleep.
 */
void ndshm_pool_destroy(struct ndshm_pool *pool);

#endif /* _NDSHM_POOL_H */
