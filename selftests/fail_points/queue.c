// SPDX-License-Identifier: GPL-2.0
/*
 * Receive queues and ports: create and free them with a listener. A worker does
 * the last steps of freeing a queue.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mock.h"
#include "ndshm_proc.h"

#define MOST	64

/*
 * Count the queues and ports of adapter "mocked" except the default ones; store
 * the first in @out.
 */
static int count(struct ndshm_nl_queue *out)
{
	static struct ndshm_nl_queue queues[MOST];
	struct ndshm_nl_adapter adapter;
	int known = ndshm_nl_queues(&fail_nth_nl, queues, MOST), found = 0, i;

	if (!fail_nth_have_adapter(&adapter))
		return 0;
	fail_nth_expect(known > 0 && known <= MOST);
	for (i = 0; i < known && i < MOST; i++) {
		if (queues[i].adapter != adapter.id || !queues[i].id)
			continue;
		if (out && !found)
			*out = queues[i];
		found++;
	}
	return found;
}

static __u32 state_of_first(void)
{
	struct ndshm_nl_queue queue = {};

	count(&queue);
	return queue.state;
}

static void report_state(char *text, size_t size)
{
	size_t length;

	fail_nth_mock_state(text, size);
	length = strlen(text);
	snprintf(text + length, size - length, ", queues %d, the first %u",
		 count(NULL), state_of_first());
}

static bool setup_with(const char *before, const char *text)
{
	fail_nth_mock_text = text;
	return fail_nth_must("adapter add mocked") &&
	       (!before || fail_nth_must(before));
}

/*
 * Creation
 */

static void check_there(int error)
{
	fail_nth_expect(count(NULL) == !error);
}

static bool setup_add(void)
{
	return setup_with(NULL, "queue add 0 mocked");
}

static bool setup_add_port(void)
{
	return setup_with(NULL, "port add 0 mocked");
}

/*
 * Freeing
 */

static bool setup_free(void)
{
	return setup_with("queue add 0 mocked", "queue event 0 free");
}

/* The queue exists in both cases: allocated, or waiting for its DMA to stop. */
static void check_free(int error)
{
	fail_nth_expect(state_of_first() == (error ? 1 : 5));
}

static bool setup_stopped(void)
{
	return setup_free() && fail_nth_must(fail_nth_mock_text) &&
	       (fail_nth_mock_text = "queue event 0 stopped");
}

static void check_gone(int error)
{
	if (error)
		fail_nth_expect(count(NULL) == 1);
	else
		fail_nth_expect(ndshm_soon(!count(NULL)));
}

static bool setup_delete(void)
{
	return setup_with("port add 0 mocked", "port event 0 activate") &&
	       fail_nth_must(fail_nth_mock_text) &&
	       (fail_nth_mock_text = "port event 0 delete");
}

#define QUEUE_COMMAND(name_, setup_, check_) \
	{ \
		.name = name_, .errors = { ENOMEM, EFAULT }, \
		.setup = setup_, .call = fail_nth_call_mock, \
		.check = check_, .clean = fail_nth_mock_clean, \
	}

static const struct fail_nth_command commands[] = {
	QUEUE_COMMAND("queue-add", setup_add, check_there),
	QUEUE_COMMAND("queue-free", setup_free, check_free),
	QUEUE_COMMAND("queue-stopped", setup_stopped, check_gone),
	QUEUE_COMMAND("port-add", setup_add_port, check_there),
	QUEUE_COMMAND("port-delete", setup_delete, check_gone),
};

const struct fail_nth_group fail_nth_queue = {
	.name = "queue",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.begin = fail_nth_mock_begin,
	.end = fail_nth_mock_end,
	.state = report_state,
};
