/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink door: who is there, and what happens to them.
 */
#ifndef _NDSHM_CORE_NETLINK_H
#define _NDSHM_CORE_NETLINK_H

#include <linux/init.h>
#include <linux/types.h>

struct ndshm_adapter;
struct ndshm_provider;

/*
 * The first thing that init does, and the last that exit undoes: what happens
 * in between can be told, and is only told while the family is registered.
 */
int __init ndshm_nl_init(void);
void ndshm_nl_exit(void);

/*
 * Tell who listens of an NDSHM_CMD_*_NTF; cheap if nobody does. That something
 * came is told when it can be found, and that it went when it no longer can.
 * May sleep; hold no lock that an adapter's isolation or dirty operation takes.
 */
void ndshm_nl_adapter_event(struct ndshm_adapter *adapter, u8 cmd);
void ndshm_nl_provider_event(struct ndshm_provider *provider, u8 cmd);

#endif /* _NDSHM_CORE_NETLINK_H */
