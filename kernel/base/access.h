/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Permission: the owner, group and mode of an adapter or a provider, as a device
 * node has them.
 */
#ifndef _NDSHM_CORE_ACCESS_H
#define _NDSHM_CORE_ACCESS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct ndshm_entry;

/* The bits of a mode: read and write for owner, group and others. */
#define NDSHM_ACCESS_MODE	0666

/* To whom a function that needs a reset goes next; the values are netlink's. */
enum ndshm_reset_policy {
	NDSHM_RESET_REQUIRED,	/* to privileged clients */
	NDSHM_RESET_SAME_USER,	/* and to the user of the last claim */
	NDSHM_RESET_NONE,	/* to every client with permission */
	NDSHM_RESET_POLICIES,
};

/**
 * struct ndshm_access - who may use an adapter or a provider
 * @uid: owner
 * @gid: group
 * @mode: as a device node's; reading and writing are needed both
 * @reset: enum ndshm_reset_policy, of an adapter that can be claimed
 */
struct ndshm_access {
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	u8 reset;
};

/* What a change sets. */
#define NDSHM_ACCESS_SET_UID	0x1
#define NDSHM_ACCESS_SET_GID	0x2
#define NDSHM_ACCESS_SET_MODE	0x4
#define NDSHM_ACCESS_SET_RESET	0x8

/* A consistent copy. Any context. */
struct ndshm_access ndshm_access_read(const struct ndshm_access *access);

/*
 * May the caller use the object? By effective ids; CAP_DAC_OVERRIDE and CAP_SYS_ADMIN
 * permit everything.
 */
bool ndshm_access_permitted(const struct ndshm_access *access);

/*
 * What was set for a name is kept, also while no entry of the name is registered.
 * Protected by ndshm_registry_lock.
 */

/*
 * Set the access of an entry that is about to be published: to what was set for its name
 * and device earlier, or to root's with @mode. Called with the lock held.
 */
void ndshm_access_start(struct ndshm_entry *entry, umode_t mode);

/* Change what @set names, now and for later entries. -ENOMEM, -EINTR. May sleep. */
int ndshm_access_change(struct ndshm_entry *entry, u32 set,
			const struct ndshm_access *to);

void ndshm_access_teardown(void);

#endif /* _NDSHM_CORE_ACCESS_H */
