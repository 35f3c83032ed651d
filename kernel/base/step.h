/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Steps: parts of an allocation or a free that a worker carries out, because a removal waits for
 * them: a cgroup can throttle the task of a client, but no worker.
 */
#ifndef _NDSHM_BASE_STEP_H
#define _NDSHM_BASE_STEP_H

#include <linux/init.h>

/*
 * Call @function in a worker, and wait for it. The queue is only for steps, and no step waits for
 * another or for a lock that is held during one. In the kernel's queues works of ndshm wait for the
 * lock of a group. Return: what @function returns.
 */
int ndshm_step_run(int (*function)(void *context), void *context);

int __init ndshm_step_setup(void);
void ndshm_step_teardown(void);

#endif /* _NDSHM_BASE_STEP_H */
