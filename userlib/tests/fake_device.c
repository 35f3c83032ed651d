// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "fake_device.h"
#include "wrap.h"

#define expect(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "# asked for something else: %s\n", #condition); \
		abort(); \
	} \
} while (0)

struct answer answer;
struct requested requested;

void device_reset(void)
{
	memset(&answer, 0, sizeof(answer));
	memset(&requested, 0, sizeof(requested));
	answer.features = NDSHM_FEATURE_BLOCKS | NDSHM_FEATURE_CLAIMS | NDSHM_FEATURE_SECTIONS |
			  NDSHM_FEATURE_NAMES | NDSHM_FEATURE_FREE_MANY |
			  NDSHM_FEATURE_IRQS | NDSHM_FEATURE_EXPORT |
			  NDSHM_FEATURE_RESET | NDSHM_FEATURE_CONFIG |
			  NDSHM_FEATURE_SECTION_EXPORT | NDSHM_FEATURE_TAGS;
	answer.block_flags = NDSHM_BLOCK_MAPPABLE | NDSHM_BLOCK_CHARGED;
	answer.segments = 3;
	answer.huge_size = 32 << 20;
	answer.address = 0x1000;
}

static void get_info(struct ndshm_get_info_args *argument)
{
	argument->out_features = answer.features;
	argument->out_max_length = 1 << 20;
	argument->out_max_blocks = 9;
	argument->out_max_batch = 4;
	argument->out_page_size = 4096;
	argument->out_default_adapter = 77;
	argument->out_blocks = 5;
	argument->out_bytes = 6;
	argument->out_user_locked = 7;
	argument->out_max_section = 1ULL << 36;
	argument->out_huge_size = answer.huge_size;
}

static struct ndshm_block_info block_info(uint32_t handle)
{
	return (struct ndshm_block_info){
		.handle = handle,
		.flags = answer.block_flags,
		.shared_memory_handle = 1000 + handle,
		.segments = answer.segments,
		.length = 12288,
		.consumed = 16384,
		.mmap_offset = 2ULL << 40,
		.address = answer.address,
	};
}

static void alloc(const struct ndshm_block_alloc_args *argument)
{
	struct ndshm_block_info *infos = (void *)(uintptr_t)argument->blocks;

	for (uint32_t i = 0; i < argument->count; i++)
		infos[i] = block_info(i + 1);
}

static void free_blocks(const struct ndshm_block_free_args *argument)
{
	memset(&requested.free, 0, sizeof(requested.free));
	memcpy(&requested.free, argument, argument->size);
	requested.frees++;
	expect(requested.free.count <= 64 && !requested.free.count == !requested.free.handles);
	if (requested.free.count)
		memcpy(requested.freed, (void *)(uintptr_t)requested.free.handles,
		       requested.free.count * sizeof(requested.freed[0]));
}

/*
 * Fill the caller's array with answer.segments segments of 4096 bytes, at the DMA addresses @step,
 * 2 * @step and so on. If the array is too short, set the reason in @header, the argument's header.
 */
static int fill_segments(struct ndshm_header *header, uint64_t array, uint32_t capacity,
			 uint64_t step)
{
	struct ndshm_segment *segments = (void *)(uintptr_t)array;

	if (!capacity)
		return 0;
	if (capacity < answer.segments) {
		header->reason = NDSHM_REASON_LIST_SHORT;
		header->status = NDSHM_STATUS_BUFFER_TOO_SHORT;
		errno = ENOSPC;
		return -1;
	}
	for (uint32_t i = 0; i < answer.segments; i++)
		segments[i] = (struct ndshm_segment){ step * (i + 1), 4096 };
	return 0;
}

static int query(struct ndshm_block_query_args *argument)
{
	argument->out_block = block_info(argument->handle);
	return fill_segments((void *)argument, argument->segments, argument->segment_capacity,
			     0x1000);
}

static void section_query(struct ndshm_section_query_args *argument)
{
	argument->out_id = 21;
	argument->out_flags = answer.section_flags;
	argument->out_max_size = SECTION_SIZE;
	argument->out_initial_size = 22;
	argument->out_committed = 23;
	argument->out_taken = 24;
	argument->out_extents = 25;
	argument->out_holders = 26;
	argument->out_adapter = 27;
	argument->out_provider = 28;
}

static int extent_query(struct ndshm_extent_query_args *argument)
{
	argument->out_segments = answer.segments;
	return fill_segments((void *)argument, argument->segments, argument->segment_capacity,
			     0x2000);
}

static void set_irqs(const struct ndshm_adapter_set_irqs_args *argument)
{
	expect(argument->size == sizeof(*argument) && argument->count <= 8);
	if (argument->count)
		memcpy(requested.eventfds, (void *)(uintptr_t)argument->eventfds,
		       argument->count * sizeof(requested.eventfds[0]));
}

static void claim(struct ndshm_adapter_claim_args *argument)
{
	expect((fcntl(argument->device, F_GETFL) & O_ACCMODE) == O_RDWR);
	argument->out_isolation = NDSHM_ISOLATION_LAZY;
	argument->out_bars = 1;
	argument->out_intx = 1;
	argument->out_msi = 2;
	argument->out_msix = 8;
	argument->out_adapter = 9;
}

#define RECORDED(number, member) \
	{ number, offsetof(struct requested, member), sizeof(requested.member), 0 }
#define RETURNS(number, member, out) \
	{ number, offsetof(struct requested, member), sizeof(requested.member), \
	  (char *)&requested.member.out - (char *)&requested.member }

/* Commands whose arguments are recorded; @out: place of the descriptor that they return, or 0. */
static const struct {
	unsigned long number;
	size_t at, size, out;
} commands[] = {
	RECORDED(NDSHM_BLOCK_ALLOC, alloc),
	RECORDED(NDSHM_BLOCK_FREE_ID, free_id),
	RECORDED(NDSHM_BLOCK_SYNC, sync),
	RETURNS(NDSHM_BLOCK_EXPORT, export, out_dmabuf),
	RECORDED(NDSHM_ADAPTER_START, start),
	RECORDED(NDSHM_ADAPTER_SET_IRQS, set_irqs),
	RECORDED(NDSHM_ADAPTER_RESET, reset),
	RECORDED(NDSHM_ADAPTER_CONFIG, config),
	RECORDED(NDSHM_ADAPTER_CLAIM, claim),
	RETURNS(NDSHM_SECTION_CREATE, section_create, out_section),
	RETURNS(NDSHM_SECTION_OPEN, section_open, out_section),
	RETURNS(NDSHM_SECTION_ATTACH, section_attach, out_holder),
	RETURNS(NDSHM_SECTION_SHARE, section_share, out_section),
	RETURNS(NDSHM_SECTION_EXPORT, section_export, out_dmabuf),
	RECORDED(NDSHM_SECTION_DELETE, section_delete),
	RECORDED(NDSHM_SECTION_DELETE_ID, section_delete_id),
	RECORDED(NDSHM_SECTION_SYNC, section_sync),
	RECORDED(NDSHM_EXTENT_ALLOC, extent_alloc),
	RECORDED(NDSHM_EXTENT_FREE, extent_free),
	RECORDED(NDSHM_EXTENT_QUERY, extent_query),
};

/* Return: true if the command is known. A descriptor has no file, like the module's. */
static bool record(unsigned long number, char *argument)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (commands[i].number != number)
			continue;
		memcpy((char *)&requested + commands[i].at, argument, commands[i].size);
		if (commands[i].out)
			*(int32_t *)(argument + commands[i].out) = eventfd(0, EFD_CLOEXEC);
		return true;
	}
	return false;
}

static int succeed(unsigned long number, void *argument)
{
	const bool known = record(number, argument);
	struct ndshm_section_create_args *section = argument;
	struct ndshm_adapter_map_bar_args *bar = argument;
	struct ndshm_adapter_config_args *config = argument;
	struct ndshm_extent_alloc_args *extent = argument;

	switch (number) {
	case NDSHM_GET_INFO:
		get_info(argument);
		return 0;
	case NDSHM_ADAPTER_CLAIM:
		claim(argument);
		return 0;
	case NDSHM_ADAPTER_SET_IRQS:
		set_irqs(argument);
		return 0;
	case NDSHM_ADAPTER_CONFIG:
		if (!config->flags)
			config->value = 0x10d38086;
		return 0;
	case NDSHM_ADAPTER_MAP_BAR:
		__atomic_add_fetch(&requested.bars, 1, __ATOMIC_SEQ_CST);
		bar->out_mmap_offset = 3ULL << 40;
		bar->out_length = 8192;
		return 0;
	case NDSHM_BLOCK_ALLOC:
		alloc(argument);
		return 0;
	case NDSHM_BLOCK_FREE:
		free_blocks(argument);
		return 0;
	case NDSHM_BLOCK_QUERY:
		return query(argument);
	case NDSHM_SECTION_CREATE:
		section->out_id = 21;
		return 0;
	case NDSHM_SECTION_ATTACH:
		requested.attaches++;
		return 0;
	case NDSHM_SECTION_QUERY:
		section_query(argument);
		return 0;
	case NDSHM_EXTENT_ALLOC:
		extent->out_offset = 8192;
		extent->out_length = 16384;
		return 0;
	case NDSHM_EXTENT_QUERY:
		return extent_query(argument);
	}
	if (known)
		return 0;
	errno = ENOTTY;
	return -1;
}

/* Protects answer and asked. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int succeed_locked(int fd, unsigned long number, void *argument)
{
	int ret;

	pthread_mutex_lock(&lock);
	requested.fd = fd;
	ret = succeed(number, argument);
	pthread_mutex_unlock(&lock);
	return ret;
}

WRAP(int, ioctl, int fd, unsigned long number, ...)
{
	struct ndshm_header *header;
	va_list arguments;
	int ret = answer.ret;

	va_start(arguments, number);
	header = va_arg(arguments, void *);
	va_end(arguments);
	__atomic_add_fetch(&requested.calls, 1, __ATOMIC_SEQ_CST);
	if (answer.real)
		return __real_ioctl(fd, number, header);
	expect(header->size >= sizeof(*header));
	if (answer.interrupted) {
		answer.interrupted--;
		errno = EINTR;
		return -1;
	}
	if (ret || answer.talkative) {
		header->reason = answer.reason;
		header->status = answer.status;
	}
	if (!ret)
		return succeed_locked(fd, number, header);
	answer.ret = 0;
	errno = answer.error;
	return ret;
}

WRAP(void *, mmap64, void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	struct statfs system;

	/* Private memory of the library. */
	if (fd < 0)
		return __real_mmap64(at, length, protection, flags, fd, offset);
	requested.map_offset = offset;
	requested.map_protection = protection;
	if (answer.map_error) {
		errno = answer.map_error;
		answer.map_error = 0;
		return MAP_FAILED;
	}
	if (!fstatfs(fd, &system) && system.f_type == NDSHM_FS_MAGIC) {
		expect((flags & ~MAP_FIXED) == MAP_SHARED && protection & PROT_READ);
		/* One page is a test before the range is reserved. */
		expect(length == (flags & MAP_FIXED ? SECTION_SIZE : 1));
		return __real_mmap64(at, length, protection, flags | MAP_ANONYMOUS, -1, 0);
	}
	expect(flags == MAP_SHARED && protection == (PROT_READ | PROT_WRITE));
	/* Mappings of /dev/zero are backed by nothing beyond the length. */
	return __real_mmap64(at, length, protection, flags, fd, 0);
}

/* An event counter stands for a section, whose file system the module has. */
WRAP(int, fstatfs64, int fd, struct statfs *system)
{
	int error = __real_fstatfs64(fd, system);

	if (!error && system->f_type == ANON_INODE_FS_MAGIC)
		system->f_type = NDSHM_FS_MAGIC;
	return error;
}

WRAP(int, open64, const char *path, int flags, ...)
{
	if (!strncmp(path, "/proc/", strlen("/proc/")) && !strstr(path, "/fd/"))
		return __real_open64(path, flags);
	requested.opens++;
	snprintf(requested.path, sizeof(requested.path), "%s", path);
	expect((flags & O_ACCMODE) == O_RDWR && flags & O_CLOEXEC);
	if (answer.open_interrupted) {
		answer.open_interrupted--;
		errno = EINTR;
		return -1;
	}
	if (answer.open_error) {
		errno = answer.open_error;
		return -1;
	}
	if (!strncmp(path, NDSHM_DEVICES, strlen(NDSHM_DEVICES)))
		path = DEVICE;
	return __real_open64(path, flags);
}

void device_fail_next(int error, uint32_t reason, uint32_t status)
{
	answer.ret = -1;
	answer.error = error;
	answer.reason = reason;
	answer.status = status;
}

struct ndshm *device_open(void)
{
	struct ndshm *ndshm;

	device_reset();
	return ndshm_open(DEVICE, &ndshm) ? NULL : ndshm;
}
