// SPDX-License-Identifier: GPL-2.0
/*
 * Start and stop of a function, its interrupt, and the watch over the PF: while the PF
 * does not answer, the interface has no carrier, and the start is tried again.
 */
#include <linux/etherdevice.h>
#include <linux/interrupt.h>
#include <linux/pci.h>
#include <linux/rtnetlink.h>

#include "regs.h"
#include "vf.h"

#define INTERRUPTS_PER_SECOND	20000
#define WATCH_INTERVAL		HZ
#define WATCH_INTERVAL_MOST	(32 * HZ)

static irqreturn_t vf_interrupt(int irq, void *context)
{
	struct vf *vf = context;

	/* The message has cleared and masked the causes. */
	napi_schedule(&vf->napi);
	return IRQ_HANDLED;
}

int vf_poll(struct napi_struct *napi, int budget)
{
	struct vf *vf = container_of(napi, struct vf, napi);
	int done;

	vf_tx_clean(vf);
	done = vf_rx_poll(vf, budget);
	if (done < budget && napi_complete_done(napi, done))
		vf_write(vf, REG_EIMS, BIT(VF_VECTOR));
	return done;
}

/* The rings must be set up before: NAPI may be polled without an interrupt. */
static void vf_irq_enable(struct vf *vf)
{
	vf_write(vf, REG_EITR, USEC_PER_SEC / INTERRUPTS_PER_SECOND << EITR_SHIFT);
	vf_write(vf, REG_IVAR, IVAR_RX(VF_VECTOR) | IVAR_TX(VF_VECTOR));
	vf_write(vf, REG_EIAC, BIT(VF_VECTOR));
	vf_write(vf, REG_EIAM, BIT(VF_VECTOR));
	napi_enable(&vf->napi);
	/* The first poll enables the interrupt. */
	local_bh_disable();
	napi_schedule(&vf->napi);
	local_bh_enable();
}

/*
 * The order matters. A poll enables the interrupt when it completes. Without
 * synchronize_net() it could do so after it is disabled, and the card would write a
 * message to an address that is no longer valid.
 */
static void vf_irq_disable(struct vf *vf)
{
	napi_disable(&vf->napi);
	synchronize_net();
	vf_write(vf, REG_EIMC, ~0U);
	vf_read(vf, REG_STATUS);	/* flush the write */
	free_irq(pci_irq_vector(vf->pdev, VF_VECTOR), vf);
}

/* A function that is gone reads as ones: it has no transaction in flight, and shows none. */
static bool vf_config_is_lost(struct vf *vf)
{
	u16 command;

	pci_read_config_word(vf->pdev, PCI_COMMAND, &command);
	return command == U16_MAX;
}

/*
 * Stop the queues and reset the function: no transaction in flight, and no memory address
 * left in a register. Bus mastering is off on return, so that the function cannot access
 * memory, whatever it does.
 */
void vf_quiesce(struct vf *vf)
{
	static const u16 addresses[] = {
		REG_RDLEN, REG_RDBAL, REG_RDBAH, REG_TDLEN, REG_TDBAL, REG_TDBAH,
	};
	unsigned int i;

	vf_write(vf, REG_EIMC, ~0U);
	vf_write(vf, REG_EIAC, 0);
	vf_write(vf, REG_EIAM, 0);
	vf_write(vf, REG_IVAR, 0);
	vf_write(vf, REG_RXDCTL, 0);
	vf_write(vf, REG_TXDCTL, 0);
	vf_read(vf, REG_STATUS);	/* flush the writes */
	pci_clear_master(vf->pdev);
	if (!vf_config_is_lost(vf) && !pci_wait_for_pending_transaction(vf->pdev))
		netdev_err(vf->netdev, "transactions are pending\n");

	vf_write(vf, REG_CTRL, CTRL_RESET);
	for (i = 0; i < ARRAY_SIZE(addresses); i++)
		vf_write(vf, addresses[i], 0);
}

/* Ask the PF for this address; if another was given by an administrator, use that. */
static int vf_find_address(struct vf *vf)
{
	u8 given[ETH_ALEN];
	int error = vf_mailbox_reset(vf, given);

	if (error)
		return error;
	if (ether_addr_equal(given, vf->netdev->dev_addr))
		return 0;
	error = vf_mailbox_set_address(vf, vf->netdev->dev_addr);
	if (error != -EPERM || is_zero_ether_addr(given))
		return error;
	eth_hw_addr_set(vf->netdev, given);
	return 0;
}

/* Return: true if the function may run. Called with RTNL and vf->lock held. */
static bool vf_is_wanted(const struct vf *vf)
{
	return netif_running(vf->netdev) && vf->port && !vf->revoked && !vf->pauses;
}

static int vf_up(struct vf *vf)
{
	int error;

	ASSERT_RTNL();
	lockdep_assert_held(&vf->lock);

	/* Before the mailbox, whose register would read as that of a PF that is down. */
	if (vf_read(vf, REG_STATUS) == ~0U)
		return -ENODEV;
	vf_quiesce(vf);
	/* Forget resets of the PF until now; after a later one its queues are off again. */
	vf_mailbox_was_reset(vf);
	error = vf_find_address(vf);
	if (error)
		return error;
	error = request_irq(pci_irq_vector(vf->pdev, VF_VECTOR), vf_interrupt, 0,
			    vf->netdev->name, vf);
	if (error)
		return error;
	pci_set_master(vf->pdev);
	vf->up = true;
	vf->stuck = false;
	vf_rx_start(vf);
	vf_tx_start(vf);
	vf_rx_give(vf);
	vf_irq_enable(vf);
	return 0;
}

/*
 * Stop the function if it runs. Neither the card nor the driver accesses the blocks after
 * this returns.
 */
void vf_down(struct vf *vf)
{
	lockdep_assert_held(&vf->lock);
	if (!vf->up)
		return;
	vf->up = false;

	netif_carrier_off(vf->netdev);
	vf_irq_disable(vf);
	vf_tx_stop(vf);
	vf_quiesce(vf);
}

static void vf_update_carrier(struct vf *vf)
{
	if (vf->up && (vf_read(vf, REG_STATUS) & STATUS_LINK_UP))
		netif_carrier_on(vf->netdev);
	else
		netif_carrier_off(vf->netdev);
}

/*
 * Return: the time until the next attempt. It is doubled after each failure, during which others
 * wait for RTNL. Called with RTNL held.
 */
static unsigned long vf_watch_interval(struct vf *vf, int error)
{
	/* While the PF is down the attempt fails at once. */
	if (!error || error == -EAGAIN)
		vf->interval = WATCH_INTERVAL;
	else
		vf->interval = clamp(vf->interval * 2, (unsigned long)WATCH_INTERVAL,
				     (unsigned long)WATCH_INTERVAL_MOST);
	return vf->interval;
}

/*
 * Start the function if it should run and does not, and again after a reset of the PF,
 * which has then disabled its queues.
 */
void vf_watch(struct work_struct *work)
{
	struct vf *vf = container_of(to_delayed_work(work), struct vf, watch);
	unsigned long interval = 0;
	bool wanted;
	int error = 0;

	rtnl_lock();
	mutex_lock(&vf->lock);
	wanted = vf_is_wanted(vf);
	if (wanted) {
		if (vf->up && (vf_mailbox_was_reset(vf) || READ_ONCE(vf->stuck)))
			vf_down(vf);
		if (!vf->up)
			error = vf_up(vf);
		vf_update_carrier(vf);
		interval = vf_watch_interval(vf, error);
	}
	mutex_unlock(&vf->lock);
	rtnl_unlock();
	/* Does nothing if vf_watch_now() has queued it meanwhile. */
	if (wanted)
		queue_delayed_work(system_dfl_wq, &vf->watch, interval);
}

/* Run the watch now, also if it waits for its next attempt. Does not sleep. */
static void vf_watch_now(struct vf *vf)
{
	mod_delayed_work(system_dfl_wq, &vf->watch, 0);
}

/* The watch starts the function. */
static int vf_open(struct net_device *netdev)
{
	struct vf *vf = netdev_priv(netdev);
	int error = vf_port_make(vf);

	if (error)
		return error;
	netif_carrier_off(netdev);
	vf->interval = 0;
	vf_watch_now(vf);
	return 0;
}

/* The watch does not start the function any more: it is not running under RTNL. */
static int vf_stop(struct net_device *netdev)
{
	struct vf *vf = netdev_priv(netdev);

	mutex_lock(&vf->lock);
	vf_down(vf);
	mutex_unlock(&vf->lock);
	vf_port_free(vf);
	return 0;
}

static int vf_set_mac_address(struct net_device *netdev, void *address)
{
	struct vf *vf = netdev_priv(netdev);
	const struct sockaddr *wanted = address;
	int error = 0;

	if (!is_valid_ether_addr(wanted->sa_data))
		return -EADDRNOTAVAIL;
	mutex_lock(&vf->lock);
	if (vf->up)
		error = vf_mailbox_set_address(vf, wanted->sa_data);
	mutex_unlock(&vf->lock);
	if (!error)
		eth_hw_addr_set(netdev, wanted->sa_data);
	return error;
}

static void vf_tx_timeout(struct net_device *netdev, unsigned int queue)
{
	struct vf *vf = netdev_priv(netdev);

	WRITE_ONCE(vf->stuck, true);
	vf_watch_now(vf);
}

/* Temporary stops, which keep the memory: function reset, system sleep. May be nested. */
void vf_pause(struct vf *vf)
{
	rtnl_lock();
	if (!vf->pauses++) {
		netif_device_detach(vf->netdev);
		mutex_lock(&vf->lock);
		vf_down(vf);
		mutex_unlock(&vf->lock);
	}
	rtnl_unlock();
}

void vf_continue(struct vf *vf)
{
	rtnl_lock();
	if (!--vf->pauses) {
		netif_device_attach(vf->netdev);
		vf->interval = 0;
		if (netif_running(vf->netdev))
			vf_watch_now(vf);
	}
	rtnl_unlock();
}

const struct net_device_ops vf_netdev_ops = {
	.ndo_open = vf_open,
	.ndo_stop = vf_stop,
	.ndo_start_xmit = vf_xmit,
	.ndo_set_mac_address = vf_set_mac_address,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_tx_timeout = vf_tx_timeout,
	.ndo_get_stats64 = dev_get_tstats64,
};
