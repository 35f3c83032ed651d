// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * --hold
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tool.h"

int watch_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC);
}

/* As the input of a service: it has no end to wait for, since it is at its end from the start. */
static bool input_is_null(void)
{
	struct stat status;

	return !fstat(STDIN_FILENO, &status) && S_ISCHR(status.st_mode) &&
	       status.st_rdev == makedev(1, 3);
}

/*
 * The input is a terminal, and this process a job in the background: lines are for others, and to
 * read would stop it.
 */
static bool input_is_of_others(void)
{
	const pid_t foreground = tcgetpgrp(STDIN_FILENO);

	return foreground > 0 && foreground != getpgrp();
}

enum exit_code hold(int signals)
{
	struct pollfd polled[] = {
		{ .fd = signals, .events = POLLIN },
		{ .fd = input_is_null() ? -1 : STDIN_FILENO, .events = POLLIN },
	};
	char ignored[512];

	for (;;) {
		if (poll(polled, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return cannot_errno(-errno, "wait");
		}
		if (polled[0].revents)
			return EXIT_DONE;
		if (polled[1].revents && input_is_of_others())
			polled[1].fd = -1;
		else if (polled[1].revents && read(STDIN_FILENO, ignored, sizeof(ignored)) <= 0)
			return EXIT_DONE;
	}
}
