/* SPDX-License-Identifier: GPL-2.0 */
/* What test drivers share: the header of a structure, and devices, which do no DMA. */
#ifndef _NDSHM_TESTS_NDIS_DEVICE_H
#define _NDSHM_TESTS_NDIS_DEVICE_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/platform_device.h>

#define HEADER(type, name, revision) { \
	.Type = NDIS_OBJECT_TYPE_##type, \
	.Revision = NDIS_##name##_REVISION_##revision, \
	.Size = NDIS_SIZEOF_##name##_REVISION_##revision, \
}

/*
 * Say that @device sees the caches, which is the case for each device of other machines: memory of
 * an NDIS provider is for such devices only.
 */
static inline void device_sees_caches(struct device *device)
{
#if defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_DEVICE) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU) || \
	defined(CONFIG_ARCH_HAS_SYNC_DMA_FOR_CPU_ALL)
	device->dma_coherent = true;
#endif
}

/* Return: a device that reaches all memory of the machine, or an error pointer. */
static inline struct platform_device *test_device_add(const char *name)
{
	struct platform_device *device =
		platform_device_register_simple(name, PLATFORM_DEVID_NONE, NULL, 0);
	int ret;

	if (IS_ERR(device))
		return device;
	device_sees_caches(&device->dev);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (!ret)
		return device;
	platform_device_unregister(device);
	return ERR_PTR(ret);
}

#endif /* _NDSHM_TESTS_NDIS_DEVICE_H */
