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

#include "nic.h"
#include "regs.h"

/* Register without NDSHM_ADAPTER_OPEN: only this driver allocates for the card. */
static int nic_register_adapter(struct nic *nic)
{
	const struct ndshm_adapter_info info = {
		.name = pci_name(nic->pdev),
		.device = &nic->pdev->dev,
	};

	nic->adapter = ndshm_adapter_register(&info, NULL);
	return PTR_ERR_OR_ZERO(nic->adapter);
}

static void nic_find_address(struct nic *nic)
{
	u8 address[ETH_ALEN];

	nic_card_own_address(nic, address);
	if (is_valid_ether_addr(address)) {
		eth_hw_addr_set(nic->netdev, address);
		return;
	}
	eth_hw_addr_random(nic->netdev);
	pci_warn(nic->pdev, "no address of its own: a random one is used\n");
}

static void nic_setup(struct nic *nic)
{
	struct net_device *netdev = nic->netdev;

	netdev->netdev_ops = &nic_netdev_ops;
	netdev->ethtool_ops = &nic_ethtool_ops;
	netdev->priv_flags |= IFF_LIVE_ADDR_CHANGE | IFF_UNICAST_FLT;
	netdev->min_mtu = ETH_MIN_MTU;
	netdev->max_mtu = NIC_MTU_MAX;
	/* What cannot be mapped is copied, so that every layout of an skb is supported. */
	netdev->hw_features = NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_IP_CSUM |
			      NETIF_F_IPV6_CSUM | NETIF_F_RXCSUM | NETIF_F_TSO | NETIF_F_TSO6;
	netdev->vlan_features = netdev->hw_features | NETIF_F_HIGHDMA;
	netdev->hw_features |= NETIF_F_HW_VLAN_CTAG_RX | NETIF_F_HW_VLAN_CTAG_TX;
	netdev->features = netdev->hw_features | NETIF_F_HIGHDMA;
	u64_stats_init(&nic->tx.sync);
	u64_stats_init(&nic->tx.xmit_sync);
	mutex_init(&nic->lock);
	nic->rx_descriptors = NIC_DESCRIPTORS;
	nic->tx_descriptors = NIC_DESCRIPTORS;
	nic->interval = NIC_INTERVAL;
	nic->link = (struct nic_link_settings){
		.negotiate = true, .modes = NIC_LINK_ALL,
	};
	INIT_WORK(&nic->link_work, nic_link_work);
	INIT_WORK(&nic->restart_work, nic_restart_work);
}

/* Each queue has a vector of its own. Without MSI-X there is one queue only. */
static void nic_setup_queues(struct nic *nic)
{
	struct net_device *netdev = nic->netdev;
	unsigned int i;

	nic->queues = nic->msix ? NIC_QUEUES : 1;
	for (i = 0; i < nic->queues; i++) {
		nic->queue[i].nic = nic;
		nic->queue[i].index = i;
		u64_stats_init(&nic->queue[i].rx.sync);
	}
	nic_irq_setup(nic);
	if (nic->queues > 1) {
		netdev->hw_features |= NETIF_F_RXHASH;
		netdev->features |= NETIF_F_RXHASH;
	}
}

/* Prefer MSI-X, then MSI, then a line, which may be shared. */
static void nic_enable_irqs(struct nic *nic)
{
	const int vectors = NIC_QUEUES + 1;

	nic->msix = pci_alloc_irq_vectors(nic->pdev, vectors, vectors,
					  PCI_IRQ_MSIX) == vectors;
	nic->msi = !nic->msix && pci_alloc_irq_vectors(nic->pdev, 1, 1, PCI_IRQ_MSI) == 1;
}

/* Bus mastering is off in this state. */
static int nic_save_state(struct nic *nic)
{
	int error = pci_save_state(nic->pdev);

	if (error)
		return error;
	nic->initial = pci_store_saved_state(nic->pdev);
	return nic->initial ? 0 : -ENOMEM;
}

static int nic_enable_function(struct nic *nic)
{
	struct pci_dev *pdev = nic->pdev;
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
	nic->bar = pci_ioremap_bar(pdev, 0);
	if (!nic->bar)
		goto err_regions;

	nic_enable_irqs(nic);
	nic->tx.copybreak = nic_frame_copybreak(nic);
	return 0;

err_regions:
	pci_release_mem_regions(pdev);
err_disable:
	pci_disable_device(pdev);
	return error;
}

static void nic_disable_function(struct nic *nic)
{
	kfree(nic->initial);
	pci_free_irq_vectors(nic->pdev);
	iounmap(nic->bar);
	pci_release_mem_regions(nic->pdev);
	pci_disable_device(nic->pdev);
}

static int nic_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct net_device *netdev = alloc_etherdev_mqs(sizeof(struct nic), 1, NIC_QUEUES);
	struct nic *nic;
	int error;

	if (!netdev)
		return -ENOMEM;
	SET_NETDEV_DEV(netdev, &pdev->dev);
	nic = netdev_priv(netdev);
	nic->netdev = netdev;
	nic->pdev = pdev;
	pci_set_drvdata(pdev, nic);
	nic_setup(nic);

	error = nic_enable_function(nic);
	if (error)
		goto err_netdev;
	nic_setup_queues(nic);
	error = netif_set_real_num_rx_queues(netdev, nic->queues);
	if (error)
		goto err_function;
	/* A previous driver may have left the card running. */
	error = nic_card_quiesce(nic);
	if (error) {
		pci_err(pdev, "the card cannot be stopped\n");
		goto err_function;
	}
	error = nic_save_state(nic);
	if (error)
		goto err_function;
	nic_find_address(nic);
	error = nic_register_adapter(nic);
	if (error)
		goto err_function;
	error = register_netdev(netdev);
	if (error)
		goto err_adapter;
	return 0;

err_adapter:
	ndshm_adapter_unregister(nic->adapter);
err_function:
	nic_disable_function(nic);
err_netdev:
	mutex_destroy(&nic->lock);
	free_netdev(netdev);
	return error;
}

/*
 * unregister_netdev() stops the interface, which frees all blocks before the adapter is
 * unregistered: none is revoked.
 */
static void nic_remove(struct pci_dev *pdev)
{
	struct nic *nic = pci_get_drvdata(pdev);

	unregister_netdev(nic->netdev);
	cancel_work_sync(&nic->restart_work);
	ndshm_adapter_unregister(nic->adapter);
	nic_disable_function(nic);
	mutex_destroy(&nic->lock);
	free_netdev(nic->netdev);
}

/*
 * The kernel has a driver of its own for this card. This one has no module alias, and
 * binds a function only if driver_override in sysfs names it.
 */
static const struct pci_device_id nic_ids[] = {
	{ PCI_DEVICE_DRIVER_OVERRIDE(PCI_VENDOR_ID_INTEL, 0x10d3, true) },
	{ }
};

static struct pci_driver nic_driver = {
	.name = KBUILD_MODNAME,
	.id_table = nic_ids,
	.probe = nic_probe,
	.remove = nic_remove,
	.shutdown = nic_shutdown,
	.err_handler = &nic_error_handlers,
	.driver.pm = pm_sleep_ptr(&nic_pm_ops),
};
module_pci_driver(nic_driver);

MODULE_DESCRIPTION("ndshm: prototype of a driver for the Intel 82574");
MODULE_LICENSE("GPL");
