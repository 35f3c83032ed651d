/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ledger of the owners of a section, shared by several processes: pages of extents,
 * recorded at the ioctl() calls, and blocks, recorded by the test. It lies in shared
 * memory outside the section. Double ownership is detected when the second owner is
 * recorded.
 */
#ifndef NDSHM_TEST_MODULE_LEDGER_H
#define NDSHM_TEST_MODULE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_GRANULE	16u
#define LEDGER_PAGE	4096u
/* Processes are numbered from 1. */
#define LEDGER_MOST	65535u

/* For a section of @size bytes. Must precede the fork of its users. */
bool ledger_open(uint64_t size);
void ledger_close(void);

/* Set the number of this process, which owns nothing yet. */
void ledger_be(unsigned int number);
/* Process @number will be killed: from now on its pages and blocks may get another owner. */
void ledger_leave(unsigned int number);

/*
 * Record a block that this process got, or is about to free. Return: false on a conflict.
 */
bool ledger_take(uint64_t offset, uint64_t length);
bool ledger_give(uint64_t offset, uint64_t length);

/* Return: true if the place belongs to an extent or a block of this process. */
bool ledger_has_page(uint64_t offset);
bool ledger_has_block(uint64_t offset);

/* Of this process: current number and bytes of extents, and number of attaches. */
uint64_t ledger_extents(void);
uint64_t ledger_bytes(void);
unsigned int ledger_attached(void);

/* Number of impossible results of the kernel in all processes. */
unsigned int ledger_wrong(void);

#endif /* NDSHM_TEST_MODULE_LEDGER_H */
