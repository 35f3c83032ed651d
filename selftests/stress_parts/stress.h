/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common to all parts: random numbers, error reports, and the state that must be
 * the same before and after a part.
 */
#ifndef _NDSHM_SELFTEST_STRESS_H
#define _NDSHM_SELFTEST_STRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "kselftest.h"
#include "ndshm_edu.h"
#include "ndshm_nl.h"

#define STRESS_KILLERS	4	/* victims at a time */
#define STRESS_WORKERS	4	/* that use objects about to be removed */
#define STRESS_PLACES	8	/* at least as many as either */
#define STRESS_NODES	8

/*
 * Chance
 */

struct stress_random {
	__u64 state;
};

/* Streams of one seed have nothing to do with each other. */
static inline __u64 stress_mix(__u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static inline __u64 stress_draw(struct stress_random *random)
{
	random->state += 0x9e3779b97f4a7c15ULL;
	return stress_mix(random->state);
}

/* 0 to @count - 1 */
static inline unsigned int stress_below(struct stress_random *random,
					unsigned int count)
{
	return stress_draw(random) % count;
}

static inline bool stress_chance(struct stress_random *random,
				 unsigned int percent)
{
	return stress_below(random, 100) < percent;
}

/* From 1 to about @most, each order of magnitude as likely as another. */
unsigned int stress_spread(struct stress_random *random, unsigned int most);

/* The stream of number @index of something. */
struct stress_random stress_stream(const char *what, unsigned int index);

/*
 * State shared by all processes
 */

/* Operations, of which a process can be in one. */
enum stress_op {
	STRESS_BETWEEN,
	STRESS_INFO,
	STRESS_ALLOC,
	STRESS_ALLOC_MANY,
	STRESS_ALLOC_WRONG,
	STRESS_FREE,
	STRESS_FREE_WRONG,
	STRESS_QUERY,
	STRESS_SYNC,
	STRESS_MAP,
	STRESS_TOUCH,
	STRESS_UNMAP,
	STRESS_SPLIT,
	STRESS_REMAP,
	STRESS_PIN,
	STRESS_UNPIN,
	STRESS_ADVISE,
	STRESS_LOCK,
	STRESS_WATCH,
	STRESS_FORK,
	STRESS_DUMP,
	STRESS_DUP,
	STRESS_REOPEN,
	STRESS_CLAIM,
	STRESS_BAR,
	STRESS_START,
	STRESS_DMA,
	STRESS_OPS,
};

/* The current operation of a process. */
struct stress_place {
	unsigned int op;
};

struct stress_board {
	unsigned int errors;
	unsigned int stop;		/* workers end */
	unsigned int rest;		/* workers wait, without a client */
	unsigned int resting;		/* how many do */
	unsigned int ready;		/* clients that workers have had */
	struct stress_place places[STRESS_PLACES];
	unsigned int killed[STRESS_OPS]; /* in each kind of call */
	unsigned int done[STRESS_OPS];	/* of each kind; of those that are timed */
	__u64 spent[STRESS_OPS]; /* nanoseconds for them */
	unsigned int refused[128];	/* by reason */
	__u32 gone_adapter;		/* this one has gone, and those before */
	__u32 gone_provider;
	unsigned int gone;		/* accesses that met SIGBUS */
	unsigned int pinned;		/* so often, memory was pinned */
	unsigned int advised;		/* advice was taken */
	unsigned int observed;		/* userfaultfd was let in */
	unsigned int stalled;		/* replies were delayed */
};

struct stress {
	__u64 seed;
	unsigned int kills;
	unsigned int deaths;		/* of processes that share a section */
	unsigned int unbinds;
	const char *ko;			/* or NULL, as the next */
	const char *mock;
	unsigned long page;
	__u32 nodes[STRESS_NODES];	/* adapters of memory nodes */
	unsigned int node_count;
	__u32 pages;			/* the provider */
	bool has_edu;
	struct ndshm_edu edu;		/* bound, if there is one */
	struct ndshm_nl nl;
	struct stress_board *board;
};

extern struct stress stress;

/*
 * Something is wrong, whichever process finds out: say so. False, so that it can
 * be returned.
 */
bool __printf(1, 2) stress_error(const char *format, ...);
bool stress_failed(void);

/* A line of progress. */
void __printf(1, 2) stress_say(const char *format, ...);

static inline unsigned int stress_read(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void stress_count(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Nanoseconds since whenever, and seconds since then. */
__u64 stress_now(void);
double stress_seconds(__u64 since);

/* Not a moment in which anything happens by itself. */
void stress_sleep(unsigned int microseconds);

/*
 * Processes
 */

/* Fork a process that calls @run and exits with its result. */
pid_t stress_start(bool (*run)(unsigned int index), unsigned int index);

/* It ended by itself, and well; otherwise that is a complaint. */
bool stress_finish(pid_t pid, const char *number);

/* Kill it and all of its group, and reap them all. */
void stress_kill_group(pid_t pid);

/*
 * baseline.c: the idle state
 */

/* At the beginning. */
bool stress_baseline(void);

/* Return: true if the state is that of stress_baseline() within ten seconds. */
bool stress_is_idle(const char *when);

/* Bytes that are locked for a user, and how many blocks live. */
__u64 stress_locked(uid_t user);
int stress_live(void);

/* No kmemleak record; -1: the kernel has none. */
int stress_leaks(void);

/*
 * module.c: modules come and go
 */

/* The mock module: loaded for a part and unloaded after it. */
bool stress_mock_begin(void);
bool stress_mock_end(void);
int __printf(1, 2) stress_mock(const char *format, ...);

/* Nothing was freed twice, used after it, or is left over (unless @live). */
bool stress_mock_sound(bool live);

/*
 * Parts: true if all went as it must. Whether it ended as it began is looked at
 * by the caller.
 */

bool stress_kills(void);
bool stress_unbind_edu(void);
bool stress_unbind_mock(void);
bool stress_providers(void);
bool stress_reload(void);
bool stress_one_handle(void);
bool stress_signals(void);
bool stress_memlock(void);
bool stress_pressure(void);
bool stress_descriptors(void);
bool stress_owners(void);
bool stress_sections(void);

#endif /* _NDSHM_SELFTEST_STRESS_H */
