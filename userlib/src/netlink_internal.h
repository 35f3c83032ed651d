/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files that speak netlink know of each other.
 */
#ifndef NDSHM_NETLINK_INTERNAL_H
#define NDSHM_NETLINK_INTERNAL_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include <linux/ndshm_netlink.h>

#include "internal.h"

/* Of any kind of object. */
#define ATTRIBUTES_MAX NDSHM_A_QUOTA_MAX

/**
 * struct ndshm_table - how a kind of object is asked for and read
 * @command: NDSHM_CMD_*_GET
 * @name: attribute that names one, or 0
 * @max: highest attribute
 * @policy: of the attributes
 * @row_size: bytes of a row
 * @fill: make a row, zeroed before, of the attributes; those that are missing
 *	are NULL
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
 * struct ndshm_query - what is asked
 * @command: NDSHM_CMD_*
 * @dump: for all
 * @put: append attributes to the message; 0 or libnl's error. NULL: there are none
 * @with: for @put
 */
struct ndshm_query {
	uint8_t command;
	bool dump;
	int (*put)(struct nl_msg *message, const void *with);
	const void *with;
};

/* Rows of a table, which can be of no use (NULL): 0 or -errno. The rows are for free(). */
int ndshm__netlink_query(const struct ndshm_table *table, const struct ndshm_query *query,
			 void **rows, size_t *count);

/* The one place where libnl's errors become ours. */
int ndshm__nle_errno(int error);
/* A socket that is connected, and the family's number; 0 or -errno. */
int ndshm__netlink_connect(struct nl_sock **sock, int *family);

uint32_t ndshm__attr_u32(const struct nlattr *attr);
uint64_t ndshm__attr_u64(const struct nlattr *attr);

#endif /* NDSHM_NETLINK_INTERNAL_H */
