/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control of the server under test, a child process. */
#ifndef STORM_SERVER_H
#define STORM_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

struct storm_server {
	char path[64];		/* socket */
	pid_t pid;
	FILE *output;
};

/* Starts the server and waits until it is ready. Returns false, after a message, on failure. */
bool storm_server_start(struct storm_server *server, const char *program, const char *backend,
			unsigned int clients);

bool storm_server_lives(const struct storm_server *server);

/* Sends SIGTERM. Returns the last report, or NULL, after a message, if the exit was not clean. */
json_t *storm_server_end(struct storm_server *server);

/* Stop and continue the server with SIGSTOP and SIGCONT. */
bool storm_server_halt(const struct storm_server *server);
void storm_server_go_on(const struct storm_server *server);

/* Return open descriptors, CPU time in clock ticks, and bytes of anonymous memory of the server. */
unsigned int storm_server_descriptors(const struct storm_server *server);
uint64_t storm_server_ticks(const struct storm_server *server);
uint64_t storm_server_memory(const struct storm_server *server);

#endif /* STORM_SERVER_H */
