/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages of the netlink family: what its files have in common.
 */
#ifndef _NDSHM_CORE_NETLINK_MESSAGE_H
#define _NDSHM_CORE_NETLINK_MESSAGE_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>

struct ndshm_access;
struct ndshm_adapter;
struct ndshm_provider;
struct pid_namespace;
struct user_namespace;

/**
 * struct ndshm_viewer - whose objects may be shown
 * @uid: this user's; INVALID_UID for no user's
 * @all: every user's, and what tells of them, such as counts
 *
 * Fixed when the request is sent, by its sender and the opener of the socket.
 */
struct ndshm_viewer {
	kuid_t uid;
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

bool ndshm_nl_may_see(const struct ndshm_message *m, kuid_t uid);

/*
 * One object in one message: the same in replies, dumps and events. NULL, and
 * -EMSGSIZE if there is no room, or if @failed: an attribute had none.
 */
void *ndshm_nl_begin(struct sk_buff *skb, const struct ndshm_message *m);
int ndshm_nl_end(struct sk_buff *skb, void *header, bool failed);

/* Requests for one: the frame of the answer, and the answer if @err is 0. */
struct ndshm_message ndshm_nl_reply_to(struct sk_buff *request,
				       struct genl_info *info);
int ndshm_nl_reply(struct sk_buff *skb, struct genl_info *info, int err);
/* -ENOENT, and in words. */
int ndshm_nl_not_found(struct genl_info *info, struct nlattr *key);
/* The one whose id or name is in the request, with a reference; 0 or -errno. */
int ndshm_nl_find_adapter(struct genl_info *info,
			  struct ndshm_adapter **adapter);
int ndshm_nl_find_provider(struct genl_info *info,
			   struct ndshm_provider **provider);

/* Owner, group and mode, as attribute @owner and the next two; 0 or -errno. */
int ndshm_nl_put_access(struct sk_buff *skb, const struct ndshm_message *m,
			const struct ndshm_access *access, int owner);

/*
 * Show the first object from place *next on, leave out those that the viewer may
 * not see, and move *next there. False at the end; *err: there was no room.
 */
typedef bool (*ndshm_nl_show_fn)(struct sk_buff *skb,
				 const struct ndshm_message *m, u64 *next,
				 int *err);

/*
 * One part of a dump of all that the viewer may see. The dump is flagged as interrupted
 * when @changes has changed; NULL: never.
 */
int ndshm_nl_dump(struct sk_buff *skb, struct netlink_callback *cb,
		  const atomic_t *changes, ndshm_nl_show_fn show_next);

/* How often an adapter, a queue or a port came or went. */
extern atomic_t ndshm_nl_queue_changes;

/*
 * Events: the frame of a message to who listens, room for it or NULL, and the telling.
 * An @err says that the message could not be made; @skb may be NULL then.
 */
struct ndshm_message ndshm_nl_event(u8 cmd);
struct sk_buff *ndshm_nl_event_skb(void);
void ndshm_nl_tell(struct sk_buff *skb, int err);

#endif /* _NDSHM_CORE_NETLINK_MESSAGE_H */
