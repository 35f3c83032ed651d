// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that fail. Not in reason.c, which KUnit tests alone.
 */
#include <linux/export.h>

#include <ndshm/status.h>

#include "trace.h"

int ndshm_reason_trace(ndshm_reason_t reason)
{
	/* PENDING is no failure: the end of the request is reported later. */
	if (reason != NDSHM_REASON_PENDING)
		trace_ndshm_refuse(reason);
	return ndshm_reason_errno(reason);
}
EXPORT_SYMBOL_GPL(ndshm_reason_trace);
