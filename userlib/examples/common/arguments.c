// SPDX-License-Identifier: LGPL-2.1-or-later
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"

/*
 * `units` lists suffixes; each stands for 1,024 times the previous one. False: invalid or
 * overflow.
 */
static bool parse(const char *text, int base, const char *units, uint64_t *number)
{
	unsigned long long value;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	/* strtoull() accepts signs and blanks. */
	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, base);
	unit = *end ? strchr(units, *end) : NULL;
	if (unit) {
		shift = 10 * (unit - units + 1);
		end++;
	}
	*number = value << shift;
	return !errno && !*end && *number >> shift == value;
}

uint64_t argument_number(struct argp_state *state, const char *text, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (!parse(text, 10, "", &number) || number < min || number > max)
		argp_error(state, "%s is not a number from %llu to %llu", text,
			   (unsigned long long)min, (unsigned long long)max);
	return number;
}

uint64_t argument_size(struct argp_state *state, const char *text, uint64_t min, uint64_t max)
{
	uint64_t size;

	if (!parse(text, 10, "KMG", &size) || size < min || size > max)
		argp_error(state, "%s is not a size: from %llu to %llu bytes, or as many K, M or G",
			   text, (unsigned long long)min, (unsigned long long)max);
	return size;
}

uint32_t argument_mode(struct argp_state *state, const char *text)
{
	uint64_t mode;

	if (!parse(text, 8, "", &mode) || mode > 0777)
		argp_error(state, "%s is not a mode: octal, from 0 to 777", text);
	return mode;
}
