// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The listener, and connections whose peer has not proved yet that it has the token. These are
 * half open: each costs one small object until a time limit that nothing extends, and no one
 * waits for it. If there are too many, one of the address with the most is closed, so that a
 * host that opens many does not displace those of others.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "remote_internal.h"

#define BACKLOG		1024
#define ACCEPTS		16		/* in a turn */

/* An IPv4 address, or the network of an IPv6 address: a host has all addresses of a /64. */
struct half_open_origin {
	unsigned char bytes[8];
};

struct half_open {
	struct remote_list link;	/* in ndshm_remote.half_open */
	struct remote_source source;
	struct half_open_origin origin;
	uint32_t share;			/* half-open connections of @origin */
	uint32_t have;			/* bytes of the hello */
	int64_t limit;
	struct handshake handshake;	/* its token is set while a proof is checked */
};

socklen_t remote_address_parse(const char *text, uint16_t port, union remote_address *address)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->storage;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->storage;

	memset(address, 0, sizeof(*address));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		return sizeof(*in6);
	}
	return 0;
}

/* A peer whose machine or wire is gone is found, also if nothing is sent. */
void remote_socket_init(const struct ndshm_remote *remote, int fd)
{
	const unsigned int limit = (unsigned int)(remote->timeout / REMOTE_MILLISECOND);
	const int on = 1, idle = limit < 4000 ? 1 : (int)(limit / 4000), probes = 3;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit, sizeof(limit));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/*
 * Half-open connections
 */

static struct half_open_origin half_open_origin_of(const union remote_address *address)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&address->storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address->storage;
	struct half_open_origin origin = { { 0 } };

	if (address->any.sa_family == AF_INET)
		memcpy(origin.bytes, &in->sin_addr, sizeof(in->sin_addr));
	else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		memcpy(origin.bytes, in6->sin6_addr.s6_addr + 12, 4);
	else
		memcpy(origin.bytes, in6->sin6_addr.s6_addr, sizeof(origin.bytes));
	return origin;
}

/* Add @change to the shares of an origin, and return the number of its connections before. */
static uint32_t half_open_share(struct ndshm_remote *remote, const struct half_open_origin *origin,
				int change)
{
	uint32_t count = 0;

	for (struct remote_list *link = remote->half_open.next; link != &remote->half_open;
	     link = link->next) {
		struct half_open *half = REMOTE_ENTRY(link, struct half_open, link);

		if (memcmp(&half->origin, origin, sizeof(*origin)))
			continue;
		half->share += (uint32_t)change;
		count++;
	}
	return count;
}

static void half_open_free(struct remote_source *source)
{
	free(REMOTE_ENTRY(source, struct half_open, source));
}

/* Without its descriptor: it was refused, or has become a link. */
static void half_open_remove(struct half_open *half, bool refused)
{
	struct ndshm_remote *remote = half->source.remote;

	remote_list_del(&half->link);
	half_open_share(remote, &half->origin, -1);
	remote->half_open_count--;
	remote->refused += refused;
}

static void half_open_close(struct half_open *half)
{
	half_open_remove(half, true);
	remote_source_close(&half->source);
}

/* The socket has sent little: its buffer has room, or else it is dropped. */
static bool half_open_send(const struct half_open *half, const void *data, size_t length)
{
	return send(half->source.fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

static void half_open_refuse(struct half_open *half, uint32_t reason)
{
	handshake_refuse(&half->handshake, reason);
	half_open_send(half, half->handshake.welcome, WELCOME_BYTES);
	half_open_close(half);
}

/* The proof is right: make it a link. */
static void half_open_accept(struct half_open *half)
{
	struct ndshm_remote *remote = half->source.remote;
	unsigned char session[REMOTE_PROOF];
	int fd = half->source.fd;

	if (remote->link_count >= remote->max_peers) {
		half_open_refuse(half, NDSHM_REASON_REMOTE_PEERS);
		return;
	}
	handshake_welcome(&half->handshake, remote->instance);
	handshake_session(&half->handshake, session);
	if (!half_open_send(half, half->handshake.welcome, WELCOME_BYTES)) {
		half_open_close(half);
		return;
	}
	/* The descriptor leaves the set, and enters it as the link's. */
	epoll_ctl(remote->epoll, EPOLL_CTL_DEL, fd, NULL);
	half->source.fd = -1;
	remote_list_add(&remote->dead, &half->source.dead);
	half_open_remove(half, false);
	link_create(remote, fd, session);
	explicit_bzero(session, sizeof(session));
}

/* Takes what has arrived, at most one hello, and never waits for more. */
static void half_open_ready(struct remote_source *source, uint32_t events)
{
	struct half_open *half = REMOTE_ENTRY(source, struct half_open, source);
	struct handshake *handshake = &half->handshake;
	ssize_t count = recv(source->fd, handshake->hello + half->have, HELLO_BYTES - half->have,
			     MSG_DONTWAIT);

	(void)events;
	if (count < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (count <= 0) {
		half_open_close(half);
		return;
	}
	half->have += (uint32_t)count;
	if (!handshake_hello_starts(handshake->hello, half->have)) {
		half_open_refuse(half, NDSHM_REASON_REMOTE_PROTOCOL);
		return;
	}
	if (half->have < HELLO_BYTES)
		return;
	handshake->token = source->remote->token;
	if (handshake_hello_valid(handshake))
		half_open_accept(half);
	else
		half_open_refuse(half, NDSHM_REASON_REMOTE_TOKEN);
	explicit_bzero(&handshake->token, sizeof(handshake->token));
}

/*
 * Make room: close the oldest of the origin with the most, where the new one counts for @origin.
 * If all have the same, it is the oldest of all.
 */
static void half_open_displace(struct ndshm_remote *remote, const struct half_open_origin *origin)
{
	struct half_open *victim = NULL;
	uint32_t most = 0;

	for (struct remote_list *link = remote->half_open.next; link != &remote->half_open;
	     link = link->next) {
		struct half_open *half = REMOTE_ENTRY(link, struct half_open, link);
		const uint32_t share =
			half->share + !memcmp(&half->origin, origin, sizeof(*origin));

		if (share > most) {
			most = share;
			victim = half;
		}
	}
	half_open_close(victim);
}

/* Consumes the descriptor. */
static void half_open_create(struct ndshm_remote *remote, int fd,
			     const union remote_address *address)
{
	const struct half_open_origin origin = half_open_origin_of(address);
	struct half_open *half = calloc(1, sizeof(*half));

	if (!half) {
		descriptor_close(fd);
		return;
	}
	if (remote->half_open_count == remote->max_half_open)
		half_open_displace(remote, &origin);
	half->source = (struct remote_source){
		.ready = half_open_ready, .free = half_open_free, .remote = remote, .fd = fd,
	};
	half->limit = remote_now() + remote->timeout;
	half->origin = origin;
	half->share = half_open_share(remote, &origin, 1) + 1;
	remote_list_add(&remote->half_open, &half->link);
	remote->half_open_count++;
	remote_timer_start(remote);
	remote_socket_init(remote, fd);
	if (!remote_source_add(&half->source, EPOLLIN) || !handshake_greet(&half->handshake) ||
	    !half_open_send(half, half->handshake.greeting, GREETING_BYTES))
		half_open_close(half);
}

/*
 * The listener
 */

static void listener_ready(struct remote_source *source, uint32_t events)
{
	struct ndshm_remote *remote = source->remote;

	(void)events;
	for (int i = 0; i < ACCEPTS; i++) {
		union remote_address address;
		socklen_t length = sizeof(address);
		int fd = descriptor_accept(source->fd, &address.any, &length);

		if (fd >= 0) {
			half_open_create(remote, fd, &address);
			continue;
		}
		if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
			return;
		/* No descriptors or no memory: the connection stays ready; try again later. */
		remote_source_set(source, 0);
		remote->listener_paused = true;
		remote_timer_start(remote);
		return;
	}
}

bool listener_needs_time(const struct ndshm_remote *remote)
{
	return remote->half_open_count || remote->listener_paused;
}

void listener_check_time(struct ndshm_remote *remote, int64_t now)
{
	for (struct remote_list *link = remote->half_open.next; link != &remote->half_open;) {
		struct half_open *half = REMOTE_ENTRY(link, struct half_open, link);

		link = link->next;
		if (half->limit <= now)
			half_open_close(half);
	}
	if (remote->listener_paused)
		remote_source_set(&remote->listener, EPOLLIN);
	remote->listener_paused = false;
}

void listener_close(struct ndshm_remote *remote)
{
	while (remote->half_open.next != &remote->half_open)
		half_open_close(REMOTE_ENTRY(remote->half_open.next, struct half_open, link));
	remote_source_close(&remote->listener);
}

static int listener_bind(int fd, const union remote_address *address, socklen_t length,
			 uint16_t *out_port)
{
	union remote_address bound;
	socklen_t size = sizeof(bound);
	const int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, &address->any, length) || listen(fd, BACKLOG) ||
	    getsockname(fd, &bound.any, &size))
		return -errno;
	/* The port is at the same place for both families. */
	if (out_port)
		*out_port = ntohs(((struct sockaddr_in *)&bound.storage)->sin_port);
	return 0;
}

/* Consumes the descriptor. */
static int listener_start(struct ndshm_remote *remote, int fd, const struct remote_token *token)
{
	bool listening, added = false;

	remote_lock(remote);
	listening = remote->listener.fd >= 0;
	if (!listening) {
		remote->listener = (struct remote_source){
			.ready = listener_ready, .remote = remote, .fd = fd,
		};
		remote->token = *token;
		added = remote_source_add(&remote->listener, EPOLLIN);
		if (!added)
			remote->listener.fd = -1;
	}
	remote_unlock(remote);
	if (!added)
		descriptor_close(fd);
	if (listening)
		return remote_refuse(NDSHM_REASON_REMOTE_LISTENING);
	return remote_done(added ? 0 : -ENOMEM);
}

/* Before the address is bound, which may be the listener's; listener_start() checks it again. */
static bool listener_exists(struct ndshm_remote *remote)
{
	bool exists;

	remote_lock(remote);
	exists = remote->listener.fd >= 0;
	remote_unlock(remote);
	return exists;
}

/* With NDSHM_REMOTE_RDMA the address must be that of a device. */
static uint32_t listener_check_device(struct ndshm_remote *remote,
				      const union remote_address *address)
{
	struct remote_path path;

	if (!(remote->flags & NDSHM_REMOTE_RDMA))
		return NDSHM_REASON_NONE;
	return device_find(remote, address, &path);
}

static int listener_open(struct ndshm_remote *remote, const char *address, uint16_t port,
			 const struct remote_token *token, uint16_t *out_port)
{
	union remote_address parsed;
	socklen_t length = remote_address_parse(address, port, &parsed);
	uint32_t reason;
	int fd, error;

	if (!length)
		return remote_refuse(NDSHM_REASON_REMOTE_ADDRESS);
	reason = listener_check_device(remote, &parsed);
	if (reason != NDSHM_REASON_NONE)
		return remote_refuse(reason);
	if (listener_exists(remote))
		return remote_refuse(NDSHM_REASON_REMOTE_LISTENING);
	fd = descriptor_socket(parsed.any.sa_family);
	if (fd < 0)
		return remote_done(-errno);
	error = listener_bind(fd, &parsed, length, out_port);
	if (!error)
		return listener_start(remote, fd, token);
	descriptor_close(fd);
	return remote_done(error);
}

NDSHM_API int ndshm_remote_listen(struct ndshm_remote *remote, const char *address, uint16_t port,
				  const void *token, size_t token_length, uint16_t *out_port)
{
	struct remote_token key;
	int error;

	if (!remote_enter(remote))
		return remote_forked();
	if (token_init(&key, token, token_length))
		error = listener_open(remote, address, port, &key, out_port);
	else
		error = remote_refuse(NDSHM_REASON_REMOTE_TOKEN_LENGTH);
	explicit_bzero(&key, sizeof(key));
	remote_leave();
	return error;
}
