// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "say.h"

void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, arguments);
	fputc('\n', stderr);
	va_end(arguments);
}

int say_failure(const struct ndshm *ndshm, const char *what, int error)
{
	uint32_t reason = ndshm ? ndshm_last_reason(ndshm) : NDSHM_REASON_NONE;

	if (reason == NDSHM_REASON_NONE)
		say("%s: %s", what, strerror(-error));
	else
		say("%s: %s (%s)", what, ndshm_reason_text(reason), ndshm_reason_name(reason));
	return error;
}
