/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of libsmartcols: an array of rows, shown as columns or in JSON.
 */
#ifndef NDSHM_TABLE_H
#define NDSHM_TABLE_H

#include <libsmartcols.h>

#include "tool.h"

/* Maximum number of columns. */
#define COLUMNS_MAX	16

struct table;

/**
 * struct row_type - Rows of a table
 * @size: of a row
 * @cells: calls one of the functions below for each column, in the same order for each row; a row
 *	of zeroes is asked for its titles only
 * @json: returns a row as a JSON object
 */
struct row_type {
	size_t size;
	void (*cells)(struct table *table, const void *row);
	json_t *(*json)(const struct names *names, const void *row);
};

/**
 * struct table - Rows, and how they are shown
 * @names: of adapters and providers
 * @rows: @count of them
 * @output: argument of --output; NULL: all columns
 * @order: argument of --sort; NULL: the order of @rows
 * @shown: indexes of @columns
 * @sort: index of the column by which lines are sorted; COLUMNS_MAX: none
 * @line: gets the cells that are made; NULL: they only have titles, those of @columns
 * @column: index of the next cell
 * @numbers: of the cells by which lines are sorted
 */
struct table {
	const struct row_type *type;
	const struct names *names;
	const void *rows;
	size_t count;

	char *output;
	const char *order;
	bool exact;		/* show sizes in bytes */
	bool noheadings;

	struct {
		const char *title;
		int flags;	/* SCOLS_FL_* */
	} columns[COLUMNS_MAX];
	size_t column_count;
	size_t shown[COLUMNS_MAX];
	size_t shown_count;
	size_t sort;
	bool descending;

	struct libscols_line *line;
	size_t column;
	uint64_t *numbers;
};

/* Text. NULL or "": "-" */
void cell_text(struct table *table, const char *title, const char *text);
/* The same on the right. */
void cell_right(struct table *table, const char *title, const char *text);
/* A number, or a size. !@known: "-" */
void cell_number(struct table *table, const char *title, bool known, uint64_t number);
void cell_bytes(struct table *table, const char *title, bool known, uint64_t bytes);
/* The name of an object, or its id. */
void cell_adapter(struct table *table, uint32_t id);
void cell_provider(struct table *table, uint32_t id);

/* Parser of the options of a table, a child of the command's parser; input: struct table. */
extern const struct argp table_argp;
/*
 * Set the type of the rows, and read @output and @order, or, if that is NULL, @order. Prints an error
 * and exits if an option is wrong.
 */
void table_begin(struct argp_state *state, struct table *table, const struct row_type *type,
		 const char *order, bool json);

/* Return the rows in their order, allocated. */
const void **table_rows(struct table *table);
/* Return the titles and the rows, allocated. */
char *table_string(struct table *table);
/* Print the titles and the rows, or an array of the rows in JSON. */
enum exit_code table_print(struct table *table, bool json);

#endif /* NDSHM_TABLE_H */
