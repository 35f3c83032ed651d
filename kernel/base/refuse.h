/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests that failed.
 */
#ifndef _NDSHM_BASE_REFUSE_H
#define _NDSHM_BASE_REFUSE_H

#include <ndshm/status.h>

/*
 * Return: the number of requests of all users that failed for @reason since the module was
 * loaded. @reason must be below NDSHM_REASON_COUNT_KNOWN.
 */
u64 ndshm_reason_refusals(ndshm_reason_t reason);

#endif /* _NDSHM_BASE_REFUSE_H */
