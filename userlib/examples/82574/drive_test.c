// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tests main.c with a fake card: the exit status, and that memory is not freed while the card
 * may write to it.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/expect.h"
#include "report.h"
#include "section.h"

#define RINGS 2

static const struct test {
	const char *name;
	int start;		/* result of card_start() */
	bool interrupted;	/* by a signal, before the link is up */
	int quiesced;		/* result of the last card_quiesce() */
	int code;
	unsigned int freed;	/* number of rings */
	const char *option;
	uint64_t section;	/* expected size */
	int made;		/* result of section_make() */
	bool interrupts;	/* expected: interrupts_make() is called */
	int interrupts_error;	/* its result */
	uint32_t kind;		/* expected */
} tests[] = {
	{ "a card that was driven and is quiet", 0, false, 0, EXIT_DONE, .freed = RINGS },
	{ "a card that was driven and cannot be stopped", 0, false, -EIO, EXIT_FAILED, .freed = 0 },
	{ "a card that was interrupted and is quiet", 0, true, 0, EXIT_DONE, .freed = RINGS },
	{ "a card that was interrupted and goes on", 0, true, -ETIMEDOUT, EXIT_FAILED, .freed = 0 },
	{ "a card that does not start", -EPERM, false, 0, EXIT_FAILED, .freed = RINGS },
	{ "a card without a link", -ENETDOWN, false, 0, EXIT_NO_LINK, .freed = RINGS },
	{ "a card without a link that goes on", -ENETDOWN, false, -EIO, EXIT_NO_LINK, .freed = 0 },
	{ "a card with a section", 0, false, 0, EXIT_DONE, .freed = RINGS,
	  .option = "--section", .section = SECTION_SIZE },
	{ "a card with a section of a size", 0, false, 0, EXIT_DONE, .freed = RINGS,
	  .option = "--section=300K",
	  .section = 300 << 10 },
	{ "a card with a section that cannot be stopped", 0, false, -EIO, EXIT_FAILED, .freed = 0,
	  .option = "--section=1", .section = 1 },
	{ "a card whose section is refused", 0, false, 0, EXIT_FAILED, .freed = RINGS,
	  .option = "--section=17179869183G", .section = 17179869183ULL << 30, .made = -EINVAL },
	{ "a card with interrupts", 0, false, 0, EXIT_DONE, .freed = RINGS,
	  .option = "--interrupts", .interrupts = true },
	{ "a card whose interrupts are refused", 0, false, 0, EXIT_FAILED, .freed = RINGS,
	  .option = "--interrupts", .interrupts = true, .interrupts_error = -ENOSPC },
	{ "a card with INTx", 0, false, 0, EXIT_DONE, .freed = RINGS,
	  .option = "--interrupts=intx", .interrupts = true, .kind = NDSHM_IRQ_INTX },
	{ "a card with a message", 0, false, 0, EXIT_DONE, .freed = RINGS,
	  .option = "--interrupts=msi", .interrupts = true, .kind = NDSHM_IRQ_MSI },
	{ "interrupts of another kind", 0, false, 0, EXIT_USAGE, .freed = 0,
	  .option = "--interrupts=nmi" },
	{ "a card with a burst", 0, false, 0, EXIT_DONE, .freed = RINGS, .option = "--burst=1" },
	{ "a burst of nothing", 0, false, 0, EXIT_USAGE, .freed = 0, .option = "--burst=0" },
	{ "a burst beyond the limit", 0, false, 0, EXIT_USAGE, .freed = 0, .option = "--burst=65" },
	{ "a section of nothing", 0, false, 0, EXIT_USAGE, .freed = 0, .option = "--section=0" },
	{ "a section of no size", 0, false, 0, EXIT_USAGE, .freed = 0, .option = "--section=K" },
	{ "a section of an empty size", 0, false, 0, EXIT_USAGE, .freed = 0,
	  .option = "--section=" },
	{ "a section of another unit", 0, false, 0, EXIT_USAGE, .freed = 0,
	  .option = "--section=1T" },
	{ "a section beyond all numbers", 0, false, 0, EXIT_USAGE, .freed = 0,
	  .option = "--section=17179869184G" },
};

static const struct test *test;
static unsigned int freed;
static uint64_t sized;
static unsigned int interrupts_made;
static uint32_t interrupt_kind;

/* main() of main.c, renamed at compilation. */
int drive_main(int argc, char **argv);

int card_open(struct card *card, const char *adapter)
{
	(void)card;
	(void)adapter;
	return 0;
}

int card_set_mac(struct card *card, const uint8_t *mac)
{
	(void)card;
	(void)mac;
	return 0;
}

int card_start(struct card *card)
{
	(void)card;
	if (test->interrupted)
		raise(SIGTERM);
	return test->start;
}

int card_quiesce(struct card *card)
{
	(void)card;
	return test->quiesced;
}

void card_close(struct card *card)
{
	(void)card;
}

int section_make(struct card *card, uint64_t size)
{
	(void)card;
	sized = size;
	return test->made;
}

int link_start(struct card *card)
{
	(void)card;
	return 0;
}

struct card_link link_state(struct card *card)
{
	(void)card;
	return (struct card_link){ .up = true };
}

int interrupts_make(struct interrupts *interrupts, struct card *card, uint32_t kind)
{
	(void)interrupts;
	(void)card;
	interrupt_kind = kind;
	interrupts_made++;
	return test->interrupts_error;
}

void interrupts_arm(struct interrupts *interrupts)
{
	(void)interrupts;
}

int interrupts_wait(struct interrupts *interrupts, int64_t nanoseconds, const sigset_t *mask)
{
	(void)interrupts;
	(void)nanoseconds;
	(void)mask;
	return 0;
}

void interrupts_close(struct interrupts *interrupts)
{
	(void)interrupts;
}

void rx_program(struct rx_ring *rx)
{
	(void)rx;
}

void tx_program(struct tx_ring *tx)
{
	(void)tx;
}

/* A ring in which no frame is received. */
int rx_make(struct rx_ring *rx, struct card *card, size_t frame_max)
{
	static struct ring_descriptor empty[RING_DESCRIPTORS];

	(void)frame_max;
	rx->ring.card = card;
	rx->ring.descriptor = empty;
	return 0;
}

int tx_make(struct tx_ring *tx, struct card *card, size_t frame_max)
{
	(void)frame_max;
	tx->ring.card = card;
	return 0;
}

/* Ends the program as soon as it runs. */
void rx_start(struct rx_ring *rx, size_t frame_max)
{
	(void)rx;
	(void)frame_max;
	raise(SIGTERM);
}

void tx_start(struct tx_ring *tx)
{
	(void)tx;
}

void rx_stop(struct rx_ring *rx)
{
	(void)rx;
}

void rx_flush(struct rx_ring *rx)
{
	(void)rx;
}

unsigned int tx_room(struct tx_ring *tx)
{
	(void)tx;
	return 0;
}

void tx_flush(struct tx_ring *tx)
{
	(void)tx;
}

bool tx_idle(struct tx_ring *tx)
{
	(void)tx;
	return true;
}

void ring_free(struct ring *ring)
{
	(void)ring;
	freed++;
}

void statistics_collect(struct statistics *statistics, struct card *card)
{
	(void)statistics;
	(void)card;
}

void report_ready(const struct card *card, const struct net *net, struct card_link link,
		  const struct rx_ring *rx, const struct tx_ring *tx, bool json)
{
	(void)card;
	(void)net;
	(void)link;
	(void)rx;
	(void)tx;
	(void)json;
}

void report_counters(const char *event, const struct counters *counters, bool json)
{
	(void)event;
	(void)counters;
	(void)json;
}

/* Encodes exit code and freed rings in a status that no other exit of the program uses. */
static int to_status(int code, unsigned int rings)
{
	return 64 + code * (RINGS + 1) + rings;
}

/* Runs main() in a child, since it can run only once per process. */
static const char *run(size_t number)
{
	char *arguments[] = { "ndshm-82574", "--adapter=card", NULL, NULL };
	int expected, status;
	pid_t pid;

	test = &tests[number];
	/* An invalid command line exits before main() returns. */
	expected = test->code == EXIT_USAGE ? EXIT_USAGE : to_status(test->code, test->freed);
	arguments[2] = test->option ? strdup(test->option) : NULL;
	pid = fork();
	if (!pid) {
		int code = drive_main(arguments[2] ? 3 : 2, arguments);

		_exit(sized == test->section && interrupts_made == test->interrupts &&
		      interrupt_kind == test->kind ? to_status(code, freed) : EXIT_FAILURE);
	}
	free(arguments[2]);
	EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid);
	EXPECT(pid > 0 && WIFEXITED(status));
	EXPECT(pid > 0 && WEXITSTATUS(status) == expected);
	return test->name;
}

int main(void)
{
	puts("TAP version 13");
	return expect_all(sizeof(tests) / sizeof(tests[0]), run);
}
