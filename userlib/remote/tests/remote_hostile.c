// SPDX-License-Identifier: GPL-2.0
/*
 * Blobs that are damaged, forged or old, and strangers at the rendezvous. LONG=1: 1,000,000 blobs
 * instead of 100,000.
 */
#include <arpa/inet.h>
#include <netinet/in.h>

#include "remote_internal.h"
#include "remote_test.h"

#define ALL		(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)
#define STRANGERS	1000

static int stranger(uint16_t port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Bits that are changed, bytes that are missing or added, other orders and versions. */
static void damaged_blobs_are_refused(void)
{
	const uint32_t rounds = test_scale(100000, 1000000);
	struct ndshm_remote *remote;
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct owner_answer answer;
	unsigned char version;
	struct owner owner;

	REQUIRE(owner_start(&owner, 0));
	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	answer = owner_order(&owner, OWNER_EXPORT, 0, 65536, ALL);
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		unsigned char bytes[2 * NDSHM_REMOTE_BLOB_BYTES], *exact;
		size_t length = NDSHM_REMOTE_BLOB_BYTES;
		int error;

		memcpy(bytes, answer.blob, length);
		memset(bytes + length, 0, length);
		switch (test_random() % 4) {
		case 0:
			bytes[test_random() % length] ^= 1u << test_random() % 8;
			break;
		case 1:
			length = test_random() % length;
			break;
		case 2:
			length += 1 + test_random() % length;
			break;
		default:
			for (size_t at = test_random() % length; at < length; at++)
				bytes[at] = (unsigned char)test_random();
			break;
		}
		if (length == NDSHM_REMOTE_BLOB_BYTES && !memcmp(bytes, answer.blob, length))
			continue;
		/* Of its own size, for the sanitizer. */
		exact = malloc(length ? length : 1);
		memcpy(exact, bytes, length);
		error = ndshm_remote_import(peer, exact, length, &range);
		free(exact);
		CHECK(!range && (error == -EINVAL || error == -EPROTONOSUPPORT));
	}
	/* The next version, and this one in the other byte order. */
	version = answer.blob[8];
	answer.blob[8]++;
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 96, &range), EPROTONOSUPPORT,
		     REMOTE_BLOB_VERSION);
	answer.blob[8] = 0;
	answer.blob[11] = version;
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 96, &range), EPROTONOSUPPORT,
		     REMOTE_BLOB_VERSION);
	answer.blob[8] = version;
	answer.blob[11] = 0;
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 95, &range), EINVAL,
		     REMOTE_BLOB_LENGTH);
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 0, &range), EINVAL, REMOTE_BLOB_LENGTH);
	answer.blob[50] ^= 1;
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 96, &range), EINVAL,
		     REMOTE_BLOB_DAMAGED);
	answer.blob[50] ^= 1;
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 96, &range), 0, NONE);
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, 96, &range), EEXIST,
		     REMOTE_BLOB_IMPORTED);
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* With a right hash: only the owner can tell. */
static void forged_blobs_are_refused(void)
{
	struct ndshm_remote *remote;
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct owner_answer answer, query;
	unsigned char bytes[NDSHM_REMOTE_BLOB_BYTES];
	struct remote_blob blob, forged;
	struct owner owner;
	uint64_t value;

	REQUIRE(owner_start(&owner, 0));
	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	answer = owner_order(&owner, OWNER_EXPORT, 4096, 4096, NDSHM_REMOTE_READ);
	REQUIRE(blob_decode(answer.blob, sizeof(answer.blob), &blob) == NDSHM_REASON_NONE);
	for (int i = 0; i < 2000; i++) {
		forged = blob;
		switch (i % 4) {
		case 0:
			forged.export_id ^= 1ull << test_random() % 64;
			break;
		case 1:
			forged.length ^= 1ull << test_random() % 64;
			break;
		case 2:
			forged.rights ^= 1u << test_random() % 32;
			break;
		default:
			forged.key[test_random() % sizeof(forged.key)] ^= 1u << test_random() % 8;
			break;
		}
		blob_encode(&forged, bytes);
		CHECK_REMOTE(ndshm_remote_import(peer, bytes, sizeof(bytes), &range), ESTALE,
			     REMOTE_BLOB_STALE);
	}
	query = owner_order(&owner, OWNER_QUERY, 0, 0, 0);
	CHECK(!query.info.imports && query.info.denied == 2000);
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, sizeof(answer.blob), &range), 0, NONE);
	CHECK(!ndshm_remote_get(range, 0, &value, sizeof(value)));
	ndshm_remote_release(range);
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.imports);
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

static void old_blobs_are_refused(void)
{
	struct ndshm_remote *remote;
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer, *other;
	struct owner_answer once, revoked;
	struct owner owner;
	uint16_t port;

	REQUIRE(owner_start(&owner, 0));
	port = owner.port;
	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	peer = test_connect(remote, &owner);
	other = test_connect(remote, &owner);
	REQUIRE(peer && other);
	once = owner_order(&owner, OWNER_EXPORT, 0, 4096, NDSHM_REMOTE_READ | NDSHM_REMOTE_ONCE);
	CHECK_REMOTE(ndshm_remote_import(peer, once.blob, 96, &range), 0, NONE);
	CHECK(ndshm_remote_range_rights(range) == NDSHM_REMOTE_READ);
	CHECK_REMOTE(ndshm_remote_import(other, once.blob, 96, &range), ESTALE, REMOTE_BLOB_STALE);
	ndshm_remote_disconnect(peer);
	CHECK_REMOTE(ndshm_remote_import(other, once.blob, 96, &range), ESTALE, REMOTE_BLOB_STALE);
	revoked = owner_order(&owner, OWNER_EXPORT, 0, 4096, NDSHM_REMOTE_READ);
	CHECK(!owner_order(&owner, OWNER_REVOKE, 1, 0, 0).error);
	CHECK_REMOTE(ndshm_remote_import(other, revoked.blob, 96, &range), ESTALE,
		     REMOTE_BLOB_STALE);
	revoked = owner_order(&owner, OWNER_EXPORT, 0, 4096, NDSHM_REMOTE_READ);
	ndshm_remote_disconnect(other);
	CHECK(!owner_stop(&owner));

	/* The owner at the same address after a restart is another one. */
	REQUIRE(owner_start_at(&owner, 0, port));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	CHECK_REMOTE(ndshm_remote_import(peer, revoked.blob, 96, &range), EXDEV, REMOTE_BLOB_OWNER);
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* From another address of this machine, which is another host for the owner. */
static int stranger_from(const char *from, uint16_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, from, &address.sin_addr);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	address.sin_port = htons(port);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool receive_all(int fd, void *bytes, size_t length)
{
	return recv(fd, bytes, length, MSG_WAITALL) == (ssize_t)length;
}

/*
 * Connections that send nothing do not delay a peer, do not displace those of another host, and are
 * closed after the time limit.
 */
static void half_open_connections_are_bounded(void)
{
	static int fds[STRANGERS];
	struct ndshm_remote *remote;
	struct owner_answer answer = { .info.half_open = 1 };
	struct ndshm_remote_peer *peer;
	struct handshake handshake;
	struct owner owner;
	int64_t start, first;
	char byte[100];
	int slow;

	REQUIRE(owner_start(&owner, 0));
	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	slow = stranger_from("127.0.0.2", owner.port);
	CHECK(slow >= 0);
	first = test_now();
	for (int i = 0; i < STRANGERS; i++) {
		fds[i] = stranger(owner.port);
		CHECK(fds[i] >= 0);
		if (i % 100)
			continue;
		start = test_now();
		peer = test_connect(remote, &owner);
		CHECK(peer && test_now() - start < TIMEOUT);
		CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.half_open <= 64);
		ndshm_remote_disconnect(peer);
	}
	/* The other host's is the oldest of all, and can still prove that it has the token. */
	if (CHECK(test_now() - first < TIMEOUT)) {
		CHECK(token_init(&handshake.token, TOKEN, sizeof(TOKEN)));
		CHECK(receive_all(slow, handshake.greeting, GREETING_BYTES));
		CHECK(handshake_say_hello(&handshake));
		CHECK(send(slow, handshake.hello, HELLO_BYTES, MSG_NOSIGNAL) == HELLO_BYTES);
		CHECK(receive_all(slow, handshake.welcome, WELCOME_BYTES) && !handshake.welcome[8]);
	}
	close(slow);
	for (start = test_now();
	     answer.info.half_open && test_now() - start < 2 * TIMEOUT + SLACK;) {
		answer = owner_order(&owner, OWNER_QUERY, 0, 0, 0);
		usleep(10000);
	}
	CHECK(!answer.info.half_open && answer.info.refused == STRANGERS);
	for (int i = 0; i < STRANGERS; i++) {
		/* The greeting, and the end. */
		while (recv(fds[i], byte, sizeof(byte), 0) > 0)
			;
		close(fds[i]);
	}
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* A byte now and then does not extend the time limit. */
static void slow_hellos_end(void)
{
	struct handshake handshake;
	struct owner owner;
	int64_t start;
	int fd;

	REQUIRE(owner_start(&owner, 0));
	CHECK(token_init(&handshake.token, TOKEN, sizeof(TOKEN)));
	/* The owner's time limit begins with the connection. */
	start = test_now();
	fd = stranger(owner.port);
	CHECK(receive_all(fd, handshake.greeting, GREETING_BYTES) &&
	      handshake_say_hello(&handshake));
	for (size_t i = 0; i < HELLO_BYTES; i++) {
		if (send(fd, handshake.hello + i, 1, MSG_NOSIGNAL) != 1)
			break;
		usleep(100000);
	}
	CHECK(test_now() - start > TIMEOUT - 500 && test_now() - start < TIMEOUT + SLACK);
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.half_open);
	close(fd);
	CHECK(!owner_stop(&owner));
}

static void *send_garbage(void *context)
{
	const struct owner *owner = context;
	unsigned char bytes[5000];

	for (int i = 0; i < 200; i++) {
		int fd = stranger(owner->port);
		size_t length = test_random() % sizeof(bytes);

		for (size_t at = 0; at < sizeof(bytes); at++)
			bytes[at] = (unsigned char)test_random();
		/* A third has a valid start, and so is read on. */
		if (i % 3 == 0) {
			memcpy(bytes, "NDSHMRV", 8);
			wire_put32(bytes + 8, REMOTE_VERSION);
			wire_put32(bytes + 12, 0);
		}
		for (size_t sent = 0; fd >= 0 && sent < length;) {
			ssize_t count = send(fd, bytes + sent, 1 + test_random() % (length - sent),
					     MSG_NOSIGNAL);

			if (count <= 0)
				break;
			sent += count;
		}
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void garbage_does_not_delay_peers(void)
{
	struct ndshm_remote *remote;
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct owner owner;
	pthread_t threads[2];
	uint64_t value = 5;

	REQUIRE(owner_start(&owner, 0));
	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_create(&threads[i], NULL, send_garbage, &owner));
	for (int i = 0; i < 15; i++) {
		int64_t start = test_now();

		peer = test_connect(remote, &owner);
		REQUIRE(peer);
		range = test_import(peer, &owner, 0, 4096, ALL);
		CHECK(range && !ndshm_remote_put(range, 0, &value, 8) && !ndshm_remote_flush(peer));
		CHECK(test_now() - start < 2 * TIMEOUT);
		ndshm_remote_disconnect(peer);
	}
	for (int i = 0; i < 2; i++)
		CHECK(!pthread_join(threads[i], NULL));
	/* The owner closes the last connection when it sees its end. */
	for (int64_t end = test_now() + SLACK; test_now() < end; usleep(1000))
		if (!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.peers)
			break;
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.peers);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/*
 * A peer that has the token, and sends what the library does not: each invalid header ends its
 * connection, has no effect, and does not disturb another peer.
 */
static void invalid_messages_end_the_connection(void)
{
	static const struct wire invalid[] = {
		{ .kind = 0, .request = 1 },
		{ .kind = WIRE_REPLY, .request = 1 },
		{ .kind = 99, .request = 1 },
		{ .kind = UINT32_MAX, .request = 1 },
		{ .kind = WIRE_PUT, .length = WIRE_DATA + 1 },
		{ .kind = WIRE_PUT, .length = UINT32_MAX },
		{ .kind = WIRE_PUT, .length = 0 },
		{ .kind = WIRE_PUT, .length = 8, .request = 1 },
		{ .kind = WIRE_PUT, .length = 8, .reason = 1 },
		{ .kind = WIRE_PUT, .length = 8, .value = { 1 } },
		{ .kind = WIRE_GET, .request = 1, .value = { 0 } },
		{ .kind = WIRE_GET, .request = 1, .value = { WIRE_DATA + 1 } },
		{ .kind = WIRE_GET, .request = 1, .value = { UINT64_MAX } },
		{ .kind = WIRE_GET, .request = 1, .value = { 1ull << 32 } },
		{ .kind = WIRE_GET, .request = 0, .value = { 8 } },
		{ .kind = WIRE_GET, .request = 1, .value = { 8, 1 } },
		{ .kind = WIRE_GET, .request = 1, .length = 8, .value = { 8 } },
		{ .kind = WIRE_ADD, .request = 1, .value = { 1, 1 } },
		{ .kind = WIRE_ADD, .request = 1, .length = 1 },
		{ .kind = WIRE_FLUSH, .request = 0 },
		{ .kind = WIRE_FLUSH, .request = 1, .offset = 1 },
		{ .kind = WIRE_FLUSH, .request = 1, .range = 1 },
		{ .kind = WIRE_RELEASE, .request = 1, .offset = 1 },
		{ .kind = WIRE_IMPORT, .request = 1, .length = WIRE_PROOF - 1 },
		{ .kind = WIRE_IMPORT, .request = 1, .length = WIRE_PROOF + 1 },
		{ .kind = WIRE_IMPORT, .request = 1, .range = 1, .length = WIRE_PROOF },
		{ .kind = WIRE_PAIR, .request = 0, .length = WIRE_PROOF },
		{ .kind = WIRE_PAIR, .request = 1, .length = 0 },
		{ .kind = WIRE_PAIR, .request = 1, .length = WIRE_PROOF - 1 },
		{ .kind = WIRE_PAIR, .request = 1, .length = WIRE_PROOF + 1 },
		{ .kind = WIRE_PAIR, .request = 1, .length = WIRE_PROOF, .value = { 0, 1 } },
		{ .kind = WIRE_CHECK, .request = 0 },
		{ .kind = WIRE_CHECK, .request = 1, .offset = 1 },
		{ .kind = WIRE_CHECK, .request = 1, .length = 1 },
		{ .kind = WIRE_CHECK, .request = 1, .value = { 1 } },
		{ .kind = WIRE_CHECK, .request = 1, .value = { 0, 1 } },
	};
	struct ndshm_remote *remote = test_open(0, TIMEOUT);
	struct ndshm_remote_peer *peer, *other;
	struct ndshm_remote_range *range, *others;
	unsigned char bytes[WIRE_HEADER];
	struct owner owner;
	uint64_t value;

	REQUIRE(remote && owner_start(&owner, 0));
	memset(memory, 0x5a, SECTION_BYTES);
	other = test_connect(remote, &owner);
	others = test_import(other, &owner, 0, 4096, ALL);
	REQUIRE(others);
	for (size_t i = 0; i <= sizeof(invalid) / sizeof(invalid[0]); i++) {
		peer = test_connect(remote, &owner);
		range = test_import(peer, &owner, 0, 4096, ALL);
		REQUIRE(range);
		memset(bytes, 0, sizeof(bytes));
		/* The last: a member that is reserved. */
		if (i < sizeof(invalid) / sizeof(invalid[0])) {
			struct wire wire = invalid[i];

			if (wire.kind >= WIRE_PUT && wire.kind <= WIRE_SWAP)
				wire.range = range->handle;
			wire_encode(&wire, bytes);
		} else {
			wire_encode(&(struct wire){ .kind = WIRE_FLUSH, .request = 1 }, bytes);
			bytes[12] = 1;
		}
		CHECK(send(peer->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes));
		CHECK_REMOTE(ndshm_remote_get(range, 0, &value, 8), ECONNRESET, REMOTE_GONE);
		ndshm_remote_disconnect(peer);
		CHECK(!ndshm_remote_get(others, 0, &value, 8) && value == 0x5a5a5a5a5a5a5a5a);
	}
	CHECK(test_all(memory, SECTION_BYTES, 0x5a));
	CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.peers == 1);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

static bool send_wire(int fd, const struct wire *wire)
{
	unsigned char bytes[WIRE_HEADER];

	wire_encode(wire, bytes);
	return send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes);
}

/* Receive a reply, whose data is dropped. Returns the number of its request, or 0. */
static uint64_t receive_reply(int fd)
{
	static unsigned char data[WIRE_DATA + WIRE_TRAILER];
	unsigned char header[WIRE_HEADER];
	struct wire reply;

	if (!receive_all(fd, header, sizeof(header)) || !wire_decode(header, &reply) ||
	    reply.kind != WIRE_REPLY)
		return 0;
	if (reply.length && !receive_all(fd, data, reply.length + WIRE_TRAILER))
		return 0;
	return reply.request;
}

/*
 * A peer that takes no replies, up to one less than may wait, and then sends two requests with
 * replies, of which the first has data: the second is executed when its reply has a place.
 */
static void replies_that_wait_are_bounded(void)
{
	struct ndshm_remote *remote = test_open(0, TIMEOUT);
	unsigned char bytes[2 * WIRE_HEADER + WIRE_PROOF] = { 0 };
	struct ndshm_remote_peer *peer, *other;
	struct ndshm_remote_info info;
	struct ndshm_remote_range *range;
	struct owner owner;
	struct wire wire;
	uint64_t served, sent = 0;

	REQUIRE(remote && owner_start(&owner, 0));
	peer = test_connect(remote, &owner);
	other = test_connect(remote, &owner);
	range = test_import(peer, &owner, 0, WIRE_DATA, ALL);
	REQUIRE(range && other);
	CHECK(!fcntl(peer->fd, F_SETFL, 0));
	info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
	served = info.served;
	/*
	 * The first that waits has data, so that the others are sent with its end. The kernel may
	 * take this end later, when its buffers grow: then the next has data.
	 */
	do {
		wire = (struct wire){ .kind = WIRE_GET, .request = ++sent, .range = range->handle,
				      .value = { info.replies ? 8 : WIRE_DATA } };
		REQUIRE(send_wire(peer->fd, &wire));
		do {
			info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
			REQUIRE(info.peers == 2);
		} while (info.served - served + info.replies < sent);
	} while (info.replies < REMOTE_WINDOW - 1);
	wire = (struct wire){ .kind = WIRE_IMPORT, .length = WIRE_PROOF, .request = sent + 1 };
	wire_encode(&wire, bytes);
	wire = (struct wire){ .kind = WIRE_CHECK, .request = sent + 2 };
	wire_encode(&wire, bytes + WIRE_HEADER + WIRE_PROOF);
	CHECK(send(peer->fd, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes));
	do
		info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
	while (!info.denied);
	CHECK(info.replies == REMOTE_WINDOW);
	CHECK(ndshm_remote_flush(other) == 0);
	for (uint64_t i = 1; i <= sent + 2 && !test_bad; i++)
		CHECK(receive_reply(peer->fd) == i);
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.replies);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/*
 * A peer stops in the middle of a put, and does not take the bytes of its gets. The export is
 * revoked without it, the rest of the put goes nowhere, and the gets have nothing of what is
 * written later.
 */
static void half_transfers_end_with_the_export(void)
{
	static unsigned char data[WIRE_DATA];
	struct ndshm_remote *remote = test_open(0, TIMEOUT);
	struct ndshm_remote_peer *putter, *getter;
	struct ndshm_remote_range *put, *get;
	unsigned char header[WIRE_HEADER], trailer[WIRE_TRAILER];
	struct wire wire = { .kind = WIRE_PUT, .length = WIRE_DATA };
	uint32_t whole = 0, cut = 0;
	struct owner_answer answer;
	struct owner owner;
	int64_t start;

	REQUIRE(remote && owner_start(&owner, 0));
	memset(memory, 1, WIRE_DATA);
	putter = test_connect(remote, &owner);
	getter = test_connect(remote, &owner);
	answer = owner_order(&owner, OWNER_EXPORT, 0, WIRE_DATA, ALL);
	REQUIRE(putter && !ndshm_remote_import(putter, answer.blob, sizeof(answer.blob), &put));
	REQUIRE(getter && !ndshm_remote_import(getter, answer.blob, sizeof(answer.blob), &get));
	CHECK(!fcntl(putter->fd, F_SETFL, 0) && !fcntl(getter->fd, F_SETFL, 0));
	for (uint64_t i = 1; i <= 32; i++)
		CHECK(send_wire(getter->fd, &(struct wire){ .kind = WIRE_GET,
							    .request = i,
							    .range = get->handle,
							    .value = { WIRE_DATA } }));
	memset(data, 2, sizeof(data));
	wire.range = put->handle;
	CHECK(send_wire(putter->fd, &wire));
	CHECK(send(putter->fd, data, 1000, MSG_NOSIGNAL) == 1000);
	for (int64_t end = test_now() + SLACK; memory[999] != 2 && test_now() < end; usleep(1000))
		;
	CHECK(memory[999] == 2 && memory[1000] == 1);
	start = test_now();
	CHECK(!owner_order(&owner, OWNER_REVOKE, 0, 0, 0).error);
	CHECK(test_now() - start < 1000);
	memset(memory, 3, WIRE_DATA);
	for (size_t sent = 1000; sent < sizeof(data);) {
		ssize_t count = send(putter->fd, data + sent, sizeof(data) - sent, MSG_NOSIGNAL);

		REQUIRE(count > 0);
		sent += (size_t)count;
	}
	CHECK_REMOTE(ndshm_remote_flush(putter), EREMOTEIO, REMOTE_REVOKED);
	CHECK(test_all(memory, WIRE_DATA, 3));
	for (uint64_t i = 1; i <= 32; i++) {
		REQUIRE(receive_all(getter->fd, header, sizeof(header)));
		REQUIRE(receive_all(getter->fd, data, sizeof(data)));
		REQUIRE(receive_all(getter->fd, trailer, sizeof(trailer)));
		CHECK(wire_get64(header + 16) == i && !memchr(data, 3, sizeof(data)));
		if (wire_get32(trailer) == NDSHM_REASON_REMOTE_REVOKED)
			cut++;
		else
			whole += !wire_get32(trailer);
	}
	CHECK(cut && whole + cut == 32);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* Random valid and invalid requests, cut at random places: no effect outside of the exports. */
static void random_messages_stay_in_the_export(void)
{
	const uint32_t rounds = test_scale(200, 5000);
	struct ndshm_remote *remote = test_open(0, TIMEOUT);
	struct ndshm_remote_info info;
	static unsigned char bytes[1 << 16], replies[1 << 16];
	struct owner owner;

	REQUIRE(remote && owner_start(&owner, 0));
	memset(memory, 0x5a, SECTION_BYTES);
	for (uint32_t round = 0; round < rounds && !test_bad; round++) {
		struct ndshm_remote_peer *peer = test_connect(remote, &owner);
		struct ndshm_remote_range *range;
		size_t length = 0;

		REQUIRE(peer);
		range = test_import(peer, &owner, 8192, 4096, ALL);
		REQUIRE(range);
		/* Else data of puts would soon be headers of earlier rounds only. */
		memset(bytes, 0xa5, sizeof(bytes));
		while (length < sizeof(bytes) - 4096 - WIRE_HEADER && test_random() % 100) {
			struct wire wire = {
				.kind = 1 + (uint32_t)(test_random() % WIRE_CHECK),
				.range = test_random() % 8 ? range->handle : test_random(),
				.offset = test_random() % 8 ? test_random() % 5000 : test_random(),
				.value = { test_random() % 8 ? test_random() % 5000
							     : test_random() },
			};

			/* What follows a release has no range. */
			if (wire.kind == WIRE_RELEASE && test_random() % 8)
				wire.kind = WIRE_PUT;
			if (wire.kind == WIRE_PUT)
				wire.length = 1 + (uint32_t)(test_random() % 4096);
			else
				wire.request = test_random();
			if (wire.kind == WIRE_IMPORT || wire.kind == WIRE_PAIR)
				wire.length = WIRE_PROOF;
			if (wire.kind == WIRE_IMPORT || wire.kind == WIRE_FLUSH)
				wire.range = 0;
			if (wire.kind == WIRE_FLUSH || wire.kind == WIRE_RELEASE ||
			    wire.kind == WIRE_CHECK)
				wire.offset = 0;
			if (wire.kind != WIRE_GET && wire.kind != WIRE_ADD &&
			    wire.kind != WIRE_SWAP && wire.kind != WIRE_PAIR)
				wire.value[0] = 0;
			wire_encode(&wire, bytes + length);
			if (test_random() % 200 == 0)
				bytes[length + test_random() % WIRE_HEADER] ^=
					1u << test_random() % 8;
			length += WIRE_HEADER + wire.length;
		}
		/* Without receiving: the owner stops to read, or has closed it. */
		for (size_t sent = 0; sent < length;) {
			const size_t chunk = 1 + test_random() % 3000;
			ssize_t count = send(peer->fd, bytes + sent,
					     length - sent < chunk ? length - sent : chunk,
					     MSG_NOSIGNAL | MSG_DONTWAIT);

			if (count <= 0)
				break;
			sent += (size_t)count;
		}
		/* Or until the owner has executed all, up to the first invalid one. */
		if (round % 2 && !fcntl(peer->fd, F_SETFL, 0) && !shutdown(peer->fd, SHUT_WR))
			while (recv(peer->fd, replies, sizeof(replies), 0) > 0)
				;
		ndshm_remote_disconnect(peer);
		CHECK(!owner_order(&owner, OWNER_REVOKE, round, 0, 0).error);
	}
	CHECK(test_all(memory, 8192, 0x5a));
	CHECK(test_all(memory + 12288, SECTION_BYTES - 12288, 0x5a));
	info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
	CHECK(info.denied > rounds && info.served > rounds && !info.exports);
	CHECK(info.bytes_written > 512ull * rounds && memchr(memory + 8192, 0xa5, 4096));
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

struct connector {
	struct ndshm_remote *remote;
	struct owner owner;
	int error;
	uint32_t reason;
};

static void *connect_once(void *context)
{
	struct connector *connector = context;
	struct ndshm_remote_peer *peer;

	connector->error = ndshm_remote_connect(connector->remote, test_address(),
						connector->owner.port, TOKEN, sizeof(TOKEN), &peer);
	connector->reason = ndshm_remote_last_reason();
	return NULL;
}

/*
 * A proof is for one greeting: a hello that a false listener has recorded is of no use, and the
 * false listener cannot prove that it has the token.
 */
static void recorded_proofs_are_refused(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	unsigned char greeting[GREETING_BYTES], hello[HELLO_BYTES], welcome[WELCOME_BYTES];
	struct connector connector = { 0 };
	socklen_t size = sizeof(address);
	struct owner owner;
	int listener, fd, other;
	pthread_t thread;

	REQUIRE(owner_start(&owner, 0));
	connector.remote = test_open(0, TIMEOUT);
	REQUIRE(connector.remote);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!bind(listener, (struct sockaddr *)&address, size) && !listen(listener, 1));
	CHECK(!getsockname(listener, (struct sockaddr *)&address, &size));
	connector.owner.port = ntohs(address.sin_port);
	CHECK(!pthread_create(&thread, NULL, connect_once, &connector));
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	other = stranger(owner.port);
	CHECK(receive_all(other, greeting, sizeof(greeting)));
	close(other);
	CHECK(send(fd, greeting, sizeof(greeting), MSG_NOSIGNAL) == sizeof(greeting));
	CHECK(receive_all(fd, hello, sizeof(hello)));
	/* To the owner, which greets with another nonce. */
	other = stranger(owner.port);
	CHECK(receive_all(other, greeting, sizeof(greeting)));
	CHECK(send(other, hello, sizeof(hello), MSG_NOSIGNAL) == sizeof(hello));
	CHECK(receive_all(other, welcome, sizeof(welcome)));
	CHECK(wire_get32(welcome + 8) == NDSHM_REASON_REMOTE_TOKEN && !recv(other, hello, 1, 0));
	close(other);
	/* To the peer, as if the token were right. */
	wire_put32(welcome + 8, 0);
	CHECK(send(fd, welcome, sizeof(welcome), MSG_NOSIGNAL) == sizeof(welcome));
	CHECK(!pthread_join(thread, NULL));
	CHECK(connector.error == -EACCES && connector.reason == NDSHM_REASON_REMOTE_TOKEN);
	close(fd);
	close(listener);
	ndshm_remote_close(connector.remote);
	CHECK(!owner_stop(&owner));
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[0], "owner"))
		owner_main(argv[1]);
	if (ndshm_open(test_backend(), &ndshm) || !test_section_make())
		return 2;
	RUN(damaged_blobs_are_refused);
	RUN(forged_blobs_are_refused);
	RUN(old_blobs_are_refused);
	RUN(half_open_connections_are_bounded);
	RUN(slow_hellos_end);
	RUN(garbage_does_not_delay_peers);
	RUN(invalid_messages_end_the_connection);
	RUN(replies_that_wait_are_bounded);
	RUN(half_transfers_end_with_the_export);
	RUN(random_messages_stay_in_the_export);
	RUN(recorded_proofs_are_refused);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return test_end();
}
