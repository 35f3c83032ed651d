// SPDX-License-Identifier: GPL-2.0
/*
 * Miniport attributes and DMA handles.
 */
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/slab.h>

#include "handle.h"

NDIS_STATUS
NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
			   PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes)
{
	const NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES *attributes;
	struct ndshm_ndis *ndis = ndshm_ndis_of(NdisMiniportHandle);

	/* The only failure that NDIS documents. */
	if (!ndis || !ndis->adapter || !MiniportAttributes)
		return NDIS_STATUS_BAD_VERSION;
	attributes = &MiniportAttributes->RegistrationAttributes;
	/* A miniport also sets attributes that are of no use here, and fails if it cannot. */
	if (attributes->Header.Type !=
	    NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES)
		return NDIS_STATUS_SUCCESS;
	if (!attributes->Header.Revision ||
	    attributes->Header.Size <
	    NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1)
		return NDIS_STATUS_BAD_VERSION;
	ndis->context = attributes->MiniportAdapterContext;
	return NDIS_STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(NdisMSetMiniportAttributes);

/*
 * Reduce each DMA mask to 32 bits. Never widen one: the Linux part of the driver has set
 * the limit of the device.
 */
static bool dma_narrow(struct device *device)
{
	const u64 mask = DMA_BIT_MASK(32);

	return (dma_get_mask(device) <= mask || !dma_set_mask(device, mask)) &&
	       (device->coherent_dma_mask <= mask ||
		!dma_set_coherent_mask(device, mask));
}

/* Bytes of a scatter/gather list for one transfer, which may begin anywhere in a page. */
static ULONG dma_list_size(ULONG bytes)
{
	SCATTER_GATHER_LIST *list;

	return struct_size(list, Elements, (bytes >> PAGE_SHIFT) + 2);
}

static NDIS_STATUS dma_description_check(const struct ndshm_ndis *ndis,
					 const NDIS_SG_DMA_DESCRIPTION *description)
{
	if (!ndis || !ndis->adapter || !description ||
	    description->Header.Type != NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION)
		return NDIS_STATUS_NOT_SUPPORTED;
	if (description->Header.Revision != NDIS_SG_DMA_DESCRIPTION_REVISION_1)
		return NDIS_STATUS_BAD_VERSION;
	if (description->Header.Size <
	    NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1)
		return NDIS_STATUS_NOT_SUPPORTED;
	return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS
NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
			      PNDIS_SG_DMA_DESCRIPTION DmaDescription,
			      PNDIS_HANDLE NdisMiniportDmaHandle)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(MiniportAdapterHandle);
	NDIS_STATUS status = dma_description_check(ndis, DmaDescription);
	struct ndshm_ndis_dma *dma;

	might_sleep();

	if (!NdisMiniportDmaHandle)
		return NDIS_STATUS_NOT_SUPPORTED;
	*NdisMiniportDmaHandle = NULL;
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	if (!(DmaDescription->Flags & NDIS_SG_DMA_64_BIT_ADDRESS) &&
	    !dma_narrow(ndis->device))
		return NDIS_STATUS_NOT_SUPPORTED;
	dma = kzalloc(sizeof(*dma), GFP_KERNEL);
	if (!dma)
		return NDIS_STATUS_RESOURCES;
	dma->kind = NDSHM_NDIS_DMA;
	dma->ndis = ndis;
	ndshm_requests_init(&dma->requests, NDSHM_NDIS_MOST_PENDING);
	dma->complete = DmaDescription->SharedMemAllocateCompleteHandler;
	spin_lock_irq(&ndis->lock);
	list_add(&dma->link, &ndis->dmas);
	spin_unlock_irq(&ndis->lock);
	DmaDescription->ScatterGatherListSize =
		dma_list_size(DmaDescription->MaximumPhysicalMapping);
	*NdisMiniportDmaHandle = dma;
	return NDIS_STATUS_SUCCESS;
}
EXPORT_SYMBOL_GPL(NdisMRegisterScatterGatherDma);

VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle)
{
	struct ndshm_ndis_dma *dma = ndshm_ndis_dma_of(NdisMiniportDmaHandle);

	might_sleep();

	if (dma)
		ndshm_ndis_dma_free(dma);
}
EXPORT_SYMBOL_GPL(NdisMDeregisterScatterGatherDma);
