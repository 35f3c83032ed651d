// SPDX-License-Identifier: GPL-2.0
/*
 * What connections cost: descriptors, memory, threads and time of an owner and of a process that
 * connects, measured with 100 and 1,000 connections, and with LONG=1 with 10,000, which must be
 * what the first two predict. Prints the figures of topologies of 10,000 processes, which follow
 * from these.
 *
 * Without sanitizers: they would be measured.
 */
#include <malloc.h>
#include <sys/resource.h>

#include "remote_internal.h"
#include "remote_test.h"

#define FEW	100u
#define MANY	1000u
#define MOST	10000u
/* Documentation/use/remote.rst promises this. */
#define LIMIT	16384u

struct cost {
	uint64_t connections;
	uint64_t heap;			/* bytes */
	uint64_t resident;		/* bytes */
	uint64_t descriptors;
	uint64_t threads;
};

/* The number after a name in a file. */
static uint64_t scale_number(const char *path, const char *name)
{
	FILE *file = fopen(path, "re");
	char line[200];
	uint64_t number = 0;

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, name, strlen(name)))
			number = strtoull(line + strlen(name), NULL, 10);
	if (file)
		fclose(file);
	return number;
}

static struct cost scale_cost(struct ndshm_remote *remote)
{
	struct ndshm_remote_info info;

	return (struct cost){
		.connections = ndshm_remote_query(remote, &info) ? 0 : info.peers,
		.heap = mallinfo2().uordblks,
		.resident = scale_number("/proc/self/status", "VmRSS:") * 1024,
		.descriptors = (uint64_t)test_descriptors(),
		.threads = scale_number("/proc/self/status", "Threads:"),
	};
}

static struct ndshm_remote *scale_open(void)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_remote *remote;

	request.max_peers = MOST + 1;
	request.timeout = 60000;
	return ndshm_remote_open(&request, &remote) ? NULL : remote;
}

/* The owner sends its port and its blob, and then its cost for each byte that it receives. */
struct hello {
	uint16_t port;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
};

static void scale_owner(int sock)
{
	struct ndshm_remote_export *made;
	struct hello hello = { 0 };
	struct ndshm_remote *remote;
	struct cost cost;
	char byte;

	if (ndshm_open("memfd:", &ndshm) || !test_section_make())
		_exit(1);
	remote = scale_open();
	if (!remote ||
	    ndshm_remote_listen(remote, "127.0.0.1", 0, TOKEN, sizeof(TOKEN), &hello.port) ||
	    ndshm_remote_export_section(remote, section, extent, 4096, NDSHM_REMOTE_READ, &made))
		_exit(1);
	ndshm_remote_export_blob(made, hello.blob);
	send(sock, &hello, sizeof(hello), MSG_NOSIGNAL);
	while (recv(sock, &byte, 1, 0) == 1) {
		cost = scale_cost(remote);
		send(sock, &cost, sizeof(cost), MSG_NOSIGNAL);
	}
	ndshm_remote_close(remote);
	_exit(0);
}

static int owner_socket;
static struct hello owner_hello;
static struct ndshm_remote *here;
static struct ndshm_remote_peer *peers[MOST];

static struct cost scale_owner_cost(void)
{
	struct cost cost = { 0 };

	if (send(owner_socket, "x", 1, MSG_NOSIGNAL) != 1 ||
	    recv(owner_socket, &cost, sizeof(cost), 0) != sizeof(cost))
		CHECK(false);
	return cost;
}

/* After the last connection has ended. */
static struct cost scale_owner_idle(void)
{
	const int64_t end = test_now() + 3 * TIMEOUT + SLACK;
	struct cost cost;

	do {
		cost = scale_owner_cost();
	} while (cost.connections && test_now() < end && !usleep(1000));
	CHECK(!cost.connections);
	return cost;
}

/* Each imports the export, and reads it once. */
static double scale_connect(uint32_t from, uint32_t to)
{
	struct ndshm_remote_range *range;
	const int64_t start = test_now();
	char bytes[64];

	for (uint32_t i = from; i < to && !test_bad; i++) {
		CHECK(!ndshm_remote_connect(here, "127.0.0.1", owner_hello.port, TOKEN,
					    sizeof(TOKEN), &peers[i]) &&
		      !ndshm_remote_import(peers[i], owner_hello.blob, sizeof(owner_hello.blob),
					   &range) &&
		      !ndshm_remote_get(range, 0, bytes, sizeof(bytes)));
	}
	return (double)(test_now() - start) * 1000 / (to - from);
}

/* Bytes of one connection: from the costs with fewer and with more. */
static double scale_each(uint64_t less, uint64_t more, const struct cost *few,
			 const struct cost *many)
{
	return ((double)more - (double)less) / (double)(many->connections - few->connections);
}

static void scale_print(const char *side, const struct cost *few, const struct cost *many)
{
	printf("# %s: %.0f bytes of heap, %.0f resident, %.2f descriptors a connection; %llu "
	       "threads\n",
	       side, scale_each(few->heap, many->heap, few, many),
	       scale_each(few->resident, many->resident, few, many),
	       scale_each(few->descriptors, many->descriptors, few, many),
	       (unsigned long long)many->threads);
}

static bool scale_near(double value, double wanted, double part)
{
	const bool good = value >= wanted * (1 - part) && value <= wanted * (1 + part);

	if (!good)
		printf("# %.1f is not %.1f\n", value, wanted);
	return good;
}

static void scale_topology(const char *name, double connections, double owned, double made,
			   const double *bytes, double each_us)
{
	printf("# %-44s %9.0f connections; a process: %5.0f descriptors, %5.1f MB, %4.1f s\n", name,
	       connections, owned + made, (owned * bytes[0] + made * bytes[1]) / 1e6,
	       (owned + made) * each_us / 1e6);
}

/* By the cost of an accepted connection, and of one that was made. */
static void scale_topologies(const double *bytes, double each_us)
{
	scale_topology("one owner, 10,000 readers: the owner", 10000, 10000, 0, bytes, each_us);
	scale_topology("one owner, 10,000 readers: a reader", 10000, 0, 1, bytes, each_us);
	scale_topology("10,000 processes, each with all others", 9999. * 10000, 9999, 9999, bytes,
		       each_us);
	scale_topology("100 machines of 100, one process connects", 99. * 100, 99, 99, bytes,
		       each_us);
	scale_topology("10,000 in a mesh of 6 neighbours", 6. * 10000, 6, 6, bytes, each_us);
	scale_topology("10,000 that read 16 of 100 owners: an owner", 160000, 1600, 0, bytes,
		       each_us);
}

static void connections_cost_the_same_each(void)
{
	const uint32_t most = test_scale(MANY, MOST);
	struct cost none, few, many, last, here_none, here_few, here_many;
	double bytes[2], us, heap;

	here = scale_open();
	REQUIRE(here);
	scale_connect(0, 1);
	REQUIRE(!test_bad);
	ndshm_remote_disconnect(peers[0]);
	none = scale_owner_idle();
	here_none = scale_cost(here);
	scale_connect(0, FEW);
	few = scale_owner_cost();
	here_few = scale_cost(here);
	us = scale_connect(FEW, MANY);
	many = scale_owner_cost();
	here_many = scale_cost(here);
	REQUIRE(!test_bad);
	CHECK(few.connections == FEW && many.connections == MANY);
	scale_print("owner", &few, &many);
	scale_print("peer", &here_few, &here_many);
	printf("# of these structures: owner %zu bytes, peer %zu; a connection took %.0f us\n",
	       sizeof(struct remote_link), sizeof(struct ndshm_remote_peer), us);

	heap = scale_each(few.heap, many.heap, &few, &many);
	CHECK(heap >= sizeof(struct remote_link) && heap < LIMIT);
	CHECK(scale_near(scale_each(none.heap, few.heap, &none, &few), heap, 0.05));
	CHECK(scale_each(few.descriptors, many.descriptors, &few, &many) == 1);
	CHECK(scale_each(here_few.descriptors, here_many.descriptors, &here_few, &here_many) == 1);
	CHECK(few.threads == none.threads && many.threads == none.threads);
	bytes[0] = scale_each(few.resident, many.resident, &few, &many);
	bytes[1] = scale_each(here_few.resident, here_many.resident, &here_few, &here_many);
	scale_topologies(bytes, us);

	if (most > MANY) {
		const uint64_t slab = scale_number("/proc/meminfo", "Slab:");

		us = scale_connect(MANY, most);
		printf("# the kernel: about %.0f bytes for both ends of a connection\n",
		       ((double)scale_number("/proc/meminfo", "Slab:") - (double)slab) * 1024 /
		       (most - MANY));
		last = scale_owner_cost();
		CHECK(last.connections == most && last.threads == none.threads);
		CHECK(scale_near((double)last.heap, (double)none.heap + heap * most, 0.05));
		CHECK(last.descriptors == none.descriptors + most);
		printf("# with %u: %.1f MB of heap, predicted %.1f; %.1f MB resident; a connection "
		       "took "
		       "%.0f us\n",
		       most, (double)last.heap / 1e6, ((double)none.heap + heap * most) / 1e6,
		       (double)last.resident / 1e6, us);
	}
	for (uint32_t i = 0; i < most; i++)
		ndshm_remote_disconnect(peers[i]);
	last = scale_owner_idle();
	CHECK(last.descriptors == none.descriptors && last.heap <= none.heap + 65536);
	last = scale_cost(here);
	CHECK(last.descriptors == here_none.descriptors && last.heap <= here_none.heap + 65536);
	ndshm_remote_close(here);
}

int main(void)
{
	struct rlimit limit = { MOST + 200, MOST + 200 };
	int sockets[2], status;
	pid_t pid;

	/* LONG=1 requires it. */
	if (setrlimit(RLIMIT_NOFILE, &limit) && test_scale(0, 1)) {
		printf("# SKIP 10,000 descriptors are not permitted\n0 passed, 0 failed\n");
		return 0;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return 2;
	pid = fork();
	if (!pid) {
		close(sockets[0]);
		scale_owner(sockets[1]);
	}
	close(sockets[1]);
	owner_socket = sockets[0];
	if (recv(owner_socket, &owner_hello, sizeof(owner_hello), 0) != sizeof(owner_hello))
		return 2;
	RUN(connections_cost_the_same_each);
	close(owner_socket);
	waitpid(pid, &status, 0);
	return test_end();
}
