/* SPDX-License-Identifier: GPL-2.0 OR LGPL-2.1-or-later */
/*
 * Registers of the Intel 82574, by offset in BAR 0, for the kernel driver in this directory
 * and the driver in userlib/examples/82574. Numbers in brackets are chapters of the "82574
 * GbE Controller Family Datasheet". The including file defines BIT().
 */
#ifndef _NIC_REGISTERS_H
#define _NIC_REGISTERS_H

#define REGS_LENGTH		0x20000		/* BAR 0 is 128 KiB */

/* General [10.2.2] */
#define REG_CTRL		0x00000
#define  CTRL_MASTER_DISABLE	BIT(2)	/* no new requests to memory */
#define  CTRL_LINK_UP		BIT(6)	/* allow the link to come up */
#define  CTRL_FORCE_SPEED	BIT(11)
#define  CTRL_FORCE_DUPLEX	BIT(12)
#define  CTRL_RESET		BIT(26)	/* clears itself */
#define  CTRL_RX_FLOW		BIT(27)
#define  CTRL_TX_FLOW		BIT(28)
#define  CTRL_VLAN		BIT(30)	/* strips tags of received frames, inserts others */
#define REG_STATUS		0x00008
#define  STATUS_FULL_DUPLEX	BIT(0)
#define  STATUS_LINK_UP		BIT(1)
#define  STATUS_SPEED_SHIFT	6	/* 0: 10, 1: 100, 2 and 3: 1000 */
#define  STATUS_MASTER_ENABLED	BIT(19)	/* requests may be in flight */
#define REG_EEPROM		0x00010
#define  EEPROM_READ_DONE	BIT(9)	/* reset values are loaded */
#define REG_CTRL_EXT		0x00018
#define  CTRL_EXT_MASK_EXTENDED	BIT(24)	/* mask interrupts automatically */
#define  CTRL_EXT_MASK_AUTO	BIT(27)
#define  CTRL_EXT_DRIVER	BIT(28)	/* informs the firmware of a driver */
#define  CTRL_EXT_PBA_CLEAR	BIT(31)	/* a message clears its pending bit */
#define REG_MDIC		0x00020	/* a window to the PHY */
#define  MDIC_REGISTER_SHIFT	16
#define  MDIC_PHY		BIT(21)	/* the PHY has address 1 */
#define  MDIC_WRITE		BIT(26)
#define  MDIC_READ		BIT(27)
#define  MDIC_READY		BIT(28)
#define  MDIC_ERROR		BIT(30)
#define REG_VET			0x00038	/* type of tagged frames */
#define REG_EXTCNF_CTRL		0x00f00
#define  EXTCNF_MDIO_OURS	BIT(5)	/* PHY owned by software, not firmware */

/* The PHY, by MDIC [IEEE 802.3, clause 22] */
#define PHY_CONTROL		0
#define  PHY_CONTROL_SPEED_1000	BIT(6)	/* speed and duplex without autonegotiation */
#define  PHY_CONTROL_FULL_DUPLEX	BIT(8)
#define  PHY_CONTROL_RESTART	BIT(9)	/* restart autonegotiation */
#define  PHY_CONTROL_ISOLATE	BIT(10)
#define  PHY_CONTROL_POWER_DOWN	BIT(11)
#define  PHY_CONTROL_NEGOTIATE	BIT(12)
#define  PHY_CONTROL_SPEED_100	BIT(13)
#define PHY_ADVERTISE		4	/* modes that are offered */
#define  PHY_ADVERTISE_10_HALF	BIT(5)
#define  PHY_ADVERTISE_10_FULL	BIT(6)
#define  PHY_ADVERTISE_100_HALF	BIT(7)
#define  PHY_ADVERTISE_100_FULL	BIT(8)
#define PHY_GIGABIT		9
#define  PHY_GIGABIT_FULL	BIT(9)

/* Interrupts [10.2.4] */
#define REG_ICR			0x000c0	/* causes; reading clears */
#define  CAUSE_SENT		BIT(0)	/* a descriptor was written back */
#define  CAUSE_LINK		BIT(2)
#define  CAUSE_RX_FEW		BIT(4)	/* few descriptors are left */
#define  CAUSE_RX_OVERRUN	BIT(6)
#define  CAUSE_RECEIVED		BIT(7)
#define  CAUSE_PHY		BIT(9)	/* an access to a register of the PHY is complete */
#define  CAUSE_RX_SHORT		BIT(16)	/* a short frame was received */
#define  CAUSE_ACK		BIT(17)	/* an ACK of TCP was received */
#define  CAUSE_MANAGEMENT	BIT(18)
#define  CAUSE_RX_QUEUE(queue)	BIT(20 + (queue))	/* with MSI-X */
#define  CAUSE_TX_QUEUE(queue)	BIT(22 + (queue))
#define  CAUSE_OTHER		BIT(24)	/* one of the causes without a queue */
#define REG_ITR			0x000c4	/* minimum interval in units of 256 ns */
#define  ITR_MAX		0xffff
#define  ITR_UNIT_NS		256
#define REG_IMS			0x000d0	/* mask: writing 1 enables */
#define REG_IMC			0x000d8	/* mask: writing 1 disables */
#define REG_EIAC		0x000dc	/* causes that a message of MSI-X clears and disables */
#define REG_IAM			0x000e0
#define REG_IVAR		0x000e4	/* vectors of the causes */
#define  IVAR_RX_SHIFT(queue)	((queue) * 4)
#define  IVAR_TX_SHIFT(queue)	(8 + (queue) * 4)
#define  IVAR_OTHER_SHIFT	16
#define  IVAR_VALID		BIT(3)
#define  IVAR_TX_EVERY		BIT(31)	/* every write back of a transmit descriptor */
#define REG_EITR(vector)	(0x000e8 + (vector) * 4)	/* as ITR, with MSI-X */

/* Receive [10.2.5]; queues 0 and 1 */
#define REG_RCTL		0x00100
#define  RCTL_ENABLE		BIT(1)
#define  RCTL_ALL_UNICAST	BIT(3)
#define  RCTL_ALL_MULTICAST	BIT(4)
#define  RCTL_LONG		BIT(5)	/* frames above 1,522 bytes */
#define  RCTL_BROADCAST		BIT(15)
#define  RCTL_SIZE_SHIFT	16
#define  RCTL_SIZE_TIMES_16	BIT(25)
#define  RCTL_STRIP_CRC		BIT(26)
#define REG_RDBAL(queue)	(0x02800 + (queue) * 0x100)
#define REG_RDBAH(queue)	(0x02804 + (queue) * 0x100)
#define REG_RDLEN(queue)	(0x02808 + (queue) * 0x100)
#define REG_RDH(queue)		(0x02810 + (queue) * 0x100)
#define REG_RDT(queue)		(0x02818 + (queue) * 0x100)
#define REG_RDTR		0x02820
#define REG_RXDCTL		0x02828	/* queue 1 follows it [10.2.5.11] */
#define  RXDCTL_WRITE_BACK_1	BIT(16)	/* write back each descriptor */
#define  RXDCTL_COUNT_DESC	BIT(24)	/* thresholds are descriptors */
#define REG_RADV		0x0282c
#define REG_RXCSUM		0x05000
#define  RXCSUM_IP		BIT(8)
#define  RXCSUM_TCP_UDP		BIT(9)
#define  RXCSUM_HASH		BIT(13)	/* write the RSS hash, not a checksum */
#define REG_RFCTL		0x05008	/* 0: legacy descriptors */
#define  RFCTL_NO_ACK_CAUSE	BIT(12)	/* no CAUSE_ACK */
#define  RFCTL_EXTENDED		BIT(15)	/* extended receive descriptors */
#define REG_MTA(n)		(0x05200 + (n) * 4)
#define  MTA_ENTRIES		128
#define REG_RAL(n)		(0x05400 + (n) * 8)
#define REG_RAH(n)		(0x05404 + (n) * 8)
#define  RAH_VALID		BIT(31)
#define  RA_ENTRIES		16
#define REG_MRQC		0x05818	/* 0: one queue */
#define  MRQC_RSS		BIT(0)
#define  MRQC_TCP_IPV4		BIT(16)
#define  MRQC_IPV4		BIT(17)
#define  MRQC_TCP_IPV6		BIT(18)
#define  MRQC_IPV6		BIT(20)
#define REG_RETA(n)		(0x05c00 + (n) * 4)	/* four entries each */
#define  RETA_REGISTERS		32
#define  RETA_QUEUE_SHIFT	7	/* in the byte of an entry */
#define REG_RSSRK(n)		(0x05c80 + (n) * 4)
#define  RSSRK_REGISTERS	10
#define REG_WUFC		0x05808	/* wake-up events */

/* Transmit [10.2.6]; queues 0 and 1 */
#define REG_TCTL		0x00400
#define  TCTL_ENABLE		BIT(1)
#define  TCTL_PAD		BIT(3)
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
#define  TXDCTL_WRITE_BACK_1	BIT(16)
#define  TXDCTL_RESERVED_1	BIT(22)	/* must be written as 1 */
#define  TXDCTL_COUNT_DESC	BIT(24)
#define REG_TADV		0x0382c
#define REG_TARC0		0x03840
#define  TARC_ENABLE		BIT(10)

/* Statistics [10.2.7]; reading clears */
#define REG_CRCERRS		0x04000
#define REG_RXERRC		0x0400c
#define REG_MPC			0x04010
#define REG_RLEC		0x04040
#define REG_GPRC		0x04074
#define REG_BPRC		0x04078
#define REG_MPRC		0x0407c
#define REG_GPTC		0x04080
#define REG_GORCL		0x04088	/* 64 bits: the low half first */
#define REG_GOTCL		0x04090
#define REG_RNBC		0x040a0
#define REG_RUC			0x040a4
#define REG_RFC			0x040a8
#define REG_ROC			0x040ac
#define REG_RJC			0x040b0
#define REG_TOTL		0x040c8
#define REG_TPR			0x040d0
#define REG_TPT			0x040d4
#define REG_TSCTC		0x040f8

#endif /* _NIC_REGISTERS_H */
