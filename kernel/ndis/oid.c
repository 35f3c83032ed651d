// SPDX-License-Identifier: GPL-2.0
/*
 * OID requests for receive queues: the part of NDIS between an overlying driver and a miniport.
 */
#include <linux/array_size.h>
#include <linux/export.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/printk.h>
#include <linux/string.h>

#include <ndshm/queue.h>

#include "handle.h"

/* An id of a filter is stored in 16 bits of a packet. */
#define OID_FILTERS	XA_LIMIT(1, U16_MAX)

/**
 * struct oid_call - a request in progress
 * @ndis: handle of the miniport's adapter
 * @miniport: handler of the miniport, or NULL
 * @request: the request
 * @buffer: its information buffer
 * @length: readable bytes of @buffer
 */
struct oid_call {
	struct ndshm_ndis *ndis;
	MINIPORT_OID_REQUEST_HANDLER miniport;
	PNDIS_OID_REQUEST request;
	void *buffer;
	u32 length;
};

static void oid_queue_freed(void *context, u32 id)
{
	struct ndshm_ndis *ndis = context;

	/* The core waits for this callback before it lets the adapter, and @ndis, go. */
	xa_erase_irq(&ndis->queues, id);
	wake_up_all(&ndis->idle);
}

/*
 * No stop(): a miniport stops DMA while it handles OID_RECEIVE_FILTER_FREE_QUEUE. When the handle
 * is closed, the driver has freed its memory, and stopped DMA before. No free_blocks(): the
 * miniport's blocks are kept until it frees them.
 */
static const struct ndshm_queue_ops oid_queue_ops = {
	.freed = oid_queue_freed,
};

/* Report the queues whose DMA has stopped: this may sleep, and an indication may not. */
static void oid_stopped_work(struct work_struct *work)
{
	struct ndshm_ndis *ndis = container_of(work, struct ndshm_ndis, stopped);
	unsigned long id;
	void *entry;

	xa_for_each_marked(&ndis->queues, id, entry, NDSHM_NDIS_STOPPED) {
		xa_lock_irq(&ndis->queues);
		__xa_clear_mark(&ndis->queues, id, NDSHM_NDIS_STOPPED);
		xa_unlock_irq(&ndis->queues);
		/* Has no effect unless the queue is being freed. */
		ndshm_queue_dma_stopped(ndis->adapter, id, NULL);
	}
}

/*
 * Indications and completions of the miniport
 */

static bool oid_header_valid(const NDIS_OBJECT_HEADER *header, u16 size)
{
	return header->Type == NDIS_OBJECT_TYPE_DEFAULT && header->Revision &&
	       header->Size >= size;
}

VOID NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle,
			   PNDIS_STATUS_INDICATION StatusIndication)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(MiniportAdapterHandle);
	const NDIS_RECEIVE_QUEUE_STATE *state;
	unsigned long flags;
	bool known;

	if (!ndis || !ndis->adapter || !StatusIndication ||
	    StatusIndication->StatusCode != NDIS_STATUS_RECEIVE_QUEUE_STATE)
		return;
	state = StatusIndication->StatusBuffer;
	if (!state ||
	    StatusIndication->StatusBufferSize < NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1 ||
	    !oid_header_valid(&state->Header, NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1) ||
	    state->QueueState != NdisReceiveQueueOperationalStateDmaStopped)
		return;
	xa_lock_irqsave(&ndis->queues, flags);
	known = xa_load(&ndis->queues, state->QueueId);
	if (known)
		__xa_set_mark(&ndis->queues, state->QueueId, NDSHM_NDIS_STOPPED);
	xa_unlock_irqrestore(&ndis->queues, flags);
	if (known)
		queue_work(system_dfl_wq, &ndis->stopped);
}
EXPORT_SYMBOL_GPL(NdisMIndicateStatusEx);

VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
			     NDIS_STATUS Status)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(MiniportAdapterHandle);
	unsigned long flags;
	bool known;

	if (!ndis || !OidRequest)
		return;
	/* With the lock held: the waiter takes it before it returns, and @ndis may be freed. */
	spin_lock_irqsave(&ndis->lock, flags);
	known = ndis->oid_request == OidRequest;
	if (known) {
		ndis->oid_request = NULL;
		ndis->oid_status = Status;
		complete(&ndis->oid_done);
	}
	spin_unlock_irqrestore(&ndis->lock, flags);
	if (!known && !xchg(&ndis->warned, true))
		pr_warn("ndshm: %s: %s: no such request\n", ndis->name, __func__);
}
EXPORT_SYMBOL_GPL(NdisMOidRequestComplete);

/* Call the miniport, and wait until it has completed the request. Never returns PENDING. */
static NDIS_STATUS oid_call_miniport(const struct oid_call *call)
{
	struct ndshm_ndis *ndis = call->ndis;
	NDIS_STATUS status;

	lockdep_assert_held(&ndis->oid_lock);

	if (!call->miniport)
		return NDIS_STATUS_SUCCESS;
	reinit_completion(&ndis->oid_done);
	spin_lock_irq(&ndis->lock);
	ndis->oid_request = call->request;
	spin_unlock_irq(&ndis->lock);
	status = call->miniport(ndis->context, call->request);
	if (status == NDIS_STATUS_PENDING)
		wait_for_completion(&ndis->oid_done);
	spin_lock_irq(&ndis->lock);
	ndis->oid_request = NULL;
	if (status == NDIS_STATUS_PENDING)
		status = ndis->oid_status;
	spin_unlock_irq(&ndis->lock);
	return status == NDIS_STATUS_PENDING ? NDIS_STATUS_FAILURE : status;
}

/*
 * Buffers
 */

/* Return: SUCCESS, INVALID_LENGTH with BytesNeeded set, or INVALID_PARAMETER. */
static NDIS_STATUS oid_check_header(struct oid_call *call, u16 size, UINT *needed)
{
	if (call->length < size) {
		*needed = size;
		return NDIS_STATUS_INVALID_LENGTH;
	}
	if (!call->buffer || !oid_header_valid(call->buffer, size))
		return NDIS_STATUS_INVALID_PARAMETER;
	return NDIS_STATUS_SUCCESS;
}

/* Prepare a set request with a buffer of at least @size bytes. */
static NDIS_STATUS oid_begin_set(struct oid_call *call, u16 size)
{
	PNDIS_OID_REQUEST request = call->request;

	call->buffer = request->DATA.SET_INFORMATION.InformationBuffer;
	call->length = request->DATA.SET_INFORMATION.InformationBufferLength;
	return oid_check_header(call, size, &request->DATA.SET_INFORMATION.BytesNeeded);
}

/* Prepare a method request. Results are written to what was read. */
static NDIS_STATUS oid_begin_method(struct oid_call *call, u16 size)
{
	PNDIS_OID_REQUEST request = call->request;

	call->buffer = request->DATA.METHOD_INFORMATION.InformationBuffer;
	call->length = min(request->DATA.METHOD_INFORMATION.InputBufferLength,
			   request->DATA.METHOD_INFORMATION.OutputBufferLength);
	return oid_check_header(call, size, &request->DATA.METHOD_INFORMATION.BytesNeeded);
}

/* A failure of queue.h: only these two are documented for all requests. */
static NDIS_STATUS oid_queue_status(ndshm_reason_t reason)
{
	if (reason == NDSHM_REASON_NONE)
		return NDIS_STATUS_SUCCESS;
	return reason == NDSHM_REASON_QUEUE_UNKNOWN || reason == NDSHM_REASON_QUEUE_STATE ||
	       reason == NDSHM_REASON_QUEUE_DEFAULT ?
	       NDIS_STATUS_INVALID_PARAMETER : NDIS_STATUS_FAILURE;
}

/* Return: true if @id is a queue of ndshm_ndis_oid(), and *state is valid. */
static bool oid_queue_state(struct ndshm_ndis *ndis, u32 id, enum ndshm_queue_state *state)
{
	u32 filters;

	return xa_load(&ndis->queues, id) &&
	       !ndshm_queue_query(ndis->adapter, id, state, &filters, NULL, NULL);
}

/*
 * Parameters of a queue
 */

static bool oid_name_valid(const IF_COUNTED_STRING *name)
{
	return name->Length <= sizeof(name->String) && !(name->Length % sizeof(WCHAR));
}

/* The core replaces what is no printable ASCII; a NUL would end the name. */
static void oid_copy_name(char *to, const IF_COUNTED_STRING *from)
{
	size_t i, length = min_t(size_t, from->Length / sizeof(WCHAR), NDSHM_QUEUE_NAME_SIZE - 1);

	for (i = 0; i < length; i++)
		to[i] = from->String[i] && from->String[i] < 0x80 ? from->String[i] : '?';
	/* Windows may count a terminating NUL. */
	while (i && !from->String[i - 1])
		i--;
	to[i] = '\0';
}

/* A newer revision is read as the newest known. */
static u16 oid_parameters_size(const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	switch (p->Header.Revision) {
	case NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_1:
		return NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1;
	case NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2:
		return NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	default:
		return NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_3;
	}
}

static bool oid_affinity_valid(const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	return p->ProcessorAffinity.Mask;
}

static bool oid_parameters_valid(const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	return p->QueueType == NdisReceiveQueueTypeVMQueue && oid_affinity_valid(p) &&
	       (!p->LookaheadSize ||
		p->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED) &&
	       oid_name_valid(&p->VmName) && oid_name_valid(&p->QueueName);
}

static struct ndshm_queue_config oid_config(const NDIS_RECEIVE_QUEUE_PARAMETERS *p)
{
	struct ndshm_queue_config config = {
		.affinity = p->ProcessorAffinity.Mask,
		.affinity_group = p->ProcessorAffinity.Group,
		.buffers = p->NumSuggestedReceiveBuffers,
		.lookahead = p->LookaheadSize,
	};

	oid_copy_name(config.name, &p->QueueName);
	oid_copy_name(config.vm_name, &p->VmName);
	return config;
}

/*
 * The end of a queue
 */

/* Free a queue whose DMA has stopped, and wait until it does not exist any more. */
static void oid_end_queue(struct ndshm_ndis *ndis, u32 id)
{
	/* Fails if the miniport's indication was reported already. */
	ndshm_queue_dma_stopped(ndis->adapter, id, NULL);
	wait_event(ndis->idle, !xa_load(&ndis->queues, id));
}

/*
 * Requests
 */

static NDIS_STATUS oid_allocate_queue(struct oid_call *call)
{
	struct ndshm_ndis *ndis = call->ndis;
	NDIS_RECEIVE_QUEUE_PARAMETERS *p;
	struct ndshm_queue_config config;
	ndshm_reason_t reason;
	NDIS_STATUS status;
	u32 id;

	status = oid_begin_method(call, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	if (status == NDIS_STATUS_SUCCESS)
		status = oid_begin_method(call, oid_parameters_size(call->buffer));
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = call->buffer;
	if (!oid_parameters_valid(p))
		return NDIS_STATUS_INVALID_PARAMETER;
	config = oid_config(p);
	if (!ndis->stopped.func)
		INIT_WORK(&ndis->stopped, oid_stopped_work);
	if (ndshm_queue_allocate_configured(ndis->adapter, &oid_queue_ops, ndis, &config, &id,
					    &reason))
		return oid_queue_status(reason);
	/* The adapter cannot end meanwhile: the request counts as a block of the handle. */
	if (xa_err(xa_store_irq(&ndis->queues, id, xa_mk_value(id), GFP_KERNEL))) {
		ndshm_queue_free(ndis->adapter, id, NULL);
		ndshm_queue_dma_stopped(ndis->adapter, id, NULL);
		return NDIS_STATUS_FAILURE;
	}
	p->QueueId = id;
	status = oid_call_miniport(call);
	if (status == NDIS_STATUS_SUCCESS)
		return status;
	p->QueueId = NDIS_DEFAULT_RECEIVE_QUEUE_ID;
	ndshm_queue_free(ndis->adapter, id, NULL);
	oid_end_queue(ndis, id);
	return status;
}

static NDIS_STATUS oid_set_filter(struct oid_call *call)
{
	struct ndshm_ndis *ndis = call->ndis;
	NDIS_RECEIVE_FILTER_PARAMETERS *p;
	ndshm_reason_t reason = NDSHM_REASON_NONE;
	enum ndshm_queue_state state;
	NDIS_STATUS status;
	u32 queue, filter;

	status = oid_begin_method(call, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = call->buffer;
	queue = p->QueueId;
	if (p->Header.Revision >= NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2) {
		status = oid_begin_method(call, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2);
		if (status != NDIS_STATUS_SUCCESS)
			return status;
		if (p->VPortId != NDIS_DEFAULT_VPORT_ID)
			return NDIS_STATUS_INVALID_PARAMETER;
	}
	if (queue && (!oid_queue_state(ndis, queue, &state) || state > NDSHM_QUEUE_PAUSED))
		return NDIS_STATUS_INVALID_PARAMETER;
	if (xa_alloc_cyclic(&ndis->filters, &filter, xa_mk_value(queue), OID_FILTERS,
			    &ndis->next_filter, GFP_KERNEL) < 0)
		return NDIS_STATUS_FAILURE;
	p->FilterId = filter;
	status = oid_call_miniport(call);
	/* Only a native call to this queue can make this fail: the miniport keeps its filter. */
	if (status == NDIS_STATUS_SUCCESS && queue)
		ndshm_queue_set_filter(ndis->adapter, queue, &reason);
	if (status == NDIS_STATUS_SUCCESS && reason == NDSHM_REASON_NONE)
		return status;
	xa_erase(&ndis->filters, filter);
	return status == NDIS_STATUS_SUCCESS ? NDIS_STATUS_FAILURE : status;
}

static NDIS_STATUS oid_clear_filter(struct oid_call *call)
{
	const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS *p;
	struct ndshm_ndis *ndis = call->ndis;
	NDIS_STATUS status;
	u32 filter;
	void *queue;

	status = oid_begin_set(call, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = call->buffer;
	filter = p->FilterId;
	queue = xa_load(&ndis->filters, filter);
	if (!queue || xa_to_value(queue) != p->QueueId)
		return NDIS_STATUS_FILE_NOT_FOUND;
	status = oid_call_miniport(call);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	xa_erase(&ndis->filters, filter);
	if (xa_to_value(queue))
		ndshm_queue_clear_filter(ndis->adapter, xa_to_value(queue), NULL);
	return status;
}

/* Element @i of a valid array. */
static NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *
oid_element(const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *array, u32 i)
{
	return (void *)array + array->FirstElementOffset + (size_t)i * array->ElementSize;
}

static NDIS_STATUS oid_check_elements(struct oid_call *call)
{
	const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *array = call->buffer;
	const u16 size = NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *element;
	enum ndshm_queue_state state;
	u64 needed;
	u32 i;

	if (!array->NumElements)
		return NDIS_STATUS_SUCCESS;
	if (array->FirstElementOffset <
	    NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1 ||
	    array->FirstElementOffset % __alignof__(*element) ||
	    array->ElementSize < size || array->ElementSize % __alignof__(*element))
		return NDIS_STATUS_INVALID_PARAMETER;
	/* At most 2^64 - 2^32: no overflow. */
	needed = (u64)array->NumElements * array->ElementSize + array->FirstElementOffset;
	if (needed > call->length) {
		call->request->DATA.METHOD_INFORMATION.BytesNeeded = min_t(u64, needed, U32_MAX);
		return NDIS_STATUS_INVALID_LENGTH;
	}
	for (i = 0; i < array->NumElements; i++) {
		element = oid_element(array, i);
		if (!oid_header_valid(&element->Header, size) ||
		    !oid_queue_state(call->ndis, element->QueueId, &state) ||
		    (state != NDSHM_QUEUE_ALLOCATED && state != NDSHM_QUEUE_SET))
			return NDIS_STATUS_INVALID_PARAMETER;
	}
	return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS oid_complete(struct oid_call *call)
{
	const NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY *array;
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *element;
	NDIS_STATUS status;
	u32 i, count;

	status = oid_begin_method(call,
				  NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY_REVISION_1);
	if (status == NDIS_STATUS_SUCCESS)
		status = oid_check_elements(call);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	array = call->buffer;
	count = array->NumElements;
	for (i = 0; i < count; i++)
		oid_element(array, i)->CompletionStatus = NDIS_STATUS_SUCCESS;
	status = oid_call_miniport(call);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	for (i = 0; i < count; i++) {
		element = oid_element(array, i);
		/* An id that occurs twice is complete once. */
		if (element->CompletionStatus == NDIS_STATUS_SUCCESS &&
		    ndshm_queue_complete(call->ndis->adapter, element->QueueId, NULL))
			element->CompletionStatus = NDIS_STATUS_INVALID_PARAMETER;
	}
	return status;
}

static NDIS_STATUS oid_free_queue(struct oid_call *call)
{
	const NDIS_RECEIVE_QUEUE_FREE_PARAMETERS *p;
	struct ndshm_ndis *ndis = call->ndis;
	enum ndshm_queue_state state;
	ndshm_reason_t reason;
	NDIS_STATUS status;
	u32 id;

	status = oid_begin_set(call, NDIS_SIZEOF_RECEIVE_QUEUE_FREE_PARAMETERS_REVISION_1);
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = call->buffer;
	id = p->QueueId;
	if (!xa_load(&ndis->queues, id))
		return NDIS_STATUS_INVALID_PARAMETER;
	/* An indication before this request has no effect: do not let it take effect late. */
	flush_work(&ndis->stopped);
	if (!oid_queue_state(ndis, id, &state))
		return NDIS_STATUS_INVALID_PARAMETER;
	/* After a failure of the miniport the queue is still being freed: ask it again. */
	if (state < NDSHM_QUEUE_STOP_DMA && ndshm_queue_free(ndis->adapter, id, &reason))
		return oid_queue_status(reason);
	status = oid_call_miniport(call);
	if (status == NDIS_STATUS_SUCCESS)
		oid_end_queue(ndis, id);
	return status;
}

static NDIS_STATUS oid_set_parameters(struct oid_call *call)
{
	const NDIS_RECEIVE_QUEUE_PARAMETERS *p;
	struct ndshm_ndis *ndis = call->ndis;
	struct ndshm_queue_config config, next;
	NDIS_STATUS status;
	ULONG changed;
	u32 id;

	status = oid_begin_set(call, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	if (status == NDIS_STATUS_SUCCESS)
		status = oid_begin_set(call, oid_parameters_size(call->buffer));
	if (status != NDIS_STATUS_SUCCESS)
		return status;
	p = call->buffer;
	changed = p->Flags & NDIS_RECEIVE_QUEUE_PARAMETERS_CHANGE_MASK;
	id = p->QueueId;
	if (!xa_load(&ndis->queues, id) ||
	    (changed & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED &&
	     !oid_affinity_valid(p)) ||
	    (changed & NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED &&
	     !oid_name_valid(&p->QueueName)))
		return NDIS_STATUS_INVALID_PARAMETER;
	if (ndshm_queue_get_config(ndis->adapter, id, &config, NULL))
		return NDIS_STATUS_INVALID_PARAMETER;
	next = config;
	if (changed & NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED) {
		next.affinity = p->ProcessorAffinity.Mask;
		next.affinity_group = p->ProcessorAffinity.Group;
	}
	if (changed & NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED)
		next.buffers = p->NumSuggestedReceiveBuffers;
	if (changed & NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED)
		oid_copy_name(next.name, &p->QueueName);
	status = oid_call_miniport(call);
	if (status == NDIS_STATUS_SUCCESS)
		ndshm_queue_configure(ndis->adapter, id, &next, NULL);
	return status;
}

/**
 * struct oid_row - a request
 * @oid: its number
 * @type: the only type of requests that ndshm carries out
 * @handle: carries it out
 * @other: replaces each status that is not documented
 * @documented: statuses of its page but SUCCESS and PENDING; ends with SUCCESS
 */
struct oid_row {
	NDIS_OID oid;
	NDIS_REQUEST_TYPE type;
	NDIS_STATUS (*handle)(struct oid_call *call);
	NDIS_STATUS other;
	NDIS_STATUS documented[5];
};

static const struct oid_row oid_rows[] = {
	{ OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NdisRequestMethod, oid_allocate_queue,
	  NDIS_STATUS_FAILURE, {
		NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE } },
	{ OID_RECEIVE_FILTER_SET_FILTER, NdisRequestMethod, oid_set_filter,
	  NDIS_STATUS_FAILURE, {
		NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE } },
	{ OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, NdisRequestMethod, oid_complete,
	  NDIS_STATUS_FAILURE, {
		NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_NOT_SUPPORTED, NDIS_STATUS_FAILURE } },
	{ OID_RECEIVE_FILTER_CLEAR_FILTER, NdisRequestSetInformation, oid_clear_filter,
	  NDIS_STATUS_NOT_ACCEPTED, {
		NDIS_STATUS_FILE_NOT_FOUND, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_NOT_ACCEPTED } },
	{ OID_RECEIVE_FILTER_FREE_QUEUE, NdisRequestSetInformation, oid_free_queue,
	  NDIS_STATUS_REQUEST_ABORTED, {
		NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_NOT_ACCEPTED, NDIS_STATUS_REQUEST_ABORTED } },
	{ OID_RECEIVE_FILTER_QUEUE_PARAMETERS, NdisRequestSetInformation, oid_set_parameters,
	  NDIS_STATUS_FAILURE, {
		NDIS_STATUS_INVALID_PARAMETER, NDIS_STATUS_INVALID_LENGTH,
		NDIS_STATUS_FAILURE } },
};

static NDIS_STATUS oid_fold(const struct oid_row *row, NDIS_STATUS status)
{
	const NDIS_STATUS *documented = row->documented;

	while (*documented != NDIS_STATUS_SUCCESS && *documented != status)
		documented++;
	return *documented == status ? status : row->other;
}

NDIS_STATUS ndshm_ndis_oid(NDIS_HANDLE handle, MINIPORT_OID_REQUEST_HANDLER miniport,
			   PNDIS_OID_REQUEST request)
{
	struct ndshm_ndis *ndis = ndshm_ndis_of(handle);
	struct oid_call call = {
		.ndis = ndis,
		.miniport = miniport,
		.request = request,
	};
	const struct oid_row *row;
	NDIS_STATUS status;

	might_sleep();

	if (!ndis || !ndis->adapter || !request ||
	    request->Header.Type != NDIS_OBJECT_TYPE_OID_REQUEST || !request->Header.Revision ||
	    request->Header.Size < NDIS_SIZEOF_OID_REQUEST_REVISION_1)
		return NDIS_STATUS_INVALID_PARAMETER;
	/* Oid is at the same place in each kind of request. */
	for (row = oid_rows; row->oid != request->DATA.SET_INFORMATION.Oid; row++)
		if (row == oid_rows + ARRAY_SIZE(oid_rows) - 1)
			return NDIS_STATUS_NOT_SUPPORTED;
	if (request->RequestType != row->type)
		return NDIS_STATUS_NOT_SUPPORTED;
	if (!ndshm_ndis_begin(ndis))
		return row->other;
	mutex_lock(&ndis->oid_lock);
	status = row->handle(&call);
	mutex_unlock(&ndis->oid_lock);
	ndshm_ndis_end(ndis);
	return oid_fold(row, status);
}
EXPORT_SYMBOL_GPL(ndshm_ndis_oid);
