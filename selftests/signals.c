// SPDX-License-Identifier: GPL-2.0
/*
 * Signals that come while blocks are made and freed: whatever a call does then,
 * it does all of it or nothing.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "ndshm_nl.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define ROUNDS		2000
#define KILLS		100
#define INTERVAL	100	/* microseconds */
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
	struct ndshm_get_info info = get_info_request();

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

/* A page, much memory, or many blocks at once. */
static struct ndshm_block_alloc request_of(struct _test_data_signals *self,
					   unsigned int round,
					   struct ndshm_block_info *blocks)
{
	struct ndshm_block_alloc alloc =
		block_alloc_request(self->adapter,
				    round % 3 == 1 ? LARGE : self->page,
				    blocks);

	alloc.count = round % 3 == 2 ? BATCH : 1;
	return alloc;
}

static unsigned int alarms;

static void on_alarm(int number)
{
	(void)number;
	__atomic_add_fetch(&alarms, 1, __ATOMIC_RELAXED);
}

/* No restart: a call that the signal breaks off has to say so. */
static bool start_alarms(void)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval every = {
		.it_interval.tv_usec = INTERVAL,
		.it_value.tv_usec = INTERVAL,
	};

	return !sigaction(SIGALRM, &action, NULL) &&
	       !setitimer(ITIMER_REAL, &every, NULL);
}

static bool stop_alarms(void)
{
	const struct itimerval never = {};

	return !setitimer(ITIMER_REAL, &never, NULL);
}

TEST_F(signals, handled)
{
	const struct ndshm_state before = test_state(self->fd);
	struct ndshm_block_info blocks[BATCH];
	unsigned int round, made = 0, i;
	struct ndshm_block_alloc alloc;

	ASSERT_TRUE(start_alarms());
	for (round = 0; round < ROUNDS; round++) {
		alloc = request_of(self, round, blocks);
		if (_test_block_alloc(self->fd, &alloc)) {
			/* That there was no memory is the one excuse. */
			ASSERT_EQ(ENOMEM, errno);
			EXPECT_EQ(NDSHM_STATUS_RESOURCES, alloc.status);
			EXPECT_TRUE(alloc.reason == NDSHM_REASON_MEMORY ||
				    alloc.reason ==
				    NDSHM_REASON_PROVIDER_RESOURCES);
			continue;
		}
		made++;
		for (i = 0; i < alloc.count; i++)
			test_free_handle(self->fd, blocks[i].handle);
	}
	ASSERT_TRUE(stop_alarms());
	/* They came, and there was something for them to break. */
	EXPECT_LT(10, __atomic_load_n(&alarms, __ATOMIC_RELAXED));
	EXPECT_LT(ROUNDS / 2, made);
	ndshm_same_state(_metadata, __LINE__, self->fd, &before);
}

/* Takes and gives until it is killed. */
static void be_victim(struct _test_data_signals *self, int peer)
{
	struct ndshm_block_info blocks[BATCH];
	struct ndshm_block_free request;
	struct ndshm_block_alloc alloc;
	unsigned int round, i;
	int fd;

	/* Only its own client may keep what it made. */
	close(self->fd);
	fd = ndshm_open();
	if (fd < 0)
		_exit(1);
	for (round = 0;; round++) {
		alloc = request_of(self, round, blocks);
		if (_test_block_alloc(fd, &alloc))
			_exit(1);
		if (!round)
			ndshm_tell(peer);
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
	unsigned int round, seed = 1;
	int peer, status;
	pid_t child;

	ASSERT_LE(0, lived);
	for (round = 0; round < KILLS; round++) {
		ndshm_case(true);
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child)
			be_victim(self, peer);
		ASSERT_TRUE(ndshm_hear(peer));
		/* Any instant of its loop. */
		usleep(rand_r(&seed) % 3000);
		ASSERT_EQ(0, kill(child, SIGKILL));
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status))
			TH_LOG("the child failed");
		close(peer);
		/* A client's end waits for its memory. */
		ASSERT_EQ(lived, live_blocks(&self->nl))
			TH_LOG("after %u", round);
		ndshm_same_state(_metadata, __LINE__, self->fd, &before);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
