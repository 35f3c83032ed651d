// SPDX-License-Identifier: GPL-2.0
/* Registries: names and ids of adapters and providers. */
#include <linux/ctype.h>
#include <linux/kernel.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include <ndshm/provider.h>

#include "registry.h"

atomic_t ndshm_changes = ATOMIC_INIT(1);

/* Protects names, scopes and registrations; see registry.h. */
DEFINE_MUTEX(ndshm_registry_lock);

struct ndshm_entry *ndshm_registry_next(struct ndshm_registry *registry,
					u32 *id)
{
	struct ndshm_entry *entry;
	unsigned long index;

	rcu_read_lock();
	xa_for_each_start(&registry->entries, index, entry, *id) {
		if (refcount_inc_not_zero(&entry->references)) {
			*id = index;
			break;
		}
	}
	rcu_read_unlock();
	return entry;
}

struct ndshm_entry *ndshm_registry_find(struct ndshm_registry *registry,
					const char *name)
{
	struct ndshm_entry *entry;
	u32 id = 0;

	for (; (entry = ndshm_registry_next(registry, &id)); id++) {
		if (!strcmp(entry->name, name))
			break;
		ndshm_entry_put(entry);
	}
	return entry;
}

static bool registry_name_taken(const struct ndshm_entry *entry)
{
	struct ndshm_entry *other;
	unsigned long index;

	lockdep_assert_held(&ndshm_registry_lock);

	xa_for_each(&entry->registry->entries, index, other)
		if (!strcmp(other->name, entry->name))
			return true;
	return false;
}

ndshm_reason_t ndshm_registry_reserve(struct ndshm_entry *entry, const char *stem)
{
	struct xarray *entries = &entry->registry->entries;

	if (registry_name_taken(entry))
		return NDSHM_REASON_NAME_TAKEN;
	/* Reserve the id first: a lookup must not find an entry before its id is set. */
	if (xa_alloc_cyclic(entries, &entry->id, NULL, XA_LIMIT(1, NDSHM_ENTRY_ID_MAX),
			    &entry->registry->next_id, GFP_KERNEL) < 0)
		return NDSHM_REASON_MEMORY;
	if (!entry->name[0])
		snprintf(entry->name, sizeof(entry->name), "%s%u", stem,
			 entry->id);
	if (registry_name_taken(entry)) {
		xa_erase(entries, entry->id);
		return NDSHM_REASON_NAME_TAKEN;
	}
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_registry_publish(struct ndshm_entry *entry)
{
	lockdep_assert_held(&ndshm_registry_lock);

	/* Another one may have been published meanwhile. */
	if (registry_name_taken(entry))
		return NDSHM_REASON_NAME_TAKEN;
	xa_store(&entry->registry->entries, entry->id, entry, GFP_KERNEL);
	atomic_inc(&ndshm_changes);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_registry_add(struct ndshm_entry *entry, const char *stem)
{
	return ndshm_registry_reserve(entry, stem) ?: ndshm_registry_publish(entry);
}

void ndshm_registry_remove(struct ndshm_entry *entry)
{
	lockdep_assert_held(&ndshm_registry_lock);

	xa_erase(&entry->registry->entries, entry->id);
	atomic_inc(&ndshm_changes);
}

bool ndshm_name_valid(const char *name)
{
	size_t i, length = strnlen(name, NDSHM_NAME_SIZE);

	for (i = 0; i < length; i++)
		if (!isascii(name[i]) || !isgraph(name[i]) || name[i] == '/')
			return false;
	return length && length < NDSHM_NAME_SIZE;
}
EXPORT_SYMBOL_GPL(ndshm_name_valid);
