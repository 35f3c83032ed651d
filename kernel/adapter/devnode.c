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
#include <linux/slab.h>

#include "adapter.h"
#include "devnode.h"

static dev_t devnode_first;
static struct cdev devnode_cdev;

static char *devnode_path(ndshm_class_device_t *device, umode_t *mode)
{
	return kasprintf(GFP_KERNEL, "ndshm-devices/%s", dev_name(device));
}

static struct class devnode_class = {
	.name = "ndshm",
	.devnode = devnode_path,
};

static dev_t devnode_number(const struct ndshm_adapter *adapter)
{
	return MKDEV(MAJOR(devnode_first), adapter->entry.id);
}

static int devnode_open(struct inode *inode, struct file *file)
{
	struct ndshm_adapter *adapter = ndshm_adapter_find_id(iminor(inode));

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

bool ndshm_devnode_add(struct ndshm_adapter *adapter)
{
	return !IS_ERR(device_create(&devnode_class, adapter->device, devnode_number(adapter),
				     NULL, "%s", adapter->entry.name));
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
	ret = alloc_chrdev_region(&devnode_first, 0, NDSHM_ENTRY_ID_MAX + 1, "ndshm");
	if (ret)
		goto err_class;
	cdev_init(&devnode_cdev, &devnode_ops);
	devnode_cdev.owner = THIS_MODULE;
	ret = cdev_add(&devnode_cdev, devnode_first, NDSHM_ENTRY_ID_MAX + 1);
	if (ret)
		goto err_region;
	return 0;

err_region:
	unregister_chrdev_region(devnode_first, NDSHM_ENTRY_ID_MAX + 1);
err_class:
	class_unregister(&devnode_class);
	return ret;
}

void ndshm_devnode_exit(void)
{
	cdev_del(&devnode_cdev);
	unregister_chrdev_region(devnode_first, NDSHM_ENTRY_ID_MAX + 1);
	class_unregister(&devnode_class);
}
