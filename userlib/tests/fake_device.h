/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A /dev/ndshm without the module: ioctl() answers what a test wants, and
 * /dev/zero gives the memory. Goes with --wrap of ioctl, mmap64 and open64.
 */
#ifndef NDSHM_TEST_FAKE_DEVICE_H
#define NDSHM_TEST_FAKE_DEVICE_H

#include <stdbool.h>

#include <ndshm/ndshm.h>

#define DEVICE "/dev/zero"

/* What the next commands answer. */
struct answer {
	bool real;			/* the device itself answers */
	int ret;			/* if not 0: of one command */
	int error;			/* errno with a ret of -1 */
	uint32_t reason, status;	/* written then */
	int interrupted;		/* how many times EINTR comes before */
	uint64_t features;
	uint32_t block_flags;
	uint32_t segments;
	uint64_t address;
	int map_error;			/* of one mmap() */
	bool talkative;			/* the reason is written on success, too */
	int open_error;			/* of every open() */
	int open_interrupted;		/* how many times EINTR comes before */
};

/* What was asked. */
struct asked {
	int calls, frees, claims, bars, opens;
	struct ndshm_block_alloc alloc;
	struct ndshm_adapter_claim claim;
	struct ndshm_adapter_start start;
	struct ndshm_block_sync sync;
	uint64_t map_offset;
};

extern struct answer answer;
extern struct asked asked;

/* A new device, whose commands succeed. */
void device_reset(void);
/* The next command fails. */
void device_fail_next(int error, uint32_t reason, uint32_t status);
/* A client of a new device, or NULL. */
struct ndshm *device_open(void);

#endif /* NDSHM_TEST_FAKE_DEVICE_H */
