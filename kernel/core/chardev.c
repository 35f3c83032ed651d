// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include <linux/ndshm.h>

#include "chardev.h"
#include "client.h"

/* Room for any argument, so that none is allocated. */
union argument {
	struct ndshm_header header;
	struct ndshm_get_info get_info;
	struct ndshm_adapter_claim adapter_claim;
	struct ndshm_adapter_start adapter_start;
	struct ndshm_adapter_map_bar adapter_map_bar;
	struct ndshm_block_alloc block_alloc;
	struct ndshm_block_free block_free;
	struct ndshm_block_query block_query;
	struct ndshm_block_sync block_sync;
};

struct row {
	unsigned int number;
	u32 size;
	u32 min_size;
	u32 flags;
	ndshm_reason_t (*handler)(struct ndshm_command *command);
};

#define FIRST_COMMAND	_IOC_NR(NDSHM_GET_INFO)

#define ROW(number_, member_, last_, flags_) \
	{ \
		.number = (number_), \
		.size = sizeof_field(union argument, member_), \
		.min_size = offsetofend(struct ndshm_##member_, last_), \
		.flags = (flags_), \
		.handler = ndshm_ioctl_##member_, \
	}

/*
 * In the order of their numbers. The last member named is that of the first
 * published version, which never changes.
 */
static const struct row rows[] = {
	ROW(NDSHM_GET_INFO, get_info, out_user_locked, 0),
	ROW(NDSHM_ADAPTER_CLAIM, adapter_claim, out_bars, 0),
	ROW(NDSHM_ADAPTER_START, adapter_start, __reserved, 0),
	ROW(NDSHM_ADAPTER_MAP_BAR, adapter_map_bar, out_length, 0),
	ROW(NDSHM_BLOCK_ALLOC, block_alloc, __reserved, NDSHM_ALLOC_CONTIGUOUS),
	ROW(NDSHM_BLOCK_FREE, block_free, __reserved, 0),
	ROW(NDSHM_BLOCK_QUERY, block_query, out_usage, 0),
	ROW(NDSHM_BLOCK_SYNC, block_sync, length, 0),
};

int ndshm_reply(struct ndshm_command *command, ndshm_reason_t reason)
{
	struct ndshm_header *header = command->argument;

	header->status = (__force u32)ndshm_reason_status(reason);
	header->reason = (__force u32)reason;
	command->replied = true;
	return copy_to_user(command->user, header, command->length) ?
	       -EFAULT : 0;
}

/* Only the header of the argument can be trusted to be there. */
static long reply_header(struct ndshm_header __user *user,
			 ndshm_reason_t reason)
{
	if (put_user((__force u32)ndshm_reason_status(reason), &user->status) ||
	    put_user((__force u32)reason, &user->reason))
		return -EFAULT;
	return ndshm_reason_errno(reason);
}

static const struct row *find_row(unsigned int number)
{
	unsigned int n = _IOC_NR(number) - FIRST_COMMAND;

	if (n >= ARRAY_SIZE(rows))
		return NULL;
	n = array_index_nospec(n, ARRAY_SIZE(rows));
	return rows[n].number == number ? &rows[n] : NULL;
}

static long client_ioctl(struct file *file, unsigned int number,
			 unsigned long address)
{
	const struct row *row = find_row(number);
	struct ndshm_command command = {
		.client = file->private_data,
		.user = (void __user *)address,
	};
	union argument argument;
	ndshm_reason_t reason;
	u32 size;
	int ret;

	if (!row)
		return -ENOTTY;
	/* The size is read once; the copy's own is made to agree. */
	if (get_user(size, (u32 __user *)command.user))
		return -EFAULT;
	if (size < sizeof(struct ndshm_header))
		return -EINVAL;
	if (size < row->min_size)
		return reply_header(command.user, NDSHM_REASON_ARGUMENT_SHORT);
	if (size > PAGE_SIZE)
		return reply_header(command.user, NDSHM_REASON_ARGUMENT_TAIL);
	ret = copy_struct_from_user(&argument, row->size, command.user, size);
	if (ret == -E2BIG)
		return reply_header(command.user, NDSHM_REASON_ARGUMENT_TAIL);
	if (ret)
		return ret;
	argument.header.size = size;
	if (argument.header.flags & ~row->flags)
		return reply_header(command.user, NDSHM_REASON_FLAGS);

	command.argument = &argument;
	command.length = min(size, row->size);
	reason = row->handler(&command);
	if (!command.replied && ndshm_reply(&command, reason))
		return -EFAULT;
	return ndshm_reason_errno(reason);
}

static int client_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ndshm_client *client = file->private_data;
	struct ndshm_object *object;
	int ret;

	if (vma->vm_pgoff > ULONG_MAX >> PAGE_SHIFT)
		return -ENXIO;
	object = ndshm_offset_find(&client->handles,
				   (u64)vma->vm_pgoff << PAGE_SHIFT);
	if (!object)
		return -ENXIO;
	ret = ndshm_object_mmap(object, vma, &client->files);
	ndshm_object_put_async(object);
	return ret;
}

static int client_open(struct inode *inode, struct file *file)
{
	file->private_data = ndshm_client_open(file);
	return file->private_data ? 0 : -ENOMEM;
}

static int client_release(struct inode *inode, struct file *file)
{
	ndshm_client_close(file->private_data);
	return 0;
}

static const struct file_operations client_ops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.release = client_release,
	.unlocked_ioctl = client_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = client_mmap,
	/* Where huge pages can be, and how. */
	.get_unmapped_area = thp_get_unmapped_area,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ndshm",
	.fops = &client_ops,
	.mode = 0600,
};

int __init ndshm_chardev_setup(void)
{
	return misc_register(&device);
}

void ndshm_chardev_teardown(void)
{
	misc_deregister(&device);
}
