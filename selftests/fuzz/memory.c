// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define MEMORY_SIZE	(256UL << 10)

const char *const fuzz_places[] = {
	[FUZZ_GOOD] = "good",
	[FUZZ_ODD] = "odd",
	[FUZZ_HALF] = "half",
	[FUZZ_READONLY] = "readonly",
	[FUZZ_SHARED] = "shared",
	[FUZZ_NULL] = "null",
	[FUZZ_GONE] = "gone",
	[FUZZ_KERNEL] = "kernel",
	[FUZZ_END] = "end",
	NULL
};

/* A program uses each place only once, except the shared one. */
static size_t take_memory(struct fuzz_thread *thread, size_t size)
{
	size_t at = thread->used;

	size = (size + 64) & ~63UL;
	if (at + size > MEMORY_SIZE)
		at = 0;
	thread->used = at + size;
	return at;
}

void *fuzz_put(struct fuzz_thread *thread, const struct fuzz_value *value,
	       const void *bytes, size_t size, void **seen)
{
	char *to;

	*seen = NULL;
	if (value->form == FUZZ_REGISTER && !fuzz_registers_now.bars)
		return fuzz_window(value);
	if (value->form != FUZZ_WORD)
		return (void *)value->number;
	switch (value->number) {
	case FUZZ_ODD:
		to = thread->memory + take_memory(thread, size + 1) + 1;
		break;
	case FUZZ_HALF:
		to = thread->memory + MEMORY_SIZE - size / 2;
		memcpy(to, bytes, size / 2);
		return to;
	case FUZZ_READONLY:
		to = thread->memory + take_memory(thread, size);
		memcpy(to, bytes, size);
		return to - thread->memory + thread->readonly;
	case FUZZ_SHARED:
		to = thread->shared;
		break;
	case FUZZ_NULL:
		return NULL;
	case FUZZ_GONE:
		return thread->memory + MEMORY_SIZE;
	case FUZZ_KERNEL:
		return (void *)0xffff888000000000;
	case FUZZ_END:
		return (void *)-8UL;
	default:
		to = thread->memory + take_memory(thread, size);
	}
	memcpy(to, bytes, size);
	*seen = to;
	return to;
}

/* Replace the memory at both addresses with new memory that contains @bytes. */
static bool map_both(struct fuzz_thread *thread, const char *bytes)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	char *memory, *readonly;

	if (fd < 0 || ftruncate(fd, MEMORY_SIZE) ||
	    (bytes && pwrite(fd, bytes, MEMORY_SIZE, 0) != MEMORY_SIZE)) {
		close(fd);
		return false;
	}
	memory = mmap(thread->memory, MEMORY_SIZE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_FIXED, fd, 0);
	readonly = mmap(thread->readonly, MEMORY_SIZE, PROT_READ,
			MAP_SHARED | MAP_FIXED, fd, 0);
	close(fd);
	return memory != MAP_FAILED && readonly != MAP_FAILED;
}

bool memory_prepare(struct fuzz_thread *thread, char *shared)
{
	size_t page = sysconf(_SC_PAGESIZE);

	/* With an inaccessible page behind each. */
	thread->memory = mmap(NULL, 2 * (MEMORY_SIZE + page), PROT_NONE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (thread->memory == MAP_FAILED)
		return false;
	thread->readonly = thread->memory + MEMORY_SIZE + page;
	thread->shared = shared ?: thread->memory;
	return map_both(thread, NULL);
}

bool memory_part(struct fuzz_thread *thread)
{
	return map_both(thread, thread->memory);
}
