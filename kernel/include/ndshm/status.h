/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Status codes and reasons in the kernel.
 *
 * Native functions return 0 or a negative errno; functions that create or look up an
 * object return the object or an ERR_PTR(). The last argument of each is @reason, which
 * may be NULL: like an extack it takes the precise reason, NDSHM_REASON_NONE on success.
 * The errno is always ndshm_reason_errno() of the reason, as in the ioctls. A reason is an
 * argument, not a member of the parameters: most functions have none, and parameters with
 * an invalid header are not written to.
 *
 * Two kinds of callbacks answer more precisely than with an errno: operations of
 * adapters, whose reasons the client gets unchanged, and the allocate handlers of
 * providers, for which NDIS defines the statuses.
 */
#ifndef _NDSHM_STATUS_H
#define _NDSHM_STATUS_H

#include <linux/err.h>
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

/**
 * ndshm_reason_trace() - Trace the failure of a request
 * @reason: any reason but NDSHM_REASON_NONE
 *
 * Called once for each request that fails, by the function that answers it.
 *
 * Context: Any.
 * Return: the errno of @reason.
 */
int ndshm_reason_trace(ndshm_reason_t reason);

/**
 * ndshm_reason_report() - Get the result of a function that has a reason argument
 * @reason: the function's result
 * @out: where the caller wants the reason, or NULL
 *
 * For functions that pass on reasons in the way of the native functions.
 *
 * Context: Any.
 * Return: the errno of @reason.
 */
static inline int ndshm_reason_report(ndshm_reason_t reason,
				      ndshm_reason_t *out)
{
	if (out)
		*out = reason;
	return reason == NDSHM_REASON_NONE ? 0 : ndshm_reason_trace(reason);
}

/**
 * ndshm_reason_report_ptr() - As ndshm_reason_report(), for a function with an object
 * @reason: the function's result
 * @out: where the caller wants the reason, or NULL
 * @object: the object; not used after a failure
 *
 * Context: Any.
 * Return: @object, or the errno of @reason as an ERR_PTR().
 */
static inline void *ndshm_reason_report_ptr(ndshm_reason_t reason,
					    ndshm_reason_t *out, void *object)
{
	int error = ndshm_reason_report(reason, out);

	return error ? ERR_PTR(error) : object;
}

#endif /* _NDSHM_STATUS_H */
