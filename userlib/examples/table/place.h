/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The directory by which owner and readers meet, which stands for the configuration of both:
 *
 *	token	the secret; the owner makes it
 *	where	address, port and blob of the running owner
 */
#ifndef PLACE_H
#define PLACE_H

#include <ndshm/remote.h>

#define PLACE_TOKEN	32u

struct place {
	char address[64];
	uint16_t port;
	unsigned char blob[NDSHM_REMOTE_BLOB_BYTES];
	unsigned char token[PLACE_TOKEN];
};

/* Return 0, or -1 with errno. The token is made if there is none. */
int place_read_token(const char *directory, bool make, struct place *place);
int place_write(const char *directory, const struct place *place);
int place_read(const char *directory, struct place *place);

#endif /* PLACE_H */
