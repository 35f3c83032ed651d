// SPDX-License-Identifier: GPL-2.0
/*
 * RDMA: which transport a range has and why, what a device does for a peer that does not use our
 * checks, the order of both transports, and what is left. The interface NDSHM_TEST_ADDRESS must be
 * one of an RDMA device.
 */
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "remote_internal.h"
#include "remote_test.h"

#define ALL	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)
#define LENGTH	65536u

static struct ndshm_remote *remote;
static struct ndshm_remote_peer *peer;
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
	return CHECK(peer);
}

static void finish(void)
{
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* What the system has of a kind ("qp", "mr"). */
static int resources(const char *kind)
{
	FILE *list = popen("rdma resource show", "re");
	char text[400] = "", pattern[8];
	const char *found;

	snprintf(pattern, sizeof(pattern), " %s ", kind);
	if (list && !fread(text, 1, sizeof(text) - 1, list))
		text[0] = 0;
	if (list)
		pclose(list);
	found = strstr(text, pattern);
	return found ? atoi(found + strlen(pattern)) : -1;
}

static bool resources_become(int pairs, int regions)
{
	for (int64_t end = test_now() + SLACK; test_now() < end; usleep(10000))
		if (resources("qp") == pairs && resources("mr") == regions)
			return true;
	printf("# %d queue pairs and %d regions, not %d and %d\n", resources("qp"), resources("mr"),
	       pairs, regions);
	return false;
}

static struct ndshm_remote_range *import_bytes(uint64_t offset, uint64_t length, uint32_t rights,
					       uint32_t *reason)
{
	struct owner_answer answer = owner_order(&owner, OWNER_EXPORT, offset, length, rights);
	struct ndshm_remote_range *range;
	int error = ndshm_remote_import(peer, answer.blob, sizeof(answer.blob), &range);

	if (error)
		*reason = ndshm_remote_last_reason();
	else
		ndshm_remote_range_transport(range, reason);
	return range;
}

static struct ndshm_remote_range *import(uint64_t offset, uint32_t rights, uint32_t *reason)
{
	return import_bytes(offset, LENGTH, rights, reason);
}

static void works(struct ndshm_remote_range *range)
{
	char text[6] = "";

	CHECK(!ndshm_remote_put(range, 7, "hello", 6) && !ndshm_remote_flush(peer));
	CHECK(!ndshm_remote_get(range, 7, text, 6) && !strcmp(text, "hello"));
}

static void both_sides_select_the_transport(void)
{
	struct ndshm_remote_range *range;
	uint32_t reason;

	REQUIRE(begin(0, 0));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	CHECK(reason == NDSHM_REASON_NONE);
	CHECK(ndshm_remote_range_transport(range, NULL) == NDSHM_REMOTE_RDMA);
	works(range);
	CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.pairs == 1);
	ndshm_remote_release(range);
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.pairs);
	finish();

	REQUIRE(begin(0, NDSHM_REMOTE_TCP));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	CHECK(reason == NDSHM_REASON_REMOTE_TRANSPORT);
	CHECK(ndshm_remote_range_transport(range, NULL) == NDSHM_REMOTE_TCP);
	works(range);
	finish();

	REQUIRE(begin(NDSHM_REMOTE_TCP, 0));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	CHECK(reason == NDSHM_REASON_REMOTE_TRANSPORT);
	works(range);
	finish();

	/* The one side refuses, the other one insists. */
	REQUIRE(begin(NDSHM_REMOTE_TCP, NDSHM_REMOTE_RDMA));
	CHECK(!import(0, ALL, &reason) && reason == NDSHM_REASON_REMOTE_TRANSPORT);
	CHECK(!owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.imports);
	finish();

	remote = test_open(NDSHM_REMOTE_RDMA, TIMEOUT);
	REQUIRE(remote);
	CHECK_REMOTE(ndshm_remote_listen(remote, "127.0.0.1", 0, TOKEN, sizeof(TOKEN), NULL),
		     ENODEV, REMOTE_DEVICE);
	CHECK(!ndshm_remote_listen(remote, test_address(), 0, TOKEN, sizeof(TOKEN), NULL));
	ndshm_remote_close(remote);
}

static void memory_that_cannot_be_pinned_uses_tcp(void)
{
	struct ndshm_remote_range *range;
	struct rlimit before, limit;
	uint32_t reason;

	/* Of the owner, which is started next: it lifts the limit. */
	CHECK(!prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0));
	REQUIRE(begin(0, 0));
	range = import(0, NDSHM_REMOTE_WRITE, &reason);
	REQUIRE(range);
	CHECK(reason == NDSHM_REASON_REMOTE_WRITE_ONLY);
	CHECK(!ndshm_remote_put(range, 7, "hello", 6) && !ndshm_remote_flush(peer));
	CHECK(memory[7] == 'h');
	limit.rlim_cur = limit.rlim_max = 8192;
	CHECK(!prlimit(owner.pid, RLIMIT_MEMLOCK, &limit, &before));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	CHECK(reason == NDSHM_REASON_REMOTE_MEMLOCK);
	works(range);
	finish();
}

/* A block of the module whose memory has no pages. */
static void blocks_without_pages_use_tcp(void)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_provider_info provider;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote_range *range;
	struct ndshm_remote *server;
	struct ndshm_block *block;
	uint32_t reason;

	if (!strcmp(test_backend(), "memfd:")) {
		printf("# SKIP blocks without pages: not the module\n");
		return;
	}
	request.length = LENGTH;
	REQUIRE(!ndshm_find_provider(ndshm, "coherent", &provider));
	request.provider = provider.id;
	server = test_open(0, TIMEOUT);
	remote = test_open(0, TIMEOUT);
	REQUIRE(server && remote && !ndshm_alloc(ndshm, &request, &block));
	CHECK(!ndshm_remote_export_block(server, block, 0, LENGTH, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	CHECK(!ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	peer = test_connect(remote, &owner);
	REQUIRE(peer);
	CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
	CHECK(ndshm_remote_range_transport(range, &reason) == NDSHM_REMOTE_TCP);
	CHECK(reason == NDSHM_REASON_REMOTE_UNPINNABLE);
	works(range);
	ndshm_remote_close(remote);
	ndshm_remote_close(server);
	ndshm_free(block);
}

enum attack { OTHER_KEY, OTHER_PEER, BELOW, ABOVE, READ_ONLY_WRITE, ATTACKS };

/*
 * The device of the owner denies it, the memory stays, and others are served. The export begins and
 * ends within pages: the bytes beside it are in the same ones.
 */
static void device_denies(enum attack attack)
{
	const uint64_t length = LENGTH - 1000;
	struct ndshm_remote_peer *second;
	struct ndshm_remote_range *range, *other, *foreign, forged;
	uint32_t reason;

	REQUIRE(begin(0, 0));
	second = test_connect(remote, &owner);
	REQUIRE(second);
	range = import_bytes(LENGTH + 104, length,
			     attack == READ_ONLY_WRITE ? NDSHM_REMOTE_READ : ALL, &reason);
	REQUIRE(range && reason == NDSHM_REASON_NONE);
	other = import(4 * LENGTH, ALL, &reason);
	REQUIRE(other && reason == NDSHM_REASON_NONE);
	foreign = test_import(second, &owner, 8 * LENGTH, LENGTH, ALL);
	REQUIRE(foreign);
	forged = *range;
	forged.rights = ALL;
	forged.length = UINT64_MAX;
	if (attack == OTHER_KEY)
		forged.key = other->key;
	else if (attack == OTHER_PEER)
		forged.key = foreign->key;
	else if (attack == BELOW)
		forged.start -= 8;
	else if (attack == ABOVE)
		forged.start += length - 7;
	/* The queue pair is destroyed with one of both. */
	CHECK(!ndshm_remote_put(&forged, 0, "evil...", 8));
	CHECK_REMOTE(ndshm_remote_flush(peer), EPROTO, REMOTE_PROTOCOL);
	CHECK(test_all(memory, SECTION_BYTES, 0));
	if (attack != READ_ONLY_WRITE && attack != ABOVE && attack != BELOW)
		CHECK(range->key != forged.key);
	CHECK(!ndshm_remote_put(foreign, 0, "good", 4) && !ndshm_remote_flush(second));
	CHECK(!memcmp(memory + 8 * LENGTH, "good", 4));
	finish();
}

static void devices_deny_what_was_not_exported(void)
{
	for (int attack = 0; attack < ATTACKS; attack++)
		device_denies(attack);
}

static uint32_t pair_answer(const struct wire *request, const unsigned char *proof)
{
	struct remote_call call = { .pairs = true };
	struct wire wire = *request;

	return peer_call(peer, &wire, proof, &call);
}

/* A request for a pair that the peer has not proved: another machine could be in its place. */
static void pairs_are_authenticated(void)
{
	struct wire wire = { .kind = WIRE_PAIR, .length = WIRE_PROOF, .offset = 77,
			     .value = { 3 } };
	struct remote_call call = { .pairs = true };
	struct ndshm_remote_range *range;
	unsigned char proof[WIRE_PROOF];
	uint32_t reason;

	REQUIRE(begin(0, NDSHM_REMOTE_TCP));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	wire.range = range->handle;
	pair_request_proof(peer->session, &wire, proof);
	peer_lock(peer);
	CHECK(peer_call(peer, &wire, proof, &call) == NDSHM_REASON_NONE);
	CHECK(pair_reply_valid(peer->session, &wire, &call));
	call.offset ^= 1;
	CHECK(!pair_reply_valid(peer->session, &wire, &call));
	for (size_t i = 0; i < sizeof(proof); i += 31) {
		proof[i] ^= 1;
		CHECK(pair_answer(&wire, proof) == NDSHM_REASON_REMOTE_PROTOCOL);
		proof[i] ^= 1;
	}
	/* What it proves is for these numbers. */
	wire.offset++;
	CHECK(pair_answer(&wire, proof) == NDSHM_REASON_REMOTE_PROTOCOL);
	wire.offset--;
	wire.range += 1ull << 32;
	CHECK(pair_answer(&wire, proof) == NDSHM_REASON_REMOTE_REVOKED);
	peer_unlock(peer);
	CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.pairs == 1);
	finish();
}

/* Accesses by RDMA, by TCP, and atomics, of one word: each sees the one before. */
static void both_transports_keep_the_order(void)
{
	const uint32_t rounds = test_scale(30, 1000);
	struct ndshm_remote_range *rdma, *tcp, *other;
	unsigned char *big = malloc(1 << 20);
	uint64_t value, old;
	uint32_t reason;

	REQUIRE(begin(0, 0));
	rdma = import(0, ALL, &reason);
	REQUIRE(rdma && reason == NDSHM_REASON_NONE);
	other = test_import(peer, &owner, 0, 4 << 20, ALL);
	REQUIRE(other);
	/* Of the same bytes. */
	tcp = import(0, ALL, &reason);
	REQUIRE(tcp);
	peer_lock(peer);
	queue_release(tcp);
	tcp->reason = NDSHM_REASON_NONE;
	tcp->tcp_reason = NDSHM_REASON_REMOTE_DEVICE;
	peer_unlock(peer);
	for (uint64_t i = 1; i <= rounds && !test_bad; i++) {
		memset(big, (int)i, 1 << 20);
		/* Long before short: the short one must not overtake. */
		CHECK(!ndshm_remote_put(other, 0, big, 1 << 20));
		CHECK(!ndshm_remote_put(rdma, 8, &i, 8));
		CHECK(!ndshm_remote_get(tcp, 8, &value, 8) && value == i);
		value = i + 1;
		CHECK(!ndshm_remote_put(tcp, 8, &value, 8));
		CHECK(!ndshm_remote_get(rdma, 8, &value, 8) && value == i + 1);
		value = i + 2;
		CHECK(!ndshm_remote_put(tcp, 8, &value, 8));
		value = i + 3;
		CHECK(!ndshm_remote_put(rdma, 8, &value, 8));
		CHECK(!ndshm_remote_fetch_add(rdma, 8, 1, &old) && old == i + 3);
		CHECK(!ndshm_remote_put(other, 0, big, 1 << 20));
		CHECK(!ndshm_remote_put(tcp, 8, &i, 8));
		CHECK(!ndshm_remote_flush(peer));
		CHECK(!memcmp(memory + 8, &i, 8) && memory[0] == (unsigned char)i);
	}
	CHECK(!ndshm_remote_get(tcp, 16, &value, 8));
	free(big);
	finish();
}

/* One of several ranges of a connection, while puts to it are on the way. */
static void other_ranges_survive_a_revocation(void)
{
	static unsigned char buffer[LENGTH];
	struct ndshm_remote_range *range, *kept;
	uint32_t reason;
	int64_t start;

	REQUIRE(begin(0, 0));
	kept = import(0, ALL, &reason);
	REQUIRE(kept && reason == NDSHM_REASON_NONE);
	for (uint64_t round = 1; round <= 5; round++) {
		range = import(4 * LENGTH, ALL, &reason);
		REQUIRE(range && reason == NDSHM_REASON_NONE);
		CHECK(!ndshm_remote_put(kept, 0, &round, 8));
		for (int i = 0; i < 8; i++)
			CHECK(!ndshm_remote_put(range, 0, buffer, LENGTH));
		CHECK(!owner_order(&owner, OWNER_REVOKE, round, 0, 0).error);
		memset(memory + 4 * LENGTH, 0x5a, LENGTH);
		start = test_now();
		/* That those before are lost is an error of the flush, or of this put. */
		CHECK(ndshm_remote_put(range, 0, buffer, LENGTH) == 0 ||
		      ndshm_remote_last_reason() == NDSHM_REASON_REMOTE_REVOKED);
		CHECK_REMOTE(ndshm_remote_flush(peer), EREMOTEIO, REMOTE_REVOKED);
		CHECK(test_now() - start < 1000 + SLACK);
		CHECK_REMOTE(ndshm_remote_flush(peer), 0, NONE);
		CHECK_REMOTE(ndshm_remote_get(range, 0, buffer, 8), EREMOTEIO, REMOTE_REVOKED);
		CHECK_REMOTE(ndshm_remote_put(range, 0, buffer, 8), EREMOTEIO, REMOTE_REVOKED);
		CHECK(test_all(memory + 4 * LENGTH, LENGTH, 0x5a));
		ndshm_remote_release(range);
		works(kept);
		CHECK(!memcmp(memory, &round, 6));
		CHECK(owner_order(&owner, OWNER_QUERY, 0, 0, 0).info.pairs == 1);
	}
	finish();
}

/*
 * A child that lives on keeps no queue pair of a parent that is killed, and has all of its memory.
 */
static void children_keep_nothing_open(void)
{
	const int pairs = resources("qp"), regions = resources("mr");
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote_range *range;
	int status, child = 0, pipes[2];
	struct ndshm_remote *server;
	uint16_t port;
	pid_t pid;

	REQUIRE(pairs >= 0 && !pipe(pipes));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		server = test_open(0, TIMEOUT);
		remote = test_open(0, TIMEOUT);
		if (!server || !remote ||
		    ndshm_remote_listen(server, test_address(), 0, TOKEN, sizeof(TOKEN), &port) ||
		    ndshm_remote_export_section(server, section, extent, LENGTH, ALL, &made))
			_exit(1);
		ndshm_remote_export_blob(made, blob);
		owner.port = port;
		peer = test_connect(remote, &owner);
		if (!peer || ndshm_remote_import(peer, blob, sizeof(blob), &range))
			_exit(2);
		memset(memory, 0x31, LENGTH);
		child = fork();
		if (!child) {
			/* No part of the exported memory is missing. */
			if (!test_all(memory, LENGTH, 0x31))
				_exit(3);
			child = getpid();
			if (write(pipes[1], &child, sizeof(child)) != sizeof(child))
				_exit(4);
			pause();
		}
		pause();
	}
	CHECK(read(pipes[0], &child, sizeof(child)) == sizeof(child));
	CHECK(resources("qp") == pairs + 2);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK(!kill(child, 0));
	CHECK(resources_become(pairs, regions));
	kill(child, SIGKILL);
	close(pipes[0]);
	close(pipes[1]);
}

/* Access the owner's memory from memory that is not accessible. Returns if that raises no signal. */
static void access_from_none(const unsigned char *blob, bool put)
{
	char *none = mmap(NULL, LENGTH, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct ndshm_remote_range *range;
	uint32_t reason;

	/* A sanitizer would end the process in another way. */
	signal(SIGSEGV, SIG_DFL);
	remote = test_open(0, TIMEOUT);
	peer = remote ? test_connect(remote, &owner) : NULL;
	if (!peer || none == MAP_FAILED ||
	    ndshm_remote_import(peer, blob, NDSHM_REMOTE_BLOB_BYTES, &range) ||
	    ndshm_remote_range_transport(range, &reason) != NDSHM_REMOTE_RDMA)
		return;
	if (put)
		ndshm_remote_put(range, 0, none, LENGTH);
	else
		ndshm_remote_get(range, 0, none, LENGTH);
}

/* The process ends by the signal of such an access; its owner serves others. */
static void buffers_that_are_gone_raise_signals(void)
{
	struct owner_answer answer;
	struct ndshm_remote_range *range;
	uint32_t reason;
	int status;
	pid_t pid;

	REQUIRE(begin(0, 0));
	range = import(0, ALL, &reason);
	REQUIRE(range);
	answer = owner_order(&owner, OWNER_EXPORT, 0, LENGTH, ALL);
	REQUIRE(!answer.error);
	for (int put = 0; put < 2; put++) {
		fflush(stdout);
		pid = fork();
		if (!pid) {
			access_from_none(answer.blob, put);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
		works(range);
	}
	finish();
}

int main(int argc, char **argv)
{
	int pairs, regions;

	if (argc == 2 && !strcmp(argv[0], "owner"))
		owner_main(argv[1]);
	if (!test_rdma()) {
		puts("1..0 # SKIP no RDMA device: set NDSHM_TEST_ADDRESS and NDSHM_TEST_RDMA=1");
		return 0;
	}
	pairs = resources("qp");
	regions = resources("mr");
	if (ndshm_open(test_backend(), &ndshm) || !test_section_make())
		return 2;
	RUN(both_sides_select_the_transport);
	RUN(memory_that_cannot_be_pinned_uses_tcp);
	RUN(blocks_without_pages_use_tcp);
	RUN(devices_deny_what_was_not_exported);
	RUN(pairs_are_authenticated);
	RUN(both_transports_keep_the_order);
	RUN(other_ranges_survive_a_revocation);
	RUN(children_keep_nothing_open);
	RUN(buffers_that_are_gone_raise_signals);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	CHECK(resources_become(pairs, regions));
	return test_end();
}
