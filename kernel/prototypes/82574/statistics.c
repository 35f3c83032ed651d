// SPDX-License-Identifier: GPL-2.0
/*
 * The card's counters, which are cleared by reading.
 */
#include <linux/build_bug.h>

#include "nic.h"
#include "regs.h"

/*
 * Read the totals together with the counters of good frames: an emulated card copies the
 * total to the counter of good frames at each frame. A total that is not cleared would be
 * counted repeatedly.
 */
static const struct {
	const char *name;
	u16 offset;
	bool wide;		/* 64 bits */
} counters[] = {
	{ "good_frames_received", REG_GPRC },
	{ "good_octets_received", REG_GORCL, true },
	{ "good_frames_transmitted", REG_GPTC },
	{ "good_octets_transmitted", REG_GOTCL, true },
	{ "total_frames_received", REG_TPR },
	{ "total_frames_transmitted", REG_TPT },
	{ "total_octets_transmitted", REG_TOTL, true },
	{ "broadcast_received", REG_BPRC },
	{ "multicast_received", REG_MPRC },
	{ "missed", REG_MPC },
	{ "no_buffers", REG_RNBC },
	{ "crc_errors", REG_CRCERRS },
	{ "receive_errors", REG_RXERRC },
	{ "length_errors", REG_RLEC },
	{ "undersize", REG_RUC },
	{ "oversize", REG_ROC },
	{ "fragments", REG_RFC },
	{ "jabber", REG_RJC },
	{ "segmented_frames", REG_TSCTC },
};

static_assert(ARRAY_SIZE(counters) == NIC_COUNTERS);

const char *nic_counter_name(unsigned int i)
{
	return counters[i].name;
}

void nic_counters_collect(struct nic *nic)
{
	unsigned int i;
	u64 value;

	lockdep_assert_held(&nic->lock);
	/* A card that was pulled out reads as all ones. */
	if (nic_read(nic, REG_STATUS) == ~0U)
		return;
	for (i = 0; i < NIC_COUNTERS; i++) {
		value = nic_read(nic, counters[i].offset);
		/* Reading the high half clears both. */
		if (counters[i].wide)
			value |= (u64)nic_read(nic, counters[i].offset + 4)
				 << 32;
		nic->counter[i] += value;
	}
}
