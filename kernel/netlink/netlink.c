// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink family: requests, dumps and events. The operations and their policies are
 * generated from Documentation/netlink/specs/ndshm.yaml.
 *
 * The family has no lock. Adapters and providers are found with a reference; one that is removed
 * meanwhile is shown with its remaining properties. Blocks and sections are shown with the lock of
 * their table held and without a reference, which would delay the free of another user's memory.
 */
#include <linux/atomic.h>
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/device.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>
#include <net/sock.h>

#include "../adapter/adapter.h"
#include "../base/events.h"
#include "../block/block.h"
#include "../block/members.h"
#include "../registration/provider.h"
#include "../section/section.h"
#include "gen.h"
#include "netlink.h"

static const struct genl_multicast_group groups[] = {
	[NDSHM_NL_EVENTS] = {
		.name = NDSHM_MCGRP_EVENTS, .flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

struct genl_family ndshm_nl_family __ro_after_init = {
	.name = NDSHM_FAMILY_NAME,
	.version = NDSHM_FAMILY_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ndshm_nl_ops,
	.n_ops = ARRAY_SIZE(ndshm_nl_ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

static bool registered __ro_after_init;

/**
 * struct nl_dump - State of a dump, in the ctx of struct netlink_callback
 * @viewer: the requester; a later reader of the socket may be another user
 * @pid_ns: PID namespace of the requester; holds a reference
 * @next: position of the next object, an id for most kinds; 0 at first
 */
struct nl_dump {
	struct ndshm_viewer viewer;
	struct pid_namespace *pid_ns;
	u64 next;
};

static struct nl_dump *nl_dump_of(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct nl_dump) > sizeof(cb->ctx));

	return (struct nl_dump *)cb->ctx;
}

/*
 * Determine the rights of a request. Must be called in the sender's context. A right needs both
 * the sender and the opener of the socket: a privileged program may be tricked into using a socket
 * that it did not open. netlink_capable() ignores the opener if the sender gave an address, so
 * test the opener's credentials here.
 */
static struct ndshm_viewer nl_viewer(struct sk_buff *request)
{
	const struct sock *sk = NETLINK_CB(request).sk;
	const struct file *file = sk->sk_socket->file;
	struct ndshm_viewer viewer = {
		.uid = current_euid(),
		.all = sk_capable(sk, CAP_SYS_ADMIN),
	};

	if (file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN))
		return viewer;
	if (!uid_eq(viewer.uid, file->f_cred->euid))
		viewer.uid = INVALID_UID;
	return viewer;
}

/* The initial namespace has each id as its own, and a dump may have many. */
static u32 nl_uid(const struct ndshm_message *m, kuid_t uid)
{
	return m->user_ns == &init_user_ns ? __kuid_val(uid) :
					     from_kuid_munged(m->user_ns, uid);
}

static int nl_put_flag(struct sk_buff *skb, int attribute, bool value)
{
	return value ? nla_put_flag(skb, attribute) : 0;
}

/* nl_put_entry() and nl_find_entry() use the attributes of adapters for providers. */
static_assert((int)NDSHM_A_ADAPTER_ID == NDSHM_A_PROVIDER_ID);
static_assert((int)NDSHM_A_ADAPTER_NAME == NDSHM_A_PROVIDER_NAME);

static int nl_put_entry(struct sk_buff *skb, const struct ndshm_entry *entry)
{
	return nla_put_u32(skb, NDSHM_A_ADAPTER_ID, entry->id) ?:
	       nla_put_string(skb, NDSHM_A_ADAPTER_NAME, entry->name);
}

static int nl_put_adapter(struct sk_buff *skb, const struct ndshm_message *m,
			  void *object)
{
	struct ndshm_adapter *adapter = object;

	return nl_put_entry(skb, &adapter->entry) ?:
	       nla_put_string(skb, NDSHM_A_ADAPTER_DEVICE,
			      dev_name(adapter->device)) ?:
	       nla_put_s32(skb, NDSHM_A_ADAPTER_NODE,
			   dev_to_node(adapter->device)) ?:
	       nla_put_u32(skb, NDSHM_A_ADAPTER_ISOLATION,
			   ndshm_adapter_isolation(adapter)) ?:
	       nl_put_flag(skb, NDSHM_A_ADAPTER_OPEN,
			   adapter->flags & NDSHM_ADAPTER_OPEN) ?:
	       nl_put_flag(skb, NDSHM_A_ADAPTER_CLAIMABLE, adapter->ops) ?:
	       nl_put_flag(skb, NDSHM_A_ADAPTER_CLAIMED,
			   READ_ONCE(adapter->claim)) ?:
	       nl_put_flag(skb, NDSHM_A_ADAPTER_NEEDS_RESET,
			   ndshm_adapter_needs_reset(adapter));
}

/* Read the current characteristics. Return: false if the provider is closed. */
static bool nl_provider_offer(struct ndshm_provider *provider, u32 *flags,
			      bool *mappable)
{
	bool open;

	/* With @lock held an open set keeps its registration. */
	spin_lock(&provider->set.lock);
	open = !ndshm_blockset_killed(&provider->set);
	if (open) {
		*flags = provider->registration->characteristics.flags;
		*mappable = ndshm_registration_mappable(provider->registration);
	}
	spin_unlock(&provider->set.lock);
	return open;
}

static int nl_put_provider(struct sk_buff *skb, const struct ndshm_message *m,
			   void *object)
{
	struct ndshm_provider *provider = object;
	bool failed, mappable;
	u32 flags;

	failed = nl_put_entry(skb, &provider->entry) ||
		 nla_put_u32(skb, NDSHM_A_PROVIDER_SCOPE, provider->scope) ||
		 nl_put_flag(skb, NDSHM_A_PROVIDER_OPEN,
			     provider->flags & NDSHM_PROVIDER_OPEN);
	/* The count would reveal the activity of other users. */
	if (!failed && m->viewer.all)
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_BLOCKS,
				     ndshm_blockset_count(&provider->set));
	if (!failed && provider->adapter)
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_ADAPTER_ID,
				     provider->adapter->entry.id);
	if (!failed && nl_provider_offer(provider, &flags, &mappable))
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_FLAGS, flags) ||
			 nl_put_flag(skb, NDSHM_A_PROVIDER_MAPPABLE, mappable);
	return failed;
}

/**
 * struct nl_block - The attributes of a block
 * @u32s: 32-bit attributes
 * @u64s: 64-bit attributes; aligned to 4 bytes
 * @flags: those that are set, at most NL_BLOCK_FLAGS
 *
 * They are put at once: one by one they would cost a multiple of this for each block of a dump.
 */
struct nl_block {
	struct {
		struct nlattr header;
		u32 value;
	} u32s[8];
	struct {
		struct nlattr header;
		u64 value;
	} __packed u64s[2];
	struct nlattr flags[];
} __packed __aligned(NLA_ALIGNTO);

#define NL_BLOCK_FLAGS	3

static_assert(sizeof(struct nlattr) == NLA_HDRLEN);
static_assert(sizeof(struct nl_block) == 8 * 8 + 2 * 12);

#define NL_VALUE(type_, attribute_, value_) \
	{ { .nla_len = NLA_HDRLEN + sizeof(type_), .nla_type = (attribute_) }, (value_) }

#define NL_FLAG(attribute_) \
	((struct nlattr){ .nla_len = NLA_HDRLEN, .nla_type = (attribute_) })

static int nl_put_block(struct sk_buff *skb, const struct ndshm_message *m,
			void *object)
{
	struct nl_block *put = (struct nl_block *)skb_tail_pointer(skb);
	struct ndshm_block *block = object;
	const int exports = atomic_read(&block->object.exports);
	struct nlattr *flag = put->flags;

	if (skb_tailroom(skb) < (int)struct_size(put, flags, NL_BLOCK_FLAGS))
		return -EMSGSIZE;
	*put = (struct nl_block){
		.u32s = {
			NL_VALUE(u32, NDSHM_A_BLOCK_ID, block->object.id),
			NL_VALUE(u32, NDSHM_A_BLOCK_ADAPTER_ID, block->adapter->entry.id),
			NL_VALUE(u32, NDSHM_A_BLOCK_PROVIDER_ID,
				 block->registration->provider->entry.id),
			NL_VALUE(u32, NDSHM_A_BLOCK_USAGE, block->usage),
			NL_VALUE(u32, NDSHM_A_BLOCK_UID, nl_uid(m, block->uid)),
			NL_VALUE(u32, NDSHM_A_BLOCK_PID, pid_nr_ns(block->pid, m->pid_ns)),
			NL_VALUE(u32, NDSHM_A_BLOCK_SEGMENTS, block->segment_count),
			NL_VALUE(u32, NDSHM_A_BLOCK_PREFERRED_NODE, block->preferred_node),
		},
		.u64s = {
			NL_VALUE(u64, NDSHM_A_BLOCK_LENGTH, block->object.length),
			NL_VALUE(u64, NDSHM_A_BLOCK_CONSUMED, block->consumed),
		},
	};
	if (READ_ONCE(block->charged))
		*flag++ = NL_FLAG(NDSHM_A_BLOCK_CHARGED);
	if (READ_ONCE(block->object.revoked))
		*flag++ = NL_FLAG(NDSHM_A_BLOCK_REVOKED);
	if (!block->pid)
		*flag++ = NL_FLAG(NDSHM_A_BLOCK_KERNEL);
	skb_put(skb, (unsigned char *)flag - (unsigned char *)put);
	if (block->tag && nla_put_u32(skb, NDSHM_A_BLOCK_TAG, block->tag))
		return -EMSGSIZE;
	return exports ? nla_put_u32(skb, NDSHM_A_BLOCK_EXPORTS, exports) : 0;
}

/* Name, group and mode do not change while the section exists. */
static int nl_put_section_name(struct sk_buff *skb, const struct ndshm_message *m,
			       const struct ndshm_section *section)
{
	if (!section->name_length)
		return 0;
	return nla_put_string(skb, NDSHM_A_SECTION_NAME, section->name) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_GROUP,
			   from_kgid_munged(m->user_ns, section->gid)) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_MODE, section->mode);
}

/* Counters are read without the section's lock; they may be inconsistent with each other. */
static int nl_put_section(struct sk_buff *skb, const struct ndshm_message *m,
			  void *object)
{
	struct ndshm_section *section = object;
	const u64 taken = READ_ONCE(section->allocated);
	const u64 committed = READ_ONCE(section->committed);
	const int exports = atomic_read(&section->object.exports);

	return nla_put_u32(skb, NDSHM_A_SECTION_ID, section->id) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_ADAPTER_ID,
			   section->adapter->entry.id) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_PROVIDER_ID,
			   section->provider->entry.id) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_UID, nl_uid(m, section->uid)) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_SECTION_MAX_SIZE,
				 section->object.length,
				 NDSHM_A_SECTION_PAD) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_SECTION_INITIAL_SIZE,
				 (u64)section->initial << PAGE_SHIFT,
				 NDSHM_A_SECTION_PAD) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_SECTION_COMMITTED,
				 committed << PAGE_SHIFT,
				 NDSHM_A_SECTION_PAD) ?:
	       nla_put_u64_64bit(skb, NDSHM_A_SECTION_TAKEN,
				 taken << PAGE_SHIFT, NDSHM_A_SECTION_PAD) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_EXTENTS,
			   READ_ONCE(section->extents)) ?:
	       nla_put_u32(skb, NDSHM_A_SECTION_HOLDERS,
			   READ_ONCE(section->holders)) ?:
	       nl_put_flag(skb, NDSHM_A_SECTION_DELETED,
			   READ_ONCE(section->deleted)) ?:
	       nl_put_flag(skb, NDSHM_A_SECTION_REVOKED,
			   ndshm_section_revoked(section)) ?:
	       nl_put_section_name(skb, m, section) ?:
	       (exports ? nla_put_u32(skb, NDSHM_A_SECTION_EXPORTS, exports) : 0);
}

int ndshm_nl_not_found(struct genl_info *info, struct nlattr *key)
{
	NL_SET_ERR_MSG_ATTR(info->extack, key,
			    "id or name: no such object; list the objects of this kind");
	return -ENOENT;
}

struct ndshm_message ndshm_nl_reply_to(struct sk_buff *request, struct genl_info *info,
				       ndshm_nl_put_fn put)
{
	return (struct ndshm_message){
		.viewer = nl_viewer(request),
		.put = put,
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = info->genlhdr->cmd,
		.user_ns = sk_user_ns(NETLINK_CB(request).sk),
		.pid_ns = task_active_pid_ns(current),
	};
}

static int nl_send_reply(struct sk_buff *skb, struct genl_info *info, int err)
{
	if (!err)
		return genlmsg_reply(skb, info);
	nlmsg_free(skb);
	return err;
}

int ndshm_nl_reply(struct genl_info *info, struct ndshm_message *m, void *object)
{
	m->skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!m->skb)
		return -ENOMEM;
	return nl_send_reply(m->skb, info, ndshm_nl_show(m, object));
}

/* Find the entry whose id or name is in the request, and take a reference. Return: 0 or -errno. */
static int nl_find_entry(struct genl_info *info, struct ndshm_registry *registry,
			 struct ndshm_entry **entry)
{
	struct nlattr *id = info->attrs[NDSHM_A_ADAPTER_ID];
	struct nlattr *name = info->attrs[NDSHM_A_ADAPTER_NAME];

	if (!name && GENL_REQ_ATTR_CHECK(info, NDSHM_A_ADAPTER_ID)) {
		GENL_SET_ERR_MSG(info, "request: neither id nor name; give one of them");
		return -EINVAL;
	}
	if (name && id) {
		NL_SET_ERR_MSG_ATTR(info->extack, name,
				    "request: both id and name; give one of them");
		return -EINVAL;
	}
	*entry = id ? ndshm_registry_find_id(registry, nla_get_u32(id)) :
		      ndshm_registry_find(registry, nla_data(name));
	return *entry ? 0 : ndshm_nl_not_found(info, id ?: name);
}

static int nl_get_entry(struct sk_buff *request, struct genl_info *info,
			struct ndshm_registry *registry, ndshm_nl_put_fn put)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info, put);
	struct ndshm_entry *entry;
	int err = nl_find_entry(info, registry, &entry);

	if (err)
		return err;
	err = ndshm_nl_reply(info, &m, entry);
	ndshm_entry_put(entry);
	return err;
}

int ndshm_nl_adapter_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return nl_get_entry(request, info, &ndshm_adapters, nl_put_adapter);
}

int ndshm_nl_provider_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return nl_get_entry(request, info, &ndshm_providers, nl_put_provider);
}

/* @context: a struct ndshm_message */
static void nl_peek(void *object, kuid_t owner, void *context)
{
	struct ndshm_message *m = context;

	if (m->viewer.all || uid_eq(m->viewer.uid, owner))
		m->err = ndshm_nl_show(m, object);
}

/* Show the object whose id is in the attribute @id of the request. */
static int nl_get_peeked(struct sk_buff *request, struct genl_info *info, int id,
			 bool (*peek)(u32 id, ndshm_peek_fn peek, void *context),
			 ndshm_nl_put_fn put)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info, put);
	struct nlattr *key = info->attrs[id];

	if (GENL_REQ_ATTR_CHECK(info, id)) {
		GENL_SET_ERR_MSG(info, "request: id missing");
		return -EINVAL;
	}
	m.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!m.skb)
		return -ENOMEM;
	/* An invisible id gets the same error as a nonexistent one. */
	m.err = -ENOENT;
	peek(nla_get_u32(key), nl_peek, &m);
	if (m.err == -ENOENT)
		ndshm_nl_not_found(info, key);
	return nl_send_reply(m.skb, info, m.err);
}

int ndshm_nl_block_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return nl_get_peeked(request, info, NDSHM_A_BLOCK_ID, ndshm_block_peek, nl_put_block);
}

int ndshm_nl_section_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return nl_get_peeked(request, info, NDSHM_A_SECTION_ID, ndshm_section_peek,
			     nl_put_section);
}

/* Dumps. An object that exists throughout a dump is shown exactly once. */

static bool nl_show_next_entry(struct ndshm_message *m, u64 *next,
			       struct ndshm_registry *registry)
{
	struct ndshm_entry *entry;
	u32 id = *next;

	entry = ndshm_registry_next(registry, &id);
	if (!entry)
		return false;
	*next = id;
	m->err = ndshm_nl_show(m, entry);
	ndshm_entry_put(entry);
	return true;
}

static bool nl_show_next_adapter(struct ndshm_message *m, u64 *next)
{
	return nl_show_next_entry(m, next, &ndshm_adapters);
}

static bool nl_show_next_provider(struct ndshm_message *m, u64 *next)
{
	return nl_show_next_entry(m, next, &ndshm_providers);
}

static bool nl_show_next_block(struct ndshm_message *m, u64 *next)
{
	u32 cursor = *next;

	if (*next > U32_MAX || !ndshm_block_peek_next(&cursor, nl_peek, m))
		return false;
	*next = cursor;
	return true;
}

static bool nl_show_next_section(struct ndshm_message *m, u64 *next)
{
	u32 cursor = *next;

	if (*next > U32_MAX || !ndshm_section_peek_next(&cursor, nl_peek, m))
		return false;
	*next = cursor;
	return true;
}

int ndshm_nl_dump_start(struct netlink_callback *cb)
{
	struct nl_dump *dump = nl_dump_of(cb);

	dump->viewer = nl_viewer(cb->skb);
	dump->pid_ns = get_pid_ns(task_active_pid_ns(current));
	return 0;
}

int ndshm_nl_dump_done(struct netlink_callback *cb)
{
	put_pid_ns(nl_dump_of(cb)->pid_ns);
	return 0;
}

int ndshm_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, bool counted,
		  ndshm_nl_put_fn put, ndshm_nl_show_fn show_next)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	struct nl_dump *dump = nl_dump_of(cb);
	struct ndshm_message m = {
		.viewer = dump->viewer,
		.skb = skb,
		.put = put,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.cmd = request->cmd,
		.cb = cb,
		.user_ns = sk_user_ns(NETLINK_CB(cb->skb).sk),
		.pid_ns = dump->pid_ns,
	};

	/* Tested here, since .start of 6.1 has no extack. */
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG_ATTR(cb->extack,
				    nlmsg_attrdata(cb->nlh, GENL_HDRLEN),
				    "dump: attributes given; a dump takes none");
		return -EINVAL;
	}
	if (counted)
		cb->seq = atomic_read(&ndshm_changes);
	while (show_next(&m, &dump->next)) {
		if (m.err)
			break;
		dump->next++;
		/*
		 * End this part at a signal, but only if it has a message: an empty part ends the
		 * dump.
		 */
		if (skb->len ? signal_pending(current) :
			       fatal_signal_pending(current)) {
			m.err = -EINTR;
			break;
		}
		cond_resched();
	}
	/*
	 * NLMSG_DONE is checked against this value, so it is flagged for changes in the last part.
	 */
	if (counted)
		cb->seq = atomic_read(&ndshm_changes);
	return m.err && skb->len ? skb->len : m.err;
}

int ndshm_nl_adapter_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, true, nl_put_adapter, nl_show_next_adapter);
}

int ndshm_nl_provider_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, true, nl_put_provider, nl_show_next_provider);
}

int ndshm_nl_block_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, false, nl_put_block, nl_show_next_block);
}

int ndshm_nl_section_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, false, nl_put_section, nl_show_next_section);
}

static void nl_event(u8 cmd, void *object)
{
	const bool of_provider = cmd >= NDSHM_CMD_PROVIDER_ADDED_NTF &&
				 cmd <= NDSHM_CMD_PROVIDER_GONE_NTF;

	ndshm_nl_send_event(cmd, of_provider ? nl_put_provider : nl_put_adapter, object);
}

int __init ndshm_nl_register(void)
{
	int ret = genl_register_family(&ndshm_nl_family);

	if (ret)
		return ret;
	ndshm_event = nl_event;
	registered = true;
	return 0;
}

void ndshm_nl_unregister(void)
{
	if (registered)
		genl_unregister_family(&ndshm_nl_family);
}
