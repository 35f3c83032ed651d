// SPDX-License-Identifier: GPL-2.0
/*
 * section_socket [WHERE]: send sections through Unix sockets, and receive what a hostile peer sends. No
 * descriptor may be left. WHERE is that of ndshm_open(), "memfd:" without it.
 */
#include <sys/socket.h>

#include "test_section.h"

/* Older headers lack it. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif

static struct ndshm *ndshm, *other;
static struct ndshm_section *section;
static int pair[2];
static char data[64];
static size_t length;

static int receive(struct ndshm_section **out)
{
	length = sizeof(data);
	memset(data, 0, sizeof(data));
	*out = section;
	return ndshm_section_receive(other, pair[1], data, &length, out);
}

/* The next message must be refused with @error, leave no section and no descriptor. */
static void check_refused(int error)
{
	struct ndshm_section *received;
	/* Those in flight count when they are received. */
	int before = test_descriptors();

	CHECK(receive(&received) == -error);
	CHECK(!received);
	CHECK(test_descriptors() == before);
}

static void send_raw(const int *fds, size_t count, const char *bytes, size_t size)
{
	char room[CMSG_SPACE(16 * sizeof(int))] __attribute__((aligned(8))) = { 0 };
	struct iovec vector = { .iov_base = (void *)bytes, .iov_len = size };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1 };
	struct cmsghdr *header;

	if (count) {
		message.msg_control = room;
		message.msg_controllen = CMSG_SPACE(count * sizeof(*fds));
		header = CMSG_FIRSTHDR(&message);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(count * sizeof(*fds));
		memcpy(CMSG_DATA(header), fds, count * sizeof(*fds));
	}
	CHECK(sendmsg(pair[0], &message, 0) == (ssize_t)size);
}

static void a_section_is_received(void)
{
	struct ndshm_section *received;
	char *memory, *there;
	uint64_t offset, size;

	CHECK_DONE(ndshm, ndshm_extent_alloc(section, 1, 0, &offset, &size));
	memory = (char *)ndshm_section_base(section) + offset;
	memory[0] = 7;
	CHECK_DONE(ndshm, ndshm_section_send(section, pair[0], 0, "hello", 5));
	CHECK_DONE(other, receive(&received));
	REQUIRE(received);
	CHECK(length == 5 && !memcmp(data, "hello", 5));
	CHECK(fcntl(ndshm_section_fd(received), F_GETFD) & FD_CLOEXEC);
	there = (char *)ndshm_section_base(received) + offset;
	CHECK(there[0] == 7);
	there[0] = 8;
	CHECK(memory[0] == 8);
	ndshm_section_close(received);
	CHECK_DONE(ndshm, ndshm_extent_free(section, offset));
}

static void one_for_reading(void)
{
	struct ndshm_section *received;
	uint64_t offset, size;

	CHECK_DONE(ndshm, ndshm_section_send(section, pair[0], NDSHM_SHARE_READONLY, "x", 1));
	CHECK_DONE(other, receive(&received));
	REQUIRE(received);
	CHECK_REASON(other, ndshm_extent_alloc(received, 1, 0, &offset, &size), SECTION_READONLY);
	CHECK_REASON(other, ndshm_section_send(received, pair[1], 0, "x", 0), LENGTH_ZERO);
	ndshm_section_close(received);
}

static void send_readonly(void)
{
	CHECK_DONE(ndshm, ndshm_section_send(section, pair[0], NDSHM_SHARE_READONLY, "x", 1));
}

/* Else the descriptor that is sent would stay. */
static void a_cancelled_thread_sends(void)
{
	struct ndshm_section *received;

	REQUIRE(test_cancelled(send_readonly));
	CHECK_DONE(other, receive(&received));
	ndshm_section_close(received);
}

static void what_is_not_sent(void)
{
	struct ndshm_section *received = section;

	CHECK_REASON(ndshm, ndshm_section_send(section, pair[0], 0, "", 0), LENGTH_ZERO);
	CHECK_REASON(ndshm, ndshm_section_send(section, pair[0], 0x80, "x", 1), FLAGS);
	CHECK(ndshm_section_send(section, -1, 0, "x", 1) == -EBADF);
	CHECK(ndshm_section_send(section, ndshm_section_fd(section), 0, "x", 1) == -ENOTSOCK);
	length = 0;
	CHECK_REASON(other, ndshm_section_receive(other, pair[1], data, &length, &received),
		     LENGTH_ZERO);
	CHECK(!received);
}

static void hostile_messages(void)
{
	const int null = open("/dev/null", O_RDWR | O_CLOEXEC), fd = ndshm_section_fd(section);
	int fds[16];

	send_raw(NULL, 0, "abc", 3);
	check_refused(ENODATA);
	CHECK(length == 3 && !memcmp(data, "abc", 3));
	send_raw(&null, 1, "x", 1);
	check_refused(EBADF);
	for (int i = 0; i < 16; i++)
		fds[i] = i % 2 ? null : fd;
	send_raw(fds, 2, "x", 1);
	check_refused(EPROTO);
	send_raw(fds, 16, "x", 1);
	check_refused(EPROTO);
	close(null);
}

static void a_long_message(void)
{
	const char bytes[sizeof(data) + 1] = { 0 };
	const int fd = ndshm_section_fd(section);

	send_raw(&fd, 1, bytes, sizeof(bytes));
	check_refused(EMSGSIZE);
}

/* A receiver that asked for credentials gets them as well, as control data. */
static void with_credentials(void)
{
	const int yes = 1;

	CHECK(!setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &yes, sizeof(yes)));
	a_section_is_received();
}

/* A receiver that asked for a pidfd of the peer gets a descriptor with each message. */
static void with_pidfd(void)
{
	const int yes = 1;

	/* Since Linux 6.5. */
	if (setsockopt(pair[1], SOL_SOCKET, SO_PASSPIDFD, &yes, sizeof(yes))) {
		CHECK(errno == ENOPROTOOPT);
		return;
	}
	a_section_is_received();
	send_raw(NULL, 0, "x", 1);
	check_refused(ENODATA);
}

/* Without a free descriptor the kernel drops that of the message. */
static void no_free_descriptor(void)
{
	struct ndshm_section *received;
	int taken[4096], count = 0, fd;

	CHECK_DONE(ndshm, ndshm_section_send(section, pair[0], 0, "x", 1));
	while (count < 4096 && (fd = fcntl(pair[0], F_DUPFD_CLOEXEC, 0)) >= 0)
		taken[count++] = fd;
	REQUIRE(count < 4096);
	CHECK(receive(&received) == -EPROTO);
	CHECK(!received);
	while (count)
		close(taken[--count]);
}

static void nothing_to_receive(void)
{
	struct ndshm_section *received;

	CHECK(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0);
	check_refused(EAGAIN);
	close(pair[0]);
	CHECK(receive(&received) == -EPIPE);
	CHECK(!received && !length);
	CHECK(ndshm_section_send(section, pair[1], 0, "x", 1) == -EPIPE);
}

/* The same with each type of socket. */
static void with_socket(int type)
{
	const int before = test_descriptors();

	REQUIRE(!socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair));
	a_section_is_received();
	one_for_reading();
	a_cancelled_thread_sends();
	what_is_not_sent();
	hostile_messages();
	if (type == SOCK_SEQPACKET)
		a_long_message();
	with_credentials();
	with_pidfd();
	no_free_descriptor();
	nothing_to_receive();
	close(pair[1]);
	CHECK(test_descriptors() == before);
}

CALL_TEST(through_a_stream, with_socket(SOCK_STREAM))
CALL_TEST(through_packets, with_socket(SOCK_SEQPACKET))

int main(int argc, char **argv)
{
	const char *where = argc > 1 ? argv[1] : "memfd:";
	struct rlimit limit = { .rlim_cur = 256, .rlim_max = 256 };

	if (setrlimit(RLIMIT_NOFILE, &limit) || ndshm_open(where, &ndshm) ||
	    ndshm_open("section:", &other))
		return 1;
	section = test_make_section(ndshm, 4 * HUGE, 0);
	if (!section)
		return 1;
	test_run_all();
	ndshm_section_close(section);
	ndshm_close(other);
	ndshm_close(ndshm);
	return test_end();
}
