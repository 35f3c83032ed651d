// SPDX-License-Identifier: GPL-2.0
/* The hook of events, which netlink sets, and the count of changes. */
#include <linux/cache.h>

#include "events.h"

static void event_ignore(u8 cmd, void *object)
{
}

void (*ndshm_event)(u8 cmd, void *object) __ro_after_init = event_ignore;
