// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers between machines: wire.sh runs the station on one, the test on another, and the witness
 * on a third.
 *
 *	remote_wire station PORT		serve orders, and start owners of exports
 *	remote_wire witness ADDRESS PORT	serve orders, and access exports at ADDRESS
 *	remote_wire test ADDRESS PORT		all tests, against the station at ADDRESS
 *
 * The witness is a peer of the same owner as the test, and its accesses must neither fail nor wait
 * while processes of the test are killed or stopped, or its wire is cut. NDSHM_WITNESS is its
 * ADDRESS:PORT for the station and the test; without it there is none.
 *
 * The memory of both sides is of the place that NDSHM_BACKEND names, or of the module. NDSHM_WIRE
 * is the network interface between the machines; without it no wire is cut. NDSHM_TRANSFERS,
 * NDSHM_KILLS and NDSHM_CUTS (also of stops) are numbers of rounds, NDSHM_TEST is the name of the
 * only test to run. NDSHM_TRANSPORT is "tcp", which is the default, or "rdma".
 *
 * An order is a connection of its own: the test has none open while its wire is cut.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <malloc.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <ndshm/admin.h>

#include "remote_test.h"

#define ALL		(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)
#define MIB		(1u << 20)
#define COHERENT_BYTES	(2ul << 20)
#define CUT_TIMEOUT	1000		/* ms */
/* An owner notices by probes that a connection has ended: see link_socket_set_up(). */
#define CUT_LIMIT	(8 * CUT_TIMEOUT)
#define EXPORTS		16
/* A part of the export that only the witness accesses. */
#define WITNESS_OFFSET	MIB
#define WITNESS_BYTES	(256ul << 10)
#define WITNESS_LENGTH	16384u
/* A call of the witness takes less than this, in ms. */
#define WITNESS_LIMIT	4000
/* An owner that waited for a stopped process would wait longer than the witness. */
#define STOP_TIMEOUT	(2 * WITNESS_LIMIT)
/* A stop that no reply waits behind is repeated. */
#define MOST_STOPS	500

static const char *far_address = "127.0.0.1";

enum place_kind { PLACE_SECTION, PLACE_PAGES, PLACE_COHERENT };
static const char *const place_names[] = { "section", "pages", "coherent" };

/* Memory of ndshm. */
struct place {
	enum place_kind kind;
	struct ndshm_section *section;
	struct ndshm_block *block;
	uint64_t offset;		/* of the extent in the section */
	size_t bytes;
	unsigned char *base;
};

enum order_kind {
	/* For the owner. */
	ORDER_EXPORT, ORDER_REVOKE, ORDER_VERIFY, ORDER_ADD, ORDER_QUERY, ORDER_FREE,
	/* For the station. START ends the owner before it. */
	ORDER_START, ORDER_KILL, ORDER_CUT, ORDER_WATCH, ORDER_TIME, ORDER_CHARGES, ORDER_STOP,
	ORDER_END,
	/* The witness takes START, QUERY, CHARGES, STOP and END. */
};

struct order {
	enum order_kind kind;
	uint32_t value;			/* rights, number of an export, memory, ms, or port */
	uint64_t offset;
	uint64_t length;
	uint64_t seed;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
};

/* Accesses of the witness since START. */
struct tally {
	uint64_t transfers;		/* puts, each with a get of the same bytes */
	uint64_t wrong;			/* gets of other bytes than were put */
	int64_t longest;		/* call, in ms; also one that has not returned */
	int32_t error;			/* that ended the transfers */
};

/* What a process, or the machine, has. */
struct amounts {
	uint64_t descriptors, maps, memory;		/* of an owner */
	uint64_t blocks, sections, bytes, reserved;	/* of all users of the module */
	uint64_t holders, requests, clients;
	uint64_t sockets;				/* TCP, of the machine */
};

struct answer {
	int32_t error;
	uint16_t port;
	uint64_t bad;			/* bytes, or looks at them, that are not as expected */
	int64_t time;			/* ms */
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_info info;
	struct amounts amounts;
	struct tally tally;
};

static uint32_t number_of(const char *name, uint32_t usual)
{
	const char *value = getenv(name);

	return value && *value ? (uint32_t)strtoul(value, NULL, 10) : usual;
}

static unsigned char pattern_byte(uint64_t seed, uint64_t at)
{
	return (unsigned char)((seed + at) * 0x9e3779b97f4a7c15 >> 56);
}

/*
 * Memory
 */

static int place_open(struct place *place, enum place_kind kind)
{
	struct ndshm_section_request range = NDSHM_SECTION_REQUEST_INIT;
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_provider_info provider;
	uint64_t length;
	void *base;
	int error;

	*place = (struct place){ .kind = kind, .bytes = SECTION_BYTES };
	if (kind == PLACE_SECTION) {
		range.max_size = SECTION_BYTES + (4ul << 20);
		error = ndshm_section_create(ndshm, &range, &place->section);
		if (error)
			return error;
		error = ndshm_extent_alloc(place->section, SECTION_BYTES, 0, &place->offset,
					   &length);
		place->base = (unsigned char *)ndshm_section_base(place->section) + place->offset;
		return error;
	}
	if (kind == PLACE_COHERENT)
		place->bytes = COHERENT_BYTES;
	error = ndshm_find_provider(ndshm, place_names[kind], &provider);
	/* The stand-in for the module has one, of another name. */
	request.provider = error ? 0 : provider.id;
	request.length = place->bytes;
	error = ndshm_alloc(ndshm, &request, &place->block);
	if (error)
		return error;
	error = ndshm_map(place->block, &base);
	place->base = base;
	return error;
}

static void place_close(struct place *place)
{
	if (place->section)
		ndshm_section_close(place->section);
	if (place->block)
		ndshm_free(place->block);
}

/*
 * Amounts
 */

static uint64_t file_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	uint64_t count = 0;
	int byte;

	while (file && (byte = fgetc(file)) != EOF)
		count += byte == '\n';
	if (file)
		fclose(file);
	return count;
}

static void amounts_of_process(struct amounts *amounts)
{
	amounts->descriptors = (uint64_t)test_descriptors();
	amounts->maps = file_lines("/proc/self/maps");
	amounts->memory = mallinfo2().uordblks;
}

/* Of the whole machine: nothing else uses the module. */
static int amounts_of_module(struct amounts *amounts)
{
	struct ndshm_section_row *sections = NULL;
	struct ndshm_block_row *blocks = NULL;
	struct ndshm_quota_row quota = { 0 };
	size_t section_count = 0, block_count = 0;
	int error = ndshm_list_blocks(ndshm, &blocks, &block_count);

	if (!error)
		error = ndshm_list_sections(ndshm, &sections, &section_count);
	if (!error)
		error = ndshm_get_quota(ndshm, 0, &quota);
	/* The stand-in has no quotas. */
	if (error == -EOPNOTSUPP)
		error = 0;
	free(blocks);
	free(sections);
	amounts->blocks = block_count;
	amounts->sections = section_count;
	amounts->bytes = quota.bytes;
	amounts->reserved = quota.reserved;
	amounts->holders = quota.holders;
	amounts->requests = quota.requests;
	amounts->clients = quota.clients;
	return error;
}

/* Connections of the machine that are not closed yet, but those of orders. */
static void amounts_of_sockets(struct amounts *amounts)
{
	FILE *file = fopen("/proc/net/sockstat", "re");
	char line[200];
	unsigned int count;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "TCP: inuse %u", &count) == 1)
			amounts->sockets = count;
	if (file)
		fclose(file);
}

static void amounts_print(const char *where, const struct amounts *now)
{
	printf("# %s: %" PRIu64 " blocks, %" PRIu64 " sections, %" PRIu64 " bytes, %" PRIu64
	       " reserved, %" PRIu64 " holders, %" PRIu64 " requests, "
	       "%" PRIu64 " clients, %" PRIu64 " sockets\n",
	       where, now->blocks, now->sections, now->bytes, now->reserved, now->holders,
	       now->requests, now->clients, now->sockets);
}

/* The sockets that are counted, by their states. */
static void sockets_print(void)
{
	FILE *file = fopen("/proc/net/tcp", "re");
	char line[200];
	unsigned int state;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, " %*u: %*s %*s %x", &state) != 1 || state != TCP_TIME_WAIT)
			printf("# %.80s\n", line);
	if (file)
		fclose(file);
}

/* The allocator keeps some mappings and memory. A leak grows with the rounds. */
static bool amounts_are_of_process(const struct amounts *now, const struct amounts *before)
{
	const bool good = now->descriptors == before->descriptors &&
			  now->maps <= before->maps + 20 && now->memory <= before->memory + 65536;

	if (!good)
		printf("# %" PRIu64 " descriptors, %" PRIu64 " mappings, %" PRIu64
		       " bytes; before %" PRIu64 ", %" PRIu64 ", %" PRIu64 "\n",
		       now->descriptors, now->maps, now->memory, before->descriptors, before->maps,
		       before->memory);
	return good;
}

static bool amounts_are_of_module(const char *where, const struct amounts *now,
				  const struct amounts *before)
{
	const bool good = now->blocks == before->blocks && now->sections == before->sections &&
			  now->bytes == before->bytes && now->reserved == before->reserved &&
			  now->holders == before->holders && now->requests == before->requests &&
			  now->clients == before->clients && now->sockets == before->sockets;

	if (!good) {
		amounts_print(where, now);
		amounts_print("before", before);
		sockets_print();
	}
	return good;
}

/*
 * Transport: the one place that knows its name.
 */

static bool transport_is_rdma(void)
{
	const char *name = getenv("NDSHM_TRANSPORT");

	if (name && strcmp(name, "tcp") && strcmp(name, "rdma")) {
		printf("# NDSHM_TRANSPORT: no transport is named \"%s\"\n", name);
		exit(2);
	}
	return name && !strcmp(name, "rdma");
}

static struct ndshm_remote *transport_open(uint32_t timeout)
{
	return test_open(transport_is_rdma() ? 0 : NDSHM_REMOTE_TCP, timeout);
}

/* Only memory that cannot be pinned is accessed by TCP instead. */
static bool transport_is_right(const struct ndshm_remote_range *range)
{
	uint32_t reason, transport = ndshm_remote_range_transport(range, &reason);

	if (!transport_is_rdma())
		return transport == NDSHM_REMOTE_TCP;
	return transport == NDSHM_REMOTE_RDMA || reason == NDSHM_REASON_REMOTE_UNPINNABLE;
}

/*
 * Wire: the interface of this machine, whose peers see silence while it is down
 */

static bool wire_set(bool up)
{
	struct ifreq request = { .ifr_flags = up ? IFF_UP : 0 };
	const char *name = getenv("NDSHM_WIRE");
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good;

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name ? name : "");
	good = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);
	close(fd);
	return good;
}

/*
 * Owner: a process of the station, with the memory and the exports
 */

static struct place owned;

static void owner_revoke(struct ndshm_remote_export **export, const struct order *order,
			 struct answer *answer)
{
	unsigned char *copy = malloc(order->length), *bytes = owned.base + order->offset;
	int64_t start = test_now(), end;

	ndshm_remote_revoke(*export);
	memcpy(copy, bytes, order->length);
	*export = NULL;
	end = test_now();
	answer->time = end - start;
	/* What the memory has now, it has for a second. */
	for (end += 1000; test_now() < end; usleep(1000))
		if (memcmp(bytes, copy, order->length))
			answer->bad++;
	free(copy);
}

/* Held memory is busy until the exports are revoked, and not after it. */
static void owner_free(struct ndshm_remote_export **exports, struct answer *answer)
{
	if (owned.section && ndshm_extent_free(owned.section, owned.offset) != -EBUSY)
		answer->bad++;
	for (int i = 0; i < EXPORTS; i++)
		ndshm_remote_revoke(exports[i]);
	memset(exports, 0, EXPORTS * sizeof(*exports));
	if (owned.section) {
		answer->error = ndshm_extent_free(owned.section, owned.offset);
	} else {
		ndshm_free(owned.block);
		owned.block = NULL;
	}
}

static void owner_do(struct ndshm_remote *remote, struct ndshm_remote_export **exports,
		     const struct order *order, struct answer *answer)
{
	struct ndshm_remote_export **export = &exports[order->value % EXPORTS];
	int number = 0;

	switch (order->kind) {
	case ORDER_EXPORT:
		while (number < EXPORTS - 1 && exports[number])
			number++;
		export = &exports[number];
		answer->port = (uint16_t)number;
		answer->error =
			owned.section
				? ndshm_remote_export_section(remote, owned.section,
							      owned.offset + order->offset,
							      order->length, order->value, export)
				: ndshm_remote_export_block(remote, owned.block, order->offset,
							    order->length, order->value, export);
		if (!answer->error)
			ndshm_remote_export_blob(*export, answer->blob);
		break;
	case ORDER_REVOKE:
		owner_revoke(export, order, answer);
		break;
	case ORDER_VERIFY:
		for (uint64_t i = 0; i < order->length; i++)
			answer->bad +=
				owned.base[order->offset + i] != pattern_byte(order->seed, i);
		break;
	case ORDER_ADD:
		for (uint64_t i = 0; i < order->length; i++)
			__atomic_fetch_add((uint64_t *)(void *)(owned.base + order->offset), 1,
					   __ATOMIC_SEQ_CST);
		break;
	case ORDER_FREE:
		owner_free(exports, answer);
		break;
	default:
		answer->error = ndshm_remote_query(remote, &answer->info);
		amounts_of_process(&answer->amounts);
		break;
	}
}

static void wire_owner_main(const char *text)
{
	struct ndshm_remote_export *exports[EXPORTS] = { NULL };
	struct answer answer = { 0 };
	struct ndshm_remote *remote;
	struct order order;
	unsigned int kind, timeout;
	int sock;

	if (sscanf(text, "%d %u %u", &sock, &kind, &timeout) != 3)
		_exit(4);
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	remote = transport_open(timeout);
	answer.error = ndshm_open(NULL, &ndshm);
	if (!answer.error)
		answer.error = place_open(&owned, kind);
	if (!answer.error)
		answer.error = ndshm_remote_listen(remote, "0.0.0.0", 0, TOKEN, sizeof(TOKEN),
						   &answer.port);
	while (send(sock, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer) &&
	       recv(sock, &order, sizeof(order), 0) == sizeof(order)) {
		memset(&answer, 0, sizeof(answer));
		owner_do(remote, exports, &order, &answer);
	}
	ndshm_remote_close(remote);
	place_close(&owned);
	ndshm_close(ndshm);
	exit(0);
}

/* This program once more. */
static pid_t wire_spawn(const char *role, const char *text, int inherit)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	if (inherit >= 0)
		fcntl(inherit, F_SETFD, 0);
	execl("/proc/self/exe", role, text, (char *)NULL);
	_exit(3);
}

/*
 * Orders of another machine
 */

static int order_listen(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16))
		return -1;
	return listener;
}

/* Wait for an order. */
static int order_accept(int listener, struct order *order)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd >= 0 && recv(fd, order, sizeof(*order), MSG_WAITALL) == sizeof(*order))
			return fd;
		if (fd >= 0)
			close(fd);
	}
}

static void order_reply(int fd, const struct answer *answer)
{
	const struct linger reset = { .l_onoff = 1 };
	char byte;

	send(fd, answer, sizeof(*answer), MSG_NOSIGNAL);
	/* The other side closes first, and so has the port that stays in use. */
	recv(fd, &byte, 1, 0);
	/* A FIN could be lost at each try, while the wire is cut, and the socket stays meanwhile. */
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

static int order_connect(const char *to, uint16_t port, int64_t end)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval limit = { .tv_usec = 500000 };
	int fd;

	inet_pton(AF_INET, to, &address.sin_addr);
	do {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		/* Also of connect(): packets may be lost while the wire comes up. */
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			return fd;
		close(fd);
		usleep(20000);
	} while (test_now() < end);
	return -1;
}

static struct answer ask_at(const char *address, uint16_t port, const struct order *order)
{
	/* The other machine may still boot, or wait for its wire. */
	int fd = order_connect(address, port,
			       test_now() + (order->kind == ORDER_CHARGES ? 400000 : 60000));
	struct answer answer = { .error = -EPIPE };

	if (fd < 0 || send(fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order) ||
	    recv(fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		answer.error = -EPIPE;
	close(fd);
	if (answer.error)
		printf("# order %d: %s\n", order->kind, strerror(-answer.error));
	return answer;
}

static uint16_t station_port;

static struct answer ask(const struct order *order)
{
	return ask_at(far_address, station_port, order);
}

static struct answer ask_kind(enum order_kind kind, uint32_t value)
{
	return ask(&(struct order){ .kind = kind, .value = value });
}

/*
 * Orders for the witness
 */

static char witness_address[64];
static uint16_t witness_port;		/* 0: there is no witness */

static void witness_find(void)
{
	const char *text = getenv("NDSHM_WITNESS");

	if (text && sscanf(text, "%63[^:]:%" SCNu16, witness_address, &witness_port) != 2) {
		printf("# NDSHM_WITNESS: no address and port: \"%s\"\n", text);
		exit(2);
	}
}

/* The number of its connections with an owner, and of its ranges. */
static uint32_t witness_count(void)
{
	return witness_port != 0;
}

/* Without a witness the answer is empty. */
static struct answer witness_ask(const struct order *order)
{
	struct answer answer = { 0 };

	if (witness_port)
		answer = ask_at(witness_address, witness_port, order);
	if (answer.error)
		answer.tally.error = answer.error;
	return answer;
}

static struct answer witness_ask_kind(enum order_kind kind)
{
	return witness_ask(&(struct order){ .kind = kind });
}

static struct tally witness_query(void)
{
	return witness_ask_kind(ORDER_QUERY).tally;
}

static uint64_t witness_transfers(void)
{
	return witness_query().transfers;
}

/* Wait for a transfer that begins and ends after the call. */
static bool witness_progresses(void)
{
	const int64_t end = test_now() + WITNESS_LIMIT;
	struct tally before = witness_query(), now = before;

	while (witness_port && now.transfers < before.transfers + 2) {
		if (now.error || test_now() > end)
			return false;
		usleep(5000);
		now = witness_query();
	}
	return true;
}

/*
 * Station
 */

struct station {
	pid_t pid;		/* of the owner; 0: none */
	int socket;
	int64_t time;		/* from the cut to the end of station_watch(); -1: too long */
	uint64_t transfers;	/* of the witness in this time */
};

static void station_ask(struct station *station, const struct order *order, struct answer *answer)
{
	if (send(station->socket, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order) ||
	    recv(station->socket, answer, sizeof(*answer), 0) != sizeof(*answer))
		answer->error = -ECHILD;
}

static void station_end_owner(struct station *station, bool by_kill)
{
	int status;

	if (!station->pid)
		return;
	if (by_kill)
		kill(station->pid, SIGKILL);
	close(station->socket);
	waitpid(station->pid, &status, 0);
	station->pid = 0;
}

static void station_start_owner(struct station *station, const struct order *order,
				struct answer *answer)
{
	char text[60];
	int sockets[2];

	station_end_owner(station, false);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets)) {
		answer->error = -errno;
		return;
	}
	snprintf(text, sizeof(text), "%d %u %" PRIu64, sockets[1], order->value, order->length);
	station->pid = wire_spawn("owner", text, sockets[1]);
	station->socket = sockets[0];
	close(sockets[1]);
	if (recv(station->socket, answer, sizeof(*answer), 0) != sizeof(*answer))
		answer->error = -ECHILD;
}

/*
 * Wait until the owner has no peers but the witness, and then for one more transfer of the witness:
 * the wire is still cut.
 */
static void station_watch(struct station *station)
{
	const struct order query = { .kind = ORDER_QUERY };
	struct answer answer = { .info.peers = UINT32_MAX };
	const uint64_t before = witness_transfers();
	int64_t start = test_now(), time;
	bool good;

	while (answer.info.peers > witness_count() && test_now() - start < CUT_LIMIT + SLACK) {
		station_ask(station, &query, &answer);
		usleep(5000);
	}
	time = test_now() - start;
	good = answer.info.peers == witness_count() && answer.info.imports == witness_count() &&
	       witness_progresses();
	station->time = good ? time : -1;
	station->transfers = witness_transfers() - before;
}

/* What is done after the reply: the peer transfers meanwhile, or the wire is cut. */
static void station_do_later(struct station *station, const struct order *order)
{
	if (order->kind == ORDER_KILL) {
		usleep(order->value * 1000);
		station_end_owner(station, true);
	} else if (order->kind == ORDER_CUT) {
		usleep(order->value * 1000);
		wire_set(false);
		station_watch(station);
		wire_set(true);
	} else if (order->kind == ORDER_WATCH) {
		station_watch(station);
	} else if (order->kind == ORDER_STOP) {
		station_end_owner(station, false);
	} else if (order->kind == ORDER_CHARGES && order->value) {
		sockets_print();
	}
}

static void station_answer(struct station *station, const struct order *order,
			   struct answer *answer)
{
	if (order->kind < ORDER_START)
		station_ask(station, order, answer);
	else if (order->kind == ORDER_START)
		station_start_owner(station, order, answer);
	else if (order->kind == ORDER_CHARGES)
		answer->error = amounts_of_module(&answer->amounts);
	if (order->kind == ORDER_CHARGES)
		amounts_of_sockets(&answer->amounts);
	if (order->kind == ORDER_TIME) {
		answer->time = station->time;
		answer->tally.transfers = station->transfers;
	}
}

static int station_main(uint16_t port)
{
	struct station station = { 0 };
	struct order order = { .kind = ORDER_QUERY };
	int listener = order_listen(port);

	if (listener < 0 || ndshm_open(NULL, &ndshm)) {
		perror("remote_wire: station");
		return 2;
	}
	while (order.kind != ORDER_END) {
		struct answer answer = { 0 };
		int fd = order_accept(listener, &order);

		station_answer(&station, &order, &answer);
		order_reply(fd, &answer);
		station_do_later(&station, &order);
	}
	return 0;
}

/*
 * A connection with an owner
 */

static struct ndshm_remote *remote;
static struct ndshm_remote_peer *peer;
static struct ndshm_remote_range *range;
static unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
static uint16_t owner_port;

static bool peer_connect(void)
{
	int error =
		ndshm_remote_connect(remote, far_address, owner_port, TOKEN, sizeof(TOKEN), &peer);

	if (!error)
		error = ndshm_remote_import(peer, blob, sizeof(blob), &range);
	if (error)
		printf("# connect: %s: %s\n", strerror(-error),
		       ndshm_remote_reason_text(ndshm_remote_last_reason()));
	return !error;
}

static bool peer_open(void)
{
	return peer_connect() && CHECK(transport_is_right(range));
}

/*
 * Witness
 */

enum witness_call { WITNESS_PUT, WITNESS_FLUSH, WITNESS_GET };

static struct witness {
	pthread_t thread;
	bool running;			/* the thread has to be joined */
	unsigned char expected[WITNESS_BYTES];
	unsigned char got[WITNESS_LENGTH];
	pthread_mutex_t lock;
	/* Protected by @lock. */
	bool stop;
	int64_t since;			/* of the call that has not returned; 0: none */
	struct tally tally;
} witness = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct tally witness_tally(void)
{
	struct tally tally;

	pthread_mutex_lock(&witness.lock);
	if (witness.since && witness.tally.longest < test_now() - witness.since)
		witness.tally.longest = test_now() - witness.since;
	tally = witness.tally;
	pthread_mutex_unlock(&witness.lock);
	return tally;
}

static bool witness_call(enum witness_call call, uint64_t at, void *bytes, size_t length)
{
	int error;

	pthread_mutex_lock(&witness.lock);
	witness.since = test_now();
	pthread_mutex_unlock(&witness.lock);
	if (call == WITNESS_PUT)
		error = ndshm_remote_put(range, WITNESS_OFFSET + at, bytes, length);
	else if (call == WITNESS_GET)
		error = ndshm_remote_get(range, WITNESS_OFFSET + at, bytes, length);
	else
		error = ndshm_remote_flush(peer);
	witness_tally();
	pthread_mutex_lock(&witness.lock);
	witness.since = 0;
	witness.tally.error = error;
	pthread_mutex_unlock(&witness.lock);
	return !error;
}

/* Get bytes of the part, and compare them. Returns false if the call has failed. */
static bool witness_compare(uint64_t at, size_t length)
{
	bool wrong;

	if (!witness_call(WITNESS_GET, at, witness.got, length))
		return false;
	wrong = memcmp(witness.got, witness.expected + at, length);
	pthread_mutex_lock(&witness.lock);
	witness.tally.wrong += wrong;
	witness.tally.transfers++;
	pthread_mutex_unlock(&witness.lock);
	return true;
}

static bool witness_transfer(void)
{
	const size_t length = 1 + test_random() % WITNESS_LENGTH;
	const uint64_t at = test_random() % (WITNESS_BYTES - length + 1);
	const uint64_t seed = test_random();

	for (size_t i = 0; i < length; i++)
		witness.expected[at + i] = pattern_byte(seed, i);
	return witness_call(WITNESS_PUT, at, witness.expected + at, length) &&
	       (seed % 8 || witness_call(WITNESS_FLUSH, 0, NULL, 0)) &&
	       witness_compare(at, length);
}

static bool witness_stopped(void)
{
	bool stop;

	pthread_mutex_lock(&witness.lock);
	stop = witness.stop;
	pthread_mutex_unlock(&witness.lock);
	return stop;
}

static void *witness_run(void *context)
{
	bool good = true;

	while (good && !witness_stopped())
		good = witness_transfer();
	/* All of the part. */
	for (uint64_t at = 0; good && at < WITNESS_BYTES; at += WITNESS_LENGTH)
		good = witness_compare(at, WITNESS_LENGTH);
	return context;
}

static void witness_close(void)
{
	if (!witness.running)
		return;
	pthread_mutex_lock(&witness.lock);
	witness.stop = true;
	pthread_mutex_unlock(&witness.lock);
	pthread_join(witness.thread, NULL);
	witness.running = false;
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
}

static int witness_open(const struct order *order)
{
	witness_close();
	owner_port = (uint16_t)order->value;
	memcpy(blob, order->blob, sizeof(blob));
	memset(witness.expected, 0, sizeof(witness.expected));
	witness.tally = (struct tally){ 0 };
	witness.stop = false;
	remote = transport_open(WITNESS_LIMIT);
	if (!remote)
		return -ENOMEM;
	witness.running = peer_open() && !pthread_create(&witness.thread, NULL, witness_run, NULL);
	if (witness.running)
		return 0;
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	return -ENOTCONN;
}

static int witness_main(const char *address, uint16_t port)
{
	struct order order = { .kind = ORDER_QUERY };
	int listener = order_listen(port);

	far_address = address;
	if (listener < 0 || ndshm_open(NULL, &ndshm)) {
		perror("remote_wire: witness");
		return 2;
	}
	while (order.kind != ORDER_END) {
		struct answer answer = { 0 };
		int fd = order_accept(listener, &order);

		if (order.kind == ORDER_START)
			answer.error = witness_open(&order);
		else if (order.kind == ORDER_CHARGES)
			answer.error = amounts_of_module(&answer.amounts);
		else if (order.kind == ORDER_STOP || order.kind == ORDER_END)
			witness_close();
		if (order.kind == ORDER_CHARGES)
			amounts_of_sockets(&answer.amounts);
		answer.tally = witness_tally();
		order_reply(fd, &answer);
	}
	ndshm_close(ndshm);
	return 0;
}

/*
 * Tests
 */

static struct place place;		/* what is sent and received */
static struct amounts near_before, far_before, witness_before;

/* A new owner, and memory of the same kind here. */
static bool begin(enum place_kind kind, uint32_t timeout)
{
	struct order order = { .kind = ORDER_START, .value = kind, .length = timeout };
	struct answer answer = ask(&order);

	owner_port = answer.port;
	if (answer.error || !CHECK(!place_open(&place, kind)))
		return CHECK(!answer.error);
	order = (struct order){ .kind = ORDER_EXPORT, .value = ALL, .length = place.bytes };
	answer = ask(&order);
	memcpy(blob, answer.blob, sizeof(blob));
	remote = transport_open(timeout);
	return CHECK(!answer.error) && CHECK(remote) && CHECK(peer_open());
}

/* Connect the witness to the owner. Without a witness these calls do nothing. */
static bool witness_begin(void)
{
	struct order order = { .kind = ORDER_START, .value = owner_port };

	memcpy(order.blob, blob, sizeof(blob));
	return CHECK(!witness_ask(&order).error) && CHECK(witness_progresses());
}

/* No fault was its own. It made @transfers during faults. */
static void witness_end_unharmed(uint64_t transfers)
{
	const struct tally tally = witness_ask_kind(ORDER_STOP).tally;

	if (!witness_port)
		return;
	printf("# witness: %" PRIu64 " transfers meanwhile, %" PRIu64 " in all, %" PRIu64
	       " wrong; the longest call took %" PRId64 " ms; %s\n", transfers, tally.transfers,
	       tally.wrong, tally.longest, tally.error ? strerror(-tally.error) : "no error");
	CHECK(transfers && !tally.wrong && !tally.error && tally.longest < WITNESS_LIMIT);
}

/* Its owner was killed. Returns the time of its last call. */
static int64_t witness_end_reset(void)
{
	const int64_t end = test_now() + WITNESS_LIMIT + SLACK;
	struct tally tally;

	if (!witness_port)
		return 0;
	while (!witness_query().error && test_now() < end)
		usleep(5000);
	tally = witness_ask_kind(ORDER_STOP).tally;
	CHECK(tally.transfers && !tally.wrong);
	CHECK(tally.error == -ECONNRESET || tally.error == -ETIMEDOUT);
	CHECK(tally.longest < WITNESS_LIMIT + SLACK);
	return tally.longest;
}

static void finish(void)
{
	struct answer answer = ask_kind(ORDER_FREE, 0);

	CHECK(!answer.error && !answer.bad);
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	place_close(&place);
	CHECK(!ask_kind(ORDER_STOP, 0).error);
}

/* A failure is rare, and shows its reason. */
static bool transferred(int error, size_t length, int64_t start)
{
	if (error)
		printf("# a transfer of %zu bytes: %s, %s, after %" PRId64 " ms\n", length,
		       strerror(-error), ndshm_remote_reason_name(ndshm_remote_last_reason()),
		       test_now() - start);
	return !error;
}

/* At random offsets, 1 byte to 16 MiB; the owner compares the bytes, too. */
static void transfer(uint32_t count)
{
	const size_t longest = place.bytes < 16 * MIB ? place.bytes : 16 * MIB;
	unsigned char *shadow = calloc(1, place.bytes);
	uint64_t bytes = 0;
	int64_t start = test_now();

	for (uint32_t i = 0; i < count && !test_bad; i++) {
		const size_t most = i % 100 == 99 ? longest : i % 8 ? 4096 : longest / 16;
		const size_t length = i == 99 ? longest : 1 + test_random() % most;
		const uint64_t offset = test_random() % (place.bytes - length + 1);
		struct order verify = { .kind = ORDER_VERIFY, .offset = offset, .length = length };
		const int64_t began = test_now();

		bytes += length;
		if (test_random() % 2) {
			verify.seed = test_random();
			for (size_t at = 0; at < length; at++)
				place.base[at] = pattern_byte(verify.seed, at);
			memcpy(shadow + offset, place.base, length);
			CHECK(transferred(ndshm_remote_put(range, offset, place.base, length),
					  length, began));
			CHECK(transferred(ndshm_remote_flush(peer), length, began));
			CHECK(!ask(&verify).bad);
		} else {
			memset(place.base, 0x55, length);
			CHECK(transferred(ndshm_remote_get(range, offset, place.base, length),
					  length, began));
			CHECK(!memcmp(shadow + offset, place.base, length));
		}
	}
	CHECK(!ndshm_remote_get(range, 0, place.base, place.bytes));
	CHECK(!memcmp(shadow, place.base, place.bytes));
	printf("# %u transfers, %" PRIu64 " MiB in %" PRId64 " s\n", count, bytes >> 20,
	       (test_now() - start) / 1000);
	free(shadow);
}

static void transfers_to_a_section_are_exact(void)
{
	REQUIRE(begin(PLACE_SECTION, TIMEOUT));
	transfer(number_of("NDSHM_TRANSFERS", 300));
	finish();
}

static void transfers_to_a_block_are_exact(void)
{
	REQUIRE(begin(PLACE_PAGES, TIMEOUT));
	transfer(number_of("NDSHM_TRANSFERS", 300));
	finish();
}

static void transfers_to_coherent_memory_are_exact(void)
{
	REQUIRE(begin(PLACE_COHERENT, TIMEOUT));
	transfer(number_of("NDSHM_TRANSFERS", 300));
	finish();
}

static void *add_remotely(void *context)
{
	uint64_t old;

	for (int i = 0; i < 300; i++)
		if (ndshm_remote_fetch_add(context, 64, 1, &old))
			return context;
	return NULL;
}

static void *add_by_owner(void *context)
{
	const struct order order = { .kind = ORDER_ADD, .offset = 64, .length = 3000000 };

	return ask(&order).error ? context : NULL;
}

static void atomics_of_both_sides_sum_up(void)
{
	pthread_t threads[4];
	uint64_t old, word;
	void *failed;

	REQUIRE(begin(PLACE_SECTION, TIMEOUT));
	CHECK(!pthread_create(&threads[3], NULL, add_by_owner, range));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, add_remotely, range));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], &failed) && !failed);
	CHECK(!ndshm_remote_get(range, 64, &word, sizeof(word)) && word == 3000900);
	CHECK(!ndshm_remote_compare_swap(range, 64, 3000900, 7, &old) && old == 3000900);
	CHECK(!ndshm_remote_get(range, 64, &word, sizeof(word)) && word == 7);
	finish();
}

/* Returns the error that ends the transfers. */
static int transfer_until_error(struct ndshm_remote_range *to, uint64_t from, uint64_t length)
{
	int error = 0;

	while (!error) {
		const size_t bytes = 1 + test_random() % (length / 2);
		const uint64_t offset = from + test_random() % (length - bytes);

		if (test_random() % 2) {
			place.base[0]++;
			error = ndshm_remote_put(to, offset, place.base, bytes);
			if (!error && test_random() % 4 == 0)
				error = ndshm_remote_flush(peer);
		} else {
			error = ndshm_remote_get(to, offset, place.base, bytes);
		}
	}
	return error;
}

struct writer {
	struct ndshm_remote_range *range;
	int error;
	uint32_t reason;
	_Atomic uint64_t puts;		/* that have begun */
};

static void *write_until_revoked(void *context)
{
	struct writer *writer = context;
	/* Longer than the owner watches its memory. */
	const int64_t end = test_now() + 1000 + TIMEOUT + SLACK;

	do {
		memset(place.base, (int)writer->puts++, 20000);
		writer->error =
			ndshm_remote_put(writer->range, test_random() % 40000, place.base, 20000);
		if (!writer->error && writer->puts % 8 == 0)
			writer->error = ndshm_remote_flush(peer);
	} while (!writer->error && test_now() < end);
	writer->reason = ndshm_remote_last_reason();
	return NULL;
}

static void nothing_lands_after_revoke(void)
{
	struct order order = { .kind = ORDER_EXPORT, .value = ALL, .offset = MIB, .length = 65536 };
	uint64_t value;

	REQUIRE(begin(PLACE_SECTION, TIMEOUT));
	for (int round = 0; round < 5 && !test_bad; round++) {
		struct writer writer = { 0 };
		struct answer answer;
		pthread_t thread;
		int64_t end;

		order.kind = ORDER_EXPORT;
		order.value = ALL;
		answer = ask(&order);
		REQUIRE(!answer.error);
		REQUIRE(!ndshm_remote_import(peer, answer.blob, sizeof(answer.blob),
					     &writer.range));
		CHECK(!pthread_create(&thread, NULL, write_until_revoked, &writer));
		/* Revoke while it writes: it may start late. */
		for (end = test_now() + SLACK; writer.puts < 2 && test_now() < end; usleep(1000))
			;
		CHECK(writer.puts >= 2);
		order.kind = ORDER_REVOKE;
		order.value = answer.port;
		answer = ask(&order);
		CHECK(!answer.error && !answer.bad && answer.time < TIMEOUT + SLACK);
		CHECK(!pthread_join(thread, NULL));
		CHECK(writer.error == -EREMOTEIO && writer.reason == NDSHM_REASON_REMOTE_REVOKED);
		CHECK(writer.puts > 1);
		CHECK(ndshm_remote_get(writer.range, 0, &value, 8) == -EREMOTEIO);
		ndshm_remote_release(writer.range);
		CHECK(!ndshm_remote_get(range, 0, &value, 8));
		printf("# %" PRIu64 " puts, revoked in %" PRId64 " ms\n", writer.puts, answer.time);
	}
	finish();
}

/* This side has no peers any more, and a process as before. */
static bool near_is_at_baseline(const struct amounts *before)
{
	struct ndshm_remote_info info;
	struct amounts now;

	amounts_of_process(&now);
	return !ndshm_remote_query(remote, &info) && !info.peers && !info.imports &&
	       !info.replies && amounts_are_of_process(&now, before);
}

/* The machine of the station has what it had, all of it: no owner is running. */
static bool far_is_at_baseline(void)
{
	struct answer answer = { 0 };
	int64_t end = test_now() + TIMEOUT + SLACK;

	do {
		answer = ask_kind(ORDER_CHARGES, 0);
		if (!memcmp(&answer.amounts, &far_before, sizeof(far_before)))
			return true;
	} while (!answer.error && test_now() < end);
	ask_kind(ORDER_CHARGES, 1);
	return amounts_are_of_module("far", &answer.amounts, &far_before);
}

static void killed_owners_are_errors(void)
{
	const uint32_t rounds = number_of("NDSHM_KILLS", 10);
	/* A section has descriptors, a block has none. */
	struct amounts before[2];
	int64_t longest = 0, witness_longest = 0;

	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		int64_t time;
		int error;

		REQUIRE(begin(i % 2 ? PLACE_PAGES : PLACE_SECTION, TIMEOUT));
		REQUIRE(witness_begin());
		CHECK(!ask_kind(ORDER_KILL, (uint32_t)(test_random() % 30)).error);
		time = test_now();
		error = transfer_until_error(range, 0, 400000);
		time = test_now() - time;
		longest = time > longest ? time : longest;
		CHECK(error == -ECONNRESET || error == -ETIMEDOUT);
		CHECK(time < TIMEOUT + SLACK);
		/* And so fail all later calls. */
		CHECK(ndshm_remote_put(range, 0, "x", 1) == error &&
		      ndshm_remote_flush(peer) == error);
		time = witness_end_reset();
		witness_longest = time > witness_longest ? time : witness_longest;
		ndshm_remote_disconnect(peer);
		if (i < 2)
			amounts_of_process(&before[i]);
		CHECK(near_is_at_baseline(&before[i % 2]));
		ndshm_remote_close(remote);
		place_close(&place);
		CHECK(far_is_at_baseline());
	}
	printf("# %u owners were killed, the last call ended within %" PRId64
	       " ms, that of the witness within %" PRId64 " ms\n", rounds, longest,
	       witness_longest);
}

/* The owner has no peers but the witness, and what it had before. */
static bool owner_is_at_baseline(const struct amounts *before)
{
	const int64_t end = test_now() + TIMEOUT + SLACK;
	struct answer answer;

	do {
		answer = ask_kind(ORDER_QUERY, 0);
		if (answer.info.peers == witness_count() &&
		    answer.info.imports == witness_count() && !answer.info.replies)
			return !answer.error && answer.info.exports == 1 &&
			       amounts_are_of_process(&answer.amounts, before);
	} while (!answer.error && test_now() < end);
	return false;
}

/* Accesses of a client, until one fails. */
enum client_kind { CLIENT_TRANSFERS, CLIENT_GETS, CLIENT_PUTS };

/* More is in flight than buffers of the sockets have. */
static int client_get(void)
{
	struct ndshm_remote_part parts[64];

	for (size_t i = 0; i < 64; i++)
		parts[i] = (struct ndshm_remote_part){
			.offset = i % 16 * MIB, .buffer = place.base + i % 16 * MIB, .length = MIB,
		};
	return ndshm_remote_get_many(range, parts, 64);
}

static int client_run(enum client_kind kind)
{
	/* Behind the part of the witness. */
	const uint64_t put_offset = WITNESS_OFFSET + MIB;
	int error = 0;

	if (kind == CLIENT_TRANSFERS)
		return transfer_until_error(range, 0, 400000);
	while (!error)
		error = kind == CLIENT_GETS ? client_get() :
					      ndshm_remote_put(range, put_offset, place.base,
							       SECTION_BYTES - put_offset);
	return error;
}

static void client_main(const char *text)
{
	static char address[64];
	unsigned int byte, port, inherited, kind;
	int start;

	if (sscanf(text, "%63s %u %u %u %n", address, &port, &inherited, &kind, &start) != 4)
		_exit(4);
	for (size_t i = 0; i < sizeof(blob); i++) {
		if (sscanf(text + start + 2 * i, "%2x", &byte) != 1)
			_exit(4);
		blob[i] = (unsigned char)byte;
	}
	far_address = address;
	owner_port = (uint16_t)port;
	/* A device would take the data of a stopped process. */
	remote = kind == CLIENT_GETS ? test_open(NDSHM_REMOTE_TCP, TIMEOUT) :
				       transport_open(TIMEOUT);
	if (ndshm_open(NULL, &ndshm) || place_open(&place, PLACE_SECTION) ||
	    !(kind == CLIENT_GETS ? peer_connect() : peer_open()))
		_exit(5);
	if (write((int)inherited, "x", 1) != 1)
		_exit(6);
	_exit(client_run(kind) != 0);
}

/* Returns after the client has connected. */
static pid_t client_start(enum client_kind kind)
{
	char text[2 * NDSHM_REMOTE_BLOB_BYTES + 120], byte;
	int pipes[2], length;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	length = snprintf(text, sizeof(text), "%s %u %d %u ", far_address, owner_port, pipes[1],
			  kind);
	for (size_t i = 0; i < sizeof(blob); i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "%02x", blob[i]);
	pid = wire_spawn("client", text, pipes[1]);
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1)
		byte = 0;
	close(pipes[0]);
	return byte ? pid : -1;
}

/* Start an owner whose only peers are the witness and clients. */
static bool clients_begin(enum place_kind kind, uint32_t timeout)
{
	if (!begin(kind, timeout))
		return false;
	ndshm_remote_disconnect(peer);
	peer = NULL;
	return witness_begin();
}

/* Kill a client. The owner has what it had after the first one: *before. */
static void client_end(pid_t pid, bool first, struct amounts *before)
{
	int status;

	CHECK(!kill(pid, SIGKILL));
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	if (first)
		*before = ask_kind(ORDER_QUERY, 0).amounts;
	CHECK(owner_is_at_baseline(before));
}

/* One owner survives all clients, and serves the next. */
static void killed_clients_leave_nothing(void)
{
	const uint32_t rounds = number_of("NDSHM_KILLS", 10);
	struct amounts before = { 0 };
	uint64_t transfers = 0;

	REQUIRE(clients_begin(PLACE_PAGES, TIMEOUT));
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		pid_t pid = client_start(CLIENT_TRANSFERS);

		REQUIRE(pid > 0);
		usleep(test_random() % 30000);
		transfers -= witness_transfers();
		client_end(pid, !i, &before);
		CHECK(witness_progresses());
		transfers += witness_transfers();
	}
	witness_end_unharmed(transfers);
	REQUIRE(peer_open());
	CHECK(!ndshm_remote_get(range, 0, place.base, 4096));
	printf("# %u clients were killed\n", rounds);
	finish();
}

static bool client_stop(pid_t pid)
{
	int status;

	return !kill(pid, SIGSTOP) && waitpid(pid, &status, WUNTRACED) == pid &&
	       WIFSTOPPED(status);
}

/*
 * Wait until the owner drops a stopped client, for which replies wait. While they do, the witness
 * makes the transfers that are added to *transfers.
 */
static bool client_is_dropped(pid_t pid, uint64_t *transfers)
{
	int64_t end = test_now() + 2 * STOP_TIMEOUT + SLACK;
	uint64_t from = witness_transfers();
	uint32_t stops = 1;

	while (test_now() < end) {
		const struct answer answer = ask_kind(ORDER_QUERY, 0);

		if (answer.error)
			return false;
		if (answer.info.peers == witness_count()) {
			*transfers += witness_transfers() - from;
			return true;
		}
		/* If its kernel has taken all replies, stop it within others. */
		if (!answer.info.replies) {
			kill(pid, SIGCONT);
			usleep(20000);
			if (stops == MOST_STOPS || !client_stop(pid))
				break;
			stops++;
			from = witness_transfers();
			end = test_now() + 2 * STOP_TIMEOUT + SLACK;
		}
		usleep(10000);
	}
	printf("# a client stays, after %u stops, %" PRId64 " ms before the limit\n", stops,
	       end - test_now());
	return false;
}

/*
 * A client that gets is dropped because it does not take replies. One that puts is stopped within a
 * put, and stays until it is killed.
 */
static void stopped_clients_delay_no_other(void)
{
	const uint32_t rounds = number_of("NDSHM_CUTS", 2);
	struct amounts before = { 0 };
	uint64_t transfers = 0;

	REQUIRE(clients_begin(PLACE_SECTION, STOP_TIMEOUT));
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		const enum client_kind kind = i % 2 ? CLIENT_PUTS : CLIENT_GETS;
		pid_t pid = client_start(kind);

		REQUIRE(pid > 0);
		usleep(test_random() % 30000);
		CHECK(client_stop(pid));
		if (kind == CLIENT_GETS) {
			CHECK(client_is_dropped(pid, &transfers));
		} else {
			transfers -= witness_transfers();
			CHECK(witness_progresses());
			transfers += witness_transfers();
		}
		client_end(pid, !i, &before);
	}
	witness_end_unharmed(transfers);
	printf("# %u clients were stopped\n", rounds);
	finish();
}

/* While the wire comes up, a packet may be lost, and is sent again after a second. */
static bool peer_open_again(uint32_t *tries)
{
	for (int i = 0; i < 5; i++) {
		if (peer_open())
			return true;
		++*tries;
	}
	return false;
}

/* The wire is cut at this end, or at the other one. */
static void cut_wires_are_errors(void)
{
	const uint32_t rounds = number_of("NDSHM_CUTS", 2);
	int64_t longest = 0, far_longest = 0;
	struct amounts before, owner;
	uint64_t transfers = 0;
	uint32_t tries = 0;

	if (!getenv("NDSHM_WIRE")) {
		printf("# SKIP no NDSHM_WIRE\n");
		return;
	}
	REQUIRE(begin(PLACE_SECTION, CUT_TIMEOUT));
	REQUIRE(witness_begin());
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		const bool near = i % 2;
		struct answer answer;
		int64_t start, time;
		int error;

		CHECK(!ask_kind(near ? ORDER_WATCH : ORDER_CUT, 20).error);
		start = test_now();
		if (near) {
			CHECK(!ndshm_remote_get(range, 0, place.base, 4096));
			CHECK(wire_set(false));
		}
		error = transfer_until_error(range, 0, 400000);
		time = test_now() - start;
		longest = time > longest ? time : longest;
		CHECK(error == -ETIMEDOUT || error == -ECONNRESET);
		CHECK(time < CUT_TIMEOUT + SLACK);
		ndshm_remote_disconnect(peer);
		if (near) {
			/* No event can tell what the other machine has noticed. */
			time = start + CUT_LIMIT - test_now();
			usleep(time > 0 ? (useconds_t)time * 1000 : 0);
			CHECK(wire_set(true));
		}
		answer = ask_kind(ORDER_TIME, 0);
		time = answer.time;
		transfers += answer.tally.transfers;
		far_longest = time > far_longest ? time : far_longest;
		CHECK(!answer.error && time >= 0 && time < CUT_LIMIT);
		if (!i) {
			amounts_of_process(&before);
			owner = ask_kind(ORDER_QUERY, 0).amounts;
		}
		CHECK(near_is_at_baseline(&before) && owner_is_at_baseline(&owner));
		REQUIRE(peer_open_again(&tries));
		CHECK(!ndshm_remote_get(range, 0, place.base, 4096));
	}
	witness_end_unharmed(transfers);
	printf("# %u cuts, noticed within %" PRId64 " ms, by the owner within %" PRId64 " ms, "
	       "%u connections were tried again\n", rounds, longest, far_longest, tries);
	finish();
}

static bool witness_is_at_baseline(void)
{
	const int64_t end = test_now() + TIMEOUT + SLACK;
	struct answer answer;

	do {
		answer = witness_ask_kind(ORDER_CHARGES);
	} while (memcmp(&answer.amounts, &witness_before, sizeof(witness_before)) &&
		 test_now() < end && !usleep(10000));
	return !answer.error &&
	       amounts_are_of_module("witness", &answer.amounts, &witness_before);
}

static void machines_are_as_before(void)
{
	struct amounts now = { 0 };
	const int64_t end = test_now() + TIMEOUT + SLACK;

	CHECK(far_is_at_baseline());
	CHECK(witness_is_at_baseline());
	do {
		CHECK(!amounts_of_module(&now));
		amounts_of_sockets(&now);
	} while (memcmp(&now, &near_before, sizeof(now)) && test_now() < end && !usleep(10000));
	CHECK(amounts_are_of_module("near", &now, &near_before));
	amounts_print("near", &now);
	amounts_print("far", &far_before);
}

/* All tests, or the one that NDSHM_TEST names. */
static void test_one(const char *name, void (*run)(void))
{
	const char *only = getenv("NDSHM_TEST");

	if (!only || !*only || !strcmp(only, name))
		test_run(name, run);
}

static int test_main(const char *address, uint16_t port)
{
	far_address = address;
	station_port = port;
	if (ndshm_open(NULL, &ndshm) || amounts_of_module(&near_before))
		return 2;
	amounts_of_sockets(&near_before);
	far_before = ask_kind(ORDER_CHARGES, 0).amounts;
	witness_before = witness_ask_kind(ORDER_CHARGES).amounts;
	test_one("transfers_to_a_section_are_exact", transfers_to_a_section_are_exact);
	test_one("transfers_to_a_block_are_exact", transfers_to_a_block_are_exact);
	test_one("transfers_to_coherent_memory_are_exact", transfers_to_coherent_memory_are_exact);
	test_one("atomics_of_both_sides_sum_up", atomics_of_both_sides_sum_up);
	test_one("nothing_lands_after_revoke", nothing_lands_after_revoke);
	test_one("killed_owners_are_errors", killed_owners_are_errors);
	test_one("killed_clients_leave_nothing", killed_clients_leave_nothing);
	test_one("stopped_clients_delay_no_other", stopped_clients_delay_no_other);
	test_one("cut_wires_are_errors", cut_wires_are_errors);
	test_one("machines_are_as_before", machines_are_as_before);
	witness_ask_kind(ORDER_END);
	ask_kind(ORDER_END, 0);
	ndshm_close(ndshm);
	return test_end();
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[0], "owner"))
		wire_owner_main(argv[1]);
	if (argc == 2 && !strcmp(argv[0], "client"))
		client_main(argv[1]);
	witness_find();
	if (argc == 3 && !strcmp(argv[1], "station"))
		return station_main((uint16_t)atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "witness"))
		return witness_main(argv[2], (uint16_t)atoi(argv[3]));
	if (argc == 4 && !strcmp(argv[1], "test"))
		return test_main(argv[2], (uint16_t)atoi(argv[3]));
	fprintf(stderr,
		"usage: remote_wire station PORT | witness ADDRESS PORT | test ADDRESS PORT\n");
	return 2;
}
