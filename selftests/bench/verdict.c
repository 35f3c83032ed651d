// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>

#include "bench.h"
#include "table.h"

struct verdict verdicts[] = {
	{ .what = CYCLE, .length = 4 * KIB, .base = "dma-heap" },
	{ .what = CYCLE, .length = 64 * KIB, .base = "dma-heap" },
	{ .what = CYCLE, .length = 2 * MIB, .base = "dma-heap" },
	{ .what = UNMAPPED_LIVE, .length = 4 * KIB, .base = BARE, .allowed = 6000 },
	{ .what = BATCH_LIVE, .length = 4 * KIB, .base = BARE, .allowed = 3500 },
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

void verdicts_decide(void)
{
	const struct row *ours, *base;
	struct verdict *verdict;
	unsigned int i;

	for (i = 0; i < verdict_count; i++) {
		verdict = &verdicts[i];
		ours = table_find(verdict->what, "ndshm", verdict->length);
		base = table_find(verdict->what, verdict->base, verdict->length);
		verdict->result = RESULT_SKIP;
		if (!ours || !base)
			continue;
		verdict->difference = row_net(ours) - row_net(base);
		verdict->result = verdict->difference <= verdict->allowed ?
				  RESULT_PASS : RESULT_FAIL;
	}
}

void verdicts_print(void)
{
	char difference[32], allowed[32], length[32];
	unsigned int i;

	printf("\nTargets: ndshm above a peer, net of zeroing\n");
	for (i = 0; i < verdict_count; i++) {
		const struct verdict *verdict = &verdicts[i];

		format_length(length, sizeof(length), verdict->length);
		format_count(difference, sizeof(difference), verdict->difference);
		format_count(allowed, sizeof(allowed), verdict->allowed);
		printf("%s  %s %s: above %s by ", verdict_word(verdict), length,
		       verdict->what, verdict->base);
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
