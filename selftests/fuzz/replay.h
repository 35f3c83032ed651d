/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run a recorded program again, call by call.
 */
#ifndef _FUZZ_REPLAY_H
#define _FUZZ_REPLAY_H

#include <stdbool.h>

/*
 * Run the program in a file, or each complete program in the output of a panic.
 * Prints two verdicts. Return: false if one is bad or nothing could be run.
 */
bool replay(const char *path);

#endif /* _FUZZ_REPLAY_H */
