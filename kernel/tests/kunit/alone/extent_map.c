// SPDX-License-Identifier: GPL-2.0
/*
 * Extent maps with counted allocations: detects leaks, and lets any allocation fail.
 */
#include "alone.h"

#include <linux/rbtree_augmented.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../../../section/extent_map.h"

static long live_runs;
static long runs_to_come = -1;	/* allocations until the failure; negative: none fails */

static void *counted_kmalloc(size_t size, gfp_t flags)
{
	void *extent = runs_to_come ? kmalloc(size, flags) : NULL;

	if (runs_to_come > 0)
		runs_to_come--;
	live_runs += !!extent;
	return extent;
}

static void counted_kfree(const void *extent)
{
	live_runs -= !!extent;
	kfree(extent);
}

#undef kmalloc
#undef kfree
#define kmalloc	counted_kmalloc
#define kfree	counted_kfree
#include "../../../section/extent_map.c"
#undef kfree
#undef kmalloc

#include "../extent_map.c"
