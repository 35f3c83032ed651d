// SPDX-License-Identifier: LGPL-2.1-or-later
#include "protocol.h"

const char *operation_name(uint32_t operation)
{
	static const char *const names[OPERATIONS] = {
		[OPERATION_CRC32] = "crc32",
		[OPERATION_UPPER] = "upper",
		[OPERATION_REVERSE] = "reverse",
	};

	return operation && operation < OPERATIONS ? names[operation] : "unknown";
}

const char *status_name(uint32_t status)
{
	static const char *const names[STATUSES] = {
		[STATUS_SERVED] = "served",
		[STATUS_MESSAGE] = "message",
		[STATUS_OPERATION] = "operation",
		[STATUS_CHUNKS] = "chunks",
		[STATUS_LIST_RANGE] = "list-range",
		[STATUS_LIST_MEMORY] = "list-memory",
		[STATUS_CHUNK_RANGE] = "chunk-range",
		[STATUS_CHUNK_MEMORY] = "chunk-memory",
		[STATUS_LENGTH] = "length",
		[STATUS_ROOM] = "room",
		[STATUS_ANSWER_RANGE] = "answer-range",
		[STATUS_ANSWER_MEMORY] = "answer-memory",
		[STATUS_CLIENTS] = "clients",
	};

	return status < STATUSES ? names[status] : "unknown";
}
