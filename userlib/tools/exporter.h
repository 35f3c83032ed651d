/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef NDSHM_EXPORTER_H
#define NDSHM_EXPORTER_H

#include "tool.h"

/*
 * Write the metrics of the module as OpenMetrics text. Opens a client for this call only:
 * an open client would keep the module from being unloaded. Prints an error if it fails.
 */
enum exit_code write_metrics(const struct common *common, FILE *stream);

/* Listen at ADDRESS:PORT. Returns a socket, or prints an error and returns -1. */
int listen_at(const char *where);
/*
 * Take the socket that systemd passes. Returns -1 if there is none, or -2 if it cannot be
 * used, which is printed.
 */
int inherited_socket(void);
/* Answer HTTP requests for the metrics until SIGINT or SIGTERM. Closes the socket. */
enum exit_code serve_metrics(const struct common *common, int listener);

#endif /* NDSHM_EXPORTER_H */
