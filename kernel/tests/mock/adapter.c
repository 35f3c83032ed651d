// SPDX-License-Identifier: GPL-2.0
/*
 * Adapters that are open to clients and need no claim, each with a device of its own,
 * which has no driver.
 */
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <ndshm/adapter.h>

#include "../../base/device.h"
#include "../native.h"
#include "mock.h"

struct adapter {
	struct list_head link;
	char name[MOCK_NAME_SIZE];
	struct platform_device *device;
	struct ndshm_adapter *handle;
};

/* Protects the list. An adapter that is taken from the list belongs to the caller. */
static DEFINE_MUTEX(adapters_lock);
static LIST_HEAD(adapters);

struct platform_device *mock_device_make(void)
{
	return ndshm_device_add("ndshm-mock", PLATFORM_DEVID_AUTO, NUMA_NO_NODE);
}

int mock_adapter_add(struct mock_command *command)
{
	struct ndshm_adapter_info info = { .flags = NDSHM_ADAPTER_OPEN };
	struct adapter *adapter;
	int ret = -ENOMEM;

	if (command->words == 4 && !strcmp(command->word[3], "closed"))
		info.flags = 0;
	else if (command->words != 3)
		return -EINVAL;
	if (strlen(command->word[2]) >= MOCK_NAME_SIZE)
		return -ENAMETOOLONG;
	adapter = kzalloc(sizeof(*adapter), GFP_KERNEL);
	if (!adapter)
		return ret;
	strscpy(adapter->name, command->word[2], sizeof(adapter->name));
	adapter->device = mock_device_make();
	if (!adapter->device)
		goto err_adapter;
	/* Keep DMA syncs, which this device does not need: tests trace them. */
	dma_reset_need_sync(&adapter->device->dev);
	info.name = adapter->name;
	info.device = &adapter->device->dev;
	ret = mock_answer(command,
			  check_adapter_register(&info, &adapter->handle));
	if (ret)
		goto err_device;
	mutex_lock(&adapters_lock);
	list_add(&adapter->link, &adapters);
	mutex_unlock(&adapters_lock);
	return 0;

err_device:
	platform_device_unregister(adapter->device);
err_adapter:
	kfree(adapter);
	return ret;
}

struct device *mock_adapter_device(const char *name)
{
	struct device *device = NULL;
	struct adapter *adapter;

	mutex_lock(&adapters_lock);
	list_for_each_entry(adapter, &adapters, link)
		if (!strcmp(adapter->name, name))
			device = get_device(&adapter->device->dev);
	mutex_unlock(&adapters_lock);
	return device;
}

static struct adapter *take(const char *name)
{
	struct adapter *adapter;

	mutex_lock(&adapters_lock);
	list_for_each_entry(adapter, &adapters, link) {
		if (name && strcmp(adapter->name, name))
			continue;
		list_del(&adapter->link);
		mutex_unlock(&adapters_lock);
		return adapter;
	}
	mutex_unlock(&adapters_lock);
	return NULL;
}

static void end(struct adapter *adapter)
{
	ndshm_adapter_unregister(adapter->handle);
	mock_memory_flush(&adapter->device->dev);
	platform_device_unregister(adapter->device);
	kfree(adapter);
}

int mock_adapter_del(struct mock_command *command)
{
	struct adapter *adapter;

	if (command->words != 3)
		return -EINVAL;
	adapter = take(command->word[2]);
	if (!adapter)
		return -ENOENT;
	end(adapter);
	return 0;
}

void mock_adapter_teardown(void)
{
	struct adapter *adapter;

	while ((adapter = take(NULL)))
		end(adapter);
}
