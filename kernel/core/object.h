/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a handle stands for and mmap can show: a block or a BAR.
 */
#ifndef _NDSHM_CORE_OBJECT_H
#define _NDSHM_CORE_OBJECT_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/types.h>

struct inode;
struct ndshm_object;
struct vm_area_struct;

/**
 * struct ndshm_object_ops - what a kind of object does
 * @kind: word for /proc/PID/maps
 * @mappable: can it be shown at all? May be NULL: yes.
 * @mmap: fill @vma, whose vm_pgoff is 0 and whose length is within the object.
 *	The mmap lock is held for writing. 0 or a negative errno.
 * @release: the last reference has gone; free the object after a grace period
 *	of RCU. May sleep; takes no mmap lock.
 * @release_async: the same from where one cannot sleep, or holds a lock
 */
struct ndshm_object_ops {
	const char *kind;
	bool (*mappable)(struct ndshm_object *object);
	int (*mmap)(struct ndshm_object *object, struct vm_area_struct *vma);
	void (*release)(struct ndshm_object *object);
	void (*release_async)(struct ndshm_object *object);
};

/**
 * struct ndshm_object - the common part of blocks and BARs
 * @ops: what kind it is
 * @references: one each for the handle, for every file that shows it (and so
 *	for every mapping, which holds the file), and for every kernel user.
 *	Nobody else keeps an object.
 * @length: bytes, a multiple of the page size
 * @handle: the owning client's name for it; 0 for a kernel user's block
 * @name: number for /proc/PID/maps
 * @lock: guards @inode, @mms and the setting of @revoked. Taken inside the
 *	mmap lock; so no mmap lock is ever taken inside it.
 * @revoked: nothing new may be shown
 * @inode: what all mappings hang on; made by the first mmap, lives as long as
 *	the object
 * @mms: processes that were seen in mmap, each once; the dead are weeded out
 *	when a new one is added
 */
struct ndshm_object {
	const struct ndshm_object_ops *ops;
	refcount_t references;
	u64 length;
	u32 handle;
	u32 name;
	struct mutex lock;	/* revoked, inode, mms */
	bool revoked;
	struct inode *inode;
	struct list_head mms;
};

void ndshm_object_init(struct ndshm_object *object,
		       const struct ndshm_object_ops *ops);

/* End of what init began; from the release operation. May sleep. */
void ndshm_object_fini(struct ndshm_object *object);

static inline bool ndshm_object_tryget(struct ndshm_object *object)
{
	return refcount_inc_not_zero(&object->references);
}

/* May sleep; no lock may be held that the release operation takes. */
static inline void ndshm_object_put(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release(object);
}

/* Any context. */
static inline void ndshm_object_put_async(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release_async(object);
}

/* Show it in @vma, which from then on holds the object. For ->mmap. */
int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma);

/*
 * Nothing shows the object any more when it returns, and nothing will: access
 * through a mapping is SIGBUS. True for the call that did it. May sleep; no
 * lock that mmap, fault or close takes may be held.
 */
bool ndshm_object_revoke(struct ndshm_object *object);

int __init ndshm_object_setup(void);
void ndshm_object_teardown(void);

#endif /* _NDSHM_CORE_OBJECT_H */
