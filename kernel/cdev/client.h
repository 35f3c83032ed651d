/* SPDX-License-Identifier: GPL-2.0 */
/* Clients: one for each open file of the char device. */
#ifndef _NDSHM_CDEV_CLIENT_H
#define _NDSHM_CDEV_CLIENT_H

#include <linux/fs.h>
#include <linux/init.h>

#include <ndshm/status.h>

#include "../adapter/adapter.h"
#include "../block/object.h"
#include "handles.h"
#include "ioctl.h"

struct ndshm_account;

/**
 * struct ndshm_client - An open file, with its handles and claims
 * @handles: handles of blocks and BARs
 * @file_cache: cached file for mapped objects
 * @claims: claims, and whether the file was opened with CAP_SYS_RAWIO
 * @account: the opener of the file, charged for all its blocks and sections
 */
struct ndshm_client {
	struct ndshm_handles handles;
	struct file *file_cache;
	struct ndshm_claims claims;
	struct ndshm_account *account;
};

static inline struct ndshm_client *
ndshm_client_of(const struct ndshm_command *command)
{
	return command->file->private_data;
}

/* Return: NONE or MEMORY. */
ndshm_reason_t ndshm_client_open(struct file *file,
				 struct ndshm_client **client);
/* The claims of the client have ended. */
void ndshm_client_close(struct ndshm_client *client);

/**
 * struct ndshm_client_part - What the folder device/ adds to clients
 * @ioctls: its ioctls
 * @end_claims: called first when a client is closed. On return no device of its claims does DMA
 */
struct ndshm_client_part {
	struct ndshm_ioctl_table ioctls;
	void (*end_claims)(struct ndshm_claims *claims);
};

/* Called once, before there are clients. */
void __init ndshm_client_add_part(const struct ndshm_client_part *part);

#endif /* _NDSHM_CDEV_CLIENT_H */
