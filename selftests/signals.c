// SPDX-License-Identifier: GPL-2.0
/*
 * Signals during allocation and freeing: every call must either complete or do
 * nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define ROUNDS		2000
#define KILLS		100
#define CALM		30	/* rounds without signals */
#define INTERVAL	100	/* minimum microseconds between two signals */
#define PER_ROUND	16	/* signals, unless that exceeds INTERVAL */
#define LARGE		(2 << 20)
#define BATCH		32

FIXTURE(signals) {
	int fd;
	__u32 adapter;
	size_t page;
	struct ndshm_nl nl;
};

FIXTURE_SETUP(signals)
{
	struct ndshm_get_info_args info = get_info_request();

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_get_info(self->fd, &info);
	ASSERT_LE(BATCH, info.out_max_batch);
	self->adapter = info.out_default_adapter;
	self->page = page_size();
	test_charged(self->fd, self->adapter);
	ASSERT_EQ(0, ndshm_nl_open(&self->nl));
}

FIXTURE_TEARDOWN(signals)
{
	close(self->fd);
	ndshm_nl_close(&self->nl);
}

static int live_blocks(struct ndshm_nl *nl)
{
	struct ndshm_nl_block block;

	return ndshm_nl_blocks(nl, &block, 1);
}

/* Alternate between a page, a large block and a large batch. */
static struct ndshm_block_alloc_args request_of(struct _test_data_signals *self,
						unsigned int round,
						struct ndshm_block_info *blocks)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter,
				    round % 3 == 1 ? LARGE : self->page,
				    blocks);

	alloc.count = round % 3 == 2 ? BATCH : 1;
	return alloc;
}

/*
 * Allocate and free blocks. Return: false if there was no memory; any other
 * failure ends the test.
 */
static bool one_round(struct __test_metadata *_metadata,
		      struct _test_data_signals *self, unsigned int round)
{
	struct ndshm_block_info blocks[BATCH];
	struct ndshm_block_alloc_args alloc = request_of(self, round, blocks);
	struct ndshm_block_free_args request;
	unsigned int i;

	if (_test_block_alloc(self->fd, &alloc)) {
		EXPECT_EQ(ENOMEM, errno);
		EXPECT_EQ(NDSHM_STATUS_RESOURCES, alloc.status);
		EXPECT_TRUE(alloc.reason == NDSHM_REASON_MEMORY ||
			    alloc.reason == NDSHM_REASON_PROVIDER_RESOURCES);
		return false;
	}
	for (i = 0; i < alloc.count; i++) {
		request = block_free_request(blocks[i].handle);
		ASSERT_EQ(0, _test_block_free(self->fd, &request));
	}
	return true;
}

/*
 * An interval short enough for signals to arrive during calls, but long enough
 * for progress on a slow machine.
 */
static unsigned int some_interval(struct __test_metadata *_metadata,
				  struct _test_data_signals *self)
{
	struct timespec since, now;
	unsigned int round;
	long long taken;

	clock_gettime(CLOCK_MONOTONIC, &since);
	for (round = 0; round < CALM; round++)
		one_round(_metadata, self, round);
	clock_gettime(CLOCK_MONOTONIC, &now);
	taken = (now.tv_sec - since.tv_sec) * 1000000LL +
		(now.tv_nsec - since.tv_nsec) / 1000;
	taken /= CALM * PER_ROUND;
	return taken > INTERVAL ? taken : INTERVAL;
}

TEST_F_TIMEOUT(signals, handled, 600)
{
	const struct ndshm_state before = test_state(self->fd);
	const struct ndshm_cases cases = *ndshm_cases;
	const unsigned int interval = some_interval(_metadata, self);
	const unsigned int rounds = ndshm_rounds(ROUNDS, 200);
	unsigned int round, made = 0;

	ASSERT_TRUE(ndshm_set_alarms(interval));
	for (round = 0; round < rounds; round++)
		made += one_round(_metadata, self, round);
	ASSERT_TRUE(ndshm_set_alarms(0));
	TH_LOG("%u signals, one in %u us; %u of %u rounds had memory",
	       ndshm_alarms(), interval, made, rounds);
	/*
	 * There must have been signals and successful allocations, or the test
	 * proved nothing.
	 */
	EXPECT_LT(rounds / 20, ndshm_alarms());
	EXPECT_LT(rounds / 2, made);
	ndshm_same_state(_metadata, __LINE__, self->fd, &before);
	ndshm_one_case(&cases, true);
}

/* Allocate and free until killed. */
static void be_victim(struct _test_data_signals *self, int peer)
{
	struct ndshm_block_info blocks[BATCH];
	struct ndshm_block_free_args request;
	struct ndshm_block_alloc_args alloc;
	unsigned int round, i;
	int fd;

	/* Use a client of its own only, so that the kill closes it. */
	close(self->fd);
	fd = ndshm_open();
	if (fd < 0)
		_exit(1);
	for (round = 0;; round++) {
		alloc = request_of(self, round, blocks);
		if (_test_block_alloc(fd, &alloc))
			_exit(1);
		if (!round)
			ndshm_signal_peer(peer);
		for (i = 0; i < alloc.count; i++) {
			request = block_free_request(blocks[i].handle);
			if (_test_block_free(fd, &request))
				_exit(1);
		}
	}
}

TEST_F(signals, killed)
{
	const struct ndshm_state before = test_state(self->fd);
	const int lived = live_blocks(&self->nl);
	const unsigned int rounds = ndshm_rounds(KILLS, 10);
	unsigned int round, seed = 1;
	int peer, status;
	pid_t child;

	ASSERT_LE(0, lived);
	ndshm_case(true);
	for (round = 0; round < rounds; round++) {
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child)
			be_victim(self, peer);
		ASSERT_TRUE(ndshm_hear(peer));
		/* Kill at a random point of the loop. */
		usleep(rand_r(&seed) % 3000);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("the child failed");
		close(peer);
		/* The exit closes the client and waits for its memory. */
		ASSERT_EQ(lived, live_blocks(&self->nl))
			TH_LOG("after %u", round);
		ndshm_same_state(_metadata, __LINE__, self->fd, &before);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
