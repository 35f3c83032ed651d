// SPDX-License-Identifier: GPL-2.0
/*
 * What a kernel user is promised: outputs of a success and of a failure.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "mock.h"

#define RUBBISH		0x5a
#define RUBBISH_POINTER	((void *)0x5a5a5a5aUL)
#define RUBBISH_HANDLE	0x5a5a5a5aU

void mock_request_poison(struct mock_request *request,
			 struct ndshm_block **block)
{
	memset(request->segments, RUBBISH, sizeof(request->segments));
	request->list.segments = request->segments;
	request->list.count = RUBBISH_HANDLE;
	request->parameters.list = request->list.capacity ? &request->list :
							    NULL;
	request->parameters.virtual_address = RUBBISH_POINTER;
	request->parameters.shared_memory_handle = RUBBISH_HANDLE;
	*block = RUBBISH_POINTER;
}

static bool header_valid(const struct ndshm_object_header *header)
{
	return header->type == NDSHM_OBJECT_TYPE_DEFAULT && header->revision &&
	       header->size >= (header->revision == 1 ?
				NDSHM_SIZEOF_PARAMETERS_REVISION_1 :
				NDSHM_SIZEOF_PARAMETERS_REVISION_2);
}

static bool failed_well(const struct mock_request *request,
			ndshm_reason_t reason, const struct ndshm_block *block)
{
	const struct ndshm_parameters *p = &request->parameters;
	bool written = header_valid(&p->header);

	return !block &&
	       p->virtual_address == (written ? NULL : RUBBISH_POINTER) &&
	       p->shared_memory_handle == (written ? 0 : RUBBISH_HANDLE) &&
	       /* How many there are is told to whom has too little room. */
	       (request->list.count == RUBBISH_HANDLE ||
		reason == NDSHM_REASON_LIST_SHORT) &&
	       !memchr_inv(request->segments, RUBBISH, sizeof(request->segments));
}

static bool list_good(const struct mock_request *request)
{
	const struct ndshm_segment_list *list = &request->list;
	u32 i, used = list->capacity ? list->count : 0;
	u64 total = 0;

	if (!list->capacity)
		return !memchr_inv(request->segments, RUBBISH,
				   sizeof(request->segments));
	if (!used || used > list->capacity)
		return false;
	for (i = 0; i < used; i++)
		total += request->segments[i].length;
	return total >= PAGE_ALIGN(request->parameters.length) &&
	       !memchr_inv(request->segments + used, RUBBISH,
			   sizeof(request->segments) -
			   used * sizeof(*request->segments));
}

static bool succeeded_well(const struct mock_request *request,
			   const struct ndshm_block *block)
{
	const struct ndshm_parameters *p = &request->parameters;

	return block && p->virtual_address != RUBBISH_POINTER &&
	       p->shared_memory_handle &&
	       p->shared_memory_handle != RUBBISH_HANDLE && p->consumed &&
	       list_good(request);
}

bool mock_request_kept(const struct mock_request *request,
		       ndshm_reason_t reason, const struct ndshm_block *block)
{
	return reason == NDSHM_REASON_NONE ?
	       succeeded_well(request, block) :
	       failed_well(request, reason, block);
}

bool mock_request_zero(const struct mock_request *request)
{
	const struct ndshm_parameters *p = &request->parameters;

	return !p->virtual_address ||
	       !memchr_inv(p->virtual_address, 0, PAGE_ALIGN(p->length));
}
