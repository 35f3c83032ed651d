// SPDX-License-Identifier: GPL-2.0
/*
 * Locks of other libraries in shared memory: they wait with futex(2), which finds a waiter by file
 * and position of the page.
 */
#include <ctype.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/futex.h>
#include <linux/kernel-page-flags.h>

#include "ndshm_nl.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_section.h"

#define HUGE	(2UL << 20)
#define LENGTH	(3 * HUGE)
#define FAR	((4UL << 30) + HUGE)	/* the offset has more than 32 bits */
#define PARAMETERS	"/sys/module/ndshm/parameters/"
#define RESERVE		PARAMETERS "reserve"
#define FAULT_DELAY	PARAMETERS "test_fault_delay_ms"
#define DELAYING	PARAMETERS "test_fault_delaying"

enum { TURNS, MUTEX, ROBUST, INHERITING, SEMAPHORES, PHASES };

/* What two processes share. */
struct shared {
	pthread_mutex_t mutex;
	pthread_mutex_t robust;
	pthread_mutex_t inheriting;
	pthread_cond_t changed;
	pthread_barrier_t barrier;
	sem_t free, filled;
	unsigned int turn;
	/* Not atomic: without exclusion an increment is lost. One for each of the phases below. */
	unsigned long counts[PHASES];
};

FIXTURE(locks) {
	int client;
	int fd;
	long long reserve;	/* the size before */
	size_t length;
	unsigned char *map;
	struct shared *shared;
};

/*
 * @section: else a block. @provider: NULL for the default one. @length: 0 for LENGTH. @at: place of
 * the locks.
 */
FIXTURE_VARIANT(locks) {
	bool section;
	const char *provider;
	size_t length;
	size_t at;
};

FIXTURE_VARIANT_ADD(locks, block) { .at = 0 };
FIXTURE_VARIANT_ADD(locks, second_page) { .at = 4096 };
/* Pages of their own, which the fault of a neighbour maps. */
FIXTURE_VARIANT_ADD(locks, neighbour) { .length = 3 * 4096, .at = 2 * 4096 };
FIXTURE_VARIANT_ADD(locks, section_near) { .section = true, .length = 3 * 4096, .at = 2 * 4096 };
FIXTURE_VARIANT_ADD(locks, second_chunk) { .at = HUGE + 64 };
FIXTURE_VARIANT_ADD(locks, section) { .section = true, .at = 0 };
FIXTURE_VARIANT_ADD(locks, section_second_chunk) { .section = true, .at = HUGE };
FIXTURE_VARIANT_ADD(locks, section_last_page) { .section = true, .at = LENGTH - 4096 };
FIXTURE_VARIANT_ADD(locks, section_far) { .section = true, .length = FAR, .at = FAR - 4096 };
FIXTURE_VARIANT_ADD(locks, reserve) { .provider = "reserve", .at = HUGE + 4096 };

static void make_locks(struct shared *shared)
{
	pthread_barrierattr_t barrier;
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;

	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	pthread_mutex_init(&shared->mutex, &mutex);
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&shared->robust, &mutex);
	pthread_mutexattr_setrobust(&mutex, PTHREAD_MUTEX_STALLED);
	pthread_mutexattr_setprotocol(&mutex, PTHREAD_PRIO_INHERIT);
	pthread_mutex_init(&shared->inheriting, &mutex);
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	pthread_cond_init(&shared->changed, &cond);
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&shared->barrier, &barrier, 2);
	sem_init(&shared->free, 1, 1);
	sem_init(&shared->filled, 1, 0);
}

/* Return: bytes of memory that can be allocated. */
static size_t available(void)
{
	return (size_t)sysconf(_SC_AVPHYS_PAGES) * page_size();
}

FIXTURE_SETUP(locks)
{
	struct ndshm_get_info_args info = get_info_request();
	struct ndshm_block_alloc_args alloc;
	struct ndshm_block_info block;

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	self->fd = -1;
	test_get_info(self->client, &info);
	self->reserve = -1;
	self->length = variant->length ?: LENGTH;
	/* Of a section: whole pages, which may be longer than 4 KiB. */
	self->length += -self->length % page_size();
	if (self->length > LENGTH && available() < self->length + (1UL << 30))
		SKIP(return, "the machine has too little memory");
	if (variant->section) {
		self->fd = test_new_section(self->client, info.out_default_adapter, self->length,
					    self->length);
		self->map = test_map_section(self->fd, self->length);
	} else {
		alloc = block_alloc_request(info.out_default_adapter, self->length, &block);
		if (variant->provider) {
			if (geteuid() || huge_size() != HUGE)
				SKIP(return, "only root can set the reserve, here for 2 MiB");
			self->reserve = ndshm_read_number(RESERVE);
			ASSERT_EQ(0, ndshm_write_file(RESERVE, "6291456"));
			ASSERT_EQ(0, ndshm_nl_provider_id(variant->provider, &alloc.provider));
		}
		test_block_alloc(self->client, &alloc);
		self->map = test_map_block(self->client, &block);
	}
	self->shared = (void *)(self->map + variant->at);
	/* A fault of a read, which maps the neighbours. */
	ndshm_readable(self->map);
	make_locks(self->shared);
}

FIXTURE_TEARDOWN(locks)
{
	char size[32];

	munmap(self->map, self->length);
	if (self->fd >= 0)
		close(self->fd);
	close(self->client);
	if (self->reserve >= 0) {
		snprintf(size, sizeof(size), "%lld", self->reserve);
		EXPECT_EQ(0, ndshm_write_file(RESERVE, size));
	}
}

static unsigned long rounds(void)
{
	return ndshm_rounds(10000, 200);
}

/* Count in turns: each waits for the other, so that every round sleeps and wakes. */
static bool count_in_turns(struct shared *shared, unsigned int own)
{
	unsigned long round;

	for (round = 0; round < rounds(); round++) {
		if (pthread_mutex_lock(&shared->mutex))
			return false;
		while (shared->turn != own)
			if (pthread_cond_wait(&shared->changed, &shared->mutex))
				return false;
		shared->turn = !own;
		shared->counts[TURNS]++;
		if (pthread_cond_signal(&shared->changed) || pthread_mutex_unlock(&shared->mutex))
			return false;
	}
	return true;
}

static bool count_with(pthread_mutex_t *mutex, unsigned long *count)
{
	unsigned long round;

	for (round = 0; round < rounds(); round++) {
		if (pthread_mutex_lock(mutex))
			return false;
		++*count;
		if (pthread_mutex_unlock(mutex))
			return false;
	}
	return true;
}

static bool pass(sem_t *from, sem_t *to, unsigned long *count)
{
	unsigned long round;

	for (round = 0; round < rounds(); round++) {
		if (sem_wait(from))
			return false;
		++*count;
		if (sem_post(to))
			return false;
	}
	return true;
}

static bool meet(struct shared *shared)
{
	unsigned long round;
	int ret;

	for (round = 0; round < rounds() / 10; round++) {
		ret = pthread_barrier_wait(&shared->barrier);
		if (ret && ret != PTHREAD_BARRIER_SERIAL_THREAD)
			return false;
	}
	return true;
}

/* Both processes do the same, the child as number 1. */
static bool work(struct shared *shared, unsigned int number)
{
	sem_t *semaphores[] = { &shared->free, &shared->filled };

	return count_in_turns(shared, number) &&
	       count_with(&shared->mutex, &shared->counts[MUTEX]) &&
	       count_with(&shared->robust, &shared->counts[ROBUST]) &&
	       count_with(&shared->inheriting, &shared->counts[INHERITING]) &&
	       pass(semaphores[number], semaphores[!number], &shared->counts[SEMAPHORES]) &&
	       meet(shared);
}

TEST_F_TIMEOUT(locks, two_processes, 300)
{
	unsigned int phase;
	pid_t child;
	bool done;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(!work(self->shared, 1));
	ndshm_case(true);
	done = work(self->shared, 0);
	EXPECT_TRUE(done);
	if (!done)
		kill(child, SIGKILL);
	EXPECT_TRUE(ndshm_reap(child));
	for (phase = 0; phase < PHASES; phase++) {
		EXPECT_EQ(2 * rounds(), self->shared->counts[phase])
			TH_LOG("phase %u", phase);
	}
	close(peer);
}

static long futex(void *word, int operation, unsigned int value, const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

/* Return: true if the process sleeps in futex(2). */
static bool waits(pid_t pid)
{
	char path[32], text[128];

	snprintf(path, sizeof(path), "/proc/%d/syscall", pid);
	return !ndshm_read_file(path, text, sizeof(text)) && atol(text) == SYS_futex &&
	       isdigit(*text);
}

struct waiter {
	pthread_mutex_t *mutex;
	atomic_int thread;
	int result;
};

static void *lock_mutex(void *context)
{
	struct waiter *waiter = context;

	waiter->thread = syscall(SYS_gettid);
	waiter->result = pthread_mutex_lock(waiter->mutex);
	return NULL;
}

/* The kernel hands a robust mutex of a process that was killed to the one that waits for it. */
TEST_F(locks, owner_died)
{
	struct waiter waiter = { .mutex = &self->shared->robust };
	pthread_t thread;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		if (pthread_mutex_lock(waiter.mutex) || !ndshm_signal_peer(peer))
			_exit(1);
		pause();
	}
	ndshm_case(true);
	ASSERT_TRUE(ndshm_hear(peer));
	ASSERT_EQ(0, pthread_create(&thread, NULL, lock_mutex, &waiter));
	EXPECT_TRUE(ndshm_soon(waiter.thread && waits(waiter.thread)));
	EXPECT_EQ(0, kill(child, SIGKILL));
	EXPECT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(EOWNERDEAD, waiter.result);
	EXPECT_EQ(child, waitpid(child, NULL, 0));
	close(peer);
}

/* A wake-up at one place must reach no waiter at another place of the object. */
TEST_F(locks, places)
{
	static const size_t others[] = { 0, 4096, HUGE, HUGE + 4096, 2 * HUGE, LENGTH - 4096 };
	unsigned int *word = &self->shared->turn;
	const struct timespec limit = { .tv_sec = 60 };
	size_t offset;
	unsigned int i;
	pid_t child;
	int peer;

	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child)
		_exit(futex(word, FUTEX_WAIT, 0, &limit) ? 1 : 0);
	ndshm_case(true);
	ASSERT_TRUE(ndshm_soon(waits(child)));
	offset = (unsigned char *)word - self->map;
	for (i = 0; i < ARRAY_SIZE(others); i++)
		if (others[i] < self->length && others[i] / page_size() != offset / page_size())
			EXPECT_EQ(0, futex(self->map + others[i] + offset % 4096, FUTEX_WAKE, 1,
					   NULL))
				TH_LOG("a wake-up at %#zx reaches %#zx", others[i], offset);
	EXPECT_TRUE(waits(child));
	EXPECT_EQ(1, futex(word, FUTEX_WAKE, 1, NULL));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

/* As on a file: data is where it is. */
TEST_F(locks, synchronised)
{
	ndshm_case(true);
	EXPECT_EQ(0, msync(self->map, self->length, MS_SYNC));
	EXPECT_EQ(0, msync(self->map, self->length, MS_ASYNC));
	if (self->fd < 0)
		return;
	EXPECT_EQ(0, fsync(self->fd));
	EXPECT_EQ(0, fdatasync(self->fd));
	EXPECT_EQ((off_t)self->length, lseek(self->fd, 0, SEEK_END));
	EXPECT_EQ(0, lseek(self->fd, 0, SEEK_SET));
}

/*
 * A page that is pinned outlives its file, to which it must not refer then. The kernel shows that
 * only by the mark as modified, which the module sets and clears with the reference.
 */
#define MARKED(frame)	ndshm_folio_has(frame, KPF_DIRTY)

static unsigned long long frame_of(const void *memory)
{
	return ndshm_physical(memory) / page_size();
}

static void end_object(struct _test_data_locks *self)
{
	munmap(self->map, self->length);
	if (self->fd >= 0)
		close(self->fd);
	self->fd = -1;
	close(self->client);
	/* For the teardown. */
	self->client = ndshm_open();
	self->map = mmap(NULL, self->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

TEST_F(locks, pinned)
{
	unsigned long long frame;
	int ends[2];

	ndshm_case(true);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_TRUE(ndshm_put_into_pipe(ends[1], self->shared, sizeof(*self->shared)));
	frame = frame_of(self->shared);
	EXPECT_TRUE(geteuid() || MARKED(frame));
	end_object(self);
	EXPECT_TRUE(geteuid() || ndshm_soon(!MARKED(frame)));
	close(ends[0]);
	close(ends[1]);
}

FIXTURE(alone) {
	int client;
	__u32 adapter;
};

FIXTURE_SETUP(alone)
{
	struct ndshm_get_info_args info = get_info_request();

	self->client = ndshm_open();
	ASSERT_LE(0, self->client);
	test_get_info(self->client, &info);
	self->adapter = info.out_default_adapter;
}

FIXTURE_TEARDOWN(alone)
{
	close(self->client);
}

/* Revoked while a task that faults holds the lock of the page, for longer than the module waits. */
TEST_F(alone, revoked_in_fault)
{
	struct ndshm_section_delete_args request = section_delete_request(NDSHM_DELETE_REVOKE, -1);
	int section, ends[2], peer;
	unsigned long long frame;
	unsigned char *map;
	pid_t child;

	if (geteuid() || ndshm_read_number(DELAYING) < 0)
		SKIP(return, "the module is not a test build");
	section = test_new_section(self->client, self->adapter, HUGE, HUGE);
	map = test_map_section(section, HUGE);
	ASSERT_EQ(0, pipe(ends));
	ASSERT_TRUE(ndshm_put_into_pipe(ends[1], map, 1));
	frame = frame_of(map);
	EXPECT_TRUE(MARKED(frame));
	ASSERT_EQ(0, ndshm_write_file(FAULT_DELAY, "3000"));
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		ndshm_readable(map);
		_exit(0);
	}
	EXPECT_TRUE(ndshm_soon(ndshm_read_number(DELAYING) == 1));
	test_section_delete(section, &request);
	/* Otherwise the fault had ended before. */
	EXPECT_EQ(1, ndshm_read_number(DELAYING));
	EXPECT_TRUE(MARKED(frame));
	EXPECT_EQ(0, ndshm_write_file(FAULT_DELAY, "0"));
	EXPECT_TRUE(ndshm_reap(child));
	EXPECT_TRUE(ndshm_soon(!MARKED(frame)));
	close(ends[0]);
	close(ends[1]);
	close(peer);
	munmap(map, HUGE);
	close(section);
}

static atomic_int waiter;

static void *wait_for_word(void *word)
{
	const struct timespec limit = { .tv_sec = 60 };

	waiter = syscall(SYS_gettid);
	futex(word, FUTEX_WAIT, 0, &limit);
	return NULL;
}

/*
 * A file of the client goes from one block to the next one: who waited in the first block, in a
 * mapping that has ended, must take no wake-up of the second one.
 */
TEST_F(alone, next_block)
{
	struct ndshm_block_info blocks[2];
	unsigned int *words[2], i;
	pid_t child;
	int peer;

	blocks[0] = test_new_block(self->client, self->adapter, 4096);
	words[0] = test_map_block(self->client, &blocks[0]);
	/* Touched, so that the child waits in a page that is mapped. */
	*words[0] = 0;
	child = ndshm_fork(&peer);
	ASSERT_LE(0, child);
	if (!child) {
		pthread_t thread;

		/* The mapping ends while the thread waits. */
		if (pthread_create(&thread, NULL, wait_for_word, words[0]))
			_exit(1);
		if (!ndshm_soon(waiter && waits(waiter)))
			_exit(1);
		munmap(words[0], 4096);
		close(self->client);
		ndshm_signal_peer(peer);
		/* The parent has tried to wake it. */
		ndshm_hear(peer);
		_exit(!waits(waiter));
	}
	ndshm_case(true);
	ASSERT_TRUE(ndshm_hear(peer));
	munmap(words[0], 4096);
	test_free_handle(self->client, blocks[0].handle);
	blocks[1] = test_new_block(self->client, self->adapter, 4096);
	words[1] = test_map_block(self->client, &blocks[1]);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(0, futex(words[1], FUTEX_WAKE, 1, NULL));
	EXPECT_TRUE(ndshm_signal_peer(peer));
	EXPECT_TRUE(ndshm_reap(child));
	close(peer);
}

int main(int argc, char **argv)
{
	return ndshm_main(argc, argv);
}
