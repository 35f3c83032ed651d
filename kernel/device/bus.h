/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the drivers that make adapters of devices have in common, whatever the bus: the isolation
 * of a device and its client, and interrupts as eventfds.
 */
#ifndef _NDSHM_DEVICE_BUS_H
#define _NDSHM_DEVICE_BUS_H

#include <linux/mutex.h>
#include <linux/pm.h>
#include <linux/types.h>

struct device;
struct eventfd_ctx;
struct ndshm_adapter_info;
struct ndshm_irq_change;
struct notifier_block;

extern struct pci_driver ndshm_pci_driver;
extern struct platform_driver ndshm_platform_driver;

/* Refuse to suspend while a device is claimed. */
extern const struct dev_pm_ops ndshm_bus_pm_ops;

/*
 * Read the DMA and interrupt isolation of @dev and its client. Return: the NDSHM_ISOLATION_*
 * that are missing, beside those of ndshm_bus_set_group(). May sleep.
 */
u32 ndshm_bus_isolation(struct device *dev);

/*
 * Set @info->group to the address of the IOMMU group of @dev, which keeps it alive, and
 * @info->missing to what no device of the group has: see NDSHM_ISOLATION_FIRMWARE. If something
 * is missing that was not, the claims of the group end. For the beginning of a probe, since a claim
 * can begin before. May sleep. Return: 0 or -ENOMEM.
 */
int ndshm_bus_set_group(struct device *dev, struct ndshm_adapter_info *info);

/*
 * Notifier of a bus: ends the claims of an IOMMU group before another driver probes a device of
 * it.
 */
int ndshm_bus_notify(struct notifier_block *block, unsigned long action, void *data);

/**
 * struct ndshm_vectors - Eventfds of a device's interrupts
 * @lock: of the device; serialises all changes
 * @eventfds: for each interrupt, an entry with a reference, or NULL. Entries below @count are
 *	replaced with @lock held, and read by handlers under RCU
 * @count: number of entries that are in use
 */
struct ndshm_vectors {
	struct mutex *lock;		/* protects eventfds and count */
	struct eventfd_ctx __rcu **eventfds;
	unsigned int count;
};

/* Return: 0 or -ENOMEM. */
int ndshm_vectors_init(struct ndshm_vectors *vectors, unsigned int limit, struct mutex *lock);
void ndshm_vectors_fini(struct ndshm_vectors *vectors);

/* Signal one eventfd, if there is one. Context: any, also an interrupt handler. */
void ndshm_vector_signal(struct eventfd_ctx __rcu **eventfd);

/* Those below are called with @lock held. */

/* Return: true if interrupt @index has an eventfd. */
bool ndshm_vectors_have(const struct ndshm_vectors *vectors, unsigned int index);

/* Exchange the eventfds of @change with those of its interrupts. Handlers may use the old ones. */
void ndshm_vectors_swap(struct ndshm_vectors *vectors, const struct ndshm_irq_change *change);

/* The same, but on return no handler uses the replaced eventfds, which @change has. */
void ndshm_vectors_replace(struct ndshm_vectors *vectors, const struct ndshm_irq_change *change);

/* Signal each eventfd once: one can have any number of waiters, and all interrupts. */
void ndshm_vectors_signal(struct ndshm_vectors *vectors);

/*
 * Put all eventfds, with the interrupts off. @running: a handler may still be running, so wait for
 * it. @count is 0 on return.
 */
void ndshm_vectors_put(struct ndshm_vectors *vectors, bool running);

#endif /* _NDSHM_DEVICE_BUS_H */
