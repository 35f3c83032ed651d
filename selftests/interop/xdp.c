// SPDX-License-Identifier: GPL-2.0
/*
 * interop-xdp KIND: the memory as the UMEM of an AF_XDP socket, by libxdp. It sends a frame from
 * the interface interop0, and a packet socket at the other end, interop1, must get it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xdp/xsk.h>

#include "memory.h"

#define FRAME		2048U
#define FRAMES		64U
#define BYTES		1000U
#define TYPE		0x88b5	/* for experiments */
#define PATIENCE_MS	10000

static int xdp_peer(const char *name)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(TYPE),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(TYPE));

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		interop_fail(name, errno);
	return fd;
}

static void xdp_frame(unsigned char *frame)
{
	memset(frame, 0xff, 2 * ETH_ALEN);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	interop_fill(frame + ETH_HLEN, BYTES - ETH_HLEN, 7);
}

int main(int argc, char **argv)
{
	const struct xsk_socket_config config = {
		.tx_size = XSK_RING_PROD__DEFAULT_NUM_DESCS,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_COPY,
	};
	struct xsk_ring_prod fill, transmit;
	struct interop_memory memory;
	struct xsk_ring_cons completed;
	unsigned char frame[FRAME];
	struct xsk_socket *socket;
	struct xsk_umem *umem;
	struct pollfd peer;
	__u32 slot;
	int error;

	if (argc != 2) {
		fprintf(stderr, "usage: %s KIND\n", argv[0]);
		return 2;
	}
	interop_open(argv[1], FRAME * FRAMES, &memory);
	peer = (struct pollfd){ .fd = xdp_peer("interop1"), .events = POLLIN };
	error = xsk_umem__create(&umem, memory.base, memory.length, &fill, &completed, NULL);
	if (error)
		interop_result(error);
	error = xsk_socket__create(&socket, "interop0", 0, umem, NULL, &transmit, &config);
	if (error)
		interop_fail("socket", error);
	xdp_frame(memory.base);
	if (xsk_ring_prod__reserve(&transmit, 1, &slot) != 1)
		interop_fail("ring", ENOSPC);
	*xsk_ring_prod__tx_desc(&transmit, slot) = (struct xdp_desc){ .addr = 0, .len = BYTES };
	xsk_ring_prod__submit(&transmit, 1);
	if (sendto(xsk_socket__fd(socket), NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN)
		interop_fail("send", errno);
	if (poll(&peer, 1, PATIENCE_MS) != 1)
		interop_fail("frame", ETIMEDOUT);
	if (recv(peer.fd, frame, sizeof(frame), 0) != BYTES ||
	    !interop_equal(frame + ETH_HLEN, BYTES - ETH_HLEN, 7))
		interop_wrong("frame");
	interop_result(0);
}
