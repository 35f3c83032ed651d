// SPDX-License-Identifier: GPL-2.0
#include <string.h>
#include <sys/ioctl.h>

#include "command.h"

/* The kernel accepts arguments up to a page; longer ones are tried as well. */
#define ARGUMENT_SIZE	8192

/*
 * Requests of LONG_FROM bytes and more in total can use up the memory. Those above LONG_TO are
 * always refused: no section is that long.
 */
#define LONG_FROM	(16UL << 20)
#define LONG_TO		(64UL << 30)

long fuzz_command(struct fuzz_thread *thread, int fd, unsigned long number,
		  const struct fuzz_value *a, struct ndshm_header *header,
		  size_t known, bool *reported)
{
	char bytes[ARGUMENT_SIZE] = {};
	__u32 size = a[COMMAND_SIZE].number;
	size_t length = known;
	void *at, *seen;
	long ret;

	if (size > length && size < sizeof(bytes))
		length = size;
	header->size = size;
	header->flags = a[COMMAND_FLAGS].number;
	memcpy(bytes, header, known);
	if (length > known)
		bytes[length - 1] = a[COMMAND_TAIL].number;
	at = fuzz_put(thread, &a[COMMAND_AT], bytes, length, &seen);
	ret = ioctl(fd, number, at);
	if (seen)
		memcpy(header, seen, known);
	if (reported)
		*reported = seen && a[COMMAND_AT].number != FUZZ_SHARED;
	return ret;
}

__u32 fuzz_adapter(const struct fuzz_value *value)
{
	return value->form == FUZZ_WORD ? machine_adapter(value->number) :
					  value->number;
}

__u32 fuzz_provider(const struct fuzz_value *value)
{
	return value->form == FUZZ_WORD ? machine_provider(value->number) :
					  value->number;
}

bool fuzz_takes_all(__u64 length, __u64 count)
{
	return length <= LONG_TO && count <= 64 && length * count > LONG_FROM;
}
