// SPDX-License-Identifier: GPL-2.0
/*
 * The PHY and the state of the link. The PHY negotiates by itself, or has the speed and duplex
 * that the user has set, and the card adopts its result.
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
static int link_access_phy(struct nic *nic, u32 operation, unsigned int number, u16 *value)
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

/* Modes that can be offered, by the bit in struct nic_link_settings. */
static const struct {
	u8 mode;
	u16 advertise;
	u16 gigabit;
} modes[] = {
	{ ETHTOOL_LINK_MODE_10baseT_Half_BIT, PHY_ADVERTISE_10_HALF, 0 },
	{ ETHTOOL_LINK_MODE_10baseT_Full_BIT, PHY_ADVERTISE_10_FULL, 0 },
	{ ETHTOOL_LINK_MODE_100baseT_Half_BIT, PHY_ADVERTISE_100_HALF, 0 },
	{ ETHTOOL_LINK_MODE_100baseT_Full_BIT, PHY_ADVERTISE_100_FULL, 0 },
	{ ETHTOOL_LINK_MODE_1000baseT_Full_BIT, 0, PHY_GIGABIT_FULL },
};

static_assert(ARRAY_SIZE(modes) == NIC_LINK_MODES);

int nic_link_mode(unsigned int i)
{
	return modes[i].mode;
}

/* The registers of the PHY that the settings determine. */
struct phy {
	u16 control;
	u16 advertise;
	u16 gigabit;
};

static int nic_read_phy(struct nic *nic, struct phy *phy)
{
	int error;

	*phy = (struct phy){ };
	error = link_access_phy(nic, MDIC_READ, PHY_CONTROL, &phy->control);
	if (!error)
		error = link_access_phy(nic, MDIC_READ, PHY_ADVERTISE, &phy->advertise);
	if (!error)
		error = link_access_phy(nic, MDIC_READ, PHY_GIGABIT, &phy->gigabit);
	return error;
}

/* Change what the settings determine; keep, for instance, the offer of pause frames. */
static void nic_adjust_phy(struct phy *phy, const struct nic_link_settings *settings)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		phy->advertise &= ~modes[i].advertise;
		phy->gigabit &= ~modes[i].gigabit;
		if (settings->modes & BIT(i)) {
			phy->advertise |= modes[i].advertise;
			phy->gigabit |= modes[i].gigabit;
		}
	}
	phy->control &= ~(PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE |
			  PHY_CONTROL_NEGOTIATE);
	if (settings->negotiate) {
		phy->control |= PHY_CONTROL_NEGOTIATE;
		return;
	}
	phy->control &= ~(PHY_CONTROL_SPEED_1000 | PHY_CONTROL_SPEED_100 |
			  PHY_CONTROL_FULL_DUPLEX);
	if (settings->speed == SPEED_100)
		phy->control |= PHY_CONTROL_SPEED_100;
	if (settings->full_duplex)
		phy->control |= PHY_CONTROL_FULL_DUPLEX;
}

static int nic_apply_settings(struct nic *nic, bool again)
{
	struct phy before, phy;
	int error = nic_read_phy(nic, &before);

	if (error)
		return error;
	phy = before;
	nic_adjust_phy(&phy, &nic->link);
	if (!again && !memcmp(&phy, &before, sizeof(phy)))
		return 0;
	if (nic->link.negotiate)
		phy.control |= PHY_CONTROL_RESTART;
	error = link_access_phy(nic, MDIC_WRITE, PHY_ADVERTISE, &phy.advertise);
	if (!error)
		error = link_access_phy(nic, MDIC_WRITE, PHY_GIGABIT, &phy.gigabit);
	if (!error)
		error = link_access_phy(nic, MDIC_WRITE, PHY_CONTROL, &phy.control);
	return error;
}

static int nic_negotiate(struct nic *nic, bool again)
{
	int error;

	lockdep_assert_held(&nic->lock);
	error = nic_link_take_phy(nic);
	if (error)
		return error;
	error = nic_apply_settings(nic, again);
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

/* Apply new settings, or the same again. Called with nic->lock held. */
int nic_link_renegotiate(struct nic *nic)
{
	return nic_negotiate(nic, true);
}

/* Get the settings that the PHY has. Called with nic->lock held. */
int nic_link_settings(struct nic *nic, struct nic_link_settings *settings)
{
	struct phy phy;
	unsigned int i;
	int error;

	lockdep_assert_held(&nic->lock);
	error = nic_link_take_phy(nic);
	if (error)
		return error;
	error = nic_read_phy(nic, &phy);
	nic_link_give_phy(nic);
	if (error)
		return error;

	*settings = (struct nic_link_settings){
		.negotiate = phy.control & PHY_CONTROL_NEGOTIATE,
		.speed = phy.control & PHY_CONTROL_SPEED_100 ? SPEED_100 : SPEED_10,
		.full_duplex = phy.control & PHY_CONTROL_FULL_DUPLEX,
	};
	for (i = 0; i < ARRAY_SIZE(modes); i++)
		if (phy.advertise & modes[i].advertise || phy.gigabit & modes[i].gigabit)
			settings->modes |= BIT(i);
	return 0;
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
