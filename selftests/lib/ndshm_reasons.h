/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The errno and status of each reason, as the documented contract has them.
 */
#ifndef _NDSHM_SELFTEST_REASONS_H
#define _NDSHM_SELFTEST_REASONS_H

#include <errno.h>

#include <linux/ndshm_status.h>

struct ndshm_expected {
	const char *name;
	unsigned int status;
	int error;
};

#define NDSHM_EXPECT(reason, status, error) \
	[NDSHM_REASON_##reason] = { #reason, NDSHM_STATUS_##status, error },

static const struct ndshm_expected ndshm_expected[NDSHM_REASON_COUNT_KNOWN] = {
#include "ndshm_expected_reasons.h"
};

#endif /* _NDSHM_SELFTEST_REASONS_H */
