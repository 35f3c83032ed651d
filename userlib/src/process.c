// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The lock of the library's lists, and process identity. A child of fork() detects that it is a new
 * process by a page that is wiped on fork (MADV_WIPEONFORK). This needs no atfork handler and no
 * lock, so it is safe no matter what other threads of the parent did at the time of the fork.
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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_error;

atomic_uint ndshm__forks;

/* Twice, because threads go on until the fork() itself. */
static void before_fork(void)
{
	ndshm__lock();
	ndshm__forks++;
}

static void in_parent(void)
{
	ndshm__forks++;
	ndshm__unlock();
}

static void in_child(void)
{
	ndshm__unlock();
	ndshm__sections_abandon();
}

/* A fork() must wait for each thread that has the lock, so the handlers are registered before. */
static void set_up(void)
{
	once_error = pthread_atfork(before_fork, in_parent, in_child);
}

int ndshm__lock_open(void)
{
	pthread_once(&once, set_up);
	return -once_error;
}

void ndshm__lock(void)
{
	pthread_once(&once, set_up);
	pthread_mutex_lock(&lock);
}

void ndshm__unlock(void)
{
	pthread_mutex_unlock(&lock);
}

/* Number of the process; 0 in a child that has not called ndshm__process() yet. */
static _Atomic(atomic_uint *) place;

/* Inherited, so that the number of a child differs from those of its ancestors. */
static atomic_uint last_number;

void *ndshm__wiped_page(void)
{
	const size_t length = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED)
		return NULL;
	if (!madvise(page, length, MADV_WIPEONFORK))
		return page;
	ndshm__wiped_free(page);
	return NULL;
}

void ndshm__wiped_free(void *page)
{
	munmap(page, sysconf(_SC_PAGESIZE));
}

int ndshm__process_open(void)
{
	atomic_uint *none = NULL, *page;

	if (place)
		return 0;
	page = ndshm__wiped_page();
	if (!page)
		return -errno;
	if (!atomic_compare_exchange_strong(&place, &none, page))
		ndshm__wiped_free(page);
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
