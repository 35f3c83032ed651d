// SPDX-License-Identifier: GPL-2.0
/*
 * The scatter/gather list in the caller's buffer.
 */
#include "cases.h"

/* Let the provider report four pages as three chunks. */
static void in_three_chunks(struct bench *bench)
{
	bench->script.elements = 3;
	bench->script.lengths[0] = PAGE_SIZE;
	bench->script.lengths[1] = 2 * PAGE_SIZE;
	bench->script.lengths[2] = PAGE_SIZE;
}

/* Bytes of a list with @elements elements. */
static ULONG room_for(ULONG elements)
{
	return sizeof(SCATTER_GATHER_LIST) +
	       elements * sizeof(SCATTER_GATHER_ELEMENT);
}

bool ndis_lists(struct bench *bench)
{
	const SCATTER_GATHER_ELEMENT *elements = bench->list->Elements;
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);

	/* A contiguous block has one element. */
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
	p.Length = 16 * PAGE_SIZE;
	CHECK(works(bench, &p));
	CHECK(bench->list->NumberOfElements == 1 && elements[0].Length == 16 * PAGE_SIZE);
	/* Room for one element suffices for any length. */
	p = request(bench);
	p.Length = 16 * PAGE_SIZE;
	p.SGListBufferLength = room_for(1);
	CHECK(works(bench, &p));

	in_three_chunks(bench);
	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room_for(3);
	CHECK(works(bench, &p));
	CHECK(bench->list->NumberOfElements == 3 && elements[1].Length == 2 * PAGE_SIZE);
	CHECK(elements[1].Address.QuadPart == elements[0].Address.QuadPart + PAGE_SIZE);
	return true;
}

bool own_lists(struct bench *bench)
{
	static const ULONG preset[] = { 0, 1, 77, 0xffffffff };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	/* Short lists: detected before the call of the provider, and by its reply. */
	CHECK_REFUSED(bench, bench->adapter, SGListBufferLength, 0, 1, 15, 16, 39);
	in_three_chunks(bench);
	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room_for(3) - 1;
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_INVALID_PARAMETER));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	bench->script.elements = 0;

	/* The previous value of NumberOfElements is ignored. */
	for (i = 0; i < ARRAY_SIZE(preset); i++) {
		p = request(bench);
		bench->list->NumberOfElements = preset[i];
		CHECK(works(bench, &p));
		CHECK(bench->list->NumberOfElements == 1);
	}

	/* A NULL buffer with a length fails; without a length no list is written. */
	p = request(bench);
	p.SGListBuffer = NULL;
	CHECK(refused(bench, bench->adapter, &p, NDIS_STATUS_INVALID_PARAMETER));
	p.SGListBufferLength = 0;
	CHECK(works(bench, &p));

	/* Three pages and one byte: the last element has one byte. */
	in_three_chunks(bench);
	/* As in the provider's list. */
	bench->script.lengths[2] = 1;
	p = request(bench);
	p.Length = 3 * PAGE_SIZE + 1;
	CHECK(works(bench, &p));
	CHECK(bench->list->Elements[2].Length == 1);
	CHECK(bench->script.requested.Length == p.Length);
	return true;
}
