// SPDX-License-Identifier: GPL-2.0
/*
 * The PHY and the state of the link. The card negotiates by itself, and adopts the PHY's
 * result.
 */
#include <linux/ethtool.h>

#include "nic.h"
#include "regs.h"

int nic_link_take_phy(struct nic *nic)
{
	int tries;

	/* The bit reads as 0 while the firmware owns the PHY. */
	for (tries = 0; tries < 10; tries++) {
		nic_write(nic, REG_EXTCNF_CTRL,
			  nic_read(nic, REG_EXTCNF_CTRL) | EXTCNF_MDIO_OURS);
		if (!nic_wait(nic, REG_EXTCNF_CTRL, EXTCNF_MDIO_OURS,
			      EXTCNF_MDIO_OURS, 2))
			return 0;
	}
	return -ETIMEDOUT;
}

void nic_link_give_phy(struct nic *nic)
{
	nic_write(nic, REG_EXTCNF_CTRL,
		  nic_read(nic, REG_EXTCNF_CTRL) & ~EXTCNF_MDIO_OURS);
}

/* Access a PHY register. Writing MDIC clears MDIC_READY; the card sets it at the end. */
static int access_phy(struct nic *nic, u32 operation, unsigned int number,
		      u16 *value)
{
	u32 mdic = operation | MDIC_PHY | number << MDIC_REGISTER_SHIFT;
	int error;

	nic_write(nic, REG_MDIC, mdic | *value);
	error = nic_wait(nic, REG_MDIC, MDIC_READY, MDIC_READY, 10);
	if (error)
		return error;
	mdic = nic_read(nic, REG_MDIC);
	if (mdic & MDIC_ERROR)
		return -EIO;
	*value = mdic & 0xffff;
	return 0;
}

static int nic_wake_phy(struct nic *nic, bool again)
{
	u16 control = 0;
	int error = access_phy(nic, MDIC_READ, PHY_CONTROL, &control);

	if (error)
		return error;
	if (!again && (control & PHY_CONTROL_NEGOTIATE) &&
	    !(control & (PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE)))
		return 0;
	control &= ~(PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE);
	control |= PHY_CONTROL_NEGOTIATE | PHY_CONTROL_RESTART;
	return access_phy(nic, MDIC_WRITE, PHY_CONTROL, &control);
}

static int nic_negotiate(struct nic *nic, bool again)
{
	int error = nic_link_take_phy(nic);

	if (error)
		return error;
	error = nic_wake_phy(nic, again);
	nic_link_give_phy(nic);
	return error;
}

int nic_link_start(struct nic *nic)
{
	int error = nic_negotiate(nic, false);

	if (!error)
		nic_write(nic, REG_CTRL,
			  nic_read(nic, REG_CTRL) | CTRL_LINK_UP);
	return error;
}

int nic_link_renegotiate(struct nic *nic)
{
	return nic_negotiate(nic, true);
}

struct nic_link nic_link_state(struct nic *nic)
{
	static const unsigned int speeds[] = {
		SPEED_10, SPEED_100, SPEED_1000, SPEED_1000
	};
	u32 status = nic_read(nic, REG_STATUS);

	/* A card that was pulled out reads as all ones. */
	if (status == ~0U)
		return (struct nic_link){ };
	return (struct nic_link){
		.up = status & STATUS_LINK_UP,
		.full_duplex = status & STATUS_FULL_DUPLEX,
		.speed = speeds[status >> STATUS_SPEED_SHIFT & 3],
	};
}

/* Queued only while the card runs. */
void nic_link_work(struct work_struct *work)
{
	struct nic *nic = container_of(work, struct nic, link_work);

	if (nic_link_state(nic).up)
		netif_carrier_on(nic->netdev);
	else
		netif_carrier_off(nic->netdev);
}
