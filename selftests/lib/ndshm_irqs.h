/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupts of functions as eventfds, /proc/interrupts and configuration space show them,
 * and the interrupt registers of QEMU's 82574.
 */
#ifndef _NDSHM_SELFTEST_IRQS_H
#define _NDSHM_SELFTEST_IRQS_H

#include <stdbool.h>

#include "ndshm_pci.h"

#define CARD_VENDOR	0x8086
#define CARD_DEVICE	0x10d3
#define CARD_VECTORS	5

#define CARD_STATUS	0x0008
#define CARD_CAUSE	0x00c0	/* write one to clear */
#define CARD_RAISE	0x00c8
#define CARD_UNMASK	0x00d0
#define CARD_MASK	0x00d8
#define CARD_VECTOR	0x00e4	/* four bits for each of five causes: valid, vector */
#define CARD_CAUSE_RX	20	/* the first of the five cause bits */

/* Return: the signals since the last call, after waiting up to @ms for the first; or 0. */
unsigned long ndshm_signals(int fd, int ms);

/* How many messages have a handler for the function; how often these have arrived. */
unsigned int ndshm_irq_messages(const struct ndshm_pci *pci);
unsigned long ndshm_irq_arrived(const struct ndshm_pci *pci);

/*
 * Wait until the handlers of all interrupts that were sent have returned: run on each processor,
 * which handles its interrupts first. Return: false if that is not possible.
 */
bool ndshm_irqs_flush(void);

/*
 * How many lines have a handler for the function: that of INTx is registered from its first
 * use until the function is unbound.
 */
unsigned int ndshm_irq_lines(const struct ndshm_pci *pci);

/* Return: true if INTx is disabled in the command register. */
bool ndshm_intx_is_off(const struct ndshm_pci *pci);

/* Return: true if MSI or MSI-X is enabled in configuration space. */
bool ndshm_messages_are_on(const struct ndshm_pci *pci);

/* Mask and clear all causes of the card whose BAR 0 is mapped at @bar. */
void ndshm_card_mask(void *bar);

/* Give each of the five causes a vector of its own. */
void ndshm_card_map_vectors(void *bar);

#endif /* _NDSHM_SELFTEST_IRQS_H */
