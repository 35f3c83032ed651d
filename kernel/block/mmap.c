// SPDX-License-Identifier: GPL-2.0
/*
 * User mappings of objects.
 *
 * Every mapped object has an inode of its own on a small pseudo file system, and
 * each VMA is moved from the char device to a file of that inode. Hence a mapping
 * pins the object but not the client, and one call unmaps an object from all
 * processes.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pseudo_fs.h>
#include <linux/slab.h>

#include <asm/pgalloc.h>

#include <linux/ndshm.h>
#include <ndshm/block.h>

#include "../base/deferred.h"
#include "../base/testing.h"
#include "../base/trace.h"
#include "object.h"

/* Maximum wait of a revocation for faults in flight, and pause of such waits afterwards. */
#define LATE_PATIENCE	(HZ / 2)
#define IMPATIENCE	(4UL * HZ)

/* Held by every client, and by every path to one of its files. */
static struct vfsmount *mount;
static int mount_users;

static struct file_system_type file_system;

void ndshm_object_put(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release(object);
}

void ndshm_object_put_async(struct ndshm_object *object)
{
	if (refcount_dec_and_test(&object->references))
		object->ops->release_async(object);
}

/* References of what can outlive the last file of @inode. @mount may be NULL at the put. */
struct inode *ndshm_inode_get(struct inode *inode)
{
	ihold(inode);
	atomic_inc(&inode->i_sb->s_active);
	return inode;
}

void ndshm_inode_put(struct inode *inode)
{
	struct super_block *sb = inode->i_sb;

	iput(inode);
	deactivate_super(sb);
}

void ndshm_object_fini(struct ndshm_object *object)
{
	if (object->inode)
		ndshm_inode_put(object->inode);
}

static int object_file_release(struct inode *inode, struct file *file)
{
	struct ndshm_object *object = file->private_data;

	if (!object)
		return 0;
	if (object->ops->unmapped)
		object->ops->unmapped(object);
	ndshm_object_put(object);
	return 0;
}

static const struct file_operations object_file_ops = {
	.owner = THIS_MODULE,
	.release = object_file_release,
	.fsync = noop_fsync,
	.llseek = generic_file_llseek,
};

/* Install the page table that mm has allocated for the fault, unless there is one. */
static void object_use_prealloc(struct vm_fault *vmf)
{
	struct mm_struct *mm = vmf->vma->vm_mm;
	spinlock_t *lock;	/* of the PMD table */

	if (!vmf->prealloc_pte)
		return;
	lock = pmd_lock(mm, vmf->pmd);
	if (pmd_none(*vmf->pmd)) {
		mm_inc_nr_ptes(mm);
		/* Other processors must find the page table zeroed. */
		smp_wmb();
		ndshm_pmd_populate(mm, vmf->pmd, vmf->prealloc_pte);
		vmf->prealloc_pte = NULL;
	}
	spin_unlock(lock);
}

/* Bytes of frames mapped at one fault, at most: a power of two, within a page table. */
#define WINDOW_BYTES	SZ_64K

/* Insert the frames of an aligned window around the fault that are in the VMA. */
static vm_fault_t object_insert_frames(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const unsigned long window = round_down(vmf->address, WINDOW_BYTES);
	const unsigned long end = min(window + WINDOW_BYTES, vma->vm_end);
	vm_fault_t one, ret = VM_FAULT_SIGBUS;
	unsigned long pfn = 0, count = 0;
	unsigned long address;
	pgoff_t index;
	pgprot_t prot;

	/*
	 * A revocation sets @revoked with the same lock held, and unmaps afterwards. With a
	 * page table, nothing sleeps.
	 */
	spin_lock(&object->state_lock);
	for (address = max(window, vma->vm_start); !object->revoked && address < end;
	     address += PAGE_SIZE) {
		if (!count) {
			prot = vma->vm_page_prot;
			index = linear_page_index(vma, address);
			if (index >= object->length >> PAGE_SHIFT)
				break;
			pfn = object->ops->pfn(object, index, &count, &prot);
		}
		one = VM_FAULT_SIGBUS;
		if (count) {
			one = vmf_insert_pfn_prot(vma, address, pfn++, prot);
			count--;
		}
		if (address == vmf->address)
			ret = one;
	}
	spin_unlock(&object->state_lock);
	return ret;
}

static vm_fault_t object_fault_frames(struct ndshm_object *object, struct vm_fault *vmf)
{
	pmd_t pmd;

	/* That would not replace a PTE marker, and the access would fault for ever. */
	if (vmf->flags & FAULT_FLAG_ORIG_PTE_VALID && !pte_none(vmf->orig_pte))
		return VM_FAULT_SIGBUS;
	object_use_prealloc(vmf);
	/* Another fault has inserted a huge entry, or that was unmapped: fault again. */
	pmd = READ_ONCE(*vmf->pmd);
	if (pmd_none(pmd) || pmd_trans_huge(pmd))
		return VM_FAULT_NOPAGE;
	return object_insert_frames(object, vmf);
}

static vm_fault_t object_fault(struct vm_fault *vmf)
{
	struct ndshm_object *object = vmf->vma->vm_file->private_data;

	if (vmf->pgoff >= object->length >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;
	if (object->frames)
		return object_fault_frames(object, vmf);
	if (!(vmf->vma->vm_flags & VM_MIXEDMAP))
		return ndshm_object_fault(object, vmf);
	object_use_prealloc(vmf);
	return ndshm_object_fault_around(object, vmf);
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/*
 * An entry is inserted as for a read, also for a write: mm would warn if it found a page table that
 * another fault has made. The entry permits what the VMA does.
 */
#define INSERT_FOR_WRITE	false

/*
 * Return: true if one entry can map a page table of frames from @pfn on. mm gives it the memory
 * type of the kernel's mapping, and knows that of ordinary memory only.
 */
static bool object_fits_huge(const struct vm_area_struct *vma, unsigned long pfn,
			     unsigned long count, pgprot_t prot)
{
	return count >= PTRS_PER_PTE && IS_ALIGNED(pfn, PTRS_PER_PTE) &&
	       pgprot_val(prot) == pgprot_val(vma->vm_page_prot) && pfn_valid(pfn) &&
	       !PageReserved(pfn_to_page(pfn));
}

static vm_fault_t object_fill_huge(struct ndshm_object *object, struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const pgoff_t index = linear_page_index(vma, vmf->address & PMD_MASK);
	pgprot_t prot = vma->vm_page_prot;
	vm_fault_t ret = VM_FAULT_FALLBACK;
	unsigned long pfn, count;

	/* A revocation sets @revoked with the same lock held, and unmaps afterwards. */
	spin_lock(&object->state_lock);
	if (!object->revoked && !object->split) {
		pfn = object->ops->pfn(object, index, &count, &prot);
		if (object_fits_huge(vma, pfn, count, prot)) {
			object->huge = true;
			ret = ndshm_insert_pfn_pmd(vmf, pfn, INSERT_FOR_WRITE);
		}
	}
	spin_unlock(&object->state_lock);
	return ret;
}

/* Return: true if one entry can map the folio of @page, which is that of the fault. */
static bool object_fits_folio(const struct vm_fault *vmf, struct page *page)
{
	const pgoff_t end = i_size_read(file_inode(vmf->vma->vm_file)) >> PAGE_SHIFT;
	const unsigned long inside = (vmf->address & ~PMD_MASK) >> PAGE_SHIFT;
	struct folio *folio = page_folio(page);

	return folio_order(folio) == HPAGE_PMD_ORDER && folio_page_idx(folio, page) == inside &&
	       vmf->pgoff - inside + folio_nr_pages(folio) <= end;
}

/*
 * mm would insert the folio itself after @fault, but before @fault it allocates a page table, which
 * it would then free. The lock of the folio is held until the entry is there, as mm does.
 */
static vm_fault_t object_insert_folio(struct ndshm_object *object, struct vm_fault *vmf)
{
	vm_fault_t ret = ndshm_object_fault(object, vmf);
	struct page *page = vmf->page;

	if (ret != VM_FAULT_LOCKED)
		return ret;
	vmf->page = NULL;
	ret = object_fits_folio(vmf, page) ?
	      ndshm_insert_folio_pmd(vmf, page_folio(page), INSERT_FOR_WRITE) : VM_FAULT_FALLBACK;
	unlock_page(page);
	put_page(page);
	return ret;
}

/* Called before @fault if mm permits a huge entry, and to replace one that is write-protected. */
static vm_fault_t object_huge_fault(struct vm_fault *vmf, unsigned int order)
{
	const unsigned long table = vmf->address & PMD_MASK;
	struct vm_area_struct *vma = vmf->vma;
	struct ndshm_object *object = vma->vm_file->private_data;

	if (order != PMD_SHIFT - PAGE_SHIFT || !pmd_none(READ_ONCE(*vmf->pmd)) ||
	    table < vma->vm_start || vma->vm_end - table < PMD_SIZE)
		return VM_FAULT_FALLBACK;
	/* That would sleep with the lock held. */
	if (arch_needs_pgtable_deposit())
		return VM_FAULT_FALLBACK;
	if (object->frames)
		return object_fill_huge(object, vmf);
	if (!NDSHM_INSERTS_FOLIOS || vma->vm_flags & VM_MIXEDMAP ||
	    vmf->pgoff >= object->length >> PAGE_SHIFT)
		return VM_FAULT_FALLBACK;
	return object_insert_folio(object, vmf);
}
#endif

/*
 * Neighbours are mapped by @fault, which can sleep. Without map_pages mm would retry each
 * fault with the mmap lock.
 */
static vm_fault_t object_map_pages(struct vm_fault *vmf, pgoff_t start,
				   pgoff_t end)
{
	return 0;
}

/*
 * mm copies, moves and splits huge entries in ways that a revocation can miss: it reads an entry
 * before it takes the lock of the page table, or clears it for a moment. So there is none when mm
 * begins, which is after the open of the new VMA: mappings with page tables take their place.
 */
static void object_split_huge(struct ndshm_object *object, struct address_space *mapping)
{
	bool huge;

	spin_lock(&object->state_lock);
	object->split = true;
	huge = object->huge;
	spin_unlock(&object->state_lock);
	if (!huge)
		return;
	unmap_mapping_range(mapping, 0, 0, 1);
	spin_lock(&object->state_lock);
	object->huge = false;
	spin_unlock(&object->state_lock);
}

/* A fork, a move, or a split by another call. */
static void object_vma_open(struct vm_area_struct *vma)
{
	struct ndshm_object *object = vma->vm_file->private_data;

	atomic_inc(vma->vm_private_data);
	if (object->frames)
		object_split_huge(object, vma->vm_file->f_mapping);
	/*
	 * fork() calls this before it copies page tables of VM_MIXEDMAP, which it would do without
	 * the locks of pages: a pin could be overlooked. With this flag it leaves that to faults.
	 */
	if (vma->vm_flags & VM_MIXEDMAP)
		ndshm_vm_flags_mod(vma, VM_WIPEONFORK, 0);
}

static void object_vma_close(struct vm_area_struct *vma)
{
	atomic_dec(vma->vm_private_data);
}

/* Return: the count of mappings for a VMA of the caller, see struct ndshm_object. */
static atomic_t *object_count(struct ndshm_object *object, bool own)
{
	/* Users that share a count do so for this object only. */
	const u32 user = __kuid_val(current_euid()) ^ object->id;

	return own ? &object->mappings :
		     &object->peer_mappings[hash_32(user, ilog2(NDSHM_SHARES))];
}

static int object_max_count(const struct ndshm_object *object, const atomic_t *count)
{
	return count == &object->mappings ? object->ops->max_mappings :
					    object->ops->max_mappings / NDSHM_SHARES;
}

static int object_may_split(struct vm_area_struct *vma, unsigned long address)
{
	struct ndshm_object *object = vma->vm_file->private_data;
	const atomic_t *count = vma->vm_private_data;

	return atomic_read(count) < object_max_count(object, count) ? 0 : -EMFILE;
}

/* An access by ptrace() or /proc/PID/mem: mm has no page of a frame. */
static int object_access(struct vm_area_struct *vma, unsigned long address, void *buffer,
			 int length, int write)
{
	struct ndshm_object *object = vma->vm_file->private_data;
	const u64 offset = address - vma->vm_start + ((u64)vma->vm_pgoff << PAGE_SHIFT);
	int done = 0;

	if (!object->frames || !object->ops->access || offset >= object->length ||
	    (write && !(vma->vm_flags & VM_WRITE)))
		return -EFAULT;
	/* The caller loops, and neither looks at signals nor at other tasks. */
	if (fatal_signal_pending(current))
		return -EINTR;
	cond_resched();
	length = min3((u64)length, (u64)(vma->vm_end - address), object->length - offset);
	length = min_t(int, length, PAGE_SIZE);
	spin_lock(&object->state_lock);
	if (!object->revoked)
		done = object->ops->access(object, offset, buffer, length, write);
	spin_unlock(&object->state_lock);
	return done;
}

#ifdef CONFIG_NUMA
/* Without a policy mm takes no NUMA hinting faults: the memory cannot migrate. */
static struct mempolicy *object_policy NDSHM_GET_POLICY_ARGUMENTS
{
	return NULL;
}
#endif

static const struct vm_operations_struct object_vm_ops = {
	.open = object_vma_open,
	.close = object_vma_close,
	.may_split = object_may_split,
	.fault = object_fault,
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	.huge_fault = object_huge_fault,
#endif
	.map_pages = object_map_pages,
	.access = object_access,
#ifdef CONFIG_NUMA
	.get_policy = object_policy,
#endif
};

/* Cache @file, or free it if there is one. Consumes the reference. @file may be NULL. */
static void object_cache_file(struct file **cache, struct file *file)
{
	if (file && cmpxchg(cache, NULL, file))
		fput(file);
}

/*
 * Return: the cached file, or NULL. The pages of an object that still exists refer to the inode.
 * A waiter of the last object must not have a futex of the next one.
 */
static struct file *object_cached_file(struct file **cache)
{
	struct file *file = xchg(cache, NULL);

	if (!file)
		return NULL;
	if (atomic_read(&file_inode(file)->i_count) > 1) {
		fput(file);
		return NULL;
	}
	atomic64_set(&file_inode(file)->i_sequence, 0);
	return file;
}

/* Size, mode and owner of an inode are fixed: ftruncate() and fchmod() return EPERM. */
static int object_setattr NDSHM_SETATTR_ARGUMENTS
{
	return -EPERM;
}

static const struct inode_operations object_inode_ops = {
	.setattr = object_setattr,
};

/* Return: a file of @inode, whose reference is consumed, without private data. */
static struct file *object_open_inode(struct inode *inode, const struct file_operations *ops,
				      int flags)
{
	struct file *file;

	__module_get(THIS_MODULE);
	/* On success the file owns the references to the inode and the module. */
	file = alloc_file_pseudo(inode, mount, "", flags | O_CLOEXEC, ops);
	if (IS_ERR(file)) {
		module_put(THIS_MODULE);
		iput(inode);
	}
	return file;
}

/* Return: a file of a new inode, without private data. */
static struct file *object_open(const struct file_operations *ops, int flags)
{
	struct inode *inode = alloc_anon_inode(mount->mnt_sb);

	if (IS_ERR(inode))
		return ERR_CAST(inode);
	inode->i_mode = S_IFREG | 0600;
	inode->i_op = &object_inode_ops;
	/* As of memory without a name: by default core dumps have no files with links. */
	clear_nlink(inode);
	return object_open_inode(inode, ops, flags);
}

struct file *ndshm_object_clone_file(struct file *file, const struct file_operations *ops,
				     void *context)
{
	struct file *clone;

	ihold(file_inode(file));
	clone = object_open_inode(file_inode(file), ops, O_RDWR);
	if (IS_ERR(clone))
		return clone;
	/* The object, as for all files of VMAs. */
	clone->private_data = file->private_data;
	clone->f_path.dentry->d_fsdata = context;
	return clone;
}

/* What fstat() and /proc show of the inode. */
static void object_name_inode(const struct ndshm_object *object, struct inode *inode)
{
	i_size_write(inode, object->length);
	inode->i_ino = object->id;
	inode->i_private = (void *)object->ops->kind;
}

struct file *ndshm_object_open(const struct ndshm_object *object,
			       const struct file_operations *ops, void *private,
			       int flags)
{
	struct file *file = object_open(ops, flags);

	if (IS_ERR(file))
		return file;
	object_name_inode(object, file_inode(file));
	file->private_data = private;
	/* For pread() and pwrite(), also beyond 2 GiB, where @ops has reads and writes. */
	file->f_mode |= FMODE_PREAD | FMODE_PWRITE;
	file->f_flags |= O_LARGEFILE;
	return file;
}

/* Attach an unused file to the object. The file holds a reference to the object. */
static void object_set_file(struct ndshm_object *object, struct file *file)
{
	struct inode *inode = file_inode(file);

	lockdep_assert_held(&object->state_lock);

	object_name_inode(object, inode);
	refcount_inc(&object->references);
	file->private_data = object;
	object->inode = ndshm_inode_get(inode);
	WRITE_ONCE(object->file, file);
	object->was_mapped = true;
}

struct file *ndshm_object_get_file(struct ndshm_object *object, struct file **cache)
{
	struct file *cached = NULL, *file;

	/* Create it outside the lock. A file seen here is kept until the object retires. */
	if (!READ_ONCE(object->file))
		cached = object_cached_file(cache) ?: object_open(&object_file_ops, O_RDWR);
	if (IS_ERR(cached))
		return cached;
	spin_lock(&object->state_lock);
	if (object->retired) {
		file = ERR_PTR(-ENXIO);
	} else if (object->revoked) {
		file = ERR_PTR(-ENODEV);
	} else {
		if (!object->file) {
			object_set_file(object, cached);
			cached = NULL;
		}
		file = get_file(object->file);
	}
	spin_unlock(&object->state_lock);
	object_cache_file(cache, cached);
	return file;
}

void ndshm_object_kill(struct ndshm_object *object, struct file **cache)
{
	struct file *file;
	bool cached;

	spin_lock(&object->state_lock);
	object->retired = true;
	file = object->file;
	WRITE_ONCE(object->file, NULL);
	/*
	 * A single reference means that the file has no mapping: it can be used
	 * again. But a revocation may still be unmapping by its inode.
	 */
	cached = file && cache && !object->revoked && file_count(file) == 1;
	spin_unlock(&object->state_lock);
	if (cached) {
		file->private_data = NULL;
		refcount_dec(&object->references);
		object_cache_file(cache, file);
	} else if (file) {
		fput(file);
	}
}

/*
 * VM_MIXEDMAP permits inserting several pages at a fault, but must not be combined with huge
 * entries: mm miscounts their pages. So a VMA of several pages has it if no huge page fits in,
 * even if a part of the VMA is moved to an aligned address later.
 */
static vm_flags_t object_vm_flags(const struct ndshm_object *object,
				  const struct vm_area_struct *vma)
{
	const vm_flags_t dump = object->dumped ? 0 : VM_DONTDUMP;

	if (object->frames)
		return VM_IO | VM_PFNMAP | dump;
	if (vma->vm_end - vma->vm_start == PAGE_SIZE)
		return dump;
	return vma->vm_end - vma->vm_start < PMD_SIZE || !IS_ALIGNED(vma->vm_start, PMD_SIZE) ?
	       VM_MIXEDMAP | dump : dump;
}

static int object_check_mmap(const struct ndshm_object *object, const struct vm_area_struct *vma)
{
	mmap_assert_write_locked(vma->vm_mm);

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	return object->unmappable ? -EOPNOTSUPP : 0;
}

/* Move @vma to @file, whose reference is consumed, and to page @start of the object. */
static int object_set_vma(struct ndshm_object *object, struct vm_area_struct *vma,
			  struct file *file, pgoff_t start, bool own)
{
	atomic_t *count = object_count(object, own);

	if (atomic_inc_return(count) > object_max_count(object, count)) {
		atomic_dec(count);
		fput(file);
		return -EMFILE;
	}

	/* As vma_set_file(), without taking a further reference. */
	swap(vma->vm_file, file);
	fput(file);
	vma->vm_pgoff = start;
	vma->vm_private_data = count;
	vma->vm_ops = &object_vm_ops;
	/* An importer of a dma-buf may have set flags for its own memory. */
	ndshm_vm_flags_mod(vma, 0, VM_MAYEXEC | VM_IO | VM_PFNMAP | VM_MIXEDMAP);
	ndshm_vm_flags_mod(vma, VM_DONTEXPAND | object_vm_flags(object, vma), 0);
	return 0;
}

int ndshm_object_mmap(struct ndshm_object *object, struct vm_area_struct *vma,
		      struct file **cache, bool own)
{
	int ret = object_check_mmap(object, vma);
	struct file *file;

	if (ret)
		return ret;
	if (vma->vm_end - vma->vm_start > object->length)
		return -ENXIO;
	file = ndshm_object_get_file(object, cache);
	return IS_ERR(file) ? PTR_ERR(file) : object_set_vma(object, vma, file, 0, own);
}

int ndshm_object_mmap_file(struct ndshm_object *object, struct vm_area_struct *vma,
			   struct file *file, pgoff_t start)
{
	int ret = object_check_mmap(object, vma);

	if (ret)
		return ret;
	/* Without a lock: a fault checks it again. */
	if (READ_ONCE(object->revoked))
		return -ENODEV;
	return object_set_vma(object, vma, get_file(file), start, false);
}

/**
 * struct late - unmaps pages that faults in flight map after a revocation
 * @work: object_unmap_work(), which queues itself until the object has no mapping
 * @object: holds a reference
 */
struct late {
	struct delayed_work work;
	struct ndshm_object *object;
};

static void object_unmap_work(struct work_struct *work)
{
	struct late *late = container_of(to_delayed_work(work), struct late,
					 work);
	struct address_space *mapping = late->object->inode->i_mapping;
	bool mapped;

	/* The lock: a VMA that is being split is in no tree for a moment. */
	i_mmap_lock_read(mapping);
	mapped = mapping_mapped(mapping);
	i_mmap_unlock_read(mapping);
	if (!mapped) {
		ndshm_object_put(late->object);
		kfree(late);
		return;
	}
	unmap_mapping_range(mapping, 0, 0, 1);
	ndshm_deferred_delay(&late->work, HZ);
}

static void object_queue_unmap(struct ndshm_object *object)
{
	struct late *late = kmalloc(sizeof(*late), GFP_KERNEL | __GFP_NOFAIL);

	refcount_inc(&object->references);
	late->object = object;
	INIT_DELAYED_WORK(&late->work, object_unmap_work);
	ndshm_deferred_delay(&late->work, 1);
}

/*
 * After a timeout other revocations do not wait for some time, so that the timeouts of
 * many stalled faults do not add up. A fault of another object that is in flight then
 * can map its page again, until object_unmap_work() has run.
 */
static unsigned long impatient_until = INITIAL_JIFFIES;

/* Return: true if no fault is in flight, false after a timeout. */
static bool object_wait_faults(struct ndshm_object *object)
{
	const bool patient = !time_before(jiffies, READ_ONCE(impatient_until));

	if (!object->ops->wait_faults)
		return true;
	trace_ndshm_revoke_wait(object->ops->kind, object->id, NDSHM_TRACE_FAULTS, 0, NULL);
	if (object->ops->wait_faults(object, jiffies + patient * LATE_PATIENCE))
		return true;
	if (patient)
		WRITE_ONCE(impatient_until, jiffies + IMPATIENCE);
	return false;
}

bool ndshm_object_revoke(struct ndshm_object *object)
{
	bool waited, first;
	struct inode *inode;

	/* A revoked object keeps its inode until it is freed. */
	spin_lock(&object->state_lock);
	WRITE_ONCE(object->revoked, true);
	/* A block of a section has no mappings of its own, see @inode. */
	inode = object->was_mapped ? object->inode : NULL;
	first = !object->unmapped;
	spin_unlock(&object->state_lock);
	if (!first)
		return false;

	/* Another caller that does the same may be stopped, so do not wait for it. */
	waited = object_wait_faults(object);
	if (inode)
		unmap_mapping_range(inode->i_mapping, 0, 0, 1);
	spin_lock(&object->state_lock);
	first = !object->unmapped;
	WRITE_ONCE(object->unmapped, true);
	spin_unlock(&object->state_lock);
	if (first && inode && !waited)
		object_queue_unmap(object);
	return first;
}

/* The name in /proc/PID/maps, for instance "ndshm:block:17". */
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

static int object_init_fs_context(struct fs_context *context)
{
	struct pseudo_fs_context *pseudo = init_pseudo(context, NDSHM_FS_MAGIC);

	if (!pseudo)
		return -ENOMEM;
	pseudo->dops = &object_dentry_ops;
	return 0;
}

/*
 * The superblock pins the module: a path from /proc/PID/map_files holds the
 * superblock, but no file with operations that would pin it.
 */
static struct file_system_type file_system = {
	.owner = THIS_MODULE,
	.name = "ndshm",
	.init_fs_context = object_init_fs_context,
	.kill_sb = kill_anon_super,
};

int ndshm_file_cache_init(struct file **cache)
{
	*cache = NULL;
	return simple_pin_fs(&file_system, &mount, &mount_users);
}

void ndshm_file_cache_fini(struct file **cache)
{
	if (*cache)
		fput(*cache);
	simple_release_fs(&mount, &mount_users);
}
