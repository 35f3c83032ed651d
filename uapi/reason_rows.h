/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR LGPL-2.1-or-later */
/*
 * The reasons.
 *
 *	NDSHM_REASON_ROW(reason, status, errno, name, number, text)
 *
 * The module and the library define NDSHM_REASON_ROW() and include this file for their
 * tables. generate-status.sh writes the constants in linux/ndshm_status.h, with the
 * comments between the rows, and the tables in Documentation/use/status.rst. The tests
 * compare all of them with selftests/ndshm_expected_reasons.h, which is written by hand.
 *
 * A new reason is a row at the end with the next number; a number is never reused. The
 * name is the reason in lower case with dashes. The text states the problem and, after a
 * colon, the remedy. This file is not installed.
 */
NDSHM_REASON_ROW(NONE, SUCCESS, 0, "none", 0,
		 "nothing failed, or the module was not asked")

/* Format of an argument. */
NDSHM_REASON_ROW(ARGUMENT_SHORT, INVALID_PARAMETER, EINVAL, "argument-short", 1,
		 "the argument is shorter than the module needs: use a library as new as the module")
NDSHM_REASON_ROW(ARGUMENT_TAIL, UNSUPPORTED_REVISION, E2BIG, "argument-tail", 2,
		 "the argument uses a member that the module does not know: load a newer module")
NDSHM_REASON_ROW(RESERVED, INVALID_PARAMETER, EINVAL, "reserved", 3,
		 "a reserved member of the argument is not zero: clear the argument before it is filled in")
NDSHM_REASON_ROW(FLAGS, NOT_SUPPORTED, EOPNOTSUPP, "flags", 4,
		 "a flag is not known: leave it out, or load a newer module")
NDSHM_REASON_ROW(ADDRESS, INVALID_ADDRESS, EFAULT, "address", 5,
		 "memory that the argument points to cannot be accessed: check the pointers")

/* Header of provider characteristics and of parameters. */
NDSHM_REASON_ROW(CHARACTERISTICS_TYPE, BAD_CHARACTERISTICS, EINVAL, "characteristics-type", 6,
		 "the provider's characteristics have the wrong object type: correct the provider")
NDSHM_REASON_ROW(CHARACTERISTICS_REVISION, BAD_VERSION, EPROTONOSUPPORT, "characteristics-revision", 7,
		 "the provider's characteristics have revision 0: correct the provider")
NDSHM_REASON_ROW(CHARACTERISTICS_SIZE, BAD_CHARACTERISTICS, EINVAL, "characteristics-size", 8,
		 "the provider's characteristics are smaller than their revision: correct the provider")
NDSHM_REASON_ROW(HANDLER_MISSING, BAD_CHARACTERISTICS, EINVAL, "handler-missing", 9,
		 "the provider lacks its allocate or its free handler: correct the provider")
NDSHM_REASON_ROW(PARAMETERS_TYPE, INVALID_PARAMETER, EINVAL, "parameters-type", 10,
		 "the parameters have the wrong object type: correct the caller")
NDSHM_REASON_ROW(PARAMETERS_REVISION, INVALID_PARAMETER, EINVAL, "parameters-revision", 11,
		 "the parameters have revision 0: correct the caller")
NDSHM_REASON_ROW(PARAMETERS_SIZE, INVALID_PARAMETER, EINVAL, "parameters-size", 12,
		 "the parameters are smaller than their revision: correct the caller")

/* Values of a request. */
NDSHM_REASON_ROW(USAGE, INVALID_PARAMETER, EINVAL, "usage", 13,
		 "the usage is not one that a client may ask for: choose another, \"other\" if none fits")
NDSHM_REASON_ROW(LENGTH_ZERO, INVALID_PARAMETER, EINVAL, "length-zero", 14,
		 "the length is 0: ask for one byte at least")
NDSHM_REASON_ROW(LENGTH_LIMIT, INVALID_PARAMETER, EINVAL, "length-limit", 15,
		 "the length is above the limit: ask for less, or raise the module's max_block_bytes (a section's: max_section_bytes)")
NDSHM_REASON_ROW(LENGTH_OVERFLOW, INVALID_PARAMETER, EOVERFLOW, "length-overflow", 16,
		 "the length cannot be rounded up to pages: ask for less")
NDSHM_REASON_ROW(NODE, INVALID_PARAMETER, EINVAL, "node", 17,
		 "there is no such NUMA node, or it is offline: choose another, or none")
NDSHM_REASON_ROW(QUEUE_AND_PORT, INVALID_PARAMETER, EINVAL, "queue-and-port", 18,
		 "both a queue and a virtual port are named: name one of them")
NDSHM_REASON_ROW(QUEUE_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "queue-unsupported", 19,
		 "only the default queue can be used: leave the queue 0")
NDSHM_REASON_ROW(PORT_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "port-unsupported", 20,
		 "only the default virtual port can be used: leave the port 0")
NDSHM_REASON_ROW(LIST, INVALID_PARAMETER, EINVAL, "list", 21,
		 "the list of segments and its capacity do not fit together: give both or none, and for one block")
NDSHM_REASON_ROW(LIST_SHORT, BUFFER_TOO_SHORT, ENOSPC, "list-short", 22,
		 "there are more segments than the list has room for: ask again with as many as were counted")
NDSHM_REASON_ROW(COUNT, INVALID_PARAMETER, EINVAL, "count", 23,
		 "the number of blocks is 0 or above what one call can make: make them in several calls")

/* Objects that a request names. */
NDSHM_REASON_ROW(ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND, ENOENT, "adapter-unknown", 24,
		 "there is no such adapter: see \"ndshm list adapters\"; PCI functions need \"ndshm bind\"")
NDSHM_REASON_ROW(PROVIDER_UNKNOWN, FILE_NOT_FOUND, ENOENT, "provider-unknown", 25,
		 "there is no such provider: see \"ndshm list providers\"")
NDSHM_REASON_ROW(HANDLE_UNKNOWN, FILE_NOT_FOUND, ENOENT, "handle-unknown", 26,
		 "this client has no such handle: it was given back, or is another client's")
NDSHM_REASON_ROW(ADAPTER_REMOVED, ADAPTER_REMOVED, ENODEV, "adapter-removed", 27,
		 "the adapter's device has gone: open it anew when it has come back")
NDSHM_REASON_ROW(BLOCK_REVOKED, ADAPTER_REMOVED, ENODEV, "block-revoked", 28,
		 "the block's memory has gone with a device or a claim: free the block, and allocate anew")

/* Adapters and claims. */
NDSHM_REASON_ROW(ADAPTER_CLOSED, OPEN_FAILED, EACCES, "adapter-closed", 29,
		 "the adapter is its kernel driver's alone: choose an adapter that is open to clients")
NDSHM_REASON_ROW(CLAIM_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "claim-unsupported", 30,
		 "the adapter needs no claim, and has none: allocate without")
NDSHM_REASON_ROW(CLAIM_BUSY, RESOURCE_CONFLICT, EBUSY, "claim-busy", 31,
		 "the adapter, or one of its IOMMU group, is claimed already: close the client that has it first")
NDSHM_REASON_ROW(CLAIM_MISSING, INVALID_STATE, EBADFD, "claim-missing", 32,
		 "the adapter needs a claim of this client: claim it first")
NDSHM_REASON_ROW(ADDRESS_WIDTH, INVALID_PARAMETER, EINVAL, "address-width", 33,
		 "the address width is not within 24 and 64 bits: give what the device can drive")
NDSHM_REASON_ROW(WIDTH_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "width-unsupported", 34,
		 "this machine cannot give memory within that address width: try a greater one, or use an IOMMU")
NDSHM_REASON_ROW(NOT_ISOLATED, OPEN_FAILED, EPERM, "not-isolated", 35,
		 "the adapter is not isolated (\"ndshm list adapters\" says what is missing): repair that, or use CAP_SYS_RAWIO")
NDSHM_REASON_ROW(UNISOLATED_OFF, OPEN_FAILED, EPERM, "unisolated-off", 36,
		 "the adapter is not isolated, and the module does not allow that: repair it, or set allow_unisolated=1")
NDSHM_REASON_ROW(LOCKDOWN, OPEN_FAILED, EPERM, "lockdown", 37,
		 "the adapter is not isolated, and the kernel is locked down: \"ndshm list adapters\" says what is missing")
NDSHM_REASON_ROW(ADAPTER_DIRTY, OPEN_FAILED, EPERM, "adapter-dirty", 38,
		 "the function was not reset after its last claim: let the user who had it last claim it, or a client with CAP_SYS_RAWIO, or change its reset policy (ndshm permit)")
NDSHM_REASON_ROW(BAR, INVALID_PARAMETER, EINVAL, "bar", 39,
		 "a function has BARs 0 to 5: choose one of them")
NDSHM_REASON_ROW(BAR_NOT_MAPPABLE, NOT_SUPPORTED, EOPNOTSUPP, "bar-not-mappable", 40,
		 "the BAR is absent, not memory, or not whole pages: choose another")

/* Providers: registration and results of their handlers. */
NDSHM_REASON_ROW(PROVIDER_CLOSING, CLOSING, ESHUTDOWN, "provider-closing", 41,
		 "the provider is going: choose another one")
NDSHM_REASON_ROW(PROVIDER_IN_USE, BUSY, EBUSY, "provider-in-use", 42,
		 "blocks of the provider live: free them first (see \"ndshm list blocks\")")
NDSHM_REASON_ROW(SCOPE_TAKEN, RESOURCE_CONFLICT, EBUSY, "scope-taken", 43,
		 "another provider is the default there: unregister it first, or register without a scope")
NDSHM_REASON_ROW(NAME, INVALID_PARAMETER, EINVAL, "name", 44,
		 "the name is empty, too long or has characters that names do not have: choose another")
NDSHM_REASON_ROW(NAME_TAKEN, RESOURCE_CONFLICT, EEXIST, "name-taken", 45,
		 "the name is in use: choose another")
NDSHM_REASON_ROW(PROVIDER_RESOURCES, RESOURCES, ENOMEM, "provider-resources", 46,
		 "the provider has no memory for this: ask for less, without \"contiguous\", or another provider")
NDSHM_REASON_ROW(PROVIDER_INVALID, INVALID_PARAMETER, EINVAL, "provider-invalid", 47,
		 "the provider refuses the request: change it, or choose another provider")
NDSHM_REASON_ROW(PROVIDER_FAILURE, FAILURE, EIO, "provider-failure", 48,
		 "the provider failed: the kernel log may say why")
NDSHM_REASON_ROW(PROVIDER_UNDOCUMENTED, FAILURE, EIO, "provider-undocumented", 49,
		 "the provider gave an answer that is not allowed: report that to its author")
NDSHM_REASON_ROW(PROVIDER_NONSENSE, FAILURE, EIO, "provider-nonsense", 50,
		 "the provider gave memory that makes no sense, and got it back: report that to its author")

/* Limits. */
NDSHM_REASON_ROW(MEMORY, RESOURCES, ENOMEM, "memory", 51,
		 "there is not enough memory: free some, or ask for less")
NDSHM_REASON_ROW(MEMLOCK, RESOURCES, ENOMEM, "memlock", 52,
		 "the user's RLIMIT_MEMLOCK is reached: free some, raise it (ulimit -l), or use CAP_IPC_LOCK")
NDSHM_REASON_ROW(HANDLES, RESOURCES, EDQUOT, "handles", 53,
		 "the client has as many handles as it can: free some, or open another client")

/* Ranges of a block. */
NDSHM_REASON_ROW(RANGE, INVALID_PARAMETER, EINVAL, "range", 54,
		 "the range is not within the block or the section: choose an offset and a length that are")
NDSHM_REASON_ROW(DIRECTION, INVALID_PARAMETER, EINVAL, "direction", 55,
		 "a sync is for the device or for processors: say which")

/* Sections, their holders and their extents. */
NDSHM_REASON_ROW(SECTION_INITIAL, INVALID_PARAMETER, EINVAL, "section-initial", 56,
		 "the initial size is above the greatest: give a smaller one, or a greater range")
NDSHM_REASON_ROW(SECTION_REVOKED, ADAPTER_REMOVED, ENODEV, "section-revoked", 57,
		 "the section's memory has gone with a device, a claim or a provider: close it, and create another one")
NDSHM_REASON_ROW(SECTION_DELETED, CLOSING, EIDRM, "section-deleted", 58,
		 "the section was deleted: unmap and close it, and create another one")
NDSHM_REASON_ROW(SECTION_FULL, RESOURCES, ENOSPC, "section-full", 59,
		 "the section has no such place: free extents, ask for less or with less alignment, or use another section")
NDSHM_REASON_ROW(SECTION_BUSY, BUSY, EBUSY, "section-busy", 60,
		 "others have extents of the section: wait until they have freed them, or delete it by force")
NDSHM_REASON_ROW(SECTION_READONLY, OPEN_FAILED, EROFS, "section-readonly", 61,
		 "the section was handed out for reading only: ask whoever gave it for a descriptor that can write")
NDSHM_REASON_ROW(NOT_CREATOR, OPEN_FAILED, EPERM, "not-creator", 62,
		 "only the user who created the section can do that, or CAP_SYS_ADMIN; without the module, only that process")
NDSHM_REASON_ROW(PROVIDER_PAGELESS, NOT_SUPPORTED, EOPNOTSUPP, "provider-pageless", 63,
		 "the provider's memory has no pages to share: choose \"pages\", or leave the provider 0")
NDSHM_REASON_ROW(EXTENT_UNKNOWN, FILE_NOT_FOUND, ENOENT, "extent-unknown", 64,
		 "no extent of this holder begins there: it was freed, or is another holder's")
NDSHM_REASON_ROW(ALIGNMENT, INVALID_PARAMETER, EINVAL, "alignment", 65,
		 "extents begin at whole pages: give a multiple of them, and as alignment a power of two up to 2 MiB")
NDSHM_REASON_ROW(DESCRIPTOR, INVALID_PARAMETER, EBADF, "descriptor", 66,
		 "the descriptor is none of a section, or of a holder of this section: give the right one")
NDSHM_REASON_ROW(DESCRIPTORS, RESOURCES, EMFILE, "descriptors", 67,
		 "there are as many open files as there can be: close some, or raise the limit (ulimit -n)")
NDSHM_REASON_ROW(SECTION_QUOTA, RESOURCES, EDQUOT, "section-quota", 68,
		 "the user has as many sections as there may be: end some, or raise the user's quota (ndshm quota)")
NDSHM_REASON_ROW(HOLDER_QUOTA, RESOURCES, EDQUOT, "holder-quota", 69,
		 "the user has as many holders as there may be: close some, or raise the user's quota (ndshm quota)")
NDSHM_REASON_ROW(RESERVE_QUOTA, RESOURCES, EDQUOT, "reserve-quota", 70,
		 "the user's sections have as much range as there may be: reserve less, or raise the user's quota (ndshm quota)")

/* Receive queues and virtual ports. */
NDSHM_REASON_ROW(QUEUE_DEFAULT, INVALID_PARAMETER, EINVAL, "queue-default", 71,
		 "the default queue and the default port are always there: name another")
NDSHM_REASON_ROW(QUEUE_UNKNOWN, INVALID_PARAMETER, ENOENT, "queue-unknown", 72,
		 "the adapter has no such queue: it was freed, or never allocated")
NDSHM_REASON_ROW(QUEUE_STATE, INVALID_STATE, EBADFD, "queue-state", 73,
		 "the queue is not in a state for that: keep to the order of its calls")
NDSHM_REASON_ROW(PORT_UNKNOWN, INVALID_PARAMETER, ENOENT, "port-unknown", 74,
		 "the adapter has no such virtual port: it was deleted, or never created")
NDSHM_REASON_ROW(PORT_STATE, INVALID_STATE, EBADFD, "port-state", 75,
		 "the virtual port is not in a state for that: activate it first, and do not use it once it is being deleted")

/* Asynchronous requests. PENDING is no failure. */
NDSHM_REASON_ROW(PENDING, PENDING, 0, "pending", 76,
		 "nothing failed: the request has begun, and a record says how it ends")
NDSHM_REASON_ROW(REQUESTS, RESOURCES, EAGAIN, "requests", 77,
		 "as many requests are out as there may be: read the records of those that have ended")
NDSHM_REASON_ROW(COOKIE, RESOURCE_CONFLICT, EEXIST, "cookie", 78,
		 "a request with that cookie is out already: name each by another")
NDSHM_REASON_ROW(REQUEST_UNKNOWN, FILE_NOT_FOUND, ENOENT, "request-unknown", 79,
		 "no request with that cookie is out: it has ended, or never was")
NDSHM_REASON_ROW(REQUEST_ABORTED, REQUEST_ABORTED, ECANCELED, "request-aborted", 80,
		 "the request was cancelled: ask again if it is still needed")

/* Per-user limits. */
NDSHM_REASON_ROW(BYTE_QUOTA, RESOURCES, EDQUOT, "byte-quota", 81,
		 "the user has as much memory as there may be: free some, or raise the user's quota (ndshm quota)")

/* Permissions and further per-user limits. */
NDSHM_REASON_ROW(ADAPTER_PERMISSION, OPEN_FAILED, EACCES, "adapter-permission", 82,
		 "the adapter's owner, group and mode do not permit it: have them changed (ndshm bind --owner --mode)")
NDSHM_REASON_ROW(PROVIDER_CLOSED, OPEN_FAILED, EACCES, "provider-closed", 83,
		 "the provider serves the kernel only, or another adapter: choose one that is open to clients (ndshm list providers)")
NDSHM_REASON_ROW(PROVIDER_PERMISSION, OPEN_FAILED, EACCES, "provider-permission", 84,
		 "the provider's owner, group and mode do not permit it: choose another provider, or have them changed")
NDSHM_REASON_ROW(REQUEST_QUOTA, RESOURCES, EDQUOT, "request-quota", 85,
		 "the user has as many requests and unread records as permitted: read some, or raise the user's quota (ndshm quota)")
NDSHM_REASON_ROW(CLIENT_QUOTA, RESOURCES, EDQUOT, "client-quota", 86,
		 "the user has as many open clients as permitted: close some, or raise the user's quota (ndshm quota)")
NDSHM_REASON_ROW(KEEP_REFUSED, OPEN_FAILED, EPERM, "keep-refused", 87,
		 "the section's creator did not permit extents to stay: attach without that, or create the section with it")
