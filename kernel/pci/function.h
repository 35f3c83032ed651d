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
 * struct ndshm_pci_function - Function bound to ndshm_pci
 * @pdev: the function; its driver data is this structure
 * @adapter: registered adapter, or NULL. Protected by the device lock
 * @initial: configuration space as probe left it: memory decoding on, bus
 *	mastering and INTx off
 * @segment_size: maximum DMA segment size before probe, restored by remove
 * @lock: serialises changes of the command register, and protects @down
 * @down: START fails: the machine shuts down, or the function failed permanently
 * @claimed: a client has a claim; written by claim and release
 * @unclean: 0, or the errno of the reset that failed since a client had the
 *	function; written by claim and release, which the core serialises
 *
 * Lock order: device lock, @lock. Claims must not wait for the device lock:
 * remove() holds it while it waits for them.
 */
struct ndshm_pci_function {
	struct pci_dev *pdev;
	struct ndshm_adapter *adapter;
	struct pci_saved_state *initial;
	unsigned int segment_size;
	struct mutex lock;	/* command register, down */
	bool down;
	bool claimed;
	int unclean;
};

extern const struct ndshm_adapter_ops ndshm_pci_adapter_ops;

/* Return: true if @dev is bound to ndshm_pci. May be outdated when it returns. */
bool ndshm_pci_drives(struct device *dev);

u32 ndshm_pci_isolation(void *context);

/* Ends the claims of an IOMMU group before another driver probes in it. */
extern struct notifier_block ndshm_pci_bus_notifier;

/* Disable bus mastering. */
void ndshm_pci_stop(struct ndshm_pci_function *function);

/* Restore configuration space as probe left it. Called with the device lock held. */
void ndshm_pci_restore(struct ndshm_pci_function *function);

/*
 * Disable bus mastering, wait for transactions and reset the function. @device_locked:
 * the caller holds the device lock.
 *
 * Return: 0 after a reset; -ENOTTY if the function has no reset method; -EAGAIN if
 * another thread holds the device lock; -ENODEV if the function does not answer, which
 * may be transient during another thread's reset.
 */
int ndshm_pci_quiesce(struct ndshm_pci_function *function, bool device_locked);

#endif /* _NDSHM_PCI_FUNCTION_H */
