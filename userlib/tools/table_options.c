// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Options of commands that print a table.
 */
#include <stdlib.h>
#include <string.h>

#include "table.h"

enum {
	OPTION_NUMERIC = 'N',
	OPTION_BYTES = 512,
	OPTION_COLUMNS,
	OPTION_FILTER,
	OPTION_SORT,
	OPTION_SUM,
};

static char *unknown_column(const struct column *columns, const char *word)
{
	char *names = column_names(columns);
	char *problem = format_string("there is no column \"%s\"; use %s", word, names);

	free(names);
	return problem;
}

char *table_add_filter(struct table *table, char *words)
{
	struct filter *filter = &table->filters[table->filter_count];
	char *equals = strchr(words, '=');

	if (!equals)
		return format_string("\"%s\" has no \"=\"; use COLUMN=VALUE", words);
	*equals = '\0';
	filter->column = find_column(table->columns, words);
	if (!filter->column)
		return unknown_column(table->columns, words);
	filter->value = equals + 1;
	filter->is_number = parse_length(filter->value, &filter->number);
	if (!filter->is_number && column_is_number(filter->column) && strcmp(filter->value, "-"))
		return format_string("\"%s\" is not a number; column %s has numbers only",
				     filter->value, filter->column->title);
	table->filter_count++;
	return NULL;
}

char *table_set_sort(struct table *table, const char *word)
{
	const bool descending = *word == '-';
	const struct column *column = find_column(table->columns, word + descending);

	if (!column)
		return unknown_column(table->columns, word + descending);
	table->sort = column;
	table->descending = descending;
	return NULL;
}

static void end_at_problem(struct argp_state *state, const char *option, char *problem)
{
	if (problem)
		argp_error(state, "%s: %s", option, problem);
	free(problem);
}

static void read_columns(struct argp_state *state, struct table *table, char *words)
{
	size_t count = 0;

	for (char *word = strsep(&words, ","); word; word = strsep(&words, ",")) {
		const struct column *column = find_column(table->columns, word);

		if (count == COLUMNS_MAX)
			argp_error(state, "--columns: more than %d columns; name fewer", COLUMNS_MAX);
		if (!column)
			end_at_problem(state, "--columns", unknown_column(table->columns, word));
		table->shown[count++] = column;
	}
}

void table_read_words(struct argp_state *state, const struct table_words *words,
		      struct table *table, struct table *shown, bool json)
{
	for (size_t i = 0; i < FILTERS_MAX && words->filters[i]; i++)
		end_at_problem(state, "--filter", table_add_filter(table, words->filters[i]));
	if (words->columns)
		read_columns(state, shown, words->columns);
	if (words->sort)
		end_at_problem(state, "--sort", table_set_sort(shown, words->sort));
	shown->exact = words->exact;
	shown->sum = words->sum;
	if (json && (words->columns || words->sum))
		argp_error(state, "--json: has every member and no sum; omit --columns and --sum, or --json");
}

static error_t parse_words(int key, char *argument, struct argp_state *state)
{
	struct table_words *words = state->input;

	switch (key) {
	case OPTION_NUMERIC:
		show_numbers();
		return 0;
	case OPTION_BYTES:
		words->exact = true;
		return 0;
	case OPTION_COLUMNS:
		words->columns = argument;
		return 0;
	case OPTION_FILTER:
		if (words->filters[FILTERS_MAX - 1])
			argp_error(state, "--filter: given more than %d times; omit some", FILTERS_MAX);
		for (size_t i = 0; i < FILTERS_MAX; i++) {
			if (!words->filters[i]) {
				words->filters[i] = argument;
				break;
			}
		}
		return 0;
	case OPTION_SORT:
		words->sort = argument;
		return 0;
	case OPTION_SUM:
		words->sum = true;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option word_options[] = {
	{ "bytes", OPTION_BYTES, NULL, 0, "Show sizes in bytes, as JSON does", 0 },
	{ "columns", OPTION_COLUMNS, "COLUMN,...", 0, "Show these columns only", 0 },
	{ "filter", OPTION_FILTER, "COLUMN=VALUE", 0,
	  "Show objects with this value only; may be repeated", 0 },
	{ "sort", OPTION_SORT, "[-]COLUMN", 0,
	  "Sort by this column, with \"-\" the greatest first", 0 },
	{ "sum", OPTION_SUM, NULL, 0, "Show the sums in a last line", 0 },
	{ "numeric", OPTION_NUMERIC, NULL, 0,
	  "Show users and groups by number, without looking them up", 0 },
	{ 0 }
};

const struct argp table_argp = {
	.options = word_options,
	.parser = parse_words,
};
