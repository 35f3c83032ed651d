/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ioctls: one dispatcher, a table a kind of descriptor, and a handler a command.
 */
#ifndef _NDSHM_CORE_IOCTL_H
#define _NDSHM_CORE_IOCTL_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

/* Bytes of the longest argument that is known, at least. */
#define NDSHM_ARGUMENT_BYTES	128

/**
 * struct ndshm_command - an ioctl under way
 * @file: of which descriptor
 * @argument: the kernel's copy, complete, its flags known and allowed
 * @user: where it came from
 * @length: bytes to copy back
 * @replied: the answer has been delivered, and stands
 */
struct ndshm_command {
	struct file *file;
	void *argument;
	void __user *user;
	size_t length;
	bool replied;
};

/*
 * Deliver the answer: @reason and its status in the header, the outputs as they
 * are in the argument. 0 or -EFAULT. A handler that has made something calls it
 * before it makes that public, and undoes it if the answer does not arrive;
 * for all others the dispatcher does.
 */
int ndshm_reply(struct ndshm_command *command, ndshm_reason_t reason);

/**
 * struct ndshm_ioctl_row - a command
 * @number: its own
 * @size: of its argument
 * @min_size: of the first published version, which never changes
 * @flags: those that it knows
 * @handler: 0 or a reason; NDSHM_REASON_ADDRESS if ndshm_reply() failed
 */
struct ndshm_ioctl_row {
	unsigned int number;
	u32 size;
	u32 min_size;
	u32 flags;
	ndshm_reason_t (*handler)(struct ndshm_command *command);
};

/* @member_ names structure and handler, @last_ what the first version ends with. */
#define NDSHM_IOCTL_ROW(number_, member_, last_, flags_) \
	{ \
		.number = (number_), \
		.size = sizeof(struct ndshm_##member_) + \
			BUILD_BUG_ON_ZERO(sizeof(struct ndshm_##member_) > \
					  NDSHM_ARGUMENT_BYTES), \
		.min_size = offsetofend(struct ndshm_##member_, last_), \
		.flags = (flags_), \
		.handler = ndshm_ioctl_##member_, \
	}

/* The whole of an ->unlocked_ioctl: @rows are @count numbers, one after the other. */
long ndshm_ioctl(const struct ndshm_ioctl_row *rows, unsigned int count,
		 struct file *file, unsigned int number, unsigned long address);

#endif /* _NDSHM_CORE_IOCTL_H */
