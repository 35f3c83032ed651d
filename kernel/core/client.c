// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include "adapter.h"
#include "block.h"
#include "client.h"

#define INDEX_BITS	16
#define INDEX_MASK	NDSHM_MAX_HANDLES

/* Offsets are below 16 TiB, so that 32-bit programs can say them in pages. */
#define OFFSET_SHIFT	21
#define OFFSET_MASK	((1U << (44 - OFFSET_SHIFT)) - 1)

struct ndshm_client *ndshm_client_open(struct file *file)
{
	struct ndshm_client *client;

	client = kzalloc(sizeof(*client), GFP_KERNEL_ACCOUNT);
	if (!client)
		return NULL;
	xa_init_flags(&client->objects, XA_FLAGS_ALLOC1 | XA_FLAGS_ACCOUNT);
	mutex_init(&client->lock);
	INIT_LIST_HEAD(&client->claims);
	client->rawio = file_ns_capable(file, &init_user_ns, CAP_SYS_RAWIO);
	return client;
}

void ndshm_client_close(struct ndshm_client *client)
{
	struct ndshm_claim *claim, *next;
	struct ndshm_object *object;
	unsigned long index;

	/* DMA stops before memory goes. */
	list_for_each_entry_safe(claim, next, &client->claims, link) {
		list_del(&claim->link);
		ndshm_claim_end(claim);
		ndshm_claim_put(claim);
	}
	xa_for_each(&client->objects, index, object)
		ndshm_object_put(object);
	xa_destroy(&client->objects);
	/* What the user's next allocation is charged for must be back by then. */
	ndshm_block_flush();
	mutex_destroy(&client->lock);
	kfree(client);
}

ndshm_reason_t ndshm_handle_reserve(struct ndshm_client *client, u32 *handle)
{
	u32 index;
	int ret;

	ret = xa_alloc(&client->objects, &index, NULL,
		       XA_LIMIT(1, NDSHM_MAX_HANDLES), GFP_KERNEL);
	if (ret)
		return ret == -EBUSY ? NDSHM_REASON_HANDLES :
				       NDSHM_REASON_MEMORY;
	atomic_inc(&client->handles);
	*handle = (u32)atomic_inc_return(&client->generation) << INDEX_BITS |
		  index;
	return NDSHM_REASON_NONE;
}

void ndshm_handle_unreserve(struct ndshm_client *client, u32 handle)
{
	xa_erase(&client->objects, handle & INDEX_MASK);
	atomic_dec(&client->handles);
}

static u64 object_bytes(struct ndshm_object *object)
{
	return ndshm_block_is(object) ? ndshm_block_of(object)->consumed : 0;
}

void ndshm_handle_publish(struct ndshm_client *client, u32 handle,
			  struct ndshm_object *object)
{
	object->handle = handle;
	atomic64_add(object_bytes(object), &client->bytes);
	/* The place is reserved, so that this allocates nothing. */
	xa_store(&client->objects, handle & INDEX_MASK, object, GFP_KERNEL);
}

static struct ndshm_object *find(struct ndshm_client *client, u32 number,
				 u32 mask)
{
	struct ndshm_object *object;

	rcu_read_lock();
	object = xa_load(&client->objects, number & INDEX_MASK);
	if (object && ((object->handle ^ number) & mask ||
		       !ndshm_object_tryget(object)))
		object = NULL;
	rcu_read_unlock();
	return object;
}

struct ndshm_object *ndshm_handle_find(struct ndshm_client *client, u32 handle)
{
	return find(client, handle, U32_MAX);
}

struct ndshm_object *ndshm_handle_take(struct ndshm_client *client, u32 handle)
{
	struct ndshm_object *object;

	xa_lock(&client->objects);
	object = xa_load(&client->objects, handle & INDEX_MASK);
	if (object && object->handle == handle && ndshm_block_is(object))
		__xa_erase(&client->objects, handle & INDEX_MASK);
	else
		object = NULL;
	xa_unlock(&client->objects);
	if (object) {
		atomic_dec(&client->handles);
		atomic64_sub(object_bytes(object), &client->bytes);
	}
	return object;
}

u64 ndshm_handle_offset(u32 handle)
{
	return (u64)(handle & OFFSET_MASK) << OFFSET_SHIFT;
}

struct ndshm_object *ndshm_offset_find(struct ndshm_client *client, u64 offset)
{
	u64 number = offset >> OFFSET_SHIFT;

	if (number > OFFSET_MASK || number << OFFSET_SHIFT != offset)
		return NULL;
	return find(client, number, OFFSET_MASK);
}

ndshm_reason_t ndshm_client_adapter(struct ndshm_client *client, u32 id,
				    struct ndshm_adapter **adapter,
				    struct ndshm_claim **claim)
{
	struct ndshm_claim *each;

	*claim = NULL;
	mutex_lock(&client->lock);
	list_for_each_entry(each, &client->claims, link)
		if (each->adapter->id == id) {
			*claim = ndshm_claim_get(each);
			*adapter = ndshm_adapter_get(each->adapter);
			break;
		}
	mutex_unlock(&client->lock);
	if (!*claim)
		*adapter = ndshm_adapter_find_id(id);
	return *adapter ? NDSHM_REASON_NONE : NDSHM_REASON_ADAPTER_UNKNOWN;
}
