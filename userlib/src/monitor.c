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

/* Larger than any message of the family. */
#define DATAGRAM 16384

/**
 * struct ndshm_monitor - an event listener
 * @ndshm: the context, with a reference
 * @sock: socket, member of multicast groups
 * @objects: bits of the objects whose events are wanted
 * @family: number of the family
 * @next: next unread message in @bytes
 * @left: number of bytes from there on
 * @bytes: the last datagram
 */
struct ndshm_monitor {
	struct ndshm *ndshm;
	struct nl_sock *sock;
	uint32_t objects;
	int family;
	struct nlmsghdr *next;
	int left;
	union {
		struct nlmsghdr first;	/* for alignment */
		char bytes[DATAGRAM];
	};
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
	ROW(ADAPTER_REVOKED, ADAPTER, REVOKED, ADAPTERS, adapter),
	ROW(ADAPTER_GONE, ADAPTER, GONE, ADAPTERS, adapter),
	ROW(PROVIDER_ADDED, PROVIDER, ADDED, PROVIDERS, provider),
	ROW(PROVIDER_REVOKED, PROVIDER, REVOKED, PROVIDERS, provider),
	ROW(PROVIDER_GONE, PROVIDER, GONE, PROVIDERS, provider),
	ROW(QUEUE_ADDED, QUEUE, ADDED, QUEUES, queue),
	ROW(QUEUE_STOPPED, QUEUE, STOPPED, QUEUES, queue),
	ROW(QUEUE_FREED, QUEUE, GONE, QUEUES, queue),
	ROW(BLOCK_ADDED, BLOCK, ADDED, BLOCKS, block),
	ROW(BLOCK_REVOKED, BLOCK, REVOKED, BLOCKS, block),
	ROW(BLOCK_FREED, BLOCK, GONE, BLOCKS, block),
	ROW(SECTION_ADDED, SECTION, ADDED, SECTIONS, section),
	ROW(SECTION_DELETED, SECTION, DELETED, SECTIONS, section),
	ROW(SECTION_GONE, SECTION, GONE, SECTIONS, section),
	ROW(QUOTA_EXCEEDED, QUOTA, EXCEEDED, QUOTAS, quota),
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

/* Modules before the groups for kinds of objects have only that of all events. */
static int join(const struct ndshm_monitor *monitor)
{
	static const char *const groups[] = {
		[NDSHM_EVENT_ADAPTER] = NDSHM_MCGRP_ADAPTERS,
		[NDSHM_EVENT_PROVIDER] = NDSHM_MCGRP_PROVIDERS,
		[NDSHM_EVENT_QUEUE] = NDSHM_MCGRP_QUEUES,
		[NDSHM_EVENT_BLOCK] = NDSHM_MCGRP_BLOCKS,
		[NDSHM_EVENT_SECTION] = NDSHM_MCGRP_SECTIONS,
		[NDSHM_EVENT_QUOTA] = NDSHM_MCGRP_QUOTAS,
	};
	int group = monitor->objects == NDSHM_MONITOR_ALL ? -NLE_OBJ_NOTFOUND : 0;
	int found[NDSHM_EVENT_QUOTA], count = 0, error = 0;

	/* All before the first membership: libnl takes an event before an answer for the answer. */
	for (uint32_t i = NDSHM_EVENT_ADAPTER; i <= NDSHM_EVENT_QUOTA && group >= 0; i++) {
		if (!(monitor->objects & 1u << i))
			continue;
		group = genl_ctrl_resolve_grp(monitor->sock, NDSHM_FAMILY_NAME, groups[i]);
		found[count++] = group;
	}
	if (group == -NLE_OBJ_NOTFOUND) {
		group = genl_ctrl_resolve_grp(monitor->sock, NDSHM_FAMILY_NAME, NDSHM_MCGRP_EVENTS);
		found[0] = group;
		count = 1;
	}
	if (group < 0)
		return ndshm__nle_errno(group);
	for (int i = 0; i < count && !error; i++)
		error = nl_socket_add_membership(monitor->sock, found[i]);
	return ndshm__nle_errno(error);
}

/*
 * A call with many blocks sends as many events, which can overflow a buffer of the
 * default size.
 */
static void make_room(struct nl_sock *sock)
{
	const int size = 4 << 20;

	/*
	 * SO_RCVBUFFORCE requires CAP_NET_ADMIN; otherwise set as much as the system's
	 * limit allows.
	 */
	if (setsockopt(nl_socket_get_fd(sock), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		nl_socket_set_buffer_size(sock, size, 0);
}

static int listen_anew(struct ndshm_monitor *monitor)
{
	int error;

	if (!in_initial_user_namespace())
		return -EPERM;
	error = ndshm__netlink_connect(&monitor->sock, &monitor->family);
	if (error)
		return error;
	make_room(monitor->sock);
	error = join(monitor);
	if (error)
		nl_socket_free(monitor->sock);
	return error;
}

int ndshm__netlink_monitor(struct ndshm *ndshm, uint32_t objects, struct ndshm_monitor **out)
{
	struct ndshm_monitor *monitor = calloc(1, sizeof(*monitor));
	int error;

	if (!monitor)
		return -ENOMEM;
	monitor->objects = objects;
	error = listen_anew(monitor);
	if (error) {
		free(monitor);
		return error;
	}
	ndshm__get(ndshm);
	monitor->ndshm = ndshm;
	*out = monitor;
	return 0;
}

NDSHM_API int ndshm_monitor_open_for(struct ndshm *ndshm, uint32_t objects,
				     struct ndshm_monitor **out)
{
	const struct ndshm_backend *backend = ndshm->backend;

	*out = NULL;
	if (!objects || objects & ~NDSHM_MONITOR_ALL)
		return ndshm__done(ndshm, -EINVAL);
	return ndshm__done(ndshm, backend->monitor ? backend->monitor(ndshm, objects, out) :
						     -EOPNOTSUPP);
}

NDSHM_API int ndshm_monitor_open(struct ndshm *ndshm, struct ndshm_monitor **out)
{
	return ndshm_monitor_open_for(ndshm, NDSHM_MONITOR_ALL, out);
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
static int receive(struct ndshm_monitor *monitor)
{
	struct sockaddr_nl from;
	socklen_t length;
	ssize_t got;

	do {
		length = sizeof(from);
		got = recvfrom(ndshm_monitor_fd(monitor), monitor->bytes, DATAGRAM,
			       MSG_DONTWAIT | MSG_TRUNC, (struct sockaddr *)&from, &length);
		if (got < 0 && errno != EINTR)
			return errno == EWOULDBLOCK ? -EAGAIN : -errno;
	} while (got < 0 || length < sizeof(from) || from.nl_pid);
	if (got > DATAGRAM)
		return -EBADMSG;
	monitor->next = &monitor->first;
	monitor->left = got;
	return 0;
}

static int read_event(struct nlmsghdr *message, struct ndshm_event *event)
{
	const struct row *row = &rows[genlmsg_hdr(message)->cmd];
	struct nlattr *attrs[ATTRIBUTES_MAX + 1];
	int error = ndshm__netlink_parse(row->table, message, attrs, (char *)event + row->member);

	if (error)
		return error;
	event->object = row->object;
	event->kind = row->kind;
	if (row->object == NDSHM_EVENT_QUOTA) {
		event->exceeded = ndshm__attr_u32(attrs[NDSHM_A_QUOTA_EXCEEDED]);
		event->wanted = ndshm__attr_u64(attrs[NDSHM_A_QUOTA_WANTED]);
	}
	return 0;
}

/* Return true for events that this library knows and that are wanted. Replies are no events. */
static bool is_event(const struct ndshm_monitor *monitor, struct nlmsghdr *message)
{
	uint8_t command;

	if (message->nlmsg_type != monitor->family || !genlmsg_valid_hdr(message, 0))
		return false;
	command = genlmsg_hdr(message)->cmd;
	return command <= NDSHM_CMD_MAX && rows[command].table &&
	       monitor->objects & 1u << rows[command].object;
}

static int next_event(struct ndshm_monitor *monitor, struct ndshm_event *event)
{
	struct nlmsghdr *message;
	int error;

	for (;;) {
		if (!monitor->next || !nlmsg_ok(monitor->next, monitor->left)) {
			error = receive(monitor);
			if (error)
				return error;
			if (!nlmsg_ok(monitor->next, monitor->left))
				return -EBADMSG;
		}
		message = monitor->next;
		monitor->next = nlmsg_next(message, &monitor->left);
		if (is_event(monitor, message))
			return read_event(message, event);
	}
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
