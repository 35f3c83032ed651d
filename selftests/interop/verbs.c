// SPDX-License-Identifier: GPL-2.0
/*
 * interop-verbs KIND: registers the memory with an RDMA device, by libibverbs, connects two queue
 * pairs of the device with each other, and lets it write from one part of the memory to another.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "memory.h"

#define LENGTH		0x100000UL
#define PART		0x10000UL
#define PATIENCE_S	20
#define PORT		1

static struct ibv_context *verbs_open(void)
{
	struct ibv_device **devices = ibv_get_device_list(NULL);
	struct ibv_context *context = devices && devices[0] ? ibv_open_device(devices[0]) : NULL;

	if (!context)
		interop_fail("RDMA device", errno ? errno : ENODEV);
	return context;
}

/* Return: the index of the IPv4 address in the table of GIDs. */
static int verbs_gid(struct ibv_context *context, union ibv_gid *gid)
{
	static const unsigned char ipv4[12] = { [10] = 0xff, [11] = 0xff };
	int index;

	for (index = 0; !ibv_query_gid(context, PORT, index, gid); index++)
		if (!memcmp(gid->raw, ipv4, sizeof(ipv4)))
			return index;
	interop_fail("IPv4 address", ENOENT);
}

static struct ibv_qp *verbs_create(struct ibv_pd *domain, struct ibv_cq *completions)
{
	struct ibv_qp_init_attr attributes = {
		.send_cq = completions,
		.recv_cq = completions,
		.cap = { .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	struct ibv_qp *pair = ibv_create_qp(domain, &attributes);

	if (!pair)
		interop_fail("queue pair", errno);
	return pair;
}

static void verbs_modify(struct ibv_qp *pair, struct ibv_qp_attr *attributes, int mask)
{
	int error = ibv_modify_qp(pair, attributes, mask | IBV_QP_STATE);

	if (error)
		interop_fail("state of the queue pair", error);
}

static void verbs_connect(struct ibv_qp *pair, __u32 number, const union ibv_gid *gid,
			  int index)
{
	struct ibv_qp_attr attributes = {
		.qp_state = IBV_QPS_INIT,
		.port_num = PORT,
		.qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE,
	};

	verbs_modify(pair, &attributes, IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);
	attributes = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTR,
		.path_mtu = IBV_MTU_1024,
		.dest_qp_num = number,
		.max_dest_rd_atomic = 1,
		.min_rnr_timer = 12,
		.ah_attr = {
			.is_global = 1,
			.port_num = PORT,
			.grh = { .dgid = *gid, .sgid_index = index, .hop_limit = 1 },
		},
	};
	verbs_modify(pair, &attributes, IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN |
		     IBV_QP_RQ_PSN | IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	/* Emulated processors are slow: no retransmission within some seconds. */
	attributes = (struct ibv_qp_attr){
		.qp_state = IBV_QPS_RTS,
		.timeout = 20,
		.retry_cnt = 7,
		.rnr_retry = 7,
		.max_rd_atomic = 1,
	};
	verbs_modify(pair, &attributes, IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
		     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

/* Write PART bytes from the start of the memory to PART, and wait for the completion. */
static void verbs_write(struct ibv_qp *pair, struct ibv_cq *completions,
			const struct ibv_mr *region)
{
	const unsigned long base = (unsigned long)region->addr;
	struct ibv_sge from = { .addr = base, .length = PART, .lkey = region->lkey };
	struct ibv_send_wr request = {
		.sg_list = &from,
		.num_sge = 1,
		.opcode = IBV_WR_RDMA_WRITE,
		.send_flags = IBV_SEND_SIGNALED,
		.wr.rdma = { .remote_addr = base + PART, .rkey = region->rkey },
	};
	const time_t end = time(NULL) + PATIENCE_S;
	struct ibv_send_wr *bad;
	struct ibv_wc completion;
	int error, count;

	error = ibv_post_send(pair, &request, &bad);
	if (error)
		interop_fail("post", error);
	do {
		count = ibv_poll_cq(completions, 1, &completion);
		if (!count)
			sched_yield();
	} while (!count && time(NULL) < end);
	if (count != 1)
		interop_fail("completion", ETIMEDOUT);
	if (completion.status != IBV_WC_SUCCESS)
		interop_fail(ibv_wc_status_str(completion.status), EIO);
}

int main(int argc, char **argv)
{
	struct interop_memory memory;
	struct ibv_context *context;
	struct ibv_cq *completions;
	struct ibv_qp *pairs[2];
	struct ibv_mr *region;
	struct ibv_pd *domain;
	union ibv_gid gid;
	int index;

	if (argc != 2) {
		fprintf(stderr, "usage: %s KIND\n", argv[0]);
		return 2;
	}
	interop_open(argv[1], LENGTH, &memory);
	context = verbs_open();
	domain = ibv_alloc_pd(context);
	completions = ibv_create_cq(context, 4, NULL, NULL, 0);
	if (!domain || !completions)
		interop_fail("protection domain", errno);
	region = ibv_reg_mr(domain, memory.base, LENGTH,
			    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	if (!region)
		interop_result(errno);
	pairs[0] = verbs_create(domain, completions);
	pairs[1] = verbs_create(domain, completions);
	index = verbs_gid(context, &gid);
	verbs_connect(pairs[0], pairs[1]->qp_num, &gid, index);
	verbs_connect(pairs[1], pairs[0]->qp_num, &gid, index);
	interop_fill(memory.base, PART, 8);
	verbs_write(pairs[0], completions, region);
	if (!interop_equal(memory.base + PART, PART, 8))
		interop_wrong("RDMA write");
	interop_result(0);
}
