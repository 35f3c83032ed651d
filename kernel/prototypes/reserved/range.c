// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitmap.h>
#include <linux/errno.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "range.h"

static unsigned long long start;
module_param(start, ullong, 0400);
MODULE_PARM_DESC(start, "Physical address of the range, page-aligned");

static unsigned long long size;
module_param(size, ullong, 0400);
MODULE_PARM_DESC(size, "Length of the range (bytes, whole pages)");

static void *memory;		/* kernel mapping of the range */
static unsigned long *used;	/* one bit for each page */
static unsigned long pages;
static DEFINE_MUTEX(lock);	/* protects used */

/*
 * Claim the range. All of it must be reserved by firmware or the command line
 * (memmap=64M$0x40000000), and unused by drivers. region_intersects() also accepts a
 * range that extends beyond a reserved one, but request_mem_region() does not.
 */
static int range_claim(void)
{
	u64 end;

	if (!size || !PAGE_ALIGNED(start | size) ||
	    check_add_overflow(start, size, &end) || size != (size_t)size) {
		pr_err("start=, size=: not a range of whole pages; give page-aligned values\n");
		return -EINVAL;
	}
	if (region_intersects(start, size, IORESOURCE_MEM,
			      IORES_DESC_RESERVED) != REGION_INTERSECTS) {
		pr_err("range %#llx-%#llx: not reserved; see /proc/iomem, and reserve it with memmap= on the command line\n",
		       start, end - 1);
		return -ENXIO;
	}
	if (!request_mem_region(start, size, KBUILD_MODNAME)) {
		pr_err("range %#llx-%#llx: in use or not reserved as a whole; see /proc/iomem\n",
		       start, end - 1);
		return -EBUSY;
	}
	return 0;
}

int range_take(void)
{
	int ret = range_claim();

	if (ret)
		return ret;
	ret = -ENOMEM;
	pages = size >> PAGE_SHIFT;
	used = bitmap_zalloc(pages, GFP_KERNEL);
	if (!used)
		goto err_region;
	memory = memremap(start, size, MEMREMAP_WB);
	if (!memory)
		goto err_used;
	return 0;

err_used:
	bitmap_free(used);
err_region:
	release_mem_region(start, size);
	return ret;
}

void range_give(void)
{
	memunmap(memory);
	bitmap_free(used);
	release_mem_region(start, size);
}

void *range_alloc(size_t length)
{
	unsigned long count = length >> PAGE_SHIFT, first;
	void *chunk;

	mutex_lock(&lock);
	first = bitmap_find_next_zero_area(used, pages, 0, count, 0);
	if (first < pages)
		bitmap_set(used, first, count);
	mutex_unlock(&lock);
	if (first >= pages)
		return NULL;
	/* Clear the contents that a previous owner, or the firmware, has left. */
	chunk = memory + (first << PAGE_SHIFT);
	memset(chunk, 0, length);
	return chunk;
}

void range_free(void *chunk, size_t length)
{
	mutex_lock(&lock);
	bitmap_clear(used, (chunk - memory) >> PAGE_SHIFT, length >> PAGE_SHIFT);
	mutex_unlock(&lock);
}

phys_addr_t range_physical(const void *chunk)
{
	return start + (chunk - memory);
}
