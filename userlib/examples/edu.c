// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ndshm-edu: a driver in user space for edu, the teaching device of QEMU. The device copies 2 KiB of
 * memory to its buffer and back, with an interrupt after each copy, and the driver compares.
 *
 *	ndshm-edu 0000:00:12.0
 *
 * Documentation/use/first-driver.rst explains it; QEMU's docs/specs/edu.rst describes the device.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <ndshm/ndshm.h>

#define IDENTITY	0x00		/* 0xed in the low byte */
#define LIVENESS	0x04		/* reads as the inverse of what was written */
#define CAUSE		0x24		/* pending causes of the interrupt */
#define CAUSE_COPIED	0x100
#define ACKNOWLEDGE	0x64		/* removes causes */
#define DMA_FROM	0x80
#define DMA_TO		0x88
#define DMA_COUNT	0x90
#define DMA_COMMAND	0x98
#define COMMAND_RUN	1		/* reads as 1 during the copy */
#define COMMAND_TO_RAM	2
#define COMMAND_NOTIFY	4		/* raise CAUSE_COPIED after the copy */
#define BUFFER		0x40000		/* in the device, for DMA_FROM and DMA_TO */

#define VENDOR_DEVICE	0x11e81234
#define ADDRESS_BITS	28		/* of a DMA address */
#define LENGTH		2048

static const char *name;
static struct ndshm *ndshm;
static volatile char *registers;

/* exit() is safe while the device does DMA: the module stops it before the memory is freed. */
static void fail(const char *problem, const char *detail)
{
	fprintf(stderr, "ndshm-edu: %s: %s%s\n", name, problem, detail);
	exit(1);
}

/* The reason is that of the last call, and contains the remedy. Errors of mmap() have none. */
static void must(const char *problem, int error)
{
	uint32_t reason = error ? ndshm_last_reason(ndshm) : NDSHM_REASON_NONE;

	if (error)
		fail(problem, reason ? ndshm_reason_text(reason) : strerror(-error));
}

/* Registers have 32 bits. volatile keeps the number and the order of the accesses. */
static uint32_t get(unsigned int offset)
{
	return *(volatile uint32_t *)(registers + offset);
}

static void set(unsigned int offset, uint32_t value)
{
	*(volatile uint32_t *)(registers + offset) = value;
}

static struct ndshm_claim *claim_device(void)
{
	struct ndshm_claim *claim;
	volatile void *bar;
	size_t length;
	uint32_t id;

	must("cannot claim it: ", ndshm_claim_adapter(ndshm, name, ADDRESS_BITS, &claim));
	/* The registers of another device mean something else. */
	must("cannot read its id: ", ndshm_claim_config_read(claim, 0, 4, &id));
	if (id != VENDOR_DEVICE)
		fail("not an edu device; ", "use one that \"lspci -Dd 1234:11e8\" lists");

	must("cannot map its registers: ", ndshm_claim_map_bar(claim, 0, &bar, &length));
	registers = bar;
	set(LIVENESS, 0x12345678);
	if ((get(IDENTITY) & 0xff) != 0xed || get(LIVENESS) != ~0x12345678U)
		fail("its registers do not answer; ", "restart the virtual machine");
	printf("identity 0x%08x, %zu bytes of registers\n", get(IDENTITY), length);
	return claim;
}

static int start(struct ndshm_claim *claim)
{
	int event = eventfd(0, EFD_CLOEXEC), i;

	if (event < 0)
		fail("no eventfd: ", strerror(errno));
	/*
	 * A copy that the previous owner has started must end first. It cannot write to memory,
	 * because bus mastering is off until ndshm_claim_start().
	 */
	for (i = 0; get(DMA_COMMAND) & COMMAND_RUN; i++) {
		if (i == 100)
			fail("an earlier copy does not end; ", "restart the virtual machine");
		usleep(10000);
	}
	set(ACKNOWLEDGE, get(CAUSE));
	must("cannot receive its interrupt: ",
	     ndshm_claim_set_irqs(claim, NDSHM_IRQ_MSI, 0, 1, &event));
	must("cannot start its DMA: ", ndshm_claim_start(claim));
	return event;
}

static void copy(int event, uint32_t from, uint32_t to, uint32_t direction)
{
	struct pollfd ready = { .fd = event, .events = POLLIN };
	uint32_t cause;
	eventfd_t count;

	set(DMA_FROM, from);
	set(DMA_TO, to);
	set(DMA_COUNT, LENGTH);
	set(DMA_COMMAND, COMMAND_RUN | COMMAND_NOTIFY | direction);
	/* 0.1 seconds are usual. A device that hangs must not hang its driver. */
	if (poll(&ready, 1, 10000) != 1 || eventfd_read(event, &count))
		fail("no interrupt in ten seconds; ", "see the kernel log");
	/* The kernel signals the eventfd also after a reset. Then there is no cause. */
	cause = get(CAUSE);
	set(ACKNOWLEDGE, cause);
	if (!(cause & CAUSE_COPIED))
		fail("the copy was interrupted; ", "see the kernel log for a reset");
}

static void round_trip(int event, struct ndshm_block *block)
{
	unsigned char *out, *in;
	uint64_t address;
	void *memory;
	int i;

	must("cannot map its memory: ", ndshm_map(block, &memory));
	/* The address by which the device reaches the memory, which an IOMMU translates. */
	must("cannot get the DMA address: ", ndshm_block_address(block, &address));
	out = memory;
	in = out + LENGTH;		/* zero until the device writes there */
	for (i = 0; i < LENGTH; i++)
		out[i] = i * 31 + 7;

	/* Both syncs have no effect where the device sees the caches, as on x86-64. */
	must("cannot sync: ", ndshm_sync(block, NDSHM_SYNC_FOR_DEVICE, 0, 2 * LENGTH));
	/* Memory is written before registers. For arm64 see mmio_release() in 82574/mmio.h. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	copy(event, address, BUFFER, 0);
	copy(event, BUFFER, address + LENGTH, COMMAND_TO_RAM);
	must("cannot sync: ", ndshm_sync(block, NDSHM_SYNC_FOR_CPU, 0, 2 * LENGTH));

	if (memcmp(in, out, LENGTH))
		fail("the data has changed; ", "see the kernel log for faults of the IOMMU");
	printf("%d bytes copied to the device and back\n", LENGTH);
}

int main(int argc, char **argv)
{
	struct ndshm_request request = NDSHM_REQUEST_INIT;
	struct ndshm_block *block;
	struct ndshm_claim *claim;
	int error, event;

	if (argc != 2) {
		fprintf(stderr, "usage: ndshm-edu ADDRESS, such as 0000:00:12.0\n");
		return 2;
	}
	name = argv[1];
	error = ndshm_open(NULL, &ndshm);
	if (error == -ENOENT)
		fail("there is no /dev/ndshm; ", "load the module (modprobe ndshm)");
	if (error)
		fail("cannot open /dev/ndshm; be root, or of its group: ", strerror(-error));

	claim = claim_device();
	event = start(claim);
	request.adapter = ndshm_claim_adapter_id(claim);
	request.length = 2 * LENGTH;	/* one page, which has one DMA address */
	must("cannot allocate: ", ndshm_alloc(ndshm, &request, &block));
	round_trip(event, block);

	ndshm_close(ndshm);		/* first: it ends the claim, and thereby DMA and interrupts */
	ndshm_free(block);
	close(event);
	return 0;
}
