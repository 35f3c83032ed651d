// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Connections to owners: the thread that calls sends its requests, and receives replies for all
 * threads while it waits for its own. Replies are received into the buffers of the calls.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>

#include <linux/sockios.h>

#include "remote_internal.h"

/* System calls for replies in a turn: then other threads get the lock. */
#define TURN_RECEIVES	16

/* Replies of up to SMALL bytes of data are received together. */
#define SMALL		1024U
#define MANY		48U
#define MANY_BYTES	8192U

void peer_lock(struct ndshm_remote_peer *peer)
{
	if (!pthread_mutex_trylock(&peer->lock))
		return;
	atomic_fetch_add(&peer->wanted, 1);
	pthread_mutex_lock(&peer->lock);
	atomic_fetch_sub(&peer->wanted, 1);
}

/* Return: true if a thread waits for the lock. */
bool peer_is_wanted(struct ndshm_remote_peer *peer)
{
	return atomic_load_explicit(&peer->wanted, memory_order_relaxed);
}

void peer_unlock(struct ndshm_remote_peer *peer)
{
	pthread_mutex_unlock(&peer->lock);
}

/*
 * Called with the lock held. From here on nothing is received into buffers of calls. The owner must
 * not execute puts that it has received but not executed: they would overwrite those of the
 * program's next connection. A reset, unlike the end of the stream, makes it close at once.
 */
void peer_fail(struct ndshm_remote_peer *peer, uint32_t reason)
{
	const struct sockaddr reset = { .sa_family = AF_UNSPEC };

	if (peer->reason != NDSHM_REASON_NONE)
		return;
	peer->reason = reason;
	peer->pending_count = 0;
	queue_stop(peer->queue);
	/* Wakes the threads that wait for the socket. */
	shutdown(peer->fd, SHUT_RDWR);
	connect(peer->fd, &reset, sizeof(reset));
	pthread_cond_broadcast(&peer->changed);
}

/*
 * Receiving
 */

static struct remote_pending *peer_pending_at(struct ndshm_remote_peer *peer, uint32_t number)
{
	return &peer->pending[(peer->pending_first + number) % REMOTE_WINDOW];
}

static struct remote_pending *peer_pending(struct ndshm_remote_peer *peer)
{
	return peer_pending_at(peer, 0);
}

/* Whether the reply with this number and the next one are awaited, and small. */
static bool peer_awaits_small(struct ndshm_remote_peer *peer, uint32_t number)
{
	return peer->pending_count > number + 1 && peer_pending_at(peer, number)->length <= SMALL &&
	       peer_pending_at(peer, number + 1)->length <= SMALL;
}

static void peer_reply_done(struct ndshm_remote_peer *peer, uint32_t reason)
{
	struct remote_call *call = peer_pending(peer)->call;

	if (call->reason == NDSHM_REASON_NONE)
		call->reason = reason;
	call->range = peer->reply.range;
	call->offset = peer->reply.offset;
	memcpy(call->value, peer->reply.value, sizeof(call->value));
	call->left--;
	peer->pending_first = (peer->pending_first + 1) % REMOTE_WINDOW;
	peer->pending_count--;
	peer->moved += REMOTE_STEP;
	peer->unanswered = 0;
	pthread_cond_broadcast(&peer->changed);
}

static bool reply_decode(const unsigned char header[WIRE_HEADER],
			 const struct remote_pending *pending, struct wire *reply)
{
	return wire_decode(header, reply) && reply->kind == WIRE_REPLY &&
	       reply->request == pending->request && (!reply->offset || pending->call->pairs) &&
	       reply->length == (reply->reason == NDSHM_REASON_NONE ? pending->length : 0);
}

/* A header is complete. Returns false if it is not the reply to the oldest request. */
static bool peer_header_done(struct ndshm_remote_peer *peer)
{
	struct wire *reply = &peer->reply;

	peer->header_have = 0;
	if (!peer->pending_count || !reply_decode(peer->header, peer_pending(peer), reply))
		return false;
	peer->body = reply->length;
	if (!peer->body)
		peer_reply_done(peer, reply->reason);
	return true;
}

/* Data and trailer are complete. Returns false if the trailer is invalid. */
static bool peer_body_done(struct ndshm_remote_peer *peer)
{
	peer->body = peer->body_have = 0;
	if (wire_get32(peer->trailer + 4))
		return false;
	peer_reply_done(peer, wire_get32(peer->trailer));
	return true;
}

/* Account received bytes: data, its trailer, and a part of the next header. */
static bool peer_received(struct ndshm_remote_peer *peer, uint32_t count, uint32_t body)
{
	const uint32_t data = count < body ? count : body;

	peer->moved += count;
	peer->body_have += data;
	if (peer->body && peer->body_have == peer->body + WIRE_TRAILER && !peer_body_done(peer))
		return false;
	peer->header_have += count - data;
	return peer->header_have < WIRE_HEADER || peer_header_done(peer);
}

/* List where what arrives next belongs. Returns the bytes of data and trailer in it. */
static uint32_t peer_parts(struct ndshm_remote_peer *peer, struct iovec *parts, uint32_t *count)
{
	static char nowhere[REMOTE_STEP];
	uint32_t left, done, body = 0;

	*count = 0;
	if (peer->body_have < peer->body) {
		const struct remote_pending *pending = peer_pending(peer);
		const uint32_t most = pending->call->fault ? sizeof(nowhere) : REMOTE_COPY;

		left = peer->body - peer->body_have;
		body = left < most ? left : most;
		parts[0].iov_base =
			pending->call->fault ? nowhere : pending->buffer + peer->body_have;
		parts[(*count)++].iov_len = body;
		if (body < left)
			return body;
	}
	if (peer->body) {
		done = peer->body_have > peer->body ? peer->body_have - peer->body : 0;
		parts[*count].iov_base = peer->trailer + done;
		parts[(*count)++].iov_len = WIRE_TRAILER - done;
		body += WIRE_TRAILER - done;
	}
	/* peer_receive_many() begins with a header. */
	if (peer->body && peer_awaits_small(peer, 1))
		return body;
	parts[*count].iov_base = peer->header + peer->header_have;
	parts[(*count)++].iov_len = WIRE_HEADER - peer->header_have;
	return body;
}

/* Account @count bytes, of a reply whose header and trailer are also at @bytes. */
static bool peer_received_reply(struct ndshm_remote_peer *peer, const unsigned char *bytes,
				uint32_t count)
{
	const uint32_t data = count - WIRE_HEADER;

	peer->moved += count;
	if (count < WIRE_HEADER) {
		memcpy(peer->header, bytes, count);
		peer->header_have = count;
		return true;
	}
	memcpy(peer->header, bytes, WIRE_HEADER);
	if (!peer_header_done(peer))
		return false;
	if (!peer->body)
		return true;
	peer->body_have = data;
	if (data > peer->body)
		memcpy(peer->trailer, bytes + WIRE_HEADER + peer->body, data - peer->body);
	return data < peer->body + WIRE_TRAILER || peer_body_done(peer);
}

/*
 * Receive the complete replies that have arrived by two system calls: the first shows where they
 * begin, the second moves their data. Returns false if there are not two: nothing was received.
 */
static bool peer_receive_many(struct ndshm_remote_peer *peer)
{
	unsigned char bytes[MANY_BYTES];
	struct iovec parts[3 * MANY];
	struct msghdr message = { .msg_iov = parts };
	uint32_t ends[MANY], count = 0, end = 0, at = 0;
	ssize_t have = recv(peer->fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_PEEK), got;

	while (count < MANY && count < peer->pending_count &&
	       have >= (ssize_t)(end + WIRE_HEADER)) {
		const struct remote_pending *pending = peer_pending_at(peer, count);
		struct iovec *part = &parts[message.msg_iovlen];
		struct wire reply;
		uint32_t next = end + WIRE_HEADER;

		if (!reply_decode(bytes + end, pending, &reply) || pending->call->fault)
			break;
		if (reply.length)
			next += reply.length + WIRE_TRAILER;
		if (have < (ssize_t)next)
			break;
		part[0] = (struct iovec){ bytes + end, WIRE_HEADER };
		part[1] = (struct iovec){ pending->buffer, reply.length };
		part[2] = (struct iovec){ bytes + next - WIRE_TRAILER,
					  reply.length ? WIRE_TRAILER : 0 };
		message.msg_iovlen += 3;
		ends[count++] = end = next;
	}
	if (count < 2)
		return false;
	got = recvmsg(peer->fd, &message, MSG_DONTWAIT);
	/* Less than all if the memory of a call is not accessible. */
	for (uint32_t i = 0; i < count && (ssize_t)at < got; at = ends[i++]) {
		const uint32_t last = (ssize_t)ends[i] < got ? ends[i] : (uint32_t)got;

		if (!peer_received_reply(peer, bytes + at, last - at)) {
			peer_fail(peer, NDSHM_REASON_REMOTE_PROTOCOL);
			break;
		}
	}
	return got > 0;
}

/*
 * Receive what has arrived. Called with the lock held. Returns true if more of what is awaited
 * may have.
 */
static bool peer_receive(struct ndshm_remote_peer *peer)
{
	struct iovec parts[3];
	struct msghdr message = { .msg_iov = parts };
	uint32_t count, body, wanted = 0;
	ssize_t got;

	/* The calls that have failed with it have returned, and their buffers may be gone. */
	if (peer->reason != NDSHM_REASON_NONE)
		return false;
	if (!peer->body && !peer->header_have && peer_awaits_small(peer, 0) &&
	    peer_receive_many(peer))
		return peer->pending_count;
	body = peer_parts(peer, parts, &count);
	message.msg_iovlen = count;
	for (uint32_t i = 0; i < count; i++)
		wanted += (uint32_t)parts[i].iov_len;
	got = recvmsg(peer->fd, &message, MSG_DONTWAIT);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got < 0 && errno == EFAULT && peer->body && !peer_pending(peer)->call->fault) {
		peer_pending(peer)->call->fault = true;
		return true;
	}
	if (got <= 0)
		peer_fail(peer, got && errno == ETIMEDOUT ? NDSHM_REASON_REMOTE_TIMEOUT :
							   NDSHM_REASON_REMOTE_GONE);
	else if (!peer_received(peer, (uint32_t)got, body))
		peer_fail(peer, NDSHM_REASON_REMOTE_PROTOCOL);
	return got == (ssize_t)wanted && peer->pending_count;
}

/*
 * Waiting
 */

void peer_limit_start(struct ndshm_remote_peer *peer, struct peer_limit *limit)
{
	limit->time = remote_now() + peer->remote->timeout;
	limit->moved = peer->moved;
	limit->queued = 0;
	if (peer->unanswered >= REMOTE_STEP)
		ioctl(peer->fd, SIOCOUTQ, &limit->queued);
}

/* Fails the peer after the time limit. Returns the nanoseconds that are left. */
static int64_t peer_limit_check(struct ndshm_remote_peer *peer, struct peer_limit *limit)
{
	int64_t left = limit->time - remote_now();
	int queued = 0;

	if (peer->moved - limit->moved >= REMOTE_STEP) {
		peer_limit_start(peer, limit);
		return peer->remote->timeout;
	}
	if (left > 0)
		return left;
	ioctl(peer->fd, SIOCOUTQ, &queued);
	if (limit->queued - queued >= (int)REMOTE_STEP) {
		peer_limit_start(peer, limit);
		return peer->remote->timeout;
	}
	peer_fail(peer, NDSHM_REASON_REMOTE_TIMEOUT);
	return 0;
}

/*
 * Wait for the sockets, without the lock, and serve meanwhile if no thread does. Returns the events
 * of the connection.
 */
static short peer_poll(struct ndshm_remote_peer *peer, short events, int64_t left, int queue)
{
	struct ndshm_remote *remote = peer->remote;
	struct pollfd fds[3] = {
		{ .fd = peer->fd, .events = events },
		{ .fd = remote->flags & NDSHM_REMOTE_POLL ? remote->epoll : -1, .events = POLLIN },
		{ .fd = queue, .events = POLLIN },
	};

	peer_unlock(peer);
	if (poll(fds, 3, (int)(left / REMOTE_MILLISECOND) + 1) > 0 && fds[1].revents)
		remote_progress(remote);
	peer_lock(peer);
	if (fds[2].revents)
		queue_disarm(peer);
	return fds[0].revents;
}

/* Wait until another thread, which polls, has made progress, or polls no more. */
static void peer_wait_other(struct ndshm_remote_peer *peer, int64_t left)
{
	const int64_t end = remote_now() + left;
	struct timespec time = {
		.tv_sec = end / REMOTE_SECOND, .tv_nsec = end % REMOTE_SECOND,
	};

	pthread_cond_timedwait(&peer->changed, &peer->lock, &time);
}

/* Wait for completions, or for replies, for all, and for both if no other thread does. */
static void peer_poll_for_all(struct ndshm_remote_peer *peer, int64_t left, bool completions)
{
	const bool replies = !peer->polling;
	int queue = -1;

	if (completions && !queue_arm(peer, &queue))
		return;
	peer->polling_queue |= completions;
	peer->polling = true;
	peer_poll(peer, replies ? POLLIN : 0, left, queue);
	if (completions)
		peer->polling_queue = false;
	if (replies)
		peer->polling = false;
	/* One that waits for this thread polls next. */
	pthread_cond_broadcast(&peer->changed);
}

/*
 * Make progress, or wait for it. One thread waits for replies, the others for it. A thread that
 * sends waits for both directions itself.
 *
 * While a thread polls for replies, no other one receives: the kernel looks again after it has
 * woken that thread, finds nothing, and lets it sleep although its reply has come.
 */
void peer_wait_step(struct ndshm_remote_peer *peer, struct peer_limit *limit, bool send,
		    int64_t most)
{
	int64_t left = peer_limit_check(peer, limit);

	if (peer->reason != NDSHM_REASON_NONE)
		return;
	if (most && most < left)
		left = most;
	if (send) {
		/* The thread that polls has been woken, too. */
		if (peer_poll(peer, POLLIN | POLLOUT, left, -1) == POLLIN && peer->polling)
			peer_wait_other(peer, left);
	} else if (most ? peer->polling_queue : peer->polling) {
		peer_wait_other(peer, left);
	} else {
		peer_poll_for_all(peer, left, most);
	}
	queue_progress(peer);
	for (int i = 0; !peer->polling && i < TURN_RECEIVES && peer_receive(peer); i++)
		;
}

uint32_t peer_call_wait(struct ndshm_remote_peer *peer, struct remote_call *call)
{
	struct peer_limit limit;

	if (!call->left || peer->reason != NDSHM_REASON_NONE)
		return peer->reason;
	peer_limit_start(peer, &limit);
	while (call->left && peer->reason == NDSHM_REASON_NONE)
		peer_wait_step(peer, &limit, false, 0);
	return call->left ? peer->reason : NDSHM_REASON_NONE;
}

/*
 * Sending
 */

/* Wait until no other thread is between the first and the last byte of its messages. */
uint32_t peer_batch_begin(struct peer_batch *batch, struct ndshm_remote_peer *peer)
{
	batch->peer = peer;
	batch->count = batch->requests = 0;
	batch->fault = false;
	/* That thread has a time limit. */
	while (peer->sending && peer->reason == NDSHM_REASON_NONE)
		pthread_cond_wait(&peer->changed, &peer->lock);
	if (peer->reason == NDSHM_REASON_NONE)
		peer->sending = true;
	return peer->reason;
}

/* Also if the caller's memory is not accessible: a message that has begun cannot be ended. */
static void peer_send_error(struct peer_batch *batch, int error)
{
	batch->fault = error == EFAULT;
	peer_fail(batch->peer, error == ETIMEDOUT ? NDSHM_REASON_REMOTE_TIMEOUT :
						    NDSHM_REASON_REMOTE_GONE);
}

static void peer_send_parts(struct peer_batch *batch, struct iovec *parts, uint32_t count)
{
	struct ndshm_remote_peer *peer = batch->peer;
	/* After a put TCP waits for more, 200 ms at most, and sends it with the next request. */
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL | (batch->requests ? 0 : MSG_MORE);
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = count };
	struct peer_limit limit;
	bool limited = false;

	while (message.msg_iovlen && peer->reason == NDSHM_REASON_NONE) {
		ssize_t sent = sendmsg(peer->fd, &message, flags);

		if (sent < 0 && errno == EAGAIN) {
			if (!limited)
				peer_limit_start(peer, &limit);
			limited = true;
			peer_wait_step(peer, &limit, true, 0);
			continue;
		}
		if (sent < 0 && errno != EINTR) {
			peer_send_error(batch, errno);
			return;
		}
		peer->moved += sent > 0 ? (size_t)sent : 0;
		peer->unanswered += sent > 0 ? (size_t)sent : 0;
		while (sent > 0 && message.msg_iovlen) {
			struct iovec *first = message.msg_iov;

			if ((size_t)sent < first->iov_len) {
				first->iov_base = (char *)first->iov_base + sent;
				first->iov_len -= (size_t)sent;
				break;
			}
			sent -= (ssize_t)first->iov_len;
			message.msg_iov++;
			message.msg_iovlen--;
		}
	}
}

static uint32_t peer_batch_send(struct peer_batch *batch)
{
	struct iovec parts[2 * BATCH];
	uint32_t count = 0;

	for (uint32_t i = 0; i < batch->count; i++) {
		parts[count].iov_base = batch->headers[i];
		parts[count++].iov_len = WIRE_HEADER;
		if (!batch->lengths[i])
			continue;
		parts[count].iov_base = (void *)batch->data[i];
		parts[count++].iov_len = batch->lengths[i];
	}
	peer_send_parts(batch, parts, count);
	batch->count = batch->requests = 0;
	return batch->peer->reason;
}

uint32_t peer_batch_put(struct peer_batch *batch, const struct wire *wire, const void *data)
{
	const uint32_t at = batch->count++;

	wire_encode(wire, batch->headers[at]);
	batch->data[at] = data;
	batch->lengths[at] = wire->length;
	return batch->count == BATCH ? peer_batch_send(batch) : batch->peer->reason;
}

uint32_t peer_batch_request(struct peer_batch *batch, struct wire *wire, const void *data,
			    struct remote_call *call, void *buffer, uint32_t length)
{
	struct ndshm_remote_peer *peer = batch->peer;
	uint32_t most = REMOTE_WINDOW - 1;
	struct peer_limit limit;
	bool limited = false;

	/* The replies to what was not sent would not come. */
	if (peer->pending_count == REMOTE_WINDOW && batch->count)
		peer_batch_send(batch);
	/* Room for a batch: with room for one, each request would be a message of its own. */
	if (peer->pending_count == REMOTE_WINDOW)
		most = REMOTE_WINDOW - BATCH;
	while (peer->pending_count > most && peer->reason == NDSHM_REASON_NONE) {
		if (!limited)
			peer_limit_start(peer, &limit);
		limited = true;
		peer_wait_step(peer, &limit, false, 0);
	}
	if (peer->reason != NDSHM_REASON_NONE)
		return peer->reason;
	wire->request = ++peer->requests;
	peer->pending[(peer->pending_first + peer->pending_count++) % REMOTE_WINDOW] =
		(struct remote_pending){ wire->request, call, buffer, length };
	call->left++;
	batch->requests++;
	return peer_batch_put(batch, wire, data);
}

/* Returns @reason, or why the rest was not sent. */
uint32_t peer_batch_end(struct peer_batch *batch, uint32_t reason)
{
	struct ndshm_remote_peer *peer = batch->peer;

	if (reason == NDSHM_REASON_NONE && batch->count)
		reason = peer_batch_send(batch);
	peer->sending = false;
	pthread_cond_broadcast(&peer->changed);
	return reason;
}

/* One request, and its reply. Called with the lock held. */
uint32_t peer_call(struct ndshm_remote_peer *peer, struct wire *wire, const void *data,
		   struct remote_call *call)
{
	struct peer_batch batch;
	uint32_t reason = peer_batch_begin(&batch, peer);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = peer_batch_request(&batch, wire, data, call, NULL, 0);
	reason = peer_batch_end(&batch, reason);
	if (reason == NDSHM_REASON_NONE)
		reason = peer_call_wait(peer, call);
	return reason != NDSHM_REASON_NONE ? reason : call->reason;
}

/*
 * Connecting
 */

/* Nanoseconds between two attempts, at most, and after several. */
#define CONNECT_PAUSE		(8 * REMOTE_MILLISECOND)
#define CONNECT_PAUSE_MOST	(512 * REMOTE_MILLISECOND)

struct connection {
	int fd;
	int64_t limit;
	struct handshake handshake;
};

/* Returns 0, or a negative errno after the reason is recorded. */
static int connection_wait(const struct connection *connection, short events)
{
	struct pollfd descriptor = { .fd = connection->fd, .events = events };
	int count;

	do {
		const int64_t left = connection->limit - remote_now();

		if (left <= 0)
			return remote_refuse(NDSHM_REASON_REMOTE_TIMEOUT);
		count = poll(&descriptor, 1, (int)(left / REMOTE_MILLISECOND) + 1);
	} while (!count || (count < 0 && errno == EINTR));
	return count < 0 ? remote_done(-errno) : 0;
}

static int connection_error(int error)
{
	if (error == ECONNREFUSED)
		return remote_refuse(NDSHM_REASON_REMOTE_NO_LISTENER);
	if (error == ETIMEDOUT)
		return remote_refuse(NDSHM_REASON_REMOTE_TIMEOUT);
	return remote_done(-error);
}

static int connection_move(const struct connection *connection, void *data, size_t length,
			   bool send_it)
{
	char *place = data;

	while (length) {
		ssize_t count = send_it ?
			send(connection->fd, place, length, MSG_DONTWAIT | MSG_NOSIGNAL) :
			recv(connection->fd, place, length, MSG_DONTWAIT);
		int error;

		if (count > 0) {
			place += count;
			length -= (size_t)count;
			continue;
		}
		if (!count || (errno != EAGAIN && errno != EINTR))
			return remote_refuse(NDSHM_REASON_REMOTE_GONE);
		error = connection_wait(connection, send_it ? POLLOUT : POLLIN);
		if (error)
			return error;
	}
	return 0;
}

static int connection_open(struct connection *connection, const union remote_address *address,
			   socklen_t length)
{
	socklen_t size = sizeof(int);
	int error = 0;

	if (!connect(connection->fd, &address->any, length))
		return 0;
	if (errno != EINPROGRESS && errno != EINTR)
		return connection_error(errno);
	error = connection_wait(connection, POLLOUT);
	if (error)
		return error;
	if (getsockopt(connection->fd, SOL_SOCKET, SO_ERROR, &error, &size))
		error = errno;
	return error ? connection_error(error) : 0;
}

static int connection_establish(struct connection *connection, const union remote_address *address,
				socklen_t length, unsigned char instance[REMOTE_SECRET])
{
	struct handshake *handshake = &connection->handshake;
	uint32_t reason;
	int error = connection_open(connection, address, length);

	if (!error)
		error = connection_move(connection, handshake->greeting, GREETING_BYTES, false);
	if (error)
		return error;
	if (!handshake_greeting_valid(handshake))
		return remote_refuse(NDSHM_REASON_REMOTE_PROTOCOL);
	if (!handshake_say_hello(handshake))
		return remote_done(-EIO);
	error = connection_move(connection, handshake->hello, HELLO_BYTES, true);
	if (!error)
		error = connection_move(connection, handshake->welcome, WELCOME_BYTES, false);
	if (error)
		return error;
	reason = handshake_welcome_check(handshake, instance);
	return reason == NDSHM_REASON_NONE ? remote_done(0) : remote_refuse(reason);
}

static struct ndshm_remote_peer *peer_alloc(struct ndshm_remote *remote)
{
	struct ndshm_remote_peer *peer = calloc(1, sizeof(*peer));
	pthread_condattr_t attributes;

	if (!peer)
		return NULL;
	peer->remote = remote;
	peer->fd = -1;
	pthread_mutex_init(&peer->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&peer->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	remote_list_init(&peer->link);
	remote_list_init(&peer->ranges);
	return peer;
}

/* Safe on a peer that is not in the list yet. */
void peer_free(struct ndshm_remote_peer *peer)
{
	struct ndshm_remote *remote = peer->remote;

	remote_lock(remote);
	remote->peer_count -= peer->link.next != &peer->link;
	remote_list_del(&peer->link);
	remote_unlock(remote);
	ranges_free(peer);
	queue_free(peer->queue);
	/* A child that has not run its handler has a copy: closing alone would not end it. */
	if (peer->fd >= 0)
		shutdown(peer->fd, SHUT_RDWR);
	descriptor_close(peer->fd);
	pthread_cond_destroy(&peer->changed);
	pthread_mutex_destroy(&peer->lock);
	explicit_bzero(peer->session, sizeof(peer->session));
	free(peer);
}

static int peer_try(struct ndshm_remote_peer *peer, struct connection *connection,
		    const union remote_address *address, socklen_t length)
{
	descriptor_close(peer->fd);
	peer->fd = connection->fd = descriptor_socket(address->any.sa_family);
	if (peer->fd < 0)
		return remote_done(-errno);
	remote_socket_init(peer->remote, peer->fd);
	return connection_establish(connection, address, length, peer->instance);
}

/* Pause for a random time, *@most at most, and double that. Returns false if too little is left. */
static bool connection_pause(const struct connection *connection, int64_t *most)
{
	struct timespec time = { 0 };
	uint32_t number;

	if (!remote_random(&number, sizeof(number)))
		return false;
	time.tv_nsec = number % *most;
	if (connection->limit - remote_now() <= time.tv_nsec)
		return false;
	nanosleep(&time, NULL);
	if (*most < CONNECT_PAUSE_MOST)
		*most *= 2;
	return true;
}

/* A listener with too many connections that are half open ends the oldest: try again. */
static int peer_connect(struct ndshm_remote *remote, struct connection *connection,
			const union remote_address *address, socklen_t length,
			struct ndshm_remote_peer **out)
{
	struct ndshm_remote_peer *peer = peer_alloc(remote);
	int64_t most = CONNECT_PAUSE;
	int error;

	if (!peer)
		return remote_done(-ENOMEM);
	connection->limit = remote_now() + remote->timeout;
	do {
		error = peer_try(peer, connection, address, length);
	} while (error == -ECONNRESET && connection_pause(connection, &most));
	if (error) {
		peer_free(peer);
		return error;
	}
	handshake_session(&connection->handshake, peer->session);
	queue_create(peer);
	remote_lock(remote);
	remote_list_add(&remote->peers, &peer->link);
	remote->peer_count++;
	remote_unlock(remote);
	*out = peer;
	return 0;
}

NDSHM_API int ndshm_remote_connect(struct ndshm_remote *remote, const char *address, uint16_t port,
				   const void *token, size_t token_length,
				   struct ndshm_remote_peer **out)
{
	struct connection connection = { .fd = -1 };
	union remote_address parsed;
	socklen_t length = remote_address_parse(address, port, &parsed);
	int error;

	*out = NULL;
	if (!length)
		return remote_refuse(NDSHM_REASON_REMOTE_ADDRESS);
	if (!token_init(&connection.handshake.token, token, token_length))
		return remote_refuse(NDSHM_REASON_REMOTE_TOKEN_LENGTH);
	if (!remote_enter(remote))
		return remote_forked();
	error = peer_connect(remote, &connection, &parsed, length, out);
	explicit_bzero(&connection, sizeof(connection));
	remote_leave();
	return error;
}

NDSHM_API void ndshm_remote_disconnect(struct ndshm_remote_peer *peer)
{
	if (!peer || !remote_enter(peer->remote))
		return;
	peer_free(peer);
	remote_done(0);
	remote_leave();
}
