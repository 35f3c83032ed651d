/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ndshm_ndis_cases.ko, if it is loaded: the NDIS calls, one by one.
 */
#ifndef _FUZZ_MACHINE_NDIS_H
#define _FUZZ_MACHINE_NDIS_H

#include <stdbool.h>
#include <stddef.h>

/* 0, also if it is not loaded, or -errno. */
int ndis_begin(void);
bool ndis_there(void);

/* Have it take a step: 0 or -errno. */
long ndis_take(const char *step);

/* What steps have left goes. */
void ndis_restore(void);

/* It has, and nothing was answered against the contract. If not, @text says what. */
bool ndis_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_NDIS_H */
