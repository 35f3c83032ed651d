/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's edu device, which does DMA: find it, make it an adapter, use it and
 * restore it. The registers are documented in docs/specs/edu in QEMU's source.
 *
 * A fixture's setup skips without the device and binds it otherwise; its
 * teardown restores it:
 *
 *	if (geteuid())
 *		SKIP(return, "only root can bind functions");
 *	if (ndshm_edu_find(&self->edu))
 *		SKIP(return, "no edu device");
 *	ASSERT_EQ(0, ndshm_edu_bind(&self->edu));
 */
#ifndef _NDSHM_SELFTEST_EDU_H
#define _NDSHM_SELFTEST_EDU_H

#include <stdbool.h>

#include <linux/types.h>

#include "ndshm_nl.h"
#include "ndshm_pci.h"

#define ALLOW_UNISOLATED	"/sys/module/ndshm/parameters/allow_unisolated"
#define MAX_BLOCK_BYTES		"/sys/module/ndshm/parameters/max_block_bytes"

#define EDU_WIDTH	28	/* DMA address bits of the device */

#define EDU_IDENTITY	0x00	/* reads as 0xed in the low byte, with a version above */
#define EDU_LIVENESS	0x04	/* reads as the inverse of what was written */
#define EDU_CAUSE	0x24	/* reads as the interrupt causes that are pending */
#define EDU_RAISE	0x60	/* adds causes, and interrupts */
#define EDU_ACKNOWLEDGE	0x64	/* removes causes */
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_RUN	1	/* set while a transfer is running */
#define EDU_DMA_TO_RAM	2
#define EDU_BUFFER	0x40000	/* the device's internal buffer, 4 KiB */
/* Usable part of the buffer: some QEMU versions abort when the last byte is used. */
#define EDU_MOST	4032

/*
 * An edu function and the access to it while it is bound. @adapter is its state
 * after the last bind.
 */
struct ndshm_edu {
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	char allowed[8];	/* the value of allow_unisolated before */
};

/* All functions return 0 or a negative errno; -ENODEV: no such device. */
int ndshm_edu_find(struct ndshm_edu *edu);

/* Find a function in a hot-plug slot. */
int ndshm_edu_find_in_slot(struct ndshm_edu *edu);

/* Find two functions in one IOMMU group. */
int ndshm_edu_find_pair(struct ndshm_edu pair[2]);

/*
 * Bind the function, after making its IOMMU group strict if possible. Set
 * allow_unisolated if the adapter is not isolated even so. After a failure
 * everything is restored.
 */
int ndshm_edu_bind(struct ndshm_edu *edu);
int ndshm_edu_bind_pair(struct ndshm_edu pair[2]);

/* Bind without changing the group's type, which is usually lazy. */
int ndshm_edu_bind_as_it_is(struct ndshm_edu *edu);

/* Bind again after an unbind or a hot unplug; @adapter changes. */
int ndshm_edu_rebind(struct ndshm_edu *edu);

/*
 * Undo the bind in any state: rescan for a function that was unplugged, and
 * restore its driver and the type of its group. -ENODEV: the function did not
 * come back.
 */
int ndshm_edu_restore(struct ndshm_edu *edu);
int ndshm_edu_restore_pair(struct ndshm_edu pair[2]);

/* Open a client that has claimed the function; requires ndshm_test.h. */
#define test_open_claimed(edu) ({ \
	int fd_ = ndshm_open(); \
	ASSERT_LE(0, fd_); \
	test_adapter_claim(fd_, (edu)->adapter.name, EDU_WIDTH); \
	fd_; \
})

/* Registers of the function whose BAR 0 is mapped at @bar. */
__u32 ndshm_edu_get32(const void *bar, unsigned int at);
void ndshm_edu_set32(void *bar, unsigned int at, __u32 value);

/* Wait for the transfer to end. Return: false after ten seconds. */
bool ndshm_edu_is_idle(const void *bar);

/*
 * Make the device copy @count bytes (at most EDU_MOST) between the memory at
 * DMA address @address and its buffer. Return: true if the device reports
 * completion within ten seconds, which it also does when it may not do DMA.
 */
bool ndshm_edu_to_device(void *bar, __u64 address, __u32 count);
bool ndshm_edu_from_device(void *bar, __u64 address, __u32 count);

#endif /* _NDSHM_SELFTEST_EDU_H */
