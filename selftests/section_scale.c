// SPDX-License-Identifier: GPL-2.0
/*
 * One section with thousands of processes as holders and hundreds of thousands
 * of extents (NDSHM_PROCESSES, NDSHM_EXTENTS). Times are checked only on a
 * kernel without debugging, where no other measurement disturbs them.
 */
#define _GNU_SOURCE
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_proc.h"
#include "ndshm_section.h"

#define HUGE		(2UL << 20)
#define HOLDERS		5	/* per process */
#define SAMPLES		200
#define TURNS		5	/* repetitions of SAMPLES samples, at least */
#define MOST_TURNS	50

FIXTURE(scale) {
	int client;
	int fd;
	int holder;
	__u32 adapter;
	size_t page;
	__u64 max;
	bool timed;
};

FIXTURE_SETUP(scale)
{
	struct ndshm_get_info_args info = get_info_request();
	struct rlimit limit = { 65536, 65536 };

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->page = page_size();
	self->max = info.out_max_section;
	self->adapter = info.out_default_adapter;
	self->fd = test_new_section(self->client, self->adapter, self->max, 0);
	self->holder = test_attach(self->fd);
	/* Failure is harmless: use the limit as it is. */
	setrlimit(RLIMIT_NOFILE, &limit);
	/* Debugging makes times longer and irregular. */
	self->timed = access("/sys/kernel/debug/kmemleak", F_OK) &&
		      access("/sys/kernel/debug/dma-api", F_OK);
}

FIXTURE_TEARDOWN(scale)
{
	close(self->holder);
	close(self->fd);
	close(self->client);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

/* The lower quartile in microseconds. */
static double quartile(double *samples)
{
	qsort(samples, SAMPLES, sizeof(*samples), compare);
	return samples[SAMPLES / 4];
}

static double attach_cost_now(int fd)
{
	double samples[SAMPLES], begin;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		struct ndshm_section_attach_args attach = section_attach_request(0);

		begin = now();
		if (_test_section_attach(fd, &attach))
			return -1;
		samples[i] = now() - begin;
		close(attach.out_holder);
	}
	return quartile(samples);
}

/*
 * The minimum of several measurements, because other load only adds time.
 * Another guest may use the other hyperthread for seconds, so measure again
 * until the cost is below @enough; a real regression never gets there.
 */
static double attach_cost(int fd, double enough)
{
	double best = attach_cost_now(fd), cost;
	int turn;

	for (turn = 1; turn < TURNS || (turn < MOST_TURNS && best >= enough);
	     turn++) {
		usleep(50000);
		cost = attach_cost_now(fd);
		if (cost < best)
			best = cost;
	}
	return best;
}

static bool attach_some(int fd, int *holders, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		struct ndshm_section_attach_args attach = section_attach_request(0);

		if (_test_section_attach(fd, &attach))
			return false;
		holders[i] = attach.out_holder;
	}
	return true;
}

TEST_F(scale, memory_of_a_holder)
{
	const int count = 10000;
	int *holders = calloc(count, sizeof(*holders)), i;
	long long before = ndshm_slab_bytes();

	ASSERT_NE(NULL, holders);
	ASSERT_TRUE(attach_some(self->fd, holders, count));
	TH_LOG("%lld bytes of kernel memory a holder, its file included",
	       (ndshm_slab_bytes() - before) / count);
	EXPECT_EQ(count + 1, (int)test_look(self->fd).out_holders);
	for (i = 0; i < count; i++)
		close(holders[i]);
	free(holders);
	ndshm_case(true);
}

/* A process that has holders and extents, maps the section and waits to be ended. */
static void be_holder(int fd, int start, unsigned int extents)
{
	int holders[HOLDERS];
	char byte = 1;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!attach_some(fd, holders, HOLDERS))
		_exit(1);
	while (extents--) {
		struct ndshm_extent_alloc_args more =
			extent_alloc_request(1, 0);

		if (_test_extent_alloc(holders[0], &more))
			_exit(2);
	}
	if (write(start, &byte, 1) != 1)
		_exit(3);
	for (;;)
		pause();
}

TEST_F(scale, lsa_one_for_many)
{
	unsigned int count = ndshm_number("NDSHM_PROCESSES",
					  ndshm_rounds(2000, 40));
	pid_t *children = calloc(count, sizeof(*children));
	double few, many, begin, death;
	unsigned int i;
	int pipes[2];
	char byte;

	ASSERT_NE(NULL, children);
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_NE(MAP_FAILED, ndshm_map_section(self->fd, self->max));
	few = attach_cost(self->fd, HUGE_VAL);
	for (i = 0; i < count; i++) {
		children[i] = fork();
		ASSERT_LE(0, children[i]);
		if (!children[i])
			be_holder(self->fd, pipes[1], i ? 1 : 1000);
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
	}
	EXPECT_EQ(HOLDERS * count + 1, test_look(self->fd).out_holders);
	EXPECT_EQ(count - 1 + 1000, test_look(self->fd).out_extents);
	many = attach_cost(self->fd, self->timed ? 2 * few : HUGE_VAL);
	TH_LOG("attach: %.1f us with 1 holder, %.1f us with %u in %u processes",
	       few, many, HOLDERS * count, count);
	if (self->timed)
		EXPECT_GT(2 * few, many);
	/* Kill one process, which has a thousand extents. */
	begin = now();
	EXPECT_EQ(0, kill(children[0], SIGKILL));
	EXPECT_EQ(children[0], waitpid(children[0], NULL, 0));
	death = now() - begin;
	EXPECT_EQ(count - 1, test_look(self->fd).out_extents);
	TH_LOG("death of a holder of 1000 extents: %.1f ms", death / 1e3);
	if (self->timed)
		EXPECT_GT(1e6, death);
	for (i = 1; i < count; i++)
		kill(children[i], SIGKILL);
	for (i = 1; i < count; i++)
		waitpid(children[i], NULL, 0);
	EXPECT_EQ(1, test_look(self->fd).out_holders);
	EXPECT_EQ(0, test_look(self->fd).out_extents);
	EXPECT_GE(HUGE, ndshm_committed(self->fd));
	ndshm_case(true);
	free(children);
}

/*
 * The cost of an extent in committed memory: no memory is allocated, one page
 * is zeroed.
 */
static double extent_cost(int holder)
{
	double samples[SAMPLES], begin;
	int i;

	for (i = 0; i < SAMPLES; i++) {
		struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);
		struct ndshm_extent_free_args request;

		begin = now();
		if (_test_extent_alloc(holder, &more))
			return -1;
		request = extent_free_request(more.out_offset);
		if (_test_extent_free(holder, &request))
			return -1;
		samples[i] = now() - begin;
	}
	return quartile(samples);
}

static double least(double one, double two)
{
	return one < two ? one : two;
}

/*
 * Measure both in turn, so that other load affects both, and take the minimum
 * of each. When times are checked, measure again as attach_cost() does.
 */
static void extent_costs(bool timed, int few, int many, double *cost_few, double *cost_many)
{
	double cost;
	int i;

	for (i = 0; i < TURNS ||
	     (timed && i < MOST_TURNS && *cost_many >= 1.5 * *cost_few); i++) {
		usleep(i ? 50000 : 0);
		cost = extent_cost(few);
		*cost_few = i ? least(*cost_few, cost) : cost;
		cost = extent_cost(many);
		*cost_many = i ? least(*cost_many, cost) : cost;
	}
}

/* Free every second extent, which leaves as many free ranges as extents. */
static bool perforate(int holder, __u64 page, __u64 from, __u64 to)
{
	for (; from < to; from += 2) {
		struct ndshm_extent_free_args request = extent_free_request(from * page);

		if (_test_extent_free(holder, &request))
			return false;
	}
	return true;
}

static bool take(int holder, __u64 count)
{
	while (count--) {
		struct ndshm_extent_alloc_args more = extent_alloc_request(1, 0);

		if (_test_extent_alloc(holder, &more))
			return false;
	}
	return true;
}

TEST_F(scale, extents)
{
	__u64 count = ndshm_number("NDSHM_EXTENTS", ndshm_rounds(60000, 6000));
	double few, many, few_now, holes;
	long long before;
	int other, holder;

	if (!ndshm_set_capability(CAP_IPC_LOCK, true))
		SKIP(return, "so much memory is root's only");
	other = test_new_section(self->client, self->adapter, 2000 * self->page, 0);
	holder = test_attach(other);
	ASSERT_TRUE(take(holder, 1000));
	ASSERT_TRUE(take(self->holder, 1000));
	before = ndshm_slab_bytes();
	ASSERT_TRUE(take(self->holder, count - 1000));
	TH_LOG("%lld bytes of kernel memory an extent, its share of blocks included",
	       (ndshm_slab_bytes() - before) / (long long)(count - 1000));
	extent_costs(self->timed, holder, self->holder, &few, &many);
	EXPECT_EQ(count, test_look(self->fd).out_extents);
	ASSERT_TRUE(perforate(self->holder, self->page, 0, count));
	extent_costs(self->timed, holder, self->holder, &few_now, &holes);
	TH_LOG("allocate and free: %.1f us with 1000 extents, %.1f with %llu",
	       few, many, (unsigned long long)count);
	TH_LOG("... and %.1f, %.1f with each second one free", few_now, holes);
	EXPECT_LT(0, least(least(few, many), least(few_now, holes)));
	if (self->timed) {
		EXPECT_GT(1.5 * few, many);
		EXPECT_GT(1.5 * few_now, holes);
	}
	close(holder);
	close(other);
	ndshm_case(true);
}

/*
 * A process that is killed inside an operation must not block the section for
 * others.
 */
TEST_F(scale, next)
{
	unsigned int round, rounds = ndshm_rounds(200, 20), late = 0;
	double begin, longest = 0, *took;
	pid_t child;
	int pipes[2];
	char byte;

	took = calloc(rounds, sizeof(*took));
	ASSERT_NE(NULL, took);
	ASSERT_EQ(0, pipe(pipes));
	for (round = 0; round < rounds; round++) {
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			int holder;

			if (!attach_some(self->fd, &holder, 1) ||
			    write(pipes[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				if (!take(holder, 1))
					_exit(2);
		}
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		usleep(round * 37 % 3000);
		kill(child, SIGKILL);
		begin = now();
		ASSERT_TRUE(take(self->holder, 1));
		took[round] = now() - begin;
		late += took[round] > 10000;
		EXPECT_EQ(child, waitpid(child, NULL, 0));
	}
	qsort(took, rounds, sizeof(*took), compare);
	longest = took[rounds - 1];
	TH_LOG("the next one waits %.2f ms, %.2f at most; %u of %u more than 10",
	       took[rounds / 2] / 1e3, longest / 1e3, late, rounds);
	/* Use the median: some long waits are caused by other load. */
	if (self->timed)
		EXPECT_GT(10000, took[rounds / 2]);
	free(took);
	EXPECT_EQ(rounds, test_look(self->fd).out_extents);
	ndshm_case(true);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
