/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client and its block, for the groups that need them.
 */
#ifndef _NDSHM_FAIL_NTH_CLIENT_H
#define _NDSHM_FAIL_NTH_CLIENT_H

#include <stdint.h>

#include <linux/ndshm.h>

#include "fail_nth.h"

#define FAIL_NTH_POISON		0xcc
#define FAIL_NTH_BLOCKS		4
#define FAIL_NTH_SEGMENTS	16

/*
 * @fd is -1 between the steps of a command; the other members are those of the
 * last request.
 */
struct fail_nth_client {
	int fd;
	__u32 adapter;
	struct ndshm_get_info_args info;
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_free_args free;
	__u32 handles[FAIL_NTH_BLOCKS];
	struct ndshm_block_query_args query;
	struct ndshm_block_sync_args sync;
	struct ndshm_block_export_args export;
	struct ndshm_block_info blocks[FAIL_NTH_BLOCKS];
	struct ndshm_segment segments[FAIL_NTH_SEGMENTS];
};

extern struct fail_nth_client fail_nth_of;

/*
 * Open a client; allocate it a block of three pages. Return: false after
 * reporting a failure.
 */
bool fail_nth_open(void);
bool fail_nth_open_block(void);
void fail_nth_close(void);

/* Print what the client holds, as a part of a group's state. */
void fail_nth_client_state(char *text, size_t size);

int fail_nth_ioctl(unsigned long command, void *argument);

/*
 * Build an allocation request; name its provider; issue it; check its outputs;
 * undo it.
 */
void fail_nth_alloc_request(__u32 adapter, __u32 provider, __u64 length,
			    __u32 count);
bool fail_nth_name_provider(const char *name);
int fail_nth_call_alloc(void);
void fail_nth_check_alloc(int error);
void fail_nth_free_all(void);

void fail_nth_free(__u32 handle);
void *fail_nth_map(void);

bool fail_nth_untouched(const void *memory, size_t length);
void fail_nth_check_header(void *argument, int error);

#endif /* _NDSHM_FAIL_NTH_CLIENT_H */
