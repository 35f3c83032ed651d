// SPDX-License-Identifier: GPL-2.0
/*
 * Bus mastering, restored configuration space, and resets of a function: by the client, and at the
 * beginning and end of a claim.
 *
 * The PCI core waits a minute, for each reset method, for a function that does not respond, and
 * nothing shortens that. A kernel worker therefore resets the function, and alone holds the locks
 * of the PCI core meanwhile. Callers wait at most two seconds, with the lock of the group held.
 * Afterwards the function is in the same state as during a reset by another thread. Only the
 * removal of the function waits longer.
 *
 * The PCI core reports functions that are slow or do not respond in the kernel log. Such resets are
 * limited, see ndshm_pci_reset_permitted().
 */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/moduleparam.h>
#include <linux/pci.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "function.h"

#define TIMEOUT		(2 * HZ)	/* of a wait for the worker */
#define SLOW		HZ		/* the PCI core logs resets that take longer */
#define CREDIT		10		/* slow or failed resets at a time, */
#define REFILL		(10 * HZ)	/* and one more in this time */

#ifdef NDSHM_TEST
static uint test_reset_delay_ms;
module_param(test_reset_delay_ms, uint, 0600);
MODULE_PARM_DESC(test_reset_delay_ms,
		 "TEST: delay between a reset and the end of its worker (ms)");
#endif

static void pci_test_reset_delay(void)
{
#ifdef NDSHM_TEST
	if (READ_ONCE(test_reset_delay_ms))
		msleep(READ_ONCE(test_reset_delay_ms));
#endif
}

void ndshm_pci_set_master(struct ndshm_pci_function *function, bool master)
{
	unsigned long flags;

	lockdep_assert_held(&function->lock);

	raw_spin_lock_irqsave(&function->command_lock, flags);
	if (master)
		pci_set_master(function->pdev);
	else
		pci_clear_master(function->pdev);
	raw_spin_unlock_irqrestore(&function->command_lock, flags);
}

void ndshm_pci_stop(struct ndshm_pci_function *function)
{
	mutex_lock(&function->lock);
	ndshm_pci_set_master(function, false);
	mutex_unlock(&function->lock);
}

void ndshm_pci_restore(struct ndshm_pci_function *function)
{
	struct pci_dev *pdev = function->pdev;

	mutex_lock(&function->lock);
	WARN_ON_ONCE(function->irqs.kind);
	if (!pci_load_saved_state(pdev, function->initial))
		pci_restore_state(pdev);
	/*
	 * The kernel restores MSI only if it has enabled MSI itself. Clear the enable
	 * bits: the function would otherwise send messages to the address that the
	 * previous client programmed, as soon as the next client starts bus mastering.
	 */
	ndshm_pci_clear_flag(pdev, pdev->msi_cap, PCI_MSI_FLAGS, PCI_MSI_FLAGS_ENABLE);
	ndshm_pci_clear_flag(pdev, pdev->msix_cap, PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
	mutex_unlock(&function->lock);
}

/*
 * Return: the bridge whose lock a reset by the bus or the slot requires, or NULL. Such a reset
 * needs a function that is alone on its bus, or in a slot. Otherwise the bridge is not locked:
 * functions of other users below it would have to wait. The list may change meanwhile; at worst
 * the PCI core then warns of the missing lock once.
 */
static struct pci_dev *pci_reset_bridge(struct pci_dev *pdev)
{
	if (pdev->is_virtfn || (!list_is_singular(&pdev->bus->devices) && !pdev->slot))
		return NULL;
	return pci_upstream_bridge(pdev);
}

/* As pci_reset_function(), for at most a second. */
static bool pci_bridge_lock(struct pci_dev *bridge)
{
	int tries;

	for (tries = 0; bridge && tries < 50; tries++) {
		if (device_trylock(&bridge->dev)) {
			if (pci_cfg_access_trylock(bridge))
				return true;
			device_unlock(&bridge->dev);
		}
		msleep(20);
	}
	return !bridge;
}

/*
 * Any user can have the lock for moments: some files of sysfs take it when they are read. remove()
 * has it, and waits.
 */
static bool pci_function_lock(struct ndshm_pci_function *function)
{
	const unsigned long end = jiffies + HZ;

	while (!device_trylock(&function->pdev->dev)) {
		if (READ_ONCE(function->removing) || time_after(jiffies, end))
			return false;
		usleep_range(500, 1000);
	}
	return true;
}

static void pci_bridge_unlock(struct pci_dev *bridge)
{
	if (!bridge)
		return;
	pci_cfg_access_unlock(bridge);
	device_unlock(&bridge->dev);
}

/* Return: true if the client may reset, or claim, which ends with a reset. */
bool ndshm_pci_reset_permitted(struct ndshm_pci_function *function)
{
	struct ndshm_pci_reset *reset = &function->reset;
	const unsigned long refills = (jiffies - reset->refilled) / REFILL;

	lockdep_assert_held(&function->lock);

	reset->refilled += refills * REFILL;
	reset->credit = min_t(unsigned long, reset->credit + refills, CREDIT);
	return reset->credit;
}

/*
 * Reset with all locks held, also that of @bridge unless it is NULL. Calls
 * ndshm_pci_reset_prepare() and, also after a failure, ndshm_pci_reset_done(), unless there is no
 * reset method.
 */
static int pci_reset_locked(struct ndshm_pci_function *function, struct pci_dev *bridge)
{
	struct pci_dev *pdev = function->pdev;
	/* After a reset by a conventional bus the PCI core always waits for a second. */
	const unsigned long slow = bridge && !pci_is_pcie(bridge) ? 2 * SLOW : SLOW;
	const unsigned long begin = jiffies;
	bool idle;
	int error;

	/* Readers of configuration space through sysfs wait meanwhile. */
	if (!pci_cfg_access_trylock(pdev))
		return -EAGAIN;
	ndshm_pci_stop(function);
	idle = pci_wait_for_pending_transaction(pdev);
	error = pci_reset_function_locked(pdev);
	pci_cfg_access_unlock(pdev);

	mutex_lock(&function->lock);
	if (pdev->reset_methods[0] && function->reset.credit &&
	    (error || !idle || time_after(jiffies, begin + slow)))
		function->reset.credit--;
	mutex_unlock(&function->lock);
	return error;
}

/*
 * The state is checked with the device lock held: between error_detected() and slot_reset() nothing
 * holds it, and the reset would let the client access registers in the middle of the recovery.
 */
static int pci_reset_check(struct ndshm_pci_function *function)
{
	int error = 0;

	device_lock_assert(&function->pdev->dev);

	mutex_lock(&function->lock);
	function->reset.locked = true;
	if (function->reset.client && function->resetting)
		error = -EAGAIN;
	else if (function->reset.client &&
		 (function->down || !pci_device_is_present(function->pdev)))
		error = -ENODEV;
	mutex_unlock(&function->lock);
	return error;
}

static int pci_reset_device_locked(struct ndshm_pci_function *function)
{
	struct pci_dev *bridge = pci_reset_bridge(function->pdev);
	int error = pci_reset_check(function);

	if (error)
		return error;
	error = -EAGAIN;
	if (pci_bridge_lock(bridge)) {
		error = pci_reset_locked(function, bridge);
		pci_bridge_unlock(bridge);
	}
	/* A client may have changed configuration space through a BAR: always restore it. */
	if (!function->reset.client)
		ndshm_pci_restore(function);
	return error;
}

/*
 * Locks are only tried, for a limited time. The kernel locks the bridge first, and remove() waits
 * for this work with the device lock held. A thread that has the device lock resets the function,
 * or removes it, or leaves it alone; then the next claim tries again.
 */
static void pci_reset_work(struct work_struct *work)
{
	struct ndshm_pci_function *function =
		container_of(work, struct ndshm_pci_function, reset.work);
	struct ndshm_pci_reset *reset = &function->reset;
	int error = -EAGAIN;

	if (pci_function_lock(function)) {
		error = pci_reset_device_locked(function);
		device_unlock(&function->pdev->dev);
	}
	pci_test_reset_delay();
	mutex_lock(&function->lock);
	reset->error = error;
	reset->locked = false;
	WRITE_ONCE(reset->running, false);
	reset->pending = false;
	complete_all(&reset->done);
	mutex_unlock(&function->lock);
}

void ndshm_pci_reset_init(struct ndshm_pci_function *function)
{
	struct ndshm_pci_reset *reset = &function->reset;

	INIT_WORK(&reset->work, pci_reset_work);
	init_completion(&reset->done);
	reset->credit = CREDIT;
	reset->refilled = jiffies;
}

void ndshm_pci_reset_fini(struct ndshm_pci_function *function)
{
	flush_work(&function->reset.work);
}

static void pci_reset_begin(struct ndshm_pci_function *function, bool client)
{
	struct ndshm_pci_reset *reset = &function->reset;

	lockdep_assert_held(&function->lock);

	reset->running = true;
	reset->pending = true;
	reset->client = client;
	reset->unread = client;
	reset->late = false;
	reinit_completion(&reset->done);
	queue_work(system_dfl_wq, &reset->work);
}

/* Wait until @end for the worker. Return: its result, or -EAGAIN. */
static int pci_reset_wait(struct ndshm_pci_function *function, unsigned long end)
{
	struct ndshm_pci_reset *reset = &function->reset;
	const unsigned long now = jiffies;
	int error;

	wait_for_completion_timeout(&reset->done, time_before(now, end) ? end - now : 0);
	mutex_lock(&function->lock);
	error = reset->running ? -EAGAIN : reset->error;
	if (!reset->running)
		reset->unread = false;
	else if (!reset->client)
		reset->late = true;
	mutex_unlock(&function->lock);
	return error;
}

/*
 * Wait until @end for a worker whose reset is over: the client can have had the signal, and have
 * started the function, before the worker ends.
 */
static void pci_reset_wait_worker(struct ndshm_pci_function *function, unsigned long end)
{
	struct ndshm_pci_reset *reset = &function->reset;
	const unsigned long now = jiffies;
	bool over;

	mutex_lock(&function->lock);
	over = reset->running && !reset->unread;
	mutex_unlock(&function->lock);
	if (over)
		wait_for_completion_timeout(&reset->done, time_before(now, end) ? end - now : 0);
}

/* Begin a reset of the client, unless one is running or its result was not read. */
static ndshm_reason_t pci_reset_request(struct ndshm_pci_function *function)
{
	struct ndshm_pci_reset *reset = &function->reset;
	ndshm_reason_t reason;

	lockdep_assert_held(&function->lock);

	if (reset->unread)
		return NDSHM_REASON_NONE;
	reason = ndshm_pci_check(function);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!function->pdev->reset_methods[0])
		return NDSHM_REASON_RESET_UNSUPPORTED;
	if (reset->running || !ndshm_pci_reset_permitted(function))
		return NDSHM_REASON_ADAPTER_RESETTING;
	pci_reset_begin(function, true);
	return NDSHM_REASON_NONE;
}

ndshm_reason_t ndshm_pci_reset(void *context)
{
	struct ndshm_pci_function *function = context;
	const unsigned long end = jiffies + TIMEOUT;
	ndshm_reason_t reason;

	pci_reset_wait_worker(function, end);
	mutex_lock(&function->lock);
	reason = pci_reset_request(function);
	mutex_unlock(&function->lock);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	switch (pci_reset_wait(function, end)) {
	case 0:
		return NDSHM_REASON_NONE;
	case -EAGAIN:
		return NDSHM_REASON_ADAPTER_RESETTING;
	case -ENODEV:
		return NDSHM_REASON_ADAPTER_REMOVED;
	default:
		return NDSHM_REASON_RESET_FAILED;
	}
}

/*
 * The next driver needs the reset. If the lock of the bridge cannot be had, reset without it: its
 * holder does not reset the bus while this function's lock is held, and the PCI core warns only.
 */
static int pci_reset_lock_held(struct ndshm_pci_function *function)
{
	struct pci_dev *bridge = pci_reset_bridge(function->pdev);
	const bool locked = pci_bridge_lock(bridge);
	int error = __pci_reset_function_locked(function->pdev);

	if (locked)
		pci_bridge_unlock(bridge);
	ndshm_pci_restore(function);
	return error;
}

int ndshm_pci_stop_and_reset(struct ndshm_pci_function *function, bool device_locked)
{
	const unsigned long end = jiffies + TIMEOUT;
	struct pci_dev *pdev = function->pdev;
	bool running;

	ndshm_pci_stop(function);

	/*
	 * All registers of a function that was pulled out read as ones: the steps below
	 * would wait for bits to clear. If the function is present, its answer to this
	 * read pushes its earlier writes to memory.
	 */
	if (!pci_device_is_present(pdev))
		return -ENODEV;

	/* The reset aborts what is left; if the reset fails, the function stays unclean. */
	pci_wait_for_pending_transaction(pdev);

	if (device_locked)
		return pci_reset_lock_held(function);

	mutex_lock(&function->lock);
	running = function->reset.running;
	function->reset.unread = false;
	if (!running)
		pci_reset_begin(function, false);
	mutex_unlock(&function->lock);
	return running ? -EAGAIN : pci_reset_wait(function, end);
}
