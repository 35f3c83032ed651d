// SPDX-License-Identifier: GPL-2.0
/*
 * States of queues and ports: every state with every event, compared with the tables of
 * NDIS's documentation, in the same form: events are rows, states are columns, and a
 * blank is invalid.
 */
#include <linux/string.h>

#include "../../adapter/queue_state.h"
#include "suite.h"

/*
 * Receive queues
 */

/* States in the order of the table's columns. */
static const enum ndshm_queue_state queue_states[] = {
	NDSHM_QUEUE_UNDEFINED, NDSHM_QUEUE_ALLOCATED, NDSHM_QUEUE_SET,
	NDSHM_QUEUE_RUNNING, NDSHM_QUEUE_PAUSED, NDSHM_QUEUE_STOP_DMA,
	NDSHM_QUEUE_FREEING,
};

/* First letters of the states, in the same order; "d" is STOP_DMA. */
static const char queue_letters[] = "uasrpdf";

static const struct queue_row {
	enum ndshm_queue_event event;
	char filters;		/* '0', '1', '+' for more, '*' for any number */
	const char *next;
} queue_rows[] = {
	/*					  uasrpdf */
	{ NDSHM_QUEUE_ALLOCATE,		'*',	"a      " },
	{ NDSHM_QUEUE_SET_FILTER,	'*',	" ssrr  " },
	{ NDSHM_QUEUE_COMPLETE,		'*',	" pr    " },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'1',	"  ap   " },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'+',	"  sr   " },
	{ NDSHM_QUEUE_CLEAR_FILTER,	'0',	"       " },
	{ NDSHM_QUEUE_FREE,		'*',	" d  d  " },
	{ NDSHM_QUEUE_DMA_STOPPED,	'*',	"     f " },
	{ NDSHM_QUEUE_FREED,		'*',	"      u" },
};

static bool has_filters(enum ndshm_queue_state state)
{
	return state == NDSHM_QUEUE_SET || state == NDSHM_QUEUE_RUNNING;
}

static bool row_applies(const struct queue_row *row, u32 filters)
{
	return row->filters == '*' || (row->filters == '0' && !filters) ||
	       (row->filters == '1' && filters == 1) ||
	       (row->filters == '+' && filters > 1);
}

static void try_queue(struct kunit *test, unsigned int column, u32 filters,
		      const struct queue_row *row)
{
	struct ndshm_queue_machine machine = {
		.state = queue_states[column], .filters = filters,
	};
	char next = row->next[column];
	u32 expected = filters;
	bool moved;

	moved = ndshm_queue_step(&machine, row->event);
	KUNIT_ASSERT_EQ_MSG(test, moved, next != ' ',
			    "event %d in state %c with %u filters", row->event,
			    queue_letters[column], filters);
	if (!moved) {
		KUNIT_ASSERT_EQ(test, machine.state, queue_states[column]);
		KUNIT_ASSERT_EQ(test, machine.filters, filters);
		return;
	}
	if (row->event == NDSHM_QUEUE_SET_FILTER)
		expected++;
	if (row->event == NDSHM_QUEUE_CLEAR_FILTER)
		expected--;
	KUNIT_ASSERT_EQ_MSG(test, machine.state,
			    queue_states[strchr(queue_letters, next) -
					 queue_letters],
			    "event %d in state %c with %u filters", row->event,
			    queue_letters[column], filters);
	KUNIT_ASSERT_EQ(test, machine.filters, expected);
	KUNIT_ASSERT_EQ(test, has_filters(machine.state), !!machine.filters);
}

static void every_queue_state_and_event(struct kunit *test)
{
	static const u32 counts[] = { 0, 1, 2, 3, 1000, U32_MAX - 1 };
	const struct queue_row *row;
	unsigned int column, i, tried = 0;

	for (column = 0; column < ARRAY_SIZE(queue_states); column++) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			if (has_filters(queue_states[column]) != !!counts[i])
				continue;
			for (row = queue_rows; row < queue_rows +
			     ARRAY_SIZE(queue_rows); row++) {
				if (!row_applies(row, counts[i]))
					continue;
				try_queue(test, column, counts[i], row);
				tried++;
			}
		}
	}
	/*
	 * Each of 7 events in 5 states without filters, and in 2 states with 5 counts of filters
	 * each.
	 */
	KUNIT_EXPECT_EQ(test, tried, 7 * (5 + 2 * 5));
}

/* The count of filters does not overflow. */
static void too_many_filters(struct kunit *test)
{
	static const enum ndshm_queue_state states[] = {
		NDSHM_QUEUE_SET, NDSHM_QUEUE_RUNNING,
	};
	struct ndshm_queue_machine machine = {};
	int i;

	for (i = 0; i < ARRAY_SIZE(states); i++) {
		machine.state = states[i];
		machine.filters = U32_MAX;
		KUNIT_EXPECT_FALSE(test,
				   ndshm_queue_step(&machine,
						    NDSHM_QUEUE_SET_FILTER));
		KUNIT_EXPECT_EQ(test, machine.state, states[i]);
		KUNIT_EXPECT_EQ(test, machine.filters, U32_MAX);
		KUNIT_EXPECT_TRUE(test,
				  ndshm_queue_step(&machine,
						   NDSHM_QUEUE_CLEAR_FILTER));
		KUNIT_EXPECT_EQ(test, machine.state, states[i]);
		KUNIT_EXPECT_EQ(test, machine.filters, U32_MAX - 1);
	}
}

/* Invalid states and events. */
static void no_queue_state_or_event(struct kunit *test)
{
	struct ndshm_queue_machine machine = {};
	int i;

	for (i = NDSHM_QUEUE_FREED + 1; i < 300; i++) {
		machine.state = NDSHM_QUEUE_SET;
		machine.filters = 1;
		KUNIT_ASSERT_FALSE(test, ndshm_queue_step(&machine, i));
		KUNIT_ASSERT_EQ(test, machine.state, NDSHM_QUEUE_SET);
		KUNIT_ASSERT_EQ(test, machine.filters, 1);
	}
	for (i = NDSHM_QUEUE_FREEING + 1; i < 300; i++) {
		machine.state = i;
		KUNIT_ASSERT_FALSE(test, ndshm_queue_step(&machine,
							  NDSHM_QUEUE_FREE));
		KUNIT_ASSERT_EQ(test, machine.state, i);
		KUNIT_ASSERT_FALSE(test, ndshm_queue_may_allocate(&machine));
	}
}

/* Random events: a queue has filters in the states SET and RUNNING, and only there. */
static void queue_walks(struct kunit *test)
{
	struct rnd_state random = suite_random(test);
	struct ndshm_queue_machine machine = {}, before;
	u32 i, frees = 0;

	for (i = 0; i < 200000; i++) {
		u32 event = suite_below(&random, NDSHM_QUEUE_FREED + 3);

		/* Clear filters more often, so that their number stays small. */
		if (event > NDSHM_QUEUE_FREED)
			event = NDSHM_QUEUE_CLEAR_FILTER;
		before = machine;
		if (!ndshm_queue_step(&machine, event))
			KUNIT_ASSERT_EQ(test, memcmp(&machine, &before,
						     sizeof(machine)), 0);
		else
			frees += event == NDSHM_QUEUE_FREED;
		KUNIT_ASSERT_EQ(test, has_filters(machine.state),
				!!machine.filters);
	}
	KUNIT_EXPECT_GT(test, frees, 100);
}

static void queue_may_allocate(struct kunit *test)
{
	static const char live[] = "asrp";
	struct ndshm_queue_machine machine = {};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(queue_states); i++) {
		machine.state = queue_states[i];
		KUNIT_EXPECT_EQ_MSG(test, ndshm_queue_may_allocate(&machine),
				    !!strchr(live, queue_letters[i]),
				    "state %c", queue_letters[i]);
	}
}

/*
 * Virtual ports
 */

static const enum ndshm_vport_state vport_states[] = {
	NDSHM_VPORT_UNDEFINED, NDSHM_VPORT_CREATED, NDSHM_VPORT_ACTIVE,
	NDSHM_VPORT_DELETING,
};

static const char vport_letters[] = "ucad";

/* Ports ignore the events of queues: their rows are blank. */
static const struct vport_row {
	enum ndshm_queue_event event;
	const char *next;
} vport_rows[] = {
	/*				  ucad */
	{ NDSHM_QUEUE_ALLOCATE,		"c   " },
	{ NDSHM_QUEUE_SET_FILTER,	"    " },
	{ NDSHM_QUEUE_COMPLETE,		" a  " },
	{ NDSHM_QUEUE_CLEAR_FILTER,	"    " },
	{ NDSHM_QUEUE_FREE,		"    " },
	{ NDSHM_QUEUE_DMA_STOPPED,	" dd " },
	{ NDSHM_QUEUE_FREED,		"   u" },
};

static void every_vport_state_and_event(struct kunit *test)
{
	struct ndshm_queue_machine machine = { .kind = NDSHM_KIND_VPORT };
	enum ndshm_vport_state expected;
	const struct vport_row *row;
	unsigned int column;
	char next;

	for (column = 0; column < ARRAY_SIZE(vport_states); column++) {
		for (row = vport_rows;
		     row < vport_rows + ARRAY_SIZE(vport_rows); row++) {
			machine.state = vport_states[column];
			expected = machine.state;
			next = row->next[column];
			if (next != ' ')
				expected = vport_states[strchr(vport_letters,
							       next) -
							vport_letters];
			KUNIT_EXPECT_EQ_MSG(test,
					    ndshm_queue_step(&machine,
							     row->event),
					    next != ' ',
					    "event %d in state %c", row->event,
					    vport_letters[column]);
			KUNIT_EXPECT_EQ(test, machine.state, expected);
			KUNIT_EXPECT_EQ(test, machine.filters, 0);
		}
	}
}

static void no_vport_state_or_event(struct kunit *test)
{
	struct ndshm_queue_machine machine = { .kind = NDSHM_KIND_VPORT };
	int i;

	for (i = NDSHM_QUEUE_FREED + 1; i < 300; i++) {
		machine.state = NDSHM_VPORT_ACTIVE;
		KUNIT_ASSERT_FALSE(test, ndshm_queue_step(&machine, i));
		KUNIT_ASSERT_EQ(test, machine.state, NDSHM_VPORT_ACTIVE);
	}
	for (i = NDSHM_VPORT_DELETING + 1; i < 300; i++) {
		machine.state = i;
		KUNIT_ASSERT_FALSE(test,
				   ndshm_queue_step(&machine,
						    NDSHM_QUEUE_DMA_STOPPED));
		KUNIT_ASSERT_EQ(test, machine.state, i);
		KUNIT_ASSERT_FALSE(test, ndshm_queue_may_allocate(&machine));
	}
}

static void vport_may_allocate(struct kunit *test)
{
	struct ndshm_queue_machine machine = { .kind = NDSHM_KIND_VPORT };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vport_states); i++) {
		machine.state = vport_states[i];
		KUNIT_EXPECT_EQ_MSG(test, ndshm_queue_may_allocate(&machine),
				    vport_letters[i] == 'a', "state %c",
				    vport_letters[i]);
	}
}

static struct kunit_case queue_state_cases[] = {
	KUNIT_CASE(every_queue_state_and_event),
	KUNIT_CASE(too_many_filters),
	KUNIT_CASE(no_queue_state_or_event),
	KUNIT_CASE(queue_walks),
	KUNIT_CASE(queue_may_allocate),
	KUNIT_CASE(every_vport_state_and_event),
	KUNIT_CASE(no_vport_state_or_event),
	KUNIT_CASE(vport_may_allocate),
	{}
};

static struct kunit_suite queue_state_suite = {
	.name = SUITE_NAME("queue_state"),
	.test_cases = queue_state_cases,
};

kunit_test_suite(queue_state_suite);
