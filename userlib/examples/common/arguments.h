/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers on the command line of an argp program. What is none ends it, with what is one. */
#ifndef ARGUMENTS_H
#define ARGUMENTS_H

#include <argp.h>
#include <stdint.h>

/* A decimal number from `min` to `max`. */
uint64_t argument_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max);

/* The same, in bytes: K, M or G may follow. */
uint64_t argument_size(struct argp_state *state, const char *text, uint64_t min, uint64_t max);

/* Permissions, as chmod(1) takes them: octal, up to 777. */
uint32_t argument_mode(struct argp_state *state, const char *text);

#endif /* ARGUMENTS_H */
