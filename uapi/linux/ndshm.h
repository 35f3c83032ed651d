/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ndshm: blocks of DMA-able memory for programs.
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
 * two. A failed call allocates nothing, frees nothing, and changes no account.
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
 * ENOENT     unknown adapter, provider or handle
 * ENODEV     the object was there and has gone (revoked)
 * EOVERFLOW  arithmetic on the given values overflows
 * ENOSPC     an output array is too small; the size needed is written
 * EBUSY      claimed by another client, or by this one already; another client
 *            has a function of the same IOMMU group
 * EBADFD     the client holds no claim on this adapter
 * EACCES     the adapter is not open to clients
 * EPERM      a missing capability, or isolation
 * ENOMEM     no memory, or RLIMIT_MEMLOCK reached
 * EDQUOT     a limit of ndshm's own is reached
 * ESHUTDOWN  the provider is being unregistered
 * EIO        the provider failed
 * ========== ==================================================================
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
 * to, and then every block made under the claim is revoked, whoever maps it.
 *
 * Adapters of NUMA nodes need no claim: this command, NDSHM_ADAPTER_START and
 * NDSHM_ADAPTER_MAP_BAR answer EOPNOTSUPP (CLAIM_UNSUPPORTED) for them. A
 * function without isolation can only be claimed through a client that was
 * opened with CAP_SYS_RAWIO (else EPERM, NOT_ISOLATED) and while the module
 * parameter allow_unisolated is set (else EPERM, UNISOLATED_OFF); the kernel
 * is then tainted. A function whose last reset failed goes only to a client
 * opened with CAP_SYS_RAWIO (else EPERM, ADAPTER_DIRTY).
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
 * @shared_memory_handle: the machine's name for it: netlink, events; never 0
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

/**
 * struct ndshm_block_alloc - ioctl(NDSHM_BLOCK_ALLOC): make one block, or more
 * @size: sizeof(struct ndshm_block_alloc)
 * @status: out; a provider's answer arrives unchanged
 * @reason: out
 * @flags: NDSHM_ALLOC_* bits
 * @adapter: id of the adapter whose device uses the memory
 * @provider: id of a provider; 0: the adapter's, else the machine's, else the
 *	built-in ``coherent``
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

#endif /* _UAPI_LINUX_NDSHM_H */
