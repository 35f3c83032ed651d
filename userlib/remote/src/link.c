// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Accepted connections: receiving requests and sending replies. Data moves between the socket
 * and the exported memory without a copy in between.
 *
 * A link whose peer does not take its replies is not read from while REMOTE_WINDOW replies wait,
 * and is closed when it has not taken REMOTE_STEP bytes within the time limit. A header that has
 * arrived before is kept until there is room for its reply.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "remote_internal.h"

/* Bytes of a turn, and requests: then others are served. */
#define TURN_BYTES	(2 * REMOTE_COPY)
#define TURN_REQUESTS	32
#define PEEK_REQUESTS	31U
#define NOWHERE		0x10000U

static void link_free(struct remote_source *source)
{
	free(REMOTE_ENTRY(source, struct remote_link, source));
}

void link_close(struct remote_link *link)
{
	struct ndshm_remote *remote = link->source.remote;

	if (link->source.fd < 0)
		return;
	link->pairing = NULL;
	export_forget_link(link);
	remote->reply_count -= link->reply_count;
	remote->link_count--;
	remote_list_del(&link->link);
	remote_source_close(&link->source);
}

void link_forget_import(struct remote_link *link, const struct remote_import *import)
{
	if (link->target == import) {
		link->target = NULL;
		if (link->put_reason == NDSHM_REASON_NONE)
			link->put_reason = NDSHM_REASON_REMOTE_REVOKED;
	}
	for (uint32_t i = 0; i < link->reply_count; i++) {
		struct remote_reply *reply =
			&link->replies[(link->reply_first + i) % REMOTE_WINDOW];

		if (reply->import != import)
			continue;
		reply->import = NULL;
		/* All of its data is sent: it is valid. */
		if (i || link->sent < WIRE_HEADER + reply->length)
			reply->reason = NDSHM_REASON_REMOTE_REVOKED;
	}
}

/*
 * Sending
 */

static uint32_t reply_bytes(const struct remote_reply *reply)
{
	return WIRE_HEADER + (reply->length ? reply->length + WIRE_TRAILER : 0);
}

/* Append what is left of a part of a message to the list: @skip bytes of all parts were sent. */
static uint32_t reply_part(struct iovec *list, uint32_t count, const void *start, uint32_t length,
			   uint32_t *skip)
{
	if (*skip >= length) {
		*skip -= length;
		return count;
	}
	list[count].iov_base = (char *)start + *skip;
	list[count].iov_len = length - *skip;
	*skip = 0;
	return count + 1;
}

/*
 * List what follows the first @skip bytes of a reply. Data is cut at REMOTE_COPY. Returns true
 * if all fits.
 */
static bool reply_list(struct remote_reply *reply, uint32_t skip, struct iovec *list,
		       uint32_t *count)
{
	static const char zeros[NOWHERE];
	const char *data = reply->import ? reply->import->owner->address + reply->offset : NULL;
	const uint32_t most = reply->import ? REMOTE_COPY : NOWHERE;
	uint32_t left, done;

	*count = reply_part(list, *count, reply->header, WIRE_HEADER, &skip);
	if (!reply->length)
		return true;
	done = skip < reply->length ? skip : reply->length;
	left = reply->length - done;
	skip -= done;
	if (left) {
		list[*count].iov_base = data ? (char *)data + done : (char *)zeros;
		list[*count].iov_len = left < most ? left : most;
		(*count)++;
		if (left > most)
			return false;
	}
	wire_put32(reply->trailer, reply->reason);
	*count = reply_part(list, *count, reply->trailer, WIRE_TRAILER, &skip);
	return true;
}

static void reply_done(struct remote_link *link)
{
	struct ndshm_remote *remote = link->source.remote;
	const struct remote_reply *reply = &link->replies[link->reply_first];

	if (reply->length && reply->reason == NDSHM_REASON_NONE) {
		remote->bytes_read += reply->length;
		remote->served++;
	} else if (reply->length) {
		remote->denied++;
	}
	link->reply_first = (link->reply_first + 1) % REMOTE_WINDOW;
	link->reply_count--;
	remote->reply_count--;
	link->careful = false;
}

static void link_sent(struct remote_link *link, size_t count)
{
	link->moved += (uint32_t)count;
	while (count) {
		const uint32_t left = reply_bytes(&link->replies[link->reply_first]) - link->sent;

		if (count < left) {
			link->sent += (uint32_t)count;
			break;
		}
		count -= left;
		link->sent = 0;
		reply_done(link);
		link->moved = REMOTE_STEP;
	}
	if (link->moved >= REMOTE_STEP) {
		link->moved = 0;
		link->limit = remote_now() + link->source.remote->timeout;
	}
}

/*
 * The memory of the first reply, or of one behind it, is gone: find which, and send zeros
 * instead.
 */
static void link_send_fault(struct remote_link *link, uint32_t parts)
{
	struct remote_reply *reply = &link->replies[link->reply_first];

	if (parts > 1) {
		link->careful = true;
	} else {
		reply->import = NULL;
		reply->reason = NDSHM_REASON_REMOTE_MEMORY;
	}
}

/* Returns false if the link was closed. */
static bool link_send(struct remote_link *link)
{
	for (uint32_t sent = 0; link->reply_count && sent < TURN_BYTES;) {
		struct iovec list[3 * REMOTE_WINDOW];
		struct msghdr message = { .msg_iov = list };
		uint32_t skip = link->sent, parts = 0, bytes = 0;
		ssize_t count;

		for (uint32_t i = 0; i < link->reply_count && bytes < REMOTE_COPY; i++) {
			struct remote_reply *reply =
				&link->replies[(link->reply_first + i) % REMOTE_WINDOW];

			bytes += reply_bytes(reply);
			if (!reply_list(reply, skip, list, &parts))
				break;
			skip = 0;
		}
		message.msg_iovlen = link->careful ? 1 : parts;
		count = sendmsg(link->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (count > 0) {
			sent += (uint32_t)count;
			link_sent(link, (size_t)count);
		} else if (errno == EFAULT) {
			link_send_fault(link, (uint32_t)message.msg_iovlen);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno != EINTR) {
			link_close(link);
			return false;
		}
	}
	return true;
}

void link_reply(struct remote_link *link, struct wire *wire, const struct remote_import *import,
		uint64_t offset)
{
	struct ndshm_remote *remote = link->source.remote;
	struct remote_reply *reply =
		&link->replies[(link->reply_first + link->reply_count) % REMOTE_WINDOW];

	wire->kind = WIRE_REPLY;
	wire_encode(wire, reply->header);
	memset(reply->trailer, 0, sizeof(reply->trailer));
	reply->import = import;
	reply->offset = offset;
	reply->length = wire->length;
	reply->reason = NDSHM_REASON_NONE;
	if (!wire->length && wire->reason == NDSHM_REASON_NONE)
		remote->served++;
	else if (!wire->length)
		remote->denied++;
	if (!link->reply_count++) {
		link->moved = 0;
		link->limit = remote_now() + remote->timeout;
		remote_timer_start(remote);
	}
	remote->reply_count++;
}

/*
 * Receiving
 */

/* Where the next bytes of data belong. Returns how many of them. */
static uint32_t link_body(struct remote_link *link, struct iovec *part)
{
	static char nowhere[NOWHERE];
	const uint32_t left = link->wire.length - link->body_have;
	uint32_t most = NOWHERE;

	part->iov_base = nowhere;
	if (link->wire.kind == WIRE_IMPORT || link->wire.kind == WIRE_PAIR) {
		part->iov_base = link->proof + link->body_have;
	} else if (link->target) {
		part->iov_base = link->target->owner->address + link->wire.offset + link->body_have;
		most = REMOTE_COPY;
	}
	part->iov_len = left < most ? left : most;
	return (uint32_t)part->iov_len;
}

static void link_body_done(struct remote_link *link)
{
	struct ndshm_remote *remote = link->source.remote;

	link->body_have = 0;
	if (link->wire.kind == WIRE_PUT) {
		if (link->target) {
			remote->served++;
			remote->bytes_written += link->wire.length;
		} else {
			remote->denied++;
		}
		link->target = NULL;
	} else {
		export_serve(link);
	}
	link->wire.length = 0;
}

/* A header is complete. Returns false if it is invalid, which the library never sends. */
static bool link_header_done(struct remote_link *link)
{
	struct wire *wire = &link->wire;
	uint32_t reason;

	link->header_have = 0;
	link->turn_requests++;
	if (!wire_decode(link->header, wire) || !wire_request_valid(wire))
		return false;
	if (wire->kind == WIRE_PUT) {
		reason = export_find(link, wire, NDSHM_REMOTE_WRITE, wire->length, &link->target);
		if (link->put_reason == NDSHM_REASON_NONE)
			link->put_reason = reason;
	} else if (!wire->length) {
		export_serve(link);
	}
	return true;
}

/* Whether the next request can be executed, and its reply appended. */
static bool link_serves(const struct remote_link *link)
{
	return link->reply_count < REMOTE_WINDOW && !link->pairing;
}

static bool link_has_request(const struct remote_link *link)
{
	return link->header_have == WIRE_HEADER;
}

/*
 * Account received bytes: data first, then a part of the next header. Returns false if that is
 * invalid.
 */
static bool link_received(struct remote_link *link, uint32_t count, uint32_t body)
{
	const uint32_t data = count < body ? count : body;

	link->body_have += data;
	if (link->wire.length && link->body_have == link->wire.length)
		link_body_done(link);
	link->header_have += count - data;
	/* The data may have been that of a request with a reply. */
	return !link_has_request(link) || !link_serves(link) || link_header_done(link);
}

/*
 * Execute the requests without data that have arrived, whose number is added to *count, and the
 * first with data up to its header. Returns false if the link is to be closed.
 */
static bool link_receive_headers(struct remote_link *link, uint32_t *count)
{
	unsigned char headers[PEEK_REQUESTS * WIRE_HEADER];
	ssize_t have = recv(link->source.fd, headers, sizeof(headers), MSG_DONTWAIT | MSG_PEEK);
	size_t taken = 0;

	if (have <= 0)
		return have < 0 && (errno == EAGAIN || errno == EINTR);
	while ((size_t)have - taken >= WIRE_HEADER && link_serves(link) && !link->wire.length) {
		memcpy(link->header, headers + taken, WIRE_HEADER);
		taken += WIRE_HEADER;
		++*count;
		if (!link_header_done(link))
			return false;
	}
	if (!taken) {
		memcpy(link->header, headers, (size_t)have);
		taken = link->header_have = (uint32_t)have;
	}
	return recv(link->source.fd, headers, taken, MSG_DONTWAIT) == (ssize_t)taken;
}

/* Returns false if the link is to be closed. */
static bool link_receive(struct remote_link *link)
{
	uint32_t bytes = 0;

	for (uint32_t i = 0; i < TURN_REQUESTS && bytes < TURN_BYTES; i++) {
		struct iovec parts[2];
		struct msghdr message = { .msg_iov = parts };
		uint32_t body = 0, wanted;
		ssize_t count;

		if (!link_serves(link))
			break;
		if (link_has_request(link)) {
			if (!link_header_done(link))
				return false;
			continue;
		}
		if (i && !link->wire.length && !link->header_have) {
			const uint32_t before = i;

			if (!link_receive_headers(link, &i))
				return false;
			/* All of what has arrived. */
			if (i - before < PEEK_REQUESTS && !link->wire.length)
				break;
			continue;
		}
		if (link->wire.length)
			body = link_body(link, &parts[message.msg_iovlen++]);
		wanted = body;
		if (link->body_have + body == link->wire.length) {
			parts[message.msg_iovlen].iov_base = link->header + link->header_have;
			parts[message.msg_iovlen++].iov_len = WIRE_HEADER - link->header_have;
			wanted += WIRE_HEADER - link->header_have;
		}
		count = recvmsg(link->source.fd, &message, MSG_DONTWAIT);
		if (count < 0 && errno == EFAULT && link->target) {
			/* The rest of the put goes nowhere. */
			link->target = NULL;
			if (link->put_reason == NDSHM_REASON_NONE)
				link->put_reason = NDSHM_REASON_REMOTE_MEMORY;
			continue;
		}
		if (count < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!count || !link_received(link, (uint32_t)count, body))
			return false;
		bytes += (uint32_t)count;
		if ((uint32_t)count < wanted)
			break;
		/* The peer may wait for it, and send nothing before, as it did in the last turn. */
		if (!i && link->reply_count == 1 && !link->pipelined && !link_send(link))
			return false;
	}
	return true;
}

static void link_wait(struct remote_link *link)
{
	const bool serves = link_serves(link);
	/* Room to send, which is there: the request is executed in the next turn. */
	const bool more = link->reply_count || (serves && link_has_request(link));

	remote_source_set(&link->source, (serves ? EPOLLIN : 0) | (more ? EPOLLOUT : 0));
}

/* The thread that serves sends the reply. */
void link_paired(struct remote_link *link, struct wire *reply)
{
	link->pairing = NULL;
	reply->request = link->wire.request;
	link_reply(link, reply, NULL, 0);
	link_wait(link);
}

static void link_ready(struct remote_source *source, uint32_t events)
{
	struct remote_link *link = REMOTE_ENTRY(source, struct remote_link, source);

	/*
	 * Both directions have ended: nothing would take a reply. Puts that have arrived are
	 * dropped, because the program may have connected again: see peer_fail().
	 */
	if (events & (EPOLLHUP | EPOLLERR)) {
		link_close(link);
		return;
	}
	if ((events & EPOLLIN || link_has_request(link)) && !link_receive(link)) {
		link_close(link);
		return;
	}
	link->pipelined = link->turn_requests > 1;
	link->turn_requests = 0;
	if (link_send(link))
		link_wait(link);
}

bool links_check_time(struct ndshm_remote *remote, int64_t now)
{
	bool pairing = false;

	for (struct remote_list *list = remote->links.next; list != &remote->links;) {
		struct remote_link *link = REMOTE_ENTRY(list, struct remote_link, link);

		list = list->next;
		if (link->reply_count && link->limit <= now) {
			link_close(link);
			continue;
		}
		if (link->pairing && link->pairing_limit <= now)
			pair_expire(link);
		pairing |= link->pairing != NULL;
	}
	return pairing;
}

/* Consumes the descriptor. */
bool link_create(struct ndshm_remote *remote, int fd, const unsigned char session[REMOTE_PROOF])
{
	struct remote_link *link = calloc(1, sizeof(*link));

	if (!link) {
		descriptor_close(fd);
		return false;
	}
	link->source = (struct remote_source){
		.ready = link_ready, .free = link_free, .remote = remote, .fd = fd,
	};
	memcpy(link->session, session, REMOTE_PROOF);
	remote_list_add(&remote->links, &link->link);
	remote->link_count++;
	if (remote_source_add(&link->source, EPOLLIN))
		return true;
	link_close(link);
	return false;
}
