// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-82574: a driver in user space for the Intel 82574 network card. It accesses
 * the hardware through libndshm only.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "../common/say.h"
#include "interrupts.h"
#include "report.h"
#include "revoked.h"
#include "section.h"

#define SECOND		1000000000LL
#define LINK_SECONDS	10	/* autonegotiation takes about three */
#define DRAIN_MS	100	/* discards the rest of a full ring at 10 Mbit/s */
#define BUSY_POLLS	64	/* empty polls before the first sleep */
#define CLOCK_ROUNDS	8	/* busy rounds per read of the clock */

struct driver {
	struct options options;
	struct card card;
	struct rx_ring rx;
	struct tx_ring tx;
	struct net net;
	struct sender sender;
	struct interrupts interrupts;
	struct counters counters;
	unsigned int empty_polls;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

static int catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigemptyset(&action.sa_mask);
	if (sigaction(SIGINT, &action, NULL) || sigaction(SIGTERM, &action, NULL))
		return -errno;
	return revoked_catch();
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static unsigned int receive(struct driver *driver)
{
	unsigned int taken = 0;
	uint8_t *frame;
	int length;

	while (taken < driver->options.burst && (length = rx_take(&driver->rx, &frame)) != 0) {
		size_t size;

		taken++;
		if (length < 0)
			continue;
		driver->counters.result[net_input(&driver->net, frame, length, &size)]++;
		if (size)
			tx_answer(&driver->tx, &driver->rx, size);
		else
			rx_return(&driver->rx);
	}
	rx_flush(&driver->rx);
	return taken;
}

static bool all_sent(struct driver *driver)
{
	return !driver->sender.left && tx_idle(&driver->tx);
}

/* Sets up the card again after a reset by others. Frames in the rings are dropped. */
static int set_up_again(struct driver *driver)
{
	struct card *card = &driver->card;
	int error = card_quiesce(card);

	if (!error)
		error = card_set_mac(card, card->mac);
	if (error)
		return error;
	rx_program(&driver->rx);
	tx_program(&driver->tx);
	error = card_start(card);
	if (!error)
		error = link_start(card);
	if (!error)
		error = interrupts_make(&driver->interrupts, card, driver->interrupts.kind);
	if (error)
		return error;
	tx_start(&driver->tx);
	rx_start(&driver->rx, driver->options.frame_max);
	say("set up again after a reset of the card");
	return 0;
}

/*
 * Signals to end the program are blocked but in the wait: one that arrives before it is not
 * lost. A frame that arrives before the card is armed causes no interrupt on some cards, so look
 * once more.
 */
static int sleep_until_interrupt(struct driver *driver, int64_t end)
{
	int64_t left = end == INT64_MAX ? -1 : end > now() ? end - now() : 0;
	sigset_t blocked, before;
	int error;

	sigemptyset(&blocked);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGTERM);
	sigprocmask(SIG_BLOCK, &blocked, &before);
	interrupts_arm(&driver->interrupts);
	if (stop || rx_pending(&driver->rx))
		left = 0;
	error = interrupts_wait(&driver->interrupts, left, &before);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return error == -ECONNRESET ? set_up_again(driver) : error;
}

/*
 * Sleep, since constant polling would take a processor from the peer on the same machine. The
 * first empty polls yield only, so that frames under load are not delayed. `end` is the time at
 * which the driver has something else to do.
 */
static int idle(struct driver *driver, int64_t end)
{
	if (driver->empty_polls < BUSY_POLLS ||
	    (!driver->options.idle_us && !driver->options.interrupts)) {
		driver->empty_polls++;
		sched_yield();
		return 0;
	}
	if (driver->options.interrupts && all_sent(driver))
		return sleep_until_interrupt(driver, end);
	nanosleep(&(struct timespec){ .tv_nsec = driver->options.idle_us * 1000L }, NULL);
	return 0;
}

static int run(struct driver *driver)
{
	const struct options *options = &driver->options;
	int64_t start = now(), moment = start;
	int64_t next_stats = start + options->stats * SECOND;
	int64_t end = options->duration ? start + options->duration * SECOND : INT64_MAX;
	int error = 0;

	for (unsigned int round = 1; !stop; round++) {
		unsigned int done = receive(driver);

		done += sender_step(&driver->sender, &driver->net, &driver->tx, moment);
		tx_flush(&driver->tx);

		if (done)
			driver->empty_polls = 0;
		else
			error = idle(driver, options->stats && next_stats < end ? next_stats : end);
		if (error)
			return error;

		if (options->quit && all_sent(driver))
			return 0;
		/* Reading the clock is expensive on some machines. */
		if (done && round % CLOCK_ROUNDS)
			continue;
		moment = now();
		if (moment >= end)
			return 0;
		if (options->stats && moment >= next_stats) {
			statistics_collect(&driver->counters.card, &driver->card);
			report_counters("stats", &driver->counters, options->json);
			next_stats += options->stats * SECOND;
		}
	}
	return 0;
}

static int wait_for_link(struct driver *driver, struct card_link *link)
{
	int64_t end = now() + LINK_SECONDS * SECOND;

	while (!stop) {
		*link = link_state(&driver->card);
		if (link->up)
			return 0;
		if (now() >= end) {
			say("no link");
			return -ENETDOWN;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	return -EINTR;
}

/* Opens the card and programs its rings. Bus mastering stays disabled. */
static int prepare(struct driver *driver)
{
	const struct options *options = &driver->options;
	int error;

	error = card_open(&driver->card, options->adapter);
	if (!error)
		error = card_set_mac(&driver->card, options->has_mac ? options->mac : NULL);
	if (!error && options->section)
		error = section_make(&driver->card, options->section);
	if (!error)
		error = rx_make(&driver->rx, &driver->card, options->frame_max);
	if (!error)
		error = tx_make(&driver->tx, &driver->card, options->frame_max);
	return error;
}

static void set_up_net(struct driver *driver)
{
	const struct options *options = &driver->options;
	struct net *net = &driver->net;

	memcpy(net->mac, driver->card.mac, sizeof(net->mac));
	net->has_address = options->has_address;
	net->address = options->address;
	net->frame_max = options->frame_max;
	net->unverified = options->unverified;
	net->has_peer_address = options->has_to_address;
	net->peer_address = options->to_address;
	net->has_peer_mac = options->has_to_mac;
	memcpy(net->peer_mac, options->to_mac, sizeof(net->peer_mac));
	sender_init(&driver->sender, options);
}

static int start(struct driver *driver)
{
	struct card_link link;
	int error;

	error = card_start(&driver->card);
	if (!error)
		error = link_start(&driver->card);
	if (!error)
		error = wait_for_link(driver, &link);
	if (!error && driver->options.interrupts)
		error = interrupts_make(&driver->interrupts, &driver->card,
					driver->options.interrupt_kind);
	if (error)
		return error;

	/* Discard the counts of earlier owners. */
	statistics_collect(&driver->counters.card, &driver->card);
	memset(&driver->counters.card, 0, sizeof(driver->counters.card));
	driver->counters.rx = &driver->rx;
	driver->counters.tx = &driver->tx;
	driver->counters.sender = &driver->sender;
	driver->counters.interrupts = &driver->interrupts;
	tx_start(&driver->tx);
	rx_start(&driver->rx, driver->options.frame_max);
	report_ready(&driver->card, &driver->net, link, &driver->rx, &driver->tx,
		     driver->options.json);
	return 0;
}

/* Processes frames in flight, and collects the final statistics. */
static void finish(struct driver *driver)
{
	int64_t end = now() + DRAIN_MS * (SECOND / 1000);

	rx_stop(&driver->rx);
	while (receive(driver) && now() < end)
		tx_flush(&driver->tx);
	while (!tx_idle(&driver->tx) && now() < end)
		sched_yield();
	statistics_collect(&driver->counters.card, &driver->card);
}

static int drive(struct driver *driver)
{
	int error = prepare(driver), noisy = 0;

	if (!error) {
		set_up_net(driver);
		error = start(driver);
		if (!error) {
			error = run(driver);
			finish(driver);
		}
		noisy = card_quiesce(&driver->card);
	}
	/* A card that cannot be stopped may access the rings until its claim ends. */
	if (noisy)
		return error && error != -EINTR ? error : noisy;
	ring_free(&driver->rx.ring);
	ring_free(&driver->tx.ring);
	return error;
}

static enum exit_code exit_code(const struct driver *driver, int error)
{
	switch (error) {
	case 0:
	case -EINTR:
		return driver->sender.left ? EXIT_UNSENT : EXIT_DONE;
	case -ENETDOWN:
		return EXIT_NO_LINK;
	default:
		return EXIT_FAILED;
	}
}

int main(int argc, char **argv)
{
	static struct driver driver;
	int error;

	options_parse(&driver.options, argc, argv);
	/* The default timer slack adds 50 microseconds to each sleep. */
	prctl(PR_SET_TIMERSLACK, 1UL);
	error = catch_signals();
	if (error) {
		say_failure(NULL, "cannot catch signals", error);
		return EXIT_FAILED;
	}

	error = drive(&driver);
	if (error == -ENODEV)
		revoked_exit();
	if (driver.counters.rx)
		report_counters("end", &driver.counters, driver.options.json);
	card_close(&driver.card);
	interrupts_close(&driver.interrupts);
	return exit_code(&driver, error);
}
