/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sections: ranges that processes share, with memory that comes and goes.
 */
#ifndef _NDSHM_CORE_SECTION_H
#define _NDSHM_CORE_SECTION_H

#include <linux/completion.h>
#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>

#include <ndshm/status.h>

#include "../block/object.h"
#include "extent_map.h"

struct ndshm_adapter;
struct ndshm_holder;
struct ndshm_claim;
struct ndshm_payer;
struct ndshm_provider;
struct ndshm_segment;
struct user_struct;

/**
 * struct ndshm_section - a range that processes share
 * @object: references, mapping; its length is MaxSize; first, so that objects of
 *	this kind and sections convert freely
 * @users: its descriptors and holders. Together they have one of the object's
 *	references; the last mapping has the other. So it ends with whichever goes
 *	last
 * @files: makes the object's file
 * @peer_mappings: VMAs that show it and that its creator did not map
 * @id: the machine's name for it
 * @by_id: among all sections of the machine, a run of the one id
 * @by_user: among the sections of its payer's user
 * @payer: the creator, who is charged for all memory, under the limits that held then
 * @adapter: whose device uses the memory; holds a reference
 * @claim: under which it was made, with a reference; or NULL
 * @provider: where the memory comes from; holds a reference
 * @preferred_node: as asked for
 * @rawio: its creator opened the device with CAP_SYS_RAWIO
 * @permit_keep: extents may stay when their holder goes
 * @initial: pages that always have memory
 * @uid: the creator's effective uid
 * @revocation: completed when nothing shows the section any more
 * @trimming: frees idle memory
 * @leaving: its pages are about to be freed; or NULL. Used by @trimming only
 * @retry: after which that is tried again, in jiffies; likewise
 * @growing: callers who allocate memory that has not joined the section
 * @lock: protects all that follows, and what the holders have
 * @deleted: nothing new is allocated, attached or mapped
 * @needs_sync: some of its memory does
 * @map: which pages are free
 * @pieces: those that have memory, by address
 * @committed: pages of @pieces
 * @idle: pages of pieces that have no part of an extent, above @initial, until they are
 *	freed
 * @taken: pages of extents
 * @extents: how many
 * @kept: of them, how many have no holder any more
 * @holders: how many
 *
 * @lock is a spinlock, since a caller that waits for a processor must not keep others
 * from the section: memory is allocated, zeroed and freed without it. It is taken by
 * faults, inside the mmap lock. While it is held, a section that is not revoked has the
 * memory of its pieces.
 */
struct ndshm_section {
	struct ndshm_object object;
	refcount_t users;
	struct ndshm_files files;
	atomic_t peer_mappings;
	u32 id;
	struct ndshm_run by_id;
	struct hlist_node by_user;
	struct ndshm_payer *payer;
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_provider *provider;
	s32 preferred_node;
	bool rawio;
	bool permit_keep;
	u32 initial;
	kuid_t uid;
	struct completion revocation;
	struct delayed_work trimming;
	struct ndshm_run *leaving;
	unsigned long retry;
	atomic_t growing;
	spinlock_t lock;		/* all that follows */
	bool deleted;
	bool needs_sync;
	struct ndshm_extent_map map;
	struct rb_root pieces;
	u32 committed;
	u32 idle;
	u32 taken;
	u32 extents;
	u32 kept;
	u32 holders;
};

static inline struct ndshm_section *ndshm_section_of(struct ndshm_object *object)
{
	return container_of(object, struct ndshm_section, object);
}

/**
 * struct ndshm_section_request - what a section is to be
 * @adapter: for whose device
 * @claim: under which, or NULL
 * @provider: whose memory
 * @max_size: in bytes
 * @initial_size: in bytes
 * @preferred_node: node, or any
 * @rawio: as in struct ndshm_section
 * @permit_keep: likewise
 * @opener: payer that is charged as well, see struct ndshm_payer
 */
struct ndshm_section_request {
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_provider *provider;
	u64 max_size;
	u64 initial_size;
	s32 preferred_node;
	bool rawio;
	bool permit_keep;
	struct ndshm_payer *opener;
};

/*
 * Call @look for the first section whose id is *@id to @last, and move *@id there. @look
 * must not sleep; what the section's lock protects may change. Returns false if there is
 * none.
 */
bool ndshm_section_look(u32 id, ndshm_look_fn look, void *context);
bool ndshm_section_look_next(u32 *id, ndshm_look_fn look, void *context);

/* The greatest MaxSize, in bytes. */
u64 ndshm_max_section(void);

/* With one user, the caller. May sleep. */
ndshm_reason_t ndshm_section_make(const struct ndshm_section_request *request,
				  struct ndshm_section **section);

/* Drop a reference of @section->users. May sleep. */
void ndshm_section_leave(struct ndshm_section *section);

/* Has its claim, its adapter or its provider gone, or begun to? Any context. */
bool ndshm_section_revoked(const struct ndshm_section *section);

/* NONE, SECTION_REVOKED or SECTION_DELETED. Called with the section's lock held. */
ndshm_reason_t ndshm_section_state(const struct ndshm_section *section);

/*
 * @own: a holder of it whose extents are in nobody's way, or NULL; @flags: NDSHM_DELETE_*.
 * May sleep.
 */
ndshm_reason_t ndshm_section_delete(struct ndshm_section *section,
				    const struct ndshm_holder *own, u32 flags);

/*
 * @count pages at a multiple of @alignment pages, zeroed, which nobody else has; and
 * the way back. May sleep; no lock is held.
 */
ndshm_reason_t ndshm_section_take(struct ndshm_section *section, u32 count,
				  u32 alignment, struct ndshm_run **run);
void ndshm_section_give(struct ndshm_section *section, struct ndshm_run *run);

/*
 * The same with the section's lock held. @freed: by its holder, and not because the holder
 * is closed.
 */
void ndshm_section_give_locked(struct ndshm_section *section,
			       struct ndshm_run *run, bool freed);

/*
 * Before @user is refused memory: have the idle memory of all sections that @user created
 * freed, and wait for that, killable and for NDSHM_SECTION_WAIT at most. Returns true if
 * there was any and it has been freed.
 */
bool ndshm_sections_trim(const struct user_struct *user);

/* As ndshm_sync(), of a range that was checked. May sleep. */
ndshm_reason_t ndshm_section_sync(struct ndshm_section *section, u32 direction,
				  u64 offset, u64 length);

/*
 * The segments of @run from page *at on that lie in one piece, and *at moves behind it:
 * at most @capacity of them are written. Return: how many there are. Called with the
 * section's lock held, for a section that is neither revoked nor deleted.
 */
u32 ndshm_section_segments(struct ndshm_section *section,
			   const struct ndshm_run *run, u32 *at,
			   struct ndshm_segment *segments, u32 capacity);

int __init ndshm_section_setup(void);
void ndshm_section_teardown(void);

#endif /* _NDSHM_CORE_SECTION_H */
