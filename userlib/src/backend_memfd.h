/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client of the memfd backend has.
 */
#ifndef NDSHM_BACKEND_MEMFD_H
#define NDSHM_BACKEND_MEMFD_H

#include <stdint.h>

struct block;

/**
 * struct ndshm_memfd - a client of this backend, under ndshm__lock()
 * @blocks: that live
 * @last_handle: given out
 * @count: of @blocks, and of those that are being made
 * @bytes: consumed by them
 */
struct ndshm_memfd {
	struct block *blocks;
	uint32_t last_handle;
	uint32_t count;
	uint64_t bytes;
};

#endif /* NDSHM_BACKEND_MEMFD_H */
