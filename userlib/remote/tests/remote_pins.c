// SPDX-License-Identifier: GPL-2.0
/*
 * Owners whose device pins memory for long, or is opened for long: other peers are served
 * meanwhile, and revocations wait for what concerns them. Children of fork() have no mappings of
 * the device. The device is that of fake_verbs.h, and the owner is in this process. Most peers
 * request queue pairs, but use none.
 */
#include <sys/wait.h>

#include "remote_internal.h"
#include "remote_test.h"
#include "fake_verbs.h"

#define ALL	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)
#define LENGTH	65536u
#define PEERS	3

/* A connection with a range of an export of its own. */
struct client {
	struct ndshm_remote_peer *peer;
	struct ndshm_remote_range *range;
	struct ndshm_remote_export *made;
	pthread_t thread;
	uint32_t reason;		/* of the request for a pair */
	bool valid;			/* the reply is authentic */
	uint32_t next_reason;		/* of the request behind it */
};

static struct ndshm_remote *server, *remote;
static struct client clients[PEERS];
static struct owner owner;
static pthread_t server_thread;
static atomic_bool server_ends;

/* With NDSHM_REMOTE_POLL. */
static void *server_run(void *context)
{
	struct pollfd descriptor = { .fd = ndshm_remote_fd(server), .events = POLLIN };

	while (!server_ends)
		if (poll(&descriptor, 1, 10) > 0)
			ndshm_remote_progress(server);
	return context;
}

static void client_start(struct client *client, uint64_t offset)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];

	client->peer = test_connect(remote, &owner);
	REQUIRE(client->peer);
	REQUIRE(!ndshm_remote_export_section(server, section, extent + offset, LENGTH, ALL,
					     &client->made));
	ndshm_remote_export_blob(client->made, blob);
	CHECK(!ndshm_remote_import(client->peer, blob, sizeof(blob), &client->range));
}

static bool begin(uint32_t flags)
{
	server = test_open(flags, TIMEOUT);
	remote = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	if (!CHECK(server && remote) ||
	    !CHECK(!ndshm_remote_listen(server, "127.0.0.1", 0, TOKEN, sizeof(TOKEN), &owner.port)))
		return false;
	server_ends = false;
	if (flags & NDSHM_REMOTE_POLL)
		pthread_create(&server_thread, NULL, server_run, NULL);
	for (uint64_t i = 0; i < PEERS && !test_bad; i++)
		client_start(&clients[i], i * LENGTH);
	return !test_bad;
}

static void finish(uint32_t flags)
{
	ndshm_remote_close(remote);
	server_ends = true;
	if (flags & NDSHM_REMOTE_POLL)
		pthread_join(server_thread, NULL);
	ndshm_remote_close(server);
	CHECK(!fake_objects() && !fake.order_wrong);
}

/* Both requests are in one message. */
static void *client_pair(void *context)
{
	struct client *client = context;
	struct ndshm_remote_peer *peer = client->peer;
	struct wire wire = { .kind = WIRE_PAIR, .length = WIRE_PROOF, .offset = 9,
			     .range = client->range->handle,
			     .value = { IBV_MTU_1024 | 16 << 8 } };
	struct wire next = { .kind = WIRE_CHECK, .range = client->range->handle };
	struct remote_call call = { .pairs = true }, next_call = { 0 };
	unsigned char proof[WIRE_PROOF];
	struct peer_batch batch;

	pair_request_proof(peer->session, &wire, proof);
	peer_lock(peer);
	client->reason = peer_batch_begin(&batch, peer);
	peer_batch_request(&batch, &wire, proof, &call, NULL, 0);
	peer_batch_request(&batch, &next, NULL, &next_call, NULL, 0);
	client->reason = peer_batch_end(&batch, client->reason);
	if (client->reason == NDSHM_REASON_NONE)
		client->reason = peer_call_wait(peer, &call);
	if (client->reason == NDSHM_REASON_NONE)
		client->reason = call.reason;
	client->valid = client->reason == NDSHM_REASON_NONE &&
			pair_reply_valid(peer->session, &wire, &call);
	client->next_reason = peer_call_wait(peer, &next_call);
	if (client->next_reason == NDSHM_REASON_NONE)
		client->next_reason = next_call.reason;
	peer_unlock(peer);
	return NULL;
}

static void client_ask(struct client *client)
{
	client->valid = false;
	client->reason = client->next_reason = NDSHM_REASON_REMOTE_TIMEOUT;
	CHECK(!pthread_create(&client->thread, NULL, client_pair, client));
}

/* Whether the request for a pair, and the one behind it, have these answers. */
static bool client_has(struct client *client, uint32_t reason, uint32_t next_reason)
{
	pthread_join(client->thread, NULL);
	if (client->reason != reason || client->next_reason != next_reason)
		printf("# %s, %s\n", ndshm_remote_reason_name(client->reason),
		       ndshm_remote_reason_name(client->next_reason));
	return client->reason == reason && client->next_reason == next_reason &&
	       client->valid == (reason == NDSHM_REASON_NONE);
}

static bool client_works(struct client *client)
{
	char text[6] = "";

	return !ndshm_remote_put(client->range, 7, "hello", 6) &&
	       !ndshm_remote_flush(client->peer) &&
	       !ndshm_remote_get(client->range, 7, text, 6) && !strcmp(text, "hello");
}

static struct ndshm_remote_info server_info(void)
{
	struct ndshm_remote_info info = { 0 };

	CHECK(!ndshm_remote_query(server, &info));
	return info;
}

/* Whether the pair of a client waits until that of another one is made. */
static bool server_has_work(void)
{
	bool work;

	remote_lock(server);
	work = server->pair_work.next != &server->pair_work;
	remote_unlock(server);
	return work;
}

/* Accesses of the second client, connections, imports and revocations. */
static void check_server_works(void)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;

	CHECK(client_works(&clients[1]));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	ndshm_remote_export_blob(clients[1].made, blob);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	ndshm_remote_revoke(clients[2].made);
	CHECK_REMOTE(ndshm_remote_get(clients[2].range, 0, blob, 8), EREMOTEIO, REMOTE_REVOKED);
}

static void served_while_memory_is_pinned(uint32_t flags)
{
	REQUIRE(begin(flags));
	fake_set(&fake.stop_pinning, true);
	client_ask(&clients[0]);
	REQUIRE(fake_becomes(&fake.pinning, 1));
	check_server_works();
	CHECK(fake.pinning == 1 && !server_info().pairs);
	fake_set(&fake.stop_pinning, false);
	CHECK(client_has(&clients[0], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	CHECK(client_works(&clients[0]) && server_info().pairs == 1 && fake_objects() == 3);

	/* And while it is unpinned, for which the peer does not wait. */
	fake_set(&fake.stop_unpinning, true);
	ndshm_remote_release(clients[0].range);
	REQUIRE(fake_becomes(&fake.unpinning, 1));
	CHECK(client_works(&clients[1]) && !server_info().pairs);
	fake_set(&fake.stop_unpinning, false);
	CHECK(fake_becomes(&fake.objects[FAKE_DOMAIN], 0));
	finish(flags);
}

static void others_are_served_while_memory_is_pinned(void)
{
	served_while_memory_is_pinned(0);
}

static void others_are_served_by_a_program_with_a_loop(void)
{
	served_while_memory_is_pinned(NDSHM_REMOTE_POLL);
}

static atomic_bool revoked;

static void *revoke_export(void *context)
{
	ndshm_remote_revoke(context);
	revoked = true;
	return NULL;
}

/* The peer is answered at once, but the memory is still being pinned. */
static void revocations_wait_for_their_own_memory(void)
{
	pthread_t thread;

	REQUIRE(begin(0));
	revoked = false;
	fake_set(&fake.stop_pinning, true);
	client_ask(&clients[0]);
	REQUIRE(fake_becomes(&fake.pinning, 1));
	client_ask(&clients[1]);
	while (!server_has_work() && CHECK(client_works(&clients[2])))
		;
	CHECK(!pthread_create(&thread, NULL, revoke_export, clients[0].made));
	CHECK(client_has(&clients[0], NDSHM_REASON_REMOTE_REVOKED, NDSHM_REASON_REMOTE_REVOKED));
	ndshm_remote_revoke(clients[1].made);
	CHECK(client_has(&clients[1], NDSHM_REASON_REMOTE_REVOKED, NDSHM_REASON_REMOTE_REVOKED));
	CHECK(client_works(&clients[2]) && !revoked && fake.pinning == 1);
	fake_set(&fake.stop_pinning, false);
	pthread_join(thread, NULL);
	CHECK(!fake_objects());

	/* One that is ready: until its memory is unpinned. */
	client_ask(&clients[2]);
	CHECK(client_has(&clients[2], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	revoked = false;
	fake_set(&fake.stop_unpinning, true);
	CHECK(!pthread_create(&thread, NULL, revoke_export, clients[2].made));
	REQUIRE(fake_becomes(&fake.unpinning, 1));
	CHECK(ndshm_remote_get(clients[2].range, 0, clients, 8) == -EREMOTEIO);
	CHECK(!revoked && !server_info().pairs);
	fake_set(&fake.stop_unpinning, false);
	pthread_join(thread, NULL);
	CHECK(!fake_objects());
	finish(0);
}

/* The thread that unpins for a peer does not have to be waited for by a revocation of others. */
static void revocations_do_not_wait_for_others(void)
{
	REQUIRE(begin(0));
	for (int i = 0; i < 2; i++) {
		client_ask(&clients[i]);
		CHECK(client_has(&clients[i], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	}
	fake_set(&fake.stop_unpinning, true);
	ndshm_remote_release(clients[0].range);
	REQUIRE(fake_becomes(&fake.unpinning, 1));
	ndshm_remote_release(clients[1].range);
	ndshm_remote_revoke(clients[2].made);
	CHECK(fake.unpinning == 1);
	fake_set(&fake.stop_unpinning, false);
	/* What was released, but not unpinned, is. */
	ndshm_remote_revoke(clients[1].made);
	ndshm_remote_revoke(clients[0].made);
	CHECK(!fake_objects());
	finish(0);
}

/*
 * The owner answers before the limit of the peer, or its own if the peer is of an older version,
 * and the connection remains. What was pinned too late is unpinned.
 */
static void memory_that_is_pinned_for_long_uses_tcp(void)
{
	static const uint32_t limits[] = { TIMEOUT, 1000 };

	for (int i = 0; i < 2; i++) {
		struct ndshm_remote_peer *peer;
		struct ndshm_remote_range *range;
		struct ndshm_remote *near;
		unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
		char text[6] = "";
		uint32_t reason;

		REQUIRE(begin(0));
		near = test_open(0, limits[i]);
		REQUIRE(near);
		peer = test_connect(near, &owner);
		REQUIRE(peer);
		fake_set(&fake.stop_pinning, true);
		client_ask(&clients[0]);
		REQUIRE(fake_becomes(&fake.pinning, 1));
		/* Behind the other one. */
		ndshm_remote_export_blob(clients[1].made, blob);
		CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
		REQUIRE(range);
		CHECK(ndshm_remote_range_transport(range, &reason) == NDSHM_REMOTE_TCP &&
		      reason == NDSHM_REASON_REMOTE_QUEUE);
		CHECK(client_has(&clients[0], NDSHM_REASON_REMOTE_QUEUE, NDSHM_REASON_NONE));
		CHECK(client_works(&clients[0]) && fake.pinning == 1);
		CHECK(!ndshm_remote_put(range, 7, "hello", 6) && !ndshm_remote_flush(peer) &&
		      !ndshm_remote_get(range, 7, text, 6) && !strcmp(text, "hello"));
		ndshm_remote_close(near);
		fake_set(&fake.stop_pinning, false);
		CHECK(fake_becomes(&fake.objects[FAKE_DOMAIN], 0) && !server_info().pairs);
		finish(0);
	}
}

/* Nothing is left of a peer that ends while it waits, and of a pair that cannot be made. */
static void pairs_that_are_not_wanted_are_freed(void)
{
	struct ndshm_remote_info info;

	REQUIRE(begin(0));
	fake.error = ENOMEM;
	client_ask(&clients[1]);
	CHECK(client_has(&clients[1], NDSHM_REASON_REMOTE_MEMLOCK, NDSHM_REASON_NONE));
	fake.error = EFAULT;
	client_ask(&clients[1]);
	CHECK(client_has(&clients[1], NDSHM_REASON_REMOTE_UNPINNABLE, NDSHM_REASON_NONE));
	CHECK(client_works(&clients[1]));
	fake_set(&fake.stop_pinning, true);
	client_ask(&clients[0]);
	REQUIRE(fake_becomes(&fake.pinning, 1));
	shutdown(clients[0].peer->fd, SHUT_RDWR);
	CHECK(client_has(&clients[0], NDSHM_REASON_REMOTE_GONE, NDSHM_REASON_REMOTE_GONE));
	CHECK(client_works(&clients[1]));
	fake_set(&fake.stop_pinning, false);
	do {
		CHECK(client_works(&clients[1]));
		info = server_info();
	} while (info.imports == PEERS && !test_bad);
	CHECK(fake_becomes(&fake.objects[FAKE_DOMAIN], 0) && !fake_objects());
	finish(0);
}

/* A range that is revoked while it has writes does not stand for those of others before. */
static void flushes_read_after_writes_of_other_ranges(void)
{
	struct ndshm_remote_range *ranges[2];
	uint32_t reads;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_peer *peer;
	struct ndshm_remote *near;

	REQUIRE(begin(0));
	near = test_open(NDSHM_REMOTE_RDMA, TIMEOUT);
	REQUIRE(near);
	peer = test_connect(near, &owner);
	REQUIRE(peer);
	for (int i = 0; i < 2; i++) {
		ndshm_remote_export_blob(clients[i].made, blob);
		CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &ranges[i]));
		REQUIRE(ranges[i]);
	}
	CHECK(!ndshm_remote_put(ranges[0], 0, "x", 1));
	fake.failing = ranges[1]->pair;
	ndshm_remote_revoke(clients[1].made);
	CHECK(!ndshm_remote_put(ranges[1], 0, "y", 1));
	reads = ranges[0]->pair->handle;
	CHECK_REMOTE(ndshm_remote_flush(peer), EREMOTEIO, REMOTE_REVOKED);
	CHECK(ranges[0]->pair->handle == reads + 1);
	CHECK_REMOTE(ndshm_remote_flush(peer), 0, NONE);
	CHECK(ranges[0]->pair->handle == reads + 1);
	/* If no range is left, no write is. */
	fake.failing = ranges[0]->pair;
	ndshm_remote_revoke(clients[0].made);
	CHECK(!ndshm_remote_put(ranges[0], 0, "z", 1));
	CHECK_REMOTE(ndshm_remote_flush(peer), EREMOTEIO, REMOTE_REVOKED);
	CHECK_REMOTE(ndshm_remote_flush(peer), 0, NONE);
	fake.failing = NULL;
	ndshm_remote_close(near);
	finish(0);
}

/* A connection that fails may have writes that its device has yet to send. */
static void failed_connections_send_no_writes(void)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct ndshm_remote *near;

	REQUIRE(begin(0));
	near = test_open(NDSHM_REMOTE_RDMA, TIMEOUT);
	REQUIRE(near);
	peer = test_connect(near, &owner);
	REQUIRE(peer);
	ndshm_remote_export_blob(clients[0].made, blob);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	REQUIRE(range);
	CHECK(!ndshm_remote_put(range, 0, "x", 1));
	fake.stopped = NULL;
	shutdown(peer->fd, SHUT_RDWR);
	CHECK_REMOTE(ndshm_remote_fetch_add(range, 0, 1, &(uint64_t){ 0 }), ECONNRESET,
		     REMOTE_GONE);
	CHECK(fake.stopped == range->pair);
	ndshm_remote_close(near);
	finish(0);
}

/* The queue pairs of a connection that has ended do not wait until memory of others is pinned. */
static void pairs_are_freed_before_others_are_made(void)
{
	REQUIRE(begin(0));
	client_ask(&clients[2]);
	CHECK(client_has(&clients[2], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	fake_set(&fake.stop_pinning, true);
	client_ask(&clients[0]);
	REQUIRE(fake_becomes(&fake.pinning, 1));
	client_ask(&clients[1]);
	while (!server_has_work() && CHECK(client_works(&clients[2])))
		;
	ndshm_remote_disconnect(clients[2].peer);
	while (server_info().pairs)
		usleep(1000);
	fake_set(&fake.stop_unpinning, true);
	fake_set(&fake.stop_pinning, false);
	CHECK(fake_becomes(&fake.unpinning, 1));
	/* That of the first client, and the one that is being unpinned. */
	CHECK(fake.objects[FAKE_REGION] == 2);
	fake_set(&fake.stop_unpinning, false);
	for (int i = 0; i < 2; i++)
		CHECK(client_has(&clients[i], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	finish(0);
}

static void *open_the_device(void *context)
{
	/* The owner waits for it: stopping it has no event. */
	usleep(100000);
	fake_set(&fake.stop_pinning, false);
	return context;
}

static void owners_that_close_free_all(void)
{
	pthread_t thread;

	REQUIRE(begin(0));
	client_ask(&clients[2]);
	CHECK(client_has(&clients[2], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	fake_set(&fake.stop_pinning, true);
	client_ask(&clients[0]);
	REQUIRE(fake_becomes(&fake.pinning, 1));
	client_ask(&clients[1]);
	CHECK(!pthread_create(&thread, NULL, open_the_device, NULL));
	ndshm_remote_close(server);
	CHECK(!fake_objects() && !fake.order_wrong);
	pthread_join(thread, NULL);
	for (int i = 0; i < 2; i++)
		pthread_join(clients[i].thread, NULL);
	CHECK(clients[1].reason == NDSHM_REASON_REMOTE_GONE);
	ndshm_remote_close(remote);
}

/* More addresses than 256, of which a path can name the first 256 of a port. */
static void devices_with_many_addresses_are_found(void)
{
	static const size_t counts[] = { 1, 200, 256, 257 };
	union remote_address address;

	server = test_open(0, TIMEOUT);
	REQUIRE(server && remote_address_parse("127.0.0.1", 1, &address));
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct remote_path path = { .port = 0 };
		uint32_t reason;

		fake.addresses = counts[i];
		reason = device_find(server, &address, &path);
		if (counts[i] > 256)
			CHECK(reason == NDSHM_REASON_REMOTE_DEVICE);
		else
			CHECK(reason == NDSHM_REASON_NONE && path.port == 2 &&
			      path.gid_index == counts[i] - 1);
	}
	fake.addresses = 1;
	ndshm_remote_close(server);
}

static void others_are_served_while_a_device_is_opened(void)
{
	REQUIRE(begin(0));
	fake_set(&fake.stop_opening, true);
	client_ask(&clients[0]);
	if (CHECK(fake_becomes(&fake.opening, 1)))
		check_server_works();
	CHECK(fake.opening == 1);
	fake_set(&fake.stop_opening, false);
	CHECK(client_has(&clients[0], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	finish(0);
}

static void *connect_server(void *context)
{
	CHECK(test_connect(context, &owner));
	return NULL;
}

/* The object that serves the links makes a connection. */
static void others_are_served_while_a_connection_opens_a_device(void)
{
	pthread_t thread;

	REQUIRE(begin(0));
	fake_set(&fake.stop_opening, true);
	CHECK(!pthread_create(&thread, NULL, connect_server, server));
	if (CHECK(fake_becomes(&fake.opening, 1)))
		check_server_works();
	CHECK(fake.opening == 1);
	fake_set(&fake.stop_opening, false);
	pthread_join(thread, NULL);
	finish(0);
}

/* A fork by another thread while an object is being made. */
static struct {
	pthread_t thread;
	pid_t task;
	atomic_bool begun;
	atomic_bool done;
	int status;			/* of the child, which has the mapping */
} forks;

/* Runs before that of the library, which was registered earlier. */
static void fork_begins(void)
{
	forks.task = gettid();
	forks.begun = true;
}

static void *fork_run(void *context)
{
	const pid_t pid = fork();

	if (!pid)
		_exit(!msync(fake.mapped, FAKE_BYTES, MS_ASYNC));
	forks.done = true;
	CHECK(pid > 0 && waitpid(pid, &forks.status, 0) == pid);
	return context;
}

static bool fork_is_blocked(void)
{
	char path[64], text[128] = "", *state;
	int fd;

	if (!forks.begun)
		return false;
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", forks.task);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	state = strrchr(text, ')');
	return state && state[1] == ' ' && state[2] == 'S';
}

/* Fork while @thread, or the server, is in the function that maps the device. */
static void check_fork(void)
{
	forks.begun = forks.done = false;
	forks.status = -1;
	if (CHECK(fake_becomes(&fake.mapping, 1)) &&
	    CHECK(!pthread_create(&forks.thread, NULL, fork_run, NULL))) {
		/* No event shows that a thread waits for a lock. */
		while (!forks.done && !fork_is_blocked())
			usleep(1000);
		fake_set(&fake.stop_mapping, false);
		pthread_join(forks.thread, NULL);
		CHECK(!forks.status);
	}
	fake_set(&fake.stop_mapping, false);
}

static void *import_range(void *context)
{
	struct ndshm_remote_range *range;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];

	ndshm_remote_export_blob(clients[1].made, blob);
	CHECK(!ndshm_remote_import(context, blob, sizeof(blob), &range));
	return NULL;
}

static void children_lack_mappings_of_objects(void)
{
	struct ndshm_remote *near;
	struct ndshm_remote_peer *peer;
	pthread_t thread;

	REQUIRE(begin(0));
	CHECK(!pthread_atfork(fork_begins, NULL, NULL));
	/* Of an owner: of the completion queue of the device, then of a queue pair. */
	for (int i = 0; i < 2; i++) {
		fake_set(&fake.stop_mapping, true);
		client_ask(&clients[i]);
		check_fork();
		CHECK(client_has(&clients[i], NDSHM_REASON_NONE, NDSHM_REASON_NONE));
	}
	/* Of a peer: of the completion queue of a connection, then of a queue pair. */
	near = test_open(0, TIMEOUT);
	REQUIRE(near);
	peer = test_connect(near, &owner);
	REQUIRE(peer);
	fake_set(&fake.stop_mapping, true);
	CHECK(!pthread_create(&thread, NULL, connect_server, near));
	check_fork();
	pthread_join(thread, NULL);
	/* The owner's part fails. */
	fake.error = ENOMEM;
	fake_set(&fake.stop_mapping, true);
	CHECK(!pthread_create(&thread, NULL, import_range, peer));
	check_fork();
	pthread_join(thread, NULL);
	CHECK(!fake.error);
	ndshm_remote_close(near);
	finish(0);
}

int main(void)
{
	int descriptors;

	if (ndshm_open("memfd:", &ndshm) || !test_section_make())
		return 2;
	descriptors = test_descriptors();
	RUN(others_are_served_while_memory_is_pinned);
	RUN(others_are_served_by_a_program_with_a_loop);
	RUN(revocations_wait_for_their_own_memory);
	RUN(revocations_do_not_wait_for_others);
	RUN(memory_that_is_pinned_for_long_uses_tcp);
	RUN(pairs_that_are_not_wanted_are_freed);
	RUN(flushes_read_after_writes_of_other_ranges);
	RUN(failed_connections_send_no_writes);
	RUN(pairs_are_freed_before_others_are_made);
	RUN(owners_that_close_free_all);
	RUN(devices_with_many_addresses_are_found);
	RUN(others_are_served_while_a_device_is_opened);
	RUN(others_are_served_while_a_connection_opens_a_device);
	RUN(children_lack_mappings_of_objects);
	CHECK(test_descriptors() == descriptors);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return test_end();
}
