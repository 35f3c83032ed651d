/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Lists that replace those of the library in the command.
 */
#ifndef NDSHM_STAND_IN_H
#define NDSHM_STAND_IN_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <ndshm/admin.h>

#include "wrap.h"

/* The replacement of a list call. */
#define STAND_IN_LIST(call, type) \
	WRAP(int, call, struct ndshm *ndshm __attribute__((unused)), struct type **out, \
	     size_t *count, size_t size __attribute__((unused)))

/* Allocate @count rows as the library does, and copy them from @rows unless that is NULL. */
static inline void *stand_in_rows(const void *rows, size_t number, size_t size, size_t *count)
{
	void *out = calloc(number + 1, size);

	if (!out)
		abort();
	if (rows)
		memcpy(out, rows, number * size);
	*count = number;
	return out;
}

/* Return: the negative errno that the variable @name names; 0 without it. */
static inline int stand_in_errno(const char *name)
{
	const char *error = getenv(name);

	return error ? -atoi(error) : 0;
}

#endif /* NDSHM_STAND_IN_H */
