// SPDX-License-Identifier: GPL-2.0
/* A message that shows an object: in replies, dumps and events. */
#include <net/genetlink.h>

#include "netlink.h"

/* As genlmsg_put(), at less cost for each block of a dump. */
int ndshm_nl_show(const struct ndshm_message *m, void *object)
{
	struct sk_buff *skb = m->skb;
	struct nlmsghdr *header;
	struct genlmsghdr *generic;

	if (skb_tailroom(skb) < NLMSG_HDRLEN + GENL_HDRLEN)
		return -EMSGSIZE;
	header = __skb_put(skb, NLMSG_HDRLEN + GENL_HDRLEN);
	*header = (struct nlmsghdr){
		.nlmsg_len = NLMSG_HDRLEN + GENL_HDRLEN,
		.nlmsg_type = ndshm_nl_family.id,
		.nlmsg_flags = m->flags,
		.nlmsg_seq = m->seq,
		.nlmsg_pid = m->portid,
	};
	generic = nlmsg_data(header);
	*generic = (struct genlmsghdr){
		.cmd = m->cmd, .version = ndshm_nl_family.version,
	};
	if (m->cb)
		nl_dump_check_consistent(m->cb, header);
	if (m->put(skb, m, object)) {
		nlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, header);
	return 0;
}
