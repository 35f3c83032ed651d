// SPDX-License-Identifier: GPL-2.0
/*
 * Set up and restore the kernel's fault injection.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail_nth.h"
#include "ndshm_proc.h"

#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define DEBUGFS		"/sys/kernel/debug/"
#define CACHES		"/sys/kernel/slab"
#define CACHE_SIZE	64

static int fail_nth_fd;

static struct setting {
	const char *path;
	const char *value;
	char before[32];
} settings[] = {
	/* Also fail sleeping allocations. Slab caches are selected one by one. */
	{ .path = DEBUGFS "failslab/ignore-gfp-wait", .value = "N" },
	{ .path = DEBUGFS "failslab/cache-filter", .value = "Y" },
	{ .path = DEBUGFS "failslab/verbose", .value = "0" },
	{ .path = DEBUGFS "fail_page_alloc/ignore-gfp-wait", .value = "N" },
	{ .path = DEBUGFS "fail_page_alloc/ignore-gfp-highmem", .value = "N" },
	{ .path = DEBUGFS "fail_page_alloc/min-order", .value = "0" },
	{ .path = DEBUGFS "fail_page_alloc/verbose", .value = "0" },
	{ .path = DEBUGFS "fail_usercopy/verbose", .value = "0" },
};

/* Select whether allocations from this cache fail. */
static bool set_cache(const char *cache, bool fail)
{
	char path[128];

	snprintf(path, sizeof(path), CACHES "/%.*s/failslab", CACHE_SIZE - 1,
		 cache);
	return !ndshm_write_file(path, fail ? "1" : "0");
}

/*
 * Select all caches except those of debugging features, whose failures say
 * nothing about our calls. Return the number of caches.
 */
static int set_caches(bool fail)
{
	DIR *directory = opendir(CACHES);
	struct dirent *entry;
	int count = 0;

	while (directory && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' &&
		    strncmp(entry->d_name, "kmemleak_", 9))
			count += set_cache(entry->d_name, fail);
	if (directory)
		closedir(directory);
	return count;
}

static void restore(void)
{
	size_t i;

	set_caches(false);
	for (i = 0; i < ARRAY_SIZE(settings); i++)
		if (settings[i].before[0])
			ndshm_write_file(settings[i].path, settings[i].before);
}

const char *fail_nth_inject(void)
{
	struct setting *setting;
	size_t i;

	fail_nth_fd = open(FAIL_NTH, O_RDWR | O_CLOEXEC);
	if (fail_nth_fd < 0)
		return FAIL_NTH;
	atexit(restore);
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		setting = &settings[i];
		if (ndshm_read_file(setting->path, setting->before,
				    sizeof(setting->before)) ||
		    ndshm_write_file(setting->path, setting->value))
			return setting->path;
	}
	return set_caches(true) ? NULL : CACHES;
}

void fail_nth_arm(unsigned int nth, bool dma)
{
	static int radix_tree = -1;
	char text[16];
	int length = snprintf(text, sizeof(text), "%u", nth);

	/*
	 * DMA API debugging disables itself for good when it cannot allocate a
	 * radix tree node.
	 */
	if (radix_tree != !dma)
		set_cache("radix_tree_node", !dma);
	radix_tree = !dma;
	if (pwrite(fail_nth_fd, text, length, 0) != length)
		ksft_exit_fail_msg("%s: %s\n", FAIL_NTH, strerror(errno));
}

/* Reading the counter and disarming are points as well. */
unsigned int fail_nth_disarm(void)
{
	ssize_t got, put;
	char text[16];

	got = pread(fail_nth_fd, text, sizeof(text) - 1, 0);
	put = pwrite(fail_nth_fd, "0", 1, 0);
	if (got < 0 && errno == EFAULT)
		return 1;
	if (got <= 0 || (put < 0 && errno != EFAULT))
		ksft_exit_fail_msg("%s: %s\n", FAIL_NTH, strerror(errno));
	text[got] = '\0';
	return strtoul(text, NULL, 10);
}
