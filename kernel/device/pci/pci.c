// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm_pci: a PCI driver that registers each bound function as an adapter.
 */
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "function.h"
#include "pci.h"

/* For the next driver, whose memory may be meant for it. */
static void pci_no_snoop_restore(struct ndshm_pci_function *function)
{
	if (function->had_no_snoop)
		pcie_capability_set_word(function->pdev, PCI_EXP_DEVCTL,
					 PCI_EXP_DEVCTL_NOSNOOP_EN);
}

/*
 * Bring the function to the state in which every claim begins: the previous driver may
 * have left it in any state.
 *
 * INTx stays off until the client turns it on: a client can make the function raise it
 * through a BAR, and without a handler an interrupt storm would disable a shared line for
 * its other users. A client can make the function send messages in the same way, which is
 * why isolation requires isolated MSIs.
 */
static int ndshm_pci_init_function(struct ndshm_pci_function *function)
{
	struct pci_dev *pdev = function->pdev;
	int error;

	pci_clear_master(pdev);
	pci_intx(pdev, 0);

	/*
	 * With No Snoop the function could read memory behind the processors' caches, where
	 * earlier contents of zeroed pages may be. Its default is on, also after a reset, so it
	 * is off in the state that is restored. Device Control stays 0 if the function is not
	 * PCI Express.
	 */
	pcie_capability_read_word(pdev, PCI_EXP_DEVCTL, &function->device_control);
	function->had_no_snoop = function->device_control & PCI_EXP_DEVCTL_NOSNOOP_EN;
	function->device_control &= ~PCI_EXP_DEVCTL_NOSNOOP_EN;
	if (function->had_no_snoop)
		pcie_capability_clear_word(pdev, PCI_EXP_DEVCTL, PCI_EXP_DEVCTL_NOSNOOP_EN);

	error = pci_save_state(pdev);
	if (error)
		goto err_no_snoop;
	function->initial = pci_store_saved_state(pdev);
	if (!function->initial) {
		error = -ENOMEM;
		goto err_no_snoop;
	}

	/*
	 * Without a reset method the function is taken as clean, whatever had it before: binding
	 * is an administrator's decision.
	 */
	error = ndshm_pci_stop_and_reset(function, true);
	function->unclean = error == -ENOTTY ? 0 : error;
	return 0;

err_no_snoop:
	pci_no_snoop_restore(function);
	return error;
}

static void ndshm_pci_fini_function(struct ndshm_pci_function *function)
{
	pci_no_snoop_restore(function);
	kfree(function->initial);
}

static int ndshm_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ndshm_adapter_info info = {
		.name = pci_name(pdev),
		.device = &pdev->dev,
		.flags = NDSHM_ADAPTER_OPEN,
		.ops = &ndshm_pci_adapter_ops,
	};
	struct ndshm_pci_function *function;
	int error;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		pci_err(pdev, "bridges are not supported; bind an endpoint function\n");
		return -EINVAL;
	}

	/* The driver of a physical function controls its virtual functions. */
	if (pci_num_vf(pdev)) {
		pci_err(pdev, "virtual functions are enabled; write 0 to sriov_numvfs\n");
		return -EBUSY;
	}

	error = ndshm_bus_set_group(&pdev->dev, &info);
	if (error)
		return error;

	function = kzalloc(sizeof(*function), GFP_KERNEL);
	if (!function)
		return -ENOMEM;

	info.context = function;
	function->pdev = pdev;
	mutex_init(&function->lock);
	raw_spin_lock_init(&function->command_lock);
	ndshm_pci_reset_init(function);
	pci_set_drvdata(pdev, function);

	/*
	 * Clients cannot use I/O ports, which are often not assigned. Runtime power
	 * management is not used: the function stays in D0 while it is bound.
	 */
	error = pci_enable_device_mem(pdev);
	if (error)
		goto err_free;

	error = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (error)
		goto err_disable;

	error = ndshm_pci_irqs_init(function);
	if (error)
		goto err_regions;

	error = ndshm_pci_init_function(function);
	if (error)
		goto err_irqs;

	/* No limit: the client must respect the segment size of its device. */
	function->segment_size = dma_get_max_seg_size(&pdev->dev);
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	function->adapter = ndshm_adapter_register(&info, NULL);
	error = PTR_ERR_OR_ZERO(function->adapter);
	if (error)
		goto err_segment_size;

	return 0;

err_segment_size:
	dma_set_max_seg_size(&pdev->dev, function->segment_size);
	ndshm_pci_fini_function(function);
err_irqs:
	ndshm_pci_irqs_fini(function);
err_regions:
	pci_release_mem_regions(pdev);
err_disable:
	pci_disable_device(pdev);
err_free:
	mutex_destroy(&function->lock);
	kfree(function);
	return error;
}

static void ndshm_pci_remove(struct pci_dev *pdev)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	WRITE_ONCE(function->removing, true);
	ndshm_adapter_unregister(function->adapter);
	function->adapter = NULL;
	ndshm_pci_reset_fini(function);

	/* A concurrent release may have failed to get the device lock. */
	if (function->unclean)
		ndshm_pci_stop_and_reset(function, true);

	/*
	 * Restore the defaults of enumeration: the next driver may rely on a 32-bit mask.
	 */
	dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	dma_set_max_seg_size(&pdev->dev, function->segment_size);

	ndshm_pci_fini_function(function);
	ndshm_pci_irqs_fini(function);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
	mutex_destroy(&function->lock);
	kfree(function);
}

/*
 * Called before a reset: prevents access by the client until ndshm_pci_resume(). Also
 * called for the resets of probe, claim, release and remove, when no BAR is mapped.
 * Client accesses to a BAR get SIGBUS instead of waiting: error recovery may never
 * complete. Interrupts are turned off: ndshm_pci_restore() and the reset change
 * their registers behind the kernel's back. Bus mastering is turned off before the client loses
 * its BARs, as at the end of a claim, and again, since the client may turn it on through a BAR.
 */
static void ndshm_pci_suspend(struct ndshm_pci_function *function)
{
	ndshm_pci_stop(function);
	if (function->adapter)
		ndshm_adapter_unmap_bars(function->adapter, true);
	mutex_lock(&function->lock);
	function->resetting = true;
	if (function->reset.locked)
		function->reset.pending = false;
	ndshm_pci_set_master(function, false);
	ndshm_pci_irqs_stop(function);
	mutex_unlock(&function->lock);
}

static bool pci_is_down(struct ndshm_pci_function *function)
{
	bool down;

	mutex_lock(&function->lock);
	down = function->down;
	mutex_unlock(&function->lock);
	return down;
}

/* Give the BARs back after a reset, unless the function is down. */
static void pci_map_bars(struct ndshm_pci_function *function)
{
	if (!function->adapter || pci_is_down(function))
		return;
	ndshm_adapter_unmap_bars(function->adapter, false);
	/* Pairs with ndshm_pci_shutdown(), which sets @down before it unmaps. */
	if (pci_is_down(function))
		ndshm_adapter_unmap_bars(function->adapter, true);
}

/* Signal the eventfds last, when the client can access registers and turn interrupts on. */
static void ndshm_pci_resume(struct ndshm_pci_function *function)
{
	ndshm_pci_restore(function);
	pci_map_bars(function);
	mutex_lock(&function->lock);
	function->resetting = false;
	ndshm_pci_irqs_end(function);
	mutex_unlock(&function->lock);
}

/* The client learns of the error at once; its registers are accessible after the reset. */
static void ndshm_pci_report(struct ndshm_pci_function *function)
{
	mutex_lock(&function->lock);
	ndshm_pci_irqs_signal(function);
	mutex_unlock(&function->lock);
}

static void ndshm_pci_fail(struct ndshm_pci_function *function)
{
	mutex_lock(&function->lock);
	function->down = true;
	function->recovering = false;
	ndshm_pci_set_master(function, false);
	ndshm_pci_irqs_end(function);
	mutex_unlock(&function->lock);
}

/* Tasks of clients run, and could turn bus mastering on again through a BAR. */
static void ndshm_pci_shutdown(struct pci_dev *pdev)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	ndshm_pci_fail(function);
	ndshm_adapter_unmap_bars(function->adapter, true);
	ndshm_pci_stop(function);
}

static void pci_begin_recovery(struct ndshm_pci_function *function)
{
	mutex_lock(&function->lock);
	function->recovering = true;
	mutex_unlock(&function->lock);
	ndshm_pci_suspend(function);
}

/*
 * Error recovery, and resets that the client did not request. A function without these
 * callbacks would block the recovery of all functions below its port. Bus mastering stays
 * off after a reset until the client calls START. Called with the device lock held.
 */
static pci_ers_result_t ndshm_pci_error_detected(struct pci_dev *pdev,
						 pci_channel_state_t state)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		pci_begin_recovery(function);
		ndshm_pci_report(function);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		ndshm_pci_suspend(function);
		ndshm_pci_fail(function);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t ndshm_pci_slot_reset(struct pci_dev *pdev)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	/* Not suspended if another function of the port asked for the reset. */
	pci_begin_recovery(function);
	return PCI_ERS_RESULT_RECOVERED;
}

/* Return: true if a recovery is in progress, which @ends now. */
static bool pci_is_recovering(struct ndshm_pci_function *function, bool ends)
{
	bool recovering;

	mutex_lock(&function->lock);
	recovering = function->recovering;
	function->recovering = recovering && !ends;
	mutex_unlock(&function->lock);
	return recovering;
}

/* Also called after errors for which nothing was suspended. */
static void ndshm_pci_recovered(struct pci_dev *pdev)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	if (pci_is_recovering(function, true))
		ndshm_pci_resume(function);
}

static void ndshm_pci_reset_prepare(struct pci_dev *pdev)
{
	ndshm_pci_suspend(pci_get_drvdata(pdev));
}

/* A reset during a recovery, as at the end of a claim, leaves the rest to the recovery. */
static void ndshm_pci_reset_done(struct pci_dev *pdev)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	if (!pci_is_recovering(function, false))
		ndshm_pci_resume(function);
}

static const struct pci_error_handlers ndshm_pci_error_handlers = {
	.error_detected = ndshm_pci_error_detected,
	.slot_reset = ndshm_pci_slot_reset,
	.resume = ndshm_pci_recovered,
	.reset_prepare = ndshm_pci_reset_prepare,
	.reset_done = ndshm_pci_reset_done,
};

/*
 * No entry matches, so that a function is bound by driver_override only. With an empty
 * table, unlike with none, the PCI core also refuses new_id, which would let the driver
 * bind every function of an ID. Without aliases the module is not loaded automatically.
 */
static const struct pci_device_id ndshm_pci_ids[] = {
	{ }
};

/*
 * driver_managed_dma stays false: blocks use the DMA API, so the group must stay in its
 * default domain. VFIO cannot take the group while one of its functions is bound here,
 * and vice versa.
 *
 * Without sriov_configure virtual functions cannot be enabled.
 */
struct pci_driver ndshm_pci_driver = {
	.name = "ndshm_pci",
	.id_table = ndshm_pci_ids,
	.probe = ndshm_pci_probe,
	.remove = ndshm_pci_remove,
	.shutdown = ndshm_pci_shutdown,
	.err_handler = &ndshm_pci_error_handlers,
	.driver.pm = pm_sleep_ptr(&ndshm_bus_pm_ops),
};

static struct notifier_block ndshm_pci_bus_notifier = {
	.notifier_call = ndshm_bus_notify,
};

int __init ndshm_pci_init(void)
{
	int error = bus_register_notifier(&pci_bus_type,
					  &ndshm_pci_bus_notifier);

	if (error)
		return error;
	error = pci_register_driver(&ndshm_pci_driver);
	if (error)
		bus_unregister_notifier(&pci_bus_type, &ndshm_pci_bus_notifier);
	return error;
}

void ndshm_pci_exit(void)
{
	pci_unregister_driver(&ndshm_pci_driver);
	bus_unregister_notifier(&pci_bus_type, &ndshm_pci_bus_notifier);
}
