/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adapters, providers, queues, blocks and sections that exist, and what happened to them.
 */
#ifndef NDSHM_TOOL_STATE_H
#define NDSHM_TOOL_STATE_H

#include <stddef.h>
#include <stdint.h>

#include <ndshm/admin.h>

#include "tool.h"

/* The kind of the event of an object that exists; the library has none. */
#define EXISTS 0

/* Identity of an object. */
struct object {
	uint32_t object;	/* NDSHM_EVENT_ADAPTER, ... */
	uint32_t adapter;	/* of queues */
	uint32_t port;		/* of queues */
	uint32_t id;
};

struct object object_of(const struct ndshm_event *event);
/* Order of two struct object, which is also that of the lists. */
int compare_objects(const void *left, const void *right);

/* Lists, sorted. */
struct state {
	struct names names;
	struct ndshm_queue_row *queues;
	size_t queue_count;
	struct ndshm_block_row *blocks;
	size_t block_count;
	struct ndshm_section_row *sections;
	size_t section_count;
};

/* The state must be zeroed. Call free_state() also after an error. */
int get_state(struct ndshm *ndshm, struct state *state);
void free_state(struct state *state);

/* Call @show for events until it fails, and return its result. */
typedef enum exit_code (*show_event_fn)(void *context, struct ndshm_event *event);
/* Each object exists. */
enum exit_code show_state(const struct state *state, show_event_fn show, void *context);
/* Objects that are gone, in the names of @before. */
enum exit_code show_ends(const struct state *before, const struct state *after,
			 show_event_fn show, void *context);
/* Objects that were added, stopped, revoked or deleted. */
enum exit_code show_changes(const struct state *before, const struct state *after,
			    show_event_fn show, void *context);

#endif /* NDSHM_TOOL_STATE_H */
