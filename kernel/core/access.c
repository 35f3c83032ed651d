// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/kernfs.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "access.h"
#include "registry.h"

/* Only administrators write, so one lock serves all objects. */
static DEFINE_SEQLOCK(access_lock);

/**
 * struct ndshm_access_kept - what was set for the objects of one name
 * @link: in the list of a registry
 * @name: of the objects
 * @device: number of the device that it was set for
 * @access: what was set
 */
struct ndshm_access_kept {
	struct list_head link;
	char name[NDSHM_NAME_SIZE];
	u64 device;
	struct ndshm_access access;
};

/*
 * Of the device's directory in sysfs, which no later directory has: another function
 * that is plugged into the same slot has the same name, but not the same number.
 */
static u64 access_device_number(const struct device *device)
{
	return device && device->kobj.sd ? device->kobj.sd->id : 0;
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

bool ndshm_access_permitted(const struct ndshm_access *access)
{
	const struct ndshm_access now = ndshm_access_read(access);
	umode_t mode = now.mode;

	/* As for files, the first class that the caller is of decides. */
	if (uid_eq(now.uid, current_euid()))
		mode >>= 6;
	else if (in_egroup_p(now.gid))
		mode >>= 3;
	return (mode & 06) == 06 || capable(CAP_DAC_OVERRIDE) ||
	       capable(CAP_SYS_ADMIN);
}

static struct ndshm_access_kept *access_find_kept(struct list_head *list,
						  const char *name)
{
	struct ndshm_access_kept *kept;

	lockdep_assert_held(&ndshm_registry_lock);

	list_for_each_entry(kept, list, link)
		if (!strcmp(kept->name, name))
			return kept;
	return NULL;
}

void ndshm_access_start(struct list_head *list, struct ndshm_entry *entry,
			const struct device *device, umode_t mode)
{
	struct ndshm_access_kept *kept = access_find_kept(list, entry->name);

	entry->access = (struct ndshm_access){
		.uid = GLOBAL_ROOT_UID,
		.gid = GLOBAL_ROOT_GID,
		.mode = mode,
		.reset = NDSHM_RESET_SAME_USER,
	};
	if (kept && kept->device == access_device_number(device))
		entry->access = kept->access;
}

static struct ndshm_access_kept *access_get_kept(struct list_head *list,
						 const char *name)
{
	struct ndshm_access_kept *kept = access_find_kept(list, name);

	if (kept)
		return kept;
	kept = kzalloc(sizeof(*kept), GFP_KERNEL);
	if (!kept)
		return NULL;
	strscpy(kept->name, name, sizeof(kept->name));
	list_add(&kept->link, list);
	return kept;
}

int ndshm_access_change(struct list_head *list, struct ndshm_entry *entry,
			const struct device *device, u32 set,
			const struct ndshm_access *to)
{
	struct ndshm_access *access = &entry->access;
	struct ndshm_access_kept *kept;

	if (mutex_lock_killable(&ndshm_registry_lock))
		return -EINTR;
	kept = access_get_kept(list, entry->name);
	if (kept) {
		write_seqlock(&access_lock);
		if (set & NDSHM_ACCESS_SET_UID)
			access->uid = to->uid;
		if (set & NDSHM_ACCESS_SET_GID)
			access->gid = to->gid;
		if (set & NDSHM_ACCESS_SET_MODE)
			access->mode = to->mode;
		if (set & NDSHM_ACCESS_SET_RESET)
			access->reset = to->reset;
		write_sequnlock(&access_lock);
		kept->device = access_device_number(device);
		kept->access = *access;
	}
	mutex_unlock(&ndshm_registry_lock);
	return kept ? 0 : -ENOMEM;
}

void ndshm_access_forget(struct list_head *list)
{
	struct ndshm_access_kept *kept, *next;

	list_for_each_entry_safe(kept, next, list, link)
		kfree(kept);
	INIT_LIST_HEAD(list);
}
