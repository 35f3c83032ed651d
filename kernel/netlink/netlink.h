/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink door: who is there, and what happens to them.
 */
#ifndef _NDSHM_CORE_NETLINK_H
#define _NDSHM_CORE_NETLINK_H

#include <linux/init.h>

/*
 * The first thing that init does, and the last that exit undoes: what happens
 * in between can be told, and is only told while the family is registered.
 */
int __init ndshm_nl_init(void);
void ndshm_nl_exit(void);

#endif /* _NDSHM_CORE_NETLINK_H */
