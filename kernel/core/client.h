/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients: one open file of the char device each.
 */
#ifndef _NDSHM_CORE_CLIENT_H
#define _NDSHM_CORE_CLIENT_H

#include <linux/mutex.h>
#include <linux/xarray.h>

#include <ndshm/status.h>

#include "object.h"

struct ndshm_adapter;
struct ndshm_claim;
struct file;

/* Most handles of a client: a handle's lower half is an index in its table. */
#define NDSHM_MAX_HANDLES	0xffffU

/**
 * struct ndshm_client - an open file, its handles and its claims
 * @objects: handles by index; each entry holds a reference on its object. Its
 *	own lock is enough: an index is reserved first, and stored last.
 * @generation: for the upper half of handles, so that a stale one is found out
 * @handles: entries of @objects
 * @bytes: consumed by the blocks among them
 * @lock: guards @claims, and the making of BAR handles. Outside of an
 *	adapter's claim_lock; never taken inside the mmap lock.
 * @claims: claims of this client; each holds a reference
 * @rawio: was opened with CAP_SYS_RAWIO
 */
struct ndshm_client {
	struct xarray objects;
	atomic_t generation;
	atomic_t handles;
	atomic64_t bytes;
	struct mutex lock;	/* claims, the making of BAR handles */
	struct list_head claims;
	bool rawio;
};

struct ndshm_client *ndshm_client_open(struct file *file);
void ndshm_client_close(struct ndshm_client *client);

/*
 * Handles. reserve finds a place and the handle's number; publish makes the
 * handle live and takes over the caller's reference (it cannot fail), unreserve
 * gives the place up. find takes a reference. take ends the handle, and hands
 * its reference to the caller: one of several callers gets it.
 */
ndshm_reason_t ndshm_handle_reserve(struct ndshm_client *client, u32 *handle);
void ndshm_handle_unreserve(struct ndshm_client *client, u32 handle);
void ndshm_handle_publish(struct ndshm_client *client, u32 handle,
			  struct ndshm_object *object);
struct ndshm_object *ndshm_handle_find(struct ndshm_client *client, u32 handle);
struct ndshm_object *ndshm_handle_take(struct ndshm_client *client, u32 handle);

/*
 * mmap offsets follow from handles: the index and a part of the generation, in
 * steps of 2 MiB, below 16 TiB. find takes a reference.
 */
u64 ndshm_handle_offset(u32 handle);
struct ndshm_object *ndshm_offset_find(struct ndshm_client *client, u64 offset);

/*
 * The adapter called @id, and the client's claim on it if there is one, each
 * with a reference. An adapter that has gone is still found through its claim.
 */
ndshm_reason_t ndshm_client_adapter(struct ndshm_client *client, u32 id,
				    struct ndshm_adapter **adapter,
				    struct ndshm_claim **claim);

#endif /* _NDSHM_CORE_CLIENT_H */
