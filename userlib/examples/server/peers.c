// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "peers.h"

struct peer {
	struct peer *next, *previous;
	int channel;
	uint64_t buffer;		/* offset of the lent buffer */
	uint64_t buffer_length;
};

static void link_peer(struct peers *peers, struct peer *peer)
{
	peer->next = peers->first;
	if (peer->next)
		peer->next->previous = peer;
	peers->first = peer;
	peers->tally.now++;
}

static void unlink_peer(struct peers *peers, struct peer *peer)
{
	if (peer->next)
		peer->next->previous = peer->previous;
	if (peer->previous)
		peer->previous->next = peer->next;
	else
		peers->first = peer->next;
	peers->tally.now--;
}

/* Extents of the peer's own are freed by the kernel when its process closes the section. */
static void drop(struct peers *peers, struct peer *peer)
{
	unlink_peer(peers, peer);
	if (peer->buffer_length)
		ndshm_extent_free(peers->section, peer->buffer);
	close(peer->channel);
	free(peer);
}

/* Allocates the buffer to lend, if any, and adds the peer to epoll. */
static int equip(struct peers *peers, struct peer *peer)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = peer };
	int error = 0;

	if (peers->buffer)
		error = ndshm_extent_alloc(peers->section, peers->buffer, 0, &peer->buffer,
					   &peer->buffer_length);
	if (!error && epoll_ctl(peers->epoll, EPOLL_CTL_ADD, peer->channel, &event))
		error = -errno;
	return error;
}

/* Returns NULL on failure; the caller then still owns `channel`. */
static struct peer *make_peer(struct peers *peers, int channel)
{
	struct peer *peer = NULL;

	if (peers->tally.now < peers->most)
		peer = calloc(1, sizeof(*peer));
	if (!peer)
		return NULL;
	peer->channel = channel;
	if (!equip(peers, peer))
		return peer;
	if (peer->buffer_length)
		ndshm_extent_free(peers->section, peer->buffer);
	free(peer);
	return NULL;
}

static void turn_away(struct peers *peers, int channel)
{
	const struct greeting greeting = {
		.version = PROTOCOL_VERSION, .status = STATUS_CLIENTS,
	};

	/* Errors are ignored: the client then sees a closed socket. */
	channel_greet(channel, &greeting, NULL);
	close(channel);
	peers->tally.turned_away++;
}

static void welcome(struct peers *peers, struct peer *peer)
{
	const struct greeting greeting = {
		.version = PROTOCOL_VERSION,
		.buffer = peer->buffer,
		.buffer_length = peer->buffer_length,
	};

	link_peer(peers, peer);
	peers->tally.clients++;
	/* The client may have disconnected already. */
	if (channel_greet(peer->channel, &greeting, peers->section))
		drop(peers, peer);
}

int peers_accept(struct peers *peers, int listener)
{
	int channel = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct peer *peer;

	if (channel < 0)
		return -errno;
	peer = make_peer(peers, channel);
	if (peer)
		welcome(peers, peer);
	else
		turn_away(peers, channel);
	return 0;
}

static void count(struct tally *tally, const struct serve *serve, struct answer answer)
{
	tally->requests++;
	if (answer.status == STATUS_SERVED) {
		tally->served[serve->request.operation]++;
		tally->bytes += answer.length;
	} else {
		tally->refused[answer.status]++;
	}
}

static void reply(struct peers *peers, struct peer *peer, struct answer answer)
{
	ssize_t sent = send(peer->channel, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent == sizeof(answer))
		return;
	/* The peer has left hundreds of answers unread. */
	if (errno == EAGAIN)
		peers->tally.dropped++;
	drop(peers, peer);
}

void peers_serve(struct peers *peers, struct peer *peer, uint32_t events)
{
	char message[sizeof(struct request)];
	struct answer answer;
	ssize_t length;

	/* Pending requests are dropped: their result range may belong to another client by now. */
	if (events & EPOLLHUP) {
		drop(peers, peer);
		return;
	}
	/* MSG_TRUNC returns the full length. The kernel closes descriptors in the message. */
	length = recv(peer->channel, message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* recv() returns 0 at end of file and for an empty message; drop the peer in both cases. */
	if (length <= 0) {
		drop(peers, peer);
		return;
	}
	answer = serve(&peers->serve, message, length);
	count(&peers->tally, &peers->serve, answer);
	reply(peers, peer, answer);
}

void peers_drop_all(struct peers *peers)
{
	while (peers->first)
		drop(peers, peers->first);
}
