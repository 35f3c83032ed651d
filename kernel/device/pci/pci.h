/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PCI driver's interface to the rest of the module.
 */
#ifndef _NDSHM_PCI_H
#define _NDSHM_PCI_H

#include <linux/init.h>

/* Must be called after adapters can be registered: functions are bound at once. */
int __init ndshm_pci_init(void);
void ndshm_pci_exit(void);

#endif /* _NDSHM_PCI_H */
