/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers and descriptors of the Intel 82574. Numbers in brackets are chapters of the
 * "82574 GbE Controller Family Datasheet".
 */
#ifndef _NIC_REGS_H
#define _NIC_REGS_H

#include <linux/bits.h>
#include <linux/types.h>

#include "registers.h"

/*
 * An extended receive descriptor [7.1.5]. Its other members are valid only if RXD_DONE is
 * set in its status.
 */
struct nic_rx_descriptor {
	__le64 address;		/* written back: RSS hash in the upper half */
	__le32 status;
	__le16 length;
	__le16 vlan;
};

#define RXD_HASH_TYPE(word)	((word) & 0xf)	/* of the lower half of the address */
#define  HASH_NONE		0
#define  HASH_TCP_IPV4		1
#define  HASH_TCP_IPV6		3
#define RXD_DONE		BIT(0)
#define RXD_END			BIT(1)	/* last descriptor of a frame */
#define RXD_NO_CHECKSUM		BIT(2)	/* no checksum was verified */
#define RXD_VLAN		BIT(3)	/* a tag was removed */
#define RXD_UDP			BIT(4)	/* the checksum of UDP was verified */
#define RXD_TCP			BIT(5)
#define RXD_ERRORS		(0x97U << 24)	/* except checksum errors */
#define RXD_WRONG_CHECKSUM	(0x60U << 24)	/* TCP or UDP, IP */

/*
 * An extended data descriptor, or a context descriptor, which sets the places of the
 * checksums in the following ones, and how the card cuts them into segments [7.2.10].
 */
struct nic_tx_descriptor {
	__le64 address;		/* context: offsets of the checksums */
	__le32 command;
	__le32 status;		/* context: lengths */
};

#define TXD_DATA		BIT(20)	/* 0: context descriptor */
#define TXD_END			BIT(24)
#define TXD_INSERT_CRC		BIT(25)
#define TXD_SEGMENT		BIT(26)	/* also in the context */
#define TXD_REPORT		BIT(27)	/* set TXD_DONE when sent */
#define TXD_EXTENDED		BIT(29)
#define TXD_VLAN		BIT(30)	/* insert the tag; needs CTRL_VLAN */
#define TXD_DONE		BIT(0)
#define TXD_CHECKSUM_IP		BIT(8)	/* insert the checksums of the context */
#define TXD_CHECKSUM		BIT(9)
#define TXD_TAG_SHIFT		16
#define TXD_CONTEXT_TCP		BIT(24)
#define TXD_CONTEXT_IPV4	BIT(25)
#define TXD_CONTEXT_IP_START_SHIFT	0	/* the IP header */
#define TXD_CONTEXT_IP_PLACE_SHIFT	8	/* offset of its checksum */
#define TXD_CONTEXT_IP_LAST_SHIFT	16	/* its last byte, if it is summed */
#define TXD_CONTEXT_START_SHIFT	32	/* first summed byte; up to the end of the frame */
#define TXD_CONTEXT_PLACE_SHIFT	40	/* offset of the checksum */
#define TXD_CONTEXT_HEADERS_SHIFT	8	/* length of the headers of each segment */
#define TXD_CONTEXT_SEGMENT_SHIFT	16	/* length of its payload */

#endif /* _NIC_REGS_H */
