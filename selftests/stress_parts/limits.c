// SPDX-License-Identifier: GPL-2.0
/*
 * Shortage: of time between two signals, of memory of a cgroup, of descriptors.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ndshm_proc.h"
#include "client.h"

/*
 * Signals
 */

#define PROCESSES	4
#define STEPS		1500	/* of each process */
#define LIFE		100	/* steps of a client */
#define PER_STEP	8	/* signals, at most: a slow machine has to go on */

static bool live_with_alarms(unsigned int number)
{
	static struct stress_client client;
	struct stress_random random = stress_stream("signals", number);
	unsigned int lives, steps, interval, least = 0;
	const unsigned int all = ndshm_rounds(STEPS, 2 * LIFE);
	__u64 since = stress_now();
	bool fine = true;

	/* The first runs without signals, to measure the time of a step. */
	for (lives = 0; fine && lives <= all / LIFE; lives++) {
		client = (struct stress_client){
			.random = { stress_draw(&random) },
			.target = stress.has_edu ? stress.edu.pci.name : NULL,
			.most = 24,
			.place = &stress.board->places[number],
			.signals = true,
		};
		interval = 50 + stress_spread(&random, 500);
		if (interval < least)
			interval = least;
		fine = stress_client_open(&client) &&
		       (!lives || ndshm_set_alarms(interval));
		for (steps = LIFE; fine && steps--;)
			fine = stress_client_do(&client,
						stress_client_pick(&client));
		fine = stress_client_close(&client) && fine;
		if (!lives)
			least = stress_seconds(since) * 1e6 / LIFE / PER_STEP;
	}
	return fine && (ndshm_alarms() > all / 20 ||
			stress_error("only %u signals came",
				     ndshm_alarms()));
}

bool stress_signals(void)
{
	pid_t processes[PROCESSES];
	bool fine = true;
	unsigned int i;

	for (i = 0; i < PROCESSES; i++)
		processes[i] = stress_start(live_with_alarms, i);
	for (i = 0; i < PROCESSES; i++)
		fine = stress_finish(processes[i], "a process with signals") &&
		       fine;
	return fine;
}

/*
 * Memory of a cgroup
 */

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/ndshm-stress"
#define CGROUP_LIMIT	(6 << 20)
#define FULL		1500	/* calls once it is full */
#define MOST_CALLS	100000	/* until it is */
#define CHUNKS		2048	/* more than fit */

static struct {
	__u32 provider;		/* "pages": memory of others may not be charged */
	__u32 handles[CHUNKS];
	unsigned int count;
	unsigned int refused;
} chunks;

static bool take_chunk(struct stress_client *client)
{
	struct ndshm_block_alloc_args request = {
		.adapter = stress.nodes[0],
		.length = stress_spread(&client->random, 4) * stress.page,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.provider = chunks.provider,
		.count = 1,
	};
	struct ndshm_block_info info;
	__u32 reason;

	if (chunks.count == CHUNKS)
		return stress_error("the cgroup is larger than its limit");
	request.blocks = (uintptr_t)&info;
	reason = stress_call(client, NDSHM_BLOCK_ALLOC, &request, sizeof(request),
			     STRESS_NO_MEMORY);
	if (!reason)
		chunks.handles[chunks.count++] = info.handle;
	else
		chunks.refused++;
	return reason != STRESS_BROKEN;
}

static bool refused_enough(unsigned int full)
{
	return chunks.refused > full / 20;
}

static bool give_chunk(struct stress_client *client)
{
	unsigned int at = stress_below(&client->random, chunks.count);
	struct ndshm_block_free_args request = { .handle = chunks.handles[at] };

	chunks.handles[at] = chunks.handles[--chunks.count];
	return !stress_call(client, NDSHM_BLOCK_FREE, &request,
			    sizeof(request), 0);
}

/* All memory that is asked for here, the module asks for. */
static bool live_in_cgroup(unsigned int number)
{
	static struct stress_client client;
	const unsigned int full = ndshm_rounds(FULL, 150);
	unsigned int calls;
	bool fine = true;

	/* The kernel caches some freed memory, so refilling the cgroup takes a while. */
	client.random = stress_stream("pressure", number);
	client.fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (client.fd < 0 || mlockall(MCL_CURRENT) ||
	    ndshm_write_file(CGROUP "/cgroup.procs", "0"))
		return stress_error("cgroup: %s", strerror(errno));
	while (fine && !chunks.refused && chunks.count < CHUNKS)
		fine = take_chunk(&client);
	for (calls = 0; fine && (calls < full || (!refused_enough(full) &&
						  calls < MOST_CALLS));
	     calls++)
		fine = chunks.count && stress_chance(&client.random, 40) ?
		       give_chunk(&client) : take_chunk(&client);
	stress_say("%u pieces, refused %u times", chunks.count, chunks.refused);
	return fine && (refused_enough(full) ||
			stress_error("the cgroup was not full"));
}

static long oom_kills(void)
{
	char text[512], *at;

	if (ndshm_read_file(CGROUP "/memory.events", text, sizeof(text)))
		return -1;
	at = strstr(text, "oom_kill ");
	return at ? atol(at + strlen("oom_kill ")) : -1;
}

bool stress_pressure(void)
{
	char number[32];
	bool fine;

	if (ndshm_nl_provider_id("pages", &chunks.provider))
		return stress_error("no provider \"pages\"");
	snprintf(number, sizeof(number), "%d", CGROUP_LIMIT);
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) ||
	    ndshm_write_file(CGROUP "/memory.max", number))
		return stress_error("no cgroup with a memory controller at " CGROUPS);
	ndshm_write_file(CGROUP "/memory.swap.max", "0");
	fine = stress_finish(stress_start(live_in_cgroup, 0),
			     "a process in a full cgroup");
	if (oom_kills())
		fine = stress_error("%ld processes were killed for memory",
				    oom_kills());
	if (!ndshm_soon(!rmdir(CGROUP)))
		fine = stress_error("the cgroup stays: %s", strerror(errno));
	return fine;
}

/*
 * Descriptors
 */

#define FILE_MAX	"/proc/sys/fs/file-max"
#define MAPPINGS	64

/* A client in a process that can open nothing. */
static bool no_descriptor(struct stress_client *client)
{
	const struct rlimit none = { client->fd + 1, client->fd + 1 };
	unsigned int turn;
	bool fine = true;

	while (dup(client->fd) >= 0 && client->fd < 64)
		;
	if (setrlimit(RLIMIT_NOFILE, &none))
		return stress_error("RLIMIT_NOFILE: %s", strerror(errno));
	for (turn = 0; fine && turn < 200; turn++) {
		if (open(NDSHM_DEVICE, O_RDWR) >= 0 || errno != EMFILE)
			return stress_error("open without a descriptor");
		if (socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC) >= 0 ||
		    errno != EMFILE)
			return stress_error("socket without a descriptor");
		/* A mapping has a file, but no descriptor. */
		fine = stress_do_alloc(client) && stress_do_map(client) &&
		       stress_do_touch(client) && stress_do_unmap(client) &&
		       stress_do_free(client);
	}
	return fine;
}

static bool without_descriptors(unsigned int number)
{
	static struct stress_client client;

	client.random = stress_stream("descriptors", number);
	client.most = 8;
	if (!stress_client_open(&client))
		return false;
	return no_descriptor(&client) && stress_client_close(&client);
}

/* The system-wide limit of files is reached, for users other than root. */
static bool without_files(unsigned int number)
{
	static struct stress_client client;
	unsigned int i, tried = 0;
	bool fine = true;
	int peer = number;

	client.random = stress_stream("files", 0);
	client.most = MAPPINGS;
	if (!stress_client_open(&client))
		return false;
	client.uid = NDSHM_USER_A;
	if (!ndshm_become(client.uid))
		return stress_error("a user could not be made");
	if (!ndshm_signal_peer(peer) || !ndshm_hear(peer))
		return stress_error("nobody set " FILE_MAX);
	for (i = 0; fine && i < MAPPINGS; i++) {
		void *map;

		fine = stress_do_alloc(&client);
		/* It can be refused, such as at the user's limit. */
		if (client.count == tried)
			continue;
		map = mmap(NULL, stress.page, PROT_READ, MAP_SHARED, client.fd,
			   client.blocks[tried++].info.mmap_offset);
		if (map != MAP_FAILED)
			fine = stress_error("there were files enough");
		else if (errno != ENFILE)
			fine = stress_error("mmap: %s", strerror(errno));
	}
	return fine && (tried || stress_error("no block"));
}

static bool without_system_files(void)
{
	char limit[64];
	pid_t child;
	bool fine;
	int peer;

	if (ndshm_read_file(FILE_MAX, limit, sizeof(limit)))
		return stress_error(FILE_MAX " cannot be read");
	child = ndshm_fork(&peer);
	if (!child)
		_exit(without_files(peer) ? 0 : 1);
	/*
	 * 0, because the kernel first compares an estimate, which can be lower than
	 * the number of files by some dozens for each CPU.
	 */
	fine = ndshm_hear(peer) && !ndshm_write_file(FILE_MAX, "0") &&
	       ndshm_signal_peer(peer);
	fine = stress_finish(child, "a process without files") && fine;
	close(peer);
	return !ndshm_write_file(FILE_MAX, limit) && fine;
}

bool stress_descriptors(void)
{
	return stress_finish(stress_start(without_descriptors, 0),
			     "a process without descriptors") &&
	       without_system_files();
}
