/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deferred work: frees of objects that were put in atomic context, and delayed work.
 */
#ifndef _NDSHM_BASE_DEFERRED_H
#define _NDSHM_BASE_DEFERRED_H

#include <linux/init.h>
#include <linux/workqueue.h>

/* Queue @work, which must call ndshm_deferred_end() after its free. Context: any. */
void ndshm_deferred_free(struct work_struct *work);
void ndshm_deferred_end(void);

/*
 * Wait until no free is deferred, at most half a second or until a fatal signal. Return: false if
 * none was.
 */
bool ndshm_deferred_wait(void);

/* Wait for all work that is queued, but not for delayed work that is not yet due. */
void ndshm_deferred_drain(void);

/* Queue @work after @delay jiffies. It must not be pending at ndshm_deferred_exit(). */
void ndshm_deferred_delay(struct delayed_work *work, unsigned long delay);

int __init ndshm_deferred_init(void);
void ndshm_deferred_exit(void);

#endif /* _NDSHM_BASE_DEFERRED_H */
