/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The registers of the Intel 82574 that this driver uses, by offset in BAR 0. Numbers in
 * brackets are chapters of the "82574 GbE Controller Family Datasheet".
 */
#ifndef REGS_H
#define REGS_H

#define REGS_LENGTH		0x20000		/* BAR 0 is 128 KiB */

/* General [10.2.2] */
#define REG_CTRL		0x00000
#define  CTRL_MASTER_DISABLE	(1U << 2)	/* no new DMA requests */
#define  CTRL_LINK_UP		(1U << 6)	/* set link up */
#define  CTRL_FORCE_SPEED	(1U << 11)
#define  CTRL_FORCE_DUPLEX	(1U << 12)
#define  CTRL_RESET		(1U << 26)	/* self-clearing */
#define  CTRL_RX_FLOW		(1U << 27)
#define  CTRL_TX_FLOW		(1U << 28)
#define  CTRL_VLAN		(1U << 30)	/* strips tags of received frames */
#define REG_STATUS		0x00008
#define  STATUS_FULL_DUPLEX	(1U << 0)
#define  STATUS_LINK_UP		(1U << 1)
#define  STATUS_SPEED_SHIFT	6		/* 0: 10, 1: 100, 2 and 3: 1000 */
#define  STATUS_MASTER_ENABLED	(1U << 19)	/* DMA requests may be pending */
#define REG_EEPROM		0x00010
#define  EEPROM_READ_DONE	(1U << 9)	/* reset values are loaded */
#define REG_CTRL_EXT		0x00018
#define  CTRL_EXT_MASK_EXTENDED	(1U << 24)	/* automatic interrupt masking */
#define  CTRL_EXT_MASK_AUTO	(1U << 27)
#define  CTRL_EXT_DRIVER	(1U << 28)	/* driver loaded, for firmware */
#define REG_MDIC		0x00020		/* access to the PHY */
#define  MDIC_REGISTER_SHIFT	16
#define  MDIC_PHY		(1U << 21)	/* the PHY has address 1 */
#define  MDIC_WRITE		(1U << 26)
#define  MDIC_READ		(2U << 26)
#define  MDIC_READY		(1U << 28)
#define  MDIC_ERROR		(1U << 30)
#define REG_EXTCNF_CTRL		0x00f00
#define  EXTCNF_MDIO_OURS	(1U << 5)	/* software, not firmware, owns the PHY */

/* PHY registers, through MDIC [IEEE 802.3, clause 22] */
#define PHY_CONTROL		0
#define  PHY_CONTROL_RESTART	(1U << 9)	/* restart autonegotiation */
#define  PHY_CONTROL_ISOLATE	(1U << 10)
#define  PHY_CONTROL_POWER_DOWN	(1U << 11)
#define  PHY_CONTROL_NEGOTIATE	(1U << 12)

/* Interrupts [10.2.4] */
#define REG_ICR			0x000c0		/* causes; cleared by reading */
#define REG_EIAC		0x000dc
#define REG_IMC			0x000d8		/* writing 1 disables */
#define REG_IAM			0x000e0

/* Receive [10.2.5]; queues 0 and 1 */
#define REG_RCTL		0x00100
#define  RCTL_ENABLE		(1U << 1)
#define  RCTL_LONG		(1U << 5)	/* frames above 1,522 bytes */
#define  RCTL_BROADCAST		(1U << 15)
#define  RCTL_SIZE_SHIFT	16
#define  RCTL_SIZE_TIMES_16	(1U << 25)
#define  RCTL_STRIP_CRC		(1U << 26)
#define REG_RDBAL(queue)	(0x02800 + (queue) * 0x100)
#define REG_RDBAH(queue)	(0x02804 + (queue) * 0x100)
#define REG_RDLEN(queue)	(0x02808 + (queue) * 0x100)
#define REG_RDH(queue)		(0x02810 + (queue) * 0x100)
#define REG_RDT(queue)		(0x02818 + (queue) * 0x100)
#define REG_RDTR		0x02820
#define REG_RXDCTL		0x02828		/* queue 1 uses the next register [10.2.5.11] */
#define  RXDCTL_WRITE_BACK_1	(1U << 16)	/* write back each descriptor */
#define  RXDCTL_COUNT_DESC	(1U << 24)	/* thresholds are descriptors */
#define REG_RADV		0x0282c
#define REG_RXCSUM		0x05000
#define REG_RFCTL		0x05008		/* 0: legacy descriptors */
#define REG_MTA(n)		(0x05200 + (n) * 4)
#define  MTA_ENTRIES		128
#define REG_RAL(n)		(0x05400 + (n) * 8)
#define REG_RAH(n)		(0x05404 + (n) * 8)
#define  RAH_VALID		(1U << 31)
#define  RA_ENTRIES		16
#define REG_MRQC		0x05818		/* 0: one queue */
#define REG_WUFC		0x05808		/* wake-up filters */

/* Transmit [10.2.6]; queues 0 and 1 */
#define REG_TCTL		0x00400
#define  TCTL_ENABLE		(1U << 1)
#define  TCTL_PAD		(1U << 3)
#define  TCTL_COLLISIONS	(15U << 4)	/* attempts */
#define  TCTL_DISTANCE		(0x3fU << 12)	/* 64 byte times */
#define REG_TIPG		0x00410
#define  TIPG_COPPER		(8U | 8U << 10 | 6U << 20)
#define REG_TDBAL(queue)	(0x03800 + (queue) * 0x100)
#define REG_TDBAH(queue)	(0x03804 + (queue) * 0x100)
#define REG_TDLEN(queue)	(0x03808 + (queue) * 0x100)
#define REG_TDH(queue)		(0x03810 + (queue) * 0x100)
#define REG_TDT(queue)		(0x03818 + (queue) * 0x100)
#define REG_TIDV		0x03820
#define REG_TXDCTL		0x03828
#define  TXDCTL_WRITE_BACK_1	(1U << 16)
#define  TXDCTL_RESERVED_1	(1U << 22)	/* must be written as 1 */
#define  TXDCTL_COUNT_DESC	(1U << 24)
#define REG_TADV		0x0382c
#define REG_TARC0		0x03840
#define  TARC_ENABLE		(1U << 10)

/* Statistics [10.2.7]; cleared by reading */
#define REG_CRCERRS		0x04000
#define REG_RXERRC		0x0400c
#define REG_MPC			0x04010
#define REG_RLEC		0x04040
#define REG_GPRC		0x04074
#define REG_BPRC		0x04078
#define REG_MPRC		0x0407c
#define REG_GPTC		0x04080
#define REG_GORCL		0x04088		/* 64 bits; read the low half first */
#define REG_GOTCL		0x04090
#define REG_RNBC		0x040a0
#define REG_RUC			0x040a4
#define REG_RFC			0x040a8
#define REG_ROC			0x040ac
#define REG_RJC			0x040b0
#define REG_TOTL		0x040c8
#define REG_TPR			0x040d0
#define REG_TPT			0x040d4

/*
 * Legacy descriptors [7.1, 7.2]: an address, and one word with all other fields, so that one
 * 64-bit load reads status and length consistently.
 */
#define RXD_LENGTH(word)	((word) & 0xffff)
#define RXD_DONE		(1ULL << 32)
#define RXD_END			(1ULL << 33)	/* last descriptor of a frame */
#define RXD_ERRORS		(0x97ULL << 40)	/* CRC, symbol, sequence, carrier, data */
#define TXD_END			(1ULL << 24)
#define TXD_INSERT_CRC		(1ULL << 25)
#define TXD_REPORT		(1ULL << 27)	/* write back TXD_DONE */
#define TXD_DONE		(1ULL << 32)

#endif /* REGS_H */
