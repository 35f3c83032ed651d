/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The socket: a path, with the permissions of a file. Descriptors are close-on-exec, all
 * functions return -errno.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

#include "protocol.h"

/* -EADDRINUSE: something is there. -ENAMETOOLONG */
int channel_listen(const char *path, mode_t mode);
int channel_connect(const char *path);

/* With a section's descriptor, or -1. Never waits: -EAGAIN. */
int channel_greet(int channel, const struct greeting *greeting, int section);

/* *section is -1 if none came. -EPROTO: no server of ours. -EPIPE: it closed. */
int channel_be_greeted(int channel, struct greeting *greeting, int *section);

#endif /* CHANNEL_H */
