// SPDX-License-Identifier: GPL-2.0
/*
 * Memory that detects misuse. It comes from the DMA API, so that it follows the rules for
 * such memory and can be mapped. A block's context is a number that is never reused: a
 * double free or a free of an unknown block is detected without an access. Guards
 * surround the memory. Freed memory is poisoned and, with parameter quarantine, kept for
 * a while to detect late writes.
 */
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "mock.h"

#define GUARD		0xc5
#define POISON		0xdb

/* Larger memory has no guards. */
#define MAX_GUARDED	(64 * PAGE_SIZE)

static uint quarantine;
module_param(quarantine, uint, 0644);
MODULE_PARM_DESC(quarantine, "Freed blocks that are kept to detect late writes");

/* Protects allocated memory and @next_cookie. Syncs take it in any context. */
static DEFINE_SPINLOCK(given_lock);
static DEFINE_HASHTABLE(given, 8);
static unsigned long next_cookie;

/* Protects the quarantine, oldest first. */
static DEFINE_MUTEX(kept_lock);
static LIST_HEAD(kept);
static unsigned int kept_count;

/* Odd, so that it cannot be a valid pointer. */
static unsigned long new_cookie(void)
{
	return ++next_cookie << 8 | 0xc1;
}

struct mock_memory *mock_memory_make(struct mock_generation *generation,
				     struct device *device, size_t length)
{
	struct mock_memory *memory = kzalloc(sizeof(*memory),
					     NDSHM_GFP_CHARGED);

	if (!memory)
		return NULL;
	memory->guard = length <= MAX_GUARDED ? PAGE_SIZE : 0;
	memory->size = length + 2 * memory->guard;
	memory->start = dma_alloc_coherent(device, memory->size, &memory->dma,
					   NDSHM_GFP_CHARGED);
	if (!memory->start) {
		kfree(memory);
		return NULL;
	}
	memset(memory->start, GUARD, memory->guard);
	memset(mock_memory_address(memory) + length, GUARD, memory->guard);
	memory->device = get_device(device);
	memory->provider = generation->provider;
	memory->generation = generation->number;

	spin_lock_irq(&given_lock);
	memory->cookie = new_cookie();
	hash_add(given, &memory->hash, memory->cookie);
	spin_unlock_irq(&given_lock);
	return memory;
}

static void give_back(struct mock_memory *memory)
{
	dma_free_coherent(memory->device, memory->size, memory->start,
			  memory->dma);
	put_device(memory->device);
	kfree(memory);
}

static struct mock_memory *find_locked(unsigned long cookie)
{
	struct mock_memory *memory;

	hash_for_each_possible(given, memory, hash, cookie)
		if (memory->cookie == cookie)
			return memory;
	return NULL;
}

struct mock_memory *mock_memory_find(unsigned long cookie)
{
	struct mock_memory *memory;
	unsigned long flags;

	spin_lock_irqsave(&given_lock, flags);
	memory = find_locked(cookie);
	spin_unlock_irqrestore(&given_lock, flags);
	return memory;
}

struct mock_memory *mock_memory_take(unsigned long cookie)
{
	struct mock_memory *memory;

	spin_lock_irq(&given_lock);
	memory = find_locked(cookie);
	if (memory)
		hash_del(&memory->hash);
	spin_unlock_irq(&given_lock);
	return memory;
}

void mock_memory_unmake(struct mock_memory *memory)
{
	mock_memory_take(memory->cookie);
	give_back(memory);
}

/* The message must not match the log check: tests read the counter. */
static void look_for_late_writes(struct mock_memory *memory)
{
	const u8 *changed = memchr_inv(memory->start, POISON, memory->size);

	if (!changed)
		return;
	atomic64_inc(&memory->provider->use_after_free);
	pr_warn("%s: freed memory was written to, %zd bytes from its start\n",
		memory->provider->name,
		changed - (const u8 *)mock_memory_address(memory));
	/* Report once. */
	memset(memory->start, POISON, memory->size);
}

static void look_at_guards(const struct mock_memory *memory)
{
	const void *end = mock_memory_address(memory) +
			  mock_memory_length(memory);

	if (!memchr_inv(memory->start, GUARD, memory->guard) &&
	    !memchr_inv(end, GUARD, memory->guard))
		return;
	atomic64_inc(&memory->provider->overrun);
	pr_warn("%s: memory was written outside its bounds\n",
		memory->provider->name);
}

/* Limit the quarantine to @most chunks. */
static void trim(unsigned int most)
{
	struct mock_memory *memory;

	lockdep_assert_held(&kept_lock);

	while (kept_count > most) {
		memory = list_first_entry(&kept, struct mock_memory, link);
		list_del(&memory->link);
		kept_count--;
		look_for_late_writes(memory);
		give_back(memory);
	}
}

/*
 * The memory of a device with a driver must be freed before the driver is unbound, of
 * which this module is not notified. All other devices belong to ndshm or to this module.
 */
static bool may_be_kept(const struct device *device)
{
	return !device->driver;
}

void mock_memory_retire(struct mock_memory *memory)
{
	look_at_guards(memory);
	memset(memory->start, POISON, memory->size);
	if (!READ_ONCE(quarantine) || !may_be_kept(memory->device)) {
		give_back(memory);
		memory = NULL;
	}
	mutex_lock(&kept_lock);
	if (memory) {
		list_add_tail(&memory->link, &kept);
		kept_count++;
	}
	trim(READ_ONCE(quarantine));
	mutex_unlock(&kept_lock);
}

void mock_memory_check(void)
{
	struct mock_memory *memory;

	mutex_lock(&kept_lock);
	trim(READ_ONCE(quarantine));
	list_for_each_entry(memory, &kept, link)
		look_for_late_writes(memory);
	mutex_unlock(&kept_lock);
}

/* Memory that is allocated when its device is removed was leaked by the core. */
static void check_given(const struct device *device)
{
	struct mock_memory *memory;
	unsigned int bucket;

	spin_lock_irq(&given_lock);
	hash_for_each(given, bucket, memory, hash)
		if (!device || memory->device == device)
			atomic64_inc(&memory->provider->misused);
	spin_unlock_irq(&given_lock);
}

void mock_memory_flush(struct device *device)
{
	struct mock_memory *memory, *next;

	check_given(device);
	mutex_lock(&kept_lock);
	list_for_each_entry_safe(memory, next, &kept, link) {
		if (device && memory->device != device)
			continue;
		list_del(&memory->link);
		kept_count--;
		look_for_late_writes(memory);
		give_back(memory);
	}
	mutex_unlock(&kept_lock);
}

static struct mock_memory *last_kept(void)
{
	lockdep_assert_held(&kept_lock);

	return list_empty(&kept) ? NULL :
	       list_last_entry(&kept, struct mock_memory, link);
}

int mock_memory_write_late(void)
{
	struct mock_memory *memory;

	mutex_lock(&kept_lock);
	memory = last_kept();
	if (memory)
		*(u8 *)mock_memory_address(memory) = 0;
	mutex_unlock(&kept_lock);
	return memory ? 0 : -ENOENT;
}

int mock_memory_write_beyond(void)
{
	struct mock_memory *memory;
	unsigned int bucket;
	int ret = -ENOENT;

	spin_lock_irq(&given_lock);
	hash_for_each(given, bucket, memory, hash) {
		if (!memory->guard)
			continue;
		*((u8 *)mock_memory_address(memory) +
		  mock_memory_length(memory)) = 0;
		ret = 0;
	}
	spin_unlock_irq(&given_lock);
	return ret;
}

unsigned long mock_memory_last_freed(struct mock_provider **provider)
{
	struct mock_memory *memory;
	unsigned long cookie = 0;

	mutex_lock(&kept_lock);
	memory = last_kept();
	if (memory) {
		cookie = memory->cookie;
		*provider = memory->provider;
	}
	mutex_unlock(&kept_lock);
	return cookie;
}
