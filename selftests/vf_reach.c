// SPDX-License-Identifier: GPL-2.0
/*
 * vf_reach ADAPTER own | read ADDRESS | write ADDRESS: make a claimed virtual function of
 * an Intel 82576 send a frame. With `own` the frame is in a block of this program. With
 * `read` it is at ADDRESS, and with `write` the card is told to write the position of its
 * queue there. ADDRESS, in hexadecimal, is that of memory of another function; whether
 * the function reached it, the IOMMU's log shows.
 *
 * Registers are those of kernel/prototypes/82576vf/regs.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ndshm_nl.h"

#define BIT(bit)		(1U << (bit))

#define VTCTRL			0x0000
#define VTCTRL_RESET		BIT(26)
#define MAILBOX_MEMORY		0x0800
#define MAILBOX			0x0c40
#define MAILBOX_REQUEST		BIT(0)
#define MAILBOX_ACK		BIT(1)
#define MAILBOX_OURS		BIT(2)
#define MAILBOX_MESSAGE		BIT(4)
#define MESSAGE_TYPE		0xffff
#define MESSAGE_RESET		1
#define TDBAL			0x3800
#define TDBAH			0x3804
#define TDLEN			0x3808
#define TDH			0x3810
#define TDT			0x3818
#define TXDCTL			0x3828
#define TXDCTL_ENABLE		BIT(25)
#define TDWBAL			0x3838	/* address of a copy of the queue's position */
#define TDWBAH			0x383c
#define TDWBAL_ENABLE		1

#define DESCRIPTORS		8	/* the least: 128 bytes */
#define FRAME			64	/* bytes */
#define COMMAND			0x2b300000U	/* one descriptor, with CRC and report */
#define LENGTH_SHIFT		14
#define TRIES			20000	/* of 100 us */

struct descriptor {
	__u64 address;
	__u32 command;
	__u32 status;
};

static __u32 *bar;

static __u32 get(unsigned int at)
{
	return __atomic_load_n(&bar[at / 4], __ATOMIC_SEQ_CST);
}

static void set(unsigned int at, __u32 value)
{
	/* After all writes to memory. */
	__atomic_store_n(&bar[at / 4], value, __ATOMIC_SEQ_CST);
}

/* End with a reason. The kernel ends the claim. */
static void must(bool succeeded, const char *what)
{
	if (succeeded)
		return;
	printf("# vf_reach: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void wait_for(unsigned int at, __u32 bits, __u32 value, const char *what)
{
	__u32 seen = 0;
	int i;

	errno = ETIMEDOUT;
	/* Some bits are cleared by the read. */
	for (i = 0; i < TRIES && (seen & bits) != value; i++) {
		usleep(100);
		seen = get(at);
	}
	must((seen & bits) == value, what);
}

/* The physical function enables the queues. It may have other messages before its reply. */
static void reset(void)
{
	__u32 reply = 0;
	int i;

	set(VTCTRL, VTCTRL_RESET);
	do {
		set(MAILBOX, MAILBOX_OURS);
	} while (!(get(MAILBOX) & MAILBOX_OURS));
	set(MAILBOX_MEMORY, MESSAGE_RESET);
	set(MAILBOX, MAILBOX_REQUEST);
	for (i = 0; i < 3 && (reply & MESSAGE_TYPE) != MESSAGE_RESET; i++) {
		wait_for(MAILBOX, MAILBOX_MESSAGE, MAILBOX_MESSAGE, "reply");
		reply = get(MAILBOX_MEMORY);
		set(MAILBOX, MAILBOX_ACK);
	}
	must((reply & MESSAGE_TYPE) == MESSAGE_RESET, "reset");
}

static __u64 to_u64(const void *pointer)
{
	return (unsigned long)pointer;
}

static void *map(int fd, __u64 offset, __u64 length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	must(memory != MAP_FAILED, "mmap");
	return memory;
}

static int claim(const char *name, __u32 *adapter)
{
	struct ndshm_adapter_claim_args claim = { .size = sizeof(claim), .address_width = 64 };
	struct ndshm_adapter_map_bar_args registers = { .size = sizeof(registers) };
	int fd = open("/dev/ndshm", O_RDWR | O_CLOEXEC);
	struct ndshm_nl_adapter found;
	struct ndshm_nl nl;

	must(fd >= 0, "/dev/ndshm");
	errno = -ndshm_nl_open(&nl);
	must(!errno, "netlink");
	errno = -ndshm_nl_adapter_by_name(&nl, name, &found);
	must(!errno, name);
	ndshm_nl_close(&nl);
	*adapter = found.id;
	claim.adapter = found.id;
	must(!ioctl(fd, NDSHM_ADAPTER_CLAIM, &claim), "ADAPTER_CLAIM");
	/* The test would prove nothing. */
	errno = EPERM;
	must(!claim.out_isolation, "isolation");
	registers.adapter = found.id;
	must(!ioctl(fd, NDSHM_ADAPTER_MAP_BAR, &registers), "ADAPTER_MAP_BAR");
	bar = map(fd, registers.out_mmap_offset, registers.out_length);
	return fd;
}

int main(int argc, char **argv)
{
	struct ndshm_adapter_start_args start = { .size = sizeof(start) };
	struct ndshm_block_info block;
	struct ndshm_block_alloc_args alloc = {
		.size = sizeof(alloc), .flags = NDSHM_ALLOC_CONTIGUOUS, .length = 8192,
		.usage = NDSHM_USAGE_XMIT, .preferred_node = -1, .count = 1,
		.blocks = to_u64(&block),
	};
	bool own = argc == 3 && !strcmp(argv[2], "own");
	bool writes = argc == 4 && !strcmp(argv[2], "write");
	struct descriptor *d;
	__u64 frame, position, foreign;
	int fd;

	if (!own && !writes && !(argc == 4 && !strcmp(argv[2], "read"))) {
		fprintf(stderr, "usage: vf_reach ADAPTER own|read ADDRESS|write ADDRESS\n");
		return 2;
	}
	fd = claim(argv[1], &alloc.adapter);
	must(!ioctl(fd, NDSHM_BLOCK_ALLOC, &alloc), "BLOCK_ALLOC");
	d = map(fd, block.mmap_offset, block.length);
	frame = block.address + 4096;
	position = frame + 2048;
	foreign = own ? 0 : strtoull(argv[3], NULL, 16);
	/* An address that is also one of this function's would prove nothing. */
	errno = EINVAL;
	must(own || foreign + 4096 <= block.address || foreign >= block.address + block.length,
	     "address");
	if (writes)
		position = foreign;
	else if (!own)
		frame = foreign;

	reset();
	start.adapter = alloc.adapter;
	must(!ioctl(fd, NDSHM_ADAPTER_START, &start), "ADAPTER_START");
	d[0].address = frame;
	d[0].command = COMMAND | FRAME;
	d[0].status = FRAME << LENGTH_SHIFT;
	set(TDBAL, block.address);
	set(TDBAH, block.address >> 32);
	set(TDLEN, DESCRIPTORS * sizeof(*d));
	set(TDH, 0);
	set(TDT, 0);
	set(TDWBAL, (__u32)position | TDWBAL_ENABLE);
	set(TDWBAH, position >> 32);
	set(TXDCTL, TXDCTL_ENABLE);
	set(TDT, 1);
	wait_for(TDH, ~0U, 1, "frame");
	if (own) {
		errno = EIO;
		must(__atomic_load_n((__u32 *)d + (4096 + 2048) / 4, __ATOMIC_SEQ_CST) == 1,
		     "position");
	}
	set(TDWBAL, 0);
	return 0;
}
