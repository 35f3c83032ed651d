/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PCI function that is an adapter. Private to this folder.
 */
#ifndef _NDSHM_PCI_FUNCTION_H
#define _NDSHM_PCI_FUNCTION_H

#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "../bus.h"

/**
 * struct ndshm_pci_irqs - Interrupts of a function
 * @limits: numbers of interrupts for each NDSHM_IRQ_*; constant after probe
 * @vectors: eventfds of vectors. After a reset has turned the interrupts off, those that remain
 *	to be signalled
 * @kind: NDSHM_IRQ_* that is on; NONE: INTx is masked, and there is no vector
 * @on_line: the handler of INTx is registered, from its first use until remove()
 * @line: interrupt of INTx; constant after probe
 * @msix: MSI-X table and pending bits: BAR and offset, as in the capability, and length in bytes.
 *	A client could forge messages there. Constant after probe
 * @masked: INTx is disabled in the command register. Protected by @command_lock of the
 *	function
 * @had_flag: the device had PCI_DEV_FLAGS_MSI_INTX_DISABLE_BUG before probe
 *
 * Protected by @lock of the function, unless stated otherwise.
 */
struct ndshm_pci_irqs {
	unsigned int limits[NDSHM_IRQ_KINDS];
	struct ndshm_vectors vectors;
	unsigned int line;
	struct {
		u32 place;
		u32 length;
	} msix[2];
	unsigned int kind;
	bool on_line;
	bool masked;
	bool had_flag;
};

/**
 * struct ndshm_pci_reset - Reset of a function by a kernel worker
 * @work: the reset; remove() waits for it
 * @done: completed at the end of the work
 * @running: @work is queued or runs
 * @locked: @work has the device lock
 * @pending: @running, and bus mastering and interrupts are not off yet
 * @client: requested by ADAPTER_RESET, not by the beginning or the end of a claim
 * @unread: the client has not received the result
 * @late: the release or the claim that requested it did not wait for the end; the next claim
 *	uses @error
 * @error: result: as that of ndshm_pci_stop_and_reset()
 * @credit: resets that may still be slow or fail
 * @refilled: when @credit was increased, in jiffies
 *
 * Protected by @lock of the function. @client is constant while @running.
 */
struct ndshm_pci_reset {
	struct work_struct work;
	struct completion done;
	bool running;
	bool locked;
	bool pending;
	bool client;
	bool unread;
	bool late;
	int error;
	unsigned int credit;
	unsigned long refilled;
};

/**
 * struct ndshm_pci_function - Function bound to ndshm_pci
 * @pdev: the function; its driver data is this structure
 * @adapter: registered adapter, or NULL. Protected by the device lock
 * @initial: configuration space as probe left it: memory decoding on, bus
 *	mastering, INTx and No Snoop off
 * @device_control: Device Control of PCI Express as @initial has it; constant after probe
 * @had_no_snoop: No Snoop was on before probe; remove turns it on again
 * @segment_size: maximum DMA segment size before probe, restored by remove
 * @lock: serialises changes of bus mastering and of interrupts; protects @down, @resetting,
 *	@recovering, @irqs and @reset
 * @command_lock: serialises changes of the command register with the INTx handler's
 * @irqs: interrupts of the claim
 * @reset: reset by a worker
 * @down: the machine shuts down, or the function failed permanently: claims and START fail, and
 *	the BARs stay unmapped
 * @resetting: a reset or an error recovery is in progress: bus mastering and interrupts
 *	must stay off
 * @recovering: from the error to the end of the recovery: no reset ends @resetting. The kernel's
 *	error_state cannot tell: it stays after a recovery that failed, and changes before the end
 * @removing: remove() has the device lock and waits for the worker of resets
 * @unclean: 0, or the errno of the reset that failed since a client had the
 *	function; written by probe, claim and release, which the core serialises
 *
 * Lock order: device lock, @lock, @command_lock. Claims must not wait for the device lock:
 * remove() holds it while it waits for them. With the device lock held, that of the bridge is
 * only tried: the PCI core takes it first.
 *
 * A reset by the bus takes pci_bus_sem for reading inside the device lock, while recovery from
 * errors takes the device lock inside pci_bus_sem. Both are in the PCI core, and a reset through
 * sysfs has the same order: with a writer (hot plug) between the two readers they deadlock.
 * Nothing that a driver can lock prevents it. A reset method other than "bus" does.
 */
struct ndshm_pci_function {
	struct pci_dev *pdev;
	struct ndshm_adapter *adapter;
	struct pci_saved_state *initial;
	u16 device_control;
	bool had_no_snoop;
	unsigned int segment_size;
	struct mutex lock;		/* bus mastering, irqs, reset, down, recovery */
	raw_spinlock_t command_lock;	/* command register */
	struct ndshm_pci_irqs irqs;
	struct ndshm_pci_reset reset;
	bool down;
	bool resetting;
	bool recovering;
	bool removing;
	int unclean;
};

extern const struct ndshm_adapter_ops ndshm_pci_adapter_ops;

/* Change bus mastering. Called with @function->lock held. */
void ndshm_pci_set_master(struct ndshm_pci_function *function, bool master);

/*
 * Return: NONE if the function can be used: ADAPTER_REMOVED if it is down or does not respond,
 * ADAPTER_RESETTING during a reset or recovery. Called with @function->lock held.
 */
static inline ndshm_reason_t
ndshm_pci_check(const struct ndshm_pci_function *function)
{
	lockdep_assert_held(&function->lock);

	/* After a permanent failure no end of the reset follows. */
	if (function->down)
		return NDSHM_REASON_ADAPTER_REMOVED;
	if (function->resetting || function->reset.pending)
		return NDSHM_REASON_ADAPTER_RESETTING;
	/* During a reset all registers read as ones. */
	if (!pci_device_is_present(function->pdev))
		return NDSHM_REASON_ADAPTER_REMOVED;
	return NDSHM_REASON_NONE;
}

/* Disable bus mastering. */
void ndshm_pci_stop(struct ndshm_pci_function *function);

/* Clear @flag of the register at @offset of a capability; 0: @pdev does not have it. */
static inline void ndshm_pci_clear_flag(struct pci_dev *pdev, int capability, int offset,
					u16 flag)
{
	u16 flags;

	if (!capability)
		return;
	if (!pci_read_config_word(pdev, capability + offset, &flags))
		pci_write_config_word(pdev, capability + offset, flags & ~flag);
}

/* Read the numbers of interrupts, before INTx is turned off. Return: 0 or -ENOMEM. */
int ndshm_pci_irqs_init(struct ndshm_pci_function *function);
void ndshm_pci_irqs_fini(struct ndshm_pci_function *function);

/*
 * Turn interrupts off: mask INTx, free vectors and their handlers. Keeps the eventfds.
 * Required before each ndshm_pci_restore(). Called with @function->lock held.
 */
void ndshm_pci_irqs_stop(struct ndshm_pci_function *function);

/* Signal all eventfds. Called with @function->lock held. */
void ndshm_pci_irqs_signal(struct ndshm_pci_function *function);

/* Turn interrupts off, signal all eventfds and put them. Called with @function->lock held. */
void ndshm_pci_irqs_end(struct ndshm_pci_function *function);

/* Operations @irqs and @set_irqs of struct ndshm_adapter_ops. */
unsigned int ndshm_pci_irqs(void *context, unsigned int kind);
ndshm_reason_t ndshm_pci_set_irqs(void *context,
				  const struct ndshm_irq_change *change);

void ndshm_pci_reset_init(struct ndshm_pci_function *function);

/* Wait for the worker. No reset may be requested any more. */
void ndshm_pci_reset_fini(struct ndshm_pci_function *function);

/*
 * Return: false if the client has to wait, because resets of the function were slow or failed.
 * Called with @function->lock held.
 */
bool ndshm_pci_reset_permitted(struct ndshm_pci_function *function);

/* Operation @reset of struct ndshm_adapter_ops. */
ndshm_reason_t ndshm_pci_reset(void *context);

/* Operation @config of struct ndshm_adapter_ops. */
ndshm_reason_t ndshm_pci_config(void *context, struct ndshm_adapter_config_args *access);

/*
 * Restore configuration space as probe left it. Called with the device lock held and
 * interrupts off.
 */
void ndshm_pci_restore(struct ndshm_pci_function *function);

/*
 * Disable bus mastering, wait for transactions and reset the function. @device_locked:
 * the caller holds the device lock; otherwise, waits at most two seconds for the reset.
 *
 * Return: 0 after a reset; -ENOTTY if the function has no reset method, or none succeeded;
 * -EAGAIN if another thread holds the device lock or that of the bridge, or the reset goes on;
 * -ENODEV if the function does not answer, which may be transient during another thread's reset.
 */
int ndshm_pci_stop_and_reset(struct ndshm_pci_function *function, bool device_locked);

#endif /* _NDSHM_PCI_FUNCTION_H */
