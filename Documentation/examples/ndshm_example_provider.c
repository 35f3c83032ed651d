// SPDX-License-Identifier: GPL-2.0
/* A provider of write-combined memory, for requests that name it. */
#include <linux/cc_platform.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/provider.h>

/* Part of each block. */
struct memory {
	struct device *device;
	size_t size;
	void *address;
	dma_addr_t dma;
};

static struct ndshm_provider *provider;

static ndshm_status_t example_allocate(void *provider_context,
				       struct ndshm_parameters *parameters,
				       void **context)
{
	struct memory *memory = *context;

	/* The adapter stays registered until the free handler has returned. */
	memory->device = parameters->device;
	memory->size = PAGE_ALIGN(parameters->length);
	memory->address = dma_alloc_wc(memory->device, memory->size,
				       &memory->dma, NDSHM_GFP_CHARGED);
	if (!memory->address)
		return NDSHM_STATUS_RESOURCES;
	if (ndshm_list_add(parameters->list, memory->dma, memory->size)) {
		dma_free_wc(memory->device, memory->size, memory->address, memory->dma);
		return NDSHM_STATUS_RESOURCES;
	}
	parameters->virtual_address = memory->address;
	return NDSHM_STATUS_SUCCESS;
}

static void example_free(void *provider_context, void *context)
{
	struct memory *memory = context;

	dma_free_wc(memory->device, memory->size, memory->address, memory->dma);
}

/* Use the protection of the kernel's mapping, as dma_alloc_wc() has chosen it. */
static unsigned long example_pfn(void *provider_context, void *context,
				 pgoff_t index, unsigned long *count,
				 pgprot_t *prot)
{
	struct memory *memory = context;

	if (!dev_is_dma_coherent(memory->device))
		*prot = pgprot_writecombine(*prot);
	return ndshm_kernel_pfn(memory->address, memory->size, index, count);
}

static const struct ndshm_provider_characteristics characteristics = {
	.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
	.allocate = example_allocate,
	.free = example_free,
};

static struct ndshm_provider_ops ops = {
	.name = "example",
	.owner = THIS_MODULE,
	.flags = NDSHM_PROVIDER_OPEN,
	.context_size = sizeof(struct memory),
	.pfn = example_pfn,
};

static int __init example_init(void)
{
	/* Only the DMA API knows how memory that is shared unencrypted is mapped. */
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		ops.pfn = NULL;
	provider = ndshm_provider_register(&characteristics, &ops,
					   NDSHM_SCOPE_NAMED, NULL, NULL);
	return PTR_ERR_OR_ZERO(provider);
}
module_init(example_init);

/* Every block holds a reference on the module, so none is left. */
static void __exit example_exit(void)
{
	ndshm_provider_unregister(provider, NULL);
}
module_exit(example_exit);

MODULE_DESCRIPTION("ndshm: example of a provider");
MODULE_LICENSE("GPL");
