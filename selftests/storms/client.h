/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A client that executes random operations on its blocks, one after the other, and
 * checks each result.
 */
#ifndef _NDSHM_SELFTEST_STORM_CLIENT_H
#define _NDSHM_SELFTEST_STORM_CLIENT_H

#include <linux/ndshm.h>

#include "memory.h"
#include "stall.h"
#include "storm.h"

#define STORM_BLOCKS	256
#define STORM_ASKED	8	/* requests that are out, or not read */

/* Sets of reasons: of those below 64. */
#define STORM_MAY(reason)	(1ULL << NDSHM_REASON_##reason)
#define STORM_NO_MEMORY \
	(STORM_MAY(MEMORY) | STORM_MAY(PROVIDER_RESOURCES))
/* Reasons for a request that names a removed adapter or provider. */
#define STORM_NO_ADAPTER \
	(STORM_MAY(ADAPTER_UNKNOWN) | STORM_MAY(ADAPTER_REMOVED))
#define STORM_NO_PROVIDER \
	(STORM_MAY(PROVIDER_UNKNOWN) | STORM_MAY(PROVIDER_CLOSING))

/* A call was not answered as the contract says; that was complained about. */
#define STORM_BROKEN	(~0U)

/**
 * struct storm_block - a block that the client has a handle or a mapping of
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
struct storm_block {
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
 * struct storm_asked - a request
 * @alloc: the arguments; no other request has its cookie
 * @cancelled: it will be aborted
 */
struct storm_asked {
	struct ndshm_block_alloc alloc;
	bool cancelled;
};

/**
 * struct storm_client - an open file, and a process that uses it
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
 * @most: blocks to have at a time, up to STORM_BLOCKS
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
 * @requests: of this process; their records have not been read by it, but may have
 *	been read by another process
 * @asked: how many
 * @memory: pins and registrations of mappings
 */
struct storm_client {
	int fd;
	struct storm_random random;
	uid_t uid;
	__u32 stale;
	__u64 may;
	__u64 target_may;
	__u64 maker_may;
	const char *target;
	const char *maker;
	unsigned int most;
	struct storm_place *place;
	bool shared;
	bool child;
	bool signals;
	bool threaded;
	bool lingers;
	struct storm_stall *stall;
	__u32 adapter;
	__u32 provider;
	__u32 claimed;
	__u64 bar_offset;
	size_t bar_length;
	unsigned char *bar;
	bool started;
	struct ndshm_nl nl;
	unsigned int children;
	struct storm_block blocks[STORM_BLOCKS];
	unsigned int count;
	struct storm_asked requests[STORM_ASKED];
	unsigned int asked;
	struct storm_memory memory;
};

/* Open a client; the other members are as the caller has set them. */
bool storm_client_open(struct storm_client *client);

/* Let go of everything, and reap all children. */
bool storm_client_close(struct storm_client *client);

/* Choose the next operation, and execute it. False: an error was reported. */
enum storm_op storm_client_pick(struct storm_client *client);
bool storm_client_do(struct storm_client *client, enum storm_op op);

const char *storm_op_name(enum storm_op op);

/*
 * An ioctl: its reason, or STORM_BROKEN. Reason, status and errno must agree,
 * and the reason must be in @allowed.
 */
__u32 storm_call(struct storm_client *client, unsigned long command,
		 void *argument, size_t size, __u64 allowed);

/* The same, with any reason. */
__u32 storm_answer(struct storm_client *client, unsigned long command,
		   void *argument, size_t size);

/*
 * Call @work, which accesses memory that may be revoked. Returns its result, or
 * STORM_GONE after a SIGBUS. Not reentrant in a thread.
 */
#define STORM_GONE	(-1)
int storm_guarded(int (*work)(void *context), void *context);

/* block.c */
bool storm_do_alloc(struct storm_client *client);
bool storm_do_alloc_many(struct storm_client *client);
bool storm_do_alloc_wrong(struct storm_client *client);
bool storm_do_free(struct storm_client *client);
bool storm_do_free_wrong(struct storm_client *client);
bool storm_do_query(struct storm_client *client);
bool storm_do_sync(struct storm_client *client);

/* A valid request; the reasons for which it can fail; and record the block. */
struct ndshm_block_alloc storm_some_request(struct storm_client *client,
					    struct ndshm_block_info *blocks);
__u64 storm_excuses(const struct storm_client *client,
		    const struct ndshm_block_alloc *alloc);
bool storm_keep(struct storm_client *client,
		const struct ndshm_block_alloc *alloc,
		const struct ndshm_block_info *info);

/* request.c */
bool storm_do_ask(struct storm_client *client);
bool storm_do_cancel(struct storm_client *client);
bool storm_do_read(struct storm_client *client);

/* map.c */
bool storm_do_map(struct storm_client *client);
bool storm_do_touch(struct storm_client *client);
bool storm_do_unmap(struct storm_client *client);
bool storm_do_split(struct storm_client *client);
bool storm_do_remap(struct storm_client *client);
bool storm_do_pin(struct storm_client *client);
bool storm_do_unpin(struct storm_client *client);
bool storm_do_advise(struct storm_client *client);
bool storm_do_lock(struct storm_client *client);
bool storm_do_watch(struct storm_client *client);
void storm_unmap_all(struct storm_client *client);

/* In a child: forget the blocks that it has not inherited. */
void storm_forget_unforked(struct storm_client *client);

/* device.c */
bool storm_do_claim(struct storm_client *client);
bool storm_do_bar(struct storm_client *client);
bool storm_do_start(struct storm_client *client);
bool storm_do_dma(struct storm_client *client);

/* The client has gone, or at least this process's descriptor of it. */
void storm_claim_ended(struct storm_client *client);

/* One that @fits, by chance, or NULL. */
struct storm_block *storm_some_block(struct storm_client *client,
				     bool (*fits)(const struct storm_block *block));

/* It has neither a handle nor a mapping: forget it. */
void storm_drop_block(struct storm_client *client, struct storm_block *block);

#endif /* _NDSHM_SELFTEST_STORM_CLIENT_H */
