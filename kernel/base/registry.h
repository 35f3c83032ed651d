/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A registry of named objects with ids; adapters and providers have one each. Objects have
 * an owner, a group and a mode, as device nodes.
 */
#ifndef _NDSHM_BASE_REGISTRY_H
#define _NDSHM_BASE_REGISTRY_H

#include <linux/atomic.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/types.h>
#include <linux/uidgid.h>
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

/* The bits of a mode: read and write for owner, group and others. */
#define NDSHM_ACCESS_MODE	0666

/* Clients that may claim a function after a failed reset; values of the netlink ABI. */
enum ndshm_reset_policy {
	NDSHM_RESET_REQUIRED,	/* those opened with CAP_SYS_RAWIO */
	NDSHM_RESET_SAME_USER,	/* and those of the user of the last claim */
	NDSHM_RESET_NONE,	/* all that may use the adapter */
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

/**
 * struct ndshm_entry - common part of adapters and providers
 * @references: one while registered, and one for each user of the object
 * @registry: ndshm_adapters or ndshm_providers, also before and after registration
 * @id: machine-wide, never 0; allocated cyclically, so not reused soon
 * @name: unique among the registered entries of @registry
 * @device: device of the object, valid while registered; or NULL
 * @access: owner, group and mode
 * @rcu: frees the object after a grace period, because lookups take no lock
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
 * Register @entry; lookups find it at once. The caller has set its references, registry,
 * device and name; an empty name becomes @stem followed by the id. Its access is what was
 * set for its name and device, or else root's with @mode. Called with ndshm_registry_lock held.
 */
ndshm_reason_t ndshm_registry_add(struct ndshm_entry *entry, const char *stem,
				  umode_t mode);
void ndshm_registry_remove(struct ndshm_entry *entry);

/* Return: a consistent copy. Takes no lock; not for interrupts. */
struct ndshm_access ndshm_access_read(const struct ndshm_access *access);

/*
 * Return: the bits of 06 (4: read, 2: write) that @mode grants the caller's effective ids. As for
 * files, the first matching class of @uid, @gid and others decides. Context: any task.
 */
umode_t ndshm_access_granted(kuid_t uid, kgid_t gid, umode_t mode);

/*
 * Return: true if the caller's effective ids may both read and write, or it has
 * CAP_DAC_OVERRIDE or CAP_SYS_ADMIN.
 */
bool ndshm_access_check(const struct ndshm_access *access);

/* As ndshm_access_check(), with no call for an object that all may use. */
static inline bool ndshm_access_permitted(const struct ndshm_access *access)
{
	return READ_ONCE(access->mode) == NDSHM_ACCESS_MODE || ndshm_access_check(access);
}

/*
 * Change the members in @set. They outlive @entry: the next entry with the same name and
 * device gets them. Takes ndshm_registry_lock. Return: 0, -ENOMEM or -EINTR.
 */
int ndshm_access_change(struct ndshm_entry *entry, u32 set,
			const struct ndshm_access *to);

void ndshm_access_exit(void);

#endif /* _NDSHM_BASE_REGISTRY_H */
