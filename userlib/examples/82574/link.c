// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>

#include "../common/say.h"
#include "link.h"
#include "regs.h"

int link_take_phy(struct card *card)
{
	/* The bit reads as 0 while the firmware owns the PHY. */
	for (int tries = 0; tries < 10; tries++) {
		card_write(card, REG_EXTCNF_CTRL,
			   card_read(card, REG_EXTCNF_CTRL) | EXTCNF_MDIO_OURS);
		if (!card_wait(card, REG_EXTCNF_CTRL, EXTCNF_MDIO_OURS, EXTCNF_MDIO_OURS, 2))
			return 0;
	}
	return -ETIMEDOUT;
}

void link_give_phy(struct card *card)
{
	card_write(card, REG_EXTCNF_CTRL,
		   card_read(card, REG_EXTCNF_CTRL) & ~EXTCNF_MDIO_OURS);
}

/* The card clears MDIC_READY at the write, and sets it when the access is done. */
static int access_phy(struct card *card, uint32_t operation, unsigned int number, uint16_t *value)
{
	uint32_t mdic = operation | MDIC_PHY | number << MDIC_REGISTER_SHIFT;
	int error;

	card_write(card, REG_MDIC, mdic | *value);
	error = card_wait(card, REG_MDIC, MDIC_READY, MDIC_READY, 10);
	if (error)
		return error;
	mdic = card_read(card, REG_MDIC);
	if (mdic & MDIC_ERROR)
		return -EIO;
	*value = mdic & 0xffff;
	return 0;
}

static int wake_phy(struct card *card)
{
	uint16_t control = 0;
	int error = access_phy(card, MDIC_READ, PHY_CONTROL, &control);

	if (error)
		return error;
	if ((control & PHY_CONTROL_NEGOTIATE) &&
	    !(control & (PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE)))
		return 0;
	control &= ~(PHY_CONTROL_POWER_DOWN | PHY_CONTROL_ISOLATE);
	control |= PHY_CONTROL_NEGOTIATE | PHY_CONTROL_RESTART;
	return access_phy(card, MDIC_WRITE, PHY_CONTROL, &control);
}

int link_start(struct card *card)
{
	int error = link_take_phy(card);

	if (!error) {
		error = wake_phy(card);
		link_give_phy(card);
	}
	if (error)
		return say_failure(NULL, "the PHY does not answer", error);
	card_write(card, REG_CTRL, card_read(card, REG_CTRL) | CTRL_LINK_UP);
	return 0;
}

struct card_link link_state(struct card *card)
{
	static const unsigned int speeds[4] = { 10, 100, 1000, 1000 };
	uint32_t status = card_read(card, REG_STATUS);

	return (struct card_link){
		.up = status & STATUS_LINK_UP,
		.full_duplex = status & STATUS_FULL_DUPLEX,
		.speed = speeds[status >> STATUS_SPEED_SHIFT & 3],
	};
}
