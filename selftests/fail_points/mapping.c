// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a block: mmap, split, move, fork, names in /proc and munmap.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "fail_nth.h"

static struct fail_nth_objects *const of = &fail_nth_of;

/* Mark the beginning of each page, so that a lost page is detected. */
static bool fill(void)
{
	size_t at;

	for (at = 0; at < of->length; at += getpagesize())
		of->map[at] = 1 + at / getpagesize();
	return true;
}

/* After a failure and after a success. */
static void check_filled(int error)
{
	size_t at;

	(void)error;
	for (at = 0; at < of->length; at += getpagesize())
		fail_nth_expect(of->map[at] == 1 + at / getpagesize());
}

static void check_mmap(int error)
{
	if (!error)
		fill();
}

/* Another process has mapped the block, so this mapping is an additional one. */
static pid_t other;
static int peer = -1;

static bool setup_second(void)
{
	other = ndshm_fork(&peer);
	if (!other) {
		if (fail_nth_map())
			_exit(1);
		ndshm_signal_peer(peer);
		ndshm_hear(peer);
		_exit(0);
	}
	return fail_nth_expect(other > 0) && fail_nth_expect(ndshm_hear(peer));
}

static void clean_second(void)
{
	ndshm_signal_peer(peer);
	fail_nth_expect(ndshm_reap(other));
	close(peer);
}

/* A block whose provider maps by faults. */
static bool setup_untouched(void)
{
	return fail_nth_make_block(0, "pages", 3 * getpagesize()) &&
	       fail_nth_expect(!fail_nth_map_at(fail_nth_far(), of->objects.fds[COMMAND_CLIENT],
						of->objects.made.length,
						of->objects.made.mmap_offset));
}

static int call_munmap(void)
{
	if (munmap(of->map, of->length))
		return -errno;
	of->map = MAP_FAILED;
	return 0;
}

static void check_munmap(int error)
{
	if (error)
		check_filled(error);
}

/* The mapping has the last reference to the block, so the munmap frees it. */
static bool setup_last(void)
{
	fail_nth_close(COMMAND_CLIENT);
	return fill();
}

/* The middle page of three. */
static int call_split(void)
{
	return munmap(of->map + getpagesize(), getpagesize()) ? -errno : 0;
}

static void check_split(int error)
{
	if (error)
		check_filled(error);
	else
		fail_nth_expect(of->map[0] == 1 && of->map[2 * getpagesize()] == 3);
}

static int call_mprotect(void)
{
	return mprotect(of->map + getpagesize(), getpagesize(), PROT_READ) ? -errno : 0;
}

/* Move to a free address, found by mapping it temporarily. */
static unsigned char *place;

static bool setup_move(void)
{
	place = mmap(NULL, of->length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return fill() && fail_nth_expect(place != MAP_FAILED && !munmap(place, of->length));
}

static int call_move(void)
{
	if (mremap(of->map, of->length, of->length, MREMAP_MAYMOVE | MREMAP_FIXED,
		   place) == MAP_FAILED)
		return -errno;
	of->map = place;
	return 0;
}

/* Injection is not inherited by the child. */
static pid_t child;

/*
 * Return: true for mappings that a child needs to exit: code, data, stack and
 * the thread's TLS.
 */
static bool needed(const char *line, unsigned long start, unsigned long end)
{
	unsigned long data = (unsigned long)&child;
	unsigned long own = (unsigned long)&errno;

	return strstr(line, "r-x") || strstr(line, "fail_nth") ||
	       strstr(line, "[stack") || (start <= data && data < end) ||
	       (start <= own && own < end);
}

/*
 * Each mapping adds points to fork(), so exclude those that the child does not
 * need, or include all again.
 */
static void inherit(bool all)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    !strstr(line, "ndshm:") &&
		    (all || !needed(line, start, end)))
			madvise((void *)start, end - start,
				all ? MADV_DOFORK : MADV_DONTFORK);
	if (maps)
		fclose(maps);
}

static bool setup_fork(void)
{
	inherit(false);
	return fill();
}

static void clean_fork(void)
{
	inherit(true);
}

static int call_fork(void)
{
	child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (!child)
		syscall(SYS_exit, 0);
	return child < 0 ? -errno : 0;
}

static void undo_fork(void)
{
	fail_nth_expect(ndshm_reap(child));
}

/*
 * The name of a mapping in /proc/self/maps and map_files
 */

static char text[65536], path[96];
static int maps_fd = -1;

static bool setup_maps(void)
{
	maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	memset(text, 0, sizeof(text));
	return fail_nth_expect(maps_fd >= 0);
}

static int call_maps(void)
{
	size_t at = 0;
	ssize_t got;

	while (at < sizeof(text) - 1) {
		got = pread(maps_fd, text + at, sizeof(text) - 1 - at, at);
		if (got <= 0)
			return got ? -errno : 0;
		at += got;
	}
	return -EFBIG;
}

static void clean_maps(void)
{
	close(maps_fd);
}

static bool setup_link(void)
{
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)of->map,
		 (unsigned long)of->map + of->length);
	memset(text, 0, sizeof(text));
	return true;
}

static int call_link(void)
{
	return readlink(path, text, sizeof(text) - 1) < 0 ? -errno : 0;
}

static void check_name(int error)
{
	char name[64];

	snprintf(name, sizeof(name), "ndshm:block:%u", of->objects.made.shared_memory_handle);
	if (!error)
		fail_nth_expect(strstr(text, name));
	memset(text, 0, sizeof(text));
}

static const struct fail_nth_scenario scenarios[] = {
	{
		.name = "mmap", .points = 5, .errors = { ENOMEM, ENFILE }, .flags = FAIL_NTH_FILE,
		.needs = NEEDS_BLOCK, .call = fail_nth_map, .check = check_mmap,
		.undo = fail_nth_unmap,
	}, {
		.name = "mmap-second", .points = 2, .errors = { ENOMEM, ENFILE },
		.flags = FAIL_NTH_FILE, .needs = NEEDS_BLOCK, .setup = setup_second,
		.call = fail_nth_map, .check = check_mmap, .clean = clean_second,
	}, {
		.name = "fault-pages", .points = 2,
		.needs = NEEDS_CLIENT, .setup = setup_untouched, .call = fail_nth_touch,
	}, {
		.name = "munmap", .points = 1, .errors = { ENOMEM },
		.needs = NEEDS_MAP, .setup = fill, .call = call_munmap, .check = check_munmap,
	}, {
		.name = "munmap-last", .points = 2, .errors = { ENOMEM },
		.needs = NEEDS_MAP, .setup = setup_last, .call = call_munmap,
		.check = check_munmap,
	}, {
		.name = "munmap-part", .points = 5, .errors = { ENOMEM },
		.needs = NEEDS_MAP, .setup = fill, .call = call_split, .check = check_split,
	}, {
		.name = "mprotect-part", .points = 4, .errors = { ENOMEM },
		.needs = NEEDS_MAP, .setup = fill, .call = call_mprotect, .check = check_filled,
	}, {
		.name = "mremap", .points = 3, .errors = { ENOMEM },
		.needs = NEEDS_MAP, .setup = setup_move, .call = call_move, .check = check_filled,
	}, {
		.name = "fork", .points = 48, .errors = { ENOMEM, EAGAIN },
		.flags = FAIL_NTH_LONG, .needs = NEEDS_MAP, .setup = setup_fork,
		.call = call_fork, .check = check_filled, .undo = undo_fork, .clean = clean_fork,
	}, {
		.name = "maps", .points = 2, .errors = { ENOMEM, EFAULT },
		.needs = NEEDS_MAP, .setup = setup_maps, .call = call_maps, .check = check_name,
		.clean = clean_maps,
	}, {
		.name = "map-files", .points = 5, .errors = { ENOMEM, EFAULT, ENOENT },
		.needs = NEEDS_MAP, .setup = setup_link, .call = call_link, .check = check_name,
	},
};

const struct fail_nth_group fail_nth_mapping = {
	.name = "mapping",
	.scenarios = scenarios,
	.count = ARRAY_SIZE(scenarios),
	.state = fail_nth_state,
};
