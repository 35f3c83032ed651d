// SPDX-License-Identifier: GPL-2.0
/*
 * One dma_alloc_coherent() on the adapter's device a block, and
 * dma_mmap_coherent() on the same device to show it. What lies behind is the
 * DMA API's affair: no page, frame or physical address is looked for.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "coherent.h"
#include "coherent_testing.h"

struct coherent {
	struct device *device;
	size_t size;
	void *address;
	dma_addr_t dma;
};

static struct ndshm_provider *provider;

/*
 * Behind an IOMMU memory is gathered page by page. Otherwise it is one run of
 * a power of two of pages, of which the rest stays unused.
 */
static u64 consumed(struct device *device, size_t size)
{
	struct iommu_domain *domain = iommu_get_domain_for_dev(device);

	if (domain && (domain->type & __IOMMU_DOMAIN_DMA_API))
		return size;
	return (u64)PAGE_SIZE << get_order(size);
}

/*
 * What the machine cannot have is not tried: behind an IOMMU the kernel begins with an
 * array of all pages, warns of one that is too long, and counts them in 32 bits.
 */
static bool impossible(size_t size)
{
	unsigned long pages = size >> PAGE_SHIFT;

	return pages > totalram_pages() ||
	       pages > INT_MAX / sizeof(struct page *);
}

static ndshm_status_t coherent_allocate(void *provider_context,
					struct ndshm_parameters *parameters,
					void **context)
{
	struct coherent *coherent;

	if (impossible(PAGE_ALIGN(parameters->length)))
		return NDSHM_STATUS_RESOURCES;
	coherent = kmalloc(sizeof(*coherent), NDSHM_GFP_CHARGED);
	if (!coherent)
		return NDSHM_STATUS_RESOURCES;
	coherent->device = ndshm_adapter_device(parameters->adapter);
	coherent->size = PAGE_ALIGN(parameters->length);
	coherent->address = dma_alloc_coherent(coherent->device, coherent->size,
					       &coherent->dma,
					       NDSHM_GFP_CHARGED);
	if (!coherent->address)
		goto err_coherent;
	if (ndshm_list_add(parameters->list, coherent->dma, coherent->size))
		goto err_memory;
	parameters->virtual_address = coherent->address;
	parameters->consumed = consumed(coherent->device, coherent->size);
	*context = coherent;
	return NDSHM_STATUS_SUCCESS;

err_memory:
	dma_free_coherent(coherent->device, coherent->size, coherent->address,
			  coherent->dma);
err_coherent:
	kfree(coherent);
	return NDSHM_STATUS_RESOURCES;
}

static void coherent_free(void *provider_context, void *context)
{
	struct coherent *coherent = context;

	if (!ndshm_test_hold(coherent->device, coherent->size,
			     coherent->address, coherent->dma))
		dma_free_coherent(coherent->device, coherent->size,
				  coherent->address, coherent->dma);
	kfree(coherent);
}

static int coherent_mmap(void *provider_context, void *context,
			 struct vm_area_struct *vma)
{
	struct coherent *coherent = context;
	int ret;

	ret = dma_mmap_coherent(coherent->device, vma, coherent->address,
				coherent->dma, coherent->size);
	ndshm_vma_is_ram(vma);
	return ret;
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = coherent_allocate,
	.free = coherent_free,
};

static const struct ndshm_provider_ops ops = {
	.name = "coherent",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.mmap = coherent_mmap,
};

int __init ndshm_coherent_setup(struct ndshm_provider **out)
{
	ndshm_reason_t reason;

	reason = ndshm_provider_register(&characteristics, &ops,
					 NDSHM_SCOPE_NAMED, NULL, &provider);
	*out = provider;
	return ndshm_reason_errno(reason);
}

void ndshm_coherent_teardown(void)
{
	ndshm_provider_revoke(provider);
	ndshm_test_let_go();
}
