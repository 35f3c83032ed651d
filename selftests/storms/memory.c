// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "memory.h"

#define PIPE_PAGES	16U	/* that a new pipe has room for */
#define WORDS		512	/* of the smallest page */

/* Newer than the headers that the programs are built with. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	0x8000
#endif
#define ADVICE_GUARD_INSTALL	102
#define ADVICE_GUARD_REMOVE	103

static bool is_one_of(int error, const int *errors)
{
	for (; *errors; errors++)
		if (*errors == error)
			return true;
	return false;
}

#define ONE_OF(error_, ...) is_one_of(error_, (const int []){ __VA_ARGS__, 0 })

struct storm_range storm_some_range(struct storm_random *random,
				    unsigned char *map, size_t length)
{
	const unsigned int pages = length / storm.page;
	unsigned int first = storm_below(random, pages);

	return (struct storm_range){
		.at = map + first * storm.page,
		.length = storm_spread(random, pages - first) * storm.page,
	};
}

/*
 * Pins
 */

static bool pin_by_pipe(struct storm_pin *pin, struct storm_range range)
{
	struct iovec vector = { .iov_base = range.at, .iov_len = range.length };
	ssize_t length;
	int ends[2];
	int error;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return false;
	length = vmsplice(ends[1], &vector, 1, SPLICE_F_NONBLOCK);
	error = errno;
	close(ends[1]);
	if (length > 0) {
		pin->pipe = ends[0];
		pin->pages = length / storm.page;
		return true;
	}
	close(ends[0]);
	if (length < 0 && !ONE_OF(error, EFAULT, EAGAIN, EINTR, ENOMEM))
		storm_complain("vmsplice: %s", strerror(error));
	return false;
}

static bool pin_by_ring(struct storm_pin *pin, struct storm_range range)
{
	int error;

	if (!ndshm_ring_open(&pin->ring)) {
		if (pin->ring.fd >= 0)
			ndshm_ring_close(&pin->ring);
		return false;
	}
	error = -ndshm_ring_register(&pin->ring, range.at, range.length);
	if (!error) {
		pin->pipe = -1;
		pin->pages = range.length / storm.page;
		return true;
	}
	ndshm_ring_close(&pin->ring);
	if (!ONE_OF(error, EFAULT, EOPNOTSUPP, EAGAIN, EINTR, ENOMEM))
		storm_complain("registered buffer: %s", strerror(error));
	return false;
}

bool storm_pin(struct storm_memory *memory, struct storm_random *random,
	       struct storm_range range, __u64 tag)
{
	const bool pipe = storm_chance(random, 70);
	struct storm_pin pin = { .tag = tag };

	if (memory->count == STORM_PINS)
		return storm_unpin(memory, random);
	if (pipe && range.length > PIPE_PAGES * storm.page)
		range.length = PIPE_PAGES * storm.page;
	if (pipe ? pin_by_pipe(&pin, range) : pin_by_ring(&pin, range)) {
		memory->pins[memory->count++] = pin;
		storm_count(&storm.board->pinned);
	}
	return !storm_complained();
}

/* Even after the end of its block or section a pinned page must not be reused. */
static bool has_contents(const struct storm_pin *pin)
{
	__u64 page[WORDS];
	unsigned int i;
	size_t rest;

	for (i = 0; i < pin->pages; i++) {
		if (read(pin->pipe, page, sizeof(page)) != sizeof(page))
			/* Another process has the pipe, too. */
			return true;
		if (page[0] && page[0] != pin->tag + i * storm.page)
			return storm_complain("pinned page %u has %#llx, not %#llx",
					      i, page[0],
					      pin->tag + i * storm.page);
		for (rest = storm.page - sizeof(page); rest; rest -= sizeof(page))
			if (read(pin->pipe, page, sizeof(page)) != sizeof(page))
				return true;
	}
	return true;
}

static bool let_go(struct storm_pin *pin)
{
	bool fine;

	if (pin->pipe < 0) {
		ndshm_ring_close(&pin->ring);
		return true;
	}
	fine = !pin->tag || has_contents(pin);
	close(pin->pipe);
	return fine;
}

bool storm_unpin(struct storm_memory *memory, struct storm_random *random)
{
	unsigned int at;
	bool fine;

	if (!memory->count)
		return true;
	at = storm_below(random, memory->count);
	fine = let_go(&memory->pins[at]);
	memory->pins[at] = memory->pins[--memory->count];
	return fine;
}

/*
 * Advice and locks
 */

/* Advice that discards private memory must not change shared memory. */
static const struct {
	int advice;
	bool must_fail;
	bool privileged;
} advices[] = {
	{ MADV_NORMAL, false, false }, { MADV_RANDOM, false, false },
	{ MADV_SEQUENTIAL, false, false }, { MADV_WILLNEED, false, false },
	{ MADV_DONTNEED, false, false }, { MADV_FREE, true, false },
	{ MADV_REMOVE, true, false }, { MADV_DOFORK, false, false },
	{ MADV_MERGEABLE, false, false }, { MADV_UNMERGEABLE, false, false },
	{ MADV_HUGEPAGE, false, false }, { MADV_NOHUGEPAGE, false, false },
	{ MADV_DONTDUMP, false, false }, { MADV_DODUMP, false, false },
	{ MADV_WIPEONFORK, true, false }, { MADV_KEEPONFORK, false, false },
	{ MADV_COLD, false, false }, { MADV_PAGEOUT, false, false },
	{ MADV_POPULATE_READ, false, false },
	{ MADV_POPULATE_WRITE, false, false },
	{ 24 /* DONTNEED_LOCKED */, false, false },
	{ 25 /* COLLAPSE */, false, false },
	{ ADVICE_GUARD_INSTALL, false, false },
	{ ADVICE_GUARD_REMOVE, false, false },
	{ 100 /* HWPOISON */, true, true },
	{ 101 /* SOFT_OFFLINE */, true, true },
	{ 0x7fffffff, true, false },
};

bool storm_advise(struct storm_random *random, struct storm_range range)
{
	unsigned int i = storm_below(random, ARRAY_SIZE(advices));
	const int advice = advices[i].advice;

	/* The administrator may have memory fail. */
	if (advices[i].privileged && !geteuid())
		return true;
	if (madvise(range.at, range.length, advice))
		return ONE_OF(errno, EACCES, EAGAIN, EBADF, EBUSY, EFAULT,
			      EINTR, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM,
			      ESPIPE) ||
		       storm_complain("advice %d: %s", advice, strerror(errno));
	storm_count(&storm.board->advised);
	/* An access to a guarded page would kill the process. */
	if (advice == ADVICE_GUARD_INSTALL)
		madvise(range.at, range.length, ADVICE_GUARD_REMOVE);
	return !advices[i].must_fail ||
	       storm_complain("advice %d was taken", advice);
}

bool storm_lock(struct storm_random *random, struct storm_range range)
{
	int error;

	switch (storm_below(random, 4)) {
	case 0:
		error = mlock(range.at, range.length);
		break;
	case 1:
		error = mlock2(range.at, range.length, MLOCK_ONFAULT);
		break;
	default:
		error = munlock(range.at, range.length);
	}
	return !error || ONE_OF(errno, EAGAIN, EINTR, ENOMEM, EPERM) ||
	       storm_complain("mlock: %s", strerror(errno));
}

/*
 * userfaultfd
 */

static int new_faults(__u64 features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK |
			 UFFD_USER_MODE_ONLY);

	if (fd < 0)
		return 0;
	if (!ioctl(fd, UFFDIO_API, &api))
		return fd;
	close(fd);
	return 0;
}

static bool track(int faults, struct storm_random *random,
		  struct storm_range range)
{
	struct uffdio_writeprotect protect = {
		.range.start = (unsigned long)range.at,
		.range.len = range.length,
		.mode = storm_chance(random, 70) ? UFFDIO_WRITEPROTECT_MODE_WP :
						   0,
	};

	return !ioctl(faults, UFFDIO_WRITEPROTECT, &protect) ||
	       ONE_OF(errno, EAGAIN, EFAULT, EINTR, EINVAL, ENOENT, ENOMEM) ||
	       storm_complain("write protection: %s", strerror(errno));
}

bool storm_watch(struct storm_memory *memory, struct storm_random *random,
		 struct storm_range range)
{
	const __u64 modes[] = { UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_WP, UFFDIO_REGISTER_MODE_MISSING,
		UFFDIO_REGISTER_MODE_MINOR };
	struct uffdio_register request = {
		.range.start = (unsigned long)range.at,
		.range.len = range.length,
		.mode = modes[storm_below(random, ARRAY_SIZE(modes))],
	};

	if (memory->faults && storm_chance(random, 30)) {
		close(memory->faults);
		memory->faults = 0;
		return true;
	}
	if (!memory->faults) {
		memory->faults = new_faults(UFFD_FEATURE_WP_ASYNC);
		memory->async = memory->faults;
	}
	if (!memory->faults)
		memory->faults = new_faults(0);
	if (!memory->faults)
		return true;
	if (ioctl(memory->faults, UFFDIO_REGISTER, &request))
		return ONE_OF(errno, EBUSY, EINTR, EINVAL, ENOMEM, EPERM) ||
		       storm_complain("userfaultfd: %s", strerror(errno));
	storm_count(&storm.board->watched);
	if (memory->async && request.mode == UFFDIO_REGISTER_MODE_WP)
		return track(memory->faults, random, range);
	ioctl(memory->faults, UFFDIO_UNREGISTER, &request.range);
	return storm_complain("userfaultfd took over faults, mode %llu",
			      request.mode);
}

/*
 * The end
 */

bool storm_memory_end(struct storm_memory *memory)
{
	bool fine = true;

	while (memory->count)
		fine = let_go(&memory->pins[--memory->count]) && fine;
	if (memory->faults)
		close(memory->faults);
	memory->faults = 0;
	return fine;
}

void storm_memory_forget(struct storm_memory *memory)
{
	struct storm_pin *pin;

	while (memory->count) {
		pin = &memory->pins[--memory->count];
		close(pin->pipe < 0 ? pin->ring.fd : pin->pipe);
	}
	if (memory->faults)
		close(memory->faults);
	memory->faults = 0;
}
