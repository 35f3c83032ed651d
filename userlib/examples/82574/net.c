// SPDX-License-Identifier: LGPL-2.1-or-later
#include <endian.h>
#include <stddef.h>
#include <string.h>

#include "net.h"

/*
 * Headers are accessed by offset: frames are not aligned, and offsets are easily compared with
 * lengths.
 */

/* Ethernet */
#define ETH_DESTINATION		0
#define ETH_SOURCE		6
#define ETH_TYPE		12
#define ETH_LENGTH		14
#define TYPE_IPV4		0x0800
#define TYPE_ARP		0x0806
#define TYPE_VLAN		0x8100
#define TYPE_VLAN_OUTER		0x88a8

/* ARP, RFC 826 */
#define ARP_HARDWARE		0
#define ARP_PROTOCOL		2
#define ARP_HARDWARE_LENGTH	4
#define ARP_PROTOCOL_LENGTH	5
#define ARP_OPERATION		6
#define ARP_SENDER_MAC		8
#define ARP_SENDER_ADDRESS	14
#define ARP_TARGET_MAC		18
#define ARP_TARGET_ADDRESS	24
#define ARP_LENGTH		28
#define ARP_REQUEST		1
#define ARP_REPLY		2

/* IPv4, RFC 791 */
#define IP_VERSION		0
#define IP_TOTAL_LENGTH		2
#define IP_IDENTIFICATION	4
#define IP_FRAGMENT		6
#define IP_TIME_TO_LIVE		8
#define IP_PROTOCOL		9
#define IP_CHECKSUM		10
#define IP_SOURCE		12
#define IP_DESTINATION		16
#define IP_LENGTH		20
#define FRAGMENT_RESERVED	0x8000
#define FRAGMENT_NOT		0x4000
#define FRAGMENT_ANY		0x3fff	/* more fragments, or an offset */
#define PROTOCOL_ICMP		1
#define PROTOCOL_UDP		17
#define TIME_TO_LIVE		64

/* ICMP, RFC 792 */
#define ICMP_TYPE		0
#define ICMP_CODE		1
#define ICMP_CHECKSUM		2
#define ICMP_LENGTH		8
#define ICMP_ECHO_REPLY		0
#define ICMP_ECHO		8

/* UDP, RFC 768 */
#define UDP_SOURCE		0
#define UDP_DESTINATION		2
#define UDP_TOTAL_LENGTH	4
#define UDP_CHECKSUM		6
#define UDP_LENGTH		8

/*
 * The headers of a received frame. They are copied before they are inspected, because the card
 * can change the frame at any time. An ARP packet takes the place of @ip and @transport.
 */
#define TRANSPORT_LENGTH	8

struct headers {
	uint8_t eth[ETH_LENGTH];
	uint8_t ip[IP_LENGTH];			/* without options */
	uint8_t transport[TRANSPORT_LENGTH];	/* the header after all options */
};

#define HEADERS_LENGTH		sizeof(struct headers)
#define TRANSPORT		offsetof(struct headers, transport)

_Static_assert(HEADERS_LENGTH == ETH_LENGTH + ARP_LENGTH, "no holes, and ARP fits");
_Static_assert(ICMP_LENGTH == TRANSPORT_LENGTH && UDP_LENGTH == TRANSPORT_LENGTH,
	       "headers of one length");

/* Keeps the compiler from reading the frame again in place of the copy. */
static void copied(void)
{
	__asm__ __volatile__("" : : : "memory");
}

static uint16_t get16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = value >> 8;
	p[1] = value & 0xff;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

/*
 * Checksums, RFC 1071: a one's complement sum of 16-bit words is a sum modulo 0xffff. Therefore
 * longer words can be added, too, and the sum has the byte order of the words: that of memory, or
 * that of the processor for numbers.
 */

static uint64_t add(uint64_t total, uint64_t word)
{
	total += word;
	return total + (total < word);
}

static uint16_t add16(uint16_t total, uint16_t word)
{
	total += word;
	return total + (total < word);
}

static uint64_t word_at(const uint8_t *data)
{
	uint64_t word;

	memcpy(&word, data, sizeof(word));
	return word;
}

static uint32_t half_at(const uint8_t *data)
{
	uint32_t half;

	memcpy(&half, data, sizeof(half));
	return half;
}

static uint16_t quarter_at(const uint8_t *data)
{
	uint16_t quarter;

	memcpy(&quarter, data, sizeof(quarter));
	return quarter;
}

#define LONG_BLOCK	128
#define BLOCK		32

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)

/*
 * C has no addition with carry. The address sanitizer does not check the accesses of asm
 * statements.
 */
#define ADD_FIRST	"addq (%1), %0\n\t"
#define ADD(offset)	"adcq " #offset "(%1), %0\n\t"
#define ADD_CARRY	"adcq $0, %0"

static uint64_t add_block(uint64_t total, const uint8_t *data)
{
	__asm__(ADD_FIRST ADD(8) ADD(16) ADD(24) ADD_CARRY
		: "+r" (total) : "r" (data), "m" (*(const uint8_t (*)[BLOCK])data) : "cc");
	return total;
}

static uint64_t add_long_block(uint64_t total, const uint8_t *data)
{
	__asm__(ADD_FIRST ADD(8) ADD(16) ADD(24) ADD(32) ADD(40) ADD(48) ADD(56)
		ADD(64) ADD(72) ADD(80) ADD(88) ADD(96) ADD(104) ADD(112) ADD(120) ADD_CARRY
		: "+r" (total) : "r" (data), "m" (*(const uint8_t (*)[LONG_BLOCK])data) : "cc");
	return total;
}

#else

static uint64_t add_block(uint64_t total, const uint8_t *data)
{
	for (size_t i = 0; i < BLOCK; i += 8)
		total = add(total, word_at(data + i));
	return total;
}

static uint64_t add_long_block(uint64_t total, const uint8_t *data)
{
	for (size_t i = 0; i < LONG_BLOCK; i += BLOCK)
		total = add_block(total, data + i);
	return total;
}

#endif

/* Adds data that begins at an even offset of the packet. An odd last byte is padded with 0. */
static uint64_t sum(uint64_t total, const uint8_t *data, size_t length)
{
	for (; length >= LONG_BLOCK; data += LONG_BLOCK, length -= LONG_BLOCK)
		total = add_long_block(total, data);
	if (length & 64) {
		total = add_block(total, data);
		total = add_block(total, data + BLOCK);
		data += 64;
	}
	if (length & BLOCK) {
		total = add_block(total, data);
		data += BLOCK;
	}
	if (length & 16) {
		total = add(add(total, word_at(data)), word_at(data + 8));
		data += 16;
	}
	if (length & 8) {
		total = add(total, word_at(data));
		data += 8;
	}
	if (length & 4) {
		total = add(total, half_at(data));
		data += 4;
	}
	if (length & 2) {
		total = add(total, quarter_at(data));
		data += 2;
	}
	if (length & 1) {
		uint16_t last = 0;

		memcpy(&last, data, 1);
		total = add(total, last);
	}
	return total;
}

/* True for the sum of data that includes a valid checksum and is not all zero. */
static bool is_valid(uint64_t total)
{
	return !(total % 0xffff);
}

/* Returns the checksum. It is never 0, which has the same meaning as 0xffff except in UDP. */
static uint16_t checksum_of(uint64_t total)
{
	return 0xffff - total % 0xffff;
}

/* Stores a checksum in the byte order of memory. */
static void put_checksum(uint8_t *p, uint16_t checksum)
{
	memcpy(p, &checksum, sizeof(checksum));
}

static uint64_t sum_pseudo(const uint8_t *ip, size_t udp_length)
{
	return add(word_at(ip + IP_SOURCE), htobe16(PROTOCOL_UDP) + htobe16(udp_length));
}

static bool is_group_mac(const uint8_t *mac)
{
	return mac[0] & 1;
}

static bool is_our_mac(const struct net *net, const uint8_t *mac)
{
	return !memcmp(mac, net->mac, 6);
}

static bool is_broadcast_mac(const uint8_t *mac)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return !memcmp(mac, broadcast, 6);
}

/* True for a unicast address of a host: not multicast, broadcast or loopback. */
static bool is_host(uint32_t address)
{
	return address >> 24 && address >> 24 != 127 && address >> 28 < 0xe;
}

static void put_eth(const struct net *net, uint8_t *frame, const uint8_t *to, uint16_t type)
{
	memcpy(frame + ETH_DESTINATION, to, 6);
	memcpy(frame + ETH_SOURCE, net->mac, 6);
	put16(frame + ETH_TYPE, type);
}

/* Fills short frames with zeroes, so that no old contents of a buffer are sent. */
static size_t pad(uint8_t *frame, size_t length)
{
	if (length >= NET_FRAME_MIN)
		return length;
	memset(frame + length, 0, NET_FRAME_MIN - length);
	return NET_FRAME_MIN;
}

static size_t put_arp(const struct net *net, uint8_t *frame, uint16_t operation,
		      const uint8_t *mac, uint32_t address)
{
	uint8_t *arp = frame + ETH_LENGTH;

	put16(arp + ARP_HARDWARE, 1);
	put16(arp + ARP_PROTOCOL, TYPE_IPV4);
	arp[ARP_HARDWARE_LENGTH] = 6;
	arp[ARP_PROTOCOL_LENGTH] = 4;
	put16(arp + ARP_OPERATION, operation);
	memcpy(arp + ARP_SENDER_MAC, net->mac, 6);
	put32(arp + ARP_SENDER_ADDRESS, net->address);
	memcpy(arp + ARP_TARGET_MAC, mac, 6);
	put32(arp + ARP_TARGET_ADDRESS, address);
	return pad(frame, ETH_LENGTH + ARP_LENGTH);
}

size_t net_make_request(const struct net *net, uint8_t *frame)
{
	static const uint8_t unknown[6];
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	put_eth(net, frame, broadcast, TYPE_ARP);
	return put_arp(net, frame, ARP_REQUEST, unknown, net->peer_address);
}

static enum net_result arp_input(struct net *net, uint8_t *frame, size_t length,
				 const struct headers *headers, size_t *size)
{
	const uint8_t *arp = headers->ip;
	const uint8_t *sender = arp + ARP_SENDER_MAC;
	uint32_t from;

	if (length < ETH_LENGTH + ARP_LENGTH)
		return NET_DROP_TRUNCATED;
	if (get16(arp + ARP_HARDWARE) != 1 || get16(arp + ARP_PROTOCOL) != TYPE_IPV4 ||
	    arp[ARP_HARDWARE_LENGTH] != 6 || arp[ARP_PROTOCOL_LENGTH] != 4)
		return NET_DROP_ARP;
	if (get32(arp + ARP_TARGET_ADDRESS) != net->address)
		return NET_DROP_NOT_OURS;

	/* A probe has no sender address and must be answered (RFC 5227). */
	from = get32(arp + ARP_SENDER_ADDRESS);
	if (is_group_mac(sender) || from == net->address || (from && !is_host(from)))
		return NET_DROP_ARP;

	switch (get16(arp + ARP_OPERATION)) {
	case ARP_REQUEST:
		put_eth(net, frame, sender, TYPE_ARP);
		*size = put_arp(net, frame, ARP_REPLY, sender, from);
		return NET_ARP_ANSWERED;
	case ARP_REPLY:
		if (!net->has_peer_address || from != net->peer_address)
			return NET_DROP_ARP;
		memcpy(net->peer_mac, sender, 6);
		net->has_peer_mac = true;
		return NET_PEER_FOUND;
	default:
		return NET_DROP_ARP;
	}
}

static void put_ip(const struct net *net, uint8_t *ip, size_t total_length, uint8_t protocol,
		   uint32_t to)
{
	const uint16_t version = 4 << 12 | IP_LENGTH / 4 << 8;
	const uint16_t live = TIME_TO_LIVE << 8 | protocol;

	put16(ip + IP_VERSION, version);
	put16(ip + IP_TOTAL_LENGTH, total_length);
	put16(ip + IP_IDENTIFICATION, 0);
	put16(ip + IP_FRAGMENT, FRAGMENT_NOT);
	put16(ip + IP_TIME_TO_LIVE, live);
	put16(ip + IP_CHECKSUM, checksum_of((uint64_t)version + total_length + FRAGMENT_NOT +
					    live + net->address + to));
	put32(ip + IP_SOURCE, net->address);
	put32(ip + IP_DESTINATION, to);
}

/* `offset` and `length` are those of the ICMP message in the frame. */
static enum net_result icmp_input(const struct net *net, uint8_t *frame,
				  const struct headers *headers, size_t offset, size_t length,
				  size_t *size)
{
	const uint8_t *request = headers->transport;
	uint8_t *reply = frame + TRANSPORT;
	uint8_t *data = frame + offset + ICMP_LENGTH;

	if (length < ICMP_LENGTH)
		return NET_DROP_TRUNCATED;
	if (!net->unverified && !is_valid(sum(word_at(request), data, length - ICMP_LENGTH)))
		return NET_DROP_ICMP_CHECKSUM;
	if (request[ICMP_TYPE] != ICMP_ECHO || request[ICMP_CODE])
		return NET_DROP_ICMP_TYPE;

	put_eth(net, frame, headers->eth + ETH_SOURCE, TYPE_IPV4);
	put_ip(net, frame + ETH_LENGTH, IP_LENGTH + length, PROTOCOL_ICMP,
	       get32(headers->ip + IP_SOURCE));
	memcpy(reply, request, ICMP_LENGTH);
	reply[ICMP_TYPE] = ICMP_ECHO_REPLY;
	/* The checksum changes by as much as the type does (RFC 1624). */
	put_checksum(reply + ICMP_CHECKSUM,
		     add16(quarter_at(request + ICMP_CHECKSUM), htobe16(ICMP_ECHO << 8)));
	/* The answer has no IP options. */
	if (offset != TRANSPORT)
		memmove(reply + ICMP_LENGTH, data, length - ICMP_LENGTH);
	*size = pad(frame, TRANSPORT + length);
	return NET_ECHO_ANSWERED;
}

/* `offset` and `most` are those of the IP payload in the frame. */
static enum net_result udp_input(const uint8_t *frame, const struct headers *headers,
				 size_t offset, size_t most)
{
	const uint8_t *udp = headers->transport;
	size_t length;

	if (most < UDP_LENGTH)
		return NET_DROP_TRUNCATED;
	length = get16(udp + UDP_TOTAL_LENGTH);
	if (length < UDP_LENGTH || length > most)
		return NET_DROP_UDP_HEADER;
	/* 0: the datagram has no checksum. */
	if (get16(udp + UDP_CHECKSUM) &&
	    !is_valid(sum(add(sum_pseudo(headers->ip, length), word_at(udp)),
			  frame + offset + UDP_LENGTH, length - UDP_LENGTH)))
		return NET_DROP_UDP_CHECKSUM;
	if (get16(udp + UDP_DESTINATION) != NET_PORT_DISCARD)
		return NET_DROP_UDP_PORT;
	return NET_DISCARDED;
}

static enum net_result ip_input(const struct net *net, uint8_t *frame, size_t frame_length,
				struct headers *headers, size_t *size)
{
	const uint8_t *ip = headers->ip;
	size_t header, total, offset, length;
	uint16_t fragment;
	uint64_t checksum;
	uint32_t from;

	if (frame_length < ETH_LENGTH + IP_LENGTH)
		return NET_DROP_TRUNCATED;
	header = (ip[IP_VERSION] & 0xf) * 4;
	total = get16(ip + IP_TOTAL_LENGTH);
	if (ip[IP_VERSION] >> 4 != 4 || header < IP_LENGTH || total < header)
		return NET_DROP_IP_HEADER;
	/* A longer frame is valid: short packets are padded. */
	if (total > frame_length - ETH_LENGTH)
		return NET_DROP_TRUNCATED;
	offset = ETH_LENGTH + header;
	length = total - header;
	checksum = add(add(word_at(ip), word_at(ip + 8)), half_at(ip + 16));
	if (header != IP_LENGTH) {
		checksum = sum(checksum, frame + TRANSPORT, header - IP_LENGTH);
		memcpy(headers->transport, frame + offset,
		       length < TRANSPORT_LENGTH ? length : TRANSPORT_LENGTH);
		copied();
	}
	if (!is_valid(checksum))
		return NET_DROP_IP_CHECKSUM;

	/* Answers to multicasts or to forged sources could be used to attack other hosts. */
	if (get32(ip + IP_DESTINATION) != net->address)
		return NET_DROP_NOT_OURS;
	from = get32(ip + IP_SOURCE);
	if (from == net->address || !is_host(from))
		return NET_DROP_SOURCE;

	fragment = get16(ip + IP_FRAGMENT);
	if (fragment & FRAGMENT_RESERVED)
		return NET_DROP_IP_HEADER;
	if (fragment & FRAGMENT_ANY)
		return NET_DROP_IP_FRAGMENT;

	switch (ip[IP_PROTOCOL]) {
	case PROTOCOL_ICMP:
		return icmp_input(net, frame, headers, offset, length, size);
	case PROTOCOL_UDP:
		return udp_input(frame, headers, offset, length);
	default:
		return NET_DROP_IP_PROTOCOL;
	}
}

enum net_result net_input(struct net *net, uint8_t *frame, size_t length, size_t *size)
{
	struct headers headers;
	bool ours;

	*size = 0;
	if (length < ETH_LENGTH)
		return NET_DROP_TRUNCATED;
	if (length > net->frame_max)
		return NET_DROP_TOO_LONG;
	/* In parts, because a load from the memory of two recent stores is slow. */
	if (length >= HEADERS_LENGTH) {
		memcpy(headers.eth, frame, sizeof(headers.eth));
		memcpy(headers.ip, frame + ETH_LENGTH, sizeof(headers.ip));
		memcpy(headers.transport, frame + TRANSPORT, sizeof(headers.transport));
	} else {
		memcpy(&headers, frame, length);
	}
	copied();
	if (is_group_mac(headers.eth + ETH_SOURCE) || is_our_mac(net, headers.eth + ETH_SOURCE))
		return NET_DROP_SOURCE;

	ours = is_our_mac(net, headers.eth + ETH_DESTINATION);
	if (get16(headers.eth + ETH_TYPE) == TYPE_IPV4) {
		if (!net->has_address || !ours)
			return NET_DROP_NOT_OURS;
		return ip_input(net, frame, length, &headers, size);
	}
	switch (get16(headers.eth + ETH_TYPE)) {
	case TYPE_ARP:
		if (!net->has_address ||
		    !(ours || is_broadcast_mac(headers.eth + ETH_DESTINATION)))
			return NET_DROP_NOT_OURS;
		return arp_input(net, frame, length, &headers, size);
	case NET_TYPE_TEST:
		return ours ? NET_TEST : NET_DROP_NOT_OURS;
	case TYPE_VLAN:
	case TYPE_VLAN_OUTER:
		return NET_DROP_VLAN;
	default:
		return NET_DROP_TYPE;
	}
}

/* Writes the sequence number, and bytes that count up from it. */
static void put_pattern(uint8_t *data, size_t length, uint64_t sequence)
{
	put32(data, sequence >> 32);
	put32(data + 4, sequence & 0xffffffff);
	for (size_t i = 8; i < length; i++)
		data[i] = (sequence + i) & 0xff;
}

void net_make_test(const struct net *net, uint8_t *frame, size_t length, uint64_t sequence)
{
	uint8_t *ip = frame + ETH_LENGTH;
	uint8_t *udp = ip + IP_LENGTH;
	size_t udp_length = length - ETH_LENGTH - IP_LENGTH;

	if (!net->has_peer_address) {
		put_eth(net, frame, net->peer_mac, NET_TYPE_TEST);
		put_pattern(frame + ETH_LENGTH, length - ETH_LENGTH, sequence);
		return;
	}

	put_eth(net, frame, net->peer_mac, TYPE_IPV4);
	put_ip(net, ip, length - ETH_LENGTH, PROTOCOL_UDP, net->peer_address);
	put16(udp + UDP_SOURCE, NET_PORT_DISCARD);
	put16(udp + UDP_DESTINATION, NET_PORT_DISCARD);
	put16(udp + UDP_TOTAL_LENGTH, udp_length);
	put16(udp + UDP_CHECKSUM, 0);
	put_pattern(udp + UDP_LENGTH, udp_length - UDP_LENGTH, sequence);
	put_checksum(udp + UDP_CHECKSUM,
		     checksum_of(sum(sum_pseudo(ip, udp_length), udp, udp_length)));
}

const char *net_result_name(enum net_result result)
{
	static const char *const names[NET_RESULTS] = {
		[NET_ARP_ANSWERED] = "arp_answered",
		[NET_ECHO_ANSWERED] = "echo_answered",
		[NET_PEER_FOUND] = "peer_found",
		[NET_TEST] = "test",
		[NET_DISCARDED] = "discarded",
		[NET_DROP_TRUNCATED] = "truncated",
		[NET_DROP_TOO_LONG] = "too_long",
		[NET_DROP_SOURCE] = "source",
		[NET_DROP_VLAN] = "vlan",
		[NET_DROP_TYPE] = "type",
		[NET_DROP_NOT_OURS] = "not_ours",
		[NET_DROP_ARP] = "arp",
		[NET_DROP_IP_HEADER] = "ip_header",
		[NET_DROP_IP_CHECKSUM] = "ip_checksum",
		[NET_DROP_IP_FRAGMENT] = "ip_fragment",
		[NET_DROP_IP_PROTOCOL] = "ip_protocol",
		[NET_DROP_ICMP_TYPE] = "icmp_type",
		[NET_DROP_ICMP_CHECKSUM] = "icmp_checksum",
		[NET_DROP_UDP_HEADER] = "udp_header",
		[NET_DROP_UDP_PORT] = "udp_port",
		[NET_DROP_UDP_CHECKSUM] = "udp_checksum",
	};

	return names[result];
}
