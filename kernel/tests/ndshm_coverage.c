// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/ndshm_coverage: the offsets of the anchor functions, then one line
 * for each executed call site. Read by selftests/coverage/report.py.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "coverage.h"

struct ndshm_coverage ndshm_coverage;
EXPORT_SYMBOL_GPL(ndshm_coverage);

/* Names in the symbol table of ndshm.ko. */
static const char * const anchors[] = {
	[NDSHM_COVERAGE_TEXT] = "text ndshm_coverage_describe",
	[NDSHM_COVERAGE_EXIT] = "text cleanup_module",
	[NDSHM_COVERAGE_INIT] = "init init_module",
};

static void show(struct seq_file *file, const char *area, const u8 *sites,
		 u32 count)
{
	u32 i;

	for (i = 0; i < count; i++)
		if (sites[i])
			seq_printf(file, "%s site 0x%x\n", area, i);
}

static int coverage_show(struct seq_file *file, void *unused)
{
	unsigned int i;

	if (!READ_ONCE(ndshm_coverage.known))
		return 0;
	for (i = 0; i < NDSHM_COVERAGE_ANCHORS; i++)
		seq_printf(file, "%s 0x%x\n", anchors[i],
			   ndshm_coverage.anchors[i]);
	show(file, "text", ndshm_coverage.text, sizeof(ndshm_coverage.text));
	show(file, "init", ndshm_coverage.init, sizeof(ndshm_coverage.init));
	if (ndshm_coverage.lost)
		seq_puts(file, "lost\n");
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(coverage);

static struct dentry *dentry;

static int __init coverage_init(void)
{
	dentry = debugfs_create_file("ndshm_coverage", 0400, NULL, NULL,
				     &coverage_fops);
	return 0;
}
module_init(coverage_init);

static void __exit coverage_exit(void)
{
	debugfs_remove(dentry);
}
module_exit(coverage_exit);

MODULE_DESCRIPTION("Notes which parts of ndshm.ko were run");
MODULE_LICENSE("GPL");
