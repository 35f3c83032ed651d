// SPDX-License-Identifier: GPL-2.0
/* An adapter for each NUMA node with memory, for blocks of no particular device. */
#include <linux/nodemask.h>
#include <linux/platform_device.h>

#include "../base/device.h"
#include "adapter.h"
#include "node.h"

/* By node; NULL for nodes without memory. Written at load and unload only. */
static struct ndshm_adapter *adapters[MAX_NUMNODES];
static u32 default_id;

static int __init node_add(int node)
{
	struct ndshm_adapter_info info = { .flags = NDSHM_ADAPTER_OPEN };
	/* The DMA API allocates memory on the node of the device. */
	struct platform_device *device = ndshm_device_add("ndshm-node", node, node);
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
	adapter->flags |= NDSHM_ADAPTER_NODE;
	adapters[node] = adapter;
	default_id = default_id ?: adapter->entry.id;
	return 0;
}

int __init ndshm_node_init(void)
{
	int node, ret;

	for_each_node_state(node, N_MEMORY) {
		ret = node_add(node);
		if (ret) {
			ndshm_node_exit();
			return ret;
		}
	}
	return 0;
}

void ndshm_node_exit(void)
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

u32 ndshm_node_default(void)
{
	return default_id;
}
