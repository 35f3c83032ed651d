/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handles of NDIS calls.
 */
#ifndef _NDSHM_NDIS_HANDLE_H
#define _NDSHM_NDIS_HANDLE_H

#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/completion.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <ndshm/ndis.h>
#include <ndshm/ndis_oid.h>
#include <ndshm/provider.h>
#include <ndshm/request.h>

struct ndshm_block;

/*
 * First member of every structure that is an NDIS handle: detects a handle of a wrong
 * kind.
 */
enum ndshm_ndis_kind {
	NDSHM_NDIS_DEAD,
	NDSHM_NDIS_OPEN = 0x4e444f50,
	NDSHM_NDIS_DMA = 0x4e44444d,
};

/**
 * struct ndshm_ndis - Handle of a driver, or of one of its adapters
 * @kind: NDSHM_NDIS_OPEN
 * @owner: module of the handlers
 * @name: of the adapter and of the provider
 * @device: performs the DMA; NULL for the handle of a driver
 * @adapter: of @device, or NULL
 * @coherent: provider of a miniport's own memory, with a reference; only with @adapter
 * @context: the miniport's, first argument of its handlers
 * @notify: handler of a surprise removal, or NULL; constant once blocks exist
 * @notify_context: first argument of @notify
 * @removal: calls @notify
 * @register_lock: serialises registrations; taken before @lock
 * @provider: registered provider, or NULL; protected by @register_lock
 * @provider_flags: NDSHM_PROVIDER_* of @provider; protected by @register_lock
 * @live: number of blocks and of allocations in flight; negative (LONG_MIN is set) while
 *	ndshm_ndis_close() runs, so that ndshm_ndis_begin() fails
 * @lock: protects the members from @handlers to @dmas; innermost
 * @handlers: for new blocks
 * @pending: completions in flight of all @dmas; ndshm_ndis_close() waits for them
 *	without freeing @dmas
 * @dmas: DMA handles
 * @buffers: the miniport's own memory, by page number of its kernel address; has its
 *	own lock
 * @idle: woken when @pending reaches 0, and when an entry of @queues is erased
 * @oid_lock: serialises OID requests; outermost
 * @oid_request: request that the miniport handles, or NULL; protected by @lock
 * @oid_status: its result, valid once @oid_done is complete; protected by @lock
 * @oid_done: the miniport has completed @oid_request
 * @queues: a value for each queue of ndshm_ndis_oid() that exists, by id; marked NDSHM_NDIS_STOPPED
 *	while an indication of the miniport waits for @stopped. Has its own lock
 * @filters: id of the queue, a value, for each filter, by id; protected by @oid_lock
 * @next_filter: start of the search for a free id of @filters; protected by @oid_lock
 * @stopped: reports queues whose DMA has stopped; set up with the first entry of @queues
 * @warned: a function has warned of an invalid argument
 */
struct ndshm_ndis {
	enum ndshm_ndis_kind kind;
	struct module *owner;
	char name[NDSHM_NAME_SIZE];
	struct device *device;
	struct ndshm_adapter *adapter;
	struct ndshm_provider *coherent;
	NDIS_HANDLE context;
	MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER notify;
	NDIS_HANDLE notify_context;
	struct work_struct removal;
	struct mutex register_lock;	/* provider, provider_flags */
	struct ndshm_provider *provider;
	u32 provider_flags;
	atomic_long_t live;
	spinlock_t lock;		/* handlers to dmas */
	NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS handlers;
	unsigned long pending;
	struct list_head dmas;
	struct xarray buffers;
	wait_queue_head_t idle;
	struct mutex oid_lock;		/* filters, next_filter */
	PNDIS_OID_REQUEST oid_request;
	NDIS_STATUS oid_status;
	struct completion oid_done;
	struct xarray queues;
	struct xarray filters;
	u32 next_filter;
	struct work_struct stopped;
	bool warned;
};

#define NDSHM_NDIS_STOPPED	XA_MARK_1

/**
 * struct ndshm_ndis_dma - Handle from NdisMRegisterScatterGatherDma()
 * @kind: NDSHM_NDIS_DMA
 * @ndis: handle of the adapter
 * @complete: the miniport's completion handler, or NULL
 * @link: entry of @ndis->dmas
 * @requests: requests in flight
 */
struct ndshm_ndis_dma {
	enum ndshm_ndis_kind kind;
	struct ndshm_ndis *ndis;
	MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER complete;
	struct list_head link;
	struct ndshm_requests requests;
};

/* Limit of requests in flight for each DMA handle; bounds their memory. */
#define NDSHM_NDIS_MOST_PENDING	4096U

/* Return: the structure behind @handle, or NULL if @handle is of another kind. */
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
 * Count a block or an allocation in @ndis->live. ndshm_ndis_begin() returns false while
 * the handle is closing. The caller must not access @ndis after ndshm_ndis_end().
 *
 * Context: any but hard interrupt and NMI; no raw spinlock may be held.
 */
static inline bool ndshm_ndis_begin(struct ndshm_ndis *ndis)
{
	return atomic_long_inc_unless_negative(&ndis->live);
}

static inline void ndshm_ndis_end(struct ndshm_ndis *ndis)
{
	/*
	 * Fully ordered: all accesses to the handle and the block precede the decrement.
	 */
	long live = atomic_long_dec_return(&ndis->live);

	WARN_ON_ONCE(live == -1 || live == LONG_MAX);
}

static inline bool ndshm_ndis_closing(const struct ndshm_ndis *ndis)
{
	return atomic_long_read(&ndis->live) < 0;
}

/*
 * Count a completion in flight, in the same way. ndshm_ndis_begin_pending() also counts
 * the block to be allocated; ndshm_ndis_end_pending() does not end that count.
 */
bool ndshm_ndis_begin_pending(struct ndshm_ndis *ndis);
void ndshm_ndis_end_pending(struct ndshm_ndis *ndis);

/* Wait for the completions of @dma, then free it. May sleep. */
void ndshm_ndis_dma_free(struct ndshm_ndis_dma *dma);

void ndshm_ndis_removal_init(struct ndshm_ndis *ndis);
void ndshm_ndis_revoke_cb(void *context, struct ndshm_block *block);

/*
 * Unregister the handle's provider, if it has one. ndshm_ndis_provider_revoke() is called once the
 * adapter is unregistered. ndshm_ndis_provider_unregister() returns false, and changes nothing, if
 * the provider has blocks. May sleep.
 */
void ndshm_ndis_provider_revoke(struct ndshm_ndis *ndis);
bool ndshm_ndis_provider_unregister(struct ndshm_ndis *ndis);

#endif /* _NDSHM_NDIS_HANDLE_H */
