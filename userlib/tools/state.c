// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What exists, and the events that lead from one state to the next.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "state.h"

/* Return the kind of the event that changed a row, or EXISTS. */

static uint32_t no_change(const void *before, const void *after)
{
	(void)before;
	(void)after;
	return EXISTS;
}

/* State of a queue from which on it has no DMA, see struct ndshm_queue_row. A port has none. */
#define STOP_DMA 5

static uint32_t queue_change(const void *before, const void *after)
{
	const struct ndshm_queue_row *old = before, *new = after;

	return !new->port && old->state < STOP_DMA && new->state >= STOP_DMA ?
	       NDSHM_EVENT_STOPPED : EXISTS;
}

static uint32_t block_change(const void *before, const void *after)
{
	const struct ndshm_block_row *old = before, *new = after;

	return !old->revoked && new->revoked ? NDSHM_EVENT_REVOKED : EXISTS;
}

static uint32_t section_change(const void *before, const void *after)
{
	const struct ndshm_section_row *old = before, *new = after;

	return !old->deleted && new->deleted ? NDSHM_EVENT_DELETED : EXISTS;
}

#define KINDS 5

#define KIND(object_, member_, change_) { \
		.object = NDSHM_EVENT_##object_, \
		.member = offsetof(struct ndshm_event, member_), \
		.size = sizeof(((struct ndshm_event *)NULL)->member_), \
		.change = change_, \
	}

static const struct kind {
	enum ndshm_event_object object;
	size_t member;	/* offset in struct ndshm_event */
	size_t size;
	uint32_t (*change)(const void *before, const void *after);
} kinds[KINDS] = {
	KIND(ADAPTER, adapter, no_change),
	KIND(PROVIDER, provider, no_change),
	KIND(QUEUE, queue, queue_change),
	KIND(BLOCK, block, block_change),
	KIND(SECTION, section, section_change),
};

/* Return the number of rows of a kind, and set *@rows to the first one. */
static size_t rows_of(const struct state *state, const struct kind *kind, const char **rows)
{
	switch (kind->object) {
	case NDSHM_EVENT_ADAPTER:
		*rows = (const char *)state->names.adapters;
		return state->names.adapter_count;
	case NDSHM_EVENT_PROVIDER:
		*rows = (const char *)state->names.providers;
		return state->names.provider_count;
	case NDSHM_EVENT_QUEUE:
		*rows = (const char *)state->queues;
		return state->queue_count;
	case NDSHM_EVENT_BLOCK:
		*rows = (const char *)state->blocks;
		return state->block_count;
	default:
		*rows = (const char *)state->sections;
		return state->section_count;
	}
}

static struct object object_of_row(enum ndshm_event_object object, const void *row)
{
	struct object found = { .object = object };
	const struct ndshm_queue_row *queue = row;

	switch (object) {
	case NDSHM_EVENT_ADAPTER:
		found.id = ((const struct ndshm_adapter_info *)row)->id;
		break;
	case NDSHM_EVENT_PROVIDER:
		found.id = ((const struct ndshm_provider_info *)row)->id;
		break;
	case NDSHM_EVENT_QUEUE:
		found.adapter = queue->adapter;
		found.port = queue->port;
		found.id = queue->id;
		break;
	case NDSHM_EVENT_BLOCK:
		found.id = ((const struct ndshm_block_row *)row)->id;
		break;
	default:
		found.id = ((const struct ndshm_section_row *)row)->id;
	}
	return found;
}

struct object object_of(const struct ndshm_event *event)
{
	size_t i = 0;

	while (i < KINDS - 1 && kinds[i].object != event->object)
		i++;
	return object_of_row(event->object, (const char *)event + kinds[i].member);
}

int compare_objects(const void *left, const void *right)
{
	const struct object *a = left, *b = right;

	if (a->object != b->object)
		return a->object > b->object ? 1 : -1;
	if (a->adapter != b->adapter)
		return a->adapter > b->adapter ? 1 : -1;
	if (a->port != b->port)
		return a->port > b->port ? 1 : -1;
	return (a->id > b->id) - (a->id < b->id);
}

int get_state(struct ndshm *ndshm, struct state *state)
{
	int error = get_names(ndshm, &state->names);

	if (!error)
		error = ndshm_list_queues(ndshm, &state->queues, &state->queue_count);
	if (!error)
		error = ndshm_list_blocks(ndshm, &state->blocks, &state->block_count);
	if (!error)
		error = ndshm_list_sections(ndshm, &state->sections, &state->section_count);
	return error;
}

void free_state(struct state *state)
{
	free_names(&state->names);
	free(state->queues);
	free(state->blocks);
	free(state->sections);
	*state = (struct state){ 0 };
}

static enum exit_code show_row(const struct kind *kind, uint32_t event_kind, const char *row,
			       show_event_fn show, void *context)
{
	struct ndshm_event event = { .object = kind->object, .kind = event_kind };

	memcpy((char *)&event + kind->member, row, kind->size);
	return show(context, &event);
}

/* Show rows of @first that are not in @second, and, if @changes is set, those that differ. */
static enum exit_code show_difference(const struct kind *kind, const struct state *first,
				      const struct state *second, uint32_t missing, bool changes,
				      show_event_fn show, void *context)
{
	const char *row, *other;
	size_t left = rows_of(first, kind, &row), others = rows_of(second, kind, &other);
	enum exit_code code = EXIT_DONE;

	for (; left && code == EXIT_DONE; left--, row += kind->size) {
		struct object object = object_of_row(kind->object, row), rival;
		uint32_t event = missing;
		int order = -1;

		for (; others; others--, other += kind->size) {
			rival = object_of_row(kind->object, other);
			order = compare_objects(&object, &rival);
			if (order <= 0)
				break;
		}
		if (others && !order)
			event = changes ? kind->change(other, row) : EXISTS;
		if (event != EXISTS)
			code = show_row(kind, event, row, show, context);
	}
	return code;
}

enum exit_code show_state(const struct state *state, show_event_fn show, void *context)
{
	enum exit_code code = EXIT_DONE;

	for (size_t i = 0; i < KINDS && code == EXIT_DONE; i++) {
		const char *row;
		size_t count = rows_of(state, &kinds[i], &row);

		for (; count && code == EXIT_DONE; count--, row += kinds[i].size)
			code = show_row(&kinds[i], EXISTS, row, show, context);
	}
	return code;
}

/* Adapters and providers are last: other objects refer to them. */
enum exit_code show_ends(const struct state *before, const struct state *after,
			 show_event_fn show, void *context)
{
	enum exit_code code = EXIT_DONE;

	for (size_t i = KINDS; i-- && code == EXIT_DONE;)
		code = show_difference(&kinds[i], before, after, NDSHM_EVENT_GONE, false, show,
				       context);
	return code;
}

enum exit_code show_changes(const struct state *before, const struct state *after,
			    show_event_fn show, void *context)
{
	enum exit_code code = EXIT_DONE;

	for (size_t i = 0; i < KINDS && code == EXIT_DONE; i++)
		code = show_difference(&kinds[i], after, before, NDSHM_EVENT_ADDED, true, show,
				       context);
	return code;
}
