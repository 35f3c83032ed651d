// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "bench.h"
#include "table.h"

struct verdict verdicts[] = {
	{ .subject = "ndshm", .what = CYCLE, .length = 4 * KIB, .base = "dma-heap",
	  .times = 0.76, .raw = true },
	{ .subject = "ndshm", .what = CYCLE, .length = 64 * KIB, .base = "dma-heap",
	  .times = 0.9, .raw = true },
	{ .subject = "ndshm", .what = CYCLE, .length = 2 * MIB, .base = "hugetlb",
	  .times = 1.01, .raw = true },
	{ .subject = "ndshm", .what = CYCLE, .length = 64 * MIB, .base = "hugetlb",
	  .times = 1.015, .raw = true },
	{ .subject = "ndshm", .what = SHOWN, .length = 64 * KIB, .allowed = 18000,
	  .raw = true },
	{ .subject = "ndshm", .what = SHOWN, .length = 2 * MIB, .allowed = 16000,
	  .raw = true },
	{ .subject = "ndshm", .what = UNMAPPED, .length = 4 * KIB, .allowed = 6700,
	  .raw = true },
	{ .subject = "ndshm", .what = UNMAPPED_ONE, .length = 4 * KIB, .allowed = 6700,
	  .raw = true },
	{ .subject = "ndshm", .what = BATCH_FIRST, .length = 4 * KIB, .allowed = 5000,
	  .raw = true },

	{ .place = USER, .subject = "ndshm", .what = CYCLE, .length = 4 * KIB,
	  .base = "dma-heap", .times = 0.76, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = CYCLE, .length = 64 * KIB,
	  .base = "dma-heap", .times = 0.9, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = CYCLE, .length = 2 * MIB,
	  .base = "hugetlb", .times = 1.01, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = CYCLE, .length = 64 * MIB,
	  .base = "hugetlb", .times = 1.015, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = UNMAPPED, .length = 4 * KIB,
	  .allowed = 6700, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = UNMAPPED_ONE, .length = 4 * KIB,
	  .allowed = 6700, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = BATCH_FIRST, .length = 4 * KIB,
	  .allowed = 5000, .raw = true },

	{ .place = CARD, .subject = "ndshm", .what = SHOWN, .length = 2 * MIB,
	  .allowed = 16000, .raw = true },
	{ .place = CARD, .subject = "ndshm", .what = CYCLE, .length = 2 * MIB,
	  .base = "hugetlb", .times = 1.01, .raw = true },
	{ .place = CARD, .subject = "ndshm coherent", .what = SHOWN, .length = 2 * MIB,
	  .allowed = 35000, .raw = true },

	{ .place = USER, .subject = "ndshm", .what = TAIL_FRESH, .length = 4 * KIB,
	  .tail = 2, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = TAIL_SINGLE, .length = 4 * KIB,
	  .tail = 2, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = TAIL_RECLAIM, .length = 4 * KIB,
	  .tail = 2, .raw = true },
	{ .place = USER, .subject = "ndshm", .what = TAIL_NEIGHBOUR, .length = 4 * KIB,
	  .tail = 2, .raw = true },

	{ .subject = "ndshm", .what = LIST_MANY, .allowed = 1500, .raw = true },
	{ .subject = "ndshm", .what = LIST_MOST, .allowed = 1500, .raw = true },

	{ .subject = "ndshm coherent", .what = UNMAPPED_LIVE, .length = 4 * KIB,
	  .base = BARE, .allowed = 6000 },
	{ .subject = "ndshm coherent", .what = BATCH_LIVE, .length = 4 * KIB,
	  .base = BARE, .allowed = 3500 },
	{ .subject = NATIVE, .what = DRIVER, .length = 4 * KIB, .base = BARE,
	  .allowed = 1500, .raw = true },
	{ .subject = NDIS, .what = DRIVER, .length = 4 * KIB, .base = BARE,
	  .allowed = 1500, .raw = true },
	{ .subject = NATIVE, .what = DRIVER, .length = 4 * KIB, .base = NATIVE,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = NATIVE, .what = DRIVER_MANY, .length = 4 * KIB, .base = NATIVE,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = NATIVE, .what = DRIVER_MOST, .length = 4 * KIB, .base = NATIVE,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = NDIS, .what = DRIVER, .length = 4 * KIB, .base = NDIS,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = NDIS, .what = DRIVER_MANY, .length = 4 * KIB, .base = NDIS,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = NDIS, .what = DRIVER_MOST, .length = 4 * KIB, .base = NDIS,
	  .base_what = DRIVER_ONE, .times = 1.02, .raw = true },
	{ .subject = "ndshm section", .what = SHOWN, .length = 2 * MIB,
	  .allowed = 35000, .raw = true },
	{ .subject = "ndshm section", .what = CYCLE, .length = 2 * MIB, .base = "dma-heap",
	  .raw = true },
	{ .subject = "ndshm section", .what = CYCLE, .length = 64 * MIB,
	  .base = "dma-heap", .raw = true },
	{ .subject = "ndshm section", .what = CYCLE, .length = 2 * MIB, .base = "hugetlb",
	  .times = 1.05, .raw = true },
	{ .subject = "ndshm section", .what = CYCLE, .length = 64 * MIB,
	  .base = "hugetlb", .times = 1.05, .raw = true },
};

const unsigned int verdict_count = ARRAY_SIZE(verdicts);

const char *verdict_word(const struct verdict *verdict)
{
	switch (verdict->result) {
	case RESULT_PASS:
		return "PASS";
	case RESULT_FAIL:
		return "FAIL";
	default:
		return "SKIP";
	}
}

static double instructions(const struct row *row, const struct verdict *verdict)
{
	return verdict->raw ? row->raw.median : row_net(row);
}

void verdicts_decide(void)
{
	const struct row *ours, *base = NULL;
	struct verdict *verdict;
	unsigned int i;

	for (i = 0; i < verdict_count; i++) {
		verdict = &verdicts[i];
		ours = table_find(verdict->place ?: ROOT, verdict->what, verdict->subject,
				  verdict->length);
		if (verdict->base)
			base = table_find(verdict->place ?: ROOT,
					  verdict->base_what ?: verdict->what,
					  verdict->base, verdict->length);
		verdict->result = RESULT_SKIP;
		if (!ours || (verdict->base && !base))
			continue;
		verdict->figure = verdict->tail ? ours->raw.p999 : instructions(ours, verdict);
		verdict->goal = verdict->allowed + verdict->tail * ours->raw.median;
		if (verdict->base)
			verdict->goal += instructions(base, verdict) *
					 (verdict->times ?: 1);
		verdict->result = verdict->figure <= verdict->goal ?
				  RESULT_PASS : RESULT_FAIL;
	}
}

/* "ndshm, 4 KiB allocate, free, raw: 5,662, at most 6,700" */
static void verdict_print(const struct verdict *verdict)
{
	char figure[32], goal[32], length[32];

	format_length(length, sizeof(length), verdict->length);
	format_count(figure, sizeof(figure), verdict->figure);
	format_count(goal, sizeof(goal), verdict->goal);
	printf("%s  ", verdict_word(verdict));
	if (verdict->place)
		printf("%s: ", verdict->place);
	printf("%s, %s %s%s: ", verdict->subject, length, verdict->what,
	       verdict->raw ? ", raw" : "");
	if (verdict->result == RESULT_SKIP) {
		printf("not measured\n");
		return;
	}
	printf("%s%s, at most %s", verdict->tail ? "p99.9 " : "", figure, goal);
	if (verdict->tail)
		printf(" (%.3g times p50)", verdict->tail);
	if (verdict->base_what)
		printf(" (%.2f times itself, %s)", verdict->times, verdict->base_what);
	else if (verdict->base)
		printf(" (%.3g times %s%s)", verdict->times ?: 1, verdict->base,
		       verdict->allowed ? " and more" : "");
	printf(", margin %.1f %%\n", 100 * (1 - verdict->figure / verdict->goal));
}

void verdicts_print(void)
{
	unsigned int i;

	printf("\nTargets; net of zeroing, unless they say raw\n");
	for (i = 0; i < verdict_count; i++)
		verdict_print(&verdicts[i]);
}

int verdicts_exit(void)
{
	unsigned int i, failed = 0, skipped = 0;

	for (i = 0; i < verdict_count; i++) {
		failed += verdicts[i].result == RESULT_FAIL;
		skipped += verdicts[i].result == RESULT_SKIP;
	}
	return failed ? 1 : skipped ? 4 : 0;
}
