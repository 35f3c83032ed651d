/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common to all parts: random numbers, error reports, and the state that must be
 * the same before and after a part.
 */
#ifndef _NDSHM_SELFTEST_STORM_H
#define _NDSHM_SELFTEST_STORM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "kselftest.h"
#include "ndshm_edu.h"
#include "ndshm_nl.h"

#define STORM_KILLERS	4	/* victims at a time */
#define STORM_WORKERS	4	/* that use objects about to be removed */
#define STORM_PLACES	8	/* at least as many as either */
#define STORM_NODES	8

/*
 * Chance
 */

struct storm_random {
	__u64 state;
};

/* Streams of one seed have nothing to do with each other. */
static inline __u64 storm_mix(__u64 value)
{
	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ULL;
	value = (value ^ value >> 27) * 0x94d049bb133111ebULL;
	return value ^ value >> 31;
}

static inline __u64 storm_draw(struct storm_random *random)
{
	random->state += 0x9e3779b97f4a7c15ULL;
	return storm_mix(random->state);
}

/* 0 to @count - 1 */
static inline unsigned int storm_below(struct storm_random *random,
				       unsigned int count)
{
	return storm_draw(random) % count;
}

static inline bool storm_chance(struct storm_random *random,
				unsigned int percent)
{
	return storm_below(random, 100) < percent;
}

/* From 1 to about @most, each order of magnitude as likely as another. */
unsigned int storm_spread(struct storm_random *random, unsigned int most);

/* The stream of number @index of something. */
struct storm_random storm_stream(const char *what, unsigned int index);

/*
 * State shared by all processes
 */

/* Operations, of which a process can be in one. */
enum storm_op {
	STORM_BETWEEN,
	STORM_INFO,
	STORM_ALLOC,
	STORM_ALLOC_MANY,
	STORM_ALLOC_WRONG,
	STORM_FREE,
	STORM_FREE_WRONG,
	STORM_QUERY,
	STORM_SYNC,
	STORM_MAP,
	STORM_TOUCH,
	STORM_UNMAP,
	STORM_SPLIT,
	STORM_REMAP,
	STORM_PIN,
	STORM_UNPIN,
	STORM_ADVISE,
	STORM_LOCK,
	STORM_WATCH,
	STORM_ASK,
	STORM_CANCEL,
	STORM_READ,
	STORM_FORK,
	STORM_DUMP,
	STORM_DUP,
	STORM_REOPEN,
	STORM_CLAIM,
	STORM_BAR,
	STORM_START,
	STORM_DMA,
	STORM_OPS,
};

/* The current operation of a process. */
struct storm_place {
	unsigned int op;
};

struct storm_board {
	unsigned int complaints;
	unsigned int stop;		/* workers end */
	unsigned int rest;		/* workers wait, without a client */
	unsigned int resting;		/* how many do */
	unsigned int ready;		/* clients that workers have had */
	struct storm_place places[STORM_PLACES];
	unsigned int killed[STORM_OPS];	/* in each kind of call */
	unsigned int done[STORM_OPS];	/* of each kind; of those that are timed */
	__u64 spent[STORM_OPS];	/* nanoseconds for them */
	unsigned int refused[128];	/* by reason */
	__u32 gone_adapter;		/* this one has gone, and those before */
	__u32 gone_provider;
	unsigned int gone;		/* accesses that met SIGBUS */
	unsigned int pinned;		/* so often, memory was pinned */
	unsigned int advised;		/* advice was taken */
	unsigned int watched;		/* userfaultfd was let in */
	unsigned int stalled;		/* replies were delayed */
	__u64 stood;			/* nanoseconds that the machine stood still */
};

struct storm {
	__u64 seed;
	unsigned int kills;
	unsigned int deaths;		/* of processes that share a section */
	unsigned int unbinds;
	unsigned int requests;		/* of all clients */
	const char *ko;			/* or NULL, as the next */
	const char *mock;
	unsigned long page;
	__u32 nodes[STORM_NODES];	/* adapters of memory nodes */
	unsigned int node_count;
	__u32 pages;			/* the provider */
	bool has_edu;
	struct ndshm_edu edu;		/* bound, if there is one */
	struct ndshm_nl nl;
	struct storm_board *board;
};

extern struct storm storm;

/*
 * Something is wrong, whichever process finds out: say so. False, so that it can
 * be returned.
 */
bool __printf(1, 2) storm_complain(const char *format, ...);
bool storm_complained(void);

/* A line of progress. */
void __printf(1, 2) storm_say(const char *format, ...);

static inline unsigned int storm_read(const unsigned int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline void storm_count(unsigned int *counter)
{
	__atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Nanoseconds since whenever, and seconds since then. */
__u64 storm_now(void);
double storm_seconds(__u64 since);

/*
 * Nanoseconds since @since in which the machine ran: an emulated one stands still when its
 * host is busy, which is seen between storm_watch_clock() and storm_leave_clock().
 */
__u64 storm_ran(__u64 since, __u64 stood);
__u64 storm_stood(void);
void storm_watch_clock(void);
void storm_leave_clock(void);

/* Not a moment in which anything happens by itself. */
void storm_sleep(unsigned int microseconds);

/*
 * Processes
 */

/* Fork a process that calls @run and exits with its result. */
pid_t storm_start(bool (*run)(unsigned int index), unsigned int index);

/* It ended by itself, and well; otherwise that is a complaint. */
bool storm_finish(pid_t pid, const char *who);

/* Kill it and all of its group, and reap them all. */
void storm_kill_group(pid_t pid);

/*
 * baseline.c: the idle state
 */

/* At the beginning. */
bool storm_baseline(void);

/* Return: true if the state is that of storm_baseline() within ten seconds. */
bool storm_settled(const char *when);

/* Bytes that are locked for a user, and how many blocks live. */
__u64 storm_locked(uid_t user);
int storm_live(void);

/* No kmemleak record; -1: the kernel has none. */
int storm_leaks(void);

/*
 * module.c: modules come and go
 */

/* The mock module: loaded for a part and unloaded after it. */
bool storm_mock_begin(void);
bool storm_mock_end(void);
int __printf(1, 2) storm_mock(const char *format, ...);

/* Nothing was freed twice, used after it, or is left over (unless @live). */
bool storm_mock_sound(bool live);

/*
 * Parts: true if all went as it must. Whether it ended as it began is looked at
 * by the caller.
 */

bool storm_kills(void);
bool storm_unbind_edu(void);
bool storm_unbind_mock(void);
bool storm_providers(void);
bool storm_reload(void);
bool storm_one_handle(void);
bool storm_signals(void);
bool storm_memlock(void);
bool storm_pressure(void);
bool storm_descriptors(void);
bool storm_owners(void);
bool storm_sections(void);
bool storm_async(void);

#endif /* _NDSHM_SELFTEST_STORM_H */
