// SPDX-License-Identifier: GPL-2.0
/* The char device: operations of its open files, and the table of their ioctls. */
#include <linux/cache.h>
#include <linux/fs.h>
#include <linux/huge_mm.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "../adapter/adapter.h"
#include "cdev.h"
#include "client.h"

/* A client's numbers are those from GET_INFO to the first of a section. */
#define INDEX(number_)	(_IOC_NR(number_) - _IOC_NR(NDSHM_GET_INFO))

/* By number; filled at load from the tables of the files that have the handlers. */
static struct ndshm_ioctl_row rows[INDEX(NDSHM_SECTION_ATTACH)] __ro_after_init;
static void (*end_claims)(struct ndshm_claims *claims) __ro_after_init;

static void __init client_add_ioctls(const struct ndshm_ioctl_table *table)
{
	unsigned int i, index;

	for (i = 0; i < table->count; i++) {
		index = INDEX(table->rows[i].number);
		if (WARN_ON(index >= ARRAY_SIZE(rows) || rows[index].number))
			continue;
		rows[index] = table->rows[i];
	}
}

void __init ndshm_client_add_part(const struct ndshm_client_part *part)
{
	client_add_ioctls(&part->ioctls);
	end_claims = part->end_claims;
}

static long client_ioctl(struct file *file, unsigned int number,
			 unsigned long address)
{
	return ndshm_ioctl(rows, ARRAY_SIZE(rows), file, number, address);
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
	ret = ndshm_object_mmap(object, vma, &client->file_cache, true);
	ndshm_object_put_async(object);
	return ret;
}

static int client_open(struct inode *inode, struct file *file)
{
	struct ndshm_client *client;
	ndshm_reason_t reason = ndshm_client_open(file, &client);

	if (reason != NDSHM_REASON_NONE)
		return ndshm_reason_trace(reason);
	file->private_data = client;
	return nonseekable_open(inode, file);
}

static int client_release(struct inode *inode, struct file *file)
{
	struct ndshm_client *client = file->private_data;

	/* First: it stops DMA to the blocks that are freed below. */
	end_claims(&client->claims);
	ndshm_client_close(client);
	return 0;
}

static void client_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ndshm_client *client = file->private_data;
	struct ndshm_adapter *adapter;
	u32 id = 0;

	seq_printf(m, "ndshm-blocks:\t%u\n", READ_ONCE(client->handles.live));
	seq_printf(m, "ndshm-bytes:\t%llu\n", READ_ONCE(client->handles.bytes));
	for (; (adapter = ndshm_adapter_next(&id)); id++) {
		if (ndshm_adapter_claimed_by(adapter, &client->claims))
			seq_printf(m, "ndshm-claim:\t%u\n", id);
		ndshm_adapter_put(adapter);
	}
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
/*
 * Align mappings so that huge pages can be used. Each begins with its object, whatever the offset,
 * which need not be a multiple of a huge page.
 */
static unsigned long client_get_unmapped_area(struct file *file, unsigned long address,
					      unsigned long length, unsigned long offset,
					      unsigned long flags)
{
	return thp_get_unmapped_area(file, address, length, 0, flags);
}
#else
#define client_get_unmapped_area NULL
#endif

static const struct file_operations client_ops = {
	.owner = THIS_MODULE,
	.open = client_open,
	.release = client_release,
	.unlocked_ioctl = client_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = client_mmap,
	.show_fdinfo = client_show_fdinfo,
	.get_unmapped_area = client_get_unmapped_area,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "ndshm",
	.fops = &client_ops,
	.mode = 0600,
};

int __init ndshm_chardev_init(void)
{
	client_add_ioctls(&ndshm_info_ioctls);
	client_add_ioctls(&ndshm_block_ioctls);
	client_add_ioctls(&ndshm_section_ioctls);
	client_add_ioctls(&ndshm_export_ioctls);
	return misc_register(&device);
}

void ndshm_chardev_exit(void)
{
	misc_deregister(&device);
}
