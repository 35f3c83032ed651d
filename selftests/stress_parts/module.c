// SPDX-License-Identifier: GPL-2.0
/*
 * Modules that are loaded and unloaded, and the mock module, which adapters and
 * providers come from.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ndshm_proc.h"
#include "client.h"
#include "load.h"

#define MOCK		"/sys/kernel/debug/ndshm_mock/"
#define LONGEST		20000	/* microseconds between two attempts */
#define LIVES		40	/* of clients, until they are asked to rest */

/*
 * The mock module
 */

bool stress_mock_begin(void)
{
	/* Keep some freed memory to detect writes to it. */
	int error = ndshm_load_module(stress.mock, "quarantine=16");

	return !error || stress_error("%s: %s", stress.mock,
				      strerror(-error));
}

bool stress_mock_end(void)
{
	int error = -EWOULDBLOCK;

	/* A process that has just freed a block may still be in a call of the module. */
	ndshm_soon((error = ndshm_unload_module("ndshm_mock")) != -EWOULDBLOCK);
	return !error || stress_error("ndshm_mock stays: %s",
				      strerror(-error));
}

int stress_mock(const char *format, ...)
{
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return ndshm_write_file(MOCK "ctl", text);
}

static unsigned long count_of(const char *line, const char *what)
{
	const char *at = strstr(line, what);
	unsigned long count;

	return at && sscanf(at + strlen(what), "=%lu", &count) == 1 ? count :
								      ~0UL;
}

static bool line_sound(const char *line, bool live)
{
	if (!count_of(line, " double_free") &&
	    !count_of(line, " use_after_free") &&
	    !count_of(line, " overrun") && !count_of(line, " misused") &&
	    (live || (!count_of(line, " live") &&
		      count_of(line, " allocated") == count_of(line, " freed"))))
		return true;
	return stress_error("the mock module says: %s", line);
}

bool stress_mock_sound(bool live)
{
	char text[4096], *line, *rest = NULL;
	int error = ndshm_read_file(MOCK "providers", text, sizeof(text));

	if (error)
		return stress_error("mock: %s", strerror(-error));
	for (line = strtok_r(text, "\n", &rest); line;
	     line = strtok_r(NULL, "\n", &rest))
		if (!line_sound(line, live))
			return false;
	return true;
}

/*
 * ndshm itself, unloaded as soon as it is unused
 */

/* While they come and go; if there is no such moment, there is one when asked. */
static int unload_between(struct stress_random *random, unsigned int *refused)
{
	unsigned int lives = stress_read(&stress.board->ready);
	int error;

	while ((error = ndshm_unload_module("ndshm")) == -EWOULDBLOCK) {
		++*refused;
		if (stress_read(&stress.board->ready) - lives > LIVES ||
		    !stress_load_moves())
			break;
		stress_sleep(stress_spread(random, LONGEST));
	}
	if (error != -EWOULDBLOCK)
		return error;
	/* The last reference of a client that was closed can go later. */
	if (stress_load_rest())
		ndshm_soon((error = ndshm_unload_module("ndshm")) != -EWOULDBLOCK);
	stress_load_go_on();
	return error;
}

static bool unload_once(struct stress_random *random, unsigned int *refused,
			bool is_missed)
{
	unsigned int missed = stress_read(&stress.board->gone);
	int error = unload_between(random, refused);

	if (error)
		return stress_error("unload: %s", strerror(-error));
	stress_sleep(stress_spread(random, LONGEST));
	while (is_missed && stress_read(&stress.board->gone) == missed &&
	       stress_load_moves())
		stress_sleep(stress_spread(random, LONGEST));
	error = ndshm_load_module(stress.ko, "");
	return !error || stress_error("load: %s", strerror(-error));
}

static bool reload(void)
{
	static const struct stress_load load = { .name = "reload", .pause = true };
	struct stress_random random = stress_stream(load.name, ~0U);
	unsigned int times = stress.unbinds / 10 + 1, refused = 0, i;
	unsigned int missed = stress_read(&stress.board->gone);
	bool fine = stress_load_begin(&load);

	/* A few attempts may all have found the module unused. */
	for (i = 0; fine && (i < times || (!refused && i < 10 * times)); i++)
		fine = unload_once(&random, &refused,
				   !i || stress_chance(&random, 50));
	fine = stress_load_end() && fine;
	missed = stress_read(&stress.board->gone) - missed;
	stress_say("unloaded %u times, refused %u times, missed %u times", i,
		   refused, missed);
	return fine && ((refused && missed) ||
			stress_error("nobody used the module"));
}

bool stress_reload(void)
{
	int error = 0;
	bool fine;

	/* A function that is bound is unbound by unloading, and stays so. */
	if (stress.has_edu)
		error = ndshm_edu_restore(&stress.edu);
	ndshm_nl_close(&stress.nl);
	fine = reload();
	if (!error)
		error = ndshm_nl_open(&stress.nl);
	if (!error && stress.has_edu)
		error = ndshm_edu_bind(&stress.edu);
	return (!error || stress_error("after the last load: %s",
				       strerror(-error))) && fine;
}
