// SPDX-License-Identifier: GPL-2.0
/*
 * States of queues and ports: every state with every event, compared with the tables of
 * NDIS's documentation, in the same form: events are rows, states are columns, and a
 * blank is invalid.
 */
#include "suite.h"

#include <linux/string.h>

#include "../../adapter/queue_state.c"

/* States in the order of the tables' columns, their first letters ("d" of a queue is STOP_DMA). */
static const struct kind {
	u32 states[7];
	const char *letters;
	const char *live;	/* these may allocate */
} kinds[NDSHM_KINDS] = {
	[NDSHM_KIND_QUEUE] = {
		{
			NDSHM_QUEUE_UNDEFINED, NDSHM_QUEUE_ALLOCATED, NDSHM_QUEUE_SET,
			NDSHM_QUEUE_RUNNING, NDSHM_QUEUE_PAUSED, NDSHM_QUEUE_STOP_DMA,
			NDSHM_QUEUE_FREEING,
		}, "uasrpdf", "asrp",
	},
	[NDSHM_KIND_VPORT] = {
		{
			NDSHM_VPORT_UNDEFINED, NDSHM_VPORT_CREATED, NDSHM_VPORT_ACTIVE,
			NDSHM_VPORT_DELETING,
		}, "ucad", "a",
	},
};

/* The next state. Ports ignore the events of queues: their rows are blank. */
static const struct row {
	enum ndshm_queue_event event;
	char filters;		/* '0', '1', '+' for more, '*' for any number */
	const char *next[NDSHM_KINDS];
} state_rows[] = {
	/*					    uasrpdf	ucad */
	{ NDSHM_QUEUE_ALLOCATE,		'*',	{ "a      ", "c   " } },
	{ NDSHM_QUEUE_SET_FILTER,	'*',	{ " ssrr  ", "    " } },
	{ NDSHM_QUEUE_COMPLETE,		'*',	{ " pr    ", " a  " } },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'1',	{ "  ap   ", "    " } },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'+',	{ "  sr   ", "    " } },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'0',	{ "       ", "    " } },
	{ NDSHM_QUEUE_FREE,		'*',	{ " d  d  ", "    " } },
	{ NDSHM_QUEUE_DMA_STOPPED,	'*',	{ "     f ", " dd " } },
	{ NDSHM_QUEUE_FREED,		'*',	{ "      u", "   u" } },
	/* No event. */
	{ NDSHM_QUEUE_FREED + 1,	'*',	{ "       ", "    " } },
	{ 299,				'*',	{ "       ", "    " } },
};

static bool row_applies(const struct row *row, u32 filters)
{
	return row->filters == '*' || (row->filters == '0' && !filters) ||
	       (row->filters == '1' && filters == 1) ||
	       (row->filters == '+' && filters > 1);
}

static bool has_filters(const struct ndshm_queue_machine *machine)
{
	return machine->kind == NDSHM_KIND_QUEUE &&
	       (machine->state == NDSHM_QUEUE_SET || machine->state == NDSHM_QUEUE_RUNNING);
}

/* The count of filters changes with the state, and does not overflow. */
static void try_step(struct kunit *test, struct ndshm_queue_machine machine,
		     const struct row *row, unsigned int column)
{
	const struct kind *kind = &kinds[machine.kind];
	const struct ndshm_queue_machine before = machine;
	char next = row->next[machine.kind][column];
	u32 filters = machine.filters;

	if (row->event == NDSHM_QUEUE_SET_FILTER && filters == U32_MAX)
		next = ' ';
	KUNIT_ASSERT_EQ_MSG(test, ndshm_queue_step(&machine, row->event), next != ' ',
			    "event %d in state %c with %u filters", row->event,
			    kind->letters[column], filters);
	if (next == ' ') {
		KUNIT_ASSERT_EQ(test, memcmp(&machine, &before, sizeof(machine)), 0);
		return;
	}
	filters += row->event == NDSHM_QUEUE_SET_FILTER;
	filters -= row->event == NDSHM_QUEUE_CLEAR_FILTER;
	KUNIT_ASSERT_EQ_MSG(test, machine.state,
			    kind->states[strchr(kind->letters, next) - kind->letters],
			    "event %d in state %c with %u filters", row->event,
			    kind->letters[column], before.filters);
	KUNIT_ASSERT_EQ(test, machine.filters, filters);
	KUNIT_ASSERT_EQ(test, has_filters(&machine), !!filters);
}

static void try_states(struct kunit *test, enum ndshm_queue_kind number)
{
	static const u32 counts[] = { 0, 1, 2, 3, 1000, U32_MAX - 1, U32_MAX };
	const struct kind *kind = &kinds[number];
	struct ndshm_queue_machine machine = { .kind = number };
	unsigned int column, i;
	const struct row *row;

	for (column = 0; column < strlen(kind->letters); column++) {
		machine.state = kind->states[column];
		KUNIT_EXPECT_EQ(test, ndshm_queue_may_allocate(&machine),
				!!strchr(kind->live, kind->letters[column]));
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			machine.filters = counts[i];
			if (has_filters(&machine) != !!counts[i])
				continue;
			for (row = state_rows; row < state_rows + ARRAY_SIZE(state_rows); row++)
				if (row_applies(row, counts[i]))
					try_step(test, machine, row, column);
		}
	}
	/* No state. */
	for (i = strlen(kind->letters); i < 300; i++) {
		machine = (struct ndshm_queue_machine){ .kind = number, .state = i };
		KUNIT_ASSERT_FALSE(test, ndshm_queue_step(&machine, NDSHM_QUEUE_FREE));
		KUNIT_ASSERT_FALSE(test, ndshm_queue_step(&machine, NDSHM_QUEUE_DMA_STOPPED));
		KUNIT_ASSERT_EQ(test, machine.state, i);
		KUNIT_ASSERT_FALSE(test, ndshm_queue_may_allocate(&machine));
	}
}

static void every_queue_state_and_event(struct kunit *test)
{
	try_states(test, NDSHM_KIND_QUEUE);
}

static void every_vport_state_and_event(struct kunit *test)
{
	try_states(test, NDSHM_KIND_VPORT);
}

static struct kunit_case queue_state_cases[] = {
	KUNIT_CASE(every_queue_state_and_event),
	KUNIT_CASE(every_vport_state_and_event),
	{}
};

static struct kunit_suite queue_state_suite = {
	.name = "ndshm_queue_state",
	.test_cases = queue_state_cases,
};

kunit_test_suite(queue_state_suite);
