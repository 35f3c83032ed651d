/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS names for receive queues and virtual ports, and for the location of received
 * packets in shared memory.
 */
#ifndef _NDSHM_NDIS_QUEUE_H
#define _NDSHM_NDIS_QUEUE_H

#include <ndshm/ndis_types.h>

typedef ULONG NDIS_RECEIVE_QUEUE_ID, *PNDIS_RECEIVE_QUEUE_ID;
typedef ULONG NDIS_NIC_SWITCH_VPORT_ID, *PNDIS_NIC_SWITCH_VPORT_ID;

#define NDIS_DEFAULT_RECEIVE_QUEUE_ID	0
#define NDIS_DEFAULT_VPORT_ID		0

/* OID requests to a driver with queues. */
#define OID_RECEIVE_FILTER_ALLOCATE_QUEUE		0x00010223
#define OID_RECEIVE_FILTER_FREE_QUEUE			0x00010224
#define OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE	0x0001022B

/* Flags of a queue's parameters, and flags for those that have changed. */
#define NDIS_RECEIVE_QUEUE_PARAMETERS_PER_QUEUE_RECEIVE_INDICATION 0x00000001
#define NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED	0x00000002
#define NDIS_RECEIVE_QUEUE_PARAMETERS_FLAGS_CHANGED		0x00010000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED 0x00020000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED \
	0x00040000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED		0x00080000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_INTERRUPT_COALESCING_DOMAIN_ID_CHANGED \
	0x00100000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_QOS_SQ_ID_CHANGED		0x00200000
#define NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK		0xFFFF0000

/* State in an NDIS_STATUS_RECEIVE_QUEUE_STATE indication. */
typedef enum _NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE {
	NdisReceiveQueueOperationalStateUndefined,
	NdisReceiveQueueOperationalStateRunning,
	NdisReceiveQueueOperationalStatePaused,
	NdisReceiveQueueOperationalStateDmaStopped,
	NdisReceiveQueueOperationalStateMaximum,
} NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE, *PNDIS_RECEIVE_QUEUE_OPERATIONAL_STATE;

/* Flag of an indication of net buffers with shared memory information. */
#define NDIS_RECEIVE_FLAGS_SHARED_MEMORY_INFO_VALID	0x00001000

/* Location of a part of a packet; a list that ends with NULL. */
typedef struct _NET_BUFFER_SHARED_MEMORY NET_BUFFER_SHARED_MEMORY;
typedef NET_BUFFER_SHARED_MEMORY *PNET_BUFFER_SHARED_MEMORY;

struct _NET_BUFFER_SHARED_MEMORY {
	PNET_BUFFER_SHARED_MEMORY NextSharedMemorySegment;
	ULONG SharedMemoryFlags;
	NDIS_HANDLE SharedMemoryHandle;
	ULONG SharedMemoryOffset;
	ULONG SharedMemoryLength;
};

/* First element of the list of a driver's packet. */
#define NET_BUFFER_FIRST_SHARED_MEM_INFO(buffer) ((buffer)->SharedMemoryInfo)

#define NET_BUFFER_SHARED_MEM_NEXT_SEGMENT(chunk) \
	((chunk)->NextSharedMemorySegment)
#define NET_BUFFER_SHARED_MEM_FLAGS(chunk)	((chunk)->SharedMemoryFlags)
#define NET_BUFFER_SHARED_MEM_HANDLE(chunk)	((chunk)->SharedMemoryHandle)
#define NET_BUFFER_SHARED_MEM_OFFSET(chunk)	((chunk)->SharedMemoryOffset)
#define NET_BUFFER_SHARED_MEM_LENGTH(chunk)	((chunk)->SharedMemoryLength)

#endif /* _NDSHM_NDIS_QUEUE_H */
