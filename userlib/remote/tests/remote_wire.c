// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers between two machines: wire.sh runs the station on one and the test on the other.
 *
 *	remote_wire station PORT		serve orders, and start owners of exports
 *	remote_wire test ADDRESS PORT		all tests, against the station at ADDRESS
 *
 * The memory of both sides is of the place that NDSHM_BACKEND names, or of the module. NDSHM_WIRE
 * is the network interface between the machines; without it no wire is cut. NDSHM_TRANSFERS,
 * NDSHM_KILLS and NDSHM_CUTS are numbers of rounds, NDSHM_TEST is the name of the only test to run.
 * NDSHM_TRANSPORT is "tcp", the only one.
 *
 * An order is a connection of its own: none is open while the wire is cut.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <malloc.h>
#include <net/if.h>
#include <netinet/in.h>
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
};

struct order {
	enum order_kind kind;
	uint32_t value;			/* rights, number of an export, kind of memory, or ms */
	uint64_t offset;
	uint64_t length;
	uint64_t seed;
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
 * Station
 */

struct station {
	pid_t pid;		/* of the owner; 0: none */
	int socket;
	int64_t time;		/* from the cut until the owner had no peers; -1: never */
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

static void station_watch(struct station *station)
{
	const struct order query = { .kind = ORDER_QUERY };
	struct answer answer = { .info.peers = 1 };
	int64_t start = test_now();

	while (answer.info.peers && test_now() - start < CUT_LIMIT + SLACK) {
		station_ask(station, &query, &answer);
		usleep(5000);
	}
	station->time = answer.info.peers || answer.info.imports ? -1 : test_now() - start;
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
	}
}

static void station_serve(struct station *station, int fd)
{
	struct answer answer = { 0 };
	struct order order;

	if (recv(fd, &order, sizeof(order), MSG_WAITALL) != sizeof(order)) {
		close(fd);
		return;
	}
	if (order.kind < ORDER_START)
		station_ask(station, &order, &answer);
	else if (order.kind == ORDER_START)
		station_start_owner(station, &order, &answer);
	else if (order.kind == ORDER_CHARGES)
		answer.error = amounts_of_module(&answer.amounts);
	answer.time = order.kind == ORDER_TIME ? station->time : answer.time;
	if (order.kind == ORDER_CHARGES)
		amounts_of_sockets(&answer.amounts);
	send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	/* The other side closes first, and so has the port that stays in use. */
	recv(fd, &order, 1, 0);
	close(fd);
	station_do_later(station, &order);
	if (order.kind == ORDER_END)
		exit(0);
}

static int station_main(uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct station station = { 0 };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	const int on = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (ndshm_open(NULL, &ndshm) ||
	    bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 16)) {
		perror("remote_wire: station");
		return 2;
	}
	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			station_serve(&station, fd);
	}
}

/*
 * Orders from the other machine
 */

static uint16_t station_port;

static int station_connect(int64_t end)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(station_port) };
	struct timeval limit = { .tv_usec = 500000 };
	int fd;

	inet_pton(AF_INET, far_address, &address.sin_addr);
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

static struct answer ask(const struct order *order)
{
	/* The other machine may still boot, or wait for its wire. */
	int fd = station_connect(test_now() + (order->kind == ORDER_CHARGES ? 400000 : 60000));
	struct answer answer = { .error = -EPIPE };

	if (fd < 0 || send(fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order) ||
	    recv(fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		answer.error = -EPIPE;
	close(fd);
	if (answer.error)
		printf("# order %d: %s\n", order->kind, strerror(-answer.error));
	return answer;
}

static struct answer ask_kind(enum order_kind kind, uint32_t value)
{
	return ask(&(struct order){ .kind = kind, .value = value });
}

/*
 * Tests
 */

static struct place place;		/* what is sent and received */
static struct ndshm_remote *remote;
static struct ndshm_remote_peer *peer;
static struct ndshm_remote_range *range;
static unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
static uint16_t owner_port;
static struct amounts near_before, far_before;

static bool peer_open(void)
{
	int error =
		ndshm_remote_connect(remote, far_address, owner_port, TOKEN, sizeof(TOKEN), &peer);

	if (!error)
		error = ndshm_remote_import(peer, blob, sizeof(blob), &range);
	if (error)
		printf("# connect: %s: %s\n", strerror(-error),
		       ndshm_remote_reason_text(ndshm_remote_last_reason()));
	return !error && CHECK(transport_is_right(range));
}

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

static void finish(void)
{
	struct answer answer = ask_kind(ORDER_FREE, 0);

	CHECK(!answer.error && !answer.bad);
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	place_close(&place);
	CHECK(!ask_kind(ORDER_STOP, 0).error);
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

		bytes += length;
		if (test_random() % 2) {
			verify.seed = test_random();
			for (size_t at = 0; at < length; at++)
				place.base[at] = pattern_byte(verify.seed, at);
			memcpy(shadow + offset, place.base, length);
			CHECK(!ndshm_remote_put(range, offset, place.base, length));
			CHECK(!ndshm_remote_flush(peer));
			CHECK(!ask(&verify).bad);
		} else {
			memset(place.base, 0x55, length);
			CHECK(!ndshm_remote_get(range, offset, place.base, length));
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
	uint64_t puts;
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

		order.kind = ORDER_EXPORT;
		order.value = ALL;
		answer = ask(&order);
		REQUIRE(!answer.error);
		REQUIRE(!ndshm_remote_import(peer, answer.blob, sizeof(answer.blob),
					     &writer.range));
		CHECK(!pthread_create(&thread, NULL, write_until_revoked, &writer));
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
	return amounts_are_of_module("far", &answer.amounts, &far_before);
}

static void killed_owners_are_errors(void)
{
	const uint32_t rounds = number_of("NDSHM_KILLS", 10);
	/* A section has descriptors, a block has none. */
	struct amounts before[2];
	int64_t longest = 0;

	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		int64_t time;
		int error;

		REQUIRE(begin(i % 2 ? PLACE_PAGES : PLACE_SECTION, TIMEOUT));
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
		ndshm_remote_disconnect(peer);
		if (i < 2)
			amounts_of_process(&before[i]);
		CHECK(near_is_at_baseline(&before[i % 2]));
		ndshm_remote_close(remote);
		place_close(&place);
		CHECK(far_is_at_baseline());
	}
	printf("# %u owners were killed, the last call ended within %" PRId64 " ms\n", rounds,
	       longest);
}

/* The owner has no peers, and what it had before. */
static bool owner_is_at_baseline(const struct amounts *before)
{
	const int64_t end = test_now() + TIMEOUT + SLACK;
	struct answer answer;

	do {
		answer = ask_kind(ORDER_QUERY, 0);
		if (!answer.info.peers && !answer.info.imports && !answer.info.replies)
			return !answer.error && answer.info.exports == 1 &&
			       amounts_are_of_process(&answer.amounts, before);
	} while (!answer.error && test_now() < end);
	return false;
}

static void client_main(const char *text)
{
	static char address[64];
	unsigned int byte, port, inherited;
	int start;

	if (sscanf(text, "%63s %u %u %n", address, &port, &inherited, &start) != 3)
		_exit(4);
	for (size_t i = 0; i < sizeof(blob); i++) {
		if (sscanf(text + start + 2 * i, "%2x", &byte) != 1)
			_exit(4);
		blob[i] = (unsigned char)byte;
	}
	far_address = address;
	owner_port = (uint16_t)port;
	remote = transport_open(TIMEOUT);
	if (ndshm_open(NULL, &ndshm) || place_open(&place, PLACE_SECTION) || !peer_open())
		_exit(5);
	if (write((int)inherited, "x", 1) != 1)
		_exit(6);
	_exit(transfer_until_error(range, 0, 400000) != 0);
}

/* Returns after the client has connected. */
static pid_t client_start(void)
{
	char text[2 * NDSHM_REMOTE_BLOB_BYTES + 120], byte;
	int pipes[2], length;
	pid_t pid;

	if (pipe2(pipes, O_CLOEXEC))
		return -1;
	length = snprintf(text, sizeof(text), "%s %u %d ", far_address, owner_port, pipes[1]);
	for (size_t i = 0; i < sizeof(blob); i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "%02x", blob[i]);
	pid = wire_spawn("client", text, pipes[1]);
	close(pipes[1]);
	if (read(pipes[0], &byte, 1) != 1)
		byte = 0;
	close(pipes[0]);
	return byte ? pid : -1;
}

/* One owner survives all clients, and serves the next. */
static void killed_clients_leave_nothing(void)
{
	const uint32_t rounds = number_of("NDSHM_KILLS", 10);
	struct amounts before = { 0 };

	REQUIRE(begin(PLACE_PAGES, TIMEOUT));
	ndshm_remote_disconnect(peer);
	peer = NULL;
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		pid_t pid = client_start();
		int status;

		REQUIRE(pid > 0);
		usleep(test_random() % 30000);
		CHECK(!kill(pid, SIGKILL));
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		if (!i)
			before = ask_kind(ORDER_QUERY, 0).amounts;
		CHECK(owner_is_at_baseline(&before));
	}
	REQUIRE(peer_open());
	CHECK(!ndshm_remote_get(range, 0, place.base, 4096));
	printf("# %u clients were killed\n", rounds);
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
	uint32_t tries = 0;

	if (!getenv("NDSHM_WIRE")) {
		printf("# SKIP no NDSHM_WIRE\n");
		return;
	}
	REQUIRE(begin(PLACE_SECTION, CUT_TIMEOUT));
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		const bool near = i % 2;
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
			usleep((useconds_t)(start + CUT_LIMIT - test_now()) * 1000);
			CHECK(wire_set(true));
		}
		time = ask_kind(ORDER_TIME, 0).time;
		far_longest = time > far_longest ? time : far_longest;
		CHECK(time >= 0 && time < CUT_LIMIT);
		if (!i) {
			amounts_of_process(&before);
			owner = ask_kind(ORDER_QUERY, 0).amounts;
		}
		CHECK(near_is_at_baseline(&before) && owner_is_at_baseline(&owner));
		REQUIRE(peer_open_again(&tries));
		CHECK(!ndshm_remote_get(range, 0, place.base, 4096));
	}
	printf("# %u cuts, noticed within %" PRId64 " ms, by the owner within %" PRId64 " ms, "
	       "%u connections were tried again\n", rounds, longest, far_longest, tries);
	finish();
}

static void both_machines_are_as_before(void)
{
	struct amounts now = { 0 };
	const int64_t end = test_now() + TIMEOUT + SLACK;

	CHECK(far_is_at_baseline());
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
	test_one("transfers_to_a_section_are_exact", transfers_to_a_section_are_exact);
	test_one("transfers_to_a_block_are_exact", transfers_to_a_block_are_exact);
	test_one("transfers_to_coherent_memory_are_exact", transfers_to_coherent_memory_are_exact);
	test_one("atomics_of_both_sides_sum_up", atomics_of_both_sides_sum_up);
	test_one("nothing_lands_after_revoke", nothing_lands_after_revoke);
	test_one("killed_owners_are_errors", killed_owners_are_errors);
	test_one("killed_clients_leave_nothing", killed_clients_leave_nothing);
	test_one("cut_wires_are_errors", cut_wires_are_errors);
	test_one("both_machines_are_as_before", both_machines_are_as_before);
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
	if (argc == 3 && !strcmp(argv[1], "station"))
		return station_main((uint16_t)atoi(argv[2]));
	if (argc == 4 && !strcmp(argv[1], "test"))
		return test_main(argv[2], (uint16_t)atoi(argv[3]));
	fprintf(stderr, "usage: remote_wire station PORT | test ADDRESS PORT\n");
	return 2;
}
