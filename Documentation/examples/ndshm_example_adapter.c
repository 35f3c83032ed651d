// SPDX-License-Identifier: GPL-2.0
/*
 * A kernel driver that registers an adapter for its device and allocates one block. The example
 * creates a platform device; a PCI driver does the same in probe and remove.
 */
#include <linux/dma-mapping.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#include <ndshm/adapter.h>
#include <ndshm/block.h>

static struct platform_device *device;
static struct ndshm_adapter *adapter;
static struct ndshm_block *ring;
static DEFINE_MUTEX(ring_lock);	/* held while the memory is used; protects ring_gone */
static bool ring_gone;

/*
 * Revocation callback: the provider's device is removed, and the memory is freed when this
 * returns. It may run before ndshm_allocate() has returned. The driver must stop its DMA here, and
 * must not access the memory after that. It must still free the block.
 */
static void ring_revoked(void *context, struct ndshm_block *block)
{
	mutex_lock(&ring_lock);
	ring_gone = true;
	mutex_unlock(&ring_lock);
	pr_info("example: the ring is revoked\n");
}

static int make_ring(void)
{
	struct ndshm_segment segment;
	struct ndshm_segment_list list = {
		.capacity = 1, .segments = &segment,
	};
	struct ndshm_parameters parameters = {
		.header = NDSHM_PARAMETERS_HEADER,
		.flags = NDSHM_ALLOC_CONTIGUOUS,
		.preferred_node = NUMA_NO_NODE,
		.usage = NDSHM_USAGE_OTHER,
		.length = SZ_16K,
		.adapter = adapter,
		.revoked = ring_revoked,
		.list = &list,
	};
	ndshm_reason_t reason;

	ring = ndshm_allocate(&parameters, &reason);
	if (IS_ERR(ring)) {
		pr_err("example: no ring: %s\n", ndshm_reason_name(reason));
		return PTR_ERR(ring);
	}
	/* A provider may give memory that the processor has no address for. */
	if (!parameters.virtual_address) {
		pr_err("example: the ring has no kernel address\n");
		ndshm_free(ring);
		return -EOPNOTSUPP;
	}
	/* virtual_address is for the processor, segment.address for the device. */
	mutex_lock(&ring_lock);
	if (!ring_gone)
		memset(parameters.virtual_address, 0, parameters.length);
	mutex_unlock(&ring_lock);
	pr_info("example: block %u, %llu bytes at 0x%llx for the device\n",
		parameters.shared_memory_handle, segment.length,
		segment.address);
	return 0;
}

static int __init example_init(void)
{
	struct ndshm_adapter_info info = { .name = "example" };
	int ret;

	device = platform_device_register_simple("ndshm-example",
						 PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(device))
		return PTR_ERR(device);
	ret = dma_coerce_mask_and_coherent(&device->dev, DMA_BIT_MASK(64));
	if (ret)
		goto err_device;

	/* Without NDSHM_ADAPTER_OPEN only this driver can allocate for the adapter. */
	info.device = &device->dev;
	adapter = ndshm_adapter_register(&info, NULL);
	ret = PTR_ERR_OR_ZERO(adapter);
	if (ret)
		goto err_device;
	ret = make_ring();
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
	ndshm_free(ring);
	ndshm_adapter_unregister(adapter);
	platform_device_unregister(device);
}
module_exit(example_exit);

MODULE_DESCRIPTION("ndshm: example of a kernel driver that allocates");
MODULE_LICENSE("GPL");
