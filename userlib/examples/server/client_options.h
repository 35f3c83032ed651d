/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The client's command line. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <sys/uio.h>

#include "protocol.h"

#define EXIT_USAGE	2
#define EXIT_REFUSED	3

struct client_options {
	const char *socket;
	enum operation operation;
	struct iovec texts[PROTOCOL_CHUNKS];
	uint32_t count;
};

/* Exits with EXIT_USAGE if the command line is invalid. */
void client_options_parse(struct client_options *options, int argc, char **argv);

#endif /* CLIENT_OPTIONS_H */
