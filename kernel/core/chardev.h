/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The char device: one dispatcher, and a handler a command.
 */
#ifndef _NDSHM_CORE_CHARDEV_H
#define _NDSHM_CORE_CHARDEV_H

#include <linux/init.h>

#include <ndshm/status.h>

struct ndshm_client;

/* Most blocks of one BLOCK_ALLOC. */
#define NDSHM_MAX_BATCH	64U

/**
 * struct ndshm_command - an ioctl under way
 * @client: whose it is
 * @argument: the kernel's copy, complete, its flags known and allowed
 * @user: where it came from
 * @length: bytes to copy back
 * @replied: the answer has been delivered, and stands
 */
struct ndshm_command {
	struct ndshm_client *client;
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

/*
 * Handlers: 0 or a reason; NDSHM_REASON_ADDRESS if ndshm_reply() failed.
 */
ndshm_reason_t ndshm_ioctl_get_info(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_adapter_claim(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_adapter_start(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_adapter_map_bar(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_block_alloc(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_block_free(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_block_query(struct ndshm_command *command);
ndshm_reason_t ndshm_ioctl_block_sync(struct ndshm_command *command);

int __init ndshm_chardev_setup(void);
void ndshm_chardev_teardown(void);

#endif /* _NDSHM_CORE_CHARDEV_H */
