// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-server: serves clients in one section that all of them map. A single thread waits in
 * epoll for clients, signals and a timer, and never blocks elsewhere.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "../common/say.h"
#include "channel.h"
#include "report.h"
#include "server_options.h"

#define EVENTS		64	/* per epoll_wait() */
#define OWN_DESCRIPTORS	32	/* in addition to one per client */
#define RETRY_MS	1000	/* delay before accepting again after an error */

struct server {
	struct server_options options;
	struct ndshm *ndshm;
	struct peers peers;
	int listener;
	int signals;
	int clock;		/* -1: no timer */
	bool paused;		/* not accepting, until: */
	int64_t resume;		/* milliseconds */
	bool warned;		/* the error was reported */
	bool stop;
};

/* Setup */

static int open_section(struct server *server)
{
	struct ndshm_section_request request = NDSHM_SECTION_REQUEST_INIT;
	int error = ndshm_open(server->options.backend, &server->ndshm);

	if (error == -ENOENT)
		say("is the module loaded? Without it, try --backend memfd:");
	if (error == -EACCES)
		say("the device is not open to you: be root, or of the group that has it, or try "
		    "--backend memfd:");
	if (error)
		return say_failure(NULL, "cannot open ndshm", error);
	request.max_size = server->options.size;
	error = ndshm_section_create(server->ndshm, &request, &server->peers.section);
	if (error)
		return say_failure(server->ndshm, "cannot make a section", error);
	server->peers.serve.section = server->peers.section;
	return 0;
}

static int check_machine(const struct server *server)
{
	rlim_t need = server->options.clients + OWN_DESCRIPTORS;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return say_failure(NULL, "getrlimit", -errno);
	if (limit.rlim_cur >= need)
		return 0;
	limit.rlim_cur = need;
	if (limit.rlim_max >= need && !setrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	say("%u clients need %llu open files, and %llu are allowed: raise that (ulimit -Hn), or "
	    "lower --clients", server->options.clients, (unsigned long long)need,
	    (unsigned long long)limit.rlim_max);
	return -EMFILE;
}

static int open_signals(struct server *server)
{
	sigset_t ends;

	/* The reader of the reports may close the pipe. (Sends to clients use MSG_NOSIGNAL.) */
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &ends, NULL))
		return -errno;
	server->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	return server->signals < 0 ? -errno : 0;
}

static int open_clock(struct server *server)
{
	const struct itimerspec every = {
		.it_interval.tv_sec = server->options.stats,
		.it_value.tv_sec = server->options.stats,
	};

	server->clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (server->clock < 0 || timerfd_settime(server->clock, 0, &every, NULL))
		return -errno;
	return 0;
}

/* The event data of the server's own descriptors is their address, that of a client its peer. */
static int watch(struct server *server, int *fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = fd };

	return epoll_ctl(server->peers.epoll, EPOLL_CTL_ADD, *fd, &event) ? -errno : 0;
}

static int open_events(struct server *server)
{
	int error;

	server->peers.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->peers.epoll < 0)
		return -errno;
	error = open_signals(server);
	if (!error && server->options.stats)
		error = open_clock(server);
	if (!error)
		error = watch(server, &server->signals);
	if (!error && server->clock >= 0)
		error = watch(server, &server->clock);
	return error;
}

static int open_listener(struct server *server)
{
	const char *path = server->options.socket;
	int fd = channel_listen(path, server->options.mode);

	if (fd == -EADDRINUSE)
		say("%s is there already: if no server has it, remove it (rm %s)", path, path);
	if (fd == -ENAMETOOLONG)
		say("a socket's path has at most 107 bytes: choose a shorter one");
	if (fd < 0)
		return say_failure(NULL, path, fd);
	server->listener = fd;
	fd = watch(server, &server->listener);
	return fd ? say_failure(NULL, "cannot wait for clients", fd) : 0;
}

static int prepare(struct server *server)
{
	int error = check_machine(server);

	if (!error)
		error = open_section(server);
	if (error)
		return error;
	error = open_events(server);
	if (error)
		return say_failure(NULL, "cannot wait for events", error);
	return open_listener(server);
}

/*
 * Clients
 */

static int64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static void pause_listening(struct server *server)
{
	epoll_ctl(server->peers.epoll, EPOLL_CTL_DEL, server->listener, NULL);
	server->paused = true;
	server->resume = milliseconds() + RETRY_MS;
}

static void resume_listening(struct server *server)
{
	if (server->paused && milliseconds() >= server->resume)
		server->paused = watch(server, &server->listener) != 0;
}

/* After a lack of resources, accepts again after a delay, not in a busy loop. */
static void let_in(struct server *server)
{
	int error = peers_accept(&server->peers, server->listener);

	if (!error || error == -EAGAIN || error == -EINTR || error == -ECONNABORTED) {
		server->warned = false;
		return;
	}
	if (!server->warned)
		say_failure(NULL, "cannot let a client in, and will try again", error);
	server->warned = true;
	pause_listening(server);
}

static void look_at_clock(struct server *server)
{
	uint64_t ticks;

	if (read(server->clock, &ticks, sizeof(ticks)) == sizeof(ticks))
		report_tally("stats", &server->peers, server->options.json);
}

static void handle(struct server *server, const struct epoll_event *event)
{
	void *what = event->data.ptr;

	if (what == &server->signals)
		server->stop = true;
	else if (what == &server->clock)
		look_at_clock(server);
	else if (what == &server->listener)
		let_in(server);
	else
		peers_serve(&server->peers, what, event->events);
}

static int run(struct server *server)
{
	struct epoll_event events[EVENTS];

	while (!server->stop) {
		int count = epoll_wait(server->peers.epoll, events, EVENTS,
				       server->paused ? RETRY_MS : -1);

		if (count < 0 && errno != EINTR)
			return say_failure(NULL, "epoll_wait", -errno);
		/*
		 * epoll_wait() returns one event per descriptor, so a dropped peer has no second
		 * one here.
		 */
		for (int i = 0; i < count; i++)
			handle(server, &events[i]);
		resume_listening(server);
	}
	return 0;
}

/* Shutdown */

/* Clients can read existing mappings; the memory is freed with the last one. */
static void finish(struct server *server)
{
	if (server->listener >= 0) {
		unlink(server->options.socket);
		close(server->listener);
	}
	if (server->clock >= 0)
		close(server->clock);
	if (server->signals >= 0)
		close(server->signals);
	if (server->peers.epoll >= 0)
		close(server->peers.epoll);
	if (server->peers.section)
		ndshm_section_delete(server->peers.section, NDSHM_DELETE_FORCE);
	ndshm_section_close(server->peers.section);
	ndshm_close(server->ndshm);
}

int main(int argc, char **argv)
{
	static struct server server = {
		.listener = -1, .signals = -1, .clock = -1, .peers.epoll = -1,
	};
	int error;

	server_options_parse(&server.options, argc, argv);
	server.peers.most = server.options.clients;
	server.peers.buffer = server.options.buffer;
	error = prepare(&server);
	if (!error) {
		report_ready(&server.peers, server.options.socket, server.options.json);
		error = run(&server);
		peers_drop_all(&server.peers);
		report_tally("end", &server.peers, server.options.json);
	}
	finish(&server);
	return error ? EXIT_FAILURE : EXIT_SUCCESS;
}
