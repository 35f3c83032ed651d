// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Decay: a thread that returns the memory of a heap that is idle, since the threads that have it in
 * their caches do not run. It notices an operation by the release of the heap's lock: it
 * counts the releases of a busy heap, and sleeps until the first of an empty one.
 */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "heap_internal.h"

#define STACK_BYTES	(256ul << 10)

void ndshm__decay_wake(struct ndshm_heap *heap)
{
	struct heap_decay *decay = &heap->core->decay;

	/* The thread that listens releases the lock itself while it empties the heap. */
	if (pthread_equal(decay->self, pthread_self()))
		return;
	decay->listening = false;
	pthread_cond_signal(&decay->changed);
}

static struct timespec half_later(const struct heap_decay *decay)
{
	uint64_t nanoseconds = decay->milliseconds * 500000ull;
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	nanoseconds += at.tv_nsec;
	at.tv_sec += nanoseconds / 1000000000;
	at.tv_nsec = nanoseconds % 1000000000;
	return at;
}

/* Wait for half of the time. Returns true if the heap was idle. Called with the lock held. */
static bool wait_idle(struct heap_core *core)
{
	struct timespec at = half_later(&core->decay);
	uint64_t before = core->decay.releases;
	int error = 0;

	while (!core->decay.stop && error != ETIMEDOUT)
		error = pthread_cond_timedwait(&core->decay.changed, &core->lock, &at);
	return !core->decay.stop && core->decay.releases == before;
}

/* Wait for an operation, if the thread listens already. Called with the lock held. */
static void wait_for_operation(struct heap_core *core)
{
	while (!core->decay.stop && core->decay.listening)
		pthread_cond_wait(&core->decay.changed, &core->lock);
	core->decay.listening = false;
}

static void *run(void *argument)
{
	struct ndshm_heap *heap = argument;
	struct heap_core *core = heap->core;

	ndshm__heap_lock(heap);
	core->decay.self = pthread_self();
	while (!core->decay.stop) {
		if (!wait_idle(core))
			continue;
		/* What another thread leaves meanwhile is for the next time. */
		core->decay.listening = true;
		ndshm__heap_unlock(heap);
		ndshm__heap_trim(heap);
		ndshm__heap_lock(heap);
		wait_for_operation(core);
	}
	ndshm__heap_unlock(heap);
	return NULL;
}

static void end(struct ndshm_heap *heap)
{
	struct heap_decay *decay = &heap->core->decay;

	if (!decay->running)
		return;
	ndshm__heap_lock(heap);
	decay->stop = true;
	pthread_cond_signal(&decay->changed);
	ndshm__heap_unlock(heap);
	pthread_join(decay->thread, NULL);
	pthread_cond_destroy(&decay->changed);
	decay->running = false;
}

/* The thread inherits the mask: no signal of the program is handled by it. */
static int create(struct ndshm_heap *heap, const pthread_attr_t *attributes)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&heap->core->decay.thread, attributes, run, heap);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}

static int start(struct ndshm_heap *heap, unsigned int milliseconds)
{
	struct heap_decay *decay = &heap->core->decay;
	pthread_condattr_t clock;
	pthread_attr_t attributes;
	int error;

	decay->milliseconds = milliseconds;
	decay->stop = false;
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&decay->changed, &clock);
	pthread_condattr_destroy(&clock);
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	error = create(heap, &attributes);
	pthread_attr_destroy(&attributes);
	if (error) {
		pthread_cond_destroy(&decay->changed);
		return error;
	}
	pthread_setname_np(decay->thread, "ndshm-decay");
	decay->running = true;
	return 0;
}

int ndshm__heap_set_decay(struct ndshm_heap *heap, unsigned int milliseconds)
{
	int error = 0, state;

	/* A thread must not end while it waits for another with the lock. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	pthread_mutex_lock(&heap->core->decay.setting);
	end(heap);
	if (milliseconds)
		error = start(heap, milliseconds);
	pthread_mutex_unlock(&heap->core->decay.setting);
	pthread_setcancelstate(state, NULL);
	return error;
}
