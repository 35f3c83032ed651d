/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ndshm: blocks of DMA-able memory for programs, and sections that processes
 * share.
 */
#ifndef _UAPI_LINUX_NDSHM_H
#define _UAPI_LINUX_NDSHM_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include <linux/ndshm_status.h>

/**
 * DOC: The contract of every ioctl
 *
 * Every argument starts with the same 16 bytes: ``size`` (in: the size of the
 * structure as the caller knows it), ``status`` and ``reason`` (out, ignored on
 * input) and ``flags`` (in). Structures only ever grow at the end. A caller may
 * pass a shorter structure than the kernel knows, down to the size of the
 * first published version: what is missing reads as zero. It may pass a longer
 * one, of at most a page, if everything the kernel does not know is zero.
 *
 * The return value is 0, or -1 with errno. Where the argument can be read and
 * its 16-byte header written, ``reason`` and ``status`` are written as well, on
 * success and on failure: the reason is the finest answer, and decides the other
 * two. A failed call allocates nothing, frees nothing, and changes no account. One
 * call has a success of its own: what is carried out later is PENDING, with errno 0.
 *
 * ========== ==================================================================
 * errno      meaning, the same for every command
 * ========== ==================================================================
 * ENOTTY     no such command (nothing is written)
 * EFAULT     the argument cannot be read or written (nothing is written), or
 *            an array it points to cannot (header written; of its arrays, any
 *            part may have been)
 * EINVAL     ``size`` below 16 (nothing is written); a known field with a bad
 *            value; a reserved field that is not zero
 * E2BIG      a tail that this kernel does not know, and that is not zero; an
 *            argument longer than a page
 * EOPNOTSUPP an unknown flag; something that exists but not for this object
 * ENOENT     unknown adapter, provider or handle; no such request is out
 * ENODEV     the object was there and has gone (revoked)
 * EIDRM      the section was there and has been deleted
 * EOVERFLOW  arithmetic on the given values overflows
 * ENOSPC     an output array is too small; the size needed is written. No such
 *            extent is left in the section
 * EAGAIN     as many requests are out as a client can have
 * EEXIST     a request with that cookie is out already
 * EBUSY      claimed by another client, or by this one already; another client
 *            has a function of the same IOMMU group; others hold extents
 * EBADFD     the client holds no claim on this adapter
 * EBADF      a descriptor in an argument is not of the kind that is meant
 * EACCES     the adapter is not open to clients
 * EROFS      the section was handed out for reading only
 * EPERM      a missing capability, or isolation; another user's section
 * ENOMEM     no memory, or RLIMIT_MEMLOCK reached
 * EMFILE     the process, or the system, can have no more descriptors
 * EDQUOT     a limit of ndshm's own is reached
 * ESHUTDOWN  the provider is being unregistered
 * EIO        the provider failed
 * ========== ==================================================================
 *
 * What was asked for with NDSHM_ALLOC_ASYNC has its end in a record, see struct
 * ndshm_completion, which is read from the client's descriptor; poll() says when there
 * is one (POLLIN). read() waits for the first, unless the descriptor is O_NONBLOCK
 * (EAGAIN), and gives as many whole ones as there are and fit, in the order in which
 * requests ended; a buffer that is too small for one is EINVAL. What could not be
 * written (EFAULT) is read again.
 *
 * mmap() takes an ``mmap_offset`` that the kernel gave out for a live handle (one
 * of a dead handle can in time be that of another object of the same client),
 * MAP_SHARED, and at most the object's length: any other offset or a greater
 * length is ENXIO, MAP_PRIVATE EINVAL, PROT_EXEC EPERM (EACCES from mprotect()
 * later), an object that cannot be shown EOPNOTSUPP, a revoked one ENODEV; it
 * can run out of memory (ENOMEM) or of the system's files (ENFILE).
 * mremap() cannot grow a mapping (EFAULT). A mapping keeps the object and
 * neither the handle, the client nor the claim. Access to a revoked object is
 * SIGBUS. Mappings are not dumped in core files.
 *
 * 32-bit programs on a 64-bit kernel use the same structures.
 *
 * Command numbers do not contain the structure's size (_IO), so that growing a
 * structure never changes its command.
 */

#define NDSHM_DEVICE	"/dev/ndshm"
#define NDSHM_IOC	'^'

#define NDSHM_GET_INFO		_IO(NDSHM_IOC, 0x80)
#define NDSHM_ADAPTER_CLAIM	_IO(NDSHM_IOC, 0x81)
#define NDSHM_ADAPTER_START	_IO(NDSHM_IOC, 0x82)
#define NDSHM_ADAPTER_MAP_BAR	_IO(NDSHM_IOC, 0x83)
#define NDSHM_BLOCK_ALLOC	_IO(NDSHM_IOC, 0x84)
#define NDSHM_BLOCK_FREE	_IO(NDSHM_IOC, 0x85)
#define NDSHM_BLOCK_QUERY	_IO(NDSHM_IOC, 0x86)
#define NDSHM_BLOCK_SYNC	_IO(NDSHM_IOC, 0x87)
#define NDSHM_SECTION_CREATE	_IO(NDSHM_IOC, 0x88)
#define NDSHM_BLOCK_CANCEL	_IO(NDSHM_IOC, 0x89)

/* On the descriptor of a section. */
#define NDSHM_SECTION_ATTACH	_IO(NDSHM_IOC, 0x90)
#define NDSHM_SECTION_SHARE	_IO(NDSHM_IOC, 0x91)
#define NDSHM_SECTION_DELETE	_IO(NDSHM_IOC, 0x92)
#define NDSHM_SECTION_QUERY	_IO(NDSHM_IOC, 0x93)
#define NDSHM_SECTION_SYNC	_IO(NDSHM_IOC, 0x94)

/* On the descriptor of a holder. */
#define NDSHM_EXTENT_ALLOC	_IO(NDSHM_IOC, 0xa0)
#define NDSHM_EXTENT_FREE	_IO(NDSHM_IOC, 0xa1)
#define NDSHM_EXTENT_QUERY	_IO(NDSHM_IOC, 0xa2)

/* The first 16 bytes of every argument. */
struct ndshm_header {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
};

/* What this module can do: bits of ndshm_get_info.out_features. */
#define NDSHM_FEATURE_BLOCKS	(1ULL << 0)	/* BLOCK_ALLOC, _FREE, _QUERY, mmap */
#define NDSHM_FEATURE_CLAIMS	(1ULL << 1)	/* ADAPTER_CLAIM, _START, _MAP_BAR */
#define NDSHM_FEATURE_SYNC	(1ULL << 2)	/* BLOCK_SYNC */
#define NDSHM_FEATURE_SECTIONS	(1ULL << 3)	/* SECTION_*, EXTENT_* */
#define NDSHM_FEATURE_ASYNC	(1ULL << 4)	/* ALLOC_ASYNC, BLOCK_CANCEL, read() */

/**
 * struct ndshm_get_info - ioctl(NDSHM_GET_INFO): features, limits, this client
 * @size: sizeof(struct ndshm_get_info)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @out_features: NDSHM_FEATURE_* bits; never test a version instead
 * @out_max_length: longest block, in bytes
 * @out_max_blocks: most handles a client can hold (blocks and BARs)
 * @out_max_batch: most blocks of one BLOCK_ALLOC
 * @out_page_size: unit of lengths and of mmap, in bytes
 * @out_default_adapter: id of the adapter that serves memory for no particular
 *	device on the lowest NUMA node
 * @out_blocks: live handles of this client, revoked ones included
 * @__reserved: 0
 * @out_bytes: bytes consumed by this client's blocks, revoked ones included until
 *	they are freed
 * @out_user_locked: bytes charged to the calling user's RLIMIT_MEMLOCK account,
 *	by ndshm and by everything else that uses the account (io_uring, ...)
 * @out_max_section: greatest MaxSize of a section, in bytes
 * @out_max_requests: most requests (NDSHM_ALLOC_ASYNC) of a client that are out or whose
 *	record has not been read
 * @out_requests: those of this client
 */
struct ndshm_get_info {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 out_features;
	__aligned_u64 out_max_length;
	__u32 out_max_blocks;
	__u32 out_max_batch;
	__u32 out_page_size;
	__u32 out_default_adapter;
	__u32 out_blocks;
	__u32 __reserved;
	__aligned_u64 out_bytes;
	__aligned_u64 out_user_locked;
	__aligned_u64 out_max_section;
	__u32 out_max_requests;
	__u32 out_requests;
};

/* Isolation properties that an adapter lacks; 0 means isolated. */
#define NDSHM_ISOLATION_NO_TRANSLATION	(1U << 0) /* no IOMMU, or identity mapped */
#define NDSHM_ISOLATION_LAZY		(1U << 1) /* unmaps reach the IOMMU late */
#define NDSHM_ISOLATION_SHARED_GROUP	(1U << 2) /* a foreign function in its group */
#define NDSHM_ISOLATION_MSI		(1U << 3) /* can forge other devices' interrupts */
#define NDSHM_ISOLATION_ALL		0xfU

/**
 * struct ndshm_adapter_claim - ioctl(NDSHM_ADAPTER_CLAIM): own a PCI function
 * @size: sizeof(struct ndshm_adapter_claim)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of the adapter
 * @address_width: bits of DMA address that the function can drive, 24 to 64;
 *	0 means 32. It bounds every DMA address given out under this claim.
 * @out_isolation: NDSHM_ISOLATION_* properties that are missing
 * @out_bars: bit n is set if BAR n can be mapped
 *
 * A claim belongs to one client at a time and ends with its last close; functions
 * that share an IOMMU group, and so reach each other's memory, go together. It
 * starts with bus mastering off; see NDSHM_ADAPTER_START. When it ends, BARs
 * are unmapped, bus mastering goes off, the function is reset if it has a way
 * to, and then every block made under the claim is revoked, whoever maps it. It
 * also ends before a driver of the kernel probes a function of the IOMMU group.
 *
 * An adapter has an owner, a group and a mode, which netlink shows and administrators
 * set: at first root's, 0600, for a PCI function. The caller must have permission to read
 * and to write (else EACCES, ADAPTER_PERMISSION). It is checked by effective ids, at the
 * claim, and not again for what is done under it.
 *
 * Adapters of NUMA nodes need no claim: this command, NDSHM_ADAPTER_START and
 * NDSHM_ADAPTER_MAP_BAR answer EOPNOTSUPP (CLAIM_UNSUPPORTED) for them. A
 * function without isolation can only be claimed through a client that was
 * opened with CAP_SYS_RAWIO (else EPERM, NOT_ISOLATED) and while the module
 * parameter allow_unisolated is set (else EPERM, UNISOLATED_OFF); the kernel
 * is then tainted. A function that was not reset after its last claim goes to a client
 * opened with CAP_SYS_RAWIO, and to whom the adapter's reset policy permits, at first the
 * effective user of that claim (else EPERM, ADAPTER_DIRTY).
 */
struct ndshm_adapter_claim {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 address_width;
	__u32 out_isolation;
	__u32 out_bars;
};

/**
 * struct ndshm_adapter_start - ioctl(NDSHM_ADAPTER_START): bus mastering on
 * @size: sizeof(struct ndshm_adapter_start)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of an adapter that this client has claimed
 * @__reserved: must be 0
 *
 * Call it only after the function was quieted through its BAR: a reset cannot
 * be relied on, so it may still hold addresses of its last owner. Starting a
 * started adapter succeeds and changes nothing.
 */
struct ndshm_adapter_start {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 __reserved;
};

/**
 * struct ndshm_adapter_map_bar - ioctl(NDSHM_ADAPTER_MAP_BAR): registers
 * @size: sizeof(struct ndshm_adapter_map_bar)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of an adapter that this client has claimed
 * @bar: 0 to 5
 * @out_mmap_offset: for mmap(); the mapping is uncached. Asking again gives
 *	the same offset.
 * @out_length: of the BAR, in bytes
 *
 * Only memory BARs of whole pages can be mapped (EOPNOTSUPP, BAR_NOT_MAPPABLE).
 * While the function is reset through sysfs, or recovers from an error, access to
 * the mapping is SIGBUS.
 */
struct ndshm_adapter_map_bar {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 bar;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_length;
};

/* What a block is for; NDIS's numbers. Undefined is for kernel callers only. */
#define NDSHM_USAGE_UNDEFINED			0U
#define NDSHM_USAGE_XMIT			1U
#define NDSHM_USAGE_XMIT_HEADER			2U
#define NDSHM_USAGE_XMIT_DATA			3U
#define NDSHM_USAGE_RECEIVE			4U
#define NDSHM_USAGE_RECEIVE_LOOKAHEAD		5U
#define NDSHM_USAGE_RECEIVE_POST_LOOKAHEAD	6U
#define NDSHM_USAGE_RECEIVE_HEADER		7U
#define NDSHM_USAGE_RECEIVE_DATA		8U
#define NDSHM_USAGE_OTHER			9U
#define NDSHM_USAGE_MAX				10U

/* No preference for a NUMA node; 0 is node 0. */
#define NDSHM_NODE_ANY		(-1)

/* In place of a DMA address that this client may not see. */
#define NDSHM_ADDRESS_HIDDEN	0xffffffffffffffffULL

/**
 * struct ndshm_segment - a range that the adapter's device can address
 * @address: DMA address, or NDSHM_ADDRESS_HIDDEN
 * @length: in bytes
 */
struct ndshm_segment {
	__aligned_u64 address;
	__aligned_u64 length;
};

/* Bits of ndshm_block_info.flags. */
#define NDSHM_BLOCK_MAPPABLE	(1U << 0)	/* mmap works */
#define NDSHM_BLOCK_CHARGED	(1U << 1)	/* counts against RLIMIT_MEMLOCK */
#define NDSHM_BLOCK_NEEDS_SYNC	(1U << 2)	/* see ndshm_block_sync */

/**
 * struct ndshm_block_info - what a client knows of a block
 * @handle: the client's own name for it; never 0
 * @flags: NDSHM_BLOCK_* bits
 * @shared_memory_handle: the machine's name for it: netlink, events; never 0, random
 * @segments: number of DMA segments
 * @length: in bytes, a multiple of the page size
 * @consumed: bytes of memory that it takes, and that are charged
 * @mmap_offset: for mmap()
 * @address: DMA address of the first segment, or NDSHM_ADDRESS_HIDDEN: shown if
 *	the adapter is isolated or the client was opened with CAP_SYS_RAWIO
 */
struct ndshm_block_info {
	__u32 handle;
	__u32 flags;
	__u32 shared_memory_handle;
	__u32 segments;
	__aligned_u64 length;
	__aligned_u64 consumed;
	__aligned_u64 mmap_offset;
	__aligned_u64 address;
};

/* Bits of ndshm_block_alloc.flags. */
#define NDSHM_ALLOC_CONTIGUOUS	(1U << 0)	/* one DMA segment, or failure */
#define NDSHM_ALLOC_ASYNC	(1U << 1)	/* later; see struct ndshm_completion */

/**
 * struct ndshm_block_alloc - ioctl(NDSHM_BLOCK_ALLOC): make one block, or more
 * @size: sizeof(struct ndshm_block_alloc)
 * @status: out; a provider's answer arrives unchanged
 * @reason: out
 * @flags: NDSHM_ALLOC_* bits
 * @adapter: id of the adapter whose device uses the memory
 * @provider: id of a provider; 0: the adapter's, else the machine's, else the
 *	built-in ``coherent``. It must be open to clients and, if it is an adapter's own,
 *	be that of @adapter (else EACCES, PROVIDER_CLOSED), and its mode must permit the
 *	caller to read and to write (else EACCES, PROVIDER_PERMISSION).
 * @length: bytes of each block, 1 to ndshm_get_info.out_max_length; rounded up
 *	to pages. Memory reads as zero.
 * @preferred_node: NUMA node, or NDSHM_NODE_ANY
 * @usage: NDSHM_USAGE_*, not UNDEFINED
 * @queue_id: receive queue, 0 for the default; others are not supported for
 *	clients (EOPNOTSUPP), and both @queue_id and @vport_id are EINVAL
 * @vport_id: virtual port, 0 for the default
 * @count: number of blocks, 1 to ndshm_get_info.out_max_batch; all or none
 * @segment_capacity: entries at @segments; only with a @count of 1
 * @blocks: address of an array of @count struct ndshm_block_info; after EFAULT
 *	its contents mean nothing, after any other failure it is as it was
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity
 *	of 0; after a failure as @blocks
 * @out_segments: segments of the block for a @count of 1, also when @segments
 *	was too small (ENOSPC, LIST_SHORT: nothing is allocated); else 0
 * @__reserved: must be 0
 * @cookie: with NDSHM_ALLOC_ASYNC the client's name for the request, unique among
 *	those that are out (else EEXIST, COOKIE); else must be 0
 *
 * With NDSHM_ALLOC_ASYNC @count is 1, and @blocks, @segments and @segment_capacity
 * are 0. The answer is 0 with status PENDING, and a record will come; or why nothing
 * was begun, and none will. The longest that the block can be is charged at once, to
 * the caller. What can change until it is carried out is looked at then.
 */
struct ndshm_block_alloc {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 provider;
	__aligned_u64 length;
	__s32 preferred_node;
	__u32 usage;
	__u32 queue_id;
	__u32 vport_id;
	__u32 count;
	__u32 segment_capacity;
	__aligned_u64 blocks;
	__aligned_u64 segments;
	__u32 out_segments;
	__u32 __reserved;
	__aligned_u64 cookie;
};

/**
 * struct ndshm_completion - how a request ended; read from a client's descriptor
 * @cookie: which request
 * @status: as BLOCK_ALLOC would have told
 * @reason: likewise
 * @block: of a success, and then as good as any other; else zero. Its segments
 *	are for BLOCK_QUERY to tell.
 *
 * Each request that was answered with PENDING has one, whatever happens: one that was
 * cancelled is REQUEST_ABORTED, one whose adapter or provider has gone by then is what
 * BLOCK_ALLOC answers of those. The end of the client cancels all that are out, and
 * records that nobody has read go with it, and their blocks.
 */
struct ndshm_completion {
	__aligned_u64 cookie;
	__u32 status;
	__u32 reason;
	struct ndshm_block_info block;
};

/**
 * struct ndshm_block_cancel - ioctl(NDSHM_BLOCK_CANCEL): end a request
 * @size: sizeof(struct ndshm_block_cancel)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @cookie: of the request
 *
 * It ends as REQUEST_ABORTED, and its record says so: at once if it has not begun, else
 * when the provider has answered. One that has ended, or never was, is ENOENT
 * (REQUEST_UNKNOWN). The cookie is free to be used again.
 */
struct ndshm_block_cancel {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 cookie;
};

/**
 * struct ndshm_block_free - ioctl(NDSHM_BLOCK_FREE): give a handle back
 * @size: sizeof(struct ndshm_block_free)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client; a revoked block's handle is released as well
 * @__reserved: must be 0
 *
 * The handle dies at once; the memory lives on while it is mapped. What somebody
 * has pinned of it (O_DIRECT, vmsplice(), io_uring) stays charged until it is let
 * go, and up to a second longer.
 */
struct ndshm_block_free {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
};

/**
 * struct ndshm_block_query - ioctl(NDSHM_BLOCK_QUERY): what a handle stands for
 * @size: sizeof(struct ndshm_block_query)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client
 * @segment_capacity: entries at @segments
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity
 *	of 0
 * @out_block: the same as at the allocation, disclosure decided anew
 * @out_adapter: id
 * @out_provider: id
 * @out_preferred_node: as asked for
 * @out_usage: as asked for
 *
 * A capacity that is too small is ENOSPC (LIST_SHORT); out_block.segments says
 * how many there are. With a capacity of 0 no segments are asked for.
 */
struct ndshm_block_query {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 handle;
	__u32 segment_capacity;
	__aligned_u64 segments;
	struct ndshm_block_info out_block;
	__u32 out_adapter;
	__u32 out_provider;
	__s32 out_preferred_node;
	__u32 out_usage;
};

/* Values of ndshm_block_sync.direction. */
#define NDSHM_SYNC_FOR_DEVICE	1U
#define NDSHM_SYNC_FOR_CPU	2U

/**
 * struct ndshm_block_sync - ioctl(NDSHM_BLOCK_SYNC): the same for all who look
 * @size: sizeof(struct ndshm_block_sync)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client
 * @direction: NDSHM_SYNC_FOR_DEVICE after processors have written and before the
 *	device reads, or before it writes; NDSHM_SYNC_FOR_CPU after the device
 *	has written and before processors read
 * @offset: of the first byte, from the block's
 * @length: in bytes, at least 1; the range is within the block (else EINVAL,
 *	RANGE)
 *
 * Blocks with NDSHM_BLOCK_NEEDS_SYNC are of memory that the device and the
 * processors do not see alike by themselves. For all others this succeeds, and
 * has nothing to do. Where a processor's cache holds a part of a line that the
 * range ends in, the rest of that line is synced as well.
 */
struct ndshm_block_sync {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 handle;
	__u32 direction;
	__aligned_u64 offset;
	__aligned_u64 length;
};

/**
 * DOC: Sections
 *
 * A section is a range of MaxSize bytes that processes share, of which InitialSize
 * bytes have memory from the start, and more get it as it is needed. Each process
 * maps the whole range once, at offset 0 of the section's descriptor; memory that
 * comes later is seen through mappings made earlier. To touch what has no memory is
 * SIGBUS. mmap() of a section's descriptor answers as that of a block does, and
 * EIDRM if the section was deleted; any offset but 0 is ENXIO.
 *
 * Whoever has a section's descriptor can attach: what comes of it is a holder, a
 * descriptor as well. Through it extents are allocated, runs of pages that nobody
 * else is given until they are freed. Only the holder that allocated an extent can
 * free it; when its last descriptor is closed, its extents are freed, unless it was
 * attached with NDSHM_ATTACH_KEEP. Nothing of what was in an extent is left when it is
 * handed out again: it reads as zero, but for what somebody writes where he has no
 * extent. For whoever has the section mapped can read and write all of it.
 *
 * All descriptors are close-on-exec, and can be passed to other processes, which
 * need no access to the device. A section lives until the last descriptor, holder
 * and mapping of it has gone, or until it is deleted.
 *
 * All memory of a section is charged, as blocks are, to its creator: user and memory
 * cgroup, under the limits that held at creation, whoever calls NDSHM_EXTENT_ALLOC.
 * MaxSize is what the creator promises to pay for; NDSHM_SECTION_DELETE with
 * NDSHM_DELETE_REVOKE ends that at any time. Memory that is not needed any more is given
 * back, above InitialSize, in pieces of 2 MiB and about a second later; before a limit of
 * the creator refuses memory, at once. Of a section made under a claim only what was
 * freed with NDSHM_EXTENT_FREE is: the device may still know the rest, which stays until
 * the claim has ended.
 */

/* Bits of ndshm_section_create.flags. */
#define NDSHM_CREATE_PERMIT_KEEP (1U << 0)	/* holders may attach with NDSHM_ATTACH_KEEP */

/**
 * struct ndshm_section_create - ioctl(NDSHM_SECTION_CREATE): a range to share
 * @size: sizeof(struct ndshm_section_create)
 * @status: out
 * @reason: out
 * @flags: NDSHM_CREATE_* bits
 * @adapter: id of the adapter whose device uses the memory
 * @provider: id of a provider that has pages (else EOPNOTSUPP, PROVIDER_PAGELESS, as
 *	soon as memory is needed); 0: the built-in ``pages``. As of NDSHM_BLOCK_ALLOC,
 *	and looked at now only: the section can grow later.
 * @max_size: in bytes, 1 to ndshm_get_info.out_max_section; rounded up to pages
 * @initial_size: in bytes, 0 to @max_size; rounded up to pages
 * @preferred_node: NUMA node, or NDSHM_NODE_ANY
 * @out_section: descriptor, for reading and writing
 * @out_id: the machine's name for it; never 0, random
 * @__reserved: must be 0
 *
 * It ends with what it was made of: its claim, its adapter, its provider. Then access
 * is SIGBUS, and all calls answer ENODEV (SECTION_REVOKED) but NDSHM_EXTENT_FREE,
 * NDSHM_SECTION_QUERY and NDSHM_SECTION_DELETE.
 */
struct ndshm_section_create {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 provider;
	__aligned_u64 max_size;
	__aligned_u64 initial_size;
	__s32 preferred_node;
	__s32 out_section;
	__u32 out_id;
	__u32 __reserved;
};

/* Bits of ndshm_section_attach.flags. */
#define NDSHM_ATTACH_KEEP	(1U << 0)	/* extents stay when the holder goes */

/**
 * struct ndshm_section_attach - ioctl(NDSHM_SECTION_ATTACH): become a holder
 * @size: sizeof(struct ndshm_section_attach)
 * @status: out
 * @reason: out
 * @flags: NDSHM_ATTACH_* bits; NDSHM_ATTACH_KEEP needs the creator's consent, given with
 *	NDSHM_CREATE_PERMIT_KEEP (else EPERM, KEEP_REFUSED)
 * @out_holder: descriptor
 * @__reserved: must be 0
 *
 * Through a descriptor for reading only a holder can be had as well; it can allocate
 * nothing (EROFS).
 */
struct ndshm_section_attach {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 out_holder;
	__u32 __reserved;
};

/* Bits of ndshm_section_share.flags. */
#define NDSHM_SHARE_READONLY	(1U << 0)	/* it can never be written through */

/**
 * struct ndshm_section_share - ioctl(NDSHM_SECTION_SHARE): one more descriptor
 * @size: sizeof(struct ndshm_section_share)
 * @status: out
 * @reason: out
 * @flags: NDSHM_SHARE_* bits
 * @out_section: descriptor
 * @__reserved: must be 0
 *
 * Of a descriptor for reading only, only such can be made (EROFS).
 */
struct ndshm_section_share {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 out_section;
	__u32 __reserved;
};

/* Bits of ndshm_section_delete.flags. */
#define NDSHM_DELETE_FORCE	(1U << 0)	/* whoever holds extents */
#define NDSHM_DELETE_REVOKE	(1U << 1)	/* likewise, and unmap it from everybody */

/**
 * struct ndshm_section_delete - ioctl(NDSHM_SECTION_DELETE): let it end
 * @size: sizeof(struct ndshm_section_delete)
 * @status: out
 * @reason: out
 * @flags: NDSHM_DELETE_* bits
 * @holder: the caller's own holder, whose extents go with the section; or -1
 * @__reserved: must be 0
 *
 * It is for the user who created it, by effective user ids, and for CAP_SYS_ADMIN (else
 * EPERM, NOT_CREATOR).
 * While another holder has extents the answer is EBUSY (SECTION_BUSY), unless it is
 * forced. Afterwards nothing can be allocated, attached or mapped any more (EIDRM),
 * and the memory goes with the last mapping. Extents that were kept do not count.
 *
 * With NDSHM_DELETE_REVOKE access through all mappings is SIGBUS afterwards, and the
 * memory is freed, and with it the creator's charge, before the call returns; except
 * pages that are pinned, which stay charged until they are released, and memory under a
 * claim that the device may still use, which goes when the claim ends. A section that was
 * deleted before can be revoked.
 */
struct ndshm_section_delete {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 holder;
	__u32 __reserved;
};

/* Bits of ndshm_section_query.out_flags. */
#define NDSHM_SECTION_READONLY	 (1U << 0)	/* this descriptor */
#define NDSHM_SECTION_DELETED	 (1U << 1)
#define NDSHM_SECTION_REVOKED	 (1U << 2)
#define NDSHM_SECTION_NEEDS_SYNC (1U << 3)	/* see ndshm_section_sync; of what has memory now */

/**
 * struct ndshm_section_query - ioctl(NDSHM_SECTION_QUERY): what it is
 * @size: sizeof(struct ndshm_section_query)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @out_id: the machine's name for it
 * @out_flags: NDSHM_SECTION_* bits
 * @out_max_size: in bytes
 * @out_initial_size: in bytes
 * @out_committed: bytes that have memory now
 * @out_taken: bytes of all extents
 * @out_extents: how many, the kept ones included
 * @out_holders: how many
 * @out_adapter: id
 * @out_provider: id
 *
 * Succeeds whatever has become of the section.
 */
struct ndshm_section_query {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 out_id;
	__u32 out_flags;
	__aligned_u64 out_max_size;
	__aligned_u64 out_initial_size;
	__aligned_u64 out_committed;
	__aligned_u64 out_taken;
	__u32 out_extents;
	__u32 out_holders;
	__u32 out_adapter;
	__u32 out_provider;
};

/**
 * struct ndshm_section_sync - ioctl(NDSHM_SECTION_SYNC): as ndshm_block_sync
 * @size: sizeof(struct ndshm_section_sync)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @direction: NDSHM_SYNC_*
 * @__reserved: must be 0
 * @offset: of the first byte, from the section's
 * @length: in bytes, at least 1; the range is within MaxSize (else EINVAL, RANGE)
 *
 * What has no memory is passed over. Not through a descriptor for reading only (EROFS):
 * it can lose what processors have written.
 */
struct ndshm_section_sync {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 direction;
	__u32 __reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
};

/**
 * struct ndshm_extent_alloc - ioctl(NDSHM_EXTENT_ALLOC): a run of pages
 * @size: sizeof(struct ndshm_extent_alloc)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @length: in bytes, at least 1; rounded up to pages
 * @alignment: of its place in the section, in bytes: 0, or a power of two from the
 *	page size to 2 MiB
 * @out_offset: its place in the section, in bytes
 * @out_length: in bytes
 *
 * It is the lowest place that fits and has memory, or else the section grows. No
 * place: ENOSPC (SECTION_FULL). Where thousands of places are long enough but not
 * aligned, one that is may be overlooked.
 */
struct ndshm_extent_alloc {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 length;
	__aligned_u64 alignment;
	__aligned_u64 out_offset;
	__aligned_u64 out_length;
};

/**
 * struct ndshm_extent_free - ioctl(NDSHM_EXTENT_FREE): give a run of pages back
 * @size: sizeof(struct ndshm_extent_free)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @offset: where an extent of this holder begins (else ENOENT, EXTENT_UNKNOWN; EINVAL,
 *	ALIGNMENT where nothing can begin)
 *
 * Works for a section that was deleted or revoked as well.
 */
struct ndshm_extent_free {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 offset;
};

/**
 * struct ndshm_extent_query - ioctl(NDSHM_EXTENT_QUERY): where the device finds it
 * @size: sizeof(struct ndshm_extent_query)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @offset: as for ndshm_extent_free
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity
 *	of 0
 * @segment_capacity: entries at @segments
 * @out_segments: how many there are, also when @segments was too small (ENOSPC,
 *	LIST_SHORT)
 * @out_length: of the extent, in bytes
 *
 * Addresses are shown as those of blocks are; the opener is who attached.
 */
struct ndshm_extent_query {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 offset;
	__aligned_u64 segments;
	__u32 segment_capacity;
	__u32 out_segments;
	__aligned_u64 out_length;
};

#endif /* _UAPI_LINUX_NDSHM_H */
