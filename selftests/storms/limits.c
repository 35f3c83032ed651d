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
	static struct storm_client client;
	struct storm_random random = storm_stream("signals", number);
	unsigned int lives, steps, interval, least = 0;
	const unsigned int all = ndshm_rounds(STEPS, 2 * LIFE);
	__u64 since = storm_now();
	bool fine = true;

	/* The first runs without signals, to measure the time of a step. */
	for (lives = 0; fine && lives <= all / LIFE; lives++) {
		client = (struct storm_client){
			.random = { storm_draw(&random) },
			.target = storm.has_edu ? storm.edu.pci.name : NULL,
			.most = 24,
			.place = &storm.board->places[number],
			.signals = true,
		};
		interval = 50 + storm_spread(&random, 500);
		if (interval < least)
			interval = least;
		fine = storm_client_open(&client) &&
		       (!lives || ndshm_set_alarms(interval));
		for (steps = LIFE; fine && steps--;)
			fine = storm_client_do(&client,
					       storm_client_pick(&client));
		fine = storm_client_close(&client) && fine;
		if (!lives)
			least = storm_seconds(since) * 1e6 / LIFE / PER_STEP;
	}
	return fine && (ndshm_alarms() > all / 20 ||
			storm_complain("only %u signals came",
				       ndshm_alarms()));
}

bool storm_signals(void)
{
	pid_t processes[PROCESSES];
	bool fine = true;
	unsigned int i;

	for (i = 0; i < PROCESSES; i++)
		processes[i] = storm_start(live_with_alarms, i);
	for (i = 0; i < PROCESSES; i++)
		fine = storm_finish(processes[i], "a process with signals") &&
		       fine;
	return fine;
}

/*
 * Memory of a cgroup
 */

#define CGROUPS		"/sys/fs/cgroup"
#define CGROUP		CGROUPS "/ndshm-storm"
#define CGROUP_LIMIT	(6 << 20)
#define FULL		1500	/* calls once it is full */
#define MOST_CALLS	100000	/* until it is */
#define PIECES		2048	/* more than fit */

static struct {
	__u32 handles[PIECES];
	unsigned int count;
	unsigned int refused;
	unsigned int refused_later;	/* of these: by a record */
} pieces;

static bool take_now(struct storm_client *client,
		     struct ndshm_block_alloc *request)
{
	struct ndshm_block_info info;
	__u32 reason;

	request->blocks = (uintptr_t)&info;
	reason = storm_call(client, NDSHM_BLOCK_ALLOC, request,
			    sizeof(*request), STORM_NO_MEMORY);
	if (!reason)
		pieces.handles[pieces.count++] = info.handle;
	else
		pieces.refused++;
	return reason != STORM_BROKEN;
}

/* A worker outside the cgroup allocates, and the cgroup is charged. */
static bool take_later(struct storm_client *client,
		       struct ndshm_block_alloc *request)
{
	struct ndshm_completion record = {};
	__u32 reason;

	request->flags = NDSHM_ALLOC_ASYNC;
	reason = storm_answer(client, NDSHM_BLOCK_ALLOC, request,
			      sizeof(*request));
	if (reason == NDSHM_REASON_MEMORY) {
		pieces.refused++;
		return true;
	}
	if (reason != NDSHM_REASON_PENDING)
		return storm_complain("asked for later: reason %u", reason);
	if (read(client->fd, &record, sizeof(record)) != sizeof(record))
		return storm_complain("read: %s", strerror(errno));
	if (record.reason == NDSHM_REASON_NONE) {
		pieces.handles[pieces.count++] = record.block.handle;
		return true;
	}
	pieces.refused++;
	pieces.refused_later++;
	return record.reason == NDSHM_REASON_MEMORY ||
	       record.reason == NDSHM_REASON_PROVIDER_RESOURCES ||
	       storm_complain("a record: reason %u", record.reason);
}

static bool take_piece(struct storm_client *client)
{
	struct ndshm_block_alloc request = {
		.adapter = storm.nodes[0],
		.length = storm_spread(&client->random, 4) * storm.page,
		.preferred_node = NDSHM_NODE_ANY,
		.usage = NDSHM_USAGE_OTHER,
		.count = 1,
	};

	return storm_chance(&client->random, 30) ?
	       take_later(client, &request) : take_now(client, &request);
}

static bool refused_enough(unsigned int full)
{
	return pieces.refused > full / 20 && pieces.refused_later;
}

static bool give_piece(struct storm_client *client)
{
	unsigned int at = storm_below(&client->random, pieces.count);
	struct ndshm_block_free request = { .handle = pieces.handles[at] };

	pieces.handles[at] = pieces.handles[--pieces.count];
	return !storm_call(client, NDSHM_BLOCK_FREE, &request,
			   sizeof(request), 0);
}

/* All memory that is asked for here, the module asks for. */
static bool live_in_cgroup(unsigned int number)
{
	static struct storm_client client;
	const unsigned int full = ndshm_rounds(FULL, 150);
	unsigned int calls;
	bool fine = true;

	/* The kernel caches some freed memory, so refilling the cgroup takes a while. */
	client.random = storm_stream("pressure", number);
	client.fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);
	if (client.fd < 0 || mlockall(MCL_CURRENT) ||
	    ndshm_write_file(CGROUP "/cgroup.procs", "0"))
		return storm_complain("cgroup: %s", strerror(errno));
	while (fine && !pieces.refused && pieces.count < PIECES)
		fine = take_piece(&client);
	for (calls = 0; fine && (calls < full || (!refused_enough(full) &&
						  calls < MOST_CALLS));
	     calls++)
		fine = pieces.count && storm_chance(&client.random, 40) ?
		       give_piece(&client) : take_piece(&client);
	storm_say("%u pieces, refused %u times, %u of them later", pieces.count,
		  pieces.refused, pieces.refused_later);
	return fine && (refused_enough(full) ||
			storm_complain("the cgroup was not full"));
}

static long oom_kills(void)
{
	char text[512], *at;

	if (ndshm_read_file(CGROUP "/memory.events", text, sizeof(text)))
		return -1;
	at = strstr(text, "oom_kill ");
	return at ? atol(at + strlen("oom_kill ")) : -1;
}

bool storm_pressure(void)
{
	char number[32];
	bool fine;

	snprintf(number, sizeof(number), "%d", CGROUP_LIMIT);
	ndshm_write_file(CGROUPS "/cgroup.subtree_control", "+memory");
	if (mkdir(CGROUP, 0755) ||
	    ndshm_write_file(CGROUP "/memory.max", number))
		return storm_complain("no cgroup with a memory controller at " CGROUPS);
	ndshm_write_file(CGROUP "/memory.swap.max", "0");
	fine = storm_finish(storm_start(live_in_cgroup, 0),
			    "a process in a full cgroup");
	if (oom_kills())
		fine = storm_complain("%ld processes were killed for memory",
				      oom_kills());
	if (!ndshm_soon(!rmdir(CGROUP)))
		fine = storm_complain("the cgroup stays: %s", strerror(errno));
	return fine;
}

/*
 * Descriptors
 */

#define FILE_MAX	"/proc/sys/fs/file-max"
#define FILE_NR		"/proc/sys/fs/file-nr"
#define MAPPINGS	64

/* A client in a process that can open nothing. */
static bool no_descriptor(struct storm_client *client)
{
	const struct rlimit none = { client->fd + 1, client->fd + 1 };
	unsigned int turn;
	bool fine = true;

	while (dup(client->fd) >= 0 && client->fd < 64)
		;
	if (setrlimit(RLIMIT_NOFILE, &none))
		return storm_complain("RLIMIT_NOFILE: %s", strerror(errno));
	for (turn = 0; fine && turn < 200; turn++) {
		if (open(NDSHM_DEVICE, O_RDWR) >= 0 || errno != EMFILE)
			return storm_complain("open without a descriptor");
		if (socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC) >= 0 ||
		    errno != EMFILE)
			return storm_complain("socket without a descriptor");
		/* A mapping has a file, but no descriptor. */
		fine = storm_do_alloc(client) && storm_do_map(client) &&
		       storm_do_touch(client) && storm_do_unmap(client) &&
		       storm_do_free(client);
	}
	return fine;
}

static bool without_descriptors(unsigned int number)
{
	static struct storm_client client;

	client.random = storm_stream("descriptors", number);
	client.most = 8;
	if (!storm_client_open(&client))
		return false;
	return no_descriptor(&client) && storm_client_close(&client);
}

/* The system-wide limit of files is reached, for users other than root. */
static bool without_files(unsigned int number)
{
	static struct storm_client client;
	unsigned int i, refused = 0;
	char used[64], *end;
	bool fine = true;
	int peer = number;

	client.random = storm_stream("files", 0);
	client.most = MAPPINGS;
	if (!storm_client_open(&client))
		return false;
	client.uid = NDSHM_USER_A;
	if (!ndshm_become(client.uid) || ndshm_read_file(FILE_NR, used,
							 sizeof(used)))
		return storm_complain("a user could not be made");
	strtoul(used, &end, 10);
	*end = '\0';
	if (write(peer, used, sizeof(used)) != sizeof(used) ||
	    !ndshm_hear(peer))
		return storm_complain("nobody set " FILE_MAX);
	for (i = 0; fine && i < MAPPINGS; i++) {
		void *map;

		fine = storm_do_alloc(&client);
		if (client.count != i + 1)
			return storm_complain("no block");
		map = mmap(NULL, storm.page, PROT_READ, MAP_SHARED, client.fd,
			   client.blocks[i].info.mmap_offset);
		if (map == MAP_FAILED && errno == ENFILE)
			refused++;
		else if (map == MAP_FAILED)
			fine = storm_complain("mmap: %s", strerror(errno));
	}
	return fine && (refused || storm_complain("there were files enough"));
}

static bool without_system_files(void)
{
	char limit[64], used[64] = "0";
	pid_t child;
	bool fine;
	int peer;

	if (ndshm_read_file(FILE_MAX, limit, sizeof(limit)))
		return storm_complain(FILE_MAX " cannot be read");
	child = ndshm_fork(&peer);
	if (!child)
		_exit(without_files(peer) ? 0 : 1);
	fine = read(peer, used, sizeof(used)) == sizeof(used) &&
	       !ndshm_write_file(FILE_MAX, used) && ndshm_tell(peer);
	fine = storm_finish(child, "a process without files") && fine;
	close(peer);
	return !ndshm_write_file(FILE_MAX, limit) && fine;
}

bool storm_descriptors(void)
{
	return storm_finish(storm_start(without_descriptors, 0),
			    "a process without descriptors") &&
	       without_system_files();
}
