/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients: one open file of the char device each.
 */
#ifndef _NDSHM_CORE_CLIENT_H
#define _NDSHM_CORE_CLIENT_H

#include <linux/fs.h>
#include <linux/wait.h>

#include <ndshm/request.h>
#include <ndshm/status.h>

#include "../adapter/claim.h"
#include "../block/object.h"
#include "handles.h"
#include "ioctl.h"

struct ndshm_adapter;
struct ndshm_payer;

/* Most requests of a client that are out, or whose record has not been read. */
#define NDSHM_MAX_REQUESTS	1024U

/**
 * struct ndshm_completions - a client's requests, and their records
 * @requests: those that are in flight
 * @count: of requests that are in flight, or whose record has not been read
 * @ready: requests that have ended, in that order; protected by the lock of @wait
 * @wait: readers of @ready
 */
struct ndshm_completions {
	struct ndshm_requests requests;
	atomic_t count;
	struct list_head ready;
	wait_queue_head_t wait;
};

/**
 * struct ndshm_client - an open file, its handles and its claims
 * @handles: its blocks and BARs
 * @bytes: consumed by the blocks among them
 * @files: what to show objects through; used again and again
 * @claims: its claims, and whether it may drive what is not isolated
 * @opener: who opened it, and is charged for what other users do with it
 * @completions: its requests, and their records
 */
struct ndshm_client {
	struct ndshm_handles handles;
	atomic64_t bytes;
	struct ndshm_files files;
	struct ndshm_claims claims;
	struct ndshm_payer *opener;
	struct ndshm_completions completions;
};

static inline struct ndshm_client *
ndshm_client_of(const struct ndshm_command *command)
{
	return command->file->private_data;
}

/* MEMORY or CLIENT_QUOTA: there is none. */
ndshm_reason_t ndshm_client_open(struct file *file,
				 struct ndshm_client **client);
void ndshm_client_close(struct ndshm_client *client);

/*
 * The adapter called @id, and the client's claim on it if there is one, each
 * with a reference. An adapter that has gone is still found through its claim.
 */
ndshm_reason_t ndshm_client_adapter(struct ndshm_client *client, u32 id,
				    struct ndshm_adapter **adapter,
				    struct ndshm_claim **claim);

/* May the client allocate for the adapter, having this claim or none? */
ndshm_reason_t ndshm_client_admit(struct ndshm_client *client,
				  struct ndshm_adapter *adapter,
				  struct ndshm_claim *claim);

#endif /* _NDSHM_CORE_CLIENT_H */
