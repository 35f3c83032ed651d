/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The server's output on standard output: lines of name=value, or JSON objects. */
#ifndef REPORT_H
#define REPORT_H

#include <stdbool.h>

#include "peers.h"

/* The server accepts clients. */
void report_ready(const struct peers *peers, const char *path, bool json);

/* `event` is "stats" or "end". */
void report_tally(const char *event, const struct peers *peers, bool json);

#endif /* REPORT_H */
