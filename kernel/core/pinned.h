/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that somebody still holds when its block has ended: it is paid for
 * until it is let go.
 */
#ifndef _NDSHM_CORE_PINNED_H
#define _NDSHM_CORE_PINNED_H

#include <linux/types.h>

struct folio;
struct ndshm_charge;
struct user_struct;

/*
 * Keep @folio, and its part of @charge, until nobody else has it: it joins @folios,
 * by its lru, and its payer is its private data from then on.
 */
void ndshm_pinned_take(struct folio *folio, struct ndshm_charge *charge,
		       struct list_head *folios);

/* All of @folios, which @user pays for, are looked after from now on. May sleep. */
void ndshm_pinned_keep(struct list_head *folios, struct user_struct *user);

/* Let go of what @user pays for and nobody else has by now. May sleep. */
void ndshm_pinned_reap(struct user_struct *user);

void __init ndshm_pinned_setup(void);

/* Let go of all, whoever has it: no more is kept. */
void ndshm_pinned_teardown(void);

#endif /* _NDSHM_CORE_PINNED_H */
