/* SPDX-License-Identifier: GPL-2.0 */
/* Sections: address ranges that processes share. Memory is allocated and freed on demand. */
#ifndef _NDSHM_SECTION_SECTION_H
#define _NDSHM_SECTION_SECTION_H

#include <linux/rbtree.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

#include "../block/object.h"
#include "extent_map.h"

struct ndshm_adapter;
struct ndshm_holder;
struct ndshm_claim;
struct ndshm_account;
struct ndshm_provider;
struct ndshm_segment;
struct iov_iter;
struct kiocb;
struct user_struct;

/**
 * struct ndshm_section - Range of memory that processes share
 * @object: references and mappings; its length is MaxSize. Must be the first member, see
 *	ndshm_section_of()
 * @users: descriptors and holders. Together they hold one reference to @object; the object's file,
 *	which every mapping holds, has another. The last of them frees the section
 * @file_cache: cached file for @object
 * @id: random id, unique on the machine
 * @by_id: node in the tree of all sections; start is @id, count is 1
 * @by_user: node in the hash of sections by the user of @account
 * @by_name: node in the tree of names; empty if the section has no name, or none any more.
 *	Protected by sections_lock
 * @name: with a final 0; empty without a name
 * @name_length: bytes of @name
 * @gid: group for @mode
 * @mode: permission to open the section by its name
 * @account: of the client that created the section, charged for all memory
 * @adapter: adapter whose device accesses the memory; holds a reference
 * @claim: claim that the section was created under, with a reference; or NULL
 * @provider: provider of the memory; holds a reference
 * @preferred_node: as requested
 * @rawio: the client that created the section was opened with CAP_SYS_RAWIO
 * @initial: leading pages whose memory is allocated at creation and stays
 * @uid: the owner, effective uid of @account
 * @growing: callers that allocate memory which they have not added to @chunks
 * @freeing: callers that free memory which they have taken from @chunks, or are about to
 * @lock: protects the members below, and the extents of all holders
 * @deleted: extents, holders and mappings are refused
 * @needs_sync: some of the memory needs explicit syncs between CPU and device
 * @map: state of every page: extent, free, or without memory
 * @chunks: chunks of memory, by address
 * @exports: ranges whose extents dma-bufs and their mappings keep
 * @exported: extents that were freed, but overlap a range in @exports; and free memory that was
 *	found to be pinned, as an extent
 * @was_exported: a range was in @exports, so users of dma-bufs may have pinned pages
 * @committed: pages of @chunks
 * @idle: pages of idle chunks, see ndshm_chunk_idle(); decremented only after they have been freed
 * @allocated: pages of all extents, with those in @exported
 * @extents: number of extents, without those in @exported
 * @holders: number of holders
 *
 * Faults take @lock inside the mmap lock. It is a spinlock, and memory is allocated, zeroed and
 * freed without it: a task that holds it must not be preempted or throttled while peers wait for
 * it. While @lock is held and the section is not revoked, the memory of all chunks in @chunks
 * exists.
 */
struct ndshm_section {
	struct ndshm_object object;
	refcount_t users;
	struct file *file_cache;
	u32 id;
	struct ndshm_extent by_id;
	struct hlist_node by_user;
	struct rb_node by_name;
	char name[NDSHM_SECTION_NAME_BYTES + 1];
	u8 name_length;
	kgid_t gid;
	umode_t mode;
	struct ndshm_account *account;
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_provider *provider;
	s32 preferred_node;
	bool rawio;
	u32 initial;
	kuid_t uid;
	atomic_t growing;
	atomic_t freeing;
	spinlock_t lock;		/* all members below */
	bool deleted;
	bool needs_sync;
	struct ndshm_extent_map map;
	struct rb_root chunks;
	struct rb_root_cached exports;
	struct rb_root exported;
	bool was_exported;
	u32 committed;
	u32 idle;
	u32 allocated;
	u32 extents;
	u32 holders;
};

static inline struct ndshm_section *ndshm_section_of(struct ndshm_object *object)
{
	return container_of(object, struct ndshm_section, object);
}

/**
 * struct ndshm_holder - One attachment to a section
 * @section: the section; the holder counts as one of its @users
 * @readonly: was attached through a read-only descriptor: may not allocate
 * @rawio: the attaching process had CAP_SYS_RAWIO, so it may see DMA addresses
 * @extents: extents by address; protected by the section's lock
 * @count: number of @extents; protected by the section's lock
 * @pages: pages of @extents; protected by the section's lock
 */
struct ndshm_holder {
	struct ndshm_section *section;
	bool readonly;
	bool rawio;
	struct rb_root extents;
	u32 count;
	u32 pages;
};

/**
 * struct ndshm_section_request - Parameters of ndshm_section_init_one()
 * @adapter: adapter whose device accesses the memory
 * @claim: claim of the client on @adapter, or NULL
 * @provider: provider of the memory
 * @max_size: bytes of range
 * @initial_size: bytes of memory allocated at creation
 * @preferred_node: NUMA node, or NUMA_NO_NODE
 * @rawio: as in struct ndshm_section
 * @dumped: as in struct ndshm_object
 * @account: of the client, see struct ndshm_account
 * @name: name, valid if @name_length is not 0
 * @name_length: bytes of @name; 0 for a section without a name
 * @gid: as in struct ndshm_section
 * @mode: as in struct ndshm_section
 */
struct ndshm_section_request {
	struct ndshm_adapter *adapter;
	struct ndshm_claim *claim;
	struct ndshm_provider *provider;
	u64 max_size;
	u64 initial_size;
	s32 preferred_node;
	bool rawio;
	bool dumped;
	struct ndshm_account *account;
	char name[NDSHM_SECTION_NAME_BYTES];
	u32 name_length;
	kgid_t gid;
	umode_t mode;
};

/*
 * ndshm_section_peek() calls @peek for section @id, ndshm_section_peek_next() for the section with
 * the lowest id from *@id on, and stores that id in *@id. @peek runs with a spinlock held and
 * without a reference; it must not sleep. The section's lock is not held. Return: false if there
 * is no such section.
 */
bool ndshm_section_peek(u32 id, ndshm_peek_fn peek, void *context);
bool ndshm_section_peek_next(u32 *id, ndshm_peek_fn peek, void *context);

/* Maximum of MaxSize, in bytes (module parameter max_section_bytes). */
u64 ndshm_max_section(void);

/* Create a section. The caller owns its one count of @users. May sleep. */
ndshm_reason_t ndshm_section_init_one(const struct ndshm_section_request *request,
				      struct ndshm_section **section);

/*
 * Find the section of @owner by its name. The caller's effective ids must have the permission to
 * read it and, unless @readonly, to write it. Takes O(log n) steps for n named sections, and waits
 * for no task. Return: NONE, and the caller owns one count of @users; or SECTION_UNKNOWN,
 * SECTION_PERMISSION or SECTION_REVOKED.
 */
ndshm_reason_t ndshm_section_open(kuid_t owner, const char *name, u32 length,
				  bool readonly, struct ndshm_section **section);

/* Drop one count of @section->users. May sleep. */
void ndshm_section_put_user(struct ndshm_section *section);

/* Return: true if the section is revoked, or its claim, adapter or provider closed. Any context. */
bool ndshm_section_revoked(const struct ndshm_section *section);

/* Return: NONE, SECTION_REVOKED or SECTION_DELETED. Called with @section->lock held. */
ndshm_reason_t ndshm_section_state(const struct ndshm_section *section);

/* Return: true if the caller is the section's owner or has CAP_SYS_ADMIN. */
bool ndshm_section_may_delete(const struct ndshm_section *section);

/*
 * Return: section @id, with a reference to its object; NULL if there is none that the caller may
 * delete.
 */
struct ndshm_section *ndshm_section_find_own(u32 id);

/*
 * Delete the section. Without @flags (NDSHM_DELETE_*) it fails with SECTION_BUSY if a holder other
 * than @own, which may be NULL, has extents. May sleep.
 */
ndshm_reason_t ndshm_section_delete(struct ndshm_section *section,
				    const struct ndshm_holder *own, u32 flags);

/*
 * ndshm_section_alloc_extent() allocates an extent of @count pages at a multiple of @alignment
 * pages, zeroed. ndshm_section_free_extent() frees it. Both may sleep; @section->lock must not be
 * held.
 */
ndshm_reason_t ndshm_section_alloc_extent(struct ndshm_section *section, u32 count,
					  u32 alignment, struct ndshm_extent **extent);
void ndshm_section_free_extent(struct ndshm_section *section, struct ndshm_extent *extent);

/*
 * As ndshm_section_free_extent(), but called with @section->lock held, and idle memory stays until
 * ndshm_section_free_idle(). @freed: the holder freed the extent, so the device no longer accesses
 * it; false if the holder was closed.
 */
void ndshm_section_free_extent_locked(struct ndshm_section *section,
				      struct ndshm_extent *extent, bool freed);

/* As ndshm_section_free_extent_locked(), for an extent that no dma-buf keeps. */
void ndshm_section_return_extent(struct ndshm_section *section, struct ndshm_extent *extent);

/*
 * Free the idle memory of all sections that are charged to @user, before @user is refused memory.
 * Waits, killable, for at most NDSHM_SECTION_WAIT for what others are freeing. Return: true if a
 * section has none any more.
 */
bool ndshm_sections_free_idle(const struct user_struct *user);

/*
 * As ndshm_sync(), for a range that was validated. Fails for a revoked section only. Returns early
 * if the caller is killed. May sleep.
 */
ndshm_reason_t ndshm_section_sync(struct ndshm_section *section, u32 direction,
				  u64 offset, u64 length);

/*
 * Copy from the section at the position of @request to @iter, or, for a @write, from @iter to it,
 * and advance the position. Pages without memory are read as zeros. Return: bytes copied; 0 at the
 * end of the section; or -ENOSPC for a write there or to a page without memory, -EIDRM or -ENODEV
 * if the section is deleted or revoked meanwhile, -EIO for a page with a memory error, -EFAULT. May
 * sleep.
 */
ssize_t ndshm_section_copy(struct ndshm_section *section, struct kiocb *request,
			   struct iov_iter *iter, bool write);

/*
 * Write the DMA segments of @extent from page *@at to the end of the chunk that contains *@at, at
 * most @capacity of them, and advance *@at to that end. Return: the number of segments, which may
 * exceed @capacity. Called with @section->lock held, for a section that is neither revoked nor
 * deleted.
 */
u32 ndshm_section_segments(struct ndshm_section *section,
			   const struct ndshm_extent *extent, u32 *at,
			   struct ndshm_segment *segments, u32 capacity);

int __init ndshm_section_init(void);

#endif /* _NDSHM_SECTION_SECTION_H */
