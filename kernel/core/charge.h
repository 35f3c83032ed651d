/* SPDX-License-Identifier: GPL-2.0 */
/*
 * RLIMIT_MEMLOCK: who pays for a block. The memory cgroup is charged by the
 * page allocator (__GFP_ACCOUNT); this is the other account.
 */
#ifndef _NDSHM_CORE_CHARGE_H
#define _NDSHM_CORE_CHARGE_H

#include <ndshm/status.h>

struct user_struct;

/**
 * struct ndshm_charge - what one user was charged, to be given back to it
 * @user: who pays, or NULL: nobody
 * @pages: how much
 */
struct ndshm_charge {
	struct user_struct *user;
	unsigned long pages;
};

/*
 * Charge @bytes to the calling user, or nobody if the caller has CAP_IPC_LOCK.
 * MEMLOCK if the limit does not allow it; nothing is charged then.
 */
ndshm_reason_t ndshm_charge(struct ndshm_charge *charge, u64 bytes);

/* Make it @bytes; growing can fail as above, shrinking cannot. */
ndshm_reason_t ndshm_recharge(struct ndshm_charge *charge, u64 bytes);

/* Give it back, whoever calls. Any context; a second call does nothing. */
void ndshm_uncharge(struct ndshm_charge *charge);

/* Bytes locked by the calling user, through whatever. */
u64 ndshm_user_locked(void);

#endif /* _NDSHM_CORE_CHARGE_H */
