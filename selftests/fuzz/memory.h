/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the arguments of calls lie: fuzz_put() of run.h.
 */
#ifndef _FUZZ_MEMORY_H
#define _FUZZ_MEMORY_H

#include <stdbool.h>

#include "run.h"

/*
 * A thread's own, which can be written at one address and only be read at another;
 * @shared: where all have theirs, NULL: here. False, and errno.
 */
bool memory_prepare(struct fuzz_thread *thread, char *shared);

/* In a child: the same at the same places, which its parent no longer has. False, and errno. */
bool memory_part(struct fuzz_thread *thread);

#endif /* _FUZZ_MEMORY_H */
