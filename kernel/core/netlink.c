// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink family: requests, dumps and events. The operations and their
 * policies are generated from Documentation/netlink/specs/ndshm.yaml.
 *
 * It has no lock: adapters and providers are found with a reference, and one
 * that goes in that moment is shown as what is left of it. Blocks and sections are
 * only looked at: a reader must not put off the end of another user's memory.
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

#include "adapter.h"
#include "block.h"
#include "block_table.h"
#include "netlink.h"
#include "netlink_gen.h"
#include "netlink_message.h"
#include "provider.h"
#include "section.h"

enum { EVENTS };

static const struct genl_multicast_group groups[] = {
	[EVENTS] = {
		.name = NDSHM_MCGRP_EVENTS,
		.flags = GENL_MCAST_CAP_SYS_ADMIN,
	},
};

static struct genl_family family __ro_after_init = {
	.name = NDSHM_FAMILY_NAME,
	.version = NDSHM_FAMILY_VERSION,
	.netnsok = false,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ndshm_nl_ops,
	.n_ops = ARRAY_SIZE(ndshm_nl_ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
};

/*
 * How often something came or went: tells a dump that it is no snapshot. Blocks,
 * sections and users are not counted: they come and go all the time, and whoever
 * begins again when a dump was interrupted would never see an end of it. Queues
 * come and go with adapters, too.
 */
static atomic_t adapter_changes = ATOMIC_INIT(1);
static atomic_t provider_changes = ATOMIC_INIT(1);
atomic_t ndshm_nl_queue_changes = ATOMIC_INIT(1);

/**
 * struct nl_dump - state of a dump, in netlink_callback.ctx
 * @viewer: the requester; a later reader of the socket may be another user
 * @pid_ns: the requester's; holds a reference
 * @next: the first place that has not been shown, an id for most; 0 at first
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
 * Both the opener of the socket and the sender must have the right: a program with
 * more rights may be made to use a socket that it did not open. netlink_capable() does
 * not ask the opener of a socket when the sender gave an address.
 */
static struct ndshm_viewer nl_viewer(struct sk_buff *request)
{
	const struct sock *sk = NETLINK_CB(request).sk;
	const struct file *file = sk->sk_socket->file;
	struct ndshm_viewer viewer = {
		.uid = NETLINK_CREDS(request)->uid,
		.all = sk_capable(sk, CAP_SYS_ADMIN),
	};

	if (!uid_eq(viewer.uid, file->f_cred->uid) &&
	    !file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN))
		viewer.uid = INVALID_UID;
	return viewer;
}

bool ndshm_nl_may_see(const struct ndshm_message *m, kuid_t uid)
{
	return m->viewer.all || uid_eq(m->viewer.uid, uid);
}

void *ndshm_nl_begin(struct sk_buff *skb, const struct ndshm_message *m)
{
	void *header = genlmsg_put(skb, m->portid, m->seq, &family, m->flags,
				   m->cmd);

	if (header && m->cb)
		genl_dump_check_consistent(m->cb, header);
	return header;
}

int ndshm_nl_end(struct sk_buff *skb, void *header, bool failed)
{
	if (failed) {
		genlmsg_cancel(skb, header);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, header);
	return 0;
}

static int put_flag(struct sk_buff *skb, int attribute, bool value)
{
	return value ? nla_put_flag(skb, attribute) : 0;
}

static int adapter_fill(struct sk_buff *skb, const struct ndshm_message *m,
			struct ndshm_adapter *adapter)
{
	void *header = ndshm_nl_begin(skb, m);
	bool failed;

	if (!header)
		return -EMSGSIZE;
	failed = nla_put_u32(skb, NDSHM_A_ADAPTER_ID, adapter->entry.id) ||
		 nla_put_string(skb, NDSHM_A_ADAPTER_NAME, adapter->entry.name) ||
		 nla_put_string(skb, NDSHM_A_ADAPTER_DEVICE,
				dev_name(adapter->device)) ||
		 nla_put_s32(skb, NDSHM_A_ADAPTER_NODE,
			     dev_to_node(adapter->device)) ||
		 nla_put_u32(skb, NDSHM_A_ADAPTER_ISOLATION,
			     ndshm_adapter_isolation(adapter)) ||
		 put_flag(skb, NDSHM_A_ADAPTER_OPEN,
			  adapter->flags & NDSHM_ADAPTER_OPEN) ||
		 put_flag(skb, NDSHM_A_ADAPTER_CLAIMABLE, adapter->ops) ||
		 put_flag(skb, NDSHM_A_ADAPTER_CLAIMED,
			  ndshm_adapter_claimed(adapter)) ||
		 put_flag(skb, NDSHM_A_ADAPTER_DIRTY,
			  ndshm_adapter_dirty(adapter)) ||
		 ndshm_nl_put_access(skb, m, &adapter->entry.access,
				     NDSHM_A_ADAPTER_OWNER) ||
		 nla_put_u32(skb, NDSHM_A_ADAPTER_RESET_POLICY,
			     READ_ONCE(adapter->entry.access.reset));
	return ndshm_nl_end(skb, header, failed);
}

/* What the current characteristics say; false if the provider is closed. */
static bool provider_offer(struct ndshm_provider *provider, u32 *flags,
			   bool *mappable)
{
	bool open;

	/* The lock keeps the registration, which goes some time after closing. */
	spin_lock(&provider->set.lock);
	open = !ndshm_blockset_closed(&provider->set);
	if (open) {
		*flags = provider->registration->characteristics.flags;
		*mappable = ndshm_registration_mappable(provider->registration);
	}
	spin_unlock(&provider->set.lock);
	return open;
}

static int provider_fill(struct sk_buff *skb, const struct ndshm_message *m,
			 struct ndshm_provider *provider)
{
	void *header = ndshm_nl_begin(skb, m);
	bool failed, mappable;
	u32 flags;

	if (!header)
		return -EMSGSIZE;
	failed = nla_put_u32(skb, NDSHM_A_PROVIDER_ID, provider->entry.id) ||
		 nla_put_string(skb, NDSHM_A_PROVIDER_NAME, provider->entry.name) ||
		 nla_put_u32(skb, NDSHM_A_PROVIDER_SCOPE, provider->scope) ||
		 put_flag(skb, NDSHM_A_PROVIDER_OPEN,
			  provider->flags & NDSHM_PROVIDER_OPEN) ||
		 ndshm_nl_put_access(skb, m, &provider->entry.access,
				     NDSHM_A_PROVIDER_OWNER);
	/* The count would tell any user what the others do. */
	if (!failed && m->viewer.all)
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_BLOCKS,
				     ndshm_blockset_count(&provider->set));
	if (!failed && provider->adapter)
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_ADAPTER_ID,
				     provider->adapter->entry.id);
	if (!failed && provider_offer(provider, &flags, &mappable))
		failed = nla_put_u32(skb, NDSHM_A_PROVIDER_FLAGS, flags) ||
			 put_flag(skb, NDSHM_A_PROVIDER_MAPPABLE, mappable);
	return ndshm_nl_end(skb, header, failed);
}

static int block_fill(struct sk_buff *skb, const struct ndshm_message *m,
		      struct ndshm_block *block)
{
	void *header = ndshm_nl_begin(skb, m);
	bool failed;

	if (!header)
		return -EMSGSIZE;
	failed = nla_put_u32(skb, NDSHM_A_BLOCK_ID, block->id) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_ADAPTER_ID,
			     block->adapter->entry.id) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_PROVIDER_ID,
			     block->registration->provider->entry.id) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_USAGE, block->usage) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_UID,
			     from_kuid_munged(m->user_ns, block->uid)) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_PID,
			     pid_nr_ns(block->pid, m->pid_ns)) ||
		 nla_put_u32(skb, NDSHM_A_BLOCK_SEGMENTS,
			     block->segment_count) ||
		 nla_put_s32(skb, NDSHM_A_BLOCK_PREFERRED_NODE,
			     block->preferred_node) ||
		 nla_put_u64_64bit(skb, NDSHM_A_BLOCK_LENGTH,
				   block->object.length, NDSHM_A_BLOCK_PAD) ||
		 nla_put_u64_64bit(skb, NDSHM_A_BLOCK_CONSUMED,
				   block->consumed, NDSHM_A_BLOCK_PAD) ||
		 put_flag(skb, NDSHM_A_BLOCK_CHARGED,
			  READ_ONCE(block->charged)) ||
		 put_flag(skb, NDSHM_A_BLOCK_REVOKED,
			  READ_ONCE(block->object.revoked));
	return ndshm_nl_end(skb, header, failed);
}

/* Numbers that change meanwhile are what they are when they are looked at. */
static int section_fill(struct sk_buff *skb, const struct ndshm_message *m,
			struct ndshm_section *section)
{
	const u64 taken = READ_ONCE(section->map.pages[NDSHM_RUN_TAKEN]);
	void *header = ndshm_nl_begin(skb, m);
	bool failed;

	if (!header)
		return -EMSGSIZE;
	failed = nla_put_u32(skb, NDSHM_A_SECTION_ID, section->id) ||
		 nla_put_u32(skb, NDSHM_A_SECTION_ADAPTER_ID,
			     section->adapter->entry.id) ||
		 nla_put_u32(skb, NDSHM_A_SECTION_PROVIDER_ID,
			     section->provider->entry.id) ||
		 nla_put_u32(skb, NDSHM_A_SECTION_UID,
			     from_kuid_munged(m->user_ns, section->uid)) ||
		 nla_put_u64_64bit(skb, NDSHM_A_SECTION_MAX_SIZE,
				   section->object.length,
				   NDSHM_A_SECTION_PAD) ||
		 nla_put_u64_64bit(skb, NDSHM_A_SECTION_INITIAL_SIZE,
				   (u64)section->initial << PAGE_SHIFT,
				   NDSHM_A_SECTION_PAD) ||
		 nla_put_u64_64bit(skb, NDSHM_A_SECTION_COMMITTED,
				   (u64)READ_ONCE(section->committed) <<
				   PAGE_SHIFT, NDSHM_A_SECTION_PAD) ||
		 nla_put_u64_64bit(skb, NDSHM_A_SECTION_TAKEN,
				   taken << PAGE_SHIFT, NDSHM_A_SECTION_PAD) ||
		 nla_put_u32(skb, NDSHM_A_SECTION_EXTENTS,
			     READ_ONCE(section->extents)) ||
		 nla_put_u32(skb, NDSHM_A_SECTION_HOLDERS,
			     READ_ONCE(section->holders)) ||
		 put_flag(skb, NDSHM_A_SECTION_DELETED,
			  READ_ONCE(section->deleted)) ||
		 put_flag(skb, NDSHM_A_SECTION_REVOKED,
			  ndshm_section_revoked(section));
	return ndshm_nl_end(skb, header, failed);
}

/*
 * Requests for one
 */

/* The attribute that says which one: exactly one of two, or NULL. */
static struct nlattr *get_key(struct genl_info *info, int id, int name)
{
	if (!info->attrs[name]) {
		if (GENL_REQ_ATTR_CHECK(info, id)) {
			GENL_SET_ERR_MSG(info, "an id or a name is missing");
			return NULL;
		}
		return info->attrs[id];
	}
	if (info->attrs[id]) {
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[name],
				    "an id or a name, not both");
		return NULL;
	}
	return info->attrs[name];
}

int ndshm_nl_not_found(struct genl_info *info, struct nlattr *key)
{
	NL_SET_ERR_MSG_ATTR(info->extack, key, "there is none");
	return -ENOENT;
}

struct ndshm_message ndshm_nl_reply_to(struct sk_buff *request,
				       struct genl_info *info)
{
	return (struct ndshm_message){
		.viewer = nl_viewer(request),
		.portid = info->snd_portid,
		.seq = info->snd_seq,
		.cmd = info->genlhdr->cmd,
		.user_ns = sk_user_ns(NETLINK_CB(request).sk),
		.pid_ns = task_active_pid_ns(current),
	};
}

int ndshm_nl_reply(struct sk_buff *skb, struct genl_info *info, int err)
{
	if (!err)
		return genlmsg_reply(skb, info);
	nlmsg_free(skb);
	return err;
}

int ndshm_nl_find_adapter(struct genl_info *info,
			  struct ndshm_adapter **adapter)
{
	struct nlattr *key = get_key(info, NDSHM_A_ADAPTER_ID,
				     NDSHM_A_ADAPTER_NAME);

	if (!key)
		return -EINVAL;
	if (nla_type(key) == NDSHM_A_ADAPTER_ID)
		*adapter = ndshm_adapter_find_id(nla_get_u32(key));
	else
		*adapter = ndshm_adapter_find(nla_data(key));
	return *adapter ? 0 : ndshm_nl_not_found(info, key);
}

int ndshm_nl_find_provider(struct genl_info *info,
			   struct ndshm_provider **provider)
{
	struct nlattr *key = get_key(info, NDSHM_A_PROVIDER_ID,
				     NDSHM_A_PROVIDER_NAME);

	if (!key)
		return -EINVAL;
	if (nla_type(key) == NDSHM_A_PROVIDER_ID)
		*provider = ndshm_provider_find_id(nla_get_u32(key));
	else
		*provider = ndshm_provider_find(nla_data(key));
	return *provider ? 0 : ndshm_nl_not_found(info, key);
}

int ndshm_nl_adapter_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct ndshm_adapter *adapter;
	struct sk_buff *skb;
	int err = ndshm_nl_find_adapter(info, &adapter);

	if (err)
		return err;
	err = -ENOMEM;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (skb)
		err = ndshm_nl_reply(skb, info, adapter_fill(skb, &m, adapter));
	ndshm_adapter_put(adapter);
	return err;
}

int ndshm_nl_provider_get_doit(struct sk_buff *request, struct genl_info *info)
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct ndshm_provider *provider;
	struct sk_buff *skb;
	int err = ndshm_nl_find_provider(info, &provider);

	if (err)
		return err;
	err = -ENOMEM;
	skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (skb)
		err = ndshm_nl_reply(skb, info, provider_fill(skb, &m, provider));
	ndshm_provider_put(provider);
	return err;
}

/* What is needed to show what is only looked at; err: the outcome. */
struct look {
	struct sk_buff *skb;
	const struct ndshm_message *m;
	int err;
};

static void look_at_block(struct ndshm_block *block, void *context)
{
	struct look *look = context;

	if (ndshm_nl_may_see(look->m, block->uid))
		look->err = block_fill(look->skb, look->m, block);
}

static void nl_look_block(u32 id, struct look *look)
{
	ndshm_block_look(id, look_at_block, look);
}

static void look_at_section(struct ndshm_section *section, void *context)
{
	struct look *look = context;

	if (ndshm_nl_may_see(look->m, section->uid))
		look->err = section_fill(look->skb, look->m, section);
}

static void nl_look_section(u32 id, struct look *look)
{
	ndshm_section_look(id, look_at_section, look);
}

/* The one whose id is in @attribute, if the reader may see it. */
static int get_seen(struct sk_buff *request, struct genl_info *info,
		    int attribute, void (*find)(u32 id, struct look *look))
{
	struct ndshm_message m = ndshm_nl_reply_to(request, info);
	struct look look = { .m = &m, .err = -ENOENT };
	struct nlattr *key;

	if (GENL_REQ_ATTR_CHECK(info, attribute)) {
		GENL_SET_ERR_MSG(info, "an id is missing");
		return -EINVAL;
	}
	key = info->attrs[attribute];
	look.skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!look.skb)
		return -ENOMEM;
	/* Not to be seen and not there are the same answer. */
	find(nla_get_u32(key), &look);
	if (look.err == -ENOENT)
		ndshm_nl_not_found(info, key);
	return ndshm_nl_reply(look.skb, info, look.err);
}

int ndshm_nl_block_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return get_seen(request, info, NDSHM_A_BLOCK_ID, nl_look_block);
}

int ndshm_nl_section_get_doit(struct sk_buff *request, struct genl_info *info)
{
	return get_seen(request, info, NDSHM_A_SECTION_ID, nl_look_section);
}

/*
 * Dumps, in the order of ids (blocks in one of their own): what is there all
 * along is shown once
 */

/* For what has ids of 32 bits, which are the places; false: it was the last. */
static bool id_of(u64 next, u32 *id)
{
	*id = next;
	return next <= U32_MAX;
}

static bool show_next_adapter(struct sk_buff *skb,
			      const struct ndshm_message *m, u64 *next,
			      int *err)
{
	struct ndshm_adapter *adapter = NULL;
	u32 id;

	if (id_of(*next, &id))
		adapter = ndshm_adapter_next(&id);
	if (!adapter)
		return false;
	*next = id;
	*err = adapter_fill(skb, m, adapter);
	ndshm_adapter_put(adapter);
	return true;
}

static bool show_next_provider(struct sk_buff *skb,
			       const struct ndshm_message *m, u64 *next,
			       int *err)
{
	struct ndshm_provider *provider = NULL;
	u32 id;

	if (id_of(*next, &id))
		provider = ndshm_provider_next(&id);
	if (!provider)
		return false;
	*next = id;
	*err = provider_fill(skb, m, provider);
	ndshm_provider_put(provider);
	return true;
}

static bool show_next_block(struct sk_buff *skb,
			    const struct ndshm_message *m, u64 *next,
			    int *err)
{
	struct look look = { .skb = skb, .m = m };
	u32 id;

	if (!id_of(*next, &id) ||
	    !ndshm_block_look_next(&id, look_at_block, &look))
		return false;
	*next = id;
	*err = look.err;
	return true;
}

static bool show_next_section(struct sk_buff *skb,
			      const struct ndshm_message *m, u64 *next,
			      int *err)
{
	struct look look = { .skb = skb, .m = m };
	u32 id;

	if (!id_of(*next, &id) ||
	    !ndshm_section_look_next(&id, look_at_section, &look))
		return false;
	*next = id;
	*err = look.err;
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

int ndshm_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
		  const atomic_t *changes, ndshm_nl_show_fn show_next)
{
	const struct genlmsghdr *request = nlmsg_data(cb->nlh);
	struct nl_dump *dump = nl_dump_of(cb);
	struct ndshm_message m = {
		.viewer = dump->viewer,
		.portid = NETLINK_CB(cb->skb).portid,
		.seq = cb->nlh->nlmsg_seq,
		.flags = NLM_F_MULTI,
		.cmd = request->cmd,
		.cb = cb,
		.user_ns = sk_user_ns(NETLINK_CB(cb->skb).sk),
		.pid_ns = dump->pid_ns,
	};
	int err = 0;

	/* Not in .start, which has no extack in 6.1. */
	if (nlmsg_attrlen(cb->nlh, GENL_HDRLEN)) {
		NL_SET_ERR_MSG_ATTR(cb->extack,
				    nlmsg_attrdata(cb->nlh, GENL_HDRLEN),
				    "a dump takes no attributes");
		return -EINVAL;
	}
	if (changes)
		cb->seq = atomic_read(changes);
	while (show_next(skb, &m, &dump->next, &err)) {
		if (err)
			break;
		dump->next++;
		/* A signal ends this part; an empty part would end the dump. */
		if (skb->len ? signal_pending(current) :
			       fatal_signal_pending(current)) {
			err = -EINTR;
			break;
		}
		cond_resched();
	}
	/* Nothing is locked: what changed since is told as well. */
	if (changes)
		cb->seq = atomic_read(changes);
	return err && skb->len ? skb->len : err;
}

int ndshm_nl_adapter_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, &adapter_changes, show_next_adapter);
}

int ndshm_nl_provider_get_dumpit(struct sk_buff *skb,
				 struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, &provider_changes, show_next_provider);
}

int ndshm_nl_block_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, NULL, show_next_block);
}

int ndshm_nl_section_get_dumpit(struct sk_buff *skb,
				struct netlink_callback *cb)
{
	return ndshm_nl_dump(skb, cb, NULL, show_next_section);
}

/*
 * Events
 */

/* Nobody who allocates waits for memory, or for a listener that does not read. */
#define EVENT_GFP	(GFP_NOWAIT | __GFP_NOWARN)

bool ndshm_nl_listened(void)
{
	return genl_has_listeners(&family, &init_net, EVENTS);
}

/* Readers have CAP_SYS_ADMIN over all users and processes. */
struct ndshm_message ndshm_nl_event(u8 cmd)
{
	return (struct ndshm_message){
		.viewer.all = true,
		.cmd = cmd,
		.user_ns = &init_user_ns,
		.pid_ns = &init_pid_ns,
	};
}

struct sk_buff *ndshm_nl_event_skb(void)
{
	return genlmsg_new(GENLMSG_DEFAULT_SIZE, EVENT_GFP);
}

void ndshm_nl_tell(struct sk_buff *skb, int err)
{
	if (!err) {
		genlmsg_multicast(&family, skb, 0, EVENTS, EVENT_GFP);
		return;
	}
	/* Listeners learn that they have missed something. */
	nlmsg_free(skb);
	genl_set_err(&family, &init_net, 0, EVENTS, -ENOBUFS);
}

void ndshm_nl_adapter_event(struct ndshm_adapter *adapter, u8 cmd)
{
	const struct ndshm_message m = ndshm_nl_event(cmd);
	struct sk_buff *skb;

	atomic_inc(&adapter_changes);
	atomic_inc(&ndshm_nl_queue_changes);
	if (!ndshm_nl_listened())
		return;
	skb = ndshm_nl_event_skb();
	ndshm_nl_tell(skb, skb ? adapter_fill(skb, &m, adapter) : -ENOMEM);
}

void ndshm_nl_provider_event(struct ndshm_provider *provider, u8 cmd)
{
	const struct ndshm_message m = ndshm_nl_event(cmd);
	struct sk_buff *skb;

	atomic_inc(&provider_changes);
	if (!ndshm_nl_listened())
		return;
	skb = ndshm_nl_event_skb();
	ndshm_nl_tell(skb, skb ? provider_fill(skb, &m, provider) : -ENOMEM);
}

void ndshm_nl_tell_block(struct ndshm_block *block, u8 cmd)
{
	const struct ndshm_message m = ndshm_nl_event(cmd);
	struct sk_buff *skb;

	skb = ndshm_nl_event_skb();
	ndshm_nl_tell(skb, skb ? block_fill(skb, &m, block) : -ENOMEM);
}

void ndshm_nl_section_event(struct ndshm_section *section, u8 cmd)
{
	const struct ndshm_message m = ndshm_nl_event(cmd);
	struct sk_buff *skb;

	if (!ndshm_nl_listened())
		return;
	skb = ndshm_nl_event_skb();
	ndshm_nl_tell(skb, skb ? section_fill(skb, &m, section) : -ENOMEM);
}

int __init ndshm_nl_init(void)
{
	return genl_register_family(&family);
}

void ndshm_nl_exit(void)
{
	genl_unregister_family(&family);
}
