// SPDX-License-Identifier: GPL-2.0
/*
 * dma-bufs of objects, for importers that need not support moves.
 *
 * A mapping of an attachment references the pages, as a pin of a user mapping does: it outlives a
 * revocation, and the memory cgroup is charged until it ends. Memory without pages ends with a
 * revocation, also by its user, which an importer would not notice. So only mmap() maps it.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pagemap.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/xarray.h>

#include <linux/ndshm.h>

#include "../block/block.h"
#include "../block/object.h"
#include "dmabuf.h"

/* MODULE_IMPORT_NS() takes a string since 6.13, and an identifier before. */
MODULE_INFO(import_ns, "DMA_BUF");

/**
 * struct export - A dma-buf
 * @object: the block or the section
 * @file: file of @object, held, and with it @object
 * @start: index of the first page in @object
 * @end: index behind the last page
 * @writable: not read-only
 * @needs_sync: the memory is not coherent for the object's device
 * @vmapped: pages of the kernel mapping, with a reference each, or NULL; protected by the core,
 *	which makes one at a time
 * @mapped: mappings that need syncs, by their id
 * @maps: the last id
 */
struct export {
	struct ndshm_object *object;
	struct file *file;
	pgoff_t start;
	pgoff_t end;
	bool writable;
	bool needs_sync;
	struct page **vmapped;
	struct xarray mapped;
	atomic_long_t maps;
};

/**
 * struct export_mapping - A mapping of an attachment
 * @table: each entry has a reference to its folio
 * @device: the importer's
 * @direction: of DMA
 * @id: index in @mapped of the export, never used again; 0: it needs no syncs
 */
struct export_mapping {
	struct sg_table table;
	struct device *device;
	enum dma_data_direction direction;
	unsigned long id;
};

/*
 * Tables of pages
 */

/* An access to such a page, by a device or by the kernel, could crash the machine. */
static bool export_any_poisoned(struct page *page, unsigned long count)
{
	for (; count; page++, count--)
		if (PageHWPoison(page))
			return true;
	return false;
}

/*
 * Return: the page at *@index with a reference, or an ERR_PTR: -ENODEV if the object is revoked,
 * -ENXIO if it has no page there, or one with a memory error. Sets *@count to the number of pages
 * from there on that are in the export and in the same folio, at most @most, and advances *@index
 * by as many.
 */
static struct page *export_next_page(const struct export *export, pgoff_t *index,
				     unsigned long most, unsigned long *count)
{
	struct page *page = ndshm_object_get_page(export->object, *index);
	struct folio *folio;

	cond_resched();
	if (!page)
		return ERR_PTR(READ_ONCE(export->object->revoked) ? -ENODEV : -ENXIO);
	folio = page_folio(page);
	*count = folio_nr_pages(folio) - folio_page_idx(folio, page);
	*count = min3(*count, export->end - *index, most);
	if (export_any_poisoned(page, *count)) {
		put_page(page);
		return ERR_PTR(-ENXIO);
	}
	*index += *count;
	return page;
}

/* The table may be filled in part only. */
static void export_free_table(struct sg_table *table)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_sg(table, sg, i) {
		if (!sg_page(sg))
			break;
		put_page(sg_page(sg));
		cond_resched();
	}
	sg_free_table(table);
}

static int export_fill_table(const struct export *export, struct sg_table *table,
			     unsigned long most)
{
	pgoff_t index = export->start;
	struct scatterlist *sg;
	unsigned long count;
	struct page *page;
	unsigned int i;

	for_each_sgtable_sg(table, sg, i) {
		/* Memory of a section was replaced by longer folios since it was counted. */
		if (index == export->end)
			return -EAGAIN;
		page = export_next_page(export, &index, most, &count);
		if (IS_ERR(page))
			return PTR_ERR(page);
		/* A section can have millions of folios. */
		if (fatal_signal_pending(current)) {
			put_page(page);
			return -EINTR;
		}
		sg_set_page(sg, page, count << PAGE_SHIFT, 0);
	}
	return index == export->end ? 0 : -EAGAIN;
}

/* Count the entries of a table: one for each folio, or several of at most @most pages. */
static int export_count_entries(const struct export *export, unsigned long most,
				unsigned int *entries)
{
	pgoff_t index = export->start;
	unsigned long count;
	struct page *page;

	for (*entries = 0; index < export->end; (*entries)++) {
		page = export_next_page(export, &index, most, &count);
		if (IS_ERR(page))
			return PTR_ERR(page);
		put_page(page);
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int export_alloc_table(const struct export *export, struct sg_table *table,
			      unsigned long most)
{
	unsigned int entries;
	int ret = export_count_entries(export, most, &entries);

	return ret ?: sg_alloc_table(table, entries, NDSHM_GFP_CHARGED);
}

/*
 * Attachments
 */

static int export_attach(struct dma_buf *dmabuf, struct dma_buf_attachment *attachment)
{
	const struct export *export = dmabuf->priv;

	if (READ_ONCE(export->object->revoked))
		return -ENODEV;
	return export->object->frames ? -EOPNOTSUPP : 0;
}

/* Return: maximum pages of an entry. A device may map less at a time than a segment can have. */
static unsigned long export_longest_entry(struct device *device)
{
	const size_t length = min_t(size_t, dma_get_max_seg_size(device),
				    dma_max_mapping_size(device));

	return max(length >> PAGE_SHIFT, 1UL);
}

/* Let syncs find the mapping if it needs any. */
static int export_add_mapping(struct export *export, struct export_mapping *mapping)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&mapping->table, sg, i) {
		if (!dma_need_sync(mapping->device, sg_dma_address(sg)))
			continue;
		mapping->id = atomic_long_inc_return(&export->maps);
		return xa_insert(&export->mapped, mapping->id, mapping, NDSHM_GFP_CHARGED);
	}
	return 0;
}

static int export_map_pages(struct export *export, struct export_mapping *mapping)
{
	const unsigned long most = export_longest_entry(mapping->device);
	int ret = export_alloc_table(export, &mapping->table, most);

	if (ret)
		return ret;
	/* A user can make it fail, if the device has an IOMMU or bounce buffers. */
	ret = export_fill_table(export, &mapping->table, most) ?:
	      dma_map_sgtable(mapping->device, &mapping->table, mapping->direction,
			      DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN);
	if (ret)
		goto err_table;
	/* As a call of its own: the pages are mapped for the adapter's device as well. */
	dma_sync_sgtable_for_device(mapping->device, &mapping->table, mapping->direction);
	ret = export_add_mapping(export, mapping);
	if (!ret)
		return 0;
	dma_unmap_sgtable(mapping->device, &mapping->table, mapping->direction,
			  DMA_ATTR_SKIP_CPU_SYNC);
err_table:
	export_free_table(&mapping->table);
	return ret;
}

static struct sg_table *export_map(struct dma_buf_attachment *attachment,
				   enum dma_data_direction direction)
{
	struct export *export = attachment->dmabuf->priv;
	struct export_mapping *mapping;
	int ret;

	/* The core passes on a read-only dma-buf to importers that write. */
	if (!export->writable && direction != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	if (READ_ONCE(export->object->revoked))
		return ERR_PTR(-ENODEV);
	mapping = kzalloc(sizeof(*mapping), NDSHM_GFP_CHARGED);
	if (!mapping)
		return ERR_PTR(-ENOMEM);
	mapping->device = attachment->dev;
	mapping->direction = direction;
	ret = export_map_pages(export, mapping);
	if (ret) {
		kfree(mapping);
		return ERR_PTR(ret);
	}
	return &mapping->table;
}

static void export_unmap(struct dma_buf_attachment *attachment, struct sg_table *table,
			 enum dma_data_direction direction)
{
	struct export_mapping *mapping = container_of(table, struct export_mapping, table);
	struct export *export = attachment->dmabuf->priv;

	if (mapping->id)
		xa_erase(&export->mapped, mapping->id);
	dma_sync_sgtable_for_cpu(mapping->device, table, mapping->direction);
	dma_unmap_sgtable(mapping->device, table, mapping->direction, DMA_ATTR_SKIP_CPU_SYNC);
	export_free_table(table);
	kfree(mapping);
}

/*
 * Access by processors
 */

/**
 * struct export_walk - Place of a sync in the mappings of an export
 * @last: the id of the last mapping
 * @next: the lowest id that is not finished
 * @begun: the id of the mapping of @pages
 * @pages: its pages, valid while it exists
 */
struct export_walk {
	unsigned long last;
	unsigned long next;
	unsigned long begun;
	struct sg_dma_page_iter pages;
};

#define SYNC_PAGES	(SZ_64K >> PAGE_SHIFT)	/* with the spinlock held */

/*
 * Importers that unmap wait for the spinlock. A task that its cgroup stops in the kernel is not
 * stopped with a spinlock held. Return: false if nothing was left.
 */
static bool export_sync_pages(struct export *export, struct export_walk *walk, u32 sync)
{
	struct export_mapping *mapping;
	unsigned int left = SYNC_PAGES;
	dma_addr_t address;

	xa_lock(&export->mapped);
	mapping = xa_find(&export->mapped, &walk->next, walk->last, XA_PRESENT);
	if (mapping && walk->begun != walk->next) {
		walk->begun = walk->next;
		__sg_page_iter_start(&walk->pages.base, mapping->table.sgl, mapping->table.nents,
				     0);
	}
	for (; mapping && left && __sg_page_iter_dma_next(&walk->pages); left--) {
		address = sg_page_iter_dma_address(&walk->pages);
		if (sync == NDSHM_SYNC_FOR_DEVICE)
			dma_sync_single_for_device(mapping->device, address, PAGE_SIZE,
						   mapping->direction);
		else
			dma_sync_single_for_cpu(mapping->device, address, PAGE_SIZE,
						mapping->direction);
	}
	walk->next += !!left;
	xa_unlock(&export->mapped);
	return mapping;
}

static int export_sync(struct dma_buf *dmabuf, enum dma_data_direction direction, u32 sync)
{
	struct export *export = dmabuf->priv;
	struct ndshm_object *object = export->object;
	struct export_walk walk = { .last = atomic_long_read(&export->maps) };
	/* What the other side does not write needs no sync. */
	const bool idle = direction == (sync == NDSHM_SYNC_FOR_DEVICE ? DMA_FROM_DEVICE :
									DMA_TO_DEVICE);
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	/* A sync can discard data that others have written and not synced for the device. */
	if (export->needs_sync && !export->writable)
		return -EACCES;
	if (READ_ONCE(object->revoked))
		return -ENODEV;
	if (export->needs_sync && !idle)
		reason = object->ops->sync(object, sync, (u64)export->start << PAGE_SHIFT,
					   (u64)(export->end - export->start) << PAGE_SHIFT);
	if (reason != NDSHM_REASON_NONE)
		return -ENODEV;
	while (export_sync_pages(export, &walk, sync)) {
		cond_resched();
		/* Users decide how many mappings there are, so a killed caller must not finish. */
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int export_begin_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return export_sync(dmabuf, direction, NDSHM_SYNC_FOR_CPU);
}

static int export_end_access(struct dma_buf *dmabuf, enum dma_data_direction direction)
{
	return export_sync(dmabuf, direction, NDSHM_SYNC_FOR_DEVICE);
}

/*
 * @vma may be of the importer's own file, so its permissions are not always those of the dma-buf's
 * file. The core has checked the range.
 */
static int export_mmap(struct dma_buf *dmabuf, struct vm_area_struct *vma)
{
	const struct export *export = dmabuf->priv;

	if (!export->writable) {
		if (vma->vm_flags & VM_WRITE)
			return -EACCES;
		ndshm_vm_flags_mod(vma, 0, VM_MAYWRITE);
	}
	return ndshm_object_mmap_file(export->object, vma, export->file,
				      export->start + vma->vm_pgoff);
}

/* Put the first @count pages of the kernel mapping. */
static void export_put_vmapped(struct export *export, unsigned long count)
{
	while (count--) {
		put_page(export->vmapped[count]);
		cond_resched();
	}
}

/* Return: whether all pages exist, of which each has a reference then; else none has one. */
static bool export_get_vmapped(struct export *export)
{
	pgoff_t index = export->start;
	unsigned long n = 0, count;
	struct page *page;

	while (index < export->end) {
		page = export_next_page(export, &index, ULONG_MAX, &count);
		if (IS_ERR(page)) {
			export_put_vmapped(export, n);
			return false;
		}
		folio_ref_add(page_folio(page), count - 1);
		while (count--)
			export->vmapped[n++] = page++;
	}
	return true;
}

/* Use a new page in place of all @count. */
static bool export_get_substitute(struct export *export, unsigned long count)
{
	struct page *page = alloc_page(GFP_KERNEL | __GFP_ZERO);

	if (!page)
		return false;
	page_ref_add(page, count - 1);
	memset_p((void **)export->vmapped, page, count);
	return true;
}

static void *export_map_kernel(struct export *export, unsigned long count)
{
	void *address;

	if (!export_get_vmapped(export) && !export_get_substitute(export, count))
		return NULL;
	address = vmap(export->vmapped, count, VM_MAP, PAGE_KERNEL);
	if (!address)
		export_put_vmapped(export, count);
	return address;
}

/*
 * The core warns if ->vmap fails, so a user must not be able to make it fail: kernel mappings that
 * are never possible have no operation, what is allocated here is not charged, and memory that was
 * revoked is replaced. A user could fill the range of vmap() on 32 bits, where there is no ndshm.
 */
static int export_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *export = dmabuf->priv;
	const unsigned long count = export->end - export->start;
	void *address;

	export->vmapped = kvmalloc_array(count, sizeof(*export->vmapped), GFP_KERNEL);
	if (!export->vmapped)
		return -ENOMEM;
	address = export_map_kernel(export, count);
	if (!address) {
		kvfree(export->vmapped);
		export->vmapped = NULL;
		return -ENOMEM;
	}
	iosys_map_set_vaddr(map, address);
	return 0;
}

static void export_vunmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct export *export = dmabuf->priv;

	vunmap(map->vaddr);
	export_put_vmapped(export, export->end - export->start);
	kvfree(export->vmapped);
	export->vmapped = NULL;
}

/*
 * Life
 */

static void export_free(struct export *export)
{
	fput(export->file);
	kfree(export);
}

static void export_release(struct dma_buf *dmabuf)
{
	struct export *export = dmabuf->priv;

	atomic_dec(&export->object->exports);
	export_free(export);
}

/* Members of both tables of operations. */
#define EXPORT_OPS \
	.attach = export_attach, \
	.map_dma_buf = export_map, \
	.unmap_dma_buf = export_unmap, \
	.begin_cpu_access = export_begin_access, \
	.end_cpu_access = export_end_access, \
	.mmap = export_mmap, \
	.release = export_release

static const struct dma_buf_ops export_ops = {
	EXPORT_OPS,
};

static const struct dma_buf_ops export_vmap_ops = {
	EXPORT_OPS,
	.vmap = export_vmap,
	.vunmap = export_vunmap,
};

/* The name that /proc/PID/maps shows for the object. The dma-buf frees it. */
static void export_set_name(const struct export *export, struct dma_buf *dmabuf)
{
	char *name = kasprintf(NDSHM_GFP_CHARGED, "ndshm:%s:%u", export->object->ops->kind,
			       export->object->id);

	/* debugfs shows the dma-buf already. */
	spin_lock(&dmabuf->name_lock);
	dmabuf->name = name;
	spin_unlock(&dmabuf->name_lock);
}

/* Pages of the longest kernel mapping: it costs the kernel memory that no user is charged for. */
#define LONGEST_VMAP	(SZ_4G >> PAGE_SHIFT)

/* Return: whether the kernel can map the memory, or a negative errno. */
static int export_can_vmap(const struct export *export)
{
	unsigned int entries;
	int ret;

	if (!export->writable || export->object->frames ||
	    export->end - export->start > LONGEST_VMAP)
		return false;
	ret = export_count_entries(export, ULONG_MAX, &entries);
	/* The provider has not all pages, or one has a memory error. */
	if (ret == -ENXIO)
		return false;
	return ret ?: true;
}

struct file *ndshm_export_file(struct file *file, u64 start, u64 length, bool writable,
			       bool needs_sync)
{
	DEFINE_DMA_BUF_EXPORT_INFO(info);
	struct dma_buf *dmabuf;
	struct export *export;
	int vmaps;

	export = kzalloc(sizeof(*export), NDSHM_GFP_CHARGED);
	if (!export) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	export->object = file->private_data;
	export->file = file;
	export->start = start >> PAGE_SHIFT;
	export->end = export->start + (length >> PAGE_SHIFT);
	export->writable = writable;
	export->needs_sync = needs_sync;
	xa_init_flags(&export->mapped, XA_FLAGS_ACCOUNT);
	vmaps = export_can_vmap(export);
	if (vmaps < 0) {
		export_free(export);
		return ERR_PTR(vmaps);
	}
	info.exp_name = "ndshm";
	info.ops = vmaps ? &export_vmap_ops : &export_ops;
	info.size = length;
	info.flags = writable ? O_RDWR : O_RDONLY;
	info.priv = export;
	dmabuf = dma_buf_export(&info);
	if (IS_ERR(dmabuf)) {
		export_free(export);
		return ERR_CAST(dmabuf);
	}
	atomic_inc(&export->object->exports);
	export_set_name(export, dmabuf);
	return dmabuf->file;
}
