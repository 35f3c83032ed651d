// SPDX-License-Identifier: GPL-2.0
/*
 * The reason table: why a request failed, and what a caller that knows only
 * NDIS statuses or only errnos is told. Pure: no state.
 */
#include <linux/array_size.h>
#include <linux/errno.h>
#include <linux/export.h>

#include <ndshm/status.h>

struct reason_row {
	ndshm_status_t status;
	int error;
	const char *name;
};

#define ROW(reason_, status_, error_, name_) \
	[(__force u32)NDSHM_REASON_##reason_] = \
		{ NDSHM_STATUS_##status_, -(error_), name_ }

static const struct reason_row rows[] = {
	ROW(NONE, SUCCESS, 0, "none"),

	ROW(ARGUMENT_SHORT, INVALID_PARAMETER, EINVAL, "argument-short"),
	ROW(ARGUMENT_TAIL, UNSUPPORTED_REVISION, E2BIG, "argument-tail"),
	ROW(RESERVED, INVALID_PARAMETER, EINVAL, "reserved"),
	ROW(FLAGS, NOT_SUPPORTED, EOPNOTSUPP, "flags"),
	ROW(ADDRESS, INVALID_ADDRESS, EFAULT, "address"),

	ROW(CHARACTERISTICS_TYPE, BAD_CHARACTERISTICS, EINVAL,
	    "characteristics-type"),
	ROW(CHARACTERISTICS_REVISION, BAD_VERSION, EPROTONOSUPPORT,
	    "characteristics-revision"),
	ROW(CHARACTERISTICS_SIZE, BAD_CHARACTERISTICS, EINVAL,
	    "characteristics-size"),
	ROW(HANDLER_MISSING, BAD_CHARACTERISTICS, EINVAL, "handler-missing"),
	ROW(PARAMETERS_TYPE, INVALID_PARAMETER, EINVAL, "parameters-type"),
	ROW(PARAMETERS_REVISION, INVALID_PARAMETER, EINVAL,
	    "parameters-revision"),
	ROW(PARAMETERS_SIZE, INVALID_PARAMETER, EINVAL, "parameters-size"),

	ROW(USAGE, INVALID_PARAMETER, EINVAL, "usage"),
	ROW(LENGTH_ZERO, INVALID_PARAMETER, EINVAL, "length-zero"),
	ROW(LENGTH_LIMIT, INVALID_PARAMETER, EINVAL, "length-limit"),
	ROW(LENGTH_OVERFLOW, INVALID_PARAMETER, EOVERFLOW, "length-overflow"),
	ROW(NODE, INVALID_PARAMETER, EINVAL, "node"),
	ROW(QUEUE_AND_PORT, INVALID_PARAMETER, EINVAL, "queue-and-port"),
	ROW(QUEUE_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "queue-unsupported"),
	ROW(PORT_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "port-unsupported"),
	ROW(LIST, INVALID_PARAMETER, EINVAL, "list"),
	ROW(LIST_SHORT, BUFFER_TOO_SHORT, ENOSPC, "list-short"),
	ROW(COUNT, INVALID_PARAMETER, EINVAL, "count"),

	ROW(ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND, ENOENT, "adapter-unknown"),
	ROW(PROVIDER_UNKNOWN, FILE_NOT_FOUND, ENOENT, "provider-unknown"),
	ROW(HANDLE_UNKNOWN, FILE_NOT_FOUND, ENOENT, "handle-unknown"),
	ROW(ADAPTER_REMOVED, ADAPTER_REMOVED, ENODEV, "adapter-removed"),
	ROW(BLOCK_REVOKED, ADAPTER_REMOVED, ENODEV, "block-revoked"),

	ROW(ADAPTER_CLOSED, OPEN_FAILED, EACCES, "adapter-closed"),
	ROW(CLAIM_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "claim-unsupported"),
	ROW(CLAIM_BUSY, RESOURCE_CONFLICT, EBUSY, "claim-busy"),
	ROW(CLAIM_MISSING, INVALID_STATE, EBADFD, "claim-missing"),
	ROW(ADDRESS_WIDTH, INVALID_PARAMETER, EINVAL, "address-width"),
	ROW(WIDTH_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "width-unsupported"),
	ROW(NOT_ISOLATED, OPEN_FAILED, EPERM, "not-isolated"),
	ROW(UNISOLATED_OFF, OPEN_FAILED, EPERM, "unisolated-off"),
	ROW(LOCKDOWN, OPEN_FAILED, EPERM, "lockdown"),
	ROW(ADAPTER_DIRTY, OPEN_FAILED, EPERM, "adapter-dirty"),
	ROW(BAR, INVALID_PARAMETER, EINVAL, "bar"),
	ROW(BAR_NOT_MAPPABLE, NOT_SUPPORTED, EOPNOTSUPP, "bar-not-mappable"),

	ROW(PROVIDER_CLOSING, CLOSING, ESHUTDOWN, "provider-closing"),
	ROW(PROVIDER_IN_USE, BUSY, EBUSY, "provider-in-use"),
	ROW(SCOPE_TAKEN, RESOURCE_CONFLICT, EBUSY, "scope-taken"),
	ROW(NAME, INVALID_PARAMETER, EINVAL, "name"),
	ROW(NAME_TAKEN, RESOURCE_CONFLICT, EEXIST, "name-taken"),
	ROW(PROVIDER_RESOURCES, RESOURCES, ENOMEM, "provider-resources"),
	ROW(PROVIDER_INVALID, INVALID_PARAMETER, EINVAL, "provider-invalid"),
	ROW(PROVIDER_FAILURE, FAILURE, EIO, "provider-failure"),
	ROW(PROVIDER_UNDOCUMENTED, FAILURE, EIO, "provider-undocumented"),
	ROW(PROVIDER_NONSENSE, FAILURE, EIO, "provider-nonsense"),

	ROW(MEMORY, RESOURCES, ENOMEM, "memory"),
	ROW(MEMLOCK, RESOURCES, ENOMEM, "memlock"),
	ROW(HANDLES, RESOURCES, EDQUOT, "handles"),

	ROW(RANGE, INVALID_PARAMETER, EINVAL, "range"),
	ROW(DIRECTION, INVALID_PARAMETER, EINVAL, "direction"),

	ROW(SECTION_INITIAL, INVALID_PARAMETER, EINVAL, "section-initial"),
	ROW(SECTION_REVOKED, ADAPTER_REMOVED, ENODEV, "section-revoked"),
	ROW(SECTION_DELETED, CLOSING, EIDRM, "section-deleted"),
	ROW(SECTION_FULL, RESOURCES, ENOSPC, "section-full"),
	ROW(SECTION_BUSY, BUSY, EBUSY, "section-busy"),
	ROW(SECTION_READONLY, OPEN_FAILED, EROFS, "section-readonly"),
	ROW(NOT_CREATOR, OPEN_FAILED, EPERM, "not-creator"),
	ROW(PROVIDER_PAGELESS, NOT_SUPPORTED, EOPNOTSUPP,
	    "provider-pageless"),
	ROW(EXTENT_UNKNOWN, FILE_NOT_FOUND, ENOENT, "extent-unknown"),
	ROW(ALIGNMENT, INVALID_PARAMETER, EINVAL, "alignment"),
	ROW(DESCRIPTOR, INVALID_PARAMETER, EBADF, "descriptor"),
	ROW(DESCRIPTORS, RESOURCES, EMFILE, "descriptors"),
	ROW(SECTION_QUOTA, RESOURCES, EDQUOT, "section-quota"),
	ROW(HOLDER_QUOTA, RESOURCES, EDQUOT, "holder-quota"),
	ROW(RESERVE_QUOTA, RESOURCES, EDQUOT, "reserve-quota"),

	ROW(QUEUE_DEFAULT, INVALID_PARAMETER, EINVAL, "queue-default"),
	ROW(QUEUE_UNKNOWN, INVALID_PARAMETER, ENOENT, "queue-unknown"),
	ROW(QUEUE_STATE, INVALID_STATE, EBADFD, "queue-state"),
	ROW(PORT_UNKNOWN, INVALID_PARAMETER, ENOENT, "port-unknown"),
	ROW(PORT_STATE, INVALID_STATE, EBADFD, "port-state"),

	ROW(PENDING, PENDING, 0, "pending"),
	ROW(REQUESTS, RESOURCES, EAGAIN, "requests"),
	ROW(COOKIE, RESOURCE_CONFLICT, EEXIST, "cookie"),
	ROW(REQUEST_UNKNOWN, FILE_NOT_FOUND, ENOENT, "request-unknown"),
	ROW(REQUEST_ABORTED, REQUEST_ABORTED, ECANCELED, "request-aborted"),

	ROW(BYTE_QUOTA, RESOURCES, EDQUOT, "byte-quota"),
	ROW(ADAPTER_PERMISSION, OPEN_FAILED, EACCES, "adapter-permission"),
	ROW(PROVIDER_CLOSED, OPEN_FAILED, EACCES, "provider-closed"),
	ROW(PROVIDER_PERMISSION, OPEN_FAILED, EACCES, "provider-permission"),
	ROW(REQUEST_QUOTA, RESOURCES, EDQUOT, "request-quota"),
	ROW(CLIENT_QUOTA, RESOURCES, EDQUOT, "client-quota"),
	ROW(KEEP_REFUSED, OPEN_FAILED, EPERM, "keep-refused"),
};

static_assert(ARRAY_SIZE(rows) == NDSHM_REASON_COUNT_KNOWN);

static const struct reason_row *row_of(ndshm_reason_t reason)
{
	static const struct reason_row unknown = {
		NDSHM_STATUS_FAILURE, -EIO, "unknown"
	};
	u32 n = (__force u32)reason;

	return n < ARRAY_SIZE(rows) ? &rows[n] : &unknown;
}

ndshm_status_t ndshm_reason_status(ndshm_reason_t reason)
{
	return row_of(reason)->status;
}
EXPORT_SYMBOL_GPL(ndshm_reason_status);

int ndshm_reason_errno(ndshm_reason_t reason)
{
	return row_of(reason)->error;
}
EXPORT_SYMBOL_GPL(ndshm_reason_errno);

const char *ndshm_reason_name(ndshm_reason_t reason)
{
	return row_of(reason)->name;
}
EXPORT_SYMBOL_GPL(ndshm_reason_name);
