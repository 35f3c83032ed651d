// SPDX-License-Identifier: GPL-2.0
/*
 * Showing objects to user space.
 *
 * Every object that is mapped has an inode of its own on a small pseudo file
 * system, and each VMA is moved from the char device to a file of that inode.
 * A mapping so pins the object and never the client, and one call finds all of
 * an object's mappings, whoever has them.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pseudo_fs.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "object.h"
#include "testing.h"

/* "NDSH" */
#define NDSHM_FS_MAGIC 0x4e445348

/* Held by every client, and by whatever has a path to one of its files. */
static struct vfsmount *mount;
static int mount_users;

static struct file_system_type file_system;

/* A process that was seen in mmap of one object. */
struct seen_mm {
	struct list_head link;
	struct mm_struct *mm;
};

void ndshm_object_init(struct ndshm_object *object,
		       const struct ndshm_object_ops *ops)
{
	object->ops = ops;
	refcount_set(&object->references, 1);
	mutex_init(&object->lock);
	INIT_LIST_HEAD(&object->more_mms);
}

void ndshm_object_put(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release(object);
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_object_put);

void ndshm_object_put_async(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release_async(object);
}

static void forget_mm(struct seen_mm *seen)
{
	list_del(&seen->link);
	mmdrop(seen->mm);
	kfree(seen);
}

/* The client that had the file system mounted may be gone by now. */
static void forget_inode(struct ndshm_object *object)
{
	if (!object->inode)
		return;
	iput(object->inode);
	object->inode = NULL;
	mntput(object->mount);
}

void ndshm_object_fini(struct ndshm_object *object)
{
	struct seen_mm *seen, *next;

	list_for_each_entry_safe(seen, next, &object->more_mms, link)
		forget_mm(seen);
	if (object->mm)
		mmdrop(object->mm);
	forget_inode(object);
	mutex_destroy(&object->lock);
}

/*
 * Remember the calling process, whose page tables are about to be filled
 * before its VMA can be found through the inode. The dead go first, so that
 * the list is no longer than the number of processes.
 */
static int remember_mm(struct ndshm_object *object, struct mm_struct *mm)
{
	struct seen_mm *seen, *next;

	lockdep_assert_held(&object->lock);

	if (object->mm == mm)
		return 0;
	if (object->mm && !atomic_read(&object->mm->mm_users)) {
		mmdrop(object->mm);
		object->mm = NULL;
	}
	if (!object->mm) {
		mmgrab(mm);
		object->mm = mm;
		return 0;
	}
	list_for_each_entry_safe(seen, next, &object->more_mms, link) {
		if (seen->mm == mm)
			return 0;
		if (!atomic_read(&seen->mm->mm_users))
			forget_mm(seen);
	}
	seen = kmalloc(sizeof(*seen), NDSHM_GFP_CHARGED);
	if (!seen)
		return -ENOMEM;
	mmgrab(mm);
	seen->mm = mm;
	list_add(&seen->link, &object->more_mms);
	return 0;
}

static int object_file_release(struct inode *inode, struct file *file)
{
	struct ndshm_object *object = file->private_data;

	if (!object)
		return 0;
	if (object->ops->hidden)
		object->ops->hidden(object);
	ndshm_object_put(object);
	return 0;
}

static const struct file_operations object_file_ops = {
	.owner = THIS_MODULE,
	.release = object_file_release,
};

/* The lock makes sure that nothing is inserted once a zap has begun. */
static vm_fault_t object_fault(struct vm_fault *vmf)
{
	struct ndshm_object *object = vmf->vma->vm_file->private_data;
	vm_fault_t ret = VM_FAULT_SIGBUS;

	/* The VMA is linked, so that a zap that comes later finds it. */
	mutex_lock(&object->lock);
	if (!object->revoked && vmf->pgoff < object->length >> PAGE_SHIFT)
		ret = object->ops->fault(object, vmf);
	mutex_unlock(&object->lock);
	/* A page that is locked is waited for by who settles. */
	if (ret & VM_FAULT_LOCKED)
		ndshm_test_mmap_delay();
	return ret;
}

#ifdef CONFIG_NUMA
/* Memory is where it was asked for: no faults to find out who uses it most. */
static struct mempolicy *object_policy NDSHM_GET_POLICY_ARGUMENTS
{
	return NULL;
}
#endif

static const struct vm_operations_struct faulting_vm_ops = {
	.fault = object_fault,
#ifdef CONFIG_NUMA
	.get_policy = object_policy,
#endif
};

/*
 * Without a fault handler, what is no longer in the page tables is SIGBUS:
 * just what a revoked object's mapping shall give.
 */
static const struct vm_operations_struct filled_vm_ops = {};

static struct file *take_spare(struct ndshm_files *files)
{
	struct file *file = NULL;

	spin_lock(&files->lock);
	if (files->count)
		file = files->spare[--files->count];
	spin_unlock(&files->lock);
	return file;
}

static bool give_spare(struct ndshm_files *files, struct file *file)
{
	bool given;

	spin_lock(&files->lock);
	given = files->count < NDSHM_SPARE_FILES;
	if (given)
		files->spare[files->count++] = file;
	spin_unlock(&files->lock);
	return given;
}

static struct file *new_file(void)
{
	struct inode *inode = alloc_anon_inode(mount->mnt_sb);
	struct file *file;

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	inode->i_mode = S_IFREG | 0600;
	__module_get(THIS_MODULE);
	/* It takes over the inode, and what a file's operations pin. */
	file = alloc_file_pseudo(inode, mount, "", O_RDWR | O_CLOEXEC,
				 &object_file_ops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
	}
	return file;
}

/* The object's file, which holds a reference on the object. */
static int make_file(struct ndshm_object *object, struct ndshm_files *files)
{
	struct file *file;
	struct inode *inode;

	lockdep_assert_held(&object->lock);

	if (object->file)
		return 0;
	file = take_spare(files) ?: new_file();
	if (IS_ERR(file))
		return PTR_ERR(file);
	inode = file_inode(file);
	i_size_write(inode, object->length);
	inode->i_ino = object->name;
	inode->i_private = (void *)object->ops->kind;
	refcount_inc(&object->references);
	file->private_data = object;
	ihold(inode);
	object->inode = inode;
	object->mount = mntget(mount);
	object->file = file;
	object->shown = true;
	return 0;
}

void ndshm_object_retire(struct ndshm_object *object, struct ndshm_files *files)
{
	struct file *file;

	mutex_lock(&object->lock);
	object->retired = true;
	file = object->file;
	object->file = NULL;
	/*
	 * One reference is ours, so nothing is mapped through it, and nothing
	 * will be. Not if it was revoked: the zap may still be under way.
	 */
	if (file && files && !object->revoked && file_count(file) == 1) {
		file->private_data = NULL;
		forget_inode(object);
		refcount_dec(&object->references);
		if (give_spare(files, file))
			file = NULL;
	}
	mutex_unlock(&object->lock);
	if (file)
		fput(file);
}

int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma,
		      struct ndshm_files *files)
{
	struct file *file = NULL;
	int ret = 0;

	mmap_assert_write_locked(vma->vm_mm);

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (object->ops->mappable && !object->ops->mappable(object))
		return -EOPNOTSUPP;
	if (vma->vm_end - vma->vm_start > object->length)
		return -ENXIO;

	mutex_lock(&object->lock);
	if (object->retired)
		ret = -ENXIO;
	else if (object->revoked)
		ret = -ENODEV;
	else if (object->filled)
		ret = remember_mm(object, vma->vm_mm);
	if (!ret)
		ret = make_file(object, files);
	if (!ret)
		file = get_file(object->file);
	mutex_unlock(&object->lock);
	if (ret)
		return ret;

	vma_set_file(vma, file);
	fput(file);
	vma->vm_pgoff = 0;
	vma->vm_ops = object->filled ? &filled_vm_ops : &faulting_vm_ops;
	ndshm_vm_flags_mod(vma, VM_DONTEXPAND | VM_DONTDUMP, VM_MAYEXEC);
	ret = object->ops->mmap(object, vma);
	ndshm_test_mmap_delay();
	return ret;
}

/*
 * Whoever is between filling its page tables and linking its VMA holds its mmap
 * lock for writing all the while: have it for reading, and they are through.
 */
static void wait_for_mmap(struct mm_struct *mm)
{
	if (mmget_not_zero(mm)) {
		mmap_read_lock(mm);
		mmap_read_unlock(mm);
		/* The last user may go here, with who knows what. */
		mmput_async(mm);
	}
}

bool ndshm_object_revoke(struct ndshm_object *object)
{
	struct seen_mm *seen, *next;
	struct inode *inode;
	struct mm_struct *mm;
	LIST_HEAD(mms);

	mutex_lock(&object->lock);
	if (object->revoked) {
		mutex_unlock(&object->lock);
		return false;
	}
	WRITE_ONCE(object->revoked, true);
	list_splice_init(&object->more_mms, &mms);
	mm = object->mm;
	object->mm = NULL;
	inode = object->inode;
	mutex_unlock(&object->lock);

	/* Whoever is not in the list finds the flag set. */
	if (mm) {
		wait_for_mmap(mm);
		mmdrop(mm);
	}
	list_for_each_entry_safe(seen, next, &mms, link) {
		wait_for_mmap(seen->mm);
		forget_mm(seen);
	}
	if (!inode)
		return true;
	if (object->ops->settle && !object->filled)
		object->ops->settle(object);
	/* A revoked object keeps its inode to its end. */
	unmap_mapping_range(inode->i_mapping, 0, 0, 1);
	return true;
}

/* What /proc/PID/maps shows: "ndshm:block:17". */
static char *object_dname(struct dentry *dentry, char *buffer, int length)
{
	struct inode *inode = d_inode(dentry);
	char text[32];
	int size = snprintf(text, sizeof(text), "ndshm:%s:%llu",
			    (const char *)inode->i_private,
			    (unsigned long long)inode->i_ino) + 1;

	if (size > length || size > (int)sizeof(text))
		return ERR_PTR(-ENAMETOOLONG);
	return memcpy(buffer + length - size, text, size);
}

static const struct dentry_operations object_dentry_ops = {
	.d_dname = object_dname,
};

static int init_fs_context(struct fs_context *context)
{
	struct pseudo_fs_context *pseudo = init_pseudo(context, NDSHM_FS_MAGIC);

	if (!pseudo)
		return -ENOMEM;
	pseudo->dops = &object_dentry_ops;
	return 0;
}

/*
 * The superblock pins the module: a path that somebody got from /proc holds
 * neither a file nor its operations, but the superblock.
 */
static struct file_system_type file_system = {
	.owner = THIS_MODULE,
	.name = "ndshm",
	.init_fs_context = init_fs_context,
	.kill_sb = kill_anon_super,
};

int ndshm_files_init(struct ndshm_files *files)
{
	spin_lock_init(&files->lock);
	files->count = 0;
	return simple_pin_fs(&file_system, &mount, &mount_users);
}

void ndshm_files_fini(struct ndshm_files *files)
{
	while (files->count)
		fput(files->spare[--files->count]);
	simple_release_fs(&mount, &mount_users);
}
