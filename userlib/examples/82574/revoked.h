/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handling of a revoked adapter (unbound or unplugged). Its registers, blocks and section stay
 * mapped, but each access raises SIGBUS. The program then prints a message and exits with
 * REVOKED_EXIT.
 */
#ifndef REVOKED_H
#define REVOKED_H

#include <stddef.h>

#define REVOKED_EXIT	3

/* Installs the SIGBUS handler. Returns 0 or -errno. */
int revoked_catch(void);

/*
 * Adds a mapping whose SIGBUS means that the adapter was revoked. Elsewhere SIGBUS keeps its
 * default action. -ENOSPC: the table is full.
 */
int revoked_watch(const volatile void *start, size_t length);

/* Removes all ranges. Call it before they are unmapped. */
void revoked_forget(void);

/* Prints the message and exits; also for calls that fail with -ENODEV. */
_Noreturn void revoked_exit(void);

#endif /* REVOKED_H */
