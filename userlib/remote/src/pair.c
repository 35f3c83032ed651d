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
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "remote_internal.h"

struct remote_pair {
	struct ibv_pd *domain;
	struct ibv_mr *region;
	struct ibv_qp *queue;
};

/*
 * The kernel refuses to destroy neither a queue pair nor a region, unless the device is gone, which
 * then accesses nothing. To return would let a peer access memory that is used for something else.
 */
static void pair_must(int error)
{
	if (error && error != EIO && error != ENODEV)
		abort();
}

/* Safe on a pair that is not complete. */
void pair_free(struct ndshm_remote *remote, struct remote_pair *pair)
{
	if (!pair)
		return;
	remote->pair_count--;
	if (pair->queue)
		pair_must(ibv_destroy_qp(pair->queue));
	if (pair->region)
		pair_must(ibv_dereg_mr(pair->region));
	if (pair->domain)
		ibv_dealloc_pd(pair->domain);
	free(pair);
}

static unsigned int pair_access(uint32_t rights)
{
	return (rights & NDSHM_REMOTE_READ ? IBV_ACCESS_REMOTE_READ : 0) |
	       (rights & NDSHM_REMOTE_WRITE ? IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_LOCAL_WRITE : 0);
}

static uint32_t pair_register(struct remote_pair *pair, const struct ndshm_remote_export *owner,
			      uint64_t start)
{
	pair->region = ibv_reg_mr_iova(pair->domain, owner->address, owner->blob.length, start,
				       pair_access(owner->blob.rights));
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

static uint32_t pair_init(struct remote_pair *pair, const struct remote_path *path,
			  const struct ndshm_remote_export *owner, uint64_t start, uint64_t numbers)
{
	struct ibv_qp_init_attr attributes = {
		.send_cq = path->device->completions,
		.recv_cq = path->device->completions,
		.cap = { .max_send_wr = 1, .max_send_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	uint32_t reason;

	pair->domain = ibv_alloc_pd(path->device->context);
	if (!pair->domain)
		return NDSHM_REASON_REMOTE_QUEUE;
	reason = pair_register(pair, owner, start);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	pair->queue = ibv_create_qp(pair->domain, &attributes);
	if (!pair->queue)
		return NDSHM_REASON_REMOTE_QUEUE;
	device_hide_mappings();
	/* It sends responses only: it need not be ready to send. */
	if (!path_connect(path, pair->queue, (uint32_t)numbers & PAIR_NUMBER,
			  (uint32_t)(numbers >> 32) & PAIR_NUMBER, pair_access(owner->blob.rights)))
		return NDSHM_REASON_REMOTE_QUEUE;
	return NDSHM_REASON_NONE;
}

/*
 * Serve a request for a pair for an import, whose reply then has what the peer needs. A request
 * without numbers frees the pair. Called with the lock held.
 */
uint32_t pair_serve(struct remote_link *link, struct remote_import *import, struct wire *reply)
{
	const struct ndshm_remote_export *owner = import->owner;
	struct ndshm_remote *remote = link->source.remote;
	const uint64_t start = (uintptr_t)owner->address % (uintptr_t)sysconf(_SC_PAGESIZE);
	const uint32_t mtu = (uint32_t)link->wire.value[0] & 0xff;
	const uint32_t reads = (uint32_t)(link->wire.value[0] >> 8) & 0xff;
	unsigned char proof[WIRE_PROOF];
	struct remote_path path;
	uint32_t reason;

	pair_request_proof(link->session, &link->wire, proof);
	if (!bytes_equal(proof, link->proof, sizeof(proof)))
		return NDSHM_REASON_REMOTE_PROTOCOL;
	pair_free(remote, import->pair);
	import->pair = NULL;
	if (!link->wire.offset)
		return NDSHM_REASON_NONE;
	if (!(owner->blob.rights & NDSHM_REMOTE_READ))
		return NDSHM_REASON_REMOTE_WRITE_ONLY;
	reason = device_find_path(remote, link->source.fd, &path);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (mtu >= IBV_MTU_256 && mtu < path.mtu)
		path.mtu = mtu;
	if (reads < path.served_reads)
		path.served_reads = (uint8_t)reads;
	import->pair = calloc(1, sizeof(*import->pair));
	if (!import->pair)
		return NDSHM_REASON_REMOTE_QUEUE;
	remote->pair_count++;
	reason = pair_init(import->pair, &path, owner, start, link->wire.offset);
	if (reason != NDSHM_REASON_NONE) {
		pair_free(remote, import->pair);
		import->pair = NULL;
		return reason;
	}
	reply->range = import->pair->region->rkey | start << 32;
	reply->offset = import->pair->queue->qp_num | (uint64_t)path.mtu << 32 |
			(uint64_t)path.served_reads << 40;
	pair_reply_proof(link->session, &link->wire, reply);
	return NDSHM_REASON_NONE;
}
