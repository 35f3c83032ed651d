// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Imported ranges, and accesses to them.
 */
#include <errno.h>
#include <stdlib.h>

#include "remote_internal.h"

/* Return the reason's errno; those of the owner may be of a newer version. */
static int range_result(uint32_t reason)
{
	switch (reason) {
	case NDSHM_REASON_NONE:
		return remote_done(0);
	case NDSHM_REASON_RANGE:
		return remote_fail(reason, -ERANGE);
	case NDSHM_REASON_ALIGNMENT:
		return remote_fail(reason, -EINVAL);
	case NDSHM_REASON_MEMORY:
		return remote_fail(reason, -ENOMEM);
	default:
		return remote_refuse(reason);
	}
}

/*
 * Order of transports. Called with the lock held before an access by TCP: those by RDMA before are
 * in the owner's memory.
 */
static uint32_t range_order_tcp(struct ndshm_remote_peer *peer)
{
	return queue_flush(peer);
}

/* The same before accesses by RDMA: puts by TCP have been executed. */
static uint32_t range_order_rdma(struct ndshm_remote_peer *peer)
{
	struct wire wire = { .kind = WIRE_CHECK };
	struct remote_call call = { 0 };
	const uint64_t puts = peer->puts;
	uint32_t reason;

	if (peer->puts_ordered == puts)
		return peer->reason;
	reason = peer_call(peer, &wire, NULL, &call);
	if (peer->puts_ordered < puts)
		peer->puts_ordered = puts;
	return reason;
}

/*
 * Life cycle
 */

/* Why the blob cannot be imported by RDMA: what is known without the owner, and so costs no use. */
static uint32_t range_pair_check(const struct ndshm_remote_peer *peer,
				 const struct remote_blob *blob)
{
	if (peer->reason != NDSHM_REASON_NONE || !(peer->remote->flags & NDSHM_REMOTE_RDMA))
		return peer->reason;
	if (!peer->queue)
		return peer->queue_reason;
	return blob->rights & NDSHM_REMOTE_READ ? NDSHM_REASON_NONE :
						  NDSHM_REASON_REMOTE_WRITE_ONLY;
}

/* Select the transport of a new range. */
static uint32_t range_pair(struct ndshm_remote_range *range)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct wire wire = { .kind = WIRE_RELEASE, .range = range->handle };
	struct remote_call call = { 0 };

	range->tcp_reason = queue_pair(range);
	if (peer->reason != NDSHM_REASON_NONE)
		return peer->reason;
	if (range->tcp_reason == NDSHM_REASON_NONE || !(peer->remote->flags & NDSHM_REMOTE_RDMA))
		return NDSHM_REASON_NONE;
	peer_call(peer, &wire, NULL, &call);
	return range->tcp_reason;
}

static uint32_t range_import(struct ndshm_remote_range *range, struct ndshm_remote_peer *peer,
			     const struct remote_blob *blob)
{
	struct wire wire = { .kind = WIRE_IMPORT, .length = WIRE_PROOF, .offset = blob->export_id };
	struct remote_call call = { 0 };
	unsigned char proof[WIRE_PROOF];
	uint32_t reason;

	import_proof(blob, peer->session, proof);
	peer_lock(peer);
	reason = range_pair_check(peer, blob);
	if (reason == NDSHM_REASON_NONE)
		reason = peer_call(peer, &wire, proof, &call);
	if (reason == NDSHM_REASON_NONE &&
	    (call.value[0] != blob->length || call.value[1] != (blob->rights & REMOTE_RIGHTS))) {
		reason = NDSHM_REASON_REMOTE_PROTOCOL;
		peer_fail(peer, reason);
	}
	if (reason == NDSHM_REASON_NONE) {
		range->handle = call.range;
		range->length = call.value[0];
		range->rights = (uint32_t)call.value[1];
		reason = range_pair(range);
	}
	if (reason == NDSHM_REASON_NONE)
		remote_list_add(&peer->ranges, &range->link);
	peer_unlock(peer);
	return reason;
}

/* Safe on a range that is not complete. */
static void range_free(struct ndshm_remote_range *range)
{
	queue_release(range);
	remote_list_del(&range->link);
	free(range);
}

NDSHM_API int ndshm_remote_import(struct ndshm_remote_peer *peer, const void *blob, size_t length,
				  struct ndshm_remote_range **out)
{
	struct ndshm_remote_range *range;
	struct remote_blob decoded;
	uint32_t reason = blob_decode(blob, length, &decoded);

	*out = NULL;
	if (reason != NDSHM_REASON_NONE)
		return remote_refuse(reason);
	if (!bytes_equal(decoded.instance, peer->instance, sizeof(decoded.instance)))
		return remote_refuse(NDSHM_REASON_REMOTE_BLOB_OWNER);
	range = calloc(1, sizeof(*range));
	if (!range)
		return remote_done(-ENOMEM);
	remote_list_init(&range->link);
	range->peer = peer;
	if (!remote_enter(peer->remote)) {
		free(range);
		return remote_forked();
	}
	reason = range_import(range, peer, &decoded);
	explicit_bzero(&decoded, sizeof(decoded));
	if (reason == NDSHM_REASON_NONE)
		*out = range;
	else
		range_free(range);
	remote_leave();
	return range_result(reason);
}

/* No other thread uses the peer. */
void ranges_free(struct ndshm_remote_peer *peer)
{
	while (peer->ranges.next != &peer->ranges)
		range_free(REMOTE_ENTRY(peer->ranges.next, struct ndshm_remote_range, link));
}

NDSHM_API void ndshm_remote_release(struct ndshm_remote_range *range)
{
	struct wire wire = { .kind = WIRE_RELEASE };
	struct remote_call call = { 0 };
	struct ndshm_remote_peer *peer;

	if (!range || !remote_enter(range->peer->remote))
		return;
	peer = range->peer;
	wire.range = range->handle;
	peer_lock(peer);
	range_order_tcp(peer);
	peer_call(peer, &wire, NULL, &call);
	range_free(range);
	peer_unlock(peer);
	remote_done(0);
	remote_leave();
}

NDSHM_API uint64_t ndshm_remote_range_length(const struct ndshm_remote_range *range)
{
	return range->length;
}

NDSHM_API uint32_t ndshm_remote_range_rights(const struct ndshm_remote_range *range)
{
	return range->rights;
}

NDSHM_API uint32_t ndshm_remote_range_transport(const struct ndshm_remote_range *range,
						uint32_t *reason)
{
	if (reason)
		*reason = range->tcp_reason;
	return range->tcp_reason == NDSHM_REASON_NONE ? NDSHM_REMOTE_RDMA : NDSHM_REMOTE_TCP;
}

/*
 * Order
 */

/* Failures of both transports; which came first is not known. */
static uint32_t range_flush(struct ndshm_remote_peer *peer)
{
	struct wire wire = { .kind = WIRE_FLUSH };
	struct remote_call call = { 0 };
	uint32_t reason = queue_flush(peer), other;
	const uint64_t puts = peer->puts;

	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = peer->put_reason;
	peer->put_reason = NDSHM_REASON_NONE;
	/* Without RDMA it also finds out whether the owner is there. */
	if (peer->queue && peer->puts_flushed == puts)
		return reason;
	other = peer_call(peer, &wire, NULL, &call);
	if (peer->puts_flushed < puts)
		peer->puts_flushed = puts;
	if (peer->puts_ordered < puts)
		peer->puts_ordered = puts;
	return peer->reason != NDSHM_REASON_NONE || reason == NDSHM_REASON_NONE ? other : reason;
}

NDSHM_API int ndshm_remote_flush(struct ndshm_remote_peer *peer)
{
	uint32_t reason;

	if (!remote_enter(peer->remote))
		return remote_forked();
	peer_lock(peer);
	reason = range_flush(peer);
	peer_unlock(peer);
	remote_leave();
	return range_result(reason);
}

/* The owner executes the requests of a connection in their order. */
NDSHM_API int ndshm_remote_fence(struct ndshm_remote_peer *peer)
{
	uint32_t reason;

	if (!remote_enter(peer->remote))
		return remote_forked();
	peer_lock(peer);
	reason = peer->reason;
	peer_unlock(peer);
	remote_leave();
	return range_result(reason);
}

/*
 * Accesses
 */

static uint32_t range_check(const struct ndshm_remote_range *range, uint32_t right,
			    const struct ndshm_remote_part *parts, size_t count)
{
	if (!(range->rights & right))
		return NDSHM_REASON_REMOTE_RIGHTS;
	for (size_t i = 0; i < count; i++)
		if (parts[i].length > range->length ||
		    parts[i].offset > range->length - parts[i].length)
			return NDSHM_REASON_RANGE;
	return NDSHM_REASON_NONE;
}

static uint32_t range_chunk(size_t left)
{
	return left < WIRE_DATA ? (uint32_t)left : WIRE_DATA;
}

static uint32_t range_put_part(const struct ndshm_remote_range *range, struct peer_batch *batch,
			       const struct ndshm_remote_part *part)
{
	const char *data = part->buffer;
	uint32_t reason = NDSHM_REASON_NONE;

	for (size_t done = 0; done < part->length && reason == NDSHM_REASON_NONE;) {
		const struct wire wire = {
			.kind = WIRE_PUT,
			.length = range_chunk(part->length - done),
			.range = range->handle,
			.offset = part->offset + done,
		};

		reason = peer_batch_put(batch, &wire, data + done);
		done += wire.length;
	}
	return reason;
}

static uint32_t range_get_part(const struct ndshm_remote_range *range, struct peer_batch *batch,
			       struct remote_call *call, const struct ndshm_remote_part *part)
{
	char *buffer = part->buffer;
	uint32_t reason = NDSHM_REASON_NONE;

	for (size_t done = 0; done < part->length && reason == NDSHM_REASON_NONE;) {
		const uint32_t chunk = range_chunk(part->length - done);
		struct wire wire = {
			.kind = WIRE_GET,
			.range = range->handle,
			.offset = part->offset + done,
			.value = { chunk },
		};

		reason = peer_batch_request(batch, &wire, NULL, call, buffer + done, chunk);
		done += chunk;
	}
	return reason;
}

/* Called with the lock held. *fault: the caller's memory is not accessible. */
static uint32_t range_put_tcp(struct ndshm_remote_range *range,
			      const struct ndshm_remote_part *parts, size_t count, bool *fault)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct peer_batch batch = { .fault = false };
	uint32_t reason = range_order_tcp(peer);

	if (reason == NDSHM_REASON_NONE)
		reason = peer_batch_begin(&batch, peer);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	peer->puts++;
	for (size_t i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = range_put_part(range, &batch, &parts[i]);
	reason = peer_batch_end(&batch, reason);
	*fault = batch.fault;
	return reason;
}

static uint32_t range_put_rdma(struct ndshm_remote_range *range,
			       const struct ndshm_remote_part *parts, size_t count)
{
	uint32_t reason = range_order_rdma(range->peer);

	for (size_t i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = queue_put(range, &parts[i]);
	return reason;
}

NDSHM_API int ndshm_remote_put_many(struct ndshm_remote_range *range,
				    const struct ndshm_remote_part *parts, size_t count)
{
	struct ndshm_remote_peer *peer = range->peer;
	uint32_t reason = range_check(range, NDSHM_REMOTE_WRITE, parts, count);
	bool fault = false;

	if (reason != NDSHM_REASON_NONE)
		return range_result(reason);
	if (!remote_enter(peer->remote))
		return remote_forked();
	peer_lock(peer);
	if (range->tcp_reason == NDSHM_REASON_NONE)
		reason = range_put_rdma(range, parts, count);
	else
		reason = range_put_tcp(range, parts, count, &fault);
	peer_unlock(peer);
	remote_leave();
	return fault ? remote_done(-EFAULT) : range_result(reason);
}

static uint32_t range_get_tcp(struct ndshm_remote_range *range,
			      const struct ndshm_remote_part *parts, size_t count,
			      struct remote_call *call)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct peer_batch batch;
	uint32_t reason = range_order_tcp(peer);

	if (reason == NDSHM_REASON_NONE)
		reason = peer_batch_begin(&batch, peer);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	for (size_t i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = range_get_part(range, &batch, call, &parts[i]);
	reason = peer_batch_end(&batch, reason);
	if (reason == NDSHM_REASON_NONE)
		reason = peer_call_wait(peer, call);
	return reason;
}

static uint32_t range_get_rdma(struct ndshm_remote_range *range,
			       const struct ndshm_remote_part *parts, size_t count,
			       struct remote_call *call)
{
	struct ndshm_remote_peer *peer = range->peer;
	uint32_t reason = range_order_rdma(peer);

	for (size_t i = 0; i < count && reason == NDSHM_REASON_NONE; i++)
		reason = queue_get(range, &parts[i], call);
	/* Also after a failure: what was posted refers to the call. */
	if (queue_get_wait(peer, call) != NDSHM_REASON_NONE)
		reason = peer->reason;
	return reason;
}

NDSHM_API int ndshm_remote_get_many(struct ndshm_remote_range *range,
				    const struct ndshm_remote_part *parts, size_t count)
{
	struct ndshm_remote_peer *peer = range->peer;
	struct remote_call call = { 0 };
	uint32_t reason = range_check(range, NDSHM_REMOTE_READ, parts, count);

	if (reason != NDSHM_REASON_NONE)
		return range_result(reason);
	if (!remote_enter(peer->remote))
		return remote_forked();
	peer_lock(peer);
	if (range->tcp_reason == NDSHM_REASON_NONE)
		reason = range_get_rdma(range, parts, count, &call);
	else
		reason = range_get_tcp(range, parts, count, &call);
	if (reason == NDSHM_REASON_NONE)
		reason = call.reason;
	peer_unlock(peer);
	remote_leave();
	if (reason == NDSHM_REASON_NONE && call.fault)
		return remote_done(-EFAULT);
	return range_result(reason);
}

NDSHM_API int ndshm_remote_put(struct ndshm_remote_range *range, uint64_t offset, const void *data,
			       size_t length)
{
	const struct ndshm_remote_part part = { offset, (void *)data, length };

	return ndshm_remote_put_many(range, &part, 1);
}

NDSHM_API int ndshm_remote_get(struct ndshm_remote_range *range, uint64_t offset, void *buffer,
			       size_t length)
{
	const struct ndshm_remote_part part = { offset, buffer, length };

	return ndshm_remote_get_many(range, &part, 1);
}

static int range_atomic(struct ndshm_remote_range *range, struct wire *wire, uint64_t *old)
{
	const struct ndshm_remote_part part = { wire->offset, NULL, sizeof(uint64_t) };
	uint32_t reason = range_check(range, NDSHM_REMOTE_ATOMIC, &part, 1);
	struct remote_call call = { 0 };

	if (reason == NDSHM_REASON_NONE && wire->offset % sizeof(uint64_t))
		reason = NDSHM_REASON_ALIGNMENT;
	if (reason != NDSHM_REASON_NONE)
		return range_result(reason);
	if (!remote_enter(range->peer->remote))
		return remote_forked();
	wire->range = range->handle;
	peer_lock(range->peer);
	/* Devices are not atomic with respect to the owner's processors: these execute it. */
	reason = range_order_tcp(range->peer);
	if (reason == NDSHM_REASON_NONE)
		reason = peer_call(range->peer, wire, NULL, &call);
	peer_unlock(range->peer);
	remote_leave();
	if (reason == NDSHM_REASON_NONE)
		*old = call.value[0];
	return range_result(reason);
}

NDSHM_API int ndshm_remote_fetch_add(struct ndshm_remote_range *range, uint64_t offset,
				     uint64_t value, uint64_t *old)
{
	struct wire wire = { .kind = WIRE_ADD, .offset = offset, .value = { value } };

	return range_atomic(range, &wire, old);
}

NDSHM_API int ndshm_remote_compare_swap(struct ndshm_remote_range *range, uint64_t offset,
					uint64_t expected, uint64_t desired, uint64_t *old)
{
	struct wire wire = { .kind = WIRE_SWAP, .offset = offset, .value = { expected, desired } };

	return range_atomic(range, &wire, old);
}
