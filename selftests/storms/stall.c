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

static bool protect(const struct storm_stall *stall, bool on)
{
	struct uffdio_writeprotect range = {
		.range.start = (unsigned long)stall->page,
		.range.len = storm.page,
		.mode = on ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
	};

	return !ioctl(stall->faults, UFFDIO_WRITEPROTECT, &range);
}

/* A failure here kills the process or blocks the caller forever, which the test detects. */
static void *let_go(void *context)
{
	struct storm_stall *stall = context;
	struct pollfd faults = { .fd = stall->faults, .events = POLLIN };
	struct uffd_msg message;

	for (;;) {
		poll(&faults, 1, -1);
		if (read(stall->faults, &message, sizeof(message)) !=
		    sizeof(message))
			continue;
		storm_sleep(storm_spread(&stall->random,
					 storm_chance(&stall->random, 1) ?
					 LONG : USUAL));
		protect(stall, false);
		storm_count(&storm.board->stalled);
	}
	return NULL;
}

static bool register_page(struct storm_stall *stall)
{
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_register range = {
		.range.start = (unsigned long)stall->page,
		.range.len = storm.page,
		.mode = UFFDIO_REGISTER_MODE_WP,
	};

	return !ioctl(stall->faults, UFFDIO_API, &api) &&
	       !ioctl(stall->faults, UFFDIO_REGISTER, &range);
}

bool storm_stall_begin(struct storm_stall *stall, struct storm_random random)
{
	sigset_t all, mask;
	pthread_t thread;
	bool begun;

	*stall = (struct storm_stall){ .random = random };
	stall->faults = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (stall->faults < 0)
		return false;
	stall->page = mmap(NULL, storm.page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	/* Signals are the other thread's. */
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &mask);
	begun = (void *)stall->page != MAP_FAILED && register_page(stall) &&
		!pthread_create(&thread, NULL, let_go, stall);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	if (!begun) {
		close(stall->faults);
		stall->page = NULL;
	}
	return begun;
}

int storm_stall_ioctl(struct storm_stall *stall, int fd, unsigned long command,
		      void *argument, size_t size)
{
	int ret, error;

	memcpy(stall->page, argument, size);
	if (!protect(stall, true)) {
		storm_complain("write protection: %s", strerror(errno));
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
