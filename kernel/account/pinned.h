/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Folios that have other references (such as pins) when their block is freed. They are kept, and
 * stay charged to the user of the block, until the last other reference is dropped.
 */
#ifndef _NDSHM_ACCOUNT_PINNED_H
#define _NDSHM_ACCOUNT_PINNED_H

#include <linux/types.h>

struct folio;
struct ndshm_charge;

/* Return: true if @folio is large and a page of it is poisoned: it must not be freed. */
bool ndshm_folio_broken(struct folio *folio);

/*
 * Take a reference and @folio's part of @charge, if that has a requester, until no other
 * reference is left. The requester counts it in its @pinned, also if it is exempt from charges.
 */
void ndshm_pinned_keep(struct folio *folio, struct ndshm_charge *charge);

/* Uncharge and free the folios that have no other reference by now. May sleep. */
void ndshm_pinned_reap(void);

/* Uncharge and put all folios, also those in use, at unload. */
void ndshm_pinned_teardown(void);

#endif /* _NDSHM_ACCOUNT_PINNED_H */
