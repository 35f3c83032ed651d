// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocks that other processes free. A block that is lent has STATE_LENT in its state, so that the
 * heap does not free it, and a bit in the loans through which it was lent. The process that
 * clears the bit ends the loan: a return, a recall, or the close.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/loan.h>

#include "heap_internal.h"
#include "ring_internal.h"
#include "section_internal.h"

#define WORD_BITS	64u
/* Maximum number of blocks that a message returns. */
#define MESSAGE_BLOCKS	16u

/**
 * struct ndshm_loans - blocks that are lent to the same borrowers
 * @section: the section
 * @heap: its heap
 * @ring: offsets of returned blocks
 * @lent: a bit for each granule at which a lent block starts; wiped in a child of fork()
 * @bytes: size of @lent
 * @count: number of bits that are set, or are about to be
 * @returned: see struct ndshm_loans_info
 * @invalid: see struct ndshm_loans_info
 */
struct ndshm_loans {
	struct ndshm_section *section;
	struct ndshm_heap *heap;
	struct ndshm_ring *ring;
	_Atomic uint64_t *lent;
	size_t bytes;
	atomic_uint count;
	_Atomic uint64_t returned;
	_Atomic uint64_t invalid;
};

static uint64_t bit_of(uint64_t granule)
{
	return 1ull << granule % WORD_BITS;
}

/* Returns true in exactly one of several threads that end the same loan. */
static bool end_loan(struct ndshm_loans *loans, uint64_t granule)
{
	_Atomic uint64_t *word = &loans->lent[granule / WORD_BITS];

	/* Do not allocate pages of the table for an invalid number. */
	if (!(atomic_load(word) & bit_of(granule)) ||
	    !(atomic_fetch_and(word, ~bit_of(granule)) & bit_of(granule)))
		return false;
	return true;
}

static int make(struct ndshm_loans *loans, uint32_t capacity)
{
	int error = ndshm__section_heap(loans->section, &loans->heap);

	if (error)
		return error;
	loans->bytes = ndshm__round_up((loans->section->size >> GRANULE_SHIFT) / 8 +
				       sizeof(uint64_t), PAGE_BYTES);
	loans->lent = ndshm__memory_map(loans->bytes);
	if (!loans->lent)
		return ndshm__done(loans->section->ndshm, -ENOMEM);
	return ndshm__done(loans->section->ndshm,
			   ndshm_ring_create(capacity, MESSAGE_BLOCKS * sizeof(uint64_t),
					     &loans->ring));
}

NDSHM_API int ndshm_loans_create(struct ndshm_section *section, uint32_t capacity,
				 struct ndshm_loans **out)
{
	struct ndshm_loans *loans;
	int error;

	*out = NULL;
	if (!section->kind)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_DESCRIPTOR);
	if (section->readonly)
		return ndshm__refuse(section->ndshm, NDSHM_REASON_SECTION_READONLY);
	loans = calloc(1, sizeof(*loans));
	if (!loans)
		return ndshm__done(section->ndshm, -ENOMEM);
	loans->section = section;
	error = make(loans, capacity);
	if (error) {
		ndshm_loans_close(loans);
		return error;
	}
	*out = loans;
	return 0;
}

static void free_lent(struct ndshm_loans *loans, uint64_t granule)
{
	ndshm__heap_return(loans->heap, granule);
	loans->count--;
}

NDSHM_API void ndshm_loans_close(struct ndshm_loans *loans)
{
	if (!loans)
		return;
	ndshm_ring_close(loans->ring);
	for (size_t i = 0; loans->lent && i < loans->bytes / sizeof(uint64_t) && loans->count; i++)
		for (uint64_t word = loans->lent[i]; word; word &= word - 1)
			free_lent(loans, i * WORD_BITS + __builtin_ctzll(word));
	if (loans->lent)
		ndshm__memory_unmap(loans->lent, loans->bytes);
	free(loans);
}

NDSHM_API int ndshm_loans_fd(const struct ndshm_loans *loans)
{
	return ndshm_ring_fd(loans->ring);
}

/* Free a block that a borrower returns. Returns true if it was lent. */
static bool collect_one(struct ndshm_loans *loans, uint64_t offset)
{
	uint64_t granule = offset >> GRANULE_SHIFT;

	if (offset >= loans->section->size || offset % (1u << GRANULE_SHIFT) ||
	    !end_loan(loans, granule)) {
		loans->invalid++;
		return false;
	}
	loans->returned++;
	free_lent(loans, granule);
	return true;
}

/* Returns the number of blocks that were freed. */
static uint32_t collect_message(struct ndshm_loans *loans, const uint64_t *offsets, size_t bytes)
{
	uint32_t freed = 0;

	if (!bytes || bytes % sizeof(*offsets)) {
		loans->invalid++;
		return 0;
	}
	for (size_t i = 0; i < bytes / sizeof(*offsets); i++)
		freed += collect_one(loans, offsets[i]);
	return freed;
}

NDSHM_API int ndshm_loans_collect(struct ndshm_loans *loans, uint32_t *count)
{
	uint32_t most = ndshm_ring_capacity(loans->ring), freed = 0;
	uint64_t offsets[MESSAGE_BLOCKS];
	int error = 0;

	/* A borrower that sends without end must not keep the caller here. */
	while (most-- && !error) {
		size_t bytes;

		error = ndshm_ring_receive(loans->ring, offsets, sizeof(offsets), &bytes, 0);
		if (!error)
			freed += collect_message(loans, offsets, bytes);
	}
	if (count)
		*count = freed;
	return ndshm__done(loans->section->ndshm, error == -EAGAIN ? 0 : error);
}

/* Reserve a loan; below the capacity, so that borrowers never wait. */
static bool reserve(struct ndshm_loans *loans)
{
	unsigned int count = loans->count;

	while (count < ndshm_ring_capacity(loans->ring))
		if (atomic_compare_exchange_weak(&loans->count, &count, count + 1))
			return true;
	return false;
}

NDSHM_API int ndshm_loans_lend(struct ndshm_loans *loans, void *pointer, uint64_t *offset)
{
	uint64_t granule = ndshm__granule_of(loans->heap, pointer);
	int error;

	if (ndshm__ring_check_empty(loans->ring)) {
		error = ndshm_loans_collect(loans, NULL);
		if (error)
			return error;
	}
	if (!reserve(loans))
		return ndshm__done(loans->section->ndshm, -EAGAIN);
	error = ndshm__heap_lend(loans->heap, granule);
	if (error) {
		loans->count--;
		return ndshm__section_misused(loans->section, pointer, error);
	}
	atomic_fetch_or(&loans->lent[granule / WORD_BITS], bit_of(granule));
	*offset = granule << GRANULE_SHIFT;
	return 0;
}

NDSHM_API int ndshm_loans_recall(struct ndshm_loans *loans, void *pointer)
{
	uint64_t granule = ndshm__granule_of(loans->heap, pointer);

	if (granule >= loans->section->size >> GRANULE_SHIFT || !end_loan(loans, granule))
		return ndshm__done(loans->section->ndshm, -ENOENT);
	ndshm__heap_recall(loans->heap, granule);
	loans->count--;
	return 0;
}

NDSHM_API int ndshm_loans_query_sized(const struct ndshm_loans *loans,
				      struct ndshm_loans_info *info, size_t size)
{
	const struct ndshm_loans_info all = {
		.capacity = ndshm_ring_capacity(loans->ring),
		.lent = loans->count,
		.returned = loans->returned,
		.invalid = loans->invalid,
	};

	return ndshm__done(loans->section->ndshm, ndshm__fill(info, size, &all, sizeof(all)));
}

NDSHM_API int ndshm_loans_return_many(struct ndshm_ring *ring, const uint64_t *offsets,
				      uint32_t count, int timeout, uint32_t *returned)
{
	uint32_t most = ring->message_bytes / sizeof(*offsets), done = 0, some;
	/* A ring of other messages. */
	int error = most ? 0 : -EMSGSIZE;

	/* Another borrower may have written a number that the lender does not expect. */
	if (most > MESSAGE_BLOCKS)
		most = MESSAGE_BLOCKS;
	while (done < count && !error) {
		some = count - done < most ? count - done : most;
		error = ndshm_ring_send(ring, offsets + done, some * sizeof(*offsets), timeout);
		if (!error)
			done += some;
	}
	if (returned)
		*returned = done;
	return error;
}

NDSHM_API int ndshm_loans_return(struct ndshm_ring *ring, uint64_t offset, int timeout)
{
	return ndshm_loans_return_many(ring, &offset, 1, timeout, NULL);
}
