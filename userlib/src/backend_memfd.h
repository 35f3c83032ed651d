/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Data of a client of the memfd backend, and helpers for its blocks and sections. Functions that
 * execute or check a request return a reason, NDSHM_REASON_*.
 */
#ifndef NDSHM_BACKEND_MEMFD_H
#define NDSHM_BACKEND_MEMFD_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "internal.h"

#define MEMFD_ADAPTER_ID	1
#define MEMFD_PROVIDER_ID	1

/* Limit of the module. */
#define MEMFD_MAX_SECTION	(64ULL << 30)

/*
 * Bytes that one fallocate() allocates: a signal undoes all of it, so that a long one would never
 * end in a program with a frequent timer.
 */
#define MEMFD_CHUNK_BYTES	(2ULL << 20)

struct block;

/**
 * struct ndshm_memfd - a client of this backend; protected by ndshm__lock()
 * @blocks: live blocks
 * @last_handle: last handle allocated
 * @count: number of @blocks, and of blocks being allocated
 * @bytes: bytes consumed by @blocks
 */
struct ndshm_memfd {
	struct block *blocks;
	uint32_t last_handle;
	uint32_t count;
	uint64_t bytes;
};

static inline uint64_t page_size(void)
{
	return sysconf(_SC_PAGESIZE);
}

/* backend_memfd.c */
/* Set the reason and the status of a request. Returns their -errno. */
int ndshm__memfd_reply(void *argument, uint32_t reason);
/* Return an id for a block or a section that is unique in this process, and not 0. */
uint32_t ndshm__memfd_new_id(void);
/* Check members of a request for a block or a section. */
uint32_t ndshm__memfd_check_length(uint64_t length, uint64_t limit);
uint32_t ndshm__memfd_check_place(int32_t node, uint32_t adapter, uint32_t provider);
/* Check a range of an object of @total bytes. */
uint32_t ndshm__memfd_check_sync(uint32_t direction, uint64_t offset, uint64_t length,
				 uint64_t total);
/* Create an empty memfd that can be sealed. Returns -errno on failure. */
int ndshm__memfd_create(const char *name);
/*
 * Allocate the memory of a range now, not on first access, of 0 bytes as well; free the memory of a
 * range. Return 0, or -ENOMEM, when a part may be allocated. Neither is a cancellation point.
 */
int ndshm__memfd_allocate(int fd, uint64_t offset, uint64_t length);
int ndshm__memfd_free(int fd, uint64_t offset, uint64_t length);

/* memfd_section.c: as @create_section of struct ndshm_backend, and @list for sections. */
int ndshm__memfd_create_section(struct ndshm *ndshm, struct ndshm_section_create_args *argument,
				struct ndshm_section *section);
int ndshm__memfd_list_sections(void **out, size_t *count);

#endif /* NDSHM_BACKEND_MEMFD_H */
