/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's command line. */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EXIT_USAGE 2

struct server_options {
	const char *socket;
	const char *backend;	/* argument of ndshm_open(), may be NULL */
	mode_t mode;
	uint64_t size;		/* bytes of the section */
	uint64_t buffer;	/* bytes lent to each client, 0: clients allocate */
	unsigned int clients;	/* limit */
	unsigned int stats;	/* seconds, 0: only at the end */
	bool json;
};

/* Exits with EXIT_USAGE if the command line is invalid. */
void server_options_parse(struct server_options *options, int argc, char **argv);

#endif /* SERVER_OPTIONS_H */
