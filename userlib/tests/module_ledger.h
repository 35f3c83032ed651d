/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who has what of a section, as several processes see it together: the pages of extents, noted
 * as the kernel hands them out and takes them back, and the blocks, noted by the test. It lies
 * in memory that the processes share and that is no part of the section. What two have at a
 * time is found when the second is given it.
 */
#ifndef NDSHM_TEST_MODULE_LEDGER_H
#define NDSHM_TEST_MODULE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_GRANULE	16u
#define LEDGER_PAGE	4096u
/* Processes are numbered from 1 to here. */
#define LEDGER_MOST	65535u

/* Of a section of @size bytes, before anybody is forked that is to have it. */
bool ledger_open(uint64_t size);
void ledger_close(void);

/* This process is @who from now on, and has nothing yet. */
void ledger_be(unsigned int who);
/*
 * It is going to end as it is: what it has may be found to be another's from now on, who
 * has it from the kernel.
 */
void ledger_leave(unsigned int who);

/* This process is handed a block, or will give it back. */
bool ledger_take(uint64_t offset, uint64_t length);
bool ledger_give(uint64_t offset, uint64_t length);

/* Is that place in an extent, in a block, of this process? */
bool ledger_has_page(uint64_t offset);
bool ledger_has_block(uint64_t offset);

/* Of this process: extents and bytes that it has now, and how often it has attached. */
uint64_t ledger_extents(void);
uint64_t ledger_bytes(void);
unsigned int ledger_attached(void);

/* What any process's kernel should not have answered, so far. */
unsigned int ledger_wrong(void);

#endif /* NDSHM_TEST_MODULE_LEDGER_H */
