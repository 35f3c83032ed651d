// SPDX-License-Identifier: GPL-2.0
/*
 * Device nodes of adapters. Who may claim an adapter is who can open its node: owner, mode, ACL,
 * label and device cgroup are the kernel's, the rules for them udev's. An open file does nothing
 * but name the adapter in ADAPTER_CLAIM.
 */
#include <linux/cdev.h>
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "adapter.h"
#include "devnode.h"

static dev_t devnode_first;
static struct cdev devnode_cdev;

/*
 * The minor number is the id and this, modulo MINORMASK + 1: after the module was loaded again, an
 * inode that a process has kept open must not stand for another device.
 */
static u32 devnode_base __ro_after_init;

/* Must not fail: devtmpfs would leave the node of a removed device, in the way of the next one. */
static char *devnode_path(ndshm_class_device_t *device, umode_t *mode)
{
	return kasprintf(GFP_KERNEL | __GFP_NOFAIL, "ndshm-devices/%s", dev_name(device));
}

static struct class devnode_class = {
	.name = "ndshm",
	.devnode = devnode_path,
};

static dev_t devnode_number(const struct ndshm_adapter *adapter)
{
	return MKDEV(MAJOR(devnode_first), (adapter->entry.id + devnode_base) & MINORMASK);
}

static int devnode_open(struct inode *inode, struct file *file)
{
	const u32 id = (iminor(inode) - devnode_base) & MINORMASK;
	struct ndshm_adapter *adapter = ndshm_adapter_find_id(id);

	if (!adapter)
		return -ENODEV;
	if (!ndshm_adapter_claimable(adapter) || ndshm_blockset_killed(&adapter->set)) {
		ndshm_adapter_put(adapter);
		return -ENODEV;
	}
	file->private_data = adapter;
	return nonseekable_open(inode, file);
}

static int devnode_release(struct inode *inode, struct file *file)
{
	ndshm_adapter_put(file->private_data);
	return 0;
}

static const struct file_operations devnode_ops = {
	.owner = THIS_MODULE,
	.open = devnode_open,
	.release = devnode_release,
};

struct ndshm_adapter *ndshm_devnode_adapter(const struct file *file)
{
	return file->f_op == &devnode_ops ? file->private_data : NULL;
}

static void devnode_device_release(struct device *device)
{
	kfree(device);
}

/* Not device_create(): its uevent is sent before the adapter can be found. */
bool ndshm_devnode_add(struct ndshm_adapter *adapter)
{
	struct device *device = kzalloc(sizeof(*device), GFP_KERNEL);

	if (!device)
		return false;
	device_initialize(device);
	device->class = &devnode_class;
	device->parent = adapter->device;
	device->devt = devnode_number(adapter);
	device->release = devnode_device_release;
	dev_set_uevent_suppress(device, true);
	if (dev_set_name(device, "%s", adapter->entry.name) || device_add(device)) {
		put_device(device);
		return false;
	}
	return true;
}

void ndshm_devnode_announce(struct ndshm_adapter *adapter)
{
	struct device *device = class_find_device_by_devt(&devnode_class, devnode_number(adapter));

	dev_set_uevent_suppress(device, false);
	kobject_uevent(&device->kobj, KOBJ_ADD);
	put_device(device);
}

void ndshm_devnode_remove(struct ndshm_adapter *adapter)
{
	device_destroy(&devnode_class, devnode_number(adapter));
}

int __init ndshm_devnode_init(void)
{
	int ret = class_register(&devnode_class);

	if (ret)
		return ret;
	devnode_base = get_random_u32() & MINORMASK;
	ret = alloc_chrdev_region(&devnode_first, 0, MINORMASK + 1, "ndshm");
	if (ret)
		class_unregister(&devnode_class);
	return ret;
}

void ndshm_devnode_exit(void)
{
	unregister_chrdev_region(devnode_first, MINORMASK + 1);
	class_unregister(&devnode_class);
}

int __init ndshm_devnode_open_init(void)
{
	cdev_init(&devnode_cdev, &devnode_ops);
	devnode_cdev.owner = THIS_MODULE;
	return cdev_add(&devnode_cdev, devnode_first, MINORMASK + 1);
}

void ndshm_devnode_open_exit(void)
{
	cdev_del(&devnode_cdev);
}
