/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Options that say who may use an adapter or a provider.
 */
#ifndef NDSHM_PERMIT_H
#define NDSHM_PERMIT_H

#include <ndshm/admin.h>

#include "tool.h"

struct permit {
	uint32_t set;		/* NDSHM_ACCESS_*; 0: nothing was said */
	struct ndshm_access access;
};

/* A child of other parsers; input: struct permit. */
extern const struct argp permit_argp;

/* Set what was said of the adapter, and look at it again; or say why not. */
enum exit_code permit_adapter(struct ndshm *ndshm, const struct permit *permit,
			      struct ndshm_adapter_info *adapter);

/* One line; @reset may be NULL. */
enum exit_code print_access(const char *kind, const char *name, uint32_t owner, uint32_t group,
			    uint32_t mode, const char *reset);

#endif /* NDSHM_PERMIT_H */
