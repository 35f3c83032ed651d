// SPDX-License-Identifier: LGPL-2.1-or-later
#include "regs.h"
#include "statistics.h"

/*
 * The total counters must be read, and so cleared, together with those of good frames. An
 * emulated card copies a total to the good counter at each frame; an uncleared total would be
 * counted again.
 */
static const struct {
	const char *name;
	unsigned int offset;
	unsigned int bits;
} counters[STATISTICS_COUNT] = {
	{ "good_frames_received", REG_GPRC, 32 },
	{ "good_octets_received", REG_GORCL, 64 },
	{ "good_frames_transmitted", REG_GPTC, 32 },
	{ "good_octets_transmitted", REG_GOTCL, 64 },
	{ "total_frames_received", REG_TPR, 32 },
	{ "total_frames_transmitted", REG_TPT, 32 },
	{ "total_octets_transmitted", REG_TOTL, 64 },
	{ "broadcast_received", REG_BPRC, 32 },
	{ "multicast_received", REG_MPRC, 32 },
	{ "missed", REG_MPC, 32 },
	{ "no_buffers", REG_RNBC, 32 },
	{ "crc_errors", REG_CRCERRS, 32 },
	{ "receive_errors", REG_RXERRC, 32 },
	{ "length_errors", REG_RLEC, 32 },
	{ "undersize", REG_RUC, 32 },
	{ "oversize", REG_ROC, 32 },
	{ "fragments", REG_RFC, 32 },
	{ "jabber", REG_RJC, 32 },
};

const char *statistics_name(size_t i)
{
	return counters[i].name;
}

void statistics_collect(struct statistics *statistics, struct card *card)
{
	for (size_t i = 0; i < STATISTICS_COUNT; i++) {
		uint64_t value = card_read(card, counters[i].offset);

		/* Reading the high half clears both. */
		if (counters[i].bits == 64)
			value |= (uint64_t)card_read(card, counters[i].offset + 4) << 32;
		statistics->value[i] += value;
	}
}
