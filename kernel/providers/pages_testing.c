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

#include "pages_testing.h"

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

/*
 * Keep what @copy describes. Return: true if it is kept. Allocates before it locks: reclaim frees
 * memory, too.
 */
static bool held_add(const struct held *copy)
{
	struct held *held;
	bool keep;

	held = READ_ONCE(hold_freed) ? kmemdup(copy, sizeof(*copy), GFP_KERNEL) : NULL;
	if (!held)
		return false;
	mutex_lock(&lock);
	keep = hold_freed;
	if (keep) {
		memset(held->address, POISON, held->size);
		list_add_tail(&held->link, &kept);
	}
	mutex_unlock(&lock);
	if (!keep)
		kfree(held);
	return keep;
}

bool ndshm_test_keep(struct device *device, size_t size, void *address,
		     dma_addr_t dma)
{
	const struct held held = {
		.device = device, .size = size, .address = address, .dma = dma,
	};

	return held_add(&held);
}

void ndshm_test_keep_page(struct page *page)
{
	const struct held held = {
		.size = page_size(page), .address = page_address(page),
	};

	/* Before a release of what is kept can put it. */
	get_page(page);
	if (!held_add(&held))
		put_page(page);
}

void ndshm_test_free_held(void)
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

static int held_set(const char *value, const struct kernel_param *kp)
{
	bool hold;
	int ret = kstrtobool(value, &hold);

	if (ret)
		return ret;
	if (!hold)
		ndshm_test_free_held();
	else
		WRITE_ONCE(hold_freed, true);
	return 0;
}

static const struct kernel_param_ops hold_freed_ops = {
	.set = held_set,
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
