// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Structures that the library fills: a caller that was compiled with an older header has shorter
 * ones.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

int ndshm__fill(void *to, size_t size, const void *from, size_t all)
{
	if (size > all)
		return -EINVAL;
	memcpy(to, from, size);
	return 0;
}

int ndshm__shorten(void *out, size_t *count, size_t size, size_t all)
{
	char *rows;

	memcpy(&rows, out, sizeof(rows));
	if (size <= all) {
		for (size_t i = 0; i < *count; i++)
			memmove(rows + i * size, rows + i * all, size);
		return 0;
	}
	free(rows);
	memset(out, 0, sizeof(rows));
	*count = 0;
	return -EINVAL;
}
