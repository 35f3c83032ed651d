/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages for a person, on standard error, with the program's name. */
#ifndef SAY_H
#define SAY_H

#include <ndshm/ndshm.h>

__attribute__((format(printf, 1, 2)))
void say(const char *format, ...);

/* That `what` failed with `error` (-errno), and why; returns `error`. */
int say_failure(const struct ndshm *ndshm, const char *what, int error);

#endif /* SAY_H */
