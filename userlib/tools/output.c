// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static bool errors_are_json;
static bool without_module;

void print_errors_in_json(void)
{
	errors_are_json = true;
}

static void no_memory(void)
{
	fputs("ndshm: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

static char *format_arguments(const char *format, va_list arguments)
{
	char *string;

	if (vasprintf(&string, format, arguments) < 0)
		no_memory();
	return string;
}

char *format_string(const char *format, ...)
{
	va_list arguments;
	char *string;

	va_start(arguments, format);
	string = format_arguments(format, arguments);
	va_end(arguments);
	return string;
}

/* Arguments of the command, and names of sections, may be in no encoding: JSON is UTF-8. */
json_t *json_text(const char *text)
{
	json_t *value = json_string(text);

	if (!value) {
		char *printable = format_string("%s", text);

		make_printable(printable);
		value = json_string(printable);
		free(printable);
	}
	return value;
}

/* Print a line to stderr and release it. */
static void print_error_json(json_t *value)
{
	char *line = value ? json_dumps(value, JSON_COMPACT) : NULL;

	if (!line)
		no_memory();
	fprintf(stderr, "%s\n", line);
	free(line);
	json_decref(value);
}

void print_error_text(const char *text, const char *reason, const char *status, const char *error)
{
	if (!errors_are_json)
		fprintf(stderr, "%s\n", text);
	else
		print_error_json(json_pack("{s:{s:o, s:s?, s:s?, s:s?}}", "error",
					   "message", json_text(text), "reason", reason,
					   "status", status, "errno", error));
}

void print_note(const char *format, ...)
{
	va_list arguments;
	char *text, *line;

	va_start(arguments, format);
	text = format_arguments(format, arguments);
	va_end(arguments);
	line = format_string("ndshm: %s", text);
	if (!errors_are_json)
		fprintf(stderr, "%s\n", line);
	else
		print_error_json(json_pack("{s:{s:o}}", "note", "message", json_text(line)));
	free(line);
	free(text);
}

void print_error(const char *format, ...)
{
	va_list arguments;
	char *text, *line;

	va_start(arguments, format);
	text = format_arguments(format, arguments);
	va_end(arguments);
	line = format_string("ndshm: %s", text);
	print_error_text(line, NULL, NULL, NULL);
	free(line);
	free(text);
}

/* @error: negative errno, or 0; its name ends the text, with the reason and the status. */
static enum exit_code print_cannot(const char *format, va_list arguments, const char *why,
				   const char *reason, const char *status, int error)
{
	const char *name = error ? strerrorname_np(-error) : NULL;
	char *action = format_arguments(format, arguments), *text;

	if (!error)
		text = format_string("ndshm: cannot %s: %s", action, why);
	else if (reason && status)
		text = format_string("ndshm: cannot %s: %s (%s, %s, %s)", action, why, reason,
				     status, name);
	else if (reason)
		text = format_string("ndshm: cannot %s: %s (%s, %s)", action, why, reason, name);
	else if (name)
		text = format_string("ndshm: cannot %s: %s (%s)", action, why, name);
	else
		text = format_string("ndshm: cannot %s: %s (%d)", action, why, -error);
	print_error_text(text, reason, status, name);
	free(action);
	free(text);
	return EXIT_FAILED;
}

enum exit_code cannot(const char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_cannot(format, arguments, why, NULL, NULL, 0);
	va_end(arguments);
	return EXIT_FAILED;
}

enum exit_code cannot_errno(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_cannot(format, arguments, strerror(-error), NULL, NULL, error);
	va_end(arguments);
	return EXIT_FAILED;
}

/* The text of an error without a reason. */
static const char *error_text(int error)
{
	if (error != -EOPNOTSUPP)
		return strerror(-error);
	return without_module ? "not supported without the module; load it (modprobe ndshm), and "
				"omit --backend and NDSHM_BACKEND" :
				"not supported by the module; load one of this version";
}

static enum exit_code print_cannot_ndshm(struct ndshm *ndshm, int error, const char *why,
					 const char *format, va_list arguments)
{
	uint32_t reason = ndshm ? ndshm_last_reason(ndshm) : NDSHM_REASON_NONE;

	if (reason == NDSHM_REASON_NONE)
		return print_cannot(format, arguments, error_text(error), NULL, NULL, error);
	return print_cannot(format, arguments, why ? why : ndshm_reason_text(reason),
			    ndshm_reason_name(reason),
			    ndshm_status_name(ndshm_last_status(ndshm)), error);
}

enum exit_code cannot_ndshm(struct ndshm *ndshm, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_cannot_ndshm(ndshm, error, NULL, format, arguments);
	va_end(arguments);
	return EXIT_FAILED;
}

enum exit_code cannot_length(struct ndshm *ndshm, int error, uint64_t limit, const char *parameter,
			     const char *format, ...)
{
	va_list arguments;
	char *why = NULL;

	if (ndshm_last_reason(ndshm) == NDSHM_REASON_LENGTH_LIMIT)
		why = without_module ?
		      format_string("length above the limit of %" PRIu64 " bytes without the module; "
				    "request less", limit) :
		      format_string("length above the limit of %" PRIu64 " bytes; request less, or "
				    "raise the module's parameter %s", limit, parameter);
	va_start(arguments, format);
	print_cannot_ndshm(ndshm, error, why, format, arguments);
	va_end(arguments);
	free(why);
	return EXIT_FAILED;
}

/* Return the place that ndshm_open() opens; NULL or "" is the device. */
static const char *place_of(const char *backend)
{
	return backend && *backend ? backend : secure_getenv("NDSHM_BACKEND");
}

/* @what: the place in errors */
static struct ndshm *open_place(const char *where, const char *what)
{
	struct ndshm *ndshm;
	char *why;
	int error = ndshm_open(where, &ndshm);

	if (!error) {
		where = place_of(where);
		without_module = where && (!strcmp(where, "memfd:") || !strcmp(where, "section:"));
		return ndshm;
	}
	why = open_problem(where ? where : what, error);
	cannot_reason(why, NULL, error, "open %s", what);
	free(why);
	return NULL;
}

/* The place that is opened, for errors. */
static const char *shown_place(const struct common *common)
{
	const char *where = place_of(common->backend);

	return where && *where ? where : NDSHM_DEVICE;
}

struct ndshm *open_client(const struct common *common)
{
	const char *backend = common->backend;

	return open_place(backend && *backend ? backend : NULL, shown_place(common));
}

static bool views_by_netlink(const struct common *common)
{
	const char *where = place_of(common->backend);

	return !where || !*where || !strcmp(where, NDSHM_DEVICE);
}

struct ndshm *open_viewer(const struct common *common)
{
	return views_by_netlink(common) ? open_place("netlink:", shown_place(common)) :
					  open_client(common);
}

bool is_stand_in(const struct common *common, const struct ndshm *ndshm)
{
	return !views_by_netlink(common) && ndshm_fd(ndshm) < 0;
}

enum exit_code cannot_reason(const char *why, const char *reason, int error, const char *format,
			     ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_cannot(format, arguments, why, reason, NULL, error);
	va_end(arguments);
	return EXIT_FAILED;
}

void *array(size_t count, size_t size)
{
	void *memory = calloc(count ? count : 1, size);

	if (!memory)
		no_memory();
	return memory;
}

enum exit_code end_output(void)
{
	/* An earlier write has failed, and errno may be another call's by now. */
	if (ferror(stdout))
		return cannot_errno(-EIO, "write the output");
	return fflush(stdout) ? cannot_errno(-errno, "write the output") : EXIT_DONE;
}

static enum exit_code print_as(json_t *value, size_t flags)
{
	int error;

	/* jansson returns NULL without memory; this is the only check for it. */
	if (!value)
		no_memory();
	/* A terminal could take other characters for commands. */
	error = json_dumpf(value, stdout, flags | JSON_ENSURE_ASCII);
	json_decref(value);
	putchar('\n');
	return error ? cannot_errno(-EIO, "write the output") : end_output();
}

enum exit_code print_json(json_t *value)
{
	return print_as(value, JSON_INDENT(2));
}

enum exit_code print_json_line(json_t *value)
{
	return print_as(value, JSON_COMPACT);
}

json_t *json_u64(uint64_t number)
{
	return json_integer(number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}
