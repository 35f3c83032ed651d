/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verdicts, in TAP.
 */
#ifndef _FUZZ_VERDICT_H
#define _FUZZ_VERDICT_H

#include <stdbool.h>

/* Print it; returns @good. */
bool verdict(bool good, const char *what, const char *text);

/* What is compared at the end; the second says it all, and how many verdicts there were. */
void verdict_begin(void);
bool verdict_end(bool all_seeds_run);

#endif /* _FUZZ_VERDICT_H */
