// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "block.h"
#include "charge.h"
#include "pinned.h"
#include "quota.h"
#include "section.h"

static bool try_lock_pages(struct user_struct *user, unsigned long pages,
			   unsigned long limit)
{
	long locked = atomic_long_read(&user->locked_vm);

	do {
		if (pages > limit || locked > limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &locked,
					  locked + pages));
	return true;
}

static void unlock_pages(struct user_struct *user, unsigned long pages)
{
	atomic_long_sub(pages, &user->locked_vm);
	ndshm_quota_give_bytes(user->uid, (u64)pages << PAGE_SHIFT);
}

/* Within both limits: more pages than can be told in bytes are beyond the first. */
static ndshm_reason_t try_both(const struct ndshm_charge *charge,
			       struct user_struct *user, unsigned long pages)
{
	ndshm_reason_t reason;

	if (!try_lock_pages(user, pages, charge->limit))
		return NDSHM_REASON_MEMLOCK;
	reason = ndshm_quota_take_bytes(user->uid, (u64)pages << PAGE_SHIFT,
					charge->unlimited);
	if (reason != NDSHM_REASON_NONE)
		atomic_long_sub(pages, &user->locked_vm);
	return reason;
}

/* @charge: says what @user, who need not be the caller, may have. */
static ndshm_reason_t lock_pages(const struct ndshm_charge *charge,
				 struct user_struct *user, unsigned long pages)
{
	ndshm_reason_t reason = try_both(charge, user, pages);

	if (reason == NDSHM_REASON_NONE)
		return reason;
	/* Before refusing, wait for what is already being given back. */
	ndshm_block_flush();
	ndshm_sections_trim(user);
	ndshm_pinned_reap(user);
	reason = try_both(charge, user, pages);
	if (reason == NDSHM_REASON_BYTE_QUOTA)
		ndshm_quota_refused_bytes(user->uid, (u64)pages << PAGE_SHIFT);
	return reason;
}

/* Rounded up, for any number. */
static unsigned long pages_of(u64 bytes)
{
	return (bytes >> PAGE_SHIFT) + !!offset_in_page(bytes);
}

ndshm_reason_t ndshm_charge(struct ndshm_charge *charge, u64 bytes)
{
	unsigned long pages = pages_of(bytes);
	struct user_struct *user = current_user();
	ndshm_reason_t reason;

	*charge = (struct ndshm_charge){
		.limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT,
	};
	if (ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return NDSHM_REASON_NONE;
	charge->unlimited = ndshm_quota_unlimited();
	reason = lock_pages(charge, user, pages);
	if (reason == NDSHM_REASON_NONE) {
		charge->user = get_uid(user);
		charge->pages = pages;
	}
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_charge);

ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes)
{
	unsigned long pages = pages_of(bytes);
	ndshm_reason_t reason = NDSHM_REASON_NONE;

	if (!charge->user)
		return reason;
	if (pages > charge->pages)
		reason = lock_pages(charge, charge->user,
				    pages - charge->pages);
	else
		unlock_pages(charge->user, charge->pages - pages);
	if (reason == NDSHM_REASON_NONE)
		charge->pages = pages;
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_recharge);

void ndshm_uncharge(struct ndshm_charge *charge)
{
	if (!charge->user)
		return;
	unlock_pages(charge->user, charge->pages);
	free_uid(charge->user);
	charge->user = NULL;
	charge->pages = 0;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_uncharge);

u64 ndshm_user_locked(void)
{
	return (u64)atomic_long_read(&current_user()->locked_vm) << PAGE_SHIFT;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_user_locked);
