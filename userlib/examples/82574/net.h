/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A minimal host: answers ARP requests and ICMP echo requests for one IPv4 address, and builds
 * test frames. It is independent of the card. All input frames are untrusted.
 */
#ifndef NET_H
#define NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_FRAME_MIN		60	/* bytes of a frame, without CRC */
#define NET_FRAME_STANDARD	1514
#define NET_FRAME_MAX		9014	/* limit of the card */

#define NET_TYPE_TEST		0x88b5	/* IEEE 802 local experimental */
#define NET_PORT_DISCARD	9

struct net {
	uint8_t mac[6];
	bool has_address;
	uint32_t address;	/* in host order, as all numbers here */
	size_t frame_max;
	bool unverified;	/* do not verify the checksums of echo requests */

	/* Destination of test frames. ARP resolves the MAC of peer_address. */
	bool has_peer_address;
	bool has_peer_mac;
	uint32_t peer_address;
	uint8_t peer_mac[6];
};

/* Classification of a received frame. */
enum net_result {
	/* `frame` holds an answer to send. */
	NET_ARP_ANSWERED,
	NET_ECHO_ANSWERED,
	/* Accepted without an answer. */
	NET_PEER_FOUND,		/* ARP reply of the peer */
	NET_TEST,		/* a test frame */
	NET_DISCARDED,		/* a datagram to the discard port */
	/* Dropped. The names say which check failed. */
	NET_DROP_TRUNCATED,	/* shorter than its headers say */
	NET_DROP_TOO_LONG,	/* longer than frame_max */
	NET_DROP_SOURCE,	/* source is a group, or our own address */
	NET_DROP_VLAN,
	NET_DROP_TYPE,		/* unknown Ethernet type */
	NET_DROP_NOT_OURS,	/* not addressed to this host */
	NET_DROP_ARP,		/* malformed, or needs no answer */
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

#define NET_DROPS	NET_DROP_TRUNCATED	/* first dropped result */

/* Returns a name such as "ip_checksum". */
const char *net_result_name(enum net_result result);

/*
 * Processes a frame of `length` bytes (without CRC), which the card can change at any time. The
 * answer, if any, overwrites the frame, whose memory must have NET_FRAME_MIN bytes or more. *size
 * is the length of the answer, at most `length` or NET_FRAME_MIN; 0: no answer.
 */
enum net_result net_input(struct net *net, uint8_t *frame, size_t length, size_t *size);

/* Builds an ARP request for the peer's MAC; returns its length. */
size_t net_make_request(const struct net *net, uint8_t *frame);

/*
 * Builds test frame `sequence` of `length` bytes, NET_FRAME_MIN to frame_max: UDP to the peer's
 * discard port if the peer has an address, else type NET_TYPE_TEST. peer_mac must be known.
 */
void net_make_test(const struct net *net, uint8_t *frame, size_t length, uint64_t sequence);

#endif /* NET_H */
