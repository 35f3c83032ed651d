/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes of two threads that share a section, and their shared state.
 */
#ifndef _NDSHM_SELFTEST_STRESS_SHARER_H
#define _NDSHM_SELFTEST_STRESS_SHARER_H

#include <linux/ndshm.h>

#include "memory.h"
#include "stress.h"

#define SHARER_PROCESSES	3
#define SHARER_HELD		12	/* extents of a thread */
#define SHARER_OPS		20	/* at least as many as there are */

/* The fate of the section while it is in use. */
enum sharer_fate {
	SHARER_STAYS,
	SHARER_TRIMMED,		/* much comes and goes */
	SHARER_DELETED,
	SHARER_FORCED,
	SHARER_UNBOUND,
	SHARER_FATES,
};

/**
 * struct sharer_hall - shared state of the processes of a round
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
 * @reported: calls that returned the reason of the end
 * @places: the current operations of the processes
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
	unsigned int reported;
	struct stress_place places[SHARER_PROCESSES];
	unsigned int killed[SHARER_OPS];
	unsigned int done[SHARER_OPS];
	__u64 spent[SHARER_OPS];
};

extern struct sharer_hall *hall;

/* An extent of a thread; only that thread accesses it and marks it with @tag. */
struct sharer_extent {
	__u64 offset;
	__u64 length;
	__u64 tag;
};

struct sharer {
	struct stress_random random;
	struct stress_place *place;
	int holder;
	unsigned char *map;
	struct sharer_extent extents[SHARER_HELD];
	unsigned int count;
	struct stress_memory memory;
};

/*
 * An ioctl: its reason, or STRESS_BROKEN if that is neither in @allowed nor news of an
 * end that may have been.
 */
__u32 sharer_ioctl(int fd, unsigned long command, void *argument, size_t size,
		   __u64 allowed);
#define sharer_call(fd, command, argument, allowed) \
	sharer_ioctl(fd, command, argument, sizeof(*(argument)), allowed)

/* A holder's descriptor, or -1. */
int sharer_attach(int section);
unsigned char *sharer_show(void);
bool sharer_look(struct ndshm_section_query_args *query);

/* Allocate an extent, check for zero and mark it; check the marks and free it. */
bool sharer_take(struct sharer *sharer, __u64 length);
bool sharer_give(struct sharer *sharer, struct sharer_extent *extent);

/*
 * Run process @number until hall->stop. @steps: it executes so many operations and is
 * killed in the next; 0: it is not.
 */
bool sharer_live(struct stress_random random, unsigned int number,
		 unsigned int steps);

/* Print counts of operations, and of kills in each. */
void sharer_report(void);

#endif /* _NDSHM_SELFTEST_STRESS_SHARER_H */
