// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The peer's ends of RDMA: a queue pair for each range, and one completion queue and one buffer for
 * all of a connection. The data of accesses is copied through the buffer; nothing else of this
 * process is registered, and nothing of it for the owner.
 *
 * Only one range has accesses that are not complete, so that the accesses of a connection take
 * effect in the order of its calls, and completions come in the order of @posted. Accesses by TCP
 * wait for all, and for a read after the last write: its response comes when the writes before are
 * in memory, which their own completions do not say. Writes of another queue pair of the same
 * device need only wait for the completions, because a device orders its own.
 *
 * A device says nothing when the owner's queue pair is gone. While a call waits, the owner is asked
 * by TCP, every QUEUE_ASK, whether the range still exists.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "remote_internal.h"

#define QUEUE_BYTES	0x100000U	/* of the buffer */
#define QUEUE_CHUNK	0x20000U	/* of one access */
#define QUEUE_ENTRIES	128U		/* accesses that are not complete */
#define QUEUE_ASK	(50 * REMOTE_MILLISECOND)
/* Nanoseconds in which a completion is not slept for, see queue_adapt(). */
#define QUEUE_SPIN_LEAST	100000LL
#define QUEUE_SPIN_MOST		1000000LL
#define QUEUE_POLLS	32		/* between two looks at the clock meanwhile */

/* A flush reads a byte. */
enum queue_kind { QUEUE_PUT, QUEUE_GET, QUEUE_FLUSH };

struct queue_entry {
	enum queue_kind kind;
	uint32_t start;			/* in the buffer */
	uint32_t length;
	uint32_t taken;			/* of the buffer, with what was left at its end */
	char *buffer;
	struct remote_call *call;	/* or NULL */
};

/* Protected by the peer's lock. */
struct remote_queue {
	struct remote_path path;
	struct ibv_pd *domain;
	struct ibv_comp_channel *channel;
	struct ibv_cq *completions;
	struct ibv_mr *region;		/* of the buffer */
	char *buffer;

	struct ndshm_remote_range *active;	/* has the entries */
	uint64_t writes;		/* number of the last write, and 1 */
	uint64_t reads;			/* the same of the last read */
	uint64_t landed;		/* writes below this are in the owner's memory */
	bool failed;			/* an access of @active has an error */
	bool unreachable;		/* of a kind that a dead owner has */
	bool asking;			/* a thread asks the owner */
	bool trying;			/* a thread tries the path of @active */
	uint32_t switching;		/* threads that wait for their range's turn */
	int64_t spin;			/* QUEUE_SPIN_LEAST to _MOST */
	uint64_t posted;
	uint64_t completed;
	uint32_t place;			/* of the next entry in the buffer */
	uint32_t used;			/* bytes of the buffer */
	struct queue_entry entries[QUEUE_ENTRIES];
};

/*
 * Completions
 */

/* The oldest access has succeeded. */
static void queue_entry_done(struct ndshm_remote_peer *peer)
{
	struct remote_queue *queue = peer->queue;
	struct queue_entry *entry = &queue->entries[queue->completed % QUEUE_ENTRIES];

	if (entry->kind == QUEUE_GET && entry->call->reason == NDSHM_REASON_NONE)
		memcpy(entry->buffer, queue->buffer + entry->start, entry->length);
	if (entry->call)
		entry->call->left--;
	if (entry->kind != QUEUE_PUT)
		queue->landed = queue->completed;
	queue->used -= entry->taken;
	queue->completed++;
	peer->moved += REMOTE_STEP;
	peer->unanswered = 0;
}

/* Take the completions that are there. Called with the lock held. */
void queue_progress(struct ndshm_remote_peer *peer)
{
	struct remote_queue *queue = peer->queue;
	struct ibv_wc completions[16];
	int count;

	/* The calls that have failed with it have returned, and their buffers may be gone. */
	if (!queue || peer->reason != NDSHM_REASON_NONE || queue->posted == queue->completed)
		return;
	do {
		count = ibv_poll_cq(queue->completions, 16, completions);
		for (int i = 0; i < count; i++) {
			const struct ibv_wc *completion = &completions[i];

			/* Behind the first failure. */
			if (completion->wr_id != queue->completed || queue->failed)
				continue;
			queue->failed = completion->status != IBV_WC_SUCCESS;
			queue->unreachable = completion->status == IBV_WC_RETRY_EXC_ERR;
			if (!queue->failed)
				queue_entry_done(peer);
		}
		if (count > 0)
			pthread_cond_broadcast(&peer->changed);
	} while (count == 16);
	if (count < 0)
		peer_fail(peer, NDSHM_REASON_REMOTE_GONE);
}

/*
 * Prepare a wait for the next completion: *fd is readable after it, or -1. Returns false if there
 * was one.
 */
bool queue_arm(struct ndshm_remote_peer *peer, int *fd)
{
	struct remote_queue *queue = peer->queue;
	const uint64_t completed = queue->completed;

	*fd = -1;
	if (queue->posted == completed || queue->failed)
		return true;
	if (!ibv_req_notify_cq(queue->completions, 0))
		*fd = queue->channel->fd;
	/* One may have come before the request. */
	queue_progress(peer);
	return queue->completed == completed && !queue->failed;
}

void queue_disarm(struct ndshm_remote_peer *peer)
{
	struct ibv_cq *completions;
	void *context;

	/* The descriptor is non-blocking. */
	while (!ibv_get_cq_event(peer->queue->channel, &completions, &context))
		ibv_ack_cq_events(completions, 1);
}

/*
 * Failures
 */

/*
 * The peer has failed: the calls return. The accesses that are not complete have been executed, or
 * not, and are not sent any more.
 */
void queue_stop(struct remote_queue *queue)
{
	struct ibv_qp_attr attributes = { .qp_state = IBV_QPS_ERR };

	if (!queue)
		return;
	if (queue->active)
		ibv_modify_qp(queue->active->pair, &attributes, IBV_QP_STATE);
	for (uint32_t i = 0; i < QUEUE_ENTRIES; i++)
		queue->entries[i].call = NULL;
}

/* End a range: its accesses that are not complete fail. Called with the lock held. */
static void queue_drop(struct ndshm_remote_range *range, uint32_t reason)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_queue *queue = peer->queue;
	struct ibv_wc completion;

	if (!range->pair)
		return;
	range->reason = reason;
	ibv_destroy_qp(range->pair);
	range->pair = NULL;
	if (queue->active != range)
		return;
	/* Only this range had accesses. */
	while (ibv_poll_cq(queue->completions, 1, &completion) > 0)
		;
	for (uint64_t at = queue->completed; at < queue->posted; at++) {
		const struct queue_entry *entry = &queue->entries[at % QUEUE_ENTRIES];
		struct remote_call *call = entry->call;

		if (entry->kind == QUEUE_PUT && peer->put_reason == NDSHM_REASON_NONE)
			peer->put_reason = reason;
		if (!call)
			continue;
		if (call->reason == NDSHM_REASON_NONE)
			call->reason = reason;
		call->left--;
	}
	queue->completed = queue->posted;
	queue->used = queue->place = 0;
	/* No read is in flight; writes of other ranges may need one. */
	queue->reads = queue->landed;
	queue->active = NULL;
	queue->failed = false;
	pthread_cond_broadcast(&peer->changed);
}

/*
 * Ask the owner whether the range with accesses that do not complete, or have failed, still exists.
 * Called with the lock held, which is released meanwhile.
 */
static void queue_ask(struct ndshm_remote_peer *peer)
{
	struct remote_queue *queue = peer->queue;
	struct ndshm_remote_range *range = queue->active;
	const uint64_t handle = range->handle;
	struct wire wire = { .kind = WIRE_CHECK, .range = handle };
	struct remote_call call = { 0 };
	uint32_t reason;

	queue->asking = true;
	reason = peer_call(peer, &wire, NULL, &call);
	queue->asking = false;
	pthread_cond_broadcast(&peer->changed);
	/* Another thread may have released it, and then its accesses are complete. */
	if (peer->reason != NDSHM_REASON_NONE || queue->active != range || range->handle != handle)
		return;
	if (reason != NDSHM_REASON_NONE)
		queue_drop(range, reason);
	else if (queue->failed)
		peer_fail(peer, queue->unreachable ? NDSHM_REASON_REMOTE_TIMEOUT :
						     NDSHM_REASON_REMOTE_PROTOCOL);
}

/*
 * Waiting
 */

/*
 * Wait without sleeping. The lock is held, so not while another thread wants it. Return: when the
 * wait began, or 0 if it was short.
 */
static int64_t queue_spin(struct ndshm_remote_peer *peer, uint64_t target)
{
	const struct remote_queue *queue = peer->queue;
	int64_t start = 0, now;

	do {
		for (int i = 0; i < QUEUE_POLLS && queue->completed < target && !queue->failed; i++)
			queue_progress(peer);
		if (queue->completed >= target || queue->failed || peer->reason != NDSHM_REASON_NONE)
			return start;
		now = remote_now();
		start = start ? start : now;
	} while (now < start + queue->spin && !peer_is_wanted(peer));
	return start;
}

/*
 * After a thread has slept: a wake-up costs as much as a small access. Spin for longer if the next
 * wait may then end without one, and less if it is of no use.
 */
static void queue_adapt(struct remote_queue *queue, int64_t took)
{
	queue->spin = took < QUEUE_SPIN_MOST ? 2 * queue->spin : queue->spin / 2;
	if (queue->spin < QUEUE_SPIN_LEAST)
		queue->spin = QUEUE_SPIN_LEAST;
	if (queue->spin > QUEUE_SPIN_MOST)
		queue->spin = QUEUE_SPIN_MOST;
}

/* Wait until the accesses before @target are complete, or have failed with their range. */
static uint32_t queue_wait(struct ndshm_remote_peer *peer, uint64_t target)
{
	struct remote_queue *queue = peer->queue;
	struct peer_limit limit;
	int64_t start = 0, ask;

	if (queue->completed < target)
		start = queue_spin(peer, target);
	if (queue->completed >= target)
		return peer->reason;
	peer_limit_start(peer, &limit);
	ask = remote_now() + QUEUE_ASK;
	while (queue->completed < target && peer->reason == NDSHM_REASON_NONE) {
		if (!queue->asking && !queue->trying && (queue->failed || remote_now() >= ask)) {
			const uint64_t moved = peer->moved;

			queue_ask(peer);
			ask = remote_now() + QUEUE_ASK;
			/* An answer is no progress of the accesses. */
			limit.moved += peer->moved - moved;
			continue;
		}
		peer_wait_step(peer, &limit, false, QUEUE_ASK);
	}
	if (start)
		queue_adapt(queue, remote_now() - start);
	return peer->reason;
}

/*
 * Accesses
 */

/* Take an entry and a part of the buffer if there is room for an access of the range now. */
static struct queue_entry *queue_take(struct ndshm_remote_range *range, uint32_t length)
{
	struct remote_queue *queue = range->peer->queue;
	struct queue_entry *entry = &queue->entries[queue->posted % QUEUE_ENTRIES];
	uint32_t rest = QUEUE_BYTES - queue->place;

	rest = rest < length ? rest : 0;
	if (queue->posted - queue->completed == QUEUE_ENTRIES ||
	    queue->used + rest + length > QUEUE_BYTES)
		return NULL;
	*entry = (struct queue_entry){
		.start = rest ? 0 : queue->place, .length = length, .taken = rest + length,
	};
	return entry;
}

/*
 * Wait until the range may post an access of @length bytes, QUEUE_CHUNK at most. Called with the
 * lock held. Returns its entry, for queue_post() before the lock is released, or NULL and a reason.
 */
static struct queue_entry *queue_reserve(struct ndshm_remote_range *range, uint32_t length,
					 uint32_t *reason)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_queue *queue = peer->queue;
	struct queue_entry *entry;

	for (;;) {
		const bool other = queue->active != range;

		*reason = peer->reason != NDSHM_REASON_NONE ? peer->reason : range->reason;
		if (*reason != NDSHM_REASON_NONE)
			return NULL;
		if (queue->posted != queue->completed &&
		    (other || queue->failed || queue->switching)) {
			queue->switching += other;
			queue_wait(peer, queue->posted);
			queue->switching -= other;
			continue;
		}
		entry = queue_take(range, length);
		if (entry)
			break;
		queue_wait(peer, queue->completed + 1);
	}
	queue->active = range;
	return entry;
}

static uint32_t queue_post(struct ndshm_remote_range *range, struct queue_entry *entry,
			   enum queue_kind kind, uint64_t offset)
{
	struct remote_queue *queue = range->peer->queue;
	struct ibv_sge part = {
		.addr = (uintptr_t)queue->buffer + entry->start,
		.length = entry->length,
		.lkey = queue->region->lkey,
	};
	struct ibv_send_wr access = {
		.wr_id = queue->posted,
		.sg_list = &part,
		.num_sge = 1,
		.opcode = kind == QUEUE_PUT ? IBV_WR_RDMA_WRITE : IBV_WR_RDMA_READ,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = range->start + offset, .rkey = range->key },
	}, *bad;

	if (ibv_post_send(range->pair, &access, &bad)) {
		peer_fail(range->peer, NDSHM_REASON_REMOTE_GONE);
		return range->peer->reason;
	}
	entry->kind = kind;
	queue->place = (entry->start + entry->length) % QUEUE_BYTES;
	queue->used += entry->taken;
	queue->posted++;
	*(kind == QUEUE_PUT ? &queue->writes : &queue->reads) = queue->posted;
	return NDSHM_REASON_NONE;
}

static uint32_t queue_chunk(size_t left)
{
	return left < QUEUE_CHUNK ? (uint32_t)left : QUEUE_CHUNK;
}

/* Called with the lock held. */
uint32_t queue_put(struct ndshm_remote_range *range, const struct ndshm_remote_part *part)
{
	const struct remote_queue *queue = range->peer->queue;
	uint32_t reason = NDSHM_REASON_NONE, length;

	for (size_t done = 0; done < part->length && reason == NDSHM_REASON_NONE; done += length) {
		struct queue_entry *entry;

		length = queue_chunk(part->length - done);
		entry = queue_reserve(range, length, &reason);
		if (!entry)
			break;
		memcpy(queue->buffer + entry->start, (const char *)part->buffer + done, length);
		reason = queue_post(range, entry, QUEUE_PUT, part->offset + done);
	}
	return reason;
}

/* As queue_put(); queue_get_wait() follows. */
uint32_t queue_get(struct ndshm_remote_range *range, const struct ndshm_remote_part *part,
		   struct remote_call *call)
{
	uint32_t reason = NDSHM_REASON_NONE, length;

	for (size_t done = 0; done < part->length && reason == NDSHM_REASON_NONE; done += length) {
		struct queue_entry *entry;

		length = queue_chunk(part->length - done);
		entry = queue_reserve(range, length, &reason);
		if (!entry)
			break;
		entry->buffer = (char *)part->buffer + done;
		entry->call = call;
		reason = queue_post(range, entry, QUEUE_GET, part->offset + done);
		call->left += reason == NDSHM_REASON_NONE;
	}
	return reason;
}

/* Wait for all of the call. Also after a failure: the entries refer to it. */
uint32_t queue_get_wait(struct ndshm_remote_peer *peer, const struct remote_call *call)
{
	while (call->left && peer->reason == NDSHM_REASON_NONE)
		queue_wait(peer, peer->queue->completed + 1);
	return peer->reason;
}

/* A range for a read after the writes of all: that which has accesses, or any, or NULL. */
static struct ndshm_remote_range *queue_flush_range(const struct ndshm_remote_peer *peer)
{
	if (peer->queue->active)
		return peer->queue->active;
	for (struct remote_list *list = peer->ranges.next; list != &peer->ranges;
	     list = list->next) {
		struct ndshm_remote_range *range =
			REMOTE_ENTRY(list, struct ndshm_remote_range, link);

		if (range->pair)
			return range;
	}
	return NULL;
}

/*
 * Wait until the writes before the call are in the owner's memory. Called with the lock held.
 * Failures of ranges are theirs, and in @put_reason.
 */
uint32_t queue_flush(struct ndshm_remote_peer *peer)
{
	struct remote_queue *queue = peer->queue;
	const uint64_t writes = queue ? queue->writes : 0;

	while (queue && queue->landed < writes && peer->reason == NDSHM_REASON_NONE) {
		struct ndshm_remote_range *range = queue_flush_range(peer);
		struct queue_entry *entry = NULL;

		/* All ranges with writes have ended. */
		if (!range) {
			queue->landed = writes;
			break;
		}
		/* What was posted before need not be complete before the read is posted. */
		queue->active = range;
		if (queue->reads < writes && !queue->failed)
			entry = queue_take(range, 1);
		if (entry)
			queue_post(range, entry, QUEUE_FLUSH, 0);
		queue_wait(peer, entry ? queue->posted : queue->completed + 1);
	}
	return peer->reason;
}

/*
 * Pairs
 */

static bool pair_ready_to_send(const struct ndshm_remote_peer *peer, struct ibv_qp *pair,
			       uint32_t packet, uint8_t reads)
{
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_RTS, .retry_cnt = 7, .sq_psn = packet, .max_rd_atomic = reads,
	};
	int64_t wait = 4096;

	/* Longer than the time limit of calls: they ask the owner meanwhile. */
	while (8 * wait < peer->remote->timeout && attributes.timeout < 31) {
		attributes.timeout++;
		wait *= 2;
	}
	return !ibv_modify_qp(pair, &attributes, IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT |
						 IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
						 IBV_QP_MAX_QP_RD_ATOMIC);
}

/* Request the owner's pair, and connect to it. */
static uint32_t queue_pair_connect(struct ndshm_remote_range *range)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_path path = peer->queue->path;
	struct wire wire = { .kind = WIRE_PAIR, .length = WIRE_PROOF, .range = range->handle };
	struct remote_call call = { .pairs = true };
	unsigned char proof[WIRE_PROOF];
	uint32_t packets[2], reason;

	if (!remote_random(packets, sizeof(packets)))
		return NDSHM_REASON_REMOTE_QUEUE;
	packets[0] &= PAIR_NUMBER;
	packets[1] &= PAIR_NUMBER;
	wire.offset = range->pair->qp_num | (uint64_t)packets[0] << 32;
	wire.value[0] = path.mtu | (uint64_t)path.reads << 8 |
			(uint64_t)(peer->remote->timeout / REMOTE_MILLISECOND) << 32;
	pair_request_proof(peer->session, &wire, proof);
	reason = peer_call(peer, &wire, proof, &call);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!pair_reply_valid(peer->session, &wire, &call)) {
		peer_fail(peer, NDSHM_REASON_REMOTE_PROTOCOL);
		return NDSHM_REASON_REMOTE_PROTOCOL;
	}
	range->key = (uint32_t)call.range;
	range->start = call.range >> 32;
	path.mtu = (call.offset >> 32) & 0xff;
	path.reads = (call.offset >> 40) & 0xff;
	/* The owner requests nothing. */
	if (!path_connect(&path, range->pair, (uint32_t)call.offset & PAIR_NUMBER, packets[1], 0) ||
	    !pair_ready_to_send(peer, range->pair, packets[0], path.reads))
		return NDSHM_REASON_REMOTE_QUEUE;
	return NDSHM_REASON_NONE;
}

/* Read a byte: whether packets arrive, and responses. */
static uint32_t queue_pair_try(struct ndshm_remote_range *range)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_queue *queue = peer->queue;
	const int64_t end = remote_now() + peer->remote->timeout / 4;
	struct queue_entry *entry;
	struct peer_limit limit;
	uint32_t reason;
	uint64_t number;

	entry = queue_reserve(range, 1, &reason);
	if (!entry)
		return reason;
	number = queue->posted;
	reason = queue_post(range, entry, QUEUE_FLUSH, 0);
	queue->trying = true;
	peer_limit_start(peer, &limit);
	while (reason == NDSHM_REASON_NONE && queue->completed <= number && !queue->failed) {
		peer_wait_step(peer, &limit, false, QUEUE_ASK);
		reason = remote_now() < end ? peer->reason : NDSHM_REASON_REMOTE_PATH;
	}
	if (reason == NDSHM_REASON_NONE && queue->failed)
		reason = NDSHM_REASON_REMOTE_PATH;
	queue->trying = false;
	return reason;
}

static void queue_unpair(struct ndshm_remote_range *range)
{
	struct wire wire = { .kind = WIRE_PAIR, .length = WIRE_PROOF, .range = range->handle };
	struct remote_call call = { .pairs = true };
	unsigned char proof[WIRE_PROOF];

	queue_drop(range, NDSHM_REASON_REMOTE_REVOKED);
	range->reason = NDSHM_REASON_NONE;
	pair_request_proof(range->peer->session, &wire, proof);
	peer_call(range->peer, &wire, proof, &call);
}

/*
 * Returns why the range's accesses go by TCP. Called with the lock held, which is released meanwhile,
 * before others know the range.
 */
uint32_t queue_pair(struct ndshm_remote_range *range)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_queue *queue = peer->queue;
	struct ibv_qp_init_attr attributes = {
		.cap = { .max_send_wr = QUEUE_ENTRIES, .max_send_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	uint32_t reason;

	if (!queue)
		return peer->queue_reason;
	attributes.send_cq = attributes.recv_cq = queue->completions;
	/* Another thread may open a device, for long, and no object is made meanwhile. */
	peer_unlock(peer);
	range->pair = device_create_pair(queue->domain, &attributes);
	peer_lock(peer);
	if (!range->pair)
		return NDSHM_REASON_REMOTE_QUEUE;
	reason = queue_pair_connect(range);
	if (reason == NDSHM_REASON_NONE)
		reason = queue_pair_try(range);
	if (reason != NDSHM_REASON_NONE)
		queue_unpair(range);
	return reason;
}

/* The accesses of the range are complete, or its peer has failed. Called with the lock held. */
void queue_release(struct ndshm_remote_range *range)
{
	queue_drop(range, NDSHM_REASON_REMOTE_REVOKED);
}

/*
 * Life cycle
 */

/* Safe on a queue that is not complete. The ranges are gone. */
void queue_free(struct remote_queue *queue)
{
	if (!queue)
		return;
	if (queue->completions)
		ibv_destroy_cq(queue->completions);
	if (queue->channel) {
		descriptor_lock();
		descriptor_remove(queue->channel->fd);
		ibv_destroy_comp_channel(queue->channel);
		descriptor_unlock();
	}
	if (queue->region)
		ibv_dereg_mr(queue->region);
	if (queue->domain)
		ibv_dealloc_pd(queue->domain);
	if (queue->buffer)
		munmap(queue->buffer, QUEUE_BYTES);
	free(queue);
}

static bool queue_open_channel(struct remote_queue *queue)
{
	bool good;

	descriptor_lock();
	queue->channel = ibv_create_comp_channel(queue->path.device->context);
	if (queue->channel && !descriptor_add(queue->channel->fd))
		queue->channel->fd = -1;
	good = queue->channel && queue->channel->fd >= 0;
	descriptor_unlock();
	return good && !fcntl(queue->channel->fd, F_SETFL, O_NONBLOCK);
}

static uint32_t queue_init(struct remote_queue *queue)
{
	struct ibv_context *context = queue->path.device->context;
	void *buffer;

	queue->spin = QUEUE_SPIN_LEAST;
	if (!queue_open_channel(queue))
		return NDSHM_REASON_REMOTE_QUEUE;
	buffer = mmap(NULL, QUEUE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		      0);
	if (buffer == MAP_FAILED)
		return NDSHM_REASON_REMOTE_QUEUE;
	queue->buffer = buffer;
	madvise(buffer, QUEUE_BYTES, MADV_DONTFORK);
	queue->domain = ibv_alloc_pd(context);
	queue->completions = device_create_completions(context, QUEUE_ENTRIES, queue->channel);
	if (!queue->domain || !queue->completions)
		return NDSHM_REASON_REMOTE_QUEUE;
	queue->region = ibv_reg_mr(queue->domain, buffer, QUEUE_BYTES, IBV_ACCESS_LOCAL_WRITE);
	if (queue->region)
		return NDSHM_REASON_NONE;
	return errno == ENOMEM ? NDSHM_REASON_REMOTE_MEMLOCK : NDSHM_REASON_REMOTE_QUEUE;
}

/* Set @queue, or @queue_reason, of a peer that is connected. */
void queue_create(struct ndshm_remote_peer *peer)
{
	struct remote_queue *queue = calloc(1, sizeof(*queue));
	union remote_address local;

	if (!queue) {
		peer->queue_reason = NDSHM_REASON_REMOTE_QUEUE;
		return;
	}
	peer->queue_reason = NDSHM_REASON_REMOTE_DEVICE;
	if (path_init(&queue->path, peer->fd, &local))
		peer->queue_reason = device_find(peer->remote, &local, &queue->path);
	if (peer->queue_reason == NDSHM_REASON_NONE)
		peer->queue_reason = queue_init(queue);
	if (peer->queue_reason == NDSHM_REASON_NONE)
		peer->queue = queue;
	else
		queue_free(queue);
}
