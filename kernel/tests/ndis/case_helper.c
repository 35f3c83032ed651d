// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the helper functions of the NDIS headers; layout.c checks their types and
 * constants.
 */
#include "cases.h"

static bool memory(void)
{
	UCHAR one[16], other[16];
	UCHAR i;

	RtlFillMemory(one, sizeof(one), 7);
	NdisFillMemory(other, sizeof(other), 7);
	CHECK(one[0] == 7 && one[15] == 7);
	CHECK(RtlEqualMemory(one, other, sizeof(one)));
	CHECK(NdisEqualMemory(one, other, sizeof(one)));
	other[15]++;
	CHECK(!RtlEqualMemory(one, other, 16) && RtlEqualMemory(one, other, 15));
	CHECK(!NdisEqualMemory(one, other, 16));
	CHECK(NdisEqualMemory(one, other, 15));

	RtlZeroMemory(one, 15);
	NdisZeroMemory(other, 15);
	CHECK(!memchr_inv(one, 0, 15) && one[15] == 7);
	CHECK(!memchr_inv(other, 0, 15) && other[15] == 8);

	for (i = 0; i < sizeof(one); i++)
		one[i] = i;
	RtlCopyMemory(other, one, 8);
	CHECK(other[0] == 0 && other[7] == 7 && other[8] == 0);
	NdisMoveMemory(other + 8, one + 8, 8);
	CHECK(RtlEqualMemory(one, other, sizeof(one)));
	/* Move in both directions within one buffer. */
	RtlMoveMemory(one + 1, one, 15);
	CHECK(one[0] == 0 && one[1] == 0 && one[15] == 14);
	RtlMoveMemory(one, one + 1, 15);
	CHECK(RtlEqualMemory(one, other, 15) && one[15] == 14);
	return true;
}

static bool addresses(void)
{
	NDIS_PHYSICAL_ADDRESS address = { .QuadPart = 0x123456789abcdef0 };

	CHECK(NdisGetPhysicalAddressHigh(address) == 0x12345678);
	CHECK(NdisGetPhysicalAddressLow(address) == 0x9abcdef0);
	NdisSetPhysicalAddressHigh(address, 1);
	CHECK(address.QuadPart == 0x19abcdef0);
	NdisSetPhysicalAddressLow(address, 0xffffffff);
	CHECK(address.QuadPart == 0x1ffffffff);
	CHECK(address.u.LowPart == 0xffffffff && address.u.HighPart == 1);
	return true;
}

/* A packet of two chunks. */
static bool chunks(void)
{
	NET_BUFFER_SHARED_MEMORY second = {}, first = {};
	struct {
		PNET_BUFFER_SHARED_MEMORY SharedMemoryInfo;
	} buffer = {};

	NET_BUFFER_FIRST_SHARED_MEM_INFO(&buffer) = &first;
	NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&first) = &second;
	NET_BUFFER_SHARED_MEM_FLAGS(&first) = 1;
	NET_BUFFER_SHARED_MEM_HANDLE(&first) = &buffer;
	NET_BUFFER_SHARED_MEM_OFFSET(&first) = 2;
	NET_BUFFER_SHARED_MEM_LENGTH(&first) = 3;
	CHECK(buffer.SharedMemoryInfo == &first);
	CHECK(first.NextSharedMemorySegment == &second);
	CHECK(first.SharedMemoryFlags == 1);
	CHECK(first.SharedMemoryHandle == &buffer);
	CHECK(first.SharedMemoryOffset == 2);
	CHECK(first.SharedMemoryLength == 3);
	CHECK(!NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&second));
	return true;
}

static bool pages(void)
{
	PUCHAR address = (PUCHAR)(3 * PAGE_SIZE);
	ULONG alignment = NdisGetSharedDataAlignment();

	CHECK(BYTE_OFFSET(address) == 0 && BYTE_OFFSET(address + 5) == 5);
	CHECK(ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, PAGE_SIZE) == 1);
	CHECK(ADDRESS_AND_SIZE_TO_SPAN_PAGES(address + 1, PAGE_SIZE) == 2);
	CHECK(alignment >= L1_CACHE_BYTES && !(alignment & (alignment - 1)));
	return true;
}

bool ndis_helpers(struct bench *bench)
{
	UNREFERENCED_PARAMETER(bench);
	return memory() && addresses() && chunks() && pages();
}
