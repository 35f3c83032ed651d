/* SPDX-License-Identifier: GPL-2.0 */
/* Functions and types that the files of the netlink family share. */
#ifndef _NDSHM_NETLINK_NETLINK_H
#define _NDSHM_NETLINK_NETLINK_H

#include <linux/init.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <net/genetlink.h>

struct pid_namespace;
struct user_namespace;

/* The multicast group. */
#define NDSHM_NL_EVENTS	0

extern struct genl_family ndshm_nl_family;

/**
 * struct ndshm_viewer - Rights of a request: the objects that it may see
 * @uid: objects of this effective user; INVALID_UID for none
 * @all: objects of all users, and counts that reveal their activity
 *
 * Fixed when the request is sent, from its sender and the opener of the socket.
 */
struct ndshm_viewer {
	kuid_t uid;
	bool all;
};

struct ndshm_message;

/* Put the attributes of @object. Return: nonzero if @skb has no room. */
typedef int (*ndshm_nl_put_fn)(struct sk_buff *skb,
			       const struct ndshm_message *m, void *object);

/**
 * struct ndshm_message - A message that shows one object
 * @viewer: the requester; no rights for an event
 * @skb: has the message
 * @put: puts the attributes of the object
 * @portid: destination, or 0
 * @seq: sequence number of the request, or 0
 * @flags: NLM_F_*
 * @cmd: NDSHM_CMD_*
 * @cb: the dump that the message is a part of, or NULL
 * @user_ns: namespace for user and group ids
 * @pid_ns: namespace for process ids
 * @err: result for the last object, unchanged if the viewer may not see it
 */
struct ndshm_message {
	struct ndshm_viewer viewer;
	struct sk_buff *skb;
	ndshm_nl_put_fn put;
	u32 portid;
	u32 seq;
	int flags;
	u8 cmd;
	struct netlink_callback *cb;
	struct user_namespace *user_ns;
	struct pid_namespace *pid_ns;
	int err;
};

/*
 * Add a message that shows @object. Replies, dumps and events have the same attributes. Return: 0
 * or -EMSGSIZE.
 */
int ndshm_nl_show(const struct ndshm_message *m, void *object);

/* ndshm_nl_reply_to() returns a reply without its skb; ndshm_nl_reply() sends it. */
struct ndshm_message ndshm_nl_reply_to(struct sk_buff *request, struct genl_info *info,
				       ndshm_nl_put_fn put);
int ndshm_nl_reply(struct genl_info *info, struct ndshm_message *m, void *object);
/* Set an extack message for attribute @key. Return: -ENOENT. */
int ndshm_nl_not_found(struct genl_info *info, struct nlattr *key);

/*
 * Show the first object at or after position *@next if the viewer may see it, and store its
 * position in *@next. Return: false if there is no object. @m->err: an error if there is no room.
 */
typedef bool (*ndshm_nl_show_fn)(struct ndshm_message *m, u64 *next);

/*
 * Add messages of a dump until @skb is full. @counted: flag the dump as interrupted if an adapter,
 * a provider or a queue was added or removed meanwhile.
 */
int ndshm_nl_dump(struct sk_buff *skb, struct netlink_callback *cb, bool counted,
		  ndshm_nl_put_fn put, ndshm_nl_show_fn show_next);

/* Send an event that shows @object. May sleep if @put does. */
void ndshm_nl_send_event(u8 cmd, ndshm_nl_put_fn put, void *object);

/*
 * ndshm_nl_register() must be one of the last steps of init: what a failing init unregisters may be
 * in use by a dump. ndshm_nl_unregister() must be the last of exit: the events of all other steps
 * are then reported.
 */
int __init ndshm_nl_register(void);
void ndshm_nl_unregister(void);

#endif /* _NDSHM_NETLINK_NETLINK_H */
