/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Mappable objects: blocks, BARs and sections.
 */
#ifndef _NDSHM_BLOCK_OBJECT_H
#define _NDSHM_BLOCK_OBJECT_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm_types.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

struct ndshm_object;
struct vm_area_struct;
struct vm_fault;

/*
 * View an object of @owner. Called with a lock held and without a reference, which would
 * delay the end of another user's memory.
 */
typedef void (*ndshm_peek_fn)(void *object, kuid_t owner, void *context);

/**
 * struct ndshm_object_ops - operations of a kind of objects
 * @kind: word for /proc/PID/maps
 * @max_mappings: maximum of @mappings, and NDSHM_SHARES times that of each of @peer_mappings: a
 *	VMA costs a revocation time. mmap and splits of VMAs fail beyond it; fork may exceed it
 * @pfn: Returns the frame of the page at @index of an object with @frames. Sets
 *	*@count to the number of pages with consecutive frames from there on (0: none,
 *	the access gets SIGBUS) and *@prot, initially the VMA's, to their protection.
 *	Called with @state_lock held, while the object has its memory. NULL: the kind has no
 *	object with @frames.
 * @page: Returns the page at @index, or NULL if the object has none there or is revoked. Called
 *	with the object's @lock held; the page stays while it is. NULL: the kind has no object with
 *	pages.
 * @access: Copies at most @length bytes from or to the memory of an object with @frames, for a
 *	debugger. Returns their number, or 0 if the memory cannot be accessed. Called with
 *	@state_lock held, while the object has its memory. NULL: the kind has no such object.
 * @wait_faults: Waits until each page that a fault has locked is in its page table or
 *	never will be, at most until @deadline (in jiffies). Called after the object
 *	was revoked. Returns false after a timeout. NULL: no wait is needed. May sleep
 * @sync: Synchronises a valid range. Returns NONE, or a reason if the object is revoked.
 *	NULL: the kind is not exported. May sleep
 * @unmapped: The object is retired and its last mapping gone; may be NULL. May sleep;
 *	takes no mmap lock
 * @release: Frees the object after its last put. May sleep; takes no mmap lock
 * @release_async: As @release, for callers that cannot sleep or hold a lock
 */
struct ndshm_object_ops {
	const char *kind;
	unsigned int max_mappings;
	unsigned long (*pfn)(struct ndshm_object *object, pgoff_t index,
			     unsigned long *count, pgprot_t *prot);
	struct page *(*page)(struct ndshm_object *object, pgoff_t index);
	int (*access)(struct ndshm_object *object, u64 offset, void *buffer, int length,
		      bool write);
	bool (*wait_faults)(struct ndshm_object *object, unsigned long deadline);
	ndshm_reason_t (*sync)(struct ndshm_object *object, u32 direction, u64 offset,
			       u64 length);
	void (*unmapped)(struct ndshm_object *object);
	void (*release)(struct ndshm_object *object);
	void (*release_async)(struct ndshm_object *object);
};

/* Shares that other users than the owner have of an object's mappings: a power of two. */
#define NDSHM_SHARES		8

/**
 * struct ndshm_object - the common part of blocks, BARs and sections
 * @ops: operations of the kind
 * @references: one each for the handle, for the file (which all mappings hold), and for
 *	each kernel user. There are no others
 * @length: bytes; whole pages unless @unmappable
 * @frames: mapped by @ops->pfn as VM_PFNMAP, not by pages
 * @unmappable: mmap fails
 * @dumped: core dumps contain mappings, unless the object has @frames
 * @was_mapped: has had a file, so faults may be in flight; set with @state_lock held,
 *	never cleared
 * @handle: handle of the owning client; 0 for a block of a kernel user
 * @id: number for /proc/PID/maps; the shared memory handle of a block
 * @mappings: VMAs of the object by its handle; for a section, those of its owner
 * @peer_mappings: VMAs of a section's other users, and of the object's dma-bufs, which anyone can
 *	map who was given one: they must not use up @mappings. Each user has one of these
 *	counts, and may share it with others, so that no user id can take them all
 * @exports: dma-bufs of the object, each of which holds the file
 * @lock: for @ops->page: @state_lock, or the lock of a section
 * @state_lock: protects the members below. While it is held, an object that is not
 *	@revoked has its memory. Innermost, except for page table locks and for locks of a
 *	provider's page, pfn and sync handlers
 * @revoked: mmap and faults fail
 * @unmapped: @revoked, and a call of ndshm_object_revoke() has unmapped the object: from here on
 *	the memory may be freed, so other calls look at it with @lock held and while this is false
 * @retired: the handle is freed; mmap fails
 * @huge: huge entries may map @frames
 * @split: no more huge entries: a VMA was copied, moved or split
 * @file: file that all VMAs hold; created by the first mmap, held until the object
 *	retires
 * @inode: inode of @file; held, with its superblock, while mappings can exist. Of a section's block
 *	that the section has freed: that of the section, to which its pages refer
 */
struct ndshm_object {
	const struct ndshm_object_ops *ops;
	refcount_t references;
	u64 length;
	bool frames;
	bool unmappable;
	bool dumped;
	bool was_mapped;
	u32 handle;
	u32 id;
	atomic_t mappings;
	atomic_t peer_mappings[NDSHM_SHARES];
	atomic_t exports;
	spinlock_t *lock;	/* @state_lock, or that of a section */
	spinlock_t state_lock;	/* revoked, retired, huge, split, file, inode */
	bool revoked;
	bool unmapped;
	bool retired;
	bool huge;
	bool split;
	struct file *file;
	struct inode *inode;
};

/* Maximum number of VMAs of a block or a BAR by its handle, and of those of a block's dma-bufs. */
#define NDSHM_MAX_MAPPINGS	1024

/*
 * File cache of a client: a file without mappings and without an object, or NULL; changed with
 * xchg() and cmpxchg(). Creating a file and its inode costs more than the rest of an allocation.
 * ndshm_file_cache_init() returns 0 or a negative errno.
 */
int ndshm_file_cache_init(struct file **cache);
void ndshm_file_cache_fini(struct file **cache);

/* Initialise a zeroed object, with one reference. Lockdep has a class for each kind. */
static inline void ndshm_object_init(struct ndshm_object *object,
				     const struct ndshm_object_ops *ops, u64 length)
{
	object->ops = ops;
	object->length = length;
	refcount_set(&object->references, 1);
	spin_lock_init(&object->state_lock);
	object->lock = &object->state_lock;
}

/*
 * References to the inode of an object's files and to its superblock, for what can outlive the
 * files. A put may sleep.
 */
struct inode *ndshm_inode_get(struct inode *inode);
void ndshm_inode_put(struct inode *inode);

/* Undo ndshm_object_init(); for the release operation. May sleep. */
void ndshm_object_fini(struct ndshm_object *object);

/* Drop a reference. May sleep; hold no lock that the release operation takes. */
void ndshm_object_put(struct ndshm_object *object);

/* Drop a reference; the last one calls release_async. Context: any. */
void ndshm_object_put_async(struct ndshm_object *object);

/*
 * Map the object in @vma, which then holds the object's file. A new file comes from
 * @cache. @own: the caller owns the object, so the VMA counts in @mappings. Called by ->mmap for
 * a client with a handle.
 */
int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma,
		      struct file **cache, bool own);

/*
 * Map the object from page @start on, by its @file, in the VMA of a dma-buf, which holds @file.
 * The caller has checked the range. The handle may be freed.
 */
int ndshm_object_mmap_file(struct ndshm_object *object, struct vm_area_struct *vma,
			   struct file *file, pgoff_t start);

/*
 * Return: the object's file with a reference, or an ERR_PTR: -ENXIO if the object is retired,
 * -ENODEV if it is revoked, -ENOMEM or -ENFILE. A new file comes from @cache.
 */
struct file *ndshm_object_get_file(struct ndshm_object *object, struct file **cache);

/*
 * Return: a descriptor's file for @object with @private as its private data, or an ERR_PTR. fstat()
 * shows the length of @object, so its length and name must be set. The caller has an initialised
 * file cache, and takes the references that the release operation of @ops drops.
 */
struct file *ndshm_object_open(const struct ndshm_object *object,
			       const struct file_operations *ops, void *private,
			       int flags);

/*
 * Return: another file of the inode of @file, for mappings that end more than these. @context is
 * the d_fsdata of its dentry. The release operation of @ops puts @file, which the new file holds.
 * -ENOMEM or -ENFILE as an ERR_PTR; then the caller still has the reference.
 */
struct file *ndshm_object_clone_file(struct file *file, const struct file_operations *ops,
				     void *context);

/*
 * The handle is freed: refuse new mmaps, and put the file. A file without mappings is
 * cached in @cache, unless that is NULL. The caller has a reference.
 */
void ndshm_object_kill(struct ndshm_object *object,
		       struct file **cache);

/* Operations of VMAs: faults within an object with pages. */
vm_fault_t ndshm_object_fault(struct ndshm_object *object, struct vm_fault *vmf);

/*
 * As ndshm_object_fault(), but insert the page and its neighbours here, in a VMA that no huge page
 * fits in.
 */
vm_fault_t ndshm_object_fault_around(struct ndshm_object *object, struct vm_fault *vmf);

/* Return: the page at @index, with a reference; NULL if @ops->page has none. Does not sleep. */
struct page *ndshm_object_get_page(struct ndshm_object *object, pgoff_t index);

/* Wait until @folio is unlocked. Return: false if it is locked at @deadline. May sleep. */
bool ndshm_folio_wait_faults(struct folio *folio, unsigned long deadline);

/*
 * Unmap the object for good: on return accesses to mappings get SIGBUS. A fault that is
 * still in flight after the wait (half a second at most) can map its page once more,
 * until it is unmapped again; the page table then has a reference to the page. Does not wait for
 * other calls. Return: false if one of them has ended before. May sleep.
 */
bool ndshm_object_revoke(struct ndshm_object *object);

#endif /* _NDSHM_BLOCK_OBJECT_H */
