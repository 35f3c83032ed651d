// SPDX-License-Identifier: GPL-2.0
/*
 * As layout.c, for ndis_oid.h and ndis_port.h.
 */
#include "layout.h"

/* Last: see the header. */
#include <ndshm/ndis_port.h>

/* Empty macros. */
NOTHING_IS(IN OUT OPTIONAL _In_reads_(1, 2) _In_reads_opt_(1, 2) _In_reads_bytes_(1, 2)
	   _In_reads_bytes_opt_(1, 2) _In_range_(1, 2) _Out_range_(1, 2) _Out_writes_(1, 2)
	   _Out_writes_opt_(1, 2) _Out_writes_all_(1, 2) _Out_writes_to_(1, 2)
	   _Out_writes_bytes_(1, 2) _Out_writes_bytes_opt_(1, 2) _Out_writes_bytes_all_(1, 2)
	   _Out_writes_bytes_to_(1, 2) _Inout_updates_(1, 2) _Inout_updates_opt_(1, 2)
	   _Inout_updates_bytes_(1, 2) _Inout_updates_bytes_opt_(1, 2) _Outptr_ _Outptr_opt_
	   _Outptr_result_maybenull_ _Outptr_result_nullonfailure_ _Outptr_result_buffer_(1, 2)
	   _Outptr_result_bytebuffer_(1, 2) _Ret_maybenull_ _Ret_notnull_ _Ret_range_(1, 2)
	   _Pre_notnull_ _Pre_maybenull_ _Pre_satisfies_(1, 2) _Post_notnull_ _Post_invalid_
	   _Post_ptr_invalid_ _Post_satisfies_(1, 2) _Success_(1, 2) _When_(1, 2) _At_(1, 2)
	   _Must_inspect_result_ _Check_return_ _Reserved_ _Null_terminated_ _Field_size_(1, 2)
	   _Field_size_opt_(1, 2) _Field_size_bytes_(1, 2) _Field_range_(1, 2)
	   _Struct_size_bytes_(1, 2) _Function_class_(1, 2) _Analysis_assume_(1, 2)
	   _Guarded_by_(1, 2) _Interlocked_ _IRQL_requires_(1, 2) _IRQL_requires_max_(1, 2)
	   _IRQL_requires_min_(1, 2) _IRQL_requires_same_ _IRQL_raises_(1, 2) _IRQL_saves_
	   _IRQL_restores_ _Acquires_lock_(1, 2) _Releases_lock_(1, 2) _Requires_lock_held_(1, 2)
	   _Requires_lock_not_held_(1, 2) __drv_allocatesMem(1, 2) __drv_freesMem(1, 2)
	   __drv_aliasesMem);

/* Types. */
TYPES_ARE(WCHAR, u16);
TYPES_ARE(NDIS_OID, ULONG);
TYPES_ARE(NDIS_RECEIVE_QUEUE_GROUP_ID, ULONG);
TYPES_ARE(NDIS_RECEIVE_FILTER_ID, ULONG);
TYPES_ARE(NDIS_QOS_SQ_ID, ULONG);
TYPES_ARE(KAFFINITY, ULONG_PTR);
TYPES_ARE(IF_COUNTED_STRING, IF_COUNTED_STRING_LH);
TYPES_ARE(NDIS_IF_COUNTED_STRING, IF_COUNTED_STRING);
TYPES_ARE(NDIS_VM_NAME, IF_COUNTED_STRING);
TYPES_ARE(NDIS_QUEUE_NAME, IF_COUNTED_STRING);
TYPE_IS(MINIPORT_OID_REQUEST_HANDLER, MINIPORT_OID_REQUEST *);
TYPE_IS(PALLOCATE_FUNCTION, ALLOCATE_FUNCTION *);
TYPE_IS(PFREE_FUNCTION, FREE_FUNCTION *);
TYPES_ARE(NDIS_RECEIVE_QUEUE_TYPE, enum _NDIS_RECEIVE_QUEUE_TYPE);
TYPES_ARE(NDIS_RECEIVE_FILTER_TYPE, enum _NDIS_RECEIVE_FILTER_TYPE);
TYPES_ARE(NDIS_REQUEST_TYPE, enum _NDIS_REQUEST_TYPE);
TYPES_ARE(NPAGED_LOOKASIDE_LIST, struct _NPAGED_LOOKASIDE_LIST);
TYPES_ARE(NDIS_SPIN_LOCK, struct _NDIS_SPIN_LOCK);
TYPES_ARE(NDIS_NET_BUFFER_LIST_INFO, enum _NDIS_NET_BUFFER_LIST_INFO);
TYPE_IS(EX_POOL_PRIORITY, enum _EX_POOL_PRIORITY);
TYPE_IS(POOL_TYPE, enum _POOL_TYPE);

/* Structures without pointers. */
STRUCT_IS(IF_COUNTED_STRING_LH, 516, M(Length, USHORT, 0); M(String, WCHAR[257], 2));
STRUCT_IS(GUID, 16,
	  M(Data1, ULONG, 0); M(Data2, USHORT, 4); M(Data3, USHORT, 6); M(Data4, UCHAR[8], 8));
STRUCT_IS(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, 12,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueId, NDIS_RECEIVE_QUEUE_ID, 8));
STRUCT_IS(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 20,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4); M(FirstElementOffset, ULONG, 8);
	  M(NumElements, ULONG, 12); M(ElementSize, ULONG, 16));
STRUCT_IS(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 16,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueId, NDIS_RECEIVE_QUEUE_ID, 8); M(CompletionStatus, NDIS_STATUS, 12));
STRUCT_IS(NDIS_RECEIVE_QUEUE_STATE, 16,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueId, NDIS_RECEIVE_QUEUE_ID, 8);
	  M(QueueState, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, 12));
STRUCT_IS(NDIS_RECEIVE_FILTER_PARAMETERS, 44,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(FilterType, NDIS_RECEIVE_FILTER_TYPE, 8); M(QueueId, NDIS_RECEIVE_QUEUE_ID, 12);
	  M(FilterId, NDIS_RECEIVE_FILTER_ID, 16); M(FieldParametersArrayOffset, ULONG, 20);
	  M(FieldParametersArrayNumElements, ULONG, 24);
	  M(FieldParametersArrayElementSize, ULONG, 28); M(RequestedFilterIdBitCount, ULONG, 32);
	  M(MaxCoalescingDelay, ULONG, 36); M(VPortId, NDIS_NIC_SWITCH_VPORT_ID, 40));
STRUCT_IS(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, 16,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueId, NDIS_RECEIVE_QUEUE_ID, 8); M(FilterId, NDIS_RECEIVE_FILTER_ID, 12));

#ifdef CONFIG_64BIT
STRUCT_IS(GROUP_AFFINITY, 16,
	  M(Mask, KAFFINITY, 0); M(Group, USHORT, 8); M(Reserved, USHORT[3], 10));
STRUCT_IS(NDIS_RECEIVE_QUEUE_PARAMETERS, 1096,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueType, NDIS_RECEIVE_QUEUE_TYPE, 8); M(QueueId, NDIS_RECEIVE_QUEUE_ID, 12);
	  M(QueueGroupId, NDIS_RECEIVE_QUEUE_GROUP_ID, 16);
	  M(ProcessorAffinity, GROUP_AFFINITY, 24); M(NumSuggestedReceiveBuffers, ULONG, 40);
	  M(MSIXTableEntry, ULONG, 44); M(LookaheadSize, ULONG, 48); M(VmName, NDIS_VM_NAME, 52);
	  M(QueueName, NDIS_QUEUE_NAME, 568); M(PortId, ULONG, 1084);
	  M(InterruptCoalescingDomainId, ULONG, 1088); M(QosSqId, NDIS_QOS_SQ_ID, 1092));
STRUCT_IS(NDIS_RECEIVE_QUEUE_INFO, 1096,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(Flags, ULONG, 4);
	  M(QueueType, NDIS_RECEIVE_QUEUE_TYPE, 8); M(QueueId, NDIS_RECEIVE_QUEUE_ID, 12);
	  M(QueueGroupId, NDIS_RECEIVE_QUEUE_GROUP_ID, 16);
	  M(QueueState, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, 20);
	  M(ProcessorAffinity, GROUP_AFFINITY, 24); M(NumSuggestedReceiveBuffers, ULONG, 40);
	  M(MSIXTableEntry, ULONG, 44); M(LookaheadSize, ULONG, 48); M(VmName, NDIS_VM_NAME, 52);
	  M(QueueName, NDIS_QUEUE_NAME, 568); M(NumFilters, ULONG, 1084);
	  M(InterruptCoalescingDomainId, ULONG, 1088));
STRUCT_IS(NDIS_OID_REQUEST, 240,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(RequestType, NDIS_REQUEST_TYPE, 4);
	  M(PortNumber, NDIS_PORT_NUMBER, 8); M(Timeout, UINT, 12); M(RequestId, PVOID, 16);
	  M(RequestHandle, NDIS_HANDLE, 24); M(NdisReserved, UCHAR[128], 72);
	  M(MiniportReserved, UCHAR[16], 200); M(SourceReserved, UCHAR[16], 216);
	  M(SupportedRevision, UCHAR, 232); M(Reserved1, UCHAR, 233); M(Reserved2, USHORT, 234);
	  M(DATA.QUERY_INFORMATION.Oid, NDIS_OID, 32);
	  M(DATA.QUERY_INFORMATION.InformationBuffer, PVOID, 40);
	  M(DATA.QUERY_INFORMATION.InformationBufferLength, UINT, 48);
	  M(DATA.QUERY_INFORMATION.BytesWritten, UINT, 52);
	  M(DATA.QUERY_INFORMATION.BytesNeeded, UINT, 56);
	  M(DATA.SET_INFORMATION.Oid, NDIS_OID, 32);
	  M(DATA.SET_INFORMATION.InformationBuffer, PVOID, 40);
	  M(DATA.SET_INFORMATION.InformationBufferLength, UINT, 48);
	  M(DATA.SET_INFORMATION.BytesRead, UINT, 52);
	  M(DATA.SET_INFORMATION.BytesNeeded, UINT, 56);
	  M(DATA.METHOD_INFORMATION.Oid, NDIS_OID, 32);
	  M(DATA.METHOD_INFORMATION.InformationBuffer, PVOID, 40);
	  M(DATA.METHOD_INFORMATION.InputBufferLength, ULONG, 48);
	  M(DATA.METHOD_INFORMATION.OutputBufferLength, ULONG, 52);
	  M(DATA.METHOD_INFORMATION.MethodId, ULONG, 56);
	  M(DATA.METHOD_INFORMATION.BytesWritten, UINT, 60);
	  M(DATA.METHOD_INFORMATION.BytesRead, UINT, 64);
	  M(DATA.METHOD_INFORMATION.BytesNeeded, UINT, 68));
STRUCT_IS(NDIS_STATUS_INDICATION, 112,
	  M(Header, NDIS_OBJECT_HEADER, 0); M(SourceHandle, NDIS_HANDLE, 8);
	  M(PortNumber, NDIS_PORT_NUMBER, 16); M(StatusCode, NDIS_STATUS, 20); M(Flags, ULONG, 24);
	  M(DestinationHandle, NDIS_HANDLE, 32); M(RequestId, PVOID, 40);
	  M(StatusBuffer, PVOID, 48); M(StatusBufferSize, ULONG, 56); M(Guid, GUID, 60);
	  M(NdisReserved, PVOID[4], 80));
STRUCT_IS(LIST_ENTRY, 16, M(Flink, PLIST_ENTRY, 0); M(Blink, PLIST_ENTRY, 8));
STRUCT_IS(NDIS_NET_BUFFER_LIST_FILTERING_INFO, 8,
	  M(FilteringInfo.FilterId, USHORT, 0); M(FilteringInfo.QueueVPortInfo.QueueId, USHORT, 2);
	  M(FilteringInfo.QueueVPortInfo.VPortId, USHORT, 2); M(Value, PVOID, 0));

/* Structures whose members are ndshm's. */
MEMBER_IS(NDIS_SPIN_LOCK, SpinLock, spinlock_t, 0);
MEMBER_IS(NPAGED_LOOKASIDE_LIST, Allocate, PALLOCATE_FUNCTION, 0);
MEMBER_IS(NPAGED_LOOKASIDE_LIST, Free, PFREE_FUNCTION, 8);
MEMBER_IS(NPAGED_LOOKASIDE_LIST, Size, SIZE_T, 16);
MEMBER_IS(NPAGED_LOOKASIDE_LIST, Tag, ULONG, 24);

/* The size of a revision is not that of the structure. */
REVISION_IS(RECEIVE_QUEUE_PARAMETERS, 1, 1084);
REVISION_IS(RECEIVE_QUEUE_PARAMETERS, 2, 1092);
REVISION_IS(RECEIVE_QUEUE_PARAMETERS, 3, 1096);
REVISION_IS(RECEIVE_QUEUE_INFO, 2, 1092);
REVISION_IS(OID_REQUEST, 1, 236);
REVISION_IS(STATUS_INDICATION, 1, 112);
#endif /* CONFIG_64BIT */

/* Values. */
REVISION_IS(RECEIVE_QUEUE_FREE_PARAMETERS, 1, 12);
REVISION_IS(RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 1, 20);
REVISION_IS(RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 1, 16);
VALUE_IS(NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1, 16);
REVISION_IS(RECEIVE_FILTER_PARAMETERS, 1, 36);
REVISION_IS(RECEIVE_FILTER_PARAMETERS, 2, 44);
REVISION_IS(RECEIVE_FILTER_CLEAR_PARAMETERS, 1, 16);
VALUE_IS(NDIS_RECEIVE_QUEUE_INFO_REVISION_1, 1);
VALUE_IS(NDIS_RECEIVE_QUEUE_STATE_REVISION_1, 1);
VALUE_IS(NDIS_OID_REQUEST_NDIS_RESERVED_SIZE, 16);
VALUE_IS(NDIS_OID_REQUEST_MINIPORT_RESERVED_SIZE, 2);
VALUE_IS(NDIS_OID_REQUEST_SOURCE_RESERVED_SIZE, 2);
VALUE_IS(NDIS_OBJECT_TYPE_OID_REQUEST, 0x96);
VALUE_IS(NDIS_OBJECT_TYPE_STATUS_INDICATION, 0x98);
VALUE_IS(IF_MAX_STRING_SIZE, 256);
VALUE_IS(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, 0x00010226);
VALUE_IS(OID_RECEIVE_FILTER_SET_FILTER, 0x00010227);
VALUE_IS(OID_RECEIVE_FILTER_CLEAR_FILTER, 0x00010228);
VALUE_IS(NdisReceiveQueueTypeUnspecified, 0);
VALUE_IS(NdisReceiveQueueTypeVMQueue, 1);
VALUE_IS(NdisReceiveQueueTypeMaximum, 2);
VALUE_IS(NdisReceiveFilterTypeUndefined, 0);
VALUE_IS(NdisReceiveFilterTypeVMQueue, 1);
VALUE_IS(NdisReceiveFilterTypePacketCoalescing, 2);
VALUE_IS(NdisReceiveFilterTypeMaximum, 3);
VALUE_IS(NdisRequestQueryInformation, 0);
VALUE_IS(NdisRequestSetInformation, 1);
VALUE_IS(NdisRequestQueryStatistics, 2);
VALUE_IS(NdisRequestMethod, 12);
VALUE_IS(LowPoolPriority, 0);
VALUE_IS(NormalPoolPriority, 16);
VALUE_IS(HighPoolPriority, 32);
VALUE_IS(NonPagedPool, 0);
VALUE_IS(NonPagedPoolNx, 512);
VALUE_IS(NetBufferListFilteringInfo, 0);
VALUE_IS(MaxNetBufferListInfo, 1);
VALUE_IS(NDSHM_NDIS_CONTIGUOUS_BYTES, 8 * PAGE_SIZE);

/* Prototypes. */
PROTOTYPE_IS(MINIPORT_OID_REQUEST, NDIS_STATUS, NDIS_HANDLE, PNDIS_OID_REQUEST);
PROTOTYPE_IS(NdisMIndicateStatusEx, VOID, NDIS_HANDLE, PNDIS_STATUS_INDICATION);
PROTOTYPE_IS(NdisMOidRequestComplete, VOID, NDIS_HANDLE, PNDIS_OID_REQUEST, NDIS_STATUS);
PROTOTYPE_IS(ndshm_ndis_oid, NDIS_STATUS, NDIS_HANDLE, MINIPORT_OID_REQUEST_HANDLER,
	     PNDIS_OID_REQUEST);
PROTOTYPE_IS(ALLOCATE_FUNCTION, PVOID, POOL_TYPE, SIZE_T, ULONG);
PROTOTYPE_IS(FREE_FUNCTION, VOID, PVOID);
PROTOTYPE_IS(NdisAllocateMemoryWithTagPriority, PVOID, NDIS_HANDLE, UINT, ULONG,
	     EX_POOL_PRIORITY);
PROTOTYPE_IS(NdisFreeMemory, VOID, PVOID, UINT, UINT);
PROTOTYPE_IS(NdisFreeMemoryWithTagPriority, VOID, NDIS_HANDLE, PVOID, ULONG);
PROTOTYPE_IS(NdisMGetDmaAlignment, ULONG, NDIS_HANDLE);
PROTOTYPE_IS(NdisInitializeNPagedLookasideList, VOID, PNPAGED_LOOKASIDE_LIST, PALLOCATE_FUNCTION,
	     PFREE_FUNCTION, ULONG, SIZE_T, ULONG, USHORT);
PROTOTYPE_IS(NdisAllocateFromNPagedLookasideList, PVOID, PNPAGED_LOOKASIDE_LIST);
PROTOTYPE_IS(NdisFreeToNPagedLookasideList, VOID, PNPAGED_LOOKASIDE_LIST, PVOID);
PROTOTYPE_IS(NdisDeleteNPagedLookasideList, VOID, PNPAGED_LOOKASIDE_LIST);
PROTOTYPE_IS(NdisFreeSpinLock, VOID, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisAcquireSpinLock, VOID, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisReleaseSpinLock, VOID, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisDprAcquireSpinLock, VOID, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisDprReleaseSpinLock, VOID, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(InitializeListHead, VOID, PLIST_ENTRY);
PROTOTYPE_IS(IsListEmpty, BOOLEAN, const LIST_ENTRY *);
PROTOTYPE_IS(RemoveEntryList, BOOLEAN, PLIST_ENTRY);
PROTOTYPE_IS(RemoveHeadList, PLIST_ENTRY, PLIST_ENTRY);
PROTOTYPE_IS(RemoveTailList, PLIST_ENTRY, PLIST_ENTRY);
PROTOTYPE_IS(InsertHeadList, VOID, PLIST_ENTRY, PLIST_ENTRY);
PROTOTYPE_IS(InsertTailList, VOID, PLIST_ENTRY, PLIST_ENTRY);
PROTOTYPE_IS(AppendTailList, VOID, PLIST_ENTRY, PLIST_ENTRY);
PROTOTYPE_IS(NdisInterlockedInsertHeadList, PLIST_ENTRY, PLIST_ENTRY, PLIST_ENTRY,
	     PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisInterlockedInsertTailList, PLIST_ENTRY, PLIST_ENTRY, PLIST_ENTRY,
	     PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisInterlockedRemoveHeadList, PLIST_ENTRY, PLIST_ENTRY, PNDIS_SPIN_LOCK);
PROTOTYPE_IS(NdisInterlockedIncrement, LONG, LONG *);
PROTOTYPE_IS(NdisInterlockedDecrement, LONG, LONG *);

/* Macros. */
struct row {
	UCHAR first;
	LIST_ENTRY link;
};

/* As defined by a driver. */
struct list_of_packets {
	PVOID NetBufferListInfo[MaxNetBufferListInfo];
};

#define PACKETS	((struct list_of_packets *)0)

C_ASSERT(sizeof(LIST_ENTRY) == 2 * sizeof(PVOID));
VALUE_IS(FIELD_OFFSET(struct row, link), sizeof(PVOID));
TYPE_IS(FIELD_OFFSET(struct row, link), LONG);
VALUE_IS(RTL_FIELD_SIZE(struct row, first), 1);
VALUE_IS(ALIGN_UP_BY(65, 64), 128);
VALUE_IS(ALIGN_UP_BY(64, 64), 64);
VALUE_IS(ALIGN_DOWN_BY(65, 64), 64);
TYPE_IS(ALIGN_UP_BY(1, 2), ULONG_PTR);
TYPE_IS(ALIGN_DOWN_BY(1, 2), ULONG_PTR);
TYPE_IS(ALIGN_UP_POINTER_BY(1, 2), PVOID);
TYPE_IS(ALIGN_DOWN_POINTER_BY(1, 2), PVOID);
TYPE_IS(NET_BUFFER_LIST_INFO(PACKETS, NetBufferListFilteringInfo), PVOID);
TYPE_IS(NET_BUFFER_LIST_RECEIVE_FILTER_ID(PACKETS), USHORT);
TYPE_IS(NET_BUFFER_LIST_RECEIVE_QUEUE_ID(PACKETS), USHORT);
TYPE_IS(NET_BUFFER_LIST_RECEIVE_FILTER_VPORT_ID(PACKETS), USHORT);

/* Macros that need a function body. */
static VOID __maybe_unused macros(struct row *row, PNDIS_SPIN_LOCK lock, LONG *count)
{
	PVOID array[3];

	VALUE_IS(RTL_NUMBER_OF(array), 3);
	VALUE_IS(ARRAYSIZE(array), 3);
	TYPE_IS(CONTAINING_RECORD(&row->link, struct row, link), struct row *);
	TYPE_IS(NdisInitializeListHead(&row->link), VOID);
	TYPE_IS(InterlockedIncrement(count), LONG);
	TYPE_IS(InterlockedDecrement(count), LONG);
	TYPE_IS(ASSERT(row), VOID);
	TYPE_IS(NT_ASSERT(row), VOID);
	TYPE_IS(NT_ASSERTMSG("none", row), VOID);
	TYPE_IS(NDSHM_NDIS_GFP, gfp_t);
	NdisAllocateSpinLock(lock);
	PAGED_CODE();
}
