// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Reason of the last failure, per thread and context.
 *
 * A thread without an entry has had no failure. An entry is freed with its context or at
 * the end of its thread, whichever comes first.
 */
#include <errno.h>
#include <stdlib.h>

#include "internal.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int once_error;

/* The key's value is the thread's number, from 1 on; 0: the thread has none yet. */
static pthread_key_t key;
static bool has_key;
static uintptr_t last_thread;

/* All contexts, linked by their member link. */
static struct ndshm *contexts;

static void set_up(void);

/* A fork() must wait for each thread that has the lock, so the handlers are registered before. */
void ndshm__lock(void)
{
	pthread_once(&once, set_up);
	pthread_mutex_lock(&lock);
}

void ndshm__unlock(void)
{
	pthread_mutex_unlock(&lock);
}

static struct ndshm_last *find(const struct ndshm *ndshm, uintptr_t thread)
{
	struct ndshm_last *last = ndshm->lasts;

	while (last && last->thread != thread)
		last = last->next;
	return last;
}

static void forget(struct ndshm *ndshm, uintptr_t thread)
{
	struct ndshm_last *last = find(ndshm, thread), *before;

	if (!last)
		return;
	last->thread = 0;
	last->reason = NDSHM_REASON_NONE;
	last->status = NDSHM_STATUS_SUCCESS;
	if (last == &ndshm->first_last)
		return;
	/* first_last is always the last entry of the list. */
	if (ndshm->lasts == last) {
		ndshm->lasts = last->next;
	} else {
		for (before = ndshm->lasts; before->next != last; before = before->next)
			;
		before->next = last->next;
	}
	free(last);
}

static void thread_ends(void *value)
{
	struct ndshm *ndshm;

	ndshm__lock();
	for (ndshm = contexts; ndshm; ndshm = ndshm->link)
		forget(ndshm, (uintptr_t)value);
	ndshm__unlock();
}

static void in_child(void)
{
	ndshm__unlock();
	ndshm__sections_abandon();
}

static void set_up(void)
{
	once_error = pthread_atfork(ndshm__lock, ndshm__unlock, in_child);
}

/* Not once: there may be a free key at a later call. */
static int make_key(void)
{
	int error = 0;

	ndshm__lock();
	if (!has_key)
		error = pthread_key_create(&key, thread_ends);
	has_key = !error;
	ndshm__unlock();
	return -error;
}

/* Return this thread's number; 0 if it has none and cannot get one. */
static uintptr_t this_thread(void)
{
	uintptr_t thread = (uintptr_t)pthread_getspecific(key);

	if (thread)
		return thread;
	ndshm__lock();
	thread = ++last_thread;
	ndshm__unlock();
	return pthread_setspecific(key, (void *)thread) ? 0 : thread;
}

int ndshm__last_open(struct ndshm *ndshm)
{
	uintptr_t thread;
	int error;

	pthread_once(&once, set_up);
	error = once_error ? -once_error : make_key();
	if (error)
		return error;
	thread = this_thread();
	if (!thread)
		return -ENOMEM;

	ndshm->first_last.thread = thread;
	ndshm__lock();
	ndshm->lasts = &ndshm->first_last;
	ndshm->link = contexts;
	contexts = ndshm;
	ndshm__unlock();
	return 0;
}

void ndshm__last_close(struct ndshm *ndshm)
{
	struct ndshm_last *last;
	struct ndshm **at;

	ndshm__lock();
	for (at = &contexts; *at != ndshm; at = &(*at)->link)
		;
	*at = ndshm->link;
	while ((last = ndshm->lasts) != &ndshm->first_last) {
		ndshm->lasts = last->next;
		free(last);
	}
	ndshm__unlock();
}

/*
 * Return this thread's entry, which is a reused or a new one if it has none; NULL without
 * memory.
 */
static struct ndshm_last *take(struct ndshm *ndshm, uintptr_t thread)
{
	struct ndshm_last *last = find(ndshm, thread);

	if (last)
		return last;
	last = find(ndshm, 0);
	if (!last) {
		last = calloc(1, sizeof(*last));
		if (!last)
			return NULL;
		last->next = ndshm->lasts;
		ndshm->lasts = last;
	}
	last->thread = thread;
	return last;
}

void ndshm__set_last(struct ndshm *ndshm, uint32_t reason, uint32_t status)
{
	uintptr_t thread = (uintptr_t)pthread_getspecific(key);
	struct ndshm_last *last;

	/* A thread without a number has no entry to clear. */
	if (!thread && reason == NDSHM_REASON_NONE)
		return;
	if (!thread)
		thread = this_thread();
	if (!thread)
		return;

	ndshm__lock();
	last = reason == NDSHM_REASON_NONE ? find(ndshm, thread) : take(ndshm, thread);
	if (last) {
		last->reason = reason;
		last->status = status;
	}
	ndshm__unlock();
}

int ndshm__done(struct ndshm *ndshm, int error)
{
	if (error == -ENOMEM)
		return ndshm__refuse(ndshm, ndshm__mappings_exhausted() ? NDSHM_REASON_MAPPINGS :
									  NDSHM_REASON_MEMORY);
	if (error == -EAFNOSUPPORT)
		return ndshm__refuse(ndshm, NDSHM_REASON_NETLINK_REFUSED);
	ndshm__set_last(ndshm, NDSHM_REASON_NONE, NDSHM_STATUS_SUCCESS);
	return error;
}

int ndshm__refuse(struct ndshm *ndshm, uint32_t reason)
{
	ndshm__set_last(ndshm, reason, ndshm__reason_status(reason));
	return ndshm__reason_errno(reason);
}

int ndshm__map_done(struct ndshm *ndshm, int error, uint64_t length)
{
	if (error == -EAGAIN)
		return ndshm__refuse(ndshm, NDSHM_REASON_MLOCKALL);
	if (error == -ENOMEM && !ndshm__mappings_exhausted() && !ndshm__mapping_fits(length))
		return ndshm__refuse(ndshm, NDSHM_REASON_ADDRESS_SPACE);
	return ndshm__done(ndshm, error);
}

static struct ndshm_last get_last(const struct ndshm *ndshm)
{
	uintptr_t thread = (uintptr_t)pthread_getspecific(key);
	struct ndshm_last copy = {
		.reason = NDSHM_REASON_NONE,
		.status = NDSHM_STATUS_SUCCESS,
	};
	struct ndshm_last *last = NULL;

	ndshm__lock();
	if (thread)
		last = find(ndshm, thread);
	if (last)
		copy = *last;
	ndshm__unlock();
	return copy;
}

NDSHM_API uint32_t ndshm_last_reason(const struct ndshm *ndshm)
{
	return get_last(ndshm).reason;
}

NDSHM_API uint32_t ndshm_last_status(const struct ndshm *ndshm)
{
	return get_last(ndshm).status;
}
