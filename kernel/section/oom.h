/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A report when the machine runs out of memory.
 */
#ifndef _NDSHM_SECTION_OOM_H
#define _NDSHM_SECTION_OOM_H

#include <linux/init.h>

int __init ndshm_oom_init(void);
void ndshm_oom_exit(void);

#endif /* _NDSHM_SECTION_OOM_H */
