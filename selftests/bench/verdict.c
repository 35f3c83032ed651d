// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "bench.h"
#include "table.h"

struct verdict verdicts[] = {
	{ .subject = "ndshm", .what = CYCLE, .length = 4 * KIB, .base = "dma-heap" },
	{ .subject = "ndshm", .what = CYCLE, .length = 64 * KIB, .base = "dma-heap" },
	{ .subject = "ndshm", .what = CYCLE, .length = 2 * MIB, .base = "dma-heap" },
	{ .subject = "ndshm", .what = UNMAPPED_LIVE, .length = 4 * KIB, .base = BARE,
	  .allowed = 6000 },
	{ .subject = "ndshm", .what = BATCH_LIVE, .length = 4 * KIB, .base = BARE,
	  .allowed = 3500 },
	{ .subject = NATIVE, .what = DRIVER, .length = 4 * KIB, .base = BARE,
	  .allowed = 2500 },
	{ .subject = NDIS, .what = DRIVER, .length = 4 * KIB, .base = BARE,
	  .allowed = 2500 },
	{ .subject = NATIVE, .what = DRIVER_MANY, .length = 4 * KIB, .base = NATIVE,
	  .base_what = DRIVER, .times = 1.1, .raw = true },
	{ .subject = NDIS, .what = DRIVER_MANY, .length = 4 * KIB, .base = NDIS,
	  .base_what = DRIVER, .times = 1.1, .raw = true },
	{ .subject = "ndshm pages", .what = SHOWN, .length = 2 * MIB,
	  .allowed = 35000 },
	{ .subject = "ndshm pages", .what = CYCLE, .length = 2 * MIB, .base = "dma-heap",
	  .raw = true },
	{ .subject = "ndshm pages", .what = CYCLE, .length = 64 * MIB, .base = "dma-heap",
	  .raw = true },
	{ .subject = "ndshm pages", .what = CYCLE, .length = 2 * MIB, .base = "hugetlb",
	  .times = 1.05, .raw = true },
	{ .subject = "ndshm pages", .what = CYCLE, .length = 64 * MIB, .base = "hugetlb",
	  .times = 1.05, .raw = true },
	{ .subject = "ndshm section", .what = SHOWN, .length = 2 * MIB,
	  .allowed = 35000 },
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
		ours = table_find(verdict->what, verdict->subject, verdict->length);
		if (verdict->base)
			base = table_find(verdict->base_what ?: verdict->what,
					  verdict->base, verdict->length);
		verdict->result = RESULT_SKIP;
		if (!ours || (verdict->base && !base))
			continue;
		verdict->difference = instructions(ours, verdict);
		if (verdict->base)
			verdict->difference -= instructions(base, verdict) *
					       (verdict->times ?: 1);
		verdict->result = verdict->difference <= verdict->allowed ?
				  RESULT_PASS : RESULT_FAIL;
	}
}

void verdicts_print(void)
{
	char difference[32], allowed[32], length[32];
	unsigned int i;

	printf("\nTargets; net of zeroing, unless they say raw\n");
	for (i = 0; i < verdict_count; i++) {
		const struct verdict *verdict = &verdicts[i];

		format_length(length, sizeof(length), verdict->length);
		format_count(difference, sizeof(difference), verdict->difference);
		format_count(allowed, sizeof(allowed), verdict->allowed);
		printf("%s  %s, %s %s%s: ", verdict_word(verdict), verdict->subject,
		       length, verdict->what, verdict->raw ? ", raw" : "");
		if (verdict->base_what)
			printf("above %.2f times itself, %s, by ",
			       verdict->times, verdict->base_what);
		else if (verdict->times)
			printf("above %.2f times %s by ", verdict->times,
			       verdict->base);
		else if (verdict->base)
			printf("above %s by ", verdict->base);
		printf("%s, at most %s\n",
		       verdict->result == RESULT_SKIP ? "?" : difference, allowed);
	}
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
