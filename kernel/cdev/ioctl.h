/* SPDX-License-Identifier: GPL-2.0 */
/* Ioctl dispatcher. Each kind of descriptor has a table of commands with their handlers. */
#ifndef _NDSHM_CDEV_IOCTL_H
#define _NDSHM_CDEV_IOCTL_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/uaccess.h>

#include <linux/ndshm.h>
#include <ndshm/status.h>

/* Upper limit of the size of all arguments. */
#define NDSHM_ARGUMENT_BYTES	96

/**
 * struct ndshm_command - An ioctl in progress
 * @file: the descriptor
 * @argument: copy of the user's argument, zero-extended; its flags were validated, its
 *	status and reason are those of a success
 * @user: address of the user's argument
 * @length: bytes to copy back
 * @replied: the handler has replied, so the dispatcher does not reply
 */
struct ndshm_command {
	struct file *file;
	void *argument;
	void __user *user;
	size_t length;
	bool replied;
};

/*
 * Copy the argument back, as the reply of a success. A handler that creates an object calls this
 * before it publishes the object, and destroys the object on failure. For all other handlers, and
 * after a failure, the dispatcher replies. Return: 0 or -EFAULT.
 */
int ndshm_reply(struct ndshm_command *command);

/*
 * As ndshm_reply(), and faster for an argument of @size, a constant: the compiler checks the bounds
 * of the copy.
 */
static __always_inline int ndshm_reply_sized(struct ndshm_command *command, size_t size)
{
	if (command->length != size)
		return ndshm_reply(command);
	command->replied = true;
	return copy_to_user(command->user, command->argument, size) ? -EFAULT : 0;
}

/*
 * Reply with the number of a descriptor of @file (@flags: 0 or O_CLOEXEC) in @number, which is part
 * of the argument, and install it after that: another thread can close it from then on. Consumes
 * @file, which may be an ERR_PTR.
 */
ndshm_reason_t ndshm_reply_file(struct ndshm_command *command, struct file *file, int flags,
				s32 *number);

/**
 * struct ndshm_ioctl_row - A command
 * @number: ioctl number
 * @size: size of its argument
 * @min_size: size of the argument in the first published version, which never changes
 * @flags: valid flags of the header
 * @handler: returns NONE or a reason; NDSHM_REASON_ADDRESS if ndshm_reply() failed
 */
struct ndshm_ioctl_row {
	unsigned int number;
	u32 size;
	u32 min_size;
	u32 flags;
	ndshm_reason_t (*handler)(struct ndshm_command *command);
};

/**
 * struct ndshm_ioctl_table - Commands that a file or folder adds to those of a client
 * @rows: the commands
 * @count: number of @rows
 */
struct ndshm_ioctl_table {
	const struct ndshm_ioctl_row *rows;
	unsigned int count;
};

/*
 * @member_ is the name in structure and handler, @last_ the last member of the structure in its
 * first published version.
 */
#define NDSHM_IOCTL_ROW(number_, member_, last_, flags_) \
	{ \
		.number = (number_), \
		.size = sizeof(struct ndshm_##member_##_args) + \
			BUILD_BUG_ON_ZERO(sizeof(struct ndshm_##member_##_args) > \
					  NDSHM_ARGUMENT_BYTES), \
		.min_size = offsetofend(struct ndshm_##member_##_args, last_), \
		.flags = (flags_), \
		.handler = ndshm_ioctl_##member_, \
	}

/* Body of an ->unlocked_ioctl operation. The numbers of the @count @rows are consecutive. */
long ndshm_ioctl(const struct ndshm_ioctl_row *rows, unsigned int count,
		 struct file *file, unsigned int number, unsigned long address);

#endif /* _NDSHM_CDEV_IOCTL_H */
