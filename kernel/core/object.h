/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mmap can show: a block, a BAR or a section.
 */
#ifndef _NDSHM_CORE_OBJECT_H
#define _NDSHM_CORE_OBJECT_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct file;
struct inode;
struct mm_struct;
struct ndshm_object;
struct vfsmount;
struct vm_area_struct;
struct vm_fault;

/**
 * struct ndshm_object_ops - what a kind of object does
 * @kind: word for /proc/PID/maps
 * @mappable: can it be shown at all? May be NULL: yes.
 * @mmap: fill @vma, whose vm_pgoff is 0 and whose length is within the object,
 *	or prepare it for @fault. The mmap lock is held for writing. 0 or a
 *	negative errno.
 * @fault: insert one page of what is not @filled, or answer VM_FAULT_LOCKED. The
 *	object's lock is held, and the place is within the object.
 * @settle: wait until the pages that @fault has answered with are in the page
 *	tables, or will never be; NULL: it inserts them itself. May sleep.
 * @hidden: it has retired, and nothing shows it any more; may be NULL. May sleep;
 *	takes no mmap lock
 * @release: the last reference has gone; free the object. May sleep; takes no
 *	mmap lock.
 * @release_async: the same from where one cannot sleep, or holds a lock
 */
struct ndshm_object_ops {
	const char *kind;
	bool (*mappable)(struct ndshm_object *object);
	int (*mmap)(struct ndshm_object *object, struct vm_area_struct *vma);
	vm_fault_t (*fault)(struct ndshm_object *object, struct vm_fault *vmf);
	void (*settle)(struct ndshm_object *object);
	void (*hidden)(struct ndshm_object *object);
	void (*release)(struct ndshm_object *object);
	void (*release_async)(struct ndshm_object *object);
};

/**
 * struct ndshm_object - the common part of blocks, BARs and sections
 * @ops: what kind it is
 * @references: one each for the handle, for the file that shows it (and so for
 *	every mapping, which holds the file), and for every kernel user. Nobody
 *	else keeps an object.
 * @length: bytes, a multiple of the page size
 * @filled: a mapping is filled when it is made, and never by a fault
 * @shown: it has had a file; set under @lock, and never cleared
 * @handle: the owning client's name for it; 0 for a kernel user's block
 * @name: number for /proc/PID/maps
 * @lock: guards all that follows. Taken inside the mmap lock; so no mmap lock
 *	is ever taken inside it. While it is held, what is not @revoked has its
 *	memory.
 * @revoked: nothing new may be shown
 * @retired: the handle has gone, so that nobody may map it
 * @file: what is given to every VMA; made by the first mmap, and held until the
 *	object retires
 * @inode: of that file; held as long as anything may be mapped
 * @mount: with @inode: what the inode is on does not go before it
 * @mm: a process that was seen in an mmap that fills, or NULL
 * @more_mms: others, each once; the dead are weeded out when one is added
 */
struct ndshm_object {
	const struct ndshm_object_ops *ops;
	refcount_t references;
	u64 length;
	bool filled;
	bool shown;
	u32 handle;
	u32 name;
	struct mutex lock;	/* all that follows */
	bool revoked;
	bool retired;
	struct file *file;
	struct inode *inode;
	struct vfsmount *mount;
	struct mm_struct *mm;
	struct list_head more_mms;
};

#define NDSHM_SPARE_FILES	8

/**
 * struct ndshm_files - files to show objects through, for one client
 * @lock: guards all members; innermost
 * @spare: files that nothing is mapped through and no object has
 * @count: how many
 *
 * Making a file and its inode costs more than all the rest of an allocation.
 */
struct ndshm_files {
	spinlock_t lock;	/* all members */
	struct file *spare[NDSHM_SPARE_FILES];
	unsigned int count;
};

/* 0 or a negative errno. */
int ndshm_files_init(struct ndshm_files *files);
void ndshm_files_fini(struct ndshm_files *files);

void ndshm_object_init(struct ndshm_object *object,
		       const struct ndshm_object_ops *ops);

/* End of what init began; from the release operation. May sleep. */
void ndshm_object_fini(struct ndshm_object *object);

static inline bool ndshm_object_tryget(struct ndshm_object *object)
{
	return refcount_inc_not_zero(&object->references);
}

/* May sleep; no lock may be held that the release operation takes. */
void ndshm_object_put(struct ndshm_object *object);

/* Any context. */
void ndshm_object_put_async(struct ndshm_object *object);

/*
 * Show it in @vma, which from then on holds the object, through one of @files.
 * For ->mmap of a client that has a handle of it.
 */
int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma,
		      struct ndshm_files *files);

/*
 * The handle has gone, so nobody maps it anew: give up the file, to @files if
 * nothing is mapped through it (NULL: never). The caller holds a reference.
 */
void ndshm_object_retire(struct ndshm_object *object,
			 struct ndshm_files *files);

/*
 * Nothing shows the object any more when it returns, and nothing will: access
 * through a mapping is SIGBUS. True for the call that did it. May sleep; no
 * lock that mmap, fault or close takes may be held.
 */
bool ndshm_object_revoke(struct ndshm_object *object);

#endif /* _NDSHM_CORE_OBJECT_H */
