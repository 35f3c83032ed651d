// SPDX-License-Identifier: GPL-2.0
/*
 * A table each: rows are states, columns are events, and what is not written down
 * cannot happen. That of a receive queue is NDIS's; the one of a port follows from
 * what NDIS says about its creation and deletion.
 */
#include <linux/array_size.h>
#include <linux/limits.h>

#include "queue_state.h"

/* The clear of a filter has one column of two, which filters are counted for. */
#define CLEAR_OTHER	NDSHM_QUEUE_CLEAR_FILTER
#define CLEAR_LAST	(NDSHM_QUEUE_FREED + 1)

/* So that 0 is nowhere. */
#define TO(state)	((state) + 1)

static const u8 queue_next[][CLEAR_LAST + 1] = {
	[NDSHM_QUEUE_UNDEFINED] = {
		[NDSHM_QUEUE_ALLOCATE] = TO(NDSHM_QUEUE_ALLOCATED),
	},
	[NDSHM_QUEUE_ALLOCATED] = {
		[NDSHM_QUEUE_SET_FILTER] = TO(NDSHM_QUEUE_SET),
		[NDSHM_QUEUE_COMPLETE] = TO(NDSHM_QUEUE_PAUSED),
		[NDSHM_QUEUE_FREE] = TO(NDSHM_QUEUE_STOP_DMA),
	},
	[NDSHM_QUEUE_SET] = {
		[NDSHM_QUEUE_SET_FILTER] = TO(NDSHM_QUEUE_SET),
		[NDSHM_QUEUE_COMPLETE] = TO(NDSHM_QUEUE_RUNNING),
		[CLEAR_OTHER] = TO(NDSHM_QUEUE_SET),
		[CLEAR_LAST] = TO(NDSHM_QUEUE_ALLOCATED),
	},
	[NDSHM_QUEUE_RUNNING] = {
		[NDSHM_QUEUE_SET_FILTER] = TO(NDSHM_QUEUE_RUNNING),
		[CLEAR_OTHER] = TO(NDSHM_QUEUE_RUNNING),
		[CLEAR_LAST] = TO(NDSHM_QUEUE_PAUSED),
	},
	[NDSHM_QUEUE_PAUSED] = {
		[NDSHM_QUEUE_SET_FILTER] = TO(NDSHM_QUEUE_RUNNING),
		[NDSHM_QUEUE_FREE] = TO(NDSHM_QUEUE_STOP_DMA),
	},
	[NDSHM_QUEUE_STOP_DMA] = {
		[NDSHM_QUEUE_DMA_STOPPED] = TO(NDSHM_QUEUE_FREEING),
	},
	[NDSHM_QUEUE_FREEING] = {
		[NDSHM_QUEUE_FREED] = TO(NDSHM_QUEUE_UNDEFINED),
	},
};

static const u8 vport_next[][NDSHM_VPORT_DELETED + 1] = {
	[NDSHM_VPORT_UNDEFINED] = {
		[NDSHM_VPORT_CREATE] = TO(NDSHM_VPORT_CREATED),
	},
	[NDSHM_VPORT_CREATED] = {
		[NDSHM_VPORT_ACTIVATE] = TO(NDSHM_VPORT_ACTIVE),
		[NDSHM_VPORT_DELETE] = TO(NDSHM_VPORT_DELETING),
	},
	[NDSHM_VPORT_ACTIVE] = {
		[NDSHM_VPORT_DELETE] = TO(NDSHM_VPORT_DELETING),
	},
	[NDSHM_VPORT_DELETING] = {
		[NDSHM_VPORT_DELETED] = TO(NDSHM_VPORT_UNDEFINED),
	},
};

bool ndshm_queue_step(struct ndshm_queue_machine *machine,
		      enum ndshm_queue_event event)
{
	unsigned int column = event;
	u8 to;

	if (machine->state >= ARRAY_SIZE(queue_next) ||
	    event > NDSHM_QUEUE_FREED)
		return false;
	if (event == NDSHM_QUEUE_CLEAR_FILTER && machine->filters == 1)
		column = CLEAR_LAST;
	to = queue_next[machine->state][column];
	if (!to ||
	    (event == NDSHM_QUEUE_SET_FILTER && machine->filters == U32_MAX))
		return false;
	machine->state = to - 1;
	if (event == NDSHM_QUEUE_SET_FILTER)
		machine->filters++;
	else if (event == NDSHM_QUEUE_CLEAR_FILTER)
		machine->filters--;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_queue_step);

bool ndshm_queue_may_allocate(enum ndshm_queue_state state)
{
	return state >= NDSHM_QUEUE_ALLOCATED && state <= NDSHM_QUEUE_PAUSED;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_queue_may_allocate);

bool ndshm_vport_step(enum ndshm_vport_state *state,
		      enum ndshm_vport_event event)
{
	u8 to;

	if (*state >= ARRAY_SIZE(vport_next) || event > NDSHM_VPORT_DELETED)
		return false;
	to = vport_next[*state][event];
	if (!to)
		return false;
	*state = to - 1;
	return true;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_vport_step);

bool ndshm_vport_may_allocate(enum ndshm_vport_state state)
{
	return state == NDSHM_VPORT_ACTIVE;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_vport_may_allocate);
