/* SPDX-License-Identifier: GPL-2.0 */
/* What test drivers share: the header of a structure, devices without DMA, and edu with it. */
#ifndef _NDSHM_TESTS_NDIS_DEVICE_H
#define _NDSHM_TESTS_NDIS_DEVICE_H

#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/io.h>
#include <linux/iopoll.h>
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

/*
 * edu, QEMU's device for teaching, copies bytes between memory and a buffer of its own, whose DMA
 * address is EDU_BUFFER.
 */
#define EDU_DEVICE	PCI_DEVICE(0x1234, 0x11e8)
#define EDU_MASK	DMA_BIT_MASK(28)
#define EDU_BUFFER	0x40000
#define EDU_TO_BUFFER	1
#define EDU_TO_MEMORY	3

/* Return: false after ten seconds without an end. */
static inline bool edu_copy(void __iomem *registers, u32 from, u32 to, u32 bytes, u32 command)
{
	void __iomem *dma = registers + 0x80;
	u32 running;

	writel(from, dma);
	writel(to, dma + 8);
	writel(bytes, dma + 16);
	writel(command, dma + 24);
	return !readl_poll_timeout(dma + 24, running, !(running & EDU_TO_BUFFER), USEC_PER_MSEC,
				   10 * USEC_PER_SEC);
}

#endif /* _NDSHM_TESTS_NDIS_DEVICE_H */
