/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events: what happens to objects. The netlink family multicasts them.
 */
#ifndef _NDSHM_BASE_EVENTS_H
#define _NDSHM_BASE_EVENTS_H

#include <linux/types.h>

/*
 * Report @cmd, an NDSHM_CMD_*_NTF, of @object: the adapter, provider, block or section,
 * a struct ndshm_queue_view or a struct ndshm_quota_excess. Cheap without listeners. An
 * object is reported after it can be found, and its end when it no longer can. Events may
 * be lost, which listeners learn; the caller neither fails nor waits. One of an adapter
 * may sleep; hold no lock that its isolation or dirty operation takes. Set once, before
 * the first event.
 */
extern void (*ndshm_event)(u8 cmd, void *object);

#endif /* _NDSHM_BASE_EVENTS_H */
