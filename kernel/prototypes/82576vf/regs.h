/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers and descriptors of a virtual function of the Intel 82576, by offset in BAR 0.
 * Numbers in brackets are chapters of the "82576 Gigabit Ethernet Controller Datasheet".
 */
#ifndef _VF_REGS_H
#define _VF_REGS_H

#include <linux/bits.h>
#include <linux/types.h>

#define REGS_LENGTH		0x4000	/* BAR 0 is 16 KiB */

/* General [9.4] */
#define REG_CTRL		0x0000
#define  CTRL_RESET		BIT(26)	/* of this function; clears itself */
#define REG_STATUS		0x0008
#define  STATUS_LINK_UP		BIT(1)

/* Interrupts: a bit for each vector of the function */
#define REG_EIMS		0x1524	/* mask: writing 1 enables */
#define REG_EIMC		0x1528	/* mask: writing 1 disables */
#define REG_EIAC		0x152c	/* causes that a message clears */
#define REG_EIAM		0x1530	/* causes that a message masks */
#define REG_EITR		0x1680	/* minimum interval in microseconds, from bit 2 on */
#define  EITR_SHIFT		2
#define REG_IVAR		0x1700	/* vectors of both queues */
#define  IVAR_RX(vector)	((vector) | BIT(7))
#define  IVAR_TX(vector)	(((vector) | BIT(7)) << 8)

/* Mailbox to the physical function [7.10.2.9] */
#define REG_MAILBOX_MEMORY(i)	(0x0800 + 4 * (i))
#define MAILBOX_WORDS		16
#define REG_MAILBOX		0x0c40
#define  MAILBOX_REQUEST	BIT(0)	/* the memory has a message for the PF */
#define  MAILBOX_ACK		BIT(1)	/* the message of the PF was read */
#define  MAILBOX_OURS		BIT(2)	/* the memory is locked for the VF */
#define  MAILBOX_MESSAGE	BIT(4)	/* the memory has a message of the PF */
#define  MAILBOX_PF_ACK		BIT(5)
#define  MAILBOX_RESETTING	BIT(6)	/* the PF is in reset */
#define  MAILBOX_RESET_DONE	BIT(7)
#define  MAILBOX_READ_CLEARS	(MAILBOX_MESSAGE | MAILBOX_PF_ACK | MAILBOX_RESET_DONE)

/* Messages: defined by the driver of the physical function, not by the card. */
#define MESSAGE_TYPE		0xffff
#define MESSAGE_RESET		0x01
#define MESSAGE_SET_ADDRESS	0x02
#define MESSAGE_ACCEPTED	BIT(31)

/* Receive queue 0 [9.4] */
#define REG_RDBAL		0x2800
#define REG_RDBAH		0x2804
#define REG_RDLEN		0x2808
#define REG_SRRCTL		0x280c
#define  SRRCTL_SIZE(bytes)	((bytes) >> 10)
#define  SRRCTL_ONE_BUFFER	BIT(25)	/* advanced descriptors with one buffer */
#define  SRRCTL_DROP		BIT(31)	/* without descriptors, do not hold up other functions */
#define REG_RDH			0x2810
#define REG_RDT			0x2818
#define REG_RXDCTL		0x2828
#define REG_PSRTYPE		0x0f0c

/* Transmit queue 0 [9.4] */
#define REG_TDBAL		0x3800
#define REG_TDBAH		0x3804
#define REG_TDLEN		0x3808
#define REG_TDH			0x3810
#define REG_TDT			0x3818
#define REG_TXDCTL		0x3828

#define DCTL_ENABLE		BIT(25)	/* of RXDCTL and TXDCTL */

/*
 * An advanced receive descriptor with one buffer [7.1.5]. The card replaces it: its other
 * members are valid only if RXD_DONE is set in its status. The driver clears the upper
 * half, which is the address of an unused buffer for headers.
 */
struct vf_rx_descriptor {
	__le64 address;
	__le32 status;
	__le16 length;
	__le16 tag;
};

#define RXD_DONE		BIT(0)
#define RXD_END			BIT(1)	/* last descriptor of a frame */
#define RXD_ERROR		BIT(31)

/* An advanced data descriptor [7.2.2.3]; the card only writes its status. */
struct vf_tx_descriptor {
	__le64 address;
	__le32 command;
	__le32 status;
};

#define TXD_DATA		(3U << 20)
#define TXD_END			BIT(24)
#define TXD_INSERT_CRC		BIT(25)
#define TXD_REPORT		BIT(27)	/* set TXD_DONE when sent */
#define TXD_ADVANCED		BIT(29)
#define TXD_DONE		BIT(0)
#define TXD_LENGTH_SHIFT	14	/* in the status: bytes of the frame */

#endif /* _VF_REGS_H */
