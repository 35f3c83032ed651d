// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-load ADAPTER MAC LENGTH BURST COUNT [PID]: send COUNT echo requests of
 * LENGTH bytes from a card to the host MAC, and print the number of instructions
 * that an answer costs. For a machine with one CPU whose clock counts
 * instructions. The card is driven in this process, without interrupts, so that
 * its own cost is the same whoever answers.
 *
 * Without PID interrupts tell the host of frames. It gets BURST requests at a
 * time, and time to answer them. The result is the number of instructions of
 * the whole machine that exceeds the number for requests to an absent host.
 *
 * With PID the process PID answers, by polling. It is the only task that runs
 * while this process sleeps, and has always BURST requests or more to find. The
 * result is the number of instructions that the process executes. The cost of
 * changes between the two processes, measured with another child, is subtracted.
 */
#include <dirent.h>
#include <netinet/ether.h>
#include <stdbool.h>
#include <string.h>

#include "link.h"
#include "regs.h"
#include "ring.h"

#include "idle.h"

#define OUR_ADDRESS	"\300\0\2\1"	/* 192.0.2.1 */
#define THEIR_ADDRESS	"\300\0\2\2"
#define ETH_LENGTH	14
#define IP_LENGTH	20
#define ICMP		(ETH_LENGTH + IP_LENGTH)
#define ICMP_LENGTH	8
#define LONGEST		9014
#define WINDOW		192	/* most unanswered requests for PID */
#define NAP_MIN		4000	/* nanoseconds, more than a change of processes takes */
#define NAP_MAX		100000000
#define NAP_MEASURED	20000
#define PRIORITY	10	/* above the other processes, so that a nap ends on time */

static struct card card;
static struct rx_ring rx;
static struct tx_ring tx;
static unsigned char request[LONGEST];
static size_t length;
static unsigned int burst;

static void put16(unsigned char *p, unsigned int value)
{
	p[0] = value >> 8;
	p[1] = value;
}

/* Return: 0 for data that includes a valid checksum. */
static unsigned int checksum(const unsigned char *data, size_t count)
{
	unsigned long total = 0;

	for (size_t i = 0; i < count; i++)
		total += i % 2 ? data[i] : data[i] << 8;
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return ~total & 0xffff;
}

static void make_request(const struct ether_addr *to)
{
	unsigned char *ip = request + ETH_LENGTH, *icmp = request + ICMP;

	memcpy(request, to, 6);
	memcpy(request + 6, card.mac, 6);
	put16(request + 12, 0x0800);
	ip[0] = 0x45;
	put16(ip + 2, length - ETH_LENGTH);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, OUR_ADDRESS, 4);
	memcpy(ip + 16, THEIR_ADDRESS, 4);
	put16(ip + 10, checksum(ip, IP_LENGTH));
	icmp[0] = 8;
	for (size_t i = ICMP + 4; i < length; i++)
		request[i] = i * 7;
	put16(icmp + 2, checksum(icmp, length - ICMP));
}

/* All descriptors hold the request for good: to send is to move the tail. */
static void fill_ring(const unsigned char *to)
{
	for (unsigned int i = 0; i < RING_DESCRIPTORS; i++) {
		unsigned char *frame = buffers_memory(&tx.ring.buffers, i);

		memcpy(frame, request, length);
		memcpy(frame, to, 6);
		mmio_store(&tx.ring.descriptor[i].address,
			   buffers_address(&tx.ring.buffers, i));
		mmio_store(&tx.ring.descriptor[i].word,
			   length | TXD_END | TXD_INSERT_CRC);
	}
	mmio_release();
}

static void send_requests(unsigned int count)
{
	tx.ring.next = (tx.ring.next + count) % RING_DESCRIPTORS;
	card_write(&card, REG_TDT(0), tx.ring.next);
}

/* Return: the number of frames received since the last call. */
static unsigned int take_replies(void)
{
	unsigned int head = card_read(&card, REG_RDH(0)), count;

	count = (head + RING_DESCRIPTORS - rx.ring.next) % RING_DESCRIPTORS;
	rx.ring.next = head;
	card_write(&card, REG_RDT(0),
		   (head + RING_DESCRIPTORS - 1) % RING_DESCRIPTORS);
	return count;
}

/* Is the frame in receive buffer @i the answer to the request? */
static bool is_answer(unsigned int i)
{
	const unsigned char *frame = buffers_memory(&rx.ring.buffers, i);
	__u64 word = mmio_load_acquire(&rx.ring.descriptor[i].word);

	return RXD_LENGTH(word) == length && (word & RXD_END) &&
	       !memcmp(frame, request + 6, 6) &&
	       !memcmp(frame + 6, request, 6) &&
	       !memcmp(frame + 12, "\10\0\105", 3) &&
	       !memcmp(frame + 16, request + 16, 2) && frame[23] == 1 &&
	       !checksum(frame + ETH_LENGTH, IP_LENGTH) &&
	       !memcmp(frame + 26, THEIR_ADDRESS OUR_ADDRESS, 8) &&
	       !frame[ICMP] && !frame[ICMP + 1] &&
	       !checksum(frame + ICMP, length - ICMP) &&
	       !memcmp(frame + ICMP + 4, request + ICMP + 4, length - ICMP - 4);
}

/* Check all frames that are left in the ring. */
static void check_answers(unsigned int received)
{
	for (unsigned int i = 0; i < RING_DESCRIPTORS && i < received; i++) {
		unsigned int last = rx.ring.next + RING_DESCRIPTORS - 1 - i;

		if (is_answer(last % RING_DESCRIPTORS))
			continue;
		fprintf(stderr, "frame %u from the end is no answer\n", i);
		exit(1);
	}
}

static void nap(long nanoseconds)
{
	nanosleep(&(struct timespec){
			.tv_sec = nanoseconds / 1000000000,
			.tv_nsec = nanoseconds % 1000000000 }, NULL);
}

static void set_priority(int policy, int priority)
{
	struct sched_param parameter = { .sched_priority = priority };

	if (sched_setscheduler(0, policy, &parameter))
		die("sched_setscheduler");
}

/* Wait for @missing answers at most. Return: the number that has not come. */
static unsigned int drain(unsigned int missing)
{
	for (int tries = 0; missing && tries < 2000; tries++) {
		nap(100000);
		missing -= take_replies();
	}
	return missing;
}

static void must_drain(unsigned int missing)
{
	missing = drain(missing);
	if (!missing)
		return;
	fprintf(stderr, "%u requests are not answered\n", missing);
	exit(1);
}

/*
 * Interrupts
 */

/* Return: instructions, idle ones excluded, or 0 if an answer was late. */
static double run_rounds(unsigned int rounds, long pause, bool answered,
			 double each)
{
	__u64 begin = now(), idle = turns_now();

	for (unsigned int i = 0; i < rounds; i++) {
		unsigned int missing = answered ? burst : 0;

		send_requests(burst);
		nap(pause);
		missing -= take_replies();
		if (missing) {
			must_drain(missing);
			return 0;
		}
	}
	idle = turns_now() - idle;
	return now() - begin - idle * each;
}

static double cost_with_interrupts(unsigned int count)
{
	static const unsigned char absent[6] = { 2, 0, 0, 0, 0x77, 0x77 };
	const unsigned int rounds = count / burst;
	double each = instructions_per_turn(), with = 0, without;
	long pause = NAP_MIN;

	start_turns(SCHED_IDLE);
	while (!with && pause < NAP_MAX) {
		pause = pause * 3 / 2;
		if (run_rounds(8, pause, true, each))
			with = run_rounds(rounds, pause + pause / 4, true,
					  each);
	}
	if (!with) {
		fprintf(stderr, "answers are late\n");
		exit(1);
	}
	check_answers(rounds * burst);
	fill_ring(absent);
	without = run_rounds(rounds, pause + pause / 4, false, each);
	return (with - without) / (rounds * burst);
}

/*
 * Polling
 */

/* Return: instructions that all threads of a process have executed. */
static __u64 executed_by(pid_t pid)
{
	char path[300];
	unsigned long long sum = 0, one;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	tasks = opendir(path);
	if (!tasks)
		die(path);
	while ((entry = readdir(tasks))) {
		FILE *file;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/schedstat", pid,
			 entry->d_name);
		file = fopen(path, "r");
		if (!file || fscanf(file, "%llu", &one) != 1)
			die(path);
		fclose(file);
		sum += one;
	}
	closedir(tasks);
	return sum;
}

/*
 * Return: what a process that runs during a nap executes beyond its own code. It
 * does not depend on the length of the nap.
 */
static double cost_of_nap(pid_t pid, long pause, double each)
{
	const unsigned int count = 1000;
	__u64 executed, taken;
	pid_t child;

	kill(pid, SIGSTOP);
	child = start_turns(SCHED_OTHER);
	nap(10 * pause);
	executed = executed_by(child);
	taken = turns_now();
	for (unsigned int i = 0; i < count; i++) {
		nap(pause);
		take_replies();
	}
	taken = turns_now() - taken;
	executed = executed_by(child) - executed;
	kill(child, SIGKILL);
	kill(pid, SIGCONT);
	return (executed - taken * each) / count;
}

/*
 * Return: instructions that the process executes for each answer, or 0 if it
 * had fewer than @burst requests to find.
 */
static double run_window(pid_t pid, unsigned int count, long pause,
			 double overhead)
{
	unsigned int waiting = WINDOW, answers = 0, rounds = 0;
	__u64 executed = executed_by(pid);

	send_requests(waiting);
	while (answers < count) {
		unsigned int replies;

		nap(pause);
		rounds++;
		replies = take_replies();
		answers += replies;
		if (waiting - replies < burst) {
			must_drain(waiting - replies);
			return 0;
		}
		send_requests(replies);
	}
	executed = executed_by(pid) - executed;
	must_drain(waiting);
	return (executed - rounds * overhead) / answers;
}

static double cost_of_process(pid_t pid, unsigned int count)
{
	double each = instructions_per_turn(), cost;
	long pause = NAP_MIN;

	while (pause < NAP_MAX && run_window(pid, 10 * WINDOW, pause, 0))
		pause = pause * 5 / 4;
	do {
		pause = pause * 4 / 5;
		if (pause < NAP_MIN) {
			fprintf(stderr, "the process is too fast\n");
			exit(1);
		}
		cost = run_window(pid, count, pause,
				  cost_of_nap(pid, NAP_MEASURED, each));
	} while (!cost);
	check_answers(count);
	return cost;
}

static void open_card(const char *adapter, size_t frame_max)
{
	if (card_open(&card, adapter) || card_set_mac(&card, NULL) ||
	    rx_make(&rx, &card, frame_max) || tx_make(&tx, &card, frame_max) ||
	    card_start(&card) || link_start(&card))
		exit(1);
	while (!link_state(&card).up)
		nap(1000000);
	tx_start(&tx);
	rx_start(&rx, frame_max);
}

int main(int arguments, char **argument)
{
	struct ether_addr *to;
	unsigned int count;
	double cost;

	if (arguments != 6 && arguments != 7) {
		fprintf(stderr, "usage: ndshm-load ADAPTER MAC LENGTH BURST COUNT [PID]\n");
		return 2;
	}
	to = ether_aton(argument[2]);
	length = strtoul(argument[3], NULL, 0);
	burst = strtoul(argument[4], NULL, 0);
	count = strtoul(argument[5], NULL, 0);
	if (!to || length < 60 || length > LONGEST || !burst ||
	    burst > WINDOW / 2 || count < burst) {
		fprintf(stderr, "no such request\n");
		return 2;
	}
	open_card(argument[1], length > 1514 ? LONGEST : 1514);
	make_request(to);
	fill_ring(request);
	set_priority(SCHED_FIFO, PRIORITY);
	cost = arguments == 7 ? cost_of_process(atoi(argument[6]), count) :
				cost_with_interrupts(count);
	printf("%.0f\n", cost);
	/* Not at this priority: the card is waited for. */
	set_priority(SCHED_OTHER, 0);
	card_quiesce(&card);
	ring_free(&rx.ring);
	ring_free(&tx.ring);
	card_close(&card);
	return 0;
}
