// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "record.h"

#define SIZE	(64 << 10)

static struct {
	__u32 written;
	char text[SIZE - sizeof(__u32)];
} *recorder = MAP_FAILED;

bool record_begin(void)
{
	int fd = open("/dev/ndshm_recorder", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return false;
	recorder = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return recorder != MAP_FAILED;
}

void record(unsigned long long number, const struct fuzz_program *program)
{
	char text[FUZZ_TEXT];
	size_t length, i;

	if (recorder == MAP_FAILED)
		return;
	length = snprintf(text, sizeof(text), "# program %llu\n", number);
	length += fuzz_print(program, '\n', text + length,
			     sizeof(text) - length);
	for (i = 0; i < length; i++)
		recorder->text[recorder->written++ % sizeof(recorder->text)] =
			text[i];
}
