// SPDX-License-Identifier: GPL-2.0
/* Ioctls of a holder's descriptor: EXTENT_ALLOC, EXTENT_FREE, EXTENT_QUERY. */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <ndshm/block.h>

#include "../adapter/adapter.h"
#include "../base/params.h"
#include "../section/holder.h"
#include "../section/section.h"
#include "cdev.h"

static struct ndshm_holder *holder_of(const struct ndshm_command *command)
{
	return command->file->private_data;
}

static ndshm_reason_t ndshm_ioctl_extent_alloc(struct ndshm_command *command)
{
	struct ndshm_extent_alloc_args *argument = command->argument;
	struct ndshm_holder *holder = holder_of(command);
	struct ndshm_section *section = holder->section;
	ndshm_reason_t reason;
	struct ndshm_extent *extent;

	argument->out_offset = 0;
	argument->out_length = 0;
	if (holder->readonly)
		return NDSHM_REASON_SECTION_READONLY;
	reason = ndshm_check_extent(argument->length, argument->alignment,
				    section->object.length);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	reason = ndshm_section_alloc_extent(section,
					    PAGE_ALIGN(argument->length) >> PAGE_SHIFT,
					    max_t(u64, argument->alignment,
						  PAGE_SIZE) >> PAGE_SHIFT, &extent);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_offset = (u64)extent->start << PAGE_SHIFT;
	argument->out_length = (u64)extent->count << PAGE_SHIFT;
	/* Add the extent to the holder after the reply, so that no thread can free it before. */
	if (ndshm_reply(command)) {
		ndshm_section_free_extent(section, extent);
		return NDSHM_REASON_ADDRESS;
	}
	ndshm_holder_add(holder, extent);
	return NDSHM_REASON_NONE;
}

/* Convert the offset of an extent to a page of the section. */
static ndshm_reason_t holder_page(const struct ndshm_holder *holder, u64 offset,
				  u32 *page)
{
	if (!PAGE_ALIGNED(offset))
		return NDSHM_REASON_ALIGNMENT;
	if (offset >= holder->section->object.length)
		return NDSHM_REASON_EXTENT_UNKNOWN;
	*page = offset >> PAGE_SHIFT;
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_ioctl_extent_free(struct ndshm_command *command)
{
	const struct ndshm_extent_free_args *argument = command->argument;
	struct ndshm_holder *holder = holder_of(command);
	ndshm_reason_t reason;
	u32 page;

	reason = holder_page(holder, argument->offset, &page);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	/*
	 * Reply first: a free cannot be undone if the reply fails. After an error the dispatcher
	 * replies again.
	 */
	if (ndshm_reply(command))
		return NDSHM_REASON_ADDRESS;
	reason = ndshm_holder_free_extent(holder, page);
	if (reason != NDSHM_REASON_NONE)
		command->replied = false;
	return reason;
}

/* Tests for each call whether DMA addresses may be seen: isolation may change. */
static ndshm_reason_t extent_copy_segments(const struct ndshm_holder *holder, u64 user,
					   struct ndshm_segment *segments, u32 count)
{
	bool shown = holder->rawio ||
		     !ndshm_adapter_isolation(holder->section->adapter);
	u32 i;

	for (i = 0; i < count && !shown; i++)
		segments[i].address = NDSHM_ADDRESS_HIDDEN;
	return copy_to_user(u64_to_user_ptr(user), segments,
			    count * sizeof(*segments)) ?
	       NDSHM_REASON_ADDRESS : NDSHM_REASON_NONE;
}

/* Count the segments, then read them. They do not change while the holder has the extent. */
static ndshm_reason_t extent_query(struct ndshm_holder *holder, u32 page,
				   struct ndshm_extent_query_args *argument)
{
	const u32 capacity = argument->segment_capacity;
	struct ndshm_segment *segments;
	ndshm_reason_t reason;
	u32 length, again, count;

	reason = ndshm_holder_query(holder, page, NULL, 0, &length, &count);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_length = (u64)length << PAGE_SHIFT;
	argument->out_segments = count;
	if (!capacity)
		return NDSHM_REASON_NONE;
	if (count > capacity)
		return NDSHM_REASON_LIST_SHORT;
	segments = kvmalloc_array(count, sizeof(*segments), NDSHM_GFP_CHARGED);
	if (!segments)
		return NDSHM_REASON_MEMORY;
	reason = ndshm_holder_query(holder, page, segments, count, &again,
				    &argument->out_segments);
	/* Another thread may have freed the extent and got another one at the same offset. */
	if (reason == NDSHM_REASON_NONE &&
	    (argument->out_segments != count || again != length))
		reason = NDSHM_REASON_EXTENT_UNKNOWN;
	if (reason == NDSHM_REASON_NONE)
		reason = extent_copy_segments(holder, argument->segments, segments,
					      count);
	kvfree(segments);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_extent_query(struct ndshm_command *command)
{
	struct ndshm_extent_query_args *argument = command->argument;
	struct ndshm_holder *holder = holder_of(command);
	ndshm_reason_t reason;
	u32 page;

	argument->out_segments = 0;
	argument->out_length = 0;
	if (!argument->segment_capacity != !argument->segments)
		return NDSHM_REASON_LIST;
	reason = holder_page(holder, argument->offset, &page);
	if (reason == NDSHM_REASON_NONE)
		reason = extent_query(holder, page, argument);
	return reason;
}

#define ROW	NDSHM_IOCTL_ROW

/* Sorted by number. */
static const struct ndshm_ioctl_row rows[] = {
	ROW(NDSHM_EXTENT_ALLOC, extent_alloc, out_length, 0),
	ROW(NDSHM_EXTENT_FREE, extent_free, offset, 0),
	ROW(NDSHM_EXTENT_QUERY, extent_query, out_length, 0),
};

static long holder_ioctl(struct file *file, unsigned int number,
			 unsigned long address)
{
	return ndshm_ioctl(rows, ARRAY_SIZE(rows), file, number, address);
}

static int holder_release(struct inode *inode, struct file *file)
{
	ndshm_holder_close(file->private_data);
	return 0;
}

static void holder_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ndshm_holder *holder = file->private_data;
	struct ndshm_section *section = holder->section;
	u32 count, pages;

	spin_lock(&section->lock);
	count = holder->count;
	pages = holder->pages;
	spin_unlock(&section->lock);
	seq_printf(m, "ndshm-section:\t%u\n", section->id);
	seq_printf(m, "ndshm-extents:\t%u\n", count);
	seq_printf(m, "ndshm-bytes:\t%llu\n", (u64)pages << PAGE_SHIFT);
}

const struct file_operations ndshm_holder_fops = {
	.owner = THIS_MODULE,
	.release = holder_release,
	.show_fdinfo = holder_show_fdinfo,
	.unlocked_ioctl = holder_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};
