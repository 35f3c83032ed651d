/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ndshm_ndis_cases.ko, if loaded: single NDIS calls.
 */
#ifndef _FUZZ_MACHINE_NDIS_H
#define _FUZZ_MACHINE_NDIS_H

#include <stdbool.h>
#include <stddef.h>

/* Return 0, also if it is not loaded, or -errno. */
int ndis_begin(void);
bool ndis_there(void);

/* Execute a step: 0 or -errno. */
long ndis_take(const char *step);

/* Free all that steps have left. */
void ndis_restore(void);

/*
 * Return: true if nothing is left and no call broke the contract; otherwise
 * @text has the reason.
 */
bool ndis_clean(char *text, size_t size);

#endif /* _FUZZ_MACHINE_NDIS_H */
