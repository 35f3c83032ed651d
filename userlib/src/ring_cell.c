// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Slots and cells of a ring. Everything read from the ring can be invalid at any time.
 *
 * A slot is empty with a position P, then has a cell with P, and when that message was received is
 * empty with P + capacity. @tail and @head follow: they are advanced after the slot, by the same
 * process or by the next that finds them behind.
 *
 * A message costs mostly the transfer of cache lines between processors. A sender therefore has the
 * lines of its next message transferred while it sends this one (prefetch), and the slots of
 * successive positions are in different lines, so that a receiver that waits for the next message
 * does not take the line that the sender writes.
 */
#include <errno.h>
#include <string.h>

#include "ring_internal.h"

/*
 * Limit of attempts. An attempt fails only if another process makes progress, or if the
 * state is invalid: this many in succession do not happen otherwise.
 */
#define ATTEMPTS	65536

static uint64_t after(uint64_t position, uint64_t distance)
{
	return (position + distance) & RING_POSITION_MASK;
}

static uint64_t position_in(const _Atomic uint64_t *counter)
{
	return atomic_load(counter) & RING_POSITION_MASK;
}

/* Sequentially consistent: the wake-ups in ring.c depend on it. */
static bool change(_Atomic uint64_t *word, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong(word, &from, to);
}

static void advance(_Atomic uint64_t *counter, uint64_t position)
{
	change(counter, position, after(position, 1));
}

/* Clear the slot of a message that was received, and advance the head. */
static void clear(const struct ndshm_ring *ring, uint64_t slot)
{
	uint64_t position = ndshm__ring_position(slot);

	change(ndshm__ring_slot_at(ring, position), slot,
	       ndshm__ring_slot(after(position, ring->capacity), 0));
	advance(&ring->shared->head, position);
}

/* Return the cell of a slot; NULL if there is none, or its number is invalid. */
static struct ring_cell *cell_of(const struct ndshm_ring *ring, uint64_t slot)
{
	uint64_t number = ndshm__ring_cell_and_one(slot);

	return number && number <= ring->cell_count ? ndshm__ring_cell(ring, number - 1) : NULL;
}

/*
 * Complete what other processes have begun at the head. Returns true if the slot there may
 * have a message now, with the slot's value in *@slot; false if the ring is empty.
 */
static bool look_at_head(const struct ndshm_ring *ring, uint64_t *slot, bool *again)
{
	uint64_t head = position_in(&ring->shared->head);
	struct ring_cell *cell;

	*again = false;
	*slot = atomic_load(ndshm__ring_slot_at(ring, head));
	if (*slot == ndshm__ring_slot(head, 0))
		return false;
	*again = true;
	/* Received already, and another message may have been sent since. */
	if (ndshm__ring_position(*slot) == after(head, ring->capacity))
		advance(&ring->shared->head, head);
	if (ndshm__ring_position(*slot) != head)
		return false;
	cell = cell_of(ring, *slot);
	if (cell && ndshm__ring_state(atomic_load(&cell->owner)) == RING_CLAIMED) {
		*again = false;
		return true;
	}
	clear(ring, *slot);
	return false;
}

int ndshm__ring_check_empty(const struct ndshm_ring *ring)
{
	uint64_t slot;
	bool again = true;

	for (unsigned int i = 0; again && i < ATTEMPTS; i++)
		if (look_at_head(ring, &slot, &again))
			return -EBUSY;
	return again ? -EPROTO : 0;
}

/*
 * Return the number of a cell to try, and prefetch the first lines of the cell after it. Threads can
 * get the same number, of which one claims the cell, and numbers that others had: that takes longer.
 */
static uint32_t next_cell(struct ndshm_ring *ring)
{
	uint32_t number = atomic_load_explicit(&ring->next_cell, memory_order_relaxed);
	uint32_t next = number + 1 < ring->cell_count ? number + 1 : 0;
	const char *cell = (const char *)ndshm__ring_cell(ring, next);

	atomic_store_explicit(&ring->next_cell, next, memory_order_relaxed);
	__builtin_prefetch(cell, 1);
	if (ring->cell_bytes > RING_LINE)
		__builtin_prefetch(cell + RING_LINE, 1);
	return number;
}

/* Claim a free cell. Returns its number, or -1. */
static int64_t claim_cell(struct ndshm_ring *ring, unsigned int member)
{
	for (uint32_t i = 0; i < ring->cell_count; i++) {
		uint32_t number = next_cell(ring);
		struct ring_cell *cell = ndshm__ring_cell(ring, number);
		uint64_t owner = atomic_load(&cell->owner);

		if (ndshm__ring_state(owner) == RING_FREE &&
		    change(&cell->owner, owner,
			   ndshm__ring_owner(ndshm__ring_claim(owner) + 1, RING_CLAIMED, member)))
			return number;
	}
	return -1;
}

/* Free a cell that this process owns, or of which it holds the owner's lock. */
static bool free_cell(struct ring_cell *cell, uint64_t owner)
{
	return change(&cell->owner, owner,
		      ndshm__ring_owner(ndshm__ring_claim(owner), RING_FREE, 0));
}

/* Return true if the slot of @position still has the message of the lap before. */
static bool is_lap_before(const struct ndshm_ring *ring, uint64_t slot, uint64_t position)
{
	return ndshm__ring_cell_and_one(slot) &&
	       position == after(ndshm__ring_position(slot), ring->capacity);
}

/* Enter a cell in the next slot. Returns 0, -EAGAIN if the ring is full, or -EPROTO. */
static int enter_cell(const struct ndshm_ring *ring, uint64_t number)
{
	_Atomic uint64_t *tail = &ring->shared->tail;

	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		uint64_t position = position_in(tail), at_head;
		uint64_t slot = atomic_load(ndshm__ring_slot_at(ring, position));
		bool again;

		if (slot == ndshm__ring_slot(position, 0)) {
			__builtin_prefetch(ndshm__ring_slot_at(ring, position + 2), 1);
			atomic_store_explicit(&ndshm__ring_cell(ring, number)->slot, position,
					      memory_order_relaxed);
			if (!change(ndshm__ring_slot_at(ring, position), slot,
				    ndshm__ring_slot(position, number + 1)))
				continue;
			advance(tail, position);
			return 0;
		}
		/* Sent already, and perhaps received. */
		if (ndshm__ring_position(slot) == position ||
		    ndshm__ring_position(slot) == after(position, ring->capacity))
			advance(tail, position);
		else if (is_lap_before(ring, slot, position) &&
			 look_at_head(ring, &at_head, &again) && position_in(tail) == position &&
			 atomic_load(ndshm__ring_slot_at(ring, position)) == slot)
			return -EAGAIN;
	}
	return -EPROTO;
}

static bool is_full(const struct ndshm_ring *ring)
{
	uint64_t tail = position_in(&ring->shared->tail), at_head;
	bool again;

	return is_lap_before(ring, atomic_load(ndshm__ring_slot_at(ring, tail)), tail) &&
	       look_at_head(ring, &at_head, &again);
}

int ndshm__ring_put(struct ndshm_ring *ring, unsigned int member, const void *data, size_t length)
{
	struct ring_cell *cell;
	int64_t number;
	int error;

	/* To save the copy; another sender may still be faster. */
	if (is_full(ring))
		return -EAGAIN;
	number = claim_cell(ring, member);
	if (number < 0)
		return -ENOBUFS;
	cell = ndshm__ring_cell(ring, number);
	/* A receiver that reads it also sees that the slot of this cell's last message has changed. */
	atomic_store_explicit(&cell->length, length, memory_order_release);
	if (length)
		memcpy(cell->bytes, data, length);
	error = enter_cell(ring, number);
	if (error)
		free_cell(cell, atomic_load(&cell->owner));
	return error;
}

int ndshm__ring_take(struct ndshm_ring *ring, unsigned int member, void *buffer, size_t capacity,
		     size_t *length)
{
	for (unsigned int i = 0; i < ATTEMPTS; i++) {
		struct ring_cell *cell;
		uint64_t slot, owner, own;
		uint32_t bytes;
		bool again;

		if (!look_at_head(ring, &slot, &again)) {
			if (!again)
				return -EAGAIN;
			continue;
		}
		cell = cell_of(ring, slot);
		owner = atomic_load(&cell->owner);
		bytes = atomic_load(&cell->length);
		/*
		 * A cell is freed after its slot was cleared: if the slot is unchanged, the
		 * owner is that of this message, and not of a later one.
		 */
		if (ndshm__ring_state(owner) != RING_CLAIMED ||
		    atomic_load(ndshm__ring_slot_at(ring, ndshm__ring_position(slot))) != slot)
			continue;
		if (bytes <= ring->message_bytes && bytes > capacity) {
			*length = bytes;
			return -EMSGSIZE;
		}
		own = ndshm__ring_owner(ndshm__ring_claim(owner), RING_TAKEN, member);
		if (!change(&cell->owner, owner, own))
			continue;
		clear(ring, slot);
		if (bytes && bytes <= ring->message_bytes)
			memcpy(buffer, cell->bytes, bytes);
		free_cell(cell, own);
		if (bytes > ring->message_bytes)
			return -EPROTO;
		*length = bytes;
		return 0;
	}
	return -EPROTO;
}

/* Find the slot that has a cell. Returns false if there is none. */
static bool find_slot(const struct ndshm_ring *ring, uint64_t number, uint64_t *slot)
{
	uint32_t position = atomic_load(&ndshm__ring_cell(ring, number)->slot);

	*slot = atomic_load(ndshm__ring_slot_at(ring, position));
	return ndshm__ring_cell_and_one(*slot) == number + 1;
}

bool ndshm__ring_recover(struct ndshm_ring *ring, unsigned int member)
{
	bool freed = false;

	for (uint32_t i = 0; i < ring->cell_count; i++) {
		struct ring_cell *cell = ndshm__ring_cell(ring, i);
		uint64_t owner = atomic_load(&cell->owner), slot;
		unsigned int state = ndshm__ring_state(owner);

		if (state == RING_FREE || ndshm__ring_member(owner) != member)
			continue;
		if (find_slot(ring, i, &slot)) {
			/* A message that was sent, unless it was received. */
			if (state == RING_CLAIMED)
				continue;
			clear(ring, slot);
		}
		freed |= free_cell(cell, owner);
	}
	return freed;
}
