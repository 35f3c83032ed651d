// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm_pci: a PCI driver that makes an adapter of each function bound to it.
 */
#include <linux/dma-mapping.h>
#include <linux/iommu.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/pm.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>
#include <ndshm/status.h>

#include "function.h"
#include "pci.h"

static struct pci_driver ndshm_pci_driver;

bool ndshm_pci_drives(struct device *dev)
{
	return READ_ONCE(dev->driver) == &ndshm_pci_driver.driver;
}

/*
 * The previous driver may have left the function in any state, and what probe
 * leaves is what every claim begins with.
 *
 * INTx stays off for good: nobody here handles the interrupt, a client can make
 * the function raise it through a BAR, and the line may be shared: the storm
 * would take the line from its other users. That the same client could write
 * into a BAR what makes the function send messages is why isolation asks for
 * isolated MSIs.
 */
static int ndshm_pci_settle(struct ndshm_pci_function *function)
{
	struct pci_dev *pdev = function->pdev;
	int error;

	pci_clear_master(pdev);
	pci_intx(pdev, 0);

	error = pci_save_state(pdev);
	if (error)
		return error;
	function->initial = pci_store_saved_state(pdev);
	if (!function->initial)
		return -ENOMEM;

	/*
	 * A function that cannot be reset is still clean: a driver of the
	 * kernel, not a client, had it, and binding is an administrator's act.
	 */
	error = ndshm_pci_quiet(function, true);
	function->unclean = error == -ENOTTY ? 0 : error;
	return 0;
}

static int ndshm_pci_register(struct ndshm_pci_function *function)
{
	struct iommu_group *group = iommu_group_get(&function->pdev->dev);
	const struct ndshm_adapter_info info = {
		.name = pci_name(function->pdev),
		.device = &function->pdev->dev,
		.flags = NDSHM_ADAPTER_OPEN,
		.ops = &ndshm_pci_adapter_ops,
		.context = function,
		.group = group,
	};
	ndshm_reason_t reason;

	reason = ndshm_adapter_register(&info, &function->adapter);
	/* Only its address is of interest, and the device keeps the group. */
	iommu_group_put(group);
	return ndshm_reason_errno(reason);
}

static int ndshm_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct ndshm_pci_function *function;
	int error;

	if (pdev->hdr_type != PCI_HEADER_TYPE_NORMAL) {
		pci_err(pdev, "a bridge cannot be an adapter\n");
		return -EINVAL;
	}

	/* Who drives a physical function has power over its virtual ones. */
	if (pci_num_vf(pdev)) {
		pci_err(pdev, "virtual functions are enabled\n");
		return -EBUSY;
	}

	function = kzalloc(sizeof(*function), GFP_KERNEL);
	if (!function)
		return -ENOMEM;

	function->pdev = pdev;
	mutex_init(&function->lock);
	pci_set_drvdata(pdev, function);

	/*
	 * I/O ports are of no use to a client and are often not assigned. No
	 * runtime power management: the function stays in D0 while it is bound.
	 */
	error = pci_enable_device_mem(pdev);
	if (error)
		goto err_free;

	error = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (error)
		goto err_disable;

	error = ndshm_pci_settle(function);
	if (error)
		goto err_release;

	/* How long a segment may be is for the client to know, not for us. */
	function->segment_size = dma_get_max_seg_size(&pdev->dev);
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);

	error = ndshm_pci_register(function);
	if (error)
		goto err_segment_size;

	return 0;

err_segment_size:
	dma_set_max_seg_size(&pdev->dev, function->segment_size);
err_release:
	kfree(function->initial);
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

	ndshm_adapter_unregister(function->adapter);
	function->adapter = NULL;

	/* A release that met this call could not have the device lock. */
	if (function->unclean)
		ndshm_pci_quiet(function, true);

	/*
	 * The next driver may count on what enumeration set up: a mask of 32
	 * bits is a promise that the function can drive as many.
	 */
	dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(32));
	dma_set_max_seg_size(&pdev->dev, function->segment_size);

	kfree(function->initial);
	pci_release_mem_regions(pdev);
	pci_disable_device(pdev);
	mutex_destroy(&function->lock);
	kfree(function);
}

/*
 * Before a reset: nothing that a client does may reach the function until
 * ndshm_pci_resume(). Also called for the resets of probe, claim, release and
 * remove, when there are no BAR mappings. An access by a client is SIGBUS and does
 * not wait: recovery from an error may never come to its end.
 */
static void ndshm_pci_suspend(struct ndshm_pci_function *function)
{
	if (function->adapter)
		ndshm_adapter_unmap_bars(function->adapter, true);
	ndshm_pci_stop(function);
}

static void ndshm_pci_resume(struct ndshm_pci_function *function)
{
	ndshm_pci_restore(function);
	if (function->adapter)
		ndshm_adapter_unmap_bars(function->adapter, false);
}

static void ndshm_pci_fail(struct ndshm_pci_function *function)
{
	mutex_lock(&function->lock);
	function->down = true;
	pci_clear_master(function->pdev);
	mutex_unlock(&function->lock);
}

static void ndshm_pci_shutdown(struct pci_dev *pdev)
{
	ndshm_pci_fail(pci_get_drvdata(pdev));
}

/*
 * Errors and resets that the client did not ask for. A function without these
 * callbacks would keep every other function below its port from recovering.
 * After a reset bus mastering is off, until the client says START again. All of
 * them are called with the device lock held.
 */
static pci_ers_result_t ndshm_pci_error_detected(struct pci_dev *pdev,
						 pci_channel_state_t state)
{
	struct ndshm_pci_function *function = pci_get_drvdata(pdev);

	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		ndshm_pci_suspend(function);
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		ndshm_pci_suspend(function);
		ndshm_pci_fail(function);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t ndshm_pci_slot_reset(struct pci_dev *pdev)
{
	ndshm_pci_resume(pci_get_drvdata(pdev));
	return PCI_ERS_RESULT_RECOVERED;
}

static void ndshm_pci_reset_prepare(struct pci_dev *pdev)
{
	ndshm_pci_suspend(pci_get_drvdata(pdev));
}

static void ndshm_pci_reset_done(struct pci_dev *pdev)
{
	ndshm_pci_resume(pci_get_drvdata(pdev));
}

static const struct pci_error_handlers ndshm_pci_error_handlers = {
	.error_detected = ndshm_pci_error_detected,
	.slot_reset = ndshm_pci_slot_reset,
	.reset_prepare = ndshm_pci_reset_prepare,
	.reset_done = ndshm_pci_reset_done,
};

/*
 * A claimed function has state that only its client could bring back. Tasks are
 * frozen here, so no claim can begin before the machine sleeps.
 */
static int ndshm_pci_prepare(struct device *dev)
{
	struct ndshm_pci_function *function = dev_get_drvdata(dev);

	return READ_ONCE(function->claimed) ? -EBUSY : 0;
}

static const struct dev_pm_ops ndshm_pci_pm_ops = {
	.prepare = pm_sleep_ptr(ndshm_pci_prepare),
};

/*
 * Nothing matches, so only driver_override binds. An empty table, rather than
 * none, also makes the PCI core refuse new_id, which would let the driver take
 * every function of a kind. There is no alias, and so no module loading by one.
 */
static const struct pci_device_id ndshm_pci_ids[] = {
	{ }
};

/*
 * driver_managed_dma stays false: blocks come from the DMA API, so the group
 * must be in its default domain and stay there. It cannot be handed to VFIO
 * while a function of it is bound here, and the other way round.
 *
 * Without sriov_configure no virtual functions can be made.
 */
static struct pci_driver ndshm_pci_driver = {
	.name = "ndshm_pci",
	.id_table = ndshm_pci_ids,
	.probe = ndshm_pci_probe,
	.remove = ndshm_pci_remove,
	.shutdown = ndshm_pci_shutdown,
	.err_handler = &ndshm_pci_error_handlers,
	.driver.pm = pm_sleep_ptr(&ndshm_pci_pm_ops),
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
