// SPDX-License-Identifier: GPL-2.0
#include <linux/dma-mapping.h>
#include <linux/nodemask.h>
#include <linux/platform_device.h>
#include <linux/slab.h>

#include "adapter.h"
#include "node.h"

/* A node with memory, its device and its adapter. */
struct node {
	struct list_head link;
	struct platform_device *device;
	struct ndshm_adapter *adapter;
};

/* In ascending order of nodes; written at load and unload only. */
static LIST_HEAD(nodes);

/*
 * A device that nothing drives: the DMA API takes the NUMA node of memory from
 * the device alone, so each node has one.
 */
static struct platform_device *make_device(int node)
{
	struct platform_device *device;
	int ret;

	device = platform_device_alloc("ndshm-node", node);
	if (!device)
		return NULL;
	set_dev_node(&device->dev, node);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	/* Memory in as few segments as there can be. */
	dma_set_max_seg_size(&device->dev, UINT_MAX);
	if (!ret)
		ret = platform_device_add(device);
	if (ret) {
		platform_device_put(device);
		return NULL;
	}
	return device;
}

static int __init add_node(int number)
{
	struct ndshm_adapter_info info = { .flags = NDSHM_ADAPTER_OPEN };
	char name[NDSHM_NAME_SIZE];
	ndshm_reason_t reason;
	struct node *node;

	node = kzalloc(sizeof(*node), GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	node->device = make_device(number);
	if (!node->device) {
		kfree(node);
		return -ENOMEM;
	}
	snprintf(name, sizeof(name), "node%d", number);
	info.name = name;
	info.device = &node->device->dev;
	reason = ndshm_adapter_register(&info, &node->adapter);
	if (reason != NDSHM_REASON_NONE) {
		platform_device_unregister(node->device);
		kfree(node);
		return ndshm_reason_errno(reason);
	}
	list_add_tail(&node->link, &nodes);
	return 0;
}

int __init ndshm_node_setup(void)
{
	int number, ret;

	for_each_node_state(number, N_MEMORY) {
		ret = add_node(number);
		if (ret) {
			ndshm_node_teardown();
			return ret;
		}
	}
	return 0;
}

void ndshm_node_teardown(void)
{
	struct node *node, *next;

	list_for_each_entry_safe(node, next, &nodes, link) {
		list_del(&node->link);
		ndshm_adapter_unregister(node->adapter);
		platform_device_unregister(node->device);
		kfree(node);
	}
}

u32 ndshm_node_default(void)
{
	return list_first_entry(&nodes, struct node, link)->adapter->entry.id;
}
