// SPDX-License-Identifier: GPL-2.0
/*
 * Module init and exit. Providers and adapters are registered by commands only.
 */
#include <linux/debugfs.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/panic.h>
#include <linux/seq_file.h>

#include "mock.h"

static struct dentry *folder;

static int providers_show(struct seq_file *file, void *unused)
{
	return mock_providers_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(providers);

static int blocks_show(struct seq_file *file, void *unused)
{
	return mock_blocks_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(blocks);

static int requests_show(struct seq_file *file, void *unused)
{
	return mock_requests_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(requests);

static int imports_show(struct seq_file *file, void *unused)
{
	return mock_imports_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(imports);

static int reason_show(struct seq_file *file, void *unused)
{
	return mock_reason_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(reason);

static int log_show(struct seq_file *file, void *unused)
{
	return mock_log_show(file, unused);
}
DEFINE_SHOW_ATTRIBUTE(log);

static int __init ndshm_mock_init(void)
{
	int ret;

	add_taint(TAINT_TEST, LOCKDEP_STILL_OK);
	mock_block_setup();
	mock_packet_setup();
	mock_request_setup();
	ret = mock_provider_setup();
	if (ret)
		return ret;
	folder = debugfs_create_dir("ndshm_mock", NULL);
	if (IS_ERR(folder)) {
		mock_provider_teardown();
		return PTR_ERR(folder);
	}
	debugfs_create_file("ctl", 0200, folder, NULL, &mock_ctl_fops);
	debugfs_create_file("requests", 0400, folder, NULL, &requests_fops);
	debugfs_create_file("imports", 0400, folder, NULL, &imports_fops);
	debugfs_create_file_unsafe("import", 0600, folder, NULL, &mock_import_fops);
	debugfs_create_file("reason", 0400, folder, NULL, &reason_fops);
	debugfs_create_file("log", 0400, folder, NULL, &log_fops);
	debugfs_create_file("providers", 0400, folder, NULL, &providers_fops);
	debugfs_create_file("blocks", 0400, folder, NULL, &blocks_fops);
	return 0;
}
module_init(ndshm_mock_init);

/* Blocks of the providers pin the module, so none is left. */
static void __exit ndshm_mock_exit(void)
{
	debugfs_remove(folder);
	mock_import_teardown();
	mock_worker_free();
	mock_request_teardown();
	mock_packet_teardown();
	mock_block_teardown();
	mock_provider_teardown();
	mock_adapter_teardown();
	mock_fault_teardown();
}
module_exit(ndshm_mock_exit);

MODULE_DESCRIPTION("ndshm: providers, adapters and a user that do as they are told");
MODULE_LICENSE("GPL");
