// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include <linux/ndshm.h>

#include "module_ledger.h"

/**
 * struct ledger - Shared: the number of the owning process, 0 if free
 * @pages: for each page of the section
 * @blocks: for each granule
 * @length: length of the extent that starts at a page
 * @gone: by process: it may be killed with extents
 * @wrong: number of impossible results of the kernel
 */
static struct {
	_Atomic uint16_t *pages;
	_Atomic uint16_t *blocks;
	_Atomic uint64_t *length;
	atomic_uchar *gone;
	atomic_uint *wrong;
	uint64_t size;
} ledger;

static uint16_t me;
static atomic_ullong extents, bytes;
static atomic_uint attached;

static void *share(uint64_t length)
{
	void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

bool ledger_open(uint64_t size)
{
	const uint64_t pages = size / LEDGER_PAGE;

	ledger.size = size;
	ledger.pages = share(pages * sizeof(*ledger.pages));
	ledger.blocks = share(size / LEDGER_GRANULE * sizeof(*ledger.blocks));
	ledger.length = share(pages * sizeof(*ledger.length));
	ledger.gone = share(LEDGER_MOST + 1);
	ledger.wrong = share(sizeof(*ledger.wrong));
	return ledger.pages && ledger.blocks && ledger.length && ledger.gone && ledger.wrong;
}

void ledger_close(void)
{
	const uint64_t pages = ledger.size / LEDGER_PAGE;

	munmap(ledger.pages, pages * sizeof(*ledger.pages));
	munmap(ledger.blocks, ledger.size / LEDGER_GRANULE * sizeof(*ledger.blocks));
	munmap(ledger.length, pages * sizeof(*ledger.length));
	munmap(ledger.gone, LEDGER_MOST + 1);
	munmap(ledger.wrong, sizeof(*ledger.wrong));
}

void ledger_be(unsigned int number)
{
	me = number;
	extents = 0;
	bytes = 0;
	attached = 0;
}

void ledger_leave(unsigned int number)
{
	ledger.gone[number] = 1;
}

/* Return: true if the place was free, or its owner may have been killed. */
static bool take(_Atomic uint16_t *place)
{
	uint16_t before = atomic_exchange(place, me);

	return !before || (before != me && ledger.gone[before]);
}

/* A process that may be killed may find a new owner. */
static bool give(_Atomic uint16_t *place)
{
	return atomic_exchange(place, 0) == me || ledger.gone[me];
}

static bool is_within(uint64_t offset, uint64_t length)
{
	return length && offset < ledger.size && length <= ledger.size - offset;
}

bool ledger_take(uint64_t offset, uint64_t length)
{
	bool good = true;

	if (!is_within(offset, length) || offset % LEDGER_GRANULE)
		return false;
	for (uint64_t at = offset / LEDGER_PAGE; at <= (offset + length - 1) / LEDGER_PAGE; at++)
		good &= ledger.pages[at] == me || ledger.gone[me];
	for (uint64_t at = offset; at < offset + length; at += LEDGER_GRANULE)
		good &= take(&ledger.blocks[at / LEDGER_GRANULE]);
	return good;
}

bool ledger_give(uint64_t offset, uint64_t length)
{
	bool good = true;

	if (!is_within(offset, length))
		return false;
	for (uint64_t at = offset; at < offset + length; at += LEDGER_GRANULE)
		good &= give(&ledger.blocks[at / LEDGER_GRANULE]);
	return good;
}

bool ledger_has_page(uint64_t offset)
{
	return offset < ledger.size && ledger.pages[offset / LEDGER_PAGE] == me;
}

bool ledger_has_block(uint64_t offset)
{
	return offset < ledger.size && ledger.blocks[offset / LEDGER_GRANULE] == me;
}

uint64_t ledger_extents(void)
{
	return extents;
}

uint64_t ledger_bytes(void)
{
	return bytes;
}

unsigned int ledger_attached(void)
{
	return attached;
}

unsigned int ledger_wrong(void)
{
	return *ledger.wrong;
}

static void expect(bool good, const char *what, uint64_t offset, uint64_t length)
{
	if (good)
		return;
	(*ledger.wrong)++;
	printf("# process %u: %s: %llu bytes at %#llx\n", me, what, (unsigned long long)length,
	       (unsigned long long)offset);
	fflush(stdout);
}

/*
 * Calls of the library to the kernel
 */

int __real_ioctl(int fd, unsigned long number, void *argument);
int __wrap_ioctl(int fd, unsigned long number, ...);

static void note_alloc(const struct ndshm_extent_alloc_args *argument)
{
	uint64_t offset = argument->out_offset, length = argument->out_length;
	bool good = is_within(offset, length) && offset % LEDGER_PAGE == 0 &&
		    length % LEDGER_PAGE == 0;

	expect(good, "no place for an extent", offset, length);
	if (!good)
		return;
	for (uint64_t at = offset; at < offset + length; at += LEDGER_PAGE)
		good &= take(&ledger.pages[at / LEDGER_PAGE]);
	expect(good, "an extent that somebody has", offset, length);
	ledger.length[offset / LEDGER_PAGE] = length;
	extents++;
	bytes += length;
}

/* Clear the entries before the free: afterwards another process may own the pages. */
static int note_free(int fd, struct ndshm_extent_free_args *argument)
{
	uint64_t offset = argument->offset, length = 0;
	bool good = true;
	int ret, error;

	if (ledger_has_page(offset))
		length = ledger.length[offset / LEDGER_PAGE];
	for (uint64_t at = offset; at < offset + length; at += LEDGER_PAGE)
		good &= give(&ledger.pages[at / LEDGER_PAGE]);
	expect(good, "an extent that is another's, too", offset, length);
	ret = __real_ioctl(fd, NDSHM_EXTENT_FREE, argument);
	error = errno;
	expect(ret || length, "an extent of another that was freed", offset, 0);
	if (!ret && length) {
		extents--;
		bytes -= length;
	}
	for (uint64_t at = offset; ret && at < offset + length; at += LEDGER_PAGE)
		ledger.pages[at / LEDGER_PAGE] = me;
	errno = error;
	return ret;
}

int __wrap_ioctl(int fd, unsigned long number, ...)
{
	void *argument;
	va_list list;
	int ret;

	va_start(list, number);
	argument = va_arg(list, void *);
	va_end(list);
	if (!me)
		return __real_ioctl(fd, number, argument);
	if (number == NDSHM_EXTENT_FREE)
		return note_free(fd, argument);
	ret = __real_ioctl(fd, number, argument);
	if (!ret && number == NDSHM_EXTENT_ALLOC)
		note_alloc(argument);
	if (!ret && number == NDSHM_SECTION_ATTACH)
		attached++;
	return ret;
}
