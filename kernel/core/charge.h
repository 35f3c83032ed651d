/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RLIMIT_MEMLOCK, and the user's quota of memory: who pays for a block. The memory
 * cgroup is charged by the page allocator (__GFP_ACCOUNT); these are the others.
 */
#ifndef _NDSHM_CORE_CHARGE_H
#define _NDSHM_CORE_CHARGE_H

#include <linux/types.h>

#include <ndshm/status.h>

struct user_struct;

/**
 * struct ndshm_charge - what one user was charged, to be given back to it
 * @user: who pays, or NULL: nobody
 * @pages: how much
 * @limit: what the caller that was charged may have locked, in pages
 * @unlimited: that caller may go beyond the user's quota
 *
 * Whoever makes it more later, a worker or another user, goes by the last two.
 */
struct ndshm_charge {
	struct user_struct *user;
	unsigned long pages;
	unsigned long limit;
	bool unlimited;
};

/*
 * Charge @bytes to the calling user, or nobody if the caller has CAP_IPC_LOCK.
 * MEMLOCK or BYTE_QUOTA if a limit does not allow it; MEMORY. Nothing is charged then.
 */
ndshm_reason_t ndshm_charge(struct ndshm_charge *charge, u64 bytes);

/*
 * Make it @bytes, whoever calls; growing can fail as above, shrinking cannot. May
 * sleep.
 */
ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes);

/* What @from was charged is charged by @to from now on. */
static inline void ndshm_charge_move(struct ndshm_charge *to,
				     struct ndshm_charge *from)
{
	*to = *from;
	from->user = NULL;
	from->pages = 0;
}

/* Give it back, whoever calls. Not from interrupts; a second call does nothing. */
void ndshm_uncharge(struct ndshm_charge *charge);

/* Bytes locked by the calling user, through whatever. */
u64 ndshm_user_locked(void);

#endif /* _NDSHM_CORE_CHARGE_H */
