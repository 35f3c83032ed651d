// SPDX-License-Identifier: GPL-2.0
/*
 * State tables of receive queues and virtual ports: a row for each state, a column for
 * each event; events without an entry are refused. The table of a queue is that of NDIS;
 * the one of a port follows from the NDIS pages about creation and deletion.
 */
#include <linux/array_size.h>
#include <linux/limits.h>

#include "queue_state.h"

/* Clearing a filter has two columns: for the last filter, and for any other. */
#define CLEAR_OTHER	NDSHM_QUEUE_CLEAR_FILTER
#define CLEAR_LAST	(NDSHM_QUEUE_FREED + 1)

/* An entry is the next state plus 1: 0 means that there is no entry. */
#define TO(state)	((state) + 1)

static const u8 next[NDSHM_KINDS][NDSHM_QUEUE_FREEING + 1][CLEAR_LAST + 1] = {
	[NDSHM_KIND_QUEUE] = {
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
	},
	[NDSHM_KIND_VPORT] = {
		[NDSHM_VPORT_UNDEFINED] = {
			[NDSHM_QUEUE_ALLOCATE] = TO(NDSHM_VPORT_CREATED),
		},
		[NDSHM_VPORT_CREATED] = {
			[NDSHM_QUEUE_COMPLETE] = TO(NDSHM_VPORT_ACTIVE),
			[NDSHM_QUEUE_DMA_STOPPED] = TO(NDSHM_VPORT_DELETING),
		},
		[NDSHM_VPORT_ACTIVE] = {
			[NDSHM_QUEUE_DMA_STOPPED] = TO(NDSHM_VPORT_DELETING),
		},
		[NDSHM_VPORT_DELETING] = {
			[NDSHM_QUEUE_FREED] = TO(NDSHM_VPORT_UNDEFINED),
		},
	},
};

bool ndshm_queue_step(struct ndshm_queue_machine *machine,
		      enum ndshm_queue_event event)
{
	unsigned int column = event;
	u8 to;

	if (machine->state >= ARRAY_SIZE(next[0]) ||
	    event > NDSHM_QUEUE_FREED)
		return false;
	if (event == NDSHM_QUEUE_CLEAR_FILTER && machine->filters == 1)
		column = CLEAR_LAST;
	to = next[machine->kind][machine->state][column];
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

bool ndshm_queue_may_allocate(const struct ndshm_queue_machine *machine)
{
	if (machine->kind == NDSHM_KIND_VPORT)
		return machine->state == NDSHM_VPORT_ACTIVE;
	return machine->state >= NDSHM_QUEUE_ALLOCATED &&
	       machine->state <= NDSHM_QUEUE_PAUSED;
}
