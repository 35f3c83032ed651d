/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The operations of the server. They work on private memory only. */
#ifndef OPERATE_H
#define OPERATE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* Most bytes by which a result can exceed its contents. */
#define OPERATE_LEAST	sizeof(uint32_t)

/*
 * Replaces `contents` by the result and returns its length. `contents` must have room for
 * OPERATE_LEAST bytes.
 */
size_t operate(enum operation operation, uint8_t *contents, size_t length);

/* Returns the length of the result. */
size_t operate_length(enum operation operation, size_t length);

#endif /* OPERATE_H */
