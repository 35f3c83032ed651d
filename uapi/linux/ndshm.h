/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/ndshm: blocks of DMA-capable memory for user space, and sections that processes
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
 * Every argument starts with the same 16 bytes: ``size`` (in: the size of the structure
 * as the caller knows it), ``status`` and ``reason`` (out, ignored on input) and
 * ``flags`` (in). Structures only ever grow at the end. A caller may pass a shorter
 * structure than the kernel knows, down to the size of the first published version: the
 * missing members read as zero. It may pass a longer one, of at most a page, if every
 * byte that the kernel does not know is zero.
 *
 * The return value is 0, or -1 with errno. If the argument can be read and its 16-byte
 * header written, ``reason`` and ``status`` are written as well, on success and on
 * failure. The reason is the most specific of the three and determines the other two. A
 * failed call allocates nothing, frees nothing and changes no account. A program that must
 * not wait for a call uses a thread of its own.
 *
 * ========== ==================================================================
 * errno      meaning, the same for every command
 * ========== ==================================================================
 * ENOTTY     no such command (nothing is written)
 * EFAULT     the argument cannot be read or written (nothing is written), or
 *            an array it points to cannot (header written; any part of its
 *            arrays may have been written)
 * EINVAL     ``size`` below 16 (nothing is written); a known field with a bad
 *            value; a reserved field that is not zero
 * E2BIG      a tail that this kernel does not know, and that is not zero; an
 *            argument longer than a page
 * EOPNOTSUPP an unknown flag; an operation that this object does not support
 * ENOENT     unknown adapter, provider, handle or extent; no section of this
 *            name that the caller may open
 * ENODEV     the object has been revoked, or its adapter removed
 * EIDRM      the section has been deleted
 * EOVERFLOW  arithmetic on the given values overflows
 * ENOSPC     an output array is too small (the size needed is written); no
 *            free extent of the requested size in the section; no free
 *            interrupt vector in the machine
 * EAGAIN     the function is being reset
 * EEXIST     the user has a section of that name
 * EBUSY      claimed by another client, or by this one already; another client
 *            has a function of the same IOMMU group; other holders have extents;
 *            interrupts of the function are on in another way
 * EBADFD     the client has no claim on this adapter; the interrupt is not on
 * EBADF      a descriptor in an argument is not of the required kind
 * EACCES     the adapter or the provider is closed to clients; a device node is not
 *            open for reading and writing; the mode of a section permits reading
 *            only; a protected field of configuration space
 * EROFS      the descriptor of the section is read-only
 * EPERM      a missing capability, or isolation; an adapter that needs a reset;
 *            another user's section
 * ENOMEM     no memory, or RLIMIT_MEMLOCK reached
 * EMFILE     no free descriptor in the process or in the system
 * EDQUOT     a limit that ndshm sets is reached
 * ESHUTDOWN  the provider is being unregistered
 * EIO        the provider failed; the reset of a function failed
 * ========== ==================================================================
 *
 * mmap() takes an ``mmap_offset`` that the kernel returned for a live handle (the offset
 * of a freed handle can be reused for another object of the same client), MAP_SHARED, and
 * at most the object's length. Any other offset or a greater length is ENXIO, MAP_PRIVATE
 * EINVAL, PROT_EXEC EPERM (EACCES from a later mprotect()), an object that cannot be
 * mapped EOPNOTSUPP, a revoked one ENODEV. mmap() can also return ENOMEM, or ENFILE when
 * the system has no free file. mremap() cannot grow a mapping (EFAULT). A mapping keeps
 * the object alive, but not the handle, the client or the claim. Access to a revoked
 * object is SIGBUS. Core dumps contain a mapping only if the object was created so
 * (NDSHM_ALLOC_DUMP, NDSHM_CREATE_DUMP) and has pages.
 *
 * 32-bit programs on a 64-bit kernel use the same structures.
 *
 * Command numbers do not contain the structure's size (_IO), so that growing a structure
 * never changes its command.
 */

#define NDSHM_DEVICE	"/dev/ndshm"
#define NDSHM_DEVICES	"/dev/ndshm-devices"	/* device nodes of adapters */
#define NDSHM_IOC	'^'

/* The type that fstatfs() returns for the descriptor of a section. */
#define NDSHM_FS_MAGIC	0x4e445348

#define NDSHM_GET_INFO		_IO(NDSHM_IOC, 0x80)
#define NDSHM_ADAPTER_CLAIM	_IO(NDSHM_IOC, 0x81)
#define NDSHM_ADAPTER_START	_IO(NDSHM_IOC, 0x82)
#define NDSHM_ADAPTER_MAP_BAR	_IO(NDSHM_IOC, 0x83)
#define NDSHM_BLOCK_ALLOC	_IO(NDSHM_IOC, 0x84)
#define NDSHM_BLOCK_FREE	_IO(NDSHM_IOC, 0x85)
#define NDSHM_BLOCK_QUERY	_IO(NDSHM_IOC, 0x86)
#define NDSHM_BLOCK_SYNC	_IO(NDSHM_IOC, 0x87)
#define NDSHM_SECTION_CREATE	_IO(NDSHM_IOC, 0x88)
#define NDSHM_SECTION_OPEN	_IO(NDSHM_IOC, 0x89)
#define NDSHM_ADAPTER_SET_IRQS	_IO(NDSHM_IOC, 0x8a)
#define NDSHM_BLOCK_EXPORT	_IO(NDSHM_IOC, 0x8b)
#define NDSHM_ADAPTER_RESET	_IO(NDSHM_IOC, 0x8c)
#define NDSHM_ADAPTER_CONFIG	_IO(NDSHM_IOC, 0x8d)
#define NDSHM_SECTION_DELETE_ID	_IO(NDSHM_IOC, 0x8e)
#define NDSHM_BLOCK_FREE_ID	_IO(NDSHM_IOC, 0x8f)

/* Commands on the descriptor of a section. */
#define NDSHM_SECTION_ATTACH	_IO(NDSHM_IOC, 0x90)
#define NDSHM_SECTION_SHARE	_IO(NDSHM_IOC, 0x91)
#define NDSHM_SECTION_DELETE	_IO(NDSHM_IOC, 0x92)
#define NDSHM_SECTION_QUERY	_IO(NDSHM_IOC, 0x93)
#define NDSHM_SECTION_SYNC	_IO(NDSHM_IOC, 0x94)
#define NDSHM_SECTION_EXPORT	_IO(NDSHM_IOC, 0x95)

/* Commands on the descriptor of a holder. */
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

/* Features of this module: bits of ndshm_get_info.out_features. */
#define NDSHM_FEATURE_BLOCKS	(1ULL << 0)	/* BLOCK_ALLOC, _FREE, _QUERY, mmap */
#define NDSHM_FEATURE_CLAIMS	(1ULL << 1)	/* ADAPTER_CLAIM, _START, _MAP_BAR */
#define NDSHM_FEATURE_SYNC	(1ULL << 2)	/* BLOCK_SYNC */
#define NDSHM_FEATURE_SECTIONS	(1ULL << 3)	/* SECTION_*, EXTENT_* */
#define NDSHM_FEATURE_NAMES	(1ULL << 4)	/* SECTION_OPEN, names of sections */
#define NDSHM_FEATURE_FREE_MANY	(1ULL << 5)	/* BLOCK_FREE of an array of handles */
#define NDSHM_FEATURE_IRQS	(1ULL << 6)	/* ADAPTER_SET_IRQS */
#define NDSHM_FEATURE_EXPORT	(1ULL << 7)	/* BLOCK_EXPORT */
#define NDSHM_FEATURE_RESET	(1ULL << 8)	/* ADAPTER_RESET */
#define NDSHM_FEATURE_CONFIG	(1ULL << 9)	/* ADAPTER_CONFIG */
#define NDSHM_FEATURE_SECTION_EXPORT (1ULL << 10) /* SECTION_EXPORT */
#define NDSHM_FEATURE_TAGS	(1ULL << 11)	/* ndshm_block_alloc_args.tag */

/**
 * struct ndshm_get_info_args - ioctl(NDSHM_GET_INFO): features, limits, this client
 * @size: sizeof(struct ndshm_get_info_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @out_features: NDSHM_FEATURE_* bits; test these, never a version
 * @out_max_length: longest block, in bytes
 * @out_max_blocks: maximum number of handles of a client (blocks and BARs)
 * @out_max_batch: maximum number of blocks of one BLOCK_ALLOC or BLOCK_FREE
 * @out_page_size: unit of lengths and of mmap, in bytes
 * @out_default_adapter: id of the adapter for memory that is not tied to a device, on the
 *	lowest NUMA node
 * @out_blocks: live handles of this client, revoked ones included
 * @__reserved: 0
 * @out_bytes: bytes consumed by this client's blocks, revoked ones included until they
 *	are freed
 * @out_user_locked: bytes charged to the RLIMIT_MEMLOCK account of the caller's real user, by
 *	ndshm and by every other user of the account (io_uring, ...). Memory of this client is
 *	charged to the account of the process that opened it, which can be another one.
 * @out_max_section: greatest MaxSize of a section, in bytes
 * @out_huge_size: size of a huge page, in bytes, which one entry of a page table of middle level
 *	maps: blocks of this length or more consist of huge pages, if the provider has them
 *	and memory is not fragmented. @out_page_size if the kernel has no huge pages.
 */
struct ndshm_get_info_args {
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
	__aligned_u64 out_huge_size;
};

/* Isolation properties that an adapter lacks; 0 means isolated. */
#define NDSHM_ISOLATION_NO_TRANSLATION	(1U << 0) /* no IOMMU, or identity mapped */
#define NDSHM_ISOLATION_LAZY		(1U << 1) /* IOTLB invalidation is deferred */
#define NDSHM_ISOLATION_SHARED_GROUP	(1U << 2) /* another device is in its IOMMU group */
#define NDSHM_ISOLATION_MSI		(1U << 3) /* may forge other devices' interrupts */
#define NDSHM_ISOLATION_FIRMWARE	(1U << 4) /* firmware shares memory with its IOMMU group */
#define NDSHM_ISOLATION_ALL		0x1fU

/**
 * struct ndshm_adapter_claim_args - ioctl(NDSHM_ADAPTER_CLAIM): own a device
 * @size: sizeof(struct ndshm_adapter_claim_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @device: descriptor of the adapter's device node, open for reading and writing
 * @address_width: number of DMA address bits that the function can drive, 24 to 64; 0
 *	means 32. Every DMA address returned under this claim is within this width.
 * @out_isolation: NDSHM_ISOLATION_* properties that are missing
 * @out_bars: bit n is set if BAR n can be mapped
 * @out_intx: number of INTx interrupts that NDSHM_ADAPTER_SET_IRQS can turn on: 0 or 1; of a
 *	platform device, its interrupt lines, at most NDSHM_MAX_IRQS
 * @out_msi: number of MSI vectors, at most NDSHM_MAX_IRQS
 * @out_msix: number of MSI-X vectors, at most NDSHM_MAX_IRQS
 * @out_adapter: id of the adapter, for the other calls
 *
 * An adapter is claimed by at most one client, and the functions of an IOMMU group, which
 * can reach each other's memory, only by the same client. A claim ends with the last
 * close of the client, or before a kernel driver probes a function of the IOMMU group. It
 * starts with bus mastering off; see NDSHM_ADAPTER_START. When it ends, BARs are
 * unmapped, bus mastering is turned off, the function is reset if it was used and supports a reset,
 * and then every block allocated under the claim is revoked, in all processes that map
 * it.
 *
 * The device node is NDSHM_DEVICES/NAME, with the adapter's name, root's and 0600 at first. Who
 * can open it may claim; opening claims nothing. After the device was unbound open() is ENODEV,
 * ENXIO or ENOENT, and a claim by a descriptor from before ENODEV (ADAPTER_REMOVED). A descriptor
 * of another file is EBADF (DESCRIPTOR), one that is not open for reading and writing EACCES
 * (ADAPTER_PERMISSION).
 *
 * Adapters of NUMA nodes need no claim and have no node: NDSHM_ADAPTER_START and
 * NDSHM_ADAPTER_MAP_BAR return EOPNOTSUPP (CLAIM_UNSUPPORTED) for them. A function
 * without isolation can only be claimed by a client opened with CAP_SYS_RAWIO (else
 * EPERM, NOT_ISOLATED) and while the module parameter allow_unisolated is set (else
 * EPERM, UNISOLATED_OFF); the claim taints the kernel. A claim uses its function when it maps
 * registers, writes configuration space, resets or starts the function. One that was not reset
 * after the last claim that used it can only be claimed by a client opened with CAP_SYS_RAWIO, or
 * by the effective user of that claim (else EPERM, ADAPTER_NEEDS_RESET). While that reset goes on,
 * or after many slow ones (NDSHM_ADAPTER_RESET), the call is EAGAIN (ADAPTER_RESETTING).
 *
 * The adapter can also be a platform device. All above applies, with these differences. It has no
 * bus mastering: its DMA is neither off at the beginning of a claim nor ended by its end, except by
 * its reset lines, if it has any. Register windows take the place of BARs, in the order of its
 * resources. If it has no reset line and is not behind a strict IOMMU, BLOCK_ALLOC and
 * SECTION_CREATE for it are EOPNOTSUPP (ADAPTER_UNSTOPPABLE), except from a provider of its own.
 * NDSHM_ADAPTER_RESET uses the reset lines. While these fail, the device has no mappable registers,
 * and a claim is EPERM (ADAPTER_NEEDS_RESET) for every client. NDSHM_ADAPTER_CONFIG is EINVAL
 * (CONFIG_RANGE).
 */
struct ndshm_adapter_claim_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 device;
	__u32 address_width;
	__u32 out_isolation;
	__u32 out_bars;
	__u32 out_intx;
	__u32 out_msi;
	__u32 out_msix;
	__u32 out_adapter;
};

/**
 * struct ndshm_adapter_start_args - ioctl(NDSHM_ADAPTER_START): enable bus mastering
 * @size: sizeof(struct ndshm_adapter_start_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of an adapter that this client has claimed
 * @__reserved: must be 0
 *
 * Quiesce the function through its BAR before this call: a reset is not guaranteed, so
 * the function may still hold DMA addresses of its last owner. Starting a started adapter
 * succeeds and changes nothing. While the function is reset or recovers from an error, the
 * call is EAGAIN (ADAPTER_RESETTING).
 */
struct ndshm_adapter_start_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 __reserved;
};

/**
 * struct ndshm_adapter_map_bar_args - ioctl(NDSHM_ADAPTER_MAP_BAR): map registers
 * @size: sizeof(struct ndshm_adapter_map_bar_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of an adapter that this client has claimed
 * @bar: 0 to 5
 * @out_mmap_offset: offset for mmap(); the mapping is uncached. Repeated calls return the
 *	same offset.
 * @out_length: length of the BAR, in bytes
 *
 * Only memory BARs of whole pages can be mapped (else EOPNOTSUPP, BAR_NOT_MAPPABLE).
 * While the function is reset or recovers from an error, access to the mapping is SIGBUS. So is
 * always access to a page with a part of the MSI-X table or of the pending bits: the MSI-X
 * capability in configuration space (NDSHM_ADAPTER_CONFIG) has their place.
 */
struct ndshm_adapter_map_bar_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 bar;
	__aligned_u64 out_mmap_offset;
	__aligned_u64 out_length;
};

/* Kinds of interrupts of a function. */
#define NDSHM_IRQ_NONE	0U	/* turns all interrupts off */
#define NDSHM_IRQ_INTX	1U
#define NDSHM_IRQ_MSI	2U
#define NDSHM_IRQ_MSIX	3U
#define NDSHM_IRQ_KINDS	4U

/* Maximum number of vectors of a function that are used. */
#define NDSHM_MAX_IRQS	256U

/* Bits of ndshm_adapter_set_irqs.flags. */
#define NDSHM_SET_IRQS_UNMASK	(1U << 0)	/* unmask INTx */

/**
 * struct ndshm_adapter_set_irqs_args - ioctl(NDSHM_ADAPTER_SET_IRQS): signal eventfds
 * @size: sizeof(struct ndshm_adapter_set_irqs_args)
 * @status: out
 * @reason: out
 * @flags: 0 or NDSHM_SET_IRQS_UNMASK
 * @adapter: id of an adapter that this client has claimed
 * @kind: NDSHM_IRQ_*
 * @first: first vector of the range; 0 for INTx of a PCI function
 * @count: vectors of the range, 1 to NDSHM_MAX_IRQS; 1 for INTx of a PCI function
 * @eventfds: address of an array of @count __s32: for each vector of the range the
 *	descriptor of an eventfd, or -1
 *
 * Each interrupt adds 1 to the counter of its vector's eventfd. Messages of a vector with
 * -1 are discarded; INTx with -1 is masked. The call holds a reference to each eventfd, so
 * that the descriptor can be closed. A message is a DMA write of the function: it arrives
 * only after NDSHM_ADAPTER_START.
 *
 * The first call turns the interrupts on, with vectors 0 to @first + @count - 1, and -1
 * for those below @first. Further calls of the same @kind replace the eventfds of a range
 * of these vectors. For another @kind or for more vectors, turn the interrupts off first
 * (else EBUSY, IRQ_BUSY): with NDSHM_IRQ_NONE, where @first, @count and @eventfds are 0.
 * That call does not signal the eventfds, and succeeds also for a function that does not
 * respond. A call that fails changes nothing.
 *
 * INTx is masked at each interrupt. To receive the next one, serve the device, then call
 * with @kind NDSHM_IRQ_INTX, NDSHM_SET_IRQS_UNMASK, and @first, @count and @eventfds 0: an
 * interrupt that is pending then is signalled at once. A call with an eventfd unmasks as
 * well. While INTx is off or masked the function cannot disturb other devices of its line.
 * The lines of a platform device, edge-triggered ones included, are INTx interrupts, masked each by
 * itself. The first form unmasks all that have an eventfd.
 *
 * A reset, also through sysfs, and the recovery from an error turn the interrupts off.
 * Meanwhile, they cannot be turned on (EAGAIN, ADAPTER_RESETTING). The eventfds are
 * signalled once more when the error is detected, when the reset is over and registers
 * can be accessed again, and when the claim ends, for whatever reason; the last two also
 * drop the references. A client that waits without a timeout is therefore woken: it sets
 * up its device, NDSHM_ADAPTER_START and the interrupts again, or ENODEV or EBADFD shows
 * that the claim has ended.
 *
 * An unknown @kind, and a flag with a kind other than INTx, is EINVAL (IRQ_KIND), a kind
 * that the function does not have, or that the machine cannot deliver, EOPNOTSUPP
 * (IRQ_UNSUPPORTED), a range beyond the numbers that NDSHM_ADAPTER_CLAIM reports EINVAL
 * (IRQ_RANGE), a descriptor that is no eventfd EBADF (IRQ_EVENTFD), and an unmask while
 * INTx is off or its eventfd is -1 EBADFD (IRQ_OFF). If the machine has no vector left, or
 * another device's driver does not share the line, the call returns ENOSPC (IRQ_VECTORS).
 * The permission of NDSHM_ADAPTER_START is checked.
 */
struct ndshm_adapter_set_irqs_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 kind;
	__u32 first;
	__u32 count;
	__aligned_u64 eventfds;
};

/**
 * struct ndshm_adapter_reset_args - ioctl(NDSHM_ADAPTER_RESET): reset a claimed function
 * @size: sizeof(struct ndshm_adapter_reset_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @adapter: id of an adapter that this client has claimed
 * @__reserved: must be 0
 *
 * Resets this function, and no other one, by the first method that the kernel has for it
 * (reset_method in sysfs). First, bus mastering and interrupts are turned off, so that DMA
 * and messages end. The claim stays, with its blocks, their DMA addresses and contents,
 * and all mappings. While the reset is running, access to a mapped BAR is SIGBUS in all
 * processes. At the end the configuration space is that of the beginning of the claim, and
 * the eventfds of interrupts are signalled once more and their references dropped.
 *
 * The device determines what its reset clears. It may still hold DMA addresses, so quiesce
 * it as after a claim. Then call NDSHM_ADAPTER_SET_IRQS and NDSHM_ADAPTER_START again.
 *
 * The call returns when the reset is over, or after two seconds with EAGAIN
 * (ADAPTER_RESETTING): the reset then goes on, for a minute or more if the function does not
 * respond. The next call waits for the same reset and returns its result, unless
 * NDSHM_ADAPTER_START has succeeded before. The end of the claim does not wait for the
 * reset, but the removal of the function does. A signal does not shorten the call.
 *
 * A function without a reset method is EOPNOTSUPP (RESET_UNSUPPORTED). While the function
 * is reset by another process, recovers from an error, or its device or the bridge above is
 * otherwise locked, the call is EAGAIN (ADAPTER_RESETTING), too. After ten resets that took
 * longer than a second or failed, which the kernel logs, so is each call within ten seconds
 * of the last permitted one, and each claim. These change nothing. If the reset failed (EIO,
 * RESET_FAILED), the state of the device is unknown; bus mastering and interrupts are off as
 * after a reset. The permission of NDSHM_ADAPTER_START is checked.
 */
struct ndshm_adapter_reset_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 __reserved;
};

/* Bits of ndshm_adapter_config.flags. */
#define NDSHM_CONFIG_WRITE	(1U << 0)	/* write; otherwise read */

/**
 * struct ndshm_adapter_config_args - ioctl(NDSHM_ADAPTER_CONFIG): configuration space
 * @size: sizeof(struct ndshm_adapter_config_args)
 * @status: out
 * @reason: out
 * @flags: 0 or NDSHM_CONFIG_WRITE
 * @adapter: id of an adapter that this client has claimed
 * @offset: in bytes; a multiple of @width
 * @width: 1, 2 or 4 bytes
 * @value: with NDSHM_CONFIG_WRITE the value to write, in the processor's byte order;
 *	otherwise out: the value read
 *
 * All of the configuration space can be read, 256 or 4096 bytes. Only these registers can
 * be written, each as a whole and with its own @width. Bits that are not in the table must
 * have their present value, or 0 in a register of error bits:
 *
 * ====================  ========  ==========================================================
 * register              @width    bits
 * ====================  ========  ==========================================================
 * Status                2         the six error bits, which 1 clears
 * Cache Line Size       1         all
 * Device Control        2         Enable Relaxed Ordering: on only if it was on at the
 *                                 beginning of the claim; Max Read Request Size: at most
 *                                 that of the beginning. Enable No Snoop is always off
 * Device Status         2         the four error bits, which 1 clears
 * ====================  ========  ==========================================================
 *
 * Device Control and Device Status are registers of the PCI Express capability. Any other
 * write is EACCES (CONFIG_PROTECTED), and nothing is written: bus mastering, interrupts, BARs
 * and power states belong to the kernel, and other capabilities can reach past the
 * IOMMU, other functions or the link. The end of the claim and a reset restore what the
 * client has changed.
 *
 * A wrong @width, an @offset that is not a multiple of it or beyond the end, and a @value
 * wider than @width are EINVAL (CONFIG_RANGE). While the function is reset or recovers from
 * an error, the call is EAGAIN (ADAPTER_RESETTING). The permission of NDSHM_ADAPTER_START is
 * checked.
 */
struct ndshm_adapter_config_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 adapter;
	__u32 offset;
	__u32 width;
	__u32 value;
};

/* Usage of a block, with the values of NDIS. UNDEFINED is for kernel callers only. */
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

/* Replaces a DMA address that this client is not allowed to see. */
#define NDSHM_ADDRESS_HIDDEN	0xffffffffffffffffULL

/**
 * struct ndshm_segment - a range of DMA addresses of the adapter's device
 * @address: DMA address, or NDSHM_ADDRESS_HIDDEN
 * @length: in bytes
 */
struct ndshm_segment {
	__aligned_u64 address;
	__aligned_u64 length;
};

/* Bits of ndshm_block_info.flags. */
#define NDSHM_BLOCK_MAPPABLE	(1U << 0)	/* supports mmap() */
#define NDSHM_BLOCK_CHARGED	(1U << 1)	/* counts against RLIMIT_MEMLOCK */
#define NDSHM_BLOCK_NEEDS_SYNC	(1U << 2)	/* see ndshm_block_sync */
#define NDSHM_BLOCK_REUSABLE	(1U << 3)	/* pages of a node, coherent: no removal ends it */

/**
 * struct ndshm_block_info - a block as its client sees it
 * @handle: per-client id of the block; never 0
 * @flags: NDSHM_BLOCK_* bits
 * @shared_memory_handle: machine-wide id of the block, as in netlink; random, never 0
 * @segments: number of DMA segments
 * @length: in bytes, a multiple of the page size
 * @consumed: bytes of memory that the block takes and that are charged
 * @mmap_offset: offset for mmap()
 * @address: DMA address of the first segment, or NDSHM_ADDRESS_HIDDEN unless the adapter
 *	is isolated or the client was opened with CAP_SYS_RAWIO
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

/* Bits of ndshm_block_alloc.flags. Bit 31 is left to libraries. */
#define NDSHM_ALLOC_CONTIGUOUS	(1U << 0)	/* one DMA segment, or failure */
#define NDSHM_ALLOC_DUMP	(1U << 1)	/* mappings of pages are in core dumps */

/* Tag of a block: four characters, of which tools show the printable ones. */
#define NDSHM_TAG(a, b, c, d) \
	((__u32)(__u8)(a) | (__u32)(__u8)(b) << 8 | (__u32)(__u8)(c) << 16 | \
	 (__u32)(__u8)(d) << 24)

/**
 * struct ndshm_block_alloc_args - ioctl(NDSHM_BLOCK_ALLOC): allocate one or more blocks
 * @size: sizeof(struct ndshm_block_alloc_args)
 * @status: out; a status returned by a provider is passed on unchanged
 * @reason: out
 * @flags: NDSHM_ALLOC_* bits
 * @adapter: id of the adapter whose device uses the memory
 * @provider: id of a provider; 0: the adapter's default, else the machine's default, else
 *	the built-in ``pages``, or ``coherent`` for a device that needs syncs or bounce
 *	buffers. It must be open to clients and, if it is tied to an
 *	adapter, that must be @adapter (else EACCES, PROVIDER_CLOSED).
 * @length: bytes of each block, 1 to ndshm_get_info.out_max_length; rounded up to pages.
 *	Memory reads as zero.
 * @preferred_node: NUMA node, or NDSHM_NODE_ANY
 * @usage: NDSHM_USAGE_*, not UNDEFINED
 * @queue_id: receive queue, 0 for the default; clients cannot use others (EOPNOTSUPP).
 *	EINVAL if both @queue_id and @vport_id are set.
 * @vport_id: virtual port, 0 for the default
 * @count: number of blocks, 1 to ndshm_get_info.out_max_batch; all or none
 * @segment_capacity: entries at @segments; must be 0 unless @count is 1
 * @blocks: address of an array of @count struct ndshm_block_info; its contents are
 *	undefined after EFAULT and unchanged after any other failure
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity of 0;
 *	after a failure as @blocks
 * @out_segments: number of segments of the block for a @count of 1, also when @segments
 *	was too small (ENOSPC, LIST_SHORT: nothing is allocated); else 0
 * @tag: NDSHM_TAG() or any other number, for lists and events; 0: none. Without
 *	NDSHM_FEATURE_TAGS must be 0.
 */
struct ndshm_block_alloc_args {
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
	__u32 tag;
};

/* Bits of ndshm_block_free_args.flags. */
#define NDSHM_FREE_REVOKE	(1U << 0)	/* unmap all mappings, and free the memory */

/**
 * struct ndshm_block_free_args - ioctl(NDSHM_BLOCK_FREE): free one or more blocks
 * @size: sizeof(struct ndshm_block_free_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_FREE_* bits
 * @handle: of a block of this client; must be 0 if @count is not (else EINVAL, RESERVED)
 * @__reserved: must be 0
 * @handles: address of an array of @count handles (__u32) of blocks of this client; must
 *	be 0 if @count is (else EINVAL, COUNT)
 * @count: number of handles at @handles, at most ndshm_get_info.out_max_batch (else
 *	EINVAL, COUNT); all are freed or none. 0: free @handle
 * @out_index: of the first entry at @handles that is unknown or that an earlier entry
 *	equals (ENOENT, HANDLE_UNKNOWN: nothing is freed); else 0
 *
 * A revoked block's handle is freed as well. The handles are invalid at once; the memory
 * is freed, and uncharged, with its last mapping. Pages pinned by the kernel (O_DIRECT,
 * vmsplice(), io_uring) stay in the accounts of the memory cgroup and of their user.
 *
 * With NDSHM_FREE_REVOKE access through all mappings is SIGBUS, as through those of dma-bufs, and
 * the memory is freed and uncharged, whoever maps, imports or has pinned it: before the call
 * returns, or by another such call or a removal that is in progress.
 *
 * Without NDSHM_FEATURE_FREE_MANY the members from @handles on are an unknown tail: a
 * @count is E2BIG (ARGUMENT_TAIL).
 */
struct ndshm_block_free_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 handle;
	__u32 __reserved;
	__aligned_u64 handles;
	__u32 count;
	__u32 out_index;
};

/**
 * struct ndshm_block_free_id_args - ioctl(NDSHM_BLOCK_FREE_ID): revoke a block by its id
 * @size: sizeof(struct ndshm_block_free_id_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @id: ndshm_block_info.shared_memory_handle of a block of any client
 * @__reserved: must be 0
 *
 * As NDSHM_BLOCK_FREE with NDSHM_FREE_REVOKE, but the client of the block, if it lives, keeps the
 * handle: of a revoked block. Memory under a claim, which the device may still use, is freed and
 * uncharged when the claim ends. Returns ENOENT (HANDLE_UNKNOWN) for an id that does not exist, and
 * for a block of another effective user, unless the caller has CAP_SYS_ADMIN.
 */
struct ndshm_block_free_id_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 id;
	__u32 __reserved;
};

/**
 * struct ndshm_block_query_args - ioctl(NDSHM_BLOCK_QUERY): query a block
 * @size: sizeof(struct ndshm_block_query_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client
 * @segment_capacity: entries at @segments
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity of 0
 * @out_block: as at the allocation, but disclosure of addresses is decided anew
 * @out_adapter: id
 * @out_provider: id
 * @out_preferred_node: as requested
 * @out_usage: as requested
 *
 * If @segment_capacity is too small, the call returns ENOSPC (LIST_SHORT), and
 * out_block.segments is the number needed. A capacity of 0 requests no segments.
 */
struct ndshm_block_query_args {
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
 * struct ndshm_block_sync_args - ioctl(NDSHM_BLOCK_SYNC): synchronise caches for DMA
 * @size: sizeof(struct ndshm_block_sync_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client
 * @direction: NDSHM_SYNC_FOR_DEVICE after CPUs have written and before the device reads,
 *	or before it writes; NDSHM_SYNC_FOR_CPU after the device has written and before
 *	CPUs read
 * @offset: of the first byte, from the start of the block
 * @length: in bytes, at least 1; the range is within the block (else EINVAL, RANGE)
 *
 * Required for blocks with NDSHM_BLOCK_NEEDS_SYNC, whose memory is not coherent between
 * the device and CPUs. For all others the call succeeds and does nothing. A cache line
 * that the range covers in part may be synchronised as a whole.
 */
struct ndshm_block_sync_args {
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
 * struct ndshm_block_export_args - ioctl(NDSHM_BLOCK_EXPORT): create a dma-buf of a block
 * @size: sizeof(struct ndshm_block_export_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @handle: of this client
 * @fd_flags: O_RDONLY or O_RDWR, and optionally O_CLOEXEC, with the values of open() (else
 *	EOPNOTSUPP, FLAGS)
 * @out_dmabuf: descriptor
 * @__reserved: must be 0
 *
 * Other drivers take the dma-buf as a buffer (V4L2_MEMORY_DMABUF, PRIME) and map it for their
 * devices. It is a descriptor that can be duplicated and passed to other processes, with the
 * ioctls of <linux/dma-buf.h> and mmap() at offsets from 0. It keeps the block and its charge,
 * as a mapping does, when the handle is freed and the client closed. A block can be exported any
 * number of times; a dma-buf counts against the limits of open files only.
 *
 * Memory with pages (``pages``) can be mapped for devices, and up to 4 GiB of it for the kernel
 * (else EINVAL). Frames (``coherent``) can be mapped by mmap() only: for a device that is
 * EOPNOTSUPP, for the kernel EINVAL.
 *
 * A block that cannot be mapped at all cannot be exported (EOPNOTSUPP, EXPORT_UNSUPPORTED). mmap()
 * has the rules of a block's mmap(), but the offset is one in the block. Once the block is revoked,
 * mmap(), new mappings for devices and DMA_BUF_IOCTL_SYNC are ENODEV, and access to existing user
 * mappings is SIGBUS; a new mapping for the kernel shows other memory. A driver that has mapped
 * pages can access them until it unmaps them; they stay charged to the memory cgroup that long.
 *
 * A dma-buf with O_RDONLY is read-only for everyone: a writable mmap() and a mapping for DMA that
 * may write are EACCES, a mapping for the kernel is EINVAL, and DMA_BUF_IOCTL_SYNC is EACCES if the
 * block has NDSHM_BLOCK_NEEDS_SYNC.
 *
 * Without NDSHM_FEATURE_EXPORT the kernel has no dma-bufs (EOPNOTSUPP, EXPORT_UNSUPPORTED).
 */
struct ndshm_block_export_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 handle;
	__u32 fd_flags;
	__s32 out_dmabuf;
	__u32 __reserved;
};

/**
 * DOC: Sections
 *
 * A section is a range of MaxSize bytes that processes share. InitialSize bytes have
 * memory from the start; the rest gets memory as extents are allocated. Each process maps
 * the whole range once, at offset 0 of the section's descriptor; memory that is added
 * later appears in existing mappings. Access to a page without memory is SIGBUS. mmap()
 * of a section's descriptor returns the errors of a block's mmap(), and EIDRM if the
 * section was deleted; any offset but 0 is ENXIO.
 *
 * NDSHM_SECTION_ATTACH on a section's descriptor returns a holder, which is a descriptor
 * as well. A holder allocates and frees extents: runs of pages that belong to one holder
 * until they are freed. Only the holder that allocated an extent can free it. When the
 * last descriptor of a holder is closed, its extents are freed. A new extent reads as
 * zero: contents of earlier extents do not leak. This is no protection between sharers:
 * every process that maps the section can access all of it, and may write outside its own
 * extents.
 *
 * fstat() of a section's descriptor returns a regular file of MaxSize bytes, so that a
 * program can map the whole section without a query. Size, mode and owner of this file
 * are fixed (EPERM). read() and write() copy at the file's position: a page without memory
 * reads as zero, and a write to it is ENOSPC.
 *
 * All descriptors are close-on-exec and can be passed to other processes, which need no
 * access to the device. A section lives until its last descriptor, holder and mapping are
 * gone, or until it is deleted.
 *
 * A section may have a name, by which NDSHM_SECTION_OPEN finds it. The name is unique
 * among the sections of its owner, the effective user of the process that opened the
 * client which the section was created through. The name ends when the section is deleted,
 * or when its last descriptor and holder are closed; a mapping keeps the memory, but not the
 * name. The section stays no longer for having a name: to keep one, keep a descriptor.
 *
 * All memory of a section is charged to the real user of the process that opened the client
 * of its creation, under the limits at the time of the open, no matter which process creates
 * the section or calls NDSHM_EXTENT_ALLOC; the memory cgroup of the calling process is
 * charged, too. The charge is at most MaxSize. The owner can end it at any time with
 * NDSHM_SECTION_DELETE and NDSHM_DELETE_REVOKE or, without a descriptor of the section, with
 * NDSHM_SECTION_DELETE_ID. Unused memory above InitialSize is freed in chunks of
 * 2 MiB by the call that leaves it unused, but for some while a holder is attached, which is
 * freed before the limit would refuse memory. Of a section created under a claim only extents
 * freed with NDSHM_EXTENT_FREE are reclaimed: the device may still access the rest, which stays
 * until the claim has ended.
 */

/*
 * Bits of ndshm_section_create_args.flags. In core dumps, of all processes that map the section,
 * are then its pages with memory; madvise(MADV_DONTDUMP) leaves them out.
 */
#define NDSHM_CREATE_DUMP	(1U << 0)

/* Maximum length of a section's name. */
#define NDSHM_SECTION_NAME_BYTES 64U

/* The caller's effective user, as an owner, or its effective group. */
#define NDSHM_OWNER_SELF	0xffffffffU
#define NDSHM_GROUP_SELF	0xffffffffU

/**
 * struct ndshm_section_create_args - ioctl(NDSHM_SECTION_CREATE): create a section
 * @size: sizeof(struct ndshm_section_create_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_CREATE_* bits
 * @adapter: id of the adapter whose device uses the memory
 * @provider: id of a provider that has pages (else EOPNOTSUPP, PROVIDER_PAGELESS, from
 *	the first call that needs memory); 0: the built-in ``pages``. The permissions of
 *	NDSHM_BLOCK_ALLOC are checked by this call only, not when the section grows.
 * @max_size: in bytes, 1 to ndshm_get_info.out_max_section; rounded up to pages
 * @initial_size: in bytes, 0 to @max_size; rounded up to pages
 * @preferred_node: NUMA node, or NDSHM_NODE_ANY
 * @out_section: descriptor, readable and writable
 * @out_id: machine-wide id of the section; random, never 0
 * @__reserved: must be 0
 * @name: address of the name, or 0 for a section without a name. A name is valid UTF-8
 *	without control characters and without "/", and neither "." nor ".." (else EINVAL,
 *	NAME). Another section of the owner must not have it (else EEXIST, NAME_TAKEN).
 * @name_length: bytes at @name, 1 to NDSHM_SECTION_NAME_BYTES, without a final 0; 0
 *	without a name
 * @group: a group in the caller's user namespace (else EINVAL, GROUP), or
 *	NDSHM_GROUP_SELF; not used without a name
 * @mode: permission bits, 0 to 0777 (else EINVAL, MODE); 0 without a name
 * @__reserved2: must be 0
 *
 * @mode is for NDSHM_SECTION_OPEN, as the mode of a file is for open(): the first class
 * that the caller belongs to decides, of owner, group and others. Bits to execute are
 * accepted and have no effect. Owner, group and mode cannot be changed.
 *
 * A section is revoked when its claim ends or its adapter or provider is removed. Then
 * access is SIGBUS, and all calls but NDSHM_EXTENT_FREE, NDSHM_SECTION_QUERY and
 * NDSHM_SECTION_DELETE return ENODEV (SECTION_REVOKED).
 */
struct ndshm_section_create_args {
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
	__aligned_u64 name;
	__u32 name_length;
	__u32 group;
	__u32 mode;
	__u32 __reserved2;
};

/* Bits of ndshm_section_open.flags. */
#define NDSHM_OPEN_READONLY	(1U << 0)	/* as NDSHM_SHARE_READONLY */

/**
 * struct ndshm_section_open_args - ioctl(NDSHM_SECTION_OPEN): open a section by its name
 * @size: sizeof(struct ndshm_section_open_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_OPEN_* bits
 * @name: address of the name, valid as in struct ndshm_section_create_args
 * @name_length: bytes at @name
 * @owner: a user in the caller's user namespace, or NDSHM_OWNER_SELF
 * @out_section: descriptor
 * @out_id: machine-wide id of the section
 *
 * Requires read permission with NDSHM_OPEN_READONLY, and else read and write permission,
 * of the effective ids; CAP_DAC_OVERRIDE and CAP_SYS_ADMIN have both. A section that the
 * caller may not read is not found (ENOENT, SECTION_UNKNOWN), so that a name does not
 * reveal whether another user has a section. One that it may only read is EACCES
 * (SECTION_PERMISSION) without NDSHM_OPEN_READONLY, and a revoked one ENODEV
 * (SECTION_REVOKED). A name of a revoked section can be given to a new section.
 */
struct ndshm_section_open_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_length;
	__u32 owner;
	__s32 out_section;
	__u32 out_id;
};

/**
 * struct ndshm_section_attach_args - ioctl(NDSHM_SECTION_ATTACH): create a holder
 * @size: sizeof(struct ndshm_section_attach_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @out_holder: descriptor
 * @__reserved: must be 0
 *
 * A holder created through a read-only descriptor cannot allocate extents (EROFS).
 */
struct ndshm_section_attach_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 out_holder;
	__u32 __reserved;
};

/* Bits of ndshm_section_share.flags. */
#define NDSHM_SHARE_READONLY	(1U << 0)	/* no writable mapping is possible */

/**
 * struct ndshm_section_share_args - ioctl(NDSHM_SECTION_SHARE): create another descriptor
 * @size: sizeof(struct ndshm_section_share_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_SHARE_* bits
 * @out_section: descriptor
 * @__reserved: must be 0
 *
 * A read-only descriptor can only create read-only descriptors (else EROFS).
 */
struct ndshm_section_share_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 out_section;
	__u32 __reserved;
};

/* Bits of ndshm_section_delete.flags. */
#define NDSHM_DELETE_FORCE	(1U << 0)	/* even if other holders have extents */
#define NDSHM_DELETE_REVOKE	(1U << 1)	/* likewise, and unmap all mappings */

/**
 * struct ndshm_section_delete_args - ioctl(NDSHM_SECTION_DELETE): delete a section
 * @size: sizeof(struct ndshm_section_delete_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_DELETE_* bits
 * @holder: the caller's own holder, whose extents do not count; or -1
 * @__reserved: must be 0
 *
 * Requires the effective user id of the section's owner, or CAP_SYS_ADMIN (else EPERM,
 * NOT_CREATOR). Returns EBUSY (SECTION_BUSY) while another holder has extents, unless
 * NDSHM_DELETE_FORCE or NDSHM_DELETE_REVOKE is set. Afterwards nothing can be allocated,
 * attached or mapped (EIDRM), and the memory is freed with the last mapping.
 *
 * With NDSHM_DELETE_REVOKE access through all mappings is SIGBUS, and the memory is freed and
 * uncharged: before the call returns, or by another task that is growing, freeing or revoking
 * the section; except memory under a claim that the device may still use, until the claim ends.
 * A section that was deleted before can still be revoked.
 */
struct ndshm_section_delete_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__s32 holder;
	__u32 __reserved;
};

/**
 * struct ndshm_section_delete_id_args - ioctl(NDSHM_SECTION_DELETE_ID): delete a section by its id
 * @size: sizeof(struct ndshm_section_delete_id_args)
 * @status: out
 * @reason: out
 * @flags: NDSHM_DELETE_* bits
 * @id: ndshm_section_create_args.out_id
 * @__reserved: must be 0
 *
 * On the descriptor of any client, as NDSHM_SECTION_DELETE without a holder: its owner can end a
 * section of which only others have descriptors or mappings, or which the mode does not let it
 * open.
 * Returns ENOENT (SECTION_UNKNOWN) for an id that does not exist or belongs to another user.
 */
struct ndshm_section_delete_id_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 id;
	__u32 __reserved;
};

/* Bits of ndshm_section_query.out_flags. */
#define NDSHM_SECTION_READONLY	 (1U << 0)	/* this descriptor is read-only */
#define NDSHM_SECTION_DELETED	 (1U << 1)
#define NDSHM_SECTION_REVOKED	 (1U << 2)
#define NDSHM_SECTION_NEEDS_SYNC (1U << 3)	/* memory needs ndshm_section_sync */
#define NDSHM_SECTION_DUMP	 (1U << 4)	/* created with NDSHM_CREATE_DUMP */

/**
 * struct ndshm_section_query_args - ioctl(NDSHM_SECTION_QUERY): query a section
 * @size: sizeof(struct ndshm_section_query_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @out_id: machine-wide id of the section
 * @out_flags: NDSHM_SECTION_* bits
 * @out_max_size: in bytes
 * @out_initial_size: in bytes
 * @out_committed: bytes that have memory now
 * @out_taken: bytes of all extents, and of freed ones that a dma-buf keeps
 * @out_extents: number of extents
 * @out_holders: number of holders
 * @out_adapter: id
 * @out_provider: id
 *
 * Succeeds also for a deleted or revoked section.
 */
struct ndshm_section_query_args {
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
 * struct ndshm_section_sync_args - ioctl(NDSHM_SECTION_SYNC): as ndshm_block_sync
 * @size: sizeof(struct ndshm_section_sync_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @direction: NDSHM_SYNC_*
 * @__reserved: must be 0
 * @offset: of the first byte, from the start of the section
 * @length: in bytes, at least 1; the range is within MaxSize (else EINVAL, RANGE)
 *
 * Ranges without memory are skipped. Returns EROFS through a read-only descriptor,
 * because a sync for the CPU can discard data that CPUs have written.
 */
struct ndshm_section_sync_args {
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
 * struct ndshm_section_export_args - ioctl(NDSHM_SECTION_EXPORT): create a dma-buf of a range
 * @size: sizeof(struct ndshm_section_export_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @fd_flags: as for ndshm_block_export; O_RDWR through a read-only descriptor is EROFS
 *	(SECTION_READONLY)
 * @out_dmabuf: descriptor
 * @offset: of the first byte, from the start of the section; a multiple of the page size (else
 *	EINVAL, ALIGNMENT)
 * @length: in bytes, at least 1; a multiple of the page size; the range is within MaxSize (else
 *	EINVAL, RANGE)
 *
 * All pages of the range must belong to extents, of one holder or several (else ENXIO,
 * EXPORT_RANGE). The dma-buf is one of memory with pages, with the rules of ndshm_block_export:
 * any device can map it. It keeps the section, and the charge of its user, as a mapping does,
 * also when the section is deleted. Once the section is revoked, by NDSHM_DELETE_REVOKE or the end
 * of its claim or device, the dma-buf is as that of a revoked block.
 *
 * A dma-buf that was created through a writable descriptor keeps its extents: NDSHM_EXTENT_FREE
 * and the end of a holder succeed, but the memory of an extent that is exported in part is given
 * to no other extent, and stays charged, until the last such dma-buf and the last mapping of one
 * have ended. So neither a device nor a process that was given the dma-buf accesses memory of
 * later extents. A page that a process has pinned through a mapping of the dma-buf is given to no
 * other extent before the pin has ended.
 *
 * A dma-buf that was created through a read-only descriptor, whose owner can allocate no extents,
 * keeps none. It shows what the section has at that place, as a mapping of the section does: later
 * extents too, and without memory access is SIGBUS and new mappings for devices are ENXIO. A driver
 * that has mapped pages can read them until it unmaps them.
 *
 * The kernel can map a dma-buf of at most 4 GiB; for longer ones that is EINVAL. Mappings of all
 * dma-bufs of a section have a limit of their own, as high as that of its owner's mappings.
 *
 * Without NDSHM_FEATURE_SECTION_EXPORT the command is unknown, or the kernel has no dma-bufs
 * (EOPNOTSUPP, EXPORT_UNSUPPORTED).
 */
struct ndshm_section_export_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__u32 fd_flags;
	__s32 out_dmabuf;
	__aligned_u64 offset;
	__aligned_u64 length;
};

/**
 * struct ndshm_extent_alloc_args - ioctl(NDSHM_EXTENT_ALLOC): allocate a run of pages
 * @size: sizeof(struct ndshm_extent_alloc_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @length: in bytes, at least 1; rounded up to pages
 * @alignment: of @out_offset, in bytes: 0, or a power of two from the page size to 2 MiB
 * @out_offset: offset in the section, in bytes
 * @out_length: in bytes
 *
 * Allocates at the lowest suitable offset that has memory, or else adds memory to the
 * section. Returns ENOSPC (SECTION_FULL) if no free range fits. With an alignment the search is
 * bounded: if thousands of ranges are long enough but not aligned, a suitable one can be missed.
 */
struct ndshm_extent_alloc_args {
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
 * struct ndshm_extent_free_args - ioctl(NDSHM_EXTENT_FREE): free an extent
 * @size: sizeof(struct ndshm_extent_free_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @offset: start of an extent of this holder (else ENOENT, EXTENT_UNKNOWN, or EINVAL,
 *	ALIGNMENT, if it is not a multiple of the page size)
 *
 * Succeeds also for a section that was deleted or revoked.
 */
struct ndshm_extent_free_args {
	__u32 size;
	__u32 status;
	__u32 reason;
	__u32 flags;
	__aligned_u64 offset;
};

/**
 * struct ndshm_extent_query_args - ioctl(NDSHM_EXTENT_QUERY): query DMA segments of an extent
 * @size: sizeof(struct ndshm_extent_query_args)
 * @status: out
 * @reason: out
 * @flags: must be 0
 * @offset: as for ndshm_extent_free
 * @segments: address of an array of struct ndshm_segment, or 0 with a capacity of 0
 * @segment_capacity: entries at @segments
 * @out_segments: number of segments, also when @segments was too small (ENOSPC,
 *	LIST_SHORT)
 * @out_length: of the extent, in bytes
 *
 * Addresses are disclosed as for blocks: if the adapter is isolated, or if
 * NDSHM_SECTION_ATTACH was called with CAP_SYS_RAWIO.
 */
struct ndshm_extent_query_args {
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
