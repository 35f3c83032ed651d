/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the files that use netlink.
 */
#ifndef NDSHM_NETLINK_INTERNAL_H
#define NDSHM_NETLINK_INTERNAL_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <linux/ndshm_netlink.h>

#include "internal.h"

/* The highest attribute of all kinds of objects. */
#define ATTRIBUTES_MAX NDSHM_A_SECTION_MAX

struct ndshm_field;

/**
 * struct ndshm_table - requesting and parsing a kind of object
 * @command: NDSHM_CMD_*_GET
 * @max: highest attribute
 * @row_size: bytes of a row
 * @fields: members of a row
 * @field_count: their number
 * @put: as that of struct ndshm_query, for one object; its argument is the key of
 *	ndshm_backend.list. NULL: no single objects, or no attributes.
 */
struct ndshm_table {
	uint8_t command;
	int max;
	size_t row_size;
	const struct ndshm_field *fields;
	size_t field_count;
	int (*put)(struct nl_msg *message, const void *key);
};

extern const struct ndshm_table ndshm__tables[NDSHM_LISTS];

/**
 * struct ndshm_query - a request
 * @command: NDSHM_CMD_*
 * @dump: request all objects
 * @put: Appends attributes to the message; returns 0 or libnl's error. NULL: no
 *	attributes.
 * @with: argument of @put
 */
struct ndshm_query {
	uint8_t command;
	bool dump;
	int (*put)(struct nl_msg *message, const void *with);
	const void *with;
};

/*
 * Execute a request. Returns 0 or -errno; the caller frees *@rows with free(). Requests without a
 * reply have no @table, @rows and @count.
 */
int ndshm__netlink_query(const struct ndshm_table *table, const struct ndshm_query *query,
			 void **rows, size_t *count);

/* Set a zeroed row from a message. Returns 0 or -errno. */
int ndshm__netlink_parse(const struct ndshm_table *table, struct nlmsghdr *message, void *row);

/* Convert an error of libnl to -errno. */
int ndshm__nle_errno(int error);
/* Open a connected socket and get the number of the family. Returns 0 or -errno. */
int ndshm__netlink_connect(struct nl_sock **sock, int *family);

#endif /* NDSHM_NETLINK_INTERNAL_H */
