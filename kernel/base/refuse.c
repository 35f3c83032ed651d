// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that fail. Not in reason.c, which KUnit tests alone.
 */
#include <linux/atomic.h>
#include <linux/export.h>

#include "refuse.h"
#include "trace.h"

/* By reason. Not for each processor, because only failures write here. */
static atomic64_t refusals[NDSHM_REASON_COUNT_KNOWN];

int ndshm_reason_refuse(ndshm_reason_t reason)
{
	const u32 n = (__force u32)reason;

	/* PENDING is no failure: the end of the request is reported later. */
	if (reason != NDSHM_REASON_PENDING && n < NDSHM_REASON_COUNT_KNOWN) {
		atomic64_inc(&refusals[n]);
		trace_ndshm_refuse(reason);
	}
	return ndshm_reason_errno(reason);
}
EXPORT_SYMBOL_GPL(ndshm_reason_refuse);

u64 ndshm_reason_refusals(ndshm_reason_t reason)
{
	return atomic64_read(&refusals[(__force u32)reason]);
}
