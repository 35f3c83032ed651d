/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fails the first internal allocation or copy of a call, then the second, and so
 * on, until the call goes through with injection still armed.
 */
#ifndef _NDSHM_FAIL_NTH_H
#define _NDSHM_FAIL_NTH_H

#include <stdbool.h>
#include <stddef.h>

#include "kselftest.h"
#include "ndshm_nl.h"

#define FAIL_NTH_ERRORS	4

/* A point that nothing reaches. */
#define FAIL_NTH_FAR	1000000U

/**
 * struct fail_nth_command - a call, and what stands around it
 * @name: in the output, and in the table
 * @errors: what it may fail with when something in it did; 0s at the end
 * @limit: more points than it can have, which are swept once; or 0: for a few
 *	hundred, twice
 * @slack: so many points more or fewer are no news: the call is so long that
 *	some cache or other runs empty in it, or it finds room in a table of the
 *	kernel's that others have made larger before
 * @foreign: how many points come before any of our code. May be NULL: none.
 * @dma: it allocates memory for DMA
 * @keeps_file: a failure may leave the block or BAR the file that its mappings are
 *	going to have, which pins the module, until @clean
 * @slow: after a failure it is not tried again by itself: the next step does
 * @setup: what the call needs; false: it said what is wrong
 * @call: the call alone: nothing else happens with injection armed. 0 or -errno.
 * @check: of what it wrote, and left as it was; also makes it ready to be tried
 *	again. May be NULL.
 * @undo: of a call that succeeded. May be NULL.
 * @clean: of @setup. May be NULL.
 */
struct fail_nth_command {
	const char *name;
	int errors[FAIL_NTH_ERRORS];
	unsigned int limit;
	bool dma;
	bool keeps_file;
	bool slow;
	unsigned int slack;
	unsigned int (*foreign)(void);
	bool (*setup)(void);
	int (*call)(void);
	void (*check)(int error);
	void (*undo)(void);
	void (*clean)(void);
};

/**
 * struct fail_nth_group - commands with something in common
 * @name: chooses the group on the command line
 * @commands: in this order
 * @count: of them
 * @without_module: @begin unloads it, and @end loads it again
 * @begin: NULL, or why the group cannot run
 * @end: of @begin
 * @state: what no failure may change, beyond what is always looked at. May be
 *	NULL.
 */
struct fail_nth_group {
	const char *name;
	const struct fail_nth_command *commands;
	size_t count;
	bool without_module;
	const char *(*begin)(void);
	void (*end)(void);
	void (*state)(char *text, size_t size);
};

extern const struct fail_nth_group fail_nth_client, fail_nth_mapping;
extern const struct fail_nth_group fail_nth_section;
extern const struct fail_nth_group fail_nth_netlink, fail_nth_pci;
extern const struct fail_nth_group fail_nth_kernel, fail_nth_module;
extern const struct fail_nth_group fail_nth_queue, fail_nth_events;
extern const struct fail_nth_group fail_nth_later, fail_nth_ndis;

/* Something is not as it has to be; told with the command and the point. */
void __printf(1, 2) fail_nth_wrong(const char *format, ...);

#define fail_nth_expect(condition) ({ \
	const bool holds_ = (condition); \
	if (!holds_) \
		fail_nth_wrong("%s:%d: not so: %s", __FILE__, __LINE__, \
			       #condition); \
	holds_; \
})

/* The family, open as long as a group runs that has the module. */
extern struct ndshm_nl fail_nth_nl;

/*
 * A client that is there all along, or -1: the first one, and the end of the last
 * one, do more than others. False: it cannot be opened.
 */
extern int fail_nth_keeper;
bool fail_nth_keep(bool keep);

/*
 * Set up injection, until the process ends: NULL, or what the kernel has not.
 * Then have point @nth of what this thread does fail, and see how many points
 * are left; 0: it has failed.
 */
const char *fail_nth_inject(void);
void fail_nth_arm(unsigned int nth, bool dma);
unsigned int fail_nth_disarm(void);

#endif /* _NDSHM_FAIL_NTH_H */
