// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Tables of libsmartcols, and the options of commands that print one.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* Exit if a call of libsmartcols has failed: there is no memory. */
static void check(bool done)
{
	if (!done)
		exit(cannot_errno(-ENOMEM, "make a table"));
}

/* Make a cell; @number: for the order, or NULL. */
static void cell(struct table *table, const char *title, int flags, const char *text,
		 const uint64_t *number)
{
	const size_t column = table->column++;

	if (!text || !*text)
		text = "-";
	if (!table->line) {
		table->columns[column].title = title;
		table->columns[column].flags = flags;
		table->column_count = table->column;
		return;
	}
	for (size_t i = 0; i < table->shown_count; i++)
		if (table->shown[i] == column)
			check(!scols_line_set_data(table->line, i, text));
	if (table->sort != column)
		return;
	/* The last column, which is hidden. */
	check(!scols_line_set_data(table->line, table->shown_count, text));
	if (number) {
		*table->numbers = *number;
		scols_cell_set_userdata(scols_line_get_cell(table->line, table->shown_count),
					table->numbers++);
	}
}

void cell_text(struct table *table, const char *title, const char *text)
{
	cell(table, title, 0, text, NULL);
}

void cell_right(struct table *table, const char *title, const char *text)
{
	cell(table, title, SCOLS_FL_RIGHT, text, NULL);
}

void cell_number(struct table *table, const char *title, bool known, uint64_t number)
{
	char text[NUMBER_SIZE];

	format_number(number, text);
	cell(table, title, SCOLS_FL_RIGHT, known ? text : NULL, known ? &number : NULL);
}

void cell_bytes(struct table *table, const char *title, bool known, uint64_t bytes)
{
	char text[NUMBER_SIZE];

	if (table->exact)
		format_number(bytes, text);
	else
		format_size(bytes, text);
	cell(table, title, SCOLS_FL_RIGHT, known ? text : NULL, known ? &bytes : NULL);
}

void cell_adapter(struct table *table, uint32_t id)
{
	cell_text(table, "ADAPTER", table->line ? adapter_name(table->names, id) : NULL);
}

void cell_provider(struct table *table, uint32_t id)
{
	cell_text(table, "PROVIDER", table->line ? provider_name(table->names, id) : NULL);
}

/* Find a column by its title, in any case and with '-' for ' '. Returns COLUMNS_MAX if there is none. */
static size_t find_column(const struct table *table, const char *word)
{
	for (size_t i = 0; i < table->column_count; i++) {
		const char *title = table->columns[i].title, *c = word;

		while (*title && toupper((unsigned char)*c) == (*title == ' ' ? '-' : *title))
			title++, c++;
		if (!*title && !*c)
			return i;
	}
	return COLUMNS_MAX;
}

/* Return the titles of the columns that are shown, or of all, allocated. */
static char *join_titles(const struct table *table, bool all, const char *separator)
{
	char *titles = format_string("%s", ""), *longer;

	for (size_t i = 0; i < (all ? table->column_count : table->shown_count); i++) {
		longer = format_string("%s%s%s", titles, *titles ? separator : "",
				       table->columns[all ? i : table->shown[i]].title);
		free(titles);
		titles = longer;
	}
	return titles;
}

static size_t find_column_or_end(struct argp_state *state, const struct table *table,
				 const char *option, const char *word)
{
	const size_t column = find_column(table, word);
	char *titles;

	if (column == COLUMNS_MAX) {
		titles = join_titles(table, true, ", ");
		argp_error(state, "%s: there is no column \"%s\"; use %s", option, word, titles);
		free(titles);
	}
	return column;
}

void table_begin(struct argp_state *state, struct table *table, const struct row_type *type,
		 const char *order, bool json)
{
	char *words = table->output;
	void *row = array(1, type->size);

	if (json && words)
		argp_error(state, "--json: has every member; omit --output");
	table->type = type;
	table->line = NULL;
	table->column = 0;
	type->cells(table, row);
	free(row);
	table->shown_count = words ? 0 : table->column_count;
	for (size_t i = 0; i < table->shown_count; i++)
		table->shown[i] = i;
	for (char *word = strsep(&words, ","); word; word = strsep(&words, ",")) {
		if (table->shown_count == COLUMNS_MAX)
			argp_error(state, "--output: more than %d columns; name fewer", COLUMNS_MAX);
		table->shown[table->shown_count++] = find_column_or_end(state, table, "--output", word);
	}
	order = table->order ? table->order : order;
	table->descending = order && *order == '-';
	table->sort = order ? find_column_or_end(state, table, "--sort", order + table->descending) :
			      COLUMNS_MAX;
}

/* A number and a text, which is that of something without a number, compare as texts. */
static int compare(struct libscols_cell *left, struct libscols_cell *right, void *context)
{
	const uint64_t *a = scols_cell_get_userdata(left), *b = scols_cell_get_userdata(right);
	const int order = a && b ? (*a > *b) - (*a < *b) : scols_cmpstr_cells(left, right, NULL);
	const struct table *table = context;

	return table->descending ? -order : order;
}

/* Make the table, with a hidden column behind the others if it is sorted. */
static struct libscols_table *make(struct table *table)
{
	struct libscols_table *made = scols_new_table();
	uint64_t *numbers = table->numbers = array(table->count, sizeof(*numbers));
	struct libscols_column *sort = NULL;

	check(made && !scols_table_set_column_separator(made, "  "));
	scols_table_enable_noheadings(made, table->noheadings);
	for (size_t i = 0; i < table->shown_count; i++)
		check(scols_table_new_column(made, table->columns[table->shown[i]].title, 0,
					     table->columns[table->shown[i]].flags));
	if (table->sort != COLUMNS_MAX) {
		sort = scols_table_new_column(made, "", 0, SCOLS_FL_HIDDEN);
		check(sort && !scols_column_set_cmpfunc(sort, compare, table));
	}
	for (size_t i = 0; i < table->count; i++) {
		const void *row = (const char *)table->rows + i * table->type->size;

		table->line = scols_table_new_line(made, NULL);
		check(table->line);
		scols_line_set_userdata(table->line, (void *)row);
		table->column = 0;
		table->type->cells(table, row);
	}
	if (sort)
		scols_sort_table(made, sort);
	free(numbers);
	return made;
}

const void **table_rows(struct table *table)
{
	const void **rows = array(table->count, sizeof(*rows));
	const size_t shown_count = table->shown_count;
	struct libscols_table *made;
	struct libscols_iter *lines;
	struct libscols_line *line;

	for (size_t i = 0; i < table->count; i++)
		rows[i] = (const char *)table->rows + i * table->type->size;
	if (table->sort == COLUMNS_MAX)
		return rows;
	/* Only the column of the order. */
	table->shown_count = 0;
	made = make(table);
	table->shown_count = shown_count;
	lines = scols_new_iter(SCOLS_ITER_FORWARD);
	check(lines);
	for (size_t i = 0; !scols_table_next_line(made, lines, &line); i++)
		rows[i] = scols_line_get_userdata(line);
	scols_free_iter(lines);
	scols_unref_table(made);
	return rows;
}

char *table_string(struct table *table)
{
	struct libscols_table *made;
	char *text;

	/* libsmartcols prints nothing without a line. */
	if (!table->count)
		return join_titles(table, false, "  ");
	made = make(table);
	check(!scols_print_table_to_string(made, &text));
	scols_unref_table(made);
	return text;
}

/* Print an array of the rows, each on a line and released before the next is made. */
static void print_json_rows(struct table *table)
{
	const void **rows = table_rows(table);
	size_t room = 0;
	char *text = NULL;

	for (size_t i = 0; i < table->count; i++) {
		json_t *value = table->type->json(table->names, rows[i]);
		size_t length;

		check(value);
		/* In one piece: json_dumpf() writes each word and each comma on its own. */
		length = json_dumpb(value, text, room, JSON_ENSURE_ASCII);
		if (length > room) {
			free(text);
			room = 2 * length;
			text = array(room, 1);
			length = json_dumpb(value, text, room, JSON_ENSURE_ASCII);
		}
		json_decref(value);
		/* Each row has members. */
		check(length);
		fputs(i ? ",\n  " : "[\n  ", stdout);
		fwrite(text, 1, length, stdout);
	}
	puts(table->count ? "\n]" : "[]");
	free(text);
	free(rows);
}

enum exit_code table_print(struct table *table, bool json)
{
	struct libscols_table *made;
	char *titles;

	if (json) {
		print_json_rows(table);
	} else if (table->count) {
		made = make(table);
		scols_print_table(made);
		scols_unref_table(made);
	} else if (!table->noheadings) {
		titles = table_string(table);
		puts(titles);
		free(titles);
	}
	return end_output();
}

enum { OPTION_BYTES = 512, OPTION_NOHEADINGS, OPTION_SORT };

static error_t parse(int key, char *argument, struct argp_state *state)
{
	struct table *table = state->input;

	switch (key) {
	case 'N':
		show_numbers();
		return 0;
	case 'o':
		table->output = argument;
		return 0;
	case OPTION_BYTES:
		table->exact = true;
		return 0;
	case OPTION_NOHEADINGS:
		table->noheadings = true;
		return 0;
	case OPTION_SORT:
		table->order = argument;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "bytes", OPTION_BYTES, NULL, 0, "Show sizes in bytes, as JSON does", 0 },
	{ "noheadings", OPTION_NOHEADINGS, NULL, 0, "Do not print the titles", 0 },
	{ "numeric", 'N', NULL, 0, "Show users and groups by number, without looking them up", 0 },
	{ "output", 'o', "COLUMN,...", 0, "Show these columns only", 0 },
	{ "sort", OPTION_SORT, "[-]COLUMN", 0,
	  "Sort by this column, with \"-\" the greatest first", 0 },
	{ 0 }
};

const struct argp table_argp = {
	.options = options,
	.parser = parse,
};
