// SPDX-License-Identifier: GPL-2.0
/*
 * DMA and interrupt isolation of a device and its client.
 *
 * The state is read at each call, not cached: an administrator can change a strict domain
 * to a lazy one while the device is bound, and devices join and leave its group. Memory of the
 * firmware is looked for at each bind instead: see ndshm_bus_set_group().
 */
#include <linux/compiler.h>
#include <linux/device.h>
#include <linux/iommu.h>
#include <linux/moduleparam.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/platform_device.h>

#include <ndshm/adapter.h>

#include "bus.h"

static bool trust_msi;
module_param(trust_msi, bool, 0644);
MODULE_PARM_DESC(trust_msi,
		 "Below a hypervisor, too, take interrupts that are remapped as isolated");

/* May be outdated when it returns. Does not dereference the driver. */
static bool bus_device_is_driven(struct device *dev)
{
	const struct device_driver *driver = READ_ONCE(dev->driver);

	return driver == &ndshm_platform_driver.driver ||
	       (dev_is_pci(dev) && driver == &ndshm_pci_driver.driver);
}

static bool bus_device_is_bridge(struct device *dev)
{
	return dev_is_pci(dev) && pci_is_bridge(to_pci_dev(dev));
}

/*
 * Return: true if @dev shares DMA addresses with an adapter, but is not under the
 * control of this module. VFIO accepts devices without a driver, because its ownership of
 * the group keeps out drivers that use the DMA API. Here the group is in its default
 * domain, which such a driver joins when it is bound: every device of the group must be
 * bound to a driver of this module. PCI bridges are excepted: they have no DMA engine, their
 * service driver uses no DMA, and a client can program neither.
 *
 * bus_count() is called with the group's mutex held. Probing takes that mutex under the device
 * lock, so dev->driver may be compared, but must not be dereferenced.
 */
static bool bus_device_is_foreign(struct device *dev)
{
	return !bus_device_is_bridge(dev) && !bus_device_is_driven(dev);
}

/* Devices of a group, without bridges, and those of them that are no PCI functions. */
struct bus_count {
	unsigned int devices;
	unsigned int others;
};

/* Called for each device of a group. Return: non-zero to end at one that is foreign. */
static int bus_count(struct device *dev, void *context)
{
	struct bus_count *count = context;

	if (bus_device_is_bridge(dev))
		return 0;
	count->devices++;
	count->others += !dev_is_pci(dev);
	return !bus_device_is_driven(dev);
}

/*
 * Nothing ends the DMA of a platform device without a reset line when its client has left: in a
 * group of several it would go on to the memory of the next client of another one. Its driver is
 * not asked, for the reason above.
 */
static int bus_device_is_endless(struct device *dev, void *unused)
{
	return !dev_is_pci(dev) && !device_property_present(dev, "resets");
}

/*
 * Return: true if the group lets other devices access the memory of an adapter in it. Each
 * allocation asks for that, and most groups have one device.
 */
static bool bus_group_is_shared(struct iommu_group *group)
{
	struct bus_count count = {};

	if (iommu_group_for_each_dev(group, &count, bus_count))
		return true;
	return count.others && count.devices > 1 &&
	       iommu_group_for_each_dev(group, NULL, bus_device_is_endless);
}

/*
 * Another driver is about to probe a device: before it allocates its first DMA address,
 * end the claims of all adapters in its group. The driver core has already set
 * dev->driver, so that a later claim finds SHARED_GROUP.
 *
 * Called with the device lock of @data held. The end of a claim only tries to take device
 * locks, so that it cannot deadlock.
 */
int ndshm_bus_notify(struct notifier_block *block, unsigned long action, void *data)
{
	struct device *dev = data;
	struct iommu_group *group;

	if (action != BUS_NOTIFY_BIND_DRIVER || !bus_device_is_foreign(dev))
		return NOTIFY_DONE;
	group = iommu_group_get(dev);
	if (group) {
		ndshm_adapter_end_group_claims(group, 0);
		iommu_group_put(group);
	}
	return NOTIFY_OK;
}

static u32 bus_translation(struct device *dev)
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

/*
 * An emulated IOMMU can remap interrupts and still deliver messages in the format from before
 * remapping, which a device forges by a write to memory. Only the administrator can know that the
 * hypervisor does not. On arm64 the interrupt controller knows the sender of each message.
 */
static bool bus_msi_is_isolated(struct iommu_group *group)
{
#ifdef CONFIG_X86
	if (boot_cpu_has(X86_FEATURE_HYPERVISOR) && !READ_ONCE(trust_msi))
		return false;
#endif
	return ndshm_group_has_isolated_msi(group);
}

u32 ndshm_bus_isolation(struct device *dev)
{
	struct iommu_group *group = iommu_group_get(dev);
	u32 missing;

	if (!group)
		return NDSHM_ISOLATION_NO_TRANSLATION | NDSHM_ISOLATION_MSI;

	missing = bus_translation(dev);
	if (bus_group_is_shared(group))
		missing |= NDSHM_ISOLATION_SHARED_GROUP;
	if (!bus_msi_is_isolated(group))
		missing |= NDSHM_ISOLATION_MSI;

	iommu_group_put(group);
	return missing;
}

/*
 * Firmware can require that a device keeps access to memory at its physical address (an RMRR, a
 * unity mapping, an RMR, or iommu-addresses in a device tree). The default domain of the device's
 * group maps such memory, so each device of the group can access it. VFIO refuses these devices,
 * but not those whose firmware needs the memory only until a driver takes over (relaxable), as for
 * USB and graphics: it uses a domain of its own, without the memory. The default domain, which is
 * used here, still maps it. Windows of MSIs are no memory.
 */
static bool bus_region_is_shared(const struct iommu_resv_region *region)
{
	return region->type == IOMMU_RESV_DIRECT || region->type == IOMMU_RESV_DIRECT_RELAXABLE;
}

/* Return: the missing NDSHM_ISOLATION_*, or -ENOMEM. Takes the group's mutex. */
static int bus_group_firmware(struct iommu_group *group, struct device *dev)
{
	const struct iommu_resv_region *region;
	LIST_HEAD(regions);
	int missing = iommu_get_group_resv_regions(group, &regions);

	if (!missing)
		list_for_each_entry(region, &regions, list)
			if (bus_region_is_shared(region))
				missing = NDSHM_ISOLATION_FIRMWARE;
	/* Also after an error: the list may have the first regions. */
	iommu_put_resv_regions(dev, &regions);
	return missing;
}

/*
 * The regions are read at bind, not for each allocation: IOMMU drivers search tables of the
 * firmware for them, and can warn of rows. They change when a device joins the group. Until a
 * driver of this module is bound to that device, too, SHARED_GROUP is missing. A claim that begins
 * then, before FIRMWARE is added for all adapters of the group, ends here, as all before it.
 */
int ndshm_bus_set_group(struct device *dev, struct ndshm_adapter_info *info)
{
	struct iommu_group *group = iommu_group_get(dev);
	int missing = 0;

	if (group) {
		missing = bus_group_firmware(group, dev);
		if (missing > 0)
			ndshm_adapter_end_group_claims(group, missing);
		iommu_group_put(group);
	}
	if (missing < 0)
		return missing;
	info->group = group;
	info->missing = missing;
	return 0;
}
