/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parsers for numeric options of argp programs. An invalid value exits with an error message. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

/* Returns a decimal number in the range `min` to `max`. */
uint64_t argument_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max);

/* Returns a number of bytes in the range `min` to `max`; the suffixes K, M and G are allowed. */
uint64_t argument_size(struct argp_state *state, const char *text, uint64_t min, uint64_t max);

/* Returns an octal mode, as chmod(1) accepts it, up to 777. */
uint32_t argument_mode(struct argp_state *state, const char *text);

#endif /* ARGUMENTS_H */
