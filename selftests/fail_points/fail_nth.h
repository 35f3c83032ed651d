/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fail the first internal allocation or copy of a call, then the second, and so
 * on, until the call succeeds with injection still armed.
 */
#ifndef _NDSHM_FAIL_NTH_H
#define _NDSHM_FAIL_NTH_H

#include <stdbool.h>
#include <stddef.h>

#include "kselftest.h"
#include "ndshm_nl.h"

#define FAIL_NTH_ERRORS	4

/* Number of a point that is never reached. */
#define FAIL_NTH_FAR	1000000U

/**
 * struct fail_nth_command - A call to be tested, with its setup and checks
 * @name: in the output and in the table
 * @errors: permitted errors after an injected failure, terminated by 0
 * @limit: upper bound of the number of points, which are tested once; 0: a few
 *	hundred points, tested twice
 * @slack: tolerated difference of the number of points. For calls so long that
 *	some cache runs empty in them, or that use a table of the kernel
 *	which others may have enlarged before.
 * @foreign: returns the number of points before any of our code; NULL: none
 * @dma: the call allocates memory for DMA
 * @keeps_file: a failure may leave the block or BAR with the file of its future
 *	mappings, which pins the module until @clean
 * @slow: do not repeat the call after a failure; the next step does
 * @setup: prepare the call; returns false after reporting a failure
 * @call: the call alone, during which injection is armed; returns 0 or -errno
 * @check: check the outputs and make the call repeatable; may be NULL
 * @undo: undo a successful call; may be NULL
 * @clean: undo @setup; may be NULL
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
 * struct fail_nth_group - Commands with a common setup
 * @name: selects the group on the command line
 * @commands: in the order of execution
 * @count: number of commands
 * @without_module: @begin unloads the module and @end loads it again
 * @begin: returns NULL, or why the group cannot run
 * @end: undoes @begin
 * @state: prints the state that no failure may change, besides the state that
 *	is always checked; may be NULL
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
extern const struct fail_nth_group fail_nth_queue;
extern const struct fail_nth_group fail_nth_request, fail_nth_ndis;

/* Report a mismatch together with the current command and point. */
void __printf(1, 2) fail_nth_wrong(const char *format, ...);

#define fail_nth_expect(condition) ({ \
	const bool holds_ = (condition); \
	if (!holds_) \
		fail_nth_wrong("%s:%d: not so: %s", __FILE__, __LINE__, \
			       #condition); \
	holds_; \
})

/* The netlink family; open while a group runs that has the module loaded. */
extern struct ndshm_nl fail_nth_nl;

/*
 * A client that stays open, or -1. Opening the first client and closing the
 * last one do more than others. fail_nth_keep() returns false if the client
 * cannot be opened.
 */
extern int fail_nth_keeper;
bool fail_nth_keep(bool keep);

/*
 * fail_nth_inject() sets up injection until the process ends and returns NULL,
 * or the missing kernel feature. fail_nth_arm() makes point @nth of this
 * thread's next call fail. fail_nth_disarm() returns the number of points that
 * were left, or 0 if the point was reached.
 */
const char *fail_nth_inject(void);
void fail_nth_arm(unsigned int nth, bool dma);
unsigned int fail_nth_disarm(void);

#endif /* _NDSHM_FAIL_NTH_H */
