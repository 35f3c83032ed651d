/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Conversion between NDIS's structures and ndshm's. No side effects.
 */
#ifndef _NDSHM_NDIS_PARAMETERS_H
#define _NDSHM_NDIS_PARAMETERS_H

#include <ndshm/block.h>
#include <ndshm/ndis.h>

/*
 * Return: true if type, revision and size are valid and, for characteristics, both
 * handlers are set. Members after the header are read only if the size covers them.
 */
bool
ndshm_ndis_characteristics_valid(const NDIS_DRIVER_OPTIONAL_HANDLERS *handlers);
bool ndshm_ndis_parameters_valid(const NDIS_SHARED_MEMORY_PARAMETERS *p);

/* Number of elements that fit in a list of @bytes. */
static inline ULONG ndshm_ndis_list_capacity(ULONG bytes)
{
	size_t before = offsetof(SCATTER_GATHER_LIST, Elements);

	return bytes < before ? 0 :
	       (bytes - before) / sizeof(SCATTER_GATHER_ELEMENT);
}

/*
 * Convert valid parameters, except for adapter and callback. VPortId of revision 1 is not
 * read. Return: NDSHM_REASON_NONE, NODE, LIST, or LENGTH_OVERFLOW if the length in whole
 * pages exceeds 32 bits.
 */
ndshm_reason_t ndshm_ndis_to_native(struct ndshm_parameters *to,
				    const NDIS_SHARED_MEMORY_PARAMETERS *from);

/*
 * Convert to parameters for a provider's handler; the caller must set the list. Return:
 * SUCCESS, or INVALID_PARAMETER if the length in whole pages exceeds 32 bits.
 */
NDIS_STATUS ndshm_ndis_from_native(NDIS_SHARED_MEMORY_PARAMETERS *to,
				   const struct ndshm_parameters *from);

/*
 * Describe the first @length bytes of @segments in @list. Return: false, with @list
 * unchanged, if @capacity or the segments are too short.
 */
bool ndshm_ndis_fill_list(SCATTER_GATHER_LIST *list, ULONG capacity,
			  const struct ndshm_segment *segments, u32 count,
			  ULONG length);

/* Convert a reason to one of the four documented statuses of an allocation. */
NDIS_STATUS ndshm_ndis_allocation_status(ndshm_reason_t reason);

/* Convert a reason to a status of a registration: SUCCESS, RESOURCES or FAILURE. */
NDIS_STATUS ndshm_ndis_registration_status(ndshm_reason_t reason);

#endif /* _NDSHM_NDIS_PARAMETERS_H */
