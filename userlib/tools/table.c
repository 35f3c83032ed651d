// SPDX-License-Identifier: LGPL-2.1-or-later
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"

/* Longest text of a cell that is shown. */
#define CELL_MAX	319

static bool same_word(const char *title, const char *word)
{
	for (; *title && *word; title++, word++) {
		char upper = *word >= 'a' && *word <= 'z' ? *word - 'a' + 'A' : *word;

		if (*title != (upper == '-' ? ' ' : upper))
			return false;
	}
	return !*title && !*word;
}

const struct column *find_column(const struct column *columns, const char *word)
{
	for (; columns->title; columns++)
		if (same_word(columns->title, word))
			return columns;
	return NULL;
}

char *column_names(const struct column *columns)
{
	char *names = format_string("%s", "");

	for (const struct column *column = columns; column->title; column++) {
		char *longer = format_string("%s%s%s", names, *names ? ", " : "", column->title);

		for (char *c = longer + strlen(names); *c; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c += 'a' - 'A';
			else if (*c == ' ' && c[-1] != ',')
				*c = '-';
		free(names);
		names = longer;
	}
	return names;
}

static void set_number(struct cell *cell, uint64_t number)
{
	cell->is_number = true;
	cell->number = number;
}

void make_cell(const struct table *table, const struct column *column, const void *row,
	       struct cell *cell)
{
	const char *member = (const char *)row + column->offset;
	const uint32_t *u32 = (const uint32_t *)member;
	const int32_t *s32 = (const int32_t *)member;

	cell->known = true;
	cell->is_number = false;
	cell->text = NULL;
	cell->raw = false;
	switch (column->type) {
	case COLUMN_BYTES:
		set_number(cell, *(const uint64_t *)member);
		break;
	case COLUMN_COUNT:
	case COLUMN_ID:
		set_number(cell, *u32);
		break;
	case COLUMN_NODE:
		cell->known = *s32 >= 0;
		if (cell->known)
			set_number(cell, *s32);
		break;
	case COLUMN_USER:
		set_number(cell, *u32);
		cell->text = cached_user(*u32);
		break;
	case COLUMN_ADAPTER:
		cell->text = adapter_text(table->names, *u32);
		if (!cell->text)
			set_number(cell, *u32);
		break;
	case COLUMN_PROVIDER:
		cell->text = provider_text(table->names, *u32);
		if (!cell->text)
			set_number(cell, *u32);
		break;
	case COLUMN_NAME:
		cell->known = *member;
		cell->text = member;
		cell->raw = true;
		break;
	case COLUMN_TEXT:
	case COLUMN_OTHER:
	case COLUMN_OTHER_COUNT:
	case COLUMN_OTHER_BYTES:
		column->get(row, cell);
		break;
	}
}

static bool is_bytes(const struct column *column)
{
	return column->type == COLUMN_BYTES || column->type == COLUMN_OTHER_BYTES;
}

static bool is_summed(const struct column *column)
{
	return is_bytes(column) || column->type == COLUMN_COUNT ||
	       column->type == COLUMN_OTHER_COUNT;
}

bool column_is_number(const struct column *column)
{
	return is_summed(column) || column->type == COLUMN_ID || column->type == COLUMN_NODE;
}

static bool is_right(const struct column *column)
{
	return column_is_number(column) || column->type == COLUMN_OTHER;
}

/* Return the text of a cell for a terminal. It is valid as long as the cell. */
static const char *cell_text(const struct table *table, const struct column *column,
			     struct cell *cell)
{
	if (!cell->known)
		return "-";
	if (cell->text && cell->raw) {
		snprintf(cell->buffer, sizeof(cell->buffer), "%s", cell->text);
		make_printable(cell->buffer);
		return cell->buffer;
	}
	if (cell->text)
		return cell->text;
	if (is_bytes(column) && !table->exact)
		format_size(cell->number, cell->buffer);
	else
		format_number(cell->number, cell->buffer);
	return cell->buffer;
}

/* Return true if @value is @text or one of its words, which are separated by ", ". */
static bool has_word(const char *text, const char *value)
{
	size_t length = strlen(value);

	if (!strcmp(text, value))
		return true;
	for (;;) {
		const char *end = strstr(text, ", ");

		if (!end)
			return !strcmp(text, value);
		if ((size_t)(end - text) == length && !memcmp(text, value, length))
			return true;
		text = end + 2;
	}
}

static bool matches(const struct table *table, const struct filter *filter, const void *row)
{
	struct cell cell;

	make_cell(table, filter->column, row, &cell);
	if (!cell.known)
		return !strcmp(filter->value, "-");
	if (cell.is_number && filter->is_number && cell.number == filter->number)
		return true;
	return cell.text && has_word(cell.text, filter->value);
}

static int compare_cells(const struct cell *a, const struct cell *b, bool as_text)
{
	if (!a->known || !b->known)
		return a->known - b->known;
	if (a->is_number && b->is_number && !(as_text && a->text && b->text))
		return (a->number > b->number) - (a->number < b->number);
	/* An object without a name comes before those that have one. */
	if (!a->text || !b->text)
		return !!a->text - !!b->text;
	return strcmp(a->text, b->text);
}

/* @first, @second: pointers to elements of an array of rows. */
static int compare_rows(const void *first, const void *second, void *context)
{
	const void *left = *(const void *const *)first, *right = *(const void *const *)second;
	const struct table *table = context;
	struct cell a, b;
	int order;

	make_cell(table, table->sort, left, &a);
	make_cell(table, table->sort, right, &b);
	order = compare_cells(&a, &b, table->sort->type == COLUMN_USER ||
			      table->sort->type == COLUMN_TEXT);
	if (table->descending)
		order = -order;
	/* Rows that are equal keep their order. */
	return order ? order : (left > right) - (left < right);
}

const void **table_select(const struct table *table, size_t *count)
{
	const void **rows = array(table->count, sizeof(*rows));
	size_t selected = 0;

	for (size_t i = 0; i < table->count; i++) {
		const void *row = table->rows + i * table->size;
		size_t filter = 0;

		while (filter < table->filter_count &&
		       matches(table, &table->filters[filter], row))
			filter++;
		if (filter == table->filter_count)
			rows[selected++] = row;
	}
	if (table->sort && selected)
		qsort_r(rows, selected, sizeof(*rows), compare_rows, (void *)table);
	*count = selected;
	return rows;
}

/* A line, without the blanks at its end. */
struct line {
	FILE *stream;
	size_t length;
	size_t blanks;	/* that come before the next cell */
	char text[4096];
};

static void line_flush(struct line *line)
{
	fwrite(line->text, 1, line->length, line->stream);
	line->length = 0;
}

static void line_add(struct line *line, const char *text, size_t length)
{
	if (length > sizeof(line->text) - line->length)
		line_flush(line);
	memcpy(line->text + line->length, text, length);
	line->length += length;
}

static void line_end(struct line *line)
{
	line_add(line, "\n", 1);
	line_flush(line);
	line->blanks = 0;
}

/* Add a cell in the width of its column. */
static void line_add_cell(struct line *line, const struct column *column, const char *text,
			  size_t width)
{
	static const char blanks[] = "                ";
	size_t length = strnlen(text, CELL_MAX), pad = width - length;

	if (!length) {
		line->blanks += width + 2;
		return;
	}
	if (is_right(column)) {
		line->blanks += pad;
		pad = 0;
	}
	while (line->blanks) {
		size_t some = line->blanks < sizeof(blanks) - 1 ? line->blanks : sizeof(blanks) - 1;

		line_add(line, blanks, some);
		line->blanks -= some;
	}
	line_add(line, text, length);
	line->blanks = pad + 2;
}

static int text_width(const char *text)
{
	return strnlen(text, CELL_MAX);
}

/* Make the cell of a sum. The first column says what the line is. */
static const char *sum_text(const struct table *table, const struct column *column, bool first,
			    uint64_t sum, struct cell *cell)
{
	if (!is_summed(column))
		return first ? "total" : "";
	*cell = (struct cell){ .known = true, .is_number = true, .number = sum };
	return cell_text(table, column, cell);
}

void table_write(const struct table *table, FILE *stream)
{
	const struct column *const *shown = table->shown;
	const struct column *all[COLUMNS_MAX];
	uint64_t sums[COLUMNS_MAX] = { 0 };
	struct line line = { .stream = stream };
	size_t count, columns = 0;
	int widths[COLUMNS_MAX];
	const void **rows;
	struct cell cell;

	if (!*shown) {
		while (table->columns[columns].title) {
			all[columns] = &table->columns[columns];
			columns++;
		}
		shown = all;
	} else {
		while (columns < COLUMNS_MAX && shown[columns])
			columns++;
	}
	rows = table_select(table, &count);
	for (size_t i = 0; i < columns; i++)
		widths[i] = text_width(shown[i]->title);
	for (size_t row = 0; row < count; row++) {
		for (size_t i = 0; i < columns; i++) {
			int width;

			make_cell(table, shown[i], rows[row], &cell);
			if (cell.known && cell.is_number &&
			    __builtin_add_overflow(sums[i], cell.number, &sums[i]))
				sums[i] = UINT64_MAX;
			width = text_width(cell_text(table, shown[i], &cell));
			if (width > widths[i])
				widths[i] = width;
		}
	}
	for (size_t i = 0; table->sum && i < columns; i++) {
		int width = text_width(sum_text(table, shown[i], !i, sums[i], &cell));

		if (width > widths[i])
			widths[i] = width;
	}
	for (size_t i = 0; i < columns; i++)
		line_add_cell(&line, shown[i], shown[i]->title, widths[i]);
	line_end(&line);
	for (size_t row = 0; row < count; row++) {
		for (size_t i = 0; i < columns; i++) {
			make_cell(table, shown[i], rows[row], &cell);
			line_add_cell(&line, shown[i], cell_text(table, shown[i], &cell), widths[i]);
		}
		line_end(&line);
	}
	for (size_t i = 0; table->sum && i < columns; i++)
		line_add_cell(&line, shown[i], sum_text(table, shown[i], !i, sums[i], &cell),
			      widths[i]);
	if (table->sum)
		line_end(&line);
	free(rows);
}

enum exit_code table_print(const struct table *table)
{
	table_write(table, stdout);
	return end_output();
}
