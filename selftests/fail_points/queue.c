// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues and ports: create and free them with a listener. A worker does
 * the last steps of freeing a queue.
 */
#include <stdio.h>
#include <string.h>

#include "mock.h"

#define MOST	64

/*
 * Count the queues and ports of adapter "mocked" except the default ones; store
 * the state of the first in @state.
 */
static int count(__u32 *state)
{
	static struct ndshm_nl_queue queues[MOST];
	struct ndshm_nl_adapter adapter;
	int known = ndshm_nl_queues(&fail_nth_nl, queues, MOST), found = 0, i;

	*state = 0;
	if (!fail_nth_have_adapter(&adapter))
		return 0;
	fail_nth_expect(known > 0 && known <= MOST);
	for (i = 0; i < known && i < MOST; i++)
		if (queues[i].adapter == adapter.id && queues[i].id && !found++)
			*state = queues[i].state;
	return found;
}

static void report_state(char *text, size_t size)
{
	size_t length;
	__u32 state;
	int found = count(&state);

	fail_nth_mock_state(text, size);
	length = strlen(text);
	snprintf(text + length, size - length, ", queues %d, the first %u", found, state);
}

static void check_there(int error)
{
	__u32 state;

	fail_nth_expect(count(&state) == !error);
}

/* The queue exists in both cases: allocated, or waiting for its DMA to stop. */
static void check_free(int error)
{
	__u32 state;

	count(&state);
	fail_nth_expect(state == (error ? 1 : 5));
}

static void check_gone(int error)
{
	__u32 state;

	if (error)
		fail_nth_expect(count(&state) == 1);
	else
		fail_nth_expect(ndshm_soon(!count(&state)));
}

#define QUEUE(name_, points_, before_, text_, check_) { \
	.name = name_, .points = points_, .errors = { ENOMEM, EFAULT }, \
	.before = "adapter add mocked" before_, .text = text_, .call = fail_nth_call_text, \
	.check = check_ }

static const struct fail_nth_scenario scenarios[] = {
	QUEUE("queue-add", 3, "", "queue add 0 mocked", check_there),
	QUEUE("queue-free", 1, ";queue add 0 mocked", "queue event 0 free", check_free),
	QUEUE("queue-stopped", 1, ";queue add 0 mocked;queue event 0 free",
	      "queue event 0 stopped", check_gone),
	QUEUE("port-add", 3, "", "port add 0 mocked", check_there),
	QUEUE("port-delete", 1, ";port add 0 mocked;port event 0 activate",
	      "port event 0 delete", check_gone),
};

const struct fail_nth_group fail_nth_queue = {
	.name = "queue",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.begin = fail_nth_mock_begin,
	.end = fail_nth_mock_end,
	.must = fail_nth_mock,
	.clean = fail_nth_mock_clean,
	.state = report_state,
};
