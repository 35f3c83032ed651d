/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Just enough of a host to be talked to: answers ARP requests and ICMP echo
 * requests for one IPv4 address, and makes test frames. Knows nothing of the
 * card: a frame comes in, an answer goes out. Every frame may be hostile.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_MIN		60	/* bytes of a frame, without its CRC */
#define NET_FRAME_STANDARD	1514
#define NET_FRAME_MAX		9014	/* the longest that the card can receive */

#define NET_TYPE_TEST		0x88b5	/* IEEE 802 local experimental */
#define NET_PORT_DISCARD	9

struct net {
	uint8_t mac[6];
	bool has_address;
	uint32_t address;	/* in host order, as all numbers here */
	size_t frame_max;

	/* Whom to send test frames to: with an address, ARP finds the MAC. */
	bool has_peer_address;
	bool has_peer_mac;
	uint32_t peer_address;
	uint8_t peer_mac[6];
};

/* What became of a frame. */
enum net_result {
	/* Answered: there is an answer to send. */
	NET_ARP_ANSWERED,
	NET_ECHO_ANSWERED,
	/* Taken note of. */
	NET_PEER_FOUND,		/* the peer's answer to our ARP request */
	NET_TEST,		/* a test frame */
	NET_DISCARDED,		/* a datagram to the discard port */
	/* Dropped. */
	NET_DROP_TRUNCATED,	/* shorter than its headers say */
	NET_DROP_TOO_LONG,	/* longer than frame_max */
	NET_DROP_SOURCE,	/* from a group, or from our own address */
	NET_DROP_VLAN,
	NET_DROP_TYPE,		/* of Ethernet */
	NET_DROP_NOT_OURS,	/* for another host, or for a group */
	NET_DROP_ARP,		/* malformed, or no answer is due */
	NET_DROP_IP_HEADER,
	NET_DROP_IP_CHECKSUM,
	NET_DROP_IP_FRAGMENT,
	NET_DROP_IP_PROTOCOL,
	NET_DROP_ICMP_TYPE,
	NET_DROP_ICMP_CHECKSUM,
	NET_DROP_UDP_HEADER,
	NET_DROP_UDP_PORT,
	NET_DROP_UDP_CHECKSUM,
	NET_RESULTS
};

#define NET_DROPS	NET_DROP_TRUNCATED	/* the first of them */

/* A name such as "ip_checksum". */
const char *net_result_name(enum net_result result);

/*
 * Look at a frame of `length` bytes (without CRC) and make the answer, if any,
 * in `answer`, which must have room for frame_max bytes and not overlap. *size
 * is the answer's length, 0 if there is none.
 */
enum net_result net_input(struct net *net, const uint8_t *frame, size_t length,
			  uint8_t *answer, size_t *size);

/* An ARP request for the peer's MAC; returns its length. */
size_t net_make_request(const struct net *net, uint8_t *frame);

/*
 * Test frame number `sequence`, of `length` bytes: UDP to the peer's discard
 * port if it has an address, else type NET_TYPE_TEST. NET_FRAME_MIN bytes at
 * least, frame_max at most; peer_mac must be known.
 */
void net_make_test(const struct net *net, uint8_t *frame, size_t length, uint64_t sequence);

#endif /* NET_H */
