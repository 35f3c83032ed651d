// SPDX-License-Identifier: GPL-2.0
/*
 * Provider "dma-buf": each block is the memory of a dma-buf of another driver.
 *
 * The adapter's device is not attached to the dma-buf. To detach it takes the dma-buf's reservation
 * lock, which other users of the dma-buf can hold for long, and the removal of a device must not
 * wait for them. So a device of this file is attached, which has no IOMMU and is never removed, and
 * the memory is mapped for the adapter's device once more. A revocation unmaps that, without a lock
 * of the dma-buf; a worker detaches the other device afterwards. The memory stays charged until
 * then.
 *
 * An attachment without a move_notify operation is a pin, so the memory does not move, and stays
 * when the exporter revokes it. Exporters whose memory goes away refuse such attachments.
 */
#include <linux/dma-buf.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/iommu.h>
#include <linux/memory_hotplug.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/refcount.h>
#include <linux/scatterlist.h>
#include <linux/sched/signal.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include <ndshm/provider.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "../base/deferred.h"
#include "../base/device.h"
#include "../base/params.h"
#include "../base/step.h"
#include "../block/block.h"
#include "../registration/provider.h"
#include "export.h"
#include "import.h"

/* Longer memory is mapped and unmapped for a device by a worker, which no cgroup can throttle. */
#define SHORT	SZ_2M

static struct ndshm_provider *provider;
static struct platform_device *importer;
static struct workqueue_struct *workqueue;

/**
 * struct ndshm_import - A dma-buf that is, or will be, the memory of a block
 * @references: of the caller of ndshm_import_get(), and of the block; the last put unpins
 * @dmabuf: holds a reference
 * @direction: of DMA: DMA_TO_DEVICE if the device must not write, else DMA_BIDIRECTIONAL
 * @attachment: of @importer, or NULL
 * @exported: mapping of @attachment, or NULL
 * @longest: bytes of the longest entry of @table
 * @boundary: mask of addresses that an entry of @table must not cross
 * @table: the same memory for @device, without references to the pages
 * @device: the adapter's, while @table is mapped
 * @block_charge: charge of the block, while @table is mapped
 * @charge: the same, once the block has freed its memory
 * @work: import_put_work(), queued then
 */
struct ndshm_import {
	refcount_t references;
	struct dma_buf *dmabuf;
	enum dma_data_direction direction;
	struct dma_buf_attachment *attachment;
	struct sg_table *exported;
	u64 longest;
	u64 boundary;
	struct sg_table table;
	struct device *device;
	struct ndshm_charge *block_charge;
	struct ndshm_charge charge;
	struct work_struct work;
};

/*
 * The memory of the dma-buf
 */

/* Return: true if the range is whole pages of ordinary memory, without memory errors. */
static bool import_is_memory(phys_addr_t start, u64 length)
{
	unsigned long pfn = PHYS_PFN(start), left = length >> PAGE_SHIFT;
	struct page *page;

	if (!PAGE_ALIGNED(start) || !PAGE_ALIGNED(length))
		return false;
	for (; left; left--, pfn++) {
		page = pfn_to_online_page(pfn);
		/* The memory map can extend to what is no memory: such pages are reserved. */
		if (!page || PageReserved(page) || PageHWPoison(page))
			return false;
		if (!(left % PTRS_PER_PTE))
			cond_resched();
	}
	return true;
}

/**
 * struct run - Consecutive memory that becomes an entry
 * @start: its address
 * @length: in bytes; 0: there is none yet
 * @sg: entry of the run, or NULL while entries are counted
 */
struct run {
	phys_addr_t start;
	u64 length;
	struct scatterlist *sg;
};

/* Add up to @length bytes at @start to the entries. Return: the number of bytes. */
static u64 import_add(const struct ndshm_import *import, struct run *run, phys_addr_t start,
		      u64 length, struct scatterlist *entries, unsigned int *count)
{
	const u64 inside = start & import->boundary;

	length = min(length, import->longest);
	length = min(length - 1, import->boundary - inside) + 1;
	if (run->length && run->start + run->length == start && inside &&
	    run->length + length <= import->longest) {
		run->length += length;
		if (run->sg)
			run->sg->length = run->length;
		return length;
	}
	run->start = start;
	run->length = length;
	if (entries)
		run->sg = *count ? sg_next(run->sg) : entries;
	if (run->sg)
		sg_set_page(run->sg, pfn_to_page(PHYS_PFN(start)), length, 0);
	++*count;
	return length;
}

/*
 * Describe the memory by @entries for the adapter's device, or only count them if that is NULL.
 * Return: 0, -ENXIO if a part is not ordinary memory or missing, or -EINTR.
 */
static int import_describe(const struct ndshm_import *import, struct scatterlist *entries,
			   unsigned int *count)
{
	u64 left = import->dmabuf->size, length, added;
	struct run run = {};
	struct scatterlist *sg;
	phys_addr_t start;
	unsigned int i;

	*count = 0;
	for_each_sgtable_dma_sg(import->exported, sg, i) {
		start = dma_to_phys(&importer->dev, sg_dma_address(sg));
		length = min_t(u64, left, sg_dma_len(sg));
		if (!entries && !import_is_memory(start, length))
			return -ENXIO;
		for (left -= length; length; length -= added, start += added)
			added = import_add(import, &run, start, length, entries, count);
		cond_resched();
		if (fatal_signal_pending(current))
			return -EINTR;
	}
	return left ? -ENXIO : 0;
}

static int import_alloc_table(struct ndshm_import *import)
{
	unsigned int count;
	int ret = import_describe(import, NULL, &count);

	ret = ret ?: sg_alloc_table(&import->table, count, NDSHM_GFP_CHARGED);
	return ret ?: import_describe(import, import->table.sgl, &count);
}

/* @error: of the exporter, or of import_alloc_table() */
static ndshm_reason_t import_reason(long error)
{
	switch (error) {
	case -ENOMEM:
		return NDSHM_REASON_MEMORY;
	case -ENODEV:
		return NDSHM_REASON_IMPORT_GONE;
	case -EINTR:
	case -ERESTARTSYS:
		return NDSHM_REASON_REQUEST_ABORTED;
	case -EOPNOTSUPP:
	case -ENXIO:
		return NDSHM_REASON_IMPORT_MEMORY;
	default:
		return NDSHM_REASON_IMPORT_REFUSED;
	}
}

ndshm_reason_t ndshm_import_map(struct ndshm_import *import)
{
	struct dma_buf_attachment *attachment;
	struct sg_table *exported;
	int ret;

	attachment = dma_buf_attach(import->dmabuf, &importer->dev);
	if (IS_ERR(attachment))
		return import_reason(PTR_ERR(attachment));
	import->attachment = attachment;
	exported = dma_buf_map_attachment_unlocked(attachment, import->direction);
	if (IS_ERR(exported))
		return import_reason(PTR_ERR(exported));
	import->exported = exported;
	ret = import_alloc_table(import);
	return ret ? import_reason(ret) : NDSHM_REASON_NONE;
}

static void import_put(struct ndshm_import *import)
{
	if (!refcount_dec_and_test(&import->references))
		return;
	sg_free_table(&import->table);
	if (import->exported)
		dma_buf_unmap_attachment_unlocked(import->attachment, import->exported,
						  import->direction);
	if (import->attachment)
		dma_buf_detach(import->dmabuf, import->attachment);
	dma_buf_put(import->dmabuf);
	ndshm_uncharge(&import->charge);
	kfree(import);
}

static void import_put_work(struct work_struct *work)
{
	import_put(container_of(work, struct ndshm_import, work));
	ndshm_deferred_done();
}

void ndshm_import_put(struct ndshm_import *import)
{
	/*
	 * If a block has freed the memory already, this is the last reference then. Not by
	 * cancel_work_sync(), during which a free by another thread could not queue the work.
	 */
	flush_work(&import->work);
	import_put(import);
}

/*
 * Return: true if DMA addresses of @importer are those of the memory, and a synchronisation for it
 * changes no cache: it would discard what processors wrote, as nothing else here synchronises.
 */
static bool import_is_possible(const struct ndshm_adapter *adapter)
{
	/* Less than this is what a bounce buffer can hold. */
	return adapter->reach == NDSHM_REACH_DIRECT && dev_is_dma_coherent(&importer->dev) &&
	       dma_max_mapping_size(&importer->dev) == SIZE_MAX;
}

static ndshm_reason_t import_check(const struct dma_buf *dmabuf, bool readonly,
				   const struct ndshm_adapter *adapter)
{
	/* The core has no check of what a device does with a read-only dma-buf. */
	if (!readonly && !(dmabuf->file->f_mode & FMODE_WRITE))
		return NDSHM_REASON_IMPORT_READONLY;
	if (!dmabuf->size || !PAGE_ALIGNED(dmabuf->size))
		return NDSHM_REASON_IMPORT_MEMORY;
	return ndshm_export_adapter(dmabuf) == adapter ? NDSHM_REASON_IMPORT_LOOP :
							 NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_import_get(int number, bool readonly, const struct ndshm_adapter *adapter,
				struct ndshm_import **out)
{
	struct device *device = adapter->device;
	struct ndshm_import *import;
	struct dma_buf *dmabuf;
	ndshm_reason_t reason;

	if (!import_is_possible(adapter))
		return NDSHM_REASON_IMPORT_UNSUPPORTED;
	dmabuf = dma_buf_get(number);
	if (IS_ERR(dmabuf))
		return NDSHM_REASON_IMPORT_DESCRIPTOR;
	reason = import_check(dmabuf, readonly, adapter);
	if (reason != NDSHM_REASON_NONE)
		goto err_put;
	reason = NDSHM_REASON_MEMORY;
	import = kzalloc(sizeof(*import), NDSHM_GFP_CHARGED);
	if (!import)
		goto err_put;
	refcount_set(&import->references, 1);
	INIT_WORK(&import->work, import_put_work);
	import->dmabuf = dmabuf;
	import->direction = readonly ? DMA_TO_DEVICE : DMA_BIDIRECTIONAL;
	/* The driver sets both before it registers the adapter. */
	import->longest = max_t(u64, dma_get_max_seg_size(device) & PAGE_MASK, PAGE_SIZE);
	import->boundary = dma_get_seg_boundary(device) | ~PAGE_MASK;
	*out = import;
	return NDSHM_REASON_NONE;

err_put:
	dma_buf_put(dmabuf);
	return reason;
}

u64 ndshm_import_length(const struct ndshm_import *import)
{
	return import->dmabuf->size;
}

/*
 * The mapping for the adapter's device
 */

static bool import_translated(struct device *device)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	return domain && (domain->type & __IOMMU_DOMAIN_DMA_API);
}

/*
 * Return: true if the device reaches all of the memory. The DMA API would use bounce buffers, which
 * are not the memory, or warn, which a user could cause.
 */
static bool import_is_reached(const struct ndshm_import *import)
{
	struct device *device = import->device;
	struct scatterlist *sg;
	phys_addr_t last;
	unsigned int i;

	if (import_translated(device))
		return true;
	last = dma_to_phys(device, min_not_zero(dma_get_mask(device), device->bus_dma_limit));
	for_each_sgtable_sg(&import->table, sg, i)
		if (sg_phys(sg) + sg->length - 1 > last)
			return false;
	return true;
}

static int import_unmap_device(void *data)
{
	struct ndshm_import *import = data;

	dma_unmap_sgtable(import->device, &import->table, import->direction,
			  DMA_ATTR_SKIP_CPU_SYNC);
	return 0;
}

/* The device is coherent, so no attribute of the caches is lost. */
static int import_map_device(void *data)
{
	struct ndshm_import *import = data;

	if (!import_is_reached(import))
		return -EIO;
	return dma_map_sgtable(import->device, &import->table, import->direction,
			       DMA_ATTR_SKIP_CPU_SYNC | DMA_ATTR_NO_WARN);
}

static int import_run(struct ndshm_import *import, int (*function)(void *))
{
	if (import->dmabuf->size <= SHORT || current->flags & PF_WQ_WORKER)
		return function(import);
	return ndshm_step_run(function, import);
}

/* Merge adjacent segments as far as the limits of the device allow. Return: 0 or -ENOMEM. */
static int import_list_segments(const struct ndshm_import *import, struct ndshm_segment_list *list)
{
	u64 address = 0, length = 0;
	struct scatterlist *sg;
	unsigned int i;

	for_each_sgtable_dma_sg(&import->table, sg, i) {
		if (length && address + length == sg_dma_address(sg) &&
		    length + sg_dma_len(sg) <= import->longest &&
		    sg_dma_address(sg) & import->boundary) {
			length += sg_dma_len(sg);
			continue;
		}
		if (length && ndshm_list_add(list, address, length))
			return -ENOMEM;
		address = sg_dma_address(sg);
		length = sg_dma_len(sg);
	}
	return ndshm_list_add(list, address, length);
}

/*
 * The provider
 */

/* The block, which ends its charge before the memory is unpinned, has none then. */
static void import_take_charge(struct ndshm_import *import)
{
	import->charge = *import->block_charge;
	*import->block_charge = (struct ndshm_charge){};
}

static ndshm_status_t import_allocate(void *provider_context, struct ndshm_parameters *parameters,
				      void **context)
{
	struct ndshm_import *import = ndshm_allocation_import(parameters);
	ndshm_reason_t reason;
	int ret;

	if (!import)
		return NDSHM_STATUS_INVALID_PARAMETER;
	import->device = parameters->device;
	import->block_charge = ndshm_allocation_charge(parameters);
	ret = import_run(import, import_map_device);
	if (ret) {
		import_take_charge(import);
		return ret == -ENOMEM ? NDSHM_STATUS_RESOURCES : NDSHM_STATUS_INVALID_PARAMETER;
	}
	reason = NDSHM_REASON_MEMORY;
	if (!import_list_segments(import, parameters->list))
		reason = ndshm_check_any_reply(NDSHM_STATUS_SUCCESS, parameters, parameters->list,
					       import->dmabuf->size);
	if (reason != NDSHM_REASON_NONE) {
		import_run(import, import_unmap_device);
		import_take_charge(import);
		/* A dma-buf can have a page twice, which are two segments behind an IOMMU only. */
		return reason == NDSHM_REASON_MEMORY ? NDSHM_STATUS_RESOURCES :
						       NDSHM_STATUS_INVALID_PARAMETER;
	}
	parameters->virtual_address = NULL;
	parameters->consumed = import->dmabuf->size;
	refcount_inc(&import->references);
	*context = import;
	return NDSHM_STATUS_SUCCESS;
}

static void import_free(void *provider_context, void *context)
{
	struct ndshm_import *import = context;

	import_run(import, import_unmap_device);
	import_take_charge(import);
	ndshm_deferred_begin();
	queue_work(workqueue, &import->work);
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = import_allocate,
	.free = import_free,
};

/* Without a handler for mappings: user space maps the dma-buf itself. */
static const struct ndshm_provider_ops ops = {
	.name = "dma-buf",
	.owner = THIS_MODULE,
};

struct ndshm_provider *ndshm_import_provider(void)
{
	return provider;
}

int __init ndshm_import_setup(void)
{
	int ret = -ENOMEM;

	importer = ndshm_device_add("ndshm-import", PLATFORM_DEVID_NONE, NUMA_NO_NODE);
	if (!importer)
		return ret;
	workqueue = alloc_workqueue("ndshm-import", WQ_UNBOUND, WQ_MAX_ACTIVE);
	if (!workqueue)
		goto err_importer;
	provider = ndshm_provider_register(&characteristics, &ops, NDSHM_SCOPE_NAMED, NULL, NULL);
	if (!IS_ERR(provider))
		return 0;
	ret = PTR_ERR(provider);
	destroy_workqueue(workqueue);
err_importer:
	platform_device_unregister(importer);
	return ret;
}

void ndshm_import_teardown(void)
{
	/* It has no blocks: each would pin this module. */
	WARN_ON(ndshm_provider_revoke(provider));
	destroy_workqueue(workqueue);
	platform_device_unregister(importer);
}
