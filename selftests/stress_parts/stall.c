// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "stall.h"

#define USUAL	2000		/* microseconds, at most */
#define LONG	200000		/* now and then */

static bool protect(const struct stress_stall *stall, bool on)
{
	struct uffdio_writeprotect range = {
		.range.start = (unsigned long)stall->page,
		.range.len = stress.page,
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return !ioctl(stall->faults, UFFDIO_WRITEPROTECT, &range);
}

/* A failure here kills the process or blocks the caller forever, which the test detects. */
static void *release(void *context)
{
	struct stress_stall *stall = context;
	struct pollfd faults = { .fd = stall->faults, .events = POLLIN };
	struct uffd_msg message;

	for (;;) {
		poll(&faults, 1, -1);
		if (read(stall->faults, &message, sizeof(message)) !=
		    sizeof(message))
			continue;
		stress_sleep(stress_spread(&stall->random,
					   stress_chance(&stall->random, 1) ?
					   LONG : USUAL));
		protect(stall, false);
		stress_count(&stress.board->stalled);
	}
	return NULL;
}

static bool register_page(struct stress_stall *stall)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register range = {
		.range.start = (unsigned long)stall->page,
		.range.len = stress.page,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return !ioctl(stall->faults, UFFDIO_API, &api) &&
	       !ioctl(stall->faults, UFFDIO_REGISTER, &range);
}

bool stress_stall_begin(struct stress_stall *stall, struct stress_random random)
{
	sigset_t all, mask;
	pthread_t thread;
	bool begun;

	*stall = (struct stress_stall){ .random = random };
	stall->faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (stall->faults < 0)
		return false;
	stall->page = mmap(NULL, stress.page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	/* Signals are the other thread's. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	begun = (void *)stall->page != MAP_FAILED && register_page(stall) &&
		!pthread_create(&thread, NULL, release, stall);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (!begun) {
		close(stall->faults);
		stall->page = NULL;
	}
	return begun;
}

int stress_stall_ioctl(struct stress_stall *stall, int fd, unsigned long command,
		       void *argument, size_t size)
{
	int ret, error;

	memcpy(stall->page, argument, size);
	if (!protect(stall, true)) {
		stress_error("write protection: %s", strerror(errno));
		return -1;
	}
	ret = ioctl(fd, command, stall->page);
	error = errno;
	/* It may have been refused before anything was written. */
	protect(stall, false);
	memcpy(argument, stall->page, size);
	errno = error;
	return ret;
}
