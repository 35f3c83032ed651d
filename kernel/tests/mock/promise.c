// SPDX-License-Identifier: GPL-2.0
/*
 * Checks of the outputs of ndshm_allocate(), after success and failure.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "../native.h"
#include "mock.h"

#define RUBBISH		0x5a
#define RUBBISH_POINTER	((void *)0x5a5a5a5aUL)
#define RUBBISH_HANDLE	0x5a5a5a5aU

static void poison(struct mock_request *request)
{
	struct ndshm_parameters *p = &request->parameters;

	memset(request->guard0, RUBBISH, sizeof(request->guard0));
	memset(request->guard1, RUBBISH, sizeof(request->guard1));
	memset(request->guard2, RUBBISH, sizeof(request->guard2));
	memset(request->guard3, RUBBISH, sizeof(request->guard3));
	memset(request->guard4, RUBBISH, sizeof(request->guard4));
	memset(request->segments, RUBBISH, sizeof(request->segments));
	request->list.segments = request->segments;
	request->list.count = RUBBISH_HANDLE;
	request->block = RUBBISH_POINTER;
	p->list = request->list.capacity ? &request->list : NULL;
	p->virtual_address = RUBBISH_POINTER;
	p->shared_memory_handle = RUBBISH_HANDLE;
	p->consumed = RUBBISH_HANDLE;
	p->needs_sync = true;
	/* Revision 1 has no port: the member must not be read. */
	if (p->header.revision == NDSHM_PARAMETERS_REVISION_1)
		p->vport_id = RUBBISH_HANDLE;
}

static bool header_valid(const struct ndshm_object_header *header)
{
	return header->type == NDSHM_OBJECT_TYPE_DEFAULT && header->revision &&
	       header->size >= (header->revision == 1 ?
				NDSHM_SIZEOF_PARAMETERS_REVISION_1 :
				NDSHM_SIZEOF_PARAMETERS_REVISION_2);
}

/* After a failure only these members may differ from the inputs. */
static bool failed_well(struct mock_request *expected,
			const struct mock_request *request,
			ndshm_reason_t reason)
{
	const struct ndshm_segment_list *list = &request->list;

	expected->block = NULL;
	if (header_valid(&request->parameters.header)) {
		expected->parameters.virtual_address = NULL;
		expected->parameters.shared_memory_handle = 0;
	}
	/* LIST_SHORT also reports the required capacity. */
	if (reason != NDSHM_REASON_LIST_SHORT)
		return true;
	expected->list.count = list->count;
	return list->capacity && list->count > list->capacity &&
	       list->count != RUBBISH_HANDLE;
}

static bool list_good(const struct mock_request *request)
{
	const struct ndshm_segment_list *list = &request->list;
	u64 total = 0;
	u32 i;

	if (!list->count || list->count > list->capacity)
		return false;
	for (i = 0; i < list->count; i++)
		total += request->segments[i].length;
	return total >= PAGE_ALIGN(request->parameters.length);
}

/* After a success only the outputs may differ from the inputs. */
static bool succeeded_well(struct mock_request *expected,
			   const struct mock_request *request)
{
	const struct ndshm_parameters *p = &request->parameters;

	expected->block = request->block;
	expected->parameters.virtual_address = p->virtual_address;
	expected->parameters.shared_memory_handle = p->shared_memory_handle;
	expected->parameters.consumed = p->consumed;
	expected->parameters.needs_sync = p->needs_sync;
	if (expected->list.capacity) {
		if (!list_good(request))
			return false;
		expected->list.count = request->list.count;
		memcpy(expected->segments, request->segments,
		       request->list.count * sizeof(*request->segments));
	}
	return request->block && request->block != RUBBISH_POINTER &&
	       p->virtual_address != RUBBISH_POINTER &&
	       p->shared_memory_handle &&
	       p->shared_memory_handle != RUBBISH_HANDLE &&
	       p->consumed && p->consumed != RUBBISH_HANDLE;
}

ndshm_reason_t mock_request_try(struct mock_request *request, bool *kept)
{
	struct mock_request expected;
	ndshm_reason_t reason;

	poison(request);
	/* Includes the pointers to the list and the segments, which must not change. */
	memcpy(&expected, request, sizeof(expected));
	reason = check_allocate(&request->parameters, &request->block);
	*kept = reason == NDSHM_REASON_NONE ?
		succeeded_well(&expected, request) :
		failed_well(&expected, request, reason);
	if (memcmp(&expected, request, sizeof(expected)))
		*kept = false;
	return reason;
}

bool mock_request_zero(const struct mock_request *request)
{
	const struct ndshm_parameters *p = &request->parameters;

	return !p->virtual_address ||
	       !memchr_inv(p->virtual_address, 0, PAGE_ALIGN(p->length));
}
