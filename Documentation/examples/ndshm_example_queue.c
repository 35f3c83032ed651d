// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel driver with a receive queue, from allocation to free. The driver frees the queue while
 * a packet of it is in flight. The example creates a platform device, and writes the packet
 * itself.
 */
#include <linux/completion.h>
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>
#include <linux/string.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>
#include <ndshm/packet.h>
#include <ndshm/queue.h>

static struct platform_device *device;
static struct ndshm_adapter *adapter;
static struct ndshm_block *buffers;
static DECLARE_COMPLETION(queue_freed);

/* Called if the adapter is unregistered: stop DMA to the queue's blocks here. */
static void queue_stop(void *context, u32 id)
{
	pr_info("example: queue %u stops\n", id);
}

/* Called when no packet of the queue is in flight: free its blocks. */
static void queue_free_blocks(void *context, u32 id)
{
	ndshm_free(buffers);
	buffers = NULL;
}

static void queue_has_gone(void *context, u32 id)
{
	complete(&queue_freed);
}

static const struct ndshm_queue_ops queue_ops = {
	.stop = queue_stop,
	.free_blocks = queue_free_blocks,
	.freed = queue_has_gone,
};

static int make_buffers(u32 queue, u32 *handle)
{
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.queue_id = queue,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_RECEIVE,
		.length = SZ_16K,
		.adapter = adapter,
	};
	struct ndshm_block *block = ndshm_allocate(&parameters, NULL);

	if (IS_ERR(block))
		return PTR_ERR(block);
	/* Memory of a provider may have no address for the processor. */
	if (!parameters.virtual_address) {
		ndshm_free(block);
		return -EOPNOTSUPP;
	}
	buffers = block;
	*handle = parameters.shared_memory_handle;
	return 0;
}

/*
 * Resolve a packet to its memory, as a receive path does. The memory is not freed, nor the queue,
 * before ndshm_packet_put().
 */
static struct ndshm_block *receive(const struct ndshm_packet *packet)
{
	struct ndshm_block *held;
	void *address;

	held = ndshm_packet_resolve(adapter, packet, &address, NULL);
	if (IS_ERR(held))
		return held;
	/* Stands for DMA by the device. */
	memcpy(address, "hello", packet->length);
	pr_info("example: received \"%.*s\"\n", (int)packet->length,
		(char *)address);
	return held;
}

static int use_queue(u32 id)
{
	struct ndshm_packet packet = { .offset = SZ_2K, .length = 5 };
	struct ndshm_block *held;
	int ret;

	/* Allocate blocks before ndshm_queue_complete(). With a filter the queue then runs. */
	ret = make_buffers(id, &packet.shared_memory_handle) ?:
	      ndshm_queue_set_filter(adapter, id, NULL) ?:
	      ndshm_queue_complete(adapter, id, NULL);
	if (ret)
		return ret;

	held = receive(&packet);
	if (IS_ERR(held))
		return PTR_ERR(held);

	/* Free the queue. It waits for the packet in flight. */
	ret = ndshm_queue_clear_filter(adapter, id, NULL) ?:
	      ndshm_queue_free(adapter, id, NULL) ?:
	      ndshm_queue_dma_stopped(adapter, id, NULL);
	pr_info("example: the queue %s\n",
		completion_done(&queue_freed) ? "was freed too early" : "waits");
	ndshm_packet_put(held);
	if (ret)
		return ret;
	wait_for_completion(&queue_freed);
	pr_info("example: the queue is freed\n");
	return 0;
}

static int __init example_init(void)
{
	struct ndshm_adapter_info info = { .name = "example-queue" };
	u32 id;
	int ret;

	device = platform_device_register_simple("ndshm-example-queue",
						 PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (ret)
		goto err_device;
	info.device = &device->dev;
	adapter = ndshm_adapter_register(&info, NULL);
	ret = PTR_ERR_OR_ZERO(adapter);
	if (ret)
		goto err_device;

	ret = ndshm_queue_allocate(adapter, &queue_ops, NULL, &id, NULL);
	if (!ret)
		ret = use_queue(id);
	/* Unregistering the adapter ends this queue. */
	if (!ret)
		ret = ndshm_queue_allocate(adapter, &queue_ops, NULL, &id, NULL);
	if (ret)
		goto err_adapter;
	return 0;

err_adapter:
	ndshm_adapter_unregister(adapter);
err_device:
	platform_device_unregister(device);
	return ret;
}
module_init(example_init);

static void __exit example_exit(void)
{
	ndshm_adapter_unregister(adapter);
	platform_device_unregister(device);
}
module_exit(example_exit);

MODULE_DESCRIPTION("ndshm: example of a kernel driver with a receive queue");
MODULE_LICENSE("GPL");
