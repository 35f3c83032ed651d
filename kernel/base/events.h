/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Events of adapters and providers, which the netlink family multicasts.
 */
#ifndef _NDSHM_BASE_EVENTS_H
#define _NDSHM_BASE_EVENTS_H

#include <linux/types.h>

/*
 * Report the event @cmd (NDSHM_CMD_*_NTF) of @object, an adapter or a provider. Report an addition
 * once lookups find the object, and its end once they do not. Never fails, and listeners are
 * notified of lost events. Call it in process context. An adapter's event calls its isolation and
 * needs_reset operations and may sleep; hold no lock that these take. Events are ignored until the
 * hook is set, once.
 */
extern void (*ndshm_event)(u8 cmd, void *object);

#endif /* _NDSHM_BASE_EVENTS_H */
