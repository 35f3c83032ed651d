/* SPDX-License-Identifier: GPL-2.0 */
/* Device nodes of adapters: a task that can open the node of an adapter can claim it. */
#ifndef _NDSHM_ADAPTER_DEVNODE_H
#define _NDSHM_ADAPTER_DEVNODE_H

#include <linux/init.h>
#include <linux/types.h>

struct file;
struct ndshm_adapter;

/*
 * Make /dev/ndshm-devices/NAME, root's and 0600, for an adapter with an id. Return: false if memory
 * is short. ndshm_devnode_announce() tells user space, once the adapter can be found.
 */
bool ndshm_devnode_add(struct ndshm_adapter *adapter);
void ndshm_devnode_announce(struct ndshm_adapter *adapter);
/* Open files stay; what they name is gone. */
void ndshm_devnode_remove(struct ndshm_adapter *adapter);

/* Return: the adapter of an open device node, as long as @file is open; NULL: another file. */
struct ndshm_adapter *ndshm_devnode_adapter(const struct file *file);

int __init ndshm_devnode_init(void);
void ndshm_devnode_exit(void);

/* The nodes can be opened from here on: open files keep the module. */
int __init ndshm_devnode_open_init(void);
void ndshm_devnode_open_exit(void);

#endif /* _NDSHM_ADAPTER_DEVNODE_H */
