/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holders: who has extents of a section.
 */
#ifndef _NDSHM_CORE_HOLDER_H
#define _NDSHM_CORE_HOLDER_H

#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/uidgid.h>

#include <ndshm/status.h>

struct ndshm_run;
struct ndshm_section;
struct ndshm_segment;

/**
 * struct ndshm_holder - one attachment to a section
 * @section: one of its users is the holder
 * @flags: NDSHM_ATTACH_*
 * @readonly: may have no extents
 * @rawio: who attached had CAP_SYS_RAWIO
 * @uid: user that it counts for
 * @extents: by place; guarded by the section's lock
 * @count: how many; guarded likewise
 */
struct ndshm_holder {
	struct ndshm_section *section;
	u32 flags;
	bool readonly;
	bool rawio;
	kuid_t uid;
	struct rb_root extents;
	u32 count;
};

/* All may sleep. */
ndshm_reason_t ndshm_holder_open(struct ndshm_section *section, u32 flags,
				 bool readonly, struct ndshm_holder **out);
void ndshm_holder_close(struct ndshm_holder *holder);

/* A run that was taken from the section is the holder's from now on. */
void ndshm_holder_add(struct ndshm_holder *holder, struct ndshm_run *run);

/* The extent that begins at page @start is free; EXTENT_UNKNOWN. */
ndshm_reason_t ndshm_holder_free(struct ndshm_holder *holder, u32 start);

/*
 * The length of the extent that begins at page @start, in pages, and its segments:
 * at most @capacity of them are written, @total is how many there are.
 */
ndshm_reason_t ndshm_holder_query(struct ndshm_holder *holder, u32 start,
				  struct ndshm_segment *segments, u32 capacity,
				  u32 *length, u32 *total);

#endif /* _NDSHM_CORE_HOLDER_H */
