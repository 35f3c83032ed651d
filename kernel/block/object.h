/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What mmap can show: a block, a BAR or a section.
 */
#ifndef _NDSHM_CORE_OBJECT_H
#define _NDSHM_CORE_OBJECT_H

#include <linux/atomic.h>
#include <linux/mm_types.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct file;
struct inode;
struct ndshm_object;
struct vm_area_struct;
struct vm_fault;

/*
 * For objects that are looked at without a reference, which would put off the end of
 * another user's memory: called for an object of @owner, with a lock held.
 */
typedef void (*ndshm_look_fn)(void *object, kuid_t owner, void *context);

/**
 * struct ndshm_object_ops - what a kind of object does
 * @kind: word for /proc/PID/maps
 * @max_mappings: VMAs of one count: a revocation takes a step for each. More are
 *	refused to mmap, and to what splits one; a fork copies those that there are
 * @pfn: for an object with @frames: the frame of the page at @index, *@count pages
 *	from there on whose frames follow it, and their protection in *@prot, which is
 *	the VMA's before. Called with the lock of a page table held, and only while
 *	the object is not revoked and has its memory. NULL: none has.
 * @fault: for others: find the page, lock it while the object is not revoked, and
 *	answer with ndshm_fault_answer(). No lock is held, and the place is within the
 *	object. NULL: none has pages.
 * @settle: wait until the pages that @fault has answered with are in the page
 *	tables, or will never be, but not longer than until @deadline (in jiffies).
 *	False: it has come to that. The object is revoked, so that @fault answers with
 *	no others. NULL: there are none. May sleep.
 * @hidden: it has retired, and nothing shows it any more; may be NULL. May sleep;
 *	takes no mmap lock
 * @release: the last reference has gone; free the object. May sleep; takes no
 *	mmap lock.
 * @release_async: the same from where one cannot sleep, or holds a lock
 */
struct ndshm_object_ops {
	const char *kind;
	unsigned int max_mappings;
	unsigned long (*pfn)(struct ndshm_object *object, pgoff_t index,
			     unsigned long *count, pgprot_t *prot);
	vm_fault_t (*fault)(struct ndshm_object *object, struct vm_fault *vmf);
	bool (*settle)(struct ndshm_object *object, unsigned long deadline);
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
 * @frames: it is shown by the frames that @ops->pfn tells, as VM_PFNMAP, and not by
 *	pages
 * @unmappable: mmap is refused
 * @shown: it has had a file; set under @state_lock, and never cleared
 * @handle: the owning client's name for it; 0 for a kernel user's block
 * @name: number for /proc/PID/maps
 * @mappings: VMAs that show it; of a section, those that its creator mapped
 * @state_lock: guards all that follows. While it is held, what is not
 *	@revoked has its memory. Innermost, but for what a provider's page and sync
 *	handlers take.
 * @revoked: nothing new may be shown
 * @retired: the handle has gone, so that nobody may map it
 * @file: what is given to every VMA; made by the first mmap, and held until the
 *	object retires
 * @inode: of that file; held, with its superblock, as long as anything may be mapped
 */
struct ndshm_object {
	const struct ndshm_object_ops *ops;
	refcount_t references;
	u64 length;
	bool frames;
	bool unmappable;
	bool shown;
	u32 handle;
	u32 name;
	atomic_t mappings;
	spinlock_t state_lock;	/* all that follows */
	bool revoked;
	bool retired;
	struct file *file;
	struct inode *inode;
};

/* VMAs of a block or a BAR. */
#define NDSHM_MAX_MAPPINGS	1024

/**
 * struct ndshm_files - files to show objects through, for one client
 * @spare: a file that nothing is mapped through and no object has, or NULL; changed
 *	with xchg() and cmpxchg()
 *
 * Making a file and its inode costs more than all the rest of an allocation.
 */
struct ndshm_files {
	struct file *spare;
};

/* 0 or a negative errno. */
int ndshm_files_init(struct ndshm_files *files);
void ndshm_files_fini(struct ndshm_files *files);

void ndshm_object_init(struct ndshm_object *object,
		       const struct ndshm_object_ops *ops);

/* End of what init began; from the release operation. May sleep. */
void ndshm_object_fini(struct ndshm_object *object);

/* May sleep; no lock may be held that the release operation takes. */
void ndshm_object_put(struct ndshm_object *object);

/* Any context. */
void ndshm_object_put_async(struct ndshm_object *object);

/*
 * Show it in @vma, which from then on holds the object, through one of @files. @mappings
 * counts the VMAs that @ops->max_mappings limits together; @object->mappings, or one that
 * lives as long. For ->mmap of a client that has a handle of it.
 */
int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma,
		      struct ndshm_files *files, atomic_t *mappings);

/*
 * The handle has gone, so nobody maps it anew: give up the file, to @files if
 * nothing is mapped through it (NULL: never). The caller holds a reference.
 */
void ndshm_object_retire(struct ndshm_object *object,
			 struct ndshm_files *files);

/*
 * Nothing shows the object any more when it returns, and nothing will: access
 * through a mapping is SIGBUS. Only a page whose fault was in flight and could not
 * be waited for is shown a little longer: who has it mapped has a reference to it.
 * True for the call that did it. May sleep; waits for no user's process.
 */
bool ndshm_object_revoke(struct ndshm_object *object);

#endif /* _NDSHM_CORE_OBJECT_H */
