/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between NDIS's structures and ndshm's. Pure logic.
 */
#ifndef _NDSHM_NDIS_PARAMETERS_H
#define _NDSHM_NDIS_PARAMETERS_H

#include <ndshm/block.h>
#include <ndshm/ndis.h>

/*
 * Type, revision and size; and that both handlers are there. Nothing beyond the header
 * is read before the size was found enough.
 */
bool
ndshm_ndis_characteristics_valid(const NDIS_DRIVER_OPTIONAL_HANDLERS *handlers);
bool ndshm_ndis_parameters_valid(const NDIS_SHARED_MEMORY_PARAMETERS *p);

/* Elements that a caller's list has room for, by its length in bytes alone. */
ULONG ndshm_ndis_list_capacity(ULONG bytes);

/*
 * What valid parameters ask for, in native form: all but who allocates. Of revision 1
 * the port is not read. A reason: NODE, LIST, or LENGTH_OVERFLOW for a length that has
 * more than 32 bits in whole pages.
 */
ndshm_reason_t ndshm_ndis_to_native(struct ndshm_parameters *to,
				    const NDIS_SHARED_MEMORY_PARAMETERS *from);

/*
 * The other way, for a provider's handler: a list is the caller's to add. The length is
 * in whole pages. INVALID_PARAMETER for one that has more than 32 bits.
 */
NDIS_STATUS ndshm_ndis_from_native(NDIS_SHARED_MEMORY_PARAMETERS *to,
				   const struct ndshm_parameters *from);

/*
 * Say in a list where the first @length bytes of some segments are. False if it has
 * not the room for that, or they not the bytes: then it is as it was.
 */
bool ndshm_ndis_fill_list(SCATTER_GATHER_LIST *list, ULONG capacity,
			  const struct ndshm_segment *segments, u32 count,
			  ULONG length);

/* A reason as one of the four documented statuses of an allocation. */
NDIS_STATUS ndshm_ndis_allocation_status(ndshm_reason_t reason);

/* And of a registration: SUCCESS, RESOURCES or FAILURE. */
NDIS_STATUS ndshm_ndis_registration_status(ndshm_reason_t reason);

#endif /* _NDSHM_NDIS_PARAMETERS_H */
