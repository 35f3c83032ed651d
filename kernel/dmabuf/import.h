/* SPDX-License-Identifier: GPL-2.0 */
/* Blocks whose memory is a dma-buf. */
#ifndef _NDSHM_DMABUF_IMPORT_H
#define _NDSHM_DMABUF_IMPORT_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_adapter;
struct ndshm_import;
struct ndshm_provider;

#ifdef CONFIG_DMA_SHARED_BUFFER

/*
 * Get the dma-buf of the descriptor @number for the device of @adapter, which must not write with
 * @readonly. IMPORT_UNSUPPORTED, IMPORT_DESCRIPTOR, IMPORT_READONLY, IMPORT_MEMORY, IMPORT_LOOP or
 * MEMORY. The caller gets a reference to the import, and has one to @adapter.
 */
ndshm_reason_t ndshm_import_get(int number, bool readonly, const struct ndshm_adapter *adapter,
				struct ndshm_import **import);

/* Return: bytes of the dma-buf, whole pages. */
u64 ndshm_import_length(const struct ndshm_import *import);

/*
 * Pin the memory, which the caller has charged. Can wait for other users of the dma-buf, so it must
 * not be called where a removal would wait. IMPORT_MEMORY, IMPORT_GONE, IMPORT_REFUSED, MEMORY, or
 * REQUEST_ABORTED after a signal.
 */
ndshm_reason_t ndshm_import_map(struct ndshm_import *import);

/*
 * Drop the caller's reference. If no block has the memory, it is unpinned and no longer charged on
 * return, which can wait as ndshm_import_map() does.
 */
void ndshm_import_put(struct ndshm_import *import);

/*
 * The provider of such blocks. It is closed to clients: it has memory only for the allocation of an
 * import.
 */
struct ndshm_provider *ndshm_import_provider(void);

int ndshm_import_setup(void);
void ndshm_import_teardown(void);
#else

static inline ndshm_reason_t ndshm_import_get(int number, bool readonly,
					      const struct ndshm_adapter *adapter,
					      struct ndshm_import **import)
{
	return NDSHM_REASON_IMPORT_UNSUPPORTED;
}

static inline u64 ndshm_import_length(const struct ndshm_import *import)
{
	return 0;
}

static inline ndshm_reason_t ndshm_import_map(struct ndshm_import *import)
{
	return NDSHM_REASON_IMPORT_UNSUPPORTED;
}

static inline void ndshm_import_put(struct ndshm_import *import)
{
}

static inline struct ndshm_provider *ndshm_import_provider(void)
{
	return NULL;
}

static inline int ndshm_import_setup(void)
{
	return 0;
}

static inline void ndshm_import_teardown(void)
{
}
#endif

#endif /* _NDSHM_DMABUF_IMPORT_H */
