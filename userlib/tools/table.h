/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables: rows of structures, shown as columns. A cell is made when it is used, so that
 * the memory of a table is that of its rows.
 */
#ifndef NDSHM_TABLE_H
#define NDSHM_TABLE_H

#include <stdio.h>

#include "tool.h"

struct cell {
	bool known;		/* false: shown as "-" */
	bool is_number;		/* number is valid */
	uint64_t number;
	const char *text;	/* NULL: the number in decimal */
	bool raw;		/* text may have characters that are not printable ASCII */
	char buffer[320];	/* text may point here */
};

/* The type of a column: the type of the member at its offset, and its meaning. */
enum column_type {
	COLUMN_COUNT,		/* uint32_t, can be summed */
	COLUMN_BYTES,		/* uint64_t, can be summed */
	COLUMN_ID,		/* uint32_t */
	COLUMN_NODE,		/* int32_t, negative: none */
	COLUMN_USER,		/* uint32_t, a uid */
	COLUMN_ADAPTER,		/* uint32_t, an id */
	COLUMN_PROVIDER,	/* uint32_t, an id */
	COLUMN_NAME,		/* characters, terminated, not printable perhaps */
	COLUMN_TEXT,		/* get() makes the text */
	COLUMN_OTHER,		/* get() makes the cell, which is shown on the right */
	COLUMN_OTHER_COUNT,	/* the same, can be summed */
	COLUMN_OTHER_BYTES,	/* the same, bytes */
};

/* Lists end with a zeroed column. */
struct column {
	const char *title;
	enum column_type type;
	size_t offset;
	void (*get)(const void *row, struct cell *cell);
};

/* Longest list of columns. */
#define COLUMNS_MAX	16

/* Maximum number of filters of a table. */
#define FILTERS_MAX	8

struct filter {
	const struct column *column;
	const char *value;
	bool is_number;
	uint64_t number;
};

struct table {
	const struct column *columns;
	const struct names *names;	/* of adapters and providers; may be NULL */
	const char *rows;
	size_t count;
	size_t size;			/* of a row, bytes */

	const struct column *shown[COLUMNS_MAX]; /* ends with NULL; none: all */
	struct filter filters[FILTERS_MAX];	/* a row must match all */
	size_t filter_count;
	const struct column *sort;	/* NULL: the order of the rows */
	bool descending;
	bool exact;			/* show sizes in bytes */
	bool sum;			/* show the sums in a last line */
};

/* Return the column with this title, in any case and with '-' for ' ', or NULL. */
const struct column *find_column(const struct column *columns, const char *word);
/* Return the titles as find_column() reads them, separated by ", ", allocated. */
char *column_names(const struct column *columns);
/* Return true if the cells of the column are numbers without names. */
bool column_is_number(const struct column *column);
void make_cell(const struct table *table, const struct column *column, const void *row,
	       struct cell *cell);

/*
 * Return an allocated array with the rows that match the filters, in the order of the
 * table. *@count is their number.
 */
const void **table_select(const struct table *table, size_t *count);
/* Write the titles and the selected rows. */
void table_write(const struct table *table, FILE *stream);
/* The same to stdout. */
enum exit_code table_print(const struct table *table);

/* table_options.c */

/* Arguments of the options, which are read when the columns are known. */
struct table_words {
	char *columns;
	char *sort;
	char *filters[FILTERS_MAX];
	bool exact;
	bool sum;
};

/* Parser of the options, a child of the command's parser; input: struct table_words. */
extern const struct argp table_argp;
/*
 * Set the filters of @table, and the columns, the order and the sizes of @shown, which may be
 * the same. Prints an error and exits if a word is wrong.
 */
void table_read_words(struct argp_state *state, const struct table_words *words,
		      struct table *table, struct table *shown, bool json);

/*
 * Add the filter "COLUMN=VALUE", set the order "[-]COLUMN". @words is changed, and must last as
 * long as the table. Return NULL, or the problem and the remedy, allocated; the table is
 * unchanged then.
 */
char *table_add_filter(struct table *table, char *words);
char *table_set_sort(struct table *table, const char *word);

#endif /* NDSHM_TABLE_H */
