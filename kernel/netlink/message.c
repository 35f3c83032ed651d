// SPDX-License-Identifier: GPL-2.0
/* A message that shows an object: in replies, dumps and events. */
#include <net/genetlink.h>

#include "netlink.h"

/* The headers of a message, without gaps, since both are multiples of NLMSG_ALIGNTO. */
struct nl_headers {
	struct nlmsghdr netlink;
	struct genlmsghdr generic;
};

static_assert(sizeof(struct nl_headers) == NLMSG_HDRLEN + GENL_HDRLEN);

/* As genlmsg_put(), at less cost for each block of a dump. */
int ndshm_nl_show(struct sk_buff *skb, const struct ndshm_message *m,
		  ndshm_nl_put_fn put, void *object)
{
	struct nl_headers *headers;

	if (skb_tailroom(skb) < (int)sizeof(*headers))
		return -EMSGSIZE;
	headers = __skb_put(skb, sizeof(*headers));
	*headers = (struct nl_headers){
		.netlink = {
			.nlmsg_len = sizeof(*headers),
			.nlmsg_type = ndshm_nl_family.id,
			.nlmsg_flags = m->flags,
			.nlmsg_seq = m->seq,
			.nlmsg_pid = m->portid,
		},
		.generic = {
			.cmd = m->cmd,
			.version = ndshm_nl_family.version,
		},
	};
	if (m->cb)
		nl_dump_check_consistent(m->cb, &headers->netlink);
	if (put(skb, m, object)) {
		nlmsg_cancel(skb, &headers->netlink);
		return -EMSGSIZE;
	}
	nlmsg_end(skb, &headers->netlink);
	return 0;
}
