// SPDX-License-Identifier: GPL-2.0
/*
 * interop-dpdk KIND: the memory as external memory of DPDK. A pool of mbufs has its data there;
 * packets are received at one port and forwarded to another. The ports are rings of DPDK, whose
 * far ends this program fills and empties.
 */
/* Pools with external memory are declared experimental. */
#define ALLOW_EXPERIMENTAL_API

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "memory.h"

#define LENGTH	0x200000UL
#define ROOM	2048U
#define MBUFS	512U
#define BURST	32U
#define BYTES	1400U
#define PACKETS	10000U

/**
 * struct dpdk_port - a port and the far ends of its rings
 * @id: number of the port
 * @to: packets that it will receive
 * @from: packets that it has sent
 */
struct dpdk_port {
	__u16 id;
	struct rte_ring *to;
	struct rte_ring *from;
};

static void dpdk_init(void)
{
	char words[] = "interop --no-huge --no-pci --no-shconf --no-telemetry -l0 -m64";
	char *options[10];
	int count = 0;

	for (options[0] = strtok(words, " "); options[count]; options[count] = strtok(NULL, " "))
		count++;
	if (rte_eal_init(count, options) < 0)
		interop_fail("DPDK", rte_errno);
}

static void dpdk_open_port(struct dpdk_port *port, const char *name, struct rte_mempool *pool)
{
	static const struct rte_eth_conf config;
	char ring[RTE_RING_NAMESIZE];
	int id;

	snprintf(ring, sizeof(ring), "%s-to", name);
	port->to = rte_ring_create(ring, 2 * BURST, SOCKET_ID_ANY, 0);
	snprintf(ring, sizeof(ring), "%s-from", name);
	port->from = rte_ring_create(ring, 2 * BURST, SOCKET_ID_ANY, 0);
	if (!port->to || !port->from)
		interop_fail(ring, rte_errno);
	id = rte_eth_from_rings(name, &port->to, 1, &port->from, 1, 0);
	if (id < 0)
		interop_fail(name, rte_errno);
	port->id = id;
	if (rte_eth_dev_configure(id, 1, 1, &config) ||
	    rte_eth_rx_queue_setup(id, 0, 2 * BURST, SOCKET_ID_ANY, NULL, pool) ||
	    rte_eth_tx_queue_setup(id, 0, 2 * BURST, SOCKET_ID_ANY, NULL) || rte_eth_dev_start(id))
		interop_fail(name, EIO);
}

static struct rte_mempool *dpdk_pool(const struct interop_memory *memory)
{
	const struct rte_pktmbuf_extmem external = {
		.buf_ptr = memory->base,
		.buf_iova = (rte_iova_t)(uintptr_t)memory->base,
		.buf_len = memory->length,
		.elt_size = ROOM,
	};
	struct rte_mempool *pool;

	if (rte_extmem_register(memory->base, memory->length, NULL, 0, 4096))
		interop_result(rte_errno);
	pool = rte_pktmbuf_pool_create_extbuf("interop", MBUFS, 0, 0, ROOM, SOCKET_ID_ANY,
					      &external, 1);
	if (!pool)
		interop_fail("pool", rte_errno);
	return pool;
}

static void dpdk_send(struct dpdk_port *port, struct rte_mempool *pool,
		      const struct interop_memory *memory, unsigned int seed)
{
	struct rte_mbuf *mbuf = rte_pktmbuf_alloc(pool);
	unsigned char *bytes;

	if (!mbuf)
		interop_fail("mbuf", rte_errno);
	bytes = (unsigned char *)rte_pktmbuf_append(mbuf, BYTES);
	if (!bytes || bytes < memory->base || bytes + BYTES > memory->base + memory->length)
		interop_wrong("place of the mbuf");
	interop_fill(bytes, BYTES, seed);
	if (rte_ring_enqueue(port->to, mbuf))
		interop_fail("ring", ENOSPC);
}

/* Forward what is there, and check what arrives. Return: the number of packets. */
static unsigned int dpdk_forward(const struct dpdk_port *in, const struct dpdk_port *out,
				 unsigned int seed)
{
	struct rte_mbuf *burst[BURST];
	unsigned int count = rte_eth_rx_burst(in->id, 0, burst, BURST), i;
	void *mbuf;

	if (rte_eth_tx_burst(out->id, 0, burst, count) != count)
		interop_fail("transmit", EIO);
	for (i = 0; i < count; i++) {
		if (rte_ring_dequeue(out->from, &mbuf))
			interop_fail("packet", ENOENT);
		if (rte_pktmbuf_pkt_len((struct rte_mbuf *)mbuf) != BYTES ||
		    !interop_equal(rte_pktmbuf_mtod((struct rte_mbuf *)mbuf, unsigned char *),
				   BYTES, seed + i))
			interop_wrong("packet");
		rte_pktmbuf_free(mbuf);
	}
	return count;
}

int main(int argc, char **argv)
{
	struct interop_memory memory;
	struct dpdk_port in, out;
	struct rte_mempool *pool;
	unsigned int sent, passed;

	if (argc != 2) {
		fprintf(stderr, "usage: %s KIND\n", argv[0]);
		return 2;
	}
	interop_open(argv[1], LENGTH, &memory);
	dpdk_init();
	pool = dpdk_pool(&memory);
	dpdk_open_port(&in, "in", pool);
	dpdk_open_port(&out, "out", pool);
	for (sent = 0, passed = 0; passed < PACKETS;) {
		for (; sent < passed + BURST; sent++)
			dpdk_send(&in, pool, &memory, sent);
		passed += dpdk_forward(&in, &out, passed);
	}
	interop_result(0);
}
