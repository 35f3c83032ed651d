// SPDX-License-Identifier: GPL-2.0
/*
 * The status, the errno and the name of each reason.
 */
#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/export.h>

#include <ndshm/status.h>

struct reason_row {
	ndshm_status_t status;
	int error;
	const char *name;
};

#define NDSHM_REASON_ROW(reason_, status_, error_, name_, ...) \
	[(__force u32)NDSHM_REASON_##reason_] = \
		{ NDSHM_STATUS_##status_, -(error_), name_ },

static const struct reason_row rows[] = {
#include <reason_rows.h>
};

static_assert(ARRAY_SIZE(rows) == NDSHM_REASON_COUNT_KNOWN);

static const struct reason_row *reason_row_of(ndshm_reason_t reason)
{
	static const struct reason_row unknown = {
		NDSHM_STATUS_FAILURE, -EIO, "unknown"
	};
	u32 n = (__force u32)reason;

	return n < ARRAY_SIZE(rows) ? &rows[n] : &unknown;
}

ndshm_status_t ndshm_reason_status(ndshm_reason_t reason)
{
	return reason_row_of(reason)->status;
}
EXPORT_SYMBOL_GPL(ndshm_reason_status);

int ndshm_reason_errno(ndshm_reason_t reason)
{
	return reason_row_of(reason)->error;
}
EXPORT_SYMBOL_GPL(ndshm_reason_errno);

const char *ndshm_reason_name(ndshm_reason_t reason)
{
	return reason_row_of(reason)->name;
}
EXPORT_SYMBOL_GPL(ndshm_reason_name);
