/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Count the calls and successes of each kind: a kind that never succeeds tests
 * nothing. In memory that all processes share.
 */
#ifndef _FUZZ_TALLY_H
#define _FUZZ_TALLY_H

#include <stddef.h>

#include <linux/types.h>

/* Return 0 or -errno. */
int tally_begin(void);

void tally_made(unsigned int kind);
void tally_succeeded(unsigned int kind);

/* The calls of all kinds. */
__u64 tally_calls(void);

/* Print one line per kind, as comments. */
void tally_print(void);

/*
 * Return the number of kinds that never succeeded although the machine has what
 * they need, and their names in @text.
 */
unsigned int tally_missing(char *text, size_t size);

#endif /* _FUZZ_TALLY_H */
