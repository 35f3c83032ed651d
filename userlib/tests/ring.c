// SPDX-License-Identifier: GPL-2.0
/*
 * Rings. LONG=1: 10,000 processes are killed, and at every instruction.
 */
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include <ndshm/ring.h>

#include "ring_internal.h"
#include "test.h"

/* Processes with rings of other library versions share this layout. */
_Static_assert(sizeof(struct ring_shared) == 320, "start of the file");
_Static_assert(offsetof(struct ring_shared, tail) == 64, "tail");
_Static_assert(offsetof(struct ring_shared, head) == 128, "head");
_Static_assert(offsetof(struct ring_shared, not_full) == 192, "not_full");
_Static_assert(offsetof(struct ring_shared, not_empty) == 256, "not_empty");
_Static_assert(offsetof(struct ring_shared, armed) == 264, "armed");
_Static_assert(offsetof(struct ring_cell, bytes) == 16, "contents");

static struct ndshm_ring *ring;

static bool open_ring(uint32_t capacity, uint32_t message_bytes)
{
	return CHECK(!ndshm_ring_create(capacity, message_bytes, &ring));
}

#define RING_TEST(name, capacity, message_bytes) \
	TEST_WITHIN(name, open_ring(capacity, message_bytes), ndshm_ring_close(ring))

static int put(uint64_t number)
{
	return ndshm_ring_send(ring, &number, sizeof(number), 0);
}

/* Return the number of the oldest message, or a negative errno. */
static int64_t get(void)
{
	uint64_t number = 0;
	size_t length;
	int error = ndshm_ring_receive(ring, &number, sizeof(number), &length, 0);

	return error ? error : (int64_t)number;
}

/* The empty ring holds as many messages as it should, so no cell is lost. */
static bool is_whole(void)
{
	uint32_t capacity = ndshm_ring_capacity(ring);

	for (uint32_t i = 0; i < capacity; i++)
		if (!CHECK(!put(i)))
			return false;
	if (!CHECK(put(0) == -EAGAIN))
		return false;
	for (uint32_t i = 0; i < capacity; i++)
		if (!CHECK(get() == i))
			return false;
	return CHECK(get() == -EAGAIN);
}

RING_TEST(bad_values_are_refused, 4, 8)
{
	struct ndshm_ring *none = (void *)1;
	int fds[2], fd;

	CHECK(ndshm_ring_create(0, 8, &none) == -EINVAL && !none);
	CHECK(ndshm_ring_create(8, 0, &none) == -EINVAL);
	CHECK(ndshm_ring_create(NDSHM_RING_CAPACITY_MAX + 1, 8, &none) == -EINVAL);
	CHECK(ndshm_ring_create(UINT32_MAX, 8, &none) == -EINVAL);
	CHECK(ndshm_ring_create(8, NDSHM_RING_MESSAGE_MAX + 1, &none) == -EINVAL);
	/* More than the address space of a 32-bit program has. */
	if (sizeof(size_t) < sizeof(uint64_t))
		CHECK(ndshm_ring_create(NDSHM_RING_CAPACITY_MAX, NDSHM_RING_MESSAGE_MAX, &none) ==
		      -EINVAL);
	none = (void *)1;
	CHECK(ndshm_ring_adopt(-1, &none) == -EBADF && !none);
	REQUIRE(!pipe2(fds, O_CLOEXEC));
	CHECK(ndshm_ring_adopt(fds[0], &none) == -EBADF);
	close(fds[0]);
	close(fds[1]);
	ndshm_ring_close(NULL);

	/* A file that is not sealed could be truncated, which is SIGBUS. */
	fd = memfd_create("ndshm-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	REQUIRE(fd >= 0 && !ftruncate(fd, ring->bytes));
	REQUIRE(pwrite(fd, ring->shared, ring->bytes, 0) == (ssize_t)ring->bytes);
	CHECK(ndshm_ring_adopt(fd, &none) == -EBADF);
	REQUIRE(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	CHECK(!ndshm_ring_adopt(fd, &none));
	ndshm_ring_close(none);
	/* Sizes that do not match the file's. */
	for (unsigned int i = 0; i < 4; i++) {
		const uint32_t sizes[4][2] = { { 1024, 8 }, { 4, 65536 }, { 3, 8 }, { 0, 0 } };

		REQUIRE(pwrite(fd, sizes[i], 8, offsetof(struct ring_shared, capacity)) == 8);
		CHECK(ndshm_ring_adopt(fd, &none) == -EBADF && !none);
	}
	close(fd);
}

/* A file without all of its memory needs more at an access, which may not be there. */
RING_TEST(missing_memory_is_refused, 64, 4096)
{
	struct ndshm_ring *none;
	int fd = memfd_create("ndshm-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	REQUIRE(fd >= 0 && !ftruncate(fd, ring->bytes));
	REQUIRE(pwrite(fd, ring->shared, 4096, 0) == 4096);
	REQUIRE(!fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL));
	CHECK(ndshm_ring_adopt(fd, &none) == -EBADF);
	CHECK(!fallocate(fd, 0, 0, ring->bytes) && !ndshm_ring_adopt(fd, &none));
	ndshm_ring_close(none);
	close(fd);
}

RING_TEST(messages_are_in_order, 3, 100)
{
	char big[100], buffer[100];
	size_t length;

	CHECK(ndshm_ring_capacity(ring) == 4 && ndshm_ring_message_bytes(ring) == 100);
	for (unsigned int lap = 0; lap < 1000; lap++) {
		CHECK(get() == -EAGAIN);
		for (uint64_t i = 0; i < 4; i++)
			CHECK(!put(10 * lap + i));
		CHECK(put(1) == -EAGAIN);
		for (uint64_t i = 0; i < 1 + lap % 4; i++)
			CHECK(get() == (int64_t)(10 * lap + i));
		for (uint64_t i = 0; i < 1 + lap % 4; i++)
			CHECK(!put(10 * lap + 4 + i));
		for (uint64_t i = 1 + lap % 4; i < 5 + lap % 4; i++)
			CHECK(get() == (int64_t)(10 * lap + i));
	}
	memset(big, 7, sizeof(big));
	CHECK(ndshm_ring_send(ring, big, 101, -1) == -EMSGSIZE);
	CHECK(!ndshm_ring_send(ring, big, 100, -1));
	CHECK(!ndshm_ring_send(ring, NULL, 0, -1));
	CHECK(ndshm_ring_receive(ring, buffer, 99, &length, -1) == -EMSGSIZE && length == 100);
	CHECK(!ndshm_ring_receive(ring, buffer, 100, &length, -1) && length == 100);
	CHECK(!memcmp(big, buffer, 100));
	CHECK(!ndshm_ring_receive(ring, NULL, 0, &length, -1) && !length);
}

static int64_t milliseconds(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void *send_later(void *argument)
{
	usleep(150000);
	CHECK(!put(7));
	return argument;
}

static void on_signal(int number)
{
	(void)number;
}

RING_TEST(waits_end, 1, 8)
{
	const struct itimerval timer = { { 0, 170000 }, { 0, 170000 } }, none = { { 0, 0 }, { 0, 0 } };
	const struct sigaction action = { .sa_handler = on_signal };
	int64_t start = milliseconds();
	pthread_t thread;
	uint64_t number;
	size_t length = 1;

	CHECK(ndshm_ring_receive(ring, &number, 8, &length, 250) == -ETIMEDOUT && !length);
	CHECK(milliseconds() - start >= 250 && milliseconds() - start < 5000);
	REQUIRE(!pthread_create(&thread, NULL, send_later, NULL));
	CHECK(!ndshm_ring_receive(ring, &number, 8, &length, -1) && length == 8 && number == 7);
	pthread_join(thread, NULL);
	CHECK(!put(1));
	CHECK(ndshm_ring_send(ring, &number, 8, 120) == -ETIMEDOUT);
	REQUIRE(!sigaction(SIGALRM, &action, NULL));
	/* Repeated: a signal while the call does not sleep has no effect. */
	REQUIRE(!setitimer(ITIMER_REAL, &timer, NULL));
	CHECK(ndshm_ring_send(ring, &number, 8, -1) == -EINTR);
	REQUIRE(!setitimer(ITIMER_REAL, &none, NULL));
	signal(SIGALRM, SIG_DFL);
}

TEST(it_can_be_polled)
{
	int fd = eventfd(0, EFD_CLOEXEC), other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct pollfd poll_fd = { .fd = other, .events = POLLIN };
	uint64_t count;
	int pair[2];

	REQUIRE(fd >= 0 && other >= 0 && open_ring(4, 8));
	CHECK(ndshm_ring_set_eventfd(ring, fd) == -EINVAL);
	/* A peer could have it closed at the other end: SIGPIPE. */
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
	CHECK(ndshm_ring_set_eventfd(ring, pair[0]) == -EINVAL);
	close(pair[0]);
	close(pair[1]);
	CHECK(ndshm_ring_set_eventfd(ring, pair[0]) == -EBADF);
	CHECK(!ndshm_ring_set_eventfd(ring, other));
	CHECK(!put(1) && !poll(&poll_fd, 1, 0));
	CHECK(ndshm_ring_arm(ring) == -EBUSY);
	CHECK(get() == 1 && !ndshm_ring_arm(ring));
	CHECK(!poll(&poll_fd, 1, 0) && !put(2) && poll(&poll_fd, 1, 0) == 1);
	CHECK(read(other, &count, 8) == 8 && count == 1);
	CHECK(!put(3) && !poll(&poll_fd, 1, 0));
	CHECK(get() == 2 && get() == 3 && !ndshm_ring_arm(ring));
	CHECK(!ndshm_ring_set_eventfd(ring, -1) && !put(4) && !poll(&poll_fd, 1, 0));
	ndshm_ring_close(ring);
	close(fd);
	close(other);
}

/*
 * Threads
 */

#define THREADS		3
#define EACH		20000
#define STOP		UINT64_MAX

static atomic_uchar received[THREADS][EACH];
static atomic_uint disordered;

static void *send_all(void *argument)
{
	const uint64_t thread = (uintptr_t)argument;

	for (uint64_t i = 0; i < EACH; i++) {
		uint64_t number = thread << 32 | i;

		if (ndshm_ring_send(ring, &number, sizeof(number), -1))
			disordered++;
	}
	return NULL;
}

static void *receive_all(void *argument)
{
	int64_t last[THREADS] = { -1, -1, -1 };

	for (;;) {
		uint64_t number;
		size_t length;

		if (ndshm_ring_receive(ring, &number, sizeof(number), &length, -1) || length != 8) {
			disordered++;
			break;
		}
		if (number == STOP)
			break;
		if (number >> 32 >= THREADS || (uint32_t)number >= EACH)
			disordered++;
		else if ((uint32_t)number <= last[number >> 32] ||
			 received[number >> 32][(uint32_t)number]++)
			disordered++;
		last[number >> 32] = (uint32_t)number;
	}
	return argument;
}

RING_TEST(threads_lose_nothing, 16, 8)
{
	pthread_t senders[THREADS], receivers[THREADS];
	unsigned int all = 0;

	memset(received, 0, sizeof(received));
	for (uintptr_t i = 0; i < THREADS; i++) {
		REQUIRE(!pthread_create(&senders[i], NULL, send_all, (void *)i));
		REQUIRE(!pthread_create(&receivers[i], NULL, receive_all, NULL));
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(senders[i], NULL);
	for (int i = 0; i < THREADS; i++)
		CHECK(!ndshm_ring_send(ring, &(uint64_t){ STOP }, 8, -1));
	for (int i = 0; i < THREADS; i++)
		pthread_join(receivers[i], NULL);
	for (int i = 0; i < THREADS * EACH; i++)
		all += received[i / EACH][i % EACH];
	CHECK(all == THREADS * EACH && !disordered);
	CHECK(is_whole());
}

/*
 * Processes
 */

RING_TEST(members_are_limited, 4, 8)
{
	static struct ndshm_ring *others[RING_MEMBERS];
	struct ndshm_ring *more;

	for (unsigned int i = 1; i < RING_MEMBERS; i++)
		REQUIRE(!ndshm_ring_adopt(ndshm_ring_fd(ring), &others[i]));
	CHECK(ndshm_ring_adopt(ndshm_ring_fd(ring), &more) == -EUSERS && !more);
	ndshm_ring_close(others[100]);
	CHECK(!ndshm_ring_adopt(ndshm_ring_fd(ring), &others[100]));
	CHECK(!ndshm_ring_send(others[100], "1234567", 8, 0) && get() > 0);
	for (unsigned int i = 1; i < RING_MEMBERS; i++)
		ndshm_ring_close(others[i]);
}

TEST(a_child_is_a_member)
{
	unsigned int number;
	pid_t pid;

	REQUIRE(open_ring(4, 8));
	CHECK(!put(1));
	number = ring->member->number;
	pid = fork();
	if (!pid) {
		if (get() != 1 || put(2) || ring->member->number == number)
			_exit(1);
		ndshm_ring_close(ring);
		_exit(0);
	}
	CHECK(!test_wait(pid));
	CHECK(get() == 2 && ring->member->number == number);
	CHECK(is_whole());
	ndshm_ring_close(ring);
}

/*
 * Start a process that executes @operation when it is continued, followed by SIGUSR2, which
 * stops it if it is traced.
 */
static pid_t start_traced(void (*operation)(void))
{
	struct ring_member *member;
	pid_t pid = fork();
	int status;

	if (pid)
		return CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) ? pid : -1;
	/* Otherwise most instructions are those that join. */
	if (ndshm__ring_join(ring, &member))
		_exit(1);
	signal(SIGUSR2, SIG_IGN);
	ptrace(PTRACE_TRACEME, 0, 0, 0);
	raise(SIGSTOP);
	operation();
	raise(SIGUSR2);
	_exit(0);
}

/* Execute up to @steps instructions of the operation. Returns the number executed. */
static unsigned long step(pid_t pid, unsigned long steps)
{
	int status;

	for (unsigned long i = 0; i < steps; i++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) != pid)
			return i;
		if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return i;
	}
	return steps;
}

static void kill_and_reap(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	waitpid(pid, &status, __WALL);
}

/* Return: the number of instructions of the operation, or 0 on failure. Empties the ring. */
static unsigned long steps_of(void (*operation)(void))
{
	pid_t pid = start_traced(operation);
	unsigned long steps;

	if (pid < 0)
		return 0;
	steps = step(pid, 1000000);
	kill_and_reap(pid);
	while (get() > 0)
		;
	return CHECK(steps > 100 && steps < 1000000) ? steps : 0;
}

static void all_cells_are_recovered(void)
{
	ndshm__ring_recover_all(ring, ring->member);
	for (uint32_t i = 0; i < ring->cell_count; i++)
		CHECK(ndshm__ring_state(ndshm__ring_cell(ring, i)->owner) == RING_FREE);
}

/* Send a message in a certain cell, which is free. */
static void put_in(uint32_t cell, uint64_t number)
{
	ring->next_cell = cell;
	CHECK(!put(number));
	CHECK(ring->next_cell == cell + 1);
}

/* Send a message, and claim all free cells. */
static void claim_all(void)
{
	struct ring_member *member;

	if (put(2) || ndshm__ring_join(ring, &member))
		_exit(1);
	for (uint32_t i = 0; i < ring->cell_count; i++) {
		struct ring_cell *cell = ndshm__ring_cell(ring, i);

		if (ndshm__ring_state(cell->owner) == RING_FREE)
			cell->owner = ndshm__ring_owner(7, i % 2 ? RING_CLAIMED : RING_TAKEN,
							member->number);
	}
}

/*
 * Returns when the program runs, which lives until it is killed. Only its own output shows that
 * exec has closed all descriptors: the kernel closes one after the other.
 */
static pid_t execute(void (*before)(void))
{
	int fds[2];
	char byte;
	pid_t pid;

	if (!CHECK(!pipe2(fds, O_CLOEXEC)))
		return -1;
	pid = fork();
	if (!pid) {
		before();
		dup2(fds[1], STDOUT_FILENO);
		execlp("sh", "sh", "-c", "echo; exec sleep 60", NULL);
		_exit(1);
	}
	close(fds[1]);
	CHECK(read(fds[0], &byte, 1) == 1);
	close(fds[0]);
	return pid;
}

/*
 * A process sends a message and claims all free cells. While it lives the cells are its own, but
 * not when it has ended or executes another program: then it is no member any more.
 */
TEST(cells_of_the_dead_are_recovered)
{
	pid_t pid;

	for (int lives = 0; lives < 2; lives++) {
		REQUIRE(open_ring(4, 8));
		CHECK(!put(1));
		pid = lives ? execute(claim_all) : fork();
		if (!pid) {
			claim_all();
			pause();
		}
		while (ndshm__ring_state(ndshm__ring_cell(ring, ring->cell_count - 1)->owner) ==
		       RING_FREE)
			usleep(1000);
		CHECK(lives || put(3) == -EAGAIN);
		if (!lives)
			kill_and_reap(pid);
		CHECK(!put(3) && get() == 1 && get() == 2 && get() == 3);
		CHECK(!lives || !kill(pid, 0));
		CHECK(is_whole());
		all_cells_are_recovered();
		if (lives)
			kill_and_reap(pid);
		ndshm_ring_close(ring);
	}
}

/* Claim the last cell as a member that has ended, if it is free. */
static bool claim_as_ended(void)
{
	struct ring_cell *cell = ndshm__ring_cell(ring, ring->cell_count - 1);
	const unsigned int ended = (ring->member->number + 1) % RING_MEMBERS;

	if (ndshm__ring_state(cell->owner) != RING_FREE)
		return false;
	cell->owner = ndshm__ring_owner(7, RING_CLAIMED, ended);
	return true;
}

static atomic_bool waits;

static void *receive_nothing(void *timeout)
{
	uint64_t number;
	size_t length;

	while (waits)
		CHECK(ndshm_ring_receive(ring, &number, sizeof(number), &length,
					 *(int *)timeout) == -ETIMEDOUT);
	return NULL;
}

/* A waiting process examines the others once in 100 ms, no matter how long each wait is. */
TEST(cells_are_recovered_once_in_a_while)
{
	int timeouts[] = { 1000, 10 };
	pthread_t thread;

	for (unsigned int i = 0; i < 2; i++) {
		unsigned int recovered = 0;
		struct timespec start, end;
		double seconds;

		REQUIRE(open_ring(4, 8));
		waits = true;
		clock_gettime(CLOCK_MONOTONIC, &start);
		REQUIRE(!pthread_create(&thread, NULL, receive_nothing, &timeouts[i]));
		while (recovered < 4) {
			recovered += claim_as_ended();
			atomic_fetch_add(&ring->shared->not_empty.count, 1);
			syscall(SYS_futex, &ring->shared->not_empty.count, FUTEX_WAKE, 1);
			usleep(1000);
		}
		waits = false;
		CHECK(!pthread_join(thread, NULL));
		clock_gettime(CLOCK_MONOTONIC, &end);
		seconds = end.tv_sec - start.tv_sec + (end.tv_nsec - start.tv_nsec) / 1e9;
		/* The first claim is not a recovery. The first recovery may be at once. */
		CHECK(seconds >= (recovered - 2) * 0.1);
		ndshm__ring_recover_all(ring, ring->member);
		all_cells_are_recovered();
		ndshm_ring_close(ring);
	}
}

/* Locks of the description that processes pass to each other remain after all of them. */
RING_TEST(locks_of_others_do_not_stay, 4, 8)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	struct ndshm_ring *other;
	unsigned int locked = 0;

	for (unsigned int i = 0; i < RING_MEMBERS; i++) {
		lock.l_start = i;
		lock.l_pid = 0;
		locked += !fcntl(ndshm_ring_fd(ring), F_OFD_SETLK, &lock);
	}
	CHECK(locked == RING_MEMBERS - 1);
	CHECK(!ndshm_ring_adopt(ndshm_ring_fd(ring), &other));
	ndshm_ring_close(other);
}

static void fill(void)
{
	for (uint64_t i = 0; i < NDSHM_RING_CAPACITY_MAX; i++)
		if (put(i + 1))
			_exit(1);
	_exit(0);
}

/* Recover the messages of a dead process from all cells of a large ring, in @time of the CPU. */
static void recover_much(clock_t *time)
{
	struct ndshm_ring *other;
	clock_t before;
	pid_t pid;

	REQUIRE(open_ring(NDSHM_RING_CAPACITY_MAX, 8));
	pid = fork();
	if (!pid)
		fill();
	CHECK(!test_wait(pid));
	before = clock();
	CHECK(!ndshm_ring_adopt(ndshm_ring_fd(ring), &other));
	CHECK(put(1) == -EAGAIN);
	for (uint64_t i = 0; i < NDSHM_RING_CAPACITY_MAX; i++)
		CHECK(get() == (int64_t)i + 1);
	*time = clock() - before;
	all_cells_are_recovered();
	ndshm_ring_close(other);
	ndshm_ring_close(ring);
}

/* The others look at each cell once. On a busy machine one run may take longer: try three. */
TEST(much_is_recovered_in_time)
{
	clock_t time = CLOCKS_PER_SEC;

	for (int i = 0; i < 3 && time >= CLOCKS_PER_SEC && !test_bad; i++)
		recover_much(&time);
	CHECK(time < CLOCKS_PER_SEC);
}

/* The child of vfork() has the memory of its parent until it executes a program. */
RING_TEST(a_child_of_vfork_changes_nothing, 4, 8)
{
	unsigned int number;
	pid_t pid;

	CHECK(!put(1));
	number = ring->member->number;
	pid = vfork();
	if (!pid) {
		execlp("true", "true", NULL);
		_exit(1);
	}
	CHECK(!test_wait(pid));
	CHECK(get() == 1 && ring->member->number == number);
	CHECK(is_whole());
}

static void use_all(void)
{
	int64_t number = 0;
	size_t length;

	for (int i = 0; i < 4; i++)
		CHECK(!put(i));
	CHECK(ndshm_ring_send(ring, &number, 8, 20) == -ETIMEDOUT);
	for (int i = 0; i < 4; i++)
		CHECK(get() == i);
	CHECK(ndshm_ring_receive(ring, &number, 8, &length, 20) == -ETIMEDOUT);
}

static void open_and_close(void)
{
	struct ndshm_ring *other = NULL;

	CHECK(!ndshm_ring_adopt(ndshm_ring_fd(ring), &other));
	ndshm_ring_close(other);
	CHECK(!put(1));
}

/*
 * No call is a cancellation point, also not those that open and close descriptors or write to the
 * eventfd.
 */
TEST(a_cancelled_thread_ends_its_calls)
{
	int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t count;

	REQUIRE(event >= 0 && open_ring(4, 8));
	CHECK(test_cancelled(use_all) && is_whole());
	CHECK(!ndshm_ring_set_eventfd(ring, event) && !ndshm_ring_arm(ring));
	CHECK(test_cancelled(open_and_close));
	CHECK(read(event, &count, sizeof(count)) == sizeof(count) && get() == 1 && is_whole());
	ndshm_ring_close(ring);
	close(event);
}

static void send_third(void)
{
	if (put(3))
		_exit(1);
}

static void receive_first(void)
{
	if (get() != 1)
		_exit(1);
}

/* Number of points at which an operation is interrupted. */
static unsigned long points(unsigned long steps)
{
#ifdef __SANITIZE_THREAD__
	/* It has many more instructions, and one thread. */
	return 20;
#endif
	return getenv("LONG") ? steps : steps < 200 ? steps : 200;
}

static void kill_at_each_step(void (*operation)(void), int64_t first, int64_t last)
{
	const int64_t capacity = 16;
	unsigned long steps, seen[5] = { 0 };
	pid_t pid;

	REQUIRE(open_ring(capacity, 8));
	CHECK(!put(1) && !put(2));
	steps = steps_of(operation);
	REQUIRE(steps);
	for (unsigned long i = 0, all = points(steps); i < all; i++) {
		int64_t number, before = 0, count = 0, more = 10;

		put_in(5, 1);
		put_in(6, 2);
		pid = start_traced(operation);
		REQUIRE(pid > 0);
		step(pid, steps * i / all + i % 3);
		kill_and_reap(pid);
		/* What it has begun is completed by a receiver, a sender, or the recovery. */
		if (i % 3 == 2)
			ndshm__ring_recover_all(ring, ring->member);
		ring->next_cell = 5;
		while (i % 3 && !put(more))
			more++;
		for (; (number = get()) > 0; count++) {
			CHECK(number > before);
			before = number;
			if (number < 5)
				seen[number]++;
		}
		CHECK(number == -EAGAIN && before >= 2 && (i % 3 == 0 || count == capacity));
		REQUIRE(is_whole());
		all_cells_are_recovered();
	}
	printf("# %lu of %lu instructions; received %lu %lu %lu times\n", points(steps), steps,
	       seen[1], seen[2], seen[3]);
	CHECK(seen[2] == points(steps));
	/* The operation was complete before the last instructions, and not at the first. */
	CHECK(seen[first] > 0 && seen[first] < points(steps) && seen[last] == 0);
	ndshm_ring_close(ring);
}

CALL_TEST(a_sender_is_killed_anywhere, kill_at_each_step(send_third, 3, 4))
CALL_TEST(a_receiver_is_killed_anywhere, kill_at_each_step(receive_first, 1, 3))

/* Nobody waits for a process that is stopped, and it completes its operation afterwards. */
static void stop_at_each_step(void (*operation)(void), int64_t wanted)
{
	unsigned long steps, all;
	int status;
	pid_t pid;

	REQUIRE(open_ring(8, 8));
	CHECK(!put(1));
	steps = steps_of(operation);
	REQUIRE(steps);
	all = points(steps) / 2;
	for (unsigned long i = 0; i < all; i++) {
		unsigned int found = 0;
		int64_t number;

		CHECK(!put(1));
		pid = start_traced(operation);
		REQUIRE(pid > 0);
		step(pid, steps * i / all);
		for (int64_t j = 10; j < 40; j += 2) {
			CHECK(!put(j) && !put(j + 1));
			number = get();
			found += number == wanted;
			CHECK(number > 0);
			number = get();
			found += number == wanted;
			CHECK(number > 0);
		}
		ptrace(PTRACE_DETACH, pid, 0, 0);
		CHECK(waitpid(pid, &status, 0) == pid);
		/* A receiver may find that another one was faster. */
		CHECK(WIFEXITED(status) && (wanted != 3 || !WEXITSTATUS(status)));
		while ((number = get()) > 0)
			found += number == wanted;
		CHECK(wanted != 3 || found == 1);
		CHECK(wanted != 1 || found <= 1);
		REQUIRE(is_whole());
	}
	ndshm_ring_close(ring);
}

CALL_TEST(a_sender_is_stopped_anywhere, stop_at_each_step(send_third, 3))

static void receive_any(void)
{
	get();
}

CALL_TEST(a_receiver_is_stopped_anywhere, stop_at_each_step(receive_any, 1))

static void receive_and_report(void)
{
	int64_t number = get();

	_exit(number > 0 ? number : 100);
}

/* A receiver that is late must not take a later message that is in the same cell. */
RING_TEST(a_late_receiver_takes_the_oldest, 8, 8)
{
	unsigned long steps, all;
	int status;
	pid_t pid;

	CHECK(!put(1));
	steps = steps_of(receive_first);
	REQUIRE(steps);
	all = points(steps) < 200 ? points(steps) : steps / 2;
	for (unsigned long i = 0; i < all; i++) {
		bool taken;

		put_in(5, 1);
		pid = start_traced(receive_and_report);
		REQUIRE(pid > 0);
		step(pid, steps * i / all);
		taken = get() != 1;
		if (!taken) {
			put_in(6, 2);
			put_in(5, 3);
		}
		ptrace(PTRACE_DETACH, pid, 0, 0);
		CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		CHECK(WEXITSTATUS(status) == (taken ? 1 : 2));
		CHECK(get() == (taken ? -EAGAIN : 3));
	}
}

/*
 * Killed at random
 */

#define SENDERS		3
#define RECEIVERS	3
#define MOST		8000000u

/**
 * struct ledger - what the processes did; shared by them
 * @next: by sender, number of its next message; incremented before it is sent
 * @wrong: calls that failed, or messages that are damaged
 * @received: by sender and message, how often it was received
 * @done: by sender and message, whether the call has returned
 */
struct ledger {
	atomic_uint next[SENDERS];
	atomic_uint wrong;
	atomic_uchar received[SENDERS][MOST];
	atomic_uchar done[SENDERS][MOST];
};

static struct ledger *ledger;

struct message {
	uint64_t sender;
	uint64_t number;
	uint64_t check[6];
};

static void send_for_ever(unsigned int sender)
{
	for (;;) {
		struct message message = {
			.sender = sender,
			.number = atomic_fetch_add(&ledger->next[sender], 1),
		};

		if (message.number >= MOST)
			pause();
		for (int i = 0; i < 6; i++)
			message.check[i] = (message.number + i) * 0x9e3779b97f4a7c15;
		if (ndshm_ring_send(ring, &message, sizeof(message), -1))
			ledger->wrong++;
		ledger->done[sender][message.number] = 1;
		/* The ledger is limited. */
		if (message.number % 8 == 0)
			usleep(50);
	}
}

static int receive_one(int timeout)
{
	struct message message;
	size_t length;
	int error = ndshm_ring_receive(ring, &message, sizeof(message), &length, timeout);

	if (error)
		return error;
	if (length != sizeof(message) || message.sender >= SENDERS || message.number >= MOST) {
		ledger->wrong++;
		return 0;
	}
	for (int i = 0; i < 6; i++)
		if (message.check[i] != (message.number + i) * 0x9e3779b97f4a7c15)
			ledger->wrong++;
	ledger->received[message.sender][message.number]++;
	return 0;
}

static pid_t start(unsigned int number)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	alarm(600);
	if (number < SENDERS)
		send_for_ever(number);
	for (;;)
		if (receive_one(-1))
			ledger->wrong++;
}

TEST(processes_are_killed)
{
	unsigned long twice = 0, lost = 0, all = 0, receivers = 0;
	uint64_t state = 88172645463325252;
	unsigned int kills = getenv("LONG") ? 10000 : 400;
	pid_t pids[SENDERS + RECEIVERS];

	ledger = mmap(NULL, sizeof(*ledger), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	REQUIRE(ledger != MAP_FAILED && open_ring(64, sizeof(struct message)));
	for (unsigned int i = 0; i < SENDERS + RECEIVERS; i++)
		pids[i] = start(i);
	for (unsigned int i = 0; i < kills; i++) {
		unsigned int which;

		which = (test_random(&state) >> 32) % (SENDERS + RECEIVERS);
		usleep(state % 1500);
		kill_and_reap(pids[which]);
		receivers += which >= SENDERS;
		pids[which] = start(which);
	}
	for (unsigned int i = 0; i < SENDERS + RECEIVERS; i++)
		kill_and_reap(pids[i]);
	receivers += RECEIVERS;
	while (!receive_one(0))
		;
	for (unsigned int i = 0; i < SENDERS; i++)
		for (unsigned int j = 0; j < MOST && j < ledger->next[i]; j++) {
			all += ledger->done[i][j];
			twice += ledger->received[i][j] > 1;
			lost += ledger->done[i][j] && !ledger->received[i][j];
		}
	printf("# %u kills: %lu messages, %lu lost by %lu receivers that were killed\n", kills, all,
	       lost, receivers);
	CHECK(all > kills && !twice && lost <= receivers && !ledger->wrong);
	ndshm_ring_close(ring);
	REQUIRE(open_ring(8, 8) && is_whole());
	ndshm_ring_close(ring);
	munmap(ledger, sizeof(*ledger));
}

TEST(slots_are_where_others_expect_them)
{
	static const unsigned int order[] = { 0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15 };

	REQUIRE(open_ring(16, 8));
	for (unsigned int i = 0; i < 32; i++)
		CHECK(ndshm__ring_slot_at(ring, i) == &ring->slots[order[i % 16]]);
	ndshm_ring_close(ring);
	/* Less than a line. */
	REQUIRE(open_ring(4, 8));
	for (unsigned int i = 0; i < 8; i++)
		CHECK(ndshm__ring_slot_at(ring, i) == &ring->slots[i % 4]);
	ndshm_ring_close(ring);
}

/* After the highest position comes 0. */
TEST(positions_wrap)
{
	for (uint32_t capacity = 4; capacity <= 64; capacity *= 4) {
		const uint64_t start = RING_POSITION_MASK - capacity - 1;

		REQUIRE(open_ring(capacity, 8));
		for (uint64_t i = start; i < start + capacity; i++)
			*ndshm__ring_slot_at(ring, i) = ndshm__ring_slot(i, 0);
		ring->shared->head = start;
		ring->shared->tail = start;
		for (unsigned int i = 0; i < 4; i++)
			CHECK(is_whole());
		CHECK(ring->shared->head < start && ring->shared->head == ring->shared->tail);
		ndshm_ring_close(ring);
	}
}

/*
 * A hostile member
 */

TEST(invalid_contents_are_refused)
{
	struct ring_cell *cell;
	int error;

	/* A length beyond the cell. */
	for (uint32_t i = 0; i < 2; i++) {
		REQUIRE(open_ring(4, 8));
		put_in(1, 1);
		put_in(2, 2);
		ndshm__ring_cell(ring, 1)->length = i ? UINT32_MAX : 9;
		CHECK(get() == -EPROTO && get() == 2);
		CHECK(is_whole());
		ndshm_ring_close(ring);
	}
	/* A cell beyond the ring: the message is lost. */
	REQUIRE(open_ring(4, 8));
	put_in(1, 1);
	put_in(2, 2);
	ring->slots[0] = ndshm__ring_slot(0, (1u << RING_CELL_BITS) - 1);
	CHECK(get() == 2 && get() == -EAGAIN);
	/* A member that cannot exist, and a state that does not. */
	cell = ndshm__ring_cell(ring, 3);
	cell->owner = UINT64_MAX;
	ndshm__ring_recover_all(ring, ring->member);
	CHECK(!put(1) && get() == 1);
	/* Positions far away. */
	ring->shared->head = 1234567;
	error = get();
	CHECK(error == -EPROTO || error == -EAGAIN);
	ring->shared->tail = UINT64_MAX;
	error = put(1);
	CHECK(error == -EPROTO || error == -EAGAIN);
	CHECK(ndshm_ring_receive(ring, NULL, 0, &(size_t){ 0 }, 10) < 0);
	ndshm_ring_arm(ring);
	ndshm_ring_close(ring);
}

static void overwrite_for_ever(uint64_t state)
{
	volatile uint64_t *words = (void *)ring->shared;
	const size_t count = ring->bytes / 8;

	for (;;) {
		size_t at;

		test_random(&state);
		/* Half of them to positions, events and slots, some with valid values. */
		at = state >> 63 ? (state >> 8) % count : (state >> 8) % (40 + 16);
		words[at] = state & 4 ? state : state & 2 ? words[(state >> 20) % count] :
			    words[at] + (state >> 40) % 5 - 2;
		if (state % 16 == 0)
			usleep(state >> 54);
	}
}

/* Calls return, with valid results, until @end. Returns the number that succeeded. */
static unsigned long call_until(int64_t end, unsigned long *calls)
{
	unsigned long good = 0;
	char buffer[200];

	while (milliseconds() < end) {
		size_t length = 0;
		int error = ndshm_ring_send(ring, buffer, *calls % 201, *calls % 3);

		good += !error;
		CHECK(!error || error == -EAGAIN || error == -ETIMEDOUT || error == -EPROTO);
		error = ndshm_ring_receive(ring, buffer, sizeof(buffer), &length, *calls % 2);
		good += !error;
		CHECK(!error || error == -EAGAIN || error == -ETIMEDOUT || error == -EPROTO);
		CHECK(length <= sizeof(buffer));
		ndshm_ring_arm(ring);
		*calls += 2;
	}
	return good;
}

TEST(contents_are_hostile)
{
	const unsigned int rounds = getenv("LONG") ? 500 : 25;
	unsigned long calls = 0, good = 0;
	pid_t pids[2];

	/* A call that does not return is ended by the signal, as the test is then. */
	alarm(300);
	for (unsigned int i = 0; i < rounds; i++) {
		REQUIRE(open_ring(16, 200));
		for (int j = 0; j < 2; j++) {
			pids[j] = fork();
			if (!pids[j])
				overwrite_for_ever(88172645463325252 + 2 * i + j);
		}
		good += call_until(milliseconds() + 100, &calls);
		for (int j = 0; j < 2; j++)
			kill_and_reap(pids[j]);
		ndshm_ring_close(ring);
	}
	alarm(0);
	printf("# %lu calls among hostile writers, %lu succeeded\n", calls, good);
	CHECK(calls > 100 && good > 10 && good < calls);
}

TEST_MAIN
