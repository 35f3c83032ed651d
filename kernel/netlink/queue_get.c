// SPDX-License-Identifier: GPL-2.0
/*
 * Netlink operations of queues and virtual ports. Every user may list them, as adapters; their
 * usage and names are for administrators, since they reveal blocks and machines of other users.
 */
#include <net/genetlink.h>

#include "../adapter/adapter.h"
#include "../adapter/queue.h"
#include "gen.h"
#include "netlink.h"

static int nl_put_usage(struct sk_buff *skb,
			const struct ndshm_queue_usage *usage)
{
	return nla_put_u32(skb, NDSHM_A_QUEUE_BLOCKS, usage->blocks) ?:
	       nla_put_u32(skb, NDSHM_A_QUEUE_PACKETS, usage->packets) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_QUEUE_BYTES, usage->bytes,
				 NDSHM_A_QUEUE_PAD);
}

static bool nl_put_name(struct sk_buff *skb, int attribute, const char *name)
{
	return *name && nla_put_string(skb, attribute, name);
}

static bool nl_put_number(struct sk_buff *skb, int attribute, u32 number)
{
	return number && nla_put_u32(skb, attribute, number);
}

/* Values that the driver has not given have no attribute. */
static bool nl_put_config(struct sk_buff *skb, const struct ndshm_queue_config *config)
{
	if (config->affinity &&
	    (nla_put_u64_64bit(skb, NDSHM_A_QUEUE_AFFINITY, config->affinity, NDSHM_A_QUEUE_PAD) ||
	     nla_put_u32(skb, NDSHM_A_QUEUE_AFFINITY_GROUP, config->affinity_group)))
		return true;
	return nl_put_number(skb, NDSHM_A_QUEUE_BUFFERS, config->buffers) ||
	       nl_put_number(skb, NDSHM_A_QUEUE_LOOKAHEAD, config->lookahead);
}

static bool nl_put_names(struct sk_buff *skb, const struct ndshm_queue_config *config)
{
	return nl_put_name(skb, NDSHM_A_QUEUE_NAME, config->name) ||
	       nl_put_name(skb, NDSHM_A_QUEUE_VM_NAME, config->vm_name);
}

static int nl_put_queue(struct sk_buff *skb, const struct ndshm_message *m, void *object)
{
	const struct ndshm_queue_view *view = object;
	bool failed;

	failed = nla_put_u32(skb, NDSHM_A_QUEUE_ADAPTER_ID, view->adapter) ||
		 nla_put_u32(skb, NDSHM_A_QUEUE_KIND, view->kind) ||
		 nla_put_u32(skb, NDSHM_A_QUEUE_ID, view->id) ||
		 nla_put_u32(skb, NDSHM_A_QUEUE_STATE, view->state) ||
		 (view->kind == NDSHM_KIND_QUEUE &&
		  nla_put_u32(skb, NDSHM_A_QUEUE_FILTERS, view->filters)) ||
		 nl_put_config(skb, &view->config) ||
		 (m->viewer.all && (nl_put_usage(skb, &view->usage) ||
				    nl_put_names(skb, &view->config)));
	return failed;
}

int ndshm_nl_queue_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info, nl_put_queue);
	struct nlattr **attrs = info->attrs;
	struct ndshm_queue_view view;
	struct ndshm_adapter *adapter;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, NDSHM_A_QUEUE_ADAPTER_ID) ||
	    GENL_REQ_ATTR_CHECK(info, NDSHM_A_QUEUE_KIND) ||
	    GENL_REQ_ATTR_CHECK(info, NDSHM_A_QUEUE_ID)) {
		GENL_SET_ERR_MSG(info, "request: adapter, kind or id missing");
		return -EINVAL;
	}
	adapter = ndshm_adapter_find_id(nla_get_u32(attrs[NDSHM_A_QUEUE_ADAPTER_ID]));
	if (!adapter)
		return ndshm_nl_not_found(info,
					  attrs[NDSHM_A_QUEUE_ADAPTER_ID]);
	if (ndshm_queue_view(adapter, nla_get_u32(attrs[NDSHM_A_QUEUE_KIND]),
			     nla_get_u32(attrs[NDSHM_A_QUEUE_ID]), &view))
		err = ndshm_nl_reply(info, &m, &view);
	else
		err = ndshm_nl_not_found(info, attrs[NDSHM_A_QUEUE_ID]);
	ndshm_adapter_put(adapter);
	return err;
}

/* Position in a dump: adapter in the high half, then one bit for the kind, and 31 bits of id. */
static u64 nl_queue_place(u32 adapter, u32 kind, u32 id)
{
	return (u64)adapter << 32 | (u64)kind << 31 | id;
}

static bool nl_show_next_queue(struct ndshm_message *m, u64 *next)
{
	struct ndshm_queue_view view = {};
	struct ndshm_adapter *adapter;
	u32 id = *next >> 32;
	bool found = false;

	while (!found && (adapter = ndshm_adapter_next(&id))) {
		if (id != *next >> 32)
			*next = nl_queue_place(id, 0, 0);
		view.kind = *next >> 31 & 1;
		view.id = *next & INT_MAX;
		found = ndshm_queue_view_next(adapter, &view);
		if (found) {
			*next = nl_queue_place(id, view.kind, view.id);
			m->err = ndshm_nl_show(m, &view);
		}
		ndshm_adapter_put(adapter);
		id++;
	}
	return found;
}

int ndshm_nl_queue_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, true, nl_put_queue, nl_show_next_queue);
}
