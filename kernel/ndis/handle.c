// SPDX-License-Identifier: GPL-2.0
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>

#include "handle.h"

struct workqueue_struct *ndshm_ndis_workqueue;

bool ndshm_ndis_begin(struct ndshm_ndis *ndis)
{
	unsigned long flags;
	bool begun;

	spin_lock_irqsave(&ndis->lock, flags);
	begun = !ndis->closing;
	ndis->live += begun;
	spin_unlock_irqrestore(&ndis->lock, flags);
	return begun;
}

void ndshm_ndis_end(struct ndshm_ndis *ndis)
{
	unsigned long flags;

	spin_lock_irqsave(&ndis->lock, flags);
	ndis->live--;
	spin_unlock_irqrestore(&ndis->lock, flags);
}

bool ndshm_ndis_begin_pending(struct ndshm_ndis_dma *dma)
{
	struct ndshm_ndis *ndis = dma->ndis;
	unsigned long flags;
	bool begun;

	spin_lock_irqsave(&ndis->lock, flags);
	begun = !ndis->closing && !dma->closing;
	/* What is pending becomes a block, also if somebody tries to close. */
	ndis->live += begun;
	ndis->pending += begun;
	dma->pending += begun;
	spin_unlock_irqrestore(&ndis->lock, flags);
	return begun;
}

void ndshm_ndis_end_pending(struct ndshm_ndis_dma *dma)
{
	struct ndshm_ndis *ndis = dma->ndis;
	unsigned long flags;

	/*
	 * The wake-up stays under the lock: both may be freed as soon as the waiter,
	 * which looks under the lock, has seen zero.
	 */
	spin_lock_irqsave(&ndis->lock, flags);
	ndis->pending--;
	if (!--dma->pending)
		wake_up_all(&ndis->idle);
	spin_unlock_irqrestore(&ndis->lock, flags);
}

static unsigned long read_count(struct ndshm_ndis *ndis,
				const unsigned long *count)
{
	unsigned long value;

	spin_lock_irq(&ndis->lock);
	value = *count;
	spin_unlock_irq(&ndis->lock);
	return value;
}

static void set_closing(struct ndshm_ndis *ndis, bool closing)
{
	spin_lock_irq(&ndis->lock);
	ndis->closing = closing;
	spin_unlock_irq(&ndis->lock);
}

void ndshm_ndis_dma_free(struct ndshm_ndis_dma *dma)
{
	struct ndshm_ndis *ndis = dma->ndis;

	spin_lock_irq(&ndis->lock);
	dma->closing = true;
	spin_unlock_irq(&ndis->lock);
	wait_event(ndis->idle, !read_count(ndis, &dma->pending));

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

	if (!name || !*name ||
	    strscpy(ndis->name, name, sizeof(ndis->name)) < 0)
		reason = NDSHM_REASON_NAME;
	if (reason == NDSHM_REASON_NONE && device)
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

int ndshm_ndis_close(NDIS_HANDLE handle)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);
	struct ndshm_ndis_dma *dma, *next;

	might_sleep();

	if (!ndis)
		return -EINVAL;
	set_closing(ndis, true);
	/* A registration under way ends; the next one is refused. */
	mutex_lock(&ndis->register_lock);
	mutex_unlock(&ndis->register_lock);
	wait_event(ndis->idle, !read_count(ndis, &ndis->pending));
	if (read_count(ndis, &ndis->live) || !ndshm_ndis_provider_end(ndis)) {
		set_closing(ndis, false);
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

int ndshm_ndis_setup(void)
{
	ndshm_ndis_workqueue = alloc_workqueue("ndshm_ndis", WQ_UNBOUND, 0);
	return ndshm_ndis_workqueue ? 0 : -ENOMEM;
}

void ndshm_ndis_teardown(void)
{
	destroy_workqueue(ndshm_ndis_workqueue);
}
