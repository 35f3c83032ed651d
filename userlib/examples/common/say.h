/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages on standard error, prefixed with the program's name. */
#ifndef SAY_H
#define SAY_H

#include <ndshm/ndshm.h>

__attribute__((format(printf, 1, 2)))
void say(const char *format, ...);

/*
 * Prints that `what` failed with `error` (-errno), with ndshm's last reason if there is one.
 * Returns `error`.
 */
int say_failure(const struct ndshm *ndshm, const char *what, int error);

#endif /* SAY_H */
