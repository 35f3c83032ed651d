// SPDX-License-Identifier: GPL-2.0
/*
 * OID requests that create, complete and free receive queues.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/ndis_oid.h>
#include <ndshm/queue.h>

#include "../native.h"
#include "cases.h"

/* Number of elements of an array, and the distance between them, which is not their size. */
#define ELEMENTS	3
#define ELEMENT_BYTES	32

struct array {
	NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY head;
	ULONG unused;
	u8 elements[ELEMENTS][ELEMENT_BYTES] __aligned(8);
};

/**
 * struct miniport - what the handler does and has seen
 * @bench: the case
 * @oid: last request
 * @calls: number of requests
 * @status: replied
 * @fails: index of the element that gets the status RESOURCES, or -1
 * @state: of the queue at the time of the last request
 * @filter: FilterId of the last request
 * @indicate: indicate that DMA has stopped when a queue is freed
 * @pend: complete the request later, by @work
 * @twice: complete the request at once, and again with the status FAILURE
 * @request: of @work
 * @work: completes @request
 * @free: allocation to free when the queue is freed, after the indication
 * @late: allocation to free by @work, after the completion
 * @returned: the free of the queue has returned
 * @early: it has before @late was freed
 */
static struct miniport {
	struct bench *bench;
	NDIS_OID oid;
	unsigned int calls;
	NDIS_STATUS status;
	int fails;
	enum ndshm_queue_state state;
	ULONG filter;
	bool indicate;
	bool pend;
	bool twice;
	PNDIS_OID_REQUEST request;
	struct work_struct work;
	NDIS_HANDLE free;
	NDIS_HANDLE late;
	struct completion returned;
	bool early;
} miniport;

static struct ndshm_adapter *adapter;

static enum ndshm_queue_state state_of(u32 id)
{
	enum ndshm_queue_state state;
	u32 filters;

	return ndshm_queue_query(adapter, id, &state, &filters, NULL, NULL) ?
	       NDSHM_QUEUE_UNDEFINED : state;
}

static NDIS_RECEIVE_QUEUE_STATE queue_in(u32 id, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE to)
{
	return (NDIS_RECEIVE_QUEUE_STATE){
		.Header = {
			NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
			NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1
		},
		.QueueId = id,
		.QueueState = to,
	};
}

static void indicate_buffer(NDIS_HANDLE handle, NDIS_STATUS code, NDIS_RECEIVE_QUEUE_STATE *state,
			    ULONG size)
{
	NDIS_STATUS_INDICATION indication = {
		.Header = HEADER(STATUS_INDICATION, STATUS_INDICATION, 1),
		.SourceHandle = handle,
		.StatusCode = code,
		.StatusBuffer = state,
		.StatusBufferSize = size,
	};

	/* At most DISPATCH_LEVEL. */
	local_bh_disable();
	NdisMIndicateStatusEx(handle, &indication);
	local_bh_enable();
}

static void indicate(NDIS_HANDLE handle, u32 id, NDIS_RECEIVE_QUEUE_OPERATIONAL_STATE to)
{
	NDIS_RECEIVE_QUEUE_STATE state = queue_in(id, to);

	indicate_buffer(handle, NDIS_STATUS_RECEIVE_QUEUE_STATE, &state, sizeof(state));
}

static void complete_later(struct work_struct *work)
{
	NdisMOidRequestComplete(miniport.bench->adapter, miniport.request, miniport.status);
	if (!miniport.late)
		return;
	/* The time is arbitrary: no wait proves that the other thread waits. */
	miniport.early = wait_for_completion_timeout(&miniport.returned, HZ / 5);
	NdisFreeSharedMemory(miniport.bench->adapter, miniport.late);
}

/* QueueId is the first member behind Flags in some buffers, and behind a type in others. */
static u32 queue_of(PNDIS_OID_REQUEST request)
{
	void *buffer = request->DATA.SET_INFORMATION.InformationBuffer;

	switch (request->DATA.SET_INFORMATION.Oid) {
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
	case OID_RECEIVE_FILTER_QUEUE_PARAMETERS:
		return ((PNDIS_RECEIVE_QUEUE_PARAMETERS)buffer)->QueueId;
	case OID_RECEIVE_FILTER_SET_FILTER:
		return ((PNDIS_RECEIVE_FILTER_PARAMETERS)buffer)->QueueId;
	case OID_RECEIVE_FILTER_CLEAR_FILTER:
		return ((PNDIS_RECEIVE_FILTER_CLEAR_PARAMETERS)buffer)->QueueId;
	case OID_RECEIVE_FILTER_FREE_QUEUE:
		return ((PNDIS_RECEIVE_QUEUE_FREE_PARAMETERS)buffer)->QueueId;
	default:
		return 0;
	}
}

static NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS *element(struct array *array, int i)
{
	return (void *)array->elements[i];
}

static NDIS_STATUS handler(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
	struct miniport *port = context;
	void *buffer = request->DATA.SET_INFORMATION.InformationBuffer;
	u32 queue = queue_of(request);

	port->calls++;
	port->oid = request->DATA.SET_INFORMATION.Oid;
	port->state = state_of(queue);
	if (port->oid == OID_RECEIVE_FILTER_SET_FILTER)
		port->filter = ((PNDIS_RECEIVE_FILTER_PARAMETERS)buffer)->FilterId;
	if (port->oid == OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE && port->fails >= 0)
		element(buffer, port->fails)->CompletionStatus = NDIS_STATUS_RESOURCES;
	if (port->oid == OID_RECEIVE_FILTER_FREE_QUEUE && port->indicate)
		indicate(port->bench->adapter, queue, NdisReceiveQueueOperationalStateDmaStopped);
	if (port->oid == OID_RECEIVE_FILTER_FREE_QUEUE && port->free) {
		NdisFreeSharedMemory(port->bench->adapter, port->free);
		port->free = NULL;
	}
	if (port->twice) {
		NdisMOidRequestComplete(port->bench->adapter, request, port->status);
		NdisMOidRequestComplete(port->bench->adapter, request, NDIS_STATUS_FAILURE);
		return NDIS_STATUS_PENDING;
	}
	if (port->pend) {
		port->request = request;
		schedule_work(&port->work);
		return NDIS_STATUS_PENDING;
	}
	return port->status;
}

/*
 * Requests
 */

static NDIS_OID_REQUEST request_of(NDIS_REQUEST_TYPE type, NDIS_OID oid)
{
	NDIS_OID_REQUEST request = {
		.Header = HEADER(OID_REQUEST, OID_REQUEST, 1),
		.RequestType = type,
	};

	request.DATA.SET_INFORMATION.Oid = oid;
	return request;
}

static NDIS_STATUS send(PNDIS_OID_REQUEST request)
{
	return ndshm_ndis_oid(miniport.bench->adapter, handler, request);
}

static NDIS_STATUS method(NDIS_OID oid, void *buffer, ULONG length)
{
	NDIS_OID_REQUEST request = request_of(NdisRequestMethod, oid);

	request.DATA.METHOD_INFORMATION.InformationBuffer = buffer;
	request.DATA.METHOD_INFORMATION.InputBufferLength = length;
	request.DATA.METHOD_INFORMATION.OutputBufferLength = length;
	return send(&request);
}

static NDIS_STATUS set(NDIS_OID oid, void *buffer, ULONG length)
{
	NDIS_OID_REQUEST request = request_of(NdisRequestSetInformation, oid);

	request.DATA.SET_INFORMATION.InformationBuffer = buffer;
	request.DATA.SET_INFORMATION.InformationBufferLength = length;
	return send(&request);
}

/* The parameters are too large for a stack. */
static NDIS_RECEIVE_QUEUE_PARAMETERS parameters;

static void set_name(IF_COUNTED_STRING *name, const char *text)
{
	name->Length = sizeof(WCHAR) * strlen(text);
	for (; *text; text++)
		name->String[name->Length / sizeof(WCHAR) - strlen(text)] = (u8)*text;
}

static void prepare_parameters(void)
{
	memset(&parameters, 0, sizeof(parameters));
	parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	parameters.Header.Revision = NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	parameters.Header.Size = NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	parameters.QueueType = NdisReceiveQueueTypeVMQueue;
	parameters.ProcessorAffinity.Mask = 6;
	parameters.NumSuggestedReceiveBuffers = 512;
	set_name(&parameters.QueueName, "rx 1");
	set_name(&parameters.VmName, "guest");
}

static NDIS_STATUS allocate(u32 *id)
{
	NDIS_STATUS status;

	status = method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &parameters, sizeof(parameters));
	*id = parameters.QueueId;
	return status;
}

static NDIS_RECEIVE_FILTER_PARAMETERS filter_of(u32 queue)
{
	return (NDIS_RECEIVE_FILTER_PARAMETERS){
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_PARAMETERS, 1),
		.FilterType = NdisReceiveFilterTypeVMQueue,
		.QueueId = queue,
	};
}

static NDIS_STATUS set_filter(u32 queue, u32 *filter)
{
	NDIS_RECEIVE_FILTER_PARAMETERS p = filter_of(queue);
	NDIS_STATUS status;

	status = method(OID_RECEIVE_FILTER_SET_FILTER, &p,
			NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1);
	*filter = p.FilterId;
	return status;
}

static NDIS_STATUS clear_filter(u32 queue, u32 filter)
{
	NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_FILTER_CLEAR_PARAMETERS, 1),
		.QueueId = queue,
		.FilterId = filter,
	};

	return set(OID_RECEIVE_FILTER_CLEAR_FILTER, &p, sizeof(p));
}

static struct array array_of(u32 count, const u32 *queues)
{
	struct array array = {
		.head = {
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_ARRAY, 1),
			.FirstElementOffset = offsetof(struct array, elements),
			.NumElements = count,
			.ElementSize = ELEMENT_BYTES,
		},
	};
	u32 i;

	for (i = 0; i < count; i++)
		*element(&array, i) = (NDIS_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS){
			.Header = HEADER(DEFAULT, RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS, 1),
			.QueueId = queues[i],
			.CompletionStatus = NDIS_STATUS_FAILURE,
		};
	return array;
}

static NDIS_STATUS finish_array(struct array *array)
{
	return method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, array, sizeof(*array));
}

static NDIS_STATUS finish(u32 queue)
{
	struct array array = array_of(1, &queue);

	return finish_array(&array);
}

static NDIS_STATUS free_queue(u32 queue)
{
	NDIS_RECEIVE_QUEUE_FREE_PARAMETERS p = {
		.Header = HEADER(DEFAULT, RECEIVE_QUEUE_FREE_PARAMETERS, 1),
		.QueueId = queue,
	};

	return set(OID_RECEIVE_FILTER_FREE_QUEUE, &p, sizeof(p));
}

/* Set the context, and run @test with the adapter. */
static bool with_miniport(struct bench *bench, bool (*test)(struct bench *bench))
{
	NDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes = {
		.RegistrationAttributes = {
			.Header = HEADER(MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
					 MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1),
			.MiniportAdapterContext = &miniport,
		},
	};
	bool passed;

	miniport = (struct miniport){ .bench = bench, .fails = -1, .indicate = true };
	INIT_WORK(&miniport.work, complete_later);
	init_completion(&miniport.returned);
	prepare_parameters();
	CHECK(NdisMSetMiniportAttributes(bench->adapter, &attributes) == NDIS_STATUS_SUCCESS);
	adapter = ndshm_adapter_find(bench->name);
	CHECK(adapter);
	passed = test(bench);
	ndshm_adapter_put(adapter);
	flush_work(&miniport.work);
	return passed;
}

/*
 * Documented behaviour
 */

/* A queue gets memory, filters, and is freed in the documented order. */
static bool one_queue(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	u32 queue, first, second;

	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	CHECK(queue && queue <= U16_MAX);
	CHECK(miniport.oid == OID_RECEIVE_FILTER_ALLOCATE_QUEUE);
	CHECK(miniport.state == NDSHM_QUEUE_ALLOCATED);
	CHECK(set_filter(queue, &first) == NDIS_STATUS_SUCCESS);
	CHECK(first && miniport.filter == first);
	CHECK(state_of(queue) == NDSHM_QUEUE_SET);
	CHECK(finish(queue) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_RUNNING);
	CHECK(set_filter(queue, &second) == NDIS_STATUS_SUCCESS);
	CHECK(second && second != first);
	p.QueueId = queue;
	CHECK(allocates(bench, bench->adapter, &p, &miniport.free));
	CHECK(clear_filter(queue, first) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_RUNNING);
	CHECK(clear_filter(queue, second) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_PAUSED);
	CHECK(set_filter(queue, &first) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_RUNNING);
	CHECK(clear_filter(queue, first) == NDIS_STATUS_SUCCESS);
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	CHECK(miniport.state == NDSHM_QUEUE_STOP_DMA);
	CHECK(state_of(queue) == NDSHM_QUEUE_UNDEFINED);
	CHECK(!miniport.free);
	return true;
}

/* Each element of a batch has a status of its own. */
static bool batch(struct bench *bench)
{
	u32 queues[ELEMENTS], i;
	struct array array;

	for (i = 0; i < ELEMENTS; i++)
		CHECK(allocate(&queues[i]) == NDIS_STATUS_SUCCESS);
	CHECK(queues[0] != queues[1] && queues[1] != queues[2] && queues[0] != queues[2]);
	array = array_of(ELEMENTS, queues);
	miniport.fails = 1;
	CHECK(finish_array(&array) == NDIS_STATUS_SUCCESS);
	miniport.fails = -1;
	for (i = 0; i < ELEMENTS; i++) {
		CHECK(element(&array, i)->CompletionStatus ==
		      (i == 1 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS));
		CHECK(state_of(queues[i]) ==
		      (i == 1 ? NDSHM_QUEUE_ALLOCATED : NDSHM_QUEUE_PAUSED));
	}
	CHECK(finish(queues[1]) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queues[1]) == NDSHM_QUEUE_PAUSED);
	for (i = 0; i < ELEMENTS; i++)
		CHECK(free_queue(queues[i]) == NDIS_STATUS_SUCCESS);
	return true;
}

/* A request that completes later. */
static bool pending(struct bench *bench)
{
	u32 queue, filter;

	miniport.pend = true;
	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_SUCCESS);
	CHECK(finish(queue) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_RUNNING);
	miniport.status = NDIS_STATUS_NOT_ACCEPTED;
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_NOT_ACCEPTED);
	CHECK(state_of(queue) == NDSHM_QUEUE_RUNNING);
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_SUCCESS);
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_UNDEFINED);
	miniport.pend = false;
	return true;
}

/* The statuses that the pages document. */
static bool statuses(struct bench *bench)
{
	NDIS_OID_REQUEST request = request_of(NdisRequestMethod,
					      OID_RECEIVE_FILTER_ALLOCATE_QUEUE);
	u32 queue, filter, calls = miniport.calls;

	request.DATA.METHOD_INFORMATION.InformationBuffer = &parameters;
	request.DATA.METHOD_INFORMATION.InputBufferLength = sizeof(parameters);
	request.DATA.METHOD_INFORMATION.OutputBufferLength =
		NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1 - 1;
	CHECK(send(&request) == NDIS_STATUS_INVALID_LENGTH);
	CHECK(request.DATA.METHOD_INFORMATION.BytesNeeded ==
	      NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	parameters.ProcessorAffinity.Mask = 0;
	CHECK(allocate(&queue) == NDIS_STATUS_INVALID_PARAMETER);
	prepare_parameters();
	parameters.LookaheadSize = 64;
	CHECK(allocate(&queue) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(free_queue(NDIS_DEFAULT_RECEIVE_QUEUE_ID) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(free_queue(12345) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(clear_filter(0, 12345) == NDIS_STATUS_FILE_NOT_FOUND);
	CHECK(miniport.calls == calls);

	parameters.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	/* All filters must be cleared before. */
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_SUCCESS);
	CHECK(free_queue(queue) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_SUCCESS);
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_FILE_NOT_FOUND);
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	/* The default queue can always have filters. */
	CHECK(set_filter(NDIS_DEFAULT_RECEIVE_QUEUE_ID, &filter) == NDIS_STATUS_SUCCESS);
	CHECK(clear_filter(NDIS_DEFAULT_RECEIVE_QUEUE_ID, filter) == NDIS_STATUS_SUCCESS);
	return true;
}

bool ndis_oids(struct bench *bench)
{
	CHECK(with_miniport(bench, one_queue));
	CHECK(with_miniport(bench, batch));
	CHECK(with_miniport(bench, pending));
	CHECK(with_miniport(bench, statuses));
	return true;
}

/*
 * Choices of ndshm
 */

static bool bad_buffers(struct bench *bench)
{
	NDIS_RECEIVE_FILTER_PARAMETERS filter = filter_of(0);
	NDIS_OID_REQUEST request = request_of(NdisRequestQueryInformation,
					      OID_RECEIVE_FILTER_QUEUE_PARAMETERS);
	u32 queue;

	CHECK(send(&request) == NDIS_STATUS_NOT_SUPPORTED);
	request = request_of(NdisRequestSetInformation, 0x00010106);
	CHECK(send(&request) == NDIS_STATUS_NOT_SUPPORTED);
	request = request_of(NdisRequestSetInformation, OID_RECEIVE_FILTER_ALLOCATE_QUEUE);
	CHECK(send(&request) == NDIS_STATUS_NOT_SUPPORTED);
	request = request_of(NdisRequestMethod, OID_RECEIVE_FILTER_FREE_QUEUE);
	CHECK(send(&request) == NDIS_STATUS_NOT_SUPPORTED);
	request.Header.Size--;
	CHECK(send(&request) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(send(NULL) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(ndshm_ndis_oid(bench->driver, handler, &request) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	CHECK(method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NULL, sizeof(parameters)) ==
	      NDIS_STATUS_INVALID_PARAMETER);

#define BAD(member, value) do { \
	parameters.member = (value); \
	CHECK(allocate(&queue) == NDIS_STATUS_INVALID_PARAMETER); \
	prepare_parameters(); \
} while (0)
	BAD(Header.Size, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1 - 1);
	BAD(Header.Size, NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	BAD(Header.Revision, NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_3);
	BAD(Header.Revision, 0);
	BAD(Header.Type, NDIS_OBJECT_TYPE_OID_REQUEST);
	BAD(QueueType, NdisReceiveQueueTypeUnspecified);
	BAD(VmName.Length, sizeof(parameters.VmName.String) + sizeof(WCHAR));
	BAD(QueueName.Length, 3);
#undef BAD
	CHECK(method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &parameters,
		     NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1) ==
	      NDIS_STATUS_INVALID_LENGTH);
	prepare_parameters();

	/* Ports have no filters. VPortId belongs to revision 2. */
	filter.VPortId = 1;
	CHECK(method(OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof(filter)) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(clear_filter(0, filter.FilterId) == NDIS_STATUS_SUCCESS);
	filter.Header.Revision = NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2;
	CHECK(method(OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof(filter)) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	filter.Header.Size = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2;
	CHECK(method(OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof(filter)) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	filter.VPortId = NDIS_DEFAULT_VPORT_ID;
	filter.QueueId = 12345;
	CHECK(method(OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof(filter)) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	return true;
}

static bool bad_arrays(struct bench *bench)
{
	u32 queues[ELEMENTS] = { 12345 };
	struct array array = array_of(1, queues);

	CHECK(finish_array(&array) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(allocate(&queues[0]) == NDIS_STATUS_SUCCESS);
#define BAD(member, value, status) do { \
	array = array_of(1, queues); \
	array.head.member = (value); \
	CHECK(finish_array(&array) == NDIS_STATUS_##status); \
} while (0)
	BAD(ElementSize, NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1 - 1,
	    INVALID_PARAMETER);
	BAD(FirstElementOffset, U32_MAX - 7, INVALID_LENGTH);
	BAD(FirstElementOffset, 0, INVALID_PARAMETER);
	BAD(FirstElementOffset, array.head.FirstElementOffset + 1, INVALID_PARAMETER);
	BAD(NumElements, ELEMENTS + 1, INVALID_LENGTH);
#undef BAD
	array.head.NumElements = ELEMENTS;
	CHECK(method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &array, sizeof(array) - 1) ==
	      NDIS_STATUS_INVALID_LENGTH);
	array.head.NumElements = U32_MAX;
	array.head.ElementSize = U32_MAX - 3;
	CHECK(finish_array(&array) == NDIS_STATUS_INVALID_LENGTH);
	array = array_of(1, queues);
	element(&array, 0)->Header.Size--;
	CHECK(finish_array(&array) == NDIS_STATUS_INVALID_PARAMETER);
	array = array_of(0, queues);
	array.head.FirstElementOffset = U32_MAX;
	CHECK(finish_array(&array) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queues[0]) == NDSHM_QUEUE_ALLOCATED);

	/* The same queue twice is complete once, and not again. */
	queues[1] = queues[0];
	array = array_of(2, queues);
	CHECK(finish_array(&array) == NDIS_STATUS_SUCCESS);
	CHECK(element(&array, 0)->CompletionStatus == NDIS_STATUS_SUCCESS);
	CHECK(element(&array, 1)->CompletionStatus == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(finish(queues[0]) == NDIS_STATUS_INVALID_PARAMETER);
	return free_queue(queues[0]) == NDIS_STATUS_SUCCESS;
}

/* What users see of the parameters. */
static bool configuration(struct bench *bench)
{
	struct ndshm_queue_config config;
	u32 queue;

	parameters.ProcessorAffinity.Group = 2;
	parameters.QueueName.String[1] = 0x20ac;
	parameters.VmName.String[5] = 0;
	parameters.VmName.Length += sizeof(WCHAR);
	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	CHECK(!ndshm_queue_get_config(adapter, queue, &config, NULL));
	CHECK(!strcmp(config.name, "r? 1"));
	CHECK(!strcmp(config.vm_name, "guest"));
	CHECK(config.affinity == 6 && config.affinity_group == 2);
	CHECK(config.buffers == 512 && !config.lookahead);

	/* Only what the flags name changes, and only if the miniport agrees. */
	set_name(&parameters.QueueName, "second");
	parameters.NumSuggestedReceiveBuffers = 64;
	parameters.ProcessorAffinity.Mask = 0;
	parameters.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED;
	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters, sizeof(parameters)) ==
	      NDIS_STATUS_FAILURE);
	CHECK(!ndshm_queue_get_config(adapter, queue, &config, NULL));
	CHECK(!strcmp(config.name, "r? 1"));
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK(set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters, sizeof(parameters)) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(!ndshm_queue_get_config(adapter, queue, &config, NULL));
	CHECK(!strcmp(config.name, "second"));
	CHECK(config.buffers == 512 && config.affinity == 6);
	parameters.Flags =
		NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
		NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
	CHECK(set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters, sizeof(parameters)) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	parameters.ProcessorAffinity.Mask = 8;
	parameters.ProcessorAffinity.Group = 3;
	CHECK(set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters, sizeof(parameters)) ==
	      NDIS_STATUS_SUCCESS);
	CHECK(!ndshm_queue_get_config(adapter, queue, &config, NULL));
	CHECK(config.buffers == 64 && config.affinity == 8 && config.affinity_group == 3);
	parameters.QueueId = 12345;
	CHECK(set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters, sizeof(parameters)) ==
	      NDIS_STATUS_INVALID_PARAMETER);
	return free_queue(queue) == NDIS_STATUS_SUCCESS;
}

bool own_oids(struct bench *bench)
{
	CHECK(with_miniport(bench, bad_buffers));
	CHECK(with_miniport(bench, bad_arrays));
	CHECK(with_miniport(bench, configuration));
	return true;
}

/* After a failure of the miniport nothing has changed, and the status is a documented one. */
static bool failures(struct bench *bench)
{
	u32 queue, filter, before;

	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(allocate(&queue) == NDIS_STATUS_FAILURE);
	CHECK(!queue && miniport.state == NDSHM_QUEUE_ALLOCATED);
	miniport.status = NDIS_STATUS_NOT_SUPPORTED;
	CHECK(allocate(&queue) == NDIS_STATUS_NOT_SUPPORTED);

	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_FAILURE);
	CHECK(state_of(queue) == NDSHM_QUEUE_ALLOCATED);
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_FILE_NOT_FOUND);
	CHECK(finish(queue) == NDIS_STATUS_FAILURE);
	CHECK(state_of(queue) == NDSHM_QUEUE_ALLOCATED);
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_SUCCESS);
	/* A filter of another queue. */
	CHECK(clear_filter(0, filter) == NDIS_STATUS_FILE_NOT_FOUND);
	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_NOT_ACCEPTED);
	CHECK(state_of(queue) == NDSHM_QUEUE_SET);
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_SUCCESS);

	/* A queue whose free failed can be freed again. */
	miniport.indicate = false;
	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(free_queue(queue) == NDIS_STATUS_REQUEST_ABORTED);
	CHECK(state_of(queue) == NDSHM_QUEUE_STOP_DMA);
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_INVALID_PARAMETER);
	miniport.status = NDIS_STATUS_SUCCESS;
	before = miniport.calls;
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	CHECK(miniport.calls == before + 1);
	CHECK(state_of(queue) == NDSHM_QUEUE_UNDEFINED);
	return true;
}

/* Without a miniport every request succeeds. */
static bool no_miniport(struct bench *bench)
{
	NDIS_OID_REQUEST request = request_of(NdisRequestMethod,
					      OID_RECEIVE_FILTER_ALLOCATE_QUEUE);

	request.DATA.METHOD_INFORMATION.InformationBuffer = &parameters;
	request.DATA.METHOD_INFORMATION.InputBufferLength = sizeof(parameters);
	request.DATA.METHOD_INFORMATION.OutputBufferLength = sizeof(parameters);
	CHECK(ndshm_ndis_oid(bench->adapter, NULL, &request) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(parameters.QueueId) == NDSHM_QUEUE_ALLOCATED);
	return free_queue(parameters.QueueId) == NDIS_STATUS_SUCCESS;
}

/* Indications that have no effect, and completions of no request. */
static bool stray(struct bench *bench)
{
	NDIS_OID_REQUEST request = request_of(NdisRequestMethod,
					      OID_RECEIVE_FILTER_ALLOCATE_QUEUE);
	u32 queue;

	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	indicate(bench->adapter, queue, NdisReceiveQueueOperationalStateDmaStopped);
	indicate(bench->adapter, queue, NdisReceiveQueueOperationalStatePaused);
	indicate(bench->adapter, 12345, NdisReceiveQueueOperationalStateDmaStopped);
	indicate(bench->driver, queue, NdisReceiveQueueOperationalStateDmaStopped);
	indicate(NULL, queue, NdisReceiveQueueOperationalStateDmaStopped);
	NdisMIndicateStatusEx(bench->adapter, NULL);
	NdisMOidRequestComplete(bench->adapter, &request, NDIS_STATUS_SUCCESS);
	NdisMOidRequestComplete(NULL, &request, NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_ALLOCATED);
	/* The state that this indicates is no reason to end the queue. */
	miniport.indicate = false;
	miniport.status = NDIS_STATUS_REQUEST_ABORTED;
	CHECK(free_queue(queue) == NDIS_STATUS_REQUEST_ABORTED);
	indicate(bench->adapter, queue, NdisReceiveQueueOperationalStateRunning);
	CHECK(state_of(queue) == NDSHM_QUEUE_STOP_DMA);
	miniport.status = NDIS_STATUS_SUCCESS;
	return free_queue(queue) == NDIS_STATUS_SUCCESS;
}

/* Only an indication that is whole ends a queue, which a free would not find any more. */
static bool malformed(struct bench *bench)
{
	const NDIS_STATUS code = NDIS_STATUS_RECEIVE_QUEUE_STATE;
	NDIS_RECEIVE_QUEUE_STATE state;
	u32 queue;

	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	miniport.indicate = false;
	miniport.status = NDIS_STATUS_REQUEST_ABORTED;
	CHECK(free_queue(queue) == NDIS_STATUS_REQUEST_ABORTED);
	state = queue_in(queue, NdisReceiveQueueOperationalStateDmaStopped);
	indicate_buffer(bench->adapter, code + 1, &state, sizeof(state));
	indicate_buffer(bench->adapter, code, NULL, sizeof(state));
	indicate_buffer(bench->adapter, code, &state,
			NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1 - 1);
	state.Header.Size--;
	indicate_buffer(bench->adapter, code, &state, sizeof(state));
	state.Header.Size++;
	state.Header.Revision = 0;
	indicate_buffer(bench->adapter, code, &state, sizeof(state));
	state.Header.Revision = NDIS_RECEIVE_QUEUE_STATE_REVISION_1;
	state.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
	indicate_buffer(bench->adapter, code, &state, sizeof(state));
	miniport.status = NDIS_STATUS_SUCCESS;
	return free_queue(queue) == NDIS_STATUS_SUCCESS;
}

/* The second completion of a request has no effect. */
static bool completed_twice(struct bench *bench)
{
	u32 queue;

	miniport.twice = true;
	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_ALLOCATED);
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	return true;
}

bool own_oid_miniport(struct bench *bench)
{
	CHECK(with_miniport(bench, failures));
	CHECK(with_miniport(bench, no_miniport));
	CHECK(with_miniport(bench, stray));
	CHECK(with_miniport(bench, malformed));
	CHECK(with_miniport(bench, completed_twice));
	return true;
}

/* A queue keeps the handle open; one of a native call is no queue of these requests. */
static bool keeps_open(struct bench *bench)
{
	static const struct ndshm_queue_ops no_callbacks;
	u32 queue, native, filter;

	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	CHECK(set_filter(queue, &filter) == NDIS_STATUS_SUCCESS);
	CHECK(clear_filter(queue, filter) == NDIS_STATUS_SUCCESS);
	CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);

	CHECK(check_queue_allocate(adapter, &no_callbacks, NULL, &native) == NDSHM_REASON_NONE);
	CHECK(set_filter(native, &filter) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(finish(native) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(free_queue(native) == NDIS_STATUS_INVALID_PARAMETER);
	CHECK(check_queue_free(adapter, native) == NDSHM_REASON_NONE);
	indicate(bench->adapter, native, NdisReceiveQueueOperationalStateDmaStopped);
	CHECK(state_of(native) == NDSHM_QUEUE_STOP_DMA);
	CHECK(check_queue_dma_stopped(adapter, native) == NDSHM_REASON_NONE);
	return true;
}

/* An indication after a failed free: the queue ends without a further request. */
static bool ends_late(struct bench *bench)
{
	u32 queue;

	CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
	miniport.indicate = false;
	miniport.status = NDIS_STATUS_REQUEST_ABORTED;
	CHECK(free_queue(queue) == NDIS_STATUS_REQUEST_ABORTED);
	indicate(bench->adapter, queue, NdisReceiveQueueOperationalStateDmaStopped);
	/* The close handles the indication first, whether or not the queue has ended then. */
	if (!ndshm_ndis_close(bench->adapter))
		bench->adapter = NULL;
	CHECK(state_of(queue) != NDSHM_QUEUE_STOP_DMA);
	return true;
}

/* The request to free a queue waits for its memory. */
static bool waits(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	NDIS_STATUS status;

	CHECK(allocate(&p.QueueId) == NDIS_STATUS_SUCCESS);
	CHECK(allocates(bench, bench->adapter, &p, &miniport.late));
	miniport.pend = true;
	status = free_queue(p.QueueId);
	complete(&miniport.returned);
	flush_work(&miniport.work);
	CHECK(status == NDIS_STATUS_SUCCESS && !miniport.early);
	return true;
}

static void nothing(struct work_struct *work)
{
}

/* An indication before a request to free the queue has no effect, even if it is handled late. */
static bool indicated_before(struct bench *bench)
{
	unsigned int i;
	u32 queue;

	for (i = 0; i < 20; i++) {
		CHECK(allocate(&queue) == NDIS_STATUS_SUCCESS);
		miniport.indicate = false;
		miniport.status = NDIS_STATUS_REQUEST_ABORTED;
		indicate(bench->adapter, queue, NdisReceiveQueueOperationalStateDmaStopped);
		CHECK(free_queue(queue) == NDIS_STATUS_REQUEST_ABORTED);
		/* Behind the work that handles indications, in the same workqueue. */
		INIT_WORK(&miniport.work, nothing);
		schedule_work(&miniport.work);
		flush_work(&miniport.work);
		CHECK(state_of(queue) == NDSHM_QUEUE_STOP_DMA);
		miniport.status = NDIS_STATUS_SUCCESS;
		CHECK(free_queue(queue) == NDIS_STATUS_SUCCESS);
	}
	return true;
}

bool own_oid_ends(struct bench *bench)
{
	CHECK(with_miniport(bench, waits));
	CHECK(with_miniport(bench, indicated_before));
	CHECK(with_miniport(bench, keeps_open));
	CHECK(with_miniport(bench, ends_late));
	while (bench->adapter && ndshm_ndis_close(bench->adapter) == -EBUSY)
		cond_resched();
	bench->adapter = NULL;
	return true;
}
