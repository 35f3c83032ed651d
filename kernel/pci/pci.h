/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The PCI driver, as the rest of the module sees it.
 */
#ifndef _NDSHM_PCI_H
#define _NDSHM_PCI_H

#include <linux/init.h>

/* To be called when adapters can be registered: functions bind at once. */
int __init ndshm_pci_init(void);
void ndshm_pci_exit(void);

#endif /* _NDSHM_PCI_H */
