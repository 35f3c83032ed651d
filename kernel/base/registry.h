/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the registries of adapters and of providers have in common.
 */
#ifndef _NDSHM_CORE_REGISTRY_H
#define _NDSHM_CORE_REGISTRY_H

#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <ndshm/provider.h>

#include "access.h"

/*
 * Guards the names and scopes of adapters and providers, and their coming and
 * going. The outermost lock of the core; lookups do not need it.
 */
extern struct mutex ndshm_registry_lock;

/**
 * struct ndshm_entry - what a registry knows of an object; its first member
 * @references: the registration's, and what the object adds to that
 * @registry: that it is, was or will be in
 * @id: machine-wide, never 0, not used again soon
 * @name: unique among the registered
 * @device: its device, which is there while it is registered; or NULL
 * @access: who may use it; see access.h
 * @rcu: the object is freed by it, because lookups may still look at it
 */
struct ndshm_entry {
	refcount_t references;
	struct ndshm_registry *registry;
	u32 id;
	char name[NDSHM_NAME_SIZE];
	struct device *device;
	struct ndshm_access access;
	struct rcu_head rcu;
};

/**
 * struct ndshm_registry - objects of a kind
 * @entries: those that are registered, by id; changed with the registry lock,
 *	read under RCU
 * @next_id: where the search for a free id begins; guarded by the registry lock
 * @release: called when the last reference of an entry was dropped
 */
struct ndshm_registry {
	struct xarray entries;
	u32 next_id;
	void (*release)(struct ndshm_entry *entry);
};

extern struct ndshm_registry ndshm_adapters, ndshm_providers;

/*
 * Lookups take a reference, or answer NULL. _next() finds the first at or after
 * *id, and moves *id there. None takes a lock.
 */
struct ndshm_entry *ndshm_registry_find_id(struct ndshm_registry *registry,
					   u32 id);
struct ndshm_entry *ndshm_registry_next(struct ndshm_registry *registry,
					u32 *id);
struct ndshm_entry *ndshm_registry_find(struct ndshm_registry *registry,
					const char *name);
void ndshm_entry_put(struct ndshm_entry *entry);

/*
 * Register an entry, whose references, registry, device and name are set; it can be
 * found at once. With the name "" it is given @stem and its id for a name. @mode: see
 * ndshm_access_start(). The caller holds the registry lock.
 */
ndshm_reason_t ndshm_registry_add(struct ndshm_entry *entry, const char *stem,
				  umode_t mode);
void ndshm_registry_remove(struct ndshm_entry *entry);

#endif /* _NDSHM_CORE_REGISTRY_H */
