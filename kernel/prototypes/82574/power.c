// SPDX-License-Identifier: GPL-2.0
/*
 * The card stops for a while, and goes on with the memory that it has: it
 * hangs, the function is reset, the machine sleeps. All in process context.
 */
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "nic.h"

static void nic_pause(struct nic *nic)
{
	rtnl_lock();
	netif_device_detach(nic->netdev);
	mutex_lock(&nic->lock);
	nic->paused = nic->up;
	nic_down(nic);
	mutex_unlock(&nic->lock);
	rtnl_unlock();
}

static int nic_continue(struct nic *nic)
{
	int error = 0;

	rtnl_lock();
	mutex_lock(&nic->lock);
	/* It may have been closed meanwhile, or its memory may have gone. */
	if (nic->paused && netif_running(nic->netdev) && !nic->queue.revoked)
		error = nic_up(nic);
	nic->paused = false;
	mutex_unlock(&nic->lock);
	/* Whatever came of it: it has to be there to be closed and opened. */
	netif_device_attach(nic->netdev);
	rtnl_unlock();
	return error;
}

void nic_restart_work(struct work_struct *work)
{
	struct nic *nic = container_of(work, struct nic, restart_work);

	nic_pause(nic);
	nic_continue(nic);
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

const struct pci_error_handlers nic_error_handlers = {
	.reset_prepare = nic_reset_prepare,
	.reset_done = nic_reset_done,
};

/* The next kernel must find a card that writes nowhere. */
void nic_shutdown(struct pci_dev *pdev)
{
	nic_pause(pci_get_drvdata(pdev));
	pci_disable_device(pdev);
}
