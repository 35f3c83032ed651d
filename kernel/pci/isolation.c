// SPDX-License-Identifier: GPL-2.0
/*
 * What keeps a function, and the client that drives it, to its own memory.
 *
 * Nothing is remembered: an administrator can make a strict domain lazy while
 * the function is bound, and other functions of its group come and go.
 */
#include <linux/iommu.h>
#include <linux/notifier.h>
#include <linux/pci.h>

#include <ndshm/adapter.h>

#include "function.h"

/*
 * Whoever is in the group shares the function's DMA addresses. VFIO lets
 * functions without a driver pass, because its claim on the group keeps drivers
 * that use the DMA API out. Here the group is in its default domain, which such
 * a driver joins whenever it is bound: only what ndshm_pci drives is no
 * stranger. A bridge is none either: it forwards and has no engine of its own,
 * and its service driver uses no DMA; neither can be programmed by a client.
 *
 * Called with the group's mutex held. Probing takes that mutex under the device
 * lock, so the driver is only compared here, and never looked into.
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
 * A driver that is not ndshm_pci is about to probe: before it allocates its first
 * DMA address, end the claims whose functions would reach that. The driver core has
 * set dev->driver before, so a claim that begins later misses SHARED_GROUP.
 *
 * The device lock of the other function is held. The end of a claim only tries to
 * take device locks.
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
	/* Being bound keeps the domain: another can be chosen when unbound. */
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
