// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "table.h"

struct row *rows;
unsigned int row_count;

void table_add(const char *what, const char *subject, size_t length,
	       const struct figure *raw, double zeroing)
{
	struct row *more = reallocarray(rows, row_count + 1, sizeof(*rows));

	if (!more) {
		perror("table");
		exit(1);
	}
	rows = more;
	rows[row_count++] = (struct row){
		.what = what, .subject = subject, .length = length,
		.raw = *raw, .zeroing = zeroing,
	};
}

static const struct row *find(const char *what, const char *subject, size_t length)
{
	unsigned int i;

	for (i = 0; i < row_count; i++)
		if (!strcmp(rows[i].what, what) && !strcmp(rows[i].subject, subject) &&
		    rows[i].length == length)
			return &rows[i];
	return NULL;
}

const struct row *table_find(const char *what, const char *subject, size_t length)
{
	const struct row *row = find(what, subject, length);

	return row && !row->raw.error ? row : NULL;
}

void format_count(char *text, size_t size, double value)
{
	char digits[32];
	size_t i, length, used = 0;

	snprintf(digits, sizeof(digits), "%.0f", value);
	length = strlen(digits);
	for (i = 0; i < length && used + 2 < size; i++) {
		text[used++] = digits[i];
		if (digits[i] != '-' && i + 1 < length && (length - i) % 3 == 1)
			text[used++] = ',';
	}
	text[used] = '\0';
}

void format_length(char *text, size_t size, size_t length)
{
	if (!length)
		snprintf(text, size, "%s", "");
	else if (length % MIB)
		snprintf(text, size, "%zu KiB", length / KIB);
	else
		snprintf(text, size, "%zu MiB", length / MIB);
}

static void print_cell(const struct row *row, enum table_kind kind,
		       const struct row *base)
{
	char text[32];

	if (!row || (kind == TABLE_RATIO && !base)) {
		printf("%13s", "-");
	} else if (kind == TABLE_RATIO) {
		printf("%13.2f", row_net(row) / row_net(base));
	} else {
		format_count(text, sizeof(text),
			     kind == TABLE_RAW ? row->raw.median : row_net(row));
		printf("%13s", text);
	}
}

/* Is this the first row of its cycle with this name, or with this length? */
static bool first_subject(unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (!strcmp(rows[i].what, rows[n].what) &&
		    !strcmp(rows[i].subject, rows[n].subject))
			return false;
	return true;
}

static unsigned int lengths_of(const char *what, size_t *lengths,
			       unsigned int most)
{
	unsigned int i, j, count = 0;

	for (i = 0; i < row_count; i++) {
		if (strcmp(rows[i].what, what))
			continue;
		for (j = 0; j < count && lengths[j] != rows[i].length; j++)
			;
		if (j == count && count < most)
			lengths[count++] = rows[i].length;
	}
	return count;
}

static bool has_base(const char *what, const char *base)
{
	unsigned int i;

	for (i = 0; i < row_count; i++)
		if (table_find(what, base, rows[i].length))
			return true;
	return false;
}

void table_print(const char *what, enum table_kind kind, const char *base)
{
	unsigned int i, j, count;
	size_t lengths[8];
	char text[32];

	count = lengths_of(what, lengths, ARRAY_SIZE(lengths));
	if (!count || (kind == TABLE_RATIO && !has_base(what, base)))
		return;
	printf("\n%s%s%s\n", what,
	       kind == TABLE_RAW ? "" : ": net of zeroing",
	       kind == TABLE_RATIO ? ", ratio" : "");
	/* Some cycles have no length. */
	if (count > 1 || lengths[0]) {
		printf("  %-22s", "");
		for (i = 0; i < count; i++) {
			format_length(text, sizeof(text), lengths[i]);
			printf("%13s", text);
		}
		printf("\n");
	}
	for (i = 0; i < row_count; i++) {
		if (strcmp(rows[i].what, what) || !first_subject(i))
			continue;
		printf("  %-22s", rows[i].subject);
		for (j = 0; j < count; j++)
			print_cell(table_find(what, rows[i].subject, lengths[j]),
				   kind,
				   base ? table_find(what, base, lengths[j]) : NULL);
		printf("\n");
	}
}

void table_print_errors(void)
{
	char text[32];
	unsigned int i;

	for (i = 0; i < row_count; i++) {
		if (!rows[i].raw.error)
			continue;
		format_length(text, sizeof(text), rows[i].length);
		printf("not measured: %s, %s %s: %s\n", rows[i].what, rows[i].subject,
		       text, strerror(rows[i].raw.error));
	}
}
