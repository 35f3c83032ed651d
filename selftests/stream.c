// SPDX-License-Identifier: GPL-2.0
/*
 * stream ADDRESS NAMESPACE COUNT: connect to an address of another network namespace by TCP, send
 * COUNT numbers in each direction, and compare those that arrive.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <netdb.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS		8192	/* of a call */
#define PATIENCE	60	/* seconds without any progress */

static int stream_error(const char *what)
{
	printf("# %s: %s\n", what, strerror(errno));
	return -1;
}

/* All bytes of a number depend on it, so that no two places of a stream look alike. */
static void stream_fill(__u64 *numbers, __u64 first, size_t count)
{
	for (size_t i = 0; i < count; i++)
		numbers[i] = (first + i + 1) * 0x9e3779b97f4a7c15ULL;
}

static int stream_send(int fd, __u64 count)
{
	static __u64 numbers[NUMBERS];
	size_t part, length, at;
	ssize_t sent;

	for (__u64 first = 0; first < count; first += part) {
		part = count - first < NUMBERS ? count - first : NUMBERS;
		length = part * sizeof(*numbers);
		stream_fill(numbers, first, part);
		for (at = 0; at < length; at += sent) {
			sent = send(fd, (char *)numbers + at, length - at, MSG_NOSIGNAL);
			if (sent < 0)
				return stream_error("send");
		}
	}
	return 0;
}

static int stream_compare(int fd, __u64 count)
{
	static __u64 wanted[NUMBERS], got[NUMBERS];
	size_t part, i;
	ssize_t length;

	for (__u64 first = 0; first < count; first += part) {
		part = count - first < NUMBERS ? count - first : NUMBERS;
		length = recv(fd, got, part * sizeof(*got), MSG_WAITALL);
		if (length < 0)
			return stream_error("receive");
		stream_fill(wanted, first, part);
		for (i = 0; i < length / sizeof(*got) && got[i] == wanted[i];)
			i++;
		if (i < part) {
			printf("# %llu of %llu numbers, then %s\n", first + i, count,
			       i < length / sizeof(*got) ? "a wrong one" : "the end");
			return -1;
		}
	}
	return 0;
}

/* A child sends. */
static int stream_one_way(int from, int to, __u64 count)
{
	pid_t child = fork();
	int error, status;

	if (child < 0)
		return stream_error("fork");
	if (!child) {
		error = stream_send(from, count);
		fflush(stdout);
		_exit(!!error);
	}
	error = stream_compare(to, count);
	/* Ends a child that nobody reads from. */
	if (error)
		shutdown(from, SHUT_RDWR);
	if (waitpid(child, &status, 0) != child || status)
		error = -1;
	return error;
}

/* Connect a socket of this namespace with one of the other, which the process remains in. */
static int stream_connect(const char *address, const char *namespace, int ends[2])
{
	const struct addrinfo hints = {
		.ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM,
	};
	const struct timeval patience = { .tv_sec = PATIENCE };
	struct sockaddr_storage bound;
	struct addrinfo *found;
	socklen_t length = sizeof(bound);
	int listening, other;
	char path[128];

	if (getaddrinfo(address, NULL, &hints, &found))
		return stream_error(address);
	snprintf(path, sizeof(path), "/run/netns/%s", namespace);
	ends[0] = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	other = open(path, O_RDONLY | O_CLOEXEC);
	if (ends[0] < 0 || other < 0 || setns(other, CLONE_NEWNET))
		return stream_error(namespace);
	listening = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listening < 0 || bind(listening, found->ai_addr, found->ai_addrlen) ||
	    listen(listening, 1) || getsockname(listening, (struct sockaddr *)&bound, &length))
		return stream_error("listen");
	if (connect(ends[0], (struct sockaddr *)&bound, length))
		return stream_error("connect");
	ends[1] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (ends[1] < 0)
		return stream_error("accept");
	for (int i = 0; i < 4; i++)
		if (setsockopt(ends[i / 2], SOL_SOCKET, i % 2 ? SO_RCVTIMEO : SO_SNDTIMEO,
			       &patience, sizeof(patience)))
			return stream_error("patience");
	freeaddrinfo(found);
	return 0;
}

int main(int arguments, char **argument)
{
	__u64 count;
	int ends[2];

	if (arguments != 4) {
		fprintf(stderr, "usage: stream ADDRESS NAMESPACE COUNT\n");
		return 2;
	}
	count = strtoull(argument[3], NULL, 0);
	return stream_connect(argument[1], argument[2], ends) ||
	       stream_one_way(ends[0], ends[1], count) || stream_one_way(ends[1], ends[0], count);
}
