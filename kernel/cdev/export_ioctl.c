// SPDX-License-Identifier: GPL-2.0
/* BLOCK_EXPORT and SECTION_EXPORT. */
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/mm.h>

#include <linux/ndshm.h>

#include "../base/params.h"
#include "../block/block.h"
#include "../dmabuf/dmabuf.h"
#include "../section/export.h"
#include "../section/section.h"
#include "cdev.h"
#include "client.h"

/* Return: true for O_RDONLY or O_RDWR, with or without O_CLOEXEC. */
static bool export_flags_valid(u32 flags)
{
	return !(flags & ~(O_CLOEXEC | O_ACCMODE)) &&
	       ((flags & O_ACCMODE) == O_RDONLY || (flags & O_ACCMODE) == O_RDWR);
}

static ndshm_reason_t export_file_reason(long error)
{
	switch (error) {
	case -ENXIO:
		return NDSHM_REASON_HANDLE_UNKNOWN;
	case -ENODEV:
		return NDSHM_REASON_BLOCK_REVOKED;
	case -ENFILE:
		return NDSHM_REASON_DESCRIPTORS;
	default:
		return NDSHM_REASON_MEMORY;
	}
}

static ndshm_reason_t export_block(struct ndshm_command *command, struct ndshm_object *object)
{
	struct ndshm_block_export_args *argument = command->argument;
	struct file *file;

	if (!ndshm_block_is(object))
		return NDSHM_REASON_HANDLE_UNKNOWN;
	if (!IS_ENABLED(CONFIG_DMA_SHARED_BUFFER) || object->unmappable)
		return NDSHM_REASON_EXPORT_UNSUPPORTED;
	file = ndshm_object_get_file(object, &ndshm_client_of(command)->file_cache);
	if (IS_ERR(file))
		return export_file_reason(PTR_ERR(file));
	file = ndshm_export_file(file, 0, object->length,
				 (argument->fd_flags & O_ACCMODE) == O_RDWR,
				 ndshm_block_of(object)->needs_sync);
	if (IS_ERR(file))
		return export_file_reason(PTR_ERR(file));
	return ndshm_reply_file(command, file, argument->fd_flags & O_CLOEXEC,
				&argument->out_dmabuf);
}

static ndshm_reason_t ndshm_ioctl_block_export(struct ndshm_command *command)
{
	struct ndshm_block_export_args *argument = command->argument;
	struct ndshm_object *object;
	ndshm_reason_t reason;

	argument->out_dmabuf = -1;
	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	if (!export_flags_valid(argument->fd_flags))
		return NDSHM_REASON_FLAGS;
	object = ndshm_handle_find(&ndshm_client_of(command)->handles, argument->handle);
	if (!object)
		return NDSHM_REASON_HANDLE_UNKNOWN;
	reason = export_block(command, object);
	ndshm_object_put(object);
	return reason;
}

static ndshm_reason_t export_section_file_reason(long error)
{
	switch (error) {
	case -ENXIO:
		return NDSHM_REASON_SECTION_DELETED;
	case -ENODEV:
		return NDSHM_REASON_SECTION_REVOKED;
	default:
		return export_file_reason(error);
	}
}

static ndshm_reason_t export_section(struct ndshm_command *command, struct ndshm_section *section,
				     bool keep)
{
	struct ndshm_section_export_args *argument = command->argument;
	const u32 start = argument->offset >> PAGE_SHIFT;
	const u32 count = argument->length >> PAGE_SHIFT;
	ndshm_reason_t reason;
	struct file *file;

	file = ndshm_object_get_file(&section->object, &section->file_cache);
	if (IS_ERR(file))
		return export_section_file_reason(PTR_ERR(file));
	reason = ndshm_section_export_open(section, start, count, keep, &file);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* @needs_sync is set with the first memory, which the range has now. */
	file = ndshm_export_file(file, argument->offset, argument->length,
				 (argument->fd_flags & O_ACCMODE) == O_RDWR,
				 READ_ONCE(section->needs_sync));
	if (IS_ERR(file))
		return export_section_file_reason(PTR_ERR(file));
	return ndshm_reply_file(command, file, argument->fd_flags & O_CLOEXEC,
				&argument->out_dmabuf);
}

ndshm_reason_t ndshm_ioctl_section_export(struct ndshm_command *command)
{
	struct ndshm_section_export_args *argument = command->argument;
	struct ndshm_section *section = command->file->private_data;
	/* Who can write the section can allocate its extents, and so may keep them. */
	const bool writable = command->file->f_mode & FMODE_WRITE;
	ndshm_reason_t reason;

	argument->out_dmabuf = -1;
	if (!export_flags_valid(argument->fd_flags))
		return NDSHM_REASON_FLAGS;
	reason = ndshm_check_export(argument->offset, argument->length, section->object.length);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!writable && (argument->fd_flags & O_ACCMODE) == O_RDWR)
		return NDSHM_REASON_SECTION_READONLY;
	if (!IS_ENABLED(CONFIG_DMA_SHARED_BUFFER))
		return NDSHM_REASON_EXPORT_UNSUPPORTED;
	return export_section(command, section, writable);
}

#define ROW	NDSHM_IOCTL_ROW

static const struct ndshm_ioctl_row export_rows[] = {
	ROW(NDSHM_BLOCK_EXPORT, block_export, __reserved, 0),
};

const struct ndshm_ioctl_table ndshm_export_ioctls = { export_rows, ARRAY_SIZE(export_rows) };
