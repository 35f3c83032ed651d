// SPDX-License-Identifier: GPL-2.0
/*
 * Transfers, atomics, rights, and revocation, between two processes over the loopback interface.
 * LONG=1: 10,000 transfers instead of 300.
 */
#include <netinet/in.h>
#include <sys/epoll.h>
#include <linux/tcp.h>

#include "remote_internal.h"
#include "remote_test.h"

#define ALL	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)
#define MIB	(1u << 20)
#define LONGEST	(16 * MIB)

static struct ndshm_remote *remote;
static struct ndshm_remote_peer *peer;
static struct ndshm_remote_range *range;
static struct owner owner;

static bool begin(uint32_t owner_flags, uint32_t flags)
{
	memset(memory, 0, SECTION_BYTES);
	if (!CHECK(owner_start(&owner, owner_flags)))
		return false;
	remote = test_open(flags, TIMEOUT);
	if (!CHECK(remote))
		return false;
	peer = test_connect(remote, &owner);
	if (!CHECK(peer))
		return false;
	range = (flags & NDSHM_REMOTE_TCP ? test_import_any : test_import)(peer, &owner, 0,
									  SECTION_BYTES, ALL);
	return CHECK(range);
}

static void finish(void)
{
	ndshm_remote_disconnect(peer);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* At random offsets, 1 byte to 16 MiB, compared with the owner's memory and a copy. */
static void transfer(uint32_t count)
{
	unsigned char *shadow = calloc(1, SECTION_BYTES), *buffer = malloc(LONGEST);

	for (uint32_t i = 0; i < count && !test_bad; i++) {
		const size_t most = i % 100 == 99 ? LONGEST : i % 8 ? 4096 : MIB;
		const size_t length = i == 99 ? LONGEST : 1 + test_random() % most;
		const uint64_t offset = test_random() % (SECTION_BYTES - length + 1);

		if (test_random() % 2) {
			const uint64_t seed = test_random();

			for (size_t at = 0; at < length; at++)
				buffer[at] =
					(unsigned char)((seed + at) * 0x9e3779b97f4a7c15 >> 56);
			memcpy(shadow + offset, buffer, length);
			CHECK(!ndshm_remote_put(range, offset, buffer, length));
			CHECK(!ndshm_remote_flush(peer));
			CHECK(!memcmp(memory + offset, buffer, length));
		} else {
			memset(buffer, 0x55, length);
			CHECK(!ndshm_remote_get(range, offset, buffer, length));
			CHECK(!memcmp(shadow + offset, buffer, length));
		}
	}
	CHECK(!memcmp(memory, shadow, SECTION_BYTES));
	free(shadow);
	free(buffer);
}

static void transfers_are_exact(void)
{
	REQUIRE(begin(0, 0));
	CHECK(ndshm_remote_range_length(range) == SECTION_BYTES);
	CHECK(ndshm_remote_range_rights(range) == ALL);
	transfer(test_scale(300, 10000));
	finish();
}

static void transfers_without_threads_are_exact(void)
{
	REQUIRE(begin(NDSHM_REMOTE_POLL, NDSHM_REMOTE_POLL));
	CHECK(ndshm_remote_fd(remote) >= 0);
	transfer(test_scale(100, 2000));
	finish();
}

/* Puts that are not waited for fill the queue, and a flush waits for all. */
static void many_puts_are_flushed(void)
{
	unsigned char *buffer = malloc(MIB);

	REQUIRE(begin(0, 0));
	for (int i = 0; i < 64; i++) {
		memset(buffer, i + 1, MIB);
		CHECK(!ndshm_remote_put(range, i % 8 * MIB, buffer, MIB));
	}
	CHECK(!ndshm_remote_fence(peer));
	CHECK(!ndshm_remote_get(range, 7 * MIB, buffer, MIB) && buffer[0] == 64 &&
	      buffer[MIB - 1] == 64);
	CHECK(!ndshm_remote_flush(peer));
	for (int i = 0; i < 8; i++)
		CHECK(memory[i * MIB] == 57 + i && memory[(i + 1) * MIB - 1] == 57 + i);
	free(buffer);
	finish();
}

static void lists_are_scattered(void)
{
	struct ndshm_remote_part parts[100];
	unsigned char bytes[100][256], other[100][256];

	REQUIRE(begin(0, 0));
	for (int i = 0; i < 100; i++) {
		memset(bytes[i], i, sizeof(bytes[i]));
		parts[i] = (struct ndshm_remote_part){ i * 70000, bytes[i], i * 2 };
	}
	CHECK(!ndshm_remote_put_many(range, parts, 100) && !ndshm_remote_flush(peer));
	for (int i = 0; i < 100; i++) {
		CHECK(!memcmp(memory + i * 70000, bytes[i], i * 2) && !memory[i * 70000 + i * 2]);
		parts[i].buffer = other[i];
	}
	CHECK(!ndshm_remote_get_many(range, parts, 100));
	for (int i = 0; i < 100; i++)
		CHECK(!memcmp(other[i], bytes[i], i * 2));
	/* One bad part: none has an effect. */
	parts[99].offset = SECTION_BYTES - 197;
	memset(other, 0xff, sizeof(other));
	CHECK_REMOTE(ndshm_remote_put_many(range, parts, 100), ERANGE, RANGE);
	CHECK(!ndshm_remote_flush(peer) && memory[70000] == 1);
	CHECK(!ndshm_remote_put_many(range, parts, 0) && !ndshm_remote_get_many(range, parts, 0));
	finish();
}

static void *add(void *context)
{
	uint64_t old;

	for (int i = 0; i < 500; i++)
		if (ndshm_remote_fetch_add(context, 64, 1, &old))
			return context;
	return NULL;
}

static void atomics_of_both_sides_sum_up(void)
{
	pthread_t threads[3];
	struct owner_answer answer;
	uint64_t old, *word;
	void *failed;

	REQUIRE(begin(0, 0));
	word = (uint64_t *)(void *)(memory + 64);
	CHECK(owner_send(&owner, OWNER_ADD, 64, 3000000, 0));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_create(&threads[i], NULL, add, range));
	for (int i = 0; i < 3; i++)
		CHECK(!pthread_join(threads[i], &failed) && !failed);
	CHECK(owner_answer(&owner, &answer));
	CHECK(*word == 3001500);
	CHECK(!ndshm_remote_fetch_add(range, 64, (uint64_t)-1500, &old) && old == 3001500);
	CHECK(!ndshm_remote_compare_swap(range, 64, 1, 2, &old) && old == 3000000);
	CHECK(*word == 3000000);
	CHECK(!ndshm_remote_compare_swap(range, 64, 3000000, 5, &old) && old == 3000000);
	CHECK(*word == 5);
	finish();
}

static void *transfer_words(void *context)
{
	const uint64_t start = (uint64_t)(uintptr_t)context * MIB;
	uint64_t value, bad = 0;

	for (uint64_t i = 0; i < 300; i++) {
		bad |= ndshm_remote_put(range, start + i * 8, &i, sizeof(i)) ||
		       ndshm_remote_flush(peer);
		bad |= ndshm_remote_get(range, start + i * 8, &value, sizeof(value)) || value != i;
	}
	return (void *)(uintptr_t)bad;
}

static void threads_share_a_connection(void)
{
	pthread_t threads[4];
	void *bad;

	REQUIRE(begin(0, 0));
	for (uintptr_t i = 0; i < 4; i++)
		CHECK(!pthread_create(&threads[i], NULL, transfer_words, (void *)i));
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_join(threads[i], &bad) && !bad);
	finish();
}

static bool polls_are_slow;		/* of threads that wait for replies only */
static atomic_bool reply_is_awaited, room_is_awaited;

int __real_poll(struct pollfd *fds, nfds_t count, int timeout);
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout);

/* The kernel looks again after it has woken a thread: here other threads run in between. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout)
{
	if (!polls_are_slow)
		return __real_poll(fds, count, timeout);
	if (fds[0].events & POLLOUT) {
		room_is_awaited = true;
		return __real_poll(fds, count, timeout);
	}
	reply_is_awaited = true;
	if (__real_poll(fds, count, timeout) > 0)
		usleep(300000);
	return __real_poll(fds, count, timeout);
}

static void *put_all(void *context)
{
	return ndshm_remote_put(context, 0, memory, SECTION_BYTES) ? context : NULL;
}

static void *get_byte(void *context)
{
	char byte;

	return ndshm_remote_get(context, 0, &byte, 1) ? context : NULL;
}

/* A thread that sends wakes with one that waits for a reply, and is faster. */
static void replies_wake_their_thread(void)
{
	pthread_t getter, putter;
	int64_t start;
	void *failed;
	int status;

	REQUIRE(begin(0, NDSHM_REMOTE_TCP));
	reply_is_awaited = room_is_awaited = false;
	kill(owner.pid, SIGSTOP);
	CHECK(waitpid(owner.pid, &status, WUNTRACED) == owner.pid && WIFSTOPPED(status));
	polls_are_slow = true;
	start = test_now();
	CHECK(!pthread_create(&getter, NULL, get_byte, range));
	while (!reply_is_awaited)
		usleep(1000);
	CHECK(!pthread_create(&putter, NULL, put_all, range));
	while (!room_is_awaited)
		usleep(1000);
	kill(owner.pid, SIGCONT);
	CHECK(!pthread_join(getter, &failed) && !failed);
	CHECK(test_now() - start < TIMEOUT);
	CHECK(!pthread_join(putter, &failed) && !failed);
	polls_are_slow = false;
	finish();
}

static void bad_arguments_have_reasons(void)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_remote_peer *other = NULL;
	struct ndshm_remote *bad;
	uint64_t value = 0;
	uint16_t port;

	REQUIRE(begin(0, 0));
	CHECK_REMOTE(ndshm_remote_put(range, SECTION_BYTES, "x", 1), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_get(range, SECTION_BYTES - 7, &value, 8), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_get(range, UINT64_MAX - 3, &value, 8), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_put(range, 0, &value, SIZE_MAX), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_fetch_add(range, 4, 1, &value), EINVAL, ALIGNMENT);
	CHECK_REMOTE(ndshm_remote_fetch_add(range, SECTION_BYTES, 1, &value), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_compare_swap(range, 1, 1, 1, &value), EINVAL, ALIGNMENT);
	CHECK_REMOTE(ndshm_remote_put(range, SECTION_BYTES, NULL, 0), 0, NONE);
	CHECK_REMOTE(ndshm_remote_fd(remote), EOPNOTSUPP, FLAGS);
	CHECK_REMOTE(ndshm_remote_progress(remote), EOPNOTSUPP, FLAGS);

	request.timeout = 99;
	CHECK_REMOTE(ndshm_remote_open(&request, &bad), EINVAL, REMOTE_LIMIT);
	ndshm_remote_request_init(&request);
	request.max_half_open = 0;
	CHECK_REMOTE(ndshm_remote_open(&request, &bad), EINVAL, REMOTE_LIMIT);
	ndshm_remote_request_init(&request);
	request.flags = 8;
	CHECK_REMOTE(ndshm_remote_open(&request, &bad), EOPNOTSUPP, FLAGS);
	request.flags = NDSHM_REMOTE_TCP | NDSHM_REMOTE_RDMA;
	CHECK_REMOTE(ndshm_remote_open(&request, &bad), EOPNOTSUPP, FLAGS);
	CHECK(!bad);

	CHECK_REMOTE(ndshm_remote_listen(remote, "localhost", 0, TOKEN, 32, &port), EINVAL,
		     REMOTE_ADDRESS);
	CHECK_REMOTE(ndshm_remote_listen(remote, test_address(), 0, TOKEN, 15, &port), EINVAL,
		     REMOTE_TOKEN_LENGTH);
	CHECK_REMOTE(ndshm_remote_listen(remote, test_address(), owner.port, TOKEN, 32, &port),
		     EADDRINUSE, NONE);
	CHECK_REMOTE(ndshm_remote_listen(remote, "::1", 0, TOKEN, 32, &port), 0, NONE);
	CHECK_REMOTE(ndshm_remote_listen(remote, "::1", 0, TOKEN, 32, NULL), EBUSY,
		     REMOTE_LISTENING);
	CHECK_REMOTE(ndshm_remote_listen(remote, "::1", port, TOKEN, 32, NULL), EBUSY,
		     REMOTE_LISTENING);
	CHECK_REMOTE(ndshm_remote_connect(remote, "127.0.0.256", 1, TOKEN, 32, &other), EINVAL,
		     REMOTE_ADDRESS);
	CHECK_REMOTE(ndshm_remote_connect(remote, "::1", port, TOKEN, 257, &other), EINVAL,
		     REMOTE_TOKEN_LENGTH);
	CHECK_REMOTE(ndshm_remote_connect(remote, test_address(), 1, TOKEN, 32, &other),
		     ECONNREFUSED, REMOTE_NO_LISTENER);
	CHECK_REMOTE(ndshm_remote_connect(remote, test_address(), owner.port, TOKEN,
					  sizeof(TOKEN) - 1, &other),
		     EACCES, REMOTE_TOKEN);
	CHECK(!other);
	/* To itself, by the thread. */
	CHECK_REMOTE(ndshm_remote_connect(remote, "::1", port, TOKEN, 32, &other), 0, NONE);
	ndshm_remote_disconnect(other);
	finish();
}

/* A connection has 1,024 ranges of different exports, and another one after a release. */
static void imports_are_bounded(void)
{
	struct ndshm_remote *server = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	struct ndshm_remote_range *ranges[REMOTE_IMPORTS], *more;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;

	remote = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	REQUIRE(server && remote);
	CHECK(!ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	for (uint32_t i = 0; i < REMOTE_IMPORTS && !test_bad; i++) {
		CHECK(!ndshm_remote_export_section(server, section, extent + i, 1,
						   NDSHM_REMOTE_READ, &made));
		ndshm_remote_export_blob(made, blob);
		CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &ranges[i]));
	}
	CHECK_REMOTE(ndshm_remote_import(peer, blob, sizeof(blob), &more), EEXIST,
		     REMOTE_BLOB_IMPORTED);
	CHECK(!ndshm_remote_export_section(server, section, extent, 4096, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	CHECK_REMOTE(ndshm_remote_import(peer, blob, sizeof(blob), &more), EINVAL, REMOTE_LIMIT);
	ndshm_remote_release(ranges[500]);
	CHECK_REMOTE(ndshm_remote_import(peer, blob, sizeof(blob), &more), 0, NONE);
	ndshm_remote_close(remote);
	ndshm_remote_close(server);
}

/* The peer knows that it cannot use RDMA, with the device or without the right to read. */
static void refused_imports_use_no_blob(void)
{
	struct owner_answer answer;
	struct ndshm_remote *other;
	struct ndshm_remote_peer *insists;
	struct ndshm_remote_range *once;

	REQUIRE(begin(0, 0));
	other = test_open(NDSHM_REMOTE_RDMA, TIMEOUT);
	REQUIRE(other);
	insists = test_connect(other, &owner);
	REQUIRE(insists);
	answer = owner_order(&owner, OWNER_EXPORT, 0, 4096, NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ONCE);
	CHECK(ndshm_remote_import(insists, answer.blob, sizeof(answer.blob), &once) < 0 && !once);
	CHECK(ndshm_remote_last_reason() == (test_rdma() ? NDSHM_REASON_REMOTE_WRITE_ONLY :
							   NDSHM_REASON_REMOTE_DEVICE));
	CHECK_REMOTE(ndshm_remote_import(peer, answer.blob, sizeof(answer.blob), &once), 0, NONE);
	ndshm_remote_close(other);
	finish();
}

static void bad_exports_have_reasons(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_remote_export *made = NULL;
	struct ndshm_section *readonly;
	struct ndshm_block *block;
	char *base = ndshm_section_base(section);
	int fd;

	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, 0, 0, ALL, &made), EINVAL,
		     LENGTH_ZERO);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, 1, ndshm_section_size(section),
						 ALL, &made),
		     ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, UINT64_MAX, 8, ALL, &made),
		     ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent, 8, 0, &made), EOPNOTSUPP,
		     FLAGS);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent, 8, 16, &made), EOPNOTSUPP,
		     FLAGS);
	CHECK_REMOTE(
		ndshm_remote_export_section(remote, section, extent, 8, NDSHM_REMOTE_ONCE, &made),
		EOPNOTSUPP, FLAGS);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent + 4, 8, ALL, &made),
		     EINVAL, ALIGNMENT);
	/* A page without memory, at the end of the range. */
	CHECK(!mprotect(memory + 8192, 4096, PROT_NONE));
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent, 8193, ALL, &made), ENXIO,
		     EXPORT_RANGE);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent, 8193, NDSHM_REMOTE_READ,
						 &made),
		     ENXIO, EXPORT_RANGE);
	CHECK_REMOTE(ndshm_remote_export_section(remote, section, extent, 8192, ALL, &made), 0,
		     NONE);
	CHECK(!mprotect(memory + 8192, 4096, PROT_READ | PROT_WRITE));
	ndshm_remote_revoke(made);

	CHECK(!ndshm_section_share(section, NDSHM_SHARE_READONLY, &fd));
	CHECK(!ndshm_section_adopt(ndshm, fd, &readonly));
	close(fd);
	CHECK_REMOTE(
		ndshm_remote_export_section(remote, readonly, extent, 8, NDSHM_REMOTE_WRITE, &made),
		EROFS, SECTION_READONLY);
	CHECK_REMOTE(ndshm_remote_export_section(remote, readonly, extent, 8, NDSHM_REMOTE_ATOMIC,
						 &made),
		     EROFS, SECTION_READONLY);
	CHECK_REMOTE(
		ndshm_remote_export_section(remote, readonly, extent, 8, NDSHM_REMOTE_READ, &made),
		0, NONE);
	ndshm_remote_revoke(made);
	ndshm_section_close(readonly);

	request.length = 8192;
	CHECK(!ndshm_alloc(ndshm, &request, &block));
	CHECK_REMOTE(ndshm_remote_export_block(remote, block, 8192, 1, ALL, &made), ERANGE, RANGE);
	CHECK_REMOTE(ndshm_remote_export_block(remote, block, 4096, 4096, ALL, &made), 0, NONE);
	ndshm_remote_close(remote);
	ndshm_free(block);
	CHECK(base);
}

/* A block of this process, which connects to itself. */
static void blocks_are_exported(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_block *block;
	struct ndshm_remote *client;
	uint16_t port;
	char text[6];
	void *base;

	remote = test_open(0, TIMEOUT);
	client = test_open(0, TIMEOUT);
	REQUIRE(remote && client);
	request.length = 8192;
	CHECK(!ndshm_alloc(ndshm, &request, &block));
	CHECK(!ndshm_remote_export_block(remote, block, 4096, 4096, ALL, &made));
	CHECK(!ndshm_map(block, &base));
	ndshm_remote_export_blob(made, blob);
	CHECK(!ndshm_remote_listen(remote, test_address(), 0, TOKEN, sizeof(TOKEN), &port));
	owner.port = port;
	peer = test_connect(client, &owner);
	REQUIRE(peer);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	CHECK(!ndshm_remote_put(range, 4091, "hello", 5) && !ndshm_remote_flush(peer));
	CHECK(!memcmp((char *)base + 8187, "hello", 5));
	CHECK(!ndshm_remote_get(range, 4091, text, 5) && !memcmp(text, "hello", 5));
	CHECK_REMOTE(ndshm_remote_put(range, 4092, "hello", 5), ERANGE, RANGE);
	/* Without a call that frees them: the close does. */
	ndshm_remote_close(client);
	ndshm_remote_close(remote);
	ndshm_free(block);
}

static atomic_bool hellos_are_slow;
static struct ndshm_block *unmapped;	/* by the next call for random bytes */
static char *secret;

ssize_t __real_getrandom(void *bytes, size_t length, unsigned int flags);
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned int flags);

/* What other threads may do while a block is exported: unmap it, and map something else there. */
ssize_t __wrap_getrandom(void *bytes, size_t length, unsigned int flags)
{
	if (unmapped) {
		ndshm_unmap(unmapped);
		if (mmap(secret, 8192, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == secret)
			memcpy(secret, "secret", 6);
		else
			secret = NULL;
		unmapped = NULL;
	}
	if (hellos_are_slow)
		usleep(2000);
	return __real_getrandom(bytes, length, flags);
}

/* Without @secret if memory of another thread, an arena for instance, came to be there first. */
static void unmapped_block_is_not_exported(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_block *block;
	char text[6] = "";
	uint16_t port;
	void *base;

	remote = test_open(0, TIMEOUT);
	REQUIRE(remote);
	request.length = 8192;
	CHECK(!ndshm_alloc(ndshm, &request, &block) && !ndshm_map(block, &base));
	memcpy(base, "public", 6);
	secret = base;
	unmapped = block;
	CHECK(!ndshm_remote_export_block(remote, block, 0, 8192, ALL, &made) && !unmapped);
	ndshm_remote_export_blob(made, blob);
	CHECK(!ndshm_remote_listen(remote, test_address(), 0, TOKEN, sizeof(TOKEN), &port));
	owner.port = port;
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	CHECK(!ndshm_remote_get(range, 0, text, 6) && !memcmp(text, "public", 6));
	ndshm_remote_close(remote);
	ndshm_free(block);
	CHECK(!secret || !munmap(secret, 8192));
}

static void unmapped_blocks_are_not_exported(void)
{
	int rounds = 10;

	do {
		unmapped_block_is_not_exported();
	} while (!secret && --rounds);
	CHECK(secret);
}

#define CLIENTS	150

static void *connect_owner(void *context)
{
	struct ndshm_remote_peer **client = context;

	*client = test_connect(remote, &owner);
	return NULL;
}

/* More connections of a host than may be half open, which are slow: all succeed. */
static void bursts_of_connections_succeed(void)
{
	static struct ndshm_remote_peer *clients[CLIENTS];
	pthread_t threads[CLIENTS];
	uint32_t count = 0;

	REQUIRE(begin(0, NDSHM_REMOTE_TCP));
	hellos_are_slow = true;
	for (int i = 0; i < CLIENTS; i++)
		CHECK(!pthread_create(&threads[i], NULL, connect_owner, &clients[i]));
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(threads[i], NULL);
		count += clients[i] != NULL;
	}
	hellos_are_slow = false;
	CHECK(count == CLIENTS);
	finish();
}

/*
 * A peer that does not use our checks: what it sends is denied, and counted. @handle and @offset
 * may be anything.
 */
static uint32_t raw(enum wire_kind kind, uint64_t handle, uint64_t offset, uint64_t length)
{
	struct ndshm_remote_range forged = {
		.peer = peer, .handle = handle, .length = UINT64_MAX, .rights = ALL,
		.tcp_reason = NDSHM_REASON_REMOTE_DEVICE,
	};
	char buffer[8] = "evil..";
	uint64_t old;
	int error;

	if (kind == WIRE_PUT) {
		error = ndshm_remote_put(&forged, offset, buffer, length);
		if (!error)
			error = ndshm_remote_flush(peer);
	} else if (kind == WIRE_GET) {
		error = ndshm_remote_get(&forged, offset, buffer, length);
	} else if (kind == WIRE_ADD) {
		error = ndshm_remote_fetch_add(&forged, offset, 1, &old);
	} else {
		error = ndshm_remote_compare_swap(&forged, offset, 0, 1, &old);
	}
	return error ? ndshm_remote_last_reason() : NDSHM_REASON_NONE;
}

static void owners_check_all_accesses(void)
{
	static const enum wire_kind kinds[] = { WIRE_PUT, WIRE_GET, WIRE_ADD, WIRE_SWAP };
	struct ndshm_remote_range *readonly, *writeonly;
	unsigned char *before = malloc(SECTION_BYTES);
	struct ndshm_remote_info info;

	REQUIRE(begin(0, 0));
	readonly = test_import(peer, &owner, 4096, 4096, NDSHM_REMOTE_READ);
	writeonly = test_import(peer, &owner, 8192, 4096, NDSHM_REMOTE_WRITE);
	REQUIRE(readonly && writeonly);
	CHECK_REMOTE(ndshm_remote_put(readonly, 0, "x", 1), EACCES, REMOTE_RIGHTS);
	CHECK_REMOTE(ndshm_remote_get(writeonly, 0, before, 1), EACCES, REMOTE_RIGHTS);
	memset(memory, 0x77, SECTION_BYTES);
	memcpy(before, memory, SECTION_BYTES);
	CHECK(raw(WIRE_PUT, readonly->handle, 0, 8) == NDSHM_REASON_REMOTE_RIGHTS);
	CHECK(raw(WIRE_ADD, readonly->handle, 0, 8) == NDSHM_REASON_REMOTE_RIGHTS);
	CHECK(raw(WIRE_SWAP, readonly->handle, 0, 8) == NDSHM_REASON_REMOTE_RIGHTS);
	CHECK(raw(WIRE_GET, writeonly->handle, 0, 8) == NDSHM_REASON_REMOTE_RIGHTS);
	CHECK(raw(WIRE_ADD, writeonly->handle, 0, 8) == NDSHM_REASON_REMOTE_RIGHTS);
	CHECK(raw(WIRE_ADD, range->handle, 0, 8) == NDSHM_REASON_NONE);
	memory[0] = 0x77;
	CHECK(raw(WIRE_PUT, writeonly->handle, 4089, 8) == NDSHM_REASON_RANGE);
	CHECK(raw(WIRE_GET, readonly->handle, 4096, 1) == NDSHM_REASON_RANGE);
	for (size_t i = 0; i < 4; i++) {
		CHECK(raw(kinds[i], range->handle, SECTION_BYTES, 8) == NDSHM_REASON_RANGE);
		CHECK(raw(kinds[i], range->handle, UINT64_MAX - 7 - 8, 8) == NDSHM_REASON_RANGE);
		CHECK(raw(kinds[i], range->handle + 1000, 0, 8) == NDSHM_REASON_REMOTE_REVOKED);
		CHECK(raw(kinds[i], range->handle + (1ull << 32), 0, 8) ==
		      NDSHM_REASON_REMOTE_REVOKED);
		CHECK(raw(kinds[i], UINT64_MAX, 0, 8) == NDSHM_REASON_REMOTE_REVOKED);
	}
	CHECK(!memcmp(before, memory, SECTION_BYTES));
	info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
	CHECK(info.denied >= 27 && info.exports == 3 && info.imports == 3);
	free(before);
	finish();
}

struct writer {
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	_Atomic uint64_t puts;		/* that have begun */
	int error;
	uint32_t reason;
};

static void *write_until_revoked(void *context)
{
	struct writer *writer = context;
	unsigned char buffer[20000];

	do {
		memset(buffer, (int)writer->puts++, sizeof(buffer));
		writer->error = ndshm_remote_put(writer->range, test_random() % 40000, buffer,
						 sizeof(buffer));
		if (!writer->error && writer->puts % 8 == 0)
			writer->error = ndshm_remote_flush(writer->peer);
	} while (!writer->error);
	writer->reason = ndshm_remote_last_reason();
	return NULL;
}

/* What the owner's memory has when revoke() returned, it has later. */
static void nothing_lands_after_revoke(void)
{
	static unsigned char canary[65536];
	const uint32_t rounds = test_scale(5, 30);
	uint64_t value;

	REQUIRE(begin(0, 0));
	for (uint32_t round = 0; round < rounds; round++) {
		struct writer writer = { .peer = peer };
		int64_t start, end;
		pthread_t thread;

		/* The owner numbers exports from 0, which begin() made. */
		writer.range = test_import(peer, &owner, MIB, sizeof(canary), ALL);
		REQUIRE(writer.range);
		CHECK(!pthread_create(&thread, NULL, write_until_revoked, &writer));
		/* Revoke while it writes: it may start late. */
		usleep(20000);
		for (end = test_now() + SLACK; writer.puts < 3 && test_now() < end; usleep(1000))
			;
		CHECK(writer.puts >= 3);
		start = test_now();
		CHECK(!owner_order(&owner, OWNER_REVOKE, round + 1, 0, 0).error);
		memcpy(canary, memory + MIB, sizeof(canary));
		CHECK(test_now() - start < TIMEOUT + SLACK);
		for (end = test_now() + test_scale(300, 1000); test_now() < end; usleep(1000))
			CHECK(!memcmp(canary, memory + MIB, sizeof(canary)));
		CHECK(!pthread_join(thread, NULL));
		CHECK(writer.error == -EREMOTEIO && writer.reason == NDSHM_REASON_REMOTE_REVOKED);
		CHECK(writer.puts > 1);
		CHECK_REMOTE(ndshm_remote_get(writer.range, 0, &value, 8), EREMOTEIO,
			     REMOTE_REVOKED);
		CHECK_REMOTE(ndshm_remote_fetch_add(writer.range, 0, 1, &value), EREMOTEIO,
			     REMOTE_REVOKED);
		ndshm_remote_release(writer.range);
		/* Other exports are as before. */
		CHECK(!ndshm_remote_get(range, 0, &value, 8));
		CHECK(ndshm_remote_flush(peer) != -ECONNRESET);
	}
	CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.exports == 1);
	finish();
}

static void memory_that_is_gone_is_an_error(void)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote *server;
	char byte;
	uint64_t value;

	server = test_open(0, TIMEOUT);
	/* RDMA pins the memory. */
	remote = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	REQUIRE(server && remote);
	CHECK(!ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	CHECK(!ndshm_remote_export_section(server, section, extent, 65536, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	CHECK(!mprotect(memory + 4096, 4096, PROT_NONE));
	CHECK_REMOTE(ndshm_remote_get(range, 4100, &byte, 1), EFAULT, REMOTE_MEMORY);
	CHECK_REMOTE(ndshm_remote_fetch_add(range, 4096, 1, &value), EFAULT, REMOTE_MEMORY);
	CHECK(!ndshm_remote_put(range, 4100, "x", 1));
	CHECK_REMOTE(ndshm_remote_flush(peer), EFAULT, REMOTE_MEMORY);
	CHECK_REMOTE(ndshm_remote_flush(peer), 0, NONE);
	CHECK(!mprotect(memory + 4096, 4096, PROT_READ | PROT_WRITE));
	CHECK(!ndshm_remote_put(range, 4100, "y", 1) && !ndshm_remote_flush(peer) &&
	      memory[4100] == 'y');
	ndshm_remote_close(remote);
	ndshm_remote_close(server);
}

/* A child of fork() has no connection, keeps none open, and can open its own object. */
static void children_have_no_connections(void)
{
	struct ndshm_remote_export *made;
	struct ndshm_remote_info info;
	int descriptors, status;
	uint64_t value;
	pid_t pid;

	REQUIRE(begin(0, 0));
	descriptors = test_descriptors();
	CHECK(!ndshm_remote_export_section(remote, section, extent, SECTION_BYTES, ALL, &made));
	memset(memory, 0x31, SECTION_BYTES);
	pid = fork();
	if (!pid) {
		/* The thread sanitizer permits no thread after a fork among threads. */
		struct ndshm_remote *own = test_open(NDSHM_REMOTE_POLL, TIMEOUT);
		struct ndshm_remote_peer *mine = own ? test_connect(own, &owner) : NULL;

		test_bad = false;
		CHECK(mine && test_all(memory, SECTION_BYTES, 0x31));
		/* An epoll set, an event, a timer, a connection; of the parent's four none. */
		if (!CHECK(test_descriptors() == descriptors))
			system("ls -l /proc/self/fd /proc/$PPID/fd");
		CHECK_REMOTE(ndshm_remote_get(range, 0, &value, 8), EOPNOTSUPP, REMOTE_FORKED);
		CHECK_REMOTE(ndshm_remote_put(range, 0, &value, 8), EOPNOTSUPP, REMOTE_FORKED);
		CHECK_REMOTE(ndshm_remote_flush(peer), EOPNOTSUPP, REMOTE_FORKED);
		CHECK_REMOTE(ndshm_remote_query(remote, &info), EOPNOTSUPP, REMOTE_FORKED);
		CHECK_REMOTE(ndshm_remote_progress(remote), EOPNOTSUPP, REMOTE_FORKED);
		CHECK_REMOTE(ndshm_remote_fetch_add(range, 0, 1, &value), EOPNOTSUPP,
			     REMOTE_FORKED);
		ndshm_remote_release(range);
		ndshm_remote_disconnect(peer);
		ndshm_remote_revoke(made);
		ndshm_remote_close(remote);
		ndshm_remote_close(own);
		fflush(stdout);
		_exit(test_bad);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	CHECK(!ndshm_remote_get(range, 0, &value, 8) && value == 0x3131313131313131);
	/* While a child lives, the end of this process's connection is seen. */
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	ndshm_remote_disconnect(peer);
	for (int64_t end = test_now() + SLACK; test_now() < end; usleep(1000))
		if (!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.peers)
			break;
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.peers);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	peer = NULL;
	finish();
}

/* The extent is held, the section stays mapped, and a deletion ends the accesses. */
/* A file of the program has a name like that of an RDMA device, whose mappings children lack. */
static void children_have_files_like_devices(void)
{
	char directory[] = "/tmp/ndshm-remote-XXXXXX", name[sizeof(directory) + 20];
	void *map;
	int fd, status;
	pid_t pid;

	REQUIRE(mkdtemp(directory));
	snprintf(name, sizeof(name), "%s/uverbs0", directory);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	CHECK(fd >= 0 && !ftruncate(fd, 4096));
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (CHECK(map != MAP_FAILED)) {
		device_hide_mappings();
		fflush(stdout);
		pid = fork();
		if (!pid)
			_exit(*(volatile char *)map);
		CHECK(waitpid(pid, &status, 0) == pid && !status);
		munmap(map, 4096);
	}
	close(fd);
	unlink(name);
	rmdir(directory);
}

static void exports_hold_their_memory(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	unsigned char blobs[2][NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made[2];
	struct ndshm_remote_range *ranges[2];
	struct ndshm_remote *server = test_open(0, TIMEOUT);
	struct ndshm_remote_info info;
	struct ndshm_section *own;
	uint64_t place, length;
	unsigned char byte = 7, *base;

	remote = test_open(0, TIMEOUT);
	REQUIRE(server && remote);
	request.max_size = 4 * MIB;
	CHECK(!ndshm_section_create(ndshm, &request, &own));
	CHECK(!ndshm_extent_alloc(own, MIB, 0, &place, &length));
	base = ndshm_section_base(own);
	CHECK(!ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	for (int i = 0; i < 2; i++) {
		CHECK(!ndshm_remote_export_section(server, own, place + 100, 1000, ALL & ~4u,
						   &made[i]));
		ndshm_remote_export_blob(made[i], blobs[i]);
		CHECK(!ndshm_remote_import(peer, blobs[i], sizeof(blobs[i]), &ranges[i]));
	}
	CHECK(ndshm_extent_free(own, place) == -EBUSY &&
	      ndshm_last_reason(ndshm) == NDSHM_REASON_RANGE_HELD);
	ndshm_remote_revoke(made[0]);
	CHECK(ndshm_extent_free(own, place) == -EBUSY);
	CHECK(!ndshm_remote_put(ranges[1], 0, &byte, 1) && !ndshm_remote_flush(peer) &&
	      base[place + 100] == 7);
	CHECK(!ndshm_section_delete(own, 0));
	CHECK_REMOTE(ndshm_remote_export_section(server, own, place, 1, NDSHM_REMOTE_READ,
						 &made[0]),
		     EIDRM, SECTION_DELETED);
	CHECK_REMOTE(ndshm_remote_get(ranges[1], 0, &byte, 1), EREMOTEIO, REMOTE_REVOKED);
	CHECK(!ndshm_remote_query(server, &info) && !info.exports && !info.imports);
	ndshm_remote_release(ranges[1]);
	CHECK_REMOTE(ndshm_remote_import(peer, blobs[1], sizeof(blobs[1]), &ranges[1]), ESTALE,
		     REMOTE_BLOB_STALE);
	ndshm_section_close(own);
	base[place + 100] = 8;
	ndshm_remote_close(server);
	ndshm_remote_close(remote);
}

static struct ndshm_remote *closing;
static uint32_t closed;			/* descriptors */

int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);

/* While a connection ends, no other thread may end its imports. */
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
	if (closing && operation == EPOLL_CTL_DEL && closed++ < 2 &&
	    CHECK(pthread_mutex_trylock(&closing->lock)) == 0)
		pthread_mutex_unlock(&closing->lock);
	return __real_epoll_ctl(epoll, operation, fd, event);
}

/* Another thread may delete the section of an export meanwhile: it takes the lock. */
static void owners_close_with_the_lock(void)
{
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote *server = test_open(NDSHM_REMOTE_TCP, TIMEOUT);

	remote = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	REQUIRE(server && remote);
	CHECK(!ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	CHECK(!ndshm_remote_export_section(server, section, extent, 4096, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	/* The listener, and the connection. */
	closed = 0;
	closing = server;
	ndshm_remote_close(server);
	closing = NULL;
	CHECK(closed >= 2);
	ndshm_remote_close(remote);
}

/* By TCP the caller's own memory is an error, too, and no signal. */
static void buffers_that_are_gone_are_errors(void)
{
	char *none = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char byte;

	REQUIRE(begin(0, NDSHM_REMOTE_TCP));
	memory[4999] = 9;
	CHECK_REMOTE(ndshm_remote_get(range, 0, none, 5000), EFAULT, NONE);
	CHECK(!ndshm_remote_get(range, 4999, &byte, 1) && byte == 9);
	CHECK_REMOTE(ndshm_remote_put(range, 0, none, 5000), EFAULT, NONE);
	CHECK_REMOTE(ndshm_remote_get(range, 0, &byte, 1), ECONNRESET, REMOTE_GONE);
	munmap(none, 8192);
	finish();
}

static void reasons_have_texts(void)
{
	for (uint32_t i = NDSHM_REASON_REMOTE_LIMIT; i <= NDSHM_REASON_REMOTE_QUEUE; i++) {
		CHECK(!strncmp(ndshm_remote_reason_name(i), "remote-", 7));
		CHECK(strstr(ndshm_remote_reason_text(i), "; "));
	}
	CHECK(!strcmp(ndshm_remote_reason_name(NDSHM_REASON_RANGE), "range"));
	CHECK(!strcmp(ndshm_remote_reason_name(NDSHM_REASON_REMOTE_QUEUE + 1), "unknown"));
}

/* Segments with data that the connection has received. */
static uint32_t segments(void)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	CHECK(!getsockopt(peer->fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	return info.tcpi_data_segs_in;
}

/* With @flags for ndshm_remote_open(). */
static void small_gets(uint32_t flags)
{
	const bool tcp = !test_rdma() || flags & NDSHM_REMOTE_TCP;
	enum { COUNT = 1024, BYTES = 2048 };
	unsigned char *buffer = mmap(NULL, COUNT * BYTES, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static struct ndshm_remote_part parts[COUNT];
	uint32_t before, bad;

	REQUIRE(begin(0, flags));
	for (uint32_t i = 0; i < SECTION_BYTES; i++)
		memory[i] = (unsigned char)(i * 0x9e3779b1u >> 24);
	for (uint32_t i = 0; i < COUNT; i++)
		parts[i] = (struct ndshm_remote_part){ 64 * i, buffer + BYTES * i, 64 };
	before = segments();
	CHECK(!ndshm_remote_get_many(range, parts, COUNT));
	if (tcp)
		CHECK(segments() - before < COUNT / 3);
	for (uint32_t i = 0; i < COUNT; i++)
		CHECK(!memcmp(buffer + BYTES * i, memory + 64 * i, 64));
	for (int round = 0; round < 20 && !test_bad; round++) {
		/* By RDMA memory that is not accessible raises a signal. */
		const bool faults = round % 2 && tcp;

		for (uint32_t i = 0; i < COUNT; i++) {
			parts[i].offset = test_random() % (SECTION_BYTES - BYTES);
			parts[i].length = test_random() % (test_random() % 8 ? 200 : BYTES);
		}
		memset(buffer, 0, COUNT * BYTES);
		bad = (uint32_t)(test_random() % COUNT) & ~1u;
		parts[bad].length = 1 + test_random() % BYTES;
		if (faults)
			CHECK(!mprotect(buffer + BYTES * bad, 2 * BYTES, PROT_NONE));
		CHECK(ndshm_remote_get_many(range, parts, COUNT) == (faults ? -EFAULT : 0));
		CHECK(!mprotect(buffer + BYTES * bad, 2 * BYTES, PROT_READ | PROT_WRITE));
		for (uint32_t i = 0; i < COUNT && !faults && !test_bad; i++)
			CHECK(!memcmp(buffer + BYTES * i, memory + parts[i].offset,
				      parts[i].length));
	}
	munmap(buffer, COUNT * BYTES);
	finish();
}

/* Gets whose replies are received together: sizes, pages that are not accessible, segments. */
static void small_gets_are_sent_together(void)
{
	small_gets(0);
	if (test_rdma())
		small_gets(NDSHM_REMOTE_TCP);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[0], "owner"))
		owner_main(argv[1]);
	if (ndshm_open(test_backend(), &ndshm) || !test_section_make())
		return 2;
	RUN(reasons_have_texts);
	RUN(transfers_are_exact);
	RUN(transfers_without_threads_are_exact);
	RUN(many_puts_are_flushed);
	RUN(lists_are_scattered);
	RUN(atomics_of_both_sides_sum_up);
	RUN(threads_share_a_connection);
	RUN(replies_wake_their_thread);
	RUN(bad_arguments_have_reasons);
	RUN(imports_are_bounded);
	RUN(refused_imports_use_no_blob);
	RUN(bad_exports_have_reasons);
	RUN(blocks_are_exported);
	RUN(unmapped_blocks_are_not_exported);
	RUN(bursts_of_connections_succeed);
	RUN(owners_check_all_accesses);
	RUN(nothing_lands_after_revoke);
	RUN(memory_that_is_gone_is_an_error);
	RUN(children_have_no_connections);
	RUN(children_have_files_like_devices);
	RUN(exports_hold_their_memory);
	RUN(owners_close_with_the_lock);
	RUN(buffers_that_are_gone_are_errors);
	RUN(small_gets_are_sent_together);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return test_end();
}
