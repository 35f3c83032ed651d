/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The netlink family: what its files have in common.
 */
#ifndef _NDSHM_CORE_NETLINK_H
#define _NDSHM_CORE_NETLINK_H

#include <linux/init.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>

struct pid_namespace;
struct user_namespace;

/**
 * struct ndshm_viewer - whose objects may be shown
 * @uid: this effective user's; INVALID_UID for no user's
 * @account: likewise, of accounts, which are those of real users
 * @all: every user's, and what tells of them, such as counts
 *
 * Fixed when the request is sent, by its sender and the opener of the socket.
 */
struct ndshm_viewer {
	kuid_t uid;
	kuid_t account;
	bool all;
};

/**
 * struct ndshm_message - the frame of a message that shows one object
 * @viewer: for whom
 * @portid: to whom, or 0
 * @seq: of the request, or 0
 * @flags: NLM_F_*
 * @cmd: NDSHM_CMD_*
 * @cb: the dump it is part of, or NULL
 * @user_ns: in which users are named, for what has one
 * @pid_ns: in which processes are numbered, for blocks
 */
struct ndshm_message {
	struct ndshm_viewer viewer;
	u32 portid;
	u32 seq;
	int flags;
	u8 cmd;
	struct netlink_callback *cb;
	struct user_namespace *user_ns;
	struct pid_namespace *pid_ns;
};

/* Put the attributes of @object. Nonzero: there is no room. */
typedef int (*ndshm_nl_put_fn)(struct sk_buff *skb,
			       const struct ndshm_message *m, void *object);

/* One object in one message: the same in replies, dumps and events. 0 or -EMSGSIZE. */
int ndshm_nl_show(struct sk_buff *skb, const struct ndshm_message *m,
		  ndshm_nl_put_fn put, void *object);

/* Requests for one: the frame of the answer, and the answer. */
struct ndshm_message ndshm_nl_reply_to(struct sk_buff *request,
				       struct genl_info *info);
int ndshm_nl_reply(struct genl_info *info, const struct ndshm_message *m,
		   ndshm_nl_put_fn put, void *object);
/* -ENOENT, and in words. */
int ndshm_nl_not_found(struct genl_info *info, struct nlattr *key);

/* Requests to set something: 0 or -EPERM; and the user in @attribute, or -EINVAL. */
int ndshm_nl_may_set(struct sk_buff *request, struct genl_info *info);
int ndshm_nl_get_uid(struct sk_buff *request, struct genl_info *info,
		     struct nlattr *attribute, kuid_t *uid);

/*
 * Show the first object of @kind from place *next on, leave out those that the viewer
 * may not see, and move *next there. False at the end; *err: there was no room.
 */
typedef bool (*ndshm_nl_show_fn)(struct sk_buff *skb,
				 const struct ndshm_message *m, u64 *next,
				 int *err, const void *kind);

/*
 * One part of a dump of all that the viewer may see. The dump is flagged as interrupted
 * when an adapter, a provider or a queue came or went meanwhile, if @counted.
 */
int ndshm_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
		  bool counted, ndshm_nl_show_fn show_next, const void *kind);

/* Of queues, and of what a user may not have; see ndshm_event(). */
int ndshm_nl_put_queue(struct sk_buff *skb, const struct ndshm_message *m,
		       void *object);
int ndshm_nl_put_excess(struct sk_buff *skb, const struct ndshm_message *m,
			void *object);

/*
 * The first thing that init does, and the last that exit undoes: what happens
 * in between can be told, and is only told while the family is registered.
 */
int __init ndshm_nl_init(void);
void ndshm_nl_exit(void);

#endif /* _NDSHM_CORE_NETLINK_H */
