/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI functions through sysfs: found, bound to ndshm_pci, and put back.
 */
#ifndef _NDSHM_SELFTEST_PCI_H
#define _NDSHM_SELFTEST_PCI_H

#include <stdbool.h>
#include <stddef.h>

struct ndshm_pci {
	char name[32];		/* such as 0000:00:12.0: also the adapter's name */
	char driver[64];	/* that it had, or "" */
	char group_type[32];	/* of its IOMMU group, or "" if it has none */
};

/*
 * All return 0 or a negative errno. -ENODEV: the machine has none. Which one, if
 * there are several: preferably one alone in its IOMMU group, and in no slot.
 */
int ndshm_pci_find(struct ndshm_pci *pci, unsigned int vendor,
		   unsigned int device);

/* The one in the first hot-plug slot that has one, which is function 0. */
int ndshm_pci_find_in_slot(struct ndshm_pci *pci, unsigned int vendor,
			   unsigned int device);

/* Two functions of that kind in one IOMMU group. */
int ndshm_pci_find_pair(struct ndshm_pci pair[2], unsigned int vendor,
			unsigned int device);

/* Take it out of the machine as if it were pulled; have all looked for again. */
int ndshm_pci_remove(const struct ndshm_pci *pci);
int ndshm_pci_rescan(void);
bool ndshm_pci_is_there(const struct ndshm_pci *pci);

/* Does the function answer for itself, whatever the system knows of it? */
bool ndshm_pci_answers(const struct ndshm_pci *pci);

/*
 * Bind it; @strict: make its IOMMU group strict before, if that can be done. An
 * error may be the driver's own; what the function had is for restore to bring
 * back.
 */
int ndshm_pci_bind(struct ndshm_pci *pci, bool strict);
int ndshm_pci_unbind(struct ndshm_pci *pci);

/* Give an unbound function to @driver, which is loaded. */
int ndshm_pci_bind_to(const struct ndshm_pci *pci, const char *driver);

/* The type of its IOMMU group; it must be unbound. */
int ndshm_pci_set_group(const struct ndshm_pci *pci, const char *type);

/* Unbind it if need be, and give it back to the driver that it had. */
void ndshm_pci_restore(struct ndshm_pci *pci);

/* @size bytes of configuration space; false: not all of them. */
bool ndshm_pci_read_config(const struct ndshm_pci *pci, unsigned int at,
			   void *data, size_t size);
bool ndshm_pci_write_config(const struct ndshm_pci *pci, unsigned int at,
			    const void *data, size_t size);

/* Bit 2 of the command register. */
bool ndshm_pci_is_master(const struct ndshm_pci *pci);

/* What a file of it in sysfs says, or -1. */
long long ndshm_pci_number(const struct ndshm_pci *pci, const char *file);

/* Reset it as an administrator does. -ENOENT: it has no way to. */
int ndshm_pci_reset(const struct ndshm_pci *pci);

/* The port that it is behind; of its group nothing is told. */
int ndshm_pci_find_port(const struct ndshm_pci *pci, struct ndshm_pci *port);

#endif /* _NDSHM_SELFTEST_PCI_H */
