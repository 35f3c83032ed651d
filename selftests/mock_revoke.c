// SPDX-License-Identifier: GPL-2.0
/*
 * Providers and adapters that are removed during an allocation, while their
 * blocks are held or mapped, and while the blocks are being freed. The mock
 * module (file named by NDSHM_MOCK) counts handler calls that come twice, too
 * late or in the wrong context.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "ndshm_mock.h"
#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define ROUNDS		200
#define WRITE_ROUNDS	30
#define MOST_LEAD_US	50000

FIXTURE(going) {
	bool loaded;
	int fd;
	__u32 adapter;
	__u32 id;
	struct ndshm_block_info block;
	struct ndshm_nl nl;
};

/* The removal command, and the reason with which other requests fail afterwards. */
FIXTURE_VARIANT(going) {
	const char *command;
	__u32 reason;
	bool refusable;		/* the command fails with EBUSY while blocks live */
};

FIXTURE_VARIANT_ADD(going, unregister) {
	.command = "provider del p",
	.reason = NDSHM_REASON_PROVIDER_CLOSING,
	.refusable = true,
};

FIXTURE_VARIANT_ADD(going, revoke) {
	.command = "provider revoke p",
	.reason = NDSHM_REASON_PROVIDER_CLOSING,
	.refusable = false,
};

FIXTURE_VARIANT_ADD(going, adapter) {
	.command = "adapter del a",
	.reason = NDSHM_REASON_ADAPTER_REMOVED,
	.refusable = false,
};

FIXTURE_SETUP(going)
{
	int error = ndshm_mock_load("quarantine=8");

	if (ndshm_mock_missing(error))
		SKIP(return, "%s", ndshm_mock_missing(error));
	ASSERT_EQ(0, error);
	test_mock_begin(self, "provider add p adapter=a");
}

FIXTURE_TEARDOWN(going)
{
	struct ndshm_mock_counts counts;
	int slot;

	if (!self->loaded)
		return;
	close(self->fd);
	ndshm_nl_close(&self->nl);
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_counts("p").live));
	counts = ndshm_mock_counts("p");
	EXPECT_TRUE(ndshm_mock_sound(&counts));
	for (slot = 0; slot < 2; slot++) {
		EXPECT_GE(0, ndshm_mock_slot(slot).late);
		EXPECT_GE(0, ndshm_mock_slot(slot).broken);
	}
	EXPECT_TRUE(ndshm_soon(!ndshm_mock_unload()));
}

/* A command or a client's allocation that runs in a thread because it blocks. */
struct task {
	pthread_t thread;
	char command[80];
	int fd;
	struct ndshm_block_alloc_args alloc;
	int error;
	int done;
};

static void *run_command(void *data)
{
	struct task *task = data;

	task->error = ndshm_mock("%s", task->command);
	__atomic_store_n(&task->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *run_alloc(void *data)
{
	struct task *task = data;

	task->error = _test_block_alloc(task->fd, &task->alloc) ? -errno : 0;
	__atomic_store_n(&task->done, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static bool is_done(struct task *task)
{
	return __atomic_load_n(&task->done, __ATOMIC_SEQ_CST);
}

/* Return: false if the task has not completed after 200 ms. */
static bool gets_done(struct task *task)
{
	int i;

	for (i = 0; i < 20 && !is_done(task); i++)
		usleep(10000);
	return is_done(task);
}

static bool start_command(struct task *task, const char *command)
{
	*task = (struct task){ .fd = -1 };
	snprintf(task->command, sizeof(task->command), "%s", command);
	return !pthread_create(&task->thread, NULL, run_command, task);
}

static struct ndshm_block_alloc_args request_of(struct _test_data_going *self)
{
	struct ndshm_block_alloc_args alloc =
		block_alloc_request(self->adapter, 1, &self->block);

	alloc.provider = self->id;
	return alloc;
}

/* Wait until the removal has begun: other requests fail with @reason. */
static void wait_for_end(struct __test_metadata *_metadata,
			 struct _test_data_going *self, __u32 reason)
{
	/* More than RLIMIT_MEMLOCK permits, so that the probe never allocates. */
	struct ndshm_block_alloc_args probe =
		block_alloc_request(self->adapter, 1 << 21, &self->block);
	int fd = ndshm_open_limited(1 << 20);

	ASSERT_LE(0, fd);
	probe.provider = self->id;
	EXPECT_TRUE(ndshm_soon(_test_block_alloc(fd, &probe) &&
			       probe.reason != NDSHM_REASON_MEMLOCK));
	test_err_block_alloc(ndshm_expected[reason].error, reason, fd, &probe);
	close(fd);
}

/*
 * The removal begins while @task's allocation is inside the handler. The
 * allocation must fail and be undone.
 */
static void end_meets(struct __test_metadata *_metadata,
		      struct _test_data_going *self,
		      const struct _fixture_variant_going *variant,
		      struct task *task)
{
	struct task end;

	ASSERT_TRUE(ndshm_soon(ndshm_mock_counts("p").inside == 1));
	ASSERT_TRUE(start_command(&end, variant->command));
	/* The set is closed to new requests, and waits for the one in the handler. */
	wait_for_end(_metadata, self, variant->reason);
	EXPECT_FALSE(gets_done(&end));
	EXPECT_FALSE(is_done(task));
	test_mock("script p hold=0");
	pthread_join(task->thread, NULL);
	pthread_join(end.thread, NULL);
	EXPECT_EQ(0, end.error);
	EXPECT_EQ(-ndshm_expected[variant->reason].error, task->error);
	EXPECT_EQ(1, ndshm_mock_counts("p").freed);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
}

/* A program must not keep the memory of a provider or an adapter that can go. */
TEST_F(going, not_reusable)
{
	struct ndshm_block_alloc_args alloc = request_of(self);

	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_REUSABLE);
	test_free_handle(self->fd, self->block.handle);
	ASSERT_EQ(0, ndshm_nl_provider_id("pages", &alloc.provider));
	test_block_alloc(self->fd, &alloc);
	EXPECT_FALSE(self->block.flags & NDSHM_BLOCK_REUSABLE);
	test_free_handle(self->fd, self->block.handle);
}

TEST_F(going, while_a_client_allocates)
{
	struct task task = { .fd = self->fd, .alloc = request_of(self) };

	test_mock("script p hold=1 nth=1");
	ASSERT_EQ(0, pthread_create(&task.thread, NULL, run_alloc, &task));
	end_meets(_metadata, self, variant, &task);
	EXPECT_EQ(variant->reason, task.alloc.reason);
	EXPECT_EQ(0, test_state(self->fd).blocks);
}

TEST_F(going, while_the_kernel_allocates)
{
	struct task task;

	test_mock("script p hold=1 nth=1");
	/* With a list, which a failure must leave unchanged; the mock checks it. */
	ASSERT_TRUE(start_command(&task, "block alloc 0 a default 1 capacity=4"));
	end_meets(_metadata, self, variant, &task);
	EXPECT_EQ(0, ndshm_mock_slot(0).broken);
	EXPECT_EQ(0, ndshm_mock_slot(0).calls);
	EXPECT_STREQ("empty", ndshm_mock_slot(0).state);
}

/* A running handler must keep its module loaded, even before a block exists. */
TEST_F(going, not_the_module)
{
	struct task task = { .fd = self->fd, .alloc = request_of(self) };

	test_mock("script p hold=1 nth=1");
	ASSERT_EQ(0, pthread_create(&task.thread, NULL, run_alloc, &task));
	ASSERT_TRUE(ndshm_soon(ndshm_mock_counts("p").inside == 1));
	EXPECT_EQ(-EWOULDBLOCK, ndshm_mock_unload());
	test_mock("script p hold=0");
	pthread_join(task.thread, NULL);
	EXPECT_EQ(0, task.error);
	EXPECT_EQ(-EWOULDBLOCK, ndshm_mock_unload());
}

/* However a block is held at its revocation, its memory must be freed once. */
TEST_F(going, while_blocks_are_held)
{
	struct ndshm_block_alloc_args alloc = request_of(self);
	struct ndshm_block_query_args query;
	void *map;
	int i;

	test_mock("block alloc 0 a default 1");
	test_mock("block alloc 1 a p 1 callback=none");
	test_mock("block get 1");
	test_block_alloc(self->fd, &alloc);
	map = test_map_block(self->fd, &self->block);
	if (variant->refusable) {
		test_err_mock(EBUSY, NDSHM_REASON_PROVIDER_IN_USE, "%s",
			      variant->command);
		EXPECT_EQ(3, ndshm_mock_counts("p").live);
		EXPECT_TRUE(ndshm_readable(map));
		test_free_handle(self->fd, self->block.handle);
		munmap(map, self->block.length);
		for (i = 0; i < 2; i++)
			test_mock("block free %d", i);
		test_mock("block put 1");
		EXPECT_TRUE(ndshm_soon(!ndshm_mock("%s", variant->command)));
		return;
	}

	test_mock("%s", variant->command);
	EXPECT_EQ(3, ndshm_mock_counts("p").freed);
	EXPECT_EQ(0, ndshm_mock_counts("p").live);
	EXPECT_EQ(1, ndshm_mock_slot(0).calls);
	EXPECT_EQ(0, ndshm_mock_slot(1).calls);
	test_sigbus(map);
	query = block_query_request(self->block.handle);
	test_err_block_query(ENODEV, NDSHM_REASON_BLOCK_REVOKED, self->fd,
			     &query);
	/* Dropping what holds the revoked blocks must not free anything again. */
	test_free_handle(self->fd, self->block.handle);
	munmap(map, self->block.length);
	for (i = 0; i < 2; i++)
		test_mock("block free %d", i);
	test_mock("block put 1");
	EXPECT_EQ(3, ndshm_mock_counts("p").freed);
	EXPECT_EQ(1, ndshm_mock_slot(0).calls);
}

/* A revocation callback may free its own block. */
TEST_F(going, freed_in_the_callback)
{
	if (variant->refusable)
		SKIP(return, "nothing is revoked");
	test_mock("block alloc 0 a default 1 callback=free");
	test_mock("%s", variant->command);
	EXPECT_EQ(1, ndshm_mock_slot(0).calls);
	EXPECT_STREQ("empty", ndshm_mock_slot(0).state);
	EXPECT_EQ(1, ndshm_mock_counts("p").freed);
	test_err_mock(ENOENT, NDSHM_REASON_NONE, "block free 0");
}

/* After ndshm_free() returns, no callback may run, as its owner may be gone. */
TEST_F(going, free_waits_for_the_callback)
{
	struct task end, freeing;

	if (variant->refusable)
		SKIP(return, "nothing is revoked");
	test_mock("block alloc 0 a default 1 callback=hold");
	ASSERT_TRUE(start_command(&end, variant->command));
	ASSERT_TRUE(ndshm_soon(ndshm_mock_slot(0).inside == 1));
	ASSERT_TRUE(start_command(&freeing, "block free 0"));
	ASSERT_TRUE(ndshm_soon(strcmp(ndshm_mock_slot(0).state, "held")));
	EXPECT_FALSE(gets_done(&freeing));
	EXPECT_FALSE(is_done(&end));
	test_mock("block release 0");
	pthread_join(freeing.thread, NULL);
	pthread_join(end.thread, NULL);
	EXPECT_EQ(0, freeing.error);
	EXPECT_EQ(0, end.error);
	EXPECT_EQ(1, ndshm_mock_slot(0).calls);
	EXPECT_EQ(0, ndshm_mock_slot(0).late);
}

/* The revocation must not wait for processes that mapped a block and have ended. */
TEST_F(going, mapped_by_the_dead)
{
	struct ndshm_block_alloc_args alloc = request_of(self);
	pid_t children[3];
	int peers[3], i;

	if (variant->refusable)
		SKIP(return, "nothing is revoked");
	test_block_alloc(self->fd, &alloc);
	/* Run all at the same time, so that none reuses the resources of another. */
	for (i = 0; i < (int)ARRAY_SIZE(peers); i++) {
		children[i] = ndshm_fork(&peers[i]);
		ASSERT_LE(0, children[i]);
		if (!children[i]) {
			memset(test_map_block(self->fd, &self->block), i,
			       self->block.length);
			ndshm_signal_peer(peers[i]);
			ndshm_hear(peers[i]);
			_exit(0);
		}
		EXPECT_TRUE(ndshm_hear(peers[i]));
	}
	for (i = 0; i < (int)ARRAY_SIZE(peers); i++) {
		EXPECT_TRUE(ndshm_signal_peer(peers[i]));
		EXPECT_TRUE(ndshm_reap(children[i]));
		close(peers[i]);
	}
	test_mock("%s", variant->command);
	EXPECT_EQ(1, ndshm_mock_counts("p").freed);
}

/* Memory that was freed must not be written to through a remaining mapping. */
#define BUSY_BYTES	(64UL << 20)

struct busy {
	pthread_t thread;
	char *memory;
	atomic_bool stop;
};

/* Keep the mmap lock of the process taken most of the time. */
static void *keep_busy(void *data)
{
	struct busy *busy = data;
	int protection = PROT_READ;

	while (!atomic_load(&busy->stop)) {
		mprotect(busy->memory, BUSY_BYTES, protection);
		protection ^= PROT_WRITE;
	}
	return NULL;
}

static void start_busy(struct __test_metadata *_metadata, struct busy *busy)
{
	busy->memory = mmap(NULL, BUSY_BYTES, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, busy->memory);
	madvise(busy->memory, BUSY_BYTES, MADV_NOHUGEPAGE);
	atomic_init(&busy->stop, false);
	ASSERT_EQ(0, pthread_create(&busy->thread, NULL, keep_busy, busy));
}

static void stop_busy(struct busy *busy)
{
	atomic_store(&busy->stop, true);
	pthread_join(busy->thread, NULL);
	munmap(busy->memory, BUSY_BYTES);
}

/*
 * The last client closes while its block, which was mapped before, is revoked.
 * This frees the file of the block; the mount that the file was on must still
 * exist.
 */
TEST_F(going, while_the_last_client_closes)
{
	int round, rounds = ndshm_rounds(10, 4);
	struct ndshm_block_alloc_args alloc;
	struct busy busy;
	struct task task;
	void *map;

	if (variant->refusable)
		return;
	start_busy(_metadata, &busy);
	for (round = 0; round < rounds; round++) {
		struct ndshm_nl_provider provider;
		struct ndshm_nl_adapter adapter;

		alloc = request_of(self);
		test_block_alloc(self->fd, &alloc);
		map = test_map_block(self->fd, &self->block);
		munmap(map, self->block.length);
		ASSERT_TRUE(start_command(&task, variant->command));
		usleep(1000 * (1 + 3 * round));
		close(self->fd);
		pthread_join(task.thread, NULL);
		EXPECT_EQ(0, task.error);
		ndshm_mock("adapter del a");
		ndshm_mock("provider del p");
		test_mock("adapter add a");
		test_mock("provider add p adapter=a");
		ASSERT_EQ(0, ndshm_nl_provider_by_name(&self->nl, "p",
						       &provider));
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "a",
						      &adapter));
		self->id = provider.id;
		self->adapter = adapter.id;
		self->fd = ndshm_open();
	}
	stop_busy(&busy);
}

TEST_F_TIMEOUT(going, while_it_is_written, 300)
{
	struct ndshm_mock_counts counts;
	int round, peer, status;
	pid_t child;

	if (variant->refusable)
		SKIP(return, "nothing is revoked");
	for (round = 0; round < WRITE_ROUNDS; round++) {
		struct ndshm_block_alloc_args alloc =
			block_alloc_request(0, 16 * page_size(), &self->block);
		struct ndshm_nl_adapter adapter;
		unsigned char *map;
		size_t at = 0;

		if (round) {
			ndshm_mock("adapter add a");
			test_mock("provider add p adapter=a");
		}
		ASSERT_EQ(0, ndshm_nl_adapter_by_name(&self->nl, "a",
						      &adapter));
		alloc.adapter = adapter.id;
		test_block_alloc(self->fd, &alloc);
		map = test_map_block(self->fd, &self->block);
		child = ndshm_fork(&peer);
		ASSERT_LE(0, child);
		if (!child) {
			ndshm_signal_peer(peer);
			for (;;)
				__atomic_store_n(map + at++ %
						 self->block.length, 1,
						 __ATOMIC_RELAXED);
		}
		EXPECT_TRUE(ndshm_hear(peer));
		test_mock("%s", variant->command);
		EXPECT_EQ(child, waitpid(child, &status, 0));
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
		close(peer);
		munmap(map, self->block.length);
		test_free_handle(self->fd, self->block.handle);
		ndshm_mock("provider del p");
	}
	counts = ndshm_mock_counts("p");
	EXPECT_EQ(WRITE_ROUNDS, counts.freed);
	EXPECT_EQ(0, counts.use_after_free);
}

/*
 * One thread revokes a block while another frees it. After each round the
 * slower thread gets a head start, so that the two calls meet.
 */

struct race {
	pthread_barrier_t line;
	int stop;
	int lead_us;		/* head start of the revocation, if positive */
	unsigned int seed;	/* of the thread that frees */
};

/* Busy wait: a sleep takes longer than the window to be hit. */
static void spin(int us)
{
	struct timespec now, end;

	if (us <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_nsec += us * 1000L;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < end.tv_sec ||
		 (now.tv_sec == end.tv_sec && now.tv_nsec < end.tv_nsec));
}

static void *free_block(void *data)
{
	struct race *race = data;

	for (;;) {
		pthread_barrier_wait(&race->line);
		if (race->stop)
			return NULL;
		spin(race->lead_us + rand_r(&race->seed) % 32);
		ndshm_mock("block free 0");
		pthread_barrier_wait(&race->line);
	}
}

/*
 * Other allocations run all the time and meet adapters and providers that are
 * being removed and added.
 */
static void *come_and_go(void *data)
{
	int *stop = data;

	while (!__atomic_load_n(stop, __ATOMIC_RELAXED)) {
		ndshm_mock("block alloc 1 a default 1 callback=free");
		ndshm_mock("block free 1");
	}
	return NULL;
}

TEST_F_TIMEOUT(going, while_blocks_are_freed, 3600)
{
	struct race race = { .lead_us = 0 };
	int calls = 0, stop = 0, step = 0, ahead, round;
	const int rounds = ndshm_rounds(ROUNDS, 40);
	unsigned int seed = ndshm_number("NDSHM_SEED", time(NULL));
	const struct ndshm_cases before = *ndshm_cases;
	pthread_t freeing, other;

	TH_LOG("NDSHM_SEED=%u", seed);
	race.seed = seed + 1;
	ASSERT_EQ(0, pthread_barrier_init(&race.line, NULL, 2));
	ASSERT_EQ(0, pthread_create(&freeing, NULL, free_block, &race));
	ASSERT_EQ(0, pthread_create(&other, NULL, come_and_go, &stop));
	for (round = 0; round < rounds; round++) {
		int now;

		/*
		 * Half of the callbacks last long enough for a free to end
		 * meanwhile.
		 */
		test_mock("block alloc 0 a p 1 callback_us=%u",
			  round & 1 ? 0 : 100 + rand_r(&seed) % 100);
		pthread_barrier_wait(&race.line);
		spin(rand_r(&seed) % 32 - race.lead_us);
		ndshm_mock("%s", variant->command);
		pthread_barrier_wait(&race.line);

		now = ndshm_mock_slot(0).calls;
		/* Double the step until the other thread is first. */
		ahead = now > calls ? -1 : 1;
		step = ahead * step > 0 ? 2 * step : 4 * ahead;
		if (abs(race.lead_us + step) > MOST_LEAD_US)
			step = -race.lead_us;
		race.lead_us += step;
		calls = now;
		/*
		 * Removal fails with EBUSY if it came first; retry now that the
		 * block is freed.
		 */
		while (ndshm_mock("%s", variant->command) == -EBUSY)
			sched_yield();
		ndshm_mock("adapter add a");
		/*
		 * A block freed by the others leaves the adapter's set first,
		 * then the provider's.
		 */
		while (ndshm_mock("provider del p") == -EBUSY)
			sched_yield();
		test_mock("provider add p adapter=a");
	}
	race.stop = 1;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_barrier_wait(&race.line);
	pthread_join(freeing, NULL);
	pthread_join(other, NULL);
	ndshm_one_case(&before, true);
	/* Both orders must have occurred often enough. */
	if (!variant->refusable) {
		EXPECT_LT(rounds / 20, calls);
		EXPECT_GT(rounds - rounds / 20, calls);
	}
	TH_LOG("%d rounds, %d callbacks", rounds, calls);
	for (round = 0; round < 2; round++) {
		EXPECT_EQ(0, ndshm_mock_slot(round).late);
		EXPECT_EQ(0, ndshm_mock_slot(round).broken);
	}
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
