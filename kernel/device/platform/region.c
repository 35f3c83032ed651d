// SPDX-License-Identifier: GPL-2.0
/*
 * Reserved memory of a device (memory-region of the device tree) as a provider in the scope of its
 * adapter. No other adapter can use it, and a device that goes on with DMA after a claim changes
 * memory of later claims on the same device only.
 *
 * The memory is mapped with one memory type, by the kernel and by clients: cached if the device
 * sees the caches, else uncached, so that no block needs a sync. Memory in the kernel's direct
 * mapping is cached, so it is for coherent devices only.
 */
#include <linux/bitmap.h>
#include <linux/dma-direct.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/of.h>
#include <linux/of_reserved_mem.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include <ndshm/provider.h>

#include "platform_device.h"

#define REGIONS	8	/* of a device; more are refused */

/**
 * struct ndshm_platform_region - Reserved region of a device
 * @link: entry of regions_in_use
 * @start: physical address
 * @pages: number of pages
 * @memory: kernel mapping
 * @used: a bit for each page, protected by @lock of the device's memory
 * @no_map: not in the kernel's direct mapping, and requested as a resource
 */
struct ndshm_platform_region {
	struct list_head link;
	phys_addr_t start;
	unsigned long pages;
	void *memory;
	unsigned long *used;
	bool no_map;
};

/**
 * struct ndshm_platform_memory - Reserved memory of a device
 * @dev: the device
 * @provider: registered provider
 * @cached: memory type of all mappings
 * @lock: protects the bits of regions
 * @count: number of @regions; constant after probe, as all of them
 * @regions: in the order of the device tree
 */
struct ndshm_platform_memory {
	struct device *dev;
	struct ndshm_provider *provider;
	bool cached;
	spinlock_t lock;		/* used pages of regions */
	unsigned int count;
	struct ndshm_platform_region regions[REGIONS];
};

/* A block. Allocated and freed by the core. */
struct platform_chunk {
	struct ndshm_platform_region *region;
	unsigned long first;
	unsigned long pages;
};

/* Regions of all devices, none of which may be of two. */
static LIST_HEAD(regions_in_use);
static DEFINE_MUTEX(regions_lock);

/* Return: true if @dev can address memory of @length bytes, at consecutive addresses. */
static bool platform_device_reaches(struct device *dev, phys_addr_t start, u64 length)
{
	const u64 most = min_not_zero(dma_get_mask(dev), dev->bus_dma_limit);
	const dma_addr_t first = phys_to_dma(dev, start);
	const dma_addr_t last = phys_to_dma(dev, start + length - 1);

	/* Memory outside dma-ranges has no address. */
	return first != DMA_MAPPING_ERROR && last != DMA_MAPPING_ERROR &&
	       last - first == length - 1 && last <= most;
}

/* Find free pages that the device can address. */
static bool platform_chunk_alloc(struct platform_chunk *chunk, struct ndshm_platform_memory *memory)
{
	struct ndshm_platform_region *region;
	unsigned long first;
	unsigned int i;

	spin_lock(&memory->lock);
	for (i = 0; i < memory->count && !chunk->region; i++) {
		region = &memory->regions[i];
		if (chunk->pages > region->pages)
			continue;
		first = bitmap_find_next_zero_area(region->used, region->pages, 0, chunk->pages, 0);
		if (first >= region->pages ||
		    !platform_device_reaches(memory->dev,
					     region->start + ((phys_addr_t)first << PAGE_SHIFT),
					     (u64)chunk->pages << PAGE_SHIFT))
			continue;
		bitmap_set(region->used, first, chunk->pages);
		chunk->region = region;
		chunk->first = first;
	}
	spin_unlock(&memory->lock);
	return chunk->region;
}

static void platform_chunk_free(struct platform_chunk *chunk, struct ndshm_platform_memory *memory)
{
	spin_lock(&memory->lock);
	bitmap_clear(chunk->region->used, chunk->first, chunk->pages);
	spin_unlock(&memory->lock);
}

/*
 * Clear what an earlier block, the device or the firmware has left. Return: false if the allocation
 * is not wanted any more.
 */
static bool platform_chunk_zero(const struct platform_chunk *chunk,
				const struct ndshm_parameters *parameters)
{
	char *memory = chunk->region->memory + (chunk->first << PAGE_SHIFT);
	size_t left = chunk->pages << PAGE_SHIFT, step;

	for (; left; left -= step, memory += step) {
		if (ndshm_allocation_unwanted(parameters))
			return false;
		step = min_t(size_t, left, SZ_1M);
		memset(memory, 0, step);
		cond_resched();
	}
	return true;
}

static ndshm_status_t platform_memory_allocate(void *provider_context,
					       struct ndshm_parameters *parameters, void **context)
{
	struct ndshm_platform_memory *memory = provider_context;
	struct platform_chunk *chunk = *context;
	phys_addr_t start;

	chunk->pages = PFN_UP(parameters->length);
	if (!platform_chunk_alloc(chunk, memory))
		return NDSHM_STATUS_RESOURCES;
	start = chunk->region->start + ((phys_addr_t)chunk->first << PAGE_SHIFT);
	if (!platform_chunk_zero(chunk, parameters) ||
	    ndshm_list_add(parameters->list, phys_to_dma(memory->dev, start),
			   (u64)chunk->pages << PAGE_SHIFT)) {
		platform_chunk_free(chunk, memory);
		return NDSHM_STATUS_RESOURCES;
	}
	parameters->virtual_address = chunk->region->memory + (chunk->first << PAGE_SHIFT);
	return NDSHM_STATUS_SUCCESS;
}

static void platform_memory_free(void *provider_context, void *context)
{
	platform_chunk_free(context, provider_context);
}

static unsigned long platform_memory_pfn(void *provider_context, void *context, pgoff_t index,
					 unsigned long *count, pgprot_t *prot)
{
	const struct ndshm_platform_memory *memory = provider_context;
	const struct platform_chunk *chunk = context;

	*count = chunk->pages - index;
	if (!memory->cached)
		*prot = pgprot_writecombine(*prot);
	return PHYS_PFN(chunk->region->start) + chunk->first + index;
}

/* Return: false if the region, or a part of it, is that of another device. */
static bool platform_region_add(struct ndshm_platform_region *region)
{
	const phys_addr_t end = region->start + ((phys_addr_t)region->pages << PAGE_SHIFT);
	struct ndshm_platform_region *other;
	bool free = true;

	mutex_lock(&regions_lock);
	list_for_each_entry(other, &regions_in_use, link)
		if (region->start < other->start + ((phys_addr_t)other->pages << PAGE_SHIFT) &&
		    other->start < end)
			free = false;
	if (free)
		list_add(&region->link, &regions_in_use);
	mutex_unlock(&regions_lock);
	return free;
}

static void platform_region_remove(struct ndshm_platform_region *region)
{
	mutex_lock(&regions_lock);
	list_del(&region->link);
	mutex_unlock(&regions_lock);
}

static void platform_region_fini(struct ndshm_platform_region *region)
{
	memunmap(region->memory);
	bitmap_free(region->used);
	if (region->no_map)
		release_mem_region(region->start, region->pages << PAGE_SHIFT);
	platform_region_remove(region);
}

static int platform_region_map(struct ndshm_platform_region *region, bool cached,
			       struct device *dev)
{
	const size_t size = region->pages << PAGE_SHIFT;

	if (!platform_region_add(region))
		return -EBUSY;
	if (region->no_map && !request_mem_region(region->start, size, dev_name(dev)))
		goto err_add;
	region->used = bitmap_zalloc(region->pages, GFP_KERNEL);
	if (!region->used)
		goto err_request;
	region->memory = memremap(region->start, size, cached ? MEMREMAP_WB : MEMREMAP_WC);
	if (!region->memory)
		goto err_used;
	return 0;

err_used:
	bitmap_free(region->used);
err_request:
	if (region->no_map)
		release_mem_region(region->start, size);
err_add:
	platform_region_remove(region);
	return -EBUSY;
}

/*
 * Return: true if another node refers to the region. Its driver, or the kernel on its behalf, uses
 * reserved memory without requesting it.
 */
static bool platform_region_is_shared(const struct device *dev, const struct device_node *node)
{
	struct device_node *other, *region;
	bool shared = false;
	unsigned int i;

	for_each_node_with_property(other, "memory-region") {
		for (i = 0; (region = of_parse_phandle(other, "memory-region", i)); i++) {
			shared |= other != dev->of_node && region == node;
			of_node_put(region);
		}
	}
	return shared;
}

/* Return: true if no page is free memory: the kernel may have failed to reserve what is listed. */
static bool platform_region_is_reserved(const struct reserved_mem *reserved)
{
	unsigned long pfn = PHYS_PFN(reserved->base);
	const unsigned long end = PHYS_PFN(reserved->base + reserved->size);

	for (; pfn < end; pfn++) {
		if (pfn_valid(pfn) && !PageReserved(pfn_to_page(pfn)))
			return false;
		cond_resched();
	}
	return true;
}

static int platform_region_init(struct ndshm_platform_memory *memory, struct device_node *node)
{
	const bool no_map = of_property_read_bool(node, "no-map");
	const struct reserved_mem *reserved = of_reserved_mem_lookup(node);
	struct ndshm_platform_region *region;
	const char *problem = NULL;
	int error = -EINVAL;

	if (memory->count == REGIONS)
		problem = "one too many";
	else if (!reserved || !reserved->size)
		problem = "not reserved by this kernel";
	else if (of_property_read_bool(node, "reusable"))
		problem = "reusable, so the kernel uses it; remove that property";
	else if (!PAGE_ALIGNED(reserved->base | reserved->size))
		problem = "not of whole pages";
	else if (of_device_is_compatible(node, "restricted-dma-pool") ||
		 of_property_read_bool(node, "linux,dma-default"))
		problem = "a pool of the kernel's DMA calls";
	else if (platform_region_is_shared(memory->dev, node))
		problem = "of another node, too";
	else if (!platform_region_is_reserved(reserved))
		problem = "not reserved: it has free memory of the kernel";
	else if (!no_map && !memory->cached)
		problem = "cached, which this device does not see; add no-map";
	if (!problem) {
		region = &memory->regions[memory->count];
		region->no_map = no_map;
		region->start = reserved->base;
		region->pages = reserved->size >> PAGE_SHIFT;
		error = platform_region_map(region, memory->cached, memory->dev);
		problem = "in use by another device, or cannot be mapped";
	}
	if (error)
		dev_err(memory->dev, "memory-region %pOF: %s\n", node, problem);
	else
		memory->count++;
	return error;
}

static void platform_memory_free_regions(struct ndshm_platform_memory *memory)
{
	while (memory->count)
		platform_region_fini(&memory->regions[--memory->count]);
	kfree(memory);
}

static int platform_memory_find_regions(struct ndshm_platform_memory *memory)
{
	struct device_node *node;
	unsigned int i;
	int error = 0;

	for (i = 0; !error; i++) {
		node = of_parse_phandle(memory->dev->of_node, "memory-region", i);
		if (!node)
			break;
		error = platform_region_init(memory, node);
		of_node_put(node);
	}
	return error;
}

static int platform_memory_register(struct ndshm_platform_memory *memory,
				    struct ndshm_adapter *adapter)
{
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.provider_context = memory,
		.allocate = platform_memory_allocate,
		.free = platform_memory_free,
	};
	const struct ndshm_provider_ops ops = {
		.name = dev_name(memory->dev),
		.owner = THIS_MODULE,
		.flags = NDSHM_PROVIDER_OPEN,
		.context_size = sizeof(struct platform_chunk),
		.pfn = platform_memory_pfn,
	};

	memory->provider = ndshm_provider_register(&characteristics, &ops, NDSHM_SCOPE_ADAPTER,
						   adapter, NULL);
	return PTR_ERR_OR_ZERO(memory->provider);
}

int ndshm_platform_memory_add(struct ndshm_platform_device *device)
{
	struct device *dev = &device->pdev->dev;
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);
	struct ndshm_platform_memory *memory;
	int error;

	if (!of_property_present(dev->of_node, "memory-region"))
		return 0;
	if (domain && (domain->type & __IOMMU_DOMAIN_DMA_API)) {
		dev_notice(dev, "memory-region: not used behind an IOMMU, which makes any memory suitable\n");
		return 0;
	}
	memory = kzalloc(sizeof(*memory), GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	memory->dev = dev;
	memory->cached = dev_is_dma_coherent(dev);
	spin_lock_init(&memory->lock);
	error = platform_memory_find_regions(memory);
	if (!error)
		error = platform_memory_register(memory, device->adapter);
	if (error) {
		platform_memory_free_regions(memory);
		return error;
	}
	device->memory = memory;
	return 0;
}

/* If code of the kernel keeps a block for too long, the memory is not used again. */
void ndshm_platform_memory_remove(struct ndshm_platform_device *device)
{
	if (device->memory && !ndshm_provider_revoke(device->memory->provider))
		platform_memory_free_regions(device->memory);
	device->memory = NULL;
}
