// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tests net.c with valid and hostile frames, in allocations of their exact length, so that the
 * address sanitizer detects every access beyond them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/expect.h"
#include "net.h"

#define OUR_ADDRESS	0x0a000002	/* 10.0.0.2 */
#define PEER_ADDRESS	0x0a000001
#define PAYLOAD		56

static const uint8_t our_mac[6] = { 0x52, 0x54, 0, 0x6e, 0x64, 2 };
static const uint8_t peer_mac[6] = { 0x52, 0x54, 0, 0x6e, 0x64, 1 };
static const uint8_t all_macs[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };


/* A frame under construction. */
struct frame {
	uint8_t data[16384];
	size_t length;
};

static struct net host(void)
{
	struct net net = {
		.has_address = true,
		.address = OUR_ADDRESS,
		.frame_max = NET_FRAME_STANDARD,
		.has_peer_address = true,
		.peer_address = PEER_ADDRESS,
	};

	memcpy(net.mac, our_mac, 6);
	return net;
}

/* The peer, which uses the code under test to build frames for the host. */
static struct net peer(void)
{
	struct net net = {
		.has_address = true,
		.address = PEER_ADDRESS,
		.frame_max = NET_FRAME_STANDARD,
		.has_peer_address = true,
		.has_peer_mac = true,
		.peer_address = OUR_ADDRESS,
	};

	memcpy(net.mac, peer_mac, 6);
	memcpy(net.peer_mac, our_mac, 6);
	return net;
}

static void put16(struct frame *frame, size_t offset, unsigned int value)
{
	frame->data[offset] = value >> 8 & 0xff;
	frame->data[offset + 1] = value & 0xff;
}

static void put32(struct frame *frame, size_t offset, uint32_t value)
{
	put16(frame, offset, value >> 16);
	put16(frame, offset + 2, value & 0xffff);
}

static unsigned int get16(const uint8_t *data)
{
	return data[0] << 8 | data[1];
}

/* An implementation independent of net.c, to verify its checksums. */
static unsigned int checksum(const uint8_t *data, size_t length)
{
	unsigned long total = 0;

	for (size_t i = 0; i < length; i++)
		total += i % 2 ? data[i] : data[i] * 256UL;
	while (total > 0xffff)
		total = total % 0x10000 + total / 0x10000;
	return 0xffff - total;
}

static void seal_ip(struct frame *frame)
{
	size_t header = (frame->data[14] & 0xf) * 4;

	put16(frame, 14 + 10, 0);
	put16(frame, 14 + 10, checksum(frame->data + 14, header));
}

static void seal_icmp(struct frame *frame, size_t offset, size_t length)
{
	put16(frame, offset + 2, 0);
	put16(frame, offset + 2, checksum(frame->data + offset, length));
}

static struct frame make_eth(const uint8_t *to, const uint8_t *from, unsigned int type)
{
	struct frame frame = { .length = 14 };

	memcpy(frame.data, to, 6);
	memcpy(frame.data + 6, from, 6);
	put16(&frame, 12, type);
	return frame;
}

static struct frame make_ip(unsigned int protocol, size_t payload)
{
	struct frame frame = make_eth(our_mac, peer_mac, 0x0800);

	frame.data[14] = 0x45;
	put16(&frame, 14 + 2, 20 + payload);
	put16(&frame, 14 + 4, 0x1234);
	frame.data[14 + 8] = 64;
	frame.data[14 + 9] = protocol;
	put32(&frame, 14 + 12, PEER_ADDRESS);
	put32(&frame, 14 + 16, OUR_ADDRESS);
	frame.length = 34 + payload;
	seal_ip(&frame);
	return frame;
}

static struct frame make_echo(size_t payload)
{
	struct frame frame = make_ip(1, 8 + payload);

	frame.data[34] = 8;
	put32(&frame, 34 + 4, 0xcafe0001);
	for (size_t i = 0; i < payload; i++)
		frame.data[42 + i] = i * 7;
	seal_icmp(&frame, 34, 8 + payload);
	return frame;
}

static struct frame make_arp(unsigned int operation)
{
	struct frame frame = make_eth(all_macs, peer_mac, 0x0806);

	put16(&frame, 14, 1);
	put16(&frame, 16, 0x0800);
	frame.data[18] = 6;
	frame.data[19] = 4;
	put16(&frame, 20, operation);
	memcpy(frame.data + 22, peer_mac, 6);
	put32(&frame, 28, PEER_ADDRESS);
	put32(&frame, 38, OUR_ADDRESS);
	frame.length = 60;
	return frame;
}

static struct frame make_test(size_t length)
{
	struct net net = peer();
	struct frame frame = { .length = length };

	net.frame_max = sizeof(frame.data);
	net_make_test(&net, frame.data, length, 7);
	return frame;
}

/*
 * Passes `frame` to `net`, in memory of `room` bytes of which those after the frame have the
 * value `rest`. Copies the answer, if any, to *answer.
 */
static enum net_result give_in(struct net *net, const struct frame *frame, struct frame *answer,
			       size_t room, int rest)
{
	uint8_t *in = malloc(room ? room : 1);
	enum net_result result;

	if (!in)
		abort();
	memset(in, rest, room);
	memcpy(in, frame->data, frame->length);
	/* For a frame of 0 bytes, no byte of the allocation may be read. */
	result = net_input(net, room ? in : in + 1, frame->length, &answer->length);
	EXPECT(answer->length <= room);
	EXPECT((result < NET_PEER_FOUND) == (answer->length > 0));
	if (!answer->length && memcmp(in, frame->data, frame->length))
		EXPECT(!"the frame was changed");
	memcpy(answer->data, in, answer->length);
	free(in);
	return result;
}

/*
 * An answer has room for a frame of the shortest length, but must not depend on what is after
 * the frame. Frames without an answer are in memory of their length.
 */
static enum net_result give(struct net *net, const struct frame *frame, struct frame *answer)
{
	size_t room = frame->length < NET_FRAME_MIN ? NET_FRAME_MIN : frame->length;
	struct net before = *net;
	enum net_result result = give_in(net, frame, answer, room, 0xa5);
	struct frame again;

	EXPECT(give_in(&before, frame, &again, answer->length ? room : frame->length, 0x5a) ==
	       result);
	EXPECT(again.length == answer->length);
	EXPECT(!memcmp(again.data, answer->data, answer->length));
	return result;
}

static enum net_result judge(const struct frame *frame)
{
	struct net net = host();
	struct frame answer;

	return give(&net, frame, &answer);
}

static void test_arp_request(void)
{
	struct frame request = make_arp(1), answer;
	struct net net = host();

	EXPECT(give(&net, &request, &answer) == NET_ARP_ANSWERED);
	EXPECT(answer.length == 60);
	EXPECT(!memcmp(answer.data, peer_mac, 6));
	EXPECT(!memcmp(answer.data + 6, our_mac, 6));
	EXPECT(get16(answer.data + 12) == 0x0806);
	EXPECT(!memcmp(answer.data + 14, "\0\1\10\0\6\4\0\2", 8));
	EXPECT(!memcmp(answer.data + 22, our_mac, 6));
	EXPECT(!memcmp(answer.data + 28, "\12\0\0\2", 4));
	EXPECT(!memcmp(answer.data + 32, peer_mac, 6));
	EXPECT(!memcmp(answer.data + 38, "\12\0\0\1", 4));
	for (size_t i = 42; i < 60; i++)
		EXPECT(!answer.data[i]);
}

static void test_arp_unpadded(void)
{
	struct frame request = make_arp(1);

	request.length = 42;
	EXPECT(judge(&request) == NET_ARP_ANSWERED);
	memcpy(request.data, our_mac, 6);
	EXPECT(judge(&request) == NET_ARP_ANSWERED);
}

static void test_arp_probe(void)
{
	struct frame probe = make_arp(1), answer;
	struct net net = host();

	put32(&probe, 28, 0);
	EXPECT(give(&net, &probe, &answer) == NET_ARP_ANSWERED);
	EXPECT(!memcmp(answer.data + 38, "\0\0\0\0", 4));
}

static void test_arp_malformed(void)
{
	static const struct {
		size_t offset;
		uint8_t value;
	} wrong[] = {
		{ 15, 2 }, { 14, 1 },	/* hardware */
		{ 16, 9 }, { 17, 1 },	/* protocol */
		{ 18, 0 }, { 18, 5 }, { 18, 7 }, { 18, 255 },
		{ 19, 0 }, { 19, 3 }, { 19, 5 }, { 19, 255 },
		{ 21, 0 }, { 21, 3 }, { 20, 1 },	/* operation */
		{ 22, 1 }, { 22, 255 },	/* group address */
		{ 28, 224 }, { 28, 127 }, { 28, 255 },
		{ 28, 0 },		/* 0.0.0.1 is not a probe */
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct frame request = make_arp(1);

		request.data[wrong[i].offset] = wrong[i].value;
		EXPECT(judge(&request) == NET_DROP_ARP);
	}
}

static void test_arp_others(void)
{
	struct frame request = make_arp(1);
	struct net net = host();
	struct frame answer;

	put32(&request, 38, OUR_ADDRESS + 1);
	EXPECT(judge(&request) == NET_DROP_NOT_OURS);

	request = make_arp(1);
	request.data[5] = 0xfe;
	EXPECT(judge(&request) == NET_DROP_NOT_OURS);

	/* An answer to a host with our address would cause a loop of announcements. */
	request = make_arp(1);
	put32(&request, 28, OUR_ADDRESS);
	EXPECT(judge(&request) == NET_DROP_ARP);

	request = make_arp(1);
	net.has_address = false;
	EXPECT(give(&net, &request, &answer) == NET_DROP_NOT_OURS);
}

static void test_arp_reply(void)
{
	struct frame reply = make_arp(2), answer;
	struct net net = host();

	EXPECT(give(&net, &reply, &answer) == NET_PEER_FOUND);
	EXPECT(net.has_peer_mac && !memcmp(net.peer_mac, peer_mac, 6));

	/* Replies without a request. */
	net = host();
	put32(&reply, 28, OUR_ADDRESS + 1);
	EXPECT(give(&net, &reply, &answer) == NET_DROP_ARP);
	EXPECT(!net.has_peer_mac);
	net.has_peer_address = false;
	put32(&reply, 28, PEER_ADDRESS);
	EXPECT(give(&net, &reply, &answer) == NET_DROP_ARP);
	EXPECT(!net.has_peer_mac);
}

static void test_arp_exchange(void)
{
	struct net asking = host(), requested = peer();
	struct frame request, answer, none;

	request.length = net_make_request(&asking, request.data);
	EXPECT(request.length == 60);
	EXPECT(give(&requested, &request, &answer) == NET_ARP_ANSWERED);
	EXPECT(give(&asking, &answer, &none) == NET_PEER_FOUND);
	EXPECT(!memcmp(asking.peer_mac, peer_mac, 6));
}

static void test_echo(void)
{
	for (size_t payload = 0; payload <= NET_FRAME_STANDARD - 42; payload++) {
		struct frame request = make_echo(payload), answer;
		size_t used = 42 + payload;
		struct net net = host();

		EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
		EXPECT(answer.length == (used < 60 ? 60 : used));
		EXPECT(!memcmp(answer.data, peer_mac, 6));
		EXPECT(!memcmp(answer.data + 6, our_mac, 6));
		EXPECT(answer.data[14] == 0x45);
		EXPECT(get16(answer.data + 16) == 28 + payload);
		EXPECT(!memcmp(answer.data + 26, "\12\0\0\2\12\0\0\1", 8));
		EXPECT(!checksum(answer.data + 14, 20));
		EXPECT(!answer.data[34] && !answer.data[35]);
		EXPECT(!checksum(answer.data + 34, 8 + payload));
		EXPECT(!memcmp(answer.data + 38, request.data + 38, 4 + payload));
		for (size_t i = used; i < answer.length; i++)
			EXPECT(!answer.data[i]);
	}
}

/* The checksum of an answer is adjusted from that of the request, which can have any value. */
static void test_echo_checksums(void)
{
	for (unsigned int value = 0; value <= 0xffff; value++) {
		struct frame request = make_echo(0), answer;
		struct net net = host();

		put16(&request, 34 + 6, value);
		seal_icmp(&request, 34, 8);
		EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
		EXPECT(!checksum(answer.data + 34, 8));
	}
}

/* Without verification a wrong checksum remains wrong by as much. */
static void test_echo_unverified(void)
{
	for (size_t payload = 0; payload <= 100; payload++) {
		struct frame request = make_echo(payload), answer;
		struct net net = host();
		size_t length = 8 + payload;

		net.unverified = true;
		EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
		EXPECT(!checksum(answer.data + 34, length));
		request.data[34 + 5] ^= 0x10;
		EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
		EXPECT(checksum(answer.data + 34, length) == checksum(request.data + 34, length));
		EXPECT(checksum(answer.data + 34, length));
	}
}

/* Padding of a short packet is neither echoed nor part of the checksum. */
static void test_echo_padded(void)
{
	struct frame request = make_echo(4), answer;
	struct net net = host();

	memset(request.data + request.length, 0xee, 60 - request.length);
	request.length = 60;
	EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
	EXPECT(answer.length == 60);
	for (size_t i = 46; i < 60; i++)
		EXPECT(!answer.data[i]);
}

/* IP options are parsed, but not echoed. */
static void test_echo_options(void)
{
	for (size_t words = 6; words <= 15; words++) {
		struct frame request = make_echo(PAYLOAD), answer;
		size_t options = (words - 5) * 4;
		struct net net = host();

		memmove(request.data + 34 + options, request.data + 34, 8 + PAYLOAD);
		memset(request.data + 34, 1, options);
		request.data[14] = 0x40 | words;
		put16(&request, 16, 20 + options + 8 + PAYLOAD);
		request.length += options;
		seal_ip(&request);
		EXPECT(give(&net, &request, &answer) == NET_ECHO_ANSWERED);
		EXPECT(answer.length == 42 + PAYLOAD);
		EXPECT(!checksum(answer.data + 34, 8 + PAYLOAD));
	}
}

static void test_truncated(void)
{
	struct frame frames[] = { make_arp(1), make_echo(PAYLOAD), make_test(200) };

	frames[0].length = 42;	/* without padding */
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		for (size_t length = frames[i].length; length-- > 0;) {
			frames[i].length = length;
			EXPECT(judge(&frames[i]) == NET_DROP_TRUNCATED);
		}
	}
}

static void test_ip_header_length(void)
{
	for (unsigned int words = 0; words < 5; words++) {
		struct frame frame = make_echo(PAYLOAD);

		frame.data[14] = 0x40 | words;
		EXPECT(judge(&frame) == NET_DROP_IP_HEADER);
		seal_ip(&frame);
		EXPECT(judge(&frame) == NET_DROP_IP_HEADER);
	}
	/* A header longer than the packet, and longer than the frame. */
	for (unsigned int words = 6; words < 16; words++) {
		struct frame frame = make_ip(1, 0);

		frame.data[14] = 0x40 | words;
		seal_ip(&frame);
		EXPECT(judge(&frame) == NET_DROP_IP_HEADER);
		put16(&frame, 16, words * 4);
		seal_ip(&frame);
		EXPECT(judge(&frame) == NET_DROP_TRUNCATED);
	}
}

static void test_ip_version(void)
{
	for (unsigned int version = 0; version < 16; version++) {
		struct frame frame = make_echo(PAYLOAD);

		frame.data[14] = version << 4 | 5;
		seal_ip(&frame);
		EXPECT(judge(&frame) == (version == 4 ? NET_ECHO_ANSWERED : NET_DROP_IP_HEADER));
	}
}

static void test_ip_total_length(void)
{
	size_t good = 28 + PAYLOAD;

	for (unsigned int total = 0; total <= 0xffff; total++) {
		struct frame frame = make_echo(PAYLOAD);
		enum net_result result;

		put16(&frame, 16, total);
		seal_ip(&frame);
		result = judge(&frame);
		if (total < 20)
			EXPECT(result == NET_DROP_IP_HEADER);
		else if (total > good || total < 28)
			EXPECT(result == NET_DROP_TRUNCATED);
		else
			EXPECT(result == (total == good ? NET_ECHO_ANSWERED :
					  NET_DROP_ICMP_CHECKSUM));
	}
}

/* Every bit that a checksum covers must be verified. */
static void test_bits(void)
{
	struct frame good = make_echo(PAYLOAD);

	for (size_t bit = 0; bit < good.length * 8; bit++) {
		struct frame frame = good;
		enum net_result result;

		frame.data[bit / 8] ^= 1 << bit % 8;
		result = judge(&frame);
		if (bit / 8 >= 34)
			EXPECT(result == NET_DROP_ICMP_CHECKSUM);
		else if (bit / 8 >= 14)
			EXPECT(result >= NET_DROPS);
	}
}

static void test_ip_checksum(void)
{
	struct frame frame = make_echo(PAYLOAD);

	frame.data[14 + 10] ^= 0x40;
	EXPECT(judge(&frame) == NET_DROP_IP_CHECKSUM);
	frame = make_echo(PAYLOAD);
	put16(&frame, 14 + 10, 0);
	EXPECT(judge(&frame) == NET_DROP_IP_CHECKSUM);
}

static void test_fragments(void)
{
	struct frame frame;

	for (unsigned int value = 0; value <= 0xffff; value += 1 + value / 64) {
		frame = make_echo(PAYLOAD);
		put16(&frame, 14 + 6, value);
		seal_ip(&frame);
		if (value & 0x8000)
			EXPECT(judge(&frame) == NET_DROP_IP_HEADER);
		else if (value & 0x3fff)
			EXPECT(judge(&frame) == NET_DROP_IP_FRAGMENT);
		else
			EXPECT(judge(&frame) == NET_ECHO_ANSWERED);
	}
	/* The first fragment has offset 0 and a complete header. */
	frame = make_echo(PAYLOAD);
	put16(&frame, 14 + 6, 0x2000);
	seal_ip(&frame);
	EXPECT(judge(&frame) == NET_DROP_IP_FRAGMENT);
	put16(&frame, 14 + 6, 0x4000);
	seal_ip(&frame);
	EXPECT(judge(&frame) == NET_ECHO_ANSWERED);
}

static void test_addresses(void)
{
	static const uint32_t sources[] = {
		0, 1, 0x00ffffff, 0x7f000001, 0xe0000001, 0xefffffff, 0xf0000001, 0xffffffff,
		OUR_ADDRESS,
	};
	static const uint32_t destinations[] = {
		0, OUR_ADDRESS + 1, 0x0a0000ff, 0xe0000001, 0xffffffff,
	};

	for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
		struct frame frame = make_echo(PAYLOAD);

		put32(&frame, 14 + 12, sources[i]);
		seal_ip(&frame);
		EXPECT(judge(&frame) == NET_DROP_SOURCE);
	}
	for (size_t i = 0; i < sizeof(destinations) / sizeof(destinations[0]); i++) {
		struct frame frame = make_echo(PAYLOAD);

		put32(&frame, 14 + 16, destinations[i]);
		seal_ip(&frame);
		EXPECT(judge(&frame) == NET_DROP_NOT_OURS);
	}
}

static void test_macs(void)
{
	struct frame frame = make_echo(PAYLOAD), answer;
	struct net net = host();

	/* A broadcast echo request must not be answered. */
	memcpy(frame.data, all_macs, 6);
	EXPECT(judge(&frame) == NET_DROP_NOT_OURS);
	memcpy(frame.data, peer_mac, 6);
	EXPECT(judge(&frame) == NET_DROP_NOT_OURS);

	frame = make_echo(PAYLOAD);
	frame.data[6] |= 1;
	EXPECT(judge(&frame) == NET_DROP_SOURCE);
	memcpy(frame.data + 6, our_mac, 6);
	EXPECT(judge(&frame) == NET_DROP_SOURCE);

	frame = make_echo(PAYLOAD);
	net.has_address = false;
	EXPECT(give(&net, &frame, &answer) == NET_DROP_NOT_OURS);
}

static void test_protocols(void)
{
	for (unsigned int protocol = 0; protocol < 256; protocol++) {
		struct frame frame = make_ip(protocol, 40);

		if (protocol != 1 && protocol != 17)
			EXPECT(judge(&frame) == NET_DROP_IP_PROTOCOL);
	}
}

static void test_icmp_types(void)
{
	for (unsigned int value = 0; value <= 0xffff; value++) {
		struct frame frame = make_echo(PAYLOAD);

		put16(&frame, 34, value);
		seal_icmp(&frame, 34, 8 + PAYLOAD);
		EXPECT(judge(&frame) == (value == 0x0800 ? NET_ECHO_ANSWERED : NET_DROP_ICMP_TYPE));
	}
}

static void test_vlan(void)
{
	static const unsigned int types[] = { 0x8100, 0x88a8 };
	struct frame good = make_echo(PAYLOAD);

	for (size_t i = 0; i < 2; i++) {
		struct frame frame = good;

		memmove(frame.data + 16, frame.data + 12, frame.length - 12);
		put16(&frame, 12, types[i]);
		put16(&frame, 14, 42);
		frame.length += 4;
		EXPECT(judge(&frame) == NET_DROP_VLAN);
		for (frame.length = 14; frame.length < 20; frame.length++)
			EXPECT(judge(&frame) == NET_DROP_VLAN);
	}
}

static void test_types(void)
{
	for (unsigned int type = 0; type <= 0xffff; type++) {
		struct frame frame = make_eth(our_mac, peer_mac, type);
		enum net_result result;

		frame.length = 60;
		result = judge(&frame);
		switch (type) {
		case 0x0800:
			EXPECT(result == NET_DROP_IP_HEADER);
			break;
		case 0x0806:
			EXPECT(result == NET_DROP_ARP);
			break;
		case 0x8100:
		case 0x88a8:
			EXPECT(result == NET_DROP_VLAN);
			break;
		case NET_TYPE_TEST:
			EXPECT(result == NET_TEST);
			break;
		default:
			EXPECT(result == NET_DROP_TYPE);
		}
	}
}

static void test_huge(void)
{
	struct net net = host();
	struct frame answer;
	struct frame frame = make_echo(NET_FRAME_STANDARD + 1 - 42);

	EXPECT(judge(&frame) == NET_DROP_TOO_LONG);
	frame.length = sizeof(frame.data);
	EXPECT(judge(&frame) == NET_DROP_TOO_LONG);

	net.frame_max = NET_FRAME_MAX;
	frame = make_echo(NET_FRAME_MAX - 42);
	EXPECT(give(&net, &frame, &answer) == NET_ECHO_ANSWERED);
	EXPECT(answer.length == NET_FRAME_MAX);
	EXPECT(!checksum(answer.data + 34, NET_FRAME_MAX - 34));
	frame = make_echo(NET_FRAME_MAX + 1 - 42);
	EXPECT(give(&net, &frame, &answer) == NET_DROP_TOO_LONG);
}

static void test_discard(void)
{
	for (size_t length = NET_FRAME_MIN; length <= NET_FRAME_STANDARD; length++) {
		struct frame frame = make_test(length);

		EXPECT(judge(&frame) == NET_DISCARDED);
		EXPECT(!checksum(frame.data + 14, 20));
	}
}

static void test_udp(void)
{
	struct frame frame = make_test(100);

	for (size_t length = 0; length < 8; length++) {
		struct frame tiny = make_ip(17, length);

		EXPECT(judge(&tiny) == NET_DROP_TRUNCATED);
	}
	frame.data[60] ^= 1;
	EXPECT(judge(&frame) == NET_DROP_UDP_CHECKSUM);
	put16(&frame, 34 + 6, 0);
	EXPECT(judge(&frame) == NET_DISCARDED);
	put16(&frame, 34 + 2, 10);
	EXPECT(judge(&frame) == NET_DROP_UDP_PORT);

	for (unsigned int length = 0; length <= 0xffff; length++) {
		frame = make_test(100);
		put16(&frame, 34 + 4, length);
		put16(&frame, 34 + 6, 0);
		EXPECT(judge(&frame) == (length < 8 || length > 66 ? NET_DROP_UDP_HEADER :
					 NET_DISCARDED));
	}
}

/* A checksum of 0 must be sent as 0xffff: 0 means that there is no checksum. */
static void test_udp_zero_sum(void)
{
	bool seen = false;

	for (uint64_t sequence = 0; sequence < 200000; sequence++) {
		struct net net = peer();
		uint8_t frame[NET_FRAME_MIN];

		net_make_test(&net, frame, sizeof(frame), sequence);
		EXPECT(get16(frame + 40));
		if (get16(frame + 40) == 0xffff)
			seen = true;
	}
	EXPECT(seen);
}

static void test_test_frame(void)
{
	struct net net = peer(), other = host();
	struct frame frame = { .length = 64 }, answer;

	net.has_peer_address = false;
	net_make_test(&net, frame.data, frame.length, 0x0102030405060708);
	EXPECT(get16(frame.data + 12) == NET_TYPE_TEST);
	EXPECT(!memcmp(frame.data + 14, "\1\2\3\4\5\6\7\10", 8));
	EXPECT(give(&other, &frame, &answer) == NET_TEST);
	frame.data[5] ^= 1;
	EXPECT(give(&other, &frame, &answer) == NET_DROP_NOT_OURS);
}

/* Valid frames, cut or extended, with random changes. */
static void test_random(void)
{
	unsigned int seed = 82574;

	for (int round = 0; round < 200000; round++) {
		struct frame kinds[] = { make_arp(1), make_echo(PAYLOAD), make_test(100) };
		struct frame *frame = &kinds[rand_r(&seed) % 3];
		int changes = rand_r(&seed) % 8;

		frame->length = rand_r(&seed) % (frame->length + 20);
		while (changes--)
			frame->data[rand_r(&seed) % 120] = rand_r(&seed);
		if (rand_r(&seed) % 2)
			seal_ip(frame);
		EXPECT(judge(frame) < NET_RESULTS);
	}
}

static void test_names(void)
{
	for (int i = 0; i < NET_RESULTS; i++) {
		EXPECT(net_result_name(i) && *net_result_name(i));
		for (int j = 0; j < i; j++)
			EXPECT(strcmp(net_result_name(i), net_result_name(j)));
	}
}

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "an ARP request is answered", test_arp_request },
	{ "an ARP request without padding is answered", test_arp_unpadded },
	{ "an ARP probe is answered", test_arp_probe },
	{ "malformed ARP is dropped", test_arp_malformed },
	{ "ARP for others is dropped", test_arp_others },
	{ "only the peer's ARP answer is believed", test_arp_reply },
	{ "an ARP request of ours finds the peer", test_arp_exchange },
	{ "echo of every length is answered", test_echo },
	{ "echo with every checksum is answered", test_echo_checksums },
	{ "a wrong checksum remains wrong", test_echo_unverified },
	{ "padding is not echoed", test_echo_padded },
	{ "IP options are skipped", test_echo_options },
	{ "every truncation is dropped", test_truncated },
	{ "bad header lengths are dropped", test_ip_header_length },
	{ "other IP versions are dropped", test_ip_version },
	{ "every wrong total length is dropped", test_ip_total_length },
	{ "a turned bit is found", test_bits },
	{ "bad IP checksums are dropped", test_ip_checksum },
	{ "fragments are dropped", test_fragments },
	{ "strange addresses are not answered", test_addresses },
	{ "strange MAC addresses are not answered", test_macs },
	{ "other protocols are dropped", test_protocols },
	{ "other ICMP types are dropped", test_icmp_types },
	{ "VLAN tags are dropped", test_vlan },
	{ "other Ethernet types are dropped", test_types },
	{ "huge frames are dropped", test_huge },
	{ "datagrams to the discard port are counted", test_discard },
	{ "bad UDP is dropped", test_udp },
	{ "a UDP checksum is never 0", test_udp_zero_sum },
	{ "test frames are counted", test_test_frame },
	{ "random changes do no harm", test_random },
	{ "results have names of their own", test_names },
};

static const char *run(size_t test)
{
	tests[test].run();
	return tests[test].name;
}

int main(void)
{
	puts("TAP version 13");
	return expect_all(sizeof(tests) / sizeof(tests[0]), run);
}
