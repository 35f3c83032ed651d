// SPDX-License-Identifier: GPL-2.0
/* Netlink operations of the reserve. Only administrators may read and set it. */
#include <net/genetlink.h>

#include "../providers/reserve.h"
#include "gen.h"
#include "netlink.h"

static int nl_put_reserve(struct sk_buff *skb, const struct ndshm_message *m, void *object)
{
	const struct ndshm_reserve_view *view = object;

	return nla_put_u64_64bit(skb, NDSHM_A_RESERVE_SIZE, view->size, NDSHM_A_RESERVE_PAD) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_RESERVE_CHUNK_SIZE, view->chunk_size,
				 NDSHM_A_RESERVE_PAD) ?:
	       nla_put_u32(skb, NDSHM_A_RESERVE_CHUNKS, view->chunks) ?:
	       nla_put_u32(skb, NDSHM_A_RESERVE_FREE, view->free) ?:
	       nla_put_u32(skb, NDSHM_A_RESERVE_USED, view->chunks - view->free);
}

int ndshm_nl_reserve_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct nlattr *size = info->attrs[NDSHM_A_RESERVE_CHUNK_SIZE];
	struct ndshm_reserve_view view;

	if (!m.viewer.all) {
		GENL_SET_ERR_MSG(info, "reading the reserve requires CAP_SYS_ADMIN");
		return -EPERM;
	}
	ndshm_reserve_peek(&view);
	if (size && nla_get_u64(size) != view.chunk_size) {
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "chunk-size: no reserve with such chunks; omit it");
		return -ENOENT;
	}
	return ndshm_nl_reply(info, &m, nl_put_reserve, &view);
}

int ndshm_nl_reserve_set_doit(struct sk_buff *request, struct genl_info *info)
{
	struct nlattr *size = info->attrs[NDSHM_A_RESERVE_SIZE];
	int err = ndshm_nl_may_set(request, info);

	if (err)
		return err;
	if (GENL_REQ_ATTR_CHECK(info, NDSHM_A_RESERVE_SIZE)) {
		GENL_SET_ERR_MSG(info, "request: size missing");
		return -EINVAL;
	}
	err = ndshm_reserve_resize(nla_get_u64(size));
	if (err == -ERANGE)
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "size: more than the memory of the machine; give less");
	else if (err == -EAGAIN)
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "size: not reached yet; repeat the request");
	else if (err == -ENOMEM)
		NL_SET_ERR_MSG_ATTR(info->extack, size,
				    "size: not enough contiguous memory; read the reserve for its size");
	return err;
}
