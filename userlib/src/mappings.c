// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Causes of a failed mmap() that have the same errno.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "internal.h"

/*
 * Mappings by which the process may be below the limit: the library may have removed some of its
 * own since, and one of its maps file is the kernel's.
 */
#define MARGIN	8

static long read_limit(void)
{
	char text[24] = "";
	int fd = open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	return got > 0 ? atol(text) : 0;
}

static long count_mappings(void)
{
	/* The first thread, which /proc/self is, may have ended. */
	int fd = open("/proc/thread-self/maps", O_RDONLY | O_CLOEXEC);
	char text[4096];
	long count = 0;
	ssize_t got;

	if (fd < 0)
		return 0;
	while ((got = read(fd, text, sizeof(text))) > 0)
		for (ssize_t i = 0; i < got; i++)
			count += text[i] == '\n';
	close(fd);
	return count;
}

bool ndshm__mappings_exhausted(void)
{
	long limit;
	int state;
	bool full;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	limit = read_limit();
	full = limit && count_mappings() + MARGIN > limit;
	pthread_setcancelstate(state, NULL);
	return full;
}

bool ndshm__mapping_fits(uint64_t length)
{
	void *room;

	if (length > SIZE_MAX)
		return false;
	/* Needs address space, but no memory. */
	room = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return false;
	munmap(room, length);
	return true;
}
