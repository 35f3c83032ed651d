/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Support of older kernels. The other files are written for the newest kernel and do
 * not test versions. Kbuild includes this file before each of them (-include).
 */
#ifndef _NDSHM_COMPAT_H
#define _NDSHM_COMPAT_H

#include <linux/version.h>

/* kernel/bus: iommu_group_has_isolated_msi() is new in 6.3 */
#include <linux/iommu.h>
#ifndef CONFIG_IOMMU_API
static inline bool ndshm_group_has_isolated_msi(struct iommu_group *group)
{
	return false;
}
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define ndshm_group_has_isolated_msi iommu_group_has_isolated_msi
#else /* the machine's MSI controller remaps, or the IOMMU of each device does */
#include <linux/irqdomain.h>

static inline int ndshm_msi_not_remapped(struct device *dev, void *unused)
{
	return !device_iommu_capable(dev, IOMMU_CAP_INTR_REMAP);
}

static inline bool ndshm_group_has_isolated_msi(struct iommu_group *group)
{
	return irq_domain_check_msi_remap() ||
	       !iommu_group_for_each_dev(group, NULL, ndshm_msi_not_remapped);
}
#endif

/* kernel/bus: eventfd_signal() has no count since 6.8 */
#include <linux/eventfd.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
#define ndshm_eventfd_signal eventfd_signal
#else
static inline void ndshm_eventfd_signal(struct eventfd_ctx *eventfd)
{
	eventfd_signal(eventfd, 1);
}
#endif
/* end of kernel/bus */

/* kernel/adapter: class::devnode gets a constant device since 6.2 */
#include <linux/device.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#define ndshm_class_device_t const struct device
#else
#define ndshm_class_device_t struct device
#endif

/* kernel/platform: platform_driver::remove returns nothing since 6.11 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
#define ndshm_removed_t void
#define NDSHM_REMOVED
#else
#define ndshm_removed_t int
#define NDSHM_REMOVED	0
#endif

/* kernel/block: with CONFIG_DEBUG_VM pmd_populate() of arm64 uses init_mm, which is not exported */
#if defined(CONFIG_ARM64) && defined(CONFIG_DEBUG_VM)
#include <asm/pgalloc.h>
#ifndef PMD_TABLE_AF	/* 6.13 */
#define PMD_TABLE_AF	0
#endif
static inline void ndshm_pmd_populate(struct mm_struct *mm, pmd_t *pmd, pgtable_t table)
{
	__pmd_populate(pmd, page_to_phys(table), PMD_TYPE_TABLE | PMD_TABLE_AF | PMD_TABLE_PXN);
}
#else
#define ndshm_pmd_populate pmd_populate
#endif

/* kernel/block: vm_flags have accessors since 6.3 */
#include <linux/mm.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define ndshm_vm_flags_mod vm_flags_mod
#else
static inline void ndshm_vm_flags_mod(struct vm_area_struct *vma,
				      unsigned long set, unsigned long clear)
{
	vma->vm_flags = (vma->vm_flags | set) & ~clear;
}
#endif

/* kernel/block: vm_operations_struct::get_policy has @index since 6.7 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
#define NDSHM_GET_POLICY_ARGUMENTS \
	(struct vm_area_struct *vma, unsigned long address, pgoff_t *index)
#else
#define NDSHM_GET_POLICY_ARGUMENTS \
	(struct vm_area_struct *vma, unsigned long address)
#endif

/*
 * kernel/block: before 6.17 vmf_insert_pfn_pmd(), for frames since 6.12, takes a pfn_t, and mm
 * inserts huge folios
 */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#include <linux/huge_mm.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
#define NDSHM_INSERTS_FOLIOS true
#define ndshm_insert_pfn_pmd vmf_insert_pfn_pmd
#define ndshm_insert_folio_pmd vmf_insert_folio_pmd
#else
#include <linux/pfn_t.h>
#define NDSHM_INSERTS_FOLIOS false
static inline vm_fault_t ndshm_insert_pfn_pmd(struct vm_fault *vmf, unsigned long pfn, bool write)
{
	return vmf_insert_pfn_pmd(vmf, __pfn_to_pfn_t(pfn, PFN_DEV), write);
}

static inline vm_fault_t ndshm_insert_folio_pmd(struct vm_fault *vmf, struct folio *folio,
						bool write)
{
	return VM_FAULT_FALLBACK;
}
#endif
#endif

/* kernel/block: inode_operations::setattr has a struct mnt_idmap since 6.3 */
#include <linux/fs.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
#define NDSHM_SETATTR_ARGUMENTS \
	(struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr)
#else
#define NDSHM_SETATTR_ARGUMENTS \
	(struct user_namespace *user_ns, struct dentry *dentry, struct iattr *attr)
#endif

/* kernel/tests: before 6.10 the DMA API never skips the syncs of a device */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
static inline void dma_reset_need_sync(struct device *dev)
{
}
#endif

/* kernel/tests: before 6.2 a dma-buf is mapped without its reservation lock */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_vmap_unlocked dma_buf_vmap
#define dma_buf_vunmap_unlocked dma_buf_vunmap
#endif

/* kernel/tests: dma_buf_attach_ops::move_notify has another name since 7.1 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 1, 0)
#define NDSHM_MOVE_NOTIFY	invalidate_mappings
#else
#define NDSHM_MOVE_NOTIFY	move_notify
#endif

/* kernel/providers: MAX_PAGE_ORDER was MAX_ORDER before 6.8, MAX_ORDER - 1 before 6.4 */
#ifndef MAX_PAGE_ORDER
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#define MAX_PAGE_ORDER	MAX_ORDER
#else
#define MAX_PAGE_ORDER	(MAX_ORDER - 1)
#endif
#endif

/* kernel/cdev: copy_splice_read() is new in 6.5 */
#include <linux/fs.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
#define copy_splice_read generic_file_splice_read
#endif

/*
 * kernel/section: before 6.9 folio_mapcount() is not exported. Before 6.2 a huge entry counts for
 * each page, too.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
#define ndshm_folio_mapcount folio_mapcount
#else
static inline int ndshm_folio_mapcount(struct folio *folio)
{
	const int entire = folio_test_large(folio) ? folio_entire_mapcount(folio) : 0;
	const long pages = folio_nr_pages(folio);
	int count = entire;
	long i;

	if (LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0))
		count -= entire * pages;
	for (i = 0; i < pages; i++)
		count += atomic_read(&folio_page(folio, i)->_mapcount) + 1;
	return count;
}
#endif

/*
 * kernel/device, kernel/ndis, kernel/netlink, kernel/prototypes, kernel/tests: the old name is
 * warned about since 7.2
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_dfl_wq	system_unbound_wq
#endif

#endif /* _NDSHM_COMPAT_H */
