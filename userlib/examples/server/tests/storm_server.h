/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server that the storm is about, as a process of its own. */
#ifndef STORM_SERVER_H
#define STORM_SERVER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <jansson.h>

struct storm_server {
	char path[64];		/* of its socket */
	pid_t pid;
	FILE *output;
};

/* Started and ready; false: it is not, which was printed. */
bool storm_server_start(struct storm_server *server, const char *program, const char *backend,
			unsigned int clients);

bool storm_server_lives(const struct storm_server *server);

/* SIGTERM. Its last report, or NULL: it did not end well, which was printed. */
json_t *storm_server_end(struct storm_server *server);

/* Nothing is done from here on, until it goes on. */
bool storm_server_halt(const struct storm_server *server);
void storm_server_go_on(const struct storm_server *server);

/* What it uses: open descriptors, time in clock ticks, bytes of memory that only it has. */
unsigned int storm_server_descriptors(const struct storm_server *server);
uint64_t storm_server_ticks(const struct storm_server *server);
uint64_t storm_server_memory(const struct storm_server *server);

#endif /* STORM_SERVER_H */
