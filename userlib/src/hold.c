// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Holds of sections and blocks.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>

#include <ndshm/hold.h>

#include "heap_internal.h"
#include "section_internal.h"

/**
 * struct ndshm_hold - a hold
 * @next: in ndshm_section.holds; protected by ndshm__lock()
 * @section: the section, or NULL
 * @block: the block, or NULL
 * @process: that has made it
 * @offset: start of the range
 * @length: bytes of the range
 * @lent: the block of the heap at @offset is lent by this hold, or by another one of it
 * @ending: threads that call @end, without the lock; the release waits for them
 * @end: see ndshm_section_hold()
 * @context: for @end
 */
struct ndshm_hold {
	struct ndshm_hold *next;
	struct ndshm_section *section;
	struct ndshm_block *block;
	uint32_t process;
	uint64_t offset;
	uint64_t length;
	bool lent;
	unsigned int ending;
	void (*end)(void *context);
	void *context;
};

/* Called with ndshm__lock() held. A child of fork() ignores those of its parent. */
static struct ndshm_hold *hold_of_process(struct ndshm_hold *hold)
{
	while (hold && hold->process != ndshm__process())
		hold = hold->next;
	return hold;
}

bool ndshm__section_close_later(struct ndshm_section *section)
{
	bool later;

	/*
	 * The last release uses the section with the lock held, also when it is out of the list, and
	 * may free it once @closed is set and the lock released.
	 */
	ndshm__lock();
	later = hold_of_process(section->holds);
	section->closed = later;
	ndshm__unlock();
	return later;
}

bool ndshm__section_is_held(struct ndshm_section *section, uint64_t offset, uint64_t length)
{
	struct ndshm_hold *hold;

	ndshm__lock();
	hold = hold_of_process(section->holds);
	while (hold && (hold->offset >= offset + length || hold->offset + hold->length <= offset))
		hold = hold_of_process(hold->next);
	ndshm__unlock();
	return hold;
}

void ndshm__section_end_holds(struct ndshm_section *section)
{
	ndshm__lock();
	section->deletions++;
	for (struct ndshm_hold *hold = hold_of_process(section->holds); hold;
	     hold = hold_of_process(hold->next)) {
		if (!hold->end)
			continue;
		hold->ending++;
		ndshm__unlock();
		hold->end(hold->context);
		ndshm__lock();
		hold->ending--;
	}
	ndshm__unlock();
}

void ndshm__section_allow_holds(struct ndshm_section *section)
{
	ndshm__lock();
	section->deletions--;
	ndshm__unlock();
}

/* Called with ndshm__lock() held. */
static struct ndshm_hold *hold_find_lent(const struct ndshm_hold *like)
{
	struct ndshm_hold *hold = hold_of_process(like->section->holds);

	while (hold && (!hold->lent || hold->offset != like->offset))
		hold = hold_of_process(hold->next);
	return hold;
}

static uint64_t hold_granule(const struct ndshm_hold *hold)
{
	return ndshm__granule_of(hold->section->heap,
				 (const char *)hold->section->base + hold->offset);
}

/* Called with ndshm__lock() held. Returns 0 or HEAP_LENT. */
static int hold_lend(struct ndshm_hold *hold)
{
	struct ndshm_heap *heap = hold->section->heap;
	int error;

	if (heap == &ndshm__no_heap)
		return 0;
	if (hold_find_lent(hold)) {
		hold->lent = true;
		return 0;
	}
	error = ndshm__heap_lend(heap, hold_granule(hold));
	hold->lent = !error;
	return error == HEAP_LENT ? error : 0;
}

/* Returns NDSHM_REASON_NONE, or the reason why the section or its block cannot be held. */
static uint32_t hold_add(struct ndshm_hold *hold)
{
	struct ndshm_section *section = hold->section;
	uint32_t reason = NDSHM_REASON_NONE;

	ndshm__lock();
	if (section->deletions) {
		reason = NDSHM_REASON_SECTION_DELETED;
	} else if (hold_lend(hold)) {
		reason = NDSHM_REASON_POINTER_LENT;
	} else {
		hold->next = section->holds;
		section->holds = hold;
	}
	ndshm__unlock();
	return reason;
}

NDSHM_API int ndshm_section_hold(struct ndshm_section *section, uint64_t offset, uint64_t length,
				 void (*end)(void *context), void *context, struct ndshm_hold **out)
{
	struct ndshm_hold *hold;
	uint32_t reason;

	*out = NULL;
	if (!section->base)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	if (!length)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_LENGTH_ZERO);
	if (length > section->size || offset > section->size - length)
		return ndshm__done(section->ndshm, -ERANGE);
	hold = calloc(1, sizeof(*hold));
	if (!hold)
		return ndshm__done(section->ndshm, -ENOMEM);
	hold->section = section;
	hold->process = ndshm__process();
	hold->offset = offset;
	hold->length = length;
	hold->end = end;
	hold->context = context;
	reason = hold_add(hold);
	if (reason != NDSHM_REASON_NONE) {
		free(hold);
		return ndshm__refuse(section->ndshm, reason);
	}
	*out = hold;
	return ndshm__done(section->ndshm, 0);
}

NDSHM_API int ndshm_block_hold(struct ndshm_block *block, struct ndshm_hold **out)
{
	struct ndshm_hold *hold = calloc(1, sizeof(*hold));

	*out = NULL;
	if (!hold)
		return -ENOMEM;
	hold->block = block;
	ndshm__block_hold(block);
	*out = hold;
	return 0;
}

static void hold_release_section(struct ndshm_hold *hold)
{
	struct ndshm_section *section = hold->section;
	struct ndshm_hold **at = &section->holds;
	bool last;

	ndshm__lock();
	while (hold->ending) {
		ndshm__unlock();
		sched_yield();
		ndshm__lock();
	}
	while (*at != hold)
		at = &(*at)->next;
	*at = hold->next;
	if (hold->lent && !hold_find_lent(hold))
		ndshm__heap_recall(section->heap, hold_granule(hold));
	last = section->closed && !hold_of_process(section->holds);
	ndshm__unlock();
	if (last)
		ndshm__section_free(section);
}

NDSHM_API void ndshm_hold_release(struct ndshm_hold *hold)
{
	if (!hold)
		return;
	if (hold->block)
		ndshm__block_unhold(hold->block);
	else
		hold_release_section(hold);
	free(hold);
}
