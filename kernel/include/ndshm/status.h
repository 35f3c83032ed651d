/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Status codes and reasons in the kernel.
 *
 * Native functions return a reason: NDSHM_REASON_NONE on success, or the reason for the
 * failure. Each reason determines a status and an errno.
 */
#ifndef _NDSHM_STATUS_H
#define _NDSHM_STATUS_H

#include <linux/types.h>

typedef u32 __bitwise ndshm_status_t;
typedef u32 __bitwise ndshm_reason_t;

#include <linux/ndshm_status.h>

/**
 * ndshm_reason_status() - Get the status of a reason
 * @reason: any value
 *
 * Context: Any.
 * Return: the status; FAILURE for an unknown reason.
 */
ndshm_status_t ndshm_reason_status(ndshm_reason_t reason);

/**
 * ndshm_reason_errno() - Get the errno of a reason
 * @reason: any value
 *
 * Context: Any.
 * Return: 0 or a negative errno; -EIO for an unknown reason.
 */
int ndshm_reason_errno(ndshm_reason_t reason);

/**
 * ndshm_reason_name() - Get the name of a reason
 * @reason: any value
 *
 * Context: Any.
 * Return: words joined by dashes; "unknown" for an unknown reason.
 */
const char *ndshm_reason_name(ndshm_reason_t reason);

#endif /* _NDSHM_STATUS_H */
