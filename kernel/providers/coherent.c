// SPDX-License-Identifier: GPL-2.0
/*
 * Provider "coherent": each block is one dma_alloc_coherent() for the adapter's device. A
 * large block for a device to which ordinary memory is coherent consists of chunks of the
 * provider "pages" instead, as one segment, so that the allocation can be given up
 * half-way.
 *
 * Blocks are mapped by PFN, so that user space cannot pin the memory: it is freed with
 * the block, also if it is still mapped. dma_mmap_coherent() is unsuitable: behind an
 * IOMMU it maps struct pages, and it populates page tables before a revocation can find
 * them.
 */
#include <linux/cc_platform.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "coherent.h"
#include "pages.h"
#include "pages_testing.h"

/* Longer blocks are large: they consist of chunks where the device permits that. */
#define SMALL	SZ_256K

/**
 * struct coherent - Memory of one block
 * @device: device of the allocation
 * @size: bytes
 * @address: kernel address
 * @dma: DMA address
 * @pages: chunks; none if the memory is of dma_alloc_coherent()
 */
struct coherent {
	struct device *device;
	size_t size;
	void *address;
	dma_addr_t dma;
	struct ndshm_pages pages;
};

static struct ndshm_provider *provider;

/*
 * Bytes of memory that dma_alloc_coherent() takes. Without an IOMMU it allocates a power
 * of two of pages, and the rest stays unused.
 */
static u64 coherent_consumed(struct device *device, size_t size)
{
	struct iommu_domain *domain;

	if (is_power_of_2(size))
		return size;
	domain = iommu_get_domain_for_dev(device);
	if (domain && (domain->type & __IOMMU_DOMAIN_DMA_API))
		return size;
	return (u64)PAGE_SIZE << get_order(size);
}

/*
 * Return: true if an allocation cannot succeed. Behind an IOMMU the DMA API first
 * allocates an array of struct page pointers, warns if that is too long, and has a page
 * count of 32 bits.
 */
static bool coherent_impossible(size_t size)
{
	unsigned long pages = size >> PAGE_SHIFT;

	return pages > totalram_pages() ||
	       pages > INT_MAX / sizeof(struct page *);
}

/* Allocate chunks that are one segment together; one entry maps a chunk of huge page order. */
static bool coherent_gather(struct coherent *coherent,
			    struct ndshm_parameters *parameters)
{
	const u32 flags = parameters->flags;
	ndshm_status_t status;

	parameters->flags |= NDSHM_ALLOC_CONTIGUOUS;
	parameters->no_kernel_mapping = false;
	status = ndshm_pages_allocate(parameters, false, &coherent->pages);
	parameters->flags = flags;
	coherent->address = parameters->virtual_address;
	return status == NDSHM_STATUS_SUCCESS;
}

static void coherent_free_dma(struct coherent *coherent)
{
	dma_free_coherent(coherent->device, coherent->size, coherent->address, coherent->dma);
}

static bool coherent_alloc(struct coherent *coherent,
			   struct ndshm_parameters *parameters)
{
	coherent->address = dma_alloc_coherent(coherent->device, coherent->size, &coherent->dma,
					       NDSHM_GFP_CHARGED);
	if (!coherent->address)
		return false;
	if (ndshm_list_add(parameters->list, coherent->dma, coherent->size)) {
		coherent_free_dma(coherent);
		return false;
	}
	parameters->virtual_address = coherent->address;
	parameters->consumed = coherent_consumed(coherent->device, coherent->size);
	return true;
}

static ndshm_status_t coherent_allocate(void *provider_context,
					struct ndshm_parameters *parameters,
					void **context)
{
	struct coherent *coherent = *context;

	if (coherent_impossible(PAGE_ALIGN(parameters->length)))
		return NDSHM_STATUS_RESOURCES;
	coherent->device = parameters->device;
	coherent->size = PAGE_ALIGN(parameters->length);
	if (coherent->size > SMALL &&
	    ndshm_pages_fit(coherent->device, coherent->size) ?
	    !coherent_gather(coherent, parameters) :
	    !coherent_alloc(coherent, parameters))
		return NDSHM_STATUS_RESOURCES;
	return NDSHM_STATUS_SUCCESS;
}

static void coherent_free(void *provider_context, void *context)
{
	struct coherent *coherent = context;

	if (coherent->pages.count) {
		ndshm_pages_free(&coherent->pages);
		return;
	}
	if (!ndshm_test_keep(coherent->device, coherent->size, coherent->address, coherent->dma))
		coherent_free_dma(coherent);
}

static unsigned long coherent_pfn(void *provider_context, void *context,
				  pgoff_t index, unsigned long *count,
				  pgprot_t *prot)
{
	struct coherent *coherent = context;

	if (coherent->pages.count)
		return ndshm_pages_pfn(&coherent->pages, index, count);
	if (!dev_is_dma_coherent(coherent->device))
		*prot = pgprot_dmacoherent(*prot);
	return ndshm_kernel_pfn(coherent->address, coherent->size, index, count);
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = coherent_allocate,
	.free = coherent_free,
};

/*
 * With memory encryption the memory may be shared with the device unencrypted, which only
 * the DMA API knows: @pfn is cleared then, and blocks cannot be mapped.
 */
static struct ndshm_provider_ops ops __initdata = {
	.name = "coherent",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.context_size = sizeof(struct coherent),
	.pfn = coherent_pfn,
};

int __init ndshm_coherent_init(struct ndshm_provider **out)
{
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		ops.pfn = NULL;
	provider = ndshm_provider_register(&characteristics, &ops,
					   NDSHM_SCOPE_NAMED, NULL, NULL);
	if (IS_ERR(provider))
		return PTR_ERR(provider);
	*out = provider;
	return 0;
}

void ndshm_coherent_exit(void)
{
	WARN_ON(ndshm_provider_revoke(provider));
	ndshm_test_free_held();
}
