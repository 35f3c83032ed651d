/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options for permissions of adapters and providers.
 */
#ifndef NDSHM_PERMIT_H
#define NDSHM_PERMIT_H

#include <ndshm/admin.h>

#include "tool.h"

struct permit {
	uint32_t set;		/* NDSHM_ACCESS_* bits; 0: no option given */
	struct ndshm_access access;
};

/* Parser of the options, a child of other parsers; input: struct permit. */
extern const struct argp permit_argp;

/* Apply the options to an adapter, and read it again. Prints an error on failure. */
enum exit_code permit_adapter(struct ndshm *ndshm, const struct permit *permit,
			      struct ndshm_adapter_info *adapter);

/* Print one line; @reset may be NULL. */
enum exit_code print_access(const char *kind, const char *name, uint32_t owner, uint32_t group,
			    uint32_t mode, const char *reset);

#endif /* NDSHM_PERMIT_H */
