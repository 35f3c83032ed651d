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
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "coherent_testing.h"

#define POISON	0xa5

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

bool ndshm_test_hold(struct device *device, size_t size, void *address,
		     dma_addr_t dma)
{
	struct held *held;
	bool keep;

	mutex_lock(&lock);
	held = hold_freed ? kmalloc(sizeof(*held), GFP_KERNEL) : NULL;
	keep = held;
	if (keep) {
		*held = (struct held){
			.device = device, .size = size,
			.address = address, .dma = dma,
		};
		memset(address, POISON, size);
		list_add_tail(&held->link, &kept);
	}
	mutex_unlock(&lock);
	return keep;
}

void ndshm_test_release_held(void)
{
	struct held *held, *next;

	mutex_lock(&lock);
	hold_freed = false;
	list_for_each_entry_safe(held, next, &kept, link) {
		list_del(&held->link);
		dma_free_coherent(held->device, held->size, held->address,
				  held->dma);
		kfree(held);
	}
	mutex_unlock(&lock);
}

static int coherent_set_hold_freed(const char *value, const struct kernel_param *kp)
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
	.set = coherent_set_hold_freed,
	.get = param_get_bool,
};

module_param_cb(test_hold_freed, &hold_freed_ops, &hold_freed, 0600);
MODULE_PARM_DESC(test_hold_freed,
		 "TEST: poison freed coherent memory and keep it");

static int coherent_get_count(char *buffer, const struct kernel_param *kp)
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

static const struct kernel_param_ops count_ops = { .get = coherent_get_count };

module_param_cb(test_held, &count_ops, NULL, 0400);
MODULE_PARM_DESC(test_held, "TEST: number of freed allocations that are kept");
module_param_cb(test_held_changed, &count_ops, &hold_freed, 0400);
MODULE_PARM_DESC(test_held_changed, "TEST: number of these with changed poison");
