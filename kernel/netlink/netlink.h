/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink door: who is there, and what happens to them.
 */
#ifndef _NDSHM_CORE_NETLINK_H
#define _NDSHM_CORE_NETLINK_H

#include <linux/init.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct ndshm_adapter;
struct ndshm_block;
struct ndshm_provider;
struct ndshm_queue_view;
struct ndshm_section;

/*
 * The first thing that init does, and the last that exit undoes: what happens
 * in between can be told, and is only told while the family is registered.
 */
int __init ndshm_nl_init(void);
void ndshm_nl_exit(void);

/*
 * Tell who listens of an NDSHM_CMD_*_NTF; cheap if nobody does. That something
 * came is told when it can be found, and that it went when it no longer can.
 * What cannot be told is lost, which listeners learn; no caller fails for it, or waits.
 * An adapter's may sleep; hold no lock that its isolation or dirty operation takes.
 */
void ndshm_nl_adapter_event(struct ndshm_adapter *adapter, u8 cmd);
void ndshm_nl_provider_event(struct ndshm_provider *provider, u8 cmd);
void ndshm_nl_block_event(struct ndshm_block *block, u8 cmd);
void ndshm_nl_section_event(struct ndshm_section *section, u8 cmd);
/* User @uid wanted @amount more of that kind, and may not have it. */
void ndshm_nl_quota_event(kuid_t uid, unsigned int kind, u64 amount);
/* @view: as the queue or port was when that happened to it. */
void ndshm_nl_queue_event(struct ndshm_adapter *adapter,
			  const struct ndshm_queue_view *view, u8 cmd);

/*
 * For objects that are looked at without a reference, which would put off the end of
 * another user's memory: called for an object of @owner, with a lock held.
 */
typedef void (*ndshm_look_fn)(void *object, kuid_t owner, void *context);

#endif /* _NDSHM_CORE_NETLINK_H */
