/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the library's files. Names that are not exported start with ndshm__.
 */
#ifndef NDSHM_INTERNAL_H
#define NDSHM_INTERNAL_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include <ndshm/admin.h>

#define NDSHM_API __attribute__((visibility("default")))

#define NDSHM_BARS 6

struct ndshm_block_cache;
struct ndshm_section;

/* Lists, by the kind of their objects. */
enum ndshm_list {
	NDSHM_LIST_ADAPTERS,
	NDSHM_LIST_PROVIDERS,
	NDSHM_LIST_BLOCKS,
	NDSHM_LIST_SECTIONS,
	NDSHM_LIST_QUEUES,
	NDSHM_LISTS,
};

/**
 * struct ndshm_backend - implementation of a client's calls
 * @scheme: prefix that selects the backend in ndshm_open(), or NULL: any path
 * @open: Sets ndshm->fd or ndshm->memfd; returns -errno. Undone by @close.
 * @close: Releases all resources of the client.
 * @command: Executes one ioctl of <linux/ndshm.h>: returns 0, or -errno with the reason
 *	and status of the header set if there are any.
 * @map: Maps memory at an mmap_offset, shared, readable and writable.
 * @create_section: As @command with NDSHM_SECTION_CREATE; sets the section's kind and
 *	descriptor.
 * @list: Lists *@count rows that the caller frees with free(), NULL if there are none, in any
 *	order. @key is not NULL for one object: the name of an adapter or provider.
 *	-ENOENT: there is no such object. -EOPNOTSUPP: not supported.
 * @monitor: As ndshm_monitor_open(). NULL: not supported.
 *
 * Can be called concurrently. *out is set on success only.
 */
struct ndshm_backend {
	const char *scheme;
	int (*open)(struct ndshm *ndshm, const char *where);
	void (*close)(struct ndshm *ndshm);
	int (*command)(struct ndshm *ndshm, unsigned long number, void *argument);
	int (*map)(struct ndshm *ndshm, uint64_t offset, uint64_t length, void **out);
	int (*create_section)(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
			      struct ndshm_section *section);
	int (*list)(struct ndshm *ndshm, enum ndshm_list list, const void *key, void **out,
		    size_t *count);
	int (*monitor)(struct ndshm *ndshm, struct ndshm_monitor **out);
};

extern const struct ndshm_backend ndshm__backend_module;
extern const struct ndshm_backend ndshm__backend_memfd;
extern const struct ndshm_backend ndshm__backend_section;
extern const struct ndshm_backend ndshm__backend_netlink;

/**
 * struct ndshm - a client
 * @backend: never NULL
 * @references: one until ndshm_close(), and one for each block and section
 * @fd: descriptor of the module's device, or -1
 * @memfd: data of the memfd backend, or NULL
 * @closed: ndshm_close() was called; only blocks and sections remain
 * @info: limits and the default adapter, as read by ndshm_open()
 * @claims: protected by ndshm__lock()
 * @number: different from that of each other context, also of those that were closed
 * @block_cache: NULL before the first ndshm_set_cache()
 */
struct ndshm {
	const struct ndshm_backend *backend;
	atomic_uint references;
	int fd;
	struct ndshm_memfd *memfd;
	atomic_bool closed;
	struct ndshm_get_info_args info;
	struct ndshm_claim *claims;
	unsigned long number;
	_Atomic(struct ndshm_block_cache *) block_cache;
};

/**
 * struct ndshm_block - a block of memory
 * @ndshm: the client, with a reference
 * @info: as returned by the allocation
 * @lock: protects @memory
 * @memory: address of the mapping, or NULL
 * @freeing: in the array of a running ndshm_free_many()
 * @reusable: can be kept in the cache of @ndshm; the members below are valid
 * @forks: ndshm__forks at the allocation: after a fork() a child may use the memory
 * @request: of the allocation
 * @bin: of the cache, for @request
 * @next: next block of @bin, while this one is kept
 */
struct ndshm_block {
	struct ndshm *ndshm;
	struct ndshm_block_info info;
	pthread_mutex_t lock;
	void *memory;
	bool freeing;
	bool reusable;
	unsigned int forks;
	struct ndshm_request request;
	struct ndshm_block **bin;
	struct ndshm_block *next;
};

/* context.c */
void ndshm__get(struct ndshm *ndshm);
void ndshm__put(struct ndshm *ndshm);
/* Execute a command and record its reason. Returns -errno. */
int ndshm__command(struct ndshm *ndshm, unsigned long number, void *argument);
/*
 * Record the reason of a completed command, whose header is at @argument. Returns @error
 * as the library reports it.
 */
int ndshm__answer(struct ndshm *ndshm, int error, const void *argument);

/* block.c: ndshm_alloc() and ndshm_free() without the cache. */
int ndshm__block_alloc(struct ndshm *ndshm, const struct ndshm_request *request,
		       struct ndshm_block **out);
void ndshm__block_free(struct ndshm_block *block);

/*
 * block_cache.c. Take all blocks from the cache, or none and leave entries of NULL. Put a block into
 * the cache, and record success; on failure the caller frees it. Give blocks back until @bytes more
 * fit. Record the request of a new block.
 */
bool ndshm__block_cache_take(struct ndshm *ndshm, const struct ndshm_request *request,
			     struct ndshm_block **blocks, size_t count);
bool ndshm__block_cache_put(struct ndshm_block *block);
void ndshm__block_cache_make_room(struct ndshm *ndshm, uint64_t bytes);
void ndshm__block_cache_new(struct ndshm_block *block, const struct ndshm_request *request);
/*
 * After a call that can be refused for lack of memory. If @error is such a refusal, give back what
 * the cache has. Return: true if blocks were given back since *@given, by any thread: repeat the
 * call. *@given was set by given() before the call.
 */
unsigned int ndshm__block_cache_given(const struct ndshm *ndshm);
bool ndshm__block_cache_refused(struct ndshm *ndshm, int error, unsigned int *given);
void ndshm__block_cache_free(struct ndshm_block_cache *cache);

/* claim.c: unmap the BARs and free the objects of all claims. */
void ndshm__forget_claims(struct ndshm *ndshm);

/* backend_module.c: ioctl(), repeated on EINTR. Returns 0 or -errno. */
int ndshm__ioctl(int fd, unsigned long number, void *argument);

/* backend.c */
const struct ndshm_backend *ndshm__find_backend(const char *where);

/*
 * process.c. One lock for all lists of the library. It is held for short critical sections, never
 * across a system call but madvise(), fstat() of a memfd and those of malloc(); pthread_atfork()
 * handlers make it free in a child of fork(). ndshm__lock_open() returns 0 or -errno.
 */
int ndshm__lock_open(void);
void ndshm__lock(void);
void ndshm__unlock(void);
/* section.c: in a child of fork(), close the sections that it must not inherit. */
void ndshm__sections_abandon(void);

/*
 * The last failure of this thread. The context is known by its number, as another one can have the
 * address of one that was closed. There is nothing to free at the end of the thread. The model
 * saves a call at each access; a program that loads the library late has room for these few bytes.
 */
struct ndshm__last {
	unsigned long context;
	uint32_t reason;
	uint32_t status;
};
extern __thread struct ndshm__last ndshm__last
	__attribute__((tls_model("initial-exec"), visibility("hidden")));

/* Record the reason and status of this thread's last call. */
static inline void ndshm__set_last(const struct ndshm *ndshm, uint32_t reason, uint32_t status)
{
	/* A call without a reason does not replace the failure of another context. */
	if (reason == NDSHM_REASON_NONE && ndshm__last.context != ndshm->number)
		return;
	ndshm__last = (struct ndshm__last){ ndshm->number, reason, status };
}

/* last.c */
/*
 * Record that the call succeeded or failed without a reason of the module. -ENOMEM is
 * recorded as the reason MAPPINGS or MEMORY, -EAFNOSUPPORT as NETLINK_REFUSED. Returns @error.
 */
int ndshm__done(struct ndshm *ndshm, int error);
/* Record a reason for which the library itself refuses a call. Returns its -errno. */
int ndshm__refuse(struct ndshm *ndshm, uint32_t reason);
/* The same as ndshm__done() after mmap() of @length bytes, whose errno stands for several causes. */
int ndshm__map_done(struct ndshm *ndshm, int error, uint64_t length);

/*
 * process.c. ndshm__process() returns a number, never 0, that differs from those of all
 * ancestors of this process. A call of ndshm__process_open() must have succeeded before;
 * it returns 0 or -errno.
 */
int ndshm__process_open(void);
uint32_t ndshm__process(void);
/* Changes before and after each fork() of this process. */
extern atomic_uint ndshm__forks __attribute__((visibility("hidden")));
/* A page of zeroes that is wiped in a child of fork(), or NULL; unmap it. */
void *ndshm__wiped_page(void);
void ndshm__wiped_free(void *page);
/*
 * close(), but no cancellation point: the caller may hold locks, and resources that only it knows.
 */
void ndshm__close(int fd);

/* mappings.c */
/* Return true if the process has, nearly, as many mappings as the kernel permits. */
bool ndshm__mappings_exhausted(void);
/* Return true if the address space has room for a mapping of @length bytes. */
bool ndshm__mapping_fits(uint64_t length);

/* reason.c */
uint32_t ndshm__reason_status(uint32_t reason);
int ndshm__reason_errno(uint32_t reason);	/* 0 or negative */

/* netlink.c, netlink_*.c, monitor.c: as the members of struct ndshm_backend. */
int ndshm__netlink_list(struct ndshm *ndshm, enum ndshm_list list, const void *key, void **out,
			size_t *count);
int ndshm__netlink_monitor(struct ndshm *ndshm, struct ndshm_monitor **out);

/* Members of struct ndshm_backend that use netlink. */
#define NDSHM__NETLINK_CALLS						\
	.list = ndshm__netlink_list,					\
	.monitor = ndshm__netlink_monitor

/*
 * Structures that the library fills: callers that were compiled with an older header have shorter
 * ones. Copy to one of @size bytes. Returns 0, or -EINVAL for a newer header: it has members that
 * this library does not know.
 */
static inline int ndshm__fill(void *to, size_t size, const void *from, size_t all)
{
	if (size > all)
		return -EINVAL;
	memcpy(to, from, size);
	return 0;
}

#endif /* NDSHM_INTERNAL_H */
