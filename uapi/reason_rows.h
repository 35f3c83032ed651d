/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR LGPL-2.1-or-later */
/*
 * The reasons.
 *
 *	NDSHM_REASON_ROW(reason, status, errno, name, number, text)
 *
 * The module and the library define NDSHM_REASON_ROW() and include this file for their
 * tables. generate-status.sh writes the constants in linux/ndshm_status.h, with the
 * comments between the rows; Documentation/use/status.rst shows the rows. The tests
 * compare them with selftests/lib/ndshm_expected_reasons.h, which is written by hand.
 *
 * A new reason is a row at the end with the next number; a number is never reused. The
 * name is the reason in lower case with dashes. The text states the problem and, after a
 * semicolon, the remedy. This file is not installed.
 */
NDSHM_REASON_ROW(NONE, SUCCESS, 0, "none", 0,
		 "no failure, or the module was not called")

/* Format of an argument. */
NDSHM_REASON_ROW(ARGUMENT_SHORT, INVALID_PARAMETER, EINVAL, "argument-short", 1,
		 "argument shorter than the module requires; use a newer library")
NDSHM_REASON_ROW(ARGUMENT_TAIL, UNSUPPORTED_REVISION, E2BIG, "argument-tail", 2,
		 "argument uses a member that the module does not know; load a newer module")
NDSHM_REASON_ROW(RESERVED, INVALID_PARAMETER, EINVAL, "reserved", 3,
		 "reserved member of the argument is not zero; clear the argument before setting members")
NDSHM_REASON_ROW(FLAGS, NOT_SUPPORTED, EOPNOTSUPP, "flags", 4,
		 "unknown flag; clear it, or load a newer module")
NDSHM_REASON_ROW(ADDRESS, INVALID_ADDRESS, EFAULT, "address", 5,
		 "memory that the argument points to is not accessible; check the pointers")

/* Header of provider characteristics and of parameters. */
NDSHM_REASON_ROW(CHARACTERISTICS_TYPE, BAD_CHARACTERISTICS, EINVAL, "characteristics-type", 6,
		 "provider characteristics have the wrong object type; correct the provider")
NDSHM_REASON_ROW(CHARACTERISTICS_REVISION, BAD_VERSION, EPROTONOSUPPORT, "characteristics-revision", 7,
		 "provider characteristics have revision 0; correct the provider")
NDSHM_REASON_ROW(CHARACTERISTICS_SIZE, BAD_CHARACTERISTICS, EINVAL, "characteristics-size", 8,
		 "provider characteristics are smaller than their revision; correct the provider")
NDSHM_REASON_ROW(HANDLER_MISSING, BAD_CHARACTERISTICS, EINVAL, "handler-missing", 9,
		 "provider has no allocate or no free handler; correct the provider")
NDSHM_REASON_ROW(PARAMETERS_TYPE, INVALID_PARAMETER, EINVAL, "parameters-type", 10,
		 "parameters have the wrong object type; correct the caller")
NDSHM_REASON_ROW(PARAMETERS_REVISION, INVALID_PARAMETER, EINVAL, "parameters-revision", 11,
		 "parameters have revision 0; correct the caller")
NDSHM_REASON_ROW(PARAMETERS_SIZE, INVALID_PARAMETER, EINVAL, "parameters-size", 12,
		 "parameters are smaller than their revision; correct the caller")

/* Values of a request. */
NDSHM_REASON_ROW(USAGE, INVALID_PARAMETER, EINVAL, "usage", 13,
		 "usage is unknown or not permitted for clients; use another one, for instance \"other\"")
NDSHM_REASON_ROW(LENGTH_ZERO, INVALID_PARAMETER, EINVAL, "length-zero", 14,
		 "length is 0; request at least one byte")
NDSHM_REASON_ROW(LENGTH_LIMIT, INVALID_PARAMETER, EINVAL, "length-limit", 15,
		 "length above the limit that \"ndshm info\" shows; request less, or raise the module parameter max_block_bytes (for a section max_section_bytes)")
NDSHM_REASON_ROW(LENGTH_OVERFLOW, INVALID_PARAMETER, EOVERFLOW, "length-overflow", 16,
		 "length overflows when rounded up to pages or added to the offset; request less")
NDSHM_REASON_ROW(NODE, INVALID_PARAMETER, EINVAL, "node", 17,
		 "NUMA node does not exist or is offline; use another one, or none")
NDSHM_REASON_ROW(QUEUE_AND_PORT, INVALID_PARAMETER, EINVAL, "queue-and-port", 18,
		 "both a queue and a virtual port are given; give one of them")
NDSHM_REASON_ROW(QUEUE_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "queue-unsupported", 19,
		 "clients can use the default queue only; leave the queue 0")
NDSHM_REASON_ROW(PORT_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "port-unsupported", 20,
		 "clients can use the default virtual port only; leave the port 0")
NDSHM_REASON_ROW(LIST, INVALID_PARAMETER, EINVAL, "list", 21,
		 "list of segments and its capacity do not match; give both or none, and for one block only")
NDSHM_REASON_ROW(LIST_SHORT, BUFFER_TOO_SHORT, ENOSPC, "list-short", 22,
		 "block has more segments than the list has room for; retry with the returned count")
NDSHM_REASON_ROW(COUNT, INVALID_PARAMETER, EINVAL, "count", 23,
		 "number of blocks is 0 or above the limit of one call that \"ndshm info\" shows; use several calls")

/* Objects that a request names. */
NDSHM_REASON_ROW(ADAPTER_UNKNOWN, ADAPTER_NOT_FOUND, ENOENT, "adapter-unknown", 24,
		 "no such adapter; see \"ndshm list adapters\", and bind PCI functions with \"ndshm bind\"")
NDSHM_REASON_ROW(PROVIDER_UNKNOWN, FILE_NOT_FOUND, ENOENT, "provider-unknown", 25,
		 "no such provider; see \"ndshm list providers\"")
NDSHM_REASON_ROW(HANDLE_UNKNOWN, FILE_NOT_FOUND, ENOENT, "handle-unknown", 26,
		 "client has no such handle; use a handle of this client that was not freed")
NDSHM_REASON_ROW(ADAPTER_REMOVED, ADAPTER_REMOVED, ENODEV, "adapter-removed", 27,
		 "device of the adapter was removed; open the adapter again when the device is back")
NDSHM_REASON_ROW(BLOCK_REVOKED, ADAPTER_REMOVED, ENODEV, "block-revoked", 28,
		 "block was revoked with its device, claim, queue or provider; free it, and allocate another one")

/* Adapters and claims. */
NDSHM_REASON_ROW(ADAPTER_CLOSED, OPEN_FAILED, EACCES, "adapter-closed", 29,
		 "adapter is reserved for its kernel driver; use an adapter that is open to clients")
NDSHM_REASON_ROW(CLAIM_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "claim-unsupported", 30,
		 "adapter needs no claim and cannot be claimed; allocate without a claim")
NDSHM_REASON_ROW(CLAIM_BUSY, RESOURCE_CONFLICT, EBUSY, "claim-busy", 31,
		 "adapter, or another one of its IOMMU group, is claimed; close the client that has the claim")
NDSHM_REASON_ROW(CLAIM_MISSING, INVALID_STATE, EBADFD, "claim-missing", 32,
		 "client has no claim to the adapter; claim it first")
NDSHM_REASON_ROW(ADDRESS_WIDTH, INVALID_PARAMETER, EINVAL, "address-width", 33,
		 "address width not between 24 and 64 bits; use the width of the device")
NDSHM_REASON_ROW(WIDTH_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "width-unsupported", 34,
		 "machine has no memory within this address width; use a greater width, or an IOMMU")
NDSHM_REASON_ROW(NOT_ISOLATED, OPEN_FAILED, EPERM, "not-isolated", 35,
		 "adapter is not isolated; enable the isolation that \"ndshm list adapters\" shows as missing, or use CAP_SYS_RAWIO")
NDSHM_REASON_ROW(UNISOLATED_OFF, OPEN_FAILED, EPERM, "unisolated-off", 36,
		 "adapter is not isolated; enable the isolation that \"ndshm list adapters\" shows as missing, or set the module parameter allow_unisolated")
NDSHM_REASON_ROW(LOCKDOWN, OPEN_FAILED, EPERM, "lockdown", 37,
		 "adapter is not isolated and the kernel is locked down; enable the isolation that \"ndshm list adapters\" shows as missing")
NDSHM_REASON_ROW(ADAPTER_NEEDS_RESET, OPEN_FAILED, EPERM, "adapter-needs-reset", 38,
		 "function was not reset after its last claim; claim it as the user of that claim or with CAP_SYS_RAWIO, or, if it has no reset method, bind it again (ndshm bind --reset)")
NDSHM_REASON_ROW(BAR, INVALID_PARAMETER, EINVAL, "bar", 39,
		 "no such BAR; use one of the BARs 0 to 5")
NDSHM_REASON_ROW(BAR_NOT_MAPPABLE, NOT_SUPPORTED, EOPNOTSUPP, "bar-not-mappable", 40,
		 "BAR is absent, not memory or not whole pages; use another one")

/* Providers: registration and results of their handlers. */
NDSHM_REASON_ROW(PROVIDER_CLOSING, CLOSING, ESHUTDOWN, "provider-closing", 41,
		 "provider is being removed; use another one")
NDSHM_REASON_ROW(PROVIDER_IN_USE, BUSY, EBUSY, "provider-in-use", 42,
		 "provider has blocks; free them first (see \"ndshm list blocks\")")
NDSHM_REASON_ROW(SCOPE_TAKEN, RESOURCE_CONFLICT, EBUSY, "scope-taken", 43,
		 "another provider is the default of this scope; unregister it first, or register without a scope")
NDSHM_REASON_ROW(NAME, INVALID_PARAMETER, EINVAL, "name", 44,
		 "name is empty, too long or has invalid characters; use another one")
NDSHM_REASON_ROW(NAME_TAKEN, RESOURCE_CONFLICT, EEXIST, "name-taken", 45,
		 "name is in use; use another one")
NDSHM_REASON_ROW(PROVIDER_RESOURCES, RESOURCES, ENOMEM, "provider-resources", 46,
		 "provider has not enough memory; request less, omit \"contiguous\", or use another provider")
NDSHM_REASON_ROW(PROVIDER_INVALID, INVALID_PARAMETER, EINVAL, "provider-invalid", 47,
		 "provider rejects the request; change it, or use another provider")
NDSHM_REASON_ROW(PROVIDER_FAILURE, FAILURE, EIO, "provider-failure", 48,
		 "provider failed; see the kernel log")
NDSHM_REASON_ROW(PROVIDER_UNDOCUMENTED, FAILURE, EIO, "provider-undocumented", 49,
		 "provider returned a status that is not permitted; report this to its author")
NDSHM_REASON_ROW(PROVIDER_BAD_REPLY, FAILURE, EIO, "provider-bad-reply", 50,
		 "provider returned invalid memory, which was freed; report this to its author")

/* Limits. */
NDSHM_REASON_ROW(MEMORY, RESOURCES, ENOMEM, "memory", 51,
		 "not enough memory; free some, or request less")
NDSHM_REASON_ROW(MEMLOCK, RESOURCES, ENOMEM, "memlock", 52,
		 "RLIMIT_MEMLOCK of the user is reached; free memory, or raise the limit (ulimit -l) or use CAP_IPC_LOCK, and open the device again")
NDSHM_REASON_ROW(HANDLES, RESOURCES, EDQUOT, "handles", 53,
		 "client has the maximum number of handles that \"ndshm info\" shows; free some, or open another client")

/* Ranges of a block. */
NDSHM_REASON_ROW(RANGE, INVALID_PARAMETER, EINVAL, "range", 54,
		 "range exceeds the block or the section; correct the offset and the length")
NDSHM_REASON_ROW(DIRECTION, INVALID_PARAMETER, EINVAL, "direction", 55,
		 "unknown direction of a sync; synchronise for the device or for the CPU")

/* Sections, their holders and their extents. */
NDSHM_REASON_ROW(SECTION_INITIAL, INVALID_PARAMETER, EINVAL, "section-initial", 56,
		 "initial size above the maximum size; reduce it, or raise the maximum")
NDSHM_REASON_ROW(SECTION_REVOKED, ADAPTER_REMOVED, ENODEV, "section-revoked", 57,
		 "section was revoked with its device, claim or provider; close it, and create another one")
NDSHM_REASON_ROW(SECTION_DELETED, CLOSING, EIDRM, "section-deleted", 58,
		 "section was deleted; unmap and close it, and create another one")
NDSHM_REASON_ROW(SECTION_FULL, RESOURCES, ENOSPC, "section-full", 59,
		 "section has no free range of this length and alignment; free extents, request less, or use another section")
NDSHM_REASON_ROW(SECTION_BUSY, BUSY, EBUSY, "section-busy", 60,
		 "other holders have extents of the section; wait until they are freed, or force the deletion")
NDSHM_REASON_ROW(SECTION_READONLY, OPEN_FAILED, EROFS, "section-readonly", 61,
		 "section descriptor is read-only; use a writable descriptor of the section")
NDSHM_REASON_ROW(NOT_CREATOR, OPEN_FAILED, EPERM, "not-creator", 62,
		 "operation is reserved for the owner of the section; run it as that user or with CAP_SYS_ADMIN (without the module, in the creating process)")
NDSHM_REASON_ROW(PROVIDER_PAGELESS, NOT_SUPPORTED, EOPNOTSUPP, "provider-pageless", 63,
		 "memory of the provider has no pages to share; use the provider \"pages\", or leave the provider 0")
NDSHM_REASON_ROW(EXTENT_UNKNOWN, FILE_NOT_FOUND, ENOENT, "extent-unknown", 64,
		 "no extent of this holder begins at this offset; use the offset of an extent that was not freed")
NDSHM_REASON_ROW(ALIGNMENT, INVALID_PARAMETER, EINVAL, "alignment", 65,
		 "offset or alignment is invalid; use whole pages, and as alignment a power of two up to 2 MiB")
NDSHM_REASON_ROW(DESCRIPTOR, INVALID_PARAMETER, EBADF, "descriptor", 66,
		 "descriptor is not the section, holder of this section or device node of an adapter that the call needs; use the right descriptor")
NDSHM_REASON_ROW(DESCRIPTORS, RESOURCES, EMFILE, "descriptors", 67,
		 "maximum number of open files is reached; close some, or raise the limit (ulimit -n)")

/* Receive queues and virtual ports. */
NDSHM_REASON_ROW(QUEUE_DEFAULT, INVALID_PARAMETER, EINVAL, "queue-default", 68,
		 "default queue and default port always exist; use another one")
NDSHM_REASON_ROW(QUEUE_UNKNOWN, INVALID_PARAMETER, ENOENT, "queue-unknown", 69,
		 "adapter has no such queue; use a queue that was allocated and not freed")
NDSHM_REASON_ROW(QUEUE_STATE, INVALID_STATE, EBADFD, "queue-state", 70,
		 "state of the queue does not permit the call; complete its allocation first, and do not use it after its free has begun")
NDSHM_REASON_ROW(PORT_UNKNOWN, INVALID_PARAMETER, ENOENT, "port-unknown", 71,
		 "adapter has no such virtual port; use a port that was created and not deleted")
NDSHM_REASON_ROW(PORT_STATE, INVALID_STATE, EBADFD, "port-state", 72,
		 "state of the virtual port does not permit the call; activate it first, and do not use it after its deletion has begun")

/* Asynchronous requests of kernel users. PENDING is no failure. */
NDSHM_REASON_ROW(PENDING, PENDING, 0, "pending", 73,
		 "no failure, the request is accepted; wait for its completion")
NDSHM_REASON_ROW(REQUESTS, RESOURCES, EAGAIN, "requests", 74,
		 "maximum number of requests is in flight; wait until one completes")
NDSHM_REASON_ROW(REQUEST_ABORTED, REQUEST_ABORTED, ECANCELED, "request-aborted", 75,
		 "request was cancelled; submit it again if it is still needed")

/* Permissions. */
NDSHM_REASON_ROW(ADAPTER_PERMISSION, OPEN_FAILED, EACCES, "adapter-permission", 76,
		 "device node of the adapter is not open, or cannot be opened, for reading and writing; have its owner or mode changed (ndshm bind --owner --mode)")
NDSHM_REASON_ROW(PROVIDER_CLOSED, OPEN_FAILED, EACCES, "provider-closed", 77,
		 "provider is reserved for the kernel or another adapter; use one that is open to clients (ndshm list providers)")

/* Platform devices. */
NDSHM_REASON_ROW(ADAPTER_UNSTOPPABLE, NOT_SUPPORTED, EOPNOTSUPP, "adapter-unstoppable", 78,
		 "nothing could stop the device from writing to freed memory: it has neither a reset line nor a strict IOMMU; use the provider of its memory-region")

/* Names of sections. */
NDSHM_REASON_ROW(SECTION_UNKNOWN, FILE_NOT_FOUND, ENOENT, "section-unknown", 79,
		 "owner has no section of this name that the caller may read; check name, owner and mode, or create it")
NDSHM_REASON_ROW(SECTION_PERMISSION, OPEN_FAILED, EACCES, "section-permission", 80,
		 "mode of the section permits the caller reading only; open it read-only, or create it with another mode")
NDSHM_REASON_ROW(MODE, INVALID_PARAMETER, EINVAL, "mode", 81,
		 "mode has bits outside 0777, or belongs to no name; correct it, or give a name")
NDSHM_REASON_ROW(GROUP, INVALID_PARAMETER, EINVAL, "group", 82,
		 "group does not exist in the user namespace of the caller; use another one")

/* Interrupts of a claimed function. */
NDSHM_REASON_ROW(IRQ_KIND, INVALID_PARAMETER, EINVAL, "irq-kind", 83,
		 "kind of interrupt is unknown, or does not permit the flag; use INTx, MSI, MSI-X or none, and unmask INTx only")
NDSHM_REASON_ROW(IRQ_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "irq-unsupported", 84,
		 "function has no interrupts of this kind, or the machine cannot deliver them; use another kind, or poll")
NDSHM_REASON_ROW(IRQ_RANGE, INVALID_PARAMETER, EINVAL, "irq-range", 85,
		 "range of vectors is empty or exceeds those of the function; use the numbers that the claim reports")
NDSHM_REASON_ROW(IRQ_EVENTFD, INVALID_PARAMETER, EBADF, "irq-eventfd", 86,
		 "descriptor is not an eventfd; use one of eventfd(2), or -1")
NDSHM_REASON_ROW(IRQ_BUSY, RESOURCE_CONFLICT, EBUSY, "irq-busy", 87,
		 "interrupts of the function are on with another kind or fewer vectors; turn them off first")
NDSHM_REASON_ROW(IRQ_OFF, INVALID_STATE, EBADFD, "irq-off", 88,
		 "INTx of the function is off or has no eventfd; turn it on")
NDSHM_REASON_ROW(IRQ_VECTORS, RESOURCES, ENOSPC, "irq-vectors", 89,
		 "machine has no free interrupt vector, or the line cannot be shared; use fewer vectors or another kind, or poll")
NDSHM_REASON_ROW(ADAPTER_RESETTING, BUSY, EAGAIN, "adapter-resetting", 90,
		 "function is being reset or recovers from an error; retry when the eventfds are signalled")

/* dma-bufs. */
NDSHM_REASON_ROW(EXPORT_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "export-unsupported", 91,
		 "memory of the provider cannot be mapped, or the kernel has no dma-bufs; use the provider \"pages\", or a kernel with CONFIG_DMA_SHARED_BUFFER")

/* Reset of a claimed function. */
NDSHM_REASON_ROW(RESET_UNSUPPORTED, NOT_SUPPORTED, EOPNOTSUPP, "reset-unsupported", 92,
		 "function has no reset method; bring the device to a known state through its registers")
NDSHM_REASON_ROW(RESET_FAILED, FAILURE, EIO, "reset-failed", 93,
		 "reset of the function failed and its state is unknown; reset it again, or close the claim")

/* Configuration space of a claimed function. */
NDSHM_REASON_ROW(CONFIG_RANGE, INVALID_PARAMETER, EINVAL, "config-range", 94,
		 "access is not aligned, not of 1, 2 or 4 bytes, or exceeds the configuration space; correct offset, width and value")
NDSHM_REASON_ROW(CONFIG_PROTECTED, OPEN_FAILED, EACCES, "config-protected", 95,
		 "register or bit of configuration space belongs to the kernel; write only what struct ndshm_adapter_config_args lists")

/* Export of a range of a section. */
NDSHM_REASON_ROW(EXPORT_RANGE, INVALID_PARAMETER, ENXIO, "export-range", 96,
		 "range has pages that belong to no extent; export a range that is allocated, and do so before it is freed")
