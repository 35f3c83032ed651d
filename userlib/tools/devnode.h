/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Device nodes of adapters: who may claim them. */
#ifndef NDSHM_DEVNODE_H
#define NDSHM_DEVNODE_H

#include <sys/types.h>

#include "pci.h"
#include "tool.h"

/* -1: as it is */
struct devnode {
	uid_t owner;
	gid_t group;
	mode_t mode;
};

#define DEVNODE_UNCHANGED ((struct devnode){ (uid_t)-1, (gid_t)-1, (mode_t)-1 })

/* Parser of --owner and --mode, a child of other parsers; input: struct devnode. */
extern const struct argp devnode_argp;

/* Read the node of a function's adapter. Returns 0 or -errno. */
int devnode_read(const struct function *function, struct devnode *node);
/* The same for the next node, if there is one now: what it may take over of this one. */
void devnode_keep(const struct function *function, struct devnode *node);
/* Apply what is not -1 in @to, and read the node again. Prints an error on failure. */
enum exit_code devnode_change(const struct function *function, const struct devnode *to,
			      struct devnode *now);

#endif /* NDSHM_DEVNODE_H */
