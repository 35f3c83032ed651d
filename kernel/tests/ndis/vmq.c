// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual machine queues of a test driver, as for Windows. vmq_linux.c is its Linux part.
 */
#include "vmq.h"

#define VMQ_MIN(one, other)	((one) < (other) ? (one) : (other))

static PVMQ_QUEUE FindQueue(_In_ PVMQ_ADAPTER Adapter, _In_ NDIS_RECEIVE_QUEUE_ID QueueId)
{
	ULONG i;

	for (i = 0; i < VMQ_QUEUES; i++)
		if (Adapter->Queues[i] && Adapter->Queues[i]->Info.QueueId == QueueId)
			return Adapter->Queues[i];
	return NULL;
}

/*
 * Shared memory
 */

static NDIS_STATUS AllocateBlock(_In_ PVMQ_QUEUE Queue, _In_ NDIS_SHARED_MEMORY_USAGE Usage,
				 _In_ ULONG Length, _Outptr_result_nullonfailure_ PVMQ_BLOCK *New)
{
	PVMQ_ADAPTER Adapter = Queue->Adapter;
	NDIS_SHARED_MEMORY_PARAMETERS Parameters;
	PVMQ_BLOCK Block;
	NDIS_STATUS Status;
	ULONG Pages = BYTES_TO_PAGES(Length);

	*New = NULL;
	Block = NdisAllocateMemoryWithTagPriority(Adapter->MiniportAdapterHandle, sizeof(*Block),
						  VMQ_TAG, NormalPoolPriority);
	if (!Block)
		return NDIS_STATUS_RESOURCES;
	NdisZeroMemory(Block, sizeof(*Block));
	Block->Length = Length;
	Block->ListLength = sizeof(SCATTER_GATHER_LIST) + Pages * sizeof(SCATTER_GATHER_ELEMENT);
	Block->List = NdisAllocateMemoryWithTagPriority(Adapter->MiniportAdapterHandle,
							Block->ListLength, VMQ_TAG,
							NormalPoolPriority);
	if (!Block->List) {
		NdisFreeMemory(Block, sizeof(*Block), 0);
		return NDIS_STATUS_RESOURCES;
	}

	NdisZeroMemory(&Parameters, sizeof(Parameters));
	Parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	Parameters.Header.Revision = NDIS_SHARED_MEMORY_PARAMETERS_REVISION_1;
	Parameters.Header.Size = NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1;
	Parameters.QueueId = Queue->Info.QueueId;
	Parameters.PreferredNode = MM_ANY_NODE_OK;
	Parameters.Usage = Usage;
	Parameters.Length = Length;
	Parameters.SGListBufferLength = Block->ListLength;
	Parameters.SGListBuffer = Block->List;
	Block->List->NumberOfElements = Pages;
	Status = NdisAllocateSharedMemory(Adapter->MiniportAdapterHandle, &Parameters,
					  &Block->AllocationHandle);
	if (Status != NDIS_STATUS_SUCCESS) {
		NdisFreeMemory(Block->List, Block->ListLength, 0);
		NdisFreeMemory(Block, sizeof(*Block), 0);
		return Status;
	}
	Block->SharedMemoryHandle = Parameters.SharedMemoryHandle;
	Block->Address = Parameters.VirtualAddress;
	NdisZeroMemory(Block->Address, Length);
	InsertTailList(&Queue->Blocks, &Block->Link);
	*New = Block;
	return NDIS_STATUS_SUCCESS;
}

static VOID FreeBlock(_In_ PVMQ_ADAPTER Adapter, _In_ __drv_freesMem(Mem) PVMQ_BLOCK Block)
{
	RemoveEntryList(&Block->Link);
	NdisFreeSharedMemory(Adapter->MiniportAdapterHandle, Block->AllocationHandle);
	if (Block->List)
		NdisFreeMemory(Block->List, Block->ListLength, 0);
	NdisFreeMemory(Block, sizeof(*Block), 0);
}

/* Offset of the first buffer: a block need not be aligned. */
static ULONG FirstOffset(_In_ PVMQ_ADAPTER Adapter, _In_ PVMQ_BLOCK Block)
{
	return (ULONG)((PUCHAR)ALIGN_UP_POINTER_BY(Block->Address, Adapter->Alignment) -
		       Block->Address);
}

/* Return: FALSE if the buffer is not in one element of the list, so that it has two addresses. */
_Success_(return)
static BOOLEAN FindDeviceAddress(_In_ PVMQ_BLOCK Block, _In_ ULONG Offset, _In_ ULONG Length,
				 _Out_ PPHYSICAL_ADDRESS Address)
{
	ULONG i;

	for (i = 0; i < Block->List->NumberOfElements; i++) {
		const SCATTER_GATHER_ELEMENT *Element = &Block->List->Elements[i];

		if (Offset < Element->Length) {
			Address->QuadPart = Element->Address.QuadPart + Offset;
			return Element->Length - Offset >= Length;
		}
		Offset -= Element->Length;
	}
	return FALSE;
}

static BOOLEAN InitializeBuffer(_In_ PVMQ_QUEUE Queue, _In_ PVMQ_BLOCK Block, _In_ ULONG Index,
				_In_ ULONG Length, _Out_ PVMQ_BUFFER Buffer)
{
	ULONG Offset = FirstOffset(Queue->Adapter, Block) + Index * Length;

	NT_ASSERT(Offset + Length <= Block->Length);
	NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&Buffer->Shared) = NULL;
	NET_BUFFER_SHARED_MEM_FLAGS(&Buffer->Shared) = 0;
	NET_BUFFER_SHARED_MEM_HANDLE(&Buffer->Shared) = Block->SharedMemoryHandle;
	NET_BUFFER_SHARED_MEM_OFFSET(&Buffer->Shared) = Offset;
	NET_BUFFER_SHARED_MEM_LENGTH(&Buffer->Shared) = Length;
	Buffer->Address = Block->Address + Offset;
	return FindDeviceAddress(Block, Offset, Length, &Buffer->DeviceAddress);
}

/* Make receive control blocks of the buffers of a block, or of two. Return: their number. */
static ULONG AddRcbs(_In_ PVMQ_QUEUE Queue, _In_ PVMQ_BLOCK Data, _In_opt_ PVMQ_BLOCK Lookahead,
		     _In_ ULONG Count)
{
	ULONG i, Added = 0;

	for (i = 0; i < Count; i++) {
		PVMQ_RCB Rcb = NdisAllocateFromNPagedLookasideList(&Queue->Adapter->RcbList);

		if (!Rcb)
			break;
		NdisZeroMemory(Rcb, sizeof(*Rcb));
		Rcb->Queue = Queue;
		if (!InitializeBuffer(Queue, Data, i, VMQ_BUFFER_BYTES, &Rcb->Data) ||
		    (Lookahead && !InitializeBuffer(Queue, Lookahead, i, VMQ_LOOKAHEAD_BYTES,
						    &Rcb->Lookahead))) {
			NdisFreeToNPagedLookasideList(&Queue->Adapter->RcbList, Rcb);
			continue;
		}
		if (Lookahead)
			NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(&Rcb->Lookahead.Shared) =
				&Rcb->Data.Shared;
		NET_BUFFER_FIRST_SHARED_MEM_INFO(&Rcb->Packet) =
			Lookahead ? &Rcb->Lookahead.Shared : &Rcb->Data.Shared;
		NET_BUFFER_LIST_RECEIVE_QUEUE_ID(&Rcb->Packet) = (USHORT)Queue->Info.QueueId;
		NdisInterlockedInsertTailList(&Queue->FreeRcbs, &Rcb->Link, &Queue->Lock);
		Added++;
	}
	return Added;
}

/* Add at most Wanted buffers in one block, or in two. Return: their number. */
static ULONG AddBuffers(_In_ PVMQ_QUEUE Queue, _In_ ULONG Wanted)
{
	ULONG Slack = Queue->Adapter->Alignment, Count = VMQ_MIN(Wanted, VMQ_BLOCK_BUFFERS);
	PVMQ_BLOCK Data, Lookahead = NULL;
	NDIS_SHARED_MEMORY_USAGE Usage = Queue->Info.LookaheadSize ?
		NdisSharedMemoryUsageReceivePostLookahead : NdisSharedMemoryUsageReceive;

	if (AllocateBlock(Queue, Usage, Count * VMQ_BUFFER_BYTES + Slack, &Data) !=
	    NDIS_STATUS_SUCCESS)
		return 0;
	if (Queue->Info.LookaheadSize &&
	    AllocateBlock(Queue, NdisSharedMemoryUsageReceiveLookahead,
			  Count * VMQ_LOOKAHEAD_BYTES + Slack, &Lookahead) !=
	    NDIS_STATUS_SUCCESS) {
		FreeBlock(Queue->Adapter, Data);
		return 0;
	}
	return AddRcbs(Queue, Data, Lookahead, Count);
}

/* No buffer is with the receiver, and DMA has stopped. */
static VOID FreeQueueMemory(_In_ PVMQ_QUEUE Queue)
{
	PLIST_ENTRY Entry;

	NT_ASSERT(IsListEmpty(&Queue->BusyRcbs));
	while ((Entry = NdisInterlockedRemoveHeadList(&Queue->FreeRcbs, &Queue->Lock)))
		NdisFreeToNPagedLookasideList(&Queue->Adapter->RcbList,
					      CONTAINING_RECORD(Entry, VMQ_RCB, Link));
	while (!IsListEmpty(&Queue->Blocks))
		FreeBlock(Queue->Adapter,
			  CONTAINING_RECORD(Queue->Blocks.Flink, VMQ_BLOCK, Link));
	Queue->Buffers = 0;
}

static NDIS_STATUS AllocateQueueMemory(_In_ PVMQ_QUEUE Queue)
{
	ULONG Wanted = Queue->Info.NumSuggestedReceiveBuffers, Added;

	if (!Wanted)
		Wanted = VMQ_DEFAULT_BUFFERS;
	while (Queue->Buffers < Wanted) {
		Added = AddBuffers(Queue, Wanted - Queue->Buffers);
		if (!Added)
			break;
		Queue->Buffers += Added;
	}
	if (Queue->Buffers >= VMQ_FEWEST_BUFFERS)
		return NDIS_STATUS_SUCCESS;
	FreeQueueMemory(Queue);
	return NDIS_STATUS_RESOURCES;
}

/*
 * Requests
 */

_IRQL_requires_max_(PASSIVE_LEVEL)
static NDIS_STATUS AllocateQueue(_In_ PVMQ_ADAPTER Adapter,
				 _In_ PNDIS_RECEIVE_QUEUE_PARAMETERS Parameters)
{
	PVMQ_QUEUE Queue;
	ULONG i;

	PAGED_CODE();

	for (i = 0; i < VMQ_QUEUES && Adapter->Queues[i]; i++)
		;
	if (i == VMQ_QUEUES)
		return NDIS_STATUS_FAILURE;
	Queue = NdisAllocateMemoryWithTagPriority(Adapter->MiniportAdapterHandle, sizeof(*Queue),
						  VMQ_TAG, NormalPoolPriority);
	if (!Queue)
		return NDIS_STATUS_FAILURE;
	NdisZeroMemory(Queue, sizeof(*Queue));
	Queue->Adapter = Adapter;
	NdisAllocateSpinLock(&Queue->Lock);
	InitializeListHead(&Queue->FreeRcbs);
	InitializeListHead(&Queue->BusyRcbs);
	InitializeListHead(&Queue->Blocks);
	Queue->Info.QueueId = Parameters->QueueId;
	Queue->Info.QueueState = NdisReceiveQueueOperationalStatePaused;
	Queue->Info.NumSuggestedReceiveBuffers = Parameters->NumSuggestedReceiveBuffers;
	if (Parameters->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED)
		Queue->Info.LookaheadSize = Parameters->LookaheadSize;
	if (Queue->Info.LookaheadSize > VMQ_LOOKAHEAD_BYTES) {
		NdisFreeMemory(Queue, sizeof(*Queue), 0);
		return NDIS_STATUS_INVALID_PARAMETER;
	}
	Adapter->Queues[i] = Queue;
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS SetFilter(_In_ PVMQ_ADAPTER Adapter,
			     _In_ PNDIS_RECEIVE_FILTER_PARAMETERS Parameters)
{
	PVMQ_QUEUE Queue = FindQueue(Adapter, Parameters->QueueId);

	if (!Queue || Parameters->FilterType != NdisReceiveFilterTypeVMQueue)
		return NDIS_STATUS_INVALID_PARAMETER;
	Queue->Info.NumFilters++;
	Queue->FilterId = Parameters->FilterId;
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS ClearFilter(_In_ PVMQ_ADAPTER Adapter,
			       _In_ PNDIS_RECEIVE_FILTER_CLEAR_PARAMETERS Parameters)
{
	PVMQ_QUEUE Queue = FindQueue(Adapter, Parameters->QueueId);

	if (!Queue || !Queue->Info.NumFilters)
		return NDIS_STATUS_NOT_ACCEPTED;
	if (!--Queue->Info.NumFilters)
		Queue->Info.QueueState = NdisReceiveQueueOperationalStatePaused;
	return NDIS_STATUS_SUCCESS;
}

/* The time at which a queue gets its memory. */
static NDIS_STATUS CompleteAllocation(_In_ PVMQ_ADAPTER Adapter,
				      _Inout_ PNDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY Array)
{
	ULONG i;

	for (i = 0; i < Array->NumElements; i++) {
		PNDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS Element =
			(PVOID)((PUCHAR)Array + Array->FirstElementOffset +
				i * Array->ElementSize);
		PVMQ_QUEUE Queue = FindQueue(Adapter, Element->QueueId);

		Element->CompletionStatus = Queue ? AllocateQueueMemory(Queue) :
						    NDIS_STATUS_INVALID_PARAMETER;
		if (Element->CompletionStatus == NDIS_STATUS_SUCCESS)
			Queue->Info.QueueState = NdisReceiveQueueOperationalStateRunning;
	}
	return NDIS_STATUS_SUCCESS;
}

static VOID IndicateDmaStopped(_In_ PVMQ_QUEUE Queue)
{
	NDIS_STATUS_INDICATION Indication;
	NDIS_RECEIVE_QUEUE_STATE State;

	NdisZeroMemory(&State, sizeof(State));
	State.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	State.Header.Revision = NDIS_RECEIVE_QUEUE_STATE_REVISION_1;
	State.Header.Size = NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1;
	State.QueueId = Queue->Info.QueueId;
	State.QueueState = NdisReceiveQueueOperationalStateDmaStopped;

	NdisZeroMemory(&Indication, sizeof(Indication));
	Indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
	Indication.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
	Indication.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
	Indication.SourceHandle = Queue->Adapter->MiniportAdapterHandle;
	Indication.StatusCode = NDIS_STATUS_RECEIVE_QUEUE_STATE;
	Indication.StatusBuffer = &State;
	Indication.StatusBufferSize = sizeof(State);
	NdisMIndicateStatusEx(Queue->Adapter->MiniportAdapterHandle, &Indication);
}

static VOID DeleteQueue(_In_ __drv_freesMem(Mem) PVMQ_QUEUE Queue)
{
	PVMQ_ADAPTER Adapter = Queue->Adapter;
	ULONG i;

	FreeQueueMemory(Queue);
	for (i = 0; i < VMQ_QUEUES; i++)
		if (Adapter->Queues[i] == Queue)
			Adapter->Queues[i] = NULL;
	NdisFreeSpinLock(&Queue->Lock);
	NdisFreeMemory(Queue, sizeof(*Queue), 0);
}

static NDIS_STATUS FreeQueue(_In_ PVMQ_ADAPTER Adapter,
			     _In_ PNDIS_RECEIVE_QUEUE_FREE_PARAMETERS Parameters,
			     _In_ PNDIS_OID_REQUEST OidRequest)
{
	PVMQ_QUEUE Queue = FindQueue(Adapter, Parameters->QueueId);
	BOOLEAN Busy;

	if (!Queue)
		return NDIS_STATUS_REQUEST_ABORTED;
	NdisAcquireSpinLock(&Queue->Lock);
	Queue->Info.QueueState = NdisReceiveQueueOperationalStateDmaStopped;
	Busy = !IsListEmpty(&Queue->BusyRcbs);
	if (Busy)
		Queue->FreeRequest = OidRequest;
	NdisReleaseSpinLock(&Queue->Lock);
	IndicateDmaStopped(Queue);
	if (Busy)
		return NDIS_STATUS_PENDING;
	DeleteQueue(Queue);
	return NDIS_STATUS_SUCCESS;
}

_Use_decl_annotations_
NDIS_STATUS VmqOidRequest(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest)
{
	PVMQ_ADAPTER Adapter = MiniportAdapterContext;

	switch (OidRequest->DATA.SET_INFORMATION.Oid) {
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
		return AllocateQueue(Adapter,
				     OidRequest->DATA.METHOD_INFORMATION.InformationBuffer);
	case OID_RECEIVE_FILTER_SET_FILTER:
		return SetFilter(Adapter, OidRequest->DATA.METHOD_INFORMATION.InformationBuffer);
	case OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE:
		return CompleteAllocation(Adapter,
					  OidRequest->DATA.METHOD_INFORMATION.InformationBuffer);
	case OID_RECEIVE_FILTER_CLEAR_FILTER:
		return ClearFilter(Adapter, OidRequest->DATA.SET_INFORMATION.InformationBuffer);
	case OID_RECEIVE_FILTER_FREE_QUEUE:
		return FreeQueue(Adapter, OidRequest->DATA.SET_INFORMATION.InformationBuffer,
				 OidRequest);
	default:
		return NDIS_STATUS_NOT_SUPPORTED;
	}
}

/*
 * Packets
 */

_Use_decl_annotations_
NDIS_STATUS VmqReceive(PVMQ_ADAPTER Adapter, NDIS_RECEIVE_QUEUE_ID QueueId, const UCHAR *Data,
		       ULONG Length)
{
	PVMQ_QUEUE Queue = FindQueue(Adapter, QueueId);
	ULONG Head = 0;
	PVMQ_RCB Rcb = NULL;

	if (!Queue || Length > VMQ_BUFFER_BYTES)
		return NDIS_STATUS_INVALID_PARAMETER;
	NdisAcquireSpinLock(&Queue->Lock);
	if (Queue->Info.QueueState == NdisReceiveQueueOperationalStateRunning &&
	    !IsListEmpty(&Queue->FreeRcbs)) {
		Rcb = CONTAINING_RECORD(RemoveHeadList(&Queue->FreeRcbs), VMQ_RCB, Link);
		InsertTailList(&Queue->BusyRcbs, &Rcb->Link);
	}
	NdisReleaseSpinLock(&Queue->Lock);
	if (!Rcb)
		return NDIS_STATUS_RESOURCES;
	if (Queue->Info.LookaheadSize) {
		Head = VMQ_MIN(Length, Queue->Info.LookaheadSize);
		Adapter->HardwareWrite(Adapter, &Rcb->Lookahead, Data, Head);
		NET_BUFFER_SHARED_MEM_LENGTH(&Rcb->Lookahead.Shared) = Head;
	}
	Adapter->HardwareWrite(Adapter, &Rcb->Data, Data + Head, Length - Head);
	NET_BUFFER_SHARED_MEM_LENGTH(&Rcb->Data.Shared) = Length - Head;
	Rcb->Packet.DataLength = Length;
	Adapter->Indicate(Adapter, &Rcb->Packet);
	return NDIS_STATUS_SUCCESS;
}

/* The last packet of a queue that is being freed completes the request. */
_Use_decl_annotations_
VOID VmqReturnPacket(PVMQ_ADAPTER Adapter, PMP_PACKET Packet)
{
	PVMQ_RCB Rcb = CONTAINING_RECORD(Packet, VMQ_RCB, Packet);
	PVMQ_QUEUE Queue = Rcb->Queue;
	PNDIS_OID_REQUEST Request = NULL;

	NdisAcquireSpinLock(&Queue->Lock);
	RemoveEntryList(&Rcb->Link);
	InsertTailList(&Queue->FreeRcbs, &Rcb->Link);
	if (IsListEmpty(&Queue->BusyRcbs)) {
		Request = Queue->FreeRequest;
		Queue->FreeRequest = NULL;
	}
	NdisReleaseSpinLock(&Queue->Lock);
	if (!Request)
		return;
	DeleteQueue(Queue);
	NdisMOidRequestComplete(Adapter->MiniportAdapterHandle, Request, NDIS_STATUS_SUCCESS);
}

/*
 * The adapter
 */

_Use_decl_annotations_
NDIS_STATUS VmqInitialize(PVMQ_ADAPTER Adapter)
{
	NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES Attributes;
	NDIS_SG_DMA_DESCRIPTION Description;
	NDIS_STATUS Status;

	NdisZeroMemory(&Attributes, sizeof(Attributes));
	Attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
	Attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
	Attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
	Attributes.MiniportAdapterContext = Adapter;
	Attributes.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE |
				    NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
	Attributes.InterfaceType = NdisInterfacePci;
	Status = NdisMSetMiniportAttributes(Adapter->MiniportAdapterHandle,
					    (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&Attributes);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;

	NdisZeroMemory(&Description, sizeof(Description));
	Description.Header.Type = NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION;
	Description.Header.Revision = NDIS_SG_DMA_DESCRIPTION_REVISION_1;
	Description.Header.Size = NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1;
	Description.Flags = NDIS_SG_DMA_64_BIT_ADDRESS;
	Description.MaximumPhysicalMapping = VMQ_BUFFER_BYTES;
	Description.SharedMemAllocateCompleteHandler = Adapter->SharedMemComplete;
	Status = NdisMRegisterScatterGatherDma(Adapter->MiniportAdapterHandle, &Description,
					       &Adapter->DmaHandle);
	if (Status != NDIS_STATUS_SUCCESS)
		return Status;
	Adapter->Alignment = NdisMGetDmaAlignment(Adapter->MiniportAdapterHandle);
	NdisInitializeNPagedLookasideList(&Adapter->RcbList, NULL, NULL, 0, sizeof(VMQ_RCB),
					  VMQ_TAG, 0);
	return NDIS_STATUS_SUCCESS;
}

/* All queues are free. */
_Use_decl_annotations_
VOID VmqHalt(PVMQ_ADAPTER Adapter)
{
	ULONG i;

	for (i = 0; i < VMQ_QUEUES; i++)
		NT_ASSERT(!Adapter->Queues[i]);
	NdisMDeregisterScatterGatherDma(Adapter->DmaHandle);
	NdisDeleteNPagedLookasideList(&Adapter->RcbList);
}
