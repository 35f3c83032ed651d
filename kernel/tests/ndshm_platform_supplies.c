// SPDX-License-Identifier: GPL-2.0
/*
 * The reset line of the virtio-mmio registers in the device tree of run.sh --platform. A pulse
 * resets the devices of all slots.
 *
 * @fail: resets fail
 * @resets: number of resets
 */
#include <linux/io.h>
#include <linux/mod_devicetable.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/reset-controller.h>

#define SLOTS	32
#define SLOT	0x200
#define STATUS	0x70

static bool fail;
module_param(fail, bool, 0600);

static uint resets;
module_param(resets, uint, 0400);

struct supplies {
	struct reset_controller_dev controller;
	void __iomem *slots;
};

static int supplies_assert(struct reset_controller_dev *controller, unsigned long id)
{
	struct supplies *supplies = container_of(controller, struct supplies, controller);
	unsigned int slot;

	if (READ_ONCE(fail))
		return -EIO;
	for (slot = 0; slot < SLOTS; slot++)
		iowrite32(0, supplies->slots + slot * SLOT + STATUS);
	WRITE_ONCE(resets, resets + 1);
	return 0;
}

static int supplies_deassert(struct reset_controller_dev *controller, unsigned long id)
{
	return 0;
}

static const struct reset_control_ops supplies_ops = {
	.assert = supplies_assert,
	.deassert = supplies_deassert,
};

static int supplies_probe(struct platform_device *pdev)
{
	const struct resource *window = platform_get_resource(pdev, IORESOURCE_MEM, 0);
	struct device *dev = &pdev->dev;
	struct supplies *supplies;

	supplies = devm_kzalloc(dev, sizeof(*supplies), GFP_KERNEL);
	if (!supplies)
		return -ENOMEM;
	if (!window || resource_size(window) < SLOTS * SLOT)
		return -EINVAL;
	/* The adapter has requested the registers. */
	supplies->slots = devm_ioremap(dev, window->start, resource_size(window));
	if (!supplies->slots)
		return -ENOMEM;
	supplies->controller.owner = THIS_MODULE;
	supplies->controller.ops = &supplies_ops;
	supplies->controller.of_node = dev->of_node;
	supplies->controller.nr_resets = 1;
	return devm_reset_controller_register(dev, &supplies->controller);
}

static const struct of_device_id supplies_ids[] = {
	{ .compatible = "ndshm,test-reset" },
	{ }
};
MODULE_DEVICE_TABLE(of, supplies_ids);

static struct platform_driver supplies_driver = {
	.probe = supplies_probe,
	.driver = {
		.name = "ndshm_platform_supplies",
		.of_match_table = supplies_ids,
	},
};
module_platform_driver(supplies_driver);

MODULE_DESCRIPTION("A reset line of a platform device");
MODULE_LICENSE("GPL");
