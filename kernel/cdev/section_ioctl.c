// SPDX-License-Identifier: GPL-2.0
/* SECTION_CREATE, SECTION_OPEN, and the ioctls and mmap of a section's descriptor. */
#include <linux/anon_inodes.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/huge_mm.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "../adapter/adapter.h"
#include "../base/params.h"
#include "../registration/provider.h"
#include "../section/holder.h"
#include "../section/memory.h"
#include "cdev.h"
#include "client.h"

static const struct file_operations section_fops;

static struct ndshm_section *section_of(const struct ndshm_command *command)
{
	return command->file->private_data;
}

static bool section_file_writable(const struct file *file)
{
	return file->f_mode & FMODE_WRITE;
}

/* Takes over the caller's count of @section->users, also on failure. */
static ndshm_reason_t section_publish_fd(struct ndshm_command *command,
					 struct ndshm_section *section,
					 bool readonly, s32 *number)
{
	struct file *file = ndshm_object_open(&section->object, &section_fops, section,
					      readonly ? O_RDONLY : O_RDWR);

	if (IS_ERR(file))
		ndshm_section_put_user(section);
	return ndshm_reply_file(command, file, O_CLOEXEC, number);
}

static ndshm_reason_t section_create(struct ndshm_command *command,
				     const struct ndshm_section_request *request)
{
	struct ndshm_section_create_args *argument = command->argument;
	struct ndshm_section *section;
	ndshm_reason_t reason;

	reason = ndshm_client_admit(ndshm_client_of(command), request->adapter,
				    request->claim, request->provider);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_section_init_one(request, &section);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_id = section->id;
	return section_publish_fd(command, section, false, &argument->out_section);
}

/* Copy the name at @user and check it. */
static ndshm_reason_t section_copy_name(char *name, u64 user, u32 length)
{
	if (!user || !length || length > NDSHM_SECTION_NAME_BYTES)
		return NDSHM_REASON_NAME;
	if (copy_from_user(name, u64_to_user_ptr(user), length))
		return NDSHM_REASON_ADDRESS;
	return ndshm_check_section_name(name, length);
}

/* Add name, group and mode of @argument to @request. */
static ndshm_reason_t section_request_name(const struct ndshm_section_create_args *argument,
					   struct ndshm_section_request *request)
{
	if (argument->mode & ~0777U)
		return NDSHM_REASON_MODE;
	if (!argument->name && !argument->name_length)
		return argument->mode ? NDSHM_REASON_MODE : NDSHM_REASON_NONE;
	request->name_length = argument->name_length;
	request->mode = argument->mode;
	request->gid = argument->group == NDSHM_GROUP_SELF ? current_egid() :
		       make_kgid(current_user_ns(), argument->group);
	if (!gid_valid(request->gid))
		return NDSHM_REASON_GROUP;
	return section_copy_name(request->name, argument->name, argument->name_length);
}

static ndshm_reason_t ndshm_ioctl_section_create(struct ndshm_command *command)
{
	struct ndshm_section_create_args *argument = command->argument;
	struct ndshm_client *client = ndshm_client_of(command);
	struct ndshm_section_request request = {
		.max_size = argument->max_size,
		.initial_size = argument->initial_size,
		.preferred_node = argument->preferred_node,
		.rawio = client->claims.rawio,
		.dumped = argument->flags & NDSHM_CREATE_DUMP,
		.account = client->account,
	};
	ndshm_reason_t reason;

	argument->out_section = -1;
	argument->out_id = 0;
	if (argument->__reserved || argument->__reserved2)
		return NDSHM_REASON_RESERVED;
	reason = ndshm_check_section(request.max_size, request.initial_size,
				     request.preferred_node,
				     ndshm_max_section());
	if (reason == NDSHM_REASON_NONE)
		reason = section_request_name(argument, &request);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_client_adapter(client, argument->adapter,
					      &request.adapter, &request.claim);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	request.provider = ndshm_provider_choose(argument->provider, NULL);
	if (request.provider) {
		reason = section_create(command, &request);
		ndshm_provider_put(request.provider);
	} else {
		reason = NDSHM_REASON_PROVIDER_UNKNOWN;
	}
	if (request.claim)
		ndshm_claim_put(request.claim);
	ndshm_adapter_put(request.adapter);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_section_open(struct ndshm_command *command)
{
	struct ndshm_section_open_args *argument = command->argument;
	const bool readonly = argument->flags & NDSHM_OPEN_READONLY;
	char name[NDSHM_SECTION_NAME_BYTES];
	kuid_t owner = current_euid();
	struct ndshm_section *section;
	ndshm_reason_t reason;

	argument->out_section = -1;
	argument->out_id = 0;
	reason = section_copy_name(name, argument->name, argument->name_length);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	/* An owner that the user namespace does not map is invalid, and has no section. */
	if (argument->owner != NDSHM_OWNER_SELF)
		owner = make_kuid(current_user_ns(), argument->owner);
	reason = ndshm_section_open(owner, name, argument->name_length, readonly,
				    &section);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	argument->out_id = section->id;
	return section_publish_fd(command, section, readonly, &argument->out_section);
}

static ndshm_reason_t ndshm_ioctl_section_attach(struct ndshm_command *command)
{
	struct ndshm_section_attach_args *argument = command->argument;
	struct ndshm_holder *holder;
	ndshm_reason_t reason;
	struct file *file;

	argument->out_holder = -1;
	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	reason = ndshm_holder_open(section_of(command),
				   !section_file_writable(command->file), &holder);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	file = anon_inode_getfile("[ndshm-holder]", &ndshm_holder_fops, holder,
				  O_RDWR | O_CLOEXEC);
	if (IS_ERR(file))
		ndshm_holder_close(holder);
	return ndshm_reply_file(command, file, O_CLOEXEC, &argument->out_holder);
}

static ndshm_reason_t section_state_reason(struct ndshm_section *section)
{
	ndshm_reason_t reason;

	spin_lock(&section->lock);
	reason = ndshm_section_state(section);
	spin_unlock(&section->lock);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_section_share(struct ndshm_command *command)
{
	struct ndshm_section_share_args *argument = command->argument;
	bool readonly = argument->flags & NDSHM_SHARE_READONLY;
	struct ndshm_section *section = section_of(command);
	ndshm_reason_t reason;

	argument->out_section = -1;
	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	reason = section_state_reason(section);
	if (reason != NDSHM_REASON_NONE)
		return reason;
	if (!readonly && !section_file_writable(command->file))
		return NDSHM_REASON_SECTION_READONLY;
	refcount_inc(&section->users);
	return section_publish_fd(command, section, readonly,
				  &argument->out_section);
}

static ndshm_reason_t ndshm_ioctl_section_delete(struct ndshm_command *command)
{
	const struct ndshm_section_delete_args *argument = command->argument;
	struct ndshm_section *section = section_of(command);
	ndshm_reason_t reason = NDSHM_REASON_DESCRIPTOR;
	struct ndshm_holder *holder = NULL;
	struct file *file = NULL;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	if (!section_file_writable(command->file))
		return NDSHM_REASON_SECTION_READONLY;
	/* Reply first: a deletion cannot be undone if the reply fails. */
	if (ndshm_reply(command))
		return NDSHM_REASON_ADDRESS;
	if (argument->holder != -1) {
		file = fget(argument->holder);
		if (file && file->f_op == &ndshm_holder_fops)
			holder = file->private_data;
	}
	if (argument->holder == -1 || (holder && holder->section == section))
		reason = ndshm_section_may_delete(section) ?
			 ndshm_section_delete(section, holder, argument->flags) :
			 NDSHM_REASON_NOT_CREATOR;
	if (file)
		fput(file);
	command->replied = reason == NDSHM_REASON_NONE;
	return reason;
}

static ndshm_reason_t ndshm_ioctl_section_delete_id(struct ndshm_command *command)
{
	const struct ndshm_section_delete_id_args *argument = command->argument;
	struct ndshm_section *section;
	ndshm_reason_t reason;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	section = ndshm_section_find_own(argument->id);
	if (!section)
		return NDSHM_REASON_SECTION_UNKNOWN;
	reason = ndshm_reply(command) ? NDSHM_REASON_ADDRESS :
		 ndshm_section_delete(section, NULL, argument->flags);
	command->replied = reason == NDSHM_REASON_NONE;
	ndshm_object_put(&section->object);
	return reason;
}

static ndshm_reason_t ndshm_ioctl_section_query(struct ndshm_command *command)
{
	struct ndshm_section_query_args *argument = command->argument;
	struct ndshm_section *section = section_of(command);

	argument->out_id = section->id;
	argument->out_max_size = section->object.length;
	argument->out_initial_size = (u64)section->initial << PAGE_SHIFT;
	argument->out_adapter = section->adapter->entry.id;
	argument->out_provider = section->provider->entry.id;
	argument->out_flags = section_file_writable(command->file) ? 0 :
			      NDSHM_SECTION_READONLY;
	spin_lock(&section->lock);
	argument->out_flags |=
		(section->deleted ? NDSHM_SECTION_DELETED : 0) |
		(ndshm_section_revoked(section) ? NDSHM_SECTION_REVOKED : 0) |
		(section->needs_sync ? NDSHM_SECTION_NEEDS_SYNC : 0) |
		(section->object.dumped ? NDSHM_SECTION_DUMP : 0);
	argument->out_committed = (u64)section->committed << PAGE_SHIFT;
	argument->out_taken = (u64)section->allocated << PAGE_SHIFT;
	argument->out_extents = section->extents;
	argument->out_holders = section->holders;
	spin_unlock(&section->lock);
	return NDSHM_REASON_NONE;
}

static ndshm_reason_t ndshm_ioctl_section_sync(struct ndshm_command *command)
{
	const struct ndshm_section_sync_args *argument = command->argument;
	struct ndshm_section *section = section_of(command);
	ndshm_reason_t reason;

	if (argument->__reserved)
		return NDSHM_REASON_RESERVED;
	/* A sync for the CPU can discard data that was written and not synced for the device. */
	if (!section_file_writable(command->file))
		return NDSHM_REASON_SECTION_READONLY;
	reason = ndshm_check_sync(argument->direction, argument->offset,
				  argument->length, section->object.length);
	if (reason == NDSHM_REASON_NONE)
		reason = section_state_reason(section);
	if (reason == NDSHM_REASON_NONE)
		reason = ndshm_section_sync(section, argument->direction,
					    argument->offset, argument->length);
	return reason;
}

#define ROW	NDSHM_IOCTL_ROW

/* Of a client. */
static const struct ndshm_ioctl_row client_rows[] = {
	ROW(NDSHM_SECTION_CREATE, section_create, __reserved, NDSHM_CREATE_DUMP),
	ROW(NDSHM_SECTION_OPEN, section_open, out_id, NDSHM_OPEN_READONLY),
	ROW(NDSHM_SECTION_DELETE_ID, section_delete_id, __reserved,
	    NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE),
};

const struct ndshm_ioctl_table ndshm_section_ioctls = { client_rows, ARRAY_SIZE(client_rows) };

/* Sorted by number. */
static const struct ndshm_ioctl_row rows[] = {
	ROW(NDSHM_SECTION_ATTACH, section_attach, __reserved, 0),
	ROW(NDSHM_SECTION_SHARE, section_share, __reserved,
	    NDSHM_SHARE_READONLY),
	ROW(NDSHM_SECTION_DELETE, section_delete, __reserved,
	    NDSHM_DELETE_FORCE | NDSHM_DELETE_REVOKE),
	ROW(NDSHM_SECTION_QUERY, section_query, out_provider, 0),
	ROW(NDSHM_SECTION_SYNC, section_sync, length, 0),
	ROW(NDSHM_SECTION_EXPORT, section_export, length, 0),
};

static long section_ioctl(struct file *file, unsigned int number,
			  unsigned long address)
{
	return ndshm_ioctl(rows, ARRAY_SIZE(rows), file, number, address);
}

static int section_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ndshm_section *section = file->private_data;
	int ret;

	if (vma->vm_pgoff)
		return -ENXIO;
	ret = ndshm_reason_report(section_state_reason(section), NULL);
	if (!ret)
		ret = ndshm_object_mmap(&section->object, vma, &section->file_cache,
					uid_eq(section->uid, current_euid()));
	/* If the section was deleted after the test, return the error for that. */
	return ret && READ_ONCE(section->deleted) ? -EIDRM : ret;
}

static ssize_t section_read(struct kiocb *request, struct iov_iter *to)
{
	struct ndshm_section *section = request->ki_filp->private_data;
	int ret = ndshm_reason_report(section_state_reason(section), NULL);

	return ret ?: ndshm_section_copy(section, request, to, false);
}

static ssize_t section_write(struct kiocb *request, struct iov_iter *from)
{
	struct ndshm_section *section = request->ki_filp->private_data;
	ssize_t ret = ndshm_reason_report(section_state_reason(section), NULL);

	/* Also applies RLIMIT_FSIZE and O_APPEND. */
	ret = ret ?: generic_write_checks(request, from);
	return ret > 0 ? ndshm_section_copy(section, request, from, true) : ret;
}

static int section_file_release(struct inode *inode, struct file *file)
{
	ndshm_section_put_user(file->private_data);
	return 0;
}

/* Members as in SECTION_QUERY, and the name of a section that has one. */
static void section_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct ndshm_section *section = file->private_data;
	u32 committed, allocated, extents, holders;

	spin_lock(&section->lock);
	committed = section->committed;
	allocated = section->allocated;
	extents = section->extents;
	holders = section->holders;
	spin_unlock(&section->lock);
	seq_printf(m, "ndshm-section:\t%u\n", section->id);
	if (section->name_length)
		seq_printf(m, "ndshm-name:\t%s\n", section->name);
	seq_printf(m, "ndshm-max-size:\t%llu\n", section->object.length);
	seq_printf(m, "ndshm-committed:\t%llu\n", (u64)committed << PAGE_SHIFT);
	seq_printf(m, "ndshm-taken:\t%llu\n", (u64)allocated << PAGE_SHIFT);
	seq_printf(m, "ndshm-extents:\t%u\n", extents);
	seq_printf(m, "ndshm-holders:\t%u\n", holders);
}

static const struct file_operations section_fops = {
	.owner = THIS_MODULE,
	.release = section_file_release,
	.fsync = noop_fsync,
	.llseek = generic_file_llseek,
	.read_iter = section_read,
	.write_iter = section_write,
	.splice_read = copy_splice_read,
	.splice_write = iter_file_splice_write,
	.unlocked_ioctl = section_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.mmap = section_mmap,
	.show_fdinfo = section_show_fdinfo,
	.get_unmapped_area = thp_get_unmapped_area,
};
