// SPDX-License-Identifier: GPL-2.0
/*
 * Exempts devices from system suspend. Some devices cannot resume, such as a shared file
 * system of a virtual machine's host: with them exempted, suspend of the others can be
 * tested.
 */
#include <linux/device.h>
#include <linux/pci.h>

#include "mock.h"

int mock_awake(struct mock_command *command)
{
	struct device *device;

	if (command->words != 2)
		return -EINVAL;
	device = bus_find_device_by_name(&pci_bus_type, NULL, command->word[1]);
	if (!device)
		return -ENOENT;
	device_lock(device);
	dev_pm_syscore_device(device, true);
	device_unlock(device);
	put_device(device);
	return 0;
}
