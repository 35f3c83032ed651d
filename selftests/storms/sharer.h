/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes of two threads that share a section, and what all of them see of it.
 */
#ifndef _NDSHM_SELFTEST_STORM_SHARER_H
#define _NDSHM_SELFTEST_STORM_SHARER_H

#include <linux/ndshm.h>

#include "memory.h"
#include "storm.h"

#define SHARER_PROCESSES	3
#define SHARER_HELD		12	/* extents of a thread */
#define SHARER_OPS		20	/* at least as many as there are */

/* What becomes of the section while it is used. */
enum sharer_fate {
	SHARER_STAYS,
	SHARER_TRIMMED,		/* much comes and goes */
	SHARER_KEPT,		/* the extents of who is killed */
	SHARER_DELETED,
	SHARER_FORCED,
	SHARER_UNBOUND,
	SHARER_FATES,
};

/**
 * struct sharer_hall - what all processes of a round see
 * @fate: of the section
 * @section: its descriptor, which all inherit
 * @max: its MaxSize
 * @stop: processes end
 * @ending: it may have been deleted, or revoked
 * @ended: it has been
 * @attached: holders there have been
 * @handed: extents
 * @grown: so often, much was asked for
 * @full: so often, there was no place
 * @told: so often, somebody was told of the end
 * @places: what the processes are doing
 * @killed: in each kind of call
 * @done: of each kind
 * @spent: nanoseconds for them
 */
struct sharer_hall {
	enum sharer_fate fate;
	int section;
	__u64 max;
	unsigned int stop;
	unsigned int ending;
	unsigned int ended;
	unsigned int attached;
	unsigned int handed;
	unsigned int grown;
	unsigned int full;
	unsigned int told;
	struct storm_place places[SHARER_PROCESSES];
	unsigned int killed[SHARER_OPS];
	unsigned int done[SHARER_OPS];
	__u64 spent[SHARER_OPS];
};

extern struct sharer_hall *hall;

/* Of a thread; what it was handed nobody else touches, and has @tag. */
struct sharer_extent {
	__u64 offset;
	__u64 length;
	__u64 tag;
};

struct sharer {
	struct storm_random random;
	struct storm_place *place;
	int holder;
	unsigned char *map;
	struct sharer_extent extents[SHARER_HELD];
	unsigned int count;
	struct storm_memory memory;
};

/*
 * An ioctl: its reason, or STORM_BROKEN if that is neither in @allowed nor news of an
 * end that may have been.
 */
__u32 sharer_ioctl(int fd, unsigned long command, void *argument, size_t size,
		   __u64 allowed);
#define sharer_call(fd, command, argument, allowed) \
	sharer_ioctl(fd, command, argument, sizeof(*(argument)), allowed)

/* A holder's descriptor, or -1. */
int sharer_attach(int section, __u32 flags);
unsigned char *sharer_show(void);
bool sharer_look(struct ndshm_section_query *query);

/* An extent, zero, and marked; and back, if it is what it was. */
bool sharer_take(struct sharer *sharer, __u64 length);
bool sharer_give(struct sharer *sharer, struct sharer_extent *extent);

/*
 * What process @number does, until it is told to stop. @steps: it does so many
 * things, and is killed in the next; 0: in none.
 */
bool sharer_live(struct storm_random random, unsigned int number,
		 unsigned int steps);

/* In what they were killed, and what they did. */
void sharer_tell(void);

#endif /* _NDSHM_SELFTEST_STORM_SHARER_H */
