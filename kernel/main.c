// SPDX-License-Identifier: GPL-2.0
/* Load and unload: all parts of the module, in one order. */
#include <linux/module.h>
#include <linux/ndshm_netlink.h>
#include <net/genetlink.h>

#include "account/charge.h"
#include "adapter/devnode.h"
#include "adapter/node.h"
#include "adapter/queue.h"
#include "base/deferred.h"
#include "block/block.h"
#include "block/members.h"
#include "cdev/cdev.h"
#include "device/claim.h"
#include "device/pci/pci.h"
#include "device/platform/platform.h"
#include "ndis/request.h"
#include "netlink/netlink.h"
#include "providers/coherent.h"
#include "providers/pages.h"
#include "registration/provider.h"
#include "section/section.h"

static int __init coherent_init(void)
{
	struct ndshm_provider *coherent;
	int ret = ndshm_coherent_init(&coherent);

	if (!ret)
		ndshm_provider_set_built_in(coherent, NDSHM_REACH_INDIRECT);
	return ret;
}

static int __init pages_init(void)
{
	struct ndshm_provider *pages;
	int ret = ndshm_pages_init(&pages);

	if (!ret)
		ndshm_provider_set_built_in(pages, NDSHM_REACH_DIRECT);
	return ret;
}

/* Set up in this order, torn down in reverse order. */
static const struct {
	int (*init)(void);	/* or NULL */
	void (*exit)(void);	/* or NULL */
} parts[] __refconst = {
	/* Netlink requests, until ndshm_nl_unregister(), list the blocks. */
	{ ndshm_members_init, ndshm_members_exit },
	{ NULL, ndshm_nl_unregister },
	{ ndshm_block_init, ndshm_block_exit },
	{ ndshm_deferred_init, ndshm_deferred_exit },
	{ ndshm_queue_init, ndshm_queue_exit },
	{ ndshm_request_work_init, ndshm_request_work_exit },
	{ ndshm_section_init },
	{ coherent_init, ndshm_coherent_exit },
	{ pages_init, ndshm_pages_exit },
	{ ndshm_node_init, ndshm_node_exit },
	{ ndshm_devnode_init, ndshm_devnode_exit },
	{ ndshm_device_init },
	{ ndshm_pci_init, ndshm_pci_exit },
	{ ndshm_platform_init, ndshm_platform_exit },
	/* What programs use comes last: an init that fails does not wait for them. */
	{ ndshm_nl_register },
	{ ndshm_devnode_open_init, ndshm_devnode_open_exit },
	{ ndshm_chardev_init, ndshm_chardev_exit },
};

static void ndshm_parts_exit(unsigned int count)
{
	while (count--)
		if (parts[count].exit)
			parts[count].exit();
}

static int __init ndshm_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].init ? parts[i].init() : 0;
		if (ret) {
			ndshm_parts_exit(i);
			return ret;
		}
	}
	return 0;
}
module_init(ndshm_init);

static void __exit ndshm_exit(void)
{
	ndshm_parts_exit(ARRAY_SIZE(parts));
}
module_exit(ndshm_exit);

MODULE_DESCRIPTION("NDIS-style shared memory provider");
MODULE_AUTHOR("The ndshm maintainers");
MODULE_VERSION("0.1.0");
/*
 * Loads the module when the family is resolved. The device node cannot do that: its
 * minor number is dynamic, and depmod needs a fixed one to make the node in advance.
 */
MODULE_ALIAS_GENL_FAMILY(NDSHM_FAMILY_NAME);
MODULE_LICENSE("GPL");
