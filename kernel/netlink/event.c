// SPDX-License-Identifier: GPL-2.0
/*
 * Events of the netlink family. Their messages are collected in datagrams and sent by a work: a
 * datagram costs several times what an allocation does, and each listener is woken for it.
 */
#include <linux/bitops.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/sock.h>

#include "../base/compat.h"
#include "gen.h"
#include "netlink.h"

/* Never delay an allocation for an event: drop the event if there is no memory at once. */
#define EVENT_GFP	(GFP_NOWAIT | __GFP_NOWARN)

/* How long events are collected. */
#define EVENTS_DELAY	msecs_to_jiffies(10)

/*
 * With so many datagrams they are sent at once; a socket with the default buffer has room for more.
 * With the second number the work is late, and further events are lost.
 */
#define EVENTS_MANY	16
#define EVENTS_MOST	256

/* Held while datagrams are sent: in order, and on unlock all events of the past have been. */
static DEFINE_MUTEX(sending);

/* The group of each event, beside that of all events. */
static const u8 groups[] = {
	[NDSHM_CMD_ADAPTER_ADDED_NTF ... NDSHM_CMD_ADAPTER_GONE_NTF] = NDSHM_NL_ADAPTERS,
	[NDSHM_CMD_PROVIDER_ADDED_NTF ... NDSHM_CMD_PROVIDER_GONE_NTF] = NDSHM_NL_PROVIDERS,
	[NDSHM_CMD_QUEUE_ADDED_NTF ... NDSHM_CMD_QUEUE_FREED_NTF] = NDSHM_NL_QUEUES,
	[NDSHM_CMD_BLOCK_ADDED_NTF ... NDSHM_CMD_BLOCK_FREED_NTF] = NDSHM_NL_BLOCKS,
	[NDSHM_CMD_SECTION_ADDED_NTF ... NDSHM_CMD_SECTION_GONE_NTF] = NDSHM_NL_SECTIONS,
	[NDSHM_CMD_QUOTA_EXCEEDED_NTF] = NDSHM_NL_QUOTAS,
};

static void events_work(struct work_struct *work);

/**
 * struct events_pending - Events that are not sent yet
 * @lock: protects @datagrams and @lost
 * @datagrams: in the order of their events, each with events of one group; the last one can have
 *	room for more
 * @lost: bits of the groups with an event that is in none of them
 * @work: sends them; pending if there is something to send
 */
static struct events_pending {
	spinlock_t lock;	/* of the members */
	struct sk_buff_head datagrams;
	unsigned long lost;
	struct delayed_work work;
} pending = {
	.lock = __SPIN_LOCK_UNLOCKED(pending.lock),
	.work = __DELAYED_WORK_INITIALIZER(pending.work, events_work, 0),
};

/*
 * A socket may be a member without a right to be: from before its number was a group of the family.
 * The opener of the socket is asked, as for requests. Return: nonzero if it must not receive.
 */
static int event_filter(struct sock *sk, struct sk_buff *skb, void *data)
{
	const struct file *file = sk->sk_socket->file;

	return !file || !file_ns_capable(file, &init_user_ns, CAP_SYS_ADMIN);
}

/* Without memory for a copy, set ENOBUFS on the sockets of the listeners: events are lost. */
static void nl_multicast_in(struct net *net, unsigned int group, const struct sk_buff *skb)
{
	struct sk_buff *copy;

	if (!genl_has_listeners(&ndshm_nl_family, net, group))
		return;
	copy = skb ? skb_clone((struct sk_buff *)skb, EVENT_GFP) : NULL;
	if (copy)
		genlmsg_multicast_netns_filtered(&ndshm_nl_family, net, copy, 0, group, EVENT_GFP,
						 event_filter, NULL);
	else
		genl_set_err(&ndshm_nl_family, net, 0, group, -ENOBUFS);
}

/*
 * Multicast @skb, or if it is NULL that events are lost, in each network namespace of the initial
 * user namespace. In the others any user can have the capability that the groups require.
 */
static void nl_multicast(unsigned int group, const struct sk_buff *skb)
{
	struct net *net;

	rcu_read_lock();
	for_each_net_rcu(net) {
		if (net->user_ns == &init_user_ns)
			nl_multicast_in(net, group, skb);
	}
	rcu_read_unlock();
}

static unsigned int nl_group_of(const struct sk_buff *skb)
{
	const struct genlmsghdr *header = nlmsg_data(nlmsg_hdr(skb));

	return groups[header->cmd];
}

static void events_send_locked(void)
{
	struct sk_buff_head datagrams;
	unsigned long group, lost;
	struct sk_buff *skb;

	lockdep_assert_held(&sending);

	__skb_queue_head_init(&datagrams);
	spin_lock(&pending.lock);
	skb_queue_splice_init(&pending.datagrams, &datagrams);
	lost = pending.lost;
	pending.lost = 0;
	spin_unlock(&pending.lock);

	while ((skb = __skb_dequeue(&datagrams))) {
		nl_multicast(NDSHM_NL_EVENTS, skb);
		nl_multicast(nl_group_of(skb), skb);
		consume_skb(skb);
		cond_resched();
	}
	if (lost)
		nl_multicast(NDSHM_NL_EVENTS, NULL);
	for_each_set_bit(group, &lost, BITS_PER_LONG)
		nl_multicast(group, NULL);
}

void ndshm_nl_events_send(void)
{
	/* A process that is killed receives no answer. */
	if (mutex_lock_killable(&sending))
		return;
	events_send_locked();
	mutex_unlock(&sending);
}

static void events_work(struct work_struct *work)
{
	mutex_lock(&sending);
	events_send_locked();
	mutex_unlock(&sending);
}

/* Return: a datagram that begins with the message, or NULL without memory. */
static struct sk_buff *nl_datagram(const struct ndshm_message *m, ndshm_nl_put_fn put,
				   void *object)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, EVENT_GFP);

	if (skb && ndshm_nl_show(skb, m, put, object)) {
		nlmsg_free(skb);
		skb = NULL;
	}
	return skb;
}

/*
 * Add a datagram, or NULL for an event of @group that is lost. The work needs no processor in
 * particular.
 */
static void events_add_datagram(struct sk_buff *skb, unsigned int group, bool now)
{
	lockdep_assert_held(&pending.lock);

	if (skb)
		__skb_queue_tail(&pending.datagrams, skb);
	else
		__set_bit(group, &pending.lost);
	if (now || skb_queue_len(&pending.datagrams) == EVENTS_MANY)
		mod_delayed_work(system_dfl_wq, &pending.work, 0);
	else
		queue_delayed_work(system_dfl_wq, &pending.work, EVENTS_DELAY);
}

static void events_add(const struct ndshm_message *m, ndshm_nl_put_fn put, void *object)
{
	struct sk_buff *last = skb_peek_tail(&pending.datagrams), *skb = NULL;
	const unsigned int group = groups[m->cmd];

	lockdep_assert_held(&pending.lock);

	if (last && nl_group_of(last) == group && !ndshm_nl_show(last, m, put, object))
		return;
	if (skb_queue_len(&pending.datagrams) < EVENTS_MOST)
		skb = nl_datagram(m, put, object);
	events_add_datagram(skb, group, false);
}

bool ndshm_nl_events_wanted(u8 cmd)
{
	/* True for a listener in any network namespace; most are in the group of all events. */
	return genl_has_listeners(&ndshm_nl_family, &init_net, NDSHM_NL_EVENTS) ||
	       genl_has_listeners(&ndshm_nl_family, &init_net, groups[cmd]);
}

void ndshm_nl_events_add(u8 cmd, ndshm_nl_put_fn put, bool sleeps, void *object)
{
	/* Listeners need CAP_SYS_ADMIN, so show all properties. */
	const struct ndshm_message m = {
		.viewer.all = true,
		.cmd = cmd,
		.user_ns = &init_user_ns,
		.pid_ns = &init_pid_ns,
	};
	struct sk_buff *skb = NULL;

	if (sleeps)
		skb = nl_datagram(&m, put, object);
	spin_lock(&pending.lock);
	if (sleeps)
		events_add_datagram(skb, groups[cmd], true);
	else
		events_add(&m, put, object);
	spin_unlock(&pending.lock);
}

void __init ndshm_nl_events_setup(void)
{
	__skb_queue_head_init(&pending.datagrams);
}

bool __init ndshm_nl_events_permitted(void)
{
	unsigned int group;

	for (group = 0; group < ndshm_nl_family.n_mcgrps && !NDSHM_FILTERS_MEMBERS; group++) {
		if (genl_has_listeners(&ndshm_nl_family, &init_net, group))
			return false;
	}
	return true;
}

void ndshm_nl_events_teardown(void)
{
	/* Not a request, which can be killed. */
	flush_delayed_work(&pending.work);
}
