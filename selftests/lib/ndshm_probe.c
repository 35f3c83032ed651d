// SPDX-License-Identifier: GPL-2.0
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "ndshm_probe.h"

struct probe {
	sigjmp_buf back;
};

/* The probe that this thread is executing, or NULL. */
static __thread struct probe *probing;

static void on_bus_error(int number)
{
	if (probing)
		siglongjmp(probing->back, number);
	/* Not in a probe: the access faults again and the signal ends the program. */
	signal(number, SIG_DFL);
}

static void take_over(void)
{
	const struct sigaction action = { .sa_handler = on_bus_error };

	sigaction(SIGBUS, &action, NULL);
}

bool ndshm_try(void (*access)(void *argument), void *argument)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct probe here;

	pthread_once(&once, take_over);
	if (sigsetjmp(here.back, 1)) {
		probing = NULL;
		return false;
	}
	probing = &here;
	/* Compiler barriers: the signal handler reads @probing. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	access(argument);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	probing = NULL;
	return true;
}

/* As a word, if it is aligned: registers of a device may refuse anything else. */
static void read_byte(void *memory)
{
	if ((uintptr_t)memory % sizeof(uint32_t))
		__atomic_load_n((const unsigned char *)memory, __ATOMIC_RELAXED);
	else
		__atomic_load_n((const uint32_t *)memory, __ATOMIC_RELAXED);
}

bool ndshm_readable(const void *memory)
{
	return ndshm_try(read_byte, (void *)memory);
}
