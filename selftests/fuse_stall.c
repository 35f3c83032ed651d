// SPDX-License-Identifier: GPL-2.0
/*
 * A process whose mmap lock is held while one of its threads waits for a page
 * of a FUSE file system that does not answer. Another thread may wait to take
 * the lock for writing. Whatever the process does, when the claim ends in any
 * way the kernel must stop the device and unmap the memory within two seconds.
 *
 * An ordinary page fault usually drops the lock while it waits. A fault that
 * the kernel takes on behalf of a process, here through /proc/self/mem, does
 * not.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ndshm_clock.h"
#include "ndshm_edu.h"
#include "ndshm_fuse.h"
#include "ndshm_probe.h"
#include "ndshm_proc.h"
#include "ndshm_test.h"

#define TIMEOUT		150	/* seconds: a failing test waits ten several times */
#define BOUND		2000	/* milliseconds until the claim must have ended */

/*
 * The processes: the test, which has the client open and observes; the stalled
 * process, which has the same client and mappings and whose mmap lock is held;
 * the driver, which keeps the device busy until its registers are unmapped; and
 * the process that unbinds.
 */
FIXTURE(stall) {
	struct ndshm_edu edu;
	struct ndshm_fuse fuse;
	__u64 locked;		/* charged to this user before the test */
	int lived;		/* live blocks of all clients before the test */
	int fd;
	struct ndshm_adapter_map_bar_args registers;
	struct ndshm_block_info block;
	unsigned char *memory;
	unsigned char *bar;
	pid_t stalled;
	int to_stalled;
	pid_t driver;
	pid_t unbinder;
};

/*
 * @closes: the claim ends by the last close instead of by unbinding
 * @killed: the stalled process is killed first, and cannot exit
 * @writer: one of its threads waits to take the lock for writing
 */
FIXTURE_VARIANT(stall) {
	bool closes;
	bool killed;
	bool writer;
};

FIXTURE_VARIANT_ADD(stall, unbind) { .closes = false };
FIXTURE_VARIANT_ADD(stall, unbind_killed) { .killed = true };
FIXTURE_VARIANT_ADD(stall, unbind_writer) { .writer = true };
FIXTURE_VARIANT_ADD(stall, close) { .closes = true };
FIXTURE_VARIANT_ADD(stall, close_writer) { .closes = true, .writer = true };

static void map_both(struct __test_metadata *_metadata,
		     struct _test_data_stall *self)
{
	self->memory = test_map_block(self->fd, &self->block);
	self->bar = mmap(NULL, self->registers.out_length,
			 PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
			 self->registers.out_mmap_offset);
	ASSERT_NE(MAP_FAILED, self->bar);
}

static void claim_and_map(struct __test_metadata *_metadata,
			  struct _test_data_stall *self)
{
	const __u32 adapter = self->edu.adapter.id;
	struct ndshm_adapter_start_args start = adapter_start_request(adapter);

	self->fd = ndshm_open();
	ASSERT_LE(0, self->fd);
	test_adapter_claim(self->fd, self->edu.adapter.name, EDU_WIDTH);
	self->registers = adapter_map_bar_request(adapter, 0);
	test_adapter_map_bar(self->fd, &self->registers);
	self->block = test_new_block(self->fd, adapter, page_size());
	map_both(_metadata, self);
	/* edu has no reset: a transfer of an earlier test may still be running. */
	ASSERT_TRUE(ndshm_edu_is_idle(self->bar));
	test_adapter_start(self->fd, &start);
}

/* Check DMA: copy the block's content to the device, and back. */
static bool dma_works(struct _test_data_stall *self)
{
	fill_pattern(self->memory, EDU_MOST, 1);
	if (!ndshm_edu_to_device(self->bar, self->block.address, EDU_MOST))
		return false;
	memset(self->memory, 0, EDU_MOST);
	return ndshm_edu_from_device(self->bar, self->block.address,
				     EDU_MOST) &&
	       has_pattern(self->memory, EDU_MOST, 1);
}

/*
 * The stalled process
 */

static char *page;		/* of the FUSE file */
static sem_t may_queue;
static int writer;		/* id of the thread that waits for the lock */

/*
 * pread() makes the kernel fault the page in with this process's mmap lock held
 * for reading.
 */
static void *read_page(void *result)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	char byte = 0;

	*(bool *)result = pread(fd, &byte, 1, (off_t)(uintptr_t)page) == 1 &&
			  byte == NDSHM_FUSE_BYTE;
	close(fd);
	return NULL;
}

/* mmap() takes the lock for writing. */
static void *want_lock(void *result)
{
	void *map;

	__atomic_store_n(&writer, syscall(SYS_gettid), __ATOMIC_RELEASE);
	sem_wait(&may_queue);
	map = mmap(NULL, page_size(), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	*(bool *)result = map != MAP_FAILED;
	return NULL;
}

/*
 * Obey commands: 'w': wait for the lock; 'c': close the client; 'e': exit.
 * Everything that needs the lock, including page faults, must be done before.
 */
static void be_stalled(struct __test_metadata *_metadata,
		       struct _test_data_stall *self, int peer)
{
	bool has_read = false, has_mapped = false;
	pthread_t reader, mapper;
	int file, id;
	char word;

	ndshm_fuse_leave(&self->fuse);
	ASSERT_EQ(0, sem_init(&may_queue, 0, 0));
	ASSERT_EQ(0, pthread_create(&mapper, NULL, want_lock, &has_mapped));
	while (!(id = __atomic_load_n(&writer, __ATOMIC_ACQUIRE)))
		sched_yield();
	/*
	 * Map here instead of inheriting, so that this process made the
	 * mappings to be revoked.
	 */
	map_both(_metadata, self);
	ASSERT_TRUE(ndshm_readable(self->bar));
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	file = ndshm_fuse_open(&self->fuse);
	ASSERT_LE(0, file);
	page = mmap(NULL, page_size(), PROT_READ, MAP_SHARED, file, 0);
	ASSERT_NE(MAP_FAILED, page);
	close(file);
	ASSERT_EQ(0, pthread_create(&reader, NULL, read_page, &has_read));

	while (recv(peer, &word, 1, 0) == 1 && word != 'e') {
		if (word == 'c') {
			close(self->fd);
			send(peer, &word, 1, 0);
		} else {
			sem_post(&may_queue);
			send(peer, &id, sizeof(id), 0);
		}
	}
	pthread_join(reader, NULL);
	pthread_join(mapper, NULL);
	_exit(has_read && has_mapped ? 0 : 1);
}

/* Start the writer. Return: true if it blocks, which proves that the lock is held. */
static bool has_to_queue(struct _test_data_stall *self)
{
	char path[64], stat[256], *state;
	int id;

	if (send(self->to_stalled, "w", 1, 0) != 1 ||
	    !ndshm_soon(recv(self->to_stalled, &id, sizeof(id),
			     MSG_DONTWAIT) == sizeof(id)))
		return false;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", self->stalled,
		 id);
	return ndshm_soon(!ndshm_read_file(path, stat, sizeof(stat)) &&
			  (state = strrchr(stat, ')')) && state[2] == 'D');
}

/*
 * The other processes
 */

static void be_driver(struct _test_data_stall *self, int peer)
{
	ndshm_fuse_leave(&self->fuse);
	/* The stalled process must do the last close, not the driver. */
	close(self->fd);
	ndshm_signal_peer(peer);
	for (;;)
		ndshm_edu_from_device(self->bar, self->block.address, EDU_MOST);
}

static void be_unbinder(struct _test_data_stall *self)
{
	ndshm_fuse_leave(&self->fuse);
	_exit(ndshm_pci_unbind(&self->edu.pci) ? 1 : 0);
}

/*
 * Return: true if within ten seconds @signal killed the process or, if @signal is 0, the process
 * exited with status 0.
 */
static bool is_gone(pid_t *pid, int signal)
{
	int status;

	if (!ndshm_soon(waitpid(*pid, &status, WNOHANG) == *pid))
		return false;
	*pid = 0;
	return signal ? WIFSIGNALED(status) && WTERMSIG(status) == signal :
			WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Start the operation that ends the claim. */
static void begin_end(struct __test_metadata *_metadata,
		      struct _test_data_stall *self, bool closes)
{
	int peer;

	if (closes) {
		/* The stalled process has the last descriptor. */
		close(self->fd);
		self->fd = -1;
		ASSERT_EQ(1, send(self->to_stalled, "c", 1, 0));
		return;
	}
	self->unbinder = ndshm_fork(&peer);
	ASSERT_LE(0, self->unbinder);
	if (!self->unbinder)
		be_unbinder(self);
	close(peer);
}

/* Return: true if that operation completes within ten seconds. */
static bool has_ended(struct _test_data_stall *self, bool closes)
{
	char word;

	return closes ? ndshm_soon(recv(self->to_stalled, &word, 1,
					MSG_DONTWAIT) == 1) :
			is_gone(&self->unbinder, 0);
}

static int live_blocks(struct _test_data_stall *self)
{
	struct ndshm_nl_block block;

	return ndshm_nl_blocks(&self->edu.nl, &block, 1);
}

FIXTURE_SETUP(stall)
{
	int error;

	if (geteuid())
		SKIP(return, "only root can bind functions");
	if (ndshm_edu_find(&self->edu))
		SKIP(return, "no edu device");
	error = ndshm_fuse_start(&self->fuse);
	if (error == -ENODEV)
		SKIP(return, "the kernel has no FUSE");
	ASSERT_EQ(0, error);
	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
	self->locked = test_user_locked();
	self->lived = live_blocks(self);
	ASSERT_LE(0, self->lived);
	claim_and_map(_metadata, self);
	ASSERT_TRUE(dma_works(self));

	self->stalled = ndshm_fork(&self->to_stalled);
	ASSERT_LE(0, self->stalled);
	if (!self->stalled)
		be_stalled(_metadata, self, self->to_stalled);
	ASSERT_TRUE(ndshm_fuse_has_read(&self->fuse));
}

FIXTURE_TEARDOWN(stall)
{
	/* Also releases the processes that a failed test left waiting. */
	ndshm_fuse_stop(&self->fuse);
	if (self->driver)
		kill(self->driver, SIGKILL);
	if (self->stalled)
		kill(self->stalled, SIGKILL);
	while (wait(NULL) > 0)
		;
	close(self->to_stalled);
	close(self->fd);
	EXPECT_EQ(0, ndshm_edu_restore(&self->edu));
}

TEST_F_TIMEOUT(stall, dma_ends, TIMEOUT)
{
	struct ndshm_clock begin;
	long long took;
	int peer;

	if (variant->killed)
		ASSERT_EQ(0, kill(self->stalled, SIGKILL));
	if (variant->writer)
		ASSERT_TRUE(has_to_queue(self));
	self->driver = ndshm_fork(&peer);
	ASSERT_LE(0, self->driver);
	if (!self->driver)
		be_driver(self, peer);
	ASSERT_TRUE(ndshm_hear(peer));
	close(peer);
	begin = ndshm_clock_now();
	begin_end(_metadata, self, variant->closes);

	/* The end of the claim must not wait for the stalled process. */
	EXPECT_TRUE(has_ended(self, variant->closes));
	took = ndshm_clock_ran_ms(begin);
	EXPECT_GE(BOUND, took)
		TH_LOG("%lld ms", took);
	test_sigbus(self->memory);
	EXPECT_EQ(self->locked, test_user_locked());
	/* The registers are unmapped and the device can no longer do DMA. */
	EXPECT_TRUE(is_gone(&self->driver, SIGBUS));
	test_sigbus(self->bar);
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));
	/* The lock must still be held, otherwise the test proved nothing. */
	if (!variant->killed && !variant->writer)
		EXPECT_TRUE(has_to_queue(self));
	EXPECT_EQ(0, waitpid(self->stalled, NULL, WNOHANG));

	ASSERT_TRUE(ndshm_fuse_answer(&self->fuse));
	test_sigbus(self->memory);
	send(self->to_stalled, "e", 1, MSG_NOSIGNAL);
	EXPECT_TRUE(is_gone(&self->stalled, variant->killed ? SIGKILL : 0));
	EXPECT_FALSE(ndshm_pci_is_master(&self->edu.pci));

	/* No charge or block may be left, and the device must work again. */
	close(self->fd);
	munmap(self->memory, self->block.length);
	munmap(self->bar, self->registers.out_length);
	EXPECT_EQ(self->locked, test_user_locked());
	EXPECT_EQ(self->lived, live_blocks(self));
	ASSERT_EQ(0, ndshm_edu_rebind(&self->edu));
	claim_and_map(_metadata, self);
	EXPECT_TRUE(dma_works(self));
}

int main(int argc, char **argv)
{
	return ndshm_clock_start() ? ndshm_main(argc, argv) : KSFT_FAIL;
}
