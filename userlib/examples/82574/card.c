// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "../common/say.h"
#include "card.h"
#include "link.h"
#include "regs.h"
#include "revoked.h"

#define ADDRESS_WIDTH	64	/* DMA address bits of the card */
#define QUEUES		2	/* an earlier owner may have used the second */

static int64_t milliseconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void sleep_milliseconds(long milliseconds)
{
	nanosleep(&(struct timespec){ .tv_nsec = milliseconds * 1000000 }, NULL);
}

int card_wait(struct card *card, unsigned int offset, uint32_t mask, uint32_t value,
	      unsigned int milliseconds)
{
	int64_t end = milliseconds_now() + milliseconds;

	for (;;) {
		/*
		 * Read the clock first: the register must be read once more after the last
		 * sleep.
		 */
		bool late = milliseconds_now() >= end;

		if ((card_read(card, offset) & mask) == value)
			return 0;
		if (late)
			return -ETIMEDOUT;
		sleep_milliseconds(1);
	}
}

static void mask_interrupts(struct card *card)
{
	card_write(card, REG_IMC, ~0U);
	card_write(card, REG_EIAC, 0);
	card_write(card, REG_IAM, 0);
	card_read(card, REG_ICR);
}

/* Clears all DMA addresses of descriptor rings. */
static void clear_rings(struct card *card)
{
	static const unsigned int offsets[] = {
		REG_RDLEN(0), REG_RDBAL(0), REG_RDBAH(0), REG_RDH(0), REG_RDT(0),
		REG_TDLEN(0), REG_TDBAL(0), REG_TDBAH(0), REG_TDH(0), REG_TDT(0),
	};

	for (unsigned int queue = 0; queue < QUEUES; queue++)
		for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
			card_write(card, offsets[i] + REG_RDLEN(queue) - REG_RDLEN(0), 0);
}

/* Clears settings of an earlier owner. */
static void clear_options(struct card *card)
{
	uint32_t ctrl = card_read(card, REG_CTRL);
	uint32_t ctrl_ext = card_read(card, REG_CTRL_EXT);

	ctrl &= ~(CTRL_MASTER_DISABLE | CTRL_FORCE_SPEED | CTRL_FORCE_DUPLEX |
		  CTRL_RX_FLOW | CTRL_TX_FLOW | CTRL_VLAN);
	card_write(card, REG_CTRL, ctrl);
	ctrl_ext &= ~(CTRL_EXT_MASK_EXTENDED | CTRL_EXT_MASK_AUTO | CTRL_EXT_DRIVER);
	card_write(card, REG_CTRL_EXT, ctrl_ext);

	card_write(card, REG_WUFC, 0);
	card_write(card, REG_MRQC, 0);
	card_write(card, REG_RFCTL, 0);
	card_write(card, REG_RXCSUM, 0);
	card_write(card, REG_RDTR, 0);
	card_write(card, REG_RADV, 0);
	card_write(card, REG_TIDV, 0);
	card_write(card, REG_TADV, 0);
	for (unsigned int i = 0; i < MTA_ENTRIES; i++)
		card_write(card, REG_MTA(i), 0);
	for (unsigned int i = 1; i < RA_ENTRIES; i++) {
		card_write(card, REG_RAL(i), 0);
		card_write(card, REG_RAH(i), 0);
	}
}

static int reset(struct card *card)
{
	/* The reset must not interrupt an access of the firmware to the PHY. */
	bool ours = !link_take_phy(card);
	int error;

	card_write(card, REG_CTRL, card_read(card, REG_CTRL) | CTRL_RESET);
	sleep_milliseconds(1);	/* the registers must not be read at once */
	error = card_wait(card, REG_CTRL, CTRL_RESET, 0, 100);
	if (!error)
		error = card_wait(card, REG_EEPROM, EEPROM_READ_DONE, EEPROM_READ_DONE, 100);
	if (ours)
		link_give_phy(card);
	/* The card now configures the PHY from the EEPROM, without a bit for its end. */
	sleep_milliseconds(25);
	return error;
}

int card_quiesce(struct card *card)
{
	int stopped, error;

	mask_interrupts(card);
	card_write(card, REG_RCTL, 0);
	card_write(card, REG_TCTL, 0);

	/* Pending DMA ends; STATUS_MASTER_ENABLED shows when. */
	card_write(card, REG_CTRL, card_read(card, REG_CTRL) | CTRL_MASTER_DISABLE);
	stopped = card_wait(card, REG_STATUS, STATUS_MASTER_ENABLED, 0, 100);

	error = reset(card);
	if (error)
		return say_failure(NULL, "the card does not end its reset", error);

	/* The reset may have no effect, for example in an emulated card. */
	mask_interrupts(card);
	card_write(card, REG_RCTL, 0);
	card_write(card, REG_TCTL, 0);
	clear_rings(card);
	clear_options(card);
	if (card_read(card, REG_RCTL) || card_read(card, REG_TCTL) & TCTL_ENABLE)
		return say_failure(NULL, "the card cannot be stopped", -EIO);
	if (stopped)
		return say_failure(NULL, "the card's accesses to memory do not end", stopped);
	return 0;
}

static int open_adapter(struct card *card, const char *name)
{
	int error = ndshm_open(NULL, &card->ndshm);

	if (error)
		return say_failure(NULL, "cannot open ndshm", error);
	error = ndshm_find_adapter(card->ndshm, name, &card->adapter);
	if (!error)
		error = ndshm_claim_adapter(card->ndshm, name, ADDRESS_WIDTH, &card->claim);
	if (error)
		return say_failure(card->ndshm, name, error);
	return 0;
}

static int map_registers(struct card *card)
{
	size_t length;
	int error = ndshm_claim_map_bar(card->claim, 0, &card->bar, &length);

	if (error)
		return say_failure(card->ndshm, "cannot map the registers", error);
	error = revoked_watch(card->bar, length);
	if (error)
		return say_failure(NULL, "cannot watch the registers", error);
	/* A missing device reads as all ones. */
	if (length < REGS_LENGTH || card_read(card, REG_STATUS) == ~0U)
		return say_failure(NULL, "this is no 82574", -EINVAL);
	return 0;
}

int card_open(struct card *card, const char *adapter)
{
	int error;

	memset(card, 0, sizeof(*card));
	error = open_adapter(card, adapter);
	if (!error)
		error = map_registers(card);
	if (!error)
		error = card_quiesce(card);
	return error;
}

static bool mac_is_usable(const uint8_t *mac)
{
	static const uint8_t zero[6];

	return !(mac[0] & 1) && memcmp(mac, zero, sizeof(zero));
}

int card_set_mac(struct card *card, const uint8_t *mac)
{
	uint32_t low = card_read(card, REG_RAL(0));
	uint32_t high = card_read(card, REG_RAH(0));

	/* The registers hold the bytes in wire order, the first one lowest. */
	for (int i = 0; i < 6; i++)
		card->mac[i] = mac ? mac[i] : (i < 4 ? low >> 8 * i : high >> 8 * (i - 4));
	if (!mac_is_usable(card->mac))
		return say_failure(NULL, "no usable MAC address (see --mac)", -EADDRNOTAVAIL);

	low = 0;
	high = RAH_VALID;
	for (int i = 0; i < 4; i++)
		low |= (uint32_t)card->mac[i] << 8 * i;
	for (int i = 4; i < 6; i++)
		high |= (uint32_t)card->mac[i] << 8 * (i - 4);
	card_write(card, REG_RAL(0), low);
	card_write(card, REG_RAH(0), high);
	return 0;
}

int card_start(struct card *card)
{
	int error = ndshm_claim_start(card->claim);

	if (error)
		return say_failure(card->ndshm, "cannot start the adapter", error);
	card_write(card, REG_CTRL_EXT, card_read(card, REG_CTRL_EXT) | CTRL_EXT_DRIVER);
	return 0;
}

void card_close(struct card *card)
{
	revoked_forget();
	ndshm_close(card->ndshm);
	/* Until the claim ends, a card that could not be stopped may use this memory. */
	ndshm_section_close(card->section);
	memset(card, 0, sizeof(*card));
}
