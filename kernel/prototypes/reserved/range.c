// SPDX-License-Identifier: GPL-2.0
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/genalloc.h>
#include <linux/io.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/overflow.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "range.h"

static unsigned long long start;
module_param(start, ullong, 0400);
MODULE_PARM_DESC(start, "Where the range begins (physical address, at a page)");

static unsigned long long size;
module_param(size, ullong, 0400);
MODULE_PARM_DESC(size, "How long it is (bytes, whole pages)");

static void *memory;		/* the range, as the kernel sees it */
static struct gen_pool *pool;	/* of it, by pages */

/*
 * Firmware or the boot's command line (memmap=64M$0x40000000) has reserved all of it,
 * and no driver has it. The first question is also answered with yes for what goes on
 * beyond a reserved range: then the second one is not.
 */
static int claim(void)
{
	u64 end;

	if (!size || !PAGE_ALIGNED(start | size) ||
	    check_add_overflow(start, size, &end) || size != (size_t)size) {
		pr_err("start= and size= have to say where a range of whole pages is\n");
		return -EINVAL;
	}
	if (region_intersects(start, size, IORESOURCE_MEM,
			      IORES_DESC_RESERVED) != REGION_INTERSECTS) {
		pr_err("%#llx-%#llx is not reserved: see /proc/iomem, and memmap= of the kernel's command line\n",
		       start, end - 1);
		return -ENXIO;
	}
	if (!request_mem_region(start, size, KBUILD_MODNAME)) {
		pr_err("%#llx-%#llx is in use, or not all of it is reserved: see /proc/iomem\n",
		       start, end - 1);
		return -EBUSY;
	}
	return 0;
}

int range_take(void)
{
	int ret = claim();

	if (ret)
		return ret;
	ret = -ENOMEM;
	memory = memremap(start, size, MEMREMAP_WB);
	if (!memory)
		goto err_region;
	pool = gen_pool_create(PAGE_SHIFT, NUMA_NO_NODE);
	if (!pool)
		goto err_memory;
	ret = gen_pool_add_virt(pool, (unsigned long)memory, start, size,
				NUMA_NO_NODE);
	if (ret)
		goto err_pool;
	return 0;

err_pool:
	gen_pool_destroy(pool);
err_memory:
	memunmap(memory);
err_region:
	release_mem_region(start, size);
	return ret;
}

void range_give(void)
{
	gen_pool_destroy(pool);
	memunmap(memory);
	release_mem_region(start, size);
}

void *range_alloc(size_t length)
{
	void *piece = (void *)gen_pool_alloc(pool, length);

	/* What the last owner has left there, or the boot, is nobody's business. */
	if (piece)
		memset(piece, 0, length);
	return piece;
}

void range_free(void *piece, size_t length)
{
	gen_pool_free(pool, (unsigned long)piece, length);
}

phys_addr_t range_physical(const void *piece)
{
	return gen_pool_virt_to_phys(pool, (unsigned long)piece);
}
