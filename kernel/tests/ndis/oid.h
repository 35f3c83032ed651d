/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What test drivers share that take the place of an overlying driver: OID requests for receive
 * queues.
 */
#ifndef _NDSHM_TESTS_NDIS_OID_H
#define _NDSHM_TESTS_NDIS_OID_H

#include <linux/stddef.h>

#include <ndshm/ndis_oid.h>

#include "device.h"

/* Most elements of an array, and the distance between them, which is not their size. */
#define OID_ELEMENTS		3
#define OID_ELEMENT_BYTES	32

/* The miniport that gets the requests. */
static struct overlying {
	NDIS_HANDLE adapter;
	MINIPORT_OID_REQUEST_HANDLER miniport;
} overlying;

struct oid_array {
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY head;
	ULONG unused;
	u8 elements[OID_ELEMENTS][OID_ELEMENT_BYTES] __aligned(8);
};

/* A set request has the buffer and its length where a method request has buffer and input. */
static inline NDIS_OID_REQUEST oid_request(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer,
					   ULONG length)
{
	NDIS_OID_REQUEST request = {
		.Header = HEADER(OID_REQUEST, OID_REQUEST, 1),
		.RequestType = type,
	};

	request.DATA.METHOD_INFORMATION.Oid = oid;
	request.DATA.METHOD_INFORMATION.InformationBuffer = buffer;
	request.DATA.METHOD_INFORMATION.InputBufferLength = length;
	if (type == NdisRequestMethod)
		request.DATA.METHOD_INFORMATION.OutputBufferLength = length;
	return request;
}

static inline NDIS_STATUS oid_send(PNDIS_OID_REQUEST request)
{
	return ndshm_ndis_oid(overlying.adapter, overlying.miniport, request);
}

static inline NDIS_STATUS oid_method(NDIS_OID oid, void *buffer, ULONG length)
{
	NDIS_OID_REQUEST request = oid_request(NdisRequestMethod, oid, buffer, length);

	return oid_send(&request);
}

static inline NDIS_STATUS oid_set(NDIS_OID oid, void *buffer, ULONG length)
{
	NDIS_OID_REQUEST request = oid_request(NdisRequestSetInformation, oid, buffer, length);

	return oid_send(&request);
}

static inline void oid_set_name(IF_COUNTED_STRING *name, const char *text)
{
	for (name->Length = 0; *text; text++, name->Length += sizeof(WCHAR))
		name->String[name->Length / sizeof(WCHAR)] = (u8)*text;
}

static inline NDIS_RECEIVE_FILTER_PARAMETERS oid_filter_of(u32 queue)
{
	return (NDIS_RECEIVE_FILTER_PARAMETERS){
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_PARAMETERS, 1),
		.FilterType = NdisReceiveFilterTypeVMQueue,
		.QueueId = queue,
	};
}

static inline NDIS_STATUS oid_set_filter(u32 queue, u32 *filter)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = oid_filter_of(queue);
	NDIS_STATUS status;

	status = oid_method(OID_RECEIVE_FILTER_SET_FILTER, &p,
			    NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1);
	*filter = p.FilterId;
	return status;
}

static inline NDIS_STATUS oid_clear_filter(u32 queue, u32 filter)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_CLEAR_PARAMETERS, 1),
		.QueueId = queue,
		.FilterId = filter,
	};

	return oid_set(OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof(p));
}

static inline NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *
oid_element(struct oid_array *array, u32 i)
{
	return (void *)array->elements[i];
}

static inline struct oid_array oid_array_of(u32 count, const u32 *queues)
{
	struct oid_array array = {
		.head = {
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 1),
			.FirstElementOffset = offsetof(struct oid_array, elements),
			.NumElements = count,
			.ElementSize = OID_ELEMENT_BYTES,
		},
	};
	u32 i;

	for (i = 0; i < count; i++)
		*oid_element(&array, i) = (NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS){
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 1),
			.QueueId = queues[i],
			.CompletionStatus = NDIS_STATUS_FAILURE,
		};
	return array;
}

static inline NDIS_STATUS oid_finish_array(struct oid_array *array)
{
	return oid_method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, array, sizeof(*array));
}

/* Return: the status of the request, or of its only element. */
static inline NDIS_STATUS oid_finish(u32 queue)
{
	struct oid_array array = oid_array_of(1, &queue);
	NDIS_STATUS status = oid_finish_array(&array);

	return status == NDIS_STATUS_SUCCESS ? oid_element(&array, 0)->CompletionStatus : status;
}

static inline NDIS_STATUS oid_free_queue(u32 queue)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_QUEUE_FREE_PARAMETERS, 1),
		.QueueId = queue,
	};

	return oid_set(OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof(p));
}

#endif /* _NDSHM_TESTS_NDIS_OID_H */
