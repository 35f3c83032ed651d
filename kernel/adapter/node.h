/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adapters for memory that no particular device uses: one a NUMA node.
 */
#ifndef _NDSHM_CORE_NODE_H
#define _NDSHM_CORE_NODE_H

#include <linux/init.h>
#include <linux/types.h>

int __init ndshm_node_setup(void);
void ndshm_node_teardown(void);

/* Id of the adapter of the lowest node. */
u32 ndshm_node_default(void);

#endif /* _NDSHM_CORE_NODE_H */
