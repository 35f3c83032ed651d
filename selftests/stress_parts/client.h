/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client that executes random operations on its blocks, one after the other, and
 * checks each result.
 */
#ifndef _NDSHM_SELFTEST_STRESS_CLIENT_H
#define _NDSHM_SELFTEST_STRESS_CLIENT_H

#include <linux/ndshm.h>

#include "memory.h"
#include "stall.h"
#include "stress.h"

#define STRESS_BLOCKS	256

/* Sets of reasons: of those below 64. */
#define STRESS_MAY(reason)	(1ULL << NDSHM_REASON_##reason)
#define STRESS_NO_MEMORY \
	(STRESS_MAY(MEMORY) | STRESS_MAY(PROVIDER_RESOURCES))
/* Reasons for a request that names a removed adapter or provider. */
#define STRESS_NO_ADAPTER \
	(STRESS_MAY(ADAPTER_UNKNOWN) | STRESS_MAY(ADAPTER_REMOVED))
#define STRESS_NO_PROVIDER \
	(STRESS_MAY(PROVIDER_UNKNOWN) | STRESS_MAY(PROVIDER_CLOSING))

/* A call was not answered as the contract says; that was complained about. */
#define STRESS_BROKEN	(~0U)

/**
 * struct stress_block - a block that the client has a handle or a mapping of
 * @handle: 0: freed, or not this process's
 * @info: as the kernel returned it
 * @map: NULL: not mapped
 * @mapped: bytes that are, from the first on
 * @split: by more than one area of memory
 * @written: bytes that carry the tag at both ends of each page; the others are
 *	zero
 * @tag: of this block alone
 * @claimed: made under the claim that the client has
 * @adapter: the block's adapter, if that is the client's target; or 0
 * @provider: the block's provider, if that is the client's maker; or 0
 * @fickle: can be revoked at any time
 * @gone: has been revoked for certain
 * @driven: a device writes to it
 * @unforked: children have no mapping of it
 */
struct stress_block {
	__u32 handle;
	struct ndshm_block_info info;
	unsigned char *map;
	size_t mapped;
	bool split;
	size_t written;
	__u64 tag;
	bool claimed;
	__u32 adapter;
	__u32 provider;
	bool fickle;
	bool gone;
	bool driven;
	bool unforked;
};

/**
 * struct stress_client - an open file, and a process that uses it
 * @fd: the client
 * @random: all that it does comes from here
 * @uid: of the process; only root can open a client again
 * @stale: a handle that was freed
 * @may: reasons for which any allocation can be refused
 * @target_may: reasons for the failure of a request that names @target, because
 *	another process removes it; 0: it stays
 * @maker_may: the same of @maker
 * @target: name of an adapter to use besides the nodes', or NULL
 * @maker: name of a provider to ask for, or NULL
 * @most: blocks to have at a time, up to STRESS_BLOCKS
 * @place: publishes the operation of the process
 * @shared: others have the client as well
 * @child: is one of these, and began with a copy of its parent's mappings
 * @signals: come all the time, and break calls off
 * @threaded: other threads do the same, each with a descriptor of its own
 * @lingers: its children stay until they are killed
 * @stall: delays replies now and then, or NULL
 * @adapter: number of @target, 0: not known
 * @provider: number of @maker, 0: not known
 * @claimed: the adapter that it has a claim on, or 0
 * @bar_offset: for mmap; returned by MAP_BAR, which allocates a handle; or 0
 * @bar_length: of BAR 0
 * @bar: where it is mapped, or NULL
 * @started: bus mastering is on
 * @nl: opened when needed; its fd is -1 before
 * @children: that it has not reaped
 * @blocks: all that have a handle or a mapping
 * @count: how many
 * @memory: pins and registrations of mappings
 */
struct stress_client {
	int fd;
	struct stress_random random;
	uid_t uid;
	__u32 stale;
	__u64 may;
	__u64 target_may;
	__u64 maker_may;
	const char *target;
	const char *maker;
	unsigned int most;
	struct stress_place *place;
	bool shared;
	bool child;
	bool signals;
	bool threaded;
	bool lingers;
	struct stress_stall *stall;
	__u32 adapter;
	__u32 provider;
	__u32 claimed;
	__u64 bar_offset;
	size_t bar_length;
	unsigned char *bar;
	bool started;
	struct ndshm_nl nl;
	unsigned int children;
	struct stress_block blocks[STRESS_BLOCKS];
	unsigned int count;
	struct stress_memory memory;
};

/* Open a client; the other members are as the caller has set them. */
bool stress_client_open(struct stress_client *client);

/* Let go of everything, and reap all children. */
bool stress_client_close(struct stress_client *client);
/* Close the descriptor, and open another one; mappings stay, except those under a claim. */
bool stress_client_reopen(struct stress_client *client);

/* Choose the next operation, and execute it. False: an error was reported. */
enum stress_op stress_client_pick(struct stress_client *client);
bool stress_client_do(struct stress_client *client, enum stress_op op);

const char *stress_op_name(enum stress_op op);

/*
 * An ioctl: its reason, or STRESS_BROKEN. Reason, status and errno must agree,
 * and the reason must be in @allowed.
 */
__u32 stress_call(struct stress_client *client, unsigned long command,
		  void *argument, size_t size, __u64 allowed);

/*
 * Call @work, which accesses memory that may be revoked. Returns its result, or
 * STRESS_GONE after a SIGBUS. Not reentrant in a thread.
 */
#define STRESS_GONE	(-1)
int stress_guarded(int (*work)(void *context), void *context);

/* block.c */
bool stress_do_alloc(struct stress_client *client);
bool stress_do_alloc_many(struct stress_client *client);
bool stress_do_alloc_wrong(struct stress_client *client);
bool stress_do_free(struct stress_client *client);
bool stress_do_free_wrong(struct stress_client *client);
bool stress_do_query(struct stress_client *client);
bool stress_do_sync(struct stress_client *client);

/* A valid request; the reasons for which it can fail; and record the block. */
struct ndshm_block_alloc_args stress_some_request(struct stress_client *client,
						  struct ndshm_block_info *blocks);
__u64 stress_excuses(const struct stress_client *client,
		     const struct ndshm_block_alloc_args *alloc);
bool stress_keep(struct stress_client *client,
		 const struct ndshm_block_alloc_args *alloc,
		 const struct ndshm_block_info *info);

/* map.c */
bool stress_do_map(struct stress_client *client);
bool stress_do_touch(struct stress_client *client);
bool stress_do_unmap(struct stress_client *client);
bool stress_do_split(struct stress_client *client);
bool stress_do_remap(struct stress_client *client);
bool stress_do_pin(struct stress_client *client);
bool stress_do_unpin(struct stress_client *client);
bool stress_do_advise(struct stress_client *client);
bool stress_do_lock(struct stress_client *client);
bool stress_do_watch(struct stress_client *client);
void stress_unmap_all(struct stress_client *client);

/* In a child: forget the blocks that it has not inherited. */
void stress_forget_unforked(struct stress_client *client);

/* device.c */
bool stress_do_claim(struct stress_client *client);
bool stress_do_bar(struct stress_client *client);
bool stress_do_start(struct stress_client *client);
bool stress_do_dma(struct stress_client *client);

/* The client has gone, or at least this process's descriptor of it. */
void stress_claim_ended(struct stress_client *client);

/* One that @fits, by chance, or NULL. */
struct stress_block *stress_some_block(struct stress_client *client,
				       bool (*fits)(const struct stress_block *block));

/* It has neither a handle nor a mapping: forget it. */
void stress_drop_block(struct stress_client *client, struct stress_block *block);

#endif /* _NDSHM_SELFTEST_STRESS_CLIENT_H */
