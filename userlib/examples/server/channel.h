/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Unix socket between server and client, a path with file permissions. All functions return
 * -errno on failure, and open descriptors close-on-exec.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

#include "protocol.h"

/* -EADDRINUSE: `path` exists. -ENAMETOOLONG: `path` exceeds sun_path. */
int channel_listen(const char *path, mode_t mode);
int channel_connect(const char *path);

/* Sends the greeting, with the section's descriptor unless that is -1. -EAGAIN: it would block. */
int channel_greet(int channel, const struct greeting *greeting, int section);

/*
 * Receives the greeting. *section is -1 if there is no descriptor. -EPROTO: not a greeting of
 * this version. -EPIPE: the server closed the connection.
 */
int channel_be_greeted(int channel, struct greeting *greeting, int *section);

#endif /* CHANNEL_H */
