// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-wire FROM ADDRESS COUNT LENGTH COUNTED: send frames from an interface
 * to an address, and print the number of instructions until the file COUNTED, a
 * counter of frames, shows the last of them. For a machine with one CPU whose
 * clock counts instructions; idle time is not counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>

#include "idle.h"

#define TYPE		0x88b5	/* for local experiments [IEEE 802] */
#define LONGEST		9014

static __u64 read_counter(const char *path)
{
	unsigned long long value;
	FILE *file = fopen(path, "r");

	if (!file || fscanf(file, "%llu", &value) != 1)
		die(path);
	fclose(file);
	return value;
}

static int open_interface(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

	if (fd < 0 || !address.sll_ifindex ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)))
		die(name);
	return fd;
}

/* The CPU is idle while this sleeps. */
static void wait_for(const char *path, __u64 wanted)
{
	struct timespec patience = { .tv_nsec = 2000000 };

	for (int tries = 0; tries < 1000; tries++) {
		nanosleep(&patience, NULL);
		if (read_counter(path) >= wanted)
			return;
	}
	fprintf(stderr, "%s: %llu, not %llu\n", path,
		(unsigned long long)read_counter(path),
		(unsigned long long)wanted);
	exit(1);
}

int main(int arguments, char **argument)
{
	static unsigned char frame[LONGEST];
	struct ether_addr *to;
	__u64 before, begin, idle;
	size_t count, length;
	double each;
	int fd;

	if (arguments != 6) {
		fprintf(stderr, "usage: ndshm-wire FROM ADDRESS COUNT LENGTH COUNTED\n");
		return 2;
	}
	to = ether_aton(argument[2]);
	count = strtoul(argument[3], NULL, 0);
	length = strtoul(argument[4], NULL, 0);
	if (!to || !count || length < ETH_ZLEN || length > LONGEST) {
		fprintf(stderr, "no such frame\n");
		return 2;
	}
	memcpy(frame, to, ETH_ALEN);
	frame[6] = 2;
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	fd = open_interface(argument[1]);

	each = instructions_per_turn();
	before = read_counter(argument[5]);
	start_turns(SCHED_IDLE);

	begin = now();
	idle = turns_now();
	for (size_t i = 0; i < count; i++)
		if (send(fd, frame, length, 0) != (ssize_t)length)
			die("send");
	wait_for(argument[5], before + count);
	idle = turns_now() - idle;
	printf("%.0f\n", now() - begin - idle * each);
	return 0;
}
