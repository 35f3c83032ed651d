// SPDX-License-Identifier: GPL-2.0
/*
 * OID requests that create, complete and free receive queues.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/string.h>
#include <linux/workqueue.h>

#include <ndshm/adapter.h>
#include <ndshm/queue.h>

#include "../native.h"
#include "cases.h"
#include "oid.h"

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

/* What indicates that the DMA of a queue has stopped. */
static NDIS_RECEIVE_QUEUE_STATE stopped(u32 id)
{
	return (NDIS_RECEIVE_QUEUE_STATE){
		.Header = {
			NDIS_OBJECT_TYPE_DEFAULT, NDIS_RECEIVE_QUEUE_STATE_REVISION_1,
			NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1
		},
		.QueueId = id,
		.QueueState = NdisReceiveQueueOperationalStateDmaStopped,
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

static void indicate_stopped(NDIS_HANDLE handle, u32 id)
{
	NDIS_RECEIVE_QUEUE_STATE state = stopped(id);

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

/* QueueId is at the same place in the first two structures, and in the last two. */
static u32 queue_of(NDIS_OID oid, void *buffer)
{
	switch (oid) {
	case OID_RECEIVE_FILTER_ALLOCATE_QUEUE:
	case OID_RECEIVE_FILTER_SET_FILTER:
		return ((PNDIS_RECEIVE_FILTER_PARAMETERS)buffer)->QueueId;
	case OID_RECEIVE_FILTER_CLEAR_FILTER:
	case OID_RECEIVE_FILTER_FREE_QUEUE:
		return ((PNDIS_RECEIVE_QUEUE_FREE_PARAMETERS)buffer)->QueueId;
	default:
		return 0;
	}
}

static NDIS_STATUS handler(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
	struct miniport *port = context;
	void *buffer = request->DATA.SET_INFORMATION.InformationBuffer;
	NDIS_OID oid = request->DATA.SET_INFORMATION.Oid;
	u32 queue = queue_of(oid, buffer);

	port->calls++;
	port->oid = oid;
	port->state = state_of(queue);
	if (oid == OID_RECEIVE_FILTER_SET_FILTER)
		port->filter = ((PNDIS_RECEIVE_FILTER_PARAMETERS)buffer)->FilterId;
	if (oid == OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE && port->fails >= 0)
		oid_element(buffer, port->fails)->CompletionStatus = NDIS_STATUS_RESOURCES;
	if (oid == OID_RECEIVE_FILTER_FREE_QUEUE && port->indicate)
		indicate_stopped(port->bench->adapter, queue);
	if (oid == OID_RECEIVE_FILTER_FREE_QUEUE && port->free) {
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

/* The parameters are too large for a stack. */
static NDIS_RECEIVE_QUEUE_PARAMETERS parameters;

static void prepare_parameters(void)
{
	memset(&parameters, 0, sizeof(parameters));
	parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
	parameters.Header.Revision = NDIS_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	parameters.Header.Size = NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_2;
	parameters.QueueType = NdisReceiveQueueTypeVMQueue;
	parameters.ProcessorAffinity.Mask = 6;
	parameters.NumSuggestedReceiveBuffers = 512;
	oid_set_name(&parameters.QueueName, "rx 1");
	oid_set_name(&parameters.VmName, "guest");
}

static NDIS_STATUS allocate(u32 *id)
{
	NDIS_STATUS status = oid_method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &parameters,
				    sizeof(parameters));

	*id = parameters.QueueId;
	return status;
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
	overlying = (struct overlying){ .adapter = bench->adapter, .miniport = handler };
	INIT_WORK(&miniport.work, complete_later);
	init_completion(&miniport.returned);
	prepare_parameters();
	CHECK_STATUS(SUCCESS, NdisMSetMiniportAttributes(bench->adapter, &attributes));
	adapter = ndshm_adapter_find(bench->name);
	CHECK(adapter);
	passed = test(bench);
	ndshm_adapter_put(adapter);
	flush_work(&miniport.work);
	return passed;
}

/*
 * The life of a queue
 */

enum act { ALLOCATE, SET_FILTER, CLEAR_FILTER, FINISH, FREE };

static const NDIS_OID oids[] = {
	[ALLOCATE] = OID_RECEIVE_FILTER_ALLOCATE_QUEUE,
	[SET_FILTER] = OID_RECEIVE_FILTER_SET_FILTER,
	[CLEAR_FILTER] = OID_RECEIVE_FILTER_CLEAR_FILTER,
	[FINISH] = OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE,
	[FREE] = OID_RECEIVE_FILTER_FREE_QUEUE,
};

/*
 * Requests in the documented order, the state that follows, and the documented status that takes
 * the place of the miniport's RESOURCES.
 */
static const struct {
	enum act act;
	enum ndshm_queue_state state;
	NDIS_STATUS failed;
} lives[] = {
	{ ALLOCATE, NDSHM_QUEUE_ALLOCATED, NDIS_STATUS_FAILURE },
	{ SET_FILTER, NDSHM_QUEUE_SET, NDIS_STATUS_FAILURE },
	{ CLEAR_FILTER, NDSHM_QUEUE_ALLOCATED, NDIS_STATUS_NOT_ACCEPTED },
	{ SET_FILTER, NDSHM_QUEUE_SET, NDIS_STATUS_FAILURE },
	{ FINISH, NDSHM_QUEUE_RUNNING, NDIS_STATUS_FAILURE },
	{ SET_FILTER, NDSHM_QUEUE_RUNNING, NDIS_STATUS_FAILURE },
	{ CLEAR_FILTER, NDSHM_QUEUE_RUNNING, NDIS_STATUS_NOT_ACCEPTED },
	{ CLEAR_FILTER, NDSHM_QUEUE_PAUSED, NDIS_STATUS_NOT_ACCEPTED },
	{ SET_FILTER, NDSHM_QUEUE_RUNNING, NDIS_STATUS_FAILURE },
	{ CLEAR_FILTER, NDSHM_QUEUE_PAUSED, NDIS_STATUS_NOT_ACCEPTED },
	{ FREE, NDSHM_QUEUE_UNDEFINED, NDIS_STATUS_REQUEST_ABORTED },
};

/* A queue, and its filters with one that was refused. */
struct life {
	u32 queue;
	u32 filters[3];
	u32 count;
};

static NDIS_STATUS take(struct life *life, enum act act)
{
	NDIS_STATUS status;

	switch (act) {
	case ALLOCATE:
		return allocate(&life->queue);
	case SET_FILTER:
		status = oid_set_filter(life->queue, &life->filters[life->count]);
		life->count += status == NDIS_STATUS_SUCCESS;
		return status;
	case CLEAR_FILTER:
		status = oid_clear_filter(life->queue, life->filters[life->count - 1]);
		life->count -= status == NDIS_STATUS_SUCCESS;
		return status;
	case FINISH:
		return oid_finish(life->queue);
	default:
		return oid_free_queue(life->queue);
	}
}

/* After a failure of the miniport nothing has changed. A queue whose free failed stops. */
static bool fails(struct life *life, enum act act, NDIS_STATUS status)
{
	enum ndshm_queue_state before = state_of(life->queue);
	u32 filter;

	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK(take(life, act) == status);
	if (act == SET_FILTER)
		CHECK_STATUS(FILE_NOT_FOUND,
			     oid_clear_filter(life->queue, life->filters[life->count]));
	if (act == FREE) {
		CHECK(state_of(life->queue) == NDSHM_QUEUE_STOP_DMA);
		CHECK_STATUS(INVALID_PARAMETER, oid_set_filter(life->queue, &filter));
	} else {
		CHECK(state_of(life->queue) == before);
	}
	CHECK(act != ALLOCATE || (!life->queue && miniport.state == NDSHM_QUEUE_ALLOCATED));
	miniport.status = NDIS_STATUS_SUCCESS;
	return true;
}

/* How the miniport replies: later, also a second time, after a failure; or there is none. */
static const struct mode {
	bool pends;
	bool twice;
	bool fails;
	bool none;
} documented[] = {
	{}, { .pends = true },
}, chosen[] = {
	{ .fails = true }, { .fails = true, .pends = true }, { .twice = true }, { .none = true },
};
static const struct mode *mode;

/* Each request reaches the miniport once. */
static bool live(struct bench *bench)
{
	NDIS_SHARED_MEMORY_PARAMETERS p = request(bench);
	struct life life = {};
	unsigned int i, calls;

	miniport.pend = mode->pends;
	miniport.twice = mode->twice;
	miniport.indicate = !mode->fails;
	overlying.miniport = mode->none ? NULL : handler;
	for (i = 0; i < ARRAY_SIZE(lives); i++) {
		if (mode->fails)
			CHECK(fails(&life, lives[i].act, lives[i].failed));
		calls = miniport.calls;
		CHECK_STATUS(SUCCESS, take(&life, lives[i].act));
		CHECK(life.queue && life.queue <= U16_MAX);
		CHECK(state_of(life.queue) == lives[i].state);
		if (mode->none)
			continue;
		CHECK(miniport.calls == calls + 1 && miniport.oid == oids[lives[i].act]);
		if (lives[i].act == ALLOCATE)
			CHECK(miniport.state == NDSHM_QUEUE_ALLOCATED);
		if (lives[i].act == SET_FILTER)
			CHECK(miniport.filter && miniport.filter == life.filters[life.count - 1]);
		/* Memory that the miniport frees when the queue is freed. */
		if (lives[i].act == FINISH) {
			p.QueueId = life.queue;
			CHECK(allocates(bench, bench->adapter, &p, &miniport.free));
		}
		CHECK(life.count < 2 || life.filters[0] != life.filters[1]);
	}
	CHECK(mode->none || (miniport.state == NDSHM_QUEUE_STOP_DMA && !miniport.free));
	return true;
}

static bool live_in(struct bench *bench, const struct mode *modes, unsigned int count)
{
	for (mode = modes; mode < modes + count; mode++)
		CHECK(with_miniport(bench, live));
	return true;
}

/*
 * Documented behaviour
 */

/* Each element of a batch has a status of its own. */
static bool batch(struct bench *bench)
{
	u32 queues[OID_ELEMENTS], i;
	struct oid_array array;

	for (i = 0; i < OID_ELEMENTS; i++)
		CHECK_STATUS(SUCCESS, allocate(&queues[i]));
	CHECK(queues[0] != queues[1] && queues[1] != queues[2] && queues[0] != queues[2]);
	array = oid_array_of(OID_ELEMENTS, queues);
	miniport.fails = 1;
	CHECK_STATUS(SUCCESS, oid_finish_array(&array));
	miniport.fails = -1;
	for (i = 0; i < OID_ELEMENTS; i++) {
		CHECK(oid_element(&array, i)->CompletionStatus ==
		      (i == 1 ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS));
		CHECK(state_of(queues[i]) ==
		      (i == 1 ? NDSHM_QUEUE_ALLOCATED : NDSHM_QUEUE_PAUSED));
	}
	CHECK_STATUS(SUCCESS, oid_finish(queues[1]));
	CHECK(state_of(queues[1]) == NDSHM_QUEUE_PAUSED);
	for (i = 0; i < OID_ELEMENTS; i++)
		CHECK_STATUS(SUCCESS, oid_free_queue(queues[i]));
	return true;
}

/* The statuses that the pages document. */
static bool statuses(struct bench *bench)
{
	NDIS_OID_REQUEST request = oid_request(NdisRequestMethod,
					       OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &parameters,
					       sizeof(parameters));
	u32 queue, filter, calls = miniport.calls;

	request.DATA.METHOD_INFORMATION.OutputBufferLength =
		NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1 - 1;
	CHECK_STATUS(INVALID_LENGTH, oid_send(&request));
	CHECK(request.DATA.METHOD_INFORMATION.BytesNeeded ==
	      NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1);
	parameters.ProcessorAffinity.Mask = 0;
	CHECK_STATUS(INVALID_PARAMETER, allocate(&queue));
	prepare_parameters();
	parameters.LookaheadSize = 64;
	CHECK_STATUS(INVALID_PARAMETER, allocate(&queue));
	CHECK_STATUS(INVALID_PARAMETER, oid_free_queue(NDIS_DEFAULT_RECEIVE_QUEUE_ID));
	CHECK_STATUS(INVALID_PARAMETER, oid_free_queue(12345));
	CHECK_STATUS(FILE_NOT_FOUND, oid_clear_filter(0, 12345));
	CHECK(miniport.calls == calls);
	miniport.status = NDIS_STATUS_NOT_SUPPORTED;
	parameters.Flags = NDIS_RECEIVE_QUEUE_PARAMETERS_LOOKAHEAD_SPLIT_REQUIRED;
	CHECK_STATUS(NOT_SUPPORTED, allocate(&queue));
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK_STATUS(SUCCESS, allocate(&queue));
	/* All filters must be cleared before, with the id of the queue. */
	CHECK_STATUS(SUCCESS, oid_set_filter(queue, &filter));
	CHECK_STATUS(INVALID_PARAMETER, oid_free_queue(queue));
	CHECK_STATUS(FILE_NOT_FOUND, oid_clear_filter(0, filter));
	CHECK_STATUS(SUCCESS, oid_clear_filter(queue, filter));
	CHECK_STATUS(FILE_NOT_FOUND, oid_clear_filter(queue, filter));
	CHECK_STATUS(SUCCESS, oid_free_queue(queue));
	/* The default queue can always have filters. */
	CHECK_STATUS(SUCCESS, oid_set_filter(NDIS_DEFAULT_RECEIVE_QUEUE_ID, &filter));
	CHECK_STATUS(SUCCESS, oid_clear_filter(NDIS_DEFAULT_RECEIVE_QUEUE_ID, filter));
	return true;
}

bool ndis_oids(struct bench *bench)
{
	return live_in(bench, documented, ARRAY_SIZE(documented)) &&
	       with_miniport(bench, batch) && with_miniport(bench, statuses);
}

/*
 * Choices of ndshm
 */

static bool bad_requests(struct bench *bench)
{
	static const struct {
		NDIS_REQUEST_TYPE type;
		NDIS_OID oid;
	} unsupported[] = {
		{ NdisRequestQueryInformation, OID_RECEIVE_FILTER_QUEUE_PARAMETERS },
		{ NdisRequestSetInformation, 0x00010106 },
		{ NdisRequestSetInformation, OID_RECEIVE_FILTER_ALLOCATE_QUEUE },
		{ NdisRequestMethod, OID_RECEIVE_FILTER_FREE_QUEUE },
	};
	NDIS_OID_REQUEST request;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(unsupported); i++) {
		request = oid_request(unsupported[i].type, unsupported[i].oid, NULL, 0);
		CHECK_STATUS(NOT_SUPPORTED, oid_send(&request));
	}
	CHECK_STATUS(INVALID_PARAMETER, ndshm_ndis_oid(bench->driver, handler, &request));
	request.Header.Size--;
	CHECK_STATUS(INVALID_PARAMETER, oid_send(&request));
	CHECK_STATUS(INVALID_PARAMETER, oid_send(NULL));
	CHECK_STATUS(INVALID_PARAMETER, oid_method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NULL,
						   sizeof(parameters)));
	return true;
}

static bool bad_buffers(struct bench *bench)
{
	NDIS_RECEIVE_FILTER_PARAMETERS filter = oid_filter_of(0);
	u32 queue;

#define BAD(member, value) do { \
	parameters.member = (value); \
	CHECK_STATUS(INVALID_PARAMETER, allocate(&queue)); \
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
	CHECK_STATUS(INVALID_LENGTH, oid_method(OID_RECEIVE_FILTER_ALLOCATE_QUEUE, &parameters,
						NDIS_SIZEOF_RECEIVE_QUEUE_PARAMETERS_REVISION_1));
	prepare_parameters();

	/* Ports have no filters. VPortId belongs to revision 2. */
	filter.VPortId = 1;
#define FILTER(status) \
	CHECK_STATUS(status, oid_method(OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof(filter)))
	FILTER(SUCCESS);
	CHECK_STATUS(SUCCESS, oid_clear_filter(0, filter.FilterId));
	filter.Header.Revision = NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2;
	FILTER(INVALID_PARAMETER);
	filter.Header.Size = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2;
	FILTER(INVALID_PARAMETER);
	filter.VPortId = NDIS_DEFAULT_VPORT_ID;
	filter.QueueId = 12345;
	FILTER(INVALID_PARAMETER);
#undef FILTER
	return true;
}

static bool bad_arrays(struct bench *bench)
{
	u32 queues[OID_ELEMENTS] = { 12345 };
	struct oid_array array;

	CHECK_STATUS(INVALID_PARAMETER, oid_finish(queues[0]));
	CHECK_STATUS(SUCCESS, allocate(&queues[0]));
#define BAD(member, value, status) do { \
	array = oid_array_of(1, queues); \
	array.head.member = (value); \
	CHECK_STATUS(status, oid_finish_array(&array)); \
} while (0)
	BAD(ElementSize, NDIS_SIZEOF_RECEIVE_QUEUE_ALLOCATION_COMPLETE_PARAMETERS_REVISION_1 - 1,
	    INVALID_PARAMETER);
	BAD(FirstElementOffset, U32_MAX - 7, INVALID_LENGTH);
	BAD(FirstElementOffset, 0, INVALID_PARAMETER);
	BAD(FirstElementOffset, array.head.FirstElementOffset + 1, INVALID_PARAMETER);
	BAD(NumElements, OID_ELEMENTS + 1, INVALID_LENGTH);
#undef BAD
	array.head.NumElements = OID_ELEMENTS;
	CHECK_STATUS(INVALID_LENGTH,
		     oid_method(OID_RECEIVE_FILTER_QUEUE_ALLOCATION_COMPLETE, &array,
				sizeof(array) - 1));
	array.head.NumElements = U32_MAX;
	array.head.ElementSize = U32_MAX - 3;
	CHECK_STATUS(INVALID_LENGTH, oid_finish_array(&array));
	array = oid_array_of(1, queues);
	oid_element(&array, 0)->Header.Size--;
	CHECK_STATUS(INVALID_PARAMETER, oid_finish_array(&array));
	array = oid_array_of(0, queues);
	array.head.FirstElementOffset = U32_MAX;
	CHECK_STATUS(SUCCESS, oid_finish_array(&array));
	CHECK(state_of(queues[0]) == NDSHM_QUEUE_ALLOCATED);

	/* The same queue twice is complete once, and not again. */
	queues[1] = queues[0];
	array = oid_array_of(2, queues);
	CHECK_STATUS(SUCCESS, oid_finish_array(&array));
	CHECK_STATUS(SUCCESS, oid_element(&array, 0)->CompletionStatus);
	CHECK_STATUS(INVALID_PARAMETER, oid_element(&array, 1)->CompletionStatus);
	CHECK_STATUS(INVALID_PARAMETER, oid_finish(queues[0]));
	CHECK_STATUS(SUCCESS, oid_free_queue(queues[0]));
	return true;
}

static NDIS_STATUS change(ULONG flags)
{
	parameters.Flags = flags;
	return oid_set(OID_RECEIVE_FILTER_QUEUE_PARAMETERS, &parameters,
		       sizeof(parameters));
}

/* What users see of a queue for the virtual machine "guest". */
static bool users_see(u32 queue, const char *name, u32 buffers, u64 affinity, u32 group)
{
	struct ndshm_queue_config config;

	CHECK(!ndshm_queue_get_config(adapter, queue, &config, NULL));
	CHECK(!strcmp(config.name, name) && !strcmp(config.vm_name, "guest"));
	CHECK(config.affinity == affinity && config.affinity_group == group);
	CHECK(config.buffers == buffers && !config.lookahead);
	return true;
}

static bool configuration(struct bench *bench)
{
	const ULONG numbers = NDIS_RECEIVE_QUEUE_PARAMETERS_SUGGESTED_RECV_BUFFER_NUMBERS_CHANGED |
			      NDIS_RECEIVE_QUEUE_PARAMETERS_PROCESSOR_AFFINITY_CHANGED;
	u32 queue;

	parameters.ProcessorAffinity.Group = 2;
	parameters.QueueName.String[1] = 0x20ac;
	parameters.VmName.String[5] = 0;
	parameters.VmName.Length += sizeof(WCHAR);
	CHECK_STATUS(SUCCESS, allocate(&queue));
	CHECK(users_see(queue, "r? 1", 512, 6, 2));

	/* Only what the flags name changes, and only if the miniport agrees. */
	oid_set_name(&parameters.QueueName, "second");
	parameters.NumSuggestedReceiveBuffers = 64;
	parameters.ProcessorAffinity.Mask = 0;
	miniport.status = NDIS_STATUS_RESOURCES;
	CHECK_STATUS(FAILURE, change(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED));
	CHECK(users_see(queue, "r? 1", 512, 6, 2));
	miniport.status = NDIS_STATUS_SUCCESS;
	CHECK_STATUS(SUCCESS, change(NDIS_RECEIVE_QUEUE_PARAMETERS_NAME_CHANGED));
	CHECK(users_see(queue, "second", 512, 6, 2));
	CHECK_STATUS(INVALID_PARAMETER, change(numbers));
	parameters.ProcessorAffinity.Mask = 8;
	parameters.ProcessorAffinity.Group = 3;
	CHECK_STATUS(SUCCESS, change(numbers));
	CHECK(users_see(queue, "second", 64, 8, 3));
	parameters.QueueId = 12345;
	CHECK_STATUS(INVALID_PARAMETER, change(numbers));
	CHECK_STATUS(SUCCESS, oid_free_queue(queue));
	return true;
}

bool own_oids(struct bench *bench)
{
	return with_miniport(bench, bad_requests) && with_miniport(bench, bad_buffers) &&
	       with_miniport(bench, bad_arrays) && with_miniport(bench, configuration);
}

/* Allocate a queue, and let its free fail, so that the miniport has it still. */
static bool begin_free(u32 *queue)
{
	CHECK_STATUS(SUCCESS, allocate(queue));
	miniport.indicate = false;
	miniport.status = NDIS_STATUS_REQUEST_ABORTED;
	CHECK_STATUS(REQUEST_ABORTED, oid_free_queue(*queue));
	miniport.status = NDIS_STATUS_SUCCESS;
	return true;
}

/* Indications without effect, and completions of no request. */
static bool stray(struct bench *bench)
{
	NDIS_OID_REQUEST request = oid_request(NdisRequestMethod,
					       OID_RECEIVE_FILTER_ALLOCATE_QUEUE, NULL, 0);
	u32 queue;

	CHECK_STATUS(SUCCESS, allocate(&queue));
	indicate_stopped(bench->adapter, queue);
	indicate_stopped(bench->adapter, 12345);
	indicate_stopped(bench->driver, queue);
	indicate_stopped(NULL, queue);
	NdisMIndicateStatusEx(bench->adapter, NULL);
	NdisMOidRequestComplete(bench->adapter, &request, NDIS_STATUS_SUCCESS);
	NdisMOidRequestComplete(NULL, &request, NDIS_STATUS_SUCCESS);
	CHECK(state_of(queue) == NDSHM_QUEUE_ALLOCATED);
	CHECK_STATUS(SUCCESS, oid_free_queue(queue));
	return true;
}

/* Only an indication that is whole ends a queue, which a free would not find any more. */
static bool malformed(struct bench *bench)
{
	const NDIS_STATUS code = NDIS_STATUS_RECEIVE_QUEUE_STATE;
	NDIS_RECEIVE_QUEUE_STATE state;
	u32 queue;

	CHECK(begin_free(&queue));
#define BAD(member, value) do { \
	state = stopped(queue); \
	state.member = (value); \
	indicate_buffer(bench->adapter, code, &state, sizeof(state)); \
} while (0)
	BAD(QueueState, NdisReceiveQueueOperationalStateRunning);
	BAD(Header.Size, NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1 - 1);
	BAD(Header.Revision, 0);
	BAD(Header.Type, NDIS_OBJECT_TYPE_STATUS_INDICATION);
#undef BAD
	state = stopped(queue);
	indicate_buffer(bench->adapter, code + 1, &state, sizeof(state));
	indicate_buffer(bench->adapter, code, NULL, sizeof(state));
	indicate_buffer(bench->adapter, code, &state,
			NDIS_SIZEOF_NDIS_RECEIVE_QUEUE_STATE_REVISION_1 - 1);
	CHECK(state_of(queue) == NDSHM_QUEUE_STOP_DMA);
	CHECK_STATUS(SUCCESS, oid_free_queue(queue));
	return true;
}

bool own_oid_miniport(struct bench *bench)
{
	return live_in(bench, chosen, ARRAY_SIZE(chosen)) &&
	       with_miniport(bench, stray) && with_miniport(bench, malformed);
}

/* A queue keeps the handle open; one of a native call is no queue of these requests. */
static bool keeps_open(struct bench *bench)
{
	static const struct ndshm_queue_ops no_callbacks;
	u32 queue, native, filter;

	CHECK_STATUS(SUCCESS, allocate(&queue));
	CHECK(ndshm_ndis_close(bench->adapter) == -EBUSY);
	CHECK_STATUS(SUCCESS, oid_set_filter(queue, &filter));
	CHECK_STATUS(SUCCESS, oid_clear_filter(queue, filter));
	CHECK_STATUS(SUCCESS, oid_free_queue(queue));

	CHECK_REASON(NONE, check_queue_allocate(adapter, &no_callbacks, NULL, &native));
	CHECK_STATUS(INVALID_PARAMETER, oid_set_filter(native, &filter));
	CHECK_STATUS(INVALID_PARAMETER, oid_finish(native));
	CHECK_STATUS(INVALID_PARAMETER, oid_free_queue(native));
	CHECK_REASON(NONE, check_queue_free(adapter, native));
	indicate_stopped(bench->adapter, native);
	CHECK(state_of(native) == NDSHM_QUEUE_STOP_DMA);
	CHECK_REASON(NONE, check_queue_dma_stopped(adapter, native));
	return true;
}

/* An indication after a failed free: the queue ends without a further request. */
static bool ends_late(struct bench *bench)
{
	u32 queue;

	CHECK(begin_free(&queue));
	indicate_stopped(bench->adapter, queue);
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

	CHECK_STATUS(SUCCESS, allocate(&p.QueueId));
	CHECK(allocates(bench, bench->adapter, &p, &miniport.late));
	miniport.pend = true;
	status = oid_free_queue(p.QueueId);
	complete(&miniport.returned);
	flush_work(&miniport.work);
	CHECK_STATUS(SUCCESS, status);
	CHECK(!miniport.early);
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
		CHECK_STATUS(SUCCESS, allocate(&queue));
		miniport.indicate = false;
		miniport.status = NDIS_STATUS_REQUEST_ABORTED;
		indicate_stopped(bench->adapter, queue);
		CHECK_STATUS(REQUEST_ABORTED, oid_free_queue(queue));
		/* Behind the work that handles indications, in the same workqueue. */
		INIT_WORK(&miniport.work, nothing);
		schedule_work(&miniport.work);
		flush_work(&miniport.work);
		CHECK(state_of(queue) == NDSHM_QUEUE_STOP_DMA);
		miniport.status = NDIS_STATUS_SUCCESS;
		CHECK_STATUS(SUCCESS, oid_free_queue(queue));
	}
	return true;
}

bool own_oid_ends(struct bench *bench)
{
	CHECK(with_miniport(bench, waits) && with_miniport(bench, indicated_before));
	CHECK(with_miniport(bench, keeps_open) && with_miniport(bench, ends_late));
	while (bench->adapter && ndshm_ndis_close(bench->adapter) == -EBUSY)
		cond_resched();
	bench->adapter = NULL;
	return true;
}
