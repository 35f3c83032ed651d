// SPDX-License-Identifier: GPL-2.0
/* Registries: names, ids, and the owner, group and mode that permit the use of an entry. */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/ctype.h>
#include <linux/device.h>
#include <linux/kernel.h>
#include <linux/kernfs.h>
#include <linux/lockdep.h>
#include <linux/rcupdate.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/provider.h>

#include "registry.h"

atomic_t ndshm_changes = ATOMIC_INIT(1);

/* Protects names, scopes and registrations; see registry.h. */
DEFINE_MUTEX(ndshm_registry_lock);

/*
 * Access
 */

/* Protects the access of all entries: only administrators write, and rarely. */
static DEFINE_SEQLOCK(access_lock);

/**
 * struct ndshm_access_kept - access for the present and later entries of one name
 * @link: entry of access_kept
 * @registry: ndshm_adapters or ndshm_providers
 * @name: name of the entry
 * @device: access_device_number() of the entry when the access was set
 * @access: owner, group, mode and reset policy
 */
struct ndshm_access_kept {
	struct list_head link;
	const struct ndshm_registry *registry;
	char name[NDSHM_NAME_SIZE];
	u64 device;
	struct ndshm_access access;
};

static LIST_HEAD(access_kept);

/*
 * The number of the device's sysfs directory. A later device in the same PCI slot has the
 * same name but another number, and must not inherit the access of the earlier one.
 */
static u64 access_device_number(const struct ndshm_entry *entry)
{
	return entry->device && entry->device->kobj.sd ?
	       entry->device->kobj.sd->id : 0;
}

struct ndshm_access ndshm_access_read(const struct ndshm_access *access)
{
	struct ndshm_access copy;
	unsigned int seq;

	do {
		seq = read_seqbegin(&access_lock);
		copy = *access;
	} while (read_seqretry(&access_lock, seq));
	return copy;
}

umode_t ndshm_access_granted(kuid_t uid, kgid_t gid, umode_t mode)
{
	if (uid_eq(uid, current_euid()))
		mode >>= 6;
	else if (in_egroup_p(gid))
		mode >>= 3;
	return mode & 06;
}

bool ndshm_access_check(const struct ndshm_access *access)
{
	const struct ndshm_access now = ndshm_access_read(access);

	return ndshm_access_granted(now.uid, now.gid, now.mode) == 06 ||
	       capable(CAP_DAC_OVERRIDE) || capable(CAP_SYS_ADMIN);
}

static struct ndshm_access_kept *
access_find_kept(const struct ndshm_entry *entry)
{
	struct ndshm_access_kept *kept;

	lockdep_assert_held(&ndshm_registry_lock);

	list_for_each_entry(kept, &access_kept, link)
		if (kept->registry == entry->registry &&
		    !strcmp(kept->name, entry->name))
			return kept;
	return NULL;
}

/* Initialise the access of @entry before it is published. */
static void access_start(struct ndshm_entry *entry, umode_t mode)
{
	struct ndshm_access_kept *kept = access_find_kept(entry);

	entry->access = (struct ndshm_access){
		.uid = GLOBAL_ROOT_UID,
		.gid = GLOBAL_ROOT_GID,
		.mode = mode,
		.reset = NDSHM_RESET_SAME_USER,
	};
	if (kept && kept->device == access_device_number(entry))
		entry->access = kept->access;
}

int ndshm_access_change(struct ndshm_entry *entry, u32 set,
			const struct ndshm_access *to)
{
	struct ndshm_access *access = &entry->access;
	struct ndshm_access_kept *kept;
	int ret = 0;

	if (mutex_lock_killable(&ndshm_registry_lock))
		return -EINTR;
	/* Its device may be gone, or bound again as another entry. */
	if (xa_load(&entry->registry->entries, entry->id) != entry) {
		ret = -ENODEV;
		goto out;
	}
	kept = access_find_kept(entry);
	if (!kept) {
		kept = kzalloc(sizeof(*kept), GFP_KERNEL);
		if (!kept) {
			ret = -ENOMEM;
			goto out;
		}
		kept->registry = entry->registry;
		strscpy(kept->name, entry->name, sizeof(kept->name));
		list_add(&kept->link, &access_kept);
	}
	write_seqlock(&access_lock);
	if (set & NDSHM_ACCESS_SET_UID)
		access->uid = to->uid;
	if (set & NDSHM_ACCESS_SET_GID)
		access->gid = to->gid;
	if (set & NDSHM_ACCESS_SET_MODE)
		WRITE_ONCE(access->mode, to->mode);
	if (set & NDSHM_ACCESS_SET_RESET)
		access->reset = to->reset;
	write_sequnlock(&access_lock);
	kept->device = access_device_number(entry);
	kept->access = *access;
out:
	mutex_unlock(&ndshm_registry_lock);
	return ret;
}

void ndshm_access_exit(void)
{
	struct ndshm_access_kept *kept, *next;

	list_for_each_entry_safe(kept, next, &access_kept, link)
		kfree(kept);
}

/*
 * Names and ids
 */

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

ndshm_reason_t ndshm_registry_add(struct ndshm_entry *entry, const char *stem,
				  umode_t mode)
{
	struct xarray *entries = &entry->registry->entries;

	if (registry_name_taken(entry))
		return NDSHM_REASON_NAME_TAKEN;
	/* Reserve the id first: a lookup must not find an entry before its id is set. */
	if (xa_alloc_cyclic(entries, &entry->id, NULL, xa_limit_31b,
			    &entry->registry->next_id, GFP_KERNEL) < 0)
		return NDSHM_REASON_MEMORY;
	if (!entry->name[0])
		snprintf(entry->name, sizeof(entry->name), "%s%u", stem,
			 entry->id);
	if (registry_name_taken(entry)) {
		xa_erase(entries, entry->id);
		return NDSHM_REASON_NAME_TAKEN;
	}
	access_start(entry, mode);
	xa_store(entries, entry->id, entry, GFP_KERNEL);
	atomic_inc(&ndshm_changes);
	return NDSHM_REASON_NONE;
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
