/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI functions through sysfs: find them, bind them to ndshm_pci and restore
 * them.
 */
#ifndef _NDSHM_SELFTEST_PCI_H
#define _NDSHM_SELFTEST_PCI_H

#include <stdbool.h>
#include <stddef.h>

struct ndshm_pci {
	char name[32];		/* such as 0000:00:12.0, also the adapter's name */
	char driver[64];	/* the original driver, or "" */
	char group_type[32];	/* type of its IOMMU group, or "" without a group */
};

/*
 * Return 0 or a negative errno. -ENODEV: no such function. Prefers one that is
 * alone in its IOMMU group and not in a slot.
 */
int ndshm_pci_find(struct ndshm_pci *pci, unsigned int vendor,
		   unsigned int device);

/* Find function 0 of the first hot-plug slot that has such a function. */
int ndshm_pci_find_in_slot(struct ndshm_pci *pci, unsigned int vendor,
			   unsigned int device);

/* Find two functions of this kind in one IOMMU group. */
int ndshm_pci_find_pair(struct ndshm_pci pair[2], unsigned int vendor,
			unsigned int device);

/* Remove the function as a hot unplug does; rescan all buses. */
int ndshm_pci_remove(const struct ndshm_pci *pci);
int ndshm_pci_rescan(void);
bool ndshm_pci_is_there(const struct ndshm_pci *pci);

/*
 * Return: true if the hardware answers, whether or not the kernel knows the
 * function.
 */
bool ndshm_pci_answers(const struct ndshm_pci *pci);

/*
 * Bind the function to ndshm_pci; with @strict, make its IOMMU group strict
 * before if possible. The error may be that of the driver. ndshm_pci_restore()
 * undoes the bind.
 */
int ndshm_pci_bind(struct ndshm_pci *pci, bool strict);
int ndshm_pci_unbind(struct ndshm_pci *pci);

/* Bind an unbound function to @driver, which must be loaded. */
int ndshm_pci_bind_to(const struct ndshm_pci *pci, const char *driver);

/* Set the type of the IOMMU group, whose functions must be unbound. */
int ndshm_pci_set_group(const struct ndshm_pci *pci, const char *type);

/* Unbind the function if necessary and bind it to its original driver. */
void ndshm_pci_restore(struct ndshm_pci *pci);

/*
 * Access @size bytes of configuration space. Return: false if not all were
 * transferred.
 */
bool ndshm_pci_read_config(const struct ndshm_pci *pci, unsigned int at,
			   void *data, size_t size);
bool ndshm_pci_write_config(const struct ndshm_pci *pci, unsigned int at,
			    const void *data, size_t size);

/* The offset of the capability PCI_CAP_ID_*, or 0. */
unsigned int ndshm_pci_capability(const struct ndshm_pci *pci, unsigned int id);

/* Return: true if Bus Master Enable (bit 2 of the command register) is set. */
bool ndshm_pci_is_master(const struct ndshm_pci *pci);

/* The number in a sysfs file of the function, or -1. */
long long ndshm_pci_number(const struct ndshm_pci *pci, const char *file);

/*
 * Have an unbound function enabled also while it has no driver, or no longer. A driver's probe()
 * and remove() then do not look up its interrupt in ACPI tables, in which a debug kernel spends up
 * to half a second of processor time, and which has a use after free when an allocation fails.
 */
int ndshm_pci_set_enabled(const struct ndshm_pci *pci, bool on);

/* Reset through sysfs. -ENOENT: the function has no reset method. */
int ndshm_pci_reset(const struct ndshm_pci *pci);

/* Find the port above the function; the group type is not set. */
int ndshm_pci_find_port(const struct ndshm_pci *pci, struct ndshm_pci *port);

#endif /* _NDSHM_SELFTEST_PCI_H */
