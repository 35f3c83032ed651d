/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS source compatibility for the surroundings of the shared memory calls: annotations, memory,
 * lists, spin locks, assertions, lookaside lists, and the structures of receive queues. With this
 * header, in place of ndis.h, the shared memory and queue part of a driver compiles as it is. It
 * consists of declarations, macros and inline functions only.
 *
 * Include it last. Some of its names are short, and a header of Linux that uses one of them as an
 * identifier, such as IN or OUT, does not compile after it. A name that Linux or the driver has
 * defined before stays: ASSERT, IN, OUT, OPTIONAL, C_ASSERT, ARRAYSIZE, and min() and max(), which
 * are not defined here: those of Linux refuse operands of different signedness. ALIGN_DOWN() is
 * Linux's, whose second argument is a number and not a type; ALIGN_UP() is therefore left out.
 *
 * Where NDIS permits IRQL <= DISPATCH_LEVEL, a function may be called in process context, with
 * bottom halves disabled, and in softirqs; not in hard interrupts, with interrupts disabled, or
 * under a raw spinlock. Memory is allocated with GFP_KERNEL where the caller may sleep, else with
 * GFP_ATOMIC.
 */
#ifndef _NDSHM_NDIS_PORT_H
#define _NDSHM_NDIS_PORT_H

#include <linux/align.h>
#include <linux/array_size.h>
#include <linux/atomic.h>
#include <linux/bug.h>
#include <linux/build_bug.h>
#include <linux/container_of.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stddef.h>

#include <ndshm/ndis.h>
#include <ndshm/ndis_oid.h>

/*
 * Annotations; empty. ndis_types.h has the most common ones.
 */

#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif

#define _In_reads_(...)
#define _In_reads_opt_(...)
#define _In_reads_bytes_(...)
#define _In_reads_bytes_opt_(...)
#define _In_range_(...)
#define _Out_range_(...)
#define _Out_writes_(...)
#define _Out_writes_opt_(...)
#define _Out_writes_all_(...)
#define _Out_writes_to_(...)
#define _Out_writes_bytes_(...)
#define _Out_writes_bytes_opt_(...)
#define _Out_writes_bytes_all_(...)
#define _Out_writes_bytes_to_(...)
#define _Inout_updates_(...)
#define _Inout_updates_opt_(...)
#define _Inout_updates_bytes_(...)
#define _Inout_updates_bytes_opt_(...)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Outptr_result_nullonfailure_
#define _Outptr_result_buffer_(...)
#define _Outptr_result_bytebuffer_(...)
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Ret_range_(...)
#define _Pre_notnull_
#define _Pre_maybenull_
#define _Pre_satisfies_(...)
#define _Post_notnull_
#define _Post_invalid_
#define _Post_ptr_invalid_
#define _Post_satisfies_(...)
#define _Success_(...)
#define _When_(...)
#define _At_(...)
#define _Must_inspect_result_
#define _Check_return_
#define _Reserved_
#define _Null_terminated_
#define _Field_size_(...)
#define _Field_size_opt_(...)
#define _Field_size_bytes_(...)
#define _Field_range_(...)
#define _Struct_size_bytes_(...)
#define _Function_class_(...)
#define _Analysis_assume_(...)
#define _Guarded_by_(...)
#define _Interlocked_
#define _IRQL_requires_(...)
#define _IRQL_requires_max_(...)
#define _IRQL_requires_min_(...)
#define _IRQL_requires_same_
#define _IRQL_raises_(...)
#define _IRQL_saves_
#define _IRQL_restores_
#define _Acquires_lock_(...)
#define _Releases_lock_(...)
#define _Requires_lock_held_(...)
#define _Requires_lock_not_held_(...)
#define __drv_allocatesMem(...)
#define __drv_freesMem(...)
#define __drv_aliasesMem

/*
 * Assertions and macros
 */

/* Warn once at this place; the expression is evaluated in every build. */
#ifndef ASSERT
#define ASSERT(expression)	((void)WARN_ON_ONCE(!(expression)))
#endif
#define NT_ASSERT(expression)	((void)WARN_ON_ONCE(!(expression)))
#define NT_ASSERTMSG(message, expression) \
	((void)WARN_ONCE(!(expression), "%s\n", message))
#ifndef C_ASSERT
#define C_ASSERT(expression)	static_assert(expression)
#endif

/* Warn, with CONFIG_DEBUG_ATOMIC_SLEEP, where the caller must not sleep. */
#define PAGED_CODE()	might_sleep()

#define CONTAINING_RECORD(address, type, field)	container_of(address, type, field)
#define FIELD_OFFSET(type, field)	((LONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field)	sizeof_field(type, field)
#define RTL_NUMBER_OF(array)	ARRAY_SIZE(array)
#ifndef ARRAYSIZE
#define ARRAYSIZE(array)	RTL_NUMBER_OF(array)
#endif

/* The alignment must be a power of two. */
#define ALIGN_UP_BY(length, alignment)	ALIGN((ULONG_PTR)(length), alignment)
#define ALIGN_DOWN_BY(length, alignment)	ALIGN_DOWN((ULONG_PTR)(length), alignment)
#define ALIGN_UP_POINTER_BY(address, alignment)	((PVOID)ALIGN_UP_BY(address, alignment))
#define ALIGN_DOWN_POINTER_BY(address, alignment) \
	((PVOID)ALIGN_DOWN_BY(address, alignment))

/* Fully ordered, as NDIS requires. */
static inline LONG NdisInterlockedIncrement(LONG *Addend)
{
	return atomic_inc_return((atomic_t *)Addend);
}

static inline LONG NdisInterlockedDecrement(LONG *Addend)
{
	return atomic_dec_return((atomic_t *)Addend);
}

/* The operand may be of another type than LONG, but not of another size. */
#define InterlockedIncrement(addend) \
	NdisInterlockedIncrement((LONG *)(addend) + \
				 BUILD_BUG_ON_ZERO(sizeof((addend)[0]) != sizeof(LONG)))
#define InterlockedDecrement(addend) \
	NdisInterlockedDecrement((LONG *)(addend) + \
				 BUILD_BUG_ON_ZERO(sizeof((addend)[0]) != sizeof(LONG)))

/*
 * Memory
 */

typedef enum _EX_POOL_PRIORITY {
	LowPoolPriority = 0,
	NormalPoolPriority = 16,
	HighPoolPriority = 32,
} EX_POOL_PRIORITY;

typedef enum _POOL_TYPE {
	NonPagedPool = 0,
	NonPagedPoolNx = 512,
} POOL_TYPE;

/* Length up to which memory is contiguous, so that it can be freed in any context. */
#define NDSHM_NDIS_CONTIGUOUS_BYTES	(PAGE_SIZE << PAGE_ALLOC_COSTLY_ORDER)

/* A macro, as no name of ndshm may be among the symbols of a driver. */
#define NDSHM_NDIS_GFP	((preemptible() ? GFP_KERNEL : GFP_ATOMIC) | __GFP_NOWARN)

/*
 * Tag and priority have no effect. The memory is aligned to 8 bytes, and not cleared. Return: NULL
 * if there is no memory, or Length is 0.
 *
 * More than NDSHM_NDIS_CONTIGUOUS_BYTES is allocated in pages that need not be contiguous if the
 * caller may sleep, and must then be freed where it may sleep. A kernel without
 * CONFIG_PREEMPT_COUNT does not know that, and allocates all memory as for a caller that may not
 * sleep.
 */
static inline PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length,
						      ULONG Tag, EX_POOL_PRIORITY Priority)
{
	if (!Length)
		return NULL;
	if (Length > NDSHM_NDIS_CONTIGUOUS_BYTES && preemptible())
		return kvmalloc(Length, GFP_KERNEL | __GFP_NOWARN);
	return kmalloc(Length, NDSHM_NDIS_GFP);
}

/* Free memory of NdisAllocateMemoryWithTagPriority(), or NULL. MemoryFlags has no effect. */
static inline VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)
{
	kvfree(VirtualAddress);
}

static inline VOID NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress,
						 ULONG Tag)
{
	kvfree(VirtualAddress);
}

/* As NdisGetSharedDataAlignment(), for all devices. */
static inline ULONG NdisMGetDmaAlignment(NDIS_HANDLE MiniportAdapterHandle)
{
	return NdisGetSharedDataAlignment();
}

/*
 * Lookaside lists. The slab allocator has lists of free objects for each processor, so these have
 * none: Depth, Flags and Tag have no effect. Handlers of a driver are called for every entry.
 */
typedef PVOID ALLOCATE_FUNCTION(POOL_TYPE PoolType, SIZE_T NumberOfBytes, ULONG Tag);
typedef ALLOCATE_FUNCTION *PALLOCATE_FUNCTION;
typedef VOID FREE_FUNCTION(PVOID Buffer);
typedef FREE_FUNCTION *PFREE_FUNCTION;

typedef struct _NPAGED_LOOKASIDE_LIST {
	PALLOCATE_FUNCTION Allocate;
	PFREE_FUNCTION Free;
	SIZE_T Size;
	ULONG Tag;
} NPAGED_LOOKASIDE_LIST, *PNPAGED_LOOKASIDE_LIST;

static inline VOID NdisInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside,
						     PALLOCATE_FUNCTION Allocate,
						     PFREE_FUNCTION Free, ULONG Flags,
						     SIZE_T Size, ULONG Tag, USHORT Depth)
{
	Lookaside->Allocate = Allocate;
	Lookaside->Free = Free;
	Lookaside->Size = Size;
	Lookaside->Tag = Tag;
}

/* Return: an entry, or NULL if there is no memory. */
static inline PVOID NdisAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
	if (Lookaside->Allocate)
		return Lookaside->Allocate(NonPagedPool, Lookaside->Size, Lookaside->Tag);
	return kmalloc(Lookaside->Size, NDSHM_NDIS_GFP);
}

static inline VOID NdisFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside, PVOID Entry)
{
	if (Lookaside->Free)
		Lookaside->Free(Entry);
	else
		kfree(Entry);
}

/* The driver has freed all entries. */
static inline VOID NdisDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST Lookaside)
{
}

/*
 * Spin locks. Acquiring one disables bottom halves; the Dpr forms are for callers that have
 * disabled them, or run in a softirq. NdisAllocateSpinLock() is a macro so that lockdep knows the
 * locks of different places as different classes.
 */
typedef struct _NDIS_SPIN_LOCK {
	spinlock_t SpinLock;	/* what the driver protects with it */
} NDIS_SPIN_LOCK, *PNDIS_SPIN_LOCK;

#define NdisAllocateSpinLock(lock)	spin_lock_init(&(lock)->SpinLock)

static inline VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
}

static inline VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
	__acquires(&SpinLock->SpinLock)
{
	spin_lock_bh(&SpinLock->SpinLock);
}

static inline VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
	__releases(&SpinLock->SpinLock)
{
	spin_unlock_bh(&SpinLock->SpinLock);
}

static inline VOID NdisDprAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
	__acquires(&SpinLock->SpinLock)
{
	spin_lock(&SpinLock->SpinLock);
}

static inline VOID NdisDprReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
	__releases(&SpinLock->SpinLock)
{
	spin_unlock(&SpinLock->SpinLock);
}

/*
 * Doubly linked lists: a head and its entries have the same structure, and an empty list's head
 * points to itself. Removal from an empty list returns the head; the interlocked forms return
 * NULL, and, on insertion, the entry that was there before, or NULL.
 */
typedef struct _LIST_ENTRY {
	struct _LIST_ENTRY *Flink;
	struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

static inline VOID InitializeListHead(PLIST_ENTRY ListHead)
{
	ListHead->Flink = ListHead;
	ListHead->Blink = ListHead;
}

#define NdisInitializeListHead(head)	InitializeListHead(head)

static inline BOOLEAN IsListEmpty(const LIST_ENTRY *ListHead)
{
	return ListHead->Flink == ListHead;
}

/* Return: TRUE if the list is empty now. */
static inline BOOLEAN RemoveEntryList(PLIST_ENTRY Entry)
{
	PLIST_ENTRY Next = Entry->Flink, Previous = Entry->Blink;

	Previous->Flink = Next;
	Next->Blink = Previous;
	return Next == Previous;
}

static inline PLIST_ENTRY RemoveHeadList(PLIST_ENTRY ListHead)
{
	PLIST_ENTRY Entry = ListHead->Flink;

	RemoveEntryList(Entry);
	return Entry;
}

static inline PLIST_ENTRY RemoveTailList(PLIST_ENTRY ListHead)
{
	PLIST_ENTRY Entry = ListHead->Blink;

	RemoveEntryList(Entry);
	return Entry;
}

static inline VOID InsertHeadList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
	Entry->Flink = ListHead->Flink;
	Entry->Blink = ListHead;
	ListHead->Flink->Blink = Entry;
	ListHead->Flink = Entry;
}

static inline VOID InsertTailList(PLIST_ENTRY ListHead, PLIST_ENTRY Entry)
{
	InsertHeadList(ListHead->Blink, Entry);
}

/* Append a list without a head, of which ListToAppend is the first entry. */
static inline VOID AppendTailList(PLIST_ENTRY ListHead, PLIST_ENTRY ListToAppend)
{
	PLIST_ENTRY Last = ListToAppend->Blink;

	ListHead->Blink->Flink = ListToAppend;
	ListToAppend->Blink = ListHead->Blink;
	Last->Flink = ListHead;
	ListHead->Blink = Last;
}

static inline PLIST_ENTRY NdisInterlockedInsertHeadList(PLIST_ENTRY ListHead,
							PLIST_ENTRY ListEntry,
							PNDIS_SPIN_LOCK SpinLock)
{
	PLIST_ENTRY First;

	NdisAcquireSpinLock(SpinLock);
	First = IsListEmpty(ListHead) ? NULL : ListHead->Flink;
	InsertHeadList(ListHead, ListEntry);
	NdisReleaseSpinLock(SpinLock);
	return First;
}

static inline PLIST_ENTRY NdisInterlockedInsertTailList(PLIST_ENTRY ListHead,
							PLIST_ENTRY ListEntry,
							PNDIS_SPIN_LOCK SpinLock)
{
	PLIST_ENTRY Last;

	NdisAcquireSpinLock(SpinLock);
	Last = IsListEmpty(ListHead) ? NULL : ListHead->Blink;
	InsertTailList(ListHead, ListEntry);
	NdisReleaseSpinLock(SpinLock);
	return Last;
}

static inline PLIST_ENTRY NdisInterlockedRemoveHeadList(PLIST_ENTRY ListHead,
							PNDIS_SPIN_LOCK SpinLock)
{
	PLIST_ENTRY Entry;

	NdisAcquireSpinLock(SpinLock);
	Entry = IsListEmpty(ListHead) ? NULL : RemoveHeadList(ListHead);
	NdisReleaseSpinLock(SpinLock);
	return Entry;
}

/*
 * The queue and the filter of a list of packets. NDIS's NET_BUFFER_LIST is not here: the driver's
 * own structure has an array NetBufferListInfo of MaxNetBufferListInfo pointers. The values of the
 * enumeration are ndshm's, since nothing else reads the array.
 */
typedef enum _NDIS_NET_BUFFER_LIST_INFO {
	NetBufferListFilteringInfo,
	MaxNetBufferListInfo,
} NDIS_NET_BUFFER_LIST_INFO, *PNDIS_NET_BUFFER_LIST_INFO;

typedef struct _NDIS_NET_BUFFER_LIST_FILTERING_INFO {
	union {
		struct {
			USHORT FilterId;
			union {
				USHORT QueueId;
				USHORT VPortId;
			} QueueVPortInfo;
		} FilteringInfo;
		PVOID Value;
	};
} NDIS_NET_BUFFER_LIST_FILTERING_INFO, *PNDIS_NET_BUFFER_LIST_FILTERING_INFO;

#define NET_BUFFER_LIST_INFO(list, id)	((list)->NetBufferListInfo[id])
#define NET_BUFFER_LIST_RECEIVE_FILTER_ID(list) \
	(((PNDIS_NET_BUFFER_LIST_FILTERING_INFO) \
	  &NET_BUFFER_LIST_INFO(list, NetBufferListFilteringInfo))->FilteringInfo.FilterId)
#define NET_BUFFER_LIST_RECEIVE_QUEUE_ID(list) \
	(((PNDIS_NET_BUFFER_LIST_FILTERING_INFO) \
	  &NET_BUFFER_LIST_INFO(list, NetBufferListFilteringInfo)) \
	 ->FilteringInfo.QueueVPortInfo.QueueId)
#define NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(list) \
	(((PNDIS_NET_BUFFER_LIST_FILTERING_INFO) \
	  &NET_BUFFER_LIST_INFO(list, NetBufferListFilteringInfo)) \
	 ->FilteringInfo.QueueVPortInfo.VPortId)

#endif /* _NDSHM_NDIS_PORT_H */
