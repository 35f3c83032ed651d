// SPDX-License-Identifier: GPL-2.0
/*
 * listener KIND PROGRAM [ARGUMENT...]: run the program with a socket at 127.0.0.1, as
 * systemd does. KIND is "listening", "two" for a LISTEN_FDS of 2, or "idle" for a socket
 * that does not listen. Prints the port first.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTEN_FD	3

int main(int argc, char **argv)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t length = sizeof(address);
	char pid[24];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 3 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    (strcmp(argv[1], "idle") && listen(fd, 16)) ||
	    getsockname(fd, (struct sockaddr *)&address, &length) ||
	    (fd != LISTEN_FD && dup2(fd, LISTEN_FD) < 0)) {
		perror("listener");
		return 125;
	}
	printf("%d\n", ntohs(address.sin_port));
	fflush(stdout);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", strcmp(argv[1], "two") ? "1" : "2", 1);
	execv(argv[2], argv + 2);
	perror("listener");
	return 125;
}
