// SPDX-License-Identifier: GPL-2.0
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "handle.h"

bool ndshm_ndis_begin(struct ndshm_ndis *ndis)
{
	return atomic_long_inc_unless_negative(&ndis->live);
}

void ndshm_ndis_end(struct ndshm_ndis *ndis)
{
	/* Ordered, as all that return something: what was done is done before. */
	long live = atomic_long_dec_return(&ndis->live);

	WARN_ON_ONCE(live == -1 || live == LONG_MAX);
}

bool ndshm_ndis_begin_pending(struct ndshm_ndis *ndis)
{
	unsigned long flags;

	/* What is pending becomes a block, also if somebody tries to close. */
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
	 * The wake-up stays under the lock: the handle may be freed as soon as the
	 * waiter, which looks under the lock, has seen zero.
	 */
	spin_lock_irqsave(&ndis->lock, flags);
	if (!--ndis->pending)
		wake_up_all(&ndis->idle);
	spin_unlock_irqrestore(&ndis->lock, flags);
}

static bool none_pending(struct ndshm_ndis *ndis)
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

/* An adapter of the device, which nobody but this driver allocates for. */
static ndshm_reason_t make_adapter(struct ndshm_ndis *ndis,
				   struct device *device)
{
	struct ndshm_adapter_info info = {
		.name = ndis->name,
		.device = device,
	};
	ndshm_reason_t reason;

	ndis->coherent = ndshm_provider_find("coherent");
	if (!ndis->coherent)
		return NDSHM_REASON_PROVIDER_UNKNOWN;
	reason = ndshm_adapter_register(&info, &ndis->adapter);
	if (reason != NDSHM_REASON_NONE)
		ndshm_provider_put(ndis->coherent);
	ndis->device = device;
	return reason;
}

int ndshm_ndis_open(struct module *owner, const char *name,
		    struct device *device, NDIS_HANDLE *handle)
{
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	struct ndshm_ndis *ndis;

	might_sleep();

	*handle = NULL;
	/* As an adapter's and a provider's, which it will be: of either, and now. */
	if (!name || !ndshm_name_valid(name))
		return ndshm_reason_errno(NDSHM_REASON_NAME);
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

	strscpy(ndis->name, name, sizeof(ndis->name));
	if (device)
		reason = make_adapter(ndis, device);
	if (reason != NDSHM_REASON_NONE) {
		mutex_destroy(&ndis->register_lock);
		kfree(ndis);
		return ndshm_reason_errno(reason);
	}
	*handle = ndis;
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_open);

/*
 * Nobody can refuse to let it go: a driver has it, but not for long, or not yet. The
 * status alone does not say so: that of a failed probe has changed already when what
 * the driver has left to the device is undone, and that of a deferred one stays.
 */
static bool goes(struct device *device)
{
	return READ_ONCE(device->driver) &&
	       READ_ONCE(device->links.status) != DL_DEV_DRIVER_BOUND;
}

/* With all that others have of it, or not at all. */
static bool end_all(struct ndshm_ndis *ndis)
{
	if (ndis->device && goes(ndis->device)) {
		ndshm_ndis_provider_revoke(ndis);
		return true;
	}
	if (ndis->adapter && !ndshm_adapter_close_unused(ndis->adapter))
		return false;
	if (ndshm_ndis_provider_end(ndis))
		return true;
	if (ndis->adapter)
		ndshm_adapter_reopen(ndis->adapter);
	return false;
}

int ndshm_ndis_close(NDIS_HANDLE handle)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);
	struct ndshm_ndis_dma *dma, *next;

	might_sleep();

	if (!ndis)
		return -EINVAL;
	atomic_long_fetch_or(LONG_MIN, &ndis->live);
	/* A registration under way ends; the next one is refused. */
	mutex_lock(&ndis->register_lock);
	mutex_unlock(&ndis->register_lock);
	wait_event(ndis->idle, none_pending(ndis));
	if (atomic_long_read_acquire(&ndis->live) != LONG_MIN ||
	    !end_all(ndis)) {
		atomic_long_fetch_and(LONG_MAX, &ndis->live);
		return -EBUSY;
	}

	list_for_each_entry_safe(dma, next, &ndis->dmas, link)
		ndshm_ndis_dma_free(dma);
	if (ndis->adapter) {
		/* What was freed from atomic context is waited for. */
		ndshm_adapter_unregister(ndis->adapter);
		ndshm_provider_put(ndis->coherent);
	}
	xa_destroy(&ndis->buffers);
	mutex_destroy(&ndis->register_lock);
	ndis->kind = NDSHM_NDIS_DEAD;
	kfree(ndis);
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_close);
