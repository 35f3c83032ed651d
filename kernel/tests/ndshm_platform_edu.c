// SPDX-License-Identifier: GPL-2.0
/*
 * A platform device "ndshm-test-edu" with registers and interrupt of QEMU's edu device, whose PCI
 * function must not be bound:
 *
 * register window 0	all that the device has
 * register window 1	one word of it
 * interrupt		the function's MSI
 *
 * @function: name of the function, such as 0000:00:12.0. Set by insmod
 */
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/platform_device.h>
#include <linux/sizes.h>

#define WINDOW	SZ_512K	/* of 1 MiB: a resource of the same size would take the BAR's place */
#define WORD	(WINDOW + SZ_4K)

static char *function = "";
module_param(function, charp, 0400);

static struct pci_dev *edu;
static struct platform_device *device;
static void *messages;

/*
 * The function has no driver, whose end would free the managed data of its messages. A driver could
 * not be bound any more with it, so it is in a group, which is released.
 */
static int __init edu_enable(void)
{
	int error = pci_enable_device_mem(edu);

	if (error)
		return error;
	messages = devres_open_group(&edu->dev, NULL, GFP_KERNEL);
	if (!messages) {
		error = -ENOMEM;
		goto err_disable;
	}
	pci_set_master(edu);
	error = pci_alloc_irq_vectors(edu, 1, 1, PCI_IRQ_MSI);
	if (error > 0)
		return 0;
	devres_release_group(&edu->dev, messages);
err_disable:
	pci_disable_device(edu);
	return error;
}

static void edu_disable(void)
{
	pci_free_irq_vectors(edu);
	devres_release_group(&edu->dev, messages);
	pci_clear_master(edu);
	pci_disable_device(edu);
}

static int __init edu_add(void)
{
	const resource_size_t start = pci_resource_start(edu, 0);
	struct resource resources[] = {
		DEFINE_RES_MEM_NAMED(start, WINDOW, "registers"),
		DEFINE_RES_MEM_NAMED(start + WORD, sizeof(u32), "word"),
		DEFINE_RES_IRQ(pci_irq_vector(edu, 0)),
	};

	resources[0].parent = &edu->resource[0];
	resources[1].parent = &edu->resource[0];
	device = platform_device_register_simple("ndshm-test-edu", PLATFORM_DEVID_NONE,
						 resources, ARRAY_SIZE(resources));
	return PTR_ERR_OR_ZERO(device);
}

static int __init platform_edu_init(void)
{
	unsigned int domain, bus, slot, number;
	int error;

	if (sscanf(function, "%x:%x:%x.%x", &domain, &bus, &slot, &number) != 4)
		return -EINVAL;
	edu = pci_get_domain_bus_and_slot(domain, bus, PCI_DEVFN(slot, number));
	if (!edu)
		return -ENODEV;
	error = edu_enable();
	if (error)
		goto err_put;
	error = edu_add();
	if (error)
		goto err_disable;
	return 0;

err_disable:
	edu_disable();
err_put:
	pci_dev_put(edu);
	return error;
}
module_init(platform_edu_init);

static void __exit platform_edu_exit(void)
{
	platform_device_unregister(device);
	edu_disable();
	pci_dev_put(edu);
}
module_exit(platform_edu_exit);

MODULE_DESCRIPTION("A platform device that is QEMU's edu device");
MODULE_LICENSE("GPL");
