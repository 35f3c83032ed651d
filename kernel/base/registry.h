/* SPDX-License-Identifier: GPL-2.0 */
/* A registry of named objects with ids; adapters and providers have one each. */
#ifndef _NDSHM_BASE_REGISTRY_H
#define _NDSHM_BASE_REGISTRY_H

#include <linux/atomic.h>
#include <linux/kdev_t.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <ndshm/provider.h>

/*
 * Protects the names and scopes of adapters and providers and serializes their
 * registration. Taken with no other lock of this module held; lookups do not take it.
 */
extern struct mutex ndshm_registry_lock;

/*
 * Incremented when an adapter, a provider or a queue is added or removed, so that a dump of these
 * is flagged as inconsistent. Blocks and sections are not counted: they change so often that a
 * program that repeats interrupted dumps would never finish.
 */
extern atomic_t ndshm_changes;

/* As many as minor numbers of device nodes. */
#define NDSHM_ENTRY_ID_MAX	MINORMASK

/**
 * struct ndshm_entry - common part of adapters and providers
 * @references: one while registered, and one for each user of the object
 * @registry: ndshm_adapters or ndshm_providers, also before and after registration
 * @id: machine-wide, never 0; allocated cyclically, so not reused soon
 * @name: unique among the registered entries of @registry
 * @rcu: frees the object after a grace period, because lookups take no lock
 */
struct ndshm_entry {
	refcount_t references;
	struct ndshm_registry *registry;
	u32 id;
	char name[NDSHM_NAME_SIZE];
	struct rcu_head rcu;
};

/**
 * struct ndshm_registry - registered objects of one kind
 * @entries: registered entries by id; changed with ndshm_registry_lock held, read
 *	under RCU
 * @next_id: start of the search for a free id; protected by ndshm_registry_lock
 * @release: frees an entry after its last put
 */
struct ndshm_registry {
	struct xarray entries;
	u32 next_id;
	void (*release)(struct ndshm_entry *entry);
};

extern struct ndshm_registry ndshm_adapters, ndshm_providers;

/*
 * Lookups return an entry with a reference, or NULL, and take no lock.
 * ndshm_registry_next() finds the lowest id from *id on and stores it in *id.
 */
static inline struct ndshm_entry *ndshm_registry_find_id(struct ndshm_registry *registry,
							 u32 id)
{
	struct ndshm_entry *entry;

	rcu_read_lock();
	entry = xa_load(&registry->entries, id);
	if (entry && !refcount_inc_not_zero(&entry->references))
		entry = NULL;
	rcu_read_unlock();
	return entry;
}

struct ndshm_entry *ndshm_registry_next(struct ndshm_registry *registry,
					u32 *id);
struct ndshm_entry *ndshm_registry_find(struct ndshm_registry *registry,
					const char *name);

static inline void ndshm_entry_put(struct ndshm_entry *entry)
{
	if (refcount_dec_and_test(&entry->references))
		entry->registry->release(entry);
}

/*
 * Register @entry; lookups find it at once. The caller has set its references, registry and
 * name; an empty name becomes @stem followed by the id. Called with ndshm_registry_lock held.
 * In two steps: ndshm_registry_reserve() gives it its id, ndshm_registry_publish() lets lookups
 * find it. ndshm_registry_remove() undoes either.
 */
ndshm_reason_t ndshm_registry_add(struct ndshm_entry *entry, const char *stem);
ndshm_reason_t ndshm_registry_reserve(struct ndshm_entry *entry, const char *stem);
ndshm_reason_t ndshm_registry_publish(struct ndshm_entry *entry);
void ndshm_registry_remove(struct ndshm_entry *entry);

#endif /* _NDSHM_BASE_REGISTRY_H */
