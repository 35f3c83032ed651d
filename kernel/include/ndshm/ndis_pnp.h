/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NDIS source compatibility: the notification of a surprise removal. Included by ndis.h.
 */
#ifndef _NDSHM_NDIS_PNP_H
#define _NDSHM_NDIS_PNP_H

#include <ndshm/ndis_types.h>

typedef ULONG NDIS_PORT_NUMBER, *PNDIS_PORT_NUMBER;

/* Only NdisDevicePnPEventSurpriseRemoved is sent. */
typedef enum _NDIS_DEVICE_PNP_EVENT {
	NdisDevicePnPEventQueryRemoved,
	NdisDevicePnPEventRemoved,
	NdisDevicePnPEventSurpriseRemoved,
	NdisDevicePnPEventQueryStopped,
	NdisDevicePnPEventStopped,
	NdisDevicePnPEventPowerProfileChanged,
} NDIS_DEVICE_PNP_EVENT, *PNDIS_DEVICE_PNP_EVENT;

/* The other members are 0, as NDIS documents for a surprise removal. */
typedef struct _NET_DEVICE_PNP_EVENT {
	NDIS_OBJECT_HEADER Header;
	NDIS_PORT_NUMBER PortNumber;
	NDIS_DEVICE_PNP_EVENT DevicePnPEvent;
	PVOID InformationBuffer;
	ULONG InformationBufferLength;
	UCHAR NdisReserved[2 * sizeof(PVOID)];
} NET_DEVICE_PNP_EVENT, *PNET_DEVICE_PNP_EVENT;

#define NET_DEVICE_PNP_EVENT_REVISION_1	1
#define NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1 \
	NDIS_SIZEOF_THROUGH_FIELD(NET_DEVICE_PNP_EVENT, NdisReserved)

typedef VOID
MINIPORT_DEVICE_PNP_EVENT_NOTIFY(NDIS_HANDLE MiniportAdapterContext,
				 PNET_DEVICE_PNP_EVENT NetDevicePnPEvent);
typedef MINIPORT_DEVICE_PNP_EVENT_NOTIFY *MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER;

/**
 * ndshm_ndis_notify() - Set the handler of a surprise removal
 * @handle: from ndshm_ndis_open()
 * @notify: called with NdisDevicePnPEventSurpriseRemoved, or NULL
 * @context: first argument of @notify
 *
 * The event means that a device which supplies memory to the handle is being removed. (The
 * removal of the handle's own device reaches the driver by its remove function.) The handler, or
 * another thread of the driver, must stop all access to the blocks of NdisAllocateSharedMemory()
 * and free them. The removal waits NDSHM_KEEP_SECONDS at most, see ndshm_block_keep(); a line in
 * the log names the handle that it waits for. Blocks allocated later are another provider's.
 *
 * The handler can run before NdisAllocateSharedMemory() has returned, so it must take a lock that
 * is held until the allocation handle is stored. It can run several times, never twice at once.
 * It runs in process context and may sleep. ndshm_ndis_close() waits for it, and must not be called
 * by it, or under a lock that it takes.
 *
 * Context: Process context; before the first allocation.
 * Return: 0; -EINVAL if @handle is invalid.
 */
int ndshm_ndis_notify(NDIS_HANDLE handle, MINIPORT_DEVICE_PNP_EVENT_NOTIFY_HANDLER notify,
		      NDIS_HANDLE context);

#endif /* _NDSHM_NDIS_PNP_H */
