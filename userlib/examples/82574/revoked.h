/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * When the adapter is taken away (unbound, unplugged), its registers, blocks and
 * section stay mapped but every access is SIGBUS. There is nothing left to drive then:
 * the program says so and ends with REVOKED_EXIT.
 */
#ifndef REVOKED_H
#define REVOKED_H

#include <stddef.h>

#define REVOKED_EXIT	3

/* Once, at the start; 0 or -errno. */
int revoked_catch(void);

/*
 * This range goes away with the adapter. A SIGBUS elsewhere is a bug of its own
 * and keeps its usual effect. -ENOSPC: more ranges than can be watched.
 */
int revoked_watch(const volatile void *start, size_t length);

/* Forget every range: before they are unmapped. */
void revoked_forget(void);

/* Says so and ends the program; for calls that answer -ENODEV. */
_Noreturn void revoked_exit(void);

#endif /* REVOKED_H */
