// SPDX-License-Identifier: GPL-2.0
/* NDIS handles of adapters and drivers: open, close, and the calls that are pending on them. */
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "handle.h"

bool ndshm_ndis_begin_pending(struct ndshm_ndis *ndis)
{
	unsigned long flags;

	/* Count the block now: its completion must not fail because a close has begun. */
	if (!ndshm_ndis_begin(ndis))
		return false;
	spin_lock_irqsave(&ndis->lock, flags);
	ndis->pending++;
	spin_unlock_irqrestore(&ndis->lock, flags);
	return true;
}

void ndshm_ndis_end_pending(struct ndshm_ndis *ndis)
{
	unsigned long flags;

	/*
	 * Wake up with @lock held: the waiter reads @pending under @lock, and may free
	 * the handle as soon as it has read zero.
	 */
	spin_lock_irqsave(&ndis->lock, flags);
	if (!--ndis->pending)
		wake_up_all(&ndis->idle);
	spin_unlock_irqrestore(&ndis->lock, flags);
}

static bool ndis_none_pending(struct ndshm_ndis *ndis)
{
	bool none;

	spin_lock_irq(&ndis->lock);
	none = !ndis->pending;
	spin_unlock_irq(&ndis->lock);
	return none;
}

void ndshm_ndis_dma_free(struct ndshm_ndis_dma *dma)
{
	struct ndshm_ndis *ndis = dma->ndis;

	ndshm_requests_end(&dma->requests);
	spin_lock_irq(&ndis->lock);
	list_del(&dma->link);
	spin_unlock_irq(&ndis->lock);
	dma->kind = NDSHM_NDIS_DEAD;
	kfree(dma);
}

/* Register an adapter without NDSHM_ADAPTER_OPEN: only this driver allocates for it. */
static int ndis_register_adapter(struct ndshm_ndis *ndis, struct device *device)
{
	struct ndshm_adapter_info info = {
		.name = ndis->name,
		.device = device,
	};
	struct ndshm_adapter *adapter;

	ndis->coherent = ndshm_provider_find("coherent");
	if (!ndis->coherent)
		return ndshm_reason_trace(NDSHM_REASON_PROVIDER_UNKNOWN);
	adapter = ndshm_adapter_register(&info, NULL);
	if (IS_ERR(adapter)) {
		ndshm_provider_put(ndis->coherent);
		return PTR_ERR(adapter);
	}
	ndis->adapter = adapter;
	ndis->device = device;
	return 0;
}

int ndshm_ndis_open(struct module *owner, const char *name,
		    struct device *device, NDIS_HANDLE *handle)
{
	struct ndshm_ndis *ndis;
	int error = 0;

	might_sleep();

	*handle = NULL;
	/*
	 * The name must be valid for an adapter and a provider: @ndis may register as
	 * either.
	 */
	if (!name || !ndshm_name_valid(name))
		return ndshm_reason_trace(NDSHM_REASON_NAME);
	ndis = kzalloc(sizeof(*ndis), GFP_KERNEL);
	if (!ndis)
		return -ENOMEM;
	ndis->kind = NDSHM_NDIS_OPEN;
	ndis->owner = owner;
	mutex_init(&ndis->register_lock);
	spin_lock_init(&ndis->lock);
	INIT_LIST_HEAD(&ndis->dmas);
	xa_init_flags(&ndis->buffers, XA_FLAGS_LOCK_IRQ);
	init_waitqueue_head(&ndis->idle);
	ndshm_ndis_removal_init(ndis);
	mutex_init(&ndis->oid_lock);
	init_completion(&ndis->oid_done);
	xa_init_flags(&ndis->queues, XA_FLAGS_LOCK_IRQ);
	xa_init_flags(&ndis->filters, XA_FLAGS_ALLOC1);

	strscpy(ndis->name, name, sizeof(ndis->name));
	if (device)
		error = ndis_register_adapter(ndis, device);
	if (error) {
		mutex_destroy(&ndis->oid_lock);
		mutex_destroy(&ndis->register_lock);
		kfree(ndis);
		return error;
	}
	*handle = ndis;
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_open);

/*
 * Return: true while @device is being unbound or probed, when a removal cannot be
 * refused. The status alone does not show this: it has already changed when the devres of
 * a failed probe are released, and it remains DL_DEV_PROBING after a deferred probe.
 */
static bool ndis_device_going(struct device *device)
{
	return READ_ONCE(device->driver) &&
	       READ_ONCE(device->links.status) != DL_DEV_DRIVER_BOUND;
}

static void ndis_unregister_adapter(struct ndshm_ndis *ndis)
{
	struct ndshm_ndis_dma *dma, *next;

	list_for_each_entry_safe(dma, next, &ndis->dmas, link)
		ndshm_ndis_dma_free(dma);
	if (!ndis->adapter)
		return;
	/* Waits for blocks whose last reference was dropped in atomic context. */
	ndshm_adapter_unregister(ndis->adapter);
	ndshm_provider_put(ndis->coherent);
}

/*
 * End the provider and close the adapter: both, or neither and return false. The removal
 * of a device cannot be refused: then unregister the adapter, which revokes all blocks of the
 * provider, since this serves no other adapter.
 */
static bool ndis_unregister_all(struct ndshm_ndis *ndis)
{
	/* Uses the adapter. No request is in progress that an indication could follow. */
	if (ndis->stopped.func)
		flush_work(&ndis->stopped);
	if (ndis->device && ndis_device_going(ndis->device)) {
		ndis_unregister_adapter(ndis);
		ndshm_ndis_provider_revoke(ndis);
		return true;
	}
	if (ndis->adapter && !ndshm_adapter_close_unused(ndis->adapter))
		return false;
	if (ndshm_ndis_provider_unregister(ndis)) {
		ndis_unregister_adapter(ndis);
		return true;
	}
	if (ndis->adapter)
		ndshm_adapter_reopen(ndis->adapter);
	return false;
}

int ndshm_ndis_close(NDIS_HANDLE handle)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);

	might_sleep();

	if (!ndis)
		return -EINVAL;
	/* The other close decides: it may let calls begin anew for which this one waits. */
	if (atomic_long_fetch_or(LONG_MIN, &ndis->live) < 0)
		return -EBUSY;
	/*
	 * Wait for a registration in progress. Later ones see that the handle is closing.
	 */
	mutex_lock(&ndis->register_lock);
	mutex_unlock(&ndis->register_lock);
	wait_event(ndis->idle, ndis_none_pending(ndis));
	if (atomic_long_read_acquire(&ndis->live) != LONG_MIN ||
	    !ndis_unregister_all(ndis)) {
		atomic_long_fetch_and(LONG_MAX, &ndis->live);
		return -EBUSY;
	}
	/* No block is left whose revocation could queue it again. */
	cancel_work_sync(&ndis->removal);
	xa_destroy(&ndis->buffers);
	xa_destroy(&ndis->filters);
	xa_destroy(&ndis->queues);
	mutex_destroy(&ndis->oid_lock);
	mutex_destroy(&ndis->register_lock);
	ndis->kind = NDSHM_NDIS_DEAD;
	kfree(ndis);
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_close);
