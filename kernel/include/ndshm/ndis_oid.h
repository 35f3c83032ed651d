/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS source compatibility: OID requests that create, complete and free receive queues, and the
 * status indication with which a driver answers. ndis_port.h includes this file.
 *
 * Names, values and layouts are those of NDIS 6.20 to 6.50. Left out, since its documentation is
 * silent or contradicts itself: the value of NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_1 (it does
 * not say which revision NumFilters belongs to), revision 2 of NDIS_OID_REQUEST, and the array of
 * NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, which ndshm passes on unread.
 */
#ifndef _NDSHM_NDIS_OID_H
#define _NDSHM_NDIS_OID_H

#include <ndshm/ndis_pnp.h>
#include <ndshm/ndis_queue.h>
#include <ndshm/ndis_status.h>
#include <ndshm/ndis_types.h>

typedef USHORT WCHAR, *PWCHAR;
typedef ULONG NDIS_OID, *PNDIS_OID;
typedef ULONG NDIS_RECEIVE_QUEUE_GROUP_ID, *PNDIS_RECEIVE_QUEUE_GROUP_ID;
typedef ULONG NDIS_RECEIVE_FILTER_ID, *PNDIS_RECEIVE_FILTER_ID;
typedef ULONG NDIS_QOS_SQ_ID, *PNDIS_QOS_SQ_ID;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;

/* Processors 64 * Group to 64 * Group + 63, one bit each. */
typedef struct _GROUP_AFFINITY {
	KAFFINITY Mask;
	USHORT Group;
	USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

/* Length is in bytes, without a terminating NUL. */
#define IF_MAX_STRING_SIZE	256

typedef struct _IF_COUNTED_STRING_LH {
	USHORT Length;
	WCHAR String[IF_MAX_STRING_SIZE + 1];
} IF_COUNTED_STRING_LH, *PIF_COUNTED_STRING_LH;

typedef IF_COUNTED_STRING_LH IF_COUNTED_STRING, *PIF_COUNTED_STRING;
typedef IF_COUNTED_STRING NDIS_IF_COUNTED_STRING, *PNDIS_IF_COUNTED_STRING;
typedef NDIS_IF_COUNTED_STRING NDIS_VM_NAME, *PNDIS_VM_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_QUEUE_NAME, *PNDIS_QUEUE_NAME;

typedef enum _NDIS_RECEIVE_QUEUE_TYPE {
	NdisReceiveQueueTypeUnspecified,
	NdisReceiveQueueTypeVMQueue,
	NdisReceiveQueueTypeMaximum,
} NDIS_RECEIVE_QUEUE_TYPE, *PNDIS_RECEIVE_QUEUE_TYPE;

/* OID_RECEIVE_FILTER_ALLOCATE_QUEUE and OID_RECEIVE_FILTER_QUEUE_PARAMETERS */
typedef struct _NDIS_RECEIVE_QUEUE_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_TYPE QueueType;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_RECEIVE_QUEUE_GROUP_ID QueueGroupId;
	GROUP_AFFINITY ProcessorAffinity;
	ULONG NumSuggestedReceiveBuffers;
	ULONG MSIXTableEntry;
	ULONG LookaheadSize;
	NDIS_VM_NAME VmName;
	NDIS_QUEUE_NAME QueueName;
	/* revision 2 */
	ULONG PortId;
	ULONG InterruptCoalescingDomainId;
	/* revision 3 */
	NDIS_QOS_SQ_ID QosSqId;
} NDIS_RECEIVE_QUEUE_PARAMETERS, *PNDIS_RECEIVE_QUEUE_PARAMETERS;

#define NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1	1
#define NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2	2
#define NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3	3
#define NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_PARAMETERS, QueueName)
#define NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_PARAMETERS, \
				  InterruptCoalescingDomainId)
#define NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_PARAMETERS, QosSqId)

/* OID_RECEIVE_FILTER_FREE_QUEUE */
typedef struct _NDIS_RECEIVE_QUEUE_FREE_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId;
} NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, *PNDIS_RECEIVE_QUEUE_FREE_PARAMETERS;

#define NDIS_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1	1
#define NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_FREE_PARAMETERS, QueueId)

/* OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE: the array, and each of its elements */
typedef struct _NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	ULONG FirstElementOffset;
	ULONG NumElements;
	ULONG ElementSize;
} NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY,
	*PNDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY;

#define NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1	1
#define NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, \
				  ElementSize)

typedef struct _NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_STATUS CompletionStatus;
} NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS,
	*PNDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS;

#define NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1	1
#define NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, \
				  CompletionStatus)

/* A driver's own record of a queue. */
typedef struct _NDIS_RECEIVE_QUEUE_INFO {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_TYPE QueueType;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_RECEIVE_QUEUE_GROUP_ID QueueGroupId;
	NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE QueueState;
	GROUP_AFFINITY ProcessorAffinity;
	ULONG NumSuggestedReceiveBuffers;
	ULONG MSIXTableEntry;
	ULONG LookaheadSize;
	NDIS_VM_NAME VmName;
	NDIS_QUEUE_NAME QueueName;
	ULONG NumFilters;
	ULONG InterruptCoalescingDomainId;
} NDIS_RECEIVE_QUEUE_INFO, *PNDIS_RECEIVE_QUEUE_INFO;

#define NDIS_RECEIVE_QUEUE_INFO_REVISION_1	1
#define NDIS_RECEIVE_QUEUE_INFO_REVISION_2	2
#define NDIS_SIZEOF_RECEIVE_QUEUE_INFO_REVISION_2 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_INFO, InterruptCoalescingDomainId)

/* The buffer of an NDIS_STATUS_RECEIVE_QUEUE_STATE indication. */
typedef struct _NDIS_RECEIVE_QUEUE_STATE {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE QueueState;
} NDIS_RECEIVE_QUEUE_STATE, *PNDIS_RECEIVE_QUEUE_STATE;

#define NDIS_RECEIVE_QUEUE_STATE_REVISION_1	1
#define NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_QUEUE_STATE, QueueState)

/* OID_RECEIVE_FILTER_SET_FILTER; an array of field parameters follows */
typedef enum _NDIS_RECEIVE_FILTER_TYPE {
	NdisReceiveFilterTypeUndefined,
	NdisReceiveFilterTypeVMQueue,
	NdisReceiveFilterTypePacketCoalescing,
	NdisReceiveFilterTypeMaximum,
} NDIS_RECEIVE_FILTER_TYPE, *PNDIS_RECEIVE_FILTER_TYPE;

typedef struct _NDIS_RECEIVE_FILTER_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_FILTER_TYPE FilterType;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_RECEIVE_FILTER_ID FilterId;
	ULONG FieldParametersArrayOffset;
	ULONG FieldParametersArrayNumElements;
	ULONG FieldParametersArrayElementSize;
	ULONG RequestedFilterIdBitCount;
	/* revision 2 */
	ULONG MaxCoalescingDelay;
	NDIS_NIC_SWITCH_VPORT_ID VPortId;
} NDIS_RECEIVE_FILTER_PARAMETERS, *PNDIS_RECEIVE_FILTER_PARAMETERS;

#define NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_1	1
#define NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2	2
#define NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_FILTER_PARAMETERS, \
				  RequestedFilterIdBitCount)
#define NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_FILTER_PARAMETERS, VPortId)

/* OID_RECEIVE_FILTER_CLEAR_FILTER */
typedef struct _NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS {
	NDIS_OBJECT_HEADER Header;
	ULONG Flags;
	NDIS_RECEIVE_QUEUE_ID QueueId;
	NDIS_RECEIVE_FILTER_ID FilterId;
} NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, *PNDIS_RECEIVE_FILTER_CLEAR_PARAMETERS;

#define NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1	1
#define NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, FilterId)

/* Further OID requests to a driver with queues. */
#define OID_RECEIVE_FILTER_QUEUE_PARAMETERS	0x00010226
#define OID_RECEIVE_FILTER_SET_FILTER		0x00010227
#define OID_RECEIVE_FILTER_CLEAR_FILTER		0x00010228

#define NDIS_OBJECT_TYPE_OID_REQUEST		0x96
#define NDIS_OBJECT_TYPE_STATUS_INDICATION	0x98

/* Only set and method requests are sent. */
typedef enum _NDIS_REQUEST_TYPE {
	NdisRequestQueryInformation,
	NdisRequestSetInformation,
	NdisRequestQueryStatistics,
	NdisRequestMethod = 12,
} NDIS_REQUEST_TYPE, *PNDIS_REQUEST_TYPE;

#define NDIS_OID_REQUEST_NDIS_RESERVED_SIZE	16
#define NDIS_OID_REQUEST_MINIPORT_RESERVED_SIZE	2
#define NDIS_OID_REQUEST_SOURCE_RESERVED_SIZE	2

typedef struct _NDIS_OID_REQUEST {
	NDIS_OBJECT_HEADER Header;
	NDIS_REQUEST_TYPE RequestType;
	NDIS_PORT_NUMBER PortNumber;
	UINT Timeout;
	PVOID RequestId;
	NDIS_HANDLE RequestHandle;
	union {
		struct {
			NDIS_OID Oid;
			PVOID InformationBuffer;
			UINT InformationBufferLength;
			UINT BytesWritten;
			UINT BytesNeeded;
		} QUERY_INFORMATION;
		struct {
			NDIS_OID Oid;
			PVOID InformationBuffer;
			UINT InformationBufferLength;
			UINT BytesRead;
			UINT BytesNeeded;
		} SET_INFORMATION;
		struct {
			NDIS_OID Oid;
			PVOID InformationBuffer;
			ULONG InputBufferLength;
			ULONG OutputBufferLength;
			ULONG MethodId;
			UINT BytesWritten;
			UINT BytesRead;
			UINT BytesNeeded;
		} METHOD_INFORMATION;
	} DATA;
	UCHAR NdisReserved[NDIS_OID_REQUEST_NDIS_RESERVED_SIZE * sizeof(PVOID)];
	UCHAR MiniportReserved[NDIS_OID_REQUEST_MINIPORT_RESERVED_SIZE * sizeof(PVOID)];
	UCHAR SourceReserved[NDIS_OID_REQUEST_SOURCE_RESERVED_SIZE * sizeof(PVOID)];
	UCHAR SupportedRevision;
	UCHAR Reserved1;
	USHORT Reserved2;
} NDIS_OID_REQUEST, *PNDIS_OID_REQUEST;

#define NDIS_OID_REQUEST_REVISION_1	1
#define NDIS_SIZEOF_OID_REQUEST_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_OID_REQUEST, Reserved2)

typedef struct _GUID {
	ULONG Data1;
	USHORT Data2;
	USHORT Data3;
	UCHAR Data4[8];
} GUID, *PGUID;

typedef struct _NDIS_STATUS_INDICATION {
	NDIS_OBJECT_HEADER Header;
	NDIS_HANDLE SourceHandle;
	NDIS_PORT_NUMBER PortNumber;
	NDIS_STATUS StatusCode;
	ULONG Flags;
	NDIS_HANDLE DestinationHandle;
	PVOID RequestId;
	PVOID StatusBuffer;
	ULONG StatusBufferSize;
	GUID Guid;
	PVOID NdisReserved[4];
} NDIS_STATUS_INDICATION, *PNDIS_STATUS_INDICATION;

#define NDIS_STATUS_INDICATION_REVISION_1	1
#define NDIS_SIZEOF_STATUS_INDICATION_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NDIS_STATUS_INDICATION, NdisReserved)

/* The handler of OID requests; the context is that of NdisMSetMiniportAttributes(). */
typedef NDIS_STATUS
MINIPORT_OID_REQUEST(NDIS_HANDLE MiniportAdapterContext, PNDIS_OID_REQUEST OidRequest);
typedef MINIPORT_OID_REQUEST *MINIPORT_OID_REQUEST_HANDLER;

/**
 * NdisMIndicateStatusEx() - Indicate a change of a queue's state
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @StatusIndication: NDIS_STATUS_RECEIVE_QUEUE_STATE, with an NDIS_RECEIVE_QUEUE_STATE as
 *	buffer. Another status, and another state than
 *	NdisReceiveQueueOperationalStateDmaStopped, has no effect
 *
 * The miniport must indicate NdisReceiveQueueOperationalStateDmaStopped while it handles
 * OID_RECEIVE_FILTER_FREE_QUEUE, when DMA into the queue's memory has stopped. For a queue that is
 * not being freed, and for one of native calls, the indication has no effect. The netlink event
 * queue-stopped follows.
 *
 * Context: Any but hard interrupts and NMI, and without a raw spinlock held.
 * Return: nothing.
 */
VOID NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle,
			   PNDIS_STATUS_INDICATION StatusIndication);

/**
 * NdisMOidRequestComplete() - Complete a request for which the handler has returned PENDING
 * @MiniportAdapterHandle: from ndshm_ndis_open(), with a device
 * @OidRequest: the request; must not be accessed any more
 * @Status: result, as the handler would have returned it, except for PENDING
 *
 * May be called before the handler has returned. A request that is not in progress is ignored,
 * with one line in the log.
 *
 * Context: Any but hard interrupts and NMI, and without a raw spinlock held.
 * Return: nothing.
 */
VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
			     NDIS_STATUS Status);

/**
 * ndshm_ndis_oid() - Send an OID request for a receive queue to a miniport
 * @handle: from ndshm_ndis_open(), with a device
 * @miniport: MiniportOidRequest; NULL: every request succeeds
 * @request: the request, as an overlying driver would pass it to NdisOidRequest(). Must stay
 *	valid until the return
 *
 * Takes the part of NDIS between an overlying driver and the miniport: checks the request, assigns
 * ids, calls @miniport with the context of NdisMSetMiniportAttributes(), waits for its completion,
 * and reports the result to the calls of queue.h. Requests of a handle are processed one at a
 * time, in no defined order.
 *
 * OID_RECEIVE_FILTER_ALLOCATE_QUEUE (method)
 *	Creates a queue, with the names, processors, suggested number of buffers and lookahead
 *	size of the parameters, and writes its id to QueueId before @miniport sees it. If
 *	@miniport fails, the queue is freed, and QueueId is 0.
 * OID_RECEIVE_FILTER_SET_FILTER (method)
 *	Writes a new id to FilterId; after success the queue has one filter more. A filter of
 *	queue 0 only reaches @miniport. VPortId must be 0: ports of queue.h have no filters.
 * OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE (method)
 *	A queue is complete if @miniport returns SUCCESS and leaves a CompletionStatus of
 *	SUCCESS, which each element has when @miniport is called.
 * OID_RECEIVE_FILTER_CLEAR_FILTER (set)
 *	The queue has one filter less if @miniport succeeds.
 * OID_RECEIVE_FILTER_FREE_QUEUE (set)
 *	Memory cannot be allocated for the queue any more. @miniport stops DMA, calls
 *	NdisMIndicateStatusEx(), frees the queue's memory, and succeeds. Returns when the queue
 *	does not exist any more; this waits without limit for memory and packets of the queue.
 *	Success without an indication means that DMA has stopped, too. If @miniport fails, the
 *	queue stays as it is, and can be freed again.
 * OID_RECEIVE_FILTER_QUEUE_PARAMETERS (set)
 *	After success of @miniport, changes those names and values whose flags are set.
 *
 * Other requests, queries of the above among them, are NOT_SUPPORTED and do not reach @miniport.
 * Queues that were created by native calls do not exist for these requests.
 *
 * Header and lengths are checked as NDIS documents: a buffer that is too short is INVALID_LENGTH
 * and sets BytesNeeded. A queue that does not exist, or whose state does not permit the request, is
 * INVALID_PARAMETER, and so are a QueueType that is not VMQueue, no processor, a LookaheadSize
 * without its flag, and a name whose Length is odd or exceeds the string. A filter that does not
 * exist is FILE_NOT_FOUND. For CLEAR_FILTER, a bad header is NOT_ACCEPTED.
 *
 * The caller, which is the Linux part of the driver, must ensure that ndshm_ndis_close() is not
 * called before it has freed all queues and no request runs: the close fails with -EBUSY.
 *
 * Context: Process context; may sleep. Not from @miniport, nor from a callback of a queue.
 * Return: SUCCESS, or what the page of the OID documents. All: INVALID_LENGTH. All but
 * CLEAR_FILTER: INVALID_PARAMETER. A method: NOT_SUPPORTED, FAILURE. CLEAR_FILTER: FILE_NOT_FOUND,
 * NOT_ACCEPTED. FREE_QUEUE: NOT_ACCEPTED, REQUEST_ABORTED. QUEUE_PARAMETERS: FAILURE. Another
 * status of @miniport becomes FAILURE, for CLEAR_FILTER NOT_ACCEPTED, for FREE_QUEUE
 * REQUEST_ABORTED. PENDING is never returned. INVALID_PARAMETER for an invalid @handle or @request.
 */
NDIS_STATUS ndshm_ndis_oid(NDIS_HANDLE handle, MINIPORT_OID_REQUEST_HANDLER miniport,
			   PNDIS_OID_REQUEST request);

#endif /* _NDSHM_NDIS_OID_H */
