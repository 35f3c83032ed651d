// SPDX-License-Identifier: GPL-2.0
/* A message that shows an object: in replies, dumps and events. */
#include <net/genetlink.h>

#include "netlink.h"

int ndshm_nl_show(struct sk_buff *skb, const struct ndshm_message *m,
		  ndshm_nl_put_fn put, void *object)
{
	void *header = genlmsg_put(skb, m->portid, m->seq, &ndshm_nl_family, m->flags,
				   m->cmd);

	if (!header)
		return -EMSGSIZE;
	if (m->cb)
		genl_dump_check_consistent(m->cb, header);
	if (put(skb, m, object)) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}
