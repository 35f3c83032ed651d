// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a virtual function: a provider in the scope of the function's adapter,
 * with a budget. An administrator takes the memory away by writing 0 to the function's
 * attribute "memory" in sysfs, which revokes all blocks, and gives new memory by writing
 * the number of bytes.
 */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/sysfs.h>

#include <ndshm/provider.h>

#include "vf.h"

/* A block. Allocated and freed by ndshm. */
struct vf_chunk {
	struct device *device;
	void *address;
	dma_addr_t dma;
	size_t length;
};

static bool vf_memory_charge(struct vf_memory *memory, u64 bytes)
{
	bool enough;

	mutex_lock(&memory->lock);
	/* Lost memory of an earlier provider stays charged. */
	enough = memory->used <= memory->budget &&
		 bytes <= memory->budget - memory->used;
	if (enough)
		memory->used += bytes;
	mutex_unlock(&memory->lock);
	return enough;
}

static void vf_memory_uncharge(struct vf_memory *memory, u64 bytes)
{
	mutex_lock(&memory->lock);
	memory->used -= bytes;
	mutex_unlock(&memory->lock);
}

/*
 * ndshm ensures that the device is the function: the memory is in the function's IOMMU
 * domain, and in no other.
 */
static ndshm_status_t vf_memory_allocate(void *provider_context,
					 struct ndshm_parameters *parameters,
					 void **context)
{
	struct vf_memory *memory = provider_context;
	struct vf_chunk *chunk = *context;

	if (parameters->length > memory->budget)
		return NDSHM_STATUS_RESOURCES;
	chunk->device = parameters->device;
	chunk->length = PAGE_ALIGN(parameters->length);
	if (!vf_memory_charge(memory, chunk->length))
		return NDSHM_STATUS_RESOURCES;
	/* Reads as zero. */
	chunk->address = dma_alloc_coherent(chunk->device, chunk->length, &chunk->dma,
					    GFP_KERNEL | __GFP_NOWARN);
	if (!chunk->address)
		goto err_charge;
	if (ndshm_list_add(parameters->list, chunk->dma, chunk->length))
		goto err_memory;
	parameters->virtual_address = chunk->address;
	return NDSHM_STATUS_SUCCESS;

err_memory:
	dma_free_coherent(chunk->device, chunk->length, chunk->address, chunk->dma);
err_charge:
	vf_memory_uncharge(memory, chunk->length);
	return NDSHM_STATUS_RESOURCES;
}

static void vf_memory_free(void *provider_context, void *context)
{
	struct vf_chunk *chunk = context;

	dma_free_coherent(chunk->device, chunk->length, chunk->address, chunk->dma);
	vf_memory_uncharge(provider_context, chunk->length);
}

/*
 * Without the flag NDSHM_PROVIDER_OPEN, and without a way to map the memory: it is for
 * this driver only.
 */
int vf_memory_add(struct vf *vf, u64 budget)
{
	const struct ndshm_provider_characteristics characteristics = {
		.header = NDSHM_PROVIDER_CHARACTERISTICS_HEADER,
		.provider_context = &vf->memory,
		.allocate = vf_memory_allocate,
		.free = vf_memory_free,
	};
	const struct ndshm_provider_ops ops = {
		.name = pci_name(vf->pdev),
		.owner = THIS_MODULE,
		.context_size = sizeof(struct vf_chunk),
	};
	struct ndshm_provider *provider;
	int error = -EBUSY;

	if (budget > VF_MEMORY_MOST)
		return -ERANGE;
	mutex_lock(&vf->memory_lock);
	if (vf->memory.provider)
		goto out;
	vf->memory.budget = budget;
	provider = ndshm_provider_register(&characteristics, &ops, NDSHM_SCOPE_ADAPTER,
					   vf->adapter, NULL);
	error = PTR_ERR_OR_ZERO(provider);
	if (!error)
		vf->memory.provider = provider;
out:
	mutex_unlock(&vf->memory_lock);
	return error;
}

/*
 * Revoke all blocks, and wait until the function does not use them any more. An interface
 * that is up stops until it is set down and up.
 */
int vf_memory_remove(struct vf *vf)
{
	int error = 0;

	mutex_lock(&vf->memory_lock);
	if (vf->memory.provider)
		error = ndshm_provider_revoke(vf->memory.provider);
	vf->memory.provider = NULL;
	mutex_unlock(&vf->memory_lock);
	return error;
}

static ssize_t memory_show(struct device *dev, struct device_attribute *attribute,
			   char *text)
{
	struct vf *vf = dev_get_drvdata(dev);
	u64 budget;

	mutex_lock(&vf->memory_lock);
	budget = vf->memory.provider ? vf->memory.budget : 0;
	mutex_unlock(&vf->memory_lock);
	return sysfs_emit(text, "%llu\n", budget);
}

static ssize_t memory_store(struct device *dev, struct device_attribute *attribute,
			    const char *text, size_t length)
{
	struct vf *vf = dev_get_drvdata(dev);
	u64 budget;
	int error = kstrtou64(text, 0, &budget);

	if (!error)
		error = budget ? vf_memory_add(vf, budget) : vf_memory_remove(vf);
	return error ?: length;
}

static DEVICE_ATTR_ADMIN_RW(memory);

static struct attribute *vf_memory_attributes[] = {
	&dev_attr_memory.attr,
	NULL,
};

static const struct attribute_group vf_memory_group = {
	.attrs = vf_memory_attributes,
};

const struct attribute_group *vf_memory_groups[] = {
	&vf_memory_group,
	NULL,
};
