// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of a block: mmap, split, move, fork, names in /proc and munmap.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client.h"
#include "ndshm_proc.h"

static struct fail_nth_client *const of = &fail_nth_of;

static unsigned char *map;
static size_t length, page;

/* Mark the beginning of each page, so that a lost page is detected. */
static void fill(void)
{
	size_t at;

	for (at = 0; at < length; at += page)
		map[at] = 1 + at / page;
}

static bool filled(void)
{
	size_t at;

	for (at = 0; at < length; at += page)
		if (map[at] != 1 + at / page)
			return false;
	return true;
}

static bool setup_block(void)
{
	bool opened = fail_nth_open_block();

	page = getpagesize();
	length = of->blocks[0].length;
	map = MAP_FAILED;
	return opened;
}

static bool setup_map(void)
{
	if (!setup_block())
		return false;
	map = fail_nth_map();
	if (!fail_nth_expect(map != MAP_FAILED))
		return false;
	fill();
	return true;
}

/* A block whose provider maps by faults, at an address without page tables nearby. */
static bool setup_untouched(void)
{
	const size_t far = 1UL << 31;
	unsigned char *space;

	page = getpagesize();
	length = 3 * page;
	map = MAP_FAILED;
	if (!fail_nth_open())
		return false;
	fail_nth_alloc_request(of->adapter, 0, length, 1);
	if (!fail_nth_name_provider("pages") ||
	    !fail_nth_expect(!fail_nth_call_alloc()))
		return false;
	space = mmap(NULL, 2 * far, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!fail_nth_expect(space != MAP_FAILED))
		return false;
	munmap(space, 2 * far);
	map = mmap(space + far, length, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, of->fd, of->blocks[0].mmap_offset);
	return fail_nth_expect(map != MAP_FAILED);
}

/* A page fault does not fail without memory; the access is retried. */
static int call_touch(void)
{
	return __atomic_load_n(map, __ATOMIC_RELAXED) ? -EIO : 0;
}

static void unmap(void)
{
	if (map != MAP_FAILED)
		fail_nth_expect(!munmap(map, length));
	map = MAP_FAILED;
}

/* Close the client first, so that the mapping has the last reference to the block. */
static void clean(void)
{
	fail_nth_close();
	unmap();
}

/* After a failure and after a success. */
static void check_filled(int error)
{
	(void)error;
	fail_nth_expect(filled());
}

static int call_mmap(void)
{
	map = fail_nth_map();
	return map == MAP_FAILED ? -errno : 0;
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
	if (!setup_block())
		return false;
	other = ndshm_fork(&peer);
	if (!other) {
		if (fail_nth_map() == MAP_FAILED)
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
	clean();
}

static int call_munmap(void)
{
	if (munmap(map, length))
		return -errno;
	map = MAP_FAILED;
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
	bool mapped = setup_map();

	fail_nth_close();
	return mapped;
}

/* Unmap the middle page of three. */
static int call_split(void)
{
	return munmap(map + page, page) ? -errno : 0;
}

static void check_split(int error)
{
	if (error)
		check_filled(error);
	else
		fail_nth_expect(map[0] == 1 && map[2 * page] == 3);
}

static int call_mprotect(void)
{
	return mprotect(map + page, page, PROT_READ) ? -errno : 0;
}

/* Move to a free address, found by mapping it temporarily. */
static unsigned char *place;

static bool setup_move(void)
{
	if (!setup_map())
		return false;
	place = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		     0);
	return fail_nth_expect(place != MAP_FAILED) &&
	       fail_nth_expect(!munmap(place, length));
}

static int call_move(void)
{
	if (mremap(map, length, length, MREMAP_MAYMOVE | MREMAP_FIXED,
		   place) == MAP_FAILED)
		return -errno;
	map = place;
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
	bool mapped = setup_map();

	inherit(false);
	return mapped;
}

static void clean_fork(void)
{
	inherit(true);
	clean();
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

static char text[65536];
static int maps_fd = -1;

static bool setup_maps(void)
{
	maps_fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	memset(text, 0, sizeof(text));
	return setup_map() && fail_nth_expect(maps_fd >= 0);
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

static void check_maps(int error)
{
	char name[64];

	snprintf(name, sizeof(name), "ndshm:block:%u",
		 of->blocks[0].shared_memory_handle);
	if (!error)
		fail_nth_expect(strstr(text, name));
	memset(text, 0, sizeof(text));
}

static void clean_maps(void)
{
	close(maps_fd);
	clean();
}

static char link_path[96], target[128];

static bool setup_link(void)
{
	if (!setup_map())
		return false;
	snprintf(link_path, sizeof(link_path), "/proc/self/map_files/%lx-%lx",
		 (unsigned long)map, (unsigned long)map + length);
	memset(target, 0, sizeof(target));
	return true;
}

static int call_link(void)
{
	return readlink(link_path, target, sizeof(target) - 1) < 0 ? -errno : 0;
}

static void check_link(int error)
{
	if (!error)
		fail_nth_expect(strstr(target, "ndshm:block:"));
}

static const struct fail_nth_command commands[] = {
	{
		.name = "mmap", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_block, .call = call_mmap, .check = check_mmap,
		.undo = unmap, .clean = fail_nth_close,
	}, {
		.name = "mmap-second", .errors = { ENOMEM, ENFILE },
		.keeps_file = true,
		.setup = setup_second, .call = call_mmap, .check = check_mmap,
		.clean = clean_second,
	}, {
		.name = "fault-pages",
		.setup = setup_untouched, .call = call_touch, .clean = clean,
	}, {
		.name = "munmap", .errors = { ENOMEM },
		.setup = setup_map, .call = call_munmap, .check = check_munmap,
		.clean = clean,
	}, {
		.name = "munmap-last", .errors = { ENOMEM },
		.setup = setup_last, .call = call_munmap,
		.check = check_munmap, .clean = clean,
	}, {
		.name = "munmap-part", .errors = { ENOMEM },
		.setup = setup_map, .call = call_split, .check = check_split,
		.clean = clean,
	}, {
		.name = "mprotect-part", .errors = { ENOMEM },
		.setup = setup_map, .call = call_mprotect,
		.check = check_filled, .clean = clean,
	}, {
		.name = "mremap", .errors = { ENOMEM },
		.setup = setup_move, .call = call_move, .check = check_filled,
		.clean = clean,
	}, {
		.name = "fork", .errors = { ENOMEM, EAGAIN }, .limit = 2000,
		.slack = 4,
		.setup = setup_fork, .call = call_fork, .check = check_filled,
		.undo = undo_fork, .clean = clean_fork,
	}, {
		.name = "maps", .errors = { ENOMEM, EFAULT },
		.setup = setup_maps, .call = call_maps, .check = check_maps,
		.clean = clean_maps,
	}, {
		.name = "map-files", .errors = { ENOMEM, EFAULT, ENOENT },
		.setup = setup_link, .call = call_link, .check = check_link,
		.clean = clean,
	},
};

const struct fail_nth_group fail_nth_mapping = {
	.name = "mapping",
	.commands = commands,
	.count = ARRAY_SIZE(commands),
	.state = fail_nth_client_state,
};
