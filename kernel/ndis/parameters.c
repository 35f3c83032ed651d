// SPDX-License-Identifier: GPL-2.0
/* Conversion between NDIS's structures and ndshm's, with the checks that NDIS requires. */
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/numa.h>

#include "parameters.h"

/* Largest length that rounds up to whole pages in 32 bits. */
#define MOST_BYTES	((u64)(U32_MAX & PAGE_MASK))

bool
ndshm_ndis_characteristics_valid(const NDIS_DRIVER_OPTIONAL_HANDLERS *handlers)
{
	const NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS *c;

	if (handlers->Header.Type !=
	    NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS)
		return false;
	if (!handlers->Header.Revision)
		return false;
	if (handlers->Header.Size <
	    NDIS_SIZEOF_SHARED_MEMORY_PROVIDER_CHARACTERISTICS_REVISION_1)
		return false;
	c = container_of(&handlers->Header,
			 NDIS_SHARED_MEMORY_PROVIDER_CHARACTERISTICS, Header);
	return c->AllocateSharedMemoryHandler && c->FreeSharedMemoryHandler;
}

bool ndshm_ndis_parameters_valid(const NDIS_SHARED_MEMORY_PARAMETERS *p)
{
	size_t least = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1;

	/* A revision above the newest known is read as the newest known. */
	if (p->Header.Revision >= NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2)
		least = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2;
	return p->Header.Type == NDIS_OBJECT_TYPE_DEFAULT &&
	       p->Header.Revision && p->Header.Size >= least;
}

ndshm_reason_t ndshm_ndis_to_native(struct ndshm_parameters *to,
				    const NDIS_SHARED_MEMORY_PARAMETERS *from)
{
	*to = (struct ndshm_parameters){
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = from->Flags,
		.queue_id = from->QueueId,
		.usage = from->Usage,
		.length = from->Length,
	};
	if (from->Header.Revision >= NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2) {
		to->vport_id = from->VPortId;
	} else {
		to->header.revision = NDSHM_PARAMETERS_REVISION_1;
		to->header.size = NDSHM_SIZEOF_PARAMETERS_REVISION_1;
	}
	/*
	 * Only MM_ANY_NODE_OK means no preference: reject numbers that Linux would take
	 * for -1.
	 */
	if (from->PreferredNode == MM_ANY_NODE_OK)
		to->preferred_node = NUMA_NO_NODE;
	else if (from->PreferredNode <= S32_MAX)
		to->preferred_node = from->PreferredNode;
	else
		return NDSHM_REASON_NODE;
	if (from->Length > MOST_BYTES)
		return NDSHM_REASON_LENGTH_OVERFLOW;
	if (from->SGListBuffer)
		to->most_segments = ndshm_ndis_list_capacity(from->SGListBufferLength);
	if (!to->most_segments && (from->SGListBuffer || from->SGListBufferLength))
		return NDSHM_REASON_LIST;
	return NDSHM_REASON_NONE;
}

NDIS_STATUS ndshm_ndis_from_native(NDIS_SHARED_MEMORY_PARAMETERS *to,
				   const struct ndshm_parameters *from)
{
	bool first = from->header.revision < NDSHM_PARAMETERS_REVISION_2;

	if (from->length > MOST_BYTES)
		return NDIS_STATUS_INVALID_PARAMETER;
	*to = (NDIS_SHARED_MEMORY_PARAMETERS){
		.Header = {
			.Type = NDIS_OBJECT_TYPE_DEFAULT,
			.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_2,
			.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2,
		},
		.Flags = from->flags,
		.QueueId = from->queue_id,
		.PreferredNode = from->preferred_node == NUMA_NO_NODE ?
				 MM_ANY_NODE_OK : from->preferred_node,
		.Usage = from->usage,
		.Length = from->length,
		.VPortId = first ? NDIS_DEFAULT_VPORT_ID : from->vport_id,
	};
	if (first) {
		to->Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1;
		to->Header.Size =
			NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1;
	}
	return NDIS_STATUS_SUCCESS;
}

/*
 * Return: the number of segments that hold the first @length bytes, 0 if all are shorter.
 */
static u32 parameters_count_segments(const struct ndshm_segment *segments, u32 count,
				     u64 length)
{
	u32 i;

	for (i = 0; i < count; i++) {
		if (segments[i].length >= length)
			return i + 1;
		length -= segments[i].length;
	}
	return 0;
}

bool ndshm_ndis_fill_list(SCATTER_GATHER_LIST *list, ULONG capacity,
			  const struct ndshm_segment *segments, u32 count,
			  ULONG length)
{
	u32 i, needed = parameters_count_segments(segments, count, length);

	if (!needed || needed > capacity)
		return false;
	list->NumberOfElements = needed;
	list->Reserved = 0;
	for (i = 0; i < needed; i++) {
		SCATTER_GATHER_ELEMENT *element = &list->Elements[i];

		element->Address.QuadPart = segments[i].address;
		element->Length = min_t(u64, segments[i].length, length);
		element->Reserved = 0;
		length -= element->Length;
	}
	return true;
}

NDIS_STATUS ndshm_ndis_allocation_status(ndshm_reason_t reason)
{
	ndshm_status_t status = ndshm_reason_status(reason);

	if (status == NDSHM_STATUS_SUCCESS)
		return NDIS_STATUS_SUCCESS;
	if (status == NDSHM_STATUS_RESOURCES)
		return NDIS_STATUS_RESOURCES;
	/* Permanent failures: the same request would fail again. */
	if (status == NDSHM_STATUS_INVALID_PARAMETER ||
	    status == NDSHM_STATUS_NOT_SUPPORTED ||
	    status == NDSHM_STATUS_BUFFER_TOO_SHORT)
		return NDIS_STATUS_INVALID_PARAMETER;
	return NDIS_STATUS_FAILURE;
}

NDIS_STATUS ndshm_ndis_registration_status(ndshm_reason_t reason)
{
	ndshm_status_t status = ndshm_reason_status(reason);

	if (status == NDSHM_STATUS_SUCCESS)
		return NDIS_STATUS_SUCCESS;
	return status == NDSHM_STATUS_RESOURCES ? NDIS_STATUS_RESOURCES :
						  NDIS_STATUS_FAILURE;
}
