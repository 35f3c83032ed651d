/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the registries of adapters and of providers have in common.
 */
#ifndef _NDSHM_CORE_REGISTRY_H
#define _NDSHM_CORE_REGISTRY_H

#include <linux/mutex.h>
#include <linux/types.h>

/*
 * Guards the names and scopes of adapters and providers, and their coming and
 * going. The outermost lock of the core; lookups by id do not need it.
 */
extern struct mutex ndshm_registry_lock;

/* Is it a name: 1 to NDSHM_NAME_SIZE - 1 printable characters, no space, no slash? */
bool ndshm_name_valid(const char *name);

#endif /* _NDSHM_CORE_REGISTRY_H */
