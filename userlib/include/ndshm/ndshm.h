/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: blocks of DMA-able memory for programs.
 *
 * Rules that hold for every call:
 *
 * - int functions return 0 or a negative errno; errno itself is not part of
 *   the contract. Constructors fill *out, and set it to NULL on failure.
 * - After a failure ndshm_last_reason() says why, per context and thread, and
 *   ndshm_reason_text() puts it into words. The library never prints.
 * - Pointers handed in must not be NULL unless that is said; *_close, *_free
 *   and *_unmap take NULL and do nothing.
 * - Threads may share a context: calls on different objects need no lock of
 *   the caller's. Destroying an object while another thread uses it is the
 *   caller's mistake, as with free().
 * - A child of fork() may use what it inherited mapped; it must not call the
 *   library with the parent's context, except for ndshm_close(), and for what
 *   <ndshm/section.h> says of sections.
 */
#ifndef NDSHM_H
#define NDSHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ndshm.h>

#ifdef __cplusplus
extern "C" {
#endif

struct ndshm;		/* a client: an open /dev/ndshm, or its stand-in */
struct ndshm_claim;	/* a PCI function that this client owns */
struct ndshm_block;	/* a block of memory */

/*
 * Open a client. `where` is NULL for /dev/ndshm (or, if set, the environment
 * variable NDSHM_BACKEND), the path of the device, or "memfd:": a stand-in
 * without a device, for programs to be written and tested on machines where
 * the module is not loaded. It has one adapter, "memfd", one provider, "memfd",
 * no claims and no DMA addresses, and everything else behaves alike. "section:" is
 * a client of nothing, for ndshm_section_adopt() (<ndshm/section.h>).
 *
 * -ENOENT: module not loaded; -EACCES: not permitted to open the device;
 * -EPROTONOSUPPORT: the module lacks what this library needs.
 */
int ndshm_open(const char *where, struct ndshm **out);

/*
 * The last close ends every claim, frees every handle; mappings stay, and sections.
 * The claims' objects go with it. Blocks' objects stay the caller's: ndshm_free(),
 * ndshm_unmap() and what reads members can be called, the rest is -EBADF.
 */
void ndshm_close(struct ndshm *ndshm);

/* The client's file descriptor, to be passed on; -EOPNOTSUPP: it has none. */
int ndshm_fd(const struct ndshm *ndshm);

struct ndshm_info {
	uint64_t features;		/* NDSHM_FEATURE_* */
	uint64_t max_length;		/* longest block, bytes */
	uint64_t bytes;			/* consumed by this client's blocks */
	uint64_t user_locked;		/* bytes charged to the user's memlock */
	uint32_t max_blocks;		/* handles a client can hold */
	uint32_t max_batch;		/* blocks of one ndshm_alloc_many() */
	uint32_t page_size;		/* bytes */
	uint32_t default_adapter;	/* id */
	uint32_t blocks;		/* live handles of this client */
	uint64_t max_section;		/* greatest MaxSize of a section, bytes */
};

int ndshm_get_info(struct ndshm *ndshm, struct ndshm_info *info);

/*
 * Why the last call of this thread on this context failed: NDSHM_REASON_*, or
 * NDSHM_REASON_NONE if it succeeded or failed outside the module (what mmap()
 * or netlink answers says only an errno). The status is NDIS's view of it.
 */
uint32_t ndshm_last_reason(const struct ndshm *ndshm);
uint32_t ndshm_last_status(const struct ndshm *ndshm);

/* Short name ("claim-busy"), and a sentence that says what to do. Never NULL. */
const char *ndshm_reason_name(uint32_t reason);
const char *ndshm_reason_text(uint32_t reason);
/* "RESOURCES"; never NULL. */
const char *ndshm_status_name(uint32_t status);

/* Adapters and providers ------------------------------------------------- */

#define NDSHM_NAME_MAX	32	/* bytes of a name, with its zero */

/* Who may claim an adapter that was not reset (dirty), beside CAP_SYS_RAWIO. */
#define NDSHM_RESET_REQUIRED	0U	/* nobody */
#define NDSHM_RESET_SAME_USER	1U	/* the user of its last claim */
#define NDSHM_RESET_NONE	2U	/* everybody whom the mode permits */

struct ndshm_adapter_info {
	char name[NDSHM_NAME_MAX];	/* "node0", "0000:00:05.0", ... */
	char device[64];		/* kernel's name of the device, or "" */
	uint32_t id;
	int32_t node;			/* NUMA node, -1: none */
	uint32_t isolation;		/* NDSHM_ISOLATION_*: what is missing */
	bool open;			/* clients may use it */
	bool claimable;			/* needs a claim */
	bool claimed;			/* somebody has it */
	bool dirty;			/* its last reset failed or was missing */
	uint32_t owner;			/* user and group that own it */
	uint32_t group;
	uint32_t mode;			/* as a device node's: 0660, ... */
	uint32_t reset;			/* NDSHM_RESET_* */
};

struct ndshm_provider_info {
	char name[NDSHM_NAME_MAX];
	uint32_t id;
	uint32_t scope;			/* 0 named, 1 machine, 2 adapter */
	uint32_t adapter;		/* id, of scope 2 */
	uint32_t blocks;		/* live, if @usage */
	uint32_t flags;			/* of the characteristics */
	bool mappable;
	bool usage;			/* blocks is known */
	bool open;			/* clients may have its memory */
	uint32_t owner;			/* user and group that own it */
	uint32_t group;
	uint32_t mode;			/* as a device node's: 0660, ... */
};

struct ndshm_block_row {
	uint32_t id;			/* shared memory handle */
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
	uint32_t usage;			/* NDSHM_USAGE_* */
	uint32_t uid;			/* who allocated it */
	uint32_t pid;			/* ... in which process (0: the kernel) */
	uint32_t segments;
	int32_t preferred_node;
	uint64_t length;		/* bytes */
	uint64_t consumed;		/* bytes */
	bool charged;			/* against RLIMIT_MEMLOCK */
	bool revoked;
};

struct ndshm_section_row {
	uint32_t id;
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
	uint32_t uid;			/* who created it */
	uint64_t max_size;		/* bytes */
	uint64_t initial_size;		/* bytes */
	uint64_t committed;		/* bytes that have memory */
	uint64_t taken;			/* bytes of all extents */
	uint32_t extents;
	uint32_t holders;
	bool deleted;
	bool revoked;
};

/* A receive queue or a virtual port, which only kernel drivers make. */
struct ndshm_queue_row {
	uint32_t adapter;		/* id */
	uint32_t id;			/* among the adapter's queues, or its ports */
	bool port;			/* a virtual port, and no queue */
	bool usage;			/* blocks, packets and bytes are known */
	uint32_t state;			/* of a queue, 1 allocated, 2 set, 3 running, */
					/* 4 paused, 5 stop DMA, 6 freeing; of a port, */
					/* 1 created, 2 active, 3 deleting */
	uint32_t filters;		/* of a queue */
	uint32_t blocks;		/* that have their memory */
	uint32_t packets;		/* that are out */
	uint64_t bytes;			/* of the blocks' memory */
};

/*
 * Lists, by netlink: *out is an array of *count rows to be given to free().
 * An unprivileged caller sees every adapter, provider and queue, but not how many
 * blocks a provider or queue has, and its own user's blocks and sections; these are
 * sorted by id, queues by adapter first.
 */
int ndshm_list_adapters(struct ndshm *ndshm, struct ndshm_adapter_info **out,
			size_t *count);
int ndshm_list_providers(struct ndshm *ndshm, struct ndshm_provider_info **out,
			 size_t *count);
int ndshm_list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out,
		      size_t *count);
int ndshm_list_sections(struct ndshm *ndshm, struct ndshm_section_row **out,
			size_t *count);
int ndshm_list_queues(struct ndshm *ndshm, struct ndshm_queue_row **out,
		      size_t *count);

/* One by name: -ENOENT (ADAPTER_UNKNOWN, PROVIDER_UNKNOWN) if there is none. */
int ndshm_find_adapter(struct ndshm *ndshm, const char *name,
		       struct ndshm_adapter_info *info);
int ndshm_find_provider(struct ndshm *ndshm, const char *name,
			struct ndshm_provider_info *info);

/* Claims ----------------------------------------------------------------- */

/*
 * Own a PCI function bound to ndshm_pci. `address_width` is the bits of DMA
 * address it can drive (24 to 64; 0: 32). Bus mastering is off until
 * ndshm_claim_start(): quiet the function through its BAR first. A claim ends
 * with the client, not before: open a client of its own for each function that
 * is to be given back on its own.
 */
int ndshm_claim(struct ndshm *ndshm, uint32_t adapter, unsigned int address_width,
		struct ndshm_claim **out);
int ndshm_claim_start(struct ndshm_claim *claim);

/* NDSHM_ISOLATION_* properties that were missing when it was claimed. */
uint32_t ndshm_claim_isolation(const struct ndshm_claim *claim);

/*
 * Map BAR `bar` (0 to 5), uncached. The same mapping each time; ndshm_close()
 * ends it.
 */
int ndshm_claim_map_bar(struct ndshm_claim *claim, unsigned int bar,
			volatile void **out, size_t *length);

/* Blocks ----------------------------------------------------------------- */

/*
 * What is asked of an allocation. Start from NDSHM_REQUEST_INIT: the zero of
 * `node` would be node 0.
 */
struct ndshm_request {
	uint64_t length;		/* bytes; rounded up to pages */
	uint32_t adapter;		/* id; 0: the default adapter */
	uint32_t provider;		/* id; 0: the adapter's default */
	int32_t node;			/* NUMA node, or NDSHM_NODE_ANY */
	uint32_t usage;			/* NDSHM_USAGE_* */
	uint32_t flags;			/* NDSHM_ALLOC_* */
};

#define NDSHM_REQUEST_INIT { \
	.length = 0, .adapter = 0, .provider = 0, .node = NDSHM_NODE_ANY, \
	.usage = NDSHM_USAGE_OTHER, .flags = 0, \
}

/*
 * Blocks read as zero. alloc_many gives all of them or none; a count of 0 or
 * above ndshm_info.max_batch is refused (COUNT) before `out` is looked at.
 */
int ndshm_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
		struct ndshm_block **out);
int ndshm_alloc_many(struct ndshm *ndshm, const struct ndshm_request *request,
		     struct ndshm_block **out, size_t count);

/* How a request for a block that comes later has ended. */
struct ndshm_done {
	uint64_t cookie;		/* which one */
	int error;			/* 0, or a negative errno */
	uint32_t reason;		/* NDSHM_REASON_*, likewise */
	uint32_t status;		/* NDSHM_STATUS_* */
	struct ndshm_block *block;	/* the caller's, who frees it; NULL: none */
};

/*
 * Ask for one block, and go on: `cookie` is the caller's name for the request. After 0 it
 * has one end, which ndshm_next_done() tells; after an error it has none. -EAGAIN
 * (REQUESTS): as many are out, or have ended and were not told, as there may be.
 * -EEXIST (COOKIE): another of that name is out. -EOPNOTSUPP: not with this context.
 */
int ndshm_alloc_async(struct ndshm *ndshm, const struct ndshm_request *request,
		      uint64_t cookie);

/*
 * The next request that has ended. Waits up to `timeout` milliseconds, 0: not at all,
 * below 0: without limit; -EAGAIN: there was none. -EINTR: a signal came. ndshm_fd() can
 * be polled for it (POLLIN).
 */
int ndshm_next_done(struct ndshm *ndshm, int timeout, struct ndshm_done *out);

/*
 * End a request: it is told as REQUEST_ABORTED (-ECANCELED). -ENOENT (REQUEST_UNKNOWN):
 * none of that name is out; it has ended, or never was.
 */
int ndshm_cancel(struct ndshm *ndshm, uint64_t cookie);

/* Unmaps it if it was mapped with ndshm_map(), and gives the handle back. */
void ndshm_free(struct ndshm_block *block);

/* The same memory each time, readable and writable, until ndshm_unmap(). */
int ndshm_map(struct ndshm_block *block, void **out);
void ndshm_unmap(struct ndshm_block *block);

uint64_t ndshm_block_length(const struct ndshm_block *block);	/* bytes */
uint32_t ndshm_block_handle(const struct ndshm_block *block);	/* client's */
uint32_t ndshm_block_id(const struct ndshm_block *block);	/* machine's */

/* DMA address of the first segment; -EPERM if it is hidden from this client. */
int ndshm_block_address(const struct ndshm_block *block, uint64_t *address);

/*
 * Ask the module anew. `segments` receives up to `capacity` segments, may be
 * NULL with 0; *count says how many there are. -ENOSPC (LIST_SHORT): more than
 * fit. -ENODEV (BLOCK_REVOKED): the memory has gone.
 */
int ndshm_query(struct ndshm_block *block, struct ndshm_block_info *info,
		struct ndshm_segment *segments, size_t capacity, size_t *count);

/*
 * Give `length` bytes from `offset` on to the device (NDSHM_SYNC_FOR_DEVICE), after
 * they were written and before it looks, or back (NDSHM_SYNC_FOR_CPU), before they
 * are read. Only blocks with NDSHM_BLOCK_NEEDS_SYNC need it (see ndshm_query()). -EINVAL
 * (RANGE, LENGTH_ZERO): not within the block. -ENODEV (BLOCK_REVOKED).
 */
int ndshm_sync(struct ndshm_block *block, uint32_t direction, uint64_t offset, uint64_t length);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_H */
