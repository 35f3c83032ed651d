// SPDX-License-Identifier: GPL-2.0
/*
 * Operations of the processes that share a section, and checks of their results.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ndshm_reasons.h"
#include "client.h"
#include "sharer.h"
#include "stall.h"

#define HUGE		(2UL << 20)
#define POISON		0xcccccccc
#define STALLED		30	/* percent of the commands, where replies are delayed */

/* Sets have reasons below 64: this stands for EXTENT_UNKNOWN. */
#define MAY_BE_UNKNOWN	STRESS_MAY(HANDLE_UNKNOWN)
#define MAY_BE_FULL	STRESS_MAY(SECTION_FULL)

enum op {
	BETWEEN,
	ATTACH,
	ALLOC,
	GROW,
	FREE,
	FREE_WRONG,
	TOUCH,
	ELSEWHERE,
	QUERY,
	LOOK,
	SYNC,
	MAP,
	SHARE,
	LEAVE,
	FORK,
	PIN,
	ADVISE,
	LOCK,
	WATCH,
	OPS,
};

static_assert(OPS <= SHARER_OPS, "there is room for all kinds");

static const char *const names[OPS] = {
	"between calls", "attach", "alloc", "grow", "free", "free wrong",
	"touch", "elsewhere", "query", "look", "sync", "map", "share", "leave",
	"fork", "pin", "madvise", "mlock", "userfaultfd",
};

struct sharer_hall *hall;

/* Replies to this thread are delayed now and then; or NULL. */
static __thread struct stress_stall *stall;

/*
 * Commands
 */

static bool may_be_gone(void)
{
	return hall->fate == SHARER_UNBOUND && stress_read(&hall->ending);
}

/* Where a reason is news of the section's end, it must have been about to end. */
static bool is_end(__u32 reason)
{
	const bool ending = stress_read(&hall->ending);

	if (reason == NDSHM_REASON_SECTION_DELETED)
		return ending && hall->fate != SHARER_UNBOUND;
	return ndshm_expected[reason].error == ENODEV && may_be_gone();
}

/* Its reason, or STRESS_BROKEN if that is not in @allowed, and no end. */
__u32 sharer_ioctl(int fd, unsigned long command, void *argument, size_t size,
		   __u64 allowed)
{
	struct ndshm_header *header = argument;
	int error;
	__u32 reason;

	header->size = size;
	header->status = POISON;
	header->reason = POISON;
	if (stall && stress_chance(&stall->random, STALLED))
		error = stress_stall_ioctl(stall, fd, command, argument, size);
	else
		error = ioctl(fd, command, argument);
	error = error ? errno : 0;
	reason = header->reason;
	if (reason >= NDSHM_REASON_COUNT_KNOWN ||
	    ndshm_expected[reason].error != error ||
	    ndshm_expected[reason].status != header->status) {
		stress_error("command %#lx: errno %d, reason %u, status %#x",
			     command, error, reason, header->status);
		return STRESS_BROKEN;
	}
	if (!reason || (reason < 64 && allowed >> reason & 1))
		return reason;
	if (is_end(reason)) {
		stress_count(&hall->reported);
		return reason;
	}
	if (reason == NDSHM_REASON_EXTENT_UNKNOWN && allowed & MAY_BE_UNKNOWN)
		return reason;
	stress_error("command %#lx must not answer %s", command,
		     ndshm_expected[reason].name);
	return STRESS_BROKEN;
}

bool sharer_look(struct ndshm_section_query_args *query)
{
	*query = (struct ndshm_section_query_args){};
	return !sharer_call(hall->section, NDSHM_SECTION_QUERY, query, 0);
}

int sharer_attach(int section)
{
	struct ndshm_section_attach_args request = {};

	return sharer_call(section, NDSHM_SECTION_ATTACH, &request,
			   STRESS_NO_MEMORY) ? -1 : request.out_holder;
}

/*
 * Contents
 */

enum { FINE, NOT_ZERO, NOT_OURS };

struct access {
	unsigned char *map;
	const struct sharer_extent *extent;
	bool first;
};

/* Both ends of a page hold the extent's tag plus the page's offset. */
static int access_page(const struct access *access, __u64 at)
{
	__u64 *words = (void *)(access->map + access->extent->offset + at);
	const __u64 mark = access->extent->tag + at;
	__u64 *last = &words[stress.page / sizeof(*words) - 1];

	if (!access->first)
		return *words == mark && *last == ~mark ? FINE : NOT_OURS;
	if (*words || *last)
		return NOT_ZERO;
	*words = mark;
	*last = ~mark;
	return FINE;
}

static int access_pages(void *context)
{
	const struct access *access = context;
	int result = FINE;
	__u64 at;

	for (at = 0; result == FINE && at < access->extent->length;
	     at += stress.page)
		result = access_page(access, at);
	return result;
}

/* Check the marks, or, at first, for zero, and then write the marks. */
static bool check_extent(struct sharer *sharer,
			 const struct sharer_extent *extent, bool first)
{
	struct access access = { sharer->map, extent, first };
	const bool ended = hall->fate == SHARER_UNBOUND &&
			   stress_read(&hall->ended);

	switch (stress_guarded(access_pages, &access)) {
	case STRESS_GONE:
		return may_be_gone() ||
		       stress_error("SIGBUS in an extent at %#llx",
				    extent->offset);
	case NOT_ZERO:
		return stress_error("the extent at %#llx is not zero",
				    extent->offset);
	case NOT_OURS:
		return stress_error("the extent at %#llx has lost what was written",
				    extent->offset);
	default:
		return !ended ||
		       stress_error("a revoked section can still be accessed");
	}
}

/*
 * Operations of a thread
 */

bool sharer_take(struct sharer *sharer, __u64 length)
{
	const __u64 alignments[] = { 0, 0, stress.page, 16 * stress.page, HUGE };
	struct sharer_extent *extent = &sharer->extents[sharer->count];
	struct ndshm_extent_alloc_args request = {
		.length = length,
		.alignment = alignments[stress_below(&sharer->random,
						     ARRAY_SIZE(alignments))],
	};
	const bool ended = stress_read(&hall->ended);
	__u32 reason;

	if (sharer->count == SHARER_HELD)
		return true;
	reason = sharer_call(sharer->holder, NDSHM_EXTENT_ALLOC, &request,
			     STRESS_NO_MEMORY | MAY_BE_FULL);
	if (reason == NDSHM_REASON_SECTION_FULL)
		stress_count(&hall->full);
	if (reason)
		return reason != STRESS_BROKEN;
	if (ended)
		return stress_error("a section that has gone has extents");
	stress_count(&hall->handed);
	*extent = (struct sharer_extent){
		.offset = request.out_offset,
		.length = request.out_length,
		.tag = stress_draw(&sharer->random) | 1,
	};
	if (request.out_length < length || request.out_offset > hall->max ||
	    request.out_length > hall->max - request.out_offset ||
	    (request.alignment && request.out_offset % request.alignment))
		return stress_error("an extent of %llu bytes at %#llx",
				    request.out_length, request.out_offset);
	sharer->count++;
	return check_extent(sharer, extent, true);
}

static bool do_alloc(struct sharer *sharer)
{
	return sharer_take(sharer, stress_spread(&sharer->random, 64) *
				   stress.page);
}

static bool do_grow(struct sharer *sharer)
{
	stress_count(&hall->grown);
	return sharer_take(sharer, stress_spread(&sharer->random, 1024) *
			    stress.page);
}

static struct sharer_extent *some_extent(struct sharer *sharer)
{
	return sharer->count ? &sharer->extents[stress_below(&sharer->random,
							     sharer->count)] :
			       NULL;
}

bool sharer_give(struct sharer *sharer, struct sharer_extent *extent)
{
	struct ndshm_extent_free_args request = { .offset = extent->offset };

	if (!check_extent(sharer, extent, false))
		return false;
	/* Freeing must succeed even after the end of the section. */
	*extent = sharer->extents[--sharer->count];
	return !sharer_call(sharer->holder, NDSHM_EXTENT_FREE, &request, 0);
}

static bool do_free(struct sharer *sharer)
{
	struct sharer_extent *extent = some_extent(sharer);

	return !extent || sharer_give(sharer, extent);
}

/* An extent that is here begins nowhere else. */
static bool do_free_wrong(struct sharer *sharer)
{
	struct sharer_extent *extent = some_extent(sharer);
	struct ndshm_extent_free_args request = {};

	if (!extent || extent->length == stress.page)
		return true;
	request.offset = extent->offset + stress.page;
	return sharer_call(sharer->holder, NDSHM_EXTENT_FREE, &request,
			   MAY_BE_UNKNOWN) ==
	       NDSHM_REASON_EXTENT_UNKNOWN ||
	       stress_error("half of an extent was freed");
}

static bool do_touch(struct sharer *sharer)
{
	struct sharer_extent *extent = some_extent(sharer);

	return !extent || check_extent(sharer, extent, false);
}

static int read_byte(void *context)
{
	return __atomic_load_n((unsigned char *)context, __ATOMIC_RELAXED);
}

/* The page may be in any extent, or free. */
static bool do_elsewhere(struct sharer *sharer)
{
	__u64 at = stress_draw(&sharer->random) % hall->max;

	stress_guarded(read_byte, sharer->map + at);
	return true;
}

static bool do_query(struct sharer *sharer)
{
	struct sharer_extent *extent = some_extent(sharer);
	struct ndshm_segment segments[16];
	struct ndshm_extent_query_args request = {
		.segments = (uintptr_t)segments,
		.segment_capacity = ARRAY_SIZE(segments),
	};
	__u64 allowed = STRESS_NO_MEMORY | STRESS_MAY(LIST_SHORT), length = 0;
	__u32 reason, i;

	/* Where the other thread may have one. */
	if (!extent)
		allowed |= MAY_BE_UNKNOWN;
	request.offset = extent ? extent->offset :
			 stress_below(&sharer->random, 64) * stress.page;
	reason = sharer_call(sharer->holder, NDSHM_EXTENT_QUERY, &request,
			     allowed);
	if (reason)
		return reason != STRESS_BROKEN;
	for (i = 0; i < request.out_segments; i++)
		length += segments[i].length;
	return (length == request.out_length &&
		(!extent || length == extent->length)) ||
	       stress_error("segments of %llu bytes for an extent of %llu",
			    length, request.out_length);
}

static bool do_look(struct sharer *sharer)
{
	struct ndshm_section_query_args query;

	(void)sharer;
	return sharer_look(&query) &&
	       (query.out_holders ||
		stress_error("a holder's section has none"));
}

static bool do_sync(struct sharer *sharer)
{
	struct ndshm_section_sync_args request = {
		.direction = stress_chance(&sharer->random, 50) ?
			     NDSHM_SYNC_FOR_DEVICE : NDSHM_SYNC_FOR_CPU,
		.offset = stress_draw(&sharer->random) % hall->max,
	};

	request.length = 1 + stress_draw(&sharer->random) %
			     (hall->max - request.offset);
	return sharer_call(hall->section, NDSHM_SECTION_SYNC, &request,
			   0) != STRESS_BROKEN;
}

unsigned char *sharer_show(void)
{
	return mmap(NULL, hall->max, PROT_READ | PROT_WRITE, MAP_SHARED,
		    hall->section, 0);
}

/* Move to a new mapping of the section; after a revocation keep the old one. */
static bool do_map(struct sharer *sharer)
{
	unsigned char *map = sharer_show();

	if (map == MAP_FAILED)
		return (stress_read(&hall->ending) &&
			(errno == EIDRM || errno == ENODEV || errno == ENXIO)) ||
		       stress_error("mmap: %s", strerror(errno));
	munmap(sharer->map, hall->max);
	sharer->map = map;
	return true;
}

/* A read-only descriptor permits no allocation of extents. */
static bool do_share(struct sharer *sharer)
{
	struct ndshm_section_share_args request = { .flags = NDSHM_SHARE_READONLY };
	struct ndshm_extent_alloc_args more = { .length = 1 };
	__u32 reason = sharer_call(hall->section, NDSHM_SECTION_SHARE, &request,
				   STRESS_NO_MEMORY);
	int holder;
	bool fine = true;

	(void)sharer;
	if (reason)
		return reason != STRESS_BROKEN;
	holder = sharer_attach(request.out_section);
	if (holder >= 0) {
		fine = sharer_call(holder, NDSHM_EXTENT_ALLOC, &more,
				   STRESS_MAY(SECTION_READONLY)) ==
		       NDSHM_REASON_SECTION_READONLY ||
		       stress_error("a reader has an extent");
		close(holder);
	}
	close(request.out_section);
	return fine && !stress_failed();
}

/* A holder of its own, that leaves with its extents. */
static bool do_leave(struct sharer *sharer)
{
	struct sharer guest = {
		.random = sharer->random, .map = sharer->map,
		.holder = sharer_attach(hall->section),
	};
	bool fine = true;
	unsigned int i;

	if (guest.holder < 0)
		return !stress_failed();
	for (i = 0; fine && i < 4; i++)
		fine = do_alloc(&guest);
	for (i = 0; fine && i < guest.count; i++)
		fine = check_extent(&guest, &guest.extents[i], false);
	sharer->random = guest.random;
	close(guest.holder);
	return fine;
}

/* The child has all of it, for a moment. */
static bool do_fork(struct sharer *sharer)
{
	pid_t child = fork();
	int status;

	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		stall = NULL;
		_exit(do_touch(sharer) && do_look(sharer) ? 0 : 1);
	}
	if (child < 0)
		return errno == EAGAIN || stress_error("fork: %s",
						       strerror(errno));
	return waitpid(child, &status, 0) == child &&
	       (!status || stress_error("a child ended with %#x", status));
}

/*
 * Calls of other parts of the kernel with the mapping
 */

/* Pages of an extent, which may be freed, and go with the section, meanwhile. */
static bool do_pin(struct sharer *sharer)
{
	struct sharer_extent *extent = some_extent(sharer);

	if (!extent || stress_chance(&sharer->random, 20))
		return stress_unpin(&sharer->memory, &sharer->random);
	return stress_pin(&sharer->memory, &sharer->random,
			  stress_some_range(&sharer->random,
					    sharer->map + extent->offset,
					    extent->length), 0);
}

/* Of all that there is, be there memory or not. */
static struct stress_range some_range(struct sharer *sharer)
{
	return stress_some_range(&sharer->random, sharer->map, hall->max);
}

static bool do_advise(struct sharer *sharer)
{
	return stress_advise(&sharer->random, some_range(sharer));
}

static bool do_lock(struct sharer *sharer)
{
	return stress_lock(&sharer->random, some_range(sharer));
}

static bool do_watch(struct sharer *sharer)
{
	return stress_watch(&sharer->memory, &sharer->random, some_range(sharer));
}

static const struct {
	unsigned int weight;
	bool (*run)(struct sharer *sharer);
} ops[OPS] = {
	[ALLOC] = { 24, do_alloc },
	[GROW] = { 6, do_grow },
	[FREE] = { 20, do_free },
	[FREE_WRONG] = { 2, do_free_wrong },
	[TOUCH] = { 16, do_touch },
	[ELSEWHERE] = { 6, do_elsewhere },
	[QUERY] = { 6, do_query },
	[LOOK] = { 3, do_look },
	[SYNC] = { 4, do_sync },
	[MAP] = { 3, do_map },
	[SHARE] = { 3, do_share },
	[LEAVE] = { 3, do_leave },
	[FORK] = { 1, do_fork },
	[PIN] = { 6, do_pin },
	[ADVISE] = { 5, do_advise },
	[LOCK] = { 2, do_lock },
	[WATCH] = { 3, do_watch },
};

static enum op pick(struct sharer *sharer)
{
	unsigned int sum = 0, at;
	enum op op;

	if (hall->fate == SHARER_TRIMMED && stress_chance(&sharer->random, 60))
		return stress_chance(&sharer->random, 50) ? GROW : FREE;
	for (op = 0; op < OPS; op++)
		sum += ops[op].weight;
	at = stress_below(&sharer->random, sum);
	for (op = 0; at >= ops[op].weight; op++)
		at -= ops[op].weight;
	return op;
}

static bool run_op(struct sharer *sharer, enum op op)
{
	__u64 since = stress_now();
	bool fine;

	__atomic_store_n(&sharer->place->op, op, __ATOMIC_RELAXED);
	fine = ops[op].run(sharer);
	__atomic_store_n(&sharer->place->op, BETWEEN, __ATOMIC_RELAXED);
	stress_count(&hall->done[op]);
	__atomic_add_fetch(&hall->spent[op], stress_now() - since,
			   __ATOMIC_RELAXED);
	return fine;
}

/*
 * A process
 */

/* SIGKILL at some instant of the call that comes next. */
static void arm(struct sharer *sharer, enum op op)
{
	struct sigevent event = {
		.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL,
	};
	unsigned int done = stress_read(&hall->done[op]);
	__u64 usual = done ? hall->spent[op] / done : 200000;
	struct itimerspec when = {};
	timer_t timer;

	when.it_value.tv_nsec = 1 + stress_draw(&sharer->random) %
				    (usual + usual / 4 + 1) % 999999999;
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &when, NULL))
		stress_error("timer: %s", strerror(errno));
}

/* Killed in the call after @steps; 0: by another process, or not at all. */
static bool live(struct sharer *sharer, unsigned int steps)
{
	enum op op;

	while (!stress_read(&hall->stop)) {
		op = pick(sharer);
		if (steps && !--steps)
			arm(sharer, op);
		if (!run_op(sharer, op))
			return false;
	}
	while (sharer->count)
		if (!sharer_give(sharer, &sharer->extents[sharer->count - 1]))
			return false;
	return stress_memory_end(&sharer->memory);
}

static void *second_life(void *context)
{
	return live(context, 0) ? context : NULL;
}

/* After a failed attach: wait for the end of the round. */
static bool linger(unsigned int steps)
{
	while (!stress_read(&hall->stop))
		stress_sleep(1000);
	return !steps;
}

bool sharer_live(struct stress_random random, unsigned int number,
		 unsigned int steps)
{
	static struct stress_place nowhere;
	static struct stress_stall page;
	static struct sharer sharers[2];
	pthread_t thread;
	unsigned int i;
	void *second;
	bool fine;

	hall->places[number].op = ATTACH;
	sharers[0].holder = sharer_attach(hall->section);
	sharers[0].place = &hall->places[number];
	sharers[1].place = &nowhere;
	sharers[1].holder = sharers[0].holder;
	for (i = 0; i < 2; i++) {
		sharers[i].random = random;
		sharers[i].random.state += i;
		sharers[i].map = sharer_show();
	}
	if (sharers[0].holder < 0 || sharers[0].map == MAP_FAILED ||
	    sharers[1].map == MAP_FAILED)
		return stress_read(&hall->ending) ?
		       linger(0) : stress_error("a section cannot be shared");
	stress_count(&hall->attached);
	if (pthread_create(&thread, NULL, second_life, &sharers[1]))
		return stress_error("no thread");
	if (stress_chance(&random, 30) && stress_stall_begin(&page, random))
		stall = &page;
	fine = live(&sharers[0], steps);
	pthread_join(thread, &second);
	return fine && second;
}

void sharer_report(void)
{
	enum op op;

	for (op = 0; op < OPS; op++)
		if (hall->killed[op])
			stress_say("killed %s: %u", names[op], hall->killed[op]);
	stress_say("%u holders, %u extents, %u times no place",
		   hall->attached, hall->handed, hall->full);
	stress_say("%u times pinned, %u replies delayed by now",
		   stress.board->pinned, stress.board->stalled);
	stress_say("%u times much was asked for, %u times it had ended",
		   hall->grown, hall->reported);
}
