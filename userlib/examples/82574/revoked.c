// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "revoked.h"

#define RANGES	256

static struct {
	uintptr_t start;
	uintptr_t end;
} ranges[RANGES];

static volatile sig_atomic_t used;

_Noreturn void revoked_exit(void)
{
	static const char message[] = "ndshm-82574: adapter revoked\n";
	ssize_t written = write(STDERR_FILENO, message, sizeof(message) - 1);

	(void)written;	/* standard error is closed; nothing is left to do */
	_exit(REVOKED_EXIT);
}

/* Calls async-signal-safe functions only. */
static void on_bus_error(int number, siginfo_t *info, void *context)
{
	uintptr_t address = (uintptr_t)info->si_addr;

	(void)context;
	for (int i = 0; i < used; i++)
		if (address >= ranges[i].start && address < ranges[i].end)
			revoked_exit();

	/* The access is retried on return, and the default action kills the process. */
	sigaction(number, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
}

int revoked_catch(void)
{
	static char stack[64 * 1024];
	stack_t alternate = { .ss_sp = stack, .ss_size = sizeof(stack) };
	struct sigaction action = {
		.sa_sigaction = on_bus_error,
		.sa_flags = SA_SIGINFO | SA_ONSTACK,
	};

	sigemptyset(&action.sa_mask);
	if (sigaltstack(&alternate, NULL) || sigaction(SIGBUS, &action, NULL))
		return -errno;
	return 0;
}

int revoked_watch(const volatile void *start, size_t length)
{
	if (used == RANGES)
		return -ENOSPC;
	ranges[used].start = (uintptr_t)start;
	ranges[used].end = (uintptr_t)start + length;
	used++;
	return 0;
}

void revoked_forget(void)
{
	used = 0;
}
