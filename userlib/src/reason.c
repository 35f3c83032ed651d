// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names and descriptions of reasons and statuses.
 */
#include <errno.h>

#include <ndshm/section.h>

#include "internal.h"

struct row {
	uint32_t status;
	int error;
	const char *name;
	const char *text;
};

#define NDSHM_REASON_ROW(reason_, status_, error_, name_, number_, text_) \
	[NDSHM_REASON_##reason_] = { NDSHM_STATUS_##status_, -(error_), name_, text_ },

static const struct row rows[] = {
#include <reason_rows.h>
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == NDSHM_REASON_COUNT_KNOWN, "a reason has no row");

/* Reasons that only the library has. */
static const struct row library_rows[] = {
	{ NDSHM_STATUS_INVALID_PARAMETER, -EINVAL, "pointer-foreign",
	  "pointer is not in memory of this process's allocator; free it in the process and section that allocated it" },
	{ NDSHM_STATUS_INVALID_PARAMETER, -EINVAL, "pointer-interior",
	  "pointer is inside an allocation; use the pointer that the allocation returned" },
	{ NDSHM_STATUS_INVALID_PARAMETER, -EINVAL, "pointer-freed",
	  "pointer is not allocated, and was probably freed before; free an allocation once" },
	{ NDSHM_STATUS_INVALID_STATE, -EBUSY, "pointer-lent",
	  "allocation is lent to another process; wait until it is returned, or recall it" },
	{ NDSHM_STATUS_OPEN_FAILED, -EAFNOSUPPORT, "netlink-refused",
	  "netlink is not permitted to this process; allow AF_NETLINK (RestrictAddressFamilies= of its systemd unit, or its seccomp filter)" },
	{ NDSHM_STATUS_RESOURCES, -ENOMEM, "mappings",
	  "process has the maximum number of mappings; unmap some, or raise vm.max_map_count (sysctl)" },
	{ NDSHM_STATUS_RESOURCES, -EAGAIN, "mlockall",
	  "mlockall(MCL_FUTURE) locks all of a new mapping, of a section its MaxSize, and RLIMIT_MEMLOCK permits less; raise the limit (ulimit -l), map less, or omit MCL_FUTURE" },
	{ NDSHM_STATUS_RESOURCES, -ENOMEM, "address-space",
	  "address space of the process has no room for the mapping; map less, or raise RLIMIT_AS (ulimit -v)" },
};

#define LIBRARY_FIRST	NDSHM_REASON_POINTER_FOREIGN

static const struct row *row_of(uint32_t reason)
{
	static const struct row unknown = {
		NDSHM_STATUS_FAILURE, -EIO, "unknown",
		"reason is not known to this library; use a newer library",
	};

	if (reason < NDSHM_REASON_COUNT_KNOWN)
		return &rows[reason];
	reason -= LIBRARY_FIRST;
	return reason < sizeof(library_rows) / sizeof(library_rows[0]) ? &library_rows[reason] :
									 &unknown;
}

uint32_t ndshm__reason_status(uint32_t reason)
{
	return row_of(reason)->status;
}

int ndshm__reason_errno(uint32_t reason)
{
	return row_of(reason)->error;
}

NDSHM_API const char *ndshm_reason_name(uint32_t reason)
{
	return row_of(reason)->name;
}

NDSHM_API const char *ndshm_reason_text(uint32_t reason)
{
	return row_of(reason)->text;
}

#define STATUS(name_) { NDSHM_STATUS_##name_, #name_ }

NDSHM_API const char *ndshm_status_name(uint32_t status)
{
	static const struct {
		uint32_t status;
		const char *name;
	} names[] = {
		STATUS(SUCCESS),
		STATUS(PENDING),
		STATUS(BUSY),
		STATUS(FAILURE),
		STATUS(INVALID_PARAMETER),
		STATUS(RESOURCES),
		STATUS(NOT_SUPPORTED),
		STATUS(INVALID_STATE),
		STATUS(CLOSING),
		STATUS(BAD_VERSION),
		STATUS(BAD_CHARACTERISTICS),
		STATUS(ADAPTER_NOT_FOUND),
		STATUS(OPEN_FAILED),
		STATUS(REQUEST_ABORTED),
		STATUS(BUFFER_TOO_SHORT),
		STATUS(ADAPTER_REMOVED),
		STATUS(FILE_NOT_FOUND),
		STATUS(RESOURCE_CONFLICT),
		STATUS(INVALID_ADDRESS),
		STATUS(UNSUPPORTED_REVISION),
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].status == status)
			return names[i].name;
	return "UNKNOWN";
}
