// SPDX-License-Identifier: GPL-2.0
/* Load and unload: all parts of the module, in one order. */
#include <linux/module.h>
#include <linux/ndshm_netlink.h>
#include <net/genetlink.h>

#include "account/charge.h"
#include "adapter/node.h"
#include "adapter/queue.h"
#include "base/deferred.h"
#include "base/registry.h"
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
#include "section/oom.h"
#include "section/section.h"

static int __init coherent_setup(void)
{
	struct ndshm_provider *coherent;
	int ret = ndshm_coherent_setup(&coherent);

	if (!ret)
		ndshm_provider_set_built_in(coherent, NDSHM_REACH_INDIRECT);
	return ret;
}

static int __init pages_setup(void)
{
	struct ndshm_provider *pages;
	int ret = ndshm_pages_setup(&pages);

	if (!ret)
		ndshm_provider_set_built_in(pages, NDSHM_REACH_DIRECT);
	return ret;
}

/* Set up in this order, torn down in reverse order. */
static const struct {
	int (*setup)(void);	/* or NULL */
	void (*teardown)(void);	/* or NULL */
} parts[] __refconst = {
	/* Netlink requests, until ndshm_nl_unregister(), list the blocks. */
	{ ndshm_members_setup, ndshm_members_teardown },
	{ NULL, ndshm_nl_unregister },
	{ ndshm_block_setup, ndshm_block_teardown },
	{ ndshm_deferred_setup, ndshm_deferred_teardown },
	{ ndshm_queue_setup, ndshm_queue_teardown },
	{ ndshm_request_setup, ndshm_request_teardown },
	{ ndshm_section_setup, ndshm_section_teardown },
	{ ndshm_oom_setup, ndshm_oom_teardown },
	{ coherent_setup, ndshm_coherent_teardown },
	{ pages_setup, ndshm_pages_teardown },
	{ ndshm_node_setup, ndshm_node_teardown },
	{ ndshm_device_setup },
	{ ndshm_pci_init, ndshm_pci_exit },
	{ ndshm_platform_init, ndshm_platform_exit },
	/* What programs use comes last: an init that fails does not wait for them. */
	{ ndshm_nl_register },
	{ ndshm_chardev_setup, ndshm_chardev_teardown },
};

static void ndshm_teardown(unsigned int count)
{
	while (count--) {
		if (parts[count].teardown)
			parts[count].teardown();
	}
	/* After ndshm_nl_unregister(): until then requests can set access. */
	ndshm_access_teardown();
}

static int __init ndshm_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		ret = parts[i].setup ? parts[i].setup() : 0;
		if (ret) {
			ndshm_teardown(i);
			return ret;
		}
	}
	return 0;
}
module_init(ndshm_init);

static void __exit ndshm_exit(void)
{
	ndshm_teardown(ARRAY_SIZE(parts));
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
