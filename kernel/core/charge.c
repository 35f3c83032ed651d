// SPDX-License-Identifier: GPL-2.0
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/user.h>

#include "block.h"
#include "charge.h"
#include "pinned.h"
#include "section.h"

static bool try_lock_pages(struct user_struct *user, unsigned long pages)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long locked = atomic_long_read(&user->locked_vm);

	do {
		if (pages > limit || locked > limit - pages)
			return false;
	} while (!atomic_long_try_cmpxchg(&user->locked_vm, &locked,
					  locked + pages));
	return true;
}

static ndshm_reason_t lock_pages(struct user_struct *user, unsigned long pages)
{
	if (try_lock_pages(user, pages))
		return NDSHM_REASON_NONE;
	/* Before refusing, wait for what is already being given back. */
	ndshm_block_flush();
	ndshm_sections_trim(user);
	ndshm_pinned_reap(user);
	return try_lock_pages(user, pages) ? NDSHM_REASON_NONE :
					     NDSHM_REASON_MEMLOCK;
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

	charge->user = NULL;
	charge->pages = 0;
	if (ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK))
		return NDSHM_REASON_NONE;
	reason = lock_pages(user, pages);
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
		reason = lock_pages(charge->user, pages - charge->pages);
	else
		atomic_long_sub(charge->pages - pages,
				&charge->user->locked_vm);
	if (reason == NDSHM_REASON_NONE)
		charge->pages = pages;
	return reason;
}
EXPORT_SYMBOL_IF_KUNIT(ndshm_recharge);

void ndshm_uncharge(struct ndshm_charge *charge)
{
	if (!charge->user)
		return;
	atomic_long_sub(charge->pages, &charge->user->locked_vm);
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
