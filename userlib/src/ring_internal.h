/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Interfaces between the library's files for rings.
 *
 * A message is in a cell. A sender claims a free cell, writes the message, and enters the
 * cell in a slot; a receiver claims the cell, clears the slot, reads the message, and frees
 * the cell. Each step is one compare-and-swap, after which any process can complete what
 * follows from it. Therefore a process that dies leaves at most cells that it has claimed.
 *
 *	owner of a cell			meaning
 *	FREE				no message
 *	CLAIMED by a sender		a message is being written; or it is sent, if a
 *					slot has the cell
 *	TAKEN by a receiver		a message is being read
 *
 * A message is sent when its cell is entered in a slot, and received when the owner changes
 * from CLAIMED to TAKEN. A cell is freed only after its slot was cleared.
 *
 * A member is a process that has the ring. It holds a lock of one byte of the file, which
 * the kernel releases when the process ends (ring_member.c). Cells of a number whose byte
 * is not locked are recovered: by a sender that finds no free cell, and by the next member
 * with this number.
 */
#ifndef NDSHM_RING_INTERNAL_H
#define NDSHM_RING_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <ndshm/ring.h>

/* Changes with the layout: "nshmrin2". */
#define RING_MAGIC	0x326e69726d68736eull
#define RING_MEMBERS	256u
/* Cells beyond the capacity, for messages that are being written or read. */
#define RING_EXTRA	64u
#define RING_LINE	64u
#define RING_LINE_SLOTS	8u

/* A slot: position in the upper bits, and 1 + the number of the cell, or 0: empty. */
#define RING_CELL_BITS		20
#define RING_POSITION_MASK	(UINT64_MAX >> RING_CELL_BITS)

static inline uint64_t ndshm__ring_slot(uint64_t position, uint64_t cell_and_one)
{
	return position << RING_CELL_BITS | cell_and_one;
}

static inline uint64_t ndshm__ring_position(uint64_t slot)
{
	return slot >> RING_CELL_BITS;
}

static inline uint64_t ndshm__ring_cell_and_one(uint64_t slot)
{
	return slot & ((1u << RING_CELL_BITS) - 1);
}

/* The owner of a cell: number of the claim, state, and number of the member. */
enum { RING_FREE, RING_CLAIMED, RING_TAKEN };

#define RING_STATE_SHIFT	16
#define RING_CLAIM_SHIFT	18

static inline uint64_t ndshm__ring_owner(uint64_t claim, unsigned int state, unsigned int member)
{
	return claim << RING_CLAIM_SHIFT | (uint64_t)state << RING_STATE_SHIFT | member;
}

static inline unsigned int ndshm__ring_state(uint64_t owner)
{
	return owner >> RING_STATE_SHIFT & 3;
}

static inline unsigned int ndshm__ring_member(uint64_t owner)
{
	return owner & ((1u << RING_STATE_SHIFT) - 1);
}

static inline uint64_t ndshm__ring_claim(uint64_t owner)
{
	return owner >> RING_CLAIM_SHIFT;
}

/**
 * struct ring_event - condition that processes wait for
 * @count: incremented to wake all waiters; the futex
 * @asleep: a process may wait
 */
struct ring_event {
	atomic_uint count;
	atomic_uint asleep;
};

/**
 * struct ring_shared - start of the file; the slots and cells follow
 * @magic: RING_MAGIC
 * @capacity: number of slots, a power of two; read once, as are all sizes
 * @message_bytes: maximum size of a message
 * @tail: position of the next message to be sent; may be one less
 * @head: position of the next message to be received; may be one less
 * @not_full: a message was received
 * @not_empty: a message was sent
 * @armed: the next sender writes to its eventfd
 */
struct ring_shared {
	uint64_t magic;
	uint32_t capacity;
	uint32_t message_bytes;
	_Alignas(RING_LINE) _Atomic uint64_t tail;
	_Alignas(RING_LINE) _Atomic uint64_t head;
	_Alignas(RING_LINE) struct ring_event not_full;
	_Alignas(RING_LINE) struct ring_event not_empty;
	atomic_uint armed;
};

/**
 * struct ring_cell - a cell
 * @owner: see above
 * @length: of the message
 * @slot: position of the slot in which the sender last tried to enter the cell, its lowest bits: if any
 *	slot has the cell, this one does
 * @bytes: the message
 */
struct ring_cell {
	_Atomic uint64_t owner;
	_Atomic uint32_t length;
	_Atomic uint32_t slot;
	char bytes[];
};

/**
 * struct ring_member - membership of one process
 * @process: ndshm__process() of it; differs in a child of fork()
 * @number: the byte that is locked
 * @fd: descriptor of the lock
 * @recovering: protects the locks of other bytes, which belong to @fd, too
 */
struct ring_member {
	uint32_t process;
	unsigned int number;
	int fd;
	pthread_mutex_t recovering;
};

/**
 * struct ndshm_ring - a ring in one process; the sizes are validated copies
 * @fd: descriptor
 * @event_fd: see ndshm_ring_set_eventfd()
 * @bytes: size of the mapping
 * @shared: the mapping
 * @slots: in the mapping
 * @cells: in the mapping
 * @capacity: number of slots
 * @message_bytes: maximum size of a message
 * @cell_count: number of cells
 * @cell_bytes: size of a cell
 * @member: of this process; of its parent after fork(), until the first call
 * @next_cell: number of the cell where the search for a free one begins
 * @failures: number of successive waits of any thread in which spinning was in vain
 * @recovered: when a waiting thread of this process last recovered cells, in nanoseconds
 */
struct ndshm_ring {
	int fd;
	atomic_int event_fd;
	size_t bytes;
	struct ring_shared *shared;
	_Atomic uint64_t *slots;
	char *cells;
	uint32_t capacity;
	uint32_t message_bytes;
	uint32_t cell_count;
	uint32_t cell_bytes;
	_Atomic(struct ring_member *) member;
	atomic_uint next_cell;
	atomic_uint failures;
	_Atomic int64_t recovered;
};

/*
 * Return the slot of a position; those of successive positions are in different lines, if there are
 * several.
 */
static inline _Atomic uint64_t *ndshm__ring_slot_at(const struct ndshm_ring *ring,
						    uint64_t position)
{
	uint32_t number = position & (ring->capacity - 1);
	uint32_t lines = ring->capacity / RING_LINE_SLOTS;

	if (lines)
		number = (number & (lines - 1)) * RING_LINE_SLOTS +
			 (number >> __builtin_ctz(lines));
	return &ring->slots[number];
}

static inline struct ring_cell *ndshm__ring_cell(const struct ndshm_ring *ring, uint64_t number)
{
	return (struct ring_cell *)(ring->cells + number * ring->cell_bytes);
}

/*
 * ring_cell.c: -EAGAIN: full or empty. -ENOBUFS: no free cell. -EPROTO: the state is invalid.
 * Of a message longer than @capacity, which is -EMSGSIZE, only the length is read.
 */
int ndshm__ring_put(struct ndshm_ring *ring, unsigned int member, const void *data, size_t length);
int ndshm__ring_take(struct ndshm_ring *ring, unsigned int member, void *buffer, size_t capacity,
		     size_t *length);
/* Returns 0 if there is no message, -EBUSY if there is one, or -EPROTO. */
int ndshm__ring_check_empty(const struct ndshm_ring *ring);
/*
 * Free the cells of a member that has ended. The caller holds its lock. Returns true if
 * there were any.
 */
bool ndshm__ring_recover(struct ndshm_ring *ring, unsigned int member);

/* ring_member.c: get this process's membership. Returns 0 or -errno. */
int ndshm__ring_join(struct ndshm_ring *ring, struct ring_member **out);
void ndshm__ring_leave(struct ndshm_ring *ring);
/* Recover the cells of all members that have ended. Returns true if there were any. */
bool ndshm__ring_recover_all(struct ndshm_ring *ring, struct ring_member *member);

#endif /* NDSHM_RING_INTERNAL_H */
