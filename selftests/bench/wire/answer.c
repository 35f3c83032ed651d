// SPDX-License-Identifier: GPL-2.0
/*
 * ndshm-answer packet|xdp INTERFACE: answer echo requests for 192.0.2.2 from an
 * interface of the kernel, with the code of ndshm-82574 for packets, through a
 * packet socket or an AF_XDP socket. Prints a line when it is ready.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>

#include "net.h"

#ifndef SOL_XDP
#define SOL_XDP		283
#endif
#ifndef AF_XDP
#define AF_XDP		44
#endif

#define OUR_ADDRESS	0xc0000202	/* 192.0.2.2 */
#define BURST		64
#define FRAME		4096		/* room of a frame in XDP memory */
#define FRAMES		512
#define ENTRIES		256		/* of each ring */
#define INSTRUCTIONS	6		/* of the XDP program */

static struct net net = { .has_address = true, .address = OUR_ADDRESS };

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void read_interface(const char *name)
{
	struct ifreq request = { };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(request.ifr_name, IFNAMSIZ, "%s", name);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &request))
		die(name);
	memcpy(net.mac, request.ifr_hwaddr.sa_data, sizeof(net.mac));
	if (ioctl(fd, SIOCGIFMTU, &request))
		die(name);
	net.frame_max = ETH_HLEN + request.ifr_mtu;
	close(fd);
}

/* Return: the length of the answer, which has the place of the frame; or 0. */
static size_t answer(void *frame, size_t length)
{
	size_t size;

	net_input(&net, frame, length, &size);
	return size;
}

/*
 * A packet socket, with as few system calls as there are bursts
 */

static void answer_packets(const char *name)
{
	static unsigned char frames[BURST][NET_FRAME_MAX];
	static struct mmsghdr messages[BURST];
	static struct iovec vectors[BURST];
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP),
		.sll_ifindex = if_nametoindex(name),
	};
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)), room = 1 << 20;

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		die(name);
	for (int i = 0; i < BURST; i++) {
		vectors[i].iov_base = frames[i];
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	puts("ready");
	fflush(stdout);
	for (;;) {
		int got, answers = 0;

		for (int i = 0; i < BURST; i++)
			vectors[i].iov_len = NET_FRAME_MAX;
		got = recvmmsg(fd, messages, BURST, MSG_WAITFORONE, NULL);
		if (got < 0)
			die("recvmmsg");
		for (int i = 0; i < got; i++) {
			void *frame = vectors[i].iov_base;
			size_t size = answer(frame, messages[i].msg_len);

			if (!size)
				continue;
			/* The vectors of answers are in front. */
			vectors[i].iov_base = vectors[answers].iov_base;
			vectors[answers].iov_base = frame;
			vectors[answers++].iov_len = size;
		}
		for (int done = 0; done < answers;) {
			int sent = sendmmsg(fd, messages + done, answers - done,
					    0);

			if (sent < 0)
				die("sendmmsg");
			done += sent;
		}
	}
}

/*
 * An AF_XDP socket, with an XDP program that redirects all frames to it
 */

struct ring {
	__u32 *producer;
	__u32 *consumer;
	void *entries;
};

static int bpf(int command, union bpf_attr *attr, size_t size)
{
	return syscall(__NR_bpf, command, attr, size);
}

static int make_map(int fd)
{
	union bpf_attr make = {
		.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4,
		.max_entries = 1,
	};
	__u32 key = 0, value = fd;
	union bpf_attr put = {
		.map_fd = bpf(BPF_MAP_CREATE, &make, sizeof(make)),
		.key = (unsigned long)&key, .value = (unsigned long)&value,
	};

	if (bpf(BPF_MAP_UPDATE_ELEM, &put, sizeof(put)))
		die("XSKMAP");
	return put.map_fd;
}

static void redirect(const char *name, int map)
{
	const struct bpf_insn program[INSTRUCTIONS] = {
		/* r1 = map; r2 = 0; r3 = XDP_PASS */
		{ .code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 1,
		  .src_reg = BPF_PSEUDO_MAP_FD, .imm = map },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3,
		  .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect_map },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (unsigned long)program,
		.insn_cnt = INSTRUCTIONS,
		.license = (unsigned long)"GPL",
	};
	union bpf_attr attach = {
		.link_create.prog_fd = bpf(BPF_PROG_LOAD, &load, sizeof(load)),
		.link_create.target_ifindex = if_nametoindex(name),
		.link_create.attach_type = BPF_XDP,
		/* The kernel's driver of the card has no XDP of its own. */
		.link_create.flags = XDP_FLAGS_SKB_MODE,
	};

	if (bpf(BPF_LINK_CREATE, &attach, sizeof(attach)) < 0)
		die("XDP program");
}

static struct ring map_ring(int fd, const struct xdp_ring_offset *offset,
			    __u64 where, size_t entry)
{
	size_t length = offset->desc + ENTRIES * entry;
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, where);

	if (memory == MAP_FAILED)
		die("ring");
	return (struct ring){
		.producer = memory + offset->producer,
		.consumer = memory + offset->consumer,
		.entries = memory + offset->desc,
	};
}

static void put_frame(struct ring *ring, __u64 frame)
{
	((__u64 *)ring->entries)[*ring->producer % ENTRIES] = frame;
	__atomic_store_n(ring->producer, *ring->producer + 1, __ATOMIC_RELEASE);
}

static __u32 count_of(const struct ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) -
	       *ring->consumer;
}

static void take(struct ring *ring, __u32 count)
{
	__atomic_store_n(ring->consumer, *ring->consumer + count,
			 __ATOMIC_RELEASE);
}

static void answer_xdp(const char *name)
{
	static const int options[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING,
		XDP_RX_RING,
	};
	const int entries = ENTRIES;
	unsigned char *memory = mmap(NULL, FRAMES * FRAME,
				     PROT_READ | PROT_WRITE, MAP_PRIVATE |
				     MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct xdp_umem_reg frames = {
		.addr = (unsigned long)memory, .len = FRAMES * FRAME,
		.chunk_size = FRAME,
	};
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP, .sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(name),
	};
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	struct ring fill, done, to, from;
	struct pollfd ready = { .events = POLLIN };
	int fd = socket(AF_XDP, SOCK_RAW, 0);

	if (setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &frames, sizeof(frames)))
		die("AF_XDP");
	for (int i = 0; i < 4; i++)
		if (setsockopt(fd, SOL_XDP, options[i], &entries,
			       sizeof(entries)))
			die("AF_XDP ring");
	if (getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		die("AF_XDP offsets");
	fill = map_ring(fd, &offsets.fr, XDP_UMEM_PGOFF_FILL_RING,
			sizeof(__u64));
	done = map_ring(fd, &offsets.cr, XDP_UMEM_PGOFF_COMPLETION_RING,
			sizeof(__u64));
	to = map_ring(fd, &offsets.tx, XDP_PGOFF_TX_RING,
		      sizeof(struct xdp_desc));
	from = map_ring(fd, &offsets.rx, XDP_PGOFF_RX_RING,
			sizeof(struct xdp_desc));
	for (__u64 i = 0; i < ENTRIES; i++)
		put_frame(&fill, i * FRAME);
	if (bind(fd, (void *)&address, sizeof(address)))
		die("AF_XDP bind");
	redirect(name, make_map(fd));
	ready.fd = fd;
	puts("ready");
	fflush(stdout);

	for (;;) {
		const __u64 *sent = done.entries;
		struct xdp_desc *answers = to.entries, *got = from.entries;
		__u32 count = count_of(&from), next = *to.producer;

		if (!count && poll(&ready, 1, -1) < 0)
			die("poll");
		for (__u32 i = 0; i < count; i++) {
			struct xdp_desc frame =
				got[(*from.consumer + i) % ENTRIES];

			frame.len = answer(memory + frame.addr, frame.len);
			if (frame.len)
				answers[next++ % ENTRIES] = frame;
			else
				put_frame(&fill, frame.addr);
		}
		take(&from, count);
		__atomic_store_n(to.producer, next, __ATOMIC_RELEASE);
		/* The kernel sends some frames at a call. */
		while (count_of(&to))
			if (sendto(fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
			    errno != EAGAIN && errno != EBUSY)
				die("AF_XDP send");
		count = count_of(&done);
		for (__u32 i = 0; i < count; i++)
			put_frame(&fill,
				  sent[(*done.consumer + i) % ENTRIES]);
		take(&done, count);
	}
}

int main(int arguments, char **argument)
{
	if (arguments != 3) {
		fprintf(stderr, "usage: ndshm-answer packet|xdp INTERFACE\n");
		return 2;
	}
	read_interface(argument[2]);
	if (!strcmp(argument[1], "xdp"))
		answer_xdp(argument[2]);
	else
		answer_packets(argument[2]);
}
