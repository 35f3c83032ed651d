// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/types.h>

#include "wrap.h"

static unsigned int left;
static int error = ENOMEM;
static bool failed;
static void (*_Atomic after_fallocate)(void);

void wrap_fail_nth(unsigned int nth)
{
	left = nth;
	if (nth)
		failed = false;
}

void wrap_fail_with(int new_error)
{
	error = new_error;
}

_Bool wrap_has_failed(void)
{
	return failed;
}

void wrap_after_fallocate(void (*hook)(void))
{
	after_fallocate = hook;
}

static unsigned int page;

void wrap_set_page(unsigned int bytes)
{
	page = bytes;
}

unsigned int wrap_page(void)
{
	return page;
}

_Bool wrap_misaligned(const void *at)
{
	if (!page || !((uintptr_t)at % page))
		return false;
	errno = EINVAL;
	return true;
}

static bool fails(void)
{
	if (!left || --left)
		return false;
	failed = true;
	errno = error;
	return true;
}

WRAP(void *, calloc, size_t count, size_t size)
{
	return fails() ? NULL : __real_calloc(count, size);
}

WRAP(void *, reallocarray, void *old, size_t count, size_t size)
{
	return fails() ? NULL : __real_reallocarray(old, count, size);
}

WRAP(int, memfd_create, const char *name, unsigned int flags)
{
	return fails() ? -1 : __real_memfd_create(name, flags);
}

WRAP(int, fallocate64, int fd, int mode, off_t offset, off_t length)
{
	int ret = fails() ? -1 : __real_fallocate64(fd, mode, offset, length);
	void (*hook)(void) = atomic_exchange(&after_fallocate, NULL);

	if (hook)
		hook();
	return ret;
}

WRAP(void *, mmap64, void *at, size_t length, int protection, int flags, int fd, off_t offset)
{
	char *memory;
	size_t before, whole;

	if (fails())
		return MAP_FAILED;
	if (!page || flags & MAP_FIXED)
		return __real_mmap64(at, length, protection, flags, fd, offset);
	whole = (length + page - 1) / page * page;
	memory = __real_mmap64(at, whole + page, protection, flags, fd, offset);
	if (memory == MAP_FAILED)
		return MAP_FAILED;
	before = -(uintptr_t)memory % page;
	if (before)
		munmap(memory, before);
	munmap(memory + before + whole, page - before);
	return memory + before;
}

WRAP(int, mprotect, void *at, size_t length, int protection)
{
	return fails() || wrap_misaligned(at) ? -1 : __real_mprotect(at, length, protection);
}

/* Drops the fifth argument, as the hook of UCX 1.13 does: the new address is then 0. */
WRAP(void *, mremap, void *at, size_t length, size_t new_length, int flags, ...)
{
	return fails() ? MAP_FAILED : __real_mremap(at, length, new_length, flags, NULL);
}
