// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Process identity. A child of fork() detects that it is a new process by a page that is
 * wiped on fork (MADV_WIPEONFORK). This needs no atfork handler and no lock, so it is
 * safe no matter what other threads of the parent did at the time of the fork.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

void ndshm__close(int fd)
{
	int state;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	close(fd);
	pthread_setcancelstate(state, NULL);
}

/* Number of the process; 0 in a child that has not called ndshm__process() yet. */
static _Atomic(atomic_uint *) place;

/* Inherited, so that the number of a child differs from those of its ancestors. */
static atomic_uint last_number;

int ndshm__process_open(void)
{
	const size_t length = sysconf(_SC_PAGESIZE);
	atomic_uint *none = NULL, *page;

	if (place)
		return 0;
	page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -errno;
	if (madvise(page, length, MADV_WIPEONFORK)) {
		int error = -errno;

		munmap(page, length);
		return error;
	}
	if (!atomic_compare_exchange_strong(&place, &none, page))
		munmap(page, length);
	return 0;
}

uint32_t ndshm__process(void)
{
	atomic_uint *number = place;
	unsigned int seen = *number, own;

	if (seen)
		return seen;
	own = ++last_number;
	return atomic_compare_exchange_strong(number, &seen, own) ? own : seen;
}
