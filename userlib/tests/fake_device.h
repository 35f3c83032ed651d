/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A /dev/ndshm without the module: ioctl() answers what a test wants, and
 * /dev/zero gives the memory. Sections and holders are descriptors of the same kind
 * as the module's. Goes with --wrap of ioctl, mmap64, open64, read and poll.
 */
#ifndef NDSHM_TEST_FAKE_DEVICE_H
#define NDSHM_TEST_FAKE_DEVICE_H

#include <stdbool.h>

#include <ndshm/section.h>

#define DEVICE "/dev/zero"

/* Of its sections. */
#define SECTION_SIZE	(4UL << 20)

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
	uint32_t section_flags;
	struct ndshm_completion records[4];	/* that are read */
	int record_count;
	int read_error;			/* of one read() */
	int read_length;		/* if not 0: what one read() returns */
	int poll_error;			/* of one poll() */
	int come_later;			/* records that come when they are polled for */
	int lost_races;			/* records that come before, and others read */
};

/* What was asked. */
struct asked {
	int calls, frees, claims, bars, opens, polls;
	int client;			/* descriptor of the last open() */
	int timeout;			/* of the last poll() */
	struct ndshm_block_cancel cancel;
	struct ndshm_block_alloc alloc;
	struct ndshm_adapter_claim claim;
	struct ndshm_adapter_start start;
	struct ndshm_block_sync sync;
	uint64_t map_offset;
	int map_protection;

	/* The descriptor of the last command, and what was asked of it. */
	int fd;
	int attaches, section_deletes;
	struct ndshm_section_create section_create;
	struct ndshm_section_attach section_attach;
	struct ndshm_section_share section_share;
	struct ndshm_section_delete section_delete;
	struct ndshm_section_sync section_sync;
	struct ndshm_extent_alloc extent_alloc;
	struct ndshm_extent_free extent_free;
	struct ndshm_extent_query extent_query;
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
