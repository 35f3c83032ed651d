// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The object: its epoll set, and the thread that serves its links.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "remote_internal.h"

/* Events of a turn, after which the timers are looked at. */
#define TURN_EVENTS	16

#define TRANSPORTS	(NDSHM_REMOTE_TCP | NDSHM_REMOTE_RDMA)
#define FLAGS		(NDSHM_REMOTE_POLL | TRANSPORTS)

int64_t remote_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * REMOTE_SECOND + now.tv_nsec;
}

bool remote_random(void *bytes, size_t length)
{
	return getrandom(bytes, length, 0) == (ssize_t)length;
}

/*
 * Calls of the program
 */

static _Thread_local int cancel_state;

bool remote_enter(const struct ndshm_remote *remote)
{
	if (remote && remote->generation != descriptor_generation())
		return false;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
	return true;
}

void remote_leave(void)
{
	pthread_setcancelstate(cancel_state, NULL);
}

int remote_forked(void)
{
	return remote_refuse(NDSHM_REASON_REMOTE_FORKED);
}

/*
 * The lock. The thread that serves gives way to one that waits for it, after each event.
 */

void remote_lock(struct ndshm_remote *remote)
{
	atomic_fetch_add(&remote->wanted, 1);
	pthread_mutex_lock(&remote->lock);
	atomic_fetch_sub(&remote->wanted, 1);
}

void remote_unlock(struct ndshm_remote *remote)
{
	if (remote->yielding)
		pthread_cond_signal(&remote->resumed);
	pthread_mutex_unlock(&remote->lock);
}

/* A thread that is counted will get the lock, and signals when it releases it. */
static void remote_yield(struct ndshm_remote *remote)
{
	if (!atomic_load(&remote->wanted))
		return;
	remote->yielding = true;
	pthread_cond_wait(&remote->resumed, &remote->lock);
	remote->yielding = false;
}

void remote_wait(struct ndshm_remote *remote)
{
	const uint64_t wakes = remote->wakes;

	if (remote->yielding)
		pthread_cond_signal(&remote->resumed);
	remote->waiting++;
	while (remote->wakes == wakes)
		pthread_cond_wait(&remote->woken, &remote->lock);
	atomic_fetch_sub(&remote->wanted, 1);
}

/* The threads that wait want the lock from here on, so that the one that serves gives way. */
void remote_wake(struct ndshm_remote *remote)
{
	remote->wakes++;
	atomic_fetch_add(&remote->wanted, remote->waiting);
	remote->waiting = 0;
	pthread_cond_broadcast(&remote->woken);
}

/*
 * Sources
 */

bool remote_source_add(struct remote_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	source->events = events;
	return !epoll_ctl(source->remote->epoll, EPOLL_CTL_ADD, source->fd, &event);
}

void remote_source_set(struct remote_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (source->fd < 0 || source->events == events)
		return;
	source->events = events;
	epoll_ctl(source->remote->epoll, EPOLL_CTL_MOD, source->fd, &event);
}

/* Leaves the set, which a copy of the descriptor would else keep it in, and is freed later. */
void remote_source_close(struct remote_source *source)
{
	if (source->fd < 0)
		return;
	epoll_ctl(source->remote->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	descriptor_close(source->fd);
	source->fd = -1;
	if (source->free)
		remote_list_add(&source->remote->dead, &source->dead);
}

static void remote_bury(struct ndshm_remote *remote)
{
	while (remote->dead.next != &remote->dead) {
		struct remote_source *source =
			REMOTE_ENTRY(remote->dead.next, struct remote_source, dead);

		remote_list_del(&source->dead);
		source->free(source);
	}
}

static void remote_source_drain(struct remote_source *source, uint32_t events)
{
	uint64_t count;

	(void)events;
	if (read(source->fd, &count, sizeof(count)) < 0)
		return;
}

/* The timer runs while something has a time limit. */
static void remote_timer_set(struct ndshm_remote *remote, bool runs)
{
	int64_t period = remote->timeout / 8;
	struct itimerspec time = { 0 };

	if (runs == remote->timer_runs)
		return;
	if (period > 200 * REMOTE_MILLISECOND)
		period = 200 * REMOTE_MILLISECOND;
	if (runs) {
		time.it_interval.tv_sec = period / REMOTE_SECOND;
		time.it_interval.tv_nsec = period % REMOTE_SECOND;
		time.it_value = time.it_interval;
	}
	remote->timer_runs = runs;
	timerfd_settime(remote->timer.fd, 0, &time, NULL);
}

void remote_timer_start(struct ndshm_remote *remote)
{
	remote_timer_set(remote, true);
}

static void remote_timer_ready(struct remote_source *source, uint32_t events)
{
	struct ndshm_remote *remote = source->remote;
	const int64_t now = remote_now();
	bool pairing;

	remote_source_drain(source, events);
	listener_check_time(remote, now);
	pairing = links_check_time(remote, now);
	remote_timer_set(remote,
			 pairing || listener_needs_time(remote) || remote->reply_count);
}

/*
 * Serving
 */

/* Called with the lock held, which is released for others in between. */
static void remote_serve(struct ndshm_remote *remote, const struct epoll_event *events, int count)
{
	remote->turning = true;
	for (int i = 0; i < count; i++) {
		struct remote_source *source = events[i].data.ptr;

		if (source->fd < 0)
			continue;
		source->ready(source, events[i].events);
		remote_yield(remote);
	}
	remote_bury(remote);
	remote->turning = false;
}

static void *remote_run(void *argument)
{
	struct epoll_event events[TURN_EVENTS];
	struct ndshm_remote *remote = argument;

	while (!remote->stop) {
		int count = epoll_wait(remote->epoll, events, TURN_EVENTS, -1);

		if (count <= 0)
			continue;
		pthread_mutex_lock(&remote->lock);
		remote_serve(remote, events, count);
		pthread_mutex_unlock(&remote->lock);
	}
	return NULL;
}

void remote_progress(struct ndshm_remote *remote)
{
	struct epoll_event events[TURN_EVENTS];
	int count = 0;

	remote_lock(remote);
	/* Another thread serves already, and gave way to this one. */
	if (!remote->turning)
		count = epoll_wait(remote->epoll, events, TURN_EVENTS, 0);
	if (count > 0)
		remote_serve(remote, events, count);
	remote_unlock(remote);
}

NDSHM_API int ndshm_remote_progress(struct ndshm_remote *remote)
{
	const bool poll = remote->flags & NDSHM_REMOTE_POLL;

	if (!remote_enter(remote))
		return remote_forked();
	/* The thread waits without the lock, and would serve what another thread has freed. */
	if (poll)
		remote_progress(remote);
	remote_leave();
	return poll ? remote_done(0) : remote_fail(NDSHM_REASON_FLAGS, -EOPNOTSUPP);
}

NDSHM_API int ndshm_remote_fd(struct ndshm_remote *remote)
{
	if (!(remote->flags & NDSHM_REMOTE_POLL))
		return remote_fail(NDSHM_REASON_FLAGS, -EOPNOTSUPP);
	if (remote->generation != descriptor_generation())
		return remote_forked();
	remote_done(0);
	return remote->epoll;
}

/*
 * Life cycle
 */

NDSHM_API void ndshm_remote_request_init(struct ndshm_remote_request *request)
{
	*request = (struct ndshm_remote_request)NDSHM_REMOTE_REQUEST_INIT;
}

/* Takes over a descriptor that was made between descriptor_lock() and _unlock(). */
static bool remote_init_source(struct ndshm_remote *remote, struct remote_source *source, int fd,
			       void (*ready)(struct remote_source *source, uint32_t events))
{
	source->remote = remote;
	source->ready = ready;
	if (fd < 0 || !descriptor_add(fd))
		return false;
	source->fd = fd;
	return remote_source_add(source, EPOLLIN);
}

static int remote_init_descriptors(struct ndshm_remote *remote)
{
	int fd, error = 0;

	descriptor_lock();
	fd = epoll_create1(EPOLL_CLOEXEC);
	if (fd >= 0 && descriptor_add(fd))
		remote->epoll = fd;
	if (remote->epoll < 0 ||
	    !remote_init_source(remote, &remote->wake, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
				remote_source_drain) ||
	    !remote_init_source(remote, &remote->timer,
				timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
				remote_timer_ready))
		error = -errno;
	descriptor_unlock();
	return error;
}

/* Safe on an object that is not complete. */
static void remote_free(struct ndshm_remote *remote)
{
	devices_close(remote);
	remote_bury(remote);
	remote_source_close(&remote->wake);
	remote_source_close(&remote->timer);
	descriptor_close(remote->epoll);
	pthread_cond_destroy(&remote->woken);
	pthread_cond_destroy(&remote->resumed);
	pthread_mutex_destroy(&remote->devices_lock);
	pthread_mutex_destroy(&remote->lock);
	explicit_bzero(&remote->token, sizeof(remote->token));
	free(remote);
}

static struct ndshm_remote *remote_alloc(const struct ndshm_remote_request *request)
{
	struct ndshm_remote *remote = calloc(1, sizeof(*remote));

	if (!remote)
		return NULL;
	pthread_mutex_init(&remote->lock, NULL);
	pthread_mutex_init(&remote->devices_lock, NULL);
	pthread_cond_init(&remote->resumed, NULL);
	pthread_cond_init(&remote->woken, NULL);
	remote_list_init(&remote->dead);
	remote_list_init(&remote->peers);
	remote_list_init(&remote->links);
	remote_list_init(&remote->exports);
	remote_list_init(&remote->devices);
	remote_list_init(&remote->pair_work);
	remote_list_init(&remote->half_open);
	remote->listener.fd = remote->wake.fd = remote->timer.fd = remote->epoll = -1;
	remote->generation = descriptor_generation();
	remote->flags = request->flags;
	remote->timeout = request->timeout * REMOTE_MILLISECOND;
	remote->max_peers = request->max_peers;
	remote->max_half_open = request->max_half_open;
	return remote;
}

static bool remote_request_valid(const struct ndshm_remote_request *request)
{
	return request->timeout >= 100 && request->timeout <= 600000 && request->max_peers &&
	       request->max_peers <= 65536 && request->max_half_open &&
	       request->max_half_open <= 1024;
}

/* The thread handles no signals of the program. Returns false with errno. */
bool remote_thread_start(struct ndshm_remote *remote, pthread_t *thread, void *(*run)(void *))
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	errno = pthread_create(thread, NULL, run, remote);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return !errno;
}

static int remote_init(struct ndshm_remote *remote)
{
	int error = remote_init_descriptors(remote);

	if (error)
		return error;
	if (!remote_random(remote->instance, sizeof(remote->instance)))
		return -EIO;
	if (remote->flags & NDSHM_REMOTE_POLL)
		return 0;
	return remote_thread_start(remote, &remote->thread, remote_run) ? 0 : -errno;
}

static int remote_open(const struct ndshm_remote_request *request, struct ndshm_remote **out)
{
	struct ndshm_remote *remote;
	int error = descriptor_init();

	if (error)
		return error;
	remote = remote_alloc(request);
	if (!remote)
		return -ENOMEM;
	error = remote_init(remote);
	if (error)
		remote_free(remote);
	else
		*out = remote;
	return error;
}

NDSHM_API int ndshm_remote_open(const struct ndshm_remote_request *request,
				struct ndshm_remote **out)
{
	int error;

	*out = NULL;
	if (request->flags & ~FLAGS || (request->flags & TRANSPORTS) == TRANSPORTS)
		return remote_fail(NDSHM_REASON_FLAGS, -EOPNOTSUPP);
	if (!remote_request_valid(request))
		return remote_refuse(NDSHM_REASON_REMOTE_LIMIT);
	remote_enter(NULL);
	error = remote_open(request, out);
	remote_leave();
	return remote_done(error);
}

static void remote_stop(struct ndshm_remote *remote)
{
	const uint64_t one = 1;

	remote->stop = true;
	if (!(remote->flags & NDSHM_REMOTE_POLL)) {
		while (write(remote->wake.fd, &one, sizeof(one)) < 0 && errno == EINTR)
			;
		pthread_join(remote->thread, NULL);
	}
	pairs_stop(remote);
}

NDSHM_API void ndshm_remote_close(struct ndshm_remote *remote)
{
	if (!remote || !remote_enter(remote))
		return;
	remote_stop(remote);
	/* No other thread uses the object any more, but one may delete a section. */
	remote_lock(remote);
	listener_close(remote);
	while (remote->links.next != &remote->links)
		link_close(REMOTE_ENTRY(remote->links.next, struct remote_link, link));
	remote_unlock(remote);
	exports_free(remote);
	while (remote->peers.next != &remote->peers)
		peer_free(REMOTE_ENTRY(remote->peers.next, struct ndshm_remote_peer, link));
	remote_free(remote);
	remote_leave();
}

NDSHM_API int ndshm_remote_query_sized(struct ndshm_remote *remote, struct ndshm_remote_info *info,
				       size_t size)
{
	struct ndshm_remote_info known = { 0 };

	if (size > sizeof(known))
		return remote_fail(NDSHM_REASON_NONE, -EINVAL);
	if (!remote_enter(remote))
		return remote_forked();
	remote_lock(remote);
	known.served = remote->served;
	known.denied = remote->denied;
	known.refused = remote->refused;
	known.bytes_read = remote->bytes_read;
	known.bytes_written = remote->bytes_written;
	known.exports = exports_count(remote);
	known.imports = remote->import_count;
	known.peers = remote->link_count + remote->peer_count;
	known.half_open = remote->half_open_count;
	known.replies = remote->reply_count;
	known.pairs = remote->pair_count;
	remote_unlock(remote);
	remote_leave();
	memcpy(info, &known, size);
	return remote_done(0);
}
