// SPDX-License-Identifier: GPL-2.0
/*
 * Temporary stops of the card, which keep its memory: transmit timeout, function reset, error
 * recovery, system sleep. All in process context.
 */
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "nic.h"

static void nic_pause_locked(struct nic *nic)
{
	ASSERT_RTNL();
	if (nic->pauses++)
		return;
	netif_device_detach(nic->netdev);
	mutex_lock(&nic->lock);
	nic_down(nic);
	mutex_unlock(&nic->lock);
}

static int nic_continue_locked(struct nic *nic)
{
	int error = 0;

	ASSERT_RTNL();
	if (--nic->pauses)
		return 0;
	mutex_lock(&nic->lock);
	/* The interface may have been closed, or its memory revoked, meanwhile. */
	if (netif_running(nic->netdev) && nic_queues_usable(nic))
		error = nic_up(nic);
	mutex_unlock(&nic->lock);
	/*
	 * Attach even after an error: setting the interface down and up can then recover
	 * it.
	 */
	netif_device_attach(nic->netdev);
	if (error)
		netdev_err(nic->netdev, "stopped: set it down and up\n");
	return error;
}

static void nic_pause(struct nic *nic)
{
	rtnl_lock();
	nic_pause_locked(nic);
	rtnl_unlock();
}

static int nic_continue(struct nic *nic)
{
	int error;

	rtnl_lock();
	error = nic_continue_locked(nic);
	rtnl_unlock();
	return error;
}

/* May run during suspend: @pauses then keeps the card stopped. */
void nic_restart_work(struct work_struct *work)
{
	struct nic *nic = container_of(work, struct nic, restart_work);

	rtnl_lock();
	nic_pause_locked(nic);
	nic_continue_locked(nic);
	rtnl_unlock();
}

static int nic_suspend(struct device *dev)
{
	nic_pause(dev_get_drvdata(dev));
	return 0;
}

static int nic_resume(struct device *dev)
{
	return nic_continue(dev_get_drvdata(dev));
}

DEFINE_SIMPLE_DEV_PM_OPS(nic_pm_ops, nic_suspend, nic_resume);

static void nic_reset_prepare(struct pci_dev *pdev)
{
	nic_pause(pci_get_drvdata(pdev));
}

static void nic_reset_done(struct pci_dev *pdev)
{
	nic_continue(pci_get_drvdata(pdev));
}

static void nic_begin_recovery(struct nic *nic)
{
	if (nic->recovering)
		return;
	nic->recovering = true;
	nic_pause(nic);
}

/*
 * Error recovery. A card without these callbacks would block the recovery of all functions below
 * its port. After a recovery that has failed the interface stays detached. Called with the device
 * lock held.
 */
static pci_ers_result_t nic_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	nic_begin_recovery(pci_get_drvdata(pdev));
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t nic_slot_reset(struct pci_dev *pdev)
{
	struct nic *nic = pci_get_drvdata(pdev);

	if (pci_load_saved_state(pdev, nic->initial))
		return PCI_ERS_RESULT_DISCONNECT;
	pci_restore_state(pdev);
	/* Not paused if another function of the port asked for the reset. */
	nic_begin_recovery(nic);
	return PCI_ERS_RESULT_RECOVERED;
}

/* Also called after errors for which nothing was paused. */
static void nic_recovered(struct pci_dev *pdev)
{
	struct nic *nic = pci_get_drvdata(pdev);

	if (!nic->recovering)
		return;
	nic->recovering = false;
	nic_continue(nic);
}

const struct pci_error_handlers nic_error_handlers = {
	.error_detected = nic_error_detected,
	.slot_reset = nic_slot_reset,
	.resume = nic_recovered,
	.reset_prepare = nic_reset_prepare,
	.reset_done = nic_reset_done,
};

/* The card must not write to the memory of the next kernel. */
void nic_shutdown(struct pci_dev *pdev)
{
	nic_pause(pci_get_drvdata(pdev));
	pci_disable_device(pdev);
}
