/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fail the first internal allocation or copy of a call, then the second, and so
 * on, until the call succeeds with injection still armed. A scenario is a call
 * with what it needs; its ioctls are those of commands.h.
 */
#ifndef _NDSHM_FAIL_NTH_H
#define _NDSHM_FAIL_NTH_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "commands.h"
#include "kselftest.h"
#include "ndshm_nl.h"

#define FAIL_NTH_ERRORS		4
#define FAIL_NTH_BLOCKS		4
#define FAIL_NTH_SEGMENTS	16

/* Number of a point that is never reached. */
#define FAIL_NTH_FAR	1000000U

/* Properties of scenarios. */
enum {
	/* The call allocates memory for DMA. */
	FAIL_NTH_DMA = 1 << 0,
	/*
	 * A failure may leave the block or BAR with the file of its future mappings, which pins
	 * the module until the end of the step.
	 */
	FAIL_NTH_FILE = 1 << 1,
	/* So many points that each is tested once, and is not repeated after its failure. */
	FAIL_NTH_SLOW = 1 << 2,
	/* So many points that each is tested once. */
	FAIL_NTH_LONG = 1 << 3,
	/* A failed ioctl may have written a part of its reply. */
	FAIL_NTH_PARTIAL = 1 << 4,
};

/* Objects that a scenario needs: a client, its block and the block's mapping, or its section. */
enum fail_nth_needs {
	NEEDS_NOTHING,
	NEEDS_CLIENT,
	NEEDS_BLOCK,	/* of three pages */
	NEEDS_MAP,
	NEEDS_SECTION,	/* of 32 MiB */
	NEEDS_HOLDER,
	NEEDS_EXTENT,	/* of one page */
};

/**
 * struct fail_nth_scenario - A call to be tested, with its setup and checks
 * @name: in the output
 * @points: the fewest points on the kernels that the project builds. A number below it means
 *	that the sweep no longer reaches what it reached before.
 * @errors: permitted errors after an injected failure, terminated by 0
 * @flags: properties
 * @needs: objects that exist before @setup
 * @initial: initial size of the section
 * @ioctl: number of the command that is the call; its request is built before @setup
 * @text: text for @call
 * @before: texts for the group's must(), separated by semicolons, before @setup
 * @after: such a text, to undo a successful call
 * @foreign: returns the number of points before any of our code; NULL: none
 * @setup: prepare the call; returns false after reporting a failure
 * @call: the call alone, during which injection is armed; returns 0 or -errno
 * @check: check the outputs, and make the call repeatable
 * @undo: undo a successful call
 * @clean: undo @setup; the objects of fail_nth_of are closed afterwards
 */
struct fail_nth_scenario {
	const char *name;
	unsigned int points;
	int errors[FAIL_NTH_ERRORS];
	unsigned int flags;
	enum fail_nth_needs needs;
	__u64 initial;
	unsigned long ioctl;
	const char *text;
	const char *before;
	const char *after;
	unsigned int (*foreign)(void);
	bool (*setup)(void);
	int (*call)(void);
	void (*check)(int error);
	void (*undo)(void);
	void (*clean)(void);
};

/**
 * struct fail_nth_group - Scenarios with a common setup
 * @name: selects the group on the command line
 * @scenarios: in the order of execution
 * @count: number of scenarios
 * @without_module: @begin unloads the module and @end loads it again
 * @begin: returns NULL, or why the group cannot run
 * @end: undoes @begin
 * @must: acts on a text of a scenario; returns 0 or -errno
 * @clean: undoes what is left of any scenario, before the objects are closed
 * @state: prints the state that no failure may change, besides the state that
 *	is always checked
 */
struct fail_nth_group {
	const char *name;
	const struct fail_nth_scenario *scenarios;
	size_t count;
	bool without_module;
	const char *(*begin)(void);
	void (*end)(void);
	int (*must)(const char *text);
	void (*clean)(void);
	void (*state)(char *text, size_t size);
};

extern const struct fail_nth_group fail_nth_client, fail_nth_mapping, fail_nth_section;
extern const struct fail_nth_group fail_nth_netlink, fail_nth_pci, fail_nth_module;
extern const struct fail_nth_group fail_nth_kernel, fail_nth_queue, fail_nth_request;
extern const struct fail_nth_group fail_nth_ndis;

/* Report a mismatch together with the current scenario and point. */
void __printf(1, 2) fail_nth_wrong(const char *format, ...);

#define fail_nth_expect(condition) ({ \
	const bool holds_ = (condition); \
	if (!holds_) \
		fail_nth_wrong("%s:%d: not so: %s", __FILE__, __LINE__, \
			       #condition); \
	holds_; \
})

/* The scenario that runs, and its group's must(), which reports a failure. */
extern const struct fail_nth_scenario *fail_nth_scenario;
bool fail_nth_must(const char *text);

/* The netlink family; open while a group runs that has the module loaded. */
extern struct ndshm_nl fail_nth_nl;

/*
 * A client that stays open, or -1. Opening the first client and closing the
 * last one do more than others. fail_nth_keep() returns false if the client
 * cannot be opened.
 */
bool fail_nth_keep(bool keep);

/*
 * What a scenario has, and closes at its end: descriptors are -1, and @map is MAP_FAILED, if they
 * are not there. @objects are what the requests of commands.h name, @request is the request and
 * the reply. @blocks and @segments are for replies.
 */
struct fail_nth_objects {
	struct command_objects objects;
	unsigned char *map;
	size_t length;
	union {
		struct ndshm_header header;
		struct ndshm_get_info_args info;
		struct ndshm_adapter_claim_args claim;
		struct ndshm_adapter_map_bar_args bar;
		struct ndshm_adapter_set_irqs_args irqs;
		struct ndshm_adapter_config_args config;
		struct ndshm_block_alloc_args alloc;
		struct ndshm_block_free_args free;
		struct ndshm_block_query_args query;
		struct ndshm_section_create_args create;
		struct ndshm_section_open_args open;
		struct ndshm_section_share_args share;
		struct ndshm_section_delete_args delete;
		struct ndshm_section_query_args section;
		struct ndshm_section_sync_args sync;
		struct ndshm_section_export_args export;
		struct ndshm_extent_alloc_args extent;
		struct ndshm_extent_query_args extent_query;
		unsigned char bytes[128];
	} request;
	struct ndshm_block_info blocks[FAIL_NTH_BLOCKS];
	struct ndshm_segment segments[FAIL_NTH_SEGMENTS];
};

extern struct fail_nth_objects fail_nth_of;

/* Make the objects of a scenario, and its request. Return: false after reporting a failure. */
bool fail_nth_make(const struct fail_nth_scenario *scenario);
bool fail_nth_make_block(__u32 adapter, const char *provider, __u64 length);
bool fail_nth_make_holder(void);
void fail_nth_close(enum command_object object);
void fail_nth_close_all(void);

/* Build the request of a command; issue it; check its reply; undo it. */
bool fail_nth_build(unsigned long number);
int fail_nth_ioctl(unsigned long number, void *argument);
int fail_nth_call(void);
void fail_nth_check_reply(int error);
void fail_nth_undo(void);

/* Name the provider of BLOCK_ALLOC; check the reply's blocks; free them. */
bool fail_nth_name_provider(const char *name);
void fail_nth_check_alloc(int error);
void fail_nth_free_all(void);

/* Print what the client and the section hold, as a part of a group's state. */
void fail_nth_state(char *text, size_t size);

/*
 * Map the block, at @place or anywhere. fail_nth_far() is a free place far from other mappings,
 * where a fault allocates page tables. fail_nth_touch() reads the first byte: a page fault does
 * not fail without memory, and is retried.
 */
int fail_nth_map_at(void *place, int fd, size_t length, __u64 offset);
int fail_nth_map(void);
void *fail_nth_far(void);
int fail_nth_touch(void);
void fail_nth_unmap(void);

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
