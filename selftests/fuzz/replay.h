/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What was run once, again, call by call.
 */
#ifndef _FUZZ_REPLAY_H
#define _FUZZ_REPLAY_H

#include <stdbool.h>

/*
 * A file with one program, or with what a panic has printed: then each of them, and
 * none that was cut. Two verdicts; false if one is bad, or nothing could be run.
 */
bool replay(const char *path);

#endif /* _FUZZ_REPLAY_H */
