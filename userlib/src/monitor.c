// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Events by generic netlink. The socket is created by libnl but read directly, since
 * libnl returns the same error for lost events (ENOBUFS) and for a lack of memory.
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>

#include "netlink_internal.h"

/* Larger than any message of the family. A datagram has one. */
#define DATAGRAM 16384

union datagram {
	struct nlmsghdr message;
	char bytes[DATAGRAM];
};

/**
 * struct ndshm_monitor - an event listener
 * @ndshm: the context, with a reference
 * @sock: socket, member of the multicast group
 * @family: number of the family
 */
struct ndshm_monitor {
	struct ndshm *ndshm;
	struct nl_sock *sock;
	int family;
};

#define ROW(command_, object_, kind_, list_, member_) \
	[NDSHM_CMD_##command_##_NTF] = { \
		NDSHM_EVENT_##object_, NDSHM_EVENT_##kind_, &ndshm__tables[NDSHM_LIST_##list_], \
		offsetof(struct ndshm_event, member_) \
	}

static const struct row {
	uint32_t object;
	uint32_t kind;
	const struct ndshm_table *table;
	size_t member;
} rows[NDSHM_CMD_MAX + 1] = {
	ROW(ADAPTER_ADDED, ADAPTER, ADDED, ADAPTERS, adapter),
	ROW(ADAPTER_CLAIMED, ADAPTER, CLAIMED, ADAPTERS, adapter),
	ROW(ADAPTER_RELEASED, ADAPTER, RELEASED, ADAPTERS, adapter),
	ROW(ADAPTER_REVOKED, ADAPTER, REVOKED, ADAPTERS, adapter),
	ROW(ADAPTER_GONE, ADAPTER, GONE, ADAPTERS, adapter),
	ROW(PROVIDER_ADDED, PROVIDER, ADDED, PROVIDERS, provider),
	ROW(PROVIDER_REVOKED, PROVIDER, REVOKED, PROVIDERS, provider),
	ROW(PROVIDER_GONE, PROVIDER, GONE, PROVIDERS, provider),
};

/*
 * The kernel lets root of any user namespace join the group in a network namespace of that user
 * namespace, but sends no events there.
 */
static bool in_initial_user_namespace(void)
{
	FILE *file = fopen("/proc/self/uid_map", "re");
	uint32_t first, outer, count;
	int fields;

	if (!file)
		return true;
	fields = fscanf(file, "%" SCNu32 " %" SCNu32 " %" SCNu32, &first, &outer, &count);
	fclose(file);
	return fields == 3 && !first && !outer && count == UINT32_MAX;
}

static int join(struct nl_sock *sock)
{
	int group = genl_ctrl_resolve_grp(sock, NDSHM_FAMILY_NAME, NDSHM_MCGRP_EVENTS);

	return ndshm__nle_errno(group < 0 ? group : nl_socket_add_membership(sock, group));
}

int ndshm__netlink_monitor(struct ndshm *ndshm, struct ndshm_monitor **out)
{
	struct ndshm_monitor *monitor;
	struct nl_sock *sock;
	int family, error;

	if (!in_initial_user_namespace())
		return -EPERM;
	error = ndshm__netlink_connect(&sock, &family);
	if (error)
		return error;
	error = join(sock);
	monitor = error ? NULL : malloc(sizeof(*monitor));
	if (!monitor) {
		nl_socket_free(sock);
		return error ? error : -ENOMEM;
	}
	*monitor = (struct ndshm_monitor){ ndshm, sock, family };
	ndshm__get(ndshm);
	*out = monitor;
	return 0;
}

NDSHM_API int ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out)
{
	const struct ndshm_backend *backend = ndshm->backend;

	*out = NULL;
	return ndshm__done(ndshm, backend->monitor ? backend->monitor(ndshm, out) : -EOPNOTSUPP);
}

NDSHM_API int ndshm_monitor_fd(const struct ndshm_monitor *monitor)
{
	return nl_socket_get_fd(monitor->sock);
}

NDSHM_API void ndshm_monitor_close(struct ndshm_monitor *monitor)
{
	if (!monitor)
		return;
	nl_socket_free(monitor->sock);
	ndshm__put(monitor->ndshm);
	free(monitor);
}

/* Receive the next datagram from the kernel; others are skipped. */
static int receive(const struct ndshm_monitor *monitor, union datagram *datagram)
{
	struct sockaddr_nl from;
	socklen_t length;
	ssize_t got;

	do {
		length = sizeof(from);
		got = recvfrom(ndshm_monitor_fd(monitor), datagram, sizeof(*datagram),
			       MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &length);
		if (got < 0 && errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	} while (got < 0 || length < sizeof(from) || from.nl_pid);
	return got <= DATAGRAM && nlmsg_ok(&datagram->message, got) ? 0 : -EBADMSG;
}

/* Return the row of an event that this library knows, or NULL. */
static const struct row *row_of(const struct ndshm_monitor *monitor, struct nlmsghdr *message)
{
	uint8_t command;

	if (message->nlmsg_type != monitor->family || !genlmsg_valid_hdr(message, 0))
		return NULL;
	command = genlmsg_hdr(message)->cmd;
	return command <= NDSHM_CMD_MAX && rows[command].table ? &rows[command] : NULL;
}

static int next_event(const struct ndshm_monitor *monitor, struct ndshm_event *event)
{
	const struct row *row = NULL;
	union datagram datagram;
	int error;

	while (!row) {
		error = receive(monitor, &datagram);
		if (error)
			return error;
		row = row_of(monitor, &datagram.message);
	}
	event->object = row->object;
	event->kind = row->kind;
	return ndshm__netlink_parse(row->table, &datagram.message, (char *)event + row->member);
}

NDSHM_API int ndshm_monitor_next_sized(struct ndshm_monitor *monitor, struct ndshm_event *event,
				       size_t size)
{
	struct ndshm_event all = { 0 };
	int error = size > sizeof(all) ? -EINVAL : next_event(monitor, &all);

	if (!error)
		memcpy(event, &all, size);
	return ndshm__done(monitor->ndshm, error);
}
