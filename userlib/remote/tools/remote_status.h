/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state of "ndshm remote export", which "ndshm remote list" shows.
 */
#ifndef NDSHM_REMOTE_STATUS_H
#define NDSHM_REMOTE_STATUS_H

#include <ndshm/remote.h>

/*
 * Each process that exports listens on a socket of the name "ndshm-remote/" and its number in the
 * abstract namespace, and writes a line of JSON to each process of its user, or of root, that
 * connects. The kernel says who they are.
 */
#define REMOTE_STATUS_NAME	"ndshm-remote/"

struct remote_status {
	struct ndshm_remote *remote;
	int fd;			/* readable if there is a connection; -1: none */
	const char *object;
	const char *address;
	uint16_t port;
	uint64_t offset;
	uint64_t length;
	char rights[40];
};

void remote_status_open(struct remote_status *status);
/* Serve one connection. @context: the status */
void remote_status_serve(void *context);
void remote_status_close(struct remote_status *status);

#endif /* NDSHM_REMOTE_STATUS_H */
