/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Verdicts, in TAP.
 */
#ifndef _FUZZ_VERDICT_H
#define _FUZZ_VERDICT_H

#include <stdbool.h>

/* Print a verdict; returns @good. */
bool verdict(bool good, const char *what, const char *text);

/* Store the state to compare with at the end; print the final verdicts and the plan. */
void verdict_begin(void);
bool verdict_end(bool all_seeds_run);

#endif /* _FUZZ_VERDICT_H */
