/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Adapters for memory that is used by no particular device, one for each NUMA node.
 */
#ifndef _NDSHM_ADAPTER_NODE_H
#define _NDSHM_ADAPTER_NODE_H

#include <linux/init.h>
#include <linux/types.h>

int __init ndshm_node_init(void);
void ndshm_node_exit(void);

/* Return: the id of the adapter of the lowest node with memory. */
u32 ndshm_node_default(void);

#endif /* _NDSHM_ADAPTER_NODE_H */
