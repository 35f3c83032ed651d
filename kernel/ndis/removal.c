// SPDX-License-Identifier: GPL-2.0
/*
 * Surprise removal: a device that supplies memory goes, and NDIS drivers have to free it.
 */
#include <linux/export.h>
#include <linux/module.h>
#include <linux/printk.h>

#include <ndshm/block.h>

#include "handle.h"

/*
 * Revocation callback of all blocks of NDIS. @context is NULL while the driver frees the block;
 * else the driver's count of the block keeps the handle open until this returns.
 *
 * The driver is not called here: it must be able to free all its blocks.
 */
void ndshm_ndis_revoke_cb(void *context, struct ndshm_block *block)
{
	struct ndshm_ndis *ndis = context;

	if (!ndis)
		return;
	ndshm_block_keep(block);
	if (ndshm_block_provider_revoked(block) && queue_work(system_dfl_wq, &ndis->removal))
		pr_notice("ndshm: the removal of a device waits until %s (module %s) has freed its memory%s\n",
			  ndis->name, ndis->owner ? module_name(ndis->owner) : "none",
			  ndis->notify ? "" : "; it has no handler for the event");
}

static void ndis_removal_work(struct work_struct *work)
{
	struct ndshm_ndis *ndis = container_of(work, struct ndshm_ndis, removal);
	NET_DEVICE_PNP_EVENT event = {
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NET_DEVICE_PNP_EVENT_REVISION_1,
			.Size = NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1,
		},
		.DevicePnPEvent = NdisDevicePnPEventSurpriseRemoved,
	};

	if (ndis->notify)
		ndis->notify(ndis->notify_context, &event);
}

void ndshm_ndis_removal_init(struct ndshm_ndis *ndis)
{
	INIT_WORK(&ndis->removal, ndis_removal_work);
}

int ndshm_ndis_notify(NDIS_HANDLE handle, MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER notify,
		      NDIS_HANDLE context)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);

	if (!ndis)
		return -EINVAL;
	ndis->notify_context = context;
	ndis->notify = notify;
	return 0;
}
EXPORT_SYMBOL_GPL(ndshm_ndis_notify);
