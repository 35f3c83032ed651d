// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * peers_test SERVER [BACKEND]: tests of ndshm-server with clients that misbehave, one at a time,
 * while another client, the keeper, stays connected and must be served.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../common/expect.h"
#include "../call.h"
#include "../channel.h"

#define CLIENTS		"32"		/* limit of the server */
#define PATIENCE	30		/* seconds until has_descriptors() fails */

static struct {
	char path[64];			/* socket */
	pid_t pid;
	FILE *output;
	char report[1024];		/* last line of @output */
	unsigned int descriptors;	/* open ones at the start */
} server;

static struct call keeper;

/* The server */

/* Start it, and wait until it is ready. */
static bool server_start(const char *program, const char *backend)
{
	int pipes[2];

	snprintf(server.path, sizeof(server.path), "/tmp/ndshm-peers-%d", getpid());
	if (pipe2(pipes, O_CLOEXEC))
		return false;
	fflush(NULL);
	server.pid = fork();
	if (!server.pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		dup2(pipes[1], STDOUT_FILENO);
		execl(program, program, "--json", "--socket", server.path, "--clients", CLIENTS,
		      backend ? "--backend" : NULL, backend, NULL);
		perror(program);
		_exit(127);
	}
	close(pipes[1]);
	server.output = fdopen(pipes[0], "r");
	return server.pid > 0 && server.output &&
	       fgets(server.report, sizeof(server.report), server.output) &&
	       strstr(server.report, "\"event\":\"ready\"");
}

static unsigned int server_descriptors(void)
{
	unsigned int count = 0;
	char path[64];

	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", server.pid, fd);
		count += !faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW);
	}
	return count;
}

/* Return: CPU time, in clock ticks. */
static uint64_t server_ticks(void)
{
	uint64_t user = 0, system = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", server.pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
			    "%" SCNu64 " %" SCNu64, &user, &system) != 2)
		EXPECT(!"statistics of the server");
	if (file)
		fclose(file);
	return user + system;
}

/* Wait until the server has closed what it had for other clients than the keeper. */
static bool has_descriptors(void)
{
	for (int i = 0; i < PATIENCE * 100; i++) {
		if (server_descriptors() == server.descriptors)
			return true;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return false;
}

/* A request of the greatest size, so that the server allocates all memory for requests. */
static bool keeper_is_served(void)
{
	struct request request = { .operation = OPERATION_UPPER, .chunks = 2 };
	struct chunk *list = keeper.buffer;
	struct answer answer;

	for (uint32_t i = 0; i < request.chunks; i++)
		list[i] = (struct chunk){ .offset = keeper.offset,
					  .length = PROTOCOL_CONTENTS / 2 };
	request.list = request.answer = keeper.offset;
	request.room = PROTOCOL_CONTENTS;
	return !call_ask(&keeper, &request, &answer) && answer.status == STATUS_SERVED;
}

/* Connect as a client without a buffer. Return: the socket, or -1. */
static int join(struct greeting *greeting)
{
	struct ndshm_section *section;
	int channel = channel_connect(server.path);

	if (channel >= 0 && !channel_be_greeted(channel, keeper.ndshm, greeting, &section)) {
		ndshm_section_close(section);
		return channel;
	}
	close(channel);
	return -1;
}

/* The tests */

static void test_too_many(void)
{
	struct greeting greeting = { .status = STATUS_SERVED };
	const int most = atoi(CLIENTS);
	int channels[64], count;

	/* The keeper is the first client. */
	for (count = 0; count < most; count++) {
		channels[count] = join(&greeting);
		EXPECT(channels[count] >= 0);
		EXPECT((greeting.status == STATUS_CLIENTS) == (count == most - 1));
	}
	while (count--)
		close(channels[count]);
	EXPECT(has_descriptors());
}

/* The client never reads its answers. The keeper is served meanwhile. */
static void test_slow_reader(void)
{
	const struct request request = { .operation = OPERATION_CRC32 };
	struct greeting greeting;
	int channel = join(&greeting);
	bool dropped = false;

	EXPECT(channel >= 0);
	for (int i = 0; !dropped && expect_ok && i < 1000000; i++) {
		dropped = send(channel, &request, sizeof(request), MSG_NOSIGNAL) < 0;
		if (i % 100 == 0)
			EXPECT(keeper_is_served());
	}
	EXPECT(dropped);
	close(channel);
	EXPECT(keeper_is_served() && has_descriptors());
}

/* A server that received these would run out of its own. */
static void test_descriptors_sent(void)
{
	struct request request = { .operation = OPERATION_CRC32 };
	int fds[] = { STDIN_FILENO, STDIN_FILENO, STDERR_FILENO, STDERR_FILENO };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(fds))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(fds)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	struct iovec data = { .iov_base = &request, .iov_len = sizeof(request) };
	const struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	struct answer answer;

	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	EXPECT(sendmsg(keeper.channel, &message, MSG_NOSIGNAL) == sizeof(request));
	EXPECT(recv(keeper.channel, &answer, sizeof(answer), 0) == sizeof(answer));
	EXPECT(answer.status == STATUS_CHUNKS);
	EXPECT(server_descriptors() == server.descriptors && keeper_is_served());
}

/*
 * While the server is stopped, the client requests a result and disconnects. The target is the
 * keeper's memory, as if it had been reused by then.
 */
static void test_gone_client(void)
{
	struct request request = {
		.operation = OPERATION_UPPER, .chunks = 1, .list = keeper.offset,
		.answer = keeper.offset + sizeof(struct chunk), .room = 1,
	};
	char *text = (char *)keeper.buffer + sizeof(struct chunk);
	struct greeting greeting;
	int channel = join(&greeting), status;

	*(struct chunk *)keeper.buffer = (struct chunk){ .offset = request.answer, .length = 1 };
	*text = 'x';
	kill(server.pid, SIGSTOP);
	EXPECT(waitpid(server.pid, &status, WUNTRACED) == server.pid && WIFSTOPPED(status));
	EXPECT(send(channel, &request, sizeof(request), MSG_NOSIGNAL) == sizeof(request));
	close(channel);
	kill(server.pid, SIGCONT);
	EXPECT(has_descriptors() && *text == 'x');
}

/*
 * Without free descriptors, new clients wait, connected clients are served, and the server does
 * not poll in a busy loop.
 */
static void test_no_descriptors(void)
{
	struct ndshm_section *section = NULL;
	struct greeting greeting;
	struct rlimit before, none;
	uint64_t ticks;
	int channel;

	EXPECT(!prlimit(server.pid, RLIMIT_NOFILE, NULL, &before));
	none = (struct rlimit){ .rlim_cur = 3, .rlim_max = before.rlim_max };
	EXPECT(!prlimit(server.pid, RLIMIT_NOFILE, &none, NULL));
	ticks = server_ticks();
	channel = channel_connect(server.path);
	nanosleep(&(struct timespec){ .tv_sec = 2 }, NULL);
	EXPECT(server_ticks() - ticks <= (uint64_t)sysconf(_SC_CLK_TCK) / 2);
	EXPECT(keeper_is_served());
	EXPECT(recv(channel, &greeting, sizeof(greeting), MSG_DONTWAIT) < 0);
	prlimit(server.pid, RLIMIT_NOFILE, &before, NULL);
	EXPECT(!channel_be_greeted(channel, keeper.ndshm, &greeting, &section));
	ndshm_section_close(section);
	close(channel);
	EXPECT(has_descriptors());
}

/* The counters of the tests before, and the whole section is free. */
static void test_end(void)
{
	static const char *const parts[] = {
		"\"event\":\"end\"", "\"turned_away\":1", "\"dropped\":1", "\"now\":0",
		"\"taken\":0",
	};
	int status;

	call_close(&keeper);
	kill(server.pid, SIGTERM);
	EXPECT(fgets(server.report, sizeof(server.report), server.output));
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		EXPECT(strstr(server.report, parts[i]));
	EXPECT(waitpid(server.pid, &status, 0) == server.pid && !status);
	EXPECT(access(server.path, F_OK));
	if (!expect_ok)
		printf("# %s", server.report);
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "one client too many is refused", test_too_many },
	{ "a client that does not read its answers is dropped", test_slow_reader },
	{ "descriptors in a message are not received", test_descriptors_sent },
	{ "a client that has disconnected gets no result", test_gone_client },
	{ "without descriptors the server serves its clients", test_no_descriptors },
	{ "at the end the counters agree and the section is free", test_end },
};

static const char *run(size_t test)
{
	tests[test].run();
	return tests[test].name;
}

int main(int argc, char **argv)
{
	const char *failed;

	printf("TAP version 13\n");
	if (argc < 2 || !server_start(argv[1], argc > 2 ? argv[2] : NULL) ||
	    call_open(&keeper, server.path, PROTOCOL_CONTENTS, &failed) || !keeper_is_served()) {
		printf("Bail out! no server\n");
		return EXIT_FAILURE;
	}
	server.descriptors = server_descriptors();
	return expect_all(sizeof(tests) / sizeof(tests[0]), run);
}
