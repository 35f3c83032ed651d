/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An owner of exports in another process, for the tests of libndshm-remote. It has the descriptor
 * of the section: the test sees what the owner's memory has.
 */
#ifndef NDSHM_REMOTE_TEST_H
#define NDSHM_REMOTE_TEST_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/remote.h>

#include "test.h"

#define TOKEN		"a token of 32 bytes for the tests"
#define SECTION_BYTES	(17ul << 20)
#define TIMEOUT		3000		/* ms */
/* For a loaded machine, beside the time limit that is tested. */
#define SLACK		4000

static struct ndshm *ndshm;
static struct ndshm_section *section;
static uint64_t extent;
static unsigned char *memory;		/* of the extent */

enum owner_action { OWNER_EXPORT, OWNER_REVOKE, OWNER_QUERY, OWNER_ADD, OWNER_END };

struct owner_command {
	enum owner_action order;
	uint64_t offset;
	uint64_t length;
	uint32_t rights;
};

struct owner_answer {
	int error;
	uint16_t port;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	struct ndshm_remote_info info;
};

struct owner {
	pid_t pid;
	int socket;
	uint16_t port;
};

static inline int64_t test_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The interface of the connections. With NDSHM_TEST_RDMA=1 it must be one of an RDMA device. */
static inline const char *test_address(void)
{
	const char *value = getenv("NDSHM_TEST_ADDRESS");

	return value ? value : "127.0.0.1";
}

static inline const char *test_backend(void)
{
	const char *value = getenv("NDSHM_TEST_BACKEND");

	return value ? value : "memfd:";
}

static inline bool test_rdma(void)
{
	const char *value = getenv("NDSHM_TEST_RDMA");

	return value && value[0] == '1';
}

static inline bool test_section_make(void)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	uint64_t length;

	request.max_size = SECTION_BYTES + (4ul << 20);
	if (ndshm_section_create(ndshm, &request, &section) ||
	    ndshm_extent_alloc(section, SECTION_BYTES, 0, &extent, &length))
		return false;
	memory = (unsigned char *)ndshm_section_base(section) + extent;
	return true;
}

static inline struct ndshm_remote *test_open(uint32_t flags, uint32_t timeout)
{
	struct ndshm_remote_request request = NDSHM_REMOTE_REQUEST_INIT;
	struct ndshm_remote *remote;

	request.flags = flags;
	request.timeout = timeout;
	return ndshm_remote_open(&request, &remote) ? NULL : remote;
}

/* The owner's process */

static inline void owner_obey(struct ndshm_remote *remote, const struct owner_command *command,
			      struct ndshm_remote_export **exports, uint32_t *count,
			      struct owner_answer *answer)
{
	switch (command->order) {
	case OWNER_EXPORT:
		answer->error = ndshm_remote_export_section(
			remote, section, extent + command->offset, command->length, command->rights,
			&exports[*count % 16]);
		if (!answer->error)
			ndshm_remote_export_blob(exports[(*count)++ % 16], answer->blob);
		break;
	case OWNER_REVOKE:
		ndshm_remote_revoke(exports[command->offset % 16]);
		exports[command->offset % 16] = NULL;
		break;
	case OWNER_QUERY:
		answer->error = ndshm_remote_query(remote, &answer->info);
		break;
	case OWNER_ADD:
		for (uint64_t i = 0; i < command->length; i++)
			__atomic_fetch_add((uint64_t *)(void *)(memory + command->offset), 1,
					   __ATOMIC_SEQ_CST);
		break;
	case OWNER_END:
		break;
	}
}

static inline void owner_run(int sock, uint32_t flags, uint16_t port)
{
	struct ndshm_remote *remote = test_open(flags, TIMEOUT);
	struct ndshm_remote_export *exports[16] = { NULL };
	struct owner_command command = { .order = OWNER_QUERY };
	struct owner_answer answer = { 0 };
	uint32_t count = 0;

	if (!remote)
		_exit(2);
	answer.error = ndshm_remote_listen(remote, test_address(), port, TOKEN, sizeof(TOKEN),
					   &answer.port);
	while (send(sock, &answer, sizeof(answer), MSG_NOSIGNAL) == sizeof(answer) &&
	       command.order != OWNER_END) {
		struct pollfd fds[2] = {
			{ .fd = sock, .events = POLLIN },
			{ .fd = flags & NDSHM_REMOTE_POLL ? ndshm_remote_fd(remote) : -1,
			  .events = POLLIN },
		};

		do {
			if (poll(fds, 2, -1) > 0 && fds[1].revents)
				ndshm_remote_progress(remote);
		} while (!fds[0].revents);
		if (recv(sock, &command, sizeof(command), 0) != sizeof(command))
			break;
		memset(&answer, 0, sizeof(answer));
		owner_obey(remote, &command, exports, &count, &answer);
	}
	ndshm_remote_close(remote);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	exit(0);
}

/* The program once more, with these arguments: without threads and locks of this process. */
static inline pid_t test_spawn(const char *role, const char *text, int inherit)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	if (inherit >= 0)
		fcntl(inherit, F_SETFD, 0);
	fcntl(ndshm_section_fd(section), F_SETFD, 0);
	execl("/proc/self/exe", role, text, (char *)NULL);
	_exit(3);
}

/* The part of main() for a process of test_spawn(). */
static inline void owner_main(const char *text)
{
	unsigned int flags, port;
	unsigned long long start;
	int sock, fd;

	if (sscanf(text, "%d %d %llu %u %u", &sock, &fd, &start, &flags, &port) != 5 ||
	    ndshm_open(test_backend(), &ndshm) || ndshm_section_adopt(ndshm, fd, &section))
		_exit(4);
	close(fd);
	extent = start;
	memory = (unsigned char *)ndshm_section_base(section) + extent;
	fcntl(sock, F_SETFD, FD_CLOEXEC);
	owner_run(sock, flags, (uint16_t)port);
}

static inline bool owner_answer(const struct owner *owner, struct owner_answer *answer)
{
	return recv(owner->socket, answer, sizeof(*answer), 0) == sizeof(*answer);
}

static inline bool owner_start_at(struct owner *owner, uint32_t flags, uint16_t port)
{
	struct owner_answer answer;
	char text[100];
	int sockets[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return false;
	snprintf(text, sizeof(text), "%d %d %llu %u %u", sockets[1], ndshm_section_fd(section),
		 (unsigned long long)extent, flags, port);
	owner->pid = test_spawn("owner", text, sockets[1]);
	close(sockets[1]);
	owner->socket = sockets[0];
	if (!owner_answer(owner, &answer) || answer.error)
		return false;
	owner->port = answer.port;
	return true;
}

static inline bool owner_start(struct owner *owner, uint32_t flags)
{
	return owner_start_at(owner, flags, 0);
}

static inline bool owner_send(const struct owner *owner, enum owner_action order, uint64_t offset,
			      uint64_t length, uint32_t rights)
{
	struct owner_command command = { order, offset, length, rights };

	return send(owner->socket, &command, sizeof(command), MSG_NOSIGNAL) == sizeof(command);
}

static inline struct owner_answer owner_order(const struct owner *owner, enum owner_action order,
					     uint64_t offset, uint64_t length, uint32_t rights)
{
	struct owner_answer answer = { .error = -EPIPE };

	if (owner_send(owner, order, offset, length, rights) && !owner_answer(owner, &answer))
		answer.error = -EPIPE;
	return answer;
}

/* Returns the exit status, or minus the signal. */
static inline int owner_wait(struct owner *owner)
{
	int status;

	close(owner->socket);
	waitpid(owner->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static inline int owner_stop(struct owner *owner)
{
	owner_order(owner, OWNER_END, 0, 0, 0);
	return owner_wait(owner);
}

static inline struct ndshm_remote_peer *test_connect(struct ndshm_remote *remote,
						     const struct owner *owner)
{
	struct ndshm_remote_peer *peer;
	int error = ndshm_remote_connect(remote, test_address(), owner->port, TOKEN, sizeof(TOKEN),
					 &peer);

	if (error)
		printf("# connect: %s: %s\n", strerror(-error),
		       ndshm_remote_reason_text(ndshm_remote_last_reason()));
	return peer;
}

/* By any transport. */
static inline struct ndshm_remote_range *test_import_any(struct ndshm_remote_peer *peer,
							 const struct owner *owner, uint64_t offset,
							 uint64_t length, uint32_t rights)
{
	struct owner_answer answer = owner_order(owner, OWNER_EXPORT, offset, length, rights);
	struct ndshm_remote_range *range;

	if (answer.error)
		return NULL;
	if (ndshm_remote_import(peer, answer.blob, sizeof(answer.blob), &range))
		printf("# import: %s\n", ndshm_remote_reason_text(ndshm_remote_last_reason()));
	return range;
}

/* By RDMA, if that is tested. */
static inline struct ndshm_remote_range *test_import(struct ndshm_remote_peer *peer,
						     const struct owner *owner, uint64_t offset,
						     uint64_t length, uint32_t rights)
{
	struct ndshm_remote_range *range = test_import_any(peer, owner, offset, length, rights);
	uint32_t reason;

	if (!range || !test_rdma() || !(rights & NDSHM_REMOTE_READ) ||
	    ndshm_remote_range_transport(range, &reason) == NDSHM_REMOTE_RDMA)
		return range;
	printf("# no RDMA: %s\n", ndshm_remote_reason_text(reason));
	return NULL;
}

static inline bool test_all(const unsigned char *bytes, size_t length, unsigned char byte)
{
	return bytes[0] == byte && !memcmp(bytes, bytes + 1, length - 1);
}

static inline uint64_t test_random(void)
{
	static __thread uint64_t state = 0x9e3779b97f4a7c15;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* LONG=1: @lengthy, LONG=2 to 99: percent of it. */
static inline uint32_t test_scale(uint32_t usual, uint32_t lengthy)
{
	const char *value = getenv("LONG");
	const uint32_t percent = value ? (uint32_t)atoi(value) : 0;

	return percent > 1 ? lengthy * percent / 100 : percent ? lengthy : usual;
}

#define CHECK_REMOTE(call, error, reason) do { \
	CHECK((call) == -(error)); \
	CHECK(ndshm_remote_last_reason() == NDSHM_REASON_##reason); \
} while (0)

#endif /* NDSHM_REMOTE_TEST_H */
