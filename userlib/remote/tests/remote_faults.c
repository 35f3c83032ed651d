// SPDX-License-Identifier: GPL-2.0
/*
 * Peers that are killed, that stop, and a wire that is cut. LONG=1: 1,000 kills instead of 10.
 */
#include <malloc.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "remote_internal.h"
#include "remote_test.h"

#define ALL	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE | NDSHM_REMOTE_ATOMIC)

/* Transfers until an error, which is returned. */
static int transfer_until_error(struct ndshm_remote_peer *peer, struct ndshm_remote_range *range)
{
	static unsigned char buffer[200000];
	int error = 0;

	while (!error) {
		const size_t length = test_random() % sizeof(buffer);

		if (test_random() % 2) {
			error = ndshm_remote_put(range, test_random() % 65536, buffer, length);
			if (!error)
				error = ndshm_remote_flush(peer);
		} else {
			error = ndshm_remote_get(range, test_random() % 65536, buffer, length);
		}
	}
	return error;
}

static bool at_baseline(struct ndshm_remote *remote)
{
	const int64_t end = test_now() + TIMEOUT + SLACK;
	struct ndshm_remote_info info;

	do {
		if (ndshm_remote_query(remote, &info))
			return false;
		if (!info.peers && !info.imports && !info.pairs && !info.replies && !info.half_open)
			return true;
		usleep(1000);
	} while (test_now() < end);
	printf("# %u peers, %u imports, %u replies, %u half open\n", info.peers, info.imports,
	       info.replies, info.half_open);
	return false;
}

/* Descriptors, mappings, and memory of the heap. */
struct baseline {
	int descriptors;
	int maps;
	size_t memory;
};

static struct baseline baseline_take(void)
{
	struct baseline baseline = { .descriptors = test_descriptors() };
	FILE *maps = fopen("/proc/self/maps", "re");
	int byte;

	while (maps && (byte = fgetc(maps)) != EOF)
		baseline.maps += byte == '\n';
	if (maps)
		fclose(maps);
#ifndef __SANITIZE_ADDRESS__
	baseline.memory = mallinfo2().uordblks;
#endif
	return baseline;
}

/* The allocator and the sanitizer keep mappings, and caches of threads; a leak grows. */
static bool baseline_is(const struct baseline *before, uint32_t rounds)
{
	const struct baseline now = baseline_take();
	bool good = now.descriptors == before->descriptors && now.maps <= before->maps + 20 &&
		    now.memory <= before->memory + 65536;

	if (!good)
		printf("# %u rounds: %d descriptors, %d mappings, %zu bytes; before %d, %d, %zu\n",
		       rounds, now.descriptors, now.maps, now.memory, before->descriptors,
		       before->maps, before->memory);
	return good;
}

struct killer {
	pid_t pid;
	unsigned int delay;
};

static void *kill_later(void *context)
{
	const struct killer *killer = context;

	usleep(killer->delay);
	kill(killer->pid, SIGKILL);
	return NULL;
}

/* One object survives all owners. */
static void killed_owners_are_errors(void)
{
	const uint32_t rounds = test_scale(10, 1000);
	struct ndshm_remote *remote = test_open(0, TIMEOUT);
	struct baseline baseline = { 0 };

	REQUIRE(remote);
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		struct ndshm_remote_range *range;
		struct ndshm_remote_peer *peer;
		struct killer killer;
		struct owner owner;
		pthread_t thread;
		int64_t start;
		int error;

		REQUIRE(owner_start(&owner, 0));
		peer = test_connect(remote, &owner);
		REQUIRE(peer);
		range = test_import(peer, &owner, 0, 1 << 20, ALL);
		REQUIRE(range);
		killer = (struct killer){ owner.pid, test_random() % 30000 };
		CHECK(!pthread_create(&thread, NULL, kill_later, &killer));
		start = test_now();
		error = transfer_until_error(peer, range);
		CHECK(test_now() - start < TIMEOUT + SLACK);
		CHECK(error == -ECONNRESET || error == -ETIMEDOUT);
		/* And so fail all later calls, at once. */
		CHECK(ndshm_remote_put(range, 0, "x", 1) == error &&
		      ndshm_remote_flush(peer) == error);
		CHECK(ndshm_remote_fence(peer) == error);
		pthread_join(thread, NULL);
		CHECK(owner_wait(&owner) == -SIGKILL);
		ndshm_remote_disconnect(peer);
		CHECK(at_baseline(remote));
		/* The first connection opens the RDMA devices. */
		if (!i)
			baseline = baseline_take();
		CHECK(baseline_is(&baseline, i));
	}
	ndshm_remote_close(remote);
}

#define BLOB_TEXT	(2 * NDSHM_REMOTE_BLOB_BYTES + 1)

/* A client in another process: transfers, or requests whose replies it does not receive. */
static pid_t client_start(const char *role, const struct owner *owner, const unsigned char *blob)
{
	char text[BLOB_TEXT + 8];
	int length = snprintf(text, sizeof(text), "%u ", owner->port);

	for (size_t i = 0; i < NDSHM_REMOTE_BLOB_BYTES; i++)
		length += snprintf(text + length, sizeof(text) - length, "%02x", blob[i]);
	return test_spawn(role, text, -1);
}

static void client_main(const char *role, const char *text)
{
	const bool stops = !strcmp(role, "stops");
	struct ndshm_remote *remote = test_open(stops ? NDSHM_REMOTE_POLL : 0, TIMEOUT);
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct owner owner = { .port = (uint16_t)atoi(text) };
	unsigned int byte;

	for (size_t i = 0; i < sizeof(blob); i++) {
		if (sscanf(strchr(text, ' ') + 1 + 2 * i, "%2x", &byte) != 1)
			_exit(1);
		blob[i] = (unsigned char)byte;
	}
	peer = remote ? test_connect(remote, &owner) : NULL;
	if (!peer || ndshm_remote_import(peer, blob, sizeof(blob), &range))
		_exit(2);
	for (int i = 0; stops && i < 2000; i++) {
		struct wire wire = {
			.kind = WIRE_GET,
			.request = 1000 + i,
			.range = range->handle,
			.value = { 65536 },
		};
		unsigned char bytes[WIRE_HEADER];

		wire_encode(&wire, bytes);
		/* Until the owner reads no more. */
		if (send(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) !=
		    sizeof(bytes))
			break;
	}
	if (stops)
		pause();
	_exit(transfer_until_error(peer, range) != 0);
}

/* One owner survives all clients, and serves another one meanwhile. */
static void killed_clients_leave_nothing(void)
{
	const uint32_t rounds = test_scale(10, 1000);
	struct ndshm_remote *remote = test_open(0, TIMEOUT), *other = test_open(0, TIMEOUT);
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote_range *range;
	struct ndshm_remote_peer *peer;
	struct ndshm_remote_info info;
	struct owner owner;
	uint64_t served = 0;
	struct baseline baseline = { 0 };

	REQUIRE(remote && other);
	CHECK(!ndshm_remote_listen(remote, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	CHECK(!ndshm_remote_export_section(remote, section, extent, 1 << 20, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	for (uint32_t i = 0; i < rounds && !test_bad; i++) {
		char byte;
		pid_t pid;
		int status;

		pid = client_start("client", &owner, blob);
		/* Until it transfers. */
		do {
			CHECK(!ndshm_remote_query(remote, &info));
		} while (info.served < served + (info.pairs ? 2 : 10) && !usleep(1000));
		peer = test_connect(other, &owner);
		REQUIRE(peer);
		CHECK(!ndshm_remote_import(peer, blob, sizeof(blob), &range));
		for (int64_t end = test_now() + 1 + test_random() % 30; test_now() < end;)
			CHECK(!ndshm_remote_get(range, 0, &byte, 1));
		kill(pid, SIGKILL);
		CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
		CHECK(!ndshm_remote_get(range, 0, &byte, 1));
		ndshm_remote_disconnect(peer);
		CHECK(at_baseline(remote) && at_baseline(other));
		CHECK(!ndshm_remote_query(remote, &info));
		served = info.served;
		if (!i)
			baseline = baseline_take();
		CHECK(baseline_is(&baseline, i));
	}
	CHECK(!ndshm_remote_query(remote, &info) && info.exports == 1);
	ndshm_remote_close(other);
	ndshm_remote_close(remote);
}

/* A stopped process still has its connections: the time limit ends the calls. */
static void stopped_owners_are_errors(void)
{
	/* By RDMA they would be served. */
	struct ndshm_remote *remote = test_open(NDSHM_REMOTE_TCP, 500);
	struct ndshm_remote_peer *peer, *other;
	struct ndshm_remote_range *range;
	struct owner owner;
	int status;
	int64_t start;
	char *buffer = malloc(32 << 20);
	char byte = 1;

	REQUIRE(remote && owner_start(&owner, 0));
	for (int i = 0; i < 4; i++) {
		peer = test_connect(remote, &owner);
		REQUIRE(peer);
		range = test_import_any(peer, &owner, 0, SECTION_BYTES, ALL);
		REQUIRE(range);
		memset(memory, 0, SECTION_BYTES);
		kill(owner.pid, SIGSTOP);
		CHECK(waitpid(owner.pid, &status, WUNTRACED) == owner.pid && WIFSTOPPED(status));
		start = test_now();
		if (i == 0) {
			CHECK_REMOTE(ndshm_remote_get(range, 0, buffer, 1 << 20), ETIMEDOUT,
				     REMOTE_TIMEOUT);
		} else if (i == 1) {
			CHECK(!ndshm_remote_put(range, 0, "x", 1));
			CHECK_REMOTE(ndshm_remote_flush(peer), ETIMEDOUT, REMOTE_TIMEOUT);
		} else if (i == 2) {
			/* More than the queue and the sockets take. */
			int error = 0;

			for (int count = 0; count < 10 && !error; count++)
				error = ndshm_remote_put(range, 0, memory, SECTION_BYTES);
			CHECK_REMOTE(error, ETIMEDOUT, REMOTE_TIMEOUT);
		} else {
			CHECK_REMOTE(ndshm_remote_connect(remote, test_address(), owner.port, TOKEN,
							  sizeof(TOKEN), &other),
				     ETIMEDOUT, REMOTE_TIMEOUT);
			CHECK_REMOTE(ndshm_remote_get(range, 0, &byte, 1), ETIMEDOUT,
				     REMOTE_TIMEOUT);
		}
		CHECK(test_now() - start >= 500 && test_now() - start < 1000 + SLACK);
		start = test_now();
		ndshm_remote_disconnect(peer);
		CHECK(test_now() - start < 500 + SLACK);
		/* What the owner replies when it continues is dropped. */
		memset(buffer, 7, 1 << 20);
		kill(owner.pid, SIGCONT);
		peer = test_connect(remote, &owner);
		CHECK(peer);
		ndshm_remote_disconnect(peer);
		CHECK(test_all((unsigned char *)buffer, 1 << 20, 7));
		CHECK(at_baseline(remote));
	}
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
	free(buffer);
}

#define OLD_PUTS	2000

/*
 * An owner stalls, a peer gives up, connects again and puts: the puts that the owner has received
 * on the failed connection do not overwrite that.
 */
static void failed_puts_are_not_executed_later(void)
{
	const uint32_t rounds = test_scale(5, 100);
	struct ndshm_remote *remote = test_open(NDSHM_REMOTE_TCP, 200);
	struct ndshm_remote *patient = test_open(NDSHM_REMOTE_TCP, TIMEOUT);
	struct owner_answer answer;
	struct owner owner;
	int status;

	REQUIRE(remote && patient && owner_start(&owner, 0));
	answer = owner_order(&owner, OWNER_EXPORT, 0, 4096, ALL);
	REQUIRE(!answer.error);
	for (uint64_t i = 0; i < rounds && !test_bad; i++) {
		const uint64_t old = 2 * i + 1, new = old + 1;
		struct ndshm_remote_peer *peer = test_connect(remote, &owner);
		struct ndshm_remote_info info = { .peers = 2 };
		struct ndshm_remote_range *range;

		REQUIRE(peer && !ndshm_remote_import(peer, answer.blob, 96, &range));
		kill(owner.pid, SIGSTOP);
		CHECK(waitpid(owner.pid, &status, WUNTRACED) == owner.pid && WIFSTOPPED(status));
		for (int count = 0; count < OLD_PUTS; count++)
			if (ndshm_remote_put(range, 0, &old, sizeof(old)))
				break;
		CHECK_REMOTE(ndshm_remote_flush(peer), ETIMEDOUT, REMOTE_TIMEOUT);
		ndshm_remote_disconnect(peer);
		kill(owner.pid, SIGCONT);
		peer = test_connect(patient, &owner);
		REQUIRE(peer && !ndshm_remote_import(peer, answer.blob, 96, &range));
		CHECK(!ndshm_remote_put(range, 0, &new, sizeof(new)) && !ndshm_remote_flush(peer));
		for (int64_t end = test_now() + SLACK; info.peers > 1 && test_now() < end;)
			info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
		CHECK(info.peers == 1);
		CHECK(!memcmp(memory, &new, sizeof(new)));
		ndshm_remote_disconnect(peer);
	}
	ndshm_remote_close(patient);
	ndshm_remote_close(remote);
	CHECK(!owner_stop(&owner));
}

/* A client that does not receive costs the owner a bounded queue for the time limit. */
static void stopped_clients_are_dropped(void)
{
	struct ndshm_remote *remote = test_open(0, 500), *other = test_open(0, TIMEOUT);
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_export *made;
	struct ndshm_remote_peer *peer;
	struct owner owner;
	struct ndshm_remote_info info;
	uint32_t most = 0;
	pid_t pid;
	int status;

	REQUIRE(remote && other);
	CHECK(!ndshm_remote_listen(remote, test_address(), 0, TOKEN, sizeof(TOKEN), &owner.port));
	CHECK(!ndshm_remote_export_section(remote, section, extent, SECTION_BYTES, ALL, &made));
	ndshm_remote_export_blob(made, blob);
	pid = client_start("stops", &owner, blob);
	for (int64_t end = test_now() + 500 + SLACK; test_now() < end;) {
		CHECK(!ndshm_remote_query(remote, &info));
		if (info.replies > most)
			most = info.replies;
		/* All may happen between two queries. */
		if (info.served && !info.peers)
			break;
		usleep(500);
	}
	CHECK(info.served && info.served < 2000 && most <= REMOTE_WINDOW);
	CHECK(at_baseline(remote));
	peer = test_connect(other, &owner);
	CHECK(peer);
	ndshm_remote_disconnect(peer);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	ndshm_remote_close(other);
	ndshm_remote_close(remote);
}

/* A network of this process's own, whose only interface goes down. False if not permitted. */
static bool loopback_set(bool up)
{
	struct ifreq request = { .ifr_name = "lo", .ifr_flags = up ? IFF_UP : 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool good = fd >= 0 && !ioctl(fd, SIOCSIFFLAGS, &request);

	close(fd);
	return good;
}

static void wire_cut_run(void)
{
	struct ndshm_remote *remote;
	const uint32_t rounds = test_scale(3, 100);

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) || !loopback_set(true))
		_exit(77);
	unsetenv("NDSHM_TEST_ADDRESS");
	unsetenv("NDSHM_TEST_RDMA");
	remote = test_open(0, 500);
	for (uint32_t i = 0; remote && i < rounds && !test_bad; i++) {
		struct ndshm_remote_peer *peer;
		struct ndshm_remote_range *range;
		struct ndshm_remote_info info = { .peers = 1 };
		struct owner owner;
		int64_t start;
		int error;

		if (!CHECK(owner_start(&owner, 0)))
			break;
		peer = test_connect(remote, &owner);
		range = peer ? test_import(peer, &owner, 0, 1 << 20, ALL) : NULL;
		if (!CHECK(range))
			break;
		CHECK(loopback_set(false));
		start = test_now();
		error = transfer_until_error(peer, range);
		CHECK(error == -ETIMEDOUT || error == -ECONNRESET);
		CHECK(test_now() - start < 500 + SLACK);
		ndshm_remote_disconnect(peer);
		CHECK(at_baseline(remote));
		/* The owner, too, which has nothing to send: by its probes of the connection. */
		for (start = test_now(); info.peers && test_now() - start < 5 * TIMEOUT + SLACK;) {
			info = owner_order(&owner, OWNER_QUERY, 0, 0, 0).info;
			usleep(10000);
		}
		CHECK(!info.peers && !info.imports && info.exports == 1);
		CHECK(loopback_set(true));
		CHECK(!owner_stop(&owner));
	}
	ndshm_remote_close(remote);
	fflush(stdout);
	_exit(test_bad || !remote);
}

static void cut_wires_are_errors(void)
{
	int status;
	pid_t pid;

	pid = test_spawn("cut", "", -1);
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		printf("# SKIP a wire that is cut: no permission for a network namespace\n");
	else
		CHECK(!WEXITSTATUS(status));
}

#define TEST(name_) { #name_, name_ }

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		TEST(killed_owners_are_errors),
		TEST(killed_clients_leave_nothing),
		TEST(stopped_owners_are_errors),
		TEST(failed_puts_are_not_executed_later),
		TEST(stopped_clients_are_dropped),
		TEST(cut_wires_are_errors),
	};

	if (argc == 2 && !strcmp(argv[0], "owner"))
		owner_main(argv[1]);
	if (argc == 2 && (!strcmp(argv[0], "client") || !strcmp(argv[0], "stops")))
		client_main(argv[0], argv[1]);

	if (ndshm_open(test_backend(), &ndshm) || !test_section_make())
		return 2;
	if (argc == 2 && !strcmp(argv[0], "cut"))
		wire_cut_run();
	/* All, or one by its name: LONG=1 takes minutes for each. */
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (argc < 2 || !strcmp(argv[1], tests[i].name))
			test_run(tests[i].name, tests[i].run);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return test_end();
}
