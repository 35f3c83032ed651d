/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the library's files know of each other. Names that do not leave it
 * start with ndshm__.
 */
#ifndef NDSHM_INTERNAL_H
#define NDSHM_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include <ndshm/admin.h>

#define NDSHM_API __attribute__((visibility("default")))

#define NDSHM_BARS 6

struct ndshm_block;
struct ndshm_section;

/**
 * struct ndshm_backend - where a client's requests go
 * @scheme: what ndshm_open() is told to have it, or NULL: any path
 * @open: set up ndshm->fd or ndshm->memfd; -errno. Undone by @close.
 * @close: end what the client has
 * @command: one ioctl of <linux/ndshm.h>: 0, or -errno with the header filled
 *	in where there is a reason
 * @map: memory at an mmap_offset, shared, readable and writable
 * @create_section: as @command with NDSHM_SECTION_CREATE; sets the section's kind and
 *	descriptor
 * @read_record: the next request that has ended, within @timeout milliseconds (below 0:
 *	whenever); -EAGAIN: none has. NULL: none is made
 * @list_adapters: *@count rows for free(), and NULL if there are none; if @name
 *	is not NULL, the one that it names, or -ENOENT
 * @list_providers: the same for providers
 * @list_blocks: the same for blocks, which have no name
 * @list_sections: the same for sections
 * @list_queues: the same for queues and ports
 * @set_access: as ndshm_set_adapter_access() or, if @provider, ndshm_set_provider_access(),
 *	with what was checked. NULL: there is no permission to set
 * @quotas: as the lists, for users and what they may have; if @uid is not NULL, that of
 *	the one user, who can be NDSHM_UID_SELF. NULL: there are no quotas
 * @set_quota: as ndshm_set_quota(), with a real uid and what was checked. NULL with
 *	@quotas
 * @monitor: as ndshm_monitor_open(). NULL: there are no events
 *
 * Any number of threads at a time. *out is set on success only.
 */
struct ndshm_backend {
	const char *scheme;
	int (*open)(struct ndshm *ndshm, const char *where);
	void (*close)(struct ndshm *ndshm);
	int (*command)(struct ndshm *ndshm, unsigned long number, void *argument);
	int (*map)(struct ndshm *ndshm, uint64_t offset, uint64_t length, void **out);
	int (*create_section)(struct ndshm *ndshm, struct ndshm_section_create *argument,
			      struct ndshm_section *section);
	int (*read_record)(struct ndshm *ndshm, int timeout, struct ndshm_completion *record);
	int (*list_adapters)(struct ndshm *ndshm, const char *name,
			     struct ndshm_adapter_info **out, size_t *count);
	int (*list_providers)(struct ndshm *ndshm, const char *name,
			      struct ndshm_provider_info **out, size_t *count);
	int (*list_blocks)(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count);
	int (*list_sections)(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count);
	int (*list_queues)(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count);
	int (*set_access)(struct ndshm *ndshm, bool provider, uint32_t id, uint32_t set,
			  const struct ndshm_access *access);
	int (*quotas)(struct ndshm *ndshm, const uint32_t *uid, struct ndshm_quota_row **out,
		      size_t *count);
	int (*set_quota)(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			 const struct ndshm_quota_row *limits);
	int (*monitor)(struct ndshm *ndshm, struct ndshm_monitor **out);
};

extern const struct ndshm_backend ndshm__backend_module;
extern const struct ndshm_backend ndshm__backend_memfd;
extern const struct ndshm_backend ndshm__backend_section;

/* Why the last call of one thread failed. */
struct ndshm_last {
	struct ndshm_last *next;
	uintptr_t thread;	/* 0: nobody's */
	uint32_t reason;
	uint32_t status;
};

/**
 * struct ndshm - a client
 * @backend: never NULL
 * @references: the opener's, until ndshm_close(), and one of each block and section
 * @fd: of the module's device, or -1
 * @memfd: of the memfd backend, or NULL
 * @closed: ndshm_close() was called; only blocks and sections are left
 * @info: as of ndshm_open(): limits and the default adapter
 * @claims: under ndshm__lock()
 * @lasts: under ndshm__lock()
 * @first_last: the opening thread's, so that it needs no memory
 * @link: in the list of last.c, under ndshm__lock()
 */
struct ndshm {
	const struct ndshm_backend *backend;
	atomic_uint references;
	int fd;
	struct ndshm_memfd *memfd;
	atomic_bool closed;
	struct ndshm_get_info info;
	struct ndshm_claim *claims;
	struct ndshm_last *lasts;
	struct ndshm_last first_last;
	struct ndshm *link;
};

/* context.c */
void ndshm__get(struct ndshm *ndshm);
void ndshm__put(struct ndshm *ndshm);
/* Carry out a command, and remember its reason. */
int ndshm__command(struct ndshm *ndshm, unsigned long number, void *argument);
/* Remember the reason of a command that was answered so. Returns what to say of it. */
int ndshm__answer(struct ndshm *ndshm, int error, const void *argument);

/* block.c: an object without a block, or NULL; and one that has got none. */
struct ndshm_block *ndshm__block_make(struct ndshm *ndshm);
void ndshm__block_drop(struct ndshm_block *block);
void ndshm__block_fill(struct ndshm_block *block, const struct ndshm_block_info *info);

/* claim.c: unmap the bars and free the objects of all claims. */
void ndshm__forget_claims(struct ndshm *ndshm);

/* backend_module.c: ioctl(), again if it was interrupted. 0 or -errno. */
int ndshm__ioctl(int fd, unsigned long number, void *argument);

/* backend.c */
const struct ndshm_backend *ndshm__find_backend(const char *where);

/*
 * last.c. One lock for every list of the library: it is held for a few
 * instructions, never around a system call, and is free in a child of fork().
 */
void ndshm__lock(void);
void ndshm__unlock(void);
int ndshm__last_open(struct ndshm *ndshm);
void ndshm__last_close(struct ndshm *ndshm);
void ndshm__set_last(struct ndshm *ndshm, uint32_t reason, uint32_t status);
/*
 * Remember that the call succeeded, or failed without a reason of the module's;
 * -ENOMEM has one all the same. Returns @error.
 */
int ndshm__done(struct ndshm *ndshm, int error);
/* Remember why the library itself refuses. Returns the reason's -errno. */
int ndshm__refuse(struct ndshm *ndshm, uint32_t reason);

/*
 * process.c. A number that this process has and none of its ancestors; never 0, but
 * there must have been an open that answered 0, and not -errno.
 */
int ndshm__process_open(void);
uint32_t ndshm__process(void);

/* reason.c */
uint32_t ndshm__reason_status(uint32_t reason);
int ndshm__reason_errno(uint32_t reason);	/* 0 or negative */

/* netlink.c: as the members of struct ndshm_backend. */
int ndshm__netlink_adapters(struct ndshm *ndshm, const char *name,
			    struct ndshm_adapter_info **out, size_t *count);
int ndshm__netlink_providers(struct ndshm *ndshm, const char *name,
			     struct ndshm_provider_info **out, size_t *count);
int ndshm__netlink_blocks(struct ndshm *ndshm, struct ndshm_block_row **out, size_t *count);
int ndshm__netlink_sections(struct ndshm *ndshm, struct ndshm_section_row **out, size_t *count);
int ndshm__netlink_queues(struct ndshm *ndshm, struct ndshm_queue_row **out, size_t *count);

/* netlink_access.c, netlink_quota.c, monitor.c: likewise. */
int ndshm__netlink_set_access(struct ndshm *ndshm, bool provider, uint32_t id, uint32_t set,
			      const struct ndshm_access *access);
int ndshm__netlink_quotas(struct ndshm *ndshm, const uint32_t *uid, struct ndshm_quota_row **out,
			  size_t *count);
int ndshm__netlink_set_quota(struct ndshm *ndshm, uint32_t uid, uint32_t set, uint32_t reset,
			     const struct ndshm_quota_row *limits);
int ndshm__netlink_monitor(struct ndshm *ndshm, struct ndshm_monitor **out);

#endif /* NDSHM_INTERNAL_H */
