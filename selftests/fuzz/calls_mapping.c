// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of blocks, BARs and sections, and operations on them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/dma-buf.h>

#include "ndshm_edu.h"
#include "command.h"

#define MAP		FUZZ_FROM("map", 'm')
#define OFFSET		FUZZ_ANY("offset", 0, 0x1000, 0x2000, 0x10000, 1)
#define LENGTH		FUZZ_ANY("length", 0x1000, 0, 1, 0x2000, 0x10000, \
				 0x200000, 0x2000000)

/* Limit a range to the windows of the mapping registers. */
static char *inside(struct fuzz_thread *thread, const struct fuzz_value *map,
		    __u64 offset, size_t *length)
{
	char *address = fuzz_window(map) + offset % FUZZ_WINDOW;
	size_t left = fuzz_window(map) + FUZZ_WINDOW - address;

	thread->beside = !fuzz_is_device(address);
	if (*length > left)
		*length = left;
	return address;
}

enum { MMAP_CLIENT, MMAP_HANDLE, MMAP_DELTA, MMAP_MAP, MMAP_LENGTH, MMAP_PROT,
	MMAP_FLAGS };
static const struct fuzz_argument mmap_arguments[] = {
	[MMAP_CLIENT] = FUZZ_FROM("client", 'c'),
	/* A handle, or the mmap offset itself. */
	[MMAP_HANDLE] = {
		.name = "handle",
		.registers = 'h',
		FUZZ_NUMBERS(0, 0x1000, 0x200000, 0x400000, 0x100000000000,
			     0x7fffffffffff0000, 0xfffffffffffff000,
			     0xffffffffffe00000),
		.usual = { 0, FUZZ_REGISTER },
	},
	[MMAP_DELTA] = FUZZ_ANY("delta", 0, 1, 0x1000, 0x2000, 0x200000,
				0xfffffffffffff000),
	[MMAP_MAP] = MAP,
	[MMAP_LENGTH] = LENGTH,
	[MMAP_PROT] = FUZZ_PROT,
	[MMAP_FLAGS] = FUZZ_MMAP_FLAGS,
	{}
};

/* Parameters of a mapping that replaces the window of a register. */
struct shown {
	const struct fuzz_value *map;
	size_t length;
	__u64 prot;
	__u64 flags;
	int fd;
	off_t offset;
};

static long show(struct fuzz_thread *thread, const struct shown *shown)
{
	int prot = shown->prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
	size_t length = shown->length;
	char *window = inside(thread, shown->map, 0, &length);
	int flags = shown->flags | MAP_FIXED;

	thread->beside = flags & MAP_ANONYMOUS;
	fuzz_mark_window(window, length ?: 1);
	if (mmap(window, length, prot, flags, shown->fd, shown->offset) ==
	    MAP_FAILED)
		return -1;
	if (!thread->beside)
		fuzz_mark_device(window, length);
	return 0;
}

static long run_mmap(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_value *handle = &a[MMAP_HANDLE];
	__u64 offset = handle->form == FUZZ_REGISTER ?
		       fuzz_handle(handle)->offset : handle->number;
	const struct shown shown = {
		.map = &a[MMAP_MAP],
		.length = a[MMAP_LENGTH].number,
		.prot = a[MMAP_PROT].number,
		.flags = a[MMAP_FLAGS].number,
		.fd = fuzz_client(&a[MMAP_CLIENT]),
		/* The C library refuses offsets that are not page aligned. */
		.offset = offset + a[MMAP_DELTA].number,
	};

	return show(thread, &shown);
}

enum { SMAP_SECTION, SMAP_OFFSET, SMAP_MAP, SMAP_LENGTH, SMAP_PROT, SMAP_FLAGS };
static const struct fuzz_argument smap_arguments[] = {
	[SMAP_SECTION] = FUZZ_FROM("section", 's'),
	[SMAP_OFFSET] = FUZZ_ANY("offset", 0, 0x1000, 0x200000, 0x400000,
				 0xfffffffffffff000),
	[SMAP_MAP] = MAP,
	[SMAP_LENGTH] = FUZZ_ANY("length", 0x400000, 0, 1, 0x1000, 0x10000,
				 0x200000, 0x401000, 0x600000, 0x2000000),
	[SMAP_PROT] = FUZZ_PROT,
	[SMAP_FLAGS] = FUZZ_MMAP_FLAGS,
	{}
};

static long run_smap(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct shown shown = {
		.map = &a[SMAP_MAP],
		.length = a[SMAP_LENGTH].number,
		.prot = a[SMAP_PROT].number,
		.flags = a[SMAP_FLAGS].number,
		.fd = fuzz_section(&a[SMAP_SECTION]),
		.offset = a[SMAP_OFFSET].number,
	};

	return show(thread, &shown);
}

enum { EXPORT_HANDLE = COMMAND_OWN, EXPORT_FD_FLAGS, EXPORT_RESERVED, EXPORT_OFFSET, EXPORT_MAP,
	EXPORT_LENGTH, EXPORT_PROT, EXPORT_FLAGS };
static const struct fuzz_argument export_arguments[] = {
	FUZZ_COMMAND(FUZZ_FROM("client", 'c'), struct ndshm_block_export_args),
	[EXPORT_HANDLE] = {
		.name = "handle",
		.registers = 'h',
		FUZZ_NUMBERS(0, 1, 0x7fffffff, 0xffffffff),
		.usual = { 0, FUZZ_REGISTER },
	},
	[EXPORT_FD_FLAGS] = FUZZ_ANY("fd_flags", O_RDWR | O_CLOEXEC, O_RDONLY | O_CLOEXEC,
				     O_WRONLY, O_ACCMODE, O_NONBLOCK, 0xffffffff),
	[EXPORT_RESERVED] = RESERVED,
	[EXPORT_OFFSET] = FUZZ_ANY("offset", 0, 0x1000, 0x2000, 0x200000, 0xfffffffffffff000),
	[EXPORT_MAP] = MAP,
	[EXPORT_LENGTH] = LENGTH,
	[EXPORT_PROT] = FUZZ_PROT,
	[EXPORT_FLAGS] = FUZZ_MMAP_FLAGS,
	{}
};

/* Map and synchronise the dma-buf of a command that returned @ret. Only its mapping stays. */
static long show_dmabuf(struct fuzz_thread *thread, long ret, bool reported, const __s32 *dmabuf,
			struct shown *shown)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	if (!ret && !reported)
		fuzz_registers_now.strays = true;
	if (ret || !reported)
		return ret;
	shown->fd = *dmabuf;
	ret = show(thread, shown);
	ioctl(shown->fd, DMA_BUF_IOCTL_SYNC, &sync);
	close(shown->fd);
	return ret;
}

/* Export a block, and show the dma-buf. */
static long run_export(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_value *handle = &a[EXPORT_HANDLE];
	struct ndshm_block_export_args export = {
		.handle = handle->form == FUZZ_REGISTER ? fuzz_handle(handle)->handle :
							  handle->number,
		.fd_flags = a[EXPORT_FD_FLAGS].number,
		.__reserved = a[EXPORT_RESERVED].number,
	};
	struct shown shown = {
		.map = &a[EXPORT_MAP],
		.length = a[EXPORT_LENGTH].number,
		.prot = a[EXPORT_PROT].number,
		.flags = a[EXPORT_FLAGS].number,
		.offset = a[EXPORT_OFFSET].number,
	};
	bool reported;
	long ret = fuzz_command(thread, fuzz_client(&a[COMMAND_OF]), NDSHM_BLOCK_EXPORT, a,
				(void *)&export, sizeof(export), &reported);

	return show_dmabuf(thread, ret, reported, &export.out_dmabuf, &shown);
}

enum { SEXPORT_EXTENT = COMMAND_OWN, SEXPORT_BYTES, SEXPORT_FD_FLAGS, SEXPORT_OFFSET, SEXPORT_MAP,
	SEXPORT_LENGTH, SEXPORT_PROT, SEXPORT_FLAGS };
static const struct fuzz_argument sexport_arguments[] = {
	FUZZ_COMMAND(FUZZ_FROM("section", 's'), struct ndshm_section_export_args),
	[SEXPORT_EXTENT] = {
		.name = "extent",
		.registers = 'x',
		FUZZ_NUMBERS(0, 1, 0x1000, 0x200000, 0x400000, 0xfffffffffffff000),
		.usual = { 0, FUZZ_REGISTER },
	},
	[SEXPORT_BYTES] = FUZZ_ANY("bytes", 0x1000, 0, 1, 0x2000, 0x200000, 0x201000, 0x400000,
				   0xfffffffffffff000),
	[SEXPORT_FD_FLAGS] = FUZZ_ANY("fd_flags", O_RDWR | O_CLOEXEC, O_RDONLY | O_CLOEXEC,
				      O_WRONLY, O_ACCMODE, O_NONBLOCK, 0xffffffff),
	[SEXPORT_OFFSET] = FUZZ_ANY("offset", 0, 0x1000, 0x200000, 0xfffffffffffff000),
	[SEXPORT_MAP] = MAP,
	[SEXPORT_LENGTH] = LENGTH,
	[SEXPORT_PROT] = FUZZ_PROT,
	[SEXPORT_FLAGS] = FUZZ_MMAP_FLAGS,
	{}
};

/* As run_export(), of a part of a section. */
static long run_sexport(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_value *extent = &a[SEXPORT_EXTENT];
	struct ndshm_section_export_args export = {
		.offset = extent->form == FUZZ_REGISTER ?
			  fuzz_registers_now.extents[extent->number] : extent->number,
		.length = a[SEXPORT_BYTES].number,
		.fd_flags = a[SEXPORT_FD_FLAGS].number,
	};
	struct shown shown = {
		.map = &a[SEXPORT_MAP],
		.length = a[SEXPORT_LENGTH].number,
		.prot = a[SEXPORT_PROT].number,
		.flags = a[SEXPORT_FLAGS].number,
		.offset = a[SEXPORT_OFFSET].number,
	};
	bool reported;
	long ret = fuzz_command(thread, fuzz_section(&a[COMMAND_OF]), NDSHM_SECTION_EXPORT, a,
				(void *)&export, sizeof(export), &reported);

	return show_dmabuf(thread, ret, reported, &export.out_dmabuf, &shown);
}

enum { MUNMAP_MAP, MUNMAP_OFFSET, MUNMAP_LENGTH };
static const struct fuzz_argument munmap_arguments[] = {
	[MUNMAP_MAP] = MAP,
	[MUNMAP_OFFSET] = OFFSET,
	[MUNMAP_LENGTH] = LENGTH,
	{}
};

/* The unmapped range stays reserved by an inaccessible mapping. */
static long run_munmap(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	size_t length = a[MUNMAP_LENGTH].number;
	char *address = inside(thread, &a[MUNMAP_MAP],
			       a[MUNMAP_OFFSET].number, &length);

	fuzz_mark_window(address, length ?: 1);
	return munmap(address, length);
}

enum { MREMAP_MAP, MREMAP_TO, MREMAP_OFFSET, MREMAP_OLD, MREMAP_NEW,
	MREMAP_FLAGS };
static const struct fuzz_argument mremap_arguments[] = {
	[MREMAP_MAP] = MAP,
	[MREMAP_TO] = { "to", .registers = 'm', .usual = { 1, FUZZ_REGISTER } },
	[MREMAP_OFFSET] = OFFSET,
	[MREMAP_OLD] = FUZZ_ANY("old", 0x1000, 0, 0x2000, 0x10000, 0x200000),
	[MREMAP_NEW] = FUZZ_ANY("new", 0x1000, 0, 0x2000, 0x10000, 0x200000),
	[MREMAP_FLAGS] = FUZZ_ANY("flags", MREMAP_MAYMOVE, 0,
				  MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
	{}
};

static long run_mremap(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	int flags = a[MREMAP_FLAGS].number & (MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	size_t old = a[MREMAP_OLD].number, new = a[MREMAP_NEW].number;
	char *to = inside(thread, &a[MREMAP_TO], 0, &new);
	/*
	 * Evaluated last, because the source decides whether the call reaches
	 * ndshm (@beside).
	 */
	char *from = inside(thread, &a[MREMAP_MAP], a[MREMAP_OFFSET].number,
			    &old);

	/* Only ever move to the window of a register, where it is tracked. */
	if (flags)
		flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
	fuzz_mark_window(from, (old > new ? old : new) ?: 1);
	fuzz_mark_window(to, new ?: 1);
	if (mremap(from, old, new, flags, to) == MAP_FAILED)
		return -1;
	if (!thread->beside && flags)
		fuzz_mark_device(to, new ?: 1);
	return 0;
}

enum { MPROTECT_MAP, MPROTECT_OFFSET, MPROTECT_LENGTH, MPROTECT_PROT };
static const struct fuzz_argument mprotect_arguments[] = {
	[MPROTECT_MAP] = MAP,
	[MPROTECT_OFFSET] = OFFSET,
	[MPROTECT_LENGTH] = LENGTH,
	[MPROTECT_PROT] = FUZZ_ANY("prot", PROT_READ, PROT_NONE, PROT_WRITE,
				   PROT_READ | PROT_WRITE, PROT_EXEC,
				   PROT_READ | PROT_EXEC, PROT_GROWSDOWN),
	{}
};

static long run_mprotect(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	size_t length = a[MPROTECT_LENGTH].number;
	char *address = inside(thread, &a[MPROTECT_MAP],
			       a[MPROTECT_OFFSET].number, &length);

	fuzz_mark_window(address, length ?: 1);
	return mprotect(address, length, a[MPROTECT_PROT].number);
}

enum { MADVISE_MAP, MADVISE_OFFSET, MADVISE_LENGTH, MADVISE_ADVICE };
static const struct fuzz_argument madvise_arguments[] = {
	[MADVISE_MAP] = MAP,
	[MADVISE_OFFSET] = OFFSET,
	[MADVISE_LENGTH] = LENGTH,
	[MADVISE_ADVICE] = FUZZ_ANY("advice", MADV_DONTNEED, 0, 1, 2, 3, 8, 9,
				    10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
				    21, 22, 23, 24, 25, 26),
	{}
};

static long run_madvise(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	size_t length = a[MADVISE_LENGTH].number;
	char *address = inside(thread, &a[MADVISE_MAP],
			       a[MADVISE_OFFSET].number, &length);

	/* Advice from 100 on injects memory errors, which would crash the machine. */
	if (a[MADVISE_ADVICE].number >= 100)
		return -EINVAL;
	fuzz_mark_window(address, length ?: 1);
	return madvise(address, length, a[MADVISE_ADVICE].number);
}

static const char *const lock_ways[] = { "mlock", "munlock", "mlock2", "msync",
	"mincore", NULL };
enum { LOCK_MAP, LOCK_OFFSET, LOCK_LENGTH, LOCK_WAY };
static const struct fuzz_argument lock_arguments[] = {
	[LOCK_MAP] = MAP,
	[LOCK_OFFSET] = OFFSET,
	[LOCK_LENGTH] = LENGTH,
	[LOCK_WAY] = FUZZ_WORDS("way", lock_ways, 0),
	{}
};

static long run_lock(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	static unsigned char resident[FUZZ_WINDOW / 4096];
	size_t length = a[LOCK_LENGTH].number;
	char *address = inside(thread, &a[LOCK_MAP], a[LOCK_OFFSET].number,
			       &length);

	fuzz_mark_window(address, length ?: 1);
	switch (a[LOCK_WAY].number) {
	case 0:
		return mlock(address, length);
	case 1:
		return munlock(address, length);
	case 2:
		return mlock2(address, length, MLOCK_ONFAULT);
	case 3:
		return msync(address, length, MS_SYNC | MS_INVALIDATE);
	default:
		return mincore(address, length, resident);
	}
}

static const char *const touch_ways[] = { "read", "write", NULL };
enum { TOUCH_MAP, TOUCH_OFFSET, TOUCH_LENGTH, TOUCH_WAY };
static const struct fuzz_argument touch_arguments[] = {
	[TOUCH_MAP] = MAP,
	[TOUCH_OFFSET] = OFFSET,
	[TOUCH_LENGTH] = LENGTH,
	[TOUCH_WAY] = FUZZ_WORDS("way", touch_ways, 1),
	{}
};

#define TOUCH_MOST	0x10000

static long run_touch(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	size_t length = a[TOUCH_LENGTH].number % (TOUCH_MOST + 1);
	char *address = inside(thread, &a[TOUCH_MAP], a[TOUCH_OFFSET].number,
			       &length);

	return fuzz_touch(thread, address, length, a[TOUCH_WAY].number) ?
	       0 : -EFAULT;
}

/* Access the mapping through the kernel, as a debugger does. */
static const char *const peek_ways[] = { "mem-read", "mem-write", "vm-read",
	"vm-write", "pipe", NULL };
enum { PEEK_MAP, PEEK_OFFSET, PEEK_WAY };
static const struct fuzz_argument peek_arguments[] = {
	[PEEK_MAP] = MAP,
	[PEEK_OFFSET] = OFFSET,
	[PEEK_WAY] = FUZZ_WORDS("way", peek_ways, 0),
	{}
};

static long peek_mem(char *address, void *bytes, size_t length, bool store)
{
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	long ret;

	if (fd < 0)
		return -errno;
	ret = store ? pwrite(fd, bytes, length, (unsigned long)address) :
		      pread(fd, bytes, length, (unsigned long)address);
	close(fd);
	return ret;
}

static long peek_pipe(char *address, size_t length)
{
	int ends[2];
	long ret;

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	ret = write(ends[1], address, length);
	close(ends[0]);
	close(ends[1]);
	return ret;
}

static long run_peek(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	size_t length = sizeof(__u64);
	char *address = inside(thread, &a[PEEK_MAP], a[PEEK_OFFSET].number,
			       &length);
	__u64 bytes = 0;
	struct iovec here = { &bytes, length }, there = { address, length };
	__u64 way = a[PEEK_WAY].number;

	if ((way == 1 || way == 3) && !fuzz_may_store(address))
		return -EPERM;
	switch (way) {
	case 0:
	case 1:
		return peek_mem(address, &bytes, length, way == 1);
	case 2:
		return process_vm_readv(getpid(), &here, 1, &there, 1, 0);
	case 3:
		return process_vm_writev(getpid(), &here, 1, &there, 1, 0);
	default:
		return peek_pipe(address, length);
	}
}

static const char *const dma_ways[] = { "in", "out", NULL };
enum { DMA_MAP, DMA_HANDLE, DMA_LENGTH, DMA_WAY };
static const struct fuzz_argument dma_arguments[] = {
	[DMA_MAP] = MAP,
	[DMA_HANDLE] = FUZZ_FROM("handle", 'h'),
	[DMA_LENGTH] = FUZZ_ANY("length", 64, 1, EDU_MOST),
	[DMA_WAY] = FUZZ_WORDS("way", dma_ways, 0),
	{}
};

struct dma {
	char *bar;
	__u64 address;
	__u32 length;
	bool to_memory;
	bool begun;
};

static void begin_dma(void *context)
{
	struct dma *dma = context;
	__u64 from = dma->to_memory ? EDU_BUFFER : dma->address;
	__u64 to = dma->to_memory ? dma->address : EDU_BUFFER;

	/* The BAR of another device, or none. */
	if ((ndshm_edu_get32(dma->bar, EDU_IDENTITY) & 0xff) != 0xed)
		return;
	ndshm_edu_set32(dma->bar, EDU_DMA_FROM, from);
	ndshm_edu_set32(dma->bar, EDU_DMA_TO, to);
	ndshm_edu_set32(dma->bar, EDU_DMA_COUNT, dma->length);
	fuzz_registers_now.dma = true;
	ndshm_edu_set32(dma->bar, EDU_DMA_COMMAND, EDU_DMA_RUN |
			(dma->to_memory ? EDU_DMA_TO_RAM : 0));
	dma->begun = true;
}

/*
 * Start a DMA transfer of edu, whose BAR is mapped there, and do not wait for
 * its end. Freeing its memory meanwhile would be a mistake of the program, so
 * only a program with one thread and no child may do this, and it frees nothing
 * afterwards.
 */
static long run_dma(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	const struct fuzz_handle *block = fuzz_handle(&a[DMA_HANDLE]);
	struct dma dma = {
		.bar = fuzz_window(&a[DMA_MAP]),
		.address = block->address,
		.length = a[DMA_LENGTH].number % (EDU_MOST + 1),
		.to_memory = a[DMA_WAY].number,
	};

	if (!fuzz_registers_now.alone || !fuzz_registers_now.bars)
		return -EPERM;
	/* edu truncates an address beyond its width to another one. */
	if (!dma.length || dma.length > block->length || !block->address ||
	    block->address + block->length > 1UL << EDU_WIDTH)
		return -EINVAL;
	return fuzz_guarded(thread, begin_dma, &dma) && dma.begun ? 0 : -EFAULT;
}

static const char *const raise_ways[] = { "raise", "acknowledge", NULL };
enum { RAISE_MAP, RAISE_WAY };
static const struct fuzz_argument raise_arguments[] = {
	[RAISE_MAP] = MAP,
	[RAISE_WAY] = FUZZ_WORDS("way", raise_ways, 0),
	{}
};

struct raise {
	char *bar;
	bool acknowledge;
	bool done;
};

static void begin_raise(void *context)
{
	struct raise *raise = context;

	/* The BAR of another device, or none. */
	if ((ndshm_edu_get32(raise->bar, EDU_IDENTITY) & 0xff) != 0xed)
		return;
	if (raise->acknowledge)
		ndshm_edu_set32(raise->bar, EDU_ACKNOWLEDGE, ~0U);
	else
		ndshm_edu_set32(raise->bar, EDU_RAISE, 1);
	raise->done = true;
}

/* Make edu interrupt, or remove the cause. */
static long run_raise(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	struct raise raise = {
		.bar = fuzz_window(&a[RAISE_MAP]),
		.acknowledge = a[RAISE_WAY].number,
	};

	if (!fuzz_registers_now.bars)
		return -EPERM;
	return fuzz_guarded(thread, begin_raise, &raise) && raise.done ? 0 : -EFAULT;
}

enum { FORK_CALLS, FORK_WAITS };
static const char *const fork_ends[] = { "exit", "kill", NULL };
static const struct fuzz_argument fork_arguments[] = {
	[FORK_CALLS] = FUZZ_ANY("calls", 1, 0, 2, 3, 4, 8),
	[FORK_WAITS] = FUZZ_WORDS("end", fork_ends, 0),
	{}
};

static long run_fork(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	return fuzz_fork(thread, a[FORK_CALLS].number % (FUZZ_FORK_MOST + 1),
			 a[FORK_WAITS].number);
}

static const char *const proc_files[] = { "maps", "smaps", "numa_maps",
	"pagemap", "smaps_rollup", "map_files", NULL };
static const struct fuzz_argument proc_arguments[] = {
	FUZZ_WORDS("file", proc_files, 0),
	{}
};

static long run_proc(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	char path[64], text[4096];
	ssize_t got;
	int fd;

	(void)thread;
	snprintf(path, sizeof(path), "/proc/self/%s", proc_files[a[0].number]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (a[0].number == 3)
		lseek(fd, (unsigned long)fuzz_window(&(struct fuzz_value){}) /
		      4096 * sizeof(__u64), SEEK_SET);
	/* Not all of pagemap, which has an entry for every possible page. */
	do {
		got = read(fd, text, sizeof(text));
	} while (got > 0 && a[0].number != 3);
	close(fd);
	return 0;
}

static const struct fuzz_argument yield_arguments[] = {
	FUZZ_ANY("us", 0, 10, 100, 1000),
	{}
};

static long run_yield(struct fuzz_thread *thread, const struct fuzz_value *a)
{
	(void)thread;
	if (!a[0].number)
		return sched_yield();
	return usleep(a[0].number % 2000);
}

const struct fuzz_kind fuzz_mapping_kinds[] = {
	{ "mmap", 25, mmap_arguments, run_mmap, NULL },
	{ "munmap", 8, munmap_arguments, run_munmap, NULL },
	{ "mremap", 5, mremap_arguments, run_mremap, NULL },
	{ "mprotect", 5, mprotect_arguments, run_mprotect, NULL },
	{ "madvise", 5, madvise_arguments, run_madvise, NULL },
	{ "lock", 3, lock_arguments, run_lock, NULL },
	{ "touch", 15, touch_arguments, run_touch, NULL },
	{ "peek", 3, peek_arguments, run_peek, NULL },
	{ "dma", 1, dma_arguments, run_dma, machine_has_edu },
	{ "raise", 3, raise_arguments, run_raise, machine_has_edu },
	{ "fork", 1, fork_arguments, run_fork, NULL },
	{ "proc", 2, proc_arguments, run_proc, NULL },
	{ "yield", 2, yield_arguments, run_yield, NULL },
	{ "smap", 12, smap_arguments, run_smap, NULL },
	{ "export", 6, export_arguments, run_export, NULL },
	{ "sexport", 6, sexport_arguments, run_sexport, NULL },
	{}
};
