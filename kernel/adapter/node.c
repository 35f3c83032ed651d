// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/nodemask.h>
#include <linux/platform_device.h>

#include "adapter.h"
#include "node.h"

/* By node; NULL for nodes without memory. Written at load and unload only. */
static struct ndshm_adapter *adapters[MAX_NUMNODES];
static u32 default_id;

/*
 * Create a device without a driver: the DMA API allocates memory on the node of
 * the device, so each node needs a device.
 */
static struct platform_device *node_alloc_device(int node)
{
	struct platform_device *device;
	int ret;

	device = platform_device_alloc("ndshm-node", node);
	if (!device)
		return NULL;
	set_dev_node(&device->dev, node);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	/* Do not limit the length of a segment: there is no real device. */
	dma_set_max_seg_size(&device->dev, UINT_MAX);
	if (!ret)
		ret = platform_device_add(device);
	if (ret) {
		platform_device_put(device);
		return NULL;
	}
	return device;
}

static int __init node_add(int node)
{
	struct ndshm_adapter_info info = { .flags = NDSHM_ADAPTER_OPEN };
	struct platform_device *device = node_alloc_device(node);
	struct ndshm_adapter *adapter;
	char name[NDSHM_NAME_SIZE];

	if (!device)
		return -ENOMEM;
	snprintf(name, sizeof(name), "node%d", node);
	info.name = name;
	info.device = &device->dev;
	adapter = ndshm_adapter_register(&info, NULL);
	if (IS_ERR(adapter)) {
		platform_device_unregister(device);
		return PTR_ERR(adapter);
	}
	adapters[node] = adapter;
	default_id = default_id ?: adapter->entry.id;
	return 0;
}

int __init ndshm_node_setup(void)
{
	int node, ret;

	for_each_node_state(node, N_MEMORY) {
		ret = node_add(node);
		if (ret) {
			ndshm_node_teardown();
			return ret;
		}
	}
	return 0;
}

void ndshm_node_teardown(void)
{
	struct platform_device *device;
	int node;

	for (node = 0; node < MAX_NUMNODES; node++) {
		if (!adapters[node])
			continue;
		device = to_platform_device(adapters[node]->device);
		ndshm_adapter_unregister(adapters[node]);
		platform_device_unregister(device);
	}
}

bool ndshm_node_is_adapter(const struct ndshm_adapter *adapter)
{
	/* Without CONFIG_NUMA a device has no node, and the only adapter is that of node 0. */
	const int node = max(dev_to_node(adapter->device), 0);

	return adapters[node] == adapter;
}

u32 ndshm_node_default(void)
{
	return default_id;
}
