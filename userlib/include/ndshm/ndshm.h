/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: blocks of DMA-capable memory for user space.
 *
 * Rules that hold for every call:
 *
 * - int functions return 0 or a negative errno; errno itself is not part of the contract.
 *   Constructors fill *out, and set it to NULL on failure.
 * - After a failure ndshm_last_reason() returns the reason, per thread, and
 *   ndshm_reason_text() describes it. The library never prints.
 * - A structure that the library fills can grow. The inline function that fills it passes the
 *   size of the caller's to a function whose name ends in _sized, which languages without
 *   inline functions call: a program with an older header gets the members that it knows.
 *   -EINVAL: the header is newer than the library.
 * - Pointer arguments must not be NULL unless stated otherwise; *_close, *_free and
 *   *_unmap ignore NULL.
 * - Threads may share a context: calls on different objects need no locking by the
 *   caller. Destroying an object while another thread uses it is undefined, as with
 *   free().
 * - A child of fork() may use inherited mappings; it must not call the library with the
 *   parent's context, except for ndshm_close() and the exceptions in <ndshm/section.h> and
 *   <ndshm/lsa.h>.
 */
#ifndef NDSHM_H
#define NDSHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ndshm.h>

/* Attributes of functions: arguments that must not be NULL, and results that must be used. */
#ifdef __GNUC__
#define NDSHM_NONNULL(...)	__attribute__((__nonnull__(__VA_ARGS__)))
#define NDSHM_MUST_CHECK	__attribute__((__warn_unused_result__))
#else
#define NDSHM_NONNULL(...)
#define NDSHM_MUST_CHECK
#endif

/*
 * Version of this header: major in bits 16 to 31, minor in bits 8 to 15, patch in bits 0 to 7. A
 * library of the same major version and a higher or equal one has all that the header declares.
 */
#define NDSHM_API_VERSION	0x000100U

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the library that the program runs with, as NDSHM_API_VERSION. */
uint32_t ndshm_api_version(void);

struct ndshm;		/* a client: an open /dev/ndshm, or an emulation of it */
struct ndshm_claim;	/* a device claimed by this client */
struct ndshm_block;	/* a block of memory */

/*
 * Open a client. `where` is the path of the device, or NULL for /dev/ndshm or, if set,
 * the value of the environment variable NDSHM_BACKEND. Three names select a context without
 * the device:
 *
 * - "memfd:" emulates the device, to write and test programs without the module. It has
 *   one adapter, "memfd", one provider, "memfd", and no claims, DMA addresses,
 *   permissions, events, names of sections and dma-bufs; everything else behaves
 *   like the module.
 * - "section:" can only adopt sections (ndshm_section_adopt() in <ndshm/section.h>) and
 *   needs no access to the device.
 * - "netlink:" has the lists, and the events of <ndshm/admin.h>, of the module, and can adopt
 *   sections. It needs no access to the device either.
 *
 * -ENOENT: module not loaded; -EACCES: not permitted to open the device;
 * -EPROTONOSUPPORT: the module lacks features that this library needs.
 */
int ndshm_open(const char *where, struct ndshm **out)
	NDSHM_NONNULL(2) NDSHM_MUST_CHECK;

/*
 * Close a client. The last close of its descriptor ends every claim and frees every
 * handle; mappings and sections stay. The claims' objects are freed. Block objects remain
 * and must be freed by the caller: on these only ndshm_free(), ndshm_free_many(),
 * ndshm_unmap() and the functions that return a property may be called; others return
 * -EBADF.
 */
void ndshm_close(struct ndshm *ndshm);

/* The client's file descriptor, which can be passed on; -EOPNOTSUPP: none. */
int ndshm_fd(const struct ndshm *ndshm)
	NDSHM_NONNULL(1);

struct ndshm_info {
	uint64_t features;		/* NDSHM_FEATURE_* */
	uint64_t max_length;		/* longest block, bytes */
	uint64_t bytes;			/* consumed by this client's blocks */
	uint64_t user_locked;		/* bytes charged to the caller's user */
	uint32_t max_blocks;		/* maximum number of handles */
	uint32_t max_batch;		/* maximum count of ndshm_alloc_many() */
	uint32_t page_size;		/* bytes */
	uint32_t default_adapter;	/* id */
	uint32_t blocks;		/* live handles of this client */
	uint64_t max_section;		/* greatest MaxSize of a section, bytes */
	uint64_t huge_size;		/* of a huge page, bytes; page_size if there are none */
};

/*
 * Get the features and limits of the context, and the usage of this client and of the caller's
 * user. With a client that another user opened, the account that refuses memory is that of the
 * user that opened it, not the one of user_locked.
 */
int ndshm_get_info_sized(struct ndshm *ndshm, struct ndshm_info *info, size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_get_info(struct ndshm *ndshm, struct ndshm_info *info)
{
	return ndshm_get_info_sized(ndshm, info, sizeof(*info));
}

/*
 * Reason for the failure of this thread's last call on this context: NDSHM_REASON_*, or
 * NDSHM_REASON_NONE if it succeeded or failed outside the module (most errors of mmap() and
 * netlink have an errno only). A failure of this thread on another context replaces it. The status
 * is the NDIS status of this reason.
 */
uint32_t ndshm_last_reason(const struct ndshm *ndshm)
	NDSHM_NONNULL(1);
uint32_t ndshm_last_status(const struct ndshm *ndshm)
	NDSHM_NONNULL(1);

/*
 * Reasons of the library for an errno of netlink or mmap() that stands for several causes:
 * -EAFNOSUPPORT, -ENOMEM, -EAGAIN and -ENOMEM, with the status OPEN_FAILED or RESOURCES. Other
 * reasons of the library are in <ndshm/section.h>.
 */
#define NDSHM_REASON_NETLINK_REFUSED	0x10004U
#define NDSHM_REASON_MAPPINGS		0x10005U
#define NDSHM_REASON_MLOCKALL		0x10006U
#define NDSHM_REASON_ADDRESS_SPACE	0x10007U

/* Short name ("claim-busy"), and a sentence that suggests a remedy. Never NULL. */
const char *ndshm_reason_name(uint32_t reason);
const char *ndshm_reason_text(uint32_t reason);
/* Name of a status, as "RESOURCES"; never NULL. */
const char *ndshm_status_name(uint32_t status);

/* Adapters and providers ------------------------------------------------- */

#define NDSHM_NAME_MAX	32	/* bytes of a name, with the terminating NUL */

struct ndshm_adapter_info {
	char name[NDSHM_NAME_MAX];	/* "node0", "0000:00:05.0", ... */
	char device[64];		/* kernel's name of the device, or "" */
	uint32_t id;
	int32_t node;			/* NUMA node, -1: none */
	uint32_t isolation;		/* NDSHM_ISOLATION_*: missing properties */
	bool open;			/* open to clients */
	bool claimable;			/* needs a claim */
	bool claimed;			/* by a client */
	bool needs_reset;		/* last reset failed or was not possible */
};

struct ndshm_provider_info {
	char name[NDSHM_NAME_MAX];
	uint32_t id;
	uint32_t scope;			/* 0 named, 1 machine, 2 adapter */
	uint32_t adapter;		/* id, if scope is 2 */
	uint32_t blocks;		/* live, if usage is true */
	uint32_t flags;			/* of its characteristics */
	bool mappable;
	bool usage;			/* the member blocks is valid */
	bool open;			/* open to clients */
};

struct ndshm_block_row {
	uint32_t id;			/* shared memory handle */
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
	uint32_t usage;			/* NDSHM_USAGE_* */
	uint32_t uid;			/* user that opened the client */
	uint32_t pid;			/* allocating process; 0: not visible here, or none */
	uint32_t segments;
	int32_t preferred_node;
	uint64_t length;		/* bytes */
	uint64_t consumed;		/* bytes */
	bool charged;			/* against RLIMIT_MEMLOCK */
	bool revoked;
	bool kernel;			/* a kernel driver allocated it, no process */
	uint32_t exports;		/* dma-bufs of it */
	uint32_t tag;			/* of the request; 0: none */
};

struct ndshm_section_row {
	uint32_t id;
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
	uint32_t uid;			/* owner: user that opened its client */
	uint64_t max_size;		/* bytes */
	uint64_t initial_size;		/* bytes */
	uint64_t committed;		/* bytes that have memory */
	uint64_t taken;			/* bytes of all extents */
	uint32_t extents;
	uint32_t holders;
	bool deleted;
	bool revoked;
	char name[NDSHM_SECTION_NAME_BYTES + 1];	/* empty: the section has none */
	uint32_t gid;			/* group and mode are valid with a name */
	uint32_t mode;
	uint32_t exports;		/* dma-bufs of it */
};

#define NDSHM_QUEUE_NAME_MAX 128	/* bytes of a name of a queue, with the NUL */

/* A receive queue or a virtual port; only kernel drivers create these. */
struct ndshm_queue_row {
	uint32_t adapter;		/* id */
	uint32_t id;			/* unique per adapter, for queues and ports */
	bool port;			/* virtual port, not a queue */
	bool usage;			/* blocks, packets and bytes are valid */
	uint32_t state;			/* of a queue, 1 allocated, 2 set, 3 running, */
					/* 4 paused, 5 stop DMA, 6 freeing; of a port, */
					/* 1 created, 2 active, 3 deleting */
	uint32_t filters;		/* number set, of a queue */
	uint32_t blocks;		/* number that have memory */
	uint32_t packets;		/* number in flight */
	uint64_t bytes;			/* of memory of the blocks */
	/* From here on what a driver has given for a queue; 0 or empty: nothing. */
	uint64_t affinity;		/* bit n: processor 64 * affinity_group + n */
	uint32_t affinity_group;
	uint32_t buffers;		/* suggested number of receive buffers */
	uint32_t lookahead;		/* bytes of a packet in a buffer of their own */
	char name[NDSHM_QUEUE_NAME_MAX];	/* both only with CAP_SYS_ADMIN */
	char vm_name[NDSHM_QUEUE_NAME_MAX];	/* virtual machine that uses the queue */
};

/*
 * Lists, by netlink: *out is an array of *count rows that the caller frees with free(). A
 * caller without CAP_SYS_ADMIN sees all adapters, providers and queues, but not their
 * number of blocks, and only its own user's blocks and sections. Blocks and sections are
 * sorted by id, queues by adapter and id.
 */
int ndshm_list_adapters_sized(struct ndshm *ndshm, struct ndshm_adapter_info **out, size_t *count,
			      size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_list_adapters(struct ndshm *ndshm, struct ndshm_adapter_info **out,
				      size_t *count)
{
	return ndshm_list_adapters_sized(ndshm, out, count, sizeof(**out));
}
int ndshm_list_providers_sized(struct ndshm *ndshm, struct ndshm_provider_info **out,
			       size_t *count, size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_list_providers(struct ndshm *ndshm, struct ndshm_provider_info **out,
				       size_t *count)
{
	return ndshm_list_providers_sized(ndshm, out, count, sizeof(**out));
}
int ndshm_list_blocks_sized(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count,
			    size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_list_blocks(struct ndshm *ndshm, struct ndshm_block_row **out,
				    size_t *count)
{
	return ndshm_list_blocks_sized(ndshm, out, count, sizeof(**out));
}
int ndshm_list_sections_sized(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count,
			      size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_list_sections(struct ndshm *ndshm, struct ndshm_section_row **out,
				      size_t *count)
{
	return ndshm_list_sections_sized(ndshm, out, count, sizeof(**out));
}
int ndshm_list_queues_sized(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count,
			    size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_list_queues(struct ndshm *ndshm, struct ndshm_queue_row **out,
				    size_t *count)
{
	return ndshm_list_queues_sized(ndshm, out, count, sizeof(**out));
}

/* Find one by name: -ENOENT (ADAPTER_UNKNOWN, PROVIDER_UNKNOWN) if it does not exist. */
int ndshm_find_adapter_sized(struct ndshm *ndshm, const char *name,
			     struct ndshm_adapter_info *info, size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_find_adapter(struct ndshm *ndshm, const char *name,
				     struct ndshm_adapter_info *info)
{
	return ndshm_find_adapter_sized(ndshm, name, info, sizeof(*info));
}
int ndshm_find_provider_sized(struct ndshm *ndshm, const char *name,
			      struct ndshm_provider_info *info, size_t size)
	NDSHM_NONNULL(1, 2, 3);
static inline int ndshm_find_provider(struct ndshm *ndshm, const char *name,
				      struct ndshm_provider_info *info)
{
	return ndshm_find_provider_sized(ndshm, name, info, sizeof(*info));
}

/* Claims ----------------------------------------------------------------- */

/*
 * Claim a device bound to ndshm_pci or ndshm_platform. `adapter` is its name, whose device node in
 * /dev/ndshm-devices the call opens, or, with a slash, the path of an open one
 * ("/proc/self/fd/5"). `address_width` is the number of DMA address bits it can drive (24 to 64; 0:
 * 32). Bus mastering of a PCI function is off until ndshm_claim_start(): quiesce the function
 * through its BAR first. A claim ends with its client and cannot be released alone: to release
 * functions separately, open a client for each.
 *
 * -EACCES (ADAPTER_PERMISSION): the node cannot be opened for reading and writing.
 */
int ndshm_claim_adapter(struct ndshm *ndshm, const char *adapter, unsigned int address_width,
			struct ndshm_claim **out)
	NDSHM_NONNULL(1, 2, 4) NDSHM_MUST_CHECK;
/* Id of its adapter, for requests. */
uint32_t ndshm_claim_adapter_id(const struct ndshm_claim *claim)
	NDSHM_NONNULL(1);
int ndshm_claim_start(struct ndshm_claim *claim)
	NDSHM_NONNULL(1);

/* NDSHM_ISOLATION_* properties that were missing at the time of the claim. */
uint32_t ndshm_claim_isolation(const struct ndshm_claim *claim)
	NDSHM_NONNULL(1);

/*
 * Map BAR `bar` (0 to 5), uncached. Repeated calls return the same mapping, which
 * ndshm_close() unmaps.
 */
int ndshm_claim_map_bar(struct ndshm_claim *claim, unsigned int bar,
			volatile void **out, size_t *length)
	NDSHM_NONNULL(1, 3, 4) NDSHM_MUST_CHECK;

/* Number of interrupts of a kind (NDSHM_IRQ_*) that the function has; 0: none, or unknown kind. */
uint32_t ndshm_claim_irq_count(const struct ndshm_claim *claim, uint32_t kind)
	NDSHM_NONNULL(1);

/*
 * Let the interrupts of the vectors `first` to `first` + `count` - 1 signal eventfds; -1: none.
 * The first call turns the kind on, with the vectors up to the last of the range. NDSHM_IRQ_NONE
 * with 0, 0 and NULL turns all interrupts off. The eventfds are also signalled after a reset, which
 * turns the interrupts off, and when the claim ends.
 */
int ndshm_claim_set_irqs(struct ndshm_claim *claim, uint32_t kind, uint32_t first,
			 uint32_t count, const int *eventfds)
	NDSHM_NONNULL(1);
/* Unmask INTx, which each interrupt masks. If it is pending, its eventfd is signalled at once. */
int ndshm_claim_unmask_intx(struct ndshm_claim *claim)
	NDSHM_NONNULL(1);

/*
 * Reset the function. Afterwards its DMA and interrupts are off, as after a claim; mappings and
 * blocks stay. -EOPNOTSUPP (RESET_UNSUPPORTED): it has no reset. -EAGAIN (ADAPTER_RESETTING): after
 * two seconds the reset goes on, and the next call returns its result. -EIO (RESET_FAILED).
 */
int ndshm_claim_reset(struct ndshm_claim *claim)
	NDSHM_NONNULL(1);

/*
 * Read a register of the configuration space, `width` 1, 2 or 4 bytes; write one that the client may
 * write, as a whole. -EACCES (CONFIG_PROTECTED): it may not; the manual page has the list.
 * -EINVAL (CONFIG_RANGE). -EAGAIN (ADAPTER_RESETTING).
 */
int ndshm_claim_config_read(struct ndshm_claim *claim, uint32_t offset, unsigned int width,
			    uint32_t *value)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;
int ndshm_claim_config_write(struct ndshm_claim *claim, uint32_t offset, unsigned int width,
			     uint32_t value)
	NDSHM_NONNULL(1);

/* Blocks ----------------------------------------------------------------- */

/*
 * Parameters of an allocation. Initialise with NDSHM_REQUEST_INIT or
 * ndshm_request_init(): a zero `node` is node 0.
 */
struct ndshm_request {
	uint64_t length;		/* bytes; rounded up to pages */
	uint32_t adapter;		/* id; 0: the default adapter */
	uint32_t provider;		/* id; 0: the adapter's default */
	int32_t node;			/* NUMA node, or NDSHM_NODE_ANY */
	uint32_t usage;			/* NDSHM_USAGE_* */
	uint32_t flags;			/* NDSHM_ALLOC_* */
	uint32_t tag;			/* NDSHM_TAG() or another number, for lists; 0: none. */
					/* Ignored without NDSHM_FEATURE_TAGS */
};

/* Flag of a request: blocks of ndshm_set_cache() read as zero, too. */
#define NDSHM_ALLOC_ZERO	(1U << 31)

#define NDSHM_REQUEST_INIT { \
	.length = 0, .adapter = 0, .provider = 0, .node = NDSHM_NODE_ANY, \
	.usage = NDSHM_USAGE_OTHER, .flags = 0, .tag = 0, \
}

/* Set all members as NDSHM_REQUEST_INIT does, for languages without it. */
void ndshm_request_init(struct ndshm_request *request)
	NDSHM_NONNULL(1);

/*
 * Allocate blocks, which read as zero unless they are from the cache of ndshm_set_cache().
 * ndshm_alloc_many() allocates all or none; if `count` is 0 or above ndshm_info.max_batch, it
 * returns -EINVAL (COUNT) and does not write to `out`. Both wait for the provider: a thread that
 * must not wait leaves the call to another one.
 */
int ndshm_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
		struct ndshm_block **out)
	NDSHM_NONNULL(1, 2, 3) NDSHM_MUST_CHECK;
int ndshm_alloc_many(struct ndshm *ndshm, const struct ndshm_request *request,
		     struct ndshm_block **out, size_t count)
	NDSHM_NONNULL(1, 2, 3) NDSHM_MUST_CHECK;

/* Unmap the block if ndshm_map() mapped it, and free it. */
void ndshm_free(struct ndshm_block *block);

/*
 * As ndshm_free(), and end the mappings of all processes and dma-bufs, whose accesses are SIGBUS then:
 * the memory is freed and uncharged when the call returns. -EOPNOTSUPP (FLAGS): "memfd:"; nothing has
 * changed.
 */
int ndshm_revoke(struct ndshm_block *block)
	NDSHM_NONNULL(1) NDSHM_MUST_CHECK;

/*
 * Free blocks as ndshm_free() does, in as few commands as possible, and set the entries of the
 * array to NULL. Entries may be NULL; `count` is not limited. -ENOENT (HANDLE_UNKNOWN): a block
 * belongs to another context or is in the array twice; nothing is unmapped or freed.
 */
int ndshm_free_many(struct ndshm *ndshm, struct ndshm_block **blocks, size_t count)
	NDSHM_NONNULL(1, 2);

/*
 * Set the cache of the context, which keeps freed blocks for allocations with equal parameters: these
 * need no system call. `bytes` is the maximum of what its blocks consume; 0, as initially: no cache.
 * More blocks than that are given back at once. -ENOMEM (MEMORY).
 *
 * ndshm_free() and ndshm_free_many() keep a block if all of this holds:
 *
 * - It has NDSHM_BLOCK_REUSABLE, which excludes memory under a claim, of other providers than
 *   `pages`, and all that the removal of a device or a provider revokes while the client is open. A
 *   kept block that its user or root revokes by its id is returned nevertheless: access is SIGBUS.
 * - ndshm_map() has mapped it, and ndshm_unmap() has not unmapped it.
 * - It had no ndshm_export(), and no call for it returned -ENODEV.
 * - It was allocated after ndshm_set_cache(), and after the last fork(), whose child may use it.
 *
 * ndshm_alloc() returns a kept block if its request was equal in all members, ndshm_alloc_many() if
 * there are as many. It has the handle, the id and the mapping that it had. Its contents are the
 * program's own; NDSHM_ALLOC_ZERO zeroes them. Kept blocks count as allocated blocks, in charges as in
 * lists. ndshm_trim() and ndshm_close() give them all back. So does a call on this context before it
 * returns -ENOMEM or -EDQUOT of the module, and ndshm_map() before it returns an error of mmap(); then
 * the call is repeated. An allocation of other blocks gives back as many as do not fit beside these.
 *
 * Unmap a block before it is freed if its memory failed (SIGBUS), or if its handle was passed on: the
 * library does not know about that, nor about a pin of the kernel. In a child of fork() the cache is
 * empty; the kept blocks stay mapped there, and the parent gives them back at its next allocation.
 *
 * Both functions may be called by any thread.
 */
int ndshm_set_cache(struct ndshm *ndshm, uint64_t bytes)
	NDSHM_NONNULL(1);
void ndshm_trim(struct ndshm *ndshm)
	NDSHM_NONNULL(1);

/*
 * Map a block, readable and writable. Repeated calls return the same address until
 * ndshm_unmap().
 */
int ndshm_map(struct ndshm_block *block, void **out)
	NDSHM_NONNULL(1, 2) NDSHM_MUST_CHECK;
void ndshm_unmap(struct ndshm_block *block);

/* Length in bytes, id per client, and machine-wide id of a block. */
uint64_t ndshm_block_length(const struct ndshm_block *block)
	NDSHM_NONNULL(1);
uint32_t ndshm_block_handle(const struct ndshm_block *block)
	NDSHM_NONNULL(1);
uint32_t ndshm_block_id(const struct ndshm_block *block)
	NDSHM_NONNULL(1);

/* DMA address of the first segment; -EPERM if it is hidden from this client. */
int ndshm_block_address(const struct ndshm_block *block, uint64_t *address)
	NDSHM_NONNULL(1, 2);

/*
 * Query a block from the module. `segments` receives up to `capacity` segments and may be
 * NULL if that is 0; *count is the number of segments of the block. -ENOSPC (LIST_SHORT):
 * `capacity` is too small. -ENODEV (BLOCK_REVOKED): the block was revoked.
 */
int ndshm_query(struct ndshm_block *block, struct ndshm_block_info *info,
		struct ndshm_segment *segments, size_t capacity, size_t *count)
	NDSHM_NONNULL(1, 2, 5);

/*
 * Synchronise `length` bytes from `offset` on for DMA: NDSHM_SYNC_FOR_DEVICE after CPU
 * writes and before device access, NDSHM_SYNC_FOR_CPU after device writes and before CPU
 * reads. Required only for blocks with NDSHM_BLOCK_NEEDS_SYNC (see ndshm_query()).
 * -EINVAL (RANGE, LENGTH_ZERO): not within the block. -ENODEV (BLOCK_REVOKED).
 */
int ndshm_sync(struct ndshm_block *block, uint32_t direction, uint64_t offset, uint64_t length)
	NDSHM_NONNULL(1);

/*
 * Create a dma-buf of the block, which other drivers take as a buffer: a descriptor that can be
 * mapped and passed on, and must be closed. *fd is -1 after a failure. `flags` is O_RDWR, or
 * O_RDONLY so that nobody can write through it, and optionally O_CLOEXEC (else -EOPNOTSUPP, FLAGS).
 * The dma-buf keeps the memory and its charge when the block is freed. -EOPNOTSUPP
 * (EXPORT_UNSUPPORTED): the memory cannot be mapped; or without a reason, where
 * NDSHM_FEATURE_EXPORT is not set. -ENODEV (BLOCK_REVOKED). -EMFILE (DESCRIPTORS).
 */
int ndshm_export(struct ndshm_block *block, int flags, int *fd)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_H */
