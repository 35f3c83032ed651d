// SPDX-License-Identifier: GPL-2.0
/* The dispatcher of ioctls: finds the row, copies the argument in, and the reply out. */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "ioctl.h"

int ndshm_reply(struct ndshm_command *command)
{
	command->replied = true;
	return copy_to_user(command->user, command->argument, command->length) ?
	       -EFAULT : 0;
}

ndshm_reason_t ndshm_reply_file(struct ndshm_command *command, struct file *file, int flags,
				s32 *number)
{
	ndshm_reason_t reason = NDSHM_REASON_MEMORY;
	int unused;

	if (IS_ERR(file))
		return PTR_ERR(file) == -ENFILE ? NDSHM_REASON_DESCRIPTORS : reason;
	unused = get_unused_fd_flags(flags);
	if (unused < 0) {
		if (unused != -ENOMEM)
			reason = NDSHM_REASON_DESCRIPTORS;
		goto err_file;
	}
	*number = unused;
	if (!ndshm_reply(command)) {
		fd_install(unused, file);
		return NDSHM_REASON_NONE;
	}
	reason = NDSHM_REASON_ADDRESS;
	put_unused_fd(unused);
err_file:
	fput(file);
	return reason;
}

/* Reply in the header only, when the rest of the user's argument may be inaccessible. */
static long ioctl_reply_header(struct ndshm_header __user *user,
			       ndshm_reason_t reason)
{
	if (put_user((__force u32)ndshm_reason_status(reason), &user->status) ||
	    put_user((__force u32)reason, &user->reason))
		return -EFAULT;
	return ndshm_reason_trace(reason);
}

static const struct ndshm_ioctl_row *
ioctl_find_row(const struct ndshm_ioctl_row *rows, unsigned int count,
	       unsigned int number)
{
	unsigned int n = _IOC_NR(number) - _IOC_NR(rows[0].number);

	if (n >= count)
		return NULL;
	n = array_index_nospec(n, count);
	return rows[n].number == number ? &rows[n] : NULL;
}

long ndshm_ioctl(const struct ndshm_ioctl_row *rows, unsigned int count,
		 struct file *file, unsigned int number, unsigned long address)
{
	const struct ndshm_ioctl_row *row = ioctl_find_row(rows, count, number);
	struct ndshm_command command = {
		.file = file,
		.user = (void __user *)address,
	};
	/* On the stack, large enough for every argument; members after @length stay zero. */
	union {
		struct ndshm_header header;
		u64 whole[NDSHM_ARGUMENT_BYTES / sizeof(u64)];
	} argument = { .whole = {} };
	ndshm_reason_t reason;
	u32 size;
	int ret;

	if (!row)
		return -ENOTTY;
	/*
	 * Use this value of the size only: another thread can change the member before
	 * copy_from_user() copies it.
	 */
	if (get_user(size, (u32 __user *)command.user))
		return -EFAULT;
	if (size < sizeof(struct ndshm_header))
		return -EINVAL;
	if (size < row->min_size)
		return ioctl_reply_header(command.user, NDSHM_REASON_ARGUMENT_SHORT);
	if (size > PAGE_SIZE)
		return ioctl_reply_header(command.user, NDSHM_REASON_ARGUMENT_TAIL);
	if (size > row->size) {
		ret = check_zeroed_user(command.user + row->size, size - row->size);
		if (ret < 0)
			return ret;
		if (!ret)
			return ioctl_reply_header(command.user, NDSHM_REASON_ARGUMENT_TAIL);
	}
	command.length = min(size, row->size);
	if (copy_from_user(&argument, command.user, command.length))
		return -EFAULT;
	argument.header.size = size;
	argument.header.status = (__force u32)NDSHM_STATUS_SUCCESS;
	argument.header.reason = (__force u32)NDSHM_REASON_NONE;
	if (argument.header.flags & ~row->flags)
		return ioctl_reply_header(command.user, NDSHM_REASON_FLAGS);

	command.argument = &argument;
	reason = row->handler(&command);
	if (!command.replied) {
		argument.header.status = (__force u32)ndshm_reason_status(reason);
		argument.header.reason = (__force u32)reason;
		if (ndshm_reply(&command))
			return -EFAULT;
	}
	return ndshm_reason_report(reason, NULL);
}
