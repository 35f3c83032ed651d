// SPDX-License-Identifier: GPL-2.0
/*
 * ring TRANSPORT BYTES MESSAGES [PEERS]
 *
 * Prints the nanoseconds per message of BYTES bytes that PEERS processes (1) send and as
 * many receive. TRANSPORT is ring, socket (a pair of SOCK_SEQPACKET), pipe, mqueue, or boost (the
 * message queue of Boost.Interprocess, if it is installed). All have room for 10 messages, the
 * default limit of a POSIX message queue, or 1,024 with the suffix -deep, which mqueue does not
 * have.
 */
#include <fcntl.h>
#include <mqueue.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ndshm/ring.h>

#define BYTES_MOST	4096

static struct ndshm_ring *ring;
static mqd_t queue;
static int fds[2];
static size_t bytes;
static char message[BYTES_MOST];

static int open_ring(int capacity)
{
	return ndshm_ring_create(capacity, bytes, &ring);
}

static int ring_send(void)
{
	return ndshm_ring_send(ring, message, bytes, -1);
}

static int ring_receive(void)
{
	size_t length;

	return ndshm_ring_receive(ring, message, bytes, &length, -1);
}

static int open_socket(int capacity)
{
	int size = capacity * 1024;

	return socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) ||
	       setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
}

static int socket_send(void)
{
	return send(fds[1], message, bytes, 0) != (ssize_t)bytes;
}

static int socket_receive(void)
{
	return recv(fds[0], message, bytes, 0) != (ssize_t)bytes;
}

/* A pipe in packet mode has at least one page for each message. */
static int open_pipe(int capacity)
{
	if (pipe2(fds, O_DIRECT))
		return -1;
	return capacity > 16 && fcntl(fds[0], F_SETPIPE_SZ, capacity * 4096 / 4) < 0;
}

static int pipe_send(void)
{
	return write(fds[1], message, bytes) != (ssize_t)bytes;
}

static int pipe_receive(void)
{
	return read(fds[0], message, bytes) != (ssize_t)bytes;
}

static int open_mqueue(int capacity)
{
	struct mq_attr attributes = { .mq_maxmsg = capacity, .mq_msgsize = bytes };

	queue = mq_open("/ndshm-bench", O_RDWR | O_CREAT, 0600, &attributes);
	mq_unlink("/ndshm-bench");
	return queue < 0;
}

static int mqueue_send(void)
{
	return mq_send(queue, message, bytes, 0);
}

static int mqueue_receive(void)
{
	return mq_receive(queue, message, bytes, NULL) != (ssize_t)bytes;
}

/* ring_boost.cpp; NULL if it was not linked. */
int boost_open(int capacity, size_t bytes) __attribute__((weak));
int boost_send(const char *message, size_t bytes) __attribute__((weak));
int boost_receive(char *message, size_t bytes) __attribute__((weak));

static int open_boost(int capacity)
{
	return boost_open ? boost_open(capacity, bytes) : -1;
}

static int send_boost(void)
{
	return boost_send(message, bytes);
}

static int receive_boost(void)
{
	return boost_receive(message, bytes);
}

static const struct transport {
	const char *name;
	int capacity;
	int (*open)(int capacity);
	int (*send)(void);
	int (*receive)(void);
} transports[] = {
	{ "ring", 10, open_ring, ring_send, ring_receive },
	{ "ring-deep", 1024, open_ring, ring_send, ring_receive },
	{ "socket", 10, open_socket, socket_send, socket_receive },
	{ "socket-deep", 1024, open_socket, socket_send, socket_receive },
	{ "pipe", 10, open_pipe, pipe_send, pipe_receive },
	{ "pipe-deep", 1024, open_pipe, pipe_send, pipe_receive },
	{ "mqueue", 10, open_mqueue, mqueue_send, mqueue_receive },
	{ "boost", 10, open_boost, send_boost, receive_boost },
	{ "boost-deep", 1024, open_boost, send_boost, receive_boost },
};

static pid_t start(int (*operation)(void), unsigned long count)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	while (count--)
		if (operation())
			_exit(1);
	_exit(0);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

static const struct transport *find(const char *name)
{
	for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++)
		if (!strcmp(name, transports[i].name))
			return &transports[i];
	return NULL;
}

int main(int count, char **arguments)
{
	const struct transport *transport = count > 3 ? find(arguments[1]) : NULL;
	unsigned long messages;
	int peers, status, bad = 0;
	double begin;

	if (!transport)
		return 2;
	bytes = strtoul(arguments[2], NULL, 0);
	messages = strtoul(arguments[3], NULL, 0);
	peers = count > 4 ? atoi(arguments[4]) : 1;
	if (!bytes || bytes > BYTES_MOST || peers < 1 || transport->open(transport->capacity))
		return 2;
	begin = now();
	for (int i = 0; i < peers; i++)
		if (start(transport->send, messages / peers) < 0 ||
		    start(transport->receive, messages / peers) < 0)
			return 1;
	for (int i = 0; i < 2 * peers; i++)
		bad |= wait(&status) < 0 || status;
	printf("%.0f\n", (now() - begin) / messages);
	return bad;
}
