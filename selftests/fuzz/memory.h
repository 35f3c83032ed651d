/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory for the arguments of calls: see fuzz_put() in run.h.
 */
#ifndef _FUZZ_MEMORY_H
#define _FUZZ_MEMORY_H

#include <stdbool.h>

#include "run.h"

/*
 * Set up a thread's memory, which is writable at one address and read-only at
 * another. @shared is the place that all threads share; NULL: in this memory.
 * Return: false with errno set.
 */
bool memory_prepare(struct fuzz_thread *thread, char *shared);

/*
 * In a child: replace the memory by a copy that is not shared with the parent,
 * at the same addresses. Return: false with errno set.
 */
bool memory_part(struct fuzz_thread *thread);

#endif /* _FUZZ_MEMORY_H */
