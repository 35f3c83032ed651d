/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Statuses and reasons, as the kernel handles them.
 *
 * A native call answers with a reason: NDSHM_REASON_NONE, or why it failed.
 * Its status and its errno follow from the reason.
 */
#ifndef _NDSHM_STATUS_H
#define _NDSHM_STATUS_H

#include <linux/types.h>

typedef u32 __bitwise ndshm_status_t;
typedef u32 __bitwise ndshm_reason_t;

#include <linux/ndshm_status.h>

/*
 * All three accept any value, in any context. An unknown reason has status
 * FAILURE, -EIO and the name "unknown".
 */
ndshm_status_t ndshm_reason_status(ndshm_reason_t reason);
int ndshm_reason_errno(ndshm_reason_t reason);	/* 0 or negative */
const char *ndshm_reason_name(ndshm_reason_t reason);

#endif /* _NDSHM_STATUS_H */
