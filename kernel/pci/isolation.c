// SPDX-License-Identifier: GPL-2.0
/*
 * DMA and interrupt isolation of a function and its client.
 *
 * The state is read at each call, not cached: an administrator can change a strict domain
 * to a lazy one while the function is bound, and devices join and leave its group.
 */
#include <linux/iommu.h>
#include <linux/notifier.h>
#include <linux/pci.h>

#include <ndshm/adapter.h>

#include "function.h"

/*
 * Return: non-zero if @dev shares DMA addresses with the function, but is not under the
 * control of ndshm_pci. VFIO accepts devices without a driver, because its ownership of
 * the group keeps out drivers that use the DMA API. Here the group is in its default
 * domain, which such a driver joins when it is bound: every device of the group must be
 * bound to ndshm_pci. Bridges are excepted: they have no DMA engine, their service driver
 * uses no DMA, and a client can program neither.
 *
 * Called with the group's mutex held. Probing takes that mutex under the device lock, so
 * dev->driver may be compared, but must not be dereferenced.
 */
static int ndshm_pci_is_foreign(struct device *dev, void *unused)
{
	if (!dev_is_pci(dev))
		return 1;
	if (pci_is_bridge(to_pci_dev(dev)))
		return 0;
	return !ndshm_pci_drives(dev);
}

/*
 * Another driver is about to probe a device: before it allocates its first DMA address,
 * end the claims of all functions in its group. The driver core has already set
 * dev->driver, so that a later claim finds SHARED_GROUP.
 *
 * Called with the device lock of @data held. The end of a claim only tries to take device
 * locks, so that it cannot deadlock.
 */
static int ndshm_pci_bus_notify(struct notifier_block *block,
				unsigned long action, void *data)
{
	struct device *dev = data;
	struct iommu_group *group;

	if (action != BUS_NOTIFY_BIND_DRIVER || !ndshm_pci_is_foreign(dev, NULL))
		return NOTIFY_DONE;
	group = iommu_group_get(dev);
	if (group) {
		ndshm_adapter_end_group_claims(group);
		iommu_group_put(group);
	}
	return NOTIFY_OK;
}

struct notifier_block ndshm_pci_bus_notifier = {
	.notifier_call = ndshm_pci_bus_notify,
};

static u32 ndshm_pci_translation(struct device *dev)
{
	/* A bound driver pins the domain, except for a change from strict to lazy. */
	struct iommu_domain *domain = iommu_get_domain_for_dev(dev);

	switch (domain ? READ_ONCE(domain->type) : IOMMU_DOMAIN_IDENTITY) {
	case IOMMU_DOMAIN_DMA:
		return 0;
	case IOMMU_DOMAIN_DMA_FQ:
		return NDSHM_ISOLATION_LAZY;
	default:
		return NDSHM_ISOLATION_NO_TRANSLATION;
	}
}

u32 ndshm_pci_isolation(void *context)
{
	struct ndshm_pci_function *function = context;
	struct device *dev = &function->pdev->dev;
	struct iommu_group *group = iommu_group_get(dev);
	u32 missing;

	if (!group)
		return NDSHM_ISOLATION_NO_TRANSLATION | NDSHM_ISOLATION_MSI;

	missing = ndshm_pci_translation(dev);
	if (iommu_group_for_each_dev(group, NULL, ndshm_pci_is_foreign))
		missing |= NDSHM_ISOLATION_SHARED_GROUP;
	if (!ndshm_group_has_isolated_msi(group))
		missing |= NDSHM_ISOLATION_MSI;

	iommu_group_put(group);
	return missing;
}
