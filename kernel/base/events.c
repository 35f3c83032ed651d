// SPDX-License-Identifier: GPL-2.0
#include <linux/cache.h>

#include "events.h"

void (*ndshm_event)(u8 cmd, void *object) __ro_after_init;
