// SPDX-License-Identifier: GPL-2.0
/*
 * Events by netlink, from a fake kernel, and calls that need the module.
 */
#include <stddef.h>
#include <sys/socket.h>

#include <ndshm/admin.h>

#include "fake_kernel.h"
#include "test.h"
#include "wrap.h"

#define GROUP	77

static struct ndshm *ndshm;

static void nothing(void)
{
	kernel_put_done(0, 0);
}

static void stand_in_has_none(const char *name)
{
	struct ndshm_monitor *monitor = (void *)1;
	struct ndshm *other;

	REQUIRE(!ndshm_open(name, &other));
	CHECK(ndshm_delete_section_id(other, 1, 0) == -EOPNOTSUPP);
	CHECK(ndshm_revoke_id(other, 1) == -EOPNOTSUPP);
	CHECK(ndshm_monitor_open(other, &monitor) == -EOPNOTSUPP && !monitor);
	ndshm_close(other);
}

TEST(stand_ins_have_none)
{
	stand_in_has_none("memfd:");
	stand_in_has_none("section:");
}

/*
 * Events: datagrams for the monitor's socket
 */

#define DATAGRAMS 8

static struct datagram {
	int error;		/* errno instead of a datagram */
	uint32_t port;		/* port of the sender; 0: the kernel */
	size_t length;
	unsigned char bytes[20000];
} datagrams[DATAGRAMS];
static size_t sent, received;
static bool joined;
static int join_error;

WRAP(int, nl_socket_add_membership, struct nl_sock *sock, int group)
{
	(void)sock;
	joined = group == GROUP;
	return join_error;
}

WRAP(ssize_t, recvfrom, int fd, void *to, size_t size, int flags, struct sockaddr *from,
     socklen_t *length)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };
	const struct datagram *datagram = &datagrams[received];

	(void)fd;
	CHECK(flags & MSG_DONTWAIT && flags & MSG_TRUNC && *length == sizeof(address));
	if (received == sent) {
		errno = EAGAIN;
		return -1;
	}
	received++;
	if (datagram->error) {
		errno = datagram->error;
		return -1;
	}
	address.nl_pid = datagram->port;
	memcpy(from, &address, sizeof(address));
	memcpy(to, datagram->bytes, datagram->length < size ? datagram->length : size);
	return datagram->length;
}

static struct datagram *new_datagram(void)
{
	struct datagram *datagram = &datagrams[sent++];

	if (sent > DATAGRAMS)
		abort();
	datagram->error = 0;
	datagram->port = 0;
	datagram->length = 0;
	return datagram;
}

static void send_error(int error)
{
	new_datagram()->error = error;
}

static void append(struct datagram *datagram, struct nl_msg *message)
{
	const struct nlmsghdr *header = nlmsg_hdr(message);

	memcpy(datagram->bytes + datagram->length, header, header->nlmsg_len);
	datagram->length += NLMSG_ALIGN(header->nlmsg_len);
	nlmsg_free(message);
}

static struct nl_msg *begin(uint8_t command, int family)
{
	struct nl_msg *message = nlmsg_alloc_size(4096);

	genlmsg_put(message, 0, 0, family, 0, 0, command, 1);
	return message;
}

/* Allocate an event of the object @id. */
static struct nl_msg *make(uint8_t command, int attribute, uint32_t id)
{
	struct nl_msg *message = begin(command, KERNEL_FAMILY);

	nla_put_u32(message, attribute, id);
	return message;
}

static void send_event(uint8_t command, int attribute, uint32_t id)
{
	append(new_datagram(), make(command, attribute, id));
}

static struct ndshm_monitor *monitor;

static bool start(void)
{
	sent = received = 0;
	joined = false;
	join_error = 0;
	kernel_reset(nothing);
	kernel.group = GROUP;
	CHECK_DONE(ndshm, ndshm_monitor_open(ndshm, &monitor));
	CHECK(joined);
	return CHECK(ndshm_monitor_fd(monitor) >= 0);
}

static void stop(void)
{
	struct ndshm_event event;

	CHECK(ndshm_monitor_next(monitor, &event) == -EAGAIN);
	CHECK(received == sent);
	ndshm_monitor_close(monitor);
}

#define MONITOR_TEST(name)	TEST_WITHIN(name, start(), stop())

/* Each command becomes an event of its kind and object, with no other member set. */
TEST(each_event)
{
	static const struct {
		uint8_t command;
		uint32_t object, kind;
		int id;
		size_t offset;
	} rows[] = {
#define ROW(command_, object_, kind_, member_) { \
		NDSHM_CMD_##object_##_##command_##_NTF, NDSHM_EVENT_##object_, \
		NDSHM_EVENT_##kind_, NDSHM_A_##object_##_ID, \
		offsetof(struct ndshm_event, member_.id) }
		ROW(ADDED, ADAPTER, ADDED, adapter),
		ROW(CLAIMED, ADAPTER, CLAIMED, adapter),
		ROW(RELEASED, ADAPTER, RELEASED, adapter),
		ROW(REVOKED, ADAPTER, REVOKED, adapter),
		ROW(GONE, ADAPTER, GONE, adapter),
		ROW(ADDED, PROVIDER, ADDED, provider),
		ROW(REVOKED, PROVIDER, REVOKED, provider),
		ROW(GONE, PROVIDER, GONE, provider),
	};
	struct ndshm_event event, expected;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		start();
		send_event(rows[i].command, rows[i].id, 4711 + i);
		memset(&event, 0xcc, sizeof(event));
		CHECK_DONE(ndshm, ndshm_monitor_next(monitor, &event));
		CHECK(event.object == rows[i].object && event.kind == rows[i].kind);
		CHECK(*(uint32_t *)((char *)&event + rows[i].offset) == 4711 + i);
		/* Members without an attribute are 0 or NDSHM_NODE_ANY. */
		memset(&expected, 0, sizeof(expected));
		expected.object = rows[i].object;
		expected.kind = rows[i].kind;
		*(uint32_t *)((char *)&expected + rows[i].offset) = 4711 + i;
		if (event.object == NDSHM_EVENT_ADAPTER)
			expected.adapter.node = NDSHM_NODE_ANY;
		CHECK(!memcmp(&event, &expected, sizeof(event)));
		stop();
	}
}

/* A program with an older header has a shorter event. */
MONITOR_TEST(an_event_is_short)
{
	struct ndshm_event event;

	send_event(NDSHM_CMD_PROVIDER_ADDED_NTF, NDSHM_A_PROVIDER_ID, 5);
	event.provider.scope = 77;
	CHECK(ndshm_monitor_next_sized(monitor, &event, sizeof(event) + 8) == -EINVAL);
	CHECK_DONE(ndshm, ndshm_monitor_next_sized(monitor, &event,
						   offsetof(struct ndshm_event, provider.scope)));
	CHECK(event.object == NDSHM_EVENT_PROVIDER && event.provider.id == 5);
	CHECK(event.provider.scope == 77);
}

/* Also after a loss. */
MONITOR_TEST(events_come_in_order)
{
	struct ndshm_event event;

	for (uint32_t i = 1; i <= 3; i++)
		send_event(NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_A_ADAPTER_ID, i);
	send_error(ENOBUFS);
	send_error(EINTR);
	send_event(NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_A_ADAPTER_ID, 9);
	for (uint32_t i = 1; i <= 3; i++) {
		CHECK_DONE(ndshm, ndshm_monitor_next(monitor, &event));
		CHECK(event.adapter.id == i);
	}
	CHECK(ndshm_monitor_next(monitor, &event) == -ENOBUFS);
	CHECK_DONE(ndshm, ndshm_monitor_next(monitor, &event));
	CHECK(event.adapter.id == 9);
}

/* Other senders, other families, newer commands and answers are not events. */
MONITOR_TEST(others_are_left_out)
{
	struct ndshm_event event;

	send_event(NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_A_ADAPTER_ID, 1);
	datagrams[0].port = 1234;
	append(new_datagram(), begin(NDSHM_CMD_ADAPTER_ADDED_NTF, KERNEL_FAMILY + 1));
	send_event(NDSHM_CMD_MAX + 1, NDSHM_A_ADAPTER_ID, 2);
	send_event(255, NDSHM_A_ADAPTER_ID, 3);
	send_event(NDSHM_CMD_ADAPTER_GET, NDSHM_A_ADAPTER_ID, 4);
	send_event(0, NDSHM_A_ADAPTER_ID, 5);
	send_event(NDSHM_CMD_ADAPTER_GONE_NTF, NDSHM_A_ADAPTER_ID, 6);
	CHECK_DONE(ndshm, ndshm_monitor_next(monitor, &event));
	CHECK(event.kind == NDSHM_EVENT_GONE && event.adapter.id == 6);
}

/* An invalid message is reported; later ones are still read. */
MONITOR_TEST(bad_datagrams)
{
	static const size_t lengths[] = { 0, 1, 15, 17000 };
	struct nl_msg *message = begin(NDSHM_CMD_ADAPTER_ADDED_NTF, KERNEL_FAMILY);
	struct ndshm_event event;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		new_datagram()->length = lengths[i];
	/* An attribute that is too short. */
	nla_put_u8(message, NDSHM_A_ADAPTER_ID, 1);
	append(new_datagram(), message);
	send_event(NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_A_ADAPTER_ID, 6);
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]) + 1; i++)
		CHECK(ndshm_monitor_next(monitor, &event) == -EBADMSG);
	CHECK_DONE(ndshm, ndshm_monitor_next(monitor, &event));
	CHECK(event.adapter.id == 6);
}

TEST(listening_is_refused)
{
	kernel_reset(nothing);
	kernel.group = GROUP;
	join_error = -NLE_PERM;
	monitor = (void *)1;
	CHECK(ndshm_monitor_open(ndshm, &monitor) == -EPERM && !monitor);
	join_error = 0;
	/* A module without events. */
	kernel.group = 0;
	CHECK(ndshm_monitor_open(ndshm, &monitor) < 0 && !monitor);
	kernel.has_family = false;
	CHECK(ndshm_monitor_open(ndshm, &monitor) == -EOPNOTSUPP && !monitor);
	ndshm_monitor_close(NULL);
}

/* The monitor keeps the state it needs of a closed client. */
TEST(a_monitor_outlives_its_client)
{
	struct ndshm_event event;
	struct ndshm *first = ndshm;

	REQUIRE(!kernel_open(&ndshm));
	start();
	send_event(NDSHM_CMD_ADAPTER_ADDED_NTF, NDSHM_A_ADAPTER_ID, 6);
	ndshm_close(ndshm);
	CHECK(!ndshm_monitor_next(monitor, &event) && event.adapter.id == 6);
	ndshm_monitor_close(monitor);
	ndshm = first;
}

CONTEXT_MAIN(kernel_open(&ndshm))
