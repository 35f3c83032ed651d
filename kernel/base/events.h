/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of objects, which the netlink family multicasts.
 */
#ifndef _NDSHM_BASE_EVENTS_H
#define _NDSHM_BASE_EVENTS_H

#include <linux/types.h>

/*
 * Report the event @cmd (NDSHM_CMD_*_NTF) of @object: an adapter, provider, block,
 * section, struct ndshm_queue_view or struct ndshm_quota_excess. Report an addition once
 * lookups find the object, and its end once they do not. Cheap without listeners; never
 * fails, and listeners are notified of lost events. Call it in process context. An adapter's event
 * calls its isolation and needs_reset operations and may sleep; hold no lock that these take. The
 * hook is set once, before the first event.
 */
extern void (*ndshm_event)(u8 cmd, void *object);

#endif /* _NDSHM_BASE_EVENTS_H */
