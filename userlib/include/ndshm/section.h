/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libndshm: sections, ranges of memory that processes share.
 *
 * The rules of <ndshm/ndshm.h> hold here as well; what differs:
 *
 * - A section needs its context for the reasons of failures, and for nothing
 *   else. After ndshm_close() it goes on working; only why a call failed can no
 *   longer be asked.
 * - Any number of threads may call anything on one section at a time, but for
 *   ndshm_section_close(), which is the last call.
 * - A child of fork() may call everything on the sections it has inherited. It
 *   reads and writes what its parent does, but what the parent has allocated is
 *   the parent's: the child cannot free it. The child's first call on a section
 *   that needs a holder attaches anew, by itself.
 * - A holder lives as long as anybody has its descriptor, so a child that does
 *   nothing keeps its parent's extents alive. The child's first call on the section,
 *   whichever, closes its copy; so do exec and ndshm_section_close().
 *
 * What is in a section may be changed by everybody who has it, at any time.
 * Nothing that the library needs to know is kept in there; copy before you check.
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

/* A section's descriptor, where this process maps it, and what holds its extents. */
struct ndshm_section;

/* What is asked of a new section. Start from NDSHM_SECTION_REQUEST_INIT. */
struct ndshm_section_request {
	uint64_t max_size;		/* bytes of range; rounded up to pages */
	uint64_t initial_size;		/* bytes that have memory from the start */
	uint32_t adapter;		/* id; 0: the default adapter */
	uint32_t provider;		/* id; 0: the built-in "pages" */
	int32_t node;			/* NUMA node, or NDSHM_NODE_ANY */
	uint32_t flags;			/* NDSHM_ATTACH_*, of this process's holder */
};

#define NDSHM_SECTION_REQUEST_INIT { \
	.max_size = 0, .initial_size = 0, .adapter = 0, .provider = 0, \
	.node = NDSHM_NODE_ANY, .flags = 0, \
}

/*
 * Make a section and map all of it. At most ndshm_info.max_section bytes.
 *
 * A client of "memfd:" makes sections without the module, for programs to be
 * written and tested. They behave alike, but nobody watches over them: only the
 * process that made one, as long as it does not close it, allocates and, unless by
 * force, deletes; others map it, and are refused (NOT_CREATOR) when they try more.
 * Memory that was given back reads as zero, where the module's is SIGBUS. Of
 * extents and holders ndshm_section_query() knows the own process's, of sections
 * ndshm_list_sections() those that it has made.
 */
int ndshm_section_create(struct ndshm *ndshm, const struct ndshm_section_request *request,
			 struct ndshm_section **out);

/*
 * Map a section that was passed on as a descriptor, which stays the caller's. Any
 * context will do, whatever made the section; a process without access to
 * the device opens "section:", which can do this and nothing else. One that was handed
 * out for reading only is mapped so. -EBADF (DESCRIPTOR): no section's.
 */
int ndshm_section_adopt(struct ndshm *ndshm, int fd, struct ndshm_section **out);

/*
 * Unmap it, and close its descriptor and its holder: this process's extents are
 * freed, unless NDSHM_ATTACH_KEEP was asked for or a child has not yet let go. What is
 * made under a claim and was not freed before keeps its memory until the claim ends.
 */
void ndshm_section_close(struct ndshm_section *section);

/*
 * Let it end, for everybody: nothing new is allocated, attached or mapped (-EIDRM).
 * What is mapped stays. It is for the user who created it (-EPERM, NOT_CREATOR). Own
 * extents go with it; -EBUSY (SECTION_BUSY) if others have any, unless `flags` has
 * NDSHM_DELETE_FORCE. NDSHM_DELETE_REVOKE takes all mappings away as well (SIGBUS) and
 * frees the memory. It is still to be closed.
 */
int ndshm_section_delete(struct ndshm_section *section, uint32_t flags);

/*
 * One more descriptor, to be passed on and closed; *fd is -1 after a failure.
 * NDSHM_SHARE_READONLY: no mapping of it can ever become writable. (Of the stand-in's
 * who made the section, or root, can get another that can.)
 */
int ndshm_section_share(struct ndshm_section *section, uint32_t flags, int *fd);

/* The section's own descriptor, which stays the library's. */
int ndshm_section_fd(const struct ndshm_section *section);

/*
 * Where it is mapped, at a multiple of 2 MiB, and how long that is in bytes. To touch what
 * has no memory is SIGBUS.
 */
void *ndshm_section_base(const struct ndshm_section *section);
uint64_t ndshm_section_size(const struct ndshm_section *section);

struct ndshm_section_info {
	uint64_t max_size;		/* bytes */
	uint64_t initial_size;		/* bytes */
	uint64_t committed;		/* bytes that have memory */
	uint64_t taken;			/* bytes of all extents */
	uint32_t id;			/* the machine's name for it */
	uint32_t flags;			/* NDSHM_SECTION_* */
	uint32_t extents;
	uint32_t holders;
	uint32_t adapter;		/* id */
	uint32_t provider;		/* id */
};

/* Works whatever has become of the section. */
int ndshm_section_query(struct ndshm_section *section, struct ndshm_section_info *info);

/*
 * As ndshm_sync(), of a range of the section. Only those with NDSHM_SECTION_NEEDS_SYNC
 * need it (see ndshm_section_query()). -EROFS (SECTION_READONLY).
 */
int ndshm_section_sync(struct ndshm_section *section, uint32_t direction, uint64_t offset,
		       uint64_t length);

/*
 * A run of pages that nobody else is given until it is freed: `length` bytes at
 * least, at a multiple of `alignment` (0, or a power of two from a page to 2 MiB)
 * from the section's start, at *offset. It reads as zero. *out_length is what it
 * has in bytes, and 0 after a failure. -ENOSPC (SECTION_FULL): no such place. -EROFS
 * (SECTION_READONLY). Each is a system call, or several.
 */
int ndshm_extent_alloc(struct ndshm_section *section, uint64_t length, uint64_t alignment,
		       uint64_t *offset, uint64_t *out_length);

/* Only what this process's holder has: else -ENOENT (EXTENT_UNKNOWN). */
int ndshm_extent_free(struct ndshm_section *section, uint64_t offset);

/*
 * Where the device finds it. `segments` receives up to `capacity` segments, may be
 * NULL with 0; *count says how many there are. -ENOSPC (LIST_SHORT): more than fit.
 */
int ndshm_extent_query(struct ndshm_section *section, uint64_t offset,
		       struct ndshm_segment *segments, size_t capacity, size_t *count);

/* Memory of a section, in any size --------------------------------------- */

/*
 * An allocator as malloc() is, over extents of this process's holder. What it
 * knows is in private memory: whoever overwrites the section spoils contents, and
 * nothing else. Small sizes are served by a cache of the calling thread, which the
 * thread's exit gives back, without a system call. Any thread may free what
 * another one has allocated.
 *
 * What succeeds leaves ndshm_last_reason() alone; it is that of the extent that was
 * refused, if one was. After fork() a child has nothing allocated.
 */

/*
 * *out: `size` bytes at least, aligned to 16, or to `alignment`, a power of two up to
 * 2 MiB. What they contain is not said. -EINVAL for a size of 0 or another alignment,
 * -ENOMEM for more than the section is. calloc: `count` times `size` bytes of zeroes;
 * -EOVERFLOW if the product is. Whatever ndshm_extent_alloc() answers.
 */
int ndshm_section_alloc(struct ndshm_section *section, size_t size, void **out);
int ndshm_section_alloc_aligned(struct ndshm_section *section, size_t alignment, size_t size,
				void **out);
int ndshm_section_calloc(struct ndshm_section *section, size_t count, size_t size, void **out);

/* As realloc(): `pointer` may be NULL, and stays as it is after a failure. */
int ndshm_section_realloc(struct ndshm_section *section, void *pointer, size_t size, void **out);

/* NULL is fine. -EINVAL, and nothing is done, for what is not this process's to free. */
int ndshm_section_free(struct ndshm_section *section, void *pointer);

/* 0 for what is not allocated by this process. */
size_t ndshm_section_usable_size(struct ndshm_section *section, const void *pointer);

/*
 * What processes tell each other: a place as an offset from the section's base, and
 * back. -ERANGE: it is not, with all of `length` bytes, within the section. That
 * somebody has allocated it, and how much, is not asked.
 */
int ndshm_section_offset(const struct ndshm_section *section, const void *pointer,
			 uint64_t *offset);
int ndshm_section_pointer(const struct ndshm_section *section, uint64_t offset, uint64_t length,
			  void **out);

/**
 * enum ndshm_heap_misuse - what was given to be freed, and was not
 * @NDSHM_HEAP_FOREIGN: not in memory that this process has
 * @NDSHM_HEAP_INTERIOR: in what is allocated, but not its start
 * @NDSHM_HEAP_NOT_LIVE: in memory that this process has, where nothing is
 *	allocated: mostly what was freed before. If its extent has gone back
 *	meanwhile it is foreign.
 */
enum ndshm_heap_misuse {
	NDSHM_HEAP_FOREIGN,
	NDSHM_HEAP_INTERIOR,
	NDSHM_HEAP_NOT_LIVE,
};

typedef void (*ndshm_heap_hook)(void *context, enum ndshm_heap_misuse misuse, void *pointer);

/*
 * Be told of each misuse, in the thread that it is of. To be called before other threads
 * use the section; NULL ends it.
 */
int ndshm_section_on_misuse(struct ndshm_section *section, ndshm_heap_hook hook, void *context);

/**
 * struct ndshm_heap_stats - exact while no thread allocates or frees
 * @live_blocks: allocated, and not freed
 * @live_bytes: usable bytes of them
 * @cached_blocks: free, in the threads' caches
 * @cached_bytes: of them
 * @extents: of the section, held for all this
 * @held_bytes: of them
 */
struct ndshm_heap_stats {
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t cached_blocks;
	uint64_t cached_bytes;
	uint64_t extents;
	uint64_t held_bytes;
};

int ndshm_section_stats(struct ndshm_section *section, struct ndshm_heap_stats *stats);

/* Empty the calling thread's cache, and give back what is kept for the next one. */
void ndshm_section_trim(struct ndshm_section *section);

#ifdef __cplusplus
}
#endif

#endif /* NDSHM_SECTION_H */
