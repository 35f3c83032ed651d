/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often each kind of call was made, and how often it did what it is for: a kind
 * that never succeeds tests nothing. In memory that all processes share.
 */
#ifndef _FUZZ_TALLY_H
#define _FUZZ_TALLY_H

#include <stddef.h>

#include <linux/types.h>

/* 0 or -errno. */
int tally_begin(void);

void tally_made(unsigned int kind);
void tally_succeeded(unsigned int kind);

/* Of all kinds. */
__u64 tally_calls(void);

/* A line of each kind, as comments. */
void tally_print(void);

/*
 * The kinds that never succeeded although the machine has what they need: how many,
 * and their names.
 */
unsigned int tally_missing(char *text, size_t size);

#endif /* _FUZZ_TALLY_H */
