/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was run when the kernel died: each program is noted where a panic prints it,
 * see kernel/tests/ndshm_recorder.c.
 */
#ifndef _FUZZ_RECORD_H
#define _FUZZ_RECORD_H

#include <stdbool.h>

/* Stands before a program's number, on a line before its own. */
#define RECORD_MARK	"# program "

/* False: there is no recorder. */
bool record_begin(void);
void record(unsigned long long number, const char *program);

#endif /* _FUZZ_RECORD_H */
