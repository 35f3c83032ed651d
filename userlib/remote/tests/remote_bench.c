// SPDX-License-Identifier: GPL-2.0
/*
 * Latency and bandwidth of transfers by size, beside a plain socket: a program that sends and
 * receives the same bytes, and nothing else. Both run in turns, and the medians of the ratios are
 * printed.
 *
 *	put	latency: a put and a flush, beside `size` bytes and a reply of a header
 *	get	latency: a get, beside a header and a reply of `size` bytes
 *	both	bandwidth: many of them, and the end of the last
 *
 * With an argument, a ratio worse than these is an error: bandwidth 0.95, latency 1.1.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "remote_internal.h"
#include "remote_test.h"

#define ALL	(NDSHM_REMOTE_READ | NDSHM_REMOTE_WRITE)
#define ROUNDS	9
#define MOST	(1u << 20)

enum plain_kind { PLAIN_PUT, PLAIN_GET, PLAIN_PUTS, PLAIN_GETS };

struct plain_order {
	uint32_t kind;
	uint32_t size;
	uint32_t count;
};

static char buffer[MOST];
static struct ndshm_remote_range *range;
static struct ndshm_remote_peer *peer;

static int64_t bench_now(void)
{
	return remote_now();
}

static void plain_send(int fd, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = send(fd, buffer + done, length - done, MSG_NOSIGNAL);

		if (count <= 0)
			_exit(0);
		done += (size_t)count;
	}
}

static void plain_receive(int fd, size_t length)
{
	for (size_t done = 0; done < length;) {
		ssize_t count = recv(fd, buffer + done, length - done, 0);

		if (count <= 0)
			_exit(0);
		done += (size_t)count;
	}
}

/* Both sides: @here is the one that measures. */
static void plain_run(int fd, const struct plain_order *order, bool here)
{
	const uint32_t first = order->kind == PLAIN_PUT ? order->size : WIRE_HEADER;
	const uint32_t second = order->kind == PLAIN_PUT ? WIRE_HEADER : order->size;

	if (order->kind == PLAIN_PUTS || order->kind == PLAIN_GETS) {
		const bool sends = here == (order->kind == PLAIN_PUTS);

		for (uint32_t i = 0; i < order->count; i++)
			(sends ? plain_send : plain_receive)(fd, order->size);
		(sends ? plain_receive : plain_send)(fd, WIRE_HEADER);
		return;
	}
	for (uint32_t i = 0; i < order->count; i++) {
		(here ? plain_send : plain_receive)(fd, first);
		(here ? plain_receive : plain_send)(fd, second);
	}
}

static int plain_start(pid_t *pid)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t length = sizeof(address);
	struct plain_order order;
	const int on = 1;

	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		return -1;
	*pid = fork();
	if (*pid) {
		close(listener);
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		return connect(fd, (struct sockaddr *)&address, sizeof(address)) ? -1 : fd;
	}
	/* This copy would keep the connection open. */
	close(fd);
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	while (recv(fd, &order, sizeof(order), MSG_WAITALL) == sizeof(order))
		plain_run(fd, &order, false);
	_exit(0);
}

/* Nanoseconds of one transfer. */
static double plain_time(int fd, const struct plain_order *order)
{
	int64_t start = bench_now();

	if (send(fd, order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order))
		return -1;
	plain_run(fd, order, true);
	return (double)(bench_now() - start) / order->count;
}

static double remote_time(const struct plain_order *order)
{
	static struct ndshm_remote_part parts[4096];
	int64_t start = bench_now();
	int error = 0;

	switch (order->kind) {
	case PLAIN_PUT:
		for (uint32_t i = 0; i < order->count && !error; i++)
			error = ndshm_remote_put(range, 0, buffer, order->size) ||
				ndshm_remote_flush(peer);
		break;
	case PLAIN_GET:
		for (uint32_t i = 0; i < order->count && !error; i++)
			error = ndshm_remote_get(range, 0, buffer, order->size);
		break;
	case PLAIN_PUTS:
		for (uint32_t i = 0; i < order->count && !error; i++)
			error = ndshm_remote_put(range, 0, buffer, order->size);
		error = error ? error : ndshm_remote_flush(peer);
		break;
	default:
		for (uint32_t i = 0; i < 4096; i++)
			parts[i] = (struct ndshm_remote_part){ 0, buffer, order->size };
		for (uint32_t i = 0; i < order->count && !error; i += 4096)
			error = ndshm_remote_get_many(
				range, parts, order->count - i < 4096 ? order->count - i : 4096);
		break;
	}
	return error ? -1 : (double)(bench_now() - start) / order->count;
}

static int bench_compare(const void *one, const void *other)
{
	const double a = *(const double *)one, b = *(const double *)other;

	return (a > b) - (a < b);
}

static double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), bench_compare);
	return values[count / 2];
}

/* Returns true if the ratio is within the limit. */
static bool bench_row(int fd, enum plain_kind kind, uint32_t size, uint32_t count)
{
	static const char *const names[] = { "put latency", "get latency", "put bandwidth",
					     "get bandwidth" };
	const struct plain_order order = { kind, size, count };
	const bool latency = kind == PLAIN_PUT || kind == PLAIN_GET;
	double plain[ROUNDS], remote[ROUNDS], ratios[ROUNDS], ratio, theirs, ours;

	for (int i = 0; i < ROUNDS; i++) {
		plain[i] = plain_time(fd, &order);
		remote[i] = remote_time(&order);
		if (plain[i] < 0 || remote[i] < 0)
			return false;
		ratios[i] = latency ? remote[i] / plain[i] : plain[i] / remote[i];
	}
	ratio = bench_median(ratios, ROUNDS);
	theirs = bench_median(plain, ROUNDS);
	ours = bench_median(remote, ROUNDS);
	if (latency)
		printf("%-14s %8u bytes: %9.1f us, plain %9.1f us, ratio %.2f\n", names[kind], size,
		       ours / 1000, theirs / 1000, ratio);
	else
		printf("%-14s %8u bytes: %9.1f MB/s, plain %7.1f MB/s, ratio %.2f\n", names[kind],
		       size, size * 1000. / ours, size * 1000. / theirs, ratio);
	fflush(stdout);
	return latency ? ratio <= 1.1 : ratio >= 0.95;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 64, 4096, MOST }, counts[] = { 3000, 3000, 50 };
	static const uint32_t many[] = { 50000, 20000, 300 };
	struct ndshm_remote *remote;
	struct owner owner;
	bool good = true;
	pid_t pid;
	int fd, status;

	if (argc == 2 && !strcmp(argv[0], "owner"))
		owner_main(argv[1]);
	if (ndshm_open(test_backend(), &ndshm) || !test_section_make() || !owner_start(&owner, 0))
		return 2;
	remote = test_open(0, TIMEOUT);
	if (!remote)
		return 2;
	peer = test_connect(remote, &owner);
	range = peer ? test_import(peer, &owner, 0, MOST, ALL) : NULL;
	if (!range)
		return 2;
	fd = plain_start(&pid);
	if (fd < 0)
		return 2;
	for (size_t i = 0; i < 3; i++) {
		good &= bench_row(fd, PLAIN_PUT, sizes[i], counts[i]);
		good &= bench_row(fd, PLAIN_GET, sizes[i], counts[i]);
		good &= bench_row(fd, PLAIN_PUTS, sizes[i], many[i]);
		good &= bench_row(fd, PLAIN_GETS, sizes[i], many[i]);
	}
	close(fd);
	waitpid(pid, &status, 0);
	ndshm_remote_close(remote);
	owner_stop(&owner);
	ndshm_section_close(section);
	ndshm_close(ndshm);
	return argc > 1 && !good;
}
