// SPDX-License-Identifier: GPL-2.0
/*
 * Maps of extents, whose runs are counted: none is left behind, and each can be the
 * one that there is no memory for.
 */
#include "alone.h"

#include <linux/rbtree_augmented.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../../../core/extent_map.h"

static long live_runs;
static long runs_to_come = -1;	/* then there is no memory; negative: there is */

static void *counted_kmalloc(size_t size, gfp_t flags)
{
	void *run = runs_to_come ? kmalloc(size, flags) : NULL;

	if (runs_to_come > 0)
		runs_to_come--;
	live_runs += !!run;
	return run;
}

static void counted_kfree(const void *run)
{
	live_runs -= !!run;
	kfree(run);
}

#undef kmalloc
#undef kfree
#define kmalloc	counted_kmalloc
#define kfree	counted_kfree
#include "../../../core/extent_map.c"
#undef kfree
#undef kmalloc

#include "../extent_map.c"
