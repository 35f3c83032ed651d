// SPDX-License-Identifier: GPL-2.0
/*
 * A report of the largest holders when the machine runs out of memory. Memory that no process has
 * mapped is in no line of the kernel's own report.
 *
 * The notifier is called with oom_lock of mm held, which also protects the variables below, by a
 * task that waits for memory. So it allocates nothing, and takes only spinlocks, under which no
 * task waits for memory. A memory cgroup that reaches its limit does not call it.
 */
#include <linux/jiffies.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/printk.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "../block/block.h"
#include "../block/members.h"
#include "oom.h"
#include "section.h"

/* A user can run the machine out of memory again and again: report once in this time. */
#define OOM_INTERVAL	(10 * 60 * HZ)

#define OOM_LINES	5
#define OOM_USERS	64

/**
 * struct oom_holder - memory of a user
 * @uid: effective user of the openers; INVALID_UID: the kernel
 * @rank: at least the bytes of the user; 0: the entry is free
 * @bytes: memory of its blocks
 * @blocks: number of its blocks
 * @sections: number of its sections
 */
struct oom_holder {
	kuid_t uid;
	u64 rank;
	u64 bytes;
	u32 blocks;
	u32 sections;
};

static struct oom_holder oom_holders[OOM_USERS];
static struct oom_holder oom_all;
static unsigned long oom_next = INITIAL_JIFFIES;

static kuid_t oom_uid(const struct ndshm_block *block)
{
	return block->pid ? block->uid : INVALID_UID;
}

static struct oom_holder *oom_find(kuid_t uid)
{
	unsigned int i;

	for (i = 0; i < OOM_USERS; i++)
		if (oom_holders[i].rank &&
		    __kuid_val(oom_holders[i].uid) == __kuid_val(uid))
			return &oom_holders[i];
	return NULL;
}

/*
 * First pass. If there are more users than entries, the entry with the lowest rank goes to the
 * new user with its rank. Thus a user with more than 1/OOM_USERS of all memory has an entry at
 * the end, however many others there are and in whatever order the blocks come.
 */
static void oom_rank(struct ndshm_block *block)
{
	struct oom_holder *holder = oom_find(oom_uid(block));
	unsigned int i;

	if (!holder) {
		holder = &oom_holders[0];
		for (i = 1; i < OOM_USERS; i++)
			if (oom_holders[i].rank < holder->rank)
				holder = &oom_holders[i];
		holder->uid = oom_uid(block);
	}
	holder->rank += block->consumed;
}

/* Second pass: what the users with an entry have, and what all have. */
static void oom_count(struct ndshm_block *block)
{
	struct oom_holder *holder = oom_find(oom_uid(block));

	oom_all.bytes += block->consumed;
	oom_all.blocks++;
	if (holder) {
		holder->bytes += block->consumed;
		holder->blocks++;
	}
}

static void oom_count_section(void *section, kuid_t owner, void *unused)
{
	struct oom_holder *holder = oom_find(owner);

	oom_all.sections++;
	if (holder)
		holder->sections++;
}

static struct oom_holder *oom_largest(void)
{
	struct oom_holder *largest = &oom_holders[0];
	unsigned int i;

	for (i = 1; i < OOM_USERS; i++)
		if (oom_holders[i].bytes > largest->bytes)
			largest = &oom_holders[i];
	return largest->bytes ? largest : NULL;
}

static void oom_print(const struct oom_holder *holder)
{
	char user[24] = "kernel";

	if (uid_valid(holder->uid))
		snprintf(user, sizeof(user), "user %u", __kuid_val(holder->uid));
	pr_warn("ndshm: %s: %llu KiB in %u blocks, %u sections\n", user, holder->bytes >> 10,
		holder->blocks, holder->sections);
}

static int oom_report(struct notifier_block *notifier, unsigned long unused, void *freed)
{
	struct oom_holder *holder;
	unsigned int i;
	u32 id = 0;

	if (time_before(jiffies, oom_next))
		return NOTIFY_OK;
	memset(oom_holders, 0, sizeof(oom_holders));
	memset(&oom_all, 0, sizeof(oom_all));
	ndshm_block_for_each(oom_rank);
	ndshm_block_for_each(oom_count);
	while (ndshm_section_peek_next(&id, oom_count_section, NULL) && id < U32_MAX)
		id++;
	if (!oom_all.bytes)
		return NOTIFY_OK;
	oom_next = jiffies + OOM_INTERVAL;
	pr_warn("ndshm: out of memory: %llu KiB in %u blocks, %u sections; largest holders:\n",
		oom_all.bytes >> 10, oom_all.blocks, oom_all.sections);
	for (i = 0; i < OOM_LINES && (holder = oom_largest()); i++) {
		oom_print(holder);
		holder->bytes = 0;
	}
	return NOTIFY_OK;
}

static struct notifier_block oom_notifier = { .notifier_call = oom_report };

int __init ndshm_oom_init(void)
{
	return register_oom_notifier(&oom_notifier);
}

void ndshm_oom_exit(void)
{
	unregister_oom_notifier(&oom_notifier);
}
