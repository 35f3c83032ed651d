/* SPDX-License-Identifier: GPL-2.0 */
/*
 * QEMU's edu, the device that really does DMA: made an adapter, worked, and put
 * back. Its registers are those of docs/specs/edu in QEMU's source.
 *
 * A fixture's setup skips where there is none and binds what it found; its
 * teardown puts back:
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

#define EDU_WIDTH	28	/* bits of address that it drives */

#define EDU_IDENTITY	0x00	/* 0xed below a version */
#define EDU_LIVENESS	0x04	/* reads as the inverse of what was written */
#define EDU_DMA_FROM	0x80
#define EDU_DMA_TO	0x88
#define EDU_DMA_COUNT	0x90
#define EDU_DMA_COMMAND	0x98
#define EDU_DMA_RUN	1	/* until the transfer has ended */
#define EDU_DMA_TO_RAM	2
#define EDU_BUFFER	0x40000	/* the device's own memory, 4 KiB */
/* Of which this much: some versions end QEMU when the last byte is used. */
#define EDU_MOST	4032

/*
 * A function of it, and how it is reached while it is bound. @adapter is as it
 * was seen after the last bind here.
 */
struct ndshm_edu {
	struct ndshm_pci pci;
	struct ndshm_nl nl;
	struct ndshm_nl_adapter adapter;
	char allowed[8];	/* allow_unisolated, as it was */
};

/* All return 0 or a negative errno. -ENODEV: the machine has none. */
int ndshm_edu_find(struct ndshm_edu *edu);

/* One that can be pulled out. */
int ndshm_edu_find_in_slot(struct ndshm_edu *edu);

/* Two functions in one IOMMU group. */
int ndshm_edu_find_pair(struct ndshm_edu pair[2]);

/*
 * Bind what was found, its group made strict before if that can be done. Where
 * it is not isolated even so, the module is told to allow that. After a failure
 * all is as it was.
 */
int ndshm_edu_bind(struct ndshm_edu *edu);
int ndshm_edu_bind_pair(struct ndshm_edu pair[2]);

/* The same, but its group stays as it is, which is lazy as a rule. */
int ndshm_edu_bind_as_it_is(struct ndshm_edu *edu);

/* Bind it again after it was unbound or pulled out: @adapter is another then. */
int ndshm_edu_rebind(struct ndshm_edu *edu);

/*
 * End what bind began, whatever happened since: the function is looked for if
 * it was pulled out, and gets its driver and its group's type back.
 * -ENODEV: it does not come back.
 */
int ndshm_edu_restore(struct ndshm_edu *edu);
int ndshm_edu_restore_pair(struct ndshm_edu pair[2]);

/* Registers of the function whose BAR 0 is mapped at @bar. */
__u32 ndshm_edu_get32(const void *bar, unsigned int at);
void ndshm_edu_set32(void *bar, unsigned int at, __u32 value);

/* True when no transfer is under way, within ten seconds. */
bool ndshm_edu_is_idle(const void *bar);

/*
 * Have the device copy @count bytes, EDU_MOST at most, from the memory at DMA
 * address @address to its own, or back. True when it says that it has, within
 * ten seconds: what became of it is another matter if it may not do DMA.
 */
bool ndshm_edu_to_device(void *bar, __u64 address, __u32 count);
bool ndshm_edu_from_device(void *bar, __u64 address, __u32 count);

#endif /* _NDSHM_SELFTEST_EDU_H */
