// SPDX-License-Identifier: GPL-2.0
/*
 * Deliberate errors, one for each checker that must report it. In a kernel without the
 * checkers all but hang and panic have no effect.
 */
#include <linux/compiler.h>
#include <linux/dma-mapping.h>
#include <linux/gfp.h>
#include <linux/mutex.h>
#include <linux/panic.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/stop_machine.h>
#include <linux/string.h>

#include "mock.h"

#define SIZE	128

/* Device of the faulty DMA mappings; registered on first use. */
static DEFINE_MUTEX(fault_device_lock);
static struct platform_device *device;
static bool device_stays;

static struct device *get_fault_device(void)
{
	mutex_lock(&fault_device_lock);
	if (!device)
		device = mock_device_make();
	mutex_unlock(&fault_device_lock);
	return device ? &device->dev : NULL;
}

/* Use after free. */
static int fault_kasan(void)
{
	u8 *memory = kzalloc(SIZE, GFP_KERNEL);

	if (!memory)
		return -ENOMEM;
	kfree(memory);
	OPTIMIZER_HIDE_VAR(memory);
	READ_ONCE(*memory);
	return 0;
}

/* A memory leak. */
static int fault_kmemleak(void)
{
	void *memory = kzalloc(SIZE, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(memory);
	return memory ? 0 : -ENOMEM;
}

/* A page leak, which kmemleak does not detect. */
static int fault_page(void)
{
	struct page *page = alloc_page(GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(page);
	return page ? 0 : -ENOMEM;
}

/* A DMA mapping leak. The device stays registered, so that the leak can be found. */
static int fault_dma_entry(void)
{
	struct device *dev = get_fault_device();
	dma_addr_t dma;
	void *memory;

	if (!dev)
		return -ENOMEM;
	memory = dma_alloc_coherent(dev, PAGE_SIZE, &dma, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(memory);
	if (!memory)
		return -ENOMEM;
	device_stays = true;
	return 0;
}

/* Unmap with a wrong length. */
static int fault_dma_api(void)
{
	struct device *dev = get_fault_device();
	dma_addr_t dma;
	void *memory;

	if (!dev)
		return -ENOMEM;
	memory = kzalloc(SIZE, GFP_KERNEL);
	if (!memory)
		return -ENOMEM;
	dma = dma_map_single(dev, memory, SIZE, DMA_TO_DEVICE);
	if (dma_mapping_error(dev, dma)) {
		kfree(memory);
		return -ENOMEM;
	}
	dma_unmap_single(dev, dma, SIZE / 2, DMA_TO_DEVICE);
	kfree(memory);
	return 0;
}

static DEFINE_MUTEX(first_lock);
static DEFINE_MUTEX(second_lock);

/* Lock inversion: two tasks doing one half each could deadlock. */
static int fault_lockdep(void)
{
	mutex_lock(&first_lock);
	mutex_lock(&second_lock);
	mutex_unlock(&second_lock);
	mutex_unlock(&first_lock);

	mutex_lock(&second_lock);
	mutex_lock(&first_lock);
	mutex_unlock(&first_lock);
	mutex_unlock(&second_lock);
	return 0;
}

static int fault_atomic_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	might_sleep();
	spin_unlock(&lock);
	return 0;
}

static int fault_warn(void)
{
	WARN(1, "ndshm_mock: told to warn\n");
	return 0;
}

static int fault_log(void)
{
	pr_err("ndshm_mock: BUG: requested by the fault command\n");
	return 0;
}

static int stop(void *unused)
{
	for (;;)
		cpu_relax();
	return 0;
}

/* Hang all processors with interrupts off. */
static int fault_hang(void)
{
	return stop_machine(stop, NULL, cpu_online_mask);
}

static int fault_panic(void)
{
	panic("ndshm_mock: told to panic");
	return 0;
}

static const struct {
	const char *name;
	int (*commit)(void);
} faults[] = {
	{ "kasan", fault_kasan },
	{ "kmemleak", fault_kmemleak },
	{ "page", fault_page },
	{ "dma_entry", fault_dma_entry },
	{ "dma_api", fault_dma_api },
	{ "lockdep", fault_lockdep },
	{ "atomic_sleep", fault_atomic_sleep },
	{ "warn", fault_warn },
	{ "log", fault_log },
	{ "hang", fault_hang },
	{ "panic", fault_panic },
	/* Reported by the providers' counters. */
	{ "late_write", mock_memory_write_late },
	{ "overrun", mock_memory_write_beyond },
	{ "double_free", mock_free_again },
};

int mock_fault(struct mock_command *command)
{
	unsigned int i;

	if (command->words != 2)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (!strcmp(command->word[1], faults[i].name))
			return faults[i].commit();
	return -EINVAL;
}

void mock_fault_teardown(void)
{
	if (device && !device_stays)
		platform_device_unregister(device);
}
