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

/**
 * ndshm_reason_status - the status of a reason
 * @reason: any value
 *
 * Context: any.
 * Return: the status; FAILURE for a reason that is not known.
 */
ndshm_status_t ndshm_reason_status(ndshm_reason_t reason);

/**
 * ndshm_reason_errno - the errno of a reason
 * @reason: any value
 *
 * Context: any.
 * Return: 0 or a negative errno; -EIO for a reason that is not known.
 */
int ndshm_reason_errno(ndshm_reason_t reason);

/**
 * ndshm_reason_name - the name of a reason
 * @reason: any value
 *
 * Context: any.
 * Return: words and dashes; "unknown" for a reason that is not known.
 */
const char *ndshm_reason_name(ndshm_reason_t reason);

#endif /* _NDSHM_STATUS_H */
