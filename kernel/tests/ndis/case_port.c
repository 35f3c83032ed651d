// SPDX-License-Identifier: GPL-2.0
/*
 * The functions of the NDIS headers: memory, addresses, packets, lists, locks, lookaside lists.
 * layout.c and layout_port.c check types and constants.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "cases.h"

/* Last: see the header. */
#include <ndshm/ndis_port.h>

/* Each ends where it shall, and a move may overlap. */
static bool memory_functions(void)
{
	UCHAR one[16], other[16];
	UCHAR i;

	RtlFillMemory(one, sizeof(one), 7);
	NdisFillMemory(other, sizeof(other), 7);
	CHECK(!memchr_inv(one, 7, 16) && RtlEqualMemory(one, other, 16));
	other[15]++;
	CHECK(!RtlEqualMemory(one, other, 16) && RtlEqualMemory(one, other, 15));
	CHECK(!NdisEqualMemory(one, other, 16) && NdisEqualMemory(one, other, 15));
	RtlZeroMemory(one, 15);
	NdisZeroMemory(other, 15);
	CHECK(!memchr_inv(one, 0, 15) && one[15] == 7);
	CHECK(!memchr_inv(other, 0, 15) && other[15] == 8);
	for (i = 0; i < sizeof(one); i++)
		one[i] = i;
	RtlCopyMemory(other, one, 8);
	CHECK(other[7] == 7 && other[8] == 0);
	NdisMoveMemory(other + 8, one + 8, 8);
	CHECK(RtlEqualMemory(one, other, sizeof(one)));
	RtlMoveMemory(one + 1, one, 15);
	CHECK(one[0] == 0 && RtlEqualMemory(one + 1, other, 15));
	RtlMoveMemory(one, one + 1, 15);
	CHECK(RtlEqualMemory(one, other, 15) && one[15] == 14);
	return true;
}

static bool addresses(void)
{
	NDIS_PHYSICAL_ADDRESS address = { .QuadPart = 0x123456789abcdef0 };
	PUCHAR page = (PUCHAR)(3 * PAGE_SIZE);
	ULONG alignment = NdisGetSharedDataAlignment();

	CHECK(NdisGetPhysicalAddressHigh(address) == 0x12345678);
	CHECK(NdisGetPhysicalAddressLow(address) == 0x9abcdef0);
	NdisSetPhysicalAddressHigh(address, 1);
	NdisSetPhysicalAddressLow(address, 0xffffffff);
	CHECK(address.QuadPart == 0x1ffffffff);
	CHECK(BYTE_OFFSET(page) == 0 && BYTE_OFFSET(page + 5) == 5);
	CHECK(ADDRESS_AND_SIZE_TO_SPAN_PAGES(page, PAGE_SIZE) == 1);
	CHECK(ADDRESS_AND_SIZE_TO_SPAN_PAGES(page + 1, PAGE_SIZE) == 2);
	CHECK(alignment >= L1_CACHE_BYTES && !(alignment & (alignment - 1)));
	return true;
}

/* A packet of two chunks; each accessor is of its own member. */
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
	CHECK(buffer.SharedMemoryInfo == &first && first.NextSharedMemorySegment == &second);
	CHECK(first.SharedMemoryFlags == 1 && first.SharedMemoryHandle == &buffer);
	CHECK(first.SharedMemoryOffset == 2 && first.SharedMemoryLength == 3);
	return true;
}

bool ndis_helpers(struct bench *bench)
{
	return memory_functions() && addresses() && chunks();
}

typedef struct _ITEM {
	ULONG Number;
	LIST_ENTRY Link;
} ITEM, *PITEM;

static ITEM items[4];

static ULONG number_of(PLIST_ENTRY entry)
{
	return CONTAINING_RECORD(entry, ITEM, Link)->Number;
}

/* Compare the numbers of a list, from head to tail and back. */
static bool list_is(PLIST_ENTRY head, const char *numbers)
{
	PLIST_ENTRY entry = head;
	size_t i, count = strlen(numbers);

	for (i = 0; i < count; i++) {
		entry = entry->Flink;
		CHECK(entry != head && number_of(entry) == numbers[i] - '0');
	}
	CHECK(entry->Flink == head);
	for (; i; i--) {
		CHECK(entry != head && number_of(entry) == numbers[i - 1] - '0');
		entry = entry->Blink;
	}
	CHECK(entry == head && IsListEmpty(head) == !count);
	return true;
}

static bool lists(void)
{
	LIST_ENTRY head, other;
	unsigned int i;

	for (i = 0; i < ARRAYSIZE(items); i++)
		items[i].Number = i;
	InitializeListHead(&head);
	CHECK(list_is(&head, ""));
	CHECK(RemoveHeadList(&head) == &head && RemoveTailList(&head) == &head);
	CHECK(list_is(&head, ""));
	InsertTailList(&head, &items[1].Link);
	InsertHeadList(&head, &items[0].Link);
	InsertTailList(&head, &items[2].Link);
	CHECK(list_is(&head, "012"));
	CHECK(!RemoveEntryList(&items[1].Link));
	CHECK(list_is(&head, "02"));
	CHECK(RemoveHeadList(&head) == &items[0].Link);
	CHECK(RemoveEntryList(&items[2].Link) && list_is(&head, ""));

	/* A list without its head is appended. */
	NdisInitializeListHead(&other);
	InsertTailList(&other, &items[2].Link);
	InsertTailList(&other, &items[3].Link);
	RemoveEntryList(&other);
	AppendTailList(&head, &items[2].Link);
	CHECK(list_is(&head, "23") && RemoveTailList(&head) == &items[3].Link);
	return true;
}

/* Those that insert return the first entry of before, or NULL. */
static bool interlocked_lists(void)
{
	NDIS_SPIN_LOCK lock;
	LIST_ENTRY head;
	LONG count = 0;
	bool disabled;

	NdisAllocateSpinLock(&lock);
	InitializeListHead(&head);
	CHECK(!NdisInterlockedRemoveHeadList(&head, &lock));
	CHECK(!NdisInterlockedInsertTailList(&head, &items[1].Link, &lock));
	CHECK(NdisInterlockedInsertTailList(&head, &items[2].Link, &lock) == &items[1].Link);
	CHECK(NdisInterlockedInsertHeadList(&head, &items[0].Link, &lock) == &items[1].Link);
	CHECK(NdisInterlockedRemoveHeadList(&head, &lock) == &items[0].Link);
	CHECK(list_is(&head, "12"));
	InitializeListHead(&head);
	CHECK(!NdisInterlockedInsertHeadList(&head, &items[3].Link, &lock));
	CHECK(list_is(&head, "3"));

	NdisAcquireSpinLock(&lock);
	disabled = in_softirq();
	NdisReleaseSpinLock(&lock);
	CHECK(disabled && !in_softirq());
	local_bh_disable();
	NdisDprAcquireSpinLock(&lock);
	NdisDprReleaseSpinLock(&lock);
	local_bh_enable();
	NdisFreeSpinLock(&lock);

	CHECK(NdisInterlockedIncrement(&count) == 1 && InterlockedIncrement(&count) == 2);
	CHECK(NdisInterlockedDecrement(&count) == 1 && InterlockedDecrement(&count) == 0);
	return true;
}

static unsigned int entries;

static PVOID allocate_entry(POOL_TYPE type, SIZE_T size, ULONG tag)
{
	if (type != NonPagedPool || size != 100 || tag != 0x54455354)
		return NULL;
	entries++;
	return NdisAllocateMemoryWithTagPriority(NULL, size, tag, NormalPoolPriority);
}

static VOID free_entry(PVOID entry)
{
	entries--;
	NdisFreeMemory(entry, 0, 0);
}

static bool lookaside_lists(void)
{
	NPAGED_LOOKASIDE_LIST list;
	PVOID one, two;

	NdisInitializeNPagedLookasideList(&list, NULL, NULL, 0, 100, 0x54455354, 0);
	one = NdisAllocateFromNPagedLookasideList(&list);
	local_bh_disable();
	two = NdisAllocateFromNPagedLookasideList(&list);
	local_bh_enable();
	CHECK(one && two && one != two && ksize(one) >= 100);
	NdisFreeToNPagedLookasideList(&list, one);
	NdisFreeToNPagedLookasideList(&list, two);
	NdisDeleteNPagedLookasideList(&list);

	NdisInitializeNPagedLookasideList(&list, allocate_entry, free_entry, 0, 100, 0x54455354,
					  0);
	one = NdisAllocateFromNPagedLookasideList(&list);
	CHECK(one && entries == 1);
	NdisFreeToNPagedLookasideList(&list, one);
	CHECK(!entries);
	NdisDeleteNPagedLookasideList(&list);
	return true;
}

/* A driver's own list of packets. */
struct list_of_packets {
	PVOID NetBufferListInfo[MaxNetBufferListInfo];
};

static bool packets(void)
{
	struct list_of_packets list = {};

	NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&list) = 0xfffe;
	NET_BUFFER_LIST_RECEIVE_FILTER_ID(&list) = 7;
	CHECK(NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&list) == 0xfffe);
	CHECK(NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(&list) == 0xfffe);
	CHECK(NET_BUFFER_LIST_RECEIVE_FILTER_ID(&list) == 7);
	CHECK(NET_BUFFER_LIST_INFO(&list, NetBufferListFilteringInfo) == (PVOID)0xfffe0007UL);
	return true;
}

bool ndis_port(struct bench *bench)
{
	CHECK(lists() && interlocked_lists() && lookaside_lists() && packets());
	CHECK(NdisMGetDmaAlignment(bench->adapter) == NdisGetSharedDataAlignment());
	return true;
}

/* Memory of any length is usable to its end, and can be allocated where nothing may sleep. */
static bool memory(UINT length, bool atomic)
{
	UCHAR *bytes;

	if (atomic)
		local_bh_disable();
	bytes = NdisAllocateMemoryWithTagPriority(NULL, length, 0, NormalPoolPriority);
	if (bytes) {
		NdisFillMemory(bytes, length, 0x5a);
		if (atomic)
			NdisFreeMemory(bytes, length, 0);
	}
	if (atomic)
		local_bh_enable();
	CHECK(bytes);
	if (!atomic)
		NdisFreeMemoryWithTagPriority(NULL, bytes, 0);
	return true;
}

bool own_port(struct bench *bench)
{
	static const UINT lengths[] = { 1, 100, PAGE_SIZE, NDSHM_NDIS_CONTIGUOUS_BYTES };
	unsigned int i;
	PVOID bytes;

	for (i = 0; i < ARRAYSIZE(lengths); i++) {
		CHECK(memory(lengths[i], false));
		CHECK(memory(lengths[i], true));
	}
	/* Longer than what is contiguous. */
	if (IS_ENABLED(CONFIG_PREEMPT_COUNT))
		CHECK(memory(16 << 20, false));
	CHECK(!NdisAllocateMemoryWithTagPriority(NULL, 0, 0, NormalPoolPriority));
	CHECK(!NdisAllocateMemoryWithTagPriority(NULL, U32_MAX, 0, LowPoolPriority));
	local_bh_disable();
	bytes = NdisAllocateMemoryWithTagPriority(NULL, KMALLOC_MAX_SIZE + 1, 0, HighPoolPriority);
	local_bh_enable();
	CHECK(!bytes);
	NdisFreeMemory(NULL, 0, 0);
	PAGED_CODE();
	ASSERT(TRUE);
	NT_ASSERT(bench);
	NT_ASSERTMSG("no bench", bench);
	return true;
}
