/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Record each program in memory that a panic prints, see
 * kernel/tests/ndshm_recorder.c.
 */
#ifndef _FUZZ_RECORD_H
#define _FUZZ_RECORD_H

#include <stdbool.h>

/* Precedes a program's number, on a line of its own. */
#define RECORD_MARK	"# program "

/* Return: false if there is no recorder. */
bool record_begin(void);
void record(unsigned long long number, const char *program);

#endif /* _FUZZ_RECORD_H */
