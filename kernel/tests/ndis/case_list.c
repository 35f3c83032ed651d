// SPDX-License-Identifier: GPL-2.0
/*
 * The list that says where the memory is, in the caller's buffer.
 */
#include "cases.h"

/* Four pages are three pieces of the provider's. */
static void in_three_pieces(struct bench *bench)
{
	bench->script.elements = 3;
	bench->script.lengths[0] = PAGE_SIZE;
	bench->script.lengths[1] = 2 * PAGE_SIZE;
	bench->script.lengths[2] = PAGE_SIZE;
}

/* What a list of so many elements takes. */
static ULONG room_for(ULONG elements)
{
	return sizeof(SCATTER_GATHER_LIST) +
	       elements * sizeof(SCATTER_GATHER_ELEMENT);
}

bool ndis_lists(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_HANDLE allocation;

	/* One piece is one element. */
	p.Flags = NDIS_SHARED_MEM_PARAMETERS_CONTIGUOUS;
	p.Length = 16 * PAGE_SIZE;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->list->NumberOfElements == 1);
	CHECK(bench->list->Elements[0].Length == 16 * PAGE_SIZE);
	NdisFreeSharedMemory(bench->adapter, allocation);
	/* Which is room enough for any length. */
	p = request(bench);
	p.Length = 16 * PAGE_SIZE;
	p.SGListBufferLength = room_for(1);
	CHECK(works(bench, &p));

	in_three_pieces(bench);
	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room_for(3);
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->list->NumberOfElements == 3);
	CHECK(bench->list->Elements[1].Length == 2 * PAGE_SIZE);
	CHECK(bench->list->Elements[1].Address.QuadPart ==
	      bench->list->Elements[0].Address.QuadPart + PAGE_SIZE);
	NdisFreeSharedMemory(bench->adapter, allocation);
	bench->script.elements = 0;
	return true;
}

/* One that is too short, known before the provider is asked and by its answer. */
static bool too_short(struct bench *bench)
{
	static const ULONG short_ones[] = { 0, 1, 15, 16, 39 };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(short_ones); i++) {
		p = request(bench);
		p.SGListBufferLength = short_ones[i];
		CHECK(refused(bench, bench->adapter, &p,
			      NDIS_STATUS_INVALID_PARAMETER));
	}
	CHECK(!bench->script.allocated);

	in_three_pieces(bench);
	p = request(bench);
	p.Length = 4 * PAGE_SIZE;
	p.SGListBufferLength = room_for(3) - 1;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	CHECK(bench->script.allocated == 1 && bench->script.freed == 1);
	bench->script.elements = 0;
	return true;
}

bool own_lists(struct bench *bench)
{
	static const ULONG preset[] = { 0, 1, 77, 0xffffffff };
	NDIS_SHARED_MEMORY_PARAMETERS p;
	NDIS_HANDLE allocation;
	unsigned int i;

	CHECK(too_short(bench));
	/* What it says before means nothing. */
	for (i = 0; i < ARRAY_SIZE(preset); i++) {
		p = request(bench);
		bench->list->NumberOfElements = preset[i];
		CHECK(allocates(bench, bench->adapter, &p, &allocation));
		CHECK(bench->list->NumberOfElements == 1);
		NdisFreeSharedMemory(bench->adapter, allocation);
	}

	/* None, or one that is nowhere. */
	p = request(bench);
	p.SGListBuffer = NULL;
	CHECK(refused(bench, bench->adapter, &p,
		      NDIS_STATUS_INVALID_PARAMETER));
	p.SGListBufferLength = 0;
	CHECK(works(bench, &p));

	/* Of three pages and a byte, the last element has that byte. */
	in_three_pieces(bench);
	p = request(bench);
	p.Length = 3 * PAGE_SIZE + 1;
	CHECK(allocates(bench, bench->adapter, &p, &allocation));
	CHECK(bench->list->Elements[2].Length == 1);
	CHECK(bench->script.asked.Length == 4 * PAGE_SIZE);
	NdisFreeSharedMemory(bench->adapter, allocation);
	bench->script.elements = 0;
	return true;
}
