/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Access to adapters and providers: owner, group and mode, as of a device node.
 */
#ifndef _NDSHM_BASE_ACCESS_H
#define _NDSHM_BASE_ACCESS_H

#include <linux/types.h>
#include <linux/uidgid.h>

struct ndshm_entry;

/* The bits of a mode: read and write for owner, group and others. */
#define NDSHM_ACCESS_MODE	0666

/* Clients that may claim a function after a failed reset; values of the netlink ABI. */
enum ndshm_reset_policy {
	NDSHM_RESET_REQUIRED,	/* those opened with CAP_SYS_RAWIO */
	NDSHM_RESET_SAME_USER,	/* and those of the user of the last claim */
	NDSHM_RESET_NONE,	/* all that may use the adapter */
	NDSHM_RESET_POLICIES,
};

/**
 * struct ndshm_access - permission to use an adapter or a provider
 * @uid: owner
 * @gid: group
 * @mode: bits of NDSHM_ACCESS_MODE; a user needs both read and write
 * @reset: enum ndshm_reset_policy; used only for adapters with claims
 */
struct ndshm_access {
	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	u8 reset;
};

/* Members that ndshm_access_change() sets. */
#define NDSHM_ACCESS_SET_UID	0x1
#define NDSHM_ACCESS_SET_GID	0x2
#define NDSHM_ACCESS_SET_MODE	0x4
#define NDSHM_ACCESS_SET_RESET	0x8

/* Return: a consistent copy. Takes no lock; not for interrupts. */
struct ndshm_access ndshm_access_read(const struct ndshm_access *access);

/*
 * Return: true if the caller's effective ids may both read and write, or it has
 * CAP_DAC_OVERRIDE or CAP_SYS_ADMIN.
 */
bool ndshm_access_permitted(const struct ndshm_access *access);

/*
 * The access that was set for a name outlives the entry: the next entry with this name
 * and the same device gets it. Protected by ndshm_registry_lock.
 */

/*
 * Initialize the access of @entry before it is published: the access kept for its name
 * and device, or else root's with @mode. Called with ndshm_registry_lock held.
 */
void ndshm_access_start(struct ndshm_entry *entry, umode_t mode);

/* Change the members in @set. Takes ndshm_registry_lock. Return: 0, -ENOMEM or -EINTR. */
int ndshm_access_change(struct ndshm_entry *entry, u32 set,
			const struct ndshm_access *to);

void ndshm_access_teardown(void);

#endif /* _NDSHM_BASE_ACCESS_H */
