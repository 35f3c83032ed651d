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

/* Is @folio large, and has hardware failed in a page of it? It must not be freed. */
bool ndshm_folio_broken(struct folio *folio);

/* Keep @folio, and its part of @charge, until nobody else has it: look once a second. */
void ndshm_pinned_keep(struct folio *folio, struct ndshm_charge *charge);

/* Let go of what nobody else has by now. May sleep. */
void ndshm_pinned_reap(void);

/* Let go of all, whoever has it: no more is kept. */
void ndshm_pinned_teardown(void);

#endif /* _NDSHM_CORE_PINNED_H */
