// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/membarrier.h>
#include <linux/ndshm.h>

#include "ndshm_debug.h"
#include "ndshm_proc.h"

#define ARRAY_LENGTH(array)	(sizeof(array) / sizeof((array)[0]))

#define DMA_API		"/sys/kernel/debug/dma-api/"
#define PAGE_STACKS	"/sys/kernel/debug/page_owner_stacks/show_stacks"
#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define KMSG		"/dev/kmsg"

void ndshm_wait_deferred(void)
{
	/* Closing a client flushes the deferred work. */
	int fd = open(NDSHM_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

/*
 * Return: the number of entries of the SMMU, whose driver keeps a table for each device since the
 * first translation for it.
 */
static int smmu_entries(void)
{
	int entries = 0;
#ifdef __aarch64__
	FILE *dump = fopen(DMA_API "dump", "re");
	char line[512];

	while (dump && fgets(line, sizeof(line), dump))
		entries += !strncmp(line, "arm-smmu-v3 ", 12);
	if (dump)
		fclose(dump);
#endif
	return entries;
}

int ndshm_dma_entries(void)
{
	long long total = ndshm_read_number(DMA_API "nr_total_entries");
	long long available = ndshm_read_number(DMA_API "num_free_entries");
	char disabled[8];

	if (total < 0 || available < 0 ||
	    ndshm_read_file(DMA_API "disabled", disabled, sizeof(disabled)) ||
	    disabled[0] != 'N')
		return -1;
	return total - available - smmu_entries();
}

/*
 * Stacks
 */

/*
 * Return: true if the frame is in one of our modules, whose name is in
 * brackets. An address without a symbol belongs to an unloaded module; only
 * ours are unloaded.
 */
static bool is_ours(const char *frame)
{
	frame += strspn(frame, " ");
	return !strncmp(frame, "0x", 2) || strstr(frame, "[ndshm");
}

/* Functions that keep pages for later use, whichever caller triggers the allocation. */
static bool is_cache(const char *frame)
{
	static const char *const names[] = {
		"allocate_slab", "new_slab", "___slab_alloc", "stack_depot_",
		"kasan_", "__kasan_", "pcpu_", "pte_alloc", "__pte_alloc", "__pmd_alloc",
		"__pud_alloc", "__p4d_alloc", "handle_mm_fault",
		/* Page tables of an IOMMU stay with the domain. */
		"pfn_to_dma_pte", "iommu_alloc_pages", "__arm_lpae_alloc_pages",
	};
	size_t i;

	frame += strspn(frame, " ");
	for (i = 0; i < ARRAY_LENGTH(names); i++)
		if (!strncmp(frame, names[i], strlen(names[i])))
			return true;
	return false;
}

/* Count the pages allocated by our code. With @print, print the stacks. */
static long count_pages(bool print)
{
	FILE *file = fopen(PAGE_STACKS, "re");
	char *line = NULL, *stack = NULL;
	bool ours = false, cache = false;
	size_t size = 0, length = 0;
	FILE *copy = NULL;
	long pages = 0, n;

	if (!file)
		return -1;
	/* The innermost frame comes first and the number of pages last. */
	while (getline(&line, &size, file) > 0) {
		if (print && !copy)
			copy = open_memstream(&stack, &length);
		if (copy)
			fprintf(copy, "# %s", line);
		if (line[0] == ' ') {
			cache |= !ours && is_cache(line);
			ours |= !cache && is_ours(line);
			continue;
		}
		if (line[0] == '\n')
			continue;
		if (ours && sscanf(line, "%*[^:]: %ld", &n) == 1)
			pages += n;
		if (copy) {
			fclose(copy);
			copy = NULL;
			if (ours)
				fputs(stack, stdout);
			free(stack);
		}
		ours = false;
		cache = false;
	}
	if (copy) {
		fclose(copy);
		free(stack);
	}
	free(line);
	fclose(file);
	return pages;
}

long ndshm_pages_owned(void)
{
	ndshm_wait_deferred();
	return count_pages(false);
}

void ndshm_pages_print(void)
{
	count_pages(true);
}

/*
 * kmemleak
 */

#define KMEMLEAK_AGE	6	/* seconds: younger objects are not reported */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

void ndshm_kmemleak_forget(void)
{
	ndshm_write_file(KMEMLEAK, "scan=off");
	ndshm_write_file(KMEMLEAK, "clear");
}

/* The kernel leaks the name of a cache whose directory in sysfs cannot be made. */
static bool is_leak_of_kernel(const char *frame)
{
	return strstr(frame, " sysfs_slab_add+");
}

/* Tell splat.sh how many of the suspected leaks that the log counts are such leaks. */
static void report_leaks_of_kernel(int leaks)
{
	char line[64];

	snprintf(line, sizeof(line), "ndshm_debug: %d leaks are of the kernel", leaks);
	ndshm_write_file(KMSG, line);
}

/* Count the records of our modules; store the first in @text. */
static int count_records(char *text, size_t size)
{
	FILE *file = fopen(KMEMLEAK, "re");
	char *line = NULL, *record = NULL;
	size_t room = 0, length = 0;
	bool ours = false, theirs = false, trace = false;
	int records = 0, of_kernel = 0;
	FILE *copy = NULL;
	ssize_t got;

	if (!file)
		return -1;
	do {
		got = getline(&line, &room, file);
		if (copy && (got <= 0 || line[0] != ' ')) {
			fclose(copy);
			copy = NULL;
			if (ours && !theirs && !records++)
				snprintf(text, size, "%s", record);
			of_kernel += theirs;
			free(record);
			ours = false;
			theirs = false;
			trace = false;
		}
		if (got <= 0)
			break;
		if (!copy)
			copy = open_memstream(&record, &length);
		if (!copy)
			break;
		fputs(line, copy);
		/* The hex dump comes before the frames. */
		ours |= trace && is_ours(line);
		theirs |= trace && is_leak_of_kernel(line);
		trace |= !strncmp(line, "  backtrace", 11);
	} while (true);
	free(line);
	fclose(file);
	if (of_kernel)
		report_leaks_of_kernel(of_kernel);
	return records;
}

int ndshm_kmemleak(char *text, size_t size)
{
	double begin = seconds(), left;
	int error;

	text[0] = '\0';
	ndshm_wait_deferred();
	/* A stale pointer on a stack would hide a leak. */
	error = ndshm_write_file(KMEMLEAK, "stack=off");
	if (!error)
		error = ndshm_write_file(KMEMLEAK, "scan");
	left = begin + KMEMLEAK_AGE - seconds();
	/* kmemleak does not say when an object is old enough, so wait. */
	if (!error && left > 0)
		usleep(left * 1e6);
	if (!error)
		error = ndshm_write_file(KMEMLEAK, "scan");
	ndshm_write_file(KMEMLEAK, "stack=on");
	return error ? -1 : count_records(text, size);
}

/*
 * The log
 */

static const char *const splats[] = {
#include "ndshm_splats.h"
};

int ndshm_log_mark(void)
{
	int fd = open(KMSG, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		lseek(fd, 0, SEEK_END);
	return fd;
}

static bool is_splat(const char *line)
{
	static regex_t patterns[ARRAY_LENGTH(splats)];
	static bool compiled;
	size_t i;

	for (i = 0; !compiled && i < ARRAY_LENGTH(splats); i++)
		if (regcomp(&patterns[i], splats[i], REG_EXTENDED | REG_NOSUB))
			abort();
	compiled = true;
	for (i = 0; i < ARRAY_LENGTH(splats); i++)
		if (!regexec(&patterns[i], line, 0, NULL, 0))
			return true;
	return false;
}

bool ndshm_log_clean(int mark, char *text, size_t size)
{
	char record[8192], *line;
	bool clean = true;
	ssize_t got;

	text[0] = '\0';
	/* Each read returns one record: "prefix;line" and continuation lines. */
	while ((got = read(mark, record, sizeof(record) - 1)) > 0) {
		record[got] = '\0';
		record[strcspn(record, "\n")] = '\0';
		line = strchr(record, ';');
		line = line ? line + 1 : record;
		if (!is_splat(line))
			continue;
		if (clean)
			snprintf(text, size, "%s", line);
		clean = false;
	}
	if (clean && errno != EAGAIN) {
		snprintf(text, size, "the log: %s", strerror(errno));
		clean = false;
	}
	return clean;
}

int ndshm_without_rseq(char **argv)
{
	static const char tunable[] = "glibc.pthread.rseq=0";
	const char *tunables = getenv("GLIBC_TUNABLES");

	if (tunables && strstr(tunables, tunable))
		return 0;
	setenv("GLIBC_TUNABLES", tunable, 1);
	execv("/proc/self/exe", argv);
	return -errno;
}
