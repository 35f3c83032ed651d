/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control of the server under test, a child process. */
#ifndef STRESS_SERVER_H
#define STRESS_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

struct stress_server {
	char path[64];		/* socket */
	pid_t pid;
	FILE *output;
};

/* Starts the server and waits until it is ready. Returns false, after a message, on failure. */
bool stress_server_start(struct stress_server *server, const char *program, const char *backend,
			 unsigned int clients);

bool stress_server_lives(const struct stress_server *server);

/* Sends SIGTERM. Returns the last report, or NULL, after a message, if the exit was not clean. */
json_t *stress_server_end(struct stress_server *server);

/* Stop and continue the server with SIGSTOP and SIGCONT. */
bool stress_server_halt(const struct stress_server *server);
void stress_server_go_on(const struct stress_server *server);

/* Return open descriptors, CPU time in clock ticks, and bytes of anonymous memory of the server. */
unsigned int stress_server_descriptors(const struct stress_server *server);
uint64_t stress_server_ticks(const struct stress_server *server);
uint64_t stress_server_memory(const struct stress_server *server);

#endif /* STRESS_SERVER_H */
