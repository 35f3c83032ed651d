// SPDX-License-Identifier: GPL-2.0
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/if_xdp.h>

#include "kselftest.h"
#include "ndshm_proc.h"
#include "ndshm_xdp.h"

#ifndef SOL_XDP
#define SOL_XDP		283
#endif
#ifndef AF_XDP
#define AF_XDP		44
#endif

#define ENTRIES		8	/* of each ring */
#define PATIENCE	10000	/* milliseconds */
#define HERE		"ndshm0"
#define THERE		"ndshm1"

/*
 * The veth pair
 */

static int make_wire(void)
{
	if (unshare(CLONE_NEWNET))
		return -errno;
	/* Router solicitations would take the ring entries of the test's frames. */
	ndshm_write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	/* Not every kernel loads the module on demand. */
	if (system("modprobe -q veth; ip link add " HERE " type veth peer name " THERE
		   " && ip link set " HERE " up && ip link set " THERE " up"))
		return -EOPNOTSUPP;
	return 0;
}

static int open_peer(void)
{
	struct sockaddr_ll address = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_802_EX1),
		.sll_ifindex = if_nametoindex(THERE),
	};
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
			htons(ETH_P_802_EX1));

	if (fd < 0 || bind(fd, (void *)&address, sizeof(address)))
		return -errno;
	return fd;
}

/*
 * The XDP program that redirects received frames to the socket
 */

static int bpf(int command, union bpf_attr *attr, size_t size)
{
	return syscall(__NR_bpf, command, attr, size);
}

static int make_map(void)
{
	union bpf_attr attr = {
		.map_type = BPF_MAP_TYPE_XSKMAP, .key_size = 4, .value_size = 4,
		.max_entries = 1,
	};

	return bpf(BPF_MAP_CREATE, &attr, sizeof(attr));
}

static int put_into_map(int map, int fd)
{
	__u32 key = 0, value = fd;
	union bpf_attr attr = {
		.map_fd = map, .key = (unsigned long)&key,
		.value = (unsigned long)&value,
	};

	return bpf(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr));
}

static int load_program(int map)
{
	const struct bpf_insn program[] = {
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
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (unsigned long)program,
		.insn_cnt = ARRAY_SIZE(program),
		.license = (unsigned long)"GPL",
	};

	return bpf(BPF_PROG_LOAD, &attr, sizeof(attr));
}

static int attach(int map)
{
	int program = load_program(map), link;
	union bpf_attr attr = {
		.link_create.prog_fd = program,
		.link_create.target_ifindex = if_nametoindex(HERE),
		.link_create.attach_type = BPF_XDP,
		.link_create.flags = XDP_FLAGS_SKB_MODE,
	};

	if (program < 0)
		return -1;
	link = bpf(BPF_LINK_CREATE, &attr, sizeof(attr));
	close(program);
	return link;
}

/*
 * The socket
 */

static bool make_ring(int fd, struct ndshm_xdp_ring *ring,
		      const struct xdp_ring_offset *offset, __u64 where,
		      size_t entry)
{
	ring->length = offset->desc + ENTRIES * entry;
	ring->memory = mmap(NULL, ring->length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_POPULATE, fd, where);
	if (ring->memory == MAP_FAILED)
		return false;
	ring->producer = ring->memory + offset->producer;
	ring->consumer = ring->memory + offset->consumer;
	ring->entries = ring->memory + offset->desc;
	return true;
}

static bool set_up_rings(struct ndshm_xdp *xdp)
{
	static const int options[] = {
		XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_TX_RING,
		XDP_RX_RING,
	};
	const int entries = ENTRIES;
	struct xdp_mmap_offsets offsets;
	socklen_t size = sizeof(offsets);
	unsigned int i;

	for (i = 0; i < 4; i++)
		if (setsockopt(xdp->fd, SOL_XDP, options[i], &entries,
			       sizeof(entries)))
			return false;
	if (getsockopt(xdp->fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &size))
		return false;
	return make_ring(xdp->fd, &xdp->fill, &offsets.fr,
			 XDP_UMEM_PGOFF_FILL_RING, sizeof(__u64)) &&
	       make_ring(xdp->fd, &xdp->done, &offsets.cr,
			 XDP_UMEM_PGOFF_COMPLETION_RING, sizeof(__u64)) &&
	       make_ring(xdp->fd, &xdp->to, &offsets.tx, XDP_PGOFF_TX_RING,
			 sizeof(struct xdp_desc)) &&
	       make_ring(xdp->fd, &xdp->from, &offsets.rx, XDP_PGOFF_RX_RING,
			 sizeof(struct xdp_desc));
}

static bool set_up(struct ndshm_xdp *xdp, void *memory, size_t length)
{
	struct xdp_umem_reg frames = {
		.addr = (unsigned long)memory, .len = length,
		.chunk_size = NDSHM_XDP_FRAME,
	};
	struct sockaddr_xdp address = {
		.sxdp_family = AF_XDP,
		/* veth has no zero-copy mode. */
		.sxdp_flags = XDP_COPY,
		.sxdp_ifindex = if_nametoindex(HERE),
	};

	xdp->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	return xdp->fd >= 0 &&
	       !setsockopt(xdp->fd, SOL_XDP, XDP_UMEM_REG, &frames,
			   sizeof(frames)) &&
	       set_up_rings(xdp) &&
	       !bind(xdp->fd, (void *)&address, sizeof(address));
}

int ndshm_xdp_open(struct ndshm_xdp *xdp, void *memory, size_t length)
{
	int error;

	*xdp = (struct ndshm_xdp){ .fd = -1, .map = -1, .link = -1, .peer = -1 };
	error = make_wire();
	if (error)
		return error;
	xdp->peer = open_peer();
	if (xdp->peer < 0 || !set_up(xdp, memory, length))
		return -errno;
	xdp->map = make_map();
	if (xdp->map < 0 || put_into_map(xdp->map, xdp->fd))
		return -errno;
	xdp->link = attach(xdp->map);
	return xdp->link < 0 ? -errno : 0;
}

void ndshm_xdp_close(struct ndshm_xdp *xdp)
{
	munmap(xdp->fill.memory, xdp->fill.length);
	munmap(xdp->done.memory, xdp->done.length);
	munmap(xdp->to.memory, xdp->to.length);
	munmap(xdp->from.memory, xdp->from.length);
	close(xdp->link);
	close(xdp->map);
	close(xdp->fd);
	close(xdp->peer);
}

/*
 * Frames
 */

static void put(struct ndshm_xdp_ring *ring)
{
	__atomic_store_n(ring->producer, *ring->producer + 1, __ATOMIC_RELEASE);
}

static bool has_entry(const struct ndshm_xdp_ring *ring)
{
	return __atomic_load_n(ring->producer, __ATOMIC_ACQUIRE) !=
	       *ring->consumer;
}

static void take(struct ndshm_xdp_ring *ring)
{
	__atomic_store_n(ring->consumer, *ring->consumer + 1, __ATOMIC_RELEASE);
}

static bool waits_for(int fd)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };

	return poll(&ready, 1, PATIENCE) == 1;
}

bool ndshm_xdp_send(struct ndshm_xdp *xdp, __u64 offset, const void *expected,
		    size_t length)
{
	struct xdp_desc *descriptors = xdp->to.entries;
	unsigned char seen[NDSHM_XDP_FRAME];
	const __u64 *done = xdp->done.entries;
	bool good;

	descriptors[*xdp->to.producer % ENTRIES] = (struct xdp_desc){
		.addr = offset, .len = length,
	};
	put(&xdp->to);
	if (sendto(xdp->fd, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 &&
	    errno != EAGAIN && errno != EBUSY)
		return false;
	good = waits_for(xdp->peer) &&
	       recv(xdp->peer, seen, sizeof(seen), 0) == (ssize_t)length &&
	       !memcmp(seen, expected, length);
	/* The completion may come before or after the frame arrives. */
	if (!ndshm_soon(has_entry(&xdp->done)))
		return false;
	good &= done[*xdp->done.consumer % ENTRIES] == offset;
	take(&xdp->done);
	return good;
}

long ndshm_xdp_receive(struct ndshm_xdp *xdp, __u64 offset, const void *frame,
		       size_t length)
{
	const struct xdp_desc *descriptors = xdp->from.entries;
	__u64 *places = xdp->fill.entries;
	struct xdp_desc got;

	places[*xdp->fill.producer % ENTRIES] = offset;
	put(&xdp->fill);
	if (send(xdp->peer, frame, length, 0) != (ssize_t)length ||
	    !waits_for(xdp->fd) || !has_entry(&xdp->from))
		return -1;
	got = descriptors[*xdp->from.consumer % ENTRIES];
	take(&xdp->from);
	return got.len == length ? (long)got.addr : -1;
}
