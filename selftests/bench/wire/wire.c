// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-wire FROM ADDRESS COUNT LENGTH COUNTED: send frames from an interface
 * to an address, and print the number of instructions until the file COUNTED, a
 * counter of frames, shows the last of them. For a machine with one CPU whose
 * clock counts instructions; idle time is not counted.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/types.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ether.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define TURN		500UL
#define TYPE		0x88b5	/* for local experiments [IEEE 802] */
#define LONGEST		9014

static __u64 *turns;

static __u64 now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void turn(void)
{
	unsigned long loops = TURN;

	asm volatile("1: dec %0; jnz 1b" : "+r"(loops) : : "cc");
	__atomic_store_n(turns, *turns + 1, __ATOMIC_RELAXED);
}

/* Start a child that runs whenever no other task does, and so measures idle time. */
static void start_idler(void)
{
	struct sched_param parameter = { };

	if (fork())
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &parameter))
		die("SCHED_IDLE");
	for (;;)
		turn();
}

static double instructions_per_turn(void)
{
	const unsigned int count = 2000;
	__u64 begin = now();

	for (unsigned int i = 0; i < count; i++)
		turn();
	return (double)(now() - begin) / count;
}

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

	turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (turns == MAP_FAILED)
		die("mmap");
	each = instructions_per_turn();
	before = read_counter(argument[5]);
	start_idler();

	begin = now();
	idle = __atomic_load_n(turns, __ATOMIC_RELAXED);
	for (size_t i = 0; i < count; i++)
		if (send(fd, frame, length, 0) != (ssize_t)length)
			die("send");
	wait_for(argument[5], before + count);
	idle = __atomic_load_n(turns, __ATOMIC_RELAXED) - idle;
	printf("%.0f\n", now() - begin - idle * each);
	return 0;
}
