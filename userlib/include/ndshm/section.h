/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: sections, ranges of memory that processes share.
 *
 * The rules of <ndshm/ndshm.h> apply, with these differences:
 *
 * - A section uses its context only to store the reasons of failures. It keeps working
 *   after ndshm_close(); reasons are then no longer available.
 * - Threads may make any calls on the same section concurrently, except
 *   ndshm_section_close(), which must be the last call.
 * - A child of fork() may make all calls on inherited sections. It shares the contents
 *   with its parent, but cannot free extents and blocks that the parent allocated. The
 *   child's first call that needs a holder attaches a new one.
 * - A holder lives until the last copy of its descriptor is closed. A child that makes no
 *   call therefore keeps its parent's extents alive: the child's first call on the
 *   section closes its copy, as do exec and ndshm_section_close(). See
 *   ndshm_section_dont_fork() to prevent this.
 *
 * Every process that maps a section writable can change its contents at any time. The
 * library keeps no metadata in it; programs must copy data before validating it.
 */
#ifndef NDSHM_SECTION_H
#define NDSHM_SECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/ndshm.h>
#include <ndshm/ndshm.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A section's descriptor, its mapping in this process, and the holder of its extents. */
struct ndshm_section;

/*
 * Parameters of a new section. Initialise with NDSHM_SECTION_REQUEST_INIT or
 * ndshm_section_request_init().
 */
struct ndshm_section_request {
	uint64_t max_size;		/* bytes of range; rounded up to pages */
	uint64_t initial_size;		/* bytes that have memory from the start */
	uint32_t adapter;		/* id; 0: the default adapter */
	uint32_t provider;		/* id; 0: the built-in "pages" */
	int32_t node;			/* NUMA node, or NDSHM_NODE_ANY */
	uint32_t flags;			/* NDSHM_CREATE_* */
	const char *name;		/* for ndshm_section_open(); NULL: none */
	uint32_t group;			/* for `mode`, or NDSHM_GROUP_SELF */
	uint32_t mode;			/* permission to open by name; without a name not used */
};

#define NDSHM_SECTION_REQUEST_INIT { \
	.max_size = 0, .initial_size = 0, .adapter = 0, .provider = 0, \
	.node = NDSHM_NODE_ANY, .flags = 0, \
	.name = NULL, .group = NDSHM_GROUP_SELF, .mode = 0600, \
}

/* Set all members as NDSHM_SECTION_REQUEST_INIT does, for languages without it. */
void ndshm_section_request_init(struct ndshm_section_request *request)
	NDSHM_NONNULL(1);

/*
 * Create a section of at most ndshm_info.max_section bytes, and map all of it. -EINVAL
 * (NAME): the name is not 1 to 64 bytes of UTF-8 without control characters and slash.
 * -EEXIST (NAME_TAKEN): the user that opened the client has a section of this name.
 * -EOPNOTSUPP: a name without the module.
 *
 * A "memfd:" context creates sections without the module, for writing and testing
 * programs. They differ from the module's in this: only the creating process, while it has
 * the section open, has extents. Other processes get -EPERM (NOT_CREATOR) when they
 * allocate, or delete without a flag, and -ENOENT (EXTENT_UNKNOWN) when they query or free
 * an extent. Freed memory stays accessible, and reads as zero when the library has released it;
 * with the module, access to it can be SIGBUS. ndshm_section_query() counts extents and
 * holders in the creating process only, and ndshm_list_sections() lists the sections that
 * this process created and has open, of all its contexts.
 */
int ndshm_section_create(struct ndshm *ndshm, const struct ndshm_section_request *request,
			 struct ndshm_section **out)
	NDSHM_NONNULL(1, 2, 3) NDSHM_MUST_CHECK;

/*
 * Map a section from its descriptor. The caller keeps the descriptor. Every kind of
 * context can adopt every kind of section; "section:" is enough and needs no access to
 * the device. A read-only descriptor is mapped read-only. -EBADF (DESCRIPTOR): `fd` is
 * not a section.
 */
int ndshm_section_adopt(struct ndshm *ndshm, int fd, struct ndshm_section **out)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;

/*
 * Open a section by its name, and map it. `owner` is the user that opened its client, or
 * NDSHM_OWNER_SELF; `flags` is 0 or NDSHM_OPEN_READONLY. Requires a context with access to
 * the device, and permission by the section's mode. -ENOENT (SECTION_UNKNOWN): no such
 * section, or no permission to read it. -EACCES (SECTION_PERMISSION): only
 * NDSHM_OPEN_READONLY is permitted. -EOPNOTSUPP: no module, or one without names.
 */
int ndshm_section_open(struct ndshm *ndshm, uint32_t owner, const char *name, uint32_t flags,
		       struct ndshm_section **out)
	NDSHM_NONNULL(1, 3, 5) NDSHM_MUST_CHECK;

/*
 * Unmap a section and close its descriptor and its holder. This process's extents are
 * freed, unless a child still has a copy of the holder. Under a claim, extents that were not
 * freed explicitly keep their memory until the claim ends.
 */
void ndshm_section_close(struct ndshm_section *section);

/*
 * Let children of fork() inherit neither the mapping nor the descriptors of the section. In a
 * child, access to the mapping is SIGSEGV, the calls that need the section return -EBADF
 * (DESCRIPTOR), ndshm_section_base() returns NULL, ndshm_section_fd() -1, and
 * ndshm_section_close() frees the object. A child of _Fork() or clone(), for which no handlers
 * of pthread_atfork() run, inherits the descriptors, and must not call the library; the former
 * holds for a fork() during ndshm_section_close(), too. Cannot be undone. This process attaches at once to a section of the
 * module that is not read-only.
 */
int ndshm_section_dont_fork(struct ndshm_section *section)
	NDSHM_NONNULL(1);

/*
 * Delete a section for all processes: later allocations, attaches and mappings return
 * -EIDRM, existing mappings stay. Requires the owner of the section (else -EPERM,
 * NOT_CREATOR). This process's extents end when it closes the section; -EBUSY (SECTION_BUSY) if other holders
 * have any, unless `flags` has NDSHM_DELETE_FORCE. Memory that other clients in this process
 * have in caches without a live block does not count; memory in caches of other processes
 * does. NDSHM_DELETE_REVOKE also revokes all mappings (access is SIGBUS; with "memfd:" they
 * read as zero until a process writes) and frees the memory. The section must still be closed.
 */
int ndshm_section_delete(struct ndshm_section *section, uint32_t flags)
	NDSHM_NONNULL(1);

/*
 * Create another descriptor of the section, which can be passed on and must be closed;
 * *fd is -1 after a failure. NDSHM_SHARE_READONLY: no mapping of it can be made writable.
 * (With "memfd:", the creating user and root can circumvent this.)
 */
int ndshm_section_share(struct ndshm_section *section, uint32_t flags, int *fd)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;

/*
 * Send a descriptor of the section through a connected Unix socket, in one message with
 * `length` bytes of `data`, at least one. `flags` is that of ndshm_section_share(). Errors
 * are those of ndshm_section_share() and sendmsg(2), such as -EAGAIN and -EPIPE; there is no
 * SIGPIPE. -EMSGSIZE: a stream socket has sent a part of the data; close it.
 */
int ndshm_section_send(struct ndshm_section *section, int socket, uint32_t flags,
		       const void *data, size_t length)
	NDSHM_NONNULL(1, 4);

/*
 * Receive one message of at most *length bytes, and adopt the section that it contains. On
 * return *length is the number of bytes received. A stream socket may deliver a part of the
 * data; the rest has no descriptor. Descriptors that are not returned as a section are closed.
 *
 * -ENODATA: the message has no descriptor; `data` and *length are valid. -EBADF (DESCRIPTOR):
 * its descriptor is not a section. -EPROTO: it has several descriptors, or the limit of open
 * files is reached. -EMSGSIZE: it has more data. -EPIPE: the peer closed the connection.
 * Else an error of recvmsg(2), such as -EAGAIN and -EINTR.
 */
int ndshm_section_receive(struct ndshm *ndshm, int socket, void *data, size_t *length,
			  struct ndshm_section **out)
	NDSHM_NONNULL(1, 3, 4, 5) NDSHM_MUST_CHECK;

/* The section's own descriptor; the caller must not close it. */
int ndshm_section_fd(const struct ndshm_section *section)
	NDSHM_NONNULL(1);

/*
 * Address of the mapping, a multiple of 2 MiB, and its size in bytes. Access to a page
 * without memory is SIGBUS.
 */
void *ndshm_section_base(const struct ndshm_section *section)
	NDSHM_NONNULL(1);
uint64_t ndshm_section_size(const struct ndshm_section *section)
	NDSHM_NONNULL(1);

struct ndshm_section_info {
	uint64_t max_size;		/* bytes */
	uint64_t initial_size;		/* bytes */
	uint64_t committed;		/* bytes that have memory */
	uint64_t taken;			/* bytes of all extents */
	uint32_t id;			/* machine-wide id */
	uint32_t flags;			/* NDSHM_SECTION_* */
	uint32_t extents;
	uint32_t holders;
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
};

/* Query a section. Succeeds also if the section is deleted or revoked. */
int ndshm_section_query_sized(struct ndshm_section *section, struct ndshm_section_info *info,
			      size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_section_query(struct ndshm_section *section,
				      struct ndshm_section_info *info)
{
	return ndshm_section_query_sized(section, info, sizeof(*info));
}

/*
 * Synchronise a range of the section, as ndshm_sync(). Required only for sections with
 * NDSHM_SECTION_NEEDS_SYNC (see ndshm_section_query()). -EROFS (SECTION_READONLY).
 */
int ndshm_section_sync(struct ndshm_section *section, uint32_t direction, uint64_t offset,
		       uint64_t length)
	NDSHM_NONNULL(1);

/*
 * Create a dma-buf of whole pages of the section, all of which are allocated, as ndshm_export()
 * does of a block. *fd is -1 after a failure. It keeps the section and its charge. Memory of it
 * that is freed is not allocated again until the dma-buf and its mappings have ended, unless the
 * section was shared read-only; then the dma-buf shows what is allocated there next. -EINVAL
 * (ALIGNMENT, LENGTH_ZERO, RANGE). -ENXIO (EXPORT_RANGE): a page is not allocated. -EROFS
 * (SECTION_READONLY): O_RDWR of a section that was shared read-only. -EOPNOTSUPP (FLAGS); or
 * without a reason, where NDSHM_FEATURE_SECTION_EXPORT is not set. -EIDRM (SECTION_DELETED),
 * -ENODEV (SECTION_REVOKED). -EMFILE (DESCRIPTORS).
 */
int ndshm_section_export(struct ndshm_section *section, uint64_t offset, uint64_t length, int flags,
			 int *fd)
	NDSHM_NONNULL(1, 5) NDSHM_MUST_CHECK;

/*
 * Allocate an extent: a run of pages, exclusive to this process's holder until it is
 * freed, of at least `length` bytes at a multiple of `alignment` (0, or a power of two
 * from a page to 2 MiB) from the section's start. It reads as zero. *offset is its start
 * and *out_length its size in bytes, both 0 after a failure. -ENOSPC (SECTION_FULL): no
 * free range fits, also after the caches of this process were emptied. -EROFS
 * (SECTION_READONLY). Each call is at least one system call.
 */
int ndshm_extent_alloc(struct ndshm_section *section, uint64_t length, uint64_t alignment,
		       uint64_t *offset, uint64_t *out_length)
	NDSHM_NONNULL(1, 4, 5) NDSHM_MUST_CHECK;

/*
 * Free an extent that ndshm_extent_alloc() returned to this process through this section;
 * else -ENOENT (EXTENT_UNKNOWN), also for memory of ndshm_section_alloc().
 */
int ndshm_extent_free(struct ndshm_section *section, uint64_t offset)
	NDSHM_NONNULL(1);

/*
 * Query the DMA segments of an extent. `segments` receives up to `capacity` segments and
 * may be NULL if that is 0; *count is the number of segments. -ENOSPC (LIST_SHORT):
 * `capacity` is too small.
 */
int ndshm_extent_query(struct ndshm_section *section, uint64_t offset,
		       struct ndshm_segment *segments, size_t capacity, size_t *count)
	NDSHM_NONNULL(1, 5);

/* Memory of a section, in any size --------------------------------------- */

/*
 * An allocator like malloc(), on extents of this process's holder. Its metadata is in
 * private memory: overwriting the section corrupts contents only. Small sizes are served
 * from a cache per thread without a system call; the cache is released when the thread
 * exits. The caches of a process are limited to 1/8 of the section, and to less if there
 * are other holders, but each may have 1/1024 of the section: more than 128 threads can exceed
 * the limit. Before an allocation fails, the caches of all clients of the section in this
 * process are emptied. Blocks may be freed by any thread.
 *
 * After a call that succeeds ndshm_last_reason() has no meaning. A call that fails because an
 * extent could not be allocated has the reason of that extent. After fork() the child has
 * no allocated blocks.
 */

/*
 * Allocate at least `size` bytes, aligned to 16, or to `alignment`, a power of two up to
 * 2 MiB. The contents are undefined. -EINVAL: a size of 0 (LENGTH_ZERO) or another alignment
 * (ALIGNMENT); -ENOMEM: larger than the section; or an error of ndshm_extent_alloc().
 * ndshm_section_calloc() allocates `count` times `size` zeroed bytes; -EOVERFLOW
 * (LENGTH_OVERFLOW): the product overflows.
 */
int ndshm_section_alloc(struct ndshm_section *section, size_t size, void **out)
	NDSHM_NONNULL(1, 3) NDSHM_MUST_CHECK;
int ndshm_section_alloc_aligned(struct ndshm_section *section, size_t alignment, size_t size,
				void **out)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;
int ndshm_section_calloc(struct ndshm_section *section, size_t count, size_t size, void **out)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;

/*
 * Change the size of a block, as realloc(): `pointer` may be NULL; the block is unchanged
 * after a failure.
 */
int ndshm_section_realloc(struct ndshm_section *section, void *pointer, size_t size, void **out)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;

/*
 * Free a block; NULL is ignored. -EINVAL, and nothing is freed, if `pointer` is not a
 * live block of this process (POINTER_FOREIGN, POINTER_INTERIOR, POINTER_FREED). -EBUSY
 * (POINTER_LENT): the block is lent.
 */
int ndshm_section_free(struct ndshm_section *section, void *pointer)
	NDSHM_NONNULL(1);

/*
 * Usable bytes of a block, or 0 if `pointer` is not a live block of this process, with the reason
 * of ndshm_section_free() if it is not NULL.
 */
size_t ndshm_section_usable_size(struct ndshm_section *section, const void *pointer)
	NDSHM_NONNULL(1);

/*
 * Convert a pointer to an offset from the section's base, and back. Offsets have the same
 * meaning in all processes, pointers do not. -ERANGE: the pointer, or the range of
 * `length` bytes, is not within the section. Neither checks that the range is allocated.
 */
int ndshm_section_offset(const struct ndshm_section *section, const void *pointer,
			 uint64_t *offset)
	NDSHM_NONNULL(1, 3);
int ndshm_section_pointer(const struct ndshm_section *section, uint64_t offset, uint64_t length,
			  void **out)
	NDSHM_NONNULL(1, 4);

/*
 * Copy `length` bytes from an offset of the section to `buffer`, or from `buffer` to an offset.
 * -EFAULT instead of SIGBUS: a part of the range has no memory; some bytes may have been
 * copied. -ERANGE: the range is not within the section. -EROFS (SECTION_READONLY).
 * -EMFILE (DESCRIPTORS): the copy needs two descriptors, because the system calls
 * process_vm_readv() and process_vm_writev() are denied or cannot access the memory.
 */
int ndshm_section_read(const struct ndshm_section *section, uint64_t offset, void *buffer,
		       size_t length)
	NDSHM_NONNULL(1);
int ndshm_section_write(const struct ndshm_section *section, uint64_t offset, const void *buffer,
			size_t length)
	NDSHM_NONNULL(1);

/*
 * Get the DMA address, for the section's adapter, of `length` bytes of a live block of
 * ndshm_section_alloc(). The first call for an extent of the allocator, 64 KiB to 2 MiB or one
 * large block, is a system call; later ones are a look-up for each page. -EXDEV: the device does
 * not have the bytes at consecutive addresses. -EPERM (NOT_ISOLATED): addresses are hidden, as in
 * ndshm_extent_query(), and always without the module. -EINVAL (POINTER_FOREIGN): not memory of
 * this process's allocator; (LENGTH_ZERO). -ERANGE: not in the section. -ENOMEM.
 */
int ndshm_section_dma_address(struct ndshm_section *section, const void *pointer, size_t length,
			      uint64_t *address)
	NDSHM_NONNULL(1, 4) NDSHM_MUST_CHECK;

/*
 * Reasons of the library itself. Those of invalid block pointers are EINVAL with the status
 * INVALID_PARAMETER; POINTER_LENT (<ndshm/loan.h>) is EBUSY with INVALID_STATE. <ndshm/ndshm.h> has
 * the others. The module's reasons stay below 0x10000.
 *
 * POINTER_FOREIGN: not in memory of this process's heap. POINTER_INTERIOR: inside a live block, but
 * not its start. POINTER_FREED: in memory of this process's heap, but not in a live block: usually a
 * double free. If the extent was released since, it is POINTER_FOREIGN.
 */
#define NDSHM_REASON_POINTER_FOREIGN	0x10000U
#define NDSHM_REASON_POINTER_INTERIOR	0x10001U
#define NDSHM_REASON_POINTER_FREED	0x10002U
#define NDSHM_REASON_POINTER_LENT	0x10003U

/**
 * struct ndshm_heap_stats - statistics; exact only while no thread allocates or frees
 * @live_blocks: number of blocks allocated and not freed
 * @live_bytes: usable bytes of these
 * @cached_blocks: number of free blocks in the threads' caches, and of large ones kept
 * @cached_bytes: bytes of these
 * @extents: number of extents of the section that the heap holds
 * @held_bytes: bytes of these
 */
struct ndshm_heap_stats {
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t cached_blocks;
	uint64_t cached_bytes;
	uint64_t extents;
	uint64_t held_bytes;
};

/* Get the statistics of this process's heap in the section. */
int ndshm_section_stats_sized(struct ndshm_section *section, struct ndshm_heap_stats *stats,
			      size_t size)
	NDSHM_NONNULL(1, 2);
static inline int ndshm_section_stats(struct ndshm_section *section, struct ndshm_heap_stats *stats)
{
	return ndshm_section_stats_sized(section, stats, sizeof(*stats));
}

/*
 * Empty the caches of all threads of this process, and free extents that are kept in
 * reserve. A cache that its thread uses at this moment is left alone.
 */
void ndshm_section_trim(struct ndshm_section *section)
	NDSHM_NONNULL(1);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_SECTION_H */
