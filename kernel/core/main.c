// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#include "../pci/pci.h"
#include "../providers/coherent.h"
#include "../providers/pages.h"
#include "access.h"
#include "block.h"
#include "block_table.h"
#include "chardev.h"
#include "netlink.h"
#include "node.h"
#include "provider.h"
#include "queue.h"
#include "quota.h"
#include "request.h"
#include "section.h"

static int __init ndshm_init(void)
{
	struct ndshm_provider *coherent;
	int ret;

	/* Whoever asks by netlink finds a table, if an empty one. */
	ndshm_block_table_setup();
	ret = ndshm_nl_init();
	if (ret)
		return ret;
	ret = ndshm_block_setup();
	if (ret)
		goto err_netlink;
	ret = ndshm_queue_setup();
	if (ret)
		goto err_block;
	ret = ndshm_request_setup();
	if (ret)
		goto err_queue;
	ret = ndshm_section_setup();
	if (ret)
		goto err_request;
	ret = ndshm_coherent_setup(&coherent);
	if (ret)
		goto err_section;
	ndshm_provider_set_built_in(coherent);
	ret = ndshm_pages_setup();
	if (ret)
		goto err_coherent;
	ret = ndshm_node_setup();
	if (ret)
		goto err_pages;
	ret = ndshm_pci_init();
	if (ret)
		goto err_node;
	ret = ndshm_chardev_setup();
	if (ret)
		goto err_pci;
	return 0;

err_pci:
	ndshm_pci_exit();
err_node:
	ndshm_node_teardown();
err_pages:
	ndshm_pages_teardown();
err_coherent:
	ndshm_coherent_teardown();
err_section:
	ndshm_section_teardown();
err_request:
	ndshm_request_teardown();
err_queue:
	ndshm_queue_teardown();
err_block:
	ndshm_block_teardown();
err_netlink:
	ndshm_nl_exit();
	ndshm_quota_teardown();
	ndshm_access_teardown();
	return ret;
}
module_init(ndshm_init);

static void __exit ndshm_exit(void)
{
	ndshm_chardev_teardown();
	ndshm_pci_exit();
	ndshm_node_teardown();
	ndshm_pages_teardown();
	ndshm_coherent_teardown();
	ndshm_section_teardown();
	ndshm_request_teardown();
	ndshm_queue_teardown();
	ndshm_block_teardown();
	ndshm_nl_exit();
	/* Limits and permission can be set until then. */
	ndshm_quota_teardown();
	ndshm_access_teardown();
}
module_exit(ndshm_exit);

MODULE_DESCRIPTION("NDIS-style shared memory provider");
MODULE_LICENSE("GPL");
