// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm_platform: a platform driver that registers each bound device as an adapter. A device is
 * bound by driver_override, or by a node of the device tree with compatible "ndshm,adapter".
 */
#include <linux/clk.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/mod_devicetable.h>
#include <linux/notifier.h>
#include <linux/platform_device.h>
#include <linux/pm.h>
#include <linux/pm_runtime.h>
#include <linux/reset.h>

#include <ndshm/adapter.h>
#include <ndshm/provider.h>

#include "platform.h"
#include "platform_device.h"

/* Request all register windows, also those that clients cannot map; released by the kernel. */
static int platform_request_windows(struct platform_device *pdev)
{
	struct resource *window;
	unsigned int i;

	for (i = 0; (window = platform_get_resource(pdev, IORESOURCE_MEM, i)); i++) {
		if (!devm_request_mem_region(&pdev->dev, window->start, resource_size(window),
					     dev_name(&pdev->dev))) {
			dev_err(&pdev->dev, "register window %pR: in use; see /proc/iomem\n",
				window);
			return -EBUSY;
		}
	}
	return 0;
}

static int platform_get_supplies(struct ndshm_platform_device *device)
{
	struct device *dev = &device->pdev->dev;

	device->reset = devm_reset_control_array_get_optional_exclusive(dev);
	if (IS_ERR(device->reset))
		return PTR_ERR(device->reset);
	device->clock_count = devm_clk_bulk_get_all(dev, &device->clocks);
	return min(device->clock_count, 0);
}

/* The device must be on before the first access to a register. */
static int platform_power_on(struct ndshm_platform_device *device)
{
	struct device *dev = &device->pdev->dev;
	int error;

	pm_runtime_enable(dev);
	error = pm_runtime_resume_and_get(dev);
	if (error)
		goto err_disable;
	error = clk_bulk_prepare_enable(device->clock_count, device->clocks);
	if (error)
		goto err_put;
	return 0;

err_put:
	pm_runtime_put_sync(dev);
err_disable:
	pm_runtime_disable(dev);
	return error;
}

static void platform_power_off(struct ndshm_platform_device *device)
{
	clk_bulk_disable_unprepare(device->clock_count, device->clocks);
	pm_runtime_put_sync(&device->pdev->dev);
	pm_runtime_disable(&device->pdev->dev);
}

static bool platform_has_own_dma(const struct platform_device *pdev)
{
	const struct device *dev = &pdev->dev;

	return (dev->dma_mask == &pdev->platform_dma_mask ||
		dev->dma_mask == &dev->coherent_dma_mask) &&
	       (!dev->dma_parms || dev->dma_parms == &pdev->dma_parms);
}

/* No limit of segments: the client must respect that of its device. */
static void platform_save_dma(struct ndshm_platform_device *device)
{
	struct device *dev = &device->pdev->dev;

	device->dma_mask = dma_get_mask(dev);
	device->coherent_mask = dev->coherent_dma_mask;
	device->segment_size = dma_get_max_seg_size(dev);
	dma_set_max_seg_size(dev, UINT_MAX);
}

static void platform_restore_dma(struct ndshm_platform_device *device)
{
	struct device *dev = &device->pdev->dev;

	dma_set_mask(dev, device->dma_mask);
	dma_set_coherent_mask(dev, device->coherent_mask);
	dma_set_max_seg_size(dev, device->segment_size);
}

static int platform_register(struct ndshm_platform_device *device,
			     const struct ndshm_adapter_info *info)
{
	/* A client can claim it before the call returns. The claim waits for the lock. */
	mutex_lock(&device->lock);
	device->adapter = ndshm_adapter_register(info, NULL);
	mutex_unlock(&device->lock);
	return PTR_ERR_OR_ZERO(device->adapter);
}

static int ndshm_platform_probe(struct platform_device *pdev)
{
	struct device *dev = &pdev->dev;
	struct ndshm_adapter_info info = {
		.name = dev_name(dev),
		.device = dev,
		.flags = NDSHM_ADAPTER_OPEN,
		.ops = &ndshm_platform_adapter_ops,
	};
	struct ndshm_platform_device *device;
	int error;

	if (!ndshm_name_valid(dev_name(dev))) {
		dev_err(dev, "the name of an adapter has at most %d characters and no slash\n",
			NDSHM_NAME_SIZE - 1);
		return -ENAMETOOLONG;
	}
	/* For instance the devices of node adapters. */
	if (!pdev->num_resources && !dev->of_node) {
		dev_err(dev, "the device has neither registers nor interrupts\n");
		return -ENODEV;
	}
	if (!dev->dma_mask) {
		dev_err(dev, "the device has no DMA mask, so it cannot do DMA\n");
		return -ENODEV;
	}
	/* For instance a cell of a multi-function device, whose parent has a driver of its own. */
	if (!platform_has_own_dma(pdev)) {
		dev_err(dev, "the DMA mask is that of another device, which a claim would change\n");
		return -EBUSY;
	}
	error = ndshm_bus_set_group(dev, &info);
	if (error)
		return error;
	device = devm_kzalloc(dev, sizeof(*device), GFP_KERNEL);
	if (!device)
		return -ENOMEM;
	info.context = device;
	device->pdev = pdev;
	mutex_init(&device->lock);
	platform_set_drvdata(pdev, device);

	error = platform_request_windows(pdev);
	if (!error)
		error = platform_get_supplies(device);
	if (!error)
		error = platform_power_on(device);
	if (error)
		goto err_lock;

	error = ndshm_platform_irqs_init(device);
	if (error)
		goto err_power;

	/*
	 * Without a reset line the device is taken as clean, whatever had it before: binding is an
	 * administrator's decision.
	 */
	error = ndshm_platform_pulse(device);
	if (error && error != -ENOTTY) {
		dev_err(dev, "reset failed: error %d\n", error);
		goto err_irqs;
	}
	if (error)
		info.flags |= NDSHM_ADAPTER_UNSTOPPABLE;
	platform_save_dma(device);
	error = platform_register(device, &info);
	if (error)
		goto err_dma;
	error = ndshm_platform_memory_add(device);
	if (error)
		goto err_adapter;
	return 0;

err_adapter:
	ndshm_adapter_unregister(device->adapter);
err_dma:
	platform_restore_dma(device);
err_irqs:
	ndshm_platform_irqs_fini(device);
err_power:
	platform_power_off(device);
err_lock:
	mutex_destroy(&device->lock);
	return error;
}

static ndshm_removed_t ndshm_platform_remove(struct platform_device *pdev)
{
	struct ndshm_platform_device *device = platform_get_drvdata(pdev);

	ndshm_adapter_unregister(device->adapter);
	ndshm_platform_memory_remove(device);
	platform_restore_dma(device);
	ndshm_platform_irqs_fini(device);
	platform_power_off(device);
	mutex_destroy(&device->lock);
	return NDSHM_REMOVED;
}

/* End DMA as far as that is possible: another kernel may be next. */
static void ndshm_platform_shutdown(struct platform_device *pdev)
{
	struct ndshm_platform_device *device = platform_get_drvdata(pdev);

	mutex_lock(&device->lock);
	device->down = true;
	mutex_unlock(&device->lock);
	/* Tasks of clients run, and could access registers in the reset or begin new DMA. */
	ndshm_adapter_unmap_bars(device->adapter, true);
	mutex_lock(&device->lock);
	ndshm_platform_irqs_stop(device);
	ndshm_platform_pulse(device);
	ndshm_platform_irqs_end(device);
	mutex_unlock(&device->lock);
}

static const struct of_device_id ndshm_platform_ids[] = {
	{ .compatible = "ndshm,adapter" },
	{ }
};
MODULE_DEVICE_TABLE(of, ndshm_platform_ids);

/* driver_managed_dma stays false, as in the PCI driver. */
struct platform_driver ndshm_platform_driver = {
	.probe = ndshm_platform_probe,
	.remove = ndshm_platform_remove,
	.shutdown = ndshm_platform_shutdown,
	.driver = {
		.name = "ndshm_platform",
		.of_match_table = ndshm_platform_ids,
		.pm = pm_sleep_ptr(&ndshm_bus_pm_ops),
	},
};

static struct notifier_block ndshm_platform_bus_notifier = {
	.notifier_call = ndshm_bus_notify,
};

int __init ndshm_platform_init(void)
{
	int error = bus_register_notifier(&platform_bus_type, &ndshm_platform_bus_notifier);

	if (error)
		return error;
	error = platform_driver_register(&ndshm_platform_driver);
	if (error)
		bus_unregister_notifier(&platform_bus_type, &ndshm_platform_bus_notifier);
	return error;
}

void ndshm_platform_exit(void)
{
	platform_driver_unregister(&ndshm_platform_driver);
	bus_unregister_notifier(&platform_bus_type, &ndshm_platform_bus_notifier);
}
