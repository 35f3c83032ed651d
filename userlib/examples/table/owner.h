/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef OWNER_H
#define OWNER_H

#include <stdint.h>

/* Returns the exit status. */
int owner_main(const char *directory, const char *address, uint16_t port);

#endif /* OWNER_H */
