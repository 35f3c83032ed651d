// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/platform_device.h>

#include "device.h"

struct platform_device *__init ndshm_device_add(const char *name, int id, int node)
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
