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
#define ATTRIBUTES_MAX NDSHM_A_QUOTA_MAX

/**
 * struct ndshm_table - requesting and parsing a kind of object
 * @command: NDSHM_CMD_*_GET
 * @name: attribute with the name of one object, or 0
 * @max: highest attribute
 * @policy: of the attributes
 * @row_size: bytes of a row
 * @fill: Fills a zeroed row from the attributes; missing attributes are NULL.
 */
struct ndshm_table {
	uint8_t command;
	int name;
	int max;
	const struct nla_policy *policy;
	size_t row_size;
	void (*fill)(void *row, struct nlattr **attrs);
};

extern const struct ndshm_table ndshm__adapters, ndshm__providers, ndshm__blocks,
	ndshm__sections, ndshm__queues, ndshm__quotas;

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
 * Execute a request. @table is NULL for requests without a reply. Returns 0 or -errno;
 * the caller frees *@rows with free().
 */
int ndshm__netlink_query(const struct ndshm_table *table, const struct ndshm_query *query,
			 void **rows, size_t *count);

/* Convert an error of libnl to -errno. */
int ndshm__nle_errno(int error);
/* Open a connected socket and get the number of the family. Returns 0 or -errno. */
int ndshm__netlink_connect(struct nl_sock **sock, int *family);

uint32_t ndshm__attr_u32(const struct nlattr *attr);
uint64_t ndshm__attr_u64(const struct nlattr *attr);

#endif /* NDSHM_NETLINK_INTERNAL_H */
