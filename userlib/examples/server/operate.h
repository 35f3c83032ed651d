/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the server is there for. Knows of private memory only. */
#ifndef OPERATE_H
#define OPERATE_H

#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

/* A result can be longer than what it is of. */
#define OPERATE_LEAST	sizeof(uint32_t)

/* The result takes the place of `contents`, where OPERATE_LEAST bytes are at least. */
size_t operate(enum operation operation, uint8_t *contents, size_t length);

/* How long it is going to be. */
size_t operate_length(enum operation operation, size_t length);

#endif /* OPERATE_H */
