/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The handles of NDIS calls.
 */
#ifndef _NDSHM_NDIS_HANDLE_H
#define _NDSHM_NDIS_HANDLE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/xarray.h>

#include <ndshm/ndis.h>
#include <ndshm/provider.h>
#include <ndshm/request.h>

struct ndshm_ndis_registration;

/* The first member of whatever a handle points to: handles are easily mixed up. */
enum ndshm_ndis_kind {
	NDSHM_NDIS_DEAD,
	NDSHM_NDIS_OPEN = 0x4e444f50,
	NDSHM_NDIS_DMA = 0x4e44444d,
};

/**
 * struct ndshm_ndis - what a driver or one of its adapters has opened
 * @kind: NDSHM_NDIS_OPEN
 * @owner: module of the handlers
 * @name: of the adapter and of the provider
 * @device: who does DMA, or NULL
 * @adapter: of @device, or NULL
 * @coherent: who makes a miniport's own memory; held; with @adapter only
 * @context: the miniport's, for its handlers
 * @register_lock: one registration at a time; @lock is taken inside
 * @provider: what the driver has become, or NULL; changed with @register_lock
 * @provider_flags: NDSHM_PROVIDER_* of @provider; likewise
 * @live: blocks that were allocated here, and allocations under way; counted from
 *	LONG_MIN on while somebody tries to close, so that nothing begins
 * @lock: guards what follows up to @buffers; innermost
 * @registration: the handlers for new blocks
 * @pending: completions that have to come, of all of @dmas, so that who closes can
 *	wait for them without an end of @dmas
 * @dmas: DMA handles
 * @buffers: the miniport's own memory, by page number of its kernel address; it has
 *	a lock of its own
 * @idle: woken when @pending reaches 0
 * @complained: it was said once that memory was freed that is none
 */
struct ndshm_ndis {
	enum ndshm_ndis_kind kind;
	struct module *owner;
	char name[NDSHM_NAME_SIZE];
	struct device *device;
	struct ndshm_adapter *adapter;
	struct ndshm_provider *coherent;
	NDIS_HANDLE context;
	struct mutex register_lock;	/* provider, provider_flags */
	struct ndshm_provider *provider;
	u32 provider_flags;
	atomic_long_t live;
	spinlock_t lock;		/* up to dmas */
	struct ndshm_ndis_registration *registration;
	unsigned long pending;
	struct list_head dmas;
	struct xarray buffers;
	wait_queue_head_t idle;
	bool complained;
};

/**
 * struct ndshm_ndis_dma - what NdisMRegisterScatterGatherDma() gives
 * @kind: NDSHM_NDIS_DMA
 * @ndis: of which handle
 * @complete: the miniport's handler, or NULL
 * @link: in the handle's list
 * @requests: those that are pending
 */
struct ndshm_ndis_dma {
	enum ndshm_ndis_kind kind;
	struct ndshm_ndis *ndis;
	MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER complete;
	struct list_head link;
	struct ndshm_requests requests;
};

/* Most requests of a DMA handle that are pending; a bound on what is in memory. */
#define NDSHM_NDIS_MOST_PENDING	4096U

/* What a handle points to, or NULL if that is something else. */
static inline struct ndshm_ndis *ndshm_ndis_of(NDIS_HANDLE handle)
{
	struct ndshm_ndis *ndis = handle;

	return ndis && ndis->kind == NDSHM_NDIS_OPEN ? ndis : NULL;
}

static inline struct ndshm_ndis_dma *ndshm_ndis_dma_of(NDIS_HANDLE handle)
{
	struct ndshm_ndis_dma *dma = handle;

	return dma && dma->kind == NDSHM_NDIS_DMA ? dma : NULL;
}

/*
 * Around the life of a block: false if the handle is closing. The end is the last
 * thing that is done with the handle. Any context but hard interrupts and NMI, and
 * without a raw spinlock.
 */
bool ndshm_ndis_begin(struct ndshm_ndis *ndis);
void ndshm_ndis_end(struct ndshm_ndis *ndis);

static inline bool ndshm_ndis_closing(const struct ndshm_ndis *ndis)
{
	return atomic_long_read(&ndis->live) < 0;
}

/*
 * Around a completion, in the same way. It begins a block's life as well, which ends
 * apart from it.
 */
bool ndshm_ndis_begin_pending(struct ndshm_ndis *ndis);
void ndshm_ndis_end_pending(struct ndshm_ndis *ndis);

/* Wait for the completions of one DMA handle, and end it. May sleep. */
void ndshm_ndis_dma_free(struct ndshm_ndis_dma *dma);

/*
 * The end of a handle's provider, and of its blocks; or its end unless it has blocks:
 * then false, and nothing has changed. May sleep.
 */
void ndshm_ndis_provider_revoke(struct ndshm_ndis *ndis);
bool ndshm_ndis_provider_end(struct ndshm_ndis *ndis);

#endif /* _NDSHM_NDIS_HANDLE_H */
