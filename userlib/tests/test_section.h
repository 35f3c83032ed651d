/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Common parts of the tests of sections.
 */
#ifndef NDSHM_TEST_SECTION_H
#define NDSHM_TEST_SECTION_H

#include "test.h"

#define HUGE	(2UL << 20)

static inline struct ndshm_section *test_make_section(struct ndshm *ndshm, uint64_t max_size,
						      uint64_t initial_size)
{
	struct ndshm_section_request request = test_section_request(max_size, initial_size);
	struct ndshm_section *section;

	return ndshm_section_create(ndshm, &request, &section) ? NULL : section;
}

/* Allocate an extent wherever it may be. */
static inline int test_extent(struct ndshm_section *section, uint64_t length)
{
	uint64_t offset, got;

	return ndshm_extent_alloc(section, length, 0, &offset, &got);
}

static inline bool test_all(const unsigned char *memory, size_t length, unsigned char byte)
{
	return memory[0] == byte && !memcmp(memory, memory + 1, length - 1);
}

/* Test by a system call, which returns EFAULT instead of raising SIGBUS. */
static inline bool test_can_read(const void *byte)
{
	int pipes[2];
	bool can;

	if (pipe2(pipes, O_CLOEXEC))
		abort();
	can = write(pipes[1], byte, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

/* Return: true if core dumps have the mapping at @memory. */
static inline bool test_is_dumped(const void *memory)
{
	FILE *maps = fopen("/proc/self/smaps", "re");
	unsigned long start, end;
	bool here = false;
	char line[512];

	while (maps && fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (uintptr_t)memory && (uintptr_t)memory < end;
		else if (here && !strncmp(line, "VmFlags:", 8))
			break;
	}
	if (!maps || !here)
		abort();
	fclose(maps);
	return !strstr(line, " dd");
}

static inline bool test_can_write(void *byte)
{
	int pipes[2];
	bool can;

	if (pipe2(pipes, O_CLOEXEC) || write(pipes[1], "x", 1) != 1)
		abort();
	can = read(pipes[0], byte, 1) == 1;
	close(pipes[0]);
	close(pipes[1]);
	return can;
}

static inline int test_sealed_memfd(const char *name, int seals)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || fcntl(fd, F_ADD_SEALS, seals))
		abort();
	return fd;
}

#endif /* NDSHM_TEST_SECTION_H */
