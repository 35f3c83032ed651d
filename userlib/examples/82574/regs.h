/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Registers of the Intel 82574, and the fields of its descriptors. */
#ifndef REGS_H
#define REGS_H

#define BIT(n)	(1U << (n))

#include "../../../kernel/prototypes/82574/registers.h"

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
