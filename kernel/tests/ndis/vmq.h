/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual machine queues of a test driver, as for Windows: no name of Linux or of ndshm.
 */
#ifndef _VMQ_H
#define _VMQ_H

#include <ndshm/ndis_port.h>

#define VMQ_TAG			0x716d5674
#define VMQ_QUEUES		8
#define VMQ_BUFFER_BYTES	2048
#define VMQ_LOOKAHEAD_BYTES	256
/* Buffers of a queue without a suggestion, and the fewest with which it works. */
#define VMQ_DEFAULT_BUFFERS	256
#define VMQ_FEWEST_BUFFERS	64
/* Buffers of a block. */
#define VMQ_BLOCK_BUFFERS	1024

typedef struct _VMQ_ADAPTER VMQ_ADAPTER, *PVMQ_ADAPTER;
typedef struct _VMQ_QUEUE VMQ_QUEUE, *PVMQ_QUEUE;

/* A packet; MP_PACKET takes the place of NET_BUFFER_LIST and NET_BUFFER. */
typedef struct _MP_PACKET {
	PVOID NetBufferListInfo[MaxNetBufferListInfo];
	PNET_BUFFER_SHARED_MEMORY SharedMemoryInfo;
	LIST_ENTRY Link;		/* for the receiver */
	ULONG DataLength;
} MP_PACKET, *PMP_PACKET;

/* A part of a packet: memory of one buffer. */
typedef struct _VMQ_BUFFER {
	NET_BUFFER_SHARED_MEMORY Shared;
	PUCHAR Address;
	PHYSICAL_ADDRESS DeviceAddress;
} VMQ_BUFFER, *PVMQ_BUFFER;

/* Receive control block: the buffers of one packet. */
typedef struct _VMQ_RCB {
	LIST_ENTRY Link;
	PVMQ_QUEUE Queue;
	MP_PACKET Packet;
	VMQ_BUFFER Lookahead;		/* only with a lookahead size */
	VMQ_BUFFER Data;
} VMQ_RCB, *PVMQ_RCB;

/* Shared memory of several buffers. */
typedef struct _VMQ_BLOCK {
	LIST_ENTRY Link;
	NDIS_HANDLE AllocationHandle;
	NDIS_HANDLE SharedMemoryHandle;
	PUCHAR Address;
	ULONG Length;
	PSCATTER_GATHER_LIST List;
	ULONG ListLength;
} VMQ_BLOCK, *PVMQ_BLOCK;

struct _VMQ_QUEUE {
	PVMQ_ADAPTER Adapter;
	NDIS_RECEIVE_QUEUE_INFO Info;
	NDIS_SPIN_LOCK Lock;		/* the members up to FreeRequest */
	_Guarded_by_(Lock) LIST_ENTRY FreeRcbs;
	LIST_ENTRY BusyRcbs;		/* with the receiver */
	ULONG Buffers;
	PNDIS_OID_REQUEST FreeRequest;	/* waits until BusyRcbs is empty */
	NDIS_RECEIVE_FILTER_ID FilterId; /* of the last filter */
	LIST_ENTRY Blocks;
};

/* Writes what the card has received to a buffer. */
typedef VOID VMQ_HARDWARE_WRITE(PVMQ_ADAPTER Adapter, PVMQ_BUFFER Buffer,
				const UCHAR *Data, ULONG Length);
/* Gets a received packet, and must return it with VmqReturnPacket(). */
typedef VOID VMQ_INDICATE(PVMQ_ADAPTER Adapter, PMP_PACKET Packet);

struct _VMQ_ADAPTER {
	NDIS_HANDLE MiniportAdapterHandle;
	NDIS_HANDLE DmaHandle;
	ULONG Alignment;
	NPAGED_LOOKASIDE_LIST RcbList;
	PVMQ_QUEUE Queues[VMQ_QUEUES];
	VMQ_HARDWARE_WRITE *HardwareWrite;
	VMQ_INDICATE *Indicate;
	/* Gets memory that the other part requests with DmaHandle. */
	MINIPORT_ALLOCATE_SHARED_MEM_COMPLETE_HANDLER SharedMemComplete;
};

NDIS_STATUS VmqInitialize(_Inout_ PVMQ_ADAPTER Adapter);
VOID VmqHalt(_Inout_ PVMQ_ADAPTER Adapter);
MINIPORT_OID_REQUEST VmqOidRequest;
NDIS_STATUS VmqReceive(_Inout_ PVMQ_ADAPTER Adapter, _In_ NDIS_RECEIVE_QUEUE_ID QueueId,
		       _In_reads_bytes_(Length) const UCHAR *Data, _In_ ULONG Length);
VOID VmqReturnPacket(_Inout_ PVMQ_ADAPTER Adapter, _Inout_ PMP_PACKET Packet);

#endif /* _VMQ_H */
