/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a user may have of sections at most: their number, their range, holders.
 * Memory has accounts of its own; see charge.h.
 */
#ifndef _NDSHM_CORE_QUOTA_H
#define _NDSHM_CORE_QUOTA_H

#include <linux/types.h>

#include <ndshm/status.h>

struct ndshm_quota_user;

/**
 * enum ndshm_quota_kind - what is counted
 * @NDSHM_QUOTA_SECTIONS: sections
 * @NDSHM_QUOTA_HOLDERS: holders
 * @NDSHM_QUOTA_RESERVED: bytes of all sections' MaxSize
 * @NDSHM_QUOTA_KINDS: how many kinds
 */
enum ndshm_quota_kind {
	NDSHM_QUOTA_SECTIONS,
	NDSHM_QUOTA_HOLDERS,
	NDSHM_QUOTA_RESERVED,
	NDSHM_QUOTA_KINDS,
};

/**
 * struct ndshm_quota - what counts as one user's, to be given back
 * @user: whose, or NULL: nothing
 * @amounts: how much of each kind
 */
struct ndshm_quota {
	struct ndshm_quota_user *user;
	u64 amounts[NDSHM_QUOTA_KINDS];
};

/*
 * Count the amounts in @quota as the calling user's, all or none of them; a caller
 * with CAP_SYS_RESOURCE may have any. SECTION_QUOTA, HOLDER_QUOTA or RESERVE_QUOTA:
 * a limit does not allow it. MEMORY. May sleep.
 */
ndshm_reason_t ndshm_quota_take(struct ndshm_quota *quota);

/* Give it back, whoever calls. May sleep. */
void ndshm_quota_give(struct ndshm_quota *quota);

#endif /* _NDSHM_CORE_QUOTA_H */
