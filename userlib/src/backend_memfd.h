/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a client of the memfd backend has, and what its blocks and sections are made of.
 */
#ifndef NDSHM_BACKEND_MEMFD_H
#define NDSHM_BACKEND_MEMFD_H

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "internal.h"

#define MEMFD_ADAPTER_ID	1
#define MEMFD_PROVIDER_ID	1

/* The module's. */
#define MEMFD_MAX_SECTION	(64ULL << 30)

struct block;

/**
 * struct ndshm_memfd - a client of this backend, under ndshm__lock()
 * @blocks: that live
 * @last_handle: given out
 * @count: of @blocks, and of those that are being made
 * @bytes: consumed by them
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
bool ndshm__memfd_node_exists(int32_t node);
/* An empty one, to be sealed; or -errno. */
int ndshm__memfd_create(const char *name);
/* Memory that is there, and not only promised. 0 or -errno. */
int ndshm__memfd_allocate(int fd, uint64_t offset, uint64_t length);

/* As the module checks a range of @total bytes. A reason. */
uint32_t ndshm__memfd_check_sync(uint32_t direction, uint64_t offset, uint64_t length,
				 uint64_t total);

/* memfd_section.c: as the members of struct ndshm_backend. */
int ndshm__memfd_create_section(struct ndshm *ndshm, struct ndshm_section_create *argument,
				struct ndshm_section *section);
int ndshm__memfd_list_sections(struct ndshm *ndshm, struct ndshm_section_row **out,
			       size_t *count);

#endif /* NDSHM_BACKEND_MEMFD_H */
