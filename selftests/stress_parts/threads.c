// SPDX-License-Identifier: GPL-2.0
/*
 * Threads: that use the handles of one client, and that are many clients of a
 * user at its limit.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"

/*
 * One handle
 */

#define THREADS		4
#define SLOTS		4	/* handles that all of them use at a time */
#define TURNS		1500	/* of each thread */

/* A handle, and its mmap offset. */
struct slot {
	__u32 handle;
	__u64 offset;
};

static struct {
	int fd;
	struct slot slots[SLOTS];
	unsigned int made;
	unsigned int freed;
	unsigned int late;	/* calls on handles that another thread had freed */
} one;

static bool give_back(struct stress_client *client, __u32 handle)
{
	struct ndshm_block_free_args request = { .handle = handle };
	__u32 reason = stress_call(client, NDSHM_BLOCK_FREE, &request,
				   sizeof(request), STRESS_MAY(HANDLE_UNKNOWN));

	stress_count(reason ? &one.late : &one.freed);
	return reason != STRESS_BROKEN;
}

static bool make(struct stress_client *client, struct slot *slot)
{
	struct ndshm_block_info info;
	struct ndshm_block_alloc_args request = {
		.adapter = stress.nodes[0],
		.length = 2 * stress.page,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
		.blocks = (uintptr_t)&info,
	};
	__u32 reason = stress_call(client, NDSHM_BLOCK_ALLOC, &request,
				   sizeof(request), STRESS_NO_MEMORY), none = 0;

	if (reason)
		return reason != STRESS_BROKEN;
	stress_count(&one.made);
	if (!__atomic_compare_exchange_n(&slot->handle, &none, info.handle,
					 false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return give_back(client, info.handle);
	__atomic_store_n(&slot->offset, info.mmap_offset, __ATOMIC_RELAXED);
	return true;
}

static bool ask(struct stress_client *client, __u32 handle)
{
	struct ndshm_block_query_args request = { .handle = handle };
	__u32 reason = stress_call(client, NDSHM_BLOCK_QUERY, &request,
				   sizeof(request), STRESS_MAY(HANDLE_UNKNOWN));

	if (reason == NDSHM_REASON_HANDLE_UNKNOWN)
		stress_count(&one.late);
	return reason != STRESS_BROKEN &&
	       (reason || request.out_block.handle == handle ||
		stress_error("the answer is about another handle"));
}

/* A mapping stays when another thread frees the handle. */
static bool show(struct slot *slot)
{
	__u64 offset = __atomic_load_n(&slot->offset, __ATOMIC_RELAXED);
	unsigned char *map;

	if (!offset)
		return true;
	map = mmap(NULL, 2 * stress.page, PROT_READ | PROT_WRITE, MAP_SHARED,
		   one.fd, offset);
	if (map == MAP_FAILED) {
		stress_count(&one.late);
		return errno == ENXIO || stress_error("mmap: %s",
						      strerror(errno));
	}
	__atomic_store_n(map, 1, __ATOMIC_RELAXED);
	__atomic_store_n(map + stress.page, 1, __ATOMIC_RELAXED);
	munmap(map, 2 * stress.page);
	return true;
}

static bool take_turn(struct stress_client *client)
{
	struct slot *slot = &one.slots[stress_below(&client->random, SLOTS)];
	__u32 handle = __atomic_load_n(&slot->handle, __ATOMIC_RELAXED);
	bool fine;

	if (!handle)
		return make(client, slot);
	switch (stress_below(&client->random, 4)) {
	case 0:
		return ask(client, handle);
	case 1:
		fine = give_back(client, handle);
		__atomic_compare_exchange_n(&slot->handle, &handle, 0, false,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		return fine;
	default:
		return show(slot);
	}
}

static void *use_handles(void *context)
{
	struct stress_client *client = context;
	unsigned int turn, turns = ndshm_rounds(TURNS, 200);

	for (turn = 0; turn < turns && !stress_failed(); turn++)
		if (!take_turn(client))
			break;
	return NULL;
}

bool stress_one_handle(void)
{
	static struct stress_client clients[THREADS];
	struct ndshm_get_info_args info = {};
	pthread_t threads[THREADS];
	unsigned int i;
	bool fine = true;

	one.fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	for (i = 0; i < THREADS; i++) {
		clients[i].fd = one.fd;
		clients[i].random = stress_stream("handle", i);
		if (pthread_create(&threads[i], NULL, use_handles, &clients[i]))
			return stress_error("no thread");
	}
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < SLOTS; i++)
		if (one.slots[i].handle)
			fine = give_back(&clients[0], one.slots[i].handle) &&
			       fine;
	/* Each handle was freed once, although several threads tried. */
	if (one.made != one.freed)
		fine = stress_error("%u blocks were made, %u were freed",
				    one.made, one.freed);
	if (stress_call(&clients[0], NDSHM_GET_INFO, &info, sizeof(info), 0) ||
	    info.out_blocks || info.out_bytes)
		fine = stress_error("%u handles and %llu bytes are left",
				    info.out_blocks, info.out_bytes);
	stress_say("%u blocks, %u calls came late", one.made, one.late);
	close(one.fd);
	return fine && (one.late ||
			stress_error("the threads did not meet"));
}

/*
 * The limit of a user
 */

#define PROCESSES	4
#define CLIENTS		8	/* of each, and as many threads */
#define MEETINGS	4	/* when all is counted */
#define ROUNDS		150	/* between two of them */
#define HELD		16	/* blocks of a client */
#define LIMIT		64	/* pages */

struct account {
	pthread_barrier_t barrier;
	__u64 held;		/* bytes, of all clients */
	unsigned int refused;
};

static struct account *account;

struct saver {
	struct stress_client client;
	struct ndshm_block_info blocks[HELD];
	unsigned int count;
	bool first;		/* of all: it counts */
};

static bool take(struct saver *saver)
{
	unsigned int count = 1 + stress_below(&saver->client.random, 2), i;
	struct ndshm_block_alloc_args request = {
		.adapter = stress.nodes[0],
		.length = (1 + stress_below(&saver->client.random, 4)) *
			  stress.page,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = count,
		.blocks = (uintptr_t)&saver->blocks[saver->count],
	};
	__u32 reason = stress_call(&saver->client, NDSHM_BLOCK_ALLOC, &request,
				   sizeof(request), STRESS_NO_MEMORY |
				   STRESS_MAY(MEMLOCK));

	if (reason == NDSHM_REASON_MEMLOCK)
		stress_count(&account->refused);
	for (i = 0; !reason && i < count; i++, saver->count++)
		__atomic_add_fetch(&account->held,
				   saver->blocks[saver->count].consumed,
				   __ATOMIC_RELAXED);
	return reason != STRESS_BROKEN;
}

static bool give(struct saver *saver)
{
	unsigned int at = stress_below(&saver->client.random, saver->count);
	struct ndshm_block_free_args request = {
		.handle = saver->blocks[at].handle,
	};

	if (stress_call(&saver->client, NDSHM_BLOCK_FREE, &request,
			sizeof(request), 0))
		return false;
	__atomic_sub_fetch(&account->held, saver->blocks[at].consumed,
			   __ATOMIC_RELAXED);
	saver->blocks[at] = saver->blocks[--saver->count];
	return true;
}

static bool below_limit(struct saver *saver, __u64 *bytes)
{
	struct ndshm_get_info_args info = {};

	if (stress_call(&saver->client, NDSHM_GET_INFO, &info, sizeof(info), 0))
		return false;
	*bytes = info.out_user_locked;
	return *bytes <= LIMIT * stress.page ||
	       stress_error("%llu bytes are locked, %lu may be", *bytes,
			    LIMIT * stress.page);
}

/* While no thread is in a call, the charge is that of the blocks held. */
static bool count_all(struct saver *saver)
{
	__u64 bytes;
	bool fine = true;

	pthread_barrier_wait(&account->barrier);
	if (saver->first) {
		fine = below_limit(saver, &bytes);
		if (fine && bytes != account->held)
			fine = stress_error("%llu bytes are locked, %llu held",
					    bytes,
					    account->held);
	}
	pthread_barrier_wait(&account->barrier);
	return fine;
}

static bool save(struct saver *saver)
{
	unsigned int round, rounds = ndshm_rounds(ROUNDS, 20);
	__u64 bytes;
	bool fine = true;

	for (round = 0; round < rounds && fine; round++) {
		if (saver->count < HELD - 2 &&
		    stress_chance(&saver->client.random, 60))
			fine = take(saver);
		else if (saver->count)
			fine = give(saver);
		fine = fine && below_limit(saver, &bytes);
	}
	return fine;
}

static void *live_at_limit(void *context)
{
	struct saver *saver = context;
	bool fine = true;
	unsigned int i;

	/* A thread must reach the barriers even after a failure. */
	for (i = 0; i < MEETINGS; i++) {
		fine = fine && save(saver);
		fine = count_all(saver) && fine;
	}
	/* Some threads free their blocks, others only end. */
	while (fine && saver->count && stress_chance(&saver->client.random, 90))
		fine = give(saver);
	return fine ? saver : NULL;
}

static bool be_savers(unsigned int process)
{
	static struct saver savers[CLIENTS];
	pthread_t threads[CLIENTS];
	bool fine = true;
	unsigned int i;
	void *result;

	for (i = 0; i < CLIENTS; i++) {
		savers[i].client.fd = ndshm_open_as(NDSHM_USER_A, LIMIT * stress.page);
		savers[i].client.random = stress_stream("memlock",
							process * CLIENTS + i);
		savers[i].first = !process && !i;
	}
	if (!ndshm_become(NDSHM_USER_A))
		return stress_error("a user could not be made");
	for (i = 0; i < CLIENTS; i++)
		if (pthread_create(&threads[i], NULL, live_at_limit,
				   &savers[i]))
			return stress_error("no thread");
	for (i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], &result);
		fine &= !!result;
	}
	return fine;
}

bool stress_memlock(void)
{
	pthread_barrierattr_t attributes;
	pid_t processes[PROCESSES];
	bool fine = true;
	unsigned int i;

	account = mmap(NULL, sizeof(*account), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (account == MAP_FAILED)
		return stress_error("mmap: %s", strerror(errno));
	pthread_barrierattr_init(&attributes);
	pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&account->barrier, &attributes,
			     PROCESSES * CLIENTS);
	for (i = 0; i < PROCESSES; i++)
		processes[i] = stress_start(be_savers, i);
	for (i = 0; i < PROCESSES; i++)
		fine = stress_finish(processes[i], "a user's process") && fine;
	stress_say("%d clients, refused %u times", PROCESSES * CLIENTS,
		   account->refused);
	if (!account->refused)
		fine = stress_error("nobody came to the limit");
	munmap(account, sizeof(*account));
	return fine;
}
