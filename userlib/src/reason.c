// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Names and descriptions of reasons and statuses. Numbers, statuses and errnos are those
 * of the module.
 */
#include <errno.h>

#include "internal.h"

struct row {
	uint32_t status;
	int error;
	const char *name;
	const char *text;
};

#define ROW(reason_, status_, error_, name_, text_) \
	[NDSHM_REASON_##reason_] = { NDSHM_STATUS_##status_, -(error_), name_, text_ }

static const struct row rows[] = {
	ROW(NONE, SUCCESS, 0, "none",
	    "nothing failed, or the module was not asked"),

	ROW(ARGUMENT_SHORT, INVALID_PARAMETER, EINVAL, "argument-short",
	    "the argument is shorter than the module needs: use a library as new as the module"),
	ROW(ARGUMENT_TAIL, UNSUPPORTED_REVISION, E2BIG, "argument-tail",
	    "the argument uses a member that the module does not know: load a newer module"),
	ROW(RESERVED, INVALID_PARAMETER, EINVAL, "reserved",
	    "a reserved member of the argument is not zero: clear the argument before it is filled in"),
	ROW(FLAGS, NOT_SUPPORTED, EOPNOTSUPP, "flags",
	    "a flag is not known: leave it out, or load a newer module"),
	ROW(ADDRESS, INVALID_ADDRESS, EFAULT, "address",
	    "memory that the argument points to cannot be accessed: check the pointers"),

	ROW(CHARACTERISTICS_TYPE, BAD_CHARACTERISTICS, EINVAL, "characteristics-type",
	    "the provider's characteristics have the wrong object type: correct the provider"),
	ROW(CHARACTERISTICS_REVISION, BAD_VERSION, EPROTONOSUPPORT, "characteristics-revision",
	    "the provider's characteristics have revision 0: correct the provider"),
	ROW(CHARACTERISTICS_SIZE, BAD_CHARACTERISTICS, EINVAL, "characteristics-size",
	    "the provider's characteristics are smaller than their revision: correct the provider"),
	ROW(HANDLER_MISSING, BAD_CHARACTERISTICS, EINVAL, "handler-missing",
	    "the provider lacks its allocate or its free handler: correct the provider"),
	ROW(PARAMETERS_TYPE, INVALID_PARAMETER, EINVAL, "parameters-type",
	    "the parameters have the wrong object type: correct the caller"),
	ROW(PARAMETERS_REVISION, INVALID_PARAMETER, EINVAL, "parameters-revision",
	    "the parameters have revision 0: correct the caller"),
	ROW(PARAMETERS_SIZE, INVALID_PARAMETER, EINVAL, "parameters-size",
	    "the parameters are smaller than their revision: correct the caller"),

	ROW(USAGE, INVALID_PARAMETER, EINVAL, "usage",
	    "the usage is not one that a client may ask for: choose another, \"other\" if none fits"),
	ROW(LENGTH_ZERO, INVALID_PARAMETER, EINVAL, "length-zero",
	    "the length is 0: ask for one byte at least"),
	ROW(LENGTH_LIMIT, INVALID_PARAMETER, EINVAL, "length-limit",
	    "the length is above the limit: ask for less, or raise the module's max_block_bytes (a section's: max_section_bytes)"),
	ROW(LENGTH_OVERFLOW, INVALID_PARAMETER, EOVERFLOW, "length-overflow",
	    "the length cannot be rounded up to pages: ask for less"),
	ROW(NODE, INVALID_PARAMETER, EINVAL, "node",
	    "there is no such NUMA node, or it is offline: choose another, or none"),
	ROW(QUEUE_AND_PORT, INVALID_PARAMETER, EINVAL, "queue-and-port",
	    "both a queue and a virtual port are named: name one of them"),
	ROW(QUEUE_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "queue-unsupported",
	    "only the default queue can be used: leave the queue 0"),
	ROW(PORT_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "port-unsupported",
	    "only the default virtual port can be used: leave the port 0"),
	ROW(LIST, INVALID_PARAMETER, EINVAL, "list",
	    "the list of segments and its capacity do not fit together: give both or none, and for one block"),
	ROW(LIST_SHORT, BUFFER_TOO_SHORT, ENOSPC, "list-short",
	    "there are more segments than the list has room for: ask again with as many as were counted"),
	ROW(COUNT, INVALID_PARAMETER, EINVAL, "count",
	    "the number of blocks is 0 or above what one call can make: make them in several calls"),

	ROW(ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND, ENOENT, "adapter-unknown",
	    "there is no such adapter: see \"ndshm list adapters\"; PCI functions need \"ndshm bind\""),
	ROW(PROVIDER_UNKNOWN, FILE_NOT_FOUND, ENOENT, "provider-unknown",
	    "there is no such provider: see \"ndshm list providers\""),
	ROW(HANDLE_UNKNOWN, FILE_NOT_FOUND, ENOENT, "handle-unknown",
	    "this client has no such handle: it was given back, or is another client's"),
	ROW(ADAPTER_REMOVED, ADAPTER_REMOVED, ENODEV, "adapter-removed",
	    "the adapter's device has gone: open it anew when it has come back"),
	ROW(BLOCK_REVOKED, ADAPTER_REMOVED, ENODEV, "block-revoked",
	    "the block's memory has gone with a device or a claim: free the block, and allocate anew"),

	ROW(ADAPTER_CLOSED, OPEN_FAILED, EACCES, "adapter-closed",
	    "the adapter is its kernel driver's alone: choose an adapter that is open to clients"),
	ROW(CLAIM_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "claim-unsupported",
	    "the adapter needs no claim, and has none: allocate without"),
	ROW(CLAIM_BUSY, RESOURCE_CONFLICT, EBUSY, "claim-busy",
	    "the adapter, or one of its IOMMU group, is claimed already: close the client that has it first"),
	ROW(CLAIM_MISSING, INVALID_STATE, EBADFD, "claim-missing",
	    "the adapter needs a claim of this client: claim it first"),
	ROW(ADDRESS_WIDTH, INVALID_PARAMETER, EINVAL, "address-width",
	    "the address width is not within 24 and 64 bits: give what the device can drive"),
	ROW(WIDTH_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "width-unsupported",
	    "this machine cannot give memory within that address width: try a greater one, or use an IOMMU"),
	ROW(NOT_ISOLATED, OPEN_FAILED, EPERM, "not-isolated",
	    "the adapter is not isolated (\"ndshm list adapters\" says what is missing): repair that, or use CAP_SYS_RAWIO"),
	ROW(UNISOLATED_OFF, OPEN_FAILED, EPERM, "unisolated-off",
	    "the adapter is not isolated, and the module does not allow that: repair it, or set allow_unisolated=1"),
	ROW(LOCKDOWN, OPEN_FAILED, EPERM, "lockdown",
	    "the adapter is not isolated, and the kernel is locked down: \"ndshm list adapters\" says what is missing"),
	ROW(ADAPTER_DIRTY, OPEN_FAILED, EPERM, "adapter-dirty",
	    "the function was not reset after its last claim: let the user who had it last claim it, or a client with CAP_SYS_RAWIO, or change its reset policy (ndshm permit)"),
	ROW(BAR, INVALID_PARAMETER, EINVAL, "bar",
	    "a function has BARs 0 to 5: choose one of them"),
	ROW(BAR_NOT_MAPPABLE, NOT_SUPPORTED, EOPNOTSUPP, "bar-not-mappable",
	    "the BAR is absent, not memory, or not whole pages: choose another"),

	ROW(PROVIDER_CLOSING, CLOSING, ESHUTDOWN, "provider-closing",
	    "the provider is going: choose another one"),
	ROW(PROVIDER_IN_USE, BUSY, EBUSY, "provider-in-use",
	    "blocks of the provider live: free them first (see \"ndshm list blocks\")"),
	ROW(SCOPE_TAKEN, RESOURCE_CONFLICT, EBUSY, "scope-taken",
	    "another provider is the default there: unregister it first, or register without a scope"),
	ROW(NAME, INVALID_PARAMETER, EINVAL, "name",
	    "the name is empty, too long or has characters that names do not have: choose another"),
	ROW(NAME_TAKEN, RESOURCE_CONFLICT, EEXIST, "name-taken",
	    "the name is in use: choose another"),
	ROW(PROVIDER_RESOURCES, RESOURCES, ENOMEM, "provider-resources",
	    "the provider has no memory for this: ask for less, without \"contiguous\", or another provider"),
	ROW(PROVIDER_INVALID, INVALID_PARAMETER, EINVAL, "provider-invalid",
	    "the provider refuses the request: change it, or choose another provider"),
	ROW(PROVIDER_FAILURE, FAILURE, EIO, "provider-failure",
	    "the provider failed: the kernel log may say why"),
	ROW(PROVIDER_UNDOCUMENTED, FAILURE, EIO, "provider-undocumented",
	    "the provider gave an answer that is not allowed: report that to its author"),
	ROW(PROVIDER_NONSENSE, FAILURE, EIO, "provider-nonsense",
	    "the provider gave memory that makes no sense, and got it back: report that to its author"),

	ROW(MEMORY, RESOURCES, ENOMEM, "memory",
	    "there is not enough memory: free some, or ask for less"),
	ROW(MEMLOCK, RESOURCES, ENOMEM, "memlock",
	    "the user's RLIMIT_MEMLOCK is reached: free some, raise it (ulimit -l), or use CAP_IPC_LOCK"),
	ROW(HANDLES, RESOURCES, EDQUOT, "handles",
	    "the client has as many handles as it can: free some, or open another client"),

	ROW(RANGE, INVALID_PARAMETER, EINVAL, "range",
	    "the range is not within the block or the section: choose an offset and a length that are"),
	ROW(DIRECTION, INVALID_PARAMETER, EINVAL, "direction",
	    "a sync is for the device or for processors: say which"),

	ROW(SECTION_INITIAL, INVALID_PARAMETER, EINVAL, "section-initial",
	    "the initial size is above the greatest: give a smaller one, or a greater range"),
	ROW(SECTION_REVOKED, ADAPTER_REMOVED, ENODEV, "section-revoked",
	    "the section's memory has gone with a device, a claim or a provider: close it, and create another one"),
	ROW(SECTION_DELETED, CLOSING, EIDRM, "section-deleted",
	    "the section was deleted: unmap and close it, and create another one"),
	ROW(SECTION_FULL, RESOURCES, ENOSPC, "section-full",
	    "the section has no such place: free extents, ask for less or with less alignment, or use another section"),
	ROW(SECTION_BUSY, BUSY, EBUSY, "section-busy",
	    "others have extents of the section: wait until they have freed them, or delete it by force"),
	ROW(SECTION_READONLY, OPEN_FAILED, EROFS, "section-readonly",
	    "the section was handed out for reading only: ask whoever gave it for a descriptor that can write"),
	ROW(NOT_CREATOR, OPEN_FAILED, EPERM, "not-creator",
	    "only the user who created the section can do that, or CAP_SYS_ADMIN; without the module, only that process"),
	ROW(PROVIDER_PAGELESS, NOT_SUPPORTED, EOPNOTSUPP, "provider-pageless",
	    "the provider's memory has no pages to share: choose \"pages\", or leave the provider 0"),
	ROW(EXTENT_UNKNOWN, FILE_NOT_FOUND, ENOENT, "extent-unknown",
	    "no extent of this holder begins there: it was freed, or is another holder's"),
	ROW(ALIGNMENT, INVALID_PARAMETER, EINVAL, "alignment",
	    "extents begin at whole pages: give a multiple of them, and as alignment a power of two up to 2 MiB"),
	ROW(DESCRIPTOR, INVALID_PARAMETER, EBADF, "descriptor",
	    "the descriptor is none of a section, or of a holder of this section: give the right one"),
	ROW(DESCRIPTORS, RESOURCES, EMFILE, "descriptors",
	    "there are as many open files as there can be: close some, or raise the limit (ulimit -n)"),
	ROW(SECTION_QUOTA, RESOURCES, EDQUOT, "section-quota",
	    "the user has as many sections as there may be: end some, or raise the user's quota (ndshm quota)"),
	ROW(HOLDER_QUOTA, RESOURCES, EDQUOT, "holder-quota",
	    "the user has as many holders as there may be: close some, or raise the user's quota (ndshm quota)"),
	ROW(RESERVE_QUOTA, RESOURCES, EDQUOT, "reserve-quota",
	    "the user's sections have as much range as there may be: reserve less, or raise the user's quota (ndshm quota)"),
	ROW(QUEUE_DEFAULT, INVALID_PARAMETER, EINVAL, "queue-default",
	    "the default queue and the default port are always there: name another"),
	ROW(QUEUE_UNKNOWN, INVALID_PARAMETER, ENOENT, "queue-unknown",
	    "the adapter has no such queue: it was freed, or never allocated"),
	ROW(QUEUE_STATE, INVALID_STATE, EBADFD, "queue-state",
	    "the queue is not in a state for that: keep to the order of its calls"),
	ROW(PORT_UNKNOWN, INVALID_PARAMETER, ENOENT, "port-unknown",
	    "the adapter has no such virtual port: it was deleted, or never created"),
	ROW(PORT_STATE, INVALID_STATE, EBADFD, "port-state",
	    "the virtual port is not in a state for that: activate it first, and do not use it once it is being deleted"),

	ROW(PENDING, PENDING, 0, "pending",
	    "nothing failed: the request has begun, and a record says how it ends"),
	ROW(REQUESTS, RESOURCES, EAGAIN, "requests",
	    "as many requests are out as there may be: read the records of those that have ended"),
	ROW(COOKIE, RESOURCE_CONFLICT, EEXIST, "cookie",
	    "a request with that cookie is out already: name each by another"),
	ROW(REQUEST_UNKNOWN, FILE_NOT_FOUND, ENOENT, "request-unknown",
	    "no request with that cookie is out: it has ended, or never was"),
	ROW(REQUEST_ABORTED, REQUEST_ABORTED, ECANCELED, "request-aborted",
	    "the request was cancelled: ask again if it is still needed"),

	ROW(BYTE_QUOTA, RESOURCES, EDQUOT, "byte-quota",
	    "the user has as much memory as there may be: free some, or raise the user's quota (ndshm quota)"),
	ROW(ADAPTER_PERMISSION, OPEN_FAILED, EACCES, "adapter-permission",
	    "the adapter's owner, group and mode do not permit it: have them changed (ndshm bind --owner --mode)"),
	ROW(PROVIDER_CLOSED, OPEN_FAILED, EACCES, "provider-closed",
	    "the provider serves the kernel only, or another adapter: choose one that is open to clients (ndshm list providers)"),
	ROW(PROVIDER_PERMISSION, OPEN_FAILED, EACCES, "provider-permission",
	    "the provider's owner, group and mode do not permit it: choose another provider, or have them changed"),
	ROW(REQUEST_QUOTA, RESOURCES, EDQUOT, "request-quota",
	    "the user has as many requests and unread records as permitted: read some, or raise the user's quota (ndshm quota)"),
	ROW(CLIENT_QUOTA, RESOURCES, EDQUOT, "client-quota",
	    "the user has as many open clients as permitted: close some, or raise the user's quota (ndshm quota)"),
	ROW(KEEP_REFUSED, OPEN_FAILED, EPERM, "keep-refused",
	    "the section's creator did not permit extents to stay: attach without that, or create the section with it"),
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == NDSHM_REASON_COUNT_KNOWN, "a reason has no row");

static const struct row *row_of(uint32_t reason)
{
	static const struct row unknown = {
		NDSHM_STATUS_FAILURE, -EIO, "unknown",
		"the module has a reason that this library does not know: use a newer library",
	};

	return reason < NDSHM_REASON_COUNT_KNOWN ? &rows[reason] : &unknown;
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
