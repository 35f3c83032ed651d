/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Commands: ioctls of the device and of sections and holders.
 */
#ifndef _FUZZ_COMMAND_H
#define _FUZZ_COMMAND_H

#include <linux/ndshm.h>

#include "arguments.h"

/* The arguments that every command has, in this order. */
enum { COMMAND_OF, COMMAND_AT, COMMAND_SIZE, COMMAND_FLAGS, COMMAND_TAIL,
	COMMAND_OWN };

/* @of_: the argument that selects the descriptor */
#define FUZZ_COMMAND(of_, structure_) \
	[COMMAND_OF] = of_, \
	[COMMAND_AT] = FUZZ_AT("at"), \
	[COMMAND_SIZE] = FUZZ_ANY("size", sizeof(structure_), \
				  0, 15, 16, 17, sizeof(structure_) - 1, \
				  sizeof(structure_) + 8, 4096, 4097, \
				  0xffffffff), \
	[COMMAND_FLAGS] = FUZZ_ANY("flags", 0, 1, 2, 4, 0x80000000), \
	/* A byte behind the structure that the kernel knows. */ \
	[COMMAND_TAIL] = FUZZ_ANY("tail", 0, 1)

#define RESERVED	FUZZ_ANY("reserved", 0, 1)

/*
 * Issue the ioctl with the first @known bytes of @header. On return @header has
 * the kernel's answer. *@reported is set if the answer is readable and not shared
 * with other threads; @reported may be NULL.
 */
long fuzz_command(struct fuzz_thread *thread, int fd, unsigned long number,
		  const struct fuzz_value *a, struct ndshm_header *header,
		  size_t known, bool *reported);

__u32 fuzz_adapter(const struct fuzz_value *value);
__u32 fuzz_provider(const struct fuzz_value *value);

/* Return: true if the request would use up the guest's memory and time. */
bool fuzz_takes_all(__u64 length, __u64 count);

#endif /* _FUZZ_COMMAND_H */
