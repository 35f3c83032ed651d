/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PCI function that is an adapter. Private to this folder.
 */
#ifndef _NDSHM_PCI_FUNCTION_H
#define _NDSHM_PCI_FUNCTION_H

#include <linux/mutex.h>
#include <linux/pci.h>

#include <ndshm/adapter.h>

/**
 * struct ndshm_pci_function - a function bound to ndshm_pci
 * @pdev: the function; its driver data is this structure
 * @adapter: what it is to clients; NULL before it is registered, and after it
 *	was unregistered. Protected by the device lock
 * @initial: configuration space as probe left it: memory decoding on, bus
 *	mastering and INTx off
 * @segment_size: longest DMA segment of before probe, to be put back
 * @lock: makes changes of the command register whole, and protects @down
 * @down: the machine goes down, or the function broke for good: no START
 * @claimed: a client has it; written by claim and release
 * @unclean: 0, or why the function was not reset since a client had it;
 *	written by claim and release, which the core calls one at a time
 *
 * Lock order: device lock, @lock. Claims must not wait for the device lock:
 * remove() holds it while it waits for them.
 */
struct ndshm_pci_function {
	struct pci_dev *pdev;
	struct ndshm_adapter *adapter;
	struct pci_saved_state *initial;
	unsigned int segment_size;
	struct mutex lock;	/* see above */
	bool down;
	bool claimed;
	int unclean;
};

extern const struct ndshm_adapter_ops ndshm_pci_adapter_ops;

/* Is this device driven by ndshm_pci? The answer may be old when it is given. */
bool ndshm_pci_drives(struct device *dev);

u32 ndshm_pci_isolation(void *context);

/* Ends the claims of an IOMMU group before another driver probes in it. */
extern struct notifier_block ndshm_pci_bus_notifier;

/* Bus mastering off. */
void ndshm_pci_stop(struct ndshm_pci_function *function);

/* Configuration space as after probe. The device lock is held. */
void ndshm_pci_restore(struct ndshm_pci_function *function);

/*
 * Bus mastering off, transactions ended, function reset. 0 if it was reset;
 * -ENOTTY if it has no way to, -EAGAIN if someone else has the device lock,
 * -ENODEV if it does not answer, which may be for the same reason.
 */
int ndshm_pci_quiet(struct ndshm_pci_function *function, bool device_locked);

#endif /* _NDSHM_PCI_FUNCTION_H */
