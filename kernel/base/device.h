/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices without a driver, for memory that is for no particular device. Inline, because the test
 * modules call it, too.
 */
#ifndef _NDSHM_BASE_DEVICE_H
#define _NDSHM_BASE_DEVICE_H

#include <linux/acpi.h>
#include <linux/dma-map-ops.h>
#include <linux/dma-mapping.h>
#include <linux/of.h>
#include <linux/of_device.h>
#include <linux/platform_device.h>

/*
 * Let a device that no bus has configured see the caches if devices of this machine do. The root
 * of a device tree says so; machines with ACPI are coherent, by the rules for servers. Where all
 * devices are coherent, this is nothing. Return: 0 or -errno.
 */
static inline int ndshm_device_set_coherence(struct device *device)
{
	struct device_node *root;
	int ret;

	if (dev_is_dma_coherent(device))
		return 0;
	if (!acpi_disabled)
		return acpi_dma_configure(device, DEV_DMA_COHERENT);
	root = of_find_node_by_path("/");
	if (!root)
		return 0;
	ret = of_dma_configure(device, root, true);
	of_node_put(root);
	return ret;
}

/*
 * Add a device that reaches all memory of the machine, in segments of any length, with the
 * coherence of the machine. Return: NULL, or the device, which platform_device_unregister()
 * removes.
 */
static inline struct platform_device *ndshm_device_add(const char *name, int id, int node)
{
	struct platform_device *device = platform_device_alloc(name, id);
	int ret;

	if (!device)
		return NULL;
	set_dev_node(&device->dev, node);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	dma_set_max_seg_size(&device->dev, UINT_MAX);
	if (!ret)
		ret = ndshm_device_set_coherence(&device->dev);
	if (!ret)
		ret = platform_device_add(device);
	if (ret) {
		platform_device_put(device);
		return NULL;
	}
	return device;
}

#endif /* _NDSHM_BASE_DEVICE_H */
