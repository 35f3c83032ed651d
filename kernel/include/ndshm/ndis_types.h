/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Basic types of NDIS code. Integers have the same width on all machines: ULONG has 32
 * bits even where long has 64.
 */
#ifndef _NDSHM_NDIS_TYPES_H
#define _NDSHM_NDIS_TYPES_H

#include <linux/mm.h>
#include <linux/string.h>
#include <linux/types.h>

/* Annotations and calling conventions; empty on Linux. */
#define _In_
#define _In_opt_
#define _Inout_
#define _Inout_opt_
#define _Out_
#define _Out_opt_
#define _Use_decl_annotations_
#define NTAPI

typedef void VOID, *PVOID;
typedef char CHAR, *PCHAR;
typedef unsigned char UCHAR, *PUCHAR;
typedef unsigned char BOOLEAN, *PBOOLEAN;
typedef short SHORT, *PSHORT;
typedef unsigned short USHORT, *PUSHORT;
typedef int INT, *PINT;
typedef unsigned int UINT, *PUINT;
typedef int LONG, *PLONG;
typedef unsigned int ULONG, *PULONG;
typedef long long LONGLONG, LONG64, *PLONGLONG;
typedef unsigned long long ULONGLONG, ULONG64, *PULONGLONG;
typedef unsigned long ULONG_PTR, *PULONG_PTR;
typedef unsigned long SIZE_T, *PSIZE_T;

#ifndef TRUE
#define TRUE	1
#endif
#ifndef FALSE
#define FALSE	0
#endif

typedef union _LARGE_INTEGER {
	struct {
		ULONG LowPart;
		LONG HighPart;
	};
	struct {
		ULONG LowPart;
		LONG HighPart;
	} u;
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

/* DMA addresses. */
typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;
typedef PHYSICAL_ADDRESS NDIS_PHYSICAL_ADDRESS, *PNDIS_PHYSICAL_ADDRESS;

#define NdisGetPhysicalAddressHigh(address)	((address).HighPart)
#define NdisSetPhysicalAddressHigh(address, value) \
	((address).HighPart = (value))
#define NdisGetPhysicalAddressLow(address)	((address).LowPart)
#define NdisSetPhysicalAddressLow(address, value) \
	((address).LowPart = (value))

typedef PVOID NDIS_HANDLE, *PNDIS_HANDLE;
typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;

/* A NUMA node, or MM_ANY_NODE_OK. */
typedef ULONG NODE_REQUIREMENT;

#define MM_ANY_NODE_OK	0x80000000U

/* Header of every NDIS structure. Size includes the header. */
typedef struct _NDIS_OBJECT_HEADER {
	UCHAR Type;
	UCHAR Revision;
	USHORT Size;
} NDIS_OBJECT_HEADER, *PNDIS_OBJECT_HEADER;

#define NDIS_OBJECT_TYPE_DEFAULT				0x80
#define NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION			0x83
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES 0x9E
#define NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS	0xB0

/* Size of a structure up to and including a member. */
#define NDIS_SIZEOF_THROUGH_FIELD(type, field)	offsetofend(type, field)
#define RTL_SIZEOF_THROUGH_FIELD(type, field)	offsetofend(type, field)

/* Scatter-gather list of a device. */
typedef struct _SCATTER_GATHER_ELEMENT {
	PHYSICAL_ADDRESS Address;
	ULONG Length;
	ULONG_PTR Reserved;
} SCATTER_GATHER_ELEMENT, *PSCATTER_GATHER_ELEMENT;

typedef struct _SCATTER_GATHER_LIST {
	ULONG NumberOfElements;
	ULONG_PTR Reserved;
	SCATTER_GATHER_ELEMENT Elements[];
} SCATTER_GATHER_LIST, *PSCATTER_GATHER_LIST;

/* Helper macros of NDIS code. */
#define RtlZeroMemory(to, length)	memset(to, 0, length)
#define RtlFillMemory(to, length, byte)	memset(to, byte, length)
#define RtlCopyMemory(to, from, length)	memcpy(to, from, length)
#define RtlMoveMemory(to, from, length)	memmove(to, from, length)
#define RtlEqualMemory(one, other, length) \
	(!memcmp(one, other, length))
#define NdisZeroMemory(to, length)	RtlZeroMemory(to, length)
#define NdisFillMemory(to, length, byte) RtlFillMemory(to, length, byte)
#define NdisMoveMemory(to, from, length) RtlCopyMemory(to, from, length)
#define NdisEqualMemory(one, other, length) \
	RtlEqualMemory(one, other, length)

#define UNREFERENCED_PARAMETER(parameter)	((void)(parameter))

#define BYTE_OFFSET(address) \
	((ULONG)((ULONG_PTR)(address) & (PAGE_SIZE - 1)))

/* Number of pages for a length; does not overflow for lengths close to 4 GiB. */
#define BYTES_TO_PAGES(length) \
	((ULONG)(((ULONGLONG)(ULONG)(length) + PAGE_SIZE - 1) >> PAGE_SHIFT))
#define ROUND_TO_PAGES(length) \
	(((ULONG_PTR)(length) + PAGE_SIZE - 1) & ~((ULONG_PTR)PAGE_SIZE - 1))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, length) \
	((ULONG)((BYTE_OFFSET(address) + (SIZE_T)(length) + \
		  (PAGE_SIZE - 1)) >> PAGE_SHIFT))

#endif /* _NDSHM_NDIS_TYPES_H */
