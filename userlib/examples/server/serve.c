// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <string.h>

#include "serve.h"

static enum status range_or_memory(int error, enum status range, enum status memory)
{
	if (!error)
		return STATUS_SERVED;
	return error == -ERANGE ? range : memory;
}

/* Checks the request without access to the section. */
static enum status check_request(const struct serve *serve)
{
	const struct request *request = &serve->request;
	void *unused;

	if (!request->operation || request->operation >= OPERATIONS)
		return STATUS_OPERATION;
	if (!request->chunks || request->chunks > PROTOCOL_CHUNKS)
		return STATUS_CHUNKS;
	/*
	 * Sums of untrusted numbers can overflow; ndshm_section_pointer() checks ranges without
	 * that.
	 */
	if (ndshm_section_pointer(serve->section, request->answer, request->room, &unused))
		return STATUS_ANSWER_RANGE;
	return STATUS_SERVED;
}

/* The copy of the list cannot change any more. */
static enum status copy_list(struct serve *serve)
{
	const struct request *request = &serve->request;

	return range_or_memory(ndshm_section_read(serve->section, request->list, serve->list,
						  request->chunks * sizeof(struct chunk)),
			       STATUS_LIST_RANGE, STATUS_LIST_MEMORY);
}

static enum status copy_chunk(struct serve *serve, const struct chunk *chunk)
{
	enum status status;
	void *unused;

	if (ndshm_section_pointer(serve->section, chunk->offset, chunk->length, &unused))
		return STATUS_CHUNK_RANGE;
	if (chunk->length > sizeof(serve->contents) - serve->length)
		return STATUS_LENGTH;
	status = range_or_memory(ndshm_section_read(serve->section, chunk->offset,
						    serve->contents + serve->length,
						    chunk->length),
				 STATUS_CHUNK_RANGE, STATUS_CHUNK_MEMORY);
	if (status == STATUS_SERVED)
		serve->length += chunk->length;
	return status;
}

static enum status copy_chunks(struct serve *serve)
{
	enum status status = STATUS_SERVED;

	serve->length = 0;
	for (uint32_t i = 0; status == STATUS_SERVED && i < serve->request.chunks; i++)
		status = copy_chunk(serve, &serve->list[i]);
	return status;
}

static enum status put_result(struct serve *serve)
{
	const struct request *request = &serve->request;

	if (operate_length(request->operation, serve->length) > request->room)
		return STATUS_ROOM;
	serve->length = operate(request->operation, serve->contents, serve->length);
	/* The target may be anywhere in the section: the client could write there itself. */
	return range_or_memory(ndshm_section_write(serve->section, request->answer, serve->contents,
						   serve->length),
			       STATUS_ANSWER_RANGE, STATUS_ANSWER_MEMORY);
}

struct answer serve(struct serve *serve, const void *message, size_t length)
{
	struct answer answer = { .status = STATUS_MESSAGE };
	enum status status;

	if (length != sizeof(serve->request))
		return answer;
	memcpy(&serve->request, message, length);
	status = check_request(serve);
	if (status == STATUS_SERVED)
		status = copy_list(serve);
	if (status == STATUS_SERVED)
		status = copy_chunks(serve);
	if (status == STATUS_SERVED)
		status = put_result(serve);
	answer.cookie = serve->request.cookie;
	answer.status = status;
	answer.length = status == STATUS_SERVED ? serve->length : 0;
	return answer;
}
