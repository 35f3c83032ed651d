// SPDX-License-Identifier: GPL-2.0
/*
 * Module parameters of a test build:
 *
 * echo Y > test_hold_freed: poison freed memory and keep it.
 * cat test_held: number of allocations that are kept.
 * cat test_held_changed: number of these with changed poison.
 * echo N > test_hold_freed: free them; required before their device is removed.
 */
#include <linux/dma-mapping.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "testing.h"

#define POISON	0xa5

/* @device: NULL: the memory is of the page allocator */
struct held {
	struct list_head link;
	struct device *device;
	size_t size;
	void *address;
	dma_addr_t dma;
};

/* Protects @kept and @hold_freed. */
static DEFINE_MUTEX(lock);
static LIST_HEAD(kept);
static bool hold_freed;

/* Keep what @copy describes. Return: true if it is kept. */
static bool held_add(const struct held *copy)
{
	struct held *held;

	lockdep_assert_held(&lock);
	held = hold_freed ? kmalloc(sizeof(*held), GFP_KERNEL) : NULL;
	if (!held)
		return false;
	*held = *copy;
	memset(held->address, POISON, held->size);
	list_add_tail(&held->link, &kept);
	return true;
}

bool ndshm_test_hold(struct device *device, size_t size, void *address,
		     dma_addr_t dma)
{
	const struct held held = {
		.device = device, .size = size, .address = address, .dma = dma,
	};
	bool keep;

	mutex_lock(&lock);
	keep = held_add(&held);
	mutex_unlock(&lock);
	return keep;
}

void ndshm_test_hold_page(struct page *page)
{
	const struct held held = {
		.size = page_size(page), .address = page_address(page),
	};

	mutex_lock(&lock);
	if (held_add(&held))
		get_page(page);
	mutex_unlock(&lock);
}

void ndshm_test_release_held(void)
{
	struct held *held, *next;

	mutex_lock(&lock);
	hold_freed = false;
	list_for_each_entry_safe(held, next, &kept, link) {
		list_del(&held->link);
		if (held->device)
			dma_free_coherent(held->device, held->size,
					  held->address, held->dma);
		else
			put_page(virt_to_page(held->address));
		kfree(held);
	}
	mutex_unlock(&lock);
}

static int held_set_hold_freed(const char *value, const struct kernel_param *kp)
{
	bool hold;
	int ret = kstrtobool(value, &hold);

	if (ret)
		return ret;
	if (!hold)
		ndshm_test_release_held();
	else
		WRITE_ONCE(hold_freed, true);
	return 0;
}

static const struct kernel_param_ops hold_freed_ops = {
	.set = held_set_hold_freed,
	.get = param_get_bool,
};

module_param_cb(test_hold_freed, &hold_freed_ops, &hold_freed, 0600);
MODULE_PARM_DESC(test_hold_freed,
		 "TEST: poison freed memory and keep it");

static int held_get_count(char *buffer, const struct kernel_param *kp)
{
	bool changed_only = kp->arg;	/* only tested for NULL */
	unsigned int count = 0;
	struct held *held;

	mutex_lock(&lock);
	list_for_each_entry(held, &kept, link)
		count += !changed_only ||
			 memchr_inv(held->address, POISON, held->size);
	mutex_unlock(&lock);
	return sysfs_emit(buffer, "%u\n", count);
}

static const struct kernel_param_ops count_ops = { .get = held_get_count };

module_param_cb(test_held, &count_ops, NULL, 0400);
MODULE_PARM_DESC(test_held, "TEST: number of freed allocations that are kept");
module_param_cb(test_held_changed, &count_ops, &hold_freed, 0400);
MODULE_PARM_DESC(test_held_changed, "TEST: number of these with changed poison");
