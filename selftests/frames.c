// SPDX-License-Identifier: GPL-2.0
/*
 * frames compare A B FROM TO STEP: send frames of lengths FROM to TO (TO always
 * included) from interface A to B and from B to A, and compare the received
 * bytes. An interface may be given as NAME@NAMESPACE.
 *
 * frames flood A: send frames of all lengths to an unused address until the
 * interface is down or removed.
 *
 * frames read PORT: receive datagrams until terminated, busy polling the
 * network card when there are none.
 *
 * frames send ADDRESS PORT COUNT LENGTH: send datagrams.
 *
 * frames hold PORT COUNT LENGTH: print "ready" and read nothing until
 * terminated; then receive the datagrams of `frames send` and compare their
 * bytes. One in ten may be missing.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/types.h>
#include <net/if.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define TYPE		0x88b5	/* for local experiments [IEEE 802] */
#define LONGEST		9014
#define AHEAD		16	/* frames sent before the first is received */
#define ROOM		(AHEAD * 64 * 1024)	/* receive buffer, as the kernel accounts */
#define PATIENCE	20000	/* ms */
#define POLLED		500000	/* us of busy polling before it sleeps */

struct end {
	const char *name;
	int socket;
	unsigned int mtu;
	__u8 mac[ETH_ALEN];
};

static int print_error(const char *what, const char *name)
{
	printf("# %s: %s: %s\n", name, what, strerror(errno));
	return -1;
}

/* A socket stays in the namespace in which it was created. */
static int enter(const char *namespace)
{
	char path[PATH_MAX];
	int fd, ret;

	snprintf(path, sizeof(path), "%s%s", *namespace == '/' ? "" : "/run/netns/",
		 namespace);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	ret = setns(fd, CLONE_NEWNET);
	close(fd);
	return ret;
}

static int bind_to(struct end *end, const char *interface)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(TYPE),
	};
	struct ifreq request = { };
	int room = ROOM;

	end->socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(TYPE));
	if (end->socket < 0)
		return print_error("socket", end->name);
	if (setsockopt(end->socket, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		return print_error("room", end->name);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", interface);
	if (ioctl(end->socket, SIOCGIFINDEX, &request))
		return print_error("no such interface", end->name);
	address.sll_ifindex = request.ifr_ifindex;
	if (ioctl(end->socket, SIOCGIFHWADDR, &request))
		return print_error("no address", end->name);
	memcpy(end->mac, request.ifr_hwaddr.sa_data, sizeof(end->mac));
	if (ioctl(end->socket, SIOCGIFMTU, &request))
		return print_error("no MTU", end->name);
	end->mtu = request.ifr_mtu;
	if (bind(end->socket, (struct sockaddr *)&address, sizeof(address)))
		return print_error("bind", end->name);
	return 0;
}

static int open_end(struct end *end, char *name)
{
	char *namespace = strchr(name, '@');
	int home, ret = 0;

	end->name = name;
	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home < 0)
		return print_error("namespace", name);
	if (namespace) {
		*namespace++ = '\0';
		if (enter(namespace))
			ret = print_error(namespace, name);
	}
	if (!ret)
		ret = bind_to(end, name);
	if (setns(home, CLONE_NEWNET))
		ret = print_error("namespace", name);
	close(home);
	return ret;
}

/* Content that depends only on @number and differs for each number. */
static void fill(__u8 *bytes, size_t length, __u64 number)
{
	__u64 state = (number + 1) * 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < length; i++) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		bytes[i] = state >> 32;
	}
}

static void make(__u8 *frame, size_t length, const __u8 *to,
		 const __u8 *from, __u64 number)
{
	struct ethhdr *header = (struct ethhdr *)frame;

	memcpy(header->h_dest, to, ETH_ALEN);
	memcpy(header->h_source, from, ETH_ALEN);
	header->h_proto = htons(TYPE);
	fill(frame + sizeof(*header), length - sizeof(*header), number);
}

/* Retry while the queue is full. */
static int send_frame(const struct end *end, const __u8 *frame, size_t length)
{
	for (;;) {
		ssize_t sent = send(end->socket, frame, length, 0);

		if (sent == (ssize_t)length)
			return 0;
		if (sent >= 0) {
			errno = EMSGSIZE;
			return -1;
		}
		if (errno != ENOBUFS)
			return -1;
		sched_yield();
	}
}

static int compare_one(const struct end *from, const struct end *to,
		       size_t length, __u64 number)
{
	struct pollfd ready = { .fd = to->socket, .events = POLLIN };
	static __u8 wanted[LONGEST], got[LONGEST + 1];
	ssize_t arrived;

	if (poll(&ready, 1, PATIENCE) != 1) {
		printf("# %s to %s: a frame of %zu bytes has not arrived\n",
		       from->name, to->name, length);
		return -1;
	}
	arrived = recv(to->socket, got, sizeof(got), MSG_TRUNC);
	if (arrived < 0)
		return print_error("recv", to->name);
	if ((size_t)arrived != length) {
		printf("# %s to %s: %zd bytes, not %zu\n", from->name, to->name,
		       arrived, length);
		return -1;
	}
	make(wanted, length, to->mac, from->mac, number);
	for (size_t i = 0; i < length; i++) {
		if (wanted[i] != got[i]) {
			printf("# %s to %s: byte %zu of %zu is %#x, not %#x\n",
			       from->name, to->name, i, length, got[i], wanted[i]);
			return -1;
		}
	}
	return 0;
}

static size_t after(size_t length, size_t last, size_t step)
{
	return length < last && last - length < step ? last : length + step;
}

static int compare_way(const struct end *from, const struct end *to,
		       size_t first, size_t last, size_t step)
{
	static __u8 frame[LONGEST];
	size_t next = first, length;
	__u64 sent = 0, seen = 0;

	for (length = first; length <= last; length = after(length, last, step)) {
		for (; next <= last && sent - seen < AHEAD; next = after(next, last, step)) {
			make(frame, next, to->mac, from->mac, sent++);
			if (send_frame(from, frame, next))
				return print_error("send", from->name);
		}
		if (compare_one(from, to, length, seen++))
			return -1;
	}
	printf("# %s to %s: %llu frames of %zu to %zu bytes\n", from->name,
	       to->name, (unsigned long long)seen, first, last);
	return 0;
}

static int compare(char **argument)
{
	struct end a = { }, b = { };
	size_t first = strtoul(argument[2], NULL, 0);
	size_t last = strtoul(argument[3], NULL, 0);
	size_t step = strtoul(argument[4], NULL, 0);

	if (first < ETH_ZLEN || last < first || last > LONGEST || !step) {
		printf("# frames are of %d to %d bytes\n", ETH_ZLEN, LONGEST);
		return 2;
	}
	if (open_end(&a, argument[0]) || open_end(&b, argument[1]))
		return 2;
	return compare_way(&a, &b, first, last, step) ||
	       compare_way(&b, &a, first, last, step);
}

static int flood(char *name)
{
	static const __u8 absent[ETH_ALEN] = { 2, 0, 0, 0, 0x77, 0x77 };
	static __u8 frame[LONGEST];
	struct end end = { };
	__u64 sent = 0;
	size_t length = ETH_ZLEN;

	if (open_end(&end, name))
		return 2;
	make(frame, sizeof(frame), absent, end.mac, 0);
	while (!send_frame(&end, frame, length)) {
		sent++;
		length += 61;
		if (length > end.mtu + ETH_HLEN || length > LONGEST)
			length = ETH_ZLEN;
	}
	if (errno != ENETDOWN && errno != ENXIO && errno != ENODEV)
		return -print_error("send", name);
	printf("# %s: %llu frames until it was down\n", name,
	       (unsigned long long)sent);
	return !sent;
}

static bool stop_requested(void)
{
	sigset_t pending;

	return !sigpending(&pending) && sigismember(&pending, SIGTERM);
}

static int bind_port(const char *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons(strtoul(port, NULL, 0)),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return print_error("bind", port);
	return fd;
}

static int read_port(const char *port)
{
	struct timeval patience = { .tv_sec = 1 };
	int fd = bind_port(port), polled = POLLED;
	static __u8 datagram[LONGEST];
	__u64 count = 0;
	sigset_t end;

	if (fd < 0)
		return 1;
	if (setsockopt(fd, SOL_SOCKET, SO_BUSY_POLL, &polled, sizeof(polled)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return -print_error("polling", port);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	while (!stop_requested()) {
		if (recv(fd, datagram, sizeof(datagram), 0) >= 0)
			count++;
		else if (errno != EAGAIN)
			return -print_error("recv", port);
	}
	printf("# port %s: %llu datagrams\n", port, (unsigned long long)count);
	return !count;
}

/* A datagram begins with its number. */
static void make_datagram(__u8 *datagram, size_t length, __u64 number)
{
	memcpy(datagram, &number, sizeof(number));
	fill(datagram + sizeof(number), length - sizeof(number), number);
}

static size_t datagram_length(const char *argument)
{
	size_t length = strtoul(argument, NULL, 0);

	return length < sizeof(__u64) || length > LONGEST ? 0 : length;
}

static int send_datagrams(char **argument)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = inet_addr(argument[0]),
		.sin_port = htons(strtoul(argument[1], NULL, 0)),
	};
	__u64 count = strtoull(argument[2], NULL, 0);
	size_t length = datagram_length(argument[3]);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static __u8 datagram[LONGEST];

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) || !length)
		return -print_error("connect", argument[0]);
	for (__u64 number = 0; number < count; number++) {
		make_datagram(datagram, length, number);
		/* Nobody may listen. */
		while (send(fd, datagram, length, 0) < 0)
			if (errno != ECONNREFUSED && errno != ENOBUFS)
				return -print_error("send", argument[0]);
		sched_yield();
	}
	return 0;
}

/* Return: the number of datagrams, or -1 if one has a wrong length or byte. */
static long compare_datagrams(int fd, size_t length, __u64 most)
{
	static __u8 wanted[LONGEST], got[LONGEST + 1];
	ssize_t arrived;
	__u64 number;
	long count = 0;

	while ((arrived = recv(fd, got, sizeof(got), MSG_DONTWAIT)) >= 0) {
		memcpy(&number, got, sizeof(number));
		make_datagram(wanted, length, number);
		if ((size_t)arrived != length || number >= most || memcmp(wanted, got, length)) {
			printf("# datagram %ld, number %llx, of %zd bytes, is wrong\n", count,
			       (unsigned long long)number, arrived);
			return -1;
		}
		count++;
	}
	return count;
}

static int hold(char **argument)
{
	__u64 most = strtoull(argument[1], NULL, 0);
	size_t length = datagram_length(argument[2]);
	int fd = bind_port(argument[0]), room = INT_MAX / 2, signal;
	sigset_t end;
	long count;

	if (fd < 0 || !length ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)))
		return -print_error("room", argument[0]);
	sigemptyset(&end);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	printf("# ready\n");
	fflush(stdout);
	sigwait(&end, &signal);
	count = compare_datagrams(fd, length, most);
	printf("# port %s: %ld datagrams of %llu\n", argument[0], count,
	       (unsigned long long)most);
	return count < 0 || (__u64)count < most - most / 10;
}

int main(int arguments, char **argument)
{
	if (arguments == 7 && !strcmp(argument[1], "compare"))
		return compare(argument + 2);
	if (arguments == 3 && !strcmp(argument[1], "flood"))
		return flood(argument[2]);
	if (arguments == 3 && !strcmp(argument[1], "read"))
		return read_port(argument[2]);
	if (arguments == 6 && !strcmp(argument[1], "send"))
		return send_datagrams(argument + 2);
	if (arguments == 5 && !strcmp(argument[1], "hold"))
		return hold(argument + 2);
	fprintf(stderr, "usage: frames compare A B FROM TO STEP\n"
			"       frames flood A\n"
			"       frames read PORT\n"
			"       frames send ADDRESS PORT COUNT LENGTH\n"
			"       frames hold PORT COUNT LENGTH\n");
	return 2;
}
