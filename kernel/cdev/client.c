// SPDX-License-Identifier: GPL-2.0
/* Clients: what an open file of the char device has. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/slab.h>

#include <ndshm/block.h>

#include "../account/charge.h"
#include "../adapter/adapter.h"
#include "cdev.h"
#include "client.h"

ndshm_reason_t ndshm_client_open(struct file *file, struct ndshm_client **out)
{
	struct ndshm_client *client;

	client = kzalloc(sizeof(*client), NDSHM_GFP_CHARGED);
	if (!client)
		return NDSHM_REASON_MEMORY;
	client->account = ndshm_account_alloc();
	if (!client->account)
		goto err_client;
	if (ndshm_file_cache_init(&client->file_cache))
		goto err_account;
	ndshm_handles_init(&client->handles);
	mutex_init(&client->claims.lock);
	INIT_LIST_HEAD(&client->claims.list);
	client->claims.rawio = file_ns_capable(file, &init_user_ns, CAP_SYS_RAWIO);
	*out = client;
	return NDSHM_REASON_NONE;

err_account:
	ndshm_account_put(client->account);
err_client:
	kfree(client);
	return NDSHM_REASON_MEMORY;
}

void ndshm_client_close(struct ndshm_client *client)
{
	struct ndshm_object *object;
	u32 at = 0;

	while ((object = ndshm_handle_take_next(&client->handles, &at))) {
		ndshm_object_kill(object, NULL);
		ndshm_object_put(object);
	}
	/* Every published handle was taken above. */
	WARN_ON_ONCE(client->handles.live);
	ndshm_handles_fini(&client->handles);
	ndshm_file_cache_fini(&client->file_cache);
	mutex_destroy(&client->claims.lock);
	ndshm_account_put(client->account);
	kfree(client);
}
