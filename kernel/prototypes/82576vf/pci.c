// SPDX-License-Identifier: GPL-2.0
/*
 * PCI probe and remove.
 */
#include <linux/dma-mapping.h>
#include <linux/etherdevice.h>
#include <linux/module.h>
#include <linux/pci.h>
#include <linux/slab.h>

#include <ndshm/adapter.h>

#include "regs.h"
#include "vf.h"

/* Register without NDSHM_ADAPTER_OPEN: only this driver allocates for the function. */
static int vf_register_adapter(struct vf *vf)
{
	const struct ndshm_adapter_info info = {
		.name = pci_name(vf->pdev),
		.device = &vf->pdev->dev,
	};
	int error;

	vf->adapter = ndshm_adapter_register(&info, NULL);
	if (IS_ERR(vf->adapter))
		return PTR_ERR(vf->adapter);
	error = vf_memory_add(vf, VF_MEMORY_DEFAULT);
	if (error)
		ndshm_adapter_unregister(vf->adapter);
	return error;
}

static void vf_unregister_adapter(struct vf *vf)
{
	if (vf_memory_remove(vf))
		pci_err(vf->pdev, "memory is still in use, and lost\n");
	ndshm_adapter_unregister(vf->adapter);
}

/* The PF may not answer now, or may have no address for the function. */
static void vf_find_first_address(struct vf *vf)
{
	u8 address[ETH_ALEN] = { };

	mutex_lock(&vf->lock);
	vf_mailbox_reset(vf, address);
	mutex_unlock(&vf->lock);
	if (is_valid_ether_addr(address))
		eth_hw_addr_set(vf->netdev, address);
	else
		eth_hw_addr_random(vf->netdev);
}

static void vf_setup(struct vf *vf)
{
	struct net_device *netdev = vf->netdev;

	netdev->netdev_ops = &vf_netdev_ops;
	netdev->ethtool_ops = &vf_ethtool_ops;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = ETH_DATA_LEN;
	/* Frames are copied, so that every layout of an skb is supported. */
	netdev->hw_features = NETIF_F_SG | NETIF_F_FRAGLIST;
	netdev->features = netdev->hw_features | NETIF_F_HIGHDMA;
	netif_napi_add(netdev, &vf->napi, vf_poll);
	mutex_init(&vf->memory_lock);
	mutex_init(&vf->memory.lock);
	mutex_init(&vf->lock);
	INIT_DELAYED_WORK(&vf->watch, vf_watch);
}

static void vf_free(struct vf *vf)
{
	mutex_destroy(&vf->lock);
	mutex_destroy(&vf->memory.lock);
	mutex_destroy(&vf->memory_lock);
	free_percpu(vf->netdev->tstats);
	free_netdev(vf->netdev);
}

static struct vf *vf_alloc(struct pci_dev *pdev)
{
	struct net_device *netdev = alloc_etherdev(sizeof(struct vf));
	struct vf *vf;

	if (!netdev)
		return NULL;
	netdev->tstats = netdev_alloc_pcpu_stats(struct pcpu_sw_netstats);
	if (!netdev->tstats) {
		free_netdev(netdev);
		return NULL;
	}
	SET_NETDEV_DEV(netdev, &pdev->dev);
	vf = netdev_priv(netdev);
	vf->netdev = netdev;
	vf->pdev = pdev;
	vf_setup(vf);
	return vf;
}

/* Bus mastering is off in this state. */
static int vf_save_state(struct vf *vf)
{
	int error = pci_save_state(vf->pdev);

	if (error)
		return error;
	vf->initial = pci_store_saved_state(vf->pdev);
	return vf->initial ? 0 : -ENOMEM;
}

static int vf_enable_function(struct vf *vf)
{
	struct pci_dev *pdev = vf->pdev;
	int error;

	error = pci_enable_device_mem(pdev);
	if (error)
		return error;
	error = dma_set_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (error)
		goto err_disable;
	error = pci_request_mem_regions(pdev, KBUILD_MODNAME);
	if (error)
		goto err_disable;
	error = -ENODEV;
	if (pci_resource_len(pdev, 0) < REGS_LENGTH)
		goto err_regions;
	error = -ENOMEM;
	vf->bar = pci_ioremap_bar(pdev, 0);
	if (!vf->bar)
		goto err_regions;
	/* A function has no other kind of interrupt. */
	error = pci_alloc_irq_vectors(pdev, 1, 1, PCI_IRQ_MSIX);
	if (error < 0)
		goto err_bar;
	return 0;

err_bar:
	iounmap(vf->bar);
err_regions:
	pci_release_mem_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return error;
}

static void vf_disable_function(struct vf *vf)
{
	kfree(vf->initial);
	pci_free_irq_vectors(vf->pdev);
	iounmap(vf->bar);
	pci_release_mem_regions(vf->pdev);
	pci_disable_device(vf->pdev);
}

static int vf_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct vf *vf = vf_alloc(pdev);
	int error;

	if (!vf)
		return -ENOMEM;
	pci_set_drvdata(pdev, vf);
	error = vf_enable_function(vf);
	if (error)
		goto err_netdev;
	/* A previous driver may have left the function running. */
	vf_quiesce(vf);
	error = vf_save_state(vf);
	if (error)
		goto err_function;
	vf_find_first_address(vf);
	error = vf_register_adapter(vf);
	if (error)
		goto err_function;
	error = register_netdev(vf->netdev);
	if (error)
		goto err_adapter;
	return 0;

err_adapter:
	vf_unregister_adapter(vf);
err_function:
	vf_disable_function(vf);
err_netdev:
	vf_free(vf);
	return error;
}

/*
 * unregister_netdev() stops the interface, which frees all blocks before the provider is
 * removed: none is revoked. The attributes are removed before this is called.
 */
static void vf_remove(struct pci_dev *pdev)
{
	struct vf *vf = pci_get_drvdata(pdev);

	unregister_netdev(vf->netdev);
	cancel_delayed_work_sync(&vf->watch);
	vf_unregister_adapter(vf);
	vf_disable_function(vf);
	vf_free(vf);
}

/* The function must not write to the memory of the next kernel. */
static void vf_shutdown(struct pci_dev *pdev)
{
	vf_pause(pci_get_drvdata(pdev));
	pci_disable_device(pdev);
}

static int vf_suspend(struct device *dev)
{
	vf_pause(dev_get_drvdata(dev));
	return 0;
}

static int vf_resume(struct device *dev)
{
	vf_continue(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(vf_pm_ops, vf_suspend, vf_resume);

static void vf_reset_prepare(struct pci_dev *pdev)
{
	vf_pause(pci_get_drvdata(pdev));
}

static void vf_reset_done(struct pci_dev *pdev)
{
	vf_continue(pci_get_drvdata(pdev));
}

static void vf_begin_recovery(struct vf *vf)
{
	if (vf->recovering)
		return;
	vf->recovering = true;
	vf_pause(vf);
}

/*
 * Error recovery. A function without these callbacks would block the recovery of all functions
 * below its port. After a recovery that has failed the interface stays detached. Called with the
 * device lock held.
 */
static pci_ers_result_t vf_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	if (state == pci_channel_io_normal)
		return PCI_ERS_RESULT_CAN_RECOVER;
	vf_begin_recovery(pci_get_drvdata(pdev));
	return state == pci_channel_io_frozen ? PCI_ERS_RESULT_NEED_RESET :
						PCI_ERS_RESULT_DISCONNECT;
}

static pci_ers_result_t vf_slot_reset(struct pci_dev *pdev)
{
	struct vf *vf = pci_get_drvdata(pdev);

	if (pci_load_saved_state(pdev, vf->initial))
		return PCI_ERS_RESULT_DISCONNECT;
	pci_restore_state(pdev);
	/* Not paused if another function of the port asked for the reset. */
	vf_begin_recovery(vf);
	return PCI_ERS_RESULT_RECOVERED;
}

/* Also called after errors for which nothing was paused. */
static void vf_recovered(struct pci_dev *pdev)
{
	struct vf *vf = pci_get_drvdata(pdev);

	if (!vf->recovering)
		return;
	vf->recovering = false;
	vf_continue(vf);
}

static const struct pci_error_handlers vf_error_handlers = {
	.error_detected = vf_error_detected,
	.slot_reset = vf_slot_reset,
	.resume = vf_recovered,
	.reset_prepare = vf_reset_prepare,
	.reset_done = vf_reset_done,
};

/*
 * The kernel has a driver of its own for these functions. This one has no module alias,
 * and binds a function only if driver_override in sysfs names it.
 */
static const struct pci_device_id vf_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_VENDOR_ID_INTEL, 0x10ca, true) },
	{ }
};

static struct pci_driver vf_driver = {
	.name = KBUILD_MODNAME,
	.id_table = vf_ids,
	.probe = vf_probe,
	.remove = vf_remove,
	.shutdown = vf_shutdown,
	.err_handler = &vf_error_handlers,
	.dev_groups = vf_memory_groups,
	.driver.pm = pm_sleep_ptr(&vf_pm_ops),
};
module_pci_driver(vf_driver);

MODULE_DESCRIPTION("ndshm: prototype of a driver for virtual functions of the Intel 82576");
MODULE_LICENSE("GPL");
