// SPDX-License-Identifier: GPL-2.0
/*
 * Linked into ndshm.ko, where the linker redirects every __sanitizer_cov_trace_pc() to
 * this file. Records the call site, then calls the kernel's function, if there is one,
 * which uses the same return address.
 */
#include <linux/instruction_pointer.h>
#include <linux/module.h>

#include "coverage.h"

static __always_inline u32 place(enum mod_mem_type type, void *function)
{
	return function - THIS_MODULE->mem[type].base;
}

/* The base of an area differs between loads; offsets in it do not. */
noinline notrace void ndshm_coverage_describe(void)
{
	u32 *anchors = ndshm_coverage.anchors;

	anchors[NDSHM_COVERAGE_TEXT] = place(MOD_TEXT, ndshm_coverage_describe);
	anchors[NDSHM_COVERAGE_EXIT] = place(MOD_TEXT, THIS_MODULE->exit);
	anchors[NDSHM_COVERAGE_INIT] = place(MOD_INIT_TEXT, THIS_MODULE->init);
	WRITE_ONCE(ndshm_coverage.known, true);
}

void notrace __wrap___sanitizer_cov_trace_pc(void)
{
	const struct module_memory *mem = THIS_MODULE->mem;
	unsigned long text = _RET_IP_ - (unsigned long)mem[MOD_TEXT].base;
	unsigned long init = _RET_IP_ - (unsigned long)mem[MOD_INIT_TEXT].base;

	/* The first call comes from the module's init, when both areas exist. */
	if (unlikely(!READ_ONCE(ndshm_coverage.known)))
		ndshm_coverage_describe();
	if (text < mem[MOD_TEXT].size && text < sizeof(ndshm_coverage.text))
		ndshm_coverage.text[text] = 1;
	else if (init < mem[MOD_INIT_TEXT].size &&
		 init < sizeof(ndshm_coverage.init))
		ndshm_coverage.init[init] = 1;
	else
		ndshm_coverage.lost = true;
	if (IS_ENABLED(CONFIG_KCOV))
		__real___sanitizer_cov_trace_pc();
}
