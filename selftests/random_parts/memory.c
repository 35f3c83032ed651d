// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors; mappings of blocks, BARs, sections and dma-bufs, and what processes do to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/userfaultfd.h>

#include "ndshm_dmabuf.h"
#include "ndshm_edu.h"
#include "ndshm_proc.h"
#include "ndshm_ring.h"
#include "random.h"

/* Newer than the headers that the programs are built with. */
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC	0x8000
#endif

#define MAP		FROM("map", 'm')
#define OFFSET		ANY("offset", 0, 0x1000, 0x2000, 0x10000, 1)
#define LENGTH		VARIES("length", 0x1000, 1, 0x2000, 0x4000, 0x10000, 0x200000)
#define PROT		ANY("prot", PROT_READ | PROT_WRITE, PROT_NONE, PROT_READ, PROT_WRITE, \
			    PROT_EXEC, PROT_READ | PROT_EXEC)
#define MMAP_FLAGS	ANY("flags", MAP_SHARED, MAP_PRIVATE, MAP_SHARED_VALIDATE, \
			    MAP_SHARED | MAP_POPULATE, MAP_SHARED | MAP_LOCKED, \
			    MAP_SHARED_VALIDATE | MAP_SYNC, MAP_SHARED | MAP_NORESERVE, \
			    MAP_SHARED | MAP_HUGETLB, MAP_PRIVATE | MAP_ANONYMOUS)

/*
 * Descriptors
 */

static const char *const open_modes[] = { "rw", "ro", "wo", NULL };
KIND(open) = { TO("client", 'c'), WORDS("mode", open_modes, 0), {} };

RUN(open)
{
	static const int modes[] = { O_RDWR, O_RDONLY, O_WRONLY };
	int fd = open(NDSHM_DEVICE, modes[v[1].number] | O_CLOEXEC);

	forget_addresses();
	if (fd >= 0)
		fd_keep('c', v[0].number, fd);
	return fd < 0 ? -1 : 0;
}

KIND(close) = { FROM("client", 'c'), {} };
KIND(sclose) = { FROM("section", 's'), {} };
KIND(oclose) = { FROM("holder", 'o'), {} };
KIND(dclose) = { FROM("dmabuf", 'd'), {} };
KIND(nlclose) = { FROM("socket", 'n'), {} };

RUN(close)
{
	forget_addresses();
	fd_keep(kind->arguments[0].class, v[0].number, -1);
	return 0;
}

KIND(dup) = { FROM("client", 'c'), TO("to", 'c'), {} };
KIND(sdup) = { FROM("section", 's'), TO("to", 's'), {} };
KIND(odup) = { FROM("holder", 'o'), TO("to", 'o'), {} };

RUN(dup)
{
	int fd = fcntl(fd_of(&kind->arguments[0], &v[0]), F_DUPFD_CLOEXEC, 0);

	forget_addresses();
	if (fd >= 0)
		fd_keep(kind->arguments[1].class, v[1].number, fd);
	return fd < 0 ? -1 : 0;
}

/* Messages with a descriptor, to any process that has the mailbox. */
KIND(send) = { FROM("client", 'c'), {} };
KIND(ssend) = { FROM("section", 's'), {} };
KIND(osend) = { FROM("holder", 'o'), {} };

RUN(send)
{
	return mail_send(kind->arguments[0].class, fd_of(&kind->arguments[0], &v[0]));
}

static const char *const numbers[] = { "0", "1", "2", "3", NULL };
KIND(receive) = { WORDS("to", numbers, 0), {} };

RUN(receive)
{
	char class;
	int fd = mail_receive(&class);

	if (fd >= 0)
		fd_keep(class, v[0].number, fd);
	return fd;
}

/*
 * Mappings
 */

/* Limit a range to the windows of the mapping registers. */
static char *inside(struct thread *thread, const struct value *map, __u64 offset, size_t *length)
{
	char *address = window_of(map) + offset % WINDOW;
	size_t left = window_of(map) + WINDOW - address;

	thread->beside = !window_is_device(address);
	if (*length > left)
		*length = left;
	return address;
}

/* The range of the first three arguments, which may be changed. */
static char *range_of(struct thread *thread, const struct value *v, size_t *length)
{
	char *address;

	*length = v[2].number;
	address = inside(thread, &v[0], v[1].number, length);
	window_mark(address, *length ?: 1);
	return address;
}

/* All of a handle's memory, usually. @handle may be the mmap offset itself. */
enum { MMAP_OF, MMAP_MAP, MMAP_LENGTH, MMAP_PROT, MMAP_FLAGS_, MMAP_OFFSET, MMAP_HANDLE };
KIND(mmap) = {
	FROM("client", 'c'), TO("map", 'm'),
	{ .name = "length", .usual = { 0, USUAL }, NUMBERS(0, 1, 0x1000, 0x2000, 0x10000) }, PROT,
	MMAP_FLAGS, ANY("delta", 0, 1, 0x1000, 0x2000, 0x200000, 0xfffffffffffff000),
	{ .name = "handle", .class = 'h', .usual = { 0, REGISTER },
	  NUMBERS(0x1000, 0x200000, 0x400000, 0x100000000000, 0x7fffffffffff0000) },
	{}
};

KIND(smap) = {
	FROM("section", 's'), TO("map", 'm'),
	ANY("length", 0x400000, 0, 1, 0x1000, 0x10000, 0x200000, 0x401000, 0x2000000), PROT,
	MMAP_FLAGS, ANY("offset", 0, 0x1000, 0x200000, 0x400000, 0xfffffffffffff000), {}
};

KIND(dmap) = {
	FROM("dmabuf", 'd'), TO("map", 'm'), LENGTH, PROT, MMAP_FLAGS,
	ANY("offset", 0, 0x1000, 0x2000, 0x200000, 0xfffffffffffff000), {}
};

RUN(mmap)
{
	const struct handle *block = kind->arguments == mmap_arguments &&
				     v[MMAP_HANDLE].form == REGISTER ?
				     &registers.handles[v[MMAP_HANDLE].number] : NULL;
	int prot = v[MMAP_PROT].number & (PROT_READ | PROT_WRITE | PROT_EXEC);
	size_t length = v[MMAP_LENGTH].form != USUAL ? v[MMAP_LENGTH].number :
			block && block->length ? block->length : 0x1000;
	char *window = inside(thread, &v[MMAP_MAP], 0, &length);
	int flags = v[MMAP_FLAGS_].number | MAP_FIXED;
	/* The C library refuses offsets that are not page aligned. */
	off_t offset = v[MMAP_OFFSET].number;

	if (kind->arguments == mmap_arguments)
		offset += block ? block->offset : v[MMAP_HANDLE].number;
	thread->beside = flags & MAP_ANONYMOUS;
	window_mark(window, length ?: 1);
	window_forget(v[MMAP_MAP].number);
	if (mmap(window, length, prot, flags, fd_of(&kind->arguments[0], &v[0]), offset) ==
	    MAP_FAILED)
		return -1;
	if (thread->beside)
		return 0;
	window_mark_device(window, length);
	if (kind->arguments == smap_arguments) {
		registers.sections |= 1ULL << v[MMAP_MAP].number;
		registers.object_in[v[MMAP_MAP].number] = registers.made[1][v[MMAP_OF].number];
		registers.strayed |= offset != 0;
	} else if (kind->arguments == dmap_arguments) {
		registers.dmabufs |= 1ULL << v[MMAP_MAP].number;
		registers.strayed = true;
	} else if (block && block->client == registers.made[0][v[MMAP_OF].number] &&
		   !v[MMAP_OFFSET].number) {
		registers.object_in[v[MMAP_MAP].number] = BLOCK_IN(block->id);
		registers.edu |= (__u64)block->edu << v[MMAP_MAP].number;
	}
	return 0;
}

/* The unmapped range stays reserved by an inaccessible mapping. */
KIND(munmap) = { MAP, OFFSET, LENGTH, {} };

RUN(munmap)
{
	size_t length;
	char *address = range_of(thread, v, &length);

	return munmap(address, length);
}

KIND(mremap) = {
	MAP, OFFSET, ANY("old", 0x1000, 0, 0x2000, 0x10000, 0x200000),
	{ .name = "to", .class = 'm', .result = true, .usual = { 1, REGISTER } },
	ANY("new", 0x1000, 0, 0x2000, 0x10000, 0x200000),
	ANY("flags", MREMAP_MAYMOVE, 0, MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
	{}
};

RUN(mremap)
{
	int flags = v[5].number & (MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	size_t old = v[2].number, new = v[4].number;
	char *to = inside(thread, &v[3], 0, &new);
	/* Last, because the source decides whether the call reaches ndshm (@beside). */
	char *from = inside(thread, &v[0], v[1].number, &old);

	/* Only ever move to the window of a register, where it is tracked. */
	if (flags)
		flags |= MREMAP_MAYMOVE | MREMAP_FIXED;
	window_forget(v[0].number);
	window_forget(v[3].number);
	window_mark(from, (old > new ? old : new) ?: 1);
	window_mark(to, new ?: 1);
	if (mremap(from, old, new, flags, to) == MAP_FAILED)
		return -1;
	if (!thread->beside && flags) {
		window_mark_device(to, new ?: 1);
		/* The places of the pages in their section are no longer known. */
		registers.strayed |= registers.sections != 0;
	}
	return 0;
}

KIND(mprotect) = {
	MAP, OFFSET, LENGTH,
	ANY("prot", PROT_READ, PROT_NONE, PROT_WRITE, PROT_READ | PROT_WRITE, PROT_EXEC,
	    PROT_READ | PROT_EXEC, PROT_GROWSDOWN), {}
};

RUN(mprotect)
{
	size_t length;
	char *address = range_of(thread, v, &length);

	return mprotect(address, length, v[3].number);
}

KIND(madvise) = {
	MAP, OFFSET, LENGTH,
	ANY("advice", MADV_DONTNEED, 0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
	    20, 21, 22, 23, 24, 25, 26), {}
};

RUN(madvise)
{
	size_t length;
	char *address = range_of(thread, v, &length);

	/* Advice from 100 on injects memory errors, which would crash the machine. */
	return v[3].number >= 100 ? -EINVAL : madvise(address, length, v[3].number);
}

static const char *const lock_ways[] = { "mlock", "munlock", "mlock2", "msync", "mincore", NULL };
KIND(lock) = { MAP, OFFSET, LENGTH, WORDS("way", lock_ways, 0), {} };

RUN(lock)
{
	static unsigned char resident[WINDOW / 4096];
	size_t length;
	char *address = range_of(thread, v, &length);

	switch (v[3].number) {
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
KIND(touch) = { MAP, OFFSET, LENGTH, WORDS("way", touch_ways, 1), {} };

RUN(touch)
{
	size_t length = v[2].number % 0x10001;
	char *address = inside(thread, &v[0], v[1].number, &length);

	return touch(thread, address, length, v[3].number) ? 0 : -EFAULT;
}

/* Have write faults tracked by a userfaultfd, where the kernel can answer them by itself. */
KIND(watch) = { MAP, OFFSET, LENGTH, {} };

/* Not every kernel lets it, so it need not succeed. */
static bool may_watch(void)
{
	return false;
}

RUN(watch)
{
	struct uffdio_api api = { .api = UFFD_API, .features = UFFD_FEATURE_WP_ASYNC };
	struct uffdio_register range = { .mode = UFFDIO_REGISTER_MODE_WP };
	struct uffdio_writeprotect protect = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	size_t length;
	char *address = range_of(thread, v, &length);
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	long ret;

	if (fd < 0)
		return -1;
	range.range.start = (unsigned long)address;
	range.range.len = length;
	protect.range = range.range;
	ret = ioctl(fd, UFFDIO_API, &api) ?: ioctl(fd, UFFDIO_REGISTER, &range) ?:
	      ioctl(fd, UFFDIO_WRITEPROTECT, &protect);
	if (!ret)
		touch(thread, address, length < 0x4000 ? length : 0x4000, true);
	close(fd);
	return ret;
}

/*
 * Accesses of the kernel
 */

static const char *const peek_ways[] = { "mem-read", "mem-write", "vm-read", "vm-write", "pipe",
	NULL };
KIND(peek) = { MAP, OFFSET, WORDS("way", peek_ways, 0), {} };

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

RUN(peek)
{
	size_t length = sizeof(__u64);
	char *address = inside(thread, &v[0], v[1].number & ~7ULL, &length);
	__u64 bytes = registers.tag;
	struct iovec here = { &bytes, length }, there = { address, length };
	__u64 way = v[2].number;

	if ((way == 1 || way == 3) && !may_store(address))
		return -EPERM;
	if (way == 1 || way == 3)
		window_store(address, length);
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

/*
 * Pin pages in a pipe or as a buffer of io_uring, run the next calls, and look at the pages that
 * were pinned: even after the end of their block or section they must not be reused.
 */
static const char *const pin_ways[] = { "pipe", "ring", "look", NULL };
KIND(pin) = { MAP, OFFSET, LENGTH, WORDS("way", pin_ways, 0), {} };

#define PIPE_PAGES	16U

/* What a thread has pinned: @tagged: each page in @pipe begins with the program's tag. */
struct pins {
	int pipe;
	bool tagged;
	struct ndshm_ring ring;
};

static struct pins all_pins[THREADS] = {
	[0 ... THREADS - 1] = { .pipe = -1, .ring = { .fd = -1 } },
};

static long pins_look(struct pins *pins)
{
	__u64 page[4096 / sizeof(__u64)], other;
	long ret = -EAGAIN;

	while (pins->pipe >= 0 && read(pins->pipe, page, sizeof(page)) == sizeof(page)) {
		ret = 0;
		other = page_other((char *)page, sizeof(page), true);
		if (other)
			wrong("a pinned page has been reused: %#llx", other);
		if (pins->tagged && !registers.mixed && page[0] != registers.tag)
			wrong("a pinned page has been cleared");
	}
	if (pins->pipe >= 0)
		close(pins->pipe);
	pins->pipe = -1;
	if (pins->ring.fd >= 0) {
		ndshm_ring_close(&pins->ring);
		ret = 0;
	}
	pins->ring.fd = -1;
	return ret;
}

void pins_end(void)
{
	unsigned int i;

	for (i = 0; i < THREADS; i++)
		pins_look(&all_pins[i]);
}

RUN(pin)
{
	size_t length = v[2].number < PIPE_PAGES * 4096 ? v[2].number : PIPE_PAGES * 4096;
	char *address = inside(thread, &v[0], v[1].number, &length);
	struct pins *pins = &all_pins[thread->number];
	struct iovec vector = { address, length };
	struct ndshm_ring *ring = &pins->ring;
	long ret = pins_look(pins);
	int ends[2];

	if (v[3].number == 2) {
		thread->beside = false;
		return ret;
	}
	if (v[3].number) {
		ret = ndshm_ring_open(ring) ? ndshm_ring_register(ring, address, length) : -errno;
		if (ret < 0 && ring->fd >= 0) {
			ndshm_ring_close(ring);
			ring->fd = -1;
		}
		return ret;
	}
	/* Pages of a section without a dma-buf may be given to another extent, and cleared. */
	pins->tagged = registers.dmabufs >> v[0].number & 1 &&
		       !(((unsigned long)address | length) & 0xfff) &&
		       touch(thread, address, length, true);
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK))
		return -1;
	pins->pipe = ends[0];
	ret = vmsplice(ends[1], &vector, 1, SPLICE_F_NONBLOCK);
	close(ends[1]);
	return ret;
}

/* Read a file into the memory without the page cache. */
KIND(direct) = { MAP, OFFSET, LENGTH, {} };

RUN(direct)
{
	size_t length;
	char *address = range_of(thread, v, &length);
	int fd = open("/proc/self/exe", O_RDONLY | O_DIRECT | O_CLOEXEC);
	long ret;

	if (!may_store(address))
		return -EPERM;
	ret = fd < 0 ? -1 : pread(fd, address, length < 0x10000 ? length : 0x10000, 0);
	close(fd);
	return ret;
}

static const char *const proc_files[] = { "maps", "smaps", "numa_maps", "pagemap", "smaps_rollup",
	"map_files", NULL };
KIND(proc) = { WORDS("file", proc_files, 0), {} };

RUN(proc)
{
	const bool pagemap = v[0].number == 3;
	char path[64], text[4096];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/self/%s", proc_files[v[0].number]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	if (pagemap)
		lseek(fd, (unsigned long)window_of(&(struct value){}) / 4096 * sizeof(__u64),
		      SEEK_SET);
	/* Not all of pagemap, which has an entry for every possible page. */
	do {
		got = read(fd, text, sizeof(text));
	} while (got > 0 && !pagemap);
	close(fd);
	return 0;
}

/*
 * dma-bufs
 */

KIND(dsync) = {
	FROM("dmabuf", 'd'),
	ANY("flags", DMA_BUF_SYNC_RW, DMA_BUF_SYNC_READ, DMA_BUF_SYNC_WRITE,
	    DMA_BUF_SYNC_END | DMA_BUF_SYNC_RW, 8), {}
};

RUN(dsync)
{
	return ndshm_dmabuf_sync(fd_of(&kind->arguments[0], &v[0]), v[1].number);
}

/* A device imports the dma-buf, and has it until the end of the call. */
KIND(import) = { FROM("dmabuf", 'd'), {} };

static int importer(void)
{
	static int vgem = -2;

	if (vgem == -2)
		vgem = ndshm_vgem_open();
	return vgem;
}

static bool has_importer(void)
{
	return importer() >= 0;
}

RUN(import)
{
	__u32 handle;
	long ret;

	if (!has_importer())
		return -ENODEV;
	ret = ndshm_vgem_import(importer(), fd_of(&kind->arguments[0], &v[0]), &handle);
	if (!ret)
		ndshm_vgem_close(importer(), handle);
	return ret;
}

/*
 * The device
 */

static const char *const dma_ways[] = { "in", "out", NULL };
KIND(dma) = {
	MAP, FROM("handle", 'h'), ANY("length", 64, 1, EDU_MOST), WORDS("way", dma_ways, 0), {}
};

struct dma {
	char *bar;
	__u64 address;
	__u32 length;
	bool to_memory;
	bool begun;
};

/* The BAR may be that of another device, or none. */
static bool is_edu(const char *bar)
{
	return (ndshm_edu_get32(bar, EDU_IDENTITY) & 0xff) == 0xed;
}

static void begin_dma(void *context)
{
	struct dma *dma = context;

	if (!is_edu(dma->bar))
		return;
	ndshm_edu_set32(dma->bar, EDU_DMA_FROM, dma->to_memory ? EDU_BUFFER : dma->address);
	ndshm_edu_set32(dma->bar, EDU_DMA_TO, dma->to_memory ? dma->address : EDU_BUFFER);
	ndshm_edu_set32(dma->bar, EDU_DMA_COUNT, dma->length);
	registers.dma = true;
	ndshm_edu_set32(dma->bar, EDU_DMA_COMMAND,
			EDU_DMA_RUN | (dma->to_memory ? EDU_DMA_TO_RAM : 0));
	dma->begun = true;
}

/*
 * Start a DMA transfer of edu, whose BAR is mapped there, and do not wait for its end. Freeing its
 * memory meanwhile would be a mistake of the program, so only a program with one thread and no
 * child may do this, and it frees nothing afterwards.
 */
RUN(dma)
{
	const struct handle *block = &registers.handles[v[1].number];
	struct dma dma = {
		.bar = window_of(&v[0]),
		.address = block->address,
		.length = v[2].number % (EDU_MOST + 1),
		.to_memory = v[3].number,
	};

	if (!registers.alone || !registers.bars || run_in_kills)
		return -EPERM;
	/* edu truncates an address beyond its width to another one. */
	if (!dma.length || dma.length > block->length || !block->address ||
	    block->address + block->length > 1UL << EDU_WIDTH)
		return -EINVAL;
	return guarded(thread, begin_dma, &dma) && dma.begun ? 0 : -EFAULT;
}

static const char *const raise_ways[] = { "raise", "acknowledge", NULL };
KIND(raise) = { MAP, WORDS("way", raise_ways, 0), {} };

struct raise {
	char *bar;
	bool acknowledge;
	bool done;
};

static void begin_raise(void *context)
{
	struct raise *raise = context;

	if (!is_edu(raise->bar))
		return;
	if (raise->acknowledge)
		ndshm_edu_set32(raise->bar, EDU_ACKNOWLEDGE, ~0U);
	else
		ndshm_edu_set32(raise->bar, EDU_RAISE, 1);
	raise->done = true;
}

/* Make edu interrupt, or remove the cause. */
RUN(raise)
{
	struct raise raise = { .bar = window_of(&v[0]), .acknowledge = v[1].number };

	if (!registers.bars)
		return -EPERM;
	return guarded(thread, begin_raise, &raise) && raise.done ? 0 : -EFAULT;
}

/*
 * Processes
 */

static const char *const fork_ends[] = { "exit", "kill", NULL };
KIND(fork) = { ANY("calls", 1, 0, 2, 3, 4, 8), WORDS("end", fork_ends, 0), {} };

RUN(fork)
{
	return child_fork(thread, v[0].number % (FORK_MOST + 1), v[1].number);
}

/* The new program has the descriptors that are not closed by it: all are. */
KIND(exec) = { {} };

RUN(exec)
{
	static char *const arguments[] = { "true", NULL };
	pid_t pid;
	int error = posix_spawnp(&pid, arguments[0], NULL, NULL, arguments, NULL);

	return error ? -error : child_reap(pid);
}

/* A child's user is mapped in a namespace of its own, where it has all capabilities. */
KIND(unshare) = { {} };

RUN(unshare)
{
	return child_here() ? unshare(CLONE_NEWUSER) : -EPERM;
}

/* Permissions are those of the effective user, whoever opened the descriptor. */
static const char *const users[] = { "root", "a", "b", NULL };
KIND(become) = { WORDS("user", users, 1), {} };

RUN(become)
{
	static const uid_t uids[] = { 0, NDSHM_USER_A, NDSHM_USER_B };

	return become(thread, uids[v[0].number]) ? 0 : -1;
}

KIND(yield) = { ANY("us", 0, 10, 100, 1000), {} };

RUN(yield)
{
	return v[0].number ? usleep(v[0].number % 2000) : sched_yield();
}

#define ROW(name, weight)	{ #name, weight, name##_arguments, run_##name, NULL, 0, NULL }
#define LIKE(name, weight, run)	{ #name, weight, name##_arguments, run_##run, NULL, 0, NULL }

const struct kind memory_kinds[] = {
	ROW(open, 6),
	ROW(close, 4),
	LIKE(sclose, 3, close),
	LIKE(oclose, 3, close),
	LIKE(dclose, 2, close),
	LIKE(nlclose, 2, close),
	ROW(dup, 1),
	LIKE(sdup, 1, dup),
	LIKE(odup, 1, dup),
	ROW(send, 2),
	LIKE(ssend, 1, send),
	LIKE(osend, 1, send),
	ROW(receive, 3),
	ROW(mmap, 25),
	LIKE(smap, 12, mmap),
	LIKE(dmap, 5, mmap),
	ROW(munmap, 8),
	ROW(mremap, 5),
	ROW(mprotect, 5),
	ROW(madvise, 5),
	ROW(lock, 4),
	ROW(touch, 20),
	{ "watch", 2, watch_arguments, run_watch, may_watch, 0, NULL },
	ROW(peek, 3),
	ROW(pin, 6),
	ROW(direct, 3),
	ROW(proc, 2),
	ROW(dsync, 2),
	{ "import", 2, import_arguments, run_import, has_importer, 0, NULL },
	{ "dma", 1, dma_arguments, run_dma, machine_has_edu, 0, NULL },
	{ "raise", 3, raise_arguments, run_raise, machine_has_edu, 0, NULL },
	ROW(fork, 1),
	ROW(exec, 0),
	ROW(unshare, 1),
	ROW(become, 2),
	ROW(yield, 2),
	{}
};
