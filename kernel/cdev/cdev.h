/* SPDX-License-Identifier: GPL-2.0 */
/* The char device, and the descriptors that its ioctls create. */
#ifndef _NDSHM_CDEV_CDEV_H
#define _NDSHM_CDEV_CDEV_H

#include <linux/fs.h>
#include <linux/init.h>

#include "ioctl.h"

struct ndshm_adapter;
struct ndshm_claim;
struct ndshm_client;
struct ndshm_provider;

/* Limit of blocks for one BLOCK_ALLOC or BLOCK_FREE. */
#define NDSHM_MAX_BATCH	64U

/* Ioctls of a client. */
extern const struct ndshm_ioctl_table ndshm_info_ioctls;
extern const struct ndshm_ioctl_table ndshm_block_ioctls;
extern const struct ndshm_ioctl_table ndshm_section_ioctls;
extern const struct ndshm_ioctl_table ndshm_export_ioctls;

/* Ioctl handler of a section, for struct ndshm_ioctl_row. */
ndshm_reason_t ndshm_ioctl_section_export(struct ndshm_command *command);

/*
 * Find adapter @id and, if the client has one, its claim on the adapter (else NULL); takes a
 * reference on each. A removed adapter is still found while the client has a claim on it.
 */
ndshm_reason_t ndshm_client_adapter(struct ndshm_client *client, u32 id,
				    struct ndshm_adapter **adapter,
				    struct ndshm_claim **claim);

/*
 * Return: NONE if the client, with the credentials of the caller, may allocate from @provider for
 * @adapter, with @claim or, if it has none, NULL; else the reason why not. PROVIDER_UNKNOWN, if
 * @provider is NULL, comes after the reasons of the adapter.
 */
ndshm_reason_t ndshm_client_admit(struct ndshm_client *client,
				  struct ndshm_adapter *adapter,
				  struct ndshm_claim *claim,
				  struct ndshm_provider *provider);

/* Operations of a holder's descriptor, whose private data is a struct ndshm_holder. */
extern const struct file_operations ndshm_holder_fops;

int __init ndshm_chardev_init(void);
void ndshm_chardev_exit(void);

#endif /* _NDSHM_CDEV_CDEV_H */
