// SPDX-License-Identifier: GPL-2.0
/*
 * Events of the netlink family, in one group. They are rare, and sent at once.
 */
#include <linux/rcupdate.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "netlink.h"

/* Do not wait for memory with the locks of the caller: listeners are notified of the loss. */
#define EVENT_GFP	(GFP_NOWAIT | __GFP_NOWARN)

/* Without memory for a copy, set ENOBUFS on the sockets of the listeners: an event is lost. */
static void event_multicast_in(struct net *net, const struct sk_buff *skb)
{
	struct sk_buff *copy = skb ? skb_clone((struct sk_buff *)skb, EVENT_GFP) : NULL;

	if (copy)
		genlmsg_multicast_netns(&ndshm_nl_family, net, copy, 0, NDSHM_NL_EVENTS, EVENT_GFP);
	else
		genl_set_err(&ndshm_nl_family, net, 0, NDSHM_NL_EVENTS, -ENOBUFS);
}

void ndshm_nl_send_event(u8 cmd, ndshm_nl_put_fn put, void *object)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, EVENT_GFP);
	const struct ndshm_message m = {
		.skb = skb, .put = put, .cmd = cmd, .user_ns = &init_user_ns,
	};
	struct net *net;

	if (skb && ndshm_nl_show(&m, object)) {
		nlmsg_free(skb);
		skb = NULL;
	}
	rcu_read_lock();
	/* In other user namespaces any user can have the capability that the group requires. */
	for_each_net_rcu(net) {
		if (net->user_ns == &init_user_ns)
			event_multicast_in(net, skb);
	}
	rcu_read_unlock();
	consume_skb(skb);
}
