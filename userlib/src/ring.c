// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Rings: life cycle, and waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "backend_memfd.h"
#include "internal.h"
#include "pause.h"
#include "ring_internal.h"

#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/*
 * Life cycle
 */

static uint64_t round_up(uint64_t number, uint64_t to)
{
	return (number + to - 1) & ~(to - 1);
}

/* Set the sizes. Returns the size of the file, or 0 if they are invalid. */
static size_t set_sizes(struct ndshm_ring *ring, uint32_t capacity, uint32_t message_bytes)
{
	uint64_t slots, bytes;

	if (!capacity || capacity > NDSHM_RING_CAPACITY_MAX || capacity & (capacity - 1) ||
	    !message_bytes || message_bytes > NDSHM_RING_MESSAGE_MAX)
		return 0;
	ring->capacity = capacity;
	ring->message_bytes = message_bytes;
	ring->cell_count = capacity + RING_EXTRA;
	ring->cell_bytes = round_up(sizeof(struct ring_cell) + message_bytes, RING_LINE);
	slots = round_up(capacity * sizeof(uint64_t), RING_LINE);
	bytes = round_up(sizeof(struct ring_shared) + slots +
			 (uint64_t)ring->cell_count * ring->cell_bytes, sysconf(_SC_PAGESIZE));
	return bytes > SIZE_MAX ? 0 : bytes;
}

static int map(struct ndshm_ring *ring, uint64_t bytes)
{
	void *memory;

	if (bytes > SIZE_MAX)
		return -ENOMEM;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	madvise(memory, bytes, MADV_DONTDUMP);
	ring->bytes = bytes;
	ring->shared = memory;
	return 0;
}

static void set_addresses(struct ndshm_ring *ring)
{
	char *start = (char *)ring->shared + sizeof(struct ring_shared);

	ring->slots = (_Atomic uint64_t *)start;
	ring->cells = start + round_up(ring->capacity * sizeof(uint64_t), RING_LINE);
}

static struct ndshm_ring *make_object(void)
{
	struct ndshm_ring *ring;

	if (ndshm__process_open())
		return NULL;
	ring = calloc(1, sizeof(*ring));
	if (ring) {
		ring->fd = -1;
		ring->event_fd = -1;
	}
	return ring;
}

NDSHM_API void ndshm_ring_close(struct ndshm_ring *ring)
{
	if (!ring)
		return;
	ndshm__ring_leave(ring);
	if (ring->shared)
		munmap(ring->shared, ring->bytes);
	if (ring->fd >= 0)
		ndshm__close(ring->fd);
	free(ring);
}

static int make_file(struct ndshm_ring *ring, size_t bytes)
{
	int error;

	ring->fd = ndshm__memfd_create("ndshm-ring");
	if (ring->fd < 0)
		return ring->fd;
	error = ndshm__memfd_allocate(ring->fd, 0, bytes);
	if (error)
		return error;
	return fcntl(ring->fd, F_ADD_SEALS, SEALS) ? -errno : 0;
}

/* The file is zeroed: all cells are free, and the slots empty at position 0. */
static void format(struct ndshm_ring *ring)
{
	ring->shared->capacity = ring->capacity;
	ring->shared->message_bytes = ring->message_bytes;
	for (uint32_t i = 0; i < ring->capacity; i++)
		atomic_store_explicit(ndshm__ring_slot_at(ring, i), ndshm__ring_slot(i, 0),
				      memory_order_relaxed);
	ring->shared->magic = RING_MAGIC;
}

static uint32_t next_power(uint32_t number)
{
	uint32_t power = 1;

	while (power < number)
		power *= 2;
	return power;
}

static int create(struct ndshm_ring *ring, size_t bytes)
{
	struct ring_member *member;
	int error = make_file(ring, bytes);

	if (!error)
		error = map(ring, bytes);
	if (error)
		return error;
	set_addresses(ring);
	format(ring);
	return ndshm__ring_join(ring, &member);
}

static int finish(struct ndshm_ring *ring, int error, struct ndshm_ring **out)
{
	if (error) {
		ndshm_ring_close(ring);
		return error;
	}
	*out = ring;
	return 0;
}

NDSHM_API int ndshm_ring_create(uint32_t capacity, uint32_t message_bytes,
				struct ndshm_ring **out)
{
	struct ndshm_ring *ring = make_object();
	size_t bytes;

	*out = NULL;
	if (!ring)
		return -ENOMEM;
	bytes = capacity > NDSHM_RING_CAPACITY_MAX ?
		0 : set_sizes(ring, capacity ? next_power(capacity) : 0, message_bytes);
	return finish(ring, bytes ? create(ring, bytes) : -EINVAL, out);
}

/*
 * Return true if a mapping of the file can be accessed: it cannot be truncated, does not consist of
 * huge pages, of which there may be none, and has all of its memory. Its creator can free that later,
 * which cannot be prevented: an access allocates it again.
 */
static bool is_suitable(int fd, const struct stat *status)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs system;

	return seals >= 0 && (seals & SEALS) == SEALS && !fstatfs(fd, &system) &&
	       system.f_type == TMPFS_MAGIC && status->st_blocks * 512 >= status->st_size;
}

static int adopt(struct ndshm_ring *ring, int fd)
{
	struct ring_member *member;
	struct stat status;
	int error;

	ring->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (ring->fd < 0)
		return -errno;
	if (fstat(ring->fd, &status) || !is_suitable(ring->fd, &status) ||
	    (uint64_t)status.st_size < sizeof(struct ring_shared))
		return -EBADF;
	error = map(ring, status.st_size);
	if (error)
		return error == -ENOMEM ? error : -EBADF;
	if (ring->shared->magic != RING_MAGIC ||
	    set_sizes(ring, *(volatile uint32_t *)&ring->shared->capacity,
		      *(volatile uint32_t *)&ring->shared->message_bytes) != ring->bytes)
		return -EBADF;
	set_addresses(ring);
	return ndshm__ring_join(ring, &member);
}

NDSHM_API int ndshm_ring_adopt(int fd, struct ndshm_ring **out)
{
	struct ndshm_ring *ring = make_object();

	*out = NULL;
	return ring ? finish(ring, adopt(ring, fd), out) : -ENOMEM;
}

NDSHM_API int ndshm_ring_fd(const struct ndshm_ring *ring)
{
	return ring->fd;
}

NDSHM_API uint32_t ndshm_ring_capacity(const struct ndshm_ring *ring)
{
	return ring->capacity;
}

NDSHM_API uint32_t ndshm_ring_message_bytes(const struct ndshm_ring *ring)
{
	return ring->message_bytes;
}

/*
 * Waiting
 */

#define MS	INT64_C(1000000)
#define SECOND	(1000 * MS)
/*
 * A process that ends between a message and the wake-up wakes no other, and one that ends
 * with a claimed cell none either: the state is examined this often, in nanoseconds, and the
 * members no more often, as that takes a system call for each.
 */
#define PERIOD	(100 * MS)
/* Attempts before sleeping, which takes much longer than most messages. */
#define SPINS	200
/* After this many failures in succession, spinning begins in full length again. */
#define FAILURES	32

static long futex(atomic_uint *word, int operation, unsigned int value,
		  const struct timespec *timeout)
{
	return syscall(SYS_futex, word, operation, value, timeout, NULL, 0);
}

static void wake(struct ring_event *event)
{
	/*
	 * This load, the caller's change before it, and in sleep_once() the store to @asleep and the
	 * loads after it are sequentially consistent: one of the two sees the other's.
	 */
	if (!atomic_load(&event->asleep))
		return;
	atomic_store(&event->asleep, 0);
	atomic_fetch_add(&event->count, 1);
	futex(&event->count, FUTEX_WAKE, INT_MAX, NULL);
}

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

/**
 * struct attempt - an operation that may have to wait
 * @ring: the ring
 * @member: of this process
 * @try: executes the operation once; -EAGAIN: wait; -ENOBUFS: wait, all cells are claimed
 * @event: what it then waits for
 * @buffer: of the message
 * @length: of @buffer
 * @received: length of the message
 */
struct attempt {
	struct ndshm_ring *ring;
	struct ring_member *member;
	int (*try)(struct attempt *attempt);
	struct ring_event *event;
	void *buffer;
	size_t length;
	size_t received;
};

static bool must_wait(int error)
{
	return error == -EAGAIN || error == -ENOBUFS;
}

/* Sleep until the event, for at most @nanoseconds. Returns the result of another attempt. */
static int sleep_once(struct attempt *attempt, int64_t nanoseconds)
{
	const struct timespec time = { .tv_nsec = nanoseconds < PERIOD ? nanoseconds : PERIOD };
	struct ring_event *event = attempt->event;
	unsigned int count = atomic_load(&event->count);
	int error;

	atomic_store(&event->asleep, 1);
	error = attempt->try(attempt);
	if (!must_wait(error))
		return error;
	if (futex(&event->count, FUTEX_WAIT, count, &time) && errno == EINTR)
		return -EINTR;
	return attempt->try(attempt);
}

/*
 * Attempt again for a short time; half as often after each failure, and soon not at all: if the other
 * process waits for this processor, attempts are in vain. Without a free cell an attempt takes long:
 * the last.
 */
static int spin(struct attempt *attempt)
{
	atomic_uint *failures = &attempt->ring->failures;
	unsigned int failed = atomic_load_explicit(failures, memory_order_relaxed);
	unsigned int most = SPINS >> (failed % FAILURES);
	int error = -EAGAIN;

	for (unsigned int i = 0; i < most && error == -EAGAIN; i++) {
		ndshm__pause();
		error = attempt->try(attempt);
	}
	atomic_store_explicit(failures, must_wait(error) ? failed + 1 : 0, memory_order_relaxed);
	return error;
}

/*
 * Recover cells if no waiting thread of this process has in the last PERIOD. Not per wait: one that
 * is shorter must recover, too.
 */
static void recover(const struct attempt *attempt, int64_t time)
{
	_Atomic int64_t *recovered = &attempt->ring->recovered;
	int64_t last = *recovered;

	/* Of several threads one does it. */
	if (time - last >= PERIOD && atomic_compare_exchange_strong(recovered, &last, time))
		ndshm__ring_recover_all(attempt->ring, attempt->member);
}

static int wait_for(struct attempt *attempt, int timeout)
{
	int64_t left = timeout < 0 ? INT64_MAX : timeout * MS, end, time;
	int error;

	error = spin(attempt);
	if (!must_wait(error))
		return error;
	end = timeout < 0 ? INT64_MAX : now() + left;
	while (left > 0) {
		error = sleep_once(attempt, left);
		if (!must_wait(error))
			return error;
		time = now();
		if (timeout >= 0)
			left = end - time;
		recover(attempt, time);
	}
	return -ETIMEDOUT;
}

static int run(struct attempt *attempt, int timeout)
{
	int error = ndshm__ring_join(attempt->ring, &attempt->member);

	if (error)
		return error;
	error = attempt->try(attempt);
	if (!must_wait(error))
		return error;
	return timeout ? wait_for(attempt, timeout) : -EAGAIN;
}

/*
 * Messages
 */

static int try_send(struct attempt *attempt)
{
	int error = -ENOBUFS;

	for (unsigned int i = 0; i < 2 && error == -ENOBUFS; i++) {
		error = ndshm__ring_put(attempt->ring, attempt->member->number, attempt->buffer,
					attempt->length);
		/* All extra cells are claimed, perhaps by processes that have ended. */
		if (error == -ENOBUFS &&
		    !ndshm__ring_recover_all(attempt->ring, attempt->member))
			break;
	}
	return error;
}

static int try_receive(struct attempt *attempt)
{
	return ndshm__ring_take(attempt->ring, attempt->member->number, attempt->buffer,
				attempt->length, &attempt->received);
}

static void write_event(struct ndshm_ring *ring)
{
	int fd = ring->event_fd, state;
	ssize_t written;

	if (fd < 0 || !atomic_load(&ring->shared->armed) ||
	    !atomic_exchange(&ring->shared->armed, 0))
		return;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	/* EAGAIN: the counter is at its maximum, so that the descriptor is readable. */
	written = write(fd, &(uint64_t){ 1 }, sizeof(uint64_t));
	pthread_setcancelstate(state, NULL);
	(void)written;
}

NDSHM_API int ndshm_ring_send(struct ndshm_ring *ring, const void *data, size_t length,
			      int timeout)
{
	struct attempt attempt = {
		.ring = ring,
		.try = try_send,
		.event = &ring->shared->not_full,
		.buffer = (void *)data,
		.length = length,
	};
	int error = length > ring->message_bytes ? -EMSGSIZE : run(&attempt, timeout);

	if (error)
		return error;
	wake(&ring->shared->not_empty);
	write_event(ring);
	return 0;
}

NDSHM_API int ndshm_ring_receive(struct ndshm_ring *ring, void *buffer, size_t capacity,
				 size_t *length, int timeout)
{
	struct attempt attempt = {
		.ring = ring,
		.try = try_receive,
		.event = &ring->shared->not_empty,
		.buffer = buffer,
		.length = capacity,
	};
	int error = run(&attempt, timeout);

	*length = attempt.received;
	/* An invalid message has left its place, too. */
	if (!error || error == -EPROTO)
		wake(&ring->shared->not_full);
	return error;
}

/* Return 0 for an eventfd, to which a write causes no signal; else -errno. */
static int check_eventfd(int fd)
{
	static const char eventfd[] = "anon_inode:[eventfd]";
	char path[64], target[sizeof(eventfd)];
	int flags = fcntl(fd, F_GETFL);
	ssize_t length;

	if (flags < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target));
	if (length < 0)
		return -errno;
	return flags & O_NONBLOCK && length == sizeof(eventfd) - 1 &&
	       !memcmp(target, eventfd, length) ? 0 : -EINVAL;
}

NDSHM_API int ndshm_ring_set_eventfd(struct ndshm_ring *ring, int fd)
{
	int error = fd < 0 ? 0 : check_eventfd(fd);

	if (!error)
		ring->event_fd = fd;
	return error;
}

NDSHM_API int ndshm_ring_arm(struct ndshm_ring *ring)
{
	atomic_store(&ring->shared->armed, 1);
	return ndshm__ring_check_empty(ring);
}
