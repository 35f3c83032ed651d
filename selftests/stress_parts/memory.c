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

struct stress_range stress_some_range(struct stress_random *random,
				      unsigned char *map, size_t length)
{
	const unsigned int pages = length / stress.page;
	unsigned int first = stress_below(random, pages);

	return (struct stress_range){
		.at = map + first * stress.page,
		.length = stress_spread(random, pages - first) * stress.page,
	};
}

/*
 * Pins
 */

static bool pin_by_pipe(struct stress_pin *pin, struct stress_range range)
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
		pin->pages = length / stress.page;
		return true;
	}
	close(ends[0]);
	if (length < 0 && !ONE_OF(error, EFAULT, EAGAIN, EINTR, ENOMEM))
		stress_error("vmsplice: %s", strerror(error));
	return false;
}

static bool pin_by_ring(struct stress_pin *pin, struct stress_range range)
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
		pin->pages = range.length / stress.page;
		return true;
	}
	ndshm_ring_close(&pin->ring);
	if (!ONE_OF(error, EFAULT, EOPNOTSUPP, EAGAIN, EINTR, ENOMEM))
		stress_error("registered buffer: %s", strerror(error));
	return false;
}

bool stress_pin(struct stress_memory *memory, struct stress_random *random,
		struct stress_range range, __u64 tag)
{
	const bool pipe = stress_chance(random, 70);
	struct stress_pin pin = { .tag = tag };

	if (memory->count == STRESS_PINS)
		return stress_unpin(memory, random);
	if (pipe && range.length > PIPE_PAGES * stress.page)
		range.length = PIPE_PAGES * stress.page;
	if (pipe ? pin_by_pipe(&pin, range) : pin_by_ring(&pin, range)) {
		memory->pins[memory->count++] = pin;
		stress_count(&stress.board->pinned);
	}
	return !stress_failed();
}

/* Even after the end of its block or section a pinned page must not be reused. */
static bool has_contents(const struct stress_pin *pin)
{
	__u64 page[WORDS];
	unsigned int i;
	size_t rest;

	for (i = 0; i < pin->pages; i++) {
		if (read(pin->pipe, page, sizeof(page)) != sizeof(page))
			/* Another process has the pipe, too. */
			return true;
		if (page[0] && page[0] != pin->tag + i * stress.page)
			return stress_error("pinned page %u has %#llx, not %#llx",
					    i, page[0],
					    pin->tag + i * stress.page);
		for (rest = stress.page - sizeof(page); rest; rest -= sizeof(page))
			if (read(pin->pipe, page, sizeof(page)) != sizeof(page))
				return true;
	}
	return true;
}

static bool release(struct stress_pin *pin)
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

bool stress_unpin(struct stress_memory *memory, struct stress_random *random)
{
	unsigned int at;
	bool fine;

	if (!memory->count)
		return true;
	at = stress_below(random, memory->count);
	fine = release(&memory->pins[at]);
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

bool stress_advise(struct stress_random *random, struct stress_range range)
{
	unsigned int i = stress_below(random, ARRAY_SIZE(advices));
	const int advice = advices[i].advice;

	/* The administrator may have memory fail. */
	if (advices[i].privileged && !geteuid())
		return true;
	if (madvise(range.at, range.length, advice))
		return ONE_OF(errno, EACCES, EAGAIN, EBADF, EBUSY, EFAULT,
			      EINTR, EINVAL, ENODEV, ENOMEM, EOPNOTSUPP, EPERM,
			      ESPIPE) ||
		       stress_error("advice %d: %s", advice, strerror(errno));
	stress_count(&stress.board->advised);
	/* An access to a guarded page would kill the process. */
	if (advice == ADVICE_GUARD_INSTALL)
		madvise(range.at, range.length, ADVICE_GUARD_REMOVE);
	return !advices[i].must_fail ||
	       stress_error("advice %d was taken", advice);
}

bool stress_lock(struct stress_random *random, struct stress_range range)
{
	int error;

	switch (stress_below(random, 4)) {
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
	       stress_error("mlock: %s", strerror(errno));
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

static bool track(int faults, struct stress_random *random,
		  struct stress_range range)
{
	struct uffdio_writeprotect protect = {
		.range.start = (unsigned long)range.at,
		.range.len = range.length,
		.mode = stress_chance(random, 70) ? UFFDIO_WRITEPROTECT_MODE_WP :
						   0,
	};

	return !ioctl(faults, UFFDIO_WRITEPROTECT, &protect) ||
	       ONE_OF(errno, EAGAIN, EFAULT, EINTR, EINVAL, ENOENT, ENOMEM) ||
	       stress_error("write protection: %s", strerror(errno));
}

bool stress_watch(struct stress_memory *memory, struct stress_random *random,
		  struct stress_range range)
{
	const __u64 modes[] = { UFFDIO_REGISTER_MODE_WP,
		UFFDIO_REGISTER_MODE_WP, UFFDIO_REGISTER_MODE_MISSING,
		UFFDIO_REGISTER_MODE_MINOR };
	struct uffdio_register request = {
		.range.start = (unsigned long)range.at,
		.range.len = range.length,
		.mode = modes[stress_below(random, ARRAY_SIZE(modes))],
	};

	if (memory->faults && stress_chance(random, 30)) {
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
		       stress_error("userfaultfd: %s", strerror(errno));
	stress_count(&stress.board->observed);
	if (memory->async && request.mode == UFFDIO_REGISTER_MODE_WP)
		return track(memory->faults, random, range);
	ioctl(memory->faults, UFFDIO_UNREGISTER, &request.range);
	return stress_error("userfaultfd took over faults, mode %llu",
			    request.mode);
}

/*
 * The end
 */

bool stress_memory_end(struct stress_memory *memory)
{
	bool fine = true;

	while (memory->count)
		fine = release(&memory->pins[--memory->count]) && fine;
	if (memory->faults)
		close(memory->faults);
	memory->faults = 0;
	return fine;
}

void stress_memory_forget(struct stress_memory *memory)
{
	struct stress_pin *pin;

	while (memory->count) {
		pin = &memory->pins[--memory->count];
		close(pin->pipe < 0 ? pin->ring.fd : pin->pipe);
	}
	if (memory->faults)
		close(memory->faults);
	memory->faults = 0;
}
