// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-tcp ADDRESS NAMESPACE BYTES: send by TCP to an address of another network namespace, which
 * is the path of a file, and print the number of instructions until all is read there, of both
 * ends. For a machine with one CPU whose clock counts instructions; idle time is not counted.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "idle.h"

#define CALL	65536

/* Return the socket that is connected, and in *@other the one in the namespace. */
static int connect_ends(const char *address, const char *namespace, int *other)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int file = open(namespace, O_RDONLY | O_CLOEXEC), listening;
	socklen_t length = sizeof(to);

	if (fd < 0 || file < 0 || !inet_aton(address, &to.sin_addr) || setns(file, CLONE_NEWNET))
		die(namespace);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listening < 0 || bind(listening, (struct sockaddr *)&to, sizeof(to)) ||
	    listen(listening, 1) || getsockname(listening, (struct sockaddr *)&to, &length))
		die("listen");
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		die(address);
	*other = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	if (*other < 0)
		die("accept");
	return fd;
}

static void send_all(int fd, size_t bytes)
{
	static char data[CALL];
	ssize_t sent;

	for (; bytes; bytes -= sent) {
		sent = send(fd, data, bytes < CALL ? bytes : CALL, 0);
		if (sent < 0)
			die("send");
	}
}

static void receive_all(int fd, size_t bytes)
{
	static char data[CALL];
	ssize_t got;

	for (; bytes; bytes -= got) {
		got = recv(fd, data, bytes < CALL ? bytes : CALL, 0);
		if (got <= 0)
			die("receive");
	}
}

/* The first transfer makes the buffers of the sockets and the congestion window grow. */
static void transfer(int from, int to, size_t bytes)
{
	pid_t child = fork();
	int status;

	if (child < 0)
		die("fork");
	if (!child) {
		send_all(from, bytes);
		_exit(0);
	}
	receive_all(to, bytes);
	if (waitpid(child, &status, 0) != child || status)
		die("sender");
}

int main(int arguments, char **argument)
{
	__u64 begin, idle;
	size_t bytes;
	double each;
	int fd, other;

	if (arguments != 4) {
		fprintf(stderr, "usage: ndshm-tcp ADDRESS NAMESPACE BYTES\n");
		return 2;
	}
	bytes = strtoul(argument[3], NULL, 0);
	fd = connect_ends(argument[1], argument[2], &other);
	each = instructions_per_turn();
	start_turns(SCHED_IDLE);
	transfer(fd, other, bytes / 4);

	begin = now();
	idle = turns_now();
	transfer(fd, other, bytes);
	idle = turns_now() - idle;
	printf("%.0f\n", now() - begin - idle * each);
	return 0;
}
