/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deferred work: the last put of an object from atomic context, and what is done later.
 */
#ifndef _NDSHM_BASE_DEFERRED_H
#define _NDSHM_BASE_DEFERRED_H

#include <linux/init.h>
#include <linux/workqueue.h>

/* Run @work, which frees memory and calls ndshm_deferred_done() then. Any context. */
void ndshm_deferred_free(struct work_struct *work);
void ndshm_deferred_done(void);

/* Wait for deferred frees: killably, and half a second at most. */
void ndshm_deferred_wait(void);

/* Wait for the deferred frees that have been queued by now. */
void ndshm_deferred_flush(void);

/* Run @work after @delay jiffies, until teardown. */
void ndshm_deferred_delay(struct delayed_work *work, unsigned long delay);

int __init ndshm_deferred_setup(void);
void ndshm_deferred_teardown(void);

#endif /* _NDSHM_BASE_DEFERRED_H */
