// SPDX-License-Identifier: LGPL-2.1-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static enum exit_code print_error(const char *format, va_list arguments, const char *why,
				  const char *names)
{
	fputs("ndshm: cannot ", stderr);
	vfprintf(stderr, format, arguments);
	fprintf(stderr, ": %s%s\n", why, names);
	return EXIT_FAILED;
}

static char *names_errno(int error)
{
	const char *name = strerrorname_np(-error);

	return name ? format_string(" (%s)", name) : format_string(" (%d)", -error);
}

enum exit_code cannot(const char *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print_error(format, arguments, why, "");
	va_end(arguments);
	return EXIT_FAILED;
}

enum exit_code cannot_errno(int error, const char *format, ...)
{
	char *names = names_errno(error);
	va_list arguments;

	va_start(arguments, format);
	print_error(format, arguments, strerror(-error), names);
	va_end(arguments);
	free(names);
	return EXIT_FAILED;
}

enum exit_code cannot_ndshm(struct ndshm *ndshm, int error, const char *format, ...)
{
	uint32_t reason = ndshm ? ndshm_last_reason(ndshm) : NDSHM_REASON_NONE;
	const char *why = strerror(-error);
	va_list arguments;
	char *names;

	if (reason == NDSHM_REASON_NONE) {
		names = names_errno(error);
	} else {
		why = ndshm_reason_text(reason);
		names = format_string(" (%s, %s, %s)", ndshm_reason_name(reason),
				      ndshm_status_name(ndshm_last_status(ndshm)),
				      strerrorname_np(-error));
	}
	va_start(arguments, format);
	print_error(format, arguments, why, names);
	va_end(arguments);
	free(names);
	return EXIT_FAILED;
}

struct ndshm *open_client(const struct common *common)
{
	struct ndshm *ndshm;
	char *names;
	const char *why;
	int error = ndshm_open(common->backend, &ndshm);

	switch (error) {
	case 0:
		return ndshm;
	case -ENOENT:
		why = "the module is not loaded: load it (modprobe ndshm)";
		break;
	case -EACCES:
	case -EPERM:
		why = "the device is not open to you: be root, or of the group that has it";
		break;
	case -EPROTONOSUPPORT:
		why = "that is not ndshm, or it lacks what this command needs";
		break;
	default:
		why = strerror(-error);
	}
	names = names_errno(error);
	fprintf(stderr, "ndshm: cannot open %s: %s%s\n",
		common->backend ? common->backend : "ndshm", why, names);
	free(names);
	return NULL;
}

static void no_memory(void)
{
	fputs("ndshm: out of memory\n", stderr);
	exit(EXIT_FAILED);
}

char *format_string(const char *format, ...)
{
	va_list arguments;
	char *string;
	int ret;

	va_start(arguments, format);
	ret = vasprintf(&string, format, arguments);
	va_end(arguments);
	if (ret < 0)
		no_memory();
	return string;
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
	error = json_dumpf(value, stdout, flags);
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

void table_add(struct table *table, char **cells)
{
	size_t used = table->rows * table->columns;
	char **all = reallocarray(table->cells, used + table->columns, sizeof(*all));

	if (!all)
		no_memory();
	memcpy(all + used, cells, table->columns * sizeof(*cells));
	table->cells = all;
	table->rows++;
}

static bool aligned_right(const struct table *table, size_t column)
{
	return table->titles[column][0] == '>';
}

static const char *title(const struct table *table, size_t column)
{
	return table->titles[column] + aligned_right(table, column);
}

static size_t width(const struct table *table, size_t column)
{
	size_t most = strlen(title(table, column));

	for (size_t row = 0; row < table->rows; row++) {
		size_t length = strlen(table->cells[row * table->columns + column]);

		if (length > most)
			most = length;
	}
	return most;
}

/* The last column is not padded, to avoid trailing blanks. */
static void print_cell(const struct table *table, size_t column, const char *cell)
{
	bool end = column + 1 == table->columns;
	int w = width(table, column);

	if (aligned_right(table, column))
		printf("%*s", w, cell);
	else
		printf("%-*s", end ? 0 : w, cell);
	fputs(end ? "\n" : "  ", stdout);
}

void table_print(struct table *table)
{
	size_t cells = table->rows * table->columns;

	for (size_t column = 0; column < table->columns; column++)
		print_cell(table, column, title(table, column));
	for (size_t i = 0; i < cells; i++)
		print_cell(table, i % table->columns, table->cells[i]);
	for (size_t i = 0; i < cells; i++)
		free(table->cells[i]);
	free(table->cells);
}
