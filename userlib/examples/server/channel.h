/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The Unix socket between server and client, a path with file permissions. All functions return
 * -errno on failure, and open descriptors close-on-exec.
 */
#ifndef CHANNEL_H
#define CHANNEL_H

#include <stdbool.h>
#include <sys/types.h>

#include <ndshm/section.h>

#include "protocol.h"

/* -EADDRINUSE: `path` exists. -ENAMETOOLONG: `path` exceeds sun_path. */
int channel_listen(const char *path, mode_t mode);
int channel_connect(const char *path);

/*
 * Sends the greeting, with the section's descriptor unless `section` is NULL. -EAGAIN: it would
 * block.
 */
int channel_greet(int channel, const struct greeting *greeting, struct ndshm_section *section);

/*
 * Receives the greeting. *section is NULL if there is no section. -EPROTO: not a greeting of
 * this version. -EPIPE: the server closed the connection.
 */
int channel_be_greeted(int channel, struct ndshm *ndshm, struct greeting *greeting,
		       struct ndshm_section **section);

#endif /* CHANNEL_H */
