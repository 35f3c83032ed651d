// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The owner's ends of RDMA: a queue pair, a protection domain and a memory region for each range
 * that a peer imported. The device executes the accesses, and compares them with the region, which
 * has exactly the bytes and the rights of the export. The region is in a domain with nothing but
 * the queue pair of this one peer and range: its key is of no use on another connection.
 *
 * A revocation destroys the queue pair first: no packet can reach the region afterwards. Some
 * devices, as that of rdma_rxe, let a message that has begun continue into a region that is being
 * deregistered. The queue pair of other ranges is another one, and their accesses continue.
 *
 * To find and open a device, and to pin and to unpin the memory of an export, may take long. A
 * thread that only does this frees and makes the pairs of all peers, in the order of their requests
 * and without the lock. A link whose pair is being made is not received from, but not for longer
 * than half of the time limit. A revocation frees the pairs of its export itself, and waits only
 * for one of these that is being made or freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "remote_internal.h"

/*
 * Protected by ndshm_remote.lock, but @path, @domain, @region and @queue belong to the thread that
 * has taken the pair off the list until it is ready, or freed.
 */
struct remote_pair {
	struct remote_list link;	/* in ndshm_remote.pair_work: to be made, or to be freed */
	struct ndshm_remote_export *owner;	/* is not freed before the pair */
	struct remote_import *import;	/* or NULL: the pair is to be freed */
	bool ready;			/* has been made */

	/* not changed after pair_alloc() */
	union remote_address local;	/* of the connection */
	uint64_t start;			/* address of the first byte for the device */
	uint64_t numbers;		/* of the peer's queue pair and first packet */
	uint32_t mtu;			/* of the peer's device */
	uint32_t reads;			/* the most that it has in flight */

	struct remote_path path;
	struct ibv_pd *domain;
	struct ibv_mr *region;
	struct ibv_qp *queue;
};

/*
 * Objects of the device
 */

/*
 * The kernel refuses to destroy neither a queue pair nor a region, unless the device is gone, which
 * then accesses nothing. To return would let a peer access memory that is used for something else.
 */
static void pair_must(int error)
{
	if (error && error != EIO && error != ENODEV)
		abort();
}

static unsigned int pair_access(uint32_t rights)
{
	return (rights & NDSHM_REMOTE_READ ? IBV_ACCESS_REMOTE_READ : 0) |
	       (rights & NDSHM_REMOTE_WRITE ? IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_LOCAL_WRITE : 0);
}

static uint32_t pair_register(struct remote_pair *pair)
{
	const struct ndshm_remote_export *owner = pair->owner;

	pair->region = ibv_reg_mr_iova(pair->domain, owner->address, owner->blob.length,
				       pair->start, pair_access(owner->blob.rights));
	if (pair->region)
		return NDSHM_REASON_NONE;
	switch (errno) {
	case EFAULT:
		return NDSHM_REASON_REMOTE_UNPINNABLE;
	case ENOMEM:
		return NDSHM_REASON_REMOTE_MEMLOCK;
	default:
		return NDSHM_REASON_REMOTE_QUEUE;
	}
}

/* Find the device, and what both can. */
static uint32_t pair_find_device(struct remote_pair *pair)
{
	struct remote_path *path = &pair->path;
	const uint32_t reason = device_find(pair->owner->remote, &pair->local, path);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (pair->mtu >= IBV_MTU_256 && pair->mtu < path->mtu)
		path->mtu = pair->mtu;
	if (pair->reads < path->served_reads)
		path->served_reads = (uint8_t)pair->reads;
	return NDSHM_REASON_NONE;
}

/* Called without the lock. What was made before a failure is left to pair_fini(). */
static uint32_t pair_init(struct remote_pair *pair)
{
	const struct remote_path *path = &pair->path;
	struct ibv_qp_init_attr attributes = {
		.cap = { .max_send_wr = 1, .max_send_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	uint32_t reason = pair_find_device(pair);

	if (reason != NDSHM_REASON_NONE)
		return reason;
	pair->domain = ibv_alloc_pd(path->device->context);
	if (!pair->domain)
		return NDSHM_REASON_REMOTE_QUEUE;
	reason = pair_register(pair);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	attributes.send_cq = attributes.recv_cq = path->device->completions;
	pair->queue = device_create_pair(pair->domain, &attributes);
	if (!pair->queue)
		return NDSHM_REASON_REMOTE_QUEUE;
	/* It sends responses only: it need not be ready to send. */
	if (!path_connect(path, pair->queue, (uint32_t)pair->numbers & PAIR_NUMBER,
			  (uint32_t)(pair->numbers >> 32) & PAIR_NUMBER,
			  pair_access(pair->owner->blob.rights)))
		return NDSHM_REASON_REMOTE_QUEUE;
	return NDSHM_REASON_NONE;
}

/* Called without the lock. Safe on a pair that is not complete. */
static void pair_fini(struct remote_pair *pair)
{
	if (pair->queue)
		pair_must(ibv_destroy_qp(pair->queue));
	if (pair->region)
		pair_must(ibv_dereg_mr(pair->region));
	if (pair->domain)
		ibv_dealloc_pd(pair->domain);
}

/*
 * Pairs
 */

/* The import has no pair yet. */
static uint32_t pair_alloc(struct remote_import *import, const struct remote_link *link)
{
	struct ndshm_remote_export *owner = import->owner;
	struct remote_pair *pair = calloc(1, sizeof(*pair));

	if (!pair)
		return NDSHM_REASON_REMOTE_QUEUE;
	if (!path_init(&pair->path, link->source.fd, &pair->local)) {
		free(pair);
		return NDSHM_REASON_REMOTE_DEVICE;
	}
	pair->owner = owner;
	pair->import = import;
	pair->start = (uintptr_t)owner->address % (uintptr_t)sysconf(_SC_PAGESIZE);
	pair->numbers = link->wire.offset;
	pair->mtu = (uint32_t)link->wire.value[0] & 0xff;
	pair->reads = (uint32_t)(link->wire.value[0] >> 8) & 0xff;
	import->pair = pair;
	owner->pairs++;
	remote_list_add(&owner->remote->pair_work, &pair->link);
	remote_wake(owner->remote);
	return NDSHM_REASON_NONE;
}

/* It is in no list. Called with the lock held, which is released meanwhile. */
static void pair_free(struct remote_pair *pair)
{
	struct ndshm_remote *remote = pair->owner->remote;

	remote_unlock(remote);
	pair_fini(pair);
	remote_lock(remote);
	pair->owner->pairs--;
	remote_wake(remote);
	free(pair);
}

/*
 * End accesses by RDMA of an import. If its pair is being made, or is to be, the thread that does
 * so finds out. Called with the lock held.
 */
void pair_end(struct remote_import *import)
{
	struct remote_pair *pair = import->pair;
	struct ndshm_remote *remote;

	if (!pair)
		return;
	import->pair = NULL;
	pair->import = NULL;
	if (!pair->ready)
		return;
	remote = pair->owner->remote;
	remote->pair_count--;
	/* First: the peer's puts may still arrive, also if its connection has failed. */
	remote_list_add(remote->pair_work.next, &pair->link);
	remote_wake(remote);
}

/*
 * The pair that a link waits for takes too long: its peer uses TCP, before it has a reason to end
 * the connection. Called with the lock held.
 */
void pair_expire(struct remote_link *link)
{
	struct wire reply = { .reason = NDSHM_REASON_REMOTE_QUEUE };

	pair_end(link->pairing);
	link_paired(link, &reply);
}

/* Half of the time limit that ends first. Peers of older versions do not send theirs. */
static int64_t pair_limit(const struct remote_link *link)
{
	const int64_t own = link->source.remote->timeout;
	const int64_t other = (int64_t)(link->wire.value[0] >> 32) * REMOTE_MILLISECOND;

	return remote_now() + (other && other < own ? other : own) / 2;
}

/* Make the first pair of the list, or free it. Called with the lock held, and releases it. */
static void pair_work(struct ndshm_remote *remote)
{
	struct remote_pair *pair = REMOTE_ENTRY(remote->pair_work.next, struct remote_pair, link);
	struct wire reply = { .reason = NDSHM_REASON_NONE };
	struct remote_import *import;

	remote_list_del(&pair->link);
	if (!pair->import) {
		pair_free(pair);
		return;
	}
	remote_unlock(remote);
	reply.reason = pair_init(pair);
	remote_lock(remote);
	import = pair->import;
	if (!import) {
		pair_free(pair);
		return;
	}
	if (reply.reason != NDSHM_REASON_NONE) {
		import->pair = NULL;
		link_paired(import->peer, &reply);
		pair_free(pair);
		return;
	}
	pair->ready = true;
	remote->pair_count++;
	reply.range = pair->region->rkey | pair->start << 32;
	reply.offset = pair->queue->qp_num | (uint64_t)pair->path.mtu << 32 |
		       (uint64_t)pair->path.served_reads << 40;
	pair_reply_proof(import->peer->session, &import->peer->wire, &reply);
	link_paired(import->peer, &reply);
}

static void *pairs_run(void *argument)
{
	struct ndshm_remote *remote = argument;

	remote_lock(remote);
	while (!remote->stop) {
		if (remote->pair_work.next == &remote->pair_work)
			remote_wait(remote);
		else
			pair_work(remote);
	}
	remote_unlock(remote);
	return NULL;
}

/*
 * Free the pairs of an export that has no imports, and will not. Called with the lock held, which
 * is released meanwhile.
 */
void pairs_free(struct ndshm_remote_export *owner)
{
	struct ndshm_remote *remote = owner->remote;

	while (owner->pairs) {
		struct remote_pair *own = NULL;

		for (struct remote_list *list = remote->pair_work.next;
		     list != &remote->pair_work && !own; list = list->next) {
			own = REMOTE_ENTRY(list, struct remote_pair, link);
			if (own->owner != owner)
				own = NULL;
		}
		if (!own) {
			remote_wait(remote);
			continue;
		}
		remote_list_del(&own->link);
		pair_free(own);
	}
}

/* Wait until no pair is being made. The exports free the others. @stop is set. */
void pairs_stop(struct ndshm_remote *remote)
{
	if (!remote->pairing)
		return;
	remote_lock(remote);
	remote_wake(remote);
	remote_unlock(remote);
	pthread_join(remote->pair_thread, NULL);
}

/*
 * Serve a request for a pair for an import, whose reply comes by link_paired() if this returns no
 * reason. A request without numbers ends the pair: its reply is @done. Called with the lock held.
 */
uint32_t pair_serve(struct remote_link *link, struct remote_import *import, bool *done)
{
	struct ndshm_remote *remote = link->source.remote;
	unsigned char proof[WIRE_PROOF];
	uint32_t reason;

	pair_request_proof(link->session, &link->wire, proof);
	if (!bytes_equal(proof, link->proof, sizeof(proof)))
		return NDSHM_REASON_REMOTE_PROTOCOL;
	pair_end(import);
	*done = !link->wire.offset;
	if (*done)
		return NDSHM_REASON_NONE;
	if (!(import->owner->blob.rights & NDSHM_REMOTE_READ))
		return NDSHM_REASON_REMOTE_WRITE_ONLY;
	/* The other reasons of device_find() are found without the lock. */
	if (remote->flags & NDSHM_REMOTE_TCP)
		return NDSHM_REASON_REMOTE_TRANSPORT;
	if (!remote->pairing)
		remote->pairing = remote_thread_start(remote, &remote->pair_thread, pairs_run);
	if (!remote->pairing)
		return NDSHM_REASON_REMOTE_QUEUE;
	reason = pair_alloc(import, link);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	link->pairing = import;
	link->pairing_limit = pair_limit(link);
	remote_timer_start(remote);
	return NDSHM_REASON_NONE;
}
